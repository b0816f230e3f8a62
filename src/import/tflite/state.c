/* Memory that lives across runs. TFLite changes it in place: is_variable tensors of recurrent
 * operators, and resources behind VAR_HANDLE. Here each assignment makes a new value, and what the
 * last one made is stored back at the end of a run. */
#include <string.h>

#include "import/tflite/tflite.h"

static eao_status add_var(eao_tfl *m, eao_tfl_var **out) {
  EAO_TRY(eao_grow(m->ctx, (void **)&m->var, &m->cap_var, m->n_var + 1, sizeof *m->var));
  *out = &m->var[m->n_var++];
  **out = (eao_tfl_var){.tensor = -1, .in = EAO_NONE, .now = EAO_NONE};
  return EAO_OK;
}

static eao_status main_graph_only(const eao_tfl_op *o) {
  if (o->s->g == o->m->g) return EAO_OK;
  return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED,
                      "variables inside the body of a loop or branch are not supported");
}

bool eao_tfl_is_variable(eao_tfl_sub *s, int64_t tensor) {
  eao_ftab tab;
  if (tensor < 0 || tensor >= s->tensors.n || s->producer[tensor]) return false;
  tab = eao_fvec_tab(&s->m->flat, s->tensors, (uint32_t)tensor);
  return eao_ftab_u8(&tab, TFL_TENSOR_IS_VARIABLE, 0) != 0;
}

/* ---- is_variable tensors ---- */

/* LiteRT clears variables to zero bytes, and int8 ones to their zero point. */
static eao_status initial(eao_tfl *m, eao_tensor *t) {
  uint64_t n;
  if (t->dtype != EAO_I8 || !t->quant.n || !t->quant.zero[0]) return EAO_OK;
  EAO_TRY(eao_tensor_nbytes(m->ctx, t, &n));
  if (n > m->ctx->limits.max_tensor_bytes)
    return eao_fail(m->ctx, EAO_ERR_NOMEM, "a variable takes %llu bytes, above the limit",
                    (unsigned long long)n);
  t->data = eao_arena_alloc(&m->g->arena, (size_t)n);
  if (!t->data) return EAO_NOMEM(m->ctx);
  memset(t->data, t->quant.zero[0] & 0xFF, (size_t)n);
  return EAO_OK;
}

static eao_status tensor_var(eao_tfl_op *o, uint32_t i, eao_tfl_var **out) {
  eao_tfl *m = o->m;
  EAO_TRY(main_graph_only(o));
  int32_t t = i < o->in.n ? eao_fvec_i32(o->in, i) : -1;
  if (!eao_tfl_is_variable(o->s, t))
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "input %u must be a variable", i);
  if (o->s->index != o->m->main)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "variables of an inlined subgraph");
  for (uint32_t k = 0; k < m->n_var; k++)
    if (m->var[k].tensor == t) {
      *out = &m->var[k];
      return EAO_OK;
    }
  EAO_TRY(add_var(m, out));
  eao_tfl_var *v = *out;
  v->tensor = t;
  EAO_TRY(eao_tfl_type_of(o->s, t, &v->init));
  const char *name = eao_tfl_tensor_name(o->s, t);
  if (!name) return EAO_NOMEM(m->ctx);
  EAO_TRY(eao_graph_add_value(o->s->g, name, &v->init, &v->in));
  v->now = v->in;
  return initial(m, &v->init);
}

eao_status eao_tfl_state_get(eao_tfl_op *o, uint32_t i, eao_vid *out) {
  eao_tfl_var *v;
  EAO_TRY(tensor_var(o, i, &v));
  *out = v->now;
  return EAO_OK;
}

eao_status eao_tfl_state_set(eao_tfl_op *o, uint32_t i, eao_vid now) {
  eao_tfl_var *v;
  EAO_TRY(tensor_var(o, i, &v));
  v->now = now;
  return EAO_OK;
}

/* ---- resources ---- */

static bool same(eao_fvec a, eao_fvec b) {
  return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

eao_status eao_tfl_var_handle(eao_tfl_op *o) {
  eao_tfl *m = o->m;
  eao_fvec container = eao_ftab_str(&o->opt, TFL_VAR_HANDLE_CONTAINER);
  eao_fvec name = eao_ftab_str(&o->opt, TFL_VAR_HANDLE_SHARED_NAME);
  if (o->out.n != 1 || eao_fvec_i32(o->out, 0) < 0)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "it has no output");
  uint32_t k = 0;
  for (; k < m->n_var; k++)
    if (m->var[k].tensor < 0 && same(m->var[k].name, name) && same(m->var[k].container, container))
      break;
  if (k == m->n_var) {
    eao_tfl_var *v;
    EAO_TRY(add_var(m, &v));
    v->name = name;
    v->container = container;
  }
  o->s->handle[eao_fvec_i32(o->out, 0)] = k + 1;
  return EAO_OK;
}

