/* Data sets of many files: folders and tar files of images, folders of audio. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/set.h"

static bool has_ending(const char *name, const char *const *endings, size_t n) {
  char low[16];
  const char *dot = strrchr(name, '.');
  if (!dot || strlen(dot) >= sizeof low) return false;
  for (size_t i = 0; i <= strlen(dot); i++) low[i] = (char)tolower((unsigned char)dot[i]);
  for (size_t i = 0; i < n; i++)
    if (strcmp(low, endings[i]) == 0) return true;
  return false;
}

static bool is_image(const char *name) {
  static const char *const endings[] = {".jpg", ".jpeg", ".png", ".bmp"};
  return has_ending(name, endings, EAO_COUNT(endings));
}

static bool is_audio(const char *name) {
  static const char *const endings[] = {".wav", ".flac", ".ogg"};
  return has_ending(name, endings, EAO_COUNT(endings));
}

static bool wanted(const eao_dataset *d, const char *name) {
  const char *slash = strrchr(name, '/');
  if ((slash ? slash[1] : name[0]) == '.') return false; /* hidden */
  if (d->format == SET_IMAGES) return is_image(name);
  if (d->format == SET_AUDIO) return is_audio(name);
  return is_image(name) || is_audio(name);
}

static eao_status add_item(eao_dataset *d, const char *name, uint64_t offset, uint64_t size) {
  if (d->n_item >= SET_FILES_MAX)
    return eao_fail(d->ctx, EAO_ERR_NOMEM, "'%s' has more than %d files", d->data, SET_FILES_MAX);
  EAO_TRY(eao_grow(d->ctx, (void **)&d->item, &d->cap_item, d->n_item + 1, sizeof *d->item));
  set_item it = {eao_arena_str(&d->arena, name), offset, size};
  if (!it.name) return EAO_NOMEM(d->ctx);
  d->item[d->n_item++] = it;
  return EAO_OK;
}

/* ---- folders ---- */

enum { FOLDER_DEPTH = 8 };

static eao_status list_folder(eao_dataset *d, const char *below, int depth) {
  char path[SET_PATH_MAX], name[SET_PATH_MAX];
  struct dirent *e;
  eao_status s = EAO_OK;
  if ((size_t)snprintf(path, sizeof path, "%s%s%s", d->data, below[0] ? "/" : "", below) >=
      sizeof path)
    return eao_fail(d->ctx, EAO_ERR_ARG, "the path '%s' is too long", path);
  DIR *dir = opendir(path);
  if (!dir) return eao_fail(d->ctx, EAO_ERR_IO, "'%s' cannot be read: %s", path, strerror(errno));
  while (s == EAO_OK && (e = readdir(dir))) {
    struct stat st;
    if (e->d_name[0] == '.') continue;
    if ((size_t)snprintf(name, sizeof name, "%s%s%s", below, below[0] ? "/" : "", e->d_name) >=
            sizeof name ||
        (size_t)snprintf(path, sizeof path, "%s/%s", d->data, name) >= sizeof path)
      continue;
    if (stat(path, &st) != 0) continue;
    if (S_ISDIR(st.st_mode) && depth < FOLDER_DEPTH)
      s = list_folder(d, name, depth + 1);
    else if (S_ISREG(st.st_mode) && wanted(d, name))
      s = add_item(d, name, 0, 0);
  }
  closedir(dir);
  return s;
}

/* ---- tar: POSIX ustar, GNU long names ---- */

static uint64_t octal(const uint8_t *p, size_t n) {
  uint64_t v = 0;
  if (p[0] & 0x80) { /* GNU: base 256 */
    for (size_t i = 1; i < n; i++) v = v << 8 | p[i];
    return v;
  }
  for (size_t i = 0; i < n && v < UINT64_MAX / 8; i++)
    if (p[i] >= '0' && p[i] <= '7') v = v * 8 + (uint64_t)(p[i] - '0');
  return v;
}

