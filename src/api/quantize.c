/* Quantising a model. */
#include <string.h>

#include "api/api.h"
#include "compress/quant/ptq.h"

static const char *const schemes[EAO_QUANT_COUNT] = {"int8", "fp16", "int8-weights", "mixed"};

const char *eao_quant_scheme_name(eao_quant_scheme s) {
  return (unsigned)s < EAO_QUANT_COUNT ? schemes[s] : "";
}

bool eao_quant_scheme_find(const char *name, eao_quant_scheme *out) {
  for (unsigned i = 0; i < EAO_QUANT_COUNT; i++)
    if (strcmp(name, schemes[i]) == 0) {
      *out = (eao_quant_scheme)i;
      return true;
    }
  return false;
}

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
