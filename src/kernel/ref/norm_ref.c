#include "kernel/ref/norm.h"

#include <math.h>
#include <string.h>

#include "kernel/block.h"
#include "kernel/ref/reduce.h"

/* Elements that are normalised together: n of them, stride apart, from at on. */
typedef struct run {
  int64_t at, n, stride;
} run;

/* x as batch x channels x positions. */
typedef struct planes {
  int64_t batch, channels, positions;
  bool last;
} planes;

static planes planes_of(const eao_tensor *x, int32_t layout) {
  planes p = {.batch = x->rank > 1 ? x->dim[0] : 1, .positions = 1};
  p.last = layout == EAO_LAYOUT_CHANNELS_LAST;
  int32_t axis = x->rank < 2 ? 0 : p.last ? x->rank - 1 : 1;
  p.channels = x->dim[axis];
  for (int32_t d = 1; d < x->rank; d++)
    if (d != axis) p.positions *= x->dim[d];
  return p;
}

static run plane(const planes *p, int64_t b, int64_t ch) {
  if (p->last) return (run){b * p->positions * p->channels + ch, p->positions, p->channels};
  return (run){(b * p->channels + ch) * p->positions, p->positions, 1};
}

/* Sum of (x - centre)^power, power 1 or 2. */
static double sum_of(const eao_tensor *x, run r, double centre, int power) {
  double v[EAO_BLOCK], sum = 0;
  for (EAO_EACH_BLOCK(i, n, r.n)) {
    eao_load_f64(x, r.at + i * r.stride, r.stride, n, v);
    for (int64_t k = 0; k < n; k++) {
      double d = v[k] - centre;
      sum += power == 1 ? d : d * d;
    }
  }
  return sum;
}

/* y = x * a + b; no y: nobody wants it */
static void affine(const eao_tensor *x, eao_tensor *y, run r, double a, double b) {
  double v[EAO_BLOCK];
  if (!y) return;
  for (EAO_EACH_BLOCK(i, n, r.n)) {
    eao_load_f64(x, r.at + i * r.stride, r.stride, n, v);
    for (int64_t k = 0; k < n; k++) v[k] = v[k] * a + b;
    eao_store_f64(y, r.at + i * r.stride, r.stride, n, v);
  }
}

/* ---- batch norm ---- */

/* Mean and variance of a channel over the batch. */
static void batch_moments(const eao_tensor *x, const planes *p, int64_t ch, double *out_mean,
                          double *out_var) {
  double n = (double)(p->batch * p->positions), mean = 0, var = 0;
  for (int64_t b = 0; b < p->batch; b++) mean += sum_of(x, plane(p, b, ch), 0, 1);
  mean /= n;
  for (int64_t b = 0; b < p->batch; b++) var += sum_of(x, plane(p, b, ch), mean, 2);
  *out_mean = mean;
  *out_var = var / n;
}

static void set_running(eao_kcall *c, uint32_t i, int64_t ch, double now, double momentum) {
  if (i >= c->n_out || !c->out[i]) return;
  double was = eao_get_f64(c->in[i + 2], ch);
  eao_set_f64(c->out[i], ch, was * momentum + now * (1 - momentum));
}

eao_status eao_ref_batch_norm(eao_kcall *c) {
  const eao_batch_norm_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  planes p = planes_of(x, attr->layout);
  if (x->quant.n) return eao_kfail_quant(c);
  for (int64_t ch = 0; ch < p.channels; ch++) {
    double mean = eao_get_f64(c->in[3], ch), var = eao_get_f64(c->in[4], ch);
    if (attr->training_mode) {
      batch_moments(x, &p, ch, &mean, &var);
      set_running(c, 1, ch, mean, (double)attr->momentum);
      set_running(c, 2, ch, var, (double)attr->momentum);
    }
    double a = eao_get_f64(c->in[1], ch) / sqrt(var + (double)attr->epsilon);
    double b = eao_get_f64(c->in[2], ch) - mean * a;
    for (int64_t n = 0; n < p.batch; n++) affine(x, c->out[0], plane(&p, n, ch), a, b);
  }
  return EAO_OK;
}

