#include "search/halving.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
  FIRST_MIN = 64, /* samples of the first rung, at least */
  FIRST_PART = 32,
  GROWTH = 6, /* samples of a rung over the one before */
  KEEP = 3,   /* one variant in so many goes on */
  KEEP_MIN = 3
};

/* A prediction this much worse than what was measured is taken as certainly worse. */
static const double sure = 1.3;

typedef struct halving {
  eao_ctx *ctx;
  const eao_lab *lab;
  const eao_budget *want; /* the user's */
  eao_budget b;           /* of this hunt: perhaps one bound less */
  eao_field *f;
  bool *prepared, *there, *alive, *out; /* by variant; out: this hunt gave it up for good */
  bool *estimated, *timed;              /* by point */
  double *guess;                        /* by point: latency before it was measured */
  double *ratio;    /* by variant: least of measured over guessed; 0: none measured */
  const char **why; /* by variant: why it was not measured further */
} halving;

static bool stop(const halving *h) {
  return h->lab->stop && h->lab->stop(h->lab->user);
}

/* ---- making and estimating ---- */

static eao_status prepare(halving *h, uint32_t v) {
  if (h->prepared[v] || stop(h)) return EAO_OK;
  EAO_TRY(h->lab->prepare(h->lab->user, v, &h->there[v]));
  h->prepared[v] = true;
  for (uint32_t p = 0; h->there[v] && p < h->f->n_point; p++) {
    eao_candidate *c = &h->f->list[p];
    if (h->f->variant_of[p] != v || h->estimated[p]) continue;
    if (stop(h)) return EAO_OK;
    EAO_TRY(h->lab->estimate(h->lab->user, p, c));
    h->estimated[p] = true;
    h->guess[p] = c->value[EAO_GOAL_LATENCY_P95_MS];
  }
  return EAO_OK;
}

/* Misses a budget by a figure that will not change. */
static bool misses(const halving *h, const eao_candidate *c) {
  for (int g = 0; g < EAO_GOAL_COUNT; g++) {
    if (g == EAO_GOAL_ACCURACY || g == EAO_GOAL_ACCURACY_DROP) continue;
    if (c->estimated[g] && h->lab->time) continue;
    if (eao_budget_miss(&h->b, c, (eao_goal)g) > 0) return true;
  }
  return false;
}

static bool usable(const halving *h, uint32_t p) {
  return h->estimated[p] && !h->f->list[p].failed && !misses(h, &h->f->list[p]);
}

static double expected(const halving *h, uint32_t p) {
  if (h->timed[p] || !h->lab->time) return h->f->list[p].value[EAO_GOAL_LATENCY_P95_MS];
  double ratio = h->ratio[h->f->variant_of[p]], sum = 0, n = 0;
  for (uint32_t v = 0; ratio <= 0 && v < h->f->n_variant; v++)
    if (h->ratio[v] > 0) {
      sum += log(h->ratio[v]);
      n++;
    }
  if (ratio <= 0) ratio = n > 0 ? exp(sum / n) : 1;
  return h->guess[p] * ratio;
}

/* Usable point of v expected to be the fastest; settled: only those whose figures are final. */
static int32_t best_point(const halving *h, uint32_t v, bool settled) {
  int32_t best = -1;
  for (uint32_t p = 0; p < h->f->n_point; p++) {
    if (h->f->variant_of[p] != v || !usable(h, p)) continue;
    if (settled && h->lab->time && !h->timed[p]) continue;
    if (best < 0 || expected(h, p) < expected(h, (uint32_t)best)) best = (int32_t)p;
  }
  return best;
}

/* ---- measuring ---- */

static eao_status time_point(halving *h, uint32_t p) {
  uint32_t v = h->f->variant_of[p];
  EAO_TRY(h->lab->time(h->lab->user, p, &h->f->list[p]));
  h->timed[p] = true;
  double ms = h->f->list[p].value[EAO_GOAL_LATENCY_P95_MS];
  /* The least: a disturbed measurement must not make the others look slow. */
  double ratio = h->guess[p] > 0 ? ms / h->guess[p] : 0;
  if (ratio > 0 && (!(h->ratio[v] > 0) || ratio < h->ratio[v])) h->ratio[v] = ratio;
  return EAO_OK;
}

