"""Element-wise ops, reductions, normalisations, casts and losses against ONNX Runtime.

Single-op models over all types and many shapes are run by ONNX Runtime on random numbers and
written as test cases, which onnx_conformance then runs:

    .venv/bin/python tests/onnx/peer_ops.py PATH/TO/onnx_conformance

Types that ONNX Runtime does not implement are left out by its refusal.
"""

import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import helper, numpy_helper
except ImportError as e:
    print(f"skipped: {e} (scripts/peers.sh makes .venv)")
    sys.exit(77)

onnxruntime.set_default_logger_severity(4)
RNG = np.random.default_rng(1)
FLOATS = [np.float32, np.float64, np.float16]
INTS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
NUMBERS = FLOATS + INTS
PAIRS = [((3, 4, 5), (3, 4, 5)), ((2, 3, 4), (4,)), ((3, 1, 5), (2, 1, 4, 1)), ((), (2, 3)),
         ((1, 7, 1, 3), (7, 1, 1)), ((2, 0, 3), (1, 3))]


def values(dtype, shape, low=-6.0, high=6.0):
    dtype = np.dtype(dtype)
    if dtype == bool:
        return RNG.random(shape) > 0.5
    if dtype.kind == "u":
        low, high = max(low, 0), max(high, 1)
    v = RNG.uniform(low, high, shape)
    return (v if dtype.kind == "f" else np.round(v)).astype(dtype)


class Cases:
    def __init__(self, folder):
        self.folder, self.n, self.refused = folder, 0, 0

    def add(self, op, inputs, n_out=1, opset=18, **attrs):
        names = [f"i{k}" if v is not None else "" for k, v in enumerate(inputs)]
        given = [(n, v) for n, v in zip(names, inputs) if v is not None]
        outs = [f"o{k}" for k in range(n_out)]
        graph = helper.make_graph(
            [helper.make_node(op, names, outs, **attrs)], op,
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
             for n, v in given],
            [helper.make_empty_tensor_value_info(o) for o in outs])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                  ir_version=8)
        try:
            model = onnx.shape_inference.infer_shapes(model)
            session = onnxruntime.InferenceSession(model.SerializeToString(),
                                                   providers=["CPUExecutionProvider"])
            results = session.run(None, dict(given))
        except Exception:  # a type that it does not implement
            self.refused += 1
            return
        case = os.path.join(self.folder, f"test_{op}_{self.n}")
        data = os.path.join(case, "test_data_set_0")
        os.makedirs(data)
        self.n += 1
        onnx.save(model, os.path.join(case, "model.onnx"))
        for kind, tensors in (("input", [v for _, v in given]), ("output", results)):
            for k, v in enumerate(tensors):
                with open(os.path.join(data, f"{kind}_{k}.pb"), "wb") as f:
                    f.write(numpy_helper.from_array(np.asarray(v)).SerializeToString())


def elementwise(c):
    for dtype in NUMBERS:
        for a, b in PAIRS:
            for op in ("Add", "Sub", "Mul", "Min", "Max", "Mean", "Sum"):
                c.add(op, [values(dtype, a), values(dtype, b)])
            for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"):
                c.add(op, [values(dtype, a, -2, 2), values(dtype, b, -2, 2)])
            divisor = values(dtype, b, 1, 4)
            c.add("Div", [values(dtype, a), divisor])
            c.add("Mod", [values(dtype, a), divisor], fmod=int(dtype in FLOATS))
            base = values(dtype, a)
            c.add("Pow", [np.abs(base) if dtype in FLOATS else base, values(dtype, b, 0, 4)])
        for op in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
            c.add(op, [values(dtype, (3, 4), -99, 99), values(dtype, (4,), -99, 99)])
        c.add("PRelu", [values(dtype, (3, 4)), values(dtype, (4,))])
        low, high = values(dtype, (), -3, -1), values(dtype, (), 2, 4)
        for bounds in ([low, high], [None, high], [low, None], []):
            c.add("Clip", [values(dtype, (3, 4))] + bounds)
    for dtype in NUMBERS + [bool]:
        c.add("Where", [values(bool, (3, 1)), values(dtype, (3, 4)), values(dtype, (4,))])
        for to in NUMBERS + [bool]:
            x = values(dtype, (3, 7), -20, 20)
            unsigned = np.dtype(to).kind == "u" and dtype in FLOATS
            c.add("Cast", [np.abs(x) if unsigned else x],
                  to=helper.np_dtype_to_tensor_dtype(np.dtype(to)))


