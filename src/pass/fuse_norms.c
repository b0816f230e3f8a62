/* Groups of nodes that spell a normalisation become that op, in the ways that exporters write them:
 *   z / sqrt(mean(z^2) + e)                        rms_norm, scale 1
 *   the same with z = x - mean(x)                  layer_norm, scale 1
 *   norm * constant, layer_norm + constant         the norm's scale and bias
 *   exp(x - max(x)) / sum(exp(x - max(x)))         softmax
 * where / sqrt may be * rsqrt or * reciprocal(sqrt), and z^2 a power, a product or a square. */
#include <string.h>

#include "kernel/ref/elementwise.h"
#include "kernel/ref/norm.h"
#include "kernel/ref/reduce.h"
#include "pass/pass.h"

/* v = reduce(x) over the last axes, which stay with extent 1: x and the first of the axes. */
static bool reduction(const eao_graph *g, eao_vid v, uint16_t op, eao_vid *out_x, int32_t *out_axis,
                      int32_t *out_n) {
  const eao_node *n = eao_rewrite_producer(g, v);
  if (!n || n->op != op || !((const eao_reduce_attr *)n->attr)->keepdims) return false;
  const eao_tensor *x = &g->value[n->in[0]].t;
  const eao_tensor *axes = n->n_in > 1 && n->in[1] != EAO_NONE ? &g->value[n->in[1]].t : NULL;
  bool is[EAO_MAX_RANK] = {false};
  int64_t count = axes && axes->data ? eao_tensor_count(axes) : 0;
  if (x->rank < 1 || count < 1 || count > x->rank) return false;
  for (int64_t i = 0; i < count; i++) {
    int64_t a = eao_get_i64(axes, i);
    if (a < 0) a += x->rank;
    if (a < 0 || a >= x->rank || is[a]) return false;
    is[a] = true;
  }
  *out_axis = x->rank - (int32_t)count;
  for (int32_t i = *out_axis; i < x->rank; i++)
    if (count > 1 && !is[i]) return false;
  if (count == 1) /* softmax takes any one axis */
    for (int32_t i = 0; i < x->rank; i++)
      if (is[i]) *out_axis = i;
  *out_n = (int32_t)count;
  *out_x = n->in[0];
  return true;
}

/* z when v = z^2. */
static eao_vid squared(const eao_graph *g, eao_vid v) {
  const eao_node *n = eao_rewrite_producer(g, v);
  double e;
  if (!n) return EAO_NONE;
  if (n->op == EAO_OP_square) return n->in[0];
  if (eao_rewrite_is_plain(n, EAO_OP_mul) && n->in[0] == n->in[1]) return n->in[0];
  return n->op == EAO_OP_pow && eao_rewrite_scalar(g, n->in[1], &e) && e == 2 ? n->in[0] : EAO_NONE;
}

/* Is z = x - mean(x) over these axes? Returns x. */
static eao_vid centred(const eao_graph *g, eao_vid z, int32_t axis, int32_t count) {
  const eao_node *n = eao_rewrite_producer(g, z);
  eao_vid x;
  int32_t a, k;
  if (!eao_rewrite_is_plain(n, EAO_OP_sub)) return EAO_NONE;
  if (!reduction(g, n->in[1], EAO_OP_reduce_mean, &x, &a, &k)) return EAO_NONE;
  return x == n->in[0] && a == axis && k == count ? x : EAO_NONE;
}

/* v = sqrt(w) (inverse false) or 1 / sqrt(w): w. */
static eao_vid root_of(const eao_graph *g, eao_vid v, bool inverse) {
  const eao_node *n = eao_rewrite_producer(g, v);
  double one;
  if (!n) return EAO_NONE;
  if (!inverse) {
    double e;
    if (n->op == EAO_OP_pow && eao_rewrite_scalar(g, n->in[1], &e) && e == 0.5) return n->in[0];
    return n->op == EAO_OP_sqrt ? n->in[0] : EAO_NONE;
  }
  if (n->op == EAO_OP_rsqrt) return n->in[0];
  if (n->op == EAO_OP_reciprocal) return root_of(g, n->in[0], false);
  if (eao_rewrite_is_plain(n, EAO_OP_div) && eao_rewrite_scalar(g, n->in[0], &one) && one == 1)
    return root_of(g, n->in[1], false);
  return EAO_NONE;
}

typedef struct norm {
  eao_vid x;
  int32_t axis;
  double epsilon;
  bool is_layer;
} norm;

