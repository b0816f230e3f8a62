/* Passes: rewrites of a graph that keep what it computes. Names, types and order of the graph's
 * inputs and outputs stay. One pass a file; passes.def lists them in the order they run, again and
 * again until none changes anything. */
#ifndef EAO_PASS_PASS_H
#define EAO_PASS_PASS_H

#include "op/op.h"

typedef struct eao_pass_report {
  const char *name, *doc;
  uint32_t changes; /* in all rounds */
  uint64_t ns;
  bool exact; /* see passes.def */
} eao_pass_report;

/* One run of a pass that changed something. */
typedef struct eao_pass_event {
  const char *name;
  uint32_t round; /* from 1 */
  uint32_t changes;
  uint64_t ns;
} eao_pass_event;

/* Both are called after each pass that changed something; a failure stops the passes and is passed
 * on. */
typedef eao_status (*eao_pass_watch)(void *user, eao_graph *g, const eao_pass_event *event);
typedef eao_status (*eao_pass_check)(void *user, eao_graph *g, const char *pass, bool exact);

typedef struct eao_pass_opts {
  eao_pass_check check; /* NULL: none */
  void *check_user;
  eao_pass_watch watch; /* NULL: none */
  void *watch_user;
  const char *const *skip; /* names of passes not to run */
  uint32_t n_skip;
} eao_pass_opts;

/* opts may be NULL. out_reports: one per pass, in the graph's arena; may be NULL. */
eao_status eao_passes_run(eao_graph *g, const eao_pass_opts *opts,
                          const eao_pass_report **out_reports, uint32_t *out_n) EAO_MUST_CHECK;

/* Pass i of passes.def; NULL past the last. */
const char *eao_pass_doc(uint32_t i, const char **out_name);

/* ---- what passes share ---- */

typedef struct eao_rewrite {
  eao_graph *g;
  eao_ctx *ctx;
  uint32_t
      *uses; /* of each value at the start of the pass, kept up to date by the functions below */
  uint32_t n_uses;
  uint32_t changes; /* made by this pass */
} eao_rewrite;

typedef eao_status (*eao_pass_fn)(eao_rewrite *r);

#define EAO_PASS(name, exact, doc) eao_status eao_pass_##name(eao_rewrite *r);
#include "pass/passes.def"
#undef EAO_PASS

/* Node that makes v; NULL when none does. */
const eao_node *eao_rewrite_producer(const eao_graph *g, eao_vid v);
/* Is n this binary op (add, sub, mul, div, ...) without an activation behind it? n may be NULL. */
bool eao_rewrite_is_plain(const eao_node *n, uint16_t op);
/* Node that makes v, if it is of this op and nobody but one uses v; NULL else. */
eao_node *eao_rewrite_sole_producer(const eao_rewrite *r, eao_vid v, uint16_t op);
/* The only node that uses v; NULL when there are more uses or v is an output of the graph. */
eao_node *eao_rewrite_sole_consumer(const eao_rewrite *r, eao_vid v);
bool eao_rewrite_is_output(const eao_graph *g, eao_vid v);
/* Every use of `from` becomes `to`; when `from` is an output of the graph, `to` takes its name.
 * False (and nothing done) when that cannot be: the output's name would fall on an input, constant
 * or another output. */
bool eao_rewrite_replace(eao_rewrite *r, eao_vid from, eao_vid to);
void eao_rewrite_remove(eao_rewrite *r, eao_node *n);
/* A constant that the graph owns; data is copied. */
eao_status eao_rewrite_constant(eao_rewrite *r, const eao_tensor *t, eao_vid *out) EAO_MUST_CHECK;
/* A node with one new output, whose type is inferred at the end of the pass. attr NULL: defaults.
 */
eao_status eao_rewrite_node(eao_rewrite *r, uint16_t op, const char *name, const void *attr,
                            const eao_vid *in, uint32_t n_in, eao_vid *out) EAO_MUST_CHECK;
/* The constant of halves or int8 without zero points whose real values v has; EAO_NONE: v is
 * something else. */
eao_vid eao_rewrite_narrow_source(const eao_graph *g, eao_vid v);
/* A constant matrix turned, quantisation too. */
eao_status eao_rewrite_turned(eao_rewrite *r, eao_vid v, eao_vid *out) EAO_MUST_CHECK;
/* A constant float tensor with one element: its value. */
bool eao_rewrite_scalar(const eao_graph *g, eao_vid v, double *out);

#endif
