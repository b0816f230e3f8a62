/* dft, stft, hann_window, hamming_window, blackman_window, mel_weight_matrix. */
#include "kernel/ref/signal.h"

#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status one_integer(eao_infer *f, const char *what, const eao_tensor *t) {
  if (!t) return EAO_OK;
  EAO_TRY(eao_infer_types(f, what, t, EAO_TYPES_INT));
  if (t->data && eao_tensor_count(t) != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s must be one number", what);
  return EAO_OK;
}

static eao_status check_dtype(eao_infer *f, int32_t dtype) {
  if (eao_dtype_bits((eao_dtype)dtype) && dtype != EAO_BOOL) return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_TYPE, "the result cannot be %s",
                        eao_dtype_name((eao_dtype)dtype));
}

static eao_status check_points(eao_infer *f, int64_t n) {
  if (n >= 1 && n <= EAO_DFT_MAX) return EAO_OK;
  return eao_infer_fail(f, EAO_ERR_SHAPE, "a transform of %lld points", (long long)n);
}

static eao_status infer_dft(eao_infer *f) {
  const eao_dft_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *length = eao_infer_in(f, 1), *where = eao_infer_in(f, 2);
  int32_t axis;
  bool to_real = a->inverse && a->onesided;
  EAO_TRY(eao_infer_types(f, "input", x, EAO_TYPES_FLOAT));
  EAO_TRY(one_integer(f, "dft_length", length));
  EAO_TRY(one_integer(f, "axis", where));
  eao_infer_rank(f, 0, x->dtype, x->rank);
  if (x->rank < 0) return EAO_OK;
  int64_t parts = x->rank ? x->dim[x->rank - 1] : 0;
  if (x->rank < 2 || (parts >= 0 && parts != 1 && parts != 2))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the last axis must hold 1 or 2 parts of a number");
  if (where && !where->data) return EAO_OK;
  EAO_TRY(eao_infer_axis(f, "axis", where ? eao_get_i64(where, 0) : -2, x->rank, &axis));
  if (axis == x->rank - 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the axis is the one that holds complex numbers");
  eao_infer_like(f, 0, x);
  f->out[0].dim[x->rank - 1] = to_real ? 1 : 2;
  f->out[0].dim[axis] = -1;
  if ((length && !length->data) || (!length && x->dim[axis] < 0)) return EAO_OK;
  int64_t n = eao_dft_points(x, axis, length, a);
  EAO_TRY(check_points(f, n));
  f->out[0].dim[axis] = a->onesided && !a->inverse ? n / 2 + 1 : n;
  return EAO_OK;
}

static eao_status infer_stft(eao_infer *f) {
  const eao_stft_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *step = f->in[1];
  const eao_tensor *window = eao_infer_in(f, 2), *length = eao_infer_in(f, 3);
  EAO_TRY(eao_infer_types(f, "signal", x, EAO_TYPES_FLOAT));
  EAO_TRY(one_integer(f, "frame_step", step));
  EAO_TRY(one_integer(f, "frame_length", length));
  eao_infer_rank(f, 0, x->dtype, 4);
  f->out[0].dim[3] = 2;
  if (window && window->rank >= 0 && window->rank != 1)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the window must be a list");
  if (x->rank < 0) return EAO_OK;
  if ((x->rank != 2 && x->rank != 3) ||
      (x->rank == 3 && x->dim[2] >= 0 && x->dim[2] != 1 && x->dim[2] != 2))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the signal must be [batch, samples, 1 or 2]");
  f->out[0].dim[0] = x->dim[0];
  if ((length && !length->data) ||
      (!length && window && (window->rank < 0 || window->dim[0] < 0)) ||
      (!length && !window && x->dim[1] < 0))
    return EAO_OK;
  int64_t n = eao_stft_points(x, window, length);
  EAO_TRY(check_points(f, n));
  if (window && window->rank == 1 && window->dim[0] > n)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "a window of %lld samples for frames of %lld",
                          (long long)window->dim[0], (long long)n);
  f->out[0].dim[2] = a->onesided ? n / 2 + 1 : n;
  if (!step->data || x->dim[1] < 0) return EAO_OK;
  int64_t hop = eao_get_i64(step, 0);
  if (hop < 1 || x->dim[1] < n)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "frames of %lld every %lld of %lld samples",
                          (long long)n, (long long)hop, (long long)x->dim[1]);
  f->out[0].dim[1] = (x->dim[1] - n) / hop + 1;
  return EAO_OK;
}

