#include <math.h>

#include "kernel/ref/hybrid.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/q_sums.h"
#include "kernel/ref/sums.h"

enum { TILE = 64 };

void eao_product_row(const eao_product *p, int64_t m, int64_t n, int64_t count, double *acc) {
  int64_t ai = p->a0 + m * p->am, bi = p->b0 + n * p->bn;
  if (p->a->dtype == EAO_F32 && p->b->dtype == EAO_F32) {
    const float *a = (const float *)p->a->data + ai, *b = (const float *)p->b->data + bi;
    if (p->bk == 1)
      for (int64_t j = 0; j < count; j++) acc[j] += eao_dot_f32(a, p->ak, b + j * p->bn, 1, p->k);
    else
      for (int64_t k = 0; k < p->k; k++)
        eao_axpy_f32(acc, count, a[k * p->ak], b + k * p->bk, p->bn);
    return;
  }
  for (int64_t k = 0; k < p->k; k++) {
    double av = eao_get_real(p->a, ai + k * p->ak);
    for (int64_t j = 0; j < count; j++)
      acc[j] += av * eao_get_real(p->b, bi + k * p->bk + j * p->bn);
  }
}

static int64_t tile_at(int64_t n, int64_t total) {
  return total - n < TILE ? total - n : TILE;
}

eao_status eao_ref_fully_connected(eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *w = c->in[1], *bias = c->n_in > 2 ? c->in[2] : NULL;
  eao_tensor *y = c->out[0];
  if (eao_q_call(c)) return eao_q_fully_connected(c);
  if (a->hybrid) return eao_hybrid_fully_connected(c);
  int64_t outs = w->dim[0], depth = w->dim[1];
  int64_t rows = outs > 0 ? eao_tensor_count(y) / outs : 0;
  eao_product p = {.a = x, .b = w, .k = depth, .am = depth, .ak = 1, .bk = 1, .bn = depth};
  double acc[TILE];
  for (int64_t m = 0; m < rows; m++)
    for (int64_t n = 0; n < outs; n += TILE) {
      int64_t len = tile_at(n, outs);
      for (int64_t j = 0; j < len; j++) acc[j] = bias ? eao_get_real(bias, n + j) : 0;
      eao_product_row(&p, m, n, len, acc);
      for (int64_t j = 0; j < len; j++)
        eao_set_f64(y, m * outs + n + j, eao_act_apply(&a->act, acc[j]));
    }
  return EAO_OK;
}

eao_status eao_ref_gemm(eao_kcall *c) {
  const eao_gemm_attr *t = c->attr;
  const eao_tensor *a = c->in[0], *b = c->in[1], *add = c->n_in > 2 ? c->in[2] : NULL;
  eao_tensor *y = c->out[0];
  int64_t rows = y->dim[0], cols = y->dim[1], ca = a->dim[1], cb = b->dim[1];
  eao_product p = {.a = a, .b = b, .k = t->trans_a ? a->dim[0] : ca};
  p.am = t->trans_a ? 1 : ca;
  p.ak = t->trans_a ? ca : 1;
  p.bk = t->trans_b ? 1 : cb;
  p.bn = t->trans_b ? cb : 1;
  double acc[TILE];
  eao_bcast at = {0};
  if (add) eao_bcast_init(&at, add, y);
  for (int64_t m = 0; m < rows; m++)
    for (int64_t n = 0; n < cols; n += TILE) {
      int64_t len = tile_at(n, cols);
      for (int64_t j = 0; j < len; j++) acc[j] = 0;
      eao_product_row(&p, m, n, len, acc);
      for (int64_t j = 0; j < len; j++) {
        double v = (double)t->alpha * acc[j];
        if (add) v += (double)t->beta * eao_get_real(add, eao_bcast_next(&at));
        eao_set_f64(y, m * cols + n + j, v);
      }
    }
  return EAO_OK;
}

/* A matrix product with batch axes: y's last axes are m and n where a and b have them. */
typedef struct batched {
  eao_product p;
  int64_t rows, cols, batches;
  eao_tensor am, bm, ym; /* batch shapes, to walk with broadcasting */
} batched;

static void batch_shape(const eao_tensor *t, eao_tensor *out) {
  *out = *t;
  out->rank = t->rank > 2 ? t->rank - 2 : 0;
}

static void batched_init(batched *g, const eao_tensor *a, const eao_tensor *b,
                         const eao_tensor *y) {
  int64_t depth = a->dim[a->rank - 1];
  int64_t cb = b->rank > 1 ? b->dim[b->rank - 1] : 1;
  g->rows = a->rank > 1 ? a->dim[a->rank - 2] : 1;
  g->cols = cb;
  g->p = (eao_product){
      .a = a, .b = b, .k = depth, .am = depth, .ak = 1, .bk = b->rank > 1 ? cb : 1, .bn = 1};
  batch_shape(a, &g->am);
  batch_shape(b, &g->bm);
  /* The promoted axes are not in y: what is left of them are its batch axes. */
  g->ym = *y;
  g->ym.rank = y->rank - (a->rank > 1) - (b->rank > 1);
  g->batches = eao_tensor_count(&g->ym);
}

static void wrap_row(const batched *g, int64_t m, int64_t out, eao_tensor *y) {
  const eao_product *p = &g->p;
  for (int64_t n = 0; n < g->cols; n++) {
    uint64_t sum = 0;
    for (int64_t k = 0; k < p->k; k++)
      sum += (uint64_t)eao_get_i64(p->a, p->a0 + m * p->am + k) *
             (uint64_t)eao_get_i64(p->b, p->b0 + k * p->bk + n * p->bn);
    eao_set_i64(y, out + n, (int64_t)sum);
  }
}

