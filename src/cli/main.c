/* eao: finds the command, checks its options, runs it. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/sandbox.h"

#define EAO_COMMAND(name) extern const eao_cli_command eao_cmd_##name;
#include "cli/commands.def"
#undef EAO_COMMAND

const eao_cli_command *const eao_cli_commands[] = {
#define EAO_COMMAND(name) &eao_cmd_##name,
#include "cli/commands.def"
#undef EAO_COMMAND
};
const size_t eao_cli_n_commands = EAO_CLI_COUNT(eao_cli_commands);

const eao_cli_option eao_cli_common[] = {
    {"json", NULL, "print one JSON document instead of a table", false},
    {"help", NULL, "print this help", false},
};
const size_t eao_cli_n_common = EAO_CLI_COUNT(eao_cli_common);

static const eao_cli_command *find_command(const char *name) {
  for (size_t i = 0; i < eao_cli_n_commands; i++)
    if (strcmp(eao_cli_commands[i]->name, name) == 0) return eao_cli_commands[i];
  return NULL;
}

static const eao_cli_option *find_option(const eao_cli_command *cmd, const char *name, size_t n) {
  for (size_t i = 0; i < cmd->n_options + eao_cli_n_common; i++) {
    const eao_cli_option *o =
        i < cmd->n_options ? &cmd->options[i] : &eao_cli_common[i - cmd->n_options];
    if (strlen(o->name) == n && memcmp(o->name, name, n) == 0) return o;
  }
  return NULL;
}

static int unknown_option(eao_cli *c, const char *word, size_t n) {
  const char *known[64];
  char text[64];
  size_t k = 0;
  const eao_cli_command *cmd = c->cmd;
  for (size_t i = 0; i < cmd->n_options && k < EAO_CLI_COUNT(known); i++)
    known[k++] = cmd->options[i].name;
  for (size_t i = 0; i < eao_cli_n_common && k < EAO_CLI_COUNT(known); i++)
    known[k++] = eao_cli_common[i].name;
  snprintf(text, sizeof text, "%.*s", (int)(n < 60 ? n : 60), word);
  const char *near = eao_cli_nearest(text, known, k);
  if (near) return eao_cli_usage(c, "no option --%s; did you mean --%s?", text, near);
  return eao_cli_usage(c, "no option --%s", text);
}

static int push_value(eao_cli *c, const char *name, const char *value) {
  if (c->n_values == EAO_CLI_VALUES_MAX) return eao_cli_usage(c, "too many options");
  c->value[c->n_values].name = name;
  c->value[c->n_values++].value = value;
  return 0;
}

/* Takes the option at argv[*i]. */
static int take_option(eao_cli *c, int argc, char **argv, int *i) {
  const char *word = argv[*i] + 2, *eq = strchr(word, '=');
  size_t n = eq ? (size_t)(eq - word) : strlen(word);
  const eao_cli_option *o = find_option(c->cmd, word, n);
  if (!o) return unknown_option(c, word, n);
  const char *value = eq ? eq + 1 : NULL;
  if (!o->arg && value) return eao_cli_usage(c, "--%s takes no value", o->name);
  if (o->arg && !value) {
    if (*i + 1 >= argc) return eao_cli_usage(c, "--%s needs a value: %s", o->name, o->arg);
    value = argv[++*i];
  }
  if (!o->many && eao_cli_has(c, o->name)) return eao_cli_usage(c, "--%s is given twice", o->name);
  return push_value(c, o->name, value ? value : "");
}

static int parse(eao_cli *c, int argc, char **argv) {
  bool only_args = false;
  for (int i = 0; i < argc; i++) {
    const char *a = argv[i];
    if (!only_args && strcmp(a, "--") == 0) {
      only_args = true;
    } else if (!only_args && strncmp(a, "--", 2) == 0) {
      int bad = take_option(c, argc, argv, &i);
      if (bad) return bad;
    } else if (!only_args && strcmp(a, "-h") == 0) {
      int bad = push_value(c, "help", "");
      if (bad) return bad;
    } else if (!only_args && strcmp(a, "-o") == 0 && find_option(c->cmd, "output", 6)) {
      static char output[] = "--output";
      argv[i] = output;
      int bad = take_option(c, argc, argv, &i);
      if (bad) return bad;
    } else if (!only_args && a[0] == '-' && a[1]) {
      return eao_cli_usage(c, "no option %s; options start with two dashes", a);
    } else if (c->n_args == EAO_CLI_ARGS_MAX) {
      return eao_cli_usage(c, "too many arguments");
    } else {
      c->arg[c->n_args++] = a;
    }
  }
  return 0;
}

static int run_in_child(void *user, int fd) {
  eao_cli *c = user;
  c->sandboxed = true;
  c->output_fd = fd;
  eao_ctx_set_output(c->ctx, fd);
  return c->cmd->run(c);
}

