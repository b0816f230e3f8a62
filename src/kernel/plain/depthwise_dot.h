/* 8-bit depthwise convolutions with four-byte dot products, over rows as they lie in memory (see
 * plain/depthwise_plan.h): four neighbouring columns of a channel come to lie side by side in the
 * ring, so that one dot product takes four taps of a kernel row.
 *
 * Packed: eao_conv_i8_head (w_rest unused, `group` its first spare word), then for each chunk, each
 * vector of a group: bias i32 [lanes], multiplier f32 [lanes] and [kh][ceil(kw / 4)][lanes][4]
 * weights, zero points taken off. Lanes are in the order in which zipping bytes twice leaves them.
 */
#ifndef EAO_KERNEL_PLAIN_DEPTHWISE_DOT_H
#define EAO_KERNEL_PLAIN_DEPTHWISE_DOT_H

#include "kernel/plain/conv_i8.h"
#include "kernel/plain/depthwise_plan.h"

/* Weights less their zero point must fit a signed byte. */
bool eao_depthwise_dot_match(const eao_kcall *c);
size_t eao_depthwise_dot_pack(const eao_kcall *c, void *out, int64_t lanes);
size_t eao_depthwise_dot_scratch(const eao_kcall *c, uint32_t n_part, int64_t lanes);
void eao_depthwise_dot_plan(eao_depthwise_plan *p, const eao_conv_geom *g, int64_t group,
                            int64_t lanes);

static inline int64_t eao_depthwise_dot_quads(const eao_conv_geom *g) {
  return (g->kw + 3) / 4;
}
/* Bytes of a vector's constants. */
static inline int64_t eao_depthwise_dot_block(const eao_conv_geom *g, int64_t lanes) {
  return lanes * 8 + g->kh * eao_depthwise_dot_quads(g) * lanes * 4;
}

#endif
