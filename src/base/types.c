#include <string.h>

#include "eao/types.h"

const char *eao_status_name(eao_status s) {
  static const char *const names[] = {"ok",
                                      "invalid argument",
                                      "out of memory",
                                      "bad format",
                                      "unsupported",
                                      "shape mismatch",
                                      "type mismatch",
                                      "budget not met",
                                      "input/output error",
                                      "not authentic",
                                      "internal error"};
  return (unsigned)s < sizeof names / sizeof *names ? names[s] : "unknown status";
}

static const struct {
  const char *name;
  int bits;
} dtypes[EAO_DTYPE_COUNT] = {
    {"none", 0},
#define EAO_DTYPE(id, num, name, bits, kind) [num] = {name, bits},
#include "eao/dtypes.def"
#undef EAO_DTYPE
};

const char *eao_dtype_name(eao_dtype t) {
  return (unsigned)t < EAO_DTYPE_COUNT ? dtypes[t].name : "invalid";
}

int eao_dtype_bits(eao_dtype t) {
  return (unsigned)t < EAO_DTYPE_COUNT ? dtypes[t].bits : 0;
}

eao_dtype eao_dtype_from_name(const char *name) {
  for (int i = 1; i < EAO_DTYPE_COUNT; i++)
    if (strcmp(name, dtypes[i].name) == 0) return (eao_dtype)i;
  return EAO_DTYPE_NONE;
}
