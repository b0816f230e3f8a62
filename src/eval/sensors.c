/* Kernel interfaces: Documentation/power/powercap/powercap.rst,
 * Documentation/hwmon/sysfs-interface.rst, Documentation/ABI/testing/sysfs-class-power and
 * sysfs-class-thermal. */
#include "eao/sensors.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { PATH_BYTES = 512, TEXT = 64, COUNTERS_MAX = 16 };
static const uint64_t sample_ns = 20000000;

/* A file that counts energy and starts again at its range. */
typedef struct counter {
  char path[PATH_BYTES];
  double range, last, sum; /* microjoules */
} counter;

struct eao_meter {
  eao_ctx *ctx;
  char root[256], name[160];
  eao_meter_kind kind;
  counter counter[COUNTERS_MAX];
  uint32_t n_counter;
  char power[PATH_BYTES];                     /* microwatts; "" none */
  char current[PATH_BYTES], volt[PATH_BYTES]; /* their product with `unit` is in watts */
  double unit;
  uint64_t last_ns;
  double last_w, joules;
  bool known;
};

static const char *root_of(const char *sysfs) {
  const char *env = getenv("EAO_SYSFS");
  return sysfs ? sysfs : env && *env ? env : "/sys";
}

static bool read_text(const char *path, char out[TEXT]) {
  FILE *f = fopen(path, "re");
  out[0] = 0;
  if (!f) return false;
  bool ok = fgets(out, TEXT, f) != NULL;
  fclose(f);
  out[strcspn(out, "\n")] = 0;
  return ok;
}

static double read_number(const char *path) {
  char text[TEXT], *end;
  if (!read_text(path, text)) return NAN;
  double v = strtod(text, &end);
  return end == text ? (double)NAN : v;
}

static void join(char out[PATH_BYTES], const char *dir, const char *name) {
  snprintf(out, PATH_BYTES, "%.300s/%.200s", dir, name);
}

/* Calls fn for each entry of root/sub whose name begins with prefix, in the order of names, until
 * it returns true. */
typedef bool (*entry_fn)(void *user, const char *dir, const char *name);
static bool each_entry(const char *root, const char *sub, const char *prefix, entry_fn fn,
                       void *user) {
  char dir[PATH_BYTES], path[PATH_BYTES];
  struct dirent **list;
  join(dir, root, sub);
  int n = scandir(dir, &list, NULL, alphasort);
  bool done = false;
  for (int i = 0; i < n; i++) {
    if (!done && strncmp(list[i]->d_name, prefix, strlen(prefix)) == 0) {
      join(path, dir, list[i]->d_name);
      done = fn(user, path, list[i]->d_name);
    }
    free(list[i]);
  }
  if (n >= 0) free(list);
  return done;
}

/* ---- RAPL ---- */

static void add_name(eao_meter *m, const char *s) {
  size_t n = strlen(m->name);
  snprintf(m->name + n, sizeof m->name - n, "%s%s", n ? " " : "", s);
}

static void add_counter(eao_meter *m, const char *dir, const char *file, const char *range) {
  if (m->n_counter == COUNTERS_MAX) return;
  counter *c = &m->counter[m->n_counter];
  char path[PATH_BYTES];
  memset(c, 0, sizeof *c);
  join(c->path, dir, file);
  join(path, dir, range);
  c->range = read_number(path);
  if (!isnan(read_number(c->path))) m->n_counter++; /* newer kernels let only root read it */
}

/* Packages, and memory beside them; cores and graphics are part of the package. */
static bool rapl_zone(void *user, const char *dir, const char *entry) {
  eao_meter *m = user;
  char path[PATH_BYTES], name[TEXT];
  (void)entry;
  join(path, dir, "name");
  if (!read_text(path, name)) return false;
  if (strncmp(name, "package", 7) != 0 && strcmp(name, "dram") != 0) return false;
  uint32_t n = m->n_counter;
  add_counter(m, dir, "energy_uj", "max_energy_range_uj");
  if (m->n_counter > n) add_name(m, name);
  return false;
}

static bool find_rapl(eao_meter *m) {
  snprintf(m->name, sizeof m->name, "RAPL");
  each_entry(m->root, "class/powercap", "intel-rapl:", rapl_zone, m);
  return m->n_counter > 0;
}

