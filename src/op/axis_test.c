/* Reductions, softmax, normalisations, losses where types and corners matter; values from numpy in
 * double, or by hand where the comment says how. */
#include "kernel/ref/loss.h"
#include "kernel/ref/norm.h"
#include "kernel/ref/reduce.h"
#include "op/check.h"

static const eao_reduce_attr drop = {0, 0};

static void reductions(void **state) {
  (void)state;
  vec x = MAT(EAO_F32, 2, 3, 1, -2, 3, 4, 5, -6), axis0 = VEC(EAO_I64, 1, 0);
  vec last = VEC(EAO_I32, 1, -1), none = VEC(EAO_I64, 0, 0);
  check2("reduce_sum", NULL, x, axis0, MAT(EAO_F32, 1, 3, 5, 3, -3), 0);
  check2("reduce_sum", &drop, x, last, VEC(EAO_F32, 2, 2, 3), 0);
  check2("reduce_mean", &drop, x, axis0, VEC(EAO_F32, 3, 2.5, 1.5, -1.5), 0);
  check2("reduce_max", &drop, x, none, NUM(EAO_F32, 5), 0);
  check2("reduce_min", &(eao_reduce_attr){1, 1}, x, none, x, 0);
  check2("reduce_l1", &drop, x, last, VEC(EAO_F32, 2, 6, 15), 0);
  check2("reduce_sum_square", &drop, x, last, VEC(EAO_F32, 2, 14, 77), 0);
  check2("reduce_l2", &drop, x, last, VEC(EAO_F32, 2, sqrt(14), sqrt(77)), 0);
  check2("reduce_prod", &drop, x, last, VEC(EAO_F32, 2, -6, -120), 0);
  check2("reduce_log_sum_exp", &drop, VEC(EAO_F64, 3, 1000, 1001, 999), axis0,
         NUM(EAO_F64, 1001.4076059644443), 1e-15);
  check2("reduce_log_sum_exp", &drop, VEC(EAO_F64, 2, -INFINITY, -INFINITY), axis0,
         NUM(EAO_F64, -INFINITY), 0);
  check2("reduce_max", &drop, VEC(EAO_F32, 3, 1, NAN, 3), axis0, NUM(EAO_F32, NAN), 0);
  check_fails("reduce_sum", NULL, x, VEC(EAO_I64, 1, 2), EAO_ERR_SHAPE);
  check_fails("reduce_any", NULL, x, axis0, EAO_ERR_TYPE);
}

static void reductions_of_types(void **state) {
  (void)state;
  vec axis = VEC(EAO_I64, 1, 0);
  check2("reduce_sum", &drop, VEC(EAO_F16, 4, 2048, 1, 1, 1), axis, NUM(EAO_F16, 2052), 0);
  check2("reduce_sum", &drop, VEC(EAO_I8, 3, 100, 100, 1), axis, NUM(EAO_I8, -55), 0);
  check2("reduce_mean", &drop, VEC(EAO_I32, 3, -2, -3, -3), axis, NUM(EAO_I32, -2), 0);
  check2("reduce_min", &drop, VEC(EAO_U8, 3, 200, 100, 255), axis, NUM(EAO_U8, 100), 0);
  check2("reduce_any", &drop, VEC(EAO_BOOL, 3, 0, 1, 0), axis, NUM(EAO_BOOL, 1), 0);
  check2("reduce_all", &drop, VEC(EAO_BOOL, 3, 0, 1, 0), axis, NUM(EAO_BOOL, 0), 0);
  static const uint64_t wide[] = {UINT64_MAX, 1, 7}, top[] = {UINT64_MAX};
  vec got = RAW(EAO_U64, 1, top);
  check2("reduce_max", NULL, RAW(EAO_U64, 3, wide), axis, got, 0);
  check2("reduce_min", &drop, RAW(EAO_U64, 3, wide), axis, NUM(EAO_U64, 1), 0);
}

/* The neutral element, as ONNX says for an empty set. */
static void reductions_of_nothing(void **state) {
  (void)state;
  vec x = MAT(EAO_F32, 2, 0, 0), axis = VEC(EAO_I64, 1, 1);
  vec ix = x, zero = VEC(EAO_I32, 2, INT32_MIN, INT32_MIN);
  check2("reduce_sum", &drop, x, axis, VEC(EAO_F32, 2, 0, 0), 0);
  check2("reduce_prod", &drop, x, axis, VEC(EAO_F32, 2, 1, 1), 0);
  check2("reduce_max", &drop, x, axis, VEC(EAO_F32, 2, -INFINITY, -INFINITY), 0);
  check2("reduce_min", &drop, x, axis, VEC(EAO_F32, 2, INFINITY, INFINITY), 0);
  check2("reduce_log_sum", &drop, x, axis, VEC(EAO_F32, 2, -INFINITY, -INFINITY), 0);
  ix.dtype = EAO_I32;
  check2("reduce_max", &drop, ix, axis, zero, 0);
  check_fails("reduce_mean", &drop, ix, axis, EAO_ERR_ARG);
}

