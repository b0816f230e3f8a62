/* eao convert: a model in another format, or normalised. */
#include <string.h>
#include <strings.h>

#include "cli/cli.h"

/* From ONNX, whatever its file is called, to TFLite: ONNX files spell out what TFLite has as one
 * integer op. */
static bool is_crossing(const eao_model *m, const char *out) {
  size_t n = strlen(out), k = strlen(".tflite");
  if (n < k || strcasecmp(out + n - k, ".tflite") != 0) return false;
  for (uint32_t i = 0; i < eao_model_meta_count(m); i++)
    if (strcmp(eao_model_meta_key(m, i), "onnx.opset") == 0) return true;
  return false;
}

static int run(eao_cli *c) {
  eao_model *m;
  int code = eao_cli_load(c, c->arg[0], EAO_CLI_DIMS_KEEP, &m);
  if (code) return code;
  eao_status s = EAO_OK;
  if (is_crossing(m, c->arg[1]) && !eao_cli_has(c, "as-is")) s = eao_model_simplify(m);
  if (s == EAO_OK) s = eao_model_save(m, c->arg[1]);
  if (s != EAO_OK) code = eao_cli_fail(c, s);
  if (!code && c->json) {
    json_t *j = json_object();
    json_object_set_new(j, "input", eao_cli_string(c->arg[0]));
    json_object_set_new(j, "output", eao_cli_string(c->arg[1]));
    json_object_set_new(j, "nodes", json_integer(eao_model_node_count(m)));
    code = eao_cli_json(j);
  } else if (!code) {
    printf("wrote %s: %u nodes\n", c->arg[1], eao_model_node_count(m));
  }
  eao_model_destroy(m);
  return code;
}

static const char *output(const eao_cli *c) {
  return c->arg[1];
}

static const eao_cli_option options[] = {
    EAO_CLI_SHAPE_OPTION,
    EAO_CLI_SANDBOX_OPTIONS,
    {"as-is", NULL, "from ONNX to TFLite: node by node, without the rewrites", false},
};

static const eao_cli_example examples[] = {
    {"convert model.tflite model.onnx", "from TFLite to ONNX"},
    {"convert model.onnx fixed.onnx --shape batch=1", "with a dynamic dimension bound"},
};

const eao_cli_command eao_cmd_convert = {
    .name = "convert",
    .args = "MODEL OUT",
    .summary = "write a model in another format (ONNX, TFLite)",
    .text = "Reads MODEL and writes OUT; the ending of OUT (.onnx, .tflite) says in which format.\n"
            "ONNX in and out normalises: one opset, functions inlined, shapes inferred. From ONNX "
            "to TFLite\n"
            "quantize-dequantize pairs become integer operations, batch norms and activations are "
            "fused,\n"
            "spatial data goes channels last (--as-is: none of that).",
    .min_args = 2,
    .max_args = 2,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  the model is invalid\n5  something has no equivalent in the other format",
    .run = run,
    .output = output,
    .sandbox = true,
};
