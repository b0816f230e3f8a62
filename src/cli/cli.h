/* What commands of the program share.
 *
 * Adding a command: a file cmd_<name>.c with one eao_cli_command, a row in commands.def. Help,
 * option checking, manual pages and completion are derived from the description. Commands see the
 * public headers only. */
#ifndef EAO_CLI_CLI_H
#define EAO_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "eao/data.h"
#include "eao/eao.h"

#if defined(__GNUC__)
#define EAO_CLI_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define EAO_CLI_PRINTF(a, b)
#endif
#define EAO_CLI_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Exit codes, the same for every command. */
typedef enum eao_exit {
  EAO_EXIT_OK = 0,
  EAO_EXIT_CHECK = 1,       /* a check that was asked for failed */
  EAO_EXIT_USAGE = 2,       /* the command line is wrong */
  EAO_EXIT_BUDGET = 3,      /* no candidate meets the budget */
  EAO_EXIT_INPUT = 4,       /* a model or another input is invalid */
  EAO_EXIT_UNSUPPORTED = 5, /* valid, but EAO cannot do it */
  EAO_EXIT_SYSTEM = 6,      /* file access, memory, a bug */
} eao_exit;

typedef struct eao_cli eao_cli;

typedef struct eao_cli_option {
  const char *name; /* without dashes */
  const char *arg;  /* how help calls the value; NULL: a flag */
  const char *help; /* one line or a few; '\n' starts a line */
  bool many;        /* may be given several times */
} eao_cli_option;

typedef struct eao_cli_example {
  const char *line; /* after "eao " */
  const char *what;
} eao_cli_example;

typedef struct eao_cli_command {
  const char *name;
  const char *args;    /* "MODEL", "A B" */
  const char *summary; /* a few words for the list of commands */
  const char *text;    /* a paragraph for its own help */
  int min_args, max_args;
  const eao_cli_option *options;
  size_t n_options;
  const eao_cli_example *examples;
  size_t n_examples;
  const char *exits; /* which exit codes besides 0, 2 and 6 it has and why, one a line */
  int (*run)(eao_cli *c);
  /* May run in a sandbox (cli/sandbox.h): it writes one file at most, the one that this returns
   * (NULL: none). NULL: it may not. */
  const char *(*output)(const eao_cli *c);
  bool sandbox; /* without being asked to */
} eao_cli_command;

enum { EAO_CLI_ARGS_MAX = 8, EAO_CLI_VALUES_MAX = 256, EAO_CLI_BINDS_MAX = 64 };

struct eao_cli {
  const eao_cli_command *cmd;
  eao_ctx *ctx;
  const char *arg[EAO_CLI_ARGS_MAX];
  int n_args;
  struct {
    const char *name, *value;
  } value[EAO_CLI_VALUES_MAX];
  int n_values;
  bool sandboxed;       /* no files can be made by name */
  int output_fd;        /* in a sandbox: takes the output; -1: none */
  bool json;            /* --json: stdout is one JSON document */
  bool color;           /* stdout may have colour */
  bool tty_error;       /* stderr is a terminal: progress may be shown */
  int more_models;      /* loaded after the next one: a --shape may be meant for one of them */
  uint64_t shapes_used; /* bit k: the k-th --shape has bound something */
  eao_shape_bind bind[EAO_CLI_BINDS_MAX]; /* of --shape; filled in by eao_cli_load */
  uint32_t n_bind;
  bool hold_warnings; /* collect them in held until it is known that they matter */
  char held[4096];
};

extern const eao_cli_command *const eao_cli_commands[];
extern const size_t eao_cli_n_commands;
/* Options that every command has: --json, --help. */
extern const eao_cli_option eao_cli_common[];
extern const size_t eao_cli_n_common;

/* ---- options ---- */

