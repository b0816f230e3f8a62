/* Convolution: float, quantised, and ONNX's plain integer one. */
#include "op/window.h"

#include <string.h>

#include "kernel/ref/hybrid.h"

static eao_status infer_channels(eao_infer *f, const eao_conv_attr *a, const eao_tensor *x,
                                 const eao_tensor *w) {
  eao_spatial xs, ws;
  eao_spatial_init(&xs, x, a->layout);
  eao_spatial_init_weights(&ws, w, a->w_layout);
  int32_t spatial = x->rank - 2;
  if (a->w_layout == EAO_WLAYOUT_1KO && w->dim[0] > 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "depthwise weights start with %lld instead of 1",
                          (long long)w->dim[0]);
  if (xs.c >= 0 && ws.c >= 0 && xs.c != ws.c * a->group)
    return eao_infer_fail(
        f, EAO_ERR_SHAPE,
        "%lld input channels do not match weights for %lld in each of %lld groups", (long long)xs.c,
        (long long)ws.c, (long long)a->group);
  if (ws.n >= 0 && ws.n % a->group)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld output channels cannot be split into %lld groups",
                          (long long)ws.n, (long long)a->group);
  for (int32_t i = 0; i < a->kernel.n; i++) {
    int64_t k = ws.dim[EAO_SPATIAL_MAX - spatial + i];
    if (k >= 0 && k != a->kernel.v[i])
      return eao_infer_fail(f, EAO_ERR_SHAPE, "kernel[%d] = %lld, but the weights have %lld", i,
                            (long long)a->kernel.v[i], (long long)k);
  }
  for (int32_t i = 0; i < EAO_SPATIAL_MAX; i++)
    if (ws.dim[i] == 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "the weights are empty");
  return EAO_OK;
}

static eao_status infer_shape(eao_infer *f, const eao_conv_attr *a, eao_dtype dtype) {
  const eao_tensor *x = f->in[0], *w = f->in[1];
  EAO_TRY(eao_infer_spatial_rank(f, "input", x));
  EAO_TRY(eao_infer_spatial_rank(f, "weights", w));
  if (a->group < 1 || a->group > INT32_MAX)
    return eao_infer_fail(f, EAO_ERR_ARG, "group = %lld is not possible", (long long)a->group);
  if (a->w_layout < 0 || a->w_layout > EAO_WLAYOUT_1KO)
    return eao_infer_fail(f, EAO_ERR_ARG, "weight layout %d is not one of conv", a->w_layout);
  if (x->rank < 0 || w->rank < 0) {
    eao_infer_unknown(f, 0, dtype);
    return EAO_OK;
  }
  if (x->rank != w->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "input of rank %d, weights of rank %d", x->rank,
                          w->rank);
  eao_window_spec spec = eao_conv_window_spec(a);
  EAO_TRY(eao_infer_window_attrs(f, &spec, &a->kernel, a->layout, x->rank - 2));
  EAO_TRY(infer_channels(f, a, x, w));
  eao_spatial xs, ws;
  eao_window win;
  eao_spatial_init(&xs, x, a->layout);
  eao_spatial_init_weights(&ws, w, a->w_layout);
  eao_window_init(&win, &spec, x->rank - 2, xs.dim, ws.dim);
  return eao_infer_windowed(f, dtype, x, a->layout, ws.n, &win);
}

static int64_t weight_outputs(const eao_tensor *w, int32_t w_layout) {
  if (w->rank < 3) return -1;
  return w_layout == EAO_WLAYOUT_1KO ? w->dim[w->rank - 1] : w->dim[0];
}

static eao_status infer_conv_hybrid(eao_infer *f, const eao_conv_attr *a) {
  const eao_tensor *w = f->in[1];
  eao_spatial ws;
  if (!a->hybrid || w->rank < 3) return EAO_OK;
  EAO_TRY(eao_infer_hybrid(f, a->hybrid, eao_conv_output_axis(a->w_layout, w->rank)));
  eao_spatial_init_weights(&ws, w, a->w_layout);
  if (a->hybrid == EAO_HYBRID_QD8_PIXEL && (ws.dim[0] != 1 || ws.dim[1] != 1 || ws.dim[2] != 1 ||
                                            a->group != 1 || a->layout != EAO_LAYOUT_CHANNELS_LAST))
    return eao_infer_fail(
        f, EAO_ERR_SHAPE,
        "hybrid qd8_pixel needs a window of one pixel, one group and channels last");
  return EAO_OK;
}

