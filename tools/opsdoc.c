/* Writes docs/ops.md from the op table: opsdoc FILE. With --check FILE: exit status 1 when FILE is
 * not what would be written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "op/op.h"

/* Ranges of ops.def. */
static const struct {
  uint32_t first;
  const char *title;
} families[] = {
    {1, "Element-wise, one input"},
    {100, "Element-wise, several inputs"},
    {150, "Reductions, softmax, normalisation"},
    {200, "Convolution, pooling, matrix products, resize, recurrent, attention"},
    {300, "Data movement"},
    {400, "Control flow and detection"},
    {450, "Casts, quantisation"},
    {500, "Signal processing"},
    {550, "Losses"},
    {600, "TFLite"},
};

static void add_arity(eao_text *t, unsigned min, unsigned max) {
  if (max == EAO_VARIADIC)
    eao_text_printf(t, "%u+", min);
  else if (min == max)
    eao_text_printf(t, "%u", min);
  else
    eao_text_printf(t, "%u-%u", min, max);
}

static void add_default(eao_text *t, const eao_attr_desc *a) {
  switch (a->kind) {
  case EAO_ATTR_INT:
    if (a->def == INT64_MIN)
      eao_text_printf(t, " integer");
    else
      eao_text_printf(t, " = %lld", (long long)a->def);
    break;
  case EAO_ATTR_BOOL: eao_text_printf(t, " = %s", a->def ? "true" : "false"); break;
  case EAO_ATTR_ENUM:
    eao_text_printf(t, " = %s", a->names[a->def]);
    for (int32_t i = 0; a->names[i]; i++)
      if (i != a->def) eao_text_printf(t, ", %s", a->names[i]);
    break;
  case EAO_ATTR_DTYPE:
    eao_text_printf(t, " = %s", a->def ? eao_dtype_name((eao_dtype)a->def) : "none");
    break;
  case EAO_ATTR_FLOAT: eao_text_printf(t, " = %g", a->deff); break;
  case EAO_ATTR_INTS: eao_text_printf(t, " list of integers"); break;
  case EAO_ATTR_FLOATS: eao_text_printf(t, " list of numbers"); break;
  case EAO_ATTR_ENUMS:
    eao_text_printf(t, " list of %s", a->names[0]);
    for (int32_t i = 1; a->names[i]; i++) eao_text_printf(t, ", %s", a->names[i]);
    break;
  case EAO_ATTR_TEXT: eao_text_printf(t, " text"); break;
  case EAO_ATTR_GRAPH: eao_text_printf(t, " graph"); break;
  }
}

/* A `|` would end a cell of the table. */
static void add_cell(eao_text *t, const char *s) {
  for (; *s; s++) eao_text_add(t, *s == '|' ? "\\|" : s, *s == '|' ? 2 : 1);
}

static void add_op(eao_text *t, const eao_op_desc *d) {
  eao_text_printf(t, "| %s | ", d->name);
  add_cell(t, d->doc);
  eao_text_printf(t, " | ");
  add_arity(t, d->min_in, d->max_in);
  eao_text_printf(t, " | ");
  add_arity(t, d->min_out, d->max_out);
  eao_text_printf(t, " | ");
  if (d->onnx) eao_text_printf(t, "%s", d->onnx);
  if (d->onnx && d->onnx_since > 1) eao_text_printf(t, " (%u)", d->onnx_since);
  eao_text_printf(t, " | ");
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    const eao_attr_desc *a = &d->attrs[i];
    eao_text_printf(t, "%s`%s`", i ? "; " : "", a->name);
    add_default(t, a);
    if (a->doc) {
      eao_text_printf(t, ": ");
      add_cell(t, a->doc);
    }
  }
  eao_text_printf(t, " |\n");
}

static void add_page(eao_text *t) {
  uint32_t count = 0, family = 0;
  for (uint32_t op = 0; op < EAO_OP_LIMIT; op++) count += eao_op_get(op) != NULL;
  eao_text_printf(t,
                  "# Ops\n\nWritten by `cmake --build build/<preset> --target docs` from the op "
                  "table: %u ops. Each has a reference kernel\nin `src/kernel/ref` or is run by "
                  "the interpreter. ONNX: the op that maps one to one, in brackets from which\n"
                  "opset on; other ONNX and TFLite ops are lowered to these by the importers.\n",
                  count);
  for (uint32_t op = 0, shown = EAO_COUNT(families); op < EAO_OP_LIMIT; op++) {
    const eao_op_desc *d = eao_op_get(op);
    if (!d) continue;
    while (family + 1 < EAO_COUNT(families) && families[family + 1].first <= op) family++;
    if (shown != family)
      eao_text_printf(t,
                      "\n## %s\n\n| op | result | inputs | outputs | ONNX | attributes |\n"
                      "|---|---|---|---|---|---|\n",
                      families[family].title);
    shown = family;
    add_op(t, d);
  }
}

int main(int argc, char **argv) {
  bool check = argc > 1 && strcmp(argv[1], "--check") == 0;
  if (argc != (check ? 3 : 2)) {
    fprintf(stderr, "usage: opsdoc [--check] FILE\n");
    return 2;
  }
  const char *path = argv[argc - 1];
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  if (!ctx) return 6;
  eao_text t;
  eao_text_init(&t, ctx);
  add_page(&t);
  int rc = t.failed ? 6 : 0;
  if (!rc && check) {
    eao_file f = {0};
    bool same =
        eao_file_map(ctx, path, &f) == EAO_OK && f.size == t.len && memcmp(f.data, t.p, t.len) == 0;
    if (!same) fprintf(stderr, "%s is stale: build the target docs and commit it\n", path);
    eao_file_unmap(ctx, &f);
    rc = !same;
  } else if (!rc && eao_file_write(ctx, path, t.p, t.len) != EAO_OK) {
    fprintf(stderr, "%s\n", eao_ctx_message(ctx));
    rc = 6;
  }
  eao_text_deinit(&t);
  eao_ctx_destroy(ctx);
  return rc;
}
