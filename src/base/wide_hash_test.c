/* The wide hash against its definition, spelled out with plain BLAKE2b. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four first */
#include <cmocka.h>

#include "base/base.h"

static void by_definition(const uint8_t *p, size_t n, uint8_t out[32]) {
  static uint8_t padded[8192], lane[8192];
  size_t total = n ? (n + 1023) / 1024 * 1024 : 1024;
  eao_blake2b all, one;
  uint8_t digest[64], length[8] = {(uint8_t)n, (uint8_t)(n >> 8)};
  memset(padded, 0, sizeof padded);
  memcpy(padded, p, n);
  eao_blake2b_init(&all, 32);
  for (size_t j = 0; j < 8; j++) {
    size_t k = 0;
    for (size_t w = j * 8; w < total; w += 64, k += 8) memcpy(lane + k, padded + w, 8);
    eao_blake2b_init(&one, 64);
    eao_blake2b_update(&one, lane, k);
    eao_blake2b_final(&one, digest);
    eao_blake2b_update(&all, digest, 64);
  }
  eao_blake2b_update(&all, length, 8);
  eao_blake2b_final(&all, out);
}

static void all_lengths(void **state) {
  (void)state;
  static uint8_t data[6001];
  eao_rng rng = {7};
  for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)eao_rng_next(&rng);
  for (size_t n = 0; n < 6000; n += n < 2100 ? 1 : 97) {
    uint8_t got[32], want[32];
    eao_wide_hash(data + n % 2, n, got); /* also from odd addresses */
    by_definition(data + n % 2, n, want);
    assert_memory_equal(got, want, 32);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(all_lengths)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
