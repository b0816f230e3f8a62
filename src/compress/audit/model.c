/* Faults of the model itself that its weights show. */
#include <math.h>
#include <string.h>

#include "compress/audit/audit.h"
#include "kernel/kernel.h"
#include "op/op.h"

static eao_status check_finite(audit *a) {
  uint32_t bad = 0;
  const char *first = "";
  for (eao_vid v = 0; v < a->g->n_value; v++) {
    const eao_tensor *t = &a->g->value[v].t;
    if (!t->data || !eao_dtype_is_float(t->dtype) || eao_dtype_bits(t->dtype) < 16) continue;
    int64_t n = eao_tensor_count(t), nan = 0;
    for (int64_t i = 0; i < n; i++) nan += isnan(eao_get_f64(t, i));
    /* Infinity is a usual bound, e.g. of a mask or a clip; NaN never is. */
    if (!nan) continue;
    if (!bad++) first = a->g->value[v].name;
  }
  if (!bad) return EAO_OK;
  return audit_find(a, EAO_AUDIT_MODEL_NOT_FINITE, EAO_AUDIT_ERROR, 0.999,
                    "export the model again from a state of training before it diverged",
                    "%u constants hold NaN, the first is '%s'", bad, first);
}

static eao_status check_quantised(audit *a) {
  uint32_t integer = 0, compute = 0;
  for (eao_nid i = 0; i < a->g->n_node; i++) {
    const eao_node *n = &a->g->node[i];
    if (n->op != EAO_OP_conv && n->op != EAO_OP_fully_connected && n->op != EAO_OP_matmul) continue;
    compute++;
    const eao_tensor *w = n->n_in > 1 && n->in[1] != EAO_NONE ? &a->g->value[n->in[1]].t : NULL;
    if (!w) continue;
    eao_nid by = a->g->value[n->in[1]].producer;
    integer += (w->quant.n && eao_dtype_bits(w->dtype) <= 8) ||
               (by != EAO_NONE && a->g->node[by].op == EAO_OP_dequantize);
  }
  if (!compute || integer * 2 < compute) return EAO_OK;
  return audit_find(a, EAO_AUDIT_MODEL_QUANTISED, EAO_AUDIT_NOTE, 0.999,
                    "it can be compiled as it is; to choose ranges or precisions start from the "
                    "float model",
                    "%u of %u convolutions and products have integer weights", integer, compute);
}

/* Output channels whose weights are all zero. */
static void dead_channels(const eao_graph *g, const eao_node *n, uint64_t *dead, uint64_t *all) {
  const eao_tensor *w = &g->value[n->in[1]].t;
  if (!w->data || !eao_dtype_is_float(w->dtype) || w->rank < 2 || w->dim[0] < 1) return;
  int64_t count = eao_tensor_count(w), each = count / w->dim[0];
  for (int64_t o = 0; o < w->dim[0]; o++) {
    bool zero = true;
    for (int64_t i = 0; i < each && zero; i++) zero = fabs(eao_get_f64(w, o * each + i)) < 1e-12;
    *dead += zero;
    *all += 1;
  }
}

static eao_status check_dead(audit *a) {
  uint64_t dead = 0, all = 0, worst = 0, worst_all = 0;
  const char *name = "";
  for (eao_nid i = 0; i < a->g->n_node; i++) {
    const eao_node *n = &a->g->node[i];
    uint64_t d = 0, k = 0;
    if ((n->op != EAO_OP_conv && n->op != EAO_OP_fully_connected) || n->n_in < 2 ||
        n->in[1] == EAO_NONE)
      continue;
    dead_channels(a->g, n, &d, &k);
    if (d > worst) {
      worst = d;
      worst_all = k;
      name = n->out[0] != EAO_NONE ? a->g->value[n->out[0]].name : "";
    }
    dead += d;
    all += k;
  }
  if (dead * 100 < all * 2 && worst * 4 < worst_all) return EAO_OK;
  if (!dead) return EAO_OK;
  return audit_find(a, EAO_AUDIT_MODEL_DEAD,
                    worst * 4 >= worst_all || dead * 10 >= all ? EAO_AUDIT_WARNING : EAO_AUDIT_NOTE,
                    0.95, "they cost time and memory for nothing: prune them, or train again",
                    "%llu of %llu output channels have no weight other than zero; most in '%s', "
                    "%llu of %llu",
                    (unsigned long long)dead, (unsigned long long)all, name,
                    (unsigned long long)worst, (unsigned long long)worst_all);
}

eao_status audit_check_model(audit *a) {
  if (!a->g->n_node) return audit_unchecked(a, "the model's weights: a package does not show them");
  EAO_TRY(check_finite(a));
  EAO_TRY(check_quantised(a));
  return check_dead(a);
}
