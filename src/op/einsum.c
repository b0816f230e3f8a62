#include "kernel/ref/einsum.h"
#include "op/window.h"

#include <string.h>

static eao_status infer_einsum(eao_infer *f) {
  const eao_einsum_attr *a = f->attr;
  eao_tensor *y = &f->out[0];
  eao_einsum e;
  eao_infer_unknown(f, 0, f->in[0]->dtype);
  if (f->n_in > EAO_EINSUM_OPERANDS)
    return eao_infer_fail(f, EAO_ERR_UNSUPPORTED, "%u inputs; at most %d are possible", f->n_in,
                          EAO_EINSUM_OPERANDS);
  for (uint32_t i = 0; i < f->n_in; i++) {
    if (!f->in[i]) return eao_infer_fail(f, EAO_ERR_ARG, "input %u is missing", i);
    if (f->in[i]->dtype != f->in[0]->dtype || f->in[i]->dtype == EAO_BOOL)
      return eao_infer_fail(f, EAO_ERR_TYPE, "input %u is %s, input 0 is %s", i,
                            eao_dtype_name(f->in[i]->dtype), eao_dtype_name(f->in[0]->dtype));
    if (f->in[i]->rank < 0) return EAO_OK;
  }
  const char *why = eao_einsum_parse(a->equation, f->in, f->n_in, &e);
  if (why) return eao_infer_fail(f, EAO_ERR_SHAPE, "%s ('%.63s')", why, a->equation);
  y->rank = e.n_out;
  memcpy(y->dim, e.extent, (size_t)e.n_out * sizeof *y->dim);
  return EAO_OK;
}

static void cost_einsum(const eao_infer *f, eao_cost *out) {
  const eao_einsum_attr *a = f->attr;
  eao_einsum e;
  out->macs = 0;
  for (uint32_t i = 0; i < f->n_in; i++)
    if (f->in[i]->rank < 0) return;
  if (f->n_in < 2 || eao_einsum_parse(a->equation, f->in, f->n_in, &e)) return;
  eao_cost_product(&f->out[0], e.extent + e.n_out, e.n_label - e.n_out, out);
}

static bool sample_einsum(uint32_t k, eao_sample *s) {
  static const struct {
    const char *equation;
    uint32_t n;
    int32_t rank[3];
    int64_t dim[3][4];
  } cases[] = {
      {"bij,bjk->bik", 2, {3, 3}, {{2, 3, 9}, {2, 9, 4}}},
      {"...ii->...i", 1, {3}, {{3, 5, 5}}},
      {"ij->ji", 1, {2}, {{3, 4}}},
      {"ij", 1, {2}, {{3, 4}}},
      {"i,i", 2, {1, 1}, {{5}, {5}}},
      {"bhwc,hkc->bhwk", 2, {4, 3}, {{2, 3, 4, 5}, {3, 6, 5}}},
      {"ab , bc, cd -> ad", 3, {2, 2, 2}, {{2, 3}, {3, 4}, {4, 2}}},
      {"...ij,...jk", 2, {4, 2}, {{2, 2, 3, 4}, {4, 3}}},
  };
  if (k >= EAO_COUNT(cases)) return false;
  eao_einsum_attr *a = s->attr;
  strcpy(a->equation, cases[k].equation);
  s->n_in = cases[k].n;
  s->n_out = 1;
  for (uint32_t i = 0; i < s->n_in; i++) {
    s->in[i] = (eao_tensor){.dtype = EAO_F32, .rank = cases[k].rank[i]};
    memcpy(s->in[i].dim, cases[k].dim[i], sizeof cases[k].dim[i]);
  }
  return true;
}

static const eao_attr_desc einsum_attrs[] = {
    {.name = "equation",
     .kind = EAO_ATTR_TEXT,
     .offset = EAO_ATTR_AT(eao_einsum_attr, equation),
     .doc = "labels of the inputs' axes and of the result's, as in numpy.einsum"},
};

const eao_op_desc eao_op_einsum = {
    .name = "einsum",
    .doc = "products of inputs summed over labelled axes",
    .min_in = 1,
    .max_in = EAO_EINSUM_OPERANDS,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_einsum_attr),
    .attrs = einsum_attrs,
    .n_attrs = EAO_COUNT(einsum_attrs),
    .onnx = "Einsum",
    .infer = infer_einsum,
    .cost = cost_einsum,
    .ref = eao_ref_einsum,
    .sample = sample_einsum,
};
