/* Sums of products of bytes with AVX2. vpmaddubsw would saturate, so bytes are widened to 16 bits:
 * the even and the odd ones of each lane apart. */
#ifndef EAO_KERNEL_SIMD_I8_AVX2_H
#define EAO_KERNEL_SIMD_I8_AVX2_H

#include "kernel/simd/i8_256.h"

static inline vi vi_dot(vi acc, vi x, vi w) {
  vi x_even = _mm256_and_si256(x, _mm256_set1_epi16(255)), x_odd = _mm256_srli_epi16(x, 8);
  vi w_even = _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8), w_odd = _mm256_srai_epi16(w, 8);
  return vi_add(acc, vi_add(_mm256_madd_epi16(x_even, w_even), _mm256_madd_epi16(x_odd, w_odd)));
}

#endif