static void arg_extremes(void **state) {
  (void)state;
  vec x = MAT(EAO_F32, 2, 4, 3, 1, 3, 1, 0, -1, NAN, 2);
  eao_arg_attr a = {.axis = 1, .index_type = EAO_I64}, last = a;
  last.select_last_index = 1;
  check1("argmax", &a, x, VEC(EAO_I64, 2, 0, 2), 0);
  check1("argmax", &last, x, VEC(EAO_I64, 2, 2, 2), 0);
  check1("argmin", &a, x, VEC(EAO_I64, 2, 1, 1), 0);
  check1("argmin", &last, x, VEC(EAO_I64, 2, 3, 1), 0);
  last.index_type = EAO_I32;
  last.axis = -2;
  last.keepdims = 1;
  check1("argmax", &last, x, MAT(EAO_I32, 1, 4, 0, 0, 1, 1), 0);
}

static void top_k(void **state) {
  (void)state;
  vec in[] = {VEC(EAO_F32, 6, 2, 5, 2, 5, 1, 5), VEC(EAO_I64, 1, 4)};
  vec most[] = {VEC(EAO_F32, 4, 5, 5, 5, 2), VEC(EAO_I64, 4, 1, 3, 5, 0)};
  vec least[] = {VEC(EAO_F32, 4, 1, 2, 2, 5), VEC(EAO_I64, 4, 4, 0, 2, 1)};
  eao_topk_attr a = {.axis = 0, .largest = 1, .sorted = 1, .index_type = EAO_I64};
  check_run("topk", &a, in, 2, most, 2, 0, EAO_OK);
  a.largest = 0;
  check_run("topk", &a, in, 2, least, 2, 0, EAO_OK);
  in[1] = VEC(EAO_I64, 1, 7);
  check_run("topk", &a, in, 2, least, 2, 0, EAO_ERR_SHAPE);
  in[1] = VEC(EAO_I64, 1, -1);
  check_run("topk", &a, in, 2, least, 2, 0, EAO_ERR_SHAPE);
}

static void softmaxes(void **state) {
  (void)state;
  vec x = VEC(EAO_F64, 3, 10001, 10002, 10003);
  check1("softmax", NULL, x,
         VEC(EAO_F64, 3, 0.090030573170380462, 0.24472847105479764, 0.66524095577482178), 1e-15);
  check1("log_softmax", NULL, x,
         VEC(EAO_F64, 3, -2.4076059644443801, -1.4076059644443804, -0.40760596444438046), 1e-12);
  check1("softmax", NULL, VEC(EAO_F32, 2, -INFINITY, 0), VEC(EAO_F32, 2, 0, 1), 0);
  /* beta * x = 1, 2, 3 */
  check1("softmax", &(eao_softmax_attr){.axis = 0, .beta = 2}, VEC(EAO_F64, 3, 0.5, 1, 1.5),
         VEC(EAO_F64, 3, 0.090030573170380462, 0.24472847105479764, 0.66524095577482178), 1e-15);
  check1("hardmax", &(eao_softmax_attr){.axis = 0}, MAT(EAO_F32, 3, 2, 1, 9, 4, 2, 4, 9),
         MAT(EAO_F32, 3, 2, 0, 1, 1, 0, 0, 0), 0);
}

static void running_sums(void **state) {
  (void)state;
  vec x = VEC(EAO_F32, 3, 1, 2, 3), axis = NUM(EAO_I32, -1);
  check2("cumsum", NULL, x, axis, VEC(EAO_F32, 3, 1, 3, 6), 0);
  check2("cumsum", &(eao_cumsum_attr){1, 0}, x, axis, VEC(EAO_F32, 3, 0, 1, 3), 0);
  check2("cumsum", &(eao_cumsum_attr){0, 1}, x, axis, VEC(EAO_F32, 3, 6, 5, 3), 0);
  check2("cumsum", &(eao_cumsum_attr){1, 1}, x, axis, VEC(EAO_F32, 3, 5, 3, 0), 0);
  check2("cumsum", NULL, VEC(EAO_F16, 3, 2048, 1, 1), axis, VEC(EAO_F16, 3, 2048, 2048, 2050), 0);
  check_fails("cumsum", NULL, x, NUM(EAO_I64, 1), EAO_ERR_SHAPE);
}

