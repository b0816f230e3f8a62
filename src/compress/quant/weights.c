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

/* ---- f16 ---- */

/* Numbers beyond the range of halves would become infinite: such a constant stays as it is. */
static bool fits_f16(const eao_tensor *t) {
  int64_t n = eao_tensor_count(t);
  const float *v = t->data;
  for (int64_t i = 0; i < n; i++)
    if (!(fabsf(v[i]) < 65504.0f)) return false;
  return true;
}

static eao_status to_f16(eao_graph *g, eao_vid v) {
  const eao_tensor from = g->value[v].t;
  int64_t n = eao_tensor_count(&from);
  eao_tensor t = from;
  uint16_t *h = t.data = eao_arena_array(&g->arena, (uint64_t)n, sizeof *h);
  if (!h) return EAO_NOMEM(g->ctx);
  for (int64_t i = 0; i < n; i++) h[i] = eao_f32_to_f16(((const float *)from.data)[i]);
  t.dtype = EAO_F16;
  return replace_const(g, v, &t);
}

/* Matrices and kernels of any op; vectors (biases, scales of norms) weigh little and stay. */
static eao_status all_to_f16(eao_graph *g, uint32_t *out_n) {
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

static eao_status to_i8(eao_graph *g, eao_nid id) {
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
  for (int64_t i = 0; i < count; i++) {
    double r = rint((double)((const float *)from.data)[i] / (double)scale[i / inner % outs]);
    q[i] = (int8_t)(r > 127 ? 127 : r < -127 ? -127 : r);
  }
  t.dtype = EAO_I8;
  t.quant = (eao_quant){.axis = axis, .n = (int32_t)outs, .scale = scale};
  return replace_const(g, v, &t);
}

static eao_status all_to_i8(eao_graph *g, uint32_t *out_n) {
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    const eao_node *n = &g->node[i];
    if (!n->op || !eao_ptq_is_weighted(g, n)) continue;
    if (eao_tensor_count(&g->value[n->in[1]].t) < ELEMENTS_MIN) continue;
    EAO_TRY(to_i8(g, i));
    ++*out_n;
  }
  return EAO_OK;
}

eao_status eao_ptq_narrow(eao_graph *g, eao_quant_scheme scheme, uint32_t *out_n) {
  *out_n = 0;
  EAO_TRY(scheme == EAO_QUANT_FP16 ? all_to_f16(g, out_n) : all_to_i8(g, out_n));
  EAO_TRY(eao_graph_sort(g));
  EAO_TRY(eao_graph_verify(g));
  return eao_graph_infer(g);
}
