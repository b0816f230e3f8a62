/* Fuzz target: any bytes as each of the YAML files that EAO reads: a target profile, a budget, the
 * description of a data set. */
#include "data/set.h"
#include "fuzz.h"
#include "search/budget.h"
#include "target/target.h"

static void as_budget(eao_ctx *ctx, const uint8_t *data, size_t size) {
  eao_conf *c;
  eao_budget b = {0};
  if (!fuzz_ok(ctx, eao_conf_parse(ctx, "budget", (const char *)data, size, &c))) return;
  fuzz_ok(ctx, eao_budget_read(c, eao_conf_root(c), &b));
  eao_conf_destroy(c);
}

static void as_target(eao_ctx *ctx, const char *path) {
  eao_target t, again;
  eao_text text;
  if (!fuzz_ok(ctx, eao_target_load(ctx, path, &t))) return;
  eao_text_init(&text, ctx);
  eao_target_print(&t, &text);
  if (!text.failed)
    fuzz_ok(ctx, eao_target_load(ctx, fuzz_file(".yaml", text.p, text.len), &again));
  eao_text_deinit(&text);
}

static void as_dataset(eao_ctx *ctx, const char *path, const char *split) {
  eao_dataset d = {.ctx = ctx, .metric = "", .split_count = -1};
  eao_arena_init(&d.arena, ctx);
  fuzz_ok(ctx, set_spec_read(&d, path, split));
  eao_free(ctx, (void *)(uintptr_t)d.classes.at);
  eao_arena_deinit(&d.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eao_ctx *ctx = fuzz_begin();
  const char *path = fuzz_file(".yaml", data, size);
  as_budget(ctx, data, size);
  as_dataset(ctx, path, NULL);
  as_dataset(ctx, path, "calibration");
  as_target(ctx, path);
  fuzz_end(ctx);
  return 0;
}
