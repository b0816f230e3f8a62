/* eao run: a model on inputs, or on the test data that came with it. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/engine.h"

/* ---- running ---- */

typedef struct ticker {
  eao_cli *c;
  uint64_t done, total;
} ticker;

static eao_status tick(void *user, uint32_t value, const eao_tensor *t) {
  ticker *k = user;
  (void)value;
  (void)t;
  eao_cli_progress(k->c, "running", k->done < k->total ? k->done++ : k->total - 1, k->total);
  return EAO_OK;
}

static int execute(eao_cli *c, eao_model *m, eao_runner *r, const eao_tensor *in, eao_tensor *out) {
  ticker k = {c, 0, eao_model_value_count(m)};
  eao_runner_on_value(r, tick, &k);
  eao_status s = eao_runner_run(r, in, eao_model_input_count(m), out, eao_model_output_count(m));
  eao_cli_progress(c, "running", k.total, k.total);
  return s == EAO_OK ? EAO_EXIT_OK : eao_cli_fail_input(c, s);
}

/* ---- labels ---- */

typedef struct labels {
  char **line;
  size_t n;
} labels;

static void free_labels(labels *l) {
  for (size_t i = 0; i < l->n; i++) free(l->line[i]);
  free(l->line);
  memset(l, 0, sizeof *l);
}

/* Takes one line, without white space at its end. */
static bool add_label(labels *l, size_t *room, const char *line, size_t len) {
  while (len > 0 && isspace((unsigned char)line[len - 1])) len--;
  if (l->n == *room) {
    *room = *room ? *room * 2 : 1024;
    char **p = realloc(l->line, *room * sizeof *p);
    if (!p) return false;
    l->line = p;
  }
  l->line[l->n] = strndup(line, len);
  return l->line[l->n++] != NULL;
}

static int read_labels(const char *path, labels *out) {
  enum { LABELS_MAX = 1000000 };
  FILE *f = fopen(path, "re");
  char *line = NULL;
  size_t cap = 0, room = 0;
  ssize_t len;
  if (!f) {
    fprintf(stderr, "eao run: cannot read '%s': %s\n", path, strerror(errno));
    return EAO_EXIT_SYSTEM;
  }
  while (out->n < LABELS_MAX && (len = getline(&line, &cap, f)) >= 0)
    if (!add_label(out, &room, line, (size_t)len)) break;
  free(line);
  fclose(f);
  return EAO_EXIT_OK;
}

/* The model's own, when there is one for each element of its first output. */
static void model_labels(const eao_model *m, labels *out) {
  size_t room = 0;
  for (uint32_t i = 0; i < eao_model_meta_count(m); i++) {
    if (strcmp(eao_model_meta_key(m, i), "labels") != 0) continue;
    for (const char *p = eao_model_meta_text(m, i); *p;) {
      size_t n = strcspn(p, "\n");
      if (!add_label(out, &room, p, n)) return;
      p += n + (p[n] == '\n');
    }
  }
  eao_value_info v = eao_model_output(m, 0);
  if (eao_tensor_elements(&v.type) == (int64_t)out->n) return;
  free_labels(out);
}

/* ---- results ---- */

static void summary(const eao_tensor *t, double *lo, double *hi, double *mean) {
  int64_t n = eao_tensor_elements(t), counted = 0;
  double sum = 0;
  *lo = INFINITY;
  *hi = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    double v = eao_tensor_real(t, i);
    if (isnan(v)) continue;
    if (v < *lo) *lo = v;
    if (v > *hi) *hi = v;
    sum += v;
    counted++;
  }
  *mean = counted ? sum / (double)counted : NAN;
  if (!counted) *lo = *hi = NAN;
}

/* Indices of the k largest elements, the first of equals first. */
static int64_t top(const eao_tensor *t, int64_t k, int64_t *index) {
  int64_t n = eao_tensor_elements(t), have = 0;
  for (int64_t i = 0; i < n; i++) {
    double v = eao_tensor_real(t, i);
    if (isnan(v)) continue;
    int64_t at = have;
    while (at > 0 && v > eao_tensor_real(t, index[at - 1])) at--;
    if (at >= k) continue;
    if (have < k) have++;
    for (int64_t j = have - 1; j > at; j--) index[j] = index[j - 1];
    index[at] = i;
  }
  return have;
}

