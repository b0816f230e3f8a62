/* Resampling of one axis or of two adjacent ones, in plain C that compilers vectorise. A tensor is
 * seen as [outer, h, w, inner]; rows are joined first, then columns. */
#include <math.h>
#include <string.h>

#include "kernel/ref/quant.h"
#include "kernel/ref/resize.h"
#include "kernel/step.h"

typedef struct view {
  eao_resize_plan plan;
  int32_t ah, aw; /* axes of the tensor; -1: none */
  int64_t outer, h, w, inner, oh, ow;
  int64_t th, tw; /* taps of an output along each */
} view;

static bool view_init(view *v, const eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  *v = (view){.ah = -1, .aw = -1, .outer = 1, .h = 1, .w = 1, .inner = 1, .oh = 1, .ow = 1};
  v->th = v->tw = 1;
  if (eao_resize_plan_call(&v->plan, c)) return false;
  int32_t first = -1, last = -1;
  for (int32_t d = 0; d < x->rank; d++) {
    if (eao_resize_is_identity(&v->plan, c, d)) continue;
    if (first < 0) first = d;
    last = d;
  }
  if (first < 0 || last - first > 1) return false;
  v->aw = last;
  v->w = x->dim[last];
  v->ow = v->plan.out[last];
  v->tw = eao_resize_tap_count(&v->plan, c, last);
  if (first < last) {
    v->ah = first;
    v->h = x->dim[first];
    v->oh = v->plan.out[first];
    v->th = eao_resize_tap_count(&v->plan, c, first);
  }
  for (int32_t d = 0; d < first; d++) v->outer *= x->dim[d];
  for (int32_t d = last + 1; d < x->rank; d++) v->inner *= x->dim[d];
  return true;
}

static size_t tap_bytes(const view *v) {
  return ((size_t)(v->oh * v->th + v->ow * v->tw) * sizeof(eao_resize_tap) + 63) / 64 * 64;
}
static size_t row_bytes(const view *v) {
  return ((size_t)(v->w * v->inner) * sizeof(float) + 63) / 64 * 64;
}

/* Every share has taps and a row of its own. */
size_t eao_k_resize_c_scratch(const eao_kcall *c, uint32_t n_part) {
  view v;
  if (!view_init(&v, c)) return 0;
  return (tap_bytes(&v) + row_bytes(&v)) * (n_part ? n_part : 1);
}

bool eao_k_resize_c_match(const eao_kcall *c) {
  const eao_resize_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  view v;
  for (uint32_t i = 2; i < c->n_in; i++)
    if (c->in[i] && eao_tensor_count(c->in[i]) > 0 && !c->in[i]->data) return false;
  if (a->coordinates == EAO_COORD_TF_CROP_AND_RESIZE || eao_dtype_bits(x->dtype) < 8 ||
      (eao_q_call(c) && !eao_q_same(x, c->out[0])) || !view_init(&v, c))
    return false;
  bool bytes = (x->dtype == EAO_I8 || x->dtype == EAO_U8) && eao_q_is(x);
  return a->mode == EAO_RESIZE_NEAREST || x->dtype == EAO_F32 || (bytes && v.th <= 2 && v.tw <= 2);
}

/* Elements of the same place in each column: gathers runs of `size` bytes. */
static void nearest_row(const view *v, const eao_resize_tap *tap, const char *x, size_t size,
                        char *y) {
  if (size == 1)
    for (int64_t i = 0; i < v->ow; i++) y[i] = x[tap[i].index];
  else if (size == 4)
    for (int64_t i = 0; i < v->ow; i++) memcpy(y + i * 4, x + tap[i].index * 4, 4);
  else
    for (int64_t i = 0; i < v->ow; i++)
      memcpy(y + (size_t)i * size, x + (size_t)tap[i].index * size, size);
}

