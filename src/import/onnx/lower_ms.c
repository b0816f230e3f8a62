/* Domain com.microsoft: what ONNX Runtime's quantiser and optimiser write (its contrib operators,
 * docs/ContribOperators.md of that project). */
#include <string.h>

#include "import/onnx/quant.h"

static eao_status need(onnx_call *c, uint32_t n) {
  for (uint32_t i = 0; i < n; i++)
    if (onnx_in(c, i) == EAO_NONE) return onnx_fail(c, EAO_ERR_FORMAT, "input %u is missing", i);
  return EAO_OK;
}

/* ---- quantised ---- */

static eao_status qlinear_unary(onnx_call *c) {
  bool typed = onnx_q_typed(c, (const uint32_t[]){1, 3}, 2);
  eao_vid x;
  EAO_TRY(need(c, 2));
  (void)onnx_attr_int(c, "opset", 13);
  EAO_TRY(onnx_q_in(c, typed, 0, -1, &x));
  EAO_TRY(onnx_begin(c, c->arg));
  EAO_TRY(onnx_take(c));
  return onnx_q_end(c, typed, &x, 1, 3, onnx_type(c, c->in[0])->dtype);
}

static eao_status qlinear_binary(onnx_call *c) {
  bool typed = onnx_q_typed(c, (const uint32_t[]){1, 4, 6}, 3);
  eao_vid in[2];
  EAO_TRY(need(c, 2));
  EAO_TRY(onnx_q_in(c, typed, 0, -1, &in[0]));
  EAO_TRY(onnx_q_in(c, typed, 3, -1, &in[1]));
  EAO_TRY(onnx_begin(c, c->arg));
  return onnx_q_end(c, typed, in, 2, 6, onnx_type(c, c->in[0])->dtype);
}

/* y scale, y zero point, then x, scale and zero point of each input */
static eao_status qlinear_concat(onnx_call *c) {
  uint32_t n = c->n_in > 2 ? (c->n_in - 2 + 2) / 3 : 0;
  bool typed = onnx_q_typed(c, (const uint32_t[]){0}, 1);
  eao_vid *x = eao_arena_array(&c->s->im->tmp, n, sizeof *x);
  if (!x) return EAO_NOMEM(c->ctx);
  if (!n) return onnx_fail(c, EAO_ERR_FORMAT, "no input");
  for (uint32_t i = 0; i < n; i++) {
    uint32_t scale = 3 + 3 * i;
    typed = typed && onnx_q_typed(c, &scale, 1);
  }
  for (uint32_t i = 0; i < n; i++) EAO_TRY(onnx_q_in(c, typed, 2 + 3 * i, -1, &x[i]));
  EAO_TRY(onnx_begin(c, "concat"));
  EAO_TRY(onnx_take(c));
  return onnx_q_end(c, typed, x, n, 0, onnx_type(c, c->in[2])->dtype);
}

static eao_status qlinear_global_pool(onnx_call *c) {
  bool typed = onnx_q_typed(c, (const uint32_t[]){1, 3}, 2);
  bool last = onnx_attr_int(c, "channels_last", 0) != 0;
  int64_t axes[EAO_MAX_RANK];
  int32_t rank;
  eao_vid x, list;
  EAO_TRY(need(c, 2));
  EAO_TRY(onnx_rank(c, c->in[0], &rank));
  if (rank < 3) return onnx_fail(c, EAO_ERR_SHAPE, "the input has rank %d, 3 is the least", rank);
  for (int32_t i = 2; i < rank; i++) axes[i - 2] = last ? i - 1 : i;
  EAO_TRY(onnx_q_in(c, typed, 0, -1, &x));
  EAO_TRY(onnx_i64s(c, axes, rank - 2, &list));
  EAO_TRY(onnx_begin(c, "reduce_mean"));
  onnx_set_int(c, "keepdims", 1);
  return onnx_q_end(c, typed, (eao_vid[]){x, list}, 2, 3, onnx_type(c, c->in[0])->dtype);
}

