#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "search/budget.h"

static eao_candidate make(const char *id, double ms, double kib, double accuracy) {
  eao_candidate c = {.accuracy_lo = accuracy - 0.5, .accuracy_hi = accuracy + 0.5};
  snprintf(c.id, sizeof c.id, "%s", id);
  c.known[EAO_GOAL_LATENCY_P95_MS] = c.known[EAO_GOAL_SIZE_KIB] = true;
  c.known[EAO_GOAL_ACCURACY] = c.known[EAO_GOAL_ACCURACY_DROP] = true;
  c.value[EAO_GOAL_LATENCY_P95_MS] = ms;
  c.value[EAO_GOAL_SIZE_KIB] = kib;
  c.value[EAO_GOAL_ACCURACY] = accuracy;
  c.value[EAO_GOAL_ACCURACY_DROP] = 92 - accuracy;
  return c;
}

static eao_budget budget(eao_ctx *ctx, const char *text) {
  eao_budget b = {0};
  if (eao_budget_parse(ctx, text, &b)) fail_msg("%s", eao_ctx_message(ctx));
  return b;
}

static void parsing(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_budget b = budget(ctx, "latency_p95_ms=1.5,accuracy_drop_max=0.25");
  assert_true(b.set[EAO_GOAL_LATENCY_P95_MS] && b.limit[EAO_GOAL_LATENCY_P95_MS] == 1.5);
  assert_true(b.set[EAO_GOAL_ACCURACY_DROP] && !b.set[EAO_GOAL_ACCURACY]);
  static const char *const wrong[] = {
      "latency=1",    "latency_p95_ms", "latency_p95_ms=",       "size_kib=-1",
      "size_kib=1x",  "size_kib=nan",   "size_kib=1,size_kib=2", "=3",
      "energy_mj=inf"};
  for (size_t i = 0; i < EAO_COUNT(wrong); i++) {
    eao_budget w = {0};
    assert_int_equal(eao_budget_parse(ctx, wrong[i], &w), EAO_ERR_ARG);
  }
  eao_conf *c;
  static const char yaml[] = "size_kib: 64\naccuracy_min: 90\n";
  eao_budget y = {0};
  assert_int_equal(eao_conf_parse(ctx, "b.yaml", yaml, sizeof yaml - 1, &c), EAO_OK);
  assert_int_equal(eao_budget_read(c, eao_conf_root(c), &y), EAO_OK);
  assert_true(y.limit[EAO_GOAL_SIZE_KIB] == 64 && y.limit[EAO_GOAL_ACCURACY] == 90);
  eao_conf_destroy(c);
  eao_ctx_destroy(ctx);
}

static void chooses_the_fastest_of_the_equally_accurate(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_candidate list[] = {make("float", 4, 400, 92), make("fp16", 4.2, 200, 92),
                          make("int8", 1, 110, 91.7), make("int4", 0.9, 60, 85),
                          make("slow", 5, 500, 90)};
  eao_budget b = budget(ctx, "latency_p95_ms=5,size_kib=500");
  eao_choice c;
  eao_choose(&b, list, 5, &c);
  assert_int_equal(c.chosen, 2); /* int8's interval reaches 92; int4's does not */
  assert_true(list[0].on_front && list[1].on_front && list[2].on_front && list[3].on_front);
  assert_false(list[4].on_front);
  assert_true(c.best[EAO_GOAL_LATENCY_P95_MS] == 0.9 && c.best[EAO_GOAL_ACCURACY] == 92);
  list[2].failed = true;
  eao_choose(&b, list, 5, &c);
  assert_int_equal(c.chosen, 0);
  eao_ctx_destroy(ctx);
}

static void names_what_binds(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_candidate list[] = {make("float", 4, 400, 92), make("int8", 1, 110, 91)};
  eao_choice c;
  /* size alone stands in the way: int8 would do with 110 KiB */
  eao_budget b = budget(ctx, "latency_p95_ms=2,size_kib=100,accuracy_drop_max=1");
  eao_choose(&b, list, 2, &c);
  assert_int_equal(c.chosen, -1);
  assert_int_equal(c.nearest, 1);
  assert_true(c.binding[EAO_GOAL_SIZE_KIB]);
  assert_false(c.binding[EAO_GOAL_LATENCY_P95_MS] || c.binding[EAO_GOAL_ACCURACY_DROP]);
  /* either latency or accuracy would have to give */
  b = budget(ctx, "latency_p95_ms=2,accuracy_drop_max=0.5");
  eao_choose(&b, list, 2, &c);
  assert_true(c.binding[EAO_GOAL_LATENCY_P95_MS] && c.binding[EAO_GOAL_ACCURACY_DROP]);
  /* two at once are out of reach */
  b = budget(ctx, "latency_p95_ms=0.1,size_kib=1,accuracy_min=50");
  eao_choose(&b, list, 2, &c);
  assert_true(c.binding[EAO_GOAL_LATENCY_P95_MS] && c.binding[EAO_GOAL_SIZE_KIB]);
  assert_false(c.binding[EAO_GOAL_ACCURACY]);
  /* a budget on something nobody could measure is never met in silence */
  b = budget(ctx, "energy_mj=1");
  eao_choose(&b, list, 2, &c);
  assert_int_equal(c.chosen, -1);
  assert_true(c.binding[EAO_GOAL_ENERGY_MJ]);
  list[0].failed = list[1].failed = true;
  eao_choose(&b, list, 2, &c);
  assert_int_equal(c.nearest, -1);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parsing),
                                     cmocka_unit_test(chooses_the_fastest_of_the_equally_accurate),
                                     cmocka_unit_test(names_what_binds)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
