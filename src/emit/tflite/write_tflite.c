/* Legal graphs to TFLite files. */
#include <stdio.h>
#include <string.h>

#include "emit/tflite/tflite.h"
#include "kernel/kernel.h"
#include "kernel/ref/tflite_seq.h"

/* ---- buffers and tensors ---- */

eao_status eao_tfw_buffer(eao_tfw *w, const void *data, size_t n, uint32_t *out) {
  for (uint32_t i = 1; i < w->n_buffer; i++)
    if (data && w->buffer_data[i] == data) {
      *out = i;
      return EAO_OK;
    }
  EAO_TRY(
      eao_grow(w->ctx, (void **)&w->buffer, &w->cap_buffer, w->n_buffer + 1, sizeof *w->buffer));
  EAO_TRY(eao_grow(w->ctx, (void **)&w->buffer_data, &w->cap_buffer_data, w->n_buffer + 1,
                   sizeof *w->buffer_data));
  if (n) eao_fbuild_ref(&w->b, TFL_BUFFER_DATA, eao_fbuild_vec(&w->b, data, n, 1, 16));
  w->buffer[w->n_buffer] = eao_fbuild_table(&w->b);
  w->buffer_data[w->n_buffer] = data;
  *out = w->n_buffer++;
  return w->b.status;
}

static int type_of(eao_dtype t) {
  static const uint8_t types[EAO_DTYPE_COUNT] = {
      [EAO_F32] = TFL_T_FLOAT32, [EAO_F16] = TFL_T_FLOAT16, [EAO_BF16] = TFL_T_BFLOAT16,
      [EAO_F64] = TFL_T_FLOAT64, [EAO_I8] = TFL_T_INT8,     [EAO_I16] = TFL_T_INT16,
      [EAO_I32] = TFL_T_INT32,   [EAO_I64] = TFL_T_INT64,   [EAO_U8] = TFL_T_UINT8,
      [EAO_U16] = TFL_T_UINT16,  [EAO_U32] = TFL_T_UINT32,  [EAO_U64] = TFL_T_UINT64,
      [EAO_BOOL] = TFL_T_BOOL,   [EAO_I4] = TFL_T_INT4,     [EAO_U4] = TFL_T_UINT4};
  return t > 0 && t < EAO_DTYPE_COUNT ? types[t] : -1;
}

static eao_fref quantisation(eao_tfw *w, const eao_quant *q) {
  if (!q->n) return 0;
  eao_fref scale = eao_fbuild_vec(&w->b, q->scale, (size_t)q->n, 4, 4);
  int64_t *zero = eao_alloc(w->ctx, (size_t)q->n * sizeof *zero);
  if (!zero) {
    w->b.status = EAO_NOMEM(w->ctx);
    return 0;
  }
  for (int32_t i = 0; i < q->n; i++) zero[i] = q->zero ? q->zero[i] : 0;
  eao_fref z = eao_fbuild_vec(&w->b, zero, (size_t)q->n, 8, 8);
  eao_free(w->ctx, zero);
  eao_fbuild_ref(&w->b, TFL_QUANTIZATION_PARAMETERS_SCALE, scale);
  eao_fbuild_ref(&w->b, TFL_QUANTIZATION_PARAMETERS_ZERO_POINT, z);
  if (q->axis > 0)
    eao_fbuild_int(&w->b, TFL_QUANTIZATION_PARAMETERS_QUANTIZED_DIMENSION, 4, q->axis);
  return eao_fbuild_table(&w->b);
}

/* dims (unknown ones as 1) and, when some are unknown, their signature. */
static void shape(eao_tfw *w, const eao_tensor *t, eao_fref *out_shape, eao_fref *out_signature) {
  int32_t dim[EAO_MAX_RANK], sign[EAO_MAX_RANK];
  bool open = false;
  *out_shape = *out_signature = 0;
  if (t->rank < 0) return;
  for (int32_t i = 0; i < t->rank; i++) {
    if (t->dim[i] > INT32_MAX && w->b.status == EAO_OK)
      w->b.status = eao_fail(w->ctx, EAO_ERR_UNSUPPORTED, "an extent above 2^31");
    sign[i] = (int32_t)t->dim[i];
    dim[i] = t->dim[i] < 0 ? 1 : sign[i];
    open = open || t->dim[i] < 0;
  }
  *out_shape = eao_fbuild_vec(&w->b, dim, (size_t)t->rank, 4, 4);
  if (open) *out_signature = eao_fbuild_vec(&w->b, sign, (size_t)t->rank, 4, 4);
}

