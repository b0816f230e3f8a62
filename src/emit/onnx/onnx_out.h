/* Parts of the ONNX emitter. */
#ifndef EAO_EMIT_ONNX_OUT_H
#define EAO_EMIT_ONNX_OUT_H

#include "format/pb.h"
#include "op/op.h"

/* The oldest opset that expresses the graph is written, for the widest choice of readers. 20 also
 * because ONNX Runtime 1.32 mistypes the zero points it inserts into opset 21 models. */
enum {
  OUT_OPSET = 20,
  OUT_OPSET_NARROW = 21, /* 4-bit types, 16-bit quantisation */
  OUT_OPSET_NEW = 23,
  OUT_MAX_IO = 16
};

typedef struct onnx_out {
  eao_ctx *ctx;
  const eao_graph *root;
  eao_arena tmp;
  eao_pb_writer w;
  eao_map names; /* every name of a value in the file */
  uint32_t serial;
  uint32_t opset;
} onnx_out;

/* One graph: its values' names. A body finds its inputs under the names they have outside. */
typedef struct out_scope {
  onnx_out *o;
  const eao_graph *g;
  const char **name; /* by value; NULL until it has one */
  const char **real; /* by value: the float that a quantised value stands for, once written */
} out_scope;

/* ---- names and operands ---- */

const char *out_fresh(onnx_out *o, const char *base);
/* Name of a value; constants are written on first use. "" for EAO_NONE. NULL: out of memory. */
const char *out_value(out_scope *s, eao_vid v);
/* The same as a real number: quantised values go through DequantizeLinear. */
const char *out_real(out_scope *s, eao_vid v);
/* Weights with their axes permuted (NULL: as they are), as reals; constants are stored permuted. */
const char *out_weights(out_scope *s, eao_vid v, const int64_t *perm);
/* v is the reals of a constant that only out_weights writes. */
bool out_is_stored_weight(const eao_graph *g, eao_vid v);
bool out_is_q(const eao_graph *g, eao_vid v);

/* ---- writing ---- */

eao_pb_mark out_node(onnx_out *o, const char *op, const char *name, const char *const *in,
                     uint32_t n_in, const char *const *out, uint32_t n_out);
void out_node_end(onnx_out *o, eao_pb_mark m);
/* A node without attributes. */
void out_simple(onnx_out *o, const char *op, const char *const *in, uint32_t n_in, const char *out);
void out_int(onnx_out *o, const char *name, int64_t v);
void out_float(onnx_out *o, const char *name, float v);
void out_str(onnx_out *o, const char *name, const char *v);
void out_ints(onnx_out *o, const char *name, const int64_t *v, uint32_t n);
void out_transpose(onnx_out *o, const char *in, const char *out, const int64_t *perm, int32_t n);
void out_cast(onnx_out *o, const char *in, const char *out, eao_dtype to);
/* A tensor under a new name. */
const char *out_const(onnx_out *o, const eao_tensor *t);
const char *out_i64s(onnx_out *o, const int64_t *v, int32_t n);
const char *out_scalar(onnx_out *o, eao_dtype t, double v);
void out_tensor(onnx_out *o, uint32_t field, const char *name, const eao_tensor *t);
int32_t out_dtype(eao_dtype t);
/* Attributes that the op has under an ONNX name, where they differ from the default. */
eao_status out_attrs(onnx_out *o, const eao_op_desc *d, const void *attr);

/* ---- nodes ---- */

eao_status out_emit_node(out_scope *s, eao_nid id);
eao_status out_emit_body(out_scope *outer, const eao_graph *body, const char *attr,
                         const char *const *captured, uint32_t n_own);
void out_quantize(onnx_out *o, const eao_tensor *type, const char *in, const char *out);
void out_dequantize(onnx_out *o, const eao_tensor *type, const char *in, const char *out);
/* The activation of a fused op. */
eao_status out_act(onnx_out *o, const eao_act *act, eao_dtype t, const char *in, const char *out);

/* Ops that ONNX writes differently. in: real operands (or NULL when omitted), out: their names. */
typedef struct out_call {
  out_scope *s;
  onnx_out *o;
  const eao_node *n;
  const eao_op_desc *d;
  const char *const *in;
  const char **out;
  const char *name;
} out_call;
typedef eao_status (*out_special_fn)(const out_call *c);
out_special_fn out_special(uint16_t op);
/* Type of operand i, which must be there. */
const eao_tensor *out_type_in(const out_call *c, uint32_t i);
eao_status out_pad(const out_call *c);
eao_status out_resize(const out_call *c);
eao_status out_strided_slice(const out_call *c);
eao_status out_space_to_batch(const out_call *c);
eao_status out_batch_to_space(const out_call *c);

#endif
