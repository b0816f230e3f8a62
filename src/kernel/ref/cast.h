/* Reference casts and (de)quantisation with explicit scales, as ONNX defines them. Tensors that
 * carry their own eao_quant follow docs/integer-spec.md instead. */
#ifndef EAO_KERNEL_REF_CAST_H
#define EAO_KERNEL_REF_CAST_H

#include "kernel/kernel.h"

/* Float to integer truncates and saturates to 32 or 64 bits; then, as from integer to integer, the
 * low bits are kept. NaN becomes 0. */
typedef struct eao_cast_attr {
  int32_t to; /* eao_dtype */
} eao_cast_attr;

/* quantize_linear: x, scale, optional zero -> saturate(rne(x / scale) + zero).
 * dequantize_linear: q, scale, optional zero -> (q - zero) * scale.
 * scale: one number, a list along axis, or (block_size > 0) x's shape with axis cut into blocks.
 * Arithmetic in float, as the backends of ONNX do it (double when x or scale is f64). */
typedef struct eao_quantize_attr {
  int64_t axis, block_size;
  int32_t output_dtype; /* 0: zero's type, else u8; dequantize: scale's type */
  int32_t pad;
} eao_quantize_attr;

eao_status eao_ref_cast(eao_kcall *c);
eao_status eao_ref_quantize_linear(eao_kcall *c);
eao_status eao_ref_dequantize_linear(eao_kcall *c);
/* x -> u8, its scale, its zero point */
eao_status eao_ref_dynamic_quantize_linear(eao_kcall *c);

#endif
