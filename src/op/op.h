/* The op table. Everything that depends on an op (enum, text form, ONNX import, documentation,
 * kernel checker, fuzz seeds) is derived from its descriptor. */
#ifndef EAO_OP_OP_H
#define EAO_OP_OP_H

#include "ir/graph.h"
#include "kernel/act.h"
#include "kernel/kernel.h"

typedef enum eao_op_id {
  EAO_OP_NONE = 0,
#define EAO_OP(name, number) EAO_OP_##name = number,
#include "op/ops.def"
#undef EAO_OP
  EAO_OP_LIMIT = 1024 /* every number is below this */
} eao_op_id;

typedef enum eao_trait {
  EAO_TRAIT_ELEMENTWISE = 1,  /* out[i] depends on in[k][i] alone, inputs broadcast (numpy) */
  EAO_TRAIT_COMMUTATIVE = 2,  /* the inputs may be swapped */
  EAO_TRAIT_VIEW = 4,         /* out[0] holds in[0]'s bytes in the same order (reshape) */
  EAO_TRAIT_KEEPS_QUANT = 8,  /* moves elements without changing them: quant of in[0] holds */
  EAO_TRAIT_CONTROL = 16,     /* has bodies; the interpreter runs it, there is no kernel */
  EAO_TRAIT_RANDOM = 32,      /* may differ from run to run: never folded, never merged */
  EAO_TRAIT_DATA_SHAPE = 64,  /* the output's shape depends on an input's data */
  EAO_TRAIT_SHAPE_ONLY = 128, /* reads the shapes of its inputs, not their data */
} eao_trait;

typedef enum eao_attr_kind {
  EAO_ATTR_INT,    /* int64_t */
  EAO_ATTR_BOOL,   /* int32_t, 0 or 1 */
  EAO_ATTR_ENUM,   /* int32_t, index into names */
  EAO_ATTR_DTYPE,  /* int32_t, eao_dtype */
  EAO_ATTR_FLOAT,  /* float */
  EAO_ATTR_INTS,   /* eao_ints */
  EAO_ATTR_FLOATS, /* eao_floats */
  EAO_ATTR_ENUMS,  /* eao_ints, each an index into names; ONNX: a list of strings */
  EAO_ATTR_TEXT,   /* char[EAO_MAX_TEXT], NUL-terminated, rest zero; ONNX: a string */
  EAO_ATTR_GRAPH,  /* eao_graph * */
} eao_attr_kind;

typedef struct eao_attr_desc {
  const char *name; /* snake_case; in ONNX the same name unless onnx says otherwise */
  eao_attr_kind kind;
  uint32_t offset;  /* in the op's attribute struct */
  const char *onnx; /* ONNX attribute; NULL: same as name; "": none */
  /* ENUM, ENUMS: NULL-terminated, in order of value; compared ignoring case */
  const char *const *names;
  int64_t def; /* default of INT, BOOL, ENUM, DTYPE */
  double deff; /* default of FLOAT */
  const char *doc;
} eao_attr_desc;

/* Shape and type inference of one node. Used at import, where data and dims may be unknown, and by
 * the interpreter before each node, where all is known. */
typedef struct eao_infer {
  eao_ctx *ctx;
  const void *attr;
  uint32_t n_in, n_out;
  const eao_tensor *const *in; /* NULL: omitted; data NULL: value not known */
  /* Filled by infer: dtype, rank, dim (rank -1 or dim -1 when not known). Comes in as declared in
   * the graph (dtype EAO_DTYPE_NONE and rank -1 when nothing is), so that an op whose result type
   * is a choice (quantised ops) can read it; quant is never changed. */
  eao_tensor *out;
} eao_infer;

typedef struct eao_cost {
  uint64_t macs; /* multiply-accumulates */
} eao_cost;

