#include "kernel/peak.h"

#include "kernel/step.h"

typedef float v4 __attribute__((vector_size(16)));
typedef int32_t v4i __attribute__((vector_size(16)));

enum { CHAINS = 8 };

/* 128-bit vectors in plain C: what the baseline of each ISA has. */
uint64_t eao_peak_f32_c(uint64_t n, volatile float *sink) {
  v4 a[CHAINS], m = {0.999f, 0.998f, 0.997f, 0.996f}, k = {1e-3f, 2e-3f, 3e-3f, 4e-3f};
  for (int i = 0; i < CHAINS; i++) a[i] = k * (float)i;
  for (uint64_t r = 0; r < n; r++)
    for (int i = 0; i < CHAINS; i++) a[i] = a[i] * m + k;
  for (int i = 1; i < CHAINS; i++) a[0] += a[i];
  *sink = a[0][0] + a[0][1] + a[0][2] + a[0][3];
  return n * CHAINS * 4;
}

uint64_t eao_peak_i8_c(uint64_t n, volatile float *sink) {
  v4i a[CHAINS], m = {3, 5, 7, 9}, k = {1, 2, 3, 4};
  for (int i = 0; i < CHAINS; i++) a[i] = k * i;
  for (uint64_t r = 0; r < n; r++)
    for (int i = 0; i < CHAINS; i++) a[i] = (a[i] & 127) * m + k;
  for (int i = 1; i < CHAINS; i++) a[0] += a[i];
  *sink = (float)(a[0][0] + a[0][1] + a[0][2] + a[0][3]);
  return n * CHAINS * 4;
}

eao_peak_fn eao_peak_f32(uint32_t cpu_flags) {
#if defined(__x86_64__)
  if (cpu_flags & EAO_CPU_AVX512) return eao_peak_f32_avx512;
  if (cpu_flags & EAO_CPU_AVX2) return eao_peak_f32_avx2;
#endif
  (void)cpu_flags;
  return eao_peak_f32_c;
}

eao_peak_fn eao_peak_i8(uint32_t cpu_flags) {
#if defined(__x86_64__)
  if (cpu_flags & EAO_CPU_AVX512_VNNI) return eao_peak_i8_avx512vnni;
  if (cpu_flags & EAO_CPU_AVX2) return eao_peak_i8_avx2;
#endif
  (void)cpu_flags;
  return eao_peak_i8_c;
}
