#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "target/builtin.h"
#include "target/target.h"

enum { MAX_PARENTS = 8 };

static const struct {
  const char *name;
  eao_isa isa;
} isas[] = {{"any", EAO_ISA_ANY},
            {"x86_64", EAO_ISA_X86_64},
            {"arm64", EAO_ISA_ARM64},
            {"arm32", EAO_ISA_ARM32},
            {"riscv64", EAO_ISA_RISCV64}};

static const struct {
  const char *name;
  uint32_t flag;
} flags[] = {{"sse41", EAO_CPU_SSE41},
             {"avx2", EAO_CPU_AVX2},
             {"avx512", EAO_CPU_AVX512},
             {"avx512_vnni", EAO_CPU_AVX512_VNNI},
             {"avx_vnni", EAO_CPU_AVX_VNNI},
             {"neon", EAO_CPU_NEON},
             {"dotprod", EAO_CPU_DOTPROD},
             {"i8mm", EAO_CPU_I8MM},
             {"rvv", EAO_CPU_RVV}};

/* Every number of a profile: one table for reading and printing. */
typedef struct field {
  const char *section, *key;
  size_t offset;
  double max;
} field;

#define FIELD(section, key, member, max)                                                           \
  { section, key, offsetof(eao_target, member), max }
static const field fields[] = {
    FIELD("memory", "ram_kib", ram_kib, 1e10),
    FIELD("memory", "flash_kib", flash_kib, 1e12),
    FIELD("memory", "weights_in_ram", weights_in_ram, 1),
    FIELD("memory", "bandwidth_gb_s", bandwidth_gb_s, 1e5),
    FIELD("speed", "step_overhead_us", step_overhead_us, 1e6),
    FIELD("speed", "efficiency_f32", efficiency_f32, 1),
    FIELD("speed", "efficiency_i8", efficiency_i8, 1),
    FIELD("energy", "pj_per_mac_f32", pj_per_mac_f32, 1e6),
    FIELD("energy", "pj_per_mac_i8", pj_per_mac_i8, 1e6),
    FIELD("energy", "pj_per_byte_cache", pj_per_byte_cache, 1e6),
    FIELD("energy", "pj_per_byte_dram", pj_per_byte_dram, 1e6),
    FIELD("energy", "idle_mw", idle_mw, 1e9),
};
#undef FIELD

const char *eao_isa_name(eao_isa isa) {
  for (size_t i = 0; i < EAO_COUNT(isas); i++)
    if (isas[i].isa == isa) return isas[i].name;
  return "unknown";
}

static eao_status read_isa(eao_conf *c, const eao_conf_node *root, eao_target *t) {
  const char *isa = NULL;
  EAO_TRY(eao_conf_text(c, root, "isa", &isa));
  if (isa) {
    size_t i = 0;
    while (i < EAO_COUNT(isas) && strcmp(isas[i].name, isa) != 0) i++;
    if (i == EAO_COUNT(isas))
      return eao_conf_fail(c, eao_conf_get(root, "isa"),
                           "isa '%s' is not one of x86_64, arm64, arm32, riscv64, any", isa);
    t->isa = isas[i].isa;
  }
  const eao_conf_node *list = eao_conf_get(root, "cpu_flags");
  if (list) t->cpu_flags = 0;
  void *state = NULL;
  for (const eao_conf_node *n; (n = eao_conf_next(list, &state, NULL));) {
    const char *name = eao_conf_scalar(n);
    size_t i = 0;
    while (name && i < EAO_COUNT(flags) && strcmp(flags[i].name, name) != 0) i++;
    if (!name || i == EAO_COUNT(flags))
      return eao_conf_fail(c, n, "unknown CPU flag '%s'", name ? name : "");
    t->cpu_flags |= flags[i].flag;
  }
  return EAO_OK;
}

static eao_status read_text(eao_conf *c, const eao_conf_node *root, const char *key, char *out,
                            size_t cap) {
  const char *s = NULL;
  EAO_TRY(eao_conf_text(c, root, key, &s));
  if (!s) return EAO_OK;
  if (strlen(s) >= cap)
    return eao_conf_fail(c, eao_conf_get(root, key), "'%s' is longer than %zu bytes", key, cap - 1);
  snprintf(out, cap, "%s", s);
  return EAO_OK;
}

