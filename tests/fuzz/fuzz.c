#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

static struct {
  const uint8_t *p;
  size_t n;
} tail[4];
static unsigned n_tail;

static char folder[64], path[128];

eao_ctx *fuzz_begin(void) {
  static const eao_limits limits = {.max_tensor_bytes = 1 << 20,
                                    .max_total_bytes = 64 << 20,
                                    .max_nodes = 10000,
                                    .max_depth = 16,
                                    .max_steps = 1000};
  eao_ctx *ctx = eao_ctx_create(NULL, &limits);
  if (!ctx) abort();
  return ctx;
}

void fuzz_end(eao_ctx *ctx) {
  if (ctx->heap_bytes) {
    fprintf(stderr, "%llu bytes were not freed\n", (unsigned long long)ctx->heap_bytes);
#ifdef WITH_ASAN
    (void)__lsan_do_recoverable_leak_check(); /* says where they came from */
#endif
    __builtin_trap();
  }
  eao_ctx_destroy(ctx);
  for (; n_tail > 0; n_tail--) ASAN_UNPOISON_MEMORY_REGION(tail[n_tail - 1].p, tail[n_tail - 1].n);
}

bool fuzz_ok(eao_ctx *ctx, eao_status s) {
  if (s == EAO_ERR_INTERNAL || (s != EAO_OK && !*eao_ctx_message(ctx))) {
    fprintf(stderr, "outcome %s: %s\n", eao_status_name(s), eao_ctx_message(ctx));
    __builtin_trap();
  }
  return s == EAO_OK;
}

bool fuzz_map(eao_ctx *ctx, const void *data, size_t size, eao_file *out) {
  enum { PAGE = 4096 };
  if (eao_file_from_bytes(ctx, data, size, out) != EAO_OK) return false;
  if (size % PAGE == 0 || n_tail == EAO_COUNT(tail)) return true;
  tail[n_tail].p = out->data + size;
  tail[n_tail].n = PAGE - size % PAGE;
  ASAN_POISON_MEMORY_REGION(tail[n_tail].p, tail[n_tail].n);
  n_tail++;
  return true;
}

static void remove_folder(void) {
  unlink(path);
  rmdir(folder);
}

const char *fuzz_file(const char *ending, const void *data, size_t size) {
  if (!folder[0]) {
    snprintf(folder, sizeof folder, "%s/eao-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
  }
  if (path[0]) unlink(path);
  snprintf(path, sizeof path, "%s/x%s", folder, ending);
  int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size) || close(fd) != 0) abort();
  return path;
}

uint64_t fuzz_interesting(eao_rng *rng, unsigned bits, uint64_t n) {
  uint64_t all = bits < 64 ? ((uint64_t)1 << bits) - 1 : UINT64_MAX, sign = all / 2 + 1;
  switch (eao_rng_below(rng, 12)) {
  case 0: return 0;
  case 1: return 1;
  case 2: return all;                 /* -1, or the largest */
  case 3: return sign;                /* smallest signed */
  case 4: return sign - 1;            /* largest signed */
  case 5: return n & all;             /* just what there is */
  case 6: return (n + 1) & all;       /* one too many */
  case 7: return (all / 4 + 1) & all; /* times 4 overflows */
  case 8: return UINT64_C(1) << eao_rng_below(rng, bits);
  case 9: return (0 - eao_rng_below(rng, 16)) & all;
  case 10: return eao_rng_below(rng, 64) & all;
  default: return eao_rng_next(rng) & all;
  }
}
