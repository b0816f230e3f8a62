/* eao compile: a model to a package for a device. */
#include <string.h>

#include "cli/cli.h"

static double kib(uint64_t bytes) {
  return (double)bytes / 1024;
}

static void print_steps(eao_cli *c, const eao_compiled *k, const eao_compiled_info *info) {
  static const char *const heads[] = {">step",     "name",     "op",    "kernel",   ">MACs",
                                      ">live KiB", ">out KiB", "stage", "rows kept"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  for (uint32_t i = 0; i < info->n_step; i++) {
    eao_compiled_step s = eao_compiled_get_step(k, i);
    char n[EAO_CLI_TEXT];
    eao_cli_cell(t, "%u", i);
    eao_cli_cell(t, "%.40s", s.name);
    eao_cli_cell(t, "%s", s.op);
    eao_cli_cell(t, "%s", s.kernel);
    eao_cli_cell(t, "%s", eao_cli_count(s.macs, n));
    eao_cli_cell(t, "%.1f", kib(s.live_bytes));
    eao_cli_cell(t, "%.1f", kib(s.out_bytes));
    if (s.stage == EAO_NO_ID)
      eao_cli_cell(t, "%s", s.in_place ? "in place" : "");
    else
      eao_cli_cell(t, "%u", s.stage);
    if (s.band_rows)
      eao_cli_cell(t, "%u of %u", s.band_rows, s.rows);
    else
      eao_cli_cell(t, "%s", s.rows ? "all" : "");
  }
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
}

static void print_why(const eao_compiled *k, const eao_compiled_info *info) {
  for (uint32_t i = 0; i < info->n_pass; i++) {
    eao_compiled_pass p = eao_compiled_get_pass(k, i);
    if (p.changes) printf("pass %-20s %4u  %s\n", p.name, p.changes, p.doc);
  }
  for (uint32_t i = 0; i < info->n_step; i++) {
    eao_compiled_step s = eao_compiled_get_step(k, i);
    printf("step %u %s (%s) uses %s: %s; ", i, s.name, s.op, s.kernel, s.why);
    if (s.stage == EAO_NO_ID)
      printf("%s\n", s.in_place ? "writes over its input" : "runs alone, whole");
    else if (s.band_rows)
      printf("streamed in stage %u: %u of %u rows of its result exist at a time\n", s.stage,
             s.band_rows, s.rows);
    else
      printf("streamed in stage %u: its result is needed whole\n", s.stage);
  }
}

static void print_summary(const eao_compiled_info *i, const char *path) {
  char a[EAO_CLI_TEXT];
  printf("arena      %10.1f KiB  (lower bound of this program %.1f)\n", kib(i->arena_bytes),
         kib(i->arena_bound_bytes));
  printf("           %10.1f KiB  layer by layer (lower bound %.1f, of any order %.1f)\n",
         kib(i->arena_bytes_layerwise), kib(i->arena_bound_layerwise_bytes),
         kib(i->arena_bound_any_order_bytes));
  if (i->reordered) printf("steps stand in another order than the graph's, which needs more\n");
  printf("weights    %10s\n", eao_cli_bytes(i->weight_bytes, a));
  printf("file       %10s%s%s\n", eao_cli_bytes(i->file_bytes, a), path ? "  " : "",
         path ? path : "");
}

static json_t *to_json(const eao_compiled *k, const eao_compiled_info *i) {
  json_t *j = json_object(), *steps = json_array(), *passes = json_array();
  json_object_set_new(j, "arena_bytes", json_integer((json_int_t)i->arena_bytes));
  json_object_set_new(j, "arena_bytes_layerwise",
                      json_integer((json_int_t)i->arena_bytes_layerwise));
  json_object_set_new(j, "arena_bound_bytes", json_integer((json_int_t)i->arena_bound_bytes));
  json_object_set_new(j, "arena_bound_layerwise_bytes",
                      json_integer((json_int_t)i->arena_bound_layerwise_bytes));
  json_object_set_new(j, "arena_bound_any_order_bytes",
                      json_integer((json_int_t)i->arena_bound_any_order_bytes));
  json_object_set_new(j, "reordered", json_boolean(i->reordered));
  json_object_set_new(j, "weight_bytes", json_integer((json_int_t)i->weight_bytes));
  json_object_set_new(j, "file_bytes", json_integer((json_int_t)i->file_bytes));
  for (uint32_t n = 0; n < i->n_step; n++) {
    eao_compiled_step s = eao_compiled_get_step(k, n);
    json_t *o = json_object();
    json_object_set_new(o, "name", eao_cli_string(s.name));
    json_object_set_new(o, "op", json_string(s.op));
    json_object_set_new(o, "kernel", json_string(s.kernel));
    json_object_set_new(o, "why", json_string(s.why));
    json_object_set_new(o, "macs", json_integer((json_int_t)s.macs));
    json_object_set_new(o, "weight_bytes", json_integer((json_int_t)s.weight_bytes));
    json_object_set_new(o, "out_bytes", json_integer((json_int_t)s.out_bytes));
    json_object_set_new(o, "scratch_bytes", json_integer((json_int_t)s.scratch_bytes));
    json_object_set_new(o, "live_bytes", json_integer((json_int_t)s.live_bytes));
    json_object_set_new(o, "stage", s.stage == EAO_NO_ID ? json_null() : json_integer(s.stage));
    json_object_set_new(o, "rows_kept", json_integer(s.band_rows));
    json_object_set_new(o, "in_place", json_boolean(s.in_place));
    json_array_append_new(steps, o);
  }
  for (uint32_t n = 0; n < i->n_pass; n++) {
    eao_compiled_pass p = eao_compiled_get_pass(k, n);
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(p.name));
    json_object_set_new(o, "changes", json_integer(p.changes));
    json_object_set_new(o, "ms", eao_cli_real(p.ms));
    json_array_append_new(passes, o);
  }
  json_object_set_new(j, "steps", steps);
  json_object_set_new(j, "passes", passes);
  return j;
}

