#include "kernel/plain/conv_f32.h"

bool eao_act_is_simple(const eao_act *act) {
  float lo, hi;
  return eao_act_bounds(act, &lo, &hi) || act->kind == EAO_ACT_LEAKY_RELU ||
         act->kind == EAO_ACT_HARD_SIGMOID || act->kind == EAO_ACT_HARD_SWISH;
}

static bool is_f32(const eao_kcall *c) {
  return c->in[0]->dtype == EAO_F32 && c->in[1]->dtype == EAO_F32 &&
         (c->n_in < 3 || !c->in[2] || c->in[2]->dtype == EAO_F32);
}

bool eao_conv_f32_match(const eao_kcall *c) {
  return is_f32(c) && eao_conv_is_dense(c) &&
         eao_act_is_simple(&((const eao_conv_attr *)c->attr)->act);
}

bool eao_depthwise_f32_match(const eao_kcall *c) {
  return is_f32(c) && eao_conv_is_depthwise(c) &&
         eao_act_is_simple(&((const eao_conv_attr *)c->attr)->act);
}

bool eao_fc_f32_match(const eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  bool bias_ok = c->n_in < 3 || !c->in[2] || c->in[2]->data;
  return is_f32(c) && c->in[1]->data && bias_ok && !a->hybrid && eao_act_is_simple(&a->act);
}

size_t eao_conv_f32_scratch(const eao_kcall *c, uint32_t n_part) {
  eao_conv_geom g;
  eao_conv_geom_init(&g, c);
  return (size_t)eao_conv_ring(&g) * sizeof(float) * (n_part ? n_part : 1);
}

/* Bias, then panels of `width` outputs: [position][input channel][output]. */
static size_t pack(const eao_kcall *c, float *p, const eao_conv_weights *w, int64_t o, int64_t k,
                   int64_t inputs, int64_t width) {
  const eao_tensor *bias = c->n_in > 2 ? c->in[2] : NULL;
  const float *from = c->in[1]->data;
  int64_t padded = eao_round_up(o, width);
  for (int64_t i = 0; p && i < padded; i++)
    *p++ = bias && i < o ? ((const float *)bias->data)[i] : 0;
  for (int64_t o0 = 0; p && o0 < padded; o0 += width)
    for (int64_t s = 0; s < k; s++)
      for (int64_t i = 0; i < inputs; i++)
        for (int64_t j = o0; j < o0 + width; j++)
          *p++ = j < o ? from[j * w->so + s * w->sk + i * w->si] : 0;
  return (size_t)(padded + padded * k * inputs) * sizeof(float);
}

static size_t pack_conv(const eao_kcall *c, void *out, int64_t width, bool depthwise) {
  eao_conv_geom g;
  eao_conv_weights w;
  eao_conv_geom_init(&g, c);
  eao_conv_weights_init(&w, c->in[1], ((const eao_conv_attr *)c->attr)->w_layout);
  return pack(c, out, &w, g.o, g.kh * g.kw, depthwise ? 1 : g.c, width);
}

size_t eao_conv_f32_pack(const eao_kcall *c, void *out, int64_t nr) {
  return pack_conv(c, out, nr, false);
}

size_t eao_depthwise_f32_pack(const eao_kcall *c, void *out, int64_t vl) {
  return pack_conv(c, out, vl, true);
}

size_t eao_fc_f32_pack(const eao_kcall *c, void *out, int64_t nr) {
  const eao_tensor *w = c->in[1];
  eao_conv_weights strides = {.so = w->dim[1], .si = 1};
  return pack(c, out, &strides, w->dim[0], 1, w->dim[1], nr);
}
