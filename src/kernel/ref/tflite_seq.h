/* Reference kernels of TFLite's recurrent operators. Their state is an input and an output. */
#ifndef EAO_KERNEL_REF_TFLITE_SEQ_H
#define EAO_KERNEL_REF_TFLITE_SEQ_H

#include "kernel/act.h"
#include "kernel/kernel.h"

/* svdf: x [B, I], feature weights [F, I], time weights [F, T], optional bias [F / rank],
 * state [B, F * T] -> y [B, F / rank], new state. The state holds the last T results of each
 * filter. Quantised: x, y, feature weights i8, time weights and state i16. */
typedef struct eao_svdf_attr {
  int64_t rank;
  eao_act act;
  int32_t hybrid; /* eao_hybrid: float x, i8 feature weights */
} eao_svdf_attr;

/* Inputs of tflite_lstm; C cells, O outputs. Omitted: the input gate's weights (then it is one
 * minus the forget gate), peepholes, projection, normalisation. */
enum {
  EAO_LSTM_X = 0,          /* [B, T, I], or [T, B, I] when time_major, or [B, I] */
  EAO_LSTM_W = 1,          /* 4: input, forget, cell, output gate [C, I] */
  EAO_LSTM_R = 5,          /* 4: [C, O] */
  EAO_LSTM_PEEP = 9,       /* 3: input, forget, output gate [C] */
  EAO_LSTM_BIAS = 12,      /* 4: [C] */
  EAO_LSTM_PROJ = 16,      /* [O, C] */
  EAO_LSTM_PROJ_BIAS = 17, /* [O] */
  EAO_LSTM_H = 18,         /* [B, O] */
  EAO_LSTM_C = 19,         /* [B, C] */
  EAO_LSTM_NORM = 20,      /* 4: layer normalisation coefficients [C] */
  EAO_LSTM_INPUTS = 24,
};

/* -> y like x with O in place of I, new h, new c.
 * Quantised: x, h, weights i8; c i16 with a scale that is a power of two; biases i32. */
typedef struct eao_tflite_lstm_attr {
  int32_t act; /* eao_act_kind of cell and output */
  int32_t time_major;
  float cell_clip, proj_clip; /* 0: none */
  float hidden_scale;         /* quantised with projection: of what is projected */
  int32_t hybrid;             /* eao_hybrid: float x, i8 weights */
  int64_t hidden_zero;
} eao_tflite_lstm_attr;

/* tflite_rnn: x [B, T, I], [T, B, I] or [B, I], w [C, I], r [C, C], bias [C], h [B, C]
 * -> y, new h. y_t = act(w x_t + r y_(t-1) + bias) */
typedef struct eao_tflite_rnn_attr {
  int32_t time_major;
  eao_act act;
  int32_t hybrid; /* eao_hybrid: float x, i8 weights */
} eao_tflite_rnn_attr;

eao_status eao_ref_svdf(eao_kcall *c);
eao_status eao_ref_tflite_lstm(eao_kcall *c);
eao_status eao_ref_tflite_rnn(eao_kcall *c);
size_t eao_ref_svdf_scratch(const eao_kcall *c);
size_t eao_ref_tflite_lstm_scratch(const eao_kcall *c);
size_t eao_ref_tflite_rnn_scratch(const eao_kcall *c);

/* A state while it changes: the output when somebody wants it, else in the scratch memory at
 * *scratch, which moves on. Starts as `from`. */
eao_tensor eao_seq_state(const eao_tensor *from, eao_tensor *out, char **scratch);

/* 16-bit fixed-point functions of gemmlowp. x has 15 - int_bits fractional bits; the result 15. */
int16_t eao_fixed_logistic16(int16_t x, int int_bits);
int16_t eao_fixed_tanh16(int16_t x, int int_bits);

/* The quantised forms. The states are those that eao_seq_state made. */
eao_status eao_q_svdf(eao_kcall *c, eao_tensor *state);
eao_status eao_q_tflite_lstm(eao_kcall *c, eao_tensor *h, eao_tensor *cell, void *scratch);

#endif
