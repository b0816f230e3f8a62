#include "kernel/ref/move.h"

#include <math.h>
#include <string.h>

#include "kernel/copy.h"

void eao_move_run(eao_tensor *dst, int64_t di, const eao_tensor *src, int64_t si, int64_t n) {
  int bits = eao_dtype_bits(dst->dtype);
  if (n <= 0) return;
  if (bits >= 8) {
    size_t size = (size_t)bits / 8;
    memcpy((char *)dst->data + (size_t)di * size, (const char *)src->data + (size_t)si * size,
           (size_t)n * size);
    return;
  }
  if (!(di & 1) && !(si & 1)) { /* whole bytes, then perhaps half a one */
    memcpy((char *)dst->data + di / 2, (const char *)src->data + si / 2, (size_t)(n / 2));
    di += n & ~(int64_t)1;
    si += n & ~(int64_t)1;
    n &= 1;
  }
  for (int64_t i = 0; i < n; i++) eao_set_i64(dst, di + i, eao_get_i64(src, si + i));
}

void eao_move_repeat(eao_tensor *dst) {
  int64_t n = eao_tensor_count(dst), done = 1;
  if (eao_dtype_bits(dst->dtype) < 8) { /* keep both halves on whole bytes */
    for (; done < n && done < 2; done++) eao_move_run(dst, done, dst, 0, 1);
  }
  while (done < n) {
    int64_t k = done < n - done ? done : n - done;
    eao_move_run(dst, done, dst, 0, k);
    done += k;
  }
}

void eao_move_zero(eao_tensor *dst) {
  int64_t n = eao_tensor_count(dst);
  if (!n) return;
  if (dst->quant.n == 1 && dst->quant.zero && dst->quant.zero[0]) {
    eao_set_i64(dst, 0, dst->quant.zero[0]);
    eao_move_repeat(dst);
  } else {
    memset(dst->data, 0, (size_t)eao_dtype_bytes(dst->dtype, n));
  }
}

/* Drops dims of extent 1 and joins neighbours that lie one after the other on both sides. */
static bool view_simplify(eao_view *v) {
  int32_t k = 0;
  for (int32_t i = 0; i < v->rank; i++) {
    if (v->dim[i] <= 0) return false;
    if (v->dim[i] == 1) continue;
    if (k && v->src[k - 1] == v->src[i] * v->dim[i] && v->dst[k - 1] == v->dst[i] * v->dim[i]) {
      v->dim[k - 1] *= v->dim[i];
    } else {
      v->dim[k++] = v->dim[i];
    }
    v->src[k - 1] = v->src[i];
    v->dst[k - 1] = v->dst[i];
  }
  v->rank = k;
  return true;
}

static void copy_strided(eao_tensor *dst, int64_t di, int64_t ds, const eao_tensor *src, int64_t si,
                         int64_t ss, int64_t n) {
  int64_t size = eao_dtype_bits(dst->dtype) / 8;
  if (ss == 1 && ds == 1)
    eao_move_run(dst, di, src, si, n);
  else if (size)
    eao_copy_runs((char *)dst->data + di * size, ds * size, (const char *)src->data + si * size,
                  ss * size, (size_t)size, n);
  else
    for (int64_t i = 0; i < n; i++) eao_move_run(dst, di + i * ds, src, si + i * ss, 1);
}

/* The axis that lies contiguous in src goes next to the last, which lies contiguous in dst, so that
 * both make a matrix to transpose. */
static bool view_matrix(eao_view *v) {
  int32_t last = v->rank - 1, j = last - 1;
  if (v->dst[last] != 1 || v->src[last] == 1) return false;
  while (j >= 0 && v->src[j] != 1) j--;
  if (j < 0) return false;
  int64_t dim = v->dim[j], dst = v->dst[j];
  for (; j + 1 < last; j++) {
    v->dim[j] = v->dim[j + 1];
    v->src[j] = v->src[j + 1];
    v->dst[j] = v->dst[j + 1];
  }
  v->dim[j] = dim;
  v->src[j] = 1;
  v->dst[j] = dst;
  return true;
}

/* The last two axes of a view, from di and si on. */
static void copy_inner(eao_tensor *dst, int64_t di, const eao_tensor *src, int64_t si,
                       const eao_view *v, bool matrix) {
  int32_t last = v->rank - 1;
  int64_t size = eao_dtype_bits(dst->dtype) / 8;
  char *q = (char *)dst->data + di * size;
  const char *p = (const char *)src->data + si * size;
  if (matrix) {
    eao_copy_transposed(q, v->dst[last - 1], p, v->src[last], v->dim[last], v->dim[last - 1],
                        (size_t)size);
  } else if (v->dst[last] == 1 && v->src[last] == 1 && size) {
    eao_copy_runs(q, v->dst[last - 1] * size, p, v->src[last - 1] * size,
                  (size_t)(v->dim[last] * size), v->dim[last - 1]);
  } else {
    for (int64_t i = 0; i < v->dim[last - 1]; i++)
      copy_strided(dst, di + i * v->dst[last - 1], v->dst[last], src, si + i * v->src[last - 1],
                   v->src[last], v->dim[last]);
  }
}

