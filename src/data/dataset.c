/* Data sets: finding out what there is, choosing samples, fitting them to an input. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "data/set.h"
#include "ir/graph.h"
#include "kernel/kernel.h"

eao_status set_names_add(eao_dataset *d, set_names *list, const char *text, size_t len) {
  if (list->n >= SET_CLASSES_MAX) return eao_fail(d->ctx, EAO_ERR_NOMEM, "too many names");
  EAO_TRY(
      eao_grow(d->ctx, (void **)(uintptr_t)&list->at, &list->cap, list->n + 1, sizeof *list->at));
  list->at[list->n] = eao_arena_strn(&d->arena, text, len);
  if (!list->at[list->n]) return EAO_NOMEM(d->ctx);
  list->n++;
  return EAO_OK;
}

bool set_ends_with(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n >= m && strcmp(s + n - m, end) == 0;
}

eao_status set_path(eao_dataset *d, const char *name, char out[SET_PATH_MAX]) {
  bool leaves = name[0] == '/';
  for (const char *p = name; *p && !leaves; p = strchr(p, '/') ? strchr(p, '/') + 1 : "")
    leaves = strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]);
  if (leaves)
    return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s' is not below the folder of the data", name);
  if ((size_t)snprintf(out, SET_PATH_MAX, "%s/%s", d->root, name) >= SET_PATH_MAX)
    return eao_fail(d->ctx, EAO_ERR_ARG, "the path of '%s' is too long", name);
  return EAO_OK;
}

/* ---- opening ---- */

static eao_status stat_data(eao_dataset *d) {
  struct stat st;
  if (stat(d->data, &st) != 0)
    return eao_fail(d->ctx, EAO_ERR_IO, "'%s': %s", d->data, strerror(errno));
  d->is_folder = S_ISDIR(st.st_mode);
  return EAO_OK;
}

/* Folder, data and description out of what the caller named; *out_spec "" when there is none. */
static eao_status locate(eao_dataset *d, const char *path, const char *spec,
                         char out_spec[SET_PATH_MAX]) {
  size_t n = strlen(path);
  while (n > 1 && path[n - 1] == '/') n--;
  if (n + 16 >= SET_PATH_MAX) return eao_fail(d->ctx, EAO_ERR_ARG, "the path is too long");
  memcpy(d->data, path, n);
  d->data[n] = 0;
  EAO_TRY(stat_data(d));
  memcpy(d->root, d->data, n + 1);
  if (!d->is_folder) {
    char *slash = strrchr(d->root, '/');
    if (slash)
      slash[slash == d->root] = 0;
    else
      strcpy(d->root, ".");
  }
  struct stat st;
  out_spec[0] = 0;
  if (!d->is_folder && set_ends_with(d->data, ".yaml")) { /* the description itself */
    snprintf(out_spec, SET_PATH_MAX, "%s", d->data);
    strcpy(d->data, d->root);
  } else if (d->is_folder) {
    snprintf(out_spec, SET_PATH_MAX, "%.4000s/dataset.yaml", d->data);
  } else {
    snprintf(out_spec, SET_PATH_MAX, "%.4000s.yaml", d->data);
  }
  if (spec)
    snprintf(out_spec, SET_PATH_MAX, "%s", spec);
  else if (stat(out_spec, &st) != 0)
    out_spec[0] = 0;
  return EAO_OK;
}

/* An IDX file in a folder: MNIST's test images under their usual name. */
static eao_status find_in_folder(eao_dataset *d) {
  static const char *const names[] = {"t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz",
                                      "test_batch.bin", "test_batch.bin.gz"};
  for (size_t i = 0; d->is_folder && d->format == SET_AUTO && i < EAO_COUNT(names); i++) {
    char path[SET_PATH_MAX];
    struct stat st;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", d->data, names[i]) >= sizeof path) continue;
    if (stat(path, &st) != 0) continue;
    memcpy(d->data, path, strlen(path) + 1);
    d->is_folder = false;
    return EAO_OK;
  }
  return EAO_OK;
}

