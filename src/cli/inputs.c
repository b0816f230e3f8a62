/* Models and their inputs from the command line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/cli.h"

/* ---- --shape ---- */

/* "3,224,224" into dims; a trailing comma is allowed. Number of entries, -1 when malformed. */
static int parse_dims(const char *s, int64_t *dim) {
  int n = 0;
  while (*s) {
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    if (end == s || errno || v < 0 || n == EAO_MAX_RANK) return -1;
    dim[n++] = v;
    if (*end && *end != ',') return -1;
    s = *end ? end + 1 : end;
  }
  return n;
}

static int parse_shape(eao_cli *c, const char *text, char *name, size_t cap, eao_shape_bind *b) {
  const char *eq = strrchr(text, '=');
  size_t len = eq ? (size_t)(eq - text) : 0;
  memset(b, 0, sizeof *b);
  int n = eq ? parse_dims(eq + 1, b->dim) : -1;
  if (!len || len >= cap || n < 1)
    return eao_cli_usage(c, "--shape: '%s' is not NAME=N or NAME=N,N,...", text);
  memcpy(name, text, len);
  name[len] = 0;
  b->name = name;
  b->rank = n == 1 && !strchr(eq, ',') ? -1 : n;
  return 0;
}

/* Names that --shape may bind: of inputs and of their symbolic dimensions. */
static size_t bindable(const eao_model *m, const char **out, size_t cap) {
  size_t n = 0;
  for (uint32_t i = 0; i < eao_model_input_count(m); i++) {
    eao_value_info v = eao_model_input(m, i);
    if (n < cap) out[n++] = v.name;
    for (int32_t k = 0; v.dim_name && k < v.type.rank; k++)
      if (v.dim_name[k] && v.dim_name[k][0] && n < cap) out[n++] = v.dim_name[k];
  }
  return n;
}

/* A name that binds nothing is a mistake that would otherwise go unnoticed. */
static int check_binds(eao_cli *c, const eao_model *m, const eao_load_opts *o) {
  enum { KNOWN_MAX = 256 };
  const char *known[KNOWN_MAX];
  size_t n = bindable(m, known, KNOWN_MAX);
  for (uint32_t b = 0; b < o->n_bind; b++) {
    const char *name = o->bind[b].name;
    size_t i = 0;
    while (i < n && strcmp(known[i], name) != 0) i++;
    if (i < n || n == KNOWN_MAX) c->shapes_used |= (uint64_t)1 << b;
    if (c->more_models || (c->shapes_used >> b & 1)) continue;
    const char *near = eao_cli_nearest(name, known, n);
    if (near)
      return eao_cli_usage(c, "--shape: no input or dimension '%s'; did you mean '%s'?", name,
                           near);
    return eao_cli_usage(c, "--shape: no input or dimension '%s'; 'eao inspect' lists them", name);
  }
  return 0;
}

int eao_cli_load(eao_cli *c, const char *path, eao_cli_dims dims, eao_model **out) {
  enum { NAME_MAX_BYTES = 256 };
  static char name[EAO_CLI_BINDS_MAX][NAME_MAX_BYTES];
  eao_load_opts o = {.bind = c->bind,
                     .keep_dynamic = dims == EAO_CLI_DIMS_KEEP,
                     .signature = eao_cli_get(c, "signature", NULL)};
  const char *text;
  *out = NULL;
  for (int k = 0; (text = eao_cli_nth(c, "shape", k)); k++) {
    if (k == EAO_CLI_BINDS_MAX)
      return eao_cli_usage(c, "more than %d times --shape", EAO_CLI_BINDS_MAX);
    int bad = parse_shape(c, text, name[k], sizeof name[k], &c->bind[k]);
    if (bad) return bad;
    o.n_bind++;
  }
  c->n_bind = o.n_bind;
  c->hold_warnings = true;
  c->held[0] = 0;
  eao_status s = eao_model_load(c->ctx, path, &o, out);
  if (s == EAO_ERR_SHAPE && dims == EAO_CLI_DIMS_TRY_ONE) {
    o.keep_dynamic = true;
    c->held[0] = 0;
    s = eao_model_load(c->ctx, path, &o, out);
  }
  c->hold_warnings = false;
  fputs(c->held, stderr);
  if (s != EAO_OK) return eao_cli_fail_input(c, s);
  int bad = check_binds(c, *out, &o);
  if (c->more_models) c->more_models--;
  if (bad) {
    eao_model_destroy(*out);
    *out = NULL;
  }
  return bad;
}

/* ---- --input ---- */

typedef struct input_spec {
  eao_image_spec image;
  uint64_t seed;
} input_spec;

