#include "kernel/plain/depthwise_dot.h"

#include <string.h>

#include "kernel/plain/depthwise_i8.h"

bool eao_depthwise_dot_match(const eao_kcall *c) {
  const eao_tensor *w = c->in[1];
  if (!eao_depthwise_i8_match(c)) return false;
  int32_t zero = eao_quant_zero(w, 0);
  int64_t n = eao_tensor_count(w);
  for (int64_t i = 0; i < n; i++) {
    int64_t v = eao_get_i64(w, i) - zero;
    if (v < -128 || v > 127) return false;
  }
  return true;
}

void eao_depthwise_dot_plan(eao_depthwise_plan *p, const eao_conv_geom *g, int64_t group,
                            int64_t lanes) {
  eao_depthwise_plan_init(p, g, group, lanes, 1, 1, 4 * eao_depthwise_dot_quads(g));
}

/* Lane of place j of a block: in each 16 bytes the first quarter of the sums holds channels 0-3,
 * the second 4-7, and so on, as many such 16 as the vector has. */
static int64_t lane_at(int64_t j, int64_t lanes) {
  int64_t sums = lanes / 4, quarter = j / sums, at = j % sums;
  return at / 4 * 16 + quarter * 4 + at % 4;
}

size_t eao_depthwise_dot_pack(const eao_kcall *c, void *out, int64_t lanes) {
  const eao_conv_attr *a = c->attr;
  const eao_tensor *w = c->in[1];
  eao_conv_geom g;
  eao_conv_weights s;
  eao_depthwise_plan p;
  eao_conv_geom_init(&g, c);
  eao_conv_weights_init(&s, w, a->w_layout);
  int64_t group = eao_depthwise_group(&g, lanes), quads = eao_depthwise_dot_quads(&g);
  eao_depthwise_dot_plan(&p, &g, group, lanes);
  int64_t chunks = eao_depthwise_chunks(&p, &g), block = eao_depthwise_dot_block(&g, lanes);
  size_t bytes = sizeof(eao_conv_i8_head) + (size_t)(chunks * p.blocks * block);
  if (!out) return bytes;
  memset(out, 0, bytes);
  eao_conv_i8_head *h = out;
  int32_t zero = eao_conv_i8_head_init(h, c, &a->act, false);
  h->pad[0] = (int32_t)group;
  for (int64_t b = 0; b < chunks * p.blocks; b++) {
    char *at = (char *)(h + 1) + b * block;
    int32_t *bias = (int32_t *)(void *)at;
    float *scale = (float *)(void *)(at + lanes * 4);
    int8_t *taps = (int8_t *)at + lanes * 8;
    for (int64_t i = 0; i < lanes; i++) {
      int64_t o = eao_depthwise_channel(&p, &g, b / p.blocks, b % p.blocks, lane_at(i, lanes));
      uint32_t sum = 0;
      if (o < 0) continue;
      for (int64_t k = 0; k < g.kh; k++)
        for (int64_t l = 0; l < g.kw; l++) {
          int64_t v = eao_get_i64(w, o * s.so + (k * g.kw + l) * s.sk) - zero;
          taps[((k * quads + l / 4) * lanes + i) * 4 + l % 4] = (int8_t)v;
          sum += (uint32_t)v;
        }
      eao_conv_i8_fold(c, o, h->z_u, sum, &bias[i], &scale[i]);
    }
  }
  return bytes;
}

size_t eao_depthwise_dot_scratch(const eao_kcall *c, uint32_t n_part, int64_t lanes) {
  const eao_conv_i8_head *h = c->in[1]->data;
  eao_conv_geom g;
  eao_depthwise_plan p;
  eao_conv_geom_init(&g, c);
  eao_depthwise_dot_plan(&p, &g, h->pad[0], lanes);
  int64_t ring = p.ring * p.vectors * lanes * 4 * eao_depthwise_dot_quads(&g);
  return (size_t)(p.row + ring) * (n_part ? n_part : 1);
}
