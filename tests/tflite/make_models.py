#!/usr/bin/env python3
"""Writes one-operator TFLite files that no model of the test data has, for tests/peer_tflite.py.

    make_models.py DIR
"""
import pathlib
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as fb

B, O = fb.BuiltinOperator, fb.BuiltinOptions
TYPES = {np.dtype(np.float32): fb.TensorType.FLOAT32, np.dtype(np.int32): fb.TensorType.INT32,
         np.dtype(np.int8): fb.TensorType.INT8, np.dtype(np.int64): fb.TensorType.INT64}
rng = np.random.default_rng(7)


def reals(*shape):
    return rng.normal(0, 1, shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int32)


class X:
    """A graph input (no data), or a variable."""

    def __init__(self, dtype, shape, variable=False):
        self.dtype, self.shape, self.variable = np.dtype(dtype), tuple(shape), variable


class W:
    """int8 weights with one scale."""

    def __init__(self, *shape):
        self.data = rng.integers(-127, 128, shape, dtype=np.int8)
        self.scale = float(np.float32(rng.uniform(0.002, 0.01)))


def model(op, inputs, outputs, options_type=0, options=None, version=1):
    """inputs: X, W, array (a constant) or None. outputs: (dtype, shape)."""
    m, g, o, code = fb.ModelT(), fb.SubGraphT(), fb.OperatorT(), fb.OperatorCodeT()
    m.version, m.buffers, m.subgraphs, m.operatorCodes = 3, [fb.BufferT()], [g], [code]
    code.builtinCode, code.deprecatedBuiltinCode, code.version = op, min(op, 127), version
    g.tensors, g.inputs, g.outputs, g.operators = [], [], [], [o]
    o.inputs, o.outputs = [], []

    def add(dtype, shape, data=None):
        t = fb.TensorT()
        t.shape, t.type, t.name = list(shape), TYPES[np.dtype(dtype)], f"t{len(g.tensors)}"
        if data is not None:
            b = fb.BufferT()
            b.data = list(np.ascontiguousarray(data).tobytes())
            m.buffers.append(b)
            t.buffer = len(m.buffers) - 1
        g.tensors.append(t)
        return len(g.tensors) - 1

    for x in inputs:
        if x is None:
            o.inputs.append(-1)
        elif isinstance(x, X):
            k = add(x.dtype, x.shape)
            o.inputs.append(k)
            if x.variable:
                g.tensors[k].isVariable = True
            else:
                g.inputs.append(k)
        elif isinstance(x, W):
            k = add(np.int8, x.data.shape, x.data)
            q = g.tensors[k].quantization = fb.QuantizationParametersT()
            q.scale, q.zeroPoint = [x.scale], [0]
            o.inputs.append(k)
        else:
            o.inputs.append(add(x.dtype, x.shape, x))
    for dtype, shape in outputs:
        o.outputs.append(add(dtype, shape))
        g.outputs.append(o.outputs[-1])
    o.builtinOptionsType, o.builtinOptions = options_type, options
    b = flatbuffers.Builder(1024)
    b.Finish(m.Pack(b), b"TFL3")
    return bytes(b.Output())


F, I = np.float32, np.int32


def lstm_weights(cells, inputs, outputs, weights, coupled=False, peephole=False, project=False):
    """Inputs 1 to 17 of an LSTM."""
    w = [None if coupled and g == 0 else weights(cells, inputs) for g in range(4)]
    w += [None if coupled and g == 0 else weights(cells, outputs) for g in range(4)]
    w += [(None if coupled and g == 0 else reals(cells)) if peephole else None for g in range(3)]
    w += [None if coupled and g == 0 else reals(cells) for g in range(4)]
    return w + [weights(outputs, cells) if project else None, reals(outputs) if project else None]


def state(b, n):
    return X(F, (b, n), variable=True)


def bidirectional_lstm(merge, time_major, weights, **kinds):
    i, c, b, t = 5, 4, 2, 3
    n = 3 if kinds.get("project") else c
    opt = fb.BidirectionalSequenceLSTMOptionsT()
    opt.fusedActivationFunction, opt.mergeOutputs, opt.timeMajor = 4, merge, time_major
    opt.asymmetricQuantizeInputs = weights is W
    lead = (t, b) if time_major else (b, t)
    ins = [X(F, lead + (i,))] + lstm_weights(c, i, n, weights, **kinds) + \
        lstm_weights(c, i, n, weights, **kinds) + [state(b, n), state(b, c), state(b, n), state(b, c)]
    ins += [None] * 9
    outs = [(F, lead + (2 * n,))] if merge else [(F, lead + (n,))] * 2
    return model(B.BIDIRECTIONAL_SEQUENCE_LSTM, ins, outs, O.BidirectionalSequenceLSTMOptions, opt)


def lstm(weights, asymmetric=False, **kinds):
    i, c, b, t = 5, 4, 2, 3
    n = 3 if kinds.get("project") else c
    opt = fb.UnidirectionalSequenceLSTMOptionsT()
    opt.fusedActivationFunction, opt.asymmetricQuantizeInputs = 4, asymmetric
    ins = [X(F, (b, t, i))] + lstm_weights(c, i, n, weights, **kinds) + [state(b, n), state(b, c)]
    return model(B.UNIDIRECTIONAL_SEQUENCE_LSTM, ins, [(F, (b, t, n))], O.UnidirectionalSequenceLSTMOptions, opt)


