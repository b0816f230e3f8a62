#include "eao/target.h"

#include "target/target.h"

const char *eao_target_name(uint32_t i) {
  return eao_target_builtin(i);
}

eao_status eao_target_yaml(eao_ctx *ctx, const char *name, char **out) {
  eao_target t;
  eao_text text;
  EAO_TRY(eao_target_load(ctx, name, &t));
  eao_text_init(&text, ctx);
  eao_target_print(&t, &text);
  if (text.failed) {
    eao_text_deinit(&text);
    return EAO_NOMEM(ctx);
  }
  *out = text.p;
  return EAO_OK;
}