static void guess_format(eao_dataset *d) {
  static const struct {
    const char *end;
    set_format format;
  } known[] = {{".npy", SET_NPY},   {".npz", SET_NPZ},      {".csv", SET_CSV},   {".tsv", SET_CSV},
               {".bin", SET_CIFAR}, {".bin.gz", SET_CIFAR}, {".csv.gz", SET_CSV}};
  if (d->format != SET_AUTO || d->is_folder || set_ends_with(d->data, ".tar")) return;
  if (strstr(d->data, "-idx")) d->format = SET_IDX;
  for (size_t i = 0; i < EAO_COUNT(known); i++)
    if (set_ends_with(d->data, known[i].end)) d->format = known[i].format;
}

static eao_status read_class_file(eao_dataset *d) {
  char path[SET_PATH_MAX];
  set_blob b;
  if (!d->class_file) return EAO_OK;
  EAO_TRY(set_path(d, d->class_file, path));
  EAO_TRY(set_blob_read(d->ctx, path, &b));
  eao_status s = EAO_OK;
  for (size_t at = 0; s == EAO_OK && at < b.n;) {
    const uint8_t *nl = memchr(b.p + at, '\n', b.n - at);
    size_t n = nl ? (size_t)(nl - b.p) - at : b.n - at, len = n;
    while (len && (b.p[at + len - 1] == '\r' || b.p[at + len - 1] == ' ')) len--;
    s = set_names_add(d, &d->classes, (const char *)b.p + at, len);
    at += n + 1;
  }
  set_blob_free(d->ctx, &b);
  return s;
}

static eao_status load(eao_dataset *d) {
  EAO_TRY(read_class_file(d));
  EAO_TRY(find_in_folder(d));
  guess_format(d);
  switch (d->format) {
  case SET_IDX: EAO_TRY(set_load_idx(d)); break;
  case SET_CIFAR: EAO_TRY(set_load_cifar(d)); break;
  case SET_NPY: EAO_TRY(set_load_npy(d)); break;
  case SET_NPZ: EAO_TRY(set_load_npz(d)); break;
  case SET_CSV: EAO_TRY(set_load_csv(d)); break;
  case SET_RAW: EAO_TRY(set_load_raw(d)); break;
  default:
    EAO_TRY(set_list(d));
    if (d->labels != SET_LABELS_FILE) EAO_TRY(set_label_items(d));
  }
  if (d->labels == SET_LABELS_FILE && d->label_kind != SET_KIND_CLASS)
    EAO_TRY(set_load_truth(d));
  else if (d->labels == SET_LABELS_FILE)
    EAO_TRY(set_load_labels(d));
  if (d->labels == SET_LABELS_NONE) {
    eao_free(d->ctx, d->label);
    d->label = NULL;
  }
  if (d->sample_type.quant.n && d->x.data) d->x.quant = d->sample_type.quant;
  return EAO_OK;
}

/* Samples that the split names by number. */
static eao_status read_indices(eao_dataset *d) {
  char path[SET_PATH_MAX];
  eao_tensor t;
  EAO_TRY(set_path(d, d->index_file, path));
  EAO_TRY(eao_npy_read(d->ctx, path, &t));
  eao_status s = EAO_OK;
  int64_t n = eao_tensor_count(&t);
  if (!eao_dtype_is_int(t.dtype))
    s = eao_fail(d->ctx, EAO_ERR_TYPE, "'%s' holds %s, not integers", path,
                 eao_dtype_name(t.dtype));
  if (s == EAO_OK && !(d->index = eao_alloc(d->ctx, (size_t)n * sizeof *d->index + 1)))
    s = EAO_NOMEM(d->ctx);
  for (int64_t i = 0; s == EAO_OK && i < n; i++) {
    d->index[i] = eao_get_i64(&t, i);
    if (d->index[i] < 0 || d->index[i] >= d->total)
      s = eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s' names sample %lld of %lld", path,
                   (long long)d->index[i], (long long)d->total);
  }
  eao_tensor_destroy(d->ctx, &t);
  d->n = n;
  return s;
}

