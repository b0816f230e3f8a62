/* Windows spelled out: kernel, strides, dilations and pads have all their entries and padding is
 * explicit, so that nothing after this pass needs to know the short forms.
 */
#include <string.h>

#include "kernel/ref/spatial.h"
#include "pass/pass.h"

static bool shape_known(const eao_tensor *t) {
  if (t->rank < 3 || t->rank > 2 + EAO_SPATIAL_MAX) return false;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return false;
  return true;
}

/* The lists are replaced in place; true when one of them changed. */
static bool spell_out(const eao_window *w, int32_t rank, eao_ints *kernel, eao_ints *strides,
                      eao_ints *dilations, eao_ints *pads) {
  eao_ints k = {.n = rank}, s = {.n = rank}, d = {.n = rank}, p = {.n = 2 * rank};
  for (int32_t i = 0; i < rank; i++) {
    int32_t a = EAO_SPATIAL_MAX - rank + i;
    k.v[i] = w->kernel[a];
    s.v[i] = w->stride[a];
    d.v[i] = w->dilation[a];
    p.v[i] = w->pad[a];
    p.v[rank + i] = w->pad_end[a];
  }
  bool same = !memcmp(kernel, &k, sizeof k) && !memcmp(strides, &s, sizeof s) &&
              !memcmp(dilations, &d, sizeof d) && !memcmp(pads, &p, sizeof p);
  *kernel = k;
  *strides = s;
  *dilations = d;
  *pads = p;
  return !same;
}

static bool conv(const eao_graph *g, const eao_node *n, eao_conv_attr *a) {
  const eao_tensor *x = &g->value[n->in[0]].t, *wt = &g->value[n->in[1]].t;
  eao_spatial xs, ws;
  eao_window w;
  if (!shape_known(x) || !shape_known(wt)) return false;
  eao_window_spec spec = eao_conv_window_spec(a);
  eao_spatial_init(&xs, x, a->layout);
  eao_spatial_init_weights(&ws, wt, a->w_layout);
  eao_window_init(&w, &spec, x->rank - 2, xs.dim, ws.dim);
  bool changed = spell_out(&w, x->rank - 2, &a->kernel, &a->strides, &a->dilations, &a->pads);
  changed = changed || a->auto_pad != EAO_PAD_EXPLICIT;
  a->auto_pad = EAO_PAD_EXPLICIT;
  return changed;
}

static bool pool(const eao_graph *g, const eao_node *n, eao_pool_attr *a) {
  const eao_tensor *x = &g->value[n->in[0]].t;
  eao_spatial xs;
  eao_window w;
  int64_t kernel[EAO_SPATIAL_MAX] = {1, 1, 1};
  if (!shape_known(x) || a->kernel.n != x->rank - 2) return false;
  for (int32_t i = 0; i < a->kernel.n; i++)
    kernel[EAO_SPATIAL_MAX - a->kernel.n + i] = a->kernel.v[i];
  eao_window_spec spec = eao_pool_window_spec(a);
  eao_spatial_init(&xs, x, a->layout);
  eao_window_init(&w, &spec, x->rank - 2, xs.dim, kernel);
  bool changed = spell_out(&w, x->rank - 2, &a->kernel, &a->strides, &a->dilations, &a->pads);
  changed = changed || a->auto_pad != EAO_PAD_EXPLICIT;
  a->auto_pad = EAO_PAD_EXPLICIT;
  return changed;
}

eao_status eao_pass_normalise_windows(eao_rewrite *r) {
  eao_graph *g = r->g;
  for (eao_nid i = 0; i < g->n_node; i++) {
    eao_node *n = &g->node[i];
    bool changed = false;
    if (n->op == EAO_OP_conv) changed = conv(g, n, n->attr);
    if (n->op == EAO_OP_max_pool || n->op == EAO_OP_avg_pool) changed = pool(g, n, n->attr);
    if (changed) r->changes++;
  }
  return EAO_OK;
}
