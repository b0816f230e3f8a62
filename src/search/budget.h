/* Budgets, candidates, and the choice between them. */
#ifndef EAO_SEARCH_BUDGET_H
#define EAO_SEARCH_BUDGET_H

#include "conf/conf.h"

typedef enum eao_goal {
  EAO_GOAL_LATENCY_P95_MS = 0,
  EAO_GOAL_ENERGY_MJ,
  EAO_GOAL_RAM_PEAK_KIB,
  EAO_GOAL_SIZE_KIB,
  EAO_GOAL_ACCURACY,      /* budget: accuracy_min, a lower bound */
  EAO_GOAL_ACCURACY_DROP, /* budget: accuracy_drop_max, in the metric's points, against float */
  EAO_GOAL_COUNT
} eao_goal;

typedef struct eao_goal_info {
  const char *key;    /* of the measured value: "latency_p95_ms" */
  const char *budget; /* of the bound: "accuracy_min" */
  const char *title, *unit;
  bool lower_bound; /* the budget is a minimum */
} eao_goal_info;

const eao_goal_info *eao_goal_get(eao_goal m);

typedef struct eao_budget {
  bool set[EAO_GOAL_COUNT];
  double limit[EAO_GOAL_COUNT];
} eao_budget;

/* "latency_p95_ms=15,size_kib=2048" is added to b. Unknown keys, doubled keys and values that are
 * not finite numbers >= 0 fail with EAO_ERR_ARG. */
eao_status eao_budget_parse(eao_ctx *ctx, const char *text, eao_budget *b) EAO_MUST_CHECK;
/* The same keys as a YAML mapping. */
eao_status eao_budget_read(eao_conf *c, const eao_conf_node *n, eao_budget *b) EAO_MUST_CHECK;

/* A way to run the model, and what it costs. */
typedef struct eao_candidate {
  char id[48];      /* "int8-t1" */
  char what[160];   /* for people */
  bool failed;      /* could not be made or measured */
  bool screened;    /* not measured to the end, because it was not worth it: never chosen */
  char reason[160]; /* why it failed, or why it was not measured further */
  bool known[EAO_GOAL_COUNT];
  bool estimated[EAO_GOAL_COUNT]; /* by a model, not measured */
  double value[EAO_GOAL_COUNT];
  double accuracy_lo, accuracy_hi; /* 95 % interval; both 0 when not known */
  bool on_front;                   /* set by eao_choose */
  int32_t user;                    /* the search's own index */
} eao_candidate;

typedef struct eao_choice {
  int32_t chosen;  /* index of the candidate that meets every budget; -1: none does */
  int32_t nearest; /* chosen, or the one that misses by least; -1: no candidate could be measured */
  /* When nothing fits: budgets any one of which, dropped alone, would let a candidate through; when
   * no single one would, those that no candidate meets even alone; else those `nearest` misses. */
  bool binding[EAO_GOAL_COUNT];
  double best[EAO_GOAL_COUNT]; /* best value any candidate reaches (NaN: not known) */
} eao_choice;

/* How far a candidate misses a budget: 0 met; else the factor beyond it minus 1 (accuracies: points
 * beyond it divided by 10). A metric that is not known misses by infinity. */
double eao_budget_miss(const eao_budget *b, const eao_candidate *c, eao_goal m);

/* No candidate is as good or better in everything that matters. */
bool eao_on_front(const eao_budget *b, const eao_candidate *list, uint32_t n, uint32_t i);

/* Marks the Pareto front over the metrics that matter (those with a budget, and latency, RAM, size
 * and accuracy always) and chooses: among the candidates that meet every budget, those whose
 * accuracy interval reaches the best accuracy count as equally accurate, and the fastest of them
 * wins; where latencies differ by less than 3 %, the more accurate (then less RAM, smaller, less
 * energy, faster). */
void eao_choose(const eao_budget *b, eao_candidate *list, uint32_t n, eao_choice *out);

#endif
