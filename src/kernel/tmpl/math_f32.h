/* Functions on vectors of floats. Include after a simd/f32_*.h.
 *
 * The polynomials are near-minimax fits made for these kernels; errors below are relative to the
 * result unless said otherwise, and leave out the last rounding. */
#ifndef EAO_KERNEL_TMPL_MATH_F32_H
#define EAO_KERNEL_TMPL_MATH_F32_H

/* c[0] + c[1] x + ... */
static inline __attribute__((always_inline)) vf v_poly(vf x, const float *c, int n) {
  vf r = v_all(c[n - 1]);
#pragma GCC unroll 12
  for (int i = n - 2; i >= 0; i--) r = v_fma(r, x, v_all(c[i]));
  return r;
}

/* e^x = 2^n (1 + p) with p = e^r - 1, |r| <= ln 2 / 2. */
static inline __attribute__((always_inline)) vf v_exp_parts(vf x, vf *out_n) {
  static const float c[] = {0.5f, 0.16666518f, 0.041666206f, 0.00836889f, 0.0013950486f};
  x = v_min(v_all(89), v_max(v_all(-104), x));
  vf n = *out_n = v_round(v_mul(x, v_all(1.44269504f)));
  vf r = v_fma(n, v_all(-0.693145752f), x); /* ln 2 in two parts: n times the first is exact */
  r = v_fma(n, v_all(-1.42860677e-6f), r);
  return v_fma(v_mul(r, r), v_poly(r, c, 5), r);
}

/* 4e-9. Overflows to infinity, underflows to 0; NaN stays. */
static inline vf v_exp(vf x) {
  vf n, p = v_exp_parts(x, &n);
  return v_scale(v_add(p, v_all(1)), n);
}

/* e^x - 1 for x <= 0; accurate near 0. */
static inline vf v_expm1(vf x) {
  vf n, p = v_exp_parts(x, &n);
  return v_add(v_scale(p, n), v_sub(v_scale(v_all(1), n), v_all(1)));
}

static inline vf v_sigmoid(vf x) {
  return v_div(v_all(1), v_add(v_all(1), v_exp(v_sub(v_all(0), x))));
}

/* Near 0 a polynomial, else 1 - 2 / (e^2|x| + 1); 1e-7. */
static inline vf v_tanh(vf x) {
  static const float c[] = {-0.33333284f, 0.13331491f, -0.05374349f, 0.020650564f, -0.0057170214f};
  vf z = v_mul(x, x), a = v_abs(x);
  vf near = v_fma(v_mul(z, x), v_poly(z, c, 5), x);
  vf far = v_sub(v_all(1), v_div(v_all(2), v_add(v_exp(v_add(a, a)), v_all(1))));
  return v_if_less(a, v_all(0.625f), near, v_with_sign(far, x));
}

/* erf for |x| < 1, and 1 - erf(a) for a >= 1. */
static inline __attribute__((always_inline)) vf v_erf_near(vf x) {
  static const float c[] = {1.1283791f,    -0.37612626f,    0.112836003f,  -0.026854444f,
                            0.0051895352f, -0.00080208393f, 7.8891135e-05f};
  return v_mul(x, v_poly(v_mul(x, x), c, 7));
}
static inline __attribute__((always_inline)) vf v_erfc_far(vf a) {
  static const float c[] = {-0.00018344617f, 1.1295569f,    0.63326257f,     0.1083725f,
                            -0.025178984f,   0.0041936175f, -0.00043910777f, 2.1496238e-05f};
  return v_exp(v_sub(v_all(0), v_poly(v_min(v_all(10), a), c, 8)));
}

/* 1e-7 */
static inline vf v_erf(vf x) {
  vf a = v_abs(x);
  vf far = v_with_sign(v_sub(v_all(1), v_erfc_far(a)), x);
  return v_if_less(a, v_all(1), v_erf_near(x), far);
}

/* 1 + erf(x), accurate also where that is small. */
static inline vf v_one_plus_erf(vf x) {
  vf a = v_abs(x), e = v_erfc_far(a);
  vf far = v_if_less(x, v_all(0), e, v_sub(v_all(2), e));
  return v_if_less(a, v_all(1), v_add(v_all(1), v_erf_near(x)), far);
}

#endif
