/* Tensors and buffers of a TFLite file as values of the graph. */
#include <math.h>
#include <string.h>

#include "import/tflite/tflite.h"
#include "kernel/kernel.h"

static const struct {
  uint8_t dtype;
  const char *name;
} types[] = {
    [TFL_T_FLOAT32] = {EAO_F32, "FLOAT32"},    [TFL_T_FLOAT16] = {EAO_F16, "FLOAT16"},
    [TFL_T_INT32] = {EAO_I32, "INT32"},        [TFL_T_UINT8] = {EAO_U8, "UINT8"},
    [TFL_T_INT64] = {EAO_I64, "INT64"},        [TFL_T_STRING] = {0, "STRING"},
    [TFL_T_BOOL] = {EAO_BOOL, "BOOL"},         [TFL_T_INT16] = {EAO_I16, "INT16"},
    [TFL_T_COMPLEX64] = {0, "COMPLEX64"},      [TFL_T_INT8] = {EAO_I8, "INT8"},
    [TFL_T_FLOAT64] = {EAO_F64, "FLOAT64"},    [TFL_T_COMPLEX128] = {0, "COMPLEX128"},
    [TFL_T_UINT64] = {EAO_U64, "UINT64"},      [TFL_T_RESOURCE] = {0, "RESOURCE"},
    [TFL_T_VARIANT] = {0, "VARIANT"},          [TFL_T_UINT32] = {EAO_U32, "UINT32"},
    [TFL_T_UINT16] = {EAO_U16, "UINT16"},      [TFL_T_INT4] = {EAO_I4, "INT4"},
    [TFL_T_BFLOAT16] = {EAO_BF16, "BFLOAT16"}, [TFL_T_INT2] = {0, "INT2"},
    [TFL_T_UINT4] = {EAO_U4, "UINT4"},         [TFL_T_FLOAT8_E4M3FN] = {0, "FLOAT8_E4M3FN"},
    [TFL_T_FLOAT8_E5M2] = {0, "FLOAT8_E5M2"},
};

const char *eao_tfl_type_name(int64_t type) {
  return type >= 0 && type < (int64_t)EAO_COUNT(types) ? types[type].name : "unknown";
}

eao_dtype eao_tfl_dtype(int64_t type) {
  return type >= 0 && type < (int64_t)EAO_COUNT(types) ? (eao_dtype)types[type].dtype
                                                       : EAO_DTYPE_NONE;
}

eao_status eao_tfl_tensor(eao_tfl_sub *s, int64_t i, eao_ftab *out) {
  if (i < 0 || i >= s->tensors.n)
    return eao_fail(s->m->ctx, EAO_ERR_FORMAT, "there is no tensor %lld (the subgraph has %u)",
                    (long long)i, s->tensors.n);
  *out = eao_fvec_tab(&s->m->flat, s->tensors, (uint32_t)i);
  return eao_flat_check(s->m->ctx, &s->m->flat);
}

eao_status eao_tfl_buffer(eao_tfl *m, uint64_t index, eao_fvec *out) {
  *out = (eao_fvec){NULL, 0};
  if (index >= m->buffers.n)
    return eao_fail(m->ctx, EAO_ERR_FORMAT, "there is no buffer %llu", (unsigned long long)index);
  eao_ftab b = eao_fvec_tab(&m->flat, m->buffers, (uint32_t)index);
  *out = eao_ftab_vec(&b, TFL_BUFFER_DATA, 1);
  /* Files above 2 GiB keep their data behind the flatbuffer; 0 and 1 mark "no offset". */
  uint64_t at = eao_ftab_u64(&b, TFL_BUFFER_OFFSET, 0), n = eao_ftab_u64(&b, TFL_BUFFER_SIZE, 0);
  EAO_TRY(eao_flat_check(m->ctx, &m->flat));
  if (at <= 1) return EAO_OK;
  if (at > m->size || n > m->size - at)
    return eao_fail(m->ctx, EAO_ERR_FORMAT, "buffer %llu lies outside the file",
                    (unsigned long long)index);
  if (n > UINT32_MAX)
    return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED, "buffer %llu is larger than 4 GiB",
                    (unsigned long long)index);
  *out = (eao_fvec){m->file + at, (uint32_t)n};
  return EAO_OK;
}

