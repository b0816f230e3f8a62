/* Float depthwise convolutions over rows (plain/depthwise_plan.h): how weights are packed. */
#ifndef EAO_KERNEL_PLAIN_DEPTHWISE_F32_H
#define EAO_KERNEL_PLAIN_DEPTHWISE_F32_H

#include "kernel/plain/conv_f32.h"
#include "kernel/plain/depthwise_plan.h"

enum { EAO_DEPTHWISE_F32_ROWS = 2 /* output rows made together */ };

/* Stands at the start of a packed blob; 64 bytes, so that what follows stays aligned. Behind it:
 * for each chunk, each vector of a group: bias, then [kh][kw], a vector each. */
typedef struct eao_depthwise_f32_head {
  int32_t group;
  int32_t pad[15];
} eao_depthwise_f32_head;

/* Calls whose channels leave much of a vector empty, so that groups of pixels pay. */
bool eao_depthwise_narrow_f32_match(const eao_kcall *c, int64_t vl);
size_t eao_depthwise_narrow_f32_pack(const eao_kcall *c, void *out, int64_t vl);
size_t eao_depthwise_narrow_f32_scratch(const eao_kcall *c, uint32_t n_part, int64_t vl);

#endif
