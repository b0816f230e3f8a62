/* Which kernels a program carries. libeao looks kernels up in eao_kernel_table; the archive has one
 * with every kernel, which the linker takes only when the program defines none. A program for known
 * models links the small table that `eao compile --kernel-table` writes, so that (with
 * -Wl,--gc-sections) all other kernels stay out. Nothing else needs this header. */
#ifndef EAO_LINK_H
#define EAO_LINK_H

#include "eao/types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eao_kcall eao_kcall;
typedef eao_status (*eao_kernel_fn)(eao_kcall *c);

/* What the runtime knows of a kernel. */
typedef struct eao_kernel {
  uint16_t id, op;
  uint16_t attr_size; /* of the op's attribute struct */
  uint16_t flags;
  uint32_t cpu;             /* instructions it needs */
  uint16_t min_in, min_out; /* of a call; the inputs up to there are never NULL */
  eao_kernel_fn run;        /* NULL: not in this program */
  size_t (*scratch)(const eao_kcall *c, uint32_t n_part);
  size_t (*ref_scratch)(const eao_kcall *c); /* reference kernels' form of it */
} eao_kernel;

extern const eao_kernel eao_kernel_table[];
extern const uint32_t eao_kernel_table_count;

#ifdef __cplusplus
}
#endif
#endif
