/* TFLite's recurrent operators: svdf, tflite_lstm, tflite_rnn. */
#include "kernel/ref/tflite_seq.h"

#include "kernel/ref/hybrid.h"

#include "op/window.h"

/* t, when given, has this rank and these extents (-1: any). */
static eao_status check(eao_infer *f, const char *what, const eao_tensor *t, int32_t rank,
                        int64_t d0, int64_t d1) {
  if (!t || t->rank < 0) return EAO_OK;
  if (t->rank != rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has %d dimensions, not %d", what, t->rank, rank);
  const int64_t want[2] = {d0, d1};
  for (int32_t i = 0; i < rank; i++)
    if (want[i] >= 0 && t->dim[i] >= 0 && t->dim[i] != want[i])
      return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has extent %lld, not %lld (axis %d)", what,
                            (long long)t->dim[i], (long long)want[i], i);
  return EAO_OK;
}

static int64_t extent(const eao_tensor *t, int32_t axis) {
  return t && t->rank > axis ? t->dim[axis] : -1;
}

/* Both float or both quantised; states keep their own type. */
static eao_status check_x(eao_infer *f) {
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_FLOAT | EAO_TYPES_QUANT));
  bool floats = eao_dtype_is_float(f->in[0]->dtype);
  if (floats) f->out[0].dtype = f->in[0]->dtype;
  if (f->out[0].dtype == EAO_DTYPE_NONE)
    return eao_infer_fail(f, EAO_ERR_TYPE, "the result's type is not declared");
  for (uint32_t i = 1; i < f->n_in; i++) {
    const eao_tensor *t = f->in[i];
    if (!t || t->dtype == EAO_DTYPE_NONE) continue;
    if (floats ? !eao_dtype_is_float(t->dtype) && !t->quant.n : !eao_dtype_is_int(t->dtype))
      return eao_infer_fail(f, EAO_ERR_TYPE, "input %u is %s under %s", i, eao_dtype_name(t->dtype),
                            eao_dtype_name(f->in[0]->dtype));
  }
  return EAO_OK;
}

/* Hybrid weights: from, from + count inputs, where they are there. */
static eao_status check_hybrid(eao_infer *f, int32_t hybrid, uint32_t from, uint32_t count) {
  if (hybrid < 0 || hybrid > EAO_HYBRID_ASYMMETRIC)
    return eao_infer_fail(f, EAO_ERR_FORMAT, "hybrid %d does not exist here", hybrid);
  if (!hybrid) return EAO_OK;
  if (f->in[0]->dtype != EAO_F32)
    return eao_infer_fail(f, EAO_ERR_TYPE, "attribute hybrid needs an input of f32");
  for (uint32_t i = from; i < from + count && i < f->n_in; i++)
    if (f->in[i] && (f->in[i]->dtype != EAO_I8 || f->in[i]->quant.n != 1))
      return eao_infer_fail(f, EAO_ERR_TYPE, "attribute hybrid: input %u is not i8 with one scale",
                            i);
  return EAO_OK;
}

static eao_status check_state(eao_infer *f, uint32_t i) {
  if (eao_dtype_is_float(f->in[0]->dtype) && !eao_dtype_is_float(f->in[i]->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "the state is %s", eao_dtype_name(f->in[i]->dtype));
  return EAO_OK;
}

static eao_status infer_svdf(eao_infer *f) {
  const eao_svdf_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *wf = f->in[1], *wt = f->in[2], *bias = eao_infer_in(f, 3);
  eao_tensor *y = &f->out[0];
  if (!eao_infer_in(f, 4)) return eao_infer_fail(f, EAO_ERR_FORMAT, "the state is missing");
  EAO_TRY(check_x(f));
  EAO_TRY(check_state(f, 4));
  EAO_TRY(check_hybrid(f, a->hybrid, 1, 1));
  int64_t filters = extent(wf, 0), memory = extent(wt, 1), state = -1;
  if (a->rank < 1 || filters == 0 || memory == 0 || (filters > 0 && filters % a->rank))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld filters of rank %lld", (long long)filters,
                          (long long)a->rank);
  int64_t units = filters < 0 ? -1 : filters / a->rank;
  if (filters > 0 && memory > 0 && !eao_mul_i64(filters, memory, &state))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the state is too large");
  EAO_TRY(check(f, "x", x, 2, -1, extent(wf, 1)));
  EAO_TRY(check(f, "feature weights", wf, 2, -1, -1));
  EAO_TRY(check(f, "time weights", wt, 2, filters, -1));
  EAO_TRY(check(f, "bias", bias, 1, units, -1));
  EAO_TRY(check(f, "state", f->in[4], 2, extent(x, 0), state));
  y->rank = 2;
  y->dim[0] = extent(x, 0);
  y->dim[1] = units;
  eao_infer_like(f, 1, f->in[4]);
  return EAO_OK;
}

