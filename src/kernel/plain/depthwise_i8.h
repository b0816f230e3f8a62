/* 8-bit depthwise convolutions: which calls the kernels take and how weights are packed. */
#ifndef EAO_KERNEL_PLAIN_DEPTHWISE_I8_H
#define EAO_KERNEL_PLAIN_DEPTHWISE_I8_H

#include "kernel/plain/conv_i8.h"

/* Bytes are widened to 16 bits and multiplied in pairs, two kernel rows of a column at a time:
 * 255 * 255 * 2 fits 32 bits, so everything is exact. Packed: eao_conv_i8_head (w_rest unused),
 * then for each block of `ch` channels: bias i32 [ch], multiplier f32 [ch], and
 * [ceil(kh / 2)][kw][ch][2] weights of 16 bits, zero points taken off; c rounded up to ch. Channels
 * of a block are in the order in which the pairs of simd/i16_*.h hold them: four of each eight in
 * the first half, the other four in the second. */
bool eao_depthwise_i8_match(const eao_kcall *c);
size_t eao_depthwise_i8_pack(const eao_kcall *c, void *out, int64_t ch);
/* Bytes of one block. */
static inline int64_t eao_depthwise_i8_block(int64_t kh, int64_t kw, int64_t ch) {
  return ch * 8 + (kh + 1) / 2 * kw * ch * 4;
}

#endif
