/* Which chains of steps are streamed.
 *
 * The steps are cut into segments, each a plain step or a stage; a segment needs the bytes alive
 * around it plus what it makes, where a stage holds of its inner results only a few rows.
 * Dynamic programming over the cuts gives first the least possible maximum. Then segments get a
 * price, what they cost beyond their arithmetic: calls, rows moved and read again, threads that
 * find too little to do, traffic beyond the cache; a second run finds the cheapest program within
 * the limit, which may well be layer by layer. */
#include <string.h>

#include "plan/plan.h"

enum {
  SPAN_MAX = EAO_PLAN_SPAN_MAX,
  BAND_MAX = 64 /* rows of a band */
};
static const uint64_t work_max = 8u * 1000 * 1000; /* bands simulated in one search */

typedef struct segment {
  uint64_t bytes; /* at the chosen band; UINT64_MAX: not possible */
  uint64_t price; /* ps */
  uint32_t band;  /* rows; 0: a plain step */
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
    uint64_t bytes = eao_plan_align(p->tensor[i].bytes); /* comes and goes, summed below */
    if (q->first[i] + 1 < p->n_step) q->cross[q->first[i] + 1] += bytes;
    if (q->last[i] + 1 < p->n_step) q->cross[q->last[i] + 1] -= bytes;
  }
  for (uint32_t s = 1; s < p->n_step; s++) q->cross[s] += q->cross[s - 1];
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

/* The stage [begin, end) in bands of `band` rows: its schedule, appended to p->band, its shape and
 * its segment. */
static eao_status try_stage(search *q, uint32_t begin, uint32_t end, uint32_t band,
                            eao_plan_stage_shape *shape, segment *out) {
  eao_plan *p = q->p;
  uint32_t n = end - begin, n_band = p->n_band;
  out->bytes = UINT64_MAX;
  for (uint32_t i = 0; i < n; i++) shape->whole[i] = is_whole(q, begin + i, end);
  eao_status s = eao_plan_schedule(p, begin, n, band, shape);
  q->work += p->n_band - n_band;
  if (s == EAO_ERR_UNSUPPORTED) return EAO_OK;
  EAO_TRY(s);
  uint64_t bytes = q->cross[begin] + shape->held_bytes, scratch = 0;
  for (uint32_t i = 0; i < n; i++) {
    const eao_plan_step *st = &p->step[begin + i];
    if (shape->whole[i]) bytes += eao_plan_align(p->tensor[st->ref[st->n_in]].bytes);
    if (st->scratch_bytes > scratch) scratch = st->scratch_bytes;
  }
  *out = (segment){.bytes = bytes + eao_plan_align(scratch),
                   .price = eao_plan_price_stage(p, begin, n, band, shape, q->first),
                   .band = band};
  return EAO_OK;
}

/* Every segment in the narrowest bands: the least memory it can do with. */
static eao_status weigh(search *q) {
  eao_plan *p = q->p;
  eao_plan_stage_shape shape;
  for (uint32_t begin = 0; begin < p->n_step; begin++) {
    *at(q, begin, begin + 1) = (segment){.bytes = q->cross[begin] + plain_bytes(q, begin),
                                         .price = eao_plan_price_step(p, begin, q->first)};
    for (uint32_t end = begin + 1; end <= p->n_step && end - begin <= SPAN_MAX; end++) {
      if (!p->step[end - 1].row_local || !inputs_fit(q, begin, end - 1) || q->work > work_max)
        break;
      if (end - begin == 1) continue;
      p->n_band = 0;
      EAO_TRY(try_stage(q, begin, end, 1, &shape, at(q, begin, end)));
    }
  }
  return EAO_OK;
}

/* Every stage in the bands that cost least within the limit. */
static eao_status widen(search *q, uint64_t limit) {
  eao_plan_stage_shape shape;
  q->work = 0;
  for (uint32_t begin = 0; begin < q->p->n_step; begin++) {
    for (uint32_t end = begin + 2; end <= q->p->n_step && end - begin <= SPAN_MAX; end++) {
      segment *best = at(q, begin, end), wider;
      if (best->bytes > limit) continue;
      for (uint32_t band = BAND_MAX; band > 1 && q->work <= work_max; band /= 2) {
        q->p->n_band = 0;
        EAO_TRY(try_stage(q, begin, end, band, &shape, &wider));
        if (wider.bytes <= limit && wider.price < best->price) *best = wider;
      }
    }
  }
  return EAO_OK;
}

/* Cuts with the least maximum (limit UINT64_MAX), or the cheapest within the limit: begin of the
 * segment that ends at each step. */