static eao_status read_shape(eao_tfl_sub *s, const eao_ftab *tab, eao_tensor *t) {
  eao_fvec dims = eao_ftab_vec(tab, TFL_TENSOR_SHAPE, 4);
  eao_fvec sign = eao_ftab_vec(tab, TFL_TENSOR_SHAPE_SIGNATURE, 4);
  EAO_TRY(eao_flat_check(s->m->ctx, &s->m->flat));
  if (dims.n > EAO_MAX_RANK)
    return eao_fail(s->m->ctx, EAO_ERR_UNSUPPORTED, "rank %u is above %d", dims.n, EAO_MAX_RANK);
  t->rank = (int32_t)dims.n;
  for (uint32_t i = 0; i < dims.n; i++) {
    t->dim[i] = eao_fvec_i32(dims, i);
    bool unknown = sign.n == dims.n && eao_fvec_i32(sign, i) < 0;
    if (t->dim[i] < -1 || (t->dim[i] == -1 && !unknown))
      return eao_fail(s->m->ctx, EAO_ERR_FORMAT, "dimension %u is %lld", i, (long long)t->dim[i]);
    if (unknown) t->dim[i] = -1;
  }
  return EAO_OK;
}

/* Scales in place when they are aligned; zero points are 64-bit in the file and 32-bit here. */
static eao_status read_quant(eao_tfl_sub *s, const eao_ftab *tab, eao_tensor *t) {
  eao_ctx *ctx = s->m->ctx;
  eao_ftab q = eao_ftab_tab(tab, TFL_TENSOR_QUANTIZATION);
  eao_fvec scale = eao_ftab_vec(&q, TFL_QUANTIZATION_PARAMETERS_SCALE, 4);
  eao_fvec zero = eao_ftab_vec(&q, TFL_QUANTIZATION_PARAMETERS_ZERO_POINT, 8);
  int64_t axis = eao_ftab_i32(&q, TFL_QUANTIZATION_PARAMETERS_QUANTIZED_DIMENSION, 0);
  EAO_TRY(eao_flat_check(ctx, &s->m->flat));
  uint64_t details = eao_ftab_u8(&q, TFL_QUANTIZATION_PARAMETERS_DETAILS_TYPE, 0);
  if (details)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED,
                    "quantisation by blocks or by custom parameters is not supported");
  if (scale.n == 0 || !eao_dtype_is_int(t->dtype)) return EAO_OK;
  if (zero.n > 1 && zero.n != scale.n)
    return eao_fail(ctx, EAO_ERR_FORMAT, "%u scales but %u zero points", scale.n, zero.n);
  bool per_axis = scale.n > 1;
  if (t->rank == 1) axis = 0; /* files for TFLite Micro name the weights' axis at the bias */
  if (per_axis && (axis < 0 || axis >= t->rank || t->dim[axis] != scale.n))
    return eao_fail(ctx, EAO_ERR_FORMAT, "%u scales do not fit dimension %lld of the tensor",
                    scale.n, (long long)axis);
  float *sc = eao_arena_array(&s->m->g->arena, scale.n, sizeof *sc);
  int32_t *ze = eao_arena_array(&s->m->g->arena, scale.n, sizeof *ze);
  if (!sc || !ze) return EAO_NOMEM(ctx);
  memcpy(sc, scale.p, (size_t)scale.n * 4);
  for (uint32_t i = 0; i < scale.n; i++) {
    int64_t z = zero.n ? eao_fvec_i64(zero, zero.n > 1 ? i : 0) : 0;
    if (!isfinite(sc[i]) || sc[i] < 0)
      return eao_fail(ctx, EAO_ERR_FORMAT, "scale %u is %g", i, (double)sc[i]);
    /* Accumulator-typed tensors have zero points that are always 0. */
    if (z < INT32_MIN || z > INT32_MAX ||
        (eao_dtype_bits(t->dtype) < 32 &&
         (z < eao_dtype_min(t->dtype) || z > eao_dtype_max(t->dtype))))
      return eao_fail(ctx, EAO_ERR_FORMAT, "zero point %u is %lld, outside %s", i, (long long)z,
                      eao_dtype_name(t->dtype));
    ze[i] = (int32_t)z;
  }
  if (!per_axis && sc[0] == 0) return EAO_OK; /* converters write 0 for "not quantised" */
  t->quant = (eao_quant){per_axis ? (int32_t)axis : -1, (int32_t)scale.n, sc, ze};
  return EAO_OK;
}

