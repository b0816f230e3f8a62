/* What a TFLite file says about itself, kept as metadata of the graph:
 *   tflite.description          the model's description
 *   tflite.metadata.NAME        a metadata buffer; text as it is, else "base64:..."
 *   tflite.signature.KEY        lines "input NAME TENSOR", "output NAME TENSOR"
 *   tflite.file.NAME            a text file from the zip archive behind the flatbuffer (labels)
 *   labels                      that file when it is the only one that is named like labels
 * The exporter writes the same things back. */
#include <stdio.h>
#include <string.h>

#include "import/tflite/tflite.h"

static bool is_text(const uint8_t *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i] < 32 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t') return false;
  return true;
}

static void add_base64(eao_text *t, const uint8_t *p, size_t n) {
  static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < n; i += 3) {
    uint32_t v = (uint32_t)p[i] << 16;
    if (i + 1 < n) v |= (uint32_t)p[i + 1] << 8;
    if (i + 2 < n) v |= p[i + 2];
    char c[4] = {digit[v >> 18], digit[v >> 12 & 63], i + 1 < n ? digit[v >> 6 & 63] : '=',
                 i + 2 < n ? digit[v & 63] : '='};
    eao_text_add(t, c, 4);
  }
}

static eao_status add_meta(eao_tfl *m, const char *kind, eao_fvec name, const uint8_t *p,
                           size_t n) {
  eao_text key, text;
  eao_text_init(&key, m->ctx);
  eao_text_init(&text, m->ctx);
  eao_text_printf(&key, "tflite.%s", kind);
  eao_text_add(&key, name.n ? (const char *)name.p : "", name.n);
  bool plain = is_text(p, n);
  if (!plain) eao_text_add(&text, "base64:", 7);
  if (plain)
    eao_text_add(&text, n ? (const char *)p : "", n);
  else
    add_base64(&text, p, n);
  eao_status s = EAO_OK;
  if (key.failed || text.failed)
    s = EAO_NOMEM(m->ctx);
  else if (is_text(name.p, name.n))
    s = eao_graph_add_meta(m->g, key.p, text.p ? text.p : "");
  eao_text_deinit(&key);
  eao_text_deinit(&text);
  return s;
}

static eao_status read_metadata(eao_tfl *m) {
  eao_fvec list = eao_ftab_vec(&m->model, TFL_MODEL_METADATA, 4);
  for (uint32_t i = 0; i < list.n; i++) {
    eao_ftab md = eao_fvec_tab(&m->flat, list, i);
    eao_fvec name = eao_ftab_str(&md, TFL_METADATA_NAME), data;
    uint64_t buffer = eao_ftab_u32(&md, TFL_METADATA_BUFFER, 0);
    if (buffer >= m->buffers.n) continue; /* says nothing about how the model runs */
    EAO_TRY(eao_tfl_buffer(m, buffer, &data));
    /* Each entry costs what it holds: many that name one buffer must not multiply it. */
    if (data.n > m->flat.work)
      return eao_fail(m->ctx, EAO_ERR_FORMAT, "metadata names one buffer too often");
    m->flat.work -= data.n;
    EAO_TRY(add_meta(m, "metadata.", name, data.p, data.n));
  }
  return eao_flat_check(m->ctx, &m->flat);
}

static eao_status add_tensor_names(eao_tfl *m, eao_tfl_sub *s, const eao_ftab *def, uint32_t slot,
                                   const char *kind, eao_text *text) {
  eao_fvec maps = eao_ftab_vec(def, slot, 4);
  for (uint32_t i = 0; i < maps.n; i++) {
    eao_ftab map = eao_fvec_tab(&m->flat, maps, i), tab;
    eao_fvec name = eao_ftab_str(&map, TFL_TENSOR_MAP_NAME);
    uint64_t index = eao_ftab_u32(&map, TFL_TENSOR_MAP_TENSOR_INDEX, 0);
    if (index >= s->tensors.n) continue;
    EAO_TRY(eao_tfl_tensor(s, (int64_t)index, &tab));
    eao_fvec tensor = eao_ftab_str(&tab, TFL_TENSOR_NAME);
    if (!is_text(name.p, name.n) || !is_text(tensor.p, tensor.n)) continue;
    eao_text_printf(text, "%s ", kind);
    eao_text_add(text, name.n ? (const char *)name.p : "", name.n);
    eao_text_add(text, " ", 1);
    eao_text_add(text, tensor.n ? (const char *)tensor.p : "", tensor.n);
    eao_text_add(text, "\n", 1);
  }
  return eao_flat_check(m->ctx, &m->flat);
}

