/* Ops that sample channels-first images at computed positions, and col2im. */
#include "kernel/ref/sampling.h"

#include "op/window.h"

static eao_status infer_rank(eao_infer *f, const char *what, const eao_tensor *t, int32_t rank) {
  if (t && t->rank >= 0 && t->rank != rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has rank %d, not %d", what, t->rank, rank);
  return EAO_OK;
}

static int64_t dim_of(const eao_tensor *t, int32_t i) {
  return t && t->rank > i ? t->dim[i] : -1;
}

/* An extent that must be `want`, where both are known. */
static eao_status infer_dim(eao_infer *f, const char *what, const eao_tensor *t, int32_t i,
                            int64_t want) {
  int64_t d = dim_of(t, i);
  if (d >= 0 && want >= 0 && d != want)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s: axis %d has %lld elements, not %lld", what, i,
                          (long long)d, (long long)want);
  return EAO_OK;
}

static eao_status infer_float_like(eao_infer *f, uint32_t i, const char *what) {
  const eao_tensor *t = eao_infer_in(f, i);
  return t ? eao_infer_types(f, what, t, EAO_TYPES_FLOAT) : EAO_OK;
}

/* ---- grid_sample ---- */

static eao_status infer_grid_sample(eao_infer *f) {
  const eao_tensor *x = f->in[0], *grid = f->in[1];
  EAO_TRY(eao_infer_types(f, "input", x, EAO_TYPES_FLOAT));
  EAO_TRY(eao_infer_types(f, "grid", grid, EAO_TYPES_FLOAT));
  EAO_TRY(eao_infer_spatial_rank(f, "input", x));
  EAO_TRY(eao_infer_spatial_rank(f, "grid", grid));
  if (x->rank >= 0) EAO_TRY(infer_rank(f, "grid", grid, x->rank));
  int32_t rank = x->rank >= 0 ? x->rank : grid->rank;
  eao_infer_unknown(f, 0, x->dtype);
  if (rank < 0) return EAO_OK;
  EAO_TRY(infer_dim(f, "grid", grid, 0, dim_of(x, 0)));
  EAO_TRY(infer_dim(f, "grid", grid, rank - 1, rank - 2));
  eao_tensor *y = &f->out[0];
  y->rank = rank;
  y->dim[0] = dim_of(x, 0) >= 0 ? dim_of(x, 0) : dim_of(grid, 0);
  y->dim[1] = dim_of(x, 1);
  for (int32_t i = 2; i < rank; i++) {
    y->dim[i] = dim_of(grid, i - 1);
    if (dim_of(x, i) == 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "the input is empty");
  }
  return EAO_OK;
}

static bool sample_grid_sample(uint32_t k, eao_sample *s) {
  eao_grid_sample_attr *a = s->attr;
  if (k > 9) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {2, 3, 5, 6}};
  s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {2, 4, 3, 2}};
  a->mode = (int32_t)(k % 3);
  a->padding = (int32_t)(k / 3 % 3);
  a->align_corners = k % 2;
  if (k == 9) {
    s->in[0] = (eao_tensor){.dtype = EAO_F16, .rank = 5, .dim = {1, 2, 3, 4, 5}};
    s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 5, .dim = {1, 2, 2, 2, 3}};
  }
  return true;
}

static const char *const grid_modes[] = {"linear", "nearest", "cubic", "bilinear", "bicubic", NULL};
static const char *const grid_paddings[] = {"zeros", "border", "reflection", NULL};
static const eao_attr_desc grid_sample_attrs[] = {
    {.name = "mode",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_grid_sample_attr, mode),
     .names = grid_modes,
     .doc = "how values between elements are made"},
    {.name = "padding_mode",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_grid_sample_attr, padding),
     .names = grid_paddings,
     .doc = "what stands outside the input"},
    {.name = "align_corners",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_grid_sample_attr, align_corners),
     .doc = "-1 and 1 are the centres of the corner elements, not the corners"},
};

