#include "cli/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__)) && !defined(SANITIZED)
#define AVAILABLE 1
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

/* Allowed whatever the arguments are. */
static const uint32_t plain[] = {
    SYS_read,          SYS_readv,        SYS_pread64,
    SYS_write,         SYS_writev,       SYS_close,
    SYS_fstat,         SYS_newfstatat,   SYS_statx,
    SYS_lseek,         SYS_munmap,       SYS_mremap,
    SYS_madvise,       SYS_brk,          SYS_exit,
    SYS_exit_group,    SYS_rt_sigreturn, SYS_futex,
    SYS_getpid,        SYS_gettid,       SYS_rt_sigprocmask,
    SYS_rt_sigaction,  SYS_getrandom,    SYS_getdents64,
    SYS_clock_gettime, SYS_uname,        SYS_sched_getaffinity,
    SYS_sysinfo,       SYS_fsync,        SYS_getcwd,
    SYS_faccessat,
#ifdef __x86_64__
    SYS_stat,          SYS_access,       SYS_getdents,
    SYS_time,          SYS_gettimeofday,
#endif
};

/* Allowed when the bits `mask` of argument `arg` are `value`. Paths cannot be looked at here, but
 * how a file is opened can: for reading only. */
static const struct {
  uint32_t nr, arg, mask, value;
} checked[] = {
    {SYS_openat, 2, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY), 0},
#ifdef __x86_64__
    {SYS_open, 1, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY), 0},
#endif
    {SYS_mmap, 2, PROT_EXEC, 0},
    {SYS_mprotect, 2, PROT_EXEC, 0},
    {SYS_ioctl, 1, UINT32_MAX, TCGETS}, /* isatty */
    {SYS_ioctl, 1, UINT32_MAX, TIOCGWINSZ},
    {SYS_fcntl, 1, UINT32_MAX, F_GETFL},
    {SYS_fcntl, 1, UINT32_MAX, F_GETFD},
    {SYS_fcntl, 1, UINT32_MAX, F_SETFD},
    {SYS_tgkill, 2, UINT32_MAX, 6}, /* abort */
};

enum {
  N_PLAIN = sizeof plain / sizeof *plain,
  N_CHECKED = sizeof checked / sizeof *checked,
  LOW_WORD = 0 /* of an argument: little-endian machines */
};

bool eao_sandbox_enter(void) {
  struct sock_filter f[8 + 2 * N_PLAIN + 6 * N_CHECKED];
  uint16_t n = 0;
  f[n++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  f[n++] =
      (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < N_PLAIN; i++) {
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, plain[i], 0, 1);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
  for (size_t i = 0; i < N_CHECKED; i++) {
    uint32_t at = (uint32_t)(offsetof(struct seccomp_data, args) + 8 * checked[i].arg + LOW_WORD);
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, checked[i].nr, 0, 5);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, checked[i].mask);
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, checked[i].value, 0, 1);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  }
  f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  struct sock_fprog prog = {n, f};
  struct rlimit none = {0, 0}, files = {64, 64};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)setrlimit(RLIMIT_NOFILE, &files);
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

static bool kernel_has_it(void) {
  uint32_t action = SECCOMP_RET_KILL_PROCESS;
  return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0;
}
#else
bool eao_sandbox_enter(void) {
  return false;
}
static bool kernel_has_it(void) {
  return false;
}
#endif

/* The output under a temporary name beside its final one. */
static int make_output(const char *path, char *tmp, size_t cap) {
  if ((size_t)snprintf(tmp, cap, "%s.XXXXXX", path) >= cap) {
    errno = ENAMETOOLONG;
    return -1;
  }
  return mkstemp(tmp);
}

static bool finish_output(int fd, const char *tmp, const char *path, bool keep) {
  bool ok = !keep || (fchmod(fd, 0644) == 0 && fsync(fd) == 0);
  ok = close(fd) == 0 && ok;
  if (keep && ok && rename(tmp, path) == 0) return true;
  int why = errno;
  unlink(tmp);
  errno = why;
  return !keep;
}

enum { EXIT_NO_SANDBOX = 125 }; /* of the child */

/* In the child. Does not come back. */
static void child(const eao_sandbox_job *job, int fd) {
  if (!eao_sandbox_enter()) _exit(EXIT_NO_SANDBOX);
  int code = job->run(job->user, fd);
  if (fflush(stdout) != 0 && code == 0) code = 6;
  _exit(code);
}

eao_sandbox_end eao_sandbox_run(const eao_sandbox_job *job, int *out_code) {
  char tmp[4096];
  int fd = -1, status = 0;
  *out_code = 0;
  if (!kernel_has_it()) return EAO_SANDBOX_UNAVAILABLE;
  if (job->output && (fd = make_output(job->output, tmp, sizeof tmp)) < 0)
    return EAO_SANDBOX_FAILED;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) child(job, fd);
  bool ended = pid > 0;
  while (ended && waitpid(pid, &status, 0) < 0) ended = errno == EINTR;
  bool done = ended && WIFEXITED(status) && WEXITSTATUS(status) != EXIT_NO_SANDBOX;
  *out_code = done ? WEXITSTATUS(status) : ended && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  if (fd >= 0 && !finish_output(fd, tmp, job->output, done && *out_code == 0))
    return EAO_SANDBOX_FAILED;
  if (!ended) return EAO_SANDBOX_FAILED;
  if (WIFSIGNALED(status)) return EAO_SANDBOX_KILLED;
  return done ? EAO_SANDBOX_DONE : EAO_SANDBOX_UNAVAILABLE;
}