def bidirectional_rnn(merge, weights):
    i, c, b, t = 5, 4, 2, 3
    opt = fb.BidirectionalSequenceRNNOptionsT()
    opt.fusedActivationFunction, opt.mergeOutputs, opt.timeMajor = 4, merge, False

    def cell():
        return [weights(c, i), weights(c, c), reals(c), state(b, c)]
    ins = [X(F, (b, t, i))] + cell() + cell() + [None] * 3
    outs = [(F, (b, t, 2 * c))] if merge else [(F, (b, t, c))] * 2
    return model(B.BIDIRECTIONAL_SEQUENCE_RNN, ins, outs, O.BidirectionalSequenceRNNOptions, opt)


def rnn(weights, asymmetric):
    opt = fb.SequenceRNNOptionsT()
    opt.fusedActivationFunction, opt.asymmetricQuantizeInputs = 4, asymmetric
    ins = [X(F, (2, 3, 5)), weights(4, 5), weights(4, 4), reals(4), state(2, 4)]
    return model(B.UNIDIRECTIONAL_SEQUENCE_RNN, ins, [(F, (2, 3, 4))], O.SequenceRNNOptions, opt)


def svdf(weights, asymmetric):
    opt = fb.SVDFOptionsT()
    opt.rank, opt.fusedActivationFunction, opt.asymmetricQuantizeInputs = 2, 1, asymmetric
    ins = [X(F, (2, 5)), weights(6, 5), weights(6, 4), reals(3), state(2, 24)]
    return model(B.SVDF, ins, [(F, (2, 3))], O.SVDFOptions, opt)


def segment(op, options_type, options, dtype=F):
    ids = ints(0, 2, 2, 5, -1, 0)
    return model(op, [X(dtype, (6, 2, 3)), ids, ints(7).reshape(())], [(dtype, (7, 2, 3))], options_type, options)


def sparse_to_dense(indices, shape, values, default):
    out = (np.asarray(default).dtype, tuple(shape))
    return model(B.SPARSE_TO_DENSE, [indices, ints(*shape), values, default], [out],
                 O.SparseToDenseOptions, fb.SparseToDenseOptionsT(), 2)


def suppression(v5):
    boxes = np.sort(rng.uniform(0, 1, (20, 2, 2)), 1).reshape(20, 4).astype(F)
    ins = [boxes, X(F, (20,)), ints(8).reshape(()), np.array(0.3, F), np.array(-0.5, F)]
    outs = [(I, (8,)), (I, ())]
    if v5:
        return model(B.NON_MAX_SUPPRESSION_V5, ins + [np.array(0, F)], [outs[0], (F, (8,)), outs[1]],
                     O.NonMaxSuppressionV5Options, fb.NonMaxSuppressionV5OptionsT())
    return model(B.NON_MAX_SUPPRESSION_V4, ins, outs, O.NonMaxSuppressionV4Options, fb.NonMaxSuppressionV4OptionsT())


def models():
    for k, kinds in enumerate(({}, {"coupled": True}, {"peephole": True}, {"project": True})):
        yield f"lstm_{k}", lstm(reals, **kinds)
        if "peephole" not in kinds:
            yield f"lstm_hybrid_{k}", lstm(W, **kinds)
            yield f"lstm_hybrid_asymmetric_{k}", lstm(W, True, **kinds)
        yield f"bidirectional_lstm_{k}", bidirectional_lstm(k % 2 == 0, k > 1, reals, **kinds)
    yield "bidirectional_lstm_hybrid", bidirectional_lstm(True, True, W)
    yield "bidirectional_rnn_merged", bidirectional_rnn(True, reals)
    yield "bidirectional_rnn", bidirectional_rnn(False, reals)
    for asymmetric in (False, True):
        yield f"rnn_hybrid_{asymmetric}", rnn(W, asymmetric)
        yield f"svdf_hybrid_{asymmetric}", svdf(W, asymmetric)
    yield "svdf", svdf(reals, False)
    yield "segment_sum", segment(B.UNSORTED_SEGMENT_SUM, O.UnsortedSegmentSumOptions, fb.UnsortedSegmentSumOptionsT())
    yield "segment_prod", segment(B.UNSORTED_SEGMENT_PROD, O.UnsortedSegmentProdOptions, fb.UnsortedSegmentProdOptionsT())
    yield "segment_max", segment(B.UNSORTED_SEGMENT_MAX, O.UnsortedSegmentMaxOptions, fb.UnsortedSegmentMaxOptionsT())
    yield "segment_min", segment(B.UNSORTED_SEGMENT_MIN, O.UnsortedSegmentMinOptions, fb.UnsortedSegmentMinOptionsT(), I)
    yield "sparse_to_dense_1", sparse_to_dense(ints(1, 4), (6,), reals(2), np.array(-1, F))
    yield "sparse_to_dense_2", sparse_to_dense(np.array([[0, 1], [2, 3]], I), (3, 4), np.array(5, F), np.array(0, F))
    yield "matrix_diag", model(B.MATRIX_DIAG, [X(F, (2, 4))], [(F, (2, 4, 4))], O.MatrixDiagOptions, fb.MatrixDiagOptionsT())
    for shape in ((2, 3, 3), (2, 3, 5), (2, 5, 3)):
        yield f"matrix_set_diag_{shape[1]}_{shape[2]}", model(
            B.MATRIX_SET_DIAG, [X(F, shape), reals(2, min(shape[1:]))], [(F, shape)],
            O.MatrixSetDiagOptions, fb.MatrixSetDiagOptionsT())
    yield "suppression_v4", suppression(False)
    yield "suppression_v5", suppression(True)
    yield "broadcast_args", model(B.BROADCAST_ARGS, [ints(3, 1, 5), ints(4, 1)], [(I, (3,))])


def main():
    to = pathlib.Path(sys.argv[1])
    to.mkdir(parents=True, exist_ok=True)
    for name, blob in models():
        (to / f"{name}.tflite").write_bytes(blob)


main()
