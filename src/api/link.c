/* The kernels that packages need, as C source for programs that carry no others. */
#include <string.h>

#include "api/api.h"
#include "emit/emit_table.h"
#include "rt/model.h"

typedef struct id_set {
  uint64_t bit[(UINT16_MAX + 1) / 64];
} id_set;

/* The package may be for another ISA, so it is read, not opened. */
static eao_status add_kernels(eao_ctx *ctx, const char *path, id_set *ids) {
  eao_file f;
  EAO_TRY(eao_file_map(ctx, path, &f));
  eao_rt_model m = {.base = f.data, .size = f.size, .message = ""};
  m.header = (const eao_pkg_header *)(const void *)m.base;
  eao_status s = eao_rt_verify_header(&m);
  if (s != EAO_OK) s = eao_fail(ctx, s, "cannot read '%s': %s", path, m.message);
  for (uint64_t i = 0; s == EAO_OK && i < eao_rt_count(&m, EAO_PKG_STEPS); i++) {
    uint16_t id = eao_rt_steps(&m)[i].kernel;
    ids->bit[id / 64] |= (uint64_t)1 << id % 64;
  }
  eao_file_unmap(ctx, &f);
  return s;
}

eao_status eao_kernel_table_text(eao_ctx *ctx, const char *const *package, uint32_t n, char **out) {
  id_set ids = {{0}};
  uint16_t *id = eao_alloc(ctx, (UINT16_MAX + 1) * sizeof *id);
  uint32_t count = 0;
  eao_text t;
  *out = NULL;
  if (!id) return EAO_NOMEM(ctx);
  eao_text_init(&t, ctx);
  eao_status s = EAO_OK;
  for (uint32_t i = 0; s == EAO_OK && i < n; i++) s = add_kernels(ctx, package[i], &ids);
  for (uint32_t i = 0; i <= UINT16_MAX; i++)
    if (ids.bit[i / 64] >> i % 64 & 1) id[count++] = (uint16_t)i;
  if (s == EAO_OK && count == 0) s = eao_fail(ctx, EAO_ERR_ARG, "the packages have no steps");
  if (s == EAO_OK) s = eao_emit_kernel_table(ctx, id, count, &t);
  eao_free(ctx, id);
  if (s != EAO_OK) {
    eao_text_deinit(&t);
    return s;
  }
  *out = t.p;
  return EAO_OK;
}
