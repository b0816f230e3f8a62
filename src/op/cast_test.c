/* Casts and quantisation with explicit scales: rounding, saturation, ties. */
#include "kernel/ref/cast.h"
#include "op/check.h"

static void to(vec x, vec want) {
  check1("cast", &(eao_cast_attr){(int32_t)want.dtype}, x, want, 0);
}

static void casts(void **state) {
  (void)state;
  to(VEC(EAO_F32, 4, 1.9, -1.9, 0.5, -0.5), VEC(EAO_I32, 4, 1, -1, 0, 0));
  to(VEC(EAO_F32, 4, 3e9, -3e9, NAN, INFINITY),
     VEC(EAO_I32, 4, INT32_MAX, INT32_MIN, 0, INT32_MAX));
  /* low bits, as numpy and ONNX Runtime have it */
  to(VEC(EAO_F32, 4, 300, -300, NAN, 200), VEC(EAO_I8, 4, 44, -44, 0, -56));
  to(VEC(EAO_F32, 3, -1, 3e9, 256), VEC(EAO_U32, 3, 4294967295, 3e9, 256));
  to(VEC(EAO_F32, 3, 0x1p63, 0x1p70, 5), VEC(EAO_U64, 3, 0x1p63, 0x1p64, 5));
  to(VEC(EAO_I32, 4, 300, -1, 128, 65), VEC(EAO_I8, 4, 44, -1, -128, 65));
  to(VEC(EAO_I32, 4, 300, -1, 128, 65), VEC(EAO_U8, 4, 44, 255, 128, 65));
  to(VEC(EAO_F32, 4, 0, -0.25, NAN, 3), VEC(EAO_BOOL, 4, 0, 1, 1, 1));
  to(VEC(EAO_BOOL, 2, 0, 1), VEC(EAO_F16, 2, 0, 1));
  to(VEC(EAO_I4, 3, -8, -1, 7), VEC(EAO_F32, 3, -8, -1, 7));
  to(VEC(EAO_F32, 4, -9, 20, 3.7, -1), VEC(EAO_U4, 4, 7, 4, 3, 15));
  /* to half: overflow, ties to even, subnormals (numpy) */
  static const uint16_t half[] = {0x7BFF, 0x7BFF, 0x7C00, 0x0000, 0x0001, 0x6800, 0x6802};
  to(VEC(EAO_F32, 7, 65504, 65519.99, 65520, 1e-8, 5.97e-8, 2049, 2051), RAW(EAO_F16, 7, half));
}

/* One rounding: through a double these would end one unit lower (numpy's direct casts). */
static void wide_integers(void **state) {
  (void)state;
  static const int64_t x[] = {9007199791611905, -9007199791611905, INT64_MAX, INT64_MIN};
  static const uint64_t u[] = {UINT64_MAX, 9007199791611905u};
  to(RAW(EAO_I64, 4, x), VEC(EAO_F32, 4, 9007200328482816.0, -9007200328482816.0, 0x1p63, -0x1p63));
  to(RAW(EAO_U64, 2, u), VEC(EAO_F32, 2, 0x1p64, 9007200328482816.0));
  to(RAW(EAO_I64, 2, x), RAW(EAO_U64, 2, x));
}

static void quantise(void **state) {
  (void)state;
  /* ties to even, then saturation */
  vec per_tensor[] = {VEC(EAO_F32, 6, 1, 3, 5, -1, 1000, -1000), NUM(EAO_F32, 2), NUM(EAO_U8, 3)};
  check_run("quantize_linear", NULL, per_tensor, 3, &VEC(EAO_U8, 6, 3, 5, 5, 3, 255, 0), 1, 0,
            EAO_OK);
  vec per_axis[] = {MAT(EAO_F32, 2, 2, 1, 1, -4, -4), VEC(EAO_F32, 2, 0.5, 2),
                    VEC(EAO_I8, 2, 0, 9)};
  check_run("quantize_linear", NULL, per_axis, 3, &MAT(EAO_I8, 2, 2, 2, 9, -8, 7), 1, 0, EAO_OK);
  eao_quantize_attr to_i16 = {.axis = 0, .output_dtype = EAO_I16};
  check_run("quantize_linear", &to_i16, per_axis, 2, &MAT(EAO_I16, 2, 2, 2, 2, -2, -2), 1, 0,
            EAO_OK);
  per_axis[1] = VEC(EAO_F32, 3, 1, 1, 1);
  check_run("quantize_linear", NULL, per_axis, 3, NULL, 1, 0, EAO_ERR_SHAPE);
}

static void dequantise(void **state) {
  (void)state;
  /* blocks of two along axis 1; the last block is short */
  vec in[] = {MAT(EAO_I8, 2, 3, 1, 2, 3, 4, 5, 6), MAT(EAO_F32, 2, 2, 1, 10, 100, 0.5),
              MAT(EAO_I8, 2, 2, 0, 1, 2, 0)};
  eao_quantize_attr a = {.axis = 1, .block_size = 2};
  check_run("dequantize_linear", &a, in, 3, &MAT(EAO_F32, 2, 3, 1, 2, 20, 200, 300, 3), 1, 0,
            EAO_OK);
  in[2].dtype = EAO_U8;
  check_run("dequantize_linear", &a, in, 3, NULL, 1, 0, EAO_ERR_TYPE);
  check2("dequantize_linear", NULL, VEC(EAO_U4, 3, 0, 15, 7), NUM(EAO_F16, 0.5),
         VEC(EAO_F16, 3, 0, 7.5, 3.5), 0);
}

/* The example in the ONNX operator's description. */
static void dynamic(void **state) {
  (void)state;
  vec x = VEC(EAO_F32, 6, 0, 2, -3, -2.5, 1.34, 0.5);
  vec out[] = {VEC(EAO_U8, 6, 153, 255, 0, 26, 221, 179), NUM(EAO_F32, 0.0196078438),
               NUM(EAO_U8, 153)};
  check_run("dynamic_quantize_linear", NULL, &x, 1, out, 3, 0, EAO_OK);
  vec zeros = VEC(EAO_F32, 2, 0, 0),
      none[] = {VEC(EAO_U8, 2, 0, 0), NUM(EAO_F32, 1), NUM(EAO_U8, 0)};
  check_run("dynamic_quantize_linear", NULL, &zeros, 1, none, 3, 0, EAO_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(casts),      cmocka_unit_test(wide_integers), cmocka_unit_test(quantise),
      cmocka_unit_test(dequantise), cmocka_unit_test(dynamic),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
