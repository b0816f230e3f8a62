/* Data movement and reductions in TFLite's forms, and the bodies of control flow. */
#include <math.h>
#include <string.h>

#include "emit/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/gather.h"
#include "kernel/ref/make.h"
#include "kernel/ref/move.h"
#include "kernel/ref/reduce.h"
#include "kernel/ref/resize.h"
#include "kernel/ref/slice.h"
#include "kernel/ref/space.h"
#include "op/control.h"

static eao_status plain_io(eao_tfe *e, const eao_node *n, eao_vid *in, eao_vid *out) {
  EAO_TRY(eao_tfe_plain(e, n->in[0], in));
  return eao_tfe_out(e, n->out[0], false, out);
}

static int32_t from_end(int64_t axis, int32_t rank) {
  return (int32_t)(axis < 0 ? axis + rank : axis);
}

/* Axis of the channels-last form of a value of this rank. */
static int32_t axis_last(int32_t axis, int32_t rank) {
  return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1;
}

/* A value that stands for another: no node. */
static eao_status alias(eao_tfe *e, const eao_node *n) {
  const eao_graph *g = e->from;
  bool output = false;
  if (n->n_out > 1 && n->out[1] != EAO_NONE) return eao_tfe_fail(e, "its mask output");
  for (uint32_t i = 0; i < g->n_output; i++) output = output || g->output[i] == n->out[0];
  for (uint32_t i = 0; i < g->n_state; i++) output = output || g->state[i].out == n->out[0];
  if (!output) {
    e->value[n->out[0]] = e->value[n->in[0]];
    if (e->value[n->in[0]].plain != EAO_NONE || e->value[n->in[0]].last != EAO_NONE) return EAO_OK;
    return eao_tfe_plain(e, n->in[0], &e->value[n->out[0]].plain);
  }
  /* An output keeps its name: a reshape to the same shape. */
  const eao_tensor *t = eao_tfe_type(e, n->out[0]);
  eao_vid in, out;
  EAO_TRY(plain_io(e, n, &in, &out));
  eao_shape_attr sa = {.end = INT64_MAX, .dtype = EAO_I32};
  eao_reshape_attr ra = {.allow_zero = 1};
  eao_vid shape;
  bool known = t->rank >= 0;
  for (int32_t i = 0; i < t->rank; i++) known = known && t->dim[i] >= 0;
  if (known)
    EAO_TRY(eao_tfe_i32(e, t->dim, t->rank, &shape));
  else {
    EAO_TRY(eao_tfe_temp_of(e, EAO_I32, &shape));
    EAO_TRY(eao_tfe_unary(e, EAO_OP_shape, &sa, in, shape));
  }
  return eao_tfe_node(e, EAO_OP_reshape, &ra, (eao_vid[]){in, shape}, 2, &out, 1);
}

/* A list that is computed as 64-bit integers, as 32-bit ones. */
static eao_status narrow(eao_tfe *e, eao_vid v, eao_vid *out) {
  EAO_TRY(eao_tfe_plain(e, v, out));
  const eao_tensor *t = &e->to->value[*out].t;
  if (t->dtype != EAO_I64) return EAO_OK;
  if (t->data && t->rank <= 1 && eao_tensor_count(t) <= EAO_MAX_INTS) {
    int64_t list[EAO_MAX_INTS];
    int32_t count = (int32_t)eao_tensor_count(t);
    for (int32_t i = 0; i < count; i++) list[i] = eao_get_i64(t, i);
    return eao_tfe_i32(e, list, t->rank == 0 ? -1 : count, out);
  }
  struct {
    int32_t to;
  } cast = {EAO_I32};
  eao_vid in = *out;
  EAO_TRY(eao_tfe_temp_of(e, EAO_I32, out));
  return eao_tfe_unary(e, EAO_OP_cast, &cast, in, *out);
}

/* Nodes whose second input is a list and that need nothing else. */
static eao_status with_list(eao_tfe *e, const eao_node *n) {
  eao_vid in[2], out;
  EAO_TRY(eao_tfe_plain(e, n->in[0], &in[0]));
  EAO_TRY(narrow(e, n->in[1], &in[1]));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  return eao_tfe_node(e, n->op, n->attr, in, 2, &out, 1);
}

/* The shape of the result where it is known, else what the node says. */
static eao_status reshape(eao_tfe *e, const eao_node *n) {
  const eao_tensor *y = eao_tfe_type(e, n->out[0]);
  eao_reshape_attr a = {.allow_zero = 1};
  int64_t dim[EAO_MAX_RANK];
  int32_t unknown = 0;
  eao_vid in[2], out;
  if (n->n_in > 1 && n->op == EAO_OP_reshape && eao_tfe_type(e, n->in[1])->data &&
      ((const eao_reshape_attr *)n->attr)->allow_zero)
    return with_list(e, n);
  for (int32_t i = 0; i < y->rank; i++) {
    dim[i] = y->dim[i];
    unknown += y->dim[i] < 0;
  }
  EAO_TRY(plain_io(e, n, &in[0], &out));
  if (y->rank < 0 || unknown > 1) {
    if (n->op != EAO_OP_reshape) return eao_tfe_fail(e, "more than one unknown extent");
    EAO_TRY(narrow(e, n->in[1], &in[1]));
  } else {
    EAO_TRY(eao_tfe_i32(e, dim, y->rank, &in[1]));
  }
  return eao_tfe_node(e, EAO_OP_reshape, &a, in, 2, &out, 1);
}

