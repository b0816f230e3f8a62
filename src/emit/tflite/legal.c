/* Any graph to one whose nodes are TFLite operators: the walk, and what the rules in legal_*.c
 * share.
 *
 * Spatial ops of channels-first graphs become channels-last ones. A value may then exist in both
 * forms; element-wise ops work on the form that is there, so that transposes stand only where a
 * graph really leaves channels-last: at its inputs and outputs and at ops that care about axes. */
#include <stdio.h>
#include <string.h>

#include "emit/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/move.h"

eao_status eao_tfe_fail(eao_tfe *e, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  return eao_fail(e->ctx, EAO_ERR_UNSUPPORTED, "%s", text);
}

void eao_tfe_last_perm(int32_t rank, int32_t *perm) {
  perm[0] = 0;
  for (int32_t i = 1; i < rank - 1; i++) perm[i] = i + 1;
  perm[rank - 1] = 1;
}

/* The inverse: axis i of the channels-first tensor is which of the channels-last one. */
static void first_perm(int32_t rank, int32_t *perm) {
  perm[0] = 0;
  perm[1] = rank - 1;
  for (int32_t i = 2; i < rank; i++) perm[i] = i - 1;
}

/* ---- nodes and values ---- */

/* LiteRT's kernels of these ops have one output range each: another one takes a quantize after it.
 */
static bool fixed_range(uint16_t op, eao_dtype t, float *scale, int32_t *zero) {
  bool tanh = op == EAO_OP_tanh;
  if (op != EAO_OP_softmax && op != EAO_OP_sigmoid && !tanh) return false;
  switch (t) {
  case EAO_I8: *zero = tanh ? 0 : -128; break;
  case EAO_U8: *zero = tanh ? 128 : 0; break;
  case EAO_I16: *zero = 0; break;
  default: return false;
  }
  *scale = t == EAO_I16 ? 1.0F / 32768 : tanh ? 1.0F / 128 : 1.0F / 256;
  return true;
}

/* In place of `out` when the op cannot make out's quantisation; EAO_NONE when it can. */
static eao_status ranged_output(eao_tfe *e, uint16_t op, eao_vid in, eao_vid out, eao_vid *ranged) {
  const eao_tensor *y = &e->to->value[out].t;
  float scale;
  int32_t zero;
  *ranged = EAO_NONE;
  /* From 8 to 16 bits: a softmax of microcontrollers, which has a range of its own. */
  if (in != EAO_NONE && e->to->value[in].t.dtype != y->dtype) return EAO_OK;
  if (y->quant.n != 1 || !fixed_range(op, y->dtype, &scale, &zero) ||
      (y->quant.scale[0] == scale && (y->quant.zero ? y->quant.zero[0] : 0) == zero))
    return EAO_OK;
  eao_tensor t = {.dtype = y->dtype, .rank = -1, .quant = {.n = 1, .axis = -1}};
  t.quant.scale = eao_arena_dup(&e->to->arena, &scale, sizeof scale);
  t.quant.zero = eao_arena_dup(&e->to->arena, &zero, sizeof zero);
  if (!t.quant.scale || !t.quant.zero) return EAO_NOMEM(e->ctx);
  return eao_graph_add_value(e->to, "", &t, ranged);
}

eao_status eao_tfe_node(eao_tfe *e, uint16_t op, const void *attr, const eao_vid *in, uint32_t n_in,
                        const eao_vid *out, uint32_t n_out) {
  const eao_op_desc *d = eao_op_get(op);
  void *defaults = NULL;
  eao_vid ranged = EAO_NONE;
  if (n_out == 1 && out[0] != EAO_NONE)
    EAO_TRY(ranged_output(e, op, n_in ? in[0] : EAO_NONE, out[0], &ranged));
  if (d->attr_size && !attr) {
    attr = defaults = eao_alloc(e->ctx, d->attr_size);
    if (!attr) return EAO_NOMEM(e->ctx);
    eao_op_attr_defaults(d, defaults);
  }
  eao_status s = eao_graph_add_node(e->to, op, e->node ? e->node->name : "", attr, d->attr_size, in,
                                    n_in, ranged == EAO_NONE ? out : &ranged, n_out, NULL);
  eao_free(e->ctx, defaults);
  if (s == EAO_OK && ranged != EAO_NONE)
    s = eao_tfe_unary(e, EAO_OP_quantize, NULL, ranged, out[0]);
  return s;
}

