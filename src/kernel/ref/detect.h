/* Reference kernels that turn the scores of detectors into boxes. In single precision and with the
 * peers' order of operations, so that no box is kept or dropped by rounding alone. */
#ifndef EAO_KERNEL_REF_DETECT_H
#define EAO_KERNEL_REF_DETECT_H

#include "kernel/kernel.h"

typedef struct eao_nms_attr {
  int32_t center_point_box; /* boxes are x centre, y centre, width, height; else two corners */
} eao_nms_attr;

/* boxes [B, N, 4], scores [B, C, N], max output boxes a class, IoU threshold, score threshold (the
 * last three optional). work: eao_nms_scratch() bytes. Returns the number of selected boxes and
 * writes [K, 3] (batch, class, box) to out unless it is NULL. */
int64_t eao_nms_select(const eao_tensor *const *in, uint32_t n_in, const eao_nms_attr *a,
                       void *work, eao_tensor *out);
size_t eao_nms_scratch(const eao_tensor *scores);

/* TFLite's TFLite_Detection_PostProcess: box encodings [1, N, >= 4], class predictions
 * [1, N, classes with or without background], anchors [N, 4]
 * -> boxes [1, D, 4], classes [1, D], scores [1, D], count [1], all f32. */
typedef struct eao_detection_attr {
  int64_t max_detections, max_classes_per_detection, detections_per_class, num_classes;
  int32_t use_regular_nms;
  float nms_score_threshold, nms_iou_threshold;
  float y_scale, x_scale, h_scale, w_scale;
  int32_t pad;
} eao_detection_attr;

eao_status eao_ref_non_max_suppression(eao_kcall *c);
size_t eao_ref_nms_scratch(const eao_kcall *c);
eao_status eao_ref_detection_postprocess(eao_kcall *c);
size_t eao_ref_detection_scratch(const eao_kcall *c);

#endif
