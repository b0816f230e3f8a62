/* The arena of a compiled model: its buffers, and their picture.
 *
 * The plot is an SVG of one unit a step and a byte that is stretched to the space there is; labels
 * are HTML over it, so that they keep their size on a narrow screen. */
#include <math.h>
#include <string.h>

#include "api/api.h"
#include "api/compiled.h"

/* ---- buffers ---- */

static uint32_t first_step(const eao_plan *p, uint32_t entry) {
  return entry < p->n_entry ? p->entry[entry].first : p->n_step ? p->n_step - 1 : 0;
}

static uint32_t last_step(const eao_plan *p, uint32_t entry) {
  uint32_t first = first_step(p, entry);
  return entry < p->n_entry ? first + p->entry[entry].n - 1 : first;
}

static void mark_io(const eao_plan *p, eao_compiled_buffer *b, const uint32_t *of,
                    uint32_t tensor) {
  uint32_t root = p->tensor[tensor].root;
  if (of[root] != EAO_NONE && b[of[root]].kind == EAO_BUFFER_WHOLE)
    b[of[root]].kind = EAO_BUFFER_IO;
}

static void list_tensors(eao_compiled *c, uint32_t *of) {
  const eao_plan *p = c->plan;
  for (uint32_t i = 0; i < p->n_tensor; i++) {
    const eao_plan_tensor *t = &p->tensor[i];
    of[i] = EAO_NONE;
    if (t->root != i || t->t.data || t->first == UINT32_MAX) continue;
    of[i] = c->n_buffer;
    c->buffer[c->n_buffer++] =
        (eao_compiled_buffer){.kind = t->rows ? EAO_BUFFER_BAND : EAO_BUFFER_WHOLE,
                              .name = t->name,
                              .offset = t->offset,
                              .bytes = eao_plan_held_bytes(t),
                              .first = first_step(p, t->first),
                              .last = last_step(p, t->last),
                              .rows = t->rows,
                              .of_rows = t->rows ? (uint32_t)t->t.dim[1] : 0};
  }
}

eao_status eao_compiled_list_buffers(eao_compiled *c) {
  const eao_plan *p = c->plan;
  uint32_t *of = eao_alloc(c->ctx, p->n_tensor * sizeof *of); /* buffer of each root */
  c->buffer = eao_alloc(c->ctx, ((size_t)p->n_tensor + p->n_entry) * sizeof *c->buffer);
  if (!of || !c->buffer) {
    eao_free(c->ctx, of);
    return EAO_NOMEM(c->ctx);
  }
  list_tensors(c, of);
  for (uint32_t i = 0; i < p->n_tensor; i++)
    if (of[p->tensor[i].root] != EAO_NONE && p->tensor[i].first != UINT32_MAX)
      c->buffer[of[p->tensor[i].root]].tensors++;
  for (uint32_t i = 0; i < p->n_step; i++) {
    const eao_plan_step *s = &p->step[i];
    for (uint32_t k = s->n_in; k < s->n_in + s->n_out; k++) {
      uint32_t b = s->ref[k] == EAO_NONE ? EAO_NONE : of[p->tensor[s->ref[k]].root];
      if (b != EAO_NONE && !*c->buffer[b].name) c->buffer[b].name = *s->name ? s->name : s->op_name;
    }
  }
  for (uint32_t i = 0; i < p->n_input; i++) mark_io(p, c->buffer, of, p->input[i].tensor);
  for (uint32_t i = 0; i < p->n_output; i++) mark_io(p, c->buffer, of, p->output[i].tensor);
  for (uint32_t i = 0; i < p->n_state; i++) mark_io(p, c->buffer, of, p->state[i].in);
  for (uint32_t e = 0; e < p->n_entry; e++) {
    const eao_plan_step *most = NULL;
    for (uint32_t i = p->entry[e].first; i < p->entry[e].first + p->entry[e].n; i++)
      if (p->step[i].scratch_bytes && (!most || p->step[i].scratch_bytes > most->scratch_bytes))
        most = &p->step[i];
    if (most)
      c->buffer[c->n_buffer++] =
          (eao_compiled_buffer){.kind = EAO_BUFFER_SCRATCH,
                                .name = *most->name ? most->name : most->op_name,
                                .offset = most->scratch_offset,
                                .bytes = most->scratch_bytes,
                                .first = first_step(p, e),
                                .last = last_step(p, e)};
  }
  eao_free(c->ctx, of);
  return EAO_OK;
}

