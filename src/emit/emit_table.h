/* The kernel table of a program that carries only some kernels; see eao/link.h. */
#ifndef EAO_EMIT_EMIT_TABLE_H
#define EAO_EMIT_EMIT_TABLE_H

#include "base/base.h"

/* Appends C source that defines eao_kernel_table with these kernels. EAO_ERR_UNSUPPORTED: an id
 * that this build does not know. */
eao_status eao_emit_kernel_table(eao_ctx *ctx, const uint16_t *id, uint32_t n,
                                 eao_text *out) EAO_MUST_CHECK;

#endif
