/* Runs ONNX's own backend test cases: folders with model.onnx and
 * test_data_set_K/{input,output}_K.pb. Each case runs in a process of its own with limits on time
 * and memory, so that a crash or a hang is counted. Tolerance as ONNX publishes it: rtol 1e-3, atol
 * 1e-7; integers must be equal.
 *
 *   onnx_conformance [--write FILE] [--only TEXT] [--verbose] [--light] [FOLDER...]
 *
 * --light adds the models of ONNX's "light" suite: whole networks whose weights are made on the
 * way, with one generated input and one published output.
 *
 * Exit status 0 when nothing is wrong, nothing crashed and at least 97 % of the cases in scope
 * pass; 77 when there is no case. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "import/import.h"
#include "import/onnx/lower.h"
#include "interp/interp.h"

enum { MAX_IO = 256, SECONDS = 60, TEXT = 600 };
static const double RTOL = 1e-3, ATOL = 1e-7;

typedef enum verdict { PASSED, REFUSED, WRONG, CRASHED, FAULTY, OUT_OF_SCOPE, N_VERDICT } verdict;
static const char *const verdict_name[] = {"passed",  "refused",     "wrong",
                                           "crashed", "faulty case", "out of scope"};

/* Cases whose data contradict their own model or the operator's definition. They count as in scope
 * and not passed. */
static const char *const faulty[][2] = {
    {"test_cast_FLOAT_to_BFLOAT16",
     "expects truncation; the operator rounds to nearest even, as later releases of ONNX expect"},
    {"test_castlike_FLOAT_to_BFLOAT16", "data of input 'like' is [1], the model says [3,4]"},
    {"test_castlike_FLOAT_to_BFLOAT16_expanded", "data of input 'like' is [1], not [3,4]"},
    {"test_castlike_BFLOAT16_to_FLOAT", "data of input 'like' is [1], the model says [3,4]"},
    {"test_castlike_BFLOAT16_to_FLOAT_expanded", "data of input 'like' is [1], not [3,4]"},
};

typedef struct result {
  int32_t verdict;
  char text[TEXT];
} result;

typedef struct test_case {
  char *suite, *name, *dir;
  result r;
} test_case;

typedef struct cases {
  test_case *at;
  size_t n, cap;
} cases;

/* ---- scope ---- */

static const char *const out_ops[][2] = {
    {"Bernoulli", "random"},
    {"Multinomial", "random"},
    {"RandomNormal", "random"},
    {"RandomNormalLike", "random"},
    {"RandomUniform", "random"},
    {"RandomUniformLike", "random"},
    {"Adagrad", "training"},
    {"Adam", "training"},
    {"Gradient", "training"},
    {"Momentum", "training"},
    {"StringNormalizer", "string"},
    {"TfIdfVectorizer", "string"},
    {"SequenceConstruct", "sequence"},
    {"SequenceEmpty", "sequence"},
    {"SequenceAt", "sequence"},
    {"SequenceInsert", "sequence"},
    {"SequenceErase", "sequence"},
    {"SequenceLength", "sequence"},
    {"SequenceMap", "sequence"},
    {"SplitToSequence", "sequence"},
    {"ConcatFromSequence", "sequence"},
    {"Optional", "optional"},
    {"OptionalGetElement", "optional"},
    {"OptionalHasElement", "optional"},
};

static const char *value_out_of_scope(const onnx_value *v) {
  if (v->kind && strcmp(v->kind, "tensor") != 0) return v->kind;
  return v->type == ONNX_STRING ? "string" : NULL;
}

static const char *graph_out_of_scope(const onnx_graph *g) {
  const char *why = NULL;
  for (uint32_t i = 0; !why && i < g->n_input; i++) why = value_out_of_scope(&g->input[i]);
  for (uint32_t i = 0; !why && i < g->n_output; i++) why = value_out_of_scope(&g->output[i]);
  for (uint32_t i = 0; !why && i < g->n_node; i++) {
    for (size_t k = 0; !why && k < EAO_COUNT(out_ops); k++)
      if (!strcmp(g->node[i].op, out_ops[k][0])) why = out_ops[k][1];
    if (!why && strstr(g->node[i].domain, "training")) why = "training";
    if (!why && !strcmp(g->node[i].op, "Dropout") && g->node[i].n_in >= 3) why = "training";
    for (uint32_t k = 0; !why && k < g->node[i].n_attr; k++)
      if (g->node[i].attr[k].g) why = graph_out_of_scope(g->node[i].attr[k].g);
  }
  return why;
}

