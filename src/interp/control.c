/* if, loop, scan, while. */
#include <string.h>

#include "interp/run.h"
#include "kernel/ref/move.h"
#include "op/control.h"

static void free_data(eao_interp *it, eao_tensor *t, uint32_t n) {
  for (uint32_t i = 0; t && i < n; i++) {
    eao_free(it->ctx, t[i].data);
    t[i].data = NULL;
  }
}

static eao_status read_bool(eao_interp *it, const eao_tensor *t, bool *out) {
  if (t->dtype != EAO_BOOL || eao_tensor_count(t) != 1)
    return eao_fail(it->ctx, EAO_ERR_TYPE, "a condition must be one bool");
  *out = *(const uint8_t *)t->data != 0;
  return EAO_OK;
}

static eao_status count_step(eao_interp *it) {
  if (it->steps++ < it->ctx->limits.max_steps) return EAO_OK;
  return eao_fail(it->ctx, EAO_ERR_NOMEM, "more than %llu loop iterations, the limit",
                  (unsigned long long)it->ctx->limits.max_steps);
}

/* *io, whose data is borrowed, becomes a copy. */
static eao_status duplicate(eao_interp *it, eao_tensor *io) {
  uint64_t n;
  const void *from = io->data;
  io->data = NULL;
  EAO_TRY(eao_tensor_nbytes(it->ctx, io, &n));
  if (!(io->data = eao_alloc(it->ctx, (size_t)n))) return EAO_NOMEM(it->ctx);
  if (n) memcpy(io->data, from, (size_t)n);
  return EAO_OK;
}

/* ---- slices stacked to a tensor: grows by doubling, so memory stays within twice the result ----
 */

typedef struct stack {
  eao_tensor slice; /* type of one; rank -1: none yet */
  eao_tensor flat;  /* all elements so far, rank 1 */
  uint64_t cap;     /* bytes */
} stack;

static eao_status stack_reserve(eao_interp *it, stack *st, int64_t count) {
  eao_tensor want = {.dtype = st->slice.dtype, .rank = 1, .dim = {count}};
  uint64_t bytes;
  EAO_TRY(eao_tensor_nbytes(it->ctx, &want, &bytes));
  if (bytes > it->ctx->limits.max_tensor_bytes)
    return eao_fail(it->ctx, EAO_ERR_NOMEM, "a scan output takes more than %llu bytes, the limit",
                    (unsigned long long)it->ctx->limits.max_tensor_bytes);
  if (st->flat.data && bytes <= st->cap) return EAO_OK;
  uint64_t cap = st->cap * 2 > bytes ? st->cap * 2 : bytes;
  void *p = eao_realloc(it->ctx, st->flat.data, (size_t)cap + 1);
  if (!p) return EAO_NOMEM(it->ctx);
  st->flat.data = p;
  st->cap = cap;
  return EAO_OK;
}

static eao_status stack_push(eao_interp *it, stack *st, const eao_tensor *t) {
  int64_t n = eao_tensor_count(t), have, total;
  if (st->slice.rank < 0) {
    st->slice = *t;
    st->slice.data = NULL;
    st->flat = (eao_tensor){.dtype = t->dtype, .rank = 1, .dim = {0}};
  }
  bool same = st->slice.rank == t->rank && st->slice.dtype == t->dtype;
  for (int32_t i = 0; same && i < t->rank; i++) same = st->slice.dim[i] == t->dim[i];
  if (!same) return eao_fail(it->ctx, EAO_ERR_SHAPE, "slices of a scan output differ in shape");
  have = st->flat.dim[0];
  if (!eao_add_i64(have, n, &total)) return EAO_NOMEM(it->ctx);
  EAO_TRY(stack_reserve(it, st, total));
  st->flat.dim[0] = total;
  eao_move_run(&st->flat, have, t, 0, n);
  return EAO_OK;
}

/* The stack of `count` slices as a tensor. like: type of a slice when there were none. */
static eao_status stack_take(eao_interp *it, stack *st, int64_t count, const eao_tensor *like,
                             eao_tensor *out) {
  if (st->slice.rank < 0) {
    st->slice = *like;
    for (int32_t i = 0; i < like->rank; i++)
      if (like->dim[i] < 0) st->slice.dim[i] = 0;
    if (like->rank < 0) st->slice.rank = 0;
    EAO_TRY(stack_reserve(it, st, 0));
  }
  if (st->slice.rank >= EAO_MAX_RANK)
    return eao_fail(it->ctx, EAO_ERR_UNSUPPORTED, "a scan output has more than %d axes",
                    EAO_MAX_RANK);
  *out = st->slice;
  out->rank = st->slice.rank + 1;
  memcpy(out->dim + 1, st->slice.dim, (size_t)st->slice.rank * sizeof *out->dim);
  out->dim[0] = count;
  if (out->quant.axis >= 0) out->quant = (eao_quant){0};
  out->data = st->flat.data;
  st->flat.data = NULL;
  return EAO_OK;
}

