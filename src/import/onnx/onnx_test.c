/* ONNX import: what it reads, and that hostile files end in an error with bounded memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "import/import.h"
#include "import/onnx/build.h"
#include "interp/interp.h"
#include "kernel/kernel.h"

static const int64_t D23[] = {2, 3}, D3[] = {3}, DN[] = {-1, 3};
static const float ONES[] = {1, 2, 3};

typedef struct fixture {
  eao_ctx *ctx;
  eao_pb_writer w;
  eao_pb_mark graph;
  char warning[256];
} fixture;

static void on_warning(void *user, const char *text) {
  fixture *f = user;
  snprintf(f->warning, sizeof f->warning, "%s", text);
}

static void start_limits(fixture *f, const eao_limits *limits) {
  memset(f, 0, sizeof *f);
  f->ctx = eao_ctx_create(NULL, limits);
  assert_non_null(f->ctx);
  eao_ctx_on_warning(f->ctx, on_warning, f);
  eao_pb_writer_init(&f->w, f->ctx);
  eao_pb_put_varint(&f->w, F_MODEL_IR, 8);
  b_opset(&f->w, F_MODEL_OPSET, "", 17);
  f->graph = eao_pb_begin(&f->w);
  eao_pb_put_str(&f->w, F_GRAPH_NAME, "g");
}

static void start(fixture *f) {
  start_limits(f, NULL);
}

static void end_graph(fixture *f) {
  eao_pb_end(&f->w, F_MODEL_GRAPH, f->graph);
}

static eao_status import(fixture *f, eao_graph **g) {
  eao_file file;
  assert_false(f->w.text.failed);
  assert_int_equal(f->w.n_blob, 0);
  assert_int_equal(eao_file_from_bytes(f->ctx, f->w.text.p, f->w.text.len, &file), EAO_OK);
  return eao_import_onnx(f->ctx, &file, NULL, NULL, g);
}

static void finish(fixture *f, eao_graph *g) {
  eao_graph_destroy(g);
  eao_pb_writer_deinit(&f->w);
  assert_int_equal(f->ctx->heap_bytes, 0);
  eao_ctx_destroy(f->ctx);
}

/* The model must be refused with this status and a message that contains text. */
static void refused(fixture *f, eao_status status, const char *text) {
  eao_graph *g;
  end_graph(f);
  eao_status s = import(f, &g);
  if (s != status || !strstr(eao_ctx_message(f->ctx), text))
    print_message("status %s, message: %s\n", eao_status_name(s), eao_ctx_message(f->ctx));
  assert_int_equal(s, status);
  assert_non_null(strstr(eao_ctx_message(f->ctx), text));
  assert_null(g);
  finish(f, NULL);
}

static void runs(fixture *f, const eao_tensor *in, uint32_t n_in, const float *want, size_t n) {
  eao_graph *g;
  eao_tensor out;
  end_graph(f);
  eao_status s = import(f, &g);
  if (s != EAO_OK) print_message("%s\n", eao_ctx_message(f->ctx));
  assert_int_equal(s, EAO_OK);
  eao_interp *it = eao_interp_create(g);
  s = eao_interp_run(it, in, n_in, &out, 1);
  if (s != EAO_OK) print_message("%s\n", eao_ctx_message(f->ctx));
  assert_int_equal(s, EAO_OK);
  assert_int_equal(eao_tensor_count(&out), n);
  assert_memory_equal(out.data, want, n * sizeof *want);
  eao_interp_destroy(it);
  finish(f, g);
}

static void in_out(fixture *f) {
  b_value(&f->w, F_GRAPH_INPUT, "x", ONNX_FLOAT, D23, 2);
  b_value(&f->w, F_GRAPH_OUTPUT, "y", ONNX_FLOAT, D23, 2);
}

static eao_tensor x23(float *v) {
  return (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {2, 3}, .data = v};
}

/* ---- what it reads ---- */

static void nodes_in_any_order(void **state) {
  fixture f;
  float x[] = {1, -2, 3, -40, 5, -6}, want[] = {2, 0, 6, 0, 7, 0};
  (void)state;
  start(&f);
  in_out(&f);
  b_tensor(&f.w, F_GRAPH_INIT, "one", ONNX_FLOAT, D3, 1, ONES, sizeof ONES);
  b_node(&f.w, F_GRAPH_NODE, "Relu", "sum", "y");
  b_node(&f.w, F_GRAPH_NODE, "Add", "x one", "sum");
  eao_tensor t = x23(x);
  runs(&f, &t, 1, want, 6);
}

