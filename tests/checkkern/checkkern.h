/* Cases for checkkern: calls of an op, random ones for correctness, typical layers for speed. */
#ifndef EAO_TESTS_CHECKKERN_H
#define EAO_TESTS_CHECKKERN_H

#include "base/base.h"
#include "op/op.h"

typedef struct ck_case {
  eao_tensor in[EAO_SAMPLE_MAX]; /* dtype NONE: omitted */
  uint32_t n_in;
  eao_tensor out; /* data not set */
  _Alignas(16) char attr[1024];
  float scale[4096]; /* storage for quantisation, n_scale of it taken */
  int32_t zero[4096], n_scale;
  double magnitude; /* floats: what an absolute error is divided by */
  bool relative;    /* or by the result itself, and 1e-5 where it is smaller */
  uint64_t macs;
  char text[128];
} ck_case;

/* Memory that ends at a page nobody may touch; freed after the case. */
void *ck_alloc(size_t n);
/* Gives t random data: floats in [-range, range], integers likewise; range 0: all bit patterns. */
void ck_fill(eao_tensor *t, eao_rng *rng, double range);

/* Case j of op; false when there is none. */
bool ck_random_case(uint32_t op, uint32_t j, eao_rng *rng, ck_case *out);
bool ck_bench_case(uint32_t op, uint32_t j, eao_rng *rng, ck_case *out);

#endif
