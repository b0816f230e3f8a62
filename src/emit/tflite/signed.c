/* LiteRT multiplies uint8 by uint8 or int8 by int8, never uint8 activations by int8 weights, which
 * is what ONNX quantisers write. Shifting a tensor and its zero point by 128 changes nothing of the
 * arithmetic, so such a graph becomes one of int8 throughout; inputs and outputs keep their type
 * and are shifted by a quantize, which is exact here. */
#include "emit/tflite/tflite.h"

static bool is_u8(const eao_tensor *t) {
  return t->dtype == EAO_U8 && t->quant.n > 0;
}

bool eao_tfe_is_mixed(const eao_graph *g) {
  if (g->next_sub) return false; /* clones have no bodies */
  for (eao_nid i = 0; i < g->n_node; i++) {
    const eao_node *n = &g->node[i];
    bool product = n->op == EAO_OP_conv || n->op == EAO_OP_fully_connected ||
                   n->op == EAO_OP_conv_transpose || n->op == EAO_OP_matmul;
    if (!product || n->in[0] == EAO_NONE || n->in[1] == EAO_NONE) continue;
    const eao_tensor *w = &g->value[n->in[1]].t;
    if (is_u8(&g->value[n->in[0]].t) && w->dtype == EAO_I8 && w->quant.n) return true;
  }
  return false;
}

static eao_status shift(eao_graph *g, eao_tensor *t) {
  int32_t *zero = eao_arena_array(&g->arena, (size_t)t->quant.n, sizeof *zero);
  if (!zero) return EAO_NOMEM(g->ctx);
  for (int32_t i = 0; i < t->quant.n; i++) zero[i] = (t->quant.zero ? t->quant.zero[i] : 0) - 128;
  t->quant.zero = zero;
  t->dtype = EAO_I8;
  if (!t->data) return EAO_OK;
  int64_t n = eao_tensor_count(t);
  const uint8_t *from = t->data;
  uint8_t *to = eao_arena_alloc(&g->arena, (size_t)n + 1);
  if (!to) return EAO_NOMEM(g->ctx);
  for (int64_t i = 0; i < n; i++) to[i] = from[i] ^ 0x80;
  t->data = to;
  return EAO_OK;
}

/* A value of v's type and name at the border of the graph; v goes on inside without the name. */
static eao_status border(eao_graph *g, eao_vid v, eao_vid *out) {
  eao_value inside = g->value[v];
  g->value[v].name = "";
  EAO_TRY(eao_graph_add_value(g, inside.name, &inside.t, out));
  g->value[*out].dim_name = inside.dim_name;
  return EAO_OK;
}

static eao_status shift_borders(eao_graph *g) {
  for (uint32_t i = 0; i < g->n_input; i++) {
    eao_vid v = g->input[i], outside;
    if (!is_u8(&g->value[v].t)) continue;
    EAO_TRY(border(g, v, &outside));
    g->input[i] = outside;
    EAO_TRY(eao_graph_add_node(g, EAO_OP_quantize, "", NULL, 0, &outside, 1, &v, 1, NULL));
  }
  for (uint32_t i = 0; i < g->n_output; i++) {
    eao_vid v = g->output[i], outside;
    if (!is_u8(&g->value[v].t) || g->value[v].producer == EAO_NONE) continue;
    EAO_TRY(border(g, v, &outside));
    g->output[i] = outside;
    EAO_TRY(eao_graph_add_node(g, EAO_OP_quantize, "", NULL, 0, &v, 1, &outside, 1, NULL));
  }
  return EAO_OK;
}

static bool at_border(const eao_graph *g, eao_vid v) {
  for (uint32_t i = 0; i < g->n_input; i++)
    if (g->input[i] == v) return true;
  for (uint32_t i = 0; i < g->n_output; i++)
    if (g->output[i] == v) return true;
  return false;
}

eao_status eao_tfe_signed(const eao_graph *from, eao_graph **out) {
  eao_graph *g;
  EAO_TRY(eao_graph_clone(from, &g));
  eao_status s = shift_borders(g);
  for (eao_vid v = 0; s == EAO_OK && v < g->n_value; v++)
    if (is_u8(&g->value[v].t) && !at_border(g, v)) s = shift(g, &g->value[v].t);
  if (s == EAO_OK) s = eao_graph_sort(g);
  if (s != EAO_OK) {
    eao_graph_destroy(g);
    return s;
  }
  *out = g;
  return EAO_OK;
}
