/* eao bench: how fast a model runs here.
 *
 * A model is compiled into a temporary package, which another process of the same program measures:
 * its memory and load time are the runtime's alone, without importer and compiler. */
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "eao/bench.h"
#include "eao/machine.h"

extern char **environ;

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- options ---- */

static bool parse_opts(eao_cli *c, eao_bench_opts *o) {
  int64_t runs = 200, warmup = 10, seed = 0, threads = 1;
  double duration = 0;
  if (!eao_cli_integer(c, "runs", 1, 1000000, &runs) ||
      !eao_cli_integer(c, "warmup", 1, 1000000, &warmup) ||
      !eao_cli_integer(c, "seed", 0, INT64_MAX, &seed) ||
      !eao_cli_integer(c, "threads", 1, 256, &threads) ||
      !eao_cli_duration(c, "duration", &duration))
    return false;
  *o = (eao_bench_opts){.warmup = (uint32_t)warmup,
                        .runs = (uint32_t)runs,
                        .seed = (uint64_t)seed,
                        .threads = (uint32_t)threads,
                        .profile = !eao_cli_has(c, "no-profile"),
                        .self_test = eao_cli_has(c, "check")};
  if (eao_cli_has(c, "sustained"))
    o->sustained_s = duration > 0 ? duration : 60;
  else
    o->seconds = duration;
  return true;
}

/* ---- measuring a package ---- */

static json_t *seconds_json(const eao_bench *b) {
  json_t *a = json_array();
  for (uint32_t i = 0; i < b->n_second; i++) {
    const eao_bench_second *s = &b->second[i];
    json_t *j = json_object();
    json_object_set_new(j, "at_s", eao_cli_real(s->at_s));
    json_object_set_new(j, "latency_p50_ms", eao_cli_real(s->latency_ms));
    json_object_set_new(j, "runs", json_integer(s->runs));
    json_object_set_new(j, "temperature_c", eao_cli_real(s->temperature_c));
    json_object_set_new(j, "clock_mhz", eao_cli_real(s->clock_mhz));
    json_array_append_new(a, j);
  }
  return a;
}

static json_t *to_json(const eao_bench *b, bool self_test) {
  json_t *j = json_object(), *steps = json_array();
  json_object_set_new(j, "latency_p50_ms", eao_cli_real(b->p50_ms));
  json_object_set_new(j, "latency_p95_ms", eao_cli_real(b->p95_ms));
  json_object_set_new(j, "latency_p99_ms", eao_cli_real(b->p99_ms));
  json_object_set_new(j, "latency_min_ms", eao_cli_real(b->min_ms));
  json_object_set_new(j, "latency_max_ms", eao_cli_real(b->max_ms));
  json_object_set_new(j, "latency_mean_ms", eao_cli_real(b->mean_ms));
  json_object_set_new(j, "throughput_per_s", eao_cli_real(b->throughput_per_s));
  json_object_set_new(j, "runs", json_integer(b->runs));
  json_object_set_new(j, "load_ms", eao_cli_real(b->load_ms));
  json_object_set_new(j, "first_run_ms", eao_cli_real(b->first_run_ms));
  json_object_set_new(j, "rss_peak_kib", eao_cli_real(b->rss_peak_kib));
  json_object_set_new(j, "session_bytes", json_integer((json_int_t)b->arena_bytes));
  json_object_set_new(j, "threads", json_integer(b->threads));
  json_object_set_new(j, "energy_mj", eao_cli_real(b->energy_mj));
  json_object_set_new(j, "energy_source", eao_cli_string(b->energy_source));
  json_object_set_new(j, "precision", json_null());
  if (self_test) json_object_set_new(j, "self_test", json_string("passed"));
  for (uint32_t i = 0; i < b->n_step; i++) {
    json_t *s = json_object();
    json_object_set_new(s, "name", eao_cli_string(b->step[i].name));
    json_object_set_new(s, "ms", eao_cli_real(b->step[i].ms));
    json_array_append_new(steps, s);
  }
  json_object_set_new(j, "steps", steps);
  if (b->n_second) {
    json_t *s = json_object();
    json_object_set_new(s, "slowdown", eao_cli_real(b->slowdown));
    json_object_set_new(s, "verdict", json_string(eao_thermal_name(b->thermal)));
    json_object_set_new(s, "seconds", seconds_json(b));
    json_object_set_new(j, "sustained", s);
  }
  return j;
}

