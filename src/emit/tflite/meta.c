/* Metadata of the graph back into the file: the inverse of import/tflite/meta.c. Keys that did not
 * come from a TFLite file are kept under metadata names that start with "eao:". */
#include <string.h>

#include "emit/tflite/tflite.h"

static const char *after(const char *key, const char *prefix) {
  size_t n = strlen(prefix);
  return strncmp(key, prefix, n) == 0 ? key + n : NULL;
}

static int digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Bytes of a metadata text: as they are, or decoded from base64. */
static void add_bytes(eao_text *out, const char *text) {
  const char *p = after(text, "base64:");
  if (!p) {
    eao_text_add(out, text, strlen(text));
    return;
  }
  uint32_t v = 0, n = 0;
  for (; digit(*p) >= 0; p++) {
    v = v << 6 | (uint32_t)digit(*p);
    if (++n % 4 == 1) continue;
    char c = (char)(v >> (8 - 2 * (n % 4 ? n % 4 : 4)));
    eao_text_add(out, &c, 1);
  }
}

static eao_status add_metadata(eao_tfw *w, const char *name, const char *text, eao_fref *out) {
  eao_text bytes;
  uint32_t buffer;
  eao_text_init(&bytes, w->ctx);
  add_bytes(&bytes, text);
  eao_status st = bytes.failed ? EAO_NOMEM(w->ctx) : eao_tfw_buffer(w, bytes.p, bytes.len, &buffer);
  if (st == EAO_OK) w->buffer_data[buffer] = NULL; /* its address is about to be free */
  eao_text_deinit(&bytes);
  EAO_TRY(st);
  eao_fbuild_ref(&w->b, TFL_METADATA_NAME, eao_fbuild_str(&w->b, name, strlen(name)));
  eao_fbuild_int(&w->b, TFL_METADATA_BUFFER, 4, buffer);
  *out = eao_fbuild_table(&w->b);
  return w->b.status;
}

/* ---- signatures ---- */

static int32_t find_tensor(const eao_tfw_sub *s, const char *name, size_t n) {
  for (eao_vid v = 0; v < s->g->n_value; v++)
    if (s->tensor_of[v] >= 0 && strlen(s->g->value[v].name) == n &&
        memcmp(s->g->value[v].name, name, n) == 0)
      return s->tensor_of[v];
  return -1;
}

static eao_fref tensor_map(eao_tfw *w, const char *name, size_t n, int32_t tensor) {
  eao_fbuild_ref(&w->b, TFL_TENSOR_MAP_NAME, eao_fbuild_str(&w->b, name, n));
  eao_fbuild_int(&w->b, TFL_TENSOR_MAP_TENSOR_INDEX, 4, tensor);
  return eao_fbuild_table(&w->b);
}

enum { MAPS = 64 };

/* Lines "input NAME TENSOR" and "output NAME TENSOR". */
static eao_fref signature(eao_tfw *w, const eao_tfw_sub *s, const char *key, const char *text) {
  eao_fref in[MAPS], out[MAPS];
  uint32_t n_in = 0, n_out = 0;
  while (*text) {
    const char *end = strchr(text, '\n');
    size_t len = end ? (size_t)(end - text) : strlen(text);
    bool input = strncmp(text, "input ", 6) == 0;
    const char *name = text + (input ? 6 : 7), *space = memchr(name, ' ', len);
    text += len + (end != NULL);
    if (!space || space >= name + len || n_in == MAPS || n_out == MAPS) continue;
    size_t rest = len - (size_t)(space + 1 - (name - (input ? 6 : 7)));
    int32_t tensor = find_tensor(s, space + 1, rest);
    if (tensor < 0) continue;
    eao_fref map = tensor_map(w, name, (size_t)(space - name), tensor);
    if (input)
      in[n_in++] = map;
    else
      out[n_out++] = map;
  }
  eao_fref ins = eao_fbuild_refs(&w->b, in, n_in), outs = eao_fbuild_refs(&w->b, out, n_out);
  eao_fref text_ref = eao_fbuild_str(&w->b, key, strlen(key));
  eao_fbuild_ref(&w->b, TFL_SIGNATURE_DEF_INPUTS, ins);
  eao_fbuild_ref(&w->b, TFL_SIGNATURE_DEF_OUTPUTS, outs);
  eao_fbuild_ref(&w->b, TFL_SIGNATURE_DEF_SIGNATURE_KEY, text_ref);
  return eao_fbuild_table(&w->b);
}

/* A model that comes from ONNX gets the usual signature, all inputs and outputs by their names:
 * LiteRT's signature runners and tools built on them want one. TFLite files keep what they had. */
static eao_fref default_signature(eao_tfw *w, const eao_tfw_sub *s) {
  const eao_graph *g = s->g;
  eao_text t;
  bool from_onnx = false;
  for (uint32_t i = 0; i < g->n_meta; i++) from_onnx = from_onnx || after(g->meta[i].key, "onnx.");
  if (!from_onnx) return 0;
  eao_text_init(&t, w->ctx);
  for (uint32_t i = 0; i < g->n_input + g->n_output; i++) {
    bool in = i < g->n_input;
    const char *name = g->value[in ? g->input[i] : g->output[i - g->n_input]].name;
    if (strpbrk(name, " \n")) continue; /* the notation has no way to write it */
    eao_text_printf(&t, "%s %s %s\n", in ? "input" : "output", name, name);
  }
  eao_fref r = t.failed || !t.p ? 0 : signature(w, s, "serving_default", t.p);
  if (t.failed) w->b.status = EAO_NOMEM(w->ctx);
  eao_text_deinit(&t);
  return r;
}

