/* Reference normalisations and their attributes. Means and variances are kept in double. */
#ifndef EAO_KERNEL_REF_NORM_H
#define EAO_KERNEL_REF_NORM_H

#include "kernel/kernel.h"
#include "kernel/ref/conv.h"

/* batch_norm: x, scale [C], bias [C], mean [C], variance [C] -> y (training: and the running mean
 * and variance after this batch). */
typedef struct eao_batch_norm_attr {
  int32_t layout; /* eao_layout */
  int32_t training_mode;
  float epsilon, momentum;
} eao_batch_norm_attr;

/* instance_norm: x, scale [C], bias [C] -> y.
 * group_norm: x, scale, bias -> y; scale and bias have C or num_groups entries. */
typedef struct eao_group_norm_attr {
  int64_t num_groups; /* instance_norm: unused */
  int32_t layout;
  float epsilon;
} eao_group_norm_attr;

/* layer_norm: x, scale, optional bias -> y, mean, 1 / deviation. rms_norm: x, scale -> y.
 * Over axis and all later ones; scale and bias broadcast to x. */
typedef struct eao_layer_norm_attr {
  int64_t axis;
  float epsilon;
  int32_t stash_type; /* dtype of mean and 1 / deviation */
} eao_layer_norm_attr;

/* lp_norm: x / (sum of |x|^p)^(1/p) along axis; 0 where the norm is 0. */
typedef struct eao_lp_norm_attr {
  int64_t axis, p;
} eao_lp_norm_attr;

/* lrn: x / (bias + alpha / size * sum of squares over size neighbouring channels)^beta */
typedef struct eao_lrn_attr {
  int64_t size;
  float alpha, beta, bias;
  int32_t layout;
} eao_lrn_attr;

/* mean_variance_norm: (x - mean) / (deviation + 1e-9) over axes. */
typedef struct eao_mean_variance_norm_attr {
  eao_ints axes;
} eao_mean_variance_norm_attr;

/* dropout: x, optional ratio, optional training_mode -> x, mask (all true). Training mode with a
 * ratio above 0 is not supported. */
typedef struct eao_dropout_attr {
  int64_t seed;
  float ratio;
  int32_t pad;
} eao_dropout_attr;

eao_status eao_ref_batch_norm(eao_kcall *c);
eao_status eao_ref_instance_norm(eao_kcall *c);
eao_status eao_ref_group_norm(eao_kcall *c);
eao_status eao_ref_layer_norm(eao_kcall *c);
eao_status eao_ref_rms_norm(eao_kcall *c);
eao_status eao_ref_lp_norm(eao_kcall *c);
eao_status eao_ref_lrn(eao_kcall *c);
eao_status eao_ref_mean_variance_norm(eao_kcall *c);
eao_status eao_ref_dropout(eao_kcall *c);

#endif
