/* The compile-time functions of the float kernels' rows in kernels.def: one line a row, because the
 * ISAs differ only in the width of a panel. */
#include "kernel/plain/conv_f32.h"

#define CONV(isa, nr)                                                                              \
  bool eao_k_conv_f32_##isa##_match(const eao_kcall *c) {                                          \
    return eao_conv_f32_match(c);                                                                  \
  }                                                                                                \
  size_t eao_k_conv_f32_##isa##_pack(const eao_kcall *c, void *out) {                              \
    return eao_conv_f32_pack(c, out, nr);                                                          \
  }                                                                                                \
  size_t eao_k_conv_f32_##isa##_scratch(const eao_kcall *c, uint32_t n_part) {                     \
    return eao_conv_f32_scratch(c, n_part);                                                        \
  }                                                                                                \
  bool eao_k_fc_f32_##isa##_match(const eao_kcall *c) {                                            \
    return eao_fc_f32_match(c);                                                                    \
  }                                                                                                \
  size_t eao_k_fc_f32_##isa##_pack(const eao_kcall *c, void *out) {                                \
    return eao_fc_f32_pack(c, out, nr);                                                            \
  }
#define DEPTHWISE(isa, vl)                                                                         \
  bool eao_k_depthwise_f32_##isa##_match(const eao_kcall *c) {                                     \
    return eao_depthwise_f32_match(c);                                                             \
  }                                                                                                \
  size_t eao_k_depthwise_f32_##isa##_pack(const eao_kcall *c, void *out) {                         \
    return eao_depthwise_f32_pack(c, out, vl);                                                     \
  }

CONV(avx2, 16)
CONV(avx512, 32)
CONV(neon, 8)
DEPTHWISE(avx2, 8)
DEPTHWISE(avx512, 16)
DEPTHWISE(neon, 4)
