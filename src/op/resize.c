#include "kernel/ref/resize.h"

#include <string.h>

#include "op/window.h"

static eao_status infer_inputs(eao_infer *f, const eao_resize_attr *a, const eao_tensor *roi) {
  const eao_tensor *x = f->in[0];
  EAO_TRY(eao_infer_types(f, "input", x,
                          a->mode == EAO_RESIZE_NEAREST ? EAO_TYPES_ANY : EAO_TYPES_NUM));
  if (a->mode < 0 || a->mode > EAO_RESIZE_CUBIC || a->coordinates < 0 ||
      a->coordinates > EAO_COORD_TF_CROP_AND_RESIZE || a->nearest < 0 ||
      a->nearest > EAO_NEAREST_CEIL || a->aspect < 0 || a->aspect > EAO_ASPECT_NOT_SMALLER)
    return eao_infer_fail(f, EAO_ERR_ARG, "a mode does not exist");
  if (a->axes.n < 0 || a->axes.n > EAO_MAX_RANK || (x->rank >= 0 && a->axes.n > x->rank))
    return eao_infer_fail(f, EAO_ERR_ARG, "%d axes for an input of rank %d", a->axes.n, x->rank);
  if (a->coordinates != EAO_COORD_TF_CROP_AND_RESIZE) return EAO_OK;
  if (!roi) return eao_infer_fail(f, EAO_ERR_ARG, "tf_crop_and_resize needs a region of interest");
  EAO_TRY(eao_infer_types(f, "region of interest", roi, EAO_TYPES_FLOAT));
  int64_t want = 2 * (a->axes.n ? a->axes.n : x->rank);
  if (roi->rank >= 0 && (roi->rank != 1 || (roi->dim[0] >= 0 && want >= 0 && roi->dim[0] != want)))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the region of interest must have %lld entries",
                          (long long)want);
  return EAO_OK;
}

/* A list that is given but empty counts as omitted. */
static const eao_tensor *list(eao_infer *f, uint32_t i) {
  const eao_tensor *t = eao_infer_in(f, i);
  return t && t->rank == 1 && t->dim[0] == 0 ? NULL : t;
}

/* What is known without the lists' data: the axes that are not resized. */
static eao_status infer_partial(eao_infer *f, const eao_resize_attr *a) {
  eao_tensor *y = &f->out[0];
  eao_infer_like(f, 0, f->in[0]);
  bool resized[EAO_MAX_RANK] = {0};
  for (int32_t i = 0; i < a->axes.n && y->rank >= 0; i++) {
    int32_t ax;
    EAO_TRY(eao_infer_axis(f, "axis", a->axes.v[i], y->rank, &ax));
    resized[ax] = true;
  }
  for (int32_t d = 0; d < y->rank; d++)
    if (!a->axes.n || resized[d]) y->dim[d] = -1;
  return EAO_OK;
}

static eao_status infer_resize(eao_infer *f) {
  const eao_resize_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *scales = list(f, 2), *sizes = list(f, 3);
  EAO_TRY(infer_inputs(f, a, eao_infer_in(f, 1)));
  if (!scales && !sizes) return eao_infer_fail(f, EAO_ERR_ARG, "neither scales nor sizes");
  if (scales && sizes && scales->rank >= 0 && scales->dim[0] > 0)
    return eao_infer_fail(f, EAO_ERR_ARG, "both scales and sizes");
  if (scales && sizes) return infer_partial(f, a);
  const eao_tensor *given = scales ? scales : sizes;
  EAO_TRY(eao_infer_types(f, scales ? "scales" : "sizes", given,
                          scales ? EAO_TYPES_FLOAT : EAO_TYPES_INT));
  if (given->rank >= 0 && given->rank != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "scales and sizes are lists");
  bool known = x->rank >= 0 && given->data;
  for (int32_t i = 0; known && i < x->rank; i++) known = x->dim[i] >= 0;
  if (!known) return infer_partial(f, a);
  eao_resize_plan p;
  const char *why = eao_resize_plan_init(&p, a, x, scales, sizes);
  if (why) return eao_infer_fail(f, EAO_ERR_SHAPE, "%s", why);
  eao_infer_like(f, 0, x);
  memcpy(f->out[0].dim, p.out, sizeof p.out);
  return EAO_OK;
}

static void cost_resize(const eao_infer *f, eao_cost *out) {
  const eao_resize_attr *a = f->attr;
  int64_t taps = a->mode == EAO_RESIZE_NEAREST ? 0 : a->mode == EAO_RESIZE_LINEAR ? 4 : 16;
  eao_cost_product(&f->out[0], &taps, 1, out);
}

typedef struct resize_case {
  eao_dtype dtype;
  int32_t mode, coordinates, nearest, aspect, antialias, exclude, by_axes;
  float scale[4];  /* all 0: sizes */
  int64_t size[4]; /* with by_axes the first two */
} resize_case;

