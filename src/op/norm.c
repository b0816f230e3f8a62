/* Normalisations and dropout. */
#include "kernel/ref/norm.h"
#include "op/op.h"

/* ---- inference ---- */

static eao_status infer_x(eao_infer *f) {
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_FLOAT | EAO_TYPES_QUANT));
  eao_infer_like(f, 0, f->in[0]);
  return EAO_OK;
}

/* The channel axis of x must be there; *out_n: its extent, -1 when not known. */
static eao_status channels(eao_infer *f, int32_t layout, int64_t *out_n) {
  const eao_tensor *x = f->in[0];
  *out_n = -1;
  if (x->rank < 0) return EAO_OK;
  if (x->rank == 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "x has no channel axis");
  bool last = layout == EAO_LAYOUT_CHANNELS_LAST;
  *out_n = x->dim[x->rank == 1 ? 0 : last ? x->rank - 1 : 1];
  return EAO_OK;
}

/* Input i must be a float list of n entries (n < 0: any number). */
static eao_status check_list(eao_infer *f, uint32_t i, const char *what, int64_t n) {
  const eao_tensor *t = f->in[i];
  EAO_TRY(eao_infer_types(f, what, t, EAO_TYPES_FLOAT));
  if (t->rank < 0 || (t->rank == 1 && (t->dim[0] < 0 || n < 0 || t->dim[0] == n))) return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_SHAPE, "%s must be a list of %lld numbers", what, (long long)n);
}

static eao_status infer_batch_norm(eao_infer *f) {
  static const char *const what[] = {"x", "scale", "bias", "mean", "variance"};
  const eao_batch_norm_attr *attr = f->attr;
  int64_t n;
  EAO_TRY(infer_x(f));
  EAO_TRY(channels(f, attr->layout, &n));
  for (uint32_t i = 1; i < 5; i++) EAO_TRY(check_list(f, i, what[i], n));
  if (f->n_out > 1 && !attr->training_mode)
    return eao_infer_fail(f, EAO_ERR_UNSUPPORTED, "mean and variance outputs need training_mode");
  for (uint32_t i = 1; i < 3; i++) {
    eao_tensor t = *f->in[i + 2];
    if (t.rank < 0 || t.dim[0] < 0) t.dim[0] = n;
    t.rank = 1;
    eao_infer_like(f, i, &t);
  }
  return EAO_OK;
}

static eao_status infer_instance_norm(eao_infer *f) {
  const eao_group_norm_attr *attr = f->attr;
  int64_t n;
  EAO_TRY(infer_x(f));
  EAO_TRY(channels(f, attr->layout, &n));
  EAO_TRY(check_list(f, 1, "scale", n));
  return check_list(f, 2, "bias", n);
}

static eao_status infer_group_norm(eao_infer *f) {
  const eao_group_norm_attr *attr = f->attr;
  const eao_tensor *scale = f->in[1];
  int64_t n, entries;
  EAO_TRY(infer_x(f));
  EAO_TRY(channels(f, attr->layout, &n));
  if (attr->num_groups < 1 || (n >= 0 && n % attr->num_groups))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld channels do not make %lld groups", (long long)n,
                          (long long)attr->num_groups);
  bool per_group = scale->rank == 1 && scale->dim[0] == attr->num_groups;
  entries = per_group ? attr->num_groups : n;
  EAO_TRY(check_list(f, 1, "scale", entries));
  /* An unknown scale may turn out to be of either length, and bias with it. */
  bool known = scale->rank == 1 && scale->dim[0] >= 0;
  return check_list(f, 2, "bias", known ? entries : -1);
}

static eao_status check_bcast(eao_infer *f, uint32_t i, const char *what) {
  const eao_tensor *x = f->in[0], *t = eao_infer_in(f, i);
  eao_tensor both = {.rank = -1};
  if (!t) return EAO_OK;
  EAO_TRY(eao_infer_types(f, what, t, EAO_TYPES_FLOAT));
  EAO_TRY(eao_infer_broadcast(f, x, t, &both));
  bool grew = x->rank >= 0 && both.rank > x->rank;
  for (int32_t d = 0; !grew && d < x->rank && both.rank >= 0; d++)
    grew = x->dim[d] >= 0 && both.dim[d] != x->dim[d];
  if (grew) return eao_infer_fail(f, EAO_ERR_SHAPE, "%s does not broadcast to x", what);
  return EAO_OK;
}

