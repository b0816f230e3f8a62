/* Element-wise ops where types and corners matter. The ONNX node cases cover the plain ones. Real
 * functions: values from numpy in double. Integers: by the rules of two's complement. */
#include "kernel/ref/elementwise.h"
#include "op/check.h"

#define POINTS -3, -1, -0.25, 0, 0.5, 2

static void functions(void **state) {
  (void)state;
  static const struct {
    const char *op;
    double y[6];
  } t[] = {
      {"erf",
       {-0.99997790950300136, -0.84270079294971489, -0.2763263901682369, 0, 0.52049987781304652,
        0.99532226501895271}},
      {"gelu",
       {-0.0040496940948903104, -0.15865525393145707, -0.10032341857926907, 0, 0.34573123063700656,
        1.9544997361036416}},
      {"mish",
       {-0.14564746127562461, -0.30340146137410895, -0.129926963679141, 0, 0.37524521130489508,
        1.9439589595339946}},
      {"softplus",
       {0.048587351573742062, 0.31326168751822286, 0.57593941987884356, 0.69314718055994529,
        0.97407698418010669, 2.1269280110429727}},
      {"silu",
       {-0.14227761953270035, -0.2689414213699951, -0.10945587477855048, 0, 0.3112296656009273,
        1.7615941559557646}},
      {"asinh",
       {-1.8184464592320668, -0.88137358701954305, -0.24746646154726346, 0, 0.48121182505960347,
        1.4436354751788103}},
  };
  for (size_t i = 0; i < EAO_COUNT(t); i++) {
    vec want = VEC(EAO_F64, 6, 0);
    memcpy(want.v, t[i].y, sizeof t[i].y);
    check1(t[i].op, NULL, VEC(EAO_F64, 6, POINTS), want, 1e-14);
    want.dtype = EAO_F32;
    check1(t[i].op, NULL, VEC(EAO_F32, 6, POINTS), want, 0); /* one rounding of the exact value */
    want.dtype = EAO_F16;
    check1(t[i].op, NULL, VEC(EAO_F16, 6, POINTS), want, 0);
    want.dtype = EAO_BF16;
    check1(t[i].op, NULL, VEC(EAO_BF16, 6, POINTS), want, 0);
  }
  check1("gelu", &(eao_gelu_attr){1}, VEC(EAO_F64, 6, POINTS),
         VEC(EAO_F64, 6, -0.0036373920817729943, -0.15880800939172329, -0.100324649298315, 0,
             0.34571400982514394, 1.954597694087775),
         1e-14);
  check1(
      "celu", &(eao_unary_attr){.alpha = 2}, VEC(EAO_F64, 6, POINTS),
      VEC(EAO_F64, 6, -1.5537396797031404, -0.78693868057473315, -0.23500619483080931, 0, 0.5, 2),
      1e-14);
  /* the parameters are floats, the reference figures have them in double */
  check1("selu", NULL, VEC(EAO_F64, 6, POINTS),
         VEC(EAO_F64, 6, -1.6705687287671118, -1.1113307378125625, -0.38889019747811893, 0,
             0.52535049367774023, 2.1014019747109609),
         1e-7);
}

