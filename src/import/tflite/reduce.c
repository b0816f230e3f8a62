/* Operators that reduce axes, and those that work along one. */
#include "kernel/ref/reduce.h"

#include "import/tflite/tflite.h"

eao_status eao_tfl_reduce(eao_tfl_op *o) {
  eao_reduce_attr a = {.keepdims = eao_ftab_u8(&o->opt, TFL_REDUCER_KEEP_DIMS, 0) != 0,
                       .noop_with_empty_axes = 1};
  eao_vid in[2], out;
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[1]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, o->row->op, &a, in, 2, &out, 1);
}

eao_status eao_tfl_arg_extreme(eao_tfl_op *o) {
  eao_vid in, out;
  int64_t axis;
  int32_t n;
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_ints(o, 1, "the axis", &axis, 1, &n));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  if (n != 1) return eao_tfl_fail(o, EAO_ERR_FORMAT, "the axis is missing");
  eao_arg_attr a = {.axis = axis, .index_type = (int32_t)o->s->g->value[out].t.dtype};
  return eao_tfl_node(o, o->row->op, &a, &in, 1, &out, 1);
}

/* SOFTMAX has beta, LOG_SOFTMAX does not. */
eao_status eao_tfl_softmax(eao_tfl_op *o) {
  eao_softmax_attr a = {.axis = -1, .beta = 1};
  eao_vid in, out;
  if (o->row->code == TFL_SOFTMAX) a.beta = eao_ftab_f32(&o->opt, TFL_SOFTMAX_BETA, 0);
  EAO_TRY(eao_tfl_need(o, 0, &in));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, o->row->op, &a, &in, 1, &out, 1);
}

eao_status eao_tfl_cumsum(eao_tfl_op *o) {
  eao_cumsum_attr a = {.exclusive = eao_ftab_u8(&o->opt, TFL_CUMSUM_EXCLUSIVE, 0) != 0,
                       .reverse = eao_ftab_u8(&o->opt, TFL_CUMSUM_REVERSE, 0) != 0};
  eao_vid in[2], out;
  EAO_TRY(eao_tfl_need(o, 0, &in[0]));
  EAO_TRY(eao_tfl_need(o, 1, &in[1]));
  EAO_TRY(eao_tfl_out(o, 0, &out));
  return eao_tfl_node(o, EAO_OP_cumsum, &a, in, 2, &out, 1);
}

eao_status eao_tfl_topk(eao_tfl_op *o) {
  eao_topk_attr a = {.axis = -1, .largest = 1, .sorted = 1};
  eao_vid in[2], out[2];
  for (uint32_t i = 0; i < 2; i++) EAO_TRY(eao_tfl_need(o, i, &in[i]));
  for (uint32_t i = 0; i < 2; i++) EAO_TRY(eao_tfl_out(o, i, &out[i]));
  a.index_type = (int32_t)o->s->g->value[out[1]].t.dtype;
  return eao_tfl_node(o, EAO_OP_topk, &a, in, 2, out, 2);
}
