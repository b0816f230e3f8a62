#include "cli/engine.h"

#include <stdlib.h>
#include <string.h>

static int open_session(eao_cli *c, eao_cli_engine *e) {
  size_t size;
  const void *data = eao_compiled_data(e->compiled, &size);
  eao_status s = eao_package_open_memory(&e->package, data, size);
  if (s == EAO_OK) {
    size_t bytes = (eao_package_arena_bytes(&e->package) + 63) / 64 * 64;
    e->package_open = true;
    e->arena = aligned_alloc(64, bytes ? bytes : 64);
    s = e->arena ? eao_session_create(&e->package, e->arena, bytes, &e->session) : EAO_ERR_NOMEM;
  }
  if (s == EAO_OK) {
    e->name = "compiled";
    e->n_in = eao_package_input_count(&e->package);
    e->n_out = eao_package_output_count(&e->package);
    for (uint32_t i = 0; i < e->n_in && i < EAO_CLI_ARGS_MAX; i++) {
      e->in_type[i] = *eao_session_input(e->session, i);
      e->in_type[i].data = NULL;
      e->in_name[i] = eao_package_input_name(&e->package, i);
    }
    return 0;
  }
  const char *why = eao_package_message(&e->package);
  fprintf(stderr, "eao %s: compiled model: %s\n", c->cmd->name,
          why && why[0] ? why : eao_status_name(s));
  return EAO_EXIT_SYSTEM;
}

/* The interpreter, or what the library has for a package. */
static int open_runner(eao_cli *c, eao_cli_engine *e, const char *name) {
  eao_status s = eao_runner_create(e->model, &e->runner);
  if (s != EAO_OK) return eao_cli_fail(c, s);
  e->name = name;
  e->n_in = eao_model_input_count(e->model);
  e->n_out = eao_model_output_count(e->model);
  for (uint32_t i = 0; i < e->n_in && i < EAO_CLI_ARGS_MAX; i++) {
    eao_value_info v = eao_model_input(e->model, i);
    e->in_type[i] = v.type;
    e->in_name[i] = v.name;
  }
  return 0;
}

static bool is_package(const char *path) {
  size_t n = strlen(path);
  return n > 4 && strcmp(path + n - 4, ".eao") == 0;
}

static int open_any(eao_cli *c, const char *path, const char *kind, eao_cli_engine *e) {
  bool interp = strcmp(kind, "interp") == 0, compiled = strcmp(kind, "compiled") == 0;
  if (!interp && !compiled && strcmp(kind, "auto") != 0)
    return eao_cli_usage(c, "--engine: no kind '%s'", kind);
  bool package = is_package(path);
  if (package && interp)
    return eao_cli_usage(c, "--engine interp: a package cannot be interpreted");
  int code = eao_cli_load(c, path, EAO_CLI_DIMS_TRY_ONE, &e->model);
  if (code) return code;
  if (interp || package) return open_runner(c, e, package ? "compiled" : "interp");
  eao_status s = eao_cli_has(c, "no-cache") || c->sandboxed
                     ? eao_model_compile(e->model, NULL, &e->compiled)
                     : eao_model_compile_cached(e->model, NULL, &e->compiled, NULL);
  if (s == EAO_OK) return open_session(c, e);
  if (compiled || s == EAO_ERR_NOMEM) return eao_cli_fail_input(c, s);
  char text[1024];
  snprintf(text, sizeof text, "%s is interpreted, it cannot be compiled: %s", path,
           eao_ctx_message(c->ctx));
  eao_cli_warn(c, text);
  eao_model_destroy(e->model); /* compiling rewrites the graph */
  e->model = NULL;
  code = eao_cli_load(c, path, EAO_CLI_DIMS_TRY_ONE, &e->model);
  return code ? code : open_runner(c, e, "interp");
}

