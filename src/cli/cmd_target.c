/* eao target: device profiles. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "eao/bench.h"
#include "eao/target.h"

/* Value of a top-level key of a profile's YAML; it is ours, so a line is enough to look at. */
static void title_of(const char *yaml, char *out, size_t cap) {
  const char *p = strstr(yaml, "\ntitle: \"");
  size_t n = 0;
  if (p)
    for (p += 9; p[n] && p[n] != '"' && p[n] != '\n' && n + 1 < cap; n++) out[n] = p[n];
  out[n] = 0;
}

static int list(eao_cli *c) {
  json_t *rows = c->json ? json_array() : NULL;
  if (!c->json) printf("%-24s %s\n", "host", "this machine, measured when it is used");
  for (uint32_t i = 0; eao_target_name(i); i++) {
    char *yaml, title[128];
    eao_status s = eao_target_yaml(c->ctx, eao_target_name(i), &yaml);
    if (s != EAO_OK) return eao_cli_fail(c, s);
    title_of(yaml, title, sizeof title);
    eao_text_free(c->ctx, yaml);
    if (c->json)
      json_array_append_new(rows,
                            json_pack("{s:s,s:s}", "name", eao_target_name(i), "title", title));
    else
      printf("%-24s %s\n", eao_target_name(i), title);
  }
  return c->json ? eao_cli_json(rows) : EAO_EXIT_OK;
}

static int show(eao_cli *c, const char *name) {
  char *yaml;
  eao_status s = eao_target_yaml(c->ctx, name, &yaml);
  if (s == EAO_ERR_ARG) return eao_cli_usage(c, "%s", eao_ctx_message(c->ctx));
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  int code = EAO_EXIT_OK;
  if (c->json)
    code = eao_cli_json(json_pack("{s:s,s:s}", "name", name, "yaml", yaml));
  else
    fputs(yaml, stdout);
  eao_text_free(c->ctx, yaml);
  return code;
}

/* ---- check: predictions against measurements here ---- */

static int by_value(const void *pa, const void *pb) {
  double a = *(const double *)pa, b = *(const double *)pb;
  return a < b ? -1 : a > b;
}

/* Compiles, predicts and measures one model; the shortest run, since other work on the machine is
 * no fault of the prediction. */
static int check_one(eao_cli *c, const char *path, eao_prediction *out, double *out_ms) {
  char package[64];
  eao_model *m = NULL;
  eao_compiled *k = NULL;
  eao_bench *b = NULL;
  int code = eao_cli_load(c, path, EAO_CLI_DIMS_ONE, &m);
  if (code) return code;
  snprintf(package, sizeof package, "/tmp/eao-check-%ld.eao", (long)getpid());
  eao_status s = eao_model_compile(m, NULL, &k);
  if (s == EAO_OK) s = eao_target_predict(c->ctx, "host", k, 1, out);
  if (s == EAO_OK) s = eao_compiled_save(k, package);
  eao_bench_opts o = {.runs = 200, .seconds = 0.5};
  if (s == EAO_OK) s = eao_bench_package(c->ctx, package, &o, &b);
  remove(package);
  if (s == EAO_OK) *out_ms = b->min_ms;
  code = s == EAO_OK ? EAO_EXIT_OK : eao_cli_fail_input(c, s);
  eao_bench_destroy(c->ctx, b);
  eao_compiled_destroy(k);
  eao_model_destroy(m);
  return code;
}

static int check(eao_cli *c) {
  double error[EAO_CLI_ARGS_MAX];
  int n = 0;
  json_t *rows = json_array();
  if (!c->json) printf("%-40s %12s %12s %8s\n", "model", "predicted ms", "measured ms", "error");
  for (int i = 1; i < c->n_args; i++) {
    eao_prediction p;
    double ms = 0;
    int code = check_one(c, c->arg[i], &p, &ms);
    if (code) {
      json_decref(rows);
      return code;
    }
    double e = p.latency_ms / ms - 1;
    error[n++] = e < 0 ? -e : e;
    const char *slash = strrchr(c->arg[i], '/');
    if (!c->json)
      printf("%-40.40s %12.4f %12.4f %+7.1f %%\n", slash ? slash + 1 : c->arg[i], p.latency_ms, ms,
             100 * e);
    json_t *j = json_object();
    json_object_set_new(j, "model", eao_cli_string(c->arg[i]));
    json_object_set_new(j, "predicted_ms", eao_cli_real(p.latency_ms));
    json_object_set_new(j, "measured_ms", eao_cli_real(ms));
    json_object_set_new(j, "error", eao_cli_real(e));
    json_array_append_new(rows, j);
  }
  qsort(error, (size_t)n, sizeof *error, by_value);
  double median = n % 2 ? error[n / 2] : (error[n / 2 - 1] + error[n / 2]) / 2;
  if (c->json) return eao_cli_json(json_pack("{s:o,s:f}", "models", rows, "median_error", median));
  json_decref(rows);
  printf("median error %.1f %%\n", 100 * median);
  return EAO_EXIT_OK;
}

static int run(eao_cli *c) {
  if (strcmp(c->arg[0], "check") == 0 && c->n_args > 1) return check(c);
  if (strcmp(c->arg[0], "list") == 0 && c->n_args == 1) return list(c);
  if (strcmp(c->arg[0], "probe") == 0 && c->n_args == 1) return show(c, "host");
  if (strcmp(c->arg[0], "show") == 0 && c->n_args == 2) return show(c, c->arg[1]);
  return eao_cli_usage(c, "use: eao target list, eao target show NAME, eao target probe, "
                          "eao target check MODEL ...");
}

static const eao_cli_example examples[] = {
    {"target list", "the devices EAO knows"},
    {"target probe > board.yaml", "measure this machine and keep its profile"},
    {"target check net.onnx other.tflite", "how well is latency predicted on this machine?"},
    {"target show raspberry-pi-5", "a profile in full, to copy and adapt"},
};

const eao_cli_command eao_cmd_target = {
    .name = "target",
    .args = "list | show NAME | probe | check MODEL ...",
    .summary = "show device profiles, measure this machine",
    .text =
        "A profile says what the compiler and the search need to know of a device: instruction\n"
        "set, speeds, caches, memory, energy. NAME is a built-in profile or the path of a\n"
        ".yaml file, which may inherit from another. 'probe' measures this machine, the speeds of\n"
        "its kernels too; 'check' compares the latency predicted from them with what is measured.",
    .min_args = 1,
    .max_args = EAO_CLI_ARGS_MAX,
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  a profile is invalid",
    .run = run,
};
