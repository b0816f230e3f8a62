/* eao quantize: a float model to int8, with the accuracy ladder. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/audit.h"

enum { SAMPLES_DEFAULT = 300, KEEP_MAX = 256 };
#define SCHEMES "int8, fp16, int8-weights, mixed"

/* Where calibration samples come from. */
typedef struct source {
  eao_cli *c;
  eao_model *m;
  eao_dataset *d; /* NULL: random */
  eao_tensor *t;  /* of the current sample, one per input */
  uint32_t n;
  int64_t available;
  uint64_t seed;
  eao_audit_report *audit; /* NULL: there was none */
} source;

static void drop(source *s) {
  for (uint32_t i = 0; s->t && i < s->n; i++) eao_tensor_destroy(s->c->ctx, &s->t[i]);
}

static eao_status sample(void *user, uint32_t k, eao_tensor *in, uint32_t n_in) {
  source *s = user;
  eao_status st = EAO_OK;
  drop(s);
  for (uint32_t i = 0; st == EAO_OK && i < n_in; i++) {
    eao_tensor type = in[i];
    if (s->d)
      st = eao_dataset_input(s->d, (int64_t)((s->seed + k) % (uint64_t)s->available), &type,
                             &s->t[i]);
    else
      st = eao_tensor_random(s->c->ctx, &type, s->seed + k * n_in + i, 0, 0, &s->t[i]);
    if (st == EAO_OK) in[i] = s->t[i];
  }
  return st;
}

/* Samples are spread evenly over the data: files are often sorted by class. */
static eao_status spread(void *user, uint32_t k, eao_tensor *in, uint32_t n_in) {
  source *s = user;
  return sample(s, s->d ? (uint32_t)eao_dataset_spread(s->available, k) : k, in, n_in);
}

static void progress(void *user, const char *what, uint32_t done, uint32_t total) {
  eao_cli_progress(user, what, done, total);
}

static int range_of(eao_cli *c, eao_range_kind *out) {
  static const char *const names[] = {"best", "minmax", "p9999", "p999", "mse", "kl"};
  const char *text = eao_cli_get(c, "range", "best");
  for (size_t i = 0; i < EAO_CLI_COUNT(names); i++)
    if (strcmp(text, names[i]) == 0) {
      *out = (eao_range_kind)((int)i - 1);
      return 0;
    }
  return eao_cli_usage(c, "--range: '%s' is none of best, minmax, p9999, p999, mse, kl", text);
}

static int scheme_of(eao_cli *c, eao_quant_scheme *out) {
  const char *text = eao_cli_get(c, "scheme", "int8");
  if (eao_quant_scheme_find(text, out)) return 0;
  return eao_cli_usage(c, "--scheme: '%s' is none of " SCHEMES, text);
}

/* ---- output ---- */

static int print_json(eao_cli *c, const eao_quantize_report *r, const eao_audit_report *audit,
                      const char *path) {
  json_t *j = json_object(), *steps = json_array(), *layers = json_array();
  json_object_set_new(j, "input", eao_cli_string(c->arg[0]));
  json_object_set_new(j, "output", path ? eao_cli_string(path) : json_null());
  json_object_set_new(j, "scheme", json_string(eao_quant_scheme_name(r->scheme)));
  json_object_set_new(j, "sqnr_db", eao_cli_real(r->sqnr_db));
  json_object_set_new(j, "range", json_string(eao_range_name(r->range)));
  json_object_set_new(j, "integer_nodes", json_integer(r->integer_nodes));
  json_object_set_new(j, "float_nodes", json_integer(r->float_nodes));
  json_object_set_new(j, "conversions", json_integer(r->conversions));
  json_object_set_new(j, "narrow_weights", json_integer(r->narrow_weights));
  for (uint32_t i = 0; i < r->n_step; i++)
    json_array_append_new(steps,
                          json_pack("{s:s, s:o, s:b}", "name", r->step[i].name, "sqnr_db",
                                    eao_cli_real(r->step[i].sqnr_db), "kept", r->step[i].kept));
  for (uint32_t i = 0; i < r->n_layer; i++)
    json_array_append_new(layers, json_pack("{s:o, s:o, s:s, s:s, s:o, s:o, s:s}", "name",
                                            eao_cli_string(r->layer[i].name), "node",
                                            eao_cli_string(r->layer[i].node), "op", r->layer[i].op,
                                            "precision", r->layer[i].precision, "sqnr_db",
                                            eao_cli_real(r->layer[i].sqnr_db), "sensitivity_db",
                                            eao_cli_real(r->layer[i].sensitivity_db), "why",
                                            r->layer[i].why));
  if (audit) json_object_set_new(j, "audit", eao_cli_audit_findings(audit));
  json_object_set_new(j, "ladder", steps);
  json_object_set_new(j, "layers", layers);
  return eao_cli_json(j);
}

