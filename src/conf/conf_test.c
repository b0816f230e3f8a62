#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <string.h>

#include "conf/conf.h"

static const char text[] = "name: board  # a comment\n"
                           "ram_mib: 512\n"
                           "ratio: 2.5\n"
                           "fast: true\n"
                           "list: [1, two]\n"
                           "nested: {a: 1, b: 2}\n";

static void reads(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_conf *c = NULL;
  if (eao_conf_parse(ctx, "t.yaml", text, sizeof text - 1, &c))
    fail_msg("%s", eao_ctx_message(ctx));
  const eao_conf_node *root = eao_conf_root(c);
  const char *name = NULL, *key = NULL;
  int64_t ram = 0, untouched = 7;
  double ratio = 0;
  bool fast = false;
  assert_int_equal(eao_conf_text(c, root, "name", &name), EAO_OK);
  assert_string_equal(name, "board");
  assert_int_equal(eao_conf_integer(c, root, "ram_mib", 0, 1024, &ram), EAO_OK);
  assert_int_equal(ram, 512);
  assert_int_equal(eao_conf_number(c, root, "ratio", 0, 10, &ratio), EAO_OK);
  assert_true(ratio == 2.5);
  assert_int_equal(eao_conf_bool(c, root, "fast", &fast), EAO_OK);
  assert_true(fast);
  assert_int_equal(eao_conf_integer(c, root, "absent", 0, 1, &untouched), EAO_OK);
  assert_int_equal(untouched, 7);
  assert_int_equal(eao_conf_count(eao_conf_get(root, "list")), 2);
  assert_string_equal(eao_conf_scalar(eao_conf_at(eao_conf_get(root, "list"), 1, NULL)), "two");
  assert_non_null(eao_conf_at(eao_conf_get(root, "nested"), 1, &key));
  assert_string_equal(key, "b");
  eao_conf_destroy(c);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static void complains(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_conf *c = NULL;
  int64_t i = 0;
  assert_int_equal(eao_conf_parse(ctx, "t.yaml", text, sizeof text - 1, &c), EAO_OK);
  const eao_conf_node *root = eao_conf_root(c);
  assert_int_equal(eao_conf_integer(c, root, "ram_mib", 0, 256, &i), EAO_ERR_FORMAT);
  assert_string_equal(eao_ctx_message(ctx), "t.yaml:2: 'ram_mib' is 512, outside 0 to 256");
  assert_int_equal(eao_conf_integer(c, root, "ratio", 0, 256, &i), EAO_ERR_FORMAT);
  assert_int_equal(eao_conf_integer(c, root, "name", 0, 256, &i), EAO_ERR_FORMAT);
  assert_string_equal(eao_ctx_message(ctx), "t.yaml:1: 'name' must be a number");
  assert_int_equal(
      eao_conf_only(c, root, (const char *[]){"name", "ram_mib", "ratio", "fast", "list", NULL}),
      EAO_ERR_FORMAT);
  assert_non_null(strstr(eao_ctx_message(ctx), "unknown key 'nested'"));
  eao_conf_destroy(c);
  static const struct {
    const char *text, *message;
  } wrong[] = {{"name: a\nratio: 1\nname: b\n", "t.yaml:3: 'name' is given twice"},
               {"just words", "must be keys"},
               {"[name, ratio]", "must be keys"},
               {"name: a\n%TAG ! x\n", "directives are not read"},
               {"name: \xff", "not UTF-8"},
               {"name: \xe2\x82", "not UTF-8"}};
  for (size_t k = 0; k < EAO_COUNT(wrong); k++) {
    eao_status s = eao_conf_parse(ctx, "t.yaml", wrong[k].text, strlen(wrong[k].text), &c);
    if (s == EAO_OK) {
      s = eao_conf_only(c, eao_conf_root(c), (const char *[]){"name", "ratio", NULL});
      eao_conf_destroy(c);
    }
    assert_int_equal(s, EAO_ERR_FORMAT);
    assert_non_null(strstr(eao_ctx_message(ctx), wrong[k].message));
  }
  static const char *const broken[] = {"a: [1, 2", "a: {b", "\t- x: : y", "a: 1\na: *nothing: [",
                                       "\x80"};
  for (size_t k = 0; k < EAO_COUNT(broken); k++) {
    eao_conf *d = NULL;
    eao_status s = eao_conf_parse(ctx, "b.yaml", broken[k], strlen(broken[k]), &d);
    if (s == EAO_OK) eao_conf_destroy(d);
    if (k < 2) assert_int_equal(s, EAO_ERR_FORMAT);
    assert_int_equal(ctx->heap_bytes, 0);
  }
  assert_int_equal(eao_conf_load(ctx, "/nonexistent/x.yaml", &c), EAO_ERR_IO);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(reads), cmocka_unit_test(complains)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
