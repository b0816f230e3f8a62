/* Files in, files out. Expected bytes are NumPy's documented format and arithmetic on paper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* jpeglib.h needs stdio.h before it */
#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include "data/data.h"
#include "kernel/kernel.h"

static eao_ctx *ctx;
static char path[64];

static int setup(void **state) {
  (void)state;
  ctx = eao_ctx_create(NULL, &(eao_limits){.max_tensor_bytes = 1 << 26});
  snprintf(path, sizeof path, "/tmp/eao_data_test_XXXXXX");
  int fd = mkstemp(path);
  if (fd >= 0) close(fd);
  return !ctx || fd < 0;
}

static int teardown(void **state) {
  (void)state;
  unlink(path);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
  return 0;
}

static void put_file(const void *data, size_t n) {
  assert_int_equal(eao_file_write(ctx, path, data, n), EAO_OK);
}

/* ---- npy ---- */

static void npy_round_trip(void **state) {
  (void)state;
  for (int d = EAO_F32; d < EAO_DTYPE_COUNT; d++) {
    eao_tensor t, back, want;
    eao_tensor type = {.dtype = (eao_dtype)d, .rank = 3, .dim = {2, 3, 5}};
    assert_int_equal(eao_tensor_random(ctx, &type, 9, 0, 0, &t), EAO_OK);
    assert_int_equal(eao_npy_write(ctx, path, &t), EAO_OK);
    assert_int_equal(eao_npy_read(ctx, path, &back), EAO_OK);
    assert_int_equal(back.rank, 3);
    assert_memory_equal(back.dim, t.dim, 3 * sizeof(int64_t));
    bool widened = d == EAO_BF16 || d == EAO_I4 || d == EAO_U4;
    if (!widened) assert_int_equal(back.dtype, d);
    assert_int_equal(eao_tensor_cast(ctx, &back, (eao_dtype)d, NULL, &want), EAO_OK);
    assert_memory_equal(want.data, t.data, (size_t)eao_dtype_bytes(t.dtype, 30));
    eao_tensor_destroy(ctx, &t);
    eao_tensor_destroy(ctx, &back);
    eao_tensor_destroy(ctx, &want);
  }
}

/* What numpy.save writes for np.array([1, -2], np.int16). */
static void npy_bytes(void **state) {
  (void)state;
  char want[132];
  memset(want, ' ', sizeof want);
  static const char head[] =
      "\x93NUMPY\x01\0\x76\0{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }";
  memcpy(want, head, sizeof head - 1);
  want[127] = '\n';
  memcpy(want + 128, "\x01\0\xfe\xff", 4);
  eao_tensor t = {.dtype = EAO_I16, .rank = 1, .dim = {2}, .data = (int16_t[]){1, -2}};
  eao_file f;
  assert_int_equal(eao_npy_write(ctx, path, &t), EAO_OK);
  assert_int_equal(eao_file_map(ctx, path, &f), EAO_OK);
  assert_int_equal((f.size - 4) % 64, 0);
  assert_int_equal(f.size, sizeof want);
  assert_memory_equal(f.data, want, sizeof want);
  eao_file_unmap(ctx, &f);
}

static size_t make_npy(char *out, const char *dict, const void *data, size_t n) {
  size_t len = strlen(dict);
  memcpy(out, "\x93NUMPY\x01\0", 8);
  out[8] = (char)len;
  out[9] = 0;
  memcpy(out + 10, dict, len);
  if (n) memcpy(out + 10 + len, data, n);
  return 10 + len + n;
}

static eao_status parse(const char *dict, const void *data, size_t n, eao_tensor *out) {
  char buf[512];
  size_t size = make_npy(buf, dict, data, n);
  /* A copy of the exact size lets the sanitizer see every byte read too many. */
  char *exact = malloc(size);
  assert_non_null(exact);
  memcpy(exact, buf, size);
  eao_status s = eao_npy_parse(ctx, "x", exact, size, out);
  free(exact);
  return s;
}