const eao_op_desc eao_op_grid_sample = {
    .name = "grid_sample",
    .doc = "samples x at the positions of a grid",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_grid_sample_attr),
    .attrs = grid_sample_attrs,
    .n_attrs = EAO_COUNT(grid_sample_attrs),
    .onnx = "GridSample",
    .onnx_since = 16,
    .infer = infer_grid_sample,
    .ref = eao_ref_grid_sample,
    .sample = sample_grid_sample,
};

/* ---- roi_align ---- */

static eao_status infer_roi_align(eao_infer *f) {
  const eao_roi_align_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *rois = f->in[1], *batch = f->in[2];
  EAO_TRY(eao_infer_types(f, "input", x, EAO_TYPES_FLOAT));
  EAO_TRY(eao_infer_types(f, "regions", rois, EAO_TYPES_FLOAT));
  EAO_TRY(eao_infer_types(f, "batch indices", batch, EAO_TYPES_INT));
  EAO_TRY(infer_rank(f, "input", x, 4));
  EAO_TRY(infer_rank(f, "regions", rois, 2));
  EAO_TRY(infer_rank(f, "batch indices", batch, 1));
  EAO_TRY(infer_dim(f, "regions", rois, 1, 4));
  EAO_TRY(infer_dim(f, "batch indices", batch, 0, dim_of(rois, 0)));
  if (a->output_height < 1 || a->output_height > INT32_MAX || a->output_width < 1 ||
      a->output_width > INT32_MAX || a->sampling_ratio < 0 || a->sampling_ratio > INT32_MAX)
    return eao_infer_fail(f, EAO_ERR_ARG, "output size or sampling ratio is out of range");
  if (dim_of(x, 2) == 0 || dim_of(x, 3) == 0)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the input is empty");
  f->out[0] = (eao_tensor){.dtype = x->dtype, .rank = 4, .quant = f->out[0].quant};
  int64_t n = dim_of(rois, 0) >= 0 ? dim_of(rois, 0) : dim_of(batch, 0);
  const int64_t dim[] = {n, dim_of(x, 1), a->output_height, a->output_width};
  for (int i = 0; i < 4; i++) f->out[0].dim[i] = dim[i];
  return EAO_OK;
}

static bool sample_roi_align(uint32_t k, eao_sample *s) {
  static const float rois[] = {0, 0, 5, 4, 1.5f, 0.5f, 9, 3};
  static const int64_t batch[] = {1, 0};
  eao_roi_align_attr *a = s->attr;
  if (k > 3) return false;
  s->n_in = 3;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {2, 3, 6, 7}};
  s->in[1] =
      (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {2, 4}, .data = (void *)(uintptr_t)rois};
  s->in[2] =
      (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {2}, .data = (void *)(uintptr_t)batch};
  a->output_height = 2;
  a->output_width = 3;
  a->mode = k == 1;
  a->half_pixel = k == 2;
  a->sampling_ratio = k == 3 ? 2 : 0;
  return true;
}

static const char *const roi_modes[] = {"avg", "max", NULL};
static const char *const roi_coordinates[] = {"half_pixel", "output_half_pixel", NULL};
static const eao_attr_desc roi_align_attrs[] = {
    {.name = "mode",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_roi_align_attr, mode),
     .names = roi_modes,
     .doc = "how the samples of a bin are joined"},
    {.name = "coordinate_transformation_mode",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_roi_align_attr, half_pixel),
     .names = roi_coordinates,
     .doc = "half_pixel shifts positions by half an element"},
    {.name = "output_height",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_roi_align_attr, output_height),
     .def = 1,
     .doc = "rows of the result"},
    {.name = "output_width",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_roi_align_attr, output_width),
     .def = 1,
     .doc = "columns of the result"},
    {.name = "sampling_ratio",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_roi_align_attr, sampling_ratio),
     .doc = "samples along each axis of a bin; 0: as many as elements it covers"},
    {.name = "spatial_scale",
     .kind = EAO_ATTR_FLOAT,
     .offset = EAO_ATTR_AT(eao_roi_align_attr, spatial_scale),
     .deff = 1,
     .doc = "factor from the regions' coordinates to the input's"},
};