static eao_status read_clusters(eao_conf *c, const eao_conf_node *root, eao_target *t) {
  static const char *const known[] = {"name",   "cores",     "clock_mhz", "l1d_kib", "l2_kib",
                                      "l3_kib", "f32_gmacs", "i8_gmacs",  NULL};
  const eao_conf_node *list = eao_conf_get(root, "clusters");
  if (!list) return EAO_OK;
  uint32_t n = eao_conf_count(list);
  if (n < 1 || n > EAO_MAX_CLUSTERS)
    return eao_conf_fail(c, list, "'clusters' must have 1 to %d entries", EAO_MAX_CLUSTERS);
  t->n_cluster = n;
  for (uint32_t i = 0; i < n; i++) {
    const eao_conf_node *e = eao_conf_at(list, i, NULL);
    eao_cluster *k = &t->cluster[i];
    memset(k, 0, sizeof *k);
    k->cores = 1;
    EAO_TRY(eao_conf_only(c, e, known));
    EAO_TRY(read_text(c, e, "name", k->name, sizeof k->name));
    EAO_TRY(eao_conf_integer(c, e, "cores", 1, 1024, &k->cores));
    EAO_TRY(eao_conf_number(c, e, "clock_mhz", 1, 1e5, &k->clock_mhz));
    EAO_TRY(eao_conf_number(c, e, "l1d_kib", 0, 1e6, &k->l1d_kib));
    EAO_TRY(eao_conf_number(c, e, "l2_kib", 0, 1e6, &k->l2_kib));
    EAO_TRY(eao_conf_number(c, e, "l3_kib", 0, 1e7, &k->l3_kib));
    EAO_TRY(eao_conf_number(c, e, "f32_gmacs", 1e-4, 1e6, &k->f32_gmacs));
    EAO_TRY(eao_conf_number(c, e, "i8_gmacs", 1e-4, 1e6, &k->i8_gmacs));
  }
  return EAO_OK;
}

/* kernels: [{name: conv_f32_avx2, us: [0.2, 31, ...]}] */
static eao_status read_kernels(eao_conf *c, const eao_conf_node *root, eao_target *t) {
  static const char *const known[] = {"name", "us", NULL};
  const eao_conf_node *list = eao_conf_get(root, "kernels");
  if (!list) return EAO_OK;
  if (eao_conf_count(list) > EAO_MAX_KERNEL_SPEEDS)
    return eao_conf_fail(c, list, "'kernels' has more than %d entries", EAO_MAX_KERNEL_SPEEDS);
  t->n_kernel = 0;
  for (uint32_t i = 0; i < eao_conf_count(list); i++) {
    const eao_conf_node *e = eao_conf_at(list, i, NULL), *us = eao_conf_get(e, "us");
    eao_kernel_speed *k = &t->kernel[t->n_kernel++];
    memset(k, 0, sizeof *k);
    EAO_TRY(eao_conf_only(c, e, known));
    EAO_TRY(read_text(c, e, "name", k->name, sizeof k->name));
    if (eao_conf_count(us) != EAO_KERNEL_FEATURES)
      return eao_conf_fail(c, e, "'us' must have %d numbers", EAO_KERNEL_FEATURES);
    for (uint32_t f = 0; f < EAO_KERNEL_FEATURES; f++) {
      const char *text = eao_conf_scalar(eao_conf_at(us, f, NULL));
      char *end = NULL;
      k->us[f] = text ? strtod(text, &end) : -1;
      if (!text || *end || !(k->us[f] >= 0 && k->us[f] < 1e9))
        return eao_conf_fail(c, e, "'us' must be numbers that are not negative");
    }
  }
  return EAO_OK;
}

static eao_status read_profile(eao_ctx *ctx, eao_conf *c, eao_target *t, int depth);

static eao_status load_any(eao_ctx *ctx, const char *name, eao_target *t, int depth) {
  eao_conf *c;
  size_t n = strlen(name);
  const eao_builtin_target *b = eao_builtin_targets;
  if (strchr(name, '/') || (n > 5 && strcmp(name + n - 5, ".yaml") == 0)) {
    EAO_TRY(eao_conf_load(ctx, name, &c));
  } else {
    while (b->name && strcmp(b->name, name) != 0) b++;
    if (!b->name)
      return eao_fail(ctx, EAO_ERR_ARG,
                      "no target '%s': see `eao target list`, or give the path of a .yaml", name);
    EAO_TRY(eao_conf_parse(ctx, name, b->text, strlen(b->text), &c));
  }
  eao_status s = read_profile(ctx, c, t, depth);
  eao_conf_destroy(c);
  return s;
}

