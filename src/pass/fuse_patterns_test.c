/* Activations spelled out in the ways exporters do are recognised, and near misses are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four first */
#include <cmocka.h>

#include "pass/pass.h"

/* Builds nodes over one input x by small steps. */
typedef struct maker {
  eao_ctx *ctx;
  eao_graph *g;
  eao_vid x;
} maker;

static maker begin(void) {
  maker m = {.ctx = eao_ctx_create(NULL, NULL)};
  eao_tensor t = {.dtype = EAO_F32, .rank = 2, .dim = {2, 8}};
  m.g = eao_graph_create(m.ctx);
  assert_int_equal(eao_graph_add_value(m.g, "x", &t, &m.x), EAO_OK);
  assert_int_equal(eao_graph_add_input(m.g, m.x), EAO_OK);
  return m;
}

static eao_vid node(maker *m, uint16_t op, const eao_vid *in, uint32_t n_in) {
  const eao_op_desc *d = eao_op_get(op);
  eao_tensor unknown = {.rank = -1};
  uint64_t attr[64] = {0};
  eao_vid out;
  eao_op_attr_defaults(d, attr);
  assert_int_equal(eao_graph_add_value(m->g, "", &unknown, &out), EAO_OK);
  assert_int_equal(eao_graph_add_node(m->g, op, "", attr, d->attr_size, in, n_in, &out, 1, NULL),
                   EAO_OK);
  return out;
}
static eao_vid one(maker *m, uint16_t op, eao_vid a) {
  return node(m, op, &a, 1);
}
static eao_vid two(maker *m, uint16_t op, eao_vid a, eao_vid b) {
  return node(m, op, (eao_vid[]){a, b}, 2);
}
static eao_vid num(maker *m, float v) {
  eao_vid out;
  assert_int_equal(eao_graph_add_f32(m->g, "", &v, -1, &out), EAO_OK);
  return out;
}

/* Runs the passes; the one op that is left, or EAO_OP_NONE when there are more. */
static uint16_t left(maker *m, eao_vid y) {
  assert_int_equal(eao_graph_add_output(m->g, y), EAO_OK);
  assert_int_equal(eao_graph_infer(m->g), EAO_OK);
  assert_int_equal(eao_passes_run(m->g, NULL, NULL, NULL), EAO_OK);
  eao_graph_compact(m->g);
  uint16_t op = m->g->n_node == 1 ? m->g->node[0].op : EAO_OP_NONE;
  eao_graph_destroy(m->g);
  eao_ctx_destroy(m->ctx);
  return op;
}

static eao_vid relu6_of_plus_3(maker *m) {
  eao_vid in[3] = {two(m, EAO_OP_add, m->x, num(m, 3)), num(m, 0), num(m, 6)};
  return node(m, EAO_OP_clip, in, 3);
}

static void recognised(void **state) {
  (void)state;
  maker m = begin();
  assert_int_equal(left(&m, two(&m, EAO_OP_mul, one(&m, EAO_OP_sigmoid, m.x), m.x)), EAO_OP_silu);
  m = begin();
  eao_vid h = two(&m, EAO_OP_mul, m.x, relu6_of_plus_3(&m));
  assert_int_equal(left(&m, two(&m, EAO_OP_div, h, num(&m, 6))), EAO_OP_hard_swish);
  m = begin();
  h = two(&m, EAO_OP_mul, relu6_of_plus_3(&m), num(&m, 1.0f / 6));
  assert_int_equal(left(&m, two(&m, EAO_OP_mul, m.x, h)), EAO_OP_hard_swish);
  m = begin();
  h = relu6_of_plus_3(&m);
  assert_int_equal(left(&m, two(&m, EAO_OP_div, h, num(&m, 6))), EAO_OP_hard_sigmoid);
  m = begin();
  eao_vid e = one(&m, EAO_OP_erf, two(&m, EAO_OP_div, m.x, num(&m, 1.41421356f)));
  e = two(&m, EAO_OP_mul, m.x, two(&m, EAO_OP_add, e, num(&m, 1)));
  assert_int_equal(left(&m, two(&m, EAO_OP_mul, e, num(&m, 0.5f))), EAO_OP_gelu);
  m = begin();
  eao_vid cube = two(&m, EAO_OP_pow, m.x, num(&m, 3));
  eao_vid t = two(&m, EAO_OP_add, m.x, two(&m, EAO_OP_mul, num(&m, 0.044715f), cube));
  t = one(&m, EAO_OP_tanh, two(&m, EAO_OP_mul, t, num(&m, 0.79788456f)));
  t = two(&m, EAO_OP_add, num(&m, 1), t);
  eao_vid half = two(&m, EAO_OP_mul, m.x, num(&m, 0.5f));
  assert_int_equal(left(&m, two(&m, EAO_OP_mul, half, t)), EAO_OP_gelu);
}

static void near_misses(void **state) {
  (void)state;
  maker m = begin();
  eao_vid s = one(&m, EAO_OP_sigmoid, one(&m, EAO_OP_neg, m.x));
  assert_int_equal(left(&m, two(&m, EAO_OP_mul, s, m.x)), EAO_OP_NONE);
  m = begin();
  eao_vid e = one(&m, EAO_OP_erf, two(&m, EAO_OP_div, m.x, num(&m, 2)));
  e = two(&m, EAO_OP_mul, m.x, two(&m, EAO_OP_add, e, num(&m, 1)));
  assert_int_equal(left(&m, two(&m, EAO_OP_mul, e, num(&m, 0.5f))), EAO_OP_NONE);
  m = begin();
  eao_vid h = two(&m, EAO_OP_mul, m.x, relu6_of_plus_3(&m));
  assert_int_equal(left(&m, two(&m, EAO_OP_div, h, num(&m, 5))), EAO_OP_NONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(recognised), cmocka_unit_test(near_misses)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
