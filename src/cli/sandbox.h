/* A child process that can hardly do anything: what a hostile model makes the program do stays in
 * there. Linux on x86-64 and ARM64; not in builds with sanitizers, which need more of the system.
 */
#ifndef EAO_CLI_SANDBOX_H
#define EAO_CLI_SANDBOX_H

#include <stdbool.h>

/* Bounds this process for the rest of its life: no new privileges, no core, and of the system only
 * memory that is not executable, reading files, and what goes to descriptors that are open already.
 * Anything else ends it by SIGSYS. False, and nothing changed, where that is not possible. */
bool eao_sandbox_enter(void);

/* What a sandboxed command may leave behind: one file, made by the parent. */
typedef struct eao_sandbox_job {
  const char *output;             /* path; NULL: none */
  int (*run)(void *user, int fd); /* in the child; fd takes the output, -1: none. Exit code */
  void *user;
} eao_sandbox_job;

typedef enum eao_sandbox_end {
  EAO_SANDBOX_DONE,        /* *out_code is the exit code */
  EAO_SANDBOX_UNAVAILABLE, /* nothing was run */
  EAO_SANDBOX_KILLED,      /* *out_code is the signal; SIGSYS: it tried what is forbidden */
  EAO_SANDBOX_FAILED,      /* no process, or the output cannot be made; errno says why */
} eao_sandbox_end;

/* Runs the job in a child and waits. In the child this does not return: the process ends with run's
 * result. The output gets its name when the exit code is 0, and is removed else. */
eao_sandbox_end eao_sandbox_run(const eao_sandbox_job *job, int *out_code);

#endif
