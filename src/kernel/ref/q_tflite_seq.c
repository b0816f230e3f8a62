/* Integer forms of SVDF and of the LSTM with 8-bit activations and a 16-bit cell, after TensorFlow
 * Lite's integer kernels (svdf "integer", lstm "8x8_16"), whose results they equal bit for bit. */
#include <math.h>
#include <string.h>

#include "kernel/fixed.h"
#include "kernel/ref/tflite_seq.h"

/* ---- gemmlowp's 16-bit fixed point: raw values, the number of integer bits kept by hand ---- */

static int16_t wrap16(int32_t v) {
  return (int16_t)(uint16_t)v;
}

/* Product of fixed-point numbers: integer bits add up. */
static int16_t mul(int16_t a, int16_t b) {
  if (a == INT16_MIN && b == INT16_MIN) return INT16_MAX;
  int32_t ab = (int32_t)a * b;
  return wrap16((ab + (ab >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
}

/* x * 2^k, rounded or saturated. */
static int16_t scale_pot(int16_t x, int k) {
  if (k <= 0) return wrap16(eao_rounding_shr(x, -k));
  return (int16_t)eao_sat16((int64_t)x * ((int64_t)1 << k));
}

static int16_t half_sum(int16_t a, int16_t b) {
  int32_t sum = (int32_t)a + b;
  return wrap16((sum + (sum >= 0 ? 1 : -1)) / 2);
}

/* e^a for a in [-1/4, 0), no integer bits. */
static int16_t exp_quarter(int16_t a) {
  const int16_t e_eighth = 28918, third = 10923; /* e^(-1/8), 1/3 */
  int16_t x = wrap16(a + (1 << 12)), x2 = mul(x, x), x3 = mul(x2, x), x4 = mul(x2, x2);
  int16_t sum = wrap16(mul(wrap16(scale_pot(x4, -2) + x3), third) + x2);
  int16_t rest = wrap16(x + scale_pot(sum, -1));
  return (int16_t)eao_sat16((int64_t)e_eighth + mul(e_eighth, rest));
}

/* e^a for a <= 0 with these integer bits. */
static int16_t exp_negative(int16_t a, int int_bits) {
  /* e^(-2^k) for k = -2 ... 4, in 31 fractional bits */
  static const int32_t factor[] = {1672461947, 1302514674, 790015084, 290630308,
                                   39332535,   720401,     242};
  int frac = 15 - int_bits;
  int16_t quarter = wrap16(frac >= 2 ? 1 << (frac - 2) : 0);
  int16_t rest = wrap16((a & (quarter - 1)) - quarter), left = wrap16(rest - a);
  int16_t r = exp_quarter(scale_pot(rest, int_bits));
  for (int k = -2; k <= 4 && k < int_bits; k++)
    if (frac + k >= 0 && (left & (1 << (frac + k))))
      r = mul(r, wrap16(eao_rounding_shr(factor[k + 2], 16)));
  if (int_bits > 5 && a < -(1 << (frac + 5))) r = 0;
  return a == 0 ? INT16_MAX : r;
}

/* Newton's iterations for 1 / d, d = (1 + a) / 2; two integer bits. */
static int16_t reciprocal(int16_t d) {
  int16_t x = wrap16(23130 + mul(d, -15420)); /* 48/17 - 32/17 d */
  for (int i = 0; i < 3; i++) {
    int16_t error = wrap16((1 << 13) - mul(d, x));
    x = wrap16(x + scale_pot(mul(x, error), 2));
  }
  return x;
}

int16_t eao_fixed_logistic16(int16_t x, int int_bits) {
  int16_t positive = x > 0 ? x : wrap16(-x);
  int16_t e = exp_negative(wrap16(-positive), int_bits);
  int16_t r = scale_pot(reciprocal(half_sum(e, INT16_MAX)), 1); /* x / 2: one integer bit less */
  return x == 0 ? 1 << 14 : x > 0 ? r : wrap16(INT16_MAX - r);
}

int16_t eao_fixed_tanh16(int16_t x, int int_bits) {
  int16_t negative = x < 0 ? x : wrap16(-x);
  int16_t e = exp_negative(negative, int_bits + 1); /* twice the argument, same raw value */
  int16_t r = scale_pot(wrap16(reciprocal(half_sum(e, INT16_MAX)) - (1 << 13)), 2);
  return x == 0 ? 0 : x < 0 ? wrap16(-r) : r;
}

/* ---- SVDF ---- */

static double scale(const eao_tensor *t) {
  return t->quant.n ? (double)t->quant.scale[0] : 1;
}
static int32_t zero(const eao_tensor *t) {
  /* A file may claim any zero point; outside of the types here it means nothing. */
  int32_t z = t->quant.n && t->quant.zero ? t->quant.zero[0] : 0;
  return z < INT16_MIN ? INT16_MIN : z > INT16_MAX ? INT16_MAX : z;
}
static int32_t clamp8(int32_t v) {
  return v > 127 ? 127 : v < -128 ? -128 : v;
}
static int32_t add_wrap(int32_t a, int32_t b) {
  return (int32_t)((uint32_t)a + (uint32_t)b);
}

eao_status eao_q_svdf(eao_kcall *c, eao_tensor *s) {
  const eao_svdf_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *wf = c->in[1], *wt = c->in[2], *bias = c->in[3];
  eao_tensor *y = c->out[0];
  int64_t filters = wf->dim[0], memory = wt->dim[1], units = filters / a->rank, n = x->dim[1];
  const int8_t *xd = x->data, *fd = wf->data;
  const int16_t *td = wt->data;
  int16_t *sd = s->data;
  if (x->dtype != EAO_I8 || wf->dtype != EAO_I8 || wt->dtype != EAO_I16 || s->dtype != EAO_I16 ||
      (y && y->dtype != EAO_I8) || (bias && bias->dtype != EAO_I32))
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "no kernel for these quantised types");
  eao_fixed to_state = eao_fixed_from(scale(x) * scale(wf) / scale(s));
  eao_fixed to_out = eao_fixed_from(y ? scale(s) * scale(wt) / scale(y) : 0);
  for (int64_t b = 0; b < x->dim[0]; b++)
    for (int64_t u = 0; u < units; u++) {
      int32_t sum = bias ? ((const int32_t *)bias->data)[u] : 0;
      for (int64_t f = u * a->rank; f < (u + 1) * a->rank; f++) {
        int16_t *mem = sd + (b * filters + f) * memory;
        int32_t acc = 0;
        for (int64_t k = 0; k < n; k++)
          acc = add_wrap(acc, fd[f * n + k] * ((int32_t)xd[b * n + k] - zero(x)));
        memmove(mem, mem + 1, (size_t)(memory - 1) * sizeof *mem);
        mem[memory - 1] = (int16_t)eao_sat16(eao_fixed_mul(acc, to_state));
        for (int64_t t = 0; t < memory; t++) sum = add_wrap(sum, td[f * memory + t] * mem[t]);
      }
      if (y)
        ((int8_t *)y->data)[b * units + u] =
            (int8_t)clamp8(add_wrap(eao_fixed_mul(sum, to_out), zero(y)));
    }
  return EAO_OK;
}

/* ---- LSTM ---- */

static const eao_tensor *in(const eao_kcall *c, int32_t i) {
  return (uint32_t)i < c->n_in ? c->in[i] : NULL;
}

/* out[i] = sat16(out[i] + (bias[i] + sum of w (v - zero)) * m) */
static void product(const eao_tensor *w, const int8_t *v, int32_t v_zero, const eao_tensor *bias,
                    eao_fixed m, int16_t *out) {
  const int8_t *wd = w->data;
  for (int64_t i = 0; i < w->dim[0]; i++) {
    int32_t acc = bias ? ((const int32_t *)bias->data)[i] : 0;
    for (int64_t k = 0; k < w->dim[1]; k++)
      acc = add_wrap(acc, wd[i * w->dim[1] + k] * ((int32_t)v[k] - v_zero));
    out[i] = (int16_t)eao_sat16((int64_t)eao_fixed_mul(acc, m) + out[i]);
  }
}

/* A gate's values have 3 integer and 12 fractional bits. */
static void gate(const eao_kcall *c, int32_t g, const int8_t *x, const int8_t *h,
                 const int16_t *cell, int cell_shift, int16_t *out) {
  const double unit = 0x1p-12;
  const eao_tensor *w = in(c, EAO_LSTM_W + g), *r = in(c, EAO_LSTM_R + g);
  const eao_tensor *peep = g == 2 ? NULL : in(c, EAO_LSTM_PEEP + (g == 3 ? 2 : g));
  const eao_tensor *xt = c->in[0], *ht = c->in[EAO_LSTM_H];
  int64_t n = w->dim[0];
  memset(out, 0, (size_t)n * sizeof *out);
  product(w, x, zero(xt), in(c, EAO_LSTM_BIAS + g), eao_fixed_from(scale(w) * scale(xt) / unit),
          out);
  product(r, h, zero(ht), NULL, eao_fixed_from(scale(r) * scale(ht) / unit), out);
  if (peep) {
    eao_fixed m = eao_fixed_from(ldexp(scale(peep), cell_shift) / unit);
    const int16_t *p = peep->data;
    for (int64_t i = 0; i < n; i++)
      out[i] = (int16_t)eao_sat16((int64_t)eao_fixed_mul((int32_t)p[i] * cell[i], m) + out[i]);
  }
  for (int64_t i = 0; i < n; i++)
    out[i] = g == 2 ? eao_fixed_tanh16(out[i], 3) : eao_fixed_logistic16(out[i], 3);
}

static int16_t clip16(int32_t v, int32_t limit) {
  return (int16_t)(limit <= 0 ? v : v > limit ? limit : v < -limit ? -limit : v);
}

/* (a * b) / 2^shift */
static int16_t mul_shift(int16_t a, int16_t b, int shift) {
  int32_t ab = (int32_t)a * b;
  return wrap16(shift > 31 ? 0 : eao_rounding_shr(ab, shift));
}

static void update_cell(const eao_kcall *c, int16_t *i_, const int16_t *f_, const int16_t *g_,
                        int16_t *cell, int64_t n, int cell_shift) {
  const eao_tflite_lstm_attr *a = c->attr;
  int32_t limit = 0;
  if (a->cell_clip > 0) {
    double q = (double)a->cell_clip / ldexp(1, cell_shift);
    limit = q > 32767 ? 32767 : (int32_t)q;
  }
  for (int64_t i = 0; i < n; i++) {
    int16_t k = in(c, EAO_LSTM_W) ? i_[i] : wrap16(INT16_MAX - f_[i]);
    int16_t keep = mul_shift(f_[i], cell[i], 15), add = mul_shift(k, g_[i], 30 + cell_shift);
    cell[i] = clip16(eao_sat16((int64_t)keep + add), limit);
  }
}

/* h from the output gate and the cell. */
static void update_output(const eao_kcall *c, const int16_t *o_, const int16_t *cell,
                          int8_t *hidden, int8_t *h, int64_t n, int64_t m, int cell_shift) {
  const eao_tflite_lstm_attr *a = c->attr;
  const eao_tensor *proj = in(c, EAO_LSTM_PROJ), *bias = in(c, EAO_LSTM_PROJ_BIAS);
  const eao_tensor *ht = c->in[EAO_LSTM_H];
  double hs = proj ? (double)a->hidden_scale : scale(ht);
  int32_t hz = proj ? (int32_t)a->hidden_zero : zero(ht);
  eao_fixed to_hidden = eao_fixed_from(0x1p-30 / hs);
  for (int64_t i = 0; i < n; i++) {
    int32_t v = (int32_t)o_[i] * eao_fixed_tanh16(cell[i], 15 + cell_shift);
    int32_t q = clamp8(eao_fixed_mul(v, to_hidden) + hz);
    if (proj)
      hidden[i] = (int8_t)q;
    else
      h[i] = (int8_t)q;
  }
  if (!proj) return;
  eao_fixed to_out = eao_fixed_from(scale(proj) * hs / scale(ht));
  double q = (double)a->proj_clip / scale(ht);
  int32_t limit = a->proj_clip > 0 ? (q > 127 ? 127 : (int32_t)q) : 0;
  const int8_t *p = proj->data;
  for (int64_t i = 0; i < m; i++) {
    int32_t acc = bias ? ((const int32_t *)bias->data)[i] : 0;
    for (int64_t k = 0; k < n; k++) acc = add_wrap(acc, p[i * n + k] * ((int32_t)hidden[k] - hz));
    h[i] = (int8_t)clip16(clamp8(add_wrap(eao_fixed_mul(acc, to_out), zero(ht))), limit);
  }
}

/* The exponent of a scale that is a power of two; 0 (no such scale) fails. */
static int pot_exponent(double s) {
  int e;
  return frexp(s, &e) == 0.5 ? e - 1 : 0;
}

static bool types_fit(const eao_kcall *c) {
  for (int32_t i = 0; i < (int32_t)c->n_in; i++) {
    const eao_tensor *t = c->in[i];
    if (!t) continue;
    bool bias = (i >= EAO_LSTM_BIAS && i < EAO_LSTM_PROJ) || i == EAO_LSTM_PROJ_BIAS;
    bool wide = i == EAO_LSTM_C || (i >= EAO_LSTM_PEEP && i < EAO_LSTM_BIAS);
    if (t->dtype != (bias ? EAO_I32 : wide ? EAO_I16 : EAO_I8) || t->quant.n > 1) return false;
  }
  return !c->out[0] || c->out[0]->dtype == EAO_I8;
}

eao_status eao_q_tflite_lstm(eao_kcall *c, eao_tensor *ht, eao_tensor *ct, void *scratch) {
  const eao_tflite_lstm_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  int64_t n = ct->dim[1], m = ht->dim[1], inputs = x->dim[x->rank - 1];
  int cell_shift = pot_exponent(scale(c->in[EAO_LSTM_C]));
  int16_t *i_ = scratch, *f_ = i_ + n, *g_ = f_ + n, *o_ = g_ + n;
  int8_t *hidden = (int8_t *)(o_ + n), *y = c->out[0] ? c->out[0]->data : NULL;
  if (!types_fit(c) || in(c, EAO_LSTM_NORM + 1) || a->act != EAO_ACT_TANH)
    return eao_kfail(c, EAO_ERR_UNSUPPORTED,
                     "no kernel for these quantised types, for layer normalisation or this act");
  if (cell_shift < -15 || cell_shift >= 0 || (in(c, EAO_LSTM_PROJ) && !(a->hidden_scale > 0)))
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "the cell's scale must be a power of two below 1");
  int64_t batch = ht->dim[0], steps = x->rank == 2 ? 1 : x->dim[a->time_major ? 0 : 1];
  for (int64_t t = 0; t < steps; t++)
    for (int64_t b = 0; b < batch; b++) {
      int64_t v = a->time_major || x->rank == 2 ? t * batch + b : b * steps + t;
      const int8_t *xv = (const int8_t *)x->data + v * inputs;
      int8_t *h = (int8_t *)ht->data + b * m;
      int16_t *cell = (int16_t *)ct->data + b * n;
      if (in(c, EAO_LSTM_W)) gate(c, 0, xv, h, cell, cell_shift, i_);
      gate(c, 1, xv, h, cell, cell_shift, f_);
      gate(c, 2, xv, h, cell, cell_shift, g_);
      update_cell(c, i_, f_, g_, cell, n, cell_shift);
      gate(c, 3, xv, h, cell, cell_shift, o_);
      update_output(c, o_, cell, hidden, h, n, m, cell_shift);
      if (y) memcpy(y + v * m, h, (size_t)m);
    }
  return EAO_OK;
}