eao_compiled_buffer eao_compiled_get_buffer(const eao_compiled *c, uint32_t i) {
  return c->buffer[i];
}

/* ---- the picture ---- */

static const char style[] =
    "<style>.mem{--whole:#9dbbe6;--io:#a9cfae;--band:#e3b268;--scratch:#c6c9ce;--alive:#33507d;"
    "--edge:#fff;--grid:#dfe1e5;--cap:#b3372b;--text:#646a73;font-size:13px;margin:0}"
    "@media(prefers-color-scheme:dark){.mem{--whole:#3d5f92;--io:#3d6f4a;--band:#9a6c1f;"
    "--scratch:#50555d;--alive:#b6d0f7;--edge:#15171a;--grid:#33373d;--cap:#f0877b;--text:#9aa1ab}}"
    ".mem .plot{position:relative;height:min(60vh,420px);min-height:260px;"
    "margin:22px 4px 22px 62px;border-bottom:1px solid var(--text)}"
    ".mem svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}"
    ".mem rect{stroke:var(--edge);stroke-width:.7;vector-effect:non-scaling-stroke}"
    ".mem rect:hover{stroke:var(--alive);stroke-width:2}"
    ".mem .k0{fill:var(--whole)}.mem .k1{fill:var(--io)}.mem .k2{fill:var(--band)}"
    ".mem .k3{fill:var(--scratch)}.mem path{fill:none;vector-effect:non-scaling-stroke;"
    "pointer-events:none}.mem .live{stroke:var(--alive);stroke-width:1.5}"
    ".mem .grid{stroke:var(--grid)}.mem .cap{stroke:var(--cap);stroke-dasharray:5 4;"
    "stroke-width:1.5}"
    ".mem .plot span{position:absolute;color:var(--text);font-size:12px;white-space:nowrap;"
    "line-height:1}.mem .y{right:100%;padding-right:6px;transform:translateY(50%)}"
    ".mem .x{top:100%;padding-top:6px;transform:translateX(-50%)}"
    ".mem .legend{display:flex;flex-wrap:wrap;gap:4px 16px;color:var(--text)}"
    ".mem .legend i{display:inline-block;width:12px;height:12px;border-radius:2px;"
    "margin-right:5px;vertical-align:-1px}.mem .legend i.l{height:0;border-radius:0;"
    "border-top:2px solid var(--alive);vertical-align:4px}.mem .legend i.c{height:0;"
    "border-radius:0;border-top:2px dashed var(--cap);vertical-align:4px}"
    ".mem .b0{background:var(--whole)}.mem .b1{background:var(--io)}.mem "
    ".b2{background:var(--band)}"
    ".mem .b3{background:var(--scratch)}.mem .wide{overflow-x:auto}.mem table{font-size:13px}"
    ".mem td:first-child,.mem p{overflow-wrap:anywhere;min-width:9em}</style>";

/* The smallest of 1, 2, 5 times a power of ten, at least 1, that is at least v. */
static double tick(double v) {
  double p = 1;
  static const double steps[] = {1, 2, 5};
  while (p * 10 <= v) p *= 10;
  for (size_t i = 0; i < EAO_COUNT(steps); i++)
    if (v <= steps[i] * p) return steps[i] * p;
  return 10 * p;
}

static void bytes(eao_text *o, double n) {
  if (n >= 1024 * 1024)
    eao_text_printf(o, "%.4g MiB", n / (1024 * 1024));
  else if (n >= 1024)
    eao_text_printf(o, "%.4g KiB", n / 1024);
  else
    eao_text_printf(o, "%.0f B", n);
}