/* y: x with another last extent. */
static eao_status infer_sequence(eao_infer *f, bool time_major, int64_t batch, int64_t inputs,
                                 int64_t outputs) {
  const eao_tensor *x = f->in[0];
  eao_tensor *y = &f->out[0];
  y->rank = -1;
  if (x->rank < 0) return EAO_OK;
  if (x->rank != 2 && x->rank != 3)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "x has %d dimensions, not 2 or 3", x->rank);
  int64_t own = x->dim[x->rank == 3 && time_major ? 1 : 0], last = x->dim[x->rank - 1];
  if ((own >= 0 && batch >= 0 && own != batch) || (last >= 0 && inputs >= 0 && last != inputs))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "x does not fit the weights or the state");
  y->rank = x->rank;
  for (int32_t i = 0; i < x->rank - 1; i++) y->dim[i] = x->dim[i];
  y->dim[x->rank - 1] = outputs;
  return EAO_OK;
}

static eao_status infer_lstm(eao_infer *f) {
  const eao_tflite_lstm_attr *a = f->attr;
  const eao_tensor *wo = eao_infer_in(f, EAO_LSTM_W + 3), *ro = eao_infer_in(f, EAO_LSTM_R + 3);
  const eao_tensor *h = eao_infer_in(f, EAO_LSTM_H), *proj = eao_infer_in(f, EAO_LSTM_PROJ);
  if (a->act < 0 || a->act > EAO_ACT_GELU_TANH || f->n_in < EAO_LSTM_C + 1)
    return eao_infer_fail(f, EAO_ERR_ARG, "activation %d or %u inputs", a->act, f->n_in);
  if (!h || !f->in[EAO_LSTM_C]) return eao_infer_fail(f, EAO_ERR_FORMAT, "a state is missing");
  EAO_TRY(check_x(f));
  EAO_TRY(check_state(f, EAO_LSTM_H));
  EAO_TRY(check_state(f, EAO_LSTM_C));
  EAO_TRY(check_hybrid(f, a->hybrid, EAO_LSTM_W, 8));
  EAO_TRY(check_hybrid(f, a->hybrid, EAO_LSTM_PROJ, 1));
  int64_t cells = extent(wo, 0), inputs = extent(wo, 1), outputs = extent(ro, 1);
  bool coupled = !f->in[EAO_LSTM_W], norm = eao_infer_in(f, EAO_LSTM_NORM + 1) != NULL;
  for (int32_t g = 0; g < 4; g++) {
    bool need = g > 0 || !coupled;
    const eao_tensor *w = f->in[EAO_LSTM_W + g], *r = f->in[EAO_LSTM_R + g];
    const eao_tensor *n = eao_infer_in(f, (uint32_t)(EAO_LSTM_NORM + g));
    if (need != (w != NULL) || need != (r != NULL) || (norm && need) != (n != NULL))
      return eao_infer_fail(f, EAO_ERR_FORMAT, "weights of gate %d", g);
    EAO_TRY(check(f, "weights", w, 2, cells, inputs));
    EAO_TRY(check(f, "recurrent weights", r, 2, cells, outputs));
    EAO_TRY(check(f, "bias", f->in[EAO_LSTM_BIAS + g], 1, cells, -1));
    EAO_TRY(check(f, "normalisation", n, 1, cells, -1));
    if (g < 3) EAO_TRY(check(f, "peephole weights", f->in[EAO_LSTM_PEEP + g], 1, cells, -1));
  }
  if (!proj && cells >= 0 && outputs >= 0 && cells != outputs)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld cells, %lld outputs and no projection",
                          (long long)cells, (long long)outputs);
  EAO_TRY(check(f, "projection", proj, 2, outputs, cells));
  EAO_TRY(check(f, "projection bias", f->in[EAO_LSTM_PROJ_BIAS], 1, outputs, -1));
  EAO_TRY(check(f, "output state", h, 2, -1, outputs));
  EAO_TRY(check(f, "cell state", f->in[EAO_LSTM_C], 2, extent(h, 0), cells));
  eao_infer_like(f, 1, h);
  eao_infer_like(f, 2, f->in[EAO_LSTM_C]);
  return infer_sequence(f, a->time_major != 0, extent(h, 0), inputs, outputs);
}

