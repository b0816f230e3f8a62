/* From a graph to what the device does: steps, memory, streaming.
 *
 *   plan.c    tensors and steps of a graph
 *   select.c  the kernel of each step, weights packed for it
 *   order.c   the order of steps that needs least memory
 *   band.c    which steps work row by row, and the schedule of a chain of them
 *   stream.c  which chains are streamed: the least memory, or the least time within a limit
 *   price.c   what a segment costs in time beyond its arithmetic
 *   layout.c  lifetimes, buffers that are shared, offsets
 */
#ifndef EAO_PLAN_PLAN_H
#define EAO_PLAN_PLAN_H

#include "eao/eao.h"
#include "ir/graph.h"
#include "kernel/step.h"

/* What streaming costs and saves; zeros become the figures of a small core. */
typedef struct eao_plan_machine {
  uint64_t cache_bytes;        /* close to the cores that run the model, together */
  double cache_gb_s, far_gb_s; /* within it and beyond it */
  double f32_gmacs, i8_gmacs;  /* 1e9 multiply-accumulates a second that kernels reach, per core */
  double call_us;              /* one more call of a kernel */
  double share_us;             /* handing a call to other threads */
} eao_plan_machine;

typedef struct eao_plan_opts {
  uint32_t isa, cpu; /* of the target: eao_isa, EAO_CPU_ flags */
  uint32_t threads;  /* scratch for at most this many; 0: 1 */
  bool ref_only;     /* reference kernels only */
  eao_stream_mode stream;
  uint64_t ram_budget;   /* that the arena should fit; 0: none */
  uint64_t device_ram;   /* the same for the whole device; 0: not known */
  double weights_in_ram; /* share of the weights that takes device_ram */
  eao_plan_machine machine;
} eao_plan_opts;

typedef struct eao_plan_tensor {
  eao_tensor t; /* data: of a constant */
  const char *name;
  uint64_t bytes; /* of the whole tensor */
  uint32_t view;  /* tensor whose bytes it shows under another shape; itself when it is none */
  uint64_t view_offset; /* first byte of it that is shown */
  uint32_t root;        /* tensor whose buffer it uses: views, in place; layout sets it */
  uint32_t rows;        /* 0: held whole; else the rows of its band buffer */
  uint64_t offset;
  uint32_t first, last; /* program entries of its life; its own, not its root's */
} eao_plan_tensor;

typedef struct eao_plan_step {
  eao_nid node;
  uint16_t kernel, op;
  uint32_t kernel_flags; /* EAO_KFLAG_ */
  uint32_t n_in, n_out;
  uint32_t *ref; /* tensors, EAO_NONE: omitted; inputs then outputs */
  const void *attr;
  uint32_t attr_bytes;
  const char *name, *op_name, *kernel_name;
  uint64_t scratch_bytes, scratch_offset;
  uint64_t macs;
  bool row_local;
  uint32_t row_inputs, pads; /* as in eao_pkg_step */
  int32_t stride, window, pad_top;
  uint32_t
      in_place;    /* input whose buffer the output takes over when both are held whole; EAO_NONE */
  bool split;      /* worth sharing among threads */
  const char *why; /* of the kernel's choice, for --explain */
} eao_plan_step;

typedef struct eao_plan_band {
  uint16_t step, rows;
  uint32_t drop;
} eao_plan_band;

/* An entry of the program: steps first .. first + n - 1; n > 1 or bands: a stage. */
typedef struct eao_plan_entry {
  uint32_t first, n;
  uint32_t first_band, n_band; /* n_band 0: a plain step */
  uint64_t live_bytes;         /* at that point */
} eao_plan_entry;

typedef struct eao_plan_io {
  uint32_t tensor;
  const char *name;
} eao_plan_io;

typedef struct eao_plan_state {
  uint32_t in, out;
  const char *name;
  const void *init;
} eao_plan_state;

typedef struct eao_plan {
  eao_ctx *ctx;
  eao_arena arena;
  eao_graph *g; /* borrowed: constants and attributes belong to it */
  eao_plan_opts opts;
  eao_plan_tensor *tensor;
  eao_plan_step *step;
  eao_plan_entry *entry;
  eao_plan_band *band;
  eao_plan_io *input, *output;
  eao_plan_state *state;
  uint32_t n_tensor, n_step, n_entry, n_band, n_input, n_output, n_state;
  uint32_t cap_tensor, cap_band;
  uint64_t arena_bytes;           /* what the chosen program takes */
  uint64_t arena_bound_bytes;     /* most bytes alive at one of its entries: no layout takes less */
  uint64_t arena_bytes_layerwise; /* without streaming */
  uint64_t arena_bound_layerwise;
  uint64_t arena_bound_any_order; /* layer by layer, in whatever order */
  bool reordered;                 /* steps do not stand in the graph's order */
  uint64_t weight_bytes;          /* constants that steps use */
} eao_plan;

