#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "search/report.h"

/* Three significant digits, no exponent for the magnitudes of this report. */
static void number(eao_text *o, double v) {
  if (!isfinite(v))
    eao_text_printf(o, "–");
  else if (fabs(v) >= 100)
    eao_text_printf(o, "%.0f", v);
  else if (fabs(v) >= 10)
    eao_text_printf(o, "%.1f", v);
  else if (fabs(v) >= 0.1 || v == 0)
    eao_text_printf(o, "%.2f", v);
  else
    eao_text_printf(o, "%.2g", v);
}

/* The smallest "round" number (1, 2, 2.5, 5 times a power of ten) that is at least v. */
static double round_up(double v) {
  if (!(v > 0)) return 1;
  double p = pow(10, floor(log10(v)));
  static const double steps[] = {1, 2, 2.5, 5, 10};
  for (size_t i = 0; i < EAO_COUNT(steps); i++)
    if (v <= steps[i] * p * 1.0001) return steps[i] * p;
  return 10 * p;
}

static void verdict_row(const eao_report *r, const eao_candidate *c, eao_goal m, eao_text *o) {
  const eao_goal_info *info = eao_goal_get(m);
  eao_text_printf(o, "<tr><td>%s</td><td>", info->title);
  if (!r->budget.set[m])
    eao_text_printf(o, "<span class=\"dim\">no budget</span>");
  else if (eao_budget_miss(&r->budget, c, m) <= 0)
    eao_text_printf(o, "<span class=\"good\">met</span>");
  else
    eao_text_printf(o, "<span class=\"bad\">missed%s</span>",
                    r->choice.binding[m] ? ", binds" : "");
  eao_text_printf(o, "</td><td class=\"n\">");
  number(o, c->known[m] ? c->value[m] : (double)NAN);
  eao_text_printf(o, " %s</td><td class=\"n\">", c->known[m] ? info->unit : "");
  if (r->budget.set[m]) {
    eao_text_printf(o, info->lower_bound ? "≥ " : "≤ ");
    number(o, r->budget.limit[m]);
    eao_text_printf(o, " %s", info->unit);
  } else {
    eao_text_printf(o, "–");
  }
  eao_text_printf(o, "</td><td class=\"dim\">%s</td></tr>",
                  !c->known[m]      ? "not known"
                  : c->estimated[m] ? "estimated"
                                    : "measured");
}

static void verdict(const eao_report *r, eao_text *o) {
  int32_t pick = r->choice.nearest;
  eao_text_printf(o, "<section class=\"card\"><h2>Verdict</h2><p class=\"big\">");
  if (r->choice.chosen >= 0) {
    eao_text_printf(o, "<span class=\"good\">Fits.</span> Chosen: ");
    eao_text_html(o, r->candidate[pick].what);
  } else if (pick >= 0) {
    eao_text_printf(o, "<span class=\"bad\">Nothing fits.</span> Nearest: ");
    eao_text_html(o, r->candidate[pick].what);
  } else {
    eao_text_printf(o, "<span class=\"bad\">No candidate could be measured.</span>");
  }
  eao_text_printf(o, "</p>");
  if (pick >= 0) {
    eao_text_printf(o, "<div class=\"scroll\"><table><tr><th>budget</th><th>result</th>"
                       "<th class=\"n\">has</th><th class=\"n\">allowed</th><th></th></tr>");
    for (int m = 0; m < EAO_GOAL_COUNT; m++)
      if (r->budget.set[m] || r->candidate[pick].known[m])
        verdict_row(r, &r->candidate[pick], (eao_goal)m, o);
    eao_text_printf(o, "</table></div>");
  }
  eao_text_printf(o, "</section>");
}

typedef struct plot {
  double x0, x1, y0, y1; /* data range; of x its decimal logarithms when log_x */
  bool log_x;
} plot;
enum { W = 440, H = 260, LEFT = 46, RIGHT = 14, TOP = 22, BOTTOM = 40 };

static double px(const plot *p, double x) {
  if (p->log_x) x = log10(x);
  return LEFT + (x - p->x0) / (p->x1 - p->x0) * (W - LEFT - RIGHT);
}
static double py(const plot *p, double y) {
  return H - BOTTOM - (y - p->y0) / (p->y1 - p->y0) * (H - TOP - BOTTOM);
}

