/* One node of ours as ONNX nodes: layouts turned, activations and quantisation written out. */
#include <string.h>

#include "emit/onnx/onnx_out.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/move.h"

/* What follows an op before its result has the declared value. */
typedef struct post {
  int32_t back; /* rank of a result to turn to channels last; 0: as it is */
  eao_act act;
  eao_dtype cast; /* element type of the declared value when ONNX computes another one */
  bool quantize;
} post;

static const eao_attr_desc *find_attr(const eao_op_desc *d, const char *name) {
  for (uint32_t i = 0; i < d->n_attrs; i++)
    if (!strcmp(d->attrs[i].name, name)) return &d->attrs[i];
  return NULL;
}

static int32_t attr_i32(const eao_op_desc *d, const void *attr, const char *name, int32_t def) {
  const eao_attr_desc *a = find_attr(d, name);
  int32_t v = def;
  if (a) memcpy(&v, (const char *)attr + a->offset, sizeof v);
  return v;
}

static eao_act act_of(const eao_op_desc *d, const void *attr) {
  eao_act act = {0};
  const eao_attr_desc *a = find_attr(d, "act");
  if (a) memcpy(&act, (const char *)attr + a->offset, sizeof act);
  return act;
}

/* Attributes that ONNX lacks must have their default, apart from those dealt with here. */
static eao_status check_hidden(onnx_out *o, const eao_op_desc *d, const void *attr) {
  static const char *const dealt_with[] = {"layout",     "w_layout", "act",     "act_a", "act_b",
                                           "index_type", "dtype",    "n_state", "hybrid"};
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    const eao_attr_desc *a = &d->attrs[i];
    const char *p = (const char *)attr + a->offset;
    bool skip = !a->onnx || *a->onnx;
    for (size_t k = 0; !skip && k < EAO_COUNT(dealt_with); k++)
      skip = !strcmp(a->name, dealt_with[k]);
    if (skip) continue;
    int64_t wide;
    float f;
    memcpy(&f, p, sizeof f);
    memcpy(&wide, p, sizeof(int32_t));
    if (a->kind == EAO_ATTR_INT) memcpy(&wide, p, sizeof wide);
    bool same = a->kind == EAO_ATTR_FLOAT ? f == (float)a->deff
                : a->kind == EAO_ATTR_INT ? wide == a->def
                                          : attr_i32(d, attr, a->name, 0) == (int32_t)a->def;
    if (!same)
      return eao_fail(o->ctx, EAO_ERR_UNSUPPORTED, "attribute '%s' has no ONNX form", a->name);
  }
  return EAO_OK;
}

/* ---- layouts ---- */

static void to_first(int32_t rank, int64_t *perm) {
  perm[0] = 0;
  perm[1] = rank - 1;
  for (int32_t i = 2; i < rank; i++) perm[i] = i - 1;
}
static void to_last(int32_t rank, int64_t *perm) {
  perm[0] = 0;
  perm[rank - 1] = 1;
  for (int32_t i = 1; i < rank - 1; i++) perm[i] = i + 1;
}

static const char *turned(onnx_out *o, const char *x, const int64_t *perm, int32_t rank) {
  const char *y = out_fresh(o, "");
  out_transpose(o, x, y, perm, rank);
  return y;
}

/* The weights' axes in ONNX's order: O I k... (transposed convolution: I O k...). false: they are.
 */
static bool weight_order(int32_t layout, bool transposed, int32_t rank, int64_t *perm) {
  if (layout == EAO_WLAYOUT_1KO) {
    perm[0] = rank - 1;
    perm[1] = 0;
    for (int32_t i = 2; i < rank; i++) perm[i] = i - 1;
  } else if (layout == EAO_WLAYOUT_OKI) {
    perm[transposed] = 0;
    perm[!transposed] = rank - 1;
    for (int32_t i = 2; i < rank; i++) perm[i] = i - 1;
  } else if (transposed == (layout == EAO_WLAYOUT_IOK)) {
    return false;
  } else {
    perm[0] = 1;
    perm[1] = 0;
    for (int32_t i = 2; i < rank; i++) perm[i] = i;
  }
  return true;
}