static const char *out_of_scope(eao_ctx *ctx, const char *path) {
  eao_file f;
  onnx_model m;
  static char why[64];
  eao_arena a;
  const char *r = NULL;
  if (eao_file_map(ctx, path, &f) != EAO_OK) return NULL;
  eao_arena_init(&a, ctx);
  if (onnx_read_model(ctx, &a, eao_pb_of(f.data, f.size), &m) == EAO_OK)
    r = graph_out_of_scope(m.graph);
  if (r) snprintf(why, sizeof why, "%s", r);
  eao_arena_deinit(&a);
  eao_file_unmap(ctx, &f);
  return r ? why : NULL;
}

/* ---- comparing ---- */

static bool close_enough(double got, double want) {
  if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
  if (isinf(want) || isinf(got)) return want == got;
  return fabs(got - want) <= ATOL + RTOL * fabs(want);
}

static bool same_element(const eao_tensor *got, const eao_tensor *want, int64_t i) {
  if (eao_dtype_is_float(want->dtype))
    return close_enough(eao_get_f64(got, i), eao_get_f64(want, i));
  return eao_get_i64(got, i) == eao_get_i64(want, i);
}

static void shape_text(const eao_tensor *t, char *out, size_t n) {
  size_t k = (size_t)snprintf(out, n, "%s[", eao_dtype_name(t->dtype));
  for (int32_t i = 0; i < t->rank && k < n; i++)
    k += (size_t)snprintf(out + k, n - k, "%s%lld", i ? "," : "", (long long)t->dim[i]);
  if (k < n) snprintf(out + k, n - k, "]");
}

static bool compare(const eao_tensor *got, const eao_tensor *want, uint32_t index, result *r) {
  bool same = got->dtype == want->dtype && got->rank == want->rank;
  for (int32_t i = 0; same && i < want->rank; i++) same = got->dim[i] == want->dim[i];
  if (!same) {
    char a[128], b[128];
    shape_text(got, a, sizeof a);
    shape_text(want, b, sizeof b);
    snprintf(r->text, TEXT, "output %u is %s, expected %s", index, a, b);
    return false;
  }
  int64_t n = eao_tensor_count(want), bad = 0, first = -1;
  for (int64_t i = 0; i < n; i++) {
    if (same_element(got, want, i)) continue;
    if (first < 0) first = i;
    bad++;
  }
  if (!bad) return true;
  snprintf(r->text, TEXT, "output %u: %lld of %lld elements differ, [%lld] is %.9g, expected %.9g",
           index, (long long)bad, (long long)n, (long long)first, eao_get_f64(got, first),
           eao_get_f64(want, first));
  return false;
}

static void check_faulty(const char *dir, result *r) {
  const char *name = strrchr(dir, '/');
  for (size_t i = 0; name && r->verdict == WRONG && i < EAO_COUNT(faulty); i++) {
    if (strcmp(name + 1, faulty[i][0]) != 0) continue;
    r->verdict = FAULTY;
    snprintf(r->text, TEXT, "%s", faulty[i][1]);
  }
}

/* ---- one case, in its own process ---- */

/* <stem>_<i>.pb */
static eao_status read_file(onnx_import *im, const char *stem, uint32_t i, eao_tensor *out,
                            bool *there) {
  char path[4096];
  eao_file f;
  onnx_tensor t;
  snprintf(path, sizeof path, "%s_%u.pb", stem, i);
  *there = access(path, R_OK) == 0;
  if (!*there) return EAO_OK;
  EAO_TRY(eao_file_map(im->ctx, path, &f));
  eao_status s = onnx_read_tensor(im->ctx, &im->tmp, eao_pb_of(f.data, f.size), &t);
  if (s == EAO_OK) s = onnx_load(im, &t, out);
  return s; /* the mapping stays: the tensor borrows from it */
}