eao_status eao_tfe_unary(eao_tfe *e, uint16_t op, const void *attr, eao_vid in, eao_vid out) {
  return eao_tfe_node(e, op, attr, &in, 1, &out, 1);
}

eao_status eao_tfe_binary(eao_tfe *e, uint16_t op, eao_vid a, eao_vid b, eao_vid out) {
  return eao_tfe_node(e, op, NULL, (eao_vid[]){a, b}, 2, &out, 1);
}

eao_status eao_tfe_temp_of(eao_tfe *e, eao_dtype dtype, eao_vid *out) {
  eao_tensor t = {.dtype = dtype, .rank = -1};
  return eao_graph_add_value(e->to, "", &t, out);
}

eao_status eao_tfe_temp(eao_tfe *e, eao_vid from_v, eao_vid *out) {
  const eao_tensor *f = eao_tfe_type(e, from_v);
  eao_tensor t = {.dtype = f->dtype, .rank = -1};
  if (f->quant.axis < 0) t.quant = f->quant;
  return eao_graph_add_value(e->to, "", &t, out);
}

eao_status eao_tfe_i32(eao_tfe *e, const int64_t *v, int32_t n, eao_vid *out) {
  int32_t count = n < 0 ? 1 : n;
  eao_tensor t = {.dtype = EAO_I32, .rank = n < 0 ? 0 : 1, .dim = {n}};
  int32_t *p = eao_arena_alloc(&e->to->arena, (size_t)(count ? count : 1) * sizeof *p);
  if (!p) return EAO_NOMEM(e->ctx);
  for (int32_t i = 0; i < count; i++)
    p[i] = v[i] > INT32_MAX ? INT32_MAX : v[i] < INT32_MIN ? INT32_MIN : (int32_t)v[i];
  t.data = p;
  return eao_graph_add_value(e->to, "", &t, out);
}

eao_status eao_tfe_float(eao_tfe *e, eao_dtype dtype, double x, eao_vid *out) {
  eao_tensor t = {.dtype = dtype, .rank = 0};
  t.data = eao_arena_alloc(&e->to->arena, sizeof x);
  if (!t.data) return EAO_NOMEM(e->ctx);
  eao_set_f64(&t, 0, x);
  return eao_graph_add_value(e->to, "", &t, out);
}

eao_status eao_tfe_list(eao_tfe *e, const char *what, eao_vid v, int64_t *out, int32_t cap,
                        int32_t *out_n) {
  const eao_tensor *t = v == EAO_NONE ? NULL : eao_tfe_type(e, v);
  *out_n = 0;
  if (!t || !t->data) return eao_tfe_fail(e, "%s is computed while the model runs", what);
  int64_t n = eao_tensor_count(t);
  if (n > cap) return eao_tfe_fail(e, "%s has %lld entries", what, (long long)n);
  for (int64_t i = 0; i < n; i++) out[i] = eao_get_i64(t, i);
  *out_n = (int32_t)n;
  return EAO_OK;
}

/* ---- permuting and reshaping ---- */

