/* Fuzz target: any bytes as a TFLite model, imported with small limits. What was imported is
 * exported; if that works, the new file must be readable. */
#include <stdint.h>

#include "emit/emit.h"
#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static eao_status import(eao_ctx *ctx, const void *data, size_t size, eao_graph **out) {
  eao_file file;
  *out = NULL;
  eao_status s = eao_file_from_bytes(ctx, data, size, &file);
  if (s == EAO_OK) s = eao_import_tflite(ctx, &file, NULL, out);
  if (s == EAO_ERR_INTERNAL || (s != EAO_OK && !*eao_ctx_message(ctx))) __builtin_trap();
  return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const eao_limits limits = {.max_tensor_bytes = 1 << 20,
                                    .max_total_bytes = 64 << 20,
                                    .max_nodes = 10000,
                                    .max_depth = 16,
                                    .max_steps = 1000};
  eao_ctx *ctx = eao_ctx_create(NULL, &limits);
  eao_graph *g, *again;
  uint8_t *bytes;
  size_t n;
  if (!ctx) return 0;
  if (import(ctx, data, size, &g) == EAO_OK) {
    eao_status s = eao_emit_tflite(g, &bytes, &n);
    if (s == EAO_ERR_INTERNAL) __builtin_trap();
    if (s == EAO_OK) {
      s = import(ctx, bytes, n, &again);
      if (s != EAO_OK && s != EAO_ERR_NOMEM) __builtin_trap();
      eao_graph_destroy(again);
      eao_free(ctx, bytes);
    }
    eao_graph_destroy(g);
  }
  if (ctx->heap_bytes) __builtin_trap(); /* a leak */
  eao_ctx_destroy(ctx);
  return 0;
}
