/* if, loop, scan, while: the interpreter runs them; here is what their types are. */
#include "op/control.h"

#include <string.h>

/* Loops nested deeper than this get states of unknown rank at once: finding the exact types takes
 * up to three rounds a level. */
enum { EXACT_HEIGHT = 3, ROUNDS = 3 };

eao_status eao_control_check(eao_ctx *ctx, uint32_t op, const void *attr, uint32_t n_in,
                             uint32_t n_out) {
  bool ok = false;
  if (op == EAO_OP_if) {
    const eao_if_attr *a = attr;
    ok = n_in >= 1 && a->then_graph->n_input == n_in - 1 && a->else_graph->n_input == n_in - 1 &&
         a->then_graph->n_output == n_out && a->else_graph->n_output == n_out;
  } else if (op == EAO_OP_loop) {
    const eao_loop_attr *a = attr;
    ok = a->n_state >= 0 && n_in >= 2 && a->n_state <= n_in - 2 && a->n_state <= n_out &&
         a->body->n_input == n_in && a->body->n_output == (uint64_t)n_out + 1;
  } else if (op == EAO_OP_scan) {
    const eao_scan_attr *a = attr;
    ok = a->n_state >= 0 && a->n_state <= n_out && a->n_scan_inputs >= 1 && a->n_state <= n_in &&
         a->n_scan_inputs <= n_in - a->n_state && a->body->n_input == n_in &&
         a->body->n_output == n_out && a->input_axes.n <= a->n_scan_inputs &&
         a->input_directions.n <= a->n_scan_inputs && a->output_axes.n <= n_out - a->n_state &&
         a->output_directions.n <= n_out - a->n_state;
  } else if (op == EAO_OP_while) {
    const eao_while_attr *a = attr;
    ok = n_in == n_out && a->cond_graph->n_input == n_in && a->cond_graph->n_output == 1 &&
         a->body_graph->n_input == n_in && a->body_graph->n_output == n_out;
  }
  if (ok) return EAO_OK;
  return eao_fail(ctx, EAO_ERR_FORMAT, "%u inputs and %u outputs do not fit those of the body",
                  n_in, n_out);
}

/* Levels of bodies in g; stops counting beyond max. */
static uint32_t height(const eao_graph *g, uint32_t max) {
  uint32_t most = 0;
  if (max == 0) return 1;
  for (eao_nid n = 0; n < g->n_node; n++) {
    const eao_op_desc *d = eao_op_get(g->node[n].op);
    if (!d || !(d->traits & EAO_TRAIT_CONTROL)) continue;
    for (uint32_t i = 0; i < d->n_attrs; i++) {
      const eao_graph *body;
      if (d->attrs[i].kind != EAO_ATTR_GRAPH) continue;
      memcpy(&body, (const char *)g->node[n].attr + d->attrs[i].offset, sizeof body);
      uint32_t h = height(body, max - 1);
      if (h > most) most = h;
    }
  }
  return most + 1;
}

static eao_status check_height(eao_infer *f, const eao_graph *body) {
  uint32_t max = f->ctx->limits.max_depth;
  if (height(body, max) <= max) return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_FORMAT, "subgraphs are nested deeper than %u", max);
}

/* Gives input k of a body the type of t (NULL: an omitted input, which a body cannot have). */
static eao_status bind(eao_infer *f, eao_graph *body, uint32_t k, const eao_tensor *t) {
  eao_value *v = &body->value[body->input[k]];
  if (!t) return eao_infer_fail(f, EAO_ERR_FORMAT, "body input '%s' gets nothing", v->name);
  if (v->t.dtype != EAO_DTYPE_NONE && t->dtype != EAO_DTYPE_NONE && v->t.dtype != t->dtype)
    return eao_infer_fail(f, EAO_ERR_TYPE, "body input '%s' is %s, but gets %s", v->name,
                          eao_dtype_name(v->t.dtype), eao_dtype_name(t->dtype));
  if (t->dtype != EAO_DTYPE_NONE) v->t.dtype = t->dtype;
  v->t.rank = t->rank;
  memcpy(v->t.dim, t->dim, sizeof v->t.dim);
  if (!v->t.quant.n && t->quant.axis < 0) v->t.quant = t->quant;
  return EAO_OK;
}

