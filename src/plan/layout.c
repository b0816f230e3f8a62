/* Lifetimes and offsets.
 *
 * Offsets: buffers in some order, each at the lowest place where it meets no buffer alive at the
 * same time (best fit: the tightest gap); a few orders are tried and the best is kept. The most
 * bytes alive at one point is a lower bound that no layout beats. */
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

enum { TRIES_MAX = 64 /* swaps for each order of placing */ };
static const uint64_t place_max = 100u * 1000 * 1000;

typedef struct buffer {
  uint64_t bytes, offset;
  uint32_t first, last; /* entries */
  uint32_t tensor;      /* root; EAO_NONE: scratch of entry `first` */
} buffer;

eao_status eao_plan_layerwise(eao_plan *p) {
  eao_free(p->ctx, p->entry);
  p->n_band = 0;
  p->n_entry = p->n_step;
  p->entry = eao_alloc(p->ctx, p->n_step * sizeof *p->entry);
  if (!p->entry) return EAO_NOMEM(p->ctx);
  for (uint32_t i = 0; i < p->n_step; i++) p->entry[i] = (eao_plan_entry){.first = i, .n = 1};
  return EAO_OK;
}

static void touch(eao_plan *p, uint32_t t, uint32_t entry) {
  if (t == EAO_NONE || eao_plan_is_const(p, t)) return;
  eao_plan_tensor *x = &p->tensor[t];
  if (entry < x->first) x->first = entry;
  if (entry > x->last) x->last = entry;
}

/* Life of each tensor. What must outlive the program ends one entry after it. */
static void find_lives(eao_plan *p) {
  for (uint32_t i = 0; i < p->n_tensor; i++) {
    p->tensor[i].first = UINT32_MAX;
    p->tensor[i].last = 0;
  }
  for (uint32_t e = 0; e < p->n_entry; e++)
    for (uint32_t i = p->entry[e].first; i < p->entry[e].first + p->entry[e].n; i++)
      for (uint32_t k = 0; k < p->step[i].n_in + p->step[i].n_out; k++)
        touch(p, p->step[i].ref[k], e);
  for (uint32_t i = 0; i < p->n_input; i++) touch(p, p->input[i].tensor, 0);
  for (uint32_t i = 0; i < p->n_output; i++) touch(p, p->output[i].tensor, p->n_entry);
  for (uint32_t i = 0; i < p->n_state; i++) {
    touch(p, p->state[i].in, 0);
    touch(p, p->state[i].in, p->n_entry);
    touch(p, p->state[i].out, p->n_entry);
  }
}

/* The tensor at the end of the chain of those who took over each other's buffer. */
static uint32_t root_of(eao_plan_tensor *t, uint32_t i) {
  while (t[i].root != i) i = t[i].root = t[t[i].root].root;
  return i;
}

/* Roots: views first, then in place where the input dies at the step. The root's life covers that
 * of all who share its buffer. */
static void find_roots(eao_plan *p) {
  eao_plan_tensor *t = p->tensor;
  for (uint32_t i = 0; i < p->n_tensor; i++) t[i].root = t[i].view;
  for (uint32_t i = 0; i < p->n_tensor; i++) {
    eao_plan_tensor *r = &t[t[i].root];
    if (t[i].first < r->first) r->first = t[i].first;
    if (t[i].last > r->last) r->last = t[i].last;
  }
  for (uint32_t e = 0; e < p->n_entry; e++) {
    const eao_plan_step *s = &p->step[p->entry[e].first];
    if (p->entry[e].n_band || s->in_place == EAO_NONE) continue;
    uint32_t in = root_of(t, s->ref[s->in_place]), out = s->ref[s->n_in];
    if (t[out].view != out || t[in].last != e || t[out].first != e) continue;
    t[out].root = in;
    t[in].last = t[out].last;
  }
  for (uint32_t i = 0; i < p->n_tensor; i++) t[i].root = root_of(t, i);
}

