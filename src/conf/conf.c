#include "conf/conf.h"

#include <libfyaml.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 20 };

struct eao_conf {
  eao_ctx *ctx;
  struct fy_document *doc;
  char *text; /* the document points into it */
  char name[256];
};

static struct fy_node *raw(const eao_conf_node *n) {
  return (struct fy_node *)(uintptr_t)n;
}

typedef struct first_error {
  char text[256];
} first_error;

static void collect(struct fy_diag *diag, void *user, const char *buf, size_t len) {
  (void)diag;
  first_error *e = user;
  if (e->text[0]) return;
  const char *place = len && buf[0] == '<' ? memchr(buf, '>', len) : NULL; /* "<memory-@0x..>:" */
  if (place) {
    len -= (size_t)(place - buf) + 1;
    buf = place + 1;
    if (len && *buf == ':') {
      buf++;
      len--;
    }
  }
  while (len && (buf[len - 1] == '\n' || buf[len - 1] == ' ')) len--;
  snprintf(e->text, sizeof e->text, "%.*s", (int)(len < 200 ? len : 200), buf);
}

static struct fy_document *build(const char *text, size_t len, first_error *error) {
  struct fy_diag_cfg dcfg;
  fy_diag_cfg_default(&dcfg);
  dcfg.fp = NULL;
  dcfg.output_fn = collect;
  dcfg.user = error;
  dcfg.colorize = false;
  dcfg.level = FYET_ERROR;
  struct fy_diag *diag = fy_diag_create(&dcfg);
  if (!diag) return NULL;
  /* libfyaml's own search for keys given twice takes minutes on a file full of keys. */
  struct fy_parse_cfg cfg = {.flags = FYPCF_ALLOW_DUPLICATE_KEYS, .diag = diag};
  struct fy_document *doc = fy_document_build_from_string(&cfg, text, len);
  fy_diag_destroy(diag);
  return doc;
}

/* What YAML may hold but no configuration needs, and libfyaml 0.7 does not come back from in all
 * cases: directives, and bytes that are no UTF-8. */
static const char *unreadable(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    int more = c < 0x80 ? 0 : c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
    if (!c) return "holds a NUL byte";
    if (c == '%' && (i == 0 || text[i - 1] == '\n' || text[i - 1] == '\r'))
      return "has a line that starts with %: directives are not read";
    if ((c >= 0x80 && c < 0xC2) || c > 0xF4 || (size_t)more >= len - i) return "is not UTF-8";
    for (; more > 0; more--)
      if (((unsigned char)text[++i] & 0xC0) != 0x80) return "is not UTF-8";
  }
  return NULL;
}

eao_status eao_conf_parse(eao_ctx *ctx, const char *name, const char *text, size_t len,
                          eao_conf **out) {
  if (len > MAX_BYTES)
    return eao_fail(ctx, EAO_ERR_FORMAT, "%s: larger than %d bytes", name, MAX_BYTES);
  const char *why = unreadable(text, len);
  if (why) return eao_fail(ctx, EAO_ERR_FORMAT, "%s: %s", name, why);
  eao_conf *c = eao_alloc(ctx, sizeof *c);
  if (!c) return EAO_NOMEM(ctx);
  c->ctx = ctx;
  snprintf(c->name, sizeof c->name, "%s", name);
  if (!(c->text = eao_alloc(ctx, len + 1))) {
    eao_free(ctx, c);
    return EAO_NOMEM(ctx);
  }
  memcpy(c->text, text, len);
  first_error error = {{0}};
  c->doc = build(c->text, len, &error);
  if (!c->doc) {
    eao_conf_destroy(c);
    return eao_fail(ctx, EAO_ERR_FORMAT, "%s: not YAML: %s", name,
                    error.text[0] ? error.text : "cannot be read");
  }
  *out = c;
  return EAO_OK;
}

eao_status eao_conf_load(eao_ctx *ctx, const char *path, eao_conf **out) {
  eao_file f;
  EAO_TRY(eao_file_map(ctx, path, &f));
  eao_status s = eao_conf_parse(ctx, path, f.data ? (const char *)f.data : "", f.size, out);
  eao_file_unmap(ctx, &f);
  return s;
}

void eao_conf_destroy(eao_conf *c) {
  if (!c) return;
  fy_document_destroy(c->doc);
  eao_free(c->ctx, c->text);
  eao_free(c->ctx, c);
}

const eao_conf_node *eao_conf_root(const eao_conf *c) {
  return (const eao_conf_node *)fy_document_root(c->doc);
}

const eao_conf_node *eao_conf_get(const eao_conf_node *n, const char *key) {
  if (!n || !fy_node_is_mapping(raw(n))) return NULL;
  return (const eao_conf_node *)fy_node_mapping_lookup_by_string(raw(n), key, FY_NT);
}

uint32_t eao_conf_count(const eao_conf_node *n) {
  if (!n) return 0;
  int k = fy_node_is_mapping(raw(n))    ? fy_node_mapping_item_count(raw(n))
          : fy_node_is_sequence(raw(n)) ? fy_node_sequence_item_count(raw(n))
                                        : 0;
  return k > 0 ? (uint32_t)k : 0;
}

