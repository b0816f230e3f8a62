/* Manual pages and bash completion, from the table of commands. */
#include <ctype.h>
#include <string.h>

#include "cli/cli.h"

/* roff text: a dash is a minus sign, a line must not start with a control character. */
static void put_roff(FILE *to, const char *s) {
  bool at_start = true;
  for (; *s; s++) {
    if (at_start && (*s == '.' || *s == '\'')) fputs("\\&", to);
    if (*s == '-' || *s == '\\')
      fprintf(to, "\\%c", *s == '-' ? '-' : 'e');
    else
      fputc(*s, to);
    at_start = *s == '\n';
  }
}

static void put_title(FILE *to, const char *command) {
  fputs(".TH EAO", to);
  if (command) fputc('-', to);
  for (const char *p = command ? command : ""; *p; p++) fputc(toupper((unsigned char)*p), to);
  fprintf(to, " 1 \"\" \"eao %s\" \"EAO\"\n", EAO_VERSION_STRING);
}

static void put_options(FILE *to, const eao_cli_option *o, size_t n) {
  for (size_t i = 0; i < n; i++) {
    fprintf(to, ".TP\n\\fB\\-\\-");
    put_roff(to, o[i].name);
    fputs("\\fR", to);
    if (o[i].arg) {
      fputs(" \\fI", to);
      put_roff(to, o[i].arg);
      fputs("\\fR", to);
    }
    fputc('\n', to);
    put_roff(to, o[i].help);
    fputc('\n', to);
  }
}

static void put_exits(FILE *to, const char *exits) {
  static const char *const common[] = {"0  done", "2  wrong usage",
                                       "6  system error: a file, memory, a bug"};
  char all[2048];
  snprintf(all, sizeof all, "%s\n%s%s%s\n%s\n", common[0], exits ? exits : "", exits ? "\n" : "",
           common[1], common[2]);
  for (char *p = all; *p;) {
    size_t n = strcspn(p, "\n");
    char last = p[n];
    p[n] = 0;
    fprintf(to, ".TP\n\\fB%c\\fR\n", *p);
    put_roff(to, p + 1 + strspn(p + 1, " "));
    fputc('\n', to);
    if (!last) break;
    p += n + 1;
  }
}

void eao_cli_man(FILE *to, const eao_cli_command *cmd) {
  put_title(to, cmd->name);
  fprintf(to, ".SH NAME\neao\\-%s \\- ", cmd->name);
  put_roff(to, cmd->summary);
  fprintf(to, "\n.SH SYNOPSIS\n\\fBeao %s\\fR \\fI%s\\fR [options]\n.SH DESCRIPTION\n", cmd->name,
          cmd->args);
  put_roff(to, cmd->text);
  fputs("\n.SH OPTIONS\n", to);
  put_options(to, cmd->options, cmd->n_options);
  put_options(to, eao_cli_common, eao_cli_n_common);
  fputs(".SH EXAMPLES\n", to);
  for (size_t i = 0; i < cmd->n_examples; i++) {
    fputs(".TP\n\\fBeao ", to);
    put_roff(to, cmd->examples[i].line);
    fputs("\\fR\n", to);
    put_roff(to, cmd->examples[i].what);
    fputc('\n', to);
  }
  fputs(".SH EXIT STATUS\n", to);
  put_exits(to, cmd->exits);
  fputs(".SH SEE ALSO\n\\fBeao\\fR(1)\n", to);
}

void eao_cli_man_all(FILE *to) {
  put_title(to, NULL);
  fputs(".SH NAME\neao \\- take a trained model to a device's budget\n"
        ".SH SYNOPSIS\n\\fBeao\\fR \\fICOMMAND\\fR [arguments] [options]\n"
        ".SH DESCRIPTION\nReads a trained model (ONNX, TFLite), compresses and compiles it for a "
        "device and measures it.\nEach command has a manual page of its own.\n.SH COMMANDS\n",
        to);
  for (size_t i = 0; i < eao_cli_n_commands; i++) {
    fprintf(to, ".TP\n\\fBeao\\-%s\\fR(1)\n", eao_cli_commands[i]->name);
    put_roff(to, eao_cli_commands[i]->summary);
    fputc('\n', to);
  }
  fputs(".SH EXIT STATUS\n", to);
  put_exits(to, "1  a check that was asked for failed\n3  no candidate meets the budget\n"
                "4  a model or another input is invalid\n5  valid, but not supported");
  fputs(".SH ENVIRONMENT\n.TP\n\\fBNO_COLOR\\fR\nwhen not empty, output has no colour\n", to);
}

/* ---- bash ---- */

static void put_words(FILE *to, const eao_cli_option *o, size_t n) {
  for (size_t i = 0; i < n; i++) fprintf(to, " --%s", o[i].name);
}

void eao_cli_completion(FILE *to) {
  fputs("# bash completion for eao; made by 'eao help --completion'\n"
        "_eao() {\n"
        "  local cur=${COMP_WORDS[COMP_CWORD]} cmd=${COMP_WORDS[1]-} opts=\n"
        "  COMPREPLY=()\n"
        "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W '",
        to);
  for (size_t i = 0; i < eao_cli_n_commands; i++) fprintf(to, "%s ", eao_cli_commands[i]->name);
  fputs("help --help --version' -- \"$cur\"))\n    return\n  fi\n  case $cmd in\n    help) opts='",
        to);
  for (size_t i = 0; i < eao_cli_n_commands; i++)
    fprintf(to, "%s%s", i ? " " : "", eao_cli_commands[i]->name);
  fputs("' ;;\n", to);
  for (size_t i = 0; i < eao_cli_n_commands; i++) {
    const eao_cli_command *c = eao_cli_commands[i];
    fprintf(to, "    %s) opts='", c->name);
    put_words(to, c->options, c->n_options);
    put_words(to, eao_cli_common, eao_cli_n_common);
    fputs("' ;;\n", to);
  }
  fputs("  esac\n"
        "  if [ \"$cmd\" = help ] || [[ $cur == -* ]]; then\n"
        "    COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
        "  else\n"
        "    COMPREPLY=($(compgen -f -- \"$cur\"))\n"
        "    compopt -o filenames 2>/dev/null\n"
        "  fi\n"
        "}\n"
        "complete -F _eao eao\n",
        to);
}