/* Keys of all signatures, in quotes. */
static void list_signatures(eao_tfl *m, eao_fvec list, char *out, size_t cap) {
  size_t at = 0;
  *out = 0;
  for (uint32_t i = 0; i < list.n && at + 80 < cap; i++) {
    eao_ftab def = eao_fvec_tab(&m->flat, list, i);
    eao_fvec key = eao_ftab_str(&def, TFL_SIGNATURE_DEF_SIGNATURE_KEY);
    int n = snprintf(out + at, cap - at, "%s'%.*s'", i ? ", " : "", key.n > 60 ? 60 : (int)key.n,
                     key.n ? (const char *)key.p : "");
    at += n > 0 ? (size_t)n : 0;
  }
}

eao_status eao_tfl_choose(eao_tfl *m, uint32_t *out) {
  const char *want = m->opts ? m->opts->signature : NULL;
  eao_fvec list = eao_ftab_vec(&m->model, TFL_MODEL_SIGNATURE_DEFS, 4);
  char names[400];
  bool others = false, found = false;
  *out = 0;
  for (uint32_t i = 0; i < list.n; i++) {
    eao_ftab def = eao_fvec_tab(&m->flat, list, i);
    eao_fvec key = eao_ftab_str(&def, TFL_SIGNATURE_DEF_SIGNATURE_KEY);
    uint64_t index = eao_ftab_u32(&def, TFL_SIGNATURE_DEF_SUBGRAPH_INDEX, 0);
    EAO_TRY(eao_flat_check(m->ctx, &m->flat));
    others = others || index != 0;
    if (found || !want || key.n != strlen(want) || memcmp(key.p, want, key.n) != 0) continue;
    if (index >= m->subgraphs.n)
      return eao_fail(m->ctx, EAO_ERR_FORMAT, "signature '%s': there is no subgraph %llu", want,
                      (unsigned long long)index);
    *out = (uint32_t)index;
    found = true;
  }
  list_signatures(m, list, names, sizeof names);
  if (want && !found && !list.n)
    return eao_fail(m->ctx, EAO_ERR_ARG, "signature '%s': the model has no signatures", want);
  if (want && !found)
    return eao_fail(m->ctx, EAO_ERR_ARG, "there is no signature '%s'; there are %s", want, names);
  if (!want && others)
    eao_warn(m->ctx,
             "the model has the signatures %s; the first subgraph is read, --signature "
             "reads another",
             names);
  return EAO_OK;
}

static eao_status read_signatures(eao_tfl *m) {
  eao_fvec list = eao_ftab_vec(&m->model, TFL_MODEL_SIGNATURE_DEFS, 4);
  for (uint32_t i = 0; i < list.n; i++) {
    eao_ftab def = eao_fvec_tab(&m->flat, list, i);
    eao_fvec key = eao_ftab_str(&def, TFL_SIGNATURE_DEF_SIGNATURE_KEY);
    if (eao_ftab_u32(&def, TFL_SIGNATURE_DEF_SUBGRAPH_INDEX, 0) != m->main) continue;
    eao_tfl_sub s = {.m = m};
    eao_ftab sub = eao_fvec_tab(&m->flat, m->subgraphs, m->main);
    s.tensors = eao_ftab_vec(&sub, TFL_SUB_GRAPH_TENSORS, 4);
    eao_text text;
    eao_text_init(&text, m->ctx);
    eao_status st = add_tensor_names(m, &s, &def, TFL_SIGNATURE_DEF_INPUTS, "input", &text);
    if (st == EAO_OK)
      st = add_tensor_names(m, &s, &def, TFL_SIGNATURE_DEF_OUTPUTS, "output", &text);
    if (st == EAO_OK && text.failed) st = EAO_NOMEM(m->ctx);
    if (st == EAO_OK) st = add_meta(m, "signature.", key, (const uint8_t *)text.p, text.len);
    eao_text_deinit(&text);
    EAO_TRY(st);
  }
  return eao_flat_check(m->ctx, &m->flat);
}

