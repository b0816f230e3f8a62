/* Measures a compiled model on the device it runs on, with libeao alone:
 *   device_bench net.eao [--runs N] [--threads N] [--seconds S]
 * Prints one line of JSON: self_test (passed, failed, none), runs, times in milliseconds, bytes of
 * the session, peak memory of the process. Linked statically it can be copied to any Linux of its
 * ISA; `eao optimize --device` does that. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "eao/rt.h"

enum { RUNS_MAX = 100000, WARM_UP = 10 };

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int fail(const char *what, const char *why) {
  fprintf(stderr, "device_bench: %s: %s\n", what, why);
  return 1;
}

static int by_value(const void *pa, const void *pb) {
  double a = *(const double *)pa, b = *(const double *)pb;
  return a < b ? -1 : a > b;
}

/* Nearest rank. */
static double percentile(const double *sorted, long n, double p) {
  long k = (long)(p / 100 * (double)n + 0.999999);
  return sorted[k < 1 ? 0 : k > n ? n - 1 : k - 1];
}

static void fill_inputs(const eao_package *p, eao_session *s) {
  unsigned state = 1;
  for (unsigned i = 0; i < eao_package_input_count(p); i++) {
    const eao_tensor *t = eao_session_input(s, i);
    size_t n = (size_t)eao_dtype_bits(t->dtype);
    for (int k = 0; k < t->rank; k++) n *= (size_t)t->dim[k];
    for (size_t b = 0; b < n / 8; b++) {
      state = state * 1664525u + 1013904223u;
      /* Any bytes do for integers; floats must be ordinary numbers: 0x3e3e3e3e is 0.186. */
      ((unsigned char *)t->data)[b] =
          t->dtype == EAO_F32 || t->dtype == EAO_F16 ? 0x3e : (unsigned char)(state >> 24);
    }
  }
}

static long number(int argc, char **argv, const char *name, long fallback) {
  for (int i = 2; i + 1 < argc; i++)
    if (strcmp(argv[i], name) == 0) return strtol(argv[i + 1], NULL, 10);
  return fallback;
}

static eao_pool *start_threads(eao_session *s, long threads) {
  eao_pool *pool = NULL;
  size_t bytes = eao_pool_bytes((unsigned)threads);
  void *memory = threads > 1 ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
  if (memory && eao_pool_create(memory, bytes, (unsigned)threads, &pool) == EAO_OK)
    eao_session_set_pool(s, pool);
  return pool;
}

static int measure(const eao_package *p, eao_session *s, long runs, long seconds,
                   const char *test) {
  static double ms[RUNS_MAX];
  double start = now_ms();
  long n = 0;
  for (int i = 0; i < WARM_UP; i++) {
    fill_inputs(p, s);
    if (eao_session_run(s) != EAO_OK) return fail("run", eao_session_message(s));
  }
  start = now_ms();
  while ((n < runs || now_ms() - start < (double)seconds * 1e3) && n < RUNS_MAX) {
    fill_inputs(p, s);
    double t0 = now_ms();
    if (eao_session_run(s) != EAO_OK) return fail("run", eao_session_message(s));
    ms[n++] = now_ms() - t0;
  }
  qsort(ms, (size_t)n, sizeof *ms, by_value);
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  printf("{\"self_test\": \"%s\", \"runs\": %ld, \"p50_ms\": %.6f, \"p95_ms\": %.6f, \"p99_ms\": "
         "%.6f, "
         "\"min_ms\": %.6f, \"session_bytes\": %zu, \"rss_kib\": %ld}\n",
         test, n, percentile(ms, n, 50), percentile(ms, n, 95), percentile(ms, n, 99), ms[0],
         eao_package_arena_bytes(p), use.ru_maxrss);
  return 0;
}

int main(int argc, char **argv) {
  eao_package p;
  eao_session *s;
  if (argc < 2) return fail("usage", "device_bench net.eao [--runs N] [--threads N] [--seconds S]");
  if (eao_package_open(&p, argv[1]) != EAO_OK) return fail(argv[1], eao_package_message(&p));
  size_t n = eao_package_arena_bytes(&p);
  void *arena = aligned_alloc(64, (n + 63) / 64 * 64);
  if (!arena || eao_session_create(&p, arena, n, &s) != EAO_OK) return fail("session", "no memory");
  long threads = number(argc, argv, "--threads", 1);
  eao_pool *pool = start_threads(s, threads);
  eao_status tested = eao_session_self_test(s, 1e-3);
  const char *test = tested == EAO_OK                ? "passed"
                     : tested == EAO_ERR_UNSUPPORTED ? "none"
                                                     : "failed";
  int code =
      measure(&p, s, number(argc, argv, "--runs", 200), number(argc, argv, "--seconds", 0), test);
  eao_pool_destroy(pool);
  free(arena);
  eao_package_close(&p);
  return code;
}
