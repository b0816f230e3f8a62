/* Protocol Buffers wire format, read in place and written (encoding:
 * protobuf.dev/programming-guides/encoding). Nothing is copied while reading; every length is
 * checked against the enclosing message. Groups, which no format here uses, are malformed. */
#ifndef EAO_FORMAT_PB_H
#define EAO_FORMAT_PB_H

#include "base/base.h"

typedef enum eao_pb_wire {
  EAO_PB_VARINT = 0,
  EAO_PB_I64 = 1,
  EAO_PB_LEN = 2,
  EAO_PB_I32 = 5,
} eao_pb_wire;

/* The rest of a message, or the bytes of a field. */
typedef struct eao_pb {
  const uint8_t *p, *end;
} eao_pb;

typedef struct eao_pb_field {
  uint32_t number, wire;
  uint64_t value; /* VARINT, I64, I32 (the bits) */
  eao_pb bytes;   /* LEN */
} eao_pb_field;

static inline eao_pb eao_pb_of(const void *data, size_t n) {
  const uint8_t *p = data;
  return (eao_pb){p, n ? p + n : p};
}
static inline size_t eao_pb_left(const eao_pb *c) {
  return (size_t)(c->end - c->p);
}

/* 1: *out_f is the next field; 0: end of the message; -1: malformed, the cursor stays there. */
int eao_pb_next(eao_pb *c, eao_pb_field *out_f);
/* One base-128 number of at most 10 bytes. */
bool eao_pb_varint(eao_pb *c, uint64_t *out);
/* Little-endian words. */
bool eao_pb_u32(eao_pb *c, uint32_t *out);
bool eao_pb_u64(eao_pb *c, uint64_t *out);

/* ---- writing: into memory, except for large blobs, which are only referred to ---- */

typedef struct eao_pb_blob {
  size_t at; /* the blob stands before byte `at` of the text */
  const void *p;
  size_t n;
} eao_pb_blob;

typedef struct eao_pb_writer {
  eao_text text;
  eao_pb_blob *blob;
  uint32_t n_blob, cap_blob;
  uint64_t blob_bytes;
} eao_pb_writer;

typedef struct eao_pb_mark {
  size_t at;
  uint32_t n_blob;
  uint64_t blob_bytes;
} eao_pb_mark;

void eao_pb_writer_init(eao_pb_writer *w, eao_ctx *ctx);
void eao_pb_writer_deinit(eao_pb_writer *w);
void eao_pb_put_varint(eao_pb_writer *w, uint32_t number, uint64_t v);
void eao_pb_put_f32(eao_pb_writer *w, uint32_t number, float v);
void eao_pb_put_bytes(eao_pb_writer *w, uint32_t number, const void *p, size_t n);
void eao_pb_put_str(eao_pb_writer *w, uint32_t number, const char *s);
/* Like put_bytes, but p is borrowed until the writer is done. */
void eao_pb_put_blob(eao_pb_writer *w, uint32_t number, const void *p, size_t n);
/* A nested message is what was written between begin and end. */
eao_pb_mark eao_pb_begin(eao_pb_writer *w);
void eao_pb_end(eao_pb_writer *w, uint32_t number, eao_pb_mark m);
/* To a file, as eao_file_write does. */
eao_status eao_pb_save(eao_pb_writer *w, const char *path) EAO_MUST_CHECK;

#endif
