/* What lowerings share: reaching an operator's tensors, adding nodes. */
#include <stdio.h>
#include <string.h>

#include "import/tflite/tflite.h"
#include "kernel/ref/elementwise.h"

eao_status eao_tfl_fail(const eao_tfl_op *o, eao_status code, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return eao_fail(o->m->ctx, code, "%s", text);
}

/* An operator that reads what a later one produces: the file is not in order. */
static void note_order(eao_tfl_op *o, int32_t tensor) {
  if (o->s->producer[tensor] > o->index + 1) o->s->out_of_order = true;
}

eao_status eao_tfl_in(eao_tfl_op *o, uint32_t i, eao_vid *out) {
  *out = EAO_NONE;
  if (i >= o->in.n || eao_fvec_i32(o->in, i) == -1) return EAO_OK;
  int32_t t = eao_fvec_i32(o->in, i);
  EAO_TRY(eao_tfl_value(o->s, t, out));
  note_order(o, t);
  return EAO_OK;
}

eao_status eao_tfl_need(eao_tfl_op *o, uint32_t i, eao_vid *out) {
  EAO_TRY(eao_tfl_in(o, i, out));
  if (*out == EAO_NONE) return eao_tfl_fail(o, EAO_ERR_FORMAT, "input %u is missing", i);
  return EAO_OK;
}

eao_status eao_tfl_out(eao_tfl_op *o, uint32_t i, eao_vid *out) {
  if (i >= o->out.n) return eao_tfl_fail(o, EAO_ERR_FORMAT, "output %u is missing", i);
  return eao_tfl_value(o->s, eao_fvec_i32(o->out, i), out);
}

eao_status eao_tfl_rank(eao_tfl_op *o, uint32_t i, int32_t *out) {
  eao_vid v;
  EAO_TRY(eao_tfl_need(o, i, &v));
  *out = o->s->g->value[v].t.rank;
  if (*out >= 0) return EAO_OK;
  eao_tensor t;
  EAO_TRY(eao_tfl_type_of(o->s, eao_fvec_i32(o->in, i), &t));
  *out = t.rank;
  return EAO_OK;
}

eao_status eao_tfl_dim(eao_tfl_op *o, uint32_t i, int32_t axis, int64_t *out) {
  eao_vid v;
  eao_tensor t;
  EAO_TRY(eao_tfl_need(o, i, &v));
  t = o->s->g->value[v].t;
  if (t.rank < 0) EAO_TRY(eao_tfl_type_of(o->s, eao_fvec_i32(o->in, i), &t));
  if (axis >= t.rank)
    return eao_tfl_fail(o, EAO_ERR_SHAPE, "input %u has %d dimensions, at least %d are needed", i,
                        t.rank, axis + 1);
  *out = t.dim[axis];
  return EAO_OK;
}

eao_status eao_tfl_ints(eao_tfl_op *o, uint32_t i, const char *what, int64_t *out, int32_t cap,
                        int32_t *out_n) {
  eao_tensor t;
  if (i >= o->in.n) return eao_tfl_fail(o, EAO_ERR_FORMAT, "input %u is missing", i);
  EAO_TRY(eao_tfl_constant(o->s, eao_fvec_i32(o->in, i), &t));
  if (!t.data)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED,
                        "%s is computed while the model runs; only constants are supported", what);
  int64_t n = eao_tensor_count(&t);
  if (!eao_dtype_is_int(t.dtype) || n > cap)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "%s must be a list of at most %d integers", what, cap);
  for (int64_t k = 0; k < n; k++) out[k] = eao_get_i64(&t, k);
  *out_n = (int32_t)n;
  return EAO_OK;
}

eao_status eao_tfl_temp(eao_tfl_op *o, eao_vid like, eao_vid *out) {
  const eao_tensor *l = &o->s->g->value[like].t;
  eao_tensor t = {.dtype = l->dtype, .rank = -1};
  if (l->quant.axis < 0) t.quant = l->quant;
  return eao_graph_add_value(o->s->g, "", &t, out);
}