const eao_op_desc eao_op_roi_align = {
    .name = "roi_align",
    .doc = "resamples regions of x to one size",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_roi_align_attr),
    .attrs = roi_align_attrs,
    .n_attrs = EAO_COUNT(roi_align_attrs),
    .onnx = "RoiAlign",
    .onnx_since = 16,
    .infer = infer_roi_align,
    .ref = eao_ref_roi_align,
    .sample = sample_roi_align,
};

/* ---- deform_conv ---- */

static eao_status infer_deform_attrs(eao_infer *f, const eao_deform_conv_attr *a) {
  EAO_TRY(eao_infer_list(f, "kernel", &a->kernel, 2, 1));
  EAO_TRY(eao_infer_list(f, "strides", &a->strides, 2, 1));
  EAO_TRY(eao_infer_list(f, "dilations", &a->dilations, 2, 1));
  EAO_TRY(eao_infer_list(f, "pads", &a->pads, 4, 0));
  if (a->group < 1 || a->group > INT32_MAX || a->offset_group < 1 || a->offset_group > INT32_MAX)
    return eao_infer_fail(f, EAO_ERR_ARG, "a number of groups is not possible");
  return EAO_OK;
}

static eao_status infer_deform_shapes(eao_infer *f, const eao_deform_conv_attr *a) {
  const eao_tensor *x = f->in[0], *w = f->in[1], *off = f->in[2], *mask = eao_infer_in(f, 4);
  int64_t c = dim_of(x, 1), depth = dim_of(w, 1), outs = dim_of(w, 0);
  if ((c >= 0 && depth >= 0 && c != depth * a->group) || (outs >= 0 && outs % a->group) ||
      (c >= 0 && c % a->offset_group))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "channels cannot be split into the groups");
  EAO_TRY(eao_infer_bias(f, eao_infer_in(f, 3), outs));
  int64_t kh = dim_of(w, 2), kw = dim_of(w, 3), rows = -1, n = dim_of(x, 0);
  if (kh == 0 || kw == 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "the weights are empty");
  if (a->kernel.n) {
    EAO_TRY(infer_dim(f, "weights", w, 2, a->kernel.v[0]));
    EAO_TRY(infer_dim(f, "weights", w, 3, a->kernel.v[1]));
  }
  if (kh >= 0 && kw >= 0 &&
      !(eao_mul_i64(kh, kw, &rows) && eao_mul_i64(rows, a->offset_group, &rows) &&
        eao_mul_i64(rows, 2, &rows)))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the offsets are too many");
  EAO_TRY(infer_dim(f, "offset", off, 0, n));
  EAO_TRY(infer_dim(f, "offset", off, 1, rows));
  EAO_TRY(infer_dim(f, "mask", mask, 0, n));
  EAO_TRY(infer_dim(f, "mask", mask, 1, rows < 0 ? -1 : rows / 2));
  eao_window win;
  eao_window_spec spec = {&a->strides, &a->dilations, &a->pads, EAO_PAD_EXPLICIT, 0};
  const int64_t in[] = {1, dim_of(x, 2), dim_of(x, 3)}, kernel[] = {1, kh, kw};
  eao_window_init(&win, &spec, 2, in, kernel);
  f->out[0].rank = 4;
  f->out[0].dim[0] = n;
  f->out[0].dim[1] = outs;
  for (int32_t i = 0; i < 2; i++) {
    EAO_TRY(infer_dim(f, "offset", off, i + 2, win.out[i + 1]));
    EAO_TRY(infer_dim(f, "mask", mask, i + 2, win.out[i + 1]));
    f->out[0].dim[i + 2] = win.out[i + 1];
  }
  return EAO_OK;
}

