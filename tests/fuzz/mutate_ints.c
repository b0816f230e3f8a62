/* Mutation for formats made of aligned integers (FlatBuffers, .eao packages): an integer gets a
 * value that such numbers go wrong at, or the value of another one, so that offsets, counts and
 * indices meet their bounds far more often than random bytes would make them. */
#include <string.h>

#include "fuzz.h"

static void set_integer(uint8_t *data, size_t size, eao_rng *rng) {
  size_t width = (size_t)1 << eao_rng_below(rng, 4);
  if (width > size) return;
  size_t at = (size_t)eao_rng_below(rng, size / width) * width;
  uint64_t v = 0;
  switch (eao_rng_below(rng, 4)) {
  case 0: /* another one's value: two references to one thing, cycles, sizes of something else */
    memcpy(&v, data + (size_t)eao_rng_below(rng, size / width) * width, width);
    break;
  case 1: /* a little more or less */
    memcpy(&v, data + at, width);
    v += eao_rng_below(rng, 17) - 8;
    break;
  default: v = fuzz_interesting(rng, (unsigned)width * 8, size - at); break;
  }
  memcpy(data + at, &v, width); /* little endian hosts */
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  eao_rng rng = {seed};
  if (size < 8 || eao_rng_below(&rng, 4) == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (uint64_t n = 1 + eao_rng_below(&rng, 3); n > 0; n--) set_integer(data, size, &rng);
  return size;
}
