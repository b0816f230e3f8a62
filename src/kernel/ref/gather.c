#include "kernel/ref/gather.h"

#include <math.h>

#include "kernel/ref/move.h"

static const char outside[] = "an index is outside its axis";

/* Index i of an axis of extent dim, made non-negative; -1 when outside. */
static int64_t wrap(int64_t i, int64_t dim) {
  if (i < 0) i += dim;
  return i >= 0 && i < dim ? i : -1;
}

eao_status eao_ref_gather(eao_kcall *c) {
  const eao_gather_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *idx = c->in[1];
  eao_tensor *y = c->out[0];
  int32_t axis = eao_axis_from(a->axis, x->rank), b = eao_axis_from(a->batch_dims, idx->rank);
  int64_t batch = eao_dim_product(x, 0, b), outer = eao_dim_product(x, b, axis);
  int64_t n = eao_dim_product(idx, b, idx->rank), run = eao_dim_product(x, axis + 1, x->rank);
  int64_t dim = x->dim[axis], at = 0;
  for (int64_t i = 0; i < batch; i++)
    for (int64_t o = 0; o < outer; o++)
      for (int64_t k = 0; k < n; k++, at += run) {
        int64_t from = wrap(eao_get_i64(idx, i * n + k), dim);
        if (from < 0) return eao_kfail(c, EAO_ERR_SHAPE, outside);
        eao_move_run(y, at, x, ((i * outer + o) * dim + from) * run, run);
      }
  return EAO_OK;
}

/* Walks the elements of `over` in order and gives their positions in t with `axis` left out. */
static void walk_init(eao_bcast *w, const eao_tensor *over, const eao_tensor *t, int32_t axis,
                      int64_t *out_stride) {
  int64_t stride[EAO_MAX_RANK];
  *w = (eao_bcast){.rank = over->rank};
  eao_tensor_strides(t, stride);
  for (int32_t i = 0; i < over->rank; i++) {
    w->dim[i] = over->dim[i];
    w->stride[i] = i == axis ? 0 : stride[i];
  }
  *out_stride = stride[axis];
}

eao_status eao_ref_gather_elements(eao_kcall *c) {
  const eao_axis_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *idx = c->in[1];
  int32_t axis = eao_axis_from(a->axis, x->rank);
  int64_t n = eao_tensor_count(idx), stride;
  eao_bcast w;
  walk_init(&w, idx, x, axis, &stride);
  for (int64_t i = 0; i < n; i++) {
    int64_t base = eao_bcast_next(&w), k = wrap(eao_get_i64(idx, i), x->dim[axis]);
    if (k < 0) return eao_kfail(c, EAO_ERR_SHAPE, outside);
    eao_move_run(c->out[0], i, x, base + k * stride, 1);
  }
  return EAO_OK;
}

/* Offset that row `at` of an index tensor addresses behind the first b axes of t; -1: outside. */
static int64_t nd_offset(const eao_tensor *idx, int64_t at, int64_t depth, const eao_tensor *t,
                         int32_t b) {
  int64_t offset = 0;
  for (int64_t k = 0; k < depth; k++) {
    int64_t i = wrap(eao_get_i64(idx, at * depth + k), t->dim[b + k]);
    if (i < 0) return -1;
    offset = offset * t->dim[b + k] + i;
  }
  return offset;
}

eao_status eao_ref_gather_nd(eao_kcall *c) {
  const eao_gather_nd_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *idx = c->in[1];
  int32_t b = (int32_t)a->batch_dims;
  int64_t depth = idx->dim[idx->rank - 1], batch = eao_dim_product(x, 0, b);
  int64_t rows = eao_dim_product(idx, b, idx->rank - 1);
  int64_t run = eao_dim_product(x, b + (int32_t)depth, x->rank);
  int64_t whole = eao_dim_product(x, b, x->rank);
  for (int64_t i = 0; i < batch; i++)
    for (int64_t r = 0; r < rows; r++) {
      int64_t off = nd_offset(idx, i * rows + r, depth, x, b);
      if (off < 0) return eao_kfail(c, EAO_ERR_SHAPE, outside);
      eao_move_run(c->out[0], (i * rows + r) * run, x, i * whole + off * run, run);
    }
  return EAO_OK;
}

