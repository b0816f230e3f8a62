/* Plans that move no bytes where they need not, run: views into parts, states that follow each
 * other. Three runs in a row, each the interpreter's to the bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four first */
#include <cmocka.h>

#include "eao/rt.h"
#include "emit/emit_eao.h"
#include "interp/interp.h"
#include "op/text.h"
#include "plan/verified.h"

enum { RUNS = 3, IO_MAX = 4 };

/* Pieces of pieces, one of them an output, one written over. */
static const char pieces[] = "graph \"pieces\" {\n"
                             "  value %0 \"x\" f32[1,6,2,3]\n"
                             "  const %1 \"from\" i64[1] = feffffffffffffff\n"
                             "  const %2 \"to\" i64[1] = ffffffffffffff7f\n"
                             "  const %3 \"axis\" i64[1] = 0100000000000000\n"
                             "  value %4 \"e\" f32[1,6,2,3]\n"
                             "  value %5 \"a\" f32[1,3,2,3]\n"
                             "  value %6 \"b\" f32[1,3,2,3]\n"
                             "  value %7 \"s\" f32[1,2,2,3]\n"
                             "  value %8 \"m\" f32[1,3,2,3]\n"
                             "  value %9 \"y\" f32[1,2,2,3]\n"
                             "  value %10 \"n\" f32[1,3,2,3]\n"
                             "  input %0\n"
                             "  sin(%0) -> %4\n"
                             "  split(%4) -> %5, %6 {axis=1}\n"
                             "  slice(%6, %1, %2, %3) -> %7\n"
                             "  cos(%7) -> %9\n"
                             "  neg(%5) -> %8\n"
                             "  add(%8, %5) -> %10\n"
                             "  output %8, %9, %6, %10\n"
                             "}\n";

#define ZEROS "00000000000000000000000000000000"
static const char delay[] = "graph \"delay\" {\n"
                            "  value %0 \"x\" f32[4]\n"
                            "  value %1 \"one\" f32[4]\n"
                            "  value %2 \"two\" f32[4]\n"
                            "  value %3 \"y\" f32[4]\n"
                            "  input %0\n"
                            "  state %1 %0 \"1\" = " ZEROS "\n"
                            "  state %2 %1 \"2\" = " ZEROS "\n"
                            "  sub(%0, %2) -> %3\n"
                            "  output %3, %2\n"
                            "}\n";

typedef struct package {
  eao_package pkg;
  eao_session *session;
  void *bytes, *arena;
} package;

static void compile(eao_graph *g, eao_stream_mode stream, package *r) {
  eao_plan *p;
  eao_text text;
  eao_plan_opts opts = {.ref_only = true, .stream = stream};
  eao_package_opts po = {0};
  if (eao_plan_create(g, &opts, &p) != EAO_OK) fail_msg("%s", eao_ctx_message(g->ctx));
  eao_text_init(&text, g->ctx);
  assert_int_equal(eao_emit_package(p, &po, &text), EAO_OK);
  r->bytes = aligned_alloc(64, (text.len + 63) / 64 * 64);
  memcpy(r->bytes, text.p, text.len);
  if (eao_package_open_memory(&r->pkg, r->bytes, text.len) != EAO_OK)
    fail_msg("%s", eao_package_message(&r->pkg));
  size_t n = (eao_package_arena_bytes(&r->pkg) + 63) / 64 * 64;
  r->arena = aligned_alloc(64, n);
  memset(r->arena, 0xA5, n);
  assert_int_equal(eao_session_create(&r->pkg, r->arena, n, &r->session), EAO_OK);
  eao_text_deinit(&text);
  eao_plan_destroy(p);
}

static void equals_interpreter(const char *text, eao_stream_mode stream) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = NULL;
  if (eao_graph_parse(ctx, text, strlen(text), &g) != EAO_OK || eao_graph_infer(g) != EAO_OK)
    fail_msg("%s", eao_ctx_message(ctx));
  package p;
  compile(g, stream, &p);
  eao_interp *it = eao_interp_create(g);
  for (uint64_t run = 0; run < RUNS; run++) {
    eao_tensor in[IO_MAX], want[IO_MAX];
    uint64_t n;
    assert_int_equal(eao_random_inputs(g, run, in), EAO_OK);
    assert_int_equal(eao_interp_run(it, in, g->n_input, want, g->n_output), EAO_OK);
    for (uint32_t i = 0; i < g->n_input; i++) {
      assert_int_equal(eao_tensor_nbytes(ctx, &in[i], &n), EAO_OK);
      memcpy(eao_session_input(p.session, i)->data, in[i].data, (size_t)n);
      eao_free(ctx, in[i].data);
    }
    assert_int_equal(eao_session_run(p.session), EAO_OK);
    for (uint32_t i = 0; i < g->n_output; i++) {
      assert_int_equal(eao_tensor_nbytes(ctx, &want[i], &n), EAO_OK);
      assert_memory_equal(eao_session_output(p.session, i)->data, want[i].data, (size_t)n);
    }
  }
  eao_interp_destroy(it);
  eao_package_close(&p.pkg);
  free(p.arena);
  free(p.bytes);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static void parts(void **state) {
  (void)state;
  equals_interpreter(pieces, EAO_STREAM_NEVER);
  equals_interpreter(pieces, EAO_STREAM_ALWAYS);
}

static void states(void **state) {
  (void)state;
  equals_interpreter(delay, EAO_STREAM_NEVER);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(parts), cmocka_unit_test(states)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
