/* A graph that was read from a TFLite file and written again reads back as the same graph, compared
 * as text: for every file of $EAO_DATA that the importer takes, and for a graph of one node for
 * each sample of the op table. Those also run before and after: what the exporter makes of a node
 * computes what the node does.
 *
 *   tflite_round_trip [--only TEXT] [--verbose] [--write DIR]
 *
 * --write: puts the samples' files into a folder, for tests/peer_tflite.py. --verbose: says what is
 * not exported. Exit status 0 when nothing differs. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "emit/emit.h"
#include "import/import.h"
#include "interp/interp.h"
#include "kernel/kernel.h"
#include "kernel/ref/tflite_seq.h"
#include "op/text.h"

enum { SAMPLES_MAX = 256 };

typedef struct tally {
  uint32_t same, differ, refused, wrong;
} tally;

static const char *only = "", *write_dir;
static bool verbose;

/* ---- one graph ---- */

static eao_status reread(eao_ctx *ctx, const eao_graph *g, const char *save, eao_graph **out) {
  uint8_t *data;
  size_t n;
  eao_file f;
  *out = NULL;
  EAO_TRY(eao_emit_tflite(g, &data, &n));
  eao_status s = save ? eao_file_write(ctx, save, data, n) : EAO_OK;
  if (s == EAO_OK) s = eao_file_from_bytes(ctx, data, n, &f);
  if (s == EAO_OK) s = eao_import_tflite(ctx, &f, NULL, out);
  eao_free(ctx, data);
  return s;
}

static bool same_text(eao_ctx *ctx, const eao_graph *a, const eao_graph *b, const char *what) {
  eao_text ta, tb;
  eao_text_init(&ta, ctx);
  eao_text_init(&tb, ctx);
  eao_graph_print(a, true, &ta);
  eao_graph_print(b, true, &tb);
  bool same = ta.len == tb.len && (ta.len == 0 || memcmp(ta.p, tb.p, ta.len) == 0);
  if (!same) {
    size_t i = 0;
    while (i < ta.len && i < tb.len && ta.p[i] == tb.p[i]) i++;
    size_t from = i;
    while (from > 0 && ta.p[from - 1] != '\n') from--;
    printf("%s: reads back as another graph, from\n  %.*s\n  %.*s\n", what,
           (int)strcspn(ta.p + from, "\n"), ta.p + from, (int)strcspn(tb.p + from, "\n"),
           tb.p + from);
  }
  eao_text_deinit(&ta);
  eao_text_deinit(&tb);
  return same;
}

/* Reads back what was read: a was imported. */
static void check_again(eao_ctx *ctx, const eao_graph *a, const char *what, tally *t) {
  eao_graph *b;
  eao_status s = reread(ctx, a, NULL, &b);
  if (s == EAO_OK) {
    if (same_text(ctx, a, b, what))
      t->same++;
    else
      t->differ++;
    eao_graph_destroy(b);
  } else if (s == EAO_ERR_UNSUPPORTED) {
    t->refused++;
    if (verbose) printf("%s: %s\n", what, eao_ctx_message(ctx));
  } else {
    t->differ++;
    printf("%s: %s\n", what, eao_ctx_message(ctx));
  }
}

/* ---- samples ---- */

static void fill(eao_tensor *t, double lo, double hi, eao_rng *rng) {
  if (lo == 0 && hi == 0) {
    lo = -2;
    hi = 2;
  }
  int64_t n = eao_tensor_count(t);
  for (int64_t i = 0; i < n; i++) {
    double v = lo + (hi - lo) * eao_rng_f64(rng);
    if (t->dtype == EAO_BOOL) v = v >= (lo + hi) / 2;
    eao_set_f64(t, i, eao_dtype_is_float(t->dtype) ? v : floor(v));
  }
}

/* Bit mask of the inputs that are states; their new values are the outputs after the first. */
static uint32_t state_inputs(uint16_t op) {
  if (op == EAO_OP_svdf || op == EAO_OP_tflite_rnn) return 1u << 4;
  return op == EAO_OP_tflite_lstm ? 3u << EAO_LSTM_H : 0;
}

