/* Every model of the data folder that the interpreter runs: compiled, it gives the same outputs,
 * integers bit for bit. Without the folder: skipped. Arguments, if any, name the models to run
 * instead. Models above a number of multiply-accumulates are left to the run with EAO_TEST_SLOW=1.
 */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "eao/rt.h"
#include "emit/emit_eao.h"
#include "import/import.h"
#include "interp/interp.h"
#include "op/op.h"
#include "plan/verified.h"

typedef struct tally {
  int ran, refused, wrong, skipped;
} tally;

static void *random_input(const eao_tensor *t, eao_rng *rng) {
  uint64_t n = 1;
  for (int32_t i = 0; i < t->rank; i++) n *= (uint64_t)t->dim[i];
  eao_tensor x = *t;
  x.data = calloc(1, (size_t)((n * (uint64_t)eao_dtype_bits(t->dtype) + 7) / 8) + 1);
  for (uint64_t i = 0; i < n; i++) {
    if (eao_dtype_is_float(t->dtype))
      eao_set_f64(&x, (int64_t)i, eao_rng_f64(rng) * 2 - 1);
    else if (eao_dtype_bits(t->dtype) <= 8)
      eao_set_i64(&x, (int64_t)i, (int64_t)eao_rng_next(rng));
    else
      eao_set_i64(&x, (int64_t)i, (int64_t)eao_rng_below(rng, 4)); /* lengths, indices, tokens */
  }
  return x.data;
}

static uint64_t macs(const eao_graph *g) {
  uint64_t sum = 0;
  for (eao_nid n = 0; n < g->n_node; n++) {
    const eao_op_desc *d = eao_op_get(g->node[n].op);
    if (!d || !d->cost) continue;
    const eao_tensor *in[64];
    eao_tensor out[64];
    if (g->node[n].n_in > 64 || g->node[n].n_out > 64) continue;
    for (uint32_t i = 0; i < g->node[n].n_in; i++)
      in[i] = g->node[n].in[i] == EAO_NONE ? NULL : &g->value[g->node[n].in[i]].t;
    for (uint32_t i = 0; i < g->node[n].n_out; i++)
      if (g->node[n].out[i] != EAO_NONE) out[i] = g->value[g->node[n].out[i]].t;
    eao_infer f = {.attr = g->node[n].attr,
                   .n_in = g->node[n].n_in,
                   .n_out = g->node[n].n_out,
                   .in = in,
                   .out = out};
    eao_cost c = {0};
    d->cost(&f, &c);
    sum += c.macs;
  }
  return sum;
}

/* Largest difference relative to the largest magnitude; integers: count of different elements. */
static double worst(const eao_tensor *got, const eao_tensor *want) {
  double largest = 1e-30, diff = 0;
  int64_t n = eao_tensor_count(want), wrong = 0;
  bool f = eao_dtype_is_float(want->dtype);
  for (int64_t i = 0; i < n; i++) {
    double a = eao_get_f64(got, i), b = eao_get_f64(want, i);
    if (fabs(b) > largest && fabs(b) < 1e300) largest = fabs(b);
    if (a == b || (a != a && b != b)) continue;
    wrong++;
    if (!(fabs(a - b) <= diff)) diff = fabs(a - b);
  }
  return f ? diff / largest : (double)wrong;
}

typedef struct model {
  eao_ctx *ctx;
  eao_graph *g;
  eao_tensor *in, *want;
  eao_interp *it;
} model;

/* Reference kernels round once and must agree to the last bits; fast float kernels add in float, in
 * another order, and the error of a hundred layers adds up. */