static bool sample_resize(uint32_t k, eao_sample *s) {
  static const resize_case cases[] = {
      {EAO_F32, 0, 4, 2, 0, 0, 0, 0, {1, 1, 2, 2}, {0}},
      {EAO_F32, 0, 0, 0, 0, 0, 0, 1, {0}, {3, 9}},
      {EAO_U8, 0, 5, 2, 0, 0, 0, 1, {0}, {10, 3}},
      {EAO_F32, 0, 3, 1, 1, 0, 0, 1, {0}, {10, 10}},
      {EAO_F32, 1, 0, 0, 0, 0, 0, 0, {1, 1, 1.5f, 0.6f}, {0}},
      {EAO_F32, 1, 3, 0, 0, 0, 0, 0, {0}, {2, 3, 9, 9}},
      {EAO_F16, 1, 1, 0, 2, 1, 0, 1, {0}, {3, 4}},
      {EAO_F32, 1, 2, 0, 0, 0, 1, 1, {0}, {1, 12}},
      {EAO_F32, 2, 0, 0, 0, 0, 0, 1, {0}, {9, 9}},
      {EAO_F32, 2, 4, 0, 0, 1, 1, 1, {0}, {3, 4}},
      {EAO_F32, 1, 6, 0, 0, 0, 0, 1, {0}, {4, 3}},
  };
  static const float roi[] = {0.2f, -0.3f, 0.9f, 0.8f};
  if (k >= EAO_COUNT(cases)) return false;
  const resize_case *t = &cases[k];
  eao_resize_attr *a = s->attr;
  a->mode = t->mode;
  a->coordinates = t->coordinates;
  a->nearest = t->nearest;
  a->aspect = t->aspect;
  a->antialias = t->antialias;
  a->exclude_outside = t->exclude;
  if (t->by_axes) a->axes = EAO_INTS(2, -1);
  int64_t n = t->by_axes ? 2 : 4;
  s->n_in = t->scale[0] != 0 ? 3 : 4;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = t->dtype, .rank = 4, .dim = {2, 3, 6, 7}};
  if (t->coordinates == EAO_COORD_TF_CROP_AND_RESIZE)
    s->in[1] =
        (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {4}, .data = (void *)(uintptr_t)roi};
  if (s->n_in == 3)
    s->in[2] =
        (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {n}, .data = (void *)(uintptr_t)t->scale};
  else
    s->in[3] =
        (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {n}, .data = (void *)(uintptr_t)t->size};
  return true;
}

static const char *const mode_names[] = {"nearest", "linear", "cubic", NULL};
static const char *const coordinate_names[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
    "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL};
static const char *const nearest_names[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                            "ceil", NULL};
static const char *const aspect_names[] = {"stretch", "not_larger", "not_smaller", NULL};

#define AT(field) EAO_ATTR_AT(eao_resize_attr, field)
static const eao_attr_desc resize_attrs[] = {
    {.name = "mode",
     .kind = EAO_ATTR_ENUM,
     .offset = AT(mode),
     .names = mode_names,
     .doc = "how values between elements are made"},
    {.name = "coordinate_transformation_mode",
     .kind = EAO_ATTR_ENUM,
     .offset = AT(coordinates),
     .names = coordinate_names,
     .doc = "which position in the input an output element has"},
    {.name = "nearest_mode",
     .kind = EAO_ATTR_ENUM,
     .offset = AT(nearest),
     .names = nearest_names,
     .doc = "nearest: how a position is rounded"},
    {.name = "keep_aspect_ratio_policy",
     .kind = EAO_ATTR_ENUM,
     .offset = AT(aspect),
     .names = aspect_names,
     .doc = "how sizes are taken: as given, as upper or as lower bounds of one common scale"},
    {.name = "antialias",
     .kind = EAO_ATTR_BOOL,
     .offset = AT(antialias),
     .doc = "linear, cubic: the filter widens when shrinking"},
    {.name = "exclude_outside",
     .kind = EAO_ATTR_BOOL,
     .offset = AT(exclude_outside),
     .doc = "positions outside the input weigh nothing instead of repeating its edge"},
    {.name = "cubic_coeff_a",
     .kind = EAO_ATTR_FLOAT,
     .offset = AT(cubic_a),
     .deff = -0.75,
     .doc = "cubic: coefficient a of the filter"},
    {.name = "extrapolation_value",
     .kind = EAO_ATTR_FLOAT,
     .offset = AT(extrapolation),
     .doc = "tf_crop_and_resize: value outside the input"},
    {.name = "axes",
     .kind = EAO_ATTR_INTS,
     .offset = AT(axes),
     .doc = "axes that roi, scales and sizes are about; empty: all"},
};

const eao_op_desc eao_op_resize = {
    .name = "resize",
    .doc = "resamples x to given scales or sizes",
    .min_in = 1,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_resize_attr),
    .attrs = resize_attrs,
    .n_attrs = EAO_COUNT(resize_attrs),
    .onnx = "Resize",
    .onnx_since = 11,
    .infer = infer_resize,
    .cost = cost_resize,
    .ref = eao_ref_resize,
    .ref_scratch = eao_ref_resize_scratch,
    .sample = sample_resize,
};
