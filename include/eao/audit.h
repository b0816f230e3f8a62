/* Is this data set fit for calibrating and judging this model? Each finding says what, on what
 * evidence, how sure, and what to do.
 *
 * Two sources of evidence: the samples themselves (broken, equal, blank, few, one-sided), and
 * trials: the model runs on the same samples prepared in other ways (colour order, scaling, axes,
 * cropping, shifted labels), and a way that the model clearly likes better is a finding. "Better"
 * is paired, sample by sample: the log-likelihood of the label, or, without labels, how sure and
 * how varied the answers are (their mutual information with the samples). */
#ifndef EAO_AUDIT_H
#define EAO_AUDIT_H

#include "eao/eval.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eao_audit_kind {
#define EAO_AUDIT(id, name, title) EAO_AUDIT_##id,
#include "eao/audit_kinds.def"
#undef EAO_AUDIT
  EAO_AUDIT_COUNT
} eao_audit_kind;
/* "colour-order", ... */
const char *eao_audit_name(eao_audit_kind k);
/* "colours in the wrong order", ... */
const char *eao_audit_title(eao_audit_kind k);

typedef enum eao_audit_level {
  EAO_AUDIT_NOTE,    /* worth knowing; nothing is wrong because of it */
  EAO_AUDIT_WARNING, /* results will be worse or less certain */
  EAO_AUDIT_ERROR,   /* results will be wrong */
} eao_audit_level;
const char *eao_audit_level_name(eao_audit_level l); /* "note", "warning", "error" */

typedef struct eao_audit_finding {
  eao_audit_kind kind;
  eao_audit_level level;
  double confidence; /* 0..1 */
  const char *evidence, *advice;
} eao_audit_finding;

typedef struct eao_audit_opts {
  const eao_eval_model *run; /* what runs the model; NULL: only what samples and weights show */
  eao_dataset *held_out;     /* samples for evaluation, to look for drift and leaks; or NULL */
  uint32_t samples;          /* at most so many are looked at, spread evenly; 0: 1000 */
  uint32_t trial_samples;    /* at most so many in each trial; 0: 400 */
  bool no_labels;            /* as if there were none */
  void (*progress)(void *user, const char *what, uint32_t done, uint32_t total); /* or NULL */
  void *progress_user;
} eao_audit_opts;

typedef struct eao_audit_trial {
  eao_audit_kind kind;
  const char *name;
  double top1;  /* with labels, else NaN */
  double score; /* mean log-likelihood of the label; mutual information in nats without labels */
  double z;     /* of the paired difference from the data as they were described */
} eao_audit_trial;

/* Everything is borrowed from the report. */
typedef struct eao_audit_report {
  const eao_audit_finding *finding; /* worst first */
  uint32_t n_finding;
  const char *const *unchecked; /* what could not be looked at, and why */
  uint32_t n_unchecked;
  const eao_audit_trial *trial; /* the first is the data as they were described */
  uint32_t n_trial;
  int64_t n_sample; /* looked at */
  double top1;      /* as described, on the trials' samples; NaN without labels */
} eao_audit_report;

/* The data set's preprocessing is changed during the call and restored. opts may be NULL.
 * Deterministic. Free *out with eao_audit_destroy. */
eao_status eao_audit(eao_model *m, eao_dataset *d, const eao_audit_opts *opts,
                     eao_audit_report **out);
void eao_audit_destroy(eao_ctx *ctx, eao_audit_report *r);

#ifdef __cplusplus
}
#endif
#endif
