/* Graphs to model files. */
#ifndef EAO_EMIT_EMIT_H
#define EAO_EMIT_EMIT_H

#include "ir/graph.h"

/* g is not changed. *out_data is allocated with eao_alloc; the caller frees it.
 * EAO_ERR_UNSUPPORTED names what the format cannot express. */
eao_status eao_emit_tflite(const eao_graph *g, uint8_t **out_data, size_t *out_size) EAO_MUST_CHECK;

/* Writes an ONNX file; names are kept, quantised values become QuantizeLinear / DequantizeLinear
 * pairs. g is not changed. Constants are written from where they are, without a second copy.
 * EAO_ERR_UNSUPPORTED names the node that ONNX cannot express. */
eao_status eao_emit_onnx(const eao_graph *g, const char *path) EAO_MUST_CHECK;

#endif
