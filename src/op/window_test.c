/* Convolution, pooling, recurrent and resize kernels against ONNX Runtime 1.32, and against
 * themselves in another layout. Inputs follow a pattern, so that only outputs are written down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "kernel/ref/recurrent.h"
#include "kernel/ref/resize.h"
#include "op/window.h"

/* Computed by ONNX Runtime on the same inputs. */
static const float ort_conv0[] = {
    -2.609375f, -1.75f,    -0.890625f, 2.0625f,    1.734375f, -1.0625f,  -2.515625f, -0.578125f,
    0.484375f,  -0.46875f, 1.15625f,   2.84375f,   1.953125f, -0.6875f,  1.59375f,   0.734375f,
    1.0625f,    0.8125f,   -1.46875f,  -1.046875f, -1.0625f,  1.484375f, 1.75f,      -1.90625f,
    3.234375f,  0.09375f,  -1.1875f,   1.921875f,  0.546875f, -1.0625f,  1.8125f,    0.390625f,
    -2.5625f,   0.75f,     -2.6875f,   -0.84375f,  0.546875f, 1.609375f, -1.734375f, -0.203125f,
    -1.53125f,  -0.03125f, 2.28125f,   0.34375f,   2.34375f,  1.046875f, 1.1875f,    0.640625f};
static const float ort_convT0[] = {
    -2.78125f, 0.671875f,  -0.5f,     -0.578125f, -0.90625f, -0.5f,      0.1875f,   -3.796875f,
    2.1875f,   -0.5f,      0.609375f, -1.6875f,   -0.5f,     -0.375f,    0.953125f, -0.46875f,
    -0.5f,     -0.796875f, -0.96875f, -0.5f,      -0.03125f, -0.453125f, -1.875f,   -0.5f,
    0.296875f, 0.125f,     -0.5f,     -0.03125f,  -0.5f,     -0.5f,      -0.5f,     -0.5f,
    -0.5f,     -0.5f,      -0.5f,     1.015625f,  0.0625f,   0.875f,     -1.1875f,  2.34375f,
    0.875f,    2.0f,       1.421875f, 1.109375f,  0.875f,    2.765625f,  -1.875f,   0.875f,
    0.15625f,  1.234375f,  0.4375f,   0.875f,     0.46875f,  -0.875f,    0.875f,    2.21875f,
    0.71875f,  1.359375f,  0.875f,    1.375f,     1.46875f,  0.875f,     -0.125f,   0.875f,
    0.875f,    0.875f,     0.875f,    0.875f,     0.875f,    0.875f};
static const float ort_avg0[] = {-0.0416666679f, 0.166666672f, 0.0416666679f,
                                 0.270833343f,   -0.375f,      0.229166672f,
                                 0.0833333358f,  -0.1875f,     0.104166664f};
static const float ort_max0[] = {1.125f, 1.375f, 0.625f, 0.875f, 1.375f, 0.5f, 0.875f, 1.125f};
static const float ort_max1[] = {11.0f, 15.0f, 3.0f, 7.0f, 31.0f, 26.0f, 23.0f, 27.0f};
static const float ort_lstm0[] = {
    0.410580993f,  0.240136355f,    -0.00457614195f, -0.339006901f, -0.217149049f,  0.17647095f,
    0.0498752855f, 0.0934353322f,   -0.3175475f,     -0.247021377f, 0.0713941231f,  -0.134609044f,
    0.38579914f,   0.188167512f,    -0.0580389127f,  -0.150223061f, -0.232460514f,  0.216858834f,
    0.083413437f,  0.127257511f,    -0.407849848f,   0.0232789312f, -0.111238293f,  0.140016288f,
    0.246884823f,  -0.00710113253f, -0.0886256844f,  -0.139222145f, -0.0197597649f, 0.121997386f,
    0.257617772f,  0.0637935847f,   -0.293212235f,   -0.231936172f, -0.081701912f,  0.378641933f};
static const float ort_lstm1[] = {0.246884823f,   -0.00710113253f, -0.0886256844f, -0.139222145f,
                                  -0.0197597649f, 0.121997386f,    0.0498752855f,  0.0934353322f,
                                  -0.3175475f,    -0.247021377f,   0.0713941231f,  -0.134609044f};
static const float ort_lstm2[] = {0.36232543f,    -0.010327287f, -0.316799015f, -0.308179975f,
                                  -0.0279523432f, 0.450143337f,  0.170971602f,  0.33527115f,
                                  -0.661018252f,  -0.499783695f, 0.252210379f,  -0.191649452f};
static const float ort_gru0[] = {
    0.0694674253f, -0.497181267f, 0.525712192f,    0.640771985f, -0.579627395f, 0.44911018f,
    0.410283953f,  -0.593221664f, 0.50490582f,     0.752913654f, 0.55921489f,   -0.230711192f,
    0.522892714f,  -0.558620691f, -0.00641584396f, 0.0f,         0.0f,          0.0f};
