/* The compile-time functions of the float kernels' rows in kernels.def: one line a row, because the
 * ISAs differ only in the width of a panel. */
#include "kernel/plain/depthwise_f32.h"

#define PRODUCT(name, weights, nr)                                                                 \
  bool eao_k_conv_##name##_match(const eao_kcall *c) {                                             \
    return eao_conv_f32_match(c, weights);                                                         \
  }                                                                                                \
  size_t eao_k_conv_##name##_pack(const eao_kcall *c, void *out) {                                 \
    return eao_conv_f32_pack(c, out, nr);                                                          \
  }                                                                                                \
  size_t eao_k_conv_##name##_scratch(const eao_kcall *c, uint32_t n_part) {                        \
    return eao_conv_f32_scratch(c, n_part);                                                        \
  }                                                                                                \
  bool eao_k_fc_##name##_match(const eao_kcall *c) {                                               \
    return eao_fc_f32_match(c, weights);                                                           \
  }                                                                                                \
  size_t eao_k_fc_##name##_pack(const eao_kcall *c, void *out) {                                   \
    return eao_fc_f32_pack(c, out, nr);                                                            \
  }
#define DEPTHWISE(isa, vl)                                                                         \
  bool eao_k_depthwise_f32_##isa##_match(const eao_kcall *c) {                                     \
    return eao_depthwise_f32_match(c);                                                             \
  }                                                                                                \
  size_t eao_k_depthwise_f32_##isa##_pack(const eao_kcall *c, void *out) {                         \
    return eao_depthwise_f32_pack(c, out, vl);                                                     \
  }

PRODUCT(f32_avx2, EAO_F32, 16)
PRODUCT(f32_avx512, EAO_F32, 32)
PRODUCT(f32_neon, EAO_F32, 8)
PRODUCT(f16w_avx2, EAO_F16, 16)
PRODUCT(f16w_avx512, EAO_F16, 32)
PRODUCT(f16w_neon, EAO_F16, 8)
PRODUCT(i8w_avx2, EAO_I8, 16)
PRODUCT(i8w_avx512, EAO_I8, 32)
PRODUCT(i8w_neon, EAO_I8, 8)
DEPTHWISE(avx2, 8)
DEPTHWISE(avx512, 16)
DEPTHWISE(neon, 4)

#define DEPTHWISE_NARROW(isa, vl)                                                                  \
  bool eao_k_depthwise_narrow_f32_##isa##_match(const eao_kcall *c) {                              \
    return eao_depthwise_narrow_f32_match(c, vl);                                                  \
  }                                                                                                \
  size_t eao_k_depthwise_narrow_f32_##isa##_pack(const eao_kcall *c, void *out) {                  \
    return eao_depthwise_narrow_f32_pack(c, out, vl);                                              \
  }                                                                                                \
  size_t eao_k_depthwise_narrow_f32_##isa##_scratch(const eao_kcall *c, uint32_t n_part) {         \
    return eao_depthwise_narrow_f32_scratch(c, n_part, vl);                                        \
  }
DEPTHWISE_NARROW(avx2, 8)
DEPTHWISE_NARROW(avx512, 16)
