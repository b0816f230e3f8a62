#include "search/budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const eao_goal_info infos[EAO_GOAL_COUNT] = {
    {"latency_p95_ms", "latency_p95_ms", "latency p95", "ms", false},
    {"energy_mj", "energy_mj", "energy", "mJ", false},
    {"ram_peak_kib", "ram_peak_kib", "peak RAM", "KiB", false},
    {"size_kib", "size_kib", "size", "KiB", false},
    {"accuracy", "accuracy_min", "accuracy", "%", true},
    {"accuracy_drop", "accuracy_drop_max", "accuracy drop", "points", false},
};

const eao_goal_info *eao_goal_get(eao_goal m) {
  return &infos[m];
}

static eao_goal find(const char *key, size_t n) {
  int m = 0;
  while (m < EAO_GOAL_COUNT &&
         (strlen(infos[m].budget) != n || memcmp(infos[m].budget, key, n) != 0))
    m++;
  return (eao_goal)m;
}

eao_status eao_budget_parse(eao_ctx *ctx, const char *text, eao_budget *b) {
  while (*text) {
    size_t n = strcspn(text, "=,");
    eao_goal m = find(text, n);
    if (m == EAO_GOAL_COUNT)
      return eao_fail(ctx, EAO_ERR_ARG,
                      "unknown budget '%.*s': use latency_p95_ms, energy_mj, ram_peak_kib, "
                      "size_kib, accuracy_min, accuracy_drop_max",
                      (int)(n < 40 ? n : 40), text);
    if (b->set[m]) return eao_fail(ctx, EAO_ERR_ARG, "budget '%s' given twice", infos[m].budget);
    const char *value = text + n + 1;
    char *end = NULL;
    double v = text[n] == '=' ? strtod(value, &end) : NAN;
    if (!end || end == value || (*end && *end != ',') || !(v >= 0) || isinf(v))
      return eao_fail(ctx, EAO_ERR_ARG, "budget '%s' needs a number: %s=15", infos[m].budget,
                      infos[m].budget);
    b->set[m] = true;
    b->limit[m] = v;
    text = *end == ',' ? end + 1 : end;
  }
  return EAO_OK;
}

eao_status eao_budget_read(eao_conf *c, const eao_conf_node *n, eao_budget *b) {
  const char *known[EAO_GOAL_COUNT + 1] = {0};
  for (int m = 0; m < EAO_GOAL_COUNT; m++) known[m] = infos[m].budget;
  EAO_TRY(eao_conf_only(c, n, known));
  for (int m = 0; m < EAO_GOAL_COUNT; m++) {
    if (!eao_conf_get(n, infos[m].budget)) continue;
    EAO_TRY(eao_conf_number(c, n, infos[m].budget, 0, 1e15, &b->limit[m]));
    b->set[m] = true;
  }
  return EAO_OK;
}

double eao_budget_miss(const eao_budget *b, const eao_candidate *c, eao_goal m) {
  if (!b->set[m]) return 0;
  if (!c->known[m]) return INFINITY;
  double v = c->value[m], limit = b->limit[m];
  if (m == EAO_GOAL_ACCURACY) return v >= limit ? 0 : (limit - v) / 10;
  if (m == EAO_GOAL_ACCURACY_DROP) return v <= limit ? 0 : (v - limit) / 10;
  if (v <= limit) return 0;
  return limit > 0 ? v / limit - 1 : INFINITY;
}

/* Smaller is better for every metric but accuracy. */
static double cost(const eao_candidate *c, int m) {
  return m == EAO_GOAL_ACCURACY ? -c->value[m] : c->value[m];
}

static bool matters(const eao_budget *b, int m) {
  return b->set[m] || m == EAO_GOAL_LATENCY_P95_MS || m == EAO_GOAL_SIZE_KIB ||
         m == EAO_GOAL_RAM_PEAK_KIB || m == EAO_GOAL_ACCURACY;
}

static bool dominates(const eao_budget *b, const eao_candidate *x, const eao_candidate *y) {
  bool better = false;
  for (int m = 0; m < EAO_GOAL_COUNT; m++) {
    if (!matters(b, m) || !x->known[m] || !y->known[m]) continue;
    if (cost(x, m) > cost(y, m)) return false;
    better |= cost(x, m) < cost(y, m);
  }
  return better;
}

static bool feasible(const eao_budget *b, const eao_candidate *c, int without) {
  if (c->failed || c->screened) return false;
  for (int m = 0; m < EAO_GOAL_COUNT; m++)
    if (m != without && eao_budget_miss(b, c, (eao_goal)m) > 0) return false;
  return true;
}

/* Is x the better choice? Both are feasible, equally accurate by interval and equally fast. */
static bool preferred(const eao_candidate *x, const eao_candidate *y) {
  static const eao_goal order[] = {EAO_GOAL_ACCURACY, EAO_GOAL_RAM_PEAK_KIB, EAO_GOAL_SIZE_KIB,
                                   EAO_GOAL_ENERGY_MJ, EAO_GOAL_LATENCY_P95_MS};
  for (size_t i = 0; i < EAO_COUNT(order); i++) {
    if (!x->known[order[i]] || !y->known[order[i]]) continue;
    if (cost(x, (int)order[i]) != cost(y, (int)order[i]))
      return cost(x, (int)order[i]) < cost(y, (int)order[i]);
  }
  return false;
}

