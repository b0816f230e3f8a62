/* Attention operators of domain com.microsoft, written out as products and a softmax. */
#include <math.h>
#include <string.h>

#include "import/onnx/lower.h"

typedef struct heads {
  eao_vid q, k, v; /* [batch, heads, positions, size] */
  eao_vid keep;    /* bool, true where a score counts; or EAO_NONE */
  eao_vid bias;    /* added to the scores; or EAO_NONE */
  float scale, filter;
  int64_t n_head;
} heads;

/* [batch, positions, width] -> [batch, heads, positions, width / heads] */
static eao_status split_heads(onnx_call *c, eao_vid x, int64_t n_head, int64_t width,
                              eao_vid *out) {
  static const int64_t perm[] = {0, 2, 1, 3};
  const int64_t shape[] = {0, 0, n_head, width < 1 ? -1 : width / n_head};
  eao_vid s;
  EAO_TRY(onnx_i64s(c, shape, 4, &s));
  EAO_TRY(onnx_op1(c, "reshape", (eao_vid[]){x, s}, 2, &x));
  EAO_TRY(onnx_begin(c, "transpose"));
  onnx_set_ints(c, "perm", perm, 4);
  return onnx_end1(c, &x, 1, out);
}

static eao_status slice_axis(onnx_call *c, eao_vid x, int64_t axis, int64_t from, int64_t to,
                             eao_vid *out) {
  eao_vid in[4] = {x};
  EAO_TRY(onnx_i64s(c, &from, 1, &in[1]));
  EAO_TRY(onnx_i64s(c, &to, 1, &in[2]));
  EAO_TRY(onnx_i64s(c, &axis, 1, &in[3]));
  return onnx_op1(c, "slice", in, 4, out);
}

static eao_status add_axis(onnx_call *c, eao_vid x, int64_t axis, eao_vid *out) {
  eao_vid a;
  EAO_TRY(onnx_i64s(c, &axis, 1, &a));
  return onnx_op1(c, "unsqueeze", (eao_vid[]){x, a}, 2, out);
}

static eao_status concat(onnx_call *c, eao_vid a, eao_vid b, int64_t axis, eao_vid *out) {
  EAO_TRY(onnx_begin(c, "concat"));
  onnx_set_int(c, "axis", axis);
  return onnx_end1(c, (eao_vid[]){a, b}, 2, out);
}

/* Extent of an axis as a scalar. */
static eao_status extent(onnx_call *c, eao_vid x, int64_t axis, eao_vid *out) {
  eao_vid shape, at;
  EAO_TRY(onnx_op1(c, "shape", &x, 1, &shape));
  EAO_TRY(onnx_scalar(c, EAO_I64, (double)axis, &at));
  return onnx_op1(c, "gather", (eao_vid[]){shape, at}, 2, out);
}

static eao_status count_up(onnx_call *c, eao_vid from, eao_vid to, eao_vid *out) {
  eao_vid one;
  EAO_TRY(onnx_scalar(c, EAO_I64, 1, &one));
  return onnx_op1(c, "range", (eao_vid[]){from, to, one}, 3, out);
}

static eao_status both(onnx_call *c, eao_vid *keep, eao_vid more) {
  if (*keep == EAO_NONE) {
    *keep = more;
    return EAO_OK;
  }
  return onnx_binary(c, "and", *keep, more, keep);
}

/* A query sees the keys up to its own position; queries are the last positions. */
static eao_status causal(onnx_call *c, heads *h) {
  eao_vid n_q, n_k, first, i, j, zero, see;
  EAO_TRY(extent(c, h->q, 2, &n_q));
  EAO_TRY(extent(c, h->k, 2, &n_k));
  EAO_TRY(onnx_binary(c, "sub", n_k, n_q, &first));
  EAO_TRY(count_up(c, first, n_k, &i));
  EAO_TRY(onnx_scalar(c, EAO_I64, 0, &zero));
  EAO_TRY(count_up(c, zero, n_k, &j));
  EAO_TRY(add_axis(c, i, 1, &i));
  EAO_TRY(onnx_binary(c, "less_or_equal", j, i, &see));
  return both(c, &h->keep, see);
}

