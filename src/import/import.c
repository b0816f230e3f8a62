#include "import/import.h"

#include <string.h>

/* Folder part of a path; "." when there is none. */
static char *folder(eao_ctx *ctx, const char *path) {
  const char *slash = strrchr(path, '/');
  size_t n = slash ? (size_t)(slash - path) : 1;
  if (slash == path) n = 1;
  char *dir = eao_alloc(ctx, n + 1);
  if (dir) memcpy(dir, slash ? path : ".", n);
  return dir;
}

/* A FlatBuffers file of TFLite has its identifier at byte 4. */
static bool is_tflite(const eao_file *f) {
  return f->size >= 8 && !memcmp(f->data + 4, "TFL3", 4);
}

/* An ONNX file is a protobuf message: no magic, but every field at its start is one of
 * ModelProto's, most often ir_version. */
static bool is_onnx(const eao_file *f) {
  if (f->size < 2) return false;
  unsigned number = f->data[0] >> 3, wire = f->data[0] & 7u;
  bool varint = number == 1 || number == 5;
  bool bytes = (number >= 2 && number <= 8 && number != 5) || number == 14;
  return f->data[0] < 0x80 && ((wire == 0 && varint) || (wire == 2 && bytes));
}

eao_status eao_import(eao_ctx *ctx, const char *path, const eao_import_opts *opts,
                      eao_graph **out) {
  eao_file file;
  eao_status s;
  *out = NULL;
  EAO_TRY(eao_file_map(ctx, path, &file));
  if (is_tflite(&file)) {
    s = eao_import_tflite(ctx, &file, opts, out);
  } else if (is_onnx(&file)) {
    char *dir = folder(ctx, path);
    if (opts && opts->signature)
      s = eao_fail(ctx, EAO_ERR_ARG, "an ONNX model has no signatures ('%s')", opts->signature);
    else
      s = dir ? EAO_OK : EAO_NOMEM(ctx);
    if (s == EAO_OK)
      s = eao_import_onnx(ctx, &file, dir, opts, out);
    else
      eao_file_unmap(ctx, &file);
    eao_free(ctx, dir);
  } else {
    s = eao_fail(ctx, EAO_ERR_FORMAT, "neither an ONNX nor a TFLite model");
    eao_file_unmap(ctx, &file);
  }
  return s == EAO_OK ? s : eao_fail_within(ctx, s, "'%s'", path);
}
