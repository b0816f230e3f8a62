#include "format/pb.h"

#include <string.h>

bool eao_pb_varint(eao_pb *c, uint64_t *out) {
  uint64_t v = 0;
  const uint8_t *p = c->p;
  for (unsigned shift = 0; shift < 64 && p < c->end; shift += 7) {
    uint64_t b = *p++;
    v |= (b & 0x7Fu) << shift;
    if (b < 0x80) {
      if (shift == 63 && b > 1) return false; /* does not fit 64 bits */
      c->p = p;
      *out = v;
      return true;
    }
  }
  return false;
}

bool eao_pb_u32(eao_pb *c, uint32_t *out) {
  if (eao_pb_left(c) < 4) return false;
  const uint8_t *p = c->p;
  *out = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  c->p += 4;
  return true;
}

bool eao_pb_u64(eao_pb *c, uint64_t *out) {
  uint32_t lo, hi;
  if (eao_pb_left(c) < 8 || !eao_pb_u32(c, &lo) || !eao_pb_u32(c, &hi)) return false;
  *out = lo | (uint64_t)hi << 32;
  return true;
}

int eao_pb_next(eao_pb *c, eao_pb_field *f) {
  if (c->p == c->end) return 0;
  eao_pb at = *c;
  uint64_t key, n;
  uint32_t word;
  if (!eao_pb_varint(&at, &key) || key >> 3 == 0 || key >> 3 > 0x1FFFFFFFu) return -1;
  f->number = (uint32_t)(key >> 3);
  f->wire = (uint32_t)(key & 7);
  f->value = 0;
  f->bytes = (eao_pb){at.p, at.p};
  switch (f->wire) {
  case EAO_PB_VARINT:
    if (!eao_pb_varint(&at, &f->value)) return -1;
    break;
  case EAO_PB_I64:
    if (!eao_pb_u64(&at, &f->value)) return -1;
    break;
  case EAO_PB_I32:
    if (!eao_pb_u32(&at, &word)) return -1;
    f->value = word;
    break;
  case EAO_PB_LEN:
    if (!eao_pb_varint(&at, &n) || n > eao_pb_left(&at)) return -1;
    f->bytes = (eao_pb){at.p, at.p + (size_t)n};
    at.p += (size_t)n;
    break;
  default: return -1;
  }
  *c = at;
  return 1;
}

/* ---- writing ---- */

void eao_pb_writer_init(eao_pb_writer *w, eao_ctx *ctx) {
  memset(w, 0, sizeof *w);
  eao_text_init(&w->text, ctx);
}

void eao_pb_writer_deinit(eao_pb_writer *w) {
  eao_free(w->text.ctx, w->blob);
  eao_text_deinit(&w->text);
}

static size_t varint_bytes(uint64_t v, uint8_t out[10]) {
  size_t n = 0;
  while (v >= 0x80) {
    out[n++] = (uint8_t)(v | 0x80);
    v >>= 7;
  }
  out[n++] = (uint8_t)v;
  return n;
}

static void put_raw_varint(eao_pb_writer *w, uint64_t v) {
  uint8_t b[10];
  size_t n = varint_bytes(v, b);
  eao_text_add(&w->text, (const char *)b, n);
}

static void put_key(eao_pb_writer *w, uint32_t number, eao_pb_wire wire) {
  put_raw_varint(w, (uint64_t)number << 3 | (uint64_t)wire);
}

void eao_pb_put_varint(eao_pb_writer *w, uint32_t number, uint64_t v) {
  put_key(w, number, EAO_PB_VARINT);
  put_raw_varint(w, v);
}

void eao_pb_put_f32(eao_pb_writer *w, uint32_t number, float v) {
  uint32_t u;
  memcpy(&u, &v, sizeof u);
  char b[4] = {(char)(u & 255), (char)(u >> 8 & 255), (char)(u >> 16 & 255), (char)(u >> 24)};
  put_key(w, number, EAO_PB_I32);
  eao_text_add(&w->text, b, sizeof b);
}

void eao_pb_put_bytes(eao_pb_writer *w, uint32_t number, const void *p, size_t n) {
  put_key(w, number, EAO_PB_LEN);
  put_raw_varint(w, n);
  eao_text_add(&w->text, p, n);
}

void eao_pb_put_str(eao_pb_writer *w, uint32_t number, const char *s) {
  eao_pb_put_bytes(w, number, s, strlen(s));
}

void eao_pb_put_blob(eao_pb_writer *w, uint32_t number, const void *p, size_t n) {
  if (n < 256) {
    eao_pb_put_bytes(w, number, p, n);
    return;
  }
  put_key(w, number, EAO_PB_LEN);
  put_raw_varint(w, n);
  if (eao_grow(w->text.ctx, (void **)&w->blob, &w->cap_blob, w->n_blob + 1, sizeof *w->blob) !=
      EAO_OK) {
    w->text.failed = true;
    return;
  }
  w->blob[w->n_blob++] = (eao_pb_blob){w->text.len, p, n};
  w->blob_bytes += n;
}

eao_pb_mark eao_pb_begin(eao_pb_writer *w) {
  return (eao_pb_mark){w->text.len, w->n_blob, w->blob_bytes};
}

/* The length stands before the message but is known after it: make room and shift. Blobs do not
 * move, so this costs little even for large models. */
void eao_pb_end(eao_pb_writer *w, uint32_t number, eao_pb_mark m) {
  uint8_t head[20];
  size_t body = w->text.len - m.at;
  size_t n = varint_bytes((uint64_t)number << 3 | EAO_PB_LEN, head);
  n += varint_bytes(body + (w->blob_bytes - m.blob_bytes), head + n);
  eao_text_add(&w->text, (const char *)head, n);
  if (w->text.failed) return;
  memmove(w->text.p + m.at + n, w->text.p + m.at, body);
  memcpy(w->text.p + m.at, head, n);
  for (uint32_t i = m.n_blob; i < w->n_blob; i++) w->blob[i].at += n;
}

eao_status eao_pb_save(eao_pb_writer *w, const char *path) {
  eao_ctx *ctx = w->text.ctx;
  if (w->text.failed) return EAO_NOMEM(ctx);
  uint64_t n_part = (uint64_t)w->n_blob * 2 + 1;
  eao_span *part = eao_alloc(ctx, (size_t)n_part * sizeof *part);
  if (!part) return EAO_NOMEM(ctx);
  size_t at = 0;
  uint32_t k = 0;
  for (uint32_t i = 0; i < w->n_blob; i++) {
    part[k++] = (eao_span){w->text.p + at, w->blob[i].at - at};
    part[k++] = (eao_span){w->blob[i].p, w->blob[i].n};
    at = w->blob[i].at;
  }
  part[k++] = (eao_span){w->text.p ? w->text.p + at : NULL, w->text.len - at};
  eao_status s = eao_file_write_parts(ctx, path, part, k);
  eao_free(ctx, part);
  return s;
}
