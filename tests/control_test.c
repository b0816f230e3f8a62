/* Bodies: if, loop, scan, while on graphs built by hand; expected values worked out on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "interp/interp.h"
#include "kernel/ref/move.h"
#include "op/control.h"

static const eao_tensor unknown = {.rank = -1};

static eao_vid value(eao_graph *g, const char *name, eao_dtype dtype, int32_t rank, int64_t d0) {
  eao_tensor t = {.dtype = dtype, .rank = rank, .dim = {d0}};
  eao_vid v;
  assert_int_equal(eao_graph_add_value(g, name, &t, &v), EAO_OK);
  return v;
}

static eao_vid input(eao_graph *g, const char *name, eao_dtype dtype, int32_t rank, int64_t d0) {
  eao_vid v = value(g, name, dtype, rank, d0);
  assert_int_equal(eao_graph_add_input(g, v), EAO_OK);
  return v;
}

static eao_vid node(eao_graph *g, uint16_t op, const void *attr, const eao_vid *in, uint32_t n_in) {
  uint64_t defaults[32];
  const eao_op_desc *d = eao_op_get(op);
  assert_true(d->attr_size <= sizeof defaults);
  eao_op_attr_defaults(d, defaults);
  eao_vid v;
  assert_int_equal(eao_graph_add_value(g, "", &unknown, &v), EAO_OK);
  assert_int_equal(
      eao_graph_add_node(g, op, "", attr ? attr : defaults, d->attr_size, in, n_in, &v, 1, NULL),
      EAO_OK);
  return v;
}

static void output(eao_graph *g, eao_vid v) {
  assert_int_equal(eao_graph_add_output(g, v), EAO_OK);
}

static eao_vid constant(eao_graph *g, const float *v, int32_t n) {
  eao_vid id;
  assert_int_equal(eao_graph_add_f32(g, "", v, n, &id), EAO_OK);
  return id;
}

static void expect_f32(const eao_tensor *t, int32_t rank, const int64_t *dim, const float *want) {
  assert_int_equal(t->dtype, EAO_F32);
  assert_int_equal(t->rank, rank);
  for (int32_t i = 0; i < rank; i++) assert_int_equal(t->dim[i], dim[i]);
  for (int64_t i = 0; i < eao_tensor_count(t); i++)
    assert_true(((const float *)t->data)[i] == want[i]);
}

static void finish(eao_ctx *ctx, eao_graph *g, eao_interp *it) {
  eao_interp_destroy(it);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static void if_picks_a_branch(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = eao_graph_create(ctx), *b[2];
  eao_vid cond = input(g, "cond", EAO_BOOL, 0, 0), x = input(g, "x", EAO_F32, 1, 2);
  for (int k = 0; k < 2; k++) { /* x + 1 or concat(x, x): shapes differ */
    b[k] = eao_graph_create_sub(g);
    eao_vid c = input(b[k], "x", EAO_DTYPE_NONE, -1, 0);
    eao_axis_attr axis = {0};
    eao_vid in[2] = {c, k ? c : constant(b[k], (float[]){1}, 1)};
    output(b[k], node(b[k], k ? EAO_OP_concat : EAO_OP_add, k ? &axis : NULL, in, 2));
  }
  eao_if_attr a = {b[0], b[1]};
  eao_vid y = node(g, EAO_OP_if, &a, (eao_vid[]){cond, x}, 2);
  output(g, y);
  assert_int_equal(eao_graph_verify(g), EAO_OK);
  assert_int_equal(eao_graph_infer(g), EAO_OK);
  assert_int_equal(g->value[y].t.rank, 1);
  assert_int_equal(g->value[y].t.dim[0], -1);
  eao_interp *it = eao_interp_create(g);
  uint8_t yes = 1;
  float data[2] = {3, 4};
  eao_tensor in[2] = {{.dtype = EAO_BOOL, .data = &yes},
                      {.dtype = EAO_F32, .rank = 1, .dim = {2}, .data = data}};
  eao_tensor out;
  assert_int_equal(eao_interp_run(it, in, 2, &out, 1), EAO_OK);
  expect_f32(&out, 1, (int64_t[]){2}, (float[]){4, 5});
  yes = 0;
  assert_int_equal(eao_interp_run(it, in, 2, &out, 1), EAO_OK);
  expect_f32(&out, 1, (int64_t[]){4}, (float[]){3, 4, 3, 4});
  finish(ctx, g, it);
}