/* ---- instance and group norm ---- */

static eao_status group_norm(eao_kcall *c, int64_t groups) {
  const eao_group_norm_attr *attr = c->attr;
  const eao_tensor *x = c->in[0], *scale = c->in[1], *bias = c->in[2];
  planes p = planes_of(x, attr->layout);
  if (x->quant.n) return eao_kfail_quant(c);
  if (p.channels == 0) return EAO_OK;
  int64_t size = p.channels / groups;
  /* One entry a channel, or (ONNX 18) one a group. */
  int64_t shared = scale->dim[0] == p.channels ? 1 : size;
  for (int64_t b = 0; b < p.batch; b++) {
    for (int64_t g = 0; g < groups; g++) {
      double n = (double)(size * p.positions), mean = 0, var = 0;
      int64_t from = g * size, to = from + size;
      for (int64_t ch = from; ch < to; ch++) mean += sum_of(x, plane(&p, b, ch), 0, 1);
      mean /= n;
      for (int64_t ch = from; ch < to; ch++) var += sum_of(x, plane(&p, b, ch), mean, 2);
      double inv = 1 / sqrt(var / n + (double)attr->epsilon);
      for (int64_t ch = from; ch < to; ch++) {
        double s = eao_get_f64(scale, ch / shared) * inv;
        affine(x, c->out[0], plane(&p, b, ch), s, eao_get_f64(bias, ch / shared) - mean * s);
      }
    }
  }
  return EAO_OK;
}

eao_status eao_ref_instance_norm(eao_kcall *c) {
  const eao_group_norm_attr *attr = c->attr;
  return group_norm(c, planes_of(c->in[0], attr->layout).channels);
}

eao_status eao_ref_group_norm(eao_kcall *c) {
  return group_norm(c, ((const eao_group_norm_attr *)c->attr)->num_groups);
}

/* ---- layer and RMS norm ---- */

static void set_if(eao_kcall *c, uint32_t i, int64_t at, double v) {
  if (i < c->n_out && c->out[i]) eao_set_f64(c->out[i], at, v);
}

static eao_status layer_norm(eao_kcall *c, bool centred) {
  const eao_layer_norm_attr *attr = c->attr;
  const eao_tensor *x = c->in[0], *bias = c->n_in > 2 ? c->in[2] : NULL;
  double v[EAO_BLOCK], s[EAO_BLOCK], t[EAO_BLOCK] = {0};
  int64_t rows, n, inner;
  if (x->quant.n) return eao_kfail_quant(c);
  eao_axis_split(x, attr->axis, &rows, &n, &inner);
  n *= inner;
  for (int64_t row = 0; row < rows; row++) {
    run r = {row * n, n, 1};
    double mean = centred ? sum_of(x, r, 0, 1) / (double)n : 0;
    double inv = 1 / sqrt(sum_of(x, r, mean, 2) / (double)n + (double)attr->epsilon);
    for (EAO_EACH_BLOCK(i, m, c->out[0] ? n : 0)) {
      eao_load_f64(x, r.at + i, 1, m, v);
      eao_load_bcast_f64(c->in[1], x, r.at + i, m, s);
      if (bias) eao_load_bcast_f64(bias, x, r.at + i, m, t);
      for (int64_t k = 0; k < m; k++) v[k] = (v[k] - mean) * inv * s[k] + t[k];
      eao_store_f64(c->out[0], r.at + i, 1, m, v);
    }
    set_if(c, 1, row, mean);
    set_if(c, 2, row, inv);
  }
  return EAO_OK;
}

eao_status eao_ref_layer_norm(eao_kcall *c) {
  return layer_norm(c, true);
}
eao_status eao_ref_rms_norm(eao_kcall *c) {
  return layer_norm(c, false);
}

/* ---- the others ---- */