/* TFLite names a fused node after all it was made of: the first is enough. */
static void short_name(eao_text *o, const char *name) {
  enum { MOST = 80 };
  char buf[MOST + 1];
  size_t n = strcspn(name, ";");
  bool cut = name[n] || n > MOST;
  if (n > MOST) n = MOST;
  while (cut && n > 0 && ((unsigned char)name[n] & 0xC0) == 0x80) n--; /* not inside a letter */
  memcpy(buf, name, n);
  buf[n] = 0;
  eao_text_html(o, buf);
  if (cut) eao_text_printf(o, "…");
}

static void step_name(eao_text *o, const eao_plan *p, uint32_t step) {
  short_name(o, *p->step[step].name ? p->step[step].name : p->step[step].op_name);
}

typedef struct frame {
  double steps, top; /* data range */
} frame;

static double share(double v, double of) {
  return of > 0 ? 100 * v / of : 0;
}

/* In units of the viewBox: one a step, 1000 for the height. */
static double y_of(const frame *f, double at) {
  return 1000 * (1 - at / f->top);
}

/* Unit of the axis of bytes, and how many of it a tick is. */
static double tick_bytes(double top, const char **out_name, double *out_unit) {
  static const char *const names[] = {"B", "KiB", "MiB", "GiB"};
  size_t k = 0;
  *out_unit = 1;
  for (; k < EAO_COUNT(names) - 1 && top >= 1.2 * *out_unit * 1024; k++) *out_unit *= 1024;
  *out_name = names[k];
  double d = tick(top / *out_unit / 5 * 100) / 100;
  return k == 0 && d < 1 ? 1 : d;
}

static void grid(const frame *f, eao_text *o) {
  const char *name;
  double unit, d = tick_bytes(f->top, &name, &unit) * unit;
  for (double at = d; at < f->top; at += d)
    eao_text_printf(o, "<path class=\"grid\" d=\"M0 %.2fH%g\"/>", y_of(f, at), f->steps);
}

/* Ticks of both axes and their names. */
static void labels(const frame *f, eao_text *o) {
  const char *name;
  double unit, dy = tick_bytes(f->top, &name, &unit), dx = tick(f->steps / 6);
  for (double at = 0; at * unit < f->top; at += dy)
    eao_text_printf(o, "<span class=\"y\" style=\"bottom:%.2f%%\">%.4g %s</span>",
                    share(at * unit, f->top), at, name);
  for (double at = 0; at < f->steps; at += dx)
    eao_text_printf(o, "<span class=\"x\" style=\"left:%.2f%%\">%s%.0f</span>",
                    share(at + 0.5, f->steps), at > 0 ? "" : "step ", at);
  eao_text_printf(o, "<span style=\"bottom:100%%;left:0;padding-bottom:7px\">offset in the arena"
                     "</span>");
}

static const char *what(eao_buffer_kind k) {
  static const char *const names[] = {"", " (input, output or state)", " (band buffer)",
                                      " (scratch)"};
  return names[k];
}

static void describe(const eao_compiled *c, const eao_compiled_buffer *b, eao_text *o) {
  short_name(o, b->name);
  eao_text_printf(o, "%s: ", what(b->kind));
  bytes(o, (double)b->bytes);
  eao_text_printf(o, " at offset %llu, ", (unsigned long long)b->offset);
  if (b->rows) eao_text_printf(o, "%u of %u rows, ", b->rows, b->of_rows);
  if (b->tensors > 1) eao_text_printf(o, "%u tensors share it, ", b->tensors);
  if (b->first == b->last)
    eao_text_printf(o, "step %u (", b->first);
  else
    eao_text_printf(o, "steps %u to %u (", b->first, b->last);
  step_name(o, c->plan, b->first);
  if (b->first != b->last) {
    eao_text_printf(o, " to ");
    step_name(o, c->plan, b->last);
  }
  eao_text_printf(o, ")");
}

static void buffers(const eao_compiled *c, const frame *f, eao_text *o) {
  for (uint32_t i = 0; i < c->n_buffer; i++) {
    const eao_compiled_buffer *b = &c->buffer[i];
    if (!b->bytes) continue;
    double top = y_of(f, (double)(b->offset + b->bytes));
    eao_text_printf(
        o, "<rect class=\"k%d\" x=\"%u\" width=\"%u\" y=\"%.2f\" height=\"%.2f\"><title>", b->kind,
        b->first, b->last - b->first + 1, top, y_of(f, (double)b->offset) - top);
    describe(c, b, o);
    eao_text_printf(o, "</title></rect>");
  }
}

