/* quantize(op(dequantize(x), dequantize(w), ...)) becomes the op on integers: the way ONNX writes
 * quantised models. The result may differ by a rounding: the float form rounds a real sum, the
 * integer form (docs/integer-spec.md) a float product.
 *
 * Whether an op works on the integers is asked of its own inference. */
#include <math.h>
#include <string.h>

#include "kernel/ref/conv.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/matmul.h"
#include "pass/pass.h"

enum { IN_MAX = 32 };

static bool per_tensor(const eao_tensor *t) {
  return t->quant.n == 1 && t->quant.axis < 0;
}

/* What v is the dequantised form of, constants that are read as integers anyway too; EAO_NONE: v is
 * no such thing. */
static eao_vid integers_of(const eao_graph *g, eao_vid v) {
  if (eao_value_is_const(g, v) && g->value[v].t.quant.n && eao_dtype_is_int(g->value[v].t.dtype))
    return v;
  eao_nid p = v == EAO_NONE ? EAO_NONE : g->value[v].producer;
  if (p == EAO_NONE || g->node[p].op != EAO_OP_dequantize) return EAO_NONE;
  eao_vid q = g->node[p].in[0];
  return g->value[q].t.quant.n ? q : EAO_NONE;
}

static bool clips(const eao_graph *g, const eao_node *n, eao_act *out) {
  double lo = -INFINITY, hi = INFINITY;
  *out = (eao_act){.kind = EAO_ACT_RELU};
  if (n->op == EAO_OP_relu) return true;
  if (n->op != EAO_OP_clip) return false;
  if (n->n_in > 1 && n->in[1] != EAO_NONE && !eao_rewrite_scalar(g, n->in[1], &lo)) return false;
  if (n->n_in > 2 && n->in[2] != EAO_NONE && !eao_rewrite_scalar(g, n->in[2], &hi)) return false;
  *out = (eao_act){EAO_ACT_CLIP, (float)lo, (float)hi};
  return lo <= hi;
}

static eao_act *act_of(eao_node *n) {
  switch (n->op) {
  case EAO_OP_conv: return &((eao_conv_attr *)n->attr)->act;
  case EAO_OP_fully_connected: return &((eao_fully_connected_attr *)n->attr)->act;
  case EAO_OP_add:
  case EAO_OP_sub:
  case EAO_OP_mul: return &((eao_binary_attr *)n->attr)->act;
  default: return NULL;
  }
}

/* The bias of a weighted op in units of s_x * s_w[c], as integers. */
static eao_status integer_bias(eao_rewrite *r, eao_vid bias, const eao_tensor *x,
                               const eao_tensor *w, eao_vid *out, bool *ok) {
  eao_graph *g = r->g;
  eao_vid q = integers_of(g, bias), from = q == EAO_NONE ? bias : q;
  *out = EAO_NONE;
  *ok = true;
  if (bias == EAO_NONE) return EAO_OK;
  eao_tensor t = g->value[from].t;
  *ok = t.data != NULL && t.rank == 1 && (w->quant.n == 1 || w->quant.n == t.dim[0]) &&
        (t.dtype == EAO_F32 || (t.dtype == EAO_I32 && t.quant.n));
  if (!*ok) return EAO_OK;
  int64_t n = t.dim[0];
  int32_t *v = eao_alloc(r->ctx, (size_t)n * sizeof *v);
  float *scale = eao_arena_array(&g->root->arena, (uint64_t)n, sizeof *scale);
  if (!v || !scale) {
    eao_free(r->ctx, v);
    return EAO_NOMEM(r->ctx);
  }
  for (int64_t i = 0; i < n; i++) {
    scale[i] = x->quant.scale[0] * w->quant.scale[w->quant.n == 1 ? 0 : i];
    double real = eao_get_f64(&t, i);
    if (t.quant.n) real = (real - eao_quant_zero(&t, i)) * (double)eao_quant_scale(&t, i);
    double k = nearbyint(real / (double)scale[i]);
    if (!(fabs(k) <= 1 << 30)) *ok = false;
    v[i] = *ok ? (int32_t)k : 0;
  }
  eao_tensor b = {.dtype = EAO_I32, .rank = 1, .dim = {n}, .data = v};
  /* One scale where the weights have one: readers of exported models insist. */
  bool one = w->quant.n == 1;
  b.quant = (eao_quant){.axis = one ? -1 : 0, .n = one ? 1 : (int32_t)n, .scale = scale};
  eao_status s = *ok ? eao_rewrite_constant(r, &b, out) : EAO_OK;
  eao_free(r->ctx, v);
  return s;
}

