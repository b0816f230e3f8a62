/* EAO host library: load, inspect, run and convert models.
 *
 * Threading: a context and everything made with it belong to one thread at a time.
 * Errors: every fallible call returns eao_status; eao_ctx_message() has the text of the last
 * failure. Ownership: "borrowed" pointers stay valid until the object they came from is destroyed.
 */
#ifndef EAO_EAO_H
#define EAO_EAO_H

#include <stdbool.h>

#include "eao/types.h"
#include "eao/version.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eao_ctx eao_ctx;
typedef struct eao_graph eao_graph;

/* ---- context ------------------------------------------------------------------------------- */

/* Allocation hooks; realloc semantics: p NULL allocates, n 0 frees and returns NULL. */
typedef struct eao_allocator {
  void *(*realloc)(void *user, void *p, size_t n);
  void *user;
} eao_allocator;

/* Upper bounds on what a model may ask for. 0 means the default. */
typedef struct eao_limits {
  uint64_t max_tensor_bytes; /* one activation or unpacked constant; default 2 GiB */
  uint64_t max_total_bytes;  /* all heap memory of the context; default 16 GiB */
  uint32_t max_nodes;        /* nodes in a model, subgraphs included; default 1,000,000 */
  uint32_t max_depth;        /* nesting of subgraphs and messages; default 32 */
  uint64_t max_steps; /* loop iterations the interpreter runs in one call; default 10,000,000 */
} eao_limits;

/* allocator and limits may be NULL for the defaults. Returns NULL when out of memory. */
eao_ctx *eao_ctx_create(const eao_allocator *allocator, const eao_limits *limits);
void eao_ctx_destroy(eao_ctx *ctx);
/* Text of the last failure: what, where, what to do. "" if none. Borrowed until the next failure.
 */
const char *eao_ctx_message(const eao_ctx *ctx);
/* A file that is written goes to this open descriptor instead of to its path, for processes that
 * may not make files; its name is then the caller's business. -1: to its path. */
void eao_ctx_set_output(eao_ctx *ctx, int fd);
/* Called for each warning; default: none. */
void eao_ctx_on_warning(eao_ctx *ctx, void (*fn)(void *user, const char *text), void *user);

/* ---- model: load, look at, save -------------------------------------------------------------- */

/* A loaded model: a graph of values and nodes, numbered from 0. */
typedef struct eao_model eao_model;

/* Stands where an id is optional and absent. */
#define EAO_NO_ID UINT32_MAX

/* Binds the shape of an input by name, or a symbolic dimension by its name. */
typedef struct eao_shape_bind {
  const char *name; /* input (rank >= 0) or dimension (rank == -1, extent dim[0]) */
  int32_t rank;
  int64_t dim[EAO_MAX_RANK];
} eao_shape_bind;

typedef struct eao_load_opts {
  const eao_shape_bind *bind; /* borrowed during the call */
  uint32_t n_bind;
  bool keep_dynamic;     /* unbound dimensions stay unknown (-1); false: each becomes 1 */
  const char *signature; /* of a TFLite model with several; NULL: its first subgraph */
} eao_load_opts;

/* Reads an ONNX or TFLite model, recognised by content. opts may be NULL. The model borrows from
 * the mapped file: do not change the file while it is loaded.
 * Errors: EAO_ERR_IO, EAO_ERR_FORMAT (malformed), EAO_ERR_UNSUPPORTED (names node and op), ... */
eao_status eao_model_load(eao_ctx *ctx, const char *path, const eao_load_opts *opts,
                          eao_model **out);
void eao_model_destroy(eao_model *m);
/* A compiled package: it has inputs, outputs and metadata, but no nodes; a runner runs it. */
bool eao_model_is_package(const eao_model *m);
/* Rewrites the graph as the compiler would before planning: constants folded, quantize and
 * dequantize pairs made integer ops, batch norms and activations fused, channels last. Inputs and
 * outputs keep their names, types and order. Integer results may round differently by one step per
 * layer. */
