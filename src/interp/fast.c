#include "interp/fast.h"

#include <string.h>

#include "kernel/step.h"
#include "op/op.h"

enum { ALIGN = 64, IO_MAX = 16 };

typedef struct fast_node {
  const eao_kernel *kernel; /* NULL: none */
  void *blob;               /* packed constants; NULL: none */
  eao_tensor packed;
  uint32_t place; /* input that the blob stands for */
} fast_node;

struct eao_fast {
  eao_ctx *ctx;
  eao_graph *g;
  fast_node *node;
};

static void *aligned(void *p) {
  return p ? (char *)p + (ALIGN - (uintptr_t)p % ALIGN) % ALIGN : NULL;
}

static bool is_static(const eao_tensor *t) {
  if (t->rank < 0) return false;
  for (int32_t i = 0; i < t->rank; i++)
    if (t->dim[i] < 1) return false;
  return true;
}

/* The op's plain call; false: not one that fast kernels are for. */
static bool plain_call(eao_graph *g, const eao_node *n, const eao_tensor **in, eao_tensor *out,
                       eao_tensor **out_ptr, eao_kcall *c) {
  if (n->n_in < 1 || n->n_in > IO_MAX || n->n_out != 1 || n->out[0] == EAO_NONE) return false;
  for (uint32_t i = 0; i < n->n_in; i++) {
    in[i] = n->in[i] == EAO_NONE ? NULL : &g->value[n->in[i]].t;
    if (in[i] && !is_static(in[i])) return false;
  }
  *out = g->value[n->out[0]].t;
  *out_ptr = out;
  *c = (eao_kcall){.in = in, .out = out_ptr, .n_in = n->n_in, .n_out = 1, .attr = n->attr};
  return is_static(out);
}

static eao_status pack(eao_fast *f, const eao_node *n, const eao_kernel_info *k, const eao_kcall *c,
                       fast_node *to) {
  size_t bytes = k->pack ? k->pack(c, NULL) : 0;
  if (!bytes) return EAO_OK;
  to->blob = eao_alloc(f->ctx, bytes + ALIGN);
  if (!to->blob) return EAO_NOMEM(f->ctx);
  to->packed = (eao_tensor){.dtype = EAO_U8, .rank = 1, .dim = {(int64_t)bytes}};
  to->packed.data = aligned(to->blob);
  k->pack(c, to->packed.data);
  while (to->place < n->n_in && !(c->in[to->place] && c->in[to->place]->data)) to->place++;
  return EAO_OK;
}

static eao_status prepare(eao_fast *f, eao_nid id) {
  const eao_node *n = &f->g->node[id];
  const eao_tensor *in[IO_MAX];
  eao_tensor out, *out_ptr;
  eao_kcall c;
  if (!n->op || !plain_call(f->g, n, in, &out, &out_ptr, &c)) return EAO_OK;
  const eao_kernel_info *k = eao_kernel_choose(n->op, &c, eao_cpu_isa(), eao_cpu_flags());
  if (!k) return EAO_OK;
  EAO_TRY(pack(f, n, k, &c, &f->node[id]));
  f->node[id].kernel = eao_kernel_get(k->id);
  return EAO_OK;
}

eao_status eao_fast_create(eao_graph *g, eao_fast **out) {
  *out = NULL;
  eao_fast *f = eao_alloc(g->ctx, sizeof *f);
  if (!f) return EAO_NOMEM(g->ctx);
  f->ctx = g->ctx;
  f->g = g;
  f->node = eao_alloc(g->ctx, (g->n_node + 1u) * sizeof *f->node);
  eao_status s = f->node ? EAO_OK : EAO_NOMEM(g->ctx);
  for (eao_nid n = 0; s == EAO_OK && n < g->n_node; n++) s = prepare(f, n);
  if (s != EAO_OK) {
    eao_fast_destroy(f);
    return s;
  }
  *out = f;
  return EAO_OK;
}

void eao_fast_destroy(eao_fast *f) {
  if (!f) return;
  for (eao_nid n = 0; f->node && n < f->g->n_node; n++) eao_free(f->ctx, f->node[n].blob);
  eao_free(f->ctx, f->node);
  eao_free(f->ctx, f);
}

bool eao_fast_has(const eao_fast *f, eao_nid n) {
  return f->node[n].kernel != NULL;
}

eao_status eao_fast_run(const eao_fast *f, eao_ctx *ctx, eao_nid id, const eao_tensor *const *in,
                        eao_tensor *out) {
  const eao_node *n = &f->g->node[id];
  const fast_node *k = &f->node[id];
  const eao_tensor *arg[IO_MAX];
  for (uint32_t i = 0; i < n->n_in; i++) {
    bool packed = k->blob && in[i] && f->g->value[n->in[i]].t.data;
    arg[i] = !packed ? in[i] : i == k->place ? &k->packed : NULL;
  }
  eao_kcall c = {.in = arg, .out = &out, .n_in = n->n_in, .n_out = 1, .attr = n->attr};
  uint64_t bytes;
  EAO_TRY(eao_tensor_nbytes(ctx, out, &bytes));
  size_t need = k->kernel->scratch ? k->kernel->scratch(&c, 1) : 0;
  void *scratch = need ? eao_realloc(ctx, NULL, need + ALIGN) : NULL;
  out->data = eao_realloc(ctx, NULL, (size_t)bytes); /* a kernel writes all of it */
  c.scratch = aligned(scratch);
  eao_status s = out->data && (scratch || !need) ? k->kernel->run(&c) : EAO_NOMEM(ctx);
  eao_free(ctx, scratch);
  if (s == EAO_OK) return s;
  eao_free(ctx, out->data);
  out->data = NULL;
  return c.error ? eao_fail(ctx, s, "%s", c.error) : s;
}
