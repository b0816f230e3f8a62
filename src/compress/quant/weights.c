/* Weights alone in fewer bits; activations stay float. The narrow constants stand behind dequantize
 * nodes, which every format has a form for; the compiler's passes take those away again. */
#include <math.h>
#include <string.h>

#include "compress/quant/ptq.h"

enum { ELEMENTS_MIN = 32 }; /* smaller constants are not worth a node */

/* The constant's place in every node that reads it is taken by what `narrow` dequantises to. */
static eao_status replace_const(eao_graph *g, eao_vid v, const eao_tensor *narrow) {
  const char *name = g->value[v].name;
  eao_tensor wide = g->value[v].t;
  eao_vid from, to;
  wide.data = NULL;
  char *a = eao_arena_printf(&g->arena, "%s/%s%u", name, eao_dtype_name(narrow->dtype), v);
  char *b = eao_arena_printf(&g->arena, "%s/dequantized%u", name, v);
  if (!a || !b) return EAO_NOMEM(g->ctx);
  EAO_TRY(eao_graph_add_value(g, a, narrow, &from));
  EAO_TRY(eao_graph_add_value(g, b, &wide, &to));
  eao_graph_replace_uses(g, v, to);
  return eao_graph_add_node(g, EAO_OP_dequantize, b, NULL, 0, &from, 1, &to, 1, NULL);
}

/* Narrow weights move the mean of each output by sum((W' - W) E[x]); taken off the bias. */
static eao_status correct_bias(eao_graph *g, eao_nid id, const eao_tensor *wide,
                               const eao_tensor *narrow, const eao_ptq_stats *stats) {
  eao_node *n = &g->node[id];
  eao_vid x = n->in[0], bv;
  bool had = n->n_in > 2 && n->in[2] != EAO_NONE;
  if (!stats || x >= stats->n || !stats->mean[x] || !stats->n_mean[x]) return EAO_OK;
  eao_ptq_channels ch;
  eao_ptq_channels_init(&ch, g, n, wide);
  double *moved = eao_alloc(g->ctx, (size_t)ch.outs * sizeof *moved);
  float *bias = eao_arena_array(&g->arena, (uint64_t)ch.outs, sizeof *bias);
  char *name = eao_arena_printf(&g->arena, "%s/bias%u", g->value[n->out[0]].name, g->n_value);
  eao_vid *in = eao_arena_array(&g->arena, 3, sizeof *in);
  eao_status s = moved && bias && name && in ? EAO_OK : EAO_NOMEM(g->ctx);
  int64_t count = eao_tensor_count(wide);
  for (int64_t i = 0; s == EAO_OK && i < count; i++)
    moved[eao_ptq_channel_out(&ch, i)] +=
        (eao_get_real(narrow, i) - (double)((const float *)wide->data)[i]) *
        stats->mean[x][eao_ptq_channel_in(&ch, i)];
  for (int64_t o = 0; s == EAO_OK && o < ch.outs; o++) {
    double b = had ? (double)((const float *)g->value[n->in[2]].t.data)[o] : 0;
    bias[o] = (float)(b - moved[o] / (double)stats->n_mean[x]);
  }
  eao_free(g->ctx, moved);
  if (s != EAO_OK) return s;
  eao_tensor t = {.dtype = EAO_F32, .rank = 1, .dim = {ch.outs}, .data = bias};
  EAO_TRY(eao_graph_add_value(g, name, &t, &bv));
  n = &g->node[id];
  in[0] = n->in[0];
  in[1] = n->in[1];
  in[2] = bv;
  n->in = in;
  n->n_in = 3;
  return EAO_OK;
}

/* ---- f16 ---- */

/* Numbers beyond the range of halves would become infinite: such a constant stays as it is. */
static bool fits_f16(const eao_tensor *t) {
  int64_t n = eao_tensor_count(t);
  const float *v = t->data;
  for (int64_t i = 0; i < n; i++)
    if (!(fabsf(v[i]) < 65504.0f)) return false;
  return true;
}

static eao_status halves_of(eao_graph *g, const eao_tensor *from, eao_tensor *out) {
  int64_t n = eao_tensor_count(from);
  *out = *from;
  uint16_t *h = out->data = eao_arena_array(&g->arena, (uint64_t)n, sizeof *h);
  if (!h) return EAO_NOMEM(g->ctx);
  for (int64_t i = 0; i < n; i++) h[i] = eao_f32_to_f16(((const float *)from->data)[i]);
  out->dtype = EAO_F16;
  return EAO_OK;
}

