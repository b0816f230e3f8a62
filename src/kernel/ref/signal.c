#include "kernel/ref/signal.h"

#include <math.h>
#include <string.h>

#include "kernel/ref/move.h"

static const double pi = 3.14159265358979323846;

typedef struct cpx {
  double re, im;
} cpx;

static cpx mul(cpx a, cpx b) {
  return (cpx){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static cpx unit(double turns) {
  return (cpx){cos(2 * pi * turns), sin(2 * pi * turns)};
}

/* ---- transforms: powers of two directly, other lengths as a convolution (Bluestein) ---- */

typedef struct plan {
  int64_t n, m;  /* points; power of two that is transformed */
  cpx *in, *out; /* n */
  cpx *root;     /* m / 2 roots of unity exp(-2 pi i k / m) */
  cpx *chirp;    /* n; a, b, t: m. Unused when n is a power of two */
  cpx *a, *b, *t;
} plan;

static int64_t pow2_for(int64_t n) {
  int64_t m = 1, need = n & (n - 1) ? 2 * n - 1 : n;
  while (m < need) m *= 2;
  return m;
}

size_t eao_fft_scratch(int64_t n) {
  if (n < 1) n = 1;
  int64_t m = pow2_for(n);
  return (size_t)(2 * n + m / 2 + 1 + (m == n ? 0 : n + 3 * m)) * sizeof(cpx);
}

/* Decimation in time; out and in do not overlap. */
static void fft_pow2(cpx *out, const cpx *in, int64_t n, int64_t stride, const cpx *root,
                     int64_t root_step) {
  if (n == 1) {
    out[0] = in[0];
    return;
  }
  int64_t h = n / 2;
  fft_pow2(out, in, h, 2 * stride, root, 2 * root_step);
  fft_pow2(out + h, in + stride, h, 2 * stride, root, 2 * root_step);
  for (int64_t k = 0; k < h; k++) {
    cpx u = out[k], v = mul(root[k * root_step], out[k + h]);
    out[k] = (cpx){u.re + v.re, u.im + v.im};
    out[k + h] = (cpx){u.re - v.re, u.im - v.im};
  }
}

static void plan_init(plan *p, int64_t n, void *scratch) {
  p->n = n;
  p->m = pow2_for(n);
  p->in = scratch;
  p->out = p->in + n;
  p->root = p->out + n;
  for (int64_t k = 0; k < p->m / 2; k++) p->root[k] = unit(-(double)k / (double)p->m);
  if (p->m == n) return;
  p->chirp = p->root + p->m / 2 + 1;
  p->a = p->chirp + n;
  p->b = p->a + p->m;
  p->t = p->b + p->m;
  memset(p->t, 0, (size_t)p->m * sizeof *p->t);
  for (int64_t k = 0; k < n; k++) { /* exp(-pi i k^2 / n); k^2 mod 2n keeps the angle exact */
    p->chirp[k] = unit(-(double)(k * k % (2 * n)) / (double)(2 * n));
    p->t[k] = (cpx){p->chirp[k].re, -p->chirp[k].im};
    if (k) p->t[p->m - k] = p->t[k];
  }
  fft_pow2(p->b, p->t, p->m, 1, p->root, 1);
}

/* p->in to p->out. The inverse swaps real and imaginary parts before and after. */
static void transform(plan *p, bool inverse) {
  for (int64_t k = 0; inverse && k < p->n; k++) p->in[k] = (cpx){p->in[k].im, p->in[k].re};
  if (p->m == p->n) {
    fft_pow2(p->out, p->in, p->n, 1, p->root, 1);
  } else {
    memset(p->t, 0, (size_t)p->m * sizeof *p->t);
    for (int64_t k = 0; k < p->n; k++) p->t[k] = mul(p->in[k], p->chirp[k]);
    fft_pow2(p->a, p->t, p->m, 1, p->root, 1);
    for (int64_t k = 0; k < p->m; k++) { /* product, conjugated: a forward transform inverts it */
      cpx v = mul(p->a[k], p->b[k]);
      p->t[k] = (cpx){v.re, -v.im};
    }
    fft_pow2(p->a, p->t, p->m, 1, p->root, 1);
    for (int64_t k = 0; k < p->n; k++) {
      cpx v = {p->a[k].re / (double)p->m, -p->a[k].im / (double)p->m};
      p->out[k] = mul(v, p->chirp[k]);
    }
  }
  for (int64_t k = 0; inverse && k < p->n; k++)
    p->out[k] = (cpx){p->out[k].im / (double)p->n, p->out[k].re / (double)p->n};
}

/* ---- dft ---- */

int64_t eao_dft_points(const eao_tensor *x, int32_t axis, const eao_tensor *length,
                       const eao_dft_attr *a) {
  if (length) return eao_get_i64(length, 0);
  return a->inverse && a->onesided ? 2 * (x->dim[axis] - 1) : x->dim[axis];
}

static cpx load(const eao_tensor *x, int64_t i, int64_t parts) {
  return (cpx){eao_get_f64(x, i * parts), parts == 2 ? eao_get_f64(x, i * parts + 1) : 0};
}

static void store(eao_tensor *y, int64_t i, int64_t parts, cpx v) {
  eao_set_f64(y, i * parts, v.re);
  if (parts == 2) eao_set_f64(y, i * parts + 1, v.im);
}

eao_status eao_ref_dft(eao_kcall *c) {
  const eao_dft_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *axis_in = c->n_in > 2 ? c->in[2] : NULL;
  eao_tensor *y = c->out[0];
  int32_t axis = eao_axis_from(axis_in ? eao_get_i64(axis_in, 0) : -2, x->rank);
  int64_t n = eao_dft_points(x, axis, c->n_in > 1 ? c->in[1] : NULL, a);
  int64_t outer = eao_dim_product(x, 0, axis), inner = eao_dim_product(x, axis + 1, x->rank - 1);
  int64_t xp = x->dim[x->rank - 1], yp = y->dim[y->rank - 1];
  int64_t xn = x->dim[axis], yn = y->dim[axis];
  bool hermitian = a->inverse && a->onesided;
  plan p;
  if (eao_tensor_count(y) == 0) return EAO_OK;
  plan_init(&p, n, c->scratch);
  for (int64_t oi = 0; oi < outer * inner; oi++) {
    int64_t o = oi / inner, i = oi % inner, given = hermitian ? n / 2 + 1 : n;
    if (given > xn) given = xn;
    memset(p.in, 0, (size_t)n * sizeof *p.in);
    for (int64_t k = 0; k < given; k++) p.in[k] = load(x, (o * xn + k) * inner + i, xp);
    if (hermitian) { /* the other half is the conjugate of the first */
      p.in[0].im = 0;
      if (n % 2 == 0) p.in[n / 2].im = 0;
      for (int64_t k = n / 2 + 1; k < n; k++) p.in[k] = (cpx){p.in[n - k].re, -p.in[n - k].im};
    }
    transform(&p, a->inverse);
    for (int64_t k = 0; k < yn; k++) store(y, (o * yn + k) * inner + i, yp, p.out[k]);
  }
  return EAO_OK;
}

size_t eao_ref_dft_scratch(const eao_kcall *c) {
  const eao_tensor *x = c->in[0], *where = c->n_in > 2 ? c->in[2] : NULL;
  int32_t axis = eao_axis_from(where ? eao_get_i64(where, 0) : -2, x->rank);
  return eao_fft_scratch(eao_dft_points(x, axis, c->n_in > 1 ? c->in[1] : NULL, c->attr));
}

/* ---- stft ---- */

int64_t eao_stft_points(const eao_tensor *signal, const eao_tensor *window,
                        const eao_tensor *length) {
  return length ? eao_get_i64(length, 0) : window ? window->dim[0] : signal->dim[1];
}

eao_status eao_ref_stft(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *window = c->n_in > 2 ? c->in[2] : NULL;
  eao_tensor *y = c->out[0];
  int64_t n = eao_stft_points(x, window, c->n_in > 3 ? c->in[3] : NULL);
  int64_t step = eao_get_i64(c->in[1], 0), samples = x->dim[1],
          parts = x->rank == 3 ? x->dim[2] : 1;
  int64_t frames = y->dim[1], bins = y->dim[2], taps = window ? window->dim[0] : n;
  plan p;
  if (eao_tensor_count(y) == 0) return EAO_OK;
  plan_init(&p, n, c->scratch);
  for (int64_t bf = 0; bf < x->dim[0] * frames; bf++) {
    int64_t at = bf / frames * samples + bf % frames * step;
    for (int64_t k = 0; k < n; k++) {
      double w = k >= taps ? 0 : window ? eao_get_f64(window, k) : 1;
      cpx v = load(x, at + k, parts);
      p.in[k] = (cpx){v.re * w, v.im * w};
    }
    transform(&p, false);
    for (int64_t k = 0; k < bins; k++) store(y, bf * bins + k, 2, p.out[k]);
  }
  return EAO_OK;
}

size_t eao_ref_stft_scratch(const eao_kcall *c) {
  return eao_fft_scratch(
      eao_stft_points(c->in[0], c->n_in > 2 ? c->in[2] : NULL, c->n_in > 3 ? c->in[3] : NULL));
}

/* ---- windows: a0 + a1 cos(2 pi k / n) + a2 cos(4 pi k / n) ---- */

static eao_status window(eao_kcall *c, double a0, double a1, double a2) {
  const eao_window_attr *a = c->attr;
  eao_tensor *y = c->out[0];
  int64_t size = y->dim[0], n = a->periodic ? size : size - 1;
  for (int64_t k = 0; k < size; k++) {
    double turn = n > 0 ? 2 * pi * (double)k / (double)n : pi; /* one sample: the peak */
    eao_set_f64(y, k, a0 + a1 * cos(turn) + a2 * cos(2 * turn));
  }
  return EAO_OK;
}

eao_status eao_ref_hann_window(eao_kcall *c) {
  return window(c, 0.5, -0.5, 0);
}

eao_status eao_ref_hamming_window(eao_kcall *c) {
  return window(c, 25.0 / 46, 25.0 / 46 - 1, 0);
}

eao_status eao_ref_blackman_window(eao_kcall *c) {
  return window(c, 0.42, -0.5, 0.08);
}

/* ---- mel ---- */

bool eao_mel_edge(const eao_tensor *const *in, int64_t i, int64_t *out_bin) {
  double bands = (double)eao_get_i64(in[0], 0), length = (double)eao_get_i64(in[1], 0);
  double rate = (double)eao_get_i64(in[2], 0);
  double low = 2595 * log10(1 + eao_get_f64(in[3], 0) / 700);
  double high = 2595 * log10(1 + eao_get_f64(in[4], 0) / 700);
  double mel = low + (double)i * (high - low) / (bands + 2);
  double bin = floor((length + 1) * 700 * (pow(10, mel / 2595) - 1) / rate);
  if (!(bin >= 0) || !(bin <= floor(length / 2))) return false;
  *out_bin = (int64_t)bin;
  return true;
}

eao_status eao_ref_mel_weight_matrix(eao_kcall *c) {
  eao_tensor *y = c->out[0];
  int64_t bands = y->dim[1];
  eao_move_zero(y);
  for (int64_t i = 0; i < bands; i++) {
    int64_t left, mid, right;
    if (!eao_mel_edge(c->in, i, &left) || !eao_mel_edge(c->in, i + 1, &mid) ||
        !eao_mel_edge(c->in, i + 2, &right))
      return eao_kfail(c, EAO_ERR_SHAPE, "a band ends outside the spectrum");
    if (mid == left) eao_set_f64(y, mid * bands + i, 1);
    for (int64_t k = left; mid > left && k <= mid; k++)
      eao_set_f64(y, k * bands + i, (double)(k - left) / (double)(mid - left));
    for (int64_t k = mid; k < right; k++)
      eao_set_f64(y, k * bands + i, (double)(right - k) / (double)(right - mid));
  }
  return EAO_OK;
}