/* ---- hwmon ---- */

/* Input rails by the names that boards give them. */
static bool is_supply(const char *chip, const char *label) {
  static const char *const words[] = {"VDD_IN", "POM_5V_IN", "VIN", "vin", "input", "total", "SYS"};
  for (size_t i = 0; i < EAO_COUNT(words); i++)
    if (strstr(label, words[i])) return true;
  return strncmp(chip, "ina", 3) == 0;
}

static bool hwmon_channel(eao_meter *m, const char *dir, const char *chip, int k) {
  char file[TEXT], path[PATH_BYTES], label[TEXT] = "";
  static const char *const labels[] = {"power%d_label", "energy%d_label", "in%d_label"};
  for (size_t i = 0; i < EAO_COUNT(labels) && !*label; i++) {
    snprintf(file, sizeof file, labels[i], k);
    join(path, dir, file);
    read_text(path, label);
  }
  if (!is_supply(chip, label)) return false;
  snprintf(m->name, sizeof m->name, "hwmon %s%s%s", chip, *label ? " " : "", label);
  snprintf(file, sizeof file, "energy%d_input", k);
  add_counter(m, dir, file, "");
  if (m->n_counter) return true;
  snprintf(file, sizeof file, "power%d_input", k);
  join(m->power, dir, file);
  if (!isnan(read_number(m->power))) return true;
  m->power[0] = 0;
  snprintf(file, sizeof file, "curr%d_input", k); /* mA, mV */
  join(m->current, dir, file);
  snprintf(file, sizeof file, "in%d_input", k);
  join(m->volt, dir, file);
  m->unit = 1e-6;
  return !isnan(read_number(m->current)) && !isnan(read_number(m->volt));
}

static bool hwmon_device(void *user, const char *dir, const char *entry) {
  char path[PATH_BYTES], chip[TEXT];
  (void)entry;
  join(path, dir, "name");
  if (!read_text(path, chip)) return false;
  for (int k = 1; k <= 8; k++)
    if (hwmon_channel(user, dir, chip, k)) return true;
  return false;
}

/* ---- battery ---- */

static bool battery(void *user, const char *dir, const char *entry) {
  eao_meter *m = user;
  char path[PATH_BYTES], text[TEXT];
  join(path, dir, "type");
  if (!read_text(path, text) || strcmp(text, "Battery") != 0) return false;
  join(path, dir, "status");
  if (!read_text(path, text) || strcmp(text, "Discharging") != 0) return false;
  snprintf(m->name, sizeof m->name, "battery %.60s", entry);
  join(m->power, dir, "power_now");
  if (!isnan(read_number(m->power))) return true;
  m->power[0] = 0;
  join(m->current, dir, "current_now"); /* uA, uV */
  join(m->volt, dir, "voltage_now");
  m->unit = 1e-12;
  return !isnan(read_number(m->current)) && !isnan(read_number(m->volt));
}

/* ---- the meter ---- */

eao_status eao_meter_open(eao_ctx *ctx, const char *sysfs, eao_meter **out) {
  eao_meter *m = eao_alloc(ctx, sizeof *m);
  *out = m;
  if (!m) return EAO_NOMEM(ctx);
  m->ctx = ctx;
  snprintf(m->root, sizeof m->root, "%s", root_of(sysfs));
  if (find_rapl(m))
    m->kind = EAO_METER_RAPL;
  else if (each_entry(m->root, "class/hwmon", "hwmon", hwmon_device, m))
    m->kind = EAO_METER_HWMON;
  else if (each_entry(m->root, "class/power_supply", "", battery, m))
    m->kind = EAO_METER_BATTERY;
  else
    m->name[0] = 0;
  return EAO_OK;
}

void eao_meter_close(eao_meter *m) {
  if (m) eao_free(m->ctx, m);
}
eao_meter_kind eao_meter_get(const eao_meter *m) {
  return m->kind;
}
const char *eao_meter_name(const eao_meter *m) {
  return m->name;
}

static double read_watts(const eao_meter *m) {
  if (m->power[0]) return read_number(m->power) * 1e-6;
  return fabs(read_number(m->current) * read_number(m->volt)) * m->unit;
}

