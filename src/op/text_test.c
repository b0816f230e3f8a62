/* The text form: printing and parsing are inverse, and nothing in a text can hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "op/text.h"

static const char sample[] = "graph \"g \\\"1\\\"\\x0a\" {\n"
                             "  meta \"producer\" \"hand\"\n"
                             "  value %0 \"x\" f32[?\"N\",3,?]\n"
                             "  const %1 \"w\" i8[2,2] q(0; 0.5, 0.25; 0, -3) = 01ff0280\n"
                             "  const %2 \"shape\" i64[2] = 0300000000000000ffffffffffffffff\n"
                             "  value %3 \"\" f32[*]\n"
                             "  value %4 \"h\" f32[1]\n"
                             "  const %5 \"empty\" f32[0,4] = _\n"
                             "  value %6 \"y\" none[*]\n"
                             "  input %0\n"
                             "  state %4 %6 \"memory\" = 0000803f\n"
                             "  reshape(%0, %2) -> %3 {allow_zero=1} \"node\"\n"
                             "  relu(%3) -> %6\n"
                             "  output %3, %1\n"
                             "}\n";

static void round_trip(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = NULL;
  eao_status s = eao_graph_parse(ctx, sample, strlen(sample), &g);
  if (s != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  assert_int_equal(g->n_value, 7);
  assert_int_equal(g->value[0].t.dim[0], -1);
  assert_string_equal(g->value[0].dim_name[0], "N");
  assert_int_equal(((const int8_t *)g->value[1].t.data)[3], -128);
  assert_int_equal(g->value[1].t.quant.zero[1], -3);
  assert_int_equal(((const int64_t *)g->value[2].t.data)[1], -1);
  eao_text t;
  eao_text_init(&t, ctx);
  eao_graph_print(g, true, &t);
  assert_string_equal(t.p, sample);
  eao_text_deinit(&t);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* Cut anywhere, or with any byte replaced, a text is refused or parsed, and no memory is lost. */
static void damaged(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  size_t n = strlen(sample);
  char *text = malloc(n);
  static const char replacements[] = "\"{}()%-9_x\\";
  for (size_t i = 0; i < n - 1; i++) {
    for (size_t k = 0; k < sizeof replacements; k++) {
      eao_graph *g = NULL;
      memcpy(text, sample, n);
      text[i] = replacements[k];
      /* k at its end (the NUL of the list): truncated instead */
      eao_status s = eao_graph_parse(ctx, text, replacements[k] ? n : i, &g);
      if (!replacements[k]) assert_int_equal(s, EAO_ERR_FORMAT);
      if (s == EAO_OK)
        eao_graph_destroy(g);
      else
        assert_string_not_equal(eao_ctx_message(ctx), "");
      assert_int_equal(ctx->heap_bytes, 0);
    }
  }
  free(text);
  eao_ctx_destroy(ctx);
}

static void refuse(const char *text, const char *why) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = NULL;
  assert_int_equal(eao_graph_parse(ctx, text, strlen(text), &g), EAO_ERR_FORMAT);
  if (!strstr(eao_ctx_message(ctx), why)) fail_msg("%s", eao_ctx_message(ctx));
  eao_ctx_destroy(ctx);
}

static void rules(void **state) {
  (void)state;
  refuse("graph \"\" { value %1 \"x\" f32[1] }", "in order");
  refuse("graph \"\" { nosuch(%0) -> %0 }", "line 1, column 18: expected the name of an op");
  refuse("graph \"\" { value %0 \"x\" f32[1] value %1 \"y\" f32[1] relu(%0) -> %1 }",
         "used before it is produced");
  refuse("graph \"\" { value %0 \"x\" f32[1] value %1 \"y\" f32[1] input %0 relu(%0) -> %1 "
         "relu(%0) -> %1 }",
         "produced twice");
  refuse("graph \"\" { value %0 \"x\" f32[1] value %1 \"y\" f32[1] input %0 add(%0) -> %1 }",
         "1 inputs");
  refuse("graph \"\" { value %0 \"x\" f32[1] output %0 }", "not produced");
  refuse("graph \"\" { value %0 \"x\" i8[2,3] q(1; 1, 2; 0, 0) input %0 }", "do not fit");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(round_trip), cmocka_unit_test(damaged),
                                     cmocka_unit_test(rules)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
