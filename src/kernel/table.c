/* The kernel tables, from refs.def and kernels.def. */
#include "kernel/step.h"

enum {
#define EAO_REF(op, name, fn, attr, n_in, n_out) OP_##name = op,
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out) OP_##name = op,
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH
};

#define OF_OP(name, attr, n_in, n_out) ATTR_##name = attr, IN_##name = n_in, OUT_##name = n_out,
enum {
#define EAO_REF(op, name, fn, attr, n_in, n_out) OF_OP(name, attr, n_in, n_out)
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out) OF_OP(name, attr, n_in, n_out)
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH
};

#define EAO_REF(op, name, fn, attr, n_in, n_out) eao_status fn(eao_kcall *c);
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out)                                  \
  eao_status fn(eao_kcall *c);                                                                     \
  size_t scratch(const eao_kcall *c);
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH

/* A row enters the table of this build only when it is for its ISA. */
#define ROW_ANY(row) row
#define ROW_X86_64(row)
#define ROW_ARM64(row)
#define ROW_ARM32(row)
#define ROW_RISCV64(row)
#if defined(__x86_64__)
#undef ROW_X86_64
#define ROW_X86_64(row) row
#elif defined(__aarch64__)
#undef ROW_ARM64
#define ROW_ARM64(row) row
#elif defined(__arm__)
#undef ROW_ARM32
#define ROW_ARM32(row) row
#elif defined(__riscv) && __riscv_xlen == 64
#undef ROW_RISCV64
#define ROW_RISCV64(row) row
#endif

#define UNWRAP(...) __VA_ARGS__
/* Packing puts a blob in the place of the constants, so only the first input is surely there. */
#define NEED_IN(op, flags) ((flags)&EAO_KFLAG_PACK && IN_##op > 1 ? 1 : IN_##op)

static const eao_kernel table[] = {
#define EAO_REF(op, name, fn, attr, n_in, n_out) {op, op, attr, 0, 0, n_in, n_out, fn, NULL, NULL},
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out)                                  \
  {op, op, attr, 0, 0, n_in, n_out, fn, NULL, scratch},
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH
#define EAO_KERNEL(id, op, name, isa, cpu, flags)                                                  \
  ROW_##isa(                                                                                       \
      UNWRAP({id, OP_##op, ATTR_##op, flags, cpu, NEED_IN(op, flags), OUT_##op, eao_k_##name,      \
              ((flags)&EAO_KFLAG_SCRATCH) ? eao_k_##name##_scratch : NULL, NULL}, ))
#include "kernel/kernels.def"
#undef EAO_KERNEL
};

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

const eao_kernel *eao_kernel_get(uint32_t id) {
  for (size_t i = 0; i < sizeof table / sizeof *table; i++)
    if (table[i].id == id) return &table[i];
  return NULL;
}

const eao_kernel_info *eao_kernel_infos(uint32_t *out_n) {
  *out_n = (uint32_t)(sizeof infos / sizeof *infos) - 1;
  return infos;
}

const eao_kernel_info *eao_kernel_choose(uint16_t op, const eao_kcall *c, uint32_t isa,
                                         uint32_t cpu) {
  uint32_t n;
  const eao_kernel_info *k = eao_kernel_infos(&n), *best = NULL;
  for (uint32_t i = 0; i < n; i++) {
    bool usable = (k[i].isa == EAO_ISA_ANY || k[i].isa == isa) && (k[i].cpu & ~cpu) == 0;
    if (k[i].op == op && usable && k[i].match(c)) best = &k[i];
  }
  return best;
}
