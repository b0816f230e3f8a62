/* From a graph to a package and back: the compiled model gives what the interpreter gives; damaged
 * packages are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four first */
#include <cmocka.h>

#include "eao/rt.h"
#include "emit/check_eao.h"
#include "emit/emit_eao.h"
#include "format/eao_format.h"
#include "interp/interp.h"
#include "op/op.h"

enum { ROWS = 3, COLS = 4, CELLS = ROWS * COLS };

/* A node with default attributes. */
static void add_node(eao_graph *g, uint16_t op, const char *name, const eao_vid *in, uint32_t n_in,
                     eao_vid out) {
  const eao_op_desc *d = eao_op_get(op);
  uint64_t attr[128] = {0};
  assert_true(d->attr_size <= sizeof attr);
  eao_op_attr_defaults(d, attr);
  assert_int_equal(eao_graph_add_node(g, op, name, attr, d->attr_size, in, n_in, &out, 1, NULL),
                   EAO_OK);
}

/* y = relu(x + b); z = reshape(y) + y', with y used twice so that nothing can be done in place. */
static eao_graph *make_graph(eao_ctx *ctx) {
  eao_graph *g = eao_graph_create(ctx);
  eao_tensor t = {.dtype = EAO_F32, .rank = 2, .dim = {ROWS, COLS}}, unknown = {.rank = -1};
  eao_vid x, b, sum, y, shape, flat, c, z;
  assert_int_equal(eao_graph_add_value(g, "x", &t, &x), EAO_OK);
  assert_int_equal(eao_graph_add_f32(g, "b", (float[]){1, -3, 0.5f, 2}, COLS, &b), EAO_OK);
  assert_int_equal(eao_graph_add_i64(g, "shape", (int64_t[]){CELLS}, 1, &shape), EAO_OK);
  assert_int_equal(eao_graph_add_f32(g, "c", (float[]){10}, 1, &c), EAO_OK);
  assert_int_equal(eao_graph_add_value(g, "sum", &unknown, &sum), EAO_OK);
  assert_int_equal(eao_graph_add_value(g, "y", &unknown, &y), EAO_OK);
  assert_int_equal(eao_graph_add_value(g, "flat", &unknown, &flat), EAO_OK);
  assert_int_equal(eao_graph_add_value(g, "z", &unknown, &z), EAO_OK);
  assert_int_equal(eao_graph_add_input(g, x), EAO_OK);
  add_node(g, EAO_OP_add, "a", (eao_vid[]){x, b}, 2, sum);
  add_node(g, EAO_OP_relu, "r", &sum, 1, y);
  add_node(g, EAO_OP_reshape, "s", (eao_vid[]){y, shape}, 2, flat);
  add_node(g, EAO_OP_add, "a2", (eao_vid[]){flat, c}, 2, z);
  assert_int_equal(eao_graph_add_output(g, y), EAO_OK);
  assert_int_equal(eao_graph_add_output(g, z), EAO_OK);
  assert_int_equal(eao_graph_infer(g), EAO_OK);
  return g;
}

static const float input[CELLS] = {1, 2, -5, 4, 0, 3, 7, -8, -0.25f, 6, 2, 1};

typedef struct built {
  eao_ctx *ctx;
  uint8_t *pkg; /* 64-byte aligned */
  size_t size;
} built;

static built build(bool golden) {
  built r = {.ctx = eao_ctx_create(NULL, NULL)};
  eao_graph *g = make_graph(r.ctx);
  eao_plan *p;
  eao_plan_opts opts = {.isa = eao_cpu_isa(), .cpu = eao_cpu_flags()};
  assert_int_equal(eao_plan_create(g, &opts, &p), EAO_OK);
  assert_true(p->arena_bytes >= p->arena_bound_bytes);
  eao_interp *it = eao_interp_create(g);
  eao_tensor in = g->value[g->input[0]].t, out[2];
  in.data = (void *)(uintptr_t)input;
  assert_int_equal(eao_interp_run(it, &in, 1, out, 2), EAO_OK);
  eao_meta meta = {"purpose", "test"};
  eao_package_opts po = {.meta = &meta, .n_meta = 1};
  if (golden) {
    po.golden_in = &in;
    po.golden_out = out;
  }
  eao_text text, again;
  eao_text_init(&text, r.ctx);
  eao_text_init(&again, r.ctx);
  assert_int_equal(eao_emit_package(p, &po, &text), EAO_OK);
  assert_int_equal(eao_emit_package(p, &po, &again), EAO_OK);
  assert_int_equal(text.len, again.len);
  assert_memory_equal(text.p, again.p, text.len);
  r.size = text.len;
  r.pkg = aligned_alloc(64, (r.size + 63) / 64 * 64);
  memcpy(r.pkg, text.p, r.size);
  eao_text_deinit(&text);
  eao_text_deinit(&again);
  eao_interp_destroy(it);
  eao_plan_destroy(p);
  eao_graph_destroy(g);
  assert_int_equal(r.ctx->heap_bytes, 0);
  return r;
}

static void drop(built *b) {
  free(b->pkg);
  eao_ctx_destroy(b->ctx);
}

