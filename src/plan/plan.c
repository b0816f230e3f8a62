#include "plan/plan.h"

#include <string.h>

#include "op/op.h"
#include "plan/order.h"

eao_status eao_plan_add_tensor(eao_plan *p, const eao_plan_tensor *t, uint32_t *out) {
  EAO_TRY(
      eao_grow(p->ctx, (void **)&p->tensor, &p->cap_tensor, p->n_tensor + 1, sizeof *p->tensor));
  p->tensor[p->n_tensor] = *t;
  p->tensor[p->n_tensor].view = p->n_tensor;
  *out = p->n_tensor++;
  return EAO_OK;
}

/* Tensor of value v, made on first use. */
static eao_status tensor_of(eao_plan *p, eao_vid v, uint32_t *map, uint32_t *out) {
  *out = EAO_NONE;
  if (v == EAO_NONE) return EAO_OK;
  if (map[v] == EAO_NONE) {
    const eao_value *value = &p->g->value[v];
    eao_plan_tensor t = {.t = value->t, .name = value->name};
    eao_status s = eao_tensor_nbytes(p->ctx, &t.t, &t.bytes);
    if (s != EAO_OK)
      return eao_fail_within(p->ctx, s == EAO_ERR_SHAPE ? EAO_ERR_UNSUPPORTED : s, "value '%s'",
                             value->name);
    EAO_TRY(eao_plan_add_tensor(p, &t, &map[v]));
  }
  *out = map[v];
  return EAO_OK;
}

/* A view costs nothing: its output is its input's memory under another shape. */
static bool is_view(const eao_graph *g, const eao_node *n, const eao_op_desc *d) {
  if (!(d->traits & EAO_TRAIT_VIEW) || n->n_in == 0 || n->in[0] == EAO_NONE) return false;
  for (uint32_t i = 1; i < n->n_out; i++)
    if (n->out[i] != EAO_NONE) return false;
  return n->out[0] != EAO_NONE && !eao_value_is_const(g, n->in[0]);
}

/* First row of the one axis along which y is a piece of x; -1 when it is not one piece of memory.
 * Axes before it must have extent 1. */
static int64_t piece_axis(const eao_tensor *x, const eao_tensor *y) {
  int32_t k = 0;
  if (x->rank != y->rank || eao_dtype_bits(x->dtype) < 8 || x->dtype != y->dtype) return -1;
  while (k < x->rank && x->dim[k] == 1 && y->dim[k] == 1) k++;
  for (int32_t i = k + 1; i < x->rank; i++)
    if (x->dim[i] != y->dim[i]) return -1;
  return k < x->rank && y->dim[k] > 0 ? k : -1;
}

/* Start of a slice with constant bounds and steps of 1 along this axis; -1: something else. */
static int64_t slice_start(const eao_graph *g, const eao_node *n, int64_t axis) {
  const eao_tensor *x = &g->value[n->in[0]].t, *start = &g->value[n->in[1]].t;
  const eao_tensor *axes = n->n_in > 3 && n->in[3] != EAO_NONE ? &g->value[n->in[3]].t : NULL;
  const eao_tensor *steps = n->n_in > 4 && n->in[4] != EAO_NONE ? &g->value[n->in[4]].t : NULL;
  int64_t at = 0;
  if (!start->data || (axes && !axes->data) || (steps && !steps->data)) return -1;
  for (int64_t k = 0; k < eao_tensor_count(start); k++) {
    int64_t a = axes ? eao_get_i64(axes, k) : k, s = eao_get_i64(start, k);
    if (steps && eao_get_i64(steps, k) != 1) return -1;
    if (a < 0) a += x->rank;
    if (a != axis) continue;
    at = s < 0 ? s + x->dim[axis] : s;
    if (at < 0) at = 0;
  }
  return at;
}

static bool is_state(const eao_plan *p, uint32_t tensor) {
  for (uint32_t i = 0; i < p->n_state; i++)
    if (p->tensor[p->state[i].in].view == tensor) return true;
  return false;
}

