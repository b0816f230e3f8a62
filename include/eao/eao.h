/* EAO host library: load, inspect, run and convert models.
 *
 * Threading: a context and everything made with it belong to one thread at a time.
 * Errors: every fallible call returns eao_status; eao_ctx_message() has the text of the last
 * failure. Ownership: "borrowed" pointers stay valid until the object they came from is destroyed.
 */
#ifndef EAO_EAO_H
#define EAO_EAO_H

#include "eao/types.h"
#include "eao/version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eao_ctx eao_ctx;
typedef struct eao_graph eao_graph;

/* ---- context ------------------------------------------------------------------------------- */

/* Allocation hooks; realloc semantics: p NULL allocates, n 0 frees and returns NULL. */
typedef struct eao_allocator {
  void *(*realloc)(void *user, void *p, size_t n);
  void *user;
} eao_allocator;

/* Upper bounds on what a model may ask for. 0 means the default. */
typedef struct eao_limits {
  uint64_t max_tensor_bytes; /* one activation or unpacked constant; default 2 GiB */
  uint64_t max_total_bytes;  /* all heap memory of the context; default 16 GiB */
  uint32_t max_nodes;        /* nodes in a model, subgraphs included; default 1,000,000 */
  uint32_t max_depth;        /* nesting of subgraphs and messages; default 32 */
  uint64_t max_steps; /* loop iterations the interpreter runs in one call; default 10,000,000 */
} eao_limits;

/* allocator and limits may be NULL for the defaults. Returns NULL when out of memory. */
eao_ctx *eao_ctx_create(const eao_allocator *allocator, const eao_limits *limits);
void eao_ctx_destroy(eao_ctx *ctx);
/* Text of the last failure: what, where, what to do. "" if none. Borrowed until the next failure.
 */
const char *eao_ctx_message(const eao_ctx *ctx);
/* Called for each warning; default: none. */
void eao_ctx_on_warning(eao_ctx *ctx, void (*fn)(void *user, const char *text), void *user);

#ifdef __cplusplus
}
#endif
#endif
