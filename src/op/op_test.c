/* Walks the op table: every op must be described, must run on its samples, must infer with
 * anything unknown, and must refuse or survive every call that is not legal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/ref/move.h"
#include "op/op.h"

enum { SAMPLES_MAX = 256 };

static const char *const table_names[EAO_OP_LIMIT] = {
#define EAO_OP(name, number) [number] = #name,
#include "op/ops.def"
#undef EAO_OP
};

static int n_bad;

EAO_PRINTF(2, 3) static void bad(const eao_op_desc *d, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  if (++n_bad <= 60) {
    fprintf(stderr, "%s: ", d->name);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
  }
  va_end(ap);
}

/* ---- descriptors ---- */

static size_t attr_bytes(const eao_attr_desc *a) {
  switch (a->kind) {
  case EAO_ATTR_INT: return sizeof(int64_t);
  case EAO_ATTR_BOOL:
  case EAO_ATTR_ENUM:
  case EAO_ATTR_DTYPE: return sizeof(int32_t);
  case EAO_ATTR_FLOAT: return sizeof(float);
  case EAO_ATTR_INTS:
  case EAO_ATTR_ENUMS: return sizeof(eao_ints);
  case EAO_ATTR_FLOATS: return sizeof(eao_floats);
  case EAO_ATTR_TEXT: return EAO_MAX_TEXT;
  case EAO_ATTR_GRAPH: return sizeof(void *);
  }
  return SIZE_MAX;
}

static void check_attrs(const eao_op_desc *d) {
  if (d->n_attrs && !d->attr_size) bad(d, "attributes but no struct");
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    const eao_attr_desc *a = &d->attrs[i];
    size_t size = attr_bytes(a);
    if (!a->name || !*a->name) bad(d, "attribute %u has no name", i);
    if (!a->doc || !*a->doc) bad(d, "%s: no doc", a->name);
    if (size > d->attr_size || a->offset > d->attr_size - size) bad(d, "%s: outside", a->name);
    if ((a->kind == EAO_ATTR_ENUM || a->kind == EAO_ATTR_ENUMS) && (!a->names || !a->names[0]))
      bad(d, "%s: an enum without names", a->name);
    for (uint32_t k = 0; k < i; k++) {
      const eao_attr_desc *b = &d->attrs[k];
      if (strcmp(a->name, b->name) == 0) bad(d, "%s: twice", a->name);
      if (a->offset < b->offset + attr_bytes(b) && b->offset < a->offset + size)
        bad(d, "%s and %s overlap", a->name, b->name);
    }
  }
}

static void descriptors(void **state) {
  (void)state;
  n_bad = 0;
  for (uint32_t op = 0; op < EAO_OP_LIMIT; op++) {
    const eao_op_desc *d = eao_op_get(op);
    assert_int_equal(d != NULL, table_names[op] != NULL);
    if (!d) continue;
    if (strcmp(d->name, table_names[op]) != 0) bad(d, "stands in the row of %s", table_names[op]);
    if (eao_op_from_name(d->name) != op) bad(d, "the name is taken");
    if (!d->doc || !*d->doc) bad(d, "no doc");
    if (strchr(d->doc, '\n')) bad(d, "doc has several lines");
    if (!d->infer) bad(d, "no infer");
    if (!d->ref && !(d->traits & EAO_TRAIT_CONTROL)) bad(d, "no reference kernel");
    if (d->min_in > d->max_in || d->min_out > d->max_out || !d->max_out) bad(d, "arity");
    if (!d->sample && !(d->traits & EAO_TRAIT_CONTROL)) bad(d, "no samples");
    check_attrs(d);
  }
  assert_int_equal(n_bad, 0);
}

/* ---- samples with data ---- */

typedef struct fixture {
  eao_ctx *ctx;
  const eao_op_desc *d;
  uint32_t k;
  eao_sample s;
  void *data[EAO_SAMPLE_MAX]; /* owned; exactly as large as the tensor, for the sanitizer */
  eao_rng rng;
  bool skip;
  float scale[8]; /* of a changed quantisation */
  int32_t zero[8];
} fixture;

static bool known_bytes(const fixture *x, const eao_tensor *t, uint64_t *out) {
  if (t->rank < 0) return false;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return false;
  return eao_tensor_nbytes(x->ctx, t, out) == EAO_OK && *out <= 1 << 20;
}