/* Raw data at an odd address is copied; kernels read through typed pointers. */
static void unaligned_constants(void **state) {
  (void)state;
  for (size_t pad = 0; pad < 8; pad++) {
    fixture f;
    float x[6] = {0}, want[] = {1, 2, 3, 1, 2, 3};
    start(&f);
    eao_pb_put_bytes(&f.w, 10, "padding", pad); /* doc_string */
    in_out(&f);
    b_tensor(&f.w, F_GRAPH_INIT, "one", ONNX_FLOAT, D3, 1, ONES, sizeof ONES);
    b_node(&f.w, F_GRAPH_NODE, "Add", "x one", "y");
    eao_tensor t = x23(x);
    runs(&f, &t, 1, want, 6);
  }
}

/* float_data unpacked, int64 lists packed: both forms are legal. */
static void typed_data(void **state) {
  fixture f;
  float x[] = {1, 2, 3, 4, 5, 6}, want[] = {1, 3, 5, 7, 9, 11};
  (void)state;
  start(&f);
  in_out(&f);
  eao_pb_mark t = eao_pb_begin(&f.w);
  for (int i = 0; i < 2; i++) eao_pb_put_varint(&f.w, 1, (uint64_t)D23[i]);
  eao_pb_put_varint(&f.w, 2, ONNX_FLOAT);
  eao_pb_put_str(&f.w, 8, "c");
  for (int i = 0; i < 6; i++) eao_pb_put_f32(&f.w, 4, (float)i);
  eao_pb_end(&f.w, F_GRAPH_INIT, t);
  b_node(&f.w, F_GRAPH_NODE, "Add", "x c", "y");
  eao_tensor in = x23(x);
  runs(&f, &in, 1, want, 6);
}

/* Both branches capture other outer values; a nested function call is inlined in one of them. */
static void if_with_captures(void **state) {
  static const uint8_t no = 0;
  float x[] = {1, -2, 3, -4, 5, -6}, want[] = {3, -6, 9, -12, 15, -18};
  (void)state;
  fixture f;
  start(&f);
  b_value(&f.w, F_GRAPH_INPUT, "x", ONNX_FLOAT, D23, 2);
  b_value(&f.w, F_GRAPH_INPUT, "c", ONNX_BOOL, NULL, 0);
  b_value(&f.w, F_GRAPH_OUTPUT, "y", ONNX_FLOAT, D23, 2);
  b_node(&f.w, F_GRAPH_NODE, "Add", "x x", "two");
  eao_pb_mark n = b_node_begin(&f.w, "If", "", "c", "y");
  b_body body = b_body_begin(&f.w, "then_branch");
  b_node(&f.w, F_GRAPH_NODE, "Relu", "x", "t");
  b_value(&f.w, F_GRAPH_OUTPUT, "t", ONNX_FLOAT, NULL, -1);
  b_body_end(&f.w, body);
  body = b_body_begin(&f.w, "else_branch");
  b_node(&f.w, F_GRAPH_NODE, "Add", "two x", "e");
  b_value(&f.w, F_GRAPH_OUTPUT, "e", ONNX_FLOAT, NULL, -1);
  b_body_end(&f.w, body);
  eao_pb_end(&f.w, F_GRAPH_NODE, n);
  eao_tensor in[] = {x23(x), {.dtype = EAO_BOOL, .data = (void *)(uintptr_t)&no}};
  runs(&f, in, 2, want, 6);
}

/* triple(a) = a + a + a; with `self` it calls itself. */
static void add_function(fixture *f, bool self) {
  eao_pb_mark m = eao_pb_begin(&f->w);
  eao_pb_put_str(&f->w, 1, "Triple");
  eao_pb_put_str(&f->w, 10, "local");
  b_names(&f->w, 4, "a");
  b_names(&f->w, 5, "r");
  b_opset(&f->w, 9, "", 17);
  b_opset(&f->w, 9, "local", 1);
  if (self)
    eao_pb_end(&f->w, 7, b_node_begin(&f->w, "Triple", "local", "a", "b"));
  else
    b_node(&f->w, 7, "Add", "a a", "b");
  b_node(&f->w, 7, "Add", "b a", "r");
  eao_pb_end(&f->w, F_MODEL_FUNCTION, m);
}

