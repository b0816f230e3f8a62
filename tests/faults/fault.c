/* Makes the k-th call of a kind fail, as EAO_FAULT says: "alloc:12", or "alloc:12+" for that one
 * and all later ones. Kinds: alloc open map read write sync rename create. EAO_FAULT_COUNTS names a
 * file that gets the number of calls of each kind when the program ends.
 *
 * Built twice: as a library to preload, which sees the calls of other libraries too, and with
 * FAULT_WRAP for the linker's --wrap, which works together with the address sanitizer. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ALLOC, OPEN, MAP, READ, WRITE, SYNC, RENAME, CREATE, KINDS };
static const char *const names[KINDS] = {"alloc", "open", "map",    "read",
                                         "write", "sync", "rename", "create"};
static unsigned long count[KINDS], fail_at;
static int fail_kind = -1, fail_after, ready;

static void set_up(void) {
  const char *s = getenv("EAO_FAULT");
  ready = 1;
  for (int k = 0; s && k < KINDS; k++) {
    size_t n = strlen(names[k]);
    char *end;
    if (strncmp(s, names[k], n) != 0 || s[n] != ':') continue;
    fail_kind = k;
    fail_at = strtoul(s + n + 1, &end, 10);
    fail_after = *end == '+';
  }
}

static int fails(int kind) {
  if (!ready) set_up();
  unsigned long n = __atomic_add_fetch(&count[kind], 1, __ATOMIC_RELAXED);
  return kind == fail_kind && (n == fail_at || (fail_after && n > fail_at));
}

__attribute__((destructor)) static void write_counts(void) {
  const char *path = getenv("EAO_FAULT_COUNTS");
  char text[256];
  int n = 0;
  if (!path) return;
  for (int k = 0; k < KINDS; k++)
    n += snprintf(text + n, sizeof text - (size_t)n, "%s %lu\n", names[k], count[k]);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
  if (fd < 0 || syscall(SYS_write, fd, text, n) != n) _exit(98);
  syscall(SYS_close, fd);
}

#ifdef FAULT_WRAP
#define HERE(f) __wrap_##f
#define REAL(f) __real_##f
#define REAL_MALLOC(f) __real_##f
#else
#define HERE(f) f
#define REAL_MALLOC(f) __libc_##f
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);
#endif

#ifdef FAULT_WRAP
void *REAL(malloc)(size_t n);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t n);
void *REAL(aligned_alloc)(size_t align, size_t n);
char *REAL(strdup)(const char *s);
FILE *REAL(fopen)(const char *path, const char *mode);
void *HERE(malloc)(size_t n);
void *HERE(calloc)(size_t n, size_t size);
void *HERE(realloc)(void *p, size_t n);
void *HERE(aligned_alloc)(size_t align, size_t n);
char *HERE(strdup)(const char *s);
FILE *HERE(fopen)(const char *path, const char *mode);
int HERE(open)(const char *path, int flags, ...);
void *HERE(mmap)(void *at, size_t n, int prot, int flags, int fd, off_t offset);
ssize_t HERE(read)(int fd, void *p, size_t n);
ssize_t HERE(write)(int fd, const void *p, size_t n);
int HERE(fsync)(int fd);
int HERE(rename)(const char *from, const char *to);
int HERE(mkstemp)(char *path);
int HERE(mkdir)(const char *path, mode_t mode);
int REAL(mkstemp)(char *path);
#endif

static void *no_memory(void) {
  errno = ENOMEM;
  return NULL;
}

void *HERE(malloc)(size_t n) {
  return fails(ALLOC) ? no_memory() : REAL_MALLOC(malloc)(n);
}
void *HERE(calloc)(size_t n, size_t size) {
  return fails(ALLOC) ? no_memory() : REAL_MALLOC(calloc)(n, size);
}
void *HERE(realloc)(void *p, size_t n) {
  return fails(ALLOC) ? no_memory() : REAL_MALLOC(realloc)(p, n);
}
#ifdef FAULT_WRAP
void *HERE(aligned_alloc)(size_t align, size_t n) {
  return fails(ALLOC) ? no_memory() : REAL(aligned_alloc)(align, n);
}
char *HERE(strdup)(const char *s) {
  return fails(ALLOC) ? no_memory() : REAL(strdup)(s);
}
FILE *HERE(fopen)(const char *path, const char *mode) {
  if (!fails(OPEN)) return REAL(fopen)(path, mode);
  errno = EMFILE;
  return NULL;
}
#else
void *aligned_alloc(size_t align, size_t n) {
  return fails(ALLOC) ? no_memory() : __libc_memalign(align, n);
}
int posix_memalign(void **out, size_t align, size_t n) {
  void *p = fails(ALLOC) ? NULL : __libc_memalign(align, n);
  if (!p) return ENOMEM;
  *out = p;
  return 0;
}
#endif

int HERE(open)(const char *path, int flags, ...) {
  va_list ap;
  va_start(ap, flags);
  mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
  va_end(ap);
  if (!fails(OPEN)) return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  errno = EMFILE;
  return -1;
}

void *HERE(mmap)(void *at, size_t n, int prot, int flags, int fd, off_t offset) {
  if (!fails(MAP)) return (void *)syscall(SYS_mmap, at, n, prot, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

ssize_t HERE(read)(int fd, void *p, size_t n) {
  if (!fails(READ)) return syscall(SYS_read, fd, p, n);
  errno = EIO;
  return -1;
}

/* A failing write is a full disk: half of it gets through first. */
ssize_t HERE(write)(int fd, const void *p, size_t n) {
  if (!fails(WRITE)) return syscall(SYS_write, fd, p, n);
  if (n > 1) syscall(SYS_write, fd, p, n / 2);
  errno = ENOSPC;
  return -1;
}

int HERE(fsync)(int fd) {
  if (!fails(SYNC)) return (int)syscall(SYS_fsync, fd);
  errno = EIO;
  return -1;
}

int HERE(rename)(const char *from, const char *to) {
  if (!fails(RENAME)) return (int)syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to);
  errno = EACCES;
  return -1;
}

int HERE(mkdir)(const char *path, mode_t mode) {
  if (!fails(CREATE)) return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  errno = EROFS;
  return -1;
}

#ifdef FAULT_WRAP
int HERE(mkstemp)(char *path) {
  if (!fails(CREATE)) return REAL(mkstemp)(path);
  errno = EROFS;
  return -1;
}
#endif