static eao_status choose_samples(eao_dataset *d, const eao_dataset_opts *o) {
  d->n = d->total;
  if (d->index_file) EAO_TRY(read_indices(d));
  int64_t skip = d->split_first + (o ? o->first : 0), most = d->split_count;
  if (skip < 0 || skip >= d->n)
    return eao_fail(d->ctx, EAO_ERR_ARG, "'%s' has %lld samples, none from number %lld on", d->data,
                    (long long)d->n, (long long)skip);
  d->first = skip;
  d->n -= skip;
  if (most >= 0) most -= o ? o->first : 0;
  if (most >= 0 && d->n > most) d->n = most;
  if (o && o->limit > 0 && d->n > o->limit) d->n = o->limit;
  if (d->n < 1) return eao_fail(d->ctx, EAO_ERR_ARG, "the split has no samples");
  return EAO_OK;
}

static eao_status open_set(eao_dataset *d, const char *path, const eao_dataset_opts *o) {
  char spec[SET_PATH_MAX];
  EAO_TRY(locate(d, path, o ? o->spec : NULL, spec));
  if (spec[0]) {
    EAO_TRY(set_spec_read(d, spec, o ? o->split : NULL));
    EAO_TRY(stat_data(d));
  } else if (o && o->split) {
    return eao_fail(d->ctx, EAO_ERR_ARG, "split '%s': the data have no description", o->split);
  }
  EAO_TRY(load(d));
  return choose_samples(d, o);
}

eao_status eao_dataset_open(eao_ctx *ctx, const char *path, const eao_dataset_opts *opts,
                            eao_dataset **out) {
  *out = NULL;
  if (opts && (opts->first < 0 || opts->limit < 0))
    return eao_fail(ctx, EAO_ERR_ARG, "first and limit of a data set must not be negative");
  eao_dataset *d = eao_alloc(ctx, sizeof *d);
  if (!d) return EAO_NOMEM(ctx);
  d->ctx = ctx;
  d->metric = "";
  d->split_count = -1;
  d->blank = -1;
  d->detect = (eao_detect_spec){.background = -1, .nms = 0.5F};
  eao_arena_init(&d->arena, ctx);
  eao_status s = open_set(d, path, opts);
  if (s != EAO_OK) {
    eao_dataset_close(d);
    return s;
  }
  *out = d;
  return EAO_OK;
}

void eao_dataset_close(eao_dataset *d) {
  if (!d) return;
  eao_tensor_destroy(d->ctx, &d->x);
  eao_file_unmap(d->ctx, &d->tar);
  eao_free(d->ctx, d->item);
  eao_free(d->ctx, d->label);
  eao_free(d->ctx, d->index);
  eao_free(d->ctx, (void *)(uintptr_t)d->text);
  eao_free(d->ctx, d->box);
  eao_free(d->ctx, (void *)(uintptr_t)d->classes.at);
  eao_arena_deinit(&d->arena);
  eao_free(d->ctx, d);
}

/* ---- looking ---- */

eao_dataset_info eao_dataset_get(const eao_dataset *d) {
  static const char *const formats[] = {"",    "images", "audio", "idx", "cifar",
                                        "npy", "npz",    "csv",   "raw"};
  int64_t most = -1;
  for (int64_t i = 0; d->label && i < d->total; i++)
    if (d->label[i] > most) most = d->label[i];
  bool named = d->classes.n > 0;
  return (eao_dataset_info){.format = formats[d->format],
                            .n = d->n,
                            .n_class = named ? d->classes.n : most + 1,
                            .labels = d->label != NULL,
                            .sample_rate_hz = (int32_t)d->sample_rate,
                            .pixels = d->x.data ? d->pixels : d->format == SET_IMAGES,
                            .texts = d->text != NULL,
                            .boxes = d->n_box > 0,
                            .label_offset = d->label_offset,
                            .blank = d->blank,
                            .metric = d->metric};
}

