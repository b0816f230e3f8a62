/* eao target: device profiles. */
#include <string.h>

#include "cli/cli.h"
#include "eao/target.h"

/* Value of a top-level key of a profile's YAML; it is ours, so a line is enough to look at. */
static void title_of(const char *yaml, char *out, size_t cap) {
  const char *p = strstr(yaml, "\ntitle: \"");
  size_t n = 0;
  if (p)
    for (p += 9; p[n] && p[n] != '"' && p[n] != '\n' && n + 1 < cap; n++) out[n] = p[n];
  out[n] = 0;
}

static int list(eao_cli *c) {
  json_t *rows = c->json ? json_array() : NULL;
  if (!c->json) printf("%-24s %s\n", "host", "this machine, measured when it is used");
  for (uint32_t i = 0; eao_target_name(i); i++) {
    char *yaml, title[128];
    eao_status s = eao_target_yaml(c->ctx, eao_target_name(i), &yaml);
    if (s != EAO_OK) return eao_cli_fail(c, s);
    title_of(yaml, title, sizeof title);
    eao_text_free(c->ctx, yaml);
    if (c->json)
      json_array_append_new(rows,
                            json_pack("{s:s,s:s}", "name", eao_target_name(i), "title", title));
    else
      printf("%-24s %s\n", eao_target_name(i), title);
  }
  return c->json ? eao_cli_json(rows) : EAO_EXIT_OK;
}

static int show(eao_cli *c, const char *name) {
  char *yaml;
  eao_status s = eao_target_yaml(c->ctx, name, &yaml);
  if (s == EAO_ERR_ARG) return eao_cli_usage(c, "%s", eao_ctx_message(c->ctx));
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  int code = EAO_EXIT_OK;
  if (c->json)
    code = eao_cli_json(json_pack("{s:s,s:s}", "name", name, "yaml", yaml));
  else
    fputs(yaml, stdout);
  eao_text_free(c->ctx, yaml);
  return code;
}

static int run(eao_cli *c) {
  if (strcmp(c->arg[0], "list") == 0 && c->n_args == 1) return list(c);
  if (strcmp(c->arg[0], "probe") == 0 && c->n_args == 1) return show(c, "host");
  if (strcmp(c->arg[0], "show") == 0 && c->n_args == 2) return show(c, c->arg[1]);
  return eao_cli_usage(c, "use: eao target list, eao target show NAME, eao target probe");
}

static const eao_cli_example examples[] = {
    {"target list", "the devices EAO knows"},
    {"target probe > board.yaml", "measure this machine and keep its profile"},
    {"target show raspberry-pi-5", "a profile in full, to copy and adapt"},
};

const eao_cli_command eao_cmd_target = {
    .name = "target",
    .args = "list | show NAME | probe",
    .summary = "show device profiles, measure this machine",
    .text =
        "A profile says what the compiler and the search need to know of a device: instruction\n"
        "set, speeds, caches, memory, energy. NAME is a built-in profile or the path of a\n"
        ".yaml file, which may inherit from another. 'probe' measures this machine.",
    .min_args = 1,
    .max_args = 2,
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  a profile is invalid",
    .run = run,
};
