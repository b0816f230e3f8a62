#include "cli/graph_layout.h"

#include <stdlib.h>
#include <string.h>

enum { BENDS_MAX = 200000, ORDER_SWEEPS = 8, PLACE_SWEEPS = 14 };
static const double gap_x = 26, gap_y = 38, bend_width = 8;

/* A node, or a bend of an edge where it crosses a layer. */
typedef struct cell {
  uint32_t layer, pos; /* pos: place within the layer */
  uint32_t up0, n_up, down0, n_down;
  double w, x, key;
} cell;

typedef struct work {
  eao_layout_graph *g;
  cell *cell;
  uint32_t n_cell, n_layer, n_bend;
  uint32_t *order; /* cells by layer, then place */
  uint32_t *start; /* of each layer in order; n_layer + 1 */
  uint32_t *up, *down;
  double *block; /* scratch of place_layer: 3 per cell */
  uint32_t *count;
} work;

/* ---- layers ---- */

static bool assign_layers(work *k) {
  eao_layout_graph *g = k->g;
  uint32_t *layer = calloc(g->n_node + 1, sizeof *layer);
  uint32_t *least = malloc((g->n_node + 1) * sizeof *least);
  bool *has_in = calloc(g->n_node + 1, sizeof *has_in);
  bool ok = layer && least && has_in;
  if (ok) {
    memset(least, 0xFF, g->n_node * sizeof *least);
    for (uint32_t e = 0; e < g->n_edge; e++) has_in[g->edge[e].to] = true;
    /* Edges are sorted by target, and targets come after sources: one pass is enough. */
    for (uint32_t e = 0; e < g->n_edge; e++) {
      const eao_layout_edge *d = &g->edge[e];
      if (layer[d->to] < layer[d->from] + 1) layer[d->to] = layer[d->from] + 1;
    }
    /* What has no predecessor stands right above its first reader. */
    for (uint32_t e = 0; e < g->n_edge; e++) {
      const eao_layout_edge *d = &g->edge[e];
      if (layer[d->to] < least[d->from]) least[d->from] = layer[d->to];
    }
    for (uint32_t i = 0; i < g->n_node; i++)
      if (!has_in[i] && least[i] != UINT32_MAX) layer[i] = least[i] - 1;
    uint64_t bends = 0;
    for (uint32_t e = 0; e < g->n_edge; e++) {
      eao_layout_edge *d = &g->edge[e];
      uint32_t span = layer[d->to] - layer[d->from];
      d->n = bends + span - 1 <= BENDS_MAX ? span - 1 : 0; /* beyond: a straight line */
      d->first = (uint32_t)bends;
      bends += d->n;
    }
    k->n_bend = (uint32_t)bends;
    k->n_cell = g->n_node + k->n_bend;
    k->cell = calloc(k->n_cell + 1, sizeof *k->cell);
    ok = k->cell != NULL;
  }
  for (uint32_t i = 0; ok && i < g->n_node; i++) {
    k->cell[i].layer = layer[i];
    k->cell[i].w = g->node[i].w;
    if (layer[i] + 1 > k->n_layer) k->n_layer = layer[i] + 1;
  }
  for (uint32_t e = 0; ok && e < g->n_edge; e++) {
    const eao_layout_edge *d = &g->edge[e];
    for (uint32_t b = 0; b < d->n; b++) {
      cell *c = &k->cell[g->n_node + d->first + b];
      c->layer = layer[d->from] + 1 + b;
      c->w = bend_width;
    }
  }
  free(layer);
  free(least);
  free(has_in);
  return ok;
}

/* Calls add(k, upper cell, lower cell) for every link between neighbouring layers. */
static void each_link(work *k, void (*add)(work *, uint32_t, uint32_t)) {
  eao_layout_graph *g = k->g;
  for (uint32_t e = 0; e < g->n_edge; e++) {
    const eao_layout_edge *d = &g->edge[e];
    uint32_t at = d->from;
    for (uint32_t b = 0; b < d->n; b++) {
      add(k, at, g->n_node + d->first + b);
      at = g->n_node + d->first + b;
    }
    if (k->cell[at].layer + 1 == k->cell[d->to].layer) add(k, at, d->to);
  }
}

static void count_link(work *k, uint32_t upper, uint32_t lower) {
  k->cell[upper].n_down++;
  k->cell[lower].n_up++;
}