/* ---- a body that is run again and again ---- */

/* Inputs and outputs of the body; the first n_state inputs from state_in on are fed from outputs.
 */
typedef struct cycle {
  eao_graph *body;
  eao_tensor *in, *out;
  bool *owned; /* per state: in[].data is ours */
  stack *stacks;
  uint32_t n_state, state_in, state_out, n_stack;
} cycle;

static eao_status cycle_init(eao_interp *it, cycle *c) {
  c->in = eao_alloc(it->ctx, (c->body->n_input + (size_t)1) * sizeof *c->in);
  c->out = eao_alloc(it->ctx, (c->body->n_output + (size_t)1) * sizeof *c->out);
  c->owned = eao_alloc(it->ctx, c->n_state + (size_t)1);
  c->stacks = eao_alloc(it->ctx, (c->n_stack + (size_t)1) * sizeof *c->stacks);
  if (!c->in || !c->out || !c->owned || !c->stacks) return EAO_NOMEM(it->ctx);
  for (uint32_t i = 0; i < c->n_stack; i++) c->stacks[i].slice.rank = -1;
  return EAO_OK;
}

static void cycle_deinit(eao_interp *it, cycle *c) {
  for (uint32_t i = 0; c->owned && i < c->n_state; i++)
    if (c->owned[i]) eao_free(it->ctx, c->in[c->state_in + i].data);
  for (uint32_t i = 0; c->stacks && i < c->n_stack; i++) eao_free(it->ctx, c->stacks[i].flat.data);
  if (c->out) free_data(it, c->out, c->body->n_output);
  eao_free(it->ctx, c->in);
  eao_free(it->ctx, c->out);
  eao_free(it->ctx, c->owned);
  eao_free(it->ctx, c->stacks);
}

static eao_status feed(eao_interp *it, eao_tensor *to, const eao_tensor *from) {
  if (!from) return eao_fail(it->ctx, EAO_ERR_FORMAT, "an input of the body is missing");
  *to = *from;
  return EAO_OK;
}

/* One iteration: runs the body, passes the states on, keeps the other outputs but the first
 * state_out of them. */
static eao_status cycle_run(eao_interp *it, cycle *c) {
  EAO_TRY(count_step(it));
  EAO_TRY(eao_interp_run_graph(it, c->body, c->in, c->body->n_input, c->out));
  for (uint32_t i = 0; i < c->n_state; i++) {
    eao_tensor *to = &c->in[c->state_in + i];
    if (c->owned[i]) eao_free(it->ctx, to->data);
    *to = c->out[c->state_out + i];
    c->owned[i] = true;
    c->out[c->state_out + i].data = NULL;
  }
  for (uint32_t i = 0; i < c->n_stack; i++)
    EAO_TRY(stack_push(it, &c->stacks[i], &c->out[c->state_out + c->n_state + i]));
  return EAO_OK;
}

/* The states as they are now. */
static eao_status cycle_states(eao_interp *it, cycle *c, eao_tensor *out) {
  for (uint32_t i = 0; i < c->n_state; i++) {
    out[i] = c->in[c->state_in + i];
    if (!c->owned[i]) EAO_TRY(duplicate(it, &out[i]));
    c->owned[i] = false;
  }
  return EAO_OK;
}

static eao_status cycle_stacks(eao_interp *it, cycle *c, int64_t count, eao_tensor *out) {
  for (uint32_t i = 0; i < c->n_stack; i++) {
    eao_vid v = c->body->output[c->state_out + c->n_state + i];
    EAO_TRY(stack_take(it, &c->stacks[i], count, &c->body->value[v].t, &out[c->n_state + i]));
  }
  return EAO_OK;
}

/* ---- the ops ---- */

static eao_status run_if(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                         eao_tensor *out) {
  const eao_if_attr *a = n->attr;
  bool yes;
  EAO_TRY(read_bool(it, in[0], &yes));
  eao_tensor *args = eao_alloc(it->ctx, n->n_in * sizeof *args);
  if (!args) return EAO_NOMEM(it->ctx);
  eao_status s = EAO_OK;
  for (uint32_t i = 1; s == EAO_OK && i < n->n_in; i++) s = feed(it, &args[i - 1], in[i]);
  if (s == EAO_OK)
    s = eao_interp_run_graph(it, yes ? a->then_graph : a->else_graph, args, n->n_in - 1, out);
  eao_free(it->ctx, args);
  return s;
}

