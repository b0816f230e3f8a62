/* Inside the TFLite importer: what its parts share. */
#ifndef EAO_IMPORT_TFLITE_TFLITE_H
#define EAO_IMPORT_TFLITE_TFLITE_H

#include "format/flat.h"
#include "format/tflite_schema.h"
#include "import/import.h"
#include "kernel/act.h"
#include "op/op.h"

/* Memory that lives across runs: a resource named by VAR_HANDLE, or a tensor with is_variable. */
typedef struct eao_tfl_var {
  eao_fvec container, name; /* of a resource */
  int32_t tensor;           /* is_variable tensor of the main subgraph; -1: a resource */
  eao_vid in;               /* value at the start of a run; EAO_NONE: not read before assigned */
  eao_vid now;     /* value where the reading stands; EAO_NONE: neither read nor assigned */
  eao_tensor init; /* data NULL: zeros */
} eao_tfl_var;

/* The file being read. */
typedef struct eao_tfl {
  eao_ctx *ctx;
  eao_graph *g;
  eao_flat flat;
  const uint8_t *file;
  size_t size;
  eao_ftab model;
  eao_fvec opcodes, subgraphs, buffers;
  const eao_import_opts *opts;
  uint32_t main; /* subgraph that becomes the graph */
  eao_tfl_var *var;
  uint32_t n_var, cap_var;
  const struct eao_tfl_sub *top; /* subgraph being read */
  uint32_t depth;                /* nesting of subgraphs being read */
  uint64_t n_walk;               /* operators read so far, inlined ones counted again */
} eao_tfl;

/* A subgraph being turned into nodes of g. */
typedef struct eao_tfl_sub {
  eao_tfl *m;
  eao_graph *g;
  eao_ftab tab;
  eao_fvec tensors, inputs, outputs, ops;
  uint32_t index;
  eao_vid *vid;                 /* of each tensor; EAO_NONE: not made yet */
  uint32_t *producer;           /* of each tensor: operator + 1; 0: none */
  uint32_t *handle;             /* of each tensor: index of its variable + 1 */
  const char *prefix;           /* before names, when this subgraph is written into another */
  const struct eao_tfl_sub *up; /* the one that contains this one */
  bool out_of_order;            /* an operator reads what a later one produces */
} eao_tfl_sub;

/* An operator being lowered. */
typedef struct eao_tfl_op {
  eao_tfl *m;
  eao_tfl_sub *s;
  const struct eao_tfl_row *row;
  eao_ftab tab, opt; /* opt: its options; absent: defaults */
  eao_fvec in, out;  /* tensor indices */
  uint32_t index;
} eao_tfl_op;

typedef eao_status (*eao_tfl_lower)(eao_tfl_op *o);

/* One row of the operator table. */
typedef struct eao_tfl_row {
  uint16_t code;
  uint16_t op; /* IR op of a 1:1 row, 0 where lower decides */
  const char *name;
  eao_tfl_lower lower;
  uint8_t options;        /* eao_tfl_options the operator must carry, when it carries any */
  uint8_t min_in, max_in; /* inputs; max 255: any number */
  uint8_t n_out;          /* at most; 255: any number */
  bool options2;          /* its options are in the second union */
  const char *why;        /* a row without lower: why it is not supported; NULL: nothing to add */
} eao_tfl_row;

/* NULL: no such operator here. A row without lower names an operator that is not supported. */
const eao_tfl_row *eao_tfl_row_find(uint32_t code);
const eao_tfl_row *eao_tfl_custom_find(eao_fvec name);
const char *eao_tfl_type_name(int64_t type);
/* EAO_DTYPE_NONE when the IR has no such type. */
eao_dtype eao_tfl_dtype(int64_t type);

/* ---- tensors (tensor.c) ---- */

