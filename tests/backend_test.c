/* A toy backend takes over some steps of a model; what it reports adds up; the results stay. */
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

enum { N = 8 };

/* z = -|relu(x)|, y = |relu(x)|: relu and neg stay, abs is the backend's. */
static void *compile(size_t *out_size) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = eao_graph_create(ctx);
  eao_tensor t = {.dtype = EAO_F32, .rank = 2, .dim = {1, N}}, unknown = {.rank = -1};
  static const uint16_t ops[] = {EAO_OP_square, EAO_OP_abs, EAO_OP_neg};
  eao_vid at, next;
  assert_int_equal(eao_graph_add_value(g, "x", &t, &at), EAO_OK);
  assert_int_equal(eao_graph_add_input(g, at), EAO_OK);
  for (size_t i = 0; i < EAO_COUNT(ops); i++, at = next) {
    assert_int_equal(eao_graph_add_value(g, eao_op_get(ops[i])->name, &unknown, &next), EAO_OK);
    assert_int_equal(
        eao_graph_add_node(g, ops[i], eao_op_get(ops[i])->name, NULL, 0, &at, 1, &next, 1, NULL),
        EAO_OK);
  }
  assert_int_equal(eao_graph_add_output(g, at), EAO_OK);
  assert_int_equal(eao_graph_infer(g), EAO_OK);
  return packaged(ctx, g, EAO_STREAM_NEVER, out_size);
}

typedef struct toy {
  int prepared, runs;
  eao_status prepare_says, run_says;
} toy;

static int supports(void *user, const eao_step_view *step) {
  (void)user;
  return strcmp(step->name, "abs") == 0 && !step->packed && step->in[0]->dtype == EAO_F32;
}

static eao_status prepare(void *user, const eao_step_view *step, void **out_state) {
  toy *t = user;
  t->prepared++;
  *out_state = &t->runs;
  assert_int_equal(step->op, EAO_OP_abs);
  return t->prepare_says;
}

static eao_status run(void *user, void *state, const eao_tensor *const *in,
                      eao_tensor *const *out) {
  toy *t = user;
  ++*(int *)state;
  /* Not abs, so that it shows who ran. */
  for (int i = 0; i < N; i++) ((float *)out[0]->data)[i] = 100 + ((const float *)in[0]->data)[i];
  return t->run_says;
}

static void toy_backend(void **unused) {
  (void)unused;
  size_t size;
  void *mem = compile(&size);
  static _Alignas(64) uint8_t arena[65536];
  eao_package p;
  eao_session *s;
  toy t = {0};
  eao_backend b = {.name = "toy", .user = &t, .supports = supports, .prepare = prepare, .run = run};
  assert_int_equal(eao_package_open_memory(&p, mem, size), EAO_OK);
  assert_int_equal(eao_session_create(&p, arena, sizeof arena, &s), EAO_OK);
  uint64_t in = 0, out = 0;
  uint32_t claimed = 0;
  assert_int_equal(eao_session_set_backend(s, &b), EAO_OK);
  for (uint32_t i = 0; i < eao_package_step_count(&p); i++) {
    eao_step_coverage c;
    assert_int_equal(eao_session_coverage(s, i, &c), EAO_OK);
    bool is_abs = strcmp(eao_package_step_name(&p, i), "abs") == 0;
    assert_int_equal(c.backend != NULL, is_abs);
    claimed += c.backend != NULL;
    in += c.bytes_in;
    out += c.bytes_out;
  }
  assert_int_equal(claimed, 1);
  assert_int_equal(in, N * sizeof(float));
  assert_int_equal(out, N * sizeof(float));
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < N; i++) ((float *)eao_session_input(s, 0)->data)[i] = (float)i;
    assert_int_equal(eao_session_run(s), EAO_OK);
    for (int i = 0; i < N; i++)
      assert_true(((const float *)eao_session_output(s, 0)->data)[i] == -100 - (float)(i * i));
  }
  assert_int_equal(t.prepared, 1);
  assert_int_equal(t.runs, 2);
  t.run_says = EAO_ERR_IO;
  assert_int_equal(eao_session_run(s), EAO_ERR_IO);
  assert_string_equal(eao_package_step_name(&p, eao_session_failed_step(s)), "abs");
  /* A backend that finds out late that it cannot. */
  t.prepare_says = EAO_ERR_UNSUPPORTED;
  assert_int_equal(eao_session_set_backend(s, &b), EAO_OK);
  for (int i = 0; i < N; i++) ((float *)eao_session_input(s, 0)->data)[i] = (float)i;
  assert_int_equal(eao_session_run(s), EAO_OK);
  assert_true(((const float *)eao_session_output(s, 0)->data)[3] == -9);
  t.prepare_says = EAO_ERR_NOMEM;
  assert_int_equal(eao_session_set_backend(s, &b), EAO_ERR_NOMEM);
  assert_int_equal(eao_session_set_backend(s, NULL), EAO_OK);
  eao_package_close(&p);
  free(mem);
}

static void pinned_threads(void **unused) {
  (void)unused;
  static _Alignas(64) uint8_t memory[4096];
  eao_pool *pool;
  const uint32_t first[] = {0}, none[] = {1u << 20};
  assert_int_equal(eao_pool_create(memory, sizeof memory, 3, &pool), EAO_OK);
  assert_int_equal(eao_pool_pin(pool, first, 1), EAO_OK);
  assert_int_equal(eao_pool_pin(pool, none, 1), EAO_ERR_ARG);
  assert_int_equal(eao_pool_pin(pool, first, 0), EAO_ERR_ARG);
  eao_pool_destroy(pool);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(toy_backend),
                                     cmocka_unit_test(pinned_threads)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
