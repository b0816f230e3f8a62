/* Descriptions of data sets. */
#include <string.h>

#include "conf/conf.h"
#include "data/set.h"

static const char *const formats[] = {"auto", "images", "audio", "idx", "cifar",
                                      "npy",  "npz",    "csv",   "raw", NULL};
static const char *const label_kinds[] = {"auto", "none", "folder", "prefix", "column", NULL};

static eao_status choose(eao_conf *c, const eao_conf_node *n, const char *key,
                         const char *const *names, int *out) {
  const char *text = NULL;
  EAO_TRY(eao_conf_text(c, n, key, &text));
  if (!text) return EAO_OK;
  for (int i = 0; names[i]; i++)
    if (strcmp(names[i], text) == 0) {
      *out = i;
      return EAO_OK;
    }
  return eao_conf_fail(c, eao_conf_get(n, key), "%s: '%s' is none of the known ones", key, text);
}

static eao_status copy_text(eao_dataset *d, eao_conf *c, const eao_conf_node *n, const char *key,
                            const char **out) {
  const char *text = NULL;
  EAO_TRY(eao_conf_text(c, n, key, &text));
  if (!text) return EAO_OK;
  *out = eao_arena_str(&d->arena, text);
  return *out ? EAO_OK : EAO_NOMEM(d->ctx);
}

static eao_status read_classes(eao_dataset *d, eao_conf *c, const eao_conf_node *root) {
  const eao_conf_node *n = eao_conf_get(root, "classes");
  if (eao_conf_scalar(n)) return copy_text(d, c, root, "classes", &d->class_file);
  void *state = NULL;
  for (const eao_conf_node *e; (e = eao_conf_next(n, &state, NULL));) {
    const char *name = eao_conf_scalar(e);
    if (!name) return eao_conf_fail(c, n, "classes must be a list of names, or a file");
    EAO_TRY(set_names_add(d, &d->classes, name, strlen(name)));
  }
  return EAO_OK;
}

/* What a split may say as well as the whole. */
static eao_status read_source(eao_dataset *d, eao_conf *c, const eao_conf_node *n) {
  const char *data = NULL, *labels = NULL;
  EAO_TRY(eao_conf_text(c, n, "data", &data));
  if (data) EAO_TRY(set_path(d, data, d->data));
  EAO_TRY(eao_conf_text(c, n, "labels", &labels));
  if (!labels) return EAO_OK;
  for (int i = 0; label_kinds[i]; i++)
    if (strcmp(label_kinds[i], labels) == 0) {
      d->labels = (set_labels)i;
      return EAO_OK;
    }
  d->labels = SET_LABELS_FILE;
  return copy_text(d, c, n, "labels", &d->label_file);
}

static eao_status read_split(eao_dataset *d, eao_conf *c, const eao_conf_node *root,
                             const char *split) {
  static const char *const known[] = {"data", "labels", "first", "count", "indices", NULL};
  const eao_conf_node *all = eao_conf_get(root, "splits");
  const eao_conf_node *n = eao_conf_get(all, split ? split : "test");
  if (!n) {
    if (split) return eao_conf_fail(c, all ? all : root, "there is no split '%s'", split);
    return EAO_OK;
  }
  EAO_TRY(eao_conf_only(c, n, known));
  EAO_TRY(read_source(d, c, n));
  EAO_TRY(eao_conf_integer(c, n, "first", 0, INT32_MAX, &d->split_first));
  EAO_TRY(eao_conf_integer(c, n, "count", 1, INT32_MAX, &d->split_count));
  return copy_text(d, c, n, "indices", &d->index_file);
}

