/* Ops that move data, against values that numpy computed (np.pad, np.take, np.unique, basic
 * indexing, and for the block ops the reshape-transpose definitions in ONNX's and TensorFlow's
 * documentation). Moving commutes with changing the element type, so each case runs for every type
 * that its moved inputs can have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <string.h>

#include "kernel/ref/conv.h"
#include "kernel/ref/gather.h"
#include "kernel/ref/make.h"
#include "kernel/ref/move.h"
#include "kernel/ref/slice.h"
#include "kernel/ref/space.h"
#include "op/op.h"

typedef struct data {
  int32_t rank;
  int64_t dim[EAO_MAX_RANK];
  const int64_t *v;
} data;

typedef struct move_case {
  const char *name;
  uint16_t op;
  const void *attr;
  uint32_t moved; /* bit i: input i is data that output 0 consists of */
  uint32_t n_in, n_out;
  data in[5], want[4];
} move_case;

static const move_case cases[] = {
    /* clang-format off */
    {.name = "transpose",
     .op = EAO_OP_transpose,
     .attr = &(eao_transpose_attr){.perm = {.n = 3, .v = {2, 0, 1}}},
     .moved = 1,
     .n_in = 1,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}},
     .want = {{3, {4, 2, 3}, (const int64_t[]){1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23, 4, 8, 12, 16, 20, 24}}}},
    {.name = "transpose, reversed by default",
     .op = EAO_OP_transpose,
     .attr = &(eao_transpose_attr){.perm = {.n = 0}},
     .moved = 1,
     .n_in = 1,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}},
     .want = {{3, {4, 3, 2}, (const int64_t[]){1, 13, 5, 17, 9, 21, 2, 14, 6, 18, 10, 22, 3, 15, 7, 19, 11, 23, 4, 16, 8, 20, 12, 24}}}},
    {.name = "slice backwards",
     .op = EAO_OP_slice,
     .moved = 1,
     .n_in = 5,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {1, {2}, (const int64_t[]){-1, 0}}, {1, {2}, (const int64_t[]){-INT64_MAX, 2}}, {1, {2}, (const int64_t[]){2, 1}}, {1, {2}, (const int64_t[]){-2, 1}}},
     .want = {{3, {2, 2, 2}, (const int64_t[]){4, 2, 8, 6, 16, 14, 20, 18}}}},
    {.name = "slice clamps",
     .op = EAO_OP_slice,
     .moved = 1,
     .n_in = 5,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {1, {1}, (const int64_t[]){1}}, {1, {1}, (const int64_t[]){1000}}, {1, {1}, (const int64_t[]){1}}, {1, {1}, (const int64_t[]){1}}},
     .want = {{3, {2, 2, 4}, (const int64_t[]){5, 6, 7, 8, 9, 10, 11, 12, 17, 18, 19, 20, 21, 22, 23, 24}}}},
    {.name = "slice to nothing",
     .op = EAO_OP_slice,
     .moved = 1,
     .n_in = 3,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {1, {1}, (const int64_t[]){3}}, {1, {1}, (const int64_t[]){1}}},
     .want = {{3, {0, 3, 4}, (const int64_t[]){0}}}},
    {.name = "pad constant, one side negative",
     .op = EAO_OP_pad,
     .attr = &(eao_pad_attr){.mode = EAO_PAD_CONSTANT},
     .moved = 5,
     .n_in = 3,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {4}, (const int64_t[]){1, -2, 2, 1}}, {0, {0}, (const int64_t[]){9}}},
     .want = {{2, {6, 4}, (const int64_t[]){9, 9, 9, 9, 3, 4, 5, 9, 8, 9, 10, 9, 13, 14, 15, 9, 9, 9, 9, 9, 9, 9, 9, 9}}}},
    {.name = "pad reflect",
     .op = EAO_OP_pad,
     .attr = &(eao_pad_attr){.mode = EAO_PAD_REFLECT},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {4}, (const int64_t[]){2, 1, 0, 4}}},
     .want = {{2, {5, 10}, (const int64_t[]){12, 11, 12, 13, 14, 15, 14, 13, 12, 11, 7, 6, 7, 8, 9, 10, 9, 8, 7, 6, 2, 1, 2, 3, 4, 5, 4, 3, 2, 1, 7, 6, 7, 8, 9, 10, 9, 8, 7, 6, 12, 11, 12, 13, 14, 15, 14, 13, 12, 11}}}},
    {.name = "pad reflect further than the axis",
     .op = EAO_OP_pad,
     .attr = &(eao_pad_attr){.mode = EAO_PAD_REFLECT},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 3}, (const int64_t[]){1, 2, 3, 6, 7, 8, 11, 12, 13}}, {1, {4}, (const int64_t[]){0, 5, 0, 4}}},
     .want = {{2, {3, 12}, (const int64_t[]){2, 1, 2, 3, 2, 1, 2, 3, 2, 1, 2, 3, 7, 6, 7, 8, 7, 6, 7, 8, 7, 6, 7, 8, 12, 11, 12, 13, 12, 11, 12, 13, 12, 11, 12, 13}}}},
    {.name = "pad edge",
     .op = EAO_OP_pad,
     .attr = &(eao_pad_attr){.mode = EAO_PAD_EDGE},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {2, {2, 2}, (const int64_t[]){1, 2, 3, 0}}},
     .want = {{2, {6, 8}, (const int64_t[]){1, 1, 1, 1, 2, 3, 4, 5, 1, 1, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6, 7, 8, 9, 10, 11, 11, 11, 11, 12, 13, 14, 15, 11, 11, 11, 11, 12, 13, 14, 15, 11, 11, 11, 11, 12, 13, 14, 15}}}},
    {.name = "pad wrap",
     .op = EAO_OP_pad,
     .attr = &(eao_pad_attr){.mode = EAO_PAD_WRAP},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {4}, (const int64_t[]){0, 6, 1, 1}}},
     .want = {{2, {4, 12}, (const int64_t[]){5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 10, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10, 6, 15, 11, 12, 13, 14, 15, 11, 12, 13, 14, 15, 11, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1}}}},
    {.name = "pad symmetric",
     .op = EAO_OP_pad,
     .attr = &(eao_pad_attr){.mode = EAO_PAD_SYMMETRIC},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {4}, (const int64_t[]){2, 0, 2, 5}}},
     .want = {{2, {7, 10}, (const int64_t[]){6, 7, 8, 9, 10, 10, 9, 8, 7, 6, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 1, 2, 3, 4, 5, 5, 4, 3, 2, 1, 6, 7, 8, 9, 10, 10, 9, 8, 7, 6, 11, 12, 13, 14, 15, 15, 14, 13, 12, 11, 11, 12, 13, 14, 15, 15, 14, 13, 12, 11, 6, 7, 8, 9, 10, 10, 9, 8, 7, 6}}}},
    {.name = "pad one named axis",
     .op = EAO_OP_pad,
     .attr = &(eao_pad_attr){.mode = EAO_PAD_CONSTANT},
     .moved = 5,
     .n_in = 4,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {2}, (const int64_t[]){1, 2}}, {0, {0}, (const int64_t[]){0}}, {1, {1}, (const int64_t[]){-1}}},
     .want = {{2, {3, 8}, (const int64_t[]){0, 1, 2, 3, 4, 5, 0, 0, 0, 6, 7, 8, 9, 10, 0, 0, 0, 11, 12, 13, 14, 15, 0, 0}}}},
    {.name = "concat",
     .op = EAO_OP_concat,
     .attr = &(eao_axis_attr){.axis = -2},
     .moved = 7,
     .n_in = 3,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {3, {2, 1, 4}, (const int64_t[]){1, 2, 3, 4, 13, 14, 15, 16}}, {3, {2, 2, 4}, (const int64_t[]){5, 6, 7, 8, 9, 10, 11, 12, 17, 18, 19, 20, 21, 22, 23, 24}}},
     .want = {{3, {2, 6, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}}},
    {.name = "split by sizes",
     .op = EAO_OP_split,
     .attr = &(eao_split_attr){.axis = 1},
     .moved = 1,
     .n_in = 2,
     .n_out = 3,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {3}, (const int64_t[]){2, 0, 3}}},
     .want = {{2, {3, 2}, (const int64_t[]){1, 2, 6, 7, 11, 12}}, {2, {3, 0}, (const int64_t[]){0}}, {2, {3, 3}, (const int64_t[]){3, 4, 5, 8, 9, 10, 13, 14, 15}}}},
    {.name = "split evenly with a rest",
     .op = EAO_OP_split,
     .attr = &(eao_split_attr){.axis = 1, .num_outputs = 3},
     .moved = 1,
     .n_in = 1,
     .n_out = 3,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}},
     .want = {{2, {3, 2}, (const int64_t[]){1, 2, 6, 7, 11, 12}}, {2, {3, 2}, (const int64_t[]){3, 4, 8, 9, 13, 14}}, {2, {3, 1}, (const int64_t[]){5, 10, 15}}}},
    {.name = "expand",
     .op = EAO_OP_expand,
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 1}, (const int64_t[]){1, 2, 3}}, {1, {3}, (const int64_t[]){2, 1, 4}}},
     .want = {{3, {2, 3, 4}, (const int64_t[]){1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3}}}},
    {.name = "tile",
     .op = EAO_OP_tile,
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {2}, (const int64_t[]){2, 3}}},
     .want = {{2, {6, 15}, (const int64_t[]){1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 11, 12, 13, 14, 15, 11, 12, 13, 14, 15, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 11, 12, 13, 14, 15, 11, 12, 13, 14, 15}}}},
    {.name = "gather",
     .op = EAO_OP_gather,
     .attr = &(eao_gather_attr){.axis = 1},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {2, {2, 2}, (const int64_t[]){0, -1, 2, 1}}},
     .want = {{4, {2, 2, 2, 4}, (const int64_t[]){1, 2, 3, 4, 9, 10, 11, 12, 9, 10, 11, 12, 5, 6, 7, 8, 13, 14, 15, 16, 21, 22, 23, 24, 21, 22, 23, 24, 17, 18, 19, 20}}}},
    {.name = "gather with batch dims",
     .op = EAO_OP_gather,
     .attr = &(eao_gather_attr){.axis = 2, .batch_dims = 1},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {2, {2, 2}, (const int64_t[]){0, -1, 2, 1}}},
     .want = {{3, {2, 3, 2}, (const int64_t[]){1, 4, 5, 8, 9, 12, 15, 14, 19, 18, 23, 22}}}},
    {.name = "gather_elements",
     .op = EAO_OP_gather_elements,
     .attr = &(eao_axis_attr){.axis = 1},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {3, {2, 1, 3}, (const int64_t[]){0, -1, 2, 1, 1, 0}}},
     .want = {{3, {2, 1, 3}, (const int64_t[]){1, 10, 11, 17, 18, 15}}}},
    {.name = "gather_nd",
     .op = EAO_OP_gather_nd,
     .attr = &(eao_gather_nd_attr){.batch_dims = 0},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {2, {2, 2}, (const int64_t[]){1, 2, 0, -1}}},
     .want = {{2, {2, 4}, (const int64_t[]){21, 22, 23, 24, 9, 10, 11, 12}}}},
    {.name = "gather_nd with batch dims",
     .op = EAO_OP_gather_nd,
     .attr = &(eao_gather_nd_attr){.batch_dims = 1},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {3, {2, 1, 1}, (const int64_t[]){1, -1}}},
     .want = {{3, {2, 1, 4}, (const int64_t[]){5, 6, 7, 8, 21, 22, 23, 24}}}},
    {.name = "scatter_elements",
     .op = EAO_OP_scatter_elements,
     .attr = &(eao_scatter_attr){.axis = 0},
     .moved = 5,
     .n_in = 3,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {2, {2, 1}, (const int64_t[]){2, 0}}, {2, {2, 1}, (const int64_t[]){7, 8}}},
     .want = {{2, {3, 5}, (const int64_t[]){8, 2, 3, 4, 5, 6, 7, 8, 9, 10, 7, 12, 13, 14, 15}}}},
    {.name = "scatter_nd add",
     .op = EAO_OP_scatter_nd,
     .attr = &(eao_scatter_attr){.reduction = EAO_SCATTER_ADD},
     .moved = 0,
     .n_in = 3,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {2, {3, 1}, (const int64_t[]){1, 1, -1}}, {2, {3, 5}, (const int64_t[]){2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30}}},
     .want = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 20, 25, 30, 35, 40, 33, 36, 39, 42, 45}}}},
    {.name = "scatter_nd max",
     .op = EAO_OP_scatter_nd,
     .attr = &(eao_scatter_attr){.reduction = EAO_SCATTER_MAX},
     .moved = 0,
     .n_in = 3,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {2, {2, 2}, (const int64_t[]){0, 4, 2, 4}}, {1, {2}, (const int64_t[]){3, 99}}},
     .want = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 99}}}},
    {.name = "one_hot",
     .op = EAO_OP_one_hot,
     .attr = &(eao_axis_attr){.axis = 0},
     .moved = 4,
     .n_in = 3,
     .n_out = 1,
     .in = {{1, {3}, (const int64_t[]){1, -1, 5}}, {0, {0}, (const int64_t[]){4}}, {1, {2}, (const int64_t[]){2, 6}}},
     .want = {{2, {4, 3}, (const int64_t[]){2, 2, 2, 6, 2, 2, 2, 2, 2, 2, 6, 2}}}},
    {.name = "reverse",
     .op = EAO_OP_reverse,
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {1, {2}, (const int64_t[]){0, -1}}},
     .want = {{3, {2, 3, 4}, (const int64_t[]){16, 15, 14, 13, 20, 19, 18, 17, 24, 23, 22, 21, 4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9}}}},
    {.name = "reverse_sequence",
     .op = EAO_OP_reverse_sequence,
     .attr = &(eao_reverse_sequence_attr){.batch_axis = 0, .time_axis = 1},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {3}, (const int64_t[]){2, 5, 0}}},
     .want = {{2, {3, 5}, (const int64_t[]){2, 1, 3, 4, 5, 10, 9, 8, 7, 6, 11, 12, 13, 14, 15}}}},
    {.name = "depth_to_space DCR",
     .op = EAO_OP_depth_to_space,
     .attr = &(eao_depth_space_attr){.block = 2, .mode = EAO_DEPTH_DCR, .layout = EAO_LAYOUT_CHANNELS_FIRST},
     .moved = 1,
     .n_in = 1,
     .n_out = 1,
     .in = {{4, {1, 8, 2, 3}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48}}},
     .want = {{4, {1, 2, 4, 6}, (const int64_t[]){1, 13, 2, 14, 3, 15, 25, 37, 26, 38, 27, 39, 4, 16, 5, 17, 6, 18, 28, 40, 29, 41, 30, 42, 7, 19, 8, 20, 9, 21, 31, 43, 32, 44, 33, 45, 10, 22, 11, 23, 12, 24, 34, 46, 35, 47, 36, 48}}}},
    {.name = "depth_to_space CRD",
     .op = EAO_OP_depth_to_space,
     .attr = &(eao_depth_space_attr){.block = 2, .mode = EAO_DEPTH_CRD, .layout = EAO_LAYOUT_CHANNELS_FIRST},
     .moved = 1,
     .n_in = 1,
     .n_out = 1,
     .in = {{4, {1, 8, 2, 3}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48}}},
     .want = {{4, {1, 2, 4, 6}, (const int64_t[]){1, 7, 2, 8, 3, 9, 13, 19, 14, 20, 15, 21, 4, 10, 5, 11, 6, 12, 16, 22, 17, 23, 18, 24, 25, 31, 26, 32, 27, 33, 37, 43, 38, 44, 39, 45, 28, 34, 29, 35, 30, 36, 40, 46, 41, 47, 42, 48}}}},
    {.name = "depth_to_space channels last",
     .op = EAO_OP_depth_to_space,
     .attr = &(eao_depth_space_attr){.block = 2, .mode = EAO_DEPTH_DCR, .layout = EAO_LAYOUT_CHANNELS_LAST},
     .moved = 1,
     .n_in = 1,
     .n_out = 1,
     .in = {{4, {1, 2, 3, 8}, (const int64_t[]){1, 7, 13, 19, 25, 31, 37, 43, 2, 8, 14, 20, 26, 32, 38, 44, 3, 9, 15, 21, 27, 33, 39, 45, 4, 10, 16, 22, 28, 34, 40, 46, 5, 11, 17, 23, 29, 35, 41, 47, 6, 12, 18, 24, 30, 36, 42, 48}}},
     .want = {{4, {1, 4, 6, 2}, (const int64_t[]){1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 25, 31, 37, 43, 26, 32, 38, 44, 27, 33, 39, 45, 4, 10, 16, 22, 5, 11, 17, 23, 6, 12, 18, 24, 28, 34, 40, 46, 29, 35, 41, 47, 30, 36, 42, 48}}}},
    {.name = "space_to_depth",
     .op = EAO_OP_space_to_depth,
     .attr = &(eao_depth_space_attr){.block = 2, .mode = EAO_DEPTH_DCR, .layout = EAO_LAYOUT_CHANNELS_FIRST},
     .moved = 1,
     .n_in = 1,
     .n_out = 1,
     .in = {{4, {1, 2, 4, 6}, (const int64_t[]){1, 13, 2, 14, 3, 15, 25, 37, 26, 38, 27, 39, 4, 16, 5, 17, 6, 18, 28, 40, 29, 41, 30, 42, 7, 19, 8, 20, 9, 21, 31, 43, 32, 44, 33, 45, 10, 22, 11, 23, 12, 24, 34, 46, 35, 47, 36, 48}}},
     .want = {{4, {1, 8, 2, 3}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48}}}},
    {.name = "space_to_depth channels last",
     .op = EAO_OP_space_to_depth,
     .attr = &(eao_depth_space_attr){.block = 2, .mode = EAO_DEPTH_DCR, .layout = EAO_LAYOUT_CHANNELS_LAST},
     .moved = 1,
     .n_in = 1,
     .n_out = 1,
     .in = {{4, {1, 4, 6, 2}, (const int64_t[]){1, 7, 13, 19, 2, 8, 14, 20, 3, 9, 15, 21, 25, 31, 37, 43, 26, 32, 38, 44, 27, 33, 39, 45, 4, 10, 16, 22, 5, 11, 17, 23, 6, 12, 18, 24, 28, 34, 40, 46, 29, 35, 41, 47, 30, 36, 42, 48}}},
     .want = {{4, {1, 2, 3, 8}, (const int64_t[]){1, 7, 13, 19, 25, 31, 37, 43, 2, 8, 14, 20, 26, 32, 38, 44, 3, 9, 15, 21, 27, 33, 39, 45, 4, 10, 16, 22, 28, 34, 40, 46, 5, 11, 17, 23, 29, 35, 41, 47, 6, 12, 18, 24, 30, 36, 42, 48}}}},
    {.name = "space_to_batch_nd",
     .op = EAO_OP_space_to_batch_nd,
     .moved = 1,
     .n_in = 3,
     .n_out = 1,
     .in = {{4, {2, 3, 4, 1}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {1, {2}, (const int64_t[]){2, 3}}, {2, {2, 2}, (const int64_t[]){1, 0, 2, 3}}},
     .want = {{4, {12, 2, 3, 1}, (const int64_t[]){0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 18, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 19, 0, 0, 0, 0, 5, 8, 0, 0, 0, 0, 17, 20, 0, 0, 2, 0, 0, 10, 0, 0, 14, 0, 0, 22, 0, 0, 3, 0, 0, 11, 0, 0, 15, 0, 0, 23, 0, 1, 4, 0, 9, 12, 0, 13, 16, 0, 21, 24, 0}}}},
    {.name = "batch_to_space_nd",
     .op = EAO_OP_batch_to_space_nd,
     .moved = 1,
     .n_in = 3,
     .n_out = 1,
     .in = {{4, {12, 2, 3, 1}, (const int64_t[]){0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 18, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 19, 0, 0, 0, 0, 5, 8, 0, 0, 0, 0, 17, 20, 0, 0, 2, 0, 0, 10, 0, 0, 14, 0, 0, 22, 0, 0, 3, 0, 0, 11, 0, 0, 15, 0, 0, 23, 0, 1, 4, 0, 9, 12, 0, 13, 16, 0, 21, 24, 0}}, {1, {2}, (const int64_t[]){2, 3}}, {2, {2, 2}, (const int64_t[]){1, 0, 2, 3}}},
     .want = {{4, {2, 3, 4, 1}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}}},
    {.name = "trilu upper",
     .op = EAO_OP_trilu,
     .attr = &(eao_trilu_attr){.upper = 1},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {0, {0}, (const int64_t[]){1}}},
     .want = {{3, {2, 3, 4}, (const int64_t[]){0, 2, 3, 4, 0, 0, 7, 8, 0, 0, 0, 12, 0, 14, 15, 16, 0, 0, 19, 20, 0, 0, 0, 24}}}},
    {.name = "trilu lower",
     .op = EAO_OP_trilu,
     .attr = &(eao_trilu_attr){.upper = 0},
     .moved = 1,
     .n_in = 2,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {0, {0}, (const int64_t[]){-1}}},
     .want = {{3, {2, 3, 4}, (const int64_t[]){0, 0, 0, 0, 5, 0, 0, 0, 9, 10, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 21, 22, 0, 0}}}},
    {.name = "dynamic_update_slice clamps",
     .op = EAO_OP_dynamic_update_slice,
     .moved = 3,
     .n_in = 3,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {3, {1, 2, 2}, (const int64_t[]){51, 52, 53, 54}}, {1, {3}, (const int64_t[]){9, 1, -3}}},
     .want = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 51, 52, 19, 20, 53, 54, 23, 24}}}},
    {.name = "strided_slice with masks",
     .op = EAO_OP_strided_slice,
     .attr = &(eao_strided_slice_attr){.begin_mask = 1, .end_mask = 1, .shrink_axis_mask = 2},
     .moved = 1,
     .n_in = 4,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {1, {3}, (const int64_t[]){1, -2, 3}}, {1, {3}, (const int64_t[]){0, 0, 0}}, {1, {3}, (const int64_t[]){1, 1, -2}}},
     .want = {{2, {2, 2}, (const int64_t[]){8, 6, 20, 18}}}},
    {.name = "strided_slice with an ellipsis",
     .op = EAO_OP_strided_slice,
     .attr = &(eao_strided_slice_attr){.ellipsis_mask = 1, .new_axis_mask = 2, .begin_mask = 4},
     .moved = 1,
     .n_in = 4,
     .n_out = 1,
     .in = {{3, {2, 3, 4}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24}}, {1, {3}, (const int64_t[]){0, 0, 0}}, {1, {3}, (const int64_t[]){0, 0, 2}}, {1, {3}, (const int64_t[]){1, 1, 1}}},
     .want = {{4, {2, 3, 1, 2}, (const int64_t[]){1, 2, 5, 6, 9, 10, 13, 14, 17, 18, 21, 22}}}},
    {.name = "unique",
     .op = EAO_OP_unique,
     .attr = &(eao_unique_attr){.axis = EAO_NO_AXIS, .sorted = 1},
     .moved = 1,
     .n_in = 1,
     .n_out = 4,
     .in = {{2, {3, 3}, (const int64_t[]){2, 1, 1, 3, 2, 1, 2, 1, 1}}},
     .want = {{1, {3}, (const int64_t[]){1, 2, 3}}, {1, {3}, (const int64_t[]){1, 0, 3}}, {1, {9}, (const int64_t[]){1, 0, 0, 2, 1, 0, 1, 0, 0}}, {1, {3}, (const int64_t[]){5, 3, 1}}}},
    {.name = "unique in order of appearance",
     .op = EAO_OP_unique,
     .attr = &(eao_unique_attr){.axis = EAO_NO_AXIS, .sorted = 0},
     .moved = 1,
     .n_in = 1,
     .n_out = 4,
     .in = {{2, {3, 3}, (const int64_t[]){2, 1, 1, 3, 2, 1, 2, 1, 1}}},
     .want = {{1, {3}, (const int64_t[]){2, 1, 3}}, {1, {3}, (const int64_t[]){0, 1, 3}}, {1, {9}, (const int64_t[]){0, 1, 1, 2, 0, 1, 0, 1, 1}}, {1, {3}, (const int64_t[]){3, 5, 1}}}},
    {.name = "unique rows",
     .op = EAO_OP_unique,
     .attr = &(eao_unique_attr){.axis = 0, .sorted = 1},
     .moved = 1,
     .n_in = 1,
     .n_out = 4,
     .in = {{2, {3, 3}, (const int64_t[]){2, 1, 1, 3, 2, 1, 2, 1, 1}}},
     .want = {{2, {2, 3}, (const int64_t[]){2, 1, 1, 3, 2, 1}}, {1, {2}, (const int64_t[]){0, 1}}, {1, {3}, (const int64_t[]){0, 1, 0}}, {1, {2}, (const int64_t[]){2, 1}}}},
    {.name = "unique columns",
     .op = EAO_OP_unique,
     .attr = &(eao_unique_attr){.axis = 1, .sorted = 0},
     .moved = 1,
     .n_in = 1,
     .n_out = 4,
     .in = {{2, {3, 3}, (const int64_t[]){2, 1, 1, 3, 2, 1, 2, 1, 1}}},
     .want = {{2, {3, 3}, (const int64_t[]){2, 1, 1, 3, 2, 1, 2, 1, 1}}, {1, {3}, (const int64_t[]){0, 1, 2}}, {1, {3}, (const int64_t[]){0, 1, 2}}, {1, {3}, (const int64_t[]){1, 1, 1}}}},
    {.name = "nonzero",
     .op = EAO_OP_nonzero,
     .moved = 0,
     .n_in = 1,
     .n_out = 1,
     .in = {{2, {2, 3}, (const int64_t[]){0, 3, 0, 5, 0, 1}}},
     .want = {{2, {2, 3}, (const int64_t[]){0, 1, 1, 1, 0, 2}}}},
    {.name = "segment_sum",
     .op = EAO_OP_segment_sum,
     .moved = 0,
     .n_in = 2,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}, {1, {3}, (const int64_t[]){0, 0, 2}}},
     .want = {{2, {3, 5}, (const int64_t[]){7, 9, 11, 13, 15, 0, 0, 0, 0, 0, 11, 12, 13, 14, 15}}}},
    {.name = "range",
     .op = EAO_OP_range,
     .moved = 0,
     .n_in = 3,
     .n_out = 1,
     .in = {{0, {0}, (const int64_t[]){10}}, {0, {0}, (const int64_t[]){-3}}, {0, {0}, (const int64_t[]){-4}}},
     .want = {{1, {4}, (const int64_t[]){10, 6, 2, -2}}}},
    {.name = "eye_like",
     .op = EAO_OP_eye_like,
     .attr = &(eao_eye_like_attr){.k = 1},
     .moved = 0,
     .n_in = 1,
     .n_out = 1,
     .in = {{2, {3, 5}, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}},
     .want = {{2, {3, 5}, (const int64_t[]){0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0}}}},

    /* clang-format on */
};

