#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "target/target.h"

/* Every built-in profile loads, says where its figures come from, and survives printing. */
static void builtins(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  uint32_t n = 0;
  for (; eao_target_builtin(n); n++) {
    eao_target t, again;
    char path[] = "/tmp/eao_target_XXXXXX.yaml";
    if (eao_target_load(ctx, eao_target_builtin(n), &t)) fail_msg("%s", eao_ctx_message(ctx));
    assert_string_equal(t.name, eao_target_builtin(n));
    assert_true(strlen(t.source) > 20 && strlen(t.title) > 5);
    assert_true(t.cluster[0].i8_gmacs >= t.cluster[0].f32_gmacs);
    assert_true(t.idle_mw > 0 && t.pj_per_mac_i8 > 0);
    eao_text text;
    eao_text_init(&text, ctx);
    eao_target_print(&t, &text);
    int fd = mkstemps(path, 5);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.len), text.len);
    close(fd);
    if (eao_target_load(ctx, path, &again)) fail_msg("%s", eao_ctx_message(ctx));
    unlink(path);
    eao_text_deinit(&text);
    assert_memory_equal(t.title, again.title, sizeof t.title);
    assert_true(t.bandwidth_gb_s == again.bandwidth_gb_s && t.ram_kib == again.ram_kib);
    assert_int_equal(t.cpu_flags, again.cpu_flags);
  }
  assert_true(n >= 12);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static void host(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_target t;
  if (eao_target_load(ctx, "host", &t)) fail_msg("%s", eao_ctx_message(ctx));
  assert_true(t.is_host && t.cluster[0].cores >= 1);
  assert_true(t.cluster[0].f32_gmacs > 0.01 && t.bandwidth_gb_s > 0.01);
  eao_ctx_destroy(ctx);
}

static void refusals(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_target t;
  assert_int_equal(eao_target_load(ctx, "toaster", &t), EAO_ERR_ARG);
  assert_non_null(strstr(eao_ctx_message(ctx), "eao target list"));
  char path[] = "/tmp/eao_loop_XXXXXX.yaml", text[96];
  int fd = mkstemps(path, 5);
  int n = snprintf(text, sizeof text, "name: loop\ninherits: %s\n", path);
  assert_int_equal(write(fd, text, (size_t)n), n);
  close(fd);
  assert_int_equal(eao_target_load(ctx, path, &t), EAO_ERR_FORMAT);
  assert_non_null(strstr(eao_ctx_message(ctx), "inherit itself"));
  unlink(path);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* Worked out by hand: 76.8 GMAC/s at half efficiency do 38.4 MMAC in 1 ms; 12 GB/s move 12 MB. */
static void roofline(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_target t;
  assert_int_equal(eao_target_load(ctx, "raspberry-pi-5", &t), EAO_OK);
  t.step_overhead_us = 0;
  eao_step_work compute = {.macs = 38.4e6, .is_int8 = true};
  assert_true(eao_target_step_ms(&t, &compute, 1) > 0.999 &&
              eao_target_step_ms(&t, &compute, 1) < 1.001);
  /* half of it, and 2 us to hand over */
  assert_true(eao_target_step_ms(&t, &compute, 2) > 0.5015 &&
              eao_target_step_ms(&t, &compute, 2) < 0.5025);
  eao_step_work small = {.macs = 38.4e3, .is_int8 = true}; /* not shared */
  assert_true(eao_target_step_ms(&t, &small, 2) == eao_target_step_ms(&t, &small, 1));
  assert_true(eao_target_step_ms(&t, &compute, 8) > 0.249); /* only 4 cores */
  eao_step_work memory = {.bytes_dram = 12e6};
  assert_true(eao_target_step_ms(&t, &memory, 1) > 0.999 &&
              eao_target_step_ms(&t, &memory, 1) < 1.001);
  /* 38.4e6 MACs at 4 pJ: 0.1536 mJ */
  double mj = eao_target_step_mj(&t, &compute);
  assert_true(mj > 0.1535 && mj < 0.1537);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(builtins), cmocka_unit_test(host),
                                     cmocka_unit_test(refusals), cmocka_unit_test(roofline)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