static void on_progress(void *user, double done) {
  eao_cli_progress(user, "measuring, per mille", (uint64_t)(done * 1000), 1000);
}

static int measure(eao_cli *c, const char *path, json_t **out) {
  eao_bench_opts o;
  eao_bench *b;
  if (!parse_opts(c, &o)) return EAO_EXIT_USAGE;
  o.progress = on_progress;
  o.user = c;
  eao_cli_progress(c, "", 0, 1000);
  eao_status s = eao_bench_package(c->ctx, path, &o, &b);
  eao_cli_progress(c, "", 1000, 1000);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  *out = to_json(b, o.self_test);
  eao_bench_destroy(c->ctx, b);
  return EAO_EXIT_OK;
}

/* ---- the other process ---- */

static int read_child(eao_cli *c, int fd, pid_t pid, json_t **out) {
  json_error_t why;
  FILE *f = fdopen(fd, "r");
  json_t *j = f ? json_loadf(f, 0, &why) : NULL;
  int status = 0;
  if (f)
    fclose(f);
  else
    close(fd);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && j) {
    *out = j;
    return EAO_EXIT_OK;
  }
  json_decref(j);
  if (WIFEXITED(status) && WEXITSTATUS(status)) return WEXITSTATUS(status); /* it said why */
  fprintf(stderr, "eao %s: the measuring process ended early\n", c->cmd->name);
  return EAO_EXIT_SYSTEM;
}

static int spawn(eao_cli *c, const char *package, json_t **out) {
  static const char *const passed_on[] = {"runs",  "warmup",    "seed",       "duration",
                                          "check", "sustained", "no-profile", "threads"};
  enum { ARGS_MAX = 32 };
  char *argv[ARGS_MAX], text[ARGS_MAX][128];
  int n = 0, fds[2];
  posix_spawn_file_actions_t actions;
  pid_t pid;
  snprintf(text[n++], sizeof text[0], "eao");
  snprintf(text[n++], sizeof text[0], "bench");
  snprintf(text[n++], sizeof text[0], "--json");
  for (size_t i = 0; i < EAO_CLI_COUNT(passed_on); i++) {
    const char *v = eao_cli_get(c, passed_on[i], NULL);
    if (v) snprintf(text[n++], sizeof text[0], "--%s%s%.64s", passed_on[i], *v ? "=" : "", v);
  }
  for (int i = 0; i < n; i++) argv[i] = text[i];
  argv[n++] = (char *)(uintptr_t)package;
  argv[n] = NULL;
  if (pipe(fds) != 0) {
    fprintf(stderr, "eao %s: no pipe: %s\n", c->cmd->name, strerror(errno));
    return EAO_EXIT_SYSTEM;
  }
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addclose(&actions, fds[0]);
  posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, fds[1]);
  int bad = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  close(fds[1]);
  if (bad) {
    close(fds[0]);
    fprintf(stderr, "eao %s: cannot start the measuring process: %s\n", c->cmd->name,
            strerror(bad));
    return EAO_EXIT_SYSTEM;
  }
  return read_child(c, fds[0], pid, out);
}

/* ---- a model: compile, measure, put together ---- */

static double number_of(const json_t *j, const char *key) {
  return json_number_value(json_object_get(j, key));
}