/* EXPAND_DIMS adds one axis; several are a reshape. */
static eao_status unsqueeze(eao_tfe *e, const eao_node *n) {
  const eao_tensor *axes = eao_tfe_type(e, n->in[1]);
  bool one = axes->data && eao_tensor_count(axes) == 1;
  return one ? with_list(e, n) : reshape(e, n);
}

static eao_status squeeze(eao_tfe *e, const eao_node *n) {
  if (n->n_in > 1 && n->in[1] != EAO_NONE && !eao_tfe_type(e, n->in[1])->data)
    return eao_tfe_fail(e, "computed axes");
  return eao_tfe_copy(e, n);
}

static eao_status transpose(eao_tfe *e, const eao_node *n) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]);
  const eao_ints *p = &((const eao_transpose_attr *)n->attr)->perm;
  if (e->value[n->out[0]].plain != EAO_NONE) return EAO_OK; /* nonzero made it */
  if (eao_tfe_only_last(e, n->in[0]) && p->n == x->rank) {
    int32_t to_last[EAO_MAX_RANK];
    bool same = true;
    eao_tfe_last_perm(x->rank, to_last);
    for (int32_t i = 0; i < x->rank; i++) same = same && p->v[i] == to_last[i];
    if (same) { /* the channels-last form is what it asks for */
      eao_vid v = e->value[n->in[0]].last;
      const eao_tensor *y = &e->to->value[v].t;
      bool output = false;
      for (uint32_t i = 0; i < e->from->n_output; i++)
        output = output || e->from->output[i] == n->out[0];
      (void)y;
      if (!output) {
        e->value[n->out[0]].plain = v;
        return EAO_OK;
      }
    }
  }
  return eao_tfe_copy(e, n);
}

/* Along the axis that the inputs' form has. */
static eao_status concat(eao_tfe *e, const eao_node *n) {
  int32_t rank = eao_tfe_type(e, n->out[0])->rank;
  bool last = rank >= 3;
  for (uint32_t i = 0; i < n->n_in; i++) last = last && eao_tfe_only_last(e, n->in[i]);
  if (!last) return eao_tfe_copy(e, n);
  eao_axis_attr a = {axis_last(from_end(((const eao_axis_attr *)n->attr)->axis, rank), rank)};
  eao_vid *in = eao_alloc(e->ctx, n->n_in * sizeof *in), out;
  if (!in) return EAO_NOMEM(e->ctx);
  eao_status s = EAO_OK;
  for (uint32_t i = 0; s == EAO_OK && i < n->n_in; i++) s = eao_tfe_last(e, n->in[i], &in[i]);
  if (s == EAO_OK) s = eao_tfe_out(e, n->out[0], true, &out);
  if (s == EAO_OK) s = eao_tfe_node(e, EAO_OP_concat, &a, in, n->n_in, &out, 1);
  eao_free(e->ctx, in);
  return s;
}

/* Parts of unequal size are always given: TFLite's SPLIT cuts evenly only. */
static eao_status split(eao_tfe *e, const eao_node *n) {
  eao_split_attr a = *(const eao_split_attr *)n->attr;
  bool last = eao_tfe_only_last(e, n->in[0]);
  int32_t rank = eao_tfe_type(e, n->in[0])->rank;
  int64_t size[64], sum = 0;
  eao_vid in[2], out[64];
  if (n->n_out > EAO_COUNT(out)) return eao_tfe_fail(e, "more than 64 parts");
  if (rank < 1) return eao_tfe_fail(e, "an input of unknown rank");
  int32_t axis = from_end(a.axis, rank);
  if (last) a.axis = axis_last(axis, rank);
  EAO_TRY(last ? eao_tfe_last(e, n->in[0], &in[0]) : eao_tfe_plain(e, n->in[0], &in[0]));
  bool even = n->n_in < 2;
  for (uint32_t i = 0; i < n->n_out; i++) {
    if (n->out[i] == EAO_NONE)
      EAO_TRY(eao_tfe_temp(e, n->in[0], &out[i]));
    else
      EAO_TRY(eao_tfe_out(e, n->out[i], last, &out[i]));
    size[i] = n->out[i] == EAO_NONE ? -1 : eao_tfe_type(e, n->out[i])->dim[axis];
    if (size[i] != size[0]) even = false;
    sum += size[i];
  }
  (void)sum;
  if (even) return eao_tfe_node(e, EAO_OP_split, &a, in, 1, out, n->n_out);
  a.num_outputs = 0;
  if (n->n_in > 1)
    EAO_TRY(narrow(e, n->in[1], &in[1]));
  else {
    for (uint32_t i = 0; i < n->n_out; i++)
      if (size[i] < 0) return eao_tfe_fail(e, "parts of unknown size");
    EAO_TRY(eao_tfe_i32(e, size, (int32_t)n->n_out, &in[1]));
  }
  return eao_tfe_node(e, EAO_OP_split, &a, in, 2, out, n->n_out);
}

