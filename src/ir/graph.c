#include "ir/graph.h"

#include <string.h>

eao_graph *eao_graph_create(eao_ctx *ctx) {
  eao_graph *g = eao_alloc(ctx, sizeof *g);
  if (!g) {
    (void)EAO_NOMEM(ctx);
    return NULL;
  }
  g->ctx = ctx;
  g->root = g;
  g->name = "";
  eao_arena_init(&g->arena, ctx);
  return g;
}

eao_graph *eao_graph_create_sub(eao_graph *parent) {
  eao_graph *root = parent->root;
  eao_graph *g = eao_graph_create(parent->ctx);
  if (!g) return NULL;
  g->root = root;
  g->next_sub = root->next_sub;
  root->next_sub = g;
  return g;
}

static void free_tables(eao_graph *g) {
  eao_free(g->ctx, g->value);
  eao_free(g->ctx, g->node);
  eao_free(g->ctx, g->input);
  eao_free(g->ctx, g->output);
  eao_free(g->ctx, g->state);
  eao_free(g->ctx, g->meta);
  eao_free(g->ctx, g->file);
}

void eao_graph_destroy(eao_graph *g) {
  if (!g) return;
  while (g->next_sub) {
    eao_graph *sub = g->next_sub;
    g->next_sub = sub->next_sub;
    free_tables(sub);
    eao_arena_deinit(&sub->arena);
    eao_free(g->ctx, sub);
  }
  for (uint32_t i = 0; i < g->n_file; i++) eao_file_unmap(g->ctx, &g->file[i]);
  free_tables(g);
  eao_arena_deinit(&g->arena);
  eao_free(g->ctx, g);
}

#define GROW(g, field)                                                                             \
  eao_grow((g)->ctx, (void **)&(g)->field, &(g)->cap_##field, (g)->n_##field + 1,                  \
           sizeof *(g)->field)

eao_status eao_graph_add_value(eao_graph *g, const char *name, const eao_tensor *t,
                               eao_vid *out_id) {
  if (!name) name = "";
  if (eao_tensor_check(g->ctx, t) != EAO_OK)
    return eao_fail_within(g->ctx, EAO_ERR_SHAPE, "value '%.200s'", name);
  EAO_TRY(GROW(g, value));
  char *copy = eao_arena_str(&g->root->arena, name);
  if (!copy) return EAO_NOMEM(g->ctx);
  eao_value *v = &g->value[g->n_value];
  memset(v, 0, sizeof *v);
  v->name = copy;
  v->t = *t;
  v->producer = EAO_NONE;
  *out_id = g->n_value++;
  return EAO_OK;
}

eao_status eao_graph_add_node(eao_graph *g, uint16_t op, const char *name, const void *attr,
                              size_t attr_size, const eao_vid *in, uint32_t n_in,
                              const eao_vid *out, uint32_t n_out, eao_nid *out_id) {
  if (g->n_node >= g->ctx->limits.max_nodes)
    return eao_fail(g->ctx, EAO_ERR_NOMEM, "more than %u nodes", g->ctx->limits.max_nodes);
  if (n_out > UINT16_MAX) return eao_fail(g->ctx, EAO_ERR_FORMAT, "too many outputs: %u", n_out);
  EAO_TRY(GROW(g, node));
  eao_arena *a = &g->root->arena;
  eao_node n = {.op = op, .n_out = (uint16_t)n_out, .n_in = n_in};
  n.name = eao_arena_str(a, name ? name : "");
  n.in = eao_arena_dup(a, in, n_in * sizeof *in);
  n.out = eao_arena_dup(a, out, n_out * sizeof *out);
  n.attr = attr_size ? eao_arena_dup(a, attr, attr_size) : NULL;
  if (!n.name || !n.in || !n.out || (attr_size && !n.attr)) return EAO_NOMEM(g->ctx);
  for (uint32_t i = 0; i < n_out; i++)
    if (out[i] != EAO_NONE) g->value[out[i]].producer = g->n_node;
  g->node[g->n_node] = n;
  if (out_id) *out_id = g->n_node;
  g->n_node++;
  return EAO_OK;
}

eao_status eao_graph_add_input(eao_graph *g, eao_vid v) {
  EAO_TRY(GROW(g, input));
  g->input[g->n_input++] = v;
  return EAO_OK;
}

eao_status eao_graph_add_output(eao_graph *g, eao_vid v) {
  EAO_TRY(GROW(g, output));
  g->output[g->n_output++] = v;
  return EAO_OK;
}

eao_status eao_graph_add_state(eao_graph *g, const eao_state *s) {
  EAO_TRY(GROW(g, state));
  g->state[g->n_state++] = *s;
  return EAO_OK;
}

eao_status eao_graph_add_meta(eao_graph *g, const char *key, const char *text) {
  g = g->root;
  EAO_TRY(GROW(g, meta));
  eao_meta m = {eao_arena_str(&g->arena, key), eao_arena_str(&g->arena, text)};
  if (!m.key || !m.text) return EAO_NOMEM(g->ctx);
  g->meta[g->n_meta++] = m;
  return EAO_OK;
}

