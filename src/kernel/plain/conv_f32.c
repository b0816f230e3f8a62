#include "kernel/plain/conv_f32.h"

#include <string.h>

#include "kernel/ref/spatial.h"

bool eao_act_is_simple(const eao_act *act) {
  float lo, hi;
  return eao_act_bounds(act, &lo, &hi) || act->kind == EAO_ACT_LEAKY_RELU ||
         act->kind == EAO_ACT_HARD_SIGMOID || act->kind == EAO_ACT_HARD_SWISH;
}

/* Integers need scales for the outputs, along that axis, and no zero points. */
static bool scales_fit(const eao_tensor *w, int32_t axis) {
  const eao_quant *q = &w->quant;
  for (int32_t i = 0; q->zero && i < q->n; i++)
    if (q->zero[i]) return false;
  return q->n == 1 || (q->axis == axis && q->n == w->dim[axis]);
}

static bool types_fit(const eao_kcall *c, eao_dtype weights, int32_t axis) {
  const eao_tensor *w = c->in[1];
  bool bias_ok = c->n_in < 3 || !c->in[2] || c->in[2]->dtype == EAO_F32;
  if (c->in[0]->dtype != EAO_F32 || c->out[0]->dtype != EAO_F32 || w->dtype != weights)
    return false;
  return bias_ok && (weights == EAO_I8 ? w->quant.n > 0 && scales_fit(w, axis) : w->quant.n == 0);
}

bool eao_conv_f32_match(const eao_kcall *c, eao_dtype weights) {
  const eao_conv_attr *a = c->attr;
  return !a->hybrid && eao_conv_is_dense(c) && eao_act_is_simple(&a->act) &&
         types_fit(c, weights, eao_conv_output_axis(a->w_layout, c->in[1]->rank));
}

bool eao_depthwise_f32_match(const eao_kcall *c) {
  return types_fit(c, EAO_F32, 0) && eao_conv_is_depthwise(c) &&
         eao_act_is_simple(&((const eao_conv_attr *)c->attr)->act);
}

bool eao_fc_f32_match(const eao_kcall *c, eao_dtype weights) {
  const eao_fully_connected_attr *a = c->attr;
  bool bias_ok = c->n_in < 3 || !c->in[2] || c->in[2]->data;
  return types_fit(c, weights, 0) && c->in[1]->data && bias_ok && !a->hybrid &&
         eao_act_is_simple(&a->act);
}

size_t eao_conv_f32_scratch(const eao_kcall *c, uint32_t n_part) {
  eao_conv_geom g;
  eao_conv_geom_init(&g, c);
  return (size_t)eao_conv_scratch(&g, sizeof(float)) * sizeof(float) * (n_part ? n_part : 1);
}

/* Elements are copied whatever they are. */
static void pack_panels(const eao_tensor *t, const eao_conv_weights *w, int64_t o, int64_t k,
                        int64_t inputs, int64_t width, char *p) {
  size_t size = (size_t)eao_dtype_bits(t->dtype) / 8;
  const char *from = t->data;
  for (int64_t o0 = 0; o0 < o; o0 += width)
    for (int64_t s = 0; s < k; s++)
      for (int64_t i = 0; i < inputs; i++)
        for (int64_t j = o0; j < o0 + width; j++, p += size)
          if (j < o)
            memcpy(p, from + (size_t)(j * w->so + s * w->sk + i * w->si) * size, size);
          else
            memset(p, 0, size);
}

/* Bias, scales of integer weights, then panels of `width` outputs:
 * [position][input channel][output]. */
static size_t pack(const eao_kcall *c, float *p, const eao_conv_weights *w, int64_t o, int64_t k,
                   int64_t inputs, int64_t width) {
  const eao_tensor *bias = c->n_in > 2 ? c->in[2] : NULL, *t = c->in[1];
  int64_t padded = eao_round_up(o, width), heads = t->dtype == EAO_I8 ? 2 : 1;
  for (int64_t i = 0; p && i < padded; i++)
    *p++ = bias && i < o ? ((const float *)bias->data)[i] : 0;
  for (int64_t i = 0; p && heads > 1 && i < padded; i++)
    *p++ = i < o ? t->quant.scale[t->quant.n > 1 ? i : 0] : 0;
  if (p) pack_panels(t, w, o, k, inputs, width, (char *)p);
  return (size_t)(heads * padded) * sizeof(float) +
         (size_t)eao_dtype_bytes(t->dtype, padded * k * inputs);
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
