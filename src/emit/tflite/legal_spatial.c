/* Convolution and pooling: channels last, TFLite's weight layouts, SAME or VALID padding. */
#include <math.h>
#include <string.h>

#include "emit/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/conv.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/move.h"
#include "kernel/ref/slice.h"

/* The spatial part of an op, in one form: n axes, the first is axis 1 of the channels-last value.
 */
typedef struct window {
  int32_t n;
  int64_t kernel[3], stride[3], dilation[3], begin[3], end[3];
  int64_t in[3], out[3]; /* extents; -1: unknown */
  bool same, valid;      /* the padding is TFLite's SAME / none */
} window;

static int64_t at(const eao_ints *list, int32_t i, int64_t def) {
  return i < list->n ? list->v[i] : def;
}

/* Axis of spatial dimension d in a tensor of this layout. */
static int32_t axis_of(int32_t layout, int32_t d) {
  return layout == EAO_LAYOUT_CHANNELS_FIRST ? d + 2 : d + 1;
}

/* Explicit pads from auto_pad, or from what makes the output as large as it is (ceil_mode). */
static eao_status window_init(eao_tfe *e, window *w, const eao_node *n, int32_t layout,
                              int32_t auto_pad, const eao_ints *strides, const eao_ints *dilations,
                              const eao_ints *pads, const int64_t *kernel) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *y = eao_tfe_type(e, n->out[0]);
  w->n = x->rank - 2;
  if (x->rank < 3 || x->rank > 5 || y->rank != x->rank)
    return eao_tfe_fail(e, "its input has an unknown rank, or one that is not 3 to 5");
  w->valid = true;
  w->same = true;
  for (int32_t d = 0; d < w->n; d++) {
    int64_t s = w->stride[d] = at(strides, d, 1), l = w->dilation[d] = at(dilations, d, 1);
    int64_t in = w->in[d] = x->dim[axis_of(layout, d)];
    int64_t out = w->out[d] = y->dim[axis_of(layout, d)];
    w->kernel[d] = kernel[d];
    int64_t reach = (kernel[d] - 1) * l + 1;
    int64_t need = in < 0 ? -1 : ((in + s - 1) / s - 1) * s + reach - in;
    if (need < 0 && in >= 0) need = 0;
    w->begin[d] = auto_pad == EAO_PAD_EXPLICIT ? at(pads, d, 0) : 0;
    w->end[d] = auto_pad == EAO_PAD_EXPLICIT ? at(pads, w->n + d, 0) : 0;
    if (auto_pad == EAO_PAD_SAME_LOWER) {
      if (need < 0) return eao_tfe_fail(e, "its padding depends on an unknown extent");
      w->begin[d] = need - need / 2;
      w->end[d] = need / 2;
    }
    if (auto_pad == EAO_PAD_SAME_UPPER && need >= 0) {
      w->begin[d] = need / 2;
      w->end[d] = need - need / 2;
    }
    if (in >= 0 && out >= 0 && auto_pad == EAO_PAD_EXPLICIT) { /* ceil_mode reaches further */
      int64_t last = (out - 1) * s + reach - in - w->begin[d];
      if (last > w->end[d]) w->end[d] = last;
    }
    if (w->begin[d] || w->end[d]) w->valid = false;
    if (auto_pad == EAO_PAD_SAME_UPPER) continue;
    if (need < 0 || w->begin[d] != need / 2 || w->end[d] != need - need / 2) w->same = false;
  }
  if (auto_pad == EAO_PAD_SAME_UPPER) w->valid = false;
  return EAO_OK;
}

