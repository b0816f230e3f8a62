#include "kernel/copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Every small extent, strides with gaps; what lies between and behind must stay. */
static void transposed(size_t size) {
  enum { MOST = 23, GAP = 5 };
  static unsigned char x[MOST * (MOST + GAP) * 4], y[sizeof x], want[sizeof x];
  for (size_t i = 0; i < sizeof x; i++) x[i] = (unsigned char)(i * 7 + i / 251);
  for (int64_t ni = 1; ni <= MOST; ni++)
    for (int64_t nj = 1; nj <= MOST; nj++)
      for (int64_t gap = 0; gap <= GAP; gap += GAP) {
        int64_t xs = nj + gap, ys = ni + gap, s = (int64_t)size;
        /* Exactly as large as needed, so that a checker sees reads behind the end. */
        size_t n = (size_t)(((ni - 1) * xs + nj) * s);
        unsigned char *from = malloc(n);
        assert_non_null(from);
        memcpy(from, x, n);
        memset(y, 0xA5, sizeof y);
        memset(want, 0xA5, sizeof want);
        for (int64_t i = 0; i < ni; i++)
          for (int64_t j = 0; j < nj; j++)
            memcpy(want + (j * ys + i) * s, x + (i * xs + j) * s, size);
        eao_copy_transposed(y, ys, from, xs, ni, nj, size);
        assert_memory_equal(y, want, sizeof y);
        free(from);
      }
}

static void transposed_bytes(void **state) {
  (void)state;
  transposed(1);
}
static void transposed_halves(void **state) {
  (void)state;
  transposed(2);
}
static void transposed_words(void **state) {
  (void)state;
  transposed(4);
}

static void runs(void **state) {
  (void)state;
  unsigned char x[800], y[800], want[800];
  for (size_t i = 0; i < sizeof x; i++) x[i] = (unsigned char)(i * 7);
  for (size_t n = 1; n <= 70; n++) {
    memset(y, 0xA5, sizeof y);
    memset(want, 0xA5, sizeof want);
    for (size_t i = 0; i < 5; i++) memcpy(want + i * (n + 3), x + i * (n + 7), n);
    eao_copy_runs(y, (int64_t)n + 3, x, (int64_t)n + 7, n, 5);
    assert_memory_equal(y, want, sizeof y);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(transposed_bytes),
                                     cmocka_unit_test(transposed_halves),
                                     cmocka_unit_test(transposed_words), cmocka_unit_test(runs)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