/* Table of tensor i of a subgraph; fails when i is out of range. */
eao_status eao_tfl_tensor(eao_tfl_sub *s, int64_t i, eao_ftab *out) EAO_MUST_CHECK;
/* Bytes of a buffer; n 0: it has none. Sizes beyond 4 GiB are refused. */
eao_status eao_tfl_buffer(eao_tfl *m, uint64_t index, eao_fvec *out) EAO_MUST_CHECK;
/* Type of a tensor: dtype, shape (unknown extents from its signature), quantisation. */
eao_status eao_tfl_type_of(eao_tfl_sub *s, int64_t i, eao_tensor *out) EAO_MUST_CHECK;
/* Complex tensors have one dimension more here than in the file; few operators know that. */
bool eao_tfl_is_complex(eao_tfl_sub *s, int64_t i);
/* The value of tensor i, made when first asked for. */
eao_status eao_tfl_value(eao_tfl_sub *s, int64_t i, eao_vid *out) EAO_MUST_CHECK;
/* Type of tensor i, and its data when it is a constant; makes no value. */
eao_status eao_tfl_constant(eao_tfl_sub *s, int64_t i, eao_tensor *out) EAO_MUST_CHECK;
/* Name of tensor i with the subgraph's prefix, in the arena; NULL when out of memory. */
const char *eao_tfl_tensor_name(eao_tfl_sub *s, int64_t i);
/* Decodes a sparse tensor of type t into the arena (sparse.c). */
eao_status eao_tfl_densify(eao_tfl *m, const eao_ftab *sparsity, eao_fvec data, const eao_tensor *t,
                           void **out) EAO_MUST_CHECK;

/* ---- for lowerings (lower.c) ---- */

/* Puts "subgraph 0, operator 3 (CONV_2D)" before the message. */
eao_status eao_tfl_fail(const eao_tfl_op *o, eao_status code, const char *fmt, ...)
    EAO_PRINTF(3, 4);
/* Value of input i; EAO_NONE when it is omitted. */
eao_status eao_tfl_in(eao_tfl_op *o, uint32_t i, eao_vid *out) EAO_MUST_CHECK;
/* The same, but it must be there. */
eao_status eao_tfl_need(eao_tfl_op *o, uint32_t i, eao_vid *out) EAO_MUST_CHECK;
/* Value of output i, marked as produced. */
eao_status eao_tfl_out(eao_tfl_op *o, uint32_t i, eao_vid *out) EAO_MUST_CHECK;
/* Declared rank of input i's tensor; fails when the file does not say. */
eao_status eao_tfl_rank(eao_tfl_op *o, uint32_t i, int32_t *out) EAO_MUST_CHECK;
/* Extent of one axis of input i as far as the file says; -1: unknown. */
eao_status eao_tfl_dim(eao_tfl_op *o, uint32_t i, int32_t axis, int64_t *out) EAO_MUST_CHECK;
/* The constant integers of input i. */
eao_status eao_tfl_ints(eao_tfl_op *o, uint32_t i, const char *what, int64_t *out, int32_t cap,
                        int32_t *out_n) EAO_MUST_CHECK;
/* A new list of 32-bit integers; n < 0: a scalar. */
eao_status eao_tfl_list(eao_tfl_op *o, const int64_t *v, int32_t n, eao_vid *out) EAO_MUST_CHECK;
/* A new value of unknown shape: dtype and per-tensor quantisation like v's. */
eao_status eao_tfl_temp(eao_tfl_op *o, eao_vid like, eao_vid *out) EAO_MUST_CHECK;
/* Scalar constant of v's floating-point type. */
eao_status eao_tfl_const_like(eao_tfl_op *o, eao_vid v, double x, eao_vid *out) EAO_MUST_CHECK;
/* Adds a node named after the operator's first output. attr: the op's struct or NULL. */
eao_status eao_tfl_node(eao_tfl_op *o, uint16_t op, const void *attr, const eao_vid *in,
                        uint32_t n_in, const eao_vid *out, uint32_t n_out) EAO_MUST_CHECK;
