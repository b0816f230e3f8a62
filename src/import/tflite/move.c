/* Operators that move, pick or make elements. */
#include <string.h>

#include "import/tflite/tflite.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/gather.h"
#include "kernel/ref/make.h"
#include "kernel/ref/move.h"
#include "kernel/ref/slice.h"
#include "kernel/ref/space.h"

/* All inputs, needed, and output 0. */
static eao_status io(eao_tfl_op *o, eao_vid *in, uint32_t n, eao_vid *out) {
  for (uint32_t i = 0; i < n; i++) EAO_TRY(eao_tfl_need(o, i, &in[i]));
  return eao_tfl_out(o, 0, out);
}

static eao_status one_int(eao_tfl_op *o, uint32_t i, const char *what, int64_t *out) {
  int32_t n;
  EAO_TRY(eao_tfl_ints(o, i, what, out, 1, &n));
  return n == 1 ? EAO_OK : eao_tfl_fail(o, EAO_ERR_FORMAT, "%s is missing", what);
}

/* ---- shape only ---- */

eao_status eao_tfl_reshape(eao_tfl_op *o) {
  eao_reshape_attr a = {.allow_zero = 1};
  eao_vid in[2], out;
  EAO_TRY(io(o, in, 1, &out));
  if (eao_tfl_is_complex(o->s, eao_fvec_i32(o->in, 0))) {
    int64_t shape[EAO_MAX_RANK];
    int32_t n;
    EAO_TRY(eao_tfl_ints(o, 1, "the shape", shape, EAO_MAX_RANK - 1, &n));
    shape[n] = 2;
    EAO_TRY(eao_tfl_list(o, shape, n + 1, &in[1]));
    return eao_tfl_node(o, EAO_OP_reshape, &a, in, 2, &out, 1);
  }
  EAO_TRY(eao_tfl_in(o, 1, &in[1]));
  if (in[1] == EAO_NONE) {
    int64_t shape[EAO_MAX_RANK];
    eao_fvec v = eao_ftab_vec(&o->opt, TFL_RESHAPE_NEW_SHAPE, 4);
    if (v.n > EAO_MAX_RANK)
      return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "a new shape of rank %u", v.n);
    for (uint32_t i = 0; i < v.n; i++) shape[i] = eao_fvec_i32(v, i);
    bool scalar = v.n == 1 && shape[0] == 0; /* how old converters wrote a scalar */
    EAO_TRY(eao_tfl_list(o, shape, scalar ? 0 : (int32_t)v.n, &in[1]));
  }
  return eao_tfl_node(o, EAO_OP_reshape, &a, in, 2, &out, 1);
}

eao_status eao_tfl_squeeze(eao_tfl_op *o) {
  eao_vid in[2], out;
  int64_t axes[EAO_MAX_RANK];
  eao_fvec v = eao_ftab_vec(&o->opt, TFL_SQUEEZE_SQUEEZE_DIMS, 4);
  EAO_TRY(io(o, in, 1, &out));
  if (v.n > EAO_MAX_RANK) return eao_tfl_fail(o, EAO_ERR_FORMAT, "%u axes", v.n);
  for (uint32_t i = 0; i < v.n; i++) axes[i] = eao_fvec_i32(v, i);
  if (v.n) EAO_TRY(eao_tfl_list(o, axes, (int32_t)v.n, &in[1]));
  return eao_tfl_node(o, EAO_OP_squeeze, NULL, in, v.n ? 2 : 1, &out, 1);
}

eao_status eao_tfl_transpose(eao_tfl_op *o) {
  eao_transpose_attr a = {{0}};
  eao_vid in, out;
  EAO_TRY(io(o, &in, 1, &out));
  EAO_TRY(eao_tfl_ints(o, 1, "the permutation", a.perm.v, EAO_MAX_RANK, &a.perm.n));
  return eao_tfl_node(o, EAO_OP_transpose, &a, &in, 1, &out, 1);
}

/* ---- joining and cutting ---- */

static eao_status concat(eao_tfl_op *o, const eao_vid *in, uint32_t n, int64_t axis, eao_vid out) {
  eao_axis_attr a = {.axis = axis};
  return eao_tfl_node(o, EAO_OP_concat, &a, in, n, &out, 1);
}