static eao_status infer_rnn(eao_infer *f) {
  const eao_tflite_rnn_attr *a = f->attr;
  const eao_tensor *w = f->in[1], *h = f->in[4];
  int64_t cells = extent(w, 0);
  EAO_TRY(check_x(f));
  EAO_TRY(check_state(f, 4));
  EAO_TRY(check_hybrid(f, a->hybrid, 1, 2));
  EAO_TRY(check(f, "weights", w, 2, -1, -1));
  EAO_TRY(check(f, "recurrent weights", f->in[2], 2, cells, cells));
  EAO_TRY(check(f, "bias", f->in[3], 1, cells, -1));
  EAO_TRY(check(f, "state", h, 2, -1, cells));
  eao_infer_like(f, 1, h);
  return infer_sequence(f, a->time_major != 0, extent(h, 0), extent(w, 1), cells);
}

/* ---- samples ---- */

static const float unit_scale[] = {0.02f}, cell_scale[] = {0x1p-11f}, bias_scale[] = {0.0004f};
static const int32_t no_zero[] = {0}, some_zero[] = {3};

static eao_tensor typed(eao_dtype t, int32_t rank, int64_t a, int64_t b) {
  eao_tensor x = {.dtype = t, .rank = rank, .dim = {a, b}};
  if (t == EAO_I8) x.quant = (eao_quant){-1, 1, unit_scale, no_zero};
  if (t == EAO_I16) x.quant = (eao_quant){-1, 1, cell_scale, no_zero};
  if (t == EAO_I32) x.quant = (eao_quant){-1, 1, bias_scale, no_zero};
  return x;
}

static bool sample_svdf(uint32_t k, eao_sample *s) {
  eao_svdf_attr *a = s->attr;
  bool q = k == 1;
  eao_dtype t = q ? EAO_I8 : EAO_F32, w = q ? EAO_I16 : EAO_F32;
  if (k > 1) return false;
  s->n_in = 5;
  s->n_out = 2;
  a->rank = 2;
  a->act.kind = q ? EAO_ACT_NONE : EAO_ACT_RELU;
  s->in[0] = typed(t, 2, 2, 5);
  s->in[1] = typed(t, 2, 6, 5);
  s->in[2] = typed(w, 2, 6, 4);
  s->in[3] = typed(q ? EAO_I32 : EAO_F32, 1, 3, 0);
  s->in[4] = typed(w, 2, 2, 24);
  s->out[0] = typed(t, -1, 0, 0);
  s->out[1] = typed(w, -1, 0, 0);
  if (q) s->in[0].quant.zero = some_zero;
  return true;
}

/* Float, then 8-bit; plain, then coupled with peepholes and projection (float). */
static bool sample_lstm(uint32_t k, eao_sample *s) {
  eao_tflite_lstm_attr *a = s->attr;
  bool q = k == 1, full = k == 2;
  eao_dtype t = q ? EAO_I8 : EAO_F32, wide = q ? EAO_I16 : EAO_F32;
  int64_t cells = 4, outputs = full ? 3 : 4;
  if (k > 2) return false;
  s->n_in = 20;
  s->n_out = 3;
  a->time_major = full;
  a->cell_clip = 1;
  s->in[0] = typed(t, 3, 2, 2);
  s->in[0].dim[2] = 5;
  for (int32_t g = full; g < 4; g++) {
    s->in[EAO_LSTM_W + g] = typed(t, 2, cells, 5);
    s->in[EAO_LSTM_R + g] = typed(t, 2, cells, outputs);
    s->in[EAO_LSTM_BIAS + g] = typed(q ? EAO_I32 : EAO_F32, 1, cells, 0);
  }
  s->in[EAO_LSTM_H] = typed(t, 2, 2, outputs);
  s->in[EAO_LSTM_C] = typed(wide, 2, 2, cells);
  s->out[0] = typed(t, -1, 0, 0);
  s->out[1] = typed(t, -1, 0, 0);
  s->out[2] = typed(wide, -1, 0, 0);
  if (!full) return true;
  s->in[EAO_LSTM_PEEP + 1] = typed(EAO_F32, 1, cells, 0);
  s->in[EAO_LSTM_PEEP + 2] = typed(EAO_F32, 1, cells, 0);
  s->in[EAO_LSTM_PROJ] = typed(EAO_F32, 2, outputs, cells);
  return true;
}