static void tar_name(const uint8_t *h, char *out) {
  size_t n = 0;
  if (memcmp(h + 257, "ustar", 5) == 0 && h[257 + 5] == 0 && h[345]) { /* POSIX prefix */
    n = strnlen((const char *)h + 345, 155);
    memcpy(out, h + 345, n);
    out[n++] = '/';
  }
  size_t m = strnlen((const char *)h, 100);
  memcpy(out + n, h, m);
  out[n + m] = 0;
}

static eao_status list_tar(eao_dataset *d) {
  enum { BLOCK = 512 };
  char name[SET_PATH_MAX], longer[SET_PATH_MAX] = "";
  EAO_TRY(eao_file_map(d->ctx, d->data, &d->tar));
  bool magic = d->tar.size >= BLOCK && memcmp(d->tar.data + 257, "ustar", 5) == 0;
  if (!magic && !set_ends_with(d->data, ".tar")) return EAO_OK; /* nothing that is known */
  for (uint64_t at = 0; d->tar.size - at >= BLOCK;) {
    const uint8_t *h = d->tar.data + at;
    uint64_t size = octal(h + 124, 12);
    if (h[0] == 0) break; /* the end */
    at += BLOCK;
    if (size > d->tar.size - at)
      return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s' is cut off within a member", d->data);
    tar_name(h, name);
    if (h[156] == 'L') { /* the next member's name */
      size_t n = size < sizeof longer - 1 ? (size_t)size : sizeof longer - 1;
      memcpy(longer, d->tar.data + at, n);
      longer[n] = 0;
    } else {
      const char *use = longer[0] ? longer : name;
      if ((h[156] == '0' || h[156] == 0) && wanted(d, use)) EAO_TRY(add_item(d, use, at, size));
      longer[0] = 0;
    }
    uint64_t padded = (size + BLOCK - 1) / BLOCK * BLOCK;
    if (padded > d->tar.size - at) break;
    at += padded;
  }
  return EAO_OK;
}

/* One image or sound: its folder with nothing else in it. */
static eao_status list_file(eao_dataset *d) {
  char *slash = strrchr(d->data, '/');
  EAO_TRY(add_item(d, slash ? slash + 1 : d->data, 0, 0));
  if (slash)
    slash[slash == d->data] = 0;
  else
    strcpy(d->data, ".");
  d->is_folder = true;
  return EAO_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const set_item *)a)->name, ((const set_item *)b)->name);
}

eao_status set_list(eao_dataset *d) {
  bool single = !d->is_folder && wanted(d, d->data);
  EAO_TRY(single ? list_file(d) : d->is_folder ? list_folder(d, "", 0) : list_tar(d));
  if (d->n_item) qsort(d->item, d->n_item, sizeof *d->item, by_name);
  if (!d->n_item)
    return eao_fail(d->ctx, EAO_ERR_FORMAT,
                    "'%s' holds no data set that is known: images, audio, IDX, CIFAR, npy, npz, "
                    "csv; a description (dataset.yaml) may name the file",
                    d->data);
  uint32_t audio = 0;
  for (uint32_t i = 0; i < d->n_item; i++) audio += is_audio(d->item[i].name);
  if (audio && audio < d->n_item)
    return eao_fail(d->ctx, EAO_ERR_FORMAT,
                    "'%s' holds images and audio; say which with 'format' in a description",
                    d->data);
  if (d->format == SET_AUTO) d->format = audio ? SET_AUDIO : SET_IMAGES;
  if (d->format == SET_AUDIO && !d->is_folder)
    return eao_fail(d->ctx, EAO_ERR_UNSUPPORTED, "'%s': audio in tar files is not read; unpack it",
                    d->data);
  d->total = d->n_item;
  return EAO_OK;
}

/* ---- labels ---- */

/* The last folder of a path, "" at the top. */
static size_t folder_of(const char *name, const char **out) {
  const char *slash = strrchr(name, '/'), *from = slash;
  if (!slash) return 0;
  while (from > name && from[-1] != '/') from--;
  *out = from;
  return (size_t)(slash - from);
}