static void corners(void **state) {
  (void)state;
  check1("round", NULL, VEC(EAO_F32, 8, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, INFINITY, NAN),
         VEC(EAO_F32, 8, -2, -2, 0, 0, 2, 2, INFINITY, NAN), 0);
  check1("softplus", NULL, VEC(EAO_F32, 3, 1000, -1000, 88), VEC(EAO_F32, 3, 1000, 0, 88), 0);
  check1("sigmoid", NULL, VEC(EAO_F32, 3, 1000, -1000, NAN), VEC(EAO_F32, 3, 1, 0, NAN), 0);
  check1("relu", NULL, VEC(EAO_F32, 4, NAN, -INFINITY, INFINITY, -1),
         VEC(EAO_F32, 4, NAN, 0, INFINITY, 0), 0);
  check1("sign", NULL, VEC(EAO_F32, 4, NAN, -INFINITY, 0, 3), VEC(EAO_F32, 4, NAN, -1, 0, 1), 0);
  check1("is_inf", &(eao_is_inf_attr){0, 1}, VEC(EAO_F16, 4, NAN, -INFINITY, INFINITY, 3),
         VEC(EAO_BOOL, 4, 0, 0, 1, 0), 0);
  check1("is_nan", NULL, VEC(EAO_BF16, 3, NAN, INFINITY, 3), VEC(EAO_BOOL, 3, 1, 0, 0), 0);
  check1("not", NULL, VEC(EAO_BOOL, 2, 1, 0), VEC(EAO_BOOL, 2, 0, 1), 0);
  check1("bitwise_not", NULL, VEC(EAO_U8, 2, 0, 5), VEC(EAO_U8, 2, 255, 250), 0);
  check1("abs", NULL, VEC(EAO_I8, 3, -128, -3, 3), VEC(EAO_I8, 3, -128, 3, 3), 0);
  check1("neg", NULL, VEC(EAO_I16, 2, -32768, 5), VEC(EAO_I16, 2, -32768, -5), 0);
  check1("identity", NULL, VEC(EAO_I4, 3, -8, 7, -1), VEC(EAO_I4, 3, -8, 7, -1), 0);
  static const uint64_t huge[] = {UINT64_MAX, 1};
  check1("abs", NULL, RAW(EAO_U64, 2, huge), RAW(EAO_U64, 2, huge), 0);
  check1("sign", NULL, RAW(EAO_U64, 2, huge), VEC(EAO_U64, 2, 1, 1), 0);
  check1("shrink", &(eao_unary_attr){1.5f, 1.5f}, VEC(EAO_F32, 5, -2, -1, 0, 1, 2),
         VEC(EAO_F32, 5, -0.5, 0, 0, 0, 0.5), 0); /* the ONNX operator's own example */
}

static void clipping(void **state) {
  (void)state;
  vec x = VEC(EAO_F32, 5, -3, -1, NAN, 1, 3);
  vec both[] = {x, NUM(EAO_F32, -2), NUM(EAO_F32, 2)}, top[] = {x, OMIT, NUM(EAO_F32, 0)};
  vec crossed[] = {x, NUM(EAO_F32, 2), NUM(EAO_F32, 1)};
  check_run("clip", NULL, both, 3, &VEC(EAO_F32, 5, -2, -1, NAN, 1, 2), 1, 0, EAO_OK);
  check_run("clip", NULL, top, 3, &VEC(EAO_F32, 5, -3, -1, NAN, 0, 0), 1, 0, EAO_OK);
  check_run("clip", NULL, crossed, 3, &VEC(EAO_F32, 5, 1, 1, NAN, 1, 1), 1, 0, EAO_OK);
  static const uint64_t in[] = {0, 5, UINT64_MAX}, lo[] = {3}, want[] = {3, 5, UINT64_MAX};
  vec wide[] = {RAW(EAO_U64, 3, in), RAW(EAO_U64, 1, lo)};
  check_run("clip", NULL, wide, 2, &RAW(EAO_U64, 3, want), 1, 0, EAO_OK);
}

static void integers_wrap(void **state) {
  (void)state;
  vec a = VEC(EAO_I8, 4, 100, -100, 7, -7), b = VEC(EAO_I8, 4, 100, -100, 2, 2);
  check2("add", NULL, a, b, VEC(EAO_I8, 4, -56, 56, 9, -5), 0);
  check2("sub", NULL, a, b, VEC(EAO_I8, 4, 0, 0, 5, -9), 0);
  check2("mul", NULL, a, b, VEC(EAO_I8, 4, 16, 16, 14, -14), 0);
  check2("div", NULL, a, b, VEC(EAO_I8, 4, 1, 1, 3, -3), 0);
  check2("pow", NULL, VEC(EAO_I32, 4, 2, -3, 5, 7), VEC(EAO_I32, 4, 10, 3, 0, -1),
         VEC(EAO_I32, 4, 1024, -27, 1, 0), 0);
  static const int64_t least[] = {INT64_MIN}, minus[] = {-1};
  check2("div", NULL, RAW(EAO_I64, 1, least), RAW(EAO_I64, 1, minus), RAW(EAO_I64, 1, least), 0);
  check2("floor_mod", NULL, RAW(EAO_I64, 1, least), RAW(EAO_I64, 1, minus), VEC(EAO_I64, 1, 0), 0);
  check_fails("div", NULL, VEC(EAO_I32, 2, 1, 2), VEC(EAO_I32, 2, 1, 0), EAO_ERR_ARG);
  check_fails("mod", NULL, VEC(EAO_U8, 2, 1, 2), VEC(EAO_U8, 2, 1, 0), EAO_ERR_ARG);
  check_fails("floor_div", NULL, VEC(EAO_I8, 1, 1), VEC(EAO_I8, 1, 0), EAO_ERR_ARG);
}

