/* TFLite's recurrent operators in floating point. Quantised weights under float inputs count as
 * the reals they stand for, or the vectors they meet are quantised on the way (hybrid.h). */
#include "kernel/ref/tflite_seq.h"

#include <math.h>
#include <string.h>

#include "kernel/ref/hybrid.h"
#include "kernel/ref/q_sums.h"

/* Elements [at, at + n) of t; hybrid: as integers q too. */
typedef struct vector {
  const eao_tensor *t;
  int64_t at;
  eao_hybrid_row row;
  eao_tensor q;
} vector;

static vector vector_of(const eao_tensor *t, int64_t at, int64_t n, int32_t hybrid, int8_t *q) {
  vector v = {.t = t, .at = at};
  if (!hybrid) return v;
  v.row = eao_hybrid_quantise(hybrid, t, at, n, q);
  v.q = (eao_tensor){.dtype = EAO_I8, .rank = 1, .dim = {n}, .data = q};
  return v;
}

/* sum over k of w[row, k] * v[k] */
static double dot(const eao_tensor *w, int64_t row, const vector *v) {
  double sum = 0;
  int64_t n = w->dim[1];
  if (v->row.mode && w->quant.n) {
    eao_q_operand a = {&v->q, 0, 1, v->row.zero};
    eao_q_operand b = {w, row * n, 1, eao_q_channel_zero(w, 0)};
    return (double)eao_hybrid_real(&v->row, eao_q_dot(&a, &b, n), w->quant.scale[0]);
  }
  for (int64_t k = 0; k < n; k++)
    sum += eao_get_real(w, row * n + k) * eao_get_real(v->t, v->at + k);
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

static size_t vector_bytes(int64_t n) {
  return ((size_t)n + 15) & ~(size_t)15;
}

size_t eao_ref_svdf_scratch(const eao_kcall *c) {
  return state_bytes(c->in[4]) + vector_bytes(c->in[1]->dim[1]);
}

eao_status eao_ref_svdf(eao_kcall *c) {
  const eao_svdf_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *wf = c->in[1], *wt = c->in[2], *bias = c->in[3];
  int64_t filters = wf->dim[0], memory = wt->dim[1], units = filters / a->rank;
  char *scratch = c->scratch;
  eao_tensor s = eao_seq_state(c->in[4], c->out[1], &scratch);
  if (x->quant.n) return eao_q_svdf(c, &s);
  int8_t *q = (int8_t *)c->scratch + state_bytes(c->in[4]);
  for (int64_t b = 0; b < x->dim[0]; b++) {
    vector v = vector_of(x, b * x->dim[1], x->dim[1], a->hybrid, q);
    for (int64_t u = 0; u < units; u++) {
      double sum = bias ? eao_get_real(bias, u) : 0;
      for (int64_t f = u * a->rank; f < (u + 1) * a->rank; f++) {
        int64_t at = (b * filters + f) * memory;
        for (int64_t t = 0; t + 1 < memory; t++)
          eao_set_f64(&s, at + t, eao_get_f64(&s, at + t + 1));
        eao_set_f64(&s, at + memory - 1, dot(wf, f, &v));
        for (int64_t t = 0; t < memory; t++)
          sum += eao_get_f64(&s, at + t) * eao_get_real(wt, f * memory + t);
      }
      if (c->out[0]) eao_set_f64(c->out[0], b * units + u, eao_act_apply(&a->act, sum));
    }
  }
  return EAO_OK;
}

size_t eao_ref_tflite_rnn_scratch(const eao_kcall *c) {
  return state_bytes(c->in[4]) + vector_bytes(8 * c->in[4]->dim[1]) +
         vector_bytes(c->in[1]->dim[1]) + vector_bytes(c->in[2]->dim[1]);
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
  int8_t *xq = (int8_t *)now + vector_bytes(8 * cells), *hq = xq + vector_bytes(inputs);
  for (int64_t t = 0; t < k.steps; t++)
    for (int64_t b = 0; b < k.batch; b++) {
      int64_t v = t * k.step_stride + b * k.batch_stride;
      vector xv = vector_of(x, v * inputs, inputs, a->hybrid, xq);
      vector hv = vector_of(&h, b * cells, cells, a->hybrid, hq);
      for (int64_t i = 0; i < cells; i++)
        now[i] = eao_act_apply(&a->act, dot(w, i, &xv) + dot(r, i, &hv) + eao_get_real(bias, i));
      for (int64_t i = 0; i < cells; i++) {
        eao_set_f64(&h, b * cells + i, now[i]);
        if (c->out[0]) eao_set_f64(c->out[0], v * cells + i, now[i]);
      }
    }
  return EAO_OK;
}

/* ---- LSTM ---- */

size_t eao_ref_tflite_lstm_scratch(const eao_kcall *c) {
  int64_t cells = c->in[EAO_LSTM_C]->dim[1];
  return state_bytes(c->in[EAO_LSTM_H]) + state_bytes(c->in[EAO_LSTM_C]) +
         vector_bytes(5 * 8 * cells) + vector_bytes(c->in[EAO_LSTM_W + 1]->dim[1]) +
         vector_bytes(c->in[EAO_LSTM_H]->dim[1]) + vector_bytes(4 * cells) + vector_bytes(cells);
}

typedef struct lstm {
  eao_kcall *c;
  eao_tensor h, cell;
  double *scratch;
  int8_t *xq, *hq, *pq; /* hybrid: x, h and what is projected as integers */
  float *hidden;        /* hybrid: what is projected */
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
static void gate(const lstm *l, int32_t g, int64_t b, const vector *x, const vector *hv,
                 double *out) {
  const eao_kcall *c = l->c;
  const eao_tensor *w = in(c, EAO_LSTM_W + g), *r = in(c, EAO_LSTM_R + g);
  const eao_tensor *bias = in(c, EAO_LSTM_BIAS + g), *norm = in(c, EAO_LSTM_NORM + g);
  const eao_tensor *peep = g == 2 ? NULL : in(c, EAO_LSTM_PEEP + (g == 3 ? 2 : g));
  const eao_tensor *cell = &l->cell;
  int64_t n = cell->dim[1];
  for (int64_t i = 0; i < n; i++) {
    out[i] = dot(w, i, x) + dot(r, i, hv);
    if (peep) out[i] += eao_get_real(peep, i) * eao_get_f64(cell, b * n + i);
  }
  if (norm) layer_norm(out, n, norm);
  for (int64_t i = 0; bias && i < n; i++) out[i] += eao_get_real(bias, i);
}

static double clipped(double x, double limit) {
  return limit <= 0 ? x : x > limit ? limit : x < -limit ? -limit : x;
}

/* h and y of batch b: what the output gate lets through, or its projection. */
static void project(lstm *l, int64_t b, int64_t v, const double *hidden) {
  const eao_kcall *c = l->c;
  const eao_tflite_lstm_attr *a = c->attr;
  const eao_tensor *proj = in(c, EAO_LSTM_PROJ), *bias = in(c, EAO_LSTM_PROJ_BIAS);
  int64_t n = l->cell.dim[1], m = l->h.dim[1];
  eao_tensor t = {.dtype = EAO_F32, .rank = 1, .dim = {n}, .data = l->hidden};
  for (int64_t i = 0; a->hybrid && i < n; i++) l->hidden[i] = (float)hidden[i];
  vector hv = vector_of(&t, 0, n, proj ? a->hybrid : 0, l->pq);
  for (int64_t i = 0; i < m; i++) {
    double out = proj ? 0 : hidden[i];
    if (proj && hv.row.mode)
      out = dot(proj, i, &hv);
    else
      for (int64_t k = 0; proj && k < n; k++) out += eao_get_real(proj, i * n + k) * hidden[k];
    if (proj && bias) out += eao_get_real(bias, i);
    if (proj) out = clipped(out, (double)a->proj_clip);
    eao_set_f64(&l->h, b * m + i, out);
    if (c->out[0]) eao_set_f64(c->out[0], v * m + i, out);
  }
}

static void step(lstm *l, int64_t b, int64_t v) {
  const eao_kcall *c = l->c;
  const eao_tflite_lstm_attr *a = c->attr;
  const eao_act act = {.kind = a->act}, sigmoid = {.kind = EAO_ACT_SIGMOID};
  eao_tensor *h = &l->h, *cell = &l->cell;
  int64_t n = cell->dim[1], m = h->dim[1];
  double *i_ = l->scratch, *f_ = i_ + n, *g_ = f_ + n, *o_ = g_ + n, *hidden = o_ + n;
  bool coupled = !in(c, EAO_LSTM_W);
  int64_t inputs = c->in[EAO_LSTM_W + 1]->dim[1];
  vector xv = vector_of(c->in[0], v * inputs, inputs, a->hybrid, l->xq);
  vector hv = vector_of(h, b * m, m, a->hybrid, l->hq);
  if (!coupled) gate(l, 0, b, &xv, &hv, i_);
  gate(l, 1, b, &xv, &hv, f_);
  gate(l, 2, b, &xv, &hv, g_);
  for (int64_t i = 0; i < n; i++) {
    double f = eao_act_apply(&sigmoid, f_[i]);
    double k = coupled ? 1 - f : eao_act_apply(&sigmoid, i_[i]);
    double now = f * eao_get_f64(cell, b * n + i) + k * eao_act_apply(&act, g_[i]);
    eao_set_f64(cell, b * n + i, clipped(now, (double)a->cell_clip));
  }
  gate(l, 3, b, &xv, &hv, o_);
  for (int64_t i = 0; i < n; i++)
    hidden[i] = eao_act_apply(&sigmoid, o_[i]) * eao_act_apply(&act, eao_get_f64(cell, b * n + i));
  project(l, b, v, hidden);
}

eao_status eao_ref_tflite_lstm(eao_kcall *c) {
  const eao_tflite_lstm_attr *a = c->attr;
  char *scratch = c->scratch;
  lstm l = {.c = c};
  l.h = eao_seq_state(c->in[EAO_LSTM_H], c->out[1], &scratch);
  l.cell = eao_seq_state(c->in[EAO_LSTM_C], c->out[2], &scratch);
  l.scratch = (double *)(void *)scratch;
  if (c->in[0]->quant.n) return eao_q_tflite_lstm(c, &l.h, &l.cell, scratch);
  int64_t cells = l.cell.dim[1];
  l.hidden = (float *)(void *)(scratch + vector_bytes(5 * 8 * cells));
  l.xq = (int8_t *)l.hidden + vector_bytes(4 * cells);
  l.hq = l.xq + vector_bytes(c->in[EAO_LSTM_W + 1]->dim[1]);
  l.pq = l.hq + vector_bytes(l.h.dim[1]);
  walk k = walk_of(c->in[0], a->time_major != 0);
  for (int64_t t = 0; t < k.steps; t++)
    for (int64_t b = 0; b < k.batch; b++) step(&l, b, t * k.step_stride + b * k.batch_stride);
  return EAO_OK;
}
