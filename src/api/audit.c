/* Auditing data against a model. */
#include "api/api.h"
#include "compress/audit/run.h"

eao_status eao_audit(eao_model *m, eao_dataset *d, const eao_audit_opts *opts,
                     eao_audit_report **out) {
  return eao_audit_run(m->ctx, m->g, d, opts, out);
}
