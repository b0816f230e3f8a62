#include "kernel/simd/i8_avxvnni.h"
#include "kernel/tmpl/depthwise_dot_tile.h"

eao_status eao_k_depthwise_dot_avxvnni(eao_kcall *c) {
  depthwise(c);
  return EAO_OK;
}
