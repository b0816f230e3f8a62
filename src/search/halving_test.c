/* The search against exhaustive runs, in a laboratory made of seeds: candidates with true costs and
 * accuracies, a predictor that errs, timings with noise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "search/halving.h"

enum { SCHEMES = 6, SIZES = 4, VARIANTS = SCHEMES * SIZES, PLANS = 9, POINTS = VARIANTS * PLANS };
enum { SAMPLES = 6000, TIMED_RUNS = 100, CASES = 10 };

typedef struct world {
  eao_rng rng;
  double accuracy[VARIANTS], run_ms[VARIANTS]; /* of one evaluated sample */
  double ms[POINTS], ram[POINTS], size[POINTS];
  float skill[SAMPLES]; /* how hard a sample is, the same for every variant */
  double cost_ms, all_ms;
  uint32_t variant_of[POINTS], tier[VARIANTS];
  eao_candidate list[POINTS];
  eao_grade grade[VARIANTS];
  double stop_at_ms;
  float each[VARIANTS][SAMPLES]; /* right or wrong */
} world;

static double noise(eao_rng *r, double sigma) { /* about normal */
  double s = 0;
  for (int i = 0; i < 12; i++) s += eao_rng_f64(r);
  return exp(sigma * (s - 6));
}

/* Precisions trade accuracy for size and speed, input sizes for speed and RAM, plans RAM for speed.
 */
static void make_world(world *w, uint64_t seed) {
  static const double speed[SCHEMES] = {1, 0.95, 0.7, 0.5, 0.33, 0.3};
  static const double bits[SCHEMES] = {32, 16, 8, 12, 8, 4.5};
  static const double loss[SCHEMES] = {0, 0.01, 0.1, 0.2, 0.6, 6};
  memset(w, 0, sizeof *w);
  w->rng.state = seed;
  w->stop_at_ms = INFINITY;
  double base_ms = 2 + 20 * eao_rng_f64(&w->rng), params_kib = 50 + 1000 * eao_rng_f64(&w->rng);
  double accuracy = 70 + 25 * eao_rng_f64(&w->rng), ram_kib = 100 + 900 * eao_rng_f64(&w->rng);
  for (uint32_t i = 0; i < SAMPLES; i++) w->skill[i] = (float)eao_rng_f64(&w->rng);
  for (uint32_t v = 0; v < VARIANTS; v++) {
    uint32_t k = v % SCHEMES, z = v / SCHEMES;
    double area = pow(1 - 0.2 * z, 2);
    w->tier[v] = z > 0;
    w->accuracy[v] = accuracy - loss[k] * (0.3 + 1.4 * eao_rng_f64(&w->rng)) -
                     2.5 * z * (0.5 + eao_rng_f64(&w->rng));
    w->run_ms[v] = base_ms * speed[k] * area * noise(&w->rng, 0.1);
    for (uint32_t q = 0; q < PLANS; q++) {
      uint32_t p = v * PLANS + q, threads = q % 3 + 1, plan = q / 3;
      static const double slower[3] = {1.15, 1.05, 1}, memory[3] = {0.4, 0.7, 1};
      w->variant_of[p] = v;
      w->ms[p] = w->run_ms[v] * slower[plan] / (1 + 0.7 * (threads - 1)) * noise(&w->rng, 0.05);
      w->ram[p] = ram_kib * memory[plan] * area * (k < 2 ? 4 : 1) * (1 + 0.05 * threads);
      w->size[p] = params_kib * bits[k] / 8;
      snprintf(w->list[p].id, sizeof w->list[p].id, "v%u-%u", v, q);
    }
    w->all_ms += SAMPLES * w->run_ms[v];
  }
  for (uint32_t p = 0; p < POINTS; p++) w->all_ms += TIMED_RUNS * w->ms[p];
  for (uint32_t v = 0; v < VARIANTS; v++) { /* mostly the same samples are hard, for all variants */
    eao_rng own = {seed * 100 + v};
    for (uint64_t i = 0; i < SAMPLES; i++)
      w->each[v][i] = 0.9 * (double)w->skill[i] + 0.1 * eao_rng_f64(&own) < w->accuracy[v] / 100;
  }
}

static eao_status prepare(void *user, uint32_t v, bool *out) {
  (void)user;
  (void)v;
  *out = true;
  return EAO_OK;
}

