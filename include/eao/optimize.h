/* The main job: from a model, a device and a budget to an artifact that fits, or to the budget that
 * binds and what comes nearest. */
#ifndef EAO_OPTIMIZE_H
#define EAO_OPTIMIZE_H

#include "eao/eao.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eao_optimize_opts {
  eao_model *model;           /* float; stays as it is */
  const char *name;           /* of the model, for the report */
  const char *path;           /* its file, for other input sizes; NULL: only the one it has */
  const eao_shape_bind *bind; /* it was loaded with */
  uint32_t n_bind;
  const char *target;      /* profile name or path; NULL: "host", this machine */
  const char *data;        /* data set, see eao/dataset.h; NULL: accuracy is not known */
  const char *spec;        /* its description; NULL: the one that comes with it */
  const char *budget;      /* "latency_p95_ms=15,size_kib=2048"; NULL or "": none */
  const char *budget_file; /* YAML with the same keys; NULL: none */
  const char *recipe;      /* recipe.yaml to repeat: no search; NULL: none */
  const char *out_dir;     /* made if missing */
  const char *device;      /* "ssh://user@host[:port]": measure there; needs target; NULL: no */
  const char *runner; /* examples/device_bench.c, linked statically for the target: copied to the
                         device, or run under qemu-user to verify; NULL: the one beside this
                         program, for a device of the same ISA */
  uint32_t n_calibration; /* samples; 0: 256 */
  int64_t eval_limit;     /* samples that accuracy is measured on; 0: all */
  double time_s;          /* what is not begun by then is left out; 0: no limit */
  uint32_t max_threads;   /* that candidates may use; 0: the target's fastest cores, at most 4 */
  uint64_t seed;
  bool keep_input;     /* no smaller input sizes */
  bool fresh;          /* forget the work of an earlier run in out_dir */
  bool preflight_only; /* say what no candidate can meet, write nothing */
  /* left_s: of this step, as it goes; 0: not known */
  void (*progress)(void *user, const char *what, uint64_t done, uint64_t total, double left_s);
  void *progress_user; /* progress may be NULL */
} eao_optimize_opts;

typedef struct eao_optimize_result {
  bool fits;      /* a candidate meets every budget; preflight: nothing speaks against it */
  char *table;    /* for people; free with eao_text_free */
  char *json;     /* report.json (docs/report.md); free with eao_text_free */
  char *advice;   /* one piece a line; "" none; free with eao_text_free */
  char path[512]; /* of report.html; "" after a preflight */
} eao_optimize_result;

/* Writes into out_dir: model.eao, model.onnx and model.tflite of the chosen (or nearest) candidate,
 * report.html, recipe.yaml and, last, report.json. Each file is written completely or not at all;
 * report.json is there only when all others belong to it. EAO_OK also when nothing fits.
 *
 * Finished work is recorded in out_dir/.eao-state: a run that was killed, or one with another
 * budget, goes on with it. Deterministic for a seed, measured times apart. */
eao_status eao_optimize(eao_ctx *ctx, const eao_optimize_opts *opts, eao_optimize_result *out);

/* Where a recipe says that its model is; free *out with eao_text_free. */
eao_status eao_recipe_model(eao_ctx *ctx, const char *recipe, char **out);

#ifdef __cplusplus
}
#endif
#endif