static const float ort_gru1[] = {0.0694674253f, -0.497181267f, 0.525712192f,
                                 0.640771985f,  -0.579627395f, 0.44911018f};
static const float ort_resize0[] = {
    -1.1152488f,   -0.608997762f, -0.0269675571f, 0.327133387f, 1.15122759f,  0.557049215f,
    -0.536726296f, -0.488470793f, 0.0895082653f,  0.386798739f, -0.125f,      -0.780862868f,
    -0.451999635f, 0.248938039f,  0.13830696f,    0.788014293f, 0.715805054f, -0.577133358f,
    -0.297314644f, 0.358997703f,  0.865248621f};

enum { MAX_IO = 8 };

typedef struct call {
  eao_ctx *ctx;
  const eao_op_desc *d;
  _Alignas(16) unsigned char attr[1024];
  eao_tensor in[MAX_IO], out[MAX_IO];
  uint32_t n_in, n_out;
} call;

static void call_init(call *c, uint16_t op, uint32_t n_out) {
  memset(c, 0, sizeof *c);
  c->ctx = eao_ctx_create(NULL, NULL);
  c->d = eao_op_get(op);
  assert_true(c->d->attr_size <= sizeof c->attr);
  eao_op_attr_defaults(c->d, c->attr);
  c->n_out = n_out;
  for (uint32_t i = 0; i < MAX_IO; i++) c->out[i].rank = -1;
}

/* Input k is ((j * (7 + 2k) + 3k + 1) mod 23 - 11) / 8. */
static void give(call *c, uint32_t k, eao_dtype t, int32_t rank, const int64_t *dim) {
  eao_tensor *x = &c->in[k];
  x->dtype = t;
  x->rank = rank;
  memcpy(x->dim, dim, (size_t)rank * sizeof *dim);
  int64_t n = eao_tensor_count(x);
  x->data = eao_alloc(c->ctx, (size_t)eao_dtype_bytes(t, n));
  for (int64_t j = 0; j < n; j++)
    eao_set_f64(x, j, (double)((j * (7 + 2 * k) + 3 * k + 1) % 23 - 11) / 8);
  if (c->n_in <= k) c->n_in = k + 1;
}
#define GIVE(c, k, ...)                                                                            \
  give(c, k, EAO_F32, (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),               \
       (const int64_t[]){__VA_ARGS__})

static void give_ints(call *c, uint32_t k, eao_dtype t, int64_t n, const int64_t *v) {
  give(c, k, t, 1, &n);
  for (int64_t j = 0; j < n; j++) eao_set_i64(&c->in[k], j, v[j]);
}

static void run(call *c) {
  const eao_tensor *in[MAX_IO];
  for (uint32_t i = 0; i < c->n_in; i++) in[i] = c->in[i].dtype ? &c->in[i] : NULL;
  eao_status s = eao_op_eval(c->ctx, c->d, c->attr, in, c->n_in, c->out, c->n_out);
  if (s != EAO_OK) print_error("%s\n", eao_ctx_message(c->ctx));
  assert_int_equal(s, EAO_OK);
}

static void expect(const call *c, uint32_t i, const float *want, size_t n) {
  assert_int_equal(eao_tensor_count(&c->out[i]), n);
  for (size_t j = 0; j < n; j++) {
    double v = eao_get_f64(&c->out[i], (int64_t)j);
    if (!(fabs(v - (double)want[j]) <= 2e-6))
      fail_msg("output %u [%zu] is %.9g, not %.9g", i, j, v, (double)want[j]);
  }
}
#define EXPECT(c, i, want) expect(c, i, want, EAO_COUNT(want))

static void call_end(call *c) {
  for (uint32_t i = 0; i < MAX_IO; i++) {
    eao_free(c->ctx, c->in[i].data);
    eao_free(c->ctx, c->out[i].data);
  }
  assert_int_equal(c->ctx->heap_bytes, 0);
  eao_ctx_destroy(c->ctx);
}

static void conv_groups_dilation(void **state) {
  (void)state;
  call c;
  call_init(&c, EAO_OP_conv, 1);
  eao_conv_attr *a = (void *)c.attr;
  a->group = 2;
  a->dilations = EAO_INTS(1, 2);
  a->strides = EAO_INTS(2, 1);
  a->pads = EAO_INTS(1, 0, 0, 2);
  GIVE(&c, 0, 1, 4, 5, 4);
  GIVE(&c, 1, 6, 2, 3, 2);
  GIVE(&c, 2, 6);
  run(&c);
  EXPECT(&c, 0, ort_conv0);
  call_end(&c);
}