/* x with explicit padding unless the window is SAME or VALID; value < 0: the lowest there is. */
static eao_status pad_input(eao_tfe *e, const window *w, double value, eao_vid x, eao_vid *out,
                            int32_t *out_auto_pad) {
  int32_t list[2 * EAO_MAX_RANK] = {0};
  eao_vid in[3] = {x};
  *out = x;
  *out_auto_pad = w->valid ? EAO_PAD_VALID : EAO_PAD_SAME_UPPER;
  if (w->valid || w->same) return EAO_OK;
  *out_auto_pad = EAO_PAD_VALID;
  for (int32_t d = 0; d < w->n; d++) {
    list[2 * (d + 1)] = (int32_t)w->begin[d];
    list[2 * (d + 1) + 1] = (int32_t)w->end[d];
  }
  eao_tensor pads = {.dtype = EAO_I32, .rank = 2, .dim = {w->n + 2, 2}}, t = e->to->value[x].t;
  pads.data = eao_arena_dup(&e->to->arena, list, (size_t)(w->n + 2) * 8);
  if (!pads.data) return EAO_NOMEM(e->ctx);
  EAO_TRY(eao_graph_add_value(e->to, "", &pads, &in[1]));
  if (value != 0) {
    eao_tensor v = {.dtype = t.dtype, .rank = 0, .quant = t.quant};
    v.data = eao_arena_alloc(&e->to->arena, 8);
    if (!v.data) return EAO_NOMEM(e->ctx);
    if (eao_dtype_is_float(t.dtype))
      eao_set_f64(&v, 0, -INFINITY);
    else
      eao_set_i64(&v, 0, eao_dtype_min(t.dtype));
    EAO_TRY(eao_graph_add_value(e->to, "", &v, &in[2]));
  }
  t.rank = -1;
  EAO_TRY(eao_graph_add_value(e->to, "", &t, out));
  return eao_tfe_node(e, EAO_OP_pad, NULL, in, value != 0 ? 3 : 2, out, 1);
}

static eao_ints ints(int32_t n, const int64_t *v) {
  eao_ints l = {.n = n};
  memcpy(l.v, v, (size_t)n * sizeof *v);
  return l;
}

static eao_status input_last(eao_tfe *e, eao_vid v, int32_t layout, eao_vid *out) {
  return layout == EAO_LAYOUT_CHANNELS_FIRST ? eao_tfe_last(e, v, out) : eao_tfe_plain(e, v, out);
}

/* A new axis of extent 1 after the batch (TFLite has no 1-D spatial ops), or without it again. */
static eao_status add_axis(eao_tfe *e, eao_vid v, bool drop, eao_vid out) {
  int64_t one = 1;
  eao_vid axis;
  EAO_TRY(eao_tfe_i32(e, &one, 1, &axis));
  return eao_tfe_binary(e, drop ? EAO_OP_squeeze : EAO_OP_unsqueeze, v, axis, out);
}

static eao_status widen(eao_tfe *e, eao_vid v, eao_vid *out) {
  eao_tensor t = e->to->value[v].t;
  t.rank = -1;
  EAO_TRY(eao_graph_add_value(e->to, "", &t, out));
  return add_axis(e, v, false, *out);
}

static void widen_window(window *w) {
  for (int32_t d = w->n; d > 0; d--) {
    w->kernel[d] = w->kernel[d - 1];
    w->stride[d] = w->stride[d - 1];
    w->dilation[d] = w->dilation[d - 1];
    w->begin[d] = w->begin[d - 1];
    w->end[d] = w->end[d - 1];
  }
  w->kernel[0] = w->stride[0] = w->dilation[0] = 1;
  w->begin[0] = w->end[0] = 0;
  w->n++;
}

/* After a spatial node: drop the extra axis, apply the activation, store in the right layout.
 * before: what the node must write to. */
typedef struct tail {
  bool narrow, act;
  eao_vid before, mid, out;
} tail;

static eao_status tail_init(eao_tfe *e, tail *t, const eao_node *n, int32_t layout, bool narrow,
                            const eao_act *a) {
  t->narrow = narrow;
  t->act = !eao_tfe_act_fits(a);
  EAO_TRY(eao_tfe_out(e, n->out[0], layout == EAO_LAYOUT_CHANNELS_FIRST, &t->out));
  t->before = t->mid = t->out;
  if (t->act) EAO_TRY(eao_tfe_temp(e, n->out[0], &t->mid));
  t->before = t->mid;
  return narrow ? eao_tfe_temp(e, n->out[0], &t->before) : EAO_OK;
}

static eao_status tail_finish(eao_tfe *e, const tail *t, const eao_act *a) {
  if (t->narrow) EAO_TRY(add_axis(e, t->before, true, t->mid));
  return t->act ? eao_tfe_act(e, a, t->mid, t->out) : EAO_OK;
}

/* ---- convolution ---- */