static eao_status qlinear_pool(onnx_call *c) {
  bool typed = onnx_q_typed(c, (const uint32_t[]){1, 3}, 2);
  bool last = onnx_attr_int(c, "channels_last", 0) != 0;
  eao_vid x;
  EAO_TRY(need(c, 2));
  EAO_TRY(onnx_q_in(c, typed, 0, -1, &x));
  EAO_TRY(onnx_begin(c, "avg_pool"));
  EAO_TRY(onnx_take(c));
  if (last) onnx_set_enum(c, "layout", "channels_last");
  return onnx_q_end(c, typed, &x, 1, 3, onnx_type(c, c->in[0])->dtype);
}

/* float(sum) * a_scale * b_scale + bias */
static eao_status scaled_sum(onnx_call *c, eao_vid a, eao_vid b, eao_vid az, eao_vid bz, eao_vid as,
                             eao_vid bs, eao_vid bias) {
  eao_vid y, s;
  EAO_TRY(onnx_begin(c, "matmul_integer"));
  EAO_TRY(onnx_end1(c, (eao_vid[]){a, b, az, bz}, 4, &y));
  EAO_TRY(onnx_cast(c, y, onnx_type(c, bs)->dtype, &y));
  EAO_TRY(onnx_binary(c, "mul", as, bs, &s));
  EAO_TRY(onnx_binary(c, "mul", y, s, &y));
  if (bias != EAO_NONE) EAO_TRY(onnx_binary(c, "add", y, bias, &y));
  return onnx_result(c, 0, y);
}

static eao_status dynamic_quantize_matmul(onnx_call *c) {
  eao_vid a, scale, zero;
  EAO_TRY(need(c, 3));
  EAO_TRY(onnx_dynamic_quantize(c, c->in[0], &a, &scale, &zero));
  return scaled_sum(c, a, c->in[1], zero, onnx_in(c, 3), scale, c->in[2], onnx_in(c, 4));
}

static eao_status matmul_integer_to_float(onnx_call *c) {
  EAO_TRY(need(c, 4));
  return scaled_sum(c, c->in[0], c->in[1], onnx_in(c, 4), onnx_in(c, 5), c->in[2], c->in[3],
                    onnx_in(c, 6));
}

/* ---- n-bit weights ---- */

/* The rows of packed values as a tensor of 4 bits or of bytes. */
static eao_status nbits_weights(onnx_call *c, int64_t bits, int64_t rows, int64_t cols,
                                eao_vid *out) {
  const eao_tensor *b = onnx_const(c, onnx_in(c, 1));
  eao_tensor t = {.dtype = bits == 4 ? EAO_U4 : EAO_U8, .rank = 2, .dim = {rows, cols}};
  if (!b || b->dtype != EAO_U8 || eao_tensor_count(b) != eao_dtype_bytes(t.dtype, rows * cols))
    return onnx_fail(c, EAO_ERR_FORMAT, "the weights must be a constant of %lld bytes",
                     (long long)eao_dtype_bytes(t.dtype, rows * cols));
  t.data = b->data;
  return eao_graph_add_value(c->g, NULL, &t, out);
}

/* Zero points: given with each row padded to bytes, or the middle of the range. */
static eao_status nbits_zeros(onnx_call *c, int64_t bits, int64_t rows, int64_t blocks,
                              eao_vid *out) {
  eao_tensor t = {.dtype = bits == 4 ? EAO_U4 : EAO_U8, .rank = 2, .dim = {rows, blocks}};
  if (onnx_in(c, 3) == EAO_NONE)
    return onnx_fill(c, t.dtype, t.dim, 2, (double)((int64_t)1 << (bits - 1)), out);
  const eao_tensor *z = onnx_const(c, c->in[3]);
  int64_t row_bytes = eao_dtype_bytes(t.dtype, blocks);
  if (!z || z->dtype != EAO_U8 || eao_tensor_count(z) != rows * row_bytes)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "zero points that are not constant packed integers");
  eao_tensor from = *z, packed = {.dtype = t.dtype, .rank = 1};
  EAO_TRY(onnx_blank(c, &t, out, &t));
  for (int64_t r = 0; r < rows; r++) {
    packed.data = (char *)from.data + r * row_bytes;
    for (int64_t k = 0; k < blocks; k++) eao_set_i64(&t, r * blocks + k, eao_get_i64(&packed, k));
  }
  return EAO_OK;
}

