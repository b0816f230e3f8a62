/* Float reductions over adjacent axes, seen as [outer, n, inner]. Include after a simd/f32_*.h. */
#include "kernel/plain/rows_f32.h"

enum { WIDE = 4 };

typedef vf (*join_fn)(vf a, vf b);
static inline vf join_max(vf a, vf b) {
  return v_max(a, b);
}
static inline vf join_sum(vf a, vf b) {
  return v_add(a, b);
}

typedef struct task {
  join_fn join;
  float start, factor;
  bool max;
} task;

/* A contiguous run: WIDE chains of vectors, joined at the end. */
static inline __attribute__((always_inline)) float run_of(const task *t, const float *x,
                                                          int64_t n) {
  vf acc[WIDE], start = v_all(t->start);
  int64_t i = 0;
  for (int v = 0; v < WIDE; v++) acc[v] = start;
  for (; i + WIDE * VL <= n; i += WIDE * VL)
#pragma GCC unroll 4
    for (int v = 0; v < WIDE; v++) acc[v] = t->join(acc[v], v_load(x + i + v * VL));
  for (; i + VL <= n; i += VL) acc[0] = t->join(acc[0], v_load(x + i));
  vf all = t->join(t->join(acc[0], acc[1]), t->join(acc[2], acc[3]));
  float r = t->max ? v_max_of(all) : v_sum(all);
  for (; i < n; i++) r = t->max ? (x[i] > r ? x[i] : r) : r + x[i];
  return r;
}

/* nv vectors of columns of a matrix with n rows of `inner`. */
static inline __attribute__((always_inline)) void columns(const task *t, const int nv,
                                                          const float *x, int64_t n, int64_t inner,
                                                          int lanes, float *y) {
  vf acc[WIDE];
#pragma GCC unroll 4
  for (int v = 0; v < nv; v++) acc[v] = v_all(t->start);
  for (int64_t k = 0; k < n; k++, x += inner)
#pragma GCC unroll 4
    for (int v = 0; v < nv; v++)
      acc[v] = t->join(acc[v], lanes == VL ? v_load(x + v * VL) : v_load_n(x, lanes));
#pragma GCC unroll 4
  for (int v = 0; v < nv; v++) {
    vf r = v_mul(acc[v], v_all(t->factor));
    if (lanes == VL)
      v_store(y + v * VL, r);
    else
      v_store_n(y, r, lanes);
  }
}

static inline __attribute__((always_inline)) eao_status reduce(eao_kcall *c, task t, bool mean) {
  int64_t outer, n, inner, o, o1, i0 = 0, i1;
  eao_reduce_split(c, &outer, &n, &inner);
  t.factor = mean ? 1.0f / (float)n : 1;
  i1 = inner;
  /* Shares are columns when there are too few matrices. */
  bool by_column = outer == 1;
  o = 0;
  o1 = outer;
  if (by_column)
    eao_kcall_share(c, inner, VL, &i0, &i1);
  else
    eao_kcall_share(c, outer, 1, &o, &o1);
  for (; o < o1; o++) {
    const float *x = (const float *)c->in[0]->data + o * n * inner;
    float *y = (float *)c->out[0]->data + o * inner;
    int64_t i = i0;
    if (inner == 1) {
      if (i0 < i1) *y = run_of(&t, x, n) * t.factor;
      continue;
    }
    for (; i + WIDE * VL <= i1; i += WIDE * VL) columns(&t, WIDE, x + i, n, inner, VL, y + i);
    for (; i + VL <= i1; i += VL) columns(&t, 1, x + i, n, inner, VL, y + i);
    if (i < i1) columns(&t, 1, x + i, n, inner, (int)(i1 - i), y + i);
  }
  return EAO_OK;
}

eao_status EAO_SIMD(eao_k_reduce_mean_f32)(eao_kcall *c) {
  return reduce(c, (task){.join = join_sum}, true);
}
eao_status EAO_SIMD(eao_k_reduce_sum_f32)(eao_kcall *c) {
  return reduce(c, (task){.join = join_sum}, false);
}
eao_status EAO_SIMD(eao_k_reduce_max_f32)(eao_kcall *c) {
  return reduce(c, (task){.join = join_max, .start = -__builtin_inff(), .max = true}, false);
}
