/* Writes an ONNX model of 14 MB with seeded weights: 60 matrix products and their activations.
 *   big_model FILE */
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "format/pb.h"

enum { LAYERS = 60, WIDTH = 242 }; /* 60 * 242 * 242 floats are 14.06 MB */

static void put_value(eao_pb_writer *w, uint32_t field, const char *name) {
  eao_pb_mark value = eao_pb_begin(w);
  eao_pb_put_str(w, 1, name);
  eao_pb_mark type = eao_pb_begin(w), tensor = eao_pb_begin(w);
  eao_pb_put_varint(w, 1, 1);
  eao_pb_mark shape = eao_pb_begin(w);
  for (int i = 0; i < 2; i++) {
    eao_pb_mark dim = eao_pb_begin(w);
    eao_pb_put_varint(w, 1, i ? WIDTH : 1);
    eao_pb_end(w, 1, dim);
  }
  eao_pb_end(w, 2, shape);
  eao_pb_end(w, 1, tensor);
  eao_pb_end(w, 2, type);
  eao_pb_end(w, field, value);
}

static void put_node(eao_pb_writer *w, const char *op, const char *a, const char *b,
                     const char *out) {
  eao_pb_mark node = eao_pb_begin(w);
  eao_pb_put_str(w, 1, a);
  if (b) eao_pb_put_str(w, 1, b);
  eao_pb_put_str(w, 2, out);
  eao_pb_put_str(w, 4, op);
  eao_pb_end(w, 1, node);
}

static void put_graph(eao_pb_writer *w) {
  static float weight[WIDTH * WIDTH];
  char in[16], sum[16], out[16], name[16];
  eao_rng rng = {14};
  for (int k = 0; k < LAYERS; k++) {
    snprintf(in, sizeof in, k ? "h%d" : "x", k);
    snprintf(sum, sizeof sum, "s%d", k);
    snprintf(out, sizeof out, k + 1 < LAYERS ? "h%d" : "y", k + 1);
    snprintf(name, sizeof name, "w%d", k);
    put_node(w, "MatMul", in, name, sum);
    put_node(w, "Relu", sum, NULL, out);
    for (size_t i = 0; i < EAO_COUNT(weight); i++) weight[i] = (float)(eao_rng_f64(&rng) * 0.1);
    eao_pb_mark tensor = eao_pb_begin(w);
    eao_pb_put_varint(w, 1, WIDTH);
    eao_pb_put_varint(w, 1, WIDTH);
    eao_pb_put_varint(w, 2, 1);
    eao_pb_put_str(w, 8, name);
    eao_pb_put_bytes(w, 9, weight, sizeof weight);
    eao_pb_end(w, 5, tensor);
  }
  put_value(w, 11, "x");
  put_value(w, 12, "y");
}

int main(int argc, char **argv) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  if (argc != 2 || !ctx) return 2;
  eao_pb_writer w;
  eao_pb_writer_init(&w, ctx);
  eao_pb_put_varint(&w, 1, 8);
  eao_pb_mark graph = eao_pb_begin(&w);
  put_graph(&w);
  eao_pb_end(&w, 7, graph);
  eao_pb_mark opset = eao_pb_begin(&w);
  eao_pb_put_varint(&w, 2, 17);
  eao_pb_end(&w, 8, opset);
  eao_status s = eao_pb_save(&w, argv[1]);
  eao_pb_writer_deinit(&w);
  eao_ctx_destroy(ctx);
  return s != EAO_OK;
}
