#include <math.h>
#include <string.h>

#include "kernel/ref/recurrent.h"

/* Number of the activation that lstm applies to its cell: its input is not clipped. */
enum { MAX_ACTS = 3, MAX_GATES = 4, OF_CELL = 2 };

typedef struct gate_act {
  int32_t kind;
  double a, b;
} gate_act;

typedef struct layer {
  const eao_recurrent_attr *attr;
  const eao_tensor *x, *w, *r, *bias, *lengths, *h0, *c0, *peep;
  eao_tensor *y, *yh, *yc;
  int64_t steps, batch, inputs, hidden, dirs, gates;
  gate_act act[2][MAX_ACTS];
  int32_t dir;                /* current direction */
  double *in, *h, *c, *g, *t; /* input row, states, gates' inputs, a temporary [H] */
} layer;

static const eao_tensor *input(const eao_kcall *c, uint32_t i) {
  return i < c->n_in ? c->in[i] : NULL;
}

static eao_tensor *output(const eao_kcall *c, uint32_t i) {
  return i < c->n_out ? c->out[i] : NULL;
}

static void acts(layer *l, const int32_t *defaults, int32_t per_dir) {
  static const struct {
    bool has_a, has_b;
    double a, b;
  } spec[EAO_GATE_COUNT] = {
      [EAO_GATE_AFFINE] = {true, true, 1, 0},
      [EAO_GATE_LEAKY_RELU] = {true, false, 0.01, 0},
      [EAO_GATE_THRESHOLDED_RELU] = {true, false, 1, 0},
      [EAO_GATE_SCALED_TANH] = {true, true, 1, 1},
      [EAO_GATE_HARD_SIGMOID] = {true, true, 0.2, 0.5},
      [EAO_GATE_ELU] = {true, false, 1, 0},
  };
  const eao_recurrent_attr *a = l->attr;
  int32_t na = 0, nb = 0;
  for (int32_t d = 0; d < l->dirs; d++)
    for (int32_t i = 0; i < per_dir; i++) {
      int32_t k = a->activations.n ? (int32_t)a->activations.v[d * per_dir + i] : defaults[i];
      gate_act *to = &l->act[d][i];
      *to = (gate_act){k, spec[k].a, spec[k].b};
      if (spec[k].has_a && na < a->alpha.n) to->a = (double)a->alpha.v[na++];
      if (spec[k].has_b && nb < a->beta.n) to->b = (double)a->beta.v[nb++];
    }
}

static double activate(const layer *l, int32_t which, double x) {
  const gate_act *a = &l->act[l->dir][which];
  double clip = (double)l->attr->clip;
  if (clip > 0 && which != OF_CELL) x = x < -clip ? -clip : x > clip ? clip : x;
  switch (a->kind) {
  case EAO_GATE_SIGMOID: return 1 / (1 + exp(-x));
  case EAO_GATE_TANH: return tanh(x);
  case EAO_GATE_RELU: return x < 0 ? 0 : x;
  case EAO_GATE_AFFINE: return a->a * x + a->b;
  case EAO_GATE_LEAKY_RELU: return x < 0 ? a->a * x : x;
  case EAO_GATE_THRESHOLDED_RELU: return x > a->a ? x : 0;
  case EAO_GATE_SCALED_TANH: return a->a * tanh(a->b * x);
  case EAO_GATE_HARD_SIGMOID: return fmin(1, fmax(0, a->a * x + a->b));
  case EAO_GATE_ELU: return x < 0 ? a->a * expm1(x) : x;
  case EAO_GATE_SOFTSIGN: return x / (1 + fabs(x));
  default: return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)); /* softplus */
  }
}

