#include "kernel/ref/quant.h"
#include "kernel/ref/resize.h"

#include <math.h>
#include <string.h>

typedef eao_resize_tap tap;

static const char *list_axes(eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *list,
                             int32_t *axis, int32_t *out_n) {
  int32_t n = a->axes.n ? a->axes.n : p->rank;
  if (eao_tensor_count(list) != n || n > EAO_MAX_RANK)
    return "resize: the list's length differs from the number of axes";
  for (int32_t i = 0; i < p->rank; i++) p->roi[i] = -1;
  for (int32_t i = 0; i < n; i++) {
    int64_t ax = a->axes.n ? a->axes.v[i] : i;
    if (ax < -p->rank || ax >= p->rank) return "resize: an axis lies outside the input";
    axis[i] = (int32_t)(ax < 0 ? ax + p->rank : ax);
    if (p->roi[axis[i]] >= 0) return "resize: an axis is named twice";
    p->roi[axis[i]] = i;
  }
  *out_n = n;
  return NULL;
}

static const char *from_scales(eao_resize_plan *p, const eao_tensor *x, const eao_tensor *scales,
                               const int32_t *axis, int32_t n) {
  for (int32_t i = 0; i < n; i++) {
    double s = eao_get_f64(scales, i);
    int32_t d = axis[i];
    /* The product is rounded to float32, as everybody does who computes this shape. */
    double out = floor((double)((float)x->dim[d] * (float)s));
    if (!(s > 0) || !(out < 0x1p40)) return "resize: a scale is not possible";
    p->scale[d] = s;
    p->width[d] = s * (double)x->dim[d];
    p->out[d] = (int64_t)out;
  }
  return NULL;
}

static const char *from_sizes(eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *x,
                              const eao_tensor *sizes, const int32_t *axis, int32_t n) {
  double common = 0;
  for (int32_t i = 0; i < n; i++) {
    int64_t size = eao_get_i64(sizes, i);
    int32_t d = axis[i];
    if (size < 0 || size > (int64_t)1 << 40) return "resize: a size is not possible";
    p->out[d] = size;
    p->width[d] = (double)size;
    if (x->dim[d] == 0) continue; /* refused below unless size is 0 */
    double s = p->scale[d] = (double)size / (double)x->dim[d];
    if (i == 0 || (a->aspect == EAO_ASPECT_NOT_LARGER ? s < common : s > common)) common = s;
  }
  if (a->aspect == EAO_ASPECT_STRETCH) return NULL;
  for (int32_t i = 0; i < n; i++) {
    int32_t d = axis[i];
    p->scale[d] = common;
    p->width[d] = common * (double)x->dim[d];
    if (!(p->width[d] < 0x1p40)) return "resize: a size is not possible";
    p->out[d] = (int64_t)floor(p->width[d] + 0.5);
  }
  return NULL;
}

const char *eao_resize_plan_init(eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *x,
                                 const eao_tensor *scales, const eao_tensor *sizes) {
  int32_t axis[EAO_MAX_RANK], n = 0;
  memset(p, 0, sizeof *p);
  p->rank = x->rank;
  for (int32_t i = 0; i < x->rank; i++) {
    p->scale[i] = 1;
    p->out[i] = x->dim[i];
    p->width[i] = (double)x->dim[i];
  }
  const char *why = list_axes(p, a, scales ? scales : sizes, axis, &n);
  if (!why) why = scales ? from_scales(p, x, scales, axis, n) : from_sizes(p, a, x, sizes, axis, n);
  for (int32_t i = 0; !why && i < x->rank; i++)
    if (x->dim[i] == 0 && p->out[i] > 0) why = "resize: an empty input has nothing to sample";
  return why;
}

/* ---- taps ---- */

/* Nothing happens along this axis. */
static bool is_identity(const eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *x,
                        int32_t d) {
  if (a->coordinates == EAO_COORD_TF_CROP_AND_RESIZE && p->roi[d] >= 0) return false;
  return p->scale[d] == 1 && p->out[d] == x->dim[d];
}

static double widening(const eao_resize_plan *p, const eao_resize_attr *a, int32_t d) {
  return a->antialias && p->scale[d] < 1 ? p->scale[d] : 1;
}