static void fill(fixture *x, eao_tensor *t, double lo, double hi) {
  if (lo == 0 && hi == 0) {
    lo = -2;
    hi = 2;
  }
  int64_t n = eao_tensor_count(t);
  for (int64_t i = 0; i < n; i++) {
    double v = lo + (hi - lo) * eao_rng_f64(&x->rng);
    if (t->dtype == EAO_BOOL) v = v >= (lo + hi) / 2;
    eao_set_f64(t, i, eao_dtype_is_float(t->dtype) ? v : floor(v));
  }
}

/* Gives input i data of its own (again, after a change of its type). False: too large. */
static bool give_data(fixture *x, uint32_t i, const void *fixed) {
  eao_tensor *t = &x->s.in[i];
  uint64_t bytes;
  if (!known_bytes(x, t, &bytes)) return false;
  free(x->data[i]);
  t->data = x->data[i] = malloc(bytes ? (size_t)bytes : 1);
  memset(t->data, 0, (size_t)bytes);
  if (fixed)
    memcpy(t->data, fixed, (size_t)bytes);
  else
    fill(x, t, x->s.lo[i], x->s.hi[i]);
  return true;
}

static void drop(fixture *x) {
  for (uint32_t i = 0; i < EAO_SAMPLE_MAX; i++) free(x->data[i]);
  free(x->s.attr);
  memset(x->data, 0, sizeof x->data);
}

/* Sample k with data; false when there is none. Call drop() after true. */
static bool load(fixture *x, const eao_op_desc *d, uint32_t k) {
  x->d = d;
  x->k = k;
  memset(&x->s, 0, sizeof x->s);
  memset(x->data, 0, sizeof x->data);
  x->rng.state = k;
  x->skip = false;
  x->s.attr = malloc(d->attr_size ? d->attr_size : 1);
  eao_op_attr_defaults(d, x->s.attr);
  for (uint32_t i = 0; i < EAO_SAMPLE_MAX; i++) x->s.out[i].rank = -1;
  if (!d->sample || !d->sample(k, &x->s)) {
    free(x->s.attr);
    return false;
  }
  for (uint32_t i = 0; i < x->s.n_in; i++)
    if (x->s.in[i].dtype && !give_data(x, i, x->s.in[i].data)) bad(d, "sample %u: input %u", k, i);
  return true;
}

static eao_status infer(fixture *x, eao_tensor *out) {
  const eao_tensor *in[EAO_SAMPLE_MAX];
  for (uint32_t i = 0; i < x->s.n_in; i++) in[i] = x->s.in[i].dtype ? &x->s.in[i] : NULL;
  memcpy(out, x->s.out, sizeof x->s.out);
  eao_infer f = {x->ctx, x->s.attr, x->s.n_in, x->s.n_out, in, out};
  return x->d->infer(&f);
}

/* Outputs' data must be given to free_out. */
static eao_status eval(fixture *x, eao_tensor *out) {
  const eao_tensor *in[EAO_SAMPLE_MAX];
  for (uint32_t i = 0; i < x->s.n_in; i++) in[i] = x->s.in[i].dtype ? &x->s.in[i] : NULL;
  memcpy(out, x->s.out, sizeof x->s.out);
  return eao_op_eval(x->ctx, x->d, x->s.attr, in, x->s.n_in, out, x->s.n_out);
}

static void free_out(fixture *x, eao_tensor *out) {
  for (uint32_t i = 0; i < x->s.n_out; i++) eao_free(x->ctx, out[i].data);
}

/* What was inferred with something unknown must not contradict what is. */
static void check_agrees(fixture *x, const eao_tensor *guess, const eao_tensor *is,
                         const char *what) {
  for (uint32_t i = 0; i < x->s.n_out; i++) {
    bool ok = guess[i].dtype == EAO_DTYPE_NONE || guess[i].dtype == is[i].dtype;
    if (guess[i].rank >= 0) ok = ok && guess[i].rank == is[i].rank;
    for (int32_t k = 0; ok && k < guess[i].rank; k++)
      ok = guess[i].dim[k] < 0 || guess[i].dim[k] == is[i].dim[k];
    if (!ok) bad(x->d, "sample %u: output %u inferred wrong with %s", x->k, i, what);
  }
}

static void infer_unknown(fixture *x, const eao_tensor *is, const char *what) {
  eao_tensor out[EAO_SAMPLE_MAX];
  eao_status s = infer(x, out);
  if (s != EAO_OK)
    bad(x->d, "sample %u: infer fails with %s: %s", x->k, what, eao_ctx_message(x->ctx));
  else
    check_agrees(x, out, is, what);
}