bool eao_cli_has(const eao_cli *c, const char *name);
/* The last value given, fallback when there is none. */
const char *eao_cli_get(const eao_cli *c, const char *name, const char *fallback);
/* Value k (0, 1, ...) of an option that may be given several times; NULL after the last. */
const char *eao_cli_nth(const eao_cli *c, const char *name, int k);
/* Numbers: false after having reported a value that is none or out of range. out keeps its value
 * when the option was not given. */
bool eao_cli_number(eao_cli *c, const char *name, double lo, double hi, double *out);
bool eao_cli_integer(eao_cli *c, const char *name, int64_t lo, int64_t hi, int64_t *out);
/* "60s", "2m", "1.5" (seconds): seconds, at most a day. */
bool eao_cli_duration(eao_cli *c, const char *name, double *out);

/* ---- ending ---- */

/* Reports a mistake on the command line; returns EAO_EXIT_USAGE. */
int eao_cli_usage(eao_cli *c, const char *fmt, ...) EAO_CLI_PRINTF(2, 3);
/* Reports the failure that the context holds; returns the exit code that goes with it. */
int eao_cli_fail(eao_cli *c, eao_status s);
/* The same while a model or another input is being read: a limit that it exceeds is its fault. */
int eao_cli_fail_input(eao_cli *c, eao_status s);
/* The context's warnings, to stderr. user: the eao_cli. */
void eao_cli_warn(void *user, const char *text);
/* One of `known` that is spelled most like `word`; NULL when none is near. */
const char *eao_cli_nearest(const char *word, const char *const *known, size_t n);

/* ---- printing ---- */

typedef enum eao_cli_style {
  EAO_STYLE_BOLD,
  EAO_STYLE_DIM,
  EAO_STYLE_GOOD,
  EAO_STYLE_BAD,
  EAO_STYLE_OFF
} eao_cli_style;
/* Escape sequence, "" without colour. */
const char *eao_cli_style_on(const eao_cli *c, eao_cli_style s);

/* Once, before anything is printed. Printing that finds no memory ends the program with
 * EAO_EXIT_SYSTEM. */
void eao_cli_print_init(void);

/* Rows of text columns, printed with aligned columns. All strings are copied. */
typedef struct eao_cli_table eao_cli_table;
/* heads: one per column; a '>' in front right-aligns the column. */
eao_cli_table *eao_cli_table_new(const char *const *heads, size_t n);
/* Adds the next cell; the row is complete after as many as there are columns. */
void eao_cli_cell(eao_cli_table *t, const char *fmt, ...) EAO_CLI_PRINTF(2, 3);
void eao_cli_table_print(const eao_cli *c, const eao_cli_table *t);
void eao_cli_table_free(eao_cli_table *t);

/* "3,538,984" and "14.2 MiB" into buf; returns buf. */
enum { EAO_CLI_TEXT = 64 };
char *eao_cli_count(uint64_t n, char buf[EAO_CLI_TEXT]);
char *eao_cli_bytes(uint64_t n, char buf[EAO_CLI_TEXT]);
/* A name that a table has room for: a long one keeps its beginning and its end. */
char *eao_cli_short(const char *name, char buf[EAO_CLI_TEXT]);
/* "f32 [batch,3,224,224]"; names of dimensions where there are any. */
enum { EAO_CLI_TYPE = 256 };
char *eao_cli_type(const eao_tensor *t, const char *const *dim_name, char buf[EAO_CLI_TYPE]);

/* To a file; NULL and "-": to stdout. Exit code; 0 when done. */
int eao_cli_write_text(eao_cli *c, const char *path, const char *text);
/* Prints a JSON document to stdout and releases it. */
int eao_cli_json(json_t *j);
/* null for NaN and infinities, which JSON lacks. */
json_t *eao_cli_real(double v);
/* With as few digits as tell the float from its neighbours. */
json_t *eao_cli_real_f32(float v);
/* A string, made valid UTF-8 when a file's is not. */
json_t *eao_cli_string(const char *s);
/* {name, dtype, shape: [..], dims: [..], scale, zero_point} */
json_t *eao_cli_json_value(const eao_value_info *v);
json_t *eao_cli_json_shape(const eao_tensor *t);

