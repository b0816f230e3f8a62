/* A device that a candidate is measured on: another machine behind ssh, or this one through qemu.
 */
#ifndef EAO_SEARCH_DEVICE_H
#define EAO_SEARCH_DEVICE_H

#include "base/base.h"

/* What examples/device_bench.c reports. */
typedef struct eao_device_run {
  double p50_ms, p95_ms, p99_ms, min_ms, session_bytes, rss_kib, runs;
  char self_test[16]; /* "passed", "failed", "none" */
} eao_device_run;

typedef struct eao_device {
  eao_ctx *ctx;
  char host[256], port[16]; /* user@host */
  char runner[512];         /* the static program, here */
  char dir[128];            /* on the device; "" not there yet */
} eao_device;

/* "ssh://user@host[:port]". Copies the runner to a new folder under /tmp of the device. */
eao_status eao_device_open(eao_ctx *ctx, const char *url, const char *runner,
                           eao_device *out) EAO_MUST_CHECK;
/* Removes what was copied. */
void eao_device_close(eao_device *d);
eao_status eao_device_measure(eao_device *d, const char *package, uint32_t runs, uint32_t threads,
                              double seconds, eao_device_run *out) EAO_MUST_CHECK;

/* Runs a package's self-test with the runner of another ISA under qemu-user. *out "" when qemu is
 * not installed. */
eao_status eao_emulate(eao_ctx *ctx, const char *qemu, const char *runner, const char *package,
                       eao_device_run *out, bool *out_ran) EAO_MUST_CHECK;

#endif