static eao_status loop_cycle(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                             cycle *c, eao_tensor *out) {
  int64_t iter = 0, trips = INT64_MAX;
  uint8_t go = 1;
  bool more = true;
  EAO_TRY(cycle_init(it, c));
  if (in[0]) {
    if (eao_tensor_count(in[0]) != 1)
      return eao_fail(it->ctx, EAO_ERR_SHAPE, "the trip count must be one number");
    trips = eao_get_i64(in[0], 0);
  }
  if (in[1]) EAO_TRY(read_bool(it, in[1], &more));
  c->in[0] = (eao_tensor){.dtype = EAO_I64, .data = &iter};
  c->in[1] = (eao_tensor){.dtype = EAO_BOOL, .data = &go};
  for (uint32_t i = 2; i < n->n_in; i++) EAO_TRY(feed(it, &c->in[i], in[i]));
  for (; more && iter < trips; iter++) {
    EAO_TRY(cycle_run(it, c));
    EAO_TRY(read_bool(it, &c->out[0], &more));
    free_data(it, c->out, c->body->n_output);
  }
  EAO_TRY(cycle_states(it, c, out));
  return cycle_stacks(it, c, iter, out);
}

static eao_status run_loop(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                           eao_tensor *out) {
  const eao_loop_attr *a = n->attr;
  uint32_t n_state = (uint32_t)a->n_state;
  cycle c = {.body = a->body,
             .n_state = n_state,
             .state_in = 2,
             .state_out = 1,
             .n_stack = n->n_out - n_state};
  eao_status s = loop_cycle(it, n, in, &c, out);
  cycle_deinit(it, &c);
  return s;
}

/* Allocates slice k of a scan input's shape. */
static eao_status slice_alloc(eao_interp *it, const eao_tensor *x, int32_t axis, eao_tensor *out) {
  uint64_t bytes;
  *out = *x;
  out->data = NULL;
  out->rank = x->rank - 1;
  for (int32_t i = axis; i < out->rank; i++) out->dim[i] = x->dim[i + 1];
  if (x->quant.axis >= 0) out->quant = (eao_quant){0};
  EAO_TRY(eao_tensor_nbytes(it->ctx, out, &bytes));
  out->data = eao_alloc(it->ctx, (size_t)bytes);
  return out->data ? EAO_OK : EAO_NOMEM(it->ctx);
}

static void slice_copy(eao_tensor *slice, const eao_tensor *x, int32_t axis, int64_t at) {
  int64_t outer = eao_dim_product(x, 0, axis), run = eao_dim_product(x, axis + 1, x->rank);
  for (int64_t o = 0; o < outer; o++)
    eao_move_run(slice, o * run, x, (o * x->dim[axis] + at) * run, run);
}

/* io is stacked along axis 0, first slice first; moves that axis and turns it round as asked. */
static eao_status place_axis(eao_interp *it, eao_tensor *io, int64_t where, bool backward) {
  if (where < -io->rank || where >= io->rank)
    return eao_fail(it->ctx, EAO_ERR_SHAPE, "scan output axis %lld", (long long)where);
  int32_t axis = eao_axis_from(where, io->rank);
  if (axis == 0 && !backward) return EAO_OK;
  eao_tensor y = *io;
  uint64_t bytes;
  int64_t steps = io->dim[0], outer = eao_dim_product(io, 1, axis + 1);
  int64_t run = eao_dim_product(io, axis + 1, io->rank);
  for (int32_t i = 0; i < axis; i++) y.dim[i] = io->dim[i + 1];
  y.dim[axis] = steps;
  EAO_TRY(eao_tensor_nbytes(it->ctx, &y, &bytes));
  if (!(y.data = eao_alloc(it->ctx, (size_t)bytes))) return EAO_NOMEM(it->ctx);
  for (int64_t k = 0; k < steps; k++)
    for (int64_t o = 0; o < outer; o++)
      eao_move_run(&y, (o * steps + (backward ? steps - 1 - k : k)) * run, io,
                   (k * outer + o) * run, run);
  eao_free(it->ctx, io->data);
  *io = y;
  return EAO_OK;
}

