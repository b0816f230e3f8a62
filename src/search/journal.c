#include "search/journal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HASH_TEXT = 16, LINE_MAX_BYTES = 65536, PATH_BYTES = 700 };
static const uint64_t journal_max_bytes = 64u << 20; /* a search writes kilobytes */

typedef struct finding {
  const char *name, *text;
} finding;

struct eao_journal {
  eao_ctx *ctx;
  eao_arena arena;
  eao_map map; /* name to finding */
  finding *item;
  uint32_t n, cap, found;
  int fd;
  char dir[600];
};

static void path_of(const eao_journal *j, const char *name, char out[PATH_BYTES]) {
  snprintf(out, PATH_BYTES, "%s/%.90s", j->dir, name);
}

static void hex(const uint8_t *p, size_t n, char *out) {
  for (size_t i = 0; i < n; i++) snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static void line_hash(const char *s, size_t n, char out[HASH_TEXT + 1]) {
  uint8_t h[HASH_TEXT / 2];
  eao_blake2b b;
  eao_blake2b_init(&b, sizeof h);
  eao_blake2b_update(&b, s, n);
  eao_blake2b_final(&b, h);
  hex(h, sizeof h, out);
}

static eao_status keep(eao_journal *j, const char *name, size_t n_name, const char *text,
                       size_t n_text) {
  EAO_TRY(eao_grow(j->ctx, (void **)&j->item, &j->cap, j->n + 1, sizeof *j->item));
  finding f = {eao_arena_strn(&j->arena, name, n_name), eao_arena_strn(&j->arena, text, n_text)};
  if (!f.name || !f.text) return EAO_NOMEM(j->ctx);
  j->item[j->n] = f;
  return eao_map_put(&j->map, f.name, j->n++, NULL);
}

/* Takes in the lines that are whole; *out_good: bytes of them. */
static eao_status read_lines(eao_journal *j, const char *p, size_t n, size_t *out_good) {
  *out_good = 0;
  while (*out_good < n) {
    const char *line = p + *out_good, *end = memchr(line, '\n', n - *out_good);
    char want[HASH_TEXT + 1];
    if (!end || end - line <= HASH_TEXT + 1 || end - line > LINE_MAX_BYTES) return EAO_OK;
    const char *body = line + HASH_TEXT + 1;
    size_t n_body = (size_t)(end - body);
    line_hash(body, n_body, want);
    if (memcmp(want, line, HASH_TEXT) != 0 || body[-1] != ' ') return EAO_OK;
    const char *space = memchr(body, ' ', n_body);
    if (!space) return EAO_OK;
    EAO_TRY(keep(j, body, (size_t)(space - body), space + 1, (size_t)(end - space - 1)));
    *out_good = (size_t)(end - p) + 1;
  }
  return EAO_OK;
}

static eao_status io_failure(const eao_journal *j, const char *what) {
  return eao_fail(j->ctx, EAO_ERR_IO, "cannot %s the state in '%s': %s", what, j->dir,
                  strerror(errno));
}

static eao_status read_journal(eao_journal *j) {
  struct stat st;
  if (fstat(j->fd, &st) != 0) return io_failure(j, "read");
  if ((uint64_t)st.st_size > journal_max_bytes) return EAO_OK; /* none of ours */
  size_t n = (size_t)st.st_size, have = 0, good;
  char *p = eao_alloc(j->ctx, n + 1);
  if (!p) return EAO_NOMEM(j->ctx);
  while (have < n) {
    ssize_t r = pread(j->fd, p + have, n - have, (off_t)have);
    if (r <= 0) break;
    have += (size_t)r;
  }
  eao_status s = read_lines(j, p, have, &good);
  eao_free(j->ctx, p);
  if (s == EAO_OK && good < n && ftruncate(j->fd, (off_t)good) != 0) s = io_failure(j, "mend");
  return s;
}

/* The journal goes last: while it is there, it tells whose files these are. */
static eao_status start_empty(eao_journal *j, const char *key) {
  DIR *d = opendir(j->dir);
  struct dirent *e;
  if (ftruncate(j->fd, 0) != 0) {
    if (d) closedir(d);
    return io_failure(j, "empty");
  }
  while (d && (e = readdir(d))) {
    char path[PATH_BYTES];
    if (e->d_name[0] == '.' || strcmp(e->d_name, "journal") == 0) continue;
    path_of(j, e->d_name, path);
    remove(path);
  }
  if (d) closedir(d);
  eao_map_deinit(&j->map);
  eao_map_init(&j->map, j->ctx);
  j->n = 0;
  return eao_journal_put(j, "key", key);
}

static eao_status open_journal(eao_journal *j, const char *key, bool fresh) {
  char path[PATH_BYTES];
  if (mkdir(j->dir, 0777) != 0 && errno != EEXIST) return io_failure(j, "make");
  path_of(j, "journal", path);
  j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (j->fd < 0) return io_failure(j, "open");
  if (flock(j->fd, LOCK_EX | LOCK_NB) != 0)
    return eao_fail(j->ctx, EAO_ERR_IO,
                    "another run works in '%s': wait for it, or choose another output folder",
                    j->dir);
  EAO_TRY(read_journal(j));
  const char *was = eao_journal_get(j, "key");
  if (fresh || !was || strcmp(was, key) != 0) return start_empty(j, key);
  j->found = j->n - 1;
  return EAO_OK;
}

eao_status eao_journal_open(eao_ctx *ctx, const char *out_dir, const uint8_t key[EAO_JOURNAL_KEY],
                            bool fresh, eao_journal **out) {
  char text[2 * EAO_JOURNAL_KEY + 1];
  *out = NULL;
  eao_journal *j = eao_alloc(ctx, sizeof *j);
  if (!j) return EAO_NOMEM(ctx);
  j->ctx = ctx;
  j->fd = -1;
  eao_arena_init(&j->arena, ctx);
  eao_map_init(&j->map, ctx);
  hex(key, EAO_JOURNAL_KEY, text);
  eao_status s = EAO_OK;
  if (snprintf(j->dir, sizeof j->dir, "%s/.eao-state", out_dir) >= (int)sizeof j->dir)
    s = eao_fail(ctx, EAO_ERR_ARG, "the path of the output folder is too long");
  if (s == EAO_OK) s = open_journal(j, text, fresh);
  if (s != EAO_OK) {
    eao_journal_close(j);
    return s;
  }
  *out = j;
  return EAO_OK;
}

void eao_journal_close(eao_journal *j) {
  if (!j) return;
  if (j->fd >= 0) close(j->fd);
  eao_map_deinit(&j->map);
  eao_free(j->ctx, j->item);
  eao_arena_deinit(&j->arena);
  eao_free(j->ctx, j);
}

const char *eao_journal_get(const eao_journal *j, const char *name) {
  uint32_t i;
  return eao_map_get(&j->map, name, &i) ? j->item[i].text : NULL;
}

eao_status eao_journal_put(eao_journal *j, const char *name, const char *text) {
  eao_text line;
  char hash[HASH_TEXT + 1];
  /* A kill between two findings of one piece of work has it repeated: what is known is not said
   * twice. */
  const char *known = eao_journal_get(j, name);
  if (known && strcmp(known, text) == 0) return EAO_OK;
  eao_text_init(&line, j->ctx);
  eao_text_printf(&line, "%*s %s %s", HASH_TEXT, "", name, text);
  eao_status s = line.failed ? EAO_NOMEM(j->ctx) : EAO_OK;
  if (s == EAO_OK && (line.len >= LINE_MAX_BYTES || strchr(text, '\n') || strchr(name, ' ')))
    s = eao_fail(j->ctx, EAO_ERR_INTERNAL, "finding '%s' does not fit a line of the state", name);
  if (s == EAO_OK) {
    line_hash(line.p + HASH_TEXT + 1, line.len - HASH_TEXT - 1, hash);
    memcpy(line.p, hash, HASH_TEXT);
    eao_text_add(&line, "\n", 1);
    if (line.failed) s = EAO_NOMEM(j->ctx);
  }
  /* A short write leaves a line that the next run cuts off. */
  if (s == EAO_OK && (write(j->fd, line.p, line.len) != (ssize_t)line.len || fdatasync(j->fd) != 0))
    s = io_failure(j, "write");
  eao_text_deinit(&line);
  return s == EAO_OK ? keep(j, name, strlen(name), text, strlen(text)) : s;
}

static void file_hash(const void *data, size_t size, char out[65]) {
  uint8_t h[32];
  eao_wide_hash(data, size, h);
  hex(h, sizeof h, out);
}

eao_status eao_journal_get_file(eao_journal *j, const char *name, eao_file *out, bool *out_there) {
  char path[PATH_BYTES], entry[128], is[65];
  *out_there = false;
  snprintf(entry, sizeof entry, "file:%.100s", name);
  const char *want = eao_journal_get(j, entry);
  if (!want) return EAO_OK;
  path_of(j, name, path);
  if (access(path, R_OK) != 0) return EAO_OK;
  EAO_TRY(eao_file_map(j->ctx, path, out));
  file_hash(out->data, out->size, is);
  *out_there = strcmp(is, want) == 0;
  if (!*out_there) eao_file_unmap(j->ctx, out);
  return EAO_OK;
}

eao_status eao_journal_put_file(eao_journal *j, const char *name, const void *data, size_t size) {
  char path[PATH_BYTES], entry[128], is[65];
  path_of(j, name, path);
  EAO_TRY(eao_file_write(j->ctx, path, data, size));
  file_hash(data, size, is);
  snprintf(entry, sizeof entry, "file:%.100s", name);
  return eao_journal_put(j, entry, is);
}

uint32_t eao_journal_found(const eao_journal *j) {
  return j->found;
}
