#include "emit/emit_eao.h"

#include <string.h>

#include "format/eao_format.h"

typedef struct writer {
  const eao_plan *p;
  eao_ctx *ctx;
  eao_text sec[EAO_PKG_SECTIONS];
  uint32_t *number; /* by tensor of the plan: number in the package, EAO_NONE: not in it */
  uint32_t *order;  /* the other way round */
  uint64_t *data;   /* by tensor: where its constant stands in DATA */
  uint32_t n_tensor;
} writer;

static uint32_t count(const writer *w, eao_pkg_section s) {
  return (uint32_t)(w->sec[s].len / eao_pkg_element_bytes[s]);
}

static void add(writer *w, eao_pkg_section s, const void *p, size_t n) {
  eao_text_add(&w->sec[s], p, n);
}

static void pad(eao_text *t, size_t align) {
  static const char zeros[EAO_PKG_ALIGN];
  eao_text_add(t, zeros, (align - t->len % align) % align);
}

/* Adds bytes to a section unless they are there already at that alignment; returns where. */
static uint64_t add_once(writer *w, eao_pkg_section s, const void *p, size_t n, size_t align) {
  eao_text *t = &w->sec[s];
  for (size_t i = 0; n && !t->failed && i + n <= t->len; i += align)
    if (memcmp(t->p + i, p, n) == 0) return i;
  pad(t, align);
  uint64_t at = t->len;
  add(w, s, p, n);
  return at;
}

static uint32_t string(writer *w, const char *s) {
  return (uint32_t)add_once(w, EAO_PKG_STRINGS, s, strlen(s) + 1, 1);
}

static void number_tensor(writer *w, uint32_t t) {
  if (t == EAO_NONE || w->number[t] != EAO_NONE) return;
  w->number[t] = w->n_tensor;
  w->order[w->n_tensor++] = t;
}

/* Only what steps, inputs, outputs and states name gets into the package, in order of use. */
static void number_tensors(writer *w) {
  const eao_plan *p = w->p;
  for (uint32_t i = 0; i < p->n_input; i++) number_tensor(w, p->input[i].tensor);
  for (uint32_t i = 0; i < p->n_step; i++)
    for (uint32_t k = 0; k < p->step[i].n_in + p->step[i].n_out; k++)
      number_tensor(w, p->step[i].ref[k]);
  for (uint32_t i = 0; i < p->n_output; i++) number_tensor(w, p->output[i].tensor);
  for (uint32_t i = 0; i < p->n_state; i++) {
    number_tensor(w, p->state[i].in);
    number_tensor(w, p->state[i].out);
  }
}

/* Equal constants are stored once. */
static uint64_t add_constant(writer *w, uint32_t tensor) {
  const eao_plan_tensor *t = &w->p->tensor[tensor];
  for (uint32_t i = 0; i < w->n_tensor; i++) {
    uint32_t o = w->order[i];
    if (o == tensor) break;
    const eao_plan_tensor *x = &w->p->tensor[o];
    if (x->t.data && x->bytes == t->bytes &&
        (x->t.data == t->t.data || memcmp(x->t.data, t->t.data, (size_t)t->bytes) == 0))
      return w->data[o];
  }
  pad(&w->sec[EAO_PKG_DATA], EAO_PKG_ALIGN);
  uint64_t at = w->sec[EAO_PKG_DATA].len;
  add(w, EAO_PKG_DATA, t->t.data, (size_t)t->bytes);
  return at;
}

static void write_tensor(writer *w, uint32_t tensor) {
  const eao_plan_tensor *t = &w->p->tensor[tensor];
  const eao_quant *q = &t->t.quant;
  eao_pkg_tensor r = {.dtype = (uint8_t)t->t.dtype,
                      .rank = (uint8_t)t->t.rank,
                      .rows = t->rows,
                      .quant_axis = q->n ? q->axis : -1,
                      .quant_n = (uint32_t)q->n,
                      .zero = EAO_PKG_NONE};
  memcpy(r.dim, t->t.dim, (size_t)t->t.rank * sizeof *r.dim);
  if (t->t.data) {
    r.place = EAO_PKG_CONST;
    r.offset = w->data[tensor] = add_constant(w, tensor);
    r.bytes = t->bytes;
  } else {
    r.place = EAO_PKG_ARENA;
    r.offset = t->offset;
    r.bytes = eao_plan_held_bytes(t);
  }
  if (q->n) {
    size_t n = (size_t)q->n * 4;
    r.scale = (uint32_t)(add_once(w, EAO_PKG_QUANT, q->scale, n, 4) / 4);
    if (q->zero) r.zero = (uint32_t)(add_once(w, EAO_PKG_QUANT, q->zero, n, 4) / 4);
  }
  add(w, EAO_PKG_TENSORS, &r, sizeof r);
}

