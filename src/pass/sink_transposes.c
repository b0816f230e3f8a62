/* Transposes move down, past ops that can work on the data as it was before, until two of them
 * meet and cancel or become a reshape.
 *
 * y = op(transpose(x, p)) becomes y = transpose(op'(x), p'), op' with its axes renamed. With
 * several inputs the ones that are not transposed get the inverse transpose, which must cost
 * nothing (a constant, or axes of extent 1), or at least cost less than what goes away. */
#include <string.h>

#include "kernel/ref/cast.h"
#include "kernel/ref/move.h"
#include "kernel/ref/reduce.h"
#include "kernel/ref/resize.h"
#include "kernel/ref/slice.h"
#include "pass/pass.h"

typedef struct perm {
  int32_t n;
  int64_t v[EAO_MAX_RANK];
} perm;

static bool perm_of(const eao_graph *g, eao_vid v, perm *out) {
  eao_nid p = v == EAO_NONE ? EAO_NONE : g->value[v].producer;
  if (p == EAO_NONE || g->node[p].op != EAO_OP_transpose) return false;
  const eao_transpose_attr *a = g->node[p].attr;
  int32_t rank = g->value[v].t.rank;
  if (rank < 2 || (a->perm.n && a->perm.n != rank)) return false;
  out->n = rank;
  for (int32_t i = 0; i < rank; i++) out->v[i] = a->perm.n ? a->perm.v[i] : rank - 1 - i;
  return true;
}

static perm inverse(const perm *p) {
  perm q = {.n = p->n};
  for (int32_t i = 0; i < p->n; i++) q.v[p->v[i]] = i;
  return q;
}

static bool same(const perm *a, const perm *b) {
  return a->n == b->n && memcmp(a->v, b->v, (size_t)a->n * sizeof *a->v) == 0;
}

static eao_transpose_attr attr_of(const perm *p) {
  eao_transpose_attr a;
  memset(&a, 0, sizeof a);
  a.perm.n = p->n;
  memcpy(a.perm.v, p->v, (size_t)p->n * sizeof *p->v);
  return a;
}

static bool per_axis(const eao_tensor *t) {
  return t->quant.n && t->quant.axis >= 0;
}

/* Does a transpose by p of a tensor of this shape move anything? */
static bool moves(const perm *p, const eao_tensor *t) {
  int64_t last = -1;
  for (int32_t i = 0; i < p->n; i++) {
    if (t->dim[p->v[i]] == 1) continue;
    if (p->v[i] < last) return true;
    last = p->v[i];
  }
  return false;
}

static eao_status add_transpose(eao_rewrite *r, eao_vid x, const perm *p, eao_vid *out) {
  eao_transpose_attr a = attr_of(p);
  EAO_TRY(eao_rewrite_node(r, EAO_OP_transpose, "", &a, &x, 1, out));
  eao_graph *g = r->g;
  g->value[*out].t = g->value[x].t;
  g->value[*out].t.data = NULL;
  for (int32_t i = 0; i < p->n; i++) g->value[*out].t.dim[i] = g->value[x].t.dim[p->v[i]];
  return EAO_OK;
}

/* v as it must be fed to the op once its inputs are not transposed by p any more. */
static eao_status undo(eao_rewrite *r, eao_vid v, const perm *p, eao_vid *out) {
  eao_graph *g = r->g;
  perm q, inv = inverse(p);
  *out = v;
  if (v == EAO_NONE) return EAO_OK;
  const eao_tensor *t = &g->value[v].t;
  if (t->rank == 0 || (eao_value_is_const(g, v) && eao_tensor_count(t) == 1 && !per_axis(t)))
    return EAO_OK;
  if (perm_of(g, v, &q) && same(&q, p)) {
    *out = g->node[g->value[v].producer].in[0];
    return EAO_OK;
  }
  if (t->rank < p->n) { /* broadcast: spell out the leading ones */
    int64_t dim[EAO_MAX_RANK];
    eao_tensor wide = *t;
    wide.rank = p->n;
    wide.data = NULL;
    for (int32_t i = 0; i < p->n; i++) {
      int32_t k = i - (p->n - t->rank);
      wide.dim[i] = dim[i] = k < 0 ? 1 : t->dim[k];
    }
    eao_vid shape, in[2] = {v};
    EAO_TRY(eao_graph_add_i64(g, "", dim, p->n, &shape));
    in[1] = shape;
    EAO_TRY(eao_rewrite_node(r, EAO_OP_reshape, "", NULL, in, 2, &v));
    g->value[v].t = wide;
  }
  return add_transpose(r, v, &inv, out);
}

