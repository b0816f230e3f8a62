/* TFLite import on files made here: what is read, and files that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "import/tflite/tflite.h"

/* ---- a file in pieces ---- */

typedef struct maker {
  eao_ctx *ctx;
  eao_fbuild b;
  eao_fref code[4], tensor[8], op[4], sub[4], buffer[4];
  uint32_t n_code, n_tensor, n_op, n_sub, n_buffer;
} maker;

static void begin(maker *m) {
  memset(m, 0, sizeof *m);
  m->ctx = eao_ctx_create(NULL, NULL);
  eao_fbuild_init(&m->b, m->ctx);
  m->buffer[m->n_buffer++] = eao_fbuild_table(&m->b);
}

static void code(maker *m, int builtin) {
  eao_fbuild_int(&m->b, TFL_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE, 1,
                 builtin < 127 ? builtin : 127);
  eao_fbuild_int(&m->b, TFL_OPERATOR_CODE_BUILTIN_CODE, 4, builtin);
  m->code[m->n_code++] = eao_fbuild_table(&m->b);
}

static void buffer(maker *m, const void *data, size_t n) {
  eao_fbuild_ref(&m->b, TFL_BUFFER_DATA, eao_fbuild_vec(&m->b, data, n, 1, 16));
  m->buffer[m->n_buffer++] = eao_fbuild_table(&m->b);
}

/* A tensor of two elements named after its number. */
static void tensor(maker *m, int type, uint32_t buf) {
  char name[] = {'t', (char)('0' + m->n_tensor)};
  int32_t dim = 2;
  eao_fref text = eao_fbuild_str(&m->b, name, 2), dims = eao_fbuild_vec(&m->b, &dim, 1, 4, 4);
  eao_fbuild_ref(&m->b, TFL_TENSOR_SHAPE, dims);
  eao_fbuild_ref(&m->b, TFL_TENSOR_NAME, text);
  eao_fbuild_int(&m->b, TFL_TENSOR_TYPE, 1, type);
  eao_fbuild_int(&m->b, TFL_TENSOR_BUFFER, 4, buf);
  m->tensor[m->n_tensor++] = eao_fbuild_table(&m->b);
}

/* options: type of the options table; slot 0 of it is set to `first`. */
static void op(maker *m, uint32_t opcode, int options, int64_t first, const int32_t *in,
               uint32_t n_in, int32_t out) {
  eao_fbuild_int(&m->b, 0, 4, first);
  eao_fref opt = eao_fbuild_table(&m->b);
  eao_fref ins = eao_fbuild_vec(&m->b, in, n_in, 4, 4), outs = eao_fbuild_vec(&m->b, &out, 1, 4, 4);
  eao_fbuild_int(&m->b, TFL_OPERATOR_OPCODE_INDEX, 4, opcode);
  eao_fbuild_ref(&m->b, TFL_OPERATOR_INPUTS, ins);
  eao_fbuild_ref(&m->b, TFL_OPERATOR_OUTPUTS, outs);
  eao_fbuild_int(&m->b, TFL_OPERATOR_BUILTIN_OPTIONS_TYPE, 1, options);
  eao_fbuild_ref(&m->b, TFL_OPERATOR_BUILTIN_OPTIONS, opt);
  m->op[m->n_op++] = eao_fbuild_table(&m->b);
}

/* The tensors and operators so far as a subgraph. */
static void subgraph(maker *m, int32_t in, int32_t out) {
  eao_fref tensors = eao_fbuild_refs(&m->b, m->tensor, m->n_tensor);
  eao_fref ops = eao_fbuild_refs(&m->b, m->op, m->n_op);
  eao_fref ins = eao_fbuild_vec(&m->b, &in, 1, 4, 4), outs = eao_fbuild_vec(&m->b, &out, 1, 4, 4);
  eao_fbuild_ref(&m->b, TFL_SUB_GRAPH_TENSORS, tensors);
  eao_fbuild_ref(&m->b, TFL_SUB_GRAPH_INPUTS, ins);
  eao_fbuild_ref(&m->b, TFL_SUB_GRAPH_OUTPUTS, outs);
  eao_fbuild_ref(&m->b, TFL_SUB_GRAPH_OPERATORS, ops);
  m->sub[m->n_sub++] = eao_fbuild_table(&m->b);
  m->n_tensor = m->n_op = 0;
}

