/* FlexBuffers maps: a map as the reference library writes it, one of our own, and damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "format/flex.h"

/* {"a": 1, "bc": -2.5, "d": true}, bytes by flatbuffers.flexbuffers of the Python package. */
static const uint8_t peer[] = {0x61, 0x0, 0x62, 0x63, 0x0, 0x64, 0x0, 0x3,  0x8,  0x7,  0x5,
                               0x0,  0x4, 0x0,  0x0,  0x0, 0x1,  0x0, 0x0,  0x0,  0x3,  0x0,
                               0x0,  0x0, 0x1,  0x0,  0x0, 0x0,  0x0, 0x0,  0x20, 0xc0, 0x1,
                               0x0,  0x0, 0x0,  0x6,  0xe, 0x6a, 0xf, 0x26, 0x1};

static void reads_peer(void **state) {
  (void)state;
  double v;
  assert_true(eao_flex_number(peer, sizeof peer, "a", &v));
  assert_true(v == 1);
  assert_true(eao_flex_number(peer, sizeof peer, "bc", &v));
  assert_true(v == -2.5);
  assert_true(eao_flex_number(peer, sizeof peer, "d", &v));
  assert_true(v == 1);
  assert_false(eao_flex_number(peer, sizeof peer, "b", &v));
}

static void round_trip(void **state) {
  (void)state;
  static const eao_flex_entry e[] = {
      {"alpha", -7, false}, {"beta", 0.25, true}, {"n", 2000000000, false}};
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_text t;
  eao_text_init(&t, ctx);
  eao_flex_write(e, 3, &t);
  for (int i = 0; i < 3; i++) {
    double v;
    assert_true(eao_flex_number((const uint8_t *)t.p, t.len, e[i].key, &v));
    assert_true(v == e[i].value);
  }
  eao_text_deinit(&t);
  eao_ctx_destroy(ctx);
}

static void damage(void **state) {
  (void)state;
  double v;
  for (size_t n = 0; n < sizeof peer; n++) {
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, peer, n);
    (void)eao_flex_number(copy, n, "d", &v);
    free(copy);
  }
  for (size_t k = 0; k < sizeof peer; k++)
    for (int b = 0; b < 8; b++) {
      uint8_t *copy = malloc(sizeof peer);
      memcpy(copy, peer, sizeof peer);
      copy[k] ^= (uint8_t)(1 << b);
      (void)eao_flex_number(copy, sizeof peer, "d", &v);
      free(copy);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_peer),
      cmocka_unit_test(round_trip),
      cmocka_unit_test(damage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
