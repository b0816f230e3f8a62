/* What pooling kernels of all types and ISAs share. Plain C, built everywhere. */
#ifndef EAO_KERNEL_PLAIN_POOL_GEOM_H
#define EAO_KERNEL_PLAIN_POOL_GEOM_H

#include "kernel/ref/conv.h"
#include "kernel/step.h"

/* A 2-d window over channels-last images; a 1-d one has height 1. */
typedef struct eao_pool_geom {
  int64_t n, h, w, c, oh, ow;
  int64_t kh, kw, sh, sw, dh, dw, pt, pl;
  int64_t divisor; /* of a mean; 0: the taps inside */
} eao_pool_geom;
void eao_pool_geom_init(eao_pool_geom *g, const eao_kcall *c);

/* Taps [lo, hi) of an axis that fall inside: `first` is the position of tap 0. */
static inline void eao_pool_taps(int64_t first, int64_t dilation, int64_t k, int64_t extent,
                                 int64_t *lo, int64_t *hi) {
  *lo = 0;
  *hi = k;
  while (*lo < *hi && first + *lo * dilation < 0) ++*lo;
  while (*hi > *lo && first + (*hi - 1) * dilation >= extent) --*hi;
}

/* Channels last, one or two spatial axes, no index output. Where padding counts in the divisor,
 * windows must lie in the padded input: then all their taps count. */
bool eao_pool_shape_ok(const eao_kcall *c);
bool eao_pool_f32_match(const eao_kcall *c);
bool eao_max_pool_i8_match(const eao_kcall *c);
bool eao_avg_pool_i8_match(const eao_kcall *c);

#endif
