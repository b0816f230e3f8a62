#include "eao/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "eao/data.h"
#include "eao/rt.h"

enum { RUNS_MAX = 10000000, SECONDS_MAX = 100000 };

typedef struct bench {
  eao_ctx *ctx;
  eao_bench_opts o;
  eao_bench *out;
  eao_package package;
  bool is_open;
  void *block; /* holds the arena at its first aligned place */
  eao_session *session;
  eao_meter *meter;
  void *pool_memory;
  eao_pool *pool;
  eao_tensor *input; /* written before each run */
  uint32_t n_input, cap_time;
  double *time; /* ms */
  uint32_t n_time;
  uint64_t *step_ns, step_start;
} bench;

static double ms(uint64_t ns) {
  return (double)ns / 1e6;
}

static void tell(const bench *b, double done) {
  if (b->o.progress) b->o.progress(b->o.user, done < 1 ? done : 1);
}

/* ---- loading ---- */

enum { ALIGN = 64 };

/* First aligned byte of a block that has room for that. */
static void *aligned(void *block) {
  return (char *)block + (ALIGN - (uintptr_t)block % ALIGN) % ALIGN;
}

static eao_status start_threads(bench *b) {
  uint32_t most = eao_package_threads(&b->package), n = b->o.threads < most ? b->o.threads : most;
  b->out->threads = n > 1 ? n : 1;
  if (n <= 1) return EAO_OK;
  size_t bytes = eao_pool_bytes(n);
  b->pool_memory = eao_alloc(b->ctx, bytes + ALIGN);
  if (!b->pool_memory) return EAO_NOMEM(b->ctx);
  if (eao_pool_create(aligned(b->pool_memory), bytes, n, &b->pool) != EAO_OK)
    return eao_fail(b->ctx, EAO_ERR_IO, "cannot start %u threads", n);
  eao_session_set_pool(b->session, b->pool);
  return EAO_OK;
}

static eao_status load(bench *b, const char *path) {

  uint64_t t0 = eao_clock_ns();
  eao_status s = eao_package_open(&b->package, path);
  if (s != EAO_OK) return eao_fail(b->ctx, s, "'%s': %s", path, eao_package_message(&b->package));
  b->is_open = true;
  size_t n = eao_package_arena_bytes(&b->package);
  b->block = n < SIZE_MAX - ALIGN ? eao_alloc(b->ctx, n + ALIGN) : NULL;
  if (!b->block) return eao_fail(b->ctx, EAO_ERR_NOMEM, "no memory for an arena of %zu bytes", n);
  s = eao_session_create(&b->package, aligned(b->block), n, &b->session);
  if (s != EAO_OK) return eao_fail(b->ctx, s, "'%s': %s", path, eao_package_message(&b->package));
  EAO_TRY(start_threads(b));
  b->out->load_ms = ms(eao_clock_ns() - t0);
  b->out->arena_bytes = n;
  return EAO_OK;
}

static eao_status make_inputs(bench *b) {
  b->n_input = eao_package_input_count(&b->package);
  b->input = eao_alloc(b->ctx, b->n_input * sizeof *b->input);
  if (!b->input) return EAO_NOMEM(b->ctx);
  for (uint32_t i = 0; i < b->n_input; i++)
    EAO_TRY(eao_tensor_random(b->ctx, eao_session_input(b->session, i), b->o.seed + i, 0, 0,
                              &b->input[i]));
  return EAO_OK;
}

/* ---- runs ---- */

static eao_status run_once(bench *b, double *out_ms) {
  for (uint32_t i = 0; i < b->n_input; i++) {
    const eao_tensor *t = eao_session_input(b->session, i);
    size_t n = (size_t)(eao_tensor_elements(t) * eao_dtype_bits(t->dtype) + 7) / 8;
    if (n) memcpy(t->data, b->input[i].data, n);
  }
  uint64_t t0 = eao_clock_ns();
  eao_status s = eao_session_run(b->session);
  *out_ms = ms(eao_clock_ns() - t0);
  return s == EAO_OK ? s : eao_fail(b->ctx, s, "run: %s", eao_session_message(b->session));
}

static eao_status keep_time(bench *b, double t) {
  EAO_TRY(eao_grow(b->ctx, (void **)&b->time, &b->cap_time, b->n_time + 1, sizeof *b->time));
  b->time[b->n_time++] = t;
  return EAO_OK;
}

static int by_value(const void *pa, const void *pb) {
  double a = *(const double *)pa, b = *(const double *)pb;
  return a < b ? -1 : a > b;
}

