#include "plan/verified.h"

#include <math.h>
#include <string.h>

#include "interp/interp.h"

eao_status eao_random_inputs(eao_graph *g, uint64_t seed, eao_tensor *out) {
  eao_rng rng = {seed};
  memset(out, 0, g->n_input * sizeof *out);
  for (uint32_t i = 0; i < g->n_input; i++) {
    const eao_value *v = &g->value[g->input[i]];
    uint64_t bytes;
    eao_status s = eao_tensor_nbytes(g->ctx, &v->t, &bytes);
    if (s != EAO_OK) return eao_fail_within(g->ctx, s, "input '%s'", v->name);
    out[i] = v->t;
    out[i].data = eao_alloc(g->ctx, (size_t)bytes);
    if (!out[i].data) return EAO_NOMEM(g->ctx);
    int64_t n = eao_tensor_count(&out[i]);
    for (int64_t k = 0; k < n; k++) {
      if (eao_dtype_is_float(v->t.dtype))
        eao_set_f64(&out[i], k, eao_rng_f64(&rng) * 2 - 1);
      else if (eao_dtype_bits(v->t.dtype) <= 8)
        eao_set_i64(&out[i], k, (int64_t)eao_rng_next(&rng));
      else
        eao_set_i64(&out[i], k, (int64_t)eao_rng_below(&rng, 4));
    }
  }
  return EAO_OK;
}

typedef struct truth {
  eao_tensor *in, *want;
  uint32_t n_in, n_out;
} truth;

static double difference(const eao_tensor *got, const eao_tensor *want) {
  double largest = 0, worst = 0;
  int64_t n = eao_tensor_count(want);
  if (eao_tensor_count(got) != n || got->dtype != want->dtype) return INFINITY;
  for (int64_t i = 0; i < n; i++) {
    double a = eao_get_f64(got, i), b = eao_get_f64(want, i);
    if (fabs(b) > largest && fabs(b) < INFINITY) largest = fabs(b);
    if (a == b || (isnan(a) && isnan(b))) continue;
    if (!(fabs(a - b) <= worst)) worst = fabs(a - b);
  }
  if (worst == 0) return 0;
  return eao_dtype_is_float(want->dtype) && largest > 0 ? worst / largest : INFINITY;
}

/* 10 log10 of signal over noise. */
static double sqnr(const eao_tensor *got, const eao_tensor *want) {
  double signal = 0, noise = 0;
  int64_t n = eao_tensor_count(want);
  if (eao_tensor_count(got) != n || got->dtype != want->dtype) return -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    double b = eao_get_f64(want, i), d = eao_get_f64(got, i) - b;
    signal += b * b;
    noise += d * d;
  }
  return noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

static eao_status compare(const eao_graph *g, const char *pass, bool exact, uint32_t i,
                          const eao_tensor *got, const eao_tensor *want) {
  const char *name = g->value[g->output[i]].name;
  double d = difference(got, want), db = exact ? 0 : sqnr(got, want);
  if (exact ? d <= 1e-5 : db >= 20) return EAO_OK;
  if (exact)
    return eao_fail(g->ctx, EAO_ERR_INTERNAL, "after pass %s output '%s' differs by %g", pass, name,
                    d);
  return eao_fail(g->ctx, EAO_ERR_INTERNAL,
                  "after pass %s output '%s' has a signal-to-noise ratio of %.1f dB", pass, name,
                  db);
}

static eao_status check(void *user, eao_graph *g, const char *pass, bool exact) {
  truth *t = user;
  eao_interp *it = eao_interp_create(g);
  eao_tensor *got = eao_alloc(g->ctx, t->n_out * sizeof *got);
  eao_status s = it && got ? EAO_OK : EAO_NOMEM(g->ctx);
  if (s == EAO_OK) s = eao_interp_run(it, t->in, t->n_in, got, t->n_out);
  for (uint32_t i = 0; s == EAO_OK && i < t->n_out; i++) {
    s = compare(g, pass, exact, i, &got[i], &t->want[i]);
    /* Later passes are held to what this one rounded to. */
    uint64_t bytes;
    if (s == EAO_OK && !exact) s = eao_tensor_nbytes(g->ctx, &got[i], &bytes);
    if (s == EAO_OK && !exact && bytes) memcpy(t->want[i].data, got[i].data, (size_t)bytes);
  }
  eao_interp_destroy(it);
  eao_free(g->ctx, got);
  return s;
}

eao_status eao_passes_run_verified(eao_graph *g, uint64_t seed, const eao_pass_report **out_reports,
                                   uint32_t *out_n) {
  truth t = {.n_in = g->n_input, .n_out = g->n_output};
  eao_interp *it = eao_interp_create(g);
  t.in = eao_alloc(g->ctx, t.n_in * sizeof *t.in);
  t.want = eao_alloc(g->ctx, t.n_out * sizeof *t.want);
  eao_tensor *out = eao_alloc(g->ctx, t.n_out * sizeof *out);
  eao_status s = it && t.in && t.want && out ? EAO_OK : EAO_NOMEM(g->ctx);
  if (s == EAO_OK) s = eao_random_inputs(g, seed, t.in);
  if (s == EAO_OK) s = eao_interp_run(it, t.in, t.n_in, out, t.n_out);
  for (uint32_t i = 0; s == EAO_OK && i < t.n_out; i++) {
    uint64_t bytes;
    t.want[i] = out[i];
    t.want[i].data = NULL;
    s = eao_tensor_nbytes(g->ctx, &out[i], &bytes);
    if (s != EAO_OK) break;
    t.want[i].data = eao_alloc(g->ctx, (size_t)bytes);
    if (!t.want[i].data) s = EAO_NOMEM(g->ctx);
    if (t.want[i].data && bytes) memcpy(t.want[i].data, out[i].data, (size_t)bytes);
  }
  eao_interp_destroy(it);
  eao_pass_opts opts = {.check = check, .check_user = &t};
  if (s == EAO_OK) s = eao_passes_run(g, &opts, out_reports, out_n);
  for (uint32_t i = 0; t.in && i < t.n_in; i++) eao_free(g->ctx, t.in[i].data);
  for (uint32_t i = 0; t.want && i < t.n_out; i++) eao_free(g->ctx, t.want[i].data);
  eao_free(g->ctx, t.in);
  eao_free(g->ctx, t.want);
  eao_free(g->ctx, out);
  return s;
}
