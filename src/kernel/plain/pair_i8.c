#include "kernel/plain/pair_i8.h"

#include <math.h>

#include "kernel/ref/quant.h"

static bool is_byte(const eao_tensor *t) {
  return (t->dtype == EAO_I8 || t->dtype == EAO_U8) && t->quant.n == 1;
}

bool eao_pair_i8_init(eao_pair_i8 *p, const eao_kcall *c, int op) {
  const eao_binary_attr *attr = c->attr;
  eao_qparam a, b, y;
  if (c->n_in != 2 || !is_byte(c->in[0]) || !is_byte(c->in[1]) || !is_byte(c->out[0]) ||
      c->in[0]->dtype != c->in[1]->dtype || c->in[0]->dtype != c->out[0]->dtype ||
      !eao_q_param(c->in[0], &a) || !eao_q_param(c->in[1], &b) ||
      !eao_q_param_act(c->out[0], &attr->act, &y))
    return false;
  int32_t offset = c->in[0]->dtype == EAO_I8 ? 128 : 0;
  *p = (eao_pair_i8){.flip = (uint8_t)offset,
                     .z_a = a.zero + offset,
                     .z_b = b.zero + offset,
                     .z_y = y.zero,
                     .lo = y.lo,
                     .hi = y.hi};
  if (op == 0) {
    p->scale = a.scale * b.scale / y.scale;
    return true;
  }
  float ra = a.scale / y.scale, rb = b.scale / y.scale, most = ra > rb ? ra : rb;
  if (!(ra >= 0x1p-10f && rb >= 0x1p-10f && most < 0x1p8f)) return false;
  p->shift = 20 - ((int32_t)(eao_f32_bits(most) >> 23) - 127);
  p->ma = (int32_t)lrintf(ldexpf(ra, p->shift));
  p->mb = op * (int32_t)lrintf(ldexpf(rb, p->shift));
  p->bias =
      (int32_t)(((int64_t)1 << (p->shift - 1)) - (int64_t)p->ma * p->z_a - (int64_t)p->mb * p->z_b);
  return true;
}

void eao_pair_lines_init(eao_pair_lines *l, const eao_kcall *c) {
  eao_pair_walk_init(&l->walk, c->in[0], c->in[1], c->out[0]);
  const eao_pair_walk *w = &l->walk;
  eao_kcall_share(c, eao_tensor_count(c->out[0]), 64, &l->next, &l->end);
  int64_t rest = l->next;
  l->next_a = l->next_b = 0;
  for (int32_t d = w->n - 1; d >= 0; d--) {
    l->index[d] = rest % w->dim[d];
    rest /= w->dim[d];
    l->next_a += l->index[d] * w->a[d];
    l->next_b += l->index[d] * w->b[d];
  }
  l->sa = w->a[w->n - 1];
  l->sb = w->b[w->n - 1];
}

int64_t eao_pair_lines_next(eao_pair_lines *l, int64_t most) {
  const eao_pair_walk *w = &l->walk;
  int32_t last = w->n - 1;
  int64_t n = w->dim[last] - l->index[last];
  if (n > l->end - l->next) n = l->end - l->next;
  if (n > most) n = most;
  if (n <= 0) return 0;
  l->a = l->next_a;
  l->b = l->next_b;
  l->y = l->next;
  l->next += n;
  l->index[last] += n;
  l->next_a += n * w->a[last];
  l->next_b += n * w->b[last];
  for (int32_t d = last; d > 0 && l->index[d] == w->dim[d]; d--) {
    l->index[d] = 0;
    l->index[d - 1]++;
    l->next_a += w->a[d - 1] - w->a[d] * w->dim[d];
    l->next_b += w->b[d - 1] - w->b[d] * w->dim[d];
  }
  return n;
}

static bool add_ok(const eao_kcall *c) {
  eao_pair_i8 p;
  return eao_pair_i8_init(&p, c, 1);
}
static bool sub_ok(const eao_kcall *c) {
  eao_pair_i8 p;
  return eao_pair_i8_init(&p, c, -1);
}
static bool mul_ok(const eao_kcall *c) {
  eao_pair_i8 p;
  return eao_pair_i8_init(&p, c, 0);
}
static bool quantize_ok(const eao_kcall *c) {
  return c->in[0]->dtype == EAO_F32 && is_byte(c->out[0]);
}
static bool dequantize_ok(const eao_kcall *c) {
  return is_byte(c->in[0]) && c->out[0]->dtype == EAO_F32;
}

#define ROW(name, isa, match)                                                                      \
  bool eao_k_##name##_##isa##_match(const eao_kcall *c) {                                          \
    return match(c);                                                                               \
  }
#define ROWS(isa)                                                                                  \
  ROW(add_i8, isa, add_ok)                                                                         \
  ROW(sub_i8, isa, sub_ok)                                                                         \
  ROW(mul_i8, isa, mul_ok)                                                                         \
  ROW(quantize_f32_i8, isa, quantize_ok)                                                           \
  ROW(dequantize_i8_f32, isa, dequantize_ok)
ROWS(c)
ROWS(avx2)
ROWS(avx512)
