/* Picking and placing elements by index, and reductions made of several. */
#include <string.h>

#include "emit/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/gather.h"
#include "kernel/ref/move.h"
#include "kernel/ref/reduce.h"

static bool known(const eao_tensor *t) {
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return false;
  return t->rank >= 0;
}

/* A new constant of this type and shape, to be filled in. */
static eao_status constant(eao_tfe *e, eao_dtype dtype, const int64_t *dim, int32_t rank,
                           eao_tensor *out_t, eao_vid *out) {
  eao_tensor t = {.dtype = dtype, .rank = rank};
  uint64_t bytes;
  if (rank) memcpy(t.dim, dim, (size_t)rank * sizeof *dim);
  EAO_TRY(eao_tensor_nbytes(e->ctx, &t, &bytes));
  t.data = eao_arena_alloc(&e->to->arena, (size_t)bytes + 8);
  if (!t.data) return EAO_NOMEM(e->ctx);
  *out_t = t;
  return eao_graph_add_value(e->to, "", &t, out);
}

/* Legal v as i32. */
static eao_status as_i32(eao_tfe *e, eao_vid v, eao_vid *out) {
  struct {
    int32_t to;
  } cast = {EAO_I32};
  *out = v;
  if (e->to->value[v].t.dtype == EAO_I32) return EAO_OK;
  EAO_TRY(eao_tfe_temp_of(e, EAO_I32, out));
  return eao_tfe_unary(e, EAO_OP_cast, &cast, v, *out);
}

/* Indices that count from the end become ones that count from the start: v < 0 ? v + extent : v. */
static eao_status from_start(eao_tfe *e, eao_vid v, const int64_t *extent, int32_t n,
                             eao_vid *out) {
  eao_vid zero, size, below, sum;
  EAO_TRY(as_i32(e, v, &v));
  EAO_TRY(eao_tfe_i32(e, (int64_t[]){0}, -1, &zero));
  EAO_TRY(eao_tfe_i32(e, extent, n, &size));
  EAO_TRY(eao_tfe_temp_of(e, EAO_BOOL, &below));
  EAO_TRY(eao_tfe_temp_of(e, EAO_I32, &sum));
  EAO_TRY(eao_tfe_temp_of(e, EAO_I32, out));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_less, v, zero, below));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_add, v, size, sum));
  return eao_tfe_node(e, EAO_OP_where, NULL, (eao_vid[]){below, sum, v}, 3, out, 1);
}

/* The place of each element of idx in data when it stands for the coordinate along `axis`:
 * idx's shape and one axis more. */
static eao_status coordinates(eao_tfe *e, eao_vid v, const eao_tensor *data, const eao_tensor *idx,
                              int32_t axis, eao_vid *out) {
  int64_t dim[EAO_MAX_RANK], part[EAO_MAX_RANK];
  int32_t rank = idx->rank;
  eao_vid in[EAO_MAX_RANK], plain;
  if (!known(data) || !known(idx) || rank < 1 || rank >= EAO_MAX_RANK)
    return eao_tfe_fail(e, "indices of unknown extents");
  memcpy(dim, idx->dim, (size_t)rank * sizeof *dim);
  dim[rank] = 1;
  EAO_TRY(eao_tfe_plain(e, v, &plain));
  EAO_TRY(from_start(e, plain, &data->dim[axis], -1, &plain));
  for (int32_t d = 0; d < rank; d++) {
    if (d == axis) {
      EAO_TRY(eao_tfe_reshape(e, plain, dim, rank + 1, &in[d]));
      continue;
    }
    eao_tensor t;
    EAO_TRY(constant(e, EAO_I32, dim, rank + 1, &t, &in[d]));
    eao_tensor_strides(idx, part);
    for (int64_t i = 0; i < eao_tensor_count(&t); i++)
      eao_set_i64(&t, i, i / part[d] % idx->dim[d]);
  }
  eao_axis_attr a = {rank};
  EAO_TRY(eao_tfe_temp_of(e, EAO_I32, out));
  return eao_tfe_node(e, EAO_OP_concat, &a, in, (uint32_t)rank, out, 1);
}

static int32_t axis_of(int64_t axis, int32_t rank) {
  return (int32_t)(axis < 0 ? axis + rank : axis);
}

static eao_status gather_elements(eao_tfe *e, const eao_node *n) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *idx = eao_tfe_type(e, n->in[1]);
  eao_vid data, at, out;
  EAO_TRY(coordinates(e, n->in[1], x, idx,
                      axis_of(((const eao_gather_attr *)n->attr)->axis, x->rank), &at));
  EAO_TRY(eao_tfe_plain(e, n->in[0], &data));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  return eao_tfe_binary(e, EAO_OP_gather_nd, data, at, out);
}

