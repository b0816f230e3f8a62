/* Fuzz target: any bytes as a file of arrays, samples or sound: npy, npz, IDX, CIFAR, CSV, tar, WAV
 * and the like, gzip. Content tells which; what is none of them is read as CSV. */
#include <string.h>

#include "eao/dataset.h"
#include "fuzz.h"

static bool starts(const uint8_t *data, size_t size, const char *with, size_t n, size_t at) {
  return size >= at + n && memcmp(data + at, with, n) == 0;
}

static const char *ending_of(const uint8_t *data, size_t size) {
  if (starts(data, size, "\x93NUMPY", 6, 0)) return ".npy";
  if (starts(data, size, "PK", 2, 0)) return ".npz";
  if (starts(data, size, "RIFF", 4, 0) || starts(data, size, "fLaC", 4, 0) ||
      starts(data, size, "OggS", 4, 0) || starts(data, size, "FORM", 4, 0))
    return ".wav";
  if (starts(data, size, "\x1f\x8b", 2, 0)) return "-idx.gz";
  if (starts(data, size, "ustar", 5, 257)) return ".tar";
  if (starts(data, size, "\0\0", 2, 0)) return "-idx";
  return size % 3073 == 0 ? ".bin" : ".csv";
}

static void as_dataset(eao_ctx *ctx, const char *path) {
  static const eao_tensor types[] = {{.dtype = EAO_F32, .rank = 4, .dim = {1, 4, 4, 1}},
                                     {.dtype = EAO_I8, .rank = 2, .dim = {1, 6}}};
  eao_dataset *d;
  if (!fuzz_ok(ctx, eao_dataset_open(ctx, path, NULL, &d))) return;
  eao_dataset_info info = eao_dataset_get(d);
  for (int64_t i = 0; i < info.n && i < 3; i++) {
    eao_tensor t = {0};
    (void)eao_dataset_class(d, eao_dataset_label(d, i));
    if (fuzz_ok(ctx, eao_dataset_sample(d, i, &t))) eao_tensor_destroy(ctx, &t);
    for (unsigned k = 0; k < EAO_COUNT(types); k++)
      if (fuzz_ok(ctx, eao_dataset_input(d, i, &types[k], &t))) eao_tensor_destroy(ctx, &t);
  }
  eao_dataset_close(d);
}

static void as_audio(eao_ctx *ctx, const char *path) {
  static const eao_tensor type = {.dtype = EAO_I16, .rank = 2, .dim = {1, 400}};
  eao_tensor sound, out;
  int32_t rate;
  if (!fuzz_ok(ctx, eao_audio_read(ctx, path, &sound, &rate))) return;
  if (fuzz_ok(ctx, eao_audio_to_input(ctx, &sound, &type, &out))) eao_tensor_destroy(ctx, &out);
  eao_tensor_destroy(ctx, &sound);
}

static void as_archive(eao_ctx *ctx, const char *path) {
  eao_npz *z;
  if (!fuzz_ok(ctx, eao_npz_open(ctx, path, &z))) return;
  for (uint32_t i = 0; i < eao_npz_count(z) && i < 8; i++) {
    eao_tensor t;
    if (fuzz_ok(ctx, eao_npz_read(z, i, &t))) eao_tensor_destroy(ctx, &t);
  }
  eao_npz_close(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eao_ctx *ctx = fuzz_begin();
  const char *ending = ending_of(data, size), *path = fuzz_file(ending, data, size);
  if (strcmp(ending, ".wav") == 0)
    as_audio(ctx, path);
  else
    as_dataset(ctx, path);
  if (strcmp(ending, ".npz") == 0) as_archive(ctx, path);
  if (strcmp(ending, ".csv") == 0) { /* and as a TensorProto */
    eao_tensor t;
    if (fuzz_ok(ctx, eao_tensor_read(ctx, path, &t))) eao_tensor_destroy(ctx, &t);
  }
  fuzz_end(ctx);
  return 0;
}