eao_image_spec *eao_dataset_preprocess(eao_dataset *d) {
  return &d->image;
}

void eao_dataset_set_label_offset(eao_dataset *d, int64_t offset) {
  d->label_offset = offset;
}

int64_t set_position(const eao_dataset *d, int64_t i) {
  return d->index ? d->index[d->first + i] : d->first + i;
}

int64_t eao_dataset_spread(int64_t n, int64_t k) {
  if (n < 2) return 0;
  int64_t step = (int64_t)((double)n * 0.6180339887);
  for (step += step < 1;; step++) { /* without a factor in common with n, every sample comes once */
    int64_t a = n, b = step;
    while (b) {
      int64_t rest = a % b;
      a = b;
      b = rest;
    }
    if (a == 1) break;
  }
  return (int64_t)((uint64_t)k % (uint64_t)n * ((uint64_t)step % (uint64_t)n) % (uint64_t)n);
}

int64_t eao_dataset_label(const eao_dataset *d, int64_t i) {
  int64_t label = d->label ? d->label[set_position(d, i)] : -1;
  return label < 0 ? -1 : label + d->label_offset;
}

const char *eao_dataset_class(const eao_dataset *d, int64_t label) {
  label -= d->label_offset;
  return label >= 0 && label < d->classes.n ? d->classes.at[label] : "";
}

const char *eao_dataset_name(const eao_dataset *d, int64_t i) {
  return d->x.data || i < 0 || i >= d->n ? "" : d->item[set_position(d, i)].name;
}

int32_t eao_dataset_rate_hz(const eao_dataset *d) {
  return d->rate_hz;
}

/* ---- samples ---- */

static eao_status array_sample(eao_dataset *d, int64_t at, eao_tensor *out) {
  int64_t dim[EAO_MAX_RANK];
  int32_t rank = d->x.rank - 1;
  memcpy(dim, d->x.dim + 1, (size_t)rank * sizeof *dim);
  if (d->pixels && rank == 2) dim[rank++] = 1;
  EAO_TRY(eao_tensor_create(d->ctx, d->x.dtype, rank, dim, out));
  int64_t n = eao_tensor_count(out);
  size_t bytes = (size_t)eao_dtype_bytes(d->x.dtype, n);
  memcpy(out->data, (const char *)d->x.data + (size_t)at * bytes, bytes);
  if (d->x.quant.axis < 0) out->quant = d->x.quant;
  return EAO_OK;
}

static eao_status file_sample(eao_dataset *d, const set_item *it, eao_tensor *out) {
  char path[SET_PATH_MAX];
  if (!d->is_folder)
    return eao_image_parse(d->ctx, it->name, d->tar.data + it->offset, (size_t)it->size, 0, out);
  if ((size_t)snprintf(path, sizeof path, "%s/%s", d->data, it->name) >= sizeof path)
    return eao_fail(d->ctx, EAO_ERR_ARG, "the path of '%s' is too long", it->name);
  if (d->format == SET_AUDIO) return eao_audio_read(d->ctx, path, out, &d->rate_hz);
  return eao_image_read(d->ctx, path, 0, out);
}

eao_status eao_dataset_sample(eao_dataset *d, int64_t i, eao_tensor *out) {
  memset(out, 0, sizeof *out);
  if (i < 0 || i >= d->n)
    return eao_fail(d->ctx, EAO_ERR_ARG, "sample %lld of %lld", (long long)i, (long long)d->n);
  int64_t at = set_position(d, i);
  return d->x.data ? array_sample(d, at, out) : file_sample(d, &d->item[at], out);
}