static void read_counters(eao_meter *m, bool first) {
  for (uint32_t i = 0; i < m->n_counter; i++) {
    counter *c = &m->counter[i];
    double v = read_number(c->path);
    if (isnan(v)) {
      m->known = false;
      continue;
    }
    if (!first) c->sum += v >= c->last ? v - c->last : v - c->last + (c->range > 0 ? c->range : 0);
    if (first) c->sum = 0;
    c->last = v;
  }
}

void eao_meter_start(eao_meter *m) {
  m->joules = 0;
  m->known = m->kind != EAO_METER_NONE;
  m->last_ns = eao_clock_ns();
  if (m->n_counter)
    read_counters(m, true);
  else if (m->known)
    m->last_w = read_watts(m);
}

static void sample(eao_meter *m) {
  uint64_t now = eao_clock_ns();
  if (m->n_counter) {
    read_counters(m, false);
  } else {
    double w = read_watts(m);
    m->joules += (w + m->last_w) / 2 * (double)(now - m->last_ns) * 1e-9;
    m->last_w = w;
  }
  m->last_ns = now;
}

void eao_meter_sample(eao_meter *m) {
  if (m->kind != EAO_METER_NONE && eao_clock_ns() - m->last_ns >= sample_ns) sample(m);
}

double eao_meter_stop(eao_meter *m) {
  if (m->kind == EAO_METER_NONE) return NAN;
  sample(m);
  double mj = m->joules * 1e3;
  for (uint32_t i = 0; i < m->n_counter; i++) mj += m->counter[i].sum * 1e-3;
  return m->known ? mj : (double)NAN;
}

/* ---- heat ---- */

static bool hottest(void *user, const char *dir, const char *entry) {
  double *most = user;
  char path[PATH_BYTES];
  (void)entry;
  join(path, dir, "temp");
  double v = read_number(path) / 1000;
  if (v > *most || isnan(*most)) *most = v;
  return false;
}

typedef struct clocks {
  double mhz, n, events;
} clocks;

static bool cpu(void *user, const char *dir, const char *entry) {
  clocks *c = user;
  char path[PATH_BYTES];
  if (entry[3] < '0' || entry[3] > '9') return false;
  join(path, dir, "cpufreq/scaling_cur_freq");
  double khz = read_number(path);
  if (khz > 0) {
    c->mhz += khz / 1000;
    c->n++;
  }
  join(path, dir, "thermal_throttle/core_throttle_count");
  double events = read_number(path);
  if (!isnan(events)) c->events = isnan(c->events) ? events : c->events + events;
  return false;
}

eao_heat eao_heat_read(const char *sysfs) {
  const char *root = root_of(sysfs);
  char path[PATH_BYTES], text[TEXT];
  eao_heat h = {NAN, NAN, NAN, false};
  clocks c = {0, 0, NAN};
  each_entry(root, "class/thermal", "thermal_zone", hottest, &h.temperature_c);
  each_entry(root, "devices/system/cpu", "cpu", cpu, &c);
  if (c.n > 0) h.clock_mhz = c.mhz / c.n;
  h.throttle_events = c.events;
  /* Raspberry Pi: bits 0 to 3 are under-voltage, capped clock, throttled, soft temperature limit.
   */
  join(path, root, "devices/platform/soc/soc:firmware/get_throttled");
  if (read_text(path, text)) h.throttled_now = (strtoul(text, NULL, 16) & 0xF) != 0;
  return h;
}

eao_thermal_verdict eao_thermal_judge(double slowdown, const eao_heat *start, const eao_heat *end) {
  if (!(slowdown > 1.03)) return EAO_THERMAL_STEADY;
  bool clocks_fell = end->clock_mhz < 0.97 * start->clock_mhz;
  bool counted = end->throttle_events > start->throttle_events;
  return clocks_fell || counted || end->throttled_now ? EAO_THERMAL_THROTTLED : EAO_THERMAL_SLOWER;
}

const char *eao_thermal_name(eao_thermal_verdict v) {
  return v == EAO_THERMAL_STEADY   ? "steady"
         : v == EAO_THERMAL_SLOWER ? "slower towards the end"
                                   : "throttled";
}