static eao_status to_f16(eao_graph *g, eao_vid v) {
  eao_tensor t;
  EAO_TRY(halves_of(g, &g->value[v].t, &t));
  return replace_const(g, v, &t);
}

/* Halves differ too little to matter, unless a layer cancels large numbers: their means are put
 * right as well. */
static eao_status correct_layers(eao_graph *g, const eao_ptq_stats *stats) {
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; stats && i < n_node; i++) {
    const eao_node *n = &g->node[i];
    if (!n->op || !eao_ptq_is_weighted(g, n)) continue;
    const eao_tensor wide = g->value[n->in[1]].t;
    if (wide.rank < 2 || eao_tensor_count(&wide) < ELEMENTS_MIN || !fits_f16(&wide)) continue;
    eao_tensor half = wide;
    EAO_TRY(halves_of(g, &wide, &half));
    EAO_TRY(correct_bias(g, i, &wide, &half, stats));
  }
  return EAO_OK;
}

/* Matrices and kernels of any op; vectors (biases, scales of norms) weigh little and stay. */
static eao_status all_to_f16(eao_graph *g, const eao_ptq_stats *stats, uint32_t *out_n) {
  EAO_TRY(correct_layers(g, stats));
  uint32_t *uses = eao_alloc(g->ctx, g->n_value * sizeof *uses), n_value = g->n_value;
  if (!uses) return EAO_NOMEM(g->ctx);
  eao_graph_count_uses(g, uses);
  eao_status s = EAO_OK;
  for (eao_vid v = 0; s == EAO_OK && v < n_value; v++) {
    const eao_tensor *t = &g->value[v].t;
    if (!uses[v] || !t->data || t->dtype != EAO_F32 || t->rank < 2) continue;
    if (eao_tensor_count(t) < ELEMENTS_MIN || !fits_f16(t)) continue;
    s = to_f16(g, v);
    ++*out_n;
  }
  eao_free(g->ctx, uses);
  return s;
}

/* ---- int8 ---- */

static eao_status to_i8(eao_graph *g, eao_nid id, const eao_ptq_stats *stats,
                        const eao_ptq_moments *moments) {
  const eao_node *n = &g->node[id];
  eao_vid v = n->in[1];
  int32_t axis = eao_ptq_out_axis(g, n);
  const eao_tensor from = g->value[v].t;
  eao_tensor t = from;
  int64_t count = eao_tensor_count(&from), outs = from.dim[axis], inner = 1;
  for (int32_t d = axis + 1; d < from.rank; d++) inner *= from.dim[d];
  int8_t *q = t.data = eao_arena_alloc(&g->arena, (size_t)count + 1);
  float *scale = eao_arena_array(&g->arena, (uint64_t)outs, sizeof *scale);
  if (!q || !scale) return EAO_NOMEM(g->ctx);
  eao_ptq_weight_scales(from.data, count, outs, inner, 127, scale);
  bool done = false;
  if (moments) EAO_TRY(eao_ptq_moments_round(moments, id, &from, scale, q, &done));
  for (int64_t i = 0; !done && i < count; i++) {
    double r = rint((double)((const float *)from.data)[i] / (double)scale[i / inner % outs]);
    q[i] = (int8_t)(r > 127 ? 127 : r < -127 ? -127 : r);
  }
  t.dtype = EAO_I8;
  t.quant = (eao_quant){.axis = axis, .n = (int32_t)outs, .scale = scale};
  EAO_TRY(correct_bias(g, id, &from, &t, stats));
  return replace_const(g, v, &t);
}

static eao_status all_to_i8(eao_graph *g, const eao_ptq_stats *stats,
                            const eao_ptq_moments *moments, uint32_t *out_n) {
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    const eao_node *n = &g->node[i];
    if (!n->op || !eao_ptq_is_weighted(g, n)) continue;
    if (eao_tensor_count(&g->value[n->in[1]].t) < ELEMENTS_MIN) continue;
    EAO_TRY(to_i8(g, i, stats, moments));
    ++*out_n;
  }
  return EAO_OK;
}

eao_status eao_ptq_narrow(eao_graph *g, eao_quant_scheme scheme, const eao_ptq_stats *stats,
                          const eao_ptq_moments *moments, uint32_t *out_n) {
  *out_n = 0;
  EAO_TRY(scheme == EAO_QUANT_FP16 ? all_to_f16(g, stats, out_n)
                                   : all_to_i8(g, stats, moments, out_n));
  EAO_TRY(eao_graph_sort(g));
  EAO_TRY(eao_graph_verify(g));
  return eao_graph_infer(g);
}