static void file(maker *m, const uint8_t **p, size_t *n) {
  eao_fref codes = eao_fbuild_refs(&m->b, m->code, m->n_code);
  eao_fref subs = eao_fbuild_refs(&m->b, m->sub, m->n_sub);
  eao_fref buffers = eao_fbuild_refs(&m->b, m->buffer, m->n_buffer);
  eao_fbuild_int(&m->b, TFL_MODEL_VERSION, 4, 3);
  eao_fbuild_ref(&m->b, TFL_MODEL_OPERATOR_CODES, codes);
  eao_fbuild_ref(&m->b, TFL_MODEL_SUBGRAPHS, subs);
  eao_fbuild_ref(&m->b, TFL_MODEL_BUFFERS, buffers);
  eao_fref root = eao_fbuild_table(&m->b);
  assert_int_equal(eao_fbuild_finish(&m->b, root, EAO_TFL_ID, p, n), EAO_OK);
}

static void end(maker *m) {
  eao_fbuild_deinit(&m->b);
  assert_int_equal(m->ctx->heap_bytes, 0);
  eao_ctx_destroy(m->ctx);
}

/* Imports a copy that ends where the bytes end. */
static eao_status read_bytes(eao_ctx *ctx, const uint8_t *p, size_t n, eao_graph **g) {
  eao_file f;
  *g = NULL;
  assert_int_equal(eao_file_from_bytes(ctx, p, n, &f), EAO_OK);
  return eao_import_tflite(ctx, &f, NULL, g);
}

static eao_status read_made(maker *m, eao_graph **g) {
  const uint8_t *p;
  size_t n;
  file(m, &p, &n);
  return read_bytes(m->ctx, p, n, g);
}

/* t2 = relu(t0 + t1), t1 a constant */
static void make_add(maker *m) {
  static const float data[] = {1.5f, -2};
  begin(m);
  code(m, TFL_ADD);
  buffer(m, data, sizeof data);
  tensor(m, TFL_T_FLOAT32, 0);
  tensor(m, TFL_T_FLOAT32, 1);
  tensor(m, TFL_T_FLOAT32, 0);
  op(m, 0, TFL_O_AddOptions, TFL_ACT_RELU, (int32_t[]){0, 1}, 2, 2);
  subgraph(m, 0, 2);
}

static void reads(void **state) {
  (void)state;
  maker m;
  eao_graph *g;
  make_add(&m);
  assert_int_equal(read_made(&m, &g), EAO_OK);
  assert_int_equal(g->n_node, 1);
  assert_int_equal(g->node[0].op, EAO_OP_add);
  assert_int_equal(((const eao_act *)g->node[0].attr)->kind, EAO_ACT_RELU);
  const eao_value *c = &g->value[g->node[0].in[1]];
  assert_string_equal(c->name, "t1");
  assert_true(((const float *)c->t.data)[1] == -2);
  assert_int_equal(g->value[g->output[0]].t.rank, 1);
  assert_int_equal(g->value[g->output[0]].t.dim[0], 2);
  eao_graph_destroy(g);
  end(&m);
}

static void damage(void **state) {
  (void)state;
  maker m;
  eao_graph *g;
  const uint8_t *p;
  size_t n;
  make_add(&m);
  file(&m, &p, &n);
  for (size_t k = 0; k < n; k++) {
    assert_int_not_equal(read_bytes(m.ctx, p, k, &g), EAO_OK);
    assert_null(g);
    assert_true(*eao_ctx_message(m.ctx));
  }
  uint8_t *copy = malloc(n);
  for (size_t k = 0; k < n; k++)
    for (int v = 0; v < 256; v += v % 2 ? 6 : 1) {
      memcpy(copy, p, n);
      copy[k] = (uint8_t)(copy[k] + v);
      if (read_bytes(m.ctx, copy, n, &g) == EAO_OK) eao_graph_destroy(g);
    }
  free(copy);
  end(&m);
}

