/* Sums of products of bytes with AVX-VNNI. */
#ifndef EAO_KERNEL_SIMD_I8_AVXVNNI_H
#define EAO_KERNEL_SIMD_I8_AVXVNNI_H

#include "kernel/simd/i8_256.h"

static inline vi vi_dot(vi acc, vi x, vi w) {
  return _mm256_dpbusd_avx_epi32(acc, x, w);
}

#endif
