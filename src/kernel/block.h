/* Reading and writing runs of elements of any type: one switch a run instead of one an element.
 * Reference kernels work on blocks of EAO_BLOCK doubles (or int64_t) on the stack. */
#ifndef EAO_KERNEL_BLOCK_H
#define EAO_KERNEL_BLOCK_H

#include "kernel/kernel.h"

enum { EAO_BLOCK = 256 };

/* out[k] = element first + k * stride of t, as eao_get_f64 / eao_get_i64 read it. */
void eao_load_f64(const eao_tensor *t, int64_t first, int64_t stride, int64_t n, double *out);
void eao_load_i64(const eao_tensor *t, int64_t first, int64_t stride, int64_t n, int64_t *out);
/* Element first + k * stride of t = v[k], as eao_set_f64 / eao_set_i64 write it. */
void eao_store_f64(eao_tensor *t, int64_t first, int64_t stride, int64_t n, const double *v);
void eao_store_i64(eao_tensor *t, int64_t first, int64_t stride, int64_t n, const int64_t *v);

/* The elements of t that stand at elements [first, first + n) of `shape`, to which t broadcasts. */
void eao_load_bcast_f64(const eao_tensor *t, const eao_tensor *shape, int64_t first, int64_t n,
                        double *out);
void eao_load_bcast_i64(const eao_tensor *t, const eao_tensor *shape, int64_t first, int64_t n,
                        int64_t *out);

/* n elements in blocks: for (EAO_EACH_BLOCK(i, n, total)) handles [i, i + n). */
#define EAO_EACH_BLOCK(i, n, total)                                                                \
  int64_t i = 0, n = (total) < EAO_BLOCK ? (total) : EAO_BLOCK;                                    \
  i < (total);                                                                                     \
  i += n, n = (total)-i < EAO_BLOCK ? (total)-i : EAO_BLOCK

#endif
