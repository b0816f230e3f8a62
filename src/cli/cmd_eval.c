/* eao eval: how good a model is on a data set. */
#include <string.h>

#include "cli/dataset_options.h"
#include "cli/engine.h"
#include "eao/eval.h"

/* ---- models behind eao_eval ---- */

enum { THREADS_MAX = 16 };

/* A model, and as many sessions of it as threads. */
typedef struct subject {
  eao_cli_engine engine[THREADS_MAX];
  eao_cli_scored scored[THREADS_MAX];
  eao_eval_model model[THREADS_MAX];
  uint32_t n;
} subject;

static int open_subject(eao_cli *c, const char *path, uint32_t threads, subject *s) {
  int code = eao_cli_engine_open(c, path, eao_cli_get(c, "engine", "auto"), &s->engine[0]);
  while (!code && s->n < threads && s->n < THREADS_MAX) {
    uint32_t k = s->n;
    if (k) code = eao_cli_engine_twin(&s->engine[0], &s->engine[k]);
    if (k && !s->engine[k].session) break; /* the interpreter runs alone */
    if (!code) code = eao_cli_scored_open(c, &s->engine[k], true, &s->scored[k]);
    if (!code) s->model[k] = s->scored[k].model;
    s->n++;
  }
  return code;
}

static void close_subject(subject *s) {
  for (uint32_t k = s->n; k-- > 1;) {
    eao_cli_scored_close(&s->scored[k]);
    eao_cli_engine_close(&s->engine[k]);
  }
  eao_cli_scored_close(&s->scored[0]);
  eao_cli_engine_close(&s->engine[0]);
}

static void progress(void *user, uint64_t done, uint64_t total) {
  eao_cli_progress(user, "samples", done, total);
}

/* ---- output ---- */

static const char *unit_of(eao_metric m) {
  bool plain = m == EAO_METRIC_MSE || m == EAO_METRIC_AUC || m == EAO_METRIC_MAP ||
               m == EAO_METRIC_MAP50 || m == EAO_METRIC_VOC50;
  return m == EAO_METRIC_SQNR ? " dB" : plain ? "" : " %";
}

static double shown(eao_metric m, double v) {
  return strchr(unit_of(m), '%') ? 100 * v : v;
}

static json_t *interval(const eao_score *s) {
  return json_pack("[o, o]", eao_cli_real(s->lo), eao_cli_real(s->hi));
}

static int print_json(const eao_evaluation *e, const subject *s, const eao_dataset_info *info) {
  json_t *j = json_object(), *all = json_object();
  json_object_set_new(j, "metric", json_string(eao_metric_name(e->score[0].metric)));
  json_object_set_new(j, "value", eao_cli_real(e->score[0].value));
  json_object_set_new(j, "ci95", interval(&e->score[0]));
  json_object_set_new(j, "n", json_integer(e->n));
  for (uint32_t i = 0; i < e->n_score; i++) {
    json_t *one = json_object();
    json_object_set_new(one, "value", eao_cli_real(e->score[i].value));
    json_object_set_new(one, "ci95", interval(&e->score[i]));
    json_object_set_new(all, eao_metric_name(e->score[i].metric), one);
  }
  json_object_set_new(j, "metrics", all);
  json_object_set_new(j, "engine", json_string(s->engine[0].name));
  json_object_set_new(j, "format", json_string(info->format));
  json_object_set_new(j, "run_ms_mean", eao_cli_real(e->n ? e->seconds * 1e3 / (double)e->n : 0));
  return eao_cli_json(j);
}