static bool prefix_of(const char *name, int64_t *out) {
  const char *p = strrchr(name, '/');
  int64_t v = 0;
  p = p ? p + 1 : name;
  if (!isdigit((unsigned char)*p)) return false;
  for (; isdigit((unsigned char)*p) && v < SET_CLASSES_MAX; p++) v = v * 10 + *p - '0';
  *out = v;
  return v < SET_CLASSES_MAX && !isalnum((unsigned char)*p);
}

static int by_text(const void *a, const void *b) {
  const char *x = *(const char *const *)a, *y = *(const char *const *)b;
  double u, v;
  if (set_number(x, &u) && set_number(y, &v) && u != v) return u < v ? -1 : 1;
  return strcmp(x, y);
}

/* Classes are the folders: in the order of the description, else by number or name. */
static eao_status label_by_folder(eao_dataset *d) {
  bool given = d->classes.n > 0;
  const char *dir = NULL, *last = "";
  size_t last_len = SIZE_MAX;
  for (uint32_t i = 0; !given && i < d->n_item; i++) {
    size_t n = folder_of(d->item[i].name, &dir);
    if (n == last_len && memcmp(dir, last, n) == 0) continue; /* items are sorted */
    bool known = false;
    for (uint32_t k = 0; k < d->classes.n && !known; k++)
      known = strlen(d->classes.at[k]) == n && memcmp(d->classes.at[k], dir, n) == 0;
    last = dir;
    last_len = n;
    if (known) continue;
    if (d->classes.n >= 65536)
      return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s' has too many folders", d->data);
    EAO_TRY(set_names_add(d, &d->classes, dir, n));
  }
  if (!given && d->classes.n)
    qsort((void *)d->classes.at, d->classes.n, sizeof *d->classes.at, by_text);
  int64_t recent = 0;
  for (uint32_t i = 0; i < d->n_item; i++) {
    size_t n = folder_of(d->item[i].name, &dir);
    d->label[i] = -1;
    for (uint32_t k = 0; k < d->classes.n; k++) {
      int64_t c = (recent + k) % d->classes.n;
      if (strlen(d->classes.at[c]) != n || memcmp(d->classes.at[c], dir, n) != 0) continue;
      d->label[i] = recent = c;
      break;
    }
    if (d->label[i] < 0)
      return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s' is in no folder named by 'classes'",
                      d->item[i].name);
  }
  return EAO_OK;
}

static eao_status label_by_prefix(eao_dataset *d) {
  for (uint32_t i = 0; i < d->n_item; i++)
    if (!prefix_of(d->item[i].name, &d->label[i]))
      return eao_fail(d->ctx, EAO_ERR_FORMAT, "the name of '%s' does not start with a class number",
                      d->item[i].name);
  return EAO_OK;
}

eao_status set_label_items(eao_dataset *d) {
  bool folders = true, prefixes = true, several = false;
  const char *dir = NULL, *first = NULL;
  size_t first_len = 0;
  int64_t number;
  for (uint32_t i = 0; i < d->n_item; i++) {
    size_t n = folder_of(d->item[i].name, &dir);
    if (!n) folders = false;
    if (i == 0) {
      first = dir;
      first_len = n;
    } else if (n != first_len || (n && memcmp(dir, first, n) != 0)) {
      several = true;
    }
    if (prefixes && !prefix_of(d->item[i].name, &number)) prefixes = false;
  }
  if (d->labels == SET_LABELS_AUTO)
    d->labels = folders && several ? SET_LABELS_FOLDER
                : prefixes         ? SET_LABELS_PREFIX
                                   : SET_LABELS_NONE;
  if (d->labels == SET_LABELS_NONE) return EAO_OK;
  if (d->labels == SET_LABELS_FOLDER && !folders)
    return eao_fail(d->ctx, EAO_ERR_FORMAT, "'%s': not every file is in a folder", d->data);
  d->label = eao_alloc(d->ctx, d->n_item * sizeof *d->label);
  if (!d->label) return EAO_NOMEM(d->ctx);
  return d->labels == SET_LABELS_FOLDER ? label_by_folder(d) : label_by_prefix(d);
}
