/* Fuzz target: any bytes as the text form of a graph. What was read is printed and read again,
 * which must give the same text. */
#include <string.h>

#include "fuzz.h"
#include "op/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eao_ctx *ctx = fuzz_begin();
  eao_graph *g = NULL, *again = NULL;
  eao_text first, second;
  eao_text_init(&first, ctx);
  eao_text_init(&second, ctx);
  if (fuzz_ok(ctx, eao_graph_parse(ctx, (const char *)data, size, &g))) {
    eao_graph_print(g, true, &first);
    if (!first.failed) {
      eao_status s = eao_graph_parse(ctx, first.p, first.len, &again);
      fuzz_ok(ctx, s);
      if (s == EAO_OK) {
        eao_graph_print(again, true, &second);
        if (!second.failed && strcmp(first.p, second.p) != 0) __builtin_trap();
        eao_graph_destroy(again);
      } else if (s != EAO_ERR_NOMEM) {
        __builtin_trap();
      }
    }
    eao_graph_destroy(g);
  }
  eao_text_deinit(&first);
  eao_text_deinit(&second);
  fuzz_end(ctx);
  return 0;
}
