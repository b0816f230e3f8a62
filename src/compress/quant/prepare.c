#include <math.h>
#include <string.h>

#include "compress/quant/ptq.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/norm.h"
#include "kernel/ref/spatial.h"

/* ---- small helpers ---- */

typedef struct prep {
  eao_graph *g;
  uint32_t *uses;
} prep;

static bool const_f32(const eao_graph *g, eao_vid v) {
  return eao_value_is_const(g, v) && g->value[v].t.dtype == EAO_F32;
}

static eao_status new_f32(eao_graph *g, const char *name, int32_t rank, const int64_t *dim,
                          eao_vid *out, float **out_data) {
  eao_tensor t = {.dtype = EAO_F32, .rank = rank};
  int64_t n = 1;
  for (int32_t i = 0; i < rank; i++) n *= t.dim[i] = dim[i];
  t.data = *out_data = eao_arena_array(&g->arena, (uint64_t)(n ? n : 1), sizeof(float));
  if (!t.data) return EAO_NOMEM(g->ctx);
  char *unique = eao_arena_printf(&g->arena, "%s/prepared%u", name, g->n_value);
  if (!unique) return EAO_NOMEM(g->ctx);
  return eao_graph_add_value(g, unique, &t, out);
}

static eao_node *producer(const prep *p, eao_vid v, uint16_t op) {
  if (v == EAO_NONE || v >= p->g->n_value) return NULL;
  eao_nid id = p->g->value[v].producer;
  if (id == EAO_NONE || p->g->node[id].op != op) return NULL;
  return p->g->node[id].n_out == 1 && p->uses[v] == 1 ? &p->g->node[id] : NULL;
}

/* maker's output takes over the identity of n's output; n goes. */
static void absorb(prep *p, eao_node *maker, eao_node *n) {
  eao_vid out = n->out[0];
  maker->out[0] = out;
  p->g->value[out].producer = (eao_nid)(maker - p->g->node);
  n->op = EAO_OP_NONE;
}

static eao_status set_input(eao_graph *g, eao_node *n, uint32_t i, eao_vid v) {
  if (i >= n->n_in) {
    eao_vid *in = eao_arena_array(&g->arena, i + 1, sizeof *in);
    if (!in) return EAO_NOMEM(g->ctx);
    for (uint32_t k = 0; k <= i; k++) in[k] = k < n->n_in ? n->in[k] : EAO_NONE;
    n->in = in;
    n->n_in = i + 1;
  }
  n->in[i] = v;
  return EAO_OK;
}

/* ---- gemm and matmul to fully_connected ---- */

static eao_status to_fully_connected(prep *p, eao_node *n) {
  eao_graph *g = p->g;
  bool gemm = n->op == EAO_OP_gemm, has_bias = gemm && n->n_in > 2 && n->in[2] != EAO_NONE;
  if (n->n_in < 2 || !const_f32(g, n->in[1]) || n->in[0] == EAO_NONE) return EAO_OK;
  const eao_tensor x = g->value[n->in[0]].t, w = g->value[n->in[1]].t;
  const eao_gemm_attr *t = gemm ? n->attr : NULL;
  if (w.rank != 2 || x.rank < 2 || x.dtype != EAO_F32) return EAO_OK;
  if (t && (t->trans_a || t->alpha != 1 || (has_bias && t->beta != 1))) return EAO_OK;
  bool transposed = t && t->trans_b;
  int64_t outs = w.dim[transposed ? 0 : 1], depth = w.dim[transposed ? 1 : 0];
  if (has_bias) {
    const eao_tensor *b = &g->value[n->in[2]].t;
    if (!const_f32(g, n->in[2]) || eao_tensor_count(b) != outs || b->rank < 1 ||
        b->dim[b->rank - 1] != outs)
      return EAO_OK;
  }
  float *data, *bias = NULL;
  eao_vid wv, bv = EAO_NONE;
  EAO_TRY(new_f32(g, g->value[n->in[1]].name, 2, (int64_t[]){outs, depth}, &wv, &data));
  for (int64_t o = 0; o < outs; o++)
    for (int64_t k = 0; k < depth; k++)
      data[o * depth + k] = ((const float *)w.data)[transposed ? o * depth + k : k * outs + o];
  if (has_bias) {
    EAO_TRY(new_f32(g, g->value[n->in[2]].name, 1, &outs, &bv, &bias));
    memcpy(bias, g->value[n->in[2]].t.data, (size_t)outs * sizeof *bias);
  }
  eao_fully_connected_attr a = {.keep_dims = 1};
  eao_vid *in = eao_arena_array(&g->arena, 3, sizeof *in);
  n->attr = eao_arena_dup(&g->arena, &a, sizeof a);
  if (!in || !n->attr) return EAO_NOMEM(g->ctx);
  in[0] = n->in[0];
  in[1] = wv;
  in[2] = bv;
  n->in = in;
  n->n_in = has_bias ? 3 : 2;
  n->op = EAO_OP_fully_connected;
  return EAO_OK;
}

