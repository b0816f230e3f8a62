/* The audit as the public interface calls it. */
#ifndef EAO_COMPRESS_AUDIT_RUN_H
#define EAO_COMPRESS_AUDIT_RUN_H

#include "eao/audit.h"
#include "ir/graph.h"

/* g stays as it is; see eao_audit. */
eao_status eao_audit_run(eao_ctx *ctx, const eao_graph *g, eao_dataset *d,
                         const eao_audit_opts *opts, eao_audit_report **out) EAO_MUST_CHECK;

#endif
