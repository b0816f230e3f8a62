/* Post-training quantisation of graphs small enough to work out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "compress/quant/ptq.h"
#include "interp/interp.h"
#include "op/text.h"

static eao_graph *parse(eao_ctx *ctx, const char *text) {
  eao_graph *g = NULL;
  if (eao_graph_parse(ctx, text, strlen(text), &g) != EAO_OK || eao_graph_infer(g) != EAO_OK)
    fail_msg("%s", eao_ctx_message(ctx));
  return g;
}

static eao_node *find_op(eao_graph *g, uint16_t op) {
  for (eao_nid i = 0; i < g->n_node; i++)
    if (g->node[i].op == op) return &g->node[i];
  return NULL;
}

/* Samples of two numbers each: (-1, 1), (1, -1), (1, 1), ... times 1. */
static eao_status two_numbers(void *user, uint32_t k, eao_tensor *in, uint32_t n_in) {
  static const float data[][2] = {{-1, 1}, {1, -1}, {1, 1}, {0.5f, -0.25f}};
  (void)user;
  assert_int_equal(n_in, 1);
  in[0].data = (void *)(uintptr_t)data[k % 4];
  return EAO_OK;
}

/* y = relu(W x + b), W = [1 -2; 0 0.5], b = [1 0]. On the samples x spans [-1, 1], y [0, 4]. */
static const char dense[] = "graph \"dense\" {\n"
                            "  value %0 \"x\" f32[1,2]\n"
                            "  const %1 \"w\" f32[2,2] = 0000803f000000c0000000000000003f\n"
                            "  const %2 \"b\" f32[2] = 0000803f00000000\n"
                            "  value %3 \"h\" f32[1,2]\n"
                            "  value %4 \"y\" f32[1,2]\n"
                            "  input %0\n"
                            "  fully_connected(%0, %1, %2) -> %3 \"fc\"\n"
                            "  relu(%3) -> %4 \"act\"\n"
                            "  output %4\n"
                            "}\n";

