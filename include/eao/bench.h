/* Measuring a compiled model on this machine.
 *
 * Protocol: warm-up until times settle (at least `warmup` runs), then at least `runs` timed runs
 * and at least `seconds`. A run is timed from the call to its return; inputs are written before,
 * outside of the timed part. Percentiles are by nearest rank. Steps are timed in further runs, so
 * that the clock calls do not disturb the first figures. */
#ifndef EAO_BENCH_H
#define EAO_BENCH_H

#include <stdbool.h>

#include "eao/sensors.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eao_bench_opts {
  uint32_t warmup;    /* default 10 */
  uint32_t runs;      /* default 200 */
  uint32_t threads;   /* default 1; at most as many as the package was compiled for */
  double seconds;     /* least time of the timed runs; default 0.5 */
  double sustained_s; /* > 0: goes on for this long and logs each second */
  uint64_t seed;      /* of the random inputs */
  bool profile;       /* time each step too */
  const char *sysfs;  /* root of sensor files; NULL: see eao/sensors.h */
  bool self_test;     /* first run the package's own known-good run; fails when it differs */
  void (*progress)(void *user, double done); /* share of the work done; NULL: none */
  void *user;
} eao_bench_opts;

typedef struct eao_bench_step {
  const char *name;
  double ms; /* mean per run */
} eao_bench_step;

typedef struct eao_bench_second {
  double at_s, latency_ms; /* since the start; median of that second */
  double temperature_c;    /* hottest zone; NaN: no sensor */
  double clock_mhz;        /* mean over the CPUs; NaN: not known */
  uint32_t runs;
} eao_bench_second;

typedef struct eao_bench {
  uint32_t runs, threads;
  double *sorted_ms; /* every timed run, shortest first; `runs` entries */
  double p50_ms, p95_ms, p99_ms, min_ms, max_ms, mean_ms;
  double throughput_per_s; /* 1 / mean */
  double load_ms;          /* opening, verifying, memory, session */
  double first_run_ms;     /* the run after it */
  double rss_peak_kib;     /* of this process; 0: not known */
  size_t arena_bytes;
  eao_bench_step *step;
  uint32_t n_step;
  double profiled_ms; /* mean of the runs whose steps were timed */
  eao_bench_second *second;
  uint32_t n_second;
  double slowdown; /* sustained: last tenth's latency over the first tenth's; 0: not measured */
  eao_thermal_verdict thermal; /* sustained */
  double energy_mj; /* of a run: what the meter counted during the timed runs, all of the machine
                       included, over their number; NaN: no meter */
  char energy_source[160]; /* the meter's name; "" none */
} eao_bench;

/* Measures the package in the file. EAO_ERR_FORMAT when it is invalid, EAO_ERR_INTERNAL when the
 * self-test differs. Free *out with eao_bench_destroy. */
eao_status eao_bench_package(eao_ctx *ctx, const char *path, const eao_bench_opts *opts,
                             eao_bench **out);
void eao_bench_destroy(eao_ctx *ctx, eao_bench *b);

#ifdef __cplusplus
}
#endif
#endif
