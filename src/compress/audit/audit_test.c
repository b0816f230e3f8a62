/* Audits of small tables with one fault each; the model is a callback that knows the right answer.
 * Each test also has the table without the fault, on which nothing may be found. */
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

#include "eao/audit.h"

enum { CLASSES = 5, WIDTH = 12, ROWS = 200 };
static eao_ctx *ctx;
static eao_model *model;
static char path[] = "/tmp/eao_audit_XXXXXX.csv", held_path[] = "/tmp/eao_audit_XXXXXX.csv";

static int setup(void **state) {
  (void)state;
  ctx = eao_ctx_create(NULL, NULL);
  int a = mkstemps(path, 4), b = mkstemps(held_path, 4);
  if (a < 0 || b < 0) return -1;
  close(a);
  close(b);
  return eao_model_load(ctx, EAO_SOURCE_DIR "/tests/data/classifier/model.onnx", NULL, &model) !=
         EAO_OK;
}

static int teardown(void **state) {
  (void)state;
  eao_model_destroy(model);
  eao_ctx_destroy(ctx);
  return unlink(path) | unlink(held_path);
}

/* Class k is a bump at column 2k + 1; numbers in 0..1. */
static double number(int row, int column) {
  int k = row % CLASSES;
  unsigned noise = ((unsigned)row * 7919u + (unsigned)column * 104729u) * 2654435761u;
  return (column == 2 * k + 1 ? 0.7 : 0.1) + (double)(noise >> 20) / 4096 * 0.2;
}

/* How a table differs from the right one. */
typedef struct fault {
  int rows, shift, copy_of, blank, outlier, nan, single;
  double mul, add;
} fault;

static void write_table(const char *to, const fault *f, int from) {
  FILE *file = fopen(to, "w");
  assert_non_null(file);
  for (int r = 0; r < f->rows; r++) {
    int row = from + (f->copy_of && r % 10 == 0 ? 0 : f->single ? r * CLASSES : r);
    fprintf(file, "%d", row % CLASSES + f->shift);
    for (int c = 0; c < WIDTH; c++) {
      double v = number(row, c) * f->mul + f->add;
      if (f->blank && r % 20 == 3) v = 0.5;
      if (f->outlier && r == 77) v *= 100;
      if (f->nan && r == 50 && c == 2) v = NAN;
      fprintf(file, ",%.7g", v);
    }
    fprintf(file, "\n");
  }
  assert_int_equal(fclose(file), 0);
}

/* A softmax over the columns 1, 3, ...: right for numbers of about 0..1. */
static eao_status answer(void *user, const eao_tensor *in, eao_tensor *out) {
  static float p[CLASSES];
  double sum = 0;
  (void)user;
  for (int k = 0; k < CLASSES; k++) {
    double v = eao_tensor_raw(in, 2 * k + 1);
    p[k] = (float)exp(-40 * (v - 0.8) * (v - 0.8)) + 1e-4F;
    sum += (double)p[k];
  }
  for (int k = 0; k < CLASSES; k++) p[k] = (float)((double)p[k] / sum);
  *out = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {1, CLASSES}, .data = p};
  return EAO_OK;
}

static const eao_tensor input = {.dtype = EAO_F32, .rank = 2, .dim = {1, WIDTH}};

/* Findings above a note, as bits. */
static unsigned long long audited(const fault *f, const fault *held) {
  eao_dataset *d, *h = NULL;
  eao_audit_report *r;
  eao_eval_model m = {.run = answer, .user = NULL, .input = &input};
  unsigned long long found = 0;
  write_table(path, f, 0);
  if (held) write_table(held_path, held, 1000);
  assert_int_equal(eao_dataset_open(ctx, path, NULL, &d), EAO_OK);
  if (held) assert_int_equal(eao_dataset_open(ctx, held_path, NULL, &h), EAO_OK);
  eao_audit_opts o = {.run = &m, .held_out = h};
  assert_int_equal(eao_audit(model, d, &o, &r), EAO_OK);
  for (uint32_t i = 0; i < r->n_finding; i++) {
    assert_true(r->finding[i].evidence[0] && r->finding[i].advice[0]);
    assert_true(r->finding[i].confidence > 0.5 && r->finding[i].confidence < 1);
    if (r->finding[i].level > EAO_AUDIT_NOTE) found |= 1ull << r->finding[i].kind;
  }
  eao_audit_destroy(ctx, r);
  eao_dataset_close(d);
  eao_dataset_close(h);
  return found;
}

#define RIGHT .rows = ROWS, .mul = 1
static const fault right = {RIGHT};

static void nothing_wrong(void **state) {
  (void)state;
  assert_int_equal(audited(&right, NULL), 0);
  assert_int_equal(audited(&right, &right), 0);
}

static void one_fault_each(void **state) {
  (void)state;
  static const struct {
    eao_audit_kind kind;
    fault f;
  } cases[] = {
      {EAO_AUDIT_TOO_FEW, {.rows = 20, .mul = 1}},
      {EAO_AUDIT_DUPLICATES, {RIGHT, .copy_of = 1}},
      {EAO_AUDIT_BLANK, {RIGHT, .blank = 1}},
      {EAO_AUDIT_OUTLIERS, {RIGHT, .outlier = 1}},
      {EAO_AUDIT_NOT_FINITE, {RIGHT, .nan = 1}},
      {EAO_AUDIT_SINGLE_CLASS, {RIGHT, .single = 1}},
      {EAO_AUDIT_LABEL_OFFSET, {RIGHT, .shift = 1}},
      {EAO_AUDIT_NORMALISATION, {.rows = ROWS, .mul = 255}},
      {EAO_AUDIT_NORMALISATION, {.rows = ROWS, .mul = 2, .add = -1}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    unsigned long long found = audited(&cases[i].f, NULL);
    if (!(found >> cases[i].kind & 1)) fail_msg("%s not found", eao_audit_name(cases[i].kind));
    found &= ~(1ull << cases[i].kind);
    for (int k = 0; k < EAO_AUDIT_COUNT; k++)
      if (found >> k & 1)
        fail_msg("%s: also %s", eao_audit_name(cases[i].kind), eao_audit_name((eao_audit_kind)k));
  }
}

static void against_held_out(void **state) {
  (void)state;
  fault darker = {.rows = ROWS, .mul = 0.7};
  assert_int_equal(audited(&right, &darker), 1ull << EAO_AUDIT_DRIFT);
  eao_dataset *d;
  eao_audit_report *r;
  write_table(path, &right, 0);
  assert_int_equal(eao_dataset_open(ctx, path, NULL, &d), EAO_OK);
  eao_audit_opts o = {.held_out = d};
  assert_int_equal(eao_audit(model, d, &o, &r), EAO_OK);
  assert_int_equal(r->n_finding, 1);
  assert_int_equal(r->finding[0].kind, EAO_AUDIT_LEAK);
  assert_true(r->n_unchecked > 0);
  eao_audit_destroy(ctx, r);
  eao_dataset_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_wrong),
                                     cmocka_unit_test(one_fault_each),
                                     cmocka_unit_test(against_held_out)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
