/* Float depthwise convolution over rows as they lie in memory; see plain/depthwise_plan.h. Include
 * after a simd/f32_*.h. */
#include "kernel/plain/depthwise_f32.h"
#include "kernel/tmpl/act_f32.h"

enum { ROWS = EAO_DEPTHWISE_F32_ROWS, GROUPS = 4 };
typedef float in_t, ring_t, out_t;

typedef struct task {
  eao_conv_geom g;
  eao_depthwise_plan p;
  float pad;
  float *ring, *raw;
  int64_t ring_row;
  const float *blocks; /* packed: of each vector of channels bias, then taps */
  vact act;
} task;

#include "kernel/tmpl/depthwise_drive.h"

static void take_row(const task *t, float *row) {
  (void)t, (void)row;
}

static inline __attribute__((always_inline)) void store_act(const task *t, float *y, vf v,
                                                            int64_t n) {
  vf r = t->act.kind == EAO_ACT_NONE ? v_min(t->act.hi, v_max(t->act.lo, v)) : v_act(&t->act, v);
  if (n >= VL)
    v_store(y, r);
  else
    v_store_n(y, r, (int)n);
}

/* Where column l of the kernel stands in a row of the ring. */
static inline __attribute__((always_inline)) int64_t place(const task *t, int64_t l, int64_t sw,
                                                           int64_t dw) {
  return (l * dw % sw * t->p.cols + l * dw / sw) * t->p.stride;
}

/* n output rows of one vector in each group, 3x3: an input row serves all the output rows that it
 * is in, and weights stay in registers. */
static inline __attribute__((always_inline)) void rows_3x3(const task *t, const int n, const int sw,
                                                           const float *const *in,
                                                           const float *block, int64_t count,
                                                           int64_t lanes, float *y) {
  const int sh = sw; /* strides differ only in the path for any kernel */
  const int64_t step = t->p.group * t->p.stride, y_step = t->p.group * t->g.c;
  const int64_t row = t->g.ow * t->g.c;
  vf bias = v_load(block), w[9];
#pragma GCC unroll 9
  for (int i = 0; i < 9; i++) w[i] = v_load(block + (1 + i) * VL);
  for (int64_t g = 0; g < count; g++, y += y_step) {
    vf acc[ROWS];
#pragma GCC unroll 4
    for (int o = 0; o < n; o++) acc[o] = bias;
#pragma GCC unroll 8
    for (int i = 0; i < (n - 1) * sh + 3; i++)
#pragma GCC unroll 3
      for (int l = 0; l < 3; l++) {
        vf x = v_load(in[i] + place(t, l, sw, 1) + g * step);
#pragma GCC unroll 4
        for (int o = 0; o < n; o++)
          if (i >= o * sh && i < o * sh + 3) acc[o] = v_fma(x, w[(i - o * sh) * 3 + l], acc[o]);
      }
#pragma GCC unroll 4
    for (int o = 0; o < n; o++) store_act(t, y + o * row, acc[o], lanes);
  }
}

#define THREE(name, n, sw)                                                                         \
  static __attribute__((noinline)) void name(const task *t, const float *const *in,                \
                                             const float *block, int64_t count, int64_t lanes,     \
                                             float *y) {                                           \
    rows_3x3(t, n, sw, in, block, count, lanes, y);                                                \
  }
THREE(one_3x3s1, 1, 1)
THREE(two_3x3s1, 2, 1)
THREE(one_3x3s2, 1, 2)
THREE(two_3x3s2, 2, 2)
#undef THREE

/* Any kernel, one output row: m groups at a time. */
static inline __attribute__((always_inline)) void groups_any(const task *t, const int m,
                                                             const float *const *in,
                                                             const float *block, int64_t lanes,
                                                             float *y, int64_t at) {
  const eao_conv_geom *g = &t->g;
  const int64_t step = t->p.group * t->p.stride, y_step = t->p.group * g->c;
  vf acc[GROUPS];
#pragma GCC unroll 4
  for (int i = 0; i < m; i++) acc[i] = v_load(block);
  const float *w = block + VL;
  for (int64_t k = 0; k < g->kh; k++)
    for (int64_t l = 0; l < g->kw; l++, w += VL) {
      const float *x = in[k] + place(t, l, g->sw, g->dw) + at;
      vf tap = v_load(w);
#pragma GCC unroll 4
      for (int i = 0; i < m; i++) acc[i] = v_fma(v_load(x + i * step), tap, acc[i]);
    }
#pragma GCC unroll 4
  for (int i = 0; i < m; i++) store_act(t, y + i * y_step, acc[i], lanes);
}

static void any(const task *t, const float *const *in, const float *block, int64_t count,
                int64_t lanes, float *y) {
  const int64_t step = t->p.group * t->p.stride, y_step = t->p.group * t->g.c;
  int64_t i = 0;
  for (; i + GROUPS <= count; i += GROUPS)
    groups_any(t, GROUPS, in, block, lanes, y + i * y_step, i * step);
  for (; i < count; i++) groups_any(t, 1, in, block, lanes, y + i * y_step, i * step);
}

/* `count` groups of vector b. */
static void run_block(const task *t, const float *const rows[][EAO_CONV_MAX_KH], int n, int64_t b,
                      const float *block, int64_t at, int64_t count, int64_t lanes, float *y) {
  const eao_conv_geom *g = &t->g;
  const float *in[EAO_CONV_MAX_KH];
  at += b * VL;
  if (count <= 0 || lanes <= 0) return;
  if (g->kh == 3 && g->kw == 3 && g->dh == 1 && g->dw == 1 && g->sh == g->sw && g->sw <= 2) {
    for (int i = 0; i < (n - 1) * (int)g->sh + 3; i++)
      in[i] = (i < 3 ? rows[0][i] : rows[1][i - g->sh]) + at;
    if (g->sw == 1)
      (n == 2 ? two_3x3s1 : one_3x3s1)(t, in, block, count, lanes, y);
    else
      (n == 2 ? two_3x3s2 : one_3x3s2)(t, in, block, count, lanes, y);
    return;
  }
  for (int o = 0; o < n; o++) {
    for (int64_t k = 0; k < g->kh; k++) in[k] = rows[o][k] + at;
    any(t, in, block, count, lanes, y + o * g->ow * g->c);
  }
}

static void make_rows(const task *t, const float *const rows[][EAO_CONV_MAX_KH], int n,
                      const span *s) {
  const eao_depthwise_plan *p = &t->p;
  int64_t bytes = (1 + t->g.kh * t->g.kw) * VL, before = s->groups - 1;
  for (int64_t b = 0; b < p->blocks; b++) {
    const float *block = t->blocks + (s->chunk * p->blocks + b) * bytes;
    int64_t full = p->group * s->lanes - b * VL, last = s->last * s->lanes - b * VL;
    float *y = s->y + b * VL;
    run_block(t, rows, n, b, block, 0, before, full, y);
    run_block(t, rows, n, b, block, before * p->group * p->stride, 1, last,
              y + before * p->group * t->g.c);
  }
}

static void depthwise(eao_kcall *c) {
  const eao_depthwise_f32_head *head = c->in[1]->data;
  task t = {.act = v_act_init(&((const eao_conv_attr *)c->attr)->act)};
  eao_conv_geom_init(&t.g, c);
  eao_depthwise_plan_init(&t.p, &t.g, head->group, VL, ROWS, sizeof(float), 0);
  t.blocks = (const float *)(const void *)(head + 1);
  t.ring_row = t.p.row;
  t.ring = (float *)c->scratch + c->part * t.p.ring * t.p.row;
  drive(&t, c);
}
