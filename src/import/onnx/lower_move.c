/* Ops that move data and whose lists were attributes in earlier versions. */
#include <string.h>

#include "import/onnx/lower.h"

/* Squeeze, Unsqueeze: axes became an input in version 13. */
static eao_status axes_attr(onnx_call *c) {
  const int64_t *v;
  uint32_t n;
  eao_vid axes = EAO_NONE;
  if (onnx_attr_ints(c, "axes", &v, &n)) EAO_TRY(onnx_i64s(c, v, (int32_t)n, &axes));
  EAO_TRY(onnx_begin(c, c->arg));
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), axes}, 2);
}

/* starts, ends and axes became inputs in version 10. */
static eao_status old_slice(onnx_call *c) {
  static const char *const names[] = {"starts", "ends", "axes"};
  eao_vid in[] = {onnx_in(c, 0), EAO_NONE, EAO_NONE, EAO_NONE};
  for (size_t i = 0; i < EAO_COUNT(names); i++) {
    const int64_t *v;
    uint32_t n;
    if (onnx_attr_ints(c, names[i], &v, &n)) EAO_TRY(onnx_i64s(c, v, (int32_t)n, &in[i + 1]));
  }
  EAO_TRY(onnx_begin(c, "slice"));
  return onnx_end_out(c, in, 4);
}

static eao_status old_reshape(onnx_call *c) {
  const int64_t *v;
  uint32_t n;
  eao_vid shape;
  (void)onnx_attr_of(c, "consumed_inputs");
  if (!onnx_attr_ints(c, "shape", &v, &n))
    return onnx_fail(c, EAO_ERR_FORMAT, "attribute 'shape' is missing");
  EAO_TRY(onnx_i64s(c, v, (int32_t)n, &shape));
  EAO_TRY(onnx_begin(c, "reshape"));
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), shape}, 2);
}

/* axis became an input in version 20; its default was 1. */
static eao_status old_dft(onnx_call *c) {
  eao_vid axis;
  EAO_TRY(onnx_scalar(c, EAO_I64, (double)onnx_attr_int(c, "axis", 1), &axis));
  EAO_TRY(onnx_begin(c, "dft"));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), onnx_in(c, 1), axis}, 3);
}

/* pads and value became inputs in version 11. */
static eao_status old_pad(onnx_call *c) {
  const int64_t *v;
  uint32_t n;
  eao_vid x = onnx_in(c, 0), pads, value;
  if (x == EAO_NONE) return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  if (!onnx_attr_ints(c, "pads", &v, &n) && !onnx_attr_ints(c, "paddings", &v, &n))
    return onnx_fail(c, EAO_ERR_FORMAT, "attribute 'pads' is missing");
  float fill = onnx_attr_float(c, "value", 0);
  EAO_TRY(onnx_i64s(c, v, (int32_t)n, &pads));
  EAO_TRY(onnx_scalar(c, onnx_type(c, x)->dtype, (double)fill, &value));
  EAO_TRY(onnx_begin(c, "pad"));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, (eao_vid[]){x, pads, value}, 3);
}

/* Sizes became an input in version 13; num_outputs is needed since version 18. */
static eao_status split(onnx_call *c) {
  const int64_t *v;
  uint32_t n;
  eao_vid sizes = onnx_in(c, 1);
  if (c->version < 13) {
    if (onnx_attr_ints(c, "split", &v, &n)) EAO_TRY(onnx_i64s(c, v, (int32_t)n, &sizes));
  }
  EAO_TRY(onnx_begin(c, "split"));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, (eao_vid[]){onnx_in(c, 0), sizes}, 2, c->out, c->n->n_out);
}

static eao_status old_tile(onnx_call *c) {
  int64_t rep[EAO_MAX_RANK], axis, tiles;
  int32_t rank, n;
  eao_vid repeats;
  EAO_TRY(onnx_rank(c, onnx_in(c, 0), &rank));
  if (!onnx_const_ints(c, onnx_in(c, 1), &tiles, 1, &n) || n != 1 ||
      !onnx_const_ints(c, onnx_in(c, 2), &axis, 1, &n) || n != 1 || axis < 0 || axis >= rank)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "tiles and axis must be constants in range");
  for (int32_t i = 0; i < rank; i++) rep[i] = i == axis ? tiles : 1;
  EAO_TRY(onnx_i64s(c, rep, rank, &repeats));
  EAO_TRY(onnx_begin(c, "tile"));
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), repeats}, 2);
}

