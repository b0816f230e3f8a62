#include <math.h>
#include <string.h>

#include "compress/quant/ptq.h"
#include "kernel/ref/elementwise.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/spatial.h"

/* How an op takes part. */
typedef enum role {
  FLOAT,    /* no integer kernel, or none worth it */
  WEIGHTED, /* what quantisation is for */
  TIED,     /* moves or selects numbers: one set of parameters for all its values */
  FREE,     /* its output has a range of its own */
} role;

static role role_of(uint16_t op, const eao_quantize_opts *o) {
  switch (op) {
  case EAO_OP_conv:
  case EAO_OP_conv_transpose:
  case EAO_OP_fully_connected: return WEIGHTED;
  case EAO_OP_reshape:
  case EAO_OP_squeeze:
  case EAO_OP_unsqueeze:
  case EAO_OP_flatten:
  case EAO_OP_transpose:
  case EAO_OP_concat:
  case EAO_OP_split:
  case EAO_OP_slice:
  case EAO_OP_strided_slice:
  case EAO_OP_pad:
  case EAO_OP_depth_to_space:
  case EAO_OP_space_to_depth:
  case EAO_OP_identity:
  case EAO_OP_max_pool:
  case EAO_OP_avg_pool:
  case EAO_OP_reduce_max:
  case EAO_OP_resize: return TIED;
  case EAO_OP_add:
  case EAO_OP_sub:
  case EAO_OP_mul:
  case EAO_OP_relu:
  case EAO_OP_act:
  case EAO_OP_leaky_relu:
  case EAO_OP_prelu:
  case EAO_OP_sigmoid:
  case EAO_OP_tanh:
  case EAO_OP_hard_sigmoid:
  case EAO_OP_hard_swish:
  case EAO_OP_silu:
  case EAO_OP_elu:
  case EAO_OP_gelu:
  case EAO_OP_reduce_mean: return FREE;
  case EAO_OP_softmax: return o->integer_softmax ? FREE : FLOAT;
  default: return FLOAT;
  }
}

static bool const_f32(const eao_graph *g, eao_vid v) {
  return eao_value_is_const(g, v) && g->value[v].t.dtype == EAO_F32;
}

bool eao_ptq_is_weighted(const eao_graph *g, const eao_node *n) {
  const eao_act *act;
  float lo, hi;
  switch (n->op) {
  case EAO_OP_conv: act = &((const eao_conv_attr *)n->attr)->act; break;
  case EAO_OP_conv_transpose: act = &((const eao_conv_transpose_attr *)n->attr)->act; break;
  case EAO_OP_fully_connected:
    act = &((const eao_fully_connected_attr *)n->attr)->act;
    if (((const eao_fully_connected_attr *)n->attr)->hybrid) return false;
    break;
  default: return false;
  }
  const eao_tensor *x = &g->value[n->in[0]].t;
  return x->dtype == EAO_F32 && x->rank > 0 && !x->data && const_f32(g, n->in[1]) &&
         (n->n_in < 3 || n->in[2] == EAO_NONE || const_f32(g, n->in[2])) &&
         eao_act_bounds(act, &lo, &hi);
}

int32_t eao_ptq_out_axis(const eao_graph *g, const eao_node *n) {
  int32_t rank = g->value[n->in[1]].t.rank;
  if (n->op == EAO_OP_conv)
    return eao_conv_output_axis(((const eao_conv_attr *)n->attr)->w_layout, rank);
  if (n->op == EAO_OP_conv_transpose)
    return eao_conv_output_axis(((const eao_conv_transpose_attr *)n->attr)->w_layout, rank);
  return 0;
}

void eao_ptq_channels_init(eao_ptq_channels *c, const eao_graph *g, const eao_node *n,
                           const eao_tensor *w) {
  int32_t axis = eao_ptq_out_axis(g, n);
  *c = (eao_ptq_channels){1, w->dim[axis], 1, w->dim[1], w->dim[axis]};
  for (int32_t d = axis + 1; d < w->rank; d++) c->out_stride *= w->dim[d];
  if (n->op != EAO_OP_conv) return;
  const eao_conv_attr *a = n->attr;
  eao_spatial s;
  eao_spatial_init_weights(&s, w, a->w_layout);
  c->in_stride = s.sc;
  c->ins = s.c;
  c->per_group = c->outs / a->group;
}

/* ---- which nodes ---- */

