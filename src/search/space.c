/* Which candidates there are: precisions, input sizes, memory plans, threads. */
#include <stdio.h>
#include <string.h>

#include "search/search.h"

static const eao_scheme_info schemes[EAO_SCHEME_COUNT] = {
    {"float32", 32, false, false, -1},
    {"fp16", 16, false, false, EAO_QUANT_FP16},
    {"int8-weights", 8, false, false, EAO_QUANT_INT8_WEIGHTS},
    {"int8", 8, true, true, EAO_QUANT_INT8},
};

const eao_scheme_info *eao_scheme_get(eao_scheme k) {
  return &schemes[k];
}

const char *eao_memory_plan_name(eao_memory_plan k) {
  static const char *const names[EAO_MEMORY_COUNT] = {"streamed", "auto", "layerwise"};
  return names[k];
}

/* ---- input sizes ---- */

/* Height and width axes of an image input; false: it is none. */
static bool image_axes(const eao_tensor *t, int *out_h, int *out_w) {
  if (t->rank != 4) return false;
  for (int i = 0; i < 4; i++)
    if (t->dim[i] < 1) return false;
  bool first = t->dim[1] == 1 || t->dim[1] == 3, last = t->dim[3] == 1 || t->dim[3] == 3;
  *out_h = first && !last ? 2 : 1;
  *out_w = *out_h + 1;
  return first != last && t->dim[*out_h] >= 16 && t->dim[*out_w] >= 16;
}

static bool same_outputs(const eao_model *a, const eao_model *b) {
  if (eao_model_output_count(a) != eao_model_output_count(b)) return false;
  for (uint32_t i = 0; i < eao_model_output_count(a); i++) {
    eao_tensor x = eao_model_output(a, i).type, y = eao_model_output(b, i).type;
    if (x.rank != y.rank || memcmp(x.dim, y.dim, (size_t)x.rank * sizeof *x.dim) != 0) return false;
  }
  return true;
}

/* The model at another input size, if it allows it: it still infers, and its outputs keep their
 * shapes. */
static eao_model *load_at(eao_search *s, const int64_t *dim) {
  enum { BINDS_MAX = 65 };
  const eao_optimize_opts *o = s->opts;
  eao_value_info in = eao_model_input(o->model, 0);
  eao_shape_bind bind[BINDS_MAX];
  eao_model *m = NULL;
  uint32_t n = 0;
  if (o->n_bind >= BINDS_MAX) return NULL;
  bind[n] = (eao_shape_bind){.name = in.name, .rank = in.type.rank};
  memcpy(bind[n++].dim, dim, (size_t)in.type.rank * sizeof *dim);
  for (uint32_t i = 0; i < o->n_bind; i++)
    if (strcmp(o->bind[i].name, in.name) != 0) bind[n++] = o->bind[i];
  eao_load_opts lo = {.bind = bind, .n_bind = n};
  void (*warn)(void *, const char *) = s->ctx->warn; /* it said all that when it was first loaded */
  s->ctx->warn = NULL;
  eao_status st = eao_model_load(s->ctx, o->path, &lo, &m);
  s->ctx->warn = warn;
  if (st != EAO_OK) return NULL;
  if (same_outputs(o->model, m)) return m;
  eao_model_destroy(m);
  return NULL;
}

static bool data_fit(eao_search *s, const eao_model *m) {
  eao_tensor type = eao_model_input(m, 0).type, in = {0};
  if (!s->eval_data || eao_dataset_input(s->eval_data, 0, &type, &in) != EAO_OK) return false;
  eao_tensor_destroy(s->ctx, &in);
  return true;
}

static eao_status add_size(eao_search *s, const int64_t *dim) {
  eao_tensor type = eao_model_input(s->opts->model, 0).type;
  eao_input_size *z = &s->size[s->n_size];
  int h = 0, w = 0;
  *z = (eao_input_size){.model = load_at(s, dim), .owned = true, .rank = type.rank};
  if (!z->model || !data_fit(s, z->model)) {
    eao_model_destroy(z->model);
    return eao_fail(s->ctx, EAO_ERR_UNSUPPORTED, "the model or the data do not allow that input");
  }
  memcpy(z->dim, dim, sizeof z->dim);
  if (image_axes(&type, &h, &w))
    snprintf(z->suffix, sizeof z->suffix, "@%lldx%lld", (long long)dim[h], (long long)dim[w]);
  s->n_size++;
  return EAO_OK;
}

