/* Types shared by the host library (eao.h) and the device runtime (rt.h). libc headers only. */
#ifndef EAO_TYPES_H
#define EAO_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* Result of every call that can fail. The numbers are stable. */
typedef enum eao_status {
  EAO_OK = 0,
  EAO_ERR_ARG = 1,         /* the caller passed something impossible */
  EAO_ERR_NOMEM = 2,       /* an allocation failed or a declared limit was reached */
  EAO_ERR_FORMAT = 3,      /* a file is malformed */
  EAO_ERR_UNSUPPORTED = 4, /* valid, but EAO cannot do it (yet) */
  EAO_ERR_SHAPE = 5,       /* shapes do not fit together */
  EAO_ERR_TYPE = 6,        /* element types do not fit together */
  EAO_ERR_BUDGET = 7,      /* no candidate meets the budget */
  EAO_ERR_IO = 8,          /* the operating system refused a read or write */
  EAO_ERR_AUTH = 9,        /* hash or signature does not match */
  EAO_ERR_INTERNAL = 10    /* a bug in EAO */
} eao_status;

/* Element types; see dtypes.def. */
typedef enum eao_dtype {
  EAO_DTYPE_NONE = 0,
#define EAO_DTYPE(id, num, name, bits, kind) EAO_##id = num,
#include "eao/dtypes.def"
#undef EAO_DTYPE
  EAO_DTYPE_COUNT = 16
} eao_dtype;

enum { EAO_MAX_RANK = 8 };

/* Affine quantisation: real = scale[c] * (q - zero[c]).
 * n == 0: not quantised. axis < 0: per tensor, n == 1. Otherwise n == dim[axis].
 * zero may be NULL (all zero). Both arrays are borrowed. */
typedef struct eao_quant {
  int32_t axis;
  int32_t n;
  const float *scale;
  const int32_t *zero;
} eao_quant;

/* A tensor, or the type of one when data is NULL. Row-major, dense.
 * rank == -1: rank not known. dim[i] == -1: extent not known. The struct never owns data. */
typedef struct eao_tensor {
  eao_dtype dtype;
  int32_t rank;
  int64_t dim[EAO_MAX_RANK];
  eao_quant quant;
  void *data;
} eao_tensor;

/* Name of a status ("out of memory", ...) or dtype ("f32", ...). Never NULL. */
const char *eao_status_name(eao_status s);
const char *eao_dtype_name(eao_dtype t);
/* Bits per element: 0 for an invalid dtype. */
int eao_dtype_bits(eao_dtype t);
/* dtype by name, EAO_DTYPE_NONE when unknown. */
eao_dtype eao_dtype_from_name(const char *name);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#ifdef __cplusplus
}
#endif
#endif
