/* Verifies a package before anything in it is believed. Every count, offset and reference is
 * checked here once; the rest of the runtime relies on it. */
#include <string.h>

#include "base/base.h"
#include "rt/model.h"

static bool inside(uint64_t offset, uint64_t bytes, uint64_t total) {
  return offset <= total && bytes <= total - offset;
}

eao_status eao_rt_verify_header(eao_rt_model *m) {
  const eao_pkg_header *h = m->header;
  if (m->size < sizeof *h) return eao_rt_fail(m, EAO_ERR_FORMAT, "shorter than a package's header");
  if (memcmp(h->magic, EAO_PKG_MAGIC, sizeof h->magic) != 0)
    return eao_rt_fail(m, EAO_ERR_FORMAT, "not an .eao package");
  if (h->major != EAO_PKG_MAJOR)
    return eao_rt_fail(m, EAO_ERR_UNSUPPORTED,
                       "written for another version of EAO: compile the model again");
  if (h->file_bytes != m->size || h->header_bytes != sizeof *h || h->n_section != EAO_PKG_SECTIONS)
    return eao_rt_fail(m, EAO_ERR_FORMAT, "truncated or malformed header");
  uint8_t hash[32];
  size_t start = offsetof(eao_pkg_header, hash) + sizeof h->hash;
  eao_wide_hash(m->base + start, m->size - start, hash);
  if (memcmp(hash, h->hash, sizeof hash) != 0)
    return eao_rt_fail(m, EAO_ERR_AUTH, "the content does not match its hash");
  for (uint32_t i = 0; i < EAO_PKG_SECTIONS; i++) {
    const eao_pkg_span *s = &h->section[i];
    if (s->offset % EAO_PKG_ALIGN || s->offset < sizeof *h || s->count > m->size ||
        s->count > UINT32_MAX || !inside(s->offset, s->count * eao_pkg_element_bytes[i], m->size))
      return eao_rt_fail(m, EAO_ERR_FORMAT, "a section is out of bounds");
  }
  uint64_t n = eao_rt_count(m, EAO_PKG_STRINGS);
  if (n == 0 || eao_rt_string(m, 0)[n - 1] != 0)
    return eao_rt_fail(m, EAO_ERR_FORMAT, "strings are not terminated");
  if (h->arena_bytes > SIZE_MAX / 4)
    return eao_rt_fail(m, EAO_ERR_NOMEM,
                       "the header asks for more memory than this machine can address");
  return EAO_OK;
}

static bool quant_ok(const eao_rt_model *m, const eao_pkg_tensor *t) {
  uint64_t words = eao_rt_count(m, EAO_PKG_QUANT);
  if (t->quant_n == 0) return true;
  if (t->quant_axis >= (int32_t)t->rank) return false;
  if (t->quant_axis < 0 ? t->quant_n != 1 : (int64_t)t->quant_n != t->dim[t->quant_axis])
    return false;
  return inside(t->scale, t->quant_n, words) &&
         (t->zero == EAO_PKG_NONE || inside(t->zero, t->quant_n, words));
}

static bool tensor_ok(const eao_rt_model *m, const eao_pkg_tensor *t) {
  uint64_t n = 1, bits = (uint64_t)eao_dtype_bits((eao_dtype)t->dtype);
  if (bits == 0 || t->rank > EAO_MAX_RANK) return false;
  for (uint32_t k = 0; k < t->rank; k++)
    if (t->dim[k] < 0 || !eao_mul_u64(n, (uint64_t)t->dim[k] ? (uint64_t)t->dim[k] : 1, &n) ||
        n > INT64_MAX / 64)
      return false;
  for (uint32_t k = 0; k < t->rank; k++)
    if (t->dim[k] == 0) n = 0;
  uint64_t align = bits < 8 ? 1 : bits / 8;
  if (t->offset % align) return false;
  if (t->rows) {
    if (t->place != EAO_PKG_ARENA || t->rank < 2 || t->dim[0] != 1 || bits < 8 ||
        t->rows > t->dim[1] || t->bytes != t->rows * eao_rt_row_bytes(t))
      return false;
  } else if (t->bytes != (n * bits + 7) / 8) {
    return false;
  }
  if (!quant_ok(m, t)) return false;
  /* Packed constants are read by whole registers. */
  if (t->place == EAO_PKG_CONST && t->offset % EAO_PKG_ALIGN) return false;
  if (t->place == EAO_PKG_CONST) return inside(t->offset, t->bytes, eao_rt_count(m, EAO_PKG_DATA));
  return t->place == EAO_PKG_ARENA && inside(t->offset, t->bytes, m->header->arena_bytes);
}

