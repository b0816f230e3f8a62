/* The same inputs through two models, value by value. */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "eao/data.h"

/* A value of model a that model b has by the same name. */
typedef struct pair {
  const char *name;
  eao_vid a, b;
  eao_tensor kept; /* a's data */
} pair;

typedef struct comparer {
  eao_ctx *ctx;
  eao_model *a, *b;
  pair *pair; /* sorted by name */
  uint32_t n_pair;
  uint32_t *by_a, *by_b; /* value -> pair + 1; 0: none */
  eao_comparison *out;
  uint32_t cap_row;
} comparer;

/* ---- layouts ---- */

/* perm with a.dim[i] == b.dim[perm[i]]: none, or the channel axis moved from one end to the other.
 */
static bool find_perm(const eao_tensor *a, const eao_tensor *b, int32_t *perm, bool *out_moved) {
  if (a->rank != b->rank || a->rank < 0) return false;
  for (int way = 0; way < 3; way++) {
    if (way && a->rank < 3) break;
    for (int32_t i = 0; i < a->rank; i++) {
      int32_t n = a->rank;
      perm[i] = i;
      if (way == 1 && i > 0) perm[i] = i == 1 ? n - 1 : i - 1; /* a channels first, b last */
      if (way == 2 && i > 0) perm[i] = i == n - 1 ? 1 : i + 1; /* the other way round */
    }
    bool fits = true;
    for (int32_t i = 0; fits && i < a->rank; i++) fits = a->dim[i] == b->dim[perm[i]];
    *out_moved = way != 0;
    if (fits) return true;
  }
  return false;
}

static void invert(const int32_t *perm, int32_t rank, int32_t *out) {
  for (int32_t i = 0; i < rank; i++) out[perm[i]] = i;
}

/* ---- inputs ---- */

static bool is_narrow(const eao_tensor *t) {
  return t->quant.n > 0 || (!eao_dtype_is_float(t->dtype) && eao_dtype_bits(t->dtype) <= 8);
}

/* `from` (in the layout and type of one model) for the other model's input `type`; perm has
 * type.dim[i] == from.dim[perm[i]]. */
static eao_status adapt(eao_ctx *ctx, const eao_tensor *from, const eao_tensor *type,
                        const int32_t *perm, eao_tensor *out) {
  eao_tensor t;
  EAO_TRY(eao_tensor_permute(ctx, from, perm, &t));
  eao_status s = eao_tensor_cast(ctx, &t, type->dtype, &type->quant, out);
  eao_tensor_destroy(ctx, &t);
  return s;
}

static eao_status make_input(comparer *c, uint32_t i, const eao_compare_opts *o, eao_tensor *ta,
                             eao_tensor *tb) {
  const eao_value *va = &c->a->g->value[c->a->g->input[i]],
                  *vb = &c->b->g->value[c->b->g->input[i]];
  int32_t perm[EAO_MAX_RANK], back[EAO_MAX_RANK];
  bool moved;
  if (!find_perm(&va->t, &vb->t, perm, &moved))
    return eao_fail(c->ctx, EAO_ERR_SHAPE,
                    "input %u ('%s' and '%s') has different shapes in the two models", i, va->name,
                    vb->name);
  invert(perm, va->t.rank, back);
  c->out->inputs_permuted |= moved;
  uint64_t seed = o->seed + i;
  if (o->in) {
    EAO_TRY(eao_tensor_cast(c->ctx, &o->in[i], va->t.dtype, &va->t.quant, ta));
    return adapt(c->ctx, ta, &vb->t, back, tb);
  }
  /* Random data comes from the side with fewer values, so that both get the same real ones. */
  if (is_narrow(&vb->t) && !is_narrow(&va->t)) {
    EAO_TRY(eao_tensor_random(c->ctx, &vb->t, seed, 0, 0, tb));
    return adapt(c->ctx, tb, &va->t, perm, ta);
  }
  EAO_TRY(eao_tensor_random(c->ctx, &va->t, seed, 0, 0, ta));
  return adapt(c->ctx, ta, &vb->t, back, tb);
}

/* ---- names ---- */

static int by_name(const void *pa, const void *pb) {
  return strcmp(((const pair *)pa)->name, ((const pair *)pb)->name);
}

static void mark(const eao_graph *g, const eao_vid *list, uint32_t n, uint8_t *flag) {
  for (uint32_t i = 0; i < n; i++)
    if (list[i] < g->n_value) flag[list[i]] = 1;
}

