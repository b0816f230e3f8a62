/* eao inspect --passes. */
#ifndef EAO_CLI_PRINT_PASSES_H
#define EAO_CLI_PRINT_PASSES_H

#include "cli/cli.h"

/* Exit code. The model's graph is rewritten. */
int eao_cli_print_passes(eao_cli *c, eao_model *m);

#endif
