/* Pooling over windows, and the inverse of max_pool. Global pooling is a reduction. */
#include "op/window.h"

static eao_status infer_pool(eao_infer *f) {
  const eao_pool_attr *a = f->attr;
  const eao_tensor *x = f->in[0];
  if (x->quant.n == 0 && !eao_dtype_is_float(x->dtype) && a->act.kind != EAO_ACT_NONE)
    return eao_infer_fail(f, EAO_ERR_TYPE, "an activation needs float or quantised input, not %s",
                          eao_dtype_name(x->dtype));
  EAO_TRY(eao_infer_spatial_rank(f, "input", x));
  int32_t spatial = a->kernel.n;
  if (x->rank < 0) {
    eao_infer_unknown(f, 0, x->dtype);
    return EAO_OK;
  }
  if (spatial != x->rank - 2)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "kernel has %d entries, the input %d spatial axes",
                          spatial, x->rank - 2);
  eao_window_spec spec = eao_pool_window_spec(a);
  EAO_TRY(eao_infer_window_attrs(f, &spec, &a->kernel, a->layout, spatial));
  int64_t kernel[EAO_SPATIAL_MAX] = {1, 1, 1};
  for (int32_t i = 0; i < spatial; i++) kernel[EAO_SPATIAL_MAX - spatial + i] = a->kernel.v[i];
  eao_spatial xs;
  eao_window win;
  eao_spatial_init(&xs, x, a->layout);
  eao_window_init(&win, &spec, spatial, xs.dim, kernel);
  for (int32_t i = 0; i < EAO_SPATIAL_MAX; i++) {
    int64_t extent = (win.kernel[i] - 1) * win.dilation[i] + 1;
    if (a->auto_pad == EAO_PAD_EXPLICIT && (win.pad[i] >= extent || win.pad_end[i] >= extent))
      return eao_infer_fail(f, EAO_ERR_ARG, "padding must be smaller than the window (%lld)",
                            (long long)extent);
  }
  return eao_infer_windowed(f, x->dtype, x, a->layout, xs.c, &win);
}

static eao_status infer_float_pool(eao_infer *f) {
  const eao_tensor *x = f->in[0];
  if (!eao_dtype_is_float(x->dtype) && x->quant.n == 0)
    return eao_infer_fail(f, EAO_ERR_TYPE, "float or quantised input is needed, not %s",
                          eao_dtype_name(x->dtype));
  return infer_pool(f);
}

static eao_status infer_lp_pool(eao_infer *f) {
  const eao_pool_attr *a = f->attr;
  if (a->p < 1)
    return eao_infer_fail(f, EAO_ERR_ARG, "p = %lld must be at least 1", (long long)a->p);
  if (!eao_dtype_is_float(f->in[0]->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "float input is needed, not %s",
                          eao_dtype_name(f->in[0]->dtype));
  return infer_pool(f);
}

static eao_status infer_max_pool(eao_infer *f) {
  EAO_TRY(infer_pool(f));
  if (f->n_out > 1) {
    eao_infer_like(f, 1, &f->out[0]);
    f->out[1].dtype = EAO_I64;
  }
  return EAO_OK;
}

static void cost_pool(const eao_infer *f, eao_cost *out) {
  const eao_pool_attr *a = f->attr;
  eao_cost_product(&f->out[0], a->kernel.v, a->kernel.n, out);
}

static bool sample_pool(uint32_t k, eao_sample *s) {
  eao_pool_attr *a = s->attr;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {2, 3, 9, 8}};
  a->kernel = EAO_INTS(3, 2);
  switch (k) {
  case 0: break;
  case 1:
    a->strides = EAO_INTS(2, 3);
    a->pads = EAO_INTS(1, 1, 2, 0);
    a->ceil_mode = 1;
    break;
  case 2:
    a->layout = EAO_LAYOUT_CHANNELS_LAST;
    a->auto_pad = EAO_PAD_SAME_UPPER;
    a->strides = EAO_INTS(2, 2);
    a->act.kind = EAO_ACT_RELU;
    break;
  case 3:
    a->dilations = EAO_INTS(2, 3);
    a->auto_pad = EAO_PAD_SAME_LOWER;
    a->count_include_pad = 1;
    break;
  case 4:
    s->in[0] = (eao_tensor){.dtype = EAO_F16, .rank = 3, .dim = {1, 2, 12}};
    a->kernel = EAO_INTS(4);
    a->auto_pad = EAO_PAD_VALID;
    break;
  case 5:
    s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 5, .dim = {1, 2, 4, 5, 6}};
    a->kernel = EAO_INTS(2, 3, 2);
    break;
  default: return false;
  }
  return true;
}

