/* Softmax and reductions of quantised integers. */
#include <math.h>

#include "kernel/block.h"
#include "kernel/fixed.h"
#include "kernel/ref/q_lut16.h"
#include "kernel/requant.h"

static eao_status no_rule(eao_kcall *c) {
  return eao_kfail(c, EAO_ERR_UNSUPPORTED,
                   "no kernel for these quantised types: 8 or 16 bits per tensor are possible");
}

typedef struct row {
  int64_t at, n, stride;
  int32_t max;  /* largest element */
  double scale; /* of an element times beta */
  double sum;   /* of exp(scale * (q - max)) */
} row;

static void row_sums(const eao_tensor *x, row *r) {
  int64_t q[EAO_BLOCK];
  r->max = INT32_MIN;
  r->sum = 0;
  for (EAO_EACH_BLOCK(i, m, r->n)) {
    eao_load_i64(x, r->at + i * r->stride, r->stride, m, q);
    for (int64_t k = 0; k < m; k++)
      if (q[k] > r->max) r->max = (int32_t)q[k];
  }
  for (EAO_EACH_BLOCK(i, m, r->n)) {
    eao_load_i64(x, r->at + i * r->stride, r->stride, m, q);
    for (int64_t k = 0; k < m; k++) r->sum += exp(r->scale * (double)(q[k] - r->max));
  }
}

/* ---- 16-bit softmax: TensorFlow Lite's tables of exp and 1 / (1 + x) ---- */

static double exp_f64(const void *attr, double x) {
  (void)attr;
  return exp(x);
}
static double inverse_f64(const void *attr, double x) {
  (void)attr;
  return 1 / (1 + x);
}

typedef struct tables16 {
  eao_lut16 exp, inverse;
  eao_fixed scale; /* differences to steps of 10 / 65535 */
} tables16;

static int32_t exp16(const tables16 *t, int64_t diff) {
  int64_t v = (int64_t)eao_fixed_mul((int32_t)diff, t->scale) + 32767;
  return eao_lut16_get(&t->exp, eao_sat16(v));
}

static void softmax16_row(eao_kcall *c, const tables16 *t, const row *r) {
  const eao_tensor *x = c->in[0];
  int64_t sum = 0;
  for (int64_t i = 0; i < r->n; i++)
    sum += exp16(t, eao_get_i64(x, r->at + i * r->stride) - r->max);
  int32_t bits = eao_bit_length((uint64_t)sum); /* sum >= 32767: the largest element's exp */
  int64_t norm = bits <= 31 ? sum << (31 - bits) : sum >> (bits - 31);
  int32_t inverse =
      eao_lut16_get(&t->inverse, eao_sat16(eao_asr(norm + (1 << 13), 14) - (1 << 15) - (1 << 16)));
  for (int64_t i = 0; i < r->n; i++) {
    int64_t at = r->at + i * r->stride, e = exp16(t, eao_get_i64(x, at) - r->max);
    int64_t q = eao_asr(e * inverse + ((int64_t)1 << (bits - 2)), bits - 1);
    eao_set_i64(c->out[0], at, q < 0 ? 0 : q > 32767 ? 32767 : q);
  }
}

static void softmax16(eao_kcall *c, double scale, int64_t rows, int64_t n, int64_t inner) {
  static const eao_lut16_range exp_range = {-10.0, 0, -65536.0 / 65535, 65534.0 / 65535};
  static const eao_lut16_range inverse_range = {0, 1, -65536.0 / 65535, 65534.0 / 65535};
  tables16 t = {.scale = eao_fixed_from(scale / (10.0 / 65535))};
  eao_lut16_init(&t.exp, exp_f64, NULL, &exp_range);
  eao_lut16_init(&t.inverse, inverse_f64, NULL, &inverse_range);
  for (int64_t o = 0; o < rows; o++) {
    row r = {.at = o / inner * n * inner + o % inner, .n = n, .stride = inner, .scale = scale};
    row_sums(c->in[0], &r);
    softmax16_row(c, &t, &r);
  }
}

eao_status eao_q_softmax(eao_kcall *c, const eao_softmax_attr *attr, bool log_of) {
  const eao_tensor *x = c->in[0];
  eao_tensor *y = c->out[0];
  eao_qparam in, out;
  int64_t outer, n, inner, q[EAO_BLOCK];
  if (!eao_q_param(x, &in) || !eao_q_param(y, &out)) return no_rule(c);
  eao_axis_split(x, attr->axis, &outer, &n, &inner);
  if (x->dtype == EAO_I16 && y->dtype == EAO_I16 && !log_of && out.scale == 0x1p-15f && !out.zero) {
    softmax16(c, (double)(in.scale * attr->beta), outer * inner, n, inner);
    return EAO_OK;
  }
  for (int64_t o = 0; o < outer * inner; o++) {
    row r = {.at = o / inner * n * inner + o % inner, .n = n, .stride = inner};
    r.scale = (double)(in.scale * attr->beta);
    row_sums(x, &r);
    double log_sum = log(r.sum);
    for (EAO_EACH_BLOCK(i, m, n)) {
      eao_load_i64(x, r.at + i * inner, inner, m, q);
      for (int64_t k = 0; k < m; k++) {
        double d = r.scale * (double)(q[k] - r.max);
        q[k] = eao_q_from_real(&out, (float)(log_of ? d - log_sum : exp(d) / r.sum));
      }
      eao_store_i64(y, r.at + i * inner, inner, m, q);
    }
  }
  return EAO_OK;
}

/* q = rne(float(sum) * m + (z_y - n * z_x * m)), m = s_x / s_y, times 1 / n for a mean. */
eao_status eao_q_reduce_sum(eao_kcall *c, const eao_groups *g, bool mean) {
  const eao_tensor *x = c->in[0];
  eao_qparam in, out;
  int64_t q[EAO_BLOCK], count = g->n_run * g->run_len;
  if (!eao_q_param(x, &in) || !eao_q_param(c->out[0], &out)) return no_rule(c);
  float m = in.scale / out.scale;
  if (mean && count) m *= 1.0f / (float)count;
  float zero = (float)out.zero - (float)(count * in.zero) * m;
  for (int64_t o = 0; o < g->n_group; o++) {
    int64_t sum = 0;
    for (int64_t r = 0; r < g->n_run; r++) {
      int64_t at = eao_groups_at(g, o, r);
      for (EAO_EACH_BLOCK(i, n, g->run_len)) {
        eao_load_i64(x, at + i * g->run_stride, g->run_stride, n, q);
        for (int64_t k = 0; k < n; k++) sum += q[k];
      }
    }
    float v = (float)sum * m + zero, lo = (float)out.lo, hi = (float)out.hi;
    v = v > lo ? v : lo;
    eao_set_i64(c->out[0], o, eao_rne_f32(v < hi ? v : hi));
  }
  return EAO_OK;
}