static uint32_t collect(const eao_plan *p, buffer *b) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < p->n_tensor; i++) {
    const eao_plan_tensor *t = &p->tensor[i];
    if (t->root != i || eao_plan_is_const(p, i) || t->first == UINT32_MAX) continue;
    b[n++] = (buffer){.bytes = eao_plan_align(eao_plan_held_bytes(t)),
                      .first = t->first,
                      .last = t->last,
                      .tensor = i};
  }
  for (uint32_t e = 0; e < p->n_entry; e++) {
    uint64_t most = 0;
    for (uint32_t i = 0; i < p->entry[e].n; i++)
      if (p->step[p->entry[e].first + i].scratch_bytes > most)
        most = p->step[p->entry[e].first + i].scratch_bytes;
    if (most)
      b[n++] = (buffer){.bytes = eao_plan_align(most), .first = e, .last = e, .tensor = EAO_NONE};
  }
  return n;
}

static bool meets(const buffer *a, const buffer *b) {
  return a->first <= b->last && b->first <= a->last;
}

/* Places buffers in the given order; returns the bytes taken. placed: n entries, sorted by offset.
 */
static uint64_t place(buffer *const *order, uint32_t n, buffer **placed) {
  uint64_t total = 0;
  uint32_t k = 0;
  for (uint32_t i = 0; i < n; i++) {
    buffer *b = order[i];
    uint64_t at = 0, best = UINT64_MAX, best_gap = UINT64_MAX;
    for (uint32_t j = 0; j < k; j++) {
      const buffer *o = placed[j];
      if (!meets(b, o)) continue;
      if (o->offset >= at && o->offset - at >= b->bytes && o->offset - at < best_gap) {
        best = at;
        best_gap = o->offset - at;
      }
      if (o->offset + o->bytes > at) at = o->offset + o->bytes;
    }
    b->offset = best == UINT64_MAX ? at : best;
    if (b->offset + b->bytes > total) total = b->offset + b->bytes;
    uint32_t j = k++;
    for (; j > 0 && placed[j - 1]->offset > b->offset; j--) placed[j] = placed[j - 1];
    placed[j] = b;
  }
  return total;
}

/* Ties are broken by position, so that the result does not depend on the sort's implementation. */
static int tie(const buffer *x, const buffer *y) {
  return x < y ? -1 : x > y;
}
static int by_size(const void *a, const void *b) {
  const buffer *x = *(buffer *const *)a, *y = *(buffer *const *)b;
  if (x->bytes != y->bytes) return x->bytes > y->bytes ? -1 : 1;
  return tie(x, y);
}
static int by_area(const void *a, const void *b) {
  const buffer *x = *(buffer *const *)a, *y = *(buffer *const *)b;
  double u = (double)x->bytes * (x->last - x->first + 1);
  double v = (double)y->bytes * (y->last - y->first + 1);
  return u > v ? -1 : u < v ? 1 : tie(x, y);
}
static int by_start(const void *a, const void *b) {
  const buffer *x = *(buffer *const *)a, *y = *(buffer *const *)b;
  if (x->first != y->first) return x->first < y->first ? -1 : 1;
  return by_size(a, b);
}
static int by_life(const void *a, const void *b) {
  const buffer *x = *(buffer *const *)a, *y = *(buffer *const *)b;
  uint32_t u = x->last - x->first, v = y->last - y->first;
  if (u != v) return u > v ? -1 : 1;
  return by_size(a, b);
}

/* The point where most is alive: buffers that meet there first, since they decide the size. */
static void peak_first(buffer **order, uint32_t n, uint32_t peak) {
  uint32_t k = 0;
  for (uint32_t i = 0; i < n; i++) {
    buffer *b = order[i];
    if (b->first > peak || b->last < peak) continue;
    memmove(&order[k + 1], &order[k], (i - k) * sizeof *order);
    order[k++] = b;
  }
}

/* Bytes alive at each entry and after the last, from where buffers come and go; the most of them.
 */
