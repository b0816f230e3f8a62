/* Threads that share the work of one kernel call.
 *
 * A call is published as `state`: its number, how many shares it has and the next one to take. Each
 * thread takes shares as long as there are any, so a thread that lost its processor holds nobody
 * up unless it has one; the caller takes part and waits only for shares that others have taken.
 * Between two calls threads spin for a short while, since the next call of a model comes within
 * microseconds, then park until somebody rings. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "rt/pool.h"

enum { SPINS = 20000, LINE = 64 };

typedef struct worker {
  eao_pool *pool;
  pthread_t thread;
} worker;

struct eao_pool {
  _Alignas(LINE) atomic_uint_fast64_t state; /* of the newest call: see pack */
  _Alignas(LINE) atomic_uint done;           /* shares of it that are finished */
  atomic_int status;
  atomic_uint parked;
  atomic_bool stop;
  eao_kernel_fn run; /* the call */
  const eao_kcall *call;
  const char *_Atomic error;
  pthread_mutex_t lock;
  pthread_cond_t bell;
  uint32_t n_worker;
  worker worker[];
};

/* Number of the call, its shares (at most 2^16 - 1) and the next share to take. */
static uint64_t pack(uint32_t round, uint32_t n_part, uint32_t next) {
  return (uint64_t)round << 32 | (uint64_t)n_part << 16 | next;
}
static uint32_t round_of(uint64_t state) {
  return (uint32_t)(state >> 32);
}
static uint32_t parts_of(uint64_t state) {
  return (uint32_t)(state >> 16) & 0xFFFF;
}
static uint32_t next_of(uint64_t state) {
  return (uint32_t)state & 0xFFFF;
}

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static void do_share(eao_pool *p, uint32_t part, uint32_t n_part) {
  eao_kcall c = *p->call;
  c.part = part;
  c.n_part = n_part;
  eao_status s = p->run(&c);
  if (s == EAO_OK) return;
  atomic_store(&p->error, c.error ? c.error : eao_status_name(s));
  atomic_store(&p->status, (int)s);
}

/* Takes shares of the newest call until there are none; returns its number. The call's fields may
 * be read once a share is taken: they stay until all shares are finished. */
static uint32_t do_shares(eao_pool *p) {
  uint_fast64_t state = atomic_load_explicit(&p->state, memory_order_acquire);
  while (next_of(state) < parts_of(state)) {
    if (!atomic_compare_exchange_weak_explicit(&p->state, &state, state + 1, memory_order_acq_rel,
                                               memory_order_acquire))
      continue;
    do_share(p, next_of(state), parts_of(state));
    atomic_fetch_add_explicit(&p->done, 1, memory_order_release);
    state = atomic_load_explicit(&p->state, memory_order_acquire);
  }
  return round_of(state);
}

static bool is_new(eao_pool *p, uint32_t seen) {
  return round_of(atomic_load_explicit(&p->state, memory_order_acquire)) != seen;
}

static void wait_for_round(eao_pool *p, uint32_t seen) {
  for (int i = 0; i < SPINS; i++) {
    if (is_new(p, seen)) return;
    relax();
  }
  pthread_mutex_lock(&p->lock);
  atomic_fetch_add(&p->parked, 1);
  while (round_of(atomic_load(&p->state)) == seen) pthread_cond_wait(&p->bell, &p->lock);
  atomic_fetch_sub(&p->parked, 1);
  pthread_mutex_unlock(&p->lock);
}

static void *work(void *arg) {
  worker *w = arg;
  eao_pool *p = w->pool;
  for (uint32_t seen = 0;;) {
    wait_for_round(p, seen);
    if (atomic_load(&p->stop)) return NULL;
    seen = do_shares(p);
  }
}

/* Publishes a call. */
static void ring(eao_pool *p, uint32_t n_part) {
  atomic_store(&p->state, pack(round_of(atomic_load(&p->state)) + 1, n_part, 0));
  if (atomic_load(&p->parked) == 0) return;
  pthread_mutex_lock(&p->lock);
  pthread_cond_broadcast(&p->bell);
  pthread_mutex_unlock(&p->lock);
}

eao_status eao_rt_pool_run(eao_pool *p, eao_kernel_fn run, eao_kcall *c, uint32_t n_part) {
  p->run = run;
  p->call = c;
  atomic_store(&p->status, (int)EAO_OK);
  atomic_store(&p->error, NULL);
  atomic_store(&p->done, 0);
  ring(p, n_part);
  do_shares(p);
  for (int i = 0; atomic_load_explicit(&p->done, memory_order_acquire) < n_part; i++) {
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
    *w = (worker){.pool = p};
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
  ring(p, 0);
  for (uint32_t i = 0; i < p->n_worker; i++) pthread_join(p->worker[i].thread, NULL);
  pthread_cond_destroy(&p->bell);
  pthread_mutex_destroy(&p->lock);
}

eao_status eao_pool_pin(eao_pool *p, const uint32_t *cpu, uint32_t n) {
  if (n == 0) return EAO_ERR_ARG;
#if defined(__linux__)
  for (uint32_t i = 0; i < n; i++)
    if (cpu[i] >= CPU_SETSIZE) return EAO_ERR_ARG;
  for (uint32_t i = 0; i < p->n_worker; i++) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu[i % n], &set);
    if (pthread_setaffinity_np(p->worker[i].thread, sizeof set, &set) != 0) return EAO_ERR_ARG;
  }
  return EAO_OK;
#else
  (void)p, (void)cpu;
  return EAO_ERR_UNSUPPORTED;
#endif
}