static eao_status nbits_check(onnx_call *c, int64_t bits, int64_t k, int64_t n, int64_t block) {
  (void)onnx_attr_int(c, "accuracy_level", 0);
  (void)onnx_attr_int(c, "weight_prepacked", 0);
  if (bits != 4 && bits != 8)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "weights of %lld bits", (long long)bits);
  if (k < 1 || n < 1 || block < 16 || k > INT32_MAX || n > INT32_MAX || block > INT32_MAX)
    return onnx_fail(c, EAO_ERR_FORMAT, "K %lld, N %lld, block_size %lld", (long long)k,
                     (long long)n, (long long)block);
  if (onnx_in(c, 4) != EAO_NONE)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "reordered groups (input g_idx)");
  return EAO_OK;
}

/* x times the transposed weights, which are dequantised by blocks of K. */
static eao_status matmul_nbits(onnx_call *c) {
  int64_t bits = onnx_attr_int(c, "bits", 4), k = onnx_attr_int(c, "K", 0);
  int64_t n = onnx_attr_int(c, "N", 0), block = onnx_attr_int(c, "block_size", 0);
  eao_vid w, zero, scale, shape;
  EAO_TRY(need(c, 3));
  EAO_TRY(nbits_check(c, bits, k, n, block));
  int64_t blocks = (k + block - 1) / block, dims[2] = {n, blocks};
  EAO_TRY(nbits_weights(c, bits, n, blocks * block, &w));
  EAO_TRY(nbits_zeros(c, bits, n, blocks, &zero));
  EAO_TRY(onnx_i64s(c, dims, 2, &shape));
  EAO_TRY(onnx_op1(c, "reshape", (eao_vid[]){c->in[2], shape}, 2, &scale));
  EAO_TRY(onnx_begin(c, "dequantize_linear"));
  onnx_set_int(c, "axis", 1);
  onnx_set_int(c, "block_size", block);
  EAO_TRY(onnx_end1(c, (eao_vid[]){w, scale, zero}, 3, &w));
  if (blocks * block != k) {
    eao_vid from, to, axis;
    EAO_TRY(onnx_i64s(c, (int64_t[]){0}, 1, &from));
    EAO_TRY(onnx_i64s(c, &k, 1, &to));
    EAO_TRY(onnx_i64s(c, (int64_t[]){1}, 1, &axis));
    EAO_TRY(onnx_op1(c, "slice", (eao_vid[]){w, from, to, axis}, 4, &w));
  }
  EAO_TRY(onnx_begin(c, "fully_connected"));
  onnx_set_int(c, "keep_dims", 1);
  return onnx_end_out(c, (eao_vid[]){c->in[0], w, onnx_in(c, 5)}, 3);
}

/* ---- fused float ops ---- */

static eao_status swap_last(onnx_call *c, eao_vid x, eao_vid *out) {
  int64_t perm[EAO_MAX_RANK];
  int32_t rank;
  EAO_TRY(onnx_rank(c, x, &rank));
  if (rank < 2) return onnx_fail(c, EAO_ERR_SHAPE, "cannot transpose rank %d", rank);
  for (int32_t i = 0; i < rank; i++) perm[i] = i;
  perm[rank - 1] = rank - 2;
  perm[rank - 2] = rank - 1;
  EAO_TRY(onnx_begin(c, "transpose"));
  onnx_set_ints(c, "perm", perm, rank);
  return onnx_end1(c, &x, 1, out);
}

