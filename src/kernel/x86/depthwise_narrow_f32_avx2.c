#include "kernel/simd/f32_avx2.h"
#include "kernel/tmpl/depthwise_f32_rows.h"

eao_status eao_k_depthwise_narrow_f32_avx2(eao_kcall *c) {
  depthwise(c);
  return EAO_OK;
}
