#include "kernel/plain/conv_f32.h"

#include <string.h>

void eao_conv_geom_init(eao_conv_geom *g, const eao_kcall *c) {
  const eao_tensor *x = c->in[0], *y = c->out[0];
  const eao_conv_attr *a = c->attr;
  memset(g, 0, sizeof *g);
  g->n = x->dim[0];
  g->c = x->dim[x->rank - 1];
  g->o = y->dim[y->rank - 1];
  if (x->rank == 3) {
    *g = (eao_conv_geom){.n = g->n,
                         .h = 1,
                         .w = x->dim[1],
                         .c = g->c,
                         .oh = 1,
                         .ow = y->dim[1],
                         .o = g->o,
                         .kh = 1,
                         .kw = a->kernel.v[0],
                         .sh = 1,
                         .sw = a->strides.v[0],
                         .dh = 1,
                         .dw = a->dilations.v[0],
                         .pl = a->pads.v[0]};
    return;
  }
  g->h = x->dim[1];
  g->w = x->dim[2];
  g->oh = y->dim[1];
  g->ow = y->dim[2];
  g->kh = a->kernel.v[0];
  g->kw = a->kernel.v[1];
  g->sh = a->strides.v[0];
  g->sw = a->strides.v[1];
  g->dh = a->dilations.v[0];
  g->dw = a->dilations.v[1];
  g->pt = a->pads.v[0];
  g->pl = a->pads.v[1];
}

bool eao_act_is_simple(const eao_act *act) {
  float lo, hi;
  return eao_act_bounds(act, &lo, &hi) || act->kind == EAO_ACT_LEAKY_RELU ||
         act->kind == EAO_ACT_HARD_SIGMOID || act->kind == EAO_ACT_HARD_SWISH;
}

/* Weight layouts differ only in where an element stands. */
typedef struct weights {
  const float *p;
  int64_t so, sk, si; /* strides of output, spatial position, input channel */
} weights;

static weights weights_of(const eao_tensor *w, int32_t layout) {
  int64_t k = 1;
  weights v = {.p = w->data};
  switch (layout) {
  case EAO_WLAYOUT_OIK:
    for (int32_t i = 2; i < w->rank; i++) k *= w->dim[i];
    v.sk = 1;
    v.si = k;
    v.so = k * w->dim[1];
    break;
  case EAO_WLAYOUT_OKI:
    for (int32_t i = 1; i < w->rank - 1; i++) k *= w->dim[i];
    v.si = 1;
    v.sk = w->dim[w->rank - 1];
    v.so = k * v.sk;
    break;
  default: /* EAO_WLAYOUT_1KO */
    v.so = 1;
    v.sk = w->dim[w->rank - 1];
    break;
  }
  return v;
}

static bool is_f32_const(const eao_tensor *t) {
  return t && t->dtype == EAO_F32 && t->data;
}

static bool conv_common(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  bool bias_ok = c->n_in < 3 || !c->in[2] || is_f32_const(c->in[2]);
  return x->dtype == EAO_F32 && (x->rank == 3 || x->rank == 4) && is_f32_const(c->in[1]) &&
         bias_ok && a->layout == EAO_LAYOUT_CHANNELS_LAST && eao_act_is_simple(&a->act);
}

static bool is_depthwise(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *y = c->out[0];
  int64_t channels = x->dim[x->rank - 1];
  return a->group == channels && y->dim[y->rank - 1] == channels && channels > 1;
}

bool eao_conv_f32_match(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  return conv_common(c) && a->group == 1 && a->w_layout != EAO_WLAYOUT_IOK &&
         a->w_layout != EAO_WLAYOUT_1KO;
}

bool eao_depthwise_f32_match(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  return conv_common(c) && is_depthwise(c) && a->w_layout != EAO_WLAYOUT_IOK;
}

static int64_t round_up(int64_t n, int64_t unit) {
  return (n + unit - 1) / unit * unit;
}

