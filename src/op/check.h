/* For tests: runs one op on values written in the test and compares with values written there. */
#ifndef EAO_OP_CHECK_H
#define EAO_OP_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "op/op.h"

enum { CHECK_MAX = 64, CHECK_IO = 6 };

/* A tensor by value. Integers beyond 2^53 do not fit: use raw for them. */
typedef struct vec {
  eao_dtype dtype;
  int32_t rank;
  int64_t dim[4];
  double v[CHECK_MAX];
  const void *raw; /* the bytes instead of v */
} vec;

#define VEC(type, n, ...) ((vec){.dtype = type, .rank = 1, .dim = {n}, .v = {__VA_ARGS__}})
#define MAT(type, m, n, ...) ((vec){.dtype = type, .rank = 2, .dim = {m, n}, .v = {__VA_ARGS__}})
#define NUM(type, x) ((vec){.dtype = type, .v = {x}})
#define RAW(type, n, bytes) ((vec){.dtype = type, .rank = 1, .dim = {n}, .raw = bytes})
#define OMIT ((vec){.dtype = EAO_DTYPE_NONE})

static inline eao_tensor check_tensor(const vec *v, void *room) {
  eao_tensor t = {.dtype = v->dtype, .rank = v->rank, .data = room};
  memcpy(t.dim, v->dim, sizeof v->dim);
  int64_t n = eao_tensor_count(&t);
  assert_true(n <= CHECK_MAX);
  if (v->raw)
    memcpy(room, v->raw, (size_t)eao_dtype_bytes(v->dtype, n));
  else
    for (int64_t i = 0; i < n; i++) eao_set_f64(&t, i, v->v[i]);
  return t;
}

static inline bool check_close(double got, double want, double tolerance) {
  if (want != want) return got != got;
  if (isinf(want)) return got == want;
  return fabs(got - want) <= tolerance * (1 + fabs(want));
}

static inline void check_output(const char *op, uint32_t o, const eao_tensor *got, const vec *want,
                                double tolerance) {
  _Alignas(8) unsigned char room[CHECK_MAX * 8];
  eao_tensor w = check_tensor(want, room);
  if (got->dtype != w.dtype || got->rank != w.rank ||
      memcmp(got->dim, w.dim, (size_t)w.rank * sizeof *w.dim) != 0)
    fail_msg("%s: output %u is %s of rank %d", op, o, eao_dtype_name(got->dtype), got->rank);
  int64_t n = eao_tensor_count(&w);
  if (want->raw) {
    assert_memory_equal(got->data, want->raw, (size_t)eao_dtype_bytes(w.dtype, n));
    return;
  }
  for (int64_t i = 0; i < n; i++)
    if (!check_close(eao_get_f64(got, i), eao_get_f64(&w, i), tolerance))
      fail_msg("%s: output %u[%d] is %.17g, not %.17g", op, o, (int)i, eao_get_f64(got, i),
               eao_get_f64(&w, i));
}

/* attr NULL: defaults. want_status other than EAO_OK: the op must fail so. */
static inline void check_run(const char *op, const void *attr, const vec *in, uint32_t n_in,
                             const vec *want, uint32_t n_out, double tolerance,
                             eao_status want_status) {
  _Alignas(8) unsigned char room[CHECK_IO][CHECK_MAX * 8], defaults[2048];
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  const eao_op_desc *d = eao_op_get(eao_op_from_name(op));
  eao_tensor t[CHECK_IO], out[CHECK_IO] = {{.rank = -1}, {.rank = -1}, {.rank = -1}};
  const eao_tensor *p[CHECK_IO];
  if (!d) fail_msg("no op %s", op);
  assert_true(d->attr_size <= sizeof defaults);
  eao_op_attr_defaults(d, defaults);
  for (uint32_t i = 0; i < n_in; i++) {
    if (in[i].dtype) t[i] = check_tensor(&in[i], room[i]);
    p[i] = in[i].dtype ? &t[i] : NULL;
  }
  eao_status s = eao_op_eval(ctx, d, attr ? attr : defaults, p, n_in, out, n_out);
  if (s != want_status) fail_msg("%s: status %d, %s", op, (int)s, eao_ctx_message(ctx));
  for (uint32_t o = 0; o < n_out; o++) {
    if (s == EAO_OK) check_output(op, o, &out[o], &want[o], tolerance);
    eao_free(ctx, out[o].data);
  }
  eao_ctx_destroy(ctx);
}

static inline void check1(const char *op, const void *attr, vec x, vec want, double tolerance) {
  check_run(op, attr, &x, 1, &want, 1, tolerance, EAO_OK);
}
static inline void check2(const char *op, const void *attr, vec a, vec b, vec want,
                          double tolerance) {
  vec in[] = {a, b};
  check_run(op, attr, in, 2, &want, 1, tolerance, EAO_OK);
}
static inline void check_fails(const char *op, const void *attr, vec a, vec b, eao_status status) {
  vec in[] = {a, b};
  check_run(op, attr, in, 2, NULL, 1, 0, status);
}

#endif
