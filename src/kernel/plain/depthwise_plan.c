#include "kernel/plain/depthwise_plan.h"

enum {
  RING_BYTES = 24 * 1024, /* about half a first-level cache */
  CHUNK_BYTES = 64,       /* of a pixel: a cache line */
  MAX_GROUP = 64,
  MAX_REPEAT = 1024, /* lanes that repeated weights may take */
};

int64_t eao_depthwise_vectors(const eao_conv_geom *g, int64_t lanes, int64_t n) {
  int64_t rest = g->ow % n;
  return g->ow / n * ((n * g->c + lanes - 1) / lanes) + (rest * g->c + lanes - 1) / lanes;
}

int64_t eao_depthwise_group(const eao_conv_geom *g, int64_t lanes) {
  int64_t best = 1, least = eao_depthwise_vectors(g, lanes, 1);
  for (int64_t n = 2; n <= g->ow && n <= MAX_GROUP && n * g->c <= MAX_REPEAT; n++) {
    int64_t v = eao_depthwise_vectors(g, lanes, n);
    if (v < least) {
      least = v;
      best = n;
    }
  }
  return best;
}

void eao_depthwise_plan_init(eao_depthwise_plan *p, const eao_conv_geom *g, int64_t group,
                             int64_t lanes, int64_t rows, int64_t bytes, int64_t lane_bytes) {
  int64_t line = CHUNK_BYTES / bytes;
  p->lanes = lanes;
  p->group = group < 1 ? 1 : group > MAX_GROUP ? MAX_GROUP : group; /* packages may lie */
  p->chunk = p->group > 1 || g->c < line ? g->c : line;
  p->stride = p->group > 1 ? g->c : eao_round_up(p->chunk, lanes);
  p->blocks = (p->group * p->stride + lanes - 1) / lanes;
  p->ring = (rows - 1) * g->sh + (g->kh - 1) * g->dh + 1;
  int64_t groups = (g->ow + p->group - 1) / p->group;
  int64_t cost = p->ring * (lane_bytes ? p->blocks * lanes * lane_bytes
                                       : p->group * p->stride * g->sw * bytes);
  int64_t fit = RING_BYTES / cost > 0 ? RING_BYTES / cost : 1, tiles = (groups + fit - 1) / fit;
  groups = tiles ? (groups + tiles - 1) / tiles : 0;
  p->tile = groups * p->group;
  p->cols = p->tile + (g->kw - 1) * g->dw / g->sw + 1;
  p->row = eao_round_up(g->sw * p->cols * p->stride + lanes, 64);
  p->vectors = groups * p->blocks;
}

int64_t eao_depthwise_chunks(const eao_depthwise_plan *p, const eao_conv_geom *g) {
  return (g->c + p->chunk - 1) / p->chunk;
}

int64_t eao_depthwise_channel(const eao_depthwise_plan *p, const eao_conv_geom *g, int64_t chunk,
                              int64_t block, int64_t lane) {
  int64_t at = block * p->lanes + lane, channel = chunk * p->chunk + at;
  if (p->group > 1) return at < p->group * g->c ? at % g->c : -1;
  return at < p->chunk && channel < g->c ? channel : -1;
}
