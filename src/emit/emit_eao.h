/* Plans to .eao packages. */
#ifndef EAO_EMIT_EMIT_EAO_H
#define EAO_EMIT_EMIT_EAO_H

#include "plan/plan.h"

typedef struct eao_package_opts {
  const eao_meta *meta; /* on top of the graph's own */
  uint32_t n_meta;
  /* A known-good run to carry for the device's self-test: one tensor with data per input and
   * output of the plan; NULL: none. */
  const eao_tensor *golden_in, *golden_out;
} eao_package_opts;

/* Appends the package's bytes to out. The same plan and options give the same bytes. */
eao_status eao_emit_package(const eao_plan *p, const eao_package_opts *opts,
                            eao_text *out) EAO_MUST_CHECK;

#endif
