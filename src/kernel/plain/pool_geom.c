#include "kernel/plain/pool_geom.h"

#include "kernel/plain/conv_f32.h"
#include "kernel/ref/quant.h"

void eao_pool_geom_init(eao_pool_geom *g, const eao_kcall *c) {
  const eao_tensor *x = c->in[0], *y = c->out[0];
  const eao_pool_attr *a = c->attr;
  bool flat = x->rank == 3;
  int32_t i = flat ? 0 : 1; /* the entry of the width in the lists */
  *g = (eao_pool_geom){.n = x->dim[0], .c = x->dim[x->rank - 1]};
  g->h = flat ? 1 : x->dim[1];
  g->oh = flat ? 1 : y->dim[1];
  g->w = x->dim[x->rank - 2];
  g->ow = y->dim[y->rank - 2];
  g->kh = flat ? 1 : a->kernel.v[0];
  g->sh = flat ? 1 : a->strides.v[0];
  g->dh = flat ? 1 : a->dilations.v[0];
  g->pt = flat ? 0 : a->pads.v[0];
  g->kw = a->kernel.v[i];
  g->sw = a->strides.v[i];
  g->dw = a->dilations.v[i];
  g->pl = a->pads.v[i];
  g->divisor = a->count_include_pad ? g->kh * g->kw : 0;
}

bool eao_pool_shape_ok(const eao_kcall *c) {
  const eao_pool_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  return (x->rank == 3 || x->rank == 4) && a->layout == EAO_LAYOUT_CHANNELS_LAST &&
         a->kernel.n == x->rank - 2 && a->strides.n == a->kernel.n &&
         a->dilations.n == a->kernel.n && a->pads.n == 2 * a->kernel.n &&
         (c->n_out < 2 || !c->out[1]) && !(a->count_include_pad && a->ceil_mode);
}

bool eao_pool_f32_match(const eao_kcall *c) {
  const eao_pool_attr *a = c->attr;
  return c->in[0]->dtype == EAO_F32 && eao_pool_shape_ok(c) && eao_act_is_simple(&a->act);
}

static bool is_byte(const eao_tensor *t) {
  return t->dtype == EAO_I8 || t->dtype == EAO_U8;
}

bool eao_max_pool_i8_match(const eao_kcall *c) {
  const eao_pool_attr *a = c->attr;
  bool same = c->in[0]->quant.n == 0 || eao_q_same(c->in[0], c->out[0]);
  return is_byte(c->in[0]) && same && eao_pool_shape_ok(c) && a->act.kind == EAO_ACT_NONE;
}

bool eao_avg_pool_i8_match(const eao_kcall *c) {
  const eao_pool_attr *a = c->attr;
  eao_qparam x, y;
  return is_byte(c->in[0]) && c->out[0]->dtype == c->in[0]->dtype && eao_q_is(c->in[0]) &&
         eao_pool_shape_ok(c) && eao_q_param(c->in[0], &x) &&
         eao_q_param_act(c->out[0], &a->act, &y);
}

#define ROW(name, match)                                                                           \
  bool eao_k_##name##_match(const eao_kcall *c) {                                                  \
    return match(c);                                                                               \
  }
ROW(max_pool_f32_avx2, eao_pool_f32_match)
ROW(max_pool_f32_avx512, eao_pool_f32_match)
ROW(max_pool_f32_neon, eao_pool_f32_match)
ROW(avg_pool_f32_avx2, eao_pool_f32_match)
ROW(avg_pool_f32_avx512, eao_pool_f32_match)
ROW(avg_pool_f32_neon, eao_pool_f32_match)
ROW(max_pool_i8_c, eao_max_pool_i8_match)
ROW(max_pool_i8_avx2, eao_max_pool_i8_match)
ROW(avg_pool_i8_c, eao_avg_pool_i8_match)
ROW(avg_pool_i8_avx2, eao_avg_pool_i8_match)
