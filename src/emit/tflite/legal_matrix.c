/* What is linear along an axis and has no operator: resizing in ways that TFLite does not know, and
 * Fourier transforms, as products with constant matrices. */
#include <math.h>
#include <string.h>

#include "emit/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/matmul.h"
#include "kernel/ref/move.h"
#include "kernel/ref/resize.h"
#include "kernel/ref/signal.h"

enum { MATRIX_MAX = 1 << 24 };

/* An f32 constant of rows x cols to be filled in. */
static eao_status matrix(eao_tfe *e, int64_t rows, int64_t cols, float **out_data, eao_vid *out) {
  eao_tensor t = {.dtype = EAO_F32, .rank = 2, .dim = {rows, cols}};
  if (rows < 1 || cols < 1 || rows > MATRIX_MAX / cols)
    return eao_tfe_fail(e, "a matrix of %lld x %lld", (long long)rows, (long long)cols);
  t.data = *out_data = eao_arena_array(&e->to->arena, (uint64_t)(rows * cols), sizeof(float));
  if (!t.data) return EAO_NOMEM(e->ctx);
  return eao_graph_add_value(e->to, "", &t, out);
}

/* y[..., rows] = matrix x[..., cols] */
static eao_status product(eao_tfe *e, eao_vid x, eao_vid m, eao_vid *out) {
  eao_fully_connected_attr fc = {.keep_dims = 1};
  EAO_TRY(eao_tfe_temp_of(e, EAO_F32, out));
  return eao_tfe_node(e, EAO_OP_fully_connected, &fc, (eao_vid[]){x, m}, 2, out, 1);
}

static bool known(const eao_tensor *t) {
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 0) return false;
  return t->rank >= 0;
}

/* ---- resize ---- */

/* Axis d of v (in its plain form) resized. */
static eao_status resize_axis(eao_tfe *e, const eao_resize_plan *p, const eao_kcall *c, int32_t d,
                              eao_vid v, eao_vid *out) {
  int64_t taps = eao_resize_tap_count(p, c, d), to = p->out[d], from = c->in[0]->dim[d];
  int32_t rank = c->in[0]->rank, perm[EAO_MAX_RANK];
  float *m;
  eao_vid w, t, y;
  EAO_TRY(matrix(e, to, from, &m, &w));
  eao_resize_tap *tap = eao_alloc(e->ctx, (size_t)(to * taps) * sizeof *tap);
  if (!tap) return EAO_NOMEM(e->ctx);
  eao_resize_taps(p, c, d, tap);
  bool outside = false;
  for (int64_t i = 0; i < to * taps; i++) {
    outside = outside || tap[i].index < 0;
    if (tap[i].index >= 0) m[i / taps * from + tap[i].index] += (float)tap[i].weight;
  }
  eao_free(e->ctx, tap);
  if (outside) return eao_tfe_fail(e, "resizing beyond the image");
  for (int32_t i = 0; i < rank; i++) perm[i] = i;
  perm[d] = rank - 1;
  perm[rank - 1] = d;
  EAO_TRY(eao_tfe_permute(e, v, perm, rank, &t));
  EAO_TRY(product(e, t, w, &y));
  return eao_tfe_permute(e, y, perm, rank, out);
}

eao_status eao_tfe_resize_by_matrix(eao_tfe *e, const eao_node *n) {
  const eao_tensor *in[4] = {NULL, NULL, NULL, NULL}, *x = eao_tfe_type(e, n->in[0]);
  eao_resize_plan p;
  eao_vid v, out;
  for (uint32_t i = 0; i < n->n_in && i < 4; i++)
    if (n->in[i] != EAO_NONE) in[i] = eao_tfe_type(e, n->in[i]);
  for (uint32_t i = 1; i < 4; i++)
    if (in[i] && !in[i]->data) return eao_tfe_fail(e, "a size that is computed");
  if (!known(x) || x->dtype != EAO_F32)
    return eao_tfe_fail(e, "this way of resizing, but for f32 of a known shape");
  eao_kcall c = {.in = in, .n_in = 4, .attr = n->attr};
  const char *why = eao_resize_plan_call(&p, &c);
  if (why) return eao_tfe_fail(e, "%s", why);
  EAO_TRY(eao_tfe_plain(e, n->in[0], &v));
  for (int32_t d = 0; d < x->rank; d++)
    if (!eao_resize_is_identity(&p, &c, d)) EAO_TRY(resize_axis(e, &p, &c, d, v, &v));
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  eao_vid shape;
  EAO_TRY(eao_tfe_i32(e, p.out, x->rank, &shape));
  return eao_tfe_binary(e, EAO_OP_reshape, v, shape, out);
}

