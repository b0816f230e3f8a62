/* What runs a model for a command: a compiled package, or the reference interpreter. */
#ifndef EAO_CLI_ENGINE_H
#define EAO_CLI_ENGINE_H

#include "cli/cli.h"
#include "eao/eval.h"
#include "eao/rt.h"

#define EAO_CLI_ENGINE_OPTION                                                                      \
  {"engine", "KIND",                                                                               \
   "compiled, interp (the reference, slow), or auto (default): compiled where\n"                   \
   "the model can be; compiled models are kept in $XDG_CACHE_HOME/eao",                            \
   false},                                                                                         \
  {                                                                                                \
    "no-cache", NULL, "compile anew, and keep nothing", false                                      \
  }

typedef struct eao_cli_engine {
  eao_cli *c;
  const char *name; /* "compiled" or "interp" */
  eao_model *model;
  eao_runner *runner;
  eao_compiled *compiled;
  eao_package package;
  bool package_open;
  eao_session *session;
  void *arena;
  uint32_t n_in, n_out;
  eao_tensor in_type[EAO_CLI_ARGS_MAX]; /* of the first inputs; data NULL */
  const char *in_name[EAO_CLI_ARGS_MAX];
} eao_cli_engine;

/* A model file (with --shape) or an .eao package. kind: value of --engine. Exit code; 0 when done.
 */
int eao_cli_engine_open(eao_cli *c, const char *path, const char *kind, eao_cli_engine *out);
/* A second session on e's package, to run beside it in another thread; e must outlive it. Its
 * session is NULL when e is no compiled one. Close it too. Exit code; 0 when done. */
int eao_cli_engine_twin(eao_cli_engine *e, eao_cli_engine *out);
void eao_cli_engine_close(eao_cli_engine *e);
/* One run from the initial state; out: e->n_out tensors, borrowed until the next run. */
eao_status eao_cli_engine_run(eao_cli_engine *e, const eao_tensor *in, eao_tensor *out);

/* An engine as eao/eval.h wants it: one input; one of its outputs (--output-index), or all. */
typedef struct eao_cli_scored {
  eao_cli_engine *engine;
  eao_eval_model model; /* refers to this struct: do not move it */
  eao_tensor *out;
  uint32_t output;
  bool all;
} eao_cli_scored;
/* engine is borrowed. all: unless one was chosen. Exit code; 0 when done. */
int eao_cli_scored_open(eao_cli *c, eao_cli_engine *engine, bool all, eao_cli_scored *out);
void eao_cli_scored_close(eao_cli_scored *s);

#endif
