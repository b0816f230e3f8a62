/* Matrix products: gemm, matmul and its integer form, fully_connected, determinant. */
#include "kernel/ref/matmul.h"
#include "kernel/ref/hybrid.h"

#include "op/window.h"

static eao_status infer_same_dtype(eao_infer *f, const eao_tensor *a, const eao_tensor *b) {
  if (a->dtype != b->dtype || a->dtype == EAO_BOOL)
    return eao_infer_fail(f, EAO_ERR_TYPE, "inputs have types %s and %s", eao_dtype_name(a->dtype),
                          eao_dtype_name(b->dtype));
  return EAO_OK;
}

static eao_status infer_depth(eao_infer *f, int64_t ka, int64_t kb) {
  if (ka >= 0 && kb >= 0 && ka != kb)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "inner extents %lld and %lld differ", (long long)ka,
                          (long long)kb);
  return EAO_OK;
}

/* ---- matmul ---- */

static eao_status infer_matmul_shape(eao_infer *f) {
  const eao_tensor *a = f->in[0], *b = f->in[1];
  eao_tensor *y = &f->out[0];
  if (a->rank == 0 || b->rank == 0)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "a scalar cannot be multiplied as a matrix");
  y->rank = -1;
  if (a->rank < 0 || b->rank < 0) return EAO_OK;
  EAO_TRY(infer_depth(f, a->dim[a->rank - 1], b->dim[b->rank > 1 ? b->rank - 2 : 0]));
  eao_tensor ab = *a, bb = *b;
  ab.rank = a->rank > 2 ? a->rank - 2 : 0;
  bb.rank = b->rank > 2 ? b->rank - 2 : 0;
  EAO_TRY(eao_infer_broadcast(f, &ab, &bb, y));
  if (a->rank > 1) y->dim[y->rank++] = a->dim[a->rank - 2];
  if (b->rank > 1) y->dim[y->rank++] = b->dim[b->rank - 1];
  return EAO_OK;
}

static eao_status infer_matmul(eao_infer *f) {
  const eao_tensor *a = f->in[0], *b = f->in[1];
  eao_dtype dtype = a->dtype;
  if (a->quant.n > 0 || b->quant.n > 0)
    EAO_TRY(eao_infer_weighted_dtype(f, a, b, &dtype));
  else
    EAO_TRY(infer_same_dtype(f, a, b));
  f->out[0].dtype = dtype;
  return infer_matmul_shape(f);
}

static eao_status infer_zero_point(eao_infer *f, uint32_t i, int64_t n) {
  const eao_tensor *z = i < f->n_in ? f->in[i] : NULL;
  if (!z || z->rank <= 0) return EAO_OK;
  if (z->rank > 1 || (z->dim[0] >= 0 && z->dim[0] != 1 && n >= 0 && z->dim[0] != n))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "a zero point must be a scalar or a list of %lld",
                          (long long)n);
  return EAO_OK;
}

static eao_status infer_matmul_integer(eao_infer *f) {
  const eao_tensor *a = f->in[0], *b = f->in[1];
  for (uint32_t i = 0; i < f->n_in; i++)
    if (f->in[i] && (!eao_dtype_is_int(f->in[i]->dtype) || eao_dtype_bits(f->in[i]->dtype) > 8))
      return eao_infer_fail(f, EAO_ERR_TYPE, "input %u is %s, an 8-bit integer type is needed", i,
                            eao_dtype_name(f->in[i]->dtype));
  f->out[0].dtype = EAO_I32;
  EAO_TRY(infer_matmul_shape(f));
  EAO_TRY(infer_zero_point(f, 2, a->rank < 0 ? -1 : a->rank > 1 ? a->dim[a->rank - 2] : 1));
  return infer_zero_point(f, 3, b->rank < 0 ? -1 : b->rank > 1 ? b->dim[b->rank - 1] : 1);
}

static void cost_matmul(const eao_infer *f, eao_cost *out) {
  const eao_tensor *a = f->in[0];
  out->macs = 0;
  if (a->rank > 0) eao_cost_product(&f->out[0], &a->dim[a->rank - 1], 1, out);
}