static bool compare(const model *m, eao_session *s, double tolerance, bool *ok) {
  for (uint32_t i = 0; i < m->g->n_input; i++) {
    uint64_t n;
    if (eao_tensor_nbytes(m->ctx, &m->in[i], &n) != EAO_OK) return false;
    memcpy(eao_session_input(s, i)->data, m->in[i].data, (size_t)n);
  }
  if (eao_session_run(s) != EAO_OK) {
    printf("  run failed: %s\n", eao_session_message(s));
    return false;
  }
  for (uint32_t i = 0; i < m->g->n_output; i++) {
    const eao_tensor *got = eao_session_output(s, i);
    bool same = got->rank == m->want[i].rank && got->dtype == m->want[i].dtype;
    for (int32_t k = 0; same && k < got->rank; k++) same = got->dim[k] == m->want[i].dim[k];
    double d = same ? worst(got, &m->want[i]) : INFINITY;
    bool good = d <= (eao_dtype_is_float(got->dtype) ? tolerance : 0);
    if (!good) {
      printf("  output %u differs: %g\n", i, d);
      *ok = false;
    }
  }
  return true;
}

/* Plans, emits, opens and runs; false when the compiler refuses. */
static bool compiled(const model *m, const eao_plan_opts *opts, bool *ok) {
  eao_plan *p;
  eao_text pkg;
  eao_package package;
  if (eao_plan_create(m->g, opts, &p) != EAO_OK) return false;
  eao_text_init(&pkg, m->ctx);
  eao_package_opts po = {0};
  bool done = eao_emit_package(p, &po, &pkg) == EAO_OK;
  void *mem = aligned_alloc(64, (pkg.len + 63) / 64 * 64);
  if (done) memcpy(mem, pkg.p, pkg.len);
  if (done && eao_package_open_memory(&package, mem, pkg.len) != EAO_OK) {
    printf("  package refused: %s\n", eao_package_message(&package));
    *ok = false;
    done = false;
  }
  if (done) {
    size_t n = eao_package_arena_bytes(&package);
    void *arena = aligned_alloc(64, n);
    eao_session *s;
    size_t pool_bytes = eao_pool_bytes(opts->threads);
    void *pool_mem = malloc(pool_bytes);
    eao_pool *pool = NULL;
    memset(arena, 0xA5, n);
    if (eao_pool_create(pool_mem, pool_bytes, opts->threads, &pool) != EAO_OK) *ok = false;
    if (eao_session_create(&package, arena, n, &s) == EAO_OK) {
      eao_session_set_pool(s, pool);
      if (!compare(m, s, opts->ref_only ? 1e-6 : 3e-5, ok)) *ok = false;
    } else {
      *ok = false;
    }
    printf("  arena %8.1f KiB (bound %.1f), layer by layer %.1f (bound %.1f), %u steps, %u bands, "
           "%zu bytes\n",
           (double)p->arena_bytes / 1024, (double)p->arena_bound_bytes / 1024,
           (double)p->arena_bytes_layerwise / 1024, (double)p->arena_bound_layerwise / 1024,
           p->n_step, p->n_band, pkg.len);
    eao_pool_destroy(pool);
    free(pool_mem);
    free(arena);
  }
  free(mem);
  eao_text_deinit(&pkg);
  eao_plan_destroy(p);
  return done;
}

/* The graph changes under the interpreter: its results are kept apart. */
static void keep_results(model *m) {
  for (uint32_t i = 0; i < m->g->n_output; i++) {
    uint64_t n;
    if (eao_tensor_nbytes(m->ctx, &m->want[i], &n) != EAO_OK) continue;
    void *copy = malloc((size_t)n + 1);
    memcpy(copy, m->want[i].data, (size_t)n);
    m->want[i].data = copy;
  }
}

static void drop_results(model *m) {
  for (uint32_t i = 0; i < m->g->n_output; i++) free(m->want[i].data);
}

/* True when a pass changed something that may have changed results. */
static bool print_passes(const eao_pass_report *rep, uint32_t n) {
  bool inexact = false;
  for (uint32_t i = 0; i < n; i++) {
    if (rep[i].changes) printf("  %s %u", rep[i].name, rep[i].changes);
    if (rep[i].changes && !rep[i].exact) inexact = true;
  }
  printf("\n");
  return inexact;
}

