/* Steps that work row by row, and how a chain of them runs in bands of rows.
 *
 * "Rows" are the indices of axis 1 (H of N H W C, W of N W C, time of N T C) of tensors whose axis
 * 0 has extent 1, so that some rows are one piece of memory. */
#include <string.h>

#include "kernel/ref/conv.h"
#include "kernel/ref/hybrid.h"
#include "kernel/ref/slice.h"
#include "op/op.h"
#include "plan/plan.h"

static bool has_rows(const eao_plan_tensor *t) {
  return t->t.rank >= 3 && t->t.dim[0] == 1 && t->t.dim[1] > 0 && t->bytes > 0 &&
         eao_dtype_bits(t->t.dtype) >= 8 && !(t->t.quant.n && t->t.quant.axis == 1) && !t->t.data;
}

static const eao_plan_tensor *io(const eao_plan *p, const eao_plan_step *s, uint32_t i) {
  return s->ref[i] == EAO_NONE ? NULL : &p->tensor[s->ref[i]];
}

/* Input k, counted by row axis: 1 rows as the output's, 0 taken whole, -1 not possible. */
static int rows_of_input(const eao_plan_tensor *in, const eao_plan_tensor *out) {
  if (!in) return 0;
  int32_t axis = 1 - (out->t.rank - in->t.rank); /* numpy broadcast: aligned at the end */
  int64_t extent = axis < 0 ? 1 : in->t.dim[axis];
  if (extent == 1 && out->t.dim[1] != 1) return 0;
  return axis == 1 && has_rows(in) && in->t.dim[1] == out->t.dim[1] ? 1 : -1;
}

static bool find_elementwise(const eao_plan *p, eao_plan_step *s) {
  const eao_plan_tensor *out = io(p, s, s->n_in);
  if (s->n_in > 32) return false;
  for (uint32_t i = 0; i < s->n_in; i++) {
    int r = rows_of_input(io(p, s, i), out);
    if (r < 0) return false;
    if (r) s->row_inputs |= 1u << i;
  }
  s->stride = s->window = 1;
  return s->row_inputs != 0;
}

/* Rows of a window op whose attributes the compiler has normalised. */
static bool find_window(const eao_plan *p, eao_plan_step *s, int32_t layout, int32_t auto_pad,
                        const eao_ints *kernel, const eao_ints *strides, const eao_ints *dilations,
                        const eao_ints *pads, size_t pads_at) {
  const eao_plan_tensor *x = io(p, s, 0), *y = io(p, s, s->n_in);
  int32_t n = x ? x->t.rank - 2 : 0;
  if (!x || !has_rows(x) || layout != EAO_LAYOUT_CHANNELS_LAST || auto_pad != EAO_PAD_EXPLICIT)
    return false;
  if (kernel->n != n || strides->n != n || dilations->n != n || pads->n != 2 * n) return false;
  /* A package may say anything here; in range, nothing below overflows. */
  const int64_t given[] = {kernel->v[0], strides->v[0], dilations->v[0],
                           pads->v[0],   pads->v[n],    y->t.dim[1]};
  for (size_t i = 0; i < EAO_COUNT(given); i++)
    if (given[i] < 0 || given[i] > INT32_MAX / 2) return false;
  int64_t window = (kernel->v[0] - 1) * dilations->v[0] + 1;
  int64_t need = (y->t.dim[1] - 1) * strides->v[0] + window;
  /* Ceil mode lets the last window hang over the padding; the divisor then depends on where. */
  if (need > x->t.dim[1] + pads->v[0] + pads->v[n]) return false;
  if (window > INT32_MAX || strides->v[0] > INT32_MAX || pads->v[0] >= window ||
      pads->v[n] >= window)
    return false;
  s->row_inputs = 1;
  s->stride = (int32_t)strides->v[0];
  s->window = (int32_t)window;
  s->pad_top = (int32_t)pads->v[0];
  s->pads = (uint32_t)pads_at;
  return true;
}

