#include "kernel/plain/depthwise_f32.h"

#include <string.h>

bool eao_depthwise_narrow_f32_match(const eao_kcall *c, int64_t vl) {
  eao_conv_geom g;
  if (!eao_depthwise_f32_match(c)) return false;
  eao_conv_geom_init(&g, c);
  if (g.sw > 1) return false; /* apart by phase is slower than in place */
  int64_t alone = eao_depthwise_vectors(&g, vl, 1);
  return eao_depthwise_vectors(&g, vl, eao_depthwise_group(&g, vl)) * 5 <= alone * 4;
}

size_t eao_depthwise_narrow_f32_pack(const eao_kcall *c, void *out, int64_t vl) {
  const float *from = c->in[1]->data;
  const eao_tensor *bias = c->n_in > 2 ? c->in[2] : NULL;
  eao_conv_geom g;
  eao_conv_weights w;
  eao_depthwise_plan p;
  eao_conv_geom_init(&g, c);
  eao_conv_weights_init(&w, c->in[1], ((const eao_conv_attr *)c->attr)->w_layout);
  int64_t group = eao_depthwise_group(&g, vl), taps = g.kh * g.kw;
  eao_depthwise_plan_init(&p, &g, group, vl, EAO_DEPTHWISE_F32_ROWS, sizeof(float), 0);
  int64_t chunks = eao_depthwise_chunks(&p, &g);
  size_t bytes = sizeof(eao_depthwise_f32_head) +
                 (size_t)(chunks * p.blocks * (1 + taps) * vl) * sizeof(float);
  if (!out) return bytes;
  eao_depthwise_f32_head *head = out;
  memset(out, 0, bytes);
  head->group = (int32_t)group;
  float *block = (float *)(void *)(head + 1);
  for (int64_t q = 0; q < chunks; q++)
    for (int64_t b = 0; b < p.blocks; b++, block += (1 + taps) * vl)
      for (int64_t i = 0; i < vl; i++) {
        int64_t o = eao_depthwise_channel(&p, &g, q, b, i);
        if (o < 0) continue;
        if (bias) block[i] = ((const float *)bias->data)[o];
        for (int64_t k = 0; k < taps; k++) block[(1 + k) * vl + i] = from[o * w.so + k * w.sk];
      }
  return bytes;
}

size_t eao_depthwise_narrow_f32_scratch(const eao_kcall *c, uint32_t n_part, int64_t vl) {
  eao_conv_geom g;
  eao_depthwise_plan p;
  eao_conv_geom_init(&g, c);
  const eao_depthwise_f32_head *head = c->in[1]->data;
  int64_t group = head->group;
  eao_depthwise_plan_init(&p, &g, group, vl, EAO_DEPTHWISE_F32_ROWS, sizeof(float), 0);
  return (size_t)(p.ring * p.row) * sizeof(float) * (n_part ? n_part : 1);
}
