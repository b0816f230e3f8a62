#include "op/window.h"

#include "kernel/ref/hybrid.h"

static eao_status infer_channels(eao_infer *f, const eao_conv_transpose_attr *a,
                                 const eao_spatial *x, const eao_spatial *w) {
  if (x->c >= 0 && w->c >= 0 && x->c != w->c)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld input channels, but weights for %lld",
                          (long long)x->c, (long long)w->c);
  if (w->c >= 0 && w->c % a->group)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld input channels cannot be split into %lld groups",
                          (long long)w->c, (long long)a->group);
  for (int32_t i = 0; i < EAO_SPATIAL_MAX; i++)
    if (w->dim[i] == 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "the weights are empty");
  return EAO_OK;
}

static eao_status infer_attrs(eao_infer *f, const eao_conv_transpose_attr *a, const eao_spatial *w,
                              int32_t spatial) {
  eao_window_spec spec = {&a->strides, &a->dilations, &a->pads, a->auto_pad, 0};
  EAO_TRY(eao_infer_window_attrs(f, &spec, &a->kernel, a->layout, spatial));
  EAO_TRY(eao_infer_list(f, "output_padding", &a->output_padding, spatial, 0));
  int32_t n = a->output_shape.n == spatial + 2 ? spatial + 2 : spatial;
  EAO_TRY(eao_infer_list(f, "output_shape", &a->output_shape, n, 1));
  for (int32_t i = 0; i < a->kernel.n; i++) {
    int64_t k = w->dim[EAO_SPATIAL_MAX - spatial + i];
    if (k >= 0 && k != a->kernel.v[i])
      return eao_infer_fail(f, EAO_ERR_SHAPE, "kernel[%d] = %lld, but the weights have %lld", i,
                            (long long)a->kernel.v[i], (long long)k);
  }
  return EAO_OK;
}

static eao_status infer_conv_transpose(eao_infer *f) {
  const eao_conv_transpose_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *w = f->in[1];
  eao_dtype dtype;
  EAO_TRY(eao_infer_weighted_dtype(f, x, w, &dtype));
  EAO_TRY(eao_infer_spatial_rank(f, "input", x));
  EAO_TRY(eao_infer_spatial_rank(f, "weights", w));
  if (a->group < 1 || a->group > INT32_MAX)
    return eao_infer_fail(f, EAO_ERR_ARG, "group = %lld is not possible", (long long)a->group);
  if (a->w_layout != EAO_WLAYOUT_IOK && a->w_layout != EAO_WLAYOUT_OKI)
    return eao_infer_fail(f, EAO_ERR_ARG, "weight layout %d is not one of conv_transpose",
                          a->w_layout);
  if (x->rank < 0 || w->rank < 0) {
    eao_infer_unknown(f, 0, dtype);
    return EAO_OK;
  }
  if (x->rank != w->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "input of rank %d, weights of rank %d", x->rank,
                          w->rank);
  eao_spatial xs, ws;
  eao_window win;
  eao_spatial_init(&xs, x, a->layout);
  eao_spatial_init_weights(&ws, w, a->w_layout);
  EAO_TRY(infer_attrs(f, a, &ws, x->rank - 2));
  EAO_TRY(infer_channels(f, a, &xs, &ws));
  if (a->hybrid == EAO_HYBRID_QD8_PIXEL)
    return eao_infer_fail(f, EAO_ERR_FORMAT, "hybrid qd8_pixel belongs to conv");
  EAO_TRY(eao_infer_hybrid(f, a->hybrid, eao_conv_output_axis(a->w_layout, w->rank)));
  eao_window_init_transposed(&win, a, x->rank - 2, xs.dim, ws.dim);
  int64_t channels = ws.n < 0 ? -1 : ws.n * a->group;
  EAO_TRY(eao_infer_windowed(f, dtype, x, a->layout, channels, &win));
  return f->n_in > 2 ? eao_infer_bias(f, f->in[2], channels) : EAO_OK;
}

static void cost_conv_transpose(const eao_infer *f, eao_cost *out) {
  const eao_conv_transpose_attr *a = f->attr;
  eao_spatial ws;
  out->macs = 0;
  if (f->in[1]->rank < 3) return;
  eao_spatial_init_weights(&ws, f->in[1], a->w_layout);
  /* Each input element meets every tap of each output channel of its group. */
  eao_cost_product(f->in[0], (int64_t[]){ws.n, ws.dim[0], ws.dim[1], ws.dim[2]}, 4, out);
}

static bool sample_conv_transpose(uint32_t k, eao_sample *s) {
  eao_conv_transpose_attr *a = s->attr;
  eao_tensor *x = &s->in[0], *w = &s->in[1];
  s->n_in = 3;
  s->n_out = 1;
  *x = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {2, 4, 5, 6}};
  *w = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {4, 3, 3, 2}};
  s->in[2] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {3}};
  switch (k) {
  case 0:
    a->strides = EAO_INTS(2, 3);
    a->pads = EAO_INTS(1, 0, 0, 1);
    a->output_padding = EAO_INTS(1, 0);
    break;
  case 1:
    a->dilations = EAO_INTS(2, 1);
    a->group = 2;
    s->in[2].dim[0] = 6;
    break;
  case 2:
    a->strides = EAO_INTS(2, 2);
    a->output_shape = EAO_INTS(10, 12);
    break;
  case 3:
    a->layout = EAO_LAYOUT_CHANNELS_LAST;
    a->w_layout = EAO_WLAYOUT_OKI;
    a->auto_pad = EAO_PAD_SAME_UPPER;
    a->strides = EAO_INTS(2, 2);
    *x = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, 5, 6, 4}};
    *w = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {3, 3, 2, 4}};
    break;
  case 4:
    *x = (eao_tensor){.dtype = EAO_F16, .rank = 3, .dim = {1, 4, 5}};
    *w = (eao_tensor){.dtype = EAO_F16, .rank = 3, .dim = {4, 3, 3}};
    s->n_in = 2;
    break;
  default: return false;
  }
  return true;
}

static const eao_attr_desc conv_transpose_attrs[] = {
    EAO_WINDOW_ATTRS(eao_conv_transpose_attr),
    {.name = "w_layout",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_conv_transpose_attr, w_layout),
     .onnx = "",
     .names = eao_w_layout_names,
     .def = EAO_WLAYOUT_IOK,
     .doc = "order of the weights' axes: inputs of all groups, outputs of one, kernel"},
    {.name = "group",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_conv_transpose_attr, group),
     .def = 1,
     .doc = "groups of channels that do not see each other"},
    {.name = "output_padding",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_conv_transpose_attr, output_padding),
     .doc = "elements added to the end of the result; empty: 0"},
    {.name = "output_shape",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_conv_transpose_attr, output_shape),
     .doc = "spatial extents of the result, from which the pads follow; empty: computed"},
    EAO_HYBRID_ATTR(eao_conv_transpose_attr),
    EAO_ACT_ATTRS(eao_conv_transpose_attr, act),
};

const eao_op_desc eao_op_conv_transpose = {
    .name = "conv_transpose",
    .doc = "transposed convolution: what the gradient of conv computes, plus bias",
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_conv_transpose_attr),
    .attrs = conv_transpose_attrs,
    .n_attrs = EAO_COUNT(conv_transpose_attrs),
    .onnx = "ConvTranspose",
    .infer = infer_conv_transpose,
    .cost = cost_conv_transpose,
    .ref = eao_ref_conv_transpose,
    .ref_scratch = eao_hybrid_conv_transpose_scratch,
    .sample = sample_conv_transpose,
};