static void runs(void **state) {
  (void)state;
  built b = build(true);
  eao_package m;
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_OK);
  assert_string_equal(eao_package_meta(&m, "purpose"), "test");
  assert_string_equal(eao_package_input_name(&m, 0), "x");
  assert_string_equal(eao_package_output_name(&m, 1), "z");
  assert_null(eao_package_output_name(&m, 2));
  size_t n = eao_package_arena_bytes(&m);
  void *arena = aligned_alloc(64, n);
  memset(arena, 0xA5, n);
  eao_session *s;
  assert_int_equal(eao_session_create(&m, arena, n - 1, &s), EAO_ERR_NOMEM);
  assert_int_equal(eao_session_create(&m, arena, n, &s), EAO_OK);
  for (int round = 0; round < 2; round++) {
    memcpy(eao_session_input(s, 0)->data, input, sizeof input);
    assert_int_equal(eao_session_run(s), EAO_OK);
    /* Worked out on paper: relu(x + {1, -3, 0.5, 2}). */
    static const float want[CELLS] = {2, 0, 0, 6, 1, 0, 7.5f, 0, 0.75f, 3, 2.5f, 3};
    assert_memory_equal(eao_session_output(s, 0)->data, want, sizeof want);
    const eao_tensor *z = eao_session_output(s, 1);
    assert_int_equal(z->rank, 1);
    for (int i = 0; i < CELLS; i++) assert_true(((float *)z->data)[i] == want[i] + 10);
  }
  assert_int_equal(eao_session_self_test(s, 0), EAO_OK);
  eao_package_close(&m);
  free(arena);
  drop(&b);
}

static void damage_is_refused(void **state) {
  (void)state;
  built b = build(false);
  eao_package m;
  for (size_t i = 0; i < b.size; i++) {
    uint8_t bit = (uint8_t)(1u << i % 8);
    b.pkg[i] ^= bit;
    assert_int_not_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_OK);
    assert_true(*eao_package_message(&m));
    b.pkg[i] ^= bit;
  }
  for (size_t n = 0; n < b.size; n += 7)
    assert_int_not_equal(eao_package_open_memory(&m, b.pkg, n), EAO_OK);
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_OK);
  drop(&b);
}

static void sign(built *b) {
  size_t from = offsetof(eao_pkg_header, hash) + 32;
  eao_wide_hash(b->pkg + from, b->size - from, b->pkg + offsetof(eao_pkg_header, hash));
}

/* Forged fields under a hash that fits: whatever the word, opening decides without a crash, and a
 * tensor never leaves its memory. */
static void forgeries_are_refused(void **state) {
  (void)state;
  built b = build(false);
  static const uint32_t evil[] = {0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 1u << 20, 0, 3};
  eao_pkg_header *h = (eao_pkg_header *)(void *)b.pkg;
  size_t end = (size_t)h->section[EAO_PKG_STRINGS].offset;
  for (size_t i = offsetof(eao_pkg_header, major); i + 4 <= end; i += 4)
    for (size_t k = 0; k < EAO_COUNT(evil); k++) {
      uint32_t was;
      memcpy(&was, b.pkg + i, 4);
      memcpy(b.pkg + i, &evil[k], 4);
      sign(&b);
      eao_package m;
      (void)eao_package_open_memory(&m, b.pkg, b.size);
      memcpy(b.pkg + i, &was, 4);
    }
  eao_pkg_tensor *t = (eao_pkg_tensor *)(void *)(b.pkg + h->section[EAO_PKG_TENSORS].offset);
  eao_package m;
  t[0].offset += h->arena_bytes;
  sign(&b);
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_ERR_FORMAT);
  t[0].offset -= h->arena_bytes;
  t[0].dim[0]++;
  sign(&b);
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_ERR_FORMAT);
  t[0].dim[0]--;
  sign(&b);
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_OK);
  drop(&b);
}

/* A package that fits together as bytes, but whose first step is no legal call of its op: the
 * device cannot know, the host's check must. */
static void impossible_steps_are_found(void **state) {
  (void)state;
  built b = build(false);
  eao_pkg_header *h = (eao_pkg_header *)(void *)b.pkg;
  eao_pkg_tensor *t = (eao_pkg_tensor *)(void *)(b.pkg + h->section[EAO_PKG_TENSORS].offset);
  eao_pkg_step *step = (eao_pkg_step *)(void *)(b.pkg + h->section[EAO_PKG_STEPS].offset);
  const uint32_t *ref =
      (const uint32_t *)(void *)(b.pkg + h->section[EAO_PKG_REFS].offset) + step[0].refs;
  eao_pkg_tensor *out = &t[ref[step[0].n_in]];
  eao_package m;
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_OK);
  assert_int_equal(eao_check_package(b.ctx, eao_rt(&m)), EAO_OK);
  out->dim[0]--;
  out->bytes -= COLS * sizeof(float);
  sign(&b);
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_OK);
  assert_int_equal(eao_check_package(b.ctx, eao_rt(&m)), EAO_ERR_FORMAT);
  out->dim[0]++;
  out->bytes += COLS * sizeof(float);
  /* The result over half of the input, which is still read. */
  uint64_t was = out->offset;
  out->offset = t[ref[0]].offset + 16;
  sign(&b);
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_OK);
  assert_int_equal(eao_check_package(b.ctx, eao_rt(&m)), EAO_ERR_FORMAT);
  out->offset = was;
  sign(&b);
  assert_int_equal(eao_package_open_memory(&m, b.pkg, b.size), EAO_OK);
  assert_int_equal(eao_check_package(b.ctx, eao_rt(&m)), EAO_OK);
  drop(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(runs), cmocka_unit_test(damage_is_refused),
                                     cmocka_unit_test(impossible_steps_are_found),
                                     cmocka_unit_test(forgeries_are_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
