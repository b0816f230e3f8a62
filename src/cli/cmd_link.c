/* eao link: which kernels a program for some packages has to carry. */
#include "cli/cli.h"

static int run(eao_cli *c) {
  char *text;
  eao_status s = eao_kernel_table_text(c->ctx, c->arg, (uint32_t)c->n_args, &text);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  int code = eao_cli_write_text(c, eao_cli_get(c, "output", NULL), text);
  eao_text_free(c->ctx, text);
  return code;
}

static const eao_cli_option options[] = {
    {"output", "FILE", "(or -o FILE) write here; default: standard output", false},
};

static const eao_cli_example examples[] = {
    {"link kws.eao -o kernels.c", "then: cc -Wl,--gc-sections app.c kernels.c -leao -lm -pthread"},
    {"link kws.eao vww.eao -o kernels.c", "for a program that runs two models"},
};

const eao_cli_command eao_cmd_link = {
    .name = "link",
    .args = "PACKAGE...",
    .summary = "the kernels that some packages need, for a small program",
    .text =
        "Writes C source with the kernel table of a program that runs only these packages. Linked\n"
        "with libeao.a and -Wl,--gc-sections, all other kernels stay out of the program.",
    .min_args = 1,
    .max_args = EAO_CLI_ARGS_MAX,
    .options = options,
    .n_options = EAO_CLI_COUNT(options),
    .examples = examples,
    .n_examples = EAO_CLI_COUNT(examples),
    .exits = "4  a package is damaged\n5  it needs a kernel that this build of eao does not know",
    .run = run,
};
