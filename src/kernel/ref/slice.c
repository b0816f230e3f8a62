#include "kernel/ref/slice.h"

#include <string.h>

#include "kernel/ref/move.h"

static int64_t clamp(int64_t v, int64_t lo, int64_t hi) {
  return v < lo ? lo : v > hi ? hi : v;
}

bool eao_slice_resolve(int64_t dim, int64_t start, int64_t end, int64_t step, eao_slice_dim *out) {
  if (step == 0) return false;
  if (step == INT64_MIN) step = -INT64_MAX; /* any step beyond dim is the same */
  if (start < 0) start += dim;
  if (end < 0) end += dim;
  if (step > 0) {
    start = clamp(start, 0, dim);
    end = clamp(end, 0, dim);
    out->count = end > start ? (end - start - 1) / step + 1 : 0;
  } else {
    start = clamp(start, -1, dim - 1);
    end = clamp(end, -1, dim - 1);
    out->count = start > end ? (start - end - 1) / -step + 1 : 0;
  }
  out->start = start;
  out->step = out->count > 1 ? step : 1;
  return true;
}

/* Elements of x that the axes select, in order, to dst. */
static void copy_axes(eao_tensor *y, const eao_tensor *x, const eao_slice_dim *axis) {
  int64_t stride[EAO_MAX_RANK], run = 1;
  eao_view v = {0};
  for (int32_t i = 0; i < x->rank; i++)
    if (axis[i].count == 0) return;
  eao_tensor_strides(x, stride);
  v.rank = x->rank;
  for (int32_t i = x->rank - 1; i >= 0; i--) {
    v.dim[i] = axis[i].count;
    v.src[i] = stride[i] * axis[i].step;
    v.dst[i] = run;
    v.src_at += stride[i] * axis[i].start;
    run *= axis[i].count;
  }
  eao_view_copy(y, x, &v);
}

eao_status eao_ref_slice(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *axes = c->n_in > 3 ? c->in[3] : NULL;
  const eao_tensor *steps = c->n_in > 4 ? c->in[4] : NULL;
  eao_slice_dim axis[EAO_MAX_RANK];
  int64_t n = eao_tensor_count(c->in[1]);
  for (int32_t i = 0; i < x->rank; i++) axis[i] = (eao_slice_dim){0, 1, x->dim[i]};
  for (int64_t k = 0; k < n; k++) {
    int32_t i = eao_axis_from(axes ? eao_get_i64(axes, k) : k, x->rank);
    if (!eao_slice_resolve(x->dim[i], eao_get_i64(c->in[1], k), eao_get_i64(c->in[2], k),
                           steps ? eao_get_i64(steps, k) : 1, &axis[i]))
      return eao_kfail(c, EAO_ERR_SHAPE, "a step is 0");
  }
  copy_axes(c->out[0], x, axis);
  return EAO_OK;
}

static bool bit(int64_t mask, int64_t i) {
  return i < 63 && (mask >> i & 1);
}

const char *eao_strided_slice_resolve(const eao_strided_slice_attr *a, const eao_tensor *x,
                                      const eao_tensor *begin, const eao_tensor *end,
                                      const eao_tensor *strides, eao_strided_slice_plan *out) {
  int64_t n = eao_tensor_count(begin), used = 0;
  int32_t in = 0;
  bool ellipsis = false;
  out->rank = 0;
  for (int64_t k = 0; k < n; k++)
    if (!bit(a->ellipsis_mask, k) && !bit(a->new_axis_mask, k)) used++;
  if (used > x->rank) return "begin has more entries than the input has axes";
  for (int64_t k = 0; k <= n; k++) {
    bool rest = k == n; /* the axes that nothing was said about, unless an ellipsis took them */
    if (rest || bit(a->ellipsis_mask, k)) {
      int32_t fill = rest ? x->rank - in : (int32_t)(x->rank - used);
      if (!rest && ellipsis) return "more than one ellipsis";
      ellipsis = true;
      if (out->rank + fill > EAO_MAX_RANK) return "the result has too many axes";
      for (; fill > 0; fill--, in++) {
        out->axis[in] = (eao_slice_dim){0, 1, x->dim[in]};
        out->dim[out->rank++] = x->dim[in];
      }
      continue;
    }
    if (out->rank >= EAO_MAX_RANK) return "the result has too many axes";
    if (bit(a->new_axis_mask, k)) {
      out->dim[out->rank++] = 1;
      continue;
    }
    int64_t b = eao_get_i64(begin, k), e = eao_get_i64(end, k), step = eao_get_i64(strides, k);
    int64_t dim = x->dim[in];
    if (bit(a->shrink_axis_mask, k)) {
      if (b < -dim || b >= dim) return "begin of an axis to drop is outside the axis";
      out->axis[in++] = (eao_slice_dim){b < 0 ? b + dim : b, 1, 1};
      continue;
    }
    if (bit(a->begin_mask, k)) b = step > 0 ? 0 : INT64_MAX;
    if (a->offset) {
      b = clamp(b < 0 ? b + dim : b, 0, dim);
      e = clamp(e, -dim - 1, dim) + b;
      if (e < 0) e = INT64_MIN; /* before the start, not counted from the end */
    }
    if (bit(a->end_mask, k)) e = step > 0 ? INT64_MAX : INT64_MIN;
    if (!eao_slice_resolve(dim, b, e, step, &out->axis[in])) return "a stride is 0";
    out->dim[out->rank++] = out->axis[in++].count;
  }
  return NULL;
}

