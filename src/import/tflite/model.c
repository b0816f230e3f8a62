/* TFLite files to graphs: the model, its subgraphs and their operators. */
#include <stdlib.h>
#include <string.h>

#include "import/tflite/tflite.h"

/* ---- one operator ---- */

static eao_status find_row(eao_tfl *m, const eao_ftab *op, const eao_tfl_row **out) {
  uint64_t index = eao_ftab_u32(op, TFL_OPERATOR_OPCODE_INDEX, 0);
  if (index >= m->opcodes.n)
    return eao_fail(m->ctx, EAO_ERR_FORMAT, "there is no operator code %llu",
                    (unsigned long long)index);
  eao_ftab code = eao_fvec_tab(&m->flat, m->opcodes, (uint32_t)index);
  /* Codes above 127 are only in the newer field; old files have only the older one. */
  int64_t old = eao_ftab_i8(&code, TFL_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE, 0);
  int64_t new = eao_ftab_i32(&code, TFL_OPERATOR_CODE_BUILTIN_CODE, 0);
  int64_t builtin = new > old ? new : old;
  eao_fvec custom = eao_ftab_str(&code, TFL_OPERATOR_CODE_CUSTOM_CODE);
  EAO_TRY(eao_flat_check(m->ctx, &m->flat));
  if (builtin == TFL_CUSTOM) {
    *out = eao_tfl_custom_find(custom);
    if (*out) return EAO_OK;
    return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED, "custom operator '%.*s' is not supported",
                    custom.n > 200 ? 200 : (int)custom.n, custom.n ? (const char *)custom.p : "");
  }
  if (builtin < 0)
    return eao_fail(m->ctx, EAO_ERR_FORMAT, "operator code %lld", (long long)builtin);
  *out = eao_tfl_row_find((uint32_t)builtin);
  if (*out && (*out)->lower) return EAO_OK;
  if (*out)
    return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED, "operator %s is not supported%s%s", (*out)->name,
                    (*out)->why ? ": " : "", (*out)->why ? (*out)->why : "");
  return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED, "operator code %lld is not known",
                  (long long)builtin);
}

static eao_status check_operator(eao_tfl_op *o) {
  const eao_tfl_row *r = o->row;
  uint64_t type = eao_ftab_u8(&o->tab, TFL_OPERATOR_BUILTIN_OPTIONS_TYPE, 0);
  if (r->options && type && type != r->options)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "it carries options of another operator (type %llu)",
                        (unsigned long long)type);
  if (o->in.n < r->min_in || (r->max_in != 255 && o->in.n > r->max_in))
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "%u inputs; %u to %u are possible", o->in.n, r->min_in,
                        r->max_in);
  if (r->n_out != 255 && o->out.n > r->n_out)
    return eao_tfl_fail(o, EAO_ERR_FORMAT, "%u outputs; at most %u are possible", o->out.n,
                        r->n_out);
  static const uint8_t complex[] = {TFL_RFFT2D, TFL_RESHAPE, TFL_COMPLEX_ABS, TFL_REAL, TFL_IMAG};
  bool knows = false;
  for (size_t i = 0; i < EAO_COUNT(complex); i++) knows = knows || r->code == complex[i];
  for (uint32_t i = 0; !knows && i < o->in.n + o->out.n; i++) {
    int32_t t = i < o->in.n ? eao_fvec_i32(o->in, i) : eao_fvec_i32(o->out, i - o->in.n);
    if (eao_tfl_is_complex(o->s, t))
      return eao_tfl_fail(o, EAO_ERR_UNSUPPORTED, "it has no form for complex numbers");
  }
  return eao_flat_check(o->m->ctx, &o->m->flat);
}

static eao_status read_operator(eao_tfl_sub *s, uint32_t index) {
  eao_tfl *m = s->m;
  eao_tfl_op o = {.m = m, .s = s, .index = index};
  o.tab = eao_fvec_tab(&m->flat, s->ops, index);
  EAO_TRY(eao_flat_check(m->ctx, &m->flat));
  if (++m->n_walk > m->ctx->limits.max_nodes)
    return eao_fail(m->ctx, EAO_ERR_NOMEM, "more than %u operators", m->ctx->limits.max_nodes);
  eao_status st = find_row(m, &o.tab, &o.row);
  if (st != EAO_OK) return eao_fail_within(m->ctx, st, "subgraph %u, operator %u", s->index, index);
  o.in = eao_ftab_vec(&o.tab, TFL_OPERATOR_INPUTS, 4);
  o.out = eao_ftab_vec(&o.tab, TFL_OPERATOR_OUTPUTS, 4);
  o.opt = eao_ftab_tab(&o.tab, o.row->options2 ? TFL_OPERATOR_BUILTIN_OPTIONS2
                                               : TFL_OPERATOR_BUILTIN_OPTIONS);
  st = check_operator(&o);
  if (st == EAO_OK) st = o.row->lower(&o);
  if (st == EAO_OK) st = eao_flat_check(m->ctx, &m->flat);
  if (st == EAO_OK) return EAO_OK;
  return eao_fail_within(m->ctx, st, "subgraph %u, operator %u (%s)", s->index, index, o.row->name);
}

