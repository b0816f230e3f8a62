/* Fuzz target: any bytes as an ONNX model, imported with small limits. Under libFuzzer
 * (-fsanitize=fuzzer with clang) it is driven by that; built with EAO_FUZZ_REPLAY it runs the files
 * and folders it is given. */
#include <stdint.h>

#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const eao_limits limits = {.max_tensor_bytes = 1 << 20,
                                    .max_total_bytes = 64 << 20,
                                    .max_nodes = 10000,
                                    .max_depth = 16,
                                    .max_steps = 1000};
  eao_ctx *ctx = eao_ctx_create(NULL, &limits);
  eao_file file;
  eao_graph *g = NULL;
  if (!ctx) return 0;
  if (eao_file_from_bytes(ctx, data, size, &file) == EAO_OK) {
    eao_status s = eao_import_onnx(ctx, &file, NULL, NULL, &g);
    if (s == EAO_ERR_INTERNAL || (s != EAO_OK && !*eao_ctx_message(ctx))) __builtin_trap();
    eao_graph_destroy(g);
  }
  if (ctx->heap_bytes) __builtin_trap(); /* a leak */
  eao_ctx_destroy(ctx);
  return 0;
}