/* One legal call of an op, for the kernel checker, the meta-test and fuzz seeds. */
enum { EAO_SAMPLE_MAX = 24 };
typedef struct eao_sample {
  uint32_t n_in, n_out;
  eao_tensor in[EAO_SAMPLE_MAX]; /* dtype NONE: omitted; data: fixed (static), else random */
  double lo[EAO_SAMPLE_MAX], hi[EAO_SAMPLE_MAX]; /* range of random data; both 0: [-2,2] */
  eao_tensor out[EAO_SAMPLE_MAX]; /* declared dtype and quant where the op needs them */
  void *attr;                     /* the op's attribute struct, set to defaults */
} eao_sample;

#define EAO_VARIADIC 0xFFFFu

typedef struct eao_op_desc {
  const char *name;                          /* snake_case, as in ops.def */
  const char *doc;                           /* one line for docs/ops.md */
  uint16_t min_in, max_in, min_out, max_out; /* max EAO_VARIADIC: no bound */
  uint32_t traits;
  uint32_t attr_size;
  const eao_attr_desc *attrs;
  uint32_t n_attrs;
  /* ONNX op of domain "" with the same inputs, outputs and attributes; NULL when import needs its
   * own lowering. since: first version with these semantics (0: any). */
  const char *onnx;
  uint16_t onnx_since;
  eao_status (*infer)(eao_infer *f);
  void (*cost)(const eao_infer *f, eao_cost *out); /* NULL: no multiply-accumulates */
  eao_kernel_fn ref;                               /* NULL only with EAO_TRAIT_CONTROL */
  size_t (*ref_scratch)(const eao_kcall *c);       /* NULL: none */
  /* Fills in case k (0, 1, ...); false when there is no such case. */
  bool (*sample)(uint32_t k, eao_sample *s);
} eao_op_desc;

#define EAO_ATTR_AT(type, field) (uint32_t) offsetof(type, field)

/* Attribute rows of an eao_act that is `field` of `type`: act, act_a, act_b. */
extern const char *const eao_act_names[];
#define EAO_ACT_ATTRS(type, field)                                                                 \
  {.name = "act",                                                                                  \
   .kind = EAO_ATTR_ENUM,                                                                          \
   .offset = EAO_ATTR_AT(type, field.kind),                                                        \
   .onnx = "",                                                                                     \
   .names = eao_act_names,                                                                         \
   .doc = "activation applied to the result"},                                                     \
      {.name = "act_a",                                                                            \
       .kind = EAO_ATTR_FLOAT,                                                                     \
       .offset = EAO_ATTR_AT(type, field.a),                                                       \
       .onnx = "",                                                                                 \
       .doc = "first parameter of act"},                                                           \
  {                                                                                                \
    .name = "act_b", .kind = EAO_ATTR_FLOAT, .offset = EAO_ATTR_AT(type, field.b), .onnx = "",     \
    .doc = "second parameter of act"                                                               \
  }

/* NULL for a number that is no op. */
const eao_op_desc *eao_op_get(uint32_t op);
/* EAO_OP_NONE when unknown. */
uint16_t eao_op_from_name(const char *name);
/* Every attribute at its default; attr has attr_size bytes. */
void eao_op_attr_defaults(const eao_op_desc *d, void *attr);

/* ---- helpers for infer ---- */

/* Sets of element types. */
typedef enum eao_types {
  EAO_TYPES_FLOAT = 1,
  EAO_TYPES_SIGNED = 2,
  EAO_TYPES_UNSIGNED = 4,
  EAO_TYPES_BOOL = 8,
  EAO_TYPES_QUANT = 16, /* integers that have a quant */
  EAO_TYPES_INT = EAO_TYPES_SIGNED | EAO_TYPES_UNSIGNED,
  EAO_TYPES_NUM = EAO_TYPES_FLOAT | EAO_TYPES_INT,
  EAO_TYPES_ANY = EAO_TYPES_NUM | EAO_TYPES_BOOL,
} eao_types;
/* Fails naming `what` unless t's dtype is in the set (a combination of eao_types). */
eao_status eao_infer_types(eao_infer *f, const char *what, const eao_tensor *t,
                           uint32_t set) EAO_MUST_CHECK;
/* in[i], NULL when it is omitted or the node has fewer inputs. */
static inline const eao_tensor *eao_infer_in(const eao_infer *f, uint32_t i) {
  return i < f->n_in ? f->in[i] : NULL;
}

