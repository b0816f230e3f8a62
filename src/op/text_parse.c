#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "op/text.h"

typedef struct parser {
  eao_ctx *ctx;
  const char *p, *end, *start;
  uint32_t depth;
} parser;

static eao_status parse_graph(parser *p, eao_graph *parent, eao_graph **out);

static eao_status bad(parser *p, const char *what) {
  int line = 1, column = 1;
  for (const char *c = p->start; c < p->p; c++) {
    column = *c == '\n' ? 1 : column + 1;
    line += *c == '\n';
  }
  return eao_fail(p->ctx, EAO_ERR_FORMAT, "line %d, column %d: expected %s", line, column, what);
}

static void space(parser *p) {
  while (p->p < p->end && (*p->p == ' ' || *p->p == '\n' || *p->p == '\t' || *p->p == '\r')) p->p++;
}

static bool peek(parser *p, const char *token) {
  space(p);
  size_t n = strlen(token);
  return (size_t)(p->end - p->p) >= n && memcmp(p->p, token, n) == 0;
}

static bool take(parser *p, const char *token) {
  if (!peek(p, token)) return false;
  p->p += strlen(token);
  return true;
}

static eao_status need(parser *p, const char *token) {
  return take(p, token) ? EAO_OK : bad(p, token);
}

static bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (c >= 'A' && c <= 'Z');
}

/* A word of at most cap - 1 characters. */
static eao_status word(parser *p, char *out, size_t cap) {
  space(p);
  size_t n = 0;
  while (p->p < p->end && is_word(*p->p) && n + 1 < cap) out[n++] = *p->p++;
  out[n] = 0;
  return n ? EAO_OK : bad(p, "a word");
}

static eao_status integer(parser *p, int64_t *out) {
  space(p);
  bool negative = p->p < p->end && *p->p == '-';
  if (negative) p->p++;
  uint64_t v = 0, limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
  const char *first = p->p;
  for (; p->p < p->end && *p->p >= '0' && *p->p <= '9'; p->p++) {
    uint64_t digit = (uint64_t)(*p->p - '0');
    if (v > (limit - digit) / 10) return bad(p, "an integer that fits 64 bits");
    v = v * 10 + digit;
  }
  if (p->p == first) return bad(p, "an integer");
  *out = negative ? (int64_t)(0 - v) : (int64_t)v;
  return EAO_OK;
}

static eao_status integer32(parser *p, int32_t *out) {
  int64_t v;
  EAO_TRY(integer(p, &v));
  if (v < INT32_MIN || v > INT32_MAX) return bad(p, "an integer that fits 32 bits");
  *out = (int32_t)v;
  return EAO_OK;
}

