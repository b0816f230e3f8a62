/* ONNX model to graph: the steps of one import. */
#include <string.h>

#include "import/onnx/lower.h"

enum { OPSET_FIRST = 1, OPSET_LAST = 28, MAX_OPSETS = 1024 };

static const eao_shape_bind *find_bind(const eao_import_opts *o, const char *name, bool shape) {
  for (uint32_t i = 0; o && name && i < o->n_bind; i++)
    if (!strcmp(o->bind[i].name, name) && (o->bind[i].rank >= 0) == shape) return &o->bind[i];
  return NULL;
}

eao_status onnx_value_type(onnx_scope *s, const onnx_value *v, eao_tensor *out) {
  eao_ctx *ctx = s->im->ctx;
  *out = (eao_tensor){.rank = -1};
  if (!v->kind) return EAO_OK;
  if (strcmp(v->kind, "tensor") != 0)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "'%s' is a %s; only tensors are supported", v->name,
                    v->kind);
  out->dtype = onnx_dtype(v->type);
  if (!out->dtype && v->type)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "'%s' has element type %s (%d)", v->name,
                    onnx_dtype_name(v->type), v->type);
  if (v->rank > EAO_MAX_RANK)
    return eao_fail(ctx, EAO_ERR_UNSUPPORTED, "'%s' has rank %d, at most %d is possible", v->name,
                    v->rank, EAO_MAX_RANK);
  out->rank = v->rank;
  for (int32_t i = 0; i < v->rank; i++) out->dim[i] = v->dim[i].value < 0 ? -1 : v->dim[i].value;
  return EAO_OK;
}

/* Applies --shape to an input. */
static eao_status bind_input(onnx_import *im, const onnx_value *v, eao_tensor *t) {
  const eao_shape_bind *b = find_bind(im->opts, v->name, true);
  if (b && t->rank >= 0 && b->rank != t->rank)
    return eao_fail(im->ctx, EAO_ERR_SHAPE, "input '%s' has rank %d, the shape given for it %d",
                    v->name, t->rank, b->rank);
  for (int32_t i = 0; b && i < b->rank; i++)
    if (t->rank >= 0 && t->dim[i] >= 0 && t->dim[i] != b->dim[i])
      return eao_fail(im->ctx, EAO_ERR_SHAPE, "input '%s': extent %d is %lld, not %lld", v->name, i,
                      (long long)t->dim[i], (long long)b->dim[i]);
  if (b) {
    t->rank = b->rank;
    memcpy(t->dim, b->dim, sizeof t->dim);
    return EAO_OK;
  }
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dim[i] >= 0) continue;
    b = find_bind(im->opts, v->dim[i].param, false);
    if (b) {
      t->dim[i] = b->dim[0];
    } else if (im->opts && im->opts->default_dims) {
      eao_warn(im->ctx, "input '%s': dimension %d%s%s%s is not bound, taken as 1", v->name, i,
               v->dim[i].param ? " (" : "", v->dim[i].param ? v->dim[i].param : "",
               v->dim[i].param ? ")" : "");
      t->dim[i] = 1;
    }
  }
  return EAO_OK;
}

static eao_status name_dims(onnx_import *im, const onnx_value *v, eao_vid id) {
  eao_value *value = &im->root->value[id];
  const char **names = NULL;
  for (int32_t i = 0; i < value->t.rank && i < v->rank; i++) {
    if (!v->dim[i].param || !*v->dim[i].param) continue;
    if (!names) names = eao_arena_array(&im->root->arena, (uint64_t)value->t.rank, sizeof *names);
    if (!names || !(names[i] = eao_arena_str(&im->root->arena, v->dim[i].param)))
      return EAO_NOMEM(im->ctx);
  }
  value->dim_name = names;
  return EAO_OK;
}

static eao_status declare_inputs(onnx_scope *s, const onnx_graph *g) {
  onnx_import *im = s->im;
  for (uint32_t i = 0; i < g->n_input; i++) {
    const onnx_value *in = &g->input[i];
    eao_tensor t;
    eao_vid v;
    uint32_t there;
    if (!*in->name)
      return eao_fail(im->ctx, EAO_ERR_FORMAT, "graph '%s': input %u has no name", g->name, i);
    /* Before IR version 4 initialisers had to be listed as inputs; they stay constants. */
    if (eao_map_get(&s->names, in->name, &there) && im->root->value[there].t.data) continue;
    EAO_TRY(onnx_value_type(s, in, &t));
    if (!t.dtype)
      return eao_fail(im->ctx, EAO_ERR_FORMAT, "graph '%s': input '%s' has no element type",
                      g->name, in->name);
    EAO_TRY(bind_input(im, in, &t));
    EAO_TRY(onnx_declare(s, in->name, &t, &v));
    EAO_TRY(name_dims(im, in, v));
    EAO_TRY(eao_graph_add_input(im->root, v));
  }
  return EAO_OK;
}

eao_status onnx_declare_inits(onnx_scope *s, const onnx_graph *g) {
  for (uint32_t i = 0; i < g->n_init; i++) {
    eao_tensor t;
    eao_vid v;
    EAO_TRY(onnx_load(s->im, &g->init[i], &t));
    EAO_TRY(onnx_declare(s, g->init[i].name, &t, &v));
  }
  return EAO_OK;
}