eao_status eao_ref_lp_norm(eao_kcall *c) {
  const eao_lp_norm_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  int64_t outer, n, inner;
  if (x->quant.n) return eao_kfail_quant(c);
  eao_axis_split(x, attr->axis, &outer, &n, &inner);
  for (int64_t i = 0; i < outer * inner; i++) {
    run r = {i / inner * n * inner + i % inner, n, inner};
    double norm = 0;
    if (attr->p == 2)
      norm = sqrt(sum_of(x, r, 0, 2));
    else
      for (int64_t k = 0; k < n; k++) norm += fabs(eao_get_f64(x, r.at + k * inner));
    affine(x, c->out[0], r, norm == 0 ? 0 : 1 / norm, 0);
  }
  return EAO_OK;
}

eao_status eao_ref_lrn(eao_kcall *c) {
  const eao_lrn_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  planes p = planes_of(x, attr->layout);
  if (x->quant.n) return eao_kfail_quant(c);
  int64_t below = (attr->size - 1) / 2, above = attr->size - 1 - below;
  double alpha = (double)attr->alpha / (double)attr->size;
  for (int64_t b = 0; b < p.batch; b++) {
    for (int64_t ch = 0; ch < p.channels; ch++) {
      int64_t from = ch < below ? 0 : ch - below;
      int64_t to = above >= p.channels - ch ? p.channels - 1 : ch + above;
      for (int64_t i = 0; i < p.positions; i++) {
        double sum = 0;
        for (int64_t k = from; k <= to; k++) {
          run r = plane(&p, b, k);
          double v = eao_get_f64(x, r.at + i * r.stride);
          sum += v * v;
        }
        run r = plane(&p, b, ch);
        int64_t at = r.at + i * r.stride;
        double scale = pow((double)attr->bias + alpha * sum, (double)attr->beta);
        eao_set_f64(c->out[0], at, eao_get_f64(x, at) / scale);
      }
    }
  }
  return EAO_OK;
}

eao_status eao_ref_mean_variance_norm(eao_kcall *c) {
  const eao_mean_variance_norm_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  uint32_t mask = 0;
  eao_groups g;
  if (x->quant.n) return eao_kfail_quant(c);
  for (int32_t i = 0; i < attr->axes.n; i++) {
    int64_t axis = attr->axes.v[i];
    mask |= 1u << (axis < 0 ? axis + x->rank : axis);
  }
  eao_groups_init(&g, x, mask);
  double n = (double)(g.n_run * g.run_len);
  for (int64_t o = 0; o < g.n_group; o++) {
    double mean = 0, var = 0;
    run r = {0, g.run_len, g.run_stride};
    for (int64_t k = 0; k < g.n_run; k++) {
      r.at = eao_groups_at(&g, o, k);
      mean += sum_of(x, r, 0, 1);
    }
    mean /= n;
    for (int64_t k = 0; k < g.n_run; k++) {
      r.at = eao_groups_at(&g, o, k);
      var += sum_of(x, r, mean, 2);
    }
    double a = 1 / (sqrt(var / n) + 1e-9);
    for (int64_t k = 0; k < g.n_run; k++) {
      r.at = eao_groups_at(&g, o, k);
      affine(x, c->out[0], r, a, -mean * a);
    }
  }
  return EAO_OK;
}

eao_status eao_ref_dropout(eao_kcall *c) {
  const eao_dropout_attr *attr = c->attr;
  const eao_tensor *x = c->in[0];
  double ratio = c->n_in > 1 && c->in[1] ? eao_get_f64(c->in[1], 0) : (double)attr->ratio;
  bool training = c->n_in > 2 && c->in[2] && eao_get_i64(c->in[2], 0);
  if (training && ratio != 0)
    return eao_kfail(c, EAO_ERR_UNSUPPORTED, "dropout in training mode is random");
  int64_t n = eao_tensor_count(x);
  if (c->out[0] && n) memcpy(c->out[0]->data, x->data, (size_t)eao_dtype_bytes(x->dtype, n));
  if (c->n_out > 1 && c->out[1] && n) memset(c->out[1]->data, 1, (size_t)n);
  return EAO_OK;
}
