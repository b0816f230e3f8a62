#include <immintrin.h>

#include "kernel/peak.h"

enum { CHAINS = 12 };

uint64_t eao_peak_f32_avx512(uint64_t n, volatile float *sink) {
  __m512 a[CHAINS], m = _mm512_set1_ps(0.999f), k = _mm512_set1_ps(1e-3f);
  for (int i = 0; i < CHAINS; i++) a[i] = _mm512_set1_ps((float)i);
  for (uint64_t r = 0; r < n; r++)
    for (int i = 0; i < CHAINS; i++) a[i] = _mm512_fmadd_ps(a[i], m, k);
  for (int i = 1; i < CHAINS; i++) a[0] = _mm512_add_ps(a[0], a[i]);
  *sink = _mm512_cvtss_f32(a[0]);
  return n * CHAINS * 16;
}
