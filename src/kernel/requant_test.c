/* The integer form of requantisation against the float form. With the argument "all" every int32
 * accumulator is tried for several multipliers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "kernel/fixed.h"
#include "kernel/requant.h"

/* The rule as the specification states it, with the C library's rounding. */
static int32_t by_rule(int32_t acc, float m, int32_t z, int32_t lo, int32_t hi) {
  volatile float f = (float)acc;
  volatile float p = f * m;
  double r = rint((double)p) + z;
  return r < lo ? lo : r > hi ? hi : (int32_t)r;
}

static const int32_t types[][3] = {
    /* z, lo, hi */
    {0, -128, 127}, {-128, -128, 127}, {127, -128, 127},       {3, 0, 255},
    {255, 0, 255},  {0, 0, 255},       {0, -32768, 32767},     {12, 12, 90},
    {-5, -7, 11},   {300, -128, 127},  {-32768, -32768, 32767}};

static void check(int32_t acc, float m) {
  eao_requant_int k = eao_requant_split(eao_f32_bits(m));
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    int32_t z = types[i][0], lo = types[i][1], hi = types[i][2];
    int32_t want = by_rule(acc, m, z, lo, hi);
    if (eao_requant(acc, m, z, lo, hi) != want || eao_requant_by_int(acc, k, z, lo, hi) != want)
      fail_msg("acc %d m %a z %d [%d,%d]: rule %d float %d integer %d", acc, (double)m, z, lo, hi,
               want, eao_requant(acc, m, z, lo, hi), eao_requant_by_int(acc, k, z, lo, hi));
  }
}

static uint64_t rng = 88172645463325252u;
static uint64_t next(void) {
  rng ^= rng << 13;
  rng ^= rng >> 7;
  return rng ^= rng << 17;
}

static void sampled(void **state) {
  (void)state;
  for (int i = 0; i < 200000; i++) {
    /* Multipliers over all exponents, accumulators over all magnitudes. */
    float m = eao_f32_from_bits((uint32_t)(next() % 0x43800000u)); /* below 256 */
    int32_t acc = (int32_t)(int64_t)eao_asr((int64_t)next(), (int32_t)(32 + next() % 32));
    check(acc, m);
    /* A product near a tie: acc * m = n + 1/2, give or take an ulp of m. */
    float n = (float)(next() % 256) + 0.5f;
    int32_t a = (int32_t)(next() % 0x2000000) + 1;
    float t = n / (float)a;
    for (int32_t d = -2; d <= 2; d++)
      check(a, eao_f32_from_bits((uint32_t)((int32_t)eao_f32_bits(t) + d)));
    check(-a, t);
  }
}

static void boundaries(void **state) {
  (void)state;
  static const float ms[] = {0.0f,       0x1p-149f,      0x1.8p-130f,    0x1p-126f,  0x1p-40f,
                             0x1p-31f,   0x1p-24f,       0x1p-16f,       0.0009765f, 0.00390625f,
                             0.5f,       0x1.fffffep-1f, 1.0f,           1.5f,       127.5f,
                             255.99998f, 0x1p30f,        0x1.fffffep126f};
  for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++)
    for (int bit = 0; bit < 32; bit++)
      for (int32_t d = -3; d <= 3; d++) {
        int64_t a = ((int64_t)1 << bit) + d;
        if (a > INT32_MAX) a = INT32_MAX;
        check((int32_t)a, ms[i]);
        check((int32_t)-a, ms[i]);
      }
  for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++) check(INT32_MIN, ms[i]);
}

static void rounding_by_hand(void **state) {
  (void)state;
  assert_int_equal(eao_requant(5, 0.5f, 0, -128, 127), 2);   /* 2.5 -> even */
  assert_int_equal(eao_requant(7, 0.5f, 0, -128, 127), 4);   /* 3.5 -> even */
  assert_int_equal(eao_requant(-5, 0.5f, 1, -128, 127), -1); /* -2.5 -> -2, + 1 */
  /* 16777217 is not a float: it becomes 16777216 before the product. */
  assert_int_equal(eao_requant(16777217, 0x1p-24f, 0, -128, 127), 1);
  assert_int_equal(eao_requant(1 << 30, 1.0f, -128, -128, 127), 127);
}

/* From the definition of gemmlowp's operations. */
static void fixed_point(void **state) {
  (void)state;
  eao_fixed half = eao_fixed_from(0.5);
  assert_int_equal(half.mult, 1 << 30);
  assert_int_equal(half.shift, 0);
  assert_int_equal(eao_fixed_mul(3, half), 2);   /* 1.5 away from zero */
  assert_int_equal(eao_fixed_mul(-3, half), -1); /* high_mul rounds ties up */
  eao_fixed eighth = eao_fixed_from(0.125);
  assert_int_equal(eighth.shift, -2);
  assert_int_equal(eao_fixed_mul(12, eighth), 2);   /* 6 / 4 = 1.5 */
  assert_int_equal(eao_fixed_mul(-12, eighth), -2); /* -6 / 4 = -1.5 away from zero */
  assert_int_equal(eao_high_mul(INT32_MIN, INT32_MIN), INT32_MAX);
  assert_int_equal(eao_fixed_from(0.99999999999).mult, 1 << 30);
  assert_int_equal(eao_fixed_from(0.99999999999).shift, 1);
  assert_int_equal(eao_fixed_from(0x1p-40).mult, 0);
  assert_int_equal(eao_fixed_mul64(100000000000, eao_fixed_from(0x1p-20)), 95367); /* 95367.43 */
}

static void all_accumulators(void **state) {
  (void)state;
  static const float ms[] = {0.00041234567f, 0x1.921fb6p-9f, 0.0253f};
  for (size_t i = 0; i < sizeof ms / sizeof ms[0]; i++) {
    eao_requant_int k = eao_requant_split(eao_f32_bits(ms[i]));
    int32_t acc = INT32_MIN;
    do {
      int32_t f = eao_requant(acc, ms[i], -3, -128, 127);
      if (f != eao_requant_by_int(acc, k, -3, -128, 127)) check(acc, ms[i]);
    } while (acc++ < INT32_MAX);
    printf("all 2^32 accumulators equal for m = %a\n", (double)ms[i]);
  }
}

int main(int argc, char **argv) {
  const struct CMUnitTest quick[] = {cmocka_unit_test(sampled), cmocka_unit_test(boundaries),
                                     cmocka_unit_test(rounding_by_hand),
                                     cmocka_unit_test(fixed_point)};
  const struct CMUnitTest slow[] = {cmocka_unit_test(all_accumulators)};
  if (argc > 1 && strcmp(argv[1], "all") == 0) return cmocka_run_group_tests(slow, NULL, NULL);
  return cmocka_run_group_tests(quick, NULL, NULL);
}
