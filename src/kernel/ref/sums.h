/* Inner loops of the float32 reference kernels: float32 in, sums in double. */
#ifndef EAO_KERNEL_REF_SUMS_H
#define EAO_KERNEL_REF_SUMS_H

#include <stdint.h>

/* acc[i] += w * x[i * stride] */
static inline void eao_axpy_f32(double *restrict acc, int64_t n, float w, const float *restrict x,
                                int64_t stride) {
  double wd = (double)w;
  if (stride == 1)
    for (int64_t i = 0; i < n; i++) acc[i] += wd * (double)x[i];
  else
    for (int64_t i = 0; i < n; i++) acc[i] += wd * (double)x[i * stride];
}

/* Sum of a[i * sa] * b[i * sb]. Contiguous runs go through eight lanes, which compilers turn into
 * vectors. */
static inline double eao_dot_f32(const float *a, int64_t sa, const float *b, int64_t sb,
                                 int64_t n) {
  double sum = 0;
  int64_t i = 0;
  if (sa == 1 && sb == 1) {
    double lane[8] = {0};
    for (; i + 8 <= n; i += 8)
      for (int j = 0; j < 8; j++) lane[j] += (double)a[i + j] * (double)b[i + j];
    sum = ((lane[0] + lane[4]) + (lane[1] + lane[5])) + ((lane[2] + lane[6]) + (lane[3] + lane[7]));
  }
  for (; i < n; i++) sum += (double)a[i * sa] * (double)b[i * sb];
  return sum;
}

#endif