/* mask: [batch] lengths, [batch, keys], [batch, queries, keys] or [batch, 1, queries, keys] */
static eao_status masked(onnx_call *c, heads *h, eao_vid mask) {
  int32_t rank;
  eao_vid zero, see;
  if (mask == EAO_NONE) return EAO_OK;
  EAO_TRY(onnx_rank(c, mask, &rank));
  if (rank == 1) {
    const eao_tensor *t = onnx_type(c, mask), *q = onnx_type(c, h->q);
    if (q->rank > 0 && q->dim[0] >= 0 && t->dim[0] >= 0 && t->dim[0] != q->dim[0])
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "a mask of start and end positions");
    eao_vid n_k, j;
    EAO_TRY(extent(c, h->k, 2, &n_k));
    EAO_TRY(onnx_scalar(c, EAO_I64, 0, &zero));
    EAO_TRY(count_up(c, zero, n_k, &j));
    EAO_TRY(onnx_cast(c, mask, EAO_I64, &mask));
    for (int i = 0; i < 3; i++) EAO_TRY(add_axis(c, mask, 1, &mask));
    EAO_TRY(onnx_binary(c, "less", j, mask, &see));
    return both(c, &h->keep, see);
  }
  if (rank > 4) return onnx_fail(c, EAO_ERR_UNSUPPORTED, "a mask of rank %d", rank);
  EAO_TRY(onnx_scalar(c, onnx_type(c, mask)->dtype, 0, &zero));
  EAO_TRY(onnx_binary(c, "equal", mask, zero, &see));
  EAO_TRY(onnx_op1(c, "not", &see, 1, &see));
  for (; rank < 4; rank++) EAO_TRY(add_axis(c, see, 1, &see));
  return both(c, &h->keep, see);
}

static eao_status scores(onnx_call *c, const heads *h, eao_vid *out) {
  static const int64_t perm[] = {0, 1, 3, 2};
  eao_dtype t = onnx_type(c, h->q)->dtype;
  eao_vid k, s, factor, low, zero, add;
  EAO_TRY(onnx_begin(c, "transpose"));
  onnx_set_ints(c, "perm", perm, 4);
  EAO_TRY(onnx_end1(c, &h->k, 1, &k));
  EAO_TRY(onnx_binary(c, "matmul", h->q, k, &s));
  EAO_TRY(onnx_scalar(c, t, (double)h->scale, &factor));
  EAO_TRY(onnx_binary(c, "mul", s, factor, &s));
  if (h->bias != EAO_NONE) EAO_TRY(onnx_binary(c, "add", s, h->bias, &s));
  if (h->keep != EAO_NONE) {
    EAO_TRY(onnx_scalar(c, t, (double)h->filter, &low));
    EAO_TRY(onnx_scalar(c, t, 0, &zero));
    EAO_TRY(onnx_op1(c, "where", (eao_vid[]){h->keep, zero, low}, 3, &add));
    EAO_TRY(onnx_binary(c, "add", s, add, &s));
  }
  EAO_TRY(onnx_begin(c, "softmax"));
  onnx_set_int(c, "axis", -1);
  return onnx_end1(c, &s, 1, out);
}

/* Output 0: [batch, queries, heads * size]. */
static eao_status attend(onnx_call *c, heads *h) {
  static const int64_t perm[] = {0, 2, 1, 3}, shape[] = {0, 0, -1};
  eao_vid p, y, s;
  if (h->scale == 0) {
    const eao_tensor *q = onnx_type(c, h->q);
    if (q->rank != 4 || q->dim[3] < 1)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "the size of a head is not known");
    h->scale = (float)(1 / sqrt((double)q->dim[3]));
  }
  EAO_TRY(scores(c, h, &p));
  EAO_TRY(onnx_binary(c, "matmul", p, h->v, &y));
  EAO_TRY(onnx_begin(c, "transpose"));
  onnx_set_ints(c, "perm", perm, 4);
  EAO_TRY(onnx_end1(c, &y, 1, &y));
  EAO_TRY(onnx_i64s(c, shape, 3, &s));
  EAO_TRY(onnx_begin(c, "reshape"));
  return onnx_end_out(c, (eao_vid[]){y, s}, 2);
}

static eao_status read_head_attrs(onnx_call *c, heads *h, bool *causal_too) {
  *h = (heads){.keep = EAO_NONE, .bias = EAO_NONE};
  h->n_head = onnx_attr_int(c, "num_heads", 0);
  h->scale = onnx_attr_float(c, "scale", 0);
  h->filter = onnx_attr_float(c, "mask_filter_value", -10000.0f);
  *causal_too = onnx_attr_int(c, "unidirectional", 0) != 0;
  if (h->n_head < 1 || h->n_head > INT32_MAX)
    return onnx_fail(c, EAO_ERR_FORMAT, "num_heads is %lld", (long long)h->n_head);
  if (onnx_attr_int(c, "do_rotary", 0))
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "rotary position embedding");
  if (onnx_attr_int(c, "past_present_share_buffer", 0))
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "past and present in one buffer");
  return EAO_OK;
}

/* past: keys and values stacked, [2, batch, heads, positions, size]; output 1 likewise. */
static eao_status with_past(onnx_call *c, heads *h, eao_vid past) {
  eao_vid *part[] = {&h->k, &h->v}, stack[2];
  for (int64_t i = 0; past != EAO_NONE && i < 2; i++) {
    eao_vid old, axis;
    EAO_TRY(slice_axis(c, past, 0, i, i + 1, &old));
    EAO_TRY(onnx_i64s(c, (int64_t[]){0}, 1, &axis));
    EAO_TRY(onnx_op1(c, "squeeze", (eao_vid[]){old, axis}, 2, &old));
    EAO_TRY(concat(c, old, *part[i], 2, part[i]));
  }
  if (!onnx_wants(c, 1)) return EAO_OK;
  for (int i = 0; i < 2; i++) EAO_TRY(add_axis(c, *part[i], 0, &stack[i]));
  EAO_TRY(onnx_begin(c, "concat"));
  onnx_set_int(c, "axis", 0);
  return onnx_end(c, stack, 2, &c->out[1], 1);
}