static void conv_transpose_groups(void **state) {
  (void)state;
  call c;
  call_init(&c, EAO_OP_conv_transpose, 1);
  eao_conv_transpose_attr *a = (void *)c.attr;
  a->group = 2;
  a->strides = EAO_INTS(2, 3);
  a->pads = EAO_INTS(1, 0, 0, 1);
  a->output_padding = EAO_INTS(1, 0);
  GIVE(&c, 0, 1, 4, 2, 3);
  GIVE(&c, 1, 4, 1, 3, 2);
  GIVE(&c, 2, 2);
  run(&c);
  EXPECT(&c, 0, ort_convT0);
  call_end(&c);
}

static void avg_pool_ceil(void **state) {
  (void)state;
  call c;
  call_init(&c, EAO_OP_avg_pool, 1);
  eao_pool_attr *a = (void *)c.attr;
  a->kernel = EAO_INTS(3, 2);
  a->strides = EAO_INTS(2, 2);
  a->pads = EAO_INTS(1, 0, 1, 1);
  a->ceil_mode = a->count_include_pad = 1;
  GIVE(&c, 0, 1, 1, 5, 5);
  run(&c);
  EXPECT(&c, 0, ort_avg0);
  call_end(&c);
}

static void max_pool_indices(void **state) {
  (void)state;
  call c;
  call_init(&c, EAO_OP_max_pool, 2);
  eao_pool_attr *a = (void *)c.attr;
  a->kernel = EAO_INTS(2, 2);
  a->strides = EAO_INTS(2, 1);
  a->dilations = EAO_INTS(1, 2);
  a->storage_order = 1;
  GIVE(&c, 0, 1, 2, 5, 4);
  run(&c);
  EXPECT(&c, 0, ort_max0);
  EXPECT(&c, 1, ort_max1);
  call_end(&c);
}

static void lstm_both_ways(void **state) {
  (void)state;
  call c;
  call_init(&c, EAO_OP_lstm, 3);
  eao_recurrent_attr *a = (void *)c.attr;
  a->hidden_size = 3;
  a->direction = EAO_RECURRENT_BIDIRECTIONAL;
  a->clip = 0.9f;
  GIVE(&c, 0, 3, 2, 2);
  GIVE(&c, 1, 2, 12, 2);
  GIVE(&c, 2, 2, 12, 3);
  GIVE(&c, 3, 2, 24);
  GIVE(&c, 5, 2, 2, 3);
  GIVE(&c, 6, 2, 2, 3);
  GIVE(&c, 7, 2, 9);
  run(&c);
  EXPECT(&c, 0, ort_lstm0);
  EXPECT(&c, 1, ort_lstm1);
  EXPECT(&c, 2, ort_lstm2);
  call_end(&c);
}

static void gru_reverse(void **state) {
  (void)state;
  call c;
  call_init(&c, EAO_OP_gru, 2);
  eao_recurrent_attr *a = (void *)c.attr;
  a->hidden_size = 3;
  a->direction = EAO_RECURRENT_REVERSE;
  a->linear_before_reset = 1;
  a->activations = EAO_INTS(EAO_GATE_HARD_SIGMOID, EAO_GATE_SOFTSIGN);
  a->alpha = (eao_floats){.n = 1, .v = {0.3f}};
  a->beta = (eao_floats){.n = 1, .v = {0.4f}};
  GIVE(&c, 0, 3, 2, 2);
  GIVE(&c, 1, 1, 9, 2);
  GIVE(&c, 2, 1, 9, 3);
  GIVE(&c, 3, 1, 18);
  give_ints(&c, 4, EAO_I32, 2, (int64_t[]){3, 2});
  GIVE(&c, 5, 1, 2, 3);
  run(&c);
  EXPECT(&c, 0, ort_gru0);
  EXPECT(&c, 1, ort_gru1);
  call_end(&c);
}

static void resize_cubic(void **state) {
  (void)state;
  call c;
  call_init(&c, EAO_OP_resize, 1);
  eao_resize_attr *a = (void *)c.attr;
  a->mode = EAO_RESIZE_CUBIC;
  a->coordinates = EAO_COORD_PYTORCH_HALF_PIXEL;
  a->cubic_a = -0.5f;
  a->exclude_outside = 1;
  GIVE(&c, 0, 1, 1, 4, 5);
  give_ints(&c, 3, EAO_I64, 4, (int64_t[]){1, 1, 3, 7});
  run(&c);
  EXPECT(&c, 0, ort_resize0);
  call_end(&c);
}

/* Element (n, h, w, c) of one layout against (n, c, h, w) of the other. */
static void same_in_both_layouts(const eao_tensor *last, const eao_tensor *first) {
  int64_t n = last->dim[0], h = last->dim[1], w = last->dim[2], ch = last->dim[3], i = 0;
  const int64_t want[] = {n, ch, h, w};
  assert_memory_equal(first->dim, want, sizeof want);
  for (int64_t b = 0; b < n; b++)
    for (int64_t p = 0; p < h * w; p++)
      for (int64_t k = 0; k < ch; k++, i++) {
        double u = eao_get_f64(last, i), v = eao_get_f64(first, (b * ch + k) * h * w + p);
        if (fabs(u - v) > 1e-6) fail_msg("[%d] is %.9g, not %.9g", (int)i, u, v);
      }
}

