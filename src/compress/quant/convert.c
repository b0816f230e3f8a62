/* A prepared float graph becomes the quantised one. */
#include <math.h>
#include <string.h>

#include "compress/quant/ptq.h"

typedef struct conv {
  eao_graph *g;
  const eao_ptq_plan *p;
  const eao_quantize_opts *o;
  const eao_ptq_stats *stats;
  const eao_ptq_moments *moments;
  eao_vid *other;           /* per value: its form on the other side (float or int8) */
  uint32_t n_value, n_node; /* of the float graph */
} conv;

static eao_status give_quant(eao_graph *g, eao_tensor *t, int32_t axis, int32_t n,
                             const float *scale, const int32_t *zero) {
  t->quant = (eao_quant){.axis = axis, .n = n};
  t->quant.scale = eao_arena_dup(&g->arena, scale, (size_t)n * sizeof *scale);
  int32_t *z = eao_arena_array(&g->arena, (uint64_t)n, sizeof *z);
  if (!t->quant.scale || !z) return EAO_NOMEM(g->ctx);
  if (zero) memcpy(z, zero, (size_t)n * sizeof *z);
  t->quant.zero = z;
  return EAO_OK;
}

static eao_status type_of(conv *c, eao_vid v, eao_tensor *t) {
  eao_vid root = eao_ptq_shared(c->p, v);
  t->dtype = EAO_I8;
  return give_quant(c->g, t, -1, 1, &c->p->scale[root], &c->p->zero[root]);
}

static eao_status add_const(eao_graph *g, const char *name, const char *suffix, const eao_tensor *t,
                            eao_vid *out) {
  char *unique = eao_arena_printf(&g->arena, "%s%s%u", name, suffix, g->n_value);
  if (!unique) return EAO_NOMEM(g->ctx);
  return eao_graph_add_value(g, unique, t, out);
}

/* ---- weights ---- */

/* What quantised weights are made from and give. */
typedef struct layer {
  eao_tensor w, w8, bias;
  int64_t outs, inner; /* output channels; stride of their axis */
  float *scale;        /* of w8 */
  double *bias_real;
  float x_scale;
} layer;

void eao_ptq_weight_scales(const float *w, int64_t n, int64_t outs, int64_t inner, double steps,
                           float *out_scale) {
  for (int64_t o = 0; o < outs; o++) out_scale[o] = 0;
  for (int64_t i = 0; i < n; i++) {
    float *most = &out_scale[i / inner % outs];
    *most = fmaxf(*most, fabsf(w[i]));
  }
  for (int64_t o = 0; o < outs; o++) {
    out_scale[o] = (float)((double)out_scale[o] / steps);
    if (!(out_scale[o] > 1e-20f)) out_scale[o] = 1e-6f; /* a channel of zeros */
  }
}

/* A bias beyond int32 forces a coarser scale. */
static void fit_biases(layer *l, const float *bias) {
  for (int64_t o = 0; bias && o < l->outs; o++) {
    double least = fabs((double)bias[o]) / ((double)l->x_scale * 0x1p30);
    if ((double)l->scale[o] < least) l->scale[o] = (float)least;
  }
}

static void round_weights(layer *l) {
  const float *w = l->w.data;
  int8_t *q = l->w8.data;
  int64_t n = eao_tensor_count(&l->w);
  for (int64_t i = 0; i < n; i++) {
    double v = rint((double)w[i] / (double)l->scale[i / l->inner % l->outs]);
    q[i] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
  }
}

/* Rounding moves the mean of each output by sum(W8 E[x8] - W E[x]); taken off the bias. */
static void correct_bias(conv *c, const eao_node *n, layer *l) {
  eao_vid v = n->in[0];
  if (!c->stats || v >= c->stats->n || !c->stats->mean[v] || !c->stats->n_mean[v]) return;
  const double *mean = c->stats->mean[v];
  double count = (double)c->stats->n_mean[v], count8 = (double)c->stats->n_rounded[v];
  const double *error = c->stats->rounded[v];
  if (count8 == 0) return;
  const float *w = l->w.data;
  const int8_t *q = l->w8.data;
  eao_ptq_channels ch;
  eao_ptq_channels_init(&ch, c->g, n, &l->w);
  int64_t total = eao_tensor_count(&l->w);
  for (int64_t i = 0; i < total; i++) {
    int64_t o = eao_ptq_channel_out(&ch, i), x = eao_ptq_channel_in(&ch, i);
    double w8 = (double)q[i] * (double)l->scale[o];
    l->bias_real[o] -= w8 * (mean[x] / count + error[x] / count8) - (double)w[i] * mean[x] / count;
  }
}

