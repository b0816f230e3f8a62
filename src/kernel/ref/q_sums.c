#include "kernel/ref/q_sums.h"

/* One loop per pair of types that networks are made of; the compiler vectorises them. */
#define DOT(name, xt, wt)                                                                          \
  static int32_t name(const void *xp, const void *wp, int64_t n, int32_t zx, int32_t zw) {         \
    const xt *x = xp;                                                                              \
    const wt *w = wp;                                                                              \
    uint32_t sum = 0;                                                                              \
    for (int64_t i = 0; i < n; i++)                                                                \
      sum += (uint32_t)(((int32_t)x[i] - zx) * ((int32_t)w[i] - zw));                              \
    return (int32_t)sum;                                                                           \
  }
DOT(dot_s8_s8, int8_t, int8_t)
DOT(dot_u8_u8, uint8_t, uint8_t)
DOT(dot_u8_s8, uint8_t, int8_t)
#undef DOT

int64_t eao_q_dot(const eao_q_operand *x, const eao_q_operand *w, int64_t n) {
  eao_dtype xt = x->t->dtype, wt = w->t->dtype;
  if (n == 1 || (x->stride == 1 && w->stride == 1)) {
    const uint8_t *xp = (const uint8_t *)x->t->data + x->at;
    const uint8_t *wp = (const uint8_t *)w->t->data + w->at;
    if (xt == EAO_I8 && wt == EAO_I8) return dot_s8_s8(xp, wp, n, x->zero, w->zero);
    if (xt == EAO_U8 && wt == EAO_U8) return dot_u8_u8(xp, wp, n, x->zero, w->zero);
    if (xt == EAO_U8 && wt == EAO_I8) return dot_u8_s8(xp, wp, n, x->zero, w->zero);
  }
  int64_t sum = 0;
  for (int64_t i = 0; i < n; i++)
    sum += (eao_get_i64(x->t, x->at + i * x->stride) - x->zero) *
           (eao_get_i64(w->t, w->at + i * w->stride) - w->zero);
  return sum;
}

static bool weights_ok(const eao_tensor *w, int32_t channel) {
  if (!eao_dtype_is_int(w->dtype) || eao_dtype_bits(w->dtype) > 16 || w->quant.n < 1) return false;
  if (w->quant.n > 1 && (w->quant.axis != channel || w->quant.n != w->dim[channel])) return false;
  for (int32_t i = 0; w->quant.zero && i < w->quant.n; i++)
    if (w->quant.zero[i] < eao_dtype_min(w->dtype) || w->quant.zero[i] > eao_dtype_max(w->dtype))
      return false;
  return true;
}

bool eao_q_output_init(eao_q_output *q, eao_kcall *c, int32_t channel, const eao_act *act) {
  q->w = c->in[1];
  q->bias = c->n_in > 2 ? c->in[2] : NULL;
  if (!eao_q_param(c->in[0], &q->x) || !weights_ok(q->w, channel)) {
    eao_kfail(c, EAO_ERR_UNSUPPORTED,
              "no kernel for these types: 8- or 16-bit activations, per tensor, and weights of "
              "4, 8 or 16 bits, per tensor or per output channel, with zero points inside the type "
              "are possible");
    return false;
  }
  if (!eao_q_param_act(c->out[0], act, &q->y)) {
    eao_kfail(c, EAO_ERR_UNSUPPORTED,
              "no kernel for a quantised result of this type or with this activation: 8 or 16 "
              "bits, per tensor, and activations that only clip are possible");
    return false;
  }
  if (q->bias && q->bias->dtype != EAO_I32 && q->bias->dtype != EAO_I64) {
    eao_kfail(c, EAO_ERR_UNSUPPORTED, "the bias of a quantised op must be i32 or i64");
    return false;
  }
  q->wide = eao_dtype_bits(c->in[0]->dtype) == 16;
  q->sums_i64 = q->wide && !(q->bias && q->bias->dtype == EAO_I32);
  return true;
}

int32_t eao_q_output_store(const eao_q_output *q, int64_t acc, int64_t o) {
  float sw = q->w->quant.scale[o % q->w->quant.n];
  if (q->bias) acc = (int64_t)((uint64_t)acc + (uint64_t)eao_get_i64(q->bias, o));
  if (!q->wide)
    return eao_requant((int32_t)(uint32_t)(uint64_t)acc, q->x.scale * sw / q->y.scale, q->y.zero,
                       q->y.lo, q->y.hi);
  eao_fixed m = eao_fixed_from((double)q->x.scale * (double)sw / (double)q->y.scale);
  int64_t v =
      q->sums_i64 ? eao_fixed_mul64(acc, m) : eao_fixed_mul((int32_t)(uint32_t)(uint64_t)acc, m);
  v += q->y.zero;
  return v < q->y.lo ? q->y.lo : v > q->y.hi ? q->y.hi : (int32_t)v;
}
