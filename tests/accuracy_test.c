/* Accuracies of trained models on their labelled data, as their makers or other runtimes measured
 * them. The quick part takes a second; EAO_TEST_SLOW=1 runs all. Without the data folder: skipped.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "eao/eval.h"

typedef struct accuracy_case {
  const char *model, *data, *spec, *pixels;
  int64_t limit;
  double percent; /* to two digits */
  int slow;
} accuracy_case;

static const char kws_spec[] = "format: raw\n"
                               "data: kws01_X_1000x49x10.i8\n"
                               "labels: kws01_y_1000.u8\n"
                               "dtype: i8\n"
                               "shape: [49, 10, 1]\n"
                               "scale: 0.5847029\n"
                               "zero_point: 83\n";

static const accuracy_case cases[] = {
    /* measured with TensorFlow Lite */
    {"tflite/hand_keypoint_classifier.tflite", "gesture/keypoint.csv", NULL, NULL, 0, 96.52, 0},
    {"tflite/lenet300_mnist_ptq.tflite", "mnist", NULL, "unit", 0, 98.15, 1},
    {"ai-edge-quantizer/conv_fc_mnist.tflite", "mnist", NULL, "unit", 0, 96.52, 1},
    {"ai-edge-quantizer/conv_fc_mnist_srq_a8w8.tflite", "mnist", NULL, NULL, 0, 95.84, 1},
    {"mlperf-tiny/kws_ref_model_int8.tflite", "mlperf-tiny", kws_spec, NULL, 0, 90.20, 1},
    /* dynamic range; measured with LiteRT's default CPU path (90.50 without XNNPACK) */
    {"mlperf-tiny/kws_ref_model_float32.tflite", "mlperf-tiny", kws_spec, NULL, 0, 90.00, 1},
    /* measured with ONNX Runtime */
    {"onnx/mnist-8.onnx", "mnist", NULL, "raw", 3000, 98.10, 1},
    {"onnx/cnn_mnist_pytorch.onnx", "mnist", NULL, "raw", 3000, 98.50, 1},
};

typedef struct subject {
  eao_runner *runner;
  eao_tensor out[8];
  uint32_t n_out;
} subject;

static eao_status run(void *user, const eao_tensor *in, eao_tensor *out) {
  subject *s = user;
  eao_runner_reset(s->runner);
  eao_status st = eao_runner_run(s->runner, in, 1, s->out, s->n_out);
  *out = s->out[0];
  return st;
}

static eao_status measure(eao_ctx *ctx, const accuracy_case *c, const char *model,
                          const eao_dataset_opts *o, const char *data, double *out) {
  eao_model *m = NULL;
  eao_dataset *d = NULL;
  subject s = {0};
  eao_evaluation e = {0};
  eao_status st = eao_model_load(ctx, model, NULL, &m);
  if (st == EAO_OK) st = eao_dataset_open(ctx, data, o, &d);
  if (st == EAO_OK) st = eao_runner_create(m, &s.runner);
  if (st == EAO_OK) {
    eao_tensor type = eao_model_input(m, 0).type;
    eao_eval_model em = {.run = run, .user = &s, .input = &type};
    eao_eval_opts eo = {.metric = EAO_METRIC_TOP1, .resamples = 10};
    s.n_out = eao_model_output_count(m);
    if (c->pixels) (void)eao_image_scaling(eao_dataset_preprocess(d), c->pixels);
    st = s.n_out <= 8 ? eao_eval(ctx, d, &em, &eo, &e) : EAO_ERR_UNSUPPORTED;
    *out = 100 * e.score[0].value;
  }
  eao_runner_destroy(s.runner);
  eao_dataset_close(d);
  eao_model_destroy(m);
  return st;
}

/* 0 right, 1 wrong */
static int check(const accuracy_case *c, const char *root) {
  char model[1024], data[1024], spec[] = "/tmp/eao_accuracy_XXXXXX";
  double got = NAN;
  snprintf(model, sizeof model, "%s/models/%s", root, c->model);
  snprintf(data, sizeof data, "%s/datasets/%s", root, c->data);
  eao_dataset_opts o = {.limit = c->limit};
  if (c->spec) {
    int fd = mkstemp(spec);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f || fputs(c->spec, f) < 0 || fclose(f) != 0) return 1;
    o.spec = spec;
  }
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  eao_status s = measure(ctx, c, model, &o, data, &got);
  bool ok = s == EAO_OK && fabs(got - c->percent) < 0.0051;
  printf("%-5s %s: %.2f %%, expected %.2f %s\n", ok ? "ok" : "WRONG", c->model, got, c->percent,
         s == EAO_OK ? "" : eao_ctx_message(ctx));
  eao_ctx_destroy(ctx);
  if (c->spec) remove(spec);
  return !ok;
}

int main(void) {
  char root[1024];
  struct stat st;
  const char *env = getenv("EAO_DATA");
  snprintf(root, sizeof root, "%s", env ? env : EAO_SOURCE_DIR "/../shared/data");
  if (stat(root, &st) != 0) {
    printf("skipped: no folder %s; EAO_DATA names it\n", root);
    return 77;
  }
  int wrong = 0, slow = getenv("EAO_TEST_SLOW") != NULL;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    if (slow || !cases[i].slow) wrong += check(&cases[i], root);
  return wrong != 0;
}