/* The test data of bfloat16 cases says uint16: numpy has no bfloat16. */
static void as_bf16(eao_tensor *t, eao_dtype model) {
  if (model == EAO_BF16 && t->dtype == EAO_U16) t->dtype = EAO_BF16;
}

static bool run_set(onnx_import *im, eao_graph *g, eao_interp *it, const char *dir, result *r) {
  eao_tensor in[MAX_IO], want[MAX_IO], got[MAX_IO];
  uint32_t n_in = 0, n_out = 0;
  char input[4096], output[4096];
  bool there = true;
  eao_status s = EAO_OK;
  snprintf(input, sizeof input, "%s/input", dir);
  snprintf(output, sizeof output, "%s/output", dir);
  for (; s == EAO_OK && there && n_in < MAX_IO; n_in += there)
    s = read_file(im, input, n_in, &in[n_in], &there);
  there = true;
  for (; s == EAO_OK && there && n_out < MAX_IO; n_out += there)
    s = read_file(im, output, n_out, &want[n_out], &there);
  if (s != EAO_OK) {
    r->verdict = REFUSED;
    snprintf(r->text, TEXT, "test data: %s", eao_ctx_message(im->ctx));
    return false;
  }
  if (g->n_output > MAX_IO || n_out != g->n_output) {
    r->verdict = WRONG;
    snprintf(r->text, TEXT, "%u outputs, expected %u", g->n_output, n_out);
    return false;
  }
  for (uint32_t i = 0; i < n_in && i < g->n_input; i++)
    as_bf16(&in[i], g->value[g->input[i]].t.dtype);
  eao_interp_reset(it);
  s = eao_interp_run(it, in, n_in, got, n_out);
  if (s != EAO_OK) {
    r->verdict = s == EAO_ERR_UNSUPPORTED ? REFUSED : WRONG;
    snprintf(r->text, TEXT, "run: %s", eao_ctx_message(im->ctx));
    return false;
  }
  r->verdict = WRONG;
  for (uint32_t i = 0; i < n_out; i++) as_bf16(&want[i], got[i].dtype);
  for (uint32_t i = 0; i < n_out; i++)
    if (!compare(&got[i], &want[i], i, r)) return false;
  r->verdict = PASSED;
  return true;
}

static void run_sets(eao_ctx *ctx, eao_graph *g, const char *dir, result *r) {
  onnx_import im = {.ctx = ctx, .root = g};
  eao_interp *it = eao_interp_create(g);
  eao_arena_init(&im.tmp, ctx);
  r->verdict = WRONG;
  snprintf(r->text, TEXT, "no test data");
  for (int k = 0; it; k++) {
    char set[4096];
    snprintf(set, sizeof set, "%s/test_data_set_%d", dir, k);
    if (access(set, R_OK) != 0 || !run_set(&im, g, it, set, r)) break;
    r->text[0] = 0;
  }
  eao_interp_destroy(it);
  eao_arena_deinit(&im.tmp);
}

/* light_X.onnx: the input is 0, 1/n, 2/n, ...; the output is in light_X_output_0.pb. */
static void run_light(eao_ctx *ctx, eao_graph *g, const char *model, result *r) {
  onnx_import im = {.ctx = ctx, .root = g};
  eao_tensor in = g->value[g->input[0]].t, want, got;
  char path[4096];
  bool there;
  eao_interp *it = eao_interp_create(g);
  int64_t n = eao_tensor_count(&in);
  in.data = eao_alloc(ctx, (size_t)n * sizeof(float));
  for (int64_t i = 0; in.data && i < n; i++) ((float *)in.data)[i] = (float)((double)i / (double)n);
  snprintf(path, sizeof path, "%.*s_output", (int)(strlen(model) - strlen(".onnx")), model);
  eao_arena_init(&im.tmp, ctx);
  eao_status s = read_file(&im, path, 0, &want, &there);
  if (s == EAO_OK && it && in.data) s = eao_interp_run(it, &in, 1, &got, 1);
  r->verdict = WRONG;
  if (s != EAO_OK)
    snprintf(r->text, TEXT, "run: %s", eao_ctx_message(ctx));
  else if (!there || !it || !in.data)
    snprintf(r->text, TEXT, "no expected output");
  else if (compare(&got, &want, 0, r))
    r->verdict = PASSED;
  eao_interp_destroy(it);
  eao_arena_deinit(&im.tmp);
}