static eao_status infer_body(eao_infer *f, eao_graph *body, const char *what) {
  eao_status s = eao_graph_infer(body);
  return s == EAO_OK ? s : eao_fail_within(f->ctx, s, "%s", what);
}

static const eao_tensor *result(const eao_graph *body, uint32_t k) {
  return &body->value[body->output[k]].t;
}

/* Widens io until it holds t's shape too; true when it already did. */
static bool join(eao_tensor *io, const eao_tensor *t) {
  bool same = true;
  if (io->rank < 0) return true;
  if (io->rank != t->rank) {
    io->rank = -1;
    return false;
  }
  for (int32_t i = 0; i < io->rank; i++)
    if (io->dim[i] >= 0 && io->dim[i] != t->dim[i]) {
      io->dim[i] = -1;
      same = false;
    }
  return same;
}

/* Finds types of n states that hold before and after the body. Inputs of the body apart from the
 * states (at in_at) are bound; its states come out at out_at. state[] goes in as the initial types.
 */
static eao_status infer_states(eao_infer *f, eao_graph *body, eao_tensor *state, uint32_t n,
                               uint32_t in_at, uint32_t out_at) {
  bool settled = false;
  int round = height(body, EXACT_HEIGHT + 1) > EXACT_HEIGHT ? ROUNDS - 1 : 0;
  for (; !settled && round < ROUNDS; round++) {
    settled = true;
    for (uint32_t i = 0; i < n; i++) {
      if (round == ROUNDS - 1) state[i].rank = -1; /* surely holds */
      EAO_TRY(bind(f, body, in_at + i, &state[i]));
    }
    EAO_TRY(infer_body(f, body, "body"));
    for (uint32_t i = 0; i < n; i++) {
      const eao_tensor *r = result(body, out_at + i);
      if (r->dtype != state[i].dtype)
        return eao_infer_fail(f, EAO_ERR_TYPE, "state %u is %s, but the body makes it %s", i,
                              eao_dtype_name(state[i].dtype), eao_dtype_name(r->dtype));
      if (!join(&state[i], r)) settled = false;
    }
  }
  return EAO_OK;
}

static eao_status copy_states(eao_infer *f, uint32_t first, uint32_t n, eao_tensor **out) {
  eao_tensor *state = eao_alloc(f->ctx, (n + 1) * sizeof *state);
  if (!state) return EAO_NOMEM(f->ctx);
  for (uint32_t i = 0; i < n; i++) {
    if (!f->in[first + i]) {
      eao_free(f->ctx, state);
      return eao_infer_fail(f, EAO_ERR_FORMAT, "state %u has no initial value", i);
    }
    state[i] = *f->in[first + i];
    state[i].data = NULL;
  }
  *out = state;
  return EAO_OK;
}

static eao_status infer_if(eao_infer *f) {
  const eao_if_attr *a = f->attr;
  eao_graph *branch[2] = {a->then_graph, a->else_graph};
  EAO_TRY(eao_control_check(f->ctx, EAO_OP_if, a, f->n_in, f->n_out));
  if (f->in[0]->dtype != EAO_BOOL)
    return eao_infer_fail(f, EAO_ERR_TYPE, "the condition is %s, not bool",
                          eao_dtype_name(f->in[0]->dtype));
  for (int b = 0; b < 2; b++) {
    EAO_TRY(check_height(f, branch[b]));
    for (uint32_t i = 1; i < f->n_in; i++) EAO_TRY(bind(f, branch[b], i - 1, f->in[i]));
    EAO_TRY(infer_body(f, branch[b], b ? "else_graph" : "then_graph"));
  }
  for (uint32_t i = 0; i < f->n_out; i++) {
    const eao_tensor *t = result(branch[0], i), *e = result(branch[1], i);
    if (t->dtype != e->dtype)
      return eao_infer_fail(f, EAO_ERR_TYPE, "output %u is %s in one branch, %s in the other", i,
                            eao_dtype_name(t->dtype), eao_dtype_name(e->dtype));
    eao_infer_like(f, i, t);
    join(&f->out[i], e);
  }
  return EAO_OK;
}

