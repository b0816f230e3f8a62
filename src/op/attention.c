/* Attention and rotary position embedding with ONNX's semantics. */
#include "kernel/ref/attention.h"

#include "op/window.h"

/* Extents of a tensor of heads, whatever its rank; -1: not known. */
typedef struct head_shape {
  int64_t batch, heads, len, size;
} head_shape;

static eao_status head_shape_of(eao_infer *f, const char *what, const eao_tensor *t, int64_t heads,
                                head_shape *out) {
  *out = (head_shape){-1, -1, -1, -1};
  if (t->rank < 0) return EAO_OK;
  if (t->rank != 3 && t->rank != 4)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has rank %d; 3 and 4 are possible", what, t->rank);
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] > INT32_MAX)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "%s has too large an extent", what);
  if (t->rank == 4) {
    *out = (head_shape){t->dim[0], t->dim[1], t->dim[2], t->dim[3]};
    return EAO_OK;
  }
  if (heads < 1 || heads > INT32_MAX || (t->dim[2] >= 0 && t->dim[2] % heads))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s: %lld elements cannot be split into %lld heads",
                          what, (long long)t->dim[2], (long long)heads);
  *out = (head_shape){t->dim[0], heads, t->dim[1], t->dim[2] < 0 ? -1 : t->dim[2] / heads};
  return EAO_OK;
}

/* Makes *a what is known of two extents that must be equal. */
static eao_status same(eao_infer *f, const char *what, int64_t *a, int64_t b) {
  if (*a >= 0 && b >= 0 && *a != b)
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%s differ: %lld and %lld", what, (long long)*a,
                          (long long)b);
  if (*a < 0) *a = b;
  return EAO_OK;
}

typedef struct attention_shape {
  head_shape q, k, v;
  int64_t past, keys; /* -1: not known */
} attention_shape;

static eao_status infer_past(eao_infer *f, attention_shape *s) {
  const eao_tensor *pk = eao_infer_in(f, 4), *pv = eao_infer_in(f, 5);
  s->past = 0;
  if (!pk != !pv) return eao_infer_fail(f, EAO_ERR_ARG, "past keys and past values go together");
  if (!pk) return EAO_OK;
  head_shape k, v;
  if ((pk->rank >= 0 && pk->rank != 4) || (pv->rank >= 0 && pv->rank != 4))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "past keys and values have rank 4");
  EAO_TRY(head_shape_of(f, "past keys", pk, 0, &k));
  EAO_TRY(head_shape_of(f, "past values", pv, 0, &v));
  s->past = k.len;
  EAO_TRY(same(f, "lengths of past keys and values", &s->past, v.len));
  EAO_TRY(same(f, "batches", &s->q.batch, k.batch));
  EAO_TRY(same(f, "batches", &s->q.batch, v.batch));
  EAO_TRY(same(f, "key heads", &s->k.heads, k.heads));
  EAO_TRY(same(f, "value heads", &s->k.heads, v.heads));
  EAO_TRY(same(f, "key sizes", &s->k.size, k.size));
  return same(f, "value sizes", &s->v.size, v.size);
}

static eao_status infer_mask(eao_infer *f, const attention_shape *s) {
  const eao_tensor *m = eao_infer_in(f, 3), *valid = eao_infer_in(f, 6);
  if (valid) {
    EAO_TRY(eao_infer_types(f, "valid keys", valid, EAO_TYPES_INT));
    int64_t n = valid->rank == 1 ? valid->dim[0] : -1;
    if (valid->rank >= 0 && (valid->rank != 1 || (n >= 0 && s->q.batch >= 0 && n != s->q.batch)))
      return eao_infer_fail(f, EAO_ERR_SHAPE, "valid keys need one entry a batch");
    if (eao_infer_in(f, 4))
      return eao_infer_fail(f, EAO_ERR_ARG, "valid keys and past keys exclude each other");
  }
  if (!m) return EAO_OK;
  EAO_TRY(eao_infer_types(f, "mask", m, EAO_TYPES_FLOAT | EAO_TYPES_BOOL));
  if (m->rank < 0) return EAO_OK;
  const int64_t want[] = {s->q.batch, s->q.heads, s->q.len, s->keys};
  bool fits = m->rank >= 1 && m->rank <= 4;
  for (int32_t i = 0; fits && i < m->rank; i++) {
    int64_t d = m->dim[i], w = want[4 - m->rank + i];
    if (d < 0 || w < 0) continue;
    fits = i == m->rank - 1 ? d <= w : d == w || d == 1;
  }
  if (!fits) return eao_infer_fail(f, EAO_ERR_SHAPE, "the mask does not broadcast to the scores");
  return EAO_OK;
}