/* The sample as a graph: its first input is the graph's, others are constants. */
static eao_status sample_graph(eao_ctx *ctx, uint16_t op, const eao_op_desc *d, eao_sample *s,
                               eao_rng *rng, eao_graph **out) {
  eao_graph *g = *out = eao_graph_create(ctx);
  eao_vid in[EAO_SAMPLE_MAX], y[EAO_SAMPLE_MAX];
  uint32_t states = state_inputs(op), next = 1;
  if (!g) return EAO_ERR_NOMEM;
  for (uint32_t i = 0; i < s->n_in; i++) {
    char name[16];
    eao_tensor t = s->in[i];
    in[i] = EAO_NONE;
    if (!t.dtype) continue;
    snprintf(name, sizeof name, "x%u", i);
    uint64_t bytes;
    EAO_TRY(eao_tensor_nbytes(ctx, &t, &bytes));
    bool variable = (i == 0 && !t.data) || (states >> i & 1);
    void *data = eao_arena_alloc(&g->arena, (size_t)bytes + 8);
    if (!data) return EAO_NOMEM(ctx);
    if (t.data && bytes) memcpy(data, t.data, (size_t)bytes);
    const void *given = t.data;
    t.data = variable ? NULL : data;
    if (!variable && !given) fill(&t, s->lo[i], s->hi[i], rng);
    EAO_TRY(eao_graph_add_value(g, name, &t, &in[i]));
    if (variable && !(states >> i & 1)) EAO_TRY(eao_graph_add_input(g, in[i]));
  }
  for (uint32_t i = 0; i < s->n_out; i++) {
    char name[16];
    snprintf(name, sizeof name, "y%u", i);
    EAO_TRY(eao_graph_add_value(g, name, &s->out[i], &y[i]));
    if (!states || i == 0) EAO_TRY(eao_graph_add_output(g, y[i]));
  }
  EAO_TRY(eao_graph_add_node(g, op, "n", s->attr, d->attr_size, in, s->n_in, y, s->n_out, NULL));
  for (uint32_t i = 0; i < s->n_in; i++) {
    if (!(states >> i & 1)) continue;
    eao_state st = {.name = g->value[in[i]].name, .in = in[i], .out = y[next++]};
    EAO_TRY(eao_graph_add_state(g, &st));
  }
  EAO_TRY(eao_graph_verify(g));
  return eao_graph_infer(g);
}

/* Largest difference, relative to the largest value; integers: counted in steps, which must be 0,
 * apart from quantised ones (1: two roundings where the node had one). */
