/* From /proc and /sys; each source may be missing. */
#include "eao/machine.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/base.h"
#include "target/target.h"

enum { TEXT = 256 };

/* First line of a file. */
static bool read_line(const char *path, char out[TEXT]) {
  out[0] = 0;
  FILE *f = fopen(path, "re");
  if (!f) return false;
  bool ok = fgets(out, TEXT, f) != NULL;
  fclose(f);
  out[strcspn(out, "\n")] = 0;
  return ok;
}

/* Of a CPU: /sys/devices/system/cpu/cpu<cpu>/<name>. */
static bool read_cpu(int cpu, const char *name, char out[TEXT]) {
  char path[TEXT];
  snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%.120s", cpu, name);
  return read_line(path, out);
}

static double number_of(bool ok, const char *text) {
  return ok ? strtod(text, NULL) : 0;
}

/* ---- CPU ---- */

/* As the kernel spells them, x86 and Arm; others are of no use to EAO's kernels. */
static const char *const useful[] = {
    "sse4_1",   "avx",         "f16c",        "fma",      "avx2", "avx_vnni", "avx512f", "avx512bw",
    "avx512vl", "avx512_vnni", "avx512_bf16", "amx_int8", "neon", "asimd",    "fphp",    "asimdhp",
    "asimddp",  "i8mm",        "bf16",        "sve",      "sve2", "sme"};

static bool has_word(const char *list, const char *word) {
  size_t n = strlen(word);
  for (const char *p = strstr(list, word); p; p = strstr(p + 1, word))
    if ((p == list || p[-1] == ' ') && (p[n] == ' ' || p[n] == 0 || p[n] == '\n')) return true;
  return false;
}

static void take_flags(eao_machine *m, const char *list) {
  for (size_t i = 0; i < EAO_COUNT(useful); i++) {
    size_t n = strlen(m->isa);
    if (has_word(list, useful[i]) && n + strlen(useful[i]) + 2 < sizeof m->isa)
      snprintf(m->isa + n, sizeof m->isa - n, "%s%s", n ? " " : "", useful[i]);
  }
}

static void copy_value(char *out, size_t cap, const char *line) {
  const char *colon = strchr(line, ':');
  if (!colon || out[0]) return;
  colon += strspn(colon, ": \t");
  snprintf(out, cap, "%.*s", (int)strcspn(colon, "\n"), colon);
}

static void read_cpuinfo(eao_machine *m) {
  FILE *f = fopen("/proc/cpuinfo", "re");
  char *line = NULL;
  size_t cap = 0;
  while (f && getline(&line, &cap, f) > 0) {
    if (!strncmp(line, "model name", 10) || !strncmp(line, "Hardware", 8) ||
        !strncmp(line, "uarch", 5))
      copy_value(m->cpu, sizeof m->cpu, line);
    if (!strncmp(line, "isa\t", 4)) copy_value(m->isa, sizeof m->isa, line); /* RISC-V */
    if ((!strncmp(line, "flags", 5) || !strncmp(line, "Features", 8)) && !m->isa[0])
      take_flags(m, line);
  }
  free(line);
  if (f) fclose(f);
  char text[TEXT];
  if (!m->cpu[0] && read_line("/proc/device-tree/model", text))
    snprintf(m->cpu, sizeof m->cpu, "%.127s", text);
}

static void read_clusters(eao_machine *m, const cpu_set_t *set) {
  char text[TEXT];
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (!CPU_ISSET((size_t)cpu, set)) continue;
    double mhz = number_of(read_cpu(cpu, "cpufreq/cpuinfo_max_freq", text), text) / 1000;
    int32_t capacity = (int32_t)number_of(read_cpu(cpu, "cpu_capacity", text), text);
    int32_t k = 0;
    while (k < m->n_cluster && (m->cluster[k].max_mhz != mhz || m->cluster[k].capacity != capacity))
      k++;
    if (k == EAO_MACHINE_CLUSTERS) continue;
    if (k == m->n_cluster) m->cluster[m->n_cluster++] = (eao_core_cluster){cpu, 0, mhz, capacity};
    m->cluster[k].cores++;
  }
}

/* CPUs of a list like "0-3,8". */
static int count_list(const char *s) {
  int n = 0;
  while (*s) {
    char *end;
    long a = strtol(s, &end, 10), b = a;
    if (end == s) break;
    if (*end == '-') b = strtol(end + 1, &end, 10);
    if (b >= a) n += (int)(b - a + 1);
    s = *end == ',' ? end + 1 : end;
    if (*end && *end != ',') break;
  }
  return n;
}

static bool read_cache(int cpu, int index, const char *name, char out[TEXT]) {
  char path[64];
  snprintf(path, sizeof path, "cache/index%d/%.30s", index, name);
  return read_cpu(cpu, path, out);
}

static void read_caches(eao_machine *m, int cpu) {
  char text[TEXT];
  for (int i = 0; i < EAO_MACHINE_CACHES && read_cache(cpu, i, "level", text); i++) {
    eao_cache *c = &m->cache[m->n_cache++];
    c->level = (int32_t)strtol(text, NULL, 10);
    if (read_cache(cpu, i, "type", text)) snprintf(c->type, sizeof c->type, "%.15s", text);
    if (read_cache(cpu, i, "size", text)) {
      char *unit;
      c->kib = strtod(text, &unit);
      if (*unit == 'M') c->kib *= 1024;
    }
    if (read_cache(cpu, i, "shared_cpu_list", text)) c->shared_by = count_list(text);
  }
}

/* ---- memory, system ---- */