static json_t *top_json(const eao_tensor *t, int64_t k, const labels *l) {
  int64_t index[100], n = top(t, k, index);
  json_t *a = json_array();
  for (int64_t i = 0; i < n; i++) {
    json_t *j = json_object();
    json_object_set_new(j, "index", json_integer(index[i]));
    json_object_set_new(j, "value", eao_cli_real(eao_tensor_real(t, index[i])));
    if (index[i] < (int64_t)l->n)
      json_object_set_new(j, "label", eao_cli_string(l->line[index[i]]));
    json_array_append_new(a, j);
  }
  return a;
}

static void print_top(eao_cli *c, const char *name, const eao_tensor *t, int64_t k,
                      const labels *l) {
  static const char *const heads[] = {">index", ">value", "label"};
  int64_t index[100], n = top(t, k, index);
  eao_cli_table *tab = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (int64_t i = 0; i < n; i++) {
    eao_cli_cell(tab, "%lld", (long long)index[i]);
    eao_cli_cell(tab, "%.6g", eao_tensor_real(t, index[i]));
    eao_cli_cell(tab, "%s", index[i] < (int64_t)l->n ? l->line[index[i]] : "");
  }
  printf("\ntop %lld of %s\n", (long long)n, name);
  eao_cli_table_print(c, tab);
  eao_cli_table_free(tab);
}

static void print_outputs(eao_cli *c, const eao_model *m, const eao_tensor *out) {
  static const char *const heads[] = {"output", "type", ">min", ">max", ">mean"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (uint32_t i = 0; i < eao_model_output_count(m); i++) {
    double lo, hi, mean;
    char type[EAO_CLI_TYPE];
    summary(&out[i], &lo, &hi, &mean);
    eao_cli_cell(t, "%s", eao_model_output(m, i).name);
    eao_cli_cell(t, "%s", eao_cli_type(&out[i], NULL, type));
    eao_cli_cell(t, "%.6g", lo);
    eao_cli_cell(t, "%.6g", hi);
    eao_cli_cell(t, "%.6g", mean);
  }
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
}

/* Few numbers are worth seeing at once. */
static void print_small(const eao_model *m, const eao_tensor *out) {
  enum { SHOWN = 16 };
  for (uint32_t i = 0; i < eao_model_output_count(m); i++) {
    int64_t n = eao_tensor_elements(&out[i]);
    if (n < 1 || n > SHOWN) continue;
    printf("%s =", eao_model_output(m, i).name);
    for (int64_t k = 0; k < n; k++) printf(" %.7g", eao_tensor_real(&out[i], k));
    printf("\n");
  }
}

static json_t *outputs_json(const eao_model *m, const eao_tensor *out, char **file, int64_t k,
                            const labels *l) {
  json_t *a = json_array();
  for (uint32_t i = 0; i < eao_model_output_count(m); i++) {
    double lo, hi, mean;
    summary(&out[i], &lo, &hi, &mean);
    json_t *j = json_object();
    json_object_set_new(j, "name", eao_cli_string(eao_model_output(m, i).name));
    json_object_set_new(j, "dtype", json_string(eao_dtype_name(out[i].dtype)));
    json_object_set_new(j, "shape", eao_cli_json_shape(&out[i]));
    json_object_set_new(j, "min", eao_cli_real(lo));
    json_object_set_new(j, "max", eao_cli_real(hi));
    json_object_set_new(j, "mean", eao_cli_real(mean));
    if (file && file[i]) json_object_set_new(j, "file", eao_cli_string(file[i]));
    if (k) json_object_set_new(j, "top", top_json(&out[i], k, l));
    json_array_append_new(a, j);
  }
  return a;
}

/* ---- --output-dir ---- */

/* A name from a model as a file name: letters, digits and -_.+ stay, all else becomes '_'; never
 * empty, never starting with a dot, so it cannot leave the folder. */
static void file_name(const char *name, char *out, size_t cap) {
  size_t n = 0;
  for (; *name && n + 1 < cap; name++) {
    bool ok = isalnum((unsigned char)*name) || strchr("-_.+", *name);
    out[n++] = ok ? *name : '_';
  }
  out[n] = 0;
  if (!n) snprintf(out, cap, "output");
  if (out[0] == '.') out[0] = '_';
}

static bool is_taken(char *const *file, uint32_t n, const char *path) {
  for (uint32_t i = 0; i < n; i++)
    if (file[i] && strcmp(file[i], path) == 0) return true;
  return false;
}

static int write_outputs(eao_cli *c, const eao_model *m, const eao_tensor *out, const char *dir,
                         char **file) {
  if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
    fprintf(stderr, "eao run: cannot make the folder '%s': %s\n", dir, strerror(errno));
    return EAO_EXIT_SYSTEM;
  }
  for (uint32_t i = 0; i < eao_model_output_count(m); i++) {
    char name[160];
    file_name(eao_model_output(m, i).name, name, sizeof name);
    if (asprintf(&file[i], "%s/%s.npy", dir, name) < 0) file[i] = NULL;
    if (file[i] && is_taken(file, i, file[i])) { /* two names that look alike now */
      free(file[i]);
      if (asprintf(&file[i], "%s/%s.%u.npy", dir, name, i) < 0) file[i] = NULL;
    }
    if (!file[i]) return eao_cli_fail(c, EAO_ERR_NOMEM);
    eao_status s = eao_npy_write(c->ctx, file[i], &out[i]);
    if (s != EAO_OK) return eao_cli_fail(c, s);
  }
  return EAO_EXIT_OK;
}

