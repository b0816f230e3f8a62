/* The processor this runs on. */
#ifndef EAO_BASE_CPU_H
#define EAO_BASE_CPU_H

#include <stdint.h>

/* Features of a CPU that kernels need. Numbers are stored in packages. */
typedef enum eao_cpu_flag {
  EAO_CPU_SSE41 = 1u << 0,
  EAO_CPU_AVX2 = 1u << 1,   /* AVX2 and FMA */
  EAO_CPU_AVX512 = 1u << 2, /* F, BW, DQ, VL */
  EAO_CPU_AVX512_VNNI = 1u << 3,
  EAO_CPU_AVX_VNNI = 1u << 4,
  EAO_CPU_NEON = 1u << 8,
  EAO_CPU_DOTPROD = 1u << 9,
  EAO_CPU_I8MM = 1u << 10,
  EAO_CPU_RVV = 1u << 16,
} eao_cpu_flag;

typedef enum eao_isa {
  EAO_ISA_ANY = 0,
  EAO_ISA_X86_64,
  EAO_ISA_ARM64,
  EAO_ISA_ARM32,
  EAO_ISA_RISCV64
} eao_isa;

eao_isa eao_cpu_isa(void);
uint32_t eao_cpu_flags(void);

#endif