/* A split, or a slice that keeps at least half (less would hold a large buffer for a small part),
 * of tensors whose pieces are one piece of memory each: no step. */
static eao_status show_pieces(eao_plan *p, const eao_node *n, uint32_t *map, bool *did) {
  const eao_graph *g = p->g;
  uint32_t in, out;
  int64_t at = 0;
  *did = false;
  if ((n->op != EAO_OP_split && n->op != EAO_OP_slice) || eao_value_is_const(g, n->in[0]))
    return EAO_OK;
  const eao_tensor *x = &g->value[n->in[0]].t;
  EAO_TRY(tensor_of(p, n->in[0], map, &in));
  if (is_state(p, p->tensor[in].view)) return EAO_OK; /* it changes while outputs are read */
  for (uint32_t i = 0; i < n->n_out; i++) {
    if (n->out[i] == EAO_NONE) return EAO_OK;
    const eao_tensor *y = &g->value[n->out[i]].t;
    int64_t axis = piece_axis(x, y);
    if (axis < 0) return EAO_OK;
    if (n->op == EAO_OP_slice && (2 * y->dim[axis] < x->dim[axis] || slice_start(g, n, axis) < 0))
      return EAO_OK;
  }
  for (uint32_t i = 0; i < n->n_out; i++) {
    EAO_TRY(tensor_of(p, n->out[i], map, &out));
    eao_plan_tensor *y = &p->tensor[out];
    int64_t axis = piece_axis(x, &y->t);
    if (n->op == EAO_OP_slice) at = slice_start(g, n, axis);
    y->view = p->tensor[in].view;
    y->view_offset =
        p->tensor[in].view_offset + p->tensor[in].bytes / (uint64_t)x->dim[axis] * (uint64_t)at;
    at += y->t.dim[axis];
  }
  *did = true;
  return EAO_OK;
}

static eao_status add_step(eao_plan *p, eao_nid id, uint32_t *map) {
  const eao_node *n = &p->g->node[id];
  const eao_op_desc *d = eao_op_get(n->op);
  if (!d) return eao_fail(p->ctx, EAO_ERR_INTERNAL, "op %u has no descriptor", n->op);
  if (!d->ref)
    return eao_fail(p->ctx, EAO_ERR_UNSUPPORTED,
                    "the compiler cannot run control flow whose condition depends on the input");
  if (is_view(p->g, n, d)) {
    uint32_t in, out;
    EAO_TRY(tensor_of(p, n->in[0], map, &in));
    EAO_TRY(tensor_of(p, n->out[0], map, &out));
    p->tensor[out].view = p->tensor[in].view;
    p->tensor[out].view_offset = p->tensor[in].view_offset;
    return EAO_OK;
  }
  bool shown;
  EAO_TRY(show_pieces(p, n, map, &shown));
  if (shown) return EAO_OK;
  if (n->n_in > UINT16_MAX)
    return eao_fail(p->ctx, EAO_ERR_UNSUPPORTED, "%u inputs are too many", n->n_in);
  eao_plan_step *s = &p->step[p->n_step];
  *s = (eao_plan_step){.node = id,
                       .op = n->op,
                       .n_in = n->n_in,
                       .n_out = n->n_out,
                       .attr = n->attr,
                       .attr_bytes = d->attr_size,
                       .name = n->name,
                       .op_name = d->name,
                       .pads = EAO_NONE,
                       .in_place = EAO_NONE};
  s->ref = eao_arena_array(&p->arena, (uint64_t)n->n_in + n->n_out, sizeof *s->ref);
  if (!s->ref) return EAO_NOMEM(p->ctx);
  for (uint32_t i = 0; i < n->n_in; i++) EAO_TRY(tensor_of(p, n->in[i], map, &s->ref[i]));
  for (uint32_t i = 0; i < n->n_out; i++)
    EAO_TRY(tensor_of(p, n->out[i], map, &s->ref[n->n_in + i]));
  EAO_TRY(eao_plan_select(p, s));
  eao_plan_find_rows(p, s);
  p->n_step++;
  return EAO_OK;
}

