/* Weights that a file stores as f16 or int8 are read as such by convolutions and fully connected
 * layers on float data, instead of being widened by constant folding: a half or a quarter of the
 * bytes. */
#include "kernel/ref/matmul.h"
#include "kernel/ref/move.h"
#include "pass/pass.h"

static bool is_narrow(const eao_tensor *t) {
  if (!t->data) return false;
  if (t->dtype == EAO_F16) return t->quant.n == 0;
  if (t->dtype != EAO_I8 || t->quant.n == 0) return false;
  for (int32_t i = 0; t->quant.zero && i < t->quant.n; i++)
    if (t->quant.zero[i]) return false;
  return true;
}

eao_vid eao_rewrite_narrow_source(const eao_graph *g, eao_vid v) {
  eao_nid by = v == EAO_NONE ? EAO_NONE : g->value[v].producer;
  if (by == EAO_NONE || g->value[v].t.dtype != EAO_F32) return EAO_NONE;
  const eao_node *n = &g->node[by];
  if (n->op != EAO_OP_dequantize && n->op != EAO_OP_cast) return EAO_NONE;
  const eao_tensor *t = &g->value[n->in[0]].t;
  if (n->op == EAO_OP_cast && t->dtype != EAO_F16) return EAO_NONE;
  return is_narrow(t) ? n->in[0] : EAO_NONE;
}

eao_status eao_rewrite_turned(eao_rewrite *r, eao_vid v, eao_vid *out) {
  const eao_tensor from = r->g->value[v].t;
  eao_tensor t = from;
  int64_t rows = from.dim[0], cols = from.dim[1], size = eao_dtype_bits(from.dtype) / 8;
  t.dim[0] = cols;
  t.dim[1] = rows;
  if (t.quant.axis >= 0) t.quant.axis = 1 - t.quant.axis;
  char *to = t.data = eao_arena_array(&r->g->root->arena, (uint64_t)(rows * cols), (size_t)size);
  if (!to) return EAO_NOMEM(r->ctx);
  for (int64_t i = 0; i < cols; i++)
    for (int64_t k = 0; k < rows; k++, to += size)
      for (int64_t b = 0; b < size; b++)
        to[b] = ((const char *)from.data)[(k * cols + i) * size + b];
  return eao_graph_add_value(r->g, "", &t, out);
}

/* Also through the transpose that ONNX has between a stored matrix and its product. */
static eao_status source_of(eao_rewrite *r, const eao_node *n, eao_vid *out) {
  eao_graph *g = r->g;
  *out = eao_rewrite_narrow_source(g, n->in[1]);
  eao_nid by = g->value[n->in[1]].producer;
  if (*out != EAO_NONE || n->op != EAO_OP_fully_connected || by == EAO_NONE) return EAO_OK;
  const eao_node *turn = &g->node[by];
  if (turn->op != EAO_OP_transpose || g->value[n->in[1]].t.rank != 2) return EAO_OK;
  const eao_ints *perm = &((const eao_transpose_attr *)turn->attr)->perm;
  eao_vid from = eao_rewrite_narrow_source(g, turn->in[0]);
  if (from == EAO_NONE || (perm->n == 2 && perm->v[0] == 0)) return EAO_OK;
  return eao_rewrite_turned(r, from, out);
}

eao_status eao_pass_narrow_weights(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = 0; i < n_node; i++) {
    const eao_node *n = &g->node[i];
    eao_vid w;
    if (n->op != EAO_OP_conv && n->op != EAO_OP_conv_transpose && n->op != EAO_OP_fully_connected)
      continue;
    if (g->value[n->in[0]].t.dtype != EAO_F32) continue;
    EAO_TRY(source_of(r, n, &w));
    if (w == EAO_NONE) continue;
    g->node[i].in[1] = w;
    r->changes++;
  }
  return EAO_OK;
}
