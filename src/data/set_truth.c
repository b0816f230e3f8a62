/* Truths that are no class number: texts, and boxes around objects. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "data/set.h"

enum { TRUTH_LINE = 1 << 16, TRUTH_BOXES_MAX = 1 << 24, TRUTH_FIELDS = 32 };

/* ---- finding samples by their file's name ---- */

typedef struct entry {
  const char *name; /* without folders */
  size_t n;         /* its length, without the ending */
  uint32_t at;
} entry;

static entry entry_of(const char *path, uint32_t at) {
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  const char *dot = strrchr(name, '.');
  return (entry){name, dot && dot > name ? (size_t)(dot - name) : strlen(name), at};
}

static int by_entry(const void *pa, const void *pb) {
  const entry *x = pa, *y = pb;
  size_t n = x->n < y->n ? x->n : y->n;
  int c = memcmp(x->name, y->name, n);
  return c ? c : (x->n > y->n) - (x->n < y->n);
}

typedef struct names {
  entry *at;
  uint32_t n;
} names;

static eao_status names_init(eao_dataset *d, names *l) {
  l->n = d->n_item;
  l->at = eao_alloc(d->ctx, (d->n_item + (size_t)1) * sizeof *l->at);
  if (!l->at) return EAO_NOMEM(d->ctx);
  for (uint32_t i = 0; i < l->n; i++) l->at[i] = entry_of(d->item[i].name, i);
  if (l->n) qsort(l->at, l->n, sizeof *l->at, by_entry);
  return EAO_OK;
}

/* -1: no sample has this name. A name may stand without its ending. */
static int64_t names_find(const names *l, const char *name) {
  entry whole = entry_of(name, 0), key = whole;
  for (int way = 0; way < 2; way++) {
    const entry *hit = l->n ? bsearch(&key, l->at, l->n, sizeof key, by_entry) : NULL;
    if (hit) return hit->at;
    key.n = strlen(whole.name);
  }
  return -1;
}

/* ---- texts ---- */

/* "name<separator>text" for files; else the line is the text of the next sample. */
static eao_status text_line(eao_dataset *d, const names *l, char *line, int64_t row) {
  int64_t at = row;
  char *text = line;
  if (d->n_item) {
    size_t n = strcspn(line, strchr(line, '\t') ? "\t" : strchr(line, '|') ? "|" : " ,");
    text = line[n] ? line + n + 1 : line + n;
    line[n] = 0;
    at = names_find(l, line);
    if (at < 0) return EAO_OK; /* a file that is not here */
  }
  if (at >= d->total)
    return eao_fail(d->ctx, EAO_ERR_FORMAT, "more texts than samples (%lld)", (long long)d->total);
  d->text[at] = eao_arena_str(&d->arena, text);
  return d->text[at] ? EAO_OK : EAO_NOMEM(d->ctx);
}

static eao_status load_texts(eao_dataset *d, const names *l, set_lines *lines, char *line) {
  d->text = eao_alloc(d->ctx, (size_t)d->total * sizeof *d->text + 1);
  if (!d->text) return EAO_NOMEM(d->ctx);
  for (int64_t row = 0; set_next_line(lines, line, TRUTH_LINE); row++)
    EAO_TRY(text_line(d, l, line, row));
  for (int64_t i = 0; i < d->total; i++)
    if (!d->text[i])
      return eao_fail(d->ctx, EAO_ERR_FORMAT, "sample %lld (%s) has no text", (long long)i,
                      d->n_item ? d->item[i].name : "");
  return EAO_OK;
}

/* ---- boxes ---- */

typedef enum column {
  COLUMN_FILE,
  COLUMN_CLASS,
  COLUMN_X0,
  COLUMN_Y0,
  COLUMN_X1,
  COLUMN_Y1,
  COLUMN_WIDTH,
  COLUMN_HEIGHT,
  COLUMN_CROWD,
  COLUMN_COUNT
} column;

