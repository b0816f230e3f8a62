/* Making and measuring candidates. */
#ifndef EAO_SEARCH_TRIAL_H
#define EAO_SEARCH_TRIAL_H

#include "eao/bench.h"
#include "eao/eval.h"
#include "eao/optimize.h"
#include "search/report.h"
#include "target/target.h"

/* A precision: the model in it, and how good it is. Made when a candidate needs it. */
typedef enum eao_scheme_kind {
  EAO_SCHEME_FLOAT32,
  EAO_SCHEME_INT8,
  EAO_SCHEME_COUNT
} eao_scheme_kind;
typedef struct eao_scheme {
  const char *name; /* "float32", "int8" */
  eao_model *model; /* NULL: not made yet */
  eao_quantize_report quant;
  bool tried, evaluated;
  char reason[160];        /* why it could not be made */
  double accuracy, lo, hi; /* percent; NaN: not known */
} eao_scheme;

/* What the search knows while it runs. */
typedef struct eao_search {
  eao_ctx *ctx;
  const eao_optimize_opts *opts;
  eao_target target;
  eao_budget budget;
  eao_scheme scheme[EAO_SCHEME_COUNT];
  eao_dataset *eval_data, *calibration; /* NULL without data */
  uint32_t n_calibration;
  eao_metric metric;
  uint64_t eval_samples;
  uint64_t deadline_ns; /* 0: none */
  uint8_t model_hash[32];
} eao_search;

/* One way to run the model. */
typedef struct eao_trial {
  eao_scheme_kind scheme;
  bool stream; /* bands of rows, least memory; false: layer by layer */
} eao_trial;

void eao_search_progress(const eao_search *s, const char *what, uint64_t done, uint64_t total);
/* Fills in the scheme's model; a scheme that cannot be made gets a reason, which is no failure. */
eao_status eao_scheme_make(eao_search *s, eao_scheme_kind k) EAO_MUST_CHECK;
/* Measures its accuracy on the evaluation data, if there are any. */
eao_status eao_scheme_evaluate(eao_search *s, eao_scheme_kind k) EAO_MUST_CHECK;
/* The scheme's model compiled for the target. */
eao_status eao_trial_compile(eao_search *s, const eao_trial *t, eao_compiled **out) EAO_MUST_CHECK;
/* Everything of c but accuracy and, on this machine, latency: sizes exact, the rest estimated. */
void eao_trial_estimate(const eao_search *s, const eao_trial *t, const eao_compiled *compiled,
                        eao_candidate *c);
/* Latency on this machine, from at least `runs` runs. */
eao_status eao_trial_measure(eao_search *s, const eao_compiled *compiled, uint32_t runs,
                             double seconds, bool profile, eao_candidate *c,
                             eao_bench **out_bench) EAO_MUST_CHECK;
/* The scheme's accuracy, and its drop against float32. */
void eao_trial_accuracy(const eao_search *s, const eao_trial *t, eao_candidate *c);

#endif
