/* depth_to_space, space_to_depth, space_to_batch_nd, batch_to_space_nd. */
#include "kernel/ref/space.h"

#include "kernel/ref/conv.h"
#include "op/op.h"
#include "op/sample.h"

static eao_status infer_depth(eao_infer *f, bool to_space) {
  const eao_depth_space_attr *a = f->attr;
  const eao_tensor *x = f->in[0];
  eao_tensor *y = &f->out[0];
  int64_t b = a->block;
  if (b < 1 || b > 65536)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "block size %lld is not possible", (long long)b);
  if (x->rank >= 0 && x->rank != 4)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the input has rank %d, not 4", x->rank);
  eao_infer_rank(f, 0, x->dtype, 4);
  if (x->rank < 0) return EAO_OK;
  bool last = a->layout == EAO_LAYOUT_CHANNELS_LAST;
  int32_t ch = last ? 3 : 1;
  for (int32_t i = 0; i < 4; i++) {
    int64_t d = x->dim[i], factor = i == 0 ? 1 : i == ch ? b * b : b;
    bool grows = (i == ch) != to_space;
    if (d < 0) continue;
    y->dim[i] = d;
    if (grows ? !eao_mul_i64(d, factor, &y->dim[i]) : d % factor != 0)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "extent %lld of axis %d does not fit block size %lld",
                            (long long)d, i, (long long)b);
    if (!grows) y->dim[i] = d / factor;
  }
  return EAO_OK;
}

static eao_status infer_depth_to_space(eao_infer *f) {
  return infer_depth(f, true);
}

static eao_status infer_space_to_depth(eao_infer *f) {
  return infer_depth(f, false);
}

#define EXTENT_LIMIT ((int64_t)1 << 40)

static eao_status check_blocks(eao_infer *f, const eao_tensor *x, const eao_tensor *block,
                               const eao_tensor *pads) {
  if (x->rank >= 0 && x->rank < 2)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "the input has rank %d", x->rank);
  if ((block->rank >= 0 && block->rank != 1) || (pads->rank >= 0 && pads->rank != 2) ||
      (pads->rank == 2 && pads->dim[1] >= 0 && pads->dim[1] != 2) ||
      (pads->rank == 2 && block->rank == 1 && pads->dim[0] >= 0 && block->dim[0] >= 0 &&
       pads->dim[0] != block->dim[0]))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "block must be [m], paddings [m, 2]");
  if (block->rank == 1 && x->rank >= 0 && block->dim[0] >= x->rank)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld block extents for rank %d",
                          (long long)block->dim[0], x->rank);
  if (!eao_dtype_is_int(block->dtype) || !eao_dtype_is_int(pads->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "block and paddings must be integers");
  return EAO_OK;
}

static eao_status infer_batch(eao_infer *f, bool to_batch) {
  const eao_tensor *x = f->in[0], *block = f->in[1], *pads = f->in[2];
  eao_tensor *y = &f->out[0];
  int64_t parts = 1;
  EAO_TRY(check_blocks(f, x, block, pads));
  eao_infer_rank(f, 0, x->dtype, x->rank);
  if (x->rank < 0 || !block->data || !pads->data) return EAO_OK;
  int32_t m = (int32_t)block->dim[0];
  for (int32_t i = m + 1; i < x->rank; i++) y->dim[i] = x->dim[i];
  for (int32_t k = 0; k < m; k++) {
    int64_t b = eao_get_i64(block, k), p = eao_get_i64(pads, 2 * k);
    int64_t q = eao_get_i64(pads, 2 * k + 1), d = x->dim[k + 1];
    if (b < 1 || p < 0 || q < 0 || b > EXTENT_LIMIT || p > EXTENT_LIMIT || q > EXTENT_LIMIT ||
        d > EXTENT_LIMIT || !eao_mul_i64(parts, b, &parts))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "block %lld with paddings %lld, %lld", (long long)b,
                            (long long)p, (long long)q);
    if (d < 0) continue;
    int64_t whole = to_batch ? d + p + q : 0;
    bool fits = to_batch ? whole % b == 0 : eao_mul_i64(d, b, &whole) && whole >= p + q;
    if (!fits)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "extent %lld of axis %d does not fit block %lld",
                            (long long)d, k + 1, (long long)b);
    y->dim[k + 1] = to_batch ? whole / b : whole - p - q;
  }
  if (x->dim[0] < 0) return EAO_OK;
  if (to_batch ? !eao_mul_i64(x->dim[0], parts, &y->dim[0]) : x->dim[0] % parts != 0)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "batch %lld does not fit %lld blocks",
                          (long long)x->dim[0], (long long)parts);
  if (!to_batch) y->dim[0] = x->dim[0] / parts;
  return EAO_OK;
}

static eao_status infer_space_to_batch(eao_infer *f) {
  return infer_batch(f, true);
}