/* type: TensorType. */
static eao_status add_tensor(eao_tfw_sub *s, const char *name, const eao_tensor *t, int type,
                             uint32_t buffer, bool variable, int32_t *out) {
  eao_tfw *w = s->w;
  eao_fref dims, sign;
  EAO_TRY(
      eao_grow(w->ctx, (void **)&s->tensor, &s->cap_tensor, s->n_tensor + 1, sizeof *s->tensor));
  eao_fref text = eao_fbuild_str(&w->b, name, strlen(name));
  eao_fref q = quantisation(w, &t->quant);
  shape(w, t, &dims, &sign);
  eao_fbuild_ref(&w->b, TFL_TENSOR_SHAPE, dims);
  if (type) eao_fbuild_int(&w->b, TFL_TENSOR_TYPE, 1, type);
  if (buffer) eao_fbuild_int(&w->b, TFL_TENSOR_BUFFER, 4, buffer);
  eao_fbuild_ref(&w->b, TFL_TENSOR_NAME, text);
  eao_fbuild_ref(&w->b, TFL_TENSOR_QUANTIZATION, q);
  if (variable) eao_fbuild_int(&w->b, TFL_TENSOR_IS_VARIABLE, 1, 1);
  eao_fbuild_ref(&w->b, TFL_TENSOR_SHAPE_SIGNATURE, sign);
  if (t->rank >= 0) eao_fbuild_int(&w->b, TFL_TENSOR_HAS_RANK, 1, 1);
  s->tensor[s->n_tensor] = eao_fbuild_table(&w->b);
  *out = (int32_t)s->n_tensor++;
  return w->b.status;
}

uint32_t eao_tfw_state_inputs(uint16_t op) {
  if (op == EAO_OP_svdf || op == EAO_OP_tflite_rnn) return 1u << 4;
  return op == EAO_OP_tflite_lstm ? 3u << EAO_LSTM_H : 0;
}

/* Output that replaces state input i of a recurrent node: they follow the first, in order. */
static uint32_t state_output(uint32_t mask, uint32_t i) {
  uint32_t k = 1;
  for (uint32_t b = 0; b < i; b++) k += mask >> b & 1;
  return k;
}

bool eao_tfw_in_place(const eao_graph *g, uint32_t k) {
  for (eao_nid n = 0; n < g->n_node; n++) {
    const eao_node *node = &g->node[n];
    uint32_t mask = eao_tfw_state_inputs(node->op);
    for (uint32_t i = 0; mask && i < node->n_in; i++)
      if ((mask >> i & 1) && node->in[i] == g->state[k].in)
        return node->out[state_output(mask, i)] == g->state[k].out;
  }
  return false;
}

/* A recurrent operator's state: the graph's state, changed in place. LiteRT starts it at zero. */
static eao_status state_tensor(eao_tfw_sub *s, const eao_node *n, uint32_t i) {
  const eao_graph *g = s->g;
  for (uint32_t k = 0; k < g->n_state; k++)
    if (g->state[k].in == n->in[i] && eao_tfw_in_place(g, k)) return EAO_OK;
  return eao_fail(s->w->ctx, EAO_ERR_UNSUPPORTED,
                  "its state (input %u) must be a state of the graph that it alone changes", i);
}

static bool is_variable(const eao_graph *g, eao_vid v) {
  for (uint32_t k = 0; k < g->n_state; k++)
    if (g->state[k].in == v) return eao_tfw_in_place(g, k);
  return false;
}

eao_status eao_tfw_tensor(eao_tfw_sub *s, eao_vid v, int32_t *out) {
  *out = -1;
  if (v == EAO_NONE) return EAO_OK;
  if (s->tensor_of[v] < 0) {
    const eao_value *val = &s->g->value[v];
    uint32_t buffer = 0;
    int type = type_of(val->t.dtype);
    if (type < 0)
      return eao_fail(s->w->ctx, EAO_ERR_UNSUPPORTED, "value '%s' has no type that TFLite knows",
                      val->name);
    if (val->t.data) {
      uint64_t n;
      EAO_TRY(eao_tensor_nbytes(s->w->ctx, &val->t, &n));
      EAO_TRY(eao_tfw_buffer(s->w, val->t.data, (size_t)n, &buffer));
    }
    EAO_TRY(
        add_tensor(s, val->name, &val->t, type, buffer, is_variable(s->g, v), &s->tensor_of[v]));
  }
  *out = s->tensor_of[v];
  return EAO_OK;
}