static eao_status concat1(onnx_call *c) {
  EAO_TRY(onnx_begin(c, "concat"));
  onnx_set_int(c, "axis", 1);
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

static eao_status scatter(onnx_call *c) {
  EAO_TRY(onnx_begin(c, "scatter_elements"));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

/* Pads or crops axes about their middle; the odd element goes to the end. */
static eao_status center_crop_pad(onnx_call *c) {
  int64_t want[EAO_MAX_RANK], pads[2 * EAO_MAX_RANK] = {0};
  const int64_t *axes = NULL;
  int32_t rank, n;
  uint32_t n_axes = 0;
  eao_vid list;
  EAO_TRY(onnx_rank(c, onnx_in(c, 0), &rank));
  if (!onnx_const_ints(c, onnx_in(c, 1), want, EAO_MAX_RANK, &n))
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "a shape that is not constant");
  (void)onnx_attr_ints(c, "axes", &axes, &n_axes);
  if (axes ? n_axes != (uint32_t)n : n != rank)
    return onnx_fail(c, EAO_ERR_FORMAT, "%d extents for %u axes", n,
                     axes ? n_axes : (uint32_t)rank);
  for (int32_t i = 0; i < n; i++) {
    int64_t axis = axes ? axes[i] : i;
    if (axis < -rank || axis >= rank || want[i] < 0)
      return onnx_fail(c, EAO_ERR_FORMAT, "axis %lld, extent %lld", (long long)axis,
                       (long long)want[i]);
    if (axis < 0) axis += rank;
    int64_t have = onnx_type(c, c->in[0])->dim[axis];
    if (have < 0) return onnx_fail(c, EAO_ERR_UNSUPPORTED, "an extent that is not known");
    pads[axis] = want[i] > have ? (want[i] - have) / 2 : -((have - want[i]) / 2);
    pads[rank + axis] = want[i] - have - pads[axis];
  }
  EAO_TRY(onnx_i64s(c, pads, 2 * rank, &list));
  EAO_TRY(onnx_begin(c, "pad"));
  return onnx_end_out(c, (eao_vid[]){c->in[0], list}, 2);
}

/* ---- shared with other lowerings ---- */

eao_status onnx_flatten(onnx_call *c, eao_vid x, int64_t axis, eao_vid *out) {
  EAO_TRY(onnx_begin(c, "flatten"));
  onnx_set_int(c, "axis", axis);
  return onnx_end1(c, &x, 1, out);
}

eao_status onnx_reshape_like(onnx_call *c, eao_vid x, eao_vid like, eao_vid out) {
  const eao_tensor *t = onnx_type(c, like);
  eao_vid shape;
  bool known = t->rank >= 0;
  for (int32_t i = 0; known && i < t->rank; i++) known = t->dim[i] >= 0;
  if (known)
    EAO_TRY(onnx_i64s(c, t->dim, t->rank, &shape));
  else
    EAO_TRY(onnx_op1(c, "shape", &like, 1, &shape));
  EAO_TRY(onnx_begin(c, "reshape"));
  onnx_set_int(c, "allow_zero", 1);
  return onnx_end(c, (eao_vid[]){x, shape}, 2, &out, 1);
}

eao_status onnx_reduce(onnx_call *c, const char *op, eao_vid x, const int64_t *axes, int32_t n,
                       bool keep, eao_vid *out) {
  eao_vid list = EAO_NONE;
  if (n) EAO_TRY(onnx_i64s(c, axes, n, &list));
  EAO_TRY(onnx_begin(c, op));
  onnx_set_int(c, "keepdims", keep);
  return onnx_end1(c, (eao_vid[]){x, list}, 2, out);
}

const onnx_rule onnx_rules_move[] = {
    {"DFT", 17, 19, old_dft, NULL},
    {"Squeeze", 1, 12, axes_attr, "squeeze"},
    {"Unsqueeze", 1, 12, axes_attr, "unsqueeze"},
    {"Slice", 1, 9, old_slice, NULL},
    {"Reshape", 1, 4, old_reshape, NULL},
    {"Pad", 1, 10, old_pad, NULL},
    {"Split", 1, 0, split, NULL},
    {"Tile", 1, 5, old_tile, NULL},
    {"Concat", 1, 3, concat1, NULL},
    {"CenterCropPad", 18, 0, center_crop_pad, NULL},
    {"Scatter", 9, 0, scatter, NULL},
    {0},
};