static eao_status read_profile(eao_ctx *ctx, eao_conf *c, eao_target *t, int depth) {
  static const char *const known[] = {"name",     "title",   "inherits", "isa",    "cpu_flags",
                                      "clusters", "memory",  "speed",    "energy", "accelerator",
                                      "source",   "kernels", NULL};
  const eao_conf_node *root = eao_conf_root(c);
  const char *parent = NULL;
  EAO_TRY(eao_conf_only(c, root, known));
  EAO_TRY(eao_conf_text(c, root, "inherits", &parent));
  if (parent) {
    if (depth >= MAX_PARENTS)
      return eao_conf_fail(c, root, "more than %d parents: does a profile inherit itself?",
                           MAX_PARENTS);
    EAO_TRY(load_any(ctx, parent, t, depth + 1));
  }
  EAO_TRY(read_text(c, root, "name", t->name, sizeof t->name));
  EAO_TRY(read_text(c, root, "title", t->title, sizeof t->title));
  EAO_TRY(read_text(c, root, "accelerator", t->accelerator, sizeof t->accelerator));
  EAO_TRY(read_text(c, root, "source", t->source, sizeof t->source));
  EAO_TRY(read_isa(c, root, t));
  EAO_TRY(read_clusters(c, root, t));
  EAO_TRY(read_kernels(c, root, t));
  for (size_t i = 0; i < EAO_COUNT(fields); i++)
    EAO_TRY(eao_conf_number(c, eao_conf_get(root, fields[i].section), fields[i].key, 0,
                            fields[i].max, (double *)(void *)((char *)t + fields[i].offset)));
  return EAO_OK;
}

static eao_status check(eao_ctx *ctx, const char *name, const eao_target *t) {
  if (!t->n_cluster || !(t->cluster[0].f32_gmacs > 0) || !(t->cluster[0].i8_gmacs > 0) ||
      !(t->bandwidth_gb_s > 0) || !(t->ram_kib > 0) || !(t->efficiency_f32 > 0) ||
      !(t->efficiency_i8 > 0))
    return eao_fail(ctx, EAO_ERR_FORMAT,
                    "target '%s': needs clusters with f32_gmacs and i8_gmacs, memory.ram_kib, "
                    "memory.bandwidth_gb_s and speed.efficiency_f32/_i8",
                    name);
  return EAO_OK;
}

eao_status eao_target_load(eao_ctx *ctx, const char *name, eao_target *out) {
  if (strcmp(name, "host") == 0) return eao_target_probe(ctx, out);
  memset(out, 0, sizeof *out);
  out->weights_in_ram = 1;
  EAO_TRY(load_any(ctx, name, out, 0));
  return check(ctx, name, out);
}

eao_status eao_target_parse(eao_ctx *ctx, const char *name, const char *text, eao_target *out) {
  eao_conf *c;
  memset(out, 0, sizeof *out);
  out->weights_in_ram = 1;
  EAO_TRY(eao_conf_parse(ctx, name, text, strlen(text), &c));
  eao_status s = read_profile(ctx, c, out, 0);
  eao_conf_destroy(c);
  return s == EAO_OK ? check(ctx, name, out) : s;
}

const char *eao_target_builtin(uint32_t i) {
  const eao_builtin_target *b = eao_builtin_targets;
  while (i > 0 && b->name) {
    b++;
    i--;
  }
  return b->name;
}

void eao_target_print(const eao_target *t, eao_text *out) {
  eao_text_printf(out, "name: %s\ntitle: \"%s\"\nisa: %s\ncpu_flags: [", t->name, t->title,
                  eao_isa_name(t->isa));
  const char *comma = "";
  for (size_t i = 0; i < EAO_COUNT(flags); i++) {
    if (!(t->cpu_flags & flags[i].flag)) continue;
    eao_text_printf(out, "%s%s", comma, flags[i].name);
    comma = ", ";
  }
  eao_text_printf(out, "]\nclusters:\n");
  for (uint32_t i = 0; i < t->n_cluster; i++) {
    const eao_cluster *k = &t->cluster[i];
    eao_text_printf(out,
                    "  - {name: \"%s\", cores: %lld, clock_mhz: %g, l1d_kib: %g, l2_kib: %g, "
                    "l3_kib: %g, f32_gmacs: %.4g, i8_gmacs: %.4g}\n",
                    k->name, (long long)k->cores, k->clock_mhz > 0 ? k->clock_mhz : 1, k->l1d_kib,
                    k->l2_kib, k->l3_kib, k->f32_gmacs, k->i8_gmacs);
  }
  const char *section = "";
  for (size_t i = 0; i < EAO_COUNT(fields); i++) {
    double v;
    memcpy(&v, (const char *)t + fields[i].offset, sizeof v);
    if (strcmp(section, fields[i].section) != 0) eao_text_printf(out, "%s:\n", fields[i].section);
    section = fields[i].section;
    eao_text_printf(out, "  %s: %.10g\n", fields[i].key, v);
  }
  if (t->n_kernel)
    eao_text_printf(out,
                    "# microseconds: of a call, per 1e6 multiply-accumulates, KiB written, KiB "
                    "read, KiB of weights\nkernels:\n");
  for (uint32_t i = 0; i < t->n_kernel; i++) {
    const eao_kernel_speed *k = &t->kernel[i];
    eao_text_printf(out, "  - {name: %s, us: [%.4g, %.4g, %.4g, %.4g, %.4g]}\n", k->name, k->us[0],
                    k->us[1], k->us[2], k->us[3], k->us[4]);
  }
  if (*t->accelerator) eao_text_printf(out, "accelerator: \"%s\"\n", t->accelerator);
  if (*t->source) eao_text_printf(out, "source: \"%s\"\n", t->source);
}