eao_status eao_tfl_list(eao_tfl_op *o, const int64_t *v, int32_t n, eao_vid *out) {
  eao_tensor t = {.dtype = EAO_I32, .rank = n < 0 ? 0 : 1, .dim = {n}};
  size_t count = n < 0 ? 1 : (size_t)n;
  t.data = eao_arena_array(&o->m->g->arena, count + 1, 4); /* never NULL, even when empty */
  if (!t.data) return EAO_NOMEM(o->m->ctx);
  for (size_t i = 0; i < count; i++) eao_set_i64(&t, (int64_t)i, v[i]);
  return eao_graph_add_value(o->s->g, "", &t, out);
}

eao_status eao_tfl_const_like(eao_tfl_op *o, eao_vid v, double x, eao_vid *out) {
  eao_tensor t = {.dtype = o->s->g->value[v].t.dtype, .rank = 0};
  t.data = eao_arena_alloc(&o->m->g->arena, sizeof x);
  if (!t.data) return EAO_NOMEM(o->m->ctx);
  eao_set_f64(&t, 0, x);
  return eao_graph_add_value(o->s->g, "", &t, out);
}

eao_status eao_tfl_node(eao_tfl_op *o, uint16_t op, const void *attr, const eao_vid *in,
                        uint32_t n_in, const eao_vid *out, uint32_t n_out) {
  const eao_op_desc *d = eao_op_get(op);
  if (!d) return eao_tfl_fail(o, EAO_ERR_INTERNAL, "op %u has no descriptor", op);
  void *defaults = NULL;
  if (d->attr_size && !attr) {
    attr = defaults = eao_alloc(o->m->ctx, d->attr_size);
    if (!attr) return EAO_NOMEM(o->m->ctx);
    eao_op_attr_defaults(d, defaults);
  }
  eao_status s =
      eao_graph_add_node(o->s->g, op, "", attr, d->attr_size, in, n_in, out, n_out, NULL);
  eao_free(o->m->ctx, defaults);
  return s;
}

eao_status eao_tfl_act(eao_tfl_op *o, uint32_t slot, eao_act *out) {
  static const uint8_t kind[] = {[TFL_ACT_NONE] = EAO_ACT_NONE,
                                 [TFL_ACT_RELU] = EAO_ACT_RELU,
                                 [TFL_ACT_RELU_N1_TO_1] = EAO_ACT_RELU_N1_1,
                                 [TFL_ACT_RELU6] = EAO_ACT_RELU6,
                                 [TFL_ACT_TANH] = EAO_ACT_TANH};
  int64_t a = eao_ftab_i8(&o->opt, slot, TFL_ACT_NONE);
  *out = (eao_act){0};
  if (a == TFL_ACT_SIGN_BIT)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "fused activation SIGN_BIT is not supported");
  if (a < 0 || a >= (int64_t)EAO_COUNT(kind))
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "fused activation %lld does not exist", (long long)a);
  out->kind = kind[a];
  return EAO_OK;
}

eao_status eao_tfl_out_before_act(eao_tfl_op *o, uint32_t slot, eao_vid *out) {
  eao_act act;
  EAO_TRY(eao_tfl_act(o, slot, &act));
  EAO_TRY(eao_tfl_out(o, 0, out));
  return act.kind == EAO_ACT_NONE ? EAO_OK : eao_tfl_temp(o, *out, out);
}

eao_status eao_tfl_act_node(eao_tfl_op *o, uint32_t slot, eao_vid before) {
  eao_binary_attr a = {0};
  eao_vid out;
  EAO_TRY(eao_tfl_act(o, slot, &a.act));
  if (a.act.kind == EAO_ACT_NONE) return EAO_OK;
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_act, &a, &before, 1, &out, 1);
}

eao_status eao_tfl_direct(eao_tfl_op *o) {
  enum { SMALL = 64 };
  eao_vid small[SMALL], *io = small;
  uint32_t n = o->in.n + o->out.n;
  if (n > SMALL && !(io = eao_alloc(o->m->ctx, n * sizeof *io))) return EAO_NOMEM(o->m->ctx);
  eao_status s = EAO_OK;
  for (uint32_t i = 0; s == EAO_OK && i < o->in.n; i++) s = eao_tfl_in(o, i, &io[i]);
  for (uint32_t i = 0; s == EAO_OK && i < o->out.n; i++) s = eao_tfl_out(o, i, &io[o->in.n + i]);
  if (s == EAO_OK) s = eao_tfl_node(o, o->row->op, NULL, io, o->in.n, io + o->in.n, o->out.n);
  if (io != small) eao_free(o->m->ctx, io);
  return s;
}