/* ---- one subgraph ---- */

static eao_status open_subgraph(eao_tfl *m, int64_t index, eao_tfl_sub *s) {
  if (index < 0 || index >= m->subgraphs.n)
    return eao_fail(m->ctx, EAO_ERR_FORMAT, "there is no subgraph %lld", (long long)index);
  memset(s, 0, sizeof *s);
  s->m = m;
  s->index = (uint32_t)index;
  s->tab = eao_fvec_tab(&m->flat, m->subgraphs, s->index);
  s->tensors = eao_ftab_vec(&s->tab, TFL_SUB_GRAPH_TENSORS, 4);
  s->inputs = eao_ftab_vec(&s->tab, TFL_SUB_GRAPH_INPUTS, 4);
  s->outputs = eao_ftab_vec(&s->tab, TFL_SUB_GRAPH_OUTPUTS, 4);
  s->ops = eao_ftab_vec(&s->tab, TFL_SUB_GRAPH_OPERATORS, 4);
  return eao_flat_check(m->ctx, &m->flat);
}

eao_status eao_tfl_sub_io(eao_tfl *m, int64_t index, uint32_t *out_in, uint32_t *out_out) {
  eao_tfl_sub s;
  EAO_TRY(open_subgraph(m, index, &s));
  *out_in = s.inputs.n;
  *out_out = s.outputs.n;
  return EAO_OK;
}

/* Notes which operator produces each tensor; each tensor has one. */
static eao_status find_producers(eao_tfl_sub *s) {
  eao_tfl *m = s->m;
  for (uint32_t i = 0; i < s->ops.n; i++) {
    eao_ftab op = eao_fvec_tab(&m->flat, s->ops, i);
    eao_fvec out = eao_ftab_vec(&op, TFL_OPERATOR_OUTPUTS, 4);
    EAO_TRY(eao_flat_check(m->ctx, &m->flat));
    for (uint32_t k = 0; k < out.n; k++) {
      int32_t t = eao_fvec_i32(out, k);
      if (t == -1) continue;
      if (t < 0 || (uint32_t)t >= s->tensors.n)
        return eao_fail(m->ctx, EAO_ERR_FORMAT,
                        "subgraph %u, operator %u: there is no tensor %d (the subgraph has %u)",
                        s->index, i, t, s->tensors.n);
      if (s->producer[t])
        return eao_fail(m->ctx, EAO_ERR_FORMAT,
                        "subgraph %u: operators %u and %u both produce tensor %d", s->index,
                        s->producer[t] - 1, i, t);
      s->producer[t] = i + 1;
    }
  }
  return EAO_OK;
}

/* What the caller binds replaces the declared shape. */
static eao_status bind_shape(eao_tfl *m, const char *name, const eao_ftab *tab, eao_tensor *t) {
  const eao_import_opts *opts = m->opts;
  bool warned = false;
  for (uint32_t i = 0; opts && i < opts->n_bind; i++) {
    const eao_shape_bind *b = &opts->bind[i];
    if (b->rank < 0 || strcmp(b->name, name) != 0) continue;
    if (b->rank != t->rank)
      return eao_fail(m->ctx, EAO_ERR_ARG, "input '%s' has %d dimensions, the given shape has %d",
                      name, t->rank, b->rank);
    for (int32_t k = 0; k < b->rank; k++) {
      if (b->dim[k] < 0)
        return eao_fail(m->ctx, EAO_ERR_ARG, "input '%s': dimension %d is negative", name, k);
      t->dim[k] = b->dim[k];
    }
    return EAO_OK;
  }
  eao_fvec shape = eao_ftab_vec(tab, TFL_TENSOR_SHAPE, 4);
  for (int32_t k = 0; opts && opts->default_dims && k < t->rank; k++) {
    if (t->dim[k] >= 0 || (uint32_t)k >= shape.n) continue;
    int32_t d = eao_fvec_i32(shape, (uint32_t)k);
    t->dim[k] = d > 0 ? d : 1;
    if (!warned)
      eao_warn(m->ctx, "input '%s': dimension %d is open and set to %lld", name, k,
               (long long)t->dim[k]);
    warned = true;
  }
  return EAO_OK;
}