static eao_status round_biases(conv *c, layer *l) {
  eao_graph *g = c->g;
  l->bias = (eao_tensor){.dtype = EAO_I32, .rank = 1, .dim = {l->outs}};
  int32_t *q = l->bias.data = eao_arena_array(&g->arena, (uint64_t)l->outs, sizeof *q);
  float *scale = eao_arena_array(&g->arena, (uint64_t)l->outs, sizeof *scale);
  if (!q || !scale) return EAO_NOMEM(g->ctx);
  for (int64_t o = 0; o < l->outs; o++) {
    scale[o] = l->x_scale * l->scale[o];
    double v = rint(l->bias_real[o] / ((double)l->x_scale * (double)l->scale[o]));
    q[o] = (int32_t)fmin(fmax(v, INT32_MIN), INT32_MAX);
  }
  return give_quant(g, &l->bias, 0, (int32_t)l->outs, scale, NULL);
}

static eao_status convert_weights(conv *c, eao_nid id) {
  eao_graph *g = c->g;
  eao_node *n = &g->node[id];
  int32_t axis = eao_ptq_out_axis(g, n);
  layer l = {.w = g->value[n->in[1]].t, .inner = 1};
  const float *bias = n->n_in > 2 && n->in[2] != EAO_NONE ? g->value[n->in[2]].t.data : NULL;
  l.outs = l.w.dim[axis];
  for (int32_t d = axis + 1; d < l.w.rank; d++) l.inner *= l.w.dim[d];
  l.x_scale = c->p->scale[eao_ptq_shared(c->p, n->in[0])];
  l.w8 = l.w;
  l.w8.dtype = EAO_I8;
  l.w8.data = eao_arena_alloc(&g->arena, (size_t)eao_tensor_count(&l.w) + 1);
  l.scale = eao_arena_array(&g->arena, (uint64_t)l.outs, sizeof *l.scale);
  l.bias_real = eao_arena_array(&g->arena, (uint64_t)l.outs, sizeof *l.bias_real);
  if (!l.w8.data || !l.scale || !l.bias_real) return EAO_NOMEM(g->ctx);
  eao_ptq_weight_scales(l.w.data, eao_tensor_count(&l.w), l.outs, l.inner, 127, l.scale);
  fit_biases(&l, bias);
  bool done = false;
  if (c->moments) EAO_TRY(eao_ptq_moments_round(c->moments, id, &l.w, l.scale, l.w8.data, &done));
  if (!done) round_weights(&l);
  for (int64_t o = 0; o < l.outs; o++) l.bias_real[o] = bias ? (double)bias[o] : 0;
  correct_bias(c, n, &l);
  EAO_TRY(round_biases(c, &l));
  EAO_TRY(give_quant(g, &l.w8, axis, (int32_t)l.outs, l.scale, NULL));
  eao_vid wv, bv;
  EAO_TRY(add_const(g, g->value[n->in[1]].name, "/int8_", &l.w8, &wv));
  EAO_TRY(add_const(g, g->value[n->in[1]].name, "/bias_", &l.bias, &bv));
  eao_vid *in = eao_arena_array(&g->arena, 3, sizeof *in);
  if (!in) return EAO_NOMEM(g->ctx);
  in[0] = n->in[0];
  in[1] = wv;
  in[2] = bv;
  n->in = in;
  n->n_in = 3;
  return EAO_OK;
}

/* A constant operand of an element-wise node: int8 over its own range. */
static eao_status convert_const(conv *c, eao_node *n, uint32_t i) {
  eao_graph *g = c->g;
  eao_tensor t = g->value[n->in[i]].t;
  const float *v = t.data;
  int64_t count = eao_tensor_count(&t);
  float lo = 0, hi = 0;
  for (int64_t k = 0; k < count; k++) {
    lo = v[k] < lo ? v[k] : lo;
    hi = v[k] > hi ? v[k] : hi;
  }
  float scale = hi > lo ? (hi - lo) / 255 : 1.0f / 255;
  int32_t zero = (int32_t)lrintf(-128 - lo / scale);
  zero = zero < -128 ? -128 : zero > 127 ? 127 : zero;
  int8_t *q = eao_arena_alloc(&g->arena, (size_t)count + 1);
  if (!q) return EAO_NOMEM(g->ctx);
  for (int64_t k = 0; k < count; k++) {
    float r = rintf(v[k] / scale) + (float)zero;
    q[k] = (int8_t)(r < -128 ? -128 : r > 127 ? 127 : r);
  }
  t.dtype = EAO_I8;
  t.data = q;
  EAO_TRY(give_quant(g, &t, -1, 1, &scale, &zero));
  return add_const(g, g->value[n->in[i]].name, "/int8_", &t, &n->in[i]);
}

/* ---- activations ---- */

static bool produced_integer(const conv *c, eao_vid v) {
  eao_nid by = c->g->value[v].producer;
  return by != EAO_NONE && by < c->n_node && c->p->integer[by];
}

