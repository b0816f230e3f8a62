#include "kernel/step.h"

const eao_kernel *eao_kernel_get(uint32_t id) {
  for (uint32_t i = 0; i < eao_kernel_table_count; i++)
    if (eao_kernel_table[i].id == id && eao_kernel_table[i].run) return &eao_kernel_table[i];
  return NULL;
}