static eao_status fused_matmul(onnx_call *c) {
  eao_vid a = onnx_in(c, 0), b = onnx_in(c, 1), y, k;
  float alpha = onnx_attr_float(c, "alpha", 1);
  EAO_TRY(need(c, 2));
  if (onnx_attr_int(c, "transBatchA", 0) || onnx_attr_int(c, "transBatchB", 0))
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "transposed batch axes");
  if (onnx_attr_int(c, "transA", 0)) EAO_TRY(swap_last(c, a, &a));
  if (onnx_attr_int(c, "transB", 0)) EAO_TRY(swap_last(c, b, &b));
  EAO_TRY(onnx_binary(c, "matmul", a, b, &y));
  if (alpha == 1) return onnx_result(c, 0, y);
  EAO_TRY(onnx_scalar(c, onnx_type(c, y)->dtype, (double)alpha, &k));
  EAO_TRY(onnx_begin(c, "mul"));
  return onnx_end_out(c, (eao_vid[]){y, k}, 2);
}

/* The activation that FusedConv and FusedGemm apply to v. */
static eao_status activation(onnx_call *c, eao_vid v) {
  static const char *const map[][2] = {{"Relu", "relu"},
                                       {"Tanh", "tanh"},
                                       {"Sigmoid", "sigmoid"},
                                       {"LeakyRelu", "leaky_relu"},
                                       {"HardSigmoid", "hard_sigmoid"}};
  const char *name = onnx_attr_str(c, "activation", "");
  const onnx_attr *p = onnx_attr_of(c, "activation_params");
  float a = onnx_attr_float(c, "activation_alpha", 0.01f);
  float b = onnx_attr_float(c, "activation_beta", 0.5f);
  bool list = p && p->type == ONNX_ATTR_FLOATS;
  if (list && p->n_floats > 0) a = p->floats[0];
  if (list && p->n_floats > 1) b = p->floats[1];
  if (!*name) return onnx_result(c, 0, v);
  if (!strcmp(name, "Clip")) {
    eao_vid lo, hi;
    EAO_TRY(onnx_scalar(c, onnx_type(c, v)->dtype, (double)a, &lo));
    EAO_TRY(onnx_scalar(c, onnx_type(c, v)->dtype, (double)b, &hi));
    EAO_TRY(onnx_begin(c, "clip"));
    return onnx_end_out(c, (eao_vid[]){v, lo, hi}, 3);
  }
  for (size_t i = 0; i < EAO_COUNT(map); i++) {
    if (strcmp(name, map[i][0]) != 0) continue;
    EAO_TRY(onnx_begin(c, map[i][1]));
    if (i >= 3) onnx_set_float(c, "alpha", (double)a);
    if (i == 4) onnx_set_float(c, "beta", (double)b);
    return onnx_end_out(c, &v, 1);
  }
  return onnx_fail(c, EAO_ERR_UNSUPPORTED, "activation '%s'", name);
}

/* Input 3 is added before the activation. */
static eao_status fused_conv(onnx_call *c) {
  eao_vid y;
  EAO_TRY(need(c, 2));
  EAO_TRY(onnx_begin(c, "conv"));
  EAO_TRY(onnx_take(c));
  if (c->arg) onnx_set_enum(c, "layout", c->arg);
  EAO_TRY(onnx_end1(c, c->in, c->n_in < 3 ? c->n_in : 3, &y));
  if (onnx_in(c, 3) != EAO_NONE) EAO_TRY(onnx_binary(c, "add", y, c->in[3], &y));
  return activation(c, y);
}

static eao_status fused_gemm(onnx_call *c) {
  eao_vid y;
  EAO_TRY(need(c, 2));
  EAO_TRY(onnx_begin(c, "gemm"));
  EAO_TRY(onnx_take(c));
  EAO_TRY(onnx_end1(c, c->in, c->n_in, &y));
  return activation(c, y);
}

