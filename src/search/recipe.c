#include "search/recipe.h"

#include <stdio.h>
#include <string.h>

static eao_status read_text(eao_conf *c, const char *key, char *out, size_t cap) {
  const char *s = NULL;
  EAO_TRY(eao_conf_text(c, eao_conf_root(c), key, &s));
  if (s && strlen(s) >= cap)
    return eao_conf_fail(c, eao_conf_get(eao_conf_root(c), key), "'%s' is too long", key);
  snprintf(out, cap, "%s", s ? s : "");
  return EAO_OK;
}

static eao_status read_names(eao_conf *c, eao_recipe *r) {
  const eao_conf_node *root = eao_conf_root(c);
  const char *scheme = NULL, *memory = NULL;
  EAO_TRY(eao_conf_text(c, root, "precision", &scheme));
  EAO_TRY(eao_conf_text(c, root, "memory", &memory));
  int k = 0, m = 0;
  while (scheme && k < EAO_SCHEME_COUNT && strcmp(eao_scheme_get((eao_scheme)k)->name, scheme) != 0)
    k++;
  while (memory && m < EAO_MEMORY_COUNT &&
         strcmp(eao_memory_plan_name((eao_memory_plan)m), memory) != 0)
    m++;
  if (!scheme || k == EAO_SCHEME_COUNT)
    return eao_conf_fail(c, root, "'precision' is missing or not one that this version makes");
  if (!memory || m == EAO_MEMORY_COUNT)
    return eao_conf_fail(c, root, "'memory' must be streamed, auto or layerwise");
  r->scheme = (eao_scheme)k;
  r->memory = (eao_memory_plan)m;
  return EAO_OK;
}

static eao_status read_input(eao_conf *c, eao_recipe *r) {
  const eao_conf_node *list = eao_conf_get(eao_conf_root(c), "input");
  uint32_t n = eao_conf_count(list);
  if (n > EAO_MAX_RANK) return eao_conf_fail(c, list, "'input' has too many dimensions");
  for (uint32_t i = 0; i < n; i++) {
    const char *text = eao_conf_scalar(eao_conf_at(list, i, NULL));
    long long v = 0;
    char rest;
    if (!text || sscanf(text, "%lld%c", &v, &rest) != 1 || v < 1 || v > INT32_MAX)
      return eao_conf_fail(c, list, "'input' must be a list of positive numbers");
    r->dim[i] = v;
  }
  r->rank = (int32_t)n;
  return EAO_OK;
}

static eao_status read_recipe(eao_conf *c, eao_recipe *r) {
  static const char *const known[] = {
      "eao",       "model",  "model_hash", "data",    "spec", "data_hash", "target",
      "precision", "memory", "input",      "threads", "seed", "golden",    "calibration_samples",
      "fit_bytes", "ranges", "steps",      NULL};
  const eao_conf_node *root = eao_conf_root(c);
  EAO_TRY(eao_conf_only(c, root, known));
  EAO_TRY(read_text(c, "model", r->model, sizeof r->model));
  EAO_TRY(read_text(c, "target", r->target, sizeof r->target));
  EAO_TRY(read_text(c, "data", r->data, sizeof r->data));
  EAO_TRY(read_text(c, "spec", r->spec, sizeof r->spec));
  EAO_TRY(read_text(c, "model_hash", r->model_hash, sizeof r->model_hash));
  EAO_TRY(read_text(c, "data_hash", r->data_hash, sizeof r->data_hash));
  EAO_TRY(read_names(c, r));
  EAO_TRY(read_input(c, r));
  EAO_TRY(eao_conf_integer(c, root, "threads", 1, 256, &r->threads));
  EAO_TRY(eao_conf_integer(c, root, "calibration_samples", 0, 100000, &r->calibration_samples));
  EAO_TRY(eao_conf_integer(c, root, "fit_bytes", 0, INT64_MAX, &r->fit_bytes));
  EAO_TRY(eao_conf_integer(c, root, "seed", 0, INT64_MAX, &r->seed));
  return eao_conf_bool(c, root, "golden", &r->golden);
}

eao_status eao_recipe_load(eao_ctx *ctx, const char *path, eao_recipe *out) {
  eao_conf *c;
  *out = (eao_recipe){.threads = 1};
  EAO_TRY(eao_conf_load(ctx, path, &c));
  eao_status s = read_recipe(c, out);
  eao_conf_destroy(c);
  return s;
}

/* Double-quoted YAML. */
static void quoted(eao_text *t, const char *key, const char *s) {
  eao_text_printf(t, "%s: \"", key);
  for (; *s; s++) eao_text_printf(t, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
  eao_text_printf(t, "\"\n");
}

void eao_recipe_print(const eao_recipe *r, eao_text *t) {
  eao_text_printf(t,
                  "# What `eao optimize` chose. `eao optimize --recipe` with this file repeats it: "
                  "the same\n# version, model and data give the same bytes.\neao: %s\n",
                  EAO_VERSION_STRING);
  quoted(t, "model", r->model);
  eao_text_printf(t, "model_hash: %s\n", r->model_hash);
  if (*r->data) quoted(t, "data", r->data);
  if (*r->spec) quoted(t, "spec", r->spec);
  if (*r->data_hash) eao_text_printf(t, "data_hash: %s\n", r->data_hash);
  quoted(t, "target", r->target);
  eao_text_printf(t, "precision: %s\nmemory: %s\nthreads: %lld\nseed: %lld\ngolden: %s\ninput: [",
                  eao_scheme_get(r->scheme)->name, eao_memory_plan_name(r->memory),
                  (long long)r->threads, (long long)r->seed, r->golden ? "true" : "false");
  for (int32_t i = 0; i < r->rank; i++)
    eao_text_printf(t, "%s%lld", i ? ", " : "", (long long)r->dim[i]);
  eao_text_printf(t, "]\n");
  if (r->fit_bytes) eao_text_printf(t, "fit_bytes: %lld\n", (long long)r->fit_bytes);
  if (r->calibration_samples)
    eao_text_printf(t, "calibration_samples: %lld\n", (long long)r->calibration_samples);
}

eao_status eao_recipe_model(eao_ctx *ctx, const char *recipe, char **out) {
  eao_recipe r;
  eao_text t;
  EAO_TRY(eao_recipe_load(ctx, recipe, &r));
  if (!*r.model) return eao_fail(ctx, EAO_ERR_ARG, "'%s' names no model: give it", recipe);
  eao_text_init(&t, ctx);
  eao_text_printf(&t, "%s", r.model);
  if (t.failed) return EAO_NOMEM(ctx);
  *out = t.p;
  return EAO_OK;
}
