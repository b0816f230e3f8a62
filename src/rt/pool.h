/* Threads of libeao, from the inside. */
#ifndef EAO_RT_POOL_H
#define EAO_RT_POOL_H

#include "eao/rt.h"
#include "kernel/kernel.h"

/* Runs n_part shares of a call, n_part at most eao_rt_pool_threads. */
eao_status eao_rt_pool_run(eao_pool *p, eao_kernel_fn run, eao_kcall *c, uint32_t n_part);
uint32_t eao_rt_pool_threads(const eao_pool *p);

#endif
