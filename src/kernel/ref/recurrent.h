/* Reference recurrent layers with ONNX's semantics: LSTM, GRU, RNN. */
#ifndef EAO_KERNEL_REF_RECURRENT_H
#define EAO_KERNEL_REF_RECURRENT_H

#include "kernel/kernel.h"

typedef enum eao_recurrent_direction {
  EAO_RECURRENT_FORWARD = 0,
  EAO_RECURRENT_REVERSE = 1,
  EAO_RECURRENT_BIDIRECTIONAL = 2,
} eao_recurrent_direction;

/* Activations of gates. a and b come from the attribute lists, which are consumed in order by those
 * that take one. */
typedef enum eao_gate_act {
  EAO_GATE_SIGMOID = 0,
  EAO_GATE_TANH = 1,
  EAO_GATE_RELU = 2,
  EAO_GATE_AFFINE = 3,           /* a * x + b; 1, 0 */
  EAO_GATE_LEAKY_RELU = 4,       /* x < 0 ? a * x : x; 0.01 */
  EAO_GATE_THRESHOLDED_RELU = 5, /* x > a ? x : 0; 1 */
  EAO_GATE_SCALED_TANH = 6,      /* a * tanh(b * x); 1, 1 */
  EAO_GATE_HARD_SIGMOID = 7,     /* clip(a * x + b, 0, 1); 0.2, 0.5 */
  EAO_GATE_ELU = 8,              /* x < 0 ? a * (e^x - 1) : x; 1 */
  EAO_GATE_SOFTSIGN = 9,
  EAO_GATE_SOFTPLUS = 10,
  EAO_GATE_COUNT = 11,
} eao_gate_act;

/* Shared by lstm, gru and rnn. S time steps, N batch, I inputs, H hidden, D directions, G gates
 * (lstm 4: i o f c; gru 3: z r h; rnn 1).
 * Inputs: x [S, N, I], w [D, G*H, I], r [D, G*H, H] [, bias [D, 2*G*H]] [, lengths i32 [N]]
 * [, initial h [D, N, H]]; lstm: [, initial c [D, N, H]] [, peepholes [D, 3*H]: i o f].
 * Outputs: y [S, D, N, H] [, last h [D, N, H]]; lstm: [, last c]. Steps beyond a length are 0.
 * batch_first: x [N, S, I], y [N, S, D, H], states [N, D, H]. */
typedef struct eao_recurrent_attr {
  int32_t direction, batch_first;
  int32_t linear_before_reset; /* gru: r acts on the product instead of on h */
  int32_t input_forget;        /* lstm: f = 1 - i */
  int64_t hidden_size;         /* 0: from the weights */
  float clip;                  /* gates' inputs are clipped to [-clip, clip]; 0: not */
  int32_t pad;
  eao_ints activations; /* eao_gate_act per direction; empty: sigmoid tanh (tanh) */
  eao_floats alpha, beta;
} eao_recurrent_attr;

eao_status eao_ref_lstm(eao_kcall *c);
eao_status eao_ref_gru(eao_kcall *c);
eao_status eao_ref_rnn(eao_kcall *c);
size_t eao_ref_recurrent_scratch(const eao_kcall *c);

#endif
