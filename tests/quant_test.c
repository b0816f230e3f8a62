/* Quantised reference kernels against what LiteRT computed: every graph of tests/quant/cases.txt
 * (or of the files given as arguments) is run by the interpreter; its metadata holds LiteRT's
 * result and the difference that docs/integer-spec.md allows. tests/quant/record.py wrote the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interp/interp.h"
#include "op/text.h"

static const char *meta(const eao_graph *g, const char *key) {
  for (uint32_t i = 0; i < g->n_meta; i++)
    if (strcmp(g->meta[i].key, key) == 0) return g->meta[i].text;
  return "";
}

/* Fills t's data (bytes as hex digits) into p; false when the length is wrong. */
static bool unhex(const char *hex, uint8_t *p, size_t n) {
  if (strcmp(hex, "_") == 0) return n == 0;
  if (strlen(hex) != 2 * n) return false;
  for (size_t i = 0; i < n; i++) {
    char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
    p[i] = (uint8_t)strtoul(two, NULL, 16);
  }
  return true;
}

typedef struct tally {
  int n, bad;
} tally;

/* Largest difference between out and the expected bytes; floats relative to their size. */
static double difference(const eao_tensor *out, const uint8_t *want, int64_t *where) {
  eao_tensor expect = *out;
  expect.data = (void *)(uintptr_t)want;
  double worst = 0;
  int64_t n = eao_tensor_count(out);
  for (int64_t i = 0; i < n; i++) {
    double a = eao_get_f64(out, i), b = eao_get_f64(&expect, i), d = fabs(a - b);
    if (eao_dtype_is_float(out->dtype) && fabs(b) > 1) d /= fabs(b);
    if (!(d <= worst)) {
      worst = d;
      *where = i;
    }
  }
  return worst;
}

static void run_case(eao_ctx *ctx, eao_graph *g, tally *t) {
  eao_interp *it = eao_interp_create(g);
  eao_tensor out;
  uint64_t bytes = 0;
  int64_t where = 0;
  t->n++;
  eao_status s = eao_interp_run(it, NULL, 0, &out, 1);
  if (s == EAO_OK) s = eao_tensor_nbytes(ctx, &out, &bytes);
  if (s != EAO_OK) {
    print_error("%s: %s\n", g->name, eao_ctx_message(ctx));
    t->bad++;
  } else {
    uint8_t *want = malloc((size_t)bytes + 1);
    if (!unhex(meta(g, "expect"), want, (size_t)bytes)) {
      print_error("%s: the result has another size\n", g->name);
      t->bad++;
    } else {
      double worst = difference(&out, want, &where), tol = atof(meta(g, "tolerance"));
      if (!(worst <= tol)) {
        eao_tensor expect = out;
        expect.data = want;
        print_error("%s: element %lld is %g, %s says %g\n", g->name, (long long)where,
                    eao_get_f64(&out, where), meta(g, "origin"), eao_get_f64(&expect, where));
        t->bad++;
      }
    }
    free(want);
  }
  eao_interp_destroy(it);
}

static void run_file(const char *path, tally *t) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_file f;
  if (eao_file_map(ctx, path, &f) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  const char *p = (const char *)f.data, *end = p + f.size;
  while (p < end) { /* graphs end with a line "}" */
    const char *stop = p;
    while (stop < end && !(stop[0] == '\n' && stop + 1 < end && stop[1] == '}')) stop++;
    if (stop >= end) break;
    stop += 2;
    eao_graph *g = NULL;
    if (eao_graph_parse(ctx, p, (size_t)(stop - p), &g) != EAO_OK || eao_graph_infer(g) != EAO_OK) {
      print_error("%s: case %d: %s\n", path, t->n, eao_ctx_message(ctx));
      t->bad++;
      t->n++;
    } else {
      run_case(ctx, g, t);
    }
    eao_graph_destroy(g);
    for (p = stop; p < end && (*p == '\n' || *p == ' '); p++) {
    }
  }
  eao_file_unmap(ctx, &f);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static int n_paths;
static char **paths;

static void recorded(void **state) {
  (void)state;
  tally t = {0, 0};
  for (int i = 0; i < n_paths; i++) run_file(paths[i], &t);
  print_message("%d cases, %d differ\n", t.n, t.bad);
  assert_true(t.n > 0);
  assert_int_equal(t.bad, 0);
}

int main(int argc, char **argv) {
  static char *standard = EAO_SOURCE_DIR "/tests/quant/cases.txt";
  n_paths = argc > 1 ? argc - 1 : 1;
  paths = argc > 1 ? argv + 1 : &standard;
  const struct CMUnitTest tests[] = {cmocka_unit_test(recorded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
