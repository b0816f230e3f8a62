/* Runs every fast kernel of this machine against the reference kernel of its op.
 *
 *   checkkern [--bench] [--filter TEXT] [--cases N] [--seed N]
 *
 * Random legal calls with odd sizes; every tensor ends at a page that cannot be touched, so that a
 * read or write outside is a crash; outputs start poisoned; work is also split into shares, as
 * threads do. Integers must agree in every bit, floats within 1e-5 of the sum of magnitudes.
 * --bench: GMAC/s of typical layers beside the measured peak of the core. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"
#include "checkkern.h"
#include "kernel/peak.h"
#include "kernel/step.h"
#include "op/op.h"

enum { MAX_GUARDS = 32 };

static struct {
  void *base;
  size_t size;
} guards[MAX_GUARDS];
static int n_guard;

void *ck_alloc(size_t n) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (n + page - 1) / page * page + page;
  if (n_guard == MAX_GUARDS) abort();
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED || mprotect(p + size - page, page, PROT_NONE) != 0) abort();
  guards[n_guard].base = p;
  guards[n_guard++].size = size;
  return p + size - page - n;
}

static void free_all(void) {
  while (n_guard > 0) {
    n_guard--;
    munmap(guards[n_guard].base, guards[n_guard].size);
  }
}

void ck_fill(eao_tensor *t, eao_rng *rng, double range) {
  int64_t n = eao_tensor_count(t);
  t->data = ck_alloc((size_t)eao_dtype_bytes(t->dtype, n));
  for (int64_t i = 0; i < n; i++) {
    if (eao_dtype_is_float(t->dtype))
      eao_set_f64(t, i, (eao_rng_f64(rng) * 2 - 1) * range);
    else if (range > 0)
      eao_set_i64(t, i, (int64_t)eao_rng_below(rng, (uint64_t)(2 * range + 1)) - (int64_t)range);
    else
      eao_set_i64(t, i, (int64_t)eao_rng_next(rng));
  }
}

static double seconds(void) {
  return (double)eao_clock_ns() * 1e-9;
}

/* The call as a compiled step makes it: constants taken out, the packed blob in their place. */
typedef struct step {
  const eao_tensor *in[EAO_SAMPLE_MAX];
  eao_tensor blob;
  eao_kcall c;
} step;

static void make_step(const eao_kernel_info *k, const eao_kcall *plain, uint32_t parts, step *s) {
  memset(s, 0, sizeof *s);
  s->c = *plain;
  s->c.in = s->in;
  memcpy(s->in, plain->in, plain->n_in * sizeof *plain->in);
  if (k->pack) {
    size_t n = k->pack(plain, NULL);
    s->blob = (eao_tensor){.dtype = EAO_U8, .rank = 1, .dim = {(int64_t)n}};
    s->blob.data = ck_alloc((n + 63) / 64 * 64);
    k->pack(plain, s->blob.data);
    bool placed = false;
    for (uint32_t i = 0; n && i < plain->n_in; i++) {
      if (!plain->in[i] || plain->in[i] == plain->in[0]) continue;
      s->in[i] = placed ? NULL : &s->blob;
      placed = true;
    }
  }
  if (k->scratch) {
    size_t n = k->scratch(&s->c, parts);
    s->c.scratch = ck_alloc((n + 63) / 64 * 64);
  }
}

static eao_status run(const eao_kernel_info *k, step *s, uint32_t parts) {
  const eao_kernel *fn = eao_kernel_get(k->id);
  s->c.n_part = parts;
  for (s->c.part = 0; s->c.part < parts; s->c.part++) {
    eao_status e = fn->run(&s->c);
    if (e != EAO_OK) return e;
  }
  return EAO_OK;
}

static bool same(const eao_tensor *a, const eao_tensor *b, const ck_case *cs, double *worst) {
  int64_t n = eao_tensor_count(a);
  *worst = 0;
  if (!eao_dtype_is_float(a->dtype))
    return memcmp(a->data, b->data, (size_t)eao_dtype_bytes(a->dtype, n)) == 0;
  for (int64_t i = 0; i < n; i++) {
    double want = eao_get_f64(a, i), got = eao_get_f64(b, i);
    double unit = cs->relative ? fmax(fabs(want), 1e-5) : cs->magnitude;
    double d = want == got ? 0 : fabs(want - got) / unit; /* infinities may be equal too */
    if (!(d <= *worst)) *worst = d;
  }
  return *worst <= 1e-5;
}