static eao_status infer_attention_shape(eao_infer *f, attention_shape *s) {
  const eao_attention_attr *a = f->attr;
  EAO_TRY(head_shape_of(f, "queries", f->in[0], a->q_heads, &s->q));
  EAO_TRY(head_shape_of(f, "keys", f->in[1], a->kv_heads, &s->k));
  EAO_TRY(head_shape_of(f, "values", f->in[2], a->kv_heads, &s->v));
  EAO_TRY(same(f, "batches", &s->q.batch, s->k.batch));
  EAO_TRY(same(f, "batches", &s->q.batch, s->v.batch));
  EAO_TRY(same(f, "key and value heads", &s->k.heads, s->v.heads));
  EAO_TRY(same(f, "numbers of keys and values", &s->k.len, s->v.len));
  EAO_TRY(same(f, "head sizes of queries and keys", &s->k.size, s->q.size));
  EAO_TRY(infer_past(f, s));
  s->keys = s->past < 0 || s->k.len < 0 ? -1 : s->past + s->k.len;
  if (s->q.heads >= 0 && s->k.heads >= 0 &&
      (s->k.heads == 0 ? s->q.heads != 0 : s->q.heads % s->k.heads != 0 || s->q.heads == 0))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld query heads for %lld key heads",
                          (long long)s->q.heads, (long long)s->k.heads);
  return infer_mask(f, s);
}

static void put4(eao_infer *f, uint32_t i, int64_t a, int64_t b, int64_t c, int64_t d) {
  if (i >= f->n_out) return;
  eao_tensor *t = &f->out[i];
  t->dtype = f->in[0]->dtype;
  t->rank = 4;
  t->dim[0] = a;
  t->dim[1] = b;
  t->dim[2] = c;
  t->dim[3] = d;
}

static eao_status infer_attention(eao_infer *f) {
  const eao_attention_attr *a = f->attr;
  static const char *const what[] = {"queries", "keys", "values", NULL, "past keys", "past values"};
  for (uint32_t i = 0; i < 6; i++) {
    const eao_tensor *t = what[i] ? eao_infer_in(f, i) : NULL;
    if (t) EAO_TRY(eao_infer_types(f, what[i], t, EAO_TYPES_FLOAT));
  }
  if (a->score_output < 0 || a->score_output > 3)
    return eao_infer_fail(f, EAO_ERR_ARG, "score output %lld does not exist",
                          (long long)a->score_output);
  attention_shape s = {0};
  EAO_TRY(infer_attention_shape(f, &s));
  const eao_tensor *q = f->in[0];
  put4(f, 0, s.q.batch, s.q.heads, s.q.len, s.v.size);
  eao_tensor *y = &f->out[0];
  if (q->rank < 0) y->rank = -1;
  if (q->rank == 3) {
    y->rank = 3;
    y->dim[1] = s.q.len;
    y->dim[2] = s.v.size < 0 ? -1 : s.v.size * s.q.heads;
  }
  put4(f, 1, s.q.batch, s.k.heads, s.keys, s.k.size);
  put4(f, 2, s.q.batch, s.k.heads, s.keys, s.v.size);
  put4(f, 3, s.q.batch, s.q.heads, s.q.len, s.keys);
  f->out[0].dtype = q->dtype;
  return EAO_OK;
}

static void cost_attention(const eao_infer *f, eao_cost *out) {
  attention_shape s = {0};
  eao_infer g = *f;
  out->macs = 0;
  if (infer_attention_shape(&g, &s) != EAO_OK) return;
  eao_tensor scores = {.rank = 4, .dim = {s.q.batch, s.q.heads, s.q.len, s.keys}};
  int64_t per = s.q.size < 0 || s.v.size < 0 ? -1 : s.q.size + s.v.size;
  eao_cost_product(&scores, &per, 1, out);
}

