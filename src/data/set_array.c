/* Data sets in one file: IDX, CIFAR, npy, npz, raw elements, CSV. And label files. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data/set.h"
#include "ir/graph.h"
#include "kernel/kernel.h"

/* ---- blobs ---- */

static eao_status inflate_all(eao_ctx *ctx, const char *path, const eao_file *f, set_blob *out) {
  z_stream z = {0};
  size_t cap = f->size < (SIZE_MAX >> 4) ? f->size * 4 + 1024 : 0, n = 0;
  eao_status s = EAO_OK;
  int r = Z_OK;
  if (f->size > UINT32_MAX || !cap || inflateInit2(&z, 15 + 16) != Z_OK)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "'%s' cannot be inflated", path);
  z.next_in = (Bytef *)(uintptr_t)f->data;
  z.avail_in = (uInt)f->size;
  while (s == EAO_OK && r != Z_STREAM_END) {
    if (n == cap || !out->owned) {
      if (out->owned) cap *= 2;
      uint8_t *p = cap <= ctx->limits.max_tensor_bytes ? eao_realloc(ctx, out->owned, cap) : NULL;
      if (!p) {
        s = eao_fail(ctx, EAO_ERR_NOMEM, "'%s' inflates to more than is allowed", path);
        break;
      }
      out->owned = p;
    }
    size_t room = cap - n < (1u << 30) ? cap - n : 1u << 30;
    z.next_out = out->owned + n;
    z.avail_out = (uInt)room;
    r = inflate(&z, Z_NO_FLUSH);
    n += room - z.avail_out;
    if (r != Z_OK && r != Z_STREAM_END)
      s = eao_fail(ctx, EAO_ERR_FORMAT, "'%s': the gzip data are damaged or cut off", path);
    if (r == Z_STREAM_END && z.avail_in) { /* members may follow one another */
      if (inflateReset(&z) != Z_OK) s = eao_fail(ctx, EAO_ERR_FORMAT, "'%s': gzip", path);
      r = Z_OK;
    }
  }
  inflateEnd(&z);
  out->p = out->owned;
  out->n = n;
  return s;
}

eao_status set_blob_read(eao_ctx *ctx, const char *path, set_blob *out) {
  memset(out, 0, sizeof *out);
  EAO_TRY(eao_file_map(ctx, path, &out->file));
  out->p = out->file.data;
  out->n = out->file.size;
  if (out->n < 2 || out->p[0] != 0x1f || out->p[1] != 0x8b) return EAO_OK;
  eao_status s = inflate_all(ctx, path, &out->file, out);
  if (s != EAO_OK) set_blob_free(ctx, out);
  return s;
}

void set_blob_free(eao_ctx *ctx, set_blob *b) {
  eao_free(ctx, b->owned);
  eao_file_unmap(ctx, &b->file);
  memset(b, 0, sizeof *b);
}

/* ---- IDX: http://yann.lecun.com/exdb/mnist, big endian ---- */

static eao_status parse_idx(eao_ctx *ctx, const char *path, const set_blob *b, eao_tensor *out) {
  static const uint8_t codes[] = {0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E};
  static const eao_dtype dtypes[] = {EAO_U8, EAO_I8, EAO_I16, EAO_I32, EAO_F32, EAO_F64};
  eao_dtype dtype = EAO_DTYPE_NONE;
  int64_t dim[EAO_MAX_RANK];
  memset(out, 0, sizeof *out);
  for (size_t i = 0; b->n >= 4 && i < EAO_COUNT(codes); i++)
    if (b->p[0] == 0 && b->p[1] == 0 && b->p[2] == codes[i]) dtype = dtypes[i];
  uint32_t rank = b->n >= 4 ? b->p[3] : 0;
  if (!dtype || rank < 1 || rank > EAO_MAX_RANK || b->n < 4 + 4 * (size_t)rank)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' is no IDX file", path);
  for (uint32_t i = 0; i < rank; i++) {
    const uint8_t *q = b->p + 4 + 4 * (size_t)i;
    dim[i] = (int64_t)q[0] << 24 | (int64_t)q[1] << 16 | (int64_t)q[2] << 8 | q[3];
  }
  eao_tensor type = {.dtype = dtype, .rank = (int32_t)rank};
  uint64_t bytes;
  memcpy(type.dim, dim, rank * sizeof *dim);
  EAO_TRY(eao_tensor_nbytes(ctx, &type, &bytes));
  size_t head = 4 + 4 * (size_t)rank, size = (size_t)eao_dtype_bits(dtype) / 8;
  if (bytes != b->n - head)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' holds %zu bytes of data, its header says %llu", path,
                    b->n - head, (unsigned long long)bytes);
  EAO_TRY(eao_tensor_create(ctx, dtype, (int32_t)rank, dim, out));
  uint8_t *to = out->data;
  for (uint64_t i = 0; i < bytes; i++) to[i ^ (size - 1)] = b->p[head + i];
  return EAO_OK;
}

