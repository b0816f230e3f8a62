/* What the files of the audit share. */
#ifndef EAO_COMPRESS_AUDIT_AUDIT_H
#define EAO_COMPRESS_AUDIT_AUDIT_H

#include "base/base.h"
#include "eao/audit.h"
#include "ir/graph.h"

enum { AUDIT_SIGN = 256 };

/* What is kept of a sample. */
typedef struct audit_sample {
  int64_t at;    /* its number in the data set */
  int64_t label; /* -1: none */
  uint64_t hash; /* of type and elements */
  bool ok, finite;
  bool grey;       /* three equal channels */
  int32_t rank;    /* of the sample as it is in the file */
  int64_t dim[3];  /* its first extents */
  int32_t rate_hz; /* audio */
  float mean, std, min, max;
  float low, high;        /* share of numbers at the smallest and at the largest value */
  float sign[AUDIT_SIGN]; /* block means, centred and of length 1 */
} audit_sample;

typedef struct audit_set {
  eao_dataset *d;
  eao_dataset_info info;
  audit_sample *sample;
  uint32_t n, n_ok;
} audit_set;

typedef struct audit {
  eao_ctx *ctx;
  eao_arena arena;
  const eao_graph *g; /* as loaded; a package has inputs and outputs only */
  eao_audit_opts o;
  audit_set set, held;
  bool labels;
  eao_audit_finding *finding;
  const char **unchecked;
  eao_audit_trial *trial;
  uint32_t n_finding, cap_finding, n_unchecked, cap_unchecked, n_trial, cap_trial;
  double top1;
} audit;

/* A finding whose evidence is a formatted text; advice is kept as it is. */
eao_status audit_find(audit *a, eao_audit_kind kind, eao_audit_level level, double confidence,
                      const char *advice, const char *fmt, ...) EAO_PRINTF(6, 7);
bool audit_has(const audit *a, eao_audit_kind kind);
eao_status audit_unchecked(audit *a, const char *fmt, ...) EAO_PRINTF(2, 3);
/* Text in the audit's arena; "" when memory is short. */
const char *audit_text(audit *a, const char *fmt, ...) EAO_PRINTF(2, 3);
void audit_progress(audit *a, const char *what, uint32_t done, uint32_t total);
/* Names of some samples: "a.jpg, b.jpg and 3 more". pick[k] are positions in set->sample. */
const char *audit_names(audit *a, const audit_set *set, const uint32_t *pick, uint32_t n);

/* Reads at most `most` samples, spread evenly; those that cannot be read have ok false. */
eao_status audit_read(audit *a, audit_set *set, eao_dataset *d, uint32_t most);
void audit_set_deinit(audit *a, audit_set *set);

/* The checks; each adds its findings. */
eao_status audit_check_samples(audit *a);
eao_status audit_check_classes(audit *a);
eao_status audit_check_held_out(audit *a);
eao_status audit_check_model(audit *a);
eao_status audit_check_trials(audit *a);

#endif
