#include "kernel/ref/attention.h"

#include <math.h>
#include <string.h>

#include "kernel/ref/sums.h"

/* A tensor of heads, whatever its rank: element (b, h, s, d) is at b*sb + h*sh + s*ss + d. */
typedef struct heads {
  const eao_tensor *t;
  int64_t n, len, size; /* heads, sequence, head size */
  int64_t sb, sh, ss;
} heads;

static heads heads_of(const eao_tensor *t, int64_t n) {
  heads h = {.t = t};
  if (!t) return h;
  if (t->rank == 4) {
    h = (heads){t, t->dim[1], t->dim[2], t->dim[3], 0, 0, 0};
    h.ss = h.size;
    h.sh = h.len * h.ss;
    h.sb = h.n * h.sh;
  } else {
    h = (heads){t, n, t->dim[1], n ? t->dim[2] / n : 0, 0, 0, 0};
    h.sh = h.size;
    h.ss = t->dim[2];
    h.sb = h.len * h.ss;
  }
  return h;
}

static int64_t head_at(const heads *h, int64_t b, int64_t n, int64_t s) {
  return b * h->sb + n * h->sh + s * h->ss;
}

typedef struct attention {
  const eao_attention_attr *a;
  heads q, k, v, past_k, past_v;
  const eao_tensor *mask, *valid;
  int64_t batch, past, keys;
  int64_t mask_stride[4];
  int64_t mask_keys;
  double scale;
} attention;

static const eao_tensor *input(const eao_kcall *c, uint32_t i) {
  return i < c->n_in ? c->in[i] : NULL;
}

static void attention_init(attention *t, const eao_kcall *c) {
  memset(t, 0, sizeof *t);
  t->a = c->attr;
  t->q = heads_of(c->in[0], t->a->q_heads);
  t->k = heads_of(c->in[1], t->a->kv_heads);
  t->v = heads_of(c->in[2], t->a->kv_heads);
  t->past_k = heads_of(input(c, 4), 0);
  t->past_v = heads_of(input(c, 5), 0);
  t->mask = input(c, 3);
  t->valid = input(c, 6);
  t->batch = c->in[0]->dim[0];
  t->past = t->past_k.len;
  t->keys = t->past + t->k.len;
  t->scale = t->a->scale != 0 ? (double)t->a->scale : 1 / sqrt((double)t->q.size);
  if (!t->mask) return;
  int64_t stride[EAO_MAX_RANK];
  eao_tensor_strides(t->mask, stride);
  t->mask_keys = t->mask->dim[t->mask->rank - 1];
  for (int32_t i = 0; i < t->mask->rank; i++) {
    int32_t to = 4 - t->mask->rank + i;
    bool last = i == t->mask->rank - 1;
    t->mask_stride[to] = t->mask->dim[i] == 1 && !last ? 0 : stride[i];
  }
}

size_t eao_ref_attention_scratch(const eao_kcall *c) {
  attention t;
  attention_init(&t, c);
  return (size_t)t.keys * 2 * sizeof(double);
}

/* What is added to the score of key j; -inf masks it. */
static double bias_at(const attention *t, int64_t b, int64_t h, int64_t i, int64_t j) {
  int64_t valid = t->valid ? eao_get_i64(t->valid, b) : t->keys;
  int64_t before = t->valid ? valid - t->q.len : t->past;
  if (j >= valid || (t->a->causal && j > i + before)) return -INFINITY;
  if (!t->mask) return 0;
  if (j >= t->mask_keys) return -INFINITY;
  const int64_t *s = t->mask_stride;
  double m = eao_get_f64(t->mask, b * s[0] + h * s[1] + i * s[2] + j * s[3]);
  if (t->mask->dtype == EAO_BOOL) return m != 0 ? 0 : -INFINITY;
  return m;
}

/* The row of key or value j: of the past or of this call. */
static const heads *row_of(const heads *now, const heads *past, int64_t n_past, int64_t b,
                           int64_t g, int64_t j, int64_t *out_at) {
  const heads *h = j < n_past ? past : now;
  *out_at = head_at(h, b, g, j < n_past ? j : j - n_past);
  return h;
}

static double score(const attention *t, int64_t b, int64_t h, int64_t i, int64_t j) {
  int64_t ka, qa = head_at(&t->q, b, h, i), g = h / (t->q.n / t->k.n);
  const heads *k = row_of(&t->k, &t->past_k, t->past, b, g, j, &ka);
  double sum = 0;
  if (t->q.t->dtype == EAO_F32 && k->t->dtype == EAO_F32)
    sum = eao_dot_f32((const float *)t->q.t->data + qa, 1, (const float *)k->t->data + ka, 1,
                      t->q.size);
  else
    for (int64_t d = 0; d < t->q.size; d++)
      sum += eao_get_f64(t->q.t, qa + d) * eao_get_f64(k->t, ka + d);
  return sum * t->scale;
}

/* p: the masked scores on entry, probabilities on return. */
static void softmax(double *p, int64_t n, bool all_masked) {
  double most = -INFINITY, sum = 0;
  for (int64_t j = 0; j < n; j++)
    if (p[j] > most) most = p[j];
  for (int64_t j = 0; j < n; j++) {
    p[j] = all_masked ? 0 : exp(p[j] - most);
    sum += p[j];
  }
  for (int64_t j = 0; j < n && sum != 0; j++) p[j] /= sum;
}

