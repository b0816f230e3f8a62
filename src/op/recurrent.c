/* Recurrent layers with ONNX's semantics: lstm, gru, rnn. */
#include "kernel/ref/recurrent.h"

#include <string.h>

#include "op/window.h"

typedef struct shape_check {
  eao_infer *f;
  int64_t steps, batch, inputs, hidden, dirs;
} shape_check;

/* Unifies an extent with what is known of it. */
static bool unify(int64_t *known, int64_t d, int64_t times) {
  if (d < 0) return true;
  if (*known < 0) {
    if (d % times) return false;
    *known = d / times;
  }
  return *known * times == d;
}

static eao_status check(shape_check *s, const char *what, uint32_t i, int32_t rank,
                        int64_t *const *dims, const int64_t *times) {
  const eao_tensor *t = eao_infer_in(s->f, i);
  if (!t) return EAO_OK;
  if (i != 4 && t->dtype != s->f->in[0]->dtype && t->quant.n == 0)
    return eao_infer_fail(s->f, EAO_ERR_TYPE, "%s is %s, the input is %s", what,
                          eao_dtype_name(t->dtype), eao_dtype_name(s->f->in[0]->dtype));
  if (t->rank < 0) return EAO_OK;
  bool ok = t->rank == rank;
  for (int32_t k = 0; ok && k < rank; k++) {
    if (t->dim[k] > INT32_MAX) ok = false;
    ok = ok && unify(dims[k], t->dim[k], times[k]);
  }
  if (!ok) return eao_infer_fail(s->f, EAO_ERR_SHAPE, "%s has a shape that does not fit", what);
  return EAO_OK;
}

static eao_status check_attrs(eao_infer *f, const eao_recurrent_attr *a, int32_t per_dir) {
  if (a->direction < 0 || a->direction > EAO_RECURRENT_BIDIRECTIONAL)
    return eao_infer_fail(f, EAO_ERR_ARG, "direction %d does not exist", a->direction);
  int32_t dirs = a->direction == EAO_RECURRENT_BIDIRECTIONAL ? 2 : 1;
  if (a->activations.n != 0 && a->activations.n != dirs * per_dir)
    return eao_infer_fail(f, EAO_ERR_ARG, "%d activations, %d are needed", a->activations.n,
                          dirs * per_dir);
  for (int32_t i = 0; i < a->activations.n; i++)
    if (a->activations.v[i] < 0 || a->activations.v[i] >= EAO_GATE_COUNT)
      return eao_infer_fail(f, EAO_ERR_ARG, "activation %lld does not exist",
                            (long long)a->activations.v[i]);
  if (a->alpha.n < 0 || a->alpha.n > EAO_MAX_INTS || a->beta.n < 0 || a->beta.n > EAO_MAX_INTS)
    return eao_infer_fail(f, EAO_ERR_ARG, "a list of activation parameters is too long");
  return EAO_OK;
}

static void state_shape(const shape_check *s, bool batch_first, eao_tensor *t) {
  t->dtype = s->f->in[0]->dtype;
  t->rank = 3;
  t->dim[0] = batch_first ? s->batch : s->dirs;
  t->dim[1] = batch_first ? s->dirs : s->batch;
  t->dim[2] = s->hidden;
}

static eao_status infer_recurrent(eao_infer *f, int64_t gates, int32_t per_dir) {
  const eao_recurrent_attr *a = f->attr;
  bool bf = a->batch_first;
  EAO_TRY(eao_infer_types(f, "input", f->in[0], EAO_TYPES_FLOAT));
  EAO_TRY(check_attrs(f, a, per_dir));
  shape_check s = {f, -1, -1, -1, -1, a->direction == EAO_RECURRENT_BIDIRECTIONAL ? 2 : 1};
  if (a->hidden_size < 0 || a->hidden_size > INT32_MAX)
    return eao_infer_fail(f, EAO_ERR_ARG, "hidden_size = %lld is not possible",
                          (long long)a->hidden_size);
  if (a->hidden_size) s.hidden = a->hidden_size;
  int64_t *x[] = {bf ? &s.batch : &s.steps, bf ? &s.steps : &s.batch, &s.inputs};
  int64_t *w[] = {&s.dirs, &s.hidden, &s.inputs}, *r[] = {&s.dirs, &s.hidden, &s.hidden};
  int64_t *state[] = {bf ? &s.batch : &s.dirs, bf ? &s.dirs : &s.batch, &s.hidden};
  const int64_t one[] = {1, 1, 1}, by_gate[] = {1, gates, 1};
  EAO_TRY(check(&s, "input", 0, 3, x, one));
  EAO_TRY(check(&s, "w", 1, 3, w, by_gate));
  EAO_TRY(check(&s, "r", 2, 3, r, by_gate));
  EAO_TRY(check(&s, "bias", 3, 2, r, (int64_t[]){1, 2 * gates}));
  EAO_TRY(check(&s, "sequence lengths", 4, 1, (int64_t *[]){&s.batch}, one));
  EAO_TRY(check(&s, "initial h", 5, 3, state, one));
  EAO_TRY(check(&s, "initial c", 6, 3, state, one));
  EAO_TRY(check(&s, "peepholes", 7, 2, r, (int64_t[]){1, 3}));
  const eao_tensor *len = eao_infer_in(f, 4);
  if (len) EAO_TRY(eao_infer_types(f, "sequence lengths", len, EAO_TYPES_INT));
  eao_tensor *y = &f->out[0];
  y->dtype = f->in[0]->dtype;
  y->rank = 4;
  const int64_t seq[] = {s.steps, s.dirs, s.batch, s.hidden};
  const int64_t bat[] = {s.batch, s.steps, s.dirs, s.hidden};
  memcpy(y->dim, bf ? bat : seq, sizeof seq);
  for (uint32_t i = 1; i < f->n_out; i++) state_shape(&s, bf, &f->out[i]);
  return EAO_OK;
}

