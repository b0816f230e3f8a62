#include <string.h>

#include "op/text.h"

enum { SHORT_BYTES = 64 /* longer constants are elided unless printed in full */ };

typedef struct printer {
  eao_text *out;
  bool full, brief;
  int indent;
} printer;

static void print_graph(printer *p, const eao_graph *g);

static void line(printer *p) {
  eao_text_printf(p->out, "%*s", 2 * p->indent, "");
}

static void quoted(printer *p, const char *s) {
  eao_text_add(p->out, "\"", 1);
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c == '"' || c == '\\')
      eao_text_printf(p->out, "\\%c", c);
    else if (c < 0x20 || c == 0x7F)
      eao_text_printf(p->out, "\\x%02x", c);
    else
      eao_text_add(p->out, s, 1);
  }
  eao_text_add(p->out, "\"", 1);
}

static void type(printer *p, const eao_value *v) {
  const eao_tensor *t = &v->t;
  eao_text_printf(p->out, " %s[", eao_dtype_name(t->dtype));
  if (t->rank < 0) eao_text_printf(p->out, "*");
  for (int32_t i = 0; i < t->rank; i++) {
    if (i) eao_text_add(p->out, ",", 1);
    if (t->dim[i] < 0) {
      eao_text_add(p->out, "?", 1);
      if (v->dim_name && v->dim_name[i]) quoted(p, v->dim_name[i]);
    } else
      eao_text_printf(p->out, "%lld", (long long)t->dim[i]);
  }
  eao_text_add(p->out, "]", 1);
  const eao_quant *q = &t->quant;
  if (!q->n) return;
  eao_text_printf(p->out, " q(%d;", q->axis);
  for (int32_t i = 0; i < q->n; i++)
    eao_text_printf(p->out, "%s%.9g", i ? ", " : " ", (double)q->scale[i]);
  if (q->zero) {
    eao_text_add(p->out, ";", 1);
    for (int32_t i = 0; i < q->n; i++) eao_text_printf(p->out, "%s%d", i ? ", " : " ", q->zero[i]);
  }
  eao_text_add(p->out, ")", 1);
}

static void data(printer *p, const eao_tensor *t, const void *bytes) {
  size_t n = (size_t)eao_dtype_bytes(t->dtype, eao_tensor_count(t));
  const uint8_t *b = bytes;
  eao_text_printf(p->out, " = ");
  if (!p->full && n > SHORT_BYTES) {
    eao_text_printf(p->out, "...");
    return;
  }
  if (n == 0) eao_text_printf(p->out, "_");
  for (size_t i = 0; i < n; i++) eao_text_printf(p->out, "%02x", b[i]);
}

static void ref(printer *p, eao_vid v) {
  if (v == EAO_NONE)
    eao_text_add(p->out, "_", 1);
  else
    eao_text_printf(p->out, "%%%u", v);
}

static void refs(printer *p, const eao_vid *v, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    if (i) eao_text_printf(p->out, ", ");
    ref(p, v[i]);
  }
}

static void attr_value(printer *p, const eao_attr_desc *a, const char *at) {
  int64_t i64;
  int32_t i32;
  float f;
  eao_graph *body;
  memcpy(&i32, at, sizeof i32);
  switch (a->kind) {
  case EAO_ATTR_INT:
    memcpy(&i64, at, sizeof i64);
    eao_text_printf(p->out, "%lld", (long long)i64);
    break;
  case EAO_ATTR_BOOL: eao_text_printf(p->out, "%d", i32); break;
  case EAO_ATTR_ENUM: eao_text_printf(p->out, "%s", a->names[i32]); break;
  case EAO_ATTR_DTYPE: eao_text_printf(p->out, "%s", eao_dtype_name((eao_dtype)i32)); break;
  case EAO_ATTR_FLOAT:
    memcpy(&f, at, sizeof f);
    eao_text_printf(p->out, "%.9g", (double)f);
    break;
  case EAO_ATTR_INTS:
    eao_text_add(p->out, "[", 1);
    for (int32_t k = 0; k < i32; k++) {
      memcpy(&i64, at + offsetof(eao_ints, v) + (size_t)k * sizeof i64, sizeof i64);
      eao_text_printf(p->out, "%s%lld", k ? ", " : "", (long long)i64);
    }
    eao_text_add(p->out, "]", 1);
    break;
  case EAO_ATTR_FLOATS:
    eao_text_add(p->out, "[", 1);
    for (int32_t k = 0; k < i32; k++) {
      memcpy(&f, at + offsetof(eao_floats, v) + (size_t)k * sizeof f, sizeof f);
      eao_text_printf(p->out, "%s%.9g", k ? ", " : "", (double)f);
    }
    eao_text_add(p->out, "]", 1);
    break;
  case EAO_ATTR_ENUMS:
    eao_text_add(p->out, "[", 1);
    for (int32_t k = 0; k < i32; k++) {
      memcpy(&i64, at + offsetof(eao_ints, v) + (size_t)k * sizeof i64, sizeof i64);
      eao_text_printf(p->out, "%s%s", k ? ", " : "", a->names[i64]);
    }
    eao_text_add(p->out, "]", 1);
    break;
  case EAO_ATTR_TEXT: quoted(p, at); break;
  case EAO_ATTR_GRAPH:
    memcpy(&body, at, sizeof body);
    if (p->brief)
      eao_text_printf(p->out, "{%u nodes}", body ? body->n_node : 0);
    else
      print_graph(p, body);
    break;
  }
}