static eao_status infer_layer_norm(eao_infer *f) {
  const eao_layer_norm_attr *attr = f->attr;
  const eao_tensor *x = f->in[0];
  eao_tensor rows = *x;
  int32_t axis;
  EAO_TRY(infer_x(f));
  EAO_TRY(check_bcast(f, 1, "scale"));
  EAO_TRY(check_bcast(f, 2, "bias"));
  if (!eao_dtype_is_float((eao_dtype)attr->stash_type))
    return eao_infer_fail(f, EAO_ERR_TYPE, "stash_type must be a float type");
  rows.dtype = (eao_dtype)attr->stash_type;
  if (x->rank >= 0) {
    EAO_TRY(eao_infer_axis(f, "axis", attr->axis, x->rank, &axis));
    for (int32_t d = axis; d < x->rank; d++) rows.dim[d] = 1;
  }
  eao_infer_like(f, 1, &rows);
  eao_infer_like(f, 2, &rows);
  return EAO_OK;
}

static eao_status infer_lp_norm(eao_infer *f) {
  const eao_lp_norm_attr *attr = f->attr;
  int32_t axis;
  EAO_TRY(infer_x(f));
  if (attr->p != 1 && attr->p != 2)
    return eao_infer_fail(f, EAO_ERR_UNSUPPORTED, "p = %lld, only 1 and 2 are supported",
                          (long long)attr->p);
  if (f->in[0]->rank < 0) return EAO_OK;
  return eao_infer_axis(f, "axis", attr->axis, f->in[0]->rank, &axis);
}

static eao_status infer_lrn(eao_infer *f) {
  const eao_lrn_attr *attr = f->attr;
  int64_t n;
  EAO_TRY(infer_x(f));
  if (attr->size < 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "size = %lld is not possible", (long long)attr->size);
  return channels(f, attr->layout, &n);
}

static eao_status infer_mean_variance_norm(eao_infer *f) {
  const eao_mean_variance_norm_attr *attr = f->attr;
  int32_t axis;
  EAO_TRY(infer_x(f));
  for (int32_t i = 0; i < attr->axes.n && f->in[0]->rank >= 0; i++)
    EAO_TRY(eao_infer_axis(f, "axis", attr->axes.v[i], f->in[0]->rank, &axis));
  return EAO_OK;
}

static eao_status check_scalar(eao_infer *f, uint32_t i, const char *what, uint32_t set) {
  const eao_tensor *t = eao_infer_in(f, i);
  if (!t) return EAO_OK;
  EAO_TRY(eao_infer_types(f, what, t, set));
  for (int32_t d = 0; d < t->rank; d++)
    if (t->dim[d] >= 0 && t->dim[d] != 1)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "%s must be one number", what);
  return EAO_OK;
}

static eao_status infer_dropout(eao_infer *f) {
  eao_tensor mask = *f->in[0];
  EAO_TRY(infer_x(f));
  EAO_TRY(check_scalar(f, 1, "ratio", EAO_TYPES_FLOAT));
  EAO_TRY(check_scalar(f, 2, "training_mode", EAO_TYPES_BOOL));
  mask.dtype = EAO_BOOL;
  eao_infer_like(f, 1, &mask);
  return EAO_OK;
}

/* ---- samples ---- */

static const eao_dtype sample_dtypes[] = {EAO_F32, EAO_F32, EAO_F16, EAO_BF16, EAO_F64, EAO_F32};

static eao_tensor list(eao_dtype dtype, int64_t n) {
  return (eao_tensor){.dtype = dtype, .rank = 1, .dim = {n}};
}

/* x with 6 channels; *out_last: channels last. */
static bool sample_x(uint32_t k, eao_sample *s, int32_t *out_layout) {
  if (k >= EAO_COUNT(sample_dtypes)) return false;
  s->n_in = s->n_out = 1;
  bool last = k % 2;
  *out_layout = last ? EAO_LAYOUT_CHANNELS_LAST : EAO_LAYOUT_CHANNELS_FIRST;
  s->in[0] = (eao_tensor){.dtype = sample_dtypes[k], .rank = 4, .dim = {2, 6, 3, 5}};
  if (last) s->in[0] = (eao_tensor){.dtype = sample_dtypes[k], .rank = 4, .dim = {2, 3, 5, 6}};
  if (k == 4) s->in[0].rank = 2;
  return true;
}

static bool sample_batch_norm(uint32_t k, eao_sample *s) {
  eao_batch_norm_attr *a = s->attr;
  if (!sample_x(k, s, &a->layout)) return false;
  s->n_in = 5;
  for (uint32_t i = 1; i < 5; i++) s->in[i] = list(s->in[0].dtype, 6);
  s->lo[4] = 0.5;
  s->hi[4] = 2;
  a->training_mode = k == 5;
  if (k == 5) s->n_out = 3;
  return true;
}

