/* Activations, norms and shuffles spelled out in the ways exporters do are recognised, near misses
 * are not, and either way the interpreter's results stay the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four first */
#include <cmocka.h>

#include "kernel/ref/move.h"
#include "op/control.h"
#include "plan/verified.h"

/* Builds nodes over one input x by small steps. */
typedef struct maker {
  eao_ctx *ctx;
  eao_graph *g;
  eao_vid x;
} maker;

static maker begin_with(eao_tensor t) {
  maker m = {.ctx = eao_ctx_create(NULL, NULL)};
  m.g = eao_graph_create(m.ctx);
  assert_int_equal(eao_graph_add_value(m.g, "x", &t, &m.x), EAO_OK);
  assert_int_equal(eao_graph_add_input(m.g, m.x), EAO_OK);
  return m;
}

static maker begin(void) {
  return begin_with((eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {2, 8}});
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

static eao_vid ints(maker *m, const int64_t *v, int32_t n) {
  eao_vid out;
  assert_int_equal(eao_graph_add_i64(m->g, "", v, n, &out), EAO_OK);
  return out;
}
static eao_vid floats(maker *m, const float *v, int32_t n) {
  eao_vid out;
  assert_int_equal(eao_graph_add_f32(m->g, "", v, n, &out), EAO_OK);
  return out;
}
static eao_vid reduce(maker *m, uint16_t op, eao_vid x, int64_t axis) {
  return two(m, op, x, ints(m, &axis, 1));
}

/* Runs the passes under the interpreter's eye; the one op that is left, or EAO_OP_NONE when there
 * are more. */
static uint16_t left(maker *m, eao_vid y) {
  assert_int_equal(eao_graph_add_output(m->g, y), EAO_OK);
  assert_int_equal(eao_graph_infer(m->g), EAO_OK);
  const eao_pass_report *reports;
  uint32_t n;
  if (eao_passes_run_verified(m->g, 1, &reports, &n) != EAO_OK)
    fail_msg("%s", eao_ctx_message(m->ctx));
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

static void recognised_rarer(void **state) {
  (void)state;
  maker m = begin();
  eao_vid t = one(&m, EAO_OP_tanh, one(&m, EAO_OP_softplus, m.x));
  assert_int_equal(left(&m, two(&m, EAO_OP_mul, m.x, t)), EAO_OP_mish);
  m = begin(); /* x/2 (1 + tanh(0.798 x (1 + 0.0447 x x))) */
  t = two(&m, EAO_OP_mul, two(&m, EAO_OP_mul, num(&m, 0.044715f), m.x), m.x);
  t = two(&m, EAO_OP_add, num(&m, 1), t);
  t = two(&m, EAO_OP_mul, two(&m, EAO_OP_mul, m.x, num(&m, 0.79788456f)), t);
  t = two(&m, EAO_OP_add, one(&m, EAO_OP_tanh, t), num(&m, 1));
  t = two(&m, EAO_OP_mul, two(&m, EAO_OP_mul, num(&m, 0.5f), m.x), t);
  assert_int_equal(left(&m, t), EAO_OP_gelu);
  m = begin();
  eao_vid d = two(&m, EAO_OP_sub, m.x, reduce(&m, EAO_OP_reduce_max, m.x, -1));
  eao_vid e = one(&m, EAO_OP_exp, d);
  assert_int_equal(left(&m, two(&m, EAO_OP_div, e, reduce(&m, EAO_OP_reduce_sum, e, 1))),
                   EAO_OP_softmax);
}

enum { DIVIDE, RSQRT, RECIPROCAL, FORMS };

/* z / sqrt(mean(sq) + epsilon), in one of three ways. */
static eao_vid over_root(maker *m, eao_vid z, eao_vid sq, int form) {
  eao_vid v = two(m, EAO_OP_add, reduce(m, EAO_OP_reduce_mean, sq, -1), num(m, 1e-4f));
  if (form == RSQRT) return two(m, EAO_OP_mul, z, one(m, EAO_OP_rsqrt, v));
  v = one(m, EAO_OP_sqrt, v);
  if (form == DIVIDE) return two(m, EAO_OP_div, z, v);
  return two(m, EAO_OP_mul, one(m, EAO_OP_reciprocal, v), z);
}

static void norms(void **state) {
  (void)state;
  static const float scale[] = {1, 2, 3, 4, 5, 6, 7, 8}, bias[] = {8, 7, 6, 5, 4, 3, 2, 1};
  for (int form = 0; form < FORMS; form++) {
    maker m = begin(); /* as PyTorch writes it */
    eao_vid z = two(&m, EAO_OP_sub, m.x, reduce(&m, EAO_OP_reduce_mean, m.x, -1));
    eao_vid y = over_root(&m, z, two(&m, EAO_OP_pow, z, num(&m, 2)), form);
    y = two(&m, EAO_OP_mul, y, floats(&m, scale, 8));
    assert_int_equal(left(&m, two(&m, EAO_OP_add, y, floats(&m, bias, 8))), EAO_OP_layer_norm);
    m = begin(); /* as TensorFlow does: the moments apart from the difference */
    eao_vid mean = reduce(&m, EAO_OP_reduce_mean, m.x, -1);
    z = two(&m, EAO_OP_sub, m.x, mean);
    y = over_root(&m, z, two(&m, EAO_OP_squared_difference, m.x, mean), form);
    assert_int_equal(left(&m, y), EAO_OP_layer_norm);
    m = begin();
    y = over_root(&m, m.x, two(&m, EAO_OP_mul, m.x, m.x), form);
    y = two(&m, EAO_OP_mul, floats(&m, scale, 8), y);
    assert_int_equal(left(&m, y), EAO_OP_rms_norm);
  }
}

static void norms_that_are_none(void **state) {
  (void)state;
  maker m = begin(); /* the mean over another axis */
  eao_vid z = two(&m, EAO_OP_sub, m.x, reduce(&m, EAO_OP_reduce_mean, m.x, 0));
  eao_vid y = over_root(&m, z, two(&m, EAO_OP_mul, z, z), RSQRT);
  assert_int_not_equal(left(&m, y), EAO_OP_layer_norm);
  m = begin(); /* the square of something else */
  z = one(&m, EAO_OP_sigmoid, m.x);
  y = over_root(&m, m.x, two(&m, EAO_OP_mul, z, z), DIVIDE);
  assert_int_equal(left(&m, y), EAO_OP_NONE);
  m = begin(); /* exp(x - max) over the sum of another exponential */
  eao_vid d = two(&m, EAO_OP_sub, m.x, reduce(&m, EAO_OP_reduce_max, m.x, 0));
  eao_vid e = one(&m, EAO_OP_exp, d);
  y = two(&m, EAO_OP_div, e, reduce(&m, EAO_OP_reduce_sum, e, 1));
  assert_int_equal(left(&m, y), EAO_OP_NONE);
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

static eao_vid transpose(maker *m, eao_vid x, const int64_t *perm, int32_t n) {
  eao_vid y = one(m, EAO_OP_transpose, x);
  eao_transpose_attr *a = m->g->node[m->g->value[y].producer].attr;
  a->perm.n = n;
  memcpy(a->perm.v, perm, (size_t)n * sizeof *perm);
  return y;
}

static uint32_t transposes_left(maker *m, eao_vid y) {
  const eao_pass_report *reports;
  uint32_t n, count = 0;
  assert_int_equal(eao_graph_add_output(m->g, y), EAO_OK);
  assert_int_equal(eao_graph_infer(m->g), EAO_OK);
  if (eao_passes_run_verified(m->g, 1, &reports, &n) != EAO_OK)
    fail_msg("%s", eao_ctx_message(m->ctx));
  for (eao_nid i = 0; i < m->g->n_node; i++) count += m->g->node[i].op == EAO_OP_transpose;
  eao_graph_destroy(m->g);
  eao_ctx_destroy(m->ctx);
  return count;
}

/* Channels-last data, a shuffle written for channels-first: one transpose does it. */
static void channel_shuffle(void **state) {
  (void)state;
  static const int64_t first[] = {0, 3, 1, 2}, last[] = {0, 2, 3, 1}, swap[] = {0, 2, 1, 3, 4},
                       apart[] = {1, 2, 4, 5, 3}, together[] = {1, 8, 5, 3};
  maker m = begin_with((eao_tensor){.dtype = EAO_F32, .rank = 4, .dim = {1, 5, 3, 8}});
  eao_vid v = two(&m, EAO_OP_reshape, transpose(&m, m.x, first, 4), ints(&m, apart, 5));
  v = two(&m, EAO_OP_reshape, transpose(&m, v, swap, 5), ints(&m, together, 4));
  assert_int_equal(transposes_left(&m, transpose(&m, v, last, 4)), 1);
}

static void shuffle(eao_rng *rng, int64_t *v, int32_t n) {
  for (int32_t i = 0; i < n; i++) {
    int32_t j = i + (int32_t)eao_rng_below(rng, (uint64_t)(n - i));
    int64_t was = v[i];
    v[i] = v[j];
    v[j] = was;
  }
}

/* Whatever is split, merged and moved: the results stay, and no transpose is added. */
static void any_reshape(void **state) {
  (void)state;
  static const int64_t extents[] = {1, 1, 2, 3, 4, 6};
  eao_rng rng = {3};
  for (int round = 0; round < 300; round++) {
    eao_tensor t = {.dtype = EAO_F32, .rank = 2 + (int32_t)eao_rng_below(&rng, 3)};
    int64_t perm[EAO_MAX_RANK], dim[EAO_MAX_RANK], left = 1;
    int32_t n = 0;
    for (int32_t i = 0; i < t.rank; i++) {
      perm[i] = i;
      left *= t.dim[i] = extents[eao_rng_below(&rng, 6)];
    }
    shuffle(&rng, perm, t.rank);
    maker m = begin_with(t);
    eao_vid v = transpose(&m, m.x, perm, t.rank);
    while (n < 4) { /* factors of what is left, one of them 1 at times */
      int64_t d = extents[eao_rng_below(&rng, 6)];
      if (left % d) d = 1;
      dim[n++] = d;
      left /= d;
    }
    dim[n++] = left;
    v = two(&m, EAO_OP_reshape, v, ints(&m, dim, n));
    for (int32_t i = 0; i < n; i++) perm[i] = i;
    shuffle(&rng, perm, n);
    assert_in_range(transposes_left(&m, transpose(&m, v, perm, n)), 0, 2);
  }
}

/* A branch that negates the capture, or adds a constant to it. */
static eao_graph *branch(maker *m, bool negates) {
  eao_graph *b = eao_graph_create_sub(m->g);
  eao_tensor t = m->g->value[m->x].t;
  eao_vid x, one_more = EAO_NONE, y;
  assert_int_equal(eao_graph_add_value(b, "", &t, &x), EAO_OK);
  assert_int_equal(eao_graph_add_f32(b, "", (float[]){1}, -1, &one_more), EAO_OK);
  assert_int_equal(eao_graph_add_value(b, "", &t, &y), EAO_OK);
  assert_int_equal(eao_graph_add_input(b, x), EAO_OK);
  uint16_t op = negates ? EAO_OP_neg : EAO_OP_add;
  uint64_t attr[64] = {0};
  eao_op_attr_defaults(eao_op_get(op), attr);
  assert_int_equal(eao_graph_add_node(b, op, "", attr, eao_op_get(op)->attr_size,
                                      (eao_vid[]){x, one_more}, negates ? 1 : 2, &y, 1, NULL),
                   EAO_OK);
  assert_int_equal(eao_graph_add_output(b, y), EAO_OK);
  return b;
}

static void branches(void **state) {
  (void)state;
  for (int64_t yes = 0; yes < 2; yes++) {
    maker m = begin();
    eao_if_attr a = {branch(&m, true), branch(&m, false)};
    eao_tensor t = {.dtype = EAO_BOOL, .data = eao_arena_dup(&m.g->arena, &yes, 1)};
    eao_tensor unknown = {.rank = -1};
    eao_vid cond, y;
    assert_int_equal(eao_graph_add_value(m.g, "", &t, &cond), EAO_OK);
    assert_int_equal(eao_graph_add_value(m.g, "", &unknown, &y), EAO_OK);
    assert_int_equal(eao_graph_add_node(m.g, EAO_OP_if, "", &a, sizeof a, (eao_vid[]){cond, m.x}, 2,
                                        &y, 1, NULL),
                     EAO_OK);
    assert_int_equal(left(&m, y), yes ? EAO_OP_neg : EAO_OP_add);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recognised),  cmocka_unit_test(recognised_rarer),
      cmocka_unit_test(norms),       cmocka_unit_test(norms_that_are_none),
      cmocka_unit_test(near_misses), cmocka_unit_test(channel_shuffle),
      cmocka_unit_test(any_reshape), cmocka_unit_test(branches)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