/* A computed list for axes first, first + 1, ...: begins with `fill` for the axes before them. */
static eao_status shifted_list(eao_tfe *e, eao_vid v, int32_t first, int64_t fill, eao_vid *out) {
  int64_t list[EAO_MAX_RANK];
  eao_vid in[2];
  eao_axis_attr axis = {0};
  EAO_TRY(narrow(e, v, out));
  if (first == 0) return EAO_OK;
  for (int32_t i = 0; i < first; i++) list[i] = fill;
  EAO_TRY(eao_tfe_i32(e, list, first, &in[0]));
  in[1] = *out;
  EAO_TRY(eao_tfe_temp_of(e, EAO_I32, out));
  return eao_tfe_node(e, EAO_OP_concat, &axis, in, 2, out, 1);
}

/* Starts or ends that are computed, for consecutive axes. (An end beyond the extent is clipped, as
 * in ONNX; the largest 64-bit integers, which mean "to the end", survive the narrowing cast by
 * saturating only when they are constants.) */
static eao_status computed_slice(eao_tfe *e, const eao_node *n) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *starts = eao_tfe_type(e, n->in[1]);
  int64_t axes[EAO_MAX_RANK], step[EAO_MAX_RANK];
  int32_t k, m;
  eao_strided_slice_attr a = {0};
  eao_vid in[4], out;
  if (starts->rank != 1 || starts->dim[0] < 1 || x->rank < 1)
    return eao_tfe_fail(e, "computed limits of unknown number");
  k = (int32_t)starts->dim[0];
  for (int32_t i = 0; i < k && i < EAO_MAX_RANK; i++) axes[i] = i;
  if (n->n_in > 3 && n->in[3] != EAO_NONE)
    EAO_TRY(eao_tfe_list(e, "the axes", n->in[3], axes, EAO_MAX_RANK, &m));
  int32_t first = from_end(axes[0], x->rank);
  for (int32_t i = 0; i < k; i++)
    if (from_end(axes[i], x->rank) != first + i)
      return eao_tfe_fail(e, "computed limits of scattered axes");
  for (int32_t i = 0; i < first + k; i++) step[i] = 1;
  if (n->n_in > 4 && n->in[4] != EAO_NONE)
    EAO_TRY(eao_tfe_list(e, "the steps", n->in[4], step + first, EAO_MAX_RANK - first, &m));
  a.begin_mask = a.end_mask = ((int64_t)1 << first) - 1;
  EAO_TRY(eao_tfe_plain(e, n->in[0], &in[0]));
  EAO_TRY(shifted_list(e, n->in[1], first, 0, &in[1]));
  EAO_TRY(shifted_list(e, n->in[2], first, 0, &in[2]));
  EAO_TRY(eao_tfe_i32(e, step, first + k, &in[3]));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  return eao_tfe_node(e, EAO_OP_strided_slice, &a, in, 4, &out, 1);
}

/* Lists for named axes become lists for all of them. */
static eao_status slice(eao_tfe *e, const eao_node *n) {
  int32_t rank = eao_tfe_type(e, n->in[0])->rank, k, m;
  int64_t list[4][EAO_MAX_RANK], begin[EAO_MAX_RANK], end[EAO_MAX_RANK], step[EAO_MAX_RANK];
  eao_strided_slice_attr a = {0};
  eao_vid in[4], out;
  if (rank < 1) return eao_tfe_fail(e, "an input of unknown rank");
  if (!eao_tfe_type(e, n->in[1])->data || !eao_tfe_type(e, n->in[2])->data)
    return computed_slice(e, n);
  bool last = eao_tfe_only_last(e, n->in[0]);
  EAO_TRY(eao_tfe_list(e, "the start", n->in[1], list[0], EAO_MAX_RANK, &k));
  EAO_TRY(eao_tfe_list(e, "the end", n->in[2], list[1], EAO_MAX_RANK, &m));
  for (int32_t i = 0; i < rank; i++) {
    list[2][i] = i;
    list[3][i] = step[i] = 1;
    begin[i] = 0;
    end[i] = 0;
  }
  if (n->n_in > 3 && n->in[3] != EAO_NONE)
    EAO_TRY(eao_tfe_list(e, "the axes", n->in[3], list[2], EAO_MAX_RANK, &m));
  if (n->n_in > 4 && n->in[4] != EAO_NONE)
    EAO_TRY(eao_tfe_list(e, "the steps", n->in[4], list[3], EAO_MAX_RANK, &m));
  a.begin_mask = a.end_mask = ((int64_t)1 << rank) - 1;
  for (int32_t i = 0; i < k; i++) {
    int32_t axis = from_end(list[2][i], rank);
    if (axis < 0 || axis >= rank) return eao_tfe_fail(e, "axis %d", axis);
    if (last) axis = axis_last(axis, rank);
    begin[axis] = list[0][i];
    end[axis] = list[1][i];
    step[axis] = list[3][i];
    a.begin_mask &= ~((int64_t)1 << axis);
    /* Far ends are masks: 32 bits could change their meaning. */
    if (list[1][i] < INT32_MAX && list[1][i] > INT32_MIN) a.end_mask &= ~((int64_t)1 << axis);
  }
  EAO_TRY(last ? eao_tfe_last(e, n->in[0], &in[0]) : eao_tfe_plain(e, n->in[0], &in[0]));
  EAO_TRY(eao_tfe_i32(e, begin, rank, &in[1]));
  EAO_TRY(eao_tfe_i32(e, end, rank, &in[2]));
  EAO_TRY(eao_tfe_i32(e, step, rank, &in[3]));
  EAO_TRY(eao_tfe_out(e, n->out[0], last, &out));
  return eao_tfe_node(e, EAO_OP_strided_slice, &a, in, 4, &out, 1);
}