/* loop: state = concat(state, [step]); scan output: step; runs `trips` times. */
static eao_graph *growing_loop(eao_ctx *ctx, bool with_trips) {
  eao_graph *g = eao_graph_create(ctx), *b = eao_graph_create_sub(g);
  eao_vid trips = with_trips ? input(g, "trips", EAO_I64, 0, 0) : EAO_NONE;
  eao_vid start = input(g, "start", EAO_F32, 1, 1), step = input(g, "step", EAO_F32, 1, 1);
  input(b, "i", EAO_I64, 0, 0);
  eao_vid cond = input(b, "cond", EAO_BOOL, 0, 0);
  eao_vid s = input(b, "s", EAO_DTYPE_NONE, -1, 0), d = input(b, "d", EAO_DTYPE_NONE, -1, 0);
  eao_axis_attr axis = {0};
  output(b, cond);
  output(b, node(b, EAO_OP_concat, &axis, (eao_vid[]){s, d}, 2));
  output(b, node(b, EAO_OP_add, NULL, (eao_vid[]){d, d}, 2));
  eao_loop_attr a = {b, 1};
  eao_vid out[2] = {value(g, "", EAO_DTYPE_NONE, -1, 0), value(g, "", EAO_DTYPE_NONE, -1, 0)};
  eao_vid in[4] = {trips, EAO_NONE, start, step};
  assert_int_equal(eao_graph_add_node(g, EAO_OP_loop, "l", &a, sizeof a, in, 4, out, 2, NULL),
                   EAO_OK);
  output(g, out[0]);
  output(g, out[1]);
  assert_int_equal(eao_graph_verify(g), EAO_OK);
  assert_int_equal(eao_graph_infer(g), EAO_OK);
  assert_int_equal(g->value[out[0]].t.dim[0], -1); /* grows */
  assert_int_equal(g->value[out[1]].t.rank, 2);
  return g;
}

static void loop_grows_its_state(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = growing_loop(ctx, true);
  eao_interp *it = eao_interp_create(g);
  int64_t trips = 3;
  float start = 1, step = 5;
  eao_tensor in[3] = {{.dtype = EAO_I64, .data = &trips},
                      {.dtype = EAO_F32, .rank = 1, .dim = {1}, .data = &start},
                      {.dtype = EAO_F32, .rank = 1, .dim = {1}, .data = &step}};
  eao_tensor out[2];
  assert_int_equal(eao_interp_run(it, in, 3, out, 2), EAO_OK);
  expect_f32(&out[0], 1, (int64_t[]){4}, (float[]){1, 5, 5, 5});
  expect_f32(&out[1], 2, (int64_t[]){3, 1}, (float[]){10, 10, 10});
  trips = 0; /* the state as it came in, no slices */
  assert_int_equal(eao_interp_run(it, in, 3, out, 2), EAO_OK);
  expect_f32(&out[0], 1, (int64_t[]){1}, (float[]){1});
  expect_f32(&out[1], 2, (int64_t[]){0, 1}, NULL);
  finish(ctx, g, it);
}

static void endless_loops_are_stopped(void **state) {
  (void)state;
  eao_limits limits = {.max_steps = 1000, .max_tensor_bytes = 1 << 16};
  eao_ctx *ctx = eao_ctx_create(NULL, &limits);
  eao_graph *g = growing_loop(ctx, false);
  eao_interp *it = eao_interp_create(g);
  float start = 1, step = 5;
  eao_tensor in[2] = {{.dtype = EAO_F32, .rank = 1, .dim = {1}, .data = &start},
                      {.dtype = EAO_F32, .rank = 1, .dim = {1}, .data = &step}};
  eao_tensor out[2];
  assert_int_equal(eao_interp_run(it, in, 2, out, 2), EAO_ERR_NOMEM);
  assert_non_null(strstr(eao_ctx_message(ctx), "1000 loop iterations"));
  ctx->limits.max_steps = 1 << 30; /* now the memory limit stops it */
  assert_int_equal(eao_interp_run(it, in, 2, out, 2), EAO_ERR_NOMEM);
  assert_non_null(strstr(eao_ctx_message(ctx), "limit"));
  finish(ctx, g, it);
}