eao_status eao_ref_strided_slice(eao_kcall *c) {
  eao_strided_slice_plan plan;
  const char *wrong =
      eao_strided_slice_resolve(c->attr, c->in[0], c->in[1], c->in[2], c->in[3], &plan);
  if (wrong) return eao_kfail(c, EAO_ERR_SHAPE, wrong);
  copy_axes(c->out[0], c->in[0], plan.axis);
  return EAO_OK;
}

void eao_pad_entry(const eao_tensor *pads, int64_t k, int64_t *out_begin, int64_t *out_end) {
  int64_t n = eao_tensor_count(pads) / 2;
  bool pairs = pads->rank == 2;
  *out_begin = eao_get_i64(pads, pairs ? 2 * k : k);
  *out_end = eao_get_i64(pads, pairs ? 2 * k + 1 : n + k);
}

/* Position of padded element i (counted from the first real one) among n real ones. */
static int64_t pad_index(int32_t mode, int64_t i, int64_t n) {
  int64_t period;
  switch (mode) {
  case EAO_PAD_EDGE: return clamp(i, 0, n - 1);
  case EAO_PAD_WRAP: return (i % n + n) % n;
  case EAO_PAD_SYMMETRIC:
    period = 2 * n;
    i = (i % period + period) % period;
    return i < n ? i : period - 1 - i;
  default: /* reflect */
    if (n == 1) return 0;
    period = 2 * (n - 1);
    i = (i % period + period) % period;
    return i < n ? i : period - i;
  }
}

typedef struct pad_axis {
  int64_t lead, first, n; /* padding before; first real element used and how many */
} pad_axis;

static void pad_constant(eao_tensor *y, const eao_tensor *x, const pad_axis *ax,
                         const eao_tensor *value) {
  int64_t xs[EAO_MAX_RANK], ys[EAO_MAX_RANK];
  eao_view v = {0};
  if (eao_tensor_count(y) == 0) return;
  if (value) {
    eao_move_run(y, 0, value, 0, 1);
    eao_move_repeat(y);
  } else {
    eao_move_zero(y);
  }
  eao_tensor_strides(x, xs);
  eao_tensor_strides(y, ys);
  for (int32_t i = 0; i < x->rank; i++) {
    eao_view_add(&v, ax[i].n, xs[i], ys[i]);
    v.src_at += ax[i].first * xs[i];
    v.dst_at += ax[i].lead * ys[i];
  }
  eao_view_copy(y, x, &v);
}

static void pad_mapped(eao_tensor *y, const eao_tensor *x, const pad_axis *ax, int32_t mode) {
  int64_t stride[EAO_MAX_RANK], index[EAO_MAX_RANK] = {0}, total = eao_tensor_count(y);
  int32_t last = y->rank;
  int64_t run = 1; /* trailing axes that are not padded move as a whole */
  while (last > 0 && y->dim[last - 1] == x->dim[last - 1] && ax[last - 1].lead == 0 &&
         ax[last - 1].n == x->dim[last - 1])
    run *= y->dim[--last];
  eao_tensor_strides(x, stride);
  for (int64_t at = 0; at < total; at += run) {
    int64_t from = 0;
    for (int32_t i = 0; i < last; i++)
      from += stride[i] * (ax[i].first + pad_index(mode, index[i] - ax[i].lead, ax[i].n));
    eao_move_run(y, at, x, from, run);
    for (int32_t i = last - 1; i >= 0; i--) {
      if (++index[i] < y->dim[i]) break;
      index[i] = 0;
    }
  }
}

eao_status eao_ref_pad(eao_kcall *c) {
  const eao_pad_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *pads = c->in[1];
  const eao_tensor *value = c->n_in > 2 ? c->in[2] : NULL, *axes = c->n_in > 3 ? c->in[3] : NULL;
  pad_axis ax[EAO_MAX_RANK];
  int64_t n = eao_tensor_count(pads) / 2;
  for (int32_t i = 0; i < x->rank; i++) ax[i] = (pad_axis){0, 0, x->dim[i]};
  for (int64_t k = 0; k < n; k++) {
    int32_t i = eao_axis_from(axes ? eao_get_i64(axes, k) : k, x->rank);
    int64_t begin, end;
    eao_pad_entry(pads, k, &begin, &end);
    /* negative padding takes elements away first */
    ax[i].lead = begin > 0 ? begin : 0;
    ax[i].first = begin < 0 ? -begin : 0;
    ax[i].n = x->dim[i] - ax[i].first + (end < 0 ? end : 0);
    if (a->mode != EAO_PAD_CONSTANT && ax[i].n <= 0 && c->out[0]->dim[i] > 0)
      return eao_kfail(c, EAO_ERR_SHAPE, "an axis without elements cannot be mirrored");
    if (ax[i].n < 0) { /* more taken away than there is, then padded again */
      ax[i].n = 0;
    }
  }
  if (a->mode == EAO_PAD_CONSTANT)
    pad_constant(c->out[0], x, ax, value);
  else
    pad_mapped(c->out[0], x, ax, a->mode);
  return EAO_OK;
}

eao_status eao_ref_dynamic_update_slice(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *u = c->in[1], *start = c->in[2];
  eao_tensor *y = c->out[0];
  int64_t xs[EAO_MAX_RANK], us[EAO_MAX_RANK];
  eao_view v = {0};
  eao_tensor_strides(x, xs);
  eao_tensor_strides(u, us);
  eao_move_run(y, 0, x, 0, eao_tensor_count(x));
  for (int32_t i = 0; i < x->rank; i++) {
    int64_t at = clamp(eao_get_i64(start, i), 0, x->dim[i] - u->dim[i]);
    eao_view_add(&v, u->dim[i], us[i], xs[i]);
    v.dst_at += at * xs[i];
  }
  eao_view_copy(y, u, &v);
  return EAO_OK;
}