static void layer_norms(void **state) {
  (void)state;
  vec in[] = {MAT(EAO_F64, 2, 4, 1, 2, 3, 4, 2, 2, 2, 6), VEC(EAO_F64, 4, 1, 1, 1, 1)};
  vec out[] = {MAT(EAO_F64, 2, 4, -1.3416354199689269, -0.447211806656309, 0.447211806656309,
                   1.3416354199689269, -0.57734930694158271, -0.57734930694158271,
                   -0.57734930694158271, 1.7320479208247481),
               MAT(EAO_F64, 2, 1, 2.5, 3),
               MAT(EAO_F64, 2, 1, 0.89442361331261799, 0.57734930694158271)};
  vec rms = MAT(EAO_F64, 2, 4, 0.36514812823810638, 0.73029625647621277, 1.0954443847143192,
                1.4605925129524255, 0.57735002862716389, 0.57735002862716389, 0.57735002862716389,
                1.7320500858814918);
  /* epsilon is the float nearest to 1e-5 */
  eao_layer_norm_attr a = {.axis = -1, .epsilon = 1e-5f, .stash_type = EAO_F64};
  check_run("layer_norm", &a, in, 2, out, 3, 1e-12, EAO_OK);
  check_run("rms_norm", &a, in, 2, &rms, 1, 1e-12, EAO_OK);
}

/* Channels first and last give the same numbers; x - mean is 1 and -1 in each channel. */
static void channel_norms(void **state) {
  (void)state;
  vec first = {.dtype = EAO_F32, .rank = 3, .dim = {1, 2, 2}, .v = {1, 3, 10, 8}};
  vec last = {.dtype = EAO_F32, .rank = 3, .dim = {1, 2, 2}, .v = {1, 10, 3, 8}};
  vec y_first = first, y_last = last, s = VEC(EAO_F32, 2, 2, 4), b = VEC(EAO_F32, 2, 0.5, 0);
  memcpy(y_first.v, (double[]){-1.5, 2.5, 4, -4}, 4 * sizeof(double));
  memcpy(y_last.v, (double[]){-1.5, 4, 2.5, -4}, 4 * sizeof(double));
  eao_group_norm_attr a = {.layout = EAO_LAYOUT_CHANNELS_FIRST, .num_groups = 2};
  vec in[] = {first, s, b, VEC(EAO_F32, 2, 2, 9), VEC(EAO_F32, 2, 1, 1)};
  eao_batch_norm_attr bn = {.layout = EAO_LAYOUT_CHANNELS_FIRST, .momentum = 0.75f};
  check_run("instance_norm", &a, in, 3, &y_first, 1, 0, EAO_OK);
  check_run("group_norm", &a, in, 3, &y_first, 1, 0, EAO_OK);
  check_run("batch_norm", &bn, in, 5, &y_first, 1, 0, EAO_OK);
  a.layout = bn.layout = EAO_LAYOUT_CHANNELS_LAST;
  in[0] = last;
  check_run("instance_norm", &a, in, 3, &y_last, 1, 0, EAO_OK);
  check_run("group_norm", &a, in, 3, &y_last, 1, 0, EAO_OK);
  check_run("batch_norm", &bn, in, 5, &y_last, 1, 0, EAO_OK);
  /* training: 3/4 of 4 and 8 plus 1/4 of the batch's 2 and 9; variances 3/4 of 1 and 5 */
  in[3] = VEC(EAO_F32, 2, 4, 8);
  in[4] = VEC(EAO_F32, 2, 1, 5);
  vec out[] = {y_last, VEC(EAO_F32, 2, 3.5, 8.25), VEC(EAO_F32, 2, 1, 4)};
  bn.training_mode = 1;
  check_run("batch_norm", &bn, in, 5, out, 3, 0, EAO_OK);
}

static void other_norms(void **state) {
  (void)state;
  check1("lp_norm", NULL, MAT(EAO_F32, 2, 2, 3, 4, 0, 0), MAT(EAO_F32, 2, 2, 0.6, 0.8, 0, 0), 1e-7);
  check1("lp_norm", &(eao_lp_norm_attr){0, 1}, MAT(EAO_F32, 2, 1, 1, -3),
         MAT(EAO_F32, 2, 1, 0.25, -0.75), 0);
  /* beta 1, size 2: x / (1 + (square + square of the next) / 2) */
  vec x = {.dtype = EAO_F64, .rank = 3, .dim = {1, 3, 1}, .v = {1, 2, 4}};
  vec y = x;
  memcpy(y.v, (double[]){1 / 3.5, 2 / 11., 4 / 9.}, 3 * sizeof(double));
  check1("lrn", &(eao_lrn_attr){.size = 2, .alpha = 1, .beta = 1, .bias = 1}, x, y, 1e-15);
  check1("mean_variance_norm", &(eao_mean_variance_norm_attr){{.n = 1, .v = {-1}}},
         MAT(EAO_F32, 2, 2, 1, 3, 10, 6), MAT(EAO_F32, 2, 2, -1, 1, 1, -1), 1e-7);
}

