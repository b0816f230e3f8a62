#include <math.h>
#include <string.h>

#include "kernel/fixed.h"
#include "kernel/ref/quant.h"
#include "kernel/ref/spatial.h"
#include "kernel/requant.h"

/* One window: the taps [lo, hi) that lie inside the input, along each axis. */
typedef struct pool_window {
  eao_spatial x, y;
  eao_window win;
  int64_t lo[EAO_SPATIAL_MAX], hi[EAO_SPATIAL_MAX];
  int64_t first[EAO_SPATIAL_MAX]; /* position of tap 0 */
  int64_t base;                   /* x: first element of the plane */
  int64_t plane;                  /* batch * channels + channel */
  int64_t out;                    /* element of y */
} pool_window;

static void geometry(const eao_kcall *c, pool_window *g) {
  const eao_pool_attr *a = c->attr;
  int64_t kernel[EAO_SPATIAL_MAX] = {1, 1, 1};
  eao_window_spec spec = eao_pool_window_spec(a);
  eao_spatial_init(&g->x, c->in[0], a->layout);
  /* Of max_pool's outputs maybe only the indices are wanted; both have one shape. */
  eao_spatial_init(&g->y, c->out[0] ? c->out[0] : c->out[1], a->layout);
  for (int32_t i = 0; i < a->kernel.n; i++)
    kernel[EAO_SPATIAL_MAX - a->kernel.n + i] = a->kernel.v[i];
  eao_window_init(&g->win, &spec, c->in[0]->rank - 2, g->x.dim, kernel);
}

/* Taps of one axis that fall into [from, to). The kernel's extent may be absurd: loops only run
 * over what is inside. */
static void valid_taps(const eao_window *w, int32_t d, int64_t first, int64_t from, int64_t to,
                       int64_t *out_lo, int64_t *out_hi) {
  int64_t dil = w->dilation[d];
  int64_t lo = first >= from ? 0 : (from - first + dil - 1) / dil;
  int64_t hi = to <= first ? 0 : (to - first - 1) / dil + 1;
  if (hi > w->kernel[d]) hi = w->kernel[d];
  *out_lo = lo;
  *out_hi = hi < lo ? lo : hi;
}

static void place(pool_window *g, int64_t n, int64_t ch, const int64_t *out) {
  g->base = n * g->x.sn + ch * g->x.sc;
  g->plane = n * g->y.c + ch;
  g->out = n * g->y.sn + ch * g->y.sc;
  for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) {
    g->first[d] = out[d] * g->win.stride[d] - g->win.pad[d];
    valid_taps(&g->win, d, g->first[d], 0, g->x.dim[d], &g->lo[d], &g->hi[d]);
    g->out += out[d] * g->y.s[d];
  }
}

/* Calls fn for each output element. */
static void for_each(eao_kcall *c, void (*fn)(eao_kcall *c, const pool_window *g)) {
  pool_window g;
  geometry(c, &g);
  int64_t out[EAO_SPATIAL_MAX];
  for (int64_t n = 0; n < g.y.n; n++)
    for (int64_t ch = 0; ch < g.y.c; ch++)
      for (out[0] = 0; out[0] < g.y.dim[0]; out[0]++)
        for (out[1] = 0; out[1] < g.y.dim[1]; out[1]++)
          for (out[2] = 0; out[2] < g.y.dim[2]; out[2]++) {
            place(&g, n, ch, out);
            fn(c, &g);
          }
}

/* Walks the taps inside the input: pos, and element i of x. */
typedef struct pool_tap {
  int64_t k[EAO_SPATIAL_MAX], i;
} pool_tap;

static int64_t tap_element(const pool_window *g, const pool_tap *t) {
  int64_t i = g->base;
  for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++)
    i += (g->first[d] + t->k[d] * g->win.dilation[d]) * g->x.s[d];
  return i;
}

static bool tap_start(const pool_window *g, pool_tap *t) {
  for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) {
    if (g->lo[d] >= g->hi[d]) return false;
    t->k[d] = g->lo[d];
  }
  t->i = tap_element(g, t);
  return true;
}

