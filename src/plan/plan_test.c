/* Which plans come out: streaming where it was asked for, needed or cheaper, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <string.h>

#include "op/text.h"
#include "plan/plan.h"

enum { ROW = 64 * 16 * 4, WHOLE = 64 * ROW };

/* Three results of 256 KiB between a small input and a small output. */
static const char chain[] =
    "graph \"chain\" {\n"
    "  value %0 \"x\" f32[1,64,1,16]\n"
    "  const %1 \"shape\" i64[4] = "
    "0100000000000000400000000000000040000000000000001000000000000000\n"
    "  value %2 \"a\" f32[1,64,64,16]\n"
    "  value %3 \"b\" f32[1,64,64,16]\n"
    "  value %4 \"c\" f32[1,64,64,16]\n"
    "  value %5 \"y\" f32[1,64,1,16]\n"
    "  input %0\n"
    "  expand(%0, %1) -> %2\n"
    "  max_pool(%2) -> %3 {layout=channels_last, kernel=[3, 3], strides=[1, 1], dilations=[1, 1], "
    "pads=[1, 1, 1, 1]}\n"
    "  max_pool(%3) -> %4 {layout=channels_last, kernel=[3, 3], strides=[1, 1], dilations=[1, 1], "
    "pads=[1, 1, 1, 1]}\n"
    "  max_pool(%4) -> %5 {layout=channels_last, kernel=[1, 64], strides=[1, 1], "
    "dilations=[1, 1], pads=[0, 0, 0, 0]}\n"
    "  output %5\n"
    "}\n";

/* Two large results that stand together, though each is only needed for a small one. */
static const char branches[] = "graph \"branches\" {\n"
                               "  value %0 \"x\" f32[1,64,1,16]\n"
                               "  const %1 \"shape\" i64[4] = "
                               "0100000000000000400000000000000040000000000000001000000000000000\n"
                               "  value %2 \"e\" f32[1,64,1,16]\n"
                               "  value %3 \"a\" f32[1,64,64,16]\n"
                               "  value %4 \"b\" f32[1,64,64,16]\n"
                               "  const %5 \"last\" i64[2] = 02000000000000000300000000000000\n"
                               "  value %6 \"c\" f32[1,64,1,1]\n"
                               "  value %7 \"d\" f32[1,64,1,1]\n"
                               "  value %8 \"y\" f32[1,64,1,1]\n"
                               "  input %0\n"
                               "  exp(%0) -> %2\n"
                               "  expand(%0, %1) -> %3\n"
                               "  expand(%2, %1) -> %4\n"
                               "  reduce_max(%3, %5) -> %6\n"
                               "  reduce_max(%4, %5) -> %7\n"
                               "  add(%6, %7) -> %8\n"
                               "  output %8\n"
                               "}\n";

/* A split of the outermost extent that is not 1, and a slice of most of it. */
static const char pieces[] = "graph \"pieces\" {\n"
                             "  value %0 \"x\" f32[1,64,64,16]\n"
                             "  const %1 \"from\" i64[1] = 0100000000000000\n"
                             "  const %2 \"to\" i64[1] = 4000000000000000\n"
                             "  const %3 \"axis\" i64[1] = 0100000000000000\n"
                             "  value %4 \"e\" f32[1,64,64,16]\n"
                             "  value %5 \"s\" f32[1,63,64,16]\n"
                             "  value %6 \"a\" f32[1,32,64,16]\n"
                             "  value %7 \"b\" f32[1,32,64,16]\n"
                             "  value %8 \"m\" f32[1,32,64,16]\n"
                             "  value %9 \"y\" f32[1,63,64,16]\n"
                             "  input %0\n"
                             "  exp(%0) -> %4\n"
                             "  slice(%4, %1, %2, %3) -> %5\n"
                             "  split(%4) -> %6, %7 {axis=1}\n"
                             "  add(%6, %7) -> %8\n"
                             "  sin(%5) -> %9\n"
                             "  output %8, %9\n"
                             "}\n";

/* A delay line: what was new a run ago becomes what was new two runs ago. */
static const char delay[] = "graph \"delay\" {\n"
                            "  value %0 \"x\" f32[4]\n"
                            "  value %1 \"one\" f32[4]\n"
                            "  value %2 \"two\" f32[4]\n"
                            "  value %3 \"y\" f32[4]\n"
                            "  input %0\n"
                            "  state %1 %0 \"1\" = 00000000000000000000000000000000\n"
                            "  state %2 %1 \"2\" = 00000000000000000000000000000000\n"
                            "  add(%0, %2) -> %3\n"
                            "  output %3\n"
                            "}\n";