/* Each is one lie in an otherwise good file. */
static void lies(void **state) {
  (void)state;
  enum { TYPE, SHORT, UNKNOWN_OP, BAD_ACT, OPTIONS, NO_TENSOR, TWICE, NO_DATA, INPUT_MADE, CASES };
  for (int lie = 0; lie < CASES; lie++) {
    static const float data[] = {1.5f, -2};
    maker m;
    eao_graph *g;
    begin(&m);
    code(&m, lie == UNKNOWN_OP ? 5000 : TFL_ADD);
    buffer(&m, data, lie == SHORT ? 7 : 8);
    tensor(&m, lie == TYPE ? 77 : TFL_T_FLOAT32, 0);
    tensor(&m, TFL_T_FLOAT32, lie == NO_DATA ? 0 : lie == SHORT ? 1 : 1);
    tensor(&m, TFL_T_FLOAT32, 0);
    op(&m, 0, lie == OPTIONS ? TFL_O_MulOptions : TFL_O_AddOptions, lie == BAD_ACT ? 99 : 0,
       (int32_t[]){0, lie == NO_TENSOR ? 55 : 1}, 2, lie == INPUT_MADE ? 0 : 2);
    if (lie == TWICE) op(&m, 0, TFL_O_AddOptions, 0, (int32_t[]){0, 1}, 2, 2);
    subgraph(&m, 0, 2);
    eao_status s = read_made(&m, &g);
    assert_true(s == EAO_ERR_FORMAT || s == EAO_ERR_UNSUPPORTED);
    assert_true(*eao_ctx_message(m.ctx));
    end(&m);
  }
}

/* CALL of its own subgraph, and IF whose branch contains itself. */
static void cycles(void **state) {
  (void)state;
  for (int k = 0; k < 2; k++) {
    maker m;
    eao_graph *g;
    begin(&m);
    code(&m, k ? TFL_IF : TFL_CALL);
    tensor(&m, k ? TFL_T_BOOL : TFL_T_FLOAT32, 0);
    tensor(&m, TFL_T_BOOL, 0);
    if (k)
      op(&m, 0, TFL_O_IfOptions, 0, (int32_t[]){0, 0}, 2, 1);
    else
      op(&m, 0, TFL_O_CallOptions, 0, (int32_t[]){0}, 1, 1);
    subgraph(&m, 0, 1);
    assert_int_equal(read_made(&m, &g), EAO_ERR_FORMAT);
    assert_non_null(strstr(eao_ctx_message(m.ctx), "contains itself"));
    end(&m);
  }
}

/* Two operators in the wrong order are put into the right one; two that need each other are not. */
static void order(void **state) {
  (void)state;
  for (int cycle = 0; cycle < 2; cycle++) {
    maker m;
    eao_graph *g;
    begin(&m);
    code(&m, TFL_ADD);
    for (int i = 0; i < 3; i++) tensor(&m, TFL_T_FLOAT32, 0);
    op(&m, 0, TFL_O_AddOptions, 0, (int32_t[]){1, 0}, 2, 2);
    op(&m, 0, TFL_O_AddOptions, 0, (int32_t[]){0, cycle ? 2 : 0}, 2, 1);
    subgraph(&m, 0, 2);
    eao_status s = read_made(&m, &g);
    assert_int_equal(s, cycle ? EAO_ERR_FORMAT : EAO_OK);
    if (!cycle) assert_string_equal(g->value[g->node[0].out[0]].name, "t1");
    eao_graph_destroy(g);
    end(&m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads),  cmocka_unit_test(damage), cmocka_unit_test(lies),
      cmocka_unit_test(cycles), cmocka_unit_test(order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