static eao_status infer_lstm(eao_infer *f) {
  return infer_recurrent(f, 4, 3);
}
static eao_status infer_gru(eao_infer *f) {
  return infer_recurrent(f, 3, 2);
}
static eao_status infer_rnn(eao_infer *f) {
  return infer_recurrent(f, 1, 1);
}

static void cost_recurrent(const eao_infer *f, eao_cost *out) {
  const eao_tensor *x = f->in[0], *w = f->in[1], *r = f->in[2];
  out->macs = 0;
  if (x->rank != 3 || w->rank != 3 || r->rank != 3 || r->dim[2] < 0) return;
  eao_tensor steps = {.rank = 2, .dim = {x->dim[0], x->dim[1]}};
  int64_t row = w->dim[2] < 0 ? -1 : w->dim[2] + r->dim[2];
  eao_cost_product(&steps, (int64_t[]){w->dim[0], w->dim[1], row}, 3, out);
}

/* S 4, N 2, I 3, H 5. */
static bool sample_recurrent(uint32_t k, eao_sample *s, int64_t gates, bool lstm) {
  static const int32_t lengths[] = {4, 2};
  eao_recurrent_attr *a = s->attr;
  if (k > 4) return false;
  int64_t d = k == 1 ? 2 : 1;
  eao_dtype t = k == 4 ? EAO_F16 : EAO_F32;
  bool bf = k == 3;
  a->hidden_size = 5;
  a->batch_first = bf;
  a->direction = k == 1   ? EAO_RECURRENT_BIDIRECTIONAL
                 : k == 2 ? EAO_RECURRENT_REVERSE
                          : EAO_RECURRENT_FORWARD;
  s->n_in = k == 0 ? 3 : lstm ? 8 : 6;
  s->n_out = lstm ? 3 : 2;
  s->in[0] = (eao_tensor){.dtype = t, .rank = 3, .dim = {bf ? 2 : 4, bf ? 4 : 2, 3}};
  s->in[1] = (eao_tensor){.dtype = t, .rank = 3, .dim = {d, 5 * gates, 3}};
  s->in[2] = (eao_tensor){.dtype = t, .rank = 3, .dim = {d, 5 * gates, 5}};
  s->in[3] = (eao_tensor){.dtype = t, .rank = 2, .dim = {d, 10 * gates}};
  s->in[4] =
      (eao_tensor){.dtype = EAO_I32, .rank = 1, .dim = {2}, .data = (void *)(uintptr_t)lengths};
  s->in[5] = (eao_tensor){.dtype = t, .rank = 3, .dim = {bf ? 2 : d, bf ? d : 2, 5}};
  s->in[6] = s->in[5];
  s->in[7] = (eao_tensor){.dtype = t, .rank = 2, .dim = {d, 15}};
  if (k == 2) s->in[4] = (eao_tensor){.dtype = EAO_DTYPE_NONE};
  if (k == 2) a->clip = 0.5f;
  if (k == 4) a->linear_before_reset = a->input_forget = 1;
  return true;
}

static bool sample_lstm(uint32_t k, eao_sample *s) {
  eao_recurrent_attr *a = s->attr;
  if (k == 5) {
    if (!sample_recurrent(1, s, 4, true)) return false;
    a->activations = EAO_INTS(EAO_GATE_HARD_SIGMOID, EAO_GATE_AFFINE, EAO_GATE_ELU,
                              EAO_GATE_SIGMOID, EAO_GATE_SOFTPLUS, EAO_GATE_SOFTSIGN);
    a->alpha = (eao_floats){.n = 2, .v = {0.3f, 0.5f}};
    a->beta = (eao_floats){.n = 1, .v = {0.6f}};
    return true;
  }
  return sample_recurrent(k, s, 4, true);
}
static bool sample_gru(uint32_t k, eao_sample *s) {
  return sample_recurrent(k, s, 3, false);
}
static bool sample_rnn(uint32_t k, eao_sample *s) {
  return sample_recurrent(k, s, 1, false);
}