static bool sample_matmul(uint32_t k, eao_sample *s) {
  static const struct {
    eao_dtype dtype;
    int32_t ra, rb;
    int64_t a[4], b[4];
  } cases[] = {
      {EAO_F32, 2, 2, {5, 7}, {7, 70}},         {EAO_F32, 3, 2, {2, 3, 4}, {4, 5}},
      {EAO_F16, 4, 3, {2, 1, 3, 4}, {3, 4, 2}}, {EAO_F32, 1, 1, {9}, {9}},
      {EAO_F64, 1, 3, {4}, {2, 4, 3}},          {EAO_F32, 3, 1, {2, 3, 4}, {4}},
      {EAO_I32, 2, 2, {3, 4}, {4, 5}},
  };
  if (k >= EAO_COUNT(cases)) return false;
  s->n_in = 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = cases[k].dtype, .rank = cases[k].ra};
  s->in[1] = (eao_tensor){.dtype = cases[k].dtype, .rank = cases[k].rb};
  for (int32_t i = 0; i < 4; i++) {
    s->in[0].dim[i] = cases[k].a[i];
    s->in[1].dim[i] = cases[k].b[i];
  }
  return true;
}

static bool sample_matmul_integer(uint32_t k, eao_sample *s) {
  static const uint8_t zero_a = 12;
  static const int8_t zero_b[] = {-1, 0, 1, 2, 3};
  if (k > 1) return false;
  s->n_in = k ? 4 : 2;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_U8, .rank = 3, .dim = {2, 3, 7}};
  s->in[1] = (eao_tensor){.dtype = EAO_I8, .rank = 2, .dim = {7, 5}};
  s->in[2] = (eao_tensor){.dtype = EAO_U8, .data = (void *)(uintptr_t)&zero_a};
  s->in[3] =
      (eao_tensor){.dtype = EAO_I8, .rank = 1, .dim = {5}, .data = (void *)(uintptr_t)zero_b};
  s->hi[0] = 255;
  s->lo[1] = -128;
  s->hi[1] = 127;
  return true;
}

const eao_op_desc eao_op_matmul = {
    .name = "matmul",
    .doc = "matrix product as numpy.matmul: leading axes broadcast",
    .min_in = 2,
    .max_in = 2,
    .min_out = 1,
    .max_out = 1,
    .onnx = "MatMul",
    .infer = infer_matmul,
    .cost = cost_matmul,
    .ref = eao_ref_matmul,
    .sample = sample_matmul,
};

const eao_op_desc eao_op_matmul_integer = {
    .name = "matmul_integer",
    .doc = "matrix product of 8-bit integers less their zero points, exact i32 sums",
    .min_in = 2,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .onnx = "MatMulInteger",
    .infer = infer_matmul_integer,
    .cost = cost_matmul,
    .ref = eao_ref_matmul_integer,
    .sample = sample_matmul_integer,
};

/* ---- gemm ---- */

static eao_status infer_gemm(eao_infer *f) {
  const eao_gemm_attr *t = f->attr;
  const eao_tensor *a = f->in[0], *b = f->in[1], *add = f->n_in > 2 ? f->in[2] : NULL;
  eao_tensor *y = &f->out[0];
  EAO_TRY(infer_same_dtype(f, a, b));
  if (add) EAO_TRY(infer_same_dtype(f, a, add));
  if ((a->rank >= 0 && a->rank != 2) || (b->rank >= 0 && b->rank != 2))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "matrices are needed, not ranks %d and %d", a->rank,
                          b->rank);
  y->dtype = a->dtype;
  y->rank = 2;
  y->dim[0] = a->rank < 0 ? -1 : a->dim[t->trans_a ? 1 : 0];
  y->dim[1] = b->rank < 0 ? -1 : b->dim[t->trans_b ? 0 : 1];
  if (a->rank == 2 && b->rank == 2)
    EAO_TRY(infer_depth(f, a->dim[t->trans_a ? 0 : 1], b->dim[t->trans_b ? 1 : 0]));
  if (!add || add->rank < 0) return EAO_OK;
  bool fits = add->rank <= 2;
  for (int32_t i = 0; fits && i < add->rank; i++) {
    int64_t want = y->dim[2 - add->rank + i], d = add->dim[i];
    fits = d < 0 || d == 1 || want < 0 || d == want;
  }
  if (!fits) return eao_infer_fail(f, EAO_ERR_SHAPE, "c does not broadcast to the product");
  return EAO_OK;
}

