/* Parts of the lowerings of quantised ops, shared by those of both domains. */
#ifndef EAO_IMPORT_ONNX_QUANT_H
#define EAO_IMPORT_ONNX_QUANT_H

#include "import/onnx/lower.h"

/* Scale and zero point (or EAO_NONE) are known. */
bool onnx_q_const(const onnx_call *c, eao_vid scale, eao_vid zero);
/* All pairs (scale[i], scale[i] + 1) of inputs are known: quantisation can be part of the types. */
bool onnx_q_typed(const onnx_call *c, const uint32_t *scale, uint32_t n);
/* Inputs i, i + 1, i + 2 are x, scale and zero point: x typed, or as floats. */
eao_status onnx_q_in(onnx_call *c, bool typed, uint32_t i, int32_t axis,
                     eao_vid *out) EAO_MUST_CHECK;
/* Ends the op: its result, quantised as inputs i_scale and i_scale + 1 say, is output 0. like: the
 * type when there is no zero point. */
eao_status onnx_q_end(onnx_call *c, bool typed, const eao_vid *in, uint32_t n, uint32_t i_scale,
                      eao_dtype like) EAO_MUST_CHECK;
eao_status onnx_dequantize(onnx_call *c, eao_vid x, eao_vid scale, eao_vid zero, int32_t axis,
                           eao_dtype to, eao_vid *out) EAO_MUST_CHECK;
/* x -> u8, scale, zero point from x's own range. */
eao_status onnx_dynamic_quantize(onnx_call *c, eao_vid x, eao_vid *y, eao_vid *scale,
                                 eao_vid *zero) EAO_MUST_CHECK;
/* Whole nodes that both domains have; arg as in their rules. */
eao_status onnx_quantize_linear(onnx_call *c) EAO_MUST_CHECK;
eao_status onnx_dequantize_linear(onnx_call *c) EAO_MUST_CHECK;
eao_status onnx_qlinear_conv(onnx_call *c) EAO_MUST_CHECK;

#endif
