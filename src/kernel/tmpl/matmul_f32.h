/* Products of matrices that both come at run time: B is read where it stands, a few vectors of its
 * columns at a time. Include after a simd/f32_*.h. */
#include "kernel/plain/rows_f32.h"

enum { NV = 2, MR = VL == 16 ? 12 : 6, NR = NV * VL };

typedef struct task {
  int64_t m, n, k;
} task;

/* r rows of A times nv vectors of columns of B, `lanes` of the last one. */
static inline __attribute__((always_inline)) void tile(const int r, const int nv, const task *t,
                                                       const float *a, const float *b, int lanes,
                                                       float *y) {
  vf acc[MR][NV];
#pragma GCC unroll 12
  for (int i = 0; i < r; i++)
#pragma GCC unroll 2
    for (int v = 0; v < nv; v++) acc[i][v] = v_all(0);
  for (int64_t k = 0; k < t->k; k++, b += t->n) {
    vf w[NV];
#pragma GCC unroll 2
    for (int v = 0; v < nv; v++)
      w[v] = v < nv - 1 || lanes == VL ? v_load(b + v * VL) : v_load_n(b + v * VL, lanes);
#pragma GCC unroll 12
    for (int i = 0; i < r; i++) {
      vf x = v_all(a[i * t->k + k]);
#pragma GCC unroll 2
      for (int v = 0; v < nv; v++) acc[i][v] = v_fma(x, w[v], acc[i][v]);
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < r; i++)
#pragma GCC unroll 2
    for (int v = 0; v < nv; v++)
      if (v < nv - 1 || lanes == VL)
        v_store(y + i * t->n + v * VL, acc[i][v]);
      else
        v_store_n(y + i * t->n + v * VL, acc[i][v], lanes);
}

static __attribute__((noinline)) void full(const task *t, const float *a, const float *b,
                                           float *y) {
  tile(MR, NV, t, a, b, VL, y);
}
static __attribute__((noinline)) void full_edge(const task *t, const float *a, const float *b,
                                                int nv, int lanes, float *y) {
  if (nv == 1)
    tile(MR, 1, t, a, b, lanes, y);
  else
    tile(MR, NV, t, a, b, lanes, y);
}
static __attribute__((noinline)) void one_row(const task *t, const float *a, const float *b, int nv,
                                              int lanes, float *y) {
  if (nv == 1)
    tile(1, 1, t, a, b, lanes, y);
  else
    tile(1, NV, t, a, b, lanes, y);
}
static __attribute__((noinline)) void two_rows(const task *t, const float *a, const float *b,
                                               int nv, int lanes, float *y) {
  if (nv == 1)
    tile(2, 1, t, a, b, lanes, y);
  else
    tile(2, NV, t, a, b, lanes, y);
}

/* Rows [i, end) of one product. */
static void product(const task *t, const float *a, const float *b, float *y, int64_t begin,
                    int64_t end) {
  for (int64_t j = 0; j < t->n; j += NR) {
    int64_t left = t->n - j;
    int nv = left > VL ? 2 : 1, lanes = left >= NR ? VL : (int)(left - (nv - 1) * VL);
    int64_t i = begin;
    for (; i + MR <= end; i += MR)
      if (left >= NR)
        full(t, a + i * t->k, b + j, y + i * t->n + j);
      else
        full_edge(t, a + i * t->k, b + j, nv, lanes, y + i * t->n + j);
    for (; i + 2 <= end; i += 2) two_rows(t, a + i * t->k, b + j, nv, lanes, y + i * t->n + j);
    for (; i < end; i++) one_row(t, a + i * t->k, b + j, nv, lanes, y + i * t->n + j);
  }
}

eao_status EAO_SIMD(eao_k_matmul_f32)(eao_kcall *c) {
  const eao_tensor *a = c->in[0], *b = c->in[1], *y = c->out[0];
  task t = {a->dim[a->rank - 2], b->dim[b->rank - 1], a->dim[a->rank - 1]};
  eao_tensor ab = *a, bb = *b, yb = *y;
  ab.rank -= 2;
  bb.rank -= 2;
  yb.rank -= 2;
  eao_bcast ia, ib;
  eao_bcast_init(&ia, &ab, &yb);
  eao_bcast_init(&ib, &bb, &yb);
  int64_t batches = eao_tensor_count(&yb), begin, end;
  eao_kcall_share(c, batches * t.m, batches > 1 ? t.m : MR, &begin, &end);
  for (int64_t i = 0; i < batches; i++) {
    const float *pa = (const float *)a->data + eao_bcast_next(&ia) * t.m * t.k;
    const float *pb = (const float *)b->data + eao_bcast_next(&ib) * t.k * t.n;
    int64_t r0 = begin - i * t.m, r1 = end - i * t.m;
    if (r0 < 0) r0 = 0;
    if (r1 > t.m) r1 = t.m;
    if (r0 < r1) product(&t, pa, pb, (float *)y->data + i * t.m * t.n, r0, r1);
  }
  return EAO_OK;
}
