/* eao optimize: the main job. */
#include <string.h>

#include "cli/cli.h"
#include "eao/optimize.h"

static void progress(void *user, const char *what, uint64_t done, uint64_t total) {
  eao_cli_progress(user, what, done, total);
}

static int report(eao_cli *c, const eao_optimize_result *r) {
  if (c->json) {
    fputs(r->json, stdout);
  } else {
    printf("%s", r->table);
    if (*r->advice) printf("\n%s", r->advice);
    printf("\nreport: %s\n", r->path);
  }
  return r->fits ? EAO_EXIT_OK : EAO_EXIT_BUDGET;
}

static int run(eao_cli *c) {
  eao_optimize_result r;
  int64_t calibration = 256, limit = 0, seed = 0;
  eao_optimize_opts o = {.name = c->arg[0],
                         .target = eao_cli_get(c, "target", "host"),
                         .data = eao_cli_get(c, "data", NULL),
                         .spec = eao_cli_get(c, "spec", NULL),
                         .budget = eao_cli_get(c, "budget", NULL),
                         .budget_file = eao_cli_get(c, "budget-file", NULL),
                         .out_dir = eao_cli_get(c, "output", NULL),
                         .progress = progress,
                         .progress_user = c};
  if (!o.out_dir) return eao_cli_usage(c, "--output is missing: the folder for the results");
  if (!eao_cli_integer(c, "calibration-samples", 1, 100000, &calibration) ||
      !eao_cli_integer(c, "eval-limit", 1, INT64_MAX / 2, &limit) ||
      !eao_cli_integer(c, "seed", 0, INT64_MAX, &seed) || !eao_cli_duration(c, "time", &o.time_s))
    return EAO_EXIT_USAGE;
  o.n_calibration = (uint32_t)calibration;
  o.eval_limit = limit;
  o.seed = (uint64_t)seed;
  int code = eao_cli_load(c, c->arg[0], EAO_CLI_DIMS_ONE, &o.model);
  if (code) return code;
  eao_status s = eao_optimize(c->ctx, &o, &r);
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
  eao_model_destroy(o.model);
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
    {"data", "PATH", "samples to calibrate with and measure accuracy on; see `eao eval --help`",
     false},
    {"spec", "FILE", "a description of the data (default: the dataset.yaml that comes with them)",
     false},
    {"calibration-samples", "N", "samples to calibrate with (default 256)", false},
    {"eval-limit", "N", "measure accuracy on at most N samples (default: all)", false},
    {"time", "TIME", "try no further candidate after this long, e.g. 60s or 5m", false},
    {"seed", "N", "of random inputs and of the bootstrap (default 0)", false},
    EAO_CLI_SHAPE_OPTION,
};

static const eao_cli_example examples[] = {
    {"optimize net.onnx --data photos/ --budget latency_p95_ms=15,accuracy_drop_max=1 --output out",
     "for this machine"},
    {"optimize net.onnx --data photos/ --target raspberry-pi-5 --budget size_kib=2048 --output out",
     "for another device: latency and energy are estimated"},
};

const eao_cli_command eao_cmd_optimize = {
    .name = "optimize",
    .args = "MODEL --output DIR",
    .summary = "the main job: fit a model to a device's budget",
    .text =
        "Takes a float model, makes candidates (precisions, memory plans), measures them, and\n"
        "writes the one that meets every budget, or says which budget binds and what comes\n"
        "nearest. On this machine latency is measured; for another target it is estimated from\n"
        "the profile and marked with ~. Accuracy and sizes are always measured.",
    .min_args = 1,
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
