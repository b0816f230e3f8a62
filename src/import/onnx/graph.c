/* Scopes, nodes in order, local functions. */
#include <string.h>

#include "import/onnx/lower.h"

static const onnx_rule *const rules_onnx[] = {onnx_rules_basic, onnx_rules_nn, onnx_rules_move,
                                              onnx_rules_quant, onnx_rules_control};
static const onnx_rule *const rules_ms[] = {onnx_rules_ms, onnx_rules_attention};

enum { MAX_ATTRS = 1024 /* of a node: they are searched one by one */ };

/* ---- names ---- */

void onnx_scope_deinit(onnx_scope *s) {
  eao_map_deinit(&s->names);
}

void onnx_body_deinit(onnx_body *b) {
  if (!b->g) return;
  for (uint32_t i = 0; i < b->n_known; i++) eao_free(b->g->ctx, b->known[i].data);
  eao_free(b->g->ctx, b->known);
  eao_free(b->g->ctx, b->capture);
}

static eao_status put_name(onnx_scope *s, const char *name, eao_vid v) {
  bool twice;
  EAO_TRY(eao_map_put(&s->names, name, v, &twice));
  if (twice) return eao_fail(s->im->ctx, EAO_ERR_FORMAT, "'%s' is defined twice", name);
  return EAO_OK;
}

eao_status onnx_declare(onnx_scope *s, const char *name, const eao_tensor *t, eao_vid *out) {
  const char *full = name;
  if (*s->prefix) full = eao_arena_printf(&s->im->tmp, "%s%s", s->prefix, name);
  if (!full) return EAO_NOMEM(s->im->ctx);
  EAO_TRY(eao_graph_add_value(s->body->g, full, t, out));
  return put_name(s, name, *out);
}

/* A value of the surrounding graph inside a body: a copy when it is known, else one more input. */
static eao_status capture(onnx_scope *s, const char *name, eao_vid outer, eao_vid *out) {
  onnx_body *from = s->parent->body, *to = s->body;
  const eao_value *v = &from->g->value[outer];
  eao_tensor t = v->t;
  bool known = t.data != NULL;
  if (!known && outer < from->n_known && from->known[outer].data) {
    uint64_t n;
    t = from->known[outer];
    EAO_TRY(eao_tensor_nbytes(s->im->ctx, &t, &n));
    t.data = eao_arena_alloc(&to->g->root->arena, n ? (size_t)n : 1);
    if (!t.data) return EAO_NOMEM(s->im->ctx);
    if (n) memcpy(t.data, from->known[outer].data, (size_t)n);
    known = true;
  }
  EAO_TRY(onnx_declare(s, name, &t, out));
  if (known) return EAO_OK;
  EAO_TRY(eao_grow(s->im->ctx, (void **)&to->capture, &to->cap_capture, to->n_capture + 1,
                   sizeof *to->capture));
  to->capture[to->n_capture++] = (onnx_capture){outer, *out};
  return EAO_OK;
}

eao_status onnx_lookup(onnx_scope *s, const char *name, eao_vid *out) {
  eao_vid outer = EAO_NONE;
  *out = EAO_NONE;
  if (eao_map_get(&s->names, name, out) || !s->parent) return EAO_OK;
  EAO_TRY(onnx_lookup(s->parent, name, &outer));
  if (s->body != s->parent->body && outer != EAO_NONE) return capture(s, name, outer, out);
  *out = outer;
  return EAO_OK;
}

/* ---- nodes in an order in which values exist before they are used ---- */

typedef struct sorter {
  eao_ctx *ctx;
  eao_map producer; /* name -> node */
  uint32_t *edge;   /* producers that nodes depend on */
  uint32_t n_edge, cap_edge;
  uint32_t *first; /* of node i in edge; n + 1 entries */
  uint32_t *next, *stack, *order, n_order;
  uint8_t *skip; /* constants that a later one replaces */
  uint32_t n_replaced;
  const char *replaced;
} sorter;

static eao_status add_use(sorter *s, const char *name, uint32_t user) {
  uint32_t p;
  if (!*name || !eao_map_get(&s->producer, name, &p)) return EAO_OK;
  if (p == user) /* its own output, or a name that a body of it reuses */
    return EAO_OK;
  EAO_TRY(eao_grow(s->ctx, (void **)&s->edge, &s->cap_edge, s->n_edge + 1, sizeof *s->edge));
  s->edge[s->n_edge++] = p;
  return EAO_OK;
}

