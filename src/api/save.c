/* Models to files. */
#include <string.h>
#include <strings.h>

#include "api/api.h"
#include "emit/emit.h"
#include "pass/pass.h"

static bool ends_with(const char *path, const char *end) {
  size_t n = strlen(path), k = strlen(end);
  return n >= k && strcasecmp(path + n - k, end) == 0;
}

static eao_status save_tflite(const eao_graph *g, const char *path) {
  uint8_t *data;
  size_t size;
  EAO_TRY(eao_emit_tflite(g, &data, &size));
  eao_status s = eao_file_write(g->ctx, path, data, size);
  eao_free(g->ctx, data);
  return s;
}

eao_status eao_model_simplify(eao_model *m) {
  if (m->package) return eao_fail(m->ctx, EAO_ERR_ARG, "the model is compiled already");
  return eao_passes_run(m->g, NULL, NULL, NULL);
}

eao_status eao_model_save(eao_model *m, const char *path) {
  eao_status s;
  if (ends_with(path, ".onnx"))
    s = eao_emit_onnx(m->g, path);
  else if (ends_with(path, ".tflite"))
    s = save_tflite(m->g, path);
  else
    return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED,
                    "cannot write '%s': no format for this ending; it must be .onnx or .tflite",
                    path);
  return s == EAO_OK ? s : eao_fail_within(m->ctx, s, "cannot write '%s'", path);
}
