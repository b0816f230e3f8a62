/* Data sets written by the test in the formats' own words, then read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "eao/dataset.h"

static eao_ctx *ctx;
static char dir[] = "/tmp/eao_dataset_XXXXXX";

static int setup(void **state) {
  (void)state;
  ctx = eao_ctx_create(NULL, NULL);
  return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state) {
  char command[128];
  (void)state;
  eao_ctx_destroy(ctx);
  snprintf(command, sizeof command, "rm -r '%s'", dir);
  return system(command);
}

static const char *in_dir(const char *name) {
  static char path[4][512];
  static int k;
  k = (k + 1) % 4;
  snprintf(path[k], sizeof path[k], "%s/%s", dir, name);
  return path[k];
}

static void put(const char *name, const void *data, size_t n) {
  FILE *f = fopen(in_dir(name), "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, n, f), n);
  fclose(f);
}

static void put_gz(const char *name, const void *data, size_t n) {
  gzFile f = gzopen(in_dir(name), "wb");
  assert_non_null(f);
  assert_int_equal(gzwrite(f, data, (unsigned)n), (int)n);
  gzclose(f);
}

static eao_dataset *open_set(const char *name, const eao_dataset_opts *o) {
  eao_dataset *d;
  if (eao_dataset_open(ctx, in_dir(name), o, &d) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  return d;
}

static void expect_labels(const eao_dataset *d, const int64_t *want, int64_t n) {
  assert_int_equal(eao_dataset_get(d).n, n);
  for (int64_t i = 0; i < n; i++) assert_int_equal(eao_dataset_label(d, i), want[i]);
}

/* Input of sample i, floats. */
static void expect_input(eao_dataset *d, int64_t i, const eao_tensor *type, const float *want) {
  eao_tensor t;
  if (eao_dataset_input(d, i, type, &t) != EAO_OK) fail_msg("%s", eao_ctx_message(ctx));
  for (int64_t k = 0; k < eao_tensor_elements(&t); k++)
    assert_true(eao_tensor_raw(&t, k) == (double)want[k]);
  eao_tensor_destroy(ctx, &t);
}

/* A 24-bit BMP of one colour, 2 x 2. */
static size_t bmp(uint8_t *out, uint8_t r, uint8_t g, uint8_t b) {
  static const uint8_t head[54] = {'B', 'M', 70, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40,
                                   0,   0,   0,  2, 0, 0, 0, 2, 0, 0, 0,  1, 0, 24};
  memcpy(out, head, sizeof head);
  for (int i = 0; i < 16; i++) out[54 + i] = i % 8 < 6 ? (uint8_t[]){b, g, r}[i % 8 % 3] : 0;
  return 70;
}

static void mnist(void **state) {
  (void)state;
  static const uint8_t images[] = {0, 0, 8, 3,  0,   0,   0, 3, 0, 0, 0, 2, 0, 0,
                                   0, 2, 0, 51, 102, 255, 1, 2, 3, 4, 5, 6, 7, 8};
  static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9};
  put_gz("t10k-images-idx3-ubyte.gz", images, sizeof images);
  put("t10k-labels-idx1-ubyte.gz", labels, sizeof labels); /* gzip is seen, not believed */
  eao_dataset *d = open_set("", NULL);
  assert_string_equal(eao_dataset_get(d).format, "idx");
  assert_int_equal(eao_dataset_get(d).n_class, 10);
  expect_labels(d, (int64_t[]){7, 0, 9}, 3);
  eao_tensor type = {.dtype = EAO_F32, .rank = 4, .dim = {1, 1, 2, 2}};
  expect_input(d, 0, &type, (float[]){0, 51 / 255.0F, 102 / 255.0F, 1});
  assert_true(eao_image_scaling(eao_dataset_preprocess(d), "raw"));
  expect_input(d, 2, &type, (float[]){5, 6, 7, 8});
  type.dtype = EAO_I8; /* pixels as they are */
  eao_dataset_close(d);
  d = open_set("t10k-images-idx3-ubyte.gz", &(eao_dataset_opts){.first = 1, .limit = 1});
  expect_labels(d, (int64_t[]){0}, 1);
  expect_input(d, 0, &type, (float[]){-127, -126, -125, -124});
  eao_dataset_close(d);
  eao_dataset *none;
  put("bad-idx3", images, sizeof images - 1);
  assert_int_equal(eao_dataset_open(ctx, in_dir("bad-idx3"), NULL, &none), EAO_ERR_FORMAT);
}

