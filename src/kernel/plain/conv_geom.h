/* What the convolution kernels of all types and ISAs share. Plain C, built everywhere. */
#ifndef EAO_KERNEL_PLAIN_CONV_GEOM_H
#define EAO_KERNEL_PLAIN_CONV_GEOM_H

#include "kernel/ref/conv.h"
#include "kernel/ref/matmul.h"
#include "kernel/step.h"

enum {
  EAO_CONV_MAX_KH = 32,      /* taller kernels are left to the reference */
  EAO_CONV_MAX_PIXELS = 960, /* that a kernel works on at a time; a multiple of every tile's */
};

/* A 2-d convolution in channels-last layout; a 1-d one has height 1. */
typedef struct eao_conv_geom {
  int64_t n, h, w, c, oh, ow, o;
  int64_t kh, kw, sh, sw, dh, dw, pt, pl; /* pt, pl: padding above and to the left */
} eao_conv_geom;

/* From the run-time call. */
void eao_conv_geom_init(eao_conv_geom *g, const eao_kcall *c);
/* A fully connected layer as a 1x1 convolution; returns the number of its rows. */
int64_t eao_fc_geom_init(eao_conv_geom *g, const eao_kcall *c);

/* Shape, layout and constants are what the matrix-product kernels (group 1), or the depthwise ones
 * (group == channels, multiplier 1), take. Types and activation are the caller's to check. */
bool eao_conv_is_dense(const eao_kcall *c);
bool eao_conv_is_depthwise(const eao_kcall *c);

/* All windows lie inside the image: rows can be read in place. */
bool eao_conv_direct(const eao_conv_geom *g);
/* 1x1, stride 1, no padding: the image is one long row of pixels. */
bool eao_conv_is_pointwise(const eao_conv_geom *g);
/* Elements of the ring of padded rows of one thread; 0 when rows are read in place. size: of an
 * element, here and below. */
int64_t eao_conv_ring(const eao_conv_geom *g, size_t size);

/* What a tile's inner loop walks over: `rows` pointers, from each `runs` runs of contiguous inputs.
 * With patch > 0 a window is one run in a patch of so many elements. */
typedef struct eao_conv_runs {
  int64_t rows, runs, run, run_step;
  int64_t step; /* elements from one pixel to the next */
  int64_t patch;
} eao_conv_runs;
void eao_conv_runs_init(eao_conv_runs *r, const eao_conv_geom *g, size_t size);
/* Patches that are made before tiles run over them. */
int64_t eao_conv_patches(const eao_conv_runs *r, size_t size);
/* Elements of scratch that one thread needs: ring and patches. */
int64_t eao_conv_scratch(const eao_conv_geom *g, size_t size);

/* Weight layouts differ only in where an element stands: strides of output, spatial position and
 * input channel. */
typedef struct eao_conv_weights {
  int64_t so, sk, si;
} eao_conv_weights;
void eao_conv_weights_init(eao_conv_weights *v, const eao_tensor *w, int32_t layout);

static inline int64_t eao_round_up(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

#endif