static eao_status resource(eao_tfl_op *o, eao_tfl_var **out) {
  int32_t t = eao_fvec_i32(o->in, 0);
  uint32_t h = t >= 0 && (uint32_t)t < o->s->tensors.n ? o->s->handle[t] : 0;
  if (!h)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED,
                        "its resource does not come from a VAR_HANDLE of the same subgraph");
  *out = &o->m->var[h - 1];
  return EAO_OK;
}

eao_status eao_tfl_read_variable(eao_tfl_op *o) {
  eao_tfl_var *v;
  EAO_TRY(main_graph_only(o));
  EAO_TRY(resource(o, &v));
  if (o->out.n != 1 || eao_fvec_i32(o->out, 0) < 0)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "it has no output");
  int32_t t = eao_fvec_i32(o->out, 0);
  if (v->now == EAO_NONE) {
    eao_tensor type;
    EAO_TRY(eao_tfl_type_of(o->s, t, &type));
    char *name = eao_arena_printf(&o->m->g->arena, "%.*s", v->name.n > 4096 ? 4096 : (int)v->name.n,
                                  v->name.n ? (const char *)v->name.p : "");
    if (!name) return EAO_NOMEM(o->m->ctx);
    EAO_TRY(eao_graph_add_value(o->s->g, name, &type, &v->in));
    v->now = v->in;
  }
  if (o->s->vid[t] != EAO_NONE)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "its result is used before it is read");
  o->s->vid[t] = v->now;
  return EAO_OK;
}

eao_status eao_tfl_assign_variable(eao_tfl_op *o) {
  eao_tfl_var *v;
  eao_vid value;
  EAO_TRY(main_graph_only(o));
  EAO_TRY(resource(o, &v));
  EAO_TRY(eao_tfl_need(o, 1, &value));
  v->now = value;
  return EAO_OK;
}

/* ---- initial values: CALL_ONCE ---- */

/* The subgraph is read into a graph of its own; what it assigns must be constants. */
eao_status eao_tfl_call_once(eao_tfl_op *o) {
  eao_tfl *m = o->m;
  uint32_t n_in, n_out;
  int64_t index = eao_ftab_i32(&o->opt, TFL_CALL_ONCE_INIT_SUBGRAPH_INDEX, 0);
  EAO_TRY(main_graph_only(o));
  EAO_TRY(eao_tfl_sub_io(m, index, &n_in, &n_out));
  for (uint32_t i = 0; i < m->n_var; i++)
    if (m->var[i].now != EAO_NONE)
      return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "variables are used before it");
  if (n_in || n_out) return eao_tfl_fail(o, EAO_ERR_FORMAT, "its subgraph has inputs or outputs");
  uint32_t first = m->g->n_value;
  EAO_TRY(eao_tfl_subgraph(m, (uint32_t)index, m->g, "init/", NULL, NULL));
  for (uint32_t i = 0; i < m->n_var; i++) {
    eao_tfl_var *v = &m->var[i];
    if (v->now == EAO_NONE) continue;
    v->init = m->g->value[v->now].t;
    if (!v->init.data || v->now < first)
      return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED,
                          "a variable starts with a computed value; only "
                          "constants are supported");
    v->now = v->in = EAO_NONE;
  }
  return EAO_OK;
}

eao_status eao_tfl_vars_finish(eao_tfl *m) {
  for (uint32_t i = 0; i < m->n_var; i++) {
    const eao_tfl_var *v = &m->var[i];
    if (v->in == EAO_NONE) continue;
    const eao_value *in = &m->g->value[v->in];
    uint64_t a, b;
    EAO_TRY(eao_tensor_nbytes(m->ctx, &in->t, &a));
    if (v->init.data) {
      EAO_TRY(eao_tensor_nbytes(m->ctx, &v->init, &b));
      if (a != b || v->init.dtype != in->t.dtype)
        return eao_fail(m->ctx, EAO_ERR_FORMAT, "variable '%s' starts with a value of another type",
                        in->name);
    }
    eao_state s = {.name = in->name, .in = v->in, .out = v->now, .init = v->init.data};
    EAO_TRY(eao_graph_add_state(m->g, &s));
  }
  return EAO_OK;
}
