/* 8-bit depthwise convolution with four-byte dot products; see plain/depthwise_dot.h. Include after
 * a simd/i8_*.h. */
#include "kernel/plain/depthwise_dot.h"

enum { ROWS = 1, LANES = 4 * VL };
typedef uint8_t in_t, ring_t, out_t;

typedef struct task {
  eao_conv_geom g;
  eao_depthwise_plan p;
  uint8_t pad;
  uint8_t *ring, *raw;
  int64_t ring_row;
  int64_t quads, block; /* bytes of a block's constants */
  const char *blocks;
  int32_t flip;
  vi_bytes out;
} task;

#include "kernel/tmpl/depthwise_drive.h"

/* Four columns beside each other: a vector of bytes becomes four of quads. */
static inline __attribute__((always_inline)) void zip(vi a, vi b, vi c, vi d, uint8_t *q) {
  vi ab = vi_zip8_lo(a, b), cd = vi_zip8_lo(c, d);
  vi AB = vi_zip8_hi(a, b), CD = vi_zip8_hi(c, d);
  vi_store(q, vi_zip16_lo(ab, cd));
  vi_store(q + LANES, vi_zip16_hi(ab, cd));
  vi_store(q + 2 * LANES, vi_zip16_lo(AB, CD));
  vi_store(q + 3 * LANES, vi_zip16_hi(AB, CD));
}

/* `count` vectors of a row, from four places of it; all that the loop needs is in registers. */
static __attribute__((noinline)) void zip_vectors(const uint8_t *x, const int64_t *at, vi flip,
                                                  int64_t count, int64_t step, uint8_t *to,
                                                  int64_t to_step) {
  const uint8_t *a = x + at[0], *b = x + at[1], *c = x + at[2], *d = x + at[3];
  for (int64_t i = 0; i < count; i++, to += to_step)
    zip(vi_xor(vi_load(a + i * step), flip), vi_xor(vi_load(b + i * step), flip),
        vi_xor(vi_load(c + i * step), flip), vi_xor(vi_load(d + i * step), flip), to);
}

static void take_row(const task *t, uint8_t *row) {
  const eao_conv_geom *g = &t->g;
  const eao_depthwise_plan *p = &t->p;
  const vi flip = vi_all((int32_t)((uint32_t)t->flip * 0x01010101u));
  const int64_t step = p->group * p->stride, quad = t->quads * 4 * LANES;
  for (int64_t q = 0; q < t->quads; q++) {
    int64_t at[4];
    for (int64_t l = 0; l < 4; l++) { /* taps that the kernel does not have: weights are 0 */
      int64_t col = 4 * q + l < g->kw ? (4 * q + l) * g->dw : 0;
      at[l] = (col % g->sw * p->cols + col / g->sw) * p->stride;
    }
    uint8_t *to = row + q * 4 * LANES;
    if (step == p->blocks * LANES)
      zip_vectors(t->raw, at, flip, p->vectors, LANES, to, quad);
    else
      for (int64_t b = 0; b < p->blocks; b++)
        zip_vectors(t->raw + b * LANES, at, flip, p->vectors / p->blocks, step, to + b * quad,
                    p->blocks * quad);
  }
}

/* A vector in each of `count` groups. `few`: so few weights that they stay in registers; kh and
 * quads are constants then. */
static inline __attribute__((always_inline)) void
groups(const task *t, const bool few, const int kh, const int quads, const uint8_t *const *in,
       const char *block, int64_t count, int64_t lanes, uint8_t *y) {
  enum { FEW = 12 };
  const int64_t step = t->p.blocks * quads * 4 * LANES, y_step = t->p.group * t->g.c;
  const float *first = (const float *)(const void *)(block + LANES * 4);
  const float *const scale[4] = {first, first + VL, first + 2 * VL, first + 3 * VL};
  const char *weight = block + LANES * 8;
  const vi_bytes out = t->out;
  vi bias[4], w[FEW];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) bias[i] = vi_load(block + i * LANES);