/* ---- what a weighted node takes over from its consumer ---- */

static eao_act *act_of(eao_node *n) {
  switch (n->op) {
  case EAO_OP_conv: return &((eao_conv_attr *)n->attr)->act;
  case EAO_OP_conv_transpose: return &((eao_conv_transpose_attr *)n->attr)->act;
  case EAO_OP_fully_connected: return &((eao_fully_connected_attr *)n->attr)->act;
  case EAO_OP_add:
  case EAO_OP_sub:
  case EAO_OP_mul: return &((eao_binary_attr *)n->attr)->act;
  default: return NULL;
  }
}

static eao_node *sole_weighted(const prep *p, eao_vid v) {
  eao_node *n = producer(p, v, EAO_OP_conv);
  if (!n) n = producer(p, v, EAO_OP_fully_connected);
  return n && const_f32(p->g, n->in[1]) && act_of(n)->kind == EAO_ACT_NONE ? n : NULL;
}

static int64_t outputs_of(const eao_graph *g, const eao_node *n) {
  const eao_tensor *w = &g->value[n->in[1]].t;
  return w->dim[eao_ptq_out_axis(g, n)];
}

/* A bias of its own, to be changed. */
static eao_status own_bias(eao_graph *g, eao_node *n, float **out) {
  int64_t outs = outputs_of(g, n);
  bool had = n->n_in > 2 && n->in[2] != EAO_NONE;
  eao_vid v;
  EAO_TRY(new_f32(g, n->name, 1, &outs, &v, out));
  if (had) memcpy(*out, g->value[n->in[2]].t.data, (size_t)outs * sizeof **out);
  return set_input(g, n, 2, v);
}

/* conv or fully_connected, then add of one constant per channel. */
static eao_status fuse_bias(prep *p, eao_node *n) {
  eao_graph *g = p->g;
  if (((eao_binary_attr *)n->attr)->act.kind != EAO_ACT_NONE) return EAO_OK;
  for (uint32_t side = 0; side < 2; side++) {
    eao_node *maker = sole_weighted(p, n->in[side]);
    eao_vid c = n->in[1 - side];
    if (!maker || !const_f32(g, c)) continue;
    if (maker->n_in > 2 && maker->in[2] != EAO_NONE && !const_f32(g, maker->in[2])) continue;
    const eao_tensor *b = &g->value[c].t, *y = &g->value[maker->out[0]].t;
    int64_t outs = outputs_of(g, maker), n_b = eao_tensor_count(b);
    bool first = maker->op == EAO_OP_conv &&
                 ((eao_conv_attr *)maker->attr)->layout == EAO_LAYOUT_CHANNELS_FIRST;
    int32_t axis = first ? 1 : y->rank - 1, at = b->rank - (y->rank - axis);
    if (y->rank < 2 || b->rank > y->rank || n_b != outs) continue;
    if (outs > 1 && (at < 0 || b->dim[at] != outs)) continue;
    float *bias;
    const float *add = b->data;
    EAO_TRY(own_bias(g, maker, &bias));
    for (int64_t i = 0; i < outs; i++) bias[i] += add[i];
    absorb(p, maker, n);
    return EAO_OK;
  }
  return EAO_OK;
}

/* W' = W gamma / sqrt(var + eps), b' = beta + (b - mean) gamma / sqrt(var + eps) */
static eao_status fold_batch_norm(prep *p, eao_node *n) {
  eao_graph *g = p->g;
  const eao_batch_norm_attr *a = n->attr;
  eao_node *conv = n->n_in == 5 ? sole_weighted(p, n->in[0]) : NULL;
  if (!conv || conv->op != EAO_OP_conv || a->training_mode || n->n_out != 1) return EAO_OK;
  if (a->layout != ((eao_conv_attr *)conv->attr)->layout) return EAO_OK;
  int64_t outs = outputs_of(g, conv);
  const float *k[5];
  for (uint32_t i = 1; i < 5; i++) {
    if (!const_f32(g, n->in[i]) || eao_tensor_count(&g->value[n->in[i]].t) != outs) return EAO_OK;
    k[i] = g->value[n->in[i]].t.data;
  }
  if (conv->n_in > 2 && conv->in[2] != EAO_NONE && !const_f32(g, conv->in[2])) return EAO_OK;
  const eao_tensor w = g->value[conv->in[1]].t;
  eao_spatial s;
  eao_vid wv;
  float *data, *bias;
  eao_spatial_init_weights(&s, &w, ((eao_conv_attr *)conv->attr)->w_layout);
  EAO_TRY(new_f32(g, g->value[conv->in[1]].name, w.rank, w.dim, &wv, &data));
  EAO_TRY(own_bias(g, conv, &bias));
  int64_t total = eao_tensor_count(&w);
  for (int64_t i = 0; i < total; i++) {
    int64_t o = i / s.sn % outs;
    double f = (double)k[1][o] / sqrt((double)k[4][o] + (double)a->epsilon);
    data[i] = (float)((double)((const float *)w.data)[i] * f);
  }
  for (int64_t o = 0; o < outs; o++) {
    double f = (double)k[1][o] / sqrt((double)k[4][o] + (double)a->epsilon);
    bias[o] = (float)((double)k[2][o] + ((double)bias[o] - (double)k[3][o]) * f);
  }
  conv->in[1] = wv;
  absorb(p, conv, n);
  return EAO_OK;
}