/* Each input alone, then all of them: without data, without extents, without rank. */
static void check_unknown(fixture *x, const eao_tensor *is) {
  eao_tensor was[EAO_SAMPLE_MAX];
  memcpy(was, x->s.in, sizeof was);
  char what[64];
  for (uint32_t which = 0; which <= x->s.n_in; which++) {
    for (int32_t step = -2; step <= EAO_MAX_RANK; step++) {
      for (uint32_t i = 0; i < x->s.n_in; i++) {
        eao_tensor *t = &x->s.in[i];
        if (!t->dtype || (which != i && which != x->s.n_in)) continue;
        t->data = NULL;
        if (step == -1) t->rank = -1;
        for (int32_t k = 0; k < t->rank; k++)
          if (step == EAO_MAX_RANK || step == k) t->dim[k] = -1;
      }
      snprintf(what, sizeof what, "%s %u, %s %d", which < x->s.n_in ? "input" : "all inputs", which,
               step == -2   ? "no data"
               : step == -1 ? "rank unknown"
                            : "unknown extent",
               step);
      infer_unknown(x, is, what);
      memcpy(x->s.in, was, sizeof was);
    }
  }
}

/* ---- kernels as the runtime calls them: on memory that holds anything ---- */

typedef struct direct {
  unsigned char *out[EAO_SAMPLE_MAX];
  size_t bytes[EAO_SAMPLE_MAX];
} direct;

/* Runs the reference kernel with outputs and scratch full of `fill`; wanted: bit i for output i. */
static eao_status run_direct(fixture *x, const eao_tensor *shape, uint32_t wanted, int fill,
                             direct *r) {
  const eao_tensor *in[EAO_SAMPLE_MAX];
  eao_tensor t[EAO_SAMPLE_MAX], *out[EAO_SAMPLE_MAX];
  for (uint32_t i = 0; i < x->s.n_in; i++) in[i] = x->s.in[i].dtype ? &x->s.in[i] : NULL;
  for (uint32_t i = 0; i < x->s.n_out; i++) {
    r->bytes[i] = (size_t)eao_dtype_bytes(shape[i].dtype, eao_tensor_count(&shape[i]));
    r->out[i] = malloc(r->bytes[i] ? r->bytes[i] : 1);
    memset(r->out[i], fill, r->bytes[i]);
    t[i] = shape[i];
    t[i].data = r->out[i];
    out[i] = wanted >> i & 1 ? &t[i] : NULL;
  }
  eao_kcall c = {.in = in, .out = out, .n_in = x->s.n_in, .n_out = x->s.n_out, .attr = x->s.attr};
  size_t n = x->d->ref_scratch ? x->d->ref_scratch(&c) : 0;
  c.scratch = n ? malloc(n) : NULL;
  if (n) memset(c.scratch, fill, n);
  eao_status s = x->d->ref(&c);
  free(c.scratch);
  return s;
}

static bool same_output(const eao_tensor *t, const unsigned char *a, const unsigned char *b,
                        size_t bytes) {
  if (eao_dtype_bits(t->dtype) == 4 && eao_tensor_count(t) % 2) { /* half of the last is padding */
    bytes--;
    if ((a[bytes] ^ b[bytes]) & 15) return false;
  }
  return bytes == 0 || memcmp(a, b, bytes) == 0;
}

/* Every element is written, whatever was there, and nothing depends on what else is wanted. */
static void check_kernel(fixture *x, const eao_tensor *shape) {
  uint32_t all = (1u << x->s.n_out) - 1;
  if (x->d->traits & EAO_TRAIT_RANDOM) return;
  for (uint32_t pass = 0; pass <= x->s.n_out; pass++) {
    uint32_t wanted = pass ? 1u << (pass - 1) : all;
    direct r = {0};
    if (run_direct(x, shape, wanted, pass ? 0x11 : 0xA5, &r) != EAO_OK)
      bad(x->d, "sample %u: the kernel fails when called alone", x->k);
    for (uint32_t i = 0; i < x->s.n_out; i++) {
      if (wanted >> i & 1 && !same_output(&shape[i], r.out[i], shape[i].data, r.bytes[i]))
        bad(x->d, "sample %u: output %u depends on what memory held (outputs wanted: %x)", x->k, i,
            wanted);
      free(r.out[i]);
    }
  }
}

