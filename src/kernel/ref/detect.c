#include "kernel/ref/detect.h"

#include <math.h>
#include <string.h>

#include "kernel/ref/move.h"

/* Sorts indices by falling key, stably. tmp has room for n. */
static void sort_falling(int32_t *index, int32_t *tmp, int64_t n, const float *key) {
  for (int64_t width = 1; width < n; width *= 2) {
    for (int64_t lo = 0; lo < n; lo += 2 * width) {
      int64_t mid = lo + width < n ? lo + width : n, hi = mid + width < n ? mid + width : n;
      for (int64_t i = lo, j = mid, k = lo; k < hi; k++)
        tmp[k] = j >= hi || (i < mid && !(key[index[j]] > key[index[i]])) ? index[i++] : index[j++];
    }
    memcpy(index, tmp, (size_t)n * sizeof *index);
  }
}

/* ---- ONNX NonMaxSuppression ---- */

static void corners(const eao_tensor *boxes, int64_t at, bool center, float *out) {
  float v[4];
  for (int i = 0; i < 4; i++) v[i] = (float)eao_get_f64(boxes, at * 4 + i);
  if (center) { /* x, y, width, height */
    out[0] = v[1] - v[3] / 2;
    out[1] = v[0] - v[2] / 2;
    out[2] = v[1] + v[3] / 2;
    out[3] = v[0] + v[2] / 2;
    return;
  }
  for (int i = 0; i < 2; i++) { /* any two opposite corners */
    out[i] = v[i] < v[i + 2] ? v[i] : v[i + 2];
    out[i + 2] = v[i] < v[i + 2] ? v[i + 2] : v[i];
  }
}

static bool overlaps(const float *a, const float *b, float threshold) {
  float top = a[0] > b[0] ? a[0] : b[0], left = a[1] > b[1] ? a[1] : b[1];
  float bottom = a[2] < b[2] ? a[2] : b[2], right = a[3] < b[3] ? a[3] : b[3];
  if (bottom <= top || right <= left) return false;
  float common = (bottom - top) * (right - left);
  float area_a = (a[2] - a[0]) * (a[3] - a[1]), area_b = (b[2] - b[0]) * (b[3] - b[1]);
  float all = area_a + area_b - common;
  if (area_a <= 0 || area_b <= 0 || all <= 0) return false;
  return common / all > threshold;
}

size_t eao_nms_scratch(const eao_tensor *scores) {
  return (size_t)scores->dim[2] * (2 * sizeof(int32_t) + 5 * sizeof(float));
}

int64_t eao_nms_select(const eao_tensor *const *in, uint32_t n_in, const eao_nms_attr *a,
                       void *work, eao_tensor *out) {
  const eao_tensor *boxes = in[0], *scores = in[1];
  int64_t n = scores->dim[2], classes = scores->dim[1], total = 0;
  int64_t most = n_in > 2 && in[2] ? eao_get_i64(in[2], 0) : 0;
  float iou = n_in > 3 && in[3] ? (float)eao_get_f64(in[3], 0) : 0;
  bool floor_given = n_in > 4 && in[4];
  float least = floor_given ? (float)eao_get_f64(in[4], 0) : 0;
  float *box = work, *key = box + 4 * n;
  int32_t *order = (int32_t *)(key + n), *tmp = order + n;
  for (int64_t bc = 0; bc < scores->dim[0] * classes; bc++) {
    int64_t batch = bc / classes, candidates = 0, kept = 0;
    for (int64_t i = 0; i < n; i++) {
      key[i] = (float)eao_get_f64(scores, bc * n + i);
      if (!floor_given || key[i] > least) order[candidates++] = (int32_t)i;
    }
    sort_falling(order, tmp, candidates, key);
    for (int64_t k = 0; k < candidates && kept < most; k++) {
      float *b = box + 4 * kept;
      bool drop = false;
      corners(boxes, batch * n + order[k], a->center_point_box, b);
      for (int64_t j = 0; j < kept && !drop; j++) drop = overlaps(b, box + 4 * j, iou);
      if (drop) continue;
      if (out) {
        eao_set_i64(out, total * 3, batch);
        eao_set_i64(out, total * 3 + 1, bc % classes);
        eao_set_i64(out, total * 3 + 2, order[k]);
      }
      kept++;
      total++;
    }
  }
  return total;
}

eao_status eao_ref_non_max_suppression(eao_kcall *c) {
  (void)eao_nms_select(c->in, c->n_in, c->attr, c->scratch, c->out[0]);
  return EAO_OK;
}

