/* What the sandbox allows and what it ends a process for, each tried in a child of its own. */
#include "cli/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int do_read(void) {
  char c;
  int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  return fd >= 0 && read(fd, &c, 1) == 1 && close(fd) == 0 ? 0 : 1;
}
static int do_memory(void) {
  char *p = malloc(1 << 24);
  if (!p) return 1;
  memset(p, 1, 1 << 24);
  free(p);
  return 0;
}
static int do_print(void) {
  return fprintf(stderr, "%s", "") < 0;
}
static int do_abort(void) {
  abort();
}
static int do_create(void) {
  return open("/tmp/eao-sandbox-probe", O_WRONLY | O_CREAT, 0600);
}
static int do_open_write(void) {
  return open("/dev/null", O_WRONLY);
}
static int do_append(void) {
  return open("/dev/null", O_RDWR | O_APPEND);
}
static int do_socket(void) {
  return socket(AF_INET, SOCK_STREAM, 0);
}
static int do_exec(void) {
  return execl("/bin/true", "true", (char *)NULL);
}
static int do_fork(void) {
  return fork();
}
static int do_kill(void) {
  return kill(getppid(), 0);
}
static int do_ptrace(void) {
  return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static int do_unlink(void) {
  return unlink("/tmp/eao-sandbox-none");
}
static int do_rename(void) {
  return rename("/tmp/eao-sandbox-none", "/tmp/eao-sandbox-none2");
}
static int do_exec_memory(void) {
  void *p =
      mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p != MAP_FAILED;
}
static int do_make_executable(void) {
  void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}
static int do_chmod(void) {
  return (int)syscall(SYS_fchmodat, AT_FDCWD, "/tmp/eao-sandbox-none", 0);
}

typedef struct probe {
  const char *name;
  int (*run)(void);
  int signal; /* that ends it; 0: it is allowed */
} probe;

static const probe probes[] = {{"read a file", do_read, 0},
                               {"use memory", do_memory, 0},
                               {"print", do_print, 0},
                               {"abort", do_abort, SIGABRT},
                               {"create a file", do_create, SIGSYS},
                               {"open for writing", do_open_write, SIGSYS},
                               {"open for appending", do_append, SIGSYS},
                               {"make a socket", do_socket, SIGSYS},
                               {"run a program", do_exec, SIGSYS},
                               {"make a process", do_fork, SIGSYS},
                               {"signal another process", do_kill, SIGSYS},
                               {"trace", do_ptrace, SIGSYS},
                               {"remove a file", do_unlink, SIGSYS},
                               {"rename a file", do_rename, SIGSYS},
                               {"change permissions", do_chmod, SIGSYS},
                               {"executable memory", do_exec_memory, SIGSYS},
                               {"make memory executable", do_make_executable, SIGSYS}};

static int run(void *user, int fd) {
  const probe *p = user;
  (void)fd;
  return p->run() == 0 ? 0 : 1;
}

static int run_output(void *user, int fd) {
  const int *code = user;
  return write(fd, "whole", 5) == 5 ? *code : 9;
}

/* The output has its name exactly when the job ends well. */
static int try_output(int code) {
  char path[] = "/tmp/eao-sandbox-XXXXXX", text[8] = {0};
  int got, fd = mkstemp(path);
  if (fd < 0) return 1;
  close(fd);
  unlink(path);
  eao_sandbox_job job = {path, run_output, &code};
  eao_sandbox_end end = eao_sandbox_run(&job, &got);
  FILE *f = fopen(path, "r");
  bool there = f && fread(text, 1, 7, f) == 5 && strcmp(text, "whole") == 0;
  if (f) fclose(f);
  unlink(path);
  bool ok = end == EAO_SANDBOX_DONE && got == code && there == (code == 0) && (f != NULL) == there;
  if (!ok) printf("FAIL output with exit code %d: end %d, code %d\n", code, (int)end, got);
  return !ok;
}

int main(void) {
  int failed = 0, code;
  for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
    eao_sandbox_job job = {NULL, run, (void *)(uintptr_t)&probes[i]};
    eao_sandbox_end end = eao_sandbox_run(&job, &code);
    if (end == EAO_SANDBOX_UNAVAILABLE) {
      puts("skipped: no sandbox in this build or on this system");
      return 77;
    }
    bool ok = probes[i].signal ? end == EAO_SANDBOX_KILLED && code == probes[i].signal
                               : end == EAO_SANDBOX_DONE && code == 0;
    if (ok) continue;
    printf("FAIL %s: end %d, code %d\n", probes[i].name, (int)end, code);
    failed++;
  }
  failed += try_output(0) + try_output(4);
  eao_sandbox_job nowhere = {"/nonexistent/folder/x", run_output, &code};
  if (eao_sandbox_run(&nowhere, &code) != EAO_SANDBOX_FAILED || errno != ENOENT) {
    puts("FAIL output in a folder that is not there");
    failed++;
  }
  printf("%d failed\n", failed);
  return failed > 0;
}
