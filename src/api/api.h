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
  bool is_body;              /* g belongs to the model around it */
  eao_model **body;          /* those that were asked for */
  uint32_t n_body, cap_body;
};

/* Body k of a node of control flow and the attribute that holds it (out_attr may be NULL); NULL
 * when there are fewer. */
eao_graph *eao_node_body(const eao_node *n, uint32_t k, const char **out_attr);
/* 0 also when shapes are not known; out_known (may be NULL) tells. */
uint64_t eao_node_macs(const eao_graph *g, const eao_node *n, bool *out_known);

#endif