static void npy_variants(void **state) {
  (void)state;
  eao_tensor t;
  /* Big endian, keys in another order, no comma at the end. */
  assert_int_equal(parse("{'shape': (1, 2), 'fortran_order': False, 'descr': '>i4'}",
                         "\0\0\1\2\xff\xff\xff\xfe", 8, &t),
                   EAO_OK);
  assert_int_equal(eao_get_i64(&t, 0), 258);
  assert_int_equal(eao_get_i64(&t, 1), -2);
  eao_tensor_destroy(ctx, &t);
  /* Scalars; column order does not matter for one axis. */
  assert_int_equal(parse("{'descr': '<f8', 'fortran_order': True, 'shape': (), }",
                         "\0\0\0\0\0\0\xf8\x3f", 8, &t),
                   EAO_OK);
  assert_int_equal(t.rank, 0);
  assert_true(eao_get_f64(&t, 0) == 1.5);
  eao_tensor_destroy(ctx, &t);
  /* Empty. */
  assert_int_equal(parse("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 7)}", "", 0, &t),
                   EAO_OK);
  assert_int_equal(eao_tensor_elements(&t), 0);
  eao_tensor_destroy(ctx, &t);
}

static void npy_refused(void **state) {
  (void)state;
  static const struct {
    const char *dict;
    eao_status want;
  } bad[] = {
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1)}", EAO_ERR_UNSUPPORTED},
      {"{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", EAO_ERR_UNSUPPORTED},
      {"{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", EAO_ERR_UNSUPPORTED},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", EAO_ERR_FORMAT},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", EAO_ERR_FORMAT},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", EAO_ERR_FORMAT},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296,4294967296)}",
       EAO_ERR_FORMAT},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
       EAO_ERR_FORMAT},
      {"{'descr': '<f4', 'fortran_order': False}", EAO_ERR_FORMAT},
      {"{'descr': '<f4', 'shape': (1,)}", EAO_ERR_FORMAT},
      {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", EAO_ERR_FORMAT},
      {"{'descr': '<f4'", EAO_ERR_FORMAT},
      {"{", EAO_ERR_FORMAT},
      {"", EAO_ERR_FORMAT},
  };
  for (size_t i = 0; i < EAO_COUNT(bad); i++) {
    eao_tensor t;
    assert_int_equal(parse(bad[i].dict, "abcd", 4, &t), bad[i].want);
    assert_null(t.data);
  }
}

static void npy_cut_off(void **state) {
  (void)state;
  char buf[128];
  size_t n =
      make_npy(buf, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "abcdefgh", 8);
  for (size_t k = 0; k < n; k++) {
    char *exact = malloc(k + 1);
    assert_non_null(exact);
    memcpy(exact, buf, k);
    eao_tensor t;
    assert_int_equal(eao_npy_parse(ctx, "x", exact, k, &t), EAO_ERR_FORMAT);
    free(exact);
  }
}

/* ---- npz ---- */

typedef struct zip {
  uint8_t d[4096];
  size_t n, dir;
  uint8_t entry[1024];
  uint16_t count;
} zip;

static void put(uint8_t *p, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> (8 * i));
}

static void zip_add(zip *z, const char *name, const void *data, size_t n, bool deflated) {
  uint8_t packed[1024];
  uLongf m = sizeof packed;
  const uint8_t *body = data;
  size_t len = strlen(name), size = n;
  if (deflated) { /* compress() adds a 2-byte header and a 4-byte trailer around the raw stream */
    assert_int_equal(compress(packed, &m, data, n), Z_OK);
    body = packed + 2;
    size = m - 6;
  }
  uint8_t *l = z->d + z->n, *e = z->entry + z->dir;
  memset(l, 0, 30);
  memset(e, 0, 46);
  memcpy(l, "PK\3\4", 4);
  memcpy(e, "PK\1\2", 4);
  put(l + 8, deflated ? 8 : 0, 2);
  put(e + 10, deflated ? 8 : 0, 2);
  put(e + 16, crc32(0, data, (uInt)n), 4);
  put(e + 20, size, 4);
  put(e + 24, n, 4);
  put(e + 28, len, 2);
  put(l + 26, len, 2);
  put(e + 42, z->n, 4);
  memcpy(l + 30, name, len);
  memcpy(l + 30 + len, body, size);
  memcpy(e + 46, name, len);
  z->n += 30 + len + size;
  z->dir += 46 + len;
  z->count++;
}