static eao_status add_io(eao_plan *p, uint32_t *map) {
  eao_graph *g = p->g;
  p->input = eao_arena_array(&p->arena, g->n_input, sizeof *p->input);
  p->output = eao_arena_array(&p->arena, g->n_output, sizeof *p->output);
  p->state = eao_arena_array(&p->arena, g->n_state, sizeof *p->state);
  if (!p->input || !p->output || !p->state) return EAO_NOMEM(p->ctx);
  for (uint32_t i = 0; i < g->n_input; i++) {
    eao_plan_io *io = &p->input[p->n_input++];
    io->name = g->value[g->input[i]].name;
    EAO_TRY(tensor_of(p, g->input[i], map, &io->tensor));
  }
  for (uint32_t i = 0; i < g->n_state; i++) {
    eao_plan_state *st = &p->state[p->n_state++];
    st->name = g->state[i].name;
    st->init = g->state[i].init;
    EAO_TRY(tensor_of(p, g->state[i].in, map, &st->in));
  }
  return EAO_OK;
}

/* States are stored back one after the other when a run ends: another one that becomes what this
 * one was (a delay line), and an output that shows it, need that value kept. */
static eao_status copy_state(eao_plan *p, uint32_t *tensor) {
  eao_plan_step *s = &p->step[p->n_step];
  eao_plan_tensor t = p->tensor[*tensor];
  t.view_offset = 0;
  *s = (eao_plan_step){.node = EAO_NONE,
                       .op = EAO_OP_identity,
                       .n_in = 1,
                       .n_out = 1,
                       .name = t.name,
                       .op_name = "identity",
                       .pads = EAO_NONE,
                       .in_place = EAO_NONE};
  s->ref = eao_arena_array(&p->arena, 2, sizeof *s->ref);
  if (!s->ref) return EAO_NOMEM(p->ctx);
  s->ref[0] = *tensor;
  EAO_TRY(eao_plan_add_tensor(p, &t, &s->ref[1]));
  *tensor = s->ref[1];
  p->n_step++;
  return eao_plan_select(p, s);
}

static eao_status add_results(eao_plan *p, uint32_t *map) {
  eao_graph *g = p->g;
  for (uint32_t i = 0; i < g->n_output; i++) {
    eao_plan_io *io = &p->output[p->n_output++];
    io->name = g->value[g->output[i]].name;
    EAO_TRY(tensor_of(p, g->output[i], map, &io->tensor));
    if (is_state(p, p->tensor[io->tensor].view)) EAO_TRY(copy_state(p, &io->tensor));
  }
  for (uint32_t i = 0; i < g->n_state; i++) {
    uint32_t *out = &p->state[i].out;
    EAO_TRY(tensor_of(p, g->state[i].out, map, out));
    if (p->tensor[*out].view != p->state[i].in && is_state(p, p->tensor[*out].view))
      EAO_TRY(copy_state(p, out));
  }
  return EAO_OK;
}

static eao_status build(eao_plan *p) {
  eao_graph *g = p->g;
  uint32_t *map = eao_arena_array(&p->arena, g->n_value, sizeof *map);
  p->step =
      eao_arena_array(&p->arena, (uint64_t)g->n_node + g->n_state + g->n_output, sizeof *p->step);
  if (!map || !p->step) return EAO_NOMEM(p->ctx);
  for (eao_vid v = 0; v < g->n_value; v++) map[v] = EAO_NONE;
  EAO_TRY(add_io(p, map));
  for (eao_nid n = 0; n < g->n_node; n++) {
    if (!g->node[n].op) continue;
    eao_status s = add_step(p, n, map);
    if (s != EAO_OK) return eao_node_fail_within(g, n, s);
  }
  return add_results(p, map);
}

