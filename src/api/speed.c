/* How fast this machine's kernels are: layers of many shapes are compiled and run one by one, and a
 * line through what they take is kept for each kernel. */
#include "api/speed.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "eao/rt.h"

enum { ALIGN = 64, MEASURED_MAX = 256 };

typedef enum shape_kind { CONV, DEPTHWISE, FC, ADD, AVG_POOL, MAX_POOL, SOFTMAX } shape_kind;
typedef struct shape {
  shape_kind kind;
  int height, width, in, out, window, stride;
} shape;

/* As they occur in networks for small devices. */
static const shape shapes[] = {
    {CONV, 96, 96, 3, 8, 3, 2},        {CONV, 32, 32, 3, 16, 3, 1},
    {CONV, 112, 112, 3, 32, 3, 2},     {CONV, 32, 32, 16, 16, 3, 1},
    {CONV, 16, 16, 32, 32, 3, 1},      {CONV, 8, 8, 64, 64, 3, 1},
    {CONV, 28, 28, 1, 8, 5, 1},        {CONV, 14, 14, 8, 16, 5, 1},
    {CONV, 48, 48, 8, 16, 1, 1},       {CONV, 24, 24, 32, 32, 1, 1},
    {CONV, 25, 5, 64, 64, 1, 1},       {CONV, 12, 12, 64, 64, 1, 1},
    {CONV, 6, 6, 128, 128, 1, 1},      {CONV, 3, 3, 256, 256, 1, 1},
    {CONV, 14, 14, 96, 384, 1, 1},     {CONV, 14, 14, 384, 96, 1, 1},
    {CONV, 56, 56, 16, 96, 1, 1},      {CONV, 7, 7, 160, 480, 1, 1},
    {DEPTHWISE, 48, 48, 8, 0, 3, 1},   {DEPTHWISE, 48, 48, 16, 0, 3, 2},
    {DEPTHWISE, 24, 24, 32, 0, 3, 1},  {DEPTHWISE, 12, 12, 64, 0, 3, 1},
    {DEPTHWISE, 25, 5, 64, 0, 3, 1},   {DEPTHWISE, 6, 6, 128, 0, 3, 1},
    {DEPTHWISE, 3, 3, 256, 0, 3, 1},   {DEPTHWISE, 28, 28, 144, 0, 3, 2},
    {DEPTHWISE, 14, 14, 384, 0, 3, 1}, {DEPTHWISE, 112, 112, 8, 0, 3, 1},
    {DEPTHWISE, 56, 56, 12, 0, 3, 1},  {FC, 1, 1, 640, 128, 1, 1},
    {FC, 1, 1, 128, 128, 1, 1},        {FC, 1, 1, 8, 128, 1, 1},
    {FC, 1, 1, 64, 10, 1, 1},          {FC, 1, 1, 256, 1000, 1, 1},
    {FC, 1, 1, 128, 640, 1, 1},        {ADD, 32, 32, 16, 0, 1, 1},
    {ADD, 16, 16, 32, 0, 1, 1},        {ADD, 8, 8, 64, 0, 1, 1},
    {ADD, 28, 28, 32, 0, 1, 1},        {ADD, 56, 56, 24, 0, 1, 1},
    {AVG_POOL, 3, 3, 256, 0, 3, 3},    {AVG_POOL, 8, 8, 64, 0, 8, 8},
    {AVG_POOL, 7, 7, 320, 0, 7, 7},    {AVG_POOL, 24, 4, 64, 0, 4, 4},
    {MAX_POOL, 28, 28, 8, 0, 2, 2},    {MAX_POOL, 14, 14, 16, 0, 2, 2},
    {MAX_POOL, 56, 56, 16, 0, 2, 2},   {SOFTMAX, 1, 1, 2, 0, 1, 1},
    {SOFTMAX, 1, 1, 12, 0, 1, 1},      {SOFTMAX, 1, 1, 1000, 0, 1, 1},
};

/* ---- a layer as text ---- */

/* u8 as older quantised models have it: weights with a zero point (here so far from them that
 * their difference needs nine bits), one scale for all. */
typedef enum number_kind { F32, I8, U8, KINDS } number_kind;
static const char *const kind_names[KINDS] = {"f32", "i8", "u8"};

static void quant_axis(eao_text *t, int axis, int channels, const char *scale, int zero) {
  eao_text_printf(t, " q(%d; %s", axis, scale);
  for (int i = 1; i < channels; i++) eao_text_printf(t, ", %s", scale);
  eao_text_printf(t, "; %d", zero);
  for (int i = 1; i < channels; i++) eao_text_printf(t, ", %d", zero);
  eao_text_printf(t, ")");
}

