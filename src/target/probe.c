/* The machine this runs on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/peak.h"
#include "target/target.h"

static bool read_line(const char *path, char *out, size_t cap) {
  FILE *f = fopen(path, "re");
  if (!f) return false;
  bool ok = fgets(out, (int)cap, f) != NULL;
  fclose(f);
  if (ok) out[strcspn(out, "\n")] = 0;
  return ok;
}

/* "48K" or "2M" of /sys; 0 when it cannot be read. */
static double cache_kib(int index) {
  char path[96], text[32], *unit;
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", index);
  if (!read_line(path, text, sizeof text)) return 0;
  double v = strtod(text, &unit);
  return *unit == 'M' ? v * 1024 : v;
}

void eao_target_host_caches(eao_cluster *k) {
  memset(k, 0, sizeof *k);
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  k->cores = cores > 0 ? cores : 1;
  for (int i = 0; i < 8; i++) {
    char path[96], level[16], type[32];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/level", i);
    if (!read_line(path, level, sizeof level)) break;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/type", i);
    if (!read_line(path, type, sizeof type) || strcmp(type, "Instruction") == 0) continue;
    double kib = cache_kib(i);
    if (*level == '1')
      k->l1d_kib = kib;
    else if (*level == '2')
      k->l2_kib = kib;
    else if (*level == '3')
      k->l3_kib = kib;
  }
}

/* Best of several short runs: the machine may be busy, but it is never faster than it is. */
static double peak_gmacs(eao_peak_fn fn) {
  volatile float sink;
  uint64_t n = 1000;
  double best = 0;
  uint64_t end = eao_clock_ns() + 40000000;
  do {
    uint64_t t0 = eao_clock_ns();
    uint64_t macs = fn(n, &sink);
    uint64_t t = eao_clock_ns() - t0;
    if (t < 1000000) {
      n *= 2;
      continue;
    }
    double speed = (double)macs / (double)t;
    if (speed > best) best = speed;
  } while (eao_clock_ns() < end);
  return best;
}

/* Sustained read of a block that no cache holds. */
static double bandwidth_gb_s(eao_ctx *ctx) {
  size_t n = (size_t)64 << 20;
  uint64_t *p = eao_alloc(ctx, n); /* zeroed: every page is there */
  if (!p) return 0;
  double best = 0;
  volatile uint64_t sink;
  for (int round = 0; round < 4; round++) {
    uint64_t s[4] = {0};
    uint64_t t0 = eao_clock_ns();
    for (size_t i = 0; i < n / 8; i += 4)
      for (size_t k = 0; k < 4; k++) s[k] += p[i + k];
    uint64_t t = eao_clock_ns() - t0;
    sink = s[0] + s[1] + s[2] + s[3];
    if (t && (double)n / (double)t > best) best = (double)n / (double)t;
  }
  (void)sink;
  eao_free(ctx, p);
  return best;
}

static void describe(eao_target *t) {
  char line[256];
  FILE *f = fopen("/proc/cpuinfo", "re");
  snprintf(t->title, sizeof t->title, "this machine");
  while (f && fgets(line, sizeof line, f)) {
    char *colon = strchr(line, ':');
    if (!colon) continue;
    if (strncmp(line, "model name", 10) == 0) {
      colon[strcspn(colon, "\n")] = 0;
      snprintf(t->title, sizeof t->title, "this machine: %.70s", colon + 2);
    } else if (strncmp(line, "cpu MHz", 7) == 0) {
      t->cluster[0].clock_mhz = strtod(colon + 1, NULL);
    }
    if (t->cluster[0].clock_mhz > 0) break;
  }
  if (f) fclose(f);
}

eao_status eao_target_probe(eao_ctx *ctx, eao_target *out) {
  static eao_target cached; /* a process sees one machine */
  if (cached.is_host) {
    *out = cached;
    return EAO_OK;
  }
  eao_target t;
  memset(&t, 0, sizeof t);
  snprintf(t.name, sizeof t.name, "host");
  t.isa = eao_cpu_isa();
  t.cpu_flags = eao_cpu_flags();
  t.n_cluster = 1;
  eao_cluster *k = &t.cluster[0];
  eao_target_host_caches(k);
  snprintf(k->name, sizeof k->name, "cpu");
  describe(&t);
  k->f32_gmacs = peak_gmacs(eao_peak_f32(t.cpu_flags));
  k->i8_gmacs = peak_gmacs(eao_peak_i8(t.cpu_flags));
  t.bandwidth_gb_s = bandwidth_gb_s(ctx);
  long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  t.ram_kib = pages > 0 && page > 0 ? (double)pages * (double)page / 1024 : 1 << 20;
  if (!(k->f32_gmacs > 0) || !(k->i8_gmacs > 0) || !(t.bandwidth_gb_s > 0))
    return eao_fail(ctx, EAO_ERR_NOMEM, "cannot measure this machine");
  t.weights_in_ram = 1;
  t.step_overhead_us = 0.5;
  t.efficiency_f32 = t.efficiency_i8 = 0.5;
  /* A server or desktop core in a 7 to 5 nm process; docs/targets.md has the reasoning. */
  t.pj_per_mac_f32 = 8;
  t.pj_per_mac_i8 = 2;
  t.pj_per_byte_cache = 4;
  t.pj_per_byte_dram = 60;
  t.idle_mw = 3000;
  snprintf(t.source, sizeof t.source,
           "speeds, caches and memory measured on this machine; energy figures are a model");
  t.is_host = true;
  cached = t;
  *out = t;
  return EAO_OK;
}
