/* Trials: the same samples prepared in another way, and how the model likes it. */
#ifndef EAO_COMPRESS_AUDIT_TRIAL_H
#define EAO_COMPRESS_AUDIT_TRIAL_H

#include "compress/audit/audit.h"

/* Another reading of the axes of an array. */
typedef enum audit_turn {
  AUDIT_TURN_NONE,
  AUDIT_TURN_TO_LAST,  /* channels were first, the input has them last */
  AUDIT_TURN_TO_FIRST, /* the other way round */
  AUDIT_TURN_SWAP,     /* rows and columns */
} audit_turn;

/* How a sample becomes an input: the data set's preprocessing, then axes, then colours, then
 * mul * x + add. */
typedef struct audit_way {
  eao_image_spec spec;
  audit_turn turn;
  bool flip;
  double mul, add; /* mul 0: as it is */
} audit_way;

typedef struct audit_option {
  eao_audit_kind kind;
  const char *name, *advice;
  audit_way way;
} audit_option;

/* What a trial gave; arrays have an entry a sample. */
typedef struct audit_outcome {
  float *prob; /* n * classes */
  uint32_t *answer;
  double *value; /* log-likelihood of the label, or the answer's share of the mutual information */
  double score, top1;
} audit_outcome;

enum { AUDIT_OPTIONS_MAX = 48, AUDIT_CLASSES_MAX = 1 << 15 };

typedef struct audit_trials {
  audit *a;
  uint32_t n;
  const audit_sample **sample; /* those that take part */
  int64_t *label;              /* of each, as adopted */
  bool by_label;
  int64_t classes;
  eao_tensor type; /* of the model's input */
  audit_way way;   /* adopted so far */
  audit_outcome now, then;
  uint32_t done, planned;
} audit_trials;

/* Runs the samples the given way. A sample that the way cannot prepare fails the trial:
 * *out_ok false. */
eao_status audit_try(audit_trials *t, const audit_way *way, audit_outcome *out, bool *out_ok);
/* Scores of an outcome for the adopted labels. */
void audit_score(const audit_trials *t, audit_outcome *out);
/* Mutual information between samples and answers. */
eao_status audit_information(const audit_trials *t, const audit_outcome *o,
                             double *out_nats) EAO_MUST_CHECK;
/* z of the paired difference of values: positive when b is better. */
double audit_paired_z(const audit_trials *t, const audit_outcome *a, const audit_outcome *b);
/* z of the paired difference of right answers. */
double audit_right_z(const audit_trials *t, const audit_outcome *a, const audit_outcome *b);
/* Ways that differ from the adopted one in one respect. */
uint32_t audit_options(const audit_trials *t, audit_option *out);

/* Labels against the answers of an outcome: range, shift (adopted when there is one), order. */
eao_status audit_check_labels(audit_trials *t, audit_outcome *o);
/* Labels that the model is sure are wrong. */
eao_status audit_check_wrong(audit_trials *t, const audit_outcome *o);

#endif