static void samples(void **state) {
  (void)state;
  n_bad = 0;
  fixture x = {.ctx = eao_ctx_create(NULL, NULL)};
  for (uint32_t op = 0; op < EAO_OP_LIMIT; op++) {
    const eao_op_desc *d = eao_op_get(op);
    if (!d) continue;
    uint32_t k = 0;
    for (; k < SAMPLES_MAX && load(&x, d, k); k++) {
      eao_tensor out[EAO_SAMPLE_MAX];
      if (x.s.n_in < d->min_in || x.s.n_in > d->max_in || x.s.n_out < d->min_out ||
          x.s.n_out > d->max_out)
        bad(d, "sample %u: arity", k);
      eao_status s = d->ref ? eval(&x, out) : infer(&x, out);
      if (s != EAO_OK)
        bad(d, "sample %u: %s", k, eao_ctx_message(x.ctx));
      else
        check_unknown(&x, out);
      if (s == EAO_OK && d->ref) check_kernel(&x, out);
      if (d->ref) free_out(&x, out);
      drop(&x);
    }
    if (!k && d->sample) bad(d, "no sample");
    if (k == SAMPLES_MAX) bad(d, "samples do not end");
  }
  assert_int_equal(n_bad, 0);
  assert_int_equal(x.ctx->heap_bytes, 0);
  eao_ctx_destroy(x.ctx);
}

/* ---- scales along an axis ---- */

/* Where the scales of axis `from` of [2, 3, 4] go; -2: nowhere. */
static int32_t moved(uint16_t op, const void *attr, int32_t from, int32_t rank, int64_t d0,
                     int64_t d1, int64_t d2, int64_t d3) {
  static const float scale[] = {1, 2, 3, 4};
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_tensor x = {.dtype = EAO_I8, .rank = 3, .dim = {2, 3, 4}};
  eao_tensor y = {.dtype = EAO_I8, .rank = rank, .dim = {d0, d1, d2, d3}};
  x.quant = (eao_quant){.axis = from, .n = (int32_t)x.dim[from], .scale = scale};
  eao_status s = eao_moved_quant(ctx, op, attr, &x, &y);
  eao_ctx_destroy(ctx);
  return s == EAO_OK ? y.quant.axis : -2;
}

static void scales_follow_their_axis(void **state) {
  (void)state;
  eao_transpose_attr turn = {{.n = 3, .v = {2, 0, 1}}};
  assert_int_equal(moved(EAO_OP_transpose, &turn, 0, 3, 4, 2, 3, 0), 1);
  assert_int_equal(moved(EAO_OP_transpose, &turn, 2, 3, 4, 2, 3, 0), 0);
  assert_int_equal(moved(EAO_OP_reshape, NULL, 2, 2, 6, 4, 0, 0), 1);
  assert_int_equal(moved(EAO_OP_reshape, NULL, 0, 2, 2, 12, 0, 0), 0);
  assert_int_equal(moved(EAO_OP_reshape, NULL, 1, 4, 2, 1, 3, 4), 2);
  assert_int_equal(moved(EAO_OP_reshape, NULL, 1, 2, 6, 4, 0, 0), -2);
  assert_int_equal(moved(EAO_OP_unsqueeze, NULL, 0, 4, 1, 2, 3, 4), 1);
  assert_int_equal(moved(EAO_OP_reverse, NULL, 0, 3, 2, 3, 4, 0), -2);
}

/* ---- calls that are not legal ---- */

/* A quantised tensor is only handed to an op with as many scales as its axis has entries. */
static bool quant_fits(const eao_tensor *t) {
  return !t->quant.n || t->quant.axis < 0 ||
         (t->quant.axis < t->rank && t->dim[t->quant.axis] == t->quant.n);
}

static void try_call(fixture *x) {
  eao_tensor out[EAO_SAMPLE_MAX];
  for (uint32_t i = 0; i < x->s.n_in; i++)
    if (x->s.in[i].dtype && !quant_fits(&x->s.in[i])) return;
  x->ctx->message[0] = 0;
  eao_status s = eval(x, out);
  if (s != EAO_OK && !*eao_ctx_message(x->ctx))
    bad(x->d, "sample %u: fails without a message", x->k);
  if (s == EAO_ERR_INTERNAL) bad(x->d, "sample %u: %s", x->k, eao_ctx_message(x->ctx));
  free_out(x, out);
}

