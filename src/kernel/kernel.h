/* How a kernel is called, and what reference kernels use to read and write elements of any type.
 * Nothing here allocates or keeps state. */
#ifndef EAO_KERNEL_KERNEL_H
#define EAO_KERNEL_KERNEL_H

#include <stdbool.h>

#include "base/half.h"
#include "eao/link.h"

/* One call. in[i] is NULL for an omitted optional input, out[i] for an output nobody wants.
 * Types and shapes of outputs are set and consistent (the op's infer computed them). Inputs and
 * outputs do not overlap unless the caller knows that the kernel allows it. */
struct eao_kcall {
  const eao_tensor *const *in;
  eao_tensor *const *out;
  uint32_t n_in, n_out;
  const void *attr;  /* the op's attribute struct */
  void *scratch;     /* as many bytes as the op's scratch query said, 16-byte aligned */
  const char *error; /* set to a static text when the kernel fails */
  /* A kernel marked EAO_KFLAG_SPLIT is called by n_part threads at once and computes share `part`
   * of the outputs; 0 and 1 both mean all of it. Other kernels may ignore both. */
  uint32_t part, n_part;
  int64_t row; /* first row to make, for kernels marked EAO_KFLAG_ROWS */
};

/* A list of integers inside an attribute struct. Attribute structs are plain data: they are
 * compared, hashed and stored as bytes, so they must not hold pointers (graph attributes apart). */
enum { EAO_MAX_INTS = 16 };
typedef struct eao_ints {
  int32_t n;
  int32_t pad;
  int64_t v[EAO_MAX_INTS];
} eao_ints;
typedef struct eao_floats {
  int32_t n;
  float v[EAO_MAX_INTS];
} eao_floats;

/* Bytes of a text inside an attribute struct, its NUL included. */
enum { EAO_MAX_TEXT = 64 };

static inline eao_status eao_kfail(eao_kcall *c, eao_status code, const char *text) {
  c->error = text;
  return code;
}

/* Of an op that has no meaning on quantised tensors, or not yet. */
static inline eao_status eao_kfail_quant(eao_kcall *c) {
  return eao_kfail(c, EAO_ERR_UNSUPPORTED, "no kernel for quantised tensors");
}

static inline bool eao_dtype_is_float(eao_dtype t) {
  return t == EAO_F32 || t == EAO_F16 || t == EAO_BF16 || t == EAO_F64;
}
static inline bool eao_dtype_is_signed(eao_dtype t) {
  return t == EAO_I8 || t == EAO_I16 || t == EAO_I32 || t == EAO_I64 || t == EAO_I4;
}
static inline bool eao_dtype_is_unsigned(eao_dtype t) {
  return t == EAO_U8 || t == EAO_U16 || t == EAO_U32 || t == EAO_U64 || t == EAO_U4;
}
static inline bool eao_dtype_is_int(eao_dtype t) {
  return eao_dtype_is_signed(t) || eao_dtype_is_unsigned(t);
}

/* Number of elements; all dims must be known and their product checked before (it was, wherever
 * the tensor has data). */
static inline int64_t eao_tensor_count(const eao_tensor *t) {
  int64_t n = 1;
  for (int32_t i = 0; i < t->rank; i++) n *= t->dim[i];
  return n;
}
/* Bytes that n elements take: 4-bit types are packed. */
static inline int64_t eao_dtype_bytes(eao_dtype t, int64_t n) {
  return (n * eao_dtype_bits(t) + 7) / 8;
}
/* Row-major element strides. */
static inline void eao_tensor_strides(const eao_tensor *t, int64_t *stride) {
  int64_t s = 1;
  for (int32_t i = t->rank - 1; i >= 0; i--) {
    stride[i] = s;
    s *= t->dim[i];
  }
}

/* Element i as a double: exact for every type but 64-bit integers beyond 2^53. */
double eao_get_f64(const eao_tensor *t, int64_t i);
/* Rounds to nearest even for floats. Integers: truncated toward zero, saturated, NaN becomes 0.
 * Bool: v != 0. */
void eao_set_f64(eao_tensor *t, int64_t i, double v);
/* Element i of an integer or bool tensor; u64 is reinterpreted. Floats are truncated. */
int64_t eao_get_i64(const eao_tensor *t, int64_t i);
/* Stores the low bits (wraps, as C casts and ONNX arithmetic do). Bool: v != 0. */
void eao_set_i64(eao_tensor *t, int64_t i, int64_t v);
/* Smallest and largest value of an integer type. u64's maximum is clipped to INT64_MAX. */
int64_t eao_dtype_min(eao_dtype t);
int64_t eao_dtype_max(eao_dtype t);
/* scale and zero point that apply to element i of a quantised tensor. */
float eao_quant_scale(const eao_tensor *t, int64_t i);
int32_t eao_quant_zero(const eao_tensor *t, int64_t i);
/* Element i as a real number: dequantised when t is quantised. */
static inline double eao_get_real(const eao_tensor *t, int64_t i) {
  if (t->dtype == EAO_F32) return (double)((const float *)t->data)[i];
  if (t->quant.n == 0) return eao_get_f64(t, i);
  return (double)eao_quant_scale(t, i) * (double)(eao_get_i64(t, i) - eao_quant_zero(t, i));
}

/* Walks the elements of `t` in the order of the elements of `out`, to which it broadcasts. */
typedef struct eao_bcast {
  int32_t rank;
  int64_t dim[EAO_MAX_RANK], stride[EAO_MAX_RANK], index[EAO_MAX_RANK], pos;
} eao_bcast;
void eao_bcast_init(eao_bcast *b, const eao_tensor *t, const eao_tensor *out);
/* Index into t of the next element. */
static inline int64_t eao_bcast_next(eao_bcast *b) {
  int64_t pos = b->pos;
  for (int32_t d = b->rank - 1; d >= 0; d--) {
    b->pos += b->stride[d];
    if (++b->index[d] < b->dim[d]) break;
    b->pos -= b->stride[d] * b->dim[d];
    b->index[d] = 0;
  }
  return pos;
}

#endif