/* ONNX's list [begins, ends] (for named axes) as rows (begin, end) for all. */
static eao_status pad(eao_tfe *e, const eao_node *n) {
  const eao_pad_attr *a = n->attr;
  const eao_tensor *p = eao_tfe_type(e, n->in[1]);
  int32_t rank = eao_tfe_type(e, n->in[0])->rank, k;
  int64_t list[2 * EAO_MAX_RANK], axes[EAO_MAX_RANK];
  bool has_value = n->n_in > 2 && n->in[2] != EAO_NONE && a->mode == EAO_PAD_CONSTANT;
  if (p->rank == 2 && (n->n_in < 4 || n->in[3] == EAO_NONE) && !eao_tfe_only_last(e, n->in[0]))
    return eao_tfe_copy(e, n);
  if (rank < 1 || !p->data) return eao_tfe_fail(e, "unknown rank or computed pads");
  bool last = eao_tfe_only_last(e, n->in[0]);
  k = rank;
  for (int32_t i = 0; i < rank; i++) axes[i] = i;
  if (n->n_in > 3 && n->in[3] != EAO_NONE)
    EAO_TRY(eao_tfe_list(e, "the axes", n->in[3], axes, EAO_MAX_RANK, &k));
  if (eao_tensor_count(p) != 2 * k) return eao_tfe_fail(e, "%d axes", k);
  memset(list, 0, sizeof list);
  for (int32_t i = 0; i < k; i++) {
    int32_t axis = from_end(axes[i], rank);
    if (axis < 0 || axis >= rank) return eao_tfe_fail(e, "axis %d", axis);
    if (last) axis = axis_last(axis, rank);
    eao_pad_entry(p, i, &list[2 * axis], &list[2 * axis + 1]);
    if (list[2 * axis] < 0 || list[2 * axis + 1] < 0) return eao_tfe_fail(e, "negative padding");
  }
  eao_vid in[3], out, flat;
  int64_t dim[2] = {rank, 2};
  EAO_TRY(last ? eao_tfe_last(e, n->in[0], &in[0]) : eao_tfe_plain(e, n->in[0], &in[0]));
  EAO_TRY(eao_tfe_i32(e, list, 2 * rank, &flat));
  EAO_TRY(eao_tfe_reshape(e, flat, dim, 2, &in[1]));
  if (has_value) EAO_TRY(eao_tfe_plain(e, n->in[2], &in[2]));
  EAO_TRY(eao_tfe_out(e, n->out[0], last, &out));
  return eao_tfe_node(e, EAO_OP_pad, a, in, has_value ? 3 : 2, &out, 1);
}

/* ONNX's Expand broadcasts both ways; BROADCAST_TO wants the result's shape. */
static eao_status expand(eao_tfe *e, const eao_node *n) {
  const eao_tensor *y = eao_tfe_type(e, n->out[0]);
  eao_vid in[2], out;
  const eao_tensor *to = eao_tfe_type(e, n->in[1]);
  bool same = to->data && to->dtype == EAO_I32 && eao_tensor_count(to) == y->rank;
  for (int32_t i = 0; i < y->rank; i++) {
    if (y->dim[i] < 0) return with_list(e, n);
    same = same && eao_get_i64(to, i) == y->dim[i];
  }
  if (y->rank < 0 || same) return with_list(e, n);
  EAO_TRY(plain_io(e, n, &in[0], &out));
  EAO_TRY(eao_tfe_i32(e, y->dim, y->rank, &in[1]));
  return eao_tfe_node(e, EAO_OP_expand, NULL, in, 2, &out, 1);
}

