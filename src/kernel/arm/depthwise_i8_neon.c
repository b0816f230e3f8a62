#include "kernel/simd/i16_neon.h"

#define EAO_PX 2
#include "kernel/tmpl/depthwise_i8_tile.h"

eao_status eao_k_depthwise_i8_neon(eao_kcall *c) {
  depthwise(c);
  return EAO_OK;
}