static void set(eao_candidate *c, eao_goal g, double v, bool estimated) {
  c->known[g] = true;
  c->value[g] = v;
  c->estimated[g] = estimated;
}

static eao_status estimate(void *user, uint32_t p, eao_candidate *c) {
  world *w = user;
  set(c, EAO_GOAL_RAM_PEAK_KIB, w->ram[p], false);
  set(c, EAO_GOAL_SIZE_KIB, w->size[p], false);
  set(c, EAO_GOAL_LATENCY_P95_MS, w->ms[p] * 1.6 * noise(&w->rng, 0.12), true);
  return EAO_OK;
}

static eao_grade grade_of(const world *w, uint32_t v, uint64_t n) {
  eao_grade g = {.n = n, .each = w->each[v]};
  double right = 0;
  for (uint64_t i = 0; i < n; i++) right += (double)w->each[v][i];
  double q = right / (double)n, half = 1.96 * sqrt(q * (1 - q) / (double)n);
  g.value = 100 * q;
  g.lo = 100 * (q - half);
  g.hi = 100 * (q + half);
  return g;
}

static eao_status grade(void *user, uint32_t v, uint64_t n, eao_grade *out) {
  world *w = user;
  w->cost_ms += (double)(n - out->n) * w->run_ms[v]; /* those before are known */
  *out = grade_of(w, v, n);
  return EAO_OK;
}

static eao_status time_it(void *user, uint32_t p, eao_candidate *c) {
  world *w = user;
  w->cost_ms += TIMED_RUNS * w->ms[p];
  set(c, EAO_GOAL_LATENCY_P95_MS, w->ms[p] * noise(&w->rng, 0.02), false);
  return EAO_OK;
}

static bool stop(void *user) {
  const world *w = user;
  return w->cost_ms > w->stop_at_ms;
}