static void layer_init(layer *l, eao_kcall *c, int64_t gates) {
  memset(l, 0, sizeof *l);
  l->attr = c->attr;
  l->x = c->in[0];
  l->w = c->in[1];
  l->r = c->in[2];
  l->bias = input(c, 3);
  l->lengths = input(c, 4);
  l->h0 = input(c, 5);
  l->c0 = input(c, 6);
  l->peep = input(c, 7);
  l->y = output(c, 0);
  l->yh = output(c, 1);
  l->yc = output(c, 2);
  l->steps = l->x->dim[l->attr->batch_first ? 1 : 0];
  l->batch = l->x->dim[l->attr->batch_first ? 0 : 1];
  l->inputs = l->x->dim[2];
  l->hidden = l->r->dim[2];
  l->dirs = l->w->dim[0];
  l->gates = gates;
  double *p = c->scratch;
  l->in = p;
  l->h = p += l->inputs;
  l->c = p += l->hidden;
  l->t = p += l->hidden;
  l->g = p + l->hidden;
}

size_t eao_ref_recurrent_scratch(const eao_kcall *c) {
  return (size_t)(c->in[0]->dim[2] + (3 + MAX_GATES) * c->in[2]->dim[2]) * sizeof(double);
}

static double dot(const double *v, const eao_tensor *w, int64_t at, int64_t n) {
  double sum = 0;
  if (w->dtype == EAO_F32) {
    const float *p = (const float *)w->data + at;
    for (int64_t i = 0; i < n; i++) sum += v[i] * (double)p[i];
  } else {
    for (int64_t i = 0; i < n; i++) sum += v[i] * eao_get_real(w, at + i);
  }
  return sum;
}

static double bias_at(const layer *l, int64_t i) {
  return l->bias ? eao_get_real(l->bias, l->dir * 2 * l->gates * l->hidden + i) : 0;
}

/* Row of gate g, unit j: of the input's and of the state's weights. */
static double from_input(const layer *l, int64_t g, int64_t j) {
  int64_t row = g * l->hidden + j;
  return dot(l->in, l->w, (l->dir * l->gates * l->hidden + row) * l->inputs, l->inputs) +
         bias_at(l, row);
}

static double from_state(const layer *l, const double *h, int64_t g, int64_t j) {
  int64_t row = g * l->hidden + j;
  return dot(h, l->r, (l->dir * l->gates * l->hidden + row) * l->hidden, l->hidden) +
         bias_at(l, l->gates * l->hidden + row);
}

static double peephole(const layer *l, int64_t which, int64_t j, double cell) {
  if (!l->peep) return 0;
  return eao_get_real(l->peep, (l->dir * 3 + which) * l->hidden + j) * cell;
}

static void step_lstm(layer *l) {
  enum { I, O, F, C };
  int64_t n = l->hidden;
  for (int64_t g = 0; g < 4; g++)
    for (int64_t j = 0; j < n; j++)
      l->g[g * n + j] = from_input(l, g, j) + from_state(l, l->h, g, j);
  for (int64_t j = 0; j < n; j++) {
    double cell = l->c[j];
    double i = activate(l, 0, l->g[I * n + j] + peephole(l, 0, j, cell));
    double f =
        l->attr->input_forget ? 1 - i : activate(l, 0, l->g[F * n + j] + peephole(l, 2, j, cell));
    cell = f * cell + i * activate(l, 1, l->g[C * n + j]);
    double o = activate(l, 0, l->g[O * n + j] + peephole(l, 1, j, cell));
    l->c[j] = cell;
    l->h[j] = o * activate(l, OF_CELL, cell);
  }
}

static void step_gru(layer *l) {
  enum { Z, R, H };
  int64_t n = l->hidden;
  double *z = l->g, *r = l->g + n, *next = l->g + 2 * n;
  for (int64_t j = 0; j < n; j++) {
    z[j] = activate(l, 0, from_input(l, Z, j) + from_state(l, l->h, Z, j));
    r[j] = activate(l, 0, from_input(l, R, j) + from_state(l, l->h, R, j));
    l->t[j] = r[j] * l->h[j];
  }
  for (int64_t j = 0; j < n; j++) {
    double s =
        l->attr->linear_before_reset ? r[j] * from_state(l, l->h, H, j) : from_state(l, l->t, H, j);
    next[j] = activate(l, 1, from_input(l, H, j) + s);
  }
  for (int64_t j = 0; j < n; j++) l->h[j] = (1 - z[j]) * next[j] + z[j] * l->h[j];
}

