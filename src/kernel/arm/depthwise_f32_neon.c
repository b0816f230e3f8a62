#include "kernel/simd/f32_neon.h"
#include "kernel/tmpl/depthwise_f32_tile.h"

eao_status eao_k_depthwise_f32_neon(eao_kcall *c) {
  depthwise(c);
  return EAO_OK;
}
