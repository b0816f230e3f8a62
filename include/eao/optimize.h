/* The main job: from a model, a device and a budget to an artifact that fits, or to the budget that
 * binds and what comes nearest. */
#ifndef EAO_OPTIMIZE_H
#define EAO_OPTIMIZE_H

#include "eao/eao.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eao_optimize_opts {
  eao_model *model;        /* float; its graph is rewritten on the way (see eao_model_compile) */
  const char *name;        /* of the model, for the report */
  const char *target;      /* profile name or path; NULL: "host", this machine */
  const char *data;        /* data set, see eao/dataset.h; NULL: accuracy is not known */
  const char *spec;        /* its description; NULL: the one that comes with it */
  const char *budget;      /* "latency_p95_ms=15,size_kib=2048"; NULL or "": none */
  const char *budget_file; /* YAML with the same keys; NULL: none */
  const char *out_dir;     /* made if missing */
  uint32_t n_calibration;  /* samples; 0: 256 */
  int64_t eval_limit;      /* samples that accuracy is measured on; 0: all */
  double time_s;           /* stop trying candidates after this long; 0: no limit */
  uint64_t seed;
  void (*progress)(void *user, const char *what, uint64_t done, uint64_t total); /* or NULL */
  void *progress_user;
} eao_optimize_opts;

typedef struct eao_optimize_result {
  bool fits;      /* a candidate meets every budget */
  char *table;    /* for people; free with eao_text_free */
  char *json;     /* report.json (docs/report.md); free with eao_text_free */
  char *advice;   /* one piece a line; "" none; free with eao_text_free */
  char path[512]; /* of report.html */
} eao_optimize_result;

/* Writes into out_dir: model.eao, model.onnx and model.tflite of the chosen (or nearest) candidate,
 * report.html, report.json, recipe.yaml. Each file is written completely or not at all. EAO_OK also
 * when nothing fits. */
eao_status eao_optimize(eao_ctx *ctx, const eao_optimize_opts *opts, eao_optimize_result *out);

#ifdef __cplusplus
}
#endif
#endif
