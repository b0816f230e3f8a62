/* Which chains of steps are streamed.
 *
 * The steps are cut into segments, each a plain step or a stage; a segment needs the bytes alive
 * around it plus what it makes, where a stage holds of its inner results only a few rows.
 * Dynamic programming over the cuts gives first the least possible maximum, then, within that limit
 * (or the budget, if larger), the program with the fewest bands. */
#include <string.h>

#include "plan/plan.h"

enum {
  SPAN_MAX = 48, /* steps of a stage that are tried */
  BAND_MAX = 8   /* rows of a band */
};
static const uint64_t work_max = 40u * 1000 * 1000; /* bands simulated in one search */

typedef struct segment {
  uint64_t bytes; /* UINT64_MAX: not possible */
  uint32_t bands;
} segment;

typedef struct search {
  eao_plan *p;
  int64_t *first, *last; /* by tensor (root by view): steps of its life; -1: before the first */
  bool *shown;           /* by tensor: something is a view of it */
  uint64_t *cross;       /* by step: bytes of what is alive before it and still needed */
  segment *seg;          /* [end - 1][length - 1] */
  uint64_t work;
} search;

static segment *at(const search *q, uint32_t begin, uint32_t end) {
  return &q->seg[(size_t)(end - 1) * SPAN_MAX + (end - begin - 1)];
}

static void live(search *q, uint32_t t, int64_t step) {
  if (t == EAO_NONE || eao_plan_is_const(q->p, t)) return;
  t = q->p->tensor[t].view;
  if (step < q->first[t]) q->first[t] = step;
  if (step > q->last[t]) q->last[t] = step;
}

static void find_lives(search *q) {
  eao_plan *p = q->p;
  for (uint32_t i = 0; i < p->n_tensor; i++) {
    q->first[i] = INT64_MAX;
    q->last[i] = -1;
    if (p->tensor[i].view != i) q->shown[p->tensor[i].view] = true;
  }
  for (uint32_t s = 0; s < p->n_step; s++)
    for (uint32_t k = 0; k < p->step[s].n_in + p->step[s].n_out; k++) live(q, p->step[s].ref[k], s);
  for (uint32_t i = 0; i < p->n_input; i++) live(q, p->input[i].tensor, -1);
  for (uint32_t i = 0; i < p->n_output; i++) live(q, p->output[i].tensor, p->n_step);
  for (uint32_t i = 0; i < p->n_state; i++) {
    live(q, p->state[i].in, -1);
    live(q, p->state[i].in, p->n_step);
    live(q, p->state[i].out, p->n_step);
  }
  for (uint32_t i = 0; i < p->n_tensor; i++) {
    if (p->tensor[i].view != i || q->first[i] == INT64_MAX) continue;
    for (int64_t s = q->first[i] + 1; s <= q->last[i] && s < p->n_step; s++)
      q->cross[s] += eao_plan_align(p->tensor[i].bytes);
  }
}

/* Bytes that the steps [begin, end) make and use beyond what is alive before them. */
static uint64_t plain_bytes(const search *q, uint32_t i) {
  const eao_plan *p = q->p;
  const eao_plan_step *s = &p->step[i];
  uint64_t n = eao_plan_align(s->scratch_bytes);
  if (s->in_place != EAO_NONE && q->last[p->tensor[s->ref[s->in_place]].view] == i) return n;
  for (uint32_t k = 0; k < s->n_out; k++)
    if (s->ref[s->n_in + k] != EAO_NONE) n += eao_plan_align(p->tensor[s->ref[s->n_in + k]].bytes);
  return n;
}

/* Inputs that step i takes must be whole and finished, or rows of an inner result itself. */
static bool inputs_fit(const search *q, uint32_t begin, uint32_t i) {
  const eao_plan *p = q->p;
  const eao_plan_step *s = &p->step[i];
  for (uint32_t k = 0; k < s->n_in; k++) {
    uint32_t t = s->ref[k];
    if (t == EAO_NONE || eao_plan_is_const(p, t)) continue;
    bool inner = q->first[p->tensor[t].view] >= begin;
    if (inner && (!(s->row_inputs >> k & 1) || p->tensor[t].view != t)) return false;
  }
  return true;
}

static bool is_whole(const search *q, uint32_t step, uint32_t end) {
  const eao_plan_step *s = &q->p->step[step];
  uint32_t out = s->ref[s->n_in];
  return q->last[out] >= end || q->last[out] == step || q->shown[out];
}

static eao_status try_stage(search *q, uint32_t begin, uint32_t end, uint32_t band, bool *whole,
                            uint32_t *rows, segment *out) {
  eao_plan *p = q->p;
  uint32_t n = end - begin, n_band = p->n_band;
  out->bytes = UINT64_MAX;
  for (uint32_t i = 0; i < n; i++) whole[i] = is_whole(q, begin + i, end);
  eao_status s = eao_plan_schedule(p, begin, n, band, whole, rows);
  q->work += p->n_band - n_band;
  if (s == EAO_ERR_UNSUPPORTED) return EAO_OK;
  EAO_TRY(s);
  uint64_t bytes = q->cross[begin], scratch = 0;
  for (uint32_t i = 0; i < n; i++) {
    const eao_plan_step *st = &p->step[begin + i];
    const eao_plan_tensor *t = &p->tensor[st->ref[st->n_in]];
    uint64_t held = whole[i] ? t->bytes : t->bytes / (uint64_t)t->t.dim[1] * rows[i];
    bytes += eao_plan_align(held);
    if (st->scratch_bytes > scratch) scratch = st->scratch_bytes;
  }
  out->bytes = bytes + eao_plan_align(scratch);
  out->bands = p->n_band - n_band;
  return EAO_OK;
}

