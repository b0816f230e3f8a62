/* Predictions for targets: RAM is what the runtime then asks for, to the byte; latency follows the
 * profile's measured kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "eao/rt.h"
#include "eao/target.h"

static eao_compiled *compile(eao_ctx *ctx, const char *target, eao_stream_mode stream,
                             eao_model **out_m) {
  eao_compile_opts o = {.target = target, .stream = stream};
  eao_compiled *c = NULL;
  if (eao_model_load(ctx, EAO_SOURCE_DIR "/examples/fashion/fashion_mobilenet.onnx", NULL, out_m) ||
      eao_model_compile(*out_m, &o, &c))
    fail_msg("%s", eao_ctx_message(ctx));
  return c;
}

/* Opens the package as the device does, makes a session in an arena of that size. Kernels for
 * another ISA are not here: portable targets and this machine. */
static size_t arena_of(const eao_compiled *c) {
  size_t size;
  eao_package p;
  eao_session *s;
  const void *data = eao_compiled_data(c, &size);
  if (eao_package_open_memory(&p, data, size)) fail_msg("%s", eao_package_message(&p));
  size_t n = eao_package_arena_bytes(&p);
  void *arena = aligned_alloc(64, (n + 63) / 64 * 64);
  assert_int_not_equal(eao_session_create(&p, arena, n - 1, &s), EAO_OK);
  assert_int_equal(eao_session_create(&p, arena, n, &s), EAO_OK);
  free(arena);
  eao_package_close(&p);
  return n;
}

static void ram_is_the_arena(void **state) {
  (void)state;
  static const char *const targets[] = {"esp32-s3", "stm32h7", "cortex-m55-ethos-u55", "host"};
  for (size_t i = 0; i < 4; i++)
    for (int stream = 0; stream < 3; stream++) {
      eao_ctx *ctx = eao_ctx_create(NULL, NULL);
      eao_model *m;
      eao_compiled *c = compile(ctx, targets[i], (eao_stream_mode)stream, &m);
      eao_prediction p;
      assert_int_equal(eao_target_predict(ctx, targets[i], c, 1, &p), EAO_OK);
      double weights = i < 3 ? 0 : (double)eao_compiled_get(c).weight_bytes; /* in flash, in RAM */
      assert_true(p.ram_kib * 1024 == (double)arena_of(c) + weights);
      assert_true(p.latency_ms > 0 && p.energy_mj > p.dynamic_mj && p.dynamic_mj > 0);
      eao_compiled_destroy(c);
      eao_model_destroy(m);
      eao_ctx_destroy(ctx);
    }
}

/* This machine's profile, printed, knows its kernels; another core count does not change the time
 * of one thread. */
static void host_has_measured_kernels(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_model *m;
  char *yaml;
  eao_prediction p;
  assert_int_equal(eao_target_yaml(ctx, "host", &yaml), EAO_OK);
  assert_non_null(strstr(yaml, "kernels:\n"));
  assert_non_null(strstr(yaml, "us: ["));
  eao_text_free(ctx, yaml);
  eao_compiled *c = compile(ctx, NULL, EAO_STREAM_NEVER, &m);
  assert_int_equal(eao_target_predict(ctx, "host", c, 1, &p), EAO_OK);
  assert_true(p.latency_ms > 0 && p.latency_ms < 1000);
  eao_compiled_destroy(c);
  eao_model_destroy(m);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ram_is_the_arena),
                                     cmocka_unit_test(host_has_measured_kernels)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