eao_status eao_model_simplify(eao_model *m);
/* The format follows the file name: .onnx, .tflite. Written completely or not at all. */
eao_status eao_model_save(eao_model *m, const char *path);
/* The textual form of the graph; full: long constants too. Free *out with eao_text_free. */
eao_status eao_model_text(eao_model *m, bool full, char **out);
void eao_text_free(eao_ctx *ctx, char *text);
/* A model from its full text: the same graph, numbers of values and nodes included. */
eao_status eao_model_parse(eao_ctx *ctx, const char *text, size_t len, eao_model **out);
/* An independent copy. EAO_ERR_UNSUPPORTED for models with control flow. */
eao_status eao_model_clone(const eao_model *m, eao_model **out);

/* Everything in an info is borrowed from the model. */
typedef struct eao_value_info {
  uint32_t id;
  const char *name;            /* "" when it has none */
  eao_tensor type;             /* data non-NULL: a constant */
  const char *const *dim_name; /* NULL, or type.rank names of symbolic dims (each may be NULL) */
  uint32_t producer;           /* node, or EAO_NO_ID: input, constant or state */
} eao_value_info;

typedef struct eao_node_info {
  uint32_t id;
  const char *op;      /* EAO's name of the op */
  const char *name;    /* "" when it has none */
  const uint32_t *in;  /* values; EAO_NO_ID: omitted optional input */
  const uint32_t *out; /* values; EAO_NO_ID: not wanted */
  uint32_t n_in, n_out;
  uint64_t macs; /* multiply-accumulates; bodies not included */
} eao_node_info;

uint32_t eao_model_input_count(const eao_model *m);
uint32_t eao_model_output_count(const eao_model *m);
uint32_t eao_model_value_count(const eao_model *m);
uint32_t eao_model_node_count(const eao_model *m);
/* i must be below the count. */
eao_value_info eao_model_input(const eao_model *m, uint32_t i);
eao_value_info eao_model_output(const eao_model *m, uint32_t i);
eao_value_info eao_model_value(const eao_model *m, uint32_t id);
eao_node_info eao_model_node(const eao_model *m, uint32_t id);
/* Body k (0, 1, ...) of a node of control flow as a model of its own, to look at; NULL when there
 * are fewer. Belongs to m. *out_role, if not NULL: what it is for, e.g. "then_graph". */
eao_model *eao_model_body(eao_model *m, uint32_t node, uint32_t k, const char **out_role);
/* Attributes that differ from their defaults: "kernel=[3, 3], group=32". Free *out with
 * eao_text_free. */
eao_status eao_model_node_attrs(const eao_model *m, uint32_t id, char **out);

/* What the file says about itself: producer, opset, description, ... */
uint32_t eao_model_meta_count(const eao_model *m);
const char *eao_model_meta_key(const eao_model *m, uint32_t i);
const char *eao_model_meta_text(const eao_model *m, uint32_t i);

/* ---- statistics ------------------------------------------------------------------------------ */

typedef struct eao_model_stats {
  uint32_t nodes;                 /* bodies of control flow included */
  uint64_t params;                /* elements of weights: constants that are floats, quantised or
                                     8 bits and narrower */
  uint64_t macs;                  /* per run; the larger branch of an if, a loop's body once */
  uint64_t weight_bytes;          /* all constants, as stored */
  uint64_t peak_activation_bytes; /* most bytes alive at once when nodes run one after the other:
                                     their inputs and outputs and whatever is still needed */
  uint32_t peak_node;             /* where that is; EAO_NO_ID without nodes */
  uint32_t unknown_values;        /* values whose size is not known, left out of the above */
  /* Of the nodes that have multiply-accumulates: */
  uint32_t compute_nodes;
  uint32_t integer_nodes;     /* quantised data and weights (QDQ pairs included) */
  uint32_t weight_only_nodes; /* quantised weights, float data */
  const char *quantization;   /* "none", "integer", "weights only" or "mixed"; "" without any */
} eao_model_stats;

eao_status eao_model_stats_get(eao_model *m, eao_model_stats *out);

