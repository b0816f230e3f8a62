/* Rounding of weights that compensates its own errors (Frantar et al. 2022, "GPTQ", after LeCun's
 * optimal brain surgeon): weights are rounded one by one, and the error of each is taken over by
 * those that follow, as far as the inputs' covariance allows. Means are left to the bias. */
#include <math.h>
#include <string.h>

#include "compress/quant/ptq.h"
#include "kernel/ref/spatial.h"

enum {
  VECTORS_MAX = 16384,
  K_MAX = 1536 /* a covariance of 18 MiB */
};
static const double work_max = 4e9; /* multiply-adds spent on one node's covariance */
static const uint64_t bytes_max = 1u << 30;

/* ---- gathering ---- */

/* Weights of one output as a vector, and where its inputs come from. */
typedef struct window {
  eao_spatial x, w;
  eao_window win;
  int64_t taps, group_ins; /* kernel positions; input channels of a group */
} window;

static void window_of(const eao_node *n, const eao_tensor *x, const eao_tensor *w, window *o) {
  memset(o, 0, sizeof *o);
  o->taps = 1;
  if (n->op == EAO_OP_fully_connected) {
    o->group_ins = w->dim[1];
    return;
  }
  const eao_conv_attr *a = n->attr;
  eao_window_spec spec = eao_conv_window_spec(a);
  eao_spatial_init(&o->x, x, a->layout);
  eao_spatial_init_weights(&o->w, w, a->w_layout);
  eao_window_init(&o->win, &spec, x->rank - 2, o->x.dim, o->w.dim);
  o->taps = o->w.dim[0] * o->w.dim[1] * o->w.dim[2];
  o->group_ins = o->w.c;
}

static eao_status moment_init(eao_ptq_moments *m, eao_nid id, uint32_t n_samples, uint64_t *bytes) {
  const eao_node *n = &m->g->node[id];
  const eao_tensor *w = &m->g->value[n->in[1]].t;
  eao_ptq_moment *o = &m->m[id];
  window win;
  if (n->op == EAO_OP_conv_transpose || !eao_ptq_is_weighted(m->g, n)) return EAO_OK;
  window_of(n, &m->g->value[n->in[0]].t, w, &win);
  o->k = win.taps * win.group_ins;
  o->groups = n->op == EAO_OP_conv ? ((const eao_conv_attr *)n->attr)->group : 1;
  uint64_t need = (uint64_t)o->groups * (uint64_t)o->k * (uint64_t)(o->k + 1) * sizeof(double);
  if (o->k < 2 || o->k > K_MAX || *bytes + need > bytes_max) return EAO_OK;
  *bytes += need;
  double per = (double)o->groups * (double)o->k * (double)o->k;
  o->budget = (uint64_t)fmin(VECTORS_MAX, fmax(work_max / per, 4 * (double)o->k));
  o->budget = o->budget / n_samples + 1; /* a sample's share */
  o->cov = eao_alloc(m->ctx, (size_t)(o->groups * o->k * o->k) * sizeof *o->cov);
  o->sum = eao_alloc(m->ctx, (size_t)(o->groups * o->k) * sizeof *o->sum);
  return o->cov && o->sum ? EAO_OK : EAO_NOMEM(m->ctx);
}

eao_status eao_ptq_moments_init(eao_ptq_moments *m, const eao_graph *g, uint32_t n_samples) {
  uint64_t bytes = 0;
  memset(m, 0, sizeof *m);
  m->ctx = g->ctx;
  m->g = g;
  m->rng.state = 1;
  m->m = eao_alloc(g->ctx, (g->n_node + 1u) * sizeof *m->m);
  m->vector = eao_alloc(g->ctx, K_MAX * sizeof *m->vector);
  eao_status s = m->m && m->vector ? EAO_OK : EAO_NOMEM(g->ctx);
  for (eao_nid n = 0; s == EAO_OK && n < g->n_node; n++) s = moment_init(m, n, n_samples, &bytes);
  if (s != EAO_OK) eao_ptq_moments_deinit(m);
  return s;
}

void eao_ptq_moments_deinit(eao_ptq_moments *m) {
  for (eao_nid n = 0; m->m && n < m->g->n_node; n++) {
    eao_free(m->ctx, m->m[n].cov);
    eao_free(m->ctx, m->m[n].sum);
  }
  eao_free(m->ctx, m->m);
  eao_free(m->ctx, m->vector);
  memset(m, 0, sizeof *m);
}