static eao_status add_uses(sorter *s, const onnx_node *n, uint32_t user) {
  for (uint32_t i = 0; i < n->n_in; i++) EAO_TRY(add_use(s, n->in[i], user));
  for (uint32_t i = 0; i < n->n_attr; i++) {
    const onnx_graph *g = n->attr[i].g;
    for (uint32_t k = 0; g && k < g->n_node; k++) EAO_TRY(add_uses(s, &g->node[k], user));
    for (uint32_t k = 0; g && k < g->n_output; k++) EAO_TRY(add_use(s, g->output[k].name, user));
  }
  return EAO_OK;
}

static eao_status index_nodes(sorter *s, const onnx_node *node, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    for (uint32_t k = 0; k < node[i].n_out; k++) {
      uint32_t first;
      if (!*node[i].out[k]) continue;
      bool twice = eao_map_get(&s->producer, node[i].out[k], &first);
      EAO_TRY(eao_map_put(&s->producer, node[i].out[k], i, NULL));
      if (!twice) continue;
      /* Tools append a constant under the name of the one that it replaces; ONNX Runtime takes the
       * last one too. */
      s->skip[first] = !strcmp(node[first].op, "Constant") && !strcmp(node[i].op, "Constant");
      if (s->skip[first]) {
        if (!s->n_replaced++) s->replaced = node[i].out[k];
      } else {
        return eao_fail(s->ctx, EAO_ERR_FORMAT, "'%s' is computed by two nodes, the second is '%s'",
                        node[i].out[k], node[i].name);
      }
    }
  }
  if (s->n_replaced)
    eao_warn(s->ctx, "%u constants are defined twice ('%s' first); the last one counts",
             s->n_replaced, s->replaced);
  for (uint32_t i = 0; i < n; i++) {
    s->first[i] = s->n_edge;
    for (uint32_t k = 0; k < node[i].n_in; k++) {
      uint32_t p;
      if (eao_map_get(&s->producer, node[i].in[k], &p) && p == i)
        return eao_fail(s->ctx, EAO_ERR_FORMAT, "node '%s' (%s) uses its own output '%s'",
                        node[i].name, node[i].op, node[i].in[k]);
    }
    EAO_TRY(add_uses(s, &node[i], i));
  }
  s->first[n] = s->n_edge;
  return EAO_OK;
}

/* Depth first from each node in file order; a node on the stack that is met again is a cycle. */
static eao_status visit(sorter *s, const onnx_node *node, uint32_t n) {
  const uint32_t DONE = UINT32_MAX;
  for (uint32_t i = 0; i < n; i++) s->next[i] = s->first[i];
  for (uint32_t root = 0; root < n; root++) {
    uint32_t depth = 0;
    if (s->next[root] == DONE || s->skip[root]) continue;
    s->stack[depth++] = root;
    while (depth) {
      uint32_t at = s->stack[depth - 1];
      if (s->next[at] == s->first[at + 1]) {
        s->next[at] = DONE;
        s->order[s->n_order++] = at;
        depth--;
        continue;
      }
      uint32_t dep = s->edge[s->next[at]++];
      if (s->next[dep] == DONE) continue;
      /* Begun and not done means on the stack. A node without inputs is done at once. */
      if (s->next[dep] != s->first[dep])
        return eao_fail(s->ctx, EAO_ERR_FORMAT, "node '%s' (%s) is part of a cycle", node[dep].name,
                        node[dep].op);
      s->stack[depth++] = dep;
    }
  }
  return EAO_OK;
}

static eao_status sort_nodes(onnx_import *im, const onnx_node *node, uint32_t n, uint32_t **out,
                             uint32_t *out_n) {
  sorter s = {.ctx = im->ctx};
  eao_map_init(&s.producer, im->ctx);
  s.first = eao_alloc(im->ctx, ((size_t)n + 1) * sizeof *s.first);
  s.next = eao_alloc(im->ctx, (size_t)n * sizeof *s.next);
  s.stack = eao_alloc(im->ctx, (size_t)n * sizeof *s.stack);
  s.order = eao_alloc(im->ctx, (size_t)n * sizeof *s.order);
  s.skip = eao_alloc(im->ctx, n);
  bool have = s.first && s.next && s.stack && s.order && s.skip;
  eao_status st = have ? EAO_OK : EAO_NOMEM(im->ctx);
  if (st == EAO_OK) st = index_nodes(&s, node, n);
  if (st == EAO_OK) st = visit(&s, node, n);
  eao_map_deinit(&s.producer);
  eao_free(im->ctx, s.edge);
  eao_free(im->ctx, s.first);
  eao_free(im->ctx, s.next);
  eao_free(im->ctx, s.stack);
  eao_free(im->ctx, s.skip);
  if (st != EAO_OK) {
    eao_free(im->ctx, s.order);
    s.order = NULL;
  }
  *out = s.order;
  *out_n = s.n_order;
  return st;
}