static eao_status count_weights(eao_plan *p) {
  bool *used = eao_alloc(p->ctx, p->n_tensor);
  if (!used) return EAO_NOMEM(p->ctx);
  for (uint32_t i = 0; i < p->n_step; i++)
    for (uint32_t k = 0; k < p->step[i].n_in; k++)
      if (p->step[i].ref[k] != EAO_NONE) used[p->step[i].ref[k]] = true;
  for (uint32_t i = 0; i < p->n_tensor; i++)
    if (used[i] && eao_plan_is_const(p, i)) p->weight_bytes += p->tensor[i].bytes;
  eao_free(p->ctx, used);
  return EAO_OK;
}

/* ---- the order of steps ---- */

/* The plan as an order problem: one buffer for each tensor and its views. */
typedef struct ordering {
  eao_order_problem q;
  eao_order_step *step;
  eao_order_buffer *buffer;
  uint32_t *ref, *order;
  uint32_t *seen; /* by buffer: step that lists it already, + 1 */
} ordering;

static void list_refs(const eao_plan *p, ordering *o, uint32_t id, uint32_t from, uint32_t to,
                      uint32_t *n_ref, uint32_t *out_n) {
  const eao_plan_step *s = &p->step[id];
  for (uint32_t k = from; k < to; k++) {
    if (s->ref[k] == EAO_NONE || eao_plan_is_const(p, s->ref[k])) continue;
    uint32_t b = p->tensor[s->ref[k]].view;
    if (o->seen[b] == id + 1) continue;
    o->seen[b] = id + 1;
    o->ref[(*n_ref)++] = b;
    ++*out_n;
  }
}

static void pose(const eao_plan *p, ordering *o) {
  uint32_t n_ref = 0;
  for (uint32_t i = 0; i < p->n_tensor; i++)
    if (p->tensor[i].view == i && !eao_plan_is_const(p, i))
      o->buffer[i].bytes = eao_plan_align(p->tensor[i].bytes);
  for (uint32_t i = 0; i < p->n_step; i++) {
    const eao_plan_step *s = &p->step[i];
    eao_order_step *t = &o->step[i];
    *t = (eao_order_step){.ref = n_ref,
                          .in_place = EAO_ORDER_NONE,
                          .scratch_bytes = eao_plan_align(s->scratch_bytes)};
    list_refs(p, o, i, 0, s->n_in, &n_ref, &t->n_in);
    list_refs(p, o, i, s->n_in, s->n_in + s->n_out, &n_ref, &t->n_out);
    if (s->in_place != EAO_NONE) t->in_place = p->tensor[s->ref[s->in_place]].view;
  }
  for (uint32_t i = 0; i < p->n_input; i++)
    o->buffer[p->tensor[p->input[i].tensor].view].from_start = true;
  for (uint32_t i = 0; i < p->n_output; i++)
    o->buffer[p->tensor[p->output[i].tensor].view].to_end = true;
  for (uint32_t i = 0; i < p->n_state; i++) {
    eao_order_buffer *in = &o->buffer[p->tensor[p->state[i].in].view];
    in->from_start = in->to_end = true;
    o->buffer[p->tensor[p->state[i].out].view].to_end = true;
  }
  for (uint32_t i = 0; i < p->n_tensor; i++) /* constants that are outputs have no buffer */
    if (eao_plan_is_const(p, i)) o->buffer[i] = (eao_order_buffer){0};
}

/* Order of the steps that needs least memory layer by layer; NULL in *out when the given one does.
 */