/* Nearest rank; sorted. */
static double percentile(const double *v, uint32_t n, double p) {
  uint32_t k = (uint32_t)ceil(p / 100 * n);
  return v[k ? k - 1 : 0];
}

static eao_status warm_up(bench *b) {
  double t = 0, total = 0;
  EAO_TRY(run_once(b, &b->out->first_run_ms));
  /* The first runs touch memory and wake the clock: 50 ms at least, if runs are short. */
  for (uint32_t i = 1; i < b->o.warmup || (total < 50 && i < 1000); i++) {
    EAO_TRY(run_once(b, &t));
    total += t;
  }
  return EAO_OK;
}

/* Energy is counted over the timed runs; reading the meter is not timed. */
static eao_status measure(bench *b) {
  eao_meter_start(b->meter);
  uint64_t start = eao_clock_ns();
  double elapsed = 0, sum = 0;
  while ((b->n_time < b->o.runs || elapsed < b->o.seconds) && b->n_time < RUNS_MAX) {
    double t = 0;
    EAO_TRY(run_once(b, &t));
    EAO_TRY(keep_time(b, t));
    eao_meter_sample(b->meter);
    sum += t;
    elapsed = ms(eao_clock_ns() - start) / 1000;
    double by_runs = (double)b->n_time / b->o.runs, by_time = elapsed / b->o.seconds;
    tell(b, by_runs < by_time ? by_runs : by_time);
  }
  eao_bench *r = b->out;
  uint32_t n = b->n_time;
  r->energy_mj = eao_meter_stop(b->meter) / n;
  snprintf(r->energy_source, sizeof r->energy_source, "%s", eao_meter_name(b->meter));
  qsort(b->time, n, sizeof *b->time, by_value);
  r->runs = n;
  r->mean_ms = sum / n;
  r->min_ms = b->time[0];
  r->max_ms = b->time[n - 1];
  r->p50_ms = percentile(b->time, n, 50);
  r->p95_ms = percentile(b->time, n, 95);
  r->p99_ms = percentile(b->time, n, 99);
  r->throughput_per_s = 1000 / r->mean_ms;
  r->sorted_ms = eao_alloc(b->ctx, n * sizeof *r->sorted_ms);
  if (!r->sorted_ms) return EAO_NOMEM(b->ctx);
  memcpy(r->sorted_ms, b->time, n * sizeof *r->sorted_ms);
  return EAO_OK;
}

/* ---- steps ---- */

static void on_step(void *user, uint32_t step, int done) {
  bench *b = user;
  uint64_t now = eao_clock_ns();
  if (!done)
    b->step_start = now;
  else if (step < b->out->n_step)
    b->step_ns[step] += now - b->step_start;
}

static eao_status copy_names(bench *b) {
  size_t total = 0;
  for (uint32_t i = 0; i < b->out->n_step; i++)
    total += strlen(eao_package_step_name(&b->package, i)) + 1;
  /* One block: the steps and, behind them, their names. */
  size_t head = b->out->n_step * sizeof *b->out->step;
  char *block = eao_alloc(b->ctx, head + total);
  if (!block) return EAO_NOMEM(b->ctx);
  b->out->step = (eao_bench_step *)(void *)block;
  char *p = block + head;
  for (uint32_t i = 0; i < b->out->n_step; i++) {
    const char *name = eao_package_step_name(&b->package, i);
    size_t n = strlen(name) + 1;
    memcpy(p, name, n);
    b->out->step[i].name = p;
    p += n;
  }
  return EAO_OK;
}

static eao_status profile(bench *b) {
  eao_bench *r = b->out;
  r->n_step = eao_package_step_count(&b->package);
  b->step_ns = eao_alloc(b->ctx, r->n_step * sizeof *b->step_ns);
  if (!b->step_ns) return EAO_NOMEM(b->ctx);
  EAO_TRY(copy_names(b));
  uint32_t n = 0;
  double sum = 0, t = 0;
  eao_session_set_profile(b->session, on_step, b);
  for (; n < 20 || (sum < 200 && n < 1000); n++) {
    EAO_TRY(run_once(b, &t));
    sum += t;
  }
  eao_session_set_profile(b->session, NULL, NULL);
  for (uint32_t i = 0; i < r->n_step; i++) r->step[i].ms = ms(b->step_ns[i]) / n;
  r->profiled_ms = sum / n;
  return EAO_OK;
}

/* ---- sustained ---- */