static const char *const direction_names[] = {"forward", "reverse", "bidirectional", NULL};
static const char *const gate_names[] = {
    "sigmoid",    "tanh",        "relu", "affine",   "leakyrelu", "thresholdedrelu",
    "scaledtanh", "hardsigmoid", "elu",  "softsign", "softplus",  NULL};

#define AT(field) EAO_ATTR_AT(eao_recurrent_attr, field)
#define COMMON_ROWS                                                                                \
  {.name = "direction",                                                                            \
   .kind = EAO_ATTR_ENUM,                                                                          \
   .offset = AT(direction),                                                                        \
   .names = direction_names,                                                                       \
   .doc = "order in which the steps are taken"},                                                   \
      {.name = "batch_first",                                                                      \
       .kind = EAO_ATTR_BOOL,                                                                      \
       .offset = AT(batch_first),                                                                  \
       .onnx = "layout",                                                                           \
       .doc = "the batch axis stands before the steps"},                                           \
      {.name = "hidden_size",                                                                      \
       .kind = EAO_ATTR_INT,                                                                       \
       .offset = AT(hidden_size),                                                                  \
       .doc = "units of the layer; 0: as many as the weights have"},                               \
      {.name = "clip",                                                                             \
       .kind = EAO_ATTR_FLOAT,                                                                     \
       .offset = AT(clip),                                                                         \
       .doc = "bound of the activations' inputs; 0: none"},                                        \
      {.name = "activations",                                                                      \
       .kind = EAO_ATTR_ENUMS,                                                                     \
       .offset = AT(activations),                                                                  \
       .names = gate_names,                                                                        \
       .doc = "activations of each direction; empty: sigmoid and tanh"},                           \
      {.name = "activation_alpha",                                                                 \
       .kind = EAO_ATTR_FLOATS,                                                                    \
       .offset = AT(alpha),                                                                        \
       .doc = "first parameters of the activations that have one, in order"},                      \
  {                                                                                                \
    .name = "activation_beta", .kind = EAO_ATTR_FLOATS, .offset = AT(beta),                        \
    .doc = "second parameters, in order"                                                           \
  }

static const eao_attr_desc lstm_attrs[] = {
    COMMON_ROWS,
    {.name = "input_forget",
     .kind = EAO_ATTR_BOOL,
     .offset = AT(input_forget),
     .doc = "the forget gate is 1 minus the input gate"},
};
static const eao_attr_desc gru_attrs[] = {
    COMMON_ROWS,
    {.name = "linear_before_reset",
     .kind = EAO_ATTR_BOOL,
     .offset = AT(linear_before_reset),
     .doc = "the reset gate acts on the state's product instead of on the state"},
};
static const eao_attr_desc rnn_attrs[] = {COMMON_ROWS};

const eao_op_desc eao_op_lstm = {
    .name = "lstm",
    .doc = "long short-term memory layer over a sequence",
    .min_in = 3,
    .max_in = 8,
    .min_out = 1,
    .max_out = 3,
    .attr_size = sizeof(eao_recurrent_attr),
    .attrs = lstm_attrs,
    .n_attrs = EAO_COUNT(lstm_attrs),
    .onnx = "LSTM",
    .onnx_since = 7,
    .infer = infer_lstm,
    .cost = cost_recurrent,
    .ref = eao_ref_lstm,
    .ref_scratch = eao_ref_recurrent_scratch,
    .sample = sample_lstm,
};

const eao_op_desc eao_op_gru = {
    .name = "gru",
    .doc = "gated recurrent unit layer over a sequence",
    .min_in = 3,
    .max_in = 6,
    .min_out = 1,
    .max_out = 2,
    .attr_size = sizeof(eao_recurrent_attr),
    .attrs = gru_attrs,
    .n_attrs = EAO_COUNT(gru_attrs),
    .onnx = "GRU",
    .onnx_since = 7,
    .infer = infer_gru,
    .cost = cost_recurrent,
    .ref = eao_ref_gru,
    .ref_scratch = eao_ref_recurrent_scratch,
    .sample = sample_gru,
};

const eao_op_desc eao_op_rnn = {
    .name = "rnn",
    .doc = "simple recurrent layer over a sequence",
    .min_in = 3,
    .max_in = 6,
    .min_out = 1,
    .max_out = 2,
    .attr_size = sizeof(eao_recurrent_attr),
    .attrs = rnn_attrs,
    .n_attrs = EAO_COUNT(rnn_attrs),
    .onnx = "RNN",
    .onnx_since = 7,
    .infer = infer_rnn,
    .cost = cost_recurrent,
    .ref = eao_ref_rnn,
    .ref_scratch = eao_ref_recurrent_scratch,
    .sample = sample_rnn,
};