static bool is_light(const char *path) {
  size_t n = strlen(path);
  return n > 5 && !strcmp(path + n - 5, ".onnx");
}

static void run_case(const char *dir, result *r) {
  char path[4096];
  eao_graph *g;
  eao_ctx *ctx = eao_ctx_create(NULL, &(eao_limits){.max_total_bytes = (uint64_t)2 << 30});
  if (!ctx) return;
  snprintf(path, sizeof path, "%s%s", dir, is_light(dir) ? "" : "/model.onnx");
  const char *why = out_of_scope(ctx, path);
  if (why) {
    r->verdict = OUT_OF_SCOPE;
    snprintf(r->text, TEXT, "%s", why);
    return;
  }
  eao_status s = eao_import(ctx, path, NULL, &g);
  if (s != EAO_OK) {
    const char *text = eao_ctx_message(ctx), *cut = strstr(text, "': ");
    r->verdict = s == EAO_ERR_UNSUPPORTED ? REFUSED : WRONG;
    snprintf(r->text, TEXT, "import: %s", cut ? cut + 3 : text);
    return;
  }
  if (is_light(dir))
    run_light(ctx, g, dir, r);
  else
    run_sets(ctx, g, dir, r);
  eao_graph_destroy(g);
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

static void fork_case(const char *dir, result *r) {
  int pipe_fd[2], status = 0;
  memset(r, 0, sizeof *r);
  r->verdict = CRASHED;
  if (pipe(pipe_fd) != 0) return;
  fflush(NULL);
  pid_t pid = fork();
  if (pid == 0) {
    close(pipe_fd[0]);
    limit_process();
    run_case(dir, r);
    check_faulty(dir, r);
    ssize_t n = write(pipe_fd[1], r, sizeof *r);
    _exit(n == (ssize_t)sizeof *r ? 0 : 1);
  }
  close(pipe_fd[1]);
  size_t got = 0;
  while (pid > 0 && got < sizeof *r) {
    ssize_t n = read(pipe_fd[0], (char *)r + got, sizeof *r - got);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += (size_t)n;
  }
  close(pipe_fd[0]);
  if (pid > 0) waitpid(pid, &status, 0);
  if (got == sizeof *r && WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
  memset(r, 0, sizeof *r);
  r->verdict = CRASHED;
  snprintf(r->text, TEXT, "%s %d", WIFSIGNALED(status) ? "signal" : "exit status",
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* ---- finding cases ---- */

static char *copy_text(const char *s) {
  char *p = malloc(strlen(s) + 1);
  if (!p) abort();
  return strcpy(p, s);
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const test_case *)a)->name, ((const test_case *)b)->name);
}

static void add_case(cases *all, const char *suite, const char *name, const char *path) {
  if (all->n == all->cap) {
    all->cap = all->cap ? all->cap * 2 : 1024;
    all->at = realloc(all->at, all->cap * sizeof *all->at);
    if (!all->at) abort();
  }
  test_case *c = &all->at[all->n++];
  memset(c, 0, sizeof *c);
  c->suite = copy_text(suite);
  c->name = copy_text(name);
  c->dir = copy_text(path);
}

static void find_light(cases *all, const char *only) {
  char root[2048], path[4096];
  snprintf(root, sizeof root, "%s/conformance/onnx-light", getenv("EAO_DATA"));
  DIR *d = getenv("EAO_DATA") ? opendir(root) : NULL;
  size_t first = all->n;
  for (struct dirent *e; d && (e = readdir(d));) {
    snprintf(path, sizeof path, "%s/%s", root, e->d_name);
    if (is_light(path) && (!only || strstr(path, only))) add_case(all, "light", e->d_name, path);
  }
  if (d) closedir(d);
  if (all->n > first) qsort(all->at + first, all->n - first, sizeof *all->at, by_name);
}

static void find_cases(cases *all, const char *root, const char *only) {
  DIR *d = opendir(root);
  if (!d) return;
  const char *slash = strrchr(root, '/');
  size_t first = all->n;
  for (struct dirent *e; (e = readdir(d));) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s/model.onnx", root, e->d_name);
    if (e->d_name[0] == '.' || access(path, R_OK) != 0 || (only && !strstr(path, only))) continue;
    path[strlen(path) - strlen("/model.onnx")] = 0;
    add_case(all, slash ? slash + 1 : root, e->d_name, path);
  }
  closedir(d);
  qsort(all->at + first, all->n - first, sizeof *all->at, by_name);
}