static eao_status make_input(eao_tfl_sub *s, int32_t tensor) {
  eao_ftab tab;
  eao_tensor t;
  eao_vid v;
  EAO_TRY(eao_tfl_tensor(s, tensor, &tab));
  if (s->producer[tensor])
    return eao_fail(s->m->ctx, EAO_ERR_FORMAT, "tensor %d is an input and an operator's output",
                    tensor);
  if (s->vid[tensor] != EAO_NONE)
    return eao_fail(s->m->ctx, EAO_ERR_UNSUPPORTED, "tensor %d is listed twice as input", tensor);
  EAO_TRY(eao_tfl_type_of(s, tensor, &t));
  const char *name = eao_tfl_tensor_name(s, tensor);
  if (!name) return EAO_NOMEM(s->m->ctx);
  if (s->g->root == s->g)
    EAO_TRY(bind_shape(s->m, name, &tab, &t));
  else
    t.rank = -1; /* a body takes what it is given */
  EAO_TRY(eao_graph_add_value(s->g, name, &t, &v));
  s->vid[tensor] = v;
  return eao_graph_add_input(s->g, v);
}

static eao_status read_io_and_ops(eao_tfl_sub *s, const eao_vid *bind, eao_vid *out) {
  for (uint32_t i = 0; i < s->inputs.n; i++) {
    int32_t t = eao_fvec_i32(s->inputs, i);
    if (!bind) {
      eao_status st = make_input(s, t);
      if (st != EAO_OK) return eao_fail_within(s->m->ctx, st, "subgraph %u, input %u", s->index, i);
      continue;
    }
    if (t < 0 || (uint32_t)t >= s->tensors.n || s->producer[t])
      return eao_fail(s->m->ctx, EAO_ERR_FORMAT, "subgraph %u: input %u is tensor %d", s->index, i,
                      t);
    s->vid[t] = bind[i];
  }
  for (uint32_t i = 0; i < s->ops.n; i++) EAO_TRY(read_operator(s, i));
  for (uint32_t i = 0; i < s->outputs.n; i++) {
    eao_vid v;
    eao_status st = eao_tfl_value(s, eao_fvec_i32(s->outputs, i), &v);
    if (st != EAO_OK) return eao_fail_within(s->m->ctx, st, "subgraph %u, output %u", s->index, i);
    if (out)
      out[i] = v;
    else
      EAO_TRY(eao_graph_add_output(s->g, v));
  }
  if (s->out_of_order) EAO_TRY(eao_graph_sort(s->g));
  return EAO_OK;
}

eao_status eao_tfl_subgraph(eao_tfl *m, uint32_t index, eao_graph *g, const char *prefix,
                            const eao_vid *bind, eao_vid *out) {
  eao_tfl_sub s;
  for (const eao_tfl_sub *up = m->top; up; up = up->up)
    if (up->index == index)
      return eao_fail(m->ctx, EAO_ERR_FORMAT, "subgraph %u contains itself", index);
  if (m->depth >= m->ctx->limits.max_depth)
    return eao_fail(m->ctx, EAO_ERR_FORMAT, "subgraph %u: subgraphs are nested deeper than %u",
                    index, m->ctx->limits.max_depth);
  EAO_TRY(open_subgraph(m, index, &s));
  s.g = g;
  s.prefix = prefix;
  s.up = m->top;
  m->top = &s;
  s.vid = eao_alloc(m->ctx, s.tensors.n * sizeof *s.vid);
  s.producer = eao_alloc(m->ctx, s.tensors.n * sizeof *s.producer);
  s.handle = eao_alloc(m->ctx, s.tensors.n * sizeof *s.handle);
  eao_status st = s.vid && s.producer && s.handle ? EAO_OK : EAO_NOMEM(m->ctx);
  for (uint32_t i = 0; st == EAO_OK && i < s.tensors.n; i++) s.vid[i] = EAO_NONE;
  m->depth++;
  if (st == EAO_OK) st = find_producers(&s);
  if (st == EAO_OK) st = read_io_and_ops(&s, bind, out);
  m->depth--;
  m->top = s.up;
  eao_free(m->ctx, s.vid);
  eao_free(m->ctx, s.producer);
  eao_free(m->ctx, s.handle);
  return st;
}