static eao_status weigh(search *q) {
  eao_plan *p = q->p;
  bool whole[SPAN_MAX];
  uint32_t rows[SPAN_MAX];
  for (uint32_t begin = 0; begin < p->n_step; begin++) {
    *at(q, begin, begin + 1) = (segment){.bytes = q->cross[begin] + plain_bytes(q, begin)};
    for (uint32_t end = begin + 1; end <= p->n_step && end - begin <= SPAN_MAX; end++) {
      if (!p->step[end - 1].row_local || !inputs_fit(q, begin, end - 1) || q->work > work_max)
        break;
      if (end - begin == 1) continue;
      p->n_band = 0;
      EAO_TRY(try_stage(q, begin, end, 1, whole, rows, at(q, begin, end)));
    }
  }
  return EAO_OK;
}

/* Cuts with the least maximum, then the fewest bands: begin of the segment that ends at each step.
 */
static uint64_t cut(const search *q, uint64_t limit, uint64_t *most, uint64_t *bands,
                    uint32_t *from) {
  uint32_t n = q->p->n_step;
  most[0] = bands[0] = 0;
  for (uint32_t end = 1; end <= n; end++) {
    most[end] = bands[end] = UINT64_MAX;
    for (uint32_t len = 1; len <= SPAN_MAX && len <= end; len++) {
      const segment *s = at(q, end - len, end);
      if (s->bytes == UINT64_MAX || s->bytes > limit || most[end - len] == UINT64_MAX) continue;
      uint64_t m = most[end - len] > s->bytes ? most[end - len] : s->bytes;
      uint64_t b = bands[end - len] + s->bands;
      bool better = limit == UINT64_MAX ? m < most[end] : b < bands[end];
      if (!better) continue;
      most[end] = m;
      bands[end] = b;
      from[end] = end - len;
    }
  }
  return most[n];
}

/* The stage in the largest bands that stay within the limit: fewer calls, less to move. */
static eao_status store_stage(search *q, eao_plan_entry *x, uint64_t limit) {
  eao_plan *p = q->p;
  bool whole[SPAN_MAX];
  uint32_t rows[SPAN_MAX];
  segment seg;
  x->first_band = p->n_band;
  uint32_t band = BAND_MAX;
  for (; band > 0; band /= 2) {
    p->n_band = x->first_band;
    EAO_TRY(try_stage(q, x->first, x->first + x->n, band, whole, rows, &seg));
    if (seg.bytes <= limit || band == 1) break;
  }
  x->n_band = p->n_band - x->first_band;
  for (uint32_t i = 0; i < x->n; i++) {
    eao_plan_step *s = &p->step[x->first + i];
    eao_plan_tensor *t = &p->tensor[s->ref[s->n_in]];
    if (!whole[i]) t->rows = rows[i];
    s->split = eao_plan_worth_sharing(s->macs * band / (uint64_t)t->t.dim[1],
                                      t->bytes * band / (uint64_t)t->t.dim[1]);
  }
  return EAO_OK;
}

static eao_status store(search *q, const uint32_t *from, uint64_t limit) {
  eao_plan *p = q->p;
  uint32_t n = 0;
  for (uint32_t end = p->n_step; end > 0; end = from[end]) n++;
  uint32_t e = p->n_entry = n;
  for (uint32_t end = p->n_step; end > 0; end = from[end])
    p->entry[--e] = (eao_plan_entry){.first = from[end], .n = end - from[end]};
  p->n_band = 0;
  for (e = 0; e < n; e++)
    if (p->entry[e].n > 1) EAO_TRY(store_stage(q, &p->entry[e], limit));
  return EAO_OK;
}

eao_status eao_plan_stream(eao_plan *p) {
  search q = {.p = p};
  size_t n = p->n_step;
  if (n == 0) return EAO_OK;
  q.first = eao_alloc(p->ctx, p->n_tensor * sizeof *q.first);
  q.last = eao_alloc(p->ctx, p->n_tensor * sizeof *q.last);
  q.shown = eao_alloc(p->ctx, p->n_tensor * sizeof *q.shown);
  q.cross = eao_alloc(p->ctx, n * sizeof *q.cross);
  q.seg = eao_alloc(p->ctx, n * SPAN_MAX * sizeof *q.seg);
  uint64_t *most = eao_alloc(p->ctx, (n + 1) * sizeof *most);
  uint64_t *bands = eao_alloc(p->ctx, (n + 1) * sizeof *bands);
  uint32_t *from = eao_alloc(p->ctx, (n + 1) * sizeof *from);
  eao_status s = EAO_OK;
  if (!q.first || !q.last || !q.shown || !q.cross || !q.seg || !most || !bands || !from)
    s = EAO_NOMEM(p->ctx);
  for (size_t i = 0; s == EAO_OK && i < n * SPAN_MAX; i++) q.seg[i].bytes = UINT64_MAX;
  if (s == EAO_OK) {
    find_lives(&q);
    s = weigh(&q);
  }
  if (s == EAO_OK) {
    uint64_t limit = cut(&q, UINT64_MAX, most, bands, from);
    if (limit < p->opts.ram_budget) limit = p->opts.ram_budget;
    cut(&q, limit, most, bands, from);
    s = store(&q, from, limit);
  }
  eao_free(p->ctx, q.first);
  eao_free(p->ctx, q.last);
  eao_free(p->ctx, q.shown);
  eao_free(p->ctx, q.cross);
  eao_free(p->ctx, q.seg);
  eao_free(p->ctx, most);
  eao_free(p->ctx, bands);
  eao_free(p->ctx, from);
  return s;
}
