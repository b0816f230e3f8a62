/* Sessions: the tables and memory of one run at a time. */
#include <math.h>
#include <string.h>

#include "rt/model.h"
#include "rt/pool.h"

eao_tensor eao_rt_tensor_type(const eao_rt_model *m, uint32_t i) {
  const eao_pkg_tensor *p = &eao_rt_tensors(m)[i];
  const uint32_t *quant = eao_rt_section(m, EAO_PKG_QUANT);
  eao_tensor t = {.dtype = (eao_dtype)p->dtype, .rank = p->rank};
  memcpy(t.dim, p->dim, sizeof t.dim);
  if (p->quant_n) {
    t.quant.axis = p->quant_axis;
    t.quant.n = (int32_t)p->quant_n;
    t.quant.scale = (const float *)(const void *)(quant + p->scale);
    t.quant.zero =
        p->zero == EAO_PKG_NONE ? NULL : (const int32_t *)(const void *)(quant + p->zero);
  }
  return t;
}

static void *carve(uint8_t **at, size_t n) {
  void *p = *at;
  *at += (n + EAO_PKG_ALIGN - 1) & ~(size_t)(EAO_PKG_ALIGN - 1);
  return p;
}

static uint8_t *constant(const eao_rt_model *m, uint64_t offset) {
  /* Kernels never write to their inputs; the tensor struct has one pointer for both uses. */
  return (uint8_t *)(uintptr_t)((const uint8_t *)eao_rt_section(m, EAO_PKG_DATA) + offset);
}

static void bind(eao_session *s) {
  const eao_rt_model *m = s->m;
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_TENSORS); i++) {
    const eao_pkg_tensor *p = &eao_rt_tensors(m)[i];
    s->tensor[i] = eao_rt_tensor_type(m, i);
    s->tensor[i].data =
        p->place == EAO_PKG_CONST ? constant(m, p->offset) : s->activations + p->offset;
  }
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_REFS); i++) {
    uint32_t r = eao_rt_refs(m)[i];
    s->ptr[i] = r == EAO_PKG_NONE ? NULL : &s->tensor[r];
  }
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_STEPS); i++)
    s->kernel[i] = eao_kernel_get(eao_rt_steps(m)[i].kernel);
}

eao_status eao_session_create(const eao_package *package, void *arena, size_t bytes,
                              eao_session **out) {
  const eao_rt_model *m = eao_rt_const(package);
  *out = NULL;
  if ((uintptr_t)arena % EAO_PKG_ALIGN) return EAO_ERR_ARG;
  if (bytes < m->session_bytes) return EAO_ERR_NOMEM;
  uint8_t *at = arena;
  eao_session *s = carve(&at, sizeof *s);
  memset(s, 0, sizeof *s);
  s->m = m;
  s->message = "";
  s->failed_step = UINT32_MAX;
  s->tensor = carve(&at, (size_t)eao_rt_count(m, EAO_PKG_TENSORS) * sizeof *s->tensor);
  s->ptr = carve(&at, (size_t)eao_rt_count(m, EAO_PKG_REFS) * sizeof *s->ptr);
  size_t n_step = (size_t)eao_rt_count(m, EAO_PKG_STEPS);
  s->kernel = carve(&at, n_step * sizeof *s->kernel);
  s->claim = carve(&at, n_step * sizeof *s->claim);
  memset(s->claim, 0, n_step * sizeof *s->claim);
  s->band = carve(&at, m->max_io * sizeof *s->band);
  s->band_ptr = carve(&at, m->max_io * sizeof *s->band_ptr);
  s->attr = carve(&at, m->max_attr_bytes);
  s->base = carve(&at, EAO_STAGE_MAX_STEPS * sizeof *s->base);
  s->produced = carve(&at, EAO_STAGE_MAX_STEPS * sizeof *s->produced);
  s->activations = (uint8_t *)arena + m->activations;
  /* Zeroed once: no run may depend on what the caller's memory held before. */
  memset(s->activations, 0, (size_t)m->header->arena_bytes);
  bind(s);
  eao_session_reset(s);
  *out = s;
  return EAO_OK;
}

static const eao_tensor *io_tensor(eao_session *s, eao_pkg_section sec, uint32_t i) {
  if (i >= eao_rt_count(s->m, sec)) return NULL;
  return &s->tensor[((const eao_pkg_io *)eao_rt_section(s->m, sec))[i].tensor];
}

const eao_tensor *eao_session_input(eao_session *s, uint32_t i) {
  return io_tensor(s, EAO_PKG_INPUTS, i);
}

const eao_tensor *eao_session_output(eao_session *s, uint32_t i) {
  return io_tensor(s, EAO_PKG_OUTPUTS, i);
}

void eao_session_reset(eao_session *s) {
  const eao_pkg_state *st = eao_rt_section(s->m, EAO_PKG_STATES);
  for (uint32_t i = 0; i < eao_rt_count(s->m, EAO_PKG_STATES); i++) {
    size_t n = (size_t)eao_rt_tensors(s->m)[st[i].in].bytes;
    if (st[i].init == UINT64_MAX)
      memset(s->tensor[st[i].in].data, 0, n);
    else
      memcpy(s->tensor[st[i].in].data, constant(s->m, st[i].init), n);
  }
}

