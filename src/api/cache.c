/* Compiled models kept between runs of the program.
 *
 * A package is found by a hash of everything that it was made from: the imported graph (so external
 * data and bound shapes count), the options, this version of EAO and this machine. Entries are
 * written under another name and renamed, read with all the checks that a package from a stranger
 * gets, and removed when they fail them; the oldest go when there is too much. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "api/compiled.h"
#include "eao/rt.h"
#include "eao/version.h"
#include "emit/check_eao.h"
#include "emit/emit_eao.h"
#include "op/text.h"

enum { CACHE_MIB = 512, PATH_BYTES = 4096, LIST_MAX = 65536, STALE_SECONDS = 3600 };

static void feed(eao_blake2b *b, const void *p, size_t n) {
  uint8_t digest[32];
  eao_wide_hash(p, n, digest);
  eao_blake2b_update(b, digest, sizeof digest);
}

static void feed_text(eao_blake2b *b, const char *s) {
  feed(b, s ? s : "", s ? strlen(s) + 1 : 0);
}

static eao_status feed_values(eao_blake2b *b, const eao_graph *g) {
  for (uint32_t i = 0; i < g->n_value; i++) {
    const eao_tensor *t = &g->value[i].t;
    size_t n = (size_t)t->quant.n * 4;
    uint64_t bytes = 0;
    if (t->quant.n > 0) feed(b, t->quant.scale, n);
    if (t->quant.n > 0 && t->quant.zero) feed(b, t->quant.zero, n);
    if (!t->data) continue;
    EAO_TRY(eao_tensor_nbytes(g->ctx, t, &bytes));
    feed(b, t->data, (size_t)bytes);
  }
  for (uint32_t i = 0; i < g->n_state; i++) {
    uint64_t bytes = 0;
    if (!g->state[i].init) continue;
    EAO_TRY(eao_tensor_nbytes(g->ctx, &g->value[g->state[i].in].t, &bytes));
    feed(b, g->state[i].init, (size_t)bytes);
  }
  return EAO_OK;
}

/* Another build of the program may compile otherwise. */
static void feed_program(eao_blake2b *b) {
  struct stat st;
  if (stat("/proc/self/exe", &st) != 0) return;
  const int64_t words[] = {st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
  feed(b, words, sizeof words);
}

/* The key in hex; EAO_ERR_UNSUPPORTED (no message) for graphs with bodies, which are not keyed. */
static eao_status key_of(const eao_model *m, const eao_compile_opts *o, char out[65]) {
  const eao_graph *g = m->g;
  for (uint32_t i = 0; i < g->n_node; i++)
    if (g->node[i].op && eao_node_body(&g->node[i], 0, NULL)) return EAO_ERR_UNSUPPORTED;
  eao_blake2b b;
  eao_text t;
  eao_blake2b_init(&b, 32);
  feed_text(&b, EAO_VERSION_STRING);
  feed_program(&b);
  feed_text(&b, o->target);
  feed_text(&b, o->source);
  const uint64_t words[] = {eao_cpu_isa(),       eao_cpu_flags(), o->threads, o->ram_budget,
                            (uint64_t)o->stream, o->ref_only,     o->golden};
  feed(&b, words, sizeof words);
  for (uint32_t i = 0; i < g->n_meta; i++) {
    feed_text(&b, g->meta[i].key);
    feed_text(&b, g->meta[i].text);
  }
  eao_text_init(&t, m->ctx);
  eao_graph_print(g, false, &t);
  eao_status s = t.failed ? EAO_NOMEM(m->ctx) : EAO_OK;
  if (s == EAO_OK) feed(&b, t.p, t.len);
  eao_text_deinit(&t);
  if (s == EAO_OK) s = feed_values(&b, g);
  uint8_t digest[32];
  eao_blake2b_final(&b, digest);
  for (int i = 0; i < 32; i++) {
    out[2 * i] = "0123456789abcdef"[digest[i] >> 4];
    out[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
  }
  out[64] = 0;
  return s;
}

/* Makes path and what stands above it; false: there is none, or others may write to it. */
static bool own_folder(char *path) {
  struct stat st;
  for (char *p = path + 1; *p; p++) {
    if (*p != '/') continue;
    *p = 0;
    bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
    *p = '/';
    if (!made) return false;
  }
  if (mkdir(path, 0700) != 0 && errno != EEXIST) return false;
  return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid() &&
         !(st.st_mode & (S_IWGRP | S_IWOTH));
}

static bool cache_folder(char out[PATH_BYTES]) {
  const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  int n = -1;
  if (xdg && xdg[0] == '/')
    n = snprintf(out, PATH_BYTES, "%s/eao", xdg);
  else if (home && home[0] == '/')
    n = snprintf(out, PATH_BYTES, "%s/.cache/eao", home);
  return n > 0 && n < PATH_BYTES && own_folder(out);
}

static eao_status check(eao_compiled *c) {
  eao_package p;
  eao_status s = eao_package_open_memory(&p, c->data, c->size);
  if (s == EAO_OK) s = eao_check_package(c->ctx, eao_rt(&p));
  eao_package_close(&p);
  return s;
}

/* NULL: there is no such entry, or none that may be used. */
static eao_compiled *load(eao_ctx *ctx, const char *path) {
  eao_file f;
  if (access(path, R_OK) != 0 || eao_file_map(ctx, path, &f) != EAO_OK) return NULL;
  eao_compiled *c = eao_alloc(ctx, sizeof *c);
  if (c) {
    c->ctx = ctx;
    if (eao_compiled_hold(c, f.data, f.size) != EAO_OK || check(c) != EAO_OK) {
      eao_compiled_destroy(c);
      c = NULL;
      unlink(path);
    } else {
      utimensat(AT_FDCWD, path, NULL, 0); /* the oldest is the one that was not used for longest */
    }
  }
  eao_file_unmap(ctx, &f);
  return c;
}

typedef struct entry {
  struct timespec used;
  uint64_t bytes;
  char name[80];
} entry;

static int by_age(const void *a, const void *b) {
  const struct timespec *x = &((const entry *)a)->used, *y = &((const entry *)b)->used;
  if (x->tv_sec != y->tv_sec) return x->tv_sec < y->tv_sec ? -1 : 1;
  return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Ours: <64 hex digits>.eao, or what an interrupted write left behind. */
static bool is_entry(const char *name) {
  return strspn(name, "0123456789abcdef") == 64 && strncmp(name + 64, ".eao", 4) == 0 &&
         strlen(name) < sizeof((entry *)0)->name;
}

static void keep_small(eao_ctx *ctx, const char *folder, uint64_t limit) {
  DIR *d = opendir(folder);
  entry *list = NULL;
  uint32_t n = 0, cap = 0;
  uint64_t total = 0;
  struct stat st;
  for (struct dirent *e; d && n < LIST_MAX && (e = readdir(d));) {
    if (!is_entry(e->d_name) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
      continue;
    if (e->d_name[68] && time(NULL) - st.st_mtime > STALE_SECONDS) unlinkat(dirfd(d), e->d_name, 0);
    if (e->d_name[68] || eao_grow(ctx, (void **)&list, &cap, n + 1, sizeof *list) != EAO_OK)
      continue;
    list[n] = (entry){.used = st.st_mtim, .bytes = (uint64_t)st.st_size};
    memcpy(list[n++].name, e->d_name, strlen(e->d_name) + 1);
    total += (uint64_t)st.st_size;
  }
  if (n > 1) qsort(list, n, sizeof *list, by_age);
  for (uint32_t i = 0; i < n && total > limit; i++) {
    unlinkat(dirfd(d), list[i].name, 0);
    total -= list[i].bytes;
  }
  eao_free(ctx, list);
  if (d) closedir(d);
}

eao_status eao_model_compile_cached(eao_model *m, const eao_compile_opts *opts, eao_compiled **out,
                                    bool *out_found) {
  static const eao_compile_opts none;
  const uint64_t limit = (uint64_t)CACHE_MIB << 20;
  char folder[PATH_BYTES], path[PATH_BYTES + 80], key[65];
  *out = NULL;
  if (out_found) *out_found = false;
  if (m->package || !cache_folder(folder) || key_of(m, opts ? opts : &none, key) != EAO_OK)
    return eao_model_compile(m, opts, out);
  snprintf(path, sizeof path, "%s/%s.eao", folder, key);
  *out = load(m->ctx, path);
  if (*out) {
    if (out_found) *out_found = true;
    return EAO_OK;
  }
  EAO_TRY(eao_model_compile(m, opts, out));
  if ((*out)->size > limit / 2) return EAO_OK;
  /* A full disk or a folder that went away is no reason not to run. */
  if (eao_compiled_save(*out, path) == EAO_OK) keep_small(m->ctx, folder, limit);
  return EAO_OK;
}
