/* The error of each layer of a quantised graph. */
#include <math.h>
#include <string.h>

#include "compress/quant/measure.h"
#include "compress/quant/ptq.h"

typedef struct layers {
  eao_ctx *ctx;
  eao_graph *q;
  eao_vid *pair;    /* value of the float graph -> of q with the same meaning; EAO_NONE: none */
  eao_tensor *kept; /* per value of q: the float values of the current sample */
  eao_energy *e;    /* per value of q */
} layers;

static eao_status keep_float(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                             const eao_tensor *t) {
  layers *l = user;
  (void)sample;
  if (g->root != g || l->pair[v] == EAO_NONE) return EAO_OK;
  eao_tensor *k = &l->kept[l->pair[v]];
  int64_t bytes = eao_dtype_bytes(t->dtype, eao_tensor_count(t));
  eao_free(l->ctx, k->data);
  *k = *t;
  k->data = eao_alloc(l->ctx, (size_t)bytes);
  if (!k->data) return EAO_NOMEM(l->ctx);
  if (bytes) memcpy(k->data, t->data, (size_t)bytes);
  return EAO_OK;
}

static eao_status compare_layer(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                                const eao_tensor *t) {
  layers *l = user;
  (void)sample;
  if (g == l->q && l->kept[v].data) eao_energy_add(&l->e[v], &l->kept[v], t);
  return EAO_OK;
}

/* Clones keep value numbers: a value of the float graph is the one of the same number. Of values
 * that stayed float only those of layers that might be integer count. */
static void pair_values(layers *l, const eao_graph *plain) {
  for (eao_vid v = 0; v < plain->n_value; v++) {
    const eao_tensor *a = &plain->value[v].t, *b = &l->q->value[v].t;
    eao_nid by = plain->value[v].producer;
    bool integer = eao_dtype_is_int(b->dtype) && b->quant.n == 1;
    bool same = a->dtype == EAO_F32 && !a->data && l->q->value[v].producer != EAO_NONE &&
                (integer || (by != EAO_NONE && eao_ptq_is_weighted(plain, &plain->node[by])));
    l->pair[v] = same ? v : EAO_NONE;
  }
}

static eao_status list_layers(const layers *l, eao_quantize_report *rep) {
  rep->n_layer = 0;
  for (eao_vid v = 0; v < l->q->n_value; v++) rep->n_layer += l->e[v].signal > 0;
  eao_quantize_layer *layer = eao_arena_array(&l->q->arena, rep->n_layer + 1u, sizeof *layer);
  rep->layer = layer;
  if (!layer) return EAO_NOMEM(l->ctx);
  uint32_t n = 0;
  for (eao_nid i = 0; i < l->q->n_node; i++)
    for (uint32_t k = 0; k < l->q->node[i].n_out; k++) {
      eao_vid v = l->q->node[i].out[k];
      if (v == EAO_NONE || !(l->e[v].signal > 0) || n == rep->n_layer) continue;
      layer[n++] = (eao_quantize_layer){.value = v,
                                        .why = "",
                                        .precision = eao_dtype_name(l->q->value[v].t.dtype),
                                        .sensitivity_db = (double)NAN,
                                        .name = l->q->value[v].name,
                                        .node = l->q->node[i].name ? l->q->node[i].name : "",
                                        .op = eao_op_get(l->q->node[i].op)->name,
                                        .sqnr_db = eao_energy_db(l->e[v])};
    }
  rep->n_layer = n;
  return EAO_OK;
}

static eao_status run_layers(layers *l, const eao_sweep_source *source, eao_graph *plain,
                             uint32_t first, uint32_t n) {
  for (uint32_t k = 0; k < n; k++) {
    eao_sweep a = {source, "comparing layers", first + k, 1, 1, keep_float, {l}}, b = a;
    b.hook = compare_layer;
    EAO_TRY(eao_sweep_run(&a, plain));
    EAO_TRY(eao_sweep_run(&b, l->q));
  }
  return EAO_OK;
}

eao_status eao_ptq_layers(const eao_sweep_source *source, eao_graph *plain, eao_graph *q,
                          uint32_t first, uint32_t n, eao_quantize_report *report) {
  layers l = {.ctx = source->ctx, .q = q};
  l.pair = eao_alloc(l.ctx, plain->n_value * sizeof *l.pair);
  l.kept = eao_alloc(l.ctx, q->n_value * sizeof *l.kept);
  l.e = eao_alloc(l.ctx, q->n_value * sizeof *l.e);
  eao_status s = l.pair && l.kept && l.e ? EAO_OK : EAO_NOMEM(l.ctx);
  if (s == EAO_OK) {
    pair_values(&l, plain);
    s = run_layers(&l, source, plain, first, n);
  }
  if (s == EAO_OK) s = list_layers(&l, report);
  for (eao_vid v = 0; l.kept && v < q->n_value; v++) eao_free(l.ctx, l.kept[v].data);
  eao_free(l.ctx, l.kept);
  eao_free(l.ctx, l.pair);
  eao_free(l.ctx, l.e);
  return s;
}