static eao_status read_idx(eao_dataset *d, const char *path, eao_tensor *out) {
  set_blob b;
  EAO_TRY(set_blob_read(d->ctx, path, &b));
  eao_status s = parse_idx(d->ctx, path, &b, out);
  set_blob_free(d->ctx, &b);
  return s;
}

static eao_status has_samples(eao_dataset *d) {
  if (d->x.rank < 1)
    return eao_fail(d->ctx, EAO_ERR_SHAPE, "'%s' holds one number, not samples", d->data);
  for (int32_t i = 0; i < d->x.rank; i++)
    if (d->x.dim[i] < 1)
      return eao_fail(d->ctx, EAO_ERR_SHAPE, "'%s' holds no elements: its extent %d is %lld",
                      d->data, i, (long long)d->x.dim[i]);
  d->total = d->x.dim[0];
  return EAO_OK;
}

eao_status set_load_idx(eao_dataset *d) {
  EAO_TRY(read_idx(d, d->data, &d->x));
  EAO_TRY(has_samples(d));
  d->pixels = d->x.dtype == EAO_U8 && d->x.rank >= 3;
  char *at = strstr(d->data, "images-idx3");
  if (at && d->labels == SET_LABELS_AUTO) { /* MNIST's names */
    char path[SET_PATH_MAX];
    size_t head = (size_t)(at - d->data);
    memcpy(path, d->data, head);
    strcpy(path + head, "labels-idx1");
    strcpy(path + head + 11, at + 11);
    d->labels = SET_LABELS_FILE;
    d->label_found = true;
    d->label_file = eao_arena_str(&d->arena, path);
    if (!d->label_file) return EAO_NOMEM(d->ctx);
  }
  return EAO_OK;
}

/* ---- CIFAR-10 and -100: records of one or two label bytes and a 3 x 32 x 32 image ---- */

eao_status set_load_cifar(eao_dataset *d) {
  enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE };
  set_blob b;
  EAO_TRY(set_blob_read(d->ctx, d->data, &b));
  size_t head = b.n % (PIXELS + 1) == 0 ? 1 : 2, record = PIXELS + head;
  int64_t n = (int64_t)(b.n / record);
  eao_status s = EAO_OK;
  if (!b.n || b.n % record)
    s = eao_fail(d->ctx, EAO_ERR_FORMAT,
                 "'%s': %zu bytes are not whole CIFAR records; for other numbers say format: raw, "
                 "dtype and shape in a description ('%s.yaml')",
                 d->data, b.n, d->data);
  if (s == EAO_OK) s = eao_tensor_create(d->ctx, EAO_U8, 4, (int64_t[]){n, SIDE, SIDE, 3}, &d->x);
  if (s == EAO_OK && !(d->label = eao_alloc(d->ctx, (size_t)n * sizeof *d->label)))
    s = EAO_NOMEM(d->ctx);
  for (int64_t i = 0; s == EAO_OK && i < n; i++) {
    const uint8_t *from = b.p + (size_t)i * record;
    uint8_t *to = (uint8_t *)d->x.data + i * PIXELS;
    d->label[i] = from[head - 1]; /* CIFAR-100: the fine one */
    for (int k = 0; k < PIXELS; k++) to[k % PLANE * 3 + k / PLANE] = from[head + (size_t)k];
  }
  set_blob_free(d->ctx, &b);
  d->pixels = true;
  d->total = n;
  return s;
}

/* ---- NumPy ---- */

/* u8 [n, h, w] or [n, h, w, 1 or 3] are images. */
static void guess_pixels(eao_dataset *d) {
  const eao_tensor *x = &d->x;
  d->pixels =
      x->dtype == EAO_U8 && (x->rank == 3 || (x->rank == 4 && (x->dim[3] == 1 || x->dim[3] == 3)));
}

static eao_status take_labels(eao_dataset *d, const eao_tensor *t, const char *where);

eao_status set_load_npy(eao_dataset *d) {
  EAO_TRY(eao_npy_read(d->ctx, d->data, &d->x));
  guess_pixels(d);
  return has_samples(d);
}