static const char *const column_names[COLUMN_COUNT][6] = {
    {"image", "file", "filename", "name", "image_id", "path"},
    {"class", "label", "category", "labelname", "category_id", "class_id"},
    {"xmin", "x0", "left", "x", NULL, NULL},
    {"ymin", "y0", "top", "y", NULL, NULL},
    {"xmax", "x1", "right", NULL, NULL, NULL},
    {"ymax", "y1", "bottom", NULL, NULL, NULL},
    {"width", "w", NULL, NULL, NULL, NULL},
    {"height", "h", NULL, NULL, NULL, NULL},
    {"crowd", "iscrowd", "difficult", "isgroupof", NULL, NULL},
};

/* Column numbers out of a header; without one: image, class, x0, y0, x1, y1. */
static bool read_header(char **field, uint32_t n, int32_t at[COLUMN_COUNT]) {
  uint32_t found = 0;
  for (int c = 0; c < COLUMN_COUNT; c++) {
    at[c] = -1;
    for (uint32_t k = 0; k < n && at[c] < 0; k++)
      for (int i = 0; i < 6 && column_names[c][i]; i++)
        if (strcasecmp(field[k], column_names[c][i]) == 0) at[c] = (int32_t)k;
    found += at[c] >= 0;
  }
  bool corners = at[COLUMN_X1] >= 0 && at[COLUMN_Y1] >= 0;
  bool sizes = at[COLUMN_WIDTH] >= 0 && at[COLUMN_HEIGHT] >= 0;
  if (found && at[COLUMN_FILE] >= 0 && at[COLUMN_CLASS] >= 0 && at[COLUMN_X0] >= 0 &&
      at[COLUMN_Y0] >= 0 && (corners || sizes))
    return true;
  for (int c = 0; c < COLUMN_COUNT; c++) at[c] = c <= COLUMN_Y1 ? c : -1;
  return false;
}

static eao_status number_at(eao_dataset *d, char **field, uint32_t n, int32_t at, float *out) {
  double v;
  if (at < 0) return EAO_OK;
  if ((uint32_t)at >= n || !set_number(field[at], &v) || !(fabs(v) < 1e9))
    return eao_fail(d->ctx, EAO_ERR_FORMAT, "column %d: '%.40s' is no coordinate", at + 1,
                    (uint32_t)at < n ? field[at] : "");
  *out = (float)v;
  return EAO_OK;
}

static eao_status read_box(eao_dataset *d, const names *l, char **field, uint32_t n,
                           const int32_t *at, eao_box *box, bool *out_here) {
  int64_t label;
  float crowd = 0;
  *out_here = false;
  if ((uint32_t)at[COLUMN_FILE] >= n || (uint32_t)at[COLUMN_CLASS] >= n)
    return eao_fail(d->ctx, EAO_ERR_FORMAT, "a line has %u fields only", n);
  box->image = names_find(l, field[at[COLUMN_FILE]]);
  if (box->image < 0) return EAO_OK; /* of a file that is not here */
  EAO_TRY(set_class_of(d, field[at[COLUMN_CLASS]], &label));
  box->label = label;
  EAO_TRY(number_at(d, field, n, at[COLUMN_X0], &box->x0));
  EAO_TRY(number_at(d, field, n, at[COLUMN_Y0], &box->y0));
  EAO_TRY(number_at(d, field, n, at[COLUMN_X1], &box->x1));
  EAO_TRY(number_at(d, field, n, at[COLUMN_Y1], &box->y1));
  EAO_TRY(number_at(d, field, n, at[COLUMN_WIDTH], &box->x1));
  EAO_TRY(number_at(d, field, n, at[COLUMN_HEIGHT], &box->y1));
  EAO_TRY(number_at(d, field, n, at[COLUMN_CROWD], &crowd));
  if (at[COLUMN_WIDTH] >= 0) box->x1 += box->x0;
  if (at[COLUMN_HEIGHT] >= 0) box->y1 += box->y0;
  if (box->x1 < box->x0 || box->y1 < box->y0)
    return eao_fail(d->ctx, EAO_ERR_FORMAT,
                    "a box of '%s' ends before it starts; columns are image, class, x0, y0, x1, y1 "
                    "unless a header names them",
                    field[at[COLUMN_FILE]]);
  box->crowd = crowd != 0;
  *out_here = true;
  return EAO_OK;
}

