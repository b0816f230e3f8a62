#include "cli/dataset_options.h"

#include <stdlib.h>
#include <string.h>

static int parse_three(eao_cli *c, const char *option, float out[3]) {
  const char *s = eao_cli_get(c, option, NULL);
  double v[3];
  char *end;
  int n = 0;
  if (!s) return 0;
  for (; n < 3; n++) {
    v[n] = strtod(s, &end);
    if (end == s) break;
    s = end;
    if (*s != ',') break;
    s++;
  }
  if (*s || (n != 0 && n != 2))
    return eao_cli_usage(c, "--%s: one number or three, separated by commas", option);
  for (int i = 0; i < 3; i++) out[i] = (float)v[n ? i : 0];
  return 0;
}

static int preprocess(eao_cli *c, eao_image_spec *s) {
  const char *pixels = eao_cli_get(c, "pixels", NULL), *resize = eao_cli_get(c, "resize", NULL);
  const char *fit = eao_cli_get(c, "fit", NULL), *layout = eao_cli_get(c, "layout", NULL);
  double crop = 0;
  if (pixels && strcmp(pixels, "stored") == 0)
    s->stored = true;
  else if (pixels && !eao_image_scaling(s, pixels))
    return eao_cli_usage(c, "--pixels: no kind '%s'", pixels);
  else if (pixels)
    s->stored = false;
  int code = parse_three(c, "mean", s->mean);
  if (!code) code = parse_three(c, "std", s->std);
  if (code) return code;
  for (int i = 0; i < 3 && (eao_cli_has(c, "mean") || eao_cli_has(c, "std")); i++)
    s->std[i] = s->std[i] != 0 ? s->std[i] : 1;
  if (resize && eao_resize_from_name(resize) < 0)
    return eao_cli_usage(c, "--resize: no kind '%s'", resize);
  if (resize) s->resize = (eao_resize)eao_resize_from_name(resize);
  if (fit && eao_fit_from_name(fit) < 0) return eao_cli_usage(c, "--fit: no kind '%s'", fit);
  if (fit) s->fit = (eao_fit)eao_fit_from_name(fit);
  if (layout && strcmp(layout, "nchw") != 0 && strcmp(layout, "nhwc") != 0)
    return eao_cli_usage(c, "--layout: nchw or nhwc, not '%s'", layout);
  if (layout) s->layout = strcmp(layout, "nchw") == 0 ? EAO_LAYOUT_NCHW : EAO_LAYOUT_NHWC;
  if (eao_cli_has(c, "bgr")) s->bgr = true;
  if (!eao_cli_number(c, "crop-fraction", 0.01, 1, &crop)) return EAO_EXIT_USAGE;
  if (crop > 0) {
    s->crop_fraction = (float)crop;
    if (s->fit != EAO_FIT_CENTRAL) s->fit = EAO_FIT_CROP;
  }
  return 0;
}

int eao_cli_dataset_open(eao_cli *c, eao_dataset **out) {
  eao_dataset_opts o = {.spec = eao_cli_get(c, "spec", NULL),
                        .split = eao_cli_get(c, "split", NULL)};
  const char *data = eao_cli_get(c, "data", NULL);
  int64_t offset = 0;
  if (!data) return eao_cli_usage(c, "--data is missing: a file or folder with the samples");
  if (!eao_cli_integer(c, "first", 0, INT64_MAX / 2, &o.first) ||
      !eao_cli_integer(c, "limit", 1, INT64_MAX / 2, &o.limit) ||
      !eao_cli_integer(c, "label-offset", -1000000, 1000000, &offset))
    return EAO_EXIT_USAGE;
  eao_status s = eao_dataset_open(c->ctx, data, &o, out);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  if (eao_cli_has(c, "label-offset")) eao_dataset_set_label_offset(*out, offset);
  return preprocess(c, eao_dataset_preprocess(*out));
}
