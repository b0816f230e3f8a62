/* Histograms and clipping ranges; expected values from the definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "compress/quant/hist.h"

static eao_hist *fresh(void) {
  return calloc(1, sizeof(eao_hist));
}

static uint64_t total(const eao_hist *h) {
  uint64_t n = 0;
  for (int i = 0; i < EAO_HIST_BINS; i++) n += h->bin[i];
  return n;
}

/* Numbers arrive in any order and size; none is lost, min and max are exact. */
static void grows(void **state) {
  (void)state;
  eao_hist *h = fresh();
  float a[] = {1, 2, 3}, b[] = {-1000, 5}, c[] = {1e6f}, d[] = {NAN, INFINITY, 0};
  eao_hist_add(h, a, 3);
  eao_hist_add(h, b, 2);
  eao_hist_add(h, c, 1);
  eao_hist_add(h, d, 3);
  assert_true(total(h) == 7 && h->total == 7 && h->skipped == 2);
  assert_true(h->min == -1000.0 && h->max == 1e6);
  double lo, hi;
  eao_hist_range(h, EAO_RANGE_MINMAX, &lo, &hi);
  assert_true(lo == -1000.0 && hi == 1e6);
  free(h);
}

static void one_value(void **state) {
  (void)state;
  eao_hist *h = fresh();
  float z[4] = {0}, x[] = {2.5f, 2.5f};
  double lo, hi;
  eao_hist_range(h, EAO_RANGE_MSE, &lo, &hi);
  assert_true(lo == 0 && hi == 0);
  eao_hist_add(h, z, 4);
  for (int k = 0; k < EAO_RANGE_COUNT; k++) {
    eao_hist_range(h, (eao_range_kind)k, &lo, &hi);
    assert_true(lo <= 0 && hi >= 0 && hi - lo < 1e-6);
  }
  eao_hist_add(h, x, 2);
  eao_hist_range(h, EAO_RANGE_MINMAX, &lo, &hi);
  assert_true(lo == 0 && hi == 2.5);
  free(h);
}

/* 100,000 numbers evenly over [0, 1) and ten at 50: percentiles and the squared error drop the ten,
 * min-max does not. Clipping 0.1 % of [0, 1) at its upper end leaves about 0.9995. */
static void outliers(void **state) {
  (void)state;
  eao_hist *h = fresh();
  double lo, hi;
  for (int i = 0; i < 100000; i++) {
    float v = (float)i / 100000;
    eao_hist_add(h, &v, 1);
  }
  eao_hist_range(h, EAO_RANGE_P999, &lo, &hi);
  assert_true(fabs(hi - 0.9995) < 0.001 && lo == 0); /* a range holds 0 */
  float far = 50;
  for (int i = 0; i < 10; i++) eao_hist_add(h, &far, 1);
  eao_hist_range(h, EAO_RANGE_MINMAX, &lo, &hi);
  assert_true(hi == 50);
  eao_hist_range(h, EAO_RANGE_P999, &lo, &hi);
  assert_true(hi < 1.2);
  eao_hist_range(h, EAO_RANGE_KL, &lo, &hi);
  assert_true(hi < 50);
  free(h);
}

/* One end at a time, a normal distribution's tails are worth clipping, but not much of it. */
static void normal(void **state) {
  (void)state;
  eao_hist *h = fresh();
  srand(1);
  double lo, hi;
  for (int i = 0; i < 200000; i++) {
    double u = (rand() + 1.0) / (RAND_MAX + 2.0), w = rand() / (double)RAND_MAX;
    float v = (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * w));
    eao_hist_add(h, &v, 1);
  }
  eao_hist_range(h, EAO_RANGE_MSE, &lo, &hi);
  assert_true(hi > 3 && hi < h->max && lo < -3 && lo > h->min);
  free(h);
}

static void merged(void **state) {
  (void)state;
  eao_hist *h = fresh(), *b = fresh();
  float x[] = {1, 2, 3}, y[] = {-8, 4};
  eao_hist_add(h, x, 3);
  eao_hist_add(b, y, 2);
  eao_hist_merge(h, b);
  assert_true(h->total == 5 && total(h) == 5 && h->min == -8.0 && h->max == 4.0);
  free(h);
  free(b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(grows), cmocka_unit_test(one_value),
                                     cmocka_unit_test(outliers), cmocka_unit_test(normal),
                                     cmocka_unit_test(merged)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
