/* eao optimize: the main job. */
#include <string.h>

#include "cli/cli.h"
#include "eao/optimize.h"

static void progress(void *user, const char *what, uint64_t done, uint64_t total, double left_s) {
  (void)left_s; /* the line shows its own */
  eao_cli_progress(user, what, done, total);
}

static int report(eao_cli *c, const eao_optimize_result *r) {
  if (c->json) {
    fputs(r->json, stdout);
  } else {
    printf("%s", r->table);
    if (*r->advice) printf("\n%s", r->advice);
    if (*r->path) printf("\nreport: %s\n", r->path);
  }
  return r->fits ? EAO_EXIT_OK : EAO_EXIT_BUDGET;
}

static bool read_numbers(eao_cli *c, eao_optimize_opts *o) {
  int64_t calibration = 0, limit = 0, seed = 0, threads = 0;
  if (!eao_cli_integer(c, "calibration-samples", 1, 100000, &calibration) ||
      !eao_cli_integer(c, "eval-limit", 1, INT64_MAX / 2, &limit) ||
      !eao_cli_integer(c, "threads", 1, 256, &threads) ||
      !eao_cli_integer(c, "seed", 0, INT64_MAX, &seed) || !eao_cli_duration(c, "time", &o->time_s))
    return false;
  o->n_calibration = (uint32_t)calibration;
  o->eval_limit = limit;
  o->max_threads = (uint32_t)threads;
  o->seed = (uint64_t)seed;
  return true;
}

/* The model's path: given, or the recipe's. */
static int model_path(eao_cli *c, const eao_optimize_opts *o, char **out_owned,
                      const char **out_path) {
  *out_owned = NULL;
  *out_path = c->n_args ? c->arg[0] : NULL;
  if (*out_path) return EAO_EXIT_OK;
  if (!o->recipe) return eao_cli_usage(c, "MODEL is missing");
  eao_status s = eao_recipe_model(c->ctx, o->recipe, out_owned);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  *out_path = *out_owned;
  return EAO_EXIT_OK;
}

static int optimize(eao_cli *c, eao_optimize_opts *o) {
  eao_optimize_result r;
  int code = eao_cli_load(c, o->path, EAO_CLI_DIMS_ONE, &o->model);
  if (code) return code;
  o->bind = c->bind;
  o->n_bind = c->n_bind;
  eao_status s = eao_optimize(c->ctx, o, &r);
  if (s == EAO_ERR_ARG)
    code = eao_cli_usage(c, "%s", eao_ctx_message(c->ctx));
  else if (s != EAO_OK)
    code = eao_cli_fail_input(c, s);
  else
    code = report(c, &r);
  if (s == EAO_OK) {
    eao_text_free(c->ctx, r.table);
    eao_text_free(c->ctx, r.json);
    eao_text_free(c->ctx, r.advice);
  }
  eao_model_destroy(o->model);
  return code;
}

static int run(eao_cli *c) {
  char *owned;
  eao_optimize_opts o = {.target = eao_cli_get(c, "target", NULL),
                         .data = eao_cli_get(c, "data", NULL),
                         .spec = eao_cli_get(c, "spec", NULL),
                         .budget = eao_cli_get(c, "budget", NULL),
                         .budget_file = eao_cli_get(c, "budget-file", NULL),
                         .recipe = eao_cli_get(c, "recipe", NULL),
                         .out_dir = eao_cli_get(c, "output", NULL),
                         .device = eao_cli_get(c, "device", NULL),
                         .runner = eao_cli_get(c, "runner", NULL),
                         .keep_input = eao_cli_has(c, "keep-input"),
                         .fresh = eao_cli_has(c, "fresh"),
                         .preflight_only = eao_cli_has(c, "preflight"),
                         .progress = progress,
                         .progress_user = c};
  if (!o.out_dir && !o.preflight_only)
    return eao_cli_usage(c, "--output is missing: the folder for the results");
  if (!read_numbers(c, &o)) return EAO_EXIT_USAGE;
  int code = model_path(c, &o, &owned, &o.path);
  if (code) return code;
  o.name = o.path;
  code = optimize(c, &o);
  if (owned) eao_text_free(c->ctx, owned);
  return code;
}

static const eao_cli_option options[] = {
    {"output", "DIR", "folder for model.eao, model.onnx, model.tflite, report.html, ...", false},
    {"budget", "LIST",
     "upper bounds, all hard: latency_p95_ms, energy_mj, ram_peak_kib, size_kib,\n"
     "accuracy_drop_max (points), and accuracy_min (percent), as KEY=NUMBER,...",
     false},
    {"budget-file", "FILE", "the same keys in YAML", false},
    {"target", "NAME", "device profile (default: host, this machine); see `eao target list`",
     false},
    {"device", "ssh://USER@HOST",
     "measure there instead of estimating; a key must log in without a password", false},
    {"runner", "FILE",
     "the program device_bench, linked statically for the target: copied to the device\n"
     "(default: the one beside eao), or run under qemu-user to verify results",
     false},
    {"data", "PATH", "samples to calibrate with and measure accuracy on; see `eao eval --help`",
     false},
    {"spec", "FILE", "a description of the data (default: the dataset.yaml that comes with them)",
     false},
    {"calibration-samples", "N", "samples to calibrate with (default 256)", false},
    {"eval-limit", "N", "measure accuracy on at most N samples (default: all)", false},
    {"time", "TIME",
     "be done after this long, e.g. 60s or 5m, with the best so far; a rerun goes on from there",
     false},
    {"threads", "N", "that candidates may use at most (default: the fastest cores, at most 4)",
     false},
    {"keep-input", NULL, "no candidates with a smaller input than the model has", false},
    {"recipe", "FILE",
     "repeat what a recipe.yaml says instead of searching: the same model and data\n"
     "give the same bytes",
     false},
    {"preflight", NULL, "only say what no candidate can meet: no data needed, nothing written",
     false},
    {"fresh", NULL, "forget the finished work of an earlier run in the output folder", false},
    {"seed", "N", "of random inputs, subsets of the data and the bootstrap (default 0)", false},
    EAO_CLI_SHAPE_OPTION,
};

static const eao_cli_example examples[] = {
    {"optimize net.onnx --data photos/ --budget latency_p95_ms=15,accuracy_drop_max=1 --output out",
     "for this machine"},
    {"optimize net.onnx --data photos/ --target raspberry-pi-5 --budget size_kib=2048 --output out",
     "for another device: latency and energy are estimated"},
    {"optimize net.onnx --target esp32-s3 --budget size_kib=64,ram_peak_kib=100 --preflight",
     "can it be done at all?"},
    {"optimize --recipe out/recipe.yaml --output again", "the same artifact again"},
};

const eao_cli_command eao_cmd_optimize = {
    .name = "optimize",
    .args = "[MODEL] --output DIR",
    .summary = "the main job: fit a model to a device's budget",
    .text =
        "Takes a float model, makes candidates (precisions, input sizes, memory plans, threads),\n"
        "measures the promising ones, and writes the one that meets every budget, or says which\n"
        "budget binds and what comes nearest. On this machine latency is measured; for another\n"
        "target it is estimated from the profile and marked with ~. Accuracy and sizes are always\n"
        "measured. Finished work is kept in DIR/.eao-state: a run that was interrupted, or one "
        "with\n"
        "another budget, goes on with it.",
    .min_args = 0,
    .max_args = 1,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "3  no candidate meets every budget\n"
             "4  the model or the data are invalid, or do not fit each other\n"
             "5  the model needs something EAO does not support",
    .run = run,
};
