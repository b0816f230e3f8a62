/* Orders of steps.
 *
 * What is alive after some steps depends only on which they were, so dynamic programming over sets
 * of steps, grown one step a level, finds the order with the least peak. Three things keep the
 * sets few:
 *   - a step that every other one must stand before or after cuts the problem in two;
 *   - a step that frees at least what it makes, without a new peak, may be taken at once: it can
 *     only help what follows;
 *   - sets whose peak is no better than the given order's are dropped, and so is the search when
 *     that order already needs no more than the hungriest single step.
 * Where sets are still too many, the best of a level go on (a beam), and the bound is that of the
 * hungriest step instead of the optimum. */
#include "plan/order.h"

#include <stdlib.h>
#include <string.h>

enum {
  WINDOW_MAX = 512, /* steps that are reordered among themselves */
  WORDS = WINDOW_MAX / 64,
  BEAM = 256,       /* sets of a level that go on */
  BEAM_LATE = 8,    /* once much has been looked at */
  GROWN_MAX = 8192, /* sets that are looked at for the next level */
  TABLE = 2 * GROWN_MAX
};
static const uint64_t work_max = 40u * 1000 * 1000; /* steps and buffers looked at in one search */

typedef struct set {
  uint64_t w[WORDS];
} set;

typedef struct state {
  set done;
  uint64_t live, peak;
  uint32_t parent, step;
} state;

/* How a set of a level came about: from which one of the level before, by which step. */
typedef struct origin {
  uint32_t parent, step;
} origin;

typedef struct search {
  const eao_order_problem *q;
  uint32_t *order;     /* step at each position */
  uint32_t *place;     /* its inverse */
  uint32_t *use;       /* consumers of all buffers, by buffer */
  uint32_t *first_use; /* n_buffer + 1 */
  uint32_t *maker;     /* of each buffer, or NONE */
  uint64_t *live;      /* before each position of the given order; n_step + 1 */
  uint64_t *at;        /* during each */
  uint64_t floor;      /* of the hungriest step */
  uint64_t work;
  bool exact;
  /* of the window */
  uint32_t begin, n;
  set before[WINDOW_MAX]; /* steps of the window that must run before */
  origin *level[WINDOW_MAX + 1];
  state *now, *next; /* sets of the last level and of the one that grows */
  uint32_t n_now;
  uint64_t *table; /* sets of the level that grows: its stamp, then its number + 1 */
  uint64_t stamp;
} search;

static bool has(const set *s, uint32_t i) {
  return s->w[i / 64] >> (i % 64) & 1;
}
static void put(set *s, uint32_t i) {
  s->w[i / 64] |= (uint64_t)1 << (i % 64);
}
static bool covers(const set *s, const set *part) {
  for (int i = 0; i < WORDS; i++)
    if (part->w[i] & ~s->w[i]) return false;
  return true;
}
static bool same(const set *a, const set *b) {
  return memcmp(a, b, sizeof *a) == 0;
}

static const eao_order_step *step_at(const search *s, uint32_t position) {
  return &s->q->step[s->order[position]];
}

/* ---- what a step does to memory ---- */

/* Does buffer b die once `step` has run, given what ran before? done NULL: the order as it is. */
static bool dies(const search *s, uint32_t b, uint32_t step, const set *done) {
  if (s->q->buffer[b].to_end) return false;
  for (uint32_t i = s->first_use[b]; i < s->first_use[b + 1]; i++) {
    uint32_t u = s->use[i], at = s->place[u];
    if (u == step) continue;
    bool ran = !done                   ? at < s->place[step]
               : at < s->begin         ? true
               : at >= s->begin + s->n ? false
                                       : has(done, at - s->begin);
    if (!ran) return false;
  }
  return true;
}

/* Bytes at the step beyond those alive before it, and how many more (or fewer) are alive after. */
static int64_t run_step(search *s, uint32_t id, const set *done, uint64_t *out_extra) {
  const eao_order_step *t = &s->q->step[id];
  const uint32_t *ref = s->q->ref + t->ref;
  uint64_t made = 0, freed = 0, shared = 0;
  s->work += t->n_in + t->n_out;
  for (uint32_t i = 0; i < t->n_in + t->n_out; i++) {
    uint64_t bytes = s->q->buffer[ref[i]].bytes;
    if (i >= t->n_in) made += bytes;
    if (dies(s, ref[i], id, done)) freed += bytes;
  }
  if (t->in_place != EAO_ORDER_NONE && t->n_out > 0 && dies(s, t->in_place, id, done))
    shared = s->q->buffer[ref[t->n_in]].bytes;
  *out_extra = made - shared + t->scratch_bytes;
  return (int64_t)made - (int64_t)freed;
}