/* ---- one run ---- */

static int show(eao_cli *c, eao_model *m, const eao_cli_inputs *in, const eao_tensor *out,
                char **file, int64_t k, const labels *l) {
  uint32_t n_out = eao_model_output_count(m);
  if (c->json) {
    json_t *j = json_object(), *a = json_array();
    for (uint32_t i = 0; i < in->n; i++) {
      json_t *x = json_object();
      json_object_set_new(x, "name", eao_cli_string(eao_model_input(m, i).name));
      json_object_set_new(x, "source", eao_cli_string(in->source[i]));
      json_object_set_new(x, "dtype", json_string(eao_dtype_name(in->t[i].dtype)));
      json_object_set_new(x, "shape", eao_cli_json_shape(&in->t[i]));
      json_array_append_new(a, x);
    }
    json_object_set_new(j, "model", eao_cli_string(c->arg[0]));
    json_object_set_new(j, "inputs", a);
    json_object_set_new(j, "outputs", outputs_json(m, out, file, k, l));
    return eao_cli_json(j);
  }
  print_outputs(c, m, out);
  print_small(m, out);
  for (uint32_t i = 0; k && i < n_out; i++)
    print_top(c, eao_model_output(m, i).name, &out[i], k, l);
  for (uint32_t i = 0; i < n_out; i++)
    if (file[i]) printf("wrote %s\n", file[i]);
  return EAO_EXIT_OK;
}

/* r: the interpreter, or what runs a package; NULL: e does. */
static int run_once(eao_cli *c, eao_model *m, eao_runner *r, eao_cli_engine *e) {
  const char *dir = eao_cli_get(c, "output-dir", NULL), *path = eao_cli_get(c, "labels", NULL);
  uint32_t n_out = eao_model_output_count(m);
  labels l = {0};
  eao_cli_inputs in = {0};
  int code = path ? read_labels(path, &l) : 0;
  if (!path && n_out) model_labels(m, &l);
  int64_t k = l.n ? 5 : 0;
  if (!eao_cli_integer(c, "top", 1, 100, &k)) code = EAO_EXIT_USAGE;
  eao_tensor *out = calloc(n_out + 1, sizeof *out);
  char **file = calloc(n_out + 1, sizeof *file);
  if (!code && (!out || !file)) code = eao_cli_fail(c, EAO_ERR_NOMEM);
  if (!code) code = eao_cli_inputs_make(c, m, &in);
  if (!code && r) code = execute(c, m, r, in.t, out);
  if (!code && !r) {
    eao_status s = eao_cli_engine_run(e, in.t, out);
    if (s != EAO_OK) code = eao_cli_fail_input(c, s);
  }
  if (!code && dir) code = write_outputs(c, m, out, dir, file);
  if (!code) code = show(c, m, &in, out, file, k, &l);
  for (uint32_t i = 0; file && i < n_out; i++) free(file[i]);
  eao_cli_inputs_free(c, &in);
  free_labels(&l);
  free(out);
  free(file);
  return code;
}