static void write_step(writer *w, const eao_plan_step *s) {
  eao_pkg_step r = {.kernel = s->kernel,
                    .op = s->op,
                    .n_in = (uint16_t)s->n_in,
                    .n_out = (uint16_t)s->n_out,
                    .refs = count(w, EAO_PKG_REFS),
                    .attr_bytes = s->attr_bytes,
                    .scratch_offset = s->scratch_offset,
                    .scratch_bytes = s->scratch_bytes,
                    .row_inputs = s->row_inputs,
                    .pads = s->pads,
                    .stride = s->stride,
                    .window = s->window,
                    .pad_top = s->pad_top,
                    .split = s->split};
  r.name = string(w, *s->name ? s->name : s->op_name);
  if (s->attr_bytes) r.attr = (uint32_t)add_once(w, EAO_PKG_ATTRS, s->attr, s->attr_bytes, 8);
  for (uint32_t k = 0; k < s->n_in + s->n_out; k++) {
    uint32_t ref = s->ref[k] == EAO_NONE ? EAO_PKG_NONE : w->number[s->ref[k]];
    add(w, EAO_PKG_REFS, &ref, sizeof ref);
  }
  add(w, EAO_PKG_STEPS, &r, sizeof r);
}

static void write_program(writer *w) {
  const eao_plan *p = w->p;
  for (uint32_t i = 0; i < p->n_entry; i++) {
    const eao_plan_entry *e = &p->entry[i];
    eao_pkg_entry r = {.index = e->first};
    if (e->n_band) {
      eao_pkg_stage st = {e->first, e->n, e->first_band, e->n_band};
      r.stage = 1;
      r.index = count(w, EAO_PKG_STAGES);
      add(w, EAO_PKG_STAGES, &st, sizeof st);
    }
    add(w, EAO_PKG_PROGRAM, &r, sizeof r);
  }
  for (uint32_t i = 0; i < p->n_band; i++) {
    eao_pkg_band b = {p->band[i].step, p->band[i].rows, p->band[i].drop};
    add(w, EAO_PKG_SCHEDULE, &b, sizeof b);
  }
}

static void write_io(writer *w) {
  const eao_plan *p = w->p;
  for (uint32_t i = 0; i < p->n_input; i++) {
    eao_pkg_io r = {w->number[p->input[i].tensor], string(w, p->input[i].name)};
    add(w, EAO_PKG_INPUTS, &r, sizeof r);
  }
  for (uint32_t i = 0; i < p->n_output; i++) {
    eao_pkg_io r = {w->number[p->output[i].tensor], string(w, p->output[i].name)};
    add(w, EAO_PKG_OUTPUTS, &r, sizeof r);
  }
  for (uint32_t i = 0; i < p->n_state; i++) {
    const eao_plan_state *s = &p->state[i];
    eao_pkg_state r = {.in = w->number[s->in],
                       .out = w->number[s->out],
                       .name = string(w, s->name),
                       .init = UINT64_MAX};
    if (s->init)
      r.init = add_once(w, EAO_PKG_DATA, s->init, (size_t)p->tensor[s->in].bytes, EAO_PKG_ALIGN);
    add(w, EAO_PKG_STATES, &r, sizeof r);
  }
}

static void write_meta(writer *w, const eao_meta *meta, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    eao_pkg_meta r = {string(w, meta[i].key), string(w, meta[i].text)};
    add(w, EAO_PKG_META, &r, sizeof r);
  }
}

static void write_golden(writer *w, const eao_tensor *t, const eao_plan_io *io, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    eao_pkg_golden r = {.bytes = w->p->tensor[io[i].tensor].bytes};
    pad(&w->sec[EAO_PKG_DATA], EAO_PKG_ALIGN);
    r.offset = w->sec[EAO_PKG_DATA].len;
    add(w, EAO_PKG_DATA, t[i].data, (size_t)r.bytes);
    add(w, EAO_PKG_GOLDEN, &r, sizeof r);
  }
}