/* out = sum of weight[k] * x[index[k] * n ...], n elements each */
static void join(const eao_resize_tap *tap, int64_t taps, const float *x, int64_t n, float *out) {
  for (int64_t k = 0; k < taps; k++) {
    const float *p = x + tap[k].index * n;
    float w = (float)tap[k].weight;
    if (k == 0)
      for (int64_t i = 0; i < n; i++) out[i] = w * p[i];
    else
      for (int64_t i = 0; i < n; i++) out[i] += w * p[i];
  }
}

static void float_row(const view *v, const eao_resize_tap *th, const eao_resize_tap *tw,
                      const float *x, float *row, float *y) {
  int64_t n = v->inner;
  const float *line = x;
  if (v->ah >= 0) {
    join(th, v->th, x, v->w * n, row);
    line = row;
  }
  if (n == 1 && v->tw == 2)
    for (int64_t i = 0; i < v->ow; i++, tw += 2)
      y[i] = (float)tw[0].weight * line[tw[0].index] + (float)tw[1].weight * line[tw[1].index];
  else
    for (int64_t i = 0; i < v->ow; i++, tw += v->tw) join(tw, v->tw, line, n, y + i * n);
}

/* The reference kernel's sum in its order, so that halves round alike. */
static void byte_row(const view *v, const eao_resize_tap *th, const eao_resize_tap *tw,
                     const uint8_t *x, uint8_t flip, uint8_t *y) {
  int64_t n = v->inner, offset = flip ? 128 : 0;
  for (int64_t i = 0; i < v->ow; i++, tw += v->tw)
    for (int64_t c = 0; c < n; c++) {
      double sum = 0;
      for (int64_t k = 0; k < v->th; k++)
        for (int64_t l = 0; l < v->tw; l++) {
          uint8_t q = x[(th[k].index * v->w + tw[l].index) * n + c] ^ flip;
          sum += th[k].weight * tw[l].weight * (double)(q - offset);
        }
      y[i * n + c] = (uint8_t)(int32_t)floor(sum + 0.5);
    }
}

eao_status eao_k_resize_c(eao_kcall *c) {
  const eao_resize_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  view v;
  if (!view_init(&v, c)) return eao_kfail(c, EAO_ERR_UNSUPPORTED, "unmatched call");
  char *mine = (char *)c->scratch + c->part * (tap_bytes(&v) + row_bytes(&v));
  eao_resize_tap *th = (eao_resize_tap *)(void *)mine, *tw = th + v.oh * v.th;
  float *row = (float *)(void *)(mine + tap_bytes(&v));
  if (v.ah >= 0)
    eao_resize_taps(&v.plan, c, v.ah, th);
  else
    *th = (eao_resize_tap){0, 1};
  eao_resize_taps(&v.plan, c, v.aw, tw);
  size_t size = (size_t)eao_dtype_bits(x->dtype) / 8;
  size_t image = (size_t)(v.h * v.w * v.inner) * size, line = (size_t)(v.w * v.inner) * size;
  int64_t begin, end;
  eao_kcall_share(c, v.outer * v.oh, 1, &begin, &end);
  for (int64_t r = begin; r < end; r++) {
    const char *from = (const char *)x->data + (size_t)(r / v.oh) * image;
    char *to = (char *)c->out[0]->data + (size_t)(r * v.ow * v.inner) * size;
    const eao_resize_tap *t = th + r % v.oh * v.th;
    bool nearest = a->mode == EAO_RESIZE_NEAREST;
    if (nearest && r > begin && r % v.oh > 0 && t->index == t[-v.th].index)
      memcpy(to, to - (size_t)(v.ow * v.inner) * size, (size_t)(v.ow * v.inner) * size);
    else if (nearest)
      nearest_row(&v, tw, from + (size_t)t->index * line, size * (size_t)v.inner, to);
    else if (x->dtype == EAO_F32)
      float_row(&v, t, tw, (const float *)(const void *)from, row, (float *)(void *)to);
    else
      byte_row(&v, t, tw, (const uint8_t *)from, x->dtype == EAO_I8 ? 0x80 : 0, (uint8_t *)to);
  }
  return EAO_OK;
}