/* Output i is one slice of a body's result an iteration, stacked along an axis. */
static eao_status stacked(eao_infer *f, uint32_t i, const eao_tensor *slice, int64_t axis,
                          int64_t count) {
  int32_t at;
  eao_infer_unknown(f, i, slice->dtype);
  if (slice->rank < 0) return EAO_OK;
  if (slice->rank >= EAO_MAX_RANK)
    return eao_infer_fail(f, EAO_ERR_UNSUPPORTED, "a scan output has more than %d axes",
                          EAO_MAX_RANK);
  EAO_TRY(eao_infer_axis(f, "scan axis", axis, slice->rank + 1, &at));
  eao_infer_rank(f, i, slice->dtype, slice->rank + 1);
  for (int32_t k = 0; k < slice->rank; k++) f->out[i].dim[k < at ? k : k + 1] = slice->dim[k];
  f->out[i].dim[at] = count;
  return EAO_OK;
}

static eao_status infer_loop(eao_infer *f) {
  const eao_loop_attr *a = f->attr;
  const eao_tensor iter = {.dtype = EAO_I64}, cond = {.dtype = EAO_BOOL};
  eao_tensor *state;
  EAO_TRY(eao_control_check(f->ctx, EAO_OP_loop, a, f->n_in, f->n_out));
  EAO_TRY(check_height(f, a->body));
  if (f->in[1] && f->in[1]->dtype != EAO_BOOL)
    return eao_infer_fail(f, EAO_ERR_TYPE, "the condition is %s, not bool",
                          eao_dtype_name(f->in[1]->dtype));
  if (f->in[0] && !eao_dtype_is_int(f->in[0]->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "the trip count is %s, not an integer",
                          eao_dtype_name(f->in[0]->dtype));
  uint32_t n = (uint32_t)a->n_state;
  EAO_TRY(bind(f, a->body, 0, &iter));
  EAO_TRY(bind(f, a->body, 1, &cond));
  for (uint32_t i = 2 + n; i < f->n_in; i++) EAO_TRY(bind(f, a->body, i, f->in[i]));
  EAO_TRY(copy_states(f, 2, n, &state));
  eao_status s = infer_states(f, a->body, state, n, 2, 1);
  for (uint32_t i = 0; s == EAO_OK && i < n; i++) eao_infer_like(f, i, &state[i]);
  eao_free(f->ctx, state);
  if (s == EAO_OK && result(a->body, 0)->dtype != EAO_BOOL)
    s = eao_infer_fail(f, EAO_ERR_TYPE, "the body's condition is %s, not bool",
                       eao_dtype_name(result(a->body, 0)->dtype));
  for (uint32_t i = n; s == EAO_OK && i < f->n_out; i++)
    s = stacked(f, i, result(a->body, i + 1), 0, -1);
  return s;
}

/* Binds the slices of the scan inputs; *out_steps is how many there are, -1 when unknown. */
static eao_status bind_slices(eao_infer *f, const eao_scan_attr *a, int64_t *out_steps) {
  *out_steps = -1;
  for (uint32_t k = 0; k < (uint32_t)a->n_scan_inputs; k++) {
    const eao_tensor *x = f->in[a->n_state + k];
    int32_t axis;
    if (!x) return eao_infer_fail(f, EAO_ERR_FORMAT, "scan input %u is missing", k);
    eao_tensor slice = {.dtype = x->dtype, .rank = -1};
    if (x->quant.axis < 0) slice.quant = x->quant;
    if (x->rank >= 0) {
      EAO_TRY(eao_infer_axis(f, "scan axis", eao_scan_entry(&a->input_axes, k), x->rank, &axis));
      slice.rank = 0;
      for (int32_t i = 0; i < x->rank; i++)
        if (i != axis) slice.dim[slice.rank++] = x->dim[i];
      if (*out_steps >= 0 && x->dim[axis] >= 0 && *out_steps != x->dim[axis])
        return eao_infer_fail(f, EAO_ERR_SHAPE, "scan inputs have %lld and %lld slices",
                              (long long)*out_steps, (long long)x->dim[axis]);
      if (x->dim[axis] >= 0) *out_steps = x->dim[axis];
    }
    EAO_TRY(bind(f, a->body, (uint32_t)a->n_state + k, &slice));
  }
  return EAO_OK;
}

static eao_status infer_scan(eao_infer *f) {
  const eao_scan_attr *a = f->attr;
  eao_tensor *state;
  int64_t steps;
  EAO_TRY(eao_control_check(f->ctx, EAO_OP_scan, a, f->n_in, f->n_out));
  EAO_TRY(check_height(f, a->body));
  EAO_TRY(bind_slices(f, a, &steps));
  uint32_t n = (uint32_t)a->n_state;
  for (uint32_t i = n + (uint32_t)a->n_scan_inputs; i < f->n_in; i++)
    EAO_TRY(bind(f, a->body, i, f->in[i]));
  EAO_TRY(copy_states(f, 0, n, &state));
  eao_status s = infer_states(f, a->body, state, n, 0, 0);
  for (uint32_t i = 0; s == EAO_OK && i < n; i++) eao_infer_like(f, i, &state[i]);
  eao_free(f->ctx, state);
  for (uint32_t i = n; s == EAO_OK && i < f->n_out; i++)
    s = stacked(f, i, result(a->body, i), eao_scan_entry(&a->output_axes, i - n), steps);
  return s;
}

static eao_status infer_while(eao_infer *f) {
  const eao_while_attr *a = f->attr;
  eao_tensor *state;
  EAO_TRY(eao_control_check(f->ctx, EAO_OP_while, a, f->n_in, f->n_out));
  EAO_TRY(check_height(f, a->cond_graph));
  EAO_TRY(check_height(f, a->body_graph));
  EAO_TRY(copy_states(f, 0, f->n_in, &state));
  eao_status s = infer_states(f, a->body_graph, state, f->n_in, 0, 0);
  for (uint32_t i = 0; s == EAO_OK && i < f->n_in; i++) {
    s = bind(f, a->cond_graph, i, &state[i]);
    eao_infer_like(f, i, &state[i]);
  }
  eao_free(f->ctx, state);
  if (s == EAO_OK) s = infer_body(f, a->cond_graph, "cond_graph");
  if (s == EAO_OK && result(a->cond_graph, 0)->dtype != EAO_BOOL)
    s = eao_infer_fail(f, EAO_ERR_TYPE, "the condition is %s, not bool",
                       eao_dtype_name(result(a->cond_graph, 0)->dtype));
  return s;
}

#define BODY(type, field, onnx_name, text)                                                         \
  {                                                                                                \
    .name = #field, .kind = EAO_ATTR_GRAPH, .offset = EAO_ATTR_AT(type, field), .onnx = onnx_name, \
    .doc = text                                                                                    \
  }

static const eao_attr_desc if_attrs[] = {
    BODY(eao_if_attr, then_graph, "then_branch", "run when the condition is true"),
    BODY(eao_if_attr, else_graph, "else_branch", "run when it is false"),
};

const eao_op_desc eao_op_if = {
    .name = "if",
    .doc = "condition, captures: runs one of two graphs on the captures",
    .min_in = 1,
    .max_in = EAO_VARIADIC,
    .min_out = 1,
    .max_out = EAO_VARIADIC,
    .traits = EAO_TRAIT_CONTROL,
    .attr_size = sizeof(eao_if_attr),
    .attrs = if_attrs,
    .n_attrs = EAO_COUNT(if_attrs),
    .infer = infer_if,
};

static const eao_attr_desc loop_attrs[] = {
    BODY(eao_loop_attr, body, NULL,
         "iteration, condition, states, captures to condition, states, scan outputs"),
    {.name = "n_state",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_loop_attr, n_state),
     .onnx = "",
     .doc = "how many values are carried from one iteration to the next"},
};

