/* Device profiles: what the compiler and the search need to know of a machine.
 *
 * A profile is a YAML file (targets/, built into the program, or the user's own); `inherits` names
 * a parent whose values it overrides. "host" is this machine, probed. */
#ifndef EAO_TARGET_TARGET_H
#define EAO_TARGET_TARGET_H

#include "base/base.h"
#include "kernel/step.h"

enum { EAO_MAX_CLUSTERS = 4, EAO_TARGET_TEXT = 96 };

typedef struct eao_cluster {
  char name[32];
  int64_t cores;
  double clock_mhz;
  double l1d_kib, l2_kib, l3_kib; /* l1d and l2 per core, l3 shared; 0: none */
  double f32_gmacs, i8_gmacs;     /* peak per core, 1e9 multiply-accumulates a second */
} eao_cluster;

/* What a kernel takes, measured: us[] times the features of eao_kernel_features. */
enum { EAO_KERNEL_FEATURES = 5, EAO_MAX_KERNEL_SPEEDS = 64 };
typedef struct eao_kernel_speed {
  char name[40];
  double us[EAO_KERNEL_FEATURES];
} eao_kernel_speed;

typedef struct eao_target {
  char name[EAO_TARGET_TEXT], title[EAO_TARGET_TEXT];
  bool is_host;
  eao_isa isa;
  uint32_t cpu_flags;                    /* eao_cpu_flag */
  eao_cluster cluster[EAO_MAX_CLUSTERS]; /* the fastest first; the one that runs the model */
  uint32_t n_cluster;
  double ram_kib;          /* for the model: what the system leaves */
  double flash_kib;        /* storage for the artifact; 0: no bound */
  double weights_in_ram;   /* 1: weights are loaded into RAM; 0: they run in place from flash */
  double bandwidth_gb_s;   /* main memory, sustained */
  double step_overhead_us; /* per step: call, loop start and end, cold caches */
  double efficiency_f32, efficiency_i8; /* share of the peak that convolutions reach */
  double pj_per_mac_f32, pj_per_mac_i8; /* energy of one multiply-accumulate, data in registers */
  double pj_per_byte_cache, pj_per_byte_dram;
  double idle_mw;                    /* static power of core and memory while the model runs */
  char accelerator[EAO_TARGET_TEXT]; /* what else the device has; "" none */
  char source[512];                  /* where the figures come from */
  eao_kernel_speed kernel[EAO_MAX_KERNEL_SPEEDS]; /* better than peak and efficiency, where known */
  uint32_t n_kernel;
} eao_target;

/* Cores and caches of this machine, read in no time; speeds stay 0. */
void eao_target_host_caches(eao_cluster *out);
/* Profile by name ("host", a built-in one) or path (has a '/' or ends in .yaml). */
eao_status eao_target_load(eao_ctx *ctx, const char *name, eao_target *out) EAO_MUST_CHECK;
/* This machine: ISA, cores, caches and memory from the system, speeds measured (about 0.2 s;
 * measured once per process). */
eao_status eao_target_probe(eao_ctx *ctx, eao_target *out) EAO_MUST_CHECK;
/* The profile in a text, as eao_target_print makes it. */
eao_status eao_target_parse(eao_ctx *ctx, const char *name, const char *text,
                            eao_target *out) EAO_MUST_CHECK;
/* Name of built-in profile i; NULL past the last. */
const char *eao_target_builtin(uint32_t i);
/* The profile as YAML that loads to the same profile. */
void eao_target_print(const eao_target *t, eao_text *out);

const char *eao_isa_name(eao_isa isa);

/* What one step of a compiled model does. */
typedef struct eao_step_work {
  double macs;
  bool reference;        /* run by a scalar reference kernel, 4 cycles a MAC (docs/targets.md) */
  bool is_int8;          /* 8-bit multiply-accumulates */
  double bytes_in_cache; /* activations and scratch that the plan keeps close */
  double bytes_dram;     /* weights, and activations that do not fit the last cache */
  const char *kernel;    /* NULL: no measured speed is looked for */
  double in_bytes, out_bytes, weight_bytes, channels;
  bool weights_far; /* all weights together do not fit a core's own caches */
} eao_step_work;

/* A call; 1e6 multiply-accumulates, as many as whole vectors of 16 channels take; KiB written,
 * read, of weights. */
void eao_kernel_features(const eao_step_work *w, double out[EAO_KERNEL_FEATURES]);

/* Roofline (Williams et al. 2009): a step takes the longer of its arithmetic and its memory
 * traffic, plus the overhead. Milliseconds; threads are limited to the fastest cluster's cores. */
double eao_target_step_ms(const eao_target *t, const eao_step_work *w, int threads);
/* Dynamic energy of a step in millijoules; static power is eao_target.idle_mw times the latency. */
double eao_target_step_mj(const eao_target *t, const eao_step_work *w);

#endif