static double upper_accuracy(const eao_candidate *c) {
  double v = c->value[EAO_GOAL_ACCURACY];
  return c->accuracy_hi > v ? c->accuracy_hi : v;
}

/* Meets every budget, and its accuracy's interval reaches the best one. */
static bool eligible(const eao_budget *b, const eao_candidate *c, double best_accuracy) {
  return feasible(b, c, -1) && !(c->known[EAO_GOAL_ACCURACY] && upper_accuracy(c) < best_accuracy);
}

static void pick_feasible(const eao_budget *b, const eao_candidate *list, uint32_t n,
                          eao_choice *out) {
  static const double equally_fast = 1.03; /* timings of the same code differ by as much */
  const int L = EAO_GOAL_LATENCY_P95_MS;
  double best = -INFINITY, fastest = INFINITY;
  for (uint32_t i = 0; i < n; i++)
    if (feasible(b, &list[i], -1) && list[i].known[EAO_GOAL_ACCURACY])
      best = fmax(best, list[i].value[EAO_GOAL_ACCURACY]);
  for (uint32_t i = 0; i < n; i++)
    if (eligible(b, &list[i], best) && list[i].known[L]) fastest = fmin(fastest, list[i].value[L]);
  for (uint32_t i = 0; i < n; i++) {
    if (!eligible(b, &list[i], best)) continue;
    if (list[i].known[L] && list[i].value[L] > equally_fast * fastest) continue;
    if (out->chosen < 0 || preferred(&list[i], &list[out->chosen])) out->chosen = (int32_t)i;
  }
}

static double worst_miss(const eao_budget *b, const eao_candidate *c) {
  double worst = 0;
  for (int m = 0; m < EAO_GOAL_COUNT; m++) worst = fmax(worst, eao_budget_miss(b, c, (eao_goal)m));
  return worst;
}

static void pick_nearest(const eao_budget *b, const eao_candidate *list, uint32_t n,
                         eao_choice *out) {
  for (uint32_t i = 0; i < n; i++) {
    if (list[i].failed || list[i].screened) continue;
    double mine = worst_miss(b, &list[i]);
    double old = out->nearest < 0 ? INFINITY : worst_miss(b, &list[out->nearest]);
    if (out->nearest < 0 || mine < old || (mine == old && preferred(&list[i], &list[out->nearest])))
      out->nearest = (int32_t)i;
  }
}

static void find_binding(const eao_budget *b, const eao_candidate *list, uint32_t n,
                         eao_choice *out) {
  bool any = false;
  for (int m = 0; m < EAO_GOAL_COUNT; m++) {
    for (uint32_t i = 0; b->set[m] && i < n && !out->binding[m]; i++)
      out->binding[m] = feasible(b, &list[i], m);
    any |= out->binding[m];
  }
  for (int m = 0; !any && m < EAO_GOAL_COUNT; m++) {
    bool met = !b->set[m];
    for (uint32_t i = 0; i < n && !met; i++)
      met = !list[i].failed && eao_budget_miss(b, &list[i], (eao_goal)m) <= 0;
    out->binding[m] = !met;
  }
  for (int m = 0; m < EAO_GOAL_COUNT; m++) any |= out->binding[m];
  if (any || out->nearest < 0) return;
  for (int m = 0; m < EAO_GOAL_COUNT; m++)
    out->binding[m] = eao_budget_miss(b, &list[out->nearest], (eao_goal)m) > 0;
}

bool eao_on_front(const eao_budget *b, const eao_candidate *list, uint32_t n, uint32_t i) {
  if (list[i].failed || list[i].screened) return false;
  for (uint32_t k = 0; k < n; k++)
    if (k != i && !list[k].failed && !list[k].screened && dominates(b, &list[k], &list[i]))
      return false;
  return true;
}

void eao_choose(const eao_budget *b, eao_candidate *list, uint32_t n, eao_choice *out) {
  memset(out, 0, sizeof *out);
  out->chosen = out->nearest = -1;
  for (int m = 0; m < EAO_GOAL_COUNT; m++) out->best[m] = NAN;
  for (uint32_t i = 0; i < n; i++) {
    list[i].on_front = eao_on_front(b, list, n, i);
    for (int m = 0; m < EAO_GOAL_COUNT && !list[i].failed; m++) {
      double v = list[i].value[m];
      if (!list[i].known[m]) continue;
      if (isnan(out->best[m]) || (infos[m].lower_bound ? v > out->best[m] : v < out->best[m]))
        out->best[m] = v;
    }
  }
  pick_feasible(b, list, n, out);
  pick_nearest(b, list, n, out);
  if (out->chosen >= 0)
    out->nearest = out->chosen;
  else
    find_binding(b, list, n, out);
}