/* Fused activation in options slot `slot` as an attribute. */
eao_status eao_tfl_act(eao_tfl_op *o, uint32_t slot, eao_act *out) EAO_MUST_CHECK;
/* For operators whose IR op has no activation attribute: the value their last node makes (their
 * output, or a temporary when the options' slot asks for an activation), and the node after it. */
eao_status eao_tfl_out_before_act(eao_tfl_op *o, uint32_t slot, eao_vid *out) EAO_MUST_CHECK;
eao_status eao_tfl_act_node(eao_tfl_op *o, uint32_t slot, eao_vid before) EAO_MUST_CHECK;

/* ---- variables (state.c) ---- */

bool eao_tfl_is_variable(eao_tfl_sub *s, int64_t tensor);
/* Input i is an is_variable tensor: its value here, and the value it has from here on. */
eao_status eao_tfl_state_get(eao_tfl_op *o, uint32_t i, eao_vid *out) EAO_MUST_CHECK;
eao_status eao_tfl_state_set(eao_tfl_op *o, uint32_t i, eao_vid v) EAO_MUST_CHECK;
/* Turns the variables into states of the graph. */
eao_status eao_tfl_vars_finish(eao_tfl *m) EAO_MUST_CHECK;

/* ---- subgraphs (model.c) ---- */

/* Reads subgraph `index` into g. bind: values for its inputs, or NULL to make them inputs of g.
 * out: values of its outputs (as many as eao_tfl_sub_io says), or NULL to make them outputs. */
eao_status eao_tfl_subgraph(eao_tfl *m, uint32_t index, eao_graph *g, const char *prefix,
                            const eao_vid *bind, eao_vid *out) EAO_MUST_CHECK;
/* Numbers of inputs and outputs of a subgraph; fails when there is no such subgraph. */
eao_status eao_tfl_sub_io(eao_tfl *m, int64_t index, uint32_t *out_in,
                          uint32_t *out_out) EAO_MUST_CHECK;
/* Subgraph of the signature that the options name; without one, the first (meta.c). */
eao_status eao_tfl_choose(eao_tfl *m, uint32_t *out) EAO_MUST_CHECK;
/* Description, metadata, signatures and associated files (meta.c). */
eao_status eao_tfl_meta(eao_tfl *m) EAO_MUST_CHECK;

/* ---- lowerings, one function a group of operators ---- */