eao_status eao_tfw_meta(eao_tfw *w, eao_tfw_sub *s, eao_fref *out_metadata,
                        eao_fref *out_signatures, eao_fref *out_description) {
  const eao_graph *g = s->g;
  eao_fref *list = eao_alloc(w->ctx, (2 * (size_t)g->n_meta + 1) * sizeof *list), *sign;
  uint32_t n = 0, n_sign = 0;
  eao_status st = EAO_OK;
  *out_metadata = *out_signatures = *out_description = 0;
  if (!list) return EAO_NOMEM(w->ctx);
  sign = list + g->n_meta;
  for (uint32_t i = 0; st == EAO_OK && i < g->n_meta; i++) {
    const char *key = g->meta[i].key, *text = g->meta[i].text, *rest;
    char name[256] = "eao:";
    if (strcmp(key, "tflite.description") == 0)
      *out_description = eao_fbuild_str(&w->b, text, strlen(text));
    else if ((rest = after(key, "tflite.metadata.")))
      st = add_metadata(w, rest, text, &list[n++]);
    else if ((rest = after(key, "tflite.signature.")))
      sign[n_sign++] = signature(w, s, rest, text);
    else if (!after(key, "tflite.") && strcmp(key, "labels") != 0)
      st = add_metadata(w, strncat(name, key, sizeof name - 5), text, &list[n++]);
  }
  if (st == EAO_OK && !n_sign && (sign[0] = default_signature(w, s))) n_sign = 1;
  if (n) *out_metadata = eao_fbuild_refs(&w->b, list, n);
  if (n_sign) *out_signatures = eao_fbuild_refs(&w->b, sign, n_sign);
  eao_free(w->ctx, list);
  return st == EAO_OK ? w->b.status : st;
}

/* ---- associated files: a zip archive, nothing compressed ---- */

static uint32_t crc32(const char *p, size_t n) {
  uint32_t c = 0xFFFFFFFFu;
  for (size_t i = 0; i < n; i++) {
    c ^= (uint8_t)p[i];
    for (int k = 0; k < 8; k++) c = c >> 1 ^ (0xEDB88320u & (0u - (c & 1)));
  }
  return ~c;
}

static void le(eao_text *t, uint64_t v, int bytes) {
  for (int i = 0; i < bytes; i++) {
    char c = (char)(v >> (8 * i));
    eao_text_add(t, &c, 1);
  }
}

/* What local and central headers share, from "version needed" to the name's length. */
static void entry(eao_text *t, uint32_t crc, size_t size, size_t name) {
  le(t, 20, 2);         /* version needed */
  le(t, 0, 4);          /* flags, method 0: stored */
  le(t, 0x00210000, 4); /* 1 January 1980: the same file every time */
  le(t, crc, 4);
  le(t, size, 4);
  le(t, size, 4);
  le(t, name, 2);
  le(t, 0, 2); /* extra field */
}

eao_status eao_tfw_files(eao_ctx *ctx, const eao_graph *g, eao_text *file) {
  eao_text dir, bytes;
  size_t start;
  uint32_t n = 0;
  eao_text_init(&dir, ctx);
  for (uint32_t i = 0; i < g->n_meta; i++) {
    const char *name = after(g->meta[i].key, "tflite.file.");
    if (!name) continue;
    eao_text_init(&bytes, ctx);
    add_bytes(&bytes, g->meta[i].text);
    uint32_t crc = crc32(bytes.p ? bytes.p : "", bytes.len);
    size_t at = file->len, len = strlen(name);
    eao_text_add(file, "PK\3\4", 4);
    entry(file, crc, bytes.len, len);
    eao_text_add(file, name, len);
    eao_text_add(file, bytes.p ? bytes.p : "", bytes.len);
    eao_text_add(&dir, "PK\1\2", 4);
    le(&dir, 20, 2); /* version made by */
    entry(&dir, crc, bytes.len, len);
    le(&dir, 0, 6); /* comment, disk, internal attributes */
    le(&dir, 0, 4); /* external attributes */
    le(&dir, at, 4);
    eao_text_add(&dir, name, len);
    if (bytes.failed) file->failed = true;
    eao_text_deinit(&bytes);
    n++;
  }
  start = file->len;
  if (n) {
    eao_text_add(file, dir.p, dir.len);
    eao_text_add(file, "PK\5\6", 4);
    le(file, 0, 4);
    le(file, n, 2);
    le(file, n, 2);
    le(file, dir.len, 4);
    le(file, start, 4);
    le(file, 0, 2);
  }
  if (dir.failed) file->failed = true;
  eao_text_deinit(&dir);
  return EAO_OK;
}
