/* FlexBuffers, as far as options of TFLite's custom operators need them: a map from names to
 * numbers. Format: https://flatbuffers.dev/flexbuffers/ */
#ifndef EAO_FORMAT_FLEX_H
#define EAO_FORMAT_FLEX_H

#include "base/base.h"

/* The number or boolean under `key` of the map that p[0..n) holds. False: absent, another type, or
 * malformed. */
bool eao_flex_number(const uint8_t *p, size_t n, const char *key, double *out);

typedef struct eao_flex_entry {
  const char *key;
  double value;
  bool is_float; /* else an integer of 32 bits */
} eao_flex_entry;

/* A map with these entries, which must be sorted by key; appended to out. */
void eao_flex_write(const eao_flex_entry *e, uint32_t n, eao_text *out);

#endif