static eao_status one_second(bench *b, double at, double until, eao_bench_second *out) {
  uint64_t start = eao_clock_ns();
  b->n_time = 0;
  do {
    double t = 0;
    EAO_TRY(run_once(b, &t));
    EAO_TRY(keep_time(b, t));
  } while (ms(eao_clock_ns() - start) < (until < 1 ? until : 1) * 1000);
  qsort(b->time, b->n_time, sizeof *b->time, by_value);
  eao_heat heat = eao_heat_read(b->o.sysfs);
  *out = (eao_bench_second){.at_s = at,
                            .latency_ms = percentile(b->time, b->n_time, 50),
                            .temperature_c = heat.temperature_c,
                            .clock_mhz = heat.clock_mhz,
                            .runs = b->n_time};
  return EAO_OK;
}

static double mean_latency(const eao_bench_second *s, uint32_t n) {
  double sum = 0;
  for (uint32_t i = 0; i < n; i++) sum += s[i].latency_ms;
  return sum / n;
}

static eao_status sustain(bench *b) {
  eao_bench *r = b->out;
  uint32_t cap = 0;
  uint64_t start = eao_clock_ns();
  eao_heat cold = eao_heat_read(b->o.sysfs);
  double at = 0;
  while (at < b->o.sustained_s && r->n_second < SECONDS_MAX) {
    EAO_TRY(eao_grow(b->ctx, (void **)&r->second, &cap, r->n_second + 1, sizeof *r->second));
    EAO_TRY(one_second(b, at, b->o.sustained_s - at, &r->second[r->n_second]));
    r->n_second++;
    at = ms(eao_clock_ns() - start) / 1000;
    tell(b, at / b->o.sustained_s);
  }
  uint32_t tenth = r->n_second / 10 ? r->n_second / 10 : 1;
  r->slowdown =
      mean_latency(r->second + r->n_second - tenth, tenth) / mean_latency(r->second, tenth);
  eao_heat hot = eao_heat_read(b->o.sysfs);
  r->thermal = eao_thermal_judge(r->slowdown, &cold, &hot);
  return EAO_OK;
}

/* ---- all of it ---- */

static double peak_rss_kib(void) {
  char line[128];
  double kib = 0;
  FILE *f = fopen("/proc/self/status", "re");
  while (f && fgets(line, sizeof line, f))
    if (strncmp(line, "VmHWM:", 6) == 0) kib = strtod(line + 6, NULL);
  if (f) fclose(f);
  return kib;
}

static eao_status self_test(bench *b) {
  eao_status s = eao_session_self_test(b->session, 1e-3);
  if (s != EAO_OK) return eao_fail(b->ctx, s, "self-test: %s", eao_session_message(b->session));
  return EAO_OK;
}

static eao_status bench_all(bench *b, const char *path) {
  EAO_TRY(load(b, path));
  if (b->o.self_test) EAO_TRY(self_test(b));
  EAO_TRY(make_inputs(b));
  EAO_TRY(eao_meter_open(b->ctx, b->o.sysfs, &b->meter));
  EAO_TRY(warm_up(b));
  EAO_TRY(measure(b));
  b->out->rss_peak_kib = peak_rss_kib();
  if (b->o.sustained_s > 0) EAO_TRY(sustain(b));
  if (b->o.profile) EAO_TRY(profile(b));
  return EAO_OK;
}

eao_status eao_bench_package(eao_ctx *ctx, const char *path, const eao_bench_opts *opts,
                             eao_bench **out) {
  bench b = {.ctx = ctx};
  *out = NULL;
  if (opts) b.o = *opts;
  if (!b.o.warmup) b.o.warmup = 10;
  if (!b.o.runs) b.o.runs = 200;
  if (!(b.o.seconds > 0)) b.o.seconds = 0.5;
  b.out = eao_alloc(ctx, sizeof *b.out);
  if (!b.out) return EAO_NOMEM(ctx);
  eao_status s = bench_all(&b, path);
  for (uint32_t i = 0; b.input && i < b.n_input; i++) eao_tensor_destroy(ctx, &b.input[i]);
  eao_free(ctx, b.input);
  eao_free(ctx, b.time);
  eao_free(ctx, b.step_ns);
  eao_pool_destroy(b.pool);
  eao_meter_close(b.meter);
  eao_free(ctx, b.pool_memory);
  eao_free(ctx, b.block);
  if (b.is_open) eao_package_close(&b.package);
  if (s != EAO_OK) {
    eao_bench_destroy(ctx, b.out);
    return s;
  }
  *out = b.out;
  return EAO_OK;
}

void eao_bench_destroy(eao_ctx *ctx, eao_bench *b) {
  if (!b) return;
  eao_free(ctx, b->sorted_ms);
  eao_free(ctx, b->step);
  eao_free(ctx, b->second);
  eao_free(ctx, b);
}