/* Node id gets new inputs; its output moves behind a transpose by p. The output's type in the graph
 * is the one after that transpose, so the inner value's is computed back. */
static eao_status put_below(eao_rewrite *r, eao_nid id, const perm *p) {
  eao_graph *g = r->g;
  eao_vid y = g->node[id].out[0], inner;
  eao_tensor t = g->value[y].t;
  perm inv = inverse(p);
  for (int32_t i = 0; i < p->n; i++) t.dim[i] = g->value[y].t.dim[inv.v[i]];
  EAO_TRY(eao_graph_add_value(g, "", &t, &inner));
  eao_transpose_attr a = attr_of(p);
  EAO_TRY(eao_graph_add_node(g, EAO_OP_transpose, "", &a, sizeof a, &inner, 1, &y, 1, NULL));
  g->node[id].out[0] = inner;
  g->value[inner].producer = id;
  r->changes++;
  return EAO_OK;
}

static void set_input(eao_rewrite *r, eao_nid id, uint32_t k, eao_vid v) {
  r->g->node[id].in[k] = v;
}

/* ---- one kind of op each; they return false in *did when the transpose stays ---- */

/* Inputs [0, n) have the output's axes. */
static bool worth_it(const eao_graph *g, const eao_node *n, uint32_t n_in, const perm *p) {
  perm q;
  int gone = 0, come = 0;
  for (uint32_t i = 0; i < n_in; i++) {
    if (n->in[i] == EAO_NONE) continue;
    const eao_tensor *t = &g->value[n->in[i]].t;
    if (t->rank < 0 || t->rank > p->n || per_axis(t)) return false;
    if (perm_of(g, n->in[i], &q) && same(&q, p)) {
      gone++;
    } else if (!eao_value_is_const(g, n->in[i])) {
      if (t->rank < p->n) continue; /* few axes: small */
      if (moves(p, t)) come++;
    }
  }
  return gone > come;
}

static eao_status sink_aligned(eao_rewrite *r, eao_nid id, uint32_t n_in, const perm *p) {
  for (uint32_t i = 0; i < n_in; i++) {
    eao_vid v;
    EAO_TRY(undo(r, r->g->node[id].in[i], p, &v));
    set_input(r, id, i, v);
  }
  return put_below(r, id, p);
}

static bool map_axis(int64_t *axis, const perm *p) {
  int64_t a = *axis < 0 ? *axis + p->n : *axis;
  if (a < 0 || a >= p->n) return false;
  *axis = p->v[a];
  return true;
}

/* A constant list of axes, renamed; absent lists mean all axes and stay. */
static eao_status map_axes(eao_rewrite *r, eao_nid id, uint32_t k, const perm *p, bool *did) {
  eao_graph *g = r->g;
  int64_t axes[EAO_MAX_RANK];
  *did = true;
  if (k >= g->node[id].n_in || g->node[id].in[k] == EAO_NONE) return EAO_OK;
  const eao_tensor *t = &g->value[g->node[id].in[k]].t;
  int64_t n = t->data && t->rank <= 1 ? eao_tensor_count(t) : -1;
  *did = n >= 0 && n <= EAO_MAX_RANK;
  for (int64_t i = 0; *did && i < n; i++) {
    axes[i] = eao_get_i64(t, i);
    *did = map_axis(&axes[i], p);
  }
  if (!*did) return EAO_OK;
  eao_vid fresh;
  EAO_TRY(eao_graph_add_i64(g, "", axes, (int32_t)n, &fresh));
  set_input(r, id, k, fresh);
  return EAO_OK;
}