typedef struct eao_op_count {
  const char *op;
  uint32_t count;
  uint64_t macs;
} eao_op_count;

/* Ops by descending count, bodies included. Fills in at most cap rows; returns how many there
 * are. */
uint32_t eao_model_ops(const eao_model *m, eao_op_count *out, uint32_t cap);

/* ---- running on the reference interpreter ------------------------------------------------------
 * The truth, not the fast way. Dynamic dimensions are taken from the inputs of each run. */

typedef struct eao_runner eao_runner;

/* m is borrowed and must outlive the runner. */
eao_status eao_runner_create(eao_model *m, eao_runner **out);
void eao_runner_destroy(eao_runner *r);
/* Called with each value of the model (not of its bodies) once it is computed, inputs too; t is
 * valid during the call. A failure ends the run with that status. fn NULL: none. */
typedef eao_status (*eao_value_fn)(void *user, uint32_t value, const eao_tensor *t);
void eao_runner_on_value(eao_runner *r, eao_value_fn fn, void *user);
/* in: one tensor with data per input of the model; out: one per output, borrowed until the next
 * run. State (KV caches, ...) is kept from run to run. */
eao_status eao_runner_run(eao_runner *r, const eao_tensor *in, uint32_t n_in, eao_tensor *out,
                          uint32_t n_out);
/* State back to its beginning. */
void eao_runner_reset(eao_runner *r);

/* ---- quantising ------------------------------------------------------------------------------ */

/* Fills in in[i].data of sample number `sample` (0, 1, ...); in comes with the types of the model's
 * inputs. Data is borrowed until the next call. */
typedef eao_status (*eao_sample_fn)(void *user, uint32_t sample, eao_tensor *in, uint32_t n_in);

/* How the clipping ranges of activations are chosen. */
typedef enum eao_range_kind {
  EAO_RANGE_BEST = -1,  /* whichever gives the least error at the model's outputs */
  EAO_RANGE_MINMAX = 0, /* nothing is clipped */
  EAO_RANGE_P9999 = 1,  /* 0.01 % of the numbers are clipped, half at each end */
  EAO_RANGE_P999 = 2,   /* 0.1 % */
  EAO_RANGE_MSE = 3,    /* least squared error of rounding and clipping to 256 levels */
  EAO_RANGE_KL = 4,     /* least Kullback-Leibler divergence from the distribution */
  EAO_RANGE_COUNT = 5
} eao_range_kind;
/* "min-max", "percentile 99.99", ... */
const char *eao_range_name(eao_range_kind k);

/* What becomes narrow. */
typedef enum eao_quant_scheme {
  EAO_QUANT_INT8 = 0,     /* weights and activations int8 */
  EAO_QUANT_FP16,         /* weights f16, arithmetic float */
  EAO_QUANT_INT8_WEIGHTS, /* weights int8 with a scale per output channel, arithmetic float */
  EAO_QUANT_MIXED,        /* int8, but float where that loses too much or does not pay */
  EAO_QUANT_COUNT
} eao_quant_scheme;
/* "int8", "fp16", "int8-weights", "mixed". */
const char *eao_quant_scheme_name(eao_quant_scheme s);
/* The scheme of that name; false: there is none. */
bool eao_quant_scheme_find(const char *name, eao_quant_scheme *out);

/* A layer, or a conversion between float and int8, as a cost model sees it. */
typedef struct eao_layer_work {
  const char *name, *op;
  uint64_t macs, out_elements;
  bool integer;    /* in int8 */
  bool conversion; /* of out_elements numbers */
} eao_layer_work;

