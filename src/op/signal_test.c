/* Fourier transforms of every length from 1 to 40, a large prime and a large power of two, against
 * the defining sum. The other signal ops have ONNX's own cases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "kernel/ref/signal.h"
#include "op/op.h"

enum { LENGTH_MAX = 1024, COLUMNS = 2 };
static double x[LENGTH_MAX][COLUMNS][2];

static void check(eao_ctx *ctx, int64_t n, int64_t given, bool inverse, bool onesided) {
  const eao_op_desc *d = eao_op_get(EAO_OP_dft);
  eao_dft_attr a = {inverse, onesided};
  int64_t axis = 0;
  eao_tensor tx = {.dtype = EAO_F64, .rank = 3, .dim = {given, COLUMNS, 2}, .data = x};
  eao_tensor tn = {.dtype = EAO_I64, .data = &n}, ta = {.dtype = EAO_I64, .data = &axis};
  const eao_tensor *in[3] = {&tx, &tn, &ta};
  eao_tensor y = {.rank = -1};
  if (eao_op_eval(ctx, d, &a, in, 3, &y, 1) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  bool to_real = inverse && onesided;
  int64_t bins = onesided && !inverse ? n / 2 + 1 : n, parts = to_real ? 1 : 2;
  assert_int_equal(y.dim[0], bins);
  assert_int_equal(y.dim[2], parts);
  double scale = inverse ? 1.0 / (double)n : 1, turn = (inverse ? 2 : -2) * acos(-1) / (double)n;
  for (int64_t k = 0; k < bins; k++)
    for (int64_t c = 0; c < COLUMNS; c++) {
      double re = 0, im = 0;
      for (int64_t j = 0; j < n; j++) {
        int64_t from = to_real && j > n / 2 ? n - j : j; /* conjugate of the first half */
        if (from >= given) continue;
        double xr = x[from][c][0], xi = from == j ? x[from][c][1] : -x[from][c][1];
        if (to_real && (j == 0 || 2 * j == n)) xi = 0;
        double w = turn * (double)(j * k % n);
        re += xr * cos(w) - xi * sin(w);
        im += xr * sin(w) + xi * cos(w);
      }
      const double *got = (const double *)y.data + (k * COLUMNS + c) * parts;
      assert_true(fabs(got[0] - re * scale) < 1e-9);
      if (!to_real) assert_true(fabs(got[1] - im * scale) < 1e-9);
    }
  eao_free(ctx, y.data);
}

static void transforms(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_rng rng = {5};
  for (int64_t i = 0; i < LENGTH_MAX * COLUMNS * 2; i++) (&x[0][0][0])[i] = eao_rng_f64(&rng) - 0.5;
  for (int64_t n = 1; n <= 42; n++) {
    int64_t points = n == 41 ? 509 : n == 42 ? 512 : n;
    for (int mode = 0; mode < 4; mode++) {
      check(ctx, points, points, mode & 1, mode & 2);
      check(ctx, points, points / 2 + 1, mode & 1, mode & 2); /* the rest is zeros */
      check(ctx, points, points + 3, mode & 1, mode & 2);     /* the rest is not read */
    }
  }
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* irfft without a length: 2 (n - 1) points. */
static void default_lengths(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_dft_attr a = {1, 1};
  eao_tensor tx = {.dtype = EAO_F64, .rank = 3, .dim = {1, 5, 2}, .data = x}, y = {.rank = -1};
  const eao_tensor *in[1] = {&tx};
  assert_int_equal(eao_op_eval(ctx, eao_op_get(EAO_OP_dft), &a, in, 1, &y, 1), EAO_OK);
  assert_int_equal(y.dim[1], 8);
  assert_int_equal(y.dim[2], 1);
  eao_free(ctx, y.data);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(transforms),
                                     cmocka_unit_test(default_lengths)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