static eao_status index_ops(onnx_import *im) {
  for (uint32_t i = 1; i < EAO_OP_LIMIT; i++) {
    const eao_op_desc *d = eao_op_get(i);
    uint32_t other;
    if (!d || !d->onnx) continue;
    if (eao_map_get(&im->by_onnx, d->onnx, &other) &&
        eao_op_get(other)->onnx_since >= d->onnx_since)
      continue;
    EAO_TRY(eao_map_put(&im->by_onnx, d->onnx, i, NULL));
  }
  return EAO_OK;
}

static eao_status check_opsets(onnx_import *im) {
  const onnx_model *m = &im->model;
  if (m->n_opset > MAX_OPSETS)
    return eao_fail(im->ctx, EAO_ERR_FORMAT, "%u opsets are too many", m->n_opset);
  for (uint32_t i = 0; i < m->n_function; i++)
    if (m->function[i].n_opset > MAX_OPSETS || m->function[i].n_attr > MAX_OPSETS)
      return eao_fail(im->ctx, EAO_ERR_FORMAT, "function '%s' has too many opsets or attributes",
                      m->function[i].name);
  for (uint32_t i = 0; i < m->n_opset; i++)
    if (!*m->opset[i].domain &&
        (m->opset[i].version < OPSET_FIRST || m->opset[i].version > OPSET_LAST))
      return eao_fail(im->ctx, EAO_ERR_UNSUPPORTED,
                      "opset version %lld; versions up to %d are known",
                      (long long)m->opset[i].version, OPSET_LAST);
  return EAO_OK;
}

/* "17, com.microsoft 1" */
static eao_status add_opset(onnx_import *im) {
  eao_text t;
  eao_text_init(&t, im->ctx);
  for (uint32_t i = 0; i < im->model.n_opset; i++) {
    const onnx_opset *o = &im->model.opset[i];
    bool is_default = !*o->domain || strcmp(o->domain, "ai.onnx") == 0;
    eao_text_printf(&t, "%s%s%s%lld", i ? ", " : "", is_default ? "" : o->domain,
                    is_default ? "" : " ", (long long)o->version);
  }
  eao_status s = t.failed ? EAO_NOMEM(im->ctx)
                 : t.p    ? eao_graph_add_meta(im->root, "onnx.opset", t.p)
                          : EAO_OK;
  eao_text_deinit(&t);
  return s;
}

static eao_status add_meta(onnx_import *im) {
  const onnx_model *m = &im->model;
  EAO_TRY(add_opset(im));
  if (*m->producer) EAO_TRY(eao_graph_add_meta(im->root, "producer", m->producer));
  if (*m->doc) EAO_TRY(eao_graph_add_meta(im->root, "description", m->doc));
  for (uint32_t i = 0; i < m->n_prop; i++)
    EAO_TRY(eao_graph_add_meta(im->root, m->prop[i].key, m->prop[i].text));
  return EAO_OK;
}

static eao_status build(onnx_import *im, onnx_scope *s) {
  const onnx_graph *g = im->model.graph;
  im->root->name = eao_arena_str(&im->root->arena, g->name);
  if (!im->root->name) return EAO_NOMEM(im->ctx);
  EAO_TRY(add_meta(im));
  EAO_TRY(onnx_declare_inits(s, g));
  EAO_TRY(declare_inputs(s, g));
  EAO_TRY(onnx_lower_graph(s, g));
  if (!im->root->n_output)
    return eao_fail(im->ctx, EAO_ERR_FORMAT, "graph '%s' has no output", g->name);
  return eao_graph_verify(im->root);
}

static eao_status run(onnx_import *im) {
  const eao_file *f = &im->root->file[0];
  EAO_TRY(onnx_read_model(im->ctx, &im->tmp, eao_pb_of(f->data, f->size), &im->model));
  EAO_TRY(check_opsets(im));
  EAO_TRY(index_ops(im));
  EAO_TRY(onnx_index_functions(im));
  onnx_body body = {.g = im->root};
  onnx_scope s = {.im = im, .body = &body, .prefix = ""};
  s.opset = im->model.opset;
  s.n_opset = im->model.n_opset;
  eao_map_init(&s.names, im->ctx);
  eao_status st = build(im, &s);
  onnx_scope_deinit(&s);
  onnx_body_deinit(&body);
  return st;
}

eao_status eao_import_onnx(eao_ctx *ctx, eao_file *file, const char *base_dir,
                           const eao_import_opts *opts, eao_graph **out) {
  onnx_import im = {.ctx = ctx, .opts = opts, .base_dir = base_dir};
  *out = NULL;
  im.root = eao_graph_create(ctx);
  if (!im.root) {
    eao_file_unmap(ctx, file);
    return EAO_NOMEM(ctx);
  }
  eao_arena_init(&im.tmp, ctx);
  eao_map_init(&im.by_onnx, ctx);
  eao_map_init(&im.functions, ctx);
  eao_map_init(&im.external, ctx);
  eao_status s = eao_graph_add_file(im.root, file);
  if (s == EAO_OK) s = run(&im);
  eao_map_deinit(&im.by_onnx);
  eao_map_deinit(&im.functions);
  eao_map_deinit(&im.external);
  eao_arena_deinit(&im.tmp);
  if (s != EAO_OK) {
    eao_graph_destroy(im.root);
    return s;
  }
  *out = im.root;
  return EAO_OK;
}