static eao_status permute_const(eao_tfe *e, eao_vid v, const int32_t *perm, int32_t n,
                                eao_vid *out) {
  const eao_value *val = &e->to->value[v];
  eao_tensor t = val->t;
  eao_view view = {0};
  int64_t stride[EAO_MAX_RANK], to[EAO_MAX_RANK];
  uint64_t bytes;
  for (int32_t i = 0; i < n; i++) {
    t.dim[i] = val->t.dim[perm[i]];
    if (val->t.quant.n && val->t.quant.axis == perm[i]) t.quant.axis = i;
  }
  EAO_TRY(eao_tensor_nbytes(e->ctx, &t, &bytes));
  t.data = eao_arena_alloc(&e->to->arena, (size_t)bytes + 1);
  if (!t.data) return EAO_NOMEM(e->ctx);
  eao_tensor_strides(&val->t, stride);
  eao_tensor_strides(&t, to);
  for (int32_t i = 0; i < n; i++) eao_view_add(&view, t.dim[i], stride[perm[i]], to[i]);
  if (bytes) eao_view_copy(&t, &val->t, &view);
  return eao_graph_add_value(e->to, val->name, &t, out);
}

eao_status eao_tfe_permute(eao_tfe *e, eao_vid v, const int32_t *perm, int32_t n, eao_vid *out) {
  bool same = true;
  for (int32_t i = 0; i < n; i++) same = same && perm[i] == i;
  *out = v;
  if (same) return EAO_OK;
  if (e->to->value[v].t.data) return permute_const(e, v, perm, n, out);
  eao_transpose_attr a = {{.n = n}};
  for (int32_t i = 0; i < n; i++) a.perm.v[i] = perm[i];
  eao_tensor t = {.dtype = e->to->value[v].t.dtype, .rank = -1, .quant = e->to->value[v].t.quant};
  EAO_TRY(eao_graph_add_value(e->to, "", &t, out));
  return eao_tfe_unary(e, EAO_OP_transpose, &a, v, *out);
}

eao_status eao_tfe_reshape(eao_tfe *e, eao_vid v, const int64_t *dim, int32_t rank, eao_vid *out) {
  eao_tensor t = e->to->value[v].t;
  if (t.data) {
    t.rank = rank;
    memcpy(t.dim, dim, (size_t)rank * sizeof *dim);
    return eao_graph_add_value(e->to, e->to->value[v].name, &t, out);
  }
  eao_reshape_attr a = {.allow_zero = 1};
  eao_vid list;
  t.rank = -1;
  EAO_TRY(eao_tfe_i32(e, dim, rank, &list));
  EAO_TRY(eao_graph_add_value(e->to, "", &t, out));
  return eao_tfe_node(e, EAO_OP_reshape, &a, (eao_vid[]){v, list}, 2, out, 1);
}

/* ---- the two forms of a value ---- */

bool eao_tfe_only_last(const eao_tfe *e, eao_vid v) {
  return v != EAO_NONE && e->value[v].plain == EAO_NONE && e->value[v].last != EAO_NONE;
}

static eao_status add_like(eao_tfe *e, eao_vid v, bool data, eao_vid *out) {
  eao_tensor t = *eao_tfe_type(e, v);
  if (!data) t.data = NULL;
  EAO_TRY(eao_graph_add_value(e->to, e->from->value[v].name, &t, out));
  e->to->value[*out].dim_name = e->from->value[v].dim_name;
  return EAO_OK;
}

eao_status eao_tfe_plain(eao_tfe *e, eao_vid v, eao_vid *out) {
  *out = EAO_NONE;
  if (v == EAO_NONE) return EAO_OK;
  eao_tfe_value *m = &e->value[v];
  if (m->plain == EAO_NONE && m->last != EAO_NONE) {
    int32_t perm[EAO_MAX_RANK], rank = eao_tfe_type(e, v)->rank;
    eao_transpose_attr a = {{.n = rank}};
    first_perm(rank, perm);
    for (int32_t i = 0; i < rank; i++) a.perm.v[i] = perm[i];
    EAO_TRY(add_like(e, v, false, &m->plain));
    EAO_TRY(eao_tfe_unary(e, EAO_OP_transpose, &a, m->last, m->plain));
  } else if (m->plain == EAO_NONE) {
    EAO_TRY(add_like(e, v, true, &m->plain));
  }
  *out = m->plain;
  return EAO_OK;
}