/* A reduction; the axes that remain keep their order among themselves. */
static eao_status sink_reduce(eao_rewrite *r, eao_nid id, const perm *p, bool *did) {
  eao_graph *g = r->g;
  const eao_node *n = &g->node[id];
  const eao_reduce_attr *a = n->attr;
  const eao_tensor *axes = n->n_in > 1 && n->in[1] != EAO_NONE ? &g->value[n->in[1]].t : NULL;
  bool gone[EAO_MAX_RANK] = {false};
  *did = false;
  if (axes && !axes->data) return EAO_OK;
  int64_t count = axes ? eao_tensor_count(axes) : 0;
  if (count == 0 && a->noop_with_empty_axes) return EAO_OK;
  for (int64_t i = 0; i < count; i++) {
    int64_t x = eao_get_i64(axes, i);
    if (!map_axis(&x, p)) return EAO_OK;
    gone[x] = true;
  }
  if (count == 0) memset(gone, true, sizeof gone);
  perm out = *p;
  if (!a->keepdims) { /* the order of what remains, counted without what is gone */
    out.n = 0;
    for (int32_t i = 0; i < p->n; i++) {
      if (gone[p->v[i]]) continue;
      int64_t at = 0;
      for (int64_t k = 0; k < p->v[i]; k++) at += !gone[k];
      out.v[out.n++] = at;
    }
  }
  bool ok;
  EAO_TRY(map_axes(r, id, 1, p, &ok));
  if (!ok) return EAO_OK;
  set_input(r, id, 0, g->node[g->value[g->node[id].in[0]].producer].in[0]);
  *did = true;
  return put_below(r, id, &out);
}

static eao_status sink_pad(eao_rewrite *r, eao_nid id, const perm *p, bool *did) {
  eao_graph *g = r->g;
  const eao_node *n = &g->node[id];
  int64_t pads[2 * EAO_MAX_RANK];
  *did = false;
  if (n->n_in > 3 && n->in[3] != EAO_NONE) {
    bool ok;
    EAO_TRY(map_axes(r, id, 3, p, &ok));
    if (!ok) return EAO_OK;
  } else {
    const eao_tensor *t = &g->value[n->in[1]].t;
    if (!t->data || eao_tensor_count(t) != 2 * p->n) return EAO_OK;
    for (int32_t i = 0; i < p->n; i++) {
      int64_t b, e;
      eao_pad_entry(t, i, &b, &e);
      pads[p->v[i]] = b;
      pads[p->n + p->v[i]] = e;
    }
    eao_vid fresh;
    EAO_TRY(eao_graph_add_i64(g, "", pads, 2 * p->n, &fresh));
    set_input(r, id, 1, fresh);
  }
  set_input(r, id, 0, g->node[g->value[g->node[id].in[0]].producer].in[0]);
  *did = true;
  return put_below(r, id, p);
}

/* A constant list with one entry an axis, reordered. */
static eao_status permute_list(eao_rewrite *r, eao_nid id, uint32_t k, const perm *p, bool *did) {
  eao_graph *g = r->g;
  *did = true;
  if (k >= g->node[id].n_in || g->node[id].in[k] == EAO_NONE) return EAO_OK;
  eao_tensor t = g->value[g->node[id].in[k]].t;
  double was[EAO_MAX_RANK];
  if (t.data && eao_tensor_count(&t) == 0) return EAO_OK;
  if (!t.data || eao_tensor_count(&t) != p->n || !(*did = eao_dtype_bits(t.dtype) >= 32)) {
    *did = false;
    return EAO_OK;
  }
  uint64_t room[EAO_MAX_RANK];
  for (int32_t i = 0; i < p->n; i++) was[i] = eao_get_f64(&t, i);
  t.data = room;
  for (int32_t i = 0; i < p->n; i++) eao_set_f64(&t, p->v[i], was[i]);
  eao_vid fresh;
  EAO_TRY(eao_rewrite_constant(r, &t, &fresh));
  set_input(r, id, k, fresh);
  return EAO_OK;
}