/* A buffer of its own. */
static eao_status i32_buffer(eao_tfw_sub *s, const int32_t *v, size_t n, uint32_t *out) {
  EAO_TRY(eao_tfw_buffer(s->w, NULL, 0, out));
  eao_fbuild_ref(&s->w->b, TFL_BUFFER_DATA, eao_fbuild_vec(&s->w->b, v, n * 4, 1, 16));
  s->w->buffer[*out] = eao_fbuild_table(&s->w->b);
  return s->w->b.status;
}

eao_status eao_tfw_const(eao_tfw_sub *s, const int64_t *v, int32_t n, int32_t *out) {
  int32_t small[EAO_MAX_INTS * 2];
  uint32_t buffer, count = n < 0 ? 1 : (uint32_t)n;
  eao_tensor t = {.dtype = EAO_I32, .rank = n < 0 ? 0 : 1, .dim = {n}};
  if (count > EAO_COUNT(small))
    return eao_fail(s->w->ctx, EAO_ERR_INTERNAL, "a list of %u integers", count);
  for (uint32_t i = 0; i < count; i++)
    small[i] = v[i] > INT32_MAX ? INT32_MAX : v[i] < INT32_MIN ? INT32_MIN : (int32_t)v[i];
  EAO_TRY(i32_buffer(s, small, count, &buffer));
  return add_tensor(s, "", &t, TFL_T_INT32, buffer, false, out);
}

eao_status eao_tfw_own(eao_tfw_sub *s, const char *name, const eao_tensor *t, size_t n,
                       int32_t *out) {
  uint32_t buffer;
  EAO_TRY(eao_tfw_buffer(s->w, t->data, n, &buffer));
  s->w->buffer_data[buffer] = NULL; /* the memory may hold something else later */
  return add_tensor(s, name, t, type_of(t->dtype), buffer, false, out);
}

eao_status eao_tfw_extra(eao_tfw_sub *s, const eao_tensor *t, int32_t *out) {
  return add_tensor(s, "", t, type_of(t->dtype), 0, false, out);
}

/* ---- operators ---- */

static eao_status opcode(eao_tfw *w, uint16_t code, const char *custom, uint32_t *out) {
  for (uint32_t i = 0; i < w->n_opcode; i++)
    if (w->opcode[i].code == code &&
        (custom == w->opcode[i].custom ||
         (custom && w->opcode[i].custom && strcmp(custom, w->opcode[i].custom) == 0))) {
      *out = i;
      return EAO_OK;
    }
  EAO_TRY(
      eao_grow(w->ctx, (void **)&w->opcode, &w->cap_opcode, w->n_opcode + 1, sizeof *w->opcode));
  w->opcode[w->n_opcode].code = code;
  w->opcode[w->n_opcode].custom = custom;
  *out = w->n_opcode++;
  return EAO_OK;
}

/* The options table was built from the slots set so far. */
static eao_status add_operator(eao_tfw_sub *s, const eao_tfw_op *op, const int32_t *out,
                               uint32_t n_out) {
  eao_tfw *w = s->w;
  uint32_t code;
  eao_fref options = op->has_options ? eao_fbuild_table(&w->b) : 0;
  EAO_TRY(opcode(w, op->code, op->custom, &code));
  EAO_TRY(eao_grow(w->ctx, (void **)&s->op, &s->cap_op, s->n_op + 1, sizeof *s->op));
  eao_fref ins = eao_fbuild_vec(&w->b, op->in, op->n_in, 4, 4);
  eao_fref outs = eao_fbuild_vec(&w->b, out, n_out, 4, 4), intermediates = 0;
  if (op->n_intermediate)
    intermediates = eao_fbuild_vec(&w->b, op->intermediate, op->n_intermediate, 4, 4);
  if (code) eao_fbuild_int(&w->b, TFL_OPERATOR_OPCODE_INDEX, 4, code);
  eao_fbuild_ref(&w->b, TFL_OPERATOR_INPUTS, ins);
  eao_fbuild_ref(&w->b, TFL_OPERATOR_OUTPUTS, outs);
  eao_fbuild_ref(&w->b, TFL_OPERATOR_CUSTOM_OPTIONS, op->custom_options);
  eao_fbuild_ref(&w->b, TFL_OPERATOR_INTERMEDIATES, intermediates);
  if (op->has_options) {
    eao_fbuild_int(&w->b, TFL_OPERATOR_BUILTIN_OPTIONS_TYPE, 1, op->options);
    eao_fbuild_ref(&w->b, TFL_OPERATOR_BUILTIN_OPTIONS, options);
  }
  s->op[s->n_op++] = eao_fbuild_table(&w->b);
  return w->b.status;
}