def unary(c):
    plain = """Abs Neg Sign Reciprocal Exp Sin Cos Tan Atan Sinh Cosh Tanh Asinh Ceil Floor Round Erf
               Sigmoid Relu LeakyRelu Elu Selu Celu HardSigmoid HardSwish Softplus Softsign
               ThresholdedRelu Shrink Mish IsNaN IsInf""".split()
    ranges = dict.fromkeys(plain, (-6, 6)) | {"Sqrt": (0, 6), "Log": (0.1, 6), "Acosh": (1, 6)}
    ranges |= {"Asin": (-1, 1), "Acos": (-1, 1), "Atanh": (-0.9, 0.9)}
    for op, (low, high) in ranges.items():
        for dtype in NUMBERS:
            c.add(op, [values(dtype, (4, 7), low, high)])


def along_axes(c):
    for dtype in NUMBERS:
        for op in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2", "LogSum", "LogSumExp",
                   "SumSquare"):
            if op == "LogSumExp" and dtype in INTS:
                continue  # ONNX Runtime takes integer exponentials; we truncate the real result
            for axes in ([0], [1], [2], [0, 2], [-1, -2], [0, 1, 2], None):
                x = values(dtype, (3, 4, 5), 1 if op == "LogSum" else -3, 3)
                c.add("Reduce" + op, [x] + ([np.array(axes, np.int64)] if axes else []),
                      keepdims=int(RNG.integers(2)))
        for axis in (0, 1, -1):
            for flag in (0, 1):
                x = values(dtype, (3, 4, 5), -2, 2)
                c.add("ArgMax", [x], axis=axis, select_last_index=flag, keepdims=flag)
                c.add("ArgMin", [x], axis=axis, select_last_index=flag, keepdims=flag)
                c.add("TopK", [x, np.array([3], np.int64)], 2, axis=axis, largest=flag)
                c.add("CumSum", [x, np.array(axis, np.int64)], exclusive=flag, reverse=1 - flag)
            for op in ("Softmax", "LogSoftmax", "Hardmax"):
                c.add(op, [values(dtype, (3, 4, 5))], axis=axis)


def normalisation(c):
    for dtype in FLOATS:
        x, channel = values(dtype, (2, 6, 4, 3)), [values(dtype, (6,)) for _ in range(3)]
        c.add("BatchNormalization", [x] + channel + [values(dtype, (6,), 0.5, 2)], opset=15)
        c.add("InstanceNormalization", [x] + channel[:2])
        c.add("GroupNormalization", [x] + channel[:2], opset=21, num_groups=3)
        c.add("MeanVarianceNormalization", [x])
        for axis in (1, 2, -1):
            scale = values(dtype, x.shape[axis:])
            c.add("LayerNormalization", [x, scale, scale], axis=axis)
            c.add("LpNormalization", [x], axis=axis, p=1 + axis % 2)
        for size in (1, 2, 3, 5, 9):
            c.add("LRN", [x], size=size, alpha=0.1, beta=0.6, bias=2.0)


def quantisation_and_losses(c):
    for dtype in (np.int8, np.uint8, np.int16, np.uint16):
        for axis in (None, 0, 1, -1):
            x = values(np.float32, (3, 4, 5), -400, 400)
            shape = () if axis is None else (x.shape[axis],)
            scale, zero = values(np.float32, shape, 0.3, 3), values(dtype, shape, -10, 10)
            attrs = {} if axis is None else {"axis": axis}
            c.add("QuantizeLinear", [x, scale, zero], opset=21, **attrs)
            q = values(dtype, x.shape, -120, 120)
            c.add("DequantizeLinear", [q, scale, zero], opset=21, **attrs)
    c.add("DynamicQuantizeLinear", [values(np.float32, (7, 9))], 3)
    for reduction in ("none", "sum", "mean"):
        for attrs in ({}, {"ignore_index": 1}):
            for weights in ([], [values(np.float32, (4,), 0.1, 2)]):
                inputs = [values(np.float32, (3, 4, 2)), RNG.integers(0, 4, (3, 2))] + weights
                c.add("NegativeLogLikelihoodLoss", inputs, reduction=reduction, **attrs)
                c.add("SoftmaxCrossEntropyLoss", inputs, 2, reduction=reduction, **attrs)


def main():
    with tempfile.TemporaryDirectory() as folder:
        c = Cases(folder)
        for part in (elementwise, unary, along_axes, normalisation, quantisation_and_losses):
            part(c)
        print(f"{c.n} cases; ONNX Runtime refused {c.refused}")
        if c.n < 1000:
            sys.exit("too few cases: is ONNX Runtime whole?")
        sys.exit(subprocess.run([sys.argv[1], folder]).returncode)


if __name__ == "__main__":
    main()
