/* Runs the TFLite files of $EAO_DATA/conformance: layer tests with recorded inputs and outputs
 * (tflm-seanet: 16-bit activations, bit exact), and files without data (litert-testdata,
 * ai-edge-quantizer), which must load and run on zeros, or be refused with a message. Each file is
 * run in a process of its own with limits on time and memory.
 *
 *   tflite_conformance [--markdown] [--only TEXT]
 *
 * Exit status 0 when nothing crashed, no recorded result differs and every file that was refused
 * says why; 77 without data. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "import/import.h"
#include "interp/interp.h"
#include "kernel/kernel.h"

enum { MAX_IO = 64, SECONDS = 60, TEXT = 400 };
typedef enum verdict { EXACT, RUNS, REFUSED, INVALID, WRONG, CRASHED, N_VERDICT } verdict;
static const char *const verdict_name[] = {"exact",   "runs",  "refused",
                                           "invalid", "wrong", "crashed"};

typedef struct result {
  int32_t verdict;
  char text[TEXT];
} result;

/* ---- data ---- */

/* Numbers of a CSV file into t, whose extents are known. False: there is no such file. */
static bool read_csv(const char *path, eao_tensor *t) {
  FILE *f = fopen(path, "r");
  if (!f) return false;
  for (int64_t i = 0, n = eao_tensor_count(t); i < n; i++) {
    long long v = 0;
    if (fscanf(f, "%lld%*[, \n\r]", &v) < 1) break;
    eao_set_i64(t, i, v);
  }
  fclose(f);
  return true;
}

static const char *csv_type(eao_dtype t) {
  return t == EAO_I8 ? "int8" : t == EAO_I16 ? "int16" : t == EAO_I32 ? "int32" : "float";
}

/* Zeros of the input's type; unknown extents are 1. */
static eao_tensor zeros(eao_ctx *ctx, const eao_tensor *type) {
  eao_tensor t = *type;
  for (int32_t i = 0; i < t.rank; i++)
    if (t.dim[i] < 0) t.dim[i] = 1;
  t.data = eao_alloc(ctx, (size_t)eao_tensor_count(&t) * 8 + 1);
  return t;
}

static void compare(const char *stem, const eao_tensor *got, result *r) {
  char path[4096];
  eao_tensor want = *got;
  want.data = calloc((size_t)eao_tensor_count(got) + 1, 8);
  snprintf(path, sizeof path, "%s_golden_%s.csv", stem, csv_type(got->dtype));
  r->verdict = RUNS;
  if (want.data && read_csv(path, &want)) {
    int64_t bad = 0, worst = 0, n = eao_tensor_count(got);
    for (int64_t i = 0; i < n; i++) {
      int64_t d = eao_get_i64(got, i) - eao_get_i64(&want, i);
      bad += d != 0;
      if (llabs(d) > worst) worst = llabs(d);
    }
    r->verdict = bad ? WRONG : EXACT;
    if (bad)
      snprintf(r->text, TEXT, "%" PRId64 " of %" PRId64 " differ, by up to %" PRId64, bad, n,
               worst);
  }
  free(want.data);
}

/* ---- one file ---- */

static void run_graph(eao_ctx *ctx, eao_graph *g, const char *stem, result *r) {
  eao_tensor in[MAX_IO], out[MAX_IO];
  eao_interp *it = eao_interp_create(g);
  if (g->n_input > MAX_IO || g->n_output > MAX_IO || !it) return;
  for (uint32_t i = 0; i < g->n_input; i++) {
    char path[4096];
    in[i] = zeros(ctx, &g->value[g->input[i]].t);
    snprintf(path, sizeof path, "%s_input%u_%s.csv", stem, i, csv_type(in[i].dtype));
    read_csv(path, &in[i]);
  }
  eao_status s = eao_interp_run(it, in, g->n_input, out, g->n_output);
  r->verdict = RUNS;
  if (s == EAO_OK && g->n_output) {
    compare(stem, &out[0], r);
  } else if (s != EAO_OK) {
    r->verdict = s == EAO_ERR_UNSUPPORTED ? REFUSED : INVALID;
    snprintf(r->text, TEXT, "%s", eao_ctx_message(ctx));
  }
  for (uint32_t i = 0; i < g->n_input; i++) eao_free(ctx, in[i].data);
  eao_interp_destroy(it);
}

static void run_file(const char *path, result *r) {
  eao_ctx *ctx = eao_ctx_create(NULL, &(eao_limits){.max_total_bytes = (uint64_t)2 << 30});
  char stem[4096];
  eao_file f;
  eao_graph *g;
  if (!ctx) return;
  snprintf(stem, sizeof stem, "%.*s", (int)(strrchr(path, '.') - path), path);
  eao_status s = eao_file_map(ctx, path, &f);
  if (s == EAO_OK) s = eao_import_tflite(ctx, &f, NULL, &g);
  if (s == EAO_OK) {
    run_graph(ctx, g, stem, r);
    eao_graph_destroy(g);
  } else {
    r->verdict = s == EAO_ERR_UNSUPPORTED ? REFUSED : INVALID;
    snprintf(r->text, TEXT, "%s", eao_ctx_message(ctx));
  }
  if ((r->verdict == REFUSED || r->verdict == INVALID) && !*r->text) r->verdict = WRONG;
  eao_ctx_destroy(ctx);
}