eao_status eao_tfe_last(eao_tfe *e, eao_vid v, eao_vid *out) {
  eao_tfe_value *m = &e->value[v];
  if (m->last == EAO_NONE) {
    int32_t perm[EAO_MAX_RANK], rank = eao_tfe_type(e, v)->rank;
    eao_vid plain;
    if (rank < 3) return eao_tfe_fail(e, "a spatial op on a value of unknown or low rank");
    EAO_TRY(eao_tfe_plain(e, v, &plain));
    eao_tfe_last_perm(rank, perm);
    EAO_TRY(eao_tfe_permute(e, plain, perm, rank, &e->value[v].last));
  }
  *out = e->value[v].last;
  return EAO_OK;
}

eao_status eao_tfe_out(eao_tfe *e, eao_vid v, bool last, eao_vid *out) {
  *out = EAO_NONE;
  if (v == EAO_NONE) return EAO_OK;
  eao_tfe_value *m = &e->value[v];
  if (!last) {
    if (m->plain == EAO_NONE) EAO_TRY(add_like(e, v, false, &m->plain));
    *out = m->plain;
    return EAO_OK;
  }
  EAO_TRY(eao_tfe_temp(e, v, &m->last));
  *out = m->last;
  return EAO_OK;
}

/* ---- activations ---- */

bool eao_tfe_act_fits(const eao_act *a) {
  return a->kind == EAO_ACT_NONE || a->kind == EAO_ACT_RELU || a->kind == EAO_ACT_RELU6 ||
         a->kind == EAO_ACT_RELU_N1_1;
}

/* ---- copying ---- */

/* An element-wise node on values of which some are there in channels-last form only: it works on
 * that form when the others can be brought to it for nothing. */
static bool works_on_last(const eao_tfe *e, const eao_node *n, const eao_op_desc *d) {
  bool any = false;
  int32_t rank = eao_tfe_type(e, n->out[0])->rank;
  if (!(d->traits & EAO_TRAIT_ELEMENTWISE) || n->n_out != 1 || rank < 3) return false;
  for (uint32_t i = 0; i < n->n_in; i++) {
    if (n->in[i] == EAO_NONE) continue;
    const eao_tensor *t = eao_tfe_type(e, n->in[i]);
    if (eao_tfe_only_last(e, n->in[i]) && t->rank == rank)
      any = true;
    else if (!t->data && !(t->rank == rank && e->value[n->in[i]].last != EAO_NONE))
      return false;
  }
  return any;
}

/* A constant that broadcasts to a channels-first value, for the channels-last one. */
static eao_status const_last(eao_tfe *e, eao_vid v, int32_t rank, eao_vid *out) {
  const eao_tensor *t = eao_tfe_type(e, v);
  int64_t dim[EAO_MAX_RANK];
  int32_t perm[EAO_MAX_RANK];
  EAO_TRY(eao_tfe_plain(e, v, out));
  if (eao_tensor_count(t) == 1 && t->rank <= 1) return EAO_OK;
  for (int32_t i = 0; i < rank; i++) dim[i] = i < rank - t->rank ? 1 : t->dim[i - (rank - t->rank)];
  if (t->quant.axis >= 0 && t->quant.n) return eao_tfe_fail(e, "a constant with several scales");
  EAO_TRY(eao_tfe_reshape(e, *out, dim, rank, out));
  eao_tfe_last_perm(rank, perm);
  return eao_tfe_permute(e, *out, perm, rank, out);
}

static eao_status copy_io(eao_tfe *e, const eao_node *n, bool last, eao_vid *io) {
  int32_t rank = n->n_out && n->out[0] != EAO_NONE ? eao_tfe_type(e, n->out[0])->rank : -1;
  for (uint32_t i = 0; i < n->n_in; i++) {
    io[i] = EAO_NONE;
    if (n->in[i] == EAO_NONE) continue;
    if (!last)
      EAO_TRY(eao_tfe_plain(e, n->in[i], &io[i]));
    else if (eao_tfe_type(e, n->in[i])->data)
      EAO_TRY(const_last(e, n->in[i], rank, &io[i]));
    else
      EAO_TRY(eao_tfe_last(e, n->in[i], &io[i]));
  }
  for (uint32_t i = 0; i < n->n_out; i++)
    EAO_TRY(eao_tfe_out(e, n->out[i], last, &io[n->n_in + i]));
  return EAO_OK;
}

