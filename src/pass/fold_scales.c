/* y = (w * x + b) * s + t per output channel is another convolution: w' = w s, b' = b s + t. So
 * batch norm and multiplications or additions of constants go into the weights before them.
 * Batch norm: s = scale / sqrt(variance + epsilon), t = bias - mean s. */
#include <math.h>
#include <string.h>

#include "kernel/ref/conv.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/norm.h"
#include "pass/pass.h"

typedef struct affine {
  int64_t n;
  double *s, *t;
} affine;

/* Output channels and the axis of w that counts them; false when the node does not take a fold. */
static bool weights_of(const eao_graph *g, const eao_node *n, int64_t *out_n, int32_t *out_axis) {
  const eao_tensor *w = &g->value[n->in[1]].t;
  int32_t act;
  if (n->op == EAO_OP_conv) {
    const eao_conv_attr *a = n->attr;
    act = a->act.kind;
    *out_axis = a->w_layout == EAO_WLAYOUT_1KO ? w->rank - 1 : 0;
  } else if (n->op == EAO_OP_fully_connected) {
    const eao_fully_connected_attr *a = n->attr;
    act = a->act.kind;
    if (a->hybrid) return false;
    *out_axis = 0;
  } else {
    return false;
  }
  bool bias = n->n_in > 2 && n->in[2] != EAO_NONE;
  if (act != EAO_ACT_NONE || !w->data || w->dtype != EAO_F32 || w->quant.n) return false;
  if (bias && (!eao_value_is_const(g, n->in[2]) || g->value[n->in[2]].t.dtype != EAO_F32))
    return false;
  *out_n = w->dim[*out_axis];
  return true;
}

static int32_t channel_axis(const eao_graph *g, const eao_node *producer) {
  int32_t rank = g->value[producer->out[0]].t.rank;
  if (producer->op == EAO_OP_conv &&
      ((const eao_conv_attr *)producer->attr)->layout == EAO_LAYOUT_CHANNELS_FIRST)
    return 1;
  return rank - 1;
}

/* A constant that has one number per channel, or one for all. */
static bool per_channel(const eao_graph *g, eao_vid v, int32_t rank, int32_t axis, int64_t n) {
  if (!eao_value_is_const(g, v)) return false;
  const eao_tensor *t = &g->value[v].t;
  if (t->dtype != EAO_F32 || t->quant.n || t->rank > rank) return false;
  for (int32_t i = 0; i < t->rank; i++) {
    int32_t at = i + rank - t->rank;
    if (t->dim[i] != 1 && !(at == axis && t->dim[i] == n)) return false;
  }
  return true;
}

static bool from_batch_norm(const eao_graph *g, const eao_node *n, affine *f) {
  const eao_batch_norm_attr *a = n->attr;
  if (a->training_mode) return false;
  for (uint32_t i = 1; i < 5; i++)
    if (!eao_value_is_const(g, n->in[i]) || eao_tensor_count(&g->value[n->in[i]].t) != f->n)
      return false;
  for (int64_t i = 0; i < f->n; i++) {
    double scale = eao_get_f64(&g->value[n->in[1]].t, i),
           bias = eao_get_f64(&g->value[n->in[2]].t, i);
    double mean = eao_get_f64(&g->value[n->in[3]].t, i),
           var = eao_get_f64(&g->value[n->in[4]].t, i);
    f->s[i] = scale / sqrt(var + (double)a->epsilon);
    f->t[i] = bias - mean * f->s[i];
  }
  return true;
}

/* x: the operand that the convolution makes. */
static bool from_binary(const eao_graph *g, const eao_node *n, eao_vid x, int32_t axis, affine *f) {
  uint32_t k = n->in[0] == x ? 1 : 0;
  if (n->in[1 - k] != x || n->in[k] == x || (n->op == EAO_OP_sub && k == 0)) return false;
  const eao_act *act = &((const eao_binary_attr *)n->attr)->act;
  if (act->kind != EAO_ACT_NONE) return false;
  int32_t rank = g->value[x].t.rank;
  if (!per_channel(g, n->in[k], rank, axis, f->n)) return false;
  const eao_tensor *t = &g->value[n->in[k]].t;
  int64_t count = eao_tensor_count(t);
  for (int64_t i = 0; i < f->n; i++) {
    double v = eao_get_f64(t, count == 1 ? 0 : i);
    f->s[i] = n->op == EAO_OP_mul ? v : 1;
    f->t[i] = n->op == EAO_OP_add ? v : n->op == EAO_OP_sub ? -v : 0;
  }
  return true;
}

