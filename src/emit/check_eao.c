#include "emit/check_eao.h"

#include <string.h>

#include "kernel/plain/depthwise_dot.h"
#include "kernel/plain/depthwise_f32.h"
#include "op/op.h"
#include "plan/plan.h"

/* A step as the compiler saw it. */
typedef struct call {
  eao_ctx *ctx;
  const eao_rt_model *m;
  const eao_pkg_step *step;
  const eao_op_desc *d;
  const eao_kernel_info *fast; /* NULL: the reference kernel */
  const void *attr;
  const eao_tensor *blob; /* packed constants; NULL: none */
  eao_tensor *t;          /* n_in + n_out */
  const eao_tensor **in;
  eao_tensor *w; /* stands for the weights that were packed */
} call;

static const eao_kernel_info *fast_kernel(uint16_t id) {
  uint32_t n;
  const eao_kernel_info *k = eao_kernel_infos(&n);
  for (uint32_t i = 0; i < n; i++)
    if (k[i].id == id) return &k[i];
  return NULL;
}

static eao_status bad(const call *c, const char *what) {
  return eao_fail(c->ctx, EAO_ERR_FORMAT, "%s", what);
}

static const eao_pkg_tensor *record(const call *c, uint32_t i) {
  uint32_t r = eao_rt_refs(c->m)[c->step->refs + i];
  return r == EAO_PKG_NONE ? NULL : &eao_rt_tensors(c->m)[r];
}

static void set_tensors(call *c) {
  const eao_pkg_step *s = c->step;
  for (uint32_t i = 0; i < (uint32_t)s->n_in + s->n_out; i++) {
    const eao_pkg_tensor *p = record(c, i);
    if (!p) continue;
    c->t[i] = eao_rt_tensor_type(c->m, eao_rt_refs(c->m)[s->refs + i]);
    if (p->place == EAO_PKG_CONST)
      c->t[i].data = (uint8_t *)(uintptr_t)eao_rt_section(c->m, EAO_PKG_DATA) + p->offset;
    if (i < s->n_in) c->in[i] = &c->t[i];
  }
}

/* The weights whose packed form a blob is: their shape follows from the attributes. */
static eao_status unpack_conv(call *c) {
  const eao_conv_attr *a = c->attr;
  const eao_tensor *x = c->in[0], *y = &c->t[c->step->n_in];
  int32_t spatial = a->kernel.n, r = spatial + 2;
  bool last = a->layout == EAO_LAYOUT_CHANNELS_LAST;
  if (spatial < 1 || spatial > 3 || x->rank != r || y->rank != r || a->group < 1)
    return bad(c, "a packed convolution with an impossible shape");
  int64_t channels = x->dim[last ? r - 1 : 1], outputs = y->dim[last ? r - 1 : 1];
  bool depthwise = a->w_layout == EAO_WLAYOUT_1KO;
  int32_t first = depthwise || a->w_layout == EAO_WLAYOUT_OKI ? 1 : 2;
  c->w->rank = r;
  c->w->dim[0] = depthwise ? 1 : outputs;
  c->w->dim[first == 1 ? r - 1 : 1] = depthwise ? outputs : channels / a->group;
  for (int32_t i = 0; i < spatial; i++) c->w->dim[first + i] = a->kernel.v[i];
  return channels % a->group ? bad(c, "channels do not divide into groups") : EAO_OK;
}

static eao_status unpack_fully_connected(call *c) {
  const eao_tensor *x = c->in[0], *y = &c->t[c->step->n_in];
  int64_t n = y->rank > 0 ? y->dim[y->rank - 1] : 0, count = eao_tensor_count(y);
  if (n <= 0 || count == 0) return bad(c, "a packed layer without outputs");
  c->w->rank = 2;
  c->w->dim[0] = n;
  c->w->dim[1] = eao_tensor_count(x) / (count / n);
  return EAO_OK;
}