/* The fastest point of v for certain: measured, and no other expected to beat it. */
static eao_status time_variant(halving *h, uint32_t v) {
  while (h->lab->time && !stop(h)) {
    int32_t next = -1, best = best_point(h, v, true);
    for (uint32_t p = 0; p < h->f->n_point; p++)
      if (h->f->variant_of[p] == v && usable(h, p) && !h->timed[p] &&
          (next < 0 || expected(h, p) < expected(h, (uint32_t)next)))
        next = (int32_t)p;
    if (next < 0) return EAO_OK;
    if (best >= 0 && expected(h, (uint32_t)next) > sure * expected(h, (uint32_t)best))
      return EAO_OK;
    EAO_TRY(time_point(h, (uint32_t)next));
  }
  return EAO_OK;
}

static eao_status grade(halving *h, uint32_t v, uint64_t n) {
  if (!h->lab->grade || !n || h->f->grade[v].n >= n || stop(h)) return EAO_OK;
  EAO_TRY(h->lab->grade(h->lab->user, v, n, &h->f->grade[v]));
  eao_halving_grades(h->f);
  return EAO_OK;
}

void eao_halving_grades(eao_field *f) {
  const eao_grade *base = &f->grade[f->baseline];
  for (uint32_t p = 0; p < f->n_point; p++) {
    eao_candidate *c = &f->list[p];
    const eao_grade *g = &f->grade[f->variant_of[p]];
    if (!g->n) continue;
    c->known[EAO_GOAL_ACCURACY] = true;
    c->value[EAO_GOAL_ACCURACY] = g->value;
    c->accuracy_lo = g->lo;
    c->accuracy_hi = g->hi;
    c->known[EAO_GOAL_ACCURACY_DROP] = base->n > 0;
    c->value[EAO_GOAL_ACCURACY_DROP] = base->n ? base->value - g->value : 0;
  }
}

/* ---- giving up ---- */

/* How much more accurate v is than u on the samples that both were scored on, and half the width of
 * that difference's 95 % interval. Most samples are as hard for the one as for the other, so the
 * difference is known far better than the accuracies themselves. */
static double lead(const halving *h, uint32_t v, uint32_t u, double *out_half) {
  const eao_grade *a = &h->f->grade[v], *b = &h->f->grade[u];
  uint64_t n = a->n < b->n ? a->n : b->n;
  double sum = 0, squares = 0;
  if (!n || !a->each || !b->each) {
    *out_half = a->n && b->n ? hypot(a->hi - a->value, b->hi - b->value) : INFINITY;
    return a->n && b->n ? a->value - b->value : 0;
  }
  for (uint64_t i = 0; i < n; i++) {
    double d = (double)a->each[i] - (double)b->each[i];
    sum += d;
    squares += d * d;
  }
  double mean = sum / (double)n, variance = squares / (double)n - mean * mean;
  /* No difference in a few samples proves little: count two more, one each way. */
  *out_half = 196 * sqrt((variance + 2 / (double)n) / (double)n);
  return 100 * mean;
}

static bool too_inaccurate(const halving *h, uint32_t v) {
  const eao_grade *g = &h->f->grade[v], *base = &h->f->grade[h->f->baseline];
  const eao_budget *b = &h->b;
  bool final = g->n >= h->f->samples;
  if (!g->n) return false;
  if (b->set[EAO_GOAL_ACCURACY] && (final ? g->value : g->hi) < b->limit[EAO_GOAL_ACCURACY])
    return true;
  if (!b->set[EAO_GOAL_ACCURACY_DROP] || !base->n) return false;
  double half, drop = lead(h, h->f->baseline, v, &half);
  return drop - (final ? 0 : half) > b->limit[EAO_GOAL_ACCURACY_DROP];
}