static void losses(void **state) {
  (void)state;
  /* log-probabilities of 3 entries, 2 classes; class weights 2 and 1 */
  vec in[] = {MAT(EAO_F32, 3, 2, -1, -2, -3, -4, -5, -6), VEC(EAO_I64, 3, 0, 1, 1),
              VEC(EAO_F32, 2, 2, 1)};
  eao_loss_attr a = {.ignore_index = EAO_LOSS_NO_LABEL, .reduction = EAO_LOSS_NONE};
  check_run("nll_loss", &a, in, 3, &VEC(EAO_F32, 3, 2, 4, 6), 1, 0, EAO_OK);
  a.reduction = EAO_LOSS_SUM;
  check_run("nll_loss", &a, in, 3, &NUM(EAO_F32, 12), 1, 0, EAO_OK);
  a.reduction = EAO_LOSS_MEAN;
  check_run("nll_loss", &a, in, 3, &NUM(EAO_F32, 3), 1, 0, EAO_OK);
  a.ignore_index = 0;
  check_run("nll_loss", &a, in, 3, &NUM(EAO_F32, 5), 1, 0, EAO_OK);
  in[1] = VEC(EAO_I64, 3, 0, 1, 2);
  check_run("nll_loss", &a, in, 3, NULL, 1, 0, EAO_ERR_ARG);
  in[1] = VEC(EAO_I64, 3, 0, 1, -1);
  check_run("nll_loss", &a, in, 3, NULL, 1, 0, EAO_ERR_ARG);
  /* scores 0 and 0: each class has log-probability -log 2 */
  vec sce[] = {MAT(EAO_F64, 1, 2, 0, 0), VEC(EAO_I32, 1, 1)};
  vec out[] = {NUM(EAO_F64, 0.69314718055994531),
               MAT(EAO_F64, 1, 2, -0.69314718055994531, -0.69314718055994531)};
  check_run("softmax_cross_entropy_loss", NULL, sce, 2, out, 2, 1e-15, EAO_OK);
}

static void dropped(void **state) {
  (void)state;
  vec x = VEC(EAO_F32, 3, 1, 2, 3);
  vec in[] = {x, NUM(EAO_F32, 0.5), NUM(EAO_BOOL, 0)}, out[] = {x, VEC(EAO_BOOL, 3, 1, 1, 1)};
  check_run("dropout", NULL, in, 3, out, 2, 0, EAO_OK);
  in[2] = NUM(EAO_BOOL, 1);
  check_run("dropout", NULL, in, 3, out, 2, 0, EAO_ERR_UNSUPPORTED);
  in[1] = NUM(EAO_F32, 0);
  check_run("dropout", NULL, in, 3, out, 2, 0, EAO_OK);
}

/* Where a model computes axes itself, nothing but the kernel can check them. */
static void axes_at_run_time(void **state) {
  (void)state;
  float data[6] = {1, 2, 3, 4, 5, 6}, room[6];
  int64_t axis = 0;
  eao_tensor x = {.dtype = EAO_F32, .rank = 2, .dim = {2, 3}, .data = data}, y = x;
  eao_tensor axes = {.dtype = EAO_I64, .rank = 1, .dim = {1}, .data = &axis};
  const eao_tensor *in[] = {&x, &axes};
  eao_tensor *out[] = {&y};
  eao_reduce_attr keep = {1, 0};
  eao_cumsum_attr forward = {0, 0};
  eao_kcall c = {.in = in, .out = out, .n_in = 2, .n_out = 1, .attr = &forward};
  y.data = room;
  static const int64_t wrong[] = {2, -3, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < EAO_COUNT(wrong); i++) {
    axis = wrong[i];
    y.dim[0] = 2;
    c.attr = &forward;
    assert_int_equal(eao_ref_cumsum(&c), EAO_ERR_ARG);
    y.dim[0] = 1;
    c.attr = &keep;
    assert_int_equal(eao_ref_reduce_sum(&c), EAO_ERR_ARG);
  }
  axis = 1; /* would write two sums where three have room: another shape than planned */
  assert_int_equal(eao_ref_reduce_sum(&c), EAO_ERR_ARG);
  axis = 0;
  assert_int_equal(eao_ref_reduce_sum(&c), EAO_OK);
  assert_true(room[0] == 5 && room[1] == 7 && room[2] == 9);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reductions),
      cmocka_unit_test(reductions_of_types),
      cmocka_unit_test(reductions_of_nothing),
      cmocka_unit_test(arg_extremes),
      cmocka_unit_test(top_k),
      cmocka_unit_test(softmaxes),
      cmocka_unit_test(running_sums),
      cmocka_unit_test(layer_norms),
      cmocka_unit_test(channel_norms),
      cmocka_unit_test(other_norms),
      cmocka_unit_test(losses),
      cmocka_unit_test(dropped),
      cmocka_unit_test(axes_at_run_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