/* Taps of each output along axis d, and the offset of the first one from floor(position). */
static int64_t tap_count(const eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *x,
                         int32_t d, int64_t *out_first) {
  *out_first = 0;
  if (a->mode == EAO_RESIZE_NEAREST || p->out[d] == 0 || is_identity(p, a, x, d)) return 1;
  double support = a->mode == EAO_RESIZE_LINEAR ? 1 : 2;
  *out_first = (int64_t)floor(-support / widening(p, a, d)) + 1;
  return 2 - 2 * *out_first;
}

static double position(const eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *x,
                       const eao_tensor *roi, int32_t d, int64_t i) {
  double s = p->scale[d], n = (double)x->dim[d], m = p->width[d], at = (double)i;
  switch (a->coordinates) {
  case EAO_COORD_ALIGN_CORNERS: return m == 1 ? 0 : at * (n - 1) / (m - 1);
  case EAO_COORD_ASYMMETRIC: return at / s;
  case EAO_COORD_TF_HALF_PIXEL_NN: return (at + 0.5) / s;
  case EAO_COORD_PYTORCH_HALF_PIXEL: return p->out[d] == 1 ? 0 : (at + 0.5) / s - 0.5;
  case EAO_COORD_HALF_PIXEL_SYMMETRIC:
    return n / 2 * (1 - (double)p->out[d] / m) + (at + 0.5) / s - 0.5;
  case EAO_COORD_TF_CROP_AND_RESIZE: {
    int64_t lists = eao_tensor_count(roi) / 2;
    if (p->roi[d] < 0) return at;
    double from = eao_get_f64(roi, p->roi[d]), to = eao_get_f64(roi, lists + p->roi[d]);
    if (m == 1) return (from + to) * (n - 1) / 2;
    return from * (n - 1) + at * (to - from) * (n - 1) / (m - 1);
  }
  default: return (at + 0.5) / s - 0.5;
  }
}

static double filter(const eao_resize_attr *a, double x) {
  double c = (double)a->cubic_a;
  x = fabs(x);
  if (a->mode == EAO_RESIZE_LINEAR) return x < 1 ? 1 - x : 0;
  if (x <= 1) return ((c + 2) * x - (c + 3)) * x * x + 1;
  return x < 2 ? ((c * x - 5 * c) * x + 8 * c) * x - 4 * c : 0;
}

static int64_t clamp(int64_t i, int64_t n) {
  return i < 0 ? 0 : i >= n ? n - 1 : i;
}

static double round_by(int32_t nearest, double x) {
  switch (nearest) {
  case EAO_NEAREST_ROUND_PREFER_CEIL: return floor(x + 0.5);
  case EAO_NEAREST_FLOOR: return floor(x);
  case EAO_NEAREST_CEIL: return ceil(x);
  default: return ceil(x - 0.5);
  }
}

/* Taps of output i along axis d; at lies within reach of the input. */
static void fill_taps(const eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *x,
                      int32_t d, double at, int64_t first, int64_t count, tap *out) {
  int64_t n = x->dim[d];
  if (a->mode == EAO_RESIZE_NEAREST) {
    *out = (tap){clamp((int64_t)round_by(a->nearest, at), n), 1};
    return;
  }
  double base = floor(at), sum = 0, narrow = widening(p, a, d);
  for (int64_t t = 0; t < count; t++) {
    int64_t i = (int64_t)base + first + t;
    double w = filter(a, ((double)(first + t) - (at - base)) * narrow);
    if (a->exclude_outside && (i < 0 || i >= n)) w = 0;
    out[t] = (tap){clamp(i, n), w};
    sum += w;
  }
  if ((a->exclude_outside || narrow < 1) && sum != 0)
    for (int64_t t = 0; t < count; t++) out[t].weight /= sum;
}

static void axis_taps(const eao_resize_plan *p, const eao_resize_attr *a, const eao_tensor *x,
                      const eao_tensor *roi, int32_t d, tap *out) {
  int64_t first, count = tap_count(p, a, x, d, &first);
  bool identity = is_identity(p, a, x, d), crop = a->coordinates == EAO_COORD_TF_CROP_AND_RESIZE;
  double last = (double)x->dim[d] - 1;
  for (int64_t i = 0; i < p->out[d]; i++, out += count) {
    double at = identity ? (double)i : position(p, a, x, roi, d, i);
    if (crop && !(at >= 0 && at <= last)) {
      for (int64_t t = 0; t < count; t++) out[t] = (tap){-1, 0};
      continue;
    }
    /* Beyond the edge nothing changes any more: keeps the conversion to an integer in range. */
    at = fmin(fmax(at, -4), last + 4);
    if (identity)
      *out = (tap){i, 1};
    else
      fill_taps(p, a, x, d, at, first, count, out);
  }
}

