/* Weights of convolutions and fully connected layers: constants are written in ONNX's order of
 * axes, so that runtimes see the weights right before the op and need not turn them. */
#include <string.h>

#include "emit/onnx/onnx_out.h"

/* The constant that v is, or whose reals it is. */
static eao_vid stored(const eao_graph *g, eao_vid v) {
  if (eao_value_is_const(g, v)) return v;
  eao_nid by = g->value[v].producer;
  if (by == EAO_NONE || g->node[by].op != EAO_OP_dequantize) return EAO_NONE;
  return eao_value_is_const(g, g->node[by].in[0]) ? g->node[by].in[0] : EAO_NONE;
}

bool out_is_stored_weight(const eao_graph *g, eao_vid v) {
  if (stored(g, v) == EAO_NONE) return false;
  for (uint32_t i = 0; i < g->n_output; i++)
    if (g->output[i] == v) return false;
  for (eao_nid n = 0; n < g->n_node; n++) {
    const eao_node *x = &g->node[n];
    bool weighted =
        x->op == EAO_OP_conv || x->op == EAO_OP_conv_transpose || x->op == EAO_OP_fully_connected;
    for (uint32_t i = 0; x->op && i < x->n_in; i++)
      if (x->in[i] == v && !(weighted && i == 1)) return false;
  }
  return true;
}

/* Copies elements of `size` bytes in the order of t's axes, axis i of t being perm[i] of from. */
static void permute(const eao_tensor *from, const int64_t *perm, eao_tensor *t) {
  int64_t stride[EAO_MAX_RANK], index[EAO_MAX_RANK] = {0}, n = eao_tensor_count(t), at = 0;
  eao_tensor_strides(from, stride);
  for (int64_t i = 0; i < n; i++) {
    if (eao_dtype_is_float(t->dtype))
      eao_set_f64(t, i, eao_get_f64(from, at));
    else
      eao_set_i64(t, i, eao_get_i64(from, at));
    for (int32_t d = t->rank - 1; d >= 0; d--) {
      at += stride[perm[d]];
      if (++index[d] < t->dim[d]) break;
      at -= stride[perm[d]] * t->dim[d];
      index[d] = 0;
    }
  }
}

const char *out_weights(out_scope *s, eao_vid v, const int64_t *perm) {
  onnx_out *o = s->o;
  const eao_graph *g = s->g;
  eao_vid c = stored(g, v);
  static const int64_t as_is[EAO_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
  if (c == EAO_NONE || (!perm && c == v)) {
    const char *x = out_real(s, v), *y = perm ? out_fresh(o, "") : x;
    if (perm) out_transpose(o, x, y, perm, g->value[v].t.rank);
    return y;
  }
  if (!perm)
    perm = as_is; /* the dequantize node before it is not written: see out_is_stored_weight */
  const eao_tensor *from = &g->value[c].t;
  eao_tensor t = *from;
  for (int32_t i = 0; i < t.rank; i++) {
    t.dim[i] = from->dim[perm[i]];
    if (from->quant.n && from->quant.axis == perm[i]) t.quant.axis = i;
  }
  t.data = eao_arena_alloc(&o->tmp, (size_t)eao_dtype_bytes(t.dtype, eao_tensor_count(&t)) + 1);
  if (!t.data) {
    o->w.text.failed = true;
    return "";
  }
  permute(from, perm, &t);
  const char *name = out_fresh(o, g->value[c].name), *wide = name;
  out_tensor(o, 5, name, &t);
  if (out_is_q(g, c)) {
    wide = out_fresh(o, "");
    out_dequantize(o, &t, name, wide);
  } else if (t.dtype != g->value[v].t.dtype) {
    wide = out_fresh(o, "");
    out_cast(o, name, wide, g->value[v].t.dtype);
  }
  return wide;
}
