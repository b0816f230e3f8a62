/* Boxes, texts and AUC against other programs' results on generated cases (tests/eval/expected.py),
 * and whole evaluations on them. */
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
static char folder[] = "/tmp/eao_metrics_XXXXXX";

static int setup(void **state) {
  (void)state;
  ctx = eao_ctx_create(NULL, NULL);
  return !mkdtemp(folder);
}

static int teardown(void **state) {
  (void)state;
  char command[64];
  eao_ctx_destroy(ctx);
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

/* ---- against other programs ---- */

typedef struct case_box {
  int n;
  eao_box box;
} case_box;

static const struct {
  int n, images;
  double map, map50, voc;
} box_case[] = {
#define BOX_CASE(n, images, map, map50, voc) {n, images, map, map50, voc},
#define TRUE_BOX(...)
#define FOUND_BOX(...)
#define AUC_CASE(...)
#define AUC_ROW(...)
#define TEXT_CASE(...)
#include "eval/expected.def"
#undef BOX_CASE
#undef TRUE_BOX
#undef FOUND_BOX
};
static const case_box true_box[] = {
#define BOX_CASE(...)
#define TRUE_BOX(n, i, l, a, b, c, d, crowd) {n, {i, l, a, b, c, d, 1, crowd}},
#define FOUND_BOX(...)
#include "eval/expected.def"
#undef TRUE_BOX
#undef FOUND_BOX
};
static const case_box found_box[] = {
#define TRUE_BOX(...)
#define FOUND_BOX(n, i, l, a, b, c, d, score) {n, {i, l, a, b, c, d, score, false}},
#include "eval/expected.def"
#undef FOUND_BOX
#undef AUC_CASE
#undef AUC_ROW
};
static const struct {
  int n;
  double auc;
} auc_case[] = {
#define FOUND_BOX(...)
#define AUC_CASE(n, auc) {n, auc},
#define AUC_ROW(...)
#include "eval/expected.def"
#undef AUC_CASE
#undef AUC_ROW
};
static const struct {
  int n;
  double score;
  uint8_t label;
} auc_row[] = {
#define AUC_CASE(...)
#define AUC_ROW(n, score, label) {n, score, label},
#include "eval/expected.def"
#undef AUC_ROW
#undef TEXT_CASE
};
static const struct {
  const char *want, *got;
  int edits, words, char_edits, chars;
} text_case[] = {
#define AUC_ROW(...)
#define TEXT_CASE(want, got, e, w, ce, c) {want, got, e, w, ce, c},
#include "eval/expected.def"
};

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NEAR(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static uint32_t pick(const case_box *all, size_t n_all, int n, eao_box *out) {
  uint32_t k = 0;
  for (size_t i = 0; i < n_all; i++)
    if (all[i].n == n) out[k++] = all[i].box;
  return k;
}

static void boxes_as_coco_and_voc(void **state) {
  (void)state;
  static eao_box truth[COUNT(true_box)], found[COUNT(found_box)];
  for (size_t i = 0; i < COUNT(box_case); i++) {
    eao_score s[3];
    uint32_t n = pick(true_box, COUNT(true_box), box_case[i].n, truth);
    uint32_t m = pick(found_box, COUNT(found_box), box_case[i].n, found);
    assert_int_equal(eao_mean_ap(ctx, truth, n, found, m, box_case[i].images, 200, 1, s), EAO_OK);
    NEAR(s[0].value, box_case[i].map);
    NEAR(s[1].value, box_case[i].map50);
    if (!isnan(box_case[i].voc)) NEAR(s[2].value, box_case[i].voc);
    for (int k = 0; k < 3; k++) assert_true(s[k].lo <= s[k].value && s[k].lo < s[k].hi);
  }
}

static void auc_as_scikit(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(auc_case); i++) {
    double score[COUNT(auc_row)];
    uint8_t label[COUNT(auc_row)];
    int64_t n = 0;
    eao_score s;
    for (size_t k = 0; k < COUNT(auc_row); k++)
      if (auc_row[k].n == auc_case[i].n) {
        score[n] = auc_row[k].score;
        label[n++] = auc_row[k].label;
      }
    assert_int_equal(eao_auc(ctx, score, label, n, 10, 1, &s), EAO_OK);
    NEAR(s.value, auc_case[i].auc);
  }
}

static void edits_as_jiwer(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(text_case); i++) {
    int64_t e, n;
    assert_int_equal(eao_edits(ctx, text_case[i].got, text_case[i].want, true, &e, &n), EAO_OK);
    assert_int_equal(e, text_case[i].edits);
    assert_int_equal(n, text_case[i].words);
    assert_int_equal(eao_edits(ctx, text_case[i].got, text_case[i].want, false, &e, &n), EAO_OK);
    assert_int_equal(e, text_case[i].char_edits);
    assert_int_equal(n, text_case[i].chars);
  }
}

