/* Fuzz target: any bytes as an image (PNG, JPEG, BMP), fitted to inputs of models. */
#include "eao/data.h"
#include "fuzz.h"

static void fit(eao_ctx *ctx, const eao_tensor *image, const eao_tensor *type, unsigned pick) {
  eao_image_spec spec = {.resize = (eao_resize)(pick % 16), .fit = (eao_fit)(pick / 16 % 4)};
  eao_tensor out = {0};
  spec.crop_fraction = pick & 64 ? 0.875f : 0;
  eao_image_scaling(&spec, pick & 128 ? "imagenet" : "unit");
  fuzz_ok(ctx, eao_image_to_input(ctx, image, type, &spec, &out));
  eao_tensor_destroy(ctx, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const eao_tensor types[] = {{.dtype = EAO_F32, .rank = 4, .dim = {1, 3, 7, 9}},
                                     {.dtype = EAO_I8, .rank = 4, .dim = {1, 8, 5, 1}},
                                     {.dtype = EAO_U8, .rank = 3, .dim = {-1, 6, 3}}};
  eao_ctx *ctx = fuzz_begin();
  unsigned pick = size ? data[size - 1] : 0;
  for (unsigned k = 0; k < EAO_COUNT(types); k++) {
    eao_tensor image = {0};
    int32_t channels = k == 0 ? 0 : k == 1 ? 1 : 3;
    if (!fuzz_ok(ctx, eao_image_parse(ctx, "x", data, size, channels, &image))) break;
    fit(ctx, &image, &types[k], pick);
    eao_tensor_destroy(ctx, &image);
  }
  fuzz_end(ctx);
  return 0;
}
