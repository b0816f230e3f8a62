#include "kernel/plain/rows_f32.h"

bool eao_reduce_split(const eao_kcall *c, int64_t *outer, int64_t *n, int64_t *inner) {
  const eao_tensor *x = c->in[0];
  uint32_t mask;
  *outer = *n = *inner = 1;
  if (!eao_reduce_mask(c, &mask)) return false;
  int32_t part = 0; /* axes before, of and behind the reduced ones */
  for (int32_t d = 0; d < x->rank; d++) {
    int32_t want = mask >> d & 1 ? 1 : part == 0 ? 0 : 2;
    if (x->dim[d] == 1) continue;
    if (want < part) return false;
    part = want;
    *(part == 0 ? outer : part == 1 ? n : inner) *= x->dim[d];
  }
  return true;
}

bool eao_reduce_f32_match(const eao_kcall *c) {
  int64_t outer, n, inner;
  const eao_tensor *axes = c->n_in > 1 ? c->in[1] : NULL;
  return c->in[0]->dtype == EAO_F32 && (!axes || axes->data) &&
         eao_reduce_split(c, &outer, &n, &inner) && n > 0;
}

bool eao_softmax_f32_match(const eao_kcall *c) {
  const eao_softmax_attr *a = c->attr;
  int64_t outer, n, inner;
  if (c->in[0]->dtype != EAO_F32) return false;
  eao_axis_split(c->in[0], a->axis, &outer, &n, &inner);
  return inner == 1;
}

bool eao_layer_norm_f32_match(const eao_kcall *c) {
  const eao_layer_norm_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  int64_t axis = a->axis < 0 ? a->axis + x->rank : a->axis, n = 1;
  if (x->dtype != EAO_F32) return false;
  for (uint32_t i = 1; i < c->n_out; i++)
    if (c->out[i]) return false;
  for (int32_t d = (int32_t)axis; d < x->rank; d++) n *= x->dim[d];
  for (uint32_t i = 1; i < c->n_in; i++)
    if (c->in[i] && (c->in[i]->dtype != EAO_F32 || eao_tensor_count(c->in[i]) != n)) return false;
  return n > 0;
}

bool eao_matmul_f32_match(const eao_kcall *c) {
  const eao_tensor *a = c->in[0], *b = c->in[1];
  return a->dtype == EAO_F32 && b->dtype == EAO_F32 && a->rank >= 2 && b->rank >= 2;
}

#define ROW(name, isa, match)                                                                      \
  bool eao_k_##name##_##isa##_match(const eao_kcall *c) {                                          \
    return match(c);                                                                               \
  }
#define ROWS(isa)                                                                                  \
  ROW(reduce_mean_f32, isa, eao_reduce_f32_match)                                                  \
  ROW(reduce_sum_f32, isa, eao_reduce_f32_match)                                                   \
  ROW(reduce_max_f32, isa, eao_reduce_f32_match)                                                   \
  ROW(softmax_f32, isa, eao_softmax_f32_match)                                                     \
  ROW(layer_norm_f32, isa, eao_layer_norm_f32_match)                                               \
  ROW(rms_norm_f32, isa, eao_layer_norm_f32_match)                                                 \
  ROW(matmul_f32, isa, eao_matmul_f32_match)

ROWS(avx2)
ROWS(avx512)
ROWS(neon)
