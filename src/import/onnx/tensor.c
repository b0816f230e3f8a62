/* TensorProto to constants: borrowed from the file where alignment allows, copied otherwise. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/onnx/lower.h"

static const struct {
  const char *name;
  eao_dtype type;
} dtypes[] = {
    {"undefined", 0},       {"float", EAO_F32},  {"uint8", EAO_U8},     {"int8", EAO_I8},
    {"uint16", EAO_U16},    {"int16", EAO_I16},  {"int32", EAO_I32},    {"int64", EAO_I64},
    {"string", 0},          {"bool", EAO_BOOL},  {"float16", EAO_F16},  {"double", EAO_F64},
    {"uint32", EAO_U32},    {"uint64", EAO_U64}, {"complex64", 0},      {"complex128", 0},
    {"bfloat16", EAO_BF16}, {"float8e4m3fn", 0}, {"float8e4m3fnuz", 0}, {"float8e5m2", 0},
    {"float8e5m2fnuz", 0},  {"uint4", EAO_U4},   {"int4", EAO_I4},      {"float4e2m1", 0},
};

eao_dtype onnx_dtype(int32_t type) {
  return type >= 0 && (size_t)type < EAO_COUNT(dtypes) ? dtypes[type].type : EAO_DTYPE_NONE;
}

int32_t onnx_dtype_code(eao_dtype t) {
  for (int32_t i = 1; i < (int32_t)EAO_COUNT(dtypes); i++)
    if (t && dtypes[i].type == t) return i;
  return 0;
}

const char *onnx_dtype_name(int32_t type) {
  return type >= 0 && (size_t)type < EAO_COUNT(dtypes) ? dtypes[type].name : "an unknown type";
}

/* Relative, without "..", and after following links still beneath the model's folder. */
static eao_status resolve(onnx_import *im, const char *location, char out[PATH_MAX]) {
  char dir[PATH_MAX], path[PATH_MAX];
  eao_ctx *ctx = im->ctx;
  if (!im->base_dir)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "external data without a folder to look in");
  for (const char *p = location; p; p = strchr(p, '/')) {
    if (p != location) p++;
    size_t n = strcspn(p, "/");
    if ((p == location && n == 0) || (n == 2 && p[0] == '.' && p[1] == '.'))
      return eao_fail(ctx, EAO_ERR_FORMAT,
                      "external data '%s' must be a path beneath the model's folder", location);
  }
  int n = snprintf(path, sizeof path, "%s/%s", im->base_dir, location);
  if (n < 0 || (size_t)n >= sizeof path)
    return eao_fail(ctx, EAO_ERR_FORMAT, "the path of external data is too long");
  if (!realpath(im->base_dir, dir) || !realpath(path, out))
    return eao_fail(ctx, EAO_ERR_IO, "external data '%s': %s", location, strerror(errno));
  size_t len = strlen(dir);
  if (strncmp(dir, out, len) != 0 || (out[len] != '/' && strcmp(dir, "/") != 0))
    return eao_fail(ctx, EAO_ERR_FORMAT, "external data '%s' leads out of the model's folder",
                    location);
  return EAO_OK;
}

static eao_status number(onnx_import *im, const char *text, uint64_t *out) {
  char *end;
  errno = 0;
  if (*text < '0' || *text > '9')
    return eao_fail(im->ctx, EAO_ERR_FORMAT, "'%s' in external data is no number", text);
  *out = strtoull(text, &end, 10);
  if (errno || *end)
    return eao_fail(im->ctx, EAO_ERR_FORMAT, "'%s' in external data is no number", text);
  return EAO_OK;
}

static eao_status external(onnx_import *im, const onnx_tensor *t, uint64_t need, eao_pb *out) {
  uint32_t index;
  uint64_t offset = 0, size = need;
  char path[PATH_MAX];
  if (!t->location) return eao_fail(im->ctx, EAO_ERR_FORMAT, "external data without a location");
  if (!eao_map_get(&im->external, t->location, &index)) {
    eao_file f;
    EAO_TRY(resolve(im, t->location, path));
    EAO_TRY(eao_file_map(im->ctx, path, &f));
    EAO_TRY(eao_graph_add_file(im->root, &f));
    index = im->root->n_file - 1;
    EAO_TRY(eao_map_put(&im->external, t->location, index, NULL));
  }
  const eao_file *f = &im->root->file[index];
  if (t->ext_offset) EAO_TRY(number(im, t->ext_offset, &offset));
  if (t->ext_size) EAO_TRY(number(im, t->ext_size, &size));
  if (size != need)
    return eao_fail(im->ctx, EAO_ERR_FORMAT, "external data has %llu bytes, its shape needs %llu",
                    (unsigned long long)size, (unsigned long long)need);
  if (offset > f->size || size > f->size - offset)
    return eao_fail(im->ctx, EAO_ERR_FORMAT, "external data reaches beyond the end of '%s'",
                    t->location);
  *out = eao_pb_of(f->data + offset, (size_t)size);
  return EAO_OK;
}

static uint32_t data_field(eao_dtype t) {
  switch (t) {
  case EAO_F32: return 4;
  case EAO_F64: return 10;
  case EAO_I64: return 7;
  case EAO_U32:
  case EAO_U64: return 11;
  default: return 5; /* int32_data */
  }
}

/* The bits of the next element of a packed typed data field. */
static bool next_element(eao_pb *c, uint32_t field, uint64_t *out) {
  uint32_t w = 0;
  if (field == 10) return eao_pb_u64(c, out);
  if (field != 4) return eao_pb_varint(c, out);
  if (!eao_pb_u32(c, &w)) return false;
  *out = w;
  return true;
}

