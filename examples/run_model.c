/* Runs a compiled model on files of raw input bytes and writes raw output bytes:
 *   run_model net.eao in0.bin [in1.bin ...] > out.bin
 * Without input files it runs the package's self-test. Links with libeao.a alone. */
#include <stdio.h>
#include <stdlib.h>

#include "eao/rt.h"

static size_t bytes_of(const eao_tensor *t) {
  size_t n = (size_t)eao_dtype_bits(t->dtype);
  for (int32_t i = 0; i < t->rank; i++) n *= (size_t)t->dim[i];
  return (n + 7) / 8;
}

static int fail(const char *what, const char *why) {
  fprintf(stderr, "run_model: %s: %s\n", what, why);
  return 1;
}

int main(int argc, char **argv) {
  eao_package p;
  eao_session *s;
  if (argc < 2) return fail("usage", "run_model net.eao [inputs ...]");
  if (eao_package_open(&p, argv[1]) != EAO_OK) return fail(argv[1], eao_package_message(&p));
  size_t n = eao_package_arena_bytes(&p); /* a device would have this in a static array */
  void *arena = aligned_alloc(64, n);
  if (!arena || eao_session_create(&p, arena, n, &s) != EAO_OK) return fail("session", "no memory");
  if (argc == 2) {
    eao_status status = eao_session_self_test(s, 1e-5);
    puts(status == EAO_OK ? "self-test passed" : "self-test failed or not there");
    return status != EAO_OK;
  }
  for (uint32_t i = 0; i < eao_package_input_count(&p); i++) {
    const eao_tensor *in = eao_session_input(s, i);
    FILE *f = i + 2 < (uint32_t)argc ? fopen(argv[i + 2], "rb") : NULL;
    if (!f || fread(in->data, 1, bytes_of(in), f) != bytes_of(in))
      return fail(eao_package_input_name(&p, i), "input file missing or too short");
    fclose(f);
  }
  if (eao_session_run(s) != EAO_OK) return fail("run", eao_session_message(s));
  for (uint32_t i = 0; i < eao_package_output_count(&p); i++) {
    const eao_tensor *out = eao_session_output(s, i);
    fwrite(out->data, 1, bytes_of(out), stdout);
  }
  free(arena);
  eao_package_close(&p);
  return 0;
}