/* The first of the usual names that the archive has; else its only array of rank above 1. */
static int64_t find_member(const eao_npz *z, const char *const *names, size_t n) {
  for (size_t k = 0; k < n; k++)
    for (uint32_t i = 0; i < eao_npz_count(z); i++)
      if (strcmp(eao_npz_name(z, i), names[k]) == 0) return i;
  return -1;
}

eao_status set_load_npz(eao_dataset *d) {
  static const char *const xs[] = {"x_test", "x", "X", "images", "data", "x_train", "arr_0"};
  static const char *const ys[] = {"y_test", "y", "Y", "labels", "target", "y_train", "arr_1"};
  eao_npz *z;
  EAO_TRY(eao_npz_open(d->ctx, d->data, &z));
  int64_t ix = find_member(z, xs, EAO_COUNT(xs)), iy = find_member(z, ys, EAO_COUNT(ys));
  if (ix < 0 && eao_npz_count(z) == 1) ix = 0;
  eao_status s = EAO_OK;
  if (ix < 0)
    s = eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s' has no array named x, x_test, images or data",
                 d->data);
  if (s == EAO_OK) s = eao_npz_read(z, (uint32_t)ix, &d->x);
  if (s == EAO_OK) s = has_samples(d);
  if (s == EAO_OK && iy >= 0 && d->labels == SET_LABELS_AUTO) {
    eao_tensor y;
    s = eao_npz_read(z, (uint32_t)iy, &y);
    if (s == EAO_OK) {
      s = take_labels(d, &y, d->data);
      eao_tensor_destroy(d->ctx, &y);
    }
  }
  eao_npz_close(z);
  guess_pixels(d);
  return s;
}

/* ---- raw elements ---- */

eao_status set_load_raw(eao_dataset *d) {
  const eao_tensor *t = &d->sample_type;
  set_blob b;
  uint64_t bytes;
  int64_t dim[EAO_MAX_RANK];
  if (t->dtype == EAO_DTYPE_NONE || t->rank < 1 || eao_dtype_bits(t->dtype) < 8)
    return eao_fail(d->ctx, EAO_ERR_ARG, "raw data need 'dtype' and 'shape' in a description");
  EAO_TRY(eao_tensor_nbytes(d->ctx, t, &bytes));
  EAO_TRY(set_blob_read(d->ctx, d->data, &b));
  eao_status s = EAO_OK;
  if (!bytes || !b.n || b.n % bytes)
    s = eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s': %zu bytes are not whole samples of %llu", d->data,
                 b.n, (unsigned long long)bytes);
  if (s == EAO_OK) {
    dim[0] = (int64_t)(b.n / bytes);
    memcpy(dim + 1, t->dim, (size_t)t->rank * sizeof *dim);
    s = eao_tensor_create(d->ctx, t->dtype, t->rank + 1, dim, &d->x);
  }
  if (s == EAO_OK) {
    memcpy(d->x.data, b.p, b.n);
    d->total = dim[0];
    guess_pixels(d);
  }
  set_blob_free(d->ctx, &b);
  return s;
}

/* ---- text ---- */

bool set_number(const char *text, double *out) {
  char *end;
  *out = strtod(text, &end);
  while (*end == ' ' || *end == '\t' || *end == '\r') end++;
  return end != text && *end == 0;
}

bool set_next_line(set_lines *l, char *buf, size_t cap) {
  while (l->p < l->end) {
    const char *nl = memchr(l->p, '\n', (size_t)(l->end - l->p));
    size_t n = (size_t)((nl ? nl : l->end) - l->p);
    const char *from = l->p;
    l->p += n + (nl ? 1 : 0);
    while (n && (from[n - 1] == '\r' || from[n - 1] == ' ')) n--;
    if (!n) continue;
    if (n >= cap) n = cap - 1;
    memcpy(buf, from, n);
    buf[n] = 0;
    return true;
  }
  return false;
}

uint32_t set_cut(char *line, char **field, uint32_t cap) {
  char sep = strchr(line, ',') ? ',' : strchr(line, ';') ? ';' : strchr(line, '\t') ? '\t' : ' ';
  uint32_t n = 0;
  for (char *p = line; p && n < cap;) {
    char *next = strchr(p, sep);
    if (next) *next++ = 0;
    while (*p == ' ') p++;
    size_t len = strlen(p);
    while (len && p[len - 1] == ' ') p[--len] = 0;
    if (len >= 2 && *p == '"' && p[len - 1] == '"') {
      p[len - 1] = 0;
      p++;
    }
    field[n++] = p;
    p = next;
  }
  return n;
}

