/* Ops of TFLite that move elements, as slices, pads, reshapes and transposes of ONNX. Their lists
 * must be constant and, where a shape is rebuilt, the input's shape known. */
#include "emit/onnx/onnx_out.h"
#include "kernel/ref/resize.h"
#include "kernel/ref/slice.h"

static eao_status need_const(const out_call *c, uint32_t i, const char *what) {
  if (out_type_in(c, i)->data) return EAO_OK;
  return eao_fail(c->o->ctx, EAO_ERR_UNSUPPORTED, "%s that are not constant have no ONNX form",
                  what);
}

/* All extents from axis `from` on. */
static eao_status need_shape(const out_call *c, const eao_tensor *x, int32_t from) {
  for (int32_t i = from; i < x->rank; i++)
    if (x->dim[i] < 0)
      return eao_fail(c->o->ctx, EAO_ERR_UNSUPPORTED,
                      "an unknown extent has no ONNX form here: bind it with --shape");
  return x->rank >= 0 ? EAO_OK : eao_fail(c->o->ctx, EAO_ERR_UNSUPPORTED, "unknown rank");
}

static const char *reshape(const out_call *c, const char *x, const int64_t *dim, int32_t rank,
                           const char *out) {
  const char *in[2] = {x, out_i64s(c->o, dim, rank)};
  out_simple(c->o, "Reshape", in, 2, out);
  return out;
}

/* Slices of all axes: element start, start + step, ... */
static const char *slice(const out_call *c, const char *x, const eao_slice_dim *axis, int32_t rank,
                         const char *out) {
  int64_t from[EAO_MAX_RANK], to[EAO_MAX_RANK], axes[EAO_MAX_RANK], by[EAO_MAX_RANK];
  for (int32_t i = 0; i < rank; i++) {
    from[i] = axis[i].start;
    to[i] = axis[i].start + axis[i].count * axis[i].step;
    if (to[i] < 0) to[i] = INT64_MIN; /* -1 would mean the last element */
    axes[i] = i;
    by[i] = axis[i].step;
  }
  const char *in[5] = {x, out_i64s(c->o, from, rank), out_i64s(c->o, to, rank),
                       out_i64s(c->o, axes, rank), out_i64s(c->o, by, rank)};
  out_simple(c->o, "Slice", in, 5, out);
  return out;
}

eao_status out_strided_slice(const out_call *c) {
  const eao_tensor *x = out_type_in(c, 0);
  eao_strided_slice_plan plan;
  for (uint32_t i = 1; i < 4; i++) EAO_TRY(need_const(c, i, "slice bounds"));
  EAO_TRY(need_shape(c, x, 0));
  const char *wrong = eao_strided_slice_resolve(c->n->attr, x, out_type_in(c, 1), out_type_in(c, 2),
                                                out_type_in(c, 3), &plan);
  if (wrong) return eao_fail(c->o->ctx, EAO_ERR_SHAPE, "%s", wrong);
  const char *part = slice(c, c->in[0], plan.axis, x->rank, out_fresh(c->o, ""));
  reshape(c, part, plan.dim, plan.rank, c->out[0]);
  return EAO_OK;
}

eao_status out_pad(const out_call *c) {
  static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
  const eao_pad_attr *a = c->n->attr;
  const eao_tensor *pads = out_type_in(c, 1);
  const char *in[4] = {c->in[0], c->in[1]};
  uint32_t n_in = c->n->n_in;
  if (a->mode < 0 || a->mode >= (int32_t)EAO_COUNT(modes))
    return eao_fail(c->o->ctx, EAO_ERR_UNSUPPORTED, "symmetric padding has no ONNX form");
  for (uint32_t i = 2; i < n_in; i++) in[i] = c->in[i];
  if (pads->rank == 2) { /* pairs: TFLite's order */
    int64_t flat[2 * EAO_MAX_RANK], n = pads->dim[0];
    EAO_TRY(need_const(c, 1, "paddings"));
    if (n < 0 || n > EAO_MAX_RANK)
      return eao_fail(c->o->ctx, EAO_ERR_SHAPE, "%lld paddings", (long long)n);
    for (int64_t k = 0; k < n; k++) eao_pad_entry(pads, k, &flat[k], &flat[n + k]);
    in[1] = out_i64s(c->o, flat, (int32_t)(2 * n));
  }
  eao_pb_mark m = out_node(c->o, "Pad", c->name, in, n_in, c->out, 1);
  if (a->mode) out_str(c->o, "mode", modes[a->mode]);
  out_node_end(c->o, m);
  return EAO_OK;
}

/* Sizes of all axes where they are known: fewer readers take sizes of some axes only. */
eao_status out_resize(const out_call *c) {
  eao_resize_attr a = *(const eao_resize_attr *)c->n->attr;
  const eao_tensor *x = out_type_in(c, 0), *y = &c->s->g->value[c->n->out[0]].t;
  const char *in[4] = {c->in[0], "", "", ""};
  bool known =
      a.axes.n && c->n->n_in > 3 && !*c->in[1] && !*c->in[2] && !a.aspect && y->rank == x->rank;
  for (int32_t i = 0; i < x->rank; i++) known = known && x->dim[i] >= 0 && y->dim[i] >= 0;
  if (known) {
    in[3] = out_i64s(c->o, y->dim, x->rank);
    a.axes.n = 0;
  } else {
    for (uint32_t i = 1; i < c->n->n_in; i++) in[i] = c->in[i];
  }
  eao_pb_mark m = out_node(c->o, "Resize", c->name, in, c->n->n_in, c->out, 1);
  EAO_TRY(out_attrs(c->o, c->d, &a));
  out_node_end(c->o, m);
  return EAO_OK;
}

