/* What the fuzz targets share. A target is one LLVMFuzzerTestOneInput in a file of its own; it is
 * linked with libFuzzer (EAO_FUZZ), or with replay.c, which runs files, folders and standard input:
 * for regression tests and AFL++. */
#ifndef EAO_TESTS_FUZZ_H
#define EAO_TESTS_FUZZ_H

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Structure-aware mutation; a target has one by linking mutate_*.c. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
/* Changes bytes at random; libFuzzer's, or replay.c's. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
/* One of the values that integers of bits width go wrong at; n: something of interest, such as the
 * number of bytes that follow. */
uint64_t fuzz_interesting(eao_rng *rng, unsigned bits, uint64_t n);

/* A context with limits that keep an input below 256 MiB and a second. */
eao_ctx *fuzz_begin(void);
/* Traps when something was not freed. */
void fuzz_end(eao_ctx *ctx);
/* Traps on an outcome that no input may cause: an internal error, or a failure without a message.
 * Returns whether it is EAO_OK. */
bool fuzz_ok(eao_ctx *ctx, eao_status s);

/* The bytes as a mapped file. What follows them on their last page is poisoned for the address
 * sanitizer until fuzz_end. */
bool fuzz_map(eao_ctx *ctx, const void *data, size_t size, eao_file *out);
/* The bytes as a file on disk with this ending, e.g. ".npy"; the path is good until the next call.
 */
const char *fuzz_file(const char *ending, const void *data, size_t size);

#endif