static bool string_ok(const eao_rt_model *m, uint32_t at) {
  return at < eao_rt_count(m, EAO_PKG_STRINGS);
}

static eao_status verify_tensors(eao_rt_model *m) {
  uint64_t used = 0;
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_TENSORS); i++) {
    const eao_pkg_tensor *t = &eao_rt_tensors(m)[i];
    if (!tensor_ok(m, t))
      return eao_rt_fail(m, EAO_ERR_FORMAT, "a tensor is malformed or out of bounds");
    if (t->place == EAO_PKG_ARENA && t->offset + t->bytes > used) used = t->offset + t->bytes;
  }
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_STEPS); i++) {
    const eao_pkg_step *s = &eao_rt_steps(m)[i];
    if (!inside(s->scratch_offset, s->scratch_bytes, m->header->arena_bytes) ||
        (s->scratch_bytes && s->scratch_offset % EAO_PKG_ALIGN))
      return eao_rt_fail(m, EAO_ERR_FORMAT,
                         "a step's scratch memory is out of bounds or not aligned");
    if (s->scratch_offset + s->scratch_bytes > used) used = s->scratch_offset + s->scratch_bytes;
  }
  if (m->header->arena_bytes - used >= EAO_PKG_ALIGN)
    return eao_rt_fail(m, EAO_ERR_FORMAT, "the header asks for more memory than the steps use");
  return EAO_OK;
}

static bool refs_ok(const eao_rt_model *m, const eao_pkg_step *s, const eao_kernel *k) {
  uint64_t n_tensor = eao_rt_count(m, EAO_PKG_TENSORS);
  if (s->n_in < k->min_in || s->n_out < k->min_out) return false;
  if (!inside(s->refs, (uint64_t)s->n_in + s->n_out, eao_rt_count(m, EAO_PKG_REFS))) return false;
  for (uint32_t i = 0; i < (uint32_t)s->n_in + s->n_out; i++) {
    uint32_t r = eao_rt_refs(m)[s->refs + i];
    if (r == EAO_PKG_NONE) {
      /* One of several results may be unwanted. */
      if (i < s->n_in ? i < k->min_in : s->n_out == 1) return false;
      continue;
    }
    if (r >= n_tensor) return false;
    if (i >= s->n_in && eao_rt_tensors(m)[r].place != EAO_PKG_ARENA) return false;
  }
  return true;
}

/* The run-time call of a step, data pointers not set, for its scratch query. */
static bool scratch_ok(const eao_rt_model *m, const eao_pkg_step *s, const eao_kernel *k) {
  enum { SMALL = 32 };
  if (!k->scratch && !k->ref_scratch) return true;
  if (s->n_in > SMALL || s->n_out > SMALL) return false;
  eao_tensor t[2 * SMALL], *p[2 * SMALL];
  for (uint32_t i = 0; i < (uint32_t)s->n_in + s->n_out; i++) {
    uint32_t r = eao_rt_refs(m)[s->refs + i];
    p[i] = r == EAO_PKG_NONE ? NULL : &t[i];
    if (p[i]) t[i] = eao_rt_tensor_type(m, r);
    /* A scratch query may read constants, as it may at compile time. */
    if (p[i] && eao_rt_tensors(m)[r].place == EAO_PKG_CONST)
      t[i].data = (void *)(uintptr_t)((const uint8_t *)eao_rt_section(m, EAO_PKG_DATA) +
                                      eao_rt_tensors(m)[r].offset);
  }
  eao_kcall c = {.in = (const eao_tensor *const *)p,
                 .out = p + s->n_in,
                 .n_in = s->n_in,
                 .n_out = s->n_out,
                 .attr = (const uint8_t *)eao_rt_section(m, EAO_PKG_ATTRS) + s->attr};
  size_t need = k->scratch ? k->scratch(&c, m->header->threads) : k->ref_scratch(&c);
  return need <= s->scratch_bytes;
}

