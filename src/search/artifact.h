/* What a search leaves: the model, the report, the recipe. */
#ifndef EAO_SEARCH_ARTIFACT_H
#define EAO_SEARCH_ARTIFACT_H

#include "search/search.h"

typedef struct eao_outcome {
  eao_search *s;
  const eao_preflight *preflight;
  eao_choice choice;
  int32_t at;        /* candidate that was built: choice.nearest */
  eao_point point;   /* of choice.nearest */
  eao_built built;   /* of choice.nearest; empty: none could be made */
  bool golden;       /* it carries a known-good run */
  eao_bench *bench;  /* its final measurement; NULL: not this machine */
  char verified[64]; /* where the self-test ran; "" nowhere */
  bool wrong;        /* it failed there */
  double seconds;
} eao_outcome;

eao_status eao_artifact_write(eao_outcome *o, eao_optimize_result *out) EAO_MUST_CHECK;
/* The preflight alone, as a table and as JSON. */
eao_status eao_preflight_report(eao_search *s, const eao_preflight *p,
                                eao_optimize_result *out) EAO_MUST_CHECK;

/* ---- advice ---- */

enum { EAO_ADVICE_MAX = 16, EAO_ADVICE_BYTES = 320 };
typedef struct eao_advice {
  char text[EAO_ADVICE_MAX][EAO_ADVICE_BYTES];
  const char *list[EAO_ADVICE_MAX];
  uint32_t n;
} eao_advice;
void eao_advise(eao_advice *a, const char *fmt, ...) EAO_PRINTF(2, 3);
/* What would move a budget that binds, and what to know about the figures. */
void eao_advise_all(const eao_outcome *o, eao_advice *a);

#endif