static void by_hand(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = parse(ctx, dense), *q = NULL;
  eao_quantize_opts o = {.sample = two_numbers,
                         .n_samples = 4,
                         .range = EAO_RANGE_MINMAX,
                         .no_equalise = true,
                         .no_bias_correction = true};
  eao_quantize_report rep;
  if (eao_ptq_run(g, &o, &q, &rep) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  assert_int_equal(rep.integer_nodes, 1); /* relu went into the range of fc */
  assert_int_equal(rep.conversions, 2);
  assert_int_equal(rep.float_nodes, 0);
  eao_node *fc = find_op(q, EAO_OP_fully_connected);
  assert_non_null(fc);
  const eao_tensor *x = &q->value[fc->in[0]].t, *w = &q->value[fc->in[1]].t,
                   *b = &q->value[fc->in[2]].t, *y = &q->value[fc->out[0]].t;
  /* x: [-1, 1] in 255 steps; zero = rne(-128 + 127.5) = 0 (ties to even) */
  assert_true(fabs((double)x->quant.scale[0] - 2.0 / 255) < 1e-9);
  assert_int_equal(x->quant.zero[0], 0);
  /* y: [0, 4] */
  assert_true(fabs((double)y->quant.scale[0] - 4.0 / 255) < 1e-9);
  assert_int_equal(y->quant.zero[0], -128);
  /* rows by their largest magnitude, 2 and 1/2: 1 / (2/127) = 63.5 -> 64 */
  const int8_t want[] = {64, -127, 0, 127};
  assert_int_equal(w->dtype, EAO_I8);
  assert_int_equal(w->quant.n, 2);
  assert_memory_equal(w->data, want, 4);
  /* b / (s_x s_w) = 1 / (2/255 * 2/127) = 8096.25 */
  assert_int_equal(((const int32_t *)b->data)[0], 8096);
  assert_int_equal(((const int32_t *)b->data)[1], 0);
  /* The float graph is untouched, the result keeps the names of inputs and outputs. */
  assert_int_equal(g->value[1].t.dtype, EAO_F32);
  assert_string_equal(q->value[q->input[0]].name, "x");
  assert_string_equal(q->value[q->output[0]].name, "y");
  assert_int_equal(q->value[q->output[0]].t.dtype, EAO_F32);
  eao_graph_destroy(q);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* With int8 inputs and outputs the only nodes left are integer ones. */
static void integer_io(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = parse(ctx, dense), *q = NULL;
  eao_quantize_opts o = {
      .sample = two_numbers, .n_samples = 4, .range = EAO_RANGE_BEST, .integer_io = true};
  eao_quantize_report rep;
  if (eao_ptq_run(g, &o, &q, &rep) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  assert_int_equal(rep.conversions, 0);
  assert_int_equal(q->n_node, 1);
  assert_int_equal(q->value[q->input[0]].t.dtype, EAO_I8);
  assert_int_equal(q->value[q->output[0]].t.dtype, EAO_I8);
  assert_true(rep.sqnr_db > 35); /* 8 bits of a signal that fills them: about 6 dB each, less 13 */
  eao_graph_destroy(q);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* A float-only op between two layers: conversions around it, and it stays float. */
static void islands(void **state) {
  (void)state;
  static const char text[] = "graph \"islands\" {\n"
                             "  value %0 \"x\" f32[1,2]\n"
                             "  const %1 \"w\" f32[2,2] = 0000803f000000c0000000000000003f\n"
                             "  value %2 \"a\" f32[1,2]\n"
                             "  value %3 \"s\" f32[1,2]\n"
                             "  value %4 \"y\" f32[1,2]\n"
                             "  input %0\n"
                             "  fully_connected(%0, %1) -> %2 \"fc1\"\n"
                             "  sin(%2) -> %3 \"sin\"\n"
                             "  fully_connected(%3, %1) -> %4 \"fc2\"\n"
                             "  output %4, %2\n"
                             "}\n";
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = parse(ctx, text), *q = NULL;
  eao_quantize_opts o = {.sample = two_numbers, .n_samples = 4, .range = EAO_RANGE_BEST};
  eao_quantize_report rep;
  if (eao_ptq_run(g, &o, &q, &rep) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  assert_int_equal(rep.integer_nodes, 2);
  assert_int_equal(rep.float_nodes, 1);
  assert_int_equal(rep.conversions, 4); /* x, a (for sin and as an output), s, y */
  assert_string_equal(q->value[q->output[1]].name, "a");
  assert_true(rep.n_layer == 2 && rep.layer[0].sqnr_db > 30);
  eao_graph_destroy(q);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static eao_status observe(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  return eao_ptq_observe(user, 0, g, v, t);
}

/* Channels whose ranges differ by 1000: equalising keeps what the graph computes. */
static void equalised(void **state) {
  (void)state;
  static const char text[] =
      "graph \"chain\" {\n"
      "  value %0 \"x\" f32[1,2]\n"
      "  const %1 \"w1\" f32[2,2] = 00007a440000000000000000000080bf\n" /* 1000 0; 0 -1 */
      "  const %2 \"w2\" f32[1,2] = 6f12833a0000803f\n"                 /* 0.001 1 */
      "  value %3 \"h\" f32[1,2]\n"
      "  value %4 \"y\" f32[1,1]\n"
      "  input %0\n"
      "  fully_connected(%0, %1) -> %3 {act=relu} \"fc1\"\n"
      "  fully_connected(%3, %2) -> %4 \"fc2\"\n"
      "  output %4\n"
      "}\n";
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = parse(ctx, text), *e = NULL;
  uint32_t pairs;
  assert_int_equal(eao_graph_clone(g, &e), EAO_OK);
  eao_ptq_stats stats;
  assert_int_equal(eao_ptq_stats_init(&stats, g), EAO_OK);
  eao_interp *seen = eao_interp_create(g);
  eao_interp_set_hook(seen, observe, &stats);
  for (uint32_t k = 0; k < 4; k++) {
    eao_tensor in = g->value[0].t, out;
    two_numbers(NULL, k, &in, 1);
    assert_int_equal(eao_interp_run(seen, &in, 1, &out, 1), EAO_OK);
  }
  eao_interp_destroy(seen);
  /* peaks 1000 and 1 against weights 0.001 and 1: factors 1000 and 1, of the largest 1 and 0.001 */
  assert_int_equal(eao_ptq_equalise(e, &stats, &pairs), EAO_OK);
  eao_ptq_stats_deinit(&stats);
  assert_int_equal(pairs, 1);
  const float *w1 = e->value[1].t.data, *w2 = e->value[2].t.data;
  assert_true(fabs((double)w1[0] - 1000) < 0.1 && fabs((double)w1[3] + 1000) < 0.1);
  assert_true(fabs((double)w2[0] - 0.001) < 1e-6 && fabs((double)w2[1] - 0.001) < 1e-6);
  for (uint32_t k = 0; k < 4; k++) {
    eao_tensor in = g->value[0].t, a, b;
    two_numbers(NULL, k, &in, 1);
    eao_interp *ia = eao_interp_create(g), *ib = eao_interp_create(e);
    assert_int_equal(eao_interp_run(ia, &in, 1, &a, 1), EAO_OK);
    assert_int_equal(eao_interp_run(ib, &in, 1, &b, 1), EAO_OK);
    assert_true(fabs((double)(((float *)a.data)[0] - ((float *)b.data)[0])) < 1e-5);
    eao_interp_destroy(ia);
    eao_interp_destroy(ib);
  }
  eao_graph_destroy(e);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* y = W x with W 8 x 8: row i is i + 1 times (1, 1/2, 1/4, ...). */
static eao_graph *eight(eao_ctx *ctx) {
  char text[1024], *p = text + sprintf(text, "graph \"eight\" {\n"
                                             "  value %%0 \"x\" f32[1,8]\n"
                                             "  const %%1 \"w\" f32[8,8] = ");
  for (int i = 0; i < 64; i++) {
    float w = (float)(i / 8 + 1) / (float)(1 << i % 8);
    uint8_t b[4];
    memcpy(b, &w, 4);
    p += sprintf(p, "%02x%02x%02x%02x", b[0], b[1], b[2], b[3]);
  }
  sprintf(p, "\n  value %%2 \"y\" f32[1,8]\n  input %%0\n"
             "  fully_connected(%%0, %%1) -> %%2 \"fc\"\n  output %%2\n}\n");
  return parse(ctx, text);
}

static eao_status ones(void *user, uint32_t k, eao_tensor *in, uint32_t n_in) {
  static const float x[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  (void)user, (void)k;
  assert_int_equal(n_in, 1);
  in[0].data = (void *)(uintptr_t)x;
  return EAO_OK;
}

/* Weights alone: halves hold these numbers exactly, bytes to 1/127 of each row's largest. */
static void weights_only(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = eight(ctx), *q = NULL;
  eao_quantize_opts o = {.scheme = EAO_QUANT_FP16, .sample = ones, .n_samples = 2};
  eao_quantize_report rep;
  if (eao_ptq_run(g, &o, &q, &rep) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  assert_int_equal(rep.narrow_weights, 1);
  assert_true(rep.sqnr_db >= 200);
  eao_node *wide = find_op(q, EAO_OP_dequantize);
  assert_non_null(wide);
  assert_int_equal(q->value[wide->in[0]].t.dtype, EAO_F16);
  eao_graph_destroy(q);

  o = (eao_quantize_opts){.scheme = EAO_QUANT_INT8_WEIGHTS}; /* needs no samples */
  if (eao_ptq_run(g, &o, &q, &rep) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  assert_true(isnan(rep.sqnr_db));
  wide = find_op(q, EAO_OP_dequantize);
  const eao_tensor *w = &q->value[wide->in[0]].t;
  assert_int_equal(w->dtype, EAO_I8);
  assert_int_equal(w->quant.n, 8);
  static const int8_t row[] = {127, 64, 32, 16, 8, 4, 2, 1}; /* 127 / 2^k; 63.5 to even */
  for (int i = 0; i < 8; i++) {
    assert_memory_equal((const int8_t *)w->data + 8 * i, row, 8);
    assert_true(fabs((double)w->quant.scale[i] - (i + 1) / 127.0) < 1e-7);
  }
  eao_graph_destroy(q);
  eao_graph_destroy(g);

  g = parse(ctx, dense); /* four weights: not worth it */
  assert_int_equal(eao_ptq_run(g, &o, &q, &rep), EAO_ERR_UNSUPPORTED);
  assert_null(q);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* ---- channels of unequal ranges ---- */

enum { WIDE = 16 };

/* Three layers of 16 with ReLU between them; channel c between two layers is scaled by 2^power[c],
 * which changes nothing of what the graph computes. */
static eao_graph *chain(eao_ctx *ctx, int spread) {
  static char text[16384];
  eao_rng rng = {7};
  double in_scale[WIDE], out_scale[WIDE];
  char *p = text + sprintf(text, "graph \"chain\" {\n  value %%0 \"x\" f32[1,16]\n");
  for (int i = 0; i < WIDE; i++) in_scale[i] = 1;
  for (int l = 0; l < 3; l++) {
    p += sprintf(p, "  const %%%d \"w%d\" f32[16,16] = ", 1 + l, l);
    for (int o = 0; o < WIDE; o++) {
      double u = eao_rng_f64(&rng) * 2 - 1;
      out_scale[o] = l < 2 ? exp2(floor(u * spread)) : 1;
      for (int i = 0; i < WIDE; i++) {
        float w = (float)((eao_rng_f64(&rng) * 2 - 1) * out_scale[o] / in_scale[i]);
        uint8_t b[4];
        memcpy(b, &w, 4);
        p += sprintf(p, "%02x%02x%02x%02x", b[0], b[1], b[2], b[3]);
      }
    }
    memcpy(in_scale, out_scale, sizeof in_scale);
    p += sprintf(p, "\n");
  }
  for (int l = 0; l < 3; l++) p += sprintf(p, "  value %%%d \"h%d\" f32[1,16]\n", 4 + l, l);
  p += sprintf(p, "  input %%0\n");
  for (int l = 0; l < 3; l++)
    p += sprintf(p, "  fully_connected(%%%d, %%%d) -> %%%d {act=%s} \"fc%d\"\n", l ? 3 + l : 0,
                 1 + l, 4 + l, l < 2 ? "relu" : "none", l);
  sprintf(p, "  output %%6\n}\n");
  return parse(ctx, text);
}

static eao_status any_numbers(void *user, uint32_t k, eao_tensor *in, uint32_t n_in) {
  static float x[WIDE];
  eao_rng rng = {k + 1};
  (void)user;
  assert_int_equal(n_in, 1);
  for (int i = 0; i < WIDE; i++) x[i] = (float)(eao_rng_f64(&rng) * 2 - 1);
  in[0].data = x;
  return EAO_OK;
}

static int64_t largest(eao_interp *it, uint32_t k) {
  eao_tensor in = {.dtype = EAO_F32, .rank = 2, .dim = {1, WIDE}}, out = {0};
  int64_t best = 0;
  assert_int_equal(any_numbers(NULL, k, &in, 1), EAO_OK);
  assert_int_equal(eao_interp_run(it, &in, 1, &out, 1), EAO_OK);
  for (int64_t i = 1; i < WIDE; i++)
    if (eao_get_f64(&out, i) > eao_get_f64(&out, best)) best = i;
  return best;
}

/* *out_same: percent of inputs for which both have the same largest output; NULL: not wanted. */
static eao_quantize_report quantised(eao_ctx *ctx, eao_graph *g, const eao_quantize_opts *o,
                                     double *out_same) {
  enum { INPUTS = 2000, FIRST = 1000 }; /* none of those that calibrate */
  eao_graph *q = NULL;
  eao_quantize_report rep;
  if (eao_ptq_run(g, o, &q, &rep) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  eao_interp *a = eao_interp_create(g), *b = eao_interp_create(q);
  uint32_t same = 0;
  assert_true(a && b);
  for (uint32_t k = FIRST; out_same && k < FIRST + INPUTS; k++)
    same += largest(a, k) == largest(b, k);
  if (out_same) *out_same = 100.0 * same / INPUTS;
  eao_interp_destroy(a);
  eao_interp_destroy(b);
  rep.layer = NULL; /* goes with q */
  eao_graph_destroy(q);
  return rep;
}

/* What breaks a quantiser with one range a tensor costs this one next to nothing. */
static void unequal_channels(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_quantize_opts o = {.sample = any_numbers, .n_samples = 64, .range = EAO_RANGE_BEST};
  eao_graph *even = chain(ctx, 0), *uneven = chain(ctx, 6);
  double even_same, uneven_same;
  eao_quantize_report a = quantised(ctx, even, &o, &even_same);
  eao_quantize_report b = quantised(ctx, uneven, &o, &uneven_same);
  assert_true(a.sqnr_db > 30 && b.sqnr_db > 30);
  assert_true(b.step[0].sqnr_db < 10); /* naive */
  /* Unequal channels may cost a point of the answers, no more. */
  if (uneven_same < even_same - 1)
    fail_msg("same answers: %.2f %% with equal channels, %.2f %% with unequal ones", even_same,
             uneven_same);
  /* The same with one thread, to the last bit. */
  o.threads = 1;
  eao_quantize_report c = quantised(ctx, uneven, &o, &uneven_same);
  assert_true(c.sqnr_db == b.sqnr_db && c.n_step == b.n_step);
  for (uint32_t i = 0; i < b.n_step; i++) assert_true(b.step[i].sqnr_db == c.step[i].sqnr_db);
  eao_graph_destroy(even);
  eao_graph_destroy(uneven);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* Every layer int8 is not enough, some in float are; layers may also be named. */
static void mixed_precision(void **state) {
  (void)state;
  static const char *const keep[] = {"fc1"}, *const none[] = {"fc9"};
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = chain(ctx, 6), *q = NULL;
  eao_quantize_opts o = {.sample = any_numbers,
                         .n_samples = 64,
                         .range = EAO_RANGE_MINMAX,
                         .no_equalise = true,
                         .no_rounding = true};
  eao_quantize_report all = quantised(ctx, g, &o, NULL);
  assert_int_equal(all.integer_nodes, 3);
  o.scheme = EAO_QUANT_MIXED;
  o.target_db = all.sqnr_db + 3;
  eao_quantize_report mixed = quantised(ctx, g, &o, NULL);
  assert_true(mixed.sqnr_db > all.sqnr_db);
  assert_true(mixed.float_nodes > 0 && mixed.float_nodes < 3);
  assert_true(mixed.cost > mixed.cost_int8);
  o.scheme = EAO_QUANT_INT8;
  o.keep_float = keep;
  o.n_keep_float = 1;
  eao_quantize_report named = quantised(ctx, g, &o, NULL);
  assert_int_equal(named.float_nodes, 1);
  assert_int_equal(named.conversions, 4);
  o.keep_float = none;
  assert_int_equal(eao_ptq_run(g, &o, &q, &named), EAO_ERR_ARG);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static eao_status broken(void *user, uint32_t k, eao_tensor *in, uint32_t n_in) {
  (void)user, (void)in, (void)n_in;
  return k < 2 ? two_numbers(NULL, k, in, n_in) : EAO_ERR_IO;
}

static void failures(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_graph *g = parse(ctx, dense), *q = NULL;
  eao_quantize_opts o = {.sample = two_numbers};
  eao_quantize_report rep;
  assert_int_equal(eao_ptq_run(g, &o, &q, &rep), EAO_ERR_ARG);
  o.n_samples = 4;
  o.sample = broken;
  assert_int_equal(eao_ptq_run(g, &o, &q, &rep), EAO_ERR_IO);
  assert_null(q);
  eao_graph_destroy(g);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(by_hand),         cmocka_unit_test(integer_io),
      cmocka_unit_test(islands),         cmocka_unit_test(equalised),
      cmocka_unit_test(weights_only),    cmocka_unit_test(unequal_channels),
      cmocka_unit_test(mixed_precision), cmocka_unit_test(failures)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