/* Attention: one product makes queries, keys and values. */
static eao_status attention(onnx_call *c) {
  const int64_t *size;
  uint32_t n_size = 0;
  heads h;
  bool unidirectional;
  eao_vid x, part[3];
  EAO_TRY(read_head_attrs(c, &h, &unidirectional));
  if (onnx_in(c, 0) == EAO_NONE || onnx_in(c, 1) == EAO_NONE)
    return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  const eao_tensor *w = onnx_type(c, c->in[1]);
  if (w->rank != 2 || w->dim[1] < 3)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "the shape of the weights must be known");
  int64_t third = w->dim[1] / 3, sizes[3] = {third, third, third};
  if (onnx_attr_ints(c, "qkv_hidden_sizes", &size, &n_size) && n_size == 3)
    memcpy(sizes, size, sizeof sizes);
  EAO_TRY(onnx_binary(c, "matmul", c->in[0], c->in[1], &x));
  if (onnx_in(c, 2) != EAO_NONE) EAO_TRY(onnx_binary(c, "add", x, c->in[2], &x));
  int64_t at = 0;
  for (int i = 0; i < 3; i++) {
    if (sizes[i] < 1 || sizes[i] > INT32_MAX)
      return onnx_fail(c, EAO_ERR_FORMAT, "qkv_hidden_sizes has %lld", (long long)sizes[i]);
    EAO_TRY(slice_axis(c, x, 2, at, at + sizes[i], &part[i]));
    EAO_TRY(split_heads(c, part[i], h.n_head, sizes[i], &part[i]));
    at += sizes[i];
  }
  h.q = part[0];
  h.k = part[1];
  h.v = part[2];
  h.bias = onnx_in(c, 5);
  EAO_TRY(with_past(c, &h, onnx_in(c, 4)));
  if (unidirectional) EAO_TRY(causal(c, &h));
  EAO_TRY(masked(c, &h, onnx_in(c, 3)));
  return attend(c, &h);
}

/* One of query, key, value with its third of the bias. */
static eao_status projected(onnx_call *c, uint32_t i, int64_t n_head, int64_t bias_at,
                            int64_t width, eao_vid *out) {
  eao_vid x = onnx_in(c, i), bias = onnx_in(c, 3);
  int32_t rank;
  EAO_TRY(onnx_rank(c, x, &rank));
  if (rank == 4) { /* already [batch, heads, positions, size] */
    *out = x;
    return EAO_OK;
  }
  if (rank != 3) return onnx_fail(c, EAO_ERR_UNSUPPORTED, "input %u of rank %d", i, rank);
  if (bias != EAO_NONE) {
    EAO_TRY(slice_axis(c, bias, 0, bias_at, bias_at + width, &bias));
    EAO_TRY(onnx_binary(c, "add", x, bias, &x));
  }
  return split_heads(c, x, n_head, width, out);
}

static eao_status multi_head_attention(onnx_call *c) {
  heads h;
  bool unidirectional;
  eao_vid *part[] = {&h.q, &h.k, &h.v};
  int64_t at = 0;
  EAO_TRY(read_head_attrs(c, &h, &unidirectional));
  for (uint32_t i = 0; i < 3; i++) {
    if (onnx_in(c, i) == EAO_NONE)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "packed queries, keys and values");
    const eao_tensor *t = onnx_type(c, c->in[i]);
    int64_t n = t->rank == 3 ? t->dim[2] : 0;
    if (onnx_in(c, 3) != EAO_NONE && n < 0)
      return onnx_fail(c, EAO_ERR_UNSUPPORTED, "the size of input %u must be known", i);
    EAO_TRY(projected(c, i, h.n_head, at, n, part[i]));
    at += n;
  }
  for (uint32_t i = 0; i < 2; i++) {
    if (onnx_in(c, 6 + i) != EAO_NONE)
      EAO_TRY(concat(c, c->in[6 + i], *part[i + 1], 2, part[i + 1]));
    EAO_TRY(onnx_result(c, 1 + i, *part[i + 1]));
  }
  h.bias = onnx_in(c, 5);
  if (unidirectional) EAO_TRY(causal(c, &h));
  EAO_TRY(masked(c, &h, onnx_in(c, 4)));
  return attend(c, &h);
}

const onnx_rule onnx_rules_attention[] = {
    {"Attention", 0, 0, attention, NULL},
    {"MultiHeadAttention", 0, 0, multi_head_attention, NULL},
    {0},
};