size_t eao_ref_nms_scratch(const eao_kcall *c) {
  return eao_nms_scratch(c->in[1]);
}

/* ---- TFLite detection post-processing ---- */

typedef struct detector {
  const eao_detection_attr *a;
  const eao_tensor *scores;
  int64_t n, columns, background; /* boxes; columns of scores; 1 when the first one is background */
  float *box;                     /* ymin, xmin, ymax, xmax a box */
  float *key;                     /* score of each box in the class at hand */
  int32_t *order, *tmp, *picked;  /* n each */
  int32_t *best_box, *best_class; /* regular: max_detections each, twice for merging */
  float *best_score;
  uint8_t *active;
} detector;

static float real(const eao_tensor *t, int64_t i) {
  if (!t->quant.n) return (float)eao_get_f64(t, i);
  return eao_quant_scale(t, i) * (float)(eao_get_i64(t, i) - eao_quant_zero(t, i));
}

size_t eao_ref_detection_scratch(const eao_kcall *c) {
  const eao_detection_attr *a = c->attr;
  size_t n = (size_t)c->in[0]->dim[1], top = a->use_regular_nms ? (size_t)a->max_detections : 0;
  return n * (5 * sizeof(float) + 3 * sizeof(int32_t) + 1) + 2 * top * (2 * sizeof(int32_t) + 4);
}

static void detector_init(detector *d, const eao_kcall *c) {
  const eao_detection_attr *a = c->attr;
  int64_t n = c->in[0]->dim[1], top = a->use_regular_nms ? a->max_detections : 0;
  d->a = a;
  d->scores = c->in[1];
  d->n = n;
  d->columns = c->in[1]->dim[2];
  d->background = d->columns - a->num_classes;
  d->box = c->scratch;
  d->key = d->box + 4 * n;
  d->best_score = d->key + n;
  d->order = (int32_t *)(d->best_score + 2 * top);
  d->tmp = d->order + n;
  d->picked = d->tmp + n;
  d->best_box = d->picked + n;
  d->best_class = d->best_box + 2 * top;
  d->active = (uint8_t *)(d->best_class + 2 * top);
}

/* Centre-size codes relative to anchors to corners; in double, each corner rounded, as LiteRT. */
static bool decode(const detector *d, const eao_tensor *codes, const eao_tensor *anchors) {
  const eao_detection_attr *a = d->a;
  int64_t width = codes->dim[2];
  for (int64_t i = 0; i < d->n; i++) {
    double y = real(codes, i * width), x = real(codes, i * width + 1);
    double h = real(codes, i * width + 2), w = real(codes, i * width + 3);
    double ay = real(anchors, i * 4), ax = real(anchors, i * 4 + 1);
    double ah = real(anchors, i * 4 + 2), aw = real(anchors, i * 4 + 3);
    float yc = (float)(y / a->y_scale * ah + ay), xc = (float)(x / a->x_scale * aw + ax);
    float half_h = (float)(0.5 * exp(h / a->h_scale) * ah);
    float half_w = (float)(0.5 * exp(w / a->w_scale) * aw);
    float *b = d->box + 4 * i;
    b[0] = yc - half_h;
    b[1] = xc - half_w;
    b[2] = yc + half_h;
    b[3] = xc + half_w;
    if (!(b[0] < b[2]) || !(b[1] < b[3])) return false;
  }
  return true;
}

static float iou_of(const float *a, const float *b) {
  float area_a = (a[2] - a[0]) * (a[3] - a[1]), area_b = (b[2] - b[0]) * (b[3] - b[1]);
  if (area_a <= 0 || area_b <= 0) return 0;
  float top = fmaxf(a[0], b[0]), left = fmaxf(a[1], b[1]);
  float bottom = fminf(a[2], b[2]), right = fminf(a[3], b[3]);
  float common = fmaxf(bottom - top, 0) * fmaxf(right - left, 0);
  return common / (area_a + area_b - common);
}

/* Suppression by d->key; the chosen boxes go to d->picked. Returns how many, at most `most`. */
static int64_t suppress(const detector *d, int64_t most) {
  int64_t n = 0, picked = 0;
  for (int64_t i = 0; i < d->n; i++)
    if (d->key[i] >= d->a->nms_score_threshold) d->order[n++] = (int32_t)i;
  sort_falling(d->order, d->tmp, n, d->key);
  memset(d->active, 1, (size_t)n);
  for (int64_t i = 0; i < n && picked < most; i++) {
    if (!d->active[i]) continue;
    const float *b = d->box + 4 * (int64_t)d->order[i];
    d->picked[picked++] = d->order[i];
    for (int64_t j = i + 1; j < n; j++)
      if (d->active[j] && iou_of(b, d->box + 4 * (int64_t)d->order[j]) > d->a->nms_iou_threshold)
        d->active[j] = 0;
  }
  return picked;
}

