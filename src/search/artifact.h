/* What a search leaves: the model, the report, the recipe. */
#ifndef EAO_SEARCH_ARTIFACT_H
#define EAO_SEARCH_ARTIFACT_H

#include "search/trial.h"

typedef struct eao_outcome {
  eao_search *s;
  eao_candidate *list;
  uint32_t n;
  eao_choice choice;
  eao_trial trial;        /* of choice.nearest */
  eao_compiled *compiled; /* of choice.nearest; NULL: none could be made */
  eao_bench *bench;       /* its final measurement; NULL: not this machine */
  double seconds;
} eao_outcome;

eao_status eao_artifact_write(eao_outcome *o, eao_optimize_result *out) EAO_MUST_CHECK;

#endif