static bool find_concat(const eao_plan *p, eao_plan_step *s) {
  /* Along an axis after the rows every input has the output's rows. */
  const eao_plan_tensor *out = io(p, s, s->n_in);
  if (s->n_in > 32) return false;
  for (uint32_t i = 0; i < s->n_in; i++) {
    const eao_plan_tensor *in = io(p, s, i);
    if (!in || !has_rows(in) || in->t.rank != out->t.rank || in->t.dim[1] != out->t.dim[1])
      return false;
    s->row_inputs |= 1u << i;
  }
  s->stride = s->window = 1;
  /* Along the rows themselves the extents add up, so equal rows prove another axis but for one
   * input. */
  return s->n_in > 1;
}

/* Padding of the axes after the rows. */
static bool find_pad(const eao_plan *p, eao_plan_step *s) {
  const eao_plan_tensor *x = io(p, s, 0), *pads = io(p, s, 1);
  bool axes = s->n_in > 3 && s->ref[3] != EAO_NONE;
  int64_t b, e;
  if (!x || !has_rows(x) || !pads->t.data || axes) return false;
  if (eao_tensor_count(&pads->t) != 2 * (int64_t)x->t.rank) return false;
  for (int64_t i = 0; i < 2; i++) {
    eao_pad_entry(&pads->t, i, &b, &e);
    if (b || e) return false;
  }
  s->row_inputs = 1;
  s->stride = s->window = 1;
  return true;
}

/* A kernel that makes rows of its output out of an input that is there whole. */
static bool find_from_whole(const eao_plan *p, eao_plan_step *s) {
  (void)p;
  s->stride = s->window = 1;
  return true;
}

void eao_plan_find_rows(const eao_plan *p, eao_plan_step *s) {
  const eao_op_desc *d = eao_op_get(s->op);
  const eao_plan_tensor *out = s->n_out == 1 ? io(p, s, s->n_in) : NULL;
  if (s->n_out > 1) {
    for (uint32_t i = 1; i < s->n_out; i++)
      if (s->ref[s->n_in + i] != EAO_NONE) return;
    return; /* kernels with optional outputs: the runtime's stages take one output */
  }
  if (!out || !has_rows(out)) return;
  if (d->traits & EAO_TRAIT_ELEMENTWISE) {
    s->row_local = find_elementwise(p, s);
  } else if (s->op == EAO_OP_conv) {
    const eao_conv_attr *a = s->attr;
    /* Hybrid convolutions quantise the whole of x before they start. */
    s->row_local =
        !a->hybrid && find_window(p, s, a->layout, a->auto_pad, &a->kernel, &a->strides,
                                  &a->dilations, &a->pads, offsetof(eao_conv_attr, pads));
  } else if (s->op == EAO_OP_max_pool || s->op == EAO_OP_avg_pool) {
    const eao_pool_attr *a = s->attr;
    s->row_local = find_window(p, s, a->layout, a->auto_pad, &a->kernel, &a->strides, &a->dilations,
                               &a->pads, offsetof(eao_pool_attr, pads));
  } else if (s->op == EAO_OP_concat) {
    s->row_local = find_concat(p, s);
  } else if (s->op == EAO_OP_pad) {
    s->row_local = find_pad(p, s);
  } else if (s->kernel_flags & EAO_KFLAG_ROWS) {
    s->row_local = find_from_whole(p, s);
  }
  if (!s->row_local) s->row_inputs = 0;
}

/* ---- schedule ---- */

typedef struct maker {
  eao_plan *p;
  uint32_t first, n;
  uint32_t rows; /* of a band */
  eao_plan_stage_shape *shape;
  uint32_t base[EAO_PLAN_STAGE_MAX], made[EAO_PLAN_STAGE_MAX];
} maker;

static const eao_plan_step *step_at(const maker *m, uint32_t i) {
  return &m->p->step[m->first + i];
}

static int64_t height(const maker *m, uint32_t i) {
  const eao_plan_step *s = step_at(m, i);
  return m->p->tensor[s->ref[s->n_in]].t.dim[1];
}

/* Step of the stage that makes tensor t; n when none does. */
static uint32_t source(const maker *m, uint32_t t) {
  for (uint32_t i = 0; i < m->n; i++)
    if (step_at(m, i)->ref[step_at(m, i)->n_in] == t) return i;
  return m->n;
}

