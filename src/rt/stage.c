/* Streaming: a chain of row-local steps run band by band. Each step's output has a buffer of a few
 * rows, the oldest first, so that a kernel sees an ordinary dense tensor with fewer rows; what is
 * no longer needed is dropped by moving the rest down. */
#include <string.h>

#include "rt/model.h"

/* The rows [lo, hi) of tensor r as a tensor of their own. */
static eao_tensor rows_of(const eao_session *s, uint32_t r, uint64_t first_kept, int64_t lo,
                          int64_t hi) {
  eao_tensor t = s->tensor[r];
  t.dim[1] = hi - lo;
  t.data =
      (uint8_t *)t.data + ((uint64_t)lo - first_kept) * eao_rt_row_bytes(&eao_rt_tensors(s->m)[r]);
  return t;
}

static void drop_rows(eao_session *s, uint32_t tensor, uint64_t *base, uint64_t produced,
                      uint32_t drop) {
  if (!drop) return;
  uint64_t row = eao_rt_row_bytes(&eao_rt_tensors(s->m)[tensor]);
  uint8_t *p = s->tensor[tensor].data;
  *base += drop;
  memmove(p, p + drop * row, (size_t)((produced - *base) * row));
}

static eao_status run_band(eao_session *s, const eao_pkg_stage *stage, const eao_pkg_band *b) {
  const eao_rt_model *m = s->m;
  uint32_t id = stage->first_step + b->step;
  const eao_pkg_step *st = &eao_rt_steps(m)[id];
  const uint32_t *ref = eao_rt_refs(m) + st->refs;
  uint32_t out = ref[st->n_in];
  int64_t y = (int64_t)s->produced[b->step], lo, hi, height = 0;
  eao_rt_window(st, y, b->rows, &lo, &hi);
  drop_rows(s, out, &s->base[b->step], s->produced[b->step], b->drop);
  for (uint32_t i = 0; i < st->n_in; i++) {
    s->band_ptr[i] = s->ptr[st->refs + i];
    if (!(st->row_inputs >> i & 1)) continue;
    uint32_t src = eao_rt_stage_source(m, stage, ref[i]);
    height = s->tensor[ref[i]].dim[1];
    s->band[i] = rows_of(s, ref[i], src == stage->n_step ? 0 : s->base[src], lo < 0 ? 0 : lo,
                         hi > height ? height : hi);
    s->band_ptr[i] = &s->band[i];
  }
  s->band[st->n_in] = rows_of(s, out, s->base[b->step], y, y + b->rows);
  s->band_ptr[st->n_in] = &s->band[st->n_in];
  const uint8_t *attr = (const uint8_t *)eao_rt_section(m, EAO_PKG_ATTRS) + st->attr;
  if (st->pads != EAO_PKG_NONE) {
    memcpy(s->attr, attr, st->attr_bytes);
    eao_ints *pads = (eao_ints *)(void *)(s->attr + st->pads);
    pads->v[0] = lo < 0 ? -lo : 0;
    pads->v[pads->n / 2] = hi > height ? hi - height : 0;
    attr = s->attr;
  }
  s->produced[b->step] += b->rows;
  return eao_rt_call(s, id, s->band_ptr, attr, y);
}

eao_status eao_rt_run_stage(eao_session *s, const eao_pkg_stage *stage) {
  const eao_pkg_band *b = eao_rt_section(s->m, EAO_PKG_SCHEDULE);
  memset(s->base, 0, stage->n_step * sizeof *s->base);
  memset(s->produced, 0, stage->n_step * sizeof *s->produced);
  for (uint32_t i = 0; i < stage->n_band; i++) {
    eao_status status = run_band(s, stage, &b[stage->first_band + i]);
    if (status != EAO_OK) return status;
  }
  return EAO_OK;
}
