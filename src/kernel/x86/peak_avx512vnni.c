#include <immintrin.h>

#include "kernel/peak.h"

enum { CHAINS = 12 };

uint64_t eao_peak_i8_avx512vnni(uint64_t n, volatile float *sink) {
  __m512i a[CHAINS], w = _mm512_set1_epi8(3), x = _mm512_set1_epi8((char)(n & 7));
  for (int i = 0; i < CHAINS; i++) a[i] = _mm512_set1_epi32(i);
  for (uint64_t r = 0; r < n; r++)
    for (int i = 0; i < CHAINS; i++) a[i] = _mm512_dpbusd_epi32(a[i], x, w);
  for (int i = 1; i < CHAINS; i++) a[0] = _mm512_add_epi32(a[0], a[i]);
  *sink = (float)_mm_cvtsi128_si32(_mm512_castsi512_si128(a[0]));
  return n * CHAINS * 64;
}