/* Change number m of input i; false when there are no more. Sets skip when it makes no call. */
static bool mutate_input(fixture *x, uint32_t i, uint32_t m) {
  static const int64_t extremes[] = {INT64_MIN, INT32_MIN, -1000, -1, 0, 1, 1000, INT64_MAX};
  eao_tensor *t = &x->s.in[i];
  if (m < EAO_DTYPE_COUNT - 1) {
    t->dtype = (eao_dtype)(m + 1);
    x->skip = !give_data(x, i, NULL);
    return true;
  }
  m -= EAO_DTYPE_COUNT - 1;
  if (m <= EAO_MAX_RANK) { /* another rank */
    for (int32_t k = t->rank; k < (int32_t)m; k++) t->dim[k] = 1;
    t->rank = (int32_t)m;
    x->skip = !give_data(x, i, NULL);
    return true;
  }
  m -= EAO_MAX_RANK + 1;
  if (m < 4 * EAO_MAX_RANK) { /* another extent */
    uint32_t axis = m / 4;
    if ((int32_t)axis < t->rank) {
      int64_t to[] = {0, 1, t->dim[axis] + 1, t->dim[axis] - 1};
      t->dim[axis] = to[m % 4];
      x->skip = !give_data(x, i, NULL);
    }
    return true;
  }
  m -= 4 * EAO_MAX_RANK;
  if (m < EAO_COUNT(extremes)) { /* other data: indices, axes, shapes */
    int64_t n = eao_tensor_count(t);
    for (int64_t e = 0; e < n; e++) eao_set_i64(t, e, extremes[m]);
    return true;
  }
  if (m == EAO_COUNT(extremes)) { /* left out */
    if (i >= x->d->min_in) t->dtype = EAO_DTYPE_NONE;
    return true;
  }
  if (m == EAO_COUNT(extremes) + 1) {
    if (i >= x->d->min_in) x->s.n_in = i;
    return true;
  }
  return false;
}

/* One entry an element of axis; an output's shape is not known here, and may not fit. */
static void per_axis(fixture *x, eao_tensor *t, int32_t axis) {
  int64_t n = t->rank < 0 ? 3 : axis < t->rank ? t->dim[axis] : 0;
  if (n < 1 || n > (int64_t)EAO_COUNT(x->scale)) return;
  for (uint32_t i = 0; i < EAO_COUNT(x->scale); i++) {
    x->scale[i] = 0.01f * (float)(i + 1);
    x->zero[i] = (int32_t)i;
  }
  t->quant = (eao_quant){axis, (int32_t)n, x->scale, x->zero};
}

/* Another quantisation of a quantised tensor: what the verifier lets pass. */
static bool mutate_quant(fixture *x, eao_tensor *t, uint32_t m) {
  static const float scales[] = {0, 1e-38f, 1e-10f, 0.5f, 1e10f, 3e38f};
  static const int32_t zeros[] = {INT32_MIN, -129, -1, 256, 32768, INT32_MAX};
  enum { N_SCALE = EAO_COUNT(scales), N_ZERO = EAO_COUNT(zeros) };
  if (!t->quant.n || m >= N_SCALE + N_ZERO + 2 + EAO_MAX_RANK) return false;
  if (m < N_SCALE) {
    x->scale[0] = scales[m];
    t->quant.scale = x->scale;
  } else if (m < N_SCALE + N_ZERO) {
    x->zero[0] = zeros[m - N_SCALE];
    t->quant.zero = x->zero;
  } else if (m == N_SCALE + N_ZERO) {
    t->quant.zero = NULL;
  } else if (m == N_SCALE + N_ZERO + 1) {
    t->quant = (eao_quant){0};
  } else {
    per_axis(x, t, (int32_t)m - (N_SCALE + N_ZERO + 2));
  }
  return true;
}

static bool mutate_ints(eao_ints *v, uint32_t m, int64_t n_names) {
  static const int64_t extremes[] = {INT64_MIN, -1000, -1, 0, 1, 2, 1000, INT32_MAX, INT64_MAX};
  if (m <= EAO_MAX_INTS) {
    for (int32_t k = v->n; k < (int32_t)m; k++) v->v[k] = n_names ? 0 : 1;
    v->n = (int32_t)m;
    return true;
  }
  m -= EAO_MAX_INTS + 1;
  if (m >= 2 * EAO_COUNT(extremes)) return false;
  int64_t to = extremes[m / 2];
  if (n_names) to = (int64_t)m % n_names;
  for (int32_t k = 0; k < (m % 2 ? v->n : v->n > 0); k++) v->v[k] = to;
  return true;
}

