/* non_max_suppression, detection_postprocess. */
#include "kernel/ref/detect.h"

#include "kernel/ref/move.h"
#include "op/op.h"

static eao_status one_number(eao_infer *f, const char *what, const eao_tensor *t) {
  if (t && t->data && eao_tensor_count(t) != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s must be one number", what);
  return EAO_OK;
}

static eao_status same(eao_infer *f, const char *what, int64_t a, int64_t b) {
  if (a < 0 || b < 0 || a == b) return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_SHAPE, "%s: %lld and %lld", what, (long long)a, (long long)b);
}

static eao_status infer_nms(eao_infer *f) {
  const eao_tensor *boxes = f->in[0], *scores = f->in[1];
  bool known = boxes->data && scores->data;
  EAO_TRY(one_number(f, "max_output_boxes_per_class", eao_infer_in(f, 2)));
  EAO_TRY(one_number(f, "iou_threshold", eao_infer_in(f, 3)));
  EAO_TRY(one_number(f, "score_threshold", eao_infer_in(f, 4)));
  eao_infer_rank(f, 0, EAO_I64, 2);
  f->out[0].dim[1] = 3;
  EAO_TRY(eao_infer_types(f, "boxes", boxes, EAO_TYPES_FLOAT));
  EAO_TRY(eao_infer_types(f, "scores", scores, EAO_TYPES_FLOAT));
  if (boxes->rank < 0 || scores->rank < 0) return EAO_OK;
  if (boxes->rank != 3 || scores->rank != 3)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "boxes must be [B, N, 4], scores [B, C, N]");
  EAO_TRY(same(f, "batch of boxes and scores", boxes->dim[0], scores->dim[0]));
  EAO_TRY(same(f, "number of boxes and scores", boxes->dim[1], scores->dim[2]));
  EAO_TRY(same(f, "coordinates of a box", boxes->dim[2], 4));
  if (scores->dim[2] > INT32_MAX)
    return eao_infer_fail(f, EAO_ERR_UNSUPPORTED, "more than 2^31 boxes");
  for (uint32_t i = 2; i < f->n_in; i++)
    if (f->in[i] && !f->in[i]->data) known = false;
  if (!known) return EAO_OK;
  void *work = eao_alloc(f->ctx, eao_nms_scratch(scores));
  if (!work) return EAO_NOMEM(f->ctx);
  f->out[0].dim[0] = eao_nms_select(f->in, f->n_in, f->attr, work, NULL);
  eao_free(f->ctx, work);
  return EAO_OK;
}

static bool sample_nms(uint32_t k, eao_sample *s) {
  static const int64_t most = 3;
  static const float iou = 0.3f, least = 0.1f;
  eao_nms_attr *a = s->attr;
  if (k >= 2) return false;
  a->center_point_box = (int32_t)k;
  s->n_in = 5;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {2, 9, 4}};
  s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {2, 3, 9}};
  s->in[2] = (eao_tensor){.dtype = EAO_I64, .data = (void *)(uintptr_t)&most};
  s->in[3] = (eao_tensor){.dtype = EAO_F32, .data = (void *)(uintptr_t)&iou};
  s->in[4] = (eao_tensor){.dtype = EAO_F32, .data = (void *)(uintptr_t)&least};
  for (uint32_t i = 0; i < 2; i++) s->hi[i] = 1;
  return true;
}

static const eao_attr_desc nms_attrs[] = {
    {.name = "center_point_box",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_nms_attr, center_point_box),
     .doc = "boxes are x centre, y centre, width, height; else two opposite corners (y, x)"},
};

const eao_op_desc eao_op_non_max_suppression = {
    .name = "non_max_suppression",
    .doc = "boxes, scores, most boxes a class, IoU and score thresholds: [batch, class, box] of "
           "the boxes kept",
    .min_in = 2,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_DATA_SHAPE,
    .attr_size = sizeof(eao_nms_attr),
    .attrs = nms_attrs,
    .n_attrs = EAO_COUNT(nms_attrs),
    .onnx = "NonMaxSuppression",
    .infer = infer_nms,
    .ref = eao_ref_non_max_suppression,
    .ref_scratch = eao_ref_nms_scratch,
    .sample = sample_nms,
};

static eao_status check_detection(eao_infer *f, const eao_detection_attr *a) {
  if (a->max_detections < 0 || a->max_detections > INT32_MAX || a->max_classes_per_detection < 1 ||
      a->max_classes_per_detection > INT32_MAX || a->num_classes < 1 ||
      a->num_classes > INT32_MAX || (a->use_regular_nms && a->detections_per_class < 1))
    return eao_infer_fail(f, EAO_ERR_FORMAT,
                          "%lld detections of %lld classes each, %lld a class, of %lld classes",
                          (long long)a->max_detections, (long long)a->max_classes_per_detection,
                          (long long)a->detections_per_class, (long long)a->num_classes);
  if (!(a->nms_iou_threshold > 0) || !(a->nms_iou_threshold <= 1))
    return eao_infer_fail(f, EAO_ERR_FORMAT, "nms_iou_threshold %g is not in (0, 1]",
                          (double)a->nms_iou_threshold);
  return EAO_OK;
}

