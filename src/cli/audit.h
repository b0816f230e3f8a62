/* Audits from the command line: what audit and quantize share. */
#ifndef EAO_CLI_AUDIT_H
#define EAO_CLI_AUDIT_H

#include "cli/dataset_options.h"
#include "eao/audit.h"

/* Audits d for the model m, which came from path and stays as it is; a second copy is compiled to
 * run the trials. o: run is filled in; trial_samples 0: as many as take seconds. Exit code; 0 when
 * done.
 */
int eao_cli_audit(eao_cli *c, const char *path, eao_model *m, eao_dataset *d, eao_audit_opts *o,
                  eao_audit_report **out);
/* Findings of at least this level. */
void eao_cli_audit_print(const eao_cli *c, const eao_audit_report *r, eao_audit_level least);
json_t *eao_cli_audit_findings(const eao_audit_report *r);

#endif
