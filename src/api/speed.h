/* Measured speeds of this machine's kernels. */
#ifndef EAO_API_SPEED_H
#define EAO_API_SPEED_H

#include "eao/eao.h"
#include "target/target.h"

/* Work of a step of a compiled model, as far as a single step tells. */
eao_step_work eao_step_work_of(const eao_compiled_step *s);
/* Fills in t's kernels; about half a second. */
eao_status eao_speed_probe(eao_ctx *ctx, eao_target *t) EAO_MUST_CHECK;

#endif