eao_status eao_graph_add_file(eao_graph *g, eao_file *f) {
  g = g->root;
  eao_status s = GROW(g, file);
  if (s != EAO_OK) {
    eao_file_unmap(g->ctx, f);
    return s;
  }
  g->file[g->n_file++] = *f;
  memset(f, 0, sizeof *f);
  return EAO_OK;
}

static eao_status add_const(eao_graph *g, const char *name, eao_dtype dtype, const void *v,
                            size_t elem, int32_t n, eao_vid *out_id) {
  eao_tensor t = {.dtype = dtype, .rank = n < 0 ? 0 : 1};
  t.dim[0] = n < 0 ? 0 : n;
  /* An empty constant still needs a non-NULL pointer: data marks a value as constant. */
  t.data = eao_arena_alloc(&g->root->arena, n == 0 ? 1 : (size_t)(n < 0 ? 1 : n) * elem);
  if (!t.data) return EAO_NOMEM(g->ctx);
  if (n) memcpy(t.data, v, (size_t)(n < 0 ? 1 : n) * elem);
  return eao_graph_add_value(g, name, &t, out_id);
}

eao_status eao_graph_add_i64(eao_graph *g, const char *name, const int64_t *v, int32_t n,
                             eao_vid *out_id) {
  return add_const(g, name, EAO_I64, v, sizeof *v, n, out_id);
}

eao_status eao_graph_add_f32(eao_graph *g, const char *name, const float *v, int32_t n,
                             eao_vid *out_id) {
  return add_const(g, name, EAO_F32, v, sizeof *v, n, out_id);
}

eao_vid eao_graph_find(const eao_graph *g, const char *name) {
  for (eao_vid v = 0; v < g->n_value; v++)
    if (strcmp(g->value[v].name, name) == 0) return v;
  return EAO_NONE;
}

void eao_graph_replace_uses(eao_graph *g, eao_vid from, eao_vid to) {
  for (eao_nid n = 0; n < g->n_node; n++)
    for (uint32_t i = 0; i < g->node[n].n_in; i++)
      if (g->node[n].in[i] == from) g->node[n].in[i] = to;
  for (uint32_t i = 0; i < g->n_output; i++)
    if (g->output[i] == from) g->output[i] = to;
  for (uint32_t i = 0; i < g->n_state; i++)
    if (g->state[i].out == from) g->state[i].out = to;
}

void eao_graph_count_uses(const eao_graph *g, uint32_t *out_count) {
  memset(out_count, 0, g->n_value * sizeof *out_count);
  for (eao_nid n = 0; n < g->n_node; n++)
    for (uint32_t i = 0; i < g->node[n].n_in; i++)
      if (g->node[n].op && g->node[n].in[i] != EAO_NONE) out_count[g->node[n].in[i]]++;
  for (uint32_t i = 0; i < g->n_output; i++) out_count[g->output[i]]++;
  for (uint32_t i = 0; i < g->n_state; i++) out_count[g->state[i].out]++;
}

static void set_producers(eao_graph *g) {
  for (eao_vid v = 0; v < g->n_value; v++) g->value[v].producer = EAO_NONE;
  for (eao_nid n = 0; n < g->n_node; n++)
    for (uint32_t i = 0; i < g->node[n].n_out; i++)
      if (g->node[n].out[i] != EAO_NONE) g->value[g->node[n].out[i]].producer = n;
}

void eao_graph_compact(eao_graph *g) {
  uint32_t k = 0;
  for (eao_nid n = 0; n < g->n_node; n++)
    if (g->node[n].op) g->node[k++] = g->node[n];
  g->n_node = k;
  set_producers(g);
}

/* New numbers, given out as values are met; EAO_NONE: not met yet. */
typedef struct numbering {
  eao_graph *g;
  eao_vid *number;
  eao_value *value;
  uint32_t n;
} numbering;

static void meet(numbering *m, eao_vid *v) {
  if (*v == EAO_NONE) return;
  if (m->number[*v] == EAO_NONE) {
    m->value[m->n] = m->g->value[*v];
    m->number[*v] = m->n++;
  }
  *v = m->number[*v];
}

