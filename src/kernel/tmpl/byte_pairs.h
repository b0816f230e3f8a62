/* add, sub and mul of quantised bytes, and float to bytes and back, in plain C: compilers turn the
 * loops into vectors. Include with EAO_ISA(name) defined. Rules: docs/integer-spec.md. */
#include <string.h>

#include "kernel/plain/pair_i8.h"
#include "kernel/requant.h"

enum { BLOCK = 256 };

/* Element i of a line, whatever its type and stride, as unsigned byte; flip is 0x80 for i8. */
static void load_line(const uint8_t *p, int64_t stride, int n, uint8_t flip, int32_t *out) {
  if (stride)
    for (int i = 0; i < n; i++) out[i] = (uint8_t)(p[i] ^ flip);
  else
    for (int i = 0; i < n; i++) out[i] = (uint8_t)(p[0] ^ flip);
}

/* Sums that wrap on the way are right in the end. */
static void sum_line(const eao_pair_i8 *p, const int32_t *a, const int32_t *b, int n, uint8_t *y) {
  uint32_t ma = (uint32_t)p->ma, mb = (uint32_t)p->mb, bias = (uint32_t)p->bias;
  int32_t lo = p->lo - p->z_y, hi = p->hi - p->z_y, z = p->z_y;
  int shift = p->shift;
  for (int i = 0; i < n; i++) {
    int32_t q = (int32_t)((uint32_t)a[i] * ma + (uint32_t)b[i] * mb + bias) >> shift;
    q = q < lo ? lo : q > hi ? hi : q;
    y[i] = (uint8_t)(q + z);
  }
}

/* The same of bytes side by side, which need not be widened first. y may be a or b. */
static void sum_bytes(const eao_pair_i8 *p, const uint8_t *a, const uint8_t *b, int n, uint8_t *y) {
  uint8_t out[BLOCK];
  uint32_t ma = (uint32_t)p->ma, mb = (uint32_t)p->mb, bias = (uint32_t)p->bias;
  int32_t lo = p->lo - p->z_y, hi = p->hi - p->z_y, z = p->z_y;
  int shift = p->shift;
  uint8_t flip = p->flip;
  for (int i = 0; i < n; i++) {
    uint32_t u = (uint8_t)(a[i] ^ flip), v = (uint8_t)(b[i] ^ flip);
    int32_t q = (int32_t)(u * ma + v * mb + bias) >> shift;
    q = q < lo ? lo : q > hi ? hi : q;
    out[i] = (uint8_t)(q + z);
  }
  memcpy(y, out, (size_t)n);
}

static void product_line(const eao_pair_i8 *p, const int32_t *a, const int32_t *b, int n,
                         uint8_t *y) {
  float m = p->scale, lo = (float)(p->lo - p->z_y), hi = (float)(p->hi - p->z_y);
  int32_t za = p->z_a, zb = p->z_b, z = (int32_t)((uint32_t)p->z_y - 0x4B400000u);
  for (int i = 0; i < n; i++) {
    float v = (float)((a[i] - za) * (b[i] - zb)) * m;
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    v += 12582912.0f; /* 1.5 * 2^23: rounds to an integer, which the low bits then hold */
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    y[i] = (uint8_t)(bits + z);
  }
}

static inline __attribute__((always_inline)) eao_status
pair(eao_kcall *c, int op,
     void (*line)(const eao_pair_i8 *, const int32_t *, const int32_t *, int, uint8_t *)) {
  eao_pair_i8 p;
  eao_pair_lines w;
  if (!eao_pair_i8_init(&p, c, op)) return eao_kfail(c, EAO_ERR_UNSUPPORTED, "unmatched call");
  eao_pair_lines_init(&w, c);
  int32_t a[BLOCK], b[BLOCK];
  for (int64_t n; (n = eao_pair_lines_next(&w, BLOCK)) > 0;) {
    if (op && w.sa && w.sb) {
      sum_bytes(&p, (const uint8_t *)c->in[0]->data + w.a, (const uint8_t *)c->in[1]->data + w.b,
                (int)n, (uint8_t *)c->out[0]->data + w.y);
      continue;
    }
    load_line((const uint8_t *)c->in[0]->data + w.a, w.sa, (int)n, p.flip, a);
    load_line((const uint8_t *)c->in[1]->data + w.b, w.sb, (int)n, p.flip, b);
    line(&p, a, b, (int)n, (uint8_t *)c->out[0]->data + w.y);
  }
  return EAO_OK;
}

eao_status EAO_ISA(eao_k_add_i8)(eao_kcall *c) {
  return pair(c, 1, sum_line);
}
eao_status EAO_ISA(eao_k_sub_i8)(eao_kcall *c) {
  return pair(c, -1, sum_line);
}
eao_status EAO_ISA(eao_k_mul_i8)(eao_kcall *c) {
  return pair(c, 0, product_line);
}

eao_status EAO_ISA(eao_k_quantize_f32_i8)(eao_kcall *c) {
  const eao_tensor *y = c->out[0];
  const float *x = c->in[0]->data;
  uint8_t *q = y->data;
  float inverse = 1.0f / y->quant.scale[0];
  int32_t zero = y->quant.zero ? y->quant.zero[0] : 0, z = (int32_t)((uint32_t)zero - 0x4B400000u);
  float lo = (float)(eao_dtype_min(y->dtype) - zero), hi = (float)(eao_dtype_max(y->dtype) - zero);
  int64_t i, end;
  eao_kcall_share(c, eao_tensor_count(y), 64, &i, &end);
  for (; i < end; i++) {
    float v = x[i] * inverse;
    v = v > lo ? v : lo;
    v = v < hi ? v : hi;
    v += 12582912.0f;
    int32_t bits;
    memcpy(&bits, &v, sizeof bits);
    q[i] = (uint8_t)(bits + z);
  }
  return EAO_OK;
}

eao_status EAO_ISA(eao_k_dequantize_i8_f32)(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  const uint8_t *p = x->data;
  float *y = c->out[0]->data, scale = x->quant.scale[0];
  uint8_t flip = x->dtype == EAO_I8 ? 0x80 : 0;
  int32_t zero = (x->quant.zero ? x->quant.zero[0] : 0) + flip;
  int64_t i, end;
  eao_kcall_share(c, eao_tensor_count(x), 64, &i, &end);
  for (; i < end; i++) y[i] = (float)((uint8_t)(p[i] ^ flip) - zero) * scale;
  return EAO_OK;
}
