/* Other ways to prepare a sample: what people get wrong. */
#include <math.h>
#include <string.h>

#include "compress/audit/trial.h"

typedef struct list {
  const audit_trials *t;
  audit_option *at;
  uint32_t n;
} list;

static void add(list *l, eao_audit_kind kind, const char *name, const char *advice,
                const audit_way *way) {
  if (l->n < AUDIT_OPTIONS_MAX) l->at[l->n++] = (audit_option){kind, name, advice, *way};
}

/* ---- images ---- */

static bool same_scaling(const eao_image_spec *a, const eao_image_spec *b, bool integer) {
  bool as = integer && a->stored, bs = integer && b->stored;
  if (as != bs) return false;
  return as || (memcmp(a->mean, b->mean, sizeof a->mean) == 0 &&
                memcmp(a->std, b->std, sizeof a->std) == 0);
}

static void scalings(list *l, int64_t channels) {
  static const struct {
    const char *name, *advice;
    float mean[3], std[3];
    int channels; /* 0: any */
  } known[] = {
      {"pixels 0..255", "say --pixels raw (preprocess: {pixels: raw})", {0}, {1, 1, 1}, 0},
      {"pixels / 255", "say --pixels unit (preprocess: {pixels: unit})", {0}, {255, 255, 255}, 0},
      {"pixels to -1..1",
       "say --pixels signed (preprocess: {pixels: signed})",
       {127.5F, 127.5F, 127.5F},
       {127.5F, 127.5F, 127.5F},
       0},
      {"ImageNet's mean and deviation",
       "say --pixels imagenet (preprocess: {pixels: imagenet})",
       {123.675F, 116.28F, 103.53F},
       {58.395F, 57.12F, 57.375F},
       3},
      {"ImageNet's mean subtracted, as Caffe does",
       "say --mean 123.68,116.779,103.939 --std 1",
       {123.68F, 116.779F, 103.939F},
       {1, 1, 1},
       3},
      {"MNIST's mean and deviation",
       "say --mean 33.32 --std 78.57",
       {33.3184F, 33.3184F, 33.3184F},
       {78.5675F, 78.5675F, 78.5675F},
       1},
      {"colours inverted",
       "say --mean 255 --std -255: the model was trained on dark backgrounds where these are "
       "light, "
       "or the other way round",
       {255, 255, 255},
       {-255, -255, -255},
       1},
  };
  bool integer = eao_dtype_bits(l->t->type.dtype) < 32;
  audit_way w = l->t->way;
  for (size_t i = 0; i < EAO_COUNT(known); i++) {
    if (known[i].channels && known[i].channels != channels) continue;
    memcpy(w.spec.mean, known[i].mean, sizeof w.spec.mean);
    memcpy(w.spec.std, known[i].std, sizeof w.spec.std);
    w.spec.stored = false;
    if (!same_scaling(&w.spec, &l->t->way.spec, integer))
      add(l, EAO_AUDIT_NORMALISATION, known[i].name, known[i].advice, &w);
  }
  w = l->t->way;
  if (integer && !w.spec.stored) {
    w.spec.stored = true;
    add(l, EAO_AUDIT_NORMALISATION, "integers as they are stored",
        "say --pixels stored (preprocess: {stored: true})", &w);
  }
}

static void sizes(list *l) {
  static const struct {
    const char *name, *advice;
    eao_fit fit;
    float fraction;
  } fits[] = {
      {"stretched", "say --fit stretch", EAO_FIT_STRETCH, 0},
      {"centre crop of 0.875", "say --fit crop --crop-fraction 0.875", EAO_FIT_CROP, 0.875F},
      {"centre crop of the whole", "say --fit crop", EAO_FIT_CROP, 1},
      {"central 0.875, then stretched", "say --fit central --crop-fraction 0.875", EAO_FIT_CENTRAL,
       0.875F},
      {"padded with grey", "say --fit pad", EAO_FIT_PAD, 0},
  };
  static const struct {
    const char *name, *advice;
    eao_resize kind;
  } kinds[] = {
      {"bilinear", "say --resize bilinear, or opencv-linear", EAO_RESIZE_BILINEAR},
      {"bilinear with antialiasing, as Pillow", "say --resize pillow-bilinear",
       EAO_RESIZE_ANTIALIAS},
      {"nearest", "say --resize nearest", EAO_RESIZE_NEAREST},
      {"mean over the covered area", "say --resize area", EAO_RESIZE_AREA},
  };
  for (size_t i = 0; i < EAO_COUNT(fits); i++) {
    audit_way w = l->t->way;
    float have = w.spec.crop_fraction > 0 ? w.spec.crop_fraction : 1;
    float want = fits[i].fraction > 0 ? fits[i].fraction : 1;
    bool cropped = fits[i].fraction > 0;
    if (w.spec.fit == fits[i].fit && (!cropped || have == want)) continue;
    w.spec.fit = fits[i].fit;
    w.spec.crop_fraction = fits[i].fraction;
    add(l, EAO_AUDIT_RESIZE, fits[i].name, fits[i].advice, &w);
  }
  for (size_t i = 0; i < EAO_COUNT(kinds); i++) {
    audit_way w = l->t->way;
    if (w.spec.resize == kinds[i].kind) continue;
    w.spec.resize = kinds[i].kind;
    add(l, EAO_AUDIT_RESIZE, kinds[i].name, kinds[i].advice, &w);
  }
}