/* ---- one node ---- */

static int64_t opset_of(const onnx_scope *s, const char *domain) {
  for (uint32_t i = 0; i < s->n_opset; i++)
    if (!strcmp(s->opset[i].domain, domain)) return s->opset[i].version;
  return 0;
}

/* Attributes of a node in a function may refer to the function's. */
static eao_status resolve_attrs(onnx_scope *s, const onnx_node *n, onnx_node *out) {
  uint32_t k = 0;
  *out = *n;
  for (uint32_t i = 0; i < n->n_attr; i++) n->attr[i].used = false;
  for (uint32_t i = 0; i < n->n_attr; i++) k += n->attr[i].ref != NULL;
  if (!k) return EAO_OK;
  if (!s->fn)
    return eao_fail(s->im->ctx, EAO_ERR_FORMAT, "an attribute refers to one of a function");
  out->attr = eao_arena_dup(&s->im->tmp, n->attr, n->n_attr * sizeof *n->attr);
  if (!out->attr) return EAO_NOMEM(s->im->ctx);
  out->n_attr = 0;
  for (uint32_t i = 0; i < n->n_attr; i++) {
    const onnx_attr *a = &n->attr[i], *v = a;
    if (a->ref) {
      v = s->call ? onnx_find_attr(s->call, a->ref) : NULL;
      for (uint32_t d = 0; !v && d < s->fn->n_attr; d++)
        if (!strcmp(s->fn->attr[d].name, a->ref)) v = &s->fn->attr[d];
      if (!v) continue; /* not given by the caller: absent here too */
    }
    out->attr[out->n_attr] = *v;
    out->attr[out->n_attr].name = a->name;
    out->attr[out->n_attr].used = false;
    out->n_attr++;
  }
  return EAO_OK;
}

static const onnx_rule *find_rule(const onnx_rule *const *list, size_t n, const onnx_call *c) {
  for (size_t i = 0; i < n; i++)
    for (const onnx_rule *r = list[i]; r->op; r++)
      if (!strcmp(r->op, c->n->op) && c->version >= r->first && (!r->last || c->version <= r->last))
        return r;
  return NULL;
}

/* Functions are found by this key. */
static const char *function_key(onnx_import *im, const char *domain, const char *name,
                                const char *overload) {
  return eao_arena_printf(&im->tmp, "%s/%s/%s", domain, name, overload);
}

eao_status onnx_index_functions(onnx_import *im) {
  for (uint32_t i = 0; i < im->model.n_function; i++) {
    const onnx_function *f = &im->model.function[i];
    const char *key = function_key(im, f->domain, f->name, f->overload);
    bool twice;
    if (!key) return EAO_NOMEM(im->ctx);
    EAO_TRY(eao_map_put(&im->functions, key, i, &twice));
    if (twice)
      return eao_fail(im->ctx, EAO_ERR_FORMAT, "function '%s' of domain '%s' is defined twice",
                      f->name, f->domain);
  }
  return EAO_OK;
}

static const onnx_function *find_function(const onnx_call *c) {
  onnx_import *im = c->s->im;
  uint32_t i;
  if (!im->model.n_function) return NULL;
  const char *key = function_key(im, c->n->domain, c->n->op, c->n->overload);
  return key && eao_map_get(&im->functions, key, &i) ? &im->model.function[i] : NULL;
}

/* The op with this ONNX name whose semantics began at or before the node's version. */
static const eao_op_desc *find_op(const onnx_call *c, bool *later) {
  uint32_t id;
  const eao_op_desc *d, *best = NULL;
  *later = false;
  if (!eao_map_get(&c->s->im->by_onnx, c->n->op, &id)) return NULL;
  d = eao_op_get(id);
  if (d->onnx_since <= c->version) return d;
  *later = true;
  for (id = 1; id < EAO_OP_LIMIT; id++) {
    d = eao_op_get(id);
    if (d && d->onnx && !strcmp(d->onnx, c->n->op) && d->onnx_since <= c->version &&
        (!best || d->onnx_since > best->onnx_since))
      best = d;
  }
  return best;
}

static eao_status lower_same(onnx_call *c, const eao_op_desc *d) {
  EAO_TRY(onnx_begin(c, d->name));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, c->in, c->n_in, c->out, c->n_out);
}

