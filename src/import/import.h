/* Model files to graphs. */
#ifndef EAO_IMPORT_IMPORT_H
#define EAO_IMPORT_IMPORT_H

#include "ir/graph.h"

typedef struct eao_import_opts {
  const eao_shape_bind *bind;
  uint32_t n_bind;
  /* An unbound dimension of a graph input: true sets it to 1 (said in a warning), false leaves it
   * unknown (-1), for the interpreter to take from the data. */
  bool default_dims;
  const char *signature; /* TFLite: the one to read; NULL: the first subgraph */
} eao_import_opts;

/* By content, not by file name: ONNX, TFLite. opts may be NULL. The graph is verified and has
 * inferred types; constants borrow from the mapped file, which the graph owns. */
eao_status eao_import(eao_ctx *ctx, const char *path, const eao_import_opts *opts,
                      eao_graph **out) EAO_MUST_CHECK;

/* One format each. base_dir: folder for external data, NULL: none allowed. file is taken over. */
eao_status eao_import_onnx(eao_ctx *ctx, eao_file *file, const char *base_dir,
                           const eao_import_opts *opts, eao_graph **out) EAO_MUST_CHECK;
eao_status eao_import_tflite(eao_ctx *ctx, eao_file *file, const eao_import_opts *opts,
                             eao_graph **out) EAO_MUST_CHECK;
/* A file that holds one ONNX TensorProto. out->data is from eao_alloc; the caller frees it. */
eao_status eao_import_onnx_tensor(eao_ctx *ctx, const char *path, eao_tensor *out) EAO_MUST_CHECK;

#endif
