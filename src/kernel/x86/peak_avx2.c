#include <immintrin.h>

#include "kernel/peak.h"

enum { CHAINS = 12 /* more than latency times width of any core so far */ };

uint64_t eao_peak_f32_avx2(uint64_t n, volatile float *sink) {
  __m256 a[CHAINS], m = _mm256_set1_ps(0.999f), k = _mm256_set1_ps(1e-3f);
  for (int i = 0; i < CHAINS; i++) a[i] = _mm256_set1_ps((float)i);
  for (uint64_t r = 0; r < n; r++)
    for (int i = 0; i < CHAINS; i++) a[i] = _mm256_fmadd_ps(a[i], m, k);
  for (int i = 1; i < CHAINS; i++) a[0] = _mm256_add_ps(a[0], a[i]);
  *sink = _mm256_cvtss_f32(a[0]);
  return n * CHAINS * 8;
}

/* Bytes multiplied and summed in pairs, pairs to 32 bits, added: the shortest exact sequence. */
uint64_t eao_peak_i8_avx2(uint64_t n, volatile float *sink) {
  __m256i a[CHAINS], ones = _mm256_set1_epi16(1), w = _mm256_set1_epi8(3);
  __m256i x = _mm256_set1_epi8((char)(n & 7));
  for (int i = 0; i < CHAINS; i++) a[i] = _mm256_set1_epi32(i);
  for (uint64_t r = 0; r < n; r++) {
    for (int i = 0; i < CHAINS; i++) {
      __m256i p = _mm256_maddubs_epi16(_mm256_xor_si256(x, a[i]), w);
      a[i] = _mm256_add_epi32(a[i], _mm256_madd_epi16(p, ones));
    }
  }
  for (int i = 1; i < CHAINS; i++) a[0] = _mm256_add_epi32(a[0], a[i]);
  *sink = (float)_mm256_extract_epi32(a[0], 0);
  return n * CHAINS * 32;
}