static bool parse_floats(const char *s, float out[3]) {
  int n = 0;
  while (n < 3) {
    char *end;
    out[n] = strtof(s, &end);
    if (end == s) return false;
    n++;
    if (!*end) break;
    if (*end != ',') return false;
    s = end + 1;
  }
  for (int i = n; i < 3; i++) out[i] = out[0];
  return n == 1 || n == 3;
}

static int parse_spec(eao_cli *c, input_spec *spec) {
  memset(spec, 0, sizeof *spec);
  eao_image_spec *im = &spec->image;
  const char *pixels = eao_cli_get(c, "pixels", NULL), *layout = eao_cli_get(c, "layout", NULL),
             *mean = eao_cli_get(c, "mean", NULL), *std = eao_cli_get(c, "std", NULL);
  int64_t seed = 0;
  if (!eao_cli_integer(c, "seed", 0, INT64_MAX, &seed)) return EAO_EXIT_USAGE;
  spec->seed = (uint64_t)seed;
  im->stored = !pixels && !mean && !std;
  if (!eao_image_scaling(im, pixels ? pixels : mean || std ? "raw" : "unit"))
    return eao_cli_usage(c, "--pixels: '%s' is none of unit, signed, raw, imagenet", pixels);
  if ((mean && !parse_floats(mean, im->mean)) || (std && !parse_floats(std, im->std)))
    return eao_cli_usage(c, "--mean and --std take one or three numbers: 127.5 or 123,116,103");
  if (std && (im->std[0] == 0 || im->std[1] == 0 || im->std[2] == 0))
    return eao_cli_usage(c, "--std must not be 0");
  int resize = eao_resize_from_name(eao_cli_get(c, "resize", "bilinear")),
      fit = eao_fit_from_name(eao_cli_get(c, "fit", "stretch"));
  if (resize < 0)
    return eao_cli_usage(c, "--resize: not one of bilinear, nearest, antialias, area, bicubic");
  if (fit < 0) return eao_cli_usage(c, "--fit: not one of stretch, crop, pad");
  im->resize = (eao_resize)resize;
  im->fit = (eao_fit)fit;
  im->bgr = eao_cli_has(c, "bgr");
  if (layout && strcmp(layout, "nchw") != 0 && strcmp(layout, "nhwc") != 0)
    return eao_cli_usage(c, "--layout: neither nchw nor nhwc");
  if (layout) im->layout = strcmp(layout, "nchw") == 0 ? EAO_LAYOUT_NCHW : EAO_LAYOUT_NHWC;
  return 0;
}

static bool ends_with(const char *s, const char *const *ends, size_t n) {
  size_t len = strlen(s);
  for (size_t i = 0; i < n; i++) {
    size_t k = strlen(ends[i]);
    if (len > k && strcasecmp(s + len - k, ends[i]) == 0) return true;
  }
  return false;
}

/* Generated data needs extents: unknown ones become 1. */
static eao_tensor closed(const eao_tensor *type) {
  eao_tensor t = *type;
  for (int32_t i = 0; i < t.rank; i++)
    if (t.dim[i] < 0) t.dim[i] = 1;
  if (t.rank < 0) t.rank = 0;
  return t;
}

static eao_status constant(eao_cli *c, const eao_tensor *type, double v, eao_tensor *out) {
  eao_tensor t = closed(type), one;
  if (v == 0) {
    eao_status s = eao_tensor_create(c->ctx, t.dtype, t.rank, t.dim, out);
    out->quant = t.quant;
    return s;
  }
  /* All ones through a random range of width zero would not do: [1, 1] is what it says. */
  eao_status s = eao_tensor_random(c->ctx, &t, 0, v, v, &one);
  *out = one;
  return s;
}

static eao_status from_npz(eao_cli *c, const char *path, const char *name, eao_tensor *out) {
  eao_npz *z;
  eao_status s = eao_npz_open(c->ctx, path, &z);
  if (s != EAO_OK) return s;
  uint32_t n = eao_npz_count(z), pick = 0;
  for (uint32_t i = 0; i < n; i++)
    if (strcmp(eao_npz_name(z, i), name) == 0) pick = i;
  s = eao_npz_read(z, pick, out);
  eao_npz_close(z);
  return s;
}

/* Files hold what they hold: only the types that .npy lacks are converted on the way. */
static eao_status to_declared(eao_cli *c, const eao_tensor *type, eao_tensor *t) {
  eao_dtype want = type->dtype;
  bool widened = (want == EAO_BF16 && t->dtype == EAO_F32) ||
                 (want == EAO_I4 && t->dtype == EAO_I8) || (want == EAO_U4 && t->dtype == EAO_U8);
  if (!widened) return EAO_OK;
  eao_tensor narrow;
  eao_status s = eao_tensor_cast(c->ctx, t, want, NULL, &narrow);
  eao_tensor_destroy(c->ctx, t);
  *t = narrow;
  return s;
}