/* Bytes alive at each entry, as a line of steps, and the most of them. */
static void lines(const eao_plan *p, const frame *f, eao_text *o) {
  eao_text_printf(o, "<path class=\"live\" d=\"M0 1000");
  for (uint32_t e = 0; e < p->n_entry; e++)
    eao_text_printf(o, "V%.2fH%u", y_of(f, (double)p->entry[e].live_bytes),
                    p->entry[e].first + p->entry[e].n);
  double bound = y_of(f, (double)p->arena_bound_bytes);
  eao_text_printf(o, "\"/><path class=\"cap\" d=\"M0 %.2fH%g\"/>", bound, f->steps);
}

static uint32_t peak_entry(const eao_plan *p) {
  uint32_t peak = 0;
  for (uint32_t e = 1; e < p->n_entry; e++)
    if (p->entry[e].live_bytes > p->entry[peak].live_bytes) peak = e;
  return peak;
}

/* What is alive where most is, the largest first. */
static void peak_table(const eao_compiled *c, eao_text *o) {
  enum { ROWS = 8 };
  const eao_plan *p = c->plan;
  uint32_t entry = peak_entry(p), step = first_step(p, entry), rest = 0;
  eao_text_printf(o, "<p>Most is alive at step %u (", step);
  step_name(o, p, step);
  eao_text_printf(o, p->entry[entry].n > 1 ? ", first of a streamed stage):</p>" : "):</p>");
  eao_text_printf(o, "<div class=\"wide\"><table><tr><th>buffer</th><th class=\"n\">size</th>"
                     "<th class=\"n\">rows</th><th class=\"n\">steps</th></tr>");
  uint64_t below = UINT64_MAX;
  uint32_t last_at = 0, shown = 0, alive = 0;
  for (uint32_t i = 0; i < c->n_buffer; i++)
    if (c->buffer[i].first <= step && c->buffer[i].last >= step && c->buffer[i].bytes) alive++;
  for (; shown < ROWS && shown < alive; shown++) {
    const eao_compiled_buffer *best = NULL;
    for (uint32_t i = 0; i < c->n_buffer; i++) {
      const eao_compiled_buffer *b = &c->buffer[i];
      if (b->first > step || b->last < step || !b->bytes) continue;
      if (b->bytes > below || (b->bytes == below && i <= last_at)) continue;
      if (!best || b->bytes > best->bytes) best = b;
    }
    if (!best) break;
    below = best->bytes;
    last_at = (uint32_t)(best - c->buffer);
    eao_text_printf(o, "<tr><td>");
    short_name(o, best->name);
    eao_text_printf(o, "%s</td><td class=\"n\">", what(best->kind));
    bytes(o, (double)best->bytes);
    eao_text_printf(o, "</td><td class=\"n\">");
    if (best->rows) eao_text_printf(o, "%u of %u", best->rows, best->of_rows);
    eao_text_printf(o, "</td><td class=\"n\">%u–%u</td></tr>", best->first, best->last);
  }
  rest = alive - shown;
  eao_text_printf(o, "</table></div>");
  if (rest) eao_text_printf(o, "<p>and %u smaller.</p>", rest);
}

static void legend(const eao_compiled *c, eao_text *o) {
  static const char *const names[] = {"whole tensors", "inputs, outputs, state", "band buffers",
                                      "scratch"};
  bool used[EAO_COUNT(names)] = {false};
  for (uint32_t i = 0; i < c->n_buffer; i++) used[c->buffer[i].kind] = true;
  eao_text_printf(o, "<div class=\"legend\">");
  for (size_t k = 0; k < EAO_COUNT(names); k++)
    if (used[k]) eao_text_printf(o, "<span><i class=\"b%zu\"></i>%s</span>", k, names[k]);
  eao_text_printf(o, "<span><i class=\"l\"></i>bytes alive</span>"
                     "<span><i class=\"c\"></i>lower bound</span></div>");
}

