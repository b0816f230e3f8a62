/* The graph: values and nodes in static single assignment form.
 *
 * Rules that eao_graph_verify checks and every pass keeps:
 * - nodes stand in an order in which each value is produced before it is used;
 * - a value has one producer: a node, or none (graph input, constant, state);
 * - subgraphs are closed: what a body needs from outside enters as explicit inputs;
 * - names, attributes and tables live in the graph's arena; constant data is borrowed from the
 *   mapped model file or lives in the arena.
 * All arrays are public to the host layers: read freely, change through the functions. */
#ifndef EAO_IR_GRAPH_H
#define EAO_IR_GRAPH_H

#include "base/base.h"
#include "eao/types.h"

typedef uint32_t eao_vid; /* index into graph->value */
typedef uint32_t eao_nid; /* index into graph->node */
#define EAO_NONE UINT32_MAX

typedef struct eao_value {
  const char *name; /* never NULL; unique within the graph when not "" */
  eao_tensor t;     /* type; t.data non-NULL: constant */
  eao_nid producer; /* EAO_NONE: graph input, constant or state */
  uint32_t pad;
  const char *const *dim_name; /* t.rank names (or NULLs) of symbolic dims; NULL: none */
} eao_value;

typedef struct eao_node {
  uint16_t op; /* eao_op_id; EAO_OP_NONE marks a removed node until eao_graph_compact */
  uint16_t n_out;
  uint32_t n_in;
  eao_vid *in;      /* EAO_NONE: omitted optional input */
  eao_vid *out;     /* EAO_NONE: output nobody wants */
  void *attr;       /* the op's attribute struct, NULL when it has none */
  const char *name; /* of the source's node, "" when it had none */
} eao_node;

/* Memory that lives across runs: `in` holds it when a run starts, `out` is stored back at its end.
 * Starts as init (NULL: zeros). */
typedef struct eao_state {
  const char *name;
  eao_vid in, out;
  const void *init;
} eao_state;

typedef struct eao_meta {
  const char *key, *text;
} eao_meta;

struct eao_graph {
  eao_ctx *ctx;
  eao_arena arena; /* subgraphs share the arena of their root */
  eao_graph *root; /* itself for a top-level graph */
  const char *name;
  eao_value *value;
  eao_node *node;
  eao_vid *input, *output;
  eao_state *state;
  eao_meta *meta; /* producer, description, labels, ...; root only */
  eao_file *file; /* mapped files that constants borrow from; root only */
  uint32_t n_value, n_node, n_input, n_output, n_state, n_meta, n_file;
  uint32_t cap_value, cap_node, cap_input, cap_output, cap_state, cap_meta, cap_file;
  eao_graph *next_sub; /* list of all subgraphs, from the root */
};

/* NULL when out of memory (message set). */
eao_graph *eao_graph_create(eao_ctx *ctx);
/* A body for If, Loop, ...; freed with its root. */
eao_graph *eao_graph_create_sub(eao_graph *parent);
void eao_graph_destroy(eao_graph *g);

/* name is copied (NULL: ""). t's quant arrays are borrowed: put them into the arena. */
eao_status eao_graph_add_value(eao_graph *g, const char *name, const eao_tensor *t,
                               eao_vid *out_id) EAO_MUST_CHECK;
/* Copies name, attr (attr_size bytes) and the id lists; sets the outputs' producer. */
eao_status eao_graph_add_node(eao_graph *g, uint16_t op, const char *name, const void *attr,
                              size_t attr_size, const eao_vid *in, uint32_t n_in,
                              const eao_vid *out, uint32_t n_out, eao_nid *out_id) EAO_MUST_CHECK;
eao_status eao_graph_add_input(eao_graph *g, eao_vid v) EAO_MUST_CHECK;
eao_status eao_graph_add_output(eao_graph *g, eao_vid v) EAO_MUST_CHECK;
eao_status eao_graph_add_state(eao_graph *g, const eao_state *s) EAO_MUST_CHECK;
eao_status eao_graph_add_meta(eao_graph *g, const char *key, const char *text) EAO_MUST_CHECK;
/* The graph takes over f (unmaps it when destroyed), also when this fails. */
eao_status eao_graph_add_file(eao_graph *g, eao_file *f) EAO_MUST_CHECK;

/* Constant of i64 / f32 elements copied into the arena; rank 0 or 1 (n < 0: scalar). */
eao_status eao_graph_add_i64(eao_graph *g, const char *name, const int64_t *v, int32_t n,
                             eao_vid *out_id) EAO_MUST_CHECK;
eao_status eao_graph_add_f32(eao_graph *g, const char *name, const float *v, int32_t n,
                             eao_vid *out_id) EAO_MUST_CHECK;

static inline bool eao_value_is_const(const eao_graph *g, eao_vid v) {
  return v != EAO_NONE && g->value[v].t.data != NULL;
}
/* Value by name; EAO_NONE when there is none. Linear: for tools and tests, not for importers. */
eao_vid eao_graph_find(const eao_graph *g, const char *name);
/* Every use of `from` as node input, output of the graph or state becomes `to`. */
void eao_graph_replace_uses(eao_graph *g, eao_vid from, eao_vid to);
/* out_count[v] = uses of v by nodes, graph outputs and states; n_value entries. */
void eao_graph_count_uses(const eao_graph *g, uint32_t *out_count);
/* Drops removed nodes and renumbers producers. Values stay. */
void eao_graph_compact(eao_graph *g);
/* Values in the order of their first use (inputs, states, then node by node), those that nobody
 * uses dropped: equal graphs get equal numbers however they were built. */
eao_status eao_graph_renumber(eao_graph *g) EAO_MUST_CHECK;
/* Sorts nodes topologically (stable); EAO_ERR_FORMAT naming a node when there is a cycle. */
eao_status eao_graph_sort(eao_graph *g) EAO_MUST_CHECK;

/* Fails when the known extents alone make more elements than can be counted, so that products and
 * strides of what passed need no checks. */
eao_status eao_tensor_check(eao_ctx *ctx, const eao_tensor *t) EAO_MUST_CHECK;
/* Bytes of data of a tensor whose dims are known; fails on overflow or unknown dims. */
eao_status eao_tensor_nbytes(eao_ctx *ctx, const eao_tensor *t, uint64_t *out) EAO_MUST_CHECK;

#endif