static bool is_default(const eao_attr_desc *a, const char *at) {
  int64_t i64;
  int32_t i32;
  float f, def = (float)a->deff;
  memcpy(&i32, at, sizeof i32);
  switch (a->kind) {
  case EAO_ATTR_INT: memcpy(&i64, at, sizeof i64); return i64 == a->def;
  case EAO_ATTR_BOOL:
  case EAO_ATTR_ENUM:
  case EAO_ATTR_DTYPE: return i32 == (int32_t)a->def;
  case EAO_ATTR_FLOAT:
    memcpy(&f, at, sizeof f);
    return memcmp(&f, &def, sizeof f) == 0; /* by bits: -0 and NaN are not 0 */
  case EAO_ATTR_INTS:
  case EAO_ATTR_ENUMS:
  case EAO_ATTR_FLOATS: return i32 == 0;
  case EAO_ATTR_TEXT: return *at == 0;
  case EAO_ATTR_GRAPH: return false;
  }
  return false;
}

/* Attributes that differ from their defaults, `before` ahead of the first; false without any. */
static bool attrs(printer *p, const eao_op_desc *d, const eao_node *n, const char *before) {
  bool any = false;
  for (uint32_t i = 0; i < d->n_attrs; i++) {
    const char *at = (const char *)n->attr + d->attrs[i].offset;
    if (is_default(&d->attrs[i], at)) continue;
    eao_text_printf(p->out, "%s%s=", any ? ", " : before, d->attrs[i].name);
    attr_value(p, &d->attrs[i], at);
    any = true;
  }
  return any;
}

static void node(printer *p, const eao_node *n) {
  const eao_op_desc *d = eao_op_get(n->op);
  line(p);
  if (!d) {
    eao_text_printf(p->out, "?%u\n", n->op);
    return;
  }
  eao_text_printf(p->out, "%s(", d->name);
  refs(p, n->in, n->n_in);
  eao_text_printf(p->out, ") -> ");
  refs(p, n->out, n->n_out);
  if (attrs(p, d, n, " {")) eao_text_add(p->out, "}", 1);
  if (*n->name) {
    eao_text_add(p->out, " ", 1);
    quoted(p, n->name);
  }
  eao_text_add(p->out, "\n", 1);
}

static void value(printer *p, const eao_graph *g, eao_vid v) {
  const eao_value *val = &g->value[v];
  line(p);
  eao_text_printf(p->out, "%s %%%u ", val->t.data ? "const" : "value", v);
  quoted(p, val->name);
  type(p, val);
  if (val->t.data) data(p, &val->t, val->t.data);
  eao_text_add(p->out, "\n", 1);
}

static void print_graph(printer *p, const eao_graph *g) {
  eao_text_printf(p->out, "graph ");
  quoted(p, g->name);
  eao_text_printf(p->out, " {\n");
  p->indent++;
  for (uint32_t i = 0; i < g->n_meta; i++) {
    line(p);
    eao_text_printf(p->out, "meta ");
    quoted(p, g->meta[i].key);
    eao_text_add(p->out, " ", 1);
    quoted(p, g->meta[i].text);
    eao_text_add(p->out, "\n", 1);
  }
  for (eao_vid v = 0; v < g->n_value; v++) value(p, g, v);
  line(p);
  eao_text_printf(p->out, "input ");
  refs(p, g->input, g->n_input);
  eao_text_add(p->out, "\n", 1);
  for (uint32_t i = 0; i < g->n_state; i++) {
    line(p);
    eao_text_printf(p->out, "state %%%u %%%u ", g->state[i].in, g->state[i].out);
    quoted(p, g->state[i].name);
    if (g->state[i].init) data(p, &g->value[g->state[i].in].t, g->state[i].init);
    eao_text_add(p->out, "\n", 1);
  }
  for (eao_nid n = 0; n < g->n_node; n++)
    if (g->node[n].op) node(p, &g->node[n]);
  line(p);
  eao_text_printf(p->out, "output ");
  refs(p, g->output, g->n_output);
  eao_text_add(p->out, "\n", 1);
  p->indent--;
  line(p);
  eao_text_printf(p->out, "}");
}

void eao_graph_print(const eao_graph *g, bool full, eao_text *out) {
  printer p = {.out = out, .full = full};
  print_graph(&p, g);
  eao_text_add(out, "\n", 1);
}

void eao_node_print_attrs(const eao_node *n, eao_text *out) {
  printer p = {.out = out, .brief = true};
  const eao_op_desc *d = eao_op_get(n->op);
  if (d) attrs(&p, d, n, "");
}
