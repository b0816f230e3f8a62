/* Boxes out of what detectors give. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "eval/tally.h"
#include "kernel/kernel.h"

enum { DETECTIONS_MAX = 1 << 20, CANDIDATES = 1000 };
static const float SCORE_MIN = 0.001F;

eao_status eval_boxes_add(eao_ctx *ctx, eval_boxes *b, const eao_box *box) {
  if (b->n >= DETECTIONS_MAX * 8u) return eao_fail(ctx, EAO_ERR_NOMEM, "too many boxes");
  EAO_TRY(eao_grow(ctx, (void **)&b->at, &b->cap, b->n + 1, sizeof *b->at));
  b->at[b->n++] = *box;
  return EAO_OK;
}

/* ---- where in the image a point of the input is ---- */

/* x_image = scale * x + offset, x in 0..1 of the input. */
typedef struct place {
  double scale_x, offset_x, scale_y, offset_y;
} place;

static void input_sides(const eao_tensor *in, double *out_h, double *out_w) {
  int32_t n = in->rank;
  bool last = n >= 3 && (in->dim[n - 1] == 3 || in->dim[n - 1] == 1);
  *out_h = n >= 3 ? (double)in->dim[last ? n - 3 : n - 2] : 1;
  *out_w = n >= 3 ? (double)in->dim[last ? n - 2 : n - 1] : 1;
}

static place place_of(const eao_image_spec *s, double ih, double iw, double h, double w) {
  double share = s->crop_fraction > 0 ? (double)s->crop_fraction : 1;
  double fy = h / ih, fx = w / iw, f = 1;
  switch (s->fit) {
  case EAO_FIT_CROP: f = fmax(fy, fx) / share; break;
  case EAO_FIT_PAD: f = fmin(fy, fx); break;
  case EAO_FIT_CENTRAL:
    return (place){iw * share, iw * (1 - share) / 2, ih * share, ih * (1 - share) / 2};
  default: return (place){iw, 0, ih, 0};
  }
  /* The resized image's middle is the input's middle. */
  return (place){w / f, (iw - w / f) / 2, h / f, (ih - h / f) / 2};
}

/* ---- the forms of outputs ---- */

typedef struct outputs {
  const eao_tensor *box;   /* [.., n, 4] */
  const eao_tensor *score; /* [n], [n, classes] */
  const eao_tensor *label; /* [n]; NULL: the score's last axis */
  int64_t n, classes;
  int64_t columns;     /* box and scores are columns of one tensor of so many; 0: they are not */
  int64_t first_score; /* the column of the first score */
  bool objectness;     /* the column before it multiplies the scores */
  bool transposed;     /* [columns, n] */
  bool one_by_one;     /* a class and a score a box: overlaps are gone already */
} outputs;

static bool integral(const eao_tensor *t) {
  if (!eao_dtype_is_float(t->dtype)) return true;
  for (int64_t i = 0; i < eao_tensor_elements(t); i++)
    if (eao_tensor_real(t, i) != rint(eao_tensor_real(t, i))) return false;
  return true;
}

/* Boxes, classes, scores and perhaps a count, as TFLite_Detection_PostProcess and torchvision. */
static bool find_lists(const eao_tensor *out, uint32_t n_out, outputs *o) {
  const eao_tensor *flat[2] = {NULL};
  int k = 0;
  for (uint32_t i = 0; i < n_out; i++) {
    if (&out[i] == o->box || eao_tensor_elements(&out[i]) != o->n) continue;
    if (k < 2) flat[k] = &out[i];
    k++;
  }
  if (k != 2 || n_out > 4) return false;
  bool first = !eao_dtype_is_float(flat[0]->dtype) ||
               (eao_dtype_is_float(flat[1]->dtype) && integral(flat[0]));
  o->label = flat[first ? 0 : 1];
  o->score = flat[first ? 1 : 0];
  o->one_by_one = true;
  for (uint32_t i = 0; i < n_out; i++) {
    if (eao_tensor_elements(&out[i]) != 1 || o->n == 1) continue;
    double count = eao_tensor_real(&out[i], 0);
    if (count >= 0 && count < (double)o->n) o->n = (int64_t)count;
  }
  return true;
}

