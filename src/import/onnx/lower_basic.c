/* Constants, casts, and element-wise ops whose inputs or attributes changed between versions. */
#include <string.h>

#include "import/onnx/lower.h"

static eao_status constant_list(onnx_call *c, const onnx_attr *a, eao_tensor *t) {
  bool floats = a->type == ONNX_ATTR_FLOATS || a->type == ONNX_ATTR_FLOAT;
  bool list = a->type == ONNX_ATTR_FLOATS || a->type == ONNX_ATTR_INTS;
  *t = (eao_tensor){.dtype = floats ? EAO_F32 : EAO_I64, .rank = list};
  t->dim[0] = !list ? 0 : floats ? a->n_floats : a->n_ints;
  size_t n = list ? (size_t)t->dim[0] : 1, size = floats ? sizeof a->f : sizeof a->i;
  const void *from = a->type == ONNX_ATTR_FLOAT  ? (const void *)&a->f
                     : a->type == ONNX_ATTR_INT  ? (const void *)&a->i
                     : a->type == ONNX_ATTR_INTS ? (const void *)a->ints
                                                 : (const void *)a->floats;
  t->data = eao_arena_alloc(&c->g->root->arena, n ? n * size : 1);
  if (!t->data) return EAO_NOMEM(c->ctx);
  if (n) memcpy(t->data, from, n * size);
  return EAO_OK;
}

static eao_status constant(onnx_call *c) {
  static const char *const names[] = {"value", "value_float", "value_int", "value_floats",
                                      "value_ints"};
  eao_tensor t;
  for (size_t i = 0; i < EAO_COUNT(names); i++) {
    const onnx_attr *a = onnx_attr_of(c, names[i]);
    if (!a) continue;
    bool number = a->type == ONNX_ATTR_FLOAT || a->type == ONNX_ATTR_INT ||
                  a->type == ONNX_ATTR_FLOATS || a->type == ONNX_ATTR_INTS;
    if (i == 0 && a->t)
      EAO_TRY(onnx_load(c->s->im, a->t, &t));
    else if (i > 0 && number)
      EAO_TRY(constant_list(c, a, &t));
    else
      break;
    return onnx_set_const(c, 0, &t);
  }
  return onnx_fail(c, EAO_ERR_UNSUPPORTED, "a constant must be a tensor, a number or a list");
}

static eao_status constant_of_shape(onnx_call *c) {
  const onnx_attr *a = onnx_attr_of(c, "value");
  eao_tensor t;
  eao_vid value;
  if (!a || !a->t) {
    EAO_TRY(onnx_scalar(c, EAO_F32, 0, &value));
  } else {
    EAO_TRY(onnx_load(c->s->im, a->t, &t));
    if (eao_tensor_count(&t) != 1)
      return onnx_fail(c, EAO_ERR_FORMAT, "the value must have one element");
    t.rank = 0;
    EAO_TRY(eao_graph_add_value(c->g, NULL, &t, &value));
  }
  EAO_TRY(onnx_begin(c, "fill"));
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), value}, 2);
}

/* Ours under another name. */
static eao_status renamed(onnx_call *c) {
  EAO_TRY(onnx_begin(c, c->arg));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, c->in, c->n_in, c->out, c->n_out);
}

/* saturate only matters for 8-bit floats, which are refused. */
static eao_status cast(onnx_call *c) {
  (void)onnx_attr_int(c, "saturate", 1);
  (void)onnx_attr_str(c, "round_mode", "up");
  EAO_TRY(onnx_begin(c, "cast"));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, c->in, c->n_in, c->out, c->n_out);
}

static eao_status cast_like(onnx_call *c) {
  if (onnx_in(c, 0) == EAO_NONE || onnx_in(c, 1) == EAO_NONE)
    return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  (void)onnx_attr_int(c, "saturate", 1);
  (void)onnx_attr_str(c, "round_mode", "up");
  EAO_TRY(onnx_begin(c, "cast"));
  onnx_set_int(c, "to", onnx_type(c, c->in[1])->dtype);
  return onnx_end_out(c, c->in, 1);
}