static bool fits_already(const audit_trials *t, int64_t h, int64_t w) {
  for (uint32_t i = 0; i < t->n; i++)
    if (t->sample[i]->dim[0] != h || t->sample[i]->dim[1] != w) return false;
  return true;
}

static void turns(list *l, audit_turn turn, const char *name, const char *advice) {
  audit_way w = l->t->way;
  w.turn = w.turn == turn ? AUDIT_TURN_NONE : turn;
  add(l, EAO_AUDIT_LAYOUT, name, advice, &w);
}

static const char ORDER_ADVICE[] =
    "exchange red and blue where the samples are made, or say --bgr (preprocess: {color: bgr}) for "
    "images; without it if it was said";
static const char SWAP_ADVICE[] = "transpose rows and columns of each sample where they are made";

static void image_ways(list *l, const int64_t d[3]) {
  bool last = d[2] == 3 || (d[2] == 1 && d[0] != 1);
  int64_t channels = last        ? d[2]
                     : d[0] == 3 ? 3
                                 : 1,
          h = last ? d[0] : d[1], wd = last ? d[1] : d[2];
  audit_way w = l->t->way;
  scalings(l, channels);
  if (l->t->type.rank < 3) return;
  if (channels == 3) {
    w.spec.bgr = !w.spec.bgr;
    add(l, EAO_AUDIT_COLOUR_ORDER, "red and blue exchanged", ORDER_ADVICE, &w);
  }
  if (h == wd) turns(l, AUDIT_TURN_SWAP, "rows and columns exchanged", SWAP_ADVICE);
  if (!fits_already(l->t, h, wd)) sizes(l);
}

/* ---- arrays ---- */

static void array_scalings(list *l) {
  static const struct {
    const char *name, *advice;
    double mul, add;
  } known[] = {
      {"times 255", "the samples were divided by 255 once too often: say --mean 0 --std 0.00392157",
       255, 0},
      {"divided by 255", "say --mean 0 --std 255", 1.0 / 255, 0},
      {"0..1 to -1..1", "say --mean 0.5 --std 0.5", 2, -1},
      {"-1..1 to 0..1", "say --mean -1 --std 2", 0.5, 0.5},
      {"0..255 to -1..1", "say --mean 127.5 --std 127.5", 1 / 127.5, -1},
      {"-1..1 to 0..255", "say --mean -1 --std 0.00784314", 127.5, 127.5},
      {"times 32768", "the model wants 16-bit numbers: say --std 0.000030517578", 32768, 0},
      {"divided by 32768", "say --mean 0 --std 32768", 1.0 / 32768, 0},
  };
  audit_way w = l->t->way;
  double mul = w.mul != 0 ? w.mul : 1, offset = w.mul != 0 ? w.add : 0;
  for (size_t i = 0; i < EAO_COUNT(known); i++) {
    w.mul = known[i].mul * mul;
    w.add = known[i].mul * offset + known[i].add;
    add(l, EAO_AUDIT_NORMALISATION, known[i].name, known[i].advice, &w);
  }
}

static void array_ways(list *l, const int64_t d[3]) {
  const audit_sample *s = l->t->sample[0];
  audit_way w = l->t->way;
  array_scalings(l);
  bool plane = d[0] > 1 && d[1] > 1;
  if (!plane) return;
  if (d[2] > 1 && d[2] <= 4 && s->rank == 3)
    turns(l, AUDIT_TURN_TO_LAST, "channels first in the samples",
          "transpose the samples from [channels, rows, columns] to [rows, columns, channels]");
  if (d[0] > 1 && d[0] <= 4 && s->rank == 3)
    turns(l, AUDIT_TURN_TO_FIRST, "channels last in the samples",
          "transpose the samples from [rows, columns, channels] to [channels, rows, columns]");
  if (d[0] == d[1] || d[1] == d[2])
    turns(l, AUDIT_TURN_SWAP, "rows and columns exchanged", SWAP_ADVICE);
  if (d[2] == 3 || d[0] == 3) {
    w.flip = !w.flip;
    add(l, EAO_AUDIT_COLOUR_ORDER, "first and third channel exchanged", ORDER_ADVICE, &w);
  }
}

uint32_t audit_options(const audit_trials *t, audit_option *out) {
  list l = {.t = t, .at = out};
  const eao_tensor *in = &t->type;
  int64_t d[3] = {1, 1, 1};
  int32_t first = in->rank > 1 ? 1 : 0;
  if (in->rank == 3 && in->dim[0] > 1) first = 0;
  for (int32_t i = first; i < in->rank && i - first < 3; i++) d[i - first] = in->dim[i];
  if (d[0] < 0 || d[1] < 0 || d[2] < 0) return 0;
  if (t->a->set.info.pixels)
    image_ways(&l, d);
  else
    array_ways(&l, d);
  return l.n;
}