static void add_step(json_t *j, const eao_compiled_step *s, const eao_machine *peak) {
  double ms = number_of(j, "ms"), gmacs = ms > 0 ? (double)s->macs / (ms * 1e6) : 0;
  bool is_float = strstr(s->kernel, "f32") != NULL || strstr(s->kernel, "f16") != NULL;
  bool is_int = strstr(s->kernel, "i8") || strstr(s->kernel, "u8") || strstr(s->kernel, "s8");
  double most = is_int ? peak->i8_gmacs : is_float ? peak->f32_gmacs : 0;
  json_object_set_new(j, "op", json_string(s->op));
  json_object_set_new(j, "kernel", json_string(s->kernel));
  json_object_set_new(j, "macs", json_integer((json_int_t)s->macs));
  json_object_set_new(j, "gmacs_per_s", s->macs ? eao_cli_real(gmacs) : json_null());
  /* Reference kernels have no peak to be measured against. */
  json_object_set_new(j, "peak_share",
                      s->macs && most > 0 ? eao_cli_real(gmacs / most) : json_null());
}

static const char *precision_of(const char *quantization) {
  if (strcmp(quantization, "integer") == 0) return "int8";
  if (strcmp(quantization, "mixed") == 0) return "mixed";
  if (strcmp(quantization, "weights only") == 0) return "fp32, int8 weights";
  return "fp32";
}

typedef struct built {
  eao_compiled *k;
  eao_model_stats stats;
  double compile_ms;
  char path[1024]; /* the package; "" when there is none */
} built;

static int build(eao_cli *c, eao_model *m, built *b) {
  int64_t threads = 1;
  const char *slash = strrchr(c->arg[0], '/'), *dir = getenv("TMPDIR");
  eao_stream_mode stream;
  if (!eao_cli_integer(c, "threads", 1, 256, &threads) || !eao_cli_stream(c, &stream))
    return EAO_EXIT_USAGE;
  eao_status s = eao_model_stats_get(m, &b->stats);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  eao_compile_opts o = {.threads = (uint32_t)threads,
                        .stream = stream,
                        .ref_only = eao_cli_has(c, "ref"),
                        .golden = eao_cli_has(c, "check"),
                        .source = slash ? slash + 1 : c->arg[0]};
  double t0 = now_ms();
  s = eao_model_compile(m, &o, &b->k);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  b->compile_ms = now_ms() - t0;
  if (!dir || strlen(dir) > 900) dir = "/tmp";
  snprintf(b->path, sizeof b->path, "%s/bench-XXXXXX.eao", dir);
  int fd = mkstemps(b->path, 4);
  if (fd < 0) {
    fprintf(stderr, "eao %s: no temporary file in '%s': %s\n", c->cmd->name, dir, strerror(errno));
    b->path[0] = 0;
    return EAO_EXIT_SYSTEM;
  }
  close(fd);
  s = eao_compiled_save(b->k, b->path);
  return s == EAO_OK ? EAO_EXIT_OK : eao_cli_fail(c, s);
}

static int complete(eao_cli *c, const built *b, json_t *j) {
  eao_machine peak;
  eao_status s = eao_machine_get(c->ctx, true, &peak);
  if (s != EAO_OK) return eao_cli_fail(c, s);
  eao_compiled_info info = eao_compiled_get(b->k);
  json_t *steps = json_object_get(j, "steps");
  json_object_set_new(j, "precision", json_string(precision_of(b->stats.quantization)));
  json_object_set_new(j, "compile_ms", eao_cli_real(b->compile_ms));
  json_object_set_new(j, "macs", json_integer((json_int_t)b->stats.macs));
  json_object_set_new(j, "gmacs_per_s",
                      eao_cli_real((double)b->stats.macs / (number_of(j, "latency_p50_ms") * 1e6)));
  json_object_set_new(j, "arena_bytes", json_integer((json_int_t)info.arena_bytes));
  json_object_set_new(j, "file_bytes", json_integer((json_int_t)info.file_bytes));
  json_object_set_new(j, "peak_f32_gmacs_per_s", eao_cli_real(peak.f32_gmacs));
  json_object_set_new(j, "peak_i8_gmacs_per_s", eao_cli_real(peak.i8_gmacs));
  for (uint32_t i = 0; i < info.n_step && i < json_array_size(steps); i++) {
    eao_compiled_step step = eao_compiled_get_step(b->k, i);
    add_step(json_array_get(steps, i), &step, &peak);
  }
  return EAO_EXIT_OK;
}