/* relu, clip with constants, act: the clipping it stands for. */
static bool clip_of(const eao_graph *g, const eao_node *n, eao_act *out) {
  memset(out, 0, sizeof *out);
  float lo, hi;
  if (n->op == EAO_OP_relu) {
    out->kind = EAO_ACT_RELU;
    return true;
  }
  if (n->op == EAO_OP_act) {
    *out = ((const eao_binary_attr *)n->attr)->act;
    return eao_act_bounds(out, &lo, &hi);
  }
  if (n->op != EAO_OP_clip) return false;
  float bound[2] = {-INFINITY, INFINITY};
  for (uint32_t i = 1; i < 3; i++) {
    if (i >= n->n_in || n->in[i] == EAO_NONE) continue;
    if (!const_f32(g, n->in[i]) || eao_tensor_count(&g->value[n->in[i]].t) != 1) return false;
    bound[i - 1] = ((const float *)g->value[n->in[i]].t.data)[0];
  }
  *out = (eao_act){EAO_ACT_CLIP, bound[0], bound[1]};
  if (bound[0] == 0 && bound[1] == 6) *out = (eao_act){.kind = EAO_ACT_RELU6};
  if (bound[0] == 0 && bound[1] == INFINITY) *out = (eao_act){.kind = EAO_ACT_RELU};
  return bound[0] <= bound[1];
}

static eao_status fuse_clip(prep *p, eao_node *n) {
  eao_act act;
  static const uint16_t makers[] = {
      EAO_OP_conv, EAO_OP_conv_transpose, EAO_OP_fully_connected, EAO_OP_add, EAO_OP_sub,
      EAO_OP_mul};
  if (n->n_in < 1 || p->g->value[n->in[0]].t.dtype != EAO_F32 || !clip_of(p->g, n, &act))
    return EAO_OK;
  for (size_t i = 0; i < EAO_COUNT(makers); i++) {
    eao_node *maker = producer(p, n->in[0], makers[i]);
    if (!maker || act_of(maker)->kind != EAO_ACT_NONE) continue;
    *act_of(maker) = act;
    absorb(p, maker, n);
    return EAO_OK;
  }
  if (n->op != EAO_OP_clip) return EAO_OK;
  eao_binary_attr a = {.act = act}; /* clip's bounds are inputs: an act has them as attributes */
  n->attr = eao_arena_dup(&p->g->arena, &a, sizeof a);
  if (!n->attr) return EAO_NOMEM(p->g->ctx);
  n->op = EAO_OP_act;
  n->n_in = 1;
  return EAO_OK;
}

static eao_status prepare_node(prep *p, eao_node *n) {
  switch (n->op) {
  case EAO_OP_gemm:
  case EAO_OP_matmul: return to_fully_connected(p, n);
  case EAO_OP_add: return fuse_bias(p, n);
  case EAO_OP_batch_norm: return fold_batch_norm(p, n);
  case EAO_OP_relu:
  case EAO_OP_clip:
  case EAO_OP_act: return fuse_clip(p, n);
  default: return EAO_OK;
  }
}

eao_status eao_ptq_prepare(eao_graph *g) {
  prep p = {.g = g};
  eao_status s = EAO_OK;
  for (eao_nid i = 0; s == EAO_OK && i < g->n_node; i++) {
    if (!g->node[i].op) continue;
    uint32_t *uses = eao_alloc(g->ctx, g->n_value * sizeof *uses);
    if (!uses) return EAO_NOMEM(g->ctx);
    eao_graph_count_uses(g, uses);
    p.uses = uses;
    s = prepare_node(&p, &g->node[i]);
    eao_free(g->ctx, uses);
  }
  if (s != EAO_OK) return s;
  eao_graph_compact(g);
  EAO_TRY(eao_graph_sort(g));
  EAO_TRY(eao_graph_verify(g));
  return eao_graph_infer(g);
}
