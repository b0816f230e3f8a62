/* Inside the TFLite exporter. Two steps: legal.c and legal_*.c turn any graph into one whose nodes
 * each are one TFLite operator (layouts, attributes, what has no operator of its own); write.c and
 * ops.c put that graph into a file. */
#ifndef EAO_EMIT_TFLITE_TFLITE_H
#define EAO_EMIT_TFLITE_TFLITE_H

#include "emit/emit.h"
#include "format/flat.h"
#include "format/tflite_schema.h"
#include "kernel/act.h"
#include "op/op.h"

/* ---- step 1: a legal graph ---- */

/* A value of the source graph in the legal one: as it is, and with its axes moved from channels
 * first to channels last. EAO_NONE where not made (yet). */
typedef struct eao_tfe_value {
  eao_vid plain, last;
} eao_tfe_value;

typedef struct eao_tfe {
  eao_ctx *ctx;
  const eao_graph *from;
  eao_graph *to;
  eao_tfe_value *value; /* of from's values */
  const eao_node *node; /* being turned */
} eao_tfe;

typedef eao_status (*eao_tfe_fn)(eao_tfe *e, const eao_node *n);

/* The legal form of `from`, a new graph that borrows from's constants (from must outlive it). */
eao_status eao_tfe_legalise(const eao_graph *from, eao_graph **out) EAO_MUST_CHECK;
/* Has it products of uint8 activations and int8 weights? Then eao_tfe_signed makes a copy that is
 * int8 inside. */
bool eao_tfe_is_mixed(const eao_graph *g);
eao_status eao_tfe_signed(const eao_graph *from, eao_graph **out) EAO_MUST_CHECK;
/* How a node of this op is made legal: NULL: it is copied. Fails when it cannot be. */
eao_tfe_fn eao_tfe_find(uint16_t op);
eao_tfe_fn eao_tfe_find_spatial(uint16_t op); /* legal_spatial.c */
eao_tfe_fn eao_tfe_find_math(uint16_t op);    /* legal_math.c */
eao_tfe_fn eao_tfe_find_unary(uint16_t op);   /* legal_unary.c */
eao_tfe_fn eao_tfe_find_matrix(uint16_t op);  /* legal_matrix.c */
eao_tfe_fn eao_tfe_find_pick(uint16_t op);    /* legal_pick.c */
/* Is v made by a fill with 0? What SCATTER_ND adds to. */
bool eao_tfe_is_zero_fill(const eao_graph *g, eao_vid v);
/* What is linear along two axes of an image as matrix products (legal_matrix.c). */
eao_status eao_tfe_resize_by_matrix(eao_tfe *e, const eao_node *n) EAO_MUST_CHECK;
/* One graph (the top one or a body) into an empty one. */
eao_status eao_tfe_graph(const eao_graph *from, eao_graph *to) EAO_MUST_CHECK;
/* The node as it is, element-wise ones on the form that is there. */
eao_status eao_tfe_copy(eao_tfe *e, const eao_node *n) EAO_MUST_CHECK;

/* Legal value of v (EAO_NONE stays): plain, or channels last. */
eao_status eao_tfe_plain(eao_tfe *e, eao_vid v, eao_vid *out) EAO_MUST_CHECK;
eao_status eao_tfe_last(eao_tfe *e, eao_vid v, eao_vid *out) EAO_MUST_CHECK;
/* Is v only there in channels-last form so far? */
bool eao_tfe_only_last(const eao_tfe *e, eao_vid v);
/* The value that an output of the node gets: plain, or channels last. */
eao_status eao_tfe_out(eao_tfe *e, eao_vid v, bool last, eao_vid *out) EAO_MUST_CHECK;
/* A temporary of v's type (quant included), its shape to be inferred. */
eao_status eao_tfe_temp(eao_tfe *e, eao_vid from_v, eao_vid *out) EAO_MUST_CHECK;
eao_status eao_tfe_temp_of(eao_tfe *e, eao_dtype dtype, eao_vid *out) EAO_MUST_CHECK;
eao_status eao_tfe_node(eao_tfe *e, uint16_t op, const void *attr, const eao_vid *in, uint32_t n_in,
                        const eao_vid *out, uint32_t n_out) EAO_MUST_CHECK;
/* One input, one output. */
eao_status eao_tfe_unary(eao_tfe *e, uint16_t op, const void *attr, eao_vid in,
                         eao_vid out) EAO_MUST_CHECK;
eao_status eao_tfe_binary(eao_tfe *e, uint16_t op, eao_vid a, eao_vid b,
                          eao_vid out) EAO_MUST_CHECK;
/* Constants: 32-bit integers; one float of v's type. */
eao_status eao_tfe_i32(eao_tfe *e, const int64_t *v, int32_t n, eao_vid *out) EAO_MUST_CHECK;
eao_status eao_tfe_float(eao_tfe *e, eao_dtype dtype, double x, eao_vid *out) EAO_MUST_CHECK;
/* v (legal) with axes permuted: a constant is rewritten, anything else gets a transpose. */
eao_status eao_tfe_permute(eao_tfe *e, eao_vid v, const int32_t *perm, int32_t n,
                           eao_vid *out) EAO_MUST_CHECK;
