#include "kernel/ref/make.h"

#include <math.h>
#include <string.h>

#include "kernel/ref/move.h"
#include "kernel/ref/slice.h"

int32_t eao_shape_range(const eao_shape_attr *a, int32_t rank, int32_t *out_first) {
  eao_slice_dim d;
  eao_slice_resolve(rank, a->start, a->end, 1, &d);
  *out_first = (int32_t)d.start;
  return (int32_t)d.count;
}

eao_status eao_ref_shape(eao_kcall *c) {
  int32_t first, n = eao_shape_range(c->attr, c->in[0]->rank, &first);
  for (int32_t i = 0; i < n; i++) eao_set_i64(c->out[0], i, c->in[0]->dim[first + i]);
  return EAO_OK;
}

eao_status eao_ref_size(eao_kcall *c) {
  eao_set_i64(c->out[0], 0, eao_tensor_count(c->in[0]));
  return EAO_OK;
}

eao_status eao_ref_fill(eao_kcall *c) {
  eao_tensor *y = c->out[0];
  if (eao_tensor_count(y) == 0) return EAO_OK;
  eao_move_run(y, 0, c->in[1], 0, 1);
  eao_move_repeat(y);
  return EAO_OK;
}

int64_t eao_range_count(const eao_tensor *start, const eao_tensor *limit, const eao_tensor *delta) {
  if (eao_dtype_is_float(start->dtype)) {
    double a = eao_get_f64(start, 0), b = eao_get_f64(limit, 0), d = eao_get_f64(delta, 0);
    double n = ceil((b - a) / d);
    if (d == 0 || !(n < 0x1p53)) return -1; /* NaN too */
    return n > 0 ? (int64_t)n : 0;
  }
  int64_t a = eao_get_i64(start, 0), b = eao_get_i64(limit, 0), d = eao_get_i64(delta, 0);
  if (d == 0) return -1;
  if (d > 0 ? a >= b : a <= b) return 0;
  uint64_t gap = d > 0 ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
  uint64_t step = d > 0 ? (uint64_t)d : 0 - (uint64_t)d;
  uint64_t n = (gap - 1) / step + 1;
  return n > INT64_MAX ? -1 : (int64_t)n;
}

eao_status eao_ref_range(eao_kcall *c) {
  eao_tensor *y = c->out[0];
  int64_t n = y->dim[0];
  if (eao_dtype_is_float(y->dtype)) {
    double a = eao_get_f64(c->in[0], 0), d = eao_get_f64(c->in[2], 0);
    for (int64_t i = 0; i < n; i++) eao_set_f64(y, i, a + (double)i * d);
    return EAO_OK;
  }
  uint64_t v = (uint64_t)eao_get_i64(c->in[0], 0), d = (uint64_t)eao_get_i64(c->in[2], 0);
  for (int64_t i = 0; i < n; i++, v += d) eao_set_i64(y, i, (int64_t)v);
  return EAO_OK;
}

eao_status eao_ref_eye_like(eao_kcall *c) {
  const eao_eye_like_attr *a = c->attr;
  eao_tensor *y = c->out[0];
  int64_t rows = y->dim[0], cols = y->dim[1];
  memset(y->data, 0, (size_t)eao_dtype_bytes(y->dtype, rows * cols));
  if (a->k >= cols || a->k <= -rows) return EAO_OK;
  for (int64_t r = a->k < 0 ? -a->k : 0; r < rows && r + a->k < cols; r++)
    eao_set_i64(y, r * cols + r + a->k, 1);
  return EAO_OK;
}
