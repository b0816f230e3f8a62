/* What the files behind eao/dataset.h share. */
#ifndef EAO_DATA_SET_H
#define EAO_DATA_SET_H

#include "data/data.h"
#include "eao/dataset.h"

typedef enum set_format {
  SET_AUTO = 0,
  SET_IMAGES,
  SET_AUDIO,
  SET_IDX,
  SET_CIFAR,
  SET_NPY,
  SET_NPZ,
  SET_CSV,
  SET_RAW,
} set_format;

typedef enum set_labels {
  SET_LABELS_AUTO = 0,
  SET_LABELS_NONE,
  SET_LABELS_FOLDER, /* name of the folder */
  SET_LABELS_PREFIX, /* number in front of the file's name */
  SET_LABELS_COLUMN, /* csv */
  SET_LABELS_FILE,
} set_labels;

/* What a label file holds. */
typedef enum set_kind {
  SET_KIND_CLASS = 0,
  SET_KIND_TEXT,
  SET_KIND_BOXES,
} set_kind;

enum { SET_CLASSES_MAX = 1 << 20, SET_FILES_MAX = 1 << 24, SET_PATH_MAX = 4096 };

/* A growing list of texts in the set's arena. */
typedef struct set_names {
  const char **at;
  uint32_t n, cap;
} set_names;

/* A file of a set: on disk, or within the mapped tar file. */
typedef struct set_item {
  const char *name;      /* path below the set's folder */
  uint64_t offset, size; /* tar */
} set_item;

struct eao_dataset {
  eao_ctx *ctx;
  eao_arena arena;
  char root[SET_PATH_MAX]; /* folder that names in the description start from */
  char data[SET_PATH_MAX]; /* file or folder of the samples */
  set_format format;
  bool is_folder;

  /* Of the description. */
  set_labels labels;
  const char *label_file, *class_file, *metric, *index_file;
  set_names classes;
  int64_t label_column, label_offset, sample_rate, split_first, split_count; /* count -1: all */
  eao_tensor sample_type; /* raw: dtype and shape of a sample; quant */
  float scale[1];
  int32_t zero[1];
  eao_image_spec image;
  set_kind label_kind;
  int64_t blank;
  eao_detect_spec detect;
  bool label_found; /* label_file is a path, not a name of the description */

  /* Samples: x [total, ...] or files. */
  eao_tensor x;
  bool pixels; /* samples of x are images: u8 [h, w] or [h, w, c] */
  set_item *item;
  uint32_t n_item, cap_item;
  eao_file tar; /* mapped; data NULL: none */
  int64_t total;
  int64_t *label;    /* total entries, or NULL */
  const char **text; /* the same */
  eao_box *box;      /* sorted by image */
  uint32_t n_box, cap_box;
  int64_t *index; /* of the split: n entries, or NULL: first, first + 1, ... */
  int64_t first, n;
  int32_t rate_hz; /* of the audio sample read last */
};

eao_status set_names_add(eao_dataset *d, set_names *list, const char *text, size_t len);
/* "root/name" for a name of the description; fails when it leaves the folder. */
eao_status set_path(eao_dataset *d, const char *name, char out[SET_PATH_MAX]);
/* The number that all of a text is. */
bool set_number(const char *text, double *out);
bool set_ends_with(const char *s, const char *end);
typedef struct set_lines {
  const char *p, *end;
} set_lines;
/* The next line that is not empty, without its end; copied to buf, so that it ends with NUL. */
bool set_next_line(set_lines *l, char *buf, size_t cap);
/* Cuts a line into fields at its first separator of , ; tab; quotes around a field go. */
uint32_t set_cut(char *line, char **field, uint32_t cap);
/* Number of a class by name or as a number; a new name is added. */
eao_status set_class_of(eao_dataset *d, const char *text, int64_t *out);
/* Where sample i of the split is among all. */
int64_t set_position(const eao_dataset *d, int64_t i);
/* Contents of a file, inflated when it is gzipped. Free *out with eao_free when *owned, else
 * unmap. */
typedef struct set_blob {
  const uint8_t *p;
  size_t n;
  eao_file file;
  uint8_t *owned;
} set_blob;
eao_status set_blob_read(eao_ctx *ctx, const char *path, set_blob *out);
void set_blob_free(eao_ctx *ctx, set_blob *b);

/* Reads a description into d. split NULL: its "test", if any. */
eao_status set_spec_read(eao_dataset *d, const char *path, const char *split);

/* Loaders: fill in x, or item, and label; total. */
eao_status set_load_idx(eao_dataset *d);
eao_status set_load_cifar(eao_dataset *d);
eao_status set_load_npy(eao_dataset *d);
eao_status set_load_npz(eao_dataset *d);
eao_status set_load_raw(eao_dataset *d);
eao_status set_load_csv(eao_dataset *d);
eao_status set_load_files(eao_dataset *d);
/* Lists the members of a tar file, or the files below a folder, into d->item, sorted by name. */
eao_status set_list(eao_dataset *d);
/* Labels of d->item by folder or by the number in front of the name. */
eao_status set_label_items(eao_dataset *d);
/* Labels out of d->label_file: IDX, .npy, text or raw bytes. */
eao_status set_load_labels(eao_dataset *d);
/* The same for texts and boxes. */
eao_status set_load_truth(eao_dataset *d);

#endif
