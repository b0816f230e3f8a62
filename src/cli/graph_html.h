/* A picture of a model's graph as one self-contained page. */
#ifndef EAO_CLI_GRAPH_HTML_H
#define EAO_CLI_GRAPH_HTML_H

#include "cli/cli.h"

/* Exit code. title: the model's path. */
int eao_cli_graph_html(eao_cli *c, eao_model *m, const eao_model_stats *stats, const char *title,
                       const char *path);

#endif