static bool close_enough(const eao_tensor *a, const eao_tensor *b) {
  double top = 0, worst = 0;
  if (a->dtype != b->dtype || a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  for (int64_t i = 0; i < eao_tensor_count(a); i++) {
    double x = eao_get_f64(a, i), y = eao_get_f64(b, i);
    if (x != x || y != y || isinf(x) || isinf(y)) {
      if (!(x == y || (x != x && y != y))) return false;
      continue;
    }
    if (fabs(x) > top) top = fabs(x);
    if (fabs(x - y) > worst) worst = fabs(x - y);
  }
  if (!eao_dtype_is_float(a->dtype)) return worst <= (a->quant.n ? 1 : 0);
  double rtol = a->dtype == EAO_F16 || a->dtype == EAO_BF16 ? 2e-2 : 1e-5;
  return worst <= rtol * (top > 1 ? top : 1);
}

static void compare_runs(eao_ctx *ctx, eao_graph *a, eao_graph *b, const eao_sample *s,
                         eao_rng *rng, const char *what, tally *t) {
  eao_tensor x = s->in[0], ya[EAO_SAMPLE_MAX], yb[EAO_SAMPLE_MAX];
  if (a->n_input != b->n_input || a->n_output != b->n_output || a->n_input > 1) {
    printf("%s: inputs or outputs were lost\n", what);
    t->wrong++;
    return;
  }
  x.data = a->n_input ? eao_alloc(ctx, (size_t)eao_tensor_count(&x) * 8 + 8) : NULL;
  if (x.data) fill(&x, s->lo[0], s->hi[0], rng);
  eao_interp *ia = eao_interp_create(a), *ib = eao_interp_create(b);
  eao_status st = eao_interp_run(ia, &x, a->n_input, ya, a->n_output);
  if (st == EAO_OK) st = eao_interp_run(ib, &x, b->n_input, yb, b->n_output);
  bool good = st == EAO_OK;
  for (uint32_t i = 0; good && i < a->n_output; i++) good = close_enough(&ya[i], &yb[i]);
  if (!good) {
    printf("%s: %s\n", what,
           st == EAO_OK ? "the exported form computes something else" : eao_ctx_message(ctx));
    t->wrong++;
  }
  eao_interp_destroy(ia);
  eao_interp_destroy(ib);
  eao_free(ctx, x.data);
}

static void check_sample(eao_ctx *ctx, uint16_t op, const eao_op_desc *d, uint32_t k, eao_sample *s,
                         tally *t) {
  char what[96], path[4096];
  eao_rng rng = {.state = k + 1};
  eao_graph *g, *a = NULL;
  snprintf(what, sizeof what, "%s sample %u", d->name, k);
  snprintf(path, sizeof path, "%s/%s_%u.tflite", write_dir ? write_dir : "", d->name, k);
  eao_status st = sample_graph(ctx, op, d, s, &rng, &g);
  if (st == EAO_OK) st = reread(ctx, g, write_dir ? path : NULL, &a);
  if (st == EAO_OK) {
    if (!(d->traits & EAO_TRAIT_RANDOM)) compare_runs(ctx, g, a, s, &rng, what, t);
    check_again(ctx, a, what, t);
    eao_graph_destroy(a);
  } else if (st == EAO_ERR_UNSUPPORTED) {
    t->refused++;
    if (verbose) printf("%s: %s\n", what, eao_ctx_message(ctx));
  } else {
    t->differ++;
    printf("%s: %s\n", what, eao_ctx_message(ctx));
  }
  eao_graph_destroy(g);
}

static void samples(eao_ctx *ctx, tally *t) {
  for (uint32_t op = 0; op < EAO_OP_LIMIT; op++) {
    const eao_op_desc *d = eao_op_get(op);
    if (!d || !d->sample || !strstr(d->name, only)) continue;
    for (uint32_t k = 0; k < SAMPLES_MAX; k++) {
      eao_sample s;
      memset(&s, 0, sizeof s);
      s.attr = malloc(d->attr_size ? d->attr_size : 1);
      eao_op_attr_defaults(d, s.attr);
      for (uint32_t i = 0; i < EAO_SAMPLE_MAX; i++) s.out[i].rank = -1;
      bool more = d->sample(k, &s);
      if (more) check_sample(ctx, (uint16_t)op, d, k, &s, t);
      free(s.attr);
      if (!more) break;
    }
  }
}

/* ---- files ---- */

/* Files that read back as another graph, and why. */
static const struct {
  const char *name, *why;
} exceptions[] = {
    {"yamnet_audio_classifier_with_metadata.tflite",
     "RFFT2D is written as products with constant matrices"},
};

static bool is_exception(const char *path) {
  for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
    if (strstr(path, exceptions[i].name)) {
      printf("%s: left out: %s\n", exceptions[i].name, exceptions[i].why);
      return true;
    }
  return false;
}

static void check_file(const char *path, tally *t) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_file f;
  eao_graph *g = NULL;
  eao_status s = eao_file_map(ctx, path, &f);
  if (s == EAO_OK) s = eao_import_tflite(ctx, &f, NULL, &g);
  if (s == EAO_OK) {
    if (!is_exception(path)) check_again(ctx, g, path, t);
    eao_graph_destroy(g);
  }
  eao_ctx_destroy(ctx);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void walk(const char *dir, tally *t, int depth) {
  struct dirent **e;
  int n = depth > 8 ? -1 : scandir(dir, &e, NULL, by_name);
  for (int i = 0; i < n; i++) {
    char path[4096];
    const char *dot = strrchr(e[i]->d_name, '.');
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", dir, e[i]->d_name);
    if (e[i]->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
      walk(path, t, depth + 1);
    else if (dot && (!strcmp(dot, ".tflite") || !strcmp(dot, ".bin")) && strstr(path, only))
      check_file(path, t);
    free(e[i]);
  }
  if (n >= 0) free(e);
}

int main(int argc, char **argv) {
  tally t = {0};
  char dir[4096];
  const char *data = getenv("EAO_DATA");
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) only = argv[++i];
    if (strcmp(argv[i], "--write") == 0 && i + 1 < argc) write_dir = argv[++i];
    if (strcmp(argv[i], "--verbose") == 0) verbose = true;
  }
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  samples(ctx, &t);
  eao_ctx_destroy(ctx);
  printf("samples: %u the same, %u differ, %u computed otherwise, %u not exported\n", t.same,
         t.differ, t.wrong, t.refused);
  uint32_t bad = t.differ + t.wrong;
  t = (tally){0};
  snprintf(dir, sizeof dir, "%s", data ? data : EAO_SOURCE_DIR "/../shared/data");
  if (!write_dir) walk(dir, &t, 0);
  printf("files: %u the same, %u differ, %u not exported\n", t.same, t.differ, t.refused);
  return bad + t.differ ? 1 : 0;
}