static eao_status shape(eao_tfe *e, const eao_node *n) {
  const eao_shape_attr *a = n->attr;
  const eao_tensor *x = eao_tfe_type(e, n->in[0]);
  int32_t first;
  if (x->rank >= 0 && eao_shape_range(a, x->rank, &first) != x->rank)
    return eao_tfe_fail(e, "a part of a shape");
  return eao_tfe_copy(e, n);
}

static eao_status depth_space(eao_tfe *e, const eao_node *n) {
  eao_depth_space_attr a = *(const eao_depth_space_attr *)n->attr;
  bool first = a.layout == EAO_LAYOUT_CHANNELS_FIRST;
  eao_vid in, out;
  if (a.mode != EAO_DEPTH_DCR) return eao_tfe_fail(e, "column-row-depth order");
  EAO_TRY(first ? eao_tfe_last(e, n->in[0], &in) : eao_tfe_plain(e, n->in[0], &in));
  EAO_TRY(eao_tfe_out(e, n->out[0], first, &out));
  a.layout = EAO_LAYOUT_CHANNELS_LAST;
  return eao_tfe_unary(e, n->op, &a, in, out);
}

/* The node that exchanges the axes of v when nothing else uses v. */
static const eao_node *only_transpose(const eao_tfe *e, eao_vid v) {
  const eao_graph *g = e->from;
  const eao_node *found = NULL;
  for (eao_nid k = 0; k < g->n_node; k++)
    for (uint32_t i = 0; g->node[k].op && i < g->node[k].n_in; i++) {
      if (g->node[k].in[i] != v) continue;
      if (found || g->node[k].op != EAO_OP_transpose) return NULL;
      found = &g->node[k];
    }
  for (uint32_t i = 0; i < g->n_output; i++)
    if (g->output[i] == v) return NULL;
  if (!found) return NULL;
  const eao_ints *p = &((const eao_transpose_attr *)found->attr)->perm;
  return p->n == 2 && p->v[0] == 1 ? found : NULL;
}

/* TFLite counts nonzero's coordinates in rows. */
static eao_status nonzero(eao_tfe *e, const eao_node *n) {
  eao_transpose_attr a = {{.n = 2, .v = {1, 0}}};
  eao_vid in, out, rows;
  const eao_node *turn = only_transpose(e, n->out[0]);
  if (turn) {
    EAO_TRY(eao_tfe_plain(e, n->in[0], &in));
    EAO_TRY(eao_tfe_out(e, turn->out[0], false, &rows));
    return eao_tfe_unary(e, EAO_OP_nonzero, NULL, in, rows);
  }
  EAO_TRY(plain_io(e, n, &in, &out));
  EAO_TRY(eao_tfe_temp_of(e, EAO_I64, &rows));
  EAO_TRY(eao_tfe_unary(e, EAO_OP_nonzero, NULL, in, rows));
  return eao_tfe_unary(e, EAO_OP_transpose, &a, rows, out);
}

/* ---- along axes ---- */

static eao_status reduce_as(eao_tfe *e, const eao_node *n, uint16_t op, eao_vid x, bool last,
                            eao_vid out) {
  eao_reduce_attr a = *(const eao_reduce_attr *)n->attr;
  int32_t rank = eao_tfe_type(e, n->in[0])->rank, k = 0;
  int64_t axes[EAO_MAX_RANK];
  eao_vid in[2] = {x};
  if (n->n_in > 1 && n->in[1] != EAO_NONE)
    EAO_TRY(eao_tfe_list(e, "the axes", n->in[1], axes, EAO_MAX_RANK, &k));
  bool given = k > 0;
  if (k == 0 && !a.noop_with_empty_axes) {
    if (rank < 0) return eao_tfe_fail(e, "an input of unknown rank");
    for (k = 0; k < rank; k++) axes[k] = k;
  }
  for (int32_t i = 0; last && i < k; i++) axes[i] = axis_last(from_end(axes[i], rank), rank);
  a.noop_with_empty_axes = 1;
  if (given && !last)
    EAO_TRY(narrow(e, n->in[1], &in[1]));
  else
    EAO_TRY(eao_tfe_i32(e, axes, k, &in[1]));
  return eao_tfe_node(e, op, &a, in, 2, &out, 1);
}

/* A channels-last value can be reduced as it is when its axes are kept, or when all but the batch
 * and the channels go. */
static bool reduce_on_last(const eao_tfe *e, const eao_node *n, bool *out_last_result) {
  const eao_reduce_attr *a = n->attr;
  int32_t rank = eao_tfe_type(e, n->in[0])->rank;
  bool gone[EAO_MAX_RANK] = {false};
  *out_last_result = a->keepdims != 0;
  if (!eao_tfe_only_last(e, n->in[0]) || rank < 3) return false;
  if (a->keepdims) return true;
  const eao_tensor *axes = n->n_in > 1 && n->in[1] != EAO_NONE ? eao_tfe_type(e, n->in[1]) : NULL;
  if (!axes || !axes->data) return false;
  for (int64_t i = 0; i < eao_tensor_count(axes); i++) {
    int32_t axis = from_end(eao_get_i64(axes, i), rank);
    if (axis >= 0 && axis < rank) gone[axis] = true;
  }
  for (int32_t i = 2; i < rank; i++)
    if (!gone[i]) return false;
  return true;
}

