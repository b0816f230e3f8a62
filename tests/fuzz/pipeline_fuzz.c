/* Fuzz target: any bytes as a model (ONNX, TFLite or text), interpreted, compiled and run. The
 * package must be accepted by the runtime and its outputs must have the interpreter's types. */
#include <stdlib.h>
#include <string.h>

#include "eao/rt.h"
#include "emit/emit_eao.h"
#include "fuzz.h"
#include "import/import.h"
#include "interp/interp.h"
#include "op/text.h"
#include "pass/pass.h"
#include "plan/verified.h"

enum { IO_MAX = 8, ALIGN = 64 };

static eao_graph *load(eao_ctx *ctx, const uint8_t *data, size_t size) {
  static const eao_import_opts opts = {.default_dims = true};
  eao_graph *g = NULL;
  eao_file file;
  eao_status s = EAO_ERR_NOMEM;
  if (size > 6 && memcmp(data, "graph ", 6) == 0)
    s = eao_graph_parse(ctx, (const char *)data, size, &g);
  else if (!fuzz_map(ctx, data, size, &file))
    return NULL;
  else if (size >= 8 && memcmp(data + 4, "TFL3", 4) == 0)
    s = eao_import_tflite(ctx, &file, &opts, &g);
  else
    s = eao_import_onnx(ctx, &file, NULL, &opts, &g);
  return fuzz_ok(ctx, s) ? g : NULL;
}

/* Work that takes no noticeable time even with sanitizers. */
static bool small(const eao_graph *g) {
  uint64_t bytes, total = 0;
  for (eao_vid v = 0; v < g->n_value; v++) {
    if (eao_tensor_nbytes(g->ctx, &g->value[v].t, &bytes) != EAO_OK) return false;
    total += bytes;
  }
  for (eao_nid n = 0; n < g->n_node; n++) {
    const eao_op_desc *d = eao_op_get(g->node[n].op);
    if (!d || g->node[n].n_in > 64) return false;
  }
  return total <= 1 << 16 && g->n_node <= 64 && g->n_input <= IO_MAX && g->n_output <= IO_MAX;
}

/* Runs the package on the inputs. */
static void run_package(const eao_text *t, const eao_graph *g, const eao_tensor *in) {
  void *mem = NULL, *arena = NULL;
  eao_package p;
  eao_session *s;
  if (posix_memalign(&mem, ALIGN, t->len ? t->len : 1) != 0) abort();
  memcpy(mem, t->p, t->len);
  /* What the compiler makes, the runtime must take. */
  if (eao_package_open_memory(&p, mem, t->len) != EAO_OK) {
    if (!strstr(eao_package_message(&p), "memory")) __builtin_trap();
    free(mem);
    return;
  }
  size_t n = eao_package_arena_bytes(&p);
  if (n <= 64 << 20 && posix_memalign(&arena, ALIGN, n) == 0) {
    memset(arena, 0xA5, n);
    if (eao_session_create(&p, arena, n, &s) != EAO_OK) __builtin_trap();
    for (uint32_t i = 0; i < g->n_input; i++) {
      uint64_t bytes;
      if (eao_tensor_nbytes(g->ctx, eao_session_input(s, i), &bytes) == EAO_OK && bytes)
        memcpy(eao_session_input(s, i)->data, in[i].data, (size_t)bytes);
    }
    eao_status st = eao_session_run(s);
    if (st == EAO_ERR_INTERNAL) __builtin_trap();
  }
  free(arena);
  eao_package_close(&p);
  free(mem);
}

static void compile(eao_graph *g, const eao_tensor *in, unsigned pick) {
  eao_plan_opts po = {.isa = eao_cpu_isa(),
                      .cpu = pick & 1 ? eao_cpu_flags() : 0,
                      .stream = pick & 2 ? EAO_STREAM_NEVER : EAO_STREAM_ALWAYS,
                      .ref_only = (pick & 12) == 12};
  eao_plan *plan;
  eao_text t;
  if (!fuzz_ok(g->ctx, eao_passes_run(g, NULL, NULL, NULL))) return;
  if (!fuzz_ok(g->ctx, eao_plan_create(g, &po, &plan))) return;
  eao_text_init(&t, g->ctx);
  eao_package_opts none = {0};
  if (fuzz_ok(g->ctx, eao_emit_package(plan, &none, &t)) && !t.failed) run_package(&t, g, in);
  eao_text_deinit(&t);
  eao_plan_destroy(plan);
}

static void interpret(eao_graph *g, const eao_tensor *in) {
  eao_tensor out[IO_MAX];
  eao_interp *it = eao_interp_create(g);
  if (it) fuzz_ok(g->ctx, eao_interp_run(it, in, g->n_input, out, g->n_output));
  eao_interp_destroy(it);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  eao_ctx *ctx = fuzz_begin();
  eao_graph *g = load(ctx, data, size);
  eao_tensor in[IO_MAX];
  memset(in, 0, sizeof in);
  if (g && small(g) && fuzz_ok(ctx, eao_random_inputs(g, 1, in))) {
    interpret(g, in);
    compile(g, in, size ? data[size - 1] : 0);
  }
  for (unsigned i = 0; i < IO_MAX; i++) eao_free(ctx, in[i].data);
  eao_graph_destroy(g);
  fuzz_end(ctx);
  return 0;
}
