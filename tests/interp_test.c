/* The interpreter on graphs built by hand; expected values worked out on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "interp/interp.h"
#include "kernel/ref/elementwise.h"
#include "op/op.h"

static void add_then_relu(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = eao_graph_create(ctx);
  eao_tensor t = {.dtype = EAO_F32, .rank = 2, .dim = {2, 2}};
  eao_tensor unknown = {.rank = -1};
  eao_binary_attr no_act = {0};
  eao_vid x, b, sum, y;
  assert_int_equal(eao_graph_add_value(g, "x", &t, &x), EAO_OK);
  assert_int_equal(eao_graph_add_f32(g, "b", (float[]){1, -3}, 2, &b), EAO_OK);
  assert_int_equal(eao_graph_add_value(g, "sum", &unknown, &sum), EAO_OK);
  assert_int_equal(eao_graph_add_value(g, "y", &unknown, &y), EAO_OK);
  assert_int_equal(eao_graph_add_input(g, x), EAO_OK);
  assert_int_equal(eao_graph_add_node(g, EAO_OP_add, "a", &no_act, sizeof no_act, (eao_vid[]){x, b},
                                      2, &sum, 1, NULL),
                   EAO_OK);
  assert_int_equal(eao_graph_add_node(g, EAO_OP_relu, "r", NULL, 0, &sum, 1, &y, 1, NULL), EAO_OK);
  assert_int_equal(eao_graph_add_output(g, y), EAO_OK);
  assert_int_equal(eao_graph_infer(g), EAO_OK);
  assert_int_equal(g->value[y].t.rank, 2);

  eao_interp *it = eao_interp_create(g);
  float in[] = {1, 2, -5, 4}, want[] = {2, 0, 0, 1};
  t.data = in;
  eao_tensor out;
  assert_int_equal(eao_interp_run(it, &t, 1, &out, 1), EAO_OK);
  assert_memory_equal(out.data, want, sizeof want);
  eao_interp_destroy(it);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(add_then_relu)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