static size_t zip_end(zip *z) {
  size_t at = z->n;
  memcpy(z->d + at, z->entry, z->dir);
  uint8_t *e = z->d + at + z->dir;
  memset(e, 0, 22);
  memcpy(e, "PK\5\6", 4);
  put(e + 10, z->count, 2);
  put(e + 12, z->dir, 4);
  put(e + 16, at, 4);
  return at + z->dir + 22;
}

static size_t make_zip(zip *z) {
  char npy[256];
  memset(z, 0, sizeof *z);
  size_t n =
      make_npy(npy, "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}", "\1\2\3\4", 4);
  zip_add(z, "plain.npy", npy, n, false);
  n = make_npy(npy, "{'descr': '|u1', 'fortran_order': False, 'shape': (64,)}",
               "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 64);
  zip_add(z, "packed.npy", npy, n, true);
  return zip_end(z);
}

static void npz_members(void **state) {
  (void)state;
  zip z;
  eao_npz *a;
  eao_tensor t;
  put_file(z.d, make_zip(&z));
  assert_int_equal(eao_npz_open(ctx, path, &a), EAO_OK);
  assert_int_equal(eao_npz_count(a), 2);
  assert_string_equal(eao_npz_name(a, 1), "packed");
  assert_int_equal(eao_npz_read(a, 0, &t), EAO_OK);
  assert_memory_equal(t.data, "\1\2\3\4", 4);
  eao_tensor_destroy(ctx, &t);
  assert_int_equal(eao_npz_read(a, 1, &t), EAO_OK);
  assert_int_equal(t.dim[0], 64);
  assert_int_equal(eao_get_i64(&t, 63), 'a');
  eao_tensor_destroy(ctx, &t);
  eao_npz_close(a);
}

/* Every byte damaged in turn, every length: an error or a right answer, never a crash. */
static void npz_damaged(void **state) {
  (void)state;
  zip z;
  size_t n = make_zip(&z);
  for (size_t i = 0; i < 2 * n; i++) {
    eao_npz *a;
    make_zip(&z);
    if (i < n) z.d[i] ^= 0xFF;
    put_file(z.d, i < n ? n : i - n);
    if (eao_npz_open(ctx, path, &a) != EAO_OK) continue;
    assert_true(i < n); /* a shorter archive has lost its end */
    for (uint32_t k = 0; k < eao_npz_count(a); k++) {
      eao_tensor t;
      if (eao_npz_read(a, k, &t) == EAO_OK) eao_tensor_destroy(ctx, &t);
    }
    eao_npz_close(a);
  }
}

/* ---- images ---- */

/* 3 x 2: red, green, blue / white, black, (10, 20, 30). */
static const uint8_t colours[18] = {255, 0,   0,   0, 255, 0, 0,  0,  255,
                                    255, 255, 255, 0, 0,   0, 10, 20, 30};

static size_t make_bmp(uint8_t *d) {
  memset(d, 0, 54 + 24);
  memcpy(d, "BM", 2);
  put(d + 10, 54, 4);
  put(d + 14, 40, 4);
  put(d + 18, 3, 4);
  put(d + 22, 2, 4);
  put(d + 28, 24, 2);
  for (int y = 0; y < 2; y++) /* bottom row first, blue first, rows of 12 bytes */
    for (int x = 0; x < 3; x++)
      for (int k = 0; k < 3; k++)
        d[54 + y * 12 + x * 3 + k] = colours[((1 - y) * 3 + x) * 3 + 2 - k];
  return 54 + 24;
}

static size_t make_png(uint8_t *d, size_t cap) {
  png_image im = {.version = PNG_IMAGE_VERSION, .width = 3, .height = 2, .format = PNG_FORMAT_RGB};
  png_alloc_size_t n = cap;
  assert_true(png_image_write_to_memory(&im, d, &n, 0, colours, 0, NULL));
  return n;
}

static void check_colours(void) {
  eao_tensor t;
  assert_int_equal(eao_image_read(ctx, path, 0, &t), EAO_OK);
  assert_int_equal(t.dim[0], 2);
  assert_int_equal(t.dim[1], 3);
  assert_int_equal(t.dim[2], 3);
  assert_memory_equal(t.data, colours, 18);
  eao_tensor_destroy(ctx, &t);
  assert_int_equal(eao_image_read(ctx, path, 1, &t), EAO_OK);
  /* 0.299, 0.587, 0.114 of 255; white; black; 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15 */
  assert_memory_equal(t.data, ((uint8_t[]){76, 150, 29, 255, 0, 18}), 6);
  eao_tensor_destroy(ctx, &t);
}

static void bmp_and_png(void **state) {
  (void)state;
  uint8_t d[1024];
  put_file(d, make_bmp(d));
  check_colours();
  put_file(d, make_png(d, sizeof d));
  check_colours();
}

static size_t make_jpeg(uint8_t *d, size_t cap) {
  struct jpeg_compress_struct j;
  struct jpeg_error_mgr err;
  unsigned char *out = d;
  unsigned long n = cap;
  uint8_t grey[16 * 16];
  memset(grey, 100, sizeof grey);
  j.err = jpeg_std_error(&err);
  jpeg_create_compress(&j);
  jpeg_mem_dest(&j, &out, &n);
  j.image_width = j.image_height = 16;
  j.input_components = 1;
  j.in_color_space = JCS_GRAYSCALE;
  jpeg_set_defaults(&j);
  jpeg_start_compress(&j, TRUE);
  while (j.next_scanline < 16) {
    JSAMPROW row = grey + 16 * j.next_scanline;
    jpeg_write_scanlines(&j, &row, 1);
  }
  jpeg_finish_compress(&j);
  jpeg_destroy_compress(&j);
  assert_ptr_equal(out, d);
  return n;
}

static void jpeg_grey(void **state) {
  (void)state;
  uint8_t d[2048];
  eao_tensor t;
  put_file(d, make_jpeg(d, sizeof d));
  assert_int_equal(eao_image_read(ctx, path, 3, &t), EAO_OK);
  assert_int_equal(t.dim[2], 3);
  for (int64_t i = 0; i < 16 * 16 * 3; i++) assert_in_range(eao_get_i64(&t, i), 99, 101);
  eao_tensor_destroy(ctx, &t);
}

static void damage(size_t (*make)(uint8_t *, size_t)) {
  uint8_t d[2048];
  size_t n = make(d, sizeof d);
  for (size_t i = 0; i < 2 * n; i++) {
    eao_tensor t;
    make(d, sizeof d);
    if (i < n) d[i] ^= 0x55;
    put_file(d, i < n ? n : i - n);
    if (eao_image_read(ctx, path, 0, &t) == EAO_OK)
      eao_tensor_destroy(ctx, &t);
    else
      assert_null(t.data);
  }
}

static size_t make_bmp_capped(uint8_t *d, size_t cap) {
  (void)cap;
  return make_bmp(d);
}

static void images_damaged(void **state) {
  (void)state;
  damage(make_png);
  damage(make_jpeg);
  damage(make_bmp_capped);
}

static void resize_exact(void **state) {
  (void)state;
  static const uint8_t ramp[8] = {0, 10, 20, 30, 40, 50, 60, 70};
  eao_tensor in = {.dtype = EAO_U8, .rank = 3, .dim = {1, 8, 1}, .data = (void *)(uintptr_t)ramp};
  eao_tensor t;
  /* Same size: nothing changes, whatever the kind. */
  for (int kind = EAO_RESIZE_BILINEAR; kind <= EAO_RESIZE_BICUBIC; kind++) {
    assert_int_equal(eao_image_resize(ctx, &in, 1, 8, (eao_resize)kind, &t), EAO_OK);
    assert_memory_equal(t.data, ramp, 8);
    eao_tensor_destroy(ctx, &t);
  }
  /* Half: area takes means of pairs; so does bilinear, whose centres fall between two pixels. */
  for (int i = 0; i < 2; i++) {
    assert_int_equal(
        eao_image_resize(ctx, &in, 1, 4, i ? EAO_RESIZE_BILINEAR : EAO_RESIZE_AREA, &t), EAO_OK);
    assert_memory_equal(t.data, ((uint8_t[]){5, 25, 45, 65}), 4);
    eao_tensor_destroy(ctx, &t);
  }
  /* A triangle of width 4 at 1, 3, 5, 7: weights 1 3 3 1 over 8, renormalised 3 3 1 at the edges.
   */
  assert_int_equal(eao_image_resize(ctx, &in, 1, 4, EAO_RESIZE_ANTIALIAS, &t), EAO_OK);
  assert_memory_equal(t.data, ((uint8_t[]){7, 25, 45, 63}), 4);
  eao_tensor_destroy(ctx, &t);
  /* Centres of a third: 1.33, 4, 6.67: pixels 1, 4, 6. */
  assert_int_equal(eao_image_resize(ctx, &in, 1, 3, EAO_RESIZE_NEAREST, &t), EAO_OK);
  assert_memory_equal(t.data, ((uint8_t[]){10, 40, 60}), 3);
  eao_tensor_destroy(ctx, &t);
  /* Twice: centres at -0.25, 0.25, 0.75, ... repeat the edge and mix by quarters. */
  in.dim[1] = 2;
  assert_int_equal(eao_image_resize(ctx, &in, 1, 4, EAO_RESIZE_BILINEAR, &t), EAO_OK);
  assert_memory_equal(t.data, ((uint8_t[]){0, 3, 8, 10}), 4);
  eao_tensor_destroy(ctx, &t);
}

static void image_to_input(void **state) {
  (void)state;
  eao_tensor image = {
      .dtype = EAO_U8, .rank = 3, .dim = {2, 3, 3}, .data = (void *)(uintptr_t)colours};
  eao_tensor type = {.dtype = EAO_F32, .rank = 4, .dim = {-1, 3, 2, 3}}, t;
  eao_image_spec spec = {0};
  assert_true(eao_image_scaling(&spec, "unit"));
  spec.layout = EAO_LAYOUT_NCHW;
  assert_int_equal(eao_image_to_input(ctx, &image, &type, &spec, &t), EAO_OK);
  assert_int_equal(t.dim[0], 1);
  for (int64_t i = 0; i < 18; i++) /* plane, then pixel */
    assert_true(eao_get_f64(&t, i) == (double)((float)(colours[(i % 6) * 3 + i / 6] / 255.0)));
  eao_tensor_destroy(ctx, &t);
  /* Blue first, channels last, int8 as stored. */
  type = (eao_tensor){.dtype = EAO_I8, .rank = 4, .dim = {1, 2, 3, 3}};
  spec = (eao_image_spec){.layout = EAO_LAYOUT_NHWC, .bgr = true, .stored = true};
  assert_int_equal(eao_image_to_input(ctx, &image, &type, &spec, &t), EAO_OK);
  assert_int_equal(eao_get_i64(&t, 2), 127); /* red of the first pixel */
  assert_int_equal(eao_get_i64(&t, 0), -128);
  eao_tensor_destroy(ctx, &t);
  /* Quantised: real -1 .. 1 by scale 1/64 and zero 0. */
  float scale = 1.0F / 64;
  type.quant = (eao_quant){.axis = -1, .n = 1, .scale = &scale};
  spec = (eao_image_spec){.layout = EAO_LAYOUT_NHWC};
  assert_true(eao_image_scaling(&spec, "signed"));
  assert_int_equal(eao_image_to_input(ctx, &image, &type, &spec, &t), EAO_OK);
  assert_int_equal(eao_get_i64(&t, 0), 64);
  assert_int_equal(eao_get_i64(&t, 1), -64);
  eao_tensor_destroy(ctx, &t);
  type.dim[0] = 2; /* no batch of two from one image */
  assert_int_equal(eao_image_to_input(ctx, &image, &type, &spec, &t), EAO_ERR_SHAPE);
}

/* ---- audio ---- */

static size_t make_wav(uint8_t *d, size_t cap) {
  static const int16_t frames[8] = {0, 0, 16384, 16384, -32768, 0, 100, -100}; /* stereo */
  (void)cap;
  memcpy(d, "RIFF\x34\0\0\0WAVEfmt \x10\0\0\0\1\0\2\0", 24);
  put(d + 24, 16000, 4);
  put(d + 28, 64000, 4);
  put(d + 32, 4, 2);
  put(d + 34, 16, 2);
  memcpy(d + 36, "data", 4);
  put(d + 40, sizeof frames, 4);
  memcpy(d + 44, frames, sizeof frames);
  return 44 + sizeof frames;
}

static void wav(void **state) {
  (void)state;
  uint8_t d[128];
  eao_tensor t, x;
  int32_t rate;
  put_file(d, make_wav(d, sizeof d));
  assert_int_equal(eao_audio_read(ctx, path, &t, &rate), EAO_OK);
  assert_int_equal(rate, 16000);
  assert_int_equal(t.dim[0], 4);
  assert_true(eao_get_f64(&t, 1) == 0.5);
  assert_true(eao_get_f64(&t, 2) == -0.5);
  assert_true(eao_get_f64(&t, 3) == 0);
  eao_tensor type = {.dtype = EAO_I16, .rank = 2, .dim = {1, 6}};
  assert_int_equal(eao_audio_to_input(ctx, &t, &type, &x), EAO_OK);
  assert_memory_equal(x.data, ((int16_t[]){0, 16384, -16384, 0, 0, 0}), 12);
  eao_tensor_destroy(ctx, &x);
  type = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {49, 40}};
  assert_int_equal(eao_audio_to_input(ctx, &t, &type, &x), EAO_ERR_SHAPE);
  eao_tensor_destroy(ctx, &t);
  size_t n = make_wav(d, sizeof d);
  for (size_t i = 0; i < 2 * n; i++) {
    make_wav(d, sizeof d);
    if (i < n) d[i] ^= 0xFF;
    put_file(d, i < n ? n : i - n);
    if (eao_audio_read(ctx, path, &t, &rate) == EAO_OK) eao_tensor_destroy(ctx, &t);
  }
}