/* Signs as Python's and C's remainders have them. */
static void remainders(void **state) {
  (void)state;
  vec a = VEC(EAO_I32, 4, -7, 7, -7, 7), b = VEC(EAO_I32, 4, 3, -3, -3, 3);
  vec mod = VEC(EAO_I32, 4, 2, -2, -1, 1), fmod = VEC(EAO_I32, 4, -1, 1, -1, 1);
  vec div = VEC(EAO_I32, 4, -3, -3, 2, 2);
  check2("mod", NULL, a, b, mod, 0);
  check2("mod", &(eao_mod_attr){1}, a, b, fmod, 0);
  check2("floor_mod", NULL, a, b, mod, 0);
  check2("floor_div", NULL, a, b, div, 0);
  a.dtype = b.dtype = mod.dtype = fmod.dtype = div.dtype = EAO_F32;
  check2("floor_mod", NULL, a, b, mod, 0);
  check2("mod", &(eao_mod_attr){1}, a, b, fmod, 0);
  check2("floor_div", NULL, a, b, div, 0);
  check2("mod", NULL, a, b, mod, 0);
}

static void unsigned_64(void **state) {
  (void)state;
  static const uint64_t a[] = {UINT64_MAX, 1}, b[] = {2, 3}, q[] = {UINT64_MAX / 2, 0},
                        r[] = {1, 1}, lo[] = {2, 1}, hi[] = {UINT64_MAX, 3},
                        shifted[] = {UINT64_MAX >> 2, 0};
  check2("div", NULL, RAW(EAO_U64, 2, a), RAW(EAO_U64, 2, b), RAW(EAO_U64, 2, q), 0);
  check2("mod", NULL, RAW(EAO_U64, 2, a), RAW(EAO_U64, 2, b), RAW(EAO_U64, 2, r), 0);
  check2("min", NULL, RAW(EAO_U64, 2, a), RAW(EAO_U64, 2, b), RAW(EAO_U64, 2, lo), 0);
  check2("max", NULL, RAW(EAO_U64, 2, a), RAW(EAO_U64, 2, b), RAW(EAO_U64, 2, hi), 0);
  check2("greater", NULL, RAW(EAO_U64, 2, a), RAW(EAO_U64, 2, b), VEC(EAO_BOOL, 2, 1, 0), 0);
  check2("less_or_equal", NULL, RAW(EAO_U64, 2, a), RAW(EAO_U64, 2, b), VEC(EAO_BOOL, 2, 0, 1), 0);
  check2("bit_shift", &(eao_bit_shift_attr){1}, RAW(EAO_U64, 2, a), RAW(EAO_U64, 2, b),
         RAW(EAO_U64, 2, shifted), 0);
}

static void shifts(void **state) {
  (void)state;
  check2("bit_shift", &(eao_bit_shift_attr){0}, VEC(EAO_U8, 3, 16, 255, 1), VEC(EAO_U8, 3, 1, 4, 8),
         VEC(EAO_U8, 3, 32, 240, 0), 0);
  check2("bit_shift", &(eao_bit_shift_attr){1}, VEC(EAO_I8, 3, -16, 127, -1),
         VEC(EAO_I8, 3, 2, 6, 7), VEC(EAO_I8, 3, -4, 1, -1), 0);
  check2("bit_shift", &(eao_bit_shift_attr){1}, VEC(EAO_I64, 2, -16, 16), VEC(EAO_I64, 2, 64, 99),
         VEC(EAO_I64, 2, -1, 0), 0);
}