static void cost_gemm(const eao_infer *f, eao_cost *out) {
  const eao_gemm_attr *t = f->attr;
  out->macs = 0;
  if (f->in[0]->rank == 2) eao_cost_product(&f->out[0], &f->in[0]->dim[t->trans_a ? 0 : 1], 1, out);
}

static bool sample_gemm(uint32_t k, eao_sample *s) {
  eao_gemm_attr *t = s->attr;
  if (k > 4) return false;
  s->n_in = k == 0 ? 2 : 3;
  s->n_out = 1;
  t->trans_a = k == 1 || k == 3;
  t->trans_b = k == 2 || k == 3;
  eao_dtype dtype = k == 4 ? EAO_F16 : EAO_F32;
  s->in[0] = (eao_tensor){.dtype = dtype, .rank = 2, .dim = {5, 9}};
  s->in[1] = (eao_tensor){.dtype = dtype, .rank = 2, .dim = {9, 6}};
  s->in[2] = (eao_tensor){.dtype = dtype, .rank = 1, .dim = {6}};
  if (t->trans_a) s->in[0].dim[0] = 9, s->in[0].dim[1] = 5;
  if (t->trans_b) s->in[1].dim[0] = 6, s->in[1].dim[1] = 9;
  if (k == 2) s->in[2] = (eao_tensor){.dtype = dtype, .rank = 2, .dim = {5, 1}};
  if (k == 3) s->in[2] = (eao_tensor){.dtype = dtype};
  if (k) t->alpha = 0.5f, t->beta = -1.5f;
  return true;
}

static const eao_attr_desc gemm_attrs[] = {
    {.name = "trans_a",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_gemm_attr, trans_a),
     .onnx = "transA",
     .doc = "a is transposed"},
    {.name = "trans_b",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_gemm_attr, trans_b),
     .onnx = "transB",
     .doc = "b is transposed"},
    {.name = "alpha",
     .kind = EAO_ATTR_FLOAT,
     .offset = EAO_ATTR_AT(eao_gemm_attr, alpha),
     .deff = 1,
     .doc = "factor of the product"},
    {.name = "beta",
     .kind = EAO_ATTR_FLOAT,
     .offset = EAO_ATTR_AT(eao_gemm_attr, beta),
     .deff = 1,
     .doc = "factor of c"},
};

const eao_op_desc eao_op_gemm = {
    .name = "gemm",
    .doc = "alpha * a' * b' + beta * c, c broadcast to the product",
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_gemm_attr),
    .attrs = gemm_attrs,
    .n_attrs = EAO_COUNT(gemm_attrs),
    .onnx = "Gemm",
    .onnx_since = 7,
    .infer = infer_gemm,
    .cost = cost_gemm,
    .ref = eao_ref_gemm,
    .sample = sample_gemm,
};

/* ---- fully_connected ---- */

/* Rows of x when all its elements are split into runs of `depth`; -1 when not known. */
static eao_status infer_rows(eao_infer *f, const eao_tensor *x, int64_t depth, int64_t *out) {
  int64_t n = 1;
  *out = -1;
  for (int32_t i = 0; i < x->rank; i++) {
    if (x->dim[i] < 0) return EAO_OK;
    if (!eao_mul_i64(n, x->dim[i], &n))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "input has too many elements");
  }
  if (x->rank < 0 || depth < 0) return EAO_OK;
  if (depth == 0 || n % depth)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld elements cannot be split into rows of %lld",
                          (long long)n, (long long)depth);
  *out = n / depth;
  return EAO_OK;
}