/* Pairs of inner values with a common name; inputs, outputs and constants are left out. */
static eao_status find_pairs(comparer *c) {
  const eao_graph *a = c->a->g, *b = c->b->g;
  uint8_t *skip_a = eao_alloc(c->ctx, a->n_value), *skip_b = eao_alloc(c->ctx, b->n_value);
  c->pair = eao_alloc(c->ctx, a->n_value * sizeof *c->pair);
  c->by_a = eao_alloc(c->ctx, a->n_value * sizeof *c->by_a);
  c->by_b = eao_alloc(c->ctx, b->n_value * sizeof *c->by_b);
  eao_status s = skip_a && skip_b && c->pair && c->by_a && c->by_b ? EAO_OK : EAO_NOMEM(c->ctx);
  if (s == EAO_OK) {
    mark(a, a->output, a->n_output, skip_a);
    mark(b, b->output, b->n_output, skip_b);
    for (eao_vid v = 0; v < a->n_value; v++)
      if (!skip_a[v] && a->value[v].producer != EAO_NONE && a->value[v].name[0])
        c->pair[c->n_pair++] = (pair){.name = a->value[v].name, .a = v, .b = EAO_NONE};
    qsort(c->pair, c->n_pair, sizeof *c->pair, by_name);
    for (eao_vid v = 0; v < b->n_value; v++) {
      if (skip_b[v] || b->value[v].producer == EAO_NONE || !b->value[v].name[0]) continue;
      pair key = {.name = b->value[v].name};
      pair *p = bsearch(&key, c->pair, c->n_pair, sizeof *c->pair, by_name);
      if (!p) continue;
      p->b = v;
      c->by_a[p->a] = c->by_b[v] = (uint32_t)(p - c->pair) + 1;
    }
  }
  eao_free(c->ctx, skip_a);
  eao_free(c->ctx, skip_b);
  return s;
}

/* ---- rows ---- */

static eao_status add_row(comparer *c, eao_vid va, const eao_tensor *a, eao_vid vb,
                          const eao_tensor *b, bool is_output) {
  eao_compare_row r = {.name_a = c->a->g->value[va].name,
                       .name_b = c->b->g->value[vb].name,
                       .value_a = va,
                       .value_b = vb,
                       .rank = a->rank,
                       .is_output = is_output};
  eao_tensor turned = {0};
  if (!find_perm(a, b, r.perm, &r.permuted)) {
    if (!is_output) return EAO_OK; /* the same name for something else */
    return eao_fail(c->ctx, EAO_ERR_SHAPE, "output '%s' has different shapes in the two models",
                    r.name_a);
  }
  if (r.permuted) {
    EAO_TRY(eao_tensor_permute(c->ctx, b, r.perm, &turned));
    b = &turned;
  }
  eao_status s = eao_tensor_diff(c->ctx, b, a, 0, 0, &r.diff);
  eao_tensor_destroy(c->ctx, &turned);
  if (s != EAO_OK) return s;
  EAO_TRY(eao_grow(c->ctx, (void **)&c->out->row, &c->cap_row, c->out->n_row + 1, sizeof r));
  c->out->row[c->out->n_row++] = r;
  return EAO_OK;
}

static eao_status keep_a(void *user, uint32_t v, const eao_tensor *t) {
  comparer *c = user;
  if (!c->by_a[v]) return EAO_OK;
  pair *p = &c->pair[c->by_a[v] - 1];
  return eao_tensor_cast(c->ctx, t, t->dtype, &t->quant, &p->kept);
}

static eao_status judge_b(void *user, uint32_t v, const eao_tensor *t) {
  comparer *c = user;
  pair *p = c->by_b[v] ? &c->pair[c->by_b[v] - 1] : NULL;
  if (!p || !p->kept.data) return EAO_OK;
  eao_status s = add_row(c, p->a, &p->kept, v, t, false);
  eao_tensor_destroy(c->ctx, &p->kept);
  return s;
}

/* ---- outputs ---- */

/* b's output that belongs to a's output i: of the same name, else at the same place, else the
 * first whose shape fits. EAO_NO_ID: none. */
static uint32_t partner(const comparer *c, uint32_t i, const eao_tensor *out_a,
                        const eao_tensor *out_b, const uint8_t *taken) {
  const eao_graph *a = c->a->g, *b = c->b->g;
  int32_t perm[EAO_MAX_RANK];
  bool moved;
  const char *name = a->value[a->output[i]].name;
  for (uint32_t j = 0; j < b->n_output; j++)
    if (!taken[j] && *name && strcmp(b->value[b->output[j]].name, name) == 0) return j;
  if (!taken[i] && find_perm(&out_a[i], &out_b[i], perm, &moved)) return i;
  for (uint32_t j = 0; j < b->n_output; j++)
    if (!taken[j] && find_perm(&out_a[i], &out_b[j], perm, &moved)) return j;
  return EAO_NO_ID;
}

