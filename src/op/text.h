/* The text form of a graph: for people, tests and fuzzers. Printing in full and parsing gives the
 * same graph, value and node order included.
 *
 *   graph "name" {
 *     meta "producer" "pytorch"
 *     value %0 "x" f32[1,?,4]
 *     const %1 "w" i8[2,2] q(0; 0.5, 0.25; 0, 0) = 01ff0280
 *     value %2 "y" f32[1,2,4]
 *     input %0
 *     state %3 %2 "h" = 00000000
 *     add(%0, %1) -> %2 {act=relu, axes=[1, 2]} "node name"
 *     output %2
 *   }
 *
 * "_" is an omitted input or output; "?" an unknown extent (?"name": a symbolic one); f32[*] an
 * unknown rank; q(axis; scales; zero points) the quantisation. Constant data is in hexadecimal,
 * bytes in memory order. Attributes at their default are left out. Floats are printed so that they
 * read back exactly. */
#ifndef EAO_OP_TEXT_H
#define EAO_OP_TEXT_H

#include "op/op.h"

/* full: constant data in full; otherwise long data is elided as "..." and the text cannot be
 * parsed. The result is in out (out->failed when memory ran out). */
void eao_graph_print(const eao_graph *g, bool full, eao_text *out);

/* The attributes of one node that differ from their defaults: "act=relu, axes=[1, 2]"; a body is
 * given as its number of nodes. */
void eao_node_print_attrs(const eao_node *n, eao_text *out);

/* Errors give line and column. The graph is verified. */
eao_status eao_graph_parse(eao_ctx *ctx, const char *text, size_t len,
                           eao_graph **out) EAO_MUST_CHECK;

#endif
