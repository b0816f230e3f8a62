/* Every kernel of this ISA, from refs.def and kernels.def. Nothing else may stand in this file: a
 * program that brings its own table (eao/link.h) leaves it in the archive. */
#include "kernel/ref_numbers.h"
#include "kernel/step.h"

#define EAO_REF(op, name, fn, attr, n_in, n_out) eao_status fn(eao_kcall *c);
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out)                                  \
  eao_status fn(eao_kcall *c);                                                                     \
  size_t scratch(const eao_kcall *c);
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH

/* A row enters the table of this build only when it is for its ISA. */
#define ROW_ANY(row) row
#define ROW_X86_64(row)
#define ROW_ARM64(row)
#define ROW_ARM32(row)
#define ROW_RISCV64(row)
#if defined(__x86_64__)
#undef ROW_X86_64
#define ROW_X86_64(row) row
#elif defined(__aarch64__)
#undef ROW_ARM64
#define ROW_ARM64(row) row
#elif defined(__arm__)
#undef ROW_ARM32
#define ROW_ARM32(row) row
#elif defined(__riscv) && __riscv_xlen == 64
#undef ROW_RISCV64
#define ROW_RISCV64(row) row
#endif

#define UNWRAP(...) __VA_ARGS__

/* A library for processors without some instructions may leave out the kernels that need them. */
#ifndef EAO_WITHOUT_CPU
#define EAO_WITHOUT_CPU 0
#endif
#define WANTED(cpu) (((cpu) & (EAO_WITHOUT_CPU)) == 0)

const eao_kernel eao_kernel_table[] = {
#define EAO_REF(op, name, fn, attr, n_in, n_out) {op, op, attr, 0, 0, n_in, n_out, fn, NULL, NULL},
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out)                                  \
  {op, op, attr, 0, 0, n_in, n_out, fn, NULL, scratch},
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH
#define EAO_KERNEL(id, op, name, isa, cpu, flags)                                                  \
  ROW_##isa(UNWRAP(                                                                                \
      {id, OP_##op, ATTR_##op, flags, cpu, EAO_KERNEL_MIN_IN(IN_##op, flags), OUT_##op,            \
       WANTED(cpu) ? eao_k_##name : NULL,                                                          \
       WANTED(cpu) && ((flags)&EAO_KFLAG_SCRATCH) != 0 ? eao_k_##name##_scratch : NULL, NULL}, ))
#include "kernel/kernels.def"
#undef EAO_KERNEL
};
const uint32_t eao_kernel_table_count = sizeof eao_kernel_table / sizeof *eao_kernel_table;
