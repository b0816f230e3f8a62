#include "kernel/simd/f32_avx2.h"

#define EAO_BYTE_WEIGHTS
#define EAO_MR 6
#define EAO_NV 2
#include "kernel/tmpl/conv_f32_tile.h"

eao_status eao_k_conv_i8w_avx2(eao_kcall *c) {
  conv(c);
  return EAO_OK;
}

eao_status eao_k_fc_i8w_avx2(eao_kcall *c) {
  fully_connected(c);
  return EAO_OK;
}