/* Before version 7 the second input broadcast only when told to, from `axis` on. */
static eao_status old_binary(onnx_call *c) {
  int64_t broadcast = onnx_attr_int(c, "broadcast", 0);
  int64_t axis = onnx_attr_int(c, "axis", -1);
  (void)onnx_attr_of(c, "consumed_inputs");
  eao_vid b = onnx_in(c, 1);
  if (broadcast && axis >= 0 && b != EAO_NONE) {
    int64_t add[EAO_MAX_RANK];
    int32_t ra, rb, n = 0;
    eao_vid axes;
    EAO_TRY(onnx_rank(c, onnx_in(c, 0), &ra));
    EAO_TRY(onnx_rank(c, b, &rb));
    for (int64_t k = axis + rb; k < ra; k++) add[n++] = k - axis;
    EAO_TRY(onnx_i64s(c, add, n, &axes));
    if (n) EAO_TRY(onnx_op1(c, "unsqueeze", (eao_vid[]){b, axes}, 2, &b));
  }
  EAO_TRY(onnx_begin(c, c->arg));
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), b}, 2);
}

static eao_status old_unary(onnx_call *c) {
  (void)onnx_attr_of(c, "consumed_inputs");
  return renamed(c);
}

/* Bounds were attributes before version 11. */
static eao_status old_clip(onnx_call *c) {
  eao_vid x = onnx_in(c, 0), lo = EAO_NONE, hi = EAO_NONE;
  if (x == EAO_NONE) return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  eao_dtype t = onnx_type(c, x)->dtype;
  const onnx_attr *a = onnx_attr_of(c, "min"), *b = onnx_attr_of(c, "max");
  (void)onnx_attr_of(c, "consumed_inputs");
  if (a) EAO_TRY(onnx_scalar(c, t, (double)a->f, &lo));
  if (b) EAO_TRY(onnx_scalar(c, t, (double)b->f, &hi));
  EAO_TRY(onnx_begin(c, "clip"));
  return onnx_end_out(c, (eao_vid[]){x, lo, hi}, 3);
}

/* Before version 7 a slope of rank 1 belonged to the channels. */
static eao_status old_prelu(onnx_call *c) {
  eao_vid slope = onnx_in(c, 1), axes;
  int32_t rx, rs;
  EAO_TRY(onnx_rank(c, onnx_in(c, 0), &rx));
  EAO_TRY(onnx_rank(c, slope, &rs));
  if (rs == 1 && rx > 2) {
    int64_t add[EAO_MAX_RANK];
    for (int32_t i = 0; i < rx - 2; i++) add[i] = i + 1;
    EAO_TRY(onnx_i64s(c, add, rx - 2, &axes));
    EAO_TRY(onnx_op1(c, "unsqueeze", (eao_vid[]){slope, axes}, 2, &slope));
  }
  EAO_TRY(onnx_begin(c, "prelu"));
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), slope}, 2);
}

/* All ones in the shape of v. */
static eao_status ones_like(onnx_call *c, eao_vid v, eao_dtype t, eao_vid out) {
  eao_vid shape, one;
  EAO_TRY(onnx_op1(c, "shape", &v, 1, &shape));
  EAO_TRY(onnx_scalar(c, t, 1, &one));
  EAO_TRY(onnx_begin(c, "fill"));
  return onnx_end(c, (eao_vid[]){shape, one}, 2, &out, 1);
}

/* Inference: the identity. */
static eao_status dropout(onnx_call *c) {
  eao_vid x = onnx_in(c, 0), mode = onnx_in(c, 2), ratio = onnx_in(c, 1);
  const eao_tensor *m = onnx_const(c, mode), *r = onnx_const(c, ratio);
  onnx_use_all(c);
  if (x == EAO_NONE) return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  bool off = mode == EAO_NONE || (m && eao_tensor_count(m) == 1 && !eao_get_i64(m, 0)) ||
             (r && eao_tensor_count(r) == 1 && eao_get_f64(r, 0) == 0);
  if (!off)
    return onnx_fail(c, EAO_ERR_UNSUPPORTED, "training mode (set input training_mode to false)");
  if (onnx_wants(c, 1))
    EAO_TRY(ones_like(c, x, c->version >= 10 ? EAO_BOOL : onnx_type(c, x)->dtype, c->out[1]));
  return onnx_result(c, 0, x);
}

/* Before version 13 the input counts as a matrix, split before `axis`. */
static eao_status old_softmax(onnx_call *c) {
  eao_vid x = onnx_in(c, 0), flat, y;
  int64_t axis = onnx_attr_int(c, "axis", 1);
  int32_t rank;
  EAO_TRY(onnx_rank(c, x, &rank));
  if (axis < 0) axis += rank;
  if (axis == rank - 1) {
    EAO_TRY(onnx_begin(c, c->arg));
    onnx_set_int(c, "axis", -1);
    return onnx_end_out(c, &x, 1);
  }
  EAO_TRY(onnx_flatten(c, x, axis, &flat));
  EAO_TRY(onnx_begin(c, c->arg));
  onnx_set_int(c, "axis", 1);
  EAO_TRY(onnx_end1(c, &flat, 1, &y));
  return onnx_reshape_like(c, y, x, c->out[0]);
}