/* In a sandbox where that is wanted and can be. */
static int run_guarded(eao_cli *c) {
  bool asked = eao_cli_has(c, "sandbox");
  if (!c->cmd->output || eao_cli_has(c, "no-sandbox") || (!asked && !c->cmd->sandbox))
    return c->cmd->run(c);
  eao_sandbox_job job = {.output = c->cmd->output(c), .run = run_in_child, .user = c};
  int code;
  switch (eao_sandbox_run(&job, &code)) {
  case EAO_SANDBOX_DONE: return code;
  case EAO_SANDBOX_FAILED:
    fprintf(stderr, "eao %s: cannot write '%s': %s\n", c->cmd->name,
            job.output ? job.output : "the output", strerror(errno));
    return EAO_EXIT_SYSTEM;
  case EAO_SANDBOX_KILLED:
    fprintf(
        stderr,
        "eao %s: '%s': the process that read it was ended by signal %d (%s): a damaged or hostile "
        "file, and an error in eao\n",
        c->cmd->name, c->arg[0], code, strsignal(code));
    return EAO_EXIT_INPUT;
  case EAO_SANDBOX_UNAVAILABLE: break;
  }
  if (!asked) return c->cmd->run(c);
  fprintf(stderr, "eao %s: --sandbox: not available on this system\n", c->cmd->name);
  return EAO_EXIT_SYSTEM;
}

static int run_command(eao_cli *c, int argc, char **argv) {
  int code = parse(c, argc, argv);
  if (code) return code;
  if (eao_cli_has(c, "help")) {
    eao_cli_help(stdout, c->cmd);
    return EAO_EXIT_OK;
  }
  c->json = eao_cli_has(c, "json");
  if (c->n_args < c->cmd->min_args || c->n_args > c->cmd->max_args)
    return eao_cli_usage(c, "%s arguments; usage: eao %s %s [options]",
                         c->n_args < c->cmd->min_args ? "too few" : "too many", c->cmd->name,
                         c->cmd->args);
  c->ctx = eao_ctx_create(NULL, NULL);
  if (!c->ctx) {
    fprintf(stderr, "eao: out of memory\n");
    return EAO_EXIT_SYSTEM;
  }
  eao_ctx_on_warning(c->ctx, eao_cli_warn, c);
  code = run_guarded(c);
  eao_ctx_destroy(c->ctx);
  return code;
}

static int unknown_command(const char *word) {
  const char *known[64];
  for (size_t i = 0; i < eao_cli_n_commands; i++) known[i] = eao_cli_commands[i]->name;
  const char *near = eao_cli_nearest(word, known, eao_cli_n_commands);
  fprintf(stderr, "eao: no command '%s'", word);
  if (near) fprintf(stderr, "; did you mean '%s'?", near);
  fprintf(stderr, "\nSee 'eao --help'.\n");
  return EAO_EXIT_USAGE;
}

/* eao help [--man] [COMMAND] | --completion */
static int print_help(int argc, char **argv) {
  bool man = argc > 0 && strcmp(argv[0], "--man") == 0;
  if (argc > 0 && strcmp(argv[0], "--completion") == 0) {
    eao_cli_completion(stdout);
    return EAO_EXIT_OK;
  }
  const char *name = argc > man ? argv[man ? 1 : 0] : NULL;
  const eao_cli_command *cmd = name ? find_command(name) : NULL;
  if (name && !cmd) return unknown_command(name);
  if (cmd && man)
    eao_cli_man(stdout, cmd);
  else if (cmd)
    eao_cli_help(stdout, cmd);
  else if (man)
    eao_cli_man_all(stdout);
  else
    eao_cli_help_all(stdout);
  return EAO_EXIT_OK;
}

static int dispatch(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : "";
  bool help = strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
  if (argc < 2) {
    eao_cli_help_all(stderr);
    return EAO_EXIT_USAGE;
  }
  if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
    printf("eao %s\n", EAO_VERSION_STRING);
    return EAO_EXIT_OK;
  }
  if (help) return print_help(argc - 2, argv + 2);
  const eao_cli_command *cmd = find_command(word);
  if (!cmd) return unknown_command(word);
  const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
  bool color_ok = !(no_color && no_color[0]) && term && strcmp(term, "dumb") != 0;
  eao_cli c = {.cmd = cmd,
               .output_fd = -1,
               .color = color_ok && isatty(STDOUT_FILENO),
               .tty_error = isatty(STDERR_FILENO) != 0};
  return run_command(&c, argc - 2, argv + 2);
}

int main(int argc, char **argv) {
  signal(SIGXFSZ, SIG_IGN); /* a bound on the size of files is an error of write, not the end */
  eao_cli_print_init();
  int code = dispatch(argc, argv);
  /* A full disk or closed pipe must not look like success. */
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == EAO_EXIT_OK) {
    fprintf(stderr, "eao: cannot write the output\n");
    return EAO_EXIT_SYSTEM;
  }
  return code;
}