static eao_tensor make(eao_ctx *ctx, const data *d, eao_dtype dtype) {
  eao_tensor t = {.dtype = dtype, .rank = d->rank};
  memcpy(t.dim, d->dim, sizeof t.dim);
  int64_t n = eao_tensor_count(&t);
  t.data = eao_alloc(ctx, (size_t)eao_dtype_bytes(dtype, n));
  assert_non_null(t.data);
  for (int64_t i = 0; i < n; i++) eao_set_i64(&t, i, d->v[i]);
  return t;
}

static void check(eao_ctx *ctx, const move_case *c, const eao_tensor *out, const data *want,
                  eao_dtype dtype) {
  eao_tensor w = make(ctx, want, dtype);
  assert_int_equal(out->dtype, dtype);
  assert_int_equal(out->rank, w.rank);
  for (int32_t i = 0; i < w.rank; i++) assert_int_equal(out->dim[i], w.dim[i]);
  int64_t n = eao_tensor_count(&w);
  for (int64_t i = 0; i < n; i++)
    if (eao_get_i64(out, i) != eao_get_i64(&w, i))
      fail_msg("%s (%s): element %lld is %lld, not %lld", c->name, eao_dtype_name(dtype),
               (long long)i, (long long)eao_get_i64(out, i), (long long)eao_get_i64(&w, i));
  eao_free(ctx, w.data);
}

