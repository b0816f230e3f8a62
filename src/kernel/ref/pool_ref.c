#include <math.h>
#include <string.h>

#include "kernel/ref/spatial.h"

typedef struct pool_geometry {
  eao_spatial x, y;
  eao_window win;
  int64_t at; /* x: first element of the current plane */
} pool_geometry;

/* Walks the taps of one window. */
typedef struct taps {
  int64_t index;  /* element of x; valid when inside */
  int64_t pos[3]; /* position in x */
  bool inside;    /* in x */
  bool padded;    /* in x or its padding */
} taps;

static void geometry(const eao_kcall *c, pool_geometry *g) {
  const eao_pool_attr *a = c->attr;
  int64_t kernel[3] = {1, 1, 1};
  eao_window_spec spec = eao_pool_window_spec(a);
  eao_spatial_init(&g->x, c->in[0], a->layout);
  eao_spatial_init(&g->y, c->out[0], a->layout);
  for (int32_t i = 0; i < a->kernel.n; i++)
    kernel[EAO_SPATIAL_MAX - a->kernel.n + i] = a->kernel.v[i];
  eao_window_init(&g->win, &spec, c->in[0]->rank - 2, g->x.dim, kernel);
}

static taps tap(const pool_geometry *g, const int64_t *out, int64_t t) {
  const eao_window *w = &g->win;
  int64_t k[3] = {t / (w->kernel[1] * w->kernel[2]), t / w->kernel[2] % w->kernel[1],
                  t % w->kernel[2]};
  taps r = {.index = g->at, .inside = true, .padded = true};
  for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) {
    int64_t p = out[d] * w->stride[d] - w->pad[d] + k[d] * w->dilation[d];
    r.pos[d] = p;
    r.index += p * g->x.s[d];
    r.inside = r.inside && p >= 0 && p < g->x.dim[d];
    r.padded = r.padded && p < g->x.dim[d] + w->pad_end[d];
  }
  return r;
}

/* Calls fn for each output element. */
static void for_each(eao_kcall *c, void (*fn)(eao_kcall *c, const pool_geometry *g,
                                              const int64_t *out, int64_t y_index, int64_t plane)) {
  pool_geometry g;
  geometry(c, &g);
  int64_t area = g.y.dim[0] * g.y.dim[1] * g.y.dim[2];
  for (int64_t n = 0; n < g.y.n; n++)
    for (int64_t ch = 0; ch < g.y.c; ch++)
      for (int64_t p = 0; p < area; p++) {
        int64_t out[3] = {p / (g.y.dim[1] * g.y.dim[2]), p / g.y.dim[2] % g.y.dim[1],
                          p % g.y.dim[2]};
        int64_t yi = n * g.y.sn + ch * g.y.sc;
        for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) yi += out[d] * g.y.s[d];
        g.at = n * g.x.sn + ch * g.x.sc;
        fn(c, &g, out, yi, n * g.y.c + ch);
      }
}

static int64_t tap_count(const pool_geometry *g) {
  return g->win.kernel[0] * g->win.kernel[1] * g->win.kernel[2];
}

static void average(eao_kcall *c, const pool_geometry *g, const int64_t *out, int64_t yi,
                    int64_t plane) {
  const eao_pool_attr *a = c->attr;
  double sum = 0;
  int64_t count = 0, n = tap_count(g);
  (void)plane;
  for (int64_t t = 0; t < n; t++) {
    taps k = tap(g, out, t);
    if (k.inside) sum += eao_get_real(c->in[0], k.index);
    if (a->count_include_pad ? k.padded : k.inside) count++;
  }
  eao_set_f64(c->out[0], yi, eao_act_apply(&a->act, count ? sum / (double)count : 0));
}

static void p_norm(eao_kcall *c, const pool_geometry *g, const int64_t *out, int64_t yi,
                   int64_t plane) {
  const eao_pool_attr *a = c->attr;
  double sum = 0, p = (double)a->p;
  int64_t n = tap_count(g);
  (void)plane;
  for (int64_t t = 0; t < n; t++) {
    taps k = tap(g, out, t);
    if (k.inside) sum += pow(fabs(eao_get_real(c->in[0], k.index)), p);
  }
  eao_set_f64(c->out[0], yi, eao_act_apply(&a->act, pow(sum, 1 / p)));
}

/* Flat index into a channels-first x. */
static int64_t flat_index(const pool_geometry *g, int32_t storage_order, const taps *k,
                          int64_t plane) {
  int64_t i = 0;
  for (int32_t j = 0; j < EAO_SPATIAL_MAX; j++) {
    int32_t d = storage_order ? EAO_SPATIAL_MAX - 1 - j : j;
    i = i * g->x.dim[d] + k->pos[d];
  }
  return plane * g->x.dim[0] * g->x.dim[1] * g->x.dim[2] + i;
}

static void maximum(eao_kcall *c, const pool_geometry *g, const int64_t *out, int64_t yi,
                    int64_t plane) {
  const eao_pool_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  bool is_float = eao_dtype_is_float(x->dtype), found = false;
  double best = -INFINITY;
  int64_t besti = is_float ? 0 : eao_dtype_min(x->dtype), n = tap_count(g);
  taps where = {.index = 0};
  for (int64_t t = 0; t < n; t++) {
    taps k = tap(g, out, t);
    if (!k.inside) continue;
    double v = is_float ? eao_get_f64(x, k.index) : 0;
    int64_t vi = is_float ? 0 : eao_get_i64(x, k.index);
    if (found && !(is_float ? v > best : vi > besti)) continue;
    found = true;
    best = v;
    besti = vi;
    where = k;
  }
  if (is_float)
    eao_set_f64(c->out[0], yi, eao_act_apply(&a->act, best));
  else
    eao_set_i64(c->out[0], yi, besti);
  if (c->n_out > 1 && c->out[1])
    eao_set_i64(c->out[1], yi, found ? flat_index(g, a->storage_order, &where, plane) : 0);
}

eao_status eao_ref_avg_pool(eao_kcall *c) {
  if (c->in[0]->quant.n > 0)
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "avg_pool has no kernel for quantised input");
  for_each(c, average);
  return EAO_OK;
}

eao_status eao_ref_lp_pool(eao_kcall *c) {
  for_each(c, p_norm);
  return EAO_OK;
}

eao_status eao_ref_max_pool(eao_kcall *c) {
  const eao_pool_attr *a = c->attr;
  if (c->in[0]->quant.n > 0 && a->act.kind != EAO_ACT_NONE)
    return eao_kfail(c, EAO_ERR_UNSUPPORTED,
                     "max_pool has no kernel for quantised input with an activation");
  for_each(c, maximum);
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