static eao_status reduce(eao_tfe *e, const eao_node *n) {
  static const struct {
    uint16_t op, before, reduce, after;
  } made[] = {{EAO_OP_reduce_l1, EAO_OP_abs, EAO_OP_reduce_sum, 0},
              {EAO_OP_reduce_l2, EAO_OP_square, EAO_OP_reduce_sum, EAO_OP_sqrt},
              {EAO_OP_reduce_sum_square, EAO_OP_square, EAO_OP_reduce_sum, 0},
              {EAO_OP_reduce_log_sum, 0, EAO_OP_reduce_sum, EAO_OP_log}};
  uint16_t before = 0, op = n->op, after = 0;
  bool last_result, last = reduce_on_last(e, n, &last_result);
  eao_vid x, y, out;
  for (size_t i = 0; i < EAO_COUNT(made); i++)
    if (made[i].op == n->op) {
      before = made[i].before;
      op = made[i].reduce;
      after = made[i].after;
    }
  EAO_TRY(last ? eao_tfe_last(e, n->in[0], &x) : eao_tfe_plain(e, n->in[0], &x));
  EAO_TRY(eao_tfe_out(e, n->out[0], last && last_result, &out));
  if (before) {
    EAO_TRY(eao_tfe_temp(e, n->in[0], &y));
    EAO_TRY(eao_tfe_unary(e, before, NULL, x, y));
    x = y;
  }
  if (!after) return reduce_as(e, n, op, x, last, out);
  EAO_TRY(eao_tfe_temp(e, n->out[0], &y));
  EAO_TRY(reduce_as(e, n, op, x, last, y));
  return eao_tfe_unary(e, after, NULL, y, out);
}

/* TFLite's softmax is over the last axis. */
static eao_status softmax(eao_tfe *e, const eao_node *n) {
  eao_softmax_attr a = *(const eao_softmax_attr *)n->attr;
  int32_t rank = eao_tfe_type(e, n->in[0])->rank, perm[EAO_MAX_RANK];
  if (rank < 1) return a.axis == -1 ? eao_tfe_copy(e, n) : eao_tfe_fail(e, "an unknown rank");
  int32_t axis = from_end(a.axis, rank);
  a.axis = -1;
  bool last = eao_tfe_only_last(e, n->in[0]);
  if (axis == 1 && last && rank > 2) {
    eao_vid in, out;
    EAO_TRY(eao_tfe_last(e, n->in[0], &in));
    EAO_TRY(eao_tfe_out(e, n->out[0], true, &out));
    return eao_tfe_unary(e, n->op, &a, in, out);
  }
  eao_vid in, out, t, y;
  EAO_TRY(plain_io(e, n, &in, &out));
  if (axis == rank - 1) return eao_tfe_unary(e, n->op, &a, in, out);
  for (int32_t i = 0; i < rank; i++) perm[i] = i;
  perm[axis] = rank - 1;
  perm[rank - 1] = axis;
  EAO_TRY(eao_tfe_permute(e, in, perm, rank, &t));
  EAO_TRY(eao_tfe_temp(e, n->out[0], &y));
  EAO_TRY(eao_tfe_unary(e, n->op, &a, t, y));
  eao_transpose_attr back = {{.n = rank}};
  for (int32_t i = 0; i < rank; i++) back.perm.v[i] = perm[i];
  return eao_tfe_unary(e, EAO_OP_transpose, &back, y, out);
}

static eao_status arg_extreme(eao_tfe *e, const eao_node *n) {
  eao_arg_attr a = *(const eao_arg_attr *)n->attr;
  if (a.select_last_index) return eao_tfe_fail(e, "the last of equal values");
  if (!a.keepdims) return eao_tfe_copy(e, n);
  eao_vid in, out, flat, axis;
  a.keepdims = 0;
  EAO_TRY(plain_io(e, n, &in, &out));
  EAO_TRY(eao_tfe_temp(e, n->out[0], &flat));
  EAO_TRY(eao_tfe_unary(e, n->op, &a, in, flat));
  EAO_TRY(eao_tfe_i32(e, &a.axis, 1, &axis));
  return eao_tfe_binary(e, EAO_OP_unsqueeze, flat, axis, out);
}