static eao_status dispatch(onnx_call *c) {
  const char *domain = c->n->domain;
  bool ms = !strcmp(domain, "com.microsoft"), later = false;
  const onnx_function *f = find_function(c);
  if (f) return onnx_inline(c, f);
  const onnx_rule *r = NULL;
  if (ms) r = find_rule(rules_ms, EAO_COUNT(rules_ms), c);
  if (!*domain) r = find_rule(rules_onnx, EAO_COUNT(rules_onnx), c);
  if (r) {
    c->arg = r->arg;
    return r->fn(c);
  }
  const eao_op_desc *d = *domain ? NULL : find_op(c, &later);
  if (d) return lower_same(c, d);
  if (later)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "this op is not supported in a version that old");
  return onnx_fail(c, EAO_ERR_UNSUPPORTED, "this op is not supported");
}

static eao_status bind_node(onnx_call *c) {
  onnx_scope *s = c->s;
  uint32_t in_cap = c->n->n_in > ONNX_MAX_IO ? c->n->n_in : ONNX_MAX_IO;
  uint32_t out_cap = c->n->n_out > ONNX_MAX_IO ? c->n->n_out : ONNX_MAX_IO;
  c->in = eao_arena_array(&s->im->tmp, in_cap, sizeof *c->in);
  c->out = eao_arena_array(&s->im->tmp, out_cap, sizeof *c->out);
  if (!c->in || !c->out) return EAO_NOMEM(c->ctx);
  for (uint32_t i = 0; i < in_cap; i++) c->in[i] = EAO_NONE;
  for (uint32_t i = 0; i < out_cap; i++) c->out[i] = EAO_NONE;
  c->n_in = c->n->n_in;
  c->n_out = c->n->n_out;
  for (uint32_t i = 0; i < c->n_in; i++) {
    if (!*c->n->in[i]) continue;
    EAO_TRY(onnx_lookup(s, c->n->in[i], &c->in[i]));
    uint32_t omitted; /* an input that the caller of a function left out */
    if (c->in[i] == EAO_NONE && !eao_map_get(&s->names, c->n->in[i], &omitted))
      return onnx_fail(c, EAO_ERR_FORMAT, "input '%s' does not exist", c->n->in[i]);
  }
  while (c->n_in && c->in[c->n_in - 1] == EAO_NONE) c->n_in--;
  for (uint32_t i = 0; i < c->n_out; i++)
    if (*c->n->out[i])
      EAO_TRY(onnx_declare(s, c->n->out[i], &(eao_tensor){.rank = -1}, &c->out[i]));
  while (c->n_out && c->out[c->n_out - 1] == EAO_NONE) c->n_out--;
  /* Lowerings may count on the first output. */
  if (c->n_out && c->out[0] == EAO_NONE) EAO_TRY(onnx_new_value(c, &c->out[0]));
  return EAO_OK;
}

static eao_status check_done(onnx_call *c) {
  for (uint32_t i = 0; i < c->n->n_attr; i++)
    if (!c->n->attr[i].used)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute '%s' is not supported",
                       c->n->attr[i].name);
  for (uint32_t i = 0; i < c->n_out; i++) {
    const eao_value *v = c->out[i] == EAO_NONE ? NULL : &c->g->value[c->out[i]];
    if (v && v->producer == EAO_NONE && !v->t.data)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "output %u ('%s') is not supported", i,
                       c->n->out[i]);
  }
  return EAO_OK;
}

static eao_status lower_node(onnx_scope *s, const onnx_node *rec) {
  onnx_import *im = s->im;
  onnx_node n = *rec;
  onnx_call c = {.s = s, .ctx = im->ctx, .g = s->body->g, .n = &n};
  c.version = opset_of(s, rec->domain);
  eao_status st = EAO_OK;
  if (rec->n_attr > MAX_ATTRS)
    st = eao_fail(im->ctx, EAO_ERR_FORMAT, "%u attributes are too many", rec->n_attr);
  if (st == EAO_OK) st = resolve_attrs(s, rec, &n);
  if (st == EAO_OK && !*rec->domain && !c.version)
    st = eao_fail(im->ctx, EAO_ERR_FORMAT, "the file does not say the opset's version");
  if (st == EAO_OK && im->n_lowered++ >= im->ctx->limits.max_nodes)
    st = eao_fail(im->ctx, EAO_ERR_NOMEM, "more than %u nodes", im->ctx->limits.max_nodes);
  /* A file of a kilobyte can name 2^30 nodes, each function calling the next one twice. */
  if (st == EAO_OK && im->depth && im->n_inlined++ >= ONNX_MAX_INLINED)
    st = eao_fail(im->ctx, EAO_ERR_FORMAT, "functions and bodies hold more than %d nodes",
                  ONNX_MAX_INLINED);
  c.name = *s->prefix ? eao_arena_printf(&im->tmp, "%s%s", s->prefix, rec->name) : rec->name;
  if (st == EAO_OK && !c.name) st = EAO_NOMEM(im->ctx);
  if (st == EAO_OK) st = bind_node(&c);
  if (st == EAO_OK && !c.n_out) return EAO_OK; /* nobody wants its result */
  if (st == EAO_OK) st = dispatch(&c);
  if (st == EAO_OK) st = check_done(&c);
  /* Of the calls on the way to a failure the innermost node and the model's own are named. */
  if (st == EAO_OK || (im->named && im->depth)) return st;
  im->named = true;
  return eao_fail_within(im->ctx, st, "node '%.300s' (op %.100s, domain '%.200s', version %lld)",
                         rec->name, rec->op, *rec->domain ? rec->domain : "ai.onnx",
                         (long long)c.version);
}

