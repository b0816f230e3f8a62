#include <math.h>
#include <string.h>

#include "kernel/kernel.h"

static unsigned nibble(const eao_tensor *t, int64_t i) {
  unsigned b = ((const uint8_t *)t->data)[i / 2];
  return i & 1 ? b >> 4 : b & 15u;
}

static void set_nibble(eao_tensor *t, int64_t i, unsigned v) {
  uint8_t *p = (uint8_t *)t->data + i / 2;
  *p = (uint8_t)(i & 1 ? (*p & 0x0Fu) | (v & 15u) << 4 : (*p & 0xF0u) | (v & 15u));
}

int64_t eao_get_i64(const eao_tensor *t, int64_t i) {
  const void *p = t->data;
  switch (t->dtype) {
  case EAO_I8: return ((const int8_t *)p)[i];
  case EAO_I16: return ((const int16_t *)p)[i];
  case EAO_I32: return ((const int32_t *)p)[i];
  case EAO_I64: return ((const int64_t *)p)[i];
  case EAO_U8: return ((const uint8_t *)p)[i];
  case EAO_U16: return ((const uint16_t *)p)[i];
  case EAO_U32: return ((const uint32_t *)p)[i];
  case EAO_U64: return (int64_t)((const uint64_t *)p)[i];
  case EAO_BOOL: return ((const uint8_t *)p)[i] != 0;
  case EAO_I4: return (int64_t)(nibble(t, i) ^ 8u) - 8;
  case EAO_U4: return nibble(t, i);
  default: {
    double v = eao_get_f64(t, i);
    return v >= 0x1p63 ? INT64_MAX : v >= -0x1p63 ? (int64_t)v : v < 0 ? INT64_MIN : 0;
  }
  }
}

double eao_get_f64(const eao_tensor *t, int64_t i) {
  switch (t->dtype) {
  case EAO_F32: return ((const float *)t->data)[i];
  case EAO_F16: return eao_f16_to_f32(((const uint16_t *)t->data)[i]);
  case EAO_BF16: return eao_bf16_to_f32(((const uint16_t *)t->data)[i]);
  case EAO_F64: return ((const double *)t->data)[i];
  case EAO_U64: return (double)((const uint64_t *)t->data)[i];
  default: return (double)eao_get_i64(t, i);
  }
}

void eao_set_i64(eao_tensor *t, int64_t i, int64_t v) {
  void *p = t->data;
  switch (t->dtype) {
  case EAO_I8: ((int8_t *)p)[i] = (int8_t)v; break;
  case EAO_I16: ((int16_t *)p)[i] = (int16_t)v; break;
  case EAO_I32: ((int32_t *)p)[i] = (int32_t)v; break;
  case EAO_I64: ((int64_t *)p)[i] = v; break;
  case EAO_U8: ((uint8_t *)p)[i] = (uint8_t)v; break;
  case EAO_U16: ((uint16_t *)p)[i] = (uint16_t)v; break;
  case EAO_U32: ((uint32_t *)p)[i] = (uint32_t)v; break;
  case EAO_U64: ((uint64_t *)p)[i] = (uint64_t)v; break;
  case EAO_BOOL: ((uint8_t *)p)[i] = v != 0; break;
  case EAO_I4:
  case EAO_U4: set_nibble(t, i, (unsigned)v & 15u); break;
  default: eao_set_f64(t, i, (double)v);
  }
}

/* A double to bfloat16 or binary16 must be rounded once: going through a float rounded to odd
 * keeps the sticky bit that a plain conversion would lose. */
static float round_to_odd(double v) {
  float f = (float)v;
  if ((double)f == v || isnan(v) || isinf(f)) return f;
  uint32_t u = eao_f32_bits(f);
  if (fabs((double)f) > fabs(v)) u--; /* truncate toward zero */
  return eao_f32_from_bits(u | 1u);
}

void eao_set_f64(eao_tensor *t, int64_t i, double v) {
  switch (t->dtype) {
  case EAO_F32: ((float *)t->data)[i] = (float)v; return;
  case EAO_F16: ((uint16_t *)t->data)[i] = eao_f32_to_f16(round_to_odd(v)); return;
  case EAO_BF16: ((uint16_t *)t->data)[i] = eao_f32_to_bf16(round_to_odd(v)); return;
  case EAO_F64: ((double *)t->data)[i] = v; return;
  case EAO_BOOL: ((uint8_t *)t->data)[i] = v != 0; return;
  case EAO_U64:
    ((uint64_t *)t->data)[i] = v >= 0x1p64 ? UINT64_MAX : v > 0 ? (uint64_t)v : 0;
    return;
  default: {
    int64_t lo = eao_dtype_min(t->dtype), hi = eao_dtype_max(t->dtype);
    int64_t q = v != v ? 0 : v <= (double)lo ? lo : v >= (double)hi ? hi : (int64_t)v;
    eao_set_i64(t, i, q);
  }
  }
}

int64_t eao_dtype_min(eao_dtype t) {
  return eao_dtype_is_signed(t) ? (int64_t)(UINT64_MAX << (eao_dtype_bits(t) - 1)) : 0;
}

int64_t eao_dtype_max(eao_dtype t) {
  if (t == EAO_BOOL) return 1;
  int bits = eao_dtype_bits(t) - (eao_dtype_is_signed(t) ? 1 : 0);
  return bits >= 63 ? INT64_MAX : (int64_t)(((uint64_t)1 << bits) - 1);
}

static int64_t channel(const eao_tensor *t, int64_t i) {
  if (t->quant.axis < 0 || t->quant.n <= 1) return 0;
  for (int32_t d = t->rank - 1; d > t->quant.axis; d--) i /= t->dim[d];
  return i % t->dim[t->quant.axis];
}

float eao_quant_scale(const eao_tensor *t, int64_t i) {
  return t->quant.scale[channel(t, i)];
}

int32_t eao_quant_zero(const eao_tensor *t, int64_t i) {
  return t->quant.zero ? t->quant.zero[channel(t, i)] : 0;
}

void eao_bcast_init(eao_bcast *b, const eao_tensor *t, const eao_tensor *out) {
  memset(b, 0, sizeof *b);
  b->rank = out->rank;
  int64_t stride = 1;
  for (int32_t d = out->rank - 1; d >= 0; d--) {
    int32_t k = d - (out->rank - t->rank);
    b->dim[d] = out->dim[d];
    if (k < 0) continue;
    b->stride[d] = t->dim[k] == 1 ? 0 : stride;
    stride *= t->dim[k];
  }
}
