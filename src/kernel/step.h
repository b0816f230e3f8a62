/* Kernels of the device: which exist, how a compiled step calls one, how fast kernels get their
 * weights packed ahead of time.
 *
 * A compiled step is: a kernel's id, the op's attribute struct as bytes, tensors, scratch bytes.
 * Every op's reference kernel is a kernel too; its id is the op's number (refs.def). Fast kernels
 * have ids from EAO_KERNEL_FAST up and one row each in kernels.def; a row needs up to four
 * functions:
 *
 *   eao_status eao_k_<name>(eao_kcall *c);
 *       The loop. Must not read or write outside the tensors (not even by a few bytes): rows of a
 *       tensor may be neighbours of something else. No alignment of activations beyond the
 *       element's; packed constants and scratch are 64-byte aligned.
 *   bool eao_k_<name>_match(const eao_kcall *c);
 *       Compile time: can this kernel compute this call? Called with the op's plain call: in[] as
 *       the op has them, constants with data, activations with data NULL, types, shapes and quant
 *       of everything set, the attribute struct normalised (below).
 *   size_t eao_k_<name>_pack(const eao_kcall *c, void *out);
 *       Only when flags has EAO_KFLAG_PACK. Compile time, same call: writes the packed constants
 * and returns their bytes (out NULL: only the bytes). 0: nothing to pack. Else the step's in[] is:
 * the constant inputs are taken out (NULL), and the blob stands where the first of them stood, as a
 * tensor of type u8, rank 1. So conv(x, w, b) is run as in = {x, blob, NULL}. Whatever of
 * quantisation the loop needs (multipliers, folded biases) belongs into the blob too. size_t
 * eao_k_<name>_scratch(const eao_kcall *c, uint32_t n_part); Bytes of c->scratch for all n_part
 * shares together, for the run-time call (blob in place, data pointers not set). Only when flags
 * has EAO_KFLAG_SCRATCH.
 *
 * match and pack are plain C without intrinsics, in files that build everywhere (a package for
 * another ISA is compiled on this host); the loop stands in src/kernel/<isa>/<x>_<cpu>.c, whose
 * suffix chooses the compiler flags (_sse41, _avx2, _avx512; see CMakeLists.txt). Rows of one op
 * stand from worst to best: the last one whose CPU flags the target has and that matches wins.
 *
 * Normalised attributes: conv and pool ops have kernel, strides, dilations and pads filled in
 * (spatial rank entries; pads 2 x that) and auto_pad EXPLICIT, conv in channels-last layout
 * wherever the compiler could bring it there.
 *
 * Row bands. The compiler runs chains of row-local ops (conv, pool, element-wise) band by band:
 * the same kernel is called with dim[1] of x and y cut to the rows of the band and with the row
 * entries of pads set for it (also 0, or larger than at the tensor's edge would be needed: pads is
 * the truth). So kernels must take H, W and pads from the call, never from the pack step;
 * everything else is the same.
 */
#ifndef EAO_KERNEL_STEP_H
#define EAO_KERNEL_STEP_H

#include "base/cpu.h"
#include "eao/link.h"
#include "kernel/kernel.h"

enum { EAO_KERNEL_FAST = 1024 };

/* Share c->part of n items, in multiples of `unit` but for the last. */
static inline void eao_kcall_share(const eao_kcall *c, int64_t n, int64_t unit, int64_t *out_begin,
                                   int64_t *out_end) {
  int64_t parts = c->n_part ? c->n_part : 1, units = (n + unit - 1) / unit;
  int64_t b = units * c->part / parts * unit, e = units * (c->part + 1) / parts * unit;
  *out_begin = b < n ? b : n;
  *out_end = e < n ? e : n;
}

typedef enum eao_kflag {
  EAO_KFLAG_SPLIT = 1,   /* computes share c->part of c->n_part */
  EAO_KFLAG_SCRATCH = 2, /* has a _scratch function */
  EAO_KFLAG_PACK = 4,    /* has a _pack function */
  EAO_KFLAG_INPLACE = 8, /* out[0] may be the same memory as in[0] (same bytes per element) */
  EAO_KFLAG_ROWS = 16,   /* takes its inputs whole and makes rows [c->row, + y's dim[1]) of y */
} eao_kflag;

/* What the compiler knows of a fast kernel. */
typedef struct eao_kernel_info {
  const char *name;
  uint16_t id, op, isa, flags;
  uint32_t cpu;
  bool (*match)(const eao_kcall *c);
  size_t (*pack)(const eao_kcall *c, void *out);
  size_t (*scratch)(const eao_kcall *c, uint32_t n_part);
} eao_kernel_info;

#define EAO_KERNEL(id, op, name, isa, cpu, flags)                                                  \
  eao_status eao_k_##name(eao_kcall *c);                                                           \
  bool eao_k_##name##_match(const eao_kcall *c);                                                   \
  size_t eao_k_##name##_pack(const eao_kcall *c, void *out);                                       \
  size_t eao_k_##name##_scratch(const eao_kcall *c, uint32_t n_part);
#include "kernel/kernels.def"
#undef EAO_KERNEL

/* NULL when this program has no such kernel. */
const eao_kernel *eao_kernel_get(uint32_t id);
/* Fast kernels of all ISAs, in order of kernels.def. */
const eao_kernel_info *eao_kernel_infos(uint32_t *out_n);
/* The last row that a machine of that ISA and those EAO_CPU_ flags can run and that takes the op's
 * plain call; NULL: none. */
const eao_kernel_info *eao_kernel_choose(uint16_t op, const eao_kcall *c, uint32_t isa,
                                         uint32_t cpu);

#endif
