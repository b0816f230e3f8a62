/* Tensors that own their data. */
#include <math.h>
#include <string.h>

#include "data/data.h"
#include "ir/graph.h"
#include "kernel/kernel.h"

eao_status eao_tensor_create(eao_ctx *ctx, eao_dtype dtype, int32_t rank, const int64_t *dim,
                             eao_tensor *out) {
  uint64_t bytes;
  memset(out, 0, sizeof *out);
  if (rank < 0 || rank > EAO_MAX_RANK || !eao_dtype_bits(dtype))
    return eao_fail(ctx, EAO_ERR_ARG, "no tensor of type %d and rank %d", (int)dtype, rank);
  out->dtype = dtype;
  out->rank = rank;
  if (rank) memcpy(out->dim, dim, (size_t)rank * sizeof *dim);
  EAO_TRY(eao_tensor_nbytes(ctx, out, &bytes));
  if (bytes > ctx->limits.max_tensor_bytes)
    return eao_fail(ctx, EAO_ERR_NOMEM, "a tensor of %llu bytes is above the limit of %llu",
                    (unsigned long long)bytes, (unsigned long long)ctx->limits.max_tensor_bytes);
  out->data = eao_alloc(ctx, (size_t)bytes);
  return out->data ? EAO_OK : EAO_NOMEM(ctx);
}

void eao_tensor_destroy(eao_ctx *ctx, eao_tensor *t) {
  eao_free(ctx, t->data);
  t->data = NULL;
}

int64_t eao_tensor_elements(const eao_tensor *t) {
  if (t->rank < 0) return 0;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return 0;
  return eao_tensor_count(t);
}

double eao_tensor_raw(const eao_tensor *t, int64_t i) {
  return eao_get_f64(t, i);
}

double eao_tensor_real(const eao_tensor *t, int64_t i) {
  double v = eao_get_f64(t, i);
  if (!t->quant.n) return v;
  return (v - eao_quant_zero(t, i)) * (double)eao_quant_scale(t, i);
}

/* What eao_set_f64 truncates is rounded here first. */
static void set_rounded(eao_tensor *t, int64_t i, double v) {
  eao_set_f64(t, i, eao_dtype_is_float(t->dtype) || t->dtype == EAO_BOOL ? v : rint(v));
}

static void set_real(eao_tensor *t, int64_t i, double v) {
  if (t->quant.n) v = v / (double)eao_quant_scale(t, i) + eao_quant_zero(t, i);
  set_rounded(t, i, v);
}

static bool is_exact_int(eao_dtype t) {
  return eao_dtype_is_int(t) || t == EAO_BOOL;
}

static bool same_quant(const eao_quant *a, const eao_quant *b) {
  return a->n == b->n &&
         (a->n == 0 || (a->axis == b->axis && a->scale == b->scale && a->zero == b->zero));
}

eao_status eao_tensor_cast(eao_ctx *ctx, const eao_tensor *t, eao_dtype dtype,
                           const eao_quant *quant, eao_tensor *out) {
  EAO_TRY(eao_tensor_create(ctx, dtype, t->rank, t->dim, out));
  if (quant) out->quant = *quant;
  int64_t n = eao_tensor_count(t);
  bool real = t->quant.n || out->quant.n;
  if (t->dtype == dtype && same_quant(&t->quant, &out->quant)) {
    memcpy(out->data, t->data, (size_t)eao_dtype_bytes(dtype, n));
    return EAO_OK;
  }
  /* 64-bit integers do not survive a trip through double. */
  bool wide = !real && is_exact_int(t->dtype) && (dtype == EAO_I64 || dtype == EAO_U64);
  for (int64_t i = 0; i < n; i++) {
    if (wide)
      eao_set_i64(out, i, eao_get_i64(t, i));
    else
      set_real(out, i, eao_tensor_real(t, i));
  }
  return EAO_OK;
}

static void copy_element(eao_tensor *to, int64_t i, const eao_tensor *from, int64_t j) {
  int bits = eao_dtype_bits(to->dtype);
  if (bits < 8) {
    eao_set_i64(to, i, eao_get_i64(from, j));
    return;
  }
  size_t n = (size_t)bits / 8;
  memcpy((char *)to->data + (size_t)i * n, (const char *)from->data + (size_t)j * n, n);
}

eao_status eao_tensor_permute(eao_ctx *ctx, const eao_tensor *t, const int32_t *perm,
                              eao_tensor *out) {
  int64_t dim[EAO_MAX_RANK], stride[EAO_MAX_RANK], index[EAO_MAX_RANK] = {0}, pos = 0;
  uint32_t seen = 0;
  for (int32_t i = 0; i < t->rank; i++) {
    if (perm[i] < 0 || perm[i] >= t->rank || (seen & 1u << perm[i]))
      return eao_fail(ctx, EAO_ERR_ARG, "not a permutation of %d axes", t->rank);
    seen |= 1u << perm[i];
    dim[i] = t->dim[perm[i]];
  }
  EAO_TRY(eao_tensor_create(ctx, t->dtype, t->rank, dim, out));
  if (t->quant.axis < 0) out->quant = t->quant;
  eao_tensor_strides(t, stride);
  int64_t n = eao_tensor_count(out);
  for (int64_t i = 0; i < n; i++) {
    copy_element(out, i, t, pos);
    for (int32_t d = t->rank - 1; d >= 0; d--) {
      pos += stride[perm[d]];
      if (++index[d] < dim[d]) break;
      pos -= stride[perm[d]] * dim[d];
      index[d] = 0;
    }
  }
  return EAO_OK;
}

eao_status eao_tensor_random(eao_ctx *ctx, const eao_tensor *type, uint64_t seed, double lo,
                             double hi, eao_tensor *out) {
  EAO_TRY(eao_tensor_create(ctx, type->dtype, type->rank, type->dim, out));
  out->quant = type->quant;
  bool is_float = eao_dtype_is_float(type->dtype);
  if (lo == 0 && hi == 0) {
    bool all = eao_dtype_bits(type->dtype) <= 8 || type->quant.n;
    lo = is_float ? -1 : all ? (double)eao_dtype_min(type->dtype) : 0;
    hi = is_float || !all ? 1 : (double)eao_dtype_max(type->dtype);
  }
  eao_rng rng = {seed};
  int64_t n = eao_tensor_count(out);
  for (int64_t i = 0; i < n; i++) {
    double u = eao_rng_f64(&rng);
    if (is_float)
      eao_set_f64(out, i, lo + u * (hi - lo));
    else
      eao_set_f64(out, i, floor(lo + u * (hi - lo + 1)));
  }
  return EAO_OK;
}