static eao_status infer_conv(eao_infer *f) {
  const eao_conv_attr *a = f->attr;
  eao_dtype dtype;
  EAO_TRY(eao_infer_weighted_dtype(f, f->in[0], f->in[1], &dtype));
  EAO_TRY(infer_shape(f, a, dtype));
  EAO_TRY(infer_conv_hybrid(f, a));
  return f->n_in > 2 ? eao_infer_bias(f, f->in[2], weight_outputs(f->in[1], a->w_layout)) : EAO_OK;
}

static eao_status infer_conv_integer(eao_infer *f) {
  const eao_conv_attr *a = f->attr;
  for (uint32_t i = 0; i < f->n_in; i++)
    if (f->in[i] && (!eao_dtype_is_int(f->in[i]->dtype) || eao_dtype_bits(f->in[i]->dtype) > 8))
      return eao_infer_fail(f, EAO_ERR_TYPE, "input %u is %s, an 8-bit integer type is needed", i,
                            eao_dtype_name(f->in[i]->dtype));
  EAO_TRY(infer_shape(f, a, EAO_I32));
  if (a->hybrid) return eao_infer_fail(f, EAO_ERR_FORMAT, "attribute hybrid has no meaning here");
  if (f->n_in > 2 && f->in[2] && f->in[2]->rank >= 0 &&
      (f->in[2]->rank > 1 || (f->in[2]->rank == 1 && f->in[2]->dim[0] > 1) ||
       (f->in[2]->rank == 1 && f->in[2]->dim[0] == 0)))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the input's zero point must be a scalar");
  if (f->n_in > 3 && f->in[3] && f->in[3]->rank > 0 && f->in[3]->dim[0] != 1)
    return eao_infer_bias(f, f->in[3], weight_outputs(f->in[1], a->w_layout));
  return EAO_OK;
}

static void cost_conv(const eao_infer *f, eao_cost *out) {
  const eao_conv_attr *a = f->attr;
  eao_spatial ws;
  out->macs = 0;
  if (f->in[1]->rank < 3 || f->out[0].rank < 0) return;
  eao_spatial_init_weights(&ws, f->in[1], a->w_layout);
  eao_cost_product(&f->out[0], (int64_t[]){ws.c, ws.dim[0], ws.dim[1], ws.dim[2]}, 4, out);
}

/* One shape each: strides, dilation, groups, automatic padding, both layouts, 1 to 3 axes. */
static bool sample_shape(uint32_t k, eao_sample *s, eao_dtype dtype) {
  eao_conv_attr *a = s->attr;
  eao_tensor *x = &s->in[0], *w = &s->in[1], *b = &s->in[2];
  s->n_in = 3;
  s->n_out = 1;
  *x = (eao_tensor){.dtype = dtype, .rank = 4, .dim = {2, 6, 9, 7}};
  *w = (eao_tensor){.dtype = dtype, .rank = 4, .dim = {5, 6, 3, 3}};
  switch (k) {
  case 0: a->pads = EAO_INTS(1, 1, 1, 1); break;
  case 1:
    a->strides = EAO_INTS(2, 1);
    a->dilations = EAO_INTS(1, 2);
    a->pads = EAO_INTS(0, 2, 1, 1);
    break;
  case 2:
    a->group = 3;
    *w = (eao_tensor){.dtype = dtype, .rank = 4, .dim = {9, 2, 3, 2}};
    a->auto_pad = EAO_PAD_SAME_LOWER;
    break;
  case 3:
    a->layout = EAO_LAYOUT_CHANNELS_LAST;
    a->w_layout = EAO_WLAYOUT_OKI;
    *x = (eao_tensor){.dtype = dtype, .rank = 4, .dim = {1, 9, 7, 17}};
    *w = (eao_tensor){.dtype = dtype, .rank = 4, .dim = {5, 3, 3, 17}};
    a->auto_pad = EAO_PAD_SAME_UPPER;
    a->strides = EAO_INTS(2, 2);
    a->act.kind = EAO_ACT_RELU6;
    break;
  case 4: /* depthwise with a multiplier of 2 */
    a->layout = EAO_LAYOUT_CHANNELS_LAST;
    a->w_layout = EAO_WLAYOUT_1KO;
    a->group = 4;
    *x = (eao_tensor){.dtype = dtype, .rank = 4, .dim = {1, 9, 7, 4}};
    *w = (eao_tensor){.dtype = dtype, .rank = 4, .dim = {1, 3, 3, 8}};
    a->auto_pad = EAO_PAD_VALID;
    break;
  case 5:
    *x = (eao_tensor){.dtype = dtype, .rank = 3, .dim = {1, 3, 70}};
    *w = (eao_tensor){.dtype = dtype, .rank = 3, .dim = {2, 3, 5}};
    break;
  case 6:
    *x = (eao_tensor){.dtype = dtype, .rank = 5, .dim = {1, 2, 4, 5, 6}};
    *w = (eao_tensor){.dtype = dtype, .rank = 5, .dim = {3, 2, 2, 3, 2}};
    a->pads = EAO_INTS(1, 0, 1, 0, 1, 0);
    break;
  default: return false;
  }
  int32_t last = w->rank - 1;
  int64_t o = a->w_layout == EAO_WLAYOUT_1KO ? w->dim[last] : w->dim[0];
  *b = (eao_tensor){.dtype = dtype, .rank = 1, .dim = {o}};
  return true;
}

