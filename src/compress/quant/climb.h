/* The state of one quantisation, step by step to its best result. */
#ifndef EAO_COMPRESS_QUANT_CLIMB_H
#define EAO_COMPRESS_QUANT_CLIMB_H

#include "compress/quant/measure.h"
#include "compress/quant/ptq.h"

/* What a candidate is made from. */
typedef struct eao_climb_extras {
  eao_graph *g; /* float */
  eao_ptq_stats *stats;
  eao_range_kind range;
  bool correct;                   /* biases */
  bool same_means;                /* the means of rounded activations that stats holds will do */
  const eao_ptq_moments *moments; /* NULL: weights to their nearest */
} eao_climb_extras;

typedef struct eao_climb {
  eao_ctx *ctx;
  const eao_quantize_opts *o;
  eao_quantize_report *report;
  eao_graph *plain; /* prepared float graph */
  eao_sweep_source source;
  bool *keep_float; /* per node of plain */
  double *omega;    /* per node of plain: noise / signal of the outputs with it alone quantised;
                       negative: not measured. NULL: sensitivity was not asked for */
  eao_ptq_stats stats;
  eao_ptq_moments moments;
  uint32_t n_check;
  eao_ptq_check check;
  eao_climb_extras now; /* of the best */
  eao_graph *best;      /* the best quantised graph so far */
  double best_db;
} eao_climb;

/* A quantised graph; keep_float: per node. */
eao_status eao_climb_build(eao_climb *r, const bool *keep_float, const eao_climb_extras *x,
                           eao_graph **out) EAO_MUST_CHECK;
void eao_climb_note(eao_climb *r, const char *name, double db, bool kept);
/* Mixed precision: layers go back to float where int8 loses too much or does not pay. */
eao_status eao_climb_mix(eao_climb *r) EAO_MUST_CHECK;
/* Fills in what the report's layers say of it. */
void eao_climb_explain(eao_climb *r);

#endif