/* ---- associated files: a zip archive that ends where the file ends ---- */

static uint32_t u16(const uint8_t *p) {
  return (uint32_t)(p[0] | p[1] << 8);
}

/* Offset of the end-of-central-directory record; 0: there is no archive. */
static size_t find_zip(const uint8_t *p, size_t n) {
  enum { RECORD = 22, COMMENT = 65535 };
  if (n < RECORD) return 0;
  size_t lowest = n - RECORD > COMMENT ? n - RECORD - COMMENT : 0;
  for (size_t at = n - RECORD + 1; at-- > lowest;)
    if (memcmp(p + at, "PK\5\6", 4) == 0 && u16(p + at + 20) == n - at - RECORD) return at;
  return 0;
}

static bool looks_like_labels(eao_fvec name) {
  for (uint32_t i = 0; i + 5 <= name.n; i++)
    if (memcmp(name.p + i, "label", 5) == 0) return true;
  return false;
}

/* Offsets count from the start of the archive's own bytes: TFLite's tools write them relative to
 * the file, plain zip tools relative to the archive; `shift` is the difference. */
static eao_status read_files(eao_tfl *m) {
  enum { ENTRY = 46, LOCAL = 30 };
  const uint8_t *p = m->file;
  size_t end = find_zip(p, m->size), shift;
  if (!end) return EAO_OK;
  uint32_t n = u16(p + end + 10), dir_size = eao_load_u32(p + end + 12);
  uint32_t dir = eao_load_u32(p + end + 16), labels = 0;
  if (dir_size > end || dir > end - dir_size) return EAO_OK;
  shift = end - dir_size - dir;
  size_t at = end - dir_size;
  eao_fvec label = {NULL, 0};
  for (uint32_t i = 0; i < n && at + ENTRY <= end && memcmp(p + at, "PK\1\2", 4) == 0; i++) {
    uint32_t method = u16(p + at + 10), size = eao_load_u32(p + at + 24);
    uint64_t local = (uint64_t)eao_load_u32(p + at + 42) + shift;
    eao_fvec name = {p + at + ENTRY, u16(p + at + 28)};
    if (at + ENTRY + name.n > end) break;
    at += ENTRY + (size_t)name.n + u16(p + at + 30) + u16(p + at + 32);
    if (local + LOCAL > end || memcmp(p + local, "PK\3\4", 4) != 0) continue;
    uint64_t data = local + LOCAL + u16(p + local + 26) + u16(p + local + 28);
    if (method != 0) {
      eao_warn(m->ctx, "associated file '%.*s' is compressed and left out", (int)name.n,
               (const char *)name.p);
      continue;
    }
    if (data > end || size > end - data || size > m->flat.work) continue;
    m->flat.work -= size;
    EAO_TRY(add_meta(m, "file.", name, p + data, size));
    if (!looks_like_labels(name)) continue;
    label = (eao_fvec){p + data, size};
    labels++;
  }
  if (labels != 1 || !is_text(label.p, label.n)) return EAO_OK;
  char *text = eao_arena_strn(&m->g->arena, (const char *)label.p, label.n);
  return text ? eao_graph_add_meta(m->g, "labels", text) : EAO_NOMEM(m->ctx);
}

eao_status eao_tfl_meta(eao_tfl *m) {
  eao_fvec text = eao_ftab_str(&m->model, TFL_MODEL_DESCRIPTION);
  EAO_TRY(eao_flat_check(m->ctx, &m->flat));
  if (text.n) EAO_TRY(add_meta(m, "description", (eao_fvec){NULL, 0}, text.p, text.n));
  EAO_TRY(read_metadata(m));
  EAO_TRY(read_signatures(m));
  return read_files(m);
}