static void store_link(work *k, uint32_t upper, uint32_t lower) {
  cell *u = &k->cell[upper], *l = &k->cell[lower];
  k->down[u->down0 + u->n_down++] = lower;
  k->up[l->up0 + l->n_up++] = upper;
}

static bool link_cells(work *k) {
  each_link(k, count_link);
  uint32_t ups = 0, downs = 0;
  for (uint32_t i = 0; i < k->n_cell; i++) {
    cell *c = &k->cell[i];
    c->up0 = ups;
    c->down0 = downs;
    ups += c->n_up;
    downs += c->n_down;
    c->n_up = c->n_down = 0;
  }
  k->up = malloc((ups + 1) * sizeof *k->up);
  k->down = malloc((downs + 1) * sizeof *k->down);
  k->order = malloc((k->n_cell + 1) * sizeof *k->order);
  k->start = calloc(k->n_layer + 2, sizeof *k->start);
  k->block = malloc((k->n_cell + 1) * 3 * sizeof *k->block);
  k->count = malloc((k->n_cell + 1) * sizeof *k->count);
  if (!k->up || !k->down || !k->order || !k->start || !k->block || !k->count) return false;
  each_link(k, store_link);
  for (uint32_t i = 0; i < k->n_cell; i++) k->start[k->cell[i].layer + 1]++;
  for (uint32_t l = 0; l < k->n_layer; l++) k->start[l + 1] += k->start[l];
  for (uint32_t i = 0; i < k->n_cell; i++) k->cell[i].pos = UINT32_MAX;
  return true;
}

/* ---- order within layers ---- */

/* Depth first from the top, so that what belongs together starts together. */
static void first_order(work *k) {
  uint32_t *fill = k->count;
  memset(fill, 0, k->n_layer * sizeof *fill);
  uint32_t *stack = k->order, n = 0; /* order is filled in only after this */
  for (uint32_t i = 0; i < k->n_cell; i++) {
    if (k->cell[i].n_up || k->cell[i].pos != UINT32_MAX) continue;
    stack[n++] = i;
    k->cell[i].pos = fill[k->cell[i].layer]++;
    while (n) {
      cell *c = &k->cell[stack[--n]];
      for (uint32_t j = 0; j < c->n_down; j++) {
        cell *d = &k->cell[k->down[c->down0 + j]];
        if (d->pos != UINT32_MAX) continue;
        d->pos = fill[d->layer]++;
        stack[n++] = k->down[c->down0 + j];
      }
    }
  }
  for (uint32_t i = 0; i < k->n_cell; i++)
    k->order[k->start[k->cell[i].layer] + k->cell[i].pos] = i;
}

static const cell *sort_cells;

static int by_key(const void *a, const void *b) {
  const cell *x = &sort_cells[*(const uint32_t *)a], *y = &sort_cells[*(const uint32_t *)b];
  if (x->key != y->key) return x->key < y->key ? -1 : 1;
  return x->pos < y->pos ? -1 : x->pos > y->pos;
}

static void order_layer(work *k, uint32_t l, bool from_above) {
  uint32_t *o = k->order + k->start[l], n = k->start[l + 1] - k->start[l];
  for (uint32_t i = 0; i < n; i++) {
    cell *c = &k->cell[o[i]];
    uint32_t m = from_above ? c->n_up : c->n_down;
    const uint32_t *near = from_above ? k->up + c->up0 : k->down + c->down0;
    double sum = 0;
    for (uint32_t j = 0; j < m; j++) sum += k->cell[near[j]].pos;
    c->key = m ? sum / m : c->pos;
  }
  sort_cells = k->cell;
  qsort(o, n, sizeof *o, by_key);
  for (uint32_t i = 0; i < n; i++) k->cell[o[i]].pos = i;
}

/* ---- positions ---- */

/* Places a layer where its neighbours want it: minimises the weighted squared distance under the
 * distances that must be kept, by pooling adjacent violators (Ayer et al. 1955). */