static void search(world *w, const eao_budget *b, eao_choice *out) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_lab lab = {w, prepare, estimate, grade, time_it, stop};
  eao_field f = {w->variant_of, w->list, POINTS, w->grade, w->tier, VARIANTS, 0, SAMPLES};
  if (eao_halving_run(ctx, &lab, b, &f) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  eao_choose(b, w->list, POINTS, out);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* All candidates with their true figures. */
static void measure_all(world *w, eao_candidate *list) {
  for (uint32_t p = 0; p < POINTS; p++) {
    eao_grade g = grade_of(w, w->variant_of[p], SAMPLES), base = grade_of(w, 0, SAMPLES);
    memset(&list[p], 0, sizeof list[p]);
    set(&list[p], EAO_GOAL_RAM_PEAK_KIB, w->ram[p], false);
    set(&list[p], EAO_GOAL_SIZE_KIB, w->size[p], false);
    set(&list[p], EAO_GOAL_LATENCY_P95_MS, w->ms[p], false);
    set(&list[p], EAO_GOAL_ACCURACY, g.value, false);
    set(&list[p], EAO_GOAL_ACCURACY_DROP, base.value - g.value, false);
    list[p].accuracy_lo = g.lo;
    list[p].accuracy_hi = g.hi;
  }
}

/* Bounds around a random candidate's figures; slack below 1: nobody has all of them. */
static eao_budget around(world *w, const eao_candidate *list, double slack) {
  eao_budget b = {0};
  const eao_candidate *c = &list[eao_rng_below(&w->rng, POINTS / SIZES)];
  static const eao_goal goals[] = {EAO_GOAL_LATENCY_P95_MS, EAO_GOAL_RAM_PEAK_KIB,
                                   EAO_GOAL_SIZE_KIB, EAO_GOAL_ACCURACY_DROP};
  for (size_t i = 0; i < EAO_COUNT(goals); i++) {
    b.set[goals[i]] = i == 0 || i == 3 || eao_rng_below(&w->rng, 2);
    b.limit[goals[i]] = c->value[goals[i]] * slack;
  }
  b.limit[EAO_GOAL_ACCURACY_DROP] = fmax(c->value[EAO_GOAL_ACCURACY_DROP], 0) + 0.7;
  return b;
}

static void finds_the_front_at_a_fifth_of_the_cost(void **state) {
  (void)state;
  static world w;
  static eao_candidate truth[POINTS];
  int on_front = 0;
  double worst = 0, sum = 0;
  for (uint64_t seed = 1; seed <= CASES; seed++) {
    eao_choice got, want;
    make_world(&w, seed);
    measure_all(&w, truth);
    eao_budget b = around(&w, truth, 1.2);
    eao_choose(&b, truth, POINTS, &want);
    search(&w, &b, &got);
    assert_true(want.chosen >= 0 && got.chosen >= 0);
    bool front = eao_on_front(&b, truth, POINTS, (uint32_t)got.chosen);
    double cost = w.cost_ms / w.all_ms;
    on_front += front;
    sum += cost;
    worst = fmax(worst, cost);
    print_message("case %2d: chose %-7s (exhaustive: %-7s) %s, %.1f %% of the cost\n", (int)seed,
                  w.list[got.chosen].id, w.list[want.chosen].id,
                  front ? "on the front" : "NOT on the front", 100 * cost);
  }
  print_message("%d of %d on the front, cost %.1f %% on average, %.1f %% at most\n", on_front,
                CASES, 100 * sum / CASES, 100 * worst);
  assert_true(on_front >= 9);
  assert_true(sum / CASES <= 0.2);
}

/* One budget is made impossible for every candidate, the others are generous. */
static void names_the_binding_budget(void **state) {
  (void)state;
  static world w;
  static eao_candidate truth[POINTS];
  static const eao_goal goals[] = {EAO_GOAL_LATENCY_P95_MS, EAO_GOAL_RAM_PEAK_KIB,
                                   EAO_GOAL_SIZE_KIB, EAO_GOAL_ACCURACY, EAO_GOAL_ACCURACY_DROP};
  for (uint64_t seed = 1; seed <= CASES; seed++) {
    eao_choice got;
    make_world(&w, 100 + seed);
    measure_all(&w, truth);
    eao_budget b = {0};
    eao_goal bad = goals[seed % EAO_COUNT(goals)];
    for (size_t i = 0; i < EAO_COUNT(goals); i++) {
      eao_goal g = goals[i];
      double least = INFINITY, most = -INFINITY;
      for (uint32_t p = 0; p < POINTS; p++) {
        least = fmin(least, truth[p].value[g]);
        most = fmax(most, truth[p].value[g]);
      }
      b.set[g] = true;
      if (g == EAO_GOAL_ACCURACY)
        b.limit[g] = g == bad ? most + 1 : least - 1;
      else
        b.limit[g] = g == bad ? fmax(0, least > 0 ? least * 0.8 : 0) : most + 1;
    }
    if (bad == EAO_GOAL_ACCURACY_DROP) b.set[bad = EAO_GOAL_ACCURACY] = true, b.limit[bad] = 99.9;
    search(&w, &b, &got);
    assert_int_equal(got.chosen, -1);
    for (int g = 0; g < EAO_GOAL_COUNT; g++) assert_int_equal(got.binding[g], g == (int)bad);
    assert_true(got.nearest >= 0);
  }
}

/* However little time there is, something comes out, and no candidate without figures. */
static void stops_with_the_best_so_far(void **state) {
  (void)state;
  static world w;
  for (int share = 0; share <= 4; share++) {
    eao_choice got;
    eao_budget b = {0};
    make_world(&w, 77);
    w.stop_at_ms = w.all_ms * 0.01 * share;
    search(&w, &b, &got);
    if (share == 0) continue; /* stopped before anything: nearest by estimates */
    assert_true(got.nearest >= 0 && w.list[got.nearest].known[EAO_GOAL_LATENCY_P95_MS]);
    assert_true(w.cost_ms < w.stop_at_ms + SAMPLES * w.run_ms[0] + TIMED_RUNS * w.ms[0]);
  }
}

/* The same seed and the same figures: the same work and the same choice. */
static void is_deterministic(void **state) {
  (void)state;
  static world a, b;
  eao_budget budget = {0};
  eao_choice ca, cb;
  make_world(&a, 5);
  make_world(&b, 5);
  search(&a, &budget, &ca);
  search(&b, &budget, &cb);
  assert_int_equal(ca.chosen, cb.chosen);
  assert_memory_equal(a.list, b.list, sizeof a.list);
  assert_true(a.cost_ms == b.cost_ms);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finds_the_front_at_a_fifth_of_the_cost),
                                     cmocka_unit_test(names_the_binding_budget),
                                     cmocka_unit_test(stops_with_the_best_so_far),
                                     cmocka_unit_test(is_deterministic)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