static int measure_model(eao_cli *c, json_t **out) {
  eao_model *m;
  built b = {0};
  eao_bench_opts checked;
  if (!parse_opts(c, &checked)) return EAO_EXIT_USAGE;
  int code = eao_cli_load(c, c->arg[0], EAO_CLI_DIMS_ONE, &m);
  if (code) return code;
  code = build(c, m, &b);
  if (!code) code = spawn(c, b.path, out);
  if (!code) code = complete(c, &b, *out);
  if (b.path[0]) unlink(b.path);
  eao_compiled_destroy(b.k);
  eao_model_destroy(m);
  return code;
}

/* ---- the table ---- */

static int by_time(const void *pa, const void *pb) {
  double a = number_of(*(json_t *const *)pa, "ms"), b = number_of(*(json_t *const *)pb, "ms");
  return a < b ? 1 : a > b ? -1 : 0;
}

static void print_steps(eao_cli *c, json_t *j, size_t most) {
  static const char *const heads[] = {"step",   "op",      "kernel",  ">ms",
                                      ">share", ">GMAC/s", ">of peak"};
  json_t *steps = json_object_get(j, "steps");
  size_t n = json_array_size(steps);
  json_t **s = calloc(n + 1, sizeof *s);
  if (!n || !s) {
    free(s);
    return;
  }
  double total = 0;
  for (size_t i = 0; i < n; i++) total += number_of(s[i] = json_array_get(steps, i), "ms");
  qsort(s, n, sizeof *s, by_time);
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (size_t i = 0; i < n && i < most; i++) {
    char name[EAO_CLI_TEXT];
    const char *op = json_string_value(json_object_get(s[i], "op")),
               *kernel = json_string_value(json_object_get(s[i], "kernel"));
    double ms = number_of(s[i], "ms"), gmacs = number_of(s[i], "gmacs_per_s"),
           share = number_of(s[i], "peak_share");
    eao_cli_cell(t, "%s", eao_cli_short(json_string_value(json_object_get(s[i], "name")), name));
    eao_cli_cell(t, "%s", op ? op : "");
    eao_cli_cell(t, "%s", kernel ? kernel : "");
    eao_cli_cell(t, "%.4f", ms);
    eao_cli_cell(t, "%.1f %%", total > 0 ? 100 * ms / total : 0);
    if (gmacs > 0)
      eao_cli_cell(t, "%.1f", gmacs);
    else
      eao_cli_cell(t, "%s", "");
    if (share > 0)
      eao_cli_cell(t, "%.0f %%", 100 * share);
    else
      eao_cli_cell(t, "%s", "");
  }
  printf("\n");
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
  if (n > most) printf("... and %zu more steps (--steps %zu)\n", n - most, n);
  free(s);
}

static void print_sustained(const json_t *j) {
  const json_t *s = json_object_get(j, "sustained"), *a = json_object_get(s, "seconds");
  size_t n = json_array_size(a);
  if (!s) return;
  double t0 = number_of(json_array_get(a, 0), "temperature_c"),
         t1 = number_of(json_array_get(a, n - 1), "temperature_c");
  printf("sustained    %s over %zu s: the last tenth takes %.3f times the first tenth's latency\n",
         json_string_value(json_object_get(s, "verdict")), n, number_of(s, "slowdown"));
  if (t0 > 0)
    printf("temperature  %.0f to %.0f degrees C\n", t0, t1);
  else
    printf("temperature  no sensor found\n");
  double c0 = number_of(json_array_get(a, 0), "clock_mhz"),
         c1 = number_of(json_array_get(a, n - 1), "clock_mhz");
  if (c0 > 0) printf("clock        %.0f to %.0f MHz\n", c0, c1);
}