/* Weights as OKI or, for one input channel a group, as 1KO. */
static eao_status conv_weights(eao_tfe *e, const eao_conv_attr *a, const eao_node *n,
                               bool depthwise, eao_vid *out) {
  const eao_tensor *w = eao_tfe_type(e, n->in[1]);
  int32_t perm[EAO_MAX_RANK], k = w->rank - 2;
  EAO_TRY(eao_tfe_plain(e, n->in[1], out));
  if (a->w_layout == EAO_WLAYOUT_1KO) return EAO_OK;
  bool oki = a->w_layout == EAO_WLAYOUT_OKI;
  if (oki && !depthwise) return EAO_OK;
  /* Source axes of O, I and the spatial ones. */
  int32_t o = 0, i = oki ? w->rank - 1 : 1, s = oki ? 1 : 2;
  perm[0] = depthwise ? i : o;
  for (int32_t d = 0; d < k; d++) perm[1 + d] = s + d;
  perm[w->rank - 1] = depthwise ? o : i;
  return eao_tfe_permute(e, *out, perm, w->rank, out);
}

/* LiteRT's convolutions want a bias: zeros where there is none. */
static eao_status bias(eao_tfe *e, const eao_node *n, int64_t outputs, eao_vid *out) {
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *w = eao_tfe_type(e, n->in[1]);
  if (n->n_in > 2 && n->in[2] != EAO_NONE) return eao_tfe_plain(e, n->in[2], out);
  eao_tensor t = {.dtype = x->dtype, .rank = 1, .dim = {outputs}};
  if (outputs < 0) return eao_tfe_fail(e, "an unknown number of outputs");
  if (x->quant.n == 1 && w->quant.n) {
    float *scale = eao_arena_array(&e->to->arena, (uint64_t)w->quant.n, sizeof *scale);
    if (!scale) return EAO_NOMEM(e->ctx);
    for (int32_t i = 0; i < w->quant.n; i++) scale[i] = x->quant.scale[0] * w->quant.scale[i];
    t.dtype = EAO_I32;
    t.quant = (eao_quant){w->quant.axis < 0 ? -1 : 0, w->quant.n, scale, NULL};
  }
  t.data = eao_arena_array(&e->to->arena, (uint64_t)outputs + 1, 8);
  if (!t.data) return EAO_NOMEM(e->ctx);
  return eao_graph_add_value(e->to, "", &t, out);
}

/* LiteRT quantises a float input under integer weights; where the node does not, they are
 * dequantised first. */
static eao_status real_weights(eao_tfe *e, const eao_node *n, int32_t hybrid, eao_vid *w) {
  eao_vid in = *w;
  if (hybrid || !e->to->value[in].t.quant.n || eao_tfe_type(e, n->in[0])->dtype != EAO_F32)
    return EAO_OK;
  EAO_TRY(eao_tfe_temp_of(e, EAO_F32, w));
  return eao_tfe_unary(e, EAO_OP_dequantize, NULL, in, *w);
}

static eao_status fully_connected(eao_tfe *e, const eao_node *n) {
  const eao_fully_connected_attr *a = n->attr;
  if (a->hybrid || !eao_tfe_type(e, n->in[1])->quant.n ||
      eao_tfe_type(e, n->in[0])->dtype != EAO_F32)
    return eao_tfe_copy(e, n);
  eao_vid in[3], out;
  EAO_TRY(eao_tfe_plain(e, n->in[0], &in[0]));
  EAO_TRY(eao_tfe_plain(e, n->in[1], &in[1]));
  EAO_TRY(eao_tfe_plain(e, n->n_in > 2 ? n->in[2] : EAO_NONE, &in[2]));
  EAO_TRY(real_weights(e, n, a->hybrid, &in[1]));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  return eao_tfe_node(e, EAO_OP_fully_connected, a, in, n->n_in, &out, 1);
}

