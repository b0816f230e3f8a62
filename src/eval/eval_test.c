/* Metrics on outputs that a callback makes up; expected values worked out on paper, intervals
 * against the normal approximation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "eao/eval.h"

static eao_ctx *ctx;
static char path[] = "/tmp/eao_eval_XXXXXX.csv";

/* 200 rows "label, value": the label is 0, 1 or 2, the value what the model below answers. */
static int setup(void **state) {
  (void)state;
  ctx = eao_ctx_create(NULL, NULL);
  int fd = mkstemps(path, 4);
  FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
  if (!f) return -1;
  for (int i = 0; i < 200; i++) fprintf(f, "%d,%d\n", i % 3, i < 150 ? i % 3 : (i + 1) % 3);
  return fclose(f);
}

static int teardown(void **state) {
  (void)state;
  eao_ctx_destroy(ctx);
  return unlink(path);
}

static eao_status answer(void *user, const eao_tensor *in, eao_tensor *out) {
  static float buffer[2][7];
  float *scores = buffer[user != NULL];
  double bias = user ? *(double *)user : 0;
  memset(scores, 0, sizeof buffer[0]);
  scores[(int)eao_tensor_raw(in, 0)] = 1;
  scores[6] = (float)bias;
  *out = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {1, 7}, .data = scores};
  return EAO_OK;
}

static const eao_tensor input = {.dtype = EAO_F32, .rank = 2, .dim = {1, 1}};

static void accuracy(void **state) {
  (void)state;
  eao_dataset *d;
  eao_evaluation e, again;
  eao_eval_model m = {.run = answer, .user = NULL, .input = &input};
  assert_int_equal(eao_dataset_open(ctx, path, NULL, &d), EAO_OK);
  assert_int_equal(eao_eval(ctx, d, &m, NULL, &e), EAO_OK);
  assert_int_equal(e.n, 200);
  assert_int_equal(e.score[0].metric, EAO_METRIC_TOP1);
  assert_true(e.score[0].value == 0.75);
  /* 0.75 +- 1.96 sqrt(0.75 * 0.25 / 200) */
  assert_true(fabs(e.score[0].lo - 0.690) < 0.011);
  assert_true(fabs(e.score[0].hi - 0.810) < 0.011);
  /* The others are ties at 0, so a wrong label 0 ranks second, 2 at most third. */
  assert_int_equal(e.score[1].metric, EAO_METRIC_TOP5);
  assert_true(e.score[1].value == 1);
  assert_int_equal(eao_eval(ctx, d, &m, NULL, &again), EAO_OK);
  assert_memory_equal(e.score, again.score, sizeof e.score);
  eao_eval_opts o = {.metric = EAO_METRIC_SQNR};
  assert_int_equal(eao_eval(ctx, d, &m, &o, &e), EAO_ERR_ARG); /* no reference */
  eao_dataset_close(d);
}

static void against_a_reference(void **state) {
  (void)state;
  eao_dataset *d;
  eao_evaluation e;
  double bias = 0.25;
  eao_eval_model m = {.run = answer, .user = &bias, .input = &input},
                 ref = {.run = answer, .input = &input};
  eao_eval_opts o = {.metric = EAO_METRIC_SQNR, .reference = &ref};
  assert_int_equal(eao_dataset_open(ctx, path, NULL, &d), EAO_OK);
  assert_int_equal(eao_eval(ctx, d, &m, &o, &e), EAO_OK);
  assert_int_equal(e.score[0].metric, EAO_METRIC_SQNR);
  assert_true(fabs(e.score[0].value - 10 * log10(1 / 0.0625)) < 1e-9);
  assert_int_equal(e.score[1].metric, EAO_METRIC_MSE);
  assert_true(fabs(e.score[1].value - 0.0625 / 7) < 1e-9);
  assert_int_equal(e.score[2].metric, EAO_METRIC_AGREEMENT);
  assert_true(e.score[2].value == 1);
  eao_dataset_close(d);
}

static void auc(void **state) {
  (void)state;
  static const double score[] = {.1, .4, .35, .8, .8, .2, .9, .35};
  static const uint8_t label[] = {0, 0, 1, 1, 0, 0, 1, 0};
  eao_score s;
  assert_int_equal(eao_auc(ctx, score, label, 8, 500, 1, &s), EAO_OK);
  /* Pairs in order: .35 beats .1 and .2 and ties .35; .8 beats 4 and ties 1; .9 beats 5. */
  assert_true(fabs(s.value - (2.5 + 4.5 + 5) / 15) < 1e-12);
  assert_true(s.lo <= s.value && s.value <= s.hi);
  static const uint8_t same[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  assert_int_equal(eao_auc(ctx, score, same, 8, 10, 1, &s), EAO_OK);
  assert_true(isnan(s.value));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(accuracy),
                                     cmocka_unit_test(against_a_reference), cmocka_unit_test(auc)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
