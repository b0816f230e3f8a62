#include "kernel/simd/i16_avx2.h"

#define EAO_PX 4
#include "kernel/tmpl/depthwise_i8_tile.h"

eao_status eao_k_depthwise_i8_avx2(eao_kcall *c) {
  depthwise(c);
  return EAO_OK;
}