/* ---- tensors ---- */

static void permute_and_cast(void **state) {
  (void)state;
  uint8_t packed[3] = {0x10, 0x32, 0x54}; /* u4 0 1 2 3 4 5 */
  eao_tensor t = {.dtype = EAO_U4, .rank = 2, .dim = {2, 3}, .data = packed}, p, c;
  assert_int_equal(eao_tensor_permute(ctx, &t, (int32_t[]){1, 0}, &p), EAO_OK);
  assert_memory_equal(p.data, "\x30\x41\x52", 3);
  assert_int_equal(eao_tensor_permute(ctx, &t, (int32_t[]){0, 0}, &c), EAO_ERR_ARG);
  float s = 0.5F;
  int32_t z = 1;
  eao_quant q = {.axis = -1, .n = 1, .scale = &s, .zero = &z};
  assert_int_equal(eao_tensor_cast(ctx, &p, EAO_I8, &q, &c), EAO_OK);
  /* 0 3 1 4 2 5 over 0.5, plus 1 */
  assert_memory_equal(c.data, ((int8_t[]){1, 7, 3, 9, 5, 11}), 6);
  assert_true(eao_tensor_real(&c, 1) == 3);
  eao_tensor_destroy(ctx, &p);
  eao_tensor_destroy(ctx, &c);
  int64_t big = INT64_MAX - 1;
  t = (eao_tensor){.dtype = EAO_I64, .rank = 0, .data = &big};
  assert_int_equal(eao_tensor_cast(ctx, &t, EAO_U64, NULL, &c), EAO_OK);
  assert_int_equal(eao_get_i64(&c, 0), big);
  eao_tensor_destroy(ctx, &c);
}

static void limits(void **state) {
  (void)state;
  eao_tensor t;
  assert_int_equal(eao_tensor_create(ctx, EAO_F32, 2, (int64_t[]){1 << 20, 1 << 20}, &t),
                   EAO_ERR_NOMEM);
  assert_int_equal(eao_tensor_create(ctx, EAO_F32, 3, (int64_t[]){1ll << 40, 1ll << 40, 0}, &t),
                   EAO_ERR_SHAPE);
  assert_int_equal(eao_tensor_create(ctx, EAO_F32, 9, NULL, &t), EAO_ERR_ARG);
}

int main(void) {
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
  const struct CMUnitTest tests[] = {
      TEST(npy_round_trip),
      TEST(npy_bytes),
      TEST(npy_variants),
      TEST(npy_refused),
      TEST(npy_cut_off),
      TEST(npz_members),
      TEST(npz_damaged),
      TEST(bmp_and_png),
      TEST(jpeg_grey),
      TEST(images_damaged),
      TEST(resize_exact),
      TEST(image_to_input),
      TEST(wav),
      TEST(permute_and_cast),
      TEST(limits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