static bool is_activation(const eao_graph *g, eao_vid v) {
  return v != EAO_NONE && g->value[v].t.dtype == EAO_F32 && !g->value[v].t.data;
}

/* Has integers already, or is a graph input that would be quantised anyway. */
static bool comes_quantised(const eao_ptq_plan *p, const eao_graph *g, eao_vid v) {
  eao_nid by = g->value[v].producer;
  if (by != EAO_NONE) return p->integer[by];
  for (uint32_t i = 0; i < g->n_input; i++)
    if (g->input[i] == v) return true;
  return false;
}

static bool light_ok(const eao_ptq_plan *p, const eao_graph *g, const eao_node *n, role r) {
  float lo, hi;
  if (n->n_out < 1 || n->out[0] == EAO_NONE || g->value[n->out[0]].t.dtype != EAO_F32) return false;
  if (n->n_out > 1 && n->op != EAO_OP_split) return false;
  if (n->op == EAO_OP_pad && n->n_in > 2 && n->in[2] != EAO_NONE) return false;
  if ((n->op == EAO_OP_add || n->op == EAO_OP_sub || n->op == EAO_OP_mul) &&
      !eao_act_bounds(&((const eao_binary_attr *)n->attr)->act, &lo, &hi))
    return false;
  bool any = false;
  for (uint32_t i = 0; i < n->n_in; i++) {
    if (n->in[i] == EAO_NONE || g->value[n->in[i]].t.dtype != EAO_F32) continue;
    if (g->value[n->in[i]].t.data) {
      if (r == TIED && n->op != EAO_OP_resize) return false; /* constants keep their own range */
      continue;
    }
    if (!comes_quantised(p, g, n->in[i])) return false;
    any = true;
  }
  return any;
}

static void choose(eao_ptq_plan *p, const eao_graph *g, const eao_quantize_opts *o,
                   const bool *keep_float) {
  for (eao_nid i = 0; i < g->n_node; i++) {
    const eao_node *n = &g->node[i];
    role r = keep_float && keep_float[i] ? FLOAT : role_of(n->op, o);
    p->integer[i] = r == WEIGHTED ? eao_ptq_is_weighted(g, n) : r != FLOAT && light_ok(p, g, n, r);
  }
}

/* Light nodes that only feed float ones, and that nothing but an input feeds, gain nothing. */
static void drop_useless(eao_ptq_plan *p, const eao_graph *g) {
  for (eao_nid i = g->n_node; i-- > 0;) {
    const eao_node *n = &g->node[i];
    if (!p->integer[i] || eao_ptq_is_weighted(g, n)) continue;
    bool fed = false, used = false;
    for (uint32_t k = 0; k < n->n_in; k++)
      if (is_activation(g, n->in[k]) && g->value[n->in[k]].producer != EAO_NONE &&
          p->integer[g->value[n->in[k]].producer])
        fed = true;
    for (eao_nid c = i + 1; !used && c < g->n_node; c++)
      for (uint32_t k = 0; p->integer[c] && k < g->node[c].n_in; k++)
        for (uint32_t q = 0; q < n->n_out; q++)
          if (g->node[c].in[k] == n->out[q]) used = true;
    if (!fed && !used) p->integer[i] = false;
  }
}

/* ---- which values share parameters ---- */

eao_vid eao_ptq_shared(const eao_ptq_plan *p, eao_vid v) {
  while (p->share[v] != v) v = p->share[v];
  return v;
}

static void tie(eao_ptq_plan *p, eao_vid a, eao_vid b) {
  eao_vid ra = eao_ptq_shared(p, a), rb = eao_ptq_shared(p, b);
  if (ra != rb) p->share[ra > rb ? ra : rb] = ra < rb ? ra : rb;
}

static void tie_node(eao_ptq_plan *p, const eao_graph *g, const eao_node *n) {
  eao_vid first = EAO_NONE;
  for (uint32_t i = 0; i < n->n_in + n->n_out; i++) {
    eao_vid v = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
    if (!is_activation(g, v)) continue;
    if (first == EAO_NONE)
      first = v;
    else
      tie(p, first, v);
  }
}

