/* NumPy's array file (NEP 1): magic, version, a Python dict literal, the elements. */
#include <stdio.h>
#include <string.h>

#include "data/data.h"
#include "ir/graph.h"
#include "kernel/kernel.h"

/* ---- header: a cursor over the dict ---- */

typedef struct cursor {
  const char *p, *end;
} cursor;

static void skip_space(cursor *c) {
  while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t')) c->p++;
}

static bool take(cursor *c, char ch) {
  skip_space(c);
  if (c->p >= c->end || *c->p != ch) return false;
  c->p++;
  return true;
}

static bool take_string(cursor *c, char *out, size_t cap) {
  skip_space(c);
  if (c->p >= c->end || (*c->p != '\'' && *c->p != '"')) return false;
  char quote = *c->p++;
  size_t n = 0;
  while (c->p < c->end && *c->p != quote) {
    if (n + 1 >= cap) return false;
    out[n++] = *c->p++;
  }
  out[n] = 0;
  return take(c, quote);
}

static bool take_word(cursor *c, const char *word) {
  skip_space(c);
  size_t n = strlen(word);
  if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0) return false;
  c->p += n;
  return true;
}

static bool take_int(cursor *c, int64_t *out) {
  skip_space(c);
  const char *start = c->p;
  int64_t v = 0;
  while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
    if (!eao_mul_i64(v, 10, &v) || !eao_add_i64(v, *c->p - '0', &v)) return false;
    c->p++;
  }
  *out = v;
  return c->p > start;
}

static bool take_shape(cursor *c, eao_tensor *t) {
  if (!take(c, '(')) return false;
  t->rank = 0;
  while (!take(c, ')')) {
    if (t->rank == EAO_MAX_RANK || !take_int(c, &t->dim[t->rank])) return false;
    t->rank++;
    if (take(c, ',')) continue;
    return take(c, ')');
  }
  return true;
}

typedef struct header {
  char descr[16];
  bool fortran, has_descr, has_order, has_shape;
  eao_tensor t;
} header;

static bool parse_dict(cursor *c, header *h) {
  if (!take(c, '{')) return false;
  while (!take(c, '}')) {
    char key[32];
    if (!take_string(c, key, sizeof key) || !take(c, ':')) return false;
    if (strcmp(key, "descr") == 0) {
      h->has_descr = take_string(c, h->descr, sizeof h->descr);
      if (!h->has_descr) return false;
    } else if (strcmp(key, "fortran_order") == 0) {
      h->has_order = true;
      h->fortran = take_word(c, "True");
      if (!h->fortran && !take_word(c, "False")) return false;
    } else if (strcmp(key, "shape") == 0) {
      h->has_shape = take_shape(c, &h->t);
      if (!h->has_shape) return false;
    } else {
      return false;
    }
    if (!take(c, ',')) {
      if (!take(c, '}')) return false;
      break;
    }
  }
  return h->has_descr && h->has_order && h->has_shape;
}

/* ---- element types ---- */

static const struct {
  const char *code;
  eao_dtype dtype;
} codes[] = {{"f4", EAO_F32}, {"f2", EAO_F16},  {"f8", EAO_F64}, {"i1", EAO_I8},  {"i2", EAO_I16},
             {"i4", EAO_I32}, {"i8", EAO_I64},  {"u1", EAO_U8},  {"u2", EAO_U16}, {"u4", EAO_U32},
             {"u8", EAO_U64}, {"b1", EAO_BOOL}, {"V2", EAO_BF16}};

static eao_dtype dtype_of(const char *descr) {
  if (!descr[0] || !strchr("<>|=", descr[0])) return EAO_DTYPE_NONE;
  for (size_t i = 0; i < EAO_COUNT(codes); i++)
    if (strcmp(descr + 1, codes[i].code) == 0) return codes[i].dtype;
  return EAO_DTYPE_NONE;
}

static void swap_bytes(uint8_t *p, size_t n, size_t elem) {
  for (size_t i = 0; i + elem <= n; i += elem)
    for (size_t k = 0; k < elem / 2; k++) {
      uint8_t x = p[i + k];
      p[i + k] = p[i + elem - 1 - k];
      p[i + elem - 1 - k] = x;
    }
}

