#include "kernel/plain/depthwise_i8.h"

#include <string.h>

bool eao_depthwise_i8_match(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  int32_t axis = a->w_layout == EAO_WLAYOUT_1KO ? c->in[1]->rank - 1 : 0;
  return eao_conv_is_depthwise(c) && eao_conv_i8_types_ok(c, axis, &a->act);
}

/* Channel at place i of a block. */
static int64_t channel_at(int64_t i, int64_t ch) {
  int64_t half = i / (ch / 2), j = i % (ch / 2);
  return j / 4 * 8 + half * 4 + j % 4;
}

size_t eao_depthwise_i8_pack(const eao_kcall *c, void *out, int64_t ch) {
  const eao_conv_attr *a = c->attr;
  const eao_tensor *w = c->in[1];
  eao_conv_geom g;
  eao_conv_weights s;
  eao_conv_geom_init(&g, c);
  eao_conv_weights_init(&s, w, a->w_layout);
  int64_t blocks = (g.c + ch - 1) / ch, bytes = eao_depthwise_i8_block(g.kh, g.kw, ch);
  if (!out) return sizeof(eao_conv_i8_head) + (size_t)(blocks * bytes);
  eao_conv_i8_head *h = out;
  int32_t zero = eao_conv_i8_head_init(h, c, &a->act, false);
  for (int64_t b = 0; b < blocks; b++) {
    char *at = (char *)(h + 1) + b * bytes;
    int32_t *bias = (int32_t *)(void *)at;
    float *scale = (float *)(void *)(at + ch * 4);
    int16_t *pairs = (int16_t *)(void *)(at + ch * 8);
    memset(at, 0, (size_t)bytes);
    for (int64_t i = 0; i < ch; i++) {
      int64_t o = b * ch + channel_at(i, ch);
      uint32_t sum = 0;
      if (o >= g.c) continue;
      for (int64_t k = 0; k < g.kh; k++)
        for (int64_t l = 0; l < g.kw; l++) {
          int64_t v = eao_get_i64(w, o * s.so + (k * g.kw + l) * s.sk) - zero;
          pairs[((k / 2 * g.kw + l) * ch + i) * 2 + k % 2] = (int16_t)v;
          sum += (uint32_t)v;
        }
      eao_conv_i8_fold(c, o, h->z_u, sum, &bias[i], &scale[i]);
    }
  }
  return sizeof(eao_conv_i8_head) + (size_t)(blocks * bytes);
}
