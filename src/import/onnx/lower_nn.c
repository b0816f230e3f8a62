/* Spatial ops, products, normalisation: forms that differ from ours. */
#include <string.h>

#include "import/onnx/lower.h"

/* Global pooling reduces all axes after the channels. */
static eao_status global_pool(onnx_call *c) {
  int64_t axes[EAO_MAX_RANK];
  int32_t rank;
  eao_vid list, x = onnx_in(c, 0);
  const char *op = c->arg;
  EAO_TRY(onnx_rank(c, x, &rank));
  if (rank < 3) return onnx_fail(c, EAO_ERR_SHAPE, "the input has rank %d, 3 is the least", rank);
  if (!op) {
    int64_t p = onnx_attr_int(c, "p", 2);
    if (p != 1 && p != 2)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "the norm with p = %lld", (long long)p);
    op = p == 1 ? "reduce_l1" : "reduce_l2";
  }
  for (int32_t i = 2; i < rank; i++) axes[i - 2] = i;
  EAO_TRY(onnx_i64s(c, axes, rank - 2, &list));
  EAO_TRY(onnx_begin(c, op));
  onnx_set_int(c, "keepdims", 1);
  return onnx_end_out(c, (eao_vid[]){x, list}, 2);
}

/* Before version 7 c was only broadcast when asked for; our gemm always may. */
static eao_status old_gemm(onnx_call *c) {
  (void)onnx_attr_int(c, "broadcast", 0);
  EAO_TRY(onnx_begin(c, "gemm"));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

/* Before version 14 the number of outputs told training from inference. */
static eao_status old_batch_norm(onnx_call *c) {
  (void)onnx_attr_of(c, "momentum");
  (void)onnx_attr_of(c, "consumed_inputs");
  bool test = onnx_attr_int(c, "is_test", 0) != 0 || c->version >= 7;
  if (onnx_attr_int(c, "spatial", 1) != 1)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute 'spatial' is 0");
  if (c->n_out > 1 || (!test && c->n->n_out > 1))
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "training mode");
  EAO_TRY(onnx_begin(c, "batch_norm"));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

/* Upsample, and Resize of version 10: positions are i / scale, rounded down for the nearest one.
 * scales became an input of Upsample in version 9. */
static eao_status upsample(onnx_call *c) {
  const onnx_attr *a = onnx_attr_of(c, "scales");
  const char *mode = onnx_attr_str(c, "mode", "nearest");
  eao_vid scales = onnx_in(c, 1);
  if (!strcmp(mode, "bilinear")) mode = "linear";
  if (scales == EAO_NONE) {
    if (!a || a->type != ONNX_ATTR_FLOATS || a->n_floats > EAO_MAX_RANK)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "scales must be a list or an input");
    EAO_TRY(eao_graph_add_f32(c->g, NULL, a->floats, (int32_t)a->n_floats, &scales));
  }
  EAO_TRY(onnx_begin(c, "resize"));
  onnx_set_enum(c, "mode", mode);
  onnx_set_enum(c, "coordinate_transformation_mode", "asymmetric");
  onnx_set_enum(c, "nearest_mode", "floor");
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), EAO_NONE, scales}, 3);
}

/* Positions of an output, x first, then 1: [product of the extents, n + 1]. */
static eao_status base_grid(onnx_call *c, const int64_t *extent, int32_t n, bool corners,
                            eao_vid *out) {
  eao_tensor t = {.dtype = EAO_F32, .rank = 2, .dim = {1, n + 1}}, data;
  int64_t at[3] = {0};
  for (int32_t i = 0; i < n; i++)
    if (extent[i] < 1 || !eao_mul_i64(t.dim[0], extent[i], &t.dim[0]))
      return onnx_fail(c, EAO_ERR_FORMAT, "extent %lld", (long long)extent[i]);
  EAO_TRY(onnx_blank(c, &t, out, &data));
  for (int64_t k = 0; k < t.dim[0]; k++) {
    for (int32_t i = 0; i < n; i++) {
      double m = (double)extent[i], p = (double)at[i];
      double v = !corners ? (2 * p + 1) / m - 1 : m > 1 ? 2 * p / (m - 1) - 1 : -1;
      eao_set_f64(&data, k * (n + 1) + (n - 1 - i), v);
    }
    eao_set_f64(&data, k * (n + 1) + n, 1);
    for (int32_t i = n - 1; i >= 0 && ++at[i] == extent[i]; i--) at[i] = 0;
  }
  return EAO_OK;
}