static eao_status read_sample(eao_dataset *d, eao_conf *c, const eao_conf_node *root) {
  const char *dtype = NULL;
  double scale = 0;
  int64_t zero = 0;
  EAO_TRY(eao_conf_text(c, root, "dtype", &dtype));
  if (dtype && !(d->sample_type.dtype = eao_dtype_from_name(dtype)))
    return eao_conf_fail(c, eao_conf_get(root, "dtype"), "'%s' is no element type", dtype);
  const eao_conf_node *shape = eao_conf_get(root, "shape");
  uint32_t rank = eao_conf_count(shape);
  if (rank >= EAO_MAX_RANK) return eao_conf_fail(c, shape, "a shape of rank %u", rank);
  d->sample_type.rank = (int32_t)rank;
  for (uint32_t i = 0; i < rank; i++) {
    const char *text = eao_conf_scalar(eao_conf_at(shape, i, NULL));
    int64_t v = 0;
    for (; text && *text >= '0' && *text <= '9' && v < INT32_MAX; text++) v = v * 10 + *text - '0';
    if (!text || *text || v < 1)
      return eao_conf_fail(c, shape, "'shape' must be a list of positive integers");
    d->sample_type.dim[i] = v;
  }
  EAO_TRY(eao_conf_number(c, root, "scale", 1e-30, 1e30, &scale));
  EAO_TRY(eao_conf_integer(c, root, "zero_point", INT32_MIN, INT32_MAX, &zero));
  if (scale > 0) {
    d->scale[0] = (float)scale;
    d->zero[0] = (int32_t)zero;
    d->sample_type.quant = (eao_quant){-1, 1, d->scale, d->zero};
  }
  return EAO_OK;
}

static eao_status read_floats(eao_conf *c, const eao_conf_node *n, const char *key, float out[3]) {
  const eao_conf_node *list = eao_conf_get(n, key);
  double v[3] = {0};
  if (!list) return EAO_OK;
  uint32_t count = eao_conf_count(list);
  if (eao_conf_scalar(list)) {
    count = 1;
    EAO_TRY(eao_conf_number(c, n, key, -1e30, 1e30, &v[0]));
  } else if (count != 1 && count != 3) {
    return eao_conf_fail(c, list, "'%s' has %u entries, not 1 or 3", key, count);
  }
  for (uint32_t i = 0; !eao_conf_scalar(list) && i < count; i++) {
    const char *text = eao_conf_scalar(eao_conf_at(list, i, NULL));
    if (!text || !set_number(text, &v[i]))
      return eao_conf_fail(c, list, "'%s' must be numbers", key);
  }
  for (uint32_t i = 0; i < 3; i++) out[i] = (float)v[count == 1 ? 0 : i];
  return EAO_OK;
}

/* A name that a function of eao/data.h translates. */
static eao_status translate(eao_conf *c, const eao_conf_node *n, const char *key,
                            int (*from_name)(const char *), int *out) {
  const char *text = NULL;
  EAO_TRY(eao_conf_text(c, n, key, &text));
  if (!text) return EAO_OK;
  *out = from_name(text);
  if (*out < 0) return eao_conf_fail(c, eao_conf_get(n, key), "%s: no kind '%s'", key, text);
  return EAO_OK;
}

static eao_status read_preprocess(eao_dataset *d, eao_conf *c, const eao_conf_node *n) {
  static const char *const known[] = {"resize", "fit",   "crop_fraction", "pixels", "mean",
                                      "std",    "color", "layout",        "stored", NULL};
  static const char *const colors[] = {"rgb", "bgr", NULL};
  static const char *const layouts[] = {"auto", "nchw", "nhwc", NULL};
  eao_image_spec *s = &d->image;
  int resize = (int)s->resize, fit = (int)s->fit, color = 0, layout = 0;
  const char *pixels = NULL;
  double crop = 0;
  EAO_TRY(eao_conf_only(c, n, known));
  EAO_TRY(translate(c, n, "resize", eao_resize_from_name, &resize));
  EAO_TRY(translate(c, n, "fit", eao_fit_from_name, &fit));
  EAO_TRY(choose(c, n, "color", colors, &color));
  EAO_TRY(choose(c, n, "layout", layouts, &layout));
  EAO_TRY(eao_conf_number(c, n, "crop_fraction", 0.01, 1, &crop));
  EAO_TRY(eao_conf_text(c, n, "pixels", &pixels));
  if (pixels && !eao_image_scaling(s, pixels))
    return eao_conf_fail(c, eao_conf_get(n, "pixels"), "pixels: no kind '%s'", pixels);
  EAO_TRY(read_floats(c, n, "mean", s->mean));
  EAO_TRY(read_floats(c, n, "std", s->std));
  if (eao_conf_get(n, "mean"))
    for (int i = 0; i < 3; i++) s->std[i] = s->std[i] != 0 ? s->std[i] : 1;
  EAO_TRY(eao_conf_bool(c, n, "stored", &s->stored));
  s->resize = (eao_resize)resize;
  s->fit = (eao_fit)fit;
  s->bgr = color == 1;
  s->layout = (eao_layout_hint)layout;
  s->crop_fraction = (float)crop;
  return EAO_OK;
}

