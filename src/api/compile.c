/* Models to packages. */
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/compiled.h"
#include "emit/emit_eao.h"
#include "interp/interp.h"
#include "plan/verified.h"
#include "target/target.h"

enum { ALIGN = 64 };

/* What the plan's prices need to know of the machine; speeds of this machine are not measured for
 * it, since that takes longer than compiling. What counts is the last cache: measured, kernels lose
 * nothing to a level before it, since they read in order. */
static void set_machine(const eao_cluster *k, double bandwidth_gb_s, eao_plan_opts *out) {
  double cores = k->cores > 0 && out->threads > k->cores ? (double)k->cores : out->threads;
  double kib = k->l3_kib > 0 ? k->l3_kib : cores * (k->l2_kib > 0 ? k->l2_kib : k->l1d_kib);
  out->machine.cache_bytes = (uint64_t)(kib * 1024);
  out->machine.far_gb_s = bandwidth_gb_s;
  out->machine.cache_gb_s = 4 * bandwidth_gb_s;
}

static void use_host(eao_plan_opts *out) {
  eao_cluster k;
  eao_target_host_caches(&k);
  set_machine(&k, 10, out);
  out->machine.f32_gmacs = 40;
  out->machine.i8_gmacs = 80;
  out->machine.call_us = 0.1;
  out->machine.share_us = 1;
}

static eao_status use_profile(eao_ctx *ctx, const char *name, eao_plan_opts *out) {
  eao_target t;
  EAO_TRY(eao_target_load(ctx, name, &t));
  const eao_cluster *k = &t.cluster[0];
  out->isa = (uint32_t)t.isa;
  out->cpu = t.cpu_flags;
  out->device_ram = (uint64_t)(t.ram_kib * 1024);
  out->weights_in_ram = t.weights_in_ram;
  set_machine(k, t.bandwidth_gb_s, out);
  out->machine.f32_gmacs = k->f32_gmacs * t.efficiency_f32;
  out->machine.i8_gmacs = k->i8_gmacs * t.efficiency_i8;
  out->machine.call_us = t.step_overhead_us / 4; /* the step's code and tables are warm */
  out->machine.share_us = t.step_overhead_us;
  return EAO_OK;
}

static eao_status choose_target(eao_ctx *ctx, const eao_compile_opts *o, eao_plan_opts *out) {
  *out = (eao_plan_opts){.isa = eao_cpu_isa(),
                         .cpu = eao_cpu_flags(),
                         .threads = o->threads ? o->threads : 1,
                         .stream = o->stream,
                         .ref_only = o->ref_only,
                         .ram_budget = o->ram_budget};
  static const struct {
    const char *name;
    eao_isa isa;
  } bare[] = {{"generic", EAO_ISA_ANY},
              {"x86_64", EAO_ISA_X86_64},
              {"aarch64", EAO_ISA_ARM64},
              {"armv7", EAO_ISA_ARM32},
              {"riscv64", EAO_ISA_RISCV64}};
  if (!o->target || strcmp(o->target, "host") == 0) {
    use_host(out);
    return EAO_OK;
  }
  for (size_t i = 0; i < EAO_COUNT(bare); i++) {
    if (strcmp(o->target, bare[i].name) != 0) continue;
    out->isa = (uint32_t)bare[i].isa;
    out->cpu = 0;
    return EAO_OK;
  }
  return use_profile(ctx, o->target, out);
}

/* A run of the interpreter on random inputs, for the self-test. */
static eao_status golden_run(eao_graph *g, eao_interp **out_it, eao_tensor *in, eao_tensor *out) {
  *out_it = eao_interp_create(g);
  if (!*out_it) return EAO_NOMEM(g->ctx);
  EAO_TRY(eao_random_inputs(g, 1, in));
  return eao_interp_run(*out_it, in, g->n_input, out, g->n_output);
}

eao_status eao_compiled_hold(eao_compiled *c, const void *package, size_t size) {
  c->block = eao_alloc(c->ctx, size + ALIGN);
  if (!c->block) return EAO_NOMEM(c->ctx);
  c->data = c->block + (ALIGN - (uintptr_t)c->block % ALIGN) % ALIGN;
  c->size = size;
  if (size) memcpy(c->data, package, size);
  return EAO_OK;
}

static eao_status emit(eao_compiled *c, const eao_compile_opts *o) {
  eao_graph *g = c->plan->g;
  eao_meta source = {"source", o->source};
  eao_package_opts po = {.meta = &source, .n_meta = o->source ? 1 : 0};
  eao_tensor *in = eao_alloc(c->ctx, g->n_input * sizeof *in);
  eao_tensor *out = eao_alloc(c->ctx, g->n_output * sizeof *out);
  eao_interp *it = NULL;
  eao_text t;
  eao_text_init(&t, c->ctx);
  eao_status s = in && out ? EAO_OK : EAO_NOMEM(c->ctx);
  if (s == EAO_OK && o->golden) {
    s = golden_run(g, &it, in, out);
    po.golden_in = in;
    po.golden_out = out;
  }
  if (s == EAO_OK) s = eao_emit_package(c->plan, &po, &t);
  if (s == EAO_OK) s = eao_compiled_hold(c, t.p, t.len);
  for (uint32_t i = 0; in && i < g->n_input; i++) eao_free(c->ctx, in[i].data);
  eao_interp_destroy(it);
  eao_free(c->ctx, in);
  eao_free(c->ctx, out);
  eao_text_deinit(&t);
  return s;
}

