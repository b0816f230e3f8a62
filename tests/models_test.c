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

static uint64_t node_macs(const eao_graph *g, eao_nid n) {
  const eao_op_desc *d = eao_op_get(g->node[n].op);
  const eao_tensor *in[64];
  eao_tensor out[64];
  eao_cost c = {0};
  if (!d || !d->cost || g->node[n].n_in > 64 || g->node[n].n_out > 64) return 0;
  for (uint32_t i = 0; i < g->node[n].n_in; i++)
    in[i] = g->node[n].in[i] == EAO_NONE ? NULL : &g->value[g->node[n].in[i]].t;
  for (uint32_t i = 0; i < g->node[n].n_out; i++)
    if (g->node[n].out[i] != EAO_NONE) out[i] = g->value[g->node[n].out[i]].t;
  eao_infer f = {.attr = g->node[n].attr,
                 .n_in = g->node[n].n_in,
                 .n_out = g->node[n].n_out,
                 .in = in,
                 .out = out};
  d->cost(&f, &c);
  return c.macs;
}

static uint64_t macs(const eao_graph *g) {
  uint64_t sum = 0;
  for (eao_nid n = 0; n < g->n_node; n++) sum += node_macs(g, n);
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

/* What the published tolerance (1e-5 of the output's largest value) must become for a model that
 * amplifies rounding.
 *
 * A kernel that adds n products in float computes the exact sum of products that are each off by a
 * relative t, |t| <= n u, about sqrt(n) u when roundings are independent (u = 2^-24; Higham,
 * Accuracy and Stability of Numerical Algorithms, section 3.1). So the interpreter, which adds in
 * double, is run with every weight off by up to sqrt(n) u, at random: as far as its outputs then
 * move, two correct programs may differ. Nothing that a compiled program computes enters. */
enum { AMPLIFIED_RUNS = 2 };

static void shake(eao_graph *g, void **was, eao_rng *rng) {
  for (eao_nid n = 0; n < g->n_node; n++) {
    const eao_node *node = &g->node[n];
    uint64_t products = node_macs(g, n);
    for (uint32_t i = 0; products && i < 2 && i < node->n_in; i++) {
      eao_vid v = node->in[i];
      if (v == EAO_NONE || was[v]) continue;
      eao_tensor *t = &g->value[v].t;
      if (!t->data || t->dtype != EAO_F32) continue;
      eao_vid y = node->n_out ? node->out[0] : EAO_NONE;
      int64_t count = eao_tensor_count(t);
      int64_t out = y == EAO_NONE ? 0 : eao_tensor_count(&g->value[y].t);
      double per = out > 0 ? (double)products / (double)out : 1;
      float *fresh = malloc((size_t)count * sizeof *fresh + 1);
      for (int64_t k = 0; k < count; k++) {
        double off = (eao_rng_f64(rng) * 2 - 1) * sqrt(per < 1 ? 1 : per) * 0x1p-24;
        double x = eao_get_f64(t, k);
        fresh[k] = (float)(fabs(x) > 1e30 ? x : x * (1 + off)); /* masks stay finite */
      }
      was[v] = t->data;
      t->data = fresh;
    }
  }
}

/* Runs the interpreter; the outputs are copies. */
static bool run_copy(eao_graph *g, eao_tensor *in, eao_tensor *out) {
  eao_interp *it = eao_interp_create(g);
  bool ok = it && eao_interp_run(it, in, g->n_input, out, g->n_output) == EAO_OK;
  for (uint32_t i = 0; i < g->n_output; i++) {
    uint64_t n = 0;
    void *copy = NULL;
    if (ok && eao_tensor_nbytes(g->ctx, &out[i], &n) == EAO_OK) {
      copy = malloc((size_t)n + 1);
      memcpy(copy, out[i].data, (size_t)n);
    }
    out[i].data = copy;
  }
  eao_interp_destroy(it);
  return ok;
}

/* g: after the passes, so that weights are constants. */
static double amplified(eao_graph *g, eao_tensor *in) {
  double most = 0;
  eao_rng rng = {99};
  eao_tensor *base = calloc(g->n_output + 1, sizeof *base);
  bool ok = run_copy(g, in, base);
  for (int round = 0; ok && round < AMPLIFIED_RUNS; round++) {
    void **was = calloc(g->n_value + 1, sizeof *was);
    eao_tensor *out = calloc(g->n_output + 1, sizeof *out);
    shake(g, was, &rng);
    ok = run_copy(g, in, out);
    for (uint32_t i = 0; i < g->n_output; i++) {
      if (ok && eao_dtype_is_float(base[i].dtype)) {
        double d = worst(&out[i], &base[i]);
        if (d > most) most = d;
      }
      free(out[i].data);
    }
    for (uint32_t v = 0; v < g->n_value; v++)
      if (was[v]) {
        free(g->value[v].t.data);
        g->value[v].t.data = was[v];
      }
    free(was);
    free(out);
  }
  for (uint32_t i = 0; i < g->n_output; i++) free(base[i].data);
  free(base);
  if (!ok) printf("  interpreter: %s\n", eao_ctx_message(g->ctx));
  return ok ? most : 0;
}

typedef struct model {
  eao_ctx *ctx;
  eao_graph *g;
  eao_tensor *in, *want;
  eao_interp *it;
  double tolerance; /* of float outputs, relative to the largest */
} model;

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
    if (eao_dtype_is_float(got->dtype)) printf("  output %u: %.2g\n", i, d);
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
      if (!compare(m, s, opts->ref_only ? 1e-6 : m->tolerance, ok)) *ok = false;
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
    double moved = amplified(m.g, m.in);
    m.tolerance = moved > 1e-5 ? moved : 1e-5;
    printf("  roundings move the outputs by %.2g: tolerance %.2g\n", moved, m.tolerance);
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
