/* Records to IR: what the lowerings of single ops (lower_*.c) work with. */
#ifndef EAO_IMPORT_ONNX_LOWER_H
#define EAO_IMPORT_ONNX_LOWER_H

#include "import/import.h"
#include "import/onnx/records.h"
#include "op/op.h"

/* One import. */
enum { ONNX_MAX_INLINED = 100000 };

typedef struct onnx_import {
  eao_ctx *ctx;
  eao_arena tmp; /* records and tables, freed after the import */
  onnx_model model;
  const eao_import_opts *opts;
  const char *base_dir;
  eao_graph *root;
  eao_map by_onnx;               /* ONNX op of domain "" -> op, for the ops that are one to one */
  eao_map functions;             /* domain/name/overload -> model.function */
  eao_map external;              /* location -> index into root->file */
  uint32_t depth;                /* of inlined functions and bodies */
  uint32_t serial;               /* of inlined functions, for unique names */
  uint64_t n_lowered, n_inlined; /* nodes so far, and those of them that functions brought */
  bool named;                    /* the failure that is on its way up names a node */
} onnx_import;

/* What a body uses from outside. */
typedef struct onnx_capture {
  eao_vid outer, inner;
} onnx_capture;

/* A graph being built: the model's or a body. */
typedef struct onnx_body {
  eao_graph *g;
  eao_tensor *known; /* by value: data that inference could compute ahead of time */
  uint32_t cap_known, n_known;
  onnx_capture *capture;
  uint32_t n_capture, cap_capture;
} onnx_body;

/* A name space: a graph or the inlined body of a function. */
typedef struct onnx_scope {
  onnx_import *im;
  onnx_body *body;
  struct onnx_scope *parent; /* where a body finds outer names; NULL: closed */
  eao_map names;             /* name -> value */
  const onnx_opset *opset;
  uint32_t n_opset;
  const char *prefix; /* of the names of values and nodes; "" at the top */
  /* Inlined function: attributes it was called with. */
  const onnx_node *call;
  const onnx_function *fn;
} onnx_scope;

/* An op being assembled. */
enum { ONNX_MAX_ATTR = 4096, ONNX_MAX_IO = 16 };
typedef struct onnx_op {
  const eao_op_desc *d;
  uint16_t id;
  eao_status bad; /* first failure of a setter */
  _Alignas(16) unsigned char attr[ONNX_MAX_ATTR];
} onnx_op;

/* One node being lowered. */
typedef struct onnx_call {
  onnx_scope *s;
  eao_ctx *ctx;
  eao_graph *g;
  const onnx_node *n; /* attribute references resolved */
  int64_t version;    /* of its domain's opset */
  uint32_t n_in, n_out;
  eao_vid *in, *out; /* at least ONNX_MAX_IO entries each, EAO_NONE where absent */
  const char *name;  /* prefix and the node's name */
  const char *arg;   /* of the rule */
  onnx_op op;
} onnx_call;

typedef eao_status (*onnx_lower_fn)(onnx_call *c);
/* A lowering for opset versions first..last (last 0: no end) of a domain. */
typedef struct onnx_rule {
  const char *op;
  int32_t first, last;
  onnx_lower_fn fn;
  const char *arg; /* c->arg of fn */
} onnx_rule;

extern const onnx_rule onnx_rules_basic[], onnx_rules_nn[], onnx_rules_move[], onnx_rules_quant[],
    onnx_rules_ms[], onnx_rules_attention[], onnx_rules_control[];

/* ---- assembling ops ---- */

/* Starts an op by its name in ops.def, attributes at their defaults. */
eao_status onnx_begin(onnx_call *c, const char *op) EAO_MUST_CHECK;
/* Takes over the node's attributes that the op has under the same ONNX name. */
eao_status onnx_take(onnx_call *c) EAO_MUST_CHECK;
/* Setters by our attribute's name; a wrong name or kind fails at onnx_end. */
void onnx_set_int(onnx_call *c, const char *attr, int64_t v); /* INT, BOOL, ENUM, DTYPE */
void onnx_set_enum(onnx_call *c, const char *attr, const char *v);
void onnx_set_float(onnx_call *c, const char *attr, double v);
void onnx_set_ints(onnx_call *c, const char *attr, const int64_t *v, int32_t n);
void onnx_set_graph(onnx_call *c, const char *attr, eao_graph *body);
/* Adds the op. in and out may hold EAO_NONE. Infers the types of the outputs. */
eao_status onnx_end(onnx_call *c, const eao_vid *in, uint32_t n_in, const eao_vid *out,
                    uint32_t n_out) EAO_MUST_CHECK;
/* The same with one new, nameless output. */
eao_status onnx_end1(onnx_call *c, const eao_vid *in, uint32_t n_in, eao_vid *out) EAO_MUST_CHECK;
/* begin and end of an op without attributes to set. */
eao_status onnx_op1(onnx_call *c, const char *op, const eao_vid *in, uint32_t n_in,
                    eao_vid *out) EAO_MUST_CHECK;
/* The result of the node is v: aliases it where its name need not be kept. */
eao_status onnx_result(onnx_call *c, uint32_t i, eao_vid v) EAO_MUST_CHECK;
/* The last op of a lowering: writes to the node's output 0. */
static inline eao_status onnx_end_out(onnx_call *c, const eao_vid *in, uint32_t n_in) {
  return onnx_end(c, in, n_in, c->out, 1);
}

/* ---- constants ---- */