void eao_view_copy(eao_tensor *dst, const eao_tensor *src, eao_view *v) {
  int64_t index[EAO_VIEW_RANK] = {0};
  int bits = eao_dtype_bits(dst->dtype);
  if (!view_simplify(v)) return;
  if (!v->rank) eao_view_add(v, 1, 1, 1);
  int64_t si = v->src_at, di = v->dst_at;
  if (v->rank == 1) {
    copy_strided(dst, di, v->dst[0], src, si, v->src[0], v->dim[0]);
    return;
  }
  bool matrix = bits >= 8 && bits <= 32 && view_matrix(v);
  int32_t d;
  do {
    copy_inner(dst, di, src, si, v, matrix);
    for (d = v->rank - 3; d >= 0; d--) {
      si += v->src[d];
      di += v->dst[d];
      if (++index[d] < v->dim[d]) break;
      si -= v->src[d] * v->dim[d];
      di -= v->dst[d] * v->dim[d];
      index[d] = 0;
    }
  } while (d >= 0);
}

eao_status eao_ref_copy(eao_kcall *c) {
  eao_move_run(c->out[0], 0, c->in[0], 0, eao_tensor_count(c->in[0]));
  return EAO_OK;
}

eao_status eao_ref_transpose(eao_kcall *c) {
  const eao_transpose_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  int64_t xs[EAO_MAX_RANK], ys[EAO_MAX_RANK];
  eao_view v = {0};
  eao_tensor_strides(x, xs);
  eao_tensor_strides(y, ys);
  for (int32_t i = 0; i < y->rank; i++) {
    int32_t from = a->perm.n ? eao_axis_from(a->perm.v[i], x->rank) : x->rank - 1 - i;
    eao_view_add(&v, y->dim[i], xs[from], ys[i]);
  }
  eao_view_copy(y, x, &v);
  return EAO_OK;
}

static bool same_quant(const eao_tensor *a, const eao_tensor *b) {
  if (a->quant.n != 1 || b->quant.n != 1) return true;
  return a->quant.scale[0] == b->quant.scale[0] && eao_quant_zero(a, 0) == eao_quant_zero(b, 0);
}

/* In single precision, as LiteRT's ConcatenationWithScaling does. */
static void requantise_run(eao_tensor *y, int64_t yi, const eao_tensor *x, int64_t xi, int64_t n) {
  float scale = x->quant.scale[0] * (1.0f / y->quant.scale[0]);
  float bias = -(float)eao_quant_zero(x, 0) * scale;
  for (int64_t i = 0; i < n; i++) {
    float real = (float)eao_get_i64(x, xi + i) * scale + bias;
    eao_set_f64(y, yi + i, (double)roundf(real) + eao_quant_zero(y, 0));
  }
}

/* outer runs of x to places `step` apart in y. Bytes have 256 values: each is computed once. */
static void requantise_runs(eao_tensor *y, int64_t at, int64_t step, const eao_tensor *x,
                            int64_t run, int64_t outer) {
  enum { VALUES = 256 };
  if (eao_dtype_bits(x->dtype) != 8 || eao_dtype_bits(y->dtype) != 8 || outer * run < VALUES) {
    for (int64_t o = 0; o < outer; o++) requantise_run(y, o * step + at, x, o * run, run);
    return;
  }
  uint8_t all[VALUES], table[VALUES];
  eao_tensor from = *x, to = *y;
  for (int i = 0; i < VALUES; i++) all[i] = (uint8_t)i;
  from.data = all;
  to.data = table;
  requantise_run(&to, 0, &from, 0, VALUES);
  for (int64_t o = 0; o < outer; o++) {
    const uint8_t *p = (const uint8_t *)x->data + o * run;
    uint8_t *q = (uint8_t *)y->data + o * step + at;
    for (int64_t i = 0; i < run; i++) q[i] = table[p[i]];
  }
}

eao_status eao_ref_concat(eao_kcall *c) {
  const eao_axis_attr *a = c->attr;
  eao_tensor *y = c->out[0];
  int32_t axis = eao_axis_from(a->axis, y->rank);
  int64_t outer = eao_dim_product(y, 0, axis), inner = eao_dim_product(y, axis, y->rank), at = 0;
  for (uint32_t k = 0; k < c->n_in; k++) {
    const eao_tensor *x = c->in[k];
    int64_t run = eao_dim_product(x, axis, x->rank);
    if (same_quant(x, y)) {
      eao_view v = {.dst_at = at};
      eao_view_add(&v, outer, run, inner);
      eao_view_add(&v, run, 1, 1);
      eao_view_copy(y, x, &v);
    } else {
      requantise_runs(y, at, inner, x, run, outer);
    }
    at += run;
  }
  return EAO_OK;
}