/* ---- names ---- */

typedef struct named {
  const char *name;
  eao_vid v;
} named;

static int by_name(const void *a, const void *b) {
  const named *x = a, *y = b;
  int c = strcmp(x->name, y->name);
  return c ? c : (x->v > y->v) - (x->v < y->v);
}

/* TFLite tensors may share a name or have none; values must differ. The first keeps its name. */
static eao_status make_names_unique(eao_graph *g) {
  named *list = eao_alloc(g->ctx, g->n_value * sizeof *list);
  uint32_t n = 0;
  if (!list) return EAO_NOMEM(g->ctx);
  for (eao_vid v = 0; v < g->n_value; v++)
    if (*g->value[v].name) list[n++] = (named){g->value[v].name, v};
  qsort(list, n, sizeof *list, by_name);
  eao_status s = EAO_OK;
  for (uint32_t i = 1; s == EAO_OK && i < n; i++) {
    if (strcmp(list[i].name, list[i - 1].name) != 0) continue;
    char *name = eao_arena_printf(&g->root->arena, "%s#%u", list[i].name, list[i].v);
    if (!name) s = EAO_NOMEM(g->ctx);
    g->value[list[i].v].name = name;
  }
  eao_free(g->ctx, list);
  return s;
}

static eao_status finish(eao_tfl *m) {
  EAO_TRY(eao_tfl_vars_finish(m));
  for (eao_graph *g = m->g; g; g = g->next_sub) {
    EAO_TRY(eao_graph_renumber(g));
    EAO_TRY(make_names_unique(g));
    /* TFLite's operators have no names: that of what they make tells people where they are. */
    for (eao_nid n = 0; n < g->n_node; n++)
      if (g->node[n].n_out && g->node[n].out[0] != EAO_NONE)
        g->node[n].name = g->value[g->node[n].out[0]].name;
    for (uint32_t i = 0; i < g->n_state; i++) g->state[i].name = g->value[g->state[i].in].name;
  }
  EAO_TRY(eao_graph_verify(m->g));
  EAO_TRY(eao_graph_infer(m->g));
  return eao_tfl_meta(m);
}

static eao_status open_model(eao_tfl *m) {
  m->model = eao_flat_root(&m->flat, m->file, m->size, EAO_TFL_ID);
  EAO_TRY(eao_flat_check(m->ctx, &m->flat));
  uint64_t version = eao_ftab_u32(&m->model, TFL_MODEL_VERSION, 0);
  if (version != 3)
    return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED, "TFLite schema version %llu; 3 is supported",
                    (unsigned long long)version);
  m->opcodes = eao_ftab_vec(&m->model, TFL_MODEL_OPERATOR_CODES, 4);
  m->subgraphs = eao_ftab_vec(&m->model, TFL_MODEL_SUBGRAPHS, 4);
  m->buffers = eao_ftab_vec(&m->model, TFL_MODEL_BUFFERS, 4);
  EAO_TRY(eao_flat_check(m->ctx, &m->flat));
  /* Every buffer, also those that nothing uses: a file that was cut short is not a model. */
  for (uint32_t i = 0; i < m->buffers.n; i++) {
    eao_fvec data;
    EAO_TRY(eao_tfl_buffer(m, i, &data));
  }
  if (m->subgraphs.n == 0) return eao_fail(m->ctx, EAO_ERR_FORMAT, "the file has no subgraph");
  return EAO_OK;
}

eao_status eao_import_tflite(eao_ctx *ctx, eao_file *file, const eao_import_opts *opts,
                             eao_graph **out) {
  eao_tfl m = {.ctx = ctx, .file = file->data, .size = file->size, .opts = opts};
  *out = NULL;
  m.g = eao_graph_create(ctx);
  if (!m.g) {
    eao_file_unmap(ctx, file);
    return EAO_ERR_NOMEM;
  }
  eao_status s = eao_graph_add_file(m.g, file);
  if (s == EAO_OK) s = open_model(&m);
  if (s == EAO_OK) s = eao_tfl_choose(&m, &m.main);
  if (s == EAO_OK) s = eao_tfl_subgraph(&m, m.main, m.g, "", NULL, NULL);
  if (s == EAO_OK) s = finish(&m);
  eao_free(ctx, m.var);
  if (s != EAO_OK) {
    eao_graph_destroy(m.g);
    return eao_fail_within(ctx, s, "TFLite");
  }
  *out = m.g;
  return EAO_OK;
}