const eao_op_desc eao_op_loop = {
    .name = "loop",
    .doc = "trip count (optional), condition (optional), states, captures: repeats a body, "
           "carrying states and stacking its scan outputs",
    .min_in = 0,
    .max_in = EAO_VARIADIC,
    .min_out = 0,
    .max_out = EAO_VARIADIC,
    .traits = EAO_TRAIT_CONTROL | EAO_TRAIT_DATA_SHAPE,
    .attr_size = sizeof(eao_loop_attr),
    .attrs = loop_attrs,
    .n_attrs = EAO_COUNT(loop_attrs),
    .infer = infer_loop,
};

#define SCAN_LIST(field, onnx_name, text)                                                          \
  {                                                                                                \
    .name = #field, .kind = EAO_ATTR_INTS, .offset = EAO_ATTR_AT(eao_scan_attr, field),            \
    .onnx = onnx_name, .doc = text                                                                 \
  }

static const eao_attr_desc scan_attrs[] = {
    BODY(eao_scan_attr, body, NULL, "states, slices, captures to states, slices"),
    {.name = "n_state",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_scan_attr, n_state),
     .onnx = "",
     .doc = "how many values are carried from one slice to the next"},
    {.name = "n_scan_inputs",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_scan_attr, n_scan_inputs),
     .onnx = "num_scan_inputs",
     .def = 1,
     .doc = "how many inputs are taken slice by slice"},
    SCAN_LIST(input_axes, "scan_input_axes", "axis of the slices, per scan input"),
    SCAN_LIST(input_directions, "scan_input_directions", "1: from the last slice to the first"),
    SCAN_LIST(output_axes, "scan_output_axes", "axis of the slices, per scan output"),
    SCAN_LIST(output_directions, "scan_output_directions", "1: later slices stand first"),
};