static void print_layers(eao_cli *c, const eao_quantize_report *r) {
  static const char *const heads[] = {"layer", "op", "type", ">SQNR dB", ">alone dB"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (uint32_t i = 0; i < r->n_layer; i++) {
    char name[EAO_CLI_TEXT];
    eao_cli_cell(t, "%s", eao_cli_short(r->layer[i].name, name));
    eao_cli_cell(t, "%s", r->layer[i].op);
    eao_cli_cell(t, "%s", r->layer[i].precision);
    eao_cli_cell(t, "%.1f", r->layer[i].sqnr_db);
    if (isnan(r->layer[i].sensitivity_db))
      eao_cli_cell(t, "-");
    else
      eao_cli_cell(t, "%.1f", r->layer[i].sensitivity_db);
  }
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
}

static int print_table(eao_cli *c, const eao_quantize_report *r, const char *path) {
  static const char *const heads[] = {"step", ">SQNR dB", ""};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (uint32_t i = 0; i < r->n_step; i++) {
    eao_cli_cell(t, "%s", r->step[i].name);
    eao_cli_cell(t, "%.2f", r->step[i].sqnr_db);
    eao_cli_cell(t, "%s", r->step[i].kept ? "" : "not kept");
  }
  if (r->n_step) eao_cli_table_print(c, t);
  eao_cli_table_free(t);
  if (eao_cli_has(c, "layers")) print_layers(c, r);
  if (r->narrow_weights)
    printf("%s: %u constants made narrow", eao_quant_scheme_name(r->scheme), r->narrow_weights);
  else
    printf("%u integer nodes, %u float, %u conversions", r->integer_nodes, r->float_nodes,
           r->conversions);
  if (r->cost_float > 0)
    printf(", %.2f of the float model's cost (all int8: %.2f)", r->cost / r->cost_float,
           r->cost_int8 / r->cost_float);
  if (isnan(r->sqnr_db))
    printf("; error not measured (no data)\n");
  else
    printf("; outputs at %.1f dB\n", r->sqnr_db);
  if (path) printf("wrote %s\n", path);
  return EAO_EXIT_OK;
}

/* ---- the command ---- */

/* from: what the model was made from; its folder is nobody's business. */
static eao_status save(eao_model *q, const char *from, const char *path) {
  size_t n = strlen(path);
  if (n < 4 || strcasecmp(path + n - 4, ".eao") != 0) return eao_model_save(q, path);
  const char *slash = strrchr(from, '/');
  eao_compile_opts o = {.threads = 1, .source = slash ? slash + 1 : from};
  eao_compiled *k;
  eao_status s = eao_model_compile(q, &o, &k);
  if (s != EAO_OK) return s;
  s = eao_compiled_save(k, path);
  eao_compiled_destroy(k);
  return s;
}

/* The names in "A,B,C", cut up in place. */
static uint32_t split_names(char *text, const char **out, uint32_t cap) {
  uint32_t n = 0;
  for (char *save, *p = strtok_r(text, ",", &save); p && n < cap; p = strtok_r(NULL, ",", &save))
    out[n++] = p;
  return n;
}

static int quantise(eao_cli *c, source *src, eao_quantize_opts *o) {
  eao_quantize_report r;
  eao_model *q;
  const char *path = eao_cli_get(c, "output", NULL);
  eao_status s = eao_quantize(src->m, o, &q, &r);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  int code = 0;
  if (path && (s = save(q, c->arg[0], path)) != EAO_OK) code = eao_cli_fail(c, s);
  if (!code) code = c->json ? print_json(c, &r, src->audit, path) : print_table(c, &r, path);
  eao_model_destroy(q);
  return code;
}

static int open_source(eao_cli *c, source *s, bool needed) {
  const char *data = eao_cli_get(c, "data", NULL);
  s->n = eao_model_input_count(s->m);
  s->t = calloc(s->n + 1, sizeof *s->t);
  if (!s->t) return eao_cli_fail(c, EAO_ERR_NOMEM);
  if ((data && strcmp(data, "random") == 0) || (!data && !needed)) return 0;
  int code = eao_cli_dataset_open(c, &s->d);
  if (code) return code;
  s->available = eao_dataset_get(s->d).n;
  if (s->n != 1)
    return eao_cli_usage(c,
                         "the model has %u inputs; data sets are for models with one (or use "
                         "--data random)",
                         s->n);
  if (s->available < 1) return eao_cli_usage(c, "--data: no samples");
  return 0;
}

/* What would make the ranges wrong is said first; it stops nothing. */
static int audit_source(source *s) {
  enum { SAMPLES = 500 };
  eao_audit_opts o = {.samples = SAMPLES};
  if (!s->d || s->n != 1 || eao_cli_has(s->c, "no-audit")) return 0;
  int code = eao_cli_audit(s->c, s->c->arg[0], s->m, s->d, &o, &s->audit);
  if (code || s->c->json) return code;
  eao_cli_audit_print(s->c, s->audit, EAO_AUDIT_WARNING);
  return 0;
}

static int run(eao_cli *c) {
  double target_db = 0;
  int64_t samples = SAMPLES_DEFAULT, check = 0, seed = 0, threads = 0;
  source src = {.c = c};
  eao_quantize_opts o = {.sample = spread,
                         .sample_user = &src,
                         .no_equalise = eao_cli_has(c, "no-equalise"),
                         .no_bias_correction = eao_cli_has(c, "no-bias-correction"),
                         .no_rounding = eao_cli_has(c, "no-rounding"),
                         .integer_io = eao_cli_has(c, "integer-io"),
                         .integer_softmax = eao_cli_has(c, "integer-softmax"),
                         .progress = progress,
                         .progress_user = c};
  if (!eao_cli_integer(c, "samples", 1, 100000, &samples) ||
      !eao_cli_integer(c, "check", 1, 100000, &check) ||
      !eao_cli_number(c, "target-db", 0, 200, &target_db) ||
      !eao_cli_integer(c, "threads", 1, 2, &threads) ||
      !eao_cli_integer(c, "seed", 0, INT32_MAX, &seed))
    return EAO_EXIT_USAGE;
  int code = range_of(c, &o.range);
  if (!code) code = scheme_of(c, &o.scheme);
  if (code) return code;
  bool needs_data = o.scheme == EAO_QUANT_INT8 || o.scheme == EAO_QUANT_MIXED;
  code = eao_cli_load(c, c->arg[0], EAO_CLI_DIMS_ONE, &src.m);
  if (code) return code;
  code = open_source(c, &src, needs_data);
  if (!code) code = audit_source(&src);
  if (!code) {
    if (src.d && samples > src.available) samples = src.available;
    o.n_samples = needs_data || eao_cli_get(c, "data", NULL) ? (uint32_t)samples : 0;
    o.n_check = (uint32_t)check;
    o.target_db = target_db;
    o.threads = (uint32_t)threads;
    src.seed = (uint64_t)seed;
    char *text = strdup(eao_cli_get(c, "keep-float", ""));
    const char *names[KEEP_MAX];
    o.keep_float = names;
    o.n_keep_float = text ? split_names(text, names, KEEP_MAX) : 0;
    code = text ? quantise(c, &src, &o) : eao_cli_fail(c, EAO_ERR_NOMEM);
    free(text);
  }
  drop(&src);
  free(src.t);
  eao_audit_destroy(c->ctx, src.audit);
  eao_dataset_close(src.d);
  eao_model_destroy(src.m);
  return code;
}

static const eao_cli_option options[] = {
    {"output", "FILE", "(or -o FILE) write the quantised model here: .tflite, .onnx or .eao",
     false},
    {"scheme", "KIND",
     "int8 (default): weights and activations; mixed: int8, but float where int8 loses too\n"
     "much or saves nothing; fp16, int8-weights: weights only, data optional",
     false},
    EAO_CLI_DATA_OPTIONS,
    {"samples", "N", "calibrate with N samples, spread over the data (default 300)", false},
    {"check", "N", "measure the error on the last N of them (default 32)", false},
    {"range", "KIND",
     "how activations are clipped: best (default: all are tried), minmax, p9999, p999,\n"
     "mse, kl",
     false},
    {"no-audit", NULL, "do not look for faults of the data first (see eao audit)", false},
    {"no-equalise", NULL, "do not try cross-layer equalisation", false},
    {"no-bias-correction", NULL, "do not try bias correction", false},
    {"target-db", "DB", "mixed: signal to noise at the outputs to reach (default 30)", false},
    {"keep-float", "A,B,...", "layers (names as --layers prints them) that stay float", false},
    {"no-rounding", NULL, "do not try rounding that compensates its errors", false},
    {"threads", "N", "1: calibrate on one thread (default: two; the results are the same)", false},
    {"integer-io", NULL, "int8 inputs and outputs instead of float ones", false},
    {"integer-softmax", NULL, "softmax in int8 too, as full-integer targets need", false},
    {"layers", NULL, "print the error of each layer", false},
    {"seed", "N", "another choice of samples (default 0)", false},
    EAO_CLI_SHAPE_OPTION,
};

static const eao_cli_example examples[] = {
    {"quantize net.onnx --data photos/ --pixels imagenet -o net_int8.tflite",
     "300 photos for calibration"},
    {"quantize net.tflite --data calib.npy --range mse --layers", "the error of each layer"},
    {"quantize net.onnx --scheme fp16 -o half.onnx", "half the size, no data needed"},
    {"quantize net.onnx --data random -o small.eao", "random inputs: for speed tests only"},
};

const eao_cli_command eao_cmd_quantize = {
    .name = "quantize",
    .args = "MODEL [--data PATH]",
    .summary = "make a model with int8 or f16 numbers from a float one",
    .text =
        "Post-training quantisation: weights per output channel, activations per tensor, with\n"
        "ranges, equalisation and bias correction each kept only when the error at the outputs\n"
        "falls. Prints that ladder; what has no int8 form stays float. Other schemes make only "
        "the\n"
        "weights narrow.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  the model or the data are invalid, or do not fit each other\n"
             "5  the model, or its int8 form in the wanted format, is not supported",
    .run = run,
};
