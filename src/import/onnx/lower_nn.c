/* Spatial ops, products, normalisation: forms that differ from ours. */
#include <string.h>

#include "import/onnx/lower.h"

/* Global pooling reduces all axes after the channels. */
static eao_status global_pool(onnx_call *c) {
  int64_t axes[EAO_MAX_RANK];
  int32_t rank;
  eao_vid list, x = onnx_in(c, 0);
  const char *op = c->arg;
  EAO_TRY(onnx_rank(c, x, &rank));
  if (rank < 3) return onnx_fail(c, EAO_ERR_SHAPE, "the input has rank %d, 3 is the least", rank);
  if (!op) {
    int64_t p = onnx_attr_int(c, "p", 2);
    if (p != 1 && p != 2)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "the norm with p = %lld", (long long)p);
    op = p == 1 ? "reduce_l1" : "reduce_l2";
  }
  for (int32_t i = 2; i < rank; i++) axes[i - 2] = i;
  EAO_TRY(onnx_i64s(c, axes, rank - 2, &list));
  EAO_TRY(onnx_begin(c, op));
  onnx_set_int(c, "keepdims", 1);
  return onnx_end_out(c, (eao_vid[]){x, list}, 2);
}

/* Before version 7 c was only broadcast when asked for; our gemm always may. */
static eao_status old_gemm(onnx_call *c) {
  (void)onnx_attr_int(c, "broadcast", 0);
  EAO_TRY(onnx_begin(c, "gemm"));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

/* Before version 14 the number of outputs told training from inference. */
static eao_status old_batch_norm(onnx_call *c) {
  (void)onnx_attr_of(c, "momentum");
  (void)onnx_attr_of(c, "consumed_inputs");
  bool test = onnx_attr_int(c, "is_test", 0) != 0 || c->version >= 7;
  if (onnx_attr_int(c, "spatial", 1) != 1)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "attribute 'spatial' is 0");
  if (c->n_out > 1 || (!test && c->n->n_out > 1))
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "training mode");
  EAO_TRY(onnx_begin(c, "batch_norm"));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

static eao_status mean_variance(onnx_call *c) {
  static const int64_t usual[] = {0, 2, 3};
  EAO_TRY(onnx_begin(c, "mean_variance_norm"));
  onnx_set_ints(c, "axes", usual, 3);
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, c->in, c->n_in);
}

const onnx_rule onnx_rules_nn[] = {
    {"MeanVarianceNormalization", 9, 0, mean_variance, NULL},
    {"GlobalAveragePool", 1, 0, global_pool, "reduce_mean"},
    {"GlobalMaxPool", 1, 0, global_pool, "reduce_max"},
    {"GlobalLpPool", 1, 0, global_pool, NULL},
    {"Gemm", 1, 6, old_gemm, NULL},
    {"BatchNormalization", 1, 13, old_batch_norm, NULL},
    {0},
};
