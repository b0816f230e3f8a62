/* The report of a made-up search: valid JSON with the promised keys, HTML that is escaped and asks
 * for nothing from outside. EAO_REPORT_OUT=DIR writes both for looking at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/report.h"

static eao_candidate make(const char *id, double ms, double kib, double ram, double accuracy) {
  eao_candidate c = {.accuracy_lo = accuracy - 0.6, .accuracy_hi = accuracy + 0.6};
  snprintf(c.id, sizeof c.id, "%s", id);
  snprintf(c.what, sizeof c.what, "%s, 1 thread", id);
  const double v[EAO_GOAL_COUNT] = {ms, ms * 3, ram, kib, accuracy, 92.3 - accuracy};
  for (int m = 0; m < EAO_GOAL_COUNT; m++) {
    c.known[m] = true;
    c.value[m] = v[m];
  }
  c.estimated[EAO_GOAL_ENERGY_MJ] = true;
  return c;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void fill(eao_report *r, eao_ctx *ctx) {
  static eao_candidate list[5];
  static double latency[200];
  static eao_report_layer layer[24];
  static const eao_report_rung rung[] = {{"float", 92.3, NAN, true},
                                         {"naive int8", 90.1, 21.3, true},
                                         {"+ ranges by error", 91.8, 27.0, true},
                                         {"+ equalisation", 91.6, 26.1, false},
                                         {"+ bias correction", 92.0, 28.4, true}};
  static const char *const advice[] = {"int8 on one thread leaves 40 % of the latency budget."};
  list[0] = make("float32", 2.1, 420, 310, 92.3);
  list[1] = make("float16 weights", 2.2, 215, 310, 92.3);
  list[2] = make("int8", 0.61, 118, 84, 92.0);
  list[3] = make("int8, streamed", 0.58, 118, 31, 92.0);
  list[4] = make("<int4> & \"more\"", 0.7, 66, 31, 88.0);
  eao_rng rng = {1};
  for (int i = 0; i < 200; i++)
    latency[i] = 0.55 + 0.03 * (eao_rng_f64(&rng) + eao_rng_f64(&rng)) + (i % 50 == 0 ? 0.1 : 0);
  qsort(latency, 200, sizeof *latency, by_value);
  for (int i = 0; i < 24; i++) {
    layer[i] = (eao_report_layer){"features.3.conv",
                                  i % 2 ? "conv" : "depthwise conv",
                                  "int8",
                                  "conv_u8s8_avx512vnni",
                                  12.0 + i,
                                  1.2e6 * (i + 1),
                                  30.0 - i * 0.4};
  }
  *r = (eao_report){.model = "fashion_mobilenet.onnx",
                    .target = "host",
                    .target_title = "this machine",
                    .metric_name = "top1",
                    .measured_here = true,
                    .energy_source = "model",
                    .candidate = list,
                    .n_candidate = 5,
                    .baseline_accuracy = 92.3,
                    .eval_samples = 10000,
                    .rung = rung,
                    .n_rung = 5,
                    .latency_ms = latency,
                    .n_latency = 200,
                    .layer = layer,
                    .n_layer = 24,
                    .arena_kib = 31,
                    .arena_layerwise_kib = 84,
                    .arena_bound_kib = 30,
                    .memory_html = "<p>the picture</p>",
                    .advice = advice,
                    .n_advice = 1,
                    .search_seconds = 12.5,
                    .seed = 1};
  assert_int_equal(eao_budget_parse(ctx,
                                    "latency_p95_ms=1,size_kib=128,accuracy_drop_max=1,"
                                    "ram_peak_kib=64",
                                    &r->budget),
                   EAO_OK);
  eao_choose(&r->budget, list, 5, &r->choice);
}

static void save(const char *name, const eao_text *t) {
  const char *dir = getenv("EAO_REPORT_OUT");
  char path[512];
  if (!dir) return;
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "we");
  if (!f) return;
  fwrite(t->p, 1, t->len, f);
  fclose(f);
}

static void html(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_report r;
  fill(&r, ctx);
  assert_int_equal(r.choice.chosen, 3);
  eao_text t;
  eao_text_init(&t, ctx);
  eao_report_html(&r, &t);
  assert_false(t.failed);
  assert_non_null(strstr(t.p, "Fits."));
  assert_non_null(strstr(t.p, "&lt;int4&gt; &amp; &quot;more&quot;"));
  assert_null(strstr(t.p, "<int4>"));
  assert_non_null(strstr(t.p, "<p>the picture</p>"));
  assert_null(strstr(t.p, "http"));
  assert_null(strstr(t.p, "<script"));
  assert_null(strstr(t.p, "nan"));
  save("report.html", &t);
  eao_text_deinit(&t);
  eao_ctx_destroy(ctx);
}

static void json(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_report r;
  fill(&r, ctx);
  eao_text t;
  eao_text_init(&t, ctx);
  eao_report_json(&r, &t);
  static const char *const keys[] = {"\"verdict\": \"fits\"", "\"binding\": []", "\"chosen\": {",
                                     "\"candidates\": [",     "\"budgets\": {",  "\"schema\": 1",
                                     "<int4> & \\\"more\\\""};
  for (size_t i = 0; i < EAO_COUNT(keys); i++)
    if (!strstr(t.p, keys[i])) fail_msg("%s is missing", keys[i]);
  assert_null(strstr(t.p, "nan"));
  /* YAML is a superset of JSON: an independent reader must accept it. */
  eao_conf *c;
  if (eao_conf_parse(ctx, "report.json", t.p, t.len, &c)) fail_msg("%s", eao_ctx_message(ctx));
  assert_int_equal(eao_conf_count(eao_conf_get(eao_conf_root(c), "candidates")), 5);
  eao_conf_destroy(c);
  save("report.json", &t);
  eao_text_deinit(&t);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(html), cmocka_unit_test(json)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
