/* Common subexpressions: same op, attributes and inputs. Found through a hash table of nodes. */
#include <string.h>

#include "pass/pass.h"

static uint64_t mix(uint64_t h, const void *p, size_t n) {
  const uint8_t *b = p; /* FNV-1a */
  for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 1099511628211u;
  return h;
}

static uint64_t hash(const eao_node *n, size_t attr_size) {
  uint64_t h = mix(14695981039346656037u, &n->op, sizeof n->op);
  h = mix(h, n->in, n->n_in * sizeof *n->in);
  return n->attr ? mix(h, n->attr, attr_size) : h;
}

static bool same_quant(const eao_quant *a, const eao_quant *b) {
  size_t n = (size_t)a->n;
  if (a->n != b->n) return false;
  if (n == 0) return true;
  return a->axis == b->axis && !memcmp(a->scale, b->scale, n * sizeof *a->scale) &&
         !a->zero == !b->zero && (!a->zero || !memcmp(a->zero, b->zero, n * sizeof *a->zero));
}

static bool equal(const eao_graph *g, const eao_node *a, const eao_node *b, size_t attr_size) {
  if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out) return false;
  if (memcmp(a->in, b->in, a->n_in * sizeof *a->in) != 0) return false;
  if (attr_size && memcmp(a->attr, b->attr, attr_size) != 0) return false;
  for (uint32_t i = 0; i < a->n_out; i++) {
    if ((a->out[i] == EAO_NONE) != (b->out[i] == EAO_NONE)) return false;
    if (a->out[i] == EAO_NONE) continue;
    const eao_tensor *x = &g->value[a->out[i]].t, *y = &g->value[b->out[i]].t;
    if (x->dtype != y->dtype || !same_quant(&x->quant, &y->quant)) return false;
  }
  return true;
}

static void merge(eao_rewrite *r, eao_node *n, const eao_node *keep) {
  for (uint32_t i = 0; i < n->n_out; i++) /* all or nothing */
    if (n->out[i] != EAO_NONE && eao_rewrite_is_output(r->g, n->out[i])) return;
  for (uint32_t i = 0; i < n->n_out; i++)
    if (n->out[i] != EAO_NONE) eao_rewrite_replace(r, n->out[i], keep->out[i]);
  eao_rewrite_remove(r, n);
}

eao_status eao_pass_merge_equal(eao_rewrite *r) {
  eao_graph *g = r->g;
  size_t cap = 16;
  while (cap < 2 * (size_t)g->n_node) cap *= 2;
  uint32_t *table = eao_alloc(r->ctx, cap * sizeof *table); /* node + 1 */
  if (!table) return EAO_NOMEM(r->ctx);
  for (eao_nid i = 0; i < g->n_node; i++) {
    eao_node *n = &g->node[i];
    const eao_op_desc *d = n->op ? eao_op_get(n->op) : NULL;
    if (!d || (d->traits & (EAO_TRAIT_RANDOM | EAO_TRAIT_CONTROL))) continue;
    size_t at = (size_t)hash(n, d->attr_size) & (cap - 1);
    while (table[at] && !equal(g, &g->node[table[at] - 1], n, d->attr_size))
      at = (at + 1) & (cap - 1);
    if (table[at])
      merge(r, n, &g->node[table[at] - 1]);
    else
      table[at] = i + 1;
  }
  eao_free(r->ctx, table);
  return EAO_OK;
}