static void run_model(const char *path, tally *t) {
  model m = {.ctx = eao_ctx_create(NULL, NULL)};
  eao_import_opts io = {.default_dims = true};
  uint64_t limit = getenv("EAO_TEST_SLOW") ? UINT64_MAX : 3u * 1000 * 1000;
  eao_rng rng = {1};
  printf("%s\n", path);
  if (eao_import(m.ctx, path, &io, &m.g) != EAO_OK) {
    printf("  not imported: %s\n", eao_ctx_message(m.ctx));
    t->skipped++;
    eao_ctx_destroy(m.ctx);
    return;
  }
  uint64_t cost = macs(m.g);
  m.in = calloc(m.g->n_input + 1, sizeof *m.in);
  m.want = calloc(m.g->n_output + 1, sizeof *m.want);
  for (uint32_t i = 0; i < m.g->n_input; i++) {
    m.in[i] = m.g->value[m.g->input[i]].t;
    m.in[i].data = random_input(&m.in[i], &rng);
  }
  m.it = eao_interp_create(m.g);
  if (cost > limit) {
    printf("  left out: %.1f million multiply-accumulates\n", (double)cost / 1e6);
    t->skipped++;
  } else if (eao_interp_run(m.it, m.in, m.g->n_input, m.want, m.g->n_output) != EAO_OK) {
    printf("  interpreter: %s\n", eao_ctx_message(m.ctx));
    t->skipped++;
  } else {
    const eao_pass_report *rep;
    uint32_t n_rep;
    bool ok = true, done;
    eao_plan_opts plain = {.ref_only = true, .stream = EAO_STREAM_NEVER, .threads = 1};
    eao_plan_opts host = {
        .isa = eao_cpu_isa(), .cpu = eao_cpu_flags(), .threads = 2, .stream = EAO_STREAM_ALWAYS};
    keep_results(&m);
    done = compiled(&m, &plain, &ok);
    eao_status s = getenv("EAO_TEST_VERIFY") ? eao_passes_run_verified(m.g, 1, &rep, &n_rep)
                                             : eao_passes_run(m.g, NULL, &rep, &n_rep);
    if (s != EAO_OK) {
      printf("  passes: %s\n", eao_ctx_message(m.ctx));
      ok = false;
    } else if (print_passes(rep, n_rep)) {
      /* Quantised results may have been rounded differently: the truth is what the graph says now.
       */
      eao_interp_destroy(m.it);
      m.it = eao_interp_create(m.g);
      drop_results(&m);
      if (eao_interp_run(m.it, m.in, m.g->n_input, m.want, m.g->n_output) == EAO_OK)
        keep_results(&m);
    }
    done = compiled(&m, &host, &ok) && done;
    if (!done) printf("  refused: %s\n", eao_ctx_message(m.ctx));
    if (!ok) t->wrong++;
    if (done)
      t->ran++;
    else
      t->refused++;
    drop_results(&m);
  }
  for (uint32_t i = 0; i < m.g->n_input; i++) free(m.in[i].data);
  free(m.in);
  free(m.want);
  eao_interp_destroy(m.it);
  eao_graph_destroy(m.g);
  eao_ctx_destroy(m.ctx);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void walk(const char *dir, tally *t, int depth) {
  struct dirent **e;
  int n = depth > 3 ? -1 : scandir(dir, &e, NULL, by_name);
  for (int i = 0; i < n; i++) {
    char path[4096];
    const char *dot = strrchr(e[i]->d_name, '.');
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, e[i]->d_name);
    if (e[i]->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
      walk(path, t, depth + 1);
    else if (dot && (strcmp(dot, ".onnx") == 0 || strcmp(dot, ".tflite") == 0))
      run_model(path, t);
    free(e[i]);
  }
  if (n >= 0) free(e);
}

int main(int argc, char **argv) {
  tally t = {0};
  const char *data = getenv("EAO_DATA");
  char dir[4096];
  snprintf(dir, sizeof dir, "%s/models", data ? data : EAO_SOURCE_DIR "/../shared/data");
  if (argc > 1)
    for (int i = 1; i < argc; i++) run_model(argv[i], &t);
  else
    walk(dir, &t, 0);
  printf("%d ran, %d wrong, %d refused by the compiler, %d left out\n", t.ran, t.wrong, t.refused,
         t.skipped);
  if (t.ran + t.wrong + t.refused + t.skipped == 0) {
    printf("skipped: no models in %s\n", dir);
    return 77;
  }
  return t.wrong ? 1 : 0;
}