static void read_memory(eao_machine *m) {
  FILE *f = fopen("/proc/meminfo", "re");
  char line[TEXT];
  while (f && fgets(line, sizeof line, f)) {
    if (!strncmp(line, "MemTotal:", 9)) m->ram_total_kib = strtod(line + 9, NULL);
    if (!strncmp(line, "MemAvailable:", 13)) m->ram_available_kib = strtod(line + 13, NULL);
  }
  if (f) fclose(f);
  /* A container's bound counts, not the machine's. */
  double bound = number_of(read_line("/sys/fs/cgroup/memory.max", line), line) / 1024;
  if (bound > 0 && bound < m->ram_available_kib) m->ram_available_kib = bound;
}

static void read_system(eao_machine *m) {
  struct utsname u;
  char line[TEXT];
  if (uname(&u) == 0) {
    snprintf(m->arch, sizeof m->arch, "%.31s", u.machine);
    snprintf(m->kernel, sizeof m->kernel, "%.40s %.80s", u.sysname, u.release);
  }
  FILE *f = fopen("/etc/os-release", "re");
  while (f && fgets(line, sizeof line, f)) {
    if (strncmp(line, "PRETTY_NAME=", 12) != 0) continue;
    const char *p = line + 12 + (line[12] == '"');
    snprintf(m->os, sizeof m->os, "%.*s", (int)strcspn(p, "\"\n"), p);
  }
  if (f) fclose(f);
}

/* ---- what is optional ---- */

static eao_finding *add(eao_machine *m, const char *name, const char *lost) {
  eao_finding *f = &m->finding[m->n_finding++];
  f->name = name;
  snprintf(f->detail, sizeof f->detail, "%s", lost);
  return f;
}

/* Entries of a folder that start with prefix; the last one's name goes to out. */
static int count_entries(const char *dir, const char *prefix, char *out, size_t cap) {
  DIR *d = opendir(dir);
  struct dirent *e;
  int n = 0;
  while (d && (e = readdir(d))) {
    if (e->d_name[0] == '.' || strncmp(e->d_name, prefix, strlen(prefix)) != 0) continue;
    snprintf(out, cap, "%.100s", e->d_name);
    n++;
  }
  if (d) closedir(d);
  return n;
}

static void look(eao_machine *m, const char *name, const char *dir, const char *prefix,
                 const char *lost) {
  char last[128] = "";
  int n = count_entries(dir, prefix, last, sizeof last);
  eao_finding *f = add(m, name, lost);
  f->found = n > 0;
  if (n) snprintf(f->detail, sizeof f->detail, "%.60s (%d, e.g. %.60s)", dir, n, last);
}

static void look_for_energy(eao_machine *m) {
  char text[TEXT];
  eao_finding *f =
      add(m, "energy counter", "no /sys/class/powercap: energy is a model, not measured");
  bool there = access("/sys/class/powercap/intel-rapl:0/energy_uj", F_OK) == 0;
  f->found = there && access("/sys/class/powercap/intel-rapl:0/energy_uj", R_OK) == 0;
  if (f->found)
    snprintf(f->detail, sizeof f->detail, "intel-rapl (%.40s)",
             read_line("/sys/class/powercap/intel-rapl:0/name", text) ? text : "?");
  else if (there)
    snprintf(f->detail, sizeof f->detail,
             "there, but not readable: allow reading /sys/class/powercap/*/energy_uj");
}

static void look_for_perf(eao_machine *m) {
  char text[TEXT];
  eao_finding *f =
      add(m, "performance counters", "no perf events: cycles are not counted, times still are");
  if (!read_line("/proc/sys/kernel/perf_event_paranoid", text)) return;
  long level = strtol(text, NULL, 10);
  f->found = level <= 2;
  snprintf(f->detail, sizeof f->detail, "perf_event_paranoid is %ld%s", level,
           level <= 2 ? "" : "; 2 or less lets EAO count cycles");
}

static void look_for_options(eao_machine *m) {
  char text[TEXT];
  look_for_energy(m);
  look(m, "power sensors", "/sys/class/hwmon", "hwmon",
       "no /sys/class/hwmon: power and fan sensors are not read");
  look(m, "temperature", "/sys/class/thermal", "thermal_zone",
       "no thermal zones: throttling cannot be told from noise");
  eao_finding *f = add(m, "clock control",
                       "no cpufreq: the clock cannot be watched; measurements may drift with it");
  f->found = read_cpu(0, "cpufreq/scaling_governor", text);
  if (f->found)
    snprintf(f->detail, sizeof f->detail, "governor %.60s%s", text,
             strcmp(text, "performance") == 0 ? "" : "; 'performance' measures more steadily");
  look_for_perf(m);
  look(m, "accelerator", "/dev/accel", "accel", "no /dev/accel: models run on the CPU");
}

eao_status eao_machine_get(eao_ctx *ctx, bool measure, eao_machine *out) {
  memset(out, 0, sizeof *out);
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_SET(0, &set);
  out->cpus = CPU_COUNT(&set);
  int first = 0;
  while (first < CPU_SETSIZE - 1 && !CPU_ISSET((size_t)first, &set)) first++;
  char text[TEXT];
  out->threads_per_core = 1;
  if (read_cpu(first, "topology/thread_siblings_list", text) && count_list(text) > 0)
    out->threads_per_core = count_list(text);
  read_system(out);
  read_cpuinfo(out);
  read_clusters(out, &set);
  read_caches(out, first);
  read_memory(out);
  look_for_options(out);
  if (!measure) return EAO_OK;
  eao_target t;
  EAO_TRY(eao_target_probe(ctx, &t));
  out->f32_gmacs = t.cluster[0].f32_gmacs;
  out->i8_gmacs = t.cluster[0].i8_gmacs;
  out->bandwidth_gb_s = t.bandwidth_gb_s;
  return EAO_OK;
}
