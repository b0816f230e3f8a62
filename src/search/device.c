#include "search/device.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { OUTPUT_BYTES = 4096, ARGS_MAX = 24 };

/* Runs a program without a shell; out: what it printed, stdout and stderr. *out_code: its exit
 * code, 127 when it could not be started. */
static eao_status run(eao_ctx *ctx, char *const argv[], char out[OUTPUT_BYTES], int *out_code) {
  int fds[2], status = 0;
  pid_t pid;
  posix_spawn_file_actions_t a;
  out[0] = 0;
  *out_code = 127;
  if (pipe(fds) != 0) return eao_fail(ctx, EAO_ERR_IO, "no pipe: %s", strerror(errno));
  posix_spawn_file_actions_init(&a);
  posix_spawn_file_actions_addopen(&a, STDIN_FILENO, "/dev/null", 0, 0);
  posix_spawn_file_actions_addclose(&a, fds[0]);
  posix_spawn_file_actions_adddup2(&a, fds[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&a, fds[1], STDERR_FILENO);
  posix_spawn_file_actions_addclose(&a, fds[1]);
  int bad = posix_spawnp(&pid, argv[0], &a, NULL, argv, environ);
  posix_spawn_file_actions_destroy(&a);
  close(fds[1]);
  size_t n = 0;
  char rest[256];
  for (ssize_t r; !bad;) {
    bool room = n < OUTPUT_BYTES - 1;
    r = read(fds[0], room ? out + n : rest, room ? OUTPUT_BYTES - 1 - n : sizeof rest);
    if (r < 0 && errno == EINTR) continue;
    if (r <= 0) break;
    if (room) n += (size_t)r;
  }
  out[n] = 0;
  close(fds[0]);
  if (bad) return EAO_OK;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  *out_code = WIFEXITED(status) ? WEXITSTATUS(status) : 126;
  return EAO_OK;
}

/* ---- ssh ---- */

/* ssh or scp without questions: a search must not wait for a password. */
static int begin(const eao_device *d, const char *program, char *argv[ARGS_MAX]) {
  static const char *const fixed[] = {"-o", "BatchMode=yes", "-o", "ConnectTimeout=10"};
  int n = 0;
  argv[n++] = (char *)(uintptr_t)program;
  for (size_t i = 0; i < EAO_COUNT(fixed); i++) argv[n++] = (char *)(uintptr_t)fixed[i];
  const char *config = getenv("EAO_SSH_CONFIG"); /* as ssh -F */
  if (config && *config) {
    argv[n++] = (char *)(uintptr_t) "-F";
    argv[n++] = (char *)(uintptr_t)config;
  }
  if (*d->port) {
    argv[n++] = (char *)(uintptr_t)(strcmp(program, "scp") == 0 ? "-P" : "-p");
    argv[n++] = (char *)(uintptr_t)d->port;
  }
  return n;
}

static eao_status remote(eao_device *d, const char *command, char out[OUTPUT_BYTES], int *code) {
  char *argv[ARGS_MAX];
  int n = begin(d, "ssh", argv);
  argv[n++] = d->host;
  argv[n++] = (char *)(uintptr_t)command;
  argv[n] = NULL;
  return run(d->ctx, argv, out, code);
}

static eao_status copy(eao_device *d, const char *from, const char *name) {
  char *argv[ARGS_MAX], to[512], out[OUTPUT_BYTES];
  int n = begin(d, "scp", argv), code;
  snprintf(to, sizeof to, "%s:%s/%s", d->host, d->dir, name);
  argv[n++] = (char *)(uintptr_t) "-q";
  argv[n++] = (char *)(uintptr_t)from;
  argv[n++] = to;
  argv[n] = NULL;
  EAO_TRY(run(d->ctx, argv, out, &code));
  if (code == 0) return EAO_OK;
  return eao_fail(d->ctx, EAO_ERR_IO, "cannot copy '%s' to %s: %.300s", from, d->host,
                  code == 127 ? "scp is not installed" : out);
}

/* Names that cannot be taken for an option or a command. */
static bool parse_url(eao_device *d, const char *url) {
  static const char *const good =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@";
  if (strncmp(url, "ssh://", 6) != 0) return false;
  const char *host = url + 6;
  size_t n = strspn(host, good);
  if (n == 0 || n >= sizeof d->host || *host == '-') return false;
  snprintf(d->host, sizeof d->host, "%.*s", (int)n, host);
  const char *rest = host + n;
  if (*rest == ':') {
    size_t digits = strspn(rest + 1, "0123456789");
    if (digits == 0 || digits > 5) return false;
    snprintf(d->port, sizeof d->port, "%.*s", (int)digits, rest + 1);
    rest += 1 + digits;
  }
  return *rest == 0 || strcmp(rest, "/") == 0;
}

eao_status eao_device_open(eao_ctx *ctx, const char *url, const char *runner, eao_device *out) {
  char text[OUTPUT_BYTES];
  int code;
  *out = (eao_device){.ctx = ctx};
  if (!parse_url(out, url))
    return eao_fail(ctx, EAO_ERR_ARG, "device '%s' must be ssh://user@host or ssh://user@host:port",
                    url);
  if (access(runner, R_OK) != 0)
    return eao_fail(ctx, EAO_ERR_ARG,
                    "no runner '%s': build the target device_bench for the device and give it with "
                    "--runner",
                    runner);
  snprintf(out->runner, sizeof out->runner, "%s", runner);
  EAO_TRY(remote(out, "mktemp -d /tmp/eao-XXXXXX", text, &code));
  text[strcspn(text, "\r\n")] = 0;
  if (code != 0 || strncmp(text, "/tmp/eao-", 9) != 0 || strlen(text) != 15 ||
      strspn(text + 9, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != 6)
    return eao_fail(ctx, EAO_ERR_IO,
                    "no connection to %s (a key, not a password, is needed): %.300s", out->host,
                    code == 127 ? "ssh is not installed" : text);
  snprintf(out->dir, sizeof out->dir, "%s", text);
  eao_status s = copy(out, runner, "device_bench");
  if (s != EAO_OK) eao_device_close(out);
  return s;
}

void eao_device_close(eao_device *d) {
  char command[256], out[OUTPUT_BYTES];
  int code;
  if (!*d->dir) return;
  snprintf(command, sizeof command, "rm -rf %s", d->dir);
  (void)(remote(d, command, out, &code) == EAO_OK);
  d->dir[0] = 0;
}

/* ---- the runner's line ---- */

static bool number_of(const char *json, const char *key, double *out) {
  char quoted[40], *end;
  snprintf(quoted, sizeof quoted, "\"%s\": ", key);
  const char *p = strstr(json, quoted);
  if (!p) return false;
  *out = strtod(p + strlen(quoted), &end);
  return end > p + strlen(quoted) && *out >= 0;
}

static eao_status parse_run(eao_ctx *ctx, const char *where, const char *text, int code,
                            eao_device_run *out) {
  const char *line = strstr(text, "{\"self_test\": \""), *end;
  *out = (eao_device_run){0};
  if (code != 0 || !line || !(end = strchr(line + 15, '"')) ||
      end - (line + 15) >= (ptrdiff_t)sizeof out->self_test ||
      !number_of(line, "p50_ms", &out->p50_ms) || !number_of(line, "p95_ms", &out->p95_ms) ||
      !number_of(line, "p99_ms", &out->p99_ms) || !number_of(line, "min_ms", &out->min_ms) ||
      !number_of(line, "runs", &out->runs) ||
      !number_of(line, "session_bytes", &out->session_bytes) ||
      !number_of(line, "rss_kib", &out->rss_kib))
    return eao_fail(ctx, EAO_ERR_IO, "%s: the runner failed (exit code %d): %.300s", where, code,
                    *text ? text : "is it built for that machine?");
  memcpy(out->self_test, line + 15, (size_t)(end - line - 15));
  return EAO_OK;
}

eao_status eao_device_measure(eao_device *d, const char *package, uint32_t runs, uint32_t threads,
                              double seconds, eao_device_run *out) {
  char command[512], text[OUTPUT_BYTES];
  int code;
  EAO_TRY(copy(d, package, "model.eao"));
  snprintf(command, sizeof command,
           "chmod +x %s/device_bench && %s/device_bench %s/model.eao --runs %u --threads %u "
           "--seconds %.0f",
           d->dir, d->dir, d->dir, runs, threads, seconds);
  EAO_TRY(remote(d, command, text, &code));
  return parse_run(d->ctx, d->host, text, code, out);
}

/* ---- emulation ---- */

eao_status eao_emulate(eao_ctx *ctx, const char *qemu, const char *runner, const char *package,
                       eao_device_run *out, bool *out_ran) {
  char text[OUTPUT_BYTES];
  int code;
  char *argv[] = {(char *)(uintptr_t)qemu,    (char *)(uintptr_t)runner,
                  (char *)(uintptr_t)package, (char *)(uintptr_t) "--runs",
                  (char *)(uintptr_t) "1",    NULL};
  *out_ran = false;
  EAO_TRY(run(ctx, argv, text, &code));
  if (code == 127) return EAO_OK;
  *out_ran = true;
  return parse_run(ctx, qemu, text, code, out);
}
