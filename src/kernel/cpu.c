/* What the processor can do. */
#include "kernel/step.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__) && (defined(__aarch64__) || defined(__riscv))
#include <sys/auxv.h>
#endif

eao_isa eao_cpu_isa(void) {
#if defined(__x86_64__)
  return EAO_ISA_X86_64;
#elif defined(__aarch64__)
  return EAO_ISA_ARM64;
#elif defined(__arm__)
  return EAO_ISA_ARM32;
#elif defined(__riscv) && __riscv_xlen == 64
  return EAO_ISA_RISCV64;
#else
  return EAO_ISA_ANY;
#endif
}

uint32_t eao_cpu_flags(void) {
  uint32_t f = 0;
#if defined(__x86_64__)
  unsigned a, b, c, d;
  /* The compiler's builtin also asks the operating system whether it saves the wide registers. */
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.1")) f |= EAO_CPU_SSE41;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 29)) { /* F16C */
    f |= EAO_CPU_AVX2;
    if (__get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 4)) f |= EAO_CPU_AVX_VNNI;
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    f |= EAO_CPU_AVX512;
    if (__builtin_cpu_supports("avx512vnni")) f |= EAO_CPU_AVX512_VNNI;
  }
#elif defined(__aarch64__)
  f |= EAO_CPU_NEON;
#if defined(__linux__)
  unsigned long cap = getauxval(AT_HWCAP), cap2 = getauxval(AT_HWCAP2);
  if (cap & (1u << 20)) f |= EAO_CPU_DOTPROD; /* HWCAP_ASIMDDP */
  if (cap2 & (1u << 13)) f |= EAO_CPU_I8MM;   /* HWCAP2_I8MM */
#endif
#elif defined(__arm__) && defined(__ARM_NEON)
  f |= EAO_CPU_NEON;
#elif defined(__riscv) && defined(__linux__)
  if (getauxval(AT_HWCAP) & (1u << ('V' - 'A'))) f |= EAO_CPU_RVV;
#endif
  return f;
}