static void step_rnn(layer *l) {
  for (int64_t j = 0; j < l->hidden; j++)
    l->t[j] = activate(l, 0, from_input(l, 0, j) + from_state(l, l->h, 0, j));
  memcpy(l->h, l->t, (size_t)l->hidden * sizeof *l->h);
}

static int64_t state_at(const layer *l, int64_t n) {
  return (l->attr->batch_first ? n * l->dirs + l->dir : l->dir * l->batch + n) * l->hidden;
}

static int64_t y_at(const layer *l, int64_t step, int64_t n) {
  if (l->attr->batch_first) return ((n * l->steps + step) * l->dirs + l->dir) * l->hidden;
  return ((step * l->dirs + l->dir) * l->batch + n) * l->hidden;
}

static void load_state(const layer *l, const eao_tensor *t, int64_t n, double *to) {
  int64_t at = state_at(l, n);
  for (int64_t j = 0; j < l->hidden; j++) to[j] = t ? eao_get_real(t, at + j) : 0;
}

static void store(eao_tensor *t, int64_t at, const double *v, int64_t n) {
  for (int64_t j = 0; t && j < n; j++) eao_set_f64(t, at + j, v ? v[j] : 0);
}

/* One sequence in one direction. */
static void run_sequence(layer *l, int64_t n, int64_t len, bool reverse, void (*step)(layer *l)) {
  load_state(l, l->h0, n, l->h);
  load_state(l, l->c0, n, l->c);
  for (int64_t k = 0; k < len; k++) {
    int64_t s = reverse ? len - 1 - k : k;
    int64_t at = (l->attr->batch_first ? n * l->steps + s : s * l->batch + n) * l->inputs;
    for (int64_t i = 0; i < l->inputs; i++) l->in[i] = eao_get_real(l->x, at + i);
    step(l);
    store(l->y, y_at(l, s, n), l->h, l->hidden);
  }
  for (int64_t s = len; s < l->steps; s++) store(l->y, y_at(l, s, n), NULL, l->hidden);
  store(l->yh, state_at(l, n), l->h, l->hidden);
  store(l->yc, state_at(l, n), l->c, l->hidden);
}

static eao_status run(eao_kcall *c, layer *l, void (*step)(layer *l)) {
  for (l->dir = 0; l->dir < l->dirs; l->dir++) {
    bool reverse = l->dir == 1 || l->attr->direction == EAO_RECURRENT_REVERSE;
    for (int64_t n = 0; n < l->batch; n++) {
      int64_t len = l->lengths ? eao_get_i64(l->lengths, n) : l->steps;
      if (len < 0 || len > l->steps)
        return eao_kfail(c, EAO_ERR_ARG, "a sequence length lies outside the input's steps");
      run_sequence(l, n, len, reverse, step);
    }
  }
  return EAO_OK;
}

eao_status eao_ref_lstm(eao_kcall *c) {
  layer l;
  layer_init(&l, c, 4);
  acts(&l, (int32_t[]){EAO_GATE_SIGMOID, EAO_GATE_TANH, EAO_GATE_TANH}, 3);
  return run(c, &l, step_lstm);
}

eao_status eao_ref_gru(eao_kcall *c) {
  layer l;
  layer_init(&l, c, 3);
  acts(&l, (int32_t[]){EAO_GATE_SIGMOID, EAO_GATE_TANH}, 2);
  return run(c, &l, step_gru);
}

eao_status eao_ref_rnn(eao_kcall *c) {
  layer l;
  layer_init(&l, c, 1);
  acts(&l, (int32_t[]){EAO_GATE_TANH}, 1);
  return run(c, &l, step_rnn);
}
