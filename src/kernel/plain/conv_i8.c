#include "kernel/plain/conv_i8.h"

#include <string.h>

#include "kernel/ref/quant.h"

static bool is_i8(const eao_tensor *t) {
  return t->dtype == EAO_I8 || t->dtype == EAO_U8;
}

/* Zero point shared by all channels; false when they differ. */
static bool weight_zero(const eao_tensor *w, int32_t *out) {
  *out = w->quant.zero ? w->quant.zero[0] : 0;
  for (int32_t i = 1; w->quant.zero && i < w->quant.n; i++)
    if (w->quant.zero[i] != *out) return false;
  return *out >= -255 && *out <= 255;
}

bool eao_conv_i8_types_ok(const eao_kcall *c, int32_t channel_axis, const eao_act *act) {
  const eao_tensor *x = c->in[0], *w = c->in[1], *y = c->out[0], *b = c->n_in > 2 ? c->in[2] : NULL;
  eao_qparam q;
  int32_t zero;
  return is_i8(x) && is_i8(w) && is_i8(y) && x->quant.n == 1 && y->quant.n == 1 && w->data &&
         w->quant.n > 0 && (w->quant.n == 1 || w->quant.axis == channel_axis) &&
         weight_zero(w, &zero) && (!b || (b->dtype == EAO_I32 && b->data)) && eao_q_param(x, &q) &&
         eao_q_param_act(y, act, &q);
}

bool eao_conv_i8_match(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  return eao_conv_is_dense(c) && eao_conv_i8_types_ok(c, 0, &a->act);
}

bool eao_fc_i8_match(const eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  return !a->hybrid && eao_conv_i8_types_ok(c, 0, &a->act);
}

size_t eao_conv_i8_scratch(const eao_kcall *c, uint32_t n_part) {
  eao_conv_geom g;
  eao_conv_geom_init(&g, c);
  return (size_t)eao_conv_scratch(&g, 1) * (n_part ? n_part : 1);
}

typedef struct packing {
  eao_conv_weights w;
  int64_t o, rows, runs, run, run_step; /* rows of the kernel; weights of a run, spatial step */
  int64_t nr, padded, groups;           /* groups of four weights an output has */
  bool signed_x;
} packing;

int32_t eao_conv_i8_head_init(eao_conv_i8_head *h, const eao_kcall *c, const eao_act *act,
                              bool signed_x) {
  const eao_tensor *x = c->in[0], *w = c->in[1];
  eao_qparam qx, qy;
  int32_t zero = 0;
  eao_q_param(x, &qx);
  eao_q_param_act(c->out[0], act, &qy);
  weight_zero(w, &zero);
  memset(h, 0, sizeof *h);
  h->flip = (x->dtype == EAO_I8) == signed_x ? 0 : 0x80;
  h->z_u = qx.zero + (signed_x ? -h->flip : h->flip);
  h->w_rest = (w->dtype == EAO_U8 ? 128 : 0) - zero;
  h->z_y = qy.zero;
  h->lo = qy.lo;
  h->hi = qy.hi;
  return zero;
}

void eao_conv_i8_fold(const eao_kcall *c, int64_t o, int32_t z_u, uint32_t weight_sum,
                      int32_t *out_bias, float *out_scale) {
  const eao_tensor *w = c->in[1], *b = c->n_in > 2 ? c->in[2] : NULL;
  uint32_t bias = b ? (uint32_t)((const int32_t *)b->data)[o] : 0;
  *out_bias = (int32_t)(bias - (uint32_t)z_u * weight_sum);
  /* The very expression, and order, of the reference kernel. */
  *out_scale =
      c->in[0]->quant.scale[0] * w->quant.scale[w->quant.n > 1 ? o : 0] / c->out[0]->quant.scale[0];
}

static void pack_constants(const eao_kcall *c, const eao_act *act, const packing *p, void *out) {
  eao_conv_i8_head *h = out;
  int32_t zero = eao_conv_i8_head_init(h, c, act, p->signed_x), *bias = (int32_t *)(void *)(h + 1);
  float *m = (float *)(bias + p->padded);
  memset(bias, 0, (size_t)p->padded * 8);
  for (int64_t o = 0; o < p->o; o++) {
    uint32_t sum = 0; /* wraps as the loops do */
    for (int64_t s = 0; s < p->rows * p->runs; s++)
      for (int64_t i = 0; i < p->run; i++)
        sum +=
            (uint32_t)(eao_get_i64(c->in[1], o * p->w.so + s * p->run_step + i * p->w.si) - zero);
    eao_conv_i8_fold(c, o, h->z_u, sum, &bias[o], &m[o]);
  }
}

/* Weights of a run are contiguous in [position][input] order: index r of a run of several
 * positions is position r / inputs. `at` maps it to the stored element. */
static int64_t element(const packing *p, int64_t o, int64_t s, int64_t r, int64_t inputs) {
  return o * p->w.so + s * p->run_step + r / inputs * p->w.sk + r % inputs * p->w.si;
}

static size_t pack(const eao_kcall *c, const eao_act *act, packing *p, int64_t inputs, void *out) {
  const eao_tensor *w = c->in[1];
  int32_t base = w->dtype == EAO_U8 ? 128 : 0;
  int64_t quads = (p->run + 3) / 4;
  p->padded = eao_round_up(p->o, p->nr);
  p->groups = p->rows * p->runs * quads;
  if (out) {
    packing flat = *p; /* for the sums: every position on its own */
    flat.runs = p->runs * (p->run / inputs);
    flat.run = inputs;
    flat.run_step = p->w.sk;
    pack_constants(c, act, &flat, out);
    int8_t *q = (int8_t *)out + sizeof(eao_conv_i8_head) + (size_t)p->padded * 8;
    for (int64_t o0 = 0; o0 < p->padded; o0 += p->nr)
      for (int64_t s = 0; s < p->rows * p->runs; s++)
        for (int64_t k = 0; k < quads * 4; k += 4)
          for (int64_t o = o0; o < o0 + p->nr; o++)
            for (int64_t r = k; r < k + 4; r++) {
              bool there = o < p->o && r < p->run;
              *q++ = (int8_t)(there ? eao_get_i64(w, element(p, o, s, r, inputs)) - base : 0);
            }
  }
  return sizeof(eao_conv_i8_head) + (size_t)p->padded * 8 + (size_t)(p->padded * p->groups * 4);
}

size_t eao_conv_i8_pack(const eao_kcall *c, void *out, int64_t nr, bool signed_x) {
  const eao_conv_attr *a = c->attr;
  eao_conv_geom g;
  packing p = {.nr = nr, .signed_x = signed_x};
  eao_conv_geom_init(&g, c);
  eao_conv_weights_init(&p.w, c->in[1], a->w_layout);
  eao_conv_runs r;
  eao_conv_runs_init(&r, &g, 1);
  p.o = g.o;
  p.rows = r.rows;
  p.runs = r.runs;
  p.run = r.run;
  p.run_step = r.run / g.c * p.w.sk;
  return pack(c, &a->act, &p, g.c, out);
}

size_t eao_fc_i8_pack(const eao_kcall *c, void *out, int64_t nr, bool signed_x) {
  const eao_fully_connected_attr *a = c->attr;
  const eao_tensor *w = c->in[1];
  packing p = {.w = {.so = w->dim[1], .si = 1},
               .o = w->dim[0],
               .rows = 1,
               .runs = 1,
               .run = w->dim[1],
               .nr = nr,
               .signed_x = signed_x};
  return pack(c, &a->act, &p, w->dim[1], out);
}
