/* Float convolutions: which calls the kernels take and how weights are packed. */
#ifndef EAO_KERNEL_PLAIN_CONV_F32_H
#define EAO_KERNEL_PLAIN_CONV_F32_H

#include "kernel/plain/conv_geom.h"

/* True for activations that v_act of tmpl/act_f32.h computes. */
bool eao_act_is_simple(const eao_act *act);

/* Group 1; weights of type f32, f16 or int8 (with a scale for all or one per output). Packed: bias
 * [o], for int8 scale [o], then for each panel of nr outputs [kh][kw][c][nr]; o rounded up to nr,
 * zeros behind. */
bool eao_conv_f32_match(const eao_kcall *c, eao_dtype weights);
size_t eao_conv_f32_pack(const eao_kcall *c, void *out, int64_t nr);
size_t eao_conv_f32_scratch(const eao_kcall *c, uint32_t n_part);

/* Depthwise. Packed: bias [c], then [c / vl][kh][kw][vl]. */
bool eao_depthwise_f32_match(const eao_kcall *c);
size_t eao_depthwise_f32_pack(const eao_kcall *c, void *out, int64_t vl);

/* Fully connected. Packed as a 1x1 convolution. */
bool eao_fc_f32_match(const eao_kcall *c, eao_dtype weights);
size_t eao_fc_f32_pack(const eao_kcall *c, void *out, int64_t nr);

#endif
