/* Accuracy of a float model and of what eao_quantize makes of it, for record_accuracy.py:
 *
 *   ptq_accuracy MODEL SAMPLES.npy LABELS.npy CALIBRATION.npy [--no-equalise] [--no-bias]
 *                [--range N] [--limit N] [--float] [--layers]
 *
 * SAMPLES: f32 [N, ...], LABELS: i64 [N]. Prints the accuracy ladder and top-1 of both. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eao/data.h"
#include "eao/eao.h"

static eao_ctx *ctx;

static void check(eao_status s) {
  if (s == EAO_OK) return;
  fprintf(stderr, "ptq_accuracy: %s\n", eao_ctx_message(ctx));
  exit(1);
}

/* Sample k of a stack, as the only input of a model. */
static eao_status give(void *user, uint32_t k, eao_tensor *in, uint32_t n_in) {
  const eao_tensor *all = user;
  if (n_in != 1 || all->dim[0] == 0) return EAO_ERR_ARG;
  int64_t each = eao_tensor_elements(all) / all->dim[0];
  in[0].data = (float *)all->data + (int64_t)k % all->dim[0] * each;
  return EAO_OK;
}

static int64_t argmax(const eao_tensor *t) {
  int64_t best = 0, n = eao_tensor_elements(t);
  for (int64_t i = 1; i < n; i++)
    if (eao_tensor_real(t, i) > eao_tensor_real(t, best)) best = i;
  return best;
}

static double top1(eao_model *m, eao_tensor *samples, const eao_tensor *labels, int64_t limit) {
  eao_runner *r;
  check(eao_runner_create(m, &r));
  int64_t n = samples->dim[0] < limit ? samples->dim[0] : limit, right = 0;
  for (int64_t k = 0; k < n; k++) {
    eao_tensor in = eao_model_input(m, 0).type, out;
    check(give(samples, (uint32_t)k, &in, 1));
    check(eao_runner_run(r, &in, 1, &out, 1));
    right += argmax(&out) == (int64_t)eao_tensor_raw(labels, k);
  }
  eao_runner_destroy(r);
  return n ? 100.0 * (double)right / (double)n : 0;
}

int main(int argc, char **argv) {
  if (argc < 5) {
    fprintf(stderr, "usage: ptq_accuracy MODEL SAMPLES.npy LABELS.npy CALIBRATION.npy [options]\n");
    return 2;
  }
  eao_tensor samples, labels, calibration;
  eao_model *m, *q;
  int64_t limit = INT64_MAX;
  bool with_float = false;
  ctx = eao_ctx_create(NULL, NULL);
  eao_quantize_opts o = {.sample = give, .sample_user = &calibration, .range = EAO_RANGE_BEST};
  for (int i = 5; i < argc; i++) {
    if (!strcmp(argv[i], "--no-equalise")) o.no_equalise = true;
    if (!strcmp(argv[i], "--no-bias")) o.no_bias_correction = true;
    if (!strcmp(argv[i], "--no-rounding")) o.no_rounding = true;
    if (!strcmp(argv[i], "--float")) with_float = true;
    if (!strcmp(argv[i], "--range") && i + 1 < argc) o.range = (eao_range_kind)atoi(argv[i + 1]);
    if (!strcmp(argv[i], "--limit") && i + 1 < argc) limit = atoll(argv[i + 1]);
  }
  check(eao_npy_read(ctx, argv[2], &samples));
  check(eao_npy_read(ctx, argv[3], &labels));
  check(eao_npy_read(ctx, argv[4], &calibration));
  check(eao_model_load(ctx, argv[1], NULL, &m));
  o.n_samples = (uint32_t)calibration.dim[0];
  eao_quantize_report rep;
  check(eao_quantize(m, &o, &q, &rep));
  for (uint32_t i = 0; i < rep.n_step; i++)
    printf("%-28s %7.2f dB%s\n", rep.step[i].name, rep.step[i].sqnr_db,
           rep.step[i].kept ? "" : "  (not kept)");
  for (int i = 5; i < argc; i++)
    for (uint32_t k = 0; !strcmp(argv[i], "--layers") && k < rep.n_layer; k++)
      printf("  %-16s %6.2f dB  %s\n", rep.layer[k].op, rep.layer[k].sqnr_db, rep.layer[k].name);
  double worst = INFINITY;
  const char *where = "";
  for (uint32_t i = 0; i < rep.n_layer; i++)
    if (rep.layer[i].sqnr_db < worst) {
      worst = rep.layer[i].sqnr_db;
      where = rep.layer[i].name;
    }
  printf("%u integer nodes, %u float, %u conversions; worst layer %s %.1f dB\n", rep.integer_nodes,
         rep.float_nodes, rep.conversions, where, worst);
  if (with_float) printf("float %.2f %%\n", top1(m, &samples, &labels, limit));
  printf("int8  %.2f %%\n", top1(q, &samples, &labels, limit));
  eao_model_destroy(q);
  eao_model_destroy(m);
  eao_tensor_destroy(ctx, &samples);
  eao_tensor_destroy(ctx, &labels);
  eao_tensor_destroy(ctx, &calibration);
  eao_ctx_destroy(ctx);
  return 0;
}
