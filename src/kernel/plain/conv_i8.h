/* 8-bit convolutions: which calls the kernels take and how weights are packed.
 *
 * The loops multiply unsigned by signed bytes: x_u = x + flip (flip is 128 for i8, done by an
 * exclusive or), so x - z_x = x_u - z_u with z_u = z_x + flip, and
 *   sum (x - z_x)(w - z_w) = sum x_u w_s + w_rest sum x_u + constant,
 * where w_s is the stored signed weight and w_rest what it lacks: 0 unless weights are u8 or have a
 * zero point. The constant is folded into the bias.
 * An ISA whose dot product is signed by signed (signed_x) keeps activations signed instead: then u8
 * ones are flipped, and x_u, z_u stand for x - 128. */
#ifndef EAO_KERNEL_PLAIN_CONV_I8_H
#define EAO_KERNEL_PLAIN_CONV_I8_H

#include "kernel/plain/conv_geom.h"

/* Stands at the start of a packed blob; 64 bytes, so that what follows stays aligned. Behind it:
 * bias i32 [o], multiplier f32 [o], then panels of nr outputs [kernel row][run][k / 4][nr][4]. */
typedef struct eao_conv_i8_head {
  int32_t z_u;  /* byte that stands for zero; what padding is */
  int32_t flip; /* 0 or 0x80 */
  int32_t w_rest;
  int32_t z_y, lo, hi; /* of the output, activation included */
  int32_t pad[10];
} eao_conv_i8_head;

/* 8-bit activations and weights with one zero point for all channels; scales of the weights along
 * channel_axis, or one; an activation that clips. */
bool eao_conv_i8_types_ok(const eao_kcall *c, int32_t channel_axis, const eao_act *act);
/* Returns the weights' zero point. signed_x: see the packing functions. */
int32_t eao_conv_i8_head_init(eao_conv_i8_head *h, const eao_kcall *c, const eao_act *act,
                              bool signed_x);
/* Bias with the constant folded in, and multiplier, of output o; weight_sum: of (w - z_w). */
void eao_conv_i8_fold(const eao_kcall *c, int64_t o, int32_t z_u, uint32_t weight_sum,
                      int32_t *out_bias, float *out_scale);

bool eao_conv_i8_match(const eao_kcall *c);
size_t eao_conv_i8_pack(const eao_kcall *c, void *out, int64_t nr, bool signed_x);
size_t eao_conv_i8_scratch(const eao_kcall *c, uint32_t n_part);
bool eao_fc_i8_match(const eao_kcall *c);
size_t eao_fc_i8_pack(const eao_kcall *c, void *out, int64_t nr, bool signed_x);

#endif
