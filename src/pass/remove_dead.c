/* From the end backward, so that one walk removes whole chains. */
#include "pass/pass.h"

eao_status eao_pass_remove_dead(eao_rewrite *r) {
  eao_graph *g = r->g;
  for (eao_nid i = g->n_node; i-- > 0;) {
    eao_node *n = &g->node[i];
    bool used = false;
    for (uint32_t k = 0; n->op && k < n->n_out; k++)
      if (n->out[k] != EAO_NONE && r->uses[n->out[k]] > 0) used = true;
    if (n->op && !used) eao_rewrite_remove(r, n);
  }
  return EAO_OK;
}
