/* The way to an artifact, as a file: the same model, data and recipe give the same bytes. */
#ifndef EAO_SEARCH_RECIPE_H
#define EAO_SEARCH_RECIPE_H

#include "search/search.h"

typedef struct eao_recipe {
  char model[512], target[512], data[512], spec[512]; /* as given; "" none */
  char model_hash[65], data_hash[65];
  eao_scheme scheme;
  eao_memory_plan memory;
  int64_t threads, calibration_samples, fit_bytes, seed;
  bool golden;
  int64_t dim[EAO_MAX_RANK]; /* of the input */
  int32_t rank;
} eao_recipe;

eao_status eao_recipe_load(eao_ctx *ctx, const char *path, eao_recipe *out) EAO_MUST_CHECK;
void eao_recipe_print(const eao_recipe *r, eao_text *out);

#endif