bool eao_tfl_is_complex(eao_tfl_sub *s, int64_t i) {
  if (i < 0 || i >= s->tensors.n) return false;
  eao_ftab tab = eao_fvec_tab(&s->m->flat, s->tensors, (uint32_t)i);
  return eao_ftab_i8(&tab, TFL_TENSOR_TYPE, 0) == TFL_T_COMPLEX64;
}

/* Error text: which tensor. */
static eao_status within_tensor(eao_tfl_sub *s, int64_t i, eao_status code) {
  eao_ftab tab;
  if (i < 0 || i >= s->tensors.n) return code;
  tab = eao_fvec_tab(&s->m->flat, s->tensors, (uint32_t)i);
  eao_fvec name = eao_ftab_str(&tab, TFL_TENSOR_NAME);
  int n = name.n > 200 ? 200 : (int)name.n;
  return eao_fail_within(s->m->ctx, code, "tensor %lld '%.*s'", (long long)i, n,
                         name.n ? (const char *)name.p : "");
}

static eao_status read_type(eao_tfl_sub *s, const eao_ftab *tab, eao_tensor *t) {
  memset(t, 0, sizeof *t);
  int64_t type = eao_ftab_i8(tab, TFL_TENSOR_TYPE, 0);
  t->dtype = eao_tfl_dtype(type);
  /* A complex number is a pair of floats: one more dimension, of extent 2. */
  bool complex = type == TFL_T_COMPLEX64;
  if (complex) t->dtype = EAO_F32;
  if (t->dtype == EAO_DTYPE_NONE)
    return eao_fail(s->m->ctx, EAO_ERR_UNSUPPORTED, "element type %s (%lld) is not supported",
                    eao_tfl_type_name(type), (long long)type);
  EAO_TRY(read_shape(s, tab, t));
  if (complex) {
    if (t->rank == EAO_MAX_RANK)
      return eao_fail(s->m->ctx, EAO_ERR_UNSUPPORTED, "a complex tensor of rank %d", t->rank);
    t->dim[t->rank++] = 2;
  }
  return read_quant(s, tab, t);
}

eao_status eao_tfl_type_of(eao_tfl_sub *s, int64_t i, eao_tensor *out) {
  eao_ftab tab;
  EAO_TRY(eao_tfl_tensor(s, i, &tab));
  eao_status st = read_type(s, &tab, out);
  return st == EAO_OK ? st : within_tensor(s, i, st);
}