static bool sample_rnn(uint32_t k, eao_sample *s) {
  eao_tflite_rnn_attr *a = s->attr;
  if (k > 1) return false;
  s->n_in = 5;
  s->n_out = 2;
  a->act.kind = EAO_ACT_TANH;
  a->time_major = k == 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {2, 2, 5}};
  s->in[1] = typed(EAO_F32, 2, 3, 5);
  s->in[2] = typed(EAO_F32, 2, 3, 3);
  s->in[3] = typed(EAO_F32, 1, 3, 0);
  s->in[4] = typed(EAO_F32, 2, 2, 3);
  return true;
}

/* ---- the table ---- */

static const eao_attr_desc svdf_attrs[] = {
    {.name = "rank",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_svdf_attr, rank),
     .def = 1,
     .doc = "filters that make one output"},
    EAO_HYBRID_ATTR(eao_svdf_attr),
    EAO_ACT_ATTRS(eao_svdf_attr, act),
};

const eao_op_desc eao_op_svdf = {
    .name = "svdf",
    .doc = "a fully connected layer of rank-limited filters over the last steps (TFLite SVDF)",
    .min_in = 3,
    .max_in = 5,
    .min_out = 2,
    .max_out = 2,
    .attr_size = sizeof(eao_svdf_attr),
    .attrs = svdf_attrs,
    .n_attrs = EAO_COUNT(svdf_attrs),
    .infer = infer_svdf,
    .ref = eao_ref_svdf,
    .ref_scratch = eao_ref_svdf_scratch,
    .sample = sample_svdf,
};

static const eao_attr_desc lstm_attrs[] = {
    {.name = "act",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_tflite_lstm_attr, act),
     .names = eao_act_names,
     .def = EAO_ACT_TANH,
     .doc = "activation of the cell's input and of the output"},
    {.name = "time_major",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_tflite_lstm_attr, time_major),
     .doc = "x is [time, batch, inputs]"},
    {.name = "cell_clip",
     .kind = EAO_ATTR_FLOAT,
     .offset = EAO_ATTR_AT(eao_tflite_lstm_attr, cell_clip),
     .doc = "limit of the cell state, 0: none"},
    {.name = "proj_clip",
     .kind = EAO_ATTR_FLOAT,
     .offset = EAO_ATTR_AT(eao_tflite_lstm_attr, proj_clip),
     .doc = "limit of the projection, 0: none"},
    {.name = "hidden_scale",
     .kind = EAO_ATTR_FLOAT,
     .offset = EAO_ATTR_AT(eao_tflite_lstm_attr, hidden_scale),
     .doc = "quantised: scale of what is projected"},
    {.name = "hidden_zero",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_tflite_lstm_attr, hidden_zero),
     .doc = "quantised: zero point of what is projected"},
    EAO_HYBRID_ATTR(eao_tflite_lstm_attr),
};

const eao_op_desc eao_op_tflite_lstm = {
    .name = "tflite_lstm",
    .doc = "TFLite's LSTM: optional coupling, peepholes, projection, layer normalisation, clipping",
    .min_in = 1, /* which of them are needed, infer says */
    .max_in = 24,
    .min_out = 3,
    .max_out = 3,
    .attr_size = sizeof(eao_tflite_lstm_attr),
    .attrs = lstm_attrs,
    .n_attrs = EAO_COUNT(lstm_attrs),
    .infer = infer_lstm,
    .ref = eao_ref_tflite_lstm,
    .ref_scratch = eao_ref_tflite_lstm_scratch,
    .sample = sample_lstm,
};

static const eao_attr_desc rnn_attrs[] = {
    {.name = "time_major",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_tflite_rnn_attr, time_major),
     .doc = "x is [time, batch, inputs]"},
    EAO_HYBRID_ATTR(eao_tflite_rnn_attr),
    EAO_ACT_ATTRS(eao_tflite_rnn_attr, act),
};

const eao_op_desc eao_op_tflite_rnn = {
    .name = "tflite_rnn",
    .doc = "act(w x + r h + bias) step by step",
    .min_in = 5,
    .max_in = 5,
    .min_out = 2,
    .max_out = 2,
    .attr_size = sizeof(eao_tflite_rnn_attr),
    .attrs = rnn_attrs,
    .n_attrs = EAO_COUNT(rnn_attrs),
    .infer = infer_rnn,
    .ref = eao_ref_tflite_rnn,
    .ref_scratch = eao_ref_tflite_rnn_scratch,
    .sample = sample_rnn,
};
