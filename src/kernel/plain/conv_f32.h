/* What the float convolution kernels of all ISAs share: which calls they take, how weights are
 * packed, how large their scratch is. Plain C, built everywhere. */
#ifndef EAO_KERNEL_PLAIN_CONV_F32_H
#define EAO_KERNEL_PLAIN_CONV_F32_H

#include "kernel/ref/conv.h"
#include "kernel/ref/matmul.h"
#include "kernel/step.h"

/* A 2-d convolution in channels-last layout; a 1-d one has height 1. */
typedef struct eao_conv_geom {
  int64_t n, h, w, c, oh, ow, o;
  int64_t kh, kw, sh, sw, dh, dw, pt, pl; /* pt, pl: padding above and to the left */
} eao_conv_geom;

/* From the run-time call. */
void eao_conv_geom_init(eao_conv_geom *g, const eao_kcall *c);
/* True for activations that v_act of tmpl/act_f32.h computes. */
bool eao_act_is_simple(const eao_act *act);

/* Convolution as a matrix product, group 1. Packed: bias [o], then for each panel of `nr` outputs
 * [kh][kw][c][nr]; o rounded up to nr, zeros behind. */
bool eao_conv_f32_match(const eao_kcall *c);
size_t eao_conv_f32_pack(const eao_kcall *c, void *out, int64_t nr);
/* Rows of the input are copied into a ring of padded rows unless they can be read in place. */
bool eao_conv_f32_direct(const eao_conv_geom *g);
size_t eao_conv_f32_scratch(const eao_kcall *c, uint32_t n_part);

/* Depthwise (group == channels, multiplier 1). Packed: bias [c], then [c / vl][kh][kw][vl]. */
bool eao_depthwise_f32_match(const eao_kcall *c);
size_t eao_depthwise_f32_pack(const eao_kcall *c, void *out, int64_t vl);

/* Fully connected. Packed: bias [n], then for each panel of nr outputs [k][nr]. */
bool eao_fc_f32_match(const eao_kcall *c);
size_t eao_fc_f32_pack(const eao_kcall *c, void *out, int64_t nr);

#endif
