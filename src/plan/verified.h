/* Passes under the eye of the interpreter. */
#ifndef EAO_PLAN_VERIFIED_H
#define EAO_PLAN_VERIFIED_H

#include "pass/pass.h"

/* Random inputs for every input of the graph, in the context's heap: eao_free each .data. The same
 * seed gives the same inputs. Floats in [-1, 1), 8-bit integers over their range, others in 0..3.
 */
eao_status eao_random_inputs(eao_graph *g, uint64_t seed, eao_tensor *out) EAO_MUST_CHECK;

/* eao_passes_run, comparing the outputs on random inputs after each pass with those before the
 * first: integers exactly, floats within 1e-5 of the largest magnitude; a pass
 * that may round differently needs 20 dB, and its result is what the next ones are compared with.
 * EAO_ERR_INTERNAL names the pass, the output and the difference. */
eao_status eao_passes_run_verified(eao_graph *g, uint64_t seed, const eao_pass_report **out_reports,
                                   uint32_t *out_n) EAO_MUST_CHECK;

#endif