static bool sample_instance_norm(uint32_t k, eao_sample *s) {
  eao_group_norm_attr *a = s->attr;
  if (!sample_x(k, s, &a->layout)) return false;
  s->n_in = 3;
  s->in[1] = s->in[2] = list(s->in[0].dtype, 6);
  return true;
}

static bool sample_group_norm(uint32_t k, eao_sample *s) {
  eao_group_norm_attr *a = s->attr;
  if (!sample_instance_norm(k, s)) return false;
  a->num_groups = k < 4 ? 2 : 3;
  if (k % 3 == 0) s->in[1] = s->in[2] = list(s->in[0].dtype, a->num_groups);
  return true;
}

static bool sample_rms_norm(uint32_t k, eao_sample *s) {
  eao_layer_norm_attr *a = s->attr;
  if (k >= EAO_COUNT(sample_dtypes)) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = sample_dtypes[k], .rank = 3, .dim = {2, 3, 5}};
  s->in[1] = (eao_tensor){.dtype = sample_dtypes[k], .rank = 2, .dim = {3, 5}};
  if (k % 3 == 0) s->in[1] = list(sample_dtypes[k], 5);
  a->axis = (int64_t)(k % 4) - 2;
  return true;
}

static bool sample_layer_norm(uint32_t k, eao_sample *s) {
  if (!sample_rms_norm(k, s)) return false;
  if (k % 2) {
    s->n_in = 3;
    s->in[2] = s->in[1];
  }
  s->n_out = 1 + k % 3;
  return true;
}

static bool sample_lp_norm(uint32_t k, eao_sample *s) {
  eao_lp_norm_attr *a = s->attr;
  int32_t layout;
  a->axis = 1 - (int64_t)(k % 3);
  a->p = 1 + k % 2;
  return sample_x(k, s, &layout);
}

static bool sample_lrn(uint32_t k, eao_sample *s) {
  eao_lrn_attr *a = s->attr;
  a->size = 2 + k;
  return sample_x(k, s, &a->layout);
}

static bool sample_mean_variance_norm(uint32_t k, eao_sample *s) {
  eao_mean_variance_norm_attr *a = s->attr;
  int32_t layout;
  if (!sample_x(k, s, &layout) || k > 2) return false;
  static const eao_ints axes[] = {{3, 0, {0, 2, 3}}, {2, 0, {1, -2}}, {1, 0, {-1}}};
  a->axes = axes[k];
  return true;
}

static bool sample_dropout(uint32_t k, eao_sample *s) {
  static const float half = 0.5f;
  static const uint8_t off = 0;
  int32_t layout;
  if (!sample_x(k, s, &layout)) return false;
  s->n_in = 1 + k % 3;
  s->n_out = 1 + k % 2;
  s->in[1] = (eao_tensor){.dtype = EAO_F32, .data = (void *)(uintptr_t)&half};
  s->in[2] = (eao_tensor){.dtype = EAO_BOOL, .data = (void *)(uintptr_t)&off};
  return true;
}

/* ---- attributes ---- */

static const char *const layout_names[] = {"channels_first", "channels_last", NULL};

#define LAYOUT(type)                                                                               \
  {                                                                                                \
    .name = "layout", .kind = EAO_ATTR_ENUM, .offset = EAO_ATTR_AT(type, layout), .onnx = "",      \
    .names = layout_names, .doc = "where the channel axis stands: second or last"                  \
  }
#define FLOAT(type, field, value, text)                                                            \
  {                                                                                                \
    .name = #field, .kind = EAO_ATTR_FLOAT, .offset = EAO_ATTR_AT(type, field), .deff = value,     \
    .doc = text                                                                                    \
  }
#define INT(type, field, value, text)                                                              \
  {                                                                                                \
    .name = #field, .kind = EAO_ATTR_INT, .offset = EAO_ATTR_AT(type, field), .def = value,        \
    .doc = text                                                                                    \
  }