static void function_is_inlined(void **state) {
  fixture f;
  float x[] = {1, -2, 3, -4, 5, -6}, want[] = {9, -18, 27, -36, 45, -54};
  (void)state;
  start(&f);
  in_out(&f);
  for (int i = 0; i < 2; i++)
    eao_pb_end(&f.w, F_GRAPH_NODE,
               b_node_begin(&f.w, "Triple", "local", i ? "t" : "x", i ? "y" : "t"));
  end_graph(&f);
  add_function(&f, false);
  eao_graph *g;
  assert_int_equal(import(&f, &g), EAO_OK);
  eao_interp *it = eao_interp_create(g);
  eao_tensor in = x23(x), out;
  assert_int_equal(eao_interp_run(it, &in, 1, &out, 1), EAO_OK);
  assert_memory_equal(out.data, want, sizeof want);
  eao_interp_destroy(it);
  finish(&f, g);
}

static void dimensions_are_bound(void **state) {
  fixture f;
  eao_graph *g;
  eao_file file;
  (void)state;
  start(&f);
  b_value(&f.w, F_GRAPH_INPUT, "x", ONNX_FLOAT, DN, 2);
  b_value(&f.w, F_GRAPH_OUTPUT, "y", ONNX_FLOAT, DN, 2);
  b_node(&f.w, F_GRAPH_NODE, "Relu", "x", "y");
  end_graph(&f);
  eao_shape_bind bind = {.name = "N", .rank = -1, .dim = {7}};
  eao_import_opts opts = {.bind = &bind, .n_bind = 1};
  assert_int_equal(eao_file_from_bytes(f.ctx, f.w.text.p, f.w.text.len, &file), EAO_OK);
  assert_int_equal(eao_import_onnx(f.ctx, &file, NULL, &opts, &g), EAO_OK);
  assert_int_equal(g->value[g->output[0]].t.dim[0], 7);
  eao_graph_destroy(g);
  opts = (eao_import_opts){.default_dims = true};
  assert_int_equal(eao_file_from_bytes(f.ctx, f.w.text.p, f.w.text.len, &file), EAO_OK);
  assert_int_equal(eao_import_onnx(f.ctx, &file, NULL, &opts, &g), EAO_OK);
  assert_int_equal(g->value[g->output[0]].t.dim[0], 1);
  assert_non_null(strstr(f.warning, "dimension 0 (N)"));
  finish(&f, g);
}

/* ---- what it refuses ---- */

static void unknown_op_is_named(void **state) {
  fixture f;
  (void)state;
  start(&f);
  in_out(&f);
  b_node(&f.w, F_GRAPH_NODE, "Frobnicate", "x", "y");
  refused(&f, EAO_ERR_UNSUPPORTED,
          "node 'Frobnicate' (op Frobnicate, domain 'ai.onnx', version 17)");
  start(&f);
  in_out(&f);
  eao_pb_end(&f.w, F_GRAPH_NODE, b_node_begin(&f.w, "Relu", "my.domain", "x", "y"));
  refused(&f, EAO_ERR_UNSUPPORTED, "domain 'my.domain'");
  start(&f);
  in_out(&f);
  eao_pb_mark n = b_node_begin(&f.w, "Relu", "", "x", "y");
  b_attr_int(&f.w, "colour", 3);
  eao_pb_end(&f.w, F_GRAPH_NODE, n);
  refused(&f, EAO_ERR_UNSUPPORTED, "attribute 'colour' is not supported");
}

static void bad_edges(void **state) {
  fixture f;
  (void)state;
  start(&f); /* dangling */
  in_out(&f);
  b_node(&f.w, F_GRAPH_NODE, "Add", "x nowhere", "y");
  refused(&f, EAO_ERR_FORMAT, "input 'nowhere' does not exist");
  start(&f); /* cycle */
  in_out(&f);
  b_node(&f.w, F_GRAPH_NODE, "Add", "x b", "a");
  b_node(&f.w, F_GRAPH_NODE, "Add", "x a", "b");
  b_node(&f.w, F_GRAPH_NODE, "Relu", "b", "y");
  refused(&f, EAO_ERR_FORMAT, "part of a cycle");
  start(&f);
  in_out(&f);
  b_node(&f.w, F_GRAPH_NODE, "Relu", "y", "y");
  refused(&f, EAO_ERR_FORMAT, "its own output");
  start(&f);
  in_out(&f);
  b_node(&f.w, F_GRAPH_NODE, "Relu", "x", "y");
  b_node(&f.w, F_GRAPH_NODE, "Abs", "x", "y");
  refused(&f, EAO_ERR_FORMAT, "computed by two nodes");
  start(&f);
  in_out(&f);
  b_node(&f.w, F_GRAPH_NODE, "Relu", "x", "x");
  refused(&f, EAO_ERR_FORMAT, "its own output");
  start(&f);
  in_out(&f);
  b_node(&f.w, F_GRAPH_NODE, "Relu", "x", "z");
  refused(&f, EAO_ERR_FORMAT, "output 'y' does not exist");
}