/* float_data, int32_data, ... : packed or not, in any number of pieces. 4-bit types hold two
 * elements in one of `need`. */
static eao_status typed_data(onnx_import *im, const onnx_tensor *t, int64_t need, eao_tensor *out) {
  uint32_t field = data_field(out->dtype);
  size_t size = (size_t)eao_dtype_bits(out->dtype) / 8;
  eao_pb c = t->body;
  eao_pb_field f;
  int64_t n = 0;
  if (size == 0) size = 1;
  while (eao_pb_next(&c, &f) > 0) {
    if (f.number != field) continue;
    bool packed = f.wire == EAO_PB_LEN;
    while (!packed || f.bytes.p < f.bytes.end) {
      uint64_t bits = f.value;
      if (n == need || (packed && !next_element(&f.bytes, field, &bits)))
        return eao_fail(im->ctx, EAO_ERR_FORMAT,
                        "typed data is malformed or has more than %lld elements", (long long)need);
      memcpy((char *)out->data + (size_t)n * size, &bits, size); /* low bytes: little endian */
      n++;
      if (!packed) break;
    }
  }
  if (n != need)
    return eao_fail(im->ctx, EAO_ERR_FORMAT, "typed data has %lld elements, its shape needs %lld",
                    (long long)n, (long long)need);
  return EAO_OK;
}

/* The bytes of a typed field that is one packed run of plain little-endian words. */
static bool packed_run(const onnx_tensor *t, uint32_t field, uint64_t need, eao_pb *out) {
  eao_pb c = t->body;
  eao_pb_field f;
  uint32_t runs = 0;
  if (field != 4 && field != 10) return false;
  while (eao_pb_next(&c, &f) > 0) {
    if (f.number != field) continue;
    runs++;
    *out = f.bytes;
    if (f.wire != EAO_PB_LEN) return false;
  }
  return runs == 1 && eao_pb_left(out) == need;
}

static eao_status place(onnx_import *im, eao_pb bytes, eao_tensor *out) {
  static const uint64_t empty;
  size_t n = eao_pb_left(&bytes), elem = (size_t)eao_dtype_bits(out->dtype) / 8;
  if (n == 0) {
    out->data = (void *)(uintptr_t)&empty;
  } else if (elem <= 1 || (uintptr_t)bytes.p % elem == 0) {
    out->data = (void *)(uintptr_t)bytes.p;
  } else {
    /* Kernels read through typed pointers. The copy takes the place of the file's pages. */
    out->data = eao_arena_dup(&im->root->arena, bytes.p, n);
    if (!out->data) return EAO_NOMEM(im->ctx);
    eao_file_forget(bytes.p, n);
  }
  return EAO_OK;
}

static eao_status load(onnx_import *im, const onnx_tensor *t, eao_tensor *out) {
  uint64_t bytes;
  memset(out, 0, sizeof *out);
  out->dtype = onnx_dtype(t->type);
  if (out->dtype == EAO_DTYPE_NONE)
    return eao_fail(im->ctx, EAO_ERR_UNSUPPORTED, "element type %s (%d)", onnx_dtype_name(t->type),
                    t->type);
  if (t->n_dim > EAO_MAX_RANK)
    return eao_fail(im->ctx, EAO_ERR_UNSUPPORTED, "rank %u, at most %d is possible", t->n_dim,
                    EAO_MAX_RANK);
  out->rank = (int32_t)t->n_dim;
  for (uint32_t i = 0; i < t->n_dim; i++) {
    if (t->dim[i] < 0)
      return eao_fail(im->ctx, EAO_ERR_FORMAT, "extent %lld", (long long)t->dim[i]);
    out->dim[i] = t->dim[i];
  }
  EAO_TRY(eao_tensor_nbytes(im->ctx, out, &bytes));
  if (bytes > im->ctx->limits.max_tensor_bytes)
    return eao_fail(im->ctx, EAO_ERR_NOMEM, "%llu bytes, above the limit",
                    (unsigned long long)bytes);
  eao_pb run;
  if (t->external) {
    EAO_TRY(external(im, t, bytes, &run));
    return place(im, run, out);
  }
  if (t->has_raw) {
    if (eao_pb_left(&t->raw) != bytes)
      return eao_fail(im->ctx, EAO_ERR_FORMAT, "raw_data has %zu bytes, its shape needs %llu",
                      eao_pb_left(&t->raw), (unsigned long long)bytes);
    return place(im, t->raw, out);
  }
  if (packed_run(t, data_field(out->dtype), bytes, &run)) return place(im, run, out);
  int64_t n = eao_tensor_count(out);
  if (eao_dtype_bits(out->dtype) == 4) n = (n + 1) / 2;
  /* Each element takes at least a byte of the file: a shape alone cannot make this large. */
  if ((uint64_t)n > eao_pb_left(&t->body))
    return eao_fail(im->ctx, EAO_ERR_FORMAT, "its shape needs %lld elements, the data has less",
                    (long long)n);
  out->data = eao_arena_alloc(&im->root->arena, bytes ? (size_t)bytes : 1);
  if (!out->data) return EAO_NOMEM(im->ctx);
  return typed_data(im, t, n, out);
}

eao_status onnx_load(onnx_import *im, const onnx_tensor *t, eao_tensor *out) {
  eao_status s = load(im, t, out);
  return s == EAO_OK ? s : eao_fail_within(im->ctx, s, "tensor '%s'", t->name);
}