/* v (legal) with another shape: likewise. */
eao_status eao_tfe_reshape(eao_tfe *e, eao_vid v, const int64_t *dim, int32_t rank,
                           eao_vid *out) EAO_MUST_CHECK;
/* Integer list of a constant of the source graph; EAO_ERR_UNSUPPORTED when it is computed. */
eao_status eao_tfe_list(eao_tfe *e, const char *what, eao_vid v, int64_t *out, int32_t cap,
                        int32_t *out_n) EAO_MUST_CHECK;
eao_status eao_tfe_fail(eao_tfe *e, const char *fmt, ...) EAO_PRINTF(2, 3);
/* Can TFLite fuse this activation? Otherwise eao_tfe_act makes it of nodes. */
bool eao_tfe_act_fits(const eao_act *a);
eao_status eao_tfe_act(eao_tfe *e, const eao_act *a, eao_vid in, eao_vid out) EAO_MUST_CHECK;
static inline const eao_tensor *eao_tfe_type(const eao_tfe *e, eao_vid v) {
  return &e->from->value[v].t;
}
/* perm[i]: which axis of a channels-first tensor of this rank is axis i of the channels-last one.
 */
void eao_tfe_last_perm(int32_t rank, int32_t *perm);

/* ---- step 2: the file ---- */

typedef struct eao_tfw {
  eao_ctx *ctx;
  eao_fbuild b;
  struct {
    uint16_t code;
    const char *custom;
  } * opcode;
  eao_fref *buffer, *sub;
  const void **buffer_data; /* what each buffer holds: equal pointers are shared */
  uint32_t n_opcode, cap_opcode, n_buffer, cap_buffer, cap_buffer_data, n_sub, cap_sub;
} eao_tfw;

typedef struct eao_tfw_sub {
  eao_tfw *w;
  const eao_graph *g;
  int32_t *tensor_of; /* of each value; -1: none yet */
  eao_fref *tensor, *op;
  uint32_t n_tensor, cap_tensor, n_op, cap_op;
} eao_tfw_sub;

/* An operator about to be written. */
typedef struct eao_tfw_op {
  uint16_t code;
  const char *custom;
  uint8_t options; /* type of the options table */
  bool has_options;
  eao_fref custom_options; /* 0: none */
  int32_t *in;
  uint32_t n_in;
  int32_t intermediate[5];
  uint32_t n_intermediate;
} eao_tfw_op;

/* Fills in `op` (inputs are set as the node has them) and sets the slots of its options. */
typedef eao_status (*eao_tfw_fn)(eao_tfw_sub *s, const eao_node *n, eao_tfw_op *op);
typedef struct eao_tfw_row {
  uint16_t op, code;
  uint8_t options;
  uint8_t lists; /* bit i: input i is a list that TFLite wants as INT32 */
  eao_tfw_fn fn; /* NULL: nothing but the code and empty options */
} eao_tfw_row;
/* NULL: no TFLite operator. */
const eao_tfw_row *eao_tfw_find(uint16_t op);

/* Is state k of g one that the operator which uses it changes in place (a tensor with is_variable),
 * and which inputs of such an operator are states? */
bool eao_tfw_in_place(const eao_graph *g, uint32_t k);
uint32_t eao_tfw_state_inputs(uint16_t op); /* bit mask */
/* Index of the tensor of a value / of a new INT32 constant. */
eao_status eao_tfw_tensor(eao_tfw_sub *s, eao_vid v, int32_t *out) EAO_MUST_CHECK;
eao_status eao_tfw_const(eao_tfw_sub *s, const int64_t *v, int32_t n, int32_t *out) EAO_MUST_CHECK;
/* A constant that is no value of the graph; its n bytes are copied. */
eao_status eao_tfw_own(eao_tfw_sub *s, const char *name, const eao_tensor *t, size_t n,
                       int32_t *out) EAO_MUST_CHECK;
/* A tensor that is no value of the graph, for its type. */
eao_status eao_tfw_extra(eao_tfw_sub *s, const eao_tensor *t, int32_t *out) EAO_MUST_CHECK;
/* Writes a body as a subgraph; its index. */
eao_status eao_tfw_subgraph(eao_tfw *w, const eao_graph *g, int32_t *out) EAO_MUST_CHECK;
/* Description, metadata, signatures into the model table; associated files behind it (meta.c). */
eao_status eao_tfw_meta(eao_tfw *w, eao_tfw_sub *s, eao_fref *out_metadata,
                        eao_fref *out_signatures, eao_fref *out_description) EAO_MUST_CHECK;
eao_status eao_tfw_files(eao_ctx *ctx, const eao_graph *g, eao_text *file) EAO_MUST_CHECK;
eao_status eao_tfw_buffer(eao_tfw *w, const void *data, size_t n, uint32_t *out) EAO_MUST_CHECK;

#endif
