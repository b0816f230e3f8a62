/* Compiled packages behind the same calls as models: loaded, they have inputs, outputs and metadata
 * but no nodes; run, they go through the device runtime. */
#include "api/package.h"

#include <string.h>

#include "eao/rt.h"
#include "emit/check_eao.h"
#include "format/eao_format.h"
#include "rt/model.h"

struct eao_host_package {
  eao_ctx *ctx;
  eao_package pkg;
  void *block; /* holds the session's arena at the first aligned place */
  eao_session *session;
};

eao_status eao_is_package(eao_ctx *ctx, const char *path, bool *out) {
  eao_file f;
  *out = false;
  EAO_TRY(eao_file_map(ctx, path, &f));
  *out = f.size >= 8 && memcmp(f.data, EAO_PKG_MAGIC, 8) == 0;
  eao_file_unmap(ctx, &f);
  return EAO_OK;
}

static eao_status add_io(eao_graph *g, const char *name, const eao_tensor *t, bool input) {
  eao_tensor type = *t;
  eao_vid v;
  type.data = NULL;
  EAO_TRY(eao_graph_add_value(g, name, &type, &v));
  return input ? eao_graph_add_input(g, v) : eao_graph_add_output(g, v);
}

/* Inputs or outputs of the package, without a session: looking must not take its memory. */
static eao_status add_all(eao_host_package *p, eao_graph *g, eao_pkg_section sec) {
  const eao_rt_model *m = eao_rt_const(&p->pkg);
  const eao_pkg_io *io = eao_rt_section(m, sec);
  for (uint32_t i = 0; i < eao_rt_count(m, sec); i++) {
    eao_tensor t = eao_rt_tensor_type(m, io[i].tensor);
    EAO_TRY(add_io(g, eao_rt_string(m, io[i].name), &t, sec == EAO_PKG_INPUTS));
  }
  return EAO_OK;
}

/* The session, made when it is needed first. */
static eao_status need_session(eao_host_package *p) {
  enum { ALIGN = EAO_PKG_ALIGN };
  if (p->session) return EAO_OK;
  eao_status s = eao_check_package(p->ctx, eao_rt(&p->pkg));
  if (s != EAO_OK) return eao_fail_within(p->ctx, s, "eao did not make this package");
  size_t n = eao_package_arena_bytes(&p->pkg);
  p->block = n < SIZE_MAX - ALIGN ? eao_alloc(p->ctx, n + ALIGN) : NULL;
  if (!p->block)
    return eao_fail(p->ctx, EAO_ERR_NOMEM, "a session of the package needs %zu bytes of memory", n);
  uintptr_t at = ((uintptr_t)p->block + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1);
  return eao_session_create(&p->pkg, (void *)at, n, &p->session);
}

eao_status eao_host_package_load(eao_ctx *ctx, const char *path, eao_graph *g,
                                 eao_host_package **out) {
  eao_host_package *p = eao_alloc(ctx, sizeof *p);
  *out = NULL;
  if (!p) return EAO_NOMEM(ctx);
  p->ctx = ctx;
  eao_status s = eao_package_open(&p->pkg, path);
  if (s != EAO_OK) s = eao_fail(ctx, s, "cannot open '%s': %s", path, eao_package_message(&p->pkg));
  if (s == EAO_OK) s = add_all(p, g, EAO_PKG_INPUTS);
  if (s == EAO_OK) s = add_all(p, g, EAO_PKG_OUTPUTS);
  const char *source = s == EAO_OK ? eao_package_meta(&p->pkg, "source") : NULL;
  if (source) s = eao_graph_add_meta(g, "source", source);
  if (s != EAO_OK) {
    eao_host_package_destroy(p);
    return s;
  }
  *out = p;
  return EAO_OK;
}

void eao_host_package_destroy(eao_host_package *p) {
  if (!p) return;
  eao_package_close(&p->pkg);
  eao_free(p->ctx, p->block);
  eao_free(p->ctx, p);
}

static bool same_type(const eao_tensor *a, const eao_tensor *b) {
  if (a->dtype != b->dtype || a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++)
    if (a->dim[i] != b->dim[i]) return false;
  return true;
}

eao_status eao_host_package_run(eao_host_package *p, const eao_tensor *in, uint32_t n_in,
                                eao_tensor *out, uint32_t n_out) {
  if (n_in != eao_package_input_count(&p->pkg) || n_out != eao_package_output_count(&p->pkg))
    return eao_fail(p->ctx, EAO_ERR_ARG, "the package has %u inputs and %u outputs",
                    eao_package_input_count(&p->pkg), eao_package_output_count(&p->pkg));
  EAO_TRY(need_session(p));
  for (uint32_t i = 0; i < n_in; i++) {
    const eao_tensor *to = eao_session_input(p->session, i);
    uint64_t bytes;
    if (!same_type(&in[i], to))
      return eao_fail(p->ctx, EAO_ERR_SHAPE, "input '%s' has the wrong type or shape",
                      eao_package_input_name(&p->pkg, i));
    EAO_TRY(eao_tensor_nbytes(p->ctx, to, &bytes));
    if (bytes) memcpy(to->data, in[i].data, (size_t)bytes);
  }
  eao_status s = eao_session_run(p->session);
  if (s != EAO_OK) {
    const char *step = eao_package_step_name(&p->pkg, eao_session_failed_step(p->session));
    return eao_fail(p->ctx, s, "step '%s': %s", step ? step : "?", eao_session_message(p->session));
  }
  for (uint32_t i = 0; i < n_out; i++) out[i] = *eao_session_output(p->session, i);
  return EAO_OK;
}

void eao_host_package_reset(eao_host_package *p) {
  if (p->session) eao_session_reset(p->session);
}

eao_status eao_host_package_self_test(eao_host_package *p) {
  EAO_TRY(need_session(p));
  eao_status s = eao_session_self_test(p->session, 1e-5);
  if (s == EAO_ERR_UNSUPPORTED)
    return eao_fail(p->ctx, s, "the package carries no known-good run (compile with --golden)");
  return s == EAO_OK ? s : eao_fail(p->ctx, s, "%s", eao_session_message(p->session));
}
