/* TFLite's recurrent operators in floating point. Quantised weights under float inputs count as
 * the reals they stand for. */
#include "kernel/ref/tflite_seq.h"

#include <math.h>
#include <string.h>

/* sum over k of w[row, k] * v[at + k] */
static double dot(const eao_tensor *w, int64_t row, const eao_tensor *v, int64_t at) {
  double sum = 0;
  int64_t n = w->dim[1];
  for (int64_t k = 0; k < n; k++) sum += eao_get_real(w, row * n + k) * eao_get_real(v, at + k);
  return sum;
}

static size_t state_bytes(const eao_tensor *t) {
  return ((size_t)eao_dtype_bytes(t->dtype, eao_tensor_count(t)) + 15) & ~(size_t)15;
}

eao_tensor eao_seq_state(const eao_tensor *from, eao_tensor *out, char **scratch) {
  eao_tensor t = *from;
  t.data = out ? out->data : *scratch;
  if (!out) *scratch += state_bytes(from);
  memcpy(t.data, from->data, (size_t)eao_dtype_bytes(from->dtype, eao_tensor_count(from)));
  return t;
}

/* Steps, batches and the offset of a step's vector in a sequence. */
typedef struct walk {
  int64_t steps, batch, step_stride, batch_stride; /* in vectors */
} walk;

static walk walk_of(const eao_tensor *x, bool time_major) {
  if (x->rank == 2) return (walk){1, x->dim[0], 0, 1};
  if (time_major) return (walk){x->dim[0], x->dim[1], x->dim[1], 1};
  return (walk){x->dim[1], x->dim[0], 1, x->dim[1]};
}

size_t eao_ref_svdf_scratch(const eao_kcall *c) {
  return state_bytes(c->in[4]);
}

eao_status eao_ref_svdf(eao_kcall *c) {
  const eao_svdf_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *wf = c->in[1], *wt = c->in[2], *bias = c->in[3];
  int64_t filters = wf->dim[0], memory = wt->dim[1], units = filters / a->rank;
  char *scratch = c->scratch;
  eao_tensor s = eao_seq_state(c->in[4], c->out[1], &scratch);
  if (x->quant.n) return eao_q_svdf(c, &s);
  for (int64_t b = 0; b < x->dim[0]; b++)
    for (int64_t u = 0; u < units; u++) {
      double sum = bias ? eao_get_real(bias, u) : 0;
      for (int64_t f = u * a->rank; f < (u + 1) * a->rank; f++) {
        int64_t at = (b * filters + f) * memory;
        for (int64_t t = 0; t + 1 < memory; t++)
          eao_set_f64(&s, at + t, eao_get_f64(&s, at + t + 1));
        eao_set_f64(&s, at + memory - 1, dot(wf, f, x, b * x->dim[1]));
        for (int64_t t = 0; t < memory; t++)
          sum += eao_get_f64(&s, at + t) * eao_get_real(wt, f * memory + t);
      }
      if (c->out[0]) eao_set_f64(c->out[0], b * units + u, eao_act_apply(&a->act, sum));
    }
  return EAO_OK;
}

size_t eao_ref_tflite_rnn_scratch(const eao_kcall *c) {
  return state_bytes(c->in[4]) + (size_t)c->in[4]->dim[1] * sizeof(double);
}

eao_status eao_ref_tflite_rnn(eao_kcall *c) {
  const eao_tflite_rnn_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *w = c->in[1], *r = c->in[2], *bias = c->in[3];
  walk k = walk_of(x, a->time_major != 0);
  int64_t cells = w->dim[0], inputs = w->dim[1];
  if (x->quant.n) return eao_kfail(c, EAO_ERR_UNSUPPORTED, "no kernel for quantised tensors");
  char *scratch = c->scratch;
  eao_tensor h = eao_seq_state(c->in[4], c->out[1], &scratch);
  double *now = (double *)(void *)((char *)c->scratch + state_bytes(c->in[4]));
  for (int64_t t = 0; t < k.steps; t++)
    for (int64_t b = 0; b < k.batch; b++) {
      int64_t v = t * k.step_stride + b * k.batch_stride;
      for (int64_t i = 0; i < cells; i++)
        now[i] = eao_act_apply(&a->act, dot(w, i, x, v * inputs) + dot(r, i, &h, b * cells) +
                                            eao_get_real(bias, i));
      for (int64_t i = 0; i < cells; i++) {
        eao_set_f64(&h, b * cells + i, now[i]);
        if (c->out[0]) eao_set_f64(c->out[0], v * cells + i, now[i]);
      }
    }
  return EAO_OK;
}

/* ---- LSTM ---- */

size_t eao_ref_tflite_lstm_scratch(const eao_kcall *c) {
  return state_bytes(c->in[EAO_LSTM_H]) + state_bytes(c->in[EAO_LSTM_C]) +
         (size_t)c->in[EAO_LSTM_C]->dim[1] * 5 * sizeof(double);
}

typedef struct lstm {
  eao_kcall *c;
  eao_tensor h, cell;
  double *scratch;
} lstm;

