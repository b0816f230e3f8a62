#include <string.h>

#include "interp/run.h"

#include "op/op.h"

/* A value of a run: owned when the interpreter allocated it. */
typedef struct slot {
  eao_tensor t;
  uint32_t uses; /* left; the data is freed at 0 */
  bool owned;
} slot;

eao_interp *eao_interp_create(eao_graph *g) {
  return eao_interp_create_in(g->ctx, g);
}

eao_interp *eao_interp_create_in(eao_ctx *ctx, eao_graph *g) {
  eao_interp *it = eao_alloc(ctx, sizeof *it);
  if (!it) return NULL;
  it->g = g;
  it->ctx = ctx;
  it->state = eao_alloc(ctx, g->n_state * sizeof *it->state);
  it->result = eao_alloc(ctx, g->n_output * sizeof *it->result);
  if (!it->state || !it->result) {
    eao_interp_destroy(it);
    return NULL;
  }
  return it;
}

static void free_results(eao_interp *it) {
  for (uint32_t i = 0; it->result && i < it->g->n_output; i++) {
    eao_free(it->ctx, it->result[i].data);
    it->result[i].data = NULL;
  }
}

void eao_interp_reset(eao_interp *it) {
  for (uint32_t i = 0; it->state && i < it->g->n_state; i++) {
    eao_free(it->ctx, it->state[i].data);
    it->state[i].data = NULL;
  }
}

void eao_interp_destroy(eao_interp *it) {
  if (!it) return;
  free_results(it);
  eao_interp_reset(it);
  eao_free(it->ctx, it->result);
  eao_free(it->ctx, it->state);
  eao_free(it->ctx, it);
}

void eao_interp_set_hook(eao_interp *it, eao_interp_hook hook, void *user) {
  it->hook = hook;
  it->hook_user = user;
}

void eao_interp_set_fast(eao_interp *it, const eao_fast *f) {
  it->fast = f;
}

static eao_status report(eao_interp *it, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  return it->hook ? it->hook(it->hook_user, g, v, t) : EAO_OK;
}

static void release(eao_interp *it, slot *s) {
  if (s->uses > 0 && --s->uses == 0 && s->owned) {
    eao_free(it->ctx, s->t.data);
    s->t.data = NULL;
    s->owned = false;
  }
}

/* Copies of outputs and states: their sources may be inputs, constants or shared. */
static eao_status keep(eao_interp *it, slot *s, eao_tensor *out) {
  uint64_t n;
  *out = s->t;
  out->data = NULL;
  EAO_TRY(eao_tensor_nbytes(it->ctx, &s->t, &n));
  if (s->owned && s->uses == 1) {
    out->data = s->t.data;
    s->owned = false;
    return EAO_OK;
  }
  if (!(out->data = eao_alloc(it->ctx, (size_t)n))) return EAO_NOMEM(it->ctx);
  if (n) memcpy(out->data, s->t.data, (size_t)n);
  return EAO_OK;
}

static eao_status run_node(eao_interp *it, eao_graph *g, eao_nid id, slot *slots) {
  enum { SMALL = 32 };
  const eao_node *n = &g->node[id];
  const eao_op_desc *d = eao_op_get(n->op);
  const eao_tensor *in_small[SMALL], **in = in_small;
  eao_tensor out_small[SMALL], *out = out_small;
  eao_status s = EAO_OK;
  if (!d) return eao_fail(it->ctx, EAO_ERR_INTERNAL, "op %u has no descriptor", n->op);
  if (n->n_in > SMALL) in = eao_alloc(it->ctx, n->n_in * sizeof *in);
  if (n->n_out > SMALL) out = eao_alloc(it->ctx, n->n_out * sizeof *out);
  if (!in || !out) s = EAO_NOMEM(it->ctx);
  for (uint32_t i = 0; s == EAO_OK && i < n->n_in; i++)
    in[i] = n->in[i] == EAO_NONE ? NULL : &slots[n->in[i]].t;
  for (uint32_t i = 0; s == EAO_OK && i < n->n_out; i++) {
    out[i] = n->out[i] == EAO_NONE ? (eao_tensor){.rank = -1} : g->value[n->out[i]].t;
    out[i].data = NULL;
  }
  if (s == EAO_OK && (d->traits & EAO_TRAIT_CONTROL))
    s = eao_interp_control(it, n, in, out);
  else if (s == EAO_OK && it->fast && g == it->g && eao_fast_has(it->fast, id))
    s = eao_fast_run(it->fast, it->ctx, id, in, out);
  else if (s == EAO_OK)
    s = eao_op_eval(it->ctx, d, n->attr, in, n->n_in, out, n->n_out);
  for (uint32_t i = 0; out && i < n->n_out; i++) {
    if (s != EAO_OK || n->out[i] == EAO_NONE) {
      eao_free(it->ctx, out[i].data);
      continue;
    }
    slot *to = &slots[n->out[i]];
    s = eao_moved_quant(it->ctx, n->op, n->attr, n->n_in ? in[0] : NULL, &out[i]);
    to->t = out[i];
    to->owned = true;
    if (s == EAO_OK) s = report(it, g, n->out[i], &to->t);
    if (to->uses == 0) { /* nobody reads it */
      to->uses = 1;
      release(it, to);
    }
  }
  for (uint32_t i = 0; s == EAO_OK && i < n->n_in; i++)
    if (n->in[i] != EAO_NONE) release(it, &slots[n->in[i]]);
  if (in != in_small) eao_free(it->ctx, in);
  if (out != out_small) eao_free(it->ctx, out);
  return s;
}