/* A list input as INT32: constants of another integer type are written again. */
static eao_status list_input(eao_tfw_sub *s, eao_vid v, int32_t *out) {
  eao_tensor t = s->g->value[v].t;
  const eao_tensor from = t;
  int32_t list[EAO_MAX_INTS * 2];
  uint32_t buffer;
  if (!t.data || t.dtype == EAO_I32) return eao_tfw_tensor(s, v, out);
  int64_t n = eao_tensor_count(&t);
  if (n > (int64_t)EAO_COUNT(list))
    return eao_fail(s->w->ctx, EAO_ERR_UNSUPPORTED, "a list of %lld integers", (long long)n);
  for (int64_t i = 0; i < n; i++) {
    int64_t k = eao_get_i64(&from, i);
    list[i] = k > INT32_MAX ? INT32_MAX : k < INT32_MIN ? INT32_MIN : (int32_t)k;
  }
  t.dtype = EAO_I32;
  EAO_TRY(i32_buffer(s, list, (size_t)n, &buffer));
  return add_tensor(s, s->g->value[v].name, &t, TFL_T_INT32, buffer, false, out);
}

/* A fill with zeros that only SCATTER_ND uses: the operator makes them itself. */
static bool is_scatter_base(const eao_graph *g, const eao_node *n) {
  bool used = false;
  if (n->op != EAO_OP_fill || !eao_tfe_is_zero_fill(g, n->out[0])) return false;
  for (eao_nid k = 0; k < g->n_node; k++)
    for (uint32_t i = 0; i < g->node[k].n_in; i++) {
      if (g->node[k].in[i] != n->out[0]) continue;
      used = true;
      if (g->node[k].op != EAO_OP_scatter_nd || i != 0) return false;
    }
  for (uint32_t i = 0; i < g->n_output; i++)
    if (g->output[i] == n->out[0]) return false;
  return used;
}

static eao_status write_node(eao_tfw_sub *s, const eao_node *n) {
  eao_tfw *w = s->w;
  if (is_scatter_base(s->g, n)) return EAO_OK;
  const eao_tfw_row *row = eao_tfw_find(n->op);
  const eao_op_desc *d = eao_op_get(n->op);
  if (!row)
    return eao_fail(w->ctx, EAO_ERR_UNSUPPORTED, "TFLite has no operator for %s",
                    d ? d->name : "this op");
  /* Two more inputs than the node has: some operators take attributes as inputs. */
  int32_t *io = eao_alloc(w->ctx, (n->n_in + 4u + n->n_out) * sizeof *io);
  if (!io) return EAO_NOMEM(w->ctx);
  int32_t *out = io + n->n_in + 4;
  eao_tfw_op op = {.code = row->code,
                   .options = row->options,
                   .has_options = row->options != 0,
                   .in = io,
                   .n_in = n->n_in};
  eao_status st = EAO_OK;
  for (uint32_t i = 0; st == EAO_OK && i < n->n_in; i++)
    st = n->in[i] != EAO_NONE && i < 8 && (row->lists >> i & 1)
             ? list_input(s, n->in[i], &io[i])
             : eao_tfw_tensor(s, n->in[i], &io[i]);
  for (uint32_t i = 0; st == EAO_OK && i < (eao_tfw_state_inputs(n->op) ? 1 : n->n_out); i++) {
    eao_tensor t = {.dtype = EAO_F32, .rank = 0};
    st = n->out[i] != EAO_NONE ? eao_tfw_tensor(s, n->out[i], &out[i])
                               : add_tensor(s, "unused", &t, 0, 0, false, &out[i]);
  }
  uint32_t states = eao_tfw_state_inputs(n->op), n_out = states ? 1 : n->n_out;
  for (uint32_t i = 0; st == EAO_OK && i < n->n_in; i++)
    if (states >> i & 1) st = state_tensor(s, n, i);
  if (st == EAO_OK && row->fn) st = row->fn(s, n, &op);
  if (st == EAO_OK) st = add_operator(s, &op, out, n_out);
  eao_free(w->ctx, io);
  return st;
}

