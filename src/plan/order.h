/* The order of steps that needs least memory when they run one after the other. */
#ifndef EAO_PLAN_ORDER_H
#define EAO_PLAN_ORDER_H

#include "base/base.h"

#define EAO_ORDER_NONE UINT32_MAX

/* Buffers are counted from 0; ref lists what each step reads, then what it writes, none twice. */
typedef struct eao_order_step {
  uint32_t ref, n_in, n_out;
  uint32_t in_place; /* buffer that the first output may take over if it dies here, or NONE */
  uint64_t scratch_bytes;
} eao_order_step;

typedef struct eao_order_buffer {
  uint64_t bytes;
  bool from_start, to_end; /* there before the first step; needed after the last */
} eao_order_buffer;

typedef struct eao_order_problem {
  eao_ctx *ctx;
  const eao_order_step *step; /* in an order that is possible */
  const eao_order_buffer *buffer;
  const uint32_t *ref;
  uint32_t n_step, n_buffer;
} eao_order_problem;

typedef struct eao_order_result {
  uint64_t given_bytes; /* most bytes alive at one step, in the given order */
  uint64_t bytes;       /* in the order found; never more */
  uint64_t bound_bytes; /* no order takes less */
} eao_order_result;

/* order: n_step entries. */
eao_status eao_order_search(const eao_order_problem *q, uint32_t *order,
                            eao_order_result *out) EAO_MUST_CHECK;

#endif
