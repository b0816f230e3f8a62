/* What the compiler knows of fast kernels, from kernels.def. */
#include "kernel/ref_numbers.h"
#include "kernel/step.h"

/* The terminating row keeps the table from being empty, which C does not allow. */
static const eao_kernel_info infos[] = {
#define EAO_KERNEL(id, op, name, isa, cpu, flags)                                                  \
  {#name,                                                                                          \
   id,                                                                                             \
   OP_##op,                                                                                        \
   EAO_ISA_##isa,                                                                                  \
   flags,                                                                                          \
   cpu,                                                                                            \
   eao_k_##name##_match,                                                                           \
   ((flags)&EAO_KFLAG_PACK) ? eao_k_##name##_pack : NULL,                                          \
   ((flags)&EAO_KFLAG_SCRATCH) ? eao_k_##name##_scratch : NULL},
#include "kernel/kernels.def"
#undef EAO_KERNEL
    {"", 0, 0, 0, 0, 0, NULL, NULL, NULL}};

const eao_kernel_info *eao_kernel_infos(uint32_t *out_n) {
  *out_n = (uint32_t)(sizeof infos / sizeof *infos) - 1;
  return infos;
}

/* A call with a tensor without elements, which fast kernels need not expect. Lists of numbers may
 * be empty (the regions of a resize). */
static bool is_empty(const eao_kcall *c) {
  for (uint32_t i = 0; i < c->n_out; i++)
    if (c->out[i] && eao_tensor_count(c->out[i]) == 0) return true;
  for (uint32_t i = 0; i < c->n_in; i++) {
    const eao_tensor *t = c->in[i];
    if (t && eao_tensor_count(t) == 0 && (i == 0 || t->rank > 1 || !t->data)) return true;
  }
  return false;
}

const eao_kernel_info *eao_kernel_choose(uint16_t op, const eao_kcall *c, uint32_t isa,
                                         uint32_t cpu) {
  uint32_t n;
  const eao_kernel_info *k = eao_kernel_infos(&n), *best = NULL;
  if (is_empty(c)) return NULL;
  for (uint32_t i = 0; i < n; i++) {
    bool usable = (k[i].isa == EAO_ISA_ANY || k[i].isa == isa) && (k[i].cpu & ~cpu) == 0;
    if (k[i].op == op && usable && k[i].match(c)) best = &k[i];
  }
  return best;
}
