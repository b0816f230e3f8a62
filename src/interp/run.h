/* What the interpreter's files share. */
#ifndef EAO_INTERP_RUN_H
#define EAO_INTERP_RUN_H

#include "interp/fast.h"

struct eao_interp {
  eao_graph *g;
  eao_ctx *ctx;
  const eao_fast *fast; /* NULL: reference kernels only */
  eao_interp_hook hook;
  void *hook_user;
  eao_tensor *state;  /* g->n_state; data owned, NULL: initial */
  eao_tensor *result; /* outputs of the last run, data owned */
  uint64_t steps;     /* loop iterations of this run */
  uint32_t depth;     /* bodies that are running, one in the other */
};

/* Runs one graph or body; out (g->n_output tensors) gets data that the caller frees; when this
 * fails there is none. */
eao_status eao_interp_run_graph(eao_interp *it, eao_graph *g, const eao_tensor *in, uint32_t n_in,
                                eao_tensor *out) EAO_MUST_CHECK;

/* Runs a node whose op has bodies; out as above, one per output of the node. */
eao_status eao_interp_control(eao_interp *it, const eao_node *n, const eao_tensor *const *in,
                              eao_tensor *out) EAO_MUST_CHECK;

#endif
