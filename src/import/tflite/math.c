/* Element-wise operators. */
#include <math.h>

#include "import/tflite/tflite.h"
#include "kernel/ref/elementwise.h"

eao_status eao_tfl_binary(eao_tfl_op *o) {
  eao_vid in[2], out;
  eao_binary_attr a = {0};
  EAO_TRY(eao_tfl_act(o, TFL_ADD_FUSED_ACTIVATION_FUNCTION, &a.act)); /* slot 0 in all four */
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[1]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, o->row->op, &a, in, 2, &out, 1);
}

/* RELU6 and its kin. Quantised: x is rescaled and clipped in one step. */
eao_status eao_tfl_clip(eao_tfl_op *o) {
  eao_vid in[3], out;
  float lo = o->row->code == TFL_RELU_N1_TO_1 ? -1 : 0, hi = o->row->code == TFL_RELU6 ? 6 : 1;
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  if (o->s->g->value[in[0]].t.quant.n) {
    eao_binary_attr a = {{EAO_ACT_CLIP, lo, hi}};
    return eao_tfl_node(o, EAO_OP_act, &a, in, 1, &out, 1);
  }
  EAO_TRY(eao_tfl_const_like(o, in[0], lo, &in[1]));
  EAO_TRY(eao_tfl_const_like(o, in[0], hi, &in[2]));
  return eao_tfl_node(o, EAO_OP_clip, NULL, in, 3, &out, 1);
}

static eao_status unary(eao_tfl_op *o, const void *attr) {
  eao_vid in, out;
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, o->row->op, attr, &in, 1, &out, 1);
}

eao_status eao_tfl_leaky_relu(eao_tfl_op *o) {
  eao_unary_attr a = {.alpha = eao_ftab_f32(&o->opt, TFL_LEAKY_RELU_ALPHA, 0)};
  return unary(o, &a);
}

eao_status eao_tfl_gelu(eao_tfl_op *o) {
  eao_gelu_attr a = {.approximate = eao_ftab_u8(&o->opt, TFL_GELU_APPROXIMATE, 0) != 0};
  return unary(o, &a);
}

eao_status eao_tfl_right_shift(eao_tfl_op *o) {
  eao_vid in[2], out;
  eao_bit_shift_attr a = {.direction = 1};
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[1]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_bit_shift, &a, in, 2, &out, 1);
}

/* SELECT takes a condition of one dimension that chooses whole rows, besides equal shapes. */
eao_status eao_tfl_select(eao_tfl_op *o) {
  eao_vid in[3], out;
  int32_t rc, rx;
  for (uint32_t i = 0; i < 3; i++) EAO_TRY(eao_tfl_need(o, i, &in[i]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  EAO_TRY(eao_tfl_rank(o, 0, &rc));
  EAO_TRY(eao_tfl_rank(o, 1, &rx));
  if (o->row->code == TFL_SELECT && rc == 1 && rx > 1) {
    int64_t shape[EAO_MAX_RANK] = {-1};
    eao_vid re[2] = {in[0], EAO_NONE}, t;
    for (int32_t i = 1; i < rx; i++) shape[i] = 1;
    EAO_TRY(eao_tfl_list(o, shape, rx, &re[1]));
    EAO_TRY(eao_tfl_temp(o, in[0], &t));
    EAO_TRY(eao_tfl_node(o, EAO_OP_reshape, NULL, re, 2, &t, 1));
    in[0] = t;
  }
  return eao_tfl_node(o, EAO_OP_where, NULL, in, 3, &out, 1);
}