static void find_default(cases *all, const char *only) {
  static const char *const debian[] = {"node", "simple", "pytorch-operator", "pytorch-converted"};
  const char *data = getenv("EAO_DATA");
  char path[4096];
  for (size_t i = 0; i < EAO_COUNT(debian); i++) {
    snprintf(path, sizeof path, "/usr/share/libonnx-testdata/data/%s", debian[i]);
    find_cases(all, path, only);
  }
  for (size_t i = 1; data && i < EAO_COUNT(debian); i++) {
    snprintf(path, sizeof path, "%s/conformance/onnx-%s", data, debian[i]);
    find_cases(all, path, only);
  }
}

/* ---- report ---- */

typedef struct tally {
  size_t n[N_VERDICT];
} tally;

static size_t in_scope(const tally *t) {
  return t->n[PASSED] + t->n[REFUSED] + t->n[WRONG] + t->n[CRASHED] + t->n[FAULTY];
}

static void count(const cases *all, const char *suite, tally *t) {
  memset(t, 0, sizeof *t);
  for (size_t i = 0; i < all->n; i++)
    if (!suite || !strcmp(all->at[i].suite, suite)) t->n[all->at[i].r.verdict]++;
}

static void print_row(FILE *f, const char *name, const tally *t) {
  fprintf(f, "| %s | %zu | %zu | %zu | %zu | %zu | %zu | %.1f %% |\n", name, t->n[PASSED],
          t->n[REFUSED], t->n[WRONG], t->n[CRASHED], t->n[FAULTY], t->n[OUT_OF_SCOPE],
          in_scope(t) ? 100.0 * (double)t->n[PASSED] / (double)in_scope(t) : 0.0);
}

static void print_list(FILE *f, const cases *all, verdict v) {
  bool any = false;
  for (size_t i = 0; i < all->n; i++) {
    const test_case *c = &all->at[i];
    if (c->r.verdict != (int32_t)v) continue;
    if (!any) fprintf(f, "\n### %s\n\n| case | why |\n|---|---|\n", verdict_name[v]);
    any = true;
    fprintf(f, "| %s/%s | %s |\n", c->suite, c->name, c->r.text);
  }
}

static void print_out_of_scope(FILE *f, const cases *all) {
  static const char *const why[] = {"sequence", "optional", "map", "string", "random", "training"};
  fprintf(f, "\n### out of scope\n\n| because of | cases |\n|---|---|\n");
  for (size_t k = 0; k < EAO_COUNT(why); k++) {
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
      n += all->at[i].r.verdict == OUT_OF_SCOPE && !strcmp(all->at[i].r.text, why[k]);
    if (n) fprintf(f, "| %s | %zu |\n", why[k], n);
  }
}

