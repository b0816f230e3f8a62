/* The kernel of each step: the last row of kernels.def that the target can run and that takes the
 * call, else the reference kernel. */
#include <string.h>

#include "op/window.h"
#include "plan/plan.h"

/* The op's plain call, as match and pack functions get it. */
static eao_status plain_call(eao_plan *p, const eao_plan_step *s, eao_kcall *out) {
  eao_tensor **ptr = eao_arena_array(&p->arena, (uint64_t)s->n_in + s->n_out, sizeof *ptr);
  if (!ptr) return EAO_NOMEM(p->ctx);
  for (uint32_t i = 0; i < s->n_in + s->n_out; i++) {
    if (s->ref[i] == EAO_NONE) continue;
    /* A copy: the table of tensors may move when a packed constant is added. */
    ptr[i] = eao_arena_dup(&p->arena, &p->tensor[s->ref[i]].t, sizeof **ptr);
    if (!ptr[i]) return EAO_NOMEM(p->ctx);
  }
  *out = (eao_kcall){.in = (const eao_tensor *const *)ptr,
                     .out = ptr + s->n_in,
                     .n_in = s->n_in,
                     .n_out = s->n_out,
                     .attr = s->attr};
  return EAO_OK;
}

/* Replaces the constant inputs by one packed blob. */
static eao_status pack(eao_plan *p, eao_plan_step *s, const eao_kernel_info *k,
                       const eao_kcall *plain) {
  size_t bytes = k->pack(plain, NULL);
  if (bytes == 0) return EAO_OK;
  void *blob = eao_arena_alloc(&p->arena, bytes);
  if (!blob) return EAO_NOMEM(p->ctx);
  if (k->pack(plain, blob) != bytes)
    return eao_fail(p->ctx, EAO_ERR_INTERNAL, "kernel %s packs another size than it said", k->name);
  eao_plan_tensor t = {.name = s->name, .bytes = bytes};
  t.t = (eao_tensor){.dtype = EAO_U8, .rank = 1, .dim = {(int64_t)bytes}, .data = blob};
  bool placed = false;
  for (uint32_t i = 0; i < s->n_in; i++) {
    if (s->ref[i] == EAO_NONE || !eao_plan_is_const(p, s->ref[i])) continue;
    s->ref[i] = EAO_NONE;
    if (placed) continue;
    EAO_TRY(eao_plan_add_tensor(p, &t, &s->ref[i]));
    placed = true;
  }
  if (!placed)
    return eao_fail(p->ctx, EAO_ERR_INTERNAL, "kernel %s packs a call without constants", k->name);
  return EAO_OK;
}

static eao_status use_fast(eao_plan *p, eao_plan_step *s, const eao_kernel_info *k,
                           const eao_kcall *plain) {
  s->kernel = k->id;
  s->kernel_name = k->name;
  s->kernel_flags = k->flags;
  if (k->pack) EAO_TRY(pack(p, s, k, plain));
  if (!k->scratch) return EAO_OK;
  eao_kcall c;
  EAO_TRY(plain_call(p, s, &c));
  s->scratch_bytes = k->scratch(&c, p->opts.threads);
  return EAO_OK;
}

/* Input whose buffer out[0] may take over, if it dies at this step: element i must be read before
 * element i is written. */
static void find_in_place(const eao_plan *p, eao_plan_step *s, uint32_t flags, uint32_t traits) {
  if (s->n_out != 1 || s->ref[s->n_in] == EAO_NONE) return;
  const eao_plan_tensor *out = &p->tensor[s->ref[s->n_in]];
  bool fast = s->kernel >= EAO_KERNEL_FAST;
  if (fast ? !(flags & EAO_KFLAG_INPLACE) : !(traits & EAO_TRAIT_ELEMENTWISE)) return;
  for (uint32_t i = 0; i < s->n_in; i++) {
    if (s->ref[i] == EAO_NONE || eao_plan_is_const(p, s->ref[i])) continue;
    const eao_plan_tensor *in = &p->tensor[s->ref[i]];
    bool repeated = false;
    for (uint32_t k = 0; k < s->n_in; k++)
      if (k != i && s->ref[k] != EAO_NONE && p->tensor[s->ref[k]].view == in->view) repeated = true;
    if (!repeated && in->bytes == out->bytes && p->tensor[in->view].bytes == in->bytes &&
        eao_tensor_count(&in->t) == eao_tensor_count(&out->t) && eao_dtype_bits(in->t.dtype) >= 8) {
      s->in_place = i;
      return;
    }
    if (fast) return; /* the flag speaks of the first input only */
  }
}