/* Puts weights back where packing took them out. */
static eao_status unpack(call *c) {
  static const float one = 1;
  const eao_pkg_step *s = c->step;
  bool pack = c->fast && (c->fast->flags & EAO_KFLAG_PACK);
  for (uint32_t i = 1; pack && i < s->n_in; i++)
    if (c->in[i]) {
      bool is_blob = !c->blob && c->in[i]->data && c->in[i]->dtype == EAO_U8 &&
                     c->in[i]->rank == 1 && c->in[i]->quant.n == 0;
      if (!is_blob) return bad(c, "a packed step has other inputs than its blob");
      c->blob = c->in[i];
      c->in[i] = NULL;
    }
  if (!pack) return EAO_OK;
  if (!c->blob || s->n_in < 2 || !c->in[0]) return bad(c, "packed constants are missing");
  /* The types of constants that a kernel packs are in its name. */
  bool bytes = strstr(c->fast->name, "i8w") || !eao_dtype_is_float(c->in[0]->dtype);
  c->w->dtype = bytes ? EAO_I8 : strstr(c->fast->name, "f16w") ? EAO_F16 : EAO_F32;
  if (c->w->dtype == EAO_I8) c->w->quant = (eao_quant){.axis = -1, .n = 1, .scale = &one};
  c->in[1] = c->w;
  if (s->op == EAO_OP_conv) return unpack_conv(c);
  if (s->op == EAO_OP_fully_connected) return unpack_fully_connected(c);
  return bad(c, "packed constants of an op that has none");
}

static eao_status check_shapes(call *c) {
  const eao_pkg_step *s = c->step;
  eao_tensor *out = eao_alloc(c->ctx, s->n_out * sizeof *out);
  if (!out) return EAO_NOMEM(c->ctx);
  for (uint32_t i = 0; i < s->n_out; i++) {
    out[i] = c->t[s->n_in + i];
    if (!record(c, s->n_in + i)) out[i] = (eao_tensor){.rank = -1};
  }
  eao_infer f = {
      .ctx = c->ctx, .attr = c->attr, .n_in = s->n_in, .n_out = s->n_out, .in = c->in, .out = out};
  eao_status e = c->d->infer(&f);
  for (uint32_t i = 0; e == EAO_OK && i < s->n_out; i++) {
    const eao_tensor *want = &c->t[s->n_in + i];
    if (!record(c, s->n_in + i)) continue;
    bool same = out[i].dtype == want->dtype && out[i].rank == want->rank;
    for (int32_t k = 0; same && k < want->rank; k++) same = out[i].dim[k] == want->dim[k];
    if (!same) e = bad(c, "an output has another type or shape than the op gives");
  }
  eao_free(c->ctx, out);
  return e;
}

/* Groups of pixels are the one thing of a blob's head that loops count by. */
static bool group_ok(const call *c) {
  int32_t group;
  if (strncmp(c->fast->name, "depthwise_dot", 13) == 0)
    memcpy(&group, (const char *)c->blob->data + offsetof(eao_conv_i8_head, pad), sizeof group);
  else if (strncmp(c->fast->name, "depthwise_narrow", 16) == 0)
    memcpy(&group, (const char *)c->blob->data + offsetof(eao_depthwise_f32_head, group),
           sizeof group);
  else
    return true;
  return group >= 1 && group <= 64;
}

static eao_status check_blob(call *c) {
  const eao_pkg_step *s = c->step;
  if (!c->blob) return EAO_OK;
  eao_tensor *out = &c->t[s->n_in];
  eao_kcall plain = {.in = c->in, .out = &out, .n_in = s->n_in, .n_out = 1, .attr = c->attr};
  if (s->n_out != 1 || c->fast->pack(&plain, NULL) != (uint64_t)c->blob->dim[0])
    return bad(c, "packed constants have another size than its kernel reads");
  if (!group_ok(c)) return bad(c, "packed constants are malformed");
  return EAO_OK;
}

static bool in_stage(const call *c, uint32_t i) {
  const eao_pkg_stage *st = eao_rt_section(c->m, EAO_PKG_STAGES);
  for (uint64_t k = 0; k < eao_rt_count(c->m, EAO_PKG_STAGES); k++)
    if (i >= st[k].first_step && i - st[k].first_step < st[k].n_step) return true;
  return false;
}