/* Gelu, BiasGelu, FastGelu: of x plus an optional bias. arg: the approximation. */
static eao_status gelu(onnx_call *c) {
  eao_vid x = onnx_in(c, 0);
  EAO_TRY(need(c, 1));
  if (onnx_in(c, 1) != EAO_NONE) EAO_TRY(onnx_binary(c, "add", x, c->in[1], &x));
  EAO_TRY(onnx_begin(c, "gelu"));
  onnx_set_enum(c, "approximate", c->arg);
  return onnx_end_out(c, &x, 1);
}

static eao_status same(onnx_call *c) {
  EAO_TRY(onnx_begin(c, c->arg));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, c->in, c->n_in, c->out, c->n_out);
}

/* ---- normalisation ---- */

/* layer_norm of x over its last axis; outputs 0..2 as the node wants them. */
static eao_status norm_last(onnx_call *c, const char *op, eao_vid x, eao_vid gamma, eao_vid beta) {
  bool rms = !strcmp(op, "rms_norm");
  EAO_TRY(onnx_begin(c, op));
  onnx_set_int(c, "axis", -1);
  onnx_set_float(c, "epsilon", (double)onnx_attr_float(c, "epsilon", 1e-12f));
  if (rms) return onnx_end(c, (eao_vid[]){x, gamma}, 2, c->out, 1);
  return onnx_end(c, (eao_vid[]){x, gamma, beta}, 3, c->out, c->n_out < 3 ? c->n_out : 3);
}

/* Sum of input, skip and bias, normalised; the sum itself is output 3. */
static eao_status skip_norm(onnx_call *c) {
  bool rms = !strcmp(c->arg, "rms_norm");
  eao_vid x, bias = onnx_in(c, rms ? 3 : 4), beta = rms ? EAO_NONE : onnx_in(c, 3);
  EAO_TRY(need(c, 3));
  EAO_TRY(onnx_binary(c, "add", c->in[0], c->in[1], &x));
  if (bias != EAO_NONE) EAO_TRY(onnx_binary(c, "add", x, bias, &x));
  EAO_TRY(norm_last(c, c->arg, x, c->in[2], beta));
  return onnx_result(c, 3, x);
}

static eao_status simplified_norm(onnx_call *c) {
  EAO_TRY(need(c, 2));
  (void)onnx_attr_int(c, "stash_type", 1);
  EAO_TRY(onnx_begin(c, "rms_norm"));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, c->in, 2, c->out, 1);
}

/* Positions 0, 1, ... along axis 1 of ids. */
static eao_status positions(onnx_call *c, eao_vid ids, eao_vid *out) {
  eao_vid shape, one, zero, n;
  EAO_TRY(onnx_op1(c, "shape", &ids, 1, &shape));
  EAO_TRY(onnx_scalar(c, EAO_I64, 1, &one));
  EAO_TRY(onnx_scalar(c, EAO_I64, 0, &zero));
  EAO_TRY(onnx_op1(c, "gather", (eao_vid[]){shape, one}, 2, &n));
  return onnx_op1(c, "range", (eao_vid[]){zero, n, one}, 3, out);
}

/* Output 1: entries of the mask that are set in each row, or zeros. */
static eao_status mask_index(onnx_call *c, eao_vid ids, eao_vid mask) {
  eao_vid y, nil;
  int64_t axis = 1;
  if (!onnx_wants(c, 1)) return EAO_OK;
  EAO_TRY(onnx_cast(c, mask == EAO_NONE ? ids : mask, EAO_I32, &y));
  if (mask == EAO_NONE) {
    EAO_TRY(onnx_scalar(c, EAO_I32, 0, &nil));
    EAO_TRY(onnx_binary(c, "mul", y, nil, &y));
  }
  EAO_TRY(onnx_reduce(c, "reduce_sum", y, &axis, 1, false, &y));
  return onnx_result(c, 1, y);
}

