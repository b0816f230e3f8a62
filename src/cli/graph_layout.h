/* Layered drawing of a directed acyclic graph (Sugiyama et al. 1981): layers by longest path,
 * order within a layer by barycentres, positions by least squares. */
#ifndef EAO_CLI_GRAPH_LAYOUT_H
#define EAO_CLI_GRAPH_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct eao_layout_node {
  double w, h; /* in */
  double x, y; /* out: centre */
} eao_layout_node;

/* from comes before to in the order of nodes. */
typedef struct eao_layout_edge {
  uint32_t from, to;
  uint32_t first, n; /* out: bends in eao_layout.bend, from source to target */
} eao_layout_edge;

typedef struct eao_layout_point {
  double x, y;
} eao_layout_point;

typedef struct eao_layout_graph {
  eao_layout_node *node;
  uint32_t n_node;
  eao_layout_edge *edge;
  uint32_t n_edge;
  eao_layout_point *bend; /* out, freed by eao_layout_free */
  double width, height;   /* out */
} eao_layout_graph;

/* node and edge belong to the caller. false: out of memory. */
bool eao_layout_run(eao_layout_graph *g);
void eao_layout_free(eao_layout_graph *g);

#endif
