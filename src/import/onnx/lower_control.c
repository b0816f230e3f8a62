/* If, Loop, Scan. Bodies become closed graphs: what they use from outside is captured and follows
 * the inputs that ONNX gives them. */
#include <string.h>

#include "import/onnx/lower.h"

/* Type of a body's input: as declared, the element type from the value that is passed when the
 * declaration lacks it. Shapes may change from one iteration to the next. */
static eao_status input_type(onnx_scope *s, const onnx_value *v, const eao_tensor *passed,
                             eao_tensor *out) {
  EAO_TRY(onnx_value_type(s, v, out));
  if (!passed || !passed->dtype) return EAO_OK;
  out->dtype = passed->dtype;
  /* Careless exporters declare a scalar for a list of one. */
  if (passed->rank >= 0 && out->rank >= 0 && passed->rank != out->rank) out->rank = -1;
  return EAO_OK;
}

static eao_status fill_body(onnx_scope *s, const onnx_graph *g, const eao_tensor *passed,
                            uint32_t n_passed) {
  if (g->n_input != n_passed)
    return eao_fail(s->im->ctx, EAO_ERR_FORMAT, "body '%s' has %u inputs, %u are passed", g->name,
                    g->n_input, n_passed);
  EAO_TRY(onnx_declare_inits(s, g));
  for (uint32_t i = 0; i < g->n_input; i++) {
    eao_tensor t;
    eao_vid v;
    EAO_TRY(input_type(s, &g->input[i], &passed[i], &t));
    EAO_TRY(onnx_declare(s, g->input[i].name, &t, &v));
    EAO_TRY(eao_graph_add_input(s->body->g, v));
  }
  return onnx_lower_graph(s, g);
}

static onnx_scope inner_scope(onnx_call *c, onnx_body *b) {
  onnx_scope s = *c->s;
  s.body = b;
  s.parent = c->s;
  eao_map_init(&s.names, c->ctx);
  return s;
}

static eao_status build_body(onnx_call *c, const onnx_graph *g, const eao_tensor *passed,
                             uint32_t n_passed, onnx_body *b) {
  b->g = eao_graph_create_sub(c->g);
  if (!b->g) return EAO_NOMEM(c->ctx);
  b->g->name = eao_arena_str(&c->g->root->arena, g->name);
  if (!b->g->name) return EAO_NOMEM(c->ctx);
  onnx_scope s = inner_scope(c, b);
  eao_status st = fill_body(&s, g, passed, n_passed);
  onnx_scope_deinit(&s);
  return st == EAO_OK ? st : eao_fail_within(c->ctx, st, "body '%s'", g->name);
}

/* inner[v]: what the value v of the surrounding graph is called in a body. */
static void index_captures(const onnx_body *b, eao_vid *inner, uint32_t n) {
  memset(inner, 0xFF, n * sizeof *inner); /* EAO_NONE */
  for (uint32_t i = 0; i < b->n_capture; i++) inner[b->capture[i].outer] = b->capture[i].inner;
}

/* Captures of all bodies, each once, become inputs of every body in one order. */
static eao_status close_with(onnx_call *c, onnx_body *body, uint32_t n_body, eao_vid *inner,
                             eao_vid *list, uint32_t *out_n) {
  uint32_t n_value = c->g->n_value, n = body[0].n_capture;
  for (uint32_t k = 0; k < n; k++) list[k] = body[0].capture[k].outer;
  if (n_body > 1) {
    index_captures(&body[0], inner, n_value);
    for (uint32_t k = 0; k < body[1].n_capture; k++)
      if (inner[body[1].capture[k].outer] == EAO_NONE) list[n++] = body[1].capture[k].outer;
  }
  for (uint32_t i = 0; i < n_body; i++) {
    index_captures(&body[i], inner, n_value);
    for (uint32_t k = 0; k < n; k++) {
      eao_vid v = inner[list[k]];
      if (v == EAO_NONE) EAO_TRY(eao_graph_add_value(body[i].g, NULL, &c->g->value[list[k]].t, &v));
      EAO_TRY(eao_graph_add_input(body[i].g, v));
    }
  }
  *out_n = n;
  return EAO_OK;
}