static eao_status topk(eao_tfe *e, const eao_node *n) {
  const eao_topk_attr *a = n->attr;
  int32_t rank = eao_tfe_type(e, n->in[0])->rank;
  if (!a->largest || (a->axis != -1 && a->axis != rank - 1))
    return eao_tfe_fail(e, "the smallest, or not along the last axis");
  if (n->n_out > 1 && n->out[1] != EAO_NONE && a->index_type != EAO_I32) {
    eao_topk_attr r = *a;
    eao_vid in[2], out[2], wide;
    struct {
      int32_t to;
    } cast = {EAO_I64};
    r.index_type = EAO_I32;
    EAO_TRY(eao_tfe_plain(e, n->in[0], &in[0]));
    EAO_TRY(narrow(e, n->in[1], &in[1]));
    EAO_TRY(eao_tfe_out(e, n->out[0], false, &out[0]));
    EAO_TRY(eao_tfe_out(e, n->out[1], false, &wide));
    EAO_TRY(eao_tfe_temp_of(e, EAO_I32, &out[1]));
    EAO_TRY(eao_tfe_node(e, EAO_OP_topk, &r, in, 2, out, 2));
    return eao_tfe_unary(e, EAO_OP_cast, &cast, out[1], wide);
  }
  return eao_tfe_copy(e, n);
}

/* ---- resize ---- */

/* Given scales are the ratios of the extents, which is what TFLite computes with. */
static bool scales_fit(const eao_tfe *e, const eao_node *n) {
  const eao_resize_attr *a = n->attr;
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *y = eao_tfe_type(e, n->out[0]);
  const eao_tensor *s = n->n_in > 2 && n->in[2] != EAO_NONE ? eao_tfe_type(e, n->in[2]) : NULL;
  if (!s || (s->rank == 1 && s->dim[0] == 0)) return true;
  if (!s->data) return false;
  for (int64_t i = 0; i < eao_tensor_count(s); i++) {
    int32_t d = a->axes.n ? from_end(a->axes.v[i], x->rank) : (int32_t)i;
    if (d < 0 || d >= x->rank || eao_get_f64(s, i) * (double)x->dim[d] != (double)y->dim[d])
      return false;
  }
  return true;
}

static eao_status resize(eao_tfe *e, const eao_node *n) {
  eao_resize_attr a = *(const eao_resize_attr *)n->attr;
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *y = eao_tfe_type(e, n->out[0]);
  if (x->rank != 4 || y->rank != 4) return eao_tfe_resize_by_matrix(e, n);
  bool moved[4];
  for (int32_t i = 0; i < 4; i++) {
    moved[i] = x->dim[i] != y->dim[i];
    for (int32_t k = 0; k < a.axes.n; k++) moved[i] = moved[i] || from_end(a.axes.v[k], 4) == i;
  }
  bool tflite = a.axes.n == 2 && a.axes.v[0] == 1 && a.axes.v[1] == 2;
  bool first = !tflite && !moved[1];
  if (moved[0] || moved[first ? 1 : 3] || a.aspect || !scales_fit(e, n))
    return eao_tfe_resize_by_matrix(e, n);
  int32_t h = first ? 2 : 1;
  bool align = a.coordinates == EAO_COORD_ALIGN_CORNERS;
  bool linear = a.mode == EAO_RESIZE_LINEAR;
  if (a.coordinates == EAO_COORD_PYTORCH_HALF_PIXEL && y->dim[h] > 1 && y->dim[h + 1] > 1)
    a.coordinates = EAO_COORD_HALF_PIXEL;
  bool known =
      linear
          ? align || a.coordinates == EAO_COORD_HALF_PIXEL || a.coordinates == EAO_COORD_ASYMMETRIC
      : align ? a.nearest == EAO_NEAREST_ROUND_PREFER_CEIL
              : a.nearest == EAO_NEAREST_FLOOR && (a.coordinates == EAO_COORD_ASYMMETRIC ||
                                                   a.coordinates == EAO_COORD_TF_HALF_PIXEL_NN);
  /* Half-pixel nearest rounding .5 down picks the same pixels as floor of the centre when the
   * output is a whole multiple of the input. */
  if (!known && a.mode == EAO_RESIZE_NEAREST && a.coordinates == EAO_COORD_HALF_PIXEL &&
      x->dim[h] > 0 && x->dim[h + 1] > 0 && y->dim[h] % x->dim[h] == 0 &&
      y->dim[h + 1] % x->dim[h + 1] == 0) {
    a.coordinates = EAO_COORD_TF_HALF_PIXEL_NN;
    a.nearest = EAO_NEAREST_FLOOR;
    known = true;
  }
  if (!known || a.mode == EAO_RESIZE_CUBIC || a.antialias || a.exclude_outside)
    return eao_tfe_resize_by_matrix(e, n);
  if (y->dim[h] < 0 || y->dim[h + 1] < 0) {
    if (!tflite || n->n_in < 4) return eao_tfe_fail(e, "a size that is not known");
    return eao_tfe_copy(e, n);
  }
  eao_vid in[4] = {EAO_NONE, EAO_NONE, EAO_NONE, EAO_NONE}, out;
  EAO_TRY(first ? eao_tfe_last(e, n->in[0], &in[0]) : eao_tfe_plain(e, n->in[0], &in[0]));
  EAO_TRY(eao_tfe_out(e, n->out[0], first, &out));
  if (tflite && n->n_in > 3 && n->in[3] != EAO_NONE)
    EAO_TRY(narrow(e, n->in[3], &in[3]));
  else
    EAO_TRY(eao_tfe_i32(e, &y->dim[h], 2, &in[3]));
  a.axes = (eao_ints){.n = 2, .v = {1, 2}};
  return eao_tfe_node(e, EAO_OP_resize, &a, in, 4, &out, 1);
}