/* Bytes in use before and during each position of the order. */
static void simulate(search *s) {
  uint64_t live = 0;
  s->floor = 0;
  for (uint32_t b = 0; b < s->q->n_buffer; b++)
    if (s->q->buffer[b].from_start) live += s->q->buffer[b].bytes;
  if (live > s->floor) s->floor = live;
  for (uint32_t i = 0; i < s->q->n_step; i++) {
    uint32_t id = s->order[i];
    const eao_order_step *t = &s->q->step[id];
    uint64_t extra, need = t->scratch_bytes;
    s->live[i] = live;
    int64_t delta = run_step(s, id, NULL, &extra);
    s->at[i] = live + extra;
    live = (uint64_t)((int64_t)live + delta);
    for (uint32_t k = 0; k < t->n_in + t->n_out; k++) {
      bool taken = k == t->n_in && t->in_place != EAO_ORDER_NONE;
      if (!taken) need += s->q->buffer[s->q->ref[t->ref + k]].bytes;
    }
    if (need > s->floor) s->floor = need;
  }
  s->live[s->q->n_step] = live;
  if (live > s->floor) s->floor = live;
}

static uint64_t peak_of(const search *s, uint32_t begin, uint32_t end) {
  uint64_t most = s->floor;
  for (uint32_t i = begin; i < end; i++)
    if (s->at[i] > most) most = s->at[i];
  return most;
}

/* ---- one window ---- */

static void find_before(search *s) {
  memset(s->before, 0, sizeof s->before);
  for (uint32_t i = 0; i < s->n; i++) {
    const eao_order_step *t = step_at(s, s->begin + i);
    for (uint32_t k = 0; k < t->n_in; k++) {
      uint32_t m = s->maker[s->q->ref[t->ref + k]];
      if (m == EAO_ORDER_NONE || s->place[m] < s->begin) continue;
      put(&s->before[i], s->place[m] - s->begin);
    }
  }
}

/* Where the set stands in the table, or an entry of an older level in its place. */
static uint32_t slot_of(const search *s, const state *level, const set *done) {
  uint64_t h = 14695981039346656037u;
  for (int i = 0; i < WORDS; i++) {
    h = (h ^ done->w[i]) * 0x9E3779B97F4A7C15u;
    h ^= h >> 29;
  }
  uint32_t at = (uint32_t)h & (TABLE - 1);
  while (s->table[at] >> 32 == s->stamp && !same(&level[(uint32_t)s->table[at] - 1].done, done))
    at = (at + 1) & (TABLE - 1);
  return at;
}

/* Adds to the next level what comes of taking step i of the window; true when it can only help. */
static bool take(search *s, uint32_t parent, uint32_t i, uint64_t limit, uint32_t *n_next) {
  const state *from = &s->now[parent];
  state *next = s->next;
  uint64_t extra;
  int64_t delta = run_step(s, s->order[s->begin + i], &from->done, &extra);
  state t = {from->done, (uint64_t)((int64_t)from->live + delta), from->peak, parent, i};
  put(&t.done, i);
  bool helps = delta <= 0 && from->live + extra <= from->peak;
  if (from->live + extra > t.peak) t.peak = from->live + extra;
  if (t.peak >= limit) return false;
  uint32_t slot = slot_of(s, next, &t.done);
  if (s->table[slot] >> 32 == s->stamp) {
    state *was = &next[(uint32_t)s->table[slot] - 1];
    if (t.peak < was->peak) *was = t;
  } else if (*n_next < GROWN_MAX) {
    next[*n_next] = t;
    s->table[slot] = s->stamp << 32 | ++*n_next;
  } else {
    s->exact = false;
  }
  return helps;
}

static int by_peak(const void *a, const void *b) {
  const state *x = a, *y = b;
  if (x->peak != y->peak) return x->peak < y->peak ? -1 : 1;
  if (x->live != y->live) return x->live < y->live ? -1 : 1;
  return memcmp(&x->done, &y->done, sizeof x->done);
}