static uint64_t cut(const search *q, bool by_price, uint64_t limit, uint64_t *most, uint64_t *price,
                    uint32_t *from) {
  uint32_t n = q->p->n_step;
  most[0] = price[0] = 0;
  for (uint32_t end = 1; end <= n; end++) {
    most[end] = price[end] = UINT64_MAX;
    for (uint32_t len = 1; len <= SPAN_MAX && len <= end; len++) {
      const segment *s = at(q, end - len, end);
      if (s->bytes == UINT64_MAX || s->bytes > limit || most[end - len] == UINT64_MAX) continue;
      uint64_t m = most[end - len] > s->bytes ? most[end - len] : s->bytes;
      uint64_t c = price[end - len] + s->price;
      if (by_price ? c >= price[end] : m >= most[end]) continue;
      most[end] = m;
      price[end] = c;
      from[end] = end - len;
    }
  }
  return most[n];
}

static eao_status store_stage(search *q, eao_plan_entry *x) {
  eao_plan *p = q->p;
  eao_plan_stage_shape shape;
  uint32_t band = at(q, x->first, x->first + x->n)->band;
  segment seg;
  x->first_band = p->n_band;
  EAO_TRY(try_stage(q, x->first, x->first + x->n, band, &shape, &seg));
  x->n_band = p->n_band - x->first_band;
  for (uint32_t i = 0; i < x->n; i++) {
    eao_plan_step *s = &p->step[x->first + i];
    eao_plan_tensor *t = &p->tensor[s->ref[s->n_in]];
    uint64_t all = (uint64_t)t->t.dim[1], b = band < all ? band : all;
    if (!shape.whole[i]) t->rows = shape.rows[i];
    s->split = eao_plan_worth_sharing(s->macs * b / all, t->bytes * b / all);
  }
  return EAO_OK;
}

static eao_status store(search *q, const uint32_t *from) {
  eao_plan *p = q->p;
  uint32_t n = 0;
  for (uint32_t end = p->n_step; end > 0; end = from[end]) n++;
  uint32_t e = p->n_entry = n;
  for (uint32_t end = p->n_step; end > 0; end = from[end])
    p->entry[--e] = (eao_plan_entry){.first = from[end], .n = end - from[end]};
  p->n_band = 0;
  for (e = 0; e < n; e++)
    if (p->entry[e].n > 1) EAO_TRY(store_stage(q, &p->entry[e]));
  return EAO_OK;
}

/* What the arena may take. */
static uint64_t limit_of(const eao_plan *p) {
  const eao_plan_opts *o = &p->opts;
  uint64_t weights = (uint64_t)((double)p->weight_bytes * o->weights_in_ram);
  uint64_t most = p->arena_bytes_layerwise; /* wide bands could take more, which nobody wants */
  if (o->stream == EAO_STREAM_ALWAYS) return 0;
  if (o->ram_budget) return o->ram_budget < most ? o->ram_budget : most;
  if (!o->device_ram) return most;
  uint64_t left = o->device_ram > weights ? o->device_ram - weights : 0;
  return left < most ? left : most;
}

bool eao_plan_wants_streaming(const eao_plan *p) {
  const eao_plan_opts *o = &p->opts;
  if (o->stream != EAO_STREAM_AUTO) return o->stream == EAO_STREAM_ALWAYS;
  return p->arena_bytes_layerwise > limit_of(p) ||
         p->arena_bytes_layerwise > o->machine.cache_bytes;
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
  uint64_t *price = eao_alloc(p->ctx, (n + 1) * sizeof *price);
  uint32_t *from = eao_alloc(p->ctx, (n + 1) * sizeof *from);
  eao_status s = EAO_OK;
  if (!q.first || !q.last || !q.shown || !q.cross || !q.seg || !most || !price || !from)
    s = EAO_NOMEM(p->ctx);
  for (size_t i = 0; s == EAO_OK && i < n * SPAN_MAX; i++) q.seg[i].bytes = UINT64_MAX;
  if (s == EAO_OK) {
    find_lives(&q);
    s = weigh(&q);
  }
  if (s == EAO_OK) {
    uint64_t least = cut(&q, false, UINT64_MAX, most, price, from), limit = limit_of(p);
    if (limit < least) limit = least;
    /* Where layer by layer is the best there is, nothing more has to be searched. */
    bool pays = least < p->arena_bound_layerwise || p->opts.stream == EAO_STREAM_AUTO;
    if (pays) s = widen(&q, limit);
    if (pays && s == EAO_OK) {
      cut(&q, true, limit, most, price, from);
      s = store(&q, from);
    }
  }
  eao_free(p->ctx, q.first);
  eao_free(p->ctx, q.last);
  eao_free(p->ctx, q.shown);
  eao_free(p->ctx, q.cross);
  eao_free(p->ctx, q.seg);
  eao_free(p->ctx, most);
  eao_free(p->ctx, price);
  eao_free(p->ctx, from);
  return s;
}
