/* What the files behind eao.h share. */
#ifndef EAO_API_API_H
#define EAO_API_API_H

#include "api/package.h"
#include "eao/eao.h"
#include "ir/graph.h"
#include "op/op.h"

struct eao_model {
  eao_ctx *ctx;
  eao_graph *g;
  eao_host_package *package; /* compiled: g has inputs and outputs only; NULL: a model */
};

/* Body k of a node of control flow; NULL when there are fewer. */
eao_graph *eao_node_body(const eao_node *n, uint32_t k);
/* 0 also when shapes are not known; out_known (may be NULL) tells. */
uint64_t eao_node_macs(const eao_graph *g, const eao_node *n, bool *out_known);

#endif