/* SCATTER_ND adds what it places to zeros. */
static eao_status place(eao_tfe *e, eao_vid at, eao_vid updates, const eao_tensor *x,
                        eao_vid *out) {
  eao_scatter_attr a = {.reduction = EAO_SCATTER_ADD};
  eao_tensor zero;
  eao_vid in[3], shape;
  EAO_TRY(constant(e, x->dtype, NULL, 0, &zero, &in[2]));
  EAO_TRY(eao_tfe_i32(e, x->dim, x->rank, &shape));
  EAO_TRY(eao_tfe_temp_of(e, x->dtype, &in[0]));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_fill, shape, in[2], in[0]));
  in[1] = at;
  in[2] = updates;
  EAO_TRY(eao_tfe_temp_of(e, x->dtype, out));
  return eao_tfe_node(e, EAO_OP_scatter_nd, &a, in, 3, out, 1);
}

/* x with updates at the places `at` ([..., rank of the place]). */
static eao_status scatter(eao_tfe *e, const eao_node *n, eao_vid at) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *u = eao_tfe_type(e, n->in[2]);
  int32_t reduction = ((const eao_scatter_attr *)n->attr)->reduction;
  eao_vid data, updates, placed, mask, ones, out, zero;
  eao_tensor one, none;
  if (!known(x) || !known(u) || x->quant.n ||
      (x->dtype != EAO_F32 && x->dtype != EAO_I32 && x->dtype != EAO_I64) ||
      reduction > EAO_SCATTER_ADD)
    return eao_tfe_fail(e, "this kind of scattering");
  EAO_TRY(eao_tfe_plain(e, n->in[0], &data));
  EAO_TRY(eao_tfe_plain(e, n->in[2], &updates));
  EAO_TRY(place(e, at, updates, x, &placed));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  if (reduction == EAO_SCATTER_ADD) return eao_tfe_binary(e, EAO_OP_add, data, placed, out);
  EAO_TRY(constant(e, x->dtype, u->dim, u->rank, &one, &ones));
  for (int64_t i = 0; i < eao_tensor_count(&one); i++) eao_set_f64(&one, i, 1);
  EAO_TRY(place(e, at, ones, x, &mask));
  EAO_TRY(constant(e, x->dtype, NULL, 0, &none, &zero));
  EAO_TRY(eao_tfe_temp_of(e, EAO_BOOL, &ones));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_greater, mask, zero, ones));
  return eao_tfe_node(e, EAO_OP_where, NULL, (eao_vid[]){ones, placed, data}, 3, &out, 1);
}

bool eao_tfe_is_zero_fill(const eao_graph *g, eao_vid v) {
  eao_nid by = g->value[v].producer;
  if (by == EAO_NONE || g->node[by].op != EAO_OP_fill) return false;
  const eao_tensor *t = &g->value[g->node[by].in[1]].t;
  return t->data && eao_get_f64(t, 0) == 0 && eao_tensor_count(t) == 1;
}

static eao_status scatter_nd(eao_tfe *e, const eao_node *n) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *idx = eao_tfe_type(e, n->in[1]);
  eao_vid at;
  if (((const eao_scatter_attr *)n->attr)->reduction == EAO_SCATTER_ADD &&
      eao_tfe_is_zero_fill(e->from, n->in[0]))
    return eao_tfe_copy(e, n);
  if (!known(x) || !known(idx) || idx->rank < 1) return eao_tfe_fail(e, "unknown extents");
  EAO_TRY(eao_tfe_plain(e, n->in[1], &at));
  EAO_TRY(from_start(e, at, x->dim, (int32_t)idx->dim[idx->rank - 1], &at));
  return scatter(e, n, at);
}

/* Two updates of one element would be added up. idx: constant, along axis. */
static bool has_repeats(const eao_tensor *idx, int32_t axis, int64_t extent) {
  int64_t stride[EAO_MAX_RANK], n = eao_tensor_count(idx);
  eao_tensor_strides(idx, stride);
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = i + stride[axis];
         j < n && i / stride[axis] / idx->dim[axis] == j / stride[axis] / idx->dim[axis];
         j += stride[axis]) {
      int64_t a = eao_get_i64(idx, i), b = eao_get_i64(idx, j);
      if ((a < 0 ? a + extent : a) == (b < 0 ? b + extent : b)) return true;
    }
  return false;
}

static eao_status scatter_elements(eao_tfe *e, const eao_node *n) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *idx = eao_tfe_type(e, n->in[1]);
  const eao_scatter_attr *a = n->attr;
  int32_t axis = axis_of(a->axis, x->rank);
  eao_vid at;
  EAO_TRY(coordinates(e, n->in[1], x, idx, axis, &at));
  if (a->reduction == EAO_SCATTER_NONE && idx->data && idx->dim[axis] < 4096 &&
      has_repeats(idx, axis, x->dim[axis]))
    return eao_tfe_fail(e, "updates of which two go to one place");
  return scatter(e, n, at);
}