static eao_status add_outputs(comparer *c, const eao_tensor *out_a, const eao_tensor *out_b) {
  const eao_graph *a = c->a->g, *b = c->b->g;
  uint8_t *taken = eao_alloc(c->ctx, b->n_output);
  eao_status s = taken ? EAO_OK : EAO_NOMEM(c->ctx);
  for (uint32_t i = 0; s == EAO_OK && i < a->n_output; i++) {
    uint32_t j = partner(c, i, out_a, out_b, taken);
    if (j == EAO_NO_ID) {
      s = eao_fail(c->ctx, EAO_ERR_SHAPE, "output '%s' has no counterpart in the second model",
                   a->value[a->output[i]].name);
      break;
    }
    taken[j] = 1;
    s = add_row(c, a->output[i], &out_a[i], b->output[j], &out_b[j], true);
  }
  c->out->n_output = a->n_output;
  eao_free(c->ctx, taken);
  return s;
}

/* ---- the two runs ---- */

static eao_status run_both(comparer *c, const eao_tensor *in_a, const eao_tensor *in_b) {
  uint32_t n = c->a->g->n_output, n_in = c->a->g->n_input;
  eao_tensor *out_a = eao_alloc(c->ctx, n * sizeof *out_a);
  eao_tensor *out_b = eao_alloc(c->ctx, n * sizeof *out_b);
  eao_runner *ra = NULL, *rb = NULL;
  eao_status s = out_a && out_b ? EAO_OK : EAO_NOMEM(c->ctx);
  if (s == EAO_OK) s = eao_runner_create(c->a, &ra);
  if (s == EAO_OK) s = eao_runner_create(c->b, &rb);
  if (s == EAO_OK) {
    eao_runner_on_value(ra, keep_a, c);
    eao_runner_on_value(rb, judge_b, c);
    s = eao_runner_run(ra, in_a, n_in, out_a, n);
    if (s != EAO_OK) s = eao_fail_within(c->ctx, s, "first model");
  }
  if (s == EAO_OK) {
    s = eao_runner_run(rb, in_b, n_in, out_b, n);
    if (s != EAO_OK) s = eao_fail_within(c->ctx, s, "second model");
  }
  if (s == EAO_OK) s = add_outputs(c, out_a, out_b);
  eao_runner_destroy(ra);
  eao_runner_destroy(rb);
  eao_free(c->ctx, out_a);
  eao_free(c->ctx, out_b);
  return s;
}

static void find_divergence(eao_comparison *r, double threshold) {
  r->first_diverged = EAO_NO_ID;
  for (uint32_t i = 0; i < r->n_row && r->first_diverged == EAO_NO_ID; i++)
    if (r->row[i].diff.sqnr_db < threshold) r->first_diverged = i;
}

eao_status eao_compare(eao_model *a, eao_model *b, const eao_compare_opts *opts,
                       eao_comparison **out) {
  eao_ctx *ctx = a->ctx;
  eao_compare_opts o = opts ? *opts : (eao_compare_opts){0};
  uint32_t n_in = a->g->n_input;
  *out = NULL;
  if (n_in != b->g->n_input || a->g->n_output != b->g->n_output)
    return eao_fail(ctx, EAO_ERR_SHAPE,
                    "the models have %u and %u inputs, %u and %u outputs: not comparable", n_in,
                    b->g->n_input, a->g->n_output, b->g->n_output);
  if (o.in && o.n_in != n_in)
    return eao_fail(ctx, EAO_ERR_ARG, "%u inputs given, the models have %u", o.n_in, n_in);
  comparer c = {.ctx = ctx, .a = a, .b = b};
  eao_tensor *in_a = eao_alloc(ctx, n_in * sizeof *in_a);
  eao_tensor *in_b = eao_alloc(ctx, n_in * sizeof *in_b);
  c.out = eao_alloc(ctx, sizeof *c.out);
  eao_status s = in_a && in_b && c.out ? find_pairs(&c) : EAO_NOMEM(ctx);
  for (uint32_t i = 0; s == EAO_OK && i < n_in; i++) s = make_input(&c, i, &o, &in_a[i], &in_b[i]);
  if (s == EAO_OK) s = run_both(&c, in_a, in_b);
  if (s == EAO_OK) find_divergence(c.out, o.diverge_sqnr_db > 0 ? o.diverge_sqnr_db : 30);
  for (uint32_t i = 0; i < n_in; i++) {
    if (in_a) eao_tensor_destroy(ctx, &in_a[i]);
    if (in_b) eao_tensor_destroy(ctx, &in_b[i]);
  }
  for (uint32_t i = 0; c.pair && i < c.n_pair; i++) eao_tensor_destroy(ctx, &c.pair[i].kept);
  eao_free(ctx, c.pair);
  eao_free(ctx, c.by_a);
  eao_free(ctx, c.by_b);
  eao_free(ctx, in_a);
  eao_free(ctx, in_b);
  if (s != EAO_OK) {
    eao_comparison_destroy(ctx, c.out);
    return s;
  }
  *out = c.out;
  return EAO_OK;
}

void eao_comparison_destroy(eao_ctx *ctx, eao_comparison *c) {
  if (!c) return;
  eao_free(ctx, c->row);
  eao_free(ctx, c);
}