static double reduce_f64(int32_t how, double old, double v) {
  switch (how) {
  case EAO_SCATTER_ADD: return old + v;
  case EAO_SCATTER_MUL: return old * v;
  case EAO_SCATTER_MIN: return old != old || old < v ? old : v;
  case EAO_SCATTER_MAX: return old != old || old > v ? old : v;
  default: return v;
  }
}

static int64_t reduce_i64(int32_t how, bool is_unsigned, int64_t old, int64_t v) {
  bool less = is_unsigned ? (uint64_t)old < (uint64_t)v : old < v;
  switch (how) {
  case EAO_SCATTER_ADD: return (int64_t)((uint64_t)old + (uint64_t)v);
  case EAO_SCATTER_MUL: return (int64_t)((uint64_t)old * (uint64_t)v);
  case EAO_SCATTER_MIN: return less ? old : v;
  case EAO_SCATTER_MAX: return less ? v : old;
  default: return v;
  }
}

static void scatter_one(int32_t how, eao_tensor *y, int64_t yi, const eao_tensor *u, int64_t ui) {
  if (how == EAO_SCATTER_NONE)
    eao_move_run(y, yi, u, ui, 1);
  else if (eao_dtype_is_float(y->dtype))
    eao_set_f64(y, yi, reduce_f64(how, eao_get_f64(y, yi), eao_get_f64(u, ui)));
  else
    eao_set_i64(
        y, yi,
        reduce_i64(how, eao_dtype_is_unsigned(y->dtype), eao_get_i64(y, yi), eao_get_i64(u, ui)));
}

eao_status eao_ref_scatter_elements(eao_kcall *c) {
  const eao_scatter_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *idx = c->in[1], *u = c->in[2];
  eao_tensor *y = c->out[0];
  int32_t axis = eao_axis_from(a->axis, x->rank);
  int64_t n = eao_tensor_count(idx), stride;
  eao_bcast w;
  eao_move_run(y, 0, x, 0, eao_tensor_count(x));
  walk_init(&w, idx, x, axis, &stride);
  for (int64_t i = 0; i < n; i++) {
    int64_t base = eao_bcast_next(&w), k = wrap(eao_get_i64(idx, i), x->dim[axis]);
    if (k < 0) return eao_kfail(c, EAO_ERR_SHAPE, outside);
    scatter_one(a->reduction, y, base + k * stride, u, i);
  }
  return EAO_OK;
}

eao_status eao_ref_scatter_nd(eao_kcall *c) {
  const eao_scatter_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *idx = c->in[1], *u = c->in[2];
  eao_tensor *y = c->out[0];
  int64_t depth = idx->dim[idx->rank - 1], rows = eao_dim_product(idx, 0, idx->rank - 1);
  int64_t run = eao_dim_product(x, (int32_t)depth, x->rank);
  eao_move_run(y, 0, x, 0, eao_tensor_count(x));
  for (int64_t r = 0; r < rows; r++) {
    int64_t off = nd_offset(idx, r, depth, x, 0);
    if (off < 0) return eao_kfail(c, EAO_ERR_SHAPE, outside);
    if (a->reduction == EAO_SCATTER_NONE)
      eao_move_run(y, off * run, u, r * run, run);
    else
      for (int64_t i = 0; i < run; i++) scatter_one(a->reduction, y, off * run + i, u, r * run + i);
  }
  return EAO_OK;
}

eao_status eao_ref_one_hot(eao_kcall *c) {
  const eao_axis_attr *a = c->attr;
  const eao_tensor *idx = c->in[0], *values = c->in[2];
  eao_tensor *y = c->out[0];
  int32_t axis = eao_axis_from(a->axis, y->rank);
  int64_t outer = eao_dim_product(idx, 0, axis), inner = eao_dim_product(idx, axis, idx->rank);
  int64_t depth = y->dim[axis];
  if (eao_tensor_count(y) == 0) return EAO_OK;
  eao_move_run(y, 0, values, 0, 1);
  eao_move_repeat(y);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < inner; i++) {
      int64_t k = wrap(eao_get_i64(idx, o * inner + i), depth); /* outside: all off */
      if (k >= 0) eao_move_run(y, (o * depth + k) * inner + i, values, 1, 1);
    }
  return EAO_OK;
}

