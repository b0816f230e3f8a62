/* Operators that place elements into a tensor of one value: sparse to dense, unsorted segments,
 * diagonals; non-maximum suppression, whose results are padded. */
#include <math.h>
#include <string.h>

#include "import/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/gather.h"
#include "kernel/ref/make.h"
#include "kernel/ref/move.h"
#include "kernel/ref/slice.h"

/* A new value of unknown shape. */
static eao_status value(eao_tfl_op *o, eao_dtype dtype, eao_vid *out) {
  eao_tensor t = {.dtype = dtype, .rank = -1};
  return eao_graph_add_value(o->s->g, "", &t, out);
}

/* A scalar constant. */
static eao_status number(eao_tfl_op *o, eao_dtype dtype, double v, eao_vid *out) {
  eao_tensor t = {.dtype = dtype, .rank = 0};
  t.data = eao_arena_alloc(&o->m->g->arena, 8);
  if (!t.data) return EAO_NOMEM(o->m->ctx);
  eao_set_f64(&t, 0, v);
  return eao_graph_add_value(o->s->g, "", &t, out);
}

static eao_status pair(eao_tfl_op *o, uint16_t op, const void *attr, eao_vid a, eao_vid b,
                       eao_vid out) {
  return eao_tfl_node(o, op, attr, (eao_vid[]){a, b}, 2, &out, 1);
}

/* Extents of input i, all known. */
static eao_status extents(eao_tfl_op *o, uint32_t i, eao_tensor *out) {
  EAO_TRY(eao_tfl_type_of(o->s, eao_fvec_i32(o->in, i), out));
  if (out->quant.n) return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "quantised tensors");
  for (int32_t d = 0; d < out->rank; d++)
    if (out->dim[d] < 0)
      return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "input %u has an open dimension", i);
  return out->rank >= 0 ? EAO_OK : eao_tfl_fail(o, EAO_ERR_SHAPE, "input %u has no shape", i);
}

/* A list of integers in any form as [n, depth]. */
static eao_status rows_of(eao_tfl_op *o, eao_vid v, int64_t depth, eao_vid *out) {
  eao_reshape_attr a = {.allow_zero = 1};
  int64_t shape[2] = {-1, depth};
  eao_vid list;
  EAO_TRY(eao_tfl_list(o, shape, 2, &list));
  EAO_TRY(eao_tfl_temp(o, v, out));
  return pair(o, EAO_OP_reshape, &a, v, list, *out);
}

/* ---- SPARSE_TO_DENSE: indices, shape, values, default ---- */

eao_status eao_tfl_sparse_to_dense(eao_tfl_op *o) {
  eao_scatter_attr a = {.reduction = EAO_SCATTER_NONE};
  eao_tensor idx, shape;
  eao_vid in[4], base, at, updates, list, out;
  for (uint32_t i = 0; i < 4; i++) EAO_TRY(eao_tfl_need(o, i, &in[i]));
  EAO_TRY(extents(o, 0, &idx));
  EAO_TRY(extents(o, 1, &shape));
  int64_t n = idx.rank == 0 ? 1 : idx.dim[0], rank = shape.rank == 1 ? shape.dim[0] : 1;
  EAO_TRY(eao_tfl_out(o, 0, &out));
  EAO_TRY(eao_tfl_temp(o, in[3], &base));
  EAO_TRY(pair(o, EAO_OP_fill, NULL, in[1], in[3], base));
  EAO_TRY(rows_of(o, in[0], rank, &at));
  EAO_TRY(eao_tfl_list(o, &n, 1, &list));
  EAO_TRY(eao_tfl_temp(o, in[2], &updates));
  EAO_TRY(pair(o, EAO_OP_expand, NULL, in[2], list, updates));
  return eao_tfl_node(o, EAO_OP_scatter_nd, &a, (eao_vid[]){base, at, updates}, 3, &out, 1);
}

/* ---- UNSORTED_SEGMENT_*: data, ids, number of segments ---- */

/* What a segment without elements has. */
static double empty_segment(uint16_t code, eao_dtype t) {
  bool is_float = eao_dtype_is_float(t);
  switch (code) {
  case TFL_UNSORTED_SEGMENT_PROD: return 1;
  case TFL_UNSORTED_SEGMENT_MAX:
    return is_float ? -3.4028234663852886e38 : (double)eao_dtype_min(t);
  case TFL_UNSORTED_SEGMENT_MIN: return is_float ? 3.4028234663852886e38 : (double)eao_dtype_max(t);
  default: return 0;
  }
}