static eao_status embed_norm(onnx_call *c) {
  eao_vid ids = onnx_in(c, 0), x, t, pos = onnx_in(c, 8);
  (void)onnx_attr_int(c, "mask_index_type", 0);
  EAO_TRY(need(c, 1));
  if (onnx_in(c, 2) == EAO_NONE || onnx_in(c, 3) == EAO_NONE || onnx_in(c, 5) == EAO_NONE)
    return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  EAO_TRY(onnx_op1(c, "gather", (eao_vid[]){c->in[2], ids}, 2, &x));
  if (pos == EAO_NONE) EAO_TRY(positions(c, ids, &pos));
  EAO_TRY(onnx_op1(c, "gather", (eao_vid[]){c->in[3], pos}, 2, &t));
  EAO_TRY(onnx_binary(c, "add", x, t, &x));
  if (onnx_in(c, 1) != EAO_NONE && onnx_in(c, 4) != EAO_NONE) {
    EAO_TRY(onnx_op1(c, "gather", (eao_vid[]){c->in[4], c->in[1]}, 2, &t));
    EAO_TRY(onnx_binary(c, "add", x, t, &x));
  }
  EAO_TRY(onnx_begin(c, "layer_norm"));
  onnx_set_int(c, "axis", -1);
  onnx_set_float(c, "epsilon", (double)onnx_attr_float(c, "epsilon", 1e-12f));
  EAO_TRY(onnx_end(c, (eao_vid[]){x, c->in[5], onnx_in(c, 6)}, 3, c->out, 1));
  EAO_TRY(mask_index(c, ids, onnx_in(c, 7)));
  return onnx_result(c, 2, x);
}

const onnx_rule onnx_rules_ms[] = {
    {"QuantizeLinear", 0, 0, onnx_quantize_linear, "quantize_linear"},
    {"DequantizeLinear", 0, 0, onnx_dequantize_linear, "dequantize_linear"},
    {"QLinearConv", 0, 0, onnx_qlinear_conv, NULL},
    {"QLinearAdd", 0, 0, qlinear_binary, "add"},
    {"QLinearMul", 0, 0, qlinear_binary, "mul"},
    {"QLinearConcat", 0, 0, qlinear_concat, NULL},
    {"QLinearSigmoid", 0, 0, qlinear_unary, "sigmoid"},
    {"QLinearSoftmax", 0, 0, qlinear_unary, "softmax"},
    {"QLinearLeakyRelu", 0, 0, qlinear_unary, "leaky_relu"},
    {"QLinearGlobalAveragePool", 0, 0, qlinear_global_pool, NULL},
    {"QLinearAveragePool", 0, 0, qlinear_pool, NULL},
    {"DynamicQuantizeMatMul", 0, 0, dynamic_quantize_matmul, NULL},
    {"MatMulIntegerToFloat", 0, 0, matmul_integer_to_float, NULL},
    {"MatMulNBits", 0, 0, matmul_nbits, NULL},
    {"FusedMatMul", 0, 0, fused_matmul, NULL},
    {"TransposeMatMul", 0, 0, fused_matmul, NULL},
    {"FusedConv", 0, 0, fused_conv, NULL},
    {"NhwcFusedConv", 0, 0, fused_conv, "channels_last"},
    {"FusedGemm", 0, 0, fused_gemm, NULL},
    {"Gelu", 0, 0, gelu, "none"},
    {"BiasGelu", 0, 0, gelu, "none"},
    {"FastGelu", 0, 0, gelu, "tanh"},
    {"QuickGelu", 0, 0, onnx_swish, NULL},
    {"Trilu", 0, 0, same, "trilu"},
    {"SkipLayerNormalization", 0, 0, skip_norm, "layer_norm"},
    {"SkipSimplifiedLayerNormalization", 0, 0, skip_norm, "rms_norm"},
    {"SimplifiedLayerNormalization", 0, 0, simplified_norm, NULL},
    {"EmbedLayerNormalization", 0, 0, embed_norm, NULL},
    {0},
};