static void draw(const eao_compiled *c, eao_text *o) {
  const eao_plan *p = c->plan;
  frame f = {p->n_step, (double)p->arena_bytes * 1.04};
  eao_text_add(o, style, sizeof style - 1);
  eao_text_printf(o, "<figure class=\"mem\"><figcaption>Arena <b>");
  bytes(o, (double)p->arena_bytes);
  eao_text_printf(o, "</b>; no layout of this program takes less than ");
  bytes(o, (double)p->arena_bound_bytes);
  eao_text_printf(o, ". Layer by layer: ");
  bytes(o, (double)p->arena_bytes_layerwise);
  eao_text_printf(o, ".</figcaption>");
  if (p->n_step && p->arena_bytes) {
    eao_text_printf(o,
                    "<div class=\"plot\"><svg viewBox=\"0 0 %u 1000\" preserveAspectRatio=\"none\" "
                    "role=\"img\" aria-label=\"Buffers in the arena while the steps run\">",
                    p->n_step);
    grid(&f, o);
    buffers(c, &f, o);
    lines(p, &f, o);
    eao_text_printf(o, "</svg>");
    labels(&f, o);
    eao_text_printf(o, "</div>");
    legend(c, o);
    peak_table(c, o);
  }
  eao_text_printf(o, "</figure>");
}

static eao_status finish(eao_text *t, char **out) {
  *out = t->failed ? NULL : t->p;
  if (!t->failed) return EAO_OK;
  eao_text_deinit(t);
  return EAO_NOMEM(t->ctx);
}

eao_status eao_compiled_memory_html(const eao_compiled *c, char **out) {
  eao_text t;
  eao_text_init(&t, c->ctx);
  draw(c, &t);
  return finish(&t, out);
}

/* ---- the page ---- */

static void step_row(const eao_compiled *c, uint32_t i, eao_text *o) {
  eao_compiled_step s = eao_compiled_get_step(c, i);
  eao_text_printf(o, "<tr><td class=\"n\">%u</td><td>", i);
  short_name(o, s.name);
  eao_text_printf(o, "</td><td>%s</td><td>%s</td><td class=\"n\">", s.op, s.kernel);
  if (s.macs) eao_text_printf(o, "%.3g", (double)s.macs * 1e-6);
  eao_text_printf(o, "</td><td class=\"n\">");
  bytes(o, (double)s.live_bytes);
  eao_text_printf(o, "</td><td class=\"n\">");
  bytes(o, (double)s.out_bytes);
  eao_text_printf(o, "</td><td>");
  if (s.stage == EAO_NO_ID)
    eao_text_printf(o, s.in_place ? "in place" : "");
  else if (s.band_rows)
    eao_text_printf(o, "stage %u, %u of %u rows", s.stage, s.band_rows, s.rows);
  else
    eao_text_printf(o, "stage %u, all rows", s.stage);
  eao_text_printf(o, "</td></tr>");
}

eao_status eao_compiled_html(const eao_compiled *c, const char *title, char **out) {
  eao_compiled_info info = eao_compiled_get(c);
  eao_text t;
  eao_text_init(&t, c->ctx);
  eao_html_open(&t, "EAO plan");
  eao_text_printf(&t, "<h1>");
  eao_text_html(&t, title);
  eao_text_printf(&t, "</h1><p class=\"sub\">%u steps, %u streamed stages, weights ", info.n_step,
                  info.n_stage);
  bytes(&t, (double)info.weight_bytes);
  eao_text_printf(&t, ", file ");
  bytes(&t, (double)info.file_bytes);
  eao_text_printf(&t, ".</p><section class=\"card\"><h2>Memory</h2>");
  draw(c, &t);
  eao_text_printf(&t,
                  "</section><section class=\"card\"><h2>Steps</h2><div class=\"scroll\"><table>"
                  "<tr><th class=\"n\">step</th><th>name</th><th>op</th><th>kernel</th>"
                  "<th class=\"n\">million MACs</th><th class=\"n\">alive</th>"
                  "<th class=\"n\">result</th><th></th></tr>");
  for (uint32_t i = 0; i < info.n_step; i++) step_row(c, i, &t);
  eao_text_printf(&t, "</table></div></section>");
  eao_html_close(&t);
  return finish(&t, out);
}