static bool sample_attention(uint32_t k, eao_sample *s) {
  eao_attention_attr *a = s->attr;
  if (k > 5) return false;
  eao_dtype t = k == 5 ? EAO_F16 : EAO_F32;
  s->n_in = 3;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = t, .rank = 4, .dim = {2, 4, 3, 6}};
  s->in[1] = (eao_tensor){.dtype = t, .rank = 4, .dim = {2, 2, 5, 6}};
  s->in[2] = (eao_tensor){.dtype = t, .rank = 4, .dim = {2, 2, 5, 7}};
  switch (k) {
  case 0:
    s->in[3] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {3, 5}};
    s->n_in = 4;
    break;
  case 1: /* with a past and all outputs */
    a->causal = 1;
    a->softcap = 1.5f;
    a->score_output = 3;
    s->in[3] = (eao_tensor){.dtype = EAO_BOOL, .rank = 4, .dim = {2, 1, 3, 8}};
    s->in[4] = (eao_tensor){.dtype = t, .rank = 4, .dim = {2, 2, 3, 6}};
    s->in[5] = (eao_tensor){.dtype = t, .rank = 4, .dim = {2, 2, 3, 7}};
    s->n_in = 6;
    s->n_out = 4;
    break;
  case 2:
    a->q_heads = 4;
    a->kv_heads = 2;
    a->scale = 0.3f;
    s->in[0] = (eao_tensor){.dtype = t, .rank = 3, .dim = {2, 3, 24}};
    s->in[1] = (eao_tensor){.dtype = t, .rank = 3, .dim = {2, 5, 12}};
    s->in[2] = (eao_tensor){.dtype = t, .rank = 3, .dim = {2, 5, 14}};
    break;
  case 3: {
    static const int64_t valid[] = {5, 3};
    a->causal = 1;
    s->in[6] =
        (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {2}, .data = (void *)(uintptr_t)valid};
    s->n_in = 7;
    break;
  }
  default: a->causal = 1;
  }
  return true;
}

#define AT(field) EAO_ATTR_AT(eao_attention_attr, field)
static const eao_attr_desc attention_attrs[] = {
    {.name = "q_num_heads",
     .kind = EAO_ATTR_INT,
     .offset = AT(q_heads),
     .doc = "heads of the queries; needed for inputs of rank 3"},
    {.name = "kv_num_heads",
     .kind = EAO_ATTR_INT,
     .offset = AT(kv_heads),
     .doc = "heads of keys and values; needed for inputs of rank 3"},
    {.name = "scale",
     .kind = EAO_ATTR_FLOAT,
     .offset = AT(scale),
     .doc = "factor of the scores; 0: 1 / sqrt(head size)"},
    {.name = "softcap",
     .kind = EAO_ATTR_FLOAT,
     .offset = AT(softcap),
     .doc = "scores become softcap * tanh(score / softcap); 0: not"},
    {.name = "is_causal",
     .kind = EAO_ATTR_BOOL,
     .offset = AT(causal),
     .doc = "a query sees no key after it"},
    {.name = "softmax_precision",
     .kind = EAO_ATTR_DTYPE,
     .offset = AT(softmax_dtype),
     .doc = "least precision of the softmax"},
    {.name = "qk_matmul_output_mode",
     .kind = EAO_ATTR_INT,
     .offset = AT(score_output),
     .doc = "which scores the fourth output has: raw, capped, masked, probabilities"},
};

const eao_op_desc eao_op_attention = {
    .name = "attention",
    .doc = "scaled dot-product attention with heads, mask and past",
    .min_in = 3,
    .max_in = 7,
    .min_out = 1,
    .max_out = 4,
    .attr_size = sizeof(eao_attention_attr),
    .attrs = attention_attrs,
    .n_attrs = EAO_COUNT(attention_attrs),
    .onnx = "Attention",
    .onnx_since = 23,
    .infer = infer_attention,
    .cost = cost_attention,
    .ref = eao_ref_attention,
    .ref_scratch = eao_ref_attention_scratch,
    .sample = sample_attention,
};

/* ---- rotary_embedding ---- */