const eao_op_desc eao_op_scan = {
    .name = "scan",
    .doc = "states, scan inputs, captures: runs a body on each slice, carrying states and stacking "
           "its other outputs",
    .min_in = 1,
    .max_in = EAO_VARIADIC,
    .min_out = 1,
    .max_out = EAO_VARIADIC,
    .traits = EAO_TRAIT_CONTROL,
    .attr_size = sizeof(eao_scan_attr),
    .attrs = scan_attrs,
    .n_attrs = EAO_COUNT(scan_attrs),
    .infer = infer_scan,
};

static const eao_attr_desc while_attrs[] = {
    BODY(eao_while_attr, cond_graph, "", "states to one bool"),
    BODY(eao_while_attr, body_graph, "", "states to states"),
};

const eao_op_desc eao_op_while = {
    .name = "while",
    .doc = "states: runs a body on them as long as a condition holds",
    .min_in = 1,
    .max_in = EAO_VARIADIC,
    .min_out = 1,
    .max_out = EAO_VARIADIC,
    .traits = EAO_TRAIT_CONTROL | EAO_TRAIT_DATA_SHAPE,
    .attr_size = sizeof(eao_while_attr),
    .attrs = while_attrs,
    .n_attrs = EAO_COUNT(while_attrs),
    .infer = infer_while,
};