static bool sample_max_pool(uint32_t k, eao_sample *s) {
  if (k >= 8 || !sample_pool(k % 6, s)) return false;
  if (k >= 6) {
    s->in[0].dtype = k == 6 ? EAO_I8 : EAO_U8;
    s->n_out = 2;
  }
  return true;
}

#define COUNT_ROW                                                                                  \
  {                                                                                                \
    .name = "count_include_pad", .kind = EAO_ATTR_BOOL,                                            \
    .offset = EAO_ATTR_AT(eao_pool_attr, count_include_pad),                                       \
    .doc = "padding counts in the divisor"                                                         \
  }
#define CEIL_ROW                                                                                   \
  {                                                                                                \
    .name = "ceil_mode", .kind = EAO_ATTR_BOOL, .offset = EAO_ATTR_AT(eao_pool_attr, ceil_mode),   \
    .doc = "a last window may reach beyond the padded input"                                       \
  }

static const eao_attr_desc avg_pool_attrs[] = {
    EAO_WINDOW_ATTRS(eao_pool_attr),
    CEIL_ROW,
    COUNT_ROW,
    EAO_ACT_ATTRS(eao_pool_attr, act),
};
static const eao_attr_desc max_pool_attrs[] = {
    EAO_WINDOW_ATTRS(eao_pool_attr),
    CEIL_ROW,
    {.name = "storage_order",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_pool_attr, storage_order),
     .doc = "indices count with the first spatial axis fastest"},
    EAO_ACT_ATTRS(eao_pool_attr, act),
};
static const eao_attr_desc lp_pool_attrs[] = {
    EAO_WINDOW_ATTRS(eao_pool_attr),
    CEIL_ROW,
    {.name = "p",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_pool_attr, p),
     .def = 2,
     .doc = "exponent of the norm"},
    EAO_ACT_ATTRS(eao_pool_attr, act),
};

const eao_op_desc eao_op_avg_pool = {
    .name = "avg_pool",
    .doc = "mean over windows",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_pool_attr),
    .attrs = avg_pool_attrs,
    .n_attrs = EAO_COUNT(avg_pool_attrs),
    .onnx = "AveragePool",
    .infer = infer_float_pool,
    .cost = cost_pool,
    .ref = eao_ref_avg_pool,
    .sample = sample_pool,
};

const eao_op_desc eao_op_max_pool = {
    .name = "max_pool",
    .doc = "largest element of each window, and where it stands",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 2,
    .attr_size = sizeof(eao_pool_attr),
    .attrs = max_pool_attrs,
    .n_attrs = EAO_COUNT(max_pool_attrs),
    .onnx = "MaxPool",
    .infer = infer_max_pool,
    .ref = eao_ref_max_pool,
    .sample = sample_max_pool,
};

const eao_op_desc eao_op_lp_pool = {
    .name = "lp_pool",
    .doc = "p-norm of each window",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_pool_attr),
    .attrs = lp_pool_attrs,
    .n_attrs = EAO_COUNT(lp_pool_attrs),
    .onnx = "LpPool",
    .onnx_since = 2,
    .infer = infer_lp_pool,
    .cost = cost_pool,
    .ref = eao_ref_lp_pool,
    .sample = sample_pool,
};

/* ---- max_unpool ---- */