static bool too_slow(const halving *h, uint32_t v) {
  int32_t p = best_point(h, v, false);
  if (p < 0) return true;
  if (!h->b.set[EAO_GOAL_LATENCY_P95_MS]) return false;
  double slack = h->timed[p] || !h->lab->time ? 1 : h->ratio[v] > 0 ? sure : 3;
  return expected(h, (uint32_t)p) > slack * h->b.limit[EAO_GOAL_LATENCY_P95_MS];
}

/* Half the interval that u's accuracy would have on all samples: what counts as equally accurate.
 */
static double tie(const halving *h, uint32_t u) {
  const eao_grade *g = &h->f->grade[u];
  return g->n ? (g->hi - g->value) * sqrt((double)g->n / (double)h->f->samples) : 0;
}

static void give_up(halving *h, uint32_t v, const char *why) {
  h->alive[v] = false;
  h->why[v] = why;
}

/* Both fit as far as is known, and u is faster. Chosen is the fastest of the equally accurate. */
static void compare(halving *h, uint32_t u, uint32_t v, bool last) {
  double half, more = lead(h, v, u, &half);
  if (last && h->f->grade[u].n && h->f->grade[v].n) half = 0; /* the likelier must do */
  if (!h->lab->grade || more + half <= tie(h, u))
    give_up(h, v, "another is faster and as accurate");
  else if (more - half > tie(h, u))
    give_up(h, u, "less accurate than another that fits");
}

static void drop_hopeless(halving *h) {
  for (uint32_t v = 0; v < h->f->n_variant; v++) {
    if (!h->alive[v]) continue;
    h->out[v] = true;
    if (best_point(h, v, false) < 0)
      give_up(h, v, "misses the budget on size or RAM");
    else if (too_inaccurate(h, v))
      give_up(h, v, "not accurate enough for the budget");
    else if (too_slow(h, v))
      give_up(h, v, "too slow for the budget");
    else
      h->out[v] = false;
  }
}

static void drop_beaten(halving *h, bool last) {
  for (uint32_t u = 0; u < h->f->n_variant; u++)
    for (uint32_t v = 0; v < h->f->n_variant && h->alive[u]; v++) {
      if (u == v || !h->alive[v]) continue;
      int32_t pu = best_point(h, u, true), pv = best_point(h, v, false);
      if (pu < 0 || pv < 0) continue;
      double margin = h->timed[pv] || !h->lab->time ? 1 : sure;
      if (expected(h, (uint32_t)pu) * margin < expected(h, (uint32_t)pv)) compare(h, u, v, last);
    }
}

static uint32_t n_alive(const halving *h) {
  uint32_t n = 0;
  for (uint32_t v = 0; v < h->f->n_variant; v++) n += h->alive[v];
  return n;
}

/* The next to keep, alternating between the fastest of those that may be as accurate as the best,
 * and the most accurate. */
static int32_t pick(const halving *h, const bool *kept, bool by_speed) {
  int32_t best = -1;
  double top = -INFINITY;
  for (uint32_t v = 0; v < h->f->n_variant; v++)
    if (h->alive[v] && h->f->grade[v].n) top = fmax(top, h->f->grade[v].value);
  for (uint32_t v = 0; v < h->f->n_variant; v++) {
    if (!h->alive[v] || kept[v]) continue;
    if (by_speed && h->f->grade[v].n && h->f->grade[v].hi < top) continue;
    if (best < 0) {
      best = (int32_t)v;
      continue;
    }
    double mine = expected(h, (uint32_t)best_point(h, v, false));
    double his = expected(h, (uint32_t)best_point(h, (uint32_t)best, false));
    double a = h->f->grade[v].value, a_best = h->f->grade[best].value;
    bool better = by_speed || a == a_best ? mine < his : a > a_best;
    if (better) best = (int32_t)v;
  }
  return best;
}