static eao_status conv(eao_tfe *e, const eao_node *n) {
  const eao_conv_attr *a = n->attr;
  const eao_tensor *w = eao_tfe_type(e, n->in[1]);
  eao_conv_attr r = {
      .layout = EAO_LAYOUT_CHANNELS_LAST, .w_layout = EAO_WLAYOUT_OKI, .group = a->group};
  window win;
  tail t;
  eao_vid in[3];
  int64_t kernel[3];
  if (w->rank < 3 || w->rank > 5) return eao_tfe_fail(e, "its weights are of rank %d", w->rank);
  int32_t first = a->w_layout == EAO_WLAYOUT_OIK ? 2 : 1;
  int32_t i_axis = a->w_layout == EAO_WLAYOUT_OIK ? 1 : w->rank - 1;
  for (int32_t d = 0; d < w->rank - 2; d++) kernel[d] = w->dim[first + d];
  EAO_TRY(window_init(e, &win, n, a->layout, a->auto_pad, &a->strides, &a->dilations, &a->pads,
                      kernel));
  bool one_dim = win.n == 1;
  bool depthwise =
      a->w_layout == EAO_WLAYOUT_1KO || (win.n < 3 && a->group > 1 && w->dim[i_axis] == 1);
  EAO_TRY(input_last(e, n->in[0], a->layout, &in[0]));
  EAO_TRY(conv_weights(e, a, n, depthwise, &in[1]));
  int32_t o_axis = a->w_layout == EAO_WLAYOUT_1KO ? w->rank - 1 : 0;
  EAO_TRY(bias(e, n, w->dim[o_axis], &in[2]));
  EAO_TRY(tail_init(e, &t, n, a->layout, one_dim, &a->act));
  if (one_dim) {
    eao_tensor wt = e->to->value[in[1]].t;
    int64_t dim[4] = {wt.dim[0], 1, wt.dim[1], wt.dim[2]};
    EAO_TRY(eao_tfe_reshape(e, in[1], dim, 4, &in[1]));
    eao_quant *q = &e->to->value[in[1]].t.quant;
    if (q->n && q->axis > 0) q->axis++;
    EAO_TRY(widen(e, in[0], &in[0]));
    widen_window(&win);
  }
  if (win.n == 3 && (a->group != 1 || !w->data || w->quant.n)) /* the file has them as DHWIO */
    return eao_tfe_fail(e, "a 3-D convolution in groups, or whose weights are not float constants");
  EAO_TRY(real_weights(e, n, a->hybrid, &in[1]));
  EAO_TRY(pad_input(e, &win, 0, in[0], &in[0], &r.auto_pad));
  r.w_layout = depthwise ? EAO_WLAYOUT_1KO : EAO_WLAYOUT_OKI;
  r.strides = ints(win.n, win.stride);
  r.dilations = ints(win.n, win.dilation);
  if (!t.act) r.act = a->act;
  EAO_TRY(eao_tfe_node(e, EAO_OP_conv, &r, in, 3, &t.before, 1));
  return tail_finish(e, &t, &a->act);
}

