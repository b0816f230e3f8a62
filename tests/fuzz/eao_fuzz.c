/* Fuzz target: any bytes as a package. Whatever they are, opening decides without touching memory
 * that is not the package's, a session of what was accepted can be made, and what the host's check
 * of every step accepts can be run. The hash is set right first, since random changes would
 * otherwise never get past it. */
#include <stdlib.h>
#include <string.h>

#include "eao/rt.h"
#include "emit/check_eao.h"
#include "format/eao_format.h"
#include "fuzz.h"

static void open_package(const uint8_t *mem, size_t size) {
  enum { ARENA_MAX = 64 << 20 };
  eao_package p;
  if (eao_package_open_memory(&p, mem, size) != EAO_OK) {
    if (!*eao_package_message(&p)) __builtin_trap();
    return;
  }
  size_t n = eao_package_arena_bytes(&p);
  void *arena = NULL;
  eao_session *s;
  if (n <= ARENA_MAX && posix_memalign(&arena, EAO_PKG_ALIGN, n) == 0 &&
      eao_session_create(&p, arena, n, &s) == EAO_OK) {
    eao_session_reset(s);
    eao_ctx *ctx = eao_ctx_create(NULL, NULL);
    if (ctx && eao_check_package(ctx, eao_rt(&p)) == EAO_OK) (void)eao_session_run(s);
    eao_ctx_destroy(ctx);
  }
  free(arena);
  eao_package_close(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  void *block;
  /* No byte more than there is, so that the address sanitizer sees reads beyond. */
  if (posix_memalign(&block, EAO_PKG_ALIGN, size ? size : 1) != 0) return 0;
  uint8_t *mem = block;
  if (size) memcpy(mem, data, size);
  size_t hashed = offsetof(eao_pkg_header, hash) + sizeof(((eao_pkg_header *)0)->hash);
  if (size > hashed)
    eao_wide_hash(mem + hashed, size - hashed, mem + offsetof(eao_pkg_header, hash));
  open_package(mem, size);
  free(block);
  return 0;
}