eao_status eao_ref_segment_sum(eao_kcall *c) {
  const eao_tensor *x = c->in[0], *ids = c->in[1];
  eao_tensor *y = c->out[0];
  int64_t n = x->dim[0], run = eao_dim_product(x, 1, x->rank), prev = 0;
  eao_move_zero(y);
  for (int64_t i = 0; i < n; i++) {
    int64_t k = eao_get_i64(ids, i);
    if (k < prev || k >= y->dim[0])
      return eao_kfail(c, EAO_ERR_SHAPE, "segment ids must not be negative and must not fall");
    prev = k;
    for (int64_t j = 0; j < run; j++) scatter_one(EAO_SCATTER_ADD, y, k * run + j, x, i * run + j);
  }
  return EAO_OK;
}

static bool is_set(const eao_tensor *x, int64_t i) {
  return eao_dtype_is_float(x->dtype) ? eao_get_f64(x, i) != 0 : eao_get_i64(x, i) != 0;
}

int64_t eao_nonzero_count(const eao_tensor *x) {
  int64_t n = eao_tensor_count(x), count = 0;
  for (int64_t i = 0; i < n; i++) count += is_set(x, i);
  return count;
}

eao_status eao_ref_nonzero(eao_kcall *c) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  int64_t n = eao_tensor_count(x), count = y->dim[1], k = 0;
  for (int64_t i = 0; i < n; i++) {
    if (!is_set(x, i)) continue;
    int64_t rest = i;
    for (int32_t d = x->rank - 1; d >= 0; d--) {
      eao_set_i64(y, d * count + k, rest % x->dim[d]);
      rest /= x->dim[d];
    }
    k++;
  }
  return EAO_OK;
}

int64_t eao_compress_count(const eao_tensor *condition, int64_t n) {
  int64_t count = 0, len = eao_tensor_count(condition);
  for (int64_t i = 0; i < n && i < len; i++) count += is_set(condition, i);
  return count;
}

eao_status eao_ref_compress(eao_kcall *c) {
  const eao_axis_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *cond = c->in[1];
  bool flat = a->axis == EAO_NO_AXIS;
  int32_t axis = flat ? 0 : eao_axis_from(a->axis, x->rank);
  int64_t outer = flat ? 1 : eao_dim_product(x, 0, axis);
  int64_t dim = flat ? eao_tensor_count(x) : x->dim[axis], len = eao_tensor_count(cond), at = 0;
  int64_t run = flat ? 1 : eao_dim_product(x, axis + 1, x->rank);
  for (int64_t o = 0; o < outer; o++)
    for (int64_t i = 0; i < dim && i < len; i++)
      if (is_set(cond, i)) {
        eao_move_run(c->out[0], at, x, (o * dim + i) * run, run);
        at += run;
      }
  return EAO_OK;
}

/* ---- unique ---- */

typedef struct slices {
  const eao_tensor *x;
  int64_t n, outer, inner; /* slice i: elements (o * n + i) * inner + k */
} slices;

static slices slices_of(const eao_tensor *x, const eao_unique_attr *a) {
  slices s = {x, eao_tensor_count(x), 1, 1};
  if (a->axis != EAO_NO_AXIS) {
    int32_t axis = eao_axis_from(a->axis, x->rank);
    s.n = x->dim[axis];
    s.outer = eao_dim_product(x, 0, axis);
    s.inner = eao_dim_product(x, axis + 1, x->rank);
  }
  return s;
}

int64_t eao_unique_slices(const eao_tensor *x, const eao_unique_attr *a) {
  return slices_of(x, a).n;
}

size_t eao_unique_scratch(const eao_tensor *x, const eao_unique_attr *a) {
  return (size_t)slices_of(x, a).n * 3 * sizeof(int64_t);
}