typedef struct eao_quantize_opts {
  eao_quant_scheme scheme;
  eao_sample_fn sample;
  void *sample_user;
  uint32_t n_samples; /* for calibration; 300 to 512 are enough. Schemes that leave activations
                         float need none: then the error is not measured (sqnr_db NaN) */
  uint32_t n_check;   /* of these, the last ones measure the error; 0: 32 (or n_samples) */
  eao_range_kind range;
  bool no_equalise, no_bias_correction, no_rounding; /* steps not to try */
  bool integer_io;  /* inputs and outputs become int8; false: they stay float */
  double target_db; /* mixed: signal to noise ratio at the outputs to reach; 0: 30 */
  /* mixed: time of a layer on the target, in any unit. NULL: multiply-adds, twice as fast in int8.
   */
  double (*layer_cost)(void *user, const eao_layer_work *w);
  void *layer_cost_user;
  const char *const *keep_float; /* layers (names of nodes or of values) that stay float */
  uint32_t n_keep_float;
  bool integer_softmax; /* softmax in steps of 1/256, as full-integer targets need */
  uint32_t
      threads; /* 1: only the caller's; 0: two. Results are the same. A context with an allocator
                  of its own stays with one. `sample` is called by one thread at a time */
  void (*progress)(void *user, const char *what, uint32_t done, uint32_t total); /* or NULL */
  void *progress_user;
} eao_quantize_opts;

/* A rung of the accuracy ladder. sqnr_db: signal to quantisation noise at the outputs (at the
 * scores where an output is a softmax), measured against the float model; a step that does not
 * raise it is not kept. */
typedef struct eao_quantize_step {
  const char *name;
  double sqnr_db;
  bool kept;
} eao_quantize_step;

typedef struct eao_quantize_layer {
  const char *name;      /* of the value */
  const char *node, *op; /* of the node that makes it; node: as in the source, "" without a name */
  double sqnr_db;
  uint32_t value;        /* in the quantised model */
  const char *precision; /* element type of what it makes: "i8", "f32" */
  /* Of mixed precision: */
  double sensitivity_db; /* of the outputs with this layer alone quantised; NaN: not measured */
  const char *why;       /* it has this precision; "" */
} eao_quantize_layer;

enum { EAO_QUANTIZE_STEPS_MAX = 16 };
typedef struct eao_quantize_report {
  eao_quant_scheme scheme;
  eao_quantize_step step[EAO_QUANTIZE_STEPS_MAX];
  uint32_t n_step;
  const eao_quantize_layer *layer; /* borrowed from the quantised model */
  uint32_t n_layer;
  uint32_t integer_nodes, float_nodes, conversions;
  uint32_t narrow_weights; /* constants that became f16 or int8, of the weight-only schemes */
  double sqnr_db;          /* of the result */
  double cost, cost_int8, cost_float; /* mixed: of the result, and with every layer int8 or float */
  eao_range_kind range;
} eao_quantize_report;

/* Post-training quantisation. int8: weights symmetric per output channel, activations asymmetric
 * per tensor, bias int32; ops without an integer kernel stay float between conversions. m stays as
 * it is; *out is independent of it. Errors: EAO_ERR_UNSUPPORTED for models with control flow. */
eao_status eao_quantize(eao_model *m, const eao_quantize_opts *opts, eao_model **out,
                        eao_quantize_report *out_report);

/* ---- comparing ------------------------------------------------------------------------------- */

/* Difference of two tensors of real values (quantised ones are dequantised). */
typedef struct eao_diff {
  int64_t n;          /* elements */
  int64_t mismatches; /* |got - want| > atol + rtol * |want|, or only one is NaN */
  int64_t worst;      /* element with the largest error; -1 when n == 0 */
  double worst_got, worst_want;
  double max_abs, mean_abs;
  double max_rel; /* max of |got - want| / |want| over want != 0 */
  double sqnr_db; /* 10 log10(sum want^2 / sum (got - want)^2); inf when equal */
  double cosine;  /* 1 when both are all zero */
} eao_diff;

/* Shapes must agree, element types need not. */
eao_status eao_tensor_diff(eao_ctx *ctx, const eao_tensor *got, const eao_tensor *want, double rtol,
                           double atol, eao_diff *out);

typedef struct eao_compare_opts {
  uint64_t seed;        /* of the random inputs */
  const eao_tensor *in; /* the first model's inputs; NULL: random */
  uint32_t n_in;
  double diverge_sqnr_db; /* below this a layer counts as diverged; 0: 30 */
} eao_compare_opts;

