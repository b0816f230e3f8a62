/* The messages of an ONNX file as plain structs. Names are copied and NUL-terminated (in the
 * reader's arena); tensor data stays where it is in the file. Field numbers: onnx.proto. */
#ifndef EAO_IMPORT_ONNX_RECORDS_H
#define EAO_IMPORT_ONNX_RECORDS_H

#include "base/base.h"
#include <string.h>

#include "base/half.h"
#include "format/pb.h"

/* TensorProto.DataType */
enum {
  ONNX_FLOAT = 1,
  ONNX_UINT8 = 2,
  ONNX_INT8 = 3,
  ONNX_UINT16 = 4,
  ONNX_INT16 = 5,
  ONNX_INT32 = 6,
  ONNX_INT64 = 7,
  ONNX_STRING = 8,
  ONNX_BOOL = 9,
  ONNX_FLOAT16 = 10,
  ONNX_DOUBLE = 11,
  ONNX_UINT32 = 12,
  ONNX_UINT64 = 13,
  ONNX_BFLOAT16 = 16,
  ONNX_UINT4 = 21,
  ONNX_INT4 = 22,
};

/* AttributeProto.AttributeType */
enum {
  ONNX_ATTR_FLOAT = 1,
  ONNX_ATTR_INT = 2,
  ONNX_ATTR_STRING = 3,
  ONNX_ATTR_TENSOR = 4,
  ONNX_ATTR_GRAPH = 5,
  ONNX_ATTR_FLOATS = 6,
  ONNX_ATTR_INTS = 7,
  ONNX_ATTR_STRINGS = 8,
};

typedef struct onnx_graph onnx_graph;

typedef struct onnx_tensor {
  const char *name;
  int32_t type;
  uint32_t n_dim;
  const int64_t *dim;
  bool has_raw, external;
  eao_pb raw;                        /* raw_data */
  eao_pb body;                       /* the whole message: typed data fields are read from it */
  const char *location;              /* external data */
  const char *ext_offset, *ext_size; /* decimal, or NULL */
} onnx_tensor;

typedef struct onnx_attr {
  const char *name, *ref;
  int32_t type;
  bool used; /* by the lowering of the node that holds it */
  float f;
  int64_t i;
  const char *s;
  onnx_tensor *t;
  onnx_graph *g;
  uint32_t n_floats, n_ints, n_strings;
  float *floats;
  int64_t *ints;
  const char **strings;
} onnx_attr;

typedef struct onnx_node {
  const char *name, *op, *domain, *overload;
  uint32_t n_in, n_out, n_attr;
  const char **in, **out;
  onnx_attr *attr;
} onnx_node;

typedef struct onnx_dim {
  int64_t value; /* -1: unknown */
  const char *param;
} onnx_dim;

typedef struct onnx_value {
  const char *name;
  const char *kind; /* "tensor", "sequence", "optional", "map", ... or NULL without a type */
  int32_t type;
  int32_t rank; /* -1: unknown */
  onnx_dim *dim;
} onnx_value;

struct onnx_graph {
  const char *name;
  onnx_node *node;
  onnx_tensor *init;
  onnx_value *input, *output;
  uint32_t n_node, n_init, n_input, n_output;
  uint32_t n_sparse;
};

typedef struct onnx_opset {
  const char *domain;
  int64_t version;
} onnx_opset;

typedef struct onnx_function {
  const char *name, *domain, *overload;
  uint32_t n_in, n_out, n_attr_name, n_attr, n_node, n_opset;
  const char **in, **out, **attr_name;
  onnx_attr *attr; /* with defaults */
  onnx_node *node;
  onnx_opset *opset;
} onnx_function;

typedef struct onnx_prop {
  const char *key, *text;
} onnx_prop;

typedef struct onnx_model {
  int64_t ir_version;
  const char *producer, *producer_version, *doc;
  onnx_graph *graph;
  uint32_t n_opset, n_function, n_prop;
  onnx_opset *opset;
  onnx_function *function;
  onnx_prop *prop;
} onnx_model;

/* Records live in the arena and refer to `bytes`. EAO_ERR_FORMAT names the byte offset. */
eao_status onnx_read_model(eao_ctx *ctx, eao_arena *arena, eao_pb bytes, onnx_model *out);
eao_status onnx_read_tensor(eao_ctx *ctx, eao_arena *arena, eao_pb bytes, onnx_tensor *out);

const onnx_attr *onnx_find_attr(const onnx_node *n, const char *name);

#endif