static eao_status verify_steps(eao_rt_model *m) {
  uint32_t cpu = eao_cpu_flags();
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_STEPS); i++) {
    const eao_pkg_step *s = &eao_rt_steps(m)[i];
    const eao_kernel *k = eao_kernel_get(s->kernel);
    if (!k)
      return eao_rt_fail(m, EAO_ERR_UNSUPPORTED,
                         "a step needs a kernel that this build of libeao does not have");
    if (k->cpu & ~cpu)
      return eao_rt_fail(m, EAO_ERR_UNSUPPORTED,
                         "compiled for a processor with more instructions than this one: compile "
                         "it for this target");
    if (k->op != s->op || k->attr_size != s->attr_bytes || s->attr % 8 ||
        !inside(s->attr, s->attr_bytes, eao_rt_count(m, EAO_PKG_ATTRS)) || !refs_ok(m, s, k) ||
        !string_ok(m, s->name))
      return eao_rt_fail(m, EAO_ERR_FORMAT, "a step is malformed");
    if (!scratch_ok(m, s, k))
      return eao_rt_fail(m, EAO_ERR_FORMAT, "a step has not enough scratch memory");
    uint32_t io = (uint32_t)s->n_in + s->n_out;
    if (io > m->max_io) m->max_io = io;
    if (s->attr_bytes > m->max_attr_bytes) m->max_attr_bytes = s->attr_bytes;
  }
  return EAO_OK;
}

static eao_status verify_program(eao_rt_model *m) {
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_PROGRAM); i++) {
    const eao_pkg_entry *e = (const eao_pkg_entry *)eao_rt_section(m, EAO_PKG_PROGRAM) + i;
    if (e->stage > 1 || e->index >= eao_rt_count(m, e->stage ? EAO_PKG_STAGES : EAO_PKG_STEPS))
      return eao_rt_fail(m, EAO_ERR_FORMAT, "the program names a step that is not there");
    if (e->stage) continue;
    const eao_pkg_step *s = &eao_rt_steps(m)[e->index];
    for (uint32_t k = 0; k < (uint32_t)s->n_in + s->n_out; k++) {
      uint32_t r = eao_rt_refs(m)[s->refs + k];
      if (r != EAO_PKG_NONE && eao_rt_tensors(m)[r].rows)
        return eao_rt_fail(m, EAO_ERR_FORMAT, "a step outside a stage uses a band buffer");
    }
  }
  return EAO_OK;
}

static bool stage_step_ok(const eao_rt_model *m, const eao_pkg_step *s) {
  enum { LIMIT = 1 << 24 };
  if (s->n_out != 1 || s->n_in == 0 || s->n_in > 32) return false;
  uint32_t out = eao_rt_refs(m)[s->refs + s->n_in];
  if (out == EAO_PKG_NONE) return false;
  if (s->stride < 1 || s->stride > LIMIT || s->window < 1 || s->window > LIMIT || s->pad_top < 0 ||
      s->pad_top > LIMIT)
    return false;
  for (uint32_t i = 0; i <= s->n_in; i++) {
    uint32_t r = eao_rt_refs(m)[s->refs + i];
    bool rows = i == s->n_in || (s->row_inputs >> i & 1);
    if (r == EAO_PKG_NONE) {
      if (rows) return false;
      continue;
    }
    const eao_pkg_tensor *t = &eao_rt_tensors(m)[r];
    if (rows && (t->rank < 2 || t->dim[0] != 1 || eao_dtype_bits((eao_dtype)t->dtype) < 8 ||
                 t->dim[1] > LIMIT || (t->quant_n && t->quant_axis == 1)))
      return false;
    if (!rows && t->rows) return false;
  }
  if (s->pads == EAO_PKG_NONE) return true;
  if (s->pads % 8 || !inside(s->pads, sizeof(eao_ints), s->attr_bytes)) return false;
  const eao_ints *pads =
      (const eao_ints *)(const void *)((const uint8_t *)eao_rt_section(m, EAO_PKG_ATTRS) + s->attr +
                                       s->pads);
  return pads->n >= 2 && pads->n <= 6 && pads->n % 2 == 0;
}