static eao_status apply(eao_rewrite *r, eao_nid id, int32_t axis, const affine *f) {
  eao_graph *g = r->g;
  eao_tensor w = g->value[g->node[id].in[1]].t;
  int64_t count = eao_tensor_count(&w), run = 1;
  for (int32_t i = axis + 1; i < w.rank; i++) run *= w.dim[i];
  float *fresh = eao_alloc(r->ctx, (size_t)count * sizeof *fresh);
  float *bias = eao_alloc(r->ctx, (size_t)f->n * sizeof *bias);
  eao_vid wv, bv, was = g->node[id].n_in > 2 ? g->node[id].in[2] : EAO_NONE;
  eao_status s = fresh && bias ? EAO_OK : EAO_NOMEM(r->ctx);
  if (s == EAO_OK) {
    const float *old = w.data;
    for (int64_t i = 0; i < count; i++) fresh[i] = (float)((double)old[i] * f->s[i / run % f->n]);
    for (int64_t i = 0; i < f->n; i++) {
      double b = was == EAO_NONE ? 0 : eao_get_f64(&g->value[was].t, i);
      bias[i] = (float)(b * f->s[i] + f->t[i]);
    }
    w.data = fresh;
    s = eao_rewrite_constant(r, &w, &wv);
  }
  if (s == EAO_OK) s = eao_graph_add_f32(g, "", bias, (int32_t)f->n, &bv);
  eao_free(r->ctx, fresh);
  eao_free(r->ctx, bias);
  if (s != EAO_OK) return s;
  eao_node *n = &g->node[id];
  if (n->n_in < 3) {
    eao_vid *in = eao_arena_array(&g->root->arena, 3, sizeof *in);
    if (!in) return EAO_NOMEM(r->ctx);
    memcpy(in, n->in, n->n_in * sizeof *in);
    n->in = in;
    n->n_in = 3;
  }
  n->in[1] = wv;
  n->in[2] = bv;
  return EAO_OK;
}

static eao_status fold(eao_rewrite *r, eao_nid id, eao_vid x) {
  eao_graph *g = r->g;
  eao_nid p = x == EAO_NONE ? EAO_NONE : g->value[x].producer;
  affine f;
  int32_t axis;
  if (p == EAO_NONE || r->uses[x] != 1 || eao_rewrite_is_output(g, x)) return EAO_OK;
  if (!weights_of(g, &g->node[p], &f.n, &axis)) return EAO_OK;
  f.s = eao_alloc(r->ctx, (size_t)f.n * sizeof *f.s);
  f.t = eao_alloc(r->ctx, (size_t)f.n * sizeof *f.t);
  eao_status s = f.s && f.t ? EAO_OK : EAO_NOMEM(r->ctx);
  bool ok = false;
  eao_node *n = &g->node[id];
  if (s == EAO_OK) {
    ok = n->op == EAO_OP_batch_norm ? from_batch_norm(g, n, &f)
                                    : from_binary(g, n, x, channel_axis(g, &g->node[p]), &f);
    if (ok) s = apply(r, p, axis, &f);
  }
  eao_free(r->ctx, f.s);
  eao_free(r->ctx, f.t);
  if (s != EAO_OK || !ok) return s;
  n = &g->node[id];
  g->node[p].out[0] = n->out[0];
  g->value[n->out[0]].producer = p;
  eao_rewrite_remove(r, n);
  return EAO_OK;
}

eao_status eao_pass_fold_scales(eao_rewrite *r) {
  eao_graph *g = r->g;
  for (eao_nid i = 0; i < g->n_node; i++) {
    eao_node *n = &g->node[i];
    if (n->op != EAO_OP_batch_norm && n->op != EAO_OP_mul && n->op != EAO_OP_add &&
        n->op != EAO_OP_sub)
      continue;
    const eao_tensor *y = &g->value[n->out[0]].t;
    for (uint32_t k = 0; k < (n->op == EAO_OP_batch_norm ? 1u : 2u) && g->node[i].op; k++) {
      eao_vid x = n->in[k];
      if (x == EAO_NONE || y->rank != g->value[x].t.rank || y->dtype != EAO_F32) continue;
      /* A constant that widened the result would not be per channel of it. */
      if (memcmp(y->dim, g->value[x].t.dim, (size_t)y->rank * sizeof *y->dim) != 0) continue;
      EAO_TRY(fold(r, i, x));
      n = &g->node[i];
      y = &g->value[n->out[0]].t;
    }
  }
  return EAO_OK;
}