typedef struct eao_compare_row {
  const char *name_a, *name_b; /* of the value */
  uint32_t value_a, value_b;
  bool is_output;
  bool permuted;              /* b's axes were permuted to a's order */
  int32_t perm[EAO_MAX_RANK]; /* a.dim[i] == b.dim[perm[i]] */
  int32_t rank;
  eao_diff diff; /* got: b, want: a */
} eao_compare_row;

typedef struct eao_comparison {
  eao_compare_row *row; /* layers with a common name in the order of b, then the outputs */
  uint32_t n_row, n_output;
  uint32_t first_diverged; /* row, or EAO_NO_ID */
  bool inputs_permuted;    /* b's inputs have another layout than a's */
} eao_comparison;

/* Runs both models on the same inputs (fitted to b's element types, quantisation and layout) and
 * compares outputs (by name, else by place, else by shape) and inner values by name. a is the
 * reference. */
eao_status eao_compare(eao_model *a, eao_model *b, const eao_compare_opts *opts,
                       eao_comparison **out);
void eao_comparison_destroy(eao_ctx *ctx, eao_comparison *c);

/* ---- compiling ---------------------------------------------------------------------------------
 * A model to the bytes that libeao (eao/rt.h) runs: graph rewritten, kernels chosen, memory
 * planned. */

typedef struct eao_compiled eao_compiled;

/* Streaming runs a chain of layers by bands of rows, so that what is between them never exists
 * whole: less memory, more calls. */
typedef enum eao_stream_mode {
  EAO_STREAM_AUTO, /* where memory needs it (ram_budget, the target's RAM) or time does not lose */
  EAO_STREAM_ALWAYS, /* as little memory as possible */
  EAO_STREAM_NEVER,  /* layer by layer */
} eao_stream_mode;

typedef struct eao_compile_opts {
  const char *target;  /* device profile, name or path, or an ISA without extensions (generic,
                          x86_64, aarch64, armv7, riscv64); NULL: this machine */
  uint32_t threads;    /* that a session may use at most; 0: 1 */
  uint64_t ram_budget; /* bytes that the arena should fit; 0: what the target's RAM leaves */
  eao_stream_mode stream;
  bool ref_only;      /* reference kernels only */
  bool verify;        /* compare with the interpreter before and after each pass */
  bool golden;        /* carry a known-good run for the device's self-test */
  const char *source; /* kept as metadata: what the model was made from; NULL: none */
} eao_compile_opts;

typedef struct eao_compiled_info {
  uint64_t arena_bytes;           /* activations, band buffers, scratch */
  uint64_t arena_bound_bytes;     /* most of it alive at once: no layout takes less */
  uint64_t arena_bytes_layerwise; /* without streaming */
  uint64_t arena_bound_layerwise_bytes;
  uint64_t arena_bound_any_order_bytes; /* layer by layer, the steps in whatever order */
  bool reordered; /* the steps are not in the graph's order, since another needs less */
  uint64_t weight_bytes, file_bytes;
  uint32_t n_step, n_pass, n_stage, n_buffer;
} eao_compiled_info;

typedef struct eao_compiled_step {
  const char *name, *op, *kernel, *why; /* why: of the kernel's choice */
  uint64_t macs, weight_bytes, in_bytes, out_bytes, scratch_bytes;
  uint64_t channels;   /* last extent of its output; 0: it has none */
  uint64_t live_bytes; /* of the arena, at its point of the program */
  uint32_t stage;      /* streamed together with the other steps of that stage; EAO_NO_ID: alone */
  uint32_t band_rows;  /* rows of its output that are kept; 0: all */
  uint32_t rows;       /* of its output; 0 unless streamed */
  bool in_place;       /* takes over its input's memory */
} eao_compiled_step;

typedef struct eao_compiled_pass {
  const char *name, *doc;
  uint32_t changes;
  double ms;
} eao_compiled_pass;

