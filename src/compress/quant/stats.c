#include <math.h>
#include <string.h>

#include "compress/quant/ptq.h"
#include "kernel/ref/spatial.h"

static int32_t channel_axis(const eao_graph *g, const eao_node *n) {
  int32_t rank = g->value[n->in[0]].t.rank;
  if (n->op == EAO_OP_conv)
    return eao_spatial_channel_axis(((const eao_conv_attr *)n->attr)->layout, rank);
  return n->op == EAO_OP_fully_connected ? rank - 1 : -1;
}

static eao_status want_mean(eao_ptq_stats *s, const eao_graph *g, const eao_node *n) {
  eao_vid v = n->in[0];
  int32_t axis = channel_axis(g, n);
  if (axis < 0 || s->mean[v] || g->value[v].t.dim[axis] < 1) return EAO_OK;
  s->axis[v] = axis;
  s->mean[v] = eao_alloc(s->ctx, (size_t)g->value[v].t.dim[axis] * sizeof **s->mean);
  s->peak[v] = eao_alloc(s->ctx, (size_t)g->value[v].t.dim[axis] * sizeof **s->peak);
  s->rounded[v] = eao_alloc(s->ctx, (size_t)g->value[v].t.dim[axis] * sizeof **s->rounded);
  return s->mean[v] && s->peak[v] && s->rounded[v] ? EAO_OK : EAO_NOMEM(s->ctx);
}

eao_status eao_ptq_stats_init(eao_ptq_stats *s, const eao_graph *g) {
  memset(s, 0, sizeof *s);
  s->ctx = g->ctx;
  s->n = g->n_value;
  s->hist = eao_alloc(g->ctx, s->n * sizeof *s->hist);
  s->mean = eao_alloc(g->ctx, s->n * sizeof *s->mean);
  s->peak = eao_alloc(g->ctx, s->n * sizeof *s->peak);
  s->rounded = eao_alloc(g->ctx, s->n * sizeof *s->rounded);
  s->n_rounded = eao_alloc(g->ctx, s->n * sizeof *s->n_rounded);
  s->n_mean = eao_alloc(g->ctx, s->n * sizeof *s->n_mean);
  s->axis = eao_alloc(g->ctx, s->n * sizeof *s->axis);
  eao_status st =
      s->hist && s->mean && s->peak && s->rounded && s->n_rounded && s->n_mean && s->axis
          ? EAO_OK
          : EAO_NOMEM(g->ctx);
  for (eao_vid v = 0; st == EAO_OK && v < s->n; v++) {
    const eao_tensor *t = &g->value[v].t;
    if (t->dtype != EAO_F32 || t->data) continue;
    if (!(s->hist[v] = eao_alloc(g->ctx, sizeof **s->hist))) st = EAO_NOMEM(g->ctx);
  }
  for (eao_nid n = 0; st == EAO_OK && n < g->n_node; n++)
    if (eao_ptq_is_weighted(g, &g->node[n])) st = want_mean(s, g, &g->node[n]);
  if (st != EAO_OK) eao_ptq_stats_deinit(s);
  return st;
}

void eao_ptq_stats_deinit(eao_ptq_stats *s) {
  for (eao_vid v = 0; v < s->n; v++) {
    if (s->hist) eao_free(s->ctx, s->hist[v]);
    if (s->mean) eao_free(s->ctx, s->mean[v]);
    if (s->peak) eao_free(s->ctx, s->peak[v]);
    if (s->rounded) eao_free(s->ctx, s->rounded[v]);
  }
  eao_free(s->ctx, s->hist);
  eao_free(s->ctx, s->mean);
  eao_free(s->ctx, s->peak);
  eao_free(s->ctx, s->rounded);
  eao_free(s->ctx, s->n_rounded);
  eao_free(s->ctx, s->n_mean);
  eao_free(s->ctx, s->axis);
  memset(s, 0, sizeof *s);
}

/* false: means of v are not wanted. */
static bool channels_of(const eao_ptq_stats *s, const eao_graph *g, eao_vid v, const eao_tensor *t,
                        int64_t *out_inner, int64_t *out_c) {
  if (!s->mean[v] || s->axis[v] >= t->rank) return false;
  *out_inner = 1;
  *out_c = t->dim[s->axis[v]];
  for (int32_t d = s->axis[v] + 1; d < t->rank; d++) *out_inner *= t->dim[d];
  return *out_c > 0 && *out_c == g->value[v].t.dim[s->axis[v]];
}