/* Order does not depend on the sort: equal boxes are alike. */
static int by_image(const void *pa, const void *pb) {
  const eao_box *x = pa, *y = pb;
  if (x->image != y->image) return x->image < y->image ? -1 : 1;
  if (x->label != y->label) return x->label < y->label ? -1 : 1;
  return x->x0 != y->x0 ? (x->x0 < y->x0 ? -1 : 1) : (x->y0 > y->y0) - (x->y0 < y->y0);
}

static eao_status load_boxes(eao_dataset *d, const names *l, set_lines *lines, char *line) {
  char *field[TRUTH_FIELDS];
  int32_t at[COLUMN_COUNT];
  if (!d->n_item)
    return eao_fail(d->ctx, EAO_ERR_UNSUPPORTED, "boxes belong to images in files of their own");
  for (uint64_t row = 0; set_next_line(lines, line, TRUTH_LINE); row++) {
    uint32_t n = set_cut(line, field, TRUTH_FIELDS);
    bool here;
    if (!row && read_header(field, n, at)) continue;
    if (d->n_box >= TRUTH_BOXES_MAX) return eao_fail(d->ctx, EAO_ERR_NOMEM, "too many boxes");
    EAO_TRY(eao_grow(d->ctx, (void **)&d->box, &d->cap_box, d->n_box + 1, sizeof *d->box));
    d->box[d->n_box] = (eao_box){.score = 1};
    eao_status s = read_box(d, l, field, n, at, &d->box[d->n_box], &here);
    if (s != EAO_OK) return eao_fail_within(d->ctx, s, "line %llu", (unsigned long long)row + 1);
    d->n_box += here;
  }
  if (!d->n_box) return eao_fail(d->ctx, EAO_ERR_FORMAT, "no line names an image of the data");
  qsort(d->box, d->n_box, sizeof *d->box, by_image);
  return EAO_OK;
}

/* ---- both ---- */

eao_status set_load_truth(eao_dataset *d) {
  char path[SET_PATH_MAX];
  set_blob b;
  names l;
  EAO_TRY(set_path(d, d->label_file, path));
  EAO_TRY(set_blob_read(d->ctx, path, &b));
  char *line = eao_alloc(d->ctx, TRUTH_LINE);
  eao_status s = line ? EAO_OK : EAO_NOMEM(d->ctx);
  if (s == EAO_OK) s = names_init(d, &l);
  if (s == EAO_OK) {
    set_lines lines = {(const char *)b.p, (const char *)b.p + b.n};
    s = d->label_kind == SET_KIND_TEXT ? load_texts(d, &l, &lines, line)
                                       : load_boxes(d, &l, &lines, line);
    eao_free(d->ctx, l.at);
  }
  eao_free(d->ctx, line);
  set_blob_free(d->ctx, &b);
  return s == EAO_OK ? s : eao_fail_within(d->ctx, s, "labels '%s'", path);
}

/* ---- reading ---- */

const char *eao_dataset_text(const eao_dataset *d, int64_t i) {
  return d->text && i >= 0 && i < d->n ? d->text[set_position(d, i)] : NULL;
}

const eao_box *eao_dataset_boxes(const eao_dataset *d, int64_t i, uint32_t *out_n) {
  *out_n = 0;
  if (!d->n_box || i < 0 || i >= d->n) return NULL;
  int64_t at = set_position(d, i);
  uint32_t lo = 0, hi = d->n_box;
  while (lo < hi) {
    uint32_t mid = lo + (hi - lo) / 2;
    if (d->box[mid].image < at)
      lo = mid + 1;
    else
      hi = mid;
  }
  for (hi = lo; hi < d->n_box && d->box[hi].image == at; hi++) continue;
  *out_n = hi - lo;
  return d->box + lo;
}

const eao_detect_spec *eao_dataset_detections(const eao_dataset *d) {
  return &d->detect;
}
