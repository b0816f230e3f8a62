/* Post-training quantisation to int8: weights symmetric per output channel, activations asymmetric
 * per tensor, bias int32, fused activations inside the output's range. The result is a graph of
 * typed quantised values; ops without an integer kernel stay float between conversions.
 *
 * Sources: Jacob et al. 2018 (the scheme), Nagel et al. 2019 (cross-layer equalisation, bias
 * correction), Migacz 2017 (KL). Each step is kept only when it lowers the error of the outputs. */
#ifndef EAO_COMPRESS_QUANT_PTQ_H
#define EAO_COMPRESS_QUANT_PTQ_H

#include "compress/quant/hist.h"
#include "op/op.h"

/* g stays as it is. The result shares nothing with it. */
eao_status eao_ptq_run(const eao_graph *g, const eao_quantize_opts *o, eao_graph **out,
                       eao_quantize_report *out_report) EAO_MUST_CHECK;

/* ---- steps, in the order they run ---- */

/* Brings a float graph into the form that quantises best: batch norms folded, gemm and matmul with
 * constant weights made fully_connected, biases and clipping activations fused. */
eao_status eao_ptq_prepare(eao_graph *g) EAO_MUST_CHECK;

/* What calibration learns of the values of a graph. */
typedef struct eao_ptq_stats {
  eao_ctx *ctx;
  uint32_t n;
  eao_hist **hist;  /* per value; NULL: no float activation */
  double **mean;    /* per value: sums over all but the channel axis; NULL: not wanted */
  double **rounded; /* sums of the errors that quantising them makes; eao_ptq_observe_rounded */
  double **peak;    /* largest magnitudes, of the same values and channels */
  uint64_t *n_mean; /* numbers in each sum */
  uint64_t *n_rounded;
  int32_t *axis; /* channel axis of mean */
} eao_ptq_stats;
eao_status eao_ptq_stats_init(eao_ptq_stats *s, const eao_graph *g) EAO_MUST_CHECK;
/* Adds what b holds of the same graph. */
void eao_ptq_stats_merge(eao_ptq_stats *s, const eao_ptq_stats *b, const eao_graph *g);
void eao_ptq_stats_deinit(eao_ptq_stats *s);
/* An eao_sweep_hook. */
eao_status eao_ptq_observe(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                           const eao_tensor *t);

/* Which nodes become integer ones and which values share their parameters. */
typedef struct eao_ptq_plan {
  eao_ctx *ctx;
  bool *integer;  /* per node */
  eao_vid *share; /* per value: representative */
  float *scale;   /* per value, of representatives */
  int32_t *zero;
} eao_ptq_plan;
/* keep_float: per node, NULL: none. */
eao_status eao_ptq_plan_init(eao_ptq_plan *p, const eao_graph *g, const eao_quantize_opts *o,
                             const bool *keep_float) EAO_MUST_CHECK;
eao_status eao_ptq_plan_ranges(eao_ptq_plan *p, const eao_graph *g, const eao_ptq_stats *s,
                               eao_range_kind kind) EAO_MUST_CHECK;
void eao_ptq_plan_deinit(eao_ptq_plan *p);
eao_vid eao_ptq_shared(const eao_ptq_plan *p, eao_vid v);
/* conv, conv_transpose, fully_connected with constant float weights. */
bool eao_ptq_is_weighted(const eao_graph *g, const eao_node *n);
/* Output channel axis and input channel axis of a weighted node's weights. */
int32_t eao_ptq_out_axis(const eao_graph *g, const eao_node *n);

/* Which output and which input channel weight i of a node belongs to; input channels count over all
 * groups. conv and fully_connected. */
typedef struct eao_ptq_channels {
  int64_t out_stride, outs, in_stride, ins, per_group; /* ins: of a group; per_group: outputs */
} eao_ptq_channels;
void eao_ptq_channels_init(eao_ptq_channels *c, const eao_graph *g, const eao_node *n,
                           const eao_tensor *w);
static inline int64_t eao_ptq_channel_out(const eao_ptq_channels *c, int64_t i) {
  return i / c->out_stride % c->outs;
}
static inline int64_t eao_ptq_channel_in(const eao_ptq_channels *c, int64_t i) {
  return eao_ptq_channel_out(c, i) / c->per_group * c->ins + i / c->in_stride % c->ins;
}

/* Second moments of the inputs of weighted nodes, about their means, for rounding that compensates
 * its own errors. Taken at a bounded number of random positions. */
typedef struct eao_ptq_moment {
  int64_t k, groups;  /* weights of an output of one group; groups of the node */
  double *cov;        /* groups * k * k; NULL: not gathered (too large) */
  double *sum;        /* groups * k */
  uint64_t n, budget; /* vectors seen; at most so many */
} eao_ptq_moment;
typedef struct eao_ptq_moments {
  eao_ctx *ctx;
  const eao_graph *g;
  eao_ptq_moment *m; /* per node */
  double *vector;    /* scratch */
  eao_rng rng;
} eao_ptq_moments;
eao_status eao_ptq_moments_init(eao_ptq_moments *m, const eao_graph *g,
                                uint32_t n_samples) EAO_MUST_CHECK;
void eao_ptq_moments_deinit(eao_ptq_moments *m);
/* An eao_sweep_hook. */
eao_status eao_ptq_moments_observe(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                                   const eao_tensor *t);
/* Rounds the weights w of node n (scale[o] per output channel) to q, each error compensated by the
 * weights still to come (Frantar et al. 2022, GPTQ). *out_done false: no moments, nothing done. */
eao_status eao_ptq_moments_round(const eao_ptq_moments *m, eao_nid n, const eao_tensor *w,
                                 const float *scale, int8_t *q, bool *out_done) EAO_MUST_CHECK;

/* The eao_sweep_hook of a second calibration: sums the errors that quantising the activations
 * makes. Fewer samples may serve, since these are errors and not the numbers themselves. */
typedef struct eao_ptq_rounder {
  eao_ptq_stats *stats;
  const eao_ptq_plan *plan;
} eao_ptq_rounder;
void eao_ptq_rounder_reset(eao_ptq_stats *s, const eao_graph *g);
eao_status eao_ptq_observe_rounded(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                                   const eao_tensor *t);

/* g (a clone of the prepared graph) becomes the quantised graph. stats: for bias correction, NULL:
 * none; moments: for compensated rounding, NULL: each weight to its nearest. */
eao_status eao_ptq_convert(eao_graph *g, const eao_ptq_plan *p, const eao_quantize_opts *o,
                           const eao_ptq_stats *stats,
                           const eao_ptq_moments *moments) EAO_MUST_CHECK;

/* The scale of each output channel: its largest magnitude over `steps`. Channel of element i: i /
 * inner % outs. */
void eao_ptq_weight_scales(const float *w, int64_t n, int64_t outs, int64_t inner, double steps,
                           float *out_scale);

/* Only the weights become narrow (EAO_QUANT_FP16, EAO_QUANT_INT8_WEIGHTS); out_n: how many
 * constants. stats: for bias correction, NULL: none; moments: for compensated rounding, NULL: to
 * the nearest. */
eao_status eao_ptq_narrow(eao_graph *g, eao_quant_scheme scheme, const eao_ptq_stats *stats,
                          const eao_ptq_moments *moments, uint32_t *out_n) EAO_MUST_CHECK;

/* Equalises channels between layers. out_pairs: how many pairs of layers were changed. */
eao_status eao_ptq_equalise(eao_graph *g, const eao_ptq_stats *stats,
                            uint32_t *out_pairs) EAO_MUST_CHECK;

#endif