/* Values of all inputs; with unsqueeze, each with a new axis. */
static eao_status parts(eao_tfl_op *o, bool unsqueeze, int64_t axis, eao_vid *in) {
  eao_vid pair[2], t;
  if (unsqueeze) EAO_TRY(eao_tfl_list(o, &axis, 1, &pair[1]));
  for (uint32_t i = 0; i < o->in.n; i++) {
    EAO_TRY(eao_tfl_need(o, i, &in[i]));
    if (!unsqueeze) continue;
    pair[0] = in[i];
    EAO_TRY(eao_tfl_temp(o, in[i], &t));
    EAO_TRY(eao_tfl_node(o, EAO_OP_unsqueeze, NULL, pair, 2, &t, 1));
    in[i] = t;
  }
  return EAO_OK;
}

/* to NULL: the operator's output. */
static eao_status join(eao_tfl_op *o, bool pack, int64_t axis, const eao_vid *to) {
  eao_vid *in = eao_alloc(o->m->ctx, o->in.n * sizeof *in), out = to ? *to : EAO_NONE;
  if (!in) return EAO_NOMEM(o->m->ctx);
  eao_status s = parts(o, pack, axis, in);
  if (s == EAO_OK && !to) s = eao_tfl_out(o, 0, &out);
  if (s == EAO_OK) s = concat(o, in, o->in.n, axis, out);
  eao_free(o->m->ctx, in);
  return s;
}

eao_status eao_tfl_concat(eao_tfl_op *o) {
  const uint32_t slot = TFL_CONCATENATION_FUSED_ACTIVATION_FUNCTION;
  eao_vid out;
  EAO_TRY(eao_tfl_out_before_act(o, slot, &out));
  EAO_TRY(join(o, false, eao_ftab_i32(&o->opt, TFL_CONCATENATION_AXIS, 0), &out));
  return eao_tfl_act_node(o, slot, out);
}

eao_status eao_tfl_pack(eao_tfl_op *o) {
  return join(o, true, eao_ftab_i32(&o->opt, TFL_PACK_AXIS, 0), NULL);
}

/* Cuts x into the operator's outputs; with squeeze, each loses the axis. */
static eao_status cut(eao_tfl_op *o, const eao_vid *in, uint32_t n_in, int64_t axis, bool squeeze) {
  eao_split_attr a = {.axis = axis, .num_outputs = n_in == 1 ? o->out.n : 0};
  eao_vid *out = eao_alloc(o->m->ctx, o->out.n * sizeof *out), pair[2], y;
  eao_status s = out ? EAO_OK : EAO_NOMEM(o->m->ctx);
  for (uint32_t i = 0; s == EAO_OK && i < o->out.n; i++)
    s = squeeze ? eao_tfl_temp(o, in[0], &out[i]) : eao_tfl_out(o, i, &out[i]);
  if (s == EAO_OK) s = eao_tfl_node(o, EAO_OP_split, &a, in, n_in, out, o->out.n);
  for (uint32_t i = 0; squeeze && s == EAO_OK && i < o->out.n; i++) {
    pair[0] = out[i];
    s = eao_tfl_list(o, &axis, 1, &pair[1]);
    if (s == EAO_OK) s = eao_tfl_out(o, i, &y);
    if (s == EAO_OK) s = eao_tfl_node(o, EAO_OP_squeeze, NULL, pair, 2, &y, 1);
  }
  eao_free(o->m->ctx, out);
  return s;
}

eao_status eao_tfl_split(eao_tfl_op *o) {
  int64_t axis;
  eao_vid x;
  EAO_TRY(one_int(o, 0, "the axis", &axis));
  EAO_TRY(eao_tfl_need(o, 1, &x));
  return cut(o, &x, 1, axis, false);
}

eao_status eao_tfl_split_v(eao_tfl_op *o) {
  int64_t axis;
  eao_vid in[2];
  EAO_TRY(one_int(o, 2, "the axis", &axis));
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[1]));
  return cut(o, in, 2, axis, false);
}

eao_status eao_tfl_unpack(eao_tfl_op *o) {
  eao_vid x;
  EAO_TRY(eao_tfl_need(o, 0, &x));
  return cut(o, &x, 1, eao_ftab_i32(&o->opt, TFL_UNPACK_AXIS, 0), true);
}

/* A new i64 or i32 scalar. */
static eao_status scalar(eao_tfl_op *o, eao_dtype dtype, int64_t v, eao_vid *out) {
  eao_tensor t = {.dtype = dtype, .rank = 0};
  t.data = eao_arena_alloc(&o->m->g->arena, 8);
  if (!t.data) return EAO_NOMEM(o->m->ctx);
  eao_set_i64(&t, 0, v);
  return eao_graph_add_value(o->s->g, "", &t, out);
}