eao_status eao_ref_split(eao_kcall *c) {
  const eao_split_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *sizes = c->n_in > 1 ? c->in[1] : NULL;
  int32_t axis = eao_axis_from(a->axis, x->rank);
  int64_t outer = eao_dim_product(x, 0, axis), inner = eao_dim_product(x, axis + 1, x->rank);
  int64_t chunk = (x->dim[axis] + c->n_out - 1) / c->n_out, at = 0;
  for (uint32_t k = 0; k < c->n_out; k++) {
    eao_tensor *y = c->out[k];
    int64_t size = sizes ? eao_get_i64(sizes, k) : chunk;
    if (y) {
      size = y->dim[axis];
      eao_view v = {.src_at = at * inner};
      eao_view_add(&v, outer, x->dim[axis] * inner, size * inner);
      eao_view_add(&v, size * inner, 1, 1);
      eao_view_copy(y, x, &v);
    }
    at += size;
  }
  return EAO_OK;
}

eao_status eao_ref_expand(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  int64_t xs[EAO_MAX_RANK], ys[EAO_MAX_RANK];
  eao_view v = {0};
  eao_tensor_strides(x, xs);
  eao_tensor_strides(y, ys);
  for (int32_t i = 0; i < y->rank; i++) {
    int32_t k = i - (y->rank - x->rank);
    eao_view_add(&v, y->dim[i], k < 0 || x->dim[k] == 1 ? 0 : xs[k], ys[i]);
  }
  eao_view_copy(y, x, &v);
  return EAO_OK;
}

eao_status eao_ref_tile(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  int64_t xs[EAO_MAX_RANK], ys[EAO_MAX_RANK];
  eao_view v = {0};
  eao_tensor_strides(x, xs);
  eao_tensor_strides(y, ys);
  for (int32_t i = 0; i < x->rank; i++) {
    eao_view_add(&v, eao_get_i64(c->in[1], i), 0, ys[i] * x->dim[i]);
    eao_view_add(&v, x->dim[i], xs[i], ys[i]);
  }
  eao_view_copy(y, x, &v);
  return EAO_OK;
}

eao_status eao_ref_trilu(eao_kcall *c) {
  const eao_trilu_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *diag = c->n_in > 1 ? c->in[1] : NULL;
  eao_tensor *y = c->out[0];
  int64_t rows = x->dim[x->rank - 2], cols = x->dim[x->rank - 1];
  int64_t outer = eao_dim_product(x, 0, x->rank - 2), k = diag ? eao_get_i64(diag, 0) : 0;
  /* beyond these nothing changes; keeps r + k from overflowing */
  k = k > cols ? cols : k < -rows ? -rows : k;
  eao_move_zero(y);
  for (int64_t r = 0; r < outer * rows; r++) {
    int64_t cut = r % rows + k + (a->upper ? 0 : 1); /* first column kept or dropped */
    cut = cut < 0 ? 0 : cut > cols ? cols : cut;
    if (a->upper)
      eao_move_run(y, r * cols + cut, x, r * cols + cut, cols - cut);
    else
      eao_move_run(y, r * cols, x, r * cols, cut);
  }
  return EAO_OK;
}

eao_status eao_ref_reverse(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *axes = c->in[1];
  eao_tensor *y = c->out[0];
  int64_t stride[EAO_MAX_RANK], n_axes = eao_tensor_count(axes);
  eao_view v = {0};
  eao_tensor_strides(x, stride);
  for (int32_t i = 0; i < x->rank; i++) eao_view_add(&v, x->dim[i], stride[i], stride[i]);
  for (int64_t k = 0; k < n_axes; k++) {
    int32_t i = eao_axis_from(eao_get_i64(axes, k), x->rank);
    v.src_at += (x->dim[i] - 1) * stride[i];
    v.src[i] = -stride[i];
  }
  eao_view_copy(y, x, &v);
  return EAO_OK;
}

eao_status eao_ref_reverse_sequence(eao_kcall *c) {
  const eao_reverse_sequence_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *lens = c->in[1];
  eao_tensor *y = c->out[0];
  int32_t batch = eao_axis_from(a->batch_axis, x->rank);
  int32_t time = eao_axis_from(a->time_axis, x->rank);
  int64_t stride[EAO_MAX_RANK];
  eao_tensor_strides(x, stride);
  eao_move_run(y, 0, x, 0, eao_tensor_count(x));
  for (int64_t b = 0; b < x->dim[batch]; b++) {
    int64_t len = eao_get_i64(lens, b);
    if (len < 0 || len > x->dim[time])
      return eao_kfail(c, EAO_ERR_SHAPE, "a sequence length is outside the time axis");
    eao_view v = {.src_at = b * stride[batch] + (len - 1) * stride[time],
                  .dst_at = b * stride[batch]};
    for (int32_t i = 0; i < x->rank; i++) {
      if (i == time)
        eao_view_add(&v, len, -stride[i], stride[i]);
      else if (i != batch)
        eao_view_add(&v, x->dim[i], stride[i], stride[i]);
    }
    eao_view_copy(y, x, &v);
  }
  return EAO_OK;
}