static int print_table(eao_cli *c, json_t *j) {
  int64_t most = 15;
  char a[EAO_CLI_TEXT], b[EAO_CLI_TEXT];
  const char *precision = json_string_value(json_object_get(j, "precision"));
  if (!eao_cli_integer(c, "steps", 0, 1000000, &most)) return EAO_EXIT_USAGE;
  printf("latency      p50 %.4f ms, p95 %.4f, p99 %.4f, min %.4f  (%.0f runs, %.0f thread%s%s%s)\n",
         number_of(j, "latency_p50_ms"), number_of(j, "latency_p95_ms"),
         number_of(j, "latency_p99_ms"), number_of(j, "latency_min_ms"), number_of(j, "runs"),
         number_of(j, "threads"), number_of(j, "threads") > 1 ? "s" : "", precision ? ", " : "",
         precision ? precision : "");
  printf("throughput   %.1f per second", number_of(j, "throughput_per_s"));
  if (number_of(j, "gmacs_per_s") > 0)
    printf(", %.1f GMAC/s (one core's peak: %.1f float32, %.1f int8)", number_of(j, "gmacs_per_s"),
           number_of(j, "peak_f32_gmacs_per_s"), number_of(j, "peak_i8_gmacs_per_s"));
  printf("\nload         %.2f ms, first run %.2f ms", number_of(j, "load_ms"),
         number_of(j, "first_run_ms"));
  if (number_of(j, "compile_ms") > 0) printf(", compiling %.0f ms", number_of(j, "compile_ms"));
  printf("\nmemory       %s at most in the process, %s of it the session\n",
         eao_cli_bytes((uint64_t)(number_of(j, "rss_peak_kib") * 1024), a),
         eao_cli_bytes((uint64_t)number_of(j, "session_bytes"), b));
  const char *meter = json_string_value(json_object_get(j, "energy_source"));
  if (meter && *meter)
    printf("energy       %.4g mJ a run (%s, all of the machine)\n", number_of(j, "energy_mj"),
           meter);
  else
    printf("energy       no meter found\n");
  if (json_object_get(j, "self_test")) printf("self-test    passed\n");
  print_sustained(j);
  print_steps(c, j, (size_t)most);
  return EAO_EXIT_OK;
}

static bool is_package(const char *path) {
  size_t n = strlen(path);
  return n > 4 && strcmp(path + n - 4, ".eao") == 0;
}

static int run(eao_cli *c) {
  json_t *j = NULL;
  int code = is_package(c->arg[0]) ? measure(c, c->arg[0], &j) : measure_model(c, &j);
  if (code) {
    json_decref(j);
    return code;
  }
  if (c->json) {
    if (!json_object_get(j, "model")) json_object_set_new(j, "model", eao_cli_string(c->arg[0]));
    return eao_cli_json(j);
  }
  code = print_table(c, j);
  json_decref(j);
  return code;
}

static const eao_cli_option options[] = {
    {"runs", "N", "least number of timed runs (default 200)", false},
    {"warmup", "N", "runs before, at least (default 10)", false},
    {"duration", "TIME", "keep measuring this long, e.g. 60s or 2m", false},
    {"sustained", NULL,
     "after the measurement go on for --duration (default 60s), log latency,\n"
     "temperature and clock each second, and judge whether the device throttles",
     false},
    {"threads", "N", "threads of a session (default 1)", false},
    {"check", NULL, "first compare a run with the reference interpreter's result", false},
    {"steps", "N", "how many of the slowest steps to list (default 15)", false},
    {"no-profile", NULL, "do not time the steps", false},
    EAO_CLI_STREAM_OPTION,
    {"ref", NULL, "reference kernels only", false},
    {"seed", "N", "seed of the random inputs (default 0)", false},
    EAO_CLI_SHAPE_OPTION,
};

static const eao_cli_example examples[] = {
    {"bench model.tflite", "latency, memory and the slowest steps"},
    {"bench model.onnx --shape batch=1 --json", "for a script"},
    {"bench model.eao --sustained --duration 5m", "does this device keep its speed?"},
};

const eao_cli_command eao_cmd_bench = {
    .name = "bench",
    .args = "MODEL",
    .summary = "measure latency, memory and load time of a model on this machine",
    .text =
        "MODEL is a model, which is compiled first, or a package (.eao). A process of its own "
        "loads\n"
        "the package, warms up and times at least 200 runs on random input; writing the input is\n"
        "not part of the time. Steps are timed in further runs.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  the model is invalid\n5  something in it cannot be compiled",
    .run = run,
};