/* ---- whole evaluations ---- */

static FILE *create(const char *name, const char *mode) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *f = fopen(path, mode);
  assert_non_null(f);
  return f;
}

static void write_text(const char *name, const char *text) {
  FILE *f = create(name, "w");
  fputs(text, f);
  assert_int_equal(fclose(f), 0);
}

/* A 24-bit BMP of one colour, 20 wide and 10 high; the number is its red. */
static void write_image(const char *name, uint8_t number) {
  enum { W = 20, H = 10, SIZE = 54 + W * H * 3 };
  uint8_t b[SIZE] = {'B', 'M', SIZE & 255, SIZE >> 8};
  b[10] = 54;
  b[14] = 40;
  b[18] = W;
  b[22] = H;
  b[26] = 1;
  b[28] = 24;
  for (int i = 0; i < W * H; i++) b[54 + 3 * i + 2] = number;
  FILE *f = create(name, "wb");
  assert_int_equal(fwrite(b, 1, SIZE, f), SIZE);
  assert_int_equal(fclose(f), 0);
}

static void drop(const char *name) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  unlink(path);
}

static eao_evaluation evaluated(const eao_eval_model *m, eao_metric metric) {
  eao_dataset *d;
  eao_evaluation e;
  eao_eval_opts o = {.metric = metric};
  assert_int_equal(eao_dataset_open(ctx, folder, NULL, &d), EAO_OK);
  if (eao_eval(ctx, d, m, &o, &e) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  eao_dataset_close(d);
  return e;
}

/* As TFLite_Detection_PostProcess: the true box of each image, moved by a share of its width. */
typedef struct detector {
  float move;
  bool pixels; /* coordinates in pixels of the input instead of shares */
} detector;

static eao_status detect(void *user, const eao_tensor *in, eao_tensor *out) {
  static float box[8], label[2], score[2], count[1];
  const detector *d = user;
  bool second = eao_tensor_raw(in, 0) > 0.5;
  /* Image a: 4,2..12,8; image b: 0,0..10,5, of 20 x 10 pixels. */
  float x0 = second ? 0 : 0.2F, x1 = second ? 0.5F : 0.6F, y0 = second ? 0 : 0.2F;
  float y1 = second ? 0.5F : 0.8F, by = d->move * (x1 - x0), unit = d->pixels ? 16 : 1;
  float v[8] = {y0 * unit, (x0 + by) * unit, y1 * unit, (x1 + by) * unit, 0, 0, unit, unit};
  memcpy(box, v, sizeof v);
  label[0] = label[1] = second;
  score[0] = 0.9F;
  score[1] = 0.8F;
  count[0] = 1; /* the second box does not count */
  out[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {1, 2, 4}, .data = box};
  out[1] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {1, 2}, .data = label};
  out[2] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {1, 2}, .data = score};
  out[3] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {1}, .data = count};
  return EAO_OK;
}

static void detector_with_a_list(void **state) {
  (void)state;
  static const eao_tensor input = {.dtype = EAO_F32, .rank = 4, .dim = {1, 16, 16, 3}};
  detector d = {0, false};
  eao_eval_model m = {.run = detect, .user = &d, .input = &input, .n_out = 4};
  write_image("a.bmp", 0);
  write_image("b.bmp", 255);
  write_text("boxes.csv", "file,class,xmin,ymin,xmax,ymax\na.bmp,cat,4,2,12,8\nb,dog,0,0,10,5\n");
  write_text("dataset.yaml", "labels: boxes.csv\nlabel_kind: boxes\nclasses: [cat, dog]\n");
  eao_evaluation e = evaluated(&m, EAO_METRIC_NONE);
  assert_int_equal(e.score[0].metric, EAO_METRIC_MAP);
  NEAR(e.score[0].value, 1);
  d.pixels = true;
  NEAR(evaluated(&m, EAO_METRIC_MAP).score[0].value, 1);
  d.move = 0.22F; /* overlaps by 0.78 / 1.22 = 0.639: right at three of ten thresholds */
  e = evaluated(&m, EAO_METRIC_MAP50);
  assert_int_equal(e.score[0].metric, EAO_METRIC_MAP50);
  NEAR(e.score[0].value, 1);
  NEAR(e.score[1].value, 0.3);
  /* Padded instead of stretched, the same answer means another place in the image. */
  d.move = 0;
  write_text("dataset.yaml", "labels: boxes.csv\nlabel_kind: boxes\nclasses: [cat, dog]\n"
                             "preprocess: {fit: pad}\n");
  assert_true(evaluated(&m, EAO_METRIC_MAP).score[0].value < 0.5);
}