static void open_plot(const plot *p, const char *title, const char *xlabel, const char *ylabel,
                      eao_text *o) {
  eao_text_printf(o, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", W, H, title);
  for (int i = 0; i <= 4; i++) {
    double x = p->x0 + (p->x1 - p->x0) * i / 4;
    if (p->log_x) x = pow(10, x);
    double y = p->y0 + (p->y1 - p->y0) * i / 4;
    eao_text_printf(o,
                    "<line class=\"axis\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>"
                    "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>"
                    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%.3g</text>",
                    LEFT, W - RIGHT, py(p, y), py(p, y), LEFT - 6, py(p, y) + 4, y, px(p, x),
                    H - BOTTOM + 17, i == 4 ? "end" : "middle", x);
  }
  eao_text_printf(o, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>", W / 2, H - 6,
                  xlabel);
  eao_text_printf(o, "<text x=\"%d\" y=\"12\">%s</text>", LEFT, ylabel);
}

static void pareto(const eao_report *r, eao_text *o) {
  const int X = EAO_GOAL_LATENCY_P95_MS, Y = EAO_GOAL_ACCURACY;
  double xmin = INFINITY, xmax = 0, lo = INFINITY, hi = -INFINITY;
  uint32_t n = 0;
  for (uint32_t i = 0; i < r->n_candidate; i++) {
    const eao_candidate *c = &r->candidate[i];
    if (c->failed || !c->known[X] || !c->known[Y]) continue;
    if (!(c->value[X] > 0)) continue;
    xmin = fmin(xmin, c->value[X]);
    xmax = fmax(xmax, c->value[X]);
    lo = fmin(lo, c->value[Y]);
    hi = fmax(hi, c->value[Y]);
    n++;
  }
  if (n == 0) return;
  bool limit = r->budget.set[X] && r->budget.limit[X] > xmin / 10 && r->budget.limit[X] < 10 * xmax;
  if (limit) {
    xmin = fmin(xmin, r->budget.limit[X]);
    xmax = fmax(xmax, r->budget.limit[X]);
  }
  double pad = fmax((hi - lo) * 0.15, 0.5);
  plot p = {log10(xmin / 1.2), log10(xmax * 1.2), floor((lo - pad) * 2) / 2,
            ceil((hi + pad) * 2) / 2, true};
  eao_text_printf(o, "<section class=\"card\"><h2>Candidates</h2>");
  open_plot(&p, "Accuracy against latency of every candidate", "latency p95, ms (logarithmic)",
            "accuracy, %", o);
  if (limit)
    eao_text_printf(o, "<line class=\"limit\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>",
                    px(&p, r->budget.limit[X]), px(&p, r->budget.limit[X]), TOP, H - BOTTOM);
  for (uint32_t i = 0; i < r->n_candidate; i++) {
    const eao_candidate *c = &r->candidate[i];
    if (c->failed || !c->known[X] || !c->known[Y] || !(c->value[X] > 0)) continue;
    double x = px(&p, c->value[X]), y = py(&p, c->value[Y]);
    eao_text_printf(o, "<circle class=\"%s\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"><title>",
                    c->on_front ? "front" : "dot", x, y);
    eao_text_html(o, c->id);
    eao_text_printf(o, "</title></circle>");
    if ((int32_t)i == r->choice.nearest)
      eao_text_printf(o, "<circle class=\"ring\" cx=\"%.1f\" cy=\"%.1f\" r=\"9\"/>", x, y);
  }
  eao_text_printf(o,
                  "</svg><p class=\"dim\">Blue: on the Pareto front. Ring: %s. Dashed: the "
                  "latency budget.</p></section>",
                  r->choice.chosen >= 0 ? "chosen" : "nearest");
}

static void table(const eao_report *r, eao_text *o) {
  static const eao_goal columns[] = {EAO_GOAL_LATENCY_P95_MS, EAO_GOAL_ENERGY_MJ,
                                     EAO_GOAL_RAM_PEAK_KIB, EAO_GOAL_SIZE_KIB, EAO_GOAL_ACCURACY};
  eao_text_printf(o, "<section class=\"card\"><h2>All candidates</h2><div class=\"scroll\"><table>"
                     "<tr><th>candidate</th>");
  for (size_t k = 0; k < EAO_COUNT(columns); k++)
    eao_text_printf(o, "<th class=\"n\">%s, %s</th>", eao_goal_get(columns[k])->title,
                    eao_goal_get(columns[k])->unit);
  eao_text_printf(o, "<th></th></tr>");
  for (uint32_t i = 0; i < r->n_candidate; i++) {
    const eao_candidate *c = &r->candidate[i];
    eao_text_printf(o, "<tr%s><td>", (int32_t)i == r->choice.nearest ? " class=\"pick\"" : "");
    eao_text_html(o, c->what);
    eao_text_printf(o, "</td>");
    for (size_t k = 0; k < EAO_COUNT(columns); k++) {
      int m = (int)columns[k];
      eao_text_printf(o, "<td class=\"n%s\">",
                      c->known[m] && eao_budget_miss(&r->budget, c, columns[k]) > 0 ? " bad" : "");
      number(o, c->known[m] && !c->failed ? c->value[m] : (double)NAN);
      if (c->known[m] && c->estimated[m]) eao_text_printf(o, "<span class=\"dim\"> est</span>");
      eao_text_printf(o, "</td>");
    }
    eao_text_printf(o, "<td class=\"dim\">");
    eao_text_html(o, *c->reason ? c->reason : c->on_front ? "front" : "");
    eao_text_printf(o, "</td></tr>");
  }
  eao_text_printf(o, "</table></div></section>");
}

static void ladder(const eao_report *r, eao_text *o) {
  if (!r->n_rung) return;
  eao_text_printf(o, "<section class=\"card\"><h2>Accuracy ladder</h2><div class=\"scroll\"><table>"
                     "<tr><th>step</th><th class=\"n\">accuracy, %%</th><th class=\"n\">SQNR, dB"
                     "</th><th></th></tr>");
  for (uint32_t i = 0; i < r->n_rung; i++) {
    eao_text_printf(o, "<tr><td>");
    eao_text_html(o, r->rung[i].name);
    eao_text_printf(o, "</td><td class=\"n\">");
    number(o, r->rung[i].accuracy);
    eao_text_printf(o, "</td><td class=\"n\">");
    number(o, r->rung[i].sqnr_db);
    eao_text_printf(o, "</td><td class=\"dim\">%s</td></tr>",
                    r->rung[i].kept ? "" : "refused: no better");
  }
  eao_text_printf(o, "</table></div></section>");
}

static void histogram(const eao_report *r, eao_text *o) {
  enum { BINS = 32 };
  uint32_t count[BINS] = {0}, most = 0;
  if (r->n_latency < 2) return;
  /* Shortest first. Interruptions by other work would squeeze all others together: what takes more
   * than a quarter longer than the 95th percentile is counted, not drawn. */
  uint32_t shown = r->n_latency;
  double lo = r->latency_ms[0], most_ms = 1.25 * r->latency_ms[(r->n_latency - 1) * 95ull / 100];
  while (shown > 2 && r->latency_ms[shown - 1] > most_ms) shown--;
  double hi = r->latency_ms[shown - 1];
  if (!(hi > lo)) hi = lo + 1e-6;
  for (uint32_t i = 0; i < shown; i++) {
    int b = (int)((r->latency_ms[i] - lo) / (hi - lo) * BINS);
    b = b < 0 ? 0 : b >= BINS ? BINS - 1 : b;
    if (++count[b] > most) most = count[b];
  }
  plot p = {lo, hi, 0, round_up(most), false};
  eao_text_printf(o, "<section class=\"card\"><h2>Latency of %u runs</h2>", r->n_latency);
  open_plot(&p, "Histogram of latency", "ms", "runs", o);
  for (int b = 0; b < BINS; b++) {
    double x = px(&p, lo + (hi - lo) * b / BINS), w = (double)(W - LEFT - RIGHT) / BINS;
    eao_text_printf(o, "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                    x + 0.5, py(&p, count[b]), w - 1, py(&p, 0) - py(&p, count[b]));
  }
  if (shown < r->n_latency)
    eao_text_printf(o, "</svg><p class=\"dim\">Not drawn: the slowest %u runs, up to ",
                    r->n_latency - shown);
  else
    eao_text_printf(o, "</svg><p class=\"dim\">Slowest run: ");
  number(o, r->latency_ms[r->n_latency - 1]);
  eao_text_printf(o, " ms.</p></section>");
}

static void memory(const eao_report *r, eao_text *o) {
  if (!r->memory_html) return;
  eao_text_printf(o, "<section class=\"card\"><h2>Activation memory over the run</h2>%s</section>",
                  r->memory_html);
}

static void layers(const eao_report *r, eao_text *o) {
  if (!r->n_layer) return;
  double total = 0;
  bool sqnr = false;
  for (uint32_t i = 0; i < r->n_layer; i++) {
    if (isfinite(r->layer[i].time_us)) total += r->layer[i].time_us;
    sqnr |= isfinite(r->layer[i].sqnr_db);
  }
  eao_text_printf(o,
                  "<section class=\"card\"><h2>Layers</h2><div class=\"scroll\"><table><tr>"
                  "<th>layer</th><th>op</th><th>precision</th><th>kernel</th>"
                  "<th class=\"n\">time, µs</th><th class=\"n\">share, %%</th>"
                  "<th class=\"n\">GMAC/s</th>%s</tr>",
                  sqnr ? "<th class=\"n\">SQNR, dB</th>" : "");
  for (uint32_t i = 0; i < r->n_layer; i++) {
    const eao_report_layer *l = &r->layer[i];
    const char *const cells[] = {l->name, l->op, l->precision, l->kernel};
    eao_text_printf(o, "<tr>");
    for (size_t k = 0; k < EAO_COUNT(cells); k++) {
      eao_text_printf(o, "<td>");
      eao_text_html(o, cells[k]);
      eao_text_printf(o, "</td>");
    }
    const double numbers[] = {l->time_us, total > 0 ? l->time_us / total * 100 : (double)NAN,
                              l->macs > 0 ? l->macs / l->time_us * 1e-3 : (double)NAN, l->sqnr_db};
    for (size_t k = 0; k < EAO_COUNT(numbers) - !sqnr; k++) {
      eao_text_printf(o, "<td class=\"n\">");
      number(o, numbers[k]);
      eao_text_printf(o, "</td>");
    }
    eao_text_printf(o, "</tr>");
  }
  eao_text_printf(o, "</table></div></section>");
}

static void advice(const eao_report *r, eao_text *o) {
  if (!r->n_advice) return;
  eao_text_printf(o, "<section class=\"card\"><h2>Advice</h2><ul>");
  for (uint32_t i = 0; i < r->n_advice; i++) {
    eao_text_printf(o, "<li>");
    eao_text_html(o, r->advice[i]);
    eao_text_printf(o, "</li>");
  }
  eao_text_printf(o, "</ul></section>");
}

void eao_report_html(const eao_report *r, eao_text *o) {
  eao_html_open(o, "EAO report");
  eao_text_printf(o, "<h1>EAO report</h1><p class=\"sub\">");
  eao_text_html(o, r->model);
  eao_text_printf(o, " on ");
  eao_text_html(o, r->target_title && *r->target_title ? r->target_title : r->target);
  eao_text_printf(o, ". Latency %s. Energy: ", r->measured_here ? "measured" : "estimated");
  eao_text_html(o, r->energy_source);
  if (r->eval_samples)
    eao_text_printf(o, ". Accuracy on %llu samples", (unsigned long long)r->eval_samples);
  eao_text_printf(o, ".</p>");
  verdict(r, o);
  eao_text_printf(o, "<div class=\"grid\">");
  pareto(r, o);
  histogram(r, o);
  ladder(r, o);
  eao_text_printf(o, "</div>");
  memory(r, o);
  table(r, o);
  layers(r, o);
  advice(r, o);
  eao_text_printf(o, "<p class=\"dim\">EAO %s, schema %d, seed %llu, %.1f s.</p>",
                  EAO_VERSION_STRING, EAO_REPORT_SCHEMA, (unsigned long long)r->seed,
                  r->search_seconds);
  eao_html_close(o);
}