eao_status eao_ptq_plan_init(eao_ptq_plan *p, const eao_graph *g, const eao_quantize_opts *o,
                             const bool *keep_float) {
  memset(p, 0, sizeof *p);
  p->ctx = g->ctx;
  p->integer = eao_alloc(g->ctx, g->n_node * sizeof *p->integer);
  p->share = eao_alloc(g->ctx, g->n_value * sizeof *p->share);
  p->scale = eao_alloc(g->ctx, g->n_value * sizeof *p->scale);
  p->zero = eao_alloc(g->ctx, g->n_value * sizeof *p->zero);
  if (!p->integer || !p->share || !p->scale || !p->zero) {
    eao_ptq_plan_deinit(p);
    return EAO_NOMEM(g->ctx);
  }
  for (eao_vid v = 0; v < g->n_value; v++) p->share[v] = v;
  choose(p, g, o, keep_float);
  drop_useless(p, g);
  for (eao_nid i = 0; i < g->n_node; i++)
    if (p->integer[i] && role_of(g->node[i].op, o) == TIED) tie_node(p, g, &g->node[i]);
  return EAO_OK;
}

void eao_ptq_plan_deinit(eao_ptq_plan *p) {
  eao_free(p->ctx, p->integer);
  eao_free(p->ctx, p->share);
  eao_free(p->ctx, p->scale);
  eao_free(p->ctx, p->zero);
  memset(p, 0, sizeof *p);
}

/* ---- parameters ---- */

/* int8, 0 exactly representable. An empty range still needs a scale. */
static void params_of(double lo, double hi, float *scale, int32_t *zero) {
  double s = (hi - lo) / 255;
  if (!(s > 1e-30)) s = 1.0 / 255;
  double z = rint(-128 - lo / s);
  *scale = (float)s;
  *zero = (int32_t)fmin(fmax(z, -128), 127);
}

/* Functions with a known range, as TFLite fixes them. */
static bool fixed_params(uint16_t op, float *scale, int32_t *zero) {
  bool tanh = op == EAO_OP_tanh;
  if (op != EAO_OP_sigmoid && op != EAO_OP_softmax && !tanh) return false;
  *scale = tanh ? 0x1p-7f : 0x1p-8f;
  *zero = tanh ? 0 : -128;
  return true;
}

/* Values that leave the integer part: scores. Clipping the rarest, largest ones would cut off just
 * those that decide, so they keep their whole range. */
static void mark_exposed(const eao_ptq_plan *p, const eao_graph *g, bool *out) {
  for (uint32_t i = 0; i < g->n_output; i++) out[eao_ptq_shared(p, g->output[i])] = true;
  for (eao_nid i = 0; i < g->n_node; i++)
    for (uint32_t k = 0; !p->integer[i] && k < g->node[i].n_in; k++)
      if (is_activation(g, g->node[i].in[k])) out[eao_ptq_shared(p, g->node[i].in[k])] = true;
}

eao_status eao_ptq_plan_ranges(eao_ptq_plan *p, const eao_graph *g, const eao_ptq_stats *s,
                               eao_range_kind kind) {
  double *lo = eao_alloc(g->ctx, g->n_value * sizeof *lo),
         *hi = eao_alloc(g->ctx, g->n_value * sizeof *hi);
  bool *exposed = eao_alloc(g->ctx, g->n_value * sizeof *exposed);
  if (!lo || !hi || !exposed) {
    eao_free(g->ctx, lo);
    eao_free(g->ctx, hi);
    eao_free(g->ctx, exposed);
    return EAO_NOMEM(g->ctx);
  }
  mark_exposed(p, g, exposed);
  for (eao_vid v = 0; v < g->n_value; v++) {
    double a, b;
    if (v >= s->n || !s->hist[v] || !s->hist[v]->total) continue;
    eao_vid root = eao_ptq_shared(p, v);
    eao_hist_range(s->hist[v], exposed[root] ? EAO_RANGE_MINMAX : kind, &a, &b);
    lo[root] = fmin(lo[root], a);
    hi[root] = fmax(hi[root], b);
  }
  for (eao_vid v = 0; v < g->n_value; v++) params_of(lo[v], hi[v], &p->scale[v], &p->zero[v]);
  for (eao_nid i = 0; i < g->n_node; i++) {
    if (!p->integer[i]) continue;
    eao_vid root = eao_ptq_shared(p, g->node[i].out[0]);
    if (root == g->node[i].out[0]) fixed_params(g->node[i].op, &p->scale[root], &p->zero[root]);
  }
  eao_free(g->ctx, lo);
  eao_free(g->ctx, hi);
  eao_free(g->ctx, exposed);
  return EAO_OK;
}