static void cifar(void **state) {
  (void)state;
  static uint8_t data[2 * 3073];
  data[0] = 3;
  data[3073] = 8;
  for (int i = 0; i < 3072; i++) data[1 + i] = (uint8_t)(i / 1024 * 100); /* planes 0, 100, 200 */
  put_gz("two.bin.gz", data, sizeof data);
  eao_dataset *d = open_set("two.bin.gz", NULL);
  expect_labels(d, (int64_t[]){3, 8}, 2);
  eao_tensor t;
  assert_int_equal(eao_dataset_sample(d, 0, &t), EAO_OK);
  assert_int_equal(t.dim[0], 32);
  assert_int_equal(t.dim[2], 3);
  assert_memory_equal(t.data, ((uint8_t[]){0, 100, 200, 0, 100, 200}), 6);
  eao_tensor_destroy(ctx, &t);
  eao_dataset_close(d);
}

static void image_folders(void **state) {
  (void)state;
  uint8_t data[70];
  mkdir(in_dir("images"), 0700);
  mkdir(in_dir("images/cat"), 0700);
  mkdir(in_dir("images/dog"), 0700);
  put("images/dog/1.bmp", data, bmp(data, 10, 20, 30));
  put("images/cat/9.bmp", data, bmp(data, 40, 50, 60));
  put("images/cat/notes.txt", "x", 1);
  eao_dataset *d = open_set("images/", NULL);
  expect_labels(d, (int64_t[]){0, 1}, 2);
  assert_string_equal(eao_dataset_class(d, 1), "dog");
  eao_tensor type = {.dtype = EAO_F32, .rank = 4, .dim = {1, 3, 1, 2}};
  assert_true(eao_image_scaling(eao_dataset_preprocess(d), "raw"));
  expect_input(d, 0, &type, (float[]){40, 40, 50, 50, 60, 60});
  eao_dataset_preprocess(d)->bgr = true;
  expect_input(d, 1, &type, (float[]){30, 30, 20, 20, 10, 10});
  eao_dataset_close(d);

  mkdir(in_dir("numbered"), 0700);
  put("numbered/0007_a.bmp", data, 70);
  put("numbered/12-b.bmp", data, 70);
  d = open_set("numbered", NULL);
  expect_labels(d, (int64_t[]){7, 12}, 2);
  eao_dataset_set_label_offset(d, 1);
  expect_labels(d, (int64_t[]){8, 13}, 2);
  eao_dataset_close(d);

  char command[512];
  snprintf(command, sizeof command, "tar -C '%s' -cf '%s' cat dog", in_dir("images"),
           in_dir("images.tar"));
  assert_int_equal(system(command), 0);
  d = open_set("images.tar", NULL);
  expect_labels(d, (int64_t[]){0, 1}, 2);
  assert_true(eao_image_scaling(eao_dataset_preprocess(d), "raw"));
  expect_input(d, 1, &type, (float[]){10, 10, 20, 20, 30, 30});
  eao_dataset_close(d);
}

static void csv(void **state) {
  (void)state;
  static const char text[] = "class,a,b\ncat,1,2.5\ndog,-3,4\r\n\ncat,5,6\n";
  put("rows.csv", text, sizeof text - 1);
  eao_dataset *d = open_set("rows.csv", NULL);
  expect_labels(d, (int64_t[]){0, 1, 0}, 3);
  eao_tensor type = {.dtype = EAO_F32, .rank = 2, .dim = {-1, 2}};
  expect_input(d, 1, &type, (float[]){-3, 4});
  type.dim[1] = 3;
  eao_tensor t;
  assert_int_equal(eao_dataset_input(d, 1, &type, &t), EAO_ERR_SHAPE);
  eao_dataset_close(d);
  put("uneven.csv", "1,2\n3\n", 6);
  assert_int_equal(eao_dataset_open(ctx, in_dir("uneven.csv"), NULL, &d), EAO_ERR_FORMAT);
}