/* One tensor with a box and its scores a row (or column): the YOLO family. */
static bool find_rows(const eval_tally *t, const eao_tensor *out, outputs *o) {
  int64_t a = out->rank >= 2 ? out->dim[out->rank - 2] : 0;
  int64_t b = out->rank >= 2 ? out->dim[out->rank - 1] : 0;
  if (a * b != eao_tensor_elements(out)) return false;
  int64_t known = t->info.n_class;
  for (int way = 0; way < 2; way++) {
    int64_t columns = way ? a : b;
    if (columns < 5 || (known && columns != 4 + known && columns != 5 + known)) continue;
    if (!known && columns > (way ? b : a)) continue;
    bool objectness = known ? columns == 5 + known : false;
    *o = (outputs){.box = out,
                   .score = out,
                   .n = way ? b : a,
                   .classes = columns - 4 - objectness,
                   .columns = columns,
                   .first_score = 4 + objectness,
                   .objectness = objectness,
                   .transposed = way == 1};
    return true;
  }
  return false;
}

static eao_status find_outputs(const eval_tally *t, const eao_tensor *out, uint32_t n_out,
                               outputs *o) {
  memset(o, 0, sizeof *o);
  for (uint32_t i = 0; i < n_out && !o->box && n_out > 1; i++)
    if (out[i].rank >= 2 && out[i].dim[out[i].rank - 1] == 4) {
      o->box = &out[i];
      o->n = eao_tensor_elements(o->box) / 4;
    }
  if (o->box && n_out >= 3 && find_lists(out, n_out, o)) return EAO_OK;
  for (uint32_t i = 0; i < n_out && o->box && o->n; i++) {
    int64_t m = eao_tensor_elements(&out[i]);
    if (&out[i] == o->box || m % o->n) continue;
    o->score = &out[i];
    o->classes = m / o->n;
    return EAO_OK;
  }
  if (n_out == 1 && find_rows(t, out, o)) return EAO_OK;
  return eao_fail(t->ctx, EAO_ERR_UNSUPPORTED,
                  "the outputs are no detections that EAO reads: boxes [n, 4] with scores "
                  "[n, classes], or with classes [n] and scores [n], or one [n, 4 or 5 + classes]");
}

static double row_at(const outputs *o, int64_t i, int64_t k) {
  return eao_tensor_real(o->box, o->transposed ? k * o->n + i : i * o->columns + k);
}

static double coordinate(const outputs *o, int64_t i, int64_t k) {
  return o->columns ? row_at(o, i, k) : eao_tensor_real(o->box, 4 * i + k);
}

static double score_of(const outputs *o, int64_t i, int64_t k) {
  if (!o->columns) return eao_tensor_real(o->score, o->label ? i : i * o->classes + k);
  double v = row_at(o, i, o->first_score + k);
  return o->objectness ? v * row_at(o, i, 4) : v;
}

/* ---- boxes ---- */

static eao_box box_at(const outputs *o, int64_t i, eao_box_order order, double h, double w,
                      const place *p) {
  double v[4];
  for (int k = 0; k < 4; k++) v[k] = coordinate(o, i, k);
  double x0 = v[0], y0 = v[1], x1 = v[2], y1 = v[3];
  if (order == EAO_BOX_YXYX) {
    x0 = v[1];
    y0 = v[0];
    x1 = v[3];
    y1 = v[2];
  } else if (order == EAO_BOX_CXCYWH) {
    x0 = v[0] - v[2] / 2;
    y0 = v[1] - v[3] / 2;
    x1 = v[0] + v[2] / 2;
    y1 = v[1] + v[3] / 2;
  } else if (order == EAO_BOX_XYWH) {
    x1 = v[0] + v[2];
    y1 = v[1] + v[3];
  }
  return (eao_box){.x0 = (float)(p->scale_x * x0 / w + p->offset_x),
                   .y0 = (float)(p->scale_y * y0 / h + p->offset_y),
                   .x1 = (float)(p->scale_x * x1 / w + p->offset_x),
                   .y1 = (float)(p->scale_y * y1 / h + p->offset_y)};
}

static int by_score(const void *pa, const void *pb) {
  const eao_box *x = pa, *y = pb;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return memcmp(&x->x0, &y->x0, 4 * sizeof x->x0);
}

static double iou(const eao_box *a, const eao_box *b) {
  double w = fmin((double)a->x1, (double)b->x1) - fmax((double)a->x0, (double)b->x0);
  double h = fmin((double)a->y1, (double)b->y1) - fmax((double)a->y0, (double)b->y0);
  if (w <= 0 || h <= 0) return 0;
  double both = w * h;
  return both / ((double)(a->x1 - a->x0) * (double)(a->y1 - a->y0) +
                 (double)(b->x1 - b->x0) * (double)(b->y1 - b->y0) - both);
}