static void bad_tensors(void **state) {
  static const int64_t huge[] = {INT64_MAX, INT64_MAX, 4}, big[] = {1 << 20, 1 << 20};
  static const int64_t negative[] = {-3}, nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const struct {
    const int64_t *dim;
    int n;
    uint32_t type;
    eao_status status;
    const char *text;
  } cases[] = {
      {D23, 2, ONNX_FLOAT, EAO_ERR_FORMAT, "raw_data has 12 bytes, its shape needs 24"},
      {huge, 3, ONNX_FLOAT, EAO_ERR_SHAPE, "too many elements"},
      {big, 2, ONNX_FLOAT, EAO_ERR_NOMEM, "above the limit"},
      {negative, 1, ONNX_FLOAT, EAO_ERR_FORMAT, "extent -3"},
      {nine, 9, ONNX_FLOAT, EAO_ERR_UNSUPPORTED, "rank 9"},
      {D3, 1, ONNX_STRING, EAO_ERR_UNSUPPORTED, "element type string"},
      {D3, 1, 17, EAO_ERR_UNSUPPORTED, "element type float8e4m3fn"},
      {D3, 1, 999, EAO_ERR_UNSUPPORTED, "unknown type"},
  };
  (void)state;
  for (size_t i = 0; i < EAO_COUNT(cases); i++) {
    fixture f;
    start(&f);
    in_out(&f);
    b_tensor(&f.w, F_GRAPH_INIT, "one", cases[i].type, cases[i].dim, cases[i].n, ONES, sizeof ONES);
    b_node(&f.w, F_GRAPH_NODE, "Add", "x one", "y");
    refused(&f, cases[i].status, cases[i].text);
  }
}

static void deep_nesting(void **state) {
  enum { DEPTH = 64 };
  fixture f;
  eao_pb_mark node[DEPTH];
  b_body body[DEPTH];
  (void)state;
  start(&f);
  in_out(&f);
  for (int i = 0; i < DEPTH; i++) {
    node[i] = b_node_begin(&f.w, "If", "", "x", "y");
    body[i] = b_body_begin(&f.w, "then_branch");
  }
  for (int i = DEPTH - 1; i >= 0; i--) {
    b_body_end(&f.w, body[i]);
    eao_pb_end(&f.w, F_GRAPH_NODE, node[i]);
  }
  refused(&f, EAO_ERR_FORMAT, "nested deeper than 32");
}

static void endless_function(void **state) {
  fixture f;
  eao_graph *g;
  (void)state;
  start(&f);
  in_out(&f);
  eao_pb_end(&f.w, F_GRAPH_NODE, b_node_begin(&f.w, "Triple", "local", "x", "y"));
  end_graph(&f);
  add_function(&f, true);
  assert_int_equal(import(&f, &g), EAO_ERR_FORMAT);
  assert_non_null(strstr(eao_ctx_message(f.ctx), "functions are nested deeper"));
  finish(&f, NULL);
}

/* ---- external data ---- */

static void external_model(fixture *f, const char *location, const char *offset) {
  start(f);
  in_out(f);
  eao_pb_mark t = eao_pb_begin(&f->w);
  eao_pb_put_varint(&f->w, 1, 3);
  eao_pb_put_varint(&f->w, 2, ONNX_FLOAT);
  eao_pb_put_str(&f->w, 8, "one");
  const char *pair[][2] = {{"location", location}, {"offset", offset}};
  for (int i = 0; i < 2; i++) {
    eao_pb_mark e = eao_pb_begin(&f->w);
    eao_pb_put_str(&f->w, 1, pair[i][0]);
    eao_pb_put_str(&f->w, 2, pair[i][1]);
    eao_pb_end(&f->w, 13, e);
  }
  eao_pb_put_varint(&f->w, 14, 1);
  eao_pb_end(&f->w, F_GRAPH_INIT, t);
  b_node(&f->w, F_GRAPH_NODE, "Add", "x one", "y");
  end_graph(f);
}

