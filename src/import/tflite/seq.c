/* Recurrent operators. What TFLite keeps in variable tensors becomes state of the graph. */
#include "import/tflite/tflite.h"
#include "kernel/ref/hybrid.h"
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
