/* The .eao package on disk: little endian, sections aligned to 64 bytes, used in place when mapped.
 *
 *   header | sections ... (each 64-byte aligned, zero padding between them, in order of their
 * number)
 *
 * The hash covers everything from the field after it to the end of the file. Same inputs give the
 * same bytes: nothing in here is a time, a path or an address. A reader refuses another major
 * version; a minor version only adds sections and metadata keys. */
#ifndef EAO_FORMAT_EAO_FORMAT_H
#define EAO_FORMAT_EAO_FORMAT_H

#include <stdint.h>

#define EAO_PKG_MAGIC                                                                              \
  "\x89"                                                                                           \
  "EAO\r\n\x1a\n"
enum { EAO_PKG_MAJOR = 1, EAO_PKG_MINOR = 0, EAO_PKG_ALIGN = 64 };
#define EAO_PKG_NONE UINT32_MAX

typedef enum eao_pkg_section {
  EAO_PKG_TENSORS,  /* eao_pkg_tensor */
  EAO_PKG_STEPS,    /* eao_pkg_step */
  EAO_PKG_REFS,     /* uint32_t, tensor numbers or NONE: inputs then outputs of each step */
  EAO_PKG_PROGRAM,  /* eao_pkg_entry: what a run does, in order */
  EAO_PKG_STAGES,   /* eao_pkg_stage */
  EAO_PKG_SCHEDULE, /* eao_pkg_band */
  EAO_PKG_INPUTS,   /* eao_pkg_io */
  EAO_PKG_OUTPUTS,  /* eao_pkg_io */
  EAO_PKG_STATES,   /* eao_pkg_state */
  EAO_PKG_META,     /* eao_pkg_meta */
  EAO_PKG_GOLDEN,   /* eao_pkg_golden */
  EAO_PKG_STRINGS,  /* bytes; every string ends in NUL */
  EAO_PKG_ATTRS,    /* bytes; attribute structs, 8-byte aligned */
  EAO_PKG_QUANT,    /* 4-byte words: scales (float) and zero points (int32) */
  EAO_PKG_DATA,     /* bytes; constants, each 64-byte aligned */
  EAO_PKG_SECTIONS
} eao_pkg_section;

typedef struct eao_pkg_span {
  uint64_t offset; /* from the start of the file */
  uint64_t count;  /* elements of the section's type */
} eao_pkg_span;

typedef struct eao_pkg_header {
  uint8_t magic[8];
  uint8_t hash[32]; /* eao_wide_hash of everything that follows it */
  uint16_t major, minor;
  uint32_t header_bytes;
  uint64_t file_bytes;
  uint64_t arena_bytes; /* activations, band buffers and scratch; what the session adds is extra */
  uint32_t isa, cpu;    /* what the kernels need: eao_isa, EAO_CPU_ flags */
  uint32_t threads;     /* scratch is laid out for at most this many */
  uint32_t n_section;
  eao_pkg_span section[EAO_PKG_SECTIONS];
} eao_pkg_header;

typedef enum eao_pkg_place {
  EAO_PKG_CONST = 1, /* offset is in DATA */
  EAO_PKG_ARENA = 2,
} eao_pkg_place;

typedef struct eao_pkg_tensor {
  uint8_t dtype, rank, place, pad;
  uint32_t rows; /* 0: held whole. Else: a band buffer of so many rows (extents of axis 1) */
  uint64_t offset, bytes;
  int32_t quant_axis;
  uint32_t quant_n;
  uint32_t scale, zero; /* first word in QUANT; zero NONE: all zero */
  int64_t dim[8];
} eao_pkg_tensor;

typedef struct eao_pkg_step {
  uint16_t kernel, op;
  uint16_t n_in, n_out;
  uint32_t refs; /* first of n_in + n_out in REFS */
  uint32_t attr, attr_bytes;
  uint32_t name; /* string */
  uint64_t scratch_offset, scratch_bytes;
  /* Only for steps of stages: input rows [y * stride - pad_top, ... + window) make row y. */
  uint32_t row_inputs; /* bit i: input i has rows; others are taken whole */
  uint32_t pads;       /* byte offset in attr of an eao_ints of pads, NONE: no padding */
  int32_t stride, window, pad_top;
  uint32_t split; /* 1: worth sharing among threads */
} eao_pkg_step;

typedef struct eao_pkg_entry {
  uint32_t stage; /* 0: index is a step; 1: index is a stage */
  uint32_t index;
} eao_pkg_entry;

/* Steps first_step .. + n_step - 1, run band by band as the schedule says. */
typedef struct eao_pkg_stage {
  uint32_t first_step, n_step;
  uint32_t first_band, n_band;
} eao_pkg_stage;

/* Drop `drop` rows from the front of the band buffer of the step's output, then compute `rows`
 * more. */
typedef struct eao_pkg_band {
  uint16_t step; /* within the stage */
  uint16_t rows;
  uint32_t drop;
} eao_pkg_band;

typedef struct eao_pkg_io {
  uint32_t tensor, name;
} eao_pkg_io;

/* `in` holds the state when a run starts; `out` is copied into it at the end. */
typedef struct eao_pkg_state {
  uint32_t in, out, name, pad;
  uint64_t init; /* offset in DATA, UINT64_MAX: zeros */
} eao_pkg_state;

typedef struct eao_pkg_meta {
  uint32_t key, text;
} eao_pkg_meta;

/* One value of a known-good run: inputs first, then outputs, for each case in turn. */
typedef struct eao_pkg_golden {
  uint64_t offset, bytes; /* in DATA */
} eao_pkg_golden;

/* Bytes of an element of each section. */
static const uint32_t eao_pkg_element_bytes[EAO_PKG_SECTIONS] = {
    [EAO_PKG_TENSORS] = sizeof(eao_pkg_tensor),
    [EAO_PKG_STEPS] = sizeof(eao_pkg_step),
    [EAO_PKG_REFS] = sizeof(uint32_t),
    [EAO_PKG_PROGRAM] = sizeof(eao_pkg_entry),
    [EAO_PKG_STAGES] = sizeof(eao_pkg_stage),
    [EAO_PKG_SCHEDULE] = sizeof(eao_pkg_band),
    [EAO_PKG_INPUTS] = sizeof(eao_pkg_io),
    [EAO_PKG_OUTPUTS] = sizeof(eao_pkg_io),
    [EAO_PKG_STATES] = sizeof(eao_pkg_state),
    [EAO_PKG_META] = sizeof(eao_pkg_meta),
    [EAO_PKG_GOLDEN] = sizeof(eao_pkg_golden),
    [EAO_PKG_STRINGS] = 1,
    [EAO_PKG_ATTRS] = 1,
    [EAO_PKG_QUANT] = 4,
    [EAO_PKG_DATA] = 1};

#endif
