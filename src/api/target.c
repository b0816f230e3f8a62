#include "eao/target.h"

#include <string.h>

#include "api/speed.h"
#include "rt/model.h"
#include "target/target.h"

const char *eao_target_name(uint32_t i) {
  return eao_target_builtin(i);
}

/* This machine with its kernels' speeds; a process sees one. */
static eao_status load(eao_ctx *ctx, const char *name, eao_target *out) {
  static eao_target host;
  if (strcmp(name, "host") != 0) return eao_target_load(ctx, name, out);
  if (!host.is_host) {
    EAO_TRY(eao_target_load(ctx, name, out));
    EAO_TRY(eao_speed_probe(ctx, out));
    host = *out;
  }
  *out = host;
  return EAO_OK;
}

eao_status eao_target_yaml(eao_ctx *ctx, const char *name, char **out) {
  eao_target t;
  eao_text text;
  EAO_TRY(load(ctx, name, &t));
  eao_text_init(&text, ctx);
  eao_target_print(&t, &text);
  if (text.failed) {
    eao_text_deinit(&text);
    return EAO_NOMEM(ctx);
  }
  *out = text.p;
  return EAO_OK;
}

/* ---- predictions ---- */

eao_step_work eao_step_work_of(const eao_compiled_step *s) {
  bool integer = strstr(s->kernel, "i8") || strstr(s->kernel, "u8") || strstr(s->kernel, "s8") ||
                 strstr(s->kernel, "depthwise_dot");
  return (eao_step_work){.kernel = s->kernel,
                         .macs = (double)s->macs,
                         .in_bytes = (double)s->in_bytes,
                         .out_bytes = (double)s->out_bytes,
                         .weight_bytes = (double)s->weight_bytes,
                         .channels = (double)s->channels,
                         .reference = strcmp(s->kernel, "ref") == 0,
                         .is_int8 = integer};
}

/* The caches hold the arena when it fits them, and weights likewise. */
static void place(const eao_target *t, const eao_compiled_info *info, eao_step_work *w) {
  const eao_cluster *k = &t->cluster[0];
  double last = (k->l3_kib > 0 ? k->l3_kib : k->l2_kib > 0 ? k->l2_kib : k->l1d_kib) * 1024;
  double data = w->in_bytes + w->out_bytes;
  bool data_fits = (double)info->arena_bytes <= last;
  bool weights_fit = (double)(info->arena_bytes + info->weight_bytes) <= last;
  w->weights_far = (double)(info->arena_bytes + info->weight_bytes) > k->l2_kib * 1024;
  w->bytes_in_cache = (data_fits ? data : 0) + (weights_fit ? w->weight_bytes : 0);
  w->bytes_dram = (data_fits ? 0 : data) + (weights_fit ? 0 : w->weight_bytes);
}

static bool is_measured(const eao_target *t, const char *kernel) {
  for (uint32_t i = 0; i < t->n_kernel; i++)
    if (strcmp(t->kernel[i].name, kernel) == 0) return true;
  return false;
}

/* What libeao asks for to run it: activations, band buffers, scratch and its tables. Computed
 * without opening the package, whose kernels this machine may lack. */
static double session_bytes(const eao_compiled *c) {
  eao_rt_model m = {0};
  m.base = eao_compiled_data(c, &m.size);
  m.header = (const eao_pkg_header *)(const void *)m.base;
  for (uint64_t i = 0; i < eao_rt_count(&m, EAO_PKG_STEPS); i++) {
    const eao_pkg_step *s = &eao_rt_steps(&m)[i];
    uint32_t io = (uint32_t)s->n_in + s->n_out;
    if (io > m.max_io) m.max_io = io;
    if (s->attr_bytes > m.max_attr_bytes) m.max_attr_bytes = s->attr_bytes;
  }
  eao_rt_sizes(&m);
  return (double)m.session_bytes;
}

eao_status eao_target_predict(eao_ctx *ctx, const char *name, const eao_compiled *c,
                              uint32_t threads, eao_prediction *out) {
  eao_target t;
  EAO_TRY(load(ctx, name, &t));
  eao_compiled_info info = eao_compiled_get(c);
  double covered = 0;
  memset(out, 0, sizeof *out);
  for (uint32_t i = 0; i < info.n_step; i++) {
    eao_compiled_step step = eao_compiled_get_step(c, i);
    eao_step_work w = eao_step_work_of(&step);
    place(&t, &info, &w);
    double ms = eao_target_step_ms(&t, &w, (int)threads);
    out->latency_ms += ms;
    out->dynamic_mj += eao_target_step_mj(&t, &w);
    if (is_measured(&t, step.kernel)) covered += ms;
  }
  out->covered_share = out->latency_ms > 0 ? covered / out->latency_ms : 0;
  out->energy_mj = out->dynamic_mj + t.idle_mw * out->latency_ms * 1e-3;
  out->ram_kib = (session_bytes(c) + t.weights_in_ram * (double)info.weight_bytes) / 1024;
  return EAO_OK;
}
