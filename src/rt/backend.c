/* Steps that something else than libeao's kernels runs. */
#include <string.h>

#include "rt/model.h"

/* Tensors of a step in the session's tables; band buffers have no place for whole tensors. */
static eao_step_view view_of(const eao_session *s, uint32_t i) {
  const eao_pkg_step *st = &eao_rt_steps(s->m)[i];
  const uint8_t *attrs = eao_rt_section(s->m, EAO_PKG_ATTRS);
  return (eao_step_view){.index = i,
                         .name = eao_rt_string(s->m, st->name),
                         .op = st->op,
                         .attr = st->attr_bytes ? attrs + st->attr : NULL,
                         .attr_bytes = st->attr_bytes,
                         .n_in = st->n_in,
                         .n_out = st->n_out,
                         .in = (const eao_tensor *const *)&s->ptr[st->refs],
                         .out = (const eao_tensor *const *)&s->ptr[st->refs + st->n_in],
                         .packed = s->kernel[i]->flags & EAO_KFLAG_PACK ? 1 : 0};
}

eao_status eao_session_set_backend(eao_session *s, const eao_backend *b) {
  const eao_pkg_entry *e = eao_rt_section(s->m, EAO_PKG_PROGRAM);
  memset(s->claim, 0, (size_t)eao_rt_count(s->m, EAO_PKG_STEPS) * sizeof *s->claim);
  s->backend = b;
  for (uint32_t i = 0; b && i < eao_rt_count(s->m, EAO_PKG_PROGRAM); i++) {
    if (e[i].stage) continue; /* a stage's tensors never exist whole */
    eao_step_view v = view_of(s, e[i].index);
    eao_rt_claim *c = &s->claim[e[i].index];
    if (!b->supports(b->user, &v)) continue;
    eao_status status = b->prepare ? b->prepare(b->user, &v, &c->state) : EAO_OK;
    if (status == EAO_OK)
      c->claimed = true;
    else if (status != EAO_ERR_UNSUPPORTED) {
      s->backend = NULL;
      return status;
    }
  }
  return EAO_OK;
}

static uint64_t tensor_bytes(const eao_session *s, uint32_t ref) {
  return eao_rt_tensors(s->m)[ref].place == EAO_PKG_ARENA ? eao_rt_tensors(s->m)[ref].bytes : 0;
}

/* Whether `ref` is an input or output of a step (outputs: from 1 on) that the backend does not run.
 */
static bool used_elsewhere(const eao_session *s, uint32_t ref, bool as_output, uint32_t but) {
  for (uint32_t i = 0; i < eao_rt_count(s->m, EAO_PKG_STEPS); i++) {
    const eao_pkg_step *st = &eao_rt_steps(s->m)[i];
    uint32_t from = as_output ? st->n_in : 0, to = as_output ? st->n_in + st->n_out : st->n_in;
    if (i == but || s->claim[i].claimed) continue;
    for (uint32_t k = from; k < to; k++)
      if (eao_rt_refs(s->m)[st->refs + k] == ref) return true;
  }
  eao_pkg_section sec = as_output ? EAO_PKG_INPUTS : EAO_PKG_OUTPUTS;
  const eao_pkg_io *io = eao_rt_section(s->m, sec);
  for (uint32_t i = 0; i < eao_rt_count(s->m, sec); i++)
    if (io[i].tensor == ref) return true;
  return false;
}

eao_status eao_session_coverage(const eao_session *s, uint32_t step, eao_step_coverage *out) {
  *out = (eao_step_coverage){.backend = NULL};
  if (step >= eao_rt_count(s->m, EAO_PKG_STEPS)) return EAO_ERR_ARG;
  const eao_pkg_step *st = &eao_rt_steps(s->m)[step];
  if (!s->backend || !s->claim[step].claimed) return EAO_OK;
  out->backend = s->backend->name;
  for (uint32_t k = 0; k < (uint32_t)st->n_in + st->n_out; k++) {
    uint32_t ref = eao_rt_refs(s->m)[st->refs + k];
    bool input = k < st->n_in;
    if (ref == EAO_PKG_NONE || !used_elsewhere(s, ref, input, step)) continue;
    *(input ? &out->bytes_in : &out->bytes_out) += tensor_bytes(s, ref);
  }
  return EAO_OK;
}
