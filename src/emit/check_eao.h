/* What the device runtime cannot see for itself in a package: that every step is a legal call of
 * its op. */
#ifndef EAO_EMIT_CHECK_EAO_H
#define EAO_EMIT_CHECK_EAO_H

#include "base/base.h"
#include "rt/model.h"

/* m: opened (eao_rt_verify). Attributes, types and shapes of every step are inferred again and
 * compared, packed constants and bands measured, memory of a step that must not overlap compared;
 * a package that passes reads and writes nothing outside its tensors, whoever wrote it.
 * EAO_ERR_FORMAT naming the step. */
eao_status eao_check_package(eao_ctx *ctx, const eao_rt_model *m) EAO_MUST_CHECK;

#endif