/* Shapes and axes that ONNX takes as int64 only; other formats have them as int32. */
static bool is_index_list(const eao_graph *g, const eao_node *n, const eao_op_desc *d, uint32_t i) {
  if (i == 0 || n->in[i] == EAO_NONE || g->value[n->in[i]].t.dtype == EAO_I64) return false;
  switch (n->op) {
  case EAO_OP_squeeze:
  case EAO_OP_unsqueeze:
  case EAO_OP_reshape:
  case EAO_OP_expand:
  case EAO_OP_tile:
  case EAO_OP_split:
  case EAO_OP_topk:
  case EAO_OP_scatter_nd:
  case EAO_OP_gather_nd:
  case EAO_OP_pad: return i == 1;
  case EAO_OP_resize: return i == 3;
  case EAO_OP_dft: return i == 2;
  default: return !strncmp(d->name, "reduce_", 7);
  }
}

static const char *index_list(out_scope *s, eao_vid v, bool scalar) {
  onnx_out *o = s->o;
  const eao_tensor *t = &s->g->value[v].t;
  if (!t->data) {
    const char *name = out_fresh(o, "");
    out_cast(o, out_value(s, v), name, EAO_I64);
    return name;
  }
  int64_t n = eao_tensor_count(t);
  eao_tensor list = *t;
  list.dtype = EAO_I64;
  if (!list.rank && !scalar) list.dim[list.rank++] = 1;
  list.data = eao_arena_array(&o->tmp, (size_t)n, sizeof(int64_t));
  if (!list.data) {
    o->w.text.failed = true;
    return "";
  }
  for (int64_t k = 0; k < n; k++) eao_set_i64(&list, k, eao_get_i64(t, k));
  return out_const(o, &list);
}

/* Operand i, a quantised one as a real unless `raw` wants its integers. Weights get ONNX's order of
 * axes; a product wants them turned. */
static const char *operand(out_scope *s, const eao_node *n, const eao_op_desc *d, uint32_t i,
                           bool raw) {
  static const int64_t turn[] = {1, 0};
  int64_t perm[EAO_MAX_RANK];
  int32_t w_layout = i == 1 ? attr_i32(d, n->attr, "w_layout", -1) : -1;
  if (is_index_list(s->g, n, d, i)) return index_list(s, n->in[i], n->op == EAO_OP_dft);
  if (raw) return out_value(s, n->in[i]);
  if (i == 1 && n->op == EAO_OP_fully_connected) return out_weights(s, n->in[1], turn);
  if (w_layout < 0) return out_real(s, n->in[i]);
  bool move =
      weight_order(w_layout, n->op == EAO_OP_conv_transpose, s->g->value[n->in[1]].t.rank, perm);
  return out_weights(s, n->in[1], move ? perm : NULL);
}

static eao_status turn_inputs(out_scope *s, const eao_node *n, const eao_op_desc *d,
                              const char **in, post *p) {
  int32_t layout = attr_i32(d, n->attr, "layout", 0);
  const eao_tensor *x = &s->g->value[n->in[0]].t;
  int64_t perm[EAO_MAX_RANK];
  if (layout != EAO_LAYOUT_CHANNELS_LAST) return EAO_OK;
  if (x->rank < 3)
    return eao_fail(s->o->ctx, EAO_ERR_UNSUPPORTED, "channels last with rank %d", x->rank);
  to_first(x->rank, perm);
  in[0] = turned(s->o, in[0], perm, x->rank);
  p->back = x->rank;
  return EAO_OK;
}

/* ---- results ---- */

static bool needs_post(const post *p) {
  return p->back || p->act.kind || p->cast || p->quantize;
}

static eao_status finish(out_scope *s, eao_vid v, const post *p, const char *cur,
                         const char *final) {
  onnx_out *o = s->o;
  const eao_tensor *t = &s->g->value[v].t;
  if (p->back) {
    int64_t perm[EAO_MAX_RANK];
    bool is_last = !p->act.kind && !p->cast && !p->quantize;
    const char *next = is_last ? final : out_fresh(o, "");
    to_last(p->back, perm);
    out_transpose(o, cur, next, perm, p->back);
    cur = next;
  }
  if (p->act.kind) {
    const char *next = p->cast || p->quantize ? out_fresh(o, "") : final;
    EAO_TRY(out_act(o, &p->act, p->quantize ? EAO_F32 : t->dtype, cur, next));
    cur = next;
  }
  if (p->cast) out_cast(o, cur, final, p->cast);
  if (p->quantize) out_quantize(o, t, cur, final);
  return EAO_OK;
}