/* Replays the schedule: every row that a band reads must be there, every buffer large enough. */
static bool band_ok(const eao_rt_model *m, const eao_pkg_stage *st, const eao_pkg_band *b,
                    uint64_t *base, uint64_t *produced) {
  if (b->step >= st->n_step || b->rows == 0) return false;
  const eao_pkg_step *s = &eao_rt_steps(m)[st->first_step + b->step];
  const uint32_t *ref = eao_rt_refs(m) + s->refs;
  const eao_pkg_tensor *out = &eao_rt_tensors(m)[ref[s->n_in]];
  uint64_t *from = &base[b->step], *made = &produced[b->step];
  if (*made + b->rows > (uint64_t)out->dim[1]) return false;
  if (b->drop > *made - *from || (b->drop && !out->rows)) return false;
  for (uint32_t i = 0; i < s->n_in; i++) {
    if (!(s->row_inputs >> i & 1)) continue;
    const eao_pkg_tensor *t = &eao_rt_tensors(m)[ref[i]];
    int64_t lo, hi;
    eao_rt_window(s, (int64_t)*made, b->rows, &lo, &hi);
    if (s->pads == EAO_PKG_NONE && (lo < 0 || hi > t->dim[1])) return false;
    if (lo < 0) lo = 0;
    if (hi > t->dim[1]) hi = t->dim[1];
    if (lo >= hi) return false;
    uint32_t src = eao_rt_stage_source(m, st, ref[i]);
    if (src == st->n_step) {
      if (t->rows) return false;
    } else if (src == b->step || (uint64_t)hi > produced[src] || (uint64_t)lo < base[src]) {
      return false;
    }
  }
  *from += b->drop;
  *made += b->rows;
  return !out->rows || *made - *from <= out->rows;
}

static eao_status verify_stages(eao_rt_model *m) {
  const eao_pkg_stage *stages = eao_rt_section(m, EAO_PKG_STAGES);
  for (uint32_t i = 0; i < eao_rt_count(m, EAO_PKG_STAGES); i++) {
    const eao_pkg_stage *st = &stages[i];
    uint64_t base[EAO_STAGE_MAX_STEPS] = {0}, produced[EAO_STAGE_MAX_STEPS] = {0};
    bool ok = st->n_step > 0 && st->n_step <= EAO_STAGE_MAX_STEPS &&
              inside(st->first_step, st->n_step, eao_rt_count(m, EAO_PKG_STEPS)) &&
              inside(st->first_band, st->n_band, eao_rt_count(m, EAO_PKG_SCHEDULE));
    for (uint32_t k = 0; ok && k < st->n_step; k++)
      ok = (eao_rt_steps(m)[st->first_step + k].row_inputs != 0 ||
            (eao_kernel_get(eao_rt_steps(m)[st->first_step + k].kernel)->flags & EAO_KFLAG_ROWS)) &&
           stage_step_ok(m, &eao_rt_steps(m)[st->first_step + k]);
    const eao_pkg_band *b = eao_rt_section(m, EAO_PKG_SCHEDULE);
    for (uint32_t k = 0; ok && k < st->n_band; k++)
      ok = band_ok(m, st, &b[st->first_band + k], base, produced);
    for (uint32_t k = 0; ok && k < st->n_step; k++) {
      const eao_pkg_step *s = &eao_rt_steps(m)[st->first_step + k];
      const eao_pkg_tensor *t = &eao_rt_tensors(m)[eao_rt_refs(m)[s->refs + s->n_in]];
      ok = t->rows || produced[k] == (uint64_t)t->dim[1];
    }
    if (!ok) return eao_rt_fail(m, EAO_ERR_FORMAT, "a streaming stage's schedule is not possible");
  }
  return EAO_OK;
}