static eao_status infer_window(eao_infer *f) {
  const eao_window_attr *a = f->attr;
  EAO_TRY(one_integer(f, "size", f->in[0]));
  EAO_TRY(check_dtype(f, a->dtype));
  eao_infer_rank(f, 0, (eao_dtype)a->dtype, 1);
  if (!f->in[0]->data) return EAO_OK;
  f->out[0].dim[0] = eao_get_i64(f->in[0], 0);
  if (f->out[0].dim[0] < 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "the size is negative");
  return EAO_OK;
}

static eao_status infer_mel(eao_infer *f) {
  const eao_mel_attr *a = f->attr;
  static const char *const names[] = {"num_mel_bins", "dft_length", "sample_rate",
                                      "lower_edge_hertz", "upper_edge_hertz"};
  bool known = true;
  EAO_TRY(check_dtype(f, a->dtype));
  for (uint32_t i = 0; i < 5; i++) {
    EAO_TRY(eao_infer_types(f, names[i], f->in[i], i < 3 ? EAO_TYPES_INT : EAO_TYPES_FLOAT));
    if (f->in[i]->data && eao_tensor_count(f->in[i]) != 1)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "%s must be one number", names[i]);
    if (!f->in[i]->data) known = false;
  }
  eao_infer_rank(f, 0, (eao_dtype)a->dtype, 2);
  if (!known) return EAO_OK;
  int64_t bands = eao_get_i64(f->in[0], 0), n = eao_get_i64(f->in[1], 0), bin;
  if (bands < 1 || bands > EAO_DFT_MAX || n < 1 || n > EAO_DFT_MAX ||
      eao_get_i64(f->in[2], 0) < 1 || !eao_mel_edge(f->in, 0, &bin) ||
      !eao_mel_edge(f->in, bands + 1, &bin))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld bands do not fit a spectrum of %lld points",
                          (long long)bands, (long long)n);
  f->out[0].dim[0] = n / 2 + 1;
  f->out[0].dim[1] = bands;
  return EAO_OK;
}

static bool sample_dft(uint32_t k, eao_sample *s) {
  static const int64_t length[] = {8, 6, 5, 7}, axis[] = {1};
  eao_dft_attr *a = s->attr;
  if (k >= 4) return false;
  s->n_in = 3;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = k == 1 ? EAO_F64 : EAO_F32, .rank = 3, .dim = {2, 6, 1}};
  s->in[0].dim[2] = k == 0 || k == 2 ? 1 : 2;
  s->in[1] = eao_sample_ints(&length[k], 1);
  s->in[1].rank = 0;
  s->in[2] = eao_sample_ints(axis, 1);
  s->in[2].rank = 0;
  a->onesided = k >= 2;
  a->inverse = k == 1 || k == 3;
  return true;
}

static bool sample_stft(uint32_t k, eao_sample *s) {
  static const int64_t step[] = {3}, length[] = {7};
  eao_stft_attr *a = s->attr;
  if (k >= 2) return false;
  s->n_in = 4;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {2, 20, 1}};
  s->in[1] = eao_sample_ints(step, 1);
  s->in[1].rank = 0;
  if (k) s->in[2] = (eao_tensor){.dtype = EAO_F32, .rank = 1, .dim = {7}};
  s->in[3] = eao_sample_ints(length, 1);
  s->in[3].rank = 0;
  a->onesided = (int32_t)k;
  return true;
}

static bool sample_window(uint32_t k, eao_sample *s) {
  static const int64_t size[] = {10, 1};
  eao_window_attr *a = s->attr;
  if (k >= 2) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = eao_sample_ints(&size[k], 1);
  s->in[0].rank = 0;
  a->periodic = !k;
  return true;
}