/* The best of those that overlap; b: candidates of one class. */
static eao_status suppress(eval_tally *t, eval_boxes *b, double most, eval_boxes *to) {
  uint32_t first = to->n;
  if (b->n) qsort(b->at, b->n, sizeof *b->at, by_score);
  for (uint32_t i = 0; i < b->n && i < CANDIDATES; i++) {
    bool keep = true;
    for (uint32_t k = first; k < to->n && keep; k++) keep = iou(&to->at[k], &b->at[i]) <= most;
    if (keep) EAO_TRY(eval_boxes_add(t->ctx, to, &b->at[i]));
  }
  return EAO_OK;
}

typedef struct frame {
  int64_t image;
  eao_box_order order;
  double h, w; /* what coordinates are divided by */
  place p;
} frame;

static eao_status add_class(eval_tally *t, const outputs *o, const frame *f, int64_t k,
                            eval_boxes *boxes) {
  const eao_detect_spec *spec = eao_dataset_detections(t->d);
  eval_boxes one = {0};
  eao_status s = EAO_OK;
  for (int64_t i = 0; s == EAO_OK && i < o->n; i++) {
    double score = score_of(o, i, k);
    if (!(score >= (double)SCORE_MIN)) continue;
    eao_box b = box_at(o, i, f->order, f->h, f->w, &f->p);
    b.image = f->image;
    b.score = (float)score;
    b.label = o->label ? (int64_t)eao_tensor_real(o->label, i) : k;
    if (spec->background >= 0 && b.label == spec->background) continue;
    if (isfinite(b.x0) && isfinite(b.y0) && b.x1 >= b.x0 && b.y1 >= b.y0)
      s = eval_boxes_add(t->ctx, o->one_by_one ? boxes : &one, &b);
  }
  if (s == EAO_OK && !o->one_by_one) s = suppress(t, &one, (double)spec->nms, boxes);
  eao_free(t->ctx, one.at);
  return s;
}

static eao_status image_sides(eval_tally *t, int64_t i, double *out_h, double *out_w) {
  eao_tensor x;
  EAO_TRY(eao_dataset_sample(t->d, eval_sample(t, i), &x));
  *out_h = x.rank >= 2 ? (double)x.dim[0] : 1;
  *out_w = x.rank >= 2 ? (double)x.dim[1] : 1;
  eao_tensor_destroy(t->ctx, &x);
  return EAO_OK;
}

eao_status eval_detections(eval_tally *t, int64_t i, const eao_tensor *in, const eao_tensor *out,
                           uint32_t n_out, eval_boxes *boxes) {
  outputs o;
  frame f = {.image = i, .order = eao_dataset_detections(t->d)->order, .h = 1, .w = 1};
  double h, w, ih, iw, most = 0;
  EAO_TRY(find_outputs(t, out, n_out, &o));
  if (o.n > DETECTIONS_MAX)
    return eao_fail(t->ctx, EAO_ERR_UNSUPPORTED, "%lld boxes an image are too many",
                    (long long)o.n);
  if (f.order == EAO_BOX_AUTO)
    f.order = o.columns ? EAO_BOX_CXCYWH : o.one_by_one && n_out == 4 ? EAO_BOX_YXYX : EAO_BOX_XYXY;
  EAO_TRY(image_sides(t, i, &ih, &iw));
  input_sides(in, &h, &w);
  f.p = place_of(eao_dataset_preprocess(t->d), ih, iw, h, w);
  for (int64_t k = 0; k < o.n; k++)
    for (int c = 0; c < 4; c++) most = fmax(most, fabs(coordinate(&o, k, c)));
  if (most > 4) { /* pixels of the input, not shares of its sides */
    f.h = h;
    f.w = w;
  }
  int64_t classes = o.label ? 1 : o.classes;
  for (int64_t k = 0; k < classes; k++) {
    if (!o.label && k == eao_dataset_detections(t->d)->background) continue;
    EAO_TRY(add_class(t, &o, &f, k, boxes));
  }
  return EAO_OK;
}

eao_status eval_true_boxes(eval_tally *t, int64_t i) {
  uint32_t n;
  const eao_box *b = eao_dataset_boxes(t->d, eval_sample(t, i), &n);
  double h = 1, w = 1;
  bool shares = n > 0;
  for (uint32_t k = 0; k < n; k++) shares = shares && b[k].x1 <= 1 && b[k].y1 <= 1;
  if (shares) EAO_TRY(image_sides(t, i, &h, &w));
  for (uint32_t k = 0; k < n; k++) {
    eao_box one = b[k];
    one.image = i;
    one.label += t->info.label_offset;
    one.x0 *= (float)w;
    one.x1 *= (float)w;
    one.y0 *= (float)h;
    one.y1 *= (float)h;
    EAO_TRY(eval_boxes_add(t->ctx, &t->truth, &one));
  }
  return EAO_OK;
}
