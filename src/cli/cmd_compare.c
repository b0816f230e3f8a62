/* eao compare: two models on the same inputs. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

static void type_text(const eao_model *m, uint32_t value, char buf[EAO_CLI_TYPE]) {
  eao_value_info v = eao_model_value(m, value);
  eao_cli_type(&v.type, NULL, buf);
}

static json_t *row_json(const eao_compare_row *r) {
  json_t *j = json_object();
  json_object_set_new(j, "name", eao_cli_string(r->name_a));
  if (strcmp(r->name_a, r->name_b) != 0)
    json_object_set_new(j, "name_b", eao_cli_string(r->name_b));
  json_object_set_new(j, "max_abs_error", eao_cli_real(r->diff.max_abs));
  json_object_set_new(j, "mean_abs_error", eao_cli_real(r->diff.mean_abs));
  json_object_set_new(j, "sqnr_db", eao_cli_real(r->diff.sqnr_db));
  json_object_set_new(j, "cosine", eao_cli_real(r->diff.cosine));
  json_object_set_new(j, "equal", json_boolean(r->diff.max_abs == 0));
  if (r->permuted) {
    json_t *p = json_array();
    for (int32_t i = 0; i < r->rank; i++) json_array_append_new(p, json_integer(r->perm[i]));
    json_object_set_new(j, "permuted", p);
  }
  return j;
}

static int print_json(eao_cli *c, const eao_comparison *r, bool ok) {
  json_t *j = json_object(), *outputs = json_array(), *layers = json_array();
  for (uint32_t i = 0; i < r->n_row; i++)
    json_array_append_new(r->row[i].is_output ? outputs : layers, row_json(&r->row[i]));
  json_object_set_new(j, "a", eao_cli_string(c->arg[0]));
  json_object_set_new(j, "b", eao_cli_string(c->arg[1]));
  json_object_set_new(j, "outputs", outputs);
  json_object_set_new(j, "layers", layers);
  json_object_set_new(j, "inputs_permuted", json_boolean(r->inputs_permuted));
  json_object_set_new(j, "first_diverged",
                      r->first_diverged == EAO_NO_ID
                          ? json_null()
                          : eao_cli_string(r->row[r->first_diverged].name_a));
  json_object_set_new(j, "ok", json_boolean(ok));
  int code = eao_cli_json(j);
  return code ? code : ok ? EAO_EXIT_OK : EAO_EXIT_CHECK;
}

static void add_row(eao_cli_table *t, const eao_model *a, const eao_model *b,
                    const eao_compare_row *r) {
  char ta[EAO_CLI_TYPE], tb[EAO_CLI_TYPE], name[EAO_CLI_TEXT];
  type_text(a, r->value_a, ta);
  type_text(b, r->value_b, tb);
  eao_cli_cell(t, "%s%s", r->is_output ? "output " : "", eao_cli_short(r->name_a, name));
  eao_cli_cell(t, "%.3g", r->diff.max_abs);
  eao_cli_cell(t, "%.3g", r->diff.mean_abs);
  if (isinf(r->diff.sqnr_db) && r->diff.sqnr_db > 0)
    eao_cli_cell(t, "equal");
  else
    eao_cli_cell(t, "%.1f", r->diff.sqnr_db);
  eao_cli_cell(t, "%.6f", r->diff.cosine);
  if (strcmp(ta, tb) == 0)
    eao_cli_cell(t, "%s", ta);
  else
    eao_cli_cell(t, "%s | %s%s", ta, tb, r->permuted ? " (axes moved)" : "");
}

static int print_table(eao_cli *c, const eao_model *a, const eao_model *b, const eao_comparison *r,
                       bool ok) {
  static const char *const heads[] = {"value",    ">max error", ">mean",
                                      ">SQNR dB", ">cosine",    "type"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  bool all = !eao_cli_has(c, "outputs-only");
  for (uint32_t i = 0; i < r->n_row; i++)
    if (all || r->row[i].is_output) add_row(t, a, b, &r->row[i]);
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
  if (r->inputs_permuted)
    printf("The inputs' layouts differ: the second model got them with axes moved.\n");
  if (r->n_row == r->n_output) printf("No inner values have names in common.\n");
  if (r->first_diverged != EAO_NO_ID)
    printf("%sfirst to diverge:%s %s (%.1f dB)\n", eao_cli_style_on(c, EAO_STYLE_BAD),
           eao_cli_style_on(c, EAO_STYLE_OFF), r->row[r->first_diverged].name_a,
           r->row[r->first_diverged].diff.sqnr_db);
  else
    printf("No value diverges.\n");
  return ok ? EAO_EXIT_OK : EAO_EXIT_CHECK;
}

/* Outputs below --min-sqnr fail; without the option nothing does. */
static bool passes(const eao_comparison *r, double min_sqnr) {
  for (uint32_t i = 0; i < r->n_row; i++)
    if (r->row[i].is_output && r->row[i].diff.sqnr_db < min_sqnr) return false;
  return true;
}