/* ---- Fourier transforms ---- */

/* Rows: results (real and imaginary parts in turn), columns: inputs (of one or two parts). */
static void fill_dft(float *m, int64_t bins, int64_t used, int64_t parts, int64_t points,
                     bool inverse) {
  static const double pi = 3.14159265358979323846;
  int64_t cols = used * parts;
  for (int64_t k = 0; k < bins; k++)
    for (int64_t i = 0; i < used; i++) {
      double turn = 2 * pi * (double)(k * i % points) / (double)points;
      double re = cos(turn), im = inverse ? sin(turn) : -sin(turn),
             by = inverse ? (double)points : 1;
      float *r = m + 2 * k * cols + i * parts, *q = r + cols;
      r[0] = (float)(re / by);
      q[0] = (float)(im / by);
      if (parts == 2) {
        r[1] = (float)(-im / by);
        q[1] = (float)(re / by);
      }
    }
}

static eao_status dft(eao_tfe *e, const eao_node *n) {
  const eao_dft_attr *a = n->attr;
  const eao_tensor *x = eao_tfe_type(e, n->in[0]), *y = eao_tfe_type(e, n->out[0]);
  int64_t one[1], dim[EAO_MAX_RANK];
  int32_t count, perm[EAO_MAX_RANK], rank = x->rank, axis = rank - 2;
  if (!known(x) || !known(y) || rank < 2 || x->dtype != EAO_F32 || (a->inverse && a->onesided))
    return eao_tfe_fail(e, "this transform, or one of unknown extents");
  if (n->n_in > 2 && n->in[2] != EAO_NONE) {
    EAO_TRY(eao_tfe_list(e, "the axis", n->in[2], one, 1, &count));
    axis = (int32_t)(one[0] < 0 ? one[0] + rank : one[0]);
  }
  int64_t points = x->dim[axis], parts = x->dim[rank - 1];
  if (n->n_in > 1 && n->in[1] != EAO_NONE) {
    EAO_TRY(eao_tfe_list(e, "the length", n->in[1], one, 1, &count));
    points = one[0];
  }
  int64_t used = x->dim[axis] < points ? x->dim[axis] : points, bins = y->dim[axis];
  float *m;
  eao_vid v, w, t, out;
  if (points < 1 || used != x->dim[axis]) return eao_tfe_fail(e, "a cut signal");
  EAO_TRY(matrix(e, 2 * bins, used * parts, &m, &w));
  fill_dft(m, bins, used, parts, points, a->inverse != 0);
  EAO_TRY(eao_tfe_plain(e, n->in[0], &v));
  for (int32_t i = 0; i < rank; i++) perm[i] = i;
  perm[axis] = rank - 2;
  perm[rank - 2] = axis;
  EAO_TRY(eao_tfe_permute(e, v, perm, rank, &v));
  for (int32_t i = 0; i < rank - 2; i++) dim[i] = x->dim[perm[i]];
  dim[rank - 2] = used * parts;
  EAO_TRY(eao_tfe_reshape(e, v, dim, rank - 1, &v));
  EAO_TRY(product(e, v, w, &t));
  dim[rank - 2] = bins;
  dim[rank - 1] = 2;
  EAO_TRY(eao_tfe_out(e, n->out[0], false, &out));
  eao_vid list, mid = out;
  bool turn = axis != rank - 2;
  EAO_TRY(eao_tfe_i32(e, dim, rank, &list));
  if (turn) EAO_TRY(eao_tfe_temp_of(e, EAO_F32, &mid));
  EAO_TRY(eao_tfe_binary(e, EAO_OP_reshape, t, list, mid));
  if (!turn) return EAO_OK;
  eao_transpose_attr back = {{.n = rank}};
  for (int32_t i = 0; i < rank; i++) back.perm.v[i] = perm[i];
  return eao_tfe_unary(e, EAO_OP_transpose, &back, mid, out);
}

eao_tfe_fn eao_tfe_find_matrix(uint16_t op) {
  return op == EAO_OP_dft ? dft : NULL;
}