static eao_status run_passes(eao_model *m, const eao_compile_opts *o, eao_compiled *c) {
  if (o->verify) return eao_passes_run_verified(m->g, 1, &c->pass, &c->n_pass);
  return eao_passes_run(m->g, NULL, &c->pass, &c->n_pass);
}

eao_status eao_model_compile(eao_model *m, const eao_compile_opts *opts, eao_compiled **out) {
  static const eao_compile_opts none;
  const eao_compile_opts *o = opts ? opts : &none;
  eao_plan_opts po;
  *out = NULL;
  if (m->package) return eao_fail(m->ctx, EAO_ERR_ARG, "the model is compiled already");
  EAO_TRY(choose_target(m->ctx, o, &po));
  eao_compiled *c = eao_alloc(m->ctx, sizeof *c);
  if (!c) return EAO_NOMEM(m->ctx);
  c->ctx = m->ctx;
  eao_status s = run_passes(m, o, c);
  if (s == EAO_OK) s = eao_plan_create(m->g, &po, &c->plan);
  if (s == EAO_OK) s = eao_compiled_list_buffers(c);
  if (s == EAO_OK) s = emit(c, o);
  if (s != EAO_OK) {
    eao_compiled_destroy(c);
    return s;
  }
  *out = c;
  return EAO_OK;
}

void eao_compiled_destroy(eao_compiled *c) {
  if (!c) return;
  eao_plan_destroy(c->plan);
  eao_free(c->ctx, c->block);
  eao_free(c->ctx, c->buffer);
  eao_free(c->ctx, c);
}

const void *eao_compiled_data(const eao_compiled *c, size_t *out_size) {
  *out_size = c->size;
  return c->data;
}

eao_status eao_compiled_save(const eao_compiled *c, const char *path) {
  return eao_file_write(c->ctx, path, c->data, c->size);
}

eao_compiled_info eao_compiled_get(const eao_compiled *c) {
  const eao_plan *p = c->plan;
  if (!p) return (eao_compiled_info){.file_bytes = c->size};
  eao_compiled_info r = {.arena_bytes = p->arena_bytes,
                         .arena_bound_bytes = p->arena_bound_bytes,
                         .arena_bytes_layerwise = p->arena_bytes_layerwise,
                         .arena_bound_layerwise_bytes = p->arena_bound_layerwise,
                         .arena_bound_any_order_bytes = p->arena_bound_any_order,
                         .reordered = p->reordered,
                         .weight_bytes = p->weight_bytes,
                         .file_bytes = c->size,
                         .n_step = p->n_step,
                         .n_pass = c->n_pass,
                         .n_buffer = c->n_buffer};
  for (uint32_t i = 0; i < p->n_entry; i++)
    if (p->entry[i].n_band) r.n_stage++;
  return r;
}

eao_compiled_step eao_compiled_get_step(const eao_compiled *c, uint32_t i) {
  const eao_plan *p = c->plan;
  const eao_plan_step *s = &p->step[i];
  eao_compiled_step r = {.name = s->name,
                         .op = s->op_name,
                         .kernel = s->kernel_name,
                         .why = s->why,
                         .macs = s->macs,
                         .scratch_bytes = s->scratch_bytes,
                         .stage = EAO_NO_ID};
  for (uint32_t k = 0; k < s->n_in; k++)
    if (s->ref[k] != EAO_NONE)
      *(eao_plan_is_const(p, s->ref[k]) ? &r.weight_bytes : &r.in_bytes) +=
          p->tensor[s->ref[k]].bytes;
  for (uint32_t k = s->n_in; k < s->n_in + s->n_out; k++)
    if (s->ref[k] != EAO_NONE) r.out_bytes += p->tensor[s->ref[k]].bytes;
  for (uint32_t e = 0, stage = 0; e < p->n_entry; e++) {
    const eao_plan_entry *x = &p->entry[e];
    if (i >= x->first && i < x->first + x->n) {
      r.live_bytes = x->live_bytes;
      if (x->n_band) r.stage = stage;
    }
    if (x->n_band) stage++;
  }
  if (s->n_out == 0 || s->ref[s->n_in] == EAO_NONE) return r;
  const eao_plan_tensor *out = &p->tensor[s->ref[s->n_in]];
  if (out->t.rank > 0) r.channels = (uint64_t)out->t.dim[out->t.rank - 1];
  r.band_rows = out->rows;
  if (r.stage != EAO_NO_ID) r.rows = (uint32_t)out->t.dim[1];
  r.in_place = s->in_place != EAO_NONE && r.stage == EAO_NO_ID &&
               out->root == p->tensor[s->ref[s->in_place]].root;
  return r;
}

eao_compiled_pass eao_compiled_get_pass(const eao_compiled *c, uint32_t i) {
  const eao_pass_report *r = &c->pass[i];
  return (eao_compiled_pass){r->name, r->doc, r->changes, (double)r->ns / 1e6};
}