static bool ready(const search *s, const state *from, uint32_t i) {
  return !has(&from->done, i) && covers(&from->done, &s->before[i]);
}

/* The next level, from all of the last; returns its size. */
static uint32_t grow(search *s, uint64_t limit) {
  uint32_t n_next = 0, beam = s->work > work_max ? BEAM_LATE : BEAM;
  s->stamp++;
  for (uint32_t k = 0; k < s->n_now; k++) {
    const state *from = &s->now[k];
    bool helped = false;
    s->work += s->n;
    /* First look for a step that can only help: then nothing else has to be tried. */
    for (uint32_t i = 0; i < s->n && !helped; i++) {
      uint64_t extra;
      if (!ready(s, from, i) || run_step(s, s->order[s->begin + i], &from->done, &extra) > 0)
        continue;
      if (from->live + extra <= from->peak) helped = take(s, k, i, limit, &n_next);
    }
    for (uint32_t i = 0; i < s->n && !helped; i++)
      if (ready(s, from, i)) take(s, k, i, limit, &n_next);
  }
  if (n_next > beam) {
    qsort(s->next, n_next, sizeof *s->next, by_peak);
    n_next = beam;
    s->exact = false;
  }
  return n_next;
}

static void store(search *s) {
  uint32_t steps[WINDOW_MAX], at = 0;
  for (uint32_t d = s->n; d > 0; d--) {
    const origin *t = &s->level[d][at];
    steps[d - 1] = s->order[s->begin + t->step];
    at = t->parent;
  }
  for (uint32_t i = 0; i < s->n; i++) {
    s->order[s->begin + i] = steps[i];
    s->place[steps[i]] = s->begin + i;
  }
}

/* Keeps how the sets of the next level came about, and makes it the last. */
static eao_status keep_level(search *s, uint32_t depth, uint32_t n) {
  s->level[depth] = eao_alloc(s->q->ctx, n * sizeof **s->level);
  if (!s->level[depth]) return EAO_NOMEM(s->q->ctx);
  for (uint32_t i = 0; i < n; i++)
    s->level[depth][i] = (origin){s->next[i].parent, s->next[i].step};
  state *was = s->now;
  s->now = s->next;
  s->next = was;
  s->n_now = n;
  return EAO_OK;
}

static eao_status search_window(search *s, uint32_t begin, uint32_t end) {
  s->begin = begin;
  s->n = end - begin;
  uint64_t limit = peak_of(s, begin, end);
  if (limit <= s->floor || s->n < 2) return EAO_OK;
  if (s->work > 4 * work_max) {
    s->exact = false;
    return EAO_OK;
  }
  find_before(s);
  eao_status st = EAO_OK;
  uint32_t depth = 1;
  s->now[0] = (state){.live = s->live[begin], .peak = s->floor};
  s->n_now = 1;
  for (; st == EAO_OK && depth <= s->n; depth++) {
    uint32_t n = grow(s, limit);
    if (!n) break;
    st = keep_level(s, depth, n);
  }
  if (st == EAO_OK && depth > s->n) store(s);
  for (uint32_t d = 1; d < depth; d++) eao_free(s->q->ctx, s->level[d]);
  return st;
}

/* ---- the whole ---- */

/* cut[i]: the step at position i is comparable with all others, so the problem ends behind it. */
static void find_cuts(const search *s, bool *cut) {
  uint32_t n = s->q->n_step, reach = 0;
  int64_t from = n;
  for (uint32_t i = 0; i < n; i++) {
    cut[i] = reach <= i;
    uint32_t first = EAO_ORDER_NONE;
    const eao_order_step *t = step_at(s, i);
    for (uint32_t k = t->n_in; k < t->n_in + t->n_out; k++) {
      uint32_t b = s->q->ref[t->ref + k];
      for (uint32_t u = s->first_use[b]; u < s->first_use[b + 1]; u++)
        if (s->place[s->use[u]] < first) first = s->place[s->use[u]];
    }
    if (first > reach) reach = first;
  }
  for (uint32_t i = n; i-- > 0;) {
    if (from < i) cut[i] = false;
    int64_t last = -1;
    const eao_order_step *t = step_at(s, i);
    for (uint32_t k = 0; k < t->n_in; k++) {
      uint32_t m = s->maker[s->q->ref[t->ref + k]];
      if (m != EAO_ORDER_NONE && s->place[m] > last) last = s->place[m];
    }
    if (last < from) from = last;
  }
}