static void quantised_row(const batched *g, const eao_q_output *q, int64_t m, int64_t out,
                          eao_tensor *y) {
  const eao_product *p = &g->p;
  eao_q_operand a = {p->a, p->a0 + m * p->am, p->ak, q->x.zero};
  for (int64_t n = 0; n < g->cols; n++) {
    eao_q_operand b = {p->b, p->b0 + n * p->bn, p->bk, eao_q_channel_zero(p->b, n)};
    eao_set_i64(y, out + n, eao_q_output_store(q, eao_q_dot(&a, &b, p->k), n));
  }
}

static void real_row(const batched *g, int64_t m, int64_t out, eao_tensor *y) {
  double acc[TILE];
  for (int64_t n = 0; n < g->cols; n += TILE) {
    int64_t len = tile_at(n, g->cols);
    for (int64_t j = 0; j < len; j++) acc[j] = 0;
    eao_product_row(&g->p, m, n, len, acc);
    for (int64_t j = 0; j < len; j++) eao_set_f64(y, out + n + j, acc[j]);
  }
}

eao_status eao_ref_matmul(eao_kcall *c) {
  const eao_tensor *a = c->in[0], *b = c->in[1];
  eao_tensor *y = c->out[0];
  eao_q_output q;
  bool quantised = eao_q_call(c);
  if (quantised && !eao_q_output_init(&q, c, b->rank - 1, NULL)) return EAO_ERR_UNSUPPORTED;
  batched g;
  batched_init(&g, a, b, y);
  eao_bcast ai, bi;
  eao_bcast_init(&ai, &g.am, &g.ym);
  eao_bcast_init(&bi, &g.bm, &g.ym);
  for (int64_t t = 0; t < g.batches; t++) {
    g.p.a0 = eao_bcast_next(&ai) * g.rows * g.p.k;
    g.p.b0 = eao_bcast_next(&bi) * g.p.k * g.cols;
    for (int64_t m = 0; m < g.rows; m++) {
      int64_t out = (t * g.rows + m) * g.cols;
      if (quantised)
        quantised_row(&g, &q, m, out, y);
      else if (eao_dtype_is_float(y->dtype))
        real_row(&g, m, out, y);
      else
        wrap_row(&g, m, out, y);
    }
  }
  return EAO_OK;
}

static int64_t zero_at(const eao_tensor *zero, int64_t i) {
  if (!zero) return 0;
  return eao_get_i64(zero, eao_tensor_count(zero) > 1 ? i : 0);
}

eao_status eao_ref_matmul_integer(eao_kcall *c) {
  const eao_tensor *a = c->in[0], *b = c->in[1];
  const eao_tensor *za = c->n_in > 2 ? c->in[2] : NULL, *zb = c->n_in > 3 ? c->in[3] : NULL;
  eao_tensor *y = c->out[0];
  batched g;
  batched_init(&g, a, b, y);
  eao_bcast ai, bi;
  eao_bcast_init(&ai, &g.am, &g.ym);
  eao_bcast_init(&bi, &g.bm, &g.ym);
  for (int64_t t = 0; t < g.batches; t++) {
    int64_t a0 = eao_bcast_next(&ai) * g.rows * g.p.k, b0 = eao_bcast_next(&bi) * g.p.k * g.cols;
    for (int64_t m = 0; m < g.rows; m++)
      for (int64_t n = 0; n < g.cols; n++) {
        int64_t sum = 0, zam = zero_at(za, m), zbn = zero_at(zb, n);
        for (int64_t k = 0; k < g.p.k; k++)
          sum += (eao_get_i64(a, a0 + m * g.p.am + k) - zam) *
                 (eao_get_i64(b, b0 + k * g.p.bk + n) - zbn);
        eao_set_i64(y, (t * g.rows + m) * g.cols + n, sum);
      }
  }
  return EAO_OK;
}

/* ---- determinant: Gaussian elimination with partial pivoting ---- */

static double det_in_place(double *m, int64_t n) {
  double det = 1;
  for (int64_t k = 0; k < n; k++) {
    int64_t best = k;
    for (int64_t i = k + 1; i < n; i++)
      if (fabs(m[i * n + k]) > fabs(m[best * n + k])) best = i;
    if (m[best * n + k] == 0) return 0;
    if (best != k) {
      det = -det;
      for (int64_t j = k; j < n; j++) {
        double t = m[k * n + j];
        m[k * n + j] = m[best * n + j];
        m[best * n + j] = t;
      }
    }
    det *= m[k * n + k];
    for (int64_t i = k + 1; i < n; i++) {
      double f = m[i * n + k] / m[k * n + k];
      for (int64_t j = k + 1; j < n; j++) m[i * n + j] -= f * m[k * n + j];
    }
  }
  return det;
}

size_t eao_ref_det_scratch(const eao_kcall *c) {
  size_t n = (size_t)c->in[0]->dim[c->in[0]->rank - 1];
  return n * n * sizeof(double);
}

eao_status eao_ref_det(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  int64_t n = x->dim[x->rank - 1], count = eao_tensor_count(c->out[0]);
  double *m = c->scratch;
  for (int64_t t = 0; t < count; t++) {
    for (int64_t i = 0; i < n * n; i++) m[i] = eao_get_f64(x, t * n * n + i);
    eao_set_f64(c->out[0], t, det_in_place(m, n));
  }
  return EAO_OK;
}