static eao_status infer_batch_to_space(eao_infer *f) {
  return infer_batch(f, false);
}

static bool sample_4d(uint32_t k, eao_sample *s, int64_t n, int64_t d, int64_t h, int64_t w) {
  if (!eao_sample_moved(k, &s->in[0])) return false;
  const int64_t dim[4] = {n, d, h, w};
  s->n_in = s->n_out = 1;
  s->in[0].rank = 4;
  for (int32_t i = 0; i < 4; i++) s->in[0].dim[i] = dim[i];
  s->out[0] = (eao_tensor){.dtype = s->in[0].dtype, .rank = -1, .quant = s->in[0].quant};
  return true;
}

static bool sample_depth_to_space(uint32_t k, eao_sample *s) {
  eao_depth_space_attr *a = s->attr;
  bool last = k % 2;
  a->block = 2;
  a->mode = (int32_t)(k / 2 % 2);
  a->layout = last ? EAO_LAYOUT_CHANNELS_LAST : EAO_LAYOUT_CHANNELS_FIRST;
  return sample_4d(k, s, 2, last ? 3 : 12, last ? 2 : 3, last ? 12 : 2);
}

static bool sample_space_to_depth(uint32_t k, eao_sample *s) {
  eao_depth_space_attr *a = s->attr;
  bool last = k % 2;
  a->block = 2;
  a->layout = last ? EAO_LAYOUT_CHANNELS_LAST : EAO_LAYOUT_CHANNELS_FIRST;
  return sample_4d(k, s, 2, last ? 6 : 3, last ? 4 : 6, last ? 3 : 4);
}

static bool sample_blocks(uint32_t k, eao_sample *s, bool to_batch) {
  static const int64_t block[2] = {2, 3}, pads[4] = {1, 0, 2, 3};
  if (!(to_batch ? sample_4d(k, s, 2, 5, 7, 3) : sample_4d(k, s, 12, 3, 4, 3))) return false;
  s->n_in = 3;
  s->in[1] = eao_sample_ints(block, 2);
  s->in[2] = eao_sample_ints(pads, 2);
  s->in[2].rank = 2;
  s->in[2].dim[1] = 2;
  return true;
}

static bool sample_space_to_batch(uint32_t k, eao_sample *s) {
  return sample_blocks(k, s, true);
}

static bool sample_batch_to_space(uint32_t k, eao_sample *s) {
  return sample_blocks(k, s, false);
}

static const char *const layouts[] = {"channels_first", "channels_last", NULL};
static const char *const modes[] = {"dcr", "crd", NULL};

static const eao_attr_desc depth_attrs[] = {
    {.name = "block",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_depth_space_attr, block),
     .onnx = "blocksize",
     .def = 1,
     .doc = "rows and columns of a block"},
    {.name = "layout",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_depth_space_attr, layout),
     .onnx = "",
     .names = layouts,
     .doc = "where the channels stand"},
    {.name = "mode",
     .kind = EAO_ATTR_ENUM,
     .offset = EAO_ATTR_AT(eao_depth_space_attr, mode),
     .names = modes,
     .doc = "order of the channels: block before channel, or channel before block"},
};

const eao_op_desc eao_op_depth_to_space = {
    .name = "depth_to_space",
    .doc = "channels become blocks of space",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_depth_space_attr),
    .attrs = depth_attrs,
    .n_attrs = EAO_COUNT(depth_attrs),
    .onnx = "DepthToSpace",
    .infer = infer_depth_to_space,
    .ref = eao_ref_depth_to_space,
    .sample = sample_depth_to_space,
};

const eao_op_desc eao_op_space_to_depth = {
    .name = "space_to_depth",
    .doc = "blocks of space become channels",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .attr_size = sizeof(eao_depth_space_attr),
    .attrs = depth_attrs,
    .n_attrs = EAO_COUNT(depth_attrs) - 1, /* no mode */
    .onnx = "SpaceToDepth",
    .infer = infer_space_to_depth,
    .ref = eao_ref_space_to_depth,
    .sample = sample_space_to_depth,
};

const eao_op_desc eao_op_space_to_batch_nd = {
    .name = "space_to_batch_nd",
    .doc = "pads the axes after the first, then moves their blocks to the batch axis",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .infer = infer_space_to_batch,
    .ref = eao_ref_space_to_batch_nd,
    .sample = sample_space_to_batch,
};

const eao_op_desc eao_op_batch_to_space_nd = {
    .name = "batch_to_space_nd",
    .doc = "moves blocks from the batch axis to the axes after it, then crops those",
    .min_in = 3,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .traits = EAO_TRAIT_KEEPS_QUANT,
    .infer = infer_batch_to_space,
    .ref = eao_ref_batch_to_space_nd,
    .sample = sample_batch_to_space,
};