static void limit_process(void) {
  struct rlimit cpu = {SECONDS, SECONDS}, core = {0, 0};
  setrlimit(RLIMIT_CPU, &cpu);
  setrlimit(RLIMIT_CORE, &core);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  struct rlimit memory = {(rlim_t)4 << 30, (rlim_t)4 << 30};
  setrlimit(RLIMIT_AS, &memory);
#endif
  alarm(2 * SECONDS);
}

static void fork_file(const char *path, result *r) {
  int fd[2], status = 0;
  *r = (result){.verdict = CRASHED};
  if (pipe(fd) != 0) return;
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    close(fd[0]);
    limit_process();
    run_file(path, r);
    _exit(write(fd[1], r, sizeof *r) == (ssize_t)sizeof *r ? 0 : 1);
  }
  close(fd[1]);
  ssize_t n = pid > 0 ? read(fd[0], r, sizeof *r) : 0;
  close(fd[0]);
  if (pid > 0) waitpid(pid, &status, 0);
  if (n == (ssize_t)sizeof *r && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  *r = (result){.verdict = CRASHED};
  snprintf(r->text, TEXT, "%s %d", WIFSIGNALED(status) ? "signal" : "exit status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* ---- all files ---- */

typedef struct list {
  char **at;
  size_t n, cap;
} list;

static void add(list *l, const char *path) {
  if (l->n == l->cap) {
    l->cap = l->cap ? l->cap * 2 : 256;
    l->at = realloc(l->at, l->cap * sizeof *l->at);
    if (!l->at) abort();
  }
  if (!(l->at[l->n++] = strdup(path))) abort();
}

static bool is_model(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot && (!strcmp(dot, ".tflite") || !strcmp(dot, ".bin"));
}

static void find(list *l, const char *dir, int depth) {
  DIR *d = depth < 8 ? opendir(dir) : NULL;
  for (struct dirent *e; d && (e = readdir(d));) {
    char path[4096];
    struct stat st;
    if (e->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
    if (stat(path, &st) != 0) continue;
    if (S_ISDIR(st.st_mode))
      find(l, path, depth + 1);
    else if (is_model(path))
      add(l, path);
  }
  if (d) closedir(d);
}

static int by_text(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

int main(int argc, char **argv) {
  static const char *const suites[] = {"tflm-seanet", "litert-testdata", "ai-edge-quantizer"};
  unsigned long total = 0, bad = 0, n[EAO_COUNT(suites)][N_VERDICT] = {{0}};
  const char *data = getenv("EAO_DATA"), *only = NULL;
  bool markdown = false;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--markdown")) markdown = true;
    if (!strcmp(argv[i], "--only") && i + 1 < argc) only = argv[++i];
  }
  if (!data) data = EAO_SOURCE_DIR "/../shared/data";
  if (markdown) printf("| file | verdict | why |\n|---|---|---|\n");
  for (size_t s = 0; s < EAO_COUNT(suites); s++) {
    list l = {0};
    char root[4096];
    snprintf(root, sizeof root, "%s/conformance/%s", data, suites[s]);
    find(&l, root, 0);
    if (l.n) qsort(l.at, l.n, sizeof *l.at, by_text);
    for (size_t i = 0; i < l.n; i++) {
      const char *name = l.at[i] + strlen(root) + 1;
      result r = {0};
      if (only && !strstr(l.at[i], only)) continue;
      fork_file(l.at[i], &r);
      n[s][r.verdict]++;
      total++;
      bad += r.verdict == WRONG || r.verdict == CRASHED;
      if (r.verdict > RUNS)
        printf(markdown ? "| %s/%s | %s | %s |\n" : "%s/%s: %s: %s\n", suites[s], name,
               verdict_name[r.verdict], r.text);
      free(l.at[i]);
    }
    free(l.at);
  }
  if (!total) {
    printf("skipped: no files under %s/conformance\n", data);
    return 77;
  }
  printf(markdown ? "\n| suite | exact | runs | refused | invalid | wrong | crashed |\n"
                    "|---|---|---|---|---|---|---|\n"
                  : "suite: exact, runs, refused, invalid, wrong, crashed\n");
  for (size_t s = 0; s < EAO_COUNT(suites); s++) {
    printf(markdown ? "| %s |" : "%s:", suites[s]);
    for (int v = 0; v < N_VERDICT; v++) printf(markdown ? " %lu |" : " %lu", n[s][v]);
    printf("\n");
  }
  return bad != 0;
}