static eao_status sink_resize(eao_rewrite *r, eao_nid id, const perm *p, bool *did) {
  eao_graph *g = r->g;
  eao_resize_attr *a = g->node[id].attr;
  *did = false;
  if (g->node[id].n_in > 1 && g->node[id].in[1] != EAO_NONE) return EAO_OK; /* region */
  if (a->axes.n) {
    for (int32_t i = 0; i < a->axes.n; i++)
      if (a->axes.v[i] < -p->n || a->axes.v[i] >= p->n) return EAO_OK;
    for (int32_t i = 0; i < a->axes.n; i++) (void)map_axis(&a->axes.v[i], p);
  } else {
    bool ok;
    for (uint32_t k = 2; k < 4; k++) {
      EAO_TRY(permute_list(r, id, k, p, &ok));
      if (!ok) return EAO_OK;
    }
  }
  set_input(r, id, 0, g->node[g->value[g->node[id].in[0]].producer].in[0]);
  *did = true;
  return put_below(r, id, p);
}

static eao_status sink_slice(eao_rewrite *r, eao_nid id, const perm *p, bool *did) {
  eao_graph *g = r->g;
  *did = false;
  if (g->node[id].n_in < 4 || g->node[id].in[3] == EAO_NONE) { /* all axes in order: name them */
    const eao_tensor *t = &g->value[g->node[id].in[1]].t;
    int64_t n = t->data ? eao_tensor_count(t) : -1, axes[EAO_MAX_RANK];
    if (n < 0 || n > p->n || g->node[id].n_in < 4) return EAO_OK;
    for (int64_t i = 0; i < n; i++) axes[i] = i;
    eao_vid list;
    EAO_TRY(eao_graph_add_i64(g, "", axes, (int32_t)n, &list));
    set_input(r, id, 3, list);
  }
  EAO_TRY(map_axes(r, id, 3, p, did));
  if (!*did) return EAO_OK;
  set_input(r, id, 0, g->node[g->value[g->node[id].in[0]].producer].in[0]);
  return put_below(r, id, p);
}

static eao_status sink_axis(eao_rewrite *r, eao_nid id, uint32_t n_in, int64_t *axis, const perm *p,
                            bool *did) {
  *did = worth_it(r->g, &r->g->node[id], n_in, p) && map_axis(axis, p);
  return *did ? sink_aligned(r, id, n_in, p) : EAO_OK;
}

/* A run of axes of the transposed tensor t that becomes a run of axes of the reshaped one. */
typedef struct block {
  int32_t t0, t1, y0, y1;
  int64_t axis; /* of x: the first of the run */
} block;

/* Cuts both shapes into the smallest runs of equal extent; axes of extent 1 go with their
 * neighbours. out_apart: some run of several axes of t does not stand together in x. */
