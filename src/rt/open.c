/* Opening packages and asking about them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rt/model.h"

_Static_assert(sizeof(eao_rt_model) <= sizeof(eao_package), "eao_package must hold it");

static size_t round_up(size_t n) {
  return (n + EAO_PKG_ALIGN - 1) & ~(size_t)(EAO_PKG_ALIGN - 1);
}

/* The session's tables stand before the activations; session.c carves them in the same order. */
void eao_rt_sizes(eao_rt_model *m) {
  size_t n_tensor = (size_t)eao_rt_count(m, EAO_PKG_TENSORS);
  size_t n_step = (size_t)eao_rt_count(m, EAO_PKG_STEPS);
  size_t n_ref = (size_t)eao_rt_count(m, EAO_PKG_REFS);
  size_t n = round_up(sizeof(eao_session));
  n += round_up(n_tensor * sizeof(eao_tensor));
  n += round_up(n_ref * sizeof(eao_tensor *));
  n += round_up(n_step * sizeof(eao_kernel *)) + round_up(n_step * sizeof(eao_rt_claim));
  n += round_up(m->max_io * sizeof(eao_tensor)) + round_up(m->max_io * sizeof(eao_tensor *));
  n += round_up(m->max_attr_bytes);
  n += 2 * round_up(EAO_STAGE_MAX_STEPS * sizeof(uint64_t));
  m->activations = n;
  m->session_bytes = n + round_up((size_t)m->header->arena_bytes);
}

static eao_status open_verified(eao_rt_model *m) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
  return eao_rt_fail(m, EAO_ERR_UNSUPPORTED, "packages need a little-endian machine");
#endif
  if ((uintptr_t)m->base % EAO_PKG_ALIGN)
    return eao_rt_fail(m, EAO_ERR_ARG, "the package's memory must be 64-byte aligned");
  m->header = (const eao_pkg_header *)(const void *)m->base;
  eao_status s = eao_rt_verify(m);
  if (s == EAO_OK) eao_rt_sizes(m);
  return s;
}

eao_status eao_package_open_memory(eao_package *package, const void *data, size_t size) {
  memset(package, 0, sizeof *package);
  eao_rt_model *m = eao_rt(package);
  m->message = "";
  m->base = data;
  m->size = size;
  return open_verified(m);
}

static eao_status map_file(eao_rt_model *m, const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return eao_rt_fail(m, EAO_ERR_IO, strerror(errno));
  eao_status s = EAO_OK;
  struct stat st;
  if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
    s = eao_rt_fail(m, EAO_ERR_IO, "not a regular file");
  } else if (st.st_size < (off_t)sizeof(eao_pkg_header)) {
    s = eao_rt_fail(m, EAO_ERR_FORMAT, "shorter than a package's header");
  } else if ((uint64_t)st.st_size > SIZE_MAX / 2) {
    s = eao_rt_fail(m, EAO_ERR_NOMEM, "larger than the address space");
  } else {
    m->size = (size_t)st.st_size;
    m->map = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (m->map == MAP_FAILED) {
      m->map = NULL;
      s = eao_rt_fail(m, EAO_ERR_IO, strerror(errno));
    }
    m->base = m->map;
  }
  close(fd);
  return s;
}

eao_status eao_package_open(eao_package *package, const char *path) {
  memset(package, 0, sizeof *package);
  eao_rt_model *m = eao_rt(package);
  m->message = "";
  eao_status s = map_file(m, path);
  if (s == EAO_OK) s = open_verified(m);
  if (s != EAO_OK && m->map) {
    munmap(m->map, m->size);
    m->map = NULL;
  }
  return s;
}

void eao_package_close(eao_package *package) {
  eao_rt_model *m = eao_rt(package);
  if (m->map) munmap(m->map, m->size);
  memset(package, 0, sizeof *package);
  m->message = "";
}

const char *eao_package_message(const eao_package *m) {
  return eao_rt_const(m)->message;
}

size_t eao_package_arena_bytes(const eao_package *m) {
  return eao_rt_const(m)->session_bytes;
}

size_t eao_package_activation_bytes(const eao_package *m) {
  return (size_t)eao_rt_const(m)->header->arena_bytes;
}

static const char *io_name(const eao_rt_model *m, eao_pkg_section sec, uint32_t i) {
  if (i >= eao_rt_count(m, sec)) return NULL;
  return eao_rt_string(m, ((const eao_pkg_io *)eao_rt_section(m, sec))[i].name);
}

uint32_t eao_package_input_count(const eao_package *m) {
  return (uint32_t)eao_rt_count(eao_rt_const(m), EAO_PKG_INPUTS);
}
uint32_t eao_package_output_count(const eao_package *m) {
  return (uint32_t)eao_rt_count(eao_rt_const(m), EAO_PKG_OUTPUTS);
}
const char *eao_package_input_name(const eao_package *m, uint32_t i) {
  return io_name(eao_rt_const(m), EAO_PKG_INPUTS, i);
}
const char *eao_package_output_name(const eao_package *m, uint32_t i) {
  return io_name(eao_rt_const(m), EAO_PKG_OUTPUTS, i);
}

const char *eao_package_meta(const eao_package *package, const char *key) {
  const eao_rt_model *m = eao_rt_const(package);
  const eao_pkg_meta *meta = eao_rt_section(m, EAO_PKG_META);
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_META); i++)
    if (strcmp(eao_rt_string(m, meta[i].key), key) == 0) return eao_rt_string(m, meta[i].text);
  return NULL;
}

uint32_t eao_package_threads(const eao_package *m) {
  return eao_rt_const(m)->header->threads;
}

uint32_t eao_package_step_count(const eao_package *m) {
  return (uint32_t)eao_rt_count(eao_rt_const(m), EAO_PKG_STEPS);
}
const char *eao_package_step_name(const eao_package *package, uint32_t i) {
  const eao_rt_model *m = eao_rt_const(package);
  return i < eao_rt_count(m, EAO_PKG_STEPS) ? eao_rt_string(m, eao_rt_steps(m)[i].name) : NULL;
}
