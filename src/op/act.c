#include "kernel/act.h"

#include "kernel/ref/elementwise.h"
#include "op/op.h"

static eao_status infer_act(eao_infer *f) {
  EAO_TRY(eao_infer_types(f, "x", f->in[0], EAO_TYPES_FLOAT | EAO_TYPES_QUANT));
  eao_infer_like(f, 0, f->in[0]);
  return EAO_OK;
}

static bool sample_act(uint32_t k, eao_sample *s) {
  static const eao_act acts[] = {
      {EAO_ACT_CLIP, -1, 0.5f}, {EAO_ACT_RELU6, 0, 0}, {EAO_ACT_TANH, 0, 0}};
  eao_binary_attr *a = s->attr;
  if (k >= EAO_COUNT(acts)) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = k == 1 ? EAO_F16 : EAO_F32, .rank = 3, .dim = {2, 3, 5}};
  a->act = acts[k];
  return true;
}

static const eao_attr_desc act_attrs[] = {EAO_ACT_ATTRS(eao_binary_attr, act)};

const eao_op_desc eao_op_act = {
    .name = "act",
    .doc = "an activation as an op of its own, to another quantisation where the output has one",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_ELEMENTWISE,
    .attr_size = sizeof(eao_binary_attr),
    .attrs = act_attrs,
    .n_attrs = EAO_COUNT(act_attrs),
    .infer = infer_act,
    .ref = eao_ref_act,
    .sample = sample_act,
};