void eao_session_set_profile(eao_session *s, eao_profile_fn fn, void *user) {
  s->profile = fn;
  s->profile_user = user;
}

void eao_session_set_pool(eao_session *s, eao_pool *p) {
  uint32_t n = p ? eao_rt_pool_threads(p) : 1;
  s->pool = p;
  s->n_part = n < s->m->header->threads ? n : s->m->header->threads;
}

const char *eao_session_message(const eao_session *s) {
  return s->message;
}

uint32_t eao_session_failed_step(const eao_session *s) {
  return s->failed_step;
}

eao_status eao_rt_call(eao_session *s, uint32_t i, eao_tensor *const *io, const void *attr,
                       int64_t row) {
  const eao_pkg_step *st = &eao_rt_steps(s->m)[i];
  eao_kcall c = {.in = (const eao_tensor *const *)io,
                 .out = io + st->n_in,
                 .n_in = st->n_in,
                 .n_out = st->n_out,
                 .attr = st->attr_bytes ? attr : NULL,
                 .scratch = s->activations + st->scratch_offset,
                 .row = row};
  if (s->profile) s->profile(s->profile_user, i, 0);
  bool share = s->n_part > 1 && st->split && (s->kernel[i]->flags & EAO_KFLAG_SPLIT);
  eao_status status;
  if (s->claim[i].claimed)
    status = s->backend->run(s->backend->user, s->claim[i].state, c.in, c.out);
  else if (share)
    status = eao_rt_pool_run(s->pool, s->kernel[i]->run, &c, s->n_part);
  else
    status = s->kernel[i]->run(&c);
  if (s->profile) s->profile(s->profile_user, i, 1);
  if (status != EAO_OK) {
    s->message = c.error ? c.error : eao_status_name(status);
    s->failed_step = i;
  }
  return status;
}

eao_status eao_session_run(eao_session *s) {
  const eao_rt_model *m = s->m;
  const eao_pkg_entry *e = eao_rt_section(m, EAO_PKG_PROGRAM);
  const uint8_t *attrs = eao_rt_section(m, EAO_PKG_ATTRS);
  s->message = "";
  s->failed_step = UINT32_MAX;
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_PROGRAM); i++) {
    eao_status status;
    if (e[i].stage) {
      status = eao_rt_run_stage(s, (const eao_pkg_stage *)eao_rt_section(m, EAO_PKG_STAGES) +
                                       e[i].index);
    } else {
      const eao_pkg_step *st = &eao_rt_steps(m)[e[i].index];
      status = eao_rt_call(s, e[i].index, s->ptr + st->refs, attrs + st->attr, 0);
    }
    if (status != EAO_OK) return status;
  }
  const eao_pkg_state *st = eao_rt_section(m, EAO_PKG_STATES);
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_STATES); i++)
    memmove(s->tensor[st[i].in].data, s->tensor[st[i].out].data,
            (size_t)eao_rt_tensors(m)[st[i].in].bytes);
  return EAO_OK;
}

static bool same(const eao_tensor *got, const eao_tensor *want, uint64_t bytes, double tolerance) {
  if (!eao_dtype_is_float(got->dtype)) return memcmp(got->data, want->data, (size_t)bytes) == 0;
  int64_t n = eao_tensor_count(got);
  double largest = 0;
  for (int64_t i = 0; i < n; i++) {
    double v = fabs(eao_get_f64(want, i));
    if (v > largest && v <= 1e300) largest = v;
  }
  for (int64_t i = 0; i < n; i++) {
    double a = eao_get_f64(got, i), b = eao_get_f64(want, i);
    bool both_nan = a != a && b != b;
    if (!both_nan && a != b && !(fabs(a - b) <= tolerance * largest)) return false;
  }
  return true;
}

eao_status eao_session_self_test(eao_session *s, double tolerance) {
  const eao_rt_model *m = s->m;
  uint64_t n = eao_rt_count(m, EAO_PKG_GOLDEN);
  uint32_t n_in = (uint32_t)eao_rt_count(m, EAO_PKG_INPUTS);
  uint32_t n_out = (uint32_t)eao_rt_count(m, EAO_PKG_OUTPUTS);
  const eao_pkg_golden *g = eao_rt_section(m, EAO_PKG_GOLDEN);
  if (n == 0) return EAO_ERR_UNSUPPORTED;
  eao_status status = EAO_OK;
  for (uint64_t at = 0; status == EAO_OK && at < n; at += n_in + n_out) {
    eao_session_reset(s);
    for (uint32_t i = 0; i < n_in; i++)
      memcpy(eao_session_input(s, i)->data, constant(m, g[at + i].offset), (size_t)g[at + i].bytes);
    status = eao_session_run(s);
    for (uint32_t i = 0; status == EAO_OK && i < n_out; i++) {
      const eao_pkg_golden *w = &g[at + n_in + i];
      eao_tensor want = *eao_session_output(s, i);
      want.data = constant(m, w->offset);
      if (same(eao_session_output(s, i), &want, w->bytes, tolerance)) continue;
      s->message = "an output differs from the golden one";
      status = EAO_ERR_INTERNAL;
    }
  }
  eao_session_reset(s);
  return status;
}