eao_status eao_tfe_copy(eao_tfe *e, const eao_node *n) {
  const eao_op_desc *d = eao_op_get(n->op);
  bool last = works_on_last(e, n, d);
  eao_vid *io = eao_alloc(e->ctx, (n->n_in + (size_t)n->n_out) * sizeof *io);
  if (!io) return EAO_NOMEM(e->ctx);
  eao_status s = copy_io(e, n, last, io);
  if (s == EAO_OK) s = eao_tfe_node(e, n->op, n->attr, io, n->n_in, io + n->n_in, n->n_out);
  eao_free(e->ctx, io);
  return s;
}

/* ---- the walk ---- */

static eao_status legalise_nodes(eao_tfe *e) {
  const eao_graph *g = e->from;
  for (uint32_t i = 0; i < g->n_input; i++) {
    eao_vid v;
    EAO_TRY(eao_tfe_plain(e, g->input[i], &v));
    EAO_TRY(eao_graph_add_input(e->to, v));
  }
  for (uint32_t i = 0; i < g->n_state; i++) {
    eao_vid v;
    EAO_TRY(eao_tfe_plain(e, g->state[i].in, &v));
  }
  for (eao_nid k = 0; k < g->n_node; k++) {
    const eao_node *n = &g->node[k];
    if (!n->op) continue;
    e->node = n;
    eao_tfe_fn fn = eao_tfe_find(n->op);
    eao_status s = fn ? fn(e, n) : eao_tfe_copy(e, n);
    if (s != EAO_OK) {
      const eao_op_desc *d = eao_op_get(n->op);
      return eao_fail_within(e->ctx, s, "node %u '%s' (%s)", k, n->name, d ? d->name : "?");
    }
  }
  e->node = NULL;
  for (uint32_t i = 0; i < g->n_state; i++) {
    eao_state st = g->state[i];
    EAO_TRY(eao_tfe_plain(e, st.in, &st.in));
    EAO_TRY(eao_tfe_plain(e, st.out, &st.out));
    EAO_TRY(eao_graph_add_state(e->to, &st));
  }
  for (uint32_t i = 0; i < g->n_output; i++) {
    eao_vid v;
    EAO_TRY(eao_tfe_plain(e, g->output[i], &v));
    EAO_TRY(eao_graph_add_output(e->to, v));
  }
  return EAO_OK;
}

eao_status eao_tfe_graph(const eao_graph *from, eao_graph *to) {
  eao_tfe e = {.ctx = from->ctx, .from = from, .to = to};
  to->name = from->name;
  e.value = eao_alloc(e.ctx, from->n_value * sizeof *e.value);
  if (!e.value) return EAO_NOMEM(e.ctx);
  for (eao_vid v = 0; v < from->n_value; v++) e.value[v] = (eao_tfe_value){EAO_NONE, EAO_NONE};
  eao_status s = legalise_nodes(&e);
  eao_free(e.ctx, e.value);
  return s;
}

eao_status eao_tfe_legalise(const eao_graph *from, eao_graph **out) {
  eao_graph *to = eao_graph_create(from->ctx);
  if (!to) return EAO_ERR_NOMEM;
  eao_status s = eao_tfe_graph(from, to);
  for (uint32_t i = 0; s == EAO_OK && i < from->n_meta; i++)
    s = eao_graph_add_meta(to, from->meta[i].key, from->meta[i].text);
  if (s == EAO_OK) s = eao_graph_verify(to);
  if (s == EAO_OK) s = eao_graph_infer(to);
  if (s == EAO_ERR_TYPE) s = EAO_ERR_UNSUPPORTED; /* an operator made of others, on integers */
  if (s != EAO_OK) {
    eao_graph_destroy(to);
    return s;
  }
  *out = to;
  return EAO_OK;
}
