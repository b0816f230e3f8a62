/* FlatBuffers reader and builder: what is written is read back, and no damage is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "format/flat.h"

/* root { 0: i32 7, 1: "hello", 2: [child, child], 3: i64 vector, 5: i8 -3, 6: f32 1.5, 7: child }
 * child { 0: u8 9, 2: u64 2^40 } */
static void build(eao_fbuild *b, const uint8_t **out, size_t *out_n) {
  static const int64_t list[] = {1, -2, INT64_MAX};
  eao_fref child[2];
  for (int i = 0; i < 2; i++) {
    eao_fbuild_int(b, 0, 1, 9);
    eao_fbuild_int(b, 2, 8, (int64_t)1 << 40);
    child[i] = eao_fbuild_table(b);
  }
  eao_fref refs = eao_fbuild_refs(b, child, 2);
  eao_fref text = eao_fbuild_str(b, "hello", 5);
  eao_fref vec = eao_fbuild_vec(b, list, 3, 8, 16);
  eao_fbuild_int(b, 0, 4, 7);
  eao_fbuild_ref(b, 1, text);
  eao_fbuild_ref(b, 2, refs);
  eao_fbuild_ref(b, 3, vec);
  eao_fbuild_int(b, 5, 1, -3);
  eao_fbuild_f32(b, 6, 1.5f);
  eao_fbuild_ref(b, 7, child[0]);
  eao_fref root = eao_fbuild_table(b);
  assert_int_equal(eao_fbuild_finish(b, root, "TEST", out, out_n), EAO_OK);
}

/* Reads everything; returns a sum so that nothing is optimised away. */
static uint64_t read_all(eao_flat *f, const uint8_t *p, size_t n) {
  eao_ftab root = eao_flat_root(f, p, n, "TEST");
  uint64_t sum = (uint64_t)((int64_t)eao_ftab_i32(&root, 0, 0) + eao_ftab_i8(&root, 5, 0));
  eao_fvec s = eao_ftab_str(&root, 1), list = eao_ftab_vec(&root, 3, 8);
  eao_fvec tabs = eao_ftab_vec(&root, 2, 4);
  for (uint32_t i = 0; i < s.n; i++) sum += s.p[i];
  for (uint32_t i = 0; i < list.n; i++) sum ^= (uint64_t)eao_fvec_i64(list, i);
  for (uint32_t i = 0; i < tabs.n; i++) {
    eao_ftab c = eao_fvec_tab(f, tabs, i);
    sum += eao_ftab_u8(&c, 0, 0) + eao_ftab_u64(&c, 2, 0);
  }
  eao_ftab c = eao_ftab_tab(&root, 7);
  return sum + eao_ftab_u8(&c, 0, 0);
}

static void round_trip(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_fbuild b;
  eao_flat f;
  const uint8_t *p;
  size_t n;
  eao_fbuild_init(&b, ctx);
  build(&b, &p, &n);
  eao_ftab root = eao_flat_root(&f, p, n, "TEST");
  assert_true(eao_ftab_ok(&root));
  assert_int_equal(eao_ftab_i32(&root, 0, 1), 7);
  assert_int_equal(eao_ftab_i32(&root, 4, 42), 42);  /* absent: the default */
  assert_int_equal(eao_ftab_i32(&root, 20, 43), 43); /* beyond the vtable */
  assert_int_equal(eao_ftab_i8(&root, 5, 0), -3);
  assert_true(eao_ftab_f32(&root, 6, 0) == 1.5f);
  eao_fvec s = eao_ftab_str(&root, 1);
  assert_int_equal(s.n, 5);
  assert_memory_equal(s.p, "hello", 6); /* with its NUL */
  eao_fvec list = eao_ftab_vec(&root, 3, 8);
  assert_int_equal(list.n, 3);
  assert_int_equal((list.p - p) % 16, 0);
  assert_int_equal(eao_fvec_i64(list, 1), -2);
  eao_fvec tabs = eao_ftab_vec(&root, 2, 4);
  assert_int_equal(tabs.n, 2);
  eao_ftab child = eao_fvec_tab(&f, tabs, 1);
  assert_int_equal(eao_ftab_u8(&child, 0, 0), 9);
  assert_int_equal(eao_ftab_u64(&child, 2, 0), (uint64_t)1 << 40);
  assert_false(eao_ftab_has(&child, 1));
  assert_int_equal(eao_flat_check(ctx, &f), EAO_OK);
  eao_fbuild_deinit(&b);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* Every prefix and every single damaged byte: reading ends, and stays inside an exact copy (the
 * sanitizer build sees every step beyond it). A prefix that lost data is an error. */
static void damage(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_fbuild b;
  eao_flat f;
  const uint8_t *p;
  size_t n;
  eao_fbuild_init(&b, ctx);
  build(&b, &p, &n);
  uint64_t sum = 0;
  for (size_t k = 0; k < n; k++) {
    uint8_t *copy = malloc(k ? k : 1);
    memcpy(copy, p, k);
    sum += read_all(&f, copy, k);
    assert_non_null(f.error);
    assert_int_equal(eao_flat_check(ctx, &f), EAO_ERR_FORMAT);
    free(copy);
  }
  uint8_t *copy = malloc(n);
  for (size_t k = 0; k < n; k++)
    for (int bit = 0; bit < 8; bit++) {
      memcpy(copy, p, n);
      copy[k] ^= (uint8_t)(1 << bit);
      sum += read_all(&f, copy, n);
    }
  free(copy);
  assert_true(sum != 0);
  eao_fbuild_deinit(&b);
  eao_ctx_destroy(ctx);
}

/* A vector of a million offsets to the same table is cut off. */
static void repeated_visits(void **state) {
  (void)state;
  enum { N = 100000 };
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_fbuild b;
  eao_flat f;
  const uint8_t *p;
  size_t n;
  eao_fref *refs = malloc(N * sizeof *refs);
  eao_fbuild_init(&b, ctx);
  for (uint32_t i = 0; i < 20; i++) eao_fbuild_int(&b, i, 8, -1);
  eao_fref big = eao_fbuild_table(&b);
  for (uint32_t i = 0; i < N; i++) refs[i] = big;
  eao_fbuild_ref(&b, 0, eao_fbuild_refs(&b, refs, N));
  eao_fref root = eao_fbuild_table(&b);
  assert_int_equal(eao_fbuild_finish(&b, root, "TEST", &p, &n), EAO_OK);
  eao_ftab t = eao_flat_root(&f, p, n, "TEST");
  eao_fvec v = eao_ftab_vec(&t, 0, 4);
  uint32_t seen = 0;
  for (uint32_t i = 0; i < v.n; i++) {
    eao_ftab c = eao_fvec_tab(&f, v, i);
    seen += eao_ftab_ok(&c);
  }
  assert_true(seen < N);
  assert_int_equal(eao_flat_check(ctx, &f), EAO_ERR_FORMAT);
  eao_fbuild_deinit(&b);
  free(refs);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trip),
      cmocka_unit_test(damage),
      cmocka_unit_test(repeated_visits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
