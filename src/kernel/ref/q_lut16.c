/* Functions of 16-bit quantised integers as TensorFlow Lite tabulates them: linear interpolation
 * between table entries, so that results are TensorFlow Lite's and not merely close. */
#include <math.h>
#include <stdlib.h>

#include "kernel/fixed.h"
#include "kernel/ref/q_lut16.h"

/* NaN (a logarithm left of 0) becomes 0: a plain cast of it is undefined. */
static double clamp16(double v) {
  return v != v ? 0 : v < INT16_MIN ? INT16_MIN : v > INT16_MAX ? INT16_MAX : v;
}

/* Entries are samples, lowered by half the error that interpolation makes in the middle. */
void eao_lut16_init(eao_lut16 *t, eao_q_unary_fn fn, const void *attr, const eao_lut16_range *r) {
  double step = (r->in_max - r->in_min) / EAO_LUT16_STEPS;
  double inv = 65536 / (r->out_max - r->out_min);
  for (int32_t i = 0; i < EAO_LUT16_STEPS; i++) {
    double at = r->in_min + i * step;
    double here = round(fn(attr, at) * inv), mid = round(fn(attr, at + step / 2) * inv);
    double next = fn(attr, r->in_min + (i + 1) * step) * inv;
    double err = round((next + here) / 2) - mid;
    t->v[i] = (int16_t)clamp16(here - round(err / 2));
  }
  t->v[EAO_LUT16_STEPS] = (int16_t)clamp16(round(fn(attr, r->in_max) * inv));
}

int32_t eao_lut16_get(const eao_lut16 *t, int32_t q) {
  int32_t i = (q + 32768) >> 7, slope = t->v[i + 1] - t->v[i];
  return t->v[i] + (int32_t)eao_asr(slope * (q & 127) + 64, 7);
}

eao_status eao_q_lut16(eao_kcall *c, eao_q_unary_fn fn) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  eao_qparam p, q;
  eao_lut16 table;
  if (x->dtype != EAO_I16 || y->dtype != EAO_I16 || !eao_q_param(x, &p) || !eao_q_param(y, &q) ||
      p.zero || q.zero)
    return eao_q_unary(c, fn);
  eao_lut16_range r = {(double)(p.scale * INT16_MIN), (double)(p.scale * INT16_MAX),
                       (double)(q.scale * INT16_MIN), (double)(q.scale * INT16_MAX)};
  eao_lut16_init(&table, fn, c->attr, &r);
  int64_t total = eao_tensor_count(y);
  for (int64_t i = 0; i < total; i++)
    eao_set_i64(y, i, (int16_t)eao_lut16_get(&table, (int32_t)eao_get_i64(x, i)));
  return EAO_OK;
}

/* ---- sigmoid and tanh: one table of sigmoid(i / 24) with 16 fraction bits ---- */

static uint32_t sigmoid_entry(uint32_t i) {
  double v = round(65536 / (1 + exp(-(double)i / 24)));
  return v > 65535 ? 65535 : (uint32_t)v;
}

/* x is in units of 1 / (3 * 4096), table steps are 2^bits of them. */
static uint32_t interpolate(uint32_t x, int32_t bits) {
  uint32_t i = x >> bits, a = sigmoid_entry(i), b = sigmoid_entry(i + 1);
  return (a << bits) + (x & ((1u << bits) - 1)) * (b - a);
}

int32_t eao_sigmoid16(int32_t x) {
  uint32_t mag = (uint32_t)abs(x), r = mag >> 9 >= 255 ? 0x7FFFu << 10 : interpolate(mag, 9);
  return (int32_t)((x >= 0 ? r + (1u << 9) : (1u << 25) - r + (1u << 9) - 1) >> 10);
}

int32_t eao_tanh16(int32_t x) {
  uint32_t mag = (uint32_t)abs(x);
  int32_t r = (int32_t)(mag >> 8 >= 255 ? 0xFFFFu << 8 : interpolate(mag, 8));
  r = x >= 0 ? r - (1 << 23) + (1 << 7) : -r + (1 << 23) + (1 << 7) - 1;
  return (int32_t)eao_asr(r, 8);
}

eao_status eao_q_sigmoid(eao_kcall *c, bool is_tanh, eao_q_unary_fn fn) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  eao_qparam p, q;
  if (x->dtype != EAO_I16 || y->dtype != EAO_I16 || !eao_q_param(x, &p) || !eao_q_param(y, &q) ||
      p.zero || q.zero || q.scale != 0x1p-15f || !(p.scale < 0.5f) || !(p.scale > 0x1p-40f))
    return eao_q_unary(c, fn);
  bool pot = p.scale == 0x1p-12f || (is_tanh && p.scale == 0x1p-11f);
  double m = (double)p.scale * 12288;
  int32_t shift = 0;
  for (; !pot && m <= 32767.0 / 2 && shift <= 30; shift++) m *= 2;
  int64_t mult = (int64_t)m, half = shift ? (int64_t)1 << (shift - 1) : 0;
  int64_t total = eao_tensor_count(y);
  for (int64_t i = 0; i < total; i++) {
    int32_t v = eao_sat32(eao_asr(eao_get_i64(x, i) * mult + half, shift));
    eao_set_i64(y, i, is_tanh ? eao_tanh16(v) : eao_sigmoid16(v));
  }
  return EAO_OK;
}
