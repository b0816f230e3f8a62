/* The machine this runs on: what EAO uses and what it would use if it were there. */
#ifndef EAO_MACHINE_H
#define EAO_MACHINE_H

#include <stdbool.h>

#include "eao/eao.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { EAO_MACHINE_CLUSTERS = 8, EAO_MACHINE_CACHES = 8, EAO_MACHINE_FINDINGS = 16 };

/* Cores that are alike. */
typedef struct eao_core_cluster {
  int32_t first_cpu, cores;
  double max_mhz;   /* 0: not known */
  int32_t capacity; /* relative speed, 1024 the fastest; 0: not known */
} eao_core_cluster;

typedef struct eao_cache {
  int32_t level;
  char type[16]; /* "Data", "Instruction", "Unified" */
  double kib;
  int32_t shared_by; /* logical CPUs */
} eao_cache;

/* Something optional. */
typedef struct eao_finding {
  const char *name;
  bool found;
  char detail[160]; /* what was found, or what is lost without it */
} eao_finding;

typedef struct eao_machine {
  char cpu[128], arch[32], os[128], kernel[128];
  char isa[256]; /* instruction set extensions that matter here, separated by spaces */
  int32_t cpus;  /* logical CPUs this process may use */
  int32_t threads_per_core;
  eao_core_cluster cluster[EAO_MACHINE_CLUSTERS];
  int32_t n_cluster;
  eao_cache cache[EAO_MACHINE_CACHES];
  int32_t n_cache;
  double ram_total_kib, ram_available_kib;
  double f32_gmacs, i8_gmacs; /* measured peak of one core, 1e9 MACs a second; 0: not measured */
  double bandwidth_gb_s;      /* measured; 0: not measured */
  eao_finding finding[EAO_MACHINE_FINDINGS];
  int32_t n_finding;
} eao_machine;

/* measure: also the speeds, about 0.2 s. Something that cannot be found out is left 0 or "". */
eao_status eao_machine_get(eao_ctx *ctx, bool measure, eao_machine *out);

#ifdef __cplusplus
}
#endif
#endif
