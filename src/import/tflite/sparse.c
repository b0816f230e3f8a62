/* Sparse constants (pruned weights). The format names an order of the tensor's dimensions and of
 * the blocks inside them, and stores each as dense or as compressed rows: see the comments of
 * SparsityParameters in the TFLite schema. Decoding visits the stored entries once. */
#include <string.h>

#include "import/tflite/tflite.h"

enum { LEVELS = 2 * EAO_MAX_RANK };

/* One entry of the traversal order. */
typedef struct level {
  bool sparse;
  int64_t size;             /* of a dense level */
  eao_fvec segments, index; /* of a sparse one */
  uint8_t seg_size, index_size;
  int32_t dim;    /* of the tensor that it walks */
  int64_t factor; /* positions of that dimension per step */
} level;

typedef struct decoder {
  eao_tfl *m;
  level level[LEVELS];
  uint32_t n;
  const eao_tensor *t;
  int64_t stride[EAO_MAX_RANK];
  eao_fvec data;
  uint32_t used;   /* stored values taken */
  uint64_t visits; /* steps left: lists that overlap must not multiply */
  uint32_t elem;
  uint8_t *out;
} decoder;

static eao_status bad(decoder *d, const char *text) {
  return eao_fail(d->m->ctx, EAO_ERR_FORMAT, "sparse data: %s", text);
}

static int64_t at(eao_fvec v, uint8_t size, uint32_t i) {
  if (size == 4) return eao_fvec_i32(v, i);
  if (size == 2) return v.p[i * 2] | v.p[i * 2 + 1] << 8;
  return v.p[i];
}

static eao_status index_vector(decoder *d, const eao_ftab *tab, uint32_t type_slot, uint32_t slot,
                               eao_fvec *out, uint8_t *out_size) {
  static const uint8_t sizes[] = {
      [TFL_INDEX_NONE] = 0, [TFL_INDEX_INT32] = 4, [TFL_INDEX_UINT16] = 2, [TFL_INDEX_UINT8] = 1};
  uint64_t type = eao_ftab_u8(tab, type_slot, 0);
  if (type == TFL_INDEX_NONE || type >= EAO_COUNT(sizes)) return bad(d, "an index list is missing");
  eao_ftab v = eao_ftab_tab(tab, slot);
  *out_size = sizes[type];
  *out = eao_ftab_vec(&v, 0, *out_size);
  return EAO_OK;
}

static eao_status read_levels(decoder *d, const eao_ftab *sp) {
  eao_fvec order = eao_ftab_vec(sp, TFL_SPARSITY_PARAMETERS_TRAVERSAL_ORDER, 4);
  eao_fvec blocks = eao_ftab_vec(sp, TFL_SPARSITY_PARAMETERS_BLOCK_MAP, 4);
  eao_fvec meta = eao_ftab_vec(sp, TFL_SPARSITY_PARAMETERS_DIM_METADATA, 4);
  int32_t rank = d->t->rank;
  bool seen[LEVELS] = {false};
  if (meta.n != order.n || order.n > LEVELS || order.n != (uint32_t)rank + blocks.n)
    return bad(d, "the traversal order does not fit the shape");
  int64_t block[EAO_MAX_RANK];
  for (int32_t i = 0; i < rank; i++) block[i] = 1;
  d->n = order.n;
  for (uint32_t i = 0; i < order.n; i++) {
    level *l = &d->level[i];
    int32_t o = eao_fvec_i32(order, i);
    if (o < 0 || (uint32_t)o >= order.n || seen[o]) return bad(d, "wrong traversal order");
    seen[o] = true;
    bool inner = o >= rank;
    l->dim = inner ? eao_fvec_i32(blocks, (uint32_t)(o - rank)) : o;
    if (l->dim < 0 || l->dim >= rank) return bad(d, "wrong block map");
    eao_ftab md = eao_fvec_tab(&d->m->flat, meta, i);
    l->sparse = eao_ftab_i8(&md, TFL_DIMENSION_METADATA_FORMAT, 0) == TFL_DIM_SPARSE_CSR;
    l->size = eao_ftab_i32(&md, TFL_DIMENSION_METADATA_DENSE_SIZE, 0);
    l->factor = 1;
    if (l->sparse) {
      EAO_TRY(index_vector(d, &md, TFL_DIMENSION_METADATA_ARRAY_SEGMENTS_TYPE,
                           TFL_DIMENSION_METADATA_ARRAY_SEGMENTS, &l->segments, &l->seg_size));
      EAO_TRY(index_vector(d, &md, TFL_DIMENSION_METADATA_ARRAY_INDICES_TYPE,
                           TFL_DIMENSION_METADATA_ARRAY_INDICES, &l->index, &l->index_size));
    }
    if (inner) {
      if (l->sparse || l->size <= 0 || block[l->dim] != 1) return bad(d, "wrong block");
      block[l->dim] = l->size;
    }
  }
  for (uint32_t i = 0; i < order.n; i++) {
    level *l = &d->level[i];
    if (eao_fvec_i32(order, i) < rank) l->factor = block[l->dim];
    if (!l->sparse && (l->size <= 0 || l->size > d->t->dim[l->dim]))
      return bad(d, "a dense level does not fit the shape");
  }
  return eao_flat_check(d->m->ctx, &d->m->flat);
}