/* ---- --check ---- */

typedef struct check {
  eao_cli *c;
  eao_model *m;
  eao_runner *r;
  double rtol, atol;
  eao_diff *worst; /* per output, over all sets */
  uint32_t sets, failed;
  json_t *json;
} check;

static bool exists(const char *path) {
  struct stat st;
  return stat(path, &st) == 0;
}

/* dir/<stem>_<k>.pb or .npy; false when neither is there. */
static bool find_tensor(const char *dir, const char *stem, uint32_t k, char *path, size_t cap) {
  static const char *const ends[] = {"pb", "npy"};
  for (size_t i = 0; i < EAO_CLI_COUNT(ends); i++) {
    snprintf(path, cap, "%s/%s_%u.%s", dir, stem, k, ends[i]);
    if (exists(path)) return true;
  }
  return false;
}

static int read_set(check *k, const char *dir, const char *stem, eao_tensor *t, uint32_t n) {
  char path[4096];
  for (uint32_t i = 0; i < n; i++) {
    if (!find_tensor(dir, stem, i, path, sizeof path)) {
      fprintf(stderr, "eao run: '%s' has no %s_%u.pb or %s_%u.npy\n", dir, stem, i, stem, i);
      return EAO_EXIT_INPUT;
    }
    eao_status s = eao_tensor_read(k->c->ctx, path, &t[i]);
    if (s != EAO_OK) return eao_cli_fail_input(k->c, s);
  }
  return EAO_EXIT_OK;
}

static void add_row(check *k, json_t *rows, uint32_t i, const char *problem, const eao_diff *d) {
  json_t *j = json_object();
  json_object_set_new(j, "output", eao_cli_string(eao_model_output(k->m, i).name));
  json_object_set_new(j, "ok", json_boolean(!problem && !d->mismatches));
  if (problem) json_object_set_new(j, "problem", json_string(problem));
  if (!problem) {
    json_object_set_new(j, "max_abs_error", eao_cli_real(d->max_abs));
    json_object_set_new(j, "max_rel_error", eao_cli_real(d->max_rel));
    json_object_set_new(j, "mismatches", json_integer(d->mismatches));
    json_object_set_new(j, "elements", json_integer(d->n));
  }
  json_array_append_new(rows, j);
}

/* Compares the outputs of one set; true when all agree. */
static bool judge(check *k, const char *set, const eao_tensor *got, const eao_tensor *want,
                  json_t *rows) {
  bool all = true;
  for (uint32_t i = 0; i < eao_model_output_count(k->m); i++) {
    const char *name = eao_model_output(k->m, i).name, *problem = NULL;
    eao_diff d = {0};
    eao_tensor plain = got[i]; /* expected files hold what is stored, not what it stands for */
    plain.quant.n = 0;
    if (got[i].dtype != want[i].dtype && got[i].dtype != EAO_BF16)
      problem = "another element type";
    else if (eao_tensor_diff(k->c->ctx, &plain, &want[i], k->rtol, k->atol, &d) != EAO_OK)
      problem = "another shape";
    bool ok = !problem && !d.mismatches;
    all = all && ok;
    if (d.max_abs > k->worst[i].max_abs || !k->worst[i].n) k->worst[i] = d;
    add_row(k, rows, i, problem, &d);
    if (ok || k->c->json) continue;
    if (problem)
      printf("%s: output '%s' has %s than expected\n", set, name, problem);
    else
      printf(
          "%s: output '%s': %lld of %lld elements differ; worst: got %.9g, expected %.9g at %lld\n",
          set, name, (long long)d.mismatches, (long long)d.n, d.worst_got, d.worst_want,
          (long long)d.worst);
  }
  return all;
}

