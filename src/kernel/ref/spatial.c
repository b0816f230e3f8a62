#include "kernel/ref/spatial.h"

#include <string.h>

/* Axes ax .. ax + n - 1 of t become the last n spatial axes. */
static void take_axes(eao_spatial *v, const eao_tensor *t, const int64_t *stride, int32_t ax,
                      int32_t n) {
  for (int32_t i = 0; i < EAO_SPATIAL_MAX; i++) {
    int32_t k = i - (EAO_SPATIAL_MAX - n);
    v->dim[i] = k < 0 ? 1 : t->dim[ax + k];
    v->s[i] = k < 0 ? 0 : stride[ax + k];
  }
}

void eao_spatial_init(eao_spatial *v, const eao_tensor *t, int32_t layout) {
  int64_t stride[EAO_MAX_RANK];
  int32_t ca = eao_spatial_channel_axis(layout, t->rank);
  eao_tensor_strides(t, stride);
  v->n = t->dim[0];
  v->sn = stride[0];
  v->c = t->dim[ca];
  v->sc = stride[ca];
  take_axes(v, t, stride, eao_spatial_axis(layout, 0), t->rank - 2);
}

void eao_spatial_init_weights(eao_spatial *v, const eao_tensor *w, int32_t w_layout) {
  int64_t stride[EAO_MAX_RANK];
  int32_t o = 0, i = 1, k = 2, last = w->rank - 1;
  eao_tensor_strides(w, stride);
  switch (w_layout) {
  case EAO_WLAYOUT_OKI: i = last, k = 1; break;
  case EAO_WLAYOUT_1KO: o = last, i = 0, k = 1; break;
  case EAO_WLAYOUT_IOK: o = 1, i = 0; break;
  default: break;
  }
  v->n = w->dim[o];
  v->sn = stride[o];
  v->c = w->dim[i];
  v->sc = stride[i];
  take_axes(v, w, stride, k, w->rank - 2);
}

static int64_t entry(const eao_ints *list, int32_t i, int64_t fallback) {
  return i >= 0 && i < list->n ? list->v[i] : fallback;
}

static void fill(eao_window *w, const eao_ints *strides, const eao_ints *dilations,
                 const eao_ints *pads, int32_t rank, const int64_t *kernel) {
  memset(w, 0, sizeof *w);
  for (int32_t i = 0; i < EAO_SPATIAL_MAX; i++) {
    int32_t k = i - (EAO_SPATIAL_MAX - rank);
    w->kernel[i] = k < 0 ? 1 : kernel[i];
    w->stride[i] = entry(strides, k, 1);
    w->dilation[i] = entry(dilations, k, 1);
    w->pad[i] = entry(pads, k, 0);
    w->pad_end[i] = k < 0 ? 0 : entry(pads, k + rank, 0);
  }
}

static void split_padding(eao_window *w, int32_t i, int64_t total, bool more_at_end) {
  if (total < 0) total = 0;
  w->pad[i] = more_at_end ? total / 2 : total - total / 2;
  w->pad_end[i] = total - w->pad[i];
}

void eao_window_init(eao_window *w, const eao_window_spec *spec, int32_t rank, const int64_t *in,
                     const int64_t *kernel) {
  fill(w, spec->strides, spec->dilations, spec->pads, rank, kernel);
  for (int32_t i = 0; i < EAO_SPATIAL_MAX; i++) {
    int64_t stride = w->stride[i], extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
    if (in[i] < 0 || w->kernel[i] < 0) {
      w->out[i] = -1;
      continue;
    }
    if (spec->auto_pad == EAO_PAD_SAME_UPPER || spec->auto_pad == EAO_PAD_SAME_LOWER) {
      w->out[i] = (in[i] + stride - 1) / stride;
      split_padding(w, i, (w->out[i] - 1) * stride + extent - in[i],
                    spec->auto_pad == EAO_PAD_SAME_UPPER);
      continue;
    }
    if (spec->auto_pad == EAO_PAD_VALID) w->pad[i] = w->pad_end[i] = 0;
    int64_t room = in[i] + w->pad[i] + w->pad_end[i] - extent;
    if (room < 0) continue;
    w->out[i] = (room + (spec->ceil_mode ? stride - 1 : 0)) / stride + 1;
    /* A window must start inside the input or the padding before it. */
    if (spec->ceil_mode && (w->out[i] - 1) * stride >= in[i] + w->pad[i]) w->out[i]--;
  }
}

void eao_window_init_transposed(eao_window *w, const eao_conv_transpose_attr *a, int32_t rank,
                                const int64_t *in, const int64_t *kernel) {
  fill(w, &a->strides, &a->dilations, &a->pads, rank, kernel);
  int32_t skip = a->output_shape.n > rank ? a->output_shape.n - rank : 0;
  bool same = a->auto_pad == EAO_PAD_SAME_UPPER || a->auto_pad == EAO_PAD_SAME_LOWER;
  for (int32_t i = 0; i < EAO_SPATIAL_MAX; i++) {
    int32_t k = i - (EAO_SPATIAL_MAX - rank);
    if (in[i] < 0 || w->kernel[i] < 0) {
      w->out[i] = -1;
      continue;
    }
    int64_t full = (in[i] - 1) * w->stride[i] + (w->kernel[i] - 1) * w->dilation[i] + 1;
    if (k >= 0) full += entry(&a->output_padding, k, 0);
    int64_t want = k < 0 ? -1 : entry(&a->output_shape, k + skip, -1);
    if (a->auto_pad == EAO_PAD_VALID) {
      w->pad[i] = w->pad_end[i] = 0;
      w->out[i] = want >= 0 ? want : full;
    } else if (want >= 0 || same) {
      w->out[i] = want >= 0 ? want : in[i] * w->stride[i];
      split_padding(w, i, full - w->out[i], a->auto_pad == EAO_PAD_SAME_UPPER);
    } else {
      w->out[i] = full - w->pad[i] - w->pad_end[i];
      if (w->out[i] < 0) w->out[i] = 0;
    }
  }
}

eao_window_spec eao_conv_window_spec(const eao_conv_attr *a) {
  return (eao_window_spec){&a->strides, &a->dilations, &a->pads, a->auto_pad, 0};
}

eao_window_spec eao_pool_window_spec(const eao_pool_attr *a) {
  return (eao_window_spec){&a->strides, &a->dilations, &a->pads, a->auto_pad, a->ceil_mode};
}

void eao_window_valid(const eao_window *w, int32_t axis, int64_t k, int64_t in, int64_t *out_lo,
                      int64_t *out_hi) {
  int64_t stride = w->stride[axis], off = k * w->dilation[axis] - w->pad[axis];
  int64_t lo = off >= 0 ? 0 : (-off + stride - 1) / stride;
  int64_t hi = in - off <= 0 ? 0 : (in - off - 1) / stride + 1;
  if (hi > w->out[axis]) hi = w->out[axis];
  *out_lo = lo;
  *out_hi = hi < lo ? lo : hi;
}
