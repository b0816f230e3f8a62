#include "kernel/plain/conv_geom.h"

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

int64_t eao_fc_geom_init(eao_conv_geom *g, const eao_kcall *c) {
  const eao_tensor *x = c->in[0], *y = c->out[0];
  int64_t n = y->dim[y->rank - 1], rows = n ? eao_tensor_count(y) / n : 0;
  memset(g, 0, sizeof *g);
  g->c = rows ? eao_tensor_count(x) / rows : 0;
  g->o = n;
  g->n = g->h = g->oh = g->kh = g->kw = g->sh = g->sw = g->dh = g->dw = 1;
  g->w = g->ow = rows;
  return rows;
}

static bool is_channels_last(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  bool bias_ok = c->n_in < 3 || !c->in[2] || c->in[2]->data;
  return (x->rank == 3 || x->rank == 4) && c->in[1]->data && bias_ok &&
         a->layout == EAO_LAYOUT_CHANNELS_LAST && a->w_layout != EAO_WLAYOUT_IOK &&
         a->kernel.v[0] <= EAO_CONV_MAX_KH;
}

bool eao_conv_is_dense(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  const eao_tensor *x = c->in[0];
  bool single = x->dim[x->rank - 1] == 1; /* depthwise with one channel is dense too */
  return is_channels_last(c) && a->group == 1 && (a->w_layout != EAO_WLAYOUT_1KO || single);
}

bool eao_conv_is_depthwise(const eao_kcall *c) {
  const eao_conv_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *y = c->out[0];
  int64_t channels = x->dim[x->rank - 1];
  return is_channels_last(c) && a->group == channels && y->dim[y->rank - 1] == channels &&
         channels > 1;
}

bool eao_conv_direct(const eao_conv_geom *g) {
  bool inside_w = g->pl == 0 && (g->ow - 1) * g->sw + (g->kw - 1) * g->dw < g->w;
  bool inside_h = g->pt == 0 && (g->oh - 1) * g->sh + (g->kh - 1) * g->dh < g->h;
  return inside_w && inside_h;
}

bool eao_conv_is_pointwise(const eao_conv_geom *g) {
  return g->kh == 1 && g->kw == 1 && g->sh == 1 && g->sw == 1 && g->ow == g->w && g->oh == g->h &&
         eao_conv_direct(g);
}

enum {
  PATCH_RUN_BYTES = 24, /* shorter runs are copied into patches */
  PATCH_BYTES =
      2 * 1024, /* of all patches: six times more is 1 % faster and weighs on small arenas */
  SLACK_BYTES = 16,
};

static bool needs_patches(const eao_conv_geom *g, size_t size) {
  return g->kh > 1 && g->dw == 1 && g->kw * g->c * (int64_t)size <= PATCH_RUN_BYTES;
}

/* Patches are made from rows with slack behind them, so never from the image itself. */
int64_t eao_conv_ring(const eao_conv_geom *g, size_t size) {
  if (eao_conv_direct(g) && !needs_patches(g, size)) return 0;
  return ((g->kh - 1) * g->dh + 1) * ((g->ow - 1) * g->sw + (g->kw - 1) * g->dw + 1) * g->c +
         SLACK_BYTES;
}

void eao_conv_runs_init(eao_conv_runs *r, const eao_conv_geom *g, size_t size) {
  bool whole_row = g->dw == 1 || g->kw == 1;
  *r = (eao_conv_runs){.rows = g->kh,
                       .runs = whole_row ? 1 : g->kw,
                       .run = whole_row ? g->kw * g->c : g->c,
                       .run_step = g->dw * g->c,
                       .step = g->sw * g->c};
  if (!needs_patches(g, size)) return;
  int64_t run = g->kh * g->kw * g->c, patch = eao_round_up(run, 4);
  *r = (eao_conv_runs){.rows = 1, .runs = 1, .run = run, .step = patch, .patch = patch};
}

int64_t eao_conv_patches(const eao_conv_runs *r, size_t size) {
  int64_t n = PATCH_BYTES / (int64_t)size / r->patch;
  return n < 1 ? 1 : n > EAO_CONV_MAX_PIXELS ? EAO_CONV_MAX_PIXELS : n;
}

int64_t eao_conv_scratch(const eao_conv_geom *g, size_t size) {
  eao_conv_runs r;
  eao_conv_runs_init(&r, g, size);
  int64_t n = eao_conv_ring(g, size);
  if (r.patch) n += eao_conv_patches(&r, size) * r.patch + SLACK_BYTES;
  return eao_round_up(n, 64);
}

void eao_conv_weights_init(eao_conv_weights *v, const eao_tensor *w, int32_t layout) {
  int64_t k = 1;
  memset(v, 0, sizeof *v);
  switch (layout) {
  case EAO_WLAYOUT_OIK:
    for (int32_t i = 2; i < w->rank; i++) k *= w->dim[i];
    v->sk = 1;
    v->si = k;
    v->so = k * w->dim[1];
    break;
  case EAO_WLAYOUT_OKI:
    for (int32_t i = 1; i < w->rank - 1; i++) k *= w->dim[i];
    v->si = 1;
    v->sk = w->dim[w->rank - 1];
    v->so = k * v->sk;
    break;
  default: /* EAO_WLAYOUT_1KO */
    v->so = 1;
    v->sk = w->dim[w->rank - 1];
    break;
  }
}