static bool tap_next(const pool_window *g, pool_tap *t) {
  for (int32_t d = EAO_SPATIAL_MAX - 1; d >= 0; d--) {
    if (++t->k[d] < g->hi[d]) {
      t->i = tap_element(g, t);
      return true;
    }
    t->k[d] = g->lo[d];
  }
  return false;
}

static int64_t divisor(const pool_window *g, bool include_pad) {
  int64_t n = 1;
  for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) {
    int64_t lo = g->lo[d], hi = g->hi[d];
    if (include_pad)
      valid_taps(&g->win, d, g->first[d], -g->win.pad[d], g->x.dim[d] + g->win.pad_end[d], &lo,
                 &hi);
    n *= hi - lo;
  }
  return n;
}

static void average(eao_kcall *c, const pool_window *g) {
  const eao_pool_attr *a = c->attr;
  double sum = 0;
  pool_tap t;
  for (bool more = tap_start(g, &t); more; more = tap_next(g, &t))
    sum += eao_get_real(c->in[0], t.i);
  int64_t n = divisor(g, a->count_include_pad);
  eao_set_f64(c->out[0], g->out, eao_act_apply(&a->act, n ? sum / (double)n : 0));
}

/* Same quantisation on both sides: the mean of the integers, halves away from zero. Otherwise as
 * sums are: requantised by s_x / s_y / n. */
static void average_q(eao_kcall *c, const pool_window *g) {
  const eao_pool_attr *a = c->attr;
  eao_qparam x, y;
  int64_t sum = 0, n = divisor(g, a->count_include_pad);
  pool_tap t;
  if (!eao_q_param(c->in[0], &x) || !eao_q_param_act(c->out[0], &a->act, &y)) return;
  for (bool more = tap_start(g, &t); more; more = tap_next(g, &t))
    sum += eao_get_i64(c->in[0], t.i) - x.zero;
  if (n == 0 || x.scale != y.scale) {
    float m = n ? x.scale / y.scale / (float)n : 0;
    eao_set_i64(c->out[0], g->out, eao_requant(eao_sat32(sum), m, y.zero, y.lo, y.hi));
    return;
  }
  sum += n * x.zero;
  int64_t q = (sum > 0 ? sum + n / 2 : sum - n / 2) / n + y.zero - x.zero;
  eao_set_i64(c->out[0], g->out, q < y.lo ? y.lo : q > y.hi ? y.hi : q);
}

static void p_norm(eao_kcall *c, const pool_window *g) {
  const eao_pool_attr *a = c->attr;
  double sum = 0, p = (double)a->p;
  pool_tap t;
  for (bool more = tap_start(g, &t); more; more = tap_next(g, &t))
    sum += pow(fabs(eao_get_real(c->in[0], t.i)), p);
  eao_set_f64(c->out[0], g->out, eao_act_apply(&a->act, pow(sum, 1 / p)));
}

/* Flat index into a channels-first x. */
static int64_t flat_index(const pool_window *g, int32_t storage_order, const pool_tap *t) {
  int64_t i = 0;
  for (int32_t j = 0; j < EAO_SPATIAL_MAX; j++) {
    int32_t d = storage_order ? EAO_SPATIAL_MAX - 1 - j : j;
    i = i * g->x.dim[d] + g->first[d] + t->k[d] * g->win.dilation[d];
  }
  return g->plane * g->x.dim[0] * g->x.dim[1] * g->x.dim[2] + i;
}

static int64_t clip_max(const eao_tensor *y, const eao_act *act, int64_t v) {
  eao_qparam p;
  if (!eao_q_is(y) || !eao_q_param_act(y, act, &p)) return v;
  return v < p.lo ? p.lo : v > p.hi ? p.hi : v;
}

