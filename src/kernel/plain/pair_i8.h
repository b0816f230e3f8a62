/* What kernels of two quantised byte tensors share. Plain C, built everywhere. */
#ifndef EAO_KERNEL_PLAIN_PAIR_I8_H
#define EAO_KERNEL_PLAIN_PAIR_I8_H

#include "kernel/plain/elementwise_f32.h"

/* Parameters for inputs read as unsigned bytes (i8 exclusive-or flip). */
typedef struct eao_pair_i8 {
  uint8_t flip;
  int32_t z_a, z_b, z_y, lo, hi;
  int32_t ma, mb, bias, shift; /* add, sub */
  float scale;                 /* mul */
} eao_pair_i8;
/* op: 1 add, -1 sub, 0 mul. False: the rule is another one. */
bool eao_pair_i8_init(eao_pair_i8 *p, const eao_kcall *c, int op);

/* Walks this share of a call's output in runs along which both inputs have stride 0 or 1. */
typedef struct eao_pair_lines {
  eao_pair_walk walk;
  int64_t index[EAO_MAX_RANK], next, end;
  int64_t next_a, next_b;
  int64_t a, b, y, sa, sb; /* the current run: first elements and strides */
} eao_pair_lines;
void eao_pair_lines_init(eao_pair_lines *l, const eao_kcall *c);
/* Elements of the next run, at most `most`; 0 at the end. */
int64_t eao_pair_lines_next(eao_pair_lines *l, int64_t most);

#endif