static const eao_tensor *in(const eao_kcall *c, int32_t i) {
  return (uint32_t)i < c->n_in ? c->in[i] : NULL;
}

/* Mean 0 and deviation 1, as TFLite's kernel computes it. */
static void layer_norm(double *v, int64_t n, const eao_tensor *coef) {
  double mean = 0, var = 0;
  for (int64_t i = 0; i < n; i++) mean += v[i];
  mean /= (double)n;
  for (int64_t i = 0; i < n; i++) var += v[i] * v[i];
  var = var / (double)n - mean * mean;
  double inv = 1 / sqrt(var + 1e-8);
  for (int64_t i = 0; i < n; i++) v[i] = (v[i] - mean) * inv * eao_get_real(coef, i);
}

/* Gate g (0 input, 1 forget, 2 cell, 3 output) of batch b before its activation. */
static void gate(const lstm *l, int32_t g, int64_t b, int64_t v, double *out) {
  const eao_kcall *c = l->c;
  const eao_tensor *x = c->in[0], *w = in(c, EAO_LSTM_W + g), *r = in(c, EAO_LSTM_R + g);
  const eao_tensor *bias = in(c, EAO_LSTM_BIAS + g), *norm = in(c, EAO_LSTM_NORM + g);
  const eao_tensor *peep = g == 2 ? NULL : in(c, EAO_LSTM_PEEP + (g == 3 ? 2 : g));
  const eao_tensor *h = &l->h, *cell = &l->cell;
  int64_t n = cell->dim[1];
  for (int64_t i = 0; i < n; i++) {
    out[i] = dot(w, i, x, v * w->dim[1]) + dot(r, i, h, b * h->dim[1]);
    if (peep) out[i] += eao_get_real(peep, i) * eao_get_f64(cell, b * n + i);
  }
  if (norm) layer_norm(out, n, norm);
  for (int64_t i = 0; bias && i < n; i++) out[i] += eao_get_real(bias, i);
}

static double clipped(double x, double limit) {
  return limit <= 0 ? x : x > limit ? limit : x < -limit ? -limit : x;
}

static void step(lstm *l, int64_t b, int64_t v) {
  const eao_kcall *c = l->c;
  const eao_tflite_lstm_attr *a = c->attr;
  const eao_act act = {.kind = a->act}, sigmoid = {.kind = EAO_ACT_SIGMOID};
  eao_tensor *y = c->out[0], *h = &l->h, *cell = &l->cell;
  const eao_tensor *proj = in(c, EAO_LSTM_PROJ), *proj_bias = in(c, EAO_LSTM_PROJ_BIAS);
  int64_t n = cell->dim[1], m = h->dim[1];
  double *i_ = l->scratch, *f_ = i_ + n, *g_ = f_ + n, *o_ = g_ + n, *hidden = o_ + n;
  bool coupled = !in(c, EAO_LSTM_W);
  if (!coupled) gate(l, 0, b, v, i_);
  gate(l, 1, b, v, f_);
  gate(l, 2, b, v, g_);
  for (int64_t i = 0; i < n; i++) {
    double f = eao_act_apply(&sigmoid, f_[i]);
    double k = coupled ? 1 - f : eao_act_apply(&sigmoid, i_[i]);
    double now = f * eao_get_f64(cell, b * n + i) + k * eao_act_apply(&act, g_[i]);
    eao_set_f64(cell, b * n + i, clipped(now, (double)a->cell_clip));
  }
  gate(l, 3, b, v, o_);
  for (int64_t i = 0; i < n; i++)
    hidden[i] = eao_act_apply(&sigmoid, o_[i]) * eao_act_apply(&act, eao_get_f64(cell, b * n + i));
  for (int64_t i = 0; i < m; i++) {
    double out = proj ? 0 : hidden[i];
    for (int64_t k = 0; proj && k < n; k++) out += eao_get_real(proj, i * n + k) * hidden[k];
    if (proj && proj_bias) out += eao_get_real(proj_bias, i);
    if (proj) out = clipped(out, (double)a->proj_clip);
    eao_set_f64(h, b * m + i, out);
    if (y) eao_set_f64(y, v * m + i, out);
  }
}

eao_status eao_ref_tflite_lstm(eao_kcall *c) {
  const eao_tflite_lstm_attr *a = c->attr;
  char *scratch = c->scratch;
  lstm l = {.c = c};
  l.h = eao_seq_state(c->in[EAO_LSTM_H], c->out[1], &scratch);
  l.cell = eao_seq_state(c->in[EAO_LSTM_C], c->out[2], &scratch);
  l.scratch = (double *)(void *)scratch;
  if (c->in[0]->quant.n) return eao_q_tflite_lstm(c, &l.h, &l.cell, scratch);
  walk k = walk_of(c->in[0], a->time_major != 0);
  for (int64_t t = 0; t < k.steps; t++)
    for (int64_t b = 0; b < k.batch; b++) step(&l, b, t * k.step_stride + b * k.batch_stride);
  return EAO_OK;
}