eao_status onnx_i64s(onnx_call *c, const int64_t *v, int32_t n, eao_vid *out) EAO_MUST_CHECK;
/* Output i of the node is this constant. */
eao_status onnx_set_const(onnx_call *c, uint32_t i, const eao_tensor *t) EAO_MUST_CHECK;
/* Rank-0 constant of a dtype. */
eao_status onnx_scalar(onnx_call *c, eao_dtype t, double v, eao_vid *out) EAO_MUST_CHECK;
/* Constant of a dtype and shape, every element v. */
eao_status onnx_fill(onnx_call *c, eao_dtype t, const int64_t *dim, int32_t rank, double v,
                     eao_vid *out) EAO_MUST_CHECK;
/* Zeroed constant to be filled by the caller through *out_data. */
eao_status onnx_blank(onnx_call *c, const eao_tensor *type, eao_vid *out,
                      eao_tensor *out_data) EAO_MUST_CHECK;
eao_status onnx_load(onnx_import *im, const onnx_tensor *t, eao_tensor *out) EAO_MUST_CHECK;
/* Data of input i if it is constant or computable now; NULL otherwise. */
const eao_tensor *onnx_const(const onnx_call *c, eao_vid v);
/* Its integers; false when they are not known or more than cap. */
bool onnx_const_ints(const onnx_call *c, eao_vid v, int64_t *out, int32_t cap, int32_t *out_n);
static inline const eao_tensor *onnx_type(const onnx_call *c, eao_vid v) {
  return &c->g->value[v].t;
}
/* Input i or EAO_NONE. */
static inline eao_vid onnx_in(const onnx_call *c, uint32_t i) {
  return i < c->n_in ? c->in[i] : EAO_NONE;
}
static inline bool onnx_wants(const onnx_call *c, uint32_t i) {
  return i < c->n_out && c->out[i] != EAO_NONE;
}
/* Rank of v; EAO_ERR_UNSUPPORTED when it is not known. */
eao_status onnx_rank(onnx_call *c, eao_vid v, int32_t *out) EAO_MUST_CHECK;

/* ---- attributes of the node ---- */

const onnx_attr *onnx_attr_of(onnx_call *c, const char *name); /* marks it as used */
int64_t onnx_attr_int(onnx_call *c, const char *name, int64_t def);
float onnx_attr_float(onnx_call *c, const char *name, float def);
const char *onnx_attr_str(onnx_call *c, const char *name, const char *def);
bool onnx_attr_ints(onnx_call *c, const char *name, const int64_t **v, uint32_t *n);
/* Every attribute is dealt with. */
void onnx_use_all(onnx_call *c);

/* ---- small graphs ---- */

eao_status onnx_cast(onnx_call *c, eao_vid x, eao_dtype to, eao_vid *out) EAO_MUST_CHECK;
/* x with all axes from `axis` on flattened into one and all before into another. */
eao_status onnx_flatten(onnx_call *c, eao_vid x, int64_t axis, eao_vid *out) EAO_MUST_CHECK;
/* x in the shape that `like` has. */
eao_status onnx_reshape_like(onnx_call *c, eao_vid x, eao_vid like, eao_vid out) EAO_MUST_CHECK;
/* x * sigmoid(alpha * x), a node of that form */
eao_status onnx_swish(onnx_call *c) EAO_MUST_CHECK;
/* op on (a, b) -> new value */
eao_status onnx_binary(onnx_call *c, const char *op, eao_vid a, eao_vid b,
                       eao_vid *out) EAO_MUST_CHECK;
eao_status onnx_reduce(onnx_call *c, const char *op, eao_vid x, const int64_t *axes, int32_t n,
                       bool keep, eao_vid *out) EAO_MUST_CHECK;
eao_status onnx_new_value(onnx_call *c, eao_vid *out) EAO_MUST_CHECK;

/* Failure; the caller's caller names the node. */
#define onnx_fail(c, ...) eao_fail((c)->ctx, __VA_ARGS__)

/* ---- graphs and dtypes (graph.c, tensor.c) ---- */

eao_dtype onnx_dtype(int32_t type); /* EAO_DTYPE_NONE: not supported */
int32_t onnx_dtype_code(eao_dtype t);
const char *onnx_dtype_name(int32_t type);
/* Declares a value under a name; its name in the graph gets the scope's prefix. */
eao_status onnx_declare(onnx_scope *s, const char *name, const eao_tensor *t,
                        eao_vid *out) EAO_MUST_CHECK;
/* Value of a name; captures it when it is an outer one. EAO_NONE when unknown. */
eao_status onnx_lookup(onnx_scope *s, const char *name, eao_vid *out) EAO_MUST_CHECK;
/* Constants of a graph. */
eao_status onnx_declare_inits(onnx_scope *s, const onnx_graph *g) EAO_MUST_CHECK;
/* Lowers the nodes of a graph and sets its outputs; into a scope whose inputs are declared. */
eao_status onnx_lower_graph(onnx_scope *s, const onnx_graph *g) EAO_MUST_CHECK;
eao_status onnx_lower_nodes(onnx_scope *s, onnx_node *node, uint32_t n) EAO_MUST_CHECK;
/* Type of a graph input or output. */
eao_status onnx_value_type(onnx_scope *s, const onnx_value *v, eao_tensor *out) EAO_MUST_CHECK;
eao_status onnx_index_functions(onnx_import *im) EAO_MUST_CHECK;
eao_status onnx_inline(onnx_call *c, const onnx_function *f) EAO_MUST_CHECK;
void onnx_scope_deinit(onnx_scope *s);
void onnx_body_deinit(onnx_body *b);

#endif