/* Scores of [1, steps, classes]; the sample's number chooses the text. */
static eao_status spell(void *user, const eao_tensor *in, eao_tensor *out) {
  static float score[8 * 4];
  static const int path[2][8] = {{0, 0, 3, 0, 1, 1, 3, 3}, {2, 3, 2, 2, 3, 3, 3, 0}};
  (void)user;
  const int *steps = path[eao_tensor_raw(in, 0) > 0.5];
  memset(score, 0, sizeof score);
  for (int i = 0; i < 8; i++) score[4 * i + steps[i]] = 1;
  *out = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {1, 8, 4}, .data = score};
  return EAO_OK;
}

static void texts(void **state) {
  (void)state;
  static const eao_tensor input = {.dtype = EAO_F32, .rank = 4, .dim = {1, 16, 16, 3}};
  eao_eval_model m = {.run = spell, .input = &input};
  write_image("a.bmp", 0);
  write_image("b.bmp", 255);
  drop("boxes.csv");
  /* The blank is the last class. a: x x - x y y - - is "xxy"; b: z - z z - - - x is "zzx". */
  write_text("texts.txt", "a.bmp xxy\nb.bmp\tzz z\n");
  write_text("dataset.yaml", "labels: texts.txt\nlabel_kind: text\nclasses: [x, y, z]\n");
  eao_evaluation e = evaluated(&m, EAO_METRIC_NONE);
  assert_int_equal(e.score[0].metric, EAO_METRIC_WER);
  NEAR(e.score[0].value, 2.0 / 3); /* "zzx" for "zz z": one word replaced, one missing */
  assert_int_equal(e.score[1].metric, EAO_METRIC_CER);
  NEAR(e.score[1].value, 2.0 / 7); /* a space missing, x for z */
  /* A space as a class of its own, the blank where the description says. */
  write_text("dataset.yaml", "labels: texts.txt\nlabel_kind: text\nclasses: [z, y, '|', x]\n"
                             "blank: 0\n");
  e = evaluated(&m, EAO_METRIC_CER);
  /* a: - - x - y y x x -> "xyx"; b: space, x, space, x, x, x: " x x" -> "x x". */
  NEAR(e.score[0].value, (2 + 3) / 7.0);
}

/* ---- threads ---- */

static eao_status slow(void *user, const eao_tensor *in, eao_tensor *out) {
  float *score = user;
  double v = eao_tensor_raw(in, 0);
  volatile double x = v;
  for (int i = 0; i < 20000 + (int)(v * 37) % 7 * 10000; i++) x = x * 0.999 + 1;
  if (v == 401) return EAO_ERR_INTERNAL;
  for (int k = 0; k < 3; k++) score[k] = (float)sin(v * (k + 1)) + (float)(x > 1e9);
  *out = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {1, 3}, .data = score};
  return EAO_OK;
}

static void write_rows(const char *path, int n) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  for (int i = 0; i < n; i++) fprintf(f, "%d,%d\n", i % 3, i);
  assert_int_equal(fclose(f), 0);
}

static void threads_change_nothing(void **state) {
  (void)state;
  static const eao_tensor input = {.dtype = EAO_F32, .rank = 2, .dim = {1, 1}};
  float buffer[3][3];
  char path[64];
  eao_eval_model m[3];
  eao_dataset *d;
  eao_evaluation one, three;
  for (int i = 0; i < 3; i++)
    m[i] = (eao_eval_model){.run = slow, .user = buffer[i], .input = &input};
  snprintf(path, sizeof path, "%s/rows.csv", folder);
  write_rows(path, 300);
  eao_eval_opts o = {.metric = EAO_METRIC_TOP1}, many = o;
  many.more = m + 1;
  many.n_more = 2;
  assert_int_equal(eao_dataset_open(ctx, path, NULL, &d), EAO_OK);
  assert_int_equal(eao_eval(ctx, d, m, &o, &one), EAO_OK);
  assert_int_equal(eao_eval(ctx, d, m, &many, &three), EAO_OK);
  eao_dataset_close(d);
  assert_int_equal(one.n_score, three.n_score);
  assert_memory_equal(one.score, three.score, sizeof one.score);
  /* The first failure is reported, whoever meets it. */
  write_rows(path, 500);
  assert_int_equal(eao_dataset_open(ctx, path, NULL, &d), EAO_OK);
  assert_int_equal(eao_eval(ctx, d, m, &many, &three), EAO_ERR_INTERNAL);
  assert_non_null(strstr(eao_ctx_message(ctx), "sample 401"));
  eao_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(boxes_as_coco_and_voc),
                                     cmocka_unit_test(auc_as_scikit),
                                     cmocka_unit_test(edits_as_jiwer),
                                     cmocka_unit_test(detector_with_a_list),
                                     cmocka_unit_test(texts),
                                     cmocka_unit_test(threads_change_nothing)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