static eao_status close_bodies(onnx_call *c, onnx_body *body, uint32_t n_body, eao_vid **out,
                               uint32_t *out_n) {
  uint64_t cap = 0;
  for (uint32_t i = 0; i < n_body; i++) cap += body[i].n_capture;
  *out_n = 0;
  *out = eao_arena_array(&c->s->im->tmp, cap, sizeof **out);
  if (!*out) return EAO_NOMEM(c->ctx);
  if (!cap) return EAO_OK;
  eao_vid *inner = eao_alloc(c->ctx, c->g->n_value * sizeof *inner);
  if (!inner) return EAO_NOMEM(c->ctx);
  eao_status s = close_with(c, body, n_body, inner, *out, out_n);
  eao_free(c->ctx, inner);
  return s;
}

static const onnx_graph *graph_attr(onnx_call *c, const char *name) {
  const onnx_attr *a = onnx_attr_of(c, name);
  return a ? a->g : NULL;
}

/* The node's inputs, then the captures. */
static eao_status end_control(onnx_call *c, uint32_t n_in, const eao_vid *captures,
                              uint32_t n_captures) {
  eao_vid *in = eao_arena_array(&c->s->im->tmp, (uint64_t)n_in + n_captures, sizeof *in);
  if (!in) return EAO_NOMEM(c->ctx);
  for (uint32_t i = 0; i < n_in; i++) in[i] = onnx_in(c, i);
  for (uint32_t i = 0; i < n_captures; i++) in[n_in + i] = captures[i];
  return onnx_end(c, in, n_in + n_captures, c->out, c->n->n_out);
}

/* ---- If ---- */

/* The condition is known: the branch stands in the surrounding graph. */
static eao_status inline_branch(onnx_call *c, const onnx_graph *g) {
  onnx_scope s = inner_scope(c, c->s->body);
  eao_status st = EAO_OK;
  s.prefix =
      eao_arena_printf(&c->s->im->tmp, "%s%s.%u/", c->s->prefix, c->n->name, c->s->im->serial++);
  if (!s.prefix) st = EAO_NOMEM(c->ctx);
  if (st == EAO_OK) st = onnx_declare_inits(&s, g);
  if (st == EAO_OK) st = onnx_lower_nodes(&s, g->node, g->n_node);
  for (uint32_t i = 0; st == EAO_OK && i < g->n_output; i++) {
    eao_vid v;
    st = onnx_lookup(&s, g->output[i].name, &v);
    if (st == EAO_OK && v == EAO_NONE)
      st = onnx_fail(c, EAO_ERR_FORMAT, "branch output '%s' does not exist", g->output[i].name);
    if (st == EAO_OK) st = onnx_result(c, i, v);
  }
  onnx_scope_deinit(&s);
  return st;
}

static eao_status lower_if(onnx_call *c) {
  const onnx_graph *g[2] = {graph_attr(c, "then_branch"), graph_attr(c, "else_branch")};
  if (!g[0] || !g[1]) return onnx_fail(c, EAO_ERR_FORMAT, "a branch is missing");
  for (int i = 0; i < 2; i++)
    if (g[i]->n_input || g[i]->n_output != c->n->n_out)
      return onnx_fail(c, EAO_ERR_FORMAT, "a branch has %u inputs and %u outputs", g[i]->n_input,
                       g[i]->n_output);
  const eao_tensor *cond = onnx_const(c, onnx_in(c, 0));
  if (cond && cond->dtype == EAO_BOOL && eao_tensor_count(cond) == 1)
    return inline_branch(c, g[eao_get_i64(cond, 0) ? 0 : 1]);

  onnx_body body[2] = {{0}};
  eao_vid *captures;
  uint32_t n;
  eao_status s = EAO_OK;
  for (int i = 0; s == EAO_OK && i < 2; i++) s = build_body(c, g[i], NULL, 0, &body[i]);
  if (s == EAO_OK) s = close_bodies(c, body, 2, &captures, &n);
  if (s == EAO_OK) s = onnx_begin(c, "if");
  if (s == EAO_OK) {
    onnx_set_graph(c, "then_graph", body[0].g);
    onnx_set_graph(c, "else_graph", body[1].g);
    s = end_control(c, 1, captures, n);
  }
  onnx_body_deinit(&body[0]);
  onnx_body_deinit(&body[1]);
  return s;
}

/* ---- Loop, Scan ---- */

