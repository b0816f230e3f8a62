/* Depthwise convolutions over rows as they lie in memory.
 *
 * An output element depends on the same channel of neighbouring pixels, so a row of pixels times
 * channels is one long line, and a tap of the kernel is the same line shifted by whole pixels:
 * vectors need not care where a pixel ends. Input rows are copied once each into a ring, with
 * padding at both ends; with a stride, columns of each phase (column mod stride) apart. When a
 * vector holds more than a pixel, or a few do not fill vectors, `group` pixels that do are handled
 * as one, with weights repeated for each. Many channels are worked on a chunk at a time, wide rows
 * a tile at a time, so that the ring stays in the first-level cache. */
#ifndef EAO_KERNEL_PLAIN_DEPTHWISE_PLAN_H
#define EAO_KERNEL_PLAIN_DEPTHWISE_PLAN_H

#include "kernel/plain/conv_geom.h"

typedef struct eao_depthwise_plan {
  int64_t lanes;   /* of a vector */
  int64_t group;   /* pixels */
  int64_t blocks;  /* vectors of a group */
  int64_t chunk;   /* channels of a chunk; all when group > 1 */
  int64_t stride;  /* elements of a pixel in the ring */
  int64_t tile;    /* output columns of a tile, a multiple of group */
  int64_t cols;    /* of one phase of a row in the ring */
  int64_t row;     /* elements of a row */
  int64_t vectors; /* of a tile's output row */
  int64_t ring;    /* rows */
} eao_depthwise_plan;

/* Vectors that one row of output takes with groups of n pixels. */
int64_t eao_depthwise_vectors(const eao_conv_geom *g, int64_t lanes, int64_t n);
/* Pixels that a group should have: decided when weights are packed. */
int64_t eao_depthwise_group(const eao_conv_geom *g, int64_t lanes);
/* rows: output rows made together. bytes: of an element; lane_bytes: of a vector's lane in the ring
 * when rows there are not plain copies, else 0. */
void eao_depthwise_plan_init(eao_depthwise_plan *p, const eao_conv_geom *g, int64_t group,
                             int64_t lanes, int64_t rows, int64_t bytes, int64_t lane_bytes);
int64_t eao_depthwise_chunks(const eao_depthwise_plan *p, const eao_conv_geom *g);
/* Channel of lane `lane` of vector `block` of a chunk's group; -1: none. */
int64_t eao_depthwise_channel(const eao_depthwise_plan *p, const eao_conv_geom *g, int64_t chunk,
                              int64_t block, int64_t lane);

#endif
