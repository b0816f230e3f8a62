/* eao pack, eao unpack: packages compressed for transport. */
#include "cli/cli.h"

static int pack(eao_cli *c) {
  eao_status s = eao_package_pack(c->ctx, c->arg[0], c->arg[1]);
  return s == EAO_OK ? EAO_EXIT_OK : eao_cli_fail_input(c, s);
}

static int unpack(eao_cli *c) {
  eao_status s = eao_package_unpack(c->ctx, c->arg[0], c->arg[1]);
  return s == EAO_OK ? EAO_EXIT_OK : eao_cli_fail_input(c, s);
}

static const eao_cli_example pack_examples[] = {
    {"pack model.eao model.eao.zst", "what is sent over the air"},
};
static const eao_cli_example unpack_examples[] = {
    {"unpack model.eao.zst model.eao", "what the device maps"},
};

const eao_cli_command eao_cmd_pack = {
    .name = "pack",
    .args = "PACKAGE OUT",
    .summary = "compress a package for transport (zstd)",
    .text =
        "Writes the package as one zstd frame; `eao unpack`, or zstd itself, gives the same bytes\n"
        "back.",
    .min_args = 2,
    .max_args = 2,
    .examples = pack_examples,
    .n_examples = EAO_CLI_COUNT(pack_examples),
    .exits = "4  the package is damaged",
    .run = pack,
};

const eao_cli_command eao_cmd_unpack = {
    .name = "unpack",
    .args = "FILE OUT",
    .summary = "the package that eao pack compressed",
    .text = "Refuses what is damaged, and what claims to become more than 1000 times as large.",
    .min_args = 2,
    .max_args = 2,
    .examples = unpack_examples,
    .n_examples = EAO_CLI_COUNT(unpack_examples),
    .exits = "4  the file is no package, or damaged",
    .run = unpack,
};
