/* Shape inference that convolution and pooling share. */
#ifndef EAO_OP_WINDOW_H
#define EAO_OP_WINDOW_H

#include "kernel/ref/spatial.h"
#include "op/op.h"

/* For attribute tables. */
extern const char *const eao_layout_names[],
    *const eao_w_layout_names[], *const eao_auto_pad_names[], *const eao_hybrid_names[];

#define EAO_HYBRID_ATTR(T)                                                                         \
  {                                                                                                \
    .name = "hybrid", .kind = EAO_ATTR_ENUM, .offset = EAO_ATTR_AT(T, hybrid), .onnx = "",         \
    .names = eao_hybrid_names, .doc = "how a float x is quantised to int8 on the way"              \
  }

/* The rows that every op with windows has; T is its attribute struct. */
#define EAO_WINDOW_ATTRS(T)                                                                        \
  {.name = "layout",                                                                               \
   .kind = EAO_ATTR_ENUM,                                                                          \
   .offset = EAO_ATTR_AT(T, layout),                                                               \
   .onnx = "",                                                                                     \
   .names = eao_layout_names,                                                                      \
   .doc = "where the channel axis stands"},                                                        \
      {.name = "auto_pad",                                                                         \
       .kind = EAO_ATTR_ENUM,                                                                      \
       .offset = EAO_ATTR_AT(T, auto_pad),                                                         \
       .names = eao_auto_pad_names,                                                                \
       .doc = "how pads are computed; notset: as given"},                                          \
      {.name = "kernel",                                                                           \
       .kind = EAO_ATTR_INTS,                                                                      \
       .offset = EAO_ATTR_AT(T, kernel),                                                           \
       .onnx = "kernel_shape",                                                                     \
       .doc = "extent of the window along each spatial axis"},                                     \
      {.name = "strides",                                                                          \
       .kind = EAO_ATTR_INTS,                                                                      \
       .offset = EAO_ATTR_AT(T, strides),                                                          \
       .doc = "step of the window; empty: 1"},                                                     \
      {.name = "dilations",                                                                        \
       .kind = EAO_ATTR_INTS,                                                                      \
       .offset = EAO_ATTR_AT(T, dilations),                                                        \
       .doc = "distance of the window's elements; empty: 1"},                                      \
  {                                                                                                \
    .name = "pads", .kind = EAO_ATTR_INTS, .offset = EAO_ATTR_AT(T, pads),                         \
    .doc = "padding at the begins, then at the ends; empty: 0"                                     \
  }

/* Fails unless t has a rank of 3 to 5 or an unknown one. */
eao_status eao_infer_spatial_rank(eao_infer *f, const char *what,
                                  const eao_tensor *t) EAO_MUST_CHECK;
/* The list is empty or has n entries, each in [lo, INT32_MAX]. */
eao_status eao_infer_list(eao_infer *f, const char *what, const eao_ints *list, int32_t n,
                          int64_t lo) EAO_MUST_CHECK;
/* Lists, auto_pad and layout of an op with `rank` spatial axes. */
eao_status eao_infer_window_attrs(eao_infer *f, const eao_window_spec *spec, const eao_ints *kernel,
                                  int32_t layout, int32_t rank) EAO_MUST_CHECK;
/* out[0] gets dtype and the shape of x with `channels` channels (-1: not known) and the window's
 * extents; fails where no window fits. */
eao_status eao_infer_windowed(eao_infer *f, eao_dtype dtype, const eao_tensor *x, int32_t layout,
                              int64_t channels, const eao_window *w) EAO_MUST_CHECK;
/* A bias of n elements (-1: not known), or none. */
eao_status eao_infer_bias(eao_infer *f, const eao_tensor *bias, int64_t n) EAO_MUST_CHECK;
/* x and w are of one float type; or x is float and w quantised; or x is quantised and the result
 * declared. out_dtype: of the result. */
eao_status eao_infer_weighted_dtype(eao_infer *f, const eao_tensor *x, const eao_tensor *w,
                                    eao_dtype *out_dtype) EAO_MUST_CHECK;
/* Attribute `hybrid` of an op whose weights have their outputs along `channel`. */
eao_status eao_infer_hybrid(eao_infer *f, int32_t hybrid, int32_t channel) EAO_MUST_CHECK;
/* What attribute `hybrid` of an op says (eao_hybrid); 0 for ops without one. */
int32_t eao_op_hybrid(uint16_t op, const void *attr);
/* macs: elements of t times the n factors; 0 when one of them is not known. */
void eao_cost_product(const eao_tensor *t, const int64_t *factor, int32_t n, eao_cost *out);
/* Sets an eao_ints. */
eao_ints eao_ints_of(int32_t n, const int64_t *v);
#define EAO_INTS(...)                                                                              \
  eao_ints_of((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                       \
              (const int64_t[]){__VA_ARGS__})

#endif