/* The op moves elements and the quantisation stays: integers can be moved as they are. */
static bool moves_integers(const eao_graph *g, const eao_node *n, const eao_op_desc *d) {
  if (!(d->traits & EAO_TRAIT_KEEPS_QUANT) || !n->n_in || n->in[0] == EAO_NONE) return false;
  const eao_quant *q = &g->value[n->in[0]].t.quant;
  if (q->n != 1) return false;
  /* Without a value they pad with the real 0. */
  if (n->op == EAO_OP_space_to_batch_nd || (n->op == EAO_OP_pad && n->n_in < 3)) return false;
  for (uint32_t i = 0; i < n->n_in + n->n_out; i++) {
    eao_vid v = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
    if (v == EAO_NONE) continue;
    const eao_quant *other = &g->value[v].t.quant;
    if (!out_is_q(g, v) && i < n->n_in && i > 0) continue; /* shapes, indices */
    if (other->n != 1 || other->scale[0] != q->scale[0] ||
        (other->zero ? other->zero[0] : 0) != (q->zero ? q->zero[0] : 0))
      return false;
  }
  return true;
}

/* Element type that ONNX gives output i, when it is not the declared one. */
static eao_dtype other_type(const out_scope *s, const eao_node *n, uint32_t i) {
  bool indices = (n->op == EAO_OP_topk && i == 1) || n->op == EAO_OP_argmax ||
                 n->op == EAO_OP_argmin || n->op == EAO_OP_shape;
  eao_dtype t = s->g->value[n->out[i]].t.dtype;
  return indices && t != EAO_I64 ? t : EAO_DTYPE_NONE;
}

static eao_status write_op(out_scope *s, const eao_node *n, const eao_op_desc *d,
                           const char *const *in, const char **out, const char *name) {
  onnx_out *o = s->o;
  out_special_fn special = out_special(n->op);
  if (special) return special(&(out_call){s, o, n, d, in, out, name});
  if (!d->onnx) return eao_fail(o->ctx, EAO_ERR_UNSUPPORTED, "op '%s' has no ONNX form", d->name);
  EAO_TRY(check_hidden(o, d, n->attr));
  if (d->onnx_since > o->opset)
    o->opset = d->onnx_since > OUT_OPSET_NARROW ? OUT_OPSET_NEW : OUT_OPSET_NARROW;
  eao_pb_mark m = out_node(o, d->onnx, name, in, n->n_in, out, n->n_out);
  EAO_TRY(out_attrs(o, d, n->attr));
  const eao_split_attr *split = n->op == EAO_OP_split ? n->attr : NULL;
  if (split && (n->n_in < 2 || n->in[1] == EAO_NONE) && !split->num_outputs)
    out_int(o, "num_outputs", n->n_out);
  out_node_end(o, m);
  return EAO_OK;
}

/* ---- quantize, dequantize, control flow ---- */

static eao_status quantize_node(out_scope *s, const eao_node *n) {
  const char *x = out_real(s, n->in[0]), *y = out_value(s, n->out[0]);
  const eao_tensor *xt = &s->g->value[n->in[0]].t, *yt = &s->g->value[n->out[0]].t;
  if (n->op == EAO_OP_quantize) {
    if (!out_is_q(s->g, n->in[0]) && xt->dtype != EAO_F32) {
      const char *wide = out_fresh(s->o, "");
      out_cast(s->o, x, wide, EAO_F32);
      x = wide;
    }
    out_quantize(s->o, yt, x, y);
  } else if (yt->dtype != EAO_F32 || !out_is_q(s->g, n->in[0])) {
    out_cast(s->o, x, y, yt->dtype);
  } else {
    out_simple(s->o, "Identity", &x, 1, y);
  }
  return EAO_OK;
}