/* g must have static shapes (bind dimensions first) and be verified and inferred; it is borrowed
 * and must outlive the plan. */
eao_status eao_plan_create(eao_graph *g, const eao_plan_opts *opts, eao_plan **out) EAO_MUST_CHECK;
void eao_plan_destroy(eao_plan *p);

/* ---- between the files of this folder ---- */

enum { EAO_PLAN_STAGE_MAX = 256 /* steps of a stage; the runtime's bound */ };

/* Tensor number of its own for a constant that packing made. */
eao_status eao_plan_add_tensor(eao_plan *p, const eao_plan_tensor *t, uint32_t *out) EAO_MUST_CHECK;
/* Fills in kernel, packed inputs and scratch of a step. */
eao_status eao_plan_select(eao_plan *p, eao_plan_step *s) EAO_MUST_CHECK;
/* Fills in split: for the step as a whole. */
void eao_plan_set_split(const eao_plan *p, eao_plan_step *s);
/* Fills in row_local and what belongs to it. */
void eao_plan_find_rows(const eao_plan *p, eao_plan_step *s);
enum { EAO_PLAN_SPAN_MAX = 48 /* steps of a stage that are tried */ };

/* A stage in bands of some width. */
typedef struct eao_plan_stage_shape {
  bool whole[EAO_PLAN_SPAN_MAX];    /* given: the step's result is needed whole */
  uint32_t rows[EAO_PLAN_SPAN_MAX]; /* of the band buffer of its output, when it is not */
  uint64_t held_bytes;              /* of all band buffers */
  uint64_t moved_bytes;             /* by dropping rows */
} eao_plan_stage_shape;

/* Schedule of steps [first, first + n) as one stage, in bands of `rows` rows, appended to p->band.
 * EAO_ERR_UNSUPPORTED (no message): not possible. */
eao_status eao_plan_schedule(eao_plan *p, uint32_t first, uint32_t n, uint32_t rows,
                             eao_plan_stage_shape *shape) EAO_MUST_CHECK;
void eao_plan_machine_complete(eao_plan_machine *m);
/* Picoseconds beyond the arithmetic, of a step alone and of a stage in bands of `band` rows.
 * made_at[t]: step that makes tensor t, or one before it. */
uint64_t eao_plan_price_step(const eao_plan *p, uint32_t i, const int64_t *made_at) EAO_MUST_CHECK;
uint64_t eao_plan_price_stage(const eao_plan *p, uint32_t first, uint32_t n, uint32_t band,
                              const eao_plan_stage_shape *shape,
                              const int64_t *made_at) EAO_MUST_CHECK;
/* After layer-by-layer planning: is streaming asked for, needed, or likely to pay? */
bool eao_plan_wants_streaming(const eao_plan *p);
/* Chooses p->entry and p->band. */
eao_status eao_plan_stream(eao_plan *p) EAO_MUST_CHECK;
/* Program of one entry a step. */
eao_status eao_plan_layerwise(eao_plan *p) EAO_MUST_CHECK;
/* Lifetimes, roots, offsets, arena_bytes and arena_bound_bytes for the program there is. */
eao_status eao_plan_layout(eao_plan *p) EAO_MUST_CHECK;
static inline bool eao_plan_is_const(const eao_plan *p, uint32_t t) {
  return p->tensor[t].t.data != NULL;
}
/* What it takes of the arena: a band buffer only its rows. */
static inline uint64_t eao_plan_held_bytes(const eao_plan_tensor *t) {
  return t->rows ? t->bytes / (uint64_t)t->t.dim[1] * t->rows : t->bytes;
}
/* Waking other threads takes about as long as a few thousand operations. */
static inline bool eao_plan_worth_sharing(uint64_t macs, uint64_t bytes) {
  return macs > 40000 || bytes > 16384;
}
static inline uint64_t eao_plan_align(uint64_t n) {
  return (n + 63) & ~(uint64_t)63;
}

#endif