static void add_sizes(eao_search *s) {
  static const double shares[] = {0.85, 0.7, 0.5};
  eao_tensor type = eao_model_input(s->opts->model, 0).type;
  eao_input_size *own = &s->size[s->n_size++];
  *own = (eao_input_size){.model = s->opts->model, .rank = type.rank};
  memcpy(own->dim, type.dim, sizeof own->dim);
  int h, w;
  if (s->opts->keep_input || !s->opts->path || eao_model_input_count(s->opts->model) != 1 ||
      !image_axes(&type, &h, &w))
    return;
  for (size_t i = 0; i < EAO_COUNT(shares) && s->n_size < EAO_SIZES_MAX; i++) {
    int64_t dim[EAO_MAX_RANK], step = type.dim[h] >= 128 ? 32 : type.dim[h] >= 64 ? 8 : 4;
    memcpy(dim, type.dim, sizeof dim);
    for (int a = h; a <= w; a++)
      dim[a] = ((int64_t)((double)type.dim[a] * shares[i]) + step / 2) / step * step;
    const int64_t *last = s->size[s->n_size - 1].dim;
    if (dim[h] < 8 || dim[w] < 8 || dim[h] >= last[h] || dim[w] >= last[w]) continue;
    if (add_size(s, dim) != EAO_OK) return; /* nor the smaller ones */
  }
}

/* ---- all of them ---- */

static void add_variant(eao_search *s, eao_scheme k, uint32_t size) {
  eao_variant *v = &s->variant[s->n_variant++];
  char suffix[sizeof s->size[0].suffix];
  memcpy(suffix, s->size[size].suffix, sizeof suffix);
  *v = (eao_variant){.scheme = k, .size = size};
  snprintf(v->name, sizeof v->name, "%s%s",
           k == EAO_SCHEME_FLOAT32 && s->quantised ? "original" : schemes[k].name, suffix);
  eao_arena_init(&v->arena, s->ctx);
}

static uint32_t thread_choices(const eao_search *s, uint32_t out[4]) {
  uint32_t most = s->opts->max_threads, n = 0;
  if (!most) most = s->target.cluster[0].cores < 4 ? (uint32_t)s->target.cluster[0].cores : 4;
  for (uint32_t t = 1; t <= most && n < 4; t *= 2) out[n++] = t;
  return n;
}

static void add_point(eao_search *s, uint32_t variant, eao_memory_plan memory, uint32_t threads) {
  if (s->n_point == EAO_POINTS_MAX) return;
  eao_point *p = &s->point[s->n_point];
  *p = (eao_point){variant, memory, threads};
  eao_point_describe(s, p, &s->list[s->n_point]);
  s->list[s->n_point].user = (int32_t)s->n_point;
  s->n_point++;
}

eao_status eao_space_build(eao_search *s) {
  uint32_t threads[4], n_threads = thread_choices(s, threads);
  eao_model_stats stats;
  EAO_TRY(eao_model_stats_get(s->opts->model, &stats));
  s->quantised = stats.integer_nodes > 0;
  add_sizes(s);
  for (uint32_t z = 0; z < s->n_size; z++)
    for (int k = 0; k < EAO_SCHEME_COUNT; k++) add_variant(s, (eao_scheme)k, z);
  for (uint32_t v = 0; v < s->n_variant; v++)
    for (int m = 0; m < EAO_MEMORY_COUNT; m++) {
      for (uint32_t t = 0; t < n_threads; t++) add_point(s, v, (eao_memory_plan)m, threads[t]);
    }
  return EAO_OK;
}

eao_status eao_space_single(eao_search *s, eao_scheme scheme, const int64_t *dim,
                            eao_memory_plan memory, uint32_t threads) {
  eao_tensor type = eao_model_input(s->opts->model, 0).type;
  bool own = !dim || memcmp(dim, type.dim, (size_t)type.rank * sizeof *dim) == 0;
  s->size[0] = (eao_input_size){.model = s->opts->model, .rank = type.rank};
  memcpy(s->size[0].dim, type.dim, sizeof type.dim);
  s->n_size = 1;
  if (!own) EAO_TRY(add_size(s, dim));
  add_variant(s, EAO_SCHEME_FLOAT32, s->n_size - 1);
  if (scheme != EAO_SCHEME_FLOAT32) add_variant(s, scheme, s->n_size - 1);
  add_point(s, s->n_variant - 1, memory, threads);
  return EAO_OK;
}

void eao_space_free(eao_search *s) {
  for (uint32_t v = 0; v < s->n_variant; v++) {
    if (!s->variant[v].borrowed) eao_model_destroy(s->variant[v].model);
    eao_free(s->ctx, s->variant[v].each);
    eao_arena_deinit(&s->variant[v].arena);
  }
  for (uint32_t z = 0; z < s->n_size; z++)
    if (s->size[z].owned) eao_model_destroy(s->size[z].model);
}