static const eao_attr_desc batch_norm_attrs[] = {
    LAYOUT(eao_batch_norm_attr),
    FLOAT(eao_batch_norm_attr, epsilon, 1e-5, "added to the variance"),
    FLOAT(eao_batch_norm_attr, momentum, 0.9, "share of the old running mean and variance"),
    {.name = "training_mode",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_batch_norm_attr, training_mode),
     .doc = "normalise by the batch's own mean and variance"},
};
static const eao_attr_desc instance_norm_attrs[] = {
    LAYOUT(eao_group_norm_attr),
    FLOAT(eao_group_norm_attr, epsilon, 1e-5, "added to the variance"),
};
static const eao_attr_desc group_norm_attrs[] = {
    LAYOUT(eao_group_norm_attr),
    FLOAT(eao_group_norm_attr, epsilon, 1e-5, "added to the variance"),
    INT(eao_group_norm_attr, num_groups, 1, "groups of neighbouring channels"),
};
static const eao_attr_desc layer_norm_attrs[] = {
    INT(eao_layer_norm_attr, axis, -1, "first of the axes that are normalised together"),
    FLOAT(eao_layer_norm_attr, epsilon, 1e-5, "added to the variance"),
    {.name = "stash_type",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_layer_norm_attr, stash_type),
     .def = EAO_F32,
     .doc = "type of the mean and deviation outputs"},
};
static const eao_attr_desc lp_norm_attrs[] = {
    INT(eao_lp_norm_attr, axis, -1, "axis that is normalised"),
    INT(eao_lp_norm_attr, p, 2, "1 or 2"),
};
static const eao_attr_desc lrn_attrs[] = {
    LAYOUT(eao_lrn_attr),
    INT(eao_lrn_attr, size, 1, "channels that count"),
    FLOAT(eao_lrn_attr, alpha, 0.0001, "factor of the mean square"),
    FLOAT(eao_lrn_attr, beta, 0.75, "exponent"),
    FLOAT(eao_lrn_attr, bias, 1, "added to the mean square"),
};
static const eao_attr_desc mean_variance_norm_attrs[] = {
    {.name = "axes",
     .kind = EAO_ATTR_INTS,
     .offset = EAO_ATTR_AT(eao_mean_variance_norm_attr, axes),
     .doc = "axes that are normalised together"},
};
static const eao_attr_desc dropout_attrs[] = {
    FLOAT(eao_dropout_attr, ratio, 0.5, "share of elements dropped in training"),
    INT(eao_dropout_attr, seed, 0, "of the random numbers in training"),
};

/* ---- the table ---- */

#define NORM(id, text, onnx_op, since, ins_min, ins_max, outs_max, type)                           \
  const eao_op_desc eao_op_##id = {.name = #id,                                                    \
                                   .doc = text,                                                    \
                                   .min_in = ins_min,                                              \
                                   .max_in = ins_max,                                              \
                                   .min_out = 1,                                                   \
                                   .max_out = outs_max,                                            \
                                   .attr_size = sizeof(type),                                      \
                                   .attrs = id##_attrs,                                            \
                                   .n_attrs = EAO_COUNT(id##_attrs),                               \
                                   .onnx = onnx_op,                                                \
                                   .onnx_since = since,                                            \
                                   .infer = infer_##id,                                            \
                                   .ref = eao_ref_##id,                                            \
                                   .sample = sample_##id};
#define infer_rms_norm infer_layer_norm
#define rms_norm_attrs layer_norm_attrs

NORM(batch_norm, "(x - mean) / sqrt(variance + epsilon) * scale + bias per channel",
     "BatchNormalization", 7, 5, 5, 3, eao_batch_norm_attr)
NORM(instance_norm, "each channel of each batch entry to mean 0 and variance 1, then scaled",
     "InstanceNormalization", 6, 3, 3, 1, eao_group_norm_attr)
NORM(group_norm, "each group of channels to mean 0 and variance 1, then scaled",
     "GroupNormalization", 18, 3, 3, 1, eao_group_norm_attr)
NORM(layer_norm, "the last axes to mean 0 and variance 1, then scaled", "LayerNormalization", 17, 2,
     3, 3, eao_layer_norm_attr)
NORM(rms_norm, "the last axes to mean square 1, then scaled", "RMSNormalization", 23, 2, 2, 1,
     eao_layer_norm_attr)
NORM(lp_norm, "x / its p-norm along an axis", "LpNormalization", 1, 1, 1, 1, eao_lp_norm_attr)
NORM(lrn, "x / (bias + alpha * mean square over neighbouring channels)^beta", "LRN", 1, 1, 1, 1,
     eao_lrn_attr)
NORM(mean_variance_norm, "(x - mean) / deviation over axes", NULL, 0, 1, 1, 1,
     eao_mean_variance_norm_attr)
NORM(dropout, "x itself: nothing is dropped outside of training", "Dropout", 7, 1, 3, 2,
     eao_dropout_attr)