static eao_status infer_fully_connected(eao_infer *f) {
  const eao_fully_connected_attr *a = f->attr;
  const eao_tensor *x = f->in[0], *w = f->in[1];
  eao_tensor *y = &f->out[0];
  eao_dtype dtype;
  int64_t rows;
  EAO_TRY(eao_infer_weighted_dtype(f, x, w, &dtype));
  if (w->rank >= 0 && w->rank != 2)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "weights have rank %d, not 2", w->rank);
  if (x->rank == 0) return eao_infer_fail(f, EAO_ERR_SHAPE, "the input is a scalar");
  if (a->hybrid == EAO_HYBRID_QD8_PIXEL)
    return eao_infer_fail(f, EAO_ERR_FORMAT, "hybrid qd8_pixel belongs to conv");
  EAO_TRY(eao_infer_hybrid(f, a->hybrid, 0));
  int64_t outs = w->rank < 0 ? -1 : w->dim[0], depth = w->rank < 0 ? -1 : w->dim[1];
  EAO_TRY(infer_rows(f, x, depth, &rows));
  EAO_TRY(eao_infer_bias(f, f->n_in > 2 ? f->in[2] : NULL, outs));
  if (a->keep_dims) {
    eao_infer_like(f, 0, x);
    if (x->rank > 0) {
      EAO_TRY(infer_depth(f, x->dim[x->rank - 1], depth));
      y->dim[x->rank - 1] = outs;
    }
  } else {
    y->rank = 2;
    y->dim[0] = rows;
    y->dim[1] = outs;
  }
  y->dtype = dtype;
  return EAO_OK;
}

static void cost_fully_connected(const eao_infer *f, eao_cost *out) {
  out->macs = 0;
  if (f->in[1]->rank == 2) eao_cost_product(&f->out[0], &f->in[1]->dim[1], 1, out);
}

static bool sample_fully_connected(uint32_t k, eao_sample *s) {
  eao_fully_connected_attr *a = s->attr;
  if (k > 3) return false;
  eao_dtype dtype = k == 3 ? EAO_F16 : EAO_F32;
  s->n_in = k == 0 ? 2 : 3;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = dtype, .rank = 3, .dim = {2, 3, 20}};
  s->in[1] = (eao_tensor){.dtype = dtype, .rank = 2, .dim = {67, 20}};
  s->in[2] = (eao_tensor){.dtype = dtype, .rank = 1, .dim = {67}};
  a->keep_dims = k == 1;
  if (k == 2) {
    a->act.kind = EAO_ACT_RELU;
    s->in[1].dim[1] = 60; /* rows of 3 x 20 */
  }
  return true;
}

static const eao_attr_desc fully_connected_attrs[] = {
    {.name = "keep_dims",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_fully_connected_attr, keep_dims),
     .doc = "the result keeps the leading axes of x instead of becoming a matrix"},
    EAO_HYBRID_ATTR(eao_fully_connected_attr),
    EAO_ACT_ATTRS(eao_fully_connected_attr, act),
};

const eao_op_desc eao_op_fully_connected = {
    .name = "fully_connected",
    .doc = "rows of x times the transposed weights w, plus bias",
    .min_in = 2,
    .max_in = 3,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_fully_connected_attr),
    .attrs = fully_connected_attrs,
    .n_attrs = EAO_COUNT(fully_connected_attrs),
    .infer = infer_fully_connected,
    .cost = cost_fully_connected,
    .ref = eao_ref_fully_connected,
    .ref_scratch = eao_hybrid_fully_connected_scratch,
    .sample = sample_fully_connected,
};

/* ---- det ---- */

static eao_status infer_det(eao_infer *f) {
  const eao_tensor *x = f->in[0];
  if (!eao_dtype_is_float(x->dtype))
    return eao_infer_fail(f, EAO_ERR_TYPE, "float input is needed, not %s",
                          eao_dtype_name(x->dtype));
  eao_infer_like(f, 0, x);
  if (x->rank < 0) return EAO_OK;
  if (x->rank < 2)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "input of rank %d has no matrices", x->rank);
  int64_t r = x->dim[x->rank - 2], c = x->dim[x->rank - 1];
  if (r >= 0 && c >= 0 && r != c)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "matrices of %lld x %lld are not square", (long long)r,
                          (long long)c);
  f->out[0].rank = x->rank - 2;
  return EAO_OK;
}

static bool sample_det(uint32_t k, eao_sample *s) {
  if (k > 1) return false;
  s->n_in = s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {4, 4}};
  if (k) s->in[0] = (eao_tensor){.dtype = EAO_F64, .rank = 4, .dim = {2, 1, 3, 3}};
  return true;
}

const eao_op_desc eao_op_det = {
    .name = "det",
    .doc = "determinant of square matrices",
    .min_in = 1,
    .max_in = 1,
    .min_out = 1,
    .max_out = 1,
    .onnx = "Det",
    .infer = infer_det,
    .ref = eao_ref_det,
    .ref_scratch = eao_ref_det_scratch,
    .sample = sample_det,
};