static eao_status control_node(out_scope *s, const eao_node *n, const eao_op_desc *d,
                               const char *name) {
  onnx_out *o = s->o;
  uint32_t own = n->op == EAO_OP_if ? 1 : 0;
  if (n->op == EAO_OP_while)
    return eao_fail(o->ctx, EAO_ERR_UNSUPPORTED, "op 'while' has no ONNX form");
  for (uint32_t i = 0; i < n->n_in + n->n_out; i++)
    if (out_is_q(s->g, i < n->n_in ? n->in[i] : n->out[i - n->n_in]))
      return eao_fail(o->ctx, EAO_ERR_UNSUPPORTED, "quantised values of a body");
  const char **in = eao_arena_array(&o->tmp, n->n_in, sizeof *in);
  const char **out = eao_arena_array(&o->tmp, n->n_out, sizeof *out);
  if (!in || !out) return EAO_NOMEM(o->ctx);
  for (uint32_t i = 0; i < n->n_in; i++) in[i] = out_value(s, n->in[i]);
  for (uint32_t i = 0; i < n->n_out; i++) out[i] = out_value(s, n->out[i]);
  /* Inputs of the node that are the op's own; the rest are captures. */
  uint32_t body_own = 0;
  if (n->op != EAO_OP_if) {
    int64_t n_state = 0, n_scan = 0;
    memcpy(&n_state, (const char *)n->attr + find_attr(d, "n_state")->offset, sizeof n_state);
    const eao_attr_desc *scans = find_attr(d, "n_scan_inputs");
    if (scans) memcpy(&n_scan, (const char *)n->attr + scans->offset, sizeof n_scan);
    own = (uint32_t)(n_state + (n->op == EAO_OP_loop ? 2 : n_scan));
    body_own = own;
  }
  eao_pb_mark m = out_node(o,
                           n->op == EAO_OP_if     ? "If"
                           : n->op == EAO_OP_loop ? "Loop"
                                                  : "Scan",
                           name, in, own, out, n->n_out);
  EAO_TRY(out_attrs(o, d, n->attr));
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    const eao_attr_desc *a = &d->attrs[i];
    eao_graph *body;
    if (a->kind != EAO_ATTR_GRAPH) continue;
    memcpy(&body, (const char *)n->attr + a->offset, sizeof(eao_graph *));
    EAO_TRY(out_emit_body(s, body, a->onnx ? a->onnx : a->name, in + own, body_own));
  }
  out_node_end(o, m);
  return EAO_OK;
}

/* ---- a node ---- */

static eao_status plain_node(out_scope *s, const eao_node *n, const eao_op_desc *d,
                             const char *name) {
  onnx_out *o = s->o;
  bool raw = moves_integers(s->g, n, d);
  if (attr_i32(d, n->attr, "hybrid", 0))
    eao_warn(o->ctx,
             "'%s': ONNX has no dynamic-range form: its weights are written as integers that are "
             "dequantised, activations stay float",
             n->name);
  const char **in = eao_arena_array(&o->tmp, n->n_in, sizeof *in);
  const char **out = eao_arena_array(&o->tmp, n->n_out, sizeof *out);
  post *p = eao_arena_array(&o->tmp, n->n_out, sizeof *p);
  if (!in || !out || !p) return EAO_NOMEM(o->ctx);
  for (uint32_t i = 0; i < n->n_in; i++) in[i] = operand(s, n, d, i, raw);
  if (n->n_out && n->n_in && n->in[0] != EAO_NONE) EAO_TRY(turn_inputs(s, n, d, in, &p[0]));
  bool max2 = n->op == EAO_OP_max_pool && n->n_out > 1 && p[0].back;
  if (max2) return eao_fail(o->ctx, EAO_ERR_UNSUPPORTED, "indices of max_pool, channels last");
  for (uint32_t i = 0; i < n->n_out; i++) {
    if (n->out[i] == EAO_NONE) {
      out[i] = "";
      continue;
    }
    if (i == 0 && n->op != EAO_OP_act) p[i].act = act_of(d, n->attr);
    p[i].cast = other_type(s, n, i);
    p[i].quantize = !raw && out_is_q(s->g, n->out[i]);
    out[i] = needs_post(&p[i]) ? out_fresh(o, "") : out_value(s, n->out[i]);
  }
  EAO_TRY(write_op(s, n, d, in, out, name));
  for (uint32_t i = 0; i < n->n_out; i++)
    if (n->out[i] != EAO_NONE && needs_post(&p[i]))
      EAO_TRY(finish(s, n->out[i], &p[i], out[i], out_value(s, n->out[i])));
  return EAO_OK;
}

eao_status out_emit_node(out_scope *s, eao_nid id) {
  const eao_node *n = &s->g->node[id];
  const eao_op_desc *d = eao_op_get(n->op);
  uint32_t there;
  if (!d) return eao_fail(s->o->ctx, EAO_ERR_INTERNAL, "op %u has no descriptor", n->op);
  /* One of our nodes may become several, and one of the source's may have become several of ours:
   * the first keeps the name. */
  const char *name = n->name;
  const char *key = *name ? eao_arena_printf(&s->o->tmp, "\n%s", name) : NULL;
  if (key && eao_map_get(&s->o->names, key, &there)) name = "";
  if (key && *name) EAO_TRY(eao_map_put(&s->o->names, key, 0, NULL));
  if (d->traits & EAO_TRAIT_CONTROL) return control_node(s, n, d, name);
  if (n->op == EAO_OP_dequantize && out_is_stored_weight(s->g, n->out[0])) return EAO_OK;
  if (n->op == EAO_OP_quantize || n->op == EAO_OP_dequantize) return quantize_node(s, n);
  return plain_node(s, n, d, name);
}