static void report(FILE *f, const cases *all) {
  tally t;
  fprintf(
      f,
      "| suite | passed | refused | wrong | crashed | faulty case | out of scope | passed of those "
      "in scope |\n|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < all->n; i++) {
    if (i && !strcmp(all->at[i].suite, all->at[i - 1].suite)) continue;
    count(all, all->at[i].suite, &t);
    print_row(f, all->at[i].suite, &t);
  }
  count(all, NULL, &t);
  print_row(f, "all", &t);
  for (verdict v = REFUSED; v <= FAULTY; v++) print_list(f, all, v);
  if (t.n[OUT_OF_SCOPE]) print_out_of_scope(f, all);
}

/* Replaces the part of the document between the two marks; the rest is other suites'. */
static bool write_doc(const char *path, const cases *all) {
  static const char begin[] = "<!-- onnx begin -->\n", end[] = "<!-- onnx end -->\n";
  char *old = NULL, *text = NULL;
  size_t n_old = 0, n_text = 0;
  FILE *in = fopen(path, "r");
  if (in) {
    FILE *mem = open_memstream(&old, &n_old);
    for (int ch; mem && (ch = fgetc(in)) != EOF;) fputc(ch, mem);
    if (mem) fclose(mem);
    fclose(in);
  }
  const char *a = old ? strstr(old, begin) : NULL, *b = a ? strstr(a, end) : NULL;
  FILE *out = open_memstream(&text, &n_text);
  if (!out) return false;
  if (!b) fprintf(out, "%s\n## ONNX backend tests\n\n", old ? old : "# Conformance\n");
  if (b) fwrite(old, 1, (size_t)(a - old), out);
  fputs(begin, out);
  fprintf(
      out,
      "Written by `onnx_conformance --write`. Cases: ONNX's backend tests as Debian packages them\n"
      "(`libonnx-testdata`), each with its published tolerance (rtol 1e-3, atol 1e-7; integers "
      "equal).\n\n");
  report(out, all);
  fputs(end, out);
  if (b) fputs(b + strlen(end), out);
  fclose(out);
  FILE *f = fopen(path, "w");
  bool ok = f && fwrite(text, 1, n_text, f) == n_text;
  if (f && fclose(f) != 0) ok = false;
  free(old);
  free(text);
  return ok;
}

int main(int argc, char **argv) {
  const char *write_to = NULL, *only = NULL;
  bool verbose = false, roots = false, light = false;
  cases all = {0};
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--write") && i + 1 < argc)
      write_to = argv[++i];
    else if (!strcmp(argv[i], "--only") && i + 1 < argc)
      only = argv[++i];
    else if (!strcmp(argv[i], "--verbose"))
      verbose = true;
    else if (!strcmp(argv[i], "--light"))
      light = true;
    else {
      roots = true;
      find_cases(&all, argv[i], only);
    }
  }
  if (!roots) find_default(&all, only);
  if (light) find_light(&all, only);
  if (!all.n) {
    puts("no ONNX test case found: install libonnx-testdata or set EAO_DATA");
    return 77;
  }
  for (size_t i = 0; i < all.n; i++) {
    fork_case(all.at[i].dir, &all.at[i].r);
    if (verbose)
      printf("%s %s/%s %s\n", verdict_name[all.at[i].r.verdict], all.at[i].suite, all.at[i].name,
             all.at[i].r.text);
  }
  report(stdout, &all);
  tally t;
  count(&all, NULL, &t);
  if (write_to && !write_doc(write_to, &all)) {
    fprintf(stderr, "cannot write '%s'\n", write_to);
    return 1;
  }
  double share = in_scope(&t) ? (double)t.n[PASSED] / (double)in_scope(&t) : 1;
  printf("\nonnx: %zu passed, %zu refused, %zu wrong, %zu crashed, %zu faulty, %zu out of scope: "
         "%.1f %%\n",
         t.n[PASSED], t.n[REFUSED], t.n[WRONG], t.n[CRASHED], t.n[FAULTY], t.n[OUT_OF_SCOPE],
         100 * share);
  for (size_t i = 0; i < all.n; i++) {
    free(all.at[i].suite);
    free(all.at[i].name);
    free(all.at[i].dir);
  }
  free(all.at);
  return t.n[WRONG] || t.n[CRASHED] || share < 0.97;
}
