#include <math.h>

#include "kernel/ref/quant.h"
#include "kernel/requant.h"

bool eao_q_param(const eao_tensor *t, eao_qparam *out) {
  if (!eao_dtype_is_int(t->dtype) || eao_dtype_bits(t->dtype) > 16 || t->quant.n > 1) return false;
  out->scale = t->quant.n ? t->quant.scale[0] : 1;
  out->zero = t->quant.n && t->quant.zero ? t->quant.zero[0] : 0;
  out->lo = (int32_t)eao_dtype_min(t->dtype);
  out->hi = (int32_t)eao_dtype_max(t->dtype);
  /* A file may claim any zero point; outside the type it means nothing, and sums could overflow. */
  return out->zero >= out->lo && out->zero <= out->hi;
}

static int32_t saturate(const eao_qparam *p, float q) {
  if (!(q > (float)p->lo)) return p->lo; /* NaN too */
  return q >= (float)p->hi ? p->hi : eao_rne_f32(q);
}

int32_t eao_q_from_real(const eao_qparam *p, float real) {
  return saturate(p, rintf(real / p->scale) + (float)p->zero);
}

bool eao_q_param_act(const eao_tensor *t, const eao_act *act, eao_qparam *out) {
  float lo, hi;
  if (!eao_q_param(t, out)) return false;
  if (!act || act->kind == EAO_ACT_NONE) return true;
  if (!eao_act_bounds(act, &lo, &hi)) return false;
  eao_qparam whole = *out;
  if (lo > -INFINITY) out->lo = saturate(&whole, lo / whole.scale + (float)whole.zero);
  if (hi < INFINITY) out->hi = saturate(&whole, hi / whole.scale + (float)whole.zero);
  if (out->hi < out->lo) out->hi = out->lo;
  return true;
}

bool eao_q_same(const eao_tensor *a, const eao_tensor *b) {
  eao_qparam p, q;
  return a->dtype == b->dtype && eao_q_param(a, &p) && eao_q_param(b, &q) && p.scale == q.scale &&
         p.zero == q.zero;
}
