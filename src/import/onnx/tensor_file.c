/* A file that holds one TensorProto: the test data beside models. */
#include <string.h>

#include "import/onnx/lower.h"

static eao_status read_message(onnx_import *im, const eao_file *f, eao_tensor *out) {
  onnx_tensor t;
  eao_tensor borrowed;
  uint64_t bytes;
  EAO_TRY(onnx_read_tensor(im->ctx, &im->tmp, eao_pb_of(f->data, f->size), &t));
  EAO_TRY(onnx_load(im, &t, &borrowed));
  EAO_TRY(eao_tensor_nbytes(im->ctx, &borrowed, &bytes));
  *out = borrowed;
  out->data = eao_alloc(im->ctx, (size_t)bytes);
  if (!out->data) return EAO_NOMEM(im->ctx);
  if (bytes) memcpy(out->data, borrowed.data, (size_t)bytes);
  return EAO_OK;
}

eao_status eao_import_onnx_tensor(eao_ctx *ctx, const char *path, eao_tensor *out) {
  eao_file f;
  memset(out, 0, sizeof *out);
  EAO_TRY(eao_file_map(ctx, path, &f));
  onnx_import im = {.ctx = ctx, .root = eao_graph_create(ctx)};
  eao_arena_init(&im.tmp, ctx);
  eao_status s = im.root ? read_message(&im, &f, out) : EAO_ERR_NOMEM;
  eao_arena_deinit(&im.tmp);
  eao_graph_destroy(im.root);
  eao_file_unmap(ctx, &f);
  return s == EAO_OK ? s : eao_fail_within(ctx, s, "'%s'", path);
}