static eao_status find_order(eao_plan *p, uint32_t **out) {
  ordering o = {0};
  eao_order_result r;
  uint64_t n_ref = 0;
  *out = NULL;
  for (uint32_t i = 0; i < p->n_step; i++) n_ref += p->step[i].n_in + p->step[i].n_out;
  o.step = eao_alloc(p->ctx, p->n_step * sizeof *o.step);
  o.buffer = eao_alloc(p->ctx, p->n_tensor * sizeof *o.buffer);
  o.seen = eao_alloc(p->ctx, p->n_tensor * sizeof *o.seen);
  o.ref = eao_alloc(p->ctx, (size_t)n_ref * sizeof *o.ref);
  o.order = eao_alloc(p->ctx, p->n_step * sizeof *o.order);
  eao_status s = o.step && o.buffer && o.seen && o.ref && o.order ? EAO_OK : EAO_NOMEM(p->ctx);
  if (s == EAO_OK) {
    pose(p, &o);
    o.q = (eao_order_problem){p->ctx, o.step, o.buffer, o.ref, p->n_step, p->n_tensor};
    s = eao_order_search(&o.q, o.order, &r);
  }
  if (s == EAO_OK) {
    p->arena_bound_any_order = r.bound_bytes;
    if (r.bytes < r.given_bytes) {
      *out = o.order;
      o.order = NULL;
    }
  }
  eao_free(p->ctx, o.step);
  eao_free(p->ctx, o.buffer);
  eao_free(p->ctx, o.seen);
  eao_free(p->ctx, o.ref);
  eao_free(p->ctx, o.order);
  return s;
}

static eao_status permute(eao_plan *p, const uint32_t *order, bool back) {
  eao_plan_step *was = eao_alloc(p->ctx, p->n_step * sizeof *was);
  if (!was) return EAO_NOMEM(p->ctx);
  memcpy(was, p->step, p->n_step * sizeof *was);
  for (uint32_t i = 0; i < p->n_step; i++) {
    if (back)
      p->step[order[i]] = was[i];
    else
      p->step[i] = was[order[i]];
  }
  eao_free(p->ctx, was);
  return EAO_OK;
}

/* ---- memory ---- */

/* Program and offsets for the steps in their present order. */
static eao_status arrange(eao_plan *p) {
  for (uint32_t i = 0; i < p->n_tensor; i++) p->tensor[i].rows = 0;
  for (uint32_t i = 0; i < p->n_step; i++) eao_plan_set_split(p, &p->step[i]);
  EAO_TRY(eao_plan_layerwise(p));
  EAO_TRY(eao_plan_layout(p));
  p->arena_bytes_layerwise = p->arena_bytes;
  p->arena_bound_layerwise = p->arena_bound_bytes;
  if (!eao_plan_wants_streaming(p)) return EAO_OK;
  EAO_TRY(eao_plan_stream(p));
  return eao_plan_layout(p);
}

/* In the order given and, if another needs less layer by layer, in that one: the smaller arena. */
static eao_status arrange_best(eao_plan *p) {
  uint32_t *order;
  EAO_TRY(find_order(p, &order));
  eao_status s = arrange(p);
  if (order && s == EAO_OK) {
    uint64_t given = p->arena_bytes;
    s = permute(p, order, false);
    if (s == EAO_OK) s = arrange(p);
    p->reordered = p->arena_bytes < given;
    if (s == EAO_OK && !p->reordered) {
      s = permute(p, order, true);
      if (s == EAO_OK) s = arrange(p);
    }
  }
  eao_free(p->ctx, order);
  return s;
}

eao_status eao_plan_create(eao_graph *g, const eao_plan_opts *opts, eao_plan **out) {
  *out = NULL;
  eao_plan *p = eao_alloc(g->ctx, sizeof *p);
  if (!p) return EAO_NOMEM(g->ctx);
  p->ctx = g->ctx;
  p->g = g;
  p->opts = *opts;
  if (!p->opts.threads) p->opts.threads = 1;
  eao_plan_machine_complete(&p->opts.machine);
  eao_arena_init(&p->arena, g->ctx);
  eao_status s = build(p);
  if (s == EAO_OK) s = count_weights(p);
  if (s == EAO_OK) s = arrange_best(p);
  if (s != EAO_OK) {
    eao_plan_destroy(p);
    return s;
  }
  *out = p;
  return EAO_OK;
}

void eao_plan_destroy(eao_plan *p) {
  if (!p) return;
  eao_free(p->ctx, p->tensor);
  eao_free(p->ctx, p->entry);
  eao_free(p->ctx, p->band);
  eao_arena_deinit(&p->arena);
  eao_free(p->ctx, p);
}
