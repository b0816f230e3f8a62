/* Copies of bytes with strides, fast on every processor: no meaning, only places. */
#ifndef EAO_KERNEL_COPY_H
#define EAO_KERNEL_COPY_H

#include <stddef.h>
#include <stdint.h>

/* count runs of `bytes` bytes; ys and xs: bytes from one run to the next. */
void eao_copy_runs(void *y, int64_t ys, const void *x, int64_t xs, size_t bytes, int64_t count);

/* y[j * ys + i] = x[i * xs + j] for i < ni, j < nj: elements of 1, 2 or 4 bytes, strides in
 * elements. */
void eao_copy_transposed(void *y, int64_t ys, const void *x, int64_t xs, int64_t ni, int64_t nj,
                         size_t size);

#endif