static void store_max(eao_kcall *c, const pool_window *g, double v, int64_t vi,
                      const pool_tap *at) {
  const eao_pool_attr *a = c->attr;
  if (c->out[0] && eao_dtype_is_float(c->out[0]->dtype))
    eao_set_f64(c->out[0], g->out, eao_act_apply(&a->act, v));
  else if (c->out[0])
    eao_set_i64(c->out[0], g->out, clip_max(c->out[0], &a->act, vi));
  if (c->n_out > 1 && c->out[1])
    eao_set_i64(c->out[1], g->out, at ? flat_index(g, a->storage_order, at) : 0);
}

static void max_float(eao_kcall *c, const pool_window *g) {
  double best = -INFINITY;
  pool_tap t, at;
  bool found = tap_start(g, &t);
  at = t;
  for (bool more = found; more; more = tap_next(g, &t)) {
    double v = eao_get_f64(c->in[0], t.i);
    if (!(v > best)) continue;
    best = v;
    at = t;
  }
  store_max(c, g, best, 0, found ? &at : NULL);
}

static void max_int(eao_kcall *c, const pool_window *g) {
  int64_t best = eao_dtype_min(c->in[0]->dtype);
  pool_tap t, at;
  bool found = tap_start(g, &t);
  at = t;
  for (bool more = found; more; more = tap_next(g, &t)) {
    int64_t v = eao_get_i64(c->in[0], t.i);
    if (v <= best) continue;
    best = v;
    at = t;
  }
  store_max(c, g, 0, best, found ? &at : NULL);
}

eao_status eao_ref_avg_pool(eao_kcall *c) {
  const eao_pool_attr *a = c->attr;
  eao_qparam p;
  if (eao_q_call(c) && !(eao_q_param(c->in[0], &p) && eao_q_param_act(c->out[0], &a->act, &p)))
    return eao_kfail_quant(c);
  for_each(c, eao_q_call(c) ? average_q : average);
  return EAO_OK;
}

eao_status eao_ref_lp_pool(eao_kcall *c) {
  for_each(c, p_norm);
  return EAO_OK;
}

eao_status eao_ref_max_pool(eao_kcall *c) {
  const eao_pool_attr *a = c->attr;
  eao_qparam p;
  if (c->out[0] && eao_q_call(c) &&
      !(eao_q_same(c->in[0], c->out[0]) && eao_q_param_act(c->out[0], &a->act, &p)))
    return eao_kfail_quant(c);
  for_each(c, eao_dtype_is_float(c->in[0]->dtype) ? max_float : max_int);
  return EAO_OK;
}

eao_status eao_ref_max_unpool(eao_kcall *c) {
  const eao_max_unpool_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *index = c->in[1];
  eao_tensor *y = c->out[0];
  int64_t stride[EAO_MAX_RANK], n = eao_tensor_count(x), space = 1;
  int32_t sp = x->rank - 2;
  int64_t pooled[EAO_SPATIAL_MAX];
  eao_tensor_strides(y, stride);
  /* Indices count in the tensor that was pooled; y may be larger than it along the end. */
  for (int32_t i = 0; i < sp; i++) {
    int64_t step = a->strides.n ? a->strides.v[i] : 1;
    pooled[i] = (x->dim[i + 2] - 1) * step + a->kernel.v[i];
    if (a->pads.n) pooled[i] -= a->pads.v[i] + a->pads.v[i + sp];
    space *= pooled[i];
  }
  memset(y->data, 0, (size_t)eao_dtype_bytes(y->dtype, eao_tensor_count(y)));
  for (int64_t i = 0; i < n; i++) {
    int64_t at = eao_get_i64(index, i);
    if (at < 0 || space <= 0 || at / space >= x->dim[0] * x->dim[1])
      return eao_kfail(c, EAO_ERR_ARG, "max_unpool: an index lies outside the output");
    int64_t to = at / space * stride[1], rest = at % space;
    for (int32_t d = sp - 1; d >= 0; d--) {
      to += rest % pooled[d] * stride[d + 2];
      rest /= pooled[d];
    }
    eao_set_f64(y, to, eao_get_f64(x, i));
  }
  return EAO_OK;
}
