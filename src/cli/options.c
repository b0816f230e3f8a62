/* Values of options, mistakes, help. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"

bool eao_cli_has(const eao_cli *c, const char *name) {
  return eao_cli_get(c, name, NULL) != NULL;
}

const char *eao_cli_get(const eao_cli *c, const char *name, const char *fallback) {
  for (int i = c->n_values - 1; i >= 0; i--)
    if (strcmp(c->value[i].name, name) == 0) return c->value[i].value;
  return fallback;
}

const char *eao_cli_nth(const eao_cli *c, const char *name, int k) {
  for (int i = 0; i < c->n_values; i++)
    if (strcmp(c->value[i].name, name) == 0 && k-- == 0) return c->value[i].value;
  return NULL;
}

bool eao_cli_number(eao_cli *c, const char *name, double lo, double hi, double *out) {
  const char *s = eao_cli_get(c, name, NULL);
  char *end;
  if (!s) return true;
  double v = strtod(s, &end);
  if (end == s || *end || isnan(v) || v < lo || v > hi) {
    eao_cli_usage(c, "--%s: '%s' is not a number from %g to %g", name, s, lo, hi);
    return false;
  }
  *out = v;
  return true;
}

bool eao_cli_integer(eao_cli *c, const char *name, int64_t lo, int64_t hi, int64_t *out) {
  const char *s = eao_cli_get(c, name, NULL);
  char *end;
  if (!s) return true;
  errno = 0;
  long long v = strtoll(s, &end, 10);
  if (end == s || *end || errno || v < lo || v > hi) {
    eao_cli_usage(c, "--%s: '%s' is not an integer from %lld to %lld", name, s, (long long)lo,
                  (long long)hi);
    return false;
  }
  *out = v;
  return true;
}

/* ---- mistakes ---- */

void eao_cli_warn(void *user, const char *text) {
  eao_cli *c = user;
  if (!c->hold_warnings) {
    fprintf(stderr, "eao: warning: %s\n", text);
    return;
  }
  size_t n = strlen(c->held);
  snprintf(c->held + n, sizeof c->held - n, "eao: warning: %s\n", text);
}

static void report(const eao_cli *c, const char *status, const char *text) {
  fprintf(stderr, "eao %s: %s\n", c->cmd->name, text);
  if (!c->json) return;
  json_t *e = json_object();
  json_object_set_new(e, "status", json_string(status));
  json_object_set_new(e, "message", eao_cli_string(text));
  json_t *j = json_object();
  json_object_set_new(j, "error", e);
  eao_cli_json(j);
}

int eao_cli_usage(eao_cli *c, const char *fmt, ...) {
  char text[1024];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  report(c, "usage", text);
  fprintf(stderr, "See 'eao %s --help'.\n", c->cmd->name);
  return EAO_EXIT_USAGE;
}

int eao_cli_fail(eao_cli *c, eao_status s) {
  const char *text = eao_ctx_message(c->ctx);
  report(c, eao_status_name(s), text[0] ? text : eao_status_name(s));
  switch (s) {
  case EAO_OK: return EAO_EXIT_OK;
  case EAO_ERR_ARG: return EAO_EXIT_USAGE;
  case EAO_ERR_FORMAT:
  case EAO_ERR_SHAPE:
  case EAO_ERR_TYPE:
  case EAO_ERR_AUTH: return EAO_EXIT_INPUT;
  case EAO_ERR_UNSUPPORTED: return EAO_EXIT_UNSUPPORTED;
  case EAO_ERR_BUDGET: return EAO_EXIT_BUDGET;
  default: return EAO_EXIT_SYSTEM;
  }
}

int eao_cli_fail_input(eao_cli *c, eao_status s) {
  int code = eao_cli_fail(c, s);
  /* An impossible argument is a node's, unless shapes were given that may not suit the model. */
  bool bad_input = s == EAO_ERR_NOMEM || (s == EAO_ERR_ARG && !eao_cli_has(c, "shape"));
  return bad_input ? EAO_EXIT_INPUT : code;
}

/* Damerau-Levenshtein distance (optimal string alignment) of two short words. */
static size_t distance(const char *a, const char *b) {
  enum { MAX = 40 };
  size_t d[MAX + 1][MAX + 1], n = strlen(a), m = strlen(b);
  if (n > MAX || m > MAX) return SIZE_MAX;
  for (size_t i = 0; i <= n; i++) {
    for (size_t j = 0; j <= m; j++) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      size_t best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
      if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
      if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
          d[i - 2][j - 2] + 1 < best)
        best = d[i - 2][j - 2] + 1;
      d[i][j] = best;
    }
  }
  return d[n][m];
}