static eao_status real(parser *p, float *out) {
  char text[64], *stop;
  size_t n = 0;
  space(p);
  while (p->p < p->end && (is_word(*p->p) || strchr("+-.", *p->p)) && *p->p && n + 1 < sizeof text)
    text[n++] = *p->p++;
  text[n] = 0;
  double v = strtod(text, &stop);
  if (n == 0 || *stop) return bad(p, "a number");
  *out = (float)v;
  return EAO_OK;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

static int hex_byte(parser *p) {
  if (p->end - p->p < 2) return -1;
  int hi = hex_digit(p->p[0]), lo = hex_digit(p->p[1]);
  if (hi < 0 || lo < 0) return -1;
  p->p += 2;
  return hi * 16 + lo;
}

static eao_status quoted(parser *p, eao_arena *a, const char **out) {
  EAO_TRY(need(p, "\""));
  const char *close = p->p;
  while (close < p->end && *close != '"') close += *close == '\\' && close + 1 < p->end ? 2 : 1;
  if (close >= p->end) return bad(p, "a closing quote");
  char *s = eao_arena_alloc(a, (size_t)(close - p->p) + 1);
  if (!s) return EAO_NOMEM(p->ctx);
  *out = s;
  while (p->p < close) {
    char c = *p->p++;
    if (c != '\\') {
      *s++ = c;
      continue;
    }
    c = *p->p++;
    int byte = c;
    if (c == 'x' && (byte = hex_byte(p)) <= 0) return bad(p, "two hexadecimal digits after \\x");
    *s++ = (char)byte;
  }
  *s = 0;
  p->p = close + 1;
  return EAO_OK;
}

static eao_status extents(parser *p, eao_arena *a, eao_tensor *t, const char *const **out_names) {
  const char *name[EAO_MAX_RANK] = {0};
  bool named = false;
  EAO_TRY(need(p, "["));
  *out_names = NULL;
  if (take(p, "*")) {
    t->rank = -1;
    return need(p, "]");
  }
  while (!peek(p, "]")) {
    if (t->rank == EAO_MAX_RANK) return bad(p, "at most 8 dimensions");
    if (t->rank > 0) EAO_TRY(need(p, ","));
    int64_t *d = &t->dim[t->rank];
    if (take(p, "?")) {
      *d = -1;
      if (peek(p, "\"")) {
        EAO_TRY(quoted(p, a, &name[t->rank]));
        named = true;
      }
    } else {
      EAO_TRY(integer(p, d));
      if (*d < 0) return bad(p, "an extent that is not negative");
    }
    t->rank++;
  }
  if (named && !(*out_names = eao_arena_dup(a, name, (size_t)t->rank * sizeof *name)))
    return EAO_NOMEM(p->ctx);
  return need(p, "]");
}

static eao_status quant(parser *p, eao_arena *a, eao_quant *q) {
  EAO_TRY(integer32(p, &q->axis));
  EAO_TRY(need(p, ";"));
  /* Count first: each scale but the first stands behind a comma. */
  int32_t n = 1;
  const char *c = p->p;
  for (; c < p->end && *c != ';' && *c != ')'; c++) n += *c == ',';
  float *scale = eao_arena_array(a, (uint64_t)n, sizeof *scale);
  int32_t *zero = eao_arena_array(a, (uint64_t)n, sizeof *zero);
  if (!scale || !zero) return EAO_NOMEM(p->ctx);
  for (int32_t i = 0; i < n; i++) {
    if (i) EAO_TRY(need(p, ","));
    EAO_TRY(real(p, &scale[i]));
  }
  q->n = n;
  q->scale = scale;
  if (take(p, ";")) {
    for (int32_t i = 0; i < n; i++) {
      if (i) EAO_TRY(need(p, ","));
      EAO_TRY(integer32(p, &zero[i]));
    }
    q->zero = zero;
  }
  return need(p, ")");
}

/* Data in hexadecimal, exactly as much as the type needs. */
static eao_status bytes(parser *p, eao_arena *a, const eao_tensor *t, const void **out) {
  uint64_t n;
  EAO_TRY(eao_tensor_nbytes(p->ctx, t, &n));
  space(p);
  if (n == 0) {
    EAO_TRY(need(p, "_"));
    *out = eao_arena_alloc(a, 1);
    return *out ? EAO_OK : EAO_NOMEM(p->ctx);
  }
  if (n > (uint64_t)(p->end - p->p) / 2) return bad(p, "as many bytes as the type needs");
  uint8_t *b = eao_arena_alloc(a, (size_t)n);
  if (!b) return EAO_NOMEM(p->ctx);
  *out = b;
  for (uint64_t i = 0; i < n; i++) {
    int v = hex_byte(p);
    if (v < 0) return bad(p, "as many bytes as the type needs");
    b[i] = (uint8_t)v;
  }
  if (p->p < p->end && hex_digit(*p->p) >= 0) return bad(p, "no more bytes than the type needs");
  return EAO_OK;
}

static eao_status value(parser *p, eao_graph *g, bool is_const) {
  eao_arena *a = &g->root->arena;
  eao_tensor t = {0};
  const char *name, *const *dim_name;
  char dtype[16];
  int64_t id;
  EAO_TRY(need(p, "%"));
  EAO_TRY(integer(p, &id));
  if (id != g->n_value) return bad(p, "value numbers in order from 0");
  EAO_TRY(quoted(p, a, &name));
  EAO_TRY(word(p, dtype, sizeof dtype));
  t.dtype = eao_dtype_from_name(dtype);
  if (!t.dtype && strcmp(dtype, "none") != 0) return bad(p, "a dtype");
  EAO_TRY(extents(p, a, &t, &dim_name));
  if (take(p, "q(")) EAO_TRY(quant(p, a, &t.quant));
  if (is_const) {
    const void *d;
    EAO_TRY(need(p, "="));
    if (!t.dtype) return bad(p, "a constant with a dtype");
    EAO_TRY(bytes(p, a, &t, &d));
    t.data = (void *)(uintptr_t)d;
  }
  eao_vid v;
  EAO_TRY(eao_graph_add_value(g, name, &t, &v));
  g->value[v].dim_name = dim_name;
  return EAO_OK;
}

static eao_status ref(parser *p, const eao_graph *g, bool may_omit, eao_vid *out) {
  int64_t id;
  if (may_omit && take(p, "_")) {
    *out = EAO_NONE;
    return EAO_OK;
  }
  EAO_TRY(need(p, "%"));
  EAO_TRY(integer(p, &id));
  if (id < 0 || id >= g->n_value) return bad(p, "the number of a value above");
  *out = (eao_vid)id;
  return EAO_OK;
}

typedef struct vids {
  eao_vid *v;
  uint32_t n, cap;
} vids;

static eao_status refs(parser *p, const eao_graph *g, bool may_omit, vids *out) {
  out->n = 0;
  if (!peek(p, "%") && !(may_omit && peek(p, "_"))) return EAO_OK;
  do {
    EAO_TRY(eao_grow(p->ctx, (void **)&out->v, &out->cap, out->n + 1, sizeof *out->v));
    EAO_TRY(ref(p, g, may_omit, &out->v[out->n]));
    out->n++;
  } while (take(p, ","));
  return EAO_OK;
}

static eao_status attr_enum(parser *p, const eao_attr_desc *a, int32_t *out) {
  char text[48];
  EAO_TRY(word(p, text, sizeof text));
  for (int32_t i = 0; a->names[i]; i++) {
    if (strcmp(a->names[i], text) != 0) continue;
    *out = i;
    return EAO_OK;
  }
  return bad(p, "one of the attribute's names");
}

static eao_status attr_list(parser *p, const eao_attr_desc *a, char *at) {
  int32_t n = 0, choice;
  EAO_TRY(need(p, "["));
  for (; !peek(p, "]"); n++) {
    if (n == EAO_MAX_INTS) return bad(p, "at most 16 entries");
    if (n) EAO_TRY(need(p, ","));
    if (a->kind == EAO_ATTR_FLOATS) {
      EAO_TRY(real(p, &((eao_floats *)(void *)at)->v[n]));
    } else if (a->kind == EAO_ATTR_INTS) {
      EAO_TRY(integer(p, &((eao_ints *)(void *)at)->v[n]));
    } else {
      EAO_TRY(attr_enum(p, a, &choice));
      ((eao_ints *)(void *)at)->v[n] = choice;
    }
  }
  memcpy(at, &n, sizeof n);
  return need(p, "]");
}

static eao_status attr_value(parser *p, eao_graph *g, const eao_attr_desc *a, char *at) {
  int64_t i64 = 0;
  int32_t i32 = 0;
  float f;
  eao_graph *body;
  char name[16];
  switch (a->kind) {
  case EAO_ATTR_INT:
    EAO_TRY(integer(p, &i64));
    memcpy(at, &i64, sizeof i64);
    return EAO_OK;
  case EAO_ATTR_BOOL: EAO_TRY(integer32(p, &i32)); break;
  case EAO_ATTR_ENUM: EAO_TRY(attr_enum(p, a, &i32)); break;
  case EAO_ATTR_DTYPE:
    EAO_TRY(word(p, name, sizeof name));
    i32 = (int32_t)eao_dtype_from_name(name);
    break;
  case EAO_ATTR_FLOAT:
    EAO_TRY(real(p, &f));
    memcpy(at, &f, sizeof f);
    return EAO_OK;
  case EAO_ATTR_INTS:
  case EAO_ATTR_ENUMS:
  case EAO_ATTR_FLOATS: return attr_list(p, a, at);
  case EAO_ATTR_TEXT: {
    const char *text;
    EAO_TRY(quoted(p, &g->root->arena, &text));
    if (strlen(text) >= EAO_MAX_TEXT) return bad(p, "a text of at most 63 bytes");
    memcpy(at, text, strlen(text));
    return EAO_OK;
  }
  case EAO_ATTR_GRAPH:
    EAO_TRY(parse_graph(p, g, &body));
    memcpy(at, &body, sizeof body);
    return EAO_OK;
  }
  memcpy(at, &i32, sizeof i32);
  return EAO_OK;
}

static eao_status attrs(parser *p, eao_graph *g, const eao_op_desc *d, char *attr) {
  if (!take(p, "{")) return EAO_OK;
  do {
    char name[48];
    uint32_t i = 0;
    EAO_TRY(word(p, name, sizeof name));
    while (i < d->n_attrs && strcmp(d->attrs[i].name, name) != 0) i++;
    if (i == d->n_attrs) return bad(p, "an attribute of this op");
    EAO_TRY(need(p, "="));
    EAO_TRY(attr_value(p, g, &d->attrs[i], attr + d->attrs[i].offset));
  } while (take(p, ","));
  return need(p, "}");
}

static eao_status node(parser *p, eao_graph *g, const char *op_name) {
  uint16_t op = eao_op_from_name(op_name);
  const eao_op_desc *d = eao_op_get(op);
  if (!d) return bad(p, "the name of an op");
  vids in = {0}, out = {0};
  const char *name = "";
  char *attr = eao_alloc(p->ctx, d->attr_size);
  eao_status s = attr ? need(p, "(") : EAO_NOMEM(p->ctx);
  if (s == EAO_OK) s = refs(p, g, true, &in);
  if (s == EAO_OK) s = need(p, ")");
  if (s == EAO_OK) s = need(p, "->");
  if (s == EAO_OK) s = refs(p, g, true, &out);
  if (s == EAO_OK) {
    eao_op_attr_defaults(d, attr);
    s = attrs(p, g, d, attr);
  }
  if (s == EAO_OK && peek(p, "\"")) s = quoted(p, &g->root->arena, &name);
  if (s == EAO_OK)
    s = eao_graph_add_node(g, op, name, attr, d->attr_size, in.v, in.n, out.v, out.n, NULL);
  eao_free(p->ctx, attr);
  eao_free(p->ctx, in.v);
  eao_free(p->ctx, out.v);
  return s;
}

static eao_status state(parser *p, eao_graph *g) {
  eao_state s = {0};
  EAO_TRY(ref(p, g, false, &s.in));
  EAO_TRY(ref(p, g, false, &s.out));
  EAO_TRY(quoted(p, &g->root->arena, &s.name));
  if (take(p, "=")) EAO_TRY(bytes(p, &g->root->arena, &g->value[s.in].t, &s.init));
  return eao_graph_add_state(g, &s);
}

static eao_status ends(parser *p, eao_graph *g, bool inputs) {
  vids v = {0};
  eao_status s = refs(p, g, false, &v);
  for (uint32_t i = 0; s == EAO_OK && i < v.n; i++)
    s = inputs ? eao_graph_add_input(g, v.v[i]) : eao_graph_add_output(g, v.v[i]);
  eao_free(p->ctx, v.v);
  return s;
}

static eao_status statement(parser *p, eao_graph *g) {
  char w[64];
  EAO_TRY(word(p, w, sizeof w));
  if (strcmp(w, "value") == 0) return value(p, g, false);
  if (strcmp(w, "const") == 0) return value(p, g, true);
  if (strcmp(w, "input") == 0) return ends(p, g, true);
  if (strcmp(w, "output") == 0) return ends(p, g, false);
  if (strcmp(w, "state") == 0) return state(p, g);
  if (strcmp(w, "meta") == 0) {
    const char *key, *text;
    EAO_TRY(quoted(p, &g->root->arena, &key));
    EAO_TRY(quoted(p, &g->root->arena, &text));
    return eao_graph_add_meta(g, key, text);
  }
  return node(p, g, w);
}

static eao_status parse_graph(parser *p, eao_graph *parent, eao_graph **out) {
  if (p->depth >= p->ctx->limits.max_depth) return bad(p, "less deeply nested graphs");
  EAO_TRY(need(p, "graph"));
  eao_graph *g = parent ? eao_graph_create_sub(parent) : eao_graph_create(p->ctx);
  if (!g) return EAO_ERR_NOMEM;
  p->depth++;
  eao_status s = quoted(p, &g->root->arena, &g->name);
  if (s == EAO_OK) s = need(p, "{");
  while (s == EAO_OK && !peek(p, "}")) s = statement(p, g);
  if (s == EAO_OK) s = need(p, "}");
  p->depth--;
  if (s != EAO_OK && !parent)
    eao_graph_destroy(g);
  else
    *out = g; /* a body belongs to its root already */
  return s;
}

eao_status eao_graph_parse(eao_ctx *ctx, const char *text, size_t len, eao_graph **out) {
  parser p = {ctx, text, text + len, text, 0};
  eao_graph *g;
  EAO_TRY(parse_graph(&p, NULL, &g));
  space(&p);
  eao_status s = p.p == p.end ? eao_graph_verify(g) : bad(&p, "the end of the text");
  if (s != EAO_OK)
    eao_graph_destroy(g);
  else
    *out = g;
  return s;
}