static bool cut_blocks(const eao_tensor *x, const eao_tensor *y, const perm *p, block *b,
                       int32_t *out_n, bool *out_apart) {
  int32_t k = 0, n = 0;
  *out_apart = false;
  for (int32_t i = 0; i < p->n; i++) {
    int64_t have = x->dim[p->v[i]], got = 1, last = p->v[i];
    if (have == 1) continue;
    b[n] = (block){.t0 = i, .y0 = k, .axis = last};
    while (got != have) {
      if (got < have) {
        if (k == y->rank) return false;
        got *= y->dim[k++];
        continue;
      }
      do i++;
      while (i < p->n && x->dim[p->v[i]] == 1);
      if (i == p->n) return false;
      if (p->v[i] < last) *out_apart = true;
      for (int64_t a = last + 1; a < p->v[i]; a++)
        if (x->dim[a] != 1) *out_apart = true;
      last = p->v[i];
      if (last < b[n].axis) b[n].axis = last;
      have *= x->dim[last];
    }
    b[n].t1 = i + 1;
    b[n++].y1 = k;
  }
  if (n == 0) return false;
  b[n - 1].y1 = y->rank; /* the ones that are left */
  *out_n = n;
  return true;
}

/* Is v, made of `inner` by the transpose p, read by a transpose alone that undoes p? */
static bool undone(const eao_rewrite *r, eao_vid v, const perm *p, const eao_tensor *inner) {
  const eao_node *n = eao_rewrite_sole_consumer(r, v);
  perm q, both = {.n = p->n};
  if (!n || n->op != EAO_OP_transpose || !perm_of(r->g, n->out[0], &q) || q.n != p->n) return false;
  for (int32_t i = 0; i < p->n; i++) both.v[i] = p->v[q.v[i]];
  return !moves(&both, inner);
}

/* reshape(transpose(x)) where each axis, or several that stay together, is split or merged:
 * transpose(reshape(x)). Axes that must be brought together first leave a transpose above, which
 * pays when the one below is undone at once: a channel shuffle. */
static eao_status sink_reshape(eao_rewrite *r, eao_nid id, const perm *p, bool *did) {
  eao_graph *g = r->g;
  eao_vid src = g->node[g->value[g->node[id].in[0]].producer].in[0], out = g->node[id].out[0];
  const eao_tensor *x = &g->value[src].t, *y = &g->value[out].t;
  block b[EAO_MAX_RANK];
  perm back = {.n = y->rank}, above = {0};
  int64_t dim[EAO_MAX_RANK];
  int32_t n_block, n = 0;
  bool apart;
  *did = false;
  if (x->rank != p->n || y->rank < 1 || per_axis(x)) return EAO_OK;
  for (int32_t i = 0; i < x->rank; i++)
    if (x->dim[i] < 1 || x->dim[i] > INT32_MAX) return EAO_OK;
  for (int32_t i = 0; i < y->rank; i++)
    if (y->dim[i] < 1 || y->dim[i] > INT32_MAX) return EAO_OK;
  if (!cut_blocks(x, y, p, b, &n_block, &apart)) return EAO_OK;
  for (int32_t i = 0; i < p->n; i++)
    if (x->dim[p->v[i]] == 1) above.v[above.n++] = p->v[i];
  for (int64_t axis = 0; axis < x->rank; axis++)
    for (int32_t k = 0; k < n_block; k++) {
      if (b[k].axis != axis) continue;
      for (int32_t t = b[k].t0; t < b[k].t1; t++)
        if (x->dim[p->v[t]] != 1) above.v[above.n++] = p->v[t];
      for (int32_t a = b[k].y0; a < b[k].y1; a++) {
        back.v[a] = n;
        dim[n++] = y->dim[a];
      }
    }
  if (n != y->rank || above.n != p->n) return EAO_OK;
  eao_tensor inner_type = *y;
  memcpy(inner_type.dim, dim, (size_t)n * sizeof *dim);
  if (apart && !undone(r, out, &back, &inner_type)) return EAO_OK;
  const char *name = g->node[id].name;
  eao_vid in[2] = {src}, inner, moved;
  if (apart) EAO_TRY(add_transpose(r, src, &above, &in[0]));
  EAO_TRY(eao_graph_add_i64(g, "", dim, n, &in[1]));
  EAO_TRY(eao_rewrite_node(r, EAO_OP_reshape, name, NULL, in, 2, &inner));
  g->value[inner].t = inner_type;
  EAO_TRY(add_transpose(r, inner, &back, &moved));
  *did = eao_rewrite_replace(r, out, moved);
  if (*did) eao_rewrite_remove(r, &g->node[id]);
  return EAO_OK;
}

