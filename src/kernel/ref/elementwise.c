#include "kernel/ref/elementwise.h"

eao_status eao_ref_relu(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  int64_t n = eao_tensor_count(y);
  for (int64_t i = 0; i < n; i++) {
    double v = eao_get_f64(x, i);
    eao_set_f64(y, i, v > 0 || v != v ? v : 0);
  }
  return EAO_OK;
}

eao_status eao_ref_add(eao_kcall *c) {
  const eao_tensor *a = c->in[0], *b = c->in[1];
  eao_tensor *y = c->out[0];
  int64_t n = eao_tensor_count(y);
  eao_bcast ia, ib;
  eao_bcast_init(&ia, a, y);
  eao_bcast_init(&ib, b, y);
  bool is_float = eao_dtype_is_float(y->dtype);
  for (int64_t i = 0; i < n; i++) {
    int64_t p = eao_bcast_next(&ia), q = eao_bcast_next(&ib);
    if (is_float)
      eao_set_f64(y, i, eao_get_f64(a, p) + eao_get_f64(b, q));
    else
      eao_set_i64(y, i, (int64_t)((uint64_t)eao_get_i64(a, p) + (uint64_t)eao_get_i64(b, q)));
  }
  return EAO_OK;
}