static void assemble(writer *w, eao_text *out) {
  const eao_plan *p = w->p;
  eao_pkg_header h = {.major = EAO_PKG_MAJOR,
                      .minor = EAO_PKG_MINOR,
                      .header_bytes = sizeof h,
                      .arena_bytes = p->arena_bytes,
                      .isa = p->opts.isa,
                      .threads = p->opts.threads,
                      .n_section = EAO_PKG_SECTIONS};
  memcpy(h.magic, EAO_PKG_MAGIC, sizeof h.magic);
  for (uint32_t i = 0; i < p->n_step; i++) {
    uint32_t n;
    const eao_kernel_info *k = eao_kernel_infos(&n);
    for (uint32_t j = 0; j < n; j++)
      if (k[j].id == p->step[i].kernel) h.cpu |= k[j].cpu;
  }
  uint64_t at = sizeof h;
  for (uint32_t i = 0; i < EAO_PKG_SECTIONS; i++) {
    at = (at + EAO_PKG_ALIGN - 1) & ~(uint64_t)(EAO_PKG_ALIGN - 1);
    h.section[i] = (eao_pkg_span){at, w->sec[i].len / eao_pkg_element_bytes[i]};
    at += w->sec[i].len;
  }
  h.file_bytes = at;
  size_t start = out->len;
  eao_text_add(out, (const char *)&h, sizeof h);
  for (uint32_t i = 0; i < EAO_PKG_SECTIONS; i++) {
    while (!out->failed && (out->len - start) % EAO_PKG_ALIGN) eao_text_add(out, "", 1);
    if (w->sec[i].len) eao_text_add(out, w->sec[i].p, w->sec[i].len);
    out->failed = out->failed || w->sec[i].failed;
  }
  if (out->failed) return;
  uint8_t *pkg = (uint8_t *)out->p + start;
  size_t from = offsetof(eao_pkg_header, hash) + sizeof h.hash;
  eao_wide_hash(pkg + from, (size_t)h.file_bytes - from, pkg + offsetof(eao_pkg_header, hash));
}

eao_status eao_emit_package(const eao_plan *p, const eao_package_opts *opts, eao_text *out) {
  writer *w = eao_alloc(p->ctx, sizeof *w);
  if (!w) return EAO_NOMEM(p->ctx);
  *w = (writer){.p = p, .ctx = p->ctx};
  for (uint32_t i = 0; i < EAO_PKG_SECTIONS; i++) eao_text_init(&w->sec[i], p->ctx);
  w->number = eao_alloc(p->ctx, p->n_tensor * sizeof *w->number);
  w->order = eao_alloc(p->ctx, p->n_tensor * sizeof *w->order);
  w->data = eao_alloc(p->ctx, p->n_tensor * sizeof *w->data);
  eao_status s = w->number && w->order && w->data ? EAO_OK : EAO_NOMEM(p->ctx);
  if (s == EAO_OK) {
    for (uint32_t i = 0; i < p->n_tensor; i++) w->number[i] = EAO_NONE;
    string(w, "");
    number_tensors(w);
    for (uint32_t i = 0; i < w->n_tensor; i++) write_tensor(w, w->order[i]);
    for (uint32_t i = 0; i < p->n_step; i++) write_step(w, &p->step[i]);
    write_program(w);
    write_io(w);
    write_meta(w, p->g->meta, p->g->n_meta);
    write_meta(w, opts->meta, opts->n_meta);
    if (opts->golden_in && opts->golden_out) {
      write_golden(w, opts->golden_in, p->input, p->n_input);
      write_golden(w, opts->golden_out, p->output, p->n_output);
    }
    assemble(w, out);
    if (out->failed) s = EAO_NOMEM(p->ctx);
  }
  for (uint32_t i = 0; i < EAO_PKG_SECTIONS; i++) eao_text_deinit(&w->sec[i]);
  eao_free(p->ctx, w->number);
  eao_free(p->ctx, w->order);
  eao_free(p->ctx, w->data);
  eao_free(p->ctx, w);
  return s;
}
