/* For tests: ONNX models written message by message. */
#ifndef EAO_IMPORT_ONNX_BUILD_H
#define EAO_IMPORT_ONNX_BUILD_H

#include "format/pb.h"
#include "import/onnx/records.h"

/* Field numbers of onnx.proto that tests write. */
enum {
  F_MODEL_IR = 1,
  F_MODEL_GRAPH = 7,
  F_MODEL_OPSET = 8,
  F_MODEL_FUNCTION = 25,
  F_GRAPH_NODE = 1,
  F_GRAPH_NAME = 2,
  F_GRAPH_INIT = 5,
  F_GRAPH_INPUT = 11,
  F_GRAPH_OUTPUT = 12,
  F_ATTR_GRAPH = 6,
};

static inline void b_opset(eao_pb_writer *w, uint32_t field, const char *domain, uint64_t version) {
  eao_pb_mark m = eao_pb_begin(w);
  eao_pb_put_str(w, 1, domain);
  eao_pb_put_varint(w, 2, version);
  eao_pb_end(w, field, m);
}

/* A tensor value of a graph; n_dim < 0: shape not given. */
static inline void b_value(eao_pb_writer *w, uint32_t field, const char *name, uint32_t type,
                           const int64_t *dim, int n_dim) {
  eao_pb_mark value = eao_pb_begin(w);
  eao_pb_put_str(w, 1, name);
  eao_pb_mark t = eao_pb_begin(w), tensor = eao_pb_begin(w);
  eao_pb_put_varint(w, 1, type);
  if (n_dim >= 0) {
    eao_pb_mark shape = eao_pb_begin(w);
    for (int i = 0; i < n_dim; i++) {
      eao_pb_mark d = eao_pb_begin(w);
      if (dim[i] >= 0) eao_pb_put_varint(w, 1, (uint64_t)dim[i]);
      if (dim[i] < 0) eao_pb_put_str(w, 2, "N");
      eao_pb_end(w, 1, d);
    }
    eao_pb_end(w, 2, shape);
  }
  eao_pb_end(w, 1, tensor);
  eao_pb_end(w, 2, t);
  eao_pb_end(w, field, value);
}

static inline void b_tensor(eao_pb_writer *w, uint32_t field, const char *name, uint32_t type,
                            const int64_t *dim, int n_dim, const void *raw, size_t n) {
  eao_pb_mark t = eao_pb_begin(w);
  for (int i = 0; i < n_dim; i++) eao_pb_put_varint(w, 1, (uint64_t)dim[i]);
  eao_pb_put_varint(w, 2, type);
  eao_pb_put_str(w, 8, name);
  eao_pb_put_bytes(w, 9, raw, n);
  eao_pb_end(w, field, t);
}

/* Names are separated by spaces; "-" is an omitted input. */
static inline void b_names(eao_pb_writer *w, uint32_t field, const char *list) {
  while (*list) {
    size_t n = strcspn(list, " ");
    if (n == 1 && *list == '-')
      eao_pb_put_bytes(w, field, "", 0);
    else
      eao_pb_put_bytes(w, field, list, n);
    list += n;
    while (*list == ' ') list++;
  }
}

static inline eao_pb_mark b_node_begin(eao_pb_writer *w, const char *op, const char *domain,
                                       const char *in, const char *out) {
  eao_pb_mark m = eao_pb_begin(w);
  b_names(w, 1, in);
  b_names(w, 2, out);
  eao_pb_put_str(w, 3, op);
  eao_pb_put_str(w, 4, op);
  if (*domain) eao_pb_put_str(w, 7, domain);
  return m;
}

static inline void b_node(eao_pb_writer *w, uint32_t field, const char *op, const char *in,
                          const char *out) {
  eao_pb_end(w, field, b_node_begin(w, op, "", in, out));
}

static inline void b_attr_int(eao_pb_writer *w, const char *name, int64_t v) {
  eao_pb_mark a = eao_pb_begin(w);
  eao_pb_put_str(w, 1, name);
  eao_pb_put_varint(w, 3, (uint64_t)v);
  eao_pb_put_varint(w, 20, ONNX_ATTR_INT);
  eao_pb_end(w, 5, a);
}

/* A graph attribute: begin, write the graph's fields, end. */
typedef struct b_body {
  eao_pb_mark attr, graph;
} b_body;
static inline b_body b_body_begin(eao_pb_writer *w, const char *name) {
  b_body b;
  b.attr = eao_pb_begin(w);
  eao_pb_put_str(w, 1, name);
  b.graph = eao_pb_begin(w);
  eao_pb_put_str(w, F_GRAPH_NAME, name);
  return b;
}
static inline void b_body_end(eao_pb_writer *w, b_body b) {
  eao_pb_end(w, F_ATTR_GRAPH, b.graph);
  eao_pb_put_varint(w, 20, ONNX_ATTR_GRAPH);
  eao_pb_end(w, 5, b.attr);
}

#endif