/* TRANSPOSE_CONV knows SAME and VALID. Other pads: compute all with VALID, then cut. */
static eao_status conv_transpose(eao_tfe *e, const eao_node *n) {
  const eao_conv_transpose_attr *a = n->attr;
  const eao_tensor *w = eao_tfe_type(e, n->in[1]), *y = eao_tfe_type(e, n->out[0]);
  const eao_tensor *x = eao_tfe_type(e, n->in[0]);
  eao_conv_transpose_attr r = {.layout = EAO_LAYOUT_CHANNELS_LAST,
                               .w_layout = EAO_WLAYOUT_OKI,
                               .auto_pad = EAO_PAD_VALID,
                               .group = 1};
  eao_vid in[3], whole;
  if (w->rank != 4 || x->rank != 4 || y->rank != 4 || a->group != 1)
    return eao_tfe_fail(e, "only 2-D transposed convolutions of one group are possible");
  static const int32_t from_iok[] = {1, 2, 3, 0}, from_oik[] = {0, 2, 3, 1}, as_is[] = {0, 1, 2, 3};
  const int32_t *perm = a->w_layout == EAO_WLAYOUT_IOK   ? from_iok
                        : a->w_layout == EAO_WLAYOUT_OIK ? from_oik
                                                         : as_is;
  int64_t full[4] = {x->dim[0], 0, 0, w->dim[perm[0]]}, start[4] = {0}, stop[4];
  bool same = true, valid = true;
  for (int32_t d = 0; d < 2; d++) {
    int64_t s = at(&a->strides, d, 1), k = w->dim[perm[d + 1]];
    int64_t i = x->dim[axis_of(a->layout, d)], o = y->dim[axis_of(a->layout, d)];
    if (at(&a->dilations, d, 1) != 1 || i < 1 || o < 1)
      return eao_tfe_fail(e, "it is dilated or its extents are not known or 0");
    int64_t begin = a->pads.n ? a->pads.v[d] : 0, total = ((o + s - 1) / s - 1) * s + k - o;
    if (total < 0) total = 0;
    if (a->auto_pad != EAO_PAD_EXPLICIT || (a->output_shape.n && !a->pads.n)) {
      int64_t pad = (i - 1) * s + k - o;
      begin = pad <= 0 ? 0 : a->auto_pad == EAO_PAD_SAME_UPPER ? pad / 2 : pad - pad / 2;
      if (a->auto_pad == EAO_PAD_VALID) begin = 0;
    }
    r.strides.v[d] = s;
    full[d + 1] = (i - 1) * s + k > begin + o ? (i - 1) * s + k : begin + o;
    start[d + 1] = begin;
    same = same && total / 2 == begin && (o + s - 1) / s == i;
    valid = valid && begin == 0 && full[d + 1] == o;
    stop[d + 1] = begin + o;
  }
  stop[0] = full[0];
  stop[3] = full[3];
  r.strides.n = 2;
  if (same && !valid) r.auto_pad = EAO_PAD_SAME_UPPER;
  EAO_TRY(input_last(e, n->in[0], a->layout, &in[0]));
  EAO_TRY(eao_tfe_plain(e, n->in[1], &in[1]));
  EAO_TRY(eao_tfe_permute(e, in[1], perm, 4, &in[1]));
  EAO_TRY(real_weights(e, n, a->hybrid, &in[1]));
  EAO_TRY(eao_tfe_plain(e, n->n_in > 2 ? n->in[2] : EAO_NONE, &in[2]));
  tail t;
  EAO_TRY(tail_init(e, &t, n, a->layout, false, &a->act));
  if (!t.act) r.act = a->act;
  bool cut = !same && !valid;
  whole = t.before;
  if (cut) EAO_TRY(eao_tfe_temp(e, n->out[0], &whole));
  /* What infer cannot know of the op's rule, the explicit attributes say. */
  r.pads = (eao_ints){.n = 4};
  r.output_padding = (eao_ints){.n = 2};
  for (int32_t d = 0; d < 2; d++) {
    int64_t i = x->dim[axis_of(a->layout, d)], s = r.strides.v[d], k = w->dim[perm[d + 1]];
    int64_t begin = same && !valid ? start[d + 1] : 0;
    int64_t o = cut || valid ? full[d + 1] : y->dim[axis_of(a->layout, d)];
    int64_t end = (i - 1) * s + k - begin - o;
    r.pads.v[d] = begin;
    r.pads.v[2 + d] = end > 0 ? end : 0;
    r.output_padding.v[d] = end < 0 ? -end : 0;
  }
  EAO_TRY(eao_tfe_node(e, EAO_OP_conv_transpose, &r, in, in[2] == EAO_NONE ? 2 : 3, &whole, 1));
  e->to->node[e->to->n_node - 1].name = e->node->name;
  if (cut) {
    eao_strided_slice_attr sl = {.begin_mask = 9, .end_mask = 9};
    int64_t ones[4] = {1, 1, 1, 1};
    eao_vid list[4] = {whole};
    EAO_TRY(eao_tfe_i32(e, start, 4, &list[1]));
    EAO_TRY(eao_tfe_i32(e, stop, 4, &list[2]));
    EAO_TRY(eao_tfe_i32(e, ones, 4, &list[3]));
    EAO_TRY(eao_tfe_node(e, EAO_OP_strided_slice, &sl, list, 4, &t.before, 1));
  }
  return tail_finish(e, &t, &a->act);
}

/* ---- pooling ---- */

/* VALID pooling of a zero-padded input divides by the whole kernel: what count_include_pad = 0 or
 * ceil_mode want instead differs per position, by a constant factor. */