typedef enum eao_buffer_kind {
  EAO_BUFFER_WHOLE,   /* a tensor, or several that share its memory */
  EAO_BUFFER_IO,      /* the same, with an input, output or state of the model among them */
  EAO_BUFFER_BAND,    /* the rows of a streamed tensor that still matter */
  EAO_BUFFER_SCRATCH, /* a kernel's */
} eao_buffer_kind;

/* A piece of the arena that is taken while steps first to last run. */
typedef struct eao_compiled_buffer {
  eao_buffer_kind kind;
  const char *name; /* of its first tensor, or of the step that makes it */
  uint64_t offset, bytes;
  uint32_t first, last;   /* steps */
  uint32_t tensors;       /* that use it: views, results in place; 0: scratch */
  uint32_t rows, of_rows; /* of a band buffer */
} eao_compiled_buffer;

/* The model's graph is rewritten on the way: what it computes, its inputs and outputs stay, numbers
 * of nodes and values do not. All dimensions must be known (bind them when loading). The model must
 * outlive the result. EAO_ERR_UNSUPPORTED names what cannot be compiled. */
eao_status eao_model_compile(eao_model *m, const eao_compile_opts *opts, eao_compiled **out);
/* The same, kept in $XDG_CACHE_HOME/eao (or ~/.cache/eao, at most 512 MiB): a model that was
 * compiled before with the same options, program and machine is read from there. Then *out_found
 * (may be NULL) is true, m stays as it is, and of the result there are only data and file_bytes. */
eao_status eao_model_compile_cached(eao_model *m, const eao_compile_opts *opts, eao_compiled **out,
                                    bool *out_found);
void eao_compiled_destroy(eao_compiled *c);
/* The package, 64-byte aligned: what eao_package_open_memory takes. */
const void *eao_compiled_data(const eao_compiled *c, size_t *out_size);
eao_status eao_compiled_save(const eao_compiled *c, const char *path);
eao_compiled_info eao_compiled_get(const eao_compiled *c);
/* i must be below the count. */
eao_compiled_step eao_compiled_get_step(const eao_compiled *c, uint32_t i);
eao_compiled_pass eao_compiled_get_pass(const eao_compiled *c, uint32_t i);
eao_compiled_buffer eao_compiled_get_buffer(const eao_compiled *c, uint32_t i);
/* What lies where in the arena while the steps run, as a piece of an HTML page: a picture and a
 * table of what is alive at the peak. Free with eao_text_free. */
eao_status eao_compiled_memory_html(const eao_compiled *c, char **out);
/* A page of its own: that picture, passes and steps. */
eao_status eao_compiled_html(const eao_compiled *c, const char *title, char **out);

/* One run of a pass that changed something. */
typedef struct eao_pass_run {
  const char *name, *doc;
  uint32_t round, changes; /* passes run in order, again and again until none changes anything */
  double ms;
  eao_model_stats before, after;
} eao_pass_run;

/* A package compressed for transport, as one zstd frame, and back. unpack refuses with
 * EAO_ERR_FORMAT what is damaged, no package, or claims to become more than 1000 times as large. */
eao_status eao_package_pack(eao_ctx *ctx, const char *package, const char *out_path);
eao_status eao_package_unpack(eao_ctx *ctx, const char *path, const char *out_path);

/* C source of a kernel table (eao/link.h) with what n packages need, of any ISA, for programs that
 * carry no other kernels. Free *out with eao_text_free. */
eao_status eao_kernel_table_text(eao_ctx *ctx, const char *const *package, uint32_t n, char **out);

/* Rewrites the model's graph as eao_model_compile does, and says what each pass did. out: free with
 * eao_pass_runs_free. */
eao_status eao_model_run_passes(eao_model *m, eao_pass_run **out, uint32_t *out_n);
void eao_pass_runs_free(eao_ctx *ctx, eao_pass_run *runs);
/* Pass i in the order they run; NULL past the last. */
const char *eao_pass_name(uint32_t i);

#ifdef __cplusplus
}
#endif
#endif