typedef struct outcome {
  uint64_t arena, layerwise, any_order;
  bool reordered;
  uint32_t steps, bands, widest; /* rows of the widest band */
} outcome;

static outcome plan_of(const char *text, eao_plan_opts o) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = NULL;
  eao_plan *p = NULL;
  if (eao_graph_parse(ctx, text, strlen(text), &g) != EAO_OK || eao_graph_infer(g) != EAO_OK ||
      eao_plan_create(g, &o, &p) != EAO_OK)
    fail_msg("%s", eao_ctx_message(ctx));
  outcome r = {.arena = p->arena_bytes,
               .layerwise = p->arena_bytes_layerwise,
               .any_order = p->arena_bound_any_order,
               .reordered = p->reordered,
               .steps = p->n_step,
               .bands = p->n_band};
  for (uint32_t i = 0; i < p->n_band; i++)
    if (p->band[i].rows > r.widest) r.widest = p->band[i].rows;
  assert_true(p->arena_bytes >= p->arena_bound_bytes);
  eao_plan_destroy(p);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
  return r;
}

static outcome plan(eao_plan_opts o) {
  return plan_of(chain, o);
}

static void never(void **state) {
  (void)state;
  outcome r = plan((eao_plan_opts){.stream = EAO_STREAM_NEVER, .ram_budget = 1});
  assert_int_equal(r.bands, 0);
  assert_int_equal(r.arena, r.layerwise);
  assert_true(r.layerwise >= 2 * WHOLE);
}

/* The expanded input must be whole, the two after it need not be: one row of c, three of b. */
static void always(void **state) {
  (void)state;
  outcome r = plan((eao_plan_opts){.stream = EAO_STREAM_ALWAYS});
  assert_true(r.bands > 0);
  assert_in_range(r.arena, WHOLE, 2 * WHOLE - 1);
}

static void automatic(void **state) {
  (void)state;
  eao_plan_machine fits = {.cache_bytes = 8 * WHOLE}, small = {.cache_bytes = WHOLE / 4};
  assert_int_equal(plan((eao_plan_opts){.machine = fits}).bands, 0);
  assert_true(plan((eao_plan_opts){.machine = small}).bands > 0);
  /* Calls that cost more than the memory they save. */
  small.call_us = 1e6;
  assert_int_equal(plan((eao_plan_opts){.machine = small}).bands, 0);
}

/* A limit is kept, with wider bands than the least memory would take. */
static void budget(void **state) {
  (void)state;
  eao_plan_machine fits = {.cache_bytes = 8 * WHOLE};
  outcome least = plan((eao_plan_opts){.stream = EAO_STREAM_ALWAYS});
  uint64_t limit = least.arena + 30 * ROW;
  outcome r = plan((eao_plan_opts){.machine = fits, .ram_budget = limit});
  assert_true(r.bands > 0);
  assert_true(r.arena <= limit);
  assert_true(r.bands < least.bands);
  r = plan((eao_plan_opts){.machine = fits, .device_ram = limit, .weights_in_ram = 1});
  assert_true(r.bands > 0 && r.arena <= limit);
  /* One that nothing meets: the least there is. */
  r = plan((eao_plan_opts){.machine = fits, .ram_budget = 1});
  assert_int_equal(r.arena, least.arena);
}

static void order(void **state) {
  (void)state;
  outcome r = plan_of(branches, (eao_plan_opts){.stream = EAO_STREAM_NEVER});
  assert_true(r.reordered);
  assert_in_range(r.arena, WHOLE, WHOLE + WHOLE / 4);
  assert_int_equal(r.arena, r.any_order);
  assert_false(plan((eao_plan_opts){.stream = EAO_STREAM_NEVER}).reordered);
}

static void views(void **state) {
  (void)state;
  assert_int_equal(plan_of(pieces, (eao_plan_opts){.ref_only = true}).steps, 3);
}

static void delay_line(void **state) {
  (void)state;
  assert_int_equal(plan_of(delay, (eao_plan_opts){.ref_only = true}).steps, 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(never),     cmocka_unit_test(always),
                                     cmocka_unit_test(automatic), cmocka_unit_test(budget),
                                     cmocka_unit_test(order),     cmocka_unit_test(views),
                                     cmocka_unit_test(delay_line)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
