/* What is behind eao_compiled. */
#ifndef EAO_API_COMPILED_H
#define EAO_API_COMPILED_H

#include "eao/eao.h"
#include "pass/pass.h"
#include "plan/plan.h"

struct eao_compiled {
  eao_ctx *ctx;
  eao_plan *plan; /* NULL: came from the cache */
  const eao_pass_report *pass;
  uint32_t n_pass;
  uint8_t *block; /* holds the package at the first aligned place */
  uint8_t *data;
  size_t size;
  eao_compiled_buffer *buffer;
  uint32_t n_buffer;
};

/* Copies a package to aligned memory. */
eao_status eao_compiled_hold(eao_compiled *c, const void *package, size_t size) EAO_MUST_CHECK;
/* Fills in buffer and n_buffer from the plan. */
eao_status eao_compiled_list_buffers(eao_compiled *c) EAO_MUST_CHECK;

#endif