/* How the outputs of a detector are read. */
static eao_status read_detections(eao_dataset *d, eao_conf *c, const eao_conf_node *n) {
  static const char *const known[] = {"boxes", "background", "nms", NULL};
  static const char *const orders[] = {"auto", "xyxy", "yxyx", "cxcywh", "xywh", NULL};
  int order = 0;
  int64_t background = d->detect.background;
  double nms = (double)d->detect.nms;
  EAO_TRY(eao_conf_only(c, n, known));
  EAO_TRY(choose(c, n, "boxes", orders, &order));
  EAO_TRY(eao_conf_integer(c, n, "background", 0, 1 << 20, &background));
  EAO_TRY(eao_conf_number(c, n, "nms", 0, 1, &nms));
  d->detect = (eao_detect_spec){(eao_box_order)order, background, (float)nms};
  return EAO_OK;
}

static eao_status read_root(eao_dataset *d, eao_conf *c, const char *split) {
  static const char *const known[] = {
      "format", "data",    "labels",      "classes",    "label_column", "label_offset", "dtype",
      "shape",  "scale",   "metric",      "zero_point", "splits",       "preprocess",   "name",
      "source", "licence", "sample_rate", "label_kind", "blank",        "detections",   NULL};
  static const char *const kinds[] = {"class", "text", "boxes", NULL};
  const eao_conf_node *root = eao_conf_root(c), *prep = eao_conf_get(root, "preprocess");
  int format = 0, kind = 0;
  EAO_TRY(eao_conf_only(c, root, known));
  EAO_TRY(choose(c, root, "label_kind", kinds, &kind));
  d->label_kind = (set_kind)kind;
  EAO_TRY(eao_conf_integer(c, root, "blank", 0, 1 << 20, &d->blank));
  if (eao_conf_get(root, "detections"))
    EAO_TRY(read_detections(d, c, eao_conf_get(root, "detections")));
  EAO_TRY(choose(c, root, "format", formats, &format));
  d->format = (set_format)format;
  EAO_TRY(read_source(d, c, root));
  EAO_TRY(read_classes(d, c, root));
  EAO_TRY(copy_text(d, c, root, "metric", &d->metric));
  EAO_TRY(eao_conf_integer(c, root, "label_column", 0, 1 << 20, &d->label_column));
  EAO_TRY(eao_conf_integer(c, root, "sample_rate", 1, 1000000, &d->sample_rate));
  EAO_TRY(eao_conf_integer(c, root, "label_offset", -1000000, 1000000, &d->label_offset));
  EAO_TRY(read_sample(d, c, root));
  if (prep) EAO_TRY(read_preprocess(d, c, prep));
  return read_split(d, c, root, split);
}

eao_status set_spec_read(eao_dataset *d, const char *path, const char *split) {
  eao_conf *c;
  EAO_TRY(eao_conf_load(d->ctx, path, &c));
  eao_status s = read_root(d, c, split);
  eao_conf_destroy(c);
  return s;
}
