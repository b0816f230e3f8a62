/* Runs a model on the reference kernels: tflite_run MODEL DIR [RUNS]. Input k is DIR/in_k.bin
 * with its extents in DIR/in_k.dims; output k goes to DIR/out_k.bin and DIR/out_k.dims (of the last
 * run; states are kept between runs). A single input may hold many samples. tflite_run MODEL
 * --export FILE writes it as TFLite; tflite_run MODEL --text prints the graph. For
 * tests/peer_tflite.py. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emit/emit.h"
#include "import/import.h"
#include "interp/interp.h"
#include "kernel/kernel.h"
#include "op/text.h"

static eao_status read_input(eao_ctx *ctx, const char *dir, uint32_t k, eao_dtype dtype,
                             eao_tensor *t, eao_file *f) {
  char path[4096];
  uint64_t need;
  *t = (eao_tensor){.dtype = dtype};
  snprintf(path, sizeof path, "%s/in_%u.dims", dir, k);
  FILE *d = fopen(path, "r");
  if (!d) return eao_fail(ctx, EAO_ERR_IO, "cannot open %s", path);
  while (t->rank < EAO_MAX_RANK && fscanf(d, "%" SCNd64, &t->dim[t->rank]) == 1) t->rank++;
  fclose(d);
  snprintf(path, sizeof path, "%s/in_%u.bin", dir, k);
  EAO_TRY(eao_file_map(ctx, path, f));
  EAO_TRY(eao_tensor_nbytes(ctx, t, &need));
  if (need == 0 || f->size % need)
    return eao_fail(ctx, EAO_ERR_ARG, "%s has %zu bytes, not %" PRIu64, path, f->size, need);
  t->data = (void *)(uintptr_t)f->data;
  return EAO_OK;
}

static void write_output(const char *dir, uint32_t k, const eao_tensor *t, const char *mode) {
  char path[4096];
  snprintf(path, sizeof path, "%s/out_%u.dims", dir, k);
  FILE *f = fopen(path, "w");
  if (!f) return;
  fprintf(f, "%s", eao_dtype_name(t->dtype));
  for (int32_t i = 0; i < t->rank; i++) fprintf(f, " %" PRId64, t->dim[i]);
  fclose(f);
  snprintf(path, sizeof path, "%s/out_%u.bin", dir, k);
  f = fopen(path, mode);
  if (!f) return;
  fwrite(t->data, 1, (size_t)eao_dtype_bytes(t->dtype, eao_tensor_count(t)), f);
  fclose(f);
}

static eao_status export(eao_ctx *ctx, const eao_graph *g, const char *path) {
  uint8_t *data;
  size_t n;
  EAO_TRY(eao_emit_tflite(g, &data, &n));
  eao_status s = eao_file_write(ctx, path, data, n);
  eao_free(ctx, data);
  return s;
}

static eao_status convert(eao_ctx *ctx, const char *model, const char *path) {
  eao_graph *g;
  EAO_TRY(eao_import(ctx, model, NULL, &g));
  eao_status s = EAO_OK;
  if (path) {
    s = export(ctx, g, path);
  } else {
    eao_text t;
    eao_text_init(&t, ctx);
    eao_graph_print(g, false, &t);
    puts(t.p ? t.p : "");
    eao_text_deinit(&t);
  }
  eao_graph_destroy(g);
  return s;
}

static eao_status run(eao_ctx *ctx, const char *model, const char *dir, int runs) {
  eao_graph *g;
  EAO_TRY(eao_import(ctx, model, NULL, &g));
  eao_tensor *in = calloc(g->n_input + 1, sizeof *in), *out = calloc(g->n_output + 1, sizeof *out);
  eao_file *data = calloc(g->n_input + 1, sizeof *data);
  eao_interp *it = eao_interp_create(g);
  eao_status s = EAO_OK;
  for (uint32_t i = 0; dir && s == EAO_OK && i < g->n_input; i++)
    s = read_input(ctx, dir, i, g->value[g->input[i]].t.dtype, &in[i], &data[i]);
  for (int r = 0; dir && s == EAO_OK && r < runs; r++)
    s = eao_interp_run(it, in, g->n_input, out, g->n_output);
  for (uint32_t i = 0; dir && s == EAO_OK && i < g->n_output; i++)
    write_output(dir, i, &out[i], "wb");
  /* More data than one input takes: one sample after the other, state cleared between them. */
  uint64_t bytes = 0;
  if (dir && s == EAO_OK && g->n_input == 1) s = eao_tensor_nbytes(ctx, &in[0], &bytes);
  for (size_t at = bytes; bytes && s == EAO_OK && at < data[0].size; at += bytes) {
    in[0].data = (void *)(uintptr_t)(data[0].data + at);
    eao_interp_reset(it);
    s = eao_interp_run(it, in, 1, out, g->n_output);
    for (uint32_t i = 0; s == EAO_OK && i < g->n_output; i++) write_output(dir, i, &out[i], "ab");
  }
  for (uint32_t i = 0; i < g->n_input; i++) eao_file_unmap(ctx, &data[i]);
  eao_interp_destroy(it);
  eao_graph_destroy(g);
  free(in);
  free(out);
  free(data);
  return s;
}

int main(int argc, char **argv) {
  if (argc < 2) return 2;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  bool text = argc > 2 && strcmp(argv[2], "--text") == 0;
  bool write = argc > 3 && strcmp(argv[2], "--export") == 0;
  eao_status s = text || write
                     ? convert(ctx, argv[1], write ? argv[3] : NULL)
                     : run(ctx, argv[1], argc > 2 ? argv[2] : NULL, argc > 3 ? atoi(argv[3]) : 1);
  if (s != EAO_OK) fprintf(stderr, "%s: %s\n", eao_status_name(s), eao_ctx_message(ctx));
  eao_ctx_destroy(ctx);
  return s == EAO_OK ? 0 : 1;
}