static int compare(eao_cli *c, eao_model *a, eao_model *b) {
  double diverge = 30, min_sqnr = -INFINITY;
  eao_cli_inputs in = {0};
  eao_comparison *r;
  if (!eao_cli_number(c, "diverge-db", -300, 1000, &diverge) ||
      !eao_cli_number(c, "min-sqnr-db", -300, 1000, &min_sqnr))
    return EAO_EXIT_USAGE;
  int64_t seed = 0;
  if (!eao_cli_integer(c, "seed", 0, INT64_MAX, &seed)) return EAO_EXIT_USAGE;
  bool given = eao_cli_has(c, "input");
  int code = given ? eao_cli_inputs_make(c, a, &in) : 0;
  if (code) return code;
  eao_compare_opts o = {
      .seed = (uint64_t)seed, .in = given ? in.t : NULL, .n_in = in.n, .diverge_sqnr_db = diverge};
  eao_status s = eao_compare(a, b, &o, &r);
  if (s != EAO_OK) {
    code = eao_cli_fail_input(c, s);
  } else {
    bool ok = passes(r, min_sqnr);
    code = c->json ? print_json(c, r, ok) : print_table(c, a, b, r, ok);
    eao_comparison_destroy(c->ctx, r);
  }
  eao_cli_inputs_free(c, &in);
  return code;
}

static int run(eao_cli *c) {
  eao_model *a, *b = NULL;
  c->more_models = 1;
  int code = eao_cli_load(c, c->arg[0], EAO_CLI_DIMS_ONE, &a);
  if (code) return code;
  code = eao_cli_load(c, c->arg[1], EAO_CLI_DIMS_ONE, &b);
  if (!code) code = compare(c, a, b);
  eao_model_destroy(b);
  eao_model_destroy(a);
  return code;
}

static const eao_cli_option options[] = {
    EAO_CLI_INPUT_OPTIONS,
    EAO_CLI_SHAPE_OPTION,
    {"outputs-only", NULL, "leave out inner values", false},
    {"diverge-db", "X", "a value whose SQNR is below X counts as diverged (default 30)", false},
    {"min-sqnr-db", "X", "fail (exit code 1) when an output's SQNR is below X", false},
};

static const eao_cli_example examples[] = {
    {"compare model.onnx optimised.onnx", "errors of outputs, and of inner values by name"},
    {"compare float.tflite int8.tflite --input cat.jpg --min-sqnr-db 20",
     "how much quantisation costs on one image"},
};

const eao_cli_command eao_cmd_compare = {
    .name = "compare",
    .args = "A B",
    .summary = "run two models on the same inputs and show where they differ",
    .text = "A is the reference. Inputs are random unless given, and fitted to B's element types,\n"
            "quantisation and layout (NCHW or NHWC). Outputs are paired by name, place or shape, "
            "inner\n"
            "values by name; quantised values count as what they stand for.\n"
            "SQNR is 10 log10(signal / error).",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits =
        "1  with --min-sqnr-db: an output is worse\n4  a model or input is invalid, or the two "
        "do not fit\n5  a model uses something EAO does not support",
    .run = run,
};
