/* Models to files. */
#include <string.h>
#include <strings.h>

#include "api/api.h"

eao_status eao_model_save(eao_model *m, const char *path) {
  return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED,
                  "cannot write '%s': this version writes no model format yet", path);
}
