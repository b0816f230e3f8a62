/* How good a model is on a data set. The model is a callback, so that the interpreter, a compiled
 * package or another program's runtime can stand behind it. */
#ifndef EAO_EVAL_H
#define EAO_EVAL_H

#include "eao/dataset.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eao_metric {
  EAO_METRIC_NONE = 0,
  EAO_METRIC_TOP1,      /* share of samples whose label has the largest output */
  EAO_METRIC_TOP5,      /* ... is among the five largest; equal ones rank by position */
  EAO_METRIC_AUC,       /* area under the ROC curve of a score against labels 0 and 1; the score is
                           the only output, the second of two, or, when the output has the input's
                           size, the mean squared error of reconstruction */
  EAO_METRIC_MSE,       /* mean squared error against the reference model */
  EAO_METRIC_SQNR,      /* 10 log10(signal / error) against the reference model, in dB */
  EAO_METRIC_AGREEMENT, /* share of samples with the reference model's largest output */
  EAO_METRIC_MAP,       /* mean average precision of boxes as COCO has it: IoU 0.5 to 0.95 */
  EAO_METRIC_MAP50,     /* the same at IoU 0.5 */
  EAO_METRIC_VOC50,     /* area under the precision-recall curve at IoU 0.5, as VOC from 2010 on */
  EAO_METRIC_WER,       /* edits per word of the true text */
  EAO_METRIC_CER,       /* edits per character; runs of white space count as one space */
} eao_metric;
/* "top1", "top5", "auc", "mse", "sqnr", "agreement", "map", "map50", "voc50", "wer", "cer";
 * EAO_METRIC_NONE when unknown. */
eao_metric eao_metric_from_name(const char *name);
const char *eao_metric_name(eao_metric m);

/* One run from the model's initial state. out: n_out tensors, borrowed until the next run. Where
 * there are several instances it must not use the context of the evaluation. */
typedef eao_status (*eao_run_fn)(void *user, const eao_tensor *in, eao_tensor *out);

typedef struct eao_eval_model {
  eao_run_fn run;
  void *user;
  const eao_tensor *input; /* type of its one input */
  uint32_t n_out;          /* 0: 1. Boxes may need several, other metrics look at the first */
} eao_eval_model;

typedef struct eao_eval_opts {
  eao_metric metric; /* NONE: the data set's, else what fits its labels; sqnr without */
  const eao_eval_model *reference; /* for MSE, SQNR, AGREEMENT; else NULL */
  /* Further instances of the model that may run at the same time, in threads of their own; and as
   * many of the reference. The result is the same with and without. */
  const eao_eval_model *more, *more_reference;
  uint32_t n_more;
  uint32_t resamples;    /* of the bootstrap; 0: 1000 */
  uint64_t seed;         /* of the bootstrap */
  const int64_t *sample; /* only these samples of the data; NULL: all */
  int64_t n_sample;
  float *out_value; /* TOP1, TOP5: 1 or 0 for each sample, where the caller has room; NULL: no */
  void (*progress)(void *user, uint64_t done, uint64_t total); /* NULL: none */
  void *progress_user;
} eao_eval_opts;

typedef struct eao_score {
  eao_metric metric;
  double value;
  double lo, hi; /* 95 % confidence interval: percentiles of the bootstrap (Efron 1979) */
} eao_score;

enum { EAO_SCORES_MAX = 4 };
typedef struct eao_evaluation {
  int64_t n; /* samples */
  /* The metric asked for, then those that come with it: top1 and top5; mse, sqnr, agreement. */
  eao_score score[EAO_SCORES_MAX];
  uint32_t n_score;
  double seconds; /* in the model's runs */
} eao_evaluation;

/* Deterministic for the same data, model and seed. opts may be NULL. */
eao_status eao_eval(eao_ctx *ctx, eao_dataset *d, const eao_eval_model *m,
                    const eao_eval_opts *opts, eao_evaluation *out);

/* Mean average precisions of boxes found in n_image images against the true ones: COCO, at IoU 0.5,
 * VOC; labels as they are, crowds neither right nor wrong. Resamples images. */
eao_status eao_mean_ap(eao_ctx *ctx, const eao_box *truth, uint32_t n_truth, const eao_box *found,
                       uint32_t n_found, int64_t n_image, uint32_t resamples, uint64_t seed,
                       eao_score out[3]);
/* Fewest insertions, deletions and replacements from a to b, of words or of characters (Unicode);
 * *out_n: words or characters of b. */
eao_status eao_edits(eao_ctx *ctx, const char *a, const char *b, bool words, int64_t *out_edits,
                     int64_t *out_n);

/* The statistics alone. values: n samples' shares of a mean. */
void eao_bootstrap_mean(const double *values, int64_t n, uint32_t resamples, uint64_t seed,
                        eao_score *io);
/* Area under the ROC curve; label[i] is 0 or 1. NaN when one of the classes is missing. */
eao_status eao_auc(eao_ctx *ctx, const double *score, const uint8_t *label, int64_t n,
                   uint32_t resamples, uint64_t seed, eao_score *out);

#ifdef __cplusplus
}
#endif
#endif