/* Large tensors are sampled: neighbours tell little more than one of them, and there are hundreds
 * of tensors of each kind. Another part of the tensor each time. */
static int64_t step_of(int64_t n, int64_t most) {
  return n > most ? n / most | 1 : 1;
}

/* Sums and peaks of channels whose numbers are neighbours (inner 1), or runs of `inner`. */
static void add_channels(const float *p, int64_t rows, int64_t inner, int64_t c, int64_t first,
                         int64_t step, double *sum, double *peak) {
  for (int64_t r = first; r < rows; r += step)
    for (int64_t k = 0; k < c; k++) {
      const float *run = p + (r * c + k) * inner;
      for (int64_t i = 0; i < inner; i++) {
        double v = (double)run[i], a = fabs(v);
        sum[k] += v;
        peak[k] = a > peak[k] ? a : peak[k];
      }
    }
}

eao_status eao_ptq_observe(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                           const eao_tensor *t) {
  enum { NUMBERS = 32768, ROWS = 1024 };
  eao_ptq_stats *s = user;
  if (g->root != g || v >= s->n || !s->hist[v] || t->dtype != EAO_F32) return EAO_OK;
  int64_t n = eao_tensor_count(t), step = step_of(n, NUMBERS);
  eao_hist_sample(s->hist[v], t->data, n, sample % step, step);
  int64_t inner, c;
  if (!channels_of(s, g, v, t, &inner, &c)) return EAO_OK;
  int64_t rows = n / c / inner, row_step = step_of(rows, ROWS), first = sample % row_step;
  add_channels(t->data, rows, inner, c, first, row_step, s->mean[v], s->peak[v]);
  if (rows > first) s->n_mean[v] += (uint64_t)((rows - first + row_step - 1) / row_step * inner);
  return EAO_OK;
}

static void add_all(double *to, const double *from, int64_t n) {
  for (int64_t i = 0; i < n; i++) to[i] += from[i];
}

void eao_ptq_stats_merge(eao_ptq_stats *s, const eao_ptq_stats *b, const eao_graph *g) {
  for (eao_vid v = 0; v < s->n; v++) {
    if (s->hist[v]) eao_hist_merge(s->hist[v], b->hist[v]);
    if (!s->mean[v]) continue;
    int64_t c = g->value[v].t.dim[s->axis[v]];
    add_all(s->mean[v], b->mean[v], c);
    add_all(s->rounded[v], b->rounded[v], c);
    for (int64_t k = 0; k < c; k++) s->peak[v][k] = fmax(s->peak[v][k], b->peak[v][k]);
    s->n_mean[v] += b->n_mean[v];
    s->n_rounded[v] += b->n_rounded[v];
  }
}

void eao_ptq_rounder_reset(eao_ptq_stats *s, const eao_graph *g) {
  for (eao_vid v = 0; v < s->n; v++) {
    s->n_rounded[v] = 0;
    if (!s->rounded[v]) continue;
    for (int64_t k = 0; k < g->value[v].t.dim[s->axis[v]]; k++) s->rounded[v][k] = 0;
  }
}

eao_status eao_ptq_observe_rounded(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                                   const eao_tensor *t) {
  enum { ROWS = 1024 };
  eao_ptq_rounder *r = user;
  eao_ptq_stats *s = r->stats;
  int64_t inner, c, n = eao_tensor_count(t);
  if (g->root != g || v >= s->n || t->dtype != EAO_F32 || !channels_of(s, g, v, t, &inner, &c))
    return EAO_OK;
  eao_vid root = eao_ptq_shared(r->plan, v);
  double scale = (double)r->plan->scale[root], zero = (double)r->plan->zero[root];
  int64_t rows = n / c / inner, step = step_of(rows, ROWS);
  for (int64_t row = sample % step; row < rows; row += step) {
    const float *p = (const float *)t->data + row * c * inner;
    for (int64_t i = 0; i < c * inner; i++) {
      double q = rint((double)p[i] / scale) + zero;
      q = q < -128 ? -128 : q > 127 ? 127 : q;
      s->rounded[v][i / inner] += (q - zero) * scale - (double)p[i];
    }
    s->n_rounded[v] += (uint64_t)inner;
  }
  return EAO_OK;
}
