/* Constants, and ops that are one of ours under another name. */
#include <string.h>

#include "import/onnx/lower.h"

static eao_status constant_list(onnx_call *c, const onnx_attr *a, eao_tensor *t) {
  bool floats = a->type == ONNX_ATTR_FLOATS || a->type == ONNX_ATTR_FLOAT;
  bool list = a->type == ONNX_ATTR_FLOATS || a->type == ONNX_ATTR_INTS;
  *t = (eao_tensor){.dtype = floats ? EAO_F32 : EAO_I64, .rank = list};
  t->dim[0] = !list ? 0 : floats ? a->n_floats : a->n_ints;
  size_t n = list ? (size_t)t->dim[0] : 1, size = floats ? sizeof a->f : sizeof a->i;
  const void *from = a->type == ONNX_ATTR_FLOAT  ? (const void *)&a->f
                     : a->type == ONNX_ATTR_INT  ? (const void *)&a->i
                     : a->type == ONNX_ATTR_INTS ? (const void *)a->ints
                                                 : (const void *)a->floats;
  t->data = eao_arena_dup(&c->g->root->arena, from, n * size);
  return t->data ? EAO_OK : EAO_NOMEM(c->ctx);
}

static eao_status constant(onnx_call *c) {
  static const char *const names[] = {"value", "value_float", "value_int", "value_floats",
                                      "value_ints"};
  eao_tensor t;
  for (size_t i = 0; i < EAO_COUNT(names); i++) {
    const onnx_attr *a = onnx_attr_of(c, names[i]);
    if (!a) continue;
    if (i == 0 && a->t)
      EAO_TRY(onnx_load(c->s->im, a->t, &t));
    else if (i > 0 && a->type != ONNX_ATTR_TENSOR)
      EAO_TRY(constant_list(c, a, &t));
    else
      break;
    return onnx_set_const(c, 0, &t);
  }
  return onnx_fail(c, EAO_ERR_UNSUPPORTED, "a constant must be a tensor, a number or a list");
}

/* Function ops of domain com.microsoft and ours that are the standard's under another name. */
static eao_status renamed(onnx_call *c) {
  EAO_TRY(onnx_begin(c, c->arg));
  EAO_TRY(onnx_take(c));
  return onnx_end(c, c->in, c->n_in, c->out, c->n_out);
}

const onnx_rule onnx_rules_basic[] = {
    {"Constant", 1, 0, constant, NULL},
    {"Identity", 1, 0, renamed, "identity"},
    {0},
};