static void pack_bias(const eao_kcall *c, uint32_t index, int64_t n, int64_t padded, float *out) {
  const eao_tensor *b = c->n_in > index ? c->in[index] : NULL;
  for (int64_t i = 0; i < padded; i++) out[i] = b && i < n ? ((const float *)b->data)[i] : 0;
}

size_t eao_conv_f32_pack(const eao_kcall *c, void *out, int64_t nr) {
  const eao_conv_attr *a = c->attr;
  eao_conv_geom g;
  eao_conv_geom_init(&g, c);
  int64_t k = g.kh * g.kw, padded = round_up(g.o, nr);
  if (out) {
    weights w = weights_of(c->in[1], a->w_layout);
    float *p = out;
    pack_bias(c, 2, g.o, padded, p);
    p += padded;
    for (int64_t o0 = 0; o0 < padded; o0 += nr)
      for (int64_t s = 0; s < k; s++)
        for (int64_t i = 0; i < g.c; i++)
          for (int64_t o = o0; o < o0 + nr; o++)
            *p++ = o < g.o ? w.p[o * w.so + s * w.sk + i * w.si] : 0;
  }
  return (size_t)(padded + padded * k * g.c) * sizeof(float);
}

bool eao_conv_f32_direct(const eao_conv_geom *g) {
  bool inside_w = g->pl == 0 && (g->ow - 1) * g->sw + (g->kw - 1) * g->dw < g->w;
  bool inside_h = g->pt == 0 && (g->oh - 1) * g->sh + (g->kh - 1) * g->dh < g->h;
  return inside_w && inside_h;
}

size_t eao_conv_f32_scratch(const eao_kcall *c, uint32_t n_part) {
  eao_conv_geom g;
  eao_conv_geom_init(&g, c);
  if (eao_conv_f32_direct(&g)) return 0;
  int64_t rows = (g.kh - 1) * g.dh + 1, row = ((g.ow - 1) * g.sw + (g.kw - 1) * g.dw + 1) * g.c;
  return (size_t)(rows * row) * sizeof(float) * (n_part ? n_part : 1);
}

size_t eao_depthwise_f32_pack(const eao_kcall *c, void *out, int64_t vl) {
  const eao_conv_attr *a = c->attr;
  eao_conv_geom g;
  eao_conv_geom_init(&g, c);
  int64_t k = g.kh * g.kw, padded = round_up(g.c, vl);
  if (out) {
    weights w = weights_of(c->in[1], a->w_layout);
    float *p = out;
    pack_bias(c, 2, g.c, padded, p);
    p += padded;
    for (int64_t c0 = 0; c0 < padded; c0 += vl)
      for (int64_t s = 0; s < k; s++)
        for (int64_t i = c0; i < c0 + vl; i++) *p++ = i < g.c ? w.p[i * w.so + s * w.sk] : 0;
  }
  return (size_t)(padded + padded * k) * sizeof(float);
}

bool eao_fc_f32_match(const eao_kcall *c) {
  const eao_fully_connected_attr *a = c->attr;
  bool bias_ok = c->n_in < 3 || !c->in[2] || is_f32_const(c->in[2]);
  return c->in[0]->dtype == EAO_F32 && is_f32_const(c->in[1]) && bias_ok && !a->hybrid &&
         eao_act_is_simple(&a->act);
}

size_t eao_fc_f32_pack(const eao_kcall *c, void *out, int64_t nr) {
  const eao_tensor *w = c->in[1];
  int64_t n = w->dim[0], k = w->dim[1], padded = round_up(n, nr);
  if (out) {
    const float *src = w->data;
    float *p = out;
    pack_bias(c, 2, n, padded, p);
    p += padded;
    for (int64_t n0 = 0; n0 < padded; n0 += nr)
      for (int64_t i = 0; i < k; i++)
        for (int64_t o = n0; o < n0 + nr; o++) *p++ = o < n ? src[o * k + i] : 0;
  }
  return (size_t)(padded + padded * k) * sizeof(float);
}