static bool whole(const eao_rt_model *m, uint32_t tensor) {
  return tensor < eao_rt_count(m, EAO_PKG_TENSORS) && !eao_rt_tensors(m)[tensor].rows;
}

static eao_status verify_io(eao_rt_model *m) {
  bool ok = true;
  for (int k = 0; k < 2; k++) {
    eao_pkg_section sec = k ? EAO_PKG_OUTPUTS : EAO_PKG_INPUTS;
    const eao_pkg_io *io = eao_rt_section(m, sec);
    for (uint32_t i = 0; i < eao_rt_count(m, sec); i++) {
      ok = ok && whole(m, io[i].tensor) && string_ok(m, io[i].name);
      ok = ok && (k || eao_rt_tensors(m)[io[i].tensor].place == EAO_PKG_ARENA);
    }
  }
  const eao_pkg_state *st = eao_rt_section(m, EAO_PKG_STATES);
  for (uint32_t i = 0; ok && i < eao_rt_count(m, EAO_PKG_STATES); i++) {
    ok = whole(m, st[i].in) && whole(m, st[i].out) && string_ok(m, st[i].name);
    if (!ok) break;
    const eao_pkg_tensor *a = &eao_rt_tensors(m)[st[i].in], *b = &eao_rt_tensors(m)[st[i].out];
    ok = a->place == EAO_PKG_ARENA && a->bytes == b->bytes &&
         (st[i].init == UINT64_MAX || inside(st[i].init, a->bytes, eao_rt_count(m, EAO_PKG_DATA)));
  }
  const eao_pkg_meta *meta = eao_rt_section(m, EAO_PKG_META);
  for (uint32_t i = 0; ok && i < eao_rt_count(m, EAO_PKG_META); i++)
    ok = string_ok(m, meta[i].key) && string_ok(m, meta[i].text);
  uint64_t per_case = eao_rt_count(m, EAO_PKG_INPUTS) + eao_rt_count(m, EAO_PKG_OUTPUTS);
  uint64_t n_golden = eao_rt_count(m, EAO_PKG_GOLDEN);
  const eao_pkg_golden *g = eao_rt_section(m, EAO_PKG_GOLDEN);
  if (n_golden && (per_case == 0 || n_golden % per_case)) ok = false;
  for (uint32_t i = 0; ok && i < n_golden; i++) {
    uint32_t k = i % (uint32_t)per_case, n_in = (uint32_t)eao_rt_count(m, EAO_PKG_INPUTS);
    const eao_pkg_io *io = k < n_in
                               ? (const eao_pkg_io *)eao_rt_section(m, EAO_PKG_INPUTS) + k
                               : (const eao_pkg_io *)eao_rt_section(m, EAO_PKG_OUTPUTS) + k - n_in;
    ok = inside(g[i].offset, g[i].bytes, eao_rt_count(m, EAO_PKG_DATA)) &&
         g[i].offset % EAO_PKG_ALIGN == 0 && g[i].bytes == eao_rt_tensors(m)[io->tensor].bytes;
  }
  return ok ? EAO_OK : eao_rt_fail(m, EAO_ERR_FORMAT, "inputs, outputs or metadata are malformed");
}

eao_status eao_rt_verify(eao_rt_model *m) {
  eao_status s = eao_rt_verify_header(m);
  if (s == EAO_OK) s = verify_tensors(m);
  if (s == EAO_OK) s = verify_steps(m);
  if (s == EAO_OK) s = verify_program(m);
  if (s == EAO_OK) s = verify_stages(m);
  if (s == EAO_OK) s = verify_io(m);
  return s;
}