/* The form of v on the other side of a conversion, made at its first use. */
static eao_status converted(conv *c, eao_vid v, bool to_integer, eao_vid *out) {
  eao_graph *g = c->g;
  if (c->other[v] == EAO_NONE) {
    eao_tensor t = g->value[v].t;
    t.quant = (eao_quant){0};
    t.dtype = EAO_F32;
    if (to_integer) EAO_TRY(type_of(c, v, &t));
    char *name = eao_arena_printf(&g->arena, "%s/%s", g->value[v].name,
                                  to_integer ? "quantized" : "dequantized");
    if (!name) return EAO_NOMEM(g->ctx);
    if (eao_graph_find(g, name) != EAO_NONE) name = eao_arena_printf(&g->arena, "%s%u", name, v);
    EAO_TRY(eao_graph_add_value(g, name, &t, &c->other[v]));
    uint16_t op = to_integer ? EAO_OP_quantize : EAO_OP_dequantize;
    EAO_TRY(eao_graph_add_node(g, op, name, NULL, 0, &v, 1, &c->other[v], 1, NULL));
  }
  *out = c->other[v];
  return EAO_OK;
}

static eao_status convert_inputs(conv *c, eao_nid id) {
  for (uint32_t i = 0; i < c->g->node[id].n_in; i++) {
    eao_node *n = &c->g->node[id];
    eao_vid v = n->in[i], to;
    if (v == EAO_NONE || v >= c->n_value) continue;
    const eao_tensor *t = &c->g->value[v].t;
    if (c->p->integer[id] && t->data && t->dtype == EAO_F32 && n->op != EAO_OP_resize) {
      EAO_TRY(convert_const(c, n, i));
      continue;
    }
    if (t->data) continue;
    bool have = produced_integer(c, v) || t->dtype == EAO_I8;
    if (!have && t->dtype != EAO_F32) continue; /* shapes, indices */
    if (have == c->p->integer[id]) continue;
    EAO_TRY(converted(c, v, c->p->integer[id], &to));
    c->g->node[id].in[i] = to;
  }
  return EAO_OK;
}

/* A float output keeps its name; the integer value behind it gets another. */
static eao_status convert_outputs(conv *c) {
  eao_graph *g = c->g;
  for (uint32_t i = 0; i < g->n_output; i++) {
    eao_vid v = g->output[i], to;
    if (v >= c->n_value || !produced_integer(c, v) || c->o->integer_io) continue;
    EAO_TRY(converted(c, v, false, &to));
    const char *name = g->value[v].name;
    if (eao_graph_find(g, name) == v) {
      g->value[v].name = eao_arena_printf(&g->arena, "%s/int8", name);
      g->value[to].name = name;
      if (!g->value[v].name) return EAO_NOMEM(g->ctx);
    }
    g->output[i] = to;
  }
  return EAO_OK;
}

/* integer_io: an input that only integer nodes read becomes int8 itself. */
static eao_status convert_graph_inputs(conv *c) {
  eao_graph *g = c->g;
  for (uint32_t i = 0; c->o->integer_io && i < g->n_input; i++) {
    eao_vid v = g->input[i];
    bool all = g->value[v].t.dtype == EAO_F32, any = false;
    for (eao_nid n = 0; all && n < g->n_node; n++)
      for (uint32_t k = 0; k < g->node[n].n_in; k++)
        if (g->node[n].in[k] == v) {
          any = true;
          all = all && c->p->integer[n];
        }
    if (all && any) EAO_TRY(type_of(c, v, &g->value[v].t));
  }
  return EAO_OK;
}

static eao_status convert_all(conv *c) {
  eao_graph *g = c->g;
  uint32_t n_node = c->n_node;
  for (eao_nid i = 0; i < n_node; i++)
    if (c->p->integer[i] && eao_ptq_is_weighted(g, &g->node[i])) EAO_TRY(convert_weights(c, i));
  EAO_TRY(convert_graph_inputs(c)); /* after the weights, which look for float layers */
  for (eao_nid i = 0; i < n_node; i++)
    for (uint32_t k = 0; c->p->integer[i] && k < g->node[i].n_out; k++) {
      eao_vid v = g->node[i].out[k];
      if (v != EAO_NONE) EAO_TRY(type_of(c, v, &g->value[v].t));
    }
  for (eao_nid i = 0; i < n_node; i++) EAO_TRY(convert_inputs(c, i));
  return convert_outputs(c);
}

eao_status eao_ptq_convert(eao_graph *g, const eao_ptq_plan *p, const eao_quantize_opts *o,
                           const eao_ptq_stats *stats, const eao_ptq_moments *moments) {
  conv c = {.g = g,
            .p = p,
            .o = o,
            .stats = stats,
            .moments = moments,
            .n_value = g->n_value,
            .n_node = g->n_node};
  c.other = eao_alloc(g->ctx, g->n_value * sizeof *c.other);
  if (!c.other) return EAO_NOMEM(g->ctx);
  for (eao_vid v = 0; v < g->n_value; v++) c.other[v] = EAO_NONE;
  eao_status s = convert_all(&c);
  eao_free(g->ctx, c.other);
  if (s == EAO_OK) s = eao_graph_sort(g);
  if (s == EAO_OK) s = eao_graph_verify(g);
  return s == EAO_OK ? eao_graph_infer(g) : s;
}