static void zeros(eao_text *t, int bytes) {
  eao_text_printf(t, " = ");
  for (int i = 0; i < bytes; i++) eao_text_printf(t, "00");
  eao_text_printf(t, "\n");
}

static void activation(eao_text *t, int id, const char *name, const char *dims, number_kind kind,
                       const char *scale) {
  eao_text_printf(t, "  value %%%d \"%s\" %s[%s]", id, name, kind_names[kind], dims);
  if (kind != F32) quant_axis(t, -1, 1, scale, kind == U8 ? 128 : 0);
  eao_text_printf(t, "\n");
}

/* Weights and bias as values 1 and 2; axis: of the output channels. */
static void weights(eao_text *t, const char *dims, int elements, int outs, int axis,
                    number_kind kind) {
  eao_text_printf(t, "  const %%1 \"w\" %s[%s]", kind_names[kind], dims);
  if (kind == I8) quant_axis(t, axis, outs, "0.02", 0);
  if (kind == U8) quant_axis(t, -1, 1, "0.02", 200);
  zeros(t, elements * (kind == F32 ? 4 : 1));
  eao_text_printf(t, "  const %%2 \"b\" %s[%d]", kind == F32 ? "f32" : "i32", outs);
  if (kind == I8) quant_axis(t, 0, outs, "0.001", 0);
  if (kind == U8) quant_axis(t, -1, 1, "0.001", 0);
  zeros(t, outs * 4);
}

static void layer(const shape *s, number_kind kind, eao_text *t) {
  char x[64], y[64], w[64];
  int k = s->window, pad = s->kind == CONV || s->kind == DEPTHWISE ? k / 2 : 0;
  int h = (s->height + 2 * pad - k) / s->stride + 1, v = (s->width + 2 * pad - k) / s->stride + 1;
  bool flat = s->kind == FC || s->kind == SOFTMAX;
  int outs = s->out ? s->out : s->in;
  snprintf(x, sizeof x, flat ? "1,%d" : "1,%d,%d,%d", flat ? s->in : s->height, s->width, s->in);
  snprintf(y, sizeof y, flat ? "1,%d" : "1,%d,%d,%d", flat ? outs : h, v, outs);
  eao_text_printf(t, "graph \"probe\" {\n");
  activation(t, 0, "x", x, kind, "0.05");
  bool weighted = s->kind == CONV || s->kind == DEPTHWISE || s->kind == FC;
  if (s->kind == CONV) snprintf(w, sizeof w, "%d,%d,%d,%d", outs, k, k, s->in);
  if (s->kind == DEPTHWISE) snprintf(w, sizeof w, "1,%d,%d,%d", k, k, outs);
  if (s->kind == FC) snprintf(w, sizeof w, "%d,%d", outs, s->in);
  if (weighted)
    weights(t, w, outs * k * k * (s->kind == DEPTHWISE ? 1 : s->in), outs,
            s->kind == DEPTHWISE ? 3 : 0, kind);
  if (s->kind == ADD) activation(t, 1, "x2", x, kind, "0.04");
  int id = weighted ? 3 : s->kind == ADD ? 2 : 1;
  activation(t, id, "y", y, kind, s->kind == SOFTMAX ? "0.00390625" : "0.06");
  eao_text_printf(t, "  input %%0\n");
  if (s->kind == ADD) eao_text_printf(t, "  input %%1\n");
  static const char *const spatial =
      "{layout=channels_last, kernel=[%d, %d], strides=[%d, %d], dilations=[1, 1], "
      "pads=[%d, %d, %d, %d]";
  static const char *const names[] = {"conv",     "conv",     "fully_connected", "add",
                                      "avg_pool", "max_pool", "softmax"};
  eao_text_printf(t, "  %s(%%0%s) -> %%%d ", names[s->kind],
                  weighted         ? ", %1, %2"
                  : s->kind == ADD ? ", %1"
                                   : "",
                  id);
  if (!flat && s->kind != ADD) {
    eao_text_printf(t, spatial, k, k, s->stride, s->stride, pad, pad, pad, pad);
    if (s->kind == CONV) eao_text_printf(t, ", w_layout=oki, act=relu");
    if (s->kind == DEPTHWISE) eao_text_printf(t, ", w_layout=1ko, group=%d, act=relu", outs);
    eao_text_printf(t, "} ");
  }
  eao_text_printf(t, "\"n\"\n  output %%%d\n}\n", id);
}

/* ---- timed ---- */

typedef struct measured {
  char kernel[40];
  double us, feature[EAO_KERNEL_FEATURES];
} measured;