static eao_status keep_best(halving *h) {
  uint32_t n = n_alive(h), keep = (n + KEEP - 1) / KEEP, k = 0;
  if (keep < KEEP_MIN) keep = KEEP_MIN;
  if (n <= keep) return EAO_OK;
  bool *kept = eao_alloc(h->ctx, h->f->n_variant * sizeof *kept);
  if (!kept) return EAO_NOMEM(h->ctx);
  for (bool by_speed = true; k < keep; by_speed = !by_speed, k++) {
    int32_t v = pick(h, kept, by_speed);
    if (v < 0) v = pick(h, kept, false);
    if (v < 0) break;
    kept[v] = true;
  }
  for (uint32_t v = 0; v < h->f->n_variant; v++)
    if (h->alive[v] && !kept[v]) give_up(h, v, "others are faster or more accurate");
  eao_free(h->ctx, kept);
  return EAO_OK;
}

/* ---- a hunt ---- */

static bool complete(const halving *h, uint32_t p) {
  if (!h->estimated[p] || h->f->list[p].failed) return false;
  if (h->lab->time && !h->timed[p]) return false;
  return !h->lab->grade || h->f->grade[h->f->variant_of[p]].n >= h->f->samples;
}

static bool meets(const halving *h, uint32_t p) {
  for (int g = 0; g < EAO_GOAL_COUNT; g++)
    if (eao_budget_miss(&h->b, &h->f->list[p], (eao_goal)g) > 0) return false;
  return true;
}

static bool found(const halving *h) {
  for (uint32_t p = 0; p < h->f->n_point; p++)
    if (complete(h, p) && meets(h, p)) return true;
  return false;
}

/* One variant after the other, the most promising first: at the last rung one is often enough. */
static eao_status rung(halving *h, uint64_t n) {
  bool drop = h->b.set[EAO_GOAL_ACCURACY_DROP], last = n == h->f->samples;
  bool *done = eao_alloc(h->ctx, h->f->n_variant * sizeof *done);
  eao_status s = done ? EAO_OK : EAO_NOMEM(h->ctx);
  if (s == EAO_OK && drop && n_alive(h) && h->there[h->f->baseline])
    s = grade(h, h->f->baseline, n);
  for (int32_t v; s == EAO_OK && (v = pick(h, done, true)) >= 0;) {
    done[v] = true;
    s = grade(h, (uint32_t)v, n);
    if (s == EAO_OK && !too_inaccurate(h, (uint32_t)v)) s = time_variant(h, (uint32_t)v);
    drop_hopeless(h);
    drop_beaten(h, last);
  }
  for (uint32_t v = 0; s == EAO_OK && v < h->f->n_variant; v++) { /* not picked: less accurate */
    if (!h->alive[v] || done[v]) continue;
    s = grade(h, v, n);
    if (s == EAO_OK && !too_inaccurate(h, v)) s = time_variant(h, v);
  }
  drop_hopeless(h);
  drop_beaten(h, last);
  eao_free(h->ctx, done);
  return s;
}

/* Variants that only the comparison with better ones took out, one after the other: the better ones
 * did not hold. */
static eao_status second_chances(halving *h, uint32_t tier) {
  for (uint32_t v = 0; v < h->f->n_variant && !found(h) && !stop(h); v++) {
    if (h->f->tier[v] > tier || h->alive[v] || h->out[v] || !h->there[v]) continue;
    h->alive[v] = true;
    EAO_TRY(rung(h, h->f->samples));
  }
  return EAO_OK;
}

static eao_status hunt(halving *h, uint32_t tier) {
  uint64_t all = h->f->samples, n = all / FIRST_PART;
  for (uint32_t v = 0; v < h->f->n_variant; v++) {
    h->alive[v] = h->out[v] = false;
    if (h->f->tier[v] > tier) continue;
    EAO_TRY(prepare(h, v));
    h->alive[v] = h->there[v];
  }
  drop_hopeless(h);
  if (n < FIRST_MIN) n = FIRST_MIN;
  for (; n < all && !stop(h); n *= GROWTH) {
    EAO_TRY(rung(h, n));
    EAO_TRY(keep_best(h));
  }
  EAO_TRY(rung(h, all));
  return second_chances(h, tier);
}