/* theta [N, n, n + 1] times each position of an output of the given size [N, C, extents]. */
static eao_status affine_grid(onnx_call *c) {
  static const int64_t perm[] = {0, 2, 1};
  int64_t size[5], shape[5];
  int32_t n;
  eao_vid theta = onnx_in(c, 0), grid, s;
  bool corners = onnx_attr_int(c, "align_corners", 0) != 0;
  if (theta == EAO_NONE) return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  if (!onnx_const_ints(c, onnx_in(c, 1), size, 5, &n) || n < 4)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "a size that is not constant");
  eao_dtype t = onnx_type(c, theta)->dtype;
  EAO_TRY(base_grid(c, size + 2, n - 2, corners, &grid));
  EAO_TRY(onnx_cast(c, grid, t, &grid));
  EAO_TRY(onnx_begin(c, "transpose"));
  onnx_set_ints(c, "perm", perm, 3);
  EAO_TRY(onnx_end1(c, &theta, 1, &theta));
  EAO_TRY(onnx_binary(c, "matmul", grid, theta, &grid));
  shape[0] = -1;
  for (int32_t i = 2; i < n; i++) shape[i - 1] = size[i];
  shape[n - 1] = n - 2;
  EAO_TRY(onnx_i64s(c, shape, n, &s));
  EAO_TRY(onnx_begin(c, "reshape"));
  return onnx_end_out(c, (eao_vid[]){grid, s}, 2);
}

static eao_status mean_variance(onnx_call *c) {
  static const int64_t usual[] = {0, 2, 3};
  EAO_TRY(onnx_begin(c, "mean_variance_norm"));
  onnx_set_ints(c, "axes", usual, 3);
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

/* Upsample, and the Resize that had scales only: as an attribute or as the second input. */
static eao_status old_resize(onnx_call *c) {
  const char *mode = onnx_attr_str(c, "mode", "nearest");
  const onnx_attr *list = onnx_attr_of(c, "scales");
  eao_vid scales = onnx_in(c, 1);
  if (list) {
    eao_tensor data, type = {.dtype = EAO_F32, .rank = 1, .dim = {list->n_floats}};
    if (list->type != ONNX_ATTR_FLOATS || !list->n_floats)
      return onnx_fail(c, EAO_ERR_FORMAT, "attribute 'scales' must be a list of floats");
    EAO_TRY(onnx_blank(c, &type, &scales, &data));
    memcpy(data.data, list->floats, list->n_floats * sizeof *list->floats);
  }
  EAO_TRY(onnx_begin(c, "resize"));
  onnx_set_enum(c, "mode", !strcmp(mode, "bilinear") ? "linear" : mode);
  onnx_set_enum(c, "coordinate_transformation_mode", "asymmetric");
  onnx_set_enum(c, "nearest_mode", "floor");
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), EAO_NONE, scales}, 3);
}

/* Before version 16 positions were not shifted. */
static eao_status old_roi_align(onnx_call *c) {
  EAO_TRY(onnx_begin(c, "roi_align"));
  EAO_TRY(onnx_take(c));
  onnx_set_enum(c, "coordinate_transformation_mode", "output_half_pixel");
  return onnx_end_out(c, c->in, c->n_in);
}

/* ONNX Runtime had these in ONNX's domain before ONNX had them (or without it). */
static eao_status early(onnx_call *c) {
  (void)onnx_attr_int(c, "stash_type", 1);
  EAO_TRY(onnx_begin(c, c->arg));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, c->in, c->n_in, c->out, c->n_out);
}

const onnx_rule onnx_rules_nn[] = {
    {"LayerNormalization", 1, 16, early, "layer_norm"},
    {"SimplifiedLayerNormalization", 1, 0, early, "rms_norm"},
    {"AffineGrid", 20, 0, affine_grid, NULL},
    {"Upsample", 7, 9, old_resize, NULL},
    {"Resize", 10, 10, old_resize, NULL},
    {"RoiAlign", 10, 15, old_roi_align, NULL},
    {"MeanVarianceNormalization", 9, 0, mean_variance, NULL},
    {"GlobalAveragePool", 1, 0, global_pool, "reduce_mean"},
    {"GlobalMaxPool", 1, 0, global_pool, "reduce_max"},
    {"GlobalLpPool", 1, 0, global_pool, NULL},
    {"Gemm", 1, 6, old_gemm, NULL},
    {"AffineGrid", 20, 0, affine_grid, NULL},
    {"Upsample", 7, 0, upsample, NULL},
    {"Resize", 10, 10, upsample, NULL},
    {"BatchNormalization", 1, 13, old_batch_norm, NULL},
    {0},
};