/* ---- state: resource variables ---- */

static eao_status handle(eao_tfw_sub *s, uint32_t k, int32_t *out) {
  char made[32];
  eao_tensor t = {.rank = 0};
  const char *name = s->g->value[s->g->state[k].in].name;
  snprintf(made, sizeof made, "state%u", k);
  if (!*name) name = made;
  EAO_TRY(add_tensor(s, name, &t, TFL_T_RESOURCE, 0, false, out));
  eao_fref text = eao_fbuild_str(&s->w->b, name, strlen(name));
  eao_fbuild_ref(&s->w->b, TFL_VAR_HANDLE_SHARED_NAME, text);
  eao_tfw_op op = {.code = TFL_VAR_HANDLE, .options = TFL_O_VarHandleOptions, .has_options = true};
  return add_operator(s, &op, out, 1);
}

static eao_status assign(eao_tfw_sub *s, int32_t resource, int32_t value) {
  int32_t in[2] = {resource, value};
  eao_tfw_op op = {.code = TFL_ASSIGN_VARIABLE,
                   .options = TFL_O_AssignVariableOptions,
                   .has_options = true,
                   .in = in,
                   .n_in = 2};
  return add_operator(s, &op, NULL, 0);
}

static eao_status finish_sub(eao_tfw_sub *s, uint32_t index, const char *name, const int32_t *in,
                             uint32_t n_in, const int32_t *out, uint32_t n_out) {
  eao_fbuild *b = &s->w->b;
  eao_fref tensors = eao_fbuild_refs(b, s->tensor, s->n_tensor);
  eao_fref ops = eao_fbuild_refs(b, s->op, s->n_op);
  eao_fref ins = eao_fbuild_vec(b, in, n_in, 4, 4), outs = eao_fbuild_vec(b, out, n_out, 4, 4);
  eao_fref text = eao_fbuild_str(b, name, strlen(name));
  eao_fbuild_ref(b, TFL_SUB_GRAPH_TENSORS, tensors);
  eao_fbuild_ref(b, TFL_SUB_GRAPH_INPUTS, ins);
  eao_fbuild_ref(b, TFL_SUB_GRAPH_OUTPUTS, outs);
  eao_fbuild_ref(b, TFL_SUB_GRAPH_OPERATORS, ops);
  eao_fbuild_ref(b, TFL_SUB_GRAPH_NAME, text);
  s->w->sub[index] = eao_fbuild_table(b);
  return b->status;
}

static void deinit_sub(eao_tfw_sub *s) {
  eao_free(s->w->ctx, s->tensor_of);
  eao_free(s->w->ctx, s->tensor);
  eao_free(s->w->ctx, s->op);
}

static eao_status reserve_sub(eao_tfw *w, uint32_t *out) {
  EAO_TRY(eao_grow(w->ctx, (void **)&w->sub, &w->cap_sub, w->n_sub + 1, sizeof *w->sub));
  *out = w->n_sub++;
  return EAO_OK;
}

/* The subgraph that CALL_ONCE runs: every variable gets its initial value. */
static eao_status init_subgraph(eao_tfw *w, const eao_graph *g, uint32_t *out) {
  eao_tfw_sub s = {.w = w, .g = g};
  eao_status st = reserve_sub(w, out);
  for (uint32_t i = 0; st == EAO_OK && i < g->n_state; i++) {
    eao_tensor t = g->value[g->state[i].in].t;
    if (eao_tfw_in_place(g, i)) continue;
    uint64_t n = 0;
    uint32_t buffer = 0;
    int32_t resource, value;
    void *zeros = NULL;
    st = eao_tensor_nbytes(w->ctx, &t, &n);
    if (st == EAO_OK && !g->state[i].init && !(zeros = eao_alloc(w->ctx, (size_t)n)))
      st = EAO_NOMEM(w->ctx);
    if (st == EAO_OK) st = eao_tfw_buffer(w, zeros ? zeros : g->state[i].init, (size_t)n, &buffer);
    if (zeros) w->buffer_data[buffer] = NULL;
    eao_free(w->ctx, zeros);
    if (st == EAO_OK)
      st = add_tensor(&s, g->state[i].name, &t, type_of(t.dtype), buffer, false, &value);
    if (st == EAO_OK) st = handle(&s, i, &resource);
    if (st == EAO_OK) st = assign(&s, resource, value);
  }
  if (st == EAO_OK) st = finish_sub(&s, *out, "init", NULL, 0, NULL, 0);
  deinit_sub(&s);
  return st;
}