/* Progress on stderr after the first second, when that is a terminal; done == total ends it. */
void eao_cli_progress(eao_cli *c, const char *what, uint64_t done, uint64_t total);

/* ---- models and inputs ---- */

#define EAO_CLI_SHAPE_OPTION                                                                       \
  {"shape", "NAME=N[,N...]",                                                                       \
   "bind a dimension (batch=1) or the shape of an input (input=1,224,224,3;\n"                     \
   "a shape of rank 1 ends with a comma: x=5,)",                                                   \
   true},                                                                                          \
  {                                                                                                \
    "signature", "NAME", "which signature of a TFLite model to read; default: the first subgraph", \
        false                                                                                      \
  }

#define EAO_CLI_STREAM_OPTION                                                                      \
  {                                                                                                \
    "stream", "WHEN",                                                                              \
        "run chains of layers by bands of rows: auto (default: where memory needs it or\n"         \
        "time does not lose), always (as little memory as possible), never (layer by\n"            \
        "layer)",                                                                                  \
        false                                                                                      \
  }
/* False after having reported a value that is none of the three. */
bool eao_cli_stream(eao_cli *c, eao_stream_mode *out);

/* What dimensions that --shape does not bind become. */
typedef enum eao_cli_dims {
  EAO_CLI_DIMS_ONE,     /* 1 */
  EAO_CLI_DIMS_TRY_ONE, /* 1, or unknown where 1 makes the model impossible */
  EAO_CLI_DIMS_KEEP,    /* unknown: taken from the data */
} eao_cli_dims;
/* Loads with --shape. Exit code; 0 when done. */
int eao_cli_load(eao_cli *c, const char *path, eao_cli_dims dims, eao_model **out);

#define EAO_CLI_INPUT_OPTIONS                                                                      \
  {"input", "[NAME=]SOURCE",                                                                       \
   "a .npy, .npz, .pb, image or audio file, or random, random:LO,HI, zeros, ones;\n"               \
   "the name is optional with one input; inputs not given are random",                             \
   true},                                                                                          \
      {"seed", "N", "seed of random inputs (default 0)", false},                                   \
      {"pixels", "KIND",                                                                           \
       "image to float: unit (0..1, default), signed (-1..1), raw (0..255), imagenet;\n"           \
       "integer inputs take pixels as they are unless this is given",                              \
       false},                                                                                     \
      {"mean", "A[,B,C]", "subtract from pixels (0..255) per channel", false},                     \
      {"std", "A[,B,C]", "then divide by", false},                                                 \
      {"resize", "KIND", "bilinear (default), nearest, antialias, area, bicubic", false},          \
      {"fit", "KIND", "stretch (default), crop (centre), pad (grey around)", false},               \
      {"layout", "KIND", "nchw or nhwc, where an image input's shape does not tell", false}, {     \
    "bgr", NULL, "image channels in the order blue, green, red", false                             \
  }

typedef struct eao_cli_inputs {
  eao_tensor *t; /* one per input of the model */
  uint32_t n;
  const char **source; /* where each came from, for messages */
} eao_cli_inputs;

/* Inputs of m from the options above. Exit code; 0 when done. */
int eao_cli_inputs_make(eao_cli *c, eao_model *m, eao_cli_inputs *out);
void eao_cli_inputs_free(eao_cli *c, eao_cli_inputs *in);

#define EAO_CLI_SANDBOX_OPTIONS                                                                    \
  {"sandbox", NULL, "read the model in a child process that may do hardly anything else", false},  \
  {                                                                                                \
    "no-sandbox", NULL, "read it in this process", false                                           \
  }

/* Help of one command, of the program. */
void eao_cli_help(FILE *to, const eao_cli_command *cmd);
void eao_cli_help_all(FILE *to);
/* Manual pages (section 1) and the bash completion, from the same table. */
void eao_cli_man(FILE *to, const eao_cli_command *cmd);
void eao_cli_man_all(FILE *to);
void eao_cli_completion(FILE *to);

#endif
