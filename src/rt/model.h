/* Inside of libeao: an open package and a session. */
#ifndef EAO_RT_MODEL_H
#define EAO_RT_MODEL_H

#include "eao/rt.h"
#include "format/eao_format.h"
#include "kernel/step.h"

enum { EAO_STAGE_MAX_STEPS = 256 };

/* What eao_package.opaque holds. */
typedef struct eao_rt_model {
  const uint8_t *base;
  size_t size;
  void *map; /* NULL when the caller owns the memory */
  const eao_pkg_header *header;
  const char *message;
  size_t session_bytes; /* tables and activations */
  size_t activations;   /* offset of the activations in a session's arena */
  uint32_t max_io;      /* of any step */
  uint32_t max_attr_bytes;
} eao_rt_model;

static inline eao_rt_model *eao_rt(eao_package *m) {
  return (eao_rt_model *)(void *)m->opaque;
}
static inline const eao_rt_model *eao_rt_const(const eao_package *m) {
  return (const eao_rt_model *)(const void *)m->opaque;
}

/* First element of a section, and how many there are. */
static inline const void *eao_rt_section(const eao_rt_model *m, eao_pkg_section s) {
  return m->base + m->header->section[s].offset;
}
static inline uint64_t eao_rt_count(const eao_rt_model *m, eao_pkg_section s) {
  return m->header->section[s].count;
}
static inline const eao_pkg_tensor *eao_rt_tensors(const eao_rt_model *m) {
  return eao_rt_section(m, EAO_PKG_TENSORS);
}
static inline const eao_pkg_step *eao_rt_steps(const eao_rt_model *m) {
  return eao_rt_section(m, EAO_PKG_STEPS);
}
static inline const uint32_t *eao_rt_refs(const eao_rt_model *m) {
  return eao_rt_section(m, EAO_PKG_REFS);
}
static inline const char *eao_rt_string(const eao_rt_model *m, uint32_t at) {
  return (const char *)eao_rt_section(m, EAO_PKG_STRINGS) + at;
}

static inline eao_status eao_rt_fail(eao_rt_model *m, eao_status code, const char *text) {
  m->message = text;
  return code;
}

/* Fills in session_bytes and activations; the other fields are there. */
void eao_rt_sizes(eao_rt_model *m);
/* Type of tensor i as the package has it; data NULL. */
eao_tensor eao_rt_tensor_type(const eao_rt_model *m, uint32_t i);
/* Bytes of one row (one index of axis 1) of a tensor whose axis 0 has extent 1. */
static inline uint64_t eao_rt_row_bytes(const eao_pkg_tensor *t) {
  uint64_t n = 1;
  for (uint32_t k = 2; k < t->rank; k++) n *= (uint64_t)t->dim[k];
  return n * (uint64_t)eao_dtype_bits((eao_dtype)t->dtype) / 8;
}

/* Input rows [out_lo, out_hi) that output rows [y, y + rows) need, before clipping to the input. */
static inline void eao_rt_window(const eao_pkg_step *s, int64_t y, int64_t rows, int64_t *out_lo,
                                 int64_t *out_hi) {
  *out_lo = y * s->stride - s->pad_top;
  *out_hi = (y + rows - 1) * s->stride - s->pad_top + s->window;
}

/* Step of the stage that writes tensor t; n_step when none does. */
static inline uint32_t eao_rt_stage_source(const eao_rt_model *m, const eao_pkg_stage *st,
                                           uint32_t tensor) {
  const eao_pkg_step *s = eao_rt_steps(m) + st->first_step;
  for (uint32_t i = 0; i < st->n_step; i++)
    if (eao_rt_refs(m)[s[i].refs + s[i].n_in] == tensor) return i;
  return st->n_step;
}

/* The header, the hash and where the sections are; m->header stands at m->base. */
eao_status eao_rt_verify_header(eao_rt_model *m);
/* Checks everything that a run relies on and fills in the model's sizes. */
eao_status eao_rt_verify(eao_rt_model *m);

/* What a backend holds of a step. */
typedef struct eao_rt_claim {
  bool claimed;
  void *state;
} eao_rt_claim;

struct eao_session {
  const eao_rt_model *m;
  uint8_t *activations;
  eao_tensor *tensor;        /* of the package */
  eao_tensor **ptr;          /* by REFS */
  const eao_kernel **kernel; /* by step */
  eao_tensor *band;          /* max_io tensors of the band that runs */
  eao_tensor **band_ptr;
  uint8_t *attr;             /* max_attr_bytes: attributes of that band */
  uint64_t *base, *produced; /* by step of the stage: first row kept, rows made */
  const char *message;
  uint32_t failed_step;
  uint32_t n_part; /* threads to use */
  eao_pool *pool;
  const eao_backend *backend; /* NULL: none */
  eao_rt_claim *claim;        /* by step */
  eao_profile_fn profile;
  void *profile_user;
};

eao_status eao_rt_run_stage(eao_session *s, const eao_pkg_stage *st);
/* Calls step i's kernel on the given tensors and attributes; row: first row of the band. */
eao_status eao_rt_call(eao_session *s, uint32_t i, eao_tensor *const *io, const void *attr,
                       int64_t row);

#endif