/* Weights: constant, without zero points, one scale for all or for each output. */
static bool weights_fit(const eao_graph *g, const eao_node *n, eao_vid wq) {
  if (wq == EAO_NONE || !eao_value_is_const(g, wq)) return false;
  const eao_tensor *w = &g->value[wq].t;
  if (w->dtype != EAO_I8 && w->dtype != EAO_U8) return false;
  for (int32_t i = 0; w->quant.zero && w->dtype == EAO_I8 && i < w->quant.n; i++)
    if (w->quant.zero[i]) return false;
  if (w->dtype == EAO_U8 && w->quant.n != 1) return false;
  if (n->op != EAO_OP_conv || w->quant.n == 1) return w->quant.axis <= 0;
  return w->quant.axis ==
         (((const eao_conv_attr *)n->attr)->w_layout == EAO_WLAYOUT_1KO ? w->rank - 1 : 0);
}

/* The integers that node n would work on; false when its inputs are not all dequantised. */
static eao_status integer_inputs(eao_rewrite *r, eao_nid id, eao_vid *in, bool *ok) {
  eao_graph *g = r->g;
  eao_node *n = &g->node[id];
  bool weighted = n->op == EAO_OP_conv || n->op == EAO_OP_fully_connected;
  *ok = n->n_in >= 1 && n->n_in <= IN_MAX;
  uint32_t data = !*ok ? 0 : weighted ? 1 : n->op == EAO_OP_concat ? n->n_in : 0;
  if (n->op == EAO_OP_add || n->op == EAO_OP_mul || n->op == EAO_OP_sub) data = 2;
  if (data == 0) data = 1; /* the others have one tensor, and lists */
  for (uint32_t i = 0; *ok && i < n->n_in; i++) {
    in[i] = i < data ? integers_of(g, n->in[i]) : n->in[i];
    if (i < data && (in[i] == EAO_NONE || !per_tensor(&g->value[in[i]].t))) *ok = false;
  }
  if (!*ok || !weighted) return EAO_OK;
  in[1] = integers_of(g, n->in[1]);
  *ok = weights_fit(g, n, in[1]);
  if (!*ok || n->n_in < 3) return EAO_OK;
  const eao_tensor x = g->value[in[0]].t, w = g->value[in[1]].t;
  return integer_bias(r, n->in[2], &x, &w, &in[2], ok);
}

static bool known_op(uint16_t op) {
  switch (op) {
  case EAO_OP_conv:
  case EAO_OP_fully_connected:
  case EAO_OP_add:
  case EAO_OP_sub:
  case EAO_OP_mul:
  case EAO_OP_concat:
  case EAO_OP_avg_pool:
  case EAO_OP_reduce_mean:
  case EAO_OP_sigmoid:
  case EAO_OP_tanh:
  case EAO_OP_hard_swish:
  case EAO_OP_leaky_relu:
  case EAO_OP_relu:
  case EAO_OP_softmax: return true;
  default: return false;
  }
}

/* Ops that move elements: they work on the integers as they are; a change of scale stays after
 * them. */
static bool moves_only(uint16_t op) {
  switch (op) {
  case EAO_OP_reshape:
  case EAO_OP_squeeze:
  case EAO_OP_unsqueeze:
  case EAO_OP_flatten:
  case EAO_OP_transpose:
  case EAO_OP_max_pool:
  case EAO_OP_slice: return true;
  default: return false;
  }
}