static eao_status infer_tables(eao_infer *f, const eao_rotary_attr *a, const head_shape *x) {
  const eao_tensor *ids = eao_infer_in(f, 3);
  int32_t rank = ids ? 2 : 3;
  int64_t half = a->rotary_dim ? a->rotary_dim / 2 : x->size < 0 ? -1 : x->size / 2;
  int64_t rows = -1;
  for (uint32_t i = 1; i < 3; i++) {
    const eao_tensor *t = f->in[i];
    if (t->rank < 0) continue;
    if (t->rank != rank)
      return eao_infer_fail(f, EAO_ERR_SHAPE, "a table has rank %d, not %d", t->rank, rank);
    EAO_TRY(same(f, "half of the rotated elements and the tables' width", &half, t->dim[rank - 1]));
    int64_t batch = x->batch, len = x->len;
    if (ids)
      EAO_TRY(same(f, "lengths of the tables", &rows, t->dim[0]));
    else
      EAO_TRY(same(f, "batches", &batch, t->dim[0]));
    if (!ids) EAO_TRY(same(f, "lengths", &len, t->dim[1]));
  }
  if (!ids) return EAO_OK;
  EAO_TRY(eao_infer_types(f, "position ids", ids, EAO_TYPES_INT));
  if (ids->rank >= 0 &&
      (ids->rank != 2 || (ids->dim[0] >= 0 && x->batch >= 0 && ids->dim[0] != x->batch) ||
       (ids->dim[1] >= 0 && x->len >= 0 && ids->dim[1] != x->len)))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "position ids need a row a batch, an entry a token");
  return EAO_OK;
}

static eao_status infer_rotary(eao_infer *f) {
  const eao_rotary_attr *a = f->attr;
  head_shape x;
  for (uint32_t i = 0; i < 3; i++)
    EAO_TRY(eao_infer_types(f, "an input", f->in[i], EAO_TYPES_FLOAT));
  EAO_TRY(head_shape_of(f, "input", f->in[0], a->heads, &x));
  if (a->rotary_dim < 0 || a->rotary_dim % 2 || (x.size >= 0 && a->rotary_dim > x.size) ||
      (!a->rotary_dim && x.size > 0 && x.size % 2))
    return eao_infer_fail(f, EAO_ERR_SHAPE, "%lld of %lld elements cannot be rotated in pairs",
                          (long long)a->rotary_dim, (long long)x.size);
  EAO_TRY(infer_tables(f, a, &x));
  eao_infer_like(f, 0, f->in[0]);
  return EAO_OK;
}

static bool sample_rotary(uint32_t k, eao_sample *s) {
  static const int64_t ids[] = {0, 1, 2, 7, 8, 9};
  eao_rotary_attr *a = s->attr;
  if (k > 3) return false;
  s->n_in = 3;
  s->n_out = 1;
  s->in[0] = (eao_tensor){.dtype = k == 3 ? EAO_F16 : EAO_F32, .rank = 4, .dim = {2, 4, 3, 8}};
  s->in[1] = (eao_tensor){.dtype = s->in[0].dtype, .rank = 3, .dim = {2, 3, 4}};
  if (k == 1) {
    s->in[0] = (eao_tensor){.dtype = EAO_F32, .rank = 3, .dim = {2, 3, 32}};
    s->in[1] = (eao_tensor){.dtype = EAO_F32, .rank = 2, .dim = {10, 3}};
    s->in[3] =
        (eao_tensor){.dtype = EAO_I64, .rank = 2, .dim = {2, 3}, .data = (void *)(uintptr_t)ids};
    s->n_in = 4;
    a->heads = 4;
    a->rotary_dim = 6;
  }
  a->interleaved = k == 2;
  s->in[2] = s->in[1];
  return true;
}

static const eao_attr_desc rotary_attrs[] = {
    {.name = "num_heads",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_rotary_attr, heads),
     .doc = "heads; needed for input of rank 3"},
    {.name = "rotary_embedding_dim",
     .kind = EAO_ATTR_INT,
     .offset = EAO_ATTR_AT(eao_rotary_attr, rotary_dim),
     .doc = "elements of a head that are rotated; 0: all"},
    {.name = "interleaved",
     .kind = EAO_ATTR_BOOL,
     .offset = EAO_ATTR_AT(eao_rotary_attr, interleaved),
     .doc = "pairs are neighbours instead of halves"},
};

const eao_op_desc eao_op_rotary_embedding = {
    .name = "rotary_embedding",
    .doc = "rotates pairs of elements by an angle that depends on the position",
    .min_in = 3,
    .max_in = 4,
    .min_out = 1,
    .max_out = 1,
    .attr_size = sizeof(eao_rotary_attr),
    .attrs = rotary_attrs,
    .n_attrs = EAO_COUNT(rotary_attrs),
    .onnx = "RotaryEmbedding",
    .onnx_since = 23,
    .infer = infer_rotary,
    .ref = eao_ref_rotary_embedding,
    .sample = sample_rotary,
};
