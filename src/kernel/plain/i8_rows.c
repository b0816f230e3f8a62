/* The compile-time functions of the 8-bit kernels' rows in kernels.def; see f32_rows.c. */
#include "kernel/plain/depthwise_dot.h"
#include "kernel/plain/depthwise_i8.h"

#define CONV(isa, nr, signed_x)                                                                    \
  bool eao_k_conv_i8_##isa##_match(const eao_kcall *c) {                                           \
    return eao_conv_i8_match(c);                                                                   \
  }                                                                                                \
  size_t eao_k_conv_i8_##isa##_pack(const eao_kcall *c, void *out) {                               \
    return eao_conv_i8_pack(c, out, nr, signed_x);                                                 \
  }                                                                                                \
  size_t eao_k_conv_i8_##isa##_scratch(const eao_kcall *c, uint32_t n_part) {                      \
    return eao_conv_i8_scratch(c, n_part);                                                         \
  }                                                                                                \
  bool eao_k_fc_i8_##isa##_match(const eao_kcall *c) {                                             \
    return eao_fc_i8_match(c);                                                                     \
  }                                                                                                \
  size_t eao_k_fc_i8_##isa##_pack(const eao_kcall *c, void *out) {                                 \
    return eao_fc_i8_pack(c, out, nr, signed_x);                                                   \
  }

CONV(avx2, 16, false)
CONV(avxvnni, 16, false)
CONV(avx512vnni, 32, false)
CONV(neon, 8, true)
CONV(dotprod, 8, true)

#define DEPTHWISE(isa, ch)                                                                         \
  bool eao_k_depthwise_i8_##isa##_match(const eao_kcall *c) {                                      \
    return eao_depthwise_i8_match(c);                                                              \
  }                                                                                                \
  size_t eao_k_depthwise_i8_##isa##_pack(const eao_kcall *c, void *out) {                          \
    return eao_depthwise_i8_pack(c, out, ch);                                                      \
  }

DEPTHWISE(avx2, 16)
DEPTHWISE(avx512vnni, 32)
DEPTHWISE(neon, 16)

#define DEPTHWISE_DOT(isa, lanes)                                                                  \
  bool eao_k_depthwise_dot_##isa##_match(const eao_kcall *c) {                                     \
    return eao_depthwise_dot_match(c);                                                             \
  }                                                                                                \
  size_t eao_k_depthwise_dot_##isa##_pack(const eao_kcall *c, void *out) {                         \
    return eao_depthwise_dot_pack(c, out, lanes);                                                  \
  }                                                                                                \
  size_t eao_k_depthwise_dot_##isa##_scratch(const eao_kcall *c, uint32_t n_part) {                \
    return eao_depthwise_dot_scratch(c, n_part, lanes);                                            \
  }
DEPTHWISE_DOT(avxvnni, 32)
DEPTHWISE_DOT(avx512vnni, 64)