/* begin + size, or as far as there is where the size is -1. */
static eao_status computed_end(eao_tfl_op *o, eao_vid begin, eao_vid *out) {
  eao_vid size, sum, open, bounds[2];
  eao_tensor bools = {.dtype = EAO_BOOL, .rank = -1};
  eao_dtype t = o->s->g->value[begin].t.dtype;
  EAO_TRY(eao_tfl_need(o, 2, &size));
  EAO_TRY(scalar(o, t, 0, &bounds[0]));
  EAO_TRY(scalar(o, t, INT32_MAX, &bounds[1]));
  EAO_TRY(eao_tfl_temp(o, begin, &sum));
  EAO_TRY(eao_tfl_temp(o, begin, out));
  EAO_TRY(eao_graph_add_value(o->s->g, "", &bools, &open));
  EAO_TRY(eao_tfl_node(o, EAO_OP_add, NULL, (eao_vid[]){begin, size}, 2, &sum, 1));
  EAO_TRY(eao_tfl_node(o, EAO_OP_less, NULL, (eao_vid[]){size, bounds[0]}, 2, &open, 1));
  return eao_tfl_node(o, EAO_OP_where, NULL, (eao_vid[]){open, bounds[1], sum}, 3, out, 1);
}

/* SLICE has sizes, of which -1 is "to the end". Where the start is computed, so is the end. */
eao_status eao_tfl_slice(eao_tfl_op *o) {
  eao_strided_slice_attr a = {.offset = 1};
  eao_vid in[4], out;
  int64_t size[EAO_MAX_RANK], step[EAO_MAX_RANK];
  int32_t n;
  eao_tensor t;
  EAO_TRY(io(o, in, 2, &out));
  EAO_TRY(eao_tfl_constant(o->s, eao_fvec_i32(o->in, 2), &t));
  if (!t.data) {
    EAO_TRY(eao_tfl_rank(o, 0, &n));
    a.offset = 0;
    EAO_TRY(computed_end(o, in[1], &in[2]));
  } else {
    EAO_TRY(eao_tfl_ints(o, 2, "the size", size, EAO_MAX_RANK, &n));
    EAO_TRY(eao_tfl_list(o, size, n, &in[2]));
  }
  for (int32_t i = 0; i < n; i++) {
    step[i] = 1;
    if (t.data && size[i] == -1) a.end_mask |= (int64_t)1 << i;
  }
  EAO_TRY(eao_tfl_list(o, step, n, &in[3]));
  return eao_tfl_node(o, EAO_OP_strided_slice, &a, in, 4, &out, 1);
}

eao_status eao_tfl_strided_slice(eao_tfl_op *o) {
  eao_strided_slice_attr a = {
      .begin_mask = eao_ftab_i32(&o->opt, TFL_STRIDED_SLICE_BEGIN_MASK, 0),
      .end_mask = eao_ftab_i32(&o->opt, TFL_STRIDED_SLICE_END_MASK, 0),
      .ellipsis_mask = eao_ftab_i32(&o->opt, TFL_STRIDED_SLICE_ELLIPSIS_MASK, 0),
      .new_axis_mask = eao_ftab_i32(&o->opt, TFL_STRIDED_SLICE_NEW_AXIS_MASK, 0),
      .shrink_axis_mask = eao_ftab_i32(&o->opt, TFL_STRIDED_SLICE_SHRINK_AXIS_MASK, 0),
      .offset = eao_ftab_u8(&o->opt, TFL_STRIDED_SLICE_OFFSET, 0) != 0};
  eao_vid in[4], out;
  EAO_TRY(io(o, in, 4, &out));
  return eao_tfl_node(o, EAO_OP_strided_slice, &a, in, 4, &out, 1);
}

/* PAD, PADV2 (with a value), MIRROR_PAD */
eao_status eao_tfl_pad(eao_tfl_op *o) {
  eao_pad_attr a = {.mode = EAO_PAD_CONSTANT};
  eao_vid in[3], out;
  EAO_TRY(io(o, in, o->in.n, &out));
  if (o->row->code == TFL_MIRROR_PAD)
    a.mode = eao_ftab_i8(&o->opt, TFL_MIRROR_PAD_MODE, 0) ? EAO_PAD_SYMMETRIC : EAO_PAD_REFLECT;
  return eao_tfl_node(o, EAO_OP_pad, &a, in, o->in.n, &out, 1);
}

/* ---- picking and placing ---- */