static void place_layer(work *k, uint32_t l, bool from_above) {
  const uint32_t *o = k->order + k->start[l];
  uint32_t n = k->start[l + 1] - k->start[l], blocks = 0;
  double *mean = k->block, *weight = mean + k->n_cell, *offset = weight + k->n_cell;
  for (uint32_t i = 0; i < n; i++) {
    const cell *c = &k->cell[o[i]];
    uint32_t m = from_above ? c->n_up : c->n_down;
    const uint32_t *near = from_above ? k->up + c->up0 : k->down + c->down0;
    bool bend = o[i] >= k->g->n_node;
    double sum = 0, total = 0;
    for (uint32_t j = 0; j < m; j++) { /* long edges want to be straight most of all */
      double w = bend && near[j] >= k->g->n_node ? 8 : bend || near[j] >= k->g->n_node ? 2 : 1;
      sum += w * k->cell[near[j]].x;
      total += w;
    }
    offset[i] = i ? offset[i - 1] + (k->cell[o[i - 1]].w + c->w) / 2 + gap_x : 0;
    mean[blocks] = (m ? sum / total : c->x) - offset[i];
    weight[blocks] = m ? total : 0.1;
    k->count[blocks++] = 1;
    while (blocks > 1 && mean[blocks - 2] >= mean[blocks - 1]) {
      double a = weight[blocks - 2], b = weight[blocks - 1];
      mean[blocks - 2] = (a * mean[blocks - 2] + b * mean[blocks - 1]) / (a + b);
      weight[blocks - 2] = a + b;
      k->count[blocks - 2] += k->count[blocks - 1];
      blocks--;
    }
  }
  uint32_t i = 0;
  for (uint32_t b = 0; b < blocks; b++)
    for (uint32_t j = 0; j < k->count[b]; j++, i++) k->cell[o[i]].x = mean[b] + offset[i];
}

static void place(work *k) {
  for (uint32_t l = 0; l < k->n_layer; l++) {
    double x = 0;
    for (uint32_t i = k->start[l]; i < k->start[l + 1]; i++) {
      cell *c = &k->cell[k->order[i]];
      c->x = x + c->w / 2;
      x += c->w + gap_x;
    }
    for (uint32_t i = k->start[l]; i < k->start[l + 1]; i++)
      k->cell[k->order[i]].x -= (x - gap_x) / 2;
  }
  for (int sweep = 0; sweep < PLACE_SWEEPS; sweep++) {
    if (sweep % 2 == 0)
      for (uint32_t l = 1; l < k->n_layer; l++) place_layer(k, l, true);
    else
      for (uint32_t l = k->n_layer - 1; l-- > 0;) place_layer(k, l, false);
  }
}

static bool store(work *k) {
  eao_layout_graph *g = k->g;
  double *y = calloc(k->n_layer + 1, sizeof *y), *h = calloc(k->n_layer + 1, sizeof *h);
  g->bend = malloc((k->n_bend + 1) * sizeof *g->bend);
  bool ok = y && h && g->bend;
  double left = 0, right = 0;
  for (uint32_t i = 0; ok && i < k->n_cell; i++) {
    const cell *c = &k->cell[i];
    if (c->x - c->w / 2 < left) left = c->x - c->w / 2;
    if (c->x + c->w / 2 > right) right = c->x + c->w / 2;
    if (i < g->n_node && g->node[i].h > h[c->layer]) h[c->layer] = g->node[i].h;
  }
  for (uint32_t l = 0; ok && l < k->n_layer; l++) {
    y[l] = g->height + h[l] / 2;
    g->height += h[l] + (l + 1 < k->n_layer ? gap_y : 0);
  }
  g->width = right - left;
  for (uint32_t i = 0; ok && i < k->n_cell; i++) {
    const cell *c = &k->cell[i];
    if (i < g->n_node) {
      g->node[i].x = c->x - left;
      g->node[i].y = y[c->layer];
    } else {
      g->bend[i - g->n_node] = (eao_layout_point){c->x - left, y[c->layer]};
    }
  }
  free(y);
  free(h);
  return ok;
}

bool eao_layout_run(eao_layout_graph *g) {
  work k = {.g = g};
  g->bend = NULL;
  g->width = g->height = 0;
  bool ok = assign_layers(&k) && link_cells(&k);
  if (ok) {
    first_order(&k);
    for (int sweep = 0; sweep < ORDER_SWEEPS; sweep++) {
      if (sweep % 2 == 0)
        for (uint32_t l = 1; l < k.n_layer; l++) order_layer(&k, l, true);
      else
        for (uint32_t l = k.n_layer ? k.n_layer - 1 : 0; l-- > 0;) order_layer(&k, l, false);
    }
    if (k.n_layer) place(&k);
    ok = store(&k);
  }
  free(k.cell);
  free(k.order);
  free(k.start);
  free(k.up);
  free(k.down);
  free(k.block);
  free(k.count);
  return ok;
}

void eao_layout_free(eao_layout_graph *g) {
  free(g->bend);
  g->bend = NULL;
}
