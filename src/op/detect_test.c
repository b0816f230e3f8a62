/* Detection post-processing against what LiteRT 2 computes for the same inputs (a model with the
 * one custom operator, run by ai-edge-litert's interpreter; inputs drawn by numpy, rounded to
 * 0.01). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>

#include "kernel/ref/detect.h"
#include "op/op.h"

static float encodings[40] = {0,      0.45f,  -0.41f, -1.34f, -0.68f, -1.49f, 0.09f,  2.01f,
                              -0.74f, -0.93f, 0.73f,  0.54f,  0.16f,  -1.4f,  -0.04f, 1.04f,
                              -2.02f, -0.69f, -2.85f, -1.93f, -2.76f, -0.35f, -1.9f,  0.41f,
                              0.24f,  -0.28f, -3.78f, -0.81f, -0.07f, 0.17f,  -2.3f,  -0.72f,
                              -1.47f, -1.21f, 1.59f,  -1.21f, -0.05f, 1.33f,  -0.88f, -0.17f};
static float scores[40] = {0.88f, 0.51f, 0.85f, 0.64f, 0.74f, 0.09f, 0.54f, 0.51f, 0.87f, 0.36f,
                           0.6f,  0.06f, 0.39f, 0.32f, 0.15f, 0.82f, 0.38f, 0.98f, 0.59f, 0.61f,
                           0.64f, 0.68f, 0.15f, 0.44f, 0.24f, 0.4f,  0.1f,  0.97f, 0.22f, 0.67f,
                           0.3f,  0.87f, 0.66f, 0.13f, 0.85f, 0.94f, 0.9f,  0.57f, 0.15f, 0.19f};
static float anchors[40] = {0.67f, 0.52f, 0.4f,  0.33f, 0.37f, 0.65f, 0.36f, 0.46f, 0.56f, 0.53f,
                            0.3f,  0.38f, 0.45f, 0.46f, 0.41f, 0.31f, 0.4f,  0.32f, 0.36f, 0.43f,
                            0.65f, 0.49f, 0.47f, 0.25f, 0.52f, 0.43f, 0.48f, 0.2f,  0.6f,  0.31f,
                            0.43f, 0.44f, 0.45f, 0.31f, 0.24f, 0.33f, 0.35f, 0.69f, 0.44f, 0.2f};
static const float fast_boxes[32] = {
    0.225485429f, 0.144179329f, 0.429074585f, 0.436480641f, 0.225485429f, 0.144179329f,
    0.429074585f, 0.436480641f, 0.418830216f, 0.339355886f, 0.644209802f, 0.509444118f,
    0.418830216f, 0.339355886f, 0.644209802f, 0.509444118f, 0.461264074f, 0.126984701f,
    0.732716024f, 0.50797528f,  0.461264074f, 0.126984701f, 0.732716024f, 0.50797528f,
    0.485745609f, 0.408640206f, 0.854254425f, 0.661059797f, 0.485745609f, 0.408640206f,
    0.854254425f, 0.661059797f};
static const float fast_classes[8] = {0, 2, 2, 0, 2, 0, 1, 2};
static const float fast_scores[8] = {0.980000019f, 0.610000014f, 0.970000029f, 0.400000006f,
                                     0.870000005f, 0.670000017f, 0.850000024f, 0.639999986f};
static const float regular_boxes[16] = {0.225485429f, 0.144179329f, 0.429074585f, 0.436480641f,
                                        0.418830216f, 0.339355886f, 0.644209802f, 0.509444118f,
                                        0.249794856f, 0.140535712f, 0.579645157f, 0.399604261f,
                                        0.485745609f, 0.408640206f, 0.854254425f, 0.661059797f};
static const float regular_classes[4] = {0, 2, 2, 1};
static const float regular_scores[4] = {0.980000019f, 0.970000029f, 0.939999998f, 0.850000024f};

static void expect(const eao_tensor *t, const float *want, int64_t n) {
  assert_int_equal(eao_tensor_count(t), n);
  /* exp() of the two programs may differ in the last bit */
  for (int64_t i = 0; i < n; i++) assert_true(fabsf(((const float *)t->data)[i] - want[i]) < 1e-6f);
}

static void run(bool regular, const float *boxes, const float *classes, const float *best,
                int64_t n) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  const eao_op_desc *d = eao_op_get(EAO_OP_detection_postprocess);
  eao_detection_attr a;
  eao_op_attr_defaults(d, &a);
  a.max_detections = 4;
  a.num_classes = 3;
  a.max_classes_per_detection = regular ? 1 : 2;
  a.detections_per_class = 2;
  a.use_regular_nms = regular;
  a.nms_score_threshold = 0.3f;
  a.nms_iou_threshold = 0.4f;
  a.y_scale = a.x_scale = 10;
  a.h_scale = a.w_scale = 5;
  eao_tensor in[3] = {{.dtype = EAO_F32, .rank = 3, .dim = {1, 10, 4}, .data = encodings},
                      {.dtype = EAO_F32, .rank = 3, .dim = {1, 10, 4}, .data = scores},
                      {.dtype = EAO_F32, .rank = 2, .dim = {10, 4}, .data = anchors}};
  const eao_tensor *pin[3] = {&in[0], &in[1], &in[2]};
  eao_tensor out[4] = {{.rank = -1}, {.rank = -1}, {.rank = -1}, {.rank = -1}};
  assert_int_equal(eao_op_eval(ctx, d, &a, pin, 3, out, 4), EAO_OK);
  expect(&out[0], boxes, 4 * n);
  expect(&out[1], classes, n);
  expect(&out[2], best, n);
  expect(&out[3], (float[]){4}, 1);
  for (int i = 0; i < 4; i++) eao_free(ctx, out[i].data);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static void fast_suppression(void **state) {
  (void)state;
  run(false, fast_boxes, fast_classes, fast_scores, 8);
}

static void regular_suppression(void **state) {
  (void)state;
  run(true, regular_boxes, regular_classes, regular_scores, 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(fast_suppression),
                                     cmocka_unit_test(regular_suppression)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
