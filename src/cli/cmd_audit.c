/* eao audit: is a data set fit for this model? */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/audit.h"
#include "cli/engine.h"

typedef struct job {
  eao_model *model;
  eao_dataset *data, *held;
} job;

/* ---- output ---- */

static int print_json(const eao_audit_report *r) {
  json_t *j = json_object(), *open = json_array(), *trials = json_array();
  for (uint32_t i = 0; i < r->n_unchecked; i++)
    json_array_append_new(open, eao_cli_string(r->unchecked[i]));
  for (uint32_t i = 0; i < r->n_trial; i++) {
    const eao_audit_trial *t = &r->trial[i];
    json_array_append_new(trials,
                          json_pack("{s:s, s:s, s:o, s:o, s:o}", "kind", eao_audit_name(t->kind),
                                    "name", t->name, "top1", eao_cli_real(t->top1), "score",
                                    eao_cli_real(t->score), "z", eao_cli_real(t->z)));
  }
  json_object_set_new(j, "n", json_integer(r->n_sample));
  json_object_set_new(j, "top1", eao_cli_real(r->top1));
  json_object_set_new(j, "findings", eao_cli_audit_findings(r));
  json_object_set_new(j, "unchecked", open);
  json_object_set_new(j, "trials", trials);
  return eao_cli_json(j);
}

static void print_trials(const eao_cli *c, const eao_audit_report *r) {
  static const char *const heads[] = {"trial", ">top-1 %", ">score", ">z"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (uint32_t i = 0; i < r->n_trial; i++) {
    eao_cli_cell(t, "%s", r->trial[i].name);
    if (isnan(r->trial[i].top1))
      eao_cli_cell(t, "-");
    else
      eao_cli_cell(t, "%.1f", 100 * r->trial[i].top1);
    eao_cli_cell(t, "%.3f", r->trial[i].score);
    eao_cli_cell(t, "%.1f", r->trial[i].z);
  }
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
}

static int print(const eao_cli *c, const eao_audit_report *r) {
  eao_cli_audit_print(c, r, EAO_AUDIT_NOTE);
  if (eao_cli_has(c, "trials")) print_trials(c, r);
  for (uint32_t i = 0; i < r->n_unchecked; i++) printf("not checked: %s\n", r->unchecked[i]);
  if (!r->n_finding) printf("nothing found in %lld samples\n", (long long)r->n_sample);
  if (!isnan(r->top1)) printf("top-1 on the trials' samples as they are: %.1f %%\n", 100 * r->top1);
  return EAO_EXIT_OK;
}

/* ---- the command ---- */

static int open_held_out(eao_cli *c, job *j) {
  const char *path = eao_cli_get(c, "held-out", NULL);
  const char *split = eao_cli_get(c, "held-out-split", NULL);
  if (!path && !split) return 0;
  eao_dataset_opts o = {.spec = eao_cli_get(c, "spec", NULL), .split = split};
  eao_status s = eao_dataset_open(c->ctx, path ? path : eao_cli_get(c, "data", NULL), &o, &j->held);
  return s == EAO_OK ? 0 : eao_cli_fail_input(c, s);
}

static int audit(eao_cli *c, job *j) {
  int64_t samples = 1000, trial_samples = 0;
  eao_audit_report *r;
  if (!eao_cli_integer(c, "samples", 1, 100000, &samples) ||
      !eao_cli_integer(c, "trial-samples", 16, 10000, &trial_samples))
    return EAO_EXIT_USAGE;
  int code = eao_cli_dataset_open(c, &j->data);
  if (!code) code = open_held_out(c, j);
  if (!code) code = eao_cli_load(c, c->arg[0], EAO_CLI_DIMS_TRY_ONE, &j->model);
  if (code) return code;
  eao_audit_opts o = {.held_out = j->held,
                      .samples = (uint32_t)samples,
                      .trial_samples = (uint32_t)trial_samples,
                      .no_labels = eao_cli_has(c, "no-labels")};
  code = eao_cli_audit(c, c->arg[0], j->model, j->data, &o, &r);
  if (code) return code;
  code = c->json ? print_json(r) : print(c, r);
  for (uint32_t i = 0; i < r->n_finding && !code; i++)
    if (r->finding[i].level == EAO_AUDIT_ERROR) code = EAO_EXIT_CHECK;
  eao_audit_destroy(c->ctx, r);
  return code;
}

static int run(eao_cli *c) {
  job j;
  memset(&j, 0, sizeof j);
  int code = audit(c, &j);
  eao_dataset_close(j.data);
  eao_dataset_close(j.held);
  eao_model_destroy(j.model);
  return code;
}

static const eao_cli_option options[] = {
    EAO_CLI_DATA_OPTIONS,
    {"held-out", "PATH", "samples for evaluation: looks for drift and leaks", false},
    {"held-out-split", "NAME", "the same from a split of the description", false},
    {"samples", "N", "look at N samples at most, spread over the data (default 1000)", false},
    {"trial-samples", "N",
     "run the model on N of them in each trial (default: at most 400, fewer for\n"
     "large models)",
     false},
    {"trials", NULL, "print what each trial gave", false},
    {"no-labels", NULL, "do not use labels", false},
    {"output-index", "N", "which output holds the class scores (default 0)", false},
    EAO_CLI_SHAPE_OPTION,
    EAO_CLI_ENGINE_OPTION,
};

static const eao_cli_example examples[] = {
    {"audit net.onnx --data photos/", "are these photos fit for calibration, and prepared right?"},
    {"audit net.onnx --data d.yaml --split calibration --held-out-split test",
     "also: do the two splits look alike, and do they share samples?"},
    {"audit net.tflite --data calib.npy --trials", "what each other preparation would give"},
};

const eao_cli_command eao_cmd_audit = {
    .name = "audit",
    .args = "MODEL --data PATH",
    .summary = "find faults of calibration or evaluation data before they cost accuracy",
    .text =
        "Looks at the samples (broken, equal, blank, outlying, few, one-sided), at the labels\n"
        "(shifted, in another order, wrong), and runs the model on the same samples prepared in\n"
        "other ways (scaling, colour order, axes, resizing): a way that it likes clearly better "
        "is\n"
        "a finding. Each finding has its evidence, how sure it is, and what to do.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "1  a finding of level error: results would be wrong\n"
             "4  the model or the data are invalid, or do not fit each other\n"
             "5  the model needs something EAO does not support",
    .run = run,
};