static eao_status infer_detection(eao_infer *f) {
  const eao_detection_attr *a = f->attr;
  const eao_tensor *codes = f->in[0], *scores = f->in[1], *anchors = f->in[2];
  EAO_TRY(check_detection(f, a));
  int64_t n = a->max_detections * a->max_classes_per_detection;
  const int32_t ranks[4] = {3, 2, 2, 1};
  for (uint32_t i = 0; i < f->n_out && i < 4; i++) {
    eao_infer_rank(f, i, EAO_F32, ranks[i]);
    f->out[i].dim[0] = 1;
    if (ranks[i] > 1) f->out[i].dim[1] = n;
    if (ranks[i] > 2) f->out[i].dim[2] = 4;
  }
  for (uint32_t i = 0; i < 3; i++)
    EAO_TRY(eao_infer_types(f, "input", f->in[i], EAO_TYPES_FLOAT | EAO_TYPES_QUANT));
  if (codes->rank < 0 || scores->rank < 0 || anchors->rank < 0) return EAO_OK;
  if (codes->rank != 3 || scores->rank != 3 || anchors->rank != 2)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "inputs have ranks %d, %d, %d, not 3, 3, 2",
                          codes->rank, scores->rank, anchors->rank);
  EAO_TRY(same(f, "batch", codes->dim[0], 1));
  EAO_TRY(same(f, "batch", scores->dim[0], 1));
  EAO_TRY(same(f, "boxes and scores", codes->dim[1], scores->dim[1]));
  EAO_TRY(same(f, "boxes and anchors", codes->dim[1], anchors->dim[0]));
  EAO_TRY(same(f, "coordinates of an anchor", anchors->dim[1], 4));
  if (codes->dim[1] > INT32_MAX || (codes->dim[2] >= 0 && codes->dim[2] < 4))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "box encodings [1, %lld, %lld]",
                          (long long)codes->dim[1], (long long)codes->dim[2]);
  int64_t extra = scores->dim[2] - a->num_classes;
  if (scores->dim[2] >= 0 && extra != 0 && extra != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld columns of scores for %lld classes",
                          (long long)scores->dim[2], (long long)a->num_classes);
  return EAO_OK;
}

static bool sample_detection(uint32_t k, eao_sample *s) {
  static const float scale[] = {1 / 256.0f};
  eao_detection_attr *a = s->attr;
  if (k >= 3) return false;
  a->max_detections = 4;
  a->max_classes_per_detection = 1 + k;
  a->num_classes = 3;
  a->use_regular_nms = k == 1;
  a->nms_iou_threshold = 0.5f;
  s->n_in = 3;
  s->n_out = 4;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {1, 7, 4}};
  s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {1, 7, 4}};
  s->in[2] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {7, 4}};
  s->hi[1] = 1;
  s->lo[2] = 0.1;
  s->hi[2] = 1;
  if (k == 2) {
    s->in[1].dtype = EAO_U8;
    s->in[1].quant = (eao_quant){-1, 1, scale, NULL};
    s->hi[1] = 255;
  }
  return true;
}

#define COUNT(field, value, text)                                                                  \
  {                                                                                                \
    .name = #field, .kind = EAO_ATTR_INT, .offset = EAO_ATTR_AT(eao_detection_attr, field),        \
    .def = value, .doc = text                                                                      \
  }
#define REAL(field, value, text)                                                                   \
  {                                                                                                \
    .name = #field, .kind = EAO_ATTR_FLOAT, .offset = EAO_ATTR_AT(eao_detection_attr, field),      \
    .deff = value, .doc = text                                                                     \
  }
static const eao_attr_desc detection_attrs[] = {
    COUNT(max_detections, 0, "boxes at most"),
    COUNT(max_classes_per_detection, 1, "fast: classes reported of each box"),
    COUNT(detections_per_class, 100, "regular: boxes at most of a class"),
    COUNT(num_classes, 1, "without background"),
    {.name = "use_regular_nms",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_detection_attr, use_regular_nms),
     .doc = "suppress class by class, else once over each box's best class"},
    REAL(nms_score_threshold, 0, "boxes with a lower score are dropped"),
    REAL(nms_iou_threshold, 0.5, "boxes that overlap a better one by more are dropped"),
    REAL(y_scale, 1, "of the encoded y centre"),
    REAL(x_scale, 1, "of the encoded x centre"),
    REAL(h_scale, 1, "of the encoded height"),
    REAL(w_scale, 1, "of the encoded width"),
};

const eao_op_desc eao_op_detection_postprocess = {
    .name = "detection_postprocess",
    .doc = "box encodings, class scores, anchors: boxes, classes, scores and their number after "
           "decoding and non-maximum suppression",
    .min_in = 3,
    .max_in = 3,
    .min_out = 4,
    .max_out = 4,
    .attr_size = sizeof(eao_detection_attr),
    .attrs = detection_attrs,
    .n_attrs = EAO_COUNT(detection_attrs),
    .infer = infer_detection,
    .ref = eao_ref_detection_postprocess,
    .ref_scratch = eao_ref_detection_scratch,
    .sample = sample_detection,
};