static int check_set(check *k, const char *dir) {
  uint32_t n_in = eao_model_input_count(k->m), n_out = eao_model_output_count(k->m);
  eao_tensor *in = calloc(n_in + 1, sizeof *in), *want = calloc(n_out + 1, sizeof *want),
             *got = calloc(n_out + 1, sizeof *got);
  int code = in && want && got ? 0 : eao_cli_fail(k->c, EAO_ERR_NOMEM);
  if (!code) code = read_set(k, dir, "input", in, n_in);
  if (!code) code = read_set(k, dir, "output", want, n_out);
  if (!code) {
    eao_runner_reset(k->r);
    code = execute(k->c, k->m, k->r, in, got);
  }
  if (!code) {
    const char *name = strrchr(dir, '/') && strrchr(dir, '/')[1] ? strrchr(dir, '/') + 1 : dir;
    json_t *rows = json_array(), *set = json_object();
    bool ok = judge(k, name, got, want, rows);
    k->sets++;
    k->failed += !ok;
    json_object_set_new(set, "set", eao_cli_string(name));
    json_object_set_new(set, "ok", json_boolean(ok));
    json_object_set_new(set, "outputs", rows);
    json_array_append_new(k->json, set);
  }
  for (uint32_t i = 0; in && i < n_in; i++) eao_tensor_destroy(k->c->ctx, &in[i]);
  for (uint32_t i = 0; want && i < n_out; i++) eao_tensor_destroy(k->c->ctx, &want[i]);
  free(in);
  free(want);
  free(got);
  return code;
}

static int is_set(const struct dirent *d) {
  return strncmp(d->d_name, "test_data_set_", 14) == 0;
}

static int check_all(check *k, const char *dir) {
  char path[4096];
  struct dirent **entry;
  int n = scandir(dir, &entry, is_set, versionsort), code = 0;
  if (n < 0) {
    fprintf(stderr, "eao run: cannot read the folder '%s': %s\n", dir, strerror(errno));
    return EAO_EXIT_SYSTEM;
  }
  for (int i = 0; i < n; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, entry[i]->d_name);
    if (!code) code = check_set(k, path);
    free(entry[i]);
  }
  free(entry);
  if (n == 0) code = check_set(k, dir);
  return code;
}

