/* A graph as a package in memory, for tests of the runtime. Include after cmocka.h. */
#ifndef EAO_TESTS_PACKAGED_H
#define EAO_TESTS_PACKAGED_H

#include <stdlib.h>
#include <string.h>

#include "emit/emit_eao.h"
#include "plan/plan.h"

/* For this processor, in 64-byte aligned memory to be freed with free(). g and ctx are destroyed.
 */
static void *packaged(eao_ctx *ctx, eao_graph *g, eao_stream_mode stream, size_t *out_size) {
  eao_plan *p;
  eao_plan_opts opts = {.isa = eao_cpu_isa(), .cpu = eao_cpu_flags(), .stream = stream};
  eao_package_opts po = {0};
  eao_text text;
  eao_text_init(&text, ctx);
  assert_int_equal(eao_plan_create(g, &opts, &p), EAO_OK);
  assert_int_equal(eao_emit_package(p, &po, &text), EAO_OK);
  *out_size = text.len;
  void *mem = aligned_alloc(64, (text.len + 63) / 64 * 64);
  memcpy(mem, text.p, text.len);
  eao_text_deinit(&text);
  eao_plan_destroy(p);
  eao_graph_destroy(g);
  eao_ctx_destroy(ctx);
  return mem;
}

#endif
