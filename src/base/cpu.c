/* What the processor can do. */
#include "base/cpu.h"

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

#if defined(__x86_64__)
/* Register sets that the operating system saves. */
static unsigned saved_registers(void) {
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* Not the compiler's builtin, which brings kilobytes of processor models with it. */
static uint32_t x86_flags(void) {
  enum { SSE41 = 1 << 19, XSAVE = 1 << 27, AVX = 1 << 28, FMA = 1 << 12, F16C = 1 << 29 };
  enum { AVX2 = 1 << 5, F = 1 << 16, DQ = 1 << 17, BW = 1 << 30, VNNI = 1 << 11 };
  enum { YMM = 6, ZMM = 0xe6 };
  const unsigned vl = 1u << 31, levels = AVX | FMA | F16C | XSAVE, wide = F | DQ | BW;
  unsigned a, b, c, d, one, saved;
  if (!__get_cpuid(1, &a, &b, &one, &d)) return 0;
  uint32_t f = one & SSE41 ? EAO_CPU_SSE41 : 0;
  if ((one & levels) != levels) return f;
  saved = saved_registers();
  if ((saved & YMM) != YMM || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & AVX2)) return f;
  f |= EAO_CPU_AVX2;
  if ((saved & ZMM) == ZMM && (b & wide) == wide && (b & vl)) {
    f |= EAO_CPU_AVX512;
    if (c & VNNI) f |= EAO_CPU_AVX512_VNNI;
  }
  if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & 1u << 4)) f |= EAO_CPU_AVX_VNNI;
  return f;
}
#endif

uint32_t eao_cpu_flags(void) {
  uint32_t f = 0;
#if defined(__x86_64__)
  f = x86_flags();
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