static int check(const eao_kernel_info *k, const ck_case *cs) {
  const eao_op_desc *d = eao_op_get(k->op);
  eao_tensor want = cs->out, got = cs->out;
  size_t bytes = (size_t)eao_dtype_bytes(want.dtype, eao_tensor_count(&want));
  want.data = ck_alloc(bytes);
  got.data = ck_alloc(bytes);
  eao_tensor *out = &want;
  const eao_tensor *in[EAO_SAMPLE_MAX];
  for (uint32_t i = 0; i < cs->n_in; i++) in[i] = cs->in[i].dtype ? &cs->in[i] : NULL;
  eao_kcall plain = {.in = in, .out = &out, .n_in = cs->n_in, .n_out = 1, .attr = cs->attr};
  if (!k->match(&plain)) return 0;
  void *scratch = d->ref_scratch ? malloc(d->ref_scratch(&plain) + 1) : NULL;
  plain.scratch = scratch;
  if (d->ref(&plain) != EAO_OK) {
    printf("%s: the reference kernel refuses: %s\n", k->name, plain.error);
    free(scratch);
    return -1;
  }
  plain.scratch = NULL;
  free(scratch);
  eao_tensor *gp = &got;
  plain.out = &gp;
  static const uint32_t parts[] = {1, 2, 3};
  for (size_t p = 0; p < ((k->flags & EAO_KFLAG_SPLIT) ? EAO_COUNT(parts) : 1); p++) {
    step s;
    double worst;
    memset(got.data, 0xA5, bytes);
    make_step(k, &plain, parts[p], &s);
    eao_status e = run(k, &s, parts[p]);
    if (e != EAO_OK || !same(&want, &got, cs, &worst)) {
      printf("%s: wrong (%s), %u shares, error %.3g, case %s\n", k->name, eao_status_name(e),
             parts[p], e == EAO_OK ? worst : (double)NAN, cs->text);
      return -1;
    }
  }
  return 1;
}

static void bench(const eao_kernel_info *k, const ck_case *cs, double peak) {
  eao_tensor got = cs->out;
  eao_tensor *out = &got;
  const eao_tensor *in[EAO_SAMPLE_MAX];
  got.data = ck_alloc((size_t)eao_dtype_bytes(got.dtype, eao_tensor_count(&got)));
  for (uint32_t i = 0; i < cs->n_in; i++) in[i] = cs->in[i].dtype ? &cs->in[i] : NULL;
  eao_kcall plain = {.in = in, .out = &out, .n_in = cs->n_in, .n_out = 1, .attr = cs->attr};
  if (!k->match(&plain)) return;
  step s;
  make_step(k, &plain, 1, &s);
  run(k, &s, 1);
  double best = INFINITY, end = seconds() + 0.3;
  do {
    double t0 = seconds();
    run(k, &s, 1);
    double t = seconds() - t0;
    if (t < best) best = t;
  } while (seconds() < end);
  double speed = (double)cs->macs / best * 1e-9;
  printf("%-28s %-44s %8.1f us %8.1f GMAC/s %5.1f %% of peak\n", k->name, cs->text, best * 1e6,
         speed, speed / peak * 100);
}

static double peak_of(eao_peak_fn fn) {
  volatile float sink;
  double best = 0;
  for (int i = 0; i < 20; i++) {
    double t0 = seconds();
    uint64_t macs = fn(2000000, &sink);
    double speed = (double)macs / (seconds() - t0) * 1e-9;
    if (speed > best) best = speed;
  }
  return best;
}

int main(int argc, char **argv) {
  const char *filter = "";
  bool benching = false;
  long cases = 60, seed = 1;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--bench") == 0)
      benching = true;
    else if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc)
      filter = argv[++i];
    else if (strcmp(argv[i], "--cases") == 0 && i + 1 < argc)
      cases = atol(argv[++i]);
    else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
      seed = atol(argv[++i]);
    else {
      fprintf(stderr, "usage: checkkern [--bench] [--filter TEXT] [--cases N] [--seed N]\n");
      return 2;
    }
  }
  uint32_t n, cpu = eao_cpu_flags();
  const eao_kernel_info *list = eao_kernel_infos(&n);
  int passed = 0, failed = 0, skipped = 0;
  double peak_f32 = benching ? peak_of(eao_peak_f32(cpu)) : 0;
  double peak_i8 = benching ? peak_of(eao_peak_i8(cpu)) : 0;
  if (benching) printf("peak of one core: %.1f GMAC/s f32, %.1f int8\n", peak_f32, peak_i8);
  for (uint32_t i = 0; i < n; i++) {
    const eao_kernel_info *k = &list[i];
    if (!k->match || !strstr(k->name, filter)) continue;
    if (!eao_kernel_get(k->id) || (k->cpu & ~cpu)) {
      skipped++;
      continue;
    }
    int taken = 0, bad = 0;
    for (uint32_t j = 0; benching ? bad == 0 : taken < cases && (long)j < cases * 40; j++) {
      ck_case cs;
      eao_rng rng = {(uint64_t)seed * 1000003 + j};
      if (!(benching ? ck_bench_case(k->op, j, &rng, &cs) : ck_random_case(k->op, j, &rng, &cs)))
        break;
      if (benching) {
        bench(k, &cs, cs.in[0].dtype == EAO_F32 ? peak_f32 : peak_i8);
      } else {
        int r = check(k, &cs);
        taken += r > 0;
        bad += r < 0;
      }
      free_all();
      if (bad) break;
    }
    if (benching) continue;
    if (!taken && !bad)
      printf("%-28s no case fits: add one to cases.c\n", k->name);
    else if (!bad)
      printf("%-28s %d cases\n", k->name, taken);
    if (taken && !bad)
      passed++;
    else
      failed++;
  }
  if (skipped) printf("%d kernels are for other processors\n", skipped);
  if (!benching) printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed != 0;
}