static int compare_elements(const eao_tensor *x, int64_t i, int64_t j) {
  if (eao_dtype_is_float(x->dtype)) {
    double a = eao_get_f64(x, i), b = eao_get_f64(x, j);
    if (a != a || b != b) return (a != a) - (b != b); /* NaNs are equal and come last */
    return (a > b) - (a < b);
  }
  int64_t a = eao_get_i64(x, i), b = eao_get_i64(x, j);
  if (x->dtype == EAO_U64) return ((uint64_t)a > (uint64_t)b) - ((uint64_t)a < (uint64_t)b);
  return (a > b) - (a < b);
}

static int compare_slices(const slices *s, int64_t i, int64_t j) {
  for (int64_t o = 0; o < s->outer; o++)
    for (int64_t k = 0; k < s->inner; k++) {
      int cmp =
          compare_elements(s->x, (o * s->n + i) * s->inner + k, (o * s->n + j) * s->inner + k);
      if (cmp) return cmp;
    }
  return 0;
}

/* Stable merge sort, bottom up; the result is in `order`. */
static void sort_slices(const slices *s, int64_t *order, int64_t *tmp) {
  for (int64_t width = 1; width < s->n; width *= 2) {
    for (int64_t lo = 0; lo < s->n; lo += 2 * width) {
      int64_t mid = lo + width < s->n ? lo + width : s->n;
      int64_t hi = mid + width < s->n ? mid + width : s->n;
      for (int64_t i = lo, j = mid, k = lo; k < hi; k++)
        tmp[k] = j >= hi || (i < mid && compare_slices(s, order[i], order[j]) <= 0) ? order[i++]
                                                                                    : order[j++];
    }
    for (int64_t i = 0; i < s->n; i++) order[i] = tmp[i];
  }
}

int64_t eao_unique_group(const eao_tensor *x, const eao_unique_attr *a, int64_t *work) {
  slices s = slices_of(x, a);
  int64_t *first = work, *group = work + s.n, *order = work + 2 * s.n, count = 0;
  for (int64_t i = 0; i < s.n; i++) order[i] = i;
  sort_slices(&s, order, group);
  for (int64_t i = 0; i < s.n; i++) {
    if (i == 0 || compare_slices(&s, order[i - 1], order[i]) != 0) first[count++] = order[i];
    group[order[i]] = count - 1; /* the sort is stable: first[] is the earliest of its group */
  }
  if (a->sorted) return count;
  /* In order of appearance: a slice that is the first of its group opens the next one. */
  int64_t next = 0, *renumbered = order;
  for (int64_t i = 0; i < s.n; i++) {
    int64_t g = group[i];
    if (first[g] == i) renumbered[g] = next++;
    group[i] = renumbered[g];
  }
  for (int64_t i = s.n - 1; i >= 0; i--) first[group[i]] = i;
  return count;
}

eao_status eao_ref_unique(eao_kcall *c) {
  const eao_unique_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  slices s = slices_of(x, a);
  int64_t *first = c->scratch, *group = first + s.n;
  int64_t count = eao_unique_group(x, a, first);
  for (int64_t o = 0; y && o < s.outer; o++)
    for (int64_t g = 0; g < count; g++)
      eao_move_run(y, (o * count + g) * s.inner, x, (o * s.n + first[g]) * s.inner, s.inner);
  eao_tensor *out_first = c->n_out > 1 ? c->out[1] : NULL;
  eao_tensor *inverse = c->n_out > 2 ? c->out[2] : NULL;
  eao_tensor *counts = c->n_out > 3 ? c->out[3] : NULL;
  for (int64_t g = 0; out_first && g < count; g++) eao_set_i64(out_first, g, first[g]);
  for (int64_t i = 0; inverse && i < s.n; i++) eao_set_i64(inverse, i, group[i]);
  for (int64_t g = 0; counts && g < count; g++) eao_set_i64(counts, g, 0);
  for (int64_t i = 0; counts && i < s.n; i++)
    eao_set_i64(counts, group[i], eao_get_i64(counts, group[i]) + 1);
  return EAO_OK;
}

size_t eao_ref_unique_scratch(const eao_kcall *c) {
  return eao_unique_scratch(c->in[0], c->attr);
}
