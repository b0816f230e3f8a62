/* Attributes of the ops that run bodies. Bodies are closed subgraphs: what they need from outside
 * (captures) comes in as the last inputs of the node and of the body, in the same order. */
#ifndef EAO_OP_CONTROL_H
#define EAO_OP_CONTROL_H

#include "op/op.h"

/* if: cond, captures... -> outputs. Both graphs take exactly the captures. */
typedef struct eao_if_attr {
  eao_graph *then_graph, *else_graph;
} eao_if_attr;

/* loop: trip_count (optional i64), cond (optional bool), state..., captures...
 *       -> state..., one tensor a scan output with a leading axis of iterations.
 * body: iteration, cond, state..., captures... -> cond, state..., scan outputs... */
typedef struct eao_loop_attr {
  eao_graph *body;
  int64_t n_state;
} eao_loop_attr;

/* scan: state..., scan inputs..., captures... -> state..., scan outputs...
 * body: state..., slices of the scan inputs..., captures... -> state..., slices of the outputs...
 * Lists have an entry a scan input or output, or none: axis 0, forward (0; 1 is backward). */
typedef struct eao_scan_attr {
  eao_graph *body;
  int64_t n_state, n_scan_inputs;
  eao_ints input_axes, input_directions, output_axes, output_directions;
} eao_scan_attr;

/* while: state... -> state...; while cond_graph(state...) holds, state = body_graph(state...). */
typedef struct eao_while_attr {
  eao_graph *cond_graph, *body_graph;
} eao_while_attr;

/* Do the numbers of inputs and outputs of a node and of its bodies fit together? */
eao_status eao_control_check(eao_ctx *ctx, uint32_t op, const void *attr, uint32_t n_in,
                             uint32_t n_out) EAO_MUST_CHECK;
/* Entry k of a list of eao_scan_attr. */
static inline int64_t eao_scan_entry(const eao_ints *list, uint32_t k) {
  return k < (uint32_t)list->n ? list->v[k] : 0;
}

#endif
