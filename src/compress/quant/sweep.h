/* Runs graphs over samples: on the fast kernels of this machine, shared by threads, with the same
 * results whatever their number. */
#ifndef EAO_COMPRESS_QUANT_SWEEP_H
#define EAO_COMPRESS_QUANT_SWEEP_H

#include "op/op.h"

enum { EAO_SWEEP_SHARDS = 2 };

/* Where samples come from. */
typedef struct eao_sweep_source {
  eao_ctx *ctx;
  const eao_quantize_opts *o;
  const eao_graph *g; /* whose inputs the samples are for */
} eao_sweep_source;

/* Called with every value of a run; `sample` counts from 0. Allocates nothing. */
typedef eao_status (*eao_sweep_hook)(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                                     const eao_tensor *t);

/* Samples first .. first + n - 1 through g, whose inputs are those of the source, or int8. Sample k
 * of them belongs to shard k % n_shard, whose calls of the hook come in order and get user[shard];
 * shards run at the same time where that is possible. With one shard the hook may allocate. */
typedef struct eao_sweep {
  const eao_sweep_source *source;
  const char *what; /* for the progress report */
  uint32_t first, n, n_shard;
  eao_sweep_hook hook;
  void *user[EAO_SWEEP_SHARDS];
} eao_sweep;
eao_status eao_sweep_run(const eao_sweep *s, eao_graph *g) EAO_MUST_CHECK;

#endif