static void comparisons(void **state) {
  (void)state;
  vec a = VEC(EAO_F32, 3, 1, NAN, 3), b = VEC(EAO_F32, 3, 1, NAN, 2);
  check2("equal", NULL, a, b, VEC(EAO_BOOL, 3, 1, 0, 0), 0);
  check2("not_equal", NULL, a, b, VEC(EAO_BOOL, 3, 0, 1, 1), 0);
  check2("greater_or_equal", NULL, a, b, VEC(EAO_BOOL, 3, 1, 0, 1), 0);
  check2("less", NULL, a, b, VEC(EAO_BOOL, 3, 0, 0, 0), 0);
  check2("min", NULL, a, VEC(EAO_F32, 3, NAN, 1, 2), VEC(EAO_F32, 3, NAN, NAN, 2), 0);
  check2("max", NULL, a, VEC(EAO_F32, 3, NAN, 1, 2), VEC(EAO_F32, 3, NAN, NAN, 3), 0);
  check2("xor", NULL, VEC(EAO_BOOL, 4, 0, 0, 1, 1), VEC(EAO_BOOL, 4, 0, 1, 0, 1),
         VEC(EAO_BOOL, 4, 0, 1, 1, 0), 0);
  check_fails("less", NULL, a, VEC(EAO_F64, 3, 1), EAO_ERR_TYPE);
  check_fails("and", NULL, a, a, EAO_ERR_TYPE);
}

static void broadcasting(void **state) {
  (void)state;
  check2("sub", NULL, MAT(EAO_F32, 2, 1, 10, 20), VEC(EAO_F32, 3, 1, 2, 3),
         MAT(EAO_F32, 2, 3, 9, 8, 7, 19, 18, 17), 0);
  check2("mul", NULL, NUM(EAO_F16, 3), MAT(EAO_F16, 2, 2, 1, 2, 3, 4),
         MAT(EAO_F16, 2, 2, 3, 6, 9, 12), 0);
  check2("add", NULL, MAT(EAO_F32, 0, 3, 0), VEC(EAO_F32, 3, 1, 2, 3), MAT(EAO_F32, 0, 3, 0), 0);
  check_fails("add", NULL, VEC(EAO_F32, 2, 0), VEC(EAO_F32, 3, 0), EAO_ERR_SHAPE);
  check2("prelu", NULL, MAT(EAO_F32, 2, 2, -1, 2, -3, -4), VEC(EAO_F32, 2, 0.5, 0.25),
         MAT(EAO_F32, 2, 2, -0.5, 2, -1.5, -1), 0);
  check_fails("prelu", NULL, VEC(EAO_F32, 1, -1), VEC(EAO_F32, 2, 1, 2), EAO_ERR_SHAPE);
  vec in[] = {VEC(EAO_BOOL, 2, 1, 0), MAT(EAO_I64, 2, 1, 1, 2), NUM(EAO_I64, 9)};
  check_run("where", NULL, in, 3, &MAT(EAO_I64, 2, 2, 1, 9, 2, 9), 1, 0, EAO_OK);
}

/* Sums in double: f16 would stop at 2048. */
static void variadic(void **state) {
  (void)state;
  vec in[] = {VEC(EAO_F16, 2, 2048, 1), VEC(EAO_F16, 2, 1, 1), VEC(EAO_F16, 2, 1, 2)};
  check_run("sum", NULL, in, 3, &VEC(EAO_F16, 2, 2050, 4), 1, 0, EAO_OK);
  check_run("mean", NULL, in, 3, &VEC(EAO_F16, 2, 683.5, 1.3330078125), 1, 0, EAO_OK);
  check_run("max", NULL, in, 1, in, 1, 0, EAO_OK);
}

static void activations(void **state) {
  (void)state;
  eao_binary_attr relu6 = {{EAO_ACT_RELU6, 0, 0}}, clip = {{EAO_ACT_CLIP, -1, 2}};
  eao_binary_attr tanh_act = {{EAO_ACT_TANH, 0, 0}};
  check2("add", &relu6, VEC(EAO_F32, 3, -5, 2, 5), NUM(EAO_F32, 2), VEC(EAO_F32, 3, 0, 4, 6), 0);
  check2("mul", &clip, VEC(EAO_I32, 3, -5, 1, 5), NUM(EAO_I32, 2), VEC(EAO_I32, 3, -1, 2, 2), 0);
  check_fails("add", &tanh_act, VEC(EAO_I32, 1, 1), VEC(EAO_I32, 1, 1), EAO_ERR_TYPE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(functions),   cmocka_unit_test(corners),      cmocka_unit_test(clipping),
      cmocka_unit_test(remainders),  cmocka_unit_test(unsigned_64),  cmocka_unit_test(shifts),
      cmocka_unit_test(comparisons), cmocka_unit_test(broadcasting), cmocka_unit_test(variadic),
      cmocka_unit_test(activations), cmocka_unit_test(integers_wrap)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