static void print_table(const eao_cli *c, const eao_evaluation *e, const subject *s) {
  static const char *const heads[] = {"metric", ">value", ">95 % from", ">to", ">n"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (uint32_t i = 0; i < e->n_score; i++) {
    const eao_score *k = &e->score[i];
    eao_cli_cell(t, "%s", eao_metric_name(k->metric));
    for (int part = 0; part < 3; part++) {
      double v = part == 0 ? k->value : part == 1 ? k->lo : k->hi;
      char text[EAO_CLI_TEXT];
      if (k->metric == EAO_METRIC_MSE)
        snprintf(text, sizeof text, "%.6g", v);
      else
        snprintf(text, sizeof text, !unit_of(k->metric)[0] ? "%.4f%s" : "%.2f%s",
                 shown(k->metric, v), unit_of(k->metric));
      eao_cli_cell(t, "%s", text);
    }
    eao_cli_cell(t, "%lld", (long long)e->n);
  }
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
  printf("%s, %.3g ms a sample\n", s->engine[0].name, e->n ? e->seconds * 1e3 / (double)e->n : 0.0);
}

/* ---- the command ---- */

static int evaluate(eao_cli *c, eao_dataset *d, subject *s, subject *ref) {
  const char *metric = eao_cli_get(c, "metric", NULL),
             *reference = eao_cli_get(c, "reference", NULL);
  int64_t resamples = 1000, seed = 0, threads = 2;
  eao_eval_opts o = {.progress = progress, .progress_user = c};
  eao_evaluation e;
  if (metric && !(o.metric = eao_metric_from_name(metric)))
    return eao_cli_usage(c,
                         "--metric: no metric '%s'; known: top1, top5, auc, mse, sqnr, agreement, "
                         "map, map50, voc50, wer, cer",
                         metric);
  if (!eao_cli_integer(c, "resamples", 10, 10000, &resamples) ||
      !eao_cli_integer(c, "threads", 1, THREADS_MAX, &threads) ||
      !eao_cli_integer(c, "seed", 0, INT64_MAX, &seed))
    return EAO_EXIT_USAGE;
  o.resamples = (uint32_t)resamples;
  o.seed = (uint64_t)seed;
  int code = open_subject(c, c->arg[0], (uint32_t)threads, s);
  if (!code && reference) {
    code = open_subject(c, reference, s->n, ref);
    o.reference = &ref->model[0];
    o.more_reference = ref->model + 1;
    if (!metric) o.metric = EAO_METRIC_SQNR;
  }
  if (code) return code;
  o.more = s->model + 1;
  o.n_more = (reference && ref->n < s->n ? ref->n : s->n) - 1;
  eao_status st = eao_eval(c->ctx, d, &s->model[0], &o, &e);
  if (st != EAO_OK) return eao_cli_fail_input(c, st);
  eao_dataset_info info = eao_dataset_get(d);
  if (c->json) return print_json(&e, s, &info);
  print_table(c, &e, s);
  return EAO_EXIT_OK;
}

static int run(eao_cli *c) {
  eao_dataset *d = NULL;
  subject s, ref;
  memset(&s, 0, sizeof s);
  memset(&ref, 0, sizeof ref);
  int code = eao_cli_dataset_open(c, &d);
  if (!code) code = evaluate(c, d, &s, &ref);
  close_subject(&s);
  close_subject(&ref);
  eao_dataset_close(d);
  return code;
}

static const eao_cli_option options[] = {
    EAO_CLI_DATA_OPTIONS,
    {"metric", "KIND",
     "top1, top5, auc; map, map50, voc50 (boxes); wer, cer (texts); mse, sqnr,\n"
     "agreement (against --reference); default: the description's, else by the labels",
     false},
    {"reference", "MODEL", "compare with this model's outputs instead of labels", false},
    {"output-index", "N", "which output is scored (default 0)", false},
    EAO_CLI_SHAPE_OPTION,
    EAO_CLI_ENGINE_OPTION,
    {"threads", "N", "samples run on N sessions at once (default 2); the result is the same",
     false},
    {"resamples", "N", "of the bootstrap for the confidence interval (default 1000)", false},
    {"seed", "N", "of the bootstrap (default 0)", false},
};

static const eao_cli_example examples[] = {
    {"eval mnist.onnx --data mnist/ --pixels raw", "MNIST's test images, pixels 0 to 255"},
    {"eval net.tflite --data photos/ --fit crop --crop-fraction 0.875 --label-offset 1",
     "one folder a class; the model has a background class"},
    {"eval small.eao --data calib.npz --reference net.onnx", "without labels: how far from net"},
    {"eval net.onnx --data photos.tar --spec dataset.yaml --json", "for a script"},
};

const eao_cli_command eao_cmd_eval = {
    .name = "eval",
    .args = "MODEL --data PATH",
    .summary = "measure accuracy on a data set",
    .text =
        "Runs a model (ONNX, TFLite or .eao) on every sample of a data set and prints the metric\n"
        "with its 95 % confidence interval (bootstrap, the same on every run).",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  the model or the data are invalid, or do not fit each other\n"
             "5  the model needs something EAO does not support",
    .run = run,
};
