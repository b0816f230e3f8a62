/* eao doctor: what this machine has. */
#include "cli/cli.h"
#include "eao/machine.h"

static json_t *clusters_json(const eao_machine *m) {
  json_t *a = json_array();
  for (int32_t i = 0; i < m->n_cluster; i++) {
    json_t *j = json_object();
    json_object_set_new(j, "first_cpu", json_integer(m->cluster[i].first_cpu));
    json_object_set_new(j, "cpus", json_integer(m->cluster[i].cores));
    json_object_set_new(j, "max_mhz", eao_cli_real(m->cluster[i].max_mhz));
    json_array_append_new(a, j);
  }
  return a;
}

static json_t *caches_json(const eao_machine *m) {
  json_t *a = json_array();
  for (int32_t i = 0; i < m->n_cache; i++) {
    json_t *j = json_object();
    json_object_set_new(j, "level", json_integer(m->cache[i].level));
    json_object_set_new(j, "type", eao_cli_string(m->cache[i].type));
    json_object_set_new(j, "size_kib", eao_cli_real(m->cache[i].kib));
    json_object_set_new(j, "shared_by", json_integer(m->cache[i].shared_by));
    json_array_append_new(a, j);
  }
  return a;
}

static int print_json(const eao_machine *m) {
  json_t *j = json_object(), *findings = json_object();
  json_object_set_new(j, "version", json_string(EAO_VERSION_STRING));
  json_object_set_new(j, "cpu", eao_cli_string(m->cpu));
  json_object_set_new(j, "arch", eao_cli_string(m->arch));
  json_object_set_new(j, "isa", eao_cli_string(m->isa));
  json_object_set_new(j, "cpus", json_integer(m->cpus));
  json_object_set_new(j, "threads_per_core", json_integer(m->threads_per_core));
  json_object_set_new(j, "clusters", clusters_json(m));
  json_object_set_new(j, "caches", caches_json(m));
  json_object_set_new(j, "ram_total_kib", eao_cli_real(m->ram_total_kib));
  json_object_set_new(j, "ram_available_kib", eao_cli_real(m->ram_available_kib));
  json_object_set_new(j, "os", eao_cli_string(m->os));
  json_object_set_new(j, "kernel", eao_cli_string(m->kernel));
  json_object_set_new(j, "f32_gmacs_per_s", eao_cli_real(m->f32_gmacs));
  json_object_set_new(j, "i8_gmacs_per_s", eao_cli_real(m->i8_gmacs));
  json_object_set_new(j, "bandwidth_gb_s", eao_cli_real(m->bandwidth_gb_s));
  for (int32_t i = 0; i < m->n_finding; i++) {
    json_t *f = json_object();
    json_object_set_new(f, "found", json_boolean(m->finding[i].found));
    json_object_set_new(f, "detail", eao_cli_string(m->finding[i].detail));
    json_object_set_new(findings, m->finding[i].name, f);
  }
  json_object_set_new(j, "optional", findings);
  return eao_cli_json(j);
}

static void print_hardware(const eao_machine *m) {
  char a[EAO_CLI_TEXT], b[EAO_CLI_TEXT];
  printf("%-14s  %s (%s)\n", "CPU", m->cpu[0] ? m->cpu : "not known", m->arch);
  printf("%-14s  %s\n", "instructions", m->isa[0] ? m->isa : "baseline");
  printf("%-14s  %d usable, %d %s per core\n", "logical CPUs", (int)m->cpus,
         (int)m->threads_per_core, m->threads_per_core == 1 ? "thread" : "threads");
  for (int32_t i = 0; i < m->n_cluster && m->n_cluster > 1; i++)
    printf("%-14s  %d CPUs from %d, %.0f MHz\n", "cluster", (int)m->cluster[i].cores,
           (int)m->cluster[i].first_cpu, m->cluster[i].max_mhz);
  for (int32_t i = 0; i < m->n_cache; i++)
    printf("L%d %-11s  %s, shared by %d\n", (int)m->cache[i].level, m->cache[i].type,
           eao_cli_bytes((uint64_t)(m->cache[i].kib * 1024), a), (int)m->cache[i].shared_by);
  printf("%-14s  %s, %s available\n", "memory",
         eao_cli_bytes((uint64_t)(m->ram_total_kib * 1024), a),
         eao_cli_bytes((uint64_t)(m->ram_available_kib * 1024), b));
  if (m->f32_gmacs > 0)
    printf("%-14s  %.1f GMAC/s float32, %.1f GMAC/s int8 per core, %.1f GB/s memory\n", "measured",
           m->f32_gmacs, m->i8_gmacs, m->bandwidth_gb_s);
  printf("%-14s  %s, %s\n", "system", m->os, m->kernel);
}

static int run(eao_cli *c) {
  eao_machine m;
  eao_status s = eao_machine_get(c->ctx, !eao_cli_has(c, "no-measure"), &m);
  if (s != EAO_OK) return eao_cli_fail(c, s);
  if (c->json) return print_json(&m);
  printf("EAO %s\n\n", EAO_VERSION_STRING);
  print_hardware(&m);
  printf("\noptional:\n");
  for (int32_t i = 0; i < m.n_finding; i++)
    printf("  %s%-7s%s  %-20s  %s\n",
           eao_cli_style_on(c, m.finding[i].found ? EAO_STYLE_GOOD : EAO_STYLE_DIM),
           m.finding[i].found ? "found" : "missing", eao_cli_style_on(c, EAO_STYLE_OFF),
           m.finding[i].name, m.finding[i].detail);
  return EAO_EXIT_OK;
}

static const eao_cli_option options[] = {
    {"no-measure", NULL, "skip measuring speeds (0.2 s)", false},
};

static const eao_cli_example examples[] = {
    {"doctor", "what EAO can use here"},
    {"doctor --json | jq .isa", "for a script"},
};

const eao_cli_command eao_cmd_doctor = {
    .name = "doctor",
    .args = "",
    .summary = "show what this machine has: CPU, caches, memory, sensors",
    .text =
        "Shows the machine as EAO sees it and what is missing that it could use. Nothing that is\n"
        "missing keeps EAO from working.",
    .min_args = 0,
    .max_args = 0,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .run = run,
};