static int report_check(check *k) {
  bool ok = k->failed == 0;
  if (k->c->json) {
    json_t *j = json_object();
    json_object_set_new(j, "model", eao_cli_string(k->c->arg[0]));
    json_object_set_new(j, "ok", json_boolean(ok));
    json_object_set_new(j, "sets", json_incref(k->json));
    json_object_set_new(j, "rtol", eao_cli_real(k->rtol));
    json_object_set_new(j, "atol", eao_cli_real(k->atol));
    eao_cli_json(j);
    return ok ? EAO_EXIT_OK : EAO_EXIT_CHECK;
  }
  static const char *const heads[] = {"output", ">worst error", ">relative", ">SQNR dB"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (uint32_t i = 0; i < eao_model_output_count(k->m); i++) {
    const eao_diff *d = &k->worst[i];
    eao_cli_cell(t, "%s", eao_model_output(k->m, i).name);
    eao_cli_cell(t, "%.3g", d->max_abs);
    eao_cli_cell(t, "%.3g", d->max_rel);
    eao_cli_cell(t, "%.1f", d->sqnr_db);
  }
  eao_cli_table_print(k->c, t);
  eao_cli_table_free(t);
  printf("%s%s%s: %u of %u sets agree (rtol %g, atol %g)\n",
         eao_cli_style_on(k->c, ok ? EAO_STYLE_GOOD : EAO_STYLE_BAD), ok ? "passed" : "FAILED",
         eao_cli_style_on(k->c, EAO_STYLE_OFF), k->sets - k->failed, k->sets, k->rtol, k->atol);
  return ok ? EAO_EXIT_OK : EAO_EXIT_CHECK;
}

static int run_check(eao_cli *c, eao_model *m, eao_runner *r) {
  check k = {.c = c, .m = m, .r = r, .rtol = 1e-3, .atol = 1e-7, .json = json_array()};
  if (!eao_cli_number(c, "rtol", 0, 1e30, &k.rtol) ||
      !eao_cli_number(c, "atol", 0, 1e30, &k.atol)) {
    json_decref(k.json);
    return EAO_EXIT_USAGE;
  }
  k.worst = calloc(eao_model_output_count(m) + 1, sizeof *k.worst);
  int code = k.worst ? check_all(&k, eao_cli_get(c, "check", ".")) : eao_cli_fail(c, EAO_ERR_NOMEM);
  if (!code) code = report_check(&k);
  free(k.worst);
  json_decref(k.json);
  return code;
}

/* Compiled, if that is asked for. */
static int run_fast(eao_cli *c, const char *kind) {
  eao_cli_engine e;
  int code = eao_cli_engine_open(c, c->arg[0], kind, &e);
  if (code) return code;
  code = run_once(c, e.model, e.runner, &e);
  eao_cli_engine_close(&e);
  return code;
}

static int run(eao_cli *c) {
  static const char *const one_run[] = {"input", "output-dir", "labels", "top"};
  eao_model *m;
  eao_runner *r;
  for (size_t i = 0; i < EAO_CLI_COUNT(one_run); i++)
    if (eao_cli_has(c, "check") && eao_cli_has(c, one_run[i]))
      return eao_cli_usage(c, "--check brings its own inputs: leave out --%s", one_run[i]);
  if (c->sandboxed && eao_cli_has(c, "output-dir"))
    return eao_cli_usage(c, "--output-dir cannot be used with --sandbox");
  const char *kind = eao_cli_get(c, "engine", "interp");
  bool fast = strcmp(kind, "interp") != 0;
  if (fast && eao_cli_has(c, "check")) return eao_cli_usage(c, "--check runs on the interpreter");
  if (fast) return run_fast(c, kind);
  int code = eao_cli_load(c, c->arg[0], EAO_CLI_DIMS_KEEP, &m);
  if (code) return code;
  eao_status s = eao_runner_create(m, &r);
  if (s != EAO_OK)
    code = eao_cli_fail(c, s);
  else
    code = eao_cli_has(c, "check") ? run_check(c, m, r) : run_once(c, m, r, NULL);
  eao_runner_destroy(s == EAO_OK ? r : NULL);
  eao_model_destroy(m);
  return code;
}

/* Its outputs are several files: none in a sandbox. */
static const char *output(const eao_cli *c) {
  (void)c;
  return NULL;
}

static const eao_cli_option options[] = {
    EAO_CLI_INPUT_OPTIONS,
    EAO_CLI_SHAPE_OPTION,
    {"engine", "KIND",
     "interp (default: the reference, slow), compiled, or auto: compiled where the\n"
     "model can be; compiled models are kept in $XDG_CACHE_HOME/eao",
     false},
    {"no-cache", NULL, "compile anew, and keep nothing", false},
    EAO_CLI_SANDBOX_OPTIONS,
    {"output-dir", "DIR",
     "write each output to DIR/<name>.npy (characters that are not safe in a\n"
     "file name become _)",
     false},
    {"labels", "FILE",
     "names of classes, one a line: prints the best ones (default: the model's own,\n"
     "if it has any)",
     false},
    {"top", "N", "how many of the largest elements to print (default 5 with --labels)", false},
    {"check", "DIR",
     "run every test_data_set_* in DIR, or DIR itself: input_K and output_K as .pb\n"
     "or .npy; fails when an output differs from what is expected",
     false},
    {"rtol", "X", "tolerance relative to the expected value (default 0.001)", false},
    {"atol", "X", "absolute tolerance (default 1e-7)", false},
};

static const eao_cli_example examples[] = {
    {"run model.onnx", "on random input; prints shape and range of each output"},
    {"run model.onnx --input cat.jpg --pixels imagenet --labels imagenet.txt", "classify an image"},
    {"run model.onnx --input ids=tokens.npy --input mask=ones --output-dir out",
     "several inputs; results as .npy files"},
    {"run model.onnx --check .", "against the test data beside the model"},
};

const eao_cli_command eao_cmd_run = {
    .name = "run",
    .args = "MODEL",
    .summary = "run a model on files or random input, or check it against test data",
    .text = "Runs a model once, on the reference kernels unless --engine says otherwise: exact and "
            "slow,\n"
            "the yardstick for everything else. Images and audio are fitted to the input (see "
            "--pixels, --resize, --fit).",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "1  with --check: an output is not as expected\n4  the model or an input is invalid\n"
             "5  the model uses something EAO does not support",
    .run = run,
    .output = output,
};