typedef struct blocks {
  int32_t m; /* spatial axes, after the first */
  int64_t size[EAO_MAX_RANK];
  int64_t begin[EAO_MAX_RANK], end[EAO_MAX_RANK]; /* paddings or crops */
} blocks;

static eao_status read_blocks(const out_call *c, blocks *b) {
  const eao_tensor *x = out_type_in(c, 0), *block = out_type_in(c, 1), *pads = out_type_in(c, 2);
  EAO_TRY(need_const(c, 1, "block extents"));
  EAO_TRY(need_const(c, 2, "paddings"));
  EAO_TRY(need_shape(c, x, 1)); /* a free batch becomes the -1 of a reshape */
  b->m = (int32_t)block->dim[0];
  if (x->rank + b->m > EAO_MAX_RANK)
    return eao_fail(c->o->ctx, EAO_ERR_UNSUPPORTED, "blocks of rank %d have no ONNX form", x->rank);
  for (int32_t k = 0; k < b->m; k++) {
    b->size[k] = eao_get_i64(block, k);
    b->begin[k] = eao_get_i64(pads, 2 * k);
    b->end[k] = eao_get_i64(pads, 2 * k + 1);
  }
  return EAO_OK;
}

eao_status out_space_to_batch(const out_call *c) {
  const eao_tensor *x = out_type_in(c, 0), *y = &c->s->g->value[c->n->out[0]].t;
  blocks b;
  int64_t pads[2 * EAO_MAX_RANK] = {0}, dim[EAO_MAX_RANK], perm[EAO_MAX_RANK];
  EAO_TRY(read_blocks(c, &b));
  EAO_TRY(need_shape(c, y, 1));
  int32_t rank = x->rank, at = 0, to = 0;
  dim[at++] = x->dim[0];
  for (int32_t k = 0; k < b.m; k++) {
    pads[1 + k] = b.begin[k];
    pads[rank + 1 + k] = b.end[k];
    dim[at++] = (x->dim[1 + k] + b.begin[k] + b.end[k]) / b.size[k];
    dim[at++] = b.size[k];
  }
  for (int32_t i = 1 + b.m; i < rank; i++) dim[at++] = x->dim[i];
  for (int32_t k = 0; k < b.m; k++) perm[to++] = 2 + 2 * k;
  perm[to++] = 0;
  for (int32_t k = 0; k < b.m; k++) perm[to++] = 1 + 2 * k;
  for (; to < at; to++) perm[to] = to;
  const char *wide = out_fresh(c->o, ""), *apart = out_fresh(c->o, ""),
             *turned = out_fresh(c->o, "");
  out_simple(c->o, "Pad", (const char *const[]){c->in[0], out_i64s(c->o, pads, 2 * rank)}, 2, wide);
  out_transpose(c->o, reshape(c, wide, dim, at, apart), turned, perm, at);
  reshape(c, turned, y->dim, rank, c->out[0]);
  return EAO_OK;
}

eao_status out_batch_to_space(const out_call *c) {
  const eao_tensor *x = out_type_in(c, 0);
  blocks b;
  eao_slice_dim keep[EAO_MAX_RANK];
  int64_t dim[EAO_MAX_RANK], whole[EAO_MAX_RANK], perm[EAO_MAX_RANK], batch = x->dim[0];
  EAO_TRY(read_blocks(c, &b));
  int32_t rank = x->rank, at = 0, to = 0;
  for (int32_t k = 0; k < b.m; k++) {
    dim[at++] = b.size[k];
    batch = batch < 0 ? batch : batch / b.size[k];
  }
  dim[at++] = whole[0] = batch;
  for (int32_t i = 1; i < rank; i++) {
    dim[at++] = x->dim[i];
    whole[i] = x->dim[i] * (i <= b.m ? b.size[i - 1] : 1);
  }
  perm[to++] = b.m;
  for (int32_t k = 0; k < b.m; k++) {
    perm[to++] = b.m + 1 + k;
    perm[to++] = k;
  }
  for (; to < at; to++) perm[to] = to;
  for (int32_t i = 0; i < rank; i++) {
    bool cut = i >= 1 && i <= b.m;
    keep[i] = (eao_slice_dim){cut ? b.begin[i - 1] : 0, 1, whole[i] < 0 ? INT32_MAX : whole[i]};
    if (cut) keep[i].count -= b.begin[i - 1] + b.end[i - 1];
  }
  const char *apart = out_fresh(c->o, ""), *turned = out_fresh(c->o, ""),
             *joined = out_fresh(c->o, "");
  out_transpose(c->o, reshape(c, c->in[0], dim, at, apart), turned, perm, at);
  slice(c, reshape(c, turned, whole, rank, joined), keep, rank, c->out[0]);
  return EAO_OK;
}