/* indices == 0, 1, ... along a new axis, then on or off. */
static eao_status one_hot(eao_tfe *e, const eao_node *n) {
  const eao_tensor *idx = eao_tfe_type(e, n->in[0]), *values = eao_tfe_type(e, n->in[2]);
  int32_t rank = idx->rank, axis, count;
  int64_t depth[1], dim[EAO_MAX_RANK];
  eao_vid at, classes, on, off, same, out, axes;
  eao_tensor t;
  EAO_TRY(eao_tfe_list(e, "the depth", n->in[1], depth, 1, &count));
  if (rank < 0 || rank >= EAO_MAX_RANK || !values->data || values->quant.n || depth[0] < 1 ||
      eao_tensor_count(values) != 2)
    return eao_tfe_fail(e, "computed values, or an unknown rank");
  axis = axis_of(((const eao_axis_attr *)n->attr)->axis, rank + 1);
  EAO_TRY(eao_tfe_plain(e, n->in[0], &at));
  EAO_TRY(from_start(e, at, depth, -1, &at));
  EAO_TRY(eao_tfe_i32(e, (int64_t[]){axis}, 1, &axes));
  EAO_TRY(eao_tfe_temp_of(e, EAO_I32, &same));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_unsqueeze, at, axes, same));
  for (int32_t i = 0; i <= rank; i++) dim[i] = i == axis ? depth[0] : 1;
  EAO_TRY(constant(e, EAO_I32, dim, rank + 1, &t, &classes));
  for (int64_t i = 0; i < depth[0]; i++) eao_set_i64(&t, i, i);
  EAO_TRY(constant(e, values->dtype, NULL, 0, &t, &off));
  eao_set_f64(&t, 0, eao_get_f64(values, 0));
  EAO_TRY(constant(e, values->dtype, NULL, 0, &t, &on));
  eao_set_f64(&t, 0, eao_get_f64(values, 1));
  EAO_TRY(eao_tfe_temp_of(e, EAO_BOOL, &at));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_equal, same, classes, at));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  return eao_tfe_node(e, EAO_OP_where, NULL, (eao_vid[]){at, on, off}, 3, &out, 1);
}

/* log(sum(exp(x - m))) + m, m the largest. */
static eao_status log_sum_exp(eao_tfe *e, const eao_node *n) {
  const eao_reduce_attr *a = n->attr;
  eao_reduce_attr keep = {.keepdims = 1, .noop_with_empty_axes = 1};
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *y = eao_tfe_type(e, n->out[0]);
  int64_t axes[EAO_MAX_RANK];
  int32_t k = 0;
  eao_vid v, list, m, t[4], out;
  if (n->n_in > 1 && n->in[1] != EAO_NONE)
    EAO_TRY(eao_tfe_list(e, "the axes", n->in[1], axes, EAO_MAX_RANK, &k));
  if (!eao_dtype_is_float(x->dtype) || x->rank < 0 || !known(y) ||
      (k == 0 && a->noop_with_empty_axes))
    return eao_tfe_fail(e, "this reduction");
  for (int32_t i = 0; k == 0 && i < x->rank; i++) axes[i] = i;
  EAO_TRY(eao_tfe_plain(e, n->in[0], &v));
  EAO_TRY(eao_tfe_i32(e, axes, k ? k : x->rank, &list));
  EAO_TRY(eao_tfe_temp_of(e, x->dtype, &m));
  for (int i = 0; i < 4; i++) EAO_TRY(eao_tfe_temp_of(e, x->dtype, &t[i]));
  EAO_TRY(eao_tfe_node(e, EAO_OP_reduce_max, &keep, (eao_vid[]){v, list}, 2, &m, 1));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_sub, v, m, t[0]));
  EAO_TRY(eao_tfe_unary(e, EAO_OP_exp, NULL, t[0], t[1]));
  EAO_TRY(eao_tfe_node(e, EAO_OP_reduce_sum, &keep, (eao_vid[]){t[1], list}, 2, &t[2], 1));
  EAO_TRY(eao_tfe_unary(e, EAO_OP_log, NULL, t[2], t[3]));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  if (a->keepdims) return eao_tfe_binary(e, EAO_OP_add, t[3], m, out);
  eao_vid sum, shape;
  EAO_TRY(eao_tfe_temp_of(e, x->dtype, &sum));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_add, t[3], m, sum));
  EAO_TRY(eao_tfe_i32(e, y->dim, y->rank, &shape));
  return eao_tfe_binary(e, EAO_OP_reshape, sum, shape, out);
}

eao_tfe_fn eao_tfe_find_pick(uint16_t op) {
  switch (op) {
  case EAO_OP_gather_elements: return gather_elements;
  case EAO_OP_scatter_nd: return scatter_nd;
  case EAO_OP_scatter_elements: return scatter_elements;
  case EAO_OP_one_hot: return one_hot;
  case EAO_OP_reduce_log_sum_exp: return log_sum_exp;
  default: return NULL;
  }
}