static void description(void **state) {
  (void)state;
  static const char text[] = "format: raw\n"
                             "data: x.i8\n"
                             "labels: y.u8\n"
                             "dtype: i8\n"
                             "shape: [2]\n"
                             "scale: 0.5\n"
                             "zero_point: 10\n"
                             "classes: [no, yes]\n"
                             "metric: top1\n"
                             "splits: {test: {first: 1, count: 2}, all: {first: 0}}\n";
  mkdir(in_dir("raw"), 0700);
  put("raw/dataset.yaml", text, sizeof text - 1);
  put("raw/x.i8", ((int8_t[]){1, 2, 10, 12, -128, 127}), 6);
  put("raw/y.u8", ((uint8_t[]){0, 1, 0}), 3);
  eao_dataset *d = open_set("raw", NULL);
  expect_labels(d, (int64_t[]){1, 0}, 2);
  assert_string_equal(eao_dataset_get(d).metric, "top1");
  assert_string_equal(eao_dataset_class(d, 1), "yes");
  /* real values for floats, the stored ones for the same integer type */
  eao_tensor type = {.dtype = EAO_F32, .rank = 2, .dim = {1, 2}};
  expect_input(d, 0, &type, (float[]){0, 1});
  type.dtype = EAO_I8;
  expect_input(d, 1, &type, (float[]){-128, 127});
  eao_dataset_close(d);
  d = open_set("raw", &(eao_dataset_opts){.split = "all"});
  assert_int_equal(eao_dataset_get(d).n, 3);
  eao_dataset_close(d);
  assert_int_equal(eao_dataset_open(ctx, in_dir("raw"), &(eao_dataset_opts){.split = "none"}, &d),
                   EAO_ERR_FORMAT);
  static const char escape[] = "data: ../../etc/passwd\n";
  put("raw/dataset.yaml", escape, sizeof escape - 1);
  assert_int_equal(eao_dataset_open(ctx, in_dir("raw"), NULL, &d), EAO_ERR_FORMAT);
  static const char unknown[] = "formt: raw\n";
  put("raw/dataset.yaml", unknown, sizeof unknown - 1);
  assert_int_equal(eao_dataset_open(ctx, in_dir("raw"), NULL, &d), EAO_ERR_FORMAT);
  assert_non_null(strstr(eao_ctx_message(ctx), "formt"));
}

/* Damaged files are refused or read; nothing else happens. */
static void damaged(void **state) {
  (void)state;
  static const char *const names[] = {"t10k-images-idx3-ubyte.gz", "two.bin.gz", "images.tar",
                                      "rows.csv", "fuzz-idx3"};
  static uint8_t data[1 << 16];
  uint64_t seed = 1;
  int opened = 0, refused = 0;
  for (int k = 0; k < 400; k++) {
    const char *name = names[k % 5];
    FILE *f = fopen(in_dir(k % 5 == 4 ? "bad-idx3" : name), "rb");
    assert_non_null(f);
    size_t n = fread(data, 1, sizeof data, f);
    fclose(f);
    for (int flips = 0; flips < 3; flips++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      data[(seed >> 20) % n] = (uint8_t)(seed >> 56);
    }
    char copy[64];
    snprintf(copy, sizeof copy, "damaged-%s", name);
    put(copy, data, k % 3 ? n : (size_t)(seed >> 33) % n);
    eao_dataset *d;
    if (eao_dataset_open(ctx, in_dir(copy), NULL, &d) != EAO_OK) {
      assert_string_not_equal(eao_ctx_message(ctx), "");
      refused++;
      continue;
    }
    eao_tensor t;
    opened++;
    for (int64_t i = 0; i < eao_dataset_get(d).n && i < 4; i++)
      if (eao_dataset_sample(d, i, &t) == EAO_OK) eao_tensor_destroy(ctx, &t);
    eao_dataset_close(d);
  }
  assert_true(opened > 0 && refused > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(mnist),         cmocka_unit_test(cifar),
                                     cmocka_unit_test(image_folders), cmocka_unit_test(csv),
                                     cmocka_unit_test(description),   cmocka_unit_test(damaged)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