/* Is w = mean(z^2) + epsilon? */
static bool mean_square(const eao_graph *g, eao_vid w, eao_vid z, norm *out) {
  const eao_node *n = eao_rewrite_producer(g, w);
  if (!eao_rewrite_is_plain(n, EAO_OP_add)) return false;
  for (uint32_t i = 0; i < 2; i++) {
    eao_vid sq;
    int32_t axis, count;
    if (!eao_rewrite_scalar(g, n->in[i], &out->epsilon) || out->epsilon < 0) continue;
    if (!reduction(g, n->in[1 - i], EAO_OP_reduce_mean, &sq, &axis, &count)) continue;
    if (axis + count != g->value[sq].t.rank) continue;
    const eao_node *d = eao_rewrite_producer(g, sq);
    eao_vid x = centred(g, z, axis, count);
    bool same = squared(g, sq) == z;
    if (!same && d && d->op == EAO_OP_squared_difference && x == d->in[0]) {
      /* mean((x - mean(x))^2) without the difference in between */
      eao_vid mean_of;
      int32_t a, k;
      same = reduction(g, d->in[1], EAO_OP_reduce_mean, &mean_of, &a, &k) && mean_of == x &&
             a == axis && k == count;
    }
    if (!same) continue;
    out->is_layer = x != EAO_NONE;
    out->x = out->is_layer ? x : z;
    out->axis = axis;
    return true;
  }
  return false;
}

static bool match_norm(const eao_graph *g, const eao_node *n, norm *out) {
  if (eao_rewrite_is_plain(n, EAO_OP_div)) {
    eao_vid w = root_of(g, n->in[1], false);
    return w != EAO_NONE && mean_square(g, w, n->in[0], out);
  }
  if (!eao_rewrite_is_plain(n, EAO_OP_mul)) return false;
  for (uint32_t i = 0; i < 2; i++) {
    eao_vid w = root_of(g, n->in[i], true);
    if (w != EAO_NONE && mean_square(g, w, n->in[1 - i], out)) return true;
  }
  return false;
}

/* A constant of the shape that the norm runs over, every entry `value`. */
static eao_status constant_like(eao_rewrite *r, const norm *m, float value, eao_vid *out) {
  const eao_tensor *x = &r->g->value[m->x].t;
  eao_tensor t = {.dtype = EAO_F32, .rank = x->rank - m->axis};
  uint64_t bytes;
  memcpy(t.dim, x->dim + m->axis, (size_t)t.rank * sizeof *t.dim);
  EAO_TRY(eao_tensor_nbytes(r->ctx, &t, &bytes));
  float *v = eao_alloc(r->ctx, (size_t)bytes + 1);
  if (!v) return EAO_NOMEM(r->ctx);
  for (uint64_t i = 0; i < bytes / sizeof *v; i++) v[i] = value;
  t.data = v;
  eao_status s = eao_rewrite_constant(r, &t, out);
  eao_free(r->ctx, v);
  return s;
}

static bool is_static(const eao_tensor *t, int32_t from) {
  for (int32_t i = from; i < t->rank; i++)
    if (t->dim[i] < 1) return false;
  return t->rank > 0;
}

/* Node i's result becomes that of a node of this op. */
static eao_status put(eao_rewrite *r, eao_nid i, uint16_t op, const void *attr, const eao_vid *in,
                      uint32_t n_in) {
  eao_graph *g = r->g;
  eao_vid y = g->node[i].out[0], fresh;
  uint32_t changes = r->changes;
  EAO_TRY(eao_rewrite_node(r, op, g->node[i].name, attr, in, n_in, &fresh));
  g->value[fresh].t = g->value[y].t;
  r->changes = changes;
  if (eao_rewrite_replace(r, y, fresh)) eao_rewrite_remove(r, &g->node[i]);
  return EAO_OK;
}

static eao_status fuse_norm(eao_rewrite *r, eao_nid i, const norm *m) {
  eao_layer_norm_attr a;
  eao_vid in[2] = {m->x};
  uint16_t op = m->is_layer ? EAO_OP_layer_norm : EAO_OP_rms_norm;
  memset(&a, 0, sizeof a);
  eao_op_attr_defaults(eao_op_get(op), &a);
  a.axis = m->axis - r->g->value[m->x].t.rank;
  a.epsilon = (float)m->epsilon;
  EAO_TRY(constant_like(r, m, 1, &in[1]));
  return put(r, i, op, &a, in, 2);
}

/* ---- scale and bias ---- */