/* Does the op take these integers and give that type? */
static bool infers(const eao_graph *g, const eao_node *n, const eao_vid *in, const eao_tensor *y) {
  const eao_op_desc *d = eao_op_get(n->op);
  const eao_tensor *t[IN_MAX];
  eao_tensor out = *y;
  for (uint32_t i = 0; i < n->n_in; i++) t[i] = in[i] == EAO_NONE ? NULL : &g->value[in[i]].t;
  eao_infer f = {.ctx = g->ctx, .attr = n->attr, .n_in = n->n_in, .n_out = 1, .in = t, .out = &out};
  if (d->infer(&f) != EAO_OK || out.dtype != y->dtype || out.rank != y->rank) return false;
  for (int32_t i = 0; i < y->rank; i++)
    if (out.dim[i] != y->dim[i]) return false;
  return true;
}

static eao_status fold_compute(eao_rewrite *r, eao_nid q, eao_nid id, eao_node *clip) {
  eao_graph *g = r->g;
  eao_node *n = &g->node[id];
  eao_vid in[IN_MAX], y = g->node[q].out[0];
  bool ok;
  eao_act act = {0}, *slot = act_of(n);
  if (clip && (!slot || slot->kind != EAO_ACT_NONE || !clips(g, clip, &act))) return EAO_OK;
  EAO_TRY(integer_inputs(r, id, in, &ok));
  n = &g->node[id];
  slot = act_of(n);
  if (!ok) return EAO_OK;
  if (clip) *slot = act;
  if (!infers(g, n, in, &g->value[y].t)) {
    if (clip) slot->kind = EAO_ACT_NONE;
    return EAO_OK;
  }
  for (uint32_t i = 0; i < n->n_in; i++) n->in[i] = in[i];
  n->out[0] = y;
  g->value[y].producer = id;
  if (clip) eao_rewrite_remove(r, clip);
  eao_rewrite_remove(r, &g->node[q]);
  return EAO_OK;
}

static eao_status fold_move(eao_rewrite *r, eao_nid q, eao_nid id) {
  eao_graph *g = r->g;
  eao_vid x = integers_of(g, g->node[id].in[0]), fresh;
  if (x == EAO_NONE || !per_tensor(&g->value[x].t)) return EAO_OK;
  eao_tensor t = g->value[g->node[id].out[0]].t;
  t.dtype = g->value[x].t.dtype;
  t.quant = g->value[x].t.quant;
  eao_vid in[IN_MAX];
  if (g->node[id].n_in > IN_MAX) return EAO_OK;
  memcpy(in, g->node[id].in, g->node[id].n_in * sizeof *in);
  in[0] = x;
  if (!infers(g, &g->node[id], in, &t)) return EAO_OK;
  EAO_TRY(eao_graph_add_value(g, "", &t, &fresh));
  g->node[id].in[0] = x;
  g->node[id].out[0] = fresh;
  g->value[fresh].producer = id;
  g->node[q].in[0] = fresh;
  r->changes++;
  return EAO_OK;
}

/* The only node behind float value v, if nobody else sees v. */
static eao_nid sole(const eao_rewrite *r, eao_vid v) {
  if (v >= r->n_uses || r->uses[v] != 1 || eao_rewrite_is_output(r->g, v)) return EAO_NONE;
  eao_nid p = r->g->value[v].producer;
  if (p == EAO_NONE || r->g->value[v].t.dtype != EAO_F32) return EAO_NONE;
  for (uint32_t i = 1; i < r->g->node[p].n_out; i++)
    if (r->g->node[p].out[i] != EAO_NONE) return EAO_NONE;
  return p;
}

eao_status eao_pass_fold_qdq(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    const eao_node *q = &g->node[i];
    if (q->op != EAO_OP_quantize || !per_tensor(&g->value[q->out[0]].t)) continue;
    eao_nid p = sole(r, q->in[0]);
    if (p == EAO_NONE) continue;
    uint16_t op = g->node[p].op;
    eao_nid before = op == EAO_OP_relu || op == EAO_OP_clip ? sole(r, g->node[p].in[0]) : EAO_NONE;
    if (before != EAO_NONE && known_op(g->node[before].op)) {
      EAO_TRY(fold_compute(r, i, before, &g->node[p]));
      if (!g->node[i].op) continue;
    }
    if (known_op(op)) EAO_TRY(fold_compute(r, i, p, NULL));
    if (moves_only(op)) EAO_TRY(fold_move(r, i, p));
  }
  return EAO_OK;
}
