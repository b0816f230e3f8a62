/* reverse, reverse_sequence, trilu. */
#include "kernel/ref/move.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status infer_reverse(eao_infer *f) {
  const eao_tensor *x = f->in[0], *axes = f->in[1];
  int64_t list[EAO_MAX_RANK];
  bool seen[EAO_MAX_RANK] = {false};
  int32_t n;
  eao_infer_like(f, 0, x);
  if (x->rank < 0 || !axes->data) return EAO_OK;
  EAO_TRY(eao_infer_ints(f, "axes", axes, list, EAO_MAX_RANK, &n));
  for (int32_t k = 0; k < n; k++) {
    int32_t i;
    EAO_TRY(eao_infer_axis(f, "axis", list[k], x->rank, &i));
    if (seen[i]) return eao_infer_fail(f, EAO_ERR_SHAPE, "axis %d is named twice", i);
    seen[i] = true;
  }
  return EAO_OK;
}

static eao_status infer_reverse_sequence(eao_infer *f) {
  const eao_reverse_sequence_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *lens = f->in[1];
  int32_t batch, time;
  eao_infer_like(f, 0, x);
  if (lens->dtype != EAO_DTYPE_NONE && !eao_dtype_is_int(lens->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "sequence lengths must be integers");
  if (x->rank < 0) return EAO_OK;
  EAO_TRY(eao_infer_axis(f, "batch_axis", a->batch_axis, x->rank, &batch));
  EAO_TRY(eao_infer_axis(f, "time_axis", a->time_axis, x->rank, &time));
  if (batch == time) return eao_infer_fail(f, EAO_ERR_SHAPE, "batch and time are the same axis");
  if (lens->rank >= 0 && (lens->rank != 1 || (lens->dim[0] >= 0 && x->dim[batch] >= 0 &&
                                              lens->dim[0] != x->dim[batch])))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "one length a sequence is needed");
  return EAO_OK;
}

static eao_status infer_trilu(eao_infer *f) {
  const eao_tensor *x = f->in[0], *k = eao_infer_in(f, 1);
  eao_infer_like(f, 0, x);
  if (x->rank >= 0 && x->rank < 2)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "a tensor of rank %d has no matrices", x->rank);
  if (k && k->data && (eao_tensor_count(k) != 1 || !eao_dtype_is_int(k->dtype)))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "k must be one integer");
  return EAO_OK;
}

static bool sample_input(uint32_t k, eao_sample *s) {
  if (!eao_sample_moved(k, &s->in[0])) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0].rank = 3;
  for (int32_t i = 0; i < 3; i++) s->in[0].dim[i] = i + 3;
  s->out[0] = (eao_tensor){.dtype = s->in[0].dtype, .rank = -1, .quant = s->in[0].quant};
  return true;
}

static bool sample_reverse(uint32_t k, eao_sample *s) {
  static const int64_t axes[] = {-1, 0};
  if (!sample_input(k, s)) return false;
  s->in[1] = eao_sample_ints(axes, 1 + k % 2);
  return true;
}

static bool sample_reverse_sequence(uint32_t k, eao_sample *s) {
  static const int64_t lens[] = {4, 0, 2};
  eao_reverse_sequence_attr *a = s->attr;
  if (!sample_input(k, s)) return false;
  s->in[1] = eao_sample_ints(lens, 3);
  a->batch_axis = 0;
  a->time_axis = 1;
  return true;
}

static bool sample_trilu(uint32_t k, eao_sample *s) {
  static const int64_t diag[] = {-1, 2};
  eao_trilu_attr *a = s->attr;
  if (!sample_input(k, s)) return false;
  s->in[1] = eao_sample_ints(&diag[k % 2], 1);
  s->in[1].rank = 0;
  a->upper = k / 2 % 2;
  return true;
}

const eao_op_desc eao_op_reverse = {
    .name = "reverse",
    .doc = "the elements of the named axes in reverse order",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .infer = infer_reverse,
    .ref = eao_ref_reverse,
    .sample = sample_reverse,
};

static const eao_attr_desc reverse_sequence_attrs[] = {
    {.name = "batch_axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_reverse_sequence_attr, batch_axis),
     .def = 1,
     .doc = "axis of the sequences"},
    {.name = "time_axis",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_reverse_sequence_attr, time_axis),
     .doc = "axis that is reversed"},
};

const eao_op_desc eao_op_reverse_sequence = {
    .name = "reverse_sequence",
    .doc = "the first length[b] elements of sequence b in reverse order, the rest as it is",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_reverse_sequence_attr),
    .attrs = reverse_sequence_attrs,
    .n_attrs = EAO_COUNT(reverse_sequence_attrs),
    .onnx = "ReverseSequence",
    .infer = infer_reverse_sequence,
    .ref = eao_ref_reverse_sequence,
    .sample = sample_reverse_sequence,
};

static const eao_attr_desc trilu_attrs[] = {
    {.name = "upper",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_trilu_attr, upper),
     .def = 1,
     .doc = "keep the upper part, else the lower"},
};

const eao_op_desc eao_op_trilu = {
    .name = "trilu",
    .doc = "the upper or lower triangle of matrices, seen from diagonal k",
    .min_in = 1,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_trilu_attr),
    .attrs = trilu_attrs,
    .n_attrs = EAO_COUNT(trilu_attrs),
    .onnx = "Trilu",
    .infer = infer_trilu,
    .ref = eao_ref_trilu,
    .sample = sample_trilu,
};
