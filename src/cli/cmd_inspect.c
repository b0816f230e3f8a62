/* eao inspect: what is in a model. */
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/graph_html.h"
#include "cli/print_passes.h"
#include "eao/rt.h"

typedef struct report {
  eao_model *m;
  eao_model_stats s;
  eao_op_count *op;
  uint32_t n_op;
} report;

static json_t *values(const eao_model *m, bool outputs) {
  json_t *a = json_array();
  uint32_t n = outputs ? eao_model_output_count(m) : eao_model_input_count(m);
  for (uint32_t i = 0; i < n; i++) {
    eao_value_info v = outputs ? eao_model_output(m, i) : eao_model_input(m, i);
    json_array_append_new(a, eao_cli_json_value(&v));
  }
  return a;
}

static json_t *integer(uint64_t v) {
  return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

static int print_json(const char *path, const report *r) {
  json_t *j = json_object(), *ops = json_object(), *q = json_object(), *meta = json_object();
  const eao_model_stats *s = &r->s;
  json_object_set_new(j, "model", eao_cli_string(path));
  json_object_set_new(j, "inputs", values(r->m, false));
  json_object_set_new(j, "outputs", values(r->m, true));
  for (uint32_t i = 0; i < r->n_op; i++)
    json_object_set_new(ops, r->op[i].op, json_integer(r->op[i].count));
  json_object_set_new(j, "ops", ops);
  json_object_set_new(j, "nodes", json_integer(s->nodes));
  json_object_set_new(j, "params", integer(s->params));
  json_object_set_new(j, "macs", integer(s->macs));
  json_object_set_new(j, "weight_bytes", integer(s->weight_bytes));
  json_object_set_new(j, "peak_activation_bytes", integer(s->peak_activation_bytes));
  json_object_set_new(j, "unknown_values", json_integer(s->unknown_values));
  json_object_set_new(q, "state", json_string(s->quantization));
  json_object_set_new(q, "compute_nodes", json_integer(s->compute_nodes));
  json_object_set_new(q, "integer_nodes", json_integer(s->integer_nodes));
  json_object_set_new(q, "weight_only_nodes", json_integer(s->weight_only_nodes));
  json_object_set_new(j, "quantization", q);
  for (uint32_t i = 0; i < eao_model_meta_count(r->m); i++)
    json_object_set_new(meta, eao_model_meta_key(r->m, i),
                        eao_cli_string(eao_model_meta_text(r->m, i)));
  json_object_set_new(j, "metadata", meta);
  return eao_cli_json(j);
}

static void print_values(eao_cli *c, const eao_model *m) {
  static const char *const heads[] = {"", "name", "type", "quantisation"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  uint32_t n_in = eao_model_input_count(m), n = n_in + eao_model_output_count(m);
  for (uint32_t i = 0; i < n; i++) {
    eao_value_info v = i < n_in ? eao_model_input(m, i) : eao_model_output(m, i - n_in);
    char type[EAO_CLI_TYPE];
    eao_cli_cell(t, i < n_in ? "input" : "output");
    eao_cli_cell(t, "%s", v.name);
    eao_cli_cell(t, "%s", eao_cli_type(&v.type, v.dim_name, type));
    const eao_quant *q = &v.type.quant;
    if (q->n == 1)
      eao_cli_cell(t, "scale %g, zero %d", (double)q->scale[0], q->zero ? (int)q->zero[0] : 0);
    else
      eao_cli_cell(t, q->n ? "per channel" : "");
  }
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
}

static void print_ops(eao_cli *c, const report *r) {
  static const char *const heads[] = {"op", ">count", ">MACs", ">share"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  char text[EAO_CLI_TEXT];
  for (uint32_t i = 0; i < r->n_op; i++) {
    const eao_op_count *o = &r->op[i];
    eao_cli_cell(t, "%s", o->op);
    eao_cli_cell(t, "%u", o->count);
    eao_cli_cell(t, "%s", o->macs ? eao_cli_count(o->macs, text) : "");
    if (o->macs && r->s.macs)
      eao_cli_cell(t, "%.1f %%", 100.0 * (double)o->macs / (double)r->s.macs);
    else
      eao_cli_cell(t, "%s", "");
  }
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
}

static void print_meta(const eao_model *m) {
  for (uint32_t i = 0; i < eao_model_meta_count(m); i++) {
    const char *text = eao_model_meta_text(m, i);
    if (strncmp(text, "base64:", 7) == 0) continue; /* not for people */
    size_t n = strcspn(text, "\n");
    printf("%-12s  ", eao_model_meta_key(m, i));
    for (size_t k = 0; k < n && k < 100; k++) putchar((unsigned char)text[k] < 32 ? '?' : text[k]);
    printf("%s\n", n > 100 || text[n] ? " ..." : "");
  }
}

static int print_table(eao_cli *c, const report *r) {
  const eao_model_stats *s = &r->s;
  char a[EAO_CLI_TEXT], b[EAO_CLI_TEXT];
  print_meta(r->m);
  printf("\n");
  print_values(c, r->m);
  printf("\n%-16s  %s\n", "nodes", eao_cli_count(s->nodes, a));
  printf("%-16s  %s\n", "parameters", eao_cli_count(s->params, a));
  printf("%-16s  %s\n", "MACs", eao_cli_count(s->macs, a));
  printf("%-16s  %s (%s bytes)\n", "weights", eao_cli_bytes(s->weight_bytes, a),
         eao_cli_count(s->weight_bytes, b));
  printf("%-16s  %s (%s bytes)", "peak activations", eao_cli_bytes(s->peak_activation_bytes, a),
         eao_cli_count(s->peak_activation_bytes, b));
  if (s->peak_node != EAO_NO_ID) {
    eao_node_info n = eao_model_node(r->m, s->peak_node);
    printf(", at node %u (%s)", n.id, n.op);
  }
  printf("\n");
  if (s->quantization[0])
    printf("%-16s  %s (%u of %u compute nodes in integers, %u with quantised weights only)\n",
           "quantisation", s->quantization, s->integer_nodes, s->compute_nodes,
           s->weight_only_nodes);
  if (s->unknown_values)
    printf("%-16s  %u values have no known size and are left out above; bind them with --shape\n",
           "not known", s->unknown_values);
  printf("\n");
  print_ops(c, r);
  return EAO_EXIT_OK;
}

static int print_text(eao_cli *c, eao_model *m) {
  char *text;
  eao_status s = eao_model_text(m, eao_cli_has(c, "full"), &text);
  if (s != EAO_OK) return eao_cli_fail(c, s);
  fputs(text, stdout);
  eao_text_free(c->ctx, text);
  return EAO_EXIT_OK;
}

/* ---- a compiled package: it has steps, not nodes, and no graph any more ---- */

static int package_json(const eao_cli *c, const eao_model *m, const eao_package *p) {
  json_t *j = json_object(), *steps = json_array();
  for (uint32_t i = 0; i < eao_package_step_count(p); i++)
    json_array_append_new(steps, eao_cli_string(eao_package_step_name(p, i)));
  json_object_set_new(j, "package", eao_cli_string(c->arg[0]));
  json_object_set_new(j, "inputs", values(m, false));
  json_object_set_new(j, "outputs", values(m, true));
  json_object_set_new(j, "steps", steps);
  json_object_set_new(j, "session_bytes", integer(eao_package_arena_bytes(p)));
  json_object_set_new(j, "activation_bytes", integer(eao_package_activation_bytes(p)));
  json_object_set_new(j, "threads", json_integer(eao_package_threads(p)));
  return eao_cli_json(j);
}

static int inspect_package(eao_cli *c, const eao_model *m) {
  eao_package p;
  char a[EAO_CLI_TEXT], b[EAO_CLI_TEXT];
  if (eao_cli_has(c, "html") || eao_cli_has(c, "text") || eao_cli_has(c, "passes"))
    return eao_cli_usage(c, "a package has no graph; inspect the model that it was made from");
  eao_status s = eao_package_open(&p, c->arg[0]);
  if (s != EAO_OK) {
    fprintf(stderr, "eao inspect: '%s': %s\n", c->arg[0], eao_package_message(&p));
    return EAO_EXIT_INPUT;
  }
  int code = EAO_EXIT_OK;
  if (c->json) {
    code = package_json(c, m, &p);
  } else {
    print_meta(m);
    printf("\n");
    print_values(c, m);
    printf("\n%-16s  compiled for %u thread%s, %u steps\n", "package", eao_package_threads(&p),
           eao_package_threads(&p) == 1 ? "" : "s", eao_package_step_count(&p));
    printf("%-16s  %s a session, %s of it activations\n", "memory",
           eao_cli_bytes(eao_package_arena_bytes(&p), a),
           eao_cli_bytes(eao_package_activation_bytes(&p), b));
  }
  eao_package_close(&p);
  return code;
}

static int inspect(eao_cli *c, eao_model *m) {
  report r = {.m = m};
  const char *html = eao_cli_get(c, "html", NULL);
  if (eao_cli_has(c, "text")) return print_text(c, m);
  if (eao_cli_has(c, "passes")) return eao_cli_print_passes(c, m);
  eao_status s = eao_model_stats_get(m, &r.s);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  r.n_op = eao_model_ops(m, NULL, 0);
  r.op = calloc(r.n_op + 1, sizeof *r.op);
  if (!r.op) return eao_cli_fail(c, EAO_ERR_NOMEM);
  eao_model_ops(m, r.op, r.n_op);
  int code = html ? eao_cli_graph_html(c, m, &r.s, c->arg[0], html) : EAO_EXIT_OK;
  if (!code) code = c->json ? print_json(c->arg[0], &r) : html ? 0 : print_table(c, &r);
  free(r.op);
  return code;
}

static int run(eao_cli *c) {
  eao_model *m;
  /* Unbound dimensions become 1, which some models do not admit: then they stay unknown. */
  int code = eao_cli_load(c, c->arg[0], EAO_CLI_DIMS_TRY_ONE, &m);
  if (code) return code;
  code = eao_model_is_package(m) ? inspect_package(c, m) : inspect(c, m);
  eao_model_destroy(m);
  return code;
}

static const char *output(const eao_cli *c) {
  return eao_cli_get(c, "html", NULL);
}

static const eao_cli_option options[] = {
    {"text", NULL, "print the graph as text: every value, node and attribute", false},
    {"full", NULL, "with --text: long constants too, so that the text can be read back", false},
    {"html", "FILE", "write a picture of the graph to zoom into, one page for any browser", false},
    {"passes", NULL, "what each pass of the compiler does to the graph: nodes, MACs, bytes", false},
    EAO_CLI_SHAPE_OPTION,
    EAO_CLI_SANDBOX_OPTIONS,
};

static const eao_cli_example examples[] = {
    {"inspect model.onnx", "inputs, outputs, operations, size and cost of a model"},
    {"inspect model.onnx --json | jq .macs", "one figure for a script"},
    {"inspect model.onnx --shape batch=1 --shape seq=128", "with dynamic dimensions bound"},
    {"inspect model.tflite --html graph.html", "a picture of the graph"},
    {"inspect model.onnx --passes", "what the compiler makes of it, pass by pass"},
    {"inspect model.eao", "a compiled package: what goes in and out, how much memory it takes"},
};

const eao_cli_command eao_cmd_inspect = {
    .name = "inspect",
    .args = "MODEL",
    .summary = "show what is in a model: inputs, operations, size, cost",
    .text =
        "Shows inputs and outputs, the operations, parameters, multiply-accumulates (MACs), bytes\n"
        "of weights and the most bytes of activations alive at once when the layers run one\n"
        "after the other, and whether the model is quantised. Nothing is executed.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  the model is invalid\n5  the model uses something EAO does not support",
    .run = run,
    .output = output,
    .sandbox = true,
};