/* k was an attribute before version 10. */
static eao_status old_topk(onnx_call *c) {
  eao_vid k;
  int64_t n = onnx_attr_int(c, "k", 0);
  EAO_TRY(onnx_i64s(c, &n, 1, &k));
  EAO_TRY(onnx_begin(c, "topk"));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, (eao_vid[]){onnx_in(c, 0), k}, 2, c->out, c->n_out);
}

/* axes were an attribute before version 18 (ReduceSum: 13). */
static eao_status old_reduce(onnx_call *c) {
  const int64_t *v;
  uint32_t n;
  eao_vid axes = EAO_NONE;
  if (onnx_attr_ints(c, "axes", &v, &n)) EAO_TRY(onnx_i64s(c, v, (int32_t)n, &axes));
  EAO_TRY(onnx_begin(c, c->arg));
  EAO_TRY(onnx_take(c));
  return onnx_end_out(c, (eao_vid[]){onnx_in(c, 0), axes}, 2);
}

/* x * sigmoid(alpha * x) */
eao_status onnx_swish(onnx_call *c) {
  eao_vid x = onnx_in(c, 0), k, y;
  if (x == EAO_NONE) return onnx_fail(c, EAO_ERR_FORMAT, "an input is missing");
  float def = *c->n->domain ? 1.702f : 1.0f; /* QuickGelu, Swish */
  EAO_TRY(onnx_scalar(c, onnx_type(c, x)->dtype, (double)onnx_attr_float(c, "alpha", def), &k));
  EAO_TRY(onnx_binary(c, "mul", x, k, &y));
  EAO_TRY(onnx_op1(c, "sigmoid", &y, 1, &y));
  EAO_TRY(onnx_begin(c, "mul"));
  return onnx_end_out(c, (eao_vid[]){x, y}, 2);
}

const onnx_rule onnx_rules_basic[] = {
    {"Constant", 1, 0, constant, NULL},
    {"ConstantOfShape", 1, 0, constant_of_shape, NULL},
    {"Identity", 1, 0, renamed, "identity"},
    {"Cast", 6, 0, cast, NULL},
    {"CastLike", 1, 0, cast_like, NULL},
    {"Add", 1, 6, old_binary, "add"},
    {"Sub", 1, 6, old_binary, "sub"},
    {"Mul", 1, 6, old_binary, "mul"},
    {"Div", 1, 6, old_binary, "div"},
    {"Pow", 1, 6, old_binary, "pow"},
    {"And", 1, 6, old_binary, "and"},
    {"Or", 1, 6, old_binary, "or"},
    {"Xor", 1, 6, old_binary, "xor"},
    {"Equal", 1, 6, old_binary, "equal"},
    {"Greater", 1, 6, old_binary, "greater"},
    {"Less", 1, 6, old_binary, "less"},
    {"Max", 1, 7, old_unary, "max"},
    {"Min", 1, 7, old_unary, "min"},
    {"Mean", 1, 7, old_unary, "mean"},
    {"Sum", 1, 7, old_unary, "sum"},
    {"Swish", 24, 0, onnx_swish, NULL},
    {"Clip", 1, 10, old_clip, NULL},
    {"PRelu", 1, 6, old_prelu, NULL},
    {"Dropout", 1, 0, dropout, NULL},
    {"Softmax", 1, 12, old_softmax, "softmax"},
    {"LogSoftmax", 1, 12, old_softmax, "log_softmax"},
    {"Hardmax", 1, 12, old_softmax, "hardmax"},
    {"TopK", 1, 9, old_topk, NULL},
    {"ReduceSum", 1, 12, old_reduce, "reduce_sum"},
    {"ReduceMean", 1, 17, old_reduce, "reduce_mean"},
    {"ReduceMax", 1, 17, old_reduce, "reduce_max"},
    {"ReduceMin", 1, 17, old_reduce, "reduce_min"},
    {"ReduceProd", 1, 17, old_reduce, "reduce_prod"},
    {"ReduceL1", 1, 17, old_reduce, "reduce_l1"},
    {"ReduceL2", 1, 17, old_reduce, "reduce_l2"},
    {"ReduceLogSum", 1, 17, old_reduce, "reduce_log_sum"},
    {"ReduceLogSumExp", 1, 17, old_reduce, "reduce_log_sum_exp"},
    {"ReduceSumSquare", 1, 17, old_reduce, "reduce_sum_square"},
    {0},
};