eao_status eao_tfl_gather(eao_tfl_op *o) {
  eao_gather_attr a = {.axis = eao_ftab_i32(&o->opt, TFL_GATHER_AXIS, 0),
                       .batch_dims = eao_ftab_i32(&o->opt, TFL_GATHER_BATCH_DIMS, 0)};
  eao_vid in[2], out;
  EAO_TRY(io(o, in, 2, &out));
  return eao_tfl_node(o, EAO_OP_gather, &a, in, 2, &out, 1);
}

/* EMBEDDING_LOOKUP: rows of a table; those of a quantised table become floats. */
eao_status eao_tfl_embedding_lookup(eao_tfl_op *o) {
  eao_gather_attr a = {0};
  eao_vid in[2], out, rows;
  EAO_TRY(eao_tfl_need(o, 1, &in[0]));
  EAO_TRY(eao_tfl_need(o, 0, &in[1]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  const eao_value *v = o->s->g->value;
  if (v[in[0]].t.dtype == v[out].t.dtype) return eao_tfl_node(o, EAO_OP_gather, &a, in, 2, &out, 1);
  if (v[in[0]].t.quant.axis >= 0)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "a table with a scale for each row");
  EAO_TRY(eao_tfl_temp(o, in[0], &rows));
  EAO_TRY(eao_tfl_node(o, EAO_OP_gather, &a, in, 2, &rows, 1));
  return eao_tfl_node(o, EAO_OP_dequantize, NULL, &rows, 1, &out, 1);
}

/* A tensor of the shape in `shape`, filled with 0 of the type of `like`. */
static eao_status zeros(eao_tfl_op *o, eao_vid shape, eao_vid like, eao_vid *out) {
  eao_tensor t = {.dtype = o->s->g->value[like].t.dtype, .rank = 0};
  eao_vid in[2] = {shape, EAO_NONE};
  t.data = eao_arena_alloc(&o->m->g->arena, 8);
  if (!t.data) return EAO_NOMEM(o->m->ctx);
  EAO_TRY(eao_graph_add_value(o->s->g, "", &t, &in[1]));
  if (*out == EAO_NONE) EAO_TRY(eao_tfl_temp(o, like, out));
  return eao_tfl_node(o, EAO_OP_fill, NULL, in, 2, out, 1);
}

/* TFLite adds up what goes to the same place. */
eao_status eao_tfl_scatter_nd(eao_tfl_op *o) {
  eao_scatter_attr a = {.reduction = EAO_SCATTER_ADD};
  eao_vid in[3], list[3] = {EAO_NONE}, out; /* indices, updates, shape */
  EAO_TRY(io(o, in, 3, &out));
  EAO_TRY(zeros(o, in[2], in[1], &list[0]));
  list[1] = in[0];
  list[2] = in[1];
  return eao_tfl_node(o, EAO_OP_scatter_nd, &a, list, 3, &out, 1);
}

eao_status eao_tfl_zeros_like(eao_tfl_op *o) {
  eao_vid x, shape, out;
  eao_tensor list = {.dtype = EAO_I64, .rank = -1};
  EAO_TRY(io(o, &x, 1, &out));
  EAO_TRY(eao_graph_add_value(o->s->g, "", &list, &shape));
  EAO_TRY(eao_tfl_node(o, EAO_OP_shape, NULL, &x, 1, &shape, 1));
  return zeros(o, shape, x, &out);
}

eao_status eao_tfl_shape(eao_tfl_op *o) {
  eao_vid x, out;
  EAO_TRY(io(o, &x, 1, &out));
  eao_shape_attr a = {.end = INT64_MAX, .dtype = (int32_t)o->s->g->value[out].t.dtype};
  return eao_tfl_node(o, EAO_OP_shape, &a, &x, 1, &out, 1);
}

/* The rank is known here: a constant. */
eao_status eao_tfl_rank_op(eao_tfl_op *o) {
  int32_t rank;
  eao_vid out;
  eao_tensor t = {.dtype = EAO_I32, .rank = 0};
  EAO_TRY(eao_tfl_rank(o, 0, &rank));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  t.data = eao_arena_dup(&o->m->g->arena, &rank, sizeof rank);
  if (!t.data) return EAO_NOMEM(o->m->ctx);
  if (o->s->g->value[out].t.dtype != EAO_I32)
    return eao_tfl_fail(o, EAO_ERR_TYPE, "its output must be INT32");
  o->s->g->value[out].t = t;
  return EAO_OK;
}

eao_status eao_tfl_depth_space(eao_tfl_op *o) {
  eao_depth_space_attr a = {.block = eao_ftab_i32(&o->opt, TFL_SPACE_TO_DEPTH_BLOCK_SIZE, 0),
                            .mode = EAO_DEPTH_DCR,
                            .layout = EAO_LAYOUT_CHANNELS_LAST};
  eao_vid in, out;
  EAO_TRY(io(o, &in, 1, &out));
  return eao_tfl_node(o, o->row->op, &a, &in, 1, &out, 1);
}

eao_status eao_tfl_reverse_sequence(eao_tfl_op *o) {
  eao_reverse_sequence_attr a = {
      .batch_axis = eao_ftab_i32(&o->opt, TFL_REVERSE_SEQUENCE_BATCH_DIM, 0),
      .time_axis = eao_ftab_i32(&o->opt, TFL_REVERSE_SEQUENCE_SEQ_DIM, 0)};
  eao_vid in[2], out;
  EAO_TRY(io(o, in, 2, &out));
  return eao_tfl_node(o, EAO_OP_reverse_sequence, &a, in, 2, &out, 1);
}

/* Coordinates of true elements, one a row; nonzero has one a column. */
eao_status eao_tfl_where(eao_tfl_op *o) {
  eao_transpose_attr a = {{.n = 2, .v = {1, 0}}};
  eao_tensor t = {.dtype = EAO_I64, .rank = -1};
  eao_vid in, out, columns;
  EAO_TRY(io(o, &in, 1, &out));
  EAO_TRY(eao_graph_add_value(o->s->g, "", &t, &columns));
  EAO_TRY(eao_tfl_node(o, EAO_OP_nonzero, NULL, &in, 1, &columns, 1));
  return eao_tfl_node(o, EAO_OP_transpose, &a, &columns, 1, &out, 1);
}

/* where(indices == 0, 1, ..., depth - 1, on, off): an index outside gives a row of off, whereas
 * one_hot counts negative ones from the end. */
eao_status eao_tfl_one_hot(eao_tfl_op *o) {
  int64_t depth, axis = eao_ftab_i32(&o->opt, TFL_ONE_HOT_AXIS, 0), shape[EAO_MAX_RANK];
  int32_t rank;
  eao_vid ids, out, pick[3], r[3], pair[2], classes, column, row;
  eao_tensor bools = {.dtype = EAO_BOOL, .rank = -1};
  EAO_TRY(eao_tfl_need(o, 0, &ids));
  EAO_TRY(eao_tfl_rank(o, 0, &rank));
  EAO_TRY(one_int(o, 1, "the depth", &depth));
  EAO_TRY(eao_tfl_need(o, 2, &pick[1]));
  EAO_TRY(eao_tfl_need(o, 3, &pick[2]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  if (axis < -1 || axis > rank || rank >= EAO_MAX_RANK)
    return eao_tfl_fail(o, EAO_ERR_SHAPE, "axis %lld of %d dimensions", (long long)axis, rank);
  if (axis < 0) axis = rank;
  eao_dtype dtype = o->s->g->value[ids].t.dtype;
  EAO_TRY(scalar(o, dtype, 0, &r[0]));
  EAO_TRY(scalar(o, dtype, depth, &r[1]));
  EAO_TRY(scalar(o, dtype, 1, &r[2]));
  EAO_TRY(eao_tfl_temp(o, ids, &classes));
  EAO_TRY(eao_tfl_node(o, EAO_OP_range, NULL, r, 3, &classes, 1));
  int32_t n = rank + 1 - (int32_t)axis; /* the classes, then an axis of 1 for each that follows */
  for (int32_t i = 0; i < n; i++) shape[i] = i ? 1 : -1;
  pair[0] = classes;
  EAO_TRY(eao_tfl_list(o, shape, n, &pair[1]));
  EAO_TRY(eao_tfl_temp(o, ids, &column));
  EAO_TRY(eao_tfl_node(o, EAO_OP_reshape, NULL, pair, 2, &column, 1));
  pair[0] = ids;
  EAO_TRY(eao_tfl_list(o, &axis, 1, &pair[1]));
  EAO_TRY(eao_tfl_temp(o, ids, &row));
  EAO_TRY(eao_tfl_node(o, EAO_OP_unsqueeze, NULL, pair, 2, &row, 1));
  EAO_TRY(eao_graph_add_value(o->s->g, "", &bools, &pick[0]));
  EAO_TRY(eao_tfl_node(o, EAO_OP_equal, NULL, (eao_vid[]){row, column}, 2, &pick[0], 1));
  return eao_tfl_node(o, EAO_OP_where, NULL, pick, 3, &out, 1);
}
