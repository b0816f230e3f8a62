/* Quantising a model. */
#include "api/api.h"
#include "compress/quant/ptq.h"

eao_status eao_quantize(eao_model *m, const eao_quantize_opts *opts, eao_model **out,
                        eao_quantize_report *out_report) {
  *out = NULL;
  eao_model *q = eao_alloc(m->ctx, sizeof *q);
  if (!q) return EAO_NOMEM(m->ctx);
  q->ctx = m->ctx;
  eao_status s = eao_ptq_run(m->g, opts, &q->g, out_report);
  if (s != EAO_OK) {
    eao_free(m->ctx, q);
    return s;
  }
  *out = q;
  return EAO_OK;
}