/* Does the constant c have one entry, or exactly the shape that the norm runs over? */
static bool fits(const eao_graph *g, eao_vid c, const eao_tensor *scale) {
  const eao_tensor *t = &g->value[c].t;
  if (!eao_value_is_const(g, c) || t->dtype != EAO_F32 || t->quant.n) return false;
  if (eao_tensor_count(t) == 1) return t->rank <= scale->rank;
  int32_t more = t->rank - scale->rank;
  if (more < 0 || eao_tensor_count(t) != eao_tensor_count(scale)) return false;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] != (i < more ? 1 : scale->dim[i - more])) return false;
  return true;
}

/* norm * c or layer_norm + c with a norm that nobody else reads. */
static eao_status fold_affine(eao_rewrite *r, eao_nid i) {
  eao_graph *g = r->g;
  const eao_node *n = &g->node[i];
  bool add = n->op == EAO_OP_add;
  for (uint32_t k = 0; k < 2; k++) {
    const eao_node *m = eao_rewrite_sole_producer(r, n->in[k], EAO_OP_layer_norm);
    if (!m && !add) m = eao_rewrite_sole_producer(r, n->in[k], EAO_OP_rms_norm);
    bool bias = m && m->n_in > 2 && m->in[2] != EAO_NONE;
    if (!m || bias || m->n_out > 1 || g->value[m->in[0]].t.rank != g->value[n->out[0]].t.rank)
      continue;
    const eao_tensor *scale = &g->value[m->in[1]].t, *c = &g->value[n->in[1 - k]].t;
    if (!scale->data || scale->dtype != EAO_F32 || !fits(g, n->in[1 - k], scale)) continue;
    int64_t count = eao_tensor_count(scale), c_count = eao_tensor_count(c);
    eao_tensor t = *scale;
    float *v = eao_alloc(r->ctx, (size_t)count * sizeof *v + 1);
    if (!v) return EAO_NOMEM(r->ctx);
    for (int64_t j = 0; j < count; j++) {
      double x = eao_get_f64(c, c_count == 1 ? 0 : j);
      v[j] = (float)(add ? x : x * eao_get_f64(scale, j));
    }
    t.data = v;
    eao_vid in[3] = {m->in[0], m->in[1]};
    eao_status s = eao_rewrite_constant(r, &t, &in[add ? 2 : 1]);
    eao_free(r->ctx, v);
    return s == EAO_OK ? put(r, i, m->op, m->attr, in, add ? 3 : 2) : s;
  }
  return EAO_OK;
}

/* ---- softmax ---- */

/* Is n = e / sum(e), e = exp(x - max(x))? */
static bool match_softmax(const eao_graph *g, const eao_node *n, eao_vid *out_x,
                          int32_t *out_axis) {
  eao_vid of, top;
  int32_t count, axis, more;
  if (!eao_rewrite_is_plain(n, EAO_OP_div)) return false;
  const eao_node *e = eao_rewrite_producer(g, n->in[0]);
  if (!e || e->op != EAO_OP_exp ||
      !reduction(g, n->in[1], EAO_OP_reduce_sum, &of, out_axis, &count) || of != n->in[0] ||
      count != 1)
    return false;
  const eao_node *d = eao_rewrite_producer(g, e->in[0]);
  if (!eao_rewrite_is_plain(d, EAO_OP_sub) ||
      !reduction(g, d->in[1], EAO_OP_reduce_max, &top, &axis, &more))
    return false;
  *out_x = d->in[0];
  return top == d->in[0] && axis == *out_axis && more == 1;
}

eao_status eao_pass_fuse_norms(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    const eao_node *n = &g->node[i];
    norm m = {0};
    eao_vid x;
    int32_t axis;
    if (n->op != EAO_OP_div && n->op != EAO_OP_mul && n->op != EAO_OP_add) continue;
    if (n->out[0] >= r->n_uses || g->value[n->out[0]].t.dtype != EAO_F32) continue;
    if (match_norm(g, n, &m)) {
      const eao_tensor *t = &g->value[m.x].t;
      if (t->dtype == EAO_F32 && is_static(t, m.axis)) EAO_TRY(fuse_norm(r, i, &m));
    } else if (match_softmax(g, n, &x, &axis)) {
      eao_softmax_attr a;
      memset(&a, 0, sizeof a);
      eao_op_attr_defaults(eao_op_get(EAO_OP_softmax), &a);
      a.axis = axis;
      if (g->value[x].t.dtype == EAO_F32) EAO_TRY(put(r, i, EAO_OP_softmax, &a, &x, 1));
    } else if (eao_rewrite_is_plain(n, n->op) && n->op != EAO_OP_div) {
      EAO_TRY(fold_affine(r, i));
    }
  }
  return EAO_OK;
}