/* ---- bodies ---- */

static eao_status body(eao_tfe *e, const eao_graph *from, eao_graph **out) {
  *out = eao_graph_create_sub(e->to);
  return *out ? eao_tfe_graph(from, *out) : EAO_ERR_NOMEM;
}

static eao_status control_node(eao_tfe *e, const eao_node *n, const void *attr) {
  eao_node m = *n;
  m.attr = (void *)(uintptr_t)attr;
  return eao_tfe_copy(e, &m);
}

static eao_status if_op(eao_tfe *e, const eao_node *n) {
  const eao_if_attr *a = n->attr;
  eao_if_attr r;
  EAO_TRY(body(e, a->then_graph, &r.then_graph));
  EAO_TRY(body(e, a->else_graph, &r.else_graph));
  return control_node(e, n, &r);
}

static eao_status while_op(eao_tfe *e, const eao_node *n) {
  const eao_while_attr *a = n->attr;
  eao_while_attr r;
  EAO_TRY(body(e, a->cond_graph, &r.cond_graph));
  EAO_TRY(body(e, a->body_graph, &r.body_graph));
  return control_node(e, n, &r);
}

/* LiteRT dequantises 8- and 16-bit integers only; a wider constant is computed here. */
static eao_status dequantize(eao_tfe *e, const eao_node *n) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]);
  if (x->dtype != EAO_I32 || !x->data) return eao_tfe_copy(e, n);
  eao_tensor y = *eao_tfe_type(e, n->out[0]);
  y.rank = x->rank;
  memcpy(y.dim, x->dim, sizeof y.dim);
  y.data = eao_arena_array(&e->to->arena, (uint64_t)eao_tensor_count(x) + 1, 8);
  if (!y.data) return EAO_NOMEM(e->ctx);
  for (int64_t i = 0; i < eao_tensor_count(x); i++) {
    int64_t q = eao_get_i64(x, i) - (x->quant.n ? eao_quant_zero(x, i) : 0);
    eao_set_f64(&y, i, (double)((float)q * (x->quant.n ? eao_quant_scale(x, i) : 1)));
  }
  return eao_graph_add_value(e->to, e->from->value[n->out[0]].name, &y, &e->value[n->out[0]].plain);
}

static eao_tfe_fn find_move(uint16_t op) {
  switch (op) {
  case EAO_OP_identity:
  case EAO_OP_dropout: return alias;
  case EAO_OP_reshape:
  case EAO_OP_flatten: return reshape;
  case EAO_OP_squeeze: return squeeze;
  case EAO_OP_unsqueeze: return unsqueeze;
  case EAO_OP_transpose: return transpose;
  case EAO_OP_concat: return concat;
  case EAO_OP_split: return split;
  case EAO_OP_slice: return slice;
  case EAO_OP_pad: return pad;
  case EAO_OP_expand: return expand;
  case EAO_OP_tile: return with_list;
  case EAO_OP_shape: return shape;
  case EAO_OP_depth_to_space:
  case EAO_OP_space_to_depth: return depth_space;
  case EAO_OP_nonzero: return nonzero;
  case EAO_OP_reduce_sum:
  case EAO_OP_reduce_mean:
  case EAO_OP_reduce_max:
  case EAO_OP_reduce_min:
  case EAO_OP_reduce_prod:
  case EAO_OP_reduce_any:
  case EAO_OP_reduce_all:
  case EAO_OP_reduce_l1:
  case EAO_OP_reduce_l2:
  case EAO_OP_reduce_sum_square:
  case EAO_OP_reduce_log_sum: return reduce;
  case EAO_OP_softmax:
  case EAO_OP_log_softmax: return softmax;
  case EAO_OP_argmax:
  case EAO_OP_argmin: return arg_extreme;
  case EAO_OP_topk: return topk;
  case EAO_OP_resize: return resize;
  case EAO_OP_dequantize: return dequantize;
  case EAO_OP_if: return if_op;
  case EAO_OP_while: return while_op;
  default: return NULL;
  }
}

eao_tfe_fn eao_tfe_find(uint16_t op) {
  eao_tfe_fn fn = eao_tfe_find_spatial(op);
  if (!fn) fn = eao_tfe_find_math(op);
  if (!fn) fn = eao_tfe_find_unary(op);
  if (!fn) fn = eao_tfe_find_matrix(op);
  if (!fn) fn = eao_tfe_find_pick(op);
  return fn ? fn : find_move(op);
}