/* The inputs that output position pos (of batch b) of a group sees; outside: 0. */
static void patch(const window *o, const float *x, int64_t b, const int64_t *pos, int64_t group,
                  double *v) {
  for (int64_t t = 0; t < o->taps; t++) {
    int64_t k[3] = {t / (o->w.dim[1] * o->w.dim[2]), t / o->w.dim[2] % o->w.dim[1],
                    t % o->w.dim[2]};
    int64_t at = b * o->x.sn + group * o->group_ins * o->x.sc;
    bool inside = true;
    for (int32_t d = 0; d < EAO_SPATIAL_MAX; d++) {
      int64_t p = pos[d] * o->win.stride[d] - o->win.pad[d] + k[d] * o->win.dilation[d];
      inside = inside && p >= 0 && p < o->x.dim[d];
      at += p * o->x.s[d];
    }
    for (int64_t i = 0; i < o->group_ins; i++)
      v[t * o->group_ins + i] = inside ? (double)x[at + i * o->x.sc] : 0;
  }
}

static void add_vector(eao_ptq_moment *m, int64_t group, const double *v) {
  double *cov = m->cov + group * m->k * m->k, *sum = m->sum + group * m->k;
  for (int64_t i = 0; i < m->k; i++) {
    double a = v[i];
    sum[i] += a;
    if (a == 0) continue;
    for (int64_t j = 0; j <= i; j++) cov[i * m->k + j] += a * v[j];
  }
}

static void observe_node(eao_ptq_moments *m, eao_nid id, const eao_tensor *t) {
  const eao_node *n = &m->g->node[id];
  eao_ptq_moment *o = &m->m[id];
  window win;
  window_of(n, t, &m->g->value[n->in[1]].t, &win);
  const float *x = t->data;
  int64_t rows = eao_tensor_count(t) / (o->k > 0 ? o->k : 1), area = 1;
  for (int32_t d = 0; d < EAO_SPATIAL_MAX && n->op == EAO_OP_conv; d++) area *= win.win.out[d];
  int64_t places = n->op == EAO_OP_conv ? area * t->dim[0] : rows;
  for (uint64_t s = 0; s < o->budget && places > 0; s++) {
    int64_t p = (int64_t)s;
    if ((uint64_t)places > o->budget) p = (int64_t)eao_rng_below(&m->rng, (uint64_t)places);
    if (p >= places) break;
    o->n++;
    for (int64_t g = 0; g < o->groups; g++) {
      if (n->op == EAO_OP_conv) {
        int64_t q = p % area, plane = win.win.out[1] * win.win.out[2];
        int64_t pos[3] = {q / plane, q / win.win.out[2] % win.win.out[1], q % win.win.out[2]};
        patch(&win, x, p / area, pos, g, m->vector);
      } else {
        for (int64_t i = 0; i < o->k; i++) m->vector[i] = (double)x[p * o->k + i];
      }
      add_vector(o, g, m->vector);
    }
  }
}

eao_status eao_ptq_moments_observe(void *user, uint32_t sample, const eao_graph *g, eao_vid v,
                                   const eao_tensor *t) {
  eao_ptq_moments *m = user;
  (void)sample;
  if (g != m->g || t->dtype != EAO_F32) return EAO_OK;
  for (eao_nid n = 0; n < g->n_node; n++)
    if (m->m[n].cov && g->node[n].in[0] == v) observe_node(m, n, t);
  return EAO_OK;
}

/* ---- rounding ---- */

/* The damped covariance of one group, symmetric, into a. */
static void covariance(const eao_ptq_moment *m, int64_t group, double *a) {
  const double *cov = m->cov + group * m->k * m->k, *sum = m->sum + group * m->k;
  double n = (double)m->n, trace = 0;
  for (int64_t i = 0; i < m->k; i++)
    for (int64_t j = 0; j <= i; j++) {
      double v = cov[i * m->k + j] / n - sum[i] / n * (sum[j] / n);
      a[i * m->k + j] = a[j * m->k + i] = v;
      if (i == j) trace += v;
    }
  double damp = fmax(0.01 * trace / (double)m->k, 1e-12);
  for (int64_t i = 0; i < m->k; i++) a[i * m->k + i] += damp;
}

/* In place: a = L L^T, L in the lower triangle. false: not positive definite. */
static bool cholesky(double *a, int64_t n) {
  for (int64_t j = 0; j < n; j++) {
    double *rj = a + j * n, d = rj[j];
    for (int64_t k = 0; k < j; k++) d -= rj[k] * rj[k];
    if (!(d > 0)) return false;
    rj[j] = sqrt(d);
    for (int64_t i = j + 1; i < n; i++) {
      double *ri = a + i * n, s = ri[j];
      for (int64_t k = 0; k < j; k++) s -= ri[k] * rj[k];
      ri[j] = s / rj[j];
    }
  }
  return true;
}