/* Negative ids are left out: they go to a last row, which is cut off. */
eao_status eao_tfl_unsorted_segment(eao_tfl_op *o) {
  uint16_t code = o->row->code;
  eao_scatter_attr a = {.reduction = code == TFL_UNSORTED_SEGMENT_PROD  ? EAO_SCATTER_MUL
                                     : code == TFL_UNSORTED_SEGMENT_MAX ? EAO_SCATTER_MAX
                                     : code == TFL_UNSORTED_SEGMENT_MIN ? EAO_SCATTER_MIN
                                                                        : EAO_SCATTER_ADD};
  eao_tensor x, ids;
  int64_t count[1], dim[EAO_MAX_RANK], zero = 0;
  int32_t n, rank = 1;
  eao_vid data, at, v[4], base, whole, out;
  EAO_TRY(extents(o, 0, &x));
  EAO_TRY(extents(o, 1, &ids));
  EAO_TRY(eao_tfl_ints(o, 2, "the number of segments", count, 1, &n));
  if (n != 1 || count[0] < 0 || ids.rank > x.rank || x.rank - ids.rank + 1 > EAO_MAX_RANK)
    return eao_tfl_fail(o, EAO_ERR_SHAPE, "segment ids of rank %d", ids.rank);
  dim[0] = count[0] + 1;
  for (int32_t d = ids.rank; d < x.rank; d++) dim[rank++] = x.dim[d];
  EAO_TRY(eao_tfl_need(o, 0, &data));
  EAO_TRY(eao_tfl_need(o, 1, &at));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  EAO_TRY(eao_tfl_list(o, dim, rank, &v[0]));
  EAO_TRY(number(o, x.dtype, empty_segment(code, x.dtype), &v[1]));
  EAO_TRY(value(o, x.dtype, &base));
  EAO_TRY(pair(o, EAO_OP_fill, NULL, v[0], v[1], base));
  EAO_TRY(number(o, ids.dtype, 0, &v[0]));
  EAO_TRY(number(o, ids.dtype, (double)count[0], &v[2]));
  EAO_TRY(value(o, EAO_BOOL, &v[3]));
  EAO_TRY(pair(o, EAO_OP_less, NULL, at, v[0], v[3]));
  EAO_TRY(eao_tfl_temp(o, at, &v[1]));
  EAO_TRY(eao_tfl_node(o, EAO_OP_where, NULL, (eao_vid[]){v[3], v[2], at}, 3, &v[1], 1));
  EAO_TRY(eao_tfl_list(o, (int64_t[]){ids.rank}, 1, &v[2]));
  EAO_TRY(eao_tfl_temp(o, at, &v[3]));
  EAO_TRY(pair(o, EAO_OP_unsqueeze, NULL, v[1], v[2], v[3]));
  EAO_TRY(value(o, x.dtype, &whole));
  EAO_TRY(eao_tfl_node(o, EAO_OP_scatter_nd, &a, (eao_vid[]){base, v[3], data}, 3, &whole, 1));
  EAO_TRY(eao_tfl_list(o, &zero, 1, &v[0]));
  EAO_TRY(eao_tfl_list(o, count, 1, &v[1]));
  return eao_tfl_node(o, EAO_OP_slice, NULL, (eao_vid[]){whole, v[0], v[1], v[0]}, 4, &out, 1);
}

/* ---- diagonals ---- */

/* A bool constant [rows, cols], true on the diagonal. */
static eao_status diagonal(eao_tfl_op *o, int64_t rows, int64_t cols, eao_vid *out) {
  eao_tensor t = {.dtype = EAO_BOOL, .rank = 2, .dim = {rows, cols}};
  uint64_t bytes;
  EAO_TRY(eao_tensor_nbytes(o->m->ctx, &t, &bytes));
  if (bytes > o->m->ctx->limits.max_tensor_bytes)
    return eao_tfl_fail(o, EAO_ERR_NOMEM, "a diagonal of %lld x %lld", (long long)rows,
                        (long long)cols);
  uint8_t *p = t.data = eao_arena_alloc(&o->m->g->arena, (size_t)bytes + 1);
  if (!p) return EAO_NOMEM(o->m->ctx);
  for (int64_t i = 0; i < rows && i < cols; i++) p[i * cols + i] = 1;
  return eao_graph_add_value(o->s->g, "", &t, out);
}

/* [..., n] as [..., 1, n]: its elements meet the diagonal in their column. */
static eao_status as_columns(eao_tfl_op *o, eao_vid v, eao_vid *out) {
  eao_vid axis;
  EAO_TRY(eao_tfl_list(o, (int64_t[]){-2}, 1, &axis));
  EAO_TRY(eao_tfl_temp(o, v, out));
  return pair(o, EAO_OP_unsqueeze, NULL, v, axis, *out);
}

