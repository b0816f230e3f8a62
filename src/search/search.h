/* What the files of a search share: the candidate space, the models in it, making and measuring.
 *
 *   space.c    which candidates there are
 *   variant.c  models in a precision at an input size, and their accuracy
 *   trial.c    a candidate compiled, estimated, measured
 *   preflight.c  what no candidate can meet, before any work
 *   halving.c  which of all that is done, in which order (knows none of the above)
 *   journal.c  finished work that survives a kill
 *   recipe.c   the way to an artifact, as a file
 *   optimize.c the order of events; artifact.c, advice.c, report_*.c what it leaves */
#ifndef EAO_SEARCH_SEARCH_H
#define EAO_SEARCH_SEARCH_H

#include "eao/bench.h"
#include "eao/eval.h"
#include "eao/optimize.h"
#include "search/device.h"
#include "search/halving.h"
#include "search/journal.h"
#include "search/report.h"
#include "target/target.h"

/* ---- the candidate space ---- */

typedef enum eao_scheme {
  EAO_SCHEME_FLOAT32,
  EAO_SCHEME_FP16,
  EAO_SCHEME_INT8_WEIGHTS,
  EAO_SCHEME_INT8,
  EAO_SCHEME_COUNT
} eao_scheme;

typedef struct eao_scheme_info {
  const char *name;
  double weight_bits;   /* of a parameter in the package, at least */
  bool needs_data;      /* calibrates */
  bool integer_compute; /* multiplies integers */
  int quant;            /* eao_quant_scheme; -1: none */
} eao_scheme_info;
const eao_scheme_info *eao_scheme_get(eao_scheme k);

/* An input size: the model's own first, smaller ones where it allows them. */
typedef struct eao_input_size {
  eao_model *model; /* float, at this size; stays as it was loaded */
  bool owned;
  int64_t dim[EAO_MAX_RANK];
  int32_t rank;
  char suffix[24]; /* "" or "@96x96" */
} eao_input_size;

/* A precision at an input size: what has an accuracy. */
typedef struct eao_variant {
  eao_scheme scheme;
  uint32_t size;
  char name[48];    /* "int8", "int8@96x96" */
  eao_model *model; /* never compiled itself, only clones of it; NULL: not made */
  eao_quantize_report quant;
  eao_arena arena;      /* of quant, when it was read back */
  bool tried, borrowed; /* borrowed: model is the caller's, it cannot be copied */
  char reason[160];     /* why it could not be made */
  eao_grade grade;      /* the most samples that it was scored on */
  float *each;          /* of grade */
} eao_variant;

typedef enum eao_memory_plan {
  EAO_MEMORY_LEAST,     /* bands of rows as narrow as it takes */
  EAO_MEMORY_AUTO,      /* bands where the RAM budget needs them, or where they cost no time */
  EAO_MEMORY_LAYERWISE, /* none */
  EAO_MEMORY_COUNT
} eao_memory_plan;
const char *eao_memory_plan_name(eao_memory_plan k);

/* One way to run the model. */
typedef struct eao_point {
  uint32_t variant;
  eao_memory_plan memory;
  uint32_t threads;
} eao_point;

enum {
  EAO_SIZES_MAX = 4,
  EAO_VARIANTS_MAX = EAO_SIZES_MAX * EAO_SCHEME_COUNT,
  EAO_POINTS_MAX = 256
};

/* ---- the search ---- */

