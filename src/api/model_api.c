/* Models: loading, looking at, saving. */
#include "api/api.h"
#include "import/import.h"
#include "interp/interp.h"
#include "op/text.h"

eao_status eao_model_load(eao_ctx *ctx, const char *path, const eao_load_opts *opts,
                          eao_model **out) {
  *out = NULL;
  eao_import_opts io = {.default_dims = true};
  if (opts) {
    io.bind = opts->bind;
    io.n_bind = opts->n_bind;
    io.default_dims = !opts->keep_dynamic;
    io.signature = opts->signature;
  }
  eao_model *m = eao_alloc(ctx, sizeof *m);
  if (!m) return EAO_NOMEM(ctx);
  m->ctx = ctx;
  bool package;
  eao_status s = eao_is_package(ctx, path, &package);
  if (s == EAO_OK && package) {
    m->g = eao_graph_create(ctx);
    s = m->g ? eao_host_package_load(ctx, path, m->g, &m->package) : EAO_ERR_NOMEM;
  } else if (s == EAO_OK) {
    s = eao_import(ctx, path, &io, &m->g);
  }
  if (s != EAO_OK) {
    eao_model_destroy(m);
    return s;
  }
  *out = m;
  return EAO_OK;
}

void eao_model_destroy(eao_model *m) {
  if (!m) return;
  eao_host_package_destroy(m->package);
  for (uint32_t i = 0; i < m->n_body; i++) eao_model_destroy(m->body[i]);
  eao_free(m->ctx, m->body);
  if (!m->is_body) eao_graph_destroy(m->g);
  eao_free(m->ctx, m);
}

bool eao_model_is_package(const eao_model *m) {
  return m->package != NULL;
}

void eao_text_free(eao_ctx *ctx, char *text) {
  eao_free(ctx, text);
}

/* ---- looking ---- */

uint32_t eao_model_input_count(const eao_model *m) {
  return m->g->n_input;
}
uint32_t eao_model_output_count(const eao_model *m) {
  return m->g->n_output;
}
uint32_t eao_model_value_count(const eao_model *m) {
  return m->g->n_value;
}
uint32_t eao_model_node_count(const eao_model *m) {
  return m->g->n_node;
}
uint32_t eao_model_meta_count(const eao_model *m) {
  return m->g->n_meta;
}
const char *eao_model_meta_key(const eao_model *m, uint32_t i) {
  return m->g->meta[i].key;
}
const char *eao_model_meta_text(const eao_model *m, uint32_t i) {
  return m->g->meta[i].text;
}

eao_value_info eao_model_value(const eao_model *m, uint32_t id) {
  const eao_value *v = &m->g->value[id];
  return (eao_value_info){id, v->name, v->t, v->dim_name, v->producer};
}
eao_value_info eao_model_input(const eao_model *m, uint32_t i) {
  return eao_model_value(m, m->g->input[i]);
}
eao_value_info eao_model_output(const eao_model *m, uint32_t i) {
  return eao_model_value(m, m->g->output[i]);
}

eao_node_info eao_model_node(const eao_model *m, uint32_t id) {
  const eao_node *n = &m->g->node[id];
  const eao_op_desc *d = eao_op_get(n->op);
  return (eao_node_info){.id = id,
                         .op = d ? d->name : "?",
                         .name = n->name,
                         .in = n->in,
                         .out = n->out,
                         .n_in = n->n_in,
                         .n_out = n->n_out,
                         .macs = eao_node_macs(m->g, n, NULL)};
}

eao_model *eao_model_body(eao_model *m, uint32_t node, uint32_t k, const char **out_role) {
  eao_graph *g = eao_node_body(&m->g->node[node], k, out_role);
  if (!g) return NULL;
  for (uint32_t i = 0; i < m->n_body; i++)
    if (m->body[i]->g == g) return m->body[i];
  if (eao_grow(m->ctx, (void **)&m->body, &m->cap_body, m->n_body + 1, sizeof *m->body) != EAO_OK)
    return NULL;
  eao_model *b = eao_alloc(m->ctx, sizeof *b);
  if (!b) return NULL;
  b->ctx = m->ctx;
  b->g = g;
  b->is_body = true;
  m->body[m->n_body++] = b;
  return b;
}

/* ---- text ---- */

static eao_status hand_over(eao_text *t, char **out) {
  if (!t->p && !t->failed) eao_text_add(t, "", 0);
  if (t->failed) {
    eao_text_deinit(t);
    return EAO_NOMEM(t->ctx);
  }
  *out = t->p;
  return EAO_OK;
}

eao_status eao_model_text(eao_model *m, bool full, char **out) {
  eao_text t;
  eao_text_init(&t, m->ctx);
  *out = NULL;
  eao_graph_print(m->g, full, &t);
  return hand_over(&t, out);
}

/* Takes over the graph of a call that made one. */
static eao_status wrap(eao_ctx *ctx, eao_status s, eao_graph *g, eao_model **out) {
  *out = s == EAO_OK ? eao_alloc(ctx, sizeof **out) : NULL;
  if (s != EAO_OK) return s;
  if (!*out) {
    eao_graph_destroy(g);
    return EAO_NOMEM(ctx);
  }
  (*out)->ctx = ctx;
  (*out)->g = g;
  return EAO_OK;
}

eao_status eao_model_parse(eao_ctx *ctx, const char *text, size_t len, eao_model **out) {
  eao_graph *g = NULL;
  eao_status s = eao_graph_parse(ctx, text, len, &g);
  return wrap(ctx, s, g, out);
}

eao_status eao_model_clone(const eao_model *m, eao_model **out) {
  eao_graph *g = NULL;
  eao_status s = eao_graph_clone(m->g, &g);
  return wrap(m->ctx, s, g, out);
}

eao_status eao_model_node_attrs(const eao_model *m, uint32_t id, char **out) {
  eao_text t;
  eao_text_init(&t, m->ctx);
  *out = NULL;
  eao_node_print_attrs(&m->g->node[id], &t);
  return hand_over(&t, out);
}

/* ---- running ---- */

struct eao_runner {
  eao_model *m;
  eao_interp *it;
  eao_value_fn fn;
  void *user;
};

static eao_status on_value(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  eao_runner *r = user;
  return g == r->m->g && r->fn ? r->fn(r->user, v, t) : EAO_OK;
}

eao_status eao_runner_create(eao_model *m, eao_runner **out) {
  *out = NULL;
  eao_runner *r = eao_alloc(m->ctx, sizeof *r);
  if (!r) return EAO_NOMEM(m->ctx);
  r->m = m;
  r->it = eao_interp_create(m->g);
  if (!r->it) {
    eao_free(m->ctx, r);
    return EAO_NOMEM(m->ctx);
  }
  *out = r;
  return EAO_OK;
}

void eao_runner_destroy(eao_runner *r) {
  if (!r) return;
  eao_interp_destroy(r->it);
  eao_free(r->m->ctx, r);
}

void eao_runner_on_value(eao_runner *r, eao_value_fn fn, void *user) {
  r->fn = fn;
  r->user = user;
  eao_interp_set_hook(r->it, fn ? on_value : NULL, r);
}

eao_status eao_runner_run(eao_runner *r, const eao_tensor *in, uint32_t n_in, eao_tensor *out,
                          uint32_t n_out) {
  if (r->m->package) return eao_host_package_run(r->m->package, in, n_in, out, n_out);
  return eao_interp_run(r->it, in, n_in, out, n_out);
}

void eao_runner_reset(eao_runner *r) {
  if (r->m->package) eao_host_package_reset(r->m->package);
  eao_interp_reset(r->it);
}