static eao_status search_all(search *s) {
  uint32_t n = s->q->n_step, begin = 0;
  bool *cut = eao_alloc(s->q->ctx, n);
  if (!cut) return EAO_NOMEM(s->q->ctx);
  find_cuts(s, cut);
  eao_status st = EAO_OK;
  bool chopped = false;
  for (uint32_t i = 0; i < n && st == EAO_OK; i++) {
    bool full = i + 1 - begin == WINDOW_MAX;
    if (!cut[i] && !full && i + 1 < n) continue;
    if (full && !cut[i] && i + 1 < n) chopped = true;
    uint64_t was = peak_of(s, begin, i + 1);
    if (chopped && was > s->floor) s->exact = false;
    st = search_window(s, begin, i + 1);
    begin = i + 1;
    if (cut[i]) chopped = false;
  }
  eao_free(s->q->ctx, cut);
  return st;
}

static bool prepare(search *s) {
  const eao_order_problem *q = s->q;
  uint32_t n = q->n_step, m = q->n_buffer, n_use = 0;
  for (uint32_t i = 0; i < n; i++) n_use += q->step[i].n_in;
  s->place = eao_alloc(q->ctx, n * sizeof *s->place);
  s->use = eao_alloc(q->ctx, n_use * sizeof *s->use);
  s->first_use = eao_alloc(q->ctx, ((size_t)m + 1) * sizeof *s->first_use);
  s->maker = eao_alloc(q->ctx, m * sizeof *s->maker);
  s->live = eao_alloc(q->ctx, ((size_t)n + 1) * sizeof *s->live);
  s->at = eao_alloc(q->ctx, n * sizeof *s->at);
  s->table = eao_alloc(q->ctx, TABLE * sizeof *s->table);
  s->now = eao_alloc(q->ctx, GROWN_MAX * sizeof *s->now);
  s->next = eao_alloc(q->ctx, GROWN_MAX * sizeof *s->next);
  if (!s->place || !s->use || !s->first_use || !s->maker || !s->live || !s->at || !s->table ||
      !s->now || !s->next)
    return false;
  for (uint32_t b = 0; b < m; b++) s->maker[b] = EAO_ORDER_NONE;
  for (uint32_t i = 0; i < n; i++) {
    const eao_order_step *t = &q->step[i];
    s->order[i] = s->place[i] = i;
    for (uint32_t k = 0; k < t->n_in; k++) s->first_use[q->ref[t->ref + k] + 1]++;
    for (uint32_t k = t->n_in; k < t->n_in + t->n_out; k++) s->maker[q->ref[t->ref + k]] = i;
  }
  for (uint32_t b = 0; b < m; b++) s->first_use[b + 1] += s->first_use[b];
  for (uint32_t i = n; i-- > 0;) /* filled from behind: first_use ends up in place again */
    for (uint32_t k = 0; k < q->step[i].n_in; k++) {
      uint32_t b = q->ref[q->step[i].ref + k];
      s->use[--s->first_use[b + 1]] = i;
    }
  memmove(s->first_use, s->first_use + 1, m * sizeof *s->first_use);
  s->first_use[m] = n_use;
  return true;
}

eao_status eao_order_search(const eao_order_problem *q, uint32_t *order, eao_order_result *out) {
  search *s = eao_alloc(q->ctx, sizeof *s);
  if (!s) return EAO_NOMEM(q->ctx);
  s->q = q;
  s->order = order;
  s->exact = true;
  eao_status st = prepare(s) ? EAO_OK : EAO_NOMEM(q->ctx);
  if (st == EAO_OK) {
    simulate(s);
    out->given_bytes = peak_of(s, 0, q->n_step);
    st = search_all(s);
  }
  if (st == EAO_OK) {
    simulate(s);
    out->bytes = peak_of(s, 0, q->n_step);
    out->bound_bytes = s->exact ? out->bytes : s->floor;
  }
  eao_free(q->ctx, s->place);
  eao_free(q->ctx, s->use);
  eao_free(q->ctx, s->first_use);
  eao_free(q->ctx, s->maker);
  eao_free(q->ctx, s->live);
  eao_free(q->ctx, s->at);
  eao_free(q->ctx, s->table);
  eao_free(q->ctx, s->now);
  eao_free(q->ctx, s->next);
  eao_free(q->ctx, s);
  return st;
}