static eao_status read_states(eao_tfw_sub *s, int32_t *resource) {
  eao_tfw *w = s->w;
  uint32_t init;
  uint32_t resources = 0;
  for (uint32_t i = 0; i < s->g->n_state; i++) resources += !eao_tfw_in_place(s->g, i);
  if (!resources) return EAO_OK;
  EAO_TRY(init_subgraph(w, s->g, &init));
  eao_fbuild_int(&w->b, TFL_CALL_ONCE_INIT_SUBGRAPH_INDEX, 4, init);
  eao_tfw_op once = {.code = TFL_CALL_ONCE, .options = TFL_O_CallOnceOptions, .has_options = true};
  EAO_TRY(add_operator(s, &once, NULL, 0));
  for (uint32_t i = 0; i < s->g->n_state; i++) {
    int32_t value;
    if (eao_tfw_in_place(s->g, i)) continue;
    EAO_TRY(handle(s, i, &resource[i]));
    EAO_TRY(eao_tfw_tensor(s, s->g->state[i].in, &value));
    eao_tfw_op op = {.code = TFL_READ_VARIABLE,
                     .options = TFL_O_ReadVariableOptions,
                     .has_options = true,
                     .in = &resource[i],
                     .n_in = 1};
    EAO_TRY(add_operator(s, &op, &value, 1));
  }
  return EAO_OK;
}

/* ---- graphs ---- */

static eao_status write_graph(eao_tfw_sub *s, uint32_t index, int32_t *io) {
  const eao_graph *g = s->g;
  int32_t *in = io, *out = io + g->n_input, *resource = out + g->n_output;
  for (uint32_t i = 0; i < g->n_input; i++) EAO_TRY(eao_tfw_tensor(s, g->input[i], &in[i]));
  EAO_TRY(read_states(s, resource));
  for (eao_nid k = 0; k < g->n_node; k++) {
    if (!g->node[k].op) continue;
    eao_status st = write_node(s, &g->node[k]);
    if (st != EAO_OK) return eao_fail_within(g->ctx, st, "node %u '%s'", k, g->node[k].name);
  }
  for (uint32_t i = 0; i < g->n_state; i++) {
    int32_t value;
    if (eao_tfw_in_place(g, i)) continue;
    EAO_TRY(eao_tfw_tensor(s, g->state[i].out, &value));
    EAO_TRY(assign(s, resource[i], value));
  }
  for (uint32_t i = 0; i < g->n_output; i++) EAO_TRY(eao_tfw_tensor(s, g->output[i], &out[i]));
  return finish_sub(s, index, g->name, in, g->n_input, out, g->n_output);
}

static eao_status run_sub(eao_tfw_sub *s, uint32_t index) {
  const eao_graph *g = s->g;
  eao_ctx *ctx = s->w->ctx;
  int32_t *io = eao_alloc(ctx, (g->n_input + g->n_output + g->n_state) * sizeof *io);
  s->tensor_of = eao_alloc(ctx, g->n_value * sizeof *s->tensor_of);
  if (!io || !s->tensor_of) {
    eao_free(ctx, io);
    return EAO_NOMEM(ctx);
  }
  for (eao_vid v = 0; v < g->n_value; v++) s->tensor_of[v] = -1;
  eao_status st = write_graph(s, index, io);
  eao_free(ctx, io);
  return st;
}

eao_status eao_tfw_subgraph(eao_tfw *w, const eao_graph *g, int32_t *out) {
  eao_tfw_sub s = {.w = w, .g = g};
  uint32_t index;
  EAO_TRY(reserve_sub(w, &index));
  eao_status st = run_sub(&s, index);
  deinit_sub(&s);
  *out = (int32_t)index;
  return st;
}

/* ---- the file ---- */

