#include "kernel/simd/i8_avx512vnni.h"
#include "kernel/tmpl/depthwise_dot_tile.h"

eao_status eao_k_depthwise_dot_avx512vnni(eao_kcall *c) {
  depthwise(c);
  return EAO_OK;
}