const eao_conf_node *eao_conf_at(const eao_conf_node *n, uint32_t i, const char **out_key) {
  if (out_key) *out_key = NULL;
  if (i >= eao_conf_count(n)) return NULL;
  if (fy_node_is_sequence(raw(n)))
    return (const eao_conf_node *)fy_node_sequence_get_by_index(raw(n), (int)i);
  struct fy_node_pair *pair = fy_node_mapping_get_by_index(raw(n), (int)i);
  if (!pair) return NULL;
  struct fy_node *key = fy_node_pair_key(pair);
  if (out_key) *out_key = key ? fy_node_get_scalar0(key) : NULL;
  return (const eao_conf_node *)fy_node_pair_value(pair);
}

const eao_conf_node *eao_conf_next(const eao_conf_node *n, void **state, const char **out_key) {
  if (out_key) *out_key = NULL;
  if (!n) return NULL;
  if (fy_node_is_sequence(raw(n)))
    return (const eao_conf_node *)fy_node_sequence_iterate(raw(n), state);
  if (!fy_node_is_mapping(raw(n))) return NULL;
  struct fy_node_pair *pair = fy_node_mapping_iterate(raw(n), state);
  if (!pair) return NULL;
  struct fy_node *key = fy_node_pair_key(pair);
  if (out_key) *out_key = key ? fy_node_get_scalar0(key) : NULL;
  return (const eao_conf_node *)fy_node_pair_value(pair);
}

const char *eao_conf_scalar(const eao_conf_node *n) {
  return n && fy_node_is_scalar(raw(n)) ? fy_node_get_scalar0(raw(n)) : NULL;
}

eao_status eao_conf_fail(eao_conf *c, const eao_conf_node *n, const char *fmt, ...) {
  char text[512];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  struct fy_token *t = n && fy_node_is_scalar(raw(n)) ? fy_node_get_scalar_token(raw(n)) : NULL;
  const struct fy_mark *m = t ? fy_token_start_mark(t) : NULL;
  if (m) return eao_fail(c->ctx, EAO_ERR_FORMAT, "%s:%d: %s", c->name, m->line + 1, text);
  return eao_fail(c->ctx, EAO_ERR_FORMAT, "%s: %s", c->name, text);
}

eao_status eao_conf_text(eao_conf *c, const eao_conf_node *n, const char *key, const char **out) {
  const eao_conf_node *v = eao_conf_get(n, key);
  if (!v) return EAO_OK;
  const char *s = eao_conf_scalar(v);
  if (!s) return eao_conf_fail(c, v, "'%s' must be a text", key);
  *out = s;
  return EAO_OK;
}

eao_status eao_conf_number(eao_conf *c, const eao_conf_node *n, const char *key, double min,
                           double max, double *out) {
  const eao_conf_node *v = eao_conf_get(n, key);
  if (!v) return EAO_OK;
  const char *s = eao_conf_scalar(v);
  char *end = NULL;
  double x = s ? strtod(s, &end) : 0;
  if (!s || end == s || *end) return eao_conf_fail(c, v, "'%s' must be a number", key);
  if (!(x >= min && x <= max))
    return eao_conf_fail(c, v, "'%s' is %g, outside %g to %g", key, x, min, max);
  *out = x;
  return EAO_OK;
}

eao_status eao_conf_integer(eao_conf *c, const eao_conf_node *n, const char *key, int64_t min,
                            int64_t max, int64_t *out) {
  const eao_conf_node *v = eao_conf_get(n, key);
  double x = 0;
  EAO_TRY(eao_conf_number(c, n, key, (double)min, (double)max, &x));
  if (!v) return EAO_OK;
  if (x != floor(x) || fabs(x) > 0x1p53)
    return eao_conf_fail(c, v, "'%s' must be a whole number", key);
  *out = (int64_t)x;
  return EAO_OK;
}

eao_status eao_conf_bool(eao_conf *c, const eao_conf_node *n, const char *key, bool *out) {
  const char *s = NULL;
  EAO_TRY(eao_conf_text(c, n, key, &s));
  if (!s) return EAO_OK;
  if (strcmp(s, "true") == 0 || strcmp(s, "yes") == 0)
    *out = true;
  else if (strcmp(s, "false") == 0 || strcmp(s, "no") == 0)
    *out = false;
  else
    return eao_conf_fail(c, eao_conf_get(n, key), "'%s' must be true or false", key);
  return EAO_OK;
}

static uint32_t find(const char *const *known, const char *key) {
  uint32_t k = 0;
  while (known[k] && (!key || strcmp(key, known[k]) != 0)) k++;
  return k;
}

eao_status eao_conf_only(eao_conf *c, const eao_conf_node *n, const char *const *known) {
  uint64_t seen = 0;
  void *state = NULL;
  struct fy_node_pair *pair;
  if (!n) return EAO_OK;
  if (!fy_node_is_mapping(raw(n))) {
    const char *s = eao_conf_scalar(n);
    bool empty = s && (!*s || strcmp(s, "null") == 0 || strcmp(s, "~") == 0);
    return empty ? EAO_OK : eao_conf_fail(c, n, "must be keys with values ('%s: ...')", known[0]);
  }
  while ((pair = fy_node_mapping_iterate(raw(n), &state))) {
    struct fy_node *key = fy_node_pair_key(pair);
    const char *text = key ? fy_node_get_scalar0(key) : NULL;
    const eao_conf_node *at = (const eao_conf_node *)key;
    uint32_t k = find(known, text);
    if (!known[k]) return eao_conf_fail(c, at, "unknown key '%.80s'", text ? text : "");
    if (seen >> k & 1) return eao_conf_fail(c, at, "'%s' is given twice", text);
    seen |= (uint64_t)1 << k;
  }
  return EAO_OK;
}