static eao_status write_model(eao_tfw *w, eao_tfw_sub *main, eao_fref *out) {
  eao_fbuild *b = &w->b;
  eao_fref metadata, signatures, description;
  uint32_t empty, index;
  EAO_TRY(eao_tfw_buffer(w, NULL, 0, &empty)); /* buffer 0: no data */
  EAO_TRY(reserve_sub(w, &index));
  EAO_TRY(run_sub(main, index));
  EAO_TRY(eao_tfw_meta(w, main, &metadata, &signatures, &description));
  eao_fref *codes = eao_alloc(w->ctx, w->n_opcode * sizeof *codes);
  if (!codes) return EAO_NOMEM(w->ctx);
  for (uint32_t i = 0; i < w->n_opcode; i++) {
    uint16_t code = w->opcode[i].code;
    const char *custom = w->opcode[i].custom;
    if (custom)
      eao_fbuild_ref(b, TFL_OPERATOR_CODE_CUSTOM_CODE, eao_fbuild_str(b, custom, strlen(custom)));
    /* Old readers know codes up to 127 only, in one byte. */
    eao_fbuild_int(b, TFL_OPERATOR_CODE_DEPRECATED_BUILTIN_CODE, 1, code < 127 ? code : 127);
    eao_fbuild_int(b, TFL_OPERATOR_CODE_VERSION, 4, code == TFL_BROADCAST_TO ? 2 : 1);
    eao_fbuild_int(b, TFL_OPERATOR_CODE_BUILTIN_CODE, 4, code);
    codes[i] = eao_fbuild_table(b);
  }
  eao_fref opcodes = eao_fbuild_refs(b, codes, w->n_opcode);
  eao_free(w->ctx, codes);
  eao_fref subs = eao_fbuild_refs(b, w->sub, w->n_sub);
  eao_fref buffers = eao_fbuild_refs(b, w->buffer, w->n_buffer);
  eao_fbuild_int(b, TFL_MODEL_VERSION, 4, 3);
  eao_fbuild_ref(b, TFL_MODEL_OPERATOR_CODES, opcodes);
  eao_fbuild_ref(b, TFL_MODEL_SUBGRAPHS, subs);
  eao_fbuild_ref(b, TFL_MODEL_DESCRIPTION, description);
  eao_fbuild_ref(b, TFL_MODEL_BUFFERS, buffers);
  eao_fbuild_ref(b, TFL_MODEL_METADATA, metadata);
  eao_fbuild_ref(b, TFL_MODEL_SIGNATURE_DEFS, signatures);
  *out = eao_fbuild_table(b);
  return b->status;
}

static eao_status to_bytes(eao_tfw *w, eao_tfw_sub *main, const eao_graph *g, uint8_t **out_data,
                           size_t *out_size) {
  eao_fref model;
  const uint8_t *p;
  size_t n;
  eao_text file;
  EAO_TRY(write_model(w, main, &model));
  EAO_TRY(eao_fbuild_finish(&w->b, model, EAO_TFL_ID, &p, &n));
  eao_text_init(&file, w->ctx);
  eao_text_add(&file, (const char *)p, n);
  eao_status st = eao_tfw_files(w->ctx, g, &file);
  if (st == EAO_OK && file.failed) st = EAO_NOMEM(w->ctx);
  if (st != EAO_OK) {
    eao_text_deinit(&file);
    return st;
  }
  *out_data = (uint8_t *)file.p;
  *out_size = file.len;
  return EAO_OK;
}

eao_status eao_emit_tflite(const eao_graph *g, uint8_t **out_data, size_t *out_size) {
  eao_graph *legal, *inside = NULL;
  eao_tfw w = {.ctx = g->ctx};
  if (eao_tfe_is_mixed(g)) EAO_TRY(eao_tfe_signed(g, &inside));
  eao_status made = eao_tfe_legalise(inside ? inside : g, &legal);
  if (made != EAO_OK) {
    eao_graph_destroy(inside);
    return made;
  }
  eao_tfw_sub main = {.w = &w, .g = legal};
  eao_fbuild_init(&w.b, g->ctx);
  eao_status st = to_bytes(&w, &main, legal, out_data, out_size);
  deinit_sub(&main);
  eao_fbuild_deinit(&w.b);
  eao_free(g->ctx, w.opcode);
  eao_free(g->ctx, w.buffer);
  eao_free(g->ctx, w.buffer_data);
  eao_free(g->ctx, w.sub);
  eao_graph_destroy(legal);
  eao_graph_destroy(inside);
  return st == EAO_OK ? st : eao_fail_within(g->ctx, st, "TFLite export");
}
