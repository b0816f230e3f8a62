/* Runs a graph on the reference kernels: the truth for every test, constant folding, calibration.
 * Shapes are inferred again with the real inputs, so dynamic dimensions need no preparation. */
#ifndef EAO_INTERP_INTERP_H
#define EAO_INTERP_INTERP_H

#include "ir/graph.h"

typedef struct eao_interp eao_interp;

/* g is borrowed and must outlive the interpreter. NULL when out of memory. */
eao_interp *eao_interp_create(eao_graph *g);
void eao_interp_destroy(eao_interp *it);

/* Called with every value once it is computed (graph inputs too). Values of bodies are reported
 * with their own graph. t is valid during the call. A failure stops the run. */
typedef eao_status (*eao_interp_hook)(void *user, const eao_graph *g, eao_vid v,
                                      const eao_tensor *t);
void eao_interp_set_hook(eao_interp *it, eao_interp_hook hook, void *user);

/* in: one tensor with data per graph input, in order; types must agree with the graph.
 * out: one per graph output; data is borrowed until the next run or destroy. State is kept. */
eao_status eao_interp_run(eao_interp *it, const eao_tensor *in, uint32_t n_in, eao_tensor *out,
                          uint32_t n_out) EAO_MUST_CHECK;
/* Back to the initial states. */
void eao_interp_reset(eao_interp *it);

#endif