static eao_status infer_deform_conv(eao_infer *f) {
  const eao_deform_conv_attr *a = f->attr;
  static const char *const what[] = {"input", "weights", "offset", "bias", "mask"};
  EAO_TRY(infer_deform_attrs(f, a));
  for (uint32_t i = 0; i < EAO_COUNT(what); i++) {
    EAO_TRY(infer_float_like(f, i, what[i]));
    if (i != 3) EAO_TRY(infer_rank(f, what[i], eao_infer_in(f, i), 4));
    const eao_tensor *t = eao_infer_in(f, i);
    for (int32_t k = 0; t && k < t->rank; k++)
      if (t->dim[k] > INT32_MAX)
        return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has too large an extent", what[i]);
  }
  f->out[0].dtype = f->in[0]->dtype;
  return infer_deform_shapes(f, a);
}

static void cost_deform_conv(const eao_infer *f, eao_cost *out) {
  const eao_tensor *w = f->in[1];
  out->macs = 0;
  if (w->rank == 4) eao_cost_product(&f->out[0], w->dim + 1, 3, out);
}

static bool sample_deform_conv(uint32_t k, eao_sample *s) {
  eao_deform_conv_attr *a = s->attr;
  if (k > 1) return false;
  s->n_in = k ? 5 : 3;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, 4, 5, 6}};
  s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {3, 4, 3, 2}};
  s->in[2] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, 12, 3, 5}};
  if (!k) return true;
  a->group = a->offset_group = 2;
  a->strides = EAO_INTS(2, 1);
  a->dilations = EAO_INTS(1, 2);
  a->pads = EAO_INTS(1, 1, 1, 0);
  s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {6, 2, 3, 2}};
  s->in[2] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, 24, 3, 5}};
  s->in[3] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {6}};
  s->in[4] = (eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, 12, 3, 5}};
  return true;
}

#define DC(field) EAO_ATTR_AT(eao_deform_conv_attr, field)
static const eao_attr_desc deform_conv_attrs[] = {
    {.name = "group",
     .kind = EAO_ATTR_INT,
     .offset = DC(group),
     .def = 1,
     .doc = "groups of channels that do not see each other"},
    {.name = "offset_group",
     .kind = EAO_ATTR_INT,
     .offset = DC(offset_group),
     .def = 1,
     .doc = "groups of channels with offsets of their own"},
    {.name = "kernel",
     .kind = EAO_ATTR_INTS,
     .offset = DC(kernel),
     .onnx = "kernel_shape",
     .doc = "extent of the window; empty: from the weights"},
    {.name = "strides",
     .kind = EAO_ATTR_INTS,
     .offset = DC(strides),
     .doc = "step of the window; empty: 1"},
    {.name = "dilations",
     .kind = EAO_ATTR_INTS,
     .offset = DC(dilations),
     .doc = "distance of the window's elements; empty: 1"},
    {.name = "pads",
     .kind = EAO_ATTR_INTS,
     .offset = DC(pads),
     .doc = "padding at the begins, then at the ends; empty: 0"},
};

const eao_op_desc eao_op_deform_conv = {
    .name = "deform_conv",
    .doc = "convolution whose taps are displaced by computed offsets",
    .min_in = 3,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_deform_conv_attr),
    .attrs = deform_conv_attrs,
    .n_attrs = EAO_COUNT(deform_conv_attrs),
    .onnx = "DeformConv",
    .onnx_since = 19,
    .infer = infer_deform_conv,
    .cost = cost_deform_conv,
    .ref = eao_ref_deform_conv,
    .sample = sample_deform_conv,
};

/* ---- col2im ---- */

/* Extents known: places of the window and elements of a block. */
static eao_status infer_blocks(eao_infer *f, const int64_t *image, const int64_t *block, int32_t r,
                               int64_t *out_elements, int64_t *out_places) {
  const eao_col2im_attr *a = f->attr;
  *out_elements = *out_places = 1;
  for (int32_t d = 0; d < r; d++) {
    if (image[d] < 0 || image[d] > INT32_MAX || block[d] < 1 || block[d] > INT32_MAX)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "image and block shapes are out of range");
    int64_t dil = a->dilations.n ? a->dilations.v[d] : 1;
    int64_t room = image[d] - (dil * (block[d] - 1) + 1);
    if (a->pads.n) room += a->pads.v[d] + a->pads.v[d + r];
    if (room < 0)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "a block does not fit into axis %d of the image", d);
    int64_t places = room / (a->strides.n ? a->strides.v[d] : 1) + 1;
    if (!eao_mul_i64(*out_elements, block[d], out_elements) ||
        !eao_mul_i64(*out_places, places, out_places))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "the blocks are too many");
  }
  return EAO_OK;
}

