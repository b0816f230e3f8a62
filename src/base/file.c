#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"

eao_status eao_file_map(eao_ctx *ctx, const char *path, eao_file *out) {
  memset(out, 0, sizeof *out);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return eao_fail(ctx, EAO_ERR_IO, "cannot open '%s': %s", path, strerror(errno));
  eao_status s = EAO_OK;
  struct stat st;
  if (fstat(fd, &st) != 0) {
    s = eao_fail(ctx, EAO_ERR_IO, "cannot read '%s': %s", path, strerror(errno));
  } else if (!S_ISREG(st.st_mode)) {
    s = eao_fail(ctx, EAO_ERR_IO, "'%s' is not a regular file", path);
  } else if (st.st_size > 0) {
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
      s = eao_fail(ctx, EAO_ERR_IO, "cannot map '%s': %s", path, strerror(errno));
    } else {
      out->data = p;
      out->size = (size_t)st.st_size;
    }
  }
  close(fd);
  return s;
}

void eao_file_unmap(eao_ctx *ctx, eao_file *f) {
  (void)ctx;
  if (f->data) munmap((void *)(uintptr_t)f->data, f->size);
  memset(f, 0, sizeof *f);
}

static eao_status write_all(eao_ctx *ctx, int fd, const char *path, const char *p, size_t n) {
  while (n > 0) {
    ssize_t k = write(fd, p, n);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0)
      return eao_fail(ctx, EAO_ERR_IO, "cannot write '%s': %s", path,
                      k < 0 ? strerror(errno) : "no progress");
    p += k;
    n -= (size_t)k;
  }
  return EAO_OK;
}

eao_status eao_file_from_bytes(eao_ctx *ctx, const void *data, size_t n, eao_file *out) {
  memset(out, 0, sizeof *out);
  if (!n) return EAO_OK;
  int fd = memfd_create("eao", MFD_CLOEXEC);
  if (fd < 0) return eao_fail(ctx, EAO_ERR_IO, "cannot make a file in memory: %s", strerror(errno));
  eao_status s = write_all(ctx, fd, "memory", data, n);
  if (s == EAO_OK) {
    void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
      s = eao_fail(ctx, EAO_ERR_NOMEM, "cannot map memory: %s", strerror(errno));
    else
      *out = (eao_file){p, n};
  }
  close(fd);
  return s;
}

void eao_file_forget(const void *p, size_t n) {
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1), to = ((uintptr_t)p + n) & ~(page - 1);
  if (from < to) (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

eao_status eao_file_write(eao_ctx *ctx, const char *path, const void *data, size_t size) {
  return eao_file_write_parts(ctx, path, &(eao_span){data, size}, 1);
}

eao_status eao_file_write_parts(eao_ctx *ctx, const char *path, const eao_span *part,
                                uint32_t n_part) {
  if (ctx->output_fd >= 0) {
    eao_status s = EAO_OK;
    for (uint32_t i = 0; s == EAO_OK && i < n_part; i++)
      s = write_all(ctx, ctx->output_fd, path, part[i].p, part[i].n);
    return s;
  }
  size_t cap = strlen(path) + 16;
  char *tmp = eao_alloc(ctx, cap);
  if (!tmp) return EAO_NOMEM(ctx);
  snprintf(tmp, cap, "%s.XXXXXX", path);
  int fd = mkstemp(tmp);
  if (fd < 0) {
    eao_status bad = eao_fail(ctx, EAO_ERR_IO, "cannot create '%s': %s", tmp, strerror(errno));
    eao_free(ctx, tmp);
    return bad;
  }
  eao_status s = EAO_OK;
  for (uint32_t i = 0; s == EAO_OK && i < n_part; i++)
    s = write_all(ctx, fd, path, part[i].p, part[i].n);
  if (s == EAO_OK && (fchmod(fd, 0644) != 0 || fsync(fd) != 0))
    s = eao_fail(ctx, EAO_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
  if (close(fd) != 0 && s == EAO_OK)
    s = eao_fail(ctx, EAO_ERR_IO, "cannot write '%s': %s", path, strerror(errno));
  if (s == EAO_OK && rename(tmp, path) != 0)
    s = eao_fail(ctx, EAO_ERR_IO, "cannot rename to '%s': %s", path, strerror(errno));
  if (s != EAO_OK) unlink(tmp);
  eao_free(ctx, tmp);
  return s;
}

uint64_t eao_clock_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