eao_status eao_infer_fail(eao_infer *f, eao_status code, const char *fmt, ...) EAO_PRINTF(3, 4);
/* out[i] gets dtype and shape of t. */
void eao_infer_like(eao_infer *f, uint32_t i, const eao_tensor *t);
/* out[i] gets a dtype and an unknown shape of unknown rank. */
void eao_infer_unknown(eao_infer *f, uint32_t i, eao_dtype dtype);
/* out[i] gets a dtype and a rank, its extents are unknown. */
void eao_infer_rank(eao_infer *f, uint32_t i, eao_dtype dtype, int32_t rank);
/* numpy broadcast of two shapes into out's rank and dims (unknown dims allowed). */
eao_status eao_infer_broadcast(eao_infer *f, const eao_tensor *a, const eao_tensor *b,
                               eao_tensor *out) EAO_MUST_CHECK;
/* axis in [-rank, rank) -> [0, rank); fails naming `what`. */
eao_status eao_infer_axis(eao_infer *f, const char *what, int64_t axis, int32_t rank,
                          int32_t *out) EAO_MUST_CHECK;
/* Reads a rank-0/1 integer tensor with known data; fails when it has more than cap elements. */
eao_status eao_infer_ints(eao_infer *f, const char *what, const eao_tensor *t, int64_t *out,
                          int32_t cap, int32_t *out_n) EAO_MUST_CHECK;

/* ---- running one op ---- */

/* Infers the outputs from inputs that all have data, checks them against what is declared and the
 * context's limits, allocates their data with eao_alloc (the caller frees; also the ones already
 * there when this fails: data is NULL otherwise) and runs the reference kernel.
 * out comes in as declared in the graph; an output with dtype NONE and rank -1 is undeclared. */
eao_status eao_op_eval(eao_ctx *ctx, const eao_op_desc *d, const void *attr,
                       const eao_tensor *const *in, uint32_t n_in, eao_tensor *out,
                       uint32_t n_out) EAO_MUST_CHECK;

/* An op that moves elements gives `out`, which has no quantisation of its own, that of in[0]:
 * scales along an axis follow the axis. EAO_ERR_UNSUPPORTED where they cannot. */
eao_status eao_moved_quant(eao_ctx *ctx, uint16_t op, const void *attr, const eao_tensor *in,
                           eao_tensor *out) EAO_MUST_CHECK;

/* ---- whole graphs ---- */

/* Checks what ir cannot know: arity, attribute ranges, and every rule of eao_graph.h. Call after an
 * import and after each pass. EAO_ERR_FORMAT naming the node. */
eao_status eao_graph_verify(eao_graph *g) EAO_MUST_CHECK;

/* The part of it for the attributes of one op without bodies. */
eao_status eao_op_check_attrs(eao_ctx *ctx, const eao_op_desc *d, const void *attr) EAO_MUST_CHECK;

/* A copy that shares nothing with g: constants, names and attributes are its own. Graphs with
 * bodies (control flow) are refused with EAO_ERR_UNSUPPORTED. */
eao_status eao_graph_clone(const eao_graph *g, eao_graph **out) EAO_MUST_CHECK;

/* Puts "node 3 'conv1' (conv)" before a failure's message. */
eao_status eao_node_fail_in(eao_ctx *ctx, const eao_graph *g, eao_nid n, eao_status code);
eao_status eao_node_fail_within(eao_graph *g, eao_nid n, eao_status code);

/* Runs infer over all nodes in order (bodies included), filling in value types. Small integer
 * expressions (shape arithmetic) are evaluated on the way so that their consumers' shapes are
 * known; the graph itself gains types only. Errors name the node. */
eao_status eao_graph_infer(eao_graph *g) EAO_MUST_CHECK;

/* The same for one node whose inputs have their types. known has an entry for every value of g:
 * its data, when that could be computed, came from eao_alloc and is the caller's to free. */
eao_status eao_node_infer(eao_graph *g, eao_nid n, eao_tensor *known) EAO_MUST_CHECK;

#endif