static int usable_cores(const eao_target *t, int threads) {
  int cores = (int)t->cluster[0].cores;
  return threads < 1 ? 1 : threads > cores ? cores : threads;
}

/* Cycles of a multiply-accumulate in a reference kernel: 1.1 (float) and 3.3 (8 bits) measured on a
 * wide x86 core; narrower cores are slower. */
static const double reference_cycles = 4;

void eao_kernel_features(const eao_step_work *w, double out[EAO_KERNEL_FEATURES]) {
  /* Channels are computed a vector at a time: few cost as much as a vector full. */
  enum { VECTOR = 16 };
  double padded = w->channels > 0 ? ceil(w->channels / VECTOR) * VECTOR / w->channels : 1;
  out[0] = 1;
  out[1] = w->macs * 1e-6 * padded;
  out[2] = w->out_bytes / 1024;
  out[3] = w->in_bytes / 1024;
  out[4] = w->weight_bytes / 1024;
}

/* 0 when its speed was not measured. */
static double measured_ms(const eao_target *t, const eao_step_work *w) {
  double f[EAO_KERNEL_FEATURES], us = 0;
  uint32_t k = 0;
  while (w->kernel && k < t->n_kernel && strcmp(t->kernel[k].name, w->kernel) != 0) k++;
  if (!w->kernel || k == t->n_kernel) return 0;
  eao_kernel_features(w, f);
  for (int i = 0; i < EAO_KERNEL_FEATURES; i++) us += t->kernel[k].us[i] * f[i];
  return us * 1e-3;
}

double eao_target_step_ms(const eao_target *t, const eao_step_work *w, int threads) {
  /* Steps with less work than waking the others takes are not shared (plan.h); sharing costs two
   * hand-overs between cores. */
  static const double shared_macs = 40000, hand_over_us = 2;
  const eao_cluster *k = &t->cluster[0];
  if (w->macs < shared_macs) threads = 1;
  double measured = measured_ms(t, w);
  /* Measured with weights close by; when all of them do not fit a core's own cache, they come from
   * the shared one, about four times as fast as main memory. */
  if (measured > 0 && w->weights_far)
    measured = fmax(measured, w->weight_bytes / (4 * t->bandwidth_gb_s) * 1e-6);
  if (measured > 0) {
    int n = usable_cores(t, threads);
    return measured / n + (n > 1 ? hand_over_us * 1e-3 : 0);
  }
  double gmacs = w->is_int8 ? k->i8_gmacs * t->efficiency_i8 : k->f32_gmacs * t->efficiency_f32;
  if (w->reference) gmacs = k->clock_mhz * 1e-3 / reference_cycles;
  double arithmetic = w->macs / (gmacs * usable_cores(t, threads)) * 1e-6;
  /* A core moves about 16 bytes a cycle from its caches; main memory is shared. */
  double cache_gb_s = 16e-3 * (k->clock_mhz > 0 ? k->clock_mhz : 1000) * usable_cores(t, threads);
  double memory = w->bytes_dram / t->bandwidth_gb_s * 1e-6 + w->bytes_in_cache / cache_gb_s * 1e-6;
  double overhead = t->step_overhead_us + (usable_cores(t, threads) > 1 ? hand_over_us : 0);
  return (arithmetic > memory ? arithmetic : memory) + overhead * 1e-3;
}

double eao_target_step_mj(const eao_target *t, const eao_step_work *w) {
  double pj = w->macs * (w->is_int8 ? t->pj_per_mac_i8 : t->pj_per_mac_f32) +
              w->bytes_in_cache * t->pj_per_byte_cache + w->bytes_dram * t->pj_per_byte_dram;
  return pj * 1e-9;
}