static eao_status lower_bound(eao_plan *p, const buffer *b, uint32_t n, uint32_t *out_peak) {
  uint64_t *change = eao_alloc(p->ctx, ((size_t)p->n_entry + 2) * sizeof *change), live = 0;
  if (!change) return EAO_NOMEM(p->ctx);
  for (uint32_t i = 0; i < n; i++) {
    change[b[i].first] += b[i].bytes; /* modulo 2^64: sums of all are not negative */
    change[b[i].last + 1] -= b[i].bytes;
  }
  p->arena_bound_bytes = 0;
  *out_peak = 0;
  for (uint32_t e = 0; e <= p->n_entry; e++) {
    live += change[e];
    if (e < p->n_entry) p->entry[e].live_bytes = live;
    if (live > p->arena_bound_bytes) {
      p->arena_bound_bytes = live;
      *out_peak = e;
    }
  }
  eao_free(p->ctx, change);
  return EAO_OK;
}

static void store(eao_plan *p, const buffer *b, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (b[i].tensor != EAO_NONE) {
      p->tensor[b[i].tensor].offset = b[i].offset;
      continue;
    }
    const eao_plan_entry *e = &p->entry[b[i].first];
    for (uint32_t k = 0; k < e->n; k++) p->step[e->first + k].scratch_offset = b[i].offset;
  }
  for (uint32_t i = 0; i < p->n_tensor; i++)
    p->tensor[i].offset = p->tensor[p->tensor[i].root].offset + p->tensor[i].view_offset;
}

/* Places in this order, then in ones that differ by a swap; keeps what is no worse. The same
 * numbers are drawn each time, so the same model gets the same layout. */
static void improve(eao_plan *p, buffer *b, buffer **order, buffer **placed, uint32_t n,
                    uint32_t tries) {
  eao_rng rng = {n};
  uint64_t here = place(order, n, placed);
  if (here < p->arena_bytes) {
    p->arena_bytes = here;
    store(p, b, n);
  }
  for (uint32_t k = 0; k < tries && n > 1 && p->arena_bytes > p->arena_bound_bytes; k++) {
    uint32_t i = (uint32_t)eao_rng_below(&rng, n), j = (uint32_t)eao_rng_below(&rng, n);
    buffer *was = order[i];
    order[i] = order[j];
    order[j] = was;
    uint64_t total = place(order, n, placed);
    if (total < p->arena_bytes) {
      p->arena_bytes = total;
      store(p, b, n);
    }
    if (total <= here) {
      here = total;
      continue;
    }
    order[j] = order[i];
    order[i] = was;
  }
}

eao_status eao_plan_layout(eao_plan *p) {
  static int (*const orders[])(const void *, const void *) = {by_size, by_area, by_start, by_life};
  find_lives(p);
  find_roots(p);
  size_t cap = (size_t)p->n_tensor + p->n_entry;
  buffer *b = eao_alloc(p->ctx, cap * sizeof *b);
  buffer **order = eao_alloc(p->ctx, 2 * cap * sizeof(buffer *));
  if (!b || !order) {
    eao_free(p->ctx, b);
    eao_free(p->ctx, order);
    return EAO_NOMEM(p->ctx);
  }
  uint32_t n = collect(p, b), peak;
  eao_status s = lower_bound(p, b, n, &peak);
  /* Placing takes up to n * n / 2 looks. */
  uint64_t tries = n ? place_max / n / n : TRIES_MAX;
  if (tries > TRIES_MAX) tries = TRIES_MAX;
  p->arena_bytes = UINT64_MAX;
  for (uint32_t k = 0;
       s == EAO_OK && k < 2 * EAO_COUNT(orders) && p->arena_bytes > p->arena_bound_bytes; k++) {
    for (uint32_t i = 0; i < n; i++) order[i] = &b[i];
    qsort(order, n, sizeof *order, orders[k / 2]);
    if (k % 2) peak_first(order, n, peak);
    improve(p, b, order, order + cap, n, k == 0 ? 0 : (uint32_t)tries);
  }
  eao_free(p->ctx, b);
  eao_free(p->ctx, order);
  return s;
}
