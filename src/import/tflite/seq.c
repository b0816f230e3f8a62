/* Recurrent operators. What TFLite keeps in variable tensors becomes state of the graph. */
#include "import/tflite/tflite.h"
#include "kernel/ref/hybrid.h"
#include "kernel/ref/move.h"
#include "kernel/ref/tflite_seq.h"

/* A new value for the state in input i, stored back at the end of a run. */
static eao_status next_state(eao_tfl_op *o, uint32_t i, eao_vid now, eao_vid *out) {
  EAO_TRY(eao_tfl_temp(o, now, out));
  return eao_tfl_state_set(o, i, *out);
}

/* What TFLite's kernels do with a float x under integer weights in input w. */
static int32_t hybrid_of(const eao_tfl_op *o, eao_vid x, eao_vid w, uint32_t asymmetric_slot) {
  const eao_value *v = o->s->g->value;
  if (x == EAO_NONE || w == EAO_NONE || v[x].t.dtype != EAO_F32 || v[w].t.dtype != EAO_I8)
    return EAO_HYBRID_NONE;
  return eao_ftab_u8(&o->opt, asymmetric_slot, 0) ? EAO_HYBRID_ASYMMETRIC : EAO_HYBRID_SYMMETRIC;
}

/* Nodes x, weights..., state in input 4 -> y, new state. */
static eao_status one_state(eao_tfl_op *o, const void *attr) {
  eao_vid in[5], out[2];
  for (uint32_t i = 0; i < 4; i++) EAO_TRY(eao_tfl_in(o, i, &in[i]));
  EAO_TRY(eao_tfl_state_get(o, 4, &in[4]));
  EAO_TRY(eao_tfl_out(o, 0, &out[0]));
  EAO_TRY(next_state(o, 4, in[4], &out[1]));
  return eao_tfl_node(o, o->row->op, attr, in, 5, out, 2);
}

eao_status eao_tfl_svdf(eao_tfl_op *o) {
  eao_svdf_attr a = {.rank = eao_ftab_i32(&o->opt, TFL_SVDF_RANK, 0)};
  eao_vid x, w;
  EAO_TRY(eao_tfl_act(o, TFL_SVDF_FUSED_ACTIVATION_FUNCTION, &a.act));
  EAO_TRY(eao_tfl_need(o, 0, &x));
  EAO_TRY(eao_tfl_need(o, 1, &w));
  a.hybrid = hybrid_of(o, x, w, TFL_SVDF_ASYMMETRIC_QUANTIZE_INPUTS);
  return one_state(o, &a);
}

eao_status eao_tfl_rnn(eao_tfl_op *o) {
  bool sequence = o->row->code == TFL_UNIDIRECTIONAL_SEQUENCE_RNN;
  eao_tflite_rnn_attr a = {0};
  if (sequence) a.time_major = eao_ftab_u8(&o->opt, TFL_SEQUENCE_RNN_TIME_MAJOR, 0) != 0;
  EAO_TRY(eao_tfl_act(
      o, sequence ? TFL_SEQUENCE_RNN_FUSED_ACTIVATION_FUNCTION : TFL_RNN_FUSED_ACTIVATION_FUNCTION,
      &a.act));
  eao_vid x, w;
  EAO_TRY(eao_tfl_need(o, 0, &x));
  EAO_TRY(eao_tfl_need(o, 1, &w));
  a.hybrid = hybrid_of(o, x, w,
                       sequence ? TFL_SEQUENCE_RNN_ASYMMETRIC_QUANTIZE_INPUTS
                                : TFL_RNN_ASYMMETRIC_QUANTIZE_INPUTS);
  return one_state(o, &a);
}

/* The quantised kernel takes the scale of what is projected from the fifth intermediate tensor. */
static eao_status hidden_quant(eao_tfl_op *o, eao_tflite_lstm_attr *a) {
  eao_tensor t;
  eao_fvec list = eao_ftab_vec(&o->tab, TFL_OPERATOR_INTERMEDIATES, 4);
  if (list.n < 5) return eao_tfl_fail(o, EAO_ERR_FORMAT, "its intermediate tensors are missing");
  EAO_TRY(eao_tfl_type_of(o->s, eao_fvec_i32(list, 4), &t));
  if (t.quant.n != 1) return eao_tfl_fail(o, EAO_ERR_FORMAT, "its hidden state has no scale");
  a->hidden_scale = t.quant.scale[0];
  a->hidden_zero = t.quant.zero[0];
  return EAO_OK;
}