/* pos: position of the parent in its level; where: coordinates so far. */
static eao_status walk(decoder *d, uint32_t k, int64_t pos, const int64_t *where) {
  if (d->visits-- == 0) return bad(d, "index lists overlap");
  if (k == d->n) {
    int64_t to = 0;
    for (int32_t i = 0; i < d->t->rank; i++) {
      if (where[i] >= d->t->dim[i]) return bad(d, "an index is outside the shape");
      to += where[i] * d->stride[i];
    }
    if (d->used >= d->data.n / d->elem) return bad(d, "there are too few values");
    memcpy(d->out + (size_t)to * d->elem, d->data.p + (size_t)d->used * d->elem, d->elem);
    d->used++;
    return EAO_OK;
  }
  const level *l = &d->level[k];
  int64_t here[EAO_MAX_RANK], from = 0, to = l->size;
  memcpy(here, where, sizeof here);
  if (l->sparse) {
    if (pos + 1 >= l->segments.n) return bad(d, "a segment is missing");
    from = at(l->segments, l->seg_size, (uint32_t)pos);
    to = at(l->segments, l->seg_size, (uint32_t)pos + 1);
    if (from < 0 || to < from || to > l->index.n) return bad(d, "a segment is out of range");
  }
  for (int64_t i = from; i < to; i++) {
    int64_t step = l->sparse ? at(l->index, l->index_size, (uint32_t)i) : i;
    if (step < 0 || step >= d->t->dim[l->dim]) return bad(d, "an index is outside the shape");
    here[l->dim] = where[l->dim] + step * l->factor;
    EAO_TRY(walk(d, k + 1, l->sparse ? i : pos * l->size + i, here));
  }
  return EAO_OK;
}

eao_status eao_tfl_densify(eao_tfl *m, const eao_ftab *sparsity, eao_fvec data, const eao_tensor *t,
                           void **out) {
  enum { SPARSEST = 64 };
  uint64_t n;
  decoder d = {.m = m, .t = t, .data = data};
  EAO_TRY(eao_tensor_nbytes(m->ctx, t, &n));
  if (eao_dtype_bits(t->dtype) < 8)
    return eao_fail(m->ctx, EAO_ERR_UNSUPPORTED, "sparse data of 4-bit type");
  d.elem = (uint32_t)eao_dtype_bits(t->dtype) / 8;
  /* What a small file may make us allocate stays in proportion to the file. */
  if (n > (uint64_t)m->size * SPARSEST || n > m->ctx->limits.max_tensor_bytes)
    return eao_fail(m->ctx, EAO_ERR_NOMEM, "sparse data would unpack to %llu bytes",
                    (unsigned long long)n);
  EAO_TRY(read_levels(&d, sparsity));
  eao_tensor_strides(t, d.stride);
  d.out = eao_arena_alloc(&m->g->arena, n ? (size_t)n : 1);
  if (!d.out) return EAO_NOMEM(m->ctx);
  int64_t zero[EAO_MAX_RANK] = {0};
  d.visits = 4 * n + 64;
  if (n) EAO_TRY(walk(&d, 0, 0, zero));
  *out = d.out;
  return EAO_OK;
}