static float score_of(const detector *d, int64_t box, int64_t cls) {
  return real(d->scores, box * d->columns + d->background + cls);
}

static void put(const eao_kcall *c, const detector *d, int64_t at, int64_t box, int64_t cls) {
  for (int i = 0; c->out[0] && i < 4; i++)
    ((float *)c->out[0]->data)[4 * at + i] = d->box[4 * box + i];
  if (c->out[1]) ((float *)c->out[1]->data)[at] = (float)cls;
  if (c->out[2]) ((float *)c->out[2]->data)[at] = score_of(d, box, cls);
}

/* The class that comes after (prev, its score) in falling order of scores; prev -1: the first. */
static int64_t next_class(const detector *d, int64_t box, int64_t prev) {
  float limit = prev < 0 ? 0 : score_of(d, box, prev), best = 0;
  int64_t found = -1;
  for (int64_t k = 0; k < d->a->num_classes; k++) {
    float s = score_of(d, box, k);
    bool later = prev < 0 || s < limit || (s == limit && k > prev);
    if (later && (found < 0 || s > best)) {
      found = k;
      best = s;
    }
  }
  return found;
}

/* One suppression over each box's best class; each chosen box brings its best classes. */
static int64_t fast_nms(const eao_kcall *c, const detector *d) {
  int64_t per = d->a->max_classes_per_detection;
  if (per > d->a->num_classes) per = d->a->num_classes;
  for (int64_t i = 0; i < d->n; i++) {
    int64_t k = next_class(d, i, -1);
    d->key[i] = k < 0 ? NAN : score_of(d, i, k);
  }
  int64_t picked = suppress(d, d->a->max_detections);
  for (int64_t i = 0; i < picked; i++) {
    int64_t k = -1;
    for (int64_t j = 0; j < per; j++) {
      k = next_class(d, d->picked[i], k);
      if (k < 0) break; /* NaN scores have no order */
      put(c, d, i * per + j, d->picked[i], k);
    }
  }
  return picked;
}

/* Suppression class by class; the best of all classes are kept in falling order, older first. */
static int64_t regular_nms(const eao_kcall *c, const detector *d) {
  int64_t top = d->a->max_detections, have = 0;
  for (int64_t k = 0; k < d->a->num_classes; k++) {
    for (int64_t i = 0; i < d->n; i++) d->key[i] = score_of(d, i, k);
    int64_t fresh = suppress(d, d->a->detections_per_class), i = 0, j = 0, n = 0;
    for (; n < top && (i < have || j < fresh); n++) { /* merge into the second half */
      bool old = j >= fresh || (i < have && d->best_score[i] >= d->key[d->picked[j]]);
      d->best_box[top + n] = old ? d->best_box[i] : d->picked[j];
      d->best_class[top + n] = old ? d->best_class[i] : (int32_t)k;
      d->best_score[top + n] = old ? d->best_score[i] : d->key[d->picked[j]];
      if (old)
        i++;
      else
        j++;
    }
    memcpy(d->best_box, d->best_box + top, (size_t)n * sizeof *d->best_box);
    memcpy(d->best_class, d->best_class + top, (size_t)n * sizeof *d->best_class);
    memcpy(d->best_score, d->best_score + top, (size_t)n * sizeof *d->best_score);
    have = n;
  }
  for (int64_t i = 0; i < have; i++) put(c, d, i, d->best_box[i], d->best_class[i]);
  return have;
}

eao_status eao_ref_detection_postprocess(eao_kcall *c) {
  detector d;
  detector_init(&d, c);
  for (uint32_t i = 0; i < 4; i++)
    if (c->out[i]) eao_move_zero(c->out[i]);
  if (!decode(&d, c->in[0], c->in[2]))
    return eao_kfail(c, EAO_ERR_SHAPE, "a decoded box has no area");
  int64_t n = d.a->use_regular_nms ? regular_nms(c, &d) : fast_nms(c, &d);
  if (c->out[3]) ((float *)c->out[3]->data)[0] = (float)n;
  return EAO_OK;
}