/* a: lower factor L of a matrix -> inv = its inverse (symmetric, full). */
static void invert(const double *a, int64_t n, double *inv) {
  memset(inv, 0, (size_t)(n * n) * sizeof *inv);
  for (int64_t c = 0; c < n; c++) { /* rows of inv serve as columns: L^-1 transposed */
    double *x = inv + c * n;
    x[c] = 1 / a[c * n + c];
    for (int64_t i = c + 1; i < n; i++) {
      double s = 0;
      for (int64_t k = c; k < i; k++) s += a[i * n + k] * x[k];
      x[i] = -s / a[i * n + i];
    }
  }
  for (int64_t i = 0; i < n; i++) /* L^-T L^-1, row i needs rows i.. of L^-T only */
    for (int64_t j = n; j-- > i;) {
      double s = 0;
      for (int64_t k = j; k < n; k++) s += inv[i * n + k] * inv[j * n + k];
      inv[i * n + j] = s;
    }
  for (int64_t i = 0; i < n; i++)
    for (int64_t j = 0; j < i; j++) inv[i * n + j] = inv[j * n + i];
}

/* The factor that the rounding walks along: upper U with U^T U = C^-1, rows are what error j
 * spreads to. With C^-1 = L' L'^T it is L'^T. */
static bool spreading(const eao_ptq_moment *m, int64_t group, double *a, double *u) {
  covariance(m, group, a);
  if (!cholesky(a, m->k)) return false;
  invert(a, m->k, u);
  return cholesky(u, m->k); /* lower: row j of U is column j of it */
}

typedef struct target {
  const eao_node *node;
  const window *win;
  const eao_tensor *w;
  const float *scale;
  int8_t *q;
} target;

static int64_t weight_at(const target *t, int64_t o, int64_t i, int64_t k) {
  if (t->node->op == EAO_OP_fully_connected) return o * k + i;
  const eao_spatial *w = &t->win->w;
  int64_t tap = i / t->win->group_ins, in = i % t->win->group_ins;
  return o * w->sn + in * w->sc + tap / (w->dim[1] * w->dim[2]) * w->s[0] +
         tap / w->dim[2] % w->dim[1] * w->s[1] + tap % w->dim[2] * w->s[2];
}

static void round_output(const target *t, int64_t o, int64_t k, const double *lower, double *v) {
  const float *w = t->w->data;
  double scale = (double)t->scale[o];
  for (int64_t i = 0; i < k; i++) v[i] = (double)w[weight_at(t, o, i, k)];
  for (int64_t j = 0; j < k; j++) {
    double q = rint(v[j] / scale);
    q = q > 127 ? 127 : q < -127 ? -127 : q;
    t->q[weight_at(t, o, j, k)] = (int8_t)q;
    double err = (v[j] - q * scale) / lower[j * k + j];
    for (int64_t i = j + 1; i < k; i++) v[i] -= err * lower[i * k + j];
  }
}

eao_status eao_ptq_moments_round(const eao_ptq_moments *m, eao_nid n, const eao_tensor *w,
                                 const float *scale, int8_t *q, bool *out_done) {
  const eao_ptq_moment *o = &m->m[n];
  const eao_node *node = &m->g->node[n];
  *out_done = false;
  if (!o->cov || o->n < 2) return EAO_OK;
  window win;
  window_of(node, &m->g->value[node->in[0]].t, w, &win);
  target t = {node, &win, w, scale, q};
  int64_t k = o->k, outs = w->dim[eao_ptq_out_axis(m->g, node)], per = outs / o->groups;
  double *a = eao_alloc(m->ctx, (size_t)(k * k) * sizeof *a),
         *u = eao_alloc(m->ctx, (size_t)(k * k) * sizeof *u);
  bool ok = a && u;
  for (int64_t g = 0; ok && g < o->groups; g++) {
    ok = spreading(o, g, a, u);
    for (int64_t i = 0; ok && i < per; i++) round_output(&t, g * per + i, k, u, m->vector);
  }
  eao_status s = a && u ? EAO_OK : EAO_NOMEM(m->ctx);
  eao_free(m->ctx, a);
  eao_free(m->ctx, u);
  *out_done = ok;
  return s;
}
