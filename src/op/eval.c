#include <string.h>

#include "op/op.h"

static eao_status check_declared(eao_ctx *ctx, uint32_t i, const eao_tensor *was,
                                 const eao_tensor *is) {
  if (was->dtype != EAO_DTYPE_NONE && was->dtype != is->dtype)
    return eao_fail(ctx, EAO_ERR_TYPE, "output %u is %s, declared %s", i, eao_dtype_name(is->dtype),
                    eao_dtype_name(was->dtype));
  return EAO_OK;
}

static eao_status run_ref(eao_ctx *ctx, const eao_op_desc *d, eao_kcall *c) {
  void *scratch = NULL;
  if (d->ref_scratch) {
    size_t n = d->ref_scratch(c);
    if (n > ctx->limits.max_tensor_bytes)
      return eao_fail(ctx, EAO_ERR_NOMEM, "needs %zu bytes of scratch, above the limit", n);
    scratch = eao_alloc(ctx, n);
    if (!scratch) return EAO_NOMEM(ctx);
    c->scratch = scratch;
  }
  c->error = NULL;
  eao_status s = d->ref(c);
  if (s != EAO_OK) eao_fail(ctx, s, "%s", c->error ? c->error : eao_status_name(s));
  eao_free(ctx, scratch);
  return s;
}

eao_status eao_op_eval(eao_ctx *ctx, const eao_op_desc *d, const void *attr,
                       const eao_tensor *const *in, uint32_t n_in, eao_tensor *out,
                       uint32_t n_out) {
  enum { SMALL = 16 };
  eao_tensor *small[SMALL], **ptr = small, declared;
  for (uint32_t i = 0; i < n_out; i++) out[i].data = NULL;
  if (!d->ref) return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "op %s cannot be evaluated here", d->name);
  if (n_out > SMALL) {
    ptr = eao_alloc(ctx, n_out * sizeof *ptr);
    if (!ptr) return EAO_NOMEM(ctx);
  }
  eao_status s = EAO_OK;
  declared = n_out ? out[0] : (eao_tensor){0};
  eao_infer f = {.ctx = ctx, .attr = attr, .n_in = n_in, .n_out = n_out, .in = in, .out = out};
  s = d->infer(&f);
  if (s == EAO_OK && n_out) s = check_declared(ctx, 0, &declared, &out[0]);
  for (uint32_t i = 0; s == EAO_OK && i < n_out; i++) {
    uint64_t bytes;
    ptr[i] = &out[i];
    s = eao_tensor_nbytes(ctx, &out[i], &bytes);
    if (s == EAO_OK && bytes > ctx->limits.max_tensor_bytes)
      s = eao_fail(ctx, EAO_ERR_NOMEM, "output %u takes %llu bytes, above the limit", i,
                   (unsigned long long)bytes);
    if (s == EAO_OK && !(out[i].data = eao_alloc(ctx, (size_t)bytes))) s = EAO_NOMEM(ctx);
  }
  if (s == EAO_OK) {
    eao_kcall c = {.in = in, .out = ptr, .n_in = n_in, .n_out = n_out, .attr = attr};
    s = run_ref(ctx, d, &c);
  }
  if (ptr != small) eao_free(ctx, ptr);
  return s;
}