enum { CSV_COLUMNS = 1 << 14, CSV_LINE = 1 << 20 };

/* Number of a class name, which is added when it is new. */
static eao_status class_of(eao_dataset *d, const char *name, int64_t *out) {
  for (uint32_t i = 0; i < d->classes.n; i++)
    if (strcmp(d->classes.at[i], name) == 0) {
      *out = i;
      return EAO_OK;
    }
  if (d->classes.n >= 4096)
    return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s': too many different labels", d->data);
  *out = d->classes.n;
  return set_names_add(d, &d->classes, name, strlen(name));
}

eao_status set_class_of(eao_dataset *d, const char *text, int64_t *out) {
  double v;
  if (d->classes.n == 0 && set_number(text, &v) && fabs(v) <= 0x1p53 && v == rint(v)) {
    *out = (int64_t)v;
    return EAO_OK;
  }
  return class_of(d, text, out);
}

static eao_status csv_row(eao_dataset *d, char **field, uint32_t n, int64_t row) {
  bool labelled = d->labels != SET_LABELS_NONE && d->labels != SET_LABELS_FILE;
  int64_t at = row * d->x.dim[1];
  for (uint32_t k = 0; k < n; k++) {
    double v;
    if (labelled && k == d->label_column) {
      EAO_TRY(set_class_of(d, field[k], &d->label[row]));
      continue;
    }
    if (!set_number(field[k], &v))
      return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s', sample %lld: '%.40s' is no number", d->data,
                      (long long)row, field[k]);
    ((float *)d->x.data)[at++] = (float)v;
  }
  return EAO_OK;
}

/* Two passes over the text: counts rows, then reads them. */
static eao_status csv_body(eao_dataset *d, const set_blob *b, char *line, char **field) {
  set_lines l = {(const char *)b->p, (const char *)b->p + b->n};
  uint32_t columns = 0;
  int64_t rows = 0;
  bool head = false, labelled = d->labels != SET_LABELS_NONE && d->labels != SET_LABELS_FILE;
  for (; set_next_line(&l, line, CSV_LINE); rows++) {
    uint32_t n = set_cut(line, field, CSV_COLUMNS);
    double v;
    if (!rows && !columns) {
      columns = n;
      for (uint32_t k = 0; k < n; k++)
        if (!(labelled && k == d->label_column) && !set_number(field[k], &v)) head = true;
      if (head) rows--;
    }
    if (n != columns)
      return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s': a row has %u columns, the first %u", d->data,
                      n, columns);
  }
  if (rows < 1 || (labelled && d->label_column >= columns) || columns < (labelled ? 2u : 1u))
    return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s': %lld rows of %u columns, label in column %lld",
                    d->data, (long long)rows, columns, (long long)d->label_column);
  EAO_TRY(eao_tensor_create(d->ctx, EAO_F32, 2, (int64_t[]){rows, columns - (labelled ? 1 : 0)},
                            &d->x));
  if (labelled && !(d->label = eao_alloc(d->ctx, (size_t)rows * sizeof *d->label)))
    return EAO_NOMEM(d->ctx);
  l = (set_lines){(const char *)b->p, (const char *)b->p + b->n};
  if (head) (void)set_next_line(&l, line, CSV_LINE);
  for (int64_t r = 0; r < rows && set_next_line(&l, line, CSV_LINE); r++) {
    uint32_t n = set_cut(line, field, CSV_COLUMNS);
    EAO_TRY(csv_row(d, field, n, r));
  }
  d->total = rows;
  return EAO_OK;
}

eao_status set_load_csv(eao_dataset *d) {
  set_blob b;
  EAO_TRY(set_blob_read(d->ctx, d->data, &b));
  char *line = eao_alloc(d->ctx, CSV_LINE);
  char **field = eao_alloc(d->ctx, CSV_COLUMNS * sizeof *field);
  eao_status s = line && field ? csv_body(d, &b, line, field) : EAO_NOMEM(d->ctx);
  eao_free(d->ctx, line);
  eao_free(d->ctx, field);
  set_blob_free(d->ctx, &b);
  return s;
}

/* ---- label files ---- */

static eao_status label_room(eao_dataset *d) {
  if (!d->label) d->label = eao_alloc(d->ctx, (size_t)d->total * sizeof *d->label + 1);
  return d->label ? EAO_OK : EAO_NOMEM(d->ctx);
}