const char *eao_cli_nearest(const char *word, const char *const *known, size_t n) {
  const char *best = NULL;
  size_t least = strlen(word) / 2 + 1; /* half the letters wrong is no likeness */
  for (size_t i = 0; i < n; i++) {
    size_t d = distance(word, known[i]);
    /* The beginning of a word counts as meant. */
    if (strlen(word) >= 3 && strncmp(word, known[i], strlen(word)) == 0) d = 1;
    if (d < least) {
      least = d;
      best = known[i];
    }
  }
  return best;
}

/* ---- help ---- */

static void print_wrapped(FILE *to, const char *text, int indent) {
  for (const char *p = text; *p; p++) {
    fputc(*p, to);
    if (*p == '\n' && p[1]) fprintf(to, "%*s", indent, "");
  }
  fputc('\n', to);
}

static void print_options(FILE *to, const eao_cli_option *o, size_t n) {
  enum { COLUMN = 26 };
  for (size_t i = 0; i < n; i++) {
    char left[64];
    snprintf(left, sizeof left, "  --%s%s%s", o[i].name, o[i].arg ? " " : "",
             o[i].arg ? o[i].arg : "");
    if (strlen(left) + 2 > COLUMN)
      fprintf(to, "%s\n%*s", left, COLUMN, "");
    else
      fprintf(to, "%-*s", COLUMN, left);
    print_wrapped(to, o[i].help, COLUMN);
  }
}

void eao_cli_help(FILE *to, const eao_cli_command *cmd) {
  fprintf(to, "usage: eao %s %s [options]\n\n%s\n\noptions:\n", cmd->name, cmd->args, cmd->text);
  print_options(to, cmd->options, cmd->n_options);
  print_options(to, eao_cli_common, eao_cli_n_common);
  fprintf(to, "\nexamples:\n");
  for (size_t i = 0; i < cmd->n_examples; i++)
    fprintf(to, "  eao %s\n      %s\n", cmd->examples[i].line, cmd->examples[i].what);
  fprintf(to, "\nexit codes:\n  0  done\n");
  if (cmd->exits) {
    fprintf(to, "  ");
    print_wrapped(to, cmd->exits, 2);
  }
  fprintf(to, "  2  wrong usage\n  6  system error: a file cannot be read or written, memory\n");
}

void eao_cli_help_all(FILE *to) {
  fprintf(to,
          "eao %s: takes a trained model to a device's budget\n\n"
          "usage: eao COMMAND [arguments] [options]\n\ncommands:\n",
          EAO_VERSION_STRING);
  for (size_t i = 0; i < eao_cli_n_commands; i++)
    fprintf(to, "  %-10s %s\n", eao_cli_commands[i]->name, eao_cli_commands[i]->summary);
  fprintf(to, "\n'eao COMMAND --help' explains a command and shows examples.\n"
              "Exit codes: 0 done; 1 a check failed; 2 wrong usage; 3 no candidate meets the "
              "budget;\n4 the input is invalid; 5 unsupported; 6 system error.\n");
}

bool eao_cli_stream(eao_cli *c, eao_stream_mode *out) {
  static const char *const names[] = {"auto", "always", "never"}; /* as in eao_stream_mode */
  const char *text = eao_cli_get(c, "stream", names[0]);
  for (size_t i = 0; i < EAO_CLI_COUNT(names); i++) {
    if (strcmp(text, names[i]) != 0) continue;
    *out = (eao_stream_mode)i;
    return true;
  }
  eao_cli_usage(c, "--stream: '%s' is none of auto, always, never", text);
  return false;
}

bool eao_cli_duration(eao_cli *c, const char *name, double *out) {
  const char *s = eao_cli_get(c, name, NULL);
  char *end;
  if (!s) return true;
  double v = strtod(s, &end);
  double unit = strcmp(end, "m") == 0 ? 60 : strcmp(end, "s") == 0 || !*end ? 1 : 0;
  if (end == s || unit == 0 || !(v > 0) || v * unit > 86400) {
    eao_cli_usage(c, "--%s: '%s' is not a time such as 60s or 2m, at most a day", name, s);
    return false;
  }
  *out = v * unit;
  return true;
}
