/* Fuzz target: any bytes as a TFLite model. What was imported is exported; if that works, the new
 * file must be readable. */
#include "emit/emit.h"
#include "fuzz.h"
#include "import/import.h"

static eao_status import(eao_ctx *ctx, const void *data, size_t size, eao_graph **out) {
  eao_file file;
  *out = NULL;
  if (!fuzz_map(ctx, data, size, &file)) return EAO_ERR_NOMEM;
  eao_status s = eao_import_tflite(ctx, &file, NULL, out);
  fuzz_ok(ctx, s);
  return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eao_ctx *ctx = fuzz_begin();
  eao_graph *g, *again;
  uint8_t *bytes;
  size_t n;
  if (import(ctx, data, size, &g) == EAO_OK) {
    if (fuzz_ok(ctx, eao_emit_tflite(g, &bytes, &n))) {
      eao_status s = import(ctx, bytes, n, &again);
      if (s != EAO_OK && s != EAO_ERR_NOMEM) __builtin_trap();
      eao_graph_destroy(again);
      eao_free(ctx, bytes);
    }
    eao_graph_destroy(g);
  }
  fuzz_end(ctx);
  return 0;
}