static eao_status read_source(eao_cli *c, const eao_value_info *v, uint32_t i, const char *source,
                              const input_spec *spec, eao_tensor *out) {
  static const char *const images[] = {".png", ".jpg", ".jpeg", ".bmp"};
  static const char *const sounds[] = {".wav", ".flac", ".ogg", ".aiff"};
  static const char *const archives[] = {".npz"};
  eao_tensor raw, type = closed(&v->type);
  eao_status s;
  double lo = 0, hi = 0;
  if (strcmp(source, "zeros") == 0) return constant(c, &v->type, 0, out);
  if (strcmp(source, "ones") == 0) return constant(c, &v->type, 1, out);
  if (strcmp(source, "random") == 0 || sscanf(source, "random:%lf,%lf", &lo, &hi) == 2)
    return eao_tensor_random(c->ctx, &type, spec->seed + i, lo, hi, out);
  if (ends_with(source, images, EAO_CLI_COUNT(images))) {
    s = eao_image_read(c->ctx, source, 0, &raw);
    if (s != EAO_OK) return s;
    s = eao_image_to_input(c->ctx, &raw, &v->type, &spec->image, out);
    eao_tensor_destroy(c->ctx, &raw);
    return s;
  }
  if (ends_with(source, sounds, EAO_CLI_COUNT(sounds))) {
    int32_t rate;
    s = eao_audio_read(c->ctx, source, &raw, &rate);
    if (s != EAO_OK) return s;
    if (!c->json) fprintf(stderr, "%s: %d Hz, used as it is\n", source, (int)rate);
    s = eao_audio_to_input(c->ctx, &raw, &v->type, out);
    eao_tensor_destroy(c->ctx, &raw);
    return s;
  }
  s = ends_with(source, archives, 1) ? from_npz(c, source, v->name, out)
                                     : eao_tensor_read(c->ctx, source, out);
  return s == EAO_OK ? to_declared(c, &v->type, out) : s;
}

/* The input that "name=source" or "source" means. An input's name may contain '='. */
static int find_input(eao_cli *c, const eao_model *m, const char *text, uint32_t *out_i,
                      const char **out_source) {
  uint32_t n = eao_model_input_count(m);
  for (uint32_t i = 0; i < n; i++) {
    const char *name = eao_model_input(m, i).name;
    size_t len = strlen(name);
    if (strncmp(text, name, len) == 0 && text[len] == '=') {
      *out_i = i;
      *out_source = text + len + 1;
      return 0;
    }
  }
  if (n == 1 && !strchr(text, '=')) {
    *out_i = 0;
    *out_source = text;
    return 0;
  }
  char list[512];
  size_t k = 0;
  list[0] = 0;
  for (uint32_t i = 0; i < n && k < sizeof list; i++)
    k += (size_t)snprintf(list + k, sizeof list - k, "%s%s", i ? ", " : "",
                          eao_model_input(m, i).name);
  return eao_cli_usage(c, "--input: '%s' names no input; the model has: %s", text, list);
}

int eao_cli_inputs_make(eao_cli *c, eao_model *m, eao_cli_inputs *out) {
  input_spec spec;
  const char *text;
  memset(out, 0, sizeof *out);
  int code = parse_spec(c, &spec);
  if (code) return code;
  out->n = eao_model_input_count(m);
  out->t = calloc(out->n + 1, sizeof *out->t);
  out->source = calloc(out->n + 1, sizeof *out->source);
  if (!out->t || !out->source) return eao_cli_fail(c, EAO_ERR_NOMEM);
  for (int k = 0; !code && (text = eao_cli_nth(c, "input", k)); k++) {
    uint32_t i = 0;
    const char *source = NULL;
    code = find_input(c, m, text, &i, &source);
    if (!code && out->source[i]) code = eao_cli_usage(c, "--input: '%s' comes twice", text);
    if (!code) out->source[i] = source;
  }
  for (uint32_t i = 0; !code && i < out->n; i++) {
    eao_value_info v = eao_model_input(m, i);
    if (!out->source[i]) out->source[i] = "random";
    eao_status s = read_source(c, &v, i, out->source[i], &spec, &out->t[i]);
    if (s != EAO_OK) code = eao_cli_fail_input(c, s);
  }
  if (code) eao_cli_inputs_free(c, out);
  return code;
}

void eao_cli_inputs_free(eao_cli *c, eao_cli_inputs *in) {
  for (uint32_t i = 0; in->t && i < in->n; i++) eao_tensor_destroy(c->ctx, &in->t[i]);
  free(in->t);
  free(in->source);
  memset(in, 0, sizeof *in);
}