eao_status eao_graph_renumber(eao_graph *g) {
  numbering m = {.g = g};
  eao_graph_compact(g);
  m.number = eao_alloc(g->ctx, g->n_value * sizeof *m.number);
  m.value = eao_alloc(g->ctx, g->n_value * sizeof *m.value);
  eao_status s = m.number && m.value ? EAO_OK : EAO_NOMEM(g->ctx);
  if (s == EAO_OK) {
    memset(m.number, 0xFF, g->n_value * sizeof *m.number);
    for (uint32_t i = 0; i < g->n_input; i++) meet(&m, &g->input[i]);
    for (uint32_t i = 0; i < g->n_state; i++) meet(&m, &g->state[i].in);
    for (eao_nid n = 0; n < g->n_node; n++) {
      for (uint32_t i = 0; i < g->node[n].n_in; i++) meet(&m, &g->node[n].in[i]);
      for (uint32_t i = 0; i < g->node[n].n_out; i++) meet(&m, &g->node[n].out[i]);
    }
    for (uint32_t i = 0; i < g->n_state; i++) meet(&m, &g->state[i].out);
    for (uint32_t i = 0; i < g->n_output; i++) meet(&m, &g->output[i]);
    if (m.n) memcpy(g->value, m.value, m.n * sizeof *m.value);
    g->n_value = m.n;
    set_producers(g);
  }
  eao_free(g->ctx, m.number);
  eao_free(g->ctx, m.value);
  return s;
}

/* Depth first, producers before what uses them, nodes in the order of the file otherwise: a sorted
 * graph stays as it is. Linear, whatever the order was. */
typedef struct sorter {
  eao_graph *g;
  eao_node *sorted;
  uint32_t *stack, *next; /* next[n]: input of n to look at */
  uint8_t *state;         /* 0: new, 1: waits for its inputs, 2: done */
  uint32_t n_sorted;
} sorter;

/* The next producer of n's inputs that is not done; EAO_NONE: there is none. */
static eao_nid pending(sorter *s, eao_nid n) {
  const eao_node *node = &s->g->node[n];
  while (s->next[n] < node->n_in) {
    eao_vid v = node->in[s->next[n]];
    eao_nid p = v == EAO_NONE ? EAO_NONE : s->g->value[v].producer;
    if (p != EAO_NONE && s->state[p] != 2) return p;
    s->next[n]++;
  }
  return EAO_NONE;
}

static eao_status sort_from(sorter *s, eao_nid first) {
  uint32_t depth = 0;
  s->stack[depth++] = first;
  s->state[first] = 1;
  while (depth) {
    eao_nid n = s->stack[depth - 1], p = pending(s, n);
    if (p == EAO_NONE) {
      s->state[n] = 2;
      s->sorted[s->n_sorted++] = s->g->node[n];
      depth--;
    } else if (s->state[p] == 1) {
      return eao_fail(s->g->ctx, EAO_ERR_FORMAT, "node %u ('%s') is part of a cycle", p,
                      s->g->node[p].name);
    } else {
      s->state[p] = 1;
      s->stack[depth++] = p;
    }
  }
  return EAO_OK;
}

eao_status eao_graph_sort(eao_graph *g) {
  eao_graph_compact(g);
  uint32_t n_node = g->n_node;
  sorter s = {.g = g};
  s.sorted = eao_alloc(g->ctx, n_node * sizeof *s.sorted);
  s.stack = eao_alloc(g->ctx, n_node * sizeof *s.stack);
  s.next = eao_alloc(g->ctx, n_node * sizeof *s.next);
  s.state = eao_alloc(g->ctx, n_node);
  eao_status st = s.sorted && s.stack && s.next && s.state ? EAO_OK : EAO_NOMEM(g->ctx);
  for (eao_nid n = 0; st == EAO_OK && n < n_node; n++)
    if (s.state[n] == 0) st = sort_from(&s, n);
  if (st == EAO_OK && n_node) {
    memcpy(g->node, s.sorted, n_node * sizeof *s.sorted);
    set_producers(g);
  }
  eao_free(g->ctx, s.sorted);
  eao_free(g->ctx, s.stack);
  eao_free(g->ctx, s.next);
  eao_free(g->ctx, s.state);
  return st;
}

eao_status eao_tensor_check(eao_ctx *ctx, const eao_tensor *t) {
  uint64_t n = 1;
  for (int32_t i = 0; i < t->rank && i < EAO_MAX_RANK; i++)
    /* Zero extents must not hide an overflow of the others. */
    if (t->dim[i] > 0 && (!eao_mul_u64(n, (uint64_t)t->dim[i], &n) || n > (uint64_t)INT64_MAX / 64))
      return eao_fail(ctx, EAO_ERR_SHAPE, "tensor has too many elements");
  return EAO_OK;
}

eao_status eao_tensor_nbytes(eao_ctx *ctx, const eao_tensor *t, uint64_t *out) {
  uint64_t n = 1;
  if (t->rank < 0 || t->rank > EAO_MAX_RANK)
    return eao_fail(ctx, EAO_ERR_SHAPE, "rank %d is not known or above %d", t->rank, EAO_MAX_RANK);
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dim[i] < 0)
      return eao_fail(ctx, EAO_ERR_SHAPE, "dimension %d is not known (bind it with --shape)", i);
  }
  EAO_TRY(eao_tensor_check(ctx, t));
  for (int32_t i = 0; i < t->rank; i++) n *= (uint64_t)t->dim[i];
  *out = (n * (uint64_t)eao_dtype_bits(t->dtype) + 7) / 8;
  return EAO_OK;
}