/* to[b, k, p] = from[b, p, k] for from [d0, ..., last]. */
static void channels_first(call *to, uint32_t k, const eao_tensor *from) {
  int32_t r = from->rank;
  int64_t dim[EAO_MAX_RANK] = {from->dim[0], from->dim[r - 1]}, area = 1;
  for (int32_t i = 1; i < r - 1; i++) {
    dim[i + 1] = from->dim[i];
    area *= from->dim[i];
  }
  give(to, k, from->dtype, r, dim);
  for (int64_t b = 0; b < dim[0]; b++)
    for (int64_t p = 0; p < area; p++)
      for (int64_t c = 0; c < dim[1]; c++)
        eao_set_f64(&to->in[k], (b * dim[1] + c) * area + p,
                    eao_get_f64(from, (b * area + p) * dim[1] + c));
}

static void check_layouts(eao_dtype other) {
  call l, f;
  call_init(&l, EAO_OP_conv, 1);
  call_init(&f, EAO_OP_conv, 1);
  eao_conv_attr *a = (void *)l.attr;
  a->layout = EAO_LAYOUT_CHANNELS_LAST;
  a->w_layout = EAO_WLAYOUT_OKI;
  a->group = 2;
  a->strides = EAO_INTS(2, 1);
  a->auto_pad = EAO_PAD_SAME_UPPER;
  a->act.kind = EAO_ACT_RELU;
  memcpy(f.attr, l.attr, sizeof f.attr);
  a = (void *)f.attr;
  a->layout = EAO_LAYOUT_CHANNELS_FIRST;
  a->w_layout = EAO_WLAYOUT_OIK;
  give(&l, 0, EAO_F32, 4, (int64_t[]){2, 9, 7, 20});
  give(&l, 1, EAO_F32, 4, (int64_t[]){4, 3, 2, 10});
  channels_first(&f, 0, &l.in[0]);
  channels_first(&f, 1, &l.in[1]);
  if (other != EAO_F32) /* the obvious path instead of the typed one */
    for (uint32_t k = 0; k < 2; k++) {
      eao_tensor was = f.in[k];
      give(&f, k, other, 4, was.dim);
      for (int64_t i = 0; i < eao_tensor_count(&was); i++)
        eao_set_f64(&f.in[k], i, eao_get_f64(&was, i));
      eao_free(f.ctx, was.data);
    }
  run(&l);
  run(&f);
  same_in_both_layouts(&l.out[0], &f.out[0]);
  call_end(&l);
  call_end(&f);
}

static void conv_layouts_agree(void **state) {
  (void)state;
  check_layouts(EAO_F32);
  check_layouts(EAO_F64);
}

/* TFLite's depthwise weights [1, k, k, O] are ONNX's [O, 1, k, k]. */
static void depthwise_layouts_agree(void **state) {
  (void)state;
  call l, f;
  call_init(&l, EAO_OP_conv, 1);
  call_init(&f, EAO_OP_conv, 1);
  eao_conv_attr *a = (void *)l.attr;
  a->layout = EAO_LAYOUT_CHANNELS_LAST;
  a->w_layout = EAO_WLAYOUT_1KO;
  a->group = 5;
  a->dilations = EAO_INTS(1, 2);
  a->pads = EAO_INTS(1, 2, 1, 2);
  memcpy(f.attr, l.attr, sizeof f.attr);
  a = (void *)f.attr;
  a->layout = EAO_LAYOUT_CHANNELS_FIRST;
  a->w_layout = EAO_WLAYOUT_OIK;
  GIVE(&l, 0, 1, 8, 70, 5);
  GIVE(&l, 1, 1, 3, 3, 10);
  channels_first(&f, 0, &l.in[0]);
  channels_first(&f, 1, &l.in[1]);
  f.in[1].dim[0] = 10;
  f.in[1].dim[1] = 1;
  run(&l);
  run(&f);
  same_in_both_layouts(&l.out[0], &f.out[0]);
  call_end(&l);
  call_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(conv_groups_dilation),
      cmocka_unit_test(conv_transpose_groups),
      cmocka_unit_test(avg_pool_ceil),
      cmocka_unit_test(max_pool_indices),
      cmocka_unit_test(lstm_both_ways),
      cmocka_unit_test(gru_reverse),
      cmocka_unit_test(resize_cubic),
      cmocka_unit_test(conv_layouts_agree),
      cmocka_unit_test(depthwise_layouts_agree),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