eao_status eao_tfl_lstm(eao_tfl_op *o) {
  bool sequence = o->row->code == TFL_UNIDIRECTIONAL_SEQUENCE_LSTM;
  eao_tflite_lstm_attr a = {0};
  eao_act act;
  eao_vid in[EAO_LSTM_INPUTS], out[3];
  if (!sequence && eao_ftab_i8(&o->opt, TFL_LSTM_KERNEL_TYPE, 0) != 0)
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "the basic kernel is not supported");
  if (sequence &&
      eao_ftab_u8(&o->opt, TFL_UNIDIRECTIONAL_SEQUENCE_LSTM_DIAGONAL_RECURRENT_TENSORS, 0))
    return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "diagonal recurrent weights are not supported");
  EAO_TRY(eao_tfl_act(o, TFL_LSTM_FUSED_ACTIVATION_FUNCTION, &act)); /* slot 0 to 2 in both */
  a.act = act.kind;
  a.cell_clip = eao_ftab_f32(&o->opt, TFL_LSTM_CELL_CLIP, 0);
  a.proj_clip = eao_ftab_f32(&o->opt, TFL_LSTM_PROJ_CLIP, 0);
  if (sequence)
    a.time_major = eao_ftab_u8(&o->opt, TFL_UNIDIRECTIONAL_SEQUENCE_LSTM_TIME_MAJOR, 0) != 0;
  for (uint32_t i = 0; i < EAO_LSTM_INPUTS; i++) {
    if (i == EAO_LSTM_H || i == EAO_LSTM_C)
      EAO_TRY(eao_tfl_state_get(o, i, &in[i]));
    else
      EAO_TRY(eao_tfl_in(o, i, &in[i]));
  }
  if (in[0] == EAO_NONE) return eao_tfl_fail(o, EAO_ERR_FORMAT, "its input is missing");
  a.hybrid = hybrid_of(o, in[0], in[EAO_LSTM_W + 3], /* the same slot in both */
                       TFL_LSTM_ASYMMETRIC_QUANTIZE_INPUTS);
  if (o->s->g->value[in[0]].t.quant.n && in[EAO_LSTM_PROJ] != EAO_NONE)
    EAO_TRY(hidden_quant(o, &a));
  EAO_TRY(eao_tfl_out(o, 0, &out[0]));
  EAO_TRY(next_state(o, EAO_LSTM_H, in[EAO_LSTM_H], &out[1]));
  EAO_TRY(next_state(o, EAO_LSTM_C, in[EAO_LSTM_C], &out[2]));
  return eao_tfl_node(o, EAO_OP_tflite_lstm, &a, in, EAO_LSTM_INPUTS, out, 3);
}

/* ---- both directions ---- */

/* x with its steps in reverse order. */
static eao_status reversed(eao_tfl_op *o, eao_vid x, bool time_major, eao_vid to) {
  eao_vid axis;
  EAO_TRY(eao_tfl_list(o, (int64_t[]){time_major ? 0 : 1}, 1, &axis));
  return eao_tfl_node(o, EAO_OP_reverse, NULL, (eao_vid[]){x, axis}, 2, &to, 1);
}

/* Where the two directions write to; merged: temporaries that merge() joins. */
static eao_status directions(eao_tfl_op *o, bool merged, eao_vid x, eao_vid *fw, eao_vid *bw) {
  if (!merged) {
    if (o->out.n != 2) return eao_tfl_fail(o, EAO_ERR_FORMAT, "%u outputs, not 2", o->out.n);
    EAO_TRY(eao_tfl_out(o, 0, fw));
    return eao_tfl_out(o, 1, bw);
  }
  EAO_TRY(eao_tfl_temp(o, x, fw));
  return eao_tfl_temp(o, x, bw);
}

static eao_status merge(eao_tfl_op *o, bool merged, eao_vid fw, eao_vid bw) {
  eao_axis_attr last = {.axis = -1};
  eao_vid out;
  if (!merged) return EAO_OK;
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_concat, &last, (eao_vid[]){fw, bw}, 2, &out, 1);
}

/* The input of the backward direction: the auxiliary one where it is there (stacked layers). */
static eao_status backward_input(eao_tfl_op *o, uint32_t aux, uint32_t aux_weights, uint32_t n,
                                 eao_vid x, eao_vid *out) {
  eao_vid v;
  *out = x;
  if (o->in.n <= aux) return EAO_OK;
  EAO_TRY(eao_tfl_in(o, aux, &v));
  if (v == EAO_NONE) return EAO_OK;
  for (uint32_t i = 0; i < n; i++) {
    eao_vid w = EAO_NONE;
    if (aux_weights + i < o->in.n) EAO_TRY(eao_tfl_in(o, aux_weights + i, &w));
    if (w != EAO_NONE)
      return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED,
                          "an auxiliary input with weights of its own (cross links)");
  }
  *out = v;
  return EAO_OK;
}

/* One direction of an LSTM on x; its weights begin at input `first`, its states at `state`. */
static eao_status one_lstm(eao_tfl_op *o, const eao_tflite_lstm_attr *a, eao_vid x, uint32_t first,
                           uint32_t state, eao_vid y) {
  eao_vid in[EAO_LSTM_INPUTS], out[3] = {y};
  in[EAO_LSTM_X] = x;
  for (uint32_t i = EAO_LSTM_W; i < EAO_LSTM_H; i++) EAO_TRY(eao_tfl_in(o, first + i - 1, &in[i]));
  EAO_TRY(eao_tfl_state_get(o, state, &in[EAO_LSTM_H]));
  EAO_TRY(eao_tfl_state_get(o, state + 1, &in[EAO_LSTM_C]));
  for (uint32_t i = EAO_LSTM_NORM; i < EAO_LSTM_INPUTS; i++) in[i] = EAO_NONE;
  EAO_TRY(next_state(o, state, in[EAO_LSTM_H], &out[1]));
  EAO_TRY(next_state(o, state + 1, in[EAO_LSTM_C], &out[2]));
  return eao_tfl_node(o, EAO_OP_tflite_lstm, a, in, EAO_LSTM_INPUTS, out, 3);
}