static int write_html(eao_cli *c, const eao_compiled *k, const char *title, const char *path) {
  char *page;
  eao_status s = eao_compiled_html(k, title, &page);
  if (s != EAO_OK) return eao_cli_fail(c, s);
  int code = eao_cli_write_text(c, path, page);
  eao_text_free(c->ctx, page);
  return code;
}

static int report(eao_cli *c, const eao_compiled *k, const char *title) {
  eao_compiled_info info = eao_compiled_get(k);
  const char *html = eao_cli_get(c, "html", NULL);
  if (html) {
    int code = write_html(c, k, title, html);
    if (code) return code;
  }
  if (c->json) return eao_cli_json(to_json(k, &info));
  if (eao_cli_has(c, "explain"))
    print_why(k, &info);
  else
    print_steps(c, k, &info);
  print_summary(&info, eao_cli_get(c, "output", NULL));
  return EAO_EXIT_OK;
}

static int run(eao_cli *c) {
  eao_model *m;
  eao_compiled *k;
  int64_t threads = 1;
  double ram = 0;
  eao_stream_mode stream;
  const char *slash = strrchr(c->arg[0], '/');
  if (!eao_cli_integer(c, "threads", 1, 256, &threads) ||
      !eao_cli_number(c, "ram-kib", 0, 1e12, &ram) || !eao_cli_stream(c, &stream))
    return EAO_EXIT_USAGE;
  int code = eao_cli_load(c, c->arg[0], false, &m);
  if (code) return code;
  eao_compile_opts o = {.target = eao_cli_get(c, "target", NULL),
                        .threads = (uint32_t)threads,
                        .ram_budget = (uint64_t)(ram * 1024),
                        .stream = stream,
                        .ref_only = eao_cli_has(c, "ref"),
                        .verify = eao_cli_has(c, "verify"),
                        .golden = eao_cli_has(c, "golden"),
                        .source = slash ? slash + 1 : c->arg[0]};
  eao_status s = eao_model_compile(m, &o, &k);
  if (s != EAO_OK) {
    code = eao_cli_fail_input(c, s);
  } else {
    const char *path = eao_cli_get(c, "output", NULL);
    if (path && (s = eao_compiled_save(k, path)) != EAO_OK)
      code = eao_cli_fail(c, s);
    else
      code = report(c, k, o.source);
    eao_compiled_destroy(k);
  }
  eao_model_destroy(m);
  return code;
}

static const char *output(const eao_cli *c) {
  return eao_cli_get(c, "output", NULL);
}

static const eao_cli_option options[] = {
    {"output", "FILE",
     "(or -o FILE) write the package here, usually *.eao; without it only the\n"
     "report is made",
     false},
    {"target", "NAME",
     "device profile, name or path, or a bare ISA: generic, x86_64, aarch64,\n"
     "armv7, riscv64; default: this machine",
     false},
    {"threads", "N", "threads that a session may use; default 1", false},
    {"ram-kib", "N", "the arena should fit this; default: what the target's RAM leaves", false},
    EAO_CLI_STREAM_OPTION,
    {"ref", NULL, "reference kernels only", false},
    {"verify", NULL, "compare with the interpreter before and after each pass", false},
    {"golden", NULL, "carry a known-good run for the device's self-test", false},
    {"html", "FILE", "write the memory plan as a picture, one page for any browser", false},
    {"explain", NULL, "say what each pass did and why each step is as it is", false},
    EAO_CLI_SHAPE_OPTION,
    EAO_CLI_SANDBOX_OPTIONS};

static const eao_cli_example examples[] = {
    {"compile model.tflite -o model.eao", "a package for this machine"},
    {"compile model.onnx --shape batch=1 --explain", "what the compiler does with it and why"},
    {"compile model.onnx --html plan.html", "what lies where in memory while the steps run"},
    {"compile model.onnx --ram-kib 256 -o small.eao", "no more streaming than the budget needs"},
    {"compile model.onnx --stream always -o least.eao", "the least memory it can run in"},
};

const eao_cli_command eao_cmd_compile = {
    .name = "compile",
    .args = "MODEL",
    .summary = "make a package that the device runtime runs",
    .text =
        "Rewrites the graph, chooses kernels, plans memory (chains of layers may be streamed by\n"
        "rows, so that large activations never exist whole) and writes one file that libeao maps\n"
        "and runs without allocating.",
    .min_args = 1,
    .max_args = 1,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  the model is invalid\n5  something in it cannot be compiled",
    .run = run,
    .output = output,
};