/* Change number m of an attribute, within what the verifier lets pass. */
static bool mutate_attr(fixture *x, const eao_attr_desc *a, uint32_t m) {
  static const int64_t ints[] = {INT64_MIN, INT32_MIN, -1000, -2,   -1,        0,
                                 1,         2,         3,     1000, INT32_MAX, INT64_MAX};
  static const float floats[] = {0, -1, 1e-30f, 1e30f, INFINITY, -INFINITY, NAN};
  char *p = (char *)x->s.attr + a->offset;
  int32_t v = (int32_t)m;
  int64_t n_names = 0;
  while (a->names && a->names[n_names]) n_names++;
  switch (a->kind) {
  case EAO_ATTR_INT:
    if (m >= EAO_COUNT(ints)) return false;
    memcpy(p, &ints[m], sizeof ints[m]);
    return true;
  case EAO_ATTR_BOOL:
  case EAO_ATTR_ENUM:
  case EAO_ATTR_DTYPE:
    memcpy(p, &v, sizeof v);
    return v < (a->kind == EAO_ATTR_BOOL    ? 2
                : a->kind == EAO_ATTR_DTYPE ? (int32_t)EAO_DTYPE_COUNT
                                            : (int32_t)n_names);
  case EAO_ATTR_FLOAT:
    if (m >= EAO_COUNT(floats)) return false;
    memcpy(p, &floats[m], sizeof floats[m]);
    return true;
  case EAO_ATTR_INTS:
  case EAO_ATTR_ENUMS: return mutate_ints((eao_ints *)(void *)p, m, n_names);
  case EAO_ATTR_FLOATS:
    if (m > EAO_MAX_INTS) return false;
    memcpy(p, &v, sizeof v);
    return true;
  case EAO_ATTR_TEXT:
    if (m > 95) return false;
    if (m == 95)
      memset(p, 'a', EAO_MAX_TEXT - 1);
    else
      p[0] = (char)(m + 32);
    return true;
  case EAO_ATTR_GRAPH: return false;
  }
  return false;
}

/* Everything that can be wrong with one call of sample k, one thing at a time. */
static void mutate_all(fixture *x, const eao_op_desc *d, uint32_t k, uint32_t n_in,
                       uint32_t n_out) {
  for (uint32_t i = 0; i < n_in; i++) {
    bool more = true;
    for (uint32_t m = 0; more && load(x, d, k); m++) {
      more = x->s.in[i].dtype && mutate_input(x, i, m);
      if (more && !x->skip) try_call(x);
      drop(x);
    }
  }
  for (uint32_t i = 0; i < n_in + n_out; i++) {
    bool more = true;
    for (uint32_t m = 0; more && load(x, d, k); m++) {
      eao_tensor *t = i < n_in ? &x->s.in[i] : &x->s.out[i - n_in];
      if ((more = (t->quant.n <= 1 && mutate_quant(x, t, m)))) try_call(x);
      drop(x);
    }
  }
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    bool more = true;
    for (uint32_t m = 0; more && load(x, d, k); m++) {
      if ((more = mutate_attr(x, &d->attrs[i], m))) try_call(x);
      drop(x);
    }
  }
}

static void illegal(void **state) {
  (void)state;
  n_bad = 0;
  eao_limits limits = {.max_tensor_bytes = 1 << 20};
  fixture x = {.ctx = eao_ctx_create(NULL, &limits)};
  for (uint32_t op = 0; op < EAO_OP_LIMIT; op++) {
    const eao_op_desc *d = eao_op_get(op);
    if (!d || !d->ref || !d->sample) continue;
    for (uint32_t k = 0; k < SAMPLES_MAX && load(&x, d, k); k++) {
      uint32_t n_in = x.s.n_in, n_out = x.s.n_out;
      drop(&x);
      mutate_all(&x, d, k, n_in, n_out);
    }
  }
  assert_int_equal(n_bad, 0);
  assert_int_equal(x.ctx->heap_bytes, 0);
  eao_ctx_destroy(x.ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(descriptors),
      cmocka_unit_test(samples),
      cmocka_unit_test(scales_follow_their_axis),
      cmocka_unit_test(illegal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
