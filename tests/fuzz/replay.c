/* main of a fuzz target without libFuzzer: runs files, and the files of folders, once each. With
 * --mutate N each file is run N more times with bytes changed at random (the same every time). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static long mutations;
static unsigned long n_run;

static void mutate(const eao_file *f, eao_rng *rng) {
  uint8_t *copy = malloc(f->size ? f->size : 1);
  if (!copy || !f->size) {
    free(copy);
    return;
  }
  memcpy(copy, f->data, f->size);
  size_t n = f->size;
  for (uint64_t k = 0, m = 1 + eao_rng_below(rng, 8); k < m; k++) {
    size_t at = (size_t)eao_rng_below(rng, n);
    switch (eao_rng_below(rng, 4)) {
    case 0: copy[at] = (uint8_t)eao_rng_next(rng); break;
    case 1: copy[at] ^= (uint8_t)(1u << eao_rng_below(rng, 8)); break;
    case 2: copy[at] = eao_rng_below(rng, 2) ? 0xFF : 0x7F; break;
    default: n = at + 1; break; /* truncated */
    }
  }
  LLVMFuzzerTestOneInput(copy, n);
  n_run++;
  free(copy);
}

static void run_file(eao_ctx *ctx, const char *path) {
  eao_file f;
  eao_rng rng = {1};
  if (eao_file_map(ctx, path, &f) != EAO_OK) {
    fprintf(stderr, "%s\n", eao_ctx_message(ctx));
    exit(1);
  }
  LLVMFuzzerTestOneInput(f.data, f.size);
  n_run++;
  for (long i = 0; i < mutations; i++) mutate(&f, &rng);
  eao_file_unmap(ctx, &f);
}

static void run_path(eao_ctx *ctx, const char *path, int depth) {
  struct stat st;
  DIR *d = stat(path, &st) == 0 && S_ISDIR(st.st_mode) && depth < 8 ? opendir(path) : NULL;
  if (!d) {
    run_file(ctx, path);
    return;
  }
  for (struct dirent *e; (e = readdir(d));) {
    char below[4096];
    if (e->d_name[0] == '.') continue;
    snprintf(below, sizeof below, "%s/%s", path, e->d_name);
    run_path(ctx, below, depth + 1);
  }
  closedir(d);
}

int main(int argc, char **argv) {
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  if (!ctx) return 1;
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--mutate") && i + 1 < argc)
      mutations = atol(argv[++i]);
    else
      run_path(ctx, argv[i], 0);
  }
  printf("%lu inputs\n", n_run);
  eao_ctx_destroy(ctx);
  return 0;
}
