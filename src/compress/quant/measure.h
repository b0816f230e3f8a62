/* How much a quantised graph's results differ from the float graph's. */
#ifndef EAO_COMPRESS_QUANT_MEASURE_H
#define EAO_COMPRESS_QUANT_MEASURE_H

#include "compress/quant/sweep.h"

typedef struct eao_energy {
  double signal, noise;
} eao_energy;
/* Adds what got differs from want; both may be quantised. */
void eao_energy_add(eao_energy *e, const eao_tensor *want, const eao_tensor *got);
/* Signal to noise in dB; 200 without noise. */
double eao_energy_db(eao_energy e);

/* What the float graph gives for the check samples. Probabilities saturate and hide what happens to
 * the scores they are made from: where an output is a softmax or the like, its input counts. */
typedef struct eao_ptq_check {
  const eao_sweep_source *source;
  uint32_t first, n, n_probe;
  eao_vid *probe;
  eao_tensor *want;  /* n * n_probe, data owned */
  eao_energy *noise; /* of the graph being measured: n * n_probe */
} eao_ptq_check;

/* Runs the source's graph. */
eao_status eao_ptq_check_init(eao_ptq_check *c, const eao_sweep_source *source, eao_graph *plain,
                              uint32_t first, uint32_t n) EAO_MUST_CHECK;
void eao_ptq_check_deinit(eao_ptq_check *c);
/* g numbers its values as the float graph does. The mean of the outputs' signal to noise, over all
 * check samples: outputs may have very different sizes. */
eao_status eao_ptq_check_run(eao_ptq_check *c, eao_graph *g, double *out_db) EAO_MUST_CHECK;

/* The error of each integer value of q against plain, on n samples; the report's layers are in q's
 * arena. */
eao_status eao_ptq_layers(const eao_sweep_source *source, eao_graph *plain, eao_graph *q,
                          uint32_t first, uint32_t n, eao_quantize_report *report) EAO_MUST_CHECK;

#endif
