/* Differences worked out on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>

#include "eao/eao.h"

static eao_ctx *ctx;

static eao_diff diff(const eao_tensor *got, const eao_tensor *want, double rtol, double atol) {
  eao_diff d;
  assert_int_equal(eao_tensor_diff(ctx, got, want, rtol, atol, &d), EAO_OK);
  return d;
}

static void floats(void **state) {
  (void)state;
  eao_tensor got = {.dtype = EAO_F32, .rank = 1, .dim = {4}, .data = (float[]){3, 0, 4, 1}};
  eao_tensor want = {.dtype = EAO_F64, .rank = 1, .dim = {4}, .data = (double[]){3, 0, 4, 2}};
  eao_diff d = diff(&got, &want, 0.1, 0);
  assert_int_equal(d.n, 4);
  assert_int_equal(d.mismatches, 1);
  assert_int_equal(d.worst, 3);
  assert_true(d.max_abs == 1 && d.mean_abs == 0.25 && d.max_rel == 0.5);
  assert_true(fabs(d.sqnr_db - 10 * log10(29)) < 1e-12); /* 9 + 16 + 4 against 1 */
  assert_true(fabs(d.cosine - 27 / sqrt(26.0 * 29)) < 1e-12);
  assert_int_equal(diff(&got, &want, 0.5, 0).mismatches, 0); /* the bound itself passes */
  assert_int_equal(diff(&got, &want, 0, 1).mismatches, 0);
}

static void not_finite(void **state) {
  (void)state;
  eao_tensor a = {.dtype = EAO_F32, .rank = 1, .dim = {2}, .data = (float[]){NAN, INFINITY}};
  eao_tensor b = {.dtype = EAO_F32, .rank = 1, .dim = {2}, .data = (float[]){NAN, 1}};
  eao_diff d = diff(&a, &a, 0, 0);
  assert_int_equal(d.mismatches, 0);
  assert_true(isinf(d.sqnr_db) && d.sqnr_db > 0);
  d = diff(&a, &b, 1e30, 1e30);
  assert_int_equal(d.mismatches, 1);
  assert_true(isinf(d.max_abs) && isinf(d.sqnr_db) && d.sqnr_db < 0);
}

static void quantised(void **state) {
  (void)state;
  float scale[2] = {0.5F, 2};
  int32_t zero[2] = {1, 0};
  eao_tensor q = {.dtype = EAO_I8,
                  .rank = 2,
                  .dim = {2, 2},
                  .quant = {.axis = 1, .n = 2, .scale = scale, .zero = zero},
                  .data = (int8_t[]){3, 4, 1, -1}};
  eao_tensor f = {.dtype = EAO_F32, .rank = 2, .dim = {2, 2}, .data = (float[]){1, 8, 0, -2}};
  assert_true(diff(&q, &f, 0, 0).max_abs == 0);
}

static void shapes(void **state) {
  (void)state;
  eao_tensor a = {.dtype = EAO_F32, .rank = 1, .dim = {2}, .data = (float[]){1, 2}};
  eao_tensor b = {.dtype = EAO_F32, .rank = 2, .dim = {1, 2}, .data = (float[]){1, 2}};
  eao_diff d;
  assert_int_equal(eao_tensor_diff(ctx, &a, &b, 0, 0, &d), EAO_ERR_SHAPE);
  a.dim[0] = 0;
  d = diff(&a, &a, 0, 0);
  assert_int_equal(d.worst, -1);
  assert_true(d.cosine == 1);
}

int main(void) {
  ctx = eao_ctx_create(NULL, NULL);
  const struct CMUnitTest tests[] = {cmocka_unit_test(floats), cmocka_unit_test(not_finite),
                                     cmocka_unit_test(quantised), cmocka_unit_test(shapes)};
  int bad = cmocka_run_group_tests(tests, NULL, NULL);
  eao_ctx_destroy(ctx);
  return bad;
}
