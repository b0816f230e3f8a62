/* libeao: runs compiled models (.eao packages). libc only, no allocation.
 *
 *   eao_package p;
 *   eao_package_open(&p, "net.eao");
 *   void *arena = aligned_alloc(64, eao_package_arena_bytes(&p));
 *   eao_session *s;
 *   eao_session_create(&p, arena, eao_package_arena_bytes(&p), &s);
 *   fill(eao_session_input(s, 0)->data);
 *   eao_session_run(s);
 *   use(eao_session_output(s, 0)->data);
 *
 * Several sessions of one model share its constants. A session belongs to one thread at a time; a
 * model may be used by several. Inputs must be written before every run: their memory is reused
 * once they have been read. */
#ifndef EAO_RT_H
#define EAO_RT_H

#include "eao/types.h"
#include "eao/version.h"

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* An open package. The caller's storage; the content is private. */
typedef struct eao_package {
  uint64_t opaque[24];
} eao_package;
typedef struct eao_session eao_session;

/* Maps the file and verifies all of it. On failure the model need not be closed, and
 * eao_package_message says why. */
eao_status eao_package_open(eao_package *m, const char *path);
/* The same from memory, which must be 64-byte aligned, stay unchanged and outlive the model. */
eao_status eao_package_open_memory(eao_package *m, const void *data, size_t size);
void eao_package_close(eao_package *m);
/* Static text about the last failure of a call with this model; "" if none. */
const char *eao_package_message(const eao_package *m);

/* Bytes of the memory that a session needs, 64-byte aligned. */
size_t eao_package_arena_bytes(const eao_package *m);
/* Of these, what activations, band buffers and scratch take; the rest is tables. */
size_t eao_package_activation_bytes(const eao_package *m);

uint32_t eao_package_input_count(const eao_package *m);
uint32_t eao_package_output_count(const eao_package *m);
/* NULL when i is out of range. */
const char *eao_package_input_name(const eao_package *m, uint32_t i);
const char *eao_package_output_name(const eao_package *m, uint32_t i);
/* Text of a metadata key; NULL when there is none. */
const char *eao_package_meta(const eao_package *m, const char *key);
uint32_t eao_package_step_count(const eao_package *m);
/* "conv1" and "conv"; NULL when i is out of range. */
const char *eao_package_step_name(const eao_package *m, uint32_t i);

eao_status eao_session_create(const eao_package *m, void *arena, size_t bytes, eao_session **out);
/* Views: type, shape and memory. NULL when i is out of range. An output's data is valid until the
 * next run. */
const eao_tensor *eao_session_input(eao_session *s, uint32_t i);
const eao_tensor *eao_session_output(eao_session *s, uint32_t i);
eao_status eao_session_run(eao_session *s);
/* Back to the initial state of models that keep one. */
void eao_session_reset(eao_session *s);
/* Static text about the last failed run; "" if none. */
const char *eao_session_message(const eao_session *s);
/* Step that failed; UINT32_MAX if none. */
uint32_t eao_session_failed_step(const eao_session *s);

/* ---- threads (optional) ---- */

/* Threads that sessions may use one at a time. memory: eao_pool_bytes, the caller's, until
 * destroyed. */
typedef struct eao_pool eao_pool;
size_t eao_pool_bytes(uint32_t threads);
/* threads counts the caller's own: 1 makes none. */
eao_status eao_pool_create(void *memory, size_t bytes, uint32_t threads, eao_pool **out);
void eao_pool_destroy(eao_pool *p);
/* Binds the pool's own threads to processors: its k-th (0, 1, ...) to cpu[k % n]. The caller's
 * thread, which works too, stays where it is. EAO_ERR_ARG: no such processor. */
eao_status eao_pool_pin(eao_pool *p, const uint32_t *cpu, uint32_t n);
/* The session uses at most as many threads as the package was compiled for; NULL: only the
 * caller's. */
void eao_session_set_pool(eao_session *s, eao_pool *p);
/* How many threads the package was compiled for. */
uint32_t eao_package_threads(const eao_package *m);

/* Called before (done 0) and after (done 1) each step of the program; NULL: none. A stage reports
 * each band of each of its steps. */
typedef void (*eao_profile_fn)(void *user, uint32_t step, int done);
void eao_session_set_profile(eao_session *s, eao_profile_fn fn, void *user);

/* ---- backends (optional) ----
 * Something else (an accelerator's driver, say) may run steps of a session. It sees whole tensors
 * in ordinary memory, so only steps outside streamed stages are offered (compile with --stream
 * never); constants stand as the op has them only where the step is not packed (compile with
 * --ref). */

typedef struct eao_step_view {
  uint32_t index; /* as eao_package_step_name counts */
  const char *name;
  uint16_t op;      /* its number, see docs/ops.md */
  const void *attr; /* the op's attribute struct */
  uint32_t attr_bytes, n_in, n_out;
  const eao_tensor *const *in, *const *out; /* constants have their data; NULL: omitted */
  int packed;                               /* constants are in the form of libeao's own kernel */
} eao_step_view;

typedef struct eao_backend {
  const char *name;
  void *user;
  /* Not 0: it wants the step. */
  int (*supports)(void *user, const eao_step_view *step);
  /* Once for each such step; may be NULL. EAO_ERR_UNSUPPORTED leaves it to libeao. */
  eao_status (*prepare)(void *user, const eao_step_view *step, void **out_state);
  eao_status (*run)(void *user, void *state, const eao_tensor *const *in, eao_tensor *const *out);
} eao_backend;

/* Offers the session's steps to b, which must outlive the session; NULL: libeao runs all of them.
 */
eao_status eao_session_set_backend(eao_session *s, const eao_backend *b);

/* Where a step runs, and what crosses to it: bytes of activations that another side made
 * (bytes_in), and that another side needs (bytes_out). */
typedef struct eao_step_coverage {
  const char *backend; /* NULL: libeao's kernels */
  uint64_t bytes_in, bytes_out;
} eao_step_coverage;
eao_status eao_session_coverage(const eao_session *s, uint32_t step, eao_step_coverage *out);

/* Runs the golden inputs that the package carries and compares: integers exactly, floats within
 * `tolerance` relative to the largest magnitude of the output. EAO_ERR_UNSUPPORTED when the package
 * has none; EAO_ERR_INTERNAL when an output differs. Leaves the state reset. */
eao_status eao_session_self_test(eao_session *s, double tolerance);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