/* transpose(transpose(x)): one transpose. */
static eao_status compose(eao_rewrite *r, eao_nid id, const perm *p, bool *did) {
  eao_graph *g = r->g;
  perm q, both;
  *did = perm_of(g, g->node[id].out[0], &q);
  if (!*did) return EAO_OK;
  both.n = p->n;
  for (int32_t i = 0; i < p->n; i++) both.v[i] = p->v[q.v[i]];
  eao_transpose_attr *a = g->node[id].attr;
  *a = attr_of(&both);
  set_input(r, id, 0, g->node[g->value[g->node[id].in[0]].producer].in[0]);
  r->changes++;
  return EAO_OK;
}

static eao_status sink(eao_rewrite *r, eao_nid id, const perm *p, bool *did) {
  eao_node *n = &r->g->node[id];
  const eao_op_desc *d = eao_op_get(n->op);
  *did = false;
  for (uint32_t i = 0; i < n->n_out; i++)
    if (i > 0 && n->out[i] != EAO_NONE) return EAO_OK;
  if (n->n_out == 0 || n->out[0] == EAO_NONE || per_axis(&r->g->value[n->out[0]].t)) return EAO_OK;
  if (d->traits & EAO_TRAIT_ELEMENTWISE) {
    *did = r->g->value[n->out[0]].t.rank == p->n && worth_it(r->g, n, n->n_in, p);
    return *did ? sink_aligned(r, id, n->n_in, p) : EAO_OK;
  }
  /* The rest takes transposed data as its first input. */
  perm q;
  bool first = perm_of(r->g, n->in[0], &q) && same(&q, p) && !per_axis(&r->g->value[n->in[0]].t);
  switch (n->op) {
  case EAO_OP_concat: return sink_axis(r, id, n->n_in, &((eao_axis_attr *)n->attr)->axis, p, did);
  case EAO_OP_softmax:
  case EAO_OP_log_softmax:
    return first ? sink_axis(r, id, 1, &((eao_softmax_attr *)n->attr)->axis, p, did) : EAO_OK;
  case EAO_OP_transpose: return first ? compose(r, id, p, did) : EAO_OK;
  case EAO_OP_reduce_sum:
  case EAO_OP_reduce_mean:
  case EAO_OP_reduce_max:
  case EAO_OP_reduce_min: return first ? sink_reduce(r, id, p, did) : EAO_OK;
  case EAO_OP_reshape:
  case EAO_OP_flatten:
  case EAO_OP_squeeze:
  case EAO_OP_unsqueeze: return first ? sink_reshape(r, id, p, did) : EAO_OK;
  case EAO_OP_pad: return first ? sink_pad(r, id, p, did) : EAO_OK;
  case EAO_OP_slice: return first ? sink_slice(r, id, p, did) : EAO_OK;
  case EAO_OP_resize: return first ? sink_resize(r, id, p, did) : EAO_OK;
  case EAO_OP_quantize_linear:
  case EAO_OP_dequantize_linear: {
    const eao_tensor *scale = &r->g->value[n->in[1]].t;
    if (!first || scale->rank < 0 || eao_tensor_count(scale) != 1) return EAO_OK;
    *did = true;
    return sink_aligned(r, id, 1, p);
  }
  default: return EAO_OK;
  }
}

eao_status eao_pass_sink_transposes(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    bool done = !g->node[i].op;
    for (uint32_t k = 0; !done && k < g->node[i].n_in; k++) {
      perm p;
      if (perm_of(g, g->node[i].in[k], &p)) EAO_TRY(sink(r, i, &p, &done));
    }
  }
  return EAO_OK;
}