static eao_status infer_col2im(eao_infer *f) {
  const eao_col2im_attr *a = f->attr;
  const eao_tensor *x = f->in[0];
  eao_tensor *y = &f->out[0];
  enum { MAX_AXES = EAO_MAX_RANK - 2 };
  int64_t image[MAX_AXES], block[MAX_AXES], elements, places;
  int32_t r, rb;
  EAO_TRY(eao_infer_types(f, "input", x, EAO_TYPES_FLOAT));
  EAO_TRY(eao_infer_types(f, "image shape", f->in[1], EAO_TYPES_INT));
  EAO_TRY(eao_infer_types(f, "block shape", f->in[2], EAO_TYPES_INT));
  EAO_TRY(infer_rank(f, "input", x, 3));
  eao_infer_unknown(f, 0, x->dtype);
  if (!f->in[1]->data || !f->in[2]->data) return EAO_OK;
  EAO_TRY(eao_infer_ints(f, "image shape", f->in[1], image, MAX_AXES, &r));
  EAO_TRY(eao_infer_ints(f, "block shape", f->in[2], block, MAX_AXES, &rb));
  if (r != rb || r < 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "image and block have %d and %d axes", r, rb);
  EAO_TRY(eao_infer_list(f, "dilations", &a->dilations, r, 1));
  EAO_TRY(eao_infer_list(f, "strides", &a->strides, r, 1));
  EAO_TRY(eao_infer_list(f, "pads", &a->pads, 2 * r, 0));
  EAO_TRY(infer_blocks(f, image, block, r, &elements, &places));
  EAO_TRY(infer_dim(f, "input", x, 2, places));
  int64_t rows = dim_of(x, 1);
  if (rows >= 0 && rows % elements)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld rows are no whole number of blocks of %lld",
                          (long long)rows, (long long)elements);
  y->rank = r + 2;
  y->dim[0] = dim_of(x, 0);
  y->dim[1] = rows < 0 ? -1 : rows / elements;
  for (int32_t d = 0; d < r; d++) y->dim[d + 2] = image[d];
  return EAO_OK;
}

static bool sample_col2im(uint32_t k, eao_sample *s) {
  static const int64_t image[] = {5, 5}, block[] = {2, 3};
  eao_col2im_attr *a = s->attr;
  if (k > 1) return false;
  s->n_in = 3;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {2, 12, k ? 12 : 12}};
  s->in[1] =
      (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {2}, .data = (void *)(uintptr_t)image};
  s->in[2] =
      (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {2}, .data = (void *)(uintptr_t)block};
  if (k) { /* 4 x 3 places */
    a->strides = EAO_INTS(1, 2);
    a->dilations = EAO_INTS(2, 1);
    a->pads = EAO_INTS(1, 1, 0, 1);
  }
  return true;
}

static const eao_attr_desc col2im_attrs[] = {
    {.name = "dilations",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_col2im_attr, dilations),
     .doc = "distance of a block's elements; empty: 1"},
    {.name = "pads",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_col2im_attr, pads),
     .doc = "padding at the begins, then at the ends; empty: 0"},
    {.name = "strides",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_col2im_attr, strides),
     .doc = "step between blocks; empty: 1"},
};

const eao_op_desc eao_op_col2im = {
    .name = "col2im",
    .doc = "sums blocks into an image, the inverse of cutting it into windows",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_col2im_attr),
    .attrs = col2im_attrs,
    .n_attrs = EAO_COUNT(col2im_attrs),
    .onnx = "Col2Im",
    .onnx_since = 18,
    .infer = infer_col2im,
    .ref = eao_ref_col2im,
    .ref_scratch = eao_ref_col2im_scratch,
    .sample = sample_col2im,
};