/* First row of step l's output that a later band still reads. */
static uint32_t first_needed(const maker *m, uint32_t l) {
  uint32_t tensor = step_at(m, l)->ref[step_at(m, l)->n_in];
  int64_t keep = m->made[l];
  for (uint32_t c = l + 1; c < m->n; c++) {
    const eao_plan_step *s = step_at(m, c);
    if (m->made[c] >= height(m, c)) continue;
    for (uint32_t i = 0; i < s->n_in; i++) {
      if (s->ref[i] != tensor) continue;
      int64_t row = (int64_t)m->made[c] * s->stride - s->pad_top;
      if (row < keep) keep = row < 0 ? 0 : row;
    }
  }
  return (uint32_t)keep;
}

static eao_status emit(maker *m, uint32_t l, uint32_t rows) {
  eao_plan *p = m->p;
  EAO_TRY(eao_grow(p->ctx, (void **)&p->band, &p->cap_band, p->n_band + 1, sizeof *p->band));
  eao_plan_band b = {.step = (uint16_t)l, .rows = (uint16_t)rows};
  if (!m->shape->whole[l]) {
    uint32_t keep = first_needed(m, l);
    if (keep > m->base[l]) {
      b.drop = keep - m->base[l];
      m->base[l] = keep;
      const eao_plan_tensor *t = &p->tensor[step_at(m, l)->ref[step_at(m, l)->n_in]];
      m->shape->moved_bytes += t->bytes / (uint64_t)t->t.dim[1] * (m->made[l] - keep);
    }
  }
  m->made[l] += rows;
  uint32_t *cap = &m->shape->rows[l];
  if (m->made[l] - m->base[l] > *cap) *cap = m->made[l] - m->base[l];
  p->band[p->n_band++] = b;
  return EAO_OK;
}

/* Makes bands of step l until `upto` rows are there, each as late as possible. */
static eao_status make(maker *m, uint32_t l, int64_t upto) {
  const eao_plan_step *s = step_at(m, l);
  while (m->made[l] < upto) {
    int64_t left = height(m, l) - m->made[l], rows = left < m->rows ? left : m->rows;
    int64_t lo = (int64_t)m->made[l] * s->stride - s->pad_top;
    int64_t hi = lo + (rows - 1) * s->stride + s->window;
    for (uint32_t i = 0; i < s->n_in; i++) {
      if (!(s->row_inputs >> i & 1)) continue;
      int64_t h = m->p->tensor[s->ref[i]].t.dim[1], end = hi > h ? h : hi;
      if ((lo < 0 ? 0 : lo) >= end) return EAO_ERR_UNSUPPORTED; /* a window of padding only */
      uint32_t src = source(m, s->ref[i]);
      if (src < l) EAO_TRY(make(m, src, end));
    }
    EAO_TRY(emit(m, l, (uint32_t)rows));
  }
  return EAO_OK;
}

eao_status eao_plan_schedule(eao_plan *p, uint32_t first, uint32_t n, uint32_t rows,
                             eao_plan_stage_shape *shape) {
  maker *m = eao_alloc(p->ctx, sizeof *m);
  if (!m) return EAO_NOMEM(p->ctx);
  *m = (maker){.p = p, .first = first, .n = n, .rows = rows, .shape = shape};
  memset(shape->rows, 0, sizeof shape->rows);
  shape->held_bytes = shape->moved_bytes = 0;
  eao_status s = EAO_OK;
  int64_t ticks = 1;
  for (uint32_t i = 0; i < n; i++)
    if (height(m, i) > ticks) ticks = height(m, i);
  /* Results that leave the stage grow in step with each other, so that none makes the rest wait
   * with all its rows. */
  for (int64_t t = 1; s == EAO_OK && t <= ticks; t++)
    for (uint32_t i = 0; s == EAO_OK && i < n; i++)
      if (shape->whole[i]) s = make(m, i, (height(m, i) * t + ticks - 1) / ticks);
  for (uint32_t i = 0; i < n; i++) {
    const eao_plan_tensor *t = &p->tensor[step_at(m, i)->ref[step_at(m, i)->n_in]];
    if (!shape->whole[i])
      shape->held_bytes += eao_plan_align(t->bytes / (uint64_t)t->t.dim[1] * shape->rows[i]);
  }
  eao_free(p->ctx, m);
  return s;
}
