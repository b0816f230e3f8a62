/* Threads that share the work of one kernel call.
 *
 * A call is published by raising `round`; each thread computes its share and counts itself done.
 * Between two calls threads spin for a short while, since the next call of a model comes within
 * microseconds, then park until somebody rings. The caller's thread takes share 0. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "rt/pool.h"

enum { SPINS = 20000, LINE = 64 };

typedef struct worker {
  eao_pool *pool;
  uint32_t part;
  pthread_t thread;
} worker;

struct eao_pool {
  _Alignas(LINE) atomic_uint round; /* of the newest job */
  _Alignas(LINE) atomic_uint left;  /* threads that have not finished it */
  atomic_int status;
  atomic_uint parked;
  atomic_bool stop;
  eao_kernel_fn run; /* the job */
  const eao_kcall *call;
  uint32_t n_part;
  const char *_Atomic error;
  pthread_mutex_t lock;
  pthread_cond_t bell;
  uint32_t n_worker;
  worker worker[];
};

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void do_share(eao_pool *p, uint32_t part) {
  eao_kcall c = *p->call;
  c.part = part;
  c.n_part = p->n_part;
  eao_status s = p->run(&c);
  if (s == EAO_OK) return;
  atomic_store(&p->error, c.error ? c.error : eao_status_name(s));
  atomic_store(&p->status, (int)s);
}

static void wait_for_round(eao_pool *p, unsigned seen) {
  for (int i = 0; i < SPINS; i++) {
    if (atomic_load_explicit(&p->round, memory_order_acquire) != seen) return;
    relax();
  }
  pthread_mutex_lock(&p->lock);
  atomic_fetch_add(&p->parked, 1);
  while (atomic_load(&p->round) == seen) pthread_cond_wait(&p->bell, &p->lock);
  atomic_fetch_sub(&p->parked, 1);
  pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg) {
  worker *w = arg;
  eao_pool *p = w->pool;
  for (unsigned seen = 0;; seen++) {
    wait_for_round(p, seen);
    if (atomic_load(&p->stop)) return NULL;
    if (w->part < p->n_part) do_share(p, w->part);
    atomic_fetch_sub_explicit(&p->left, 1, memory_order_release);
  }
}

static void ring(eao_pool *p) {
  atomic_fetch_add(&p->round, 1);
  if (atomic_load(&p->parked) == 0) return;
  pthread_mutex_lock(&p->lock);
  pthread_cond_broadcast(&p->bell);
  pthread_mutex_unlock(&p->lock);
}

eao_status eao_rt_pool_run(eao_pool *p, eao_kernel_fn run, eao_kcall *c, uint32_t n_part) {
  p->run = run;
  p->call = c;
  p->n_part = n_part;
  atomic_store(&p->status, (int)EAO_OK);
  atomic_store(&p->error, NULL);
  atomic_store(&p->left, p->n_worker);
  ring(p);
  do_share(p, 0);
  for (int i = 0; atomic_load_explicit(&p->left, memory_order_acquire); i++) {
    relax();
    if (i > SPINS) sched_yield(); /* a thread lost its processor */
  }
  c->error = atomic_load(&p->error);
  return (eao_status)atomic_load(&p->status);
}

uint32_t eao_rt_pool_threads(const eao_pool *p) {
  return p->n_worker + 1;
}

size_t eao_pool_bytes(uint32_t threads) {
  return sizeof(eao_pool) + (threads > 1 ? threads - 1 : 0) * sizeof(worker) + LINE;
}

eao_status eao_pool_create(void *memory, size_t bytes, uint32_t threads, eao_pool **out) {
  uintptr_t at = ((uintptr_t)memory + LINE - 1) & ~(uintptr_t)(LINE - 1);
  *out = NULL;
  if (threads < 1 || threads > 256 || !memory) return EAO_ERR_ARG;
  if (bytes < eao_pool_bytes(threads)) return EAO_ERR_NOMEM;
  eao_pool *p = (eao_pool *)at;
  memset(p, 0, sizeof *p);
  if (pthread_mutex_init(&p->lock, NULL) != 0) return EAO_ERR_NOMEM;
  if (pthread_cond_init(&p->bell, NULL) != 0) {
    pthread_mutex_destroy(&p->lock);
    return EAO_ERR_NOMEM;
  }
  for (uint32_t i = 1; i < threads; i++) {
    worker *w = &p->worker[p->n_worker];
    *w = (worker){.pool = p, .part = i};
    if (pthread_create(&w->thread, NULL, work, w) != 0) {
      eao_pool_destroy(p);
      return EAO_ERR_NOMEM;
    }
    p->n_worker++;
  }
  *out = p;
  return EAO_OK;
}

void eao_pool_destroy(eao_pool *p) {
  if (!p) return;
  atomic_store(&p->stop, true);
  ring(p);
  for (uint32_t i = 0; i < p->n_worker; i++) pthread_join(p->worker[i].thread, NULL);
  pthread_cond_destroy(&p->bell);
  pthread_mutex_destroy(&p->lock);
}