eao_status eao_tfl_direct(eao_tfl_op *o); /* inputs and outputs as they are, default attributes */
eao_status eao_tfl_arg_extreme(eao_tfl_op *o);
eao_status eao_tfl_assign_variable(eao_tfl_op *o);
eao_status eao_tfl_batch_matmul(eao_tfl_op *o);
eao_status eao_tfl_binary(eao_tfl_op *o);
eao_status eao_tfl_bidirectional_lstm(eao_tfl_op *o);
eao_status eao_tfl_bidirectional_rnn(eao_tfl_op *o);
eao_status eao_tfl_broadcast_args(eao_tfl_op *o);
eao_status eao_tfl_bucketize(eao_tfl_op *o);
eao_status eao_tfl_call(eao_tfl_op *o);
eao_status eao_tfl_call_once(eao_tfl_op *o);
eao_status eao_tfl_cast(eao_tfl_op *o);
eao_status eao_tfl_clip(eao_tfl_op *o);
eao_status eao_tfl_complex_abs(eao_tfl_op *o);
eao_status eao_tfl_complex_part(eao_tfl_op *o);
eao_status eao_tfl_concat(eao_tfl_op *o);
eao_status eao_tfl_composite(eao_tfl_op *o);
eao_status eao_tfl_detection(eao_tfl_op *o);
eao_status eao_tfl_conv_2d(eao_tfl_op *o);
eao_status eao_tfl_conv_3d(eao_tfl_op *o);
eao_status eao_tfl_conv_3d_transpose(eao_tfl_op *o);
eao_status eao_tfl_cumsum(eao_tfl_op *o);
eao_status eao_tfl_densify_op(eao_tfl_op *o);
eao_status eao_tfl_depth_space(eao_tfl_op *o);
eao_status eao_tfl_depthwise(eao_tfl_op *o);
eao_status eao_tfl_dequantize(eao_tfl_op *o);
eao_status eao_tfl_embedding_lookup(eao_tfl_op *o);
eao_status eao_tfl_fake_quant(eao_tfl_op *o);
eao_status eao_tfl_fn(eao_tfl_op *o);
eao_status eao_tfl_fully_connected(eao_tfl_op *o);
eao_status eao_tfl_gather(eao_tfl_op *o);
eao_status eao_tfl_gelu(eao_tfl_op *o);
eao_status eao_tfl_if(eao_tfl_op *o);
eao_status eao_tfl_l2_norm(eao_tfl_op *o);
eao_status eao_tfl_l2_pool(eao_tfl_op *o);
eao_status eao_tfl_leaky_relu(eao_tfl_op *o);
eao_status eao_tfl_lrn(eao_tfl_op *o);
eao_status eao_tfl_lstm(eao_tfl_op *o);
eao_status eao_tfl_matrix_diag(eao_tfl_op *o);
eao_status eao_tfl_matrix_set_diag(eao_tfl_op *o);
eao_status eao_tfl_non_max_suppression(eao_tfl_op *o);
eao_status eao_tfl_one_hot(eao_tfl_op *o);
eao_status eao_tfl_pack(eao_tfl_op *o);
eao_status eao_tfl_pad(eao_tfl_op *o);
eao_status eao_tfl_pool(eao_tfl_op *o);
eao_status eao_tfl_rank_op(eao_tfl_op *o);
eao_status eao_tfl_read_variable(eao_tfl_op *o);
eao_status eao_tfl_reduce(eao_tfl_op *o);
eao_status eao_tfl_reshape(eao_tfl_op *o);
eao_status eao_tfl_resize(eao_tfl_op *o);
eao_status eao_tfl_reverse_sequence(eao_tfl_op *o);
eao_status eao_tfl_rfft2d(eao_tfl_op *o);
eao_status eao_tfl_right_shift(eao_tfl_op *o);
eao_status eao_tfl_rnn(eao_tfl_op *o);
eao_status eao_tfl_scatter_nd(eao_tfl_op *o);
eao_status eao_tfl_select(eao_tfl_op *o);
eao_status eao_tfl_shape(eao_tfl_op *o);
eao_status eao_tfl_slice(eao_tfl_op *o);
eao_status eao_tfl_softmax(eao_tfl_op *o);
eao_status eao_tfl_sparse_to_dense(eao_tfl_op *o);
eao_status eao_tfl_split(eao_tfl_op *o);
eao_status eao_tfl_split_v(eao_tfl_op *o);
eao_status eao_tfl_squeeze(eao_tfl_op *o);
eao_status eao_tfl_strided_slice(eao_tfl_op *o);
eao_status eao_tfl_svdf(eao_tfl_op *o);
eao_status eao_tfl_topk(eao_tfl_op *o);
eao_status eao_tfl_transpose(eao_tfl_op *o);
eao_status eao_tfl_transpose_conv(eao_tfl_op *o);
eao_status eao_tfl_unique(eao_tfl_op *o);
eao_status eao_tfl_unpack(eao_tfl_op *o);
eao_status eao_tfl_unsorted_segment(eao_tfl_op *o);
eao_status eao_tfl_var_handle(eao_tfl_op *o);
eao_status eao_tfl_where(eao_tfl_op *o);
eao_status eao_tfl_while(eao_tfl_op *o);
eao_status eao_tfl_zeros_like(eao_tfl_op *o);

#endif
