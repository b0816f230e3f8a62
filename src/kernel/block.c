#include "kernel/block.h"

#include <string.h>

void eao_load_f64(const eao_tensor *t, int64_t first, int64_t stride, int64_t n, double *out) {
  if (t->dtype == EAO_F32) {
    const float *p = (const float *)t->data + first;
    for (int64_t k = 0; k < n; k++) out[k] = (double)p[k * stride];
  } else {
    for (int64_t k = 0; k < n; k++) out[k] = eao_get_f64(t, first + k * stride);
  }
}

void eao_load_i64(const eao_tensor *t, int64_t first, int64_t stride, int64_t n, int64_t *out) {
  for (int64_t k = 0; k < n; k++) out[k] = eao_get_i64(t, first + k * stride);
}

void eao_store_f64(eao_tensor *t, int64_t first, int64_t stride, int64_t n, const double *v) {
  if (t->dtype == EAO_F32) {
    float *p = (float *)t->data + first;
    for (int64_t k = 0; k < n; k++) p[k * stride] = (float)v[k];
  } else {
    for (int64_t k = 0; k < n; k++) eao_set_f64(t, first + k * stride, v[k]);
  }
}

void eao_store_i64(eao_tensor *t, int64_t first, int64_t stride, int64_t n, const int64_t *v) {
  for (int64_t k = 0; k < n; k++) eao_set_i64(t, first + k * stride, v[k]);
}

/* Where a block stands in t: walks runs of the last dimension. */
typedef struct walk {
  int64_t dim[EAO_MAX_RANK], stride[EAO_MAX_RANK], index[EAO_MAX_RANK], pos;
  int32_t rank;
} walk;

static void walk_init(walk *w, const eao_tensor *t, const eao_tensor *shape, int64_t first) {
  memset(w, 0, sizeof *w);
  w->rank = shape->rank;
  int64_t stride = 1;
  for (int32_t d = shape->rank - 1; d >= 0; d--) {
    int32_t k = d - (shape->rank - t->rank);
    w->dim[d] = shape->dim[d];
    if (k >= 0) {
      w->stride[d] = t->dim[k] == 1 ? 0 : stride;
      stride *= t->dim[k];
    }
    w->index[d] = first % w->dim[d];
    first /= w->dim[d];
    w->pos += w->index[d] * w->stride[d];
  }
}

/* Length of the run at hand, at most n; *out_pos, *out_stride: where it stands in t. */
static int64_t walk_next(walk *w, int64_t n, int64_t *out_pos, int64_t *out_stride) {
  int32_t d = w->rank - 1;
  *out_pos = w->pos;
  *out_stride = d < 0 ? 0 : w->stride[d];
  if (d < 0) return n;
  int64_t run = w->dim[d] - w->index[d];
  if (run > n) run = n;
  w->index[d] += run;
  w->pos += run * w->stride[d];
  while (d > 0 && w->index[d] == w->dim[d]) {
    w->pos -= w->index[d] * w->stride[d];
    w->index[d] = 0;
    d--;
    w->index[d]++;
    w->pos += w->stride[d];
  }
  return run;
}

static bool same_order(const eao_tensor *t, const eao_tensor *shape) {
  return eao_tensor_count(t) == eao_tensor_count(shape);
}

void eao_load_bcast_f64(const eao_tensor *t, const eao_tensor *shape, int64_t first, int64_t n,
                        double *out) {
  if (same_order(t, shape)) {
    eao_load_f64(t, first, 1, n, out);
    return;
  }
  walk w;
  walk_init(&w, t, shape, first);
  for (int64_t run, pos, stride; n > 0; n -= run, out += run) {
    run = walk_next(&w, n, &pos, &stride);
    eao_load_f64(t, pos, stride, run, out);
  }
}

void eao_load_bcast_i64(const eao_tensor *t, const eao_tensor *shape, int64_t first, int64_t n,
                        int64_t *out) {
  if (same_order(t, shape)) {
    eao_load_i64(t, first, 1, n, out);
    return;
  }
  walk w;
  walk_init(&w, t, shape, first);
  for (int64_t run, pos, stride; n > 0; n -= run, out += run) {
    run = walk_next(&w, n, &pos, &stride);
    eao_load_i64(t, pos, stride, run, out);
  }
}