static eao_status correction(eao_tfe *e, const eao_pool_attr *a, const window *w, eao_dtype dtype,
                             eao_vid *out) {
  eao_tensor t = {.dtype = dtype, .rank = w->n + 2, .dim = {1}};
  int64_t total = 1;
  *out = EAO_NONE;
  for (int32_t d = 0; d < w->n; d++) {
    if (w->in[d] < 0 || w->out[d] < 0) return eao_tfe_fail(e, "its extents are not known");
    t.dim[d + 1] = w->out[d];
    total *= w->out[d];
  }
  t.dim[w->n + 1] = 1;
  t.data = eao_arena_alloc(&e->to->arena, (size_t)total * 8);
  if (!t.data) return EAO_NOMEM(e->ctx);
  bool needed = false;
  for (int64_t i = 0; i < total; i++) {
    double f = 1;
    for (int64_t d = w->n - 1, rest = i; d >= 0; d--) {
      int64_t o = rest % w->out[d], start = o * w->stride[d] - w->begin[d], count = 0;
      rest /= w->out[d];
      int64_t lo = a->count_include_pad ? -at(&a->pads, (int32_t)d, 0) : 0;
      int64_t hi = w->in[d] + (a->count_include_pad ? at(&a->pads, w->n + (int32_t)d, 0) : 0);
      for (int64_t k = 0; k < w->kernel[d]; k++) count += start + k >= lo && start + k < hi;
      f *= (double)w->kernel[d] / (double)(count ? count : 1);
    }
    needed = needed || f != 1;
    eao_set_f64(&t, i, f);
  }
  return needed ? eao_graph_add_value(e->to, "", &t, out) : EAO_OK;
}

static eao_status pool(eao_tfe *e, const eao_node *n) {
  const eao_pool_attr *a = n->attr;
  eao_pool_attr r = {.layout = EAO_LAYOUT_CHANNELS_LAST};
  bool max = n->op == EAO_OP_max_pool;
  window w;
  tail t;
  eao_vid x, factor = EAO_NONE, y;
  if (n->n_out > 1 && n->out[1] != EAO_NONE) return eao_tfe_fail(e, "its index output");
  EAO_TRY(window_init(e, &w, n, a->layout, a->auto_pad, &a->strides, &a->dilations, &a->pads,
                      a->kernel.v));
  if (w.n > 2) return eao_tfe_fail(e, "3-D pooling");
  for (int32_t d = 0; d < w.n; d++)
    if (w.dilation[d] != 1) return eao_tfe_fail(e, "dilated pooling");
  EAO_TRY(input_last(e, n->in[0], a->layout, &x));
  const eao_tensor *type = eao_tfe_type(e, n->in[0]);
  /* SAME pooling leaves the padding out of the mean, as count_include_pad = 0 does. */
  bool as_same = w.same && !w.valid && !a->count_include_pad;
  if (!max && !w.valid && !as_same) {
    w.same = false;
    if (!eao_dtype_is_float(type->dtype)) return eao_tfe_fail(e, "padded quantised mean pooling");
    EAO_TRY(correction(e, a, &w, type->dtype, &factor));
  }
  bool one_dim = w.n == 1;
  EAO_TRY(tail_init(e, &t, n, a->layout, one_dim, &a->act));
  if (one_dim) {
    EAO_TRY(widen(e, x, &x));
    if (factor != EAO_NONE) {
      int64_t dim[4] = {1, 1, w.out[0], 1};
      EAO_TRY(eao_tfe_reshape(e, factor, dim, 4, &factor));
    }
    widen_window(&w);
  }
  EAO_TRY(pad_input(e, &w, max ? -1 : 0, x, &x, &r.auto_pad));
  r.kernel = ints(w.n, w.kernel);
  r.strides = ints(w.n, w.stride);
  if (!t.act && factor == EAO_NONE) r.act = a->act;
  y = t.before;
  if (factor != EAO_NONE) EAO_TRY(eao_tfe_temp(e, n->out[0], &y));
  EAO_TRY(eao_tfe_unary(e, n->op, &r, x, y));
  if (factor != EAO_NONE) {
    if (a->act.kind != EAO_ACT_NONE)
      return eao_tfe_fail(e, "padded mean pooling with an activation");
    EAO_TRY(eao_tfe_binary(e, EAO_OP_mul, y, factor, t.before));
  }
  return tail_finish(e, &t, &a->act);
}

eao_tfe_fn eao_tfe_find_spatial(uint16_t op) {
  switch (op) {
  case EAO_OP_conv: return conv;
  case EAO_OP_fully_connected: return fully_connected;
  case EAO_OP_conv_transpose: return conv_transpose;
  case EAO_OP_avg_pool:
  case EAO_OP_max_pool: return pool;
  default: return NULL;
  }
}