/* The same elements in the input's shape; unknown extents: one of them may take what is left. */
static eao_status numbers_to_input(eao_dataset *d, const eao_tensor *x, const eao_image_spec *s,
                                   const eao_tensor *type, eao_tensor *out) {
  int64_t dim[EAO_MAX_RANK] = {0}, n = eao_tensor_count(x), known = 1;
  int32_t open = -1;
  for (int32_t i = 0; i < type->rank; i++) {
    dim[i] = type->dim[i];
    if (dim[i] < 0 && i == 0 && type->rank > 1) dim[i] = 1; /* the batch */
    if (dim[i] < 0 && open >= 0) dim[i] = 1;
    if (dim[i] < 0)
      open = i;
    else if (!eao_mul_i64(known, dim[i], &known))
      known = 0;
  }
  if (open >= 0 && known > 0 && n % known == 0) dim[open] = n / known;
  if (type->rank < 0 || !known || (open < 0 ? known != n : dim[open] < 0))
    return eao_fail(d->ctx, EAO_ERR_SHAPE,
                    "a sample has %lld elements, the model's input takes %lld", (long long)n,
                    (long long)known);
  EAO_TRY(eao_tensor_create(d->ctx, type->dtype, type->rank, dim, out));
  out->quant = type->quant;
  bool as_is = s->std[0] == 0 && x->dtype == type->dtype;
  if (s->stored && !eao_dtype_is_float(type->dtype)) as_is = true;
  double mean = (double)s->mean[0], std = s->std[0] != 0 ? (double)s->std[0] : 1;
  for (int64_t i = 0; i < n; i++) {
    if (as_is && !eao_dtype_is_float(type->dtype)) {
      int64_t v = eao_get_i64(x, i);
      eao_set_i64(out, i, x->dtype == EAO_U8 && type->dtype == EAO_I8 ? v - 128 : v);
      continue;
    }
    double v = eao_tensor_real(x, i);
    if (!as_is) v = (v - mean) / std;
    if (type->quant.n) v = v / (double)eao_quant_scale(out, i) + eao_quant_zero(out, i);
    eao_set_f64(out, i, eao_dtype_is_float(type->dtype) ? v : rint(v));
  }
  return EAO_OK;
}

static bool is_image_input(const eao_tensor *type, const eao_tensor *x) {
  int64_t n = 1;
  bool known = true;
  if (type->rank < 3 || type->rank > 4) return false;
  for (int32_t i = 0; i < type->rank; i++) {
    if (type->dim[i] < 0)
      known = false;
    else if (!eao_mul_i64(n, type->dim[i], &n))
      return false;
  }
  /* One channel of the right size needs no fitting: also [1, rows, columns] of a recurrent net. */
  return !(known && x->dim[2] == 1 && n == eao_tensor_count(x));
}

eao_status eao_dataset_input(eao_dataset *d, int64_t i, const eao_tensor *type, eao_tensor *out) {
  eao_tensor x;
  memset(out, 0, sizeof *out);
  EAO_TRY(eao_dataset_sample(d, i, &x));
  bool image = d->x.data ? d->pixels : d->format == SET_IMAGES;
  eao_image_spec spec = d->image;
  eao_status s;
  if (image && spec.std[0] == 0) { /* nothing was said: 0..1, integers as they are */
    (void)eao_image_scaling(&spec, "unit");
    spec.stored = true;
  }
  if (image && is_image_input(type, &x))
    s = eao_image_to_input(d->ctx, &x, type, &spec, out);
  else if (d->format == SET_AUDIO)
    s = eao_audio_to_input(d->ctx, &x, type, out);
  else
    s = numbers_to_input(d, &x, &spec, type, out);
  eao_tensor_destroy(d->ctx, &x);
  if (s == EAO_OK) return s;
  eao_tensor_destroy(d->ctx, out);
  return eao_fail_within(d->ctx, s, "sample %lld", (long long)i);
}