typedef struct eao_search {
  eao_ctx *ctx;
  const eao_optimize_opts *opts;
  eao_target target;
  eao_budget budget;
  eao_journal *journal;
  eao_input_size size[EAO_SIZES_MAX];
  eao_variant variant[EAO_VARIANTS_MAX];
  eao_point point[EAO_POINTS_MAX];
  eao_candidate list[EAO_POINTS_MAX];
  uint32_t n_size, n_variant, n_point;
  eao_dataset *eval_data, *calibration; /* NULL without data, or without labels */
  int64_t *order;                       /* evaluation samples in random order */
  uint32_t n_calibration, cores;
  uint64_t fit_bytes; /* of a recipe */
  uint64_t n_eval;
  eao_metric metric;
  uint64_t started_ns, deadline_ns;   /* deadline 0: none */
  eao_device device;                  /* dir "": none */
  bool timed;                         /* latency is measured: here or on the device */
  bool quantised;                     /* the model is, as it came */
  bool replay;                        /* of a recipe: one candidate, no choice */
  bool stopped;                       /* out of time: something was left out */
  char model_hash[65], data_hash[65]; /* hexadecimal; data: of the calibration samples, "" none */
  char doing[64];                     /* what progress is about */
  struct {
    uint64_t since_ns, done;
    const char *what;
    char text[64];
  } shown; /* of progress */
} eao_search;

/* Fills in size, variant, point. */
eao_status eao_space_build(eao_search *s) EAO_MUST_CHECK;
/* The same with one point only; dim: of the input, NULL: the model's. */
eao_status eao_space_single(eao_search *s, eao_scheme scheme, const int64_t *dim,
                            eao_memory_plan memory, uint32_t threads) EAO_MUST_CHECK;
void eao_space_free(eao_search *s);

bool eao_search_out_of_time(eao_search *s);
/* With the time left of this step behind `what`. */
void eao_search_progress(eao_search *s, const char *what, uint64_t done, uint64_t total);

/* Fills in the variant's model; one that cannot be made gets a reason, which is no failure. */
eao_status eao_variant_make(eao_search *s, uint32_t v) EAO_MUST_CHECK;
/* Its accuracy on the first n samples in random order, recorded. */
eao_status eao_variant_grade(eao_search *s, uint32_t v, uint64_t n, eao_grade *out) EAO_MUST_CHECK;

/* A candidate compiled, with the graph that it came from. */
typedef struct eao_built {
  eao_model *model;
  bool borrowed;
  eao_compiled *compiled;
} eao_built;
eao_status eao_variant_compile(eao_search *s, uint32_t v, const eao_compile_opts *o,
                               eao_built *out) EAO_MUST_CHECK;
eao_status eao_point_build(eao_search *s, const eao_point *p, bool golden,
                           eao_built *out) EAO_MUST_CHECK;
/* Bytes of the arena that EAO_MEMORY_AUTO aims at. */
uint64_t eao_point_fit(const eao_search *s, const eao_point *p);
void eao_built_free(eao_built *b);
void eao_point_describe(const eao_search *s, const eao_point *p, eao_candidate *c);
/* Everything of c but accuracy and, on this machine, latency: sizes exact, the rest estimated. */
eao_status eao_point_estimate(eao_search *s, const eao_point *p, const eao_compiled *compiled,
                              eao_candidate *c) EAO_MUST_CHECK;
/* Latency on this machine, from at least `runs` runs. */
eao_status eao_point_measure(eao_search *s, const eao_point *p, const eao_compiled *compiled,
                             uint32_t runs, double seconds, bool profile, eao_candidate *c,
                             eao_bench **out_bench) EAO_MUST_CHECK;

/* Fills in the hashes; key: of everything that findings depend on. */
eao_status eao_search_identify(eao_search *s, uint8_t key[EAO_JOURNAL_KEY]) EAO_MUST_CHECK;

/* ---- preflight ---- */

/* What no candidate can meet, found without compressing: fills in the goals' lower bounds (NaN: no
 * bound known) and the list of what the compiler does not support. */
typedef struct eao_preflight {
  double bound[EAO_GOAL_COUNT];
  bool binding[EAO_GOAL_COUNT];
  char why[EAO_GOAL_COUNT][160];
  double macs, ref_macs; /* of the float model; of steps without a fast kernel for the target */
  double ms;             /* it took */
} eao_preflight;
eao_status eao_preflight_run(eao_search *s, eao_preflight *out) EAO_MUST_CHECK;

#endif
