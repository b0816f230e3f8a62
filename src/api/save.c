/* Models to files. */
#include <string.h>
#include <strings.h>

#include "api/api.h"
#include "emit/emit.h"

typedef eao_status (*emit_fn)(const eao_graph *g, uint8_t **out_data, size_t *out_size);

static const struct {
  const char *ending;
  emit_fn emit;
} formats[] = {{".tflite", eao_emit_tflite}};

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), k = strlen(end);
  return n > k && strcasecmp(s + n - k, end) == 0;
}

eao_status eao_model_save(eao_model *m, const char *path) {
  uint8_t *data = NULL;
  size_t size = 0;
  for (size_t i = 0; i < EAO_COUNT(formats); i++) {
    if (!ends_with(path, formats[i].ending)) continue;
    EAO_TRY(formats[i].emit(m->g, &data, &size));
    eao_status s = eao_file_write(m->ctx, path, data, size);
    eao_free(m->ctx, data);
    return s;
  }
  return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED,
                  "cannot write '%s': no format for this ending; it must be .tflite", path);
}
