#include "kernel/simd/i8_arm64.h"

#define EAO_MR 6
#define EAO_NV 2
#include "kernel/tmpl/conv_i8_tile.h"

eao_status eao_k_conv_i8_neon(eao_kcall *c) {
  conv(c);
  return EAO_OK;
}

eao_status eao_k_fc_i8_neon(eao_kcall *c) {
  fully_connected(c);
  return EAO_OK;
}