/* Bands: which rows the step needs is the op's word, not the package's. */
static eao_status check_rows(call *c) {
  const eao_pkg_step *s = c->step;
  uint32_t n = (uint32_t)s->n_in + s->n_out;
  eao_plan_tensor *t = eao_alloc(c->ctx, n * sizeof *t);
  uint32_t *ref = eao_alloc(c->ctx, n * sizeof *ref);
  eao_plan plan = {.ctx = c->ctx, .tensor = t, .n_tensor = n};
  eao_plan_step ps = {.kernel = s->kernel,
                      .op = s->op,
                      .kernel_flags = c->fast ? c->fast->flags : 0,
                      .n_in = s->n_in,
                      .n_out = s->n_out,
                      .ref = ref,
                      .attr = c->attr,
                      .pads = EAO_NONE};
  bool ok = t && ref;
  for (uint32_t i = 0; ok && i < n; i++) {
    const eao_pkg_tensor *p = record(c, i);
    ref[i] = p ? i : EAO_NONE;
    if (!p) continue;
    t[i].t = c->t[i];
    t[i].bytes = (uint64_t)eao_dtype_bytes(c->t[i].dtype, eao_tensor_count(&c->t[i]));
  }
  if (ok) eao_plan_find_rows(&plan, &ps);
  eao_status e = !t || !ref ? EAO_NOMEM(c->ctx) : EAO_OK;
  if (ok && !(ps.row_local && ps.row_inputs == s->row_inputs && ps.stride == s->stride &&
              ps.window == s->window && ps.pad_top == s->pad_top && ps.pads == s->pads))
    e = bad(c, "it cannot run by bands as the package says");
  eao_free(c->ctx, t);
  eao_free(c->ctx, ref);
  return e;
}

static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes) {
  return a_bytes && b_bytes && a < b + b_bytes && b < a + a_bytes;
}

/* Results must not overwrite what the kernel still reads, nor its scratch. */
static eao_status check_memory(const call *c) {
  const eao_pkg_step *s = c->step;
  bool in_place = c->fast ? (c->fast->flags & EAO_KFLAG_INPLACE) != 0
                          : (c->d->traits & EAO_TRAIT_ELEMENTWISE) != 0;
  for (uint32_t i = 0; i < (uint32_t)s->n_in + s->n_out; i++) {
    const eao_pkg_tensor *a = record(c, i);
    if (!a || a->place != EAO_PKG_ARENA) continue;
    if (overlap(a->offset, a->bytes, s->scratch_offset, s->scratch_bytes))
      return bad(c, "its scratch memory overlaps a tensor");
    for (uint32_t k = s->n_in; k < (uint32_t)s->n_in + s->n_out; k++) {
      const eao_pkg_tensor *o = record(c, k);
      if (k == i || !o || !overlap(a->offset, a->bytes, o->offset, o->bytes)) continue;
      bool allowed = in_place && i < s->n_in && a->offset == o->offset && a->bytes == o->bytes;
      if (!allowed) return bad(c, "an output overlaps another tensor");
    }
  }
  return EAO_OK;
}

static eao_status check_step(call *c, uint32_t i) {
  const eao_pkg_step *s = c->step;
  c->d = eao_op_get(s->op);
  c->fast = fast_kernel(s->kernel);
  c->attr = (const uint8_t *)eao_rt_section(c->m, EAO_PKG_ATTRS) + s->attr;
  if (!c->d || s->attr_bytes != c->d->attr_size) return bad(c, "no such op");
  if ((c->d->max_in != EAO_VARIADIC && s->n_in > c->d->max_in) ||
      (c->d->max_out != EAO_VARIADIC && s->n_out > c->d->max_out))
    return bad(c, "too many inputs or outputs");
  EAO_TRY(eao_op_check_attrs(c->ctx, c->d, c->attr));
  set_tensors(c);
  EAO_TRY(check_memory(c));
  if (in_stage(c, i)) EAO_TRY(check_rows(c));
  EAO_TRY(unpack(c));
  EAO_TRY(check_shapes(c));
  return check_blob(c);
}

eao_status eao_check_package(eao_ctx *ctx, const eao_rt_model *m) {
  eao_status e = EAO_OK;
  for (uint32_t i = 0; e == EAO_OK && i < eao_rt_count(m, EAO_PKG_STEPS); i++) {
    const eao_pkg_step *s = &eao_rt_steps(m)[i];
    eao_tensor w = {.rank = 0};
    size_t n = (size_t)s->n_in + s->n_out;
    call c = {.ctx = ctx, .m = m, .step = s, .w = &w};
    c.t = eao_alloc(ctx, (n + 1) * sizeof *c.t);
    c.in = eao_alloc(ctx, (n + 1) * sizeof *c.in);
    e = c.t && c.in ? check_step(&c, i) : EAO_NOMEM(ctx);
    eao_free(ctx, c.t);
    eao_free(ctx, c.in);
    if (e != EAO_OK) return eao_fail_within(ctx, e, "step %u '%s'", i, eao_rt_string(m, s->name));
  }
  return e;
}