eao_status eao_tfl_bidirectional_lstm(eao_tfl_op *o) {
  enum { BACKWARD = 18, STATES = 35, AUX = 39 };
  eao_tflite_lstm_attr a = {0};
  eao_act act;
  eao_vid x, back, turned, fw, bw, w, y;
  bool merged = eao_ftab_u8(&o->opt, TFL_BIDIRECTIONAL_SEQUENCE_LSTM_MERGE_OUTPUTS, 0) != 0;
  EAO_TRY(eao_tfl_act(o, TFL_BIDIRECTIONAL_SEQUENCE_LSTM_FUSED_ACTIVATION_FUNCTION, &act));
  a.act = act.kind;
  a.cell_clip = eao_ftab_f32(&o->opt, TFL_BIDIRECTIONAL_SEQUENCE_LSTM_CELL_CLIP, 0);
  a.proj_clip = eao_ftab_f32(&o->opt, TFL_BIDIRECTIONAL_SEQUENCE_LSTM_PROJ_CLIP, 0);
  a.time_major = eao_ftab_u8(&o->opt, TFL_BIDIRECTIONAL_SEQUENCE_LSTM_TIME_MAJOR, 1) != 0;
  EAO_TRY(eao_tfl_need(o, 0, &x));
  EAO_TRY(eao_tfl_need(o, 4, &w));
  a.hybrid = hybrid_of(o, x, w, TFL_BIDIRECTIONAL_SEQUENCE_LSTM_ASYMMETRIC_QUANTIZE_INPUTS);
  EAO_TRY(backward_input(o, AUX, AUX + 1, 8, x, &back));
  EAO_TRY(directions(o, merged, x, &fw, &bw));
  EAO_TRY(one_lstm(o, &a, x, 1, STATES, fw));
  EAO_TRY(eao_tfl_temp(o, back, &turned));
  EAO_TRY(reversed(o, back, a.time_major != 0, turned));
  EAO_TRY(eao_tfl_temp(o, x, &y));
  EAO_TRY(one_lstm(o, &a, turned, BACKWARD, STATES + 2, y));
  EAO_TRY(reversed(o, y, a.time_major != 0, bw));
  return merge(o, merged, fw, bw);
}

static eao_status one_rnn(eao_tfl_op *o, const eao_tflite_rnn_attr *a, eao_vid x, uint32_t first,
                          eao_vid y) {
  eao_vid in[5] = {x}, out[2] = {y};
  for (uint32_t i = 0; i < 3; i++) EAO_TRY(eao_tfl_need(o, first + i, &in[i + 1]));
  EAO_TRY(eao_tfl_state_get(o, first + 3, &in[4]));
  EAO_TRY(next_state(o, first + 3, in[4], &out[1]));
  return eao_tfl_node(o, EAO_OP_tflite_rnn, a, in, 5, out, 2);
}

eao_status eao_tfl_bidirectional_rnn(eao_tfl_op *o) {
  eao_tflite_rnn_attr a = {0};
  eao_vid x, back, turned, fw, bw, w, y;
  bool merged = eao_ftab_u8(&o->opt, TFL_BIDIRECTIONAL_SEQUENCE_RNN_MERGE_OUTPUTS, 0) != 0;
  a.time_major = eao_ftab_u8(&o->opt, TFL_BIDIRECTIONAL_SEQUENCE_RNN_TIME_MAJOR, 0) != 0;
  EAO_TRY(eao_tfl_act(o, TFL_BIDIRECTIONAL_SEQUENCE_RNN_FUSED_ACTIVATION_FUNCTION, &a.act));
  EAO_TRY(eao_tfl_need(o, 0, &x));
  EAO_TRY(eao_tfl_need(o, 1, &w));
  a.hybrid = hybrid_of(o, x, w, TFL_BIDIRECTIONAL_SEQUENCE_RNN_ASYMMETRIC_QUANTIZE_INPUTS);
  EAO_TRY(backward_input(o, 9, 10, 2, x, &back));
  EAO_TRY(directions(o, merged, x, &fw, &bw));
  EAO_TRY(one_rnn(o, &a, x, 1, fw));
  EAO_TRY(eao_tfl_temp(o, back, &turned));
  EAO_TRY(reversed(o, back, a.time_major != 0, turned));
  EAO_TRY(eao_tfl_temp(o, x, &y));
  EAO_TRY(one_rnn(o, &a, turned, 5, y));
  EAO_TRY(reversed(o, y, a.time_major != 0, bw));
  return merge(o, merged, fw, bw);
}
