/* Loops that do nothing but multiply and add in registers: the speed of light of one core, against
 * which kernels and steps are measured. */
#ifndef EAO_KERNEL_PEAK_H
#define EAO_KERNEL_PEAK_H

#include <stdint.h>

/* Runs n rounds; returns the multiply-accumulates done. *sink keeps the compiler honest. */
typedef uint64_t (*eao_peak_fn)(uint64_t n, volatile float *sink);

/* The best loop for a processor with these eao_cpu_flag bits. */
eao_peak_fn eao_peak_f32(uint32_t cpu_flags);
eao_peak_fn eao_peak_i8(uint32_t cpu_flags);

uint64_t eao_peak_f32_c(uint64_t n, volatile float *sink);
uint64_t eao_peak_i8_c(uint64_t n, volatile float *sink);
uint64_t eao_peak_f32_avx2(uint64_t n, volatile float *sink);
uint64_t eao_peak_i8_avx2(uint64_t n, volatile float *sink);
uint64_t eao_peak_f32_avx512(uint64_t n, volatile float *sink);
uint64_t eao_peak_i8_avx512vnni(uint64_t n, volatile float *sink);

#endif
