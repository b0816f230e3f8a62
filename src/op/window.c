#include "op/window.h"

#include "kernel/ref/hybrid.h"

#include <string.h>

const char *const eao_layout_names[] = {"channels_first", "channels_last", NULL};
const char *const eao_w_layout_names[] = {"oik", "oki", "1ko", "iok", NULL};
const char *const eao_auto_pad_names[] = {"notset", "same_upper", "same_lower", "valid", NULL};
const char *const eao_hybrid_names[] = {"none", "symmetric", "asymmetric",
                                        "qd8",  "qd8_pixel", NULL};

enum { MAX_EXTENT = INT32_MAX };

eao_ints eao_ints_of(int32_t n, const int64_t *v) {
  eao_ints r;
  memset(&r, 0, sizeof r);
  r.n = n;
  memcpy(r.v, v, (size_t)n * sizeof *v);
  return r;
}

eao_status eao_infer_spatial_rank(eao_infer *f, const char *what, const eao_tensor *t) {
  if (t->rank >= 0 && (t->rank < 3 || t->rank > 2 + EAO_SPATIAL_MAX))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has rank %d; 3 to %d are possible", what, t->rank,
                          2 + EAO_SPATIAL_MAX);
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] > MAX_EXTENT)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has an extent of %lld, above the limit", what,
                            (long long)t->dim[i]);
  return EAO_OK;
}

eao_status eao_infer_list(eao_infer *f, const char *what, const eao_ints *list, int32_t n,
                          int64_t lo) {
  if (list->n != 0 && list->n != n)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has %d entries, %d are needed", what, list->n, n);
  for (int32_t i = 0; i < list->n; i++)
    if (list->v[i] < lo || list->v[i] > MAX_EXTENT)
      return eao_infer_fail(f, EAO_ERR_ARG, "%s[%d] = %lld is out of range", what, i,
                            (long long)list->v[i]);
  return EAO_OK;
}

eao_status eao_infer_window_attrs(eao_infer *f, const eao_window_spec *spec, const eao_ints *kernel,
                                  int32_t layout, int32_t rank) {
  EAO_TRY(eao_infer_list(f, "kernel", kernel, rank, 1));
  EAO_TRY(eao_infer_list(f, "strides", spec->strides, rank, 1));
  if (spec->dilations) EAO_TRY(eao_infer_list(f, "dilations", spec->dilations, rank, 1));
  EAO_TRY(eao_infer_list(f, "pads", spec->pads, 2 * rank, 0));
  if (layout < 0 || layout > EAO_LAYOUT_CHANNELS_LAST)
    return eao_infer_fail(f, EAO_ERR_ARG, "layout %d does not exist", layout);
  if (spec->auto_pad < 0 || spec->auto_pad > EAO_PAD_VALID)
    return eao_infer_fail(f, EAO_ERR_ARG, "auto_pad %d does not exist", spec->auto_pad);
  return EAO_OK;
}

eao_status eao_infer_hybrid(eao_infer *f, int32_t hybrid, int32_t channel) {
  const eao_tensor *x = f->in[0], *w = f->in[1];
  if (hybrid < 0 || hybrid > EAO_HYBRID_QD8_PIXEL)
    return eao_infer_fail(f, EAO_ERR_FORMAT, "hybrid %d does not exist", hybrid);
  if (hybrid == EAO_HYBRID_NONE) return EAO_OK;
  if (x->dtype != EAO_F32 || (w->dtype != EAO_I8 && w->dtype != EAO_I4) || w->quant.n < 1)
    return eao_infer_fail(
        f, EAO_ERR_TYPE,
        "attribute hybrid needs an input of f32 and quantised weights of i8 or i4, "
        "not %s and %s",
        eao_dtype_name(x->dtype), eao_dtype_name(w->dtype));
  if (w->quant.n > 1 && w->quant.axis != channel)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the weights' scales vary along axis %d, not %d",
                          w->quant.axis, channel);
  return EAO_OK;
}

int32_t eao_op_hybrid(uint16_t op, const void *attr) {
  const eao_op_desc *d = eao_op_get(op);
  for (uint32_t i = 0; d && attr && i < d->n_attrs; i++)
    if (strcmp(d->attrs[i].name, "hybrid") == 0)
      return *(const int32_t *)(const void *)((const char *)attr + d->attrs[i].offset);
  return EAO_HYBRID_NONE;
}

eao_status eao_infer_windowed(eao_infer *f, eao_dtype dtype, const eao_tensor *x, int32_t layout,
                              int64_t channels, const eao_window *w) {
  eao_tensor *y = &f->out[0];
  int32_t spatial = x->rank - 2;
  y->dtype = dtype;
  y->rank = x->rank;
  y->dim[0] = x->dim[0];
  y->dim[eao_spatial_channel_axis(layout, x->rank)] = channels;
  for (int32_t i = 0; i < spatial; i++) {
    int32_t ax = eao_spatial_axis(layout, i), d = EAO_SPATIAL_MAX - spatial + i;
    if (w->out[d] == 0 && x->dim[ax] != 0)
      return eao_infer_fail(f, EAO_ERR_SHAPE,
                            "spatial axis %d: a window of %lld (dilation %lld) does not fit into "
                            "%lld with padding %lld and %lld",
                            i, (long long)w->kernel[d], (long long)w->dilation[d],
                            (long long)x->dim[ax], (long long)w->pad[d], (long long)w->pad_end[d]);
    y->dim[ax] = w->out[d];
  }
  return EAO_OK;
}

eao_status eao_infer_bias(eao_infer *f, const eao_tensor *bias, int64_t n) {
  if (!bias || bias->rank < 0) return EAO_OK;
  if (bias->rank != 1 || (bias->dim[0] >= 0 && n >= 0 && bias->dim[0] != n))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "bias must be a list of %lld elements", (long long)n);
  return EAO_OK;
}

eao_status eao_infer_weighted_dtype(eao_infer *f, const eao_tensor *x, const eao_tensor *w,
                                    eao_dtype *out_dtype) {
  bool weights_only = w->quant.n > 0 && eao_dtype_is_int(w->dtype);
  *out_dtype = x->dtype;
  if (eao_dtype_is_float(x->dtype)) {
    bool half = x->dtype == EAO_F32 && w->dtype == EAO_F16; /* weights stored as halves */
    if (w->dtype == x->dtype || weights_only || half) return EAO_OK;
  } else if (x->quant.n > 0 && weights_only) {
    *out_dtype = f->out[0].dtype;
    if (f->out[0].dtype == EAO_DTYPE_NONE)
      return eao_infer_fail(f, EAO_ERR_TYPE, "a quantised result must be declared");
    return EAO_OK;
  }
  return eao_infer_fail(f, EAO_ERR_TYPE, "input %s and weights %s do not go together",
                        eao_dtype_name(x->dtype), eao_dtype_name(w->dtype));
}

static bool scale(uint64_t *macs, int64_t by) {
  return by >= 0 && eao_mul_u64(*macs, (uint64_t)by, macs);
}

void eao_cost_product(const eao_tensor *t, const int64_t *factor, int32_t n, eao_cost *out) {
  uint64_t macs = 1;
  out->macs = 0;
  if (t->rank < 0) return;
  for (int32_t i = 0; i < t->rank; i++)
    if (!scale(&macs, t->dim[i])) return;
  for (int32_t i = 0; i < n; i++)
    if (!scale(&macs, factor[i])) return;
  out->macs = macs;
}
