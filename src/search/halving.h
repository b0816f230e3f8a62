/* Which candidates are worth measuring: cheap estimates first, accuracy on growing subsets of the
 * data for half as many variants each time (successive halving, Jamieson and Talwalkar 2016),
 * latency only of what can still be chosen. What is done with a candidate is the laboratory's
 * business, so that tests can put in one of their own. */
#ifndef EAO_SEARCH_HALVING_H
#define EAO_SEARCH_HALVING_H

#include "search/budget.h"

/* Accuracy in percent (AUC as it is) on n samples, with its 95 % interval. */
typedef struct eao_grade {
  uint64_t n; /* 0: not known */
  double value, lo, hi;
  const float *each; /* per sample, their mean times 100 is value; borrowed; NULL: no such thing */
} eao_grade;

typedef struct eao_lab {
  void *user;
  /* The variant is there: *out; estimates of its points can be asked for. */
  eao_status (*prepare)(void *user, uint32_t variant, bool *out);
  /* Sizes and RAM exactly, latency and energy roughly (marked estimated). Fills in c->failed when
   * it cannot be made. */
  eao_status (*estimate)(void *user, uint32_t point, eao_candidate *c);
  /* On the first n samples in an order that is the same for all variants. NULL: there is nothing to
   * measure accuracy on. */
  eao_status (*grade)(void *user, uint32_t variant, uint64_t n, eao_grade *out);
  /* NULL: estimates are all there is. */
  eao_status (*time)(void *user, uint32_t point, eao_candidate *c);
  bool (*stop)(void *user); /* no further work */
} eao_lab;

typedef struct eao_field {
  const uint32_t *variant_of; /* by point */
  eao_candidate *list;        /* by point; described */
  uint32_t n_point;
  eao_grade *grade; /* by variant */
  const uint32_t
      *tier; /* by variant: the next tier is tried when nothing in the ones before fits */
  uint32_t n_variant;
  uint32_t baseline; /* variant that accuracy drops are measured against */
  uint64_t samples;  /* of all data; 0: none */
} eao_field;

/* Works until a choice can be made, or until what makes one impossible is known. Candidates that
 * were not worth it are left with `screened` set and the reason. */
eao_status eao_halving_run(eao_ctx *ctx, const eao_lab *lab, const eao_budget *budget,
                           eao_field *f) EAO_MUST_CHECK;
/* Accuracy and its drop, from the grades so far, into every candidate. */
void eao_halving_grades(eao_field *f);

#endif
