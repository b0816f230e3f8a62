/* What a segment of the program costs in time beyond its arithmetic, so that streaming is chosen
 * only where it pays or is needed. A model of a few terms: it has to rank, not to predict. */
#include "plan/plan.h"

/* A core of about a gigahertz with a small L2 cache: for targets that name an ISA only. */
static const eao_plan_machine small_core = {.cache_bytes = 512 * 1024,
                                            .cache_gb_s = 10,
                                            .far_gb_s = 4,
                                            .f32_gmacs = 4,
                                            .i8_gmacs = 8,
                                            .call_us = 0.5,
                                            .share_us = 2};

void eao_plan_machine_complete(eao_plan_machine *m) {
  const eao_plan_machine *d = &small_core;
  if (!m->cache_bytes) m->cache_bytes = d->cache_bytes;
  if (!(m->cache_gb_s > 0)) m->cache_gb_s = d->cache_gb_s;
  if (!(m->far_gb_s > 0)) m->far_gb_s = d->far_gb_s;
  if (!(m->f32_gmacs > 0)) m->f32_gmacs = d->f32_gmacs;
  if (!(m->i8_gmacs > 0)) m->i8_gmacs = d->i8_gmacs;
  if (!(m->call_us > 0)) m->call_us = d->call_us;
  if (!(m->share_us > 0)) m->share_us = d->share_us;
}

static uint64_t ps(double us) {
  return us > 0 ? (uint64_t)(us * 1e6) : 0;
}

static double micros(uint64_t bytes, double gb_s) {
  return (double)bytes / gb_s * 1e-3;
}

/* Reading and writing so many bytes when they do not fit the cache together. */
static double far_us(const eao_plan_machine *m, uint64_t bytes) {
  double us = micros(bytes, m->far_gb_s) - micros(bytes, m->cache_gb_s);
  return bytes > m->cache_bytes && us > 0 ? us : 0;
}

static double macs_us(const eao_plan *p, const eao_plan_step *s) {
  const eao_plan_machine *m = &p->opts.machine;
  bool is_float = p->tensor[s->ref[s->n_in]].t.dtype == EAO_F32;
  return (double)s->macs / ((is_float ? m->f32_gmacs : m->i8_gmacs) * 1e3);
}

static uint64_t constant_bytes(const eao_plan *p, const eao_plan_step *s) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < s->n_in; i++)
    if (s->ref[i] != EAO_NONE && eao_plan_is_const(p, s->ref[i])) n += p->tensor[s->ref[i]].bytes;
  return n;
}

/* Bytes of the step's inputs that an earlier step than `begin` made. */
static uint64_t read_bytes(const eao_plan *p, const eao_plan_step *s, const int64_t *made_at,
                           uint32_t begin) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < s->n_in; i++) {
    uint32_t t = s->ref[i];
    if (t == EAO_NONE || eao_plan_is_const(p, t) || made_at[p->tensor[t].view] >= begin) continue;
    n += p->tensor[t].bytes;
  }
  return n;
}

uint64_t eao_plan_price_step(const eao_plan *p, uint32_t i, const int64_t *made_at) {
  const eao_plan_step *s = &p->step[i];
  uint64_t bytes = read_bytes(p, s, made_at, i);
  for (uint32_t k = s->n_in; k < s->n_in + s->n_out; k++)
    if (s->ref[k] != EAO_NONE) bytes += p->tensor[s->ref[k]].bytes;
  return ps(far_us(&p->opts.machine, bytes));
}

/* Calls of one step of a stage beyond the one it would need alone. */
static double calls_us(const eao_plan *p, const eao_plan_step *s, uint32_t band, bool weights_far) {
  const eao_plan_machine *m = &p->opts.machine;
  const eao_plan_tensor *y = &p->tensor[s->ref[s->n_in]];
  uint64_t rows = (uint64_t)y->t.dim[1], b = band < rows ? band : rows;
  double more = (double)((rows + b - 1) / b - 1), us = more * m->call_us;
  us += more * micros(constant_bytes(p, s), weights_far ? m->far_gb_s : m->cache_gb_s);
  for (uint32_t i = 0; i < s->n_in; i++) {
    if (!(s->row_inputs >> i & 1) || s->window <= s->stride) continue;
    const eao_plan_tensor *x = &p->tensor[s->ref[i]];
    uint64_t again = x->bytes / (uint64_t)x->t.dim[1] * (uint64_t)(s->window - s->stride);
    us += more * micros(again, m->cache_gb_s);
  }
  if (p->opts.threads < 2 || !s->split) return us;
  if (eao_plan_worth_sharing(s->macs * b / rows, y->bytes * b / rows))
    return us + more * m->share_us;
  return us + macs_us(p, s) * (1 - 1.0 / p->opts.threads);
}

uint64_t eao_plan_price_stage(const eao_plan *p, uint32_t first, uint32_t n, uint32_t band,
                              const eao_plan_stage_shape *shape, const int64_t *made_at) {
  const eao_plan_machine *m = &p->opts.machine;
  uint64_t weights = 0, outside = 0, inside = 0;
  for (uint32_t i = first; i < first + n; i++) {
    const eao_plan_step *s = &p->step[i];
    uint64_t bytes = p->tensor[s->ref[s->n_in]].bytes;
    weights += constant_bytes(p, s);
    outside += read_bytes(p, s, made_at, first);
    if (shape->whole[i - first])
      outside += bytes;
    else
      inside += 2 * bytes;
  }
  /* Bands that do not fit the cache save nothing. */
  if (shape->held_bytes > m->cache_bytes) outside += inside;
  double us = far_us(m, outside) + micros(shape->moved_bytes, m->cache_gb_s);
  for (uint32_t i = first; i < first + n; i++)
    us += calls_us(p, &p->step[i], band, weights > m->cache_bytes);
  return ps(us);
}