static eao_status import_beside(fixture *f, const char *dir, eao_graph **g) {
  char path[512];
  snprintf(path, sizeof path, "%s/model.onnx", dir);
  assert_int_equal(eao_file_write(f->ctx, path, f->w.text.p, f->w.text.len), EAO_OK);
  eao_status s = eao_import(f->ctx, path, NULL, g);
  unlink(path);
  return s;
}

static void external_data(void **state) {
  static const struct {
    const char *location, *offset;
    eao_status status;
  } cases[] = {
      {"w.bin", "4", EAO_OK},
      {"w.bin", "3", EAO_OK}, /* not aligned */
      {"w.bin", "8", EAO_ERR_FORMAT},
      {"w.bin", "-4", EAO_ERR_FORMAT},
      {"w.bin", "99999999999999999999", EAO_ERR_FORMAT},
      {"missing.bin", "0", EAO_ERR_IO},
      {"/etc/passwd", "0", EAO_ERR_FORMAT},
      {"../w.bin", "0", EAO_ERR_FORMAT},
      {"sub/../../w.bin", "0", EAO_ERR_FORMAT},
      {"link.bin", "0", EAO_ERR_FORMAT},
  };
  char dir[] = "/tmp/eao-onnx-XXXXXX", path[64], link[64];
  const float data[] = {0, 1, 2, 3};
  (void)state;
  assert_non_null(mkdtemp(dir));
  snprintf(path, sizeof path, "%s/w.bin", dir);
  snprintf(link, sizeof link, "%s/link.bin", dir);
  assert_int_equal(symlink("/etc/passwd", link), 0);
  for (size_t i = 0; i < EAO_COUNT(cases); i++) {
    fixture f;
    eao_graph *g;
    external_model(&f, cases[i].location, cases[i].offset);
    assert_int_equal(eao_file_write(f.ctx, path, data, sizeof data), EAO_OK);
    eao_status s = import_beside(&f, dir, &g);
    if (s != cases[i].status) print_message("%s: %s\n", cases[i].location, eao_ctx_message(f.ctx));
    assert_int_equal(s, cases[i].status);
    finish(&f, g);
  }
  unlink(path);
  unlink(link);
  rmdir(dir);
}

/* ---- damaged files ---- */

/* A model with everything that has structure: constants, a body, a function, a quantised op. */
static void sample_model(fixture *f, const eao_limits *limits) {
  static const uint8_t zero = 3;
  static const float scale = 0.5f;
  start_limits(f, limits);
  b_value(&f->w, F_GRAPH_INPUT, "x", ONNX_FLOAT, D23, 2);
  b_value(&f->w, F_GRAPH_INPUT, "c", ONNX_BOOL, NULL, 0);
  b_value(&f->w, F_GRAPH_OUTPUT, "y", ONNX_FLOAT, D23, 2);
  b_tensor(&f->w, F_GRAPH_INIT, "s", ONNX_FLOAT, NULL, 0, &scale, sizeof scale);
  b_tensor(&f->w, F_GRAPH_INIT, "z", ONNX_UINT8, NULL, 0, &zero, sizeof zero);
  b_tensor(&f->w, F_GRAPH_INIT, "one", ONNX_FLOAT, D3, 1, ONES, sizeof ONES);
  b_node(&f->w, F_GRAPH_NODE, "QuantizeLinear", "x s z", "q");
  b_node(&f->w, F_GRAPH_NODE, "DequantizeLinear", "q s z", "d");
  eao_pb_end(&f->w, F_GRAPH_NODE, b_node_begin(&f->w, "Triple", "local", "d", "t"));
  eao_pb_mark n = b_node_begin(&f->w, "If", "", "c", "i");
  for (int k = 0; k < 2; k++) {
    b_body body = b_body_begin(&f->w, k ? "else_branch" : "then_branch");
    b_node(&f->w, F_GRAPH_NODE, "Add", k ? "t one" : "t x", "r");
    b_value(&f->w, F_GRAPH_OUTPUT, "r", ONNX_FLOAT, NULL, -1);
    b_body_end(&f->w, body);
  }
  eao_pb_end(&f->w, F_GRAPH_NODE, n);
  n = b_node_begin(&f->w, "Softmax", "", "i", "y");
  b_attr_int(&f->w, "axis", -1);
  eao_pb_end(&f->w, F_GRAPH_NODE, n);
  end_graph(f);
  add_function(f, false);
}