/* One query: probabilities into p, and the asked-for scores into `scores` (or NULL). */
static void probabilities(const attention *t, int64_t b, int64_t h, int64_t i, double *p,
                          double *scores) {
  bool all_masked = true;
  double cap = (double)t->a->softcap;
  for (int64_t j = 0; j < t->keys; j++) {
    double raw = score(t, b, h, i, j), s = cap > 0 ? cap * tanh(raw / cap) : raw;
    double bias = bias_at(t, b, h, i, j);
    all_masked = all_masked && bias == -INFINITY;
    p[j] = s + bias;
    if (scores) scores[j] = t->a->score_output == 0 ? raw : t->a->score_output == 1 ? s : p[j];
  }
  softmax(p, t->keys, all_masked);
  if (scores && t->a->score_output == 3) memcpy(scores, p, (size_t)t->keys * sizeof *p);
}

static void weighted_values(const attention *t, int64_t b, int64_t h, int64_t i, const double *p,
                            eao_tensor *y) {
  heads o = heads_of(y, t->a->q_heads);
  int64_t at = head_at(&o, b, h, i), g = h / (t->q.n / t->k.n);
  for (int64_t e = 0; e < t->v.size; e++) {
    double sum = 0;
    for (int64_t j = 0; j < t->keys; j++) {
      int64_t va;
      const heads *v = row_of(&t->v, &t->past_v, t->past, b, g, j, &va);
      if (p[j] != 0) sum += p[j] * eao_get_real(v->t, va + e);
    }
    eao_set_f64(y, at + e, sum);
  }
}

/* All keys or values, past first. */
static void present(const attention *t, const heads *now, const heads *past, eao_tensor *y) {
  int64_t o = 0;
  for (int64_t b = 0; y && b < t->batch; b++)
    for (int64_t g = 0; g < now->n; g++)
      for (int64_t j = 0; j < t->keys; j++) {
        int64_t at;
        const heads *h = row_of(now, past, t->past, b, g, j, &at);
        for (int64_t d = 0; d < now->size; d++) eao_set_f64(y, o++, eao_get_f64(h->t, at + d));
      }
}

eao_status eao_ref_attention(eao_kcall *c) {
  attention t;
  attention_init(&t, c);
  for (int64_t b = 0; t.valid && b < t.batch; b++) {
    int64_t n = eao_get_i64(t.valid, b);
    if (n < 0 || n > t.keys)
      return eao_kfail(c, EAO_ERR_ARG, "attention: a number of valid keys exceeds the keys");
  }
  double *p = c->scratch, *scores = p + t.keys;
  eao_tensor *y = c->out[0], *score_out = c->n_out > 3 ? c->out[3] : NULL;
  for (int64_t b = 0; b < t.batch; b++)
    for (int64_t h = 0; h < t.q.n; h++)
      for (int64_t i = 0; i < t.q.len; i++) {
        probabilities(&t, b, h, i, p, score_out ? scores : NULL);
        if (y) weighted_values(&t, b, h, i, p, y);
        int64_t at = ((b * t.q.n + h) * t.q.len + i) * t.keys;
        for (int64_t j = 0; score_out && j < t.keys; j++) eao_set_f64(score_out, at + j, scores[j]);
      }
  present(&t, &t.k, &t.past_k, c->n_out > 1 ? c->out[1] : NULL);
  present(&t, &t.v, &t.past_v, c->n_out > 2 ? c->out[2] : NULL);
  return EAO_OK;
}

/* ---- rotary_embedding ---- */

static void rotate_head(const eao_kcall *c, const heads *x, int64_t at, int64_t cache) {
  const eao_rotary_attr *a = c->attr;
  int64_t r = a->rotary_dim ? a->rotary_dim : x->size, half = r / 2;
  eao_tensor *y = c->out[0];
  for (int64_t d = 0; d < half; d++) {
    int64_t p = at + (a->interleaved ? 2 * d : d), q = a->interleaved ? p + 1 : p + half;
    double cs = eao_get_f64(c->in[1], cache + d), sn = eao_get_f64(c->in[2], cache + d);
    double u = eao_get_f64(x->t, p), v = eao_get_f64(x->t, q);
    eao_set_f64(y, p, cs * u - sn * v);
    eao_set_f64(y, q, sn * u + cs * v);
  }
  for (int64_t d = r; d < x->size; d++) eao_set_f64(y, at + d, eao_get_f64(x->t, at + d));
}

eao_status eao_ref_rotary_embedding(eao_kcall *c) {
  const eao_rotary_attr *a = c->attr;
  const eao_tensor *ids = c->n_in > 3 ? c->in[3] : NULL, *cos = c->in[1];
  heads x = heads_of(c->in[0], a->heads);
  int64_t batch = c->in[0]->dim[0], half = cos->dim[cos->rank - 1];
  for (int64_t b = 0; b < batch; b++)
    for (int64_t s = 0; s < x.len; s++) {
      int64_t row = ids ? eao_get_i64(ids, b * x.len + s) : b * x.len + s;
      if (ids && (row < 0 || row >= cos->dim[0]))
        return eao_kfail(c, EAO_ERR_ARG, "rotary_embedding: a position lies outside the tables");
      for (int64_t h = 0; h < x.n; h++) rotate_head(c, &x, head_at(&x, b, h, s), row * half);
    }
  return EAO_OK;
}
