/* eao inspect --passes: what the compiler's passes do to the model. */
#include <string.h>

#include "cli/cli.h"
#include "cli/print_passes.h"

static void size_cells(eao_cli_table *t, const eao_model_stats *s) {
  char text[EAO_CLI_TEXT];
  eao_cli_cell(t, "%s", eao_cli_count(s->nodes, text));
  eao_cli_cell(t, "%s", eao_cli_count(s->macs, text));
  eao_cli_cell(t, "%s", eao_cli_bytes(s->weight_bytes, text));
  eao_cli_cell(t, "%s", eao_cli_bytes(s->peak_activation_bytes, text));
}

static bool has_run(const eao_pass_run *r, uint32_t n, const char *name) {
  for (uint32_t i = 0; i < n; i++)
    if (strcmp(r[i].name, name) == 0) return true;
  return false;
}

static void print_table(eao_cli *c, const eao_model_stats *start, const eao_pass_run *r,
                        uint32_t n) {
  static const char *const heads[] = {"pass",   ">round", ">changes", ">ms",
                                      ">nodes", ">MACs",  ">weights", ">peak activations"};
  eao_cli_table *t = eao_cli_table_new(heads, EAO_CLI_COUNT(heads));
  eao_cli_cell(t, "(as read)");
  for (int i = 0; i < 3; i++) eao_cli_cell(t, "%s", "");
  size_cells(t, start);
  for (uint32_t i = 0; i < n; i++) {
    eao_cli_cell(t, "%s", r[i].name);
    eao_cli_cell(t, "%u", r[i].round);
    eao_cli_cell(t, "%u", r[i].changes);
    eao_cli_cell(t, "%.1f", r[i].ms);
    size_cells(t, &r[i].after);
  }
  eao_cli_table_print(c, t);
  eao_cli_table_free(t);
  printf("\nEach row: the graph after that pass. Peak activations: layer by layer, in the graph's "
         "order.\n");
  for (uint32_t i = 0, k; eao_pass_name(i); i++) {
    for (k = 0; k < n && strcmp(r[k].name, eao_pass_name(i)) != 0; k++) continue;
    if (k < n) printf("%-20s %s\n", r[k].name, r[k].doc);
  }
  printf("nothing to do for:");
  for (uint32_t i = 0; eao_pass_name(i); i++)
    if (!has_run(r, n, eao_pass_name(i))) printf(" %s", eao_pass_name(i));
  printf("\n");
}

static json_t *size_json(const eao_model_stats *s) {
  return json_pack("{sI sI sI sI}", "nodes", (json_int_t)s->nodes, "macs", (json_int_t)s->macs,
                   "weight_bytes", (json_int_t)s->weight_bytes, "peak_activation_bytes",
                   (json_int_t)s->peak_activation_bytes);
}

static int print_json(const eao_cli *c, const eao_model_stats *start, const eao_pass_run *r,
                      uint32_t n) {
  json_t *j = json_object(), *runs = json_array(), *idle = json_array();
  for (uint32_t i = 0; i < n; i++) {
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(r[i].name));
    json_object_set_new(o, "doc", json_string(r[i].doc));
    json_object_set_new(o, "round", json_integer(r[i].round));
    json_object_set_new(o, "changes", json_integer(r[i].changes));
    json_object_set_new(o, "ms", eao_cli_real(r[i].ms));
    json_object_set_new(o, "before", size_json(&r[i].before));
    json_object_set_new(o, "after", size_json(&r[i].after));
    json_array_append_new(runs, o);
  }
  for (uint32_t i = 0; eao_pass_name(i); i++)
    if (!has_run(r, n, eao_pass_name(i)))
      json_array_append_new(idle, json_string(eao_pass_name(i)));
  json_object_set_new(j, "model", eao_cli_string(c->arg[0]));
  json_object_set_new(j, "as_read", size_json(start));
  json_object_set_new(j, "passes", runs);
  json_object_set_new(j, "idle", idle);
  return eao_cli_json(j);
}

int eao_cli_print_passes(eao_cli *c, eao_model *m) {
  eao_model_stats start;
  eao_pass_run *runs;
  uint32_t n;
  eao_status s = eao_model_stats_get(m, &start);
  if (s == EAO_OK) s = eao_model_run_passes(m, &runs, &n);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  int code = EAO_EXIT_OK;
  if (c->json)
    code = print_json(c, &start, runs, n);
  else
    print_table(c, &start, runs, n);
  eao_pass_runs_free(c->ctx, runs);
  return code;
}