eao_status eao_tfl_matrix_diag(eao_tfl_op *o) {
  eao_tensor x;
  eao_vid v, pick[3], out;
  EAO_TRY(extents(o, 0, &x));
  if (x.rank < 1) return eao_tfl_fail(o, EAO_ERR_SHAPE, "its input is a scalar");
  EAO_TRY(eao_tfl_need(o, 0, &v));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  EAO_TRY(diagonal(o, x.dim[x.rank - 1], x.dim[x.rank - 1], &pick[0]));
  EAO_TRY(as_columns(o, v, &pick[1]));
  EAO_TRY(number(o, x.dtype, 0, &pick[2]));
  return eao_tfl_node(o, EAO_OP_where, NULL, pick, 3, &out, 1);
}

eao_status eao_tfl_matrix_set_diag(eao_tfl_op *o) {
  eao_tensor x;
  eao_vid v, d, pick[3], out;
  EAO_TRY(extents(o, 0, &x));
  if (x.rank < 2) return eao_tfl_fail(o, EAO_ERR_SHAPE, "its input has %d dimensions", x.rank);
  int64_t rows = x.dim[x.rank - 2], cols = x.dim[x.rank - 1];
  EAO_TRY(eao_tfl_need(o, 0, &v));
  EAO_TRY(eao_tfl_need(o, 1, &d));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  if (cols > rows) { /* the columns without a diagonal element */
    int32_t rank;
    int64_t pads[2] = {0, cols - rows}, last = -1;
    eao_vid in[4] = {d, EAO_NONE, EAO_NONE, EAO_NONE};
    EAO_TRY(eao_tfl_rank(o, 1, &rank));
    EAO_TRY(eao_tfl_list(o, pads, 2, &in[1]));
    EAO_TRY(eao_tfl_list(o, &last, 1, &in[3]));
    EAO_TRY(value(o, x.dtype, &d));
    EAO_TRY(eao_tfl_node(o, EAO_OP_pad, NULL, in, 4, &d, 1));
  }
  EAO_TRY(diagonal(o, rows, cols, &pick[0]));
  EAO_TRY(as_columns(o, d, &pick[1]));
  pick[2] = v;
  return eao_tfl_node(o, EAO_OP_where, NULL, pick, 3, &out, 1);
}

/* ---- NON_MAX_SUPPRESSION_V4, V5: boxes, scores, size, IoU, score[, sigma] ---- */

/* The first `count` of v followed by zeros. */
static eao_status padded(eao_tfl_op *o, eao_vid v, eao_dtype dtype, int64_t count, eao_vid out) {
  eao_axis_attr axis = {0};
  eao_tensor t = {.dtype = dtype, .rank = 1, .dim = {count}};
  eao_vid zeros, both, from, to;
  int64_t zero = 0;
  t.data = eao_arena_array(&o->m->g->arena, (uint64_t)count + 1, 8);
  if (!t.data) return EAO_NOMEM(o->m->ctx);
  EAO_TRY(eao_graph_add_value(o->s->g, "", &t, &zeros));
  EAO_TRY(value(o, dtype, &both));
  EAO_TRY(pair(o, EAO_OP_concat, &axis, v, zeros, both));
  EAO_TRY(eao_tfl_list(o, &zero, 1, &from));
  EAO_TRY(eao_tfl_list(o, &count, 1, &to));
  return eao_tfl_node(o, EAO_OP_slice, NULL, (eao_vid[]){both, from, to, from}, 4, &out, 1);
}

/* Boxes [1, n, 4], scores [1, 1, n] and the limits as non_max_suppression wants them. */
static eao_status nms_inputs(eao_tfl_op *o, int64_t count, eao_vid *in) {
  eao_tensor iou;
  eao_vid v[3], axes;
  for (uint32_t i = 0; i < 2; i++) {
    int64_t list[2] = {0, 1};
    EAO_TRY(eao_tfl_need(o, i, &v[i]));
    EAO_TRY(eao_tfl_list(o, list, i ? 2 : 1, &axes));
    EAO_TRY(eao_tfl_temp(o, v[i], &in[i]));
    EAO_TRY(pair(o, EAO_OP_unsqueeze, NULL, v[i], axes, in[i]));
  }
  EAO_TRY(eao_tfl_constant(o->s, eao_fvec_i32(o->in, 3), &iou));
  if (!iou.data || iou.dtype != EAO_F32 || eao_tensor_count(&iou) != 1)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "a computed IoU threshold");
  eao_tensor limit = {.dtype = EAO_I64, .rank = 0};
  limit.data = eao_arena_dup(&o->m->g->arena, &count, sizeof count);
  if (!limit.data) return EAO_NOMEM(o->m->ctx);
  EAO_TRY(eao_graph_add_value(o->s->g, "", &limit, &in[2]));
  /* TFLite drops a box from the threshold on, the op only above it. */
  EAO_TRY(number(o, EAO_F32, (double)nextafterf((float)eao_get_f64(&iou, 0), -1), &in[3]));
  return eao_tfl_need(o, 4, &in[4]);
}