/* Data of a constant, in place when it is aligned for its type. */
static eao_status borrow(eao_tfl *m, const eao_ftab *tab, eao_fvec data, eao_tensor *t) {
  uint64_t need;
  eao_ftab sparse = eao_ftab_tab(tab, TFL_TENSOR_SPARSITY);
  EAO_TRY(eao_flat_check(m->ctx, &m->flat));
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return eao_fail(m->ctx, EAO_ERR_FORMAT, "a constant of unknown shape");
  if (eao_ftab_ok(&sparse)) return eao_tfl_densify(m, &sparse, data, t, &t->data);
  EAO_TRY(eao_tensor_nbytes(m->ctx, t, &need));
  if (data.n != need)
    return eao_fail(m->ctx, EAO_ERR_FORMAT, "the buffer has %u bytes, the shape needs %llu", data.n,
                    (unsigned long long)need);
  size_t align = (size_t)(eao_dtype_bits(t->dtype) + 7) / 8;
  const void *p = data.p;
  if (need == 0)
    p = eao_arena_alloc(&m->g->arena, 1);
  else if ((uintptr_t)p % align)
    p = eao_arena_dup(&m->g->arena, p, (size_t)need);
  if (!p) return EAO_NOMEM(m->ctx);
  t->data = (void *)(uintptr_t)p;
  return EAO_OK;
}

const char *eao_tfl_tensor_name(eao_tfl_sub *s, int64_t i) {
  enum { LONGEST = 4096 };
  eao_ftab tab;
  if (eao_tfl_tensor(s, i, &tab) != EAO_OK) return NULL;
  eao_fvec name = eao_ftab_str(&tab, TFL_TENSOR_NAME);
  return eao_arena_printf(&s->m->g->arena, "%s%.*s", name.n ? s->prefix : "",
                          name.n > LONGEST ? LONGEST : (int)name.n,
                          name.n ? (const char *)name.p : "");
}

static bool has_no_elements(const eao_tensor *t) {
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] == 0) return true;
  return false;
}

/* Type of tensor i, with its data when it is a constant. */
static eao_status read_tensor(eao_tfl_sub *s, int64_t i, eao_tensor *t) {
  eao_tfl *m = s->m;
  eao_ftab tab;
  eao_fvec data = {NULL, 0};
  EAO_TRY(eao_tfl_tensor(s, i, &tab));
  EAO_TRY(read_type(s, &tab, t));
  if (s->producer[i]) return EAO_OK;
  if (eao_ftab_u32(&tab, TFL_TENSOR_EXTERNAL_BUFFER, 0))
    return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED,
                    "its data is in an external buffer; convert the model to one file");
  if (eao_ftab_u8(&tab, TFL_TENSOR_IS_VARIABLE, 0))
    return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED, "it is a variable; this operator cannot use one");
  EAO_TRY(eao_tfl_buffer(m, eao_ftab_u32(&tab, TFL_TENSOR_BUFFER, 0), &data));
  if (!data.n && !has_no_elements(t))
    return eao_fail(m->ctx, EAO_ERR_FORMAT, "nothing produces it and it has no data");
  return borrow(m, &tab, data, t);
}

eao_status eao_tfl_constant(eao_tfl_sub *s, int64_t i, eao_tensor *out) {
  if (i >= 0 && i < s->tensors.n && s->vid[i] != EAO_NONE) {
    *out = s->g->value[s->vid[i]].t;
    return EAO_OK;
  }
  eao_status st = read_tensor(s, i, out);
  return st == EAO_OK ? st : within_tensor(s, i, st);
}

static eao_status make_value(eao_tfl_sub *s, int64_t i, eao_vid *out) {
  eao_tensor t;
  EAO_TRY(read_tensor(s, i, &t));
  if (!t.data) t.rank = -1; /* what files declare for intermediates is often a placeholder */
  const char *name = eao_tfl_tensor_name(s, i);
  if (!name) return EAO_NOMEM(s->m->ctx);
  return eao_graph_add_value(s->g, name, &t, out);
}

eao_status eao_tfl_value(eao_tfl_sub *s, int64_t i, eao_vid *out) {
  if (i >= 0 && i < s->tensors.n && s->vid[i] != EAO_NONE) {
    *out = s->vid[i];
    return EAO_OK;
  }
  eao_status st = make_value(s, i, out);
  if (st != EAO_OK) return within_tensor(s, i, st);
  s->vid[i] = *out;
  return EAO_OK;
}
