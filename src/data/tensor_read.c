#include <string.h>

#include "data/data.h"
#include "import/import.h"

eao_status eao_tensor_read(eao_ctx *ctx, const char *path, eao_tensor *out) {
  eao_file f;
  memset(out, 0, sizeof *out);
  EAO_TRY(eao_file_map(ctx, path, &f));
  bool is_npy = f.size >= 6 && memcmp(f.data, "\x93NUMPY", 6) == 0;
  eao_status s = is_npy ? eao_npy_parse(ctx, path, f.data, f.size, out) : EAO_OK;
  eao_file_unmap(ctx, &f);
  return is_npy ? s : eao_import_onnx_tensor(ctx, path, out);
}