/* Weights stored narrower than the data they meet, which no fast kernel of the target takes so: the
 * reference kernel would widen each of them again and again. */
static eao_status widen_weights(eao_plan *p, eao_plan_step *s, bool *out_done) {
  *out_done = false;
  bool weighted =
      s->op == EAO_OP_conv || s->op == EAO_OP_conv_transpose || s->op == EAO_OP_fully_connected;
  if (!weighted || eao_op_hybrid(s->op, s->attr) || !eao_plan_is_const(p, s->ref[1])) return EAO_OK;
  const eao_tensor from = p->tensor[s->ref[1]].t;
  if (p->tensor[s->ref[0]].t.dtype != EAO_F32 || from.dtype == EAO_F32) return EAO_OK;
  int64_t n = eao_tensor_count(&from);
  eao_plan_tensor t = {.name = p->tensor[s->ref[1]].name, .t = from};
  float *data = eao_arena_array(&p->arena, (uint64_t)n, sizeof *data);
  if (!data) return EAO_NOMEM(p->ctx);
  for (int64_t i = 0; i < n; i++) data[i] = (float)eao_get_real(&from, i);
  t.t.dtype = EAO_F32;
  t.t.quant = (eao_quant){0};
  t.t.data = data;
  t.bytes = (uint64_t)n * sizeof *data;
  *out_done = true;
  return eao_plan_add_tensor(p, &t, &s->ref[1]);
}

static bool has_fast(uint16_t op) {
  uint32_t n;
  const eao_kernel_info *k = eao_kernel_infos(&n);
  for (uint32_t i = 0; i < n; i++)
    if (k[i].op == op) return true;
  return false;
}

void eao_plan_set_split(const eao_plan *p, eao_plan_step *s) {
  uint64_t out_bytes =
      s->n_out && s->ref[s->n_in] != EAO_NONE ? p->tensor[s->ref[s->n_in]].bytes : 0;
  s->split = eao_plan_worth_sharing(s->macs, out_bytes);
}

eao_status eao_plan_select(eao_plan *p, eao_plan_step *s) {
  const eao_op_desc *d = eao_op_get(s->op);
  const eao_kernel_info *best = NULL;
  eao_kcall c;
  EAO_TRY(plain_call(p, s, &c));
  if (!p->opts.ref_only) best = eao_kernel_choose(s->op, &c, p->opts.isa, p->opts.cpu);
  bool widened = false;
  if (!best) EAO_TRY(widen_weights(p, s, &widened));
  if (widened) return eao_plan_select(p, s);
  eao_infer f = {.ctx = p->ctx, .attr = s->attr, .n_in = c.n_in, .n_out = c.n_out, .in = c.in};
  if (d->cost) {
    eao_cost cost = {0};
    f.out = eao_arena_array(&p->arena, s->n_out, sizeof *f.out);
    if (!f.out) return EAO_NOMEM(p->ctx);
    for (uint32_t i = 0; i < s->n_out; i++)
      if (c.out[i]) f.out[i] = *c.out[i];
    d->cost(&f, &cost);
    s->macs = cost.macs;
  }
  if (best) {
    s->why = "fastest kernel that takes these types and shapes";
    EAO_TRY(use_fast(p, s, best, &c));
  } else {
    s->kernel = s->op;
    s->kernel_name = "ref";
    s->why = p->opts.ref_only  ? "reference kernels asked for"
             : has_fast(s->op) ? "no fast kernel takes these types and attributes"
                               : "the op has no fast kernel";
    if (!eao_kernel_get(s->op))
      return eao_fail(p->ctx, EAO_ERR_UNSUPPORTED, "the device runtime has no kernel for %s",
                      d->name);
    if (d->ref_scratch) s->scratch_bytes = d->ref_scratch(&c);
  }
  eao_plan_set_split(p, s);
  find_in_place(p, s, best ? best->flags : 0, d->traits);
  return EAO_OK;
}
