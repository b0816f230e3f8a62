/* Fast kernels of this machine for the interpreter, for work that needs every value of a graph many
 * times over, such as calibration. Integer results are the same bytes; floats differ in the last
 * bits. */
#ifndef EAO_INTERP_FAST_H
#define EAO_INTERP_FAST_H

#include "interp/interp.h"

/* Kernels chosen and weights packed for the nodes of one graph. Nothing in it changes while it is
 * used, so interpreters on several threads may share it. */
typedef struct eao_fast eao_fast;

/* g is borrowed. Nodes whose shapes are not known stay with the reference kernels. */
eao_status eao_fast_create(eao_graph *g, eao_fast **out) EAO_MUST_CHECK;
void eao_fast_destroy(eao_fast *f);
/* Does it have a kernel for node n? */
bool eao_fast_has(const eao_fast *f, eao_nid n);
/* Runs node n: data of in is set; out gets data from ctx's heap, which the caller frees. */
eao_status eao_fast_run(const eao_fast *f, eao_ctx *ctx, eao_nid n, const eao_tensor *const *in,
                        eao_tensor *out) EAO_MUST_CHECK;

/* From now on the interpreter of that graph uses them. NULL: no longer. */
void eao_interp_set_fast(eao_interp *it, const eao_fast *f);
/* An interpreter that takes memory from another context and reports to it: one per thread may run
 * the same graph. */
eao_interp *eao_interp_create_in(eao_ctx *ctx, eao_graph *g);

#endif