/* Shortest of many runs: the machine may be busy, but it is never faster than it is. */
static double shortest_us(eao_session *s) {
  enum { RUNS = 4000 };
  double best = INFINITY;
  uint64_t end = eao_clock_ns() + 4000000;
  for (int i = 0; i < RUNS; i++) {
    uint64_t t0 = eao_clock_ns();
    if (eao_session_run(s) != EAO_OK) return NAN;
    uint64_t t1 = eao_clock_ns();
    if ((double)(t1 - t0) < best) best = (double)(t1 - t0);
    if (t1 > end && i > 8) break;
  }
  return best * 1e-3;
}

static eao_status time_package(eao_ctx *ctx, const eao_compiled *c, double *out_us) {
  size_t size;
  eao_package p;
  eao_session *s = NULL;
  const void *data = eao_compiled_data(c, &size);
  if (eao_package_open_memory(&p, data, size) != EAO_OK)
    return eao_fail(ctx, EAO_ERR_INTERNAL, "probe: %s", eao_package_message(&p));
  size_t n = eao_package_arena_bytes(&p);
  char *block = eao_alloc(ctx, n + ALIGN);
  eao_status st = block ? EAO_OK : EAO_NOMEM(ctx);
  if (st == EAO_OK)
    st = eao_session_create(&p, block + (ALIGN - (uintptr_t)block % ALIGN) % ALIGN, n, &s);
  if (st == EAO_OK) *out_us = shortest_us(s);
  eao_free(ctx, block);
  eao_package_close(&p);
  return st;
}

/* A layer that this machine has no fast kernel for, or that becomes more than one step, is left
 * out. */
static eao_status probe(eao_ctx *ctx, const shape *s, number_kind kind, measured *list,
                        uint32_t *n) {
  eao_text t;
  eao_model *m = NULL;
  eao_compiled *c = NULL;
  eao_text_init(&t, ctx);
  layer(s, kind, &t);
  eao_status st = t.failed ? EAO_NOMEM(ctx) : eao_model_parse(ctx, t.p, t.len, &m);
  eao_compile_opts o = {.stream = EAO_STREAM_NEVER};
  if (st == EAO_OK) st = eao_model_compile(m, &o, &c);
  if (st == EAO_OK && eao_compiled_get(c).n_step == 1) {
    eao_compiled_step step = eao_compiled_get_step(c, 0);
    measured *r = &list[*n];
    eao_step_work w = eao_step_work_of(&step);
    double us = NAN;
    st = time_package(ctx, c, &us);
    snprintf(r->kernel, sizeof r->kernel, "%s", step.kernel);
    eao_kernel_features(&w, r->feature);
    r->us = us;
    if (st == EAO_OK && us > 0 && strcmp(step.kernel, "ref") != 0) (*n)++;
  }
  eao_compiled_destroy(c);
  eao_model_destroy(m);
  eao_text_deinit(&t);
  return st;
}

/* ---- a line for each kernel ---- */

/* Least squares of relative errors with coefficients that are not negative, by coordinate descent.
 */
static void fit(const measured *list, uint32_t n, eao_kernel_speed *k) {
  enum { ROUNDS = 3000 };
  memset(k->us, 0, sizeof k->us);
  for (int round = 0; round < ROUNDS; round++)
    for (int f = 0; f < EAO_KERNEL_FEATURES; f++) {
      double up = 0, down = 0;
      for (uint32_t i = 0; i < n; i++) {
        if (strcmp(list[i].kernel, k->name) != 0) continue;
        double rest = list[i].us, x = list[i].feature[f] / list[i].us;
        for (int g = 0; g < EAO_KERNEL_FEATURES; g++)
          if (g != f) rest -= k->us[g] * list[i].feature[g];
        up += rest / list[i].us * x;
        down += x * x;
      }
      k->us[f] = down > 0 && up > 0 ? up / down : 0;
    }
}

eao_status eao_speed_probe(eao_ctx *ctx, eao_target *t) {
  measured *list = eao_alloc(ctx, MEASURED_MAX * sizeof *list);
  uint32_t n = 0;
  eao_status st = list ? EAO_OK : EAO_NOMEM(ctx);
  for (size_t i = 0; st == EAO_OK && i < KINDS * EAO_COUNT(shapes); i++)
    st = probe(ctx, &shapes[i / KINDS], (number_kind)(i % KINDS), list, &n);
  t->n_kernel = 0;
  for (uint32_t i = 0; st == EAO_OK && i < n; i++) {
    uint32_t k = 0;
    while (k < t->n_kernel && strcmp(t->kernel[k].name, list[i].kernel) != 0) k++;
    if (k < t->n_kernel || k == EAO_MAX_KERNEL_SPEEDS) continue;
    eao_kernel_speed *speed = &t->kernel[t->n_kernel++];
    snprintf(speed->name, sizeof speed->name, "%s", list[i].kernel);
    fit(list, n, speed);
  }
  eao_free(ctx, list);
  return st;
}
