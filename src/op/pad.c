#include "kernel/ref/move.h"
#include "kernel/ref/slice.h"
#include "op/op.h"
#include "op/sample.h"

#define PAD_LIMIT ((int64_t)1 << 40) /* keeps sums from overflowing; no tensor is that large */

static eao_status check_pads(eao_infer *f, const eao_tensor *x, const eao_tensor *pads,
                             const eao_tensor *value, const eao_tensor *axes) {
  bool pairs = pads->rank == 2;
  if (pads->rank == 0 || pads->rank > 2 || (pairs && pads->dim[1] >= 0 && pads->dim[1] != 2))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "pads must be [2n] or [n, 2]");
  if (pads->dtype != EAO_DTYPE_NONE && !eao_dtype_is_int(pads->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "pads must be integers");
  if (value && value->dtype != x->dtype)
    return eao_infer_fail(f, EAO_ERR_TYPE, "the value is %s, the input %s",
                          eao_dtype_name(value->dtype), eao_dtype_name(x->dtype));
  if (value && value->data && eao_tensor_count(value) != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the value must be one element");
  if (axes && axes->rank > 1) return eao_infer_fail(f, EAO_ERR_SHAPE, "axes must be a list");
  return EAO_OK;
}

static eao_status infer_pad(eao_infer *f) {
  const eao_tensor *x = f->in[0], *pads = f->in[1], *axes = eao_infer_in(f, 3);
  eao_tensor *y = &f->out[0];
  bool seen[EAO_MAX_RANK] = {false};
  int64_t list[EAO_MAX_RANK];
  int32_t n_axes = x->rank;
  EAO_TRY(check_pads(f, x, pads, eao_infer_in(f, 2), axes));
  eao_infer_rank(f, 0, x->dtype, x->rank);
  if (x->rank < 0 || (axes && !axes->data)) return EAO_OK;
  if (axes) EAO_TRY(eao_infer_ints(f, "axes", axes, list, EAO_MAX_RANK, &n_axes));
  int64_t n = pads->data ? eao_tensor_count(pads) : -1;
  if (n >= 0 && n != 2 * n_axes)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "pads has %lld entries for %d axes", (long long)n,
                          n_axes);
  if (axes) eao_infer_like(f, 0, x);
  for (int32_t k = 0; k < n_axes; k++) {
    int32_t i = k;
    int64_t begin, end;
    if (axes) EAO_TRY(eao_infer_axis(f, "axis", list[k], x->rank, &i));
    if (seen[i]) return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %d is padded twice", i);
    seen[i] = true;
    y->dim[i] = -1;
    if (n < 0) continue;
    eao_pad_entry(pads, k, &begin, &end);
    if (begin < -PAD_LIMIT || begin > PAD_LIMIT || end < -PAD_LIMIT || end > PAD_LIMIT ||
        x->dim[i] > PAD_LIMIT || (x->dim[i] >= 0 && x->dim[i] + begin + end < 0))
      return eao_infer_fail(f, EAO_ERR_SHAPE,
                            "axis %d of extent %lld cannot be padded by %lld, %lld", i,
                            (long long)x->dim[i], (long long)begin, (long long)end);
    if (x->dim[i] >= 0) y->dim[i] = x->dim[i] + begin + end;
  }
  return EAO_OK;
}

static bool sample_pad(uint32_t k, eao_sample *s) {
  static const int64_t pads[] = {1, 0, 2, 0, -1, 3}, pairs[] = {2, 1, 0, 0, 3, 1};
  eao_pad_attr *a = s->attr;
  if (!eao_sample_moved(k, &s->in[0])) return false;
  a->mode = (int32_t)k % 5;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0].rank = 3;
  for (int32_t i = 0; i < 3; i++) s->in[0].dim[i] = 4 + i;
  s->in[1] = eao_sample_ints(k % 2 ? pairs : pads, 6);
  if (k % 2) {
    s->in[1].rank = 2;
    s->in[1].dim[0] = 3;
    s->in[1].dim[1] = 2;
  }
  s->out[0] = (eao_tensor){.dtype = s->in[0].dtype, .rank = -1, .quant = s->in[0].quant};
  return true;
}

static const char *const pad_modes[] = {"constant", "reflect", "edge", "wrap", "symmetric", NULL};

static const eao_attr_desc pad_attrs[] = {
    {.name = "mode",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_pad_attr, mode),
     .names = pad_modes,
     .doc = "what stands outside the input"},
};

const eao_op_desc eao_op_pad = {
    .name = "pad",
    .doc = "adds elements at the ends of axes (negative: takes some away); pads [2n] or [n, 2], "
           "optional value (default the zero of the type) and axes",
    .min_in = 2,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_pad_attr),
    .attrs = pad_attrs,
    .n_attrs = EAO_COUNT(pad_attrs),
    .onnx = "Pad",
    .onnx_since = 11,
    .infer = infer_pad,
    .ref = eao_ref_pad,
    .sample = sample_pad,
};