static eao_status bind_inputs(eao_interp *it, eao_graph *g, const eao_tensor *in, uint32_t n_in,
                              slot *slots) {
  if (n_in != g->n_input)
    return eao_fail(it->ctx, EAO_ERR_ARG, "%u inputs given, the graph has %u", n_in, g->n_input);
  for (uint32_t i = 0; i < n_in; i++) {
    const eao_value *v = &g->value[g->input[i]];
    const eao_tensor *want = &v->t;
    /* What a body gets may change its shape from one iteration to the next. */
    bool body = g->root != g;
    bool shape_ok = body || want->rank < 0 || want->rank == in[i].rank;
    for (int32_t k = 0; !body && shape_ok && k < want->rank; k++)
      shape_ok = want->dim[k] < 0 || want->dim[k] == in[i].dim[k];
    if (!in[i].data) return eao_fail(it->ctx, EAO_ERR_ARG, "input '%s' has no data", v->name);
    if (want->dtype != EAO_DTYPE_NONE && want->dtype != in[i].dtype)
      return eao_fail(it->ctx, EAO_ERR_TYPE, "input '%s' must be %s, not %s", v->name,
                      eao_dtype_name(want->dtype), eao_dtype_name(in[i].dtype));
    if (!shape_ok)
      return eao_fail(it->ctx, EAO_ERR_SHAPE, "input '%s' has the wrong shape", v->name);
    slots[g->input[i]].t = in[i];
    if (!body || want->quant.n) slots[g->input[i]].t.quant = want->quant;
    EAO_TRY(report(it, g, g->input[i], &in[i]));
  }
  return EAO_OK;
}

static eao_status bind_states(eao_interp *it, eao_graph *g, slot *slots) {
  if (g != it->g && g->n_state)
    return eao_fail(it->ctx, EAO_ERR_UNSUPPORTED, "a body with memory of its own");
  for (uint32_t i = 0; i < g->n_state; i++) {
    const eao_state *st = &g->state[i];
    eao_tensor *t = &it->state[i];
    if (!t->data) {
      uint64_t n;
      *t = g->value[st->in].t;
      t->data = NULL;
      EAO_TRY(eao_tensor_nbytes(it->ctx, t, &n));
      if (!(t->data = eao_alloc(it->ctx, (size_t)n))) return EAO_NOMEM(it->ctx);
      if (st->init && n) memcpy(t->data, st->init, (size_t)n);
    }
    slots[st->in].t = *t;
  }
  return EAO_OK;
}

/* All new values first: one may be what another state was. */
static eao_status store_states(eao_interp *it, eao_graph *g, slot *slots) {
  eao_tensor *fresh = eao_alloc(it->ctx, g->n_state * sizeof *fresh);
  eao_status s = fresh ? EAO_OK : EAO_NOMEM(it->ctx);
  for (uint32_t i = 0; s == EAO_OK && i < g->n_state; i++) {
    slot *src = &slots[g->state[i].out];
    s = keep(it, src, &fresh[i]);
    if (s == EAO_OK) release(it, src);
  }
  for (uint32_t i = 0; fresh && i < g->n_state; i++) {
    if (s != EAO_OK) {
      eao_free(it->ctx, fresh[i].data);
      continue;
    }
    eao_free(it->ctx, it->state[i].data);
    it->state[i] = fresh[i];
  }
  eao_free(it->ctx, fresh);
  return s;
}

eao_status eao_interp_run_graph(eao_interp *it, eao_graph *g, const eao_tensor *in, uint32_t n_in,
                                eao_tensor *out) {
  uint32_t *uses = eao_alloc(it->ctx, g->n_value * sizeof *uses);
  slot *slots = eao_alloc(it->ctx, g->n_value * sizeof *slots);
  eao_status s = uses && slots ? EAO_OK : EAO_NOMEM(it->ctx);
  for (uint32_t i = 0; i < g->n_output; i++) out[i].data = NULL;
  if (s == EAO_OK) {
    eao_graph_count_uses(g, uses);
    for (eao_vid v = 0; v < g->n_value; v++) {
      slots[v].uses = uses[v];
      if (g->value[v].t.data) slots[v].t = g->value[v].t;
    }
    s = bind_inputs(it, g, in, n_in, slots);
  }
  if (s == EAO_OK) s = bind_states(it, g, slots);
  for (eao_nid n = 0; s == EAO_OK && n < g->n_node; n++) {
    if (!g->node[n].op) continue;
    s = run_node(it, g, n, slots);
    if (s != EAO_OK) s = eao_node_fail_in(it->ctx, g, n, s);
  }
  /* Outputs before states: an output may be the state that is about to be replaced. */
  for (uint32_t i = 0; s == EAO_OK && i < g->n_output; i++) {
    s = keep(it, &slots[g->output[i]], &out[i]);
    if (s == EAO_OK) release(it, &slots[g->output[i]]);
  }
  if (s == EAO_OK) s = store_states(it, g, slots);
  for (uint32_t i = 0; s != EAO_OK && i < g->n_output; i++) {
    eao_free(it->ctx, out[i].data);
    out[i].data = NULL;
  }
  for (eao_vid v = 0; slots && v < g->n_value; v++)
    if (slots[v].owned) eao_free(it->ctx, slots[v].t.data);
  eao_free(it->ctx, slots);
  eao_free(it->ctx, uses);
  return s;
}

eao_status eao_interp_run(eao_interp *it, const eao_tensor *in, uint32_t n_in, eao_tensor *out,
                          uint32_t n_out) {
  if (n_out != it->g->n_output)
    return eao_fail(it->ctx, EAO_ERR_ARG, "%u outputs asked for, the graph has %u", n_out,
                    it->g->n_output);
  free_results(it);
  it->steps = 0;
  it->depth = 0;
  EAO_TRY(eao_interp_run_graph(it, it->g, in, n_in, it->result));
  for (uint32_t i = 0; i < n_out; i++) out[i] = it->result[i];
  return EAO_OK;
}