eao_status onnx_lower_nodes(onnx_scope *s, onnx_node *node, uint32_t n) {
  uint32_t *order, n_order;
  EAO_TRY(sort_nodes(s->im, node, n, &order, &n_order));
  eao_status st = EAO_OK;
  for (uint32_t i = 0; st == EAO_OK && i < n_order; i++) st = lower_node(s, &node[order[i]]);
  eao_free(s->im->ctx, order);
  return st;
}

/* What the file says of an output's shape, where inference cannot tell even the rank. */
static eao_status declared_rank(onnx_scope *s, const onnx_value *rec, eao_vid v) {
  eao_tensor *t = &s->body->g->value[v].t, said;
  if (t->rank >= 0 || t->data || s->parent) return EAO_OK;
  EAO_TRY(onnx_value_type(s, rec, &said));
  t->rank = said.rank;
  for (int32_t i = 0; i < said.rank; i++) t->dim[i] = -1;
  return EAO_OK;
}

eao_status onnx_lower_graph(onnx_scope *s, const onnx_graph *g) {
  eao_ctx *ctx = s->im->ctx;
  if (g->n_sparse)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "graph '%s' has sparse initialisers", g->name);
  EAO_TRY(onnx_lower_nodes(s, g->node, g->n_node));
  for (uint32_t i = 0; i < g->n_output; i++) {
    eao_vid v;
    EAO_TRY(onnx_lookup(s, g->output[i].name, &v));
    if (v == EAO_NONE)
      return eao_fail(ctx, EAO_ERR_FORMAT, "graph '%s': output '%s' does not exist", g->name,
                      g->output[i].name);
    EAO_TRY(declared_rank(s, &g->output[i], v));
    EAO_TRY(eao_graph_add_output(s->body->g, v));
  }
  return EAO_OK;
}

/* ---- local functions ---- */

static eao_status inline_body(onnx_call *c, const onnx_function *f, onnx_scope *s) {
  for (uint32_t i = 0; i < f->n_in; i++) EAO_TRY(put_name(s, f->in[i], onnx_in(c, i)));
  EAO_TRY(onnx_lower_nodes(s, f->node, f->n_node));
  for (uint32_t i = 0; i < f->n_out && i < c->n_out; i++) {
    eao_vid v;
    EAO_TRY(onnx_lookup(s, f->out[i], &v));
    if (v == EAO_NONE)
      return onnx_fail(c, EAO_ERR_FORMAT, "function '%s' does not compute its output '%s'", f->name,
                       f->out[i]);
    EAO_TRY(onnx_result(c, i, v));
  }
  return EAO_OK;
}

eao_status onnx_inline(onnx_call *c, const onnx_function *f) {
  onnx_import *im = c->s->im;
  if (c->n_in > f->n_in)
    return onnx_fail(c, EAO_ERR_FORMAT, "the function has %u inputs, the node %u", f->n_in,
                     c->n_in);
  if (im->depth >= c->ctx->limits.max_depth)
    return onnx_fail(c, EAO_ERR_FORMAT, "functions are nested deeper than %u",
                     c->ctx->limits.max_depth);
  onnx_use_all(c);
  onnx_scope s = {.im = im, .body = c->s->body, .opset = f->opset, .n_opset = f->n_opset};
  s.call = c->n;
  s.fn = f;
  if (!f->n_opset) {
    s.opset = c->s->opset;
    s.n_opset = c->s->n_opset;
  }
  s.prefix = eao_arena_printf(&im->tmp, "%s%s.%u/", c->s->prefix,
                              *c->n->name ? c->n->name : f->name, im->serial++);
  if (!s.prefix) return EAO_NOMEM(c->ctx);
  eao_map_init(&s.names, c->ctx);
  im->depth++;
  eao_status st = inline_body(c, f, &s);
  im->depth--;
  onnx_scope_deinit(&s);
  return st;
}