static void run_case(eao_ctx *ctx, const move_case *c, eao_dtype dtype) {
  const eao_op_desc *d = eao_op_get(c->op);
  eao_tensor in[5], out[4];
  const eao_tensor *pin[5];
  for (uint32_t i = 0; i < c->n_in; i++) {
    in[i] = make(ctx, &c->in[i], c->moved >> i & 1 ? dtype : EAO_I64);
    pin[i] = &in[i];
  }
  for (uint32_t i = 0; i < c->n_out; i++) out[i] = (eao_tensor){.rank = -1};
  eao_status s = eao_op_eval(ctx, d, c->attr, pin, c->n_in, out, c->n_out);
  if (s != EAO_OK) fail_msg("%s: %s", c->name, eao_ctx_message(ctx));
  bool all = c->op == EAO_OP_split;
  for (uint32_t i = 0; i < c->n_out; i++) {
    check(ctx, c, &out[i], &c->want[i], i == 0 || all ? (c->moved ? dtype : EAO_I64) : EAO_I64);
    eao_free(ctx, out[i].data);
  }
  for (uint32_t i = 0; i < c->n_in; i++) eao_free(ctx, in[i].data);
}

static void moves(void **state) {
  (void)state;
  static const eao_dtype dtypes[] = {EAO_F32, EAO_F16, EAO_F64, EAO_I8, EAO_I32,
                                     EAO_I64, EAO_U16, EAO_I4,  EAO_U4};
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  for (size_t k = 0; k < EAO_COUNT(cases); k++)
    for (size_t t = 0; t < EAO_COUNT(dtypes); t++) {
      /* what unique and one_hot answer depends on the order of the values themselves */
      if (eao_dtype_bits(dtypes[t]) < 8 && cases[k].op == EAO_OP_unique) continue;
      run_case(ctx, &cases[k], cases[k].moved ? dtypes[t] : EAO_I64);
    }
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

static void expect_refused(eao_ctx *ctx, uint16_t op, const void *attr, eao_tensor *in,
                           uint32_t n_in) {
  const eao_tensor *pin[5];
  eao_tensor out = {.rank = -1};
  for (uint32_t i = 0; i < n_in; i++) pin[i] = &in[i];
  eao_status s = eao_op_eval(ctx, eao_op_get(op), attr, pin, n_in, &out, 1);
  if (s == EAO_OK) fail_msg("%s accepted", eao_op_get(op)->name);
  assert_string_not_equal(eao_ctx_message(ctx), "");
  eao_free(ctx, out.data);
}

static void bad_calls_are_refused(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  float x[6] = {0};
  int64_t far[2] = {2, 5}, huge[2] = {INT64_MAX, INT64_MAX}, zero[2] = {0, 0}, neg[2] = {-9, 1};
  eao_tensor in[5] = {{.dtype = EAO_F32, .rank = 2, .dim = {2, 3}, .data = x}};
  for (int i = 1; i < 5; i++)
    in[i] = (eao_tensor){.dtype = EAO_I64, .rank = 1, .dim = {2}, .data = far};
  eao_gather_attr gather = {0};
  expect_refused(ctx, EAO_OP_gather, &gather, in, 2); /* index outside */
  gather.axis = 2;
  expect_refused(ctx, EAO_OP_gather, &gather, in, 2);
  in[4].data = zero;
  in[3].data = zero;
  expect_refused(ctx, EAO_OP_slice, NULL, in, 4); /* one axis twice */
  in[1].data = huge;
  expect_refused(ctx, EAO_OP_tile, NULL, in, 2);
  expect_refused(ctx, EAO_OP_expand, NULL, in, 2);
  expect_refused(ctx, EAO_OP_squeeze, NULL, in, 2);
  eao_pad_attr pad = {0};
  in[1].dim[0] = 4;
  int64_t pads[4] = {INT64_MAX, INT64_MIN, 1, -9};
  in[1].data = pads;
  expect_refused(ctx, EAO_OP_pad, &pad, in, 2);
  in[1].dim[0] = 2;
  in[1].data = neg;
  expect_refused(ctx, EAO_OP_expand, NULL, in, 2);
  eao_axis_attr axis = {2};
  expect_refused(ctx, EAO_OP_concat, &axis, in, 1);
  eao_transpose_attr perm = {.perm = {.n = 2, .v = {1, 1}}};
  expect_refused(ctx, EAO_OP_transpose, &perm, in, 1);
  eao_depth_space_attr depth = {.block = INT64_MAX};
  expect_refused(ctx, EAO_OP_depth_to_space, &depth, in, 1);
  assert_int_equal(ctx->heap_bytes, 0);
  eao_ctx_destroy(ctx);
}

/* LiteRT's ConcatenationWithScaling rounds real * (s_x / s_y) + zero half away from zero. */
static void concat_requantises(void **state) {
  (void)state;
  eao_ctx *ctx = eao_ctx_create(NULL, NULL);
  uint8_t a[3] = {10, 11, 255}, b[2] = {7, 200}, want[5] = {5, 6, 128, 7, 200};
  float half[1] = {0.5f}, one[1] = {1};
  int32_t zero[1] = {0};
  eao_tensor x = {.dtype = EAO_U8, .rank = 1, .dim = {3}, .quant = {-1, 1, half, zero}, .data = a};
  eao_tensor z = {.dtype = EAO_U8, .rank = 1, .dim = {2}, .quant = {-1, 1, one, zero}, .data = b};
  eao_tensor y = {.dtype = EAO_U8, .rank = -1, .quant = {-1, 1, one, zero}};
  const eao_tensor *in[2] = {&x, &z};
  eao_axis_attr axis = {0};
  assert_int_equal(eao_op_eval(ctx, eao_op_get(EAO_OP_concat), &axis, in, 2, &y, 1), EAO_OK);
  assert_memory_equal(y.data, want, sizeof want);
  eao_free(ctx, y.data);
  eao_ctx_destroy(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(moves),
                                     cmocka_unit_test(bad_calls_are_refused),
                                     cmocka_unit_test(concat_requantises)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