eao_status eao_npy_parse(eao_ctx *ctx, const char *name, const void *data, size_t size,
                         eao_tensor *out) {
  const uint8_t *p = data;
  memset(out, 0, sizeof *out);
  if (size < 10 || memcmp(p, "\x93NUMPY", 6) != 0)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' is not an .npy file", name);
  bool v1 = p[6] == 1;
  if (p[6] < 1 || p[6] > 3 || (!v1 && size < 12))
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s': .npy version %d is not known", name, p[6]);
  size_t start = v1 ? 10 : 12, len = p[8] | (size_t)p[9] << 8;
  if (!v1) len |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
  if (len > size - start) return eao_fail(ctx, EAO_ERR_FORMAT, "'%s': the header is cut off", name);
  header h = {0};
  cursor c = {(const char *)p + start, (const char *)p + start + len};
  if (!parse_dict(&c, &h))
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s': the .npy header is malformed", name);
  if (h.fortran && h.t.rank > 1)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED,
                    "'%s' is stored column by column; save it with numpy.ascontiguousarray", name);
  h.t.dtype = dtype_of(h.descr);
  if (!h.t.dtype)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "'%s': element type '%s' is not supported", name,
                    h.descr);
  uint64_t bytes;
  if (eao_tensor_nbytes(ctx, &h.t, &bytes) != EAO_OK)
    return eao_fail_within(ctx, EAO_ERR_FORMAT, "'%s'", name);
  if (bytes != size - start - len)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' holds %zu bytes of data, its shape needs %llu", name,
                    size - start - len, (unsigned long long)bytes);
  EAO_TRY(eao_tensor_create(ctx, h.t.dtype, h.t.rank, h.t.dim, out));
  if (bytes) memcpy(out->data, p + start + len, (size_t)bytes);
  if (h.descr[0] == '>')
    swap_bytes(out->data, (size_t)bytes, (size_t)eao_dtype_bits(h.t.dtype) / 8);
  return EAO_OK;
}

eao_status eao_npy_read(eao_ctx *ctx, const char *path, eao_tensor *out) {
  eao_file f;
  EAO_TRY(eao_file_map(ctx, path, &f));
  eao_status s = eao_npy_parse(ctx, path, f.data, f.size, out);
  eao_file_unmap(ctx, &f);
  return s;
}

/* ---- writing ---- */

static const char *code_of(eao_dtype t) {
  for (size_t i = 0; i < EAO_COUNT(codes); i++)
    if (codes[i].dtype == t) return codes[i].code;
  return NULL;
}

static eao_status write_plain(eao_ctx *ctx, const char *path, const eao_tensor *t) {
  const char *code = code_of(t->dtype);
  if (!code) return eao_fail(ctx, EAO_ERR_ARG, "no .npy of type %s", eao_dtype_name(t->dtype));
  eao_text b;
  eao_text_init(&b, ctx);
  eao_text_add(&b, "\x93NUMPY\x01\0\0\0", 10);
  eao_text_printf(&b, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                  eao_dtype_bits(t->dtype) == 8 ? '|' : '<', code);
  for (int32_t i = 0; i < t->rank; i++)
    eao_text_printf(&b, "%lld%s", (long long)t->dim[i],
                    i + 1 < t->rank ? ", "
                    : t->rank == 1  ? ","
                                    : "");
  eao_text_printf(&b, "), }");
  while (b.len % 64 != 63 && !b.failed) eao_text_add(&b, " ", 1);
  eao_text_add(&b, "\n", 1);
  uint64_t bytes;
  eao_status s = eao_tensor_nbytes(ctx, t, &bytes);
  if (s == EAO_OK) {
    if (!b.failed) {
      b.p[8] = (char)((b.len - 10) & 255);
      b.p[9] = (char)((b.len - 10) >> 8);
    }
    eao_text_add(&b, t->data, (size_t)bytes);
    s = b.failed ? EAO_NOMEM(ctx) : eao_file_write(ctx, path, b.p, b.len);
  }
  eao_text_deinit(&b);
  return s;
}

eao_status eao_npy_write(eao_ctx *ctx, const char *path, const eao_tensor *t) {
  eao_dtype as = t->dtype == EAO_BF16 ? EAO_F32
                 : t->dtype == EAO_I4 ? EAO_I8
                 : t->dtype == EAO_U4 ? EAO_U8
                                      : t->dtype;
  if (as == t->dtype) return write_plain(ctx, path, t);
  eao_tensor plain = *t, wide;
  plain.quant.n = 0; /* the stored numbers, not what they stand for */
  EAO_TRY(eao_tensor_cast(ctx, &plain, as, NULL, &wide));
  eao_status s = write_plain(ctx, path, &wide);
  eao_tensor_destroy(ctx, &wide);
  return s;
}
