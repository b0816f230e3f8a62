#include "emit/emit_table.h"

#include "kernel/ref_numbers.h"
#include "kernel/step.h"

typedef struct ref_row {
  uint16_t id, attr_size, min_in, min_out;
  const char *name, *fn, *scratch;
} ref_row;

static const ref_row refs[] = {
#define EAO_REF(op, name, fn, attr, n_in, n_out) {op, attr, n_in, n_out, #name, #fn, NULL},
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out)                                  \
  {op, attr, n_in, n_out, #name, #fn, #scratch},
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH
};

static const ref_row *find_ref(uint16_t op) {
  for (size_t i = 0; i < EAO_COUNT(refs); i++)
    if (refs[i].id == op) return &refs[i];
  return NULL;
}

static const eao_kernel_info *find_fast(uint16_t id) {
  uint32_t n;
  const eao_kernel_info *k = eao_kernel_infos(&n);
  for (uint32_t i = 0; i < n; i++)
    if (k[i].id == id) return &k[i];
  return NULL;
}

static void declare(eao_text *out, uint16_t id) {
  const eao_kernel_info *k = find_fast(id);
  const ref_row *r = k ? NULL : find_ref(id);
  if (k) {
    eao_text_printf(out, "eao_status eao_k_%s(eao_kcall *c);\n", k->name);
    if (k->scratch)
      eao_text_printf(out, "size_t eao_k_%s_scratch(const eao_kcall *c, uint32_t n_part);\n",
                      k->name);
  } else {
    eao_text_printf(out, "eao_status %s(eao_kcall *c);\n", r->fn);
    if (r->scratch) eao_text_printf(out, "size_t %s(const eao_kcall *c);\n", r->scratch);
  }
}

static void define(eao_text *out, uint16_t id) {
  const eao_kernel_info *k = find_fast(id);
  const ref_row *r = find_ref(k ? k->op : id);
  if (k)
    eao_text_printf(out, "    {%u, %u, %u, %u, %uu, %u, %u, eao_k_%s, %s%s%s, 0},\n", id, k->op,
                    r->attr_size, k->flags, k->cpu, EAO_KERNEL_MIN_IN(r->min_in, k->flags),
                    r->min_out, k->name, k->scratch ? "eao_k_" : "0", k->scratch ? k->name : "",
                    k->scratch ? "_scratch" : "");
  else
    eao_text_printf(out, "    {%u, %u, %u, 0, 0, %u, %u, %s, 0, %s},\n", id, id, r->attr_size,
                    r->min_in, r->min_out, r->fn, r->scratch ? r->scratch : "0");
}

eao_status eao_emit_kernel_table(eao_ctx *ctx, const uint16_t *id, uint32_t n, eao_text *out) {
  for (uint32_t i = 0; i < n; i++) {
    const eao_kernel_info *k = find_fast(id[i]);
    if (!find_ref(k ? k->op : id[i]))
      return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "this build of eao has no kernel %u", id[i]);
  }
  eao_text_printf(out, "/* The kernels of some models: link it with libeao and -Wl,--gc-sections. "
                       "Written by eao link. */\n"
                       "#include \"eao/link.h\"\n\n");
  for (uint32_t i = 0; i < n; i++) declare(out, id[i]);
  eao_text_printf(out, "\nconst eao_kernel eao_kernel_table[] = {\n");
  for (uint32_t i = 0; i < n; i++) define(out, id[i]);
  eao_text_printf(out, "};\nconst uint32_t eao_kernel_table_count =\n"
                       "    sizeof eao_kernel_table / sizeof *eao_kernel_table;\n");
  return out->failed ? EAO_NOMEM(ctx) : EAO_OK;
}
