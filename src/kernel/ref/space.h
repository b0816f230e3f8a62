/* Reference kernels that trade spatial extent for channels or batch. */
#ifndef EAO_KERNEL_REF_SPACE_H
#define EAO_KERNEL_REF_SPACE_H

#include "kernel/kernel.h"

typedef enum eao_depth_mode {
  EAO_DEPTH_DCR = 0, /* channel = (row of block, column of block, channel); TFLite */
  EAO_DEPTH_CRD = 1, /* channel = (channel, row of block, column of block) */
} eao_depth_mode;

typedef struct eao_depth_space_attr {
  int64_t block;
  int32_t mode;
  int32_t layout; /* eao_layout */
} eao_depth_space_attr;

eao_status eao_ref_depth_to_space(eao_kcall *c);
eao_status eao_ref_space_to_depth(eao_kcall *c);
/* x [N, spatial..., rest...], block [m], paddings or crops [m, 2] */
eao_status eao_ref_space_to_batch_nd(eao_kcall *c);
eao_status eao_ref_batch_to_space_nd(eao_kcall *c);

#endif