eao_status eao_tfl_non_max_suppression(eao_tfl_op *o) {
  bool v5 = o->row->code == TFL_NON_MAX_SUPPRESSION_V5;
  eao_gather_attr column = {.axis = 1}, pick = {.axis = 0};
  eao_shape_attr first = {.start = 0, .end = 1, .dtype = EAO_I32};
  int64_t count[1];
  int32_t n;
  eao_vid in[5], found, at, index, sum, out, list, scores;
  EAO_TRY(eao_tfl_ints(o, 2, "the number of results", count, 1, &n));
  if (n != 1 || count[0] < 0 || count[0] > INT32_MAX / 16)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "%lld results", (long long)count[0]);
  if (v5) {
    eao_tensor sigma;
    EAO_TRY(eao_tfl_constant(o->s, eao_fvec_i32(o->in, 5), &sigma));
    if (!sigma.data || eao_get_f64(&sigma, 0) != 0)
      return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "soft suppression (sigma other than 0)");
  }
  EAO_TRY(nms_inputs(o, count[0], in));
  EAO_TRY(value(o, EAO_I64, &found));
  EAO_TRY(eao_tfl_node(o, EAO_OP_non_max_suppression, NULL, in, 5, &found, 1));
  EAO_TRY(number(o, EAO_I32, 2, &at)); /* columns: batch, class, box */
  EAO_TRY(value(o, EAO_I64, &index));
  EAO_TRY(pair(o, EAO_OP_gather, &column, found, at, index));
  struct {
    int32_t to;
  } cast = {EAO_I32};
  EAO_TRY(value(o, EAO_I32, &list));
  EAO_TRY(eao_tfl_node(o, EAO_OP_cast, &cast, &index, 1, &list, 1));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  EAO_TRY(padded(o, list, EAO_I32, count[0], out));
  if (v5) {
    eao_vid all, chosen;
    EAO_TRY(eao_tfl_need(o, 1, &all));
    EAO_TRY(value(o, EAO_F32, &chosen));
    EAO_TRY(pair(o, EAO_OP_gather, &pick, all, list, chosen));
    EAO_TRY(eao_tfl_out(o, 1, &scores));
    EAO_TRY(padded(o, chosen, EAO_F32, count[0], scores));
  }
  EAO_TRY(value(o, EAO_I32, &sum));
  EAO_TRY(eao_tfl_node(o, EAO_OP_shape, &first, &list, 1, &sum, 1));
  EAO_TRY(eao_tfl_out(o, v5 ? 2 : 1, &out));
  EAO_TRY(eao_tfl_list(o, NULL, 0, &at));
  eao_reshape_attr scalar = {.allow_zero = 1};
  return pair(o, EAO_OP_reshape, &scalar, sum, at, out);
}

/* ---- BROADCAST_ARGS: the shape that two shapes broadcast to ---- */

eao_status eao_tfl_broadcast_args(eao_tfl_op *o) {
  eao_tensor t[2];
  eao_vid in[2], one, same, out;
  for (uint32_t i = 0; i < 2; i++) {
    EAO_TRY(extents(o, i, &t[i]));
    EAO_TRY(eao_tfl_need(o, i, &in[i]));
    if (t[i].rank != 1) return eao_tfl_fail(o, EAO_ERR_SHAPE, "input %u is not a list", i);
  }
  EAO_TRY(eao_tfl_out(o, 0, &out));
  for (uint32_t i = 0; i < 2; i++) { /* ones before the shorter */
    int64_t missing = t[1 - i].dim[0] - t[i].dim[0];
    eao_axis_attr axis = {0};
    eao_tensor ones = {.dtype = t[i].dtype, .rank = 1, .dim = {missing}};
    if (missing <= 0) continue;
    if (missing > EAO_MAX_RANK) return eao_tfl_fail(o, EAO_ERR_SHAPE, "shapes of unequal rank");
    ones.data = eao_arena_alloc(&o->m->g->arena, (size_t)missing * 8);
    if (!ones.data) return EAO_NOMEM(o->m->ctx);
    for (int64_t k = 0; k < missing; k++) eao_set_i64(&ones, k, 1);
    eao_vid before, both;
    EAO_TRY(eao_graph_add_value(o->s->g, "", &ones, &before));
    EAO_TRY(eao_tfl_temp(o, in[i], &both));
    EAO_TRY(pair(o, EAO_OP_concat, &axis, before, in[i], both));
    in[i] = both;
  }
  EAO_TRY(number(o, t[0].dtype, 1, &one));
  EAO_TRY(value(o, EAO_BOOL, &same));
  EAO_TRY(pair(o, EAO_OP_equal, NULL, in[0], one, same));
  return eao_tfl_node(o, EAO_OP_where, NULL, (eao_vid[]){same, in[1], in[0]}, 3, &out, 1);
}