static bool sample_mel(uint32_t k, eao_sample *s) {
  static const int64_t ints[] = {8, 16, 8192};
  static const float edges[] = {0, 4096};
  if (k >= 1) return false;
  s->n_in = 5;
  s->n_out = 1;
  for (uint32_t i = 0; i < 5; i++)
    s->in[i] = i < 3 ? (eao_tensor){.dtype = EAO_I64, .data = (void *)(uintptr_t)&ints[i]}
                     : (eao_tensor){.dtype = EAO_F32, .data = (void *)(uintptr_t)&edges[i - 3]};
  return true;
}

static const eao_attr_desc dft_attrs[] = {
    {.name = "inverse",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_dft_attr, inverse),
     .doc = "divided by the number of points"},
    {.name = "onesided",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_dft_attr, onesided),
     .doc = "forward: only the first half of the result; inverse: only that half comes in, the "
            "result is real"},
};

const eao_op_desc eao_op_dft = {
    .name = "dft",
    .doc = "x, optional length, optional axis (default -2): discrete Fourier transform",
    .min_in = 1,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_dft_attr),
    .attrs = dft_attrs,
    .n_attrs = EAO_COUNT(dft_attrs),
    .onnx = "DFT",
    .onnx_since = 20,
    .infer = infer_dft,
    .ref = eao_ref_dft,
    .ref_scratch = eao_ref_dft_scratch,
    .sample = sample_dft,
};

static const eao_attr_desc stft_attrs[] = {
    {.name = "onesided",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_stft_attr, onesided),
     .def = 1,
     .doc = "only the first half of each spectrum"},
};

const eao_op_desc eao_op_stft = {
    .name = "stft",
    .doc = "signal, step, optional window, optional frame length: spectra of frames",
    .min_in = 2,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_stft_attr),
    .attrs = stft_attrs,
    .n_attrs = EAO_COUNT(stft_attrs),
    .onnx = "STFT",
    .infer = infer_stft,
    .ref = eao_ref_stft,
    .ref_scratch = eao_ref_stft_scratch,
    .sample = sample_stft,
};

static const eao_attr_desc window_attrs[] = {
    {.name = "dtype",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_window_attr, dtype),
     .onnx = "output_datatype",
     .def = EAO_F32,
     .doc = "of the result"},
    {.name = "periodic",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_window_attr, periodic),
     .def = 1,
     .doc = "one period of the window, else both ends are the same"},
};

#define WINDOW(id, text, onnx_name)                                                                \
  const eao_op_desc eao_op_##id = {                                                                \
      .name = #id,                                                                                 \
      .doc = text,                                                                                 \
      .min_in = 1,                                                                                 \
      .max_in = 1,                                                                                 \
      .min_out = 1,                                                                                \
      .max_out = 1,                                                                                \
      .attr_size = sizeof(eao_window_attr),                                                        \
      .attrs = window_attrs,                                                                       \
      .n_attrs = EAO_COUNT(window_attrs),                                                          \
      .onnx = onnx_name,                                                                           \
      .infer = infer_window,                                                                       \
      .ref = eao_ref_##id,                                                                         \
      .sample = sample_window,                                                                     \
  }

WINDOW(hann_window, "0.5 - 0.5 cos(2 pi k / n)", "HannWindow");
WINDOW(hamming_window, "25/46 - 21/46 cos(2 pi k / n)", "HammingWindow");
WINDOW(blackman_window, "0.42 - 0.5 cos(2 pi k / n) + 0.08 cos(4 pi k / n)", "BlackmanWindow");

static const eao_attr_desc mel_attrs[] = {
    {.name = "dtype",
     .kind = EAO_ATTR_DTYPE,
     .offset = EAO_ATTR_AT(eao_mel_attr, dtype),
     .onnx = "output_datatype",
     .def = EAO_F32,
     .doc = "of the result"},
};

const eao_op_desc eao_op_mel_weight_matrix = {
    .name = "mel_weight_matrix",
    .doc = "bands, points, sample rate, lowest and highest frequency: triangular filters evenly "
           "spread over the mel scale",
    .min_in = 5,
    .max_in = 5,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_mel_attr),
    .attrs = mel_attrs,
    .n_attrs = EAO_COUNT(mel_attrs),
    .onnx = "MelWeightMatrix",
    .infer = infer_mel,
    .ref = eao_ref_mel_weight_matrix,
    .sample = sample_mel,
};