/* One number a sample, or one row of scores (one-hot) a sample. */
static eao_status take_labels(eao_dataset *d, const eao_tensor *t, const char *where) {
  int64_t count = eao_tensor_count(t), width = d->total ? count / d->total : 0;
  if (t->rank < 1 || t->dim[0] != d->total || width < 1)
    return eao_fail(d->ctx, EAO_ERR_SHAPE, "'%s': labels for %lld samples, there are %lld", where,
                    (long long)(t->rank > 0 ? t->dim[0] : 1), (long long)d->total);
  EAO_TRY(label_room(d));
  for (int64_t i = 0; i < d->total; i++) {
    int64_t best = 0;
    for (int64_t k = 1; k < width; k++)
      if (eao_get_f64(t, i * width + k) > eao_get_f64(t, i * width + best)) best = k;
    d->label[i] = width > 1 ? best : eao_get_i64(t, i);
  }
  return EAO_OK;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static int by_base_name(const void *a, const void *b) {
  const set_item *x = *(const set_item *const *)a, *y = *(const set_item *const *)b;
  return strcmp(base_name(x->name), base_name(y->name));
}

/* Lines "name label" or MLPerf's "name, number of classes, label, ..." for files; else one label a
 * line in the order of the samples. sorted: the items by name. */
static eao_status label_lines(eao_dataset *d, const set_blob *b, char *line,
                              const set_item **sorted) {
  char *field[64];
  set_lines l = {(const char *)b->p, (const char *)b->p + b->n};
  for (int64_t at = 0; set_next_line(&l, line, CSV_LINE); at++) {
    uint32_t n = set_cut(line, field, EAO_COUNT(field));
    int64_t k = at;
    if (n > 1 && d->n_item) {
      set_item want = {.name = field[0]};
      const set_item *key = &want, **hit;
      hit = bsearch(&key, sorted, d->n_item, sizeof *sorted, by_base_name);
      if (!hit) continue; /* a file that is not here */
      k = *hit - d->item;
    }
    if (k >= d->total)
      return eao_fail(d->ctx, EAO_ERR_FORMAT, "more labels than samples (%lld)",
                      (long long)d->total);
    EAO_TRY(set_class_of(d, field[n >= 3 ? 2 : n - 1], &d->label[k]));
  }
  return EAO_OK;
}

static eao_status text_labels(eao_dataset *d, const set_blob *b) {
  char *line = eao_alloc(d->ctx, CSV_LINE);
  const set_item **sorted = eao_alloc(d->ctx, (d->n_item + (size_t)1) * sizeof *sorted);
  eao_status s = line && sorted ? label_room(d) : EAO_NOMEM(d->ctx);
  for (int64_t i = 0; s == EAO_OK && i < d->total; i++) d->label[i] = -1;
  if (s == EAO_OK) {
    for (uint32_t i = 0; i < d->n_item; i++) sorted[i] = &d->item[i];
    qsort(sorted, d->n_item, sizeof *sorted, by_base_name);
    s = label_lines(d, b, line, sorted);
  }
  eao_free(d->ctx, sorted);
  eao_free(d->ctx, line);
  return s;
}

eao_status set_load_labels(eao_dataset *d) {
  char path[SET_PATH_MAX];
  eao_tensor t;
  set_blob b;
  if (d->label_found)
    snprintf(path, sizeof path, "%s", d->label_file);
  else
    EAO_TRY(set_path(d, d->label_file, path));
  if (set_ends_with(path, ".npy")) {
    EAO_TRY(eao_npy_read(d->ctx, path, &t));
    eao_status s = take_labels(d, &t, path);
    eao_tensor_destroy(d->ctx, &t);
    return s;
  }
  EAO_TRY(set_blob_read(d->ctx, path, &b));
  eao_status s = EAO_OK;
  if (b.n >= 8 && b.p[0] == 0 && b.p[1] == 0) {
    s = parse_idx(d->ctx, path, &b, &t);
    if (s == EAO_OK) s = take_labels(d, &t, path);
    if (s == EAO_OK) eao_tensor_destroy(d->ctx, &t);
  } else if ((int64_t)b.n == d->total && !set_ends_with(path, ".txt") &&
             !set_ends_with(path, ".csv")) { /* a byte a sample */
    eao_tensor bytes = {.dtype = EAO_U8, .rank = 1, .dim = {d->total}};
    bytes.data = (void *)(uintptr_t)b.p;
    s = take_labels(d, &bytes, path);
  } else {
    s = text_labels(d, &b);
  }
  set_blob_free(d->ctx, &b);
  return s == EAO_OK ? s : eao_fail_within(d->ctx, s, "labels '%s'", path);
}