static const eao_limits SMALL = {.max_tensor_bytes = 1 << 20,
                                 .max_total_bytes = 8 << 20,
                                 .max_nodes = 10000,
                                 .max_depth = 16,
                                 .max_steps = 1000};

static void damaged(const uint8_t *bytes, size_t n, bool must_fail) {
  eao_ctx *ctx = eao_ctx_create(NULL, &SMALL);
  eao_file file;
  eao_graph *g;
  assert_int_equal(eao_file_from_bytes(ctx, bytes, n, &file), EAO_OK);
  eao_status s = eao_import_onnx(ctx, &file, NULL, NULL, &g);
  if (must_fail) assert_int_not_equal(s, EAO_OK);
  assert_int_not_equal(s, EAO_ERR_INTERNAL);
  assert_true(s == EAO_OK || *eao_ctx_message(ctx));
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static void truncated_everywhere(void **state) {
  fixture f;
  eao_graph *g;
  (void)state;
  sample_model(&f, NULL);
  eao_status s = import(&f, &g);
  if (s != EAO_OK) print_message("%s\n", eao_ctx_message(f.ctx));
  assert_int_equal(s, EAO_OK);
  for (size_t n = 0; n < f.w.text.len; n++) damaged((const uint8_t *)f.w.text.p, n, true);
  finish(&f, g);
}

static void every_bit_flipped(void **state) {
  fixture f;
  (void)state;
  sample_model(&f, NULL);
  uint8_t *p = (uint8_t *)f.w.text.p;
  for (size_t i = 0; i < f.w.text.len * 8; i++) {
    p[i / 8] ^= (uint8_t)(1u << i % 8);
    damaged(p, f.w.text.len, false);
    p[i / 8] ^= (uint8_t)(1u << i % 8);
  }
  finish(&f, NULL);
}

static void random_bytes_replaced(void **state) {
  fixture f;
  eao_rng rng = {42};
  (void)state;
  sample_model(&f, NULL);
  size_t n = f.w.text.len;
  uint8_t *copy = malloc(n);
  assert_non_null(copy);
  for (int round = 0; round < 3000; round++) {
    memcpy(copy, f.w.text.p, n);
    for (uint64_t k = 0, m = 1 + eao_rng_below(&rng, 6); k < m; k++)
      copy[eao_rng_below(&rng, n)] = (uint8_t)eao_rng_next(&rng);
    damaged(copy, n, false);
  }
  free(copy);
  finish(&f, NULL);
}

/* Failing the k-th allocation must end in an error, for every k, without a leak. */
typedef struct failing {
  long left;
} failing;

static void *fail_realloc(void *user, void *p, size_t n) {
  failing *f = user;
  if (n == 0) {
    free(p);
    return NULL;
  }
  if (f->left-- == 0) return NULL;
  return realloc(p, n);
}

static void out_of_memory_everywhere(void **state) {
  fixture f;
  (void)state;
  sample_model(&f, NULL);
  eao_status s = EAO_ERR_NOMEM;
  for (long k = 1; s != EAO_OK && k < 20000; k++) {
    failing fail = {k};
    eao_allocator a = {fail_realloc, &fail};
    eao_ctx *ctx = eao_ctx_create(&a, NULL);
    eao_file file;
    eao_graph *g;
    assert_non_null(ctx);
    assert_int_equal(eao_file_from_bytes(ctx, f.w.text.p, f.w.text.len, &file), EAO_OK);
    s = eao_import_onnx(ctx, &file, NULL, NULL, &g);
    assert_true(s == EAO_OK || s == EAO_ERR_NOMEM);
    eao_graph_destroy(g);
    assert_int_equal(ctx->heap_bytes, 0);
    eao_ctx_destroy(ctx);
  }
  assert_int_equal(s, EAO_OK);
  finish(&f, NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nodes_in_any_order),
      cmocka_unit_test(unaligned_constants),
      cmocka_unit_test(typed_data),
      cmocka_unit_test(if_with_captures),
      cmocka_unit_test(function_is_inlined),
      cmocka_unit_test(dimensions_are_bound),
      cmocka_unit_test(unknown_op_is_named),
      cmocka_unit_test(bad_edges),
      cmocka_unit_test(bad_tensors),
      cmocka_unit_test(deep_nesting),
      cmocka_unit_test(endless_function),
      cmocka_unit_test(external_data),
      cmocka_unit_test(truncated_everywhere),
      cmocka_unit_test(every_bit_flipped),
      cmocka_unit_test(random_bytes_replaced),
      cmocka_unit_test(out_of_memory_everywhere),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
