/* libeao never allocates: every allocation function is replaced by one that ends the test while the
 * device runtime works. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four first */
#include <cmocka.h>

#include "eao/rt.h"
#include "op/op.h"
#include "packaged.h"

static bool forbidden;

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);

void *__wrap_malloc(size_t n) {
  return forbidden ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size) {
  return forbidden ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n) {
  return forbidden ? NULL : __real_realloc(p, n);
}
void *__wrap_aligned_alloc(size_t align, size_t n) {
  return forbidden ? NULL : __real_aligned_alloc(align, n);
}

/* softmax(relu(x)), compiled; the caller frees. */
static void *compile(size_t *out_size) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = eao_graph_create(ctx);
  eao_tensor t = {.dtype = EAO_F32, .rank = 2, .dim = {1, 8}}, unknown = {.rank = -1};
  eao_vid x, y, z;
  uint64_t attr[64] = {0};
  const eao_op_desc *d = eao_op_get(EAO_OP_softmax);
  assert_int_equal(eao_graph_add_value(g, "x", &t, &x), EAO_OK);
  assert_int_equal(eao_graph_add_value(g, "y", &unknown, &y), EAO_OK);
  assert_int_equal(eao_graph_add_value(g, "z", &unknown, &z), EAO_OK);
  assert_int_equal(eao_graph_add_input(g, x), EAO_OK);
  assert_int_equal(eao_graph_add_node(g, EAO_OP_relu, "", NULL, 0, &x, 1, &y, 1, NULL), EAO_OK);
  eao_op_attr_defaults(d, attr);
  assert_int_equal(
      eao_graph_add_node(g, EAO_OP_softmax, "", attr, d->attr_size, &y, 1, &z, 1, NULL), EAO_OK);
  assert_int_equal(eao_graph_add_output(g, z), EAO_OK);
  assert_int_equal(eao_graph_infer(g), EAO_OK);
  return packaged(ctx, g, EAO_STREAM_AUTO, out_size);
}

static void never_allocates(void **state) {
  (void)state;
  size_t size;
  void *mem = compile(&size), *volatile probe;
  static _Alignas(64) uint8_t arena[65536];
  eao_package p;
  eao_session *s = NULL;
  forbidden = true;
  probe = malloc(1);
  eao_status opened = eao_package_open_memory(&p, mem, size), made = EAO_OK, ran = EAO_OK;
  bool fits = opened == EAO_OK && eao_package_arena_bytes(&p) <= sizeof arena;
  if (fits) made = eao_session_create(&p, arena, sizeof arena, &s);
  if (s) {
    memset(eao_session_input(s, 0)->data, 0, 8 * sizeof(float));
    ran = eao_session_run(s);
  }
  forbidden = false;
  assert_null(probe); /* the trap works */
  assert_int_equal(opened, EAO_OK);
  assert_true(fits);
  assert_int_equal(made, EAO_OK);
  assert_int_equal(ran, EAO_OK);
  for (int i = 0; i < 8; i++)
    assert_true(((const float *)eao_session_output(s, 0)->data)[i] == 0.125f);
  eao_package_close(&p);
  free(mem);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(never_allocates)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