int eao_cli_engine_open(eao_cli *c, const char *path, const char *kind, eao_cli_engine *e) {
  memset(e, 0, sizeof *e);
  e->c = c;
  int code = open_any(c, path, kind, e);
  if (code) eao_cli_engine_close(e);
  return code;
}

void eao_cli_engine_close(eao_cli_engine *e) {
  eao_runner_destroy(e->runner);
  if (e->package_open) eao_package_close(&e->package);
  free(e->arena);
  if (e->compiled) eao_compiled_destroy(e->compiled);
  if (e->model) eao_model_destroy(e->model);
  memset(e, 0, sizeof *e);
}

int eao_cli_engine_twin(eao_cli_engine *e, eao_cli_engine *out) {
  memset(out, 0, sizeof *out);
  if (!e->session) return 0;
  size_t bytes = (eao_package_arena_bytes(&e->package) + 63) / 64 * 64;
  void *arena = aligned_alloc(64, bytes ? bytes : 64);
  eao_session *session = NULL;
  if (!arena || eao_session_create(&e->package, arena, bytes, &session) != EAO_OK) {
    free(arena);
    return eao_cli_fail(e->c, EAO_ERR_NOMEM);
  }
  *out = *e;
  out->arena = arena;
  out->session = session;
  /* The rest belongs to e. */
  out->model = NULL;
  out->compiled = NULL;
  out->package_open = false;
  return 0;
}

static size_t bytes_of(const eao_tensor *t) {
  return (size_t)(eao_tensor_elements(t) * eao_dtype_bits(t->dtype) + 7) / 8;
}

static eao_status run_session(eao_cli_engine *e, const eao_tensor *in, eao_tensor *out) {
  eao_session_reset(e->session);
  for (uint32_t i = 0; i < e->n_in; i++) {
    const eao_tensor *to = eao_session_input(e->session, i);
    if (bytes_of(to) != bytes_of(&in[i])) return EAO_ERR_SHAPE;
    memcpy(to->data, in[i].data, bytes_of(to));
  }
  eao_status s = eao_session_run(e->session);
  if (s != EAO_OK) eao_cli_warn(e->c, eao_session_message(e->session));
  for (uint32_t i = 0; s == EAO_OK && i < e->n_out; i++)
    out[i] = *eao_session_output(e->session, i);
  return s;
}

eao_status eao_cli_engine_run(eao_cli_engine *e, const eao_tensor *in, eao_tensor *out) {
  if (e->session) return run_session(e, in, out);
  eao_runner_reset(e->runner);
  return eao_runner_run(e->runner, in, e->n_in, out, e->n_out);
}

/* ---- one input, chosen outputs ---- */

static eao_status run_scored(void *user, const eao_tensor *in, eao_tensor *out) {
  eao_cli_scored *s = user;
  if (s->all) return eao_cli_engine_run(s->engine, in, out);
  eao_status st = eao_cli_engine_run(s->engine, in, s->out);
  if (st == EAO_OK) *out = s->out[s->output];
  return st;
}

int eao_cli_scored_open(eao_cli *c, eao_cli_engine *engine, bool all, eao_cli_scored *s) {
  int64_t output = 0;
  *s = (eao_cli_scored){.engine = engine, .all = all && !eao_cli_has(c, "output-index")};
  if (engine->n_in != 1)
    return eao_cli_usage(c, "the model has %u inputs; data sets are for models with one",
                         engine->n_in);
  if (!eao_cli_integer(c, "output-index", 0, (int64_t)engine->n_out - 1, &output))
    return EAO_EXIT_USAGE;
  s->output = (uint32_t)output;
  s->out = calloc(engine->n_out + 1, sizeof *s->out);
  s->model = (eao_eval_model){.run = run_scored,
                              .user = s,
                              .input = &engine->in_type[0],
                              .n_out = s->all ? engine->n_out : 1};
  return s->out ? 0 : eao_cli_fail(c, EAO_ERR_NOMEM);
}

void eao_cli_scored_close(eao_cli_scored *s) {
  free(s->out);
  s->out = NULL;
}
