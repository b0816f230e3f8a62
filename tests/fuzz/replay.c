/* main of a fuzz target without libFuzzer: runs files, the files of folders, and - (standard input)
 * once each. With --mutate N each file is run N more times, changed at random (the same way every
 * time), by the target's own mutator where it has one. --stop-after S: no more mutations after S
 * seconds. For AFL++: build with its compiler, `afl-fuzz -i corpus -o out -- onnx_fuzz_replay @@`.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

enum { GROWTH = 4096 };

#pragma weak LLVMFuzzerCustomMutator

static long mutations;
static uint64_t stop_ns;
static unsigned long n_run;
static eao_rng rng;

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) {
  size_t n = size;
  (void)max_size;
  for (uint64_t k = 0, m = 1 + eao_rng_below(&rng, 8); n && k < m; k++) {
    size_t at = (size_t)eao_rng_below(&rng, n);
    switch (eao_rng_below(&rng, 5)) {
    case 0: data[at] = (uint8_t)eao_rng_next(&rng); break;
    case 1: data[at] ^= (uint8_t)(1u << eao_rng_below(&rng, 8)); break;
    case 2: data[at] = eao_rng_below(&rng, 2) ? 0xFF : 0x7F; break;
    case 3: memmove(data + at, data + n / 2, n - (at > n / 2 ? at : n / 2)); break;
    default: n = at + 1; break; /* truncated */
    }
  }
  return n;
}

static void run(const uint8_t *data, size_t size) {
  LLVMFuzzerTestOneInput(data, size);
  n_run++;
}

static void mutate(const uint8_t *data, size_t size, long i) {
  uint8_t *copy = malloc(size + GROWTH);
  if (!copy) return;
  if (size) memcpy(copy, data, size);
  size_t n = LLVMFuzzerCustomMutator && i % 4
                 ? LLVMFuzzerCustomMutator(copy, size, size + GROWTH, (unsigned)eao_rng_next(&rng))
                 : LLVMFuzzerMutate(copy, size, size + GROWTH);
  /* No byte more than there is, so that the address sanitizer sees reads beyond. */
  uint8_t *exact = malloc(n ? n : 1);
  if (exact) {
    if (n) memcpy(exact, copy, n);
    run(exact, n);
  }
  free(exact);
  free(copy);
}

static void run_stream(FILE *f, const char *name) {
  size_t n = 0, cap = 1 << 16, got;
  uint8_t *data = malloc(cap);
  while (data && (got = fread(data + n, 1, cap - n, f)) > 0) {
    n += got;
    if (n < cap) continue;
    uint8_t *more = realloc(data, cap *= 2);
    if (!more) free(data);
    data = more;
  }
  if (!data || ferror(f)) {
    fprintf(stderr, "cannot read %s\n", name);
    exit(1);
  }
  rng.state = 1;
  run(data, n);
  for (long i = 0; i < mutations && (!stop_ns || eao_clock_ns() < stop_ns); i++) mutate(data, n, i);
  free(data);
}

static void run_path(const char *path, int depth) {
  struct stat st;
  DIR *d = stat(path, &st) == 0 && S_ISDIR(st.st_mode) && depth < 8 ? opendir(path) : NULL;
  if (!d) {
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!f) {
      fprintf(stderr, "cannot open %s\n", path);
      exit(1);
    }
    run_stream(f, path);
    if (f != stdin) fclose(f);
    return;
  }
  for (struct dirent *e; (e = readdir(d));) {
    char below[4096];
    if (e->d_name[0] == '.') continue;
    snprintf(below, sizeof below, "%s/%s", path, e->d_name);
    run_path(below, depth + 1);
  }
  closedir(d);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--mutate") && i + 1 < argc)
      mutations = atol(argv[++i]);
    else if (!strcmp(argv[i], "--stop-after") && i + 1 < argc)
      stop_ns = eao_clock_ns() + (uint64_t)atol(argv[++i]) * 1000000000u;
    else
      run_path(argv[i], 0);
  }
  printf("%lu inputs\n", n_run);
  return n_run ? 0 : 1;
}