/* Which bound, left out, lets a candidate through. */
static eao_status hunt_binding(halving *h, uint32_t tier) {
  uint32_t n_set = 0;
  for (int g = 0; g < EAO_GOAL_COUNT; g++) n_set += h->want->set[g];
  for (int g = 0; g < EAO_GOAL_COUNT && n_set > 0 && !stop(h); g++) {
    if (!h->want->set[g]) continue;
    h->b = *h->want;
    h->b.set[g] = false;
    if (!found(h)) EAO_TRY(hunt(h, tier));
  }
  h->b = *h->want;
  return EAO_OK;
}

/* ---- the end ---- */

static void screen(halving *h) {
  bool any = false;
  for (uint32_t p = 0; p < h->f->n_point; p++) any |= complete(h, p);
  for (uint32_t p = 0; p < h->f->n_point; p++) {
    eao_candidate *c = &h->f->list[p];
    uint32_t v = h->f->variant_of[p];
    if (c->failed) continue;
    if (!h->estimated[p]) { /* out of time, or a tier that was not needed */
      c->failed = h->prepared[v] ? h->there[v] : true;
      if (!c->failed) continue; /* the laboratory said why */
      snprintf(c->reason, sizeof c->reason, "%s",
               stop(h) ? "not tried: out of time" : "not tried: others fit");
      continue;
    }
    /* When nothing was measured to the end, what is known must do. */
    c->screened = any && !complete(h, p);
    if (!c->screened || *c->reason) continue;
    if (h->why[v] && !h->alive[v])
      snprintf(c->reason, sizeof c->reason, "not measured to the end: %s", h->why[v]);
    else
      snprintf(c->reason, sizeof c->reason,
               "not measured: another plan of this precision is better");
  }
}

static eao_status run(halving *h) {
  uint32_t last = 0, tier = 0;
  for (uint32_t v = 0; v < h->f->n_variant; v++)
    if (h->f->tier[v] > last) last = h->f->tier[v];
  for (; tier <= last; tier++) {
    EAO_TRY(hunt(h, tier));
    if (found(h)) break;
  }
  if (tier > last) EAO_TRY(hunt_binding(h, last));
  /* The report compares with the float model. */
  if (h->there[h->f->baseline]) EAO_TRY(grade(h, h->f->baseline, h->f->samples));
  screen(h);
  return EAO_OK;
}

eao_status eao_halving_run(eao_ctx *ctx, const eao_lab *lab, const eao_budget *budget,
                           eao_field *f) {
  halving h = {.ctx = ctx, .lab = lab, .want = budget, .b = *budget, .f = f};
  eao_arena a;
  eao_arena_init(&a, ctx);
  h.prepared = eao_arena_array(&a, f->n_variant, sizeof *h.prepared);
  h.there = eao_arena_array(&a, f->n_variant, sizeof *h.there);
  h.alive = eao_arena_array(&a, f->n_variant, sizeof *h.alive);
  h.out = eao_arena_array(&a, f->n_variant, sizeof *h.out);
  h.ratio = eao_arena_array(&a, f->n_variant, sizeof *h.ratio);
  h.why = eao_arena_array(&a, f->n_variant, sizeof *h.why);
  h.estimated = eao_arena_array(&a, f->n_point, sizeof *h.estimated);
  h.timed = eao_arena_array(&a, f->n_point, sizeof *h.timed);
  h.guess = eao_arena_array(&a, f->n_point, sizeof *h.guess);
  bool ok = h.prepared && h.there && h.alive && h.out && h.ratio && h.why && h.estimated &&
            h.timed && h.guess;
  eao_status s = ok ? run(&h) : EAO_NOMEM(ctx);
  eao_arena_deinit(&a);
  return s;
}
