#include "kernel/ref/space.h"

#include "kernel/ref/conv.h"
#include "kernel/ref/move.h"

/* Strides of a rank-4 tensor as N, C, H, W whatever its layout. */
static void nchw_strides(const eao_tensor *t, int32_t layout, int64_t *out) {
  int64_t s[EAO_MAX_RANK];
  eao_tensor_strides(t, s);
  bool last = layout == EAO_LAYOUT_CHANNELS_LAST;
  out[0] = s[0];
  out[1] = last ? s[3] : s[1];
  out[2] = last ? s[1] : s[2];
  out[3] = last ? s[2] : s[3];
}

/* deep has the channels, wide the space; copies from one to the other. */
static void depth_space(eao_tensor *y, const eao_tensor *x, const eao_depth_space_attr *a,
                        bool to_space) {
  const eao_tensor *deep = to_space ? x : y, *wide = to_space ? y : x;
  bool last = a->layout == EAO_LAYOUT_CHANNELS_LAST;
  int64_t d[4], w[4], b = a->block, chans = wide->dim[last ? 3 : 1];
  nchw_strides(deep, a->layout, d);
  nchw_strides(wide, a->layout, w);
  bool dcr = a->mode == EAO_DEPTH_DCR;
  int64_t c_step = dcr ? d[1] : d[1] * b * b;
  int64_t row_step = dcr ? d[1] * b * chans : d[1] * b, col_step = dcr ? d[1] * chans : d[1];
  int64_t dims[] = {deep->dim[0], chans, deep->dim[last ? 1 : 2], b, deep->dim[last ? 2 : 3], b};
  int64_t ds[] = {d[0], c_step, d[2], row_step, d[3], col_step};
  int64_t ws[] = {w[0], w[1], w[2] * b, w[2], w[3] * b, w[3]};
  /* channels last: channels move to the inner end, where runs are */
  static const int8_t order[2][6] = {{0, 1, 2, 3, 4, 5}, {0, 2, 3, 4, 5, 1}};
  eao_view v = {0};
  for (int k = 0; k < 6; k++) {
    int i = order[last][k];
    eao_view_add(&v, dims[i], to_space ? ds[i] : ws[i], to_space ? ws[i] : ds[i]);
  }
  eao_view_copy(y, x, &v);
}

eao_status eao_ref_depth_to_space(eao_kcall *c) {
  depth_space(c->out[0], c->in[0], c->attr, true);
  return EAO_OK;
}

eao_status eao_ref_space_to_depth(eao_kcall *c) {
  depth_space(c->out[0], c->in[0], c->attr, false);
  return EAO_OK;
}

static int64_t ceil_div(int64_t a, int64_t b) {
  return a <= 0 ? 0 : (a - 1) / b + 1;
}

/* Copies between wide [N, spatial...] and the part of deep [blocks * N, spatial / block...] that
 * block offset `which` (row-major over the block) makes. lead[i]: elements of the padded axis that
 * the wide tensor lacks at its start. */
static void block_part(eao_tensor *y, const eao_tensor *x, bool to_deep, int64_t which,
                       const eao_tensor *block, const eao_tensor *pads) {
  const eao_tensor *deep = to_deep ? y : x, *wide = to_deep ? x : y;
  int32_t m = (int32_t)eao_tensor_count(block);
  int64_t ds[EAO_MAX_RANK], ws[EAO_MAX_RANK], n = wide->dim[0], rest = which, wide_at = 0;
  int64_t first[EAO_MAX_RANK], count[EAO_MAX_RANK], deep_at;
  eao_tensor_strides(deep, ds);
  eao_tensor_strides(wide, ws);
  deep_at = which * n * ds[0];
  for (int32_t k = m - 1; k >= 0; k--) {
    int64_t b = eao_get_i64(block, k), off = rest % b, lead = eao_get_i64(pads, 2 * k);
    rest /= b;
    /* wide index i * b + off - lead must lie in [0, dim) */
    first[k] = ceil_div(lead - off, b);
    int64_t end = ceil_div(wide->dim[k + 1] + lead - off, b);
    if (end > deep->dim[k + 1]) end = deep->dim[k + 1];
    count[k] = end > first[k] ? end - first[k] : 0;
    deep_at += first[k] * ds[k + 1];
    wide_at += (first[k] * b + off - lead) * ws[k + 1];
  }
  eao_view v = {.src_at = to_deep ? wide_at : deep_at, .dst_at = to_deep ? deep_at : wide_at};
  for (int32_t i = 0; i < x->rank; i++) {
    bool spatial = i >= 1 && i <= m;
    int64_t wide_step = spatial ? ws[i] * eao_get_i64(block, i - 1) : ws[i];
    int64_t dim = i == 0 ? n : spatial ? count[i - 1] : x->dim[i];
    eao_view_add(&v, dim, to_deep ? wide_step : ds[i], to_deep ? ds[i] : wide_step);
  }
  eao_view_copy(y, x, &v);
}

static eao_status block_all(eao_kcall *c, bool to_deep) {
  const eao_tensor *block = c->in[1];
  int64_t parts = 1, m = eao_tensor_count(block);
  for (int64_t k = 0; k < m; k++) parts *= eao_get_i64(block, k);
  if (to_deep) eao_move_zero(c->out[0]);
  if (eao_tensor_count(c->in[0]) == 0) return EAO_OK;
  for (int64_t p = 0; p < parts; p++) block_part(c->out[0], c->in[0], to_deep, p, block, c->in[2]);
  return EAO_OK;
}

eao_status eao_ref_space_to_batch_nd(eao_kcall *c) {
  return block_all(c, true);
}

eao_status eao_ref_batch_to_space_nd(eao_kcall *c) {
  return block_all(c, false);
}