static bool sample_conv(uint32_t k, eao_sample *s) {
  if (k < 7) return sample_shape(k, s, EAO_F32);
  if (k == 7) return sample_shape(1, s, EAO_F16);
  return k == 8 && sample_shape(3, s, EAO_F64);
}

static bool sample_conv_integer(uint32_t k, eao_sample *s) {
  static const uint8_t zero_x = 3;
  static const int8_t zero_w = -2;
  if (k > 2 || !sample_shape(k, s, EAO_U8)) return false;
  s->lo[0] = 0;
  s->hi[0] = 255;
  s->lo[1] = -128;
  s->hi[1] = 127;
  s->in[1].dtype = EAO_I8;
  s->in[2] = (eao_tensor){.dtype = EAO_U8, .data = (void *)(uintptr_t)&zero_x};
  s->in[3] = (eao_tensor){.dtype = EAO_I8, .data = (void *)(uintptr_t)&zero_w};
  s->n_in = k == 0 ? 2 : k == 1 ? 3 : 4;
  return true;
}

static const eao_attr_desc conv_attrs[] = {
    EAO_WINDOW_ATTRS(eao_conv_attr),
    {.name = "w_layout",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_conv_attr, w_layout),
     .onnx = "",
     .names = eao_w_layout_names,
     .doc = "order of the weights' axes: outputs, inputs of a group, kernel"},
    {.name = "group",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_conv_attr, group),
     .def = 1,
     .doc = "groups of channels that do not see each other"},
    EAO_HYBRID_ATTR(eao_conv_attr),
    EAO_ACT_ATTRS(eao_conv_attr, act),
};

const eao_op_desc eao_op_conv = {
    .name = "conv",
    .doc = "convolution of x with weights w plus bias, 1 to 3 spatial axes",
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_conv_attr),
    .attrs = conv_attrs,
    .n_attrs = EAO_COUNT(conv_attrs),
    .onnx = "Conv",
    .infer = infer_conv,
    .cost = cost_conv,
    .ref = eao_ref_conv,
    .ref_scratch = eao_hybrid_conv_scratch,
    .sample = sample_conv,
};

const eao_op_desc eao_op_conv_integer = {
    .name = "conv_integer",
    .doc = "convolution of 8-bit integers less their zero points, exact i32 sums",
    .min_in = 2,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_conv_attr),
    .attrs = conv_attrs,
    .n_attrs = EAO_COUNT(conv_attrs),
    .onnx = "ConvInteger",
    .infer = infer_conv_integer,
    .cost = cost_conv,
    .ref = eao_ref_conv_integer,
    .sample = sample_conv_integer,
};