#pragma GCC unroll 12
  for (int i = 0; i < FEW; i++) w[i] = few ? vi_load(weight + i * LANES) : bias[0];
  for (int64_t g = 0; g < count; g++, y += y_step) {
    vi acc[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) acc[i] = bias[i];
#pragma GCC unroll 3
    for (int k = 0; k < kh; k++)
#pragma GCC unroll 2
      for (int q = 0; q < quads; q++)
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
          const int at = (k * quads + q) * 4 + i;
          acc[i] = vi_dot(acc[i], vi_load(in[k] + g * step + (q * 4 + i) * LANES),
                          few ? w[at] : vi_load(weight + at * LANES));
        }
    vi r = vi_requant4(acc, scale, &out);
    if (lanes >= LANES)
      vi_store(y, r);
    else
      vi_store_n(y, r, (int)lanes);
  }
}

static __attribute__((noinline)) void groups_3x3(const task *t, const uint8_t *const *in,
                                                 const char *block, int64_t count, int64_t lanes,
                                                 uint8_t *y) {
  const uint8_t *const rows[3] = {in[0], in[1], in[2]};
  groups(t, true, 3, 1, rows, block, count, lanes, y);
}
static __attribute__((noinline)) void groups_any(const task *t, const uint8_t *const *in,
                                                 const char *block, int64_t count, int64_t lanes,
                                                 uint8_t *y) {
  groups(t, false, (int)t->g.kh, (int)t->quads, in, block, count, lanes, y);
}

static void make_rows(const task *t, const uint8_t *const rows[][EAO_CONV_MAX_KH], int n,
                      const span *s) {
  const eao_depthwise_plan *p = &t->p;
  const eao_conv_geom *g = &t->g;
  int64_t before = s->groups - 1;
  (void)n;
  for (int64_t b = 0; b < p->blocks; b++) {
    const uint8_t *in[EAO_CONV_MAX_KH];
    const char *block = t->blocks + (s->chunk * p->blocks + b) * t->block;
    int64_t full = p->group * s->lanes - b * LANES, last = s->last * s->lanes - b * LANES;
    uint8_t *y = s->y + b * LANES;
    void (*run)(const task *, const uint8_t *const *, const char *, int64_t, int64_t, uint8_t *) =
        g->kh == 3 && t->quads == 1 ? groups_3x3 : groups_any;
    if (full <= 0) break;
    int64_t count = before + (last >= full); /* groups that are alike */
    for (int64_t k = 0; k < g->kh; k++) in[k] = rows[0][k] + b * t->quads * 4 * LANES;
    if (count > 0) run(t, in, block, count, full, y);
    if (count == s->groups || last <= 0) continue;
    for (int64_t k = 0; k < g->kh; k++) in[k] += before * p->blocks * t->quads * 4 * LANES;
    run(t, in, block, 1, last, y + before * p->group * g->c);
  }
}

static void depthwise(eao_kcall *c) {
  const eao_conv_i8_head *head = c->in[1]->data;
  task t = {.flip = head->flip, .out = vi_bytes_init(head->z_y, head->lo, head->hi)};
  eao_conv_geom_init(&t.g, c);
  eao_depthwise_dot_plan(&t.p, &t.g, head->pad[0], LANES);
  t.quads = eao_depthwise_dot_quads(&t.g);
  t.block = eao_depthwise_dot_block(&t.g, LANES);
  t.blocks = (const char *)(head + 1);
  t.pad = (uint8_t)(head->z_u ^ head->flip); /* as stored, before the flip */
  t.ring_row = t.p.vectors * t.quads * 4 * LANES;
  t.raw = (uint8_t *)c->scratch + c->part * (t.p.row + t.p.ring * t.ring_row);
  t.ring = t.raw + t.p.row;
  drive(&t, c);
}