/* Running sums over the columns of a matrix, from the last to the first; output along axis 1. */
static void scan_walks_axes_backward(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = eao_graph_create(ctx), *b = eao_graph_create_sub(g);
  eao_vid s0 = input(g, "s", EAO_F32, 1, 2), x = input(g, "x", EAO_F32, 2, 2);
  g->value[x].t.dim[1] = 3;
  eao_vid s = input(b, "s", EAO_F32, 1, 2), col = input(b, "col", EAO_F32, 1, 2);
  eao_vid sum = node(b, EAO_OP_add, NULL, (eao_vid[]){s, col}, 2);
  output(b, sum);
  output(b, node(b, EAO_OP_relu, NULL, &sum, 1));
  eao_scan_attr a = {.body = b, .n_state = 1, .n_scan_inputs = 1};
  a.input_axes = (eao_ints){.n = 1, .v = {-1}};
  a.input_directions = (eao_ints){.n = 1, .v = {1}};
  a.output_axes = (eao_ints){.n = 1, .v = {1}};
  eao_vid out[2] = {value(g, "", EAO_DTYPE_NONE, -1, 0), value(g, "", EAO_DTYPE_NONE, -1, 0)};
  for (int backward = 0; backward < 2; backward++) {
    a.output_directions = (eao_ints){.n = 1, .v = {backward}};
    if (!backward) {
      assert_int_equal(
          eao_graph_add_node(g, EAO_OP_scan, "", &a, sizeof a, (eao_vid[]){s0, x}, 2, out, 2, NULL),
          EAO_OK);
      output(g, out[0]);
      output(g, out[1]);
    } else {
      ((eao_scan_attr *)g->node[0].attr)->output_directions = a.output_directions;
    }
    assert_int_equal(eao_graph_verify(g), EAO_OK);
    assert_int_equal(eao_graph_infer(g), EAO_OK);
    assert_int_equal(g->value[out[1]].t.dim[1], 3);
    eao_interp *it = eao_interp_create(g);
    float init[2] = {100, -1000}, data[6] = {1, 2, 3, 4, 5, 6};
    eao_tensor in[2] = {{.dtype = EAO_F32, .rank = 1, .dim = {2}, .data = init},
                        {.dtype = EAO_F32, .rank = 2, .dim = {2, 3}, .data = data}};
    eao_tensor res[2];
    assert_int_equal(eao_interp_run(it, in, 2, res, 2), EAO_OK);
    expect_f32(&res[0], 1, (int64_t[]){2}, (float[]){106, -985});
    expect_f32(&res[1], 2, (int64_t[]){2, 3},
               backward ? (float[]){106, 105, 103, 0, 0, 0} : (float[]){103, 105, 106, 0, 0, 0});
    eao_interp_destroy(it);
  }
  finish(ctx, g, NULL);
}

/* while x < limit: x = x + x; the limit is carried along. */
static void while_doubles(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = eao_graph_create(ctx), *cond = eao_graph_create_sub(g);
  eao_graph *body = eao_graph_create_sub(g);
  eao_vid gx[2] = {input(g, "x", EAO_F32, 0, 0), input(g, "limit", EAO_F32, 0, 0)};
  eao_vid cx[2] = {input(cond, "x", EAO_F32, 0, 0), input(cond, "limit", EAO_F32, 0, 0)};
  eao_vid bx[2] = {input(body, "x", EAO_F32, 0, 0), input(body, "limit", EAO_F32, 0, 0)};
  output(cond, node(cond, EAO_OP_less, NULL, cx, 2));
  output(body, node(body, EAO_OP_add, NULL, (eao_vid[]){bx[0], bx[0]}, 2));
  output(body, bx[1]);
  eao_while_attr a = {cond, body};
  eao_vid out[2] = {value(g, "", EAO_DTYPE_NONE, -1, 0), value(g, "", EAO_DTYPE_NONE, -1, 0)};
  assert_int_equal(eao_graph_add_node(g, EAO_OP_while, "", &a, sizeof a, gx, 2, out, 2, NULL),
                   EAO_OK);
  output(g, out[0]);
  assert_int_equal(eao_graph_verify(g), EAO_OK);
  assert_int_equal(eao_graph_infer(g), EAO_OK);
  eao_interp *it = eao_interp_create(g);
  float x = 3, limit = 40;
  eao_tensor in[2] = {{.dtype = EAO_F32, .data = &x}, {.dtype = EAO_F32, .data = &limit}}, res;
  assert_int_equal(eao_interp_run(it, in, 2, &res, 1), EAO_OK);
  expect_f32(&res, 0, NULL, (float[]){48});
  limit = 1;
  assert_int_equal(eao_interp_run(it, in, 2, &res, 1), EAO_OK);
  expect_f32(&res, 0, NULL, (float[]){3});
  finish(ctx, g, it);
}

static void bodies_that_do_not_fit_are_refused(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = eao_graph_create(ctx), *b = eao_graph_create_sub(g);
  eao_vid x = input(g, "x", EAO_F32, 1, 2);
  output(b, input(b, "i", EAO_I64, 0, 0));
  eao_loop_attr a = {b, 1LL << 40};
  output(g, node(g, EAO_OP_loop, &a, (eao_vid[]){EAO_NONE, EAO_NONE, x}, 3));
  assert_int_equal(eao_graph_infer(g), EAO_ERR_FORMAT);
  eao_interp *it = eao_interp_create(g);
  float data[2] = {1, 2};
  eao_tensor in = {.dtype = EAO_F32, .rank = 1, .dim = {2}, .data = data}, out;
  assert_int_equal(eao_interp_run(it, &in, 1, &out, 1), EAO_ERR_FORMAT);
  finish(ctx, g, it);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(if_picks_a_branch),
                                     cmocka_unit_test(loop_grows_its_state),
                                     cmocka_unit_test(endless_loops_are_stopped),
                                     cmocka_unit_test(scan_walks_axes_backward),
                                     cmocka_unit_test(while_doubles),
                                     cmocka_unit_test(bodies_that_do_not_fit_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