static eao_status end_loop(onnx_call *c, const char *op, uint32_t n_state, uint32_t n_in,
                           const onnx_graph *g, const eao_tensor *passed) {
  onnx_body body = {0};
  eao_vid *captures;
  uint32_t n;
  eao_status s = build_body(c, g, passed, n_in, &body);
  if (s == EAO_OK) s = close_bodies(c, &body, 1, &captures, &n);
  if (s == EAO_OK) s = onnx_begin(c, op);
  if (s == EAO_OK) s = onnx_take(c);
  if (s == EAO_OK) {
    onnx_set_graph(c, "body", body.g);
    onnx_set_int(c, "n_state", n_state);
    s = end_control(c, n_in, captures, n);
  }
  onnx_body_deinit(&body);
  return s;
}

static eao_status lower_loop(onnx_call *c) {
  const onnx_graph *g = graph_attr(c, "body");
  uint32_t n_in = c->n->n_in;
  if (!g || n_in < 2) return onnx_fail(c, EAO_ERR_FORMAT, "the body or an input is missing");
  eao_tensor *passed = eao_arena_array(&c->s->im->tmp, n_in, sizeof *passed);
  if (!passed) return EAO_NOMEM(c->ctx);
  passed[0] = (eao_tensor){.dtype = EAO_I64, .rank = -1};
  passed[1] = (eao_tensor){.dtype = EAO_BOOL, .rank = -1};
  for (uint32_t i = 2; i < n_in; i++)
    if (onnx_in(c, i) != EAO_NONE) passed[i] = *onnx_type(c, c->in[i]);
  return end_loop(c, "loop", n_in - 2, n_in, g, passed);
}

static eao_status lower_scan(onnx_call *c) {
  const onnx_graph *g = graph_attr(c, "body");
  int64_t n_scan = onnx_attr_int(c, "num_scan_inputs", 0);
  uint32_t n_in = c->n_in;
  if (!g || n_scan < 1 || n_scan > n_in)
    return onnx_fail(c, EAO_ERR_FORMAT, "the body or a scan input is missing");
  eao_tensor *passed = eao_arena_array(&c->s->im->tmp, n_in, sizeof *passed);
  if (!passed) return EAO_NOMEM(c->ctx);
  for (uint32_t i = 0; i < n_in; i++) {
    if (c->in[i] != EAO_NONE) passed[i] = *onnx_type(c, c->in[i]);
    if (i >= n_in - (uint32_t)n_scan) passed[i].rank = -1; /* slices of it */
  }
  return end_loop(c, "scan", n_in - (uint32_t)n_scan, n_in, g, passed);
}

static eao_status axis0(onnx_call *c, const char *op, eao_vid x, eao_vid *out) {
  eao_vid axes;
  EAO_TRY(onnx_i64s(c, (int64_t[]){0}, 1, &axes));
  return onnx_op1(c, op, (eao_vid[]){x, axes}, 2, out);
}

/* Version 8 has a batch axis in front of everything; a batch of one is today's scan. */
static eao_status old_scan(onnx_call *c) {
  uint32_t n_out = c->n_out;
  eao_vid *want = eao_arena_array(&c->s->im->tmp, n_out, sizeof *want);
  if (!want) return EAO_NOMEM(c->ctx);
  if (onnx_in(c, 0) != EAO_NONE) return onnx_fail(c, EAO_ERR_UNSUPPORTED, "sequence lengths");
  for (uint32_t i = 1; i < c->n_in; i++) {
    const eao_tensor *t = c->in[i] == EAO_NONE ? NULL : onnx_type(c, c->in[i]);
    if (!t || t->rank < 1 || t->dim[0] != 1)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "a batch other than 1 (input %u)", i);
    EAO_TRY(axis0(c, "squeeze", c->in[i], &c->in[i]));
  }
  if (c->n_in < 2) return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  c->in++;
  c->n_in--;
  for (uint32_t i = 0; i < n_out; i++) {
    want[i] = c->out[i];
    if (want[i] != EAO_NONE) EAO_TRY(onnx_new_value(c, &c->out[i]));
  }
  EAO_TRY(lower_scan(c));
  for (uint32_t i = 0; i < n_out; i++) {
    eao_vid y = c->out[i];
    c->out[i] = want[i];
    if (y == EAO_NONE) continue;
    EAO_TRY(axis0(c, "unsqueeze", y, &y));
    EAO_TRY(onnx_result(c, i, y));
  }
  return EAO_OK;
}

const onnx_rule onnx_rules_control[] = {
    {"If", 1, 0, lower_if, NULL},
    {"Loop", 1, 0, lower_loop, NULL},
    {"Scan", 8, 8, old_scan, NULL},
    {"Scan", 9, 0, lower_scan, NULL},
    {0},
};