/* ---- the kernel ---- */

typedef struct sampler {
  const eao_resize_attr *a;
  const eao_tensor *x;
  int32_t rank;
  int64_t count[EAO_MAX_RANK], stride[EAO_MAX_RANK];
  const tap *taps[EAO_MAX_RANK]; /* of the current output element */
} sampler;

static bool outside(const sampler *s) {
  for (int32_t d = 0; d < s->rank; d++)
    if (s->taps[d]->index < 0) return true;
  return false;
}

static double sample(const sampler *s) {
  int64_t k[EAO_MAX_RANK] = {0};
  double sum = 0;
  for (;;) {
    double w = 1;
    int64_t i = 0;
    for (int32_t d = 0; d < s->rank; d++) {
      w *= s->taps[d][k[d]].weight;
      i += s->taps[d][k[d]].index * s->stride[d];
    }
    if (w != 0) sum += w * eao_get_f64(s->x, i);
    int32_t d = s->rank - 1;
    while (d >= 0 && ++k[d] == s->count[d]) k[d--] = 0;
    if (d < 0) return sum;
  }
}

const char *eao_resize_plan_call(eao_resize_plan *p, const eao_kcall *c) {
  const eao_tensor *scales = c->n_in > 2 ? c->in[2] : NULL, *sizes = c->n_in > 3 ? c->in[3] : NULL;
  if (scales && eao_tensor_count(scales) == 0) scales = NULL;
  if (scales) sizes = NULL;
  if (!scales && !sizes) return "resize: neither scales nor sizes";
  return eao_resize_plan_init(p, c->attr, c->in[0], scales, sizes);
}

int64_t eao_resize_tap_count(const eao_resize_plan *p, const eao_kcall *c, int32_t d) {
  int64_t first;
  return tap_count(p, c->attr, c->in[0], d, &first);
}

bool eao_resize_is_identity(const eao_resize_plan *p, const eao_kcall *c, int32_t d) {
  return is_identity(p, c->attr, c->in[0], d);
}

void eao_resize_taps(const eao_resize_plan *p, const eao_kcall *c, int32_t d, eao_resize_tap *out) {
  axis_taps(p, c->attr, c->in[0], c->n_in > 1 ? c->in[1] : NULL, d, out);
}

size_t eao_ref_resize_scratch(const eao_kcall *c) {
  eao_resize_plan p;
  int64_t n = 0;
  if (eao_resize_plan_call(&p, c)) return 0;
  for (int32_t d = 0; d < p.rank; d++) n += p.out[d] * eao_resize_tap_count(&p, c, d);
  return (size_t)n * sizeof(tap);
}

eao_status eao_ref_resize(eao_kcall *c) {
  const eao_resize_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  if (eao_q_call(c) && !eao_q_same(x, y)) return eao_kfail_quant(c);
  eao_resize_plan p;
  const char *why = eao_resize_plan_call(&p, c);
  if (why) return eao_kfail(c, EAO_ERR_SHAPE, why);
  sampler s = {.a = a, .x = x, .rank = x->rank};
  const tap *start[EAO_MAX_RANK];
  tap *next = c->scratch;
  eao_tensor_strides(x, s.stride);
  for (int32_t d = 0; d < x->rank; d++) {
    s.count[d] = eao_resize_tap_count(&p, c, d);
    eao_resize_taps(&p, c, d, next);
    start[d] = next;
    next += s.count[d] * p.out[d];
  }
  int64_t n = eao_tensor_count(y), index[EAO_MAX_RANK] = {0};
  bool exact = eao_dtype_is_int(x->dtype) && a->mode == EAO_RESIZE_NEAREST;
  for (int64_t i = 0; i < n; i++) {
    int64_t from = 0;
    for (int32_t d = 0; d < x->rank; d++) {
      s.taps[d] = start[d] + index[d] * s.count[d];
      from += s.taps[d]->index * s.stride[d];
    }
    if (outside(&s))
      eao_set_f64(y, i, (double)a->extrapolation);
    else if (exact)
      eao_set_i64(y, i, eao_get_i64(x, from));
    else if (eao_q_is(x))
      eao_set_f64(y, i, floor(sample(&s) + 0.5));
    else
      eao_set_f64(y, i, sample(&s));
    for (int32_t d = x->rank - 1; d >= 0 && ++index[d] == y->dim[d]; d--) index[d] = 0;
  }
  return EAO_OK;
}