static eao_status scan_cycle(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                             cycle *c, eao_tensor *out) {
  const eao_scan_attr *a = n->attr;
  uint32_t first = c->n_state, n_scan = (uint32_t)a->n_scan_inputs;
  int64_t steps = -1;
  EAO_TRY(cycle_init(it, c));
  for (uint32_t i = 0; i < n->n_in; i++) {
    if (i >= first && i < first + n_scan) continue;
    EAO_TRY(feed(it, &c->in[i], in[i]));
  }
  for (uint32_t k = 0; k < n_scan; k++) {
    const eao_tensor *x = in[first + k];
    int64_t where = eao_scan_entry(&a->input_axes, k);
    if (!x || where < -x->rank || where >= x->rank)
      return eao_fail(it->ctx, EAO_ERR_SHAPE, "scan input %u has no axis %lld", k,
                      (long long)where);
    int32_t axis = eao_axis_from(where, x->rank);
    if (steps >= 0 && steps != x->dim[axis])
      return eao_fail(it->ctx, EAO_ERR_SHAPE, "scan inputs differ in length");
    steps = x->dim[axis];
    EAO_TRY(slice_alloc(it, x, axis, &c->in[first + k]));
  }
  for (int64_t s = 0; s < steps; s++) {
    for (uint32_t k = 0; k < n_scan; k++) {
      const eao_tensor *x = in[first + k];
      bool backward = eao_scan_entry(&a->input_directions, k) == 1;
      slice_copy(&c->in[first + k], x, eao_axis_from(eao_scan_entry(&a->input_axes, k), x->rank),
                 backward ? steps - 1 - s : s);
    }
    EAO_TRY(cycle_run(it, c));
    free_data(it, c->out, c->body->n_output);
  }
  EAO_TRY(cycle_states(it, c, out));
  EAO_TRY(cycle_stacks(it, c, steps, out));
  for (uint32_t i = 0; i < c->n_stack; i++)
    EAO_TRY(place_axis(it, &out[first + i], eao_scan_entry(&a->output_axes, i),
                       eao_scan_entry(&a->output_directions, i) == 1));
  return EAO_OK;
}

static eao_status run_scan(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                           eao_tensor *out) {
  const eao_scan_attr *a = n->attr;
  uint32_t n_state = (uint32_t)a->n_state;
  cycle c = {.body = a->body, .n_state = n_state, .n_stack = n->n_out - n_state};
  eao_status s = scan_cycle(it, n, in, &c, out);
  for (uint32_t k = 0; c.in && k < (uint32_t)a->n_scan_inputs; k++)
    eao_free(it->ctx, c.in[n_state + k].data);
  cycle_deinit(it, &c);
  return s;
}

static eao_status while_cycle(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                              cycle *c, eao_tensor *out) {
  const eao_while_attr *a = n->attr;
  EAO_TRY(cycle_init(it, c));
  for (uint32_t i = 0; i < n->n_in; i++) EAO_TRY(feed(it, &c->in[i], in[i]));
  for (;;) {
    eao_tensor verdict;
    bool more = false;
    EAO_TRY(eao_interp_run_graph(it, a->cond_graph, c->in, n->n_in, &verdict));
    eao_status s = read_bool(it, &verdict, &more);
    eao_free(it->ctx, verdict.data);
    EAO_TRY(s);
    if (!more) break;
    EAO_TRY(cycle_run(it, c));
  }
  return cycle_states(it, c, out);
}

static eao_status run_while(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                            eao_tensor *out) {
  const eao_while_attr *a = n->attr;
  cycle c = {.body = a->body_graph, .n_state = n->n_in};
  eao_status s = while_cycle(it, n, in, &c, out);
  cycle_deinit(it, &c);
  return s;
}

eao_status eao_interp_control(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                              eao_tensor *out) {
  for (uint32_t i = 0; i < n->n_out; i++) out[i].data = NULL;
  EAO_TRY(eao_control_check(it->ctx, n->op, n->attr, n->n_in, n->n_out));
  if (it->depth >= it->ctx->limits.max_depth)
    return eao_fail(it->ctx, EAO_ERR_FORMAT, "bodies are nested deeper than %u",
                    it->ctx->limits.max_depth);
  eao_status s = EAO_ERR_INTERNAL;
  it->depth++;
  switch (n->op) {
  case EAO_OP_if: s = run_if(it, n, in, out); break;
  case EAO_OP_loop: s = run_loop(it, n, in, out); break;
  case EAO_OP_scan: s = run_scan(it, n, in, out); break;
  case EAO_OP_while: s = run_while(it, n, in, out); break;
  default: s = eao_fail(it->ctx, EAO_ERR_INTERNAL, "op %u has no body", n->op);
  }
  it->depth--;
  if (s != EAO_OK) free_data(it, out, n->n_out);
  return s;
}
