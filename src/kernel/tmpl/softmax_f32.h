/* Softmax and normalisations of contiguous rows. Include after a simd/f32_*.h. */
#include "kernel/plain/rows_f32.h"
#include "kernel/tmpl/math_f32.h"

static float row_max(const float *x, int64_t n) {
  vf m = v_all(-__builtin_inff());
  int64_t i = 0;
  for (; i + VL <= n; i += VL) m = v_max(m, v_load(x + i));
  float r = v_max_of(m);
  for (; i < n; i++) r = x[i] > r ? x[i] : r;
  return r;
}

static float row_sum(const float *x, int64_t n) {
  vf s = v_all(0);
  int64_t i = 0;
  for (; i + VL <= n; i += VL) s = v_add(s, v_load(x + i));
  float r = v_sum(s);
  for (; i < n; i++) r += x[i];
  return r;
}

static void softmax_row(const float *x, float beta, int64_t n, float *y) {
  /* The largest of beta * x: of the smallest x when beta is negative. */
  float most = beta >= 0 ? beta * row_max(x, n) : 0;
  for (int64_t i = 0; beta < 0 && i < n; i++)
    most = i == 0 || beta * x[i] > most ? beta * x[i] : most;
  vf b = v_all(beta), m = v_all(-most);
  for (int64_t i = 0; i < n; i += VL) {
    int lanes = n - i < VL ? (int)(n - i) : VL;
    v_store_n(y + i, v_exp(v_fma(b, v_load_n(x + i, lanes), m)), lanes);
  }
  vf inverse = v_all(1 / row_sum(y, n));
  for (int64_t i = 0; i < n; i += VL) {
    int lanes = n - i < VL ? (int)(n - i) : VL;
    v_store_n(y + i, v_mul(inverse, v_load_n(y + i, lanes)), lanes);
  }
}

/* Up to VL rows shorter than a vector: a row to a lane. */
static void softmax_short(const float *x, float beta, int rows, int n, float *y) {
  float lanes[VL][VL] = {{0}}; /* [element][row] */
  vf b = v_all(beta), most = v_all(-__builtin_inff()), sum = v_all(0);
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < n; i++) lanes[i][r] = x[r * n + i];
  for (int i = 0; i < n; i++) most = v_max(most, v_mul(b, v_load(lanes[i])));
  for (int i = 0; i < n; i++) {
    vf e = v_exp(v_sub(v_mul(b, v_load(lanes[i])), most));
    v_store(lanes[i], e);
    sum = v_add(sum, e);
  }
  vf inverse = v_div(v_all(1), sum);
  for (int i = 0; i < n; i++) v_store(lanes[i], v_mul(inverse, v_load(lanes[i])));
  for (int r = 0; r < rows; r++)
    for (int i = 0; i < n; i++) y[r * n + i] = lanes[i][r];
}

eao_status EAO_SIMD(eao_k_softmax_f32)(eao_kcall *c) {
  const eao_softmax_attr *a = c->attr;
  int64_t outer, n, inner, r, end;
  eao_axis_split(c->in[0], a->axis, &outer, &n, &inner);
  eao_kcall_share(c, outer, 1, &r, &end);
  for (; n < VL && r < end; r += VL)
    softmax_short((const float *)c->in[0]->data + r * n, a->beta,
                  end - r < VL ? (int)(end - r) : VL, (int)n, (float *)c->out[0]->data + r * n);
  for (; r < end; r++)
    softmax_row((const float *)c->in[0]->data + r * n, a->beta, n,
                (float *)c->out[0]->data + r * n);
  return EAO_OK;
}

/* Sum of (x - mean)^2 */
static float spread(const float *x, int64_t n, float mean) {
  vf s = v_all(0), m = v_all(mean);
  int64_t i = 0;
  for (; i + VL <= n; i += VL) {
    vf d = v_sub(v_load(x + i), m);
    s = v_fma(d, d, s);
  }
  float r = v_sum(s);
  for (; i < n; i++) r += (x[i] - mean) * (x[i] - mean);
  return r;
}

static inline __attribute__((always_inline)) eao_status norm(eao_kcall *c, bool centred) {
  const eao_layer_norm_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *bias = c->n_in > 2 ? c->in[2] : NULL;
  const float *scale = c->in[1]->data, *shift = bias ? bias->data : NULL;
  int64_t n = eao_tensor_count(c->in[1]), r, end;
  eao_kcall_share(c, eao_tensor_count(x) / n, 1, &r, &end);
  for (; r < end; r++) {
    const float *p = (const float *)x->data + r * n;
    float *y = (float *)c->out[0]->data + r * n;
    float mean = centred ? row_sum(p, n) / (float)n : 0;
    vf m = v_all(mean);
    vf inverse = v_div(v_all(1), v_sqrt(v_all(spread(p, n, mean) / (float)n + a->epsilon)));
    for (int64_t i = 0; i < n; i += VL) {
      int lanes = n - i < VL ? (int)(n - i) : VL;
      vf v = v_mul(v_mul(v_sub(v_load_n(p + i, lanes), m), inverse), v_load_n(scale + i, lanes));
      if (shift) v = v_add(v, v_load_n(shift + i, lanes));
      v_store_n(y + i, v, lanes);
    }
  }
  return EAO_OK;
}

eao_status EAO_SIMD(eao_k_layer_norm_f32)(eao_kcall *c) {
  return norm(c, true);
}
eao_status EAO_SIMD(eao_k_rms_norm_f32)(eao_kcall *c) {
  return norm(c, false);
}
