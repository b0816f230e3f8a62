#include "compress/quant/measure.h"

#include <math.h>
#include <string.h>

double eao_energy_db(eao_energy e) {
  if (e.noise == 0) return 200;
  return e.signal > 0 ? 10 * log10(e.signal / e.noise) : -200;
}

void eao_energy_add(eao_energy *e, const eao_tensor *want, const eao_tensor *got) {
  int64_t n = eao_tensor_count(want);
  if (n != eao_tensor_count(got)) return;
  for (int64_t i = 0; i < n; i++) {
    double a = eao_get_real(want, i), d = eao_get_real(got, i) - a;
    if (!isfinite(a) || !isfinite(d)) continue;
    e->signal += a * a;
    e->noise += d * d;
  }
}

static eao_vid scores_of(const eao_graph *g, eao_vid v) {
  for (eao_nid by; (by = g->value[v].producer) != EAO_NONE;) {
    uint16_t op = g->node[by].op;
    if (op != EAO_OP_softmax && op != EAO_OP_log_softmax && op != EAO_OP_sigmoid) break;
    v = g->node[by].in[0];
  }
  return v;
}

static eao_status remember(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                           const eao_tensor *t) {
  eao_ptq_check *c = user;
  for (uint32_t i = 0; g->root == g && i < c->n_probe; i++) {
    eao_tensor *w = &c->want[sample * c->n_probe + i];
    if (c->probe[i] != v || w->data) continue;
    int64_t bytes = eao_dtype_bytes(t->dtype, eao_tensor_count(t));
    *w = *t;
    w->data = eao_alloc(c->source->ctx, (size_t)bytes);
    if (!w->data) return EAO_NOMEM(c->source->ctx);
    if (bytes) memcpy(w->data, t->data, (size_t)bytes);
  }
  return EAO_OK;
}

static eao_status compare(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                          const eao_tensor *t) {
  eao_ptq_check *c = user;
  for (uint32_t i = 0; g->root == g && i < c->n_probe; i++) {
    uint32_t at = sample * c->n_probe + i;
    if (c->probe[i] == v) eao_energy_add(&c->noise[at], &c->want[at], t);
  }
  return EAO_OK;
}

eao_status eao_ptq_check_init(eao_ptq_check *c, const eao_sweep_source *source, eao_graph *plain,
                              uint32_t first, uint32_t n) {
  eao_ctx *ctx = source->ctx;
  size_t places = (size_t)n * plain->n_output + 1;
  *c = (eao_ptq_check){.source = source, .first = first, .n = n, .n_probe = plain->n_output};
  c->probe = eao_alloc(ctx, (plain->n_output + 1u) * sizeof *c->probe);
  c->want = eao_alloc(ctx, places * sizeof *c->want);
  c->noise = eao_alloc(ctx, places * sizeof *c->noise);
  eao_status s = c->probe && c->want && c->noise ? EAO_OK : EAO_NOMEM(ctx);
  for (uint32_t i = 0; s == EAO_OK && i < c->n_probe; i++)
    c->probe[i] = scores_of(plain, plain->output[i]);
  eao_sweep sweep = {source, "measuring", first, n, 1, remember, {c}};
  if (s == EAO_OK) s = eao_sweep_run(&sweep, plain);
  if (s != EAO_OK) eao_ptq_check_deinit(c);
  return s;
}

void eao_ptq_check_deinit(eao_ptq_check *c) {
  if (!c->source) return;
  for (uint32_t i = 0; c->want && i < c->n * c->n_probe; i++)
    eao_free(c->source->ctx, c->want[i].data);
  eao_free(c->source->ctx, c->want);
  eao_free(c->source->ctx, c->probe);
  eao_free(c->source->ctx, c->noise);
  memset(c, 0, sizeof *c);
}

eao_status eao_ptq_check_run(eao_ptq_check *c, eao_graph *g, double *out_db) {
  double sum = 0;
  memset(c->noise, 0, (size_t)c->n * c->n_probe * sizeof *c->noise);
  eao_sweep sweep = {c->source, "measuring", c->first, c->n, EAO_SWEEP_SHARDS, compare, {c, c}};
  EAO_TRY(eao_sweep_run(&sweep, g));
  for (uint32_t i = 0; i < c->n_probe; i++) {
    eao_energy e = {0};
    for (uint32_t k = 0; k < c->n; k++) {
      e.signal += c->noise[k * c->n_probe + i].signal;
      e.noise += c->noise[k * c->n_probe + i].noise;
    }
    sum += eao_energy_db(e);
  }
  *out_db = c->n_probe ? sum / c->n_probe : 0;
  return EAO_OK;
}
