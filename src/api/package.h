/* Compiled packages on the host. */
#ifndef EAO_API_PACKAGE_H
#define EAO_API_PACKAGE_H

#include "ir/graph.h"

typedef struct eao_host_package eao_host_package;

eao_status eao_is_package(eao_ctx *ctx, const char *path, bool *out) EAO_MUST_CHECK;
/* Opens the package and makes a session; g gets its inputs, outputs and metadata. */
eao_status eao_host_package_load(eao_ctx *ctx, const char *path, eao_graph *g,
                                 eao_host_package **out) EAO_MUST_CHECK;
void eao_host_package_destroy(eao_host_package *p);
/* As eao_runner_run. */
eao_status eao_host_package_run(eao_host_package *p, const eao_tensor *in, uint32_t n_in,
                                eao_tensor *out, uint32_t n_out) EAO_MUST_CHECK;
void eao_host_package_reset(eao_host_package *p);
eao_status eao_host_package_self_test(eao_host_package *p) EAO_MUST_CHECK;

#endif
