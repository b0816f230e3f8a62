/* Fuzz target: any bytes as an ONNX model. */
#include "fuzz.h"
#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eao_ctx *ctx = fuzz_begin();
  eao_file file;
  eao_graph *g = NULL;
  if (fuzz_map(ctx, data, size, &file) && fuzz_ok(ctx, eao_import_onnx(ctx, &file, NULL, NULL, &g)))
    eao_graph_destroy(g);
  fuzz_end(ctx);
  return 0;
}
