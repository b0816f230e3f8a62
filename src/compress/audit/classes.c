/* Which classes the labels name. */
#include "compress/audit/audit.h"

/* Number of classes of a model that classifies: elements of its output; 0: not known. */
static int64_t largest_label(const audit_set *set) {
  int64_t most = -1;
  for (uint32_t i = 0; i < set->n; i++)
    if (set->sample[i].label > most) most = set->sample[i].label;
  return most;
}

eao_status audit_check_classes(audit *a) {
  audit_set *set = &a->set;
  int64_t classes = largest_label(set) + 1;
  if (!a->labels)
    return audit_unchecked(a, "labels: %s",
                           a->o.no_labels ? "they were not to be used" : "the data have none");
  if (classes < 1 || classes > 1 << 20) return EAO_OK;
  uint32_t *count = eao_alloc(a->ctx, (size_t)classes * sizeof *count), seen = 0, n = 0;
  if (!count) return EAO_NOMEM(a->ctx);
  int64_t top = 0;
  for (uint32_t i = 0; i < set->n; i++) {
    if (set->sample[i].label < 0) continue;
    count[set->sample[i].label]++;
    n++;
  }
  for (int64_t k = 0; k < classes; k++) {
    seen += count[k] > 0;
    if (count[k] > count[top]) top = k;
  }
  uint32_t most = count[top];
  const char *name = eao_dataset_class(set->d, top);
  eao_free(a->ctx, count);
  if (n < 8) return EAO_OK;
  if (seen == 1)
    return audit_find(a, EAO_AUDIT_SINGLE_CLASS, EAO_AUDIT_ERROR, 0.99,
                      "files are often sorted by class: take samples from all of them (no --first "
                      "and --limit on sorted data)",
                      "all %u labelled samples are of class %lld %s", n, (long long)top, name);
  /* A set of every k-th class, or with a few rare ones, is common; one class in two is not. */
  if (most > n * (seen == 2 ? 0.9 : 0.5))
    return audit_find(a, EAO_AUDIT_IMBALANCE, EAO_AUDIT_WARNING, 0.95,
                      "take as many samples of each class as the device will see; a score that one "
                      "class decides says little",
                      "%u of %u samples are of class %lld %s, out of %u classes", most, n,
                      (long long)top, name, seen);
  return EAO_OK;
}
