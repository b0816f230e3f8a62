/* The operator table: how each TFLite operator becomes IR. */
#include <string.h>

#include "import/tflite/tflite.h"

#define ANY 255
#define OPT(name) TFL_O_##name##Options

/* DIRECT: an IR op with the same inputs and outputs and default attributes. */
#define DIRECT(code, op, options, in, out)                                                         \
  { TFL_##code, EAO_OP_##op, #code, eao_tfl_direct, options, in, in, out, false, NULL }
/* VIA: its function; op is for functions that several rows share. */
#define VIA(code, op, fn, options, min_in, max_in, out)                                            \
  { TFL_##code, EAO_OP_##op, #code, eao_tfl_##fn, options, min_in, max_in, out, false, NULL }
#define REFUSED(code, why)                                                                         \
  { TFL_##code, 0, #code, NULL, 0, 0, 0, 0, false, why }
#define NOT_YET(code) REFUSED(code, NULL)

// clang-format off
static const eao_tfl_row rows[] = {
    /* element-wise */
    DIRECT(ABS, abs, OPT(Abs), 1, 1),
    DIRECT(NEG, neg, OPT(Neg), 1, 1),
    DIRECT(SIGN, sign, OPT(Sign), 1, 1),
    DIRECT(SQUARE, square, OPT(Square), 1, 1),
    DIRECT( SQRT, sqrt, 0, 1, 1),
    DIRECT(RSQRT, rsqrt, 0, 1, 1),
    DIRECT(EXP, exp, OPT(Exp), 1, 1),
    DIRECT(LOG, log, 0, 1, 1),
    DIRECT(SIN, sin, 0, 1, 1),
    DIRECT(COS, cos, OPT(Cos), 1, 1),
    DIRECT(TANH, tanh, 0, 1, 1),
    DIRECT(CEIL, ceil, 0, 1, 1),
    DIRECT( FLOOR, floor, 0, 1, 1),
    DIRECT(ROUND, round, 0, 1, 1),
    DIRECT(LOGISTIC, sigmoid, 0, 1, 1),
    DIRECT(RELU, relu, 0, 1, 1),
    DIRECT( ELU, elu, 0, 1, 1),
    DIRECT(HARD_SWISH, hard_swish, OPT(HardSwish), 1, 1),
    DIRECT(LOGICAL_NOT, not, OPT(LogicalNot), 1, 1),
    VIA(RELU6, clip, clip, 0, 1, 1, 1),
    VIA(RELU_N1_TO_1, clip, clip, 0, 1, 1, 1),
    VIA(RELU_0_TO_1, clip, clip, 0, 1, 1, 1),
    VIA(LEAKY_RELU, leaky_relu, leaky_relu, OPT(LeakyRelu), 1, 1, 1),
    VIA(GELU, gelu, gelu, OPT(Gelu), 1, 1, 1),
    VIA(ADD, add, binary, OPT(Add), 2, 2, 1),
    VIA(SUB, sub, binary, OPT(Sub), 2, 2, 1),
    VIA(MUL, mul, binary, OPT(Mul), 2, 2, 1),
    VIA(DIV, div, binary, OPT(Div), 2, 2, 1),
    DIRECT( POW, pow, OPT(Pow), 2, 1),
    DIRECT(FLOOR_DIV, floor_div, OPT(FloorDiv), 2, 1),
    DIRECT(FLOOR_MOD, floor_mod, OPT(FloorMod), 2, 1),
    DIRECT(MAXIMUM, max, OPT(MaximumMinimum), 2, 1),
    DIRECT(MINIMUM, min, OPT(MaximumMinimum), 2, 1),
    DIRECT(SQUARED_DIFFERENCE, squared_difference, OPT(SquaredDifference), 2, 1),
    DIRECT(PRELU, prelu, 0, 2, 1),
    DIRECT(ATAN2, atan2, OPT(ATan2), 2, 1),
    DIRECT( EQUAL, equal, OPT(Equal), 2, 1),
    DIRECT(NOT_EQUAL, not_equal, OPT(NotEqual), 2, 1),
    DIRECT(GREATER, greater, OPT(Greater), 2, 1),
    DIRECT(GREATER_EQUAL, greater_or_equal, OPT(GreaterEqual), 2, 1),
    DIRECT(LESS, less, OPT(Less), 2, 1),
    DIRECT( LESS_EQUAL, less_or_equal, OPT(LessEqual), 2, 1),
    DIRECT(LOGICAL_AND, and, OPT(LogicalAnd), 2, 1),
    DIRECT(LOGICAL_OR, or, OPT(LogicalOr), 2, 1),
    DIRECT(BITWISE_XOR, bitwise_xor, OPT(BitwiseXor), 2, 1),
    VIA(RIGHT_SHIFT, bit_shift, right_shift, OPT(RightShift), 2, 2, 1),
    VIA(ADD_N, sum, direct, OPT(AddN), 1, ANY, 1),
    VIA(SELECT, where, select, OPT(Select), 3, 3, 1),
    VIA(SELECT_V2, where, select, OPT(SelectV2), 3, 3, 1),
    /* convolution, pooling, matrix products */
    VIA(CONV_2D, conv, conv_2d, OPT(Conv2D), 2, 3, 1),
    VIA(DEPTHWISE_CONV_2D, conv, depthwise, OPT(DepthwiseConv2D), 2, 3, 1),
    VIA(CONV_3D, conv, conv_3d, OPT(Conv3D), 2, 3, 1),
    VIA(TRANSPOSE_CONV, conv_transpose, transpose_conv, OPT(TransposeConv), 3, 4, 1),
    VIA(CONV_3D_TRANSPOSE, conv_transpose, conv_3d_transpose, OPT(Conv3D), 3, 4, 1),
    VIA(AVERAGE_POOL_2D, avg_pool, pool, OPT(Pool2D), 1, 1, 1),
    VIA(MAX_POOL_2D, max_pool, pool, OPT(Pool2D), 1, 1, 1),
    VIA(L2_POOL_2D, avg_pool, l2_pool, OPT(Pool2D), 1, 1, 1),
    VIA(FULLY_CONNECTED, fully_connected, fully_connected, OPT(FullyConnected), 2, 3, 1),
    VIA(BATCH_MATMUL, matmul, batch_matmul, OPT(BatchMatMul), 2, 2, 1),
    /* data movement */
    VIA(RESHAPE, reshape, reshape, OPT(Reshape), 1, 2, 1),
    VIA(SQUEEZE, squeeze, squeeze, OPT(Squeeze), 1, 1, 1),
    DIRECT(EXPAND_DIMS, unsqueeze, OPT(ExpandDims), 2, 1),
    VIA(TRANSPOSE, transpose, transpose, OPT(Transpose), 2, 2, 1),
    VIA(CONCATENATION, concat, concat, OPT(Concatenation), 1, ANY, 1),
    VIA(PACK, concat, pack, OPT(Pack), 1, ANY, 1),
    VIA(UNPACK, split, unpack, OPT(Unpack), 1, 1, ANY),
    VIA(SPLIT, split, split, OPT(Split), 2, 2, ANY),
    VIA(SPLIT_V, split, split_v, OPT(SplitV), 3, 3, ANY),
    VIA(SLICE, strided_slice, slice, OPT(Slice), 3, 3, 1),
    VIA(STRIDED_SLICE, strided_slice, strided_slice, OPT(StridedSlice), 4, 4, 1),
    VIA(PAD, pad, pad, OPT(Pad), 2, 2, 1),
    VIA(PADV2, pad, pad, OPT(PadV2), 3, 3, 1),
    VIA(MIRROR_PAD, pad, pad, OPT(MirrorPad), 2, 2, 1),
    DIRECT(TILE, tile, OPT(Tile), 2, 1),
    DIRECT(BROADCAST_TO, expand, OPT(BroadcastTo), 2, 1),
    VIA(GATHER, gather, gather, OPT(Gather), 2, 2, 1),
    DIRECT(GATHER_ND, gather_nd, OPT(GatherNd), 2, 1),
    VIA(EMBEDDING_LOOKUP, gather, embedding_lookup, 0, 2, 2, 1),
    VIA(SCATTER_ND, scatter_nd, scatter_nd, OPT(ScatterNd), 3, 3, 1),
    DIRECT(SEGMENT_SUM, segment_sum, OPT(SegmentSum), 2, 1),
    DIRECT(DYNAMIC_UPDATE_SLICE, dynamic_update_slice, OPT(DynamicUpdateSlice), 3, 1),
    DIRECT(REVERSE_V2, reverse, OPT(ReverseV2), 2, 1),
    VIA(REVERSE_SEQUENCE, reverse_sequence, reverse_sequence, OPT(ReverseSequence), 2, 2, 1),
    VIA(DEPTH_TO_SPACE, depth_to_space, depth_space, OPT(DepthToSpace), 1, 1, 1),
    VIA(SPACE_TO_DEPTH, space_to_depth, depth_space, OPT(SpaceToDepth), 1, 1, 1),
    DIRECT(SPACE_TO_BATCH_ND, space_to_batch_nd, OPT(SpaceToBatchND), 3, 1),
    DIRECT(BATCH_TO_SPACE_ND, batch_to_space_nd, OPT(BatchToSpaceND), 3, 1),
    VIA(SHAPE, shape, shape, OPT(Shape), 1, 1, 1),
    VIA(RANK, shape, rank_op, OPT(Rank), 1, 1, 1),
    DIRECT(FILL, fill, OPT(Fill), 2, 1),
    DIRECT(RANGE, range, OPT(Range), 3, 1),
    VIA(ZEROS_LIKE, fill, zeros_like, OPT(ZerosLike), 1, 1, 1),
    VIA(ONE_HOT, where, one_hot, OPT(OneHot), 4, 4, 1),
    VIA(WHERE, nonzero, where, OPT(Where), 1, 1, 1),
    /* reductions */
    VIA(SUM, reduce_sum, reduce, OPT(Reducer), 2, 2, 1),
    VIA(MEAN, reduce_mean, reduce, OPT(Reducer), 2, 2, 1),
    VIA(REDUCE_PROD, reduce_prod, reduce, OPT(Reducer), 2, 2, 1),
    VIA(REDUCE_MAX, reduce_max, reduce, OPT(Reducer), 2, 2, 1),
    VIA(REDUCE_MIN, reduce_min, reduce, OPT(Reducer), 2, 2, 1),
    VIA(REDUCE_ANY, reduce_any, reduce, OPT(Reducer), 2, 2, 1),
    VIA(REDUCE_ALL, reduce_all, reduce, OPT(Reducer), 2, 2, 1),
    VIA(ARG_MAX, argmax, arg_extreme, OPT(ArgMax), 2, 2, 1),
    VIA(ARG_MIN, argmin, arg_extreme, OPT(ArgMin), 2, 2, 1),
    VIA(SOFTMAX, softmax, softmax, OPT(Softmax), 1, 1, 1),
    VIA(LOG_SOFTMAX, log_softmax, softmax, OPT(LogSoftmax), 1, 1, 1),
    VIA(CUMSUM, cumsum, cumsum, OPT(Cumsum), 2, 2, 1),
    VIA(TOPK_V2, topk, topk, OPT(TopKV2), 2, 2, 2),
    /* casts, quantisation, normalisation */
    VIA(CAST, cast, cast, OPT(Cast), 1, 1, 1),
    DIRECT(QUANTIZE, quantize, OPT(Quantize), 1, 1),
    VIA(DEQUANTIZE, dequantize, dequantize, OPT(Dequantize), 1, 1, 1),
    VIA(FAKE_QUANT, quantize, fake_quant, OPT(FakeQuant), 1, 1, 1),
    VIA(DENSIFY, identity, densify_op, OPT(Densify), 1, 1, 1),
    VIA(L2_NORMALIZATION, lp_norm, l2_norm, OPT(L2Norm), 1, 1, 1),
    VIA(LOCAL_RESPONSE_NORMALIZATION, lrn, lrn, OPT(LocalResponseNormalization), 1, 1, 1),
    VIA(RESIZE_BILINEAR, resize, resize, OPT(ResizeBilinear), 2, 2, 1),
    VIA(RESIZE_NEAREST_NEIGHBOR, resize, resize, OPT(ResizeNearestNeighbor), 2, 2, 1),
    VIA(BUCKETIZE, reduce_sum, bucketize, OPT(Bucketize), 1, 1, 1),
    VIA(UNIQUE, unique, unique, OPT(Unique), 1, 1, 2),
    VIA(COMPLEX_ABS, reduce_l2, complex_abs, 0, 1, 1, 1),
    VIA(RFFT2D, dft, rfft2d, OPT(Rfft2d), 2, 2, 1),
    VIA(REAL, gather, complex_part, 0, 1, 1, 1),
    VIA(IMAG, gather, complex_part, 0, 1, 1, 1),
    /* recurrent */
    VIA(SVDF, svdf, svdf, OPT(SVDF), 5, 5, 1),
    VIA(UNIDIRECTIONAL_SEQUENCE_LSTM, tflite_lstm, lstm, OPT(UnidirectionalSequenceLSTM), 20, 24, 1),
    VIA(LSTM, tflite_lstm, lstm, OPT(LSTM), 20, 24, 1),
    VIA(UNIDIRECTIONAL_SEQUENCE_RNN, tflite_rnn, rnn, OPT(SequenceRNN), 5, 5, 1),
    VIA(RNN, tflite_rnn, rnn, OPT(RNN), 5, 5, 1),
    VIA(BIDIRECTIONAL_SEQUENCE_LSTM, tflite_lstm, bidirectional_lstm, OPT(BidirectionalSequenceLSTM), 39, 48, 2),
    VIA(BIDIRECTIONAL_SEQUENCE_RNN, tflite_rnn, bidirectional_rnn, OPT(BidirectionalSequenceRNN), 9, 12, 2),
    /* placing, detecting */
    VIA(SPARSE_TO_DENSE, scatter_nd, sparse_to_dense, OPT(SparseToDense), 4, 4, 1),
    VIA(UNSORTED_SEGMENT_SUM, scatter_nd, unsorted_segment, OPT(UnsortedSegmentSum), 3, 3, 1),
    VIA(UNSORTED_SEGMENT_PROD, scatter_nd, unsorted_segment, OPT(UnsortedSegmentProd), 3, 3, 1),
    VIA(UNSORTED_SEGMENT_MAX, scatter_nd, unsorted_segment, OPT(UnsortedSegmentMax), 3, 3, 1),
    VIA(UNSORTED_SEGMENT_MIN, scatter_nd, unsorted_segment, OPT(UnsortedSegmentMin), 3, 3, 1),
    VIA(MATRIX_DIAG, where, matrix_diag, OPT(MatrixDiag), 1, 1, 1),
    VIA(MATRIX_SET_DIAG, where, matrix_set_diag, OPT(MatrixSetDiag), 2, 2, 1),
    VIA(NON_MAX_SUPPRESSION_V4, non_max_suppression, non_max_suppression, OPT(NonMaxSuppressionV4), 5, 5, 2),
    VIA(NON_MAX_SUPPRESSION_V5, non_max_suppression, non_max_suppression, OPT(NonMaxSuppressionV5), 6, 6, 3),
    VIA(BROADCAST_ARGS, where, broadcast_args, 0, 2, 2, 1),
    /* subgraphs */
    VIA(IF, if, if, OPT(If), 1, ANY, ANY),
    VIA(WHILE, while, while, OPT(While), 1, ANY, ANY),
    VIA(CALL, NONE, call, OPT(Call), 0, ANY, ANY),
    {TFL_STABLEHLO_COMPOSITE, 0, "STABLEHLO_COMPOSITE", eao_tfl_composite, 0, 0, ANY, ANY, true, NULL},
    /* variables */
    VIA(VAR_HANDLE, NONE, var_handle, OPT(VarHandle), 0, 0, 1),
    VIA(READ_VARIABLE, NONE, read_variable, OPT(ReadVariable), 1, 1, 1),
    VIA(ASSIGN_VARIABLE, NONE, assign_variable, OPT(AssignVariable), 2, 2, 0),
    VIA(CALL_ONCE, NONE, call_once, OPT(CallOnce), 0, 0, 0),
    /* named, so that a refusal can say what it is */
    REFUSED(RANDOM_STANDARD_NORMAL, "its numbers depend on the runtime that draws them"),
    REFUSED(RANDOM_UNIFORM, "its numbers depend on the runtime that draws them"),
    REFUSED(MULTINOMIAL, "its numbers depend on the runtime that draws them"),
    REFUSED(HASHTABLE_LOOKUP, "a table with keys that are looked up by value"),
    REFUSED(EMBEDDING_LOOKUP_SPARSE, "sparse lists of embeddings"),
    NOT_YET(LSH_PROJECTION),
    NOT_YET(SKIP_GRAM),
    NOT_YET(CONCAT_EMBEDDINGS),
    NOT_YET(DELEGATE),
    REFUSED(HASHTABLE, "tables are a matter of strings, which no kernel here takes"),
    REFUSED(HASHTABLE_FIND, "tables are a matter of strings, which no kernel here takes"),
    REFUSED(HASHTABLE_IMPORT, "tables are a matter of strings, which no kernel here takes"),
    REFUSED(HASHTABLE_SIZE, "tables are a matter of strings, which no kernel here takes"),
};
// clang-format on

const eao_tfl_row *eao_tfl_row_find(uint32_t code) {
  for (size_t i = 0; i < EAO_COUNT(rows); i++)
    if (rows[i].code == code) return &rows[i];
  return NULL;
}

static const struct {
  const char *name;
  eao_tfl_row row;
} customs[] = {
    {"TFLite_Detection_PostProcess",
     {TFL_CUSTOM, EAO_OP_detection_postprocess, "TFLite_Detection_PostProcess", eao_tfl_detection,
      0, 3, 3, 4, false, NULL}},
};

const eao_tfl_row *eao_tfl_custom_find(eao_fvec name) {
  for (size_t i = 0; i < EAO_COUNT(customs); i++)
    if (strlen(customs[i].name) == name.n && memcmp(customs[i].name, name.p, name.n) == 0)
      return &customs[i].row;
  return NULL;
}