static eao_status infer_max_unpool(eao_infer *f) {
  const eao_max_unpool_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *index = f->in[1], *shape = f->n_in > 2 ? f->in[2] : NULL;
  eao_tensor *y = &f->out[0];
  if (index->dtype != EAO_I64 || !eao_dtype_is_float(x->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "float input and i64 indices are needed");
  EAO_TRY(eao_infer_spatial_rank(f, "input", x));
  eao_infer_unknown(f, 0, x->dtype);
  if (x->rank < 0) return EAO_OK;
  int32_t sp = x->rank - 2;
  if (index->rank >= 0) {
    bool same = index->rank == x->rank;
    for (int32_t i = 0; same && i < x->rank; i++)
      same = index->dim[i] == x->dim[i] || index->dim[i] < 0 || x->dim[i] < 0;
    if (!same) return eao_infer_fail(f, EAO_ERR_SHAPE, "indices must have the input's shape");
  }
  if (a->kernel.n != sp)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "kernel has %d entries, the input %d spatial axes",
                          a->kernel.n, sp);
  EAO_TRY(eao_infer_list(f, "kernel", &a->kernel, sp, 1));
  EAO_TRY(eao_infer_list(f, "strides", &a->strides, sp, 1));
  EAO_TRY(eao_infer_list(f, "pads", &a->pads, 2 * sp, 0));
  int64_t want[EAO_MAX_RANK];
  int32_t n = 0;
  if (shape && shape->data) {
    EAO_TRY(eao_infer_ints(f, "output shape", shape, want, EAO_MAX_RANK, &n));
    if (n != x->rank)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "output shape has %d entries, not %d", n, x->rank);
  }
  y->rank = x->rank;
  for (int32_t i = 0; i < x->rank; i++) {
    int64_t d = x->dim[i];
    if (i >= 2 && d >= 0) {
      d = (d - 1) * (a->strides.n ? a->strides.v[i - 2] : 1) + a->kernel.v[i - 2];
      if (a->pads.n) d -= a->pads.v[i - 2] + a->pads.v[i - 2 + sp];
      if (d < 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "pads leave nothing of axis %d", i);
    }
    if (n && d >= 0 && (i < 2 ? want[i] != d : want[i] < d))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "output shape[%d] = %lld cannot hold %lld", i,
                            (long long)want[i], (long long)d);
    y->dim[i] = n ? want[i] : shape ? -1 : d;
  }
  return EAO_OK;
}

static bool sample_max_unpool(uint32_t k, eao_sample *s) {
  static const int64_t index[] = {5, 7, 13, 15}, shape[] = {1, 1, 5, 5};
  eao_max_unpool_attr *a = s->attr;
  if (k > 1) return false;
  s->n_in = k == 0 ? 2 : 3;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, 1, 2, 2}};
  s->in[1] = (eao_tensor){
      .dtype = EAO_I64, .rank = 4, .dim = {1, 1, 2, 2}, .data = (void *)(uintptr_t)index};
  s->in[2] =
      (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {4}, .data = (void *)(uintptr_t)shape};
  a->kernel = EAO_INTS(2, 2);
  a->strides = EAO_INTS(2, 2);
  return true;
}

static const eao_attr_desc max_unpool_attrs[] = {
    {.name = "kernel",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_max_unpool_attr, kernel),
     .onnx = "kernel_shape",
     .doc = "window of the max_pool that is undone"},
    {.name = "strides",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_max_unpool_attr, strides),
     .doc = "its strides; empty: 1"},
    {.name = "pads",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_max_unpool_attr, pads),
     .doc = "its pads; empty: 0"},
};

const eao_op_desc eao_op_max_unpool = {
    .name = "max_unpool",
    .doc = "puts elements back where max_pool found them, zeros elsewhere",
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_max_unpool_attr),
    .attrs = max_unpool_attrs,
    .n_attrs = EAO_COUNT(max_unpool_attrs),
    .onnx = "MaxUnpool",
    .infer = infer_max_unpool,
    .ref = eao_ref_max_unpool,
    .sample = sample_max_unpool,
};
