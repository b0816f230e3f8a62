/* libFuzzer entry for packages: whatever the bytes, opening decides without touching memory that is
 * not the package's, and a session of what was accepted can be made. clang
 * -fsanitize=fuzzer,address,undefined ... tests/fuzz/eao_fuzz.c libeao.a The hash is set right
 * first, since random changes would otherwise never get past it. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "eao/rt.h"
#include "format/eao_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { ARENA_MAX = 64 << 20 };
  uint8_t *mem = aligned_alloc(EAO_PKG_ALIGN, (size / EAO_PKG_ALIGN + 1) * EAO_PKG_ALIGN);
  eao_package p;
  if (!mem) return 0;
  if (size) memcpy(mem, data, size);
  size_t hashed = offsetof(eao_pkg_header, hash) + sizeof(((eao_pkg_header *)0)->hash);
  if (size > hashed)
    eao_wide_hash(mem + hashed, size - hashed, mem + offsetof(eao_pkg_header, hash));
  if (eao_package_open_memory(&p, mem, size) == EAO_OK) {
    size_t n = eao_package_arena_bytes(&p);
    void *arena = n <= ARENA_MAX ? aligned_alloc(EAO_PKG_ALIGN, n) : NULL;
    eao_session *s;
    if (arena && eao_session_create(&p, arena, n, &s) == EAO_OK) eao_session_reset(s);
    free(arena);
    eao_package_close(&p);
  }
  free(mem);
  return 0;
}
