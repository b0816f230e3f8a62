#!/usr/bin/env python3
"""Records what LiteRT (default CPU path, XNNPACK included) computes for quantised ops.

Each case is a one-op model with random parameters, run through LiteRT; it is written as a graph in
EAO's text form whose inputs are constants, with the result of LiteRT in its metadata:
  meta "expect" "<hex bytes>"   meta "tolerance" "<units in the last place>"   meta "origin" "..."
quant_test.c runs the graphs on the reference kernels and compares.

  record.py OUT [--count N] [--seed S] [--only OP]
"""
import argparse
import importlib.metadata
import struct

import numpy as np
from ai_edge_litert import interpreter as tfl
from ai_edge_litert import schema_py_generated as fb
import flatbuffers

NAMES = {np.int8: "i8", np.uint8: "u8", np.int16: "i16", np.int32: "i32", np.int64: "i64",
         np.float32: "f32", np.bool_: "bool"}
TYPES = {np.int8: fb.TensorType.INT8, np.uint8: fb.TensorType.UINT8, np.int16: fb.TensorType.INT16,
         np.int32: fb.TensorType.INT32, np.int64: fb.TensorType.INT64,
         np.float32: fb.TensorType.FLOAT32, np.bool_: fb.TensorType.BOOL}


class T:
    """A tensor: numpy type, shape, scales (None: not quantised), zero points, axis, data."""

    def __init__(self, dtype, shape, scale=None, zero=None, axis=0, data=None, int4=False):
        self.dtype, self.shape, self.axis, self.data = dtype, tuple(shape), axis, data
        self.scale = None if scale is None else np.atleast_1d(np.asarray(scale, np.float32))
        self.zero = None
        if self.scale is not None:
            self.zero = np.zeros(len(self.scale), np.int64) if zero is None else np.atleast_1d(zero)
        self.int4 = int4

    def bytes(self):
        a = np.ascontiguousarray(self.data)
        if not self.int4:
            return a.tobytes()
        v = (a.astype(np.int8).reshape(-1) & 15).astype(np.uint8)
        if len(v) % 2:
            v = np.append(v, np.uint8(0))
        return (v[0::2] | v[1::2] << 4).tobytes()

    def text(self):
        name = "i4" if self.int4 else NAMES[self.dtype]
        s = f"{name}[{','.join(map(str, self.shape))}]"
        if self.scale is not None:
            axis = self.axis if len(self.scale) > 1 else -1
            s += (f" q({axis}; {', '.join(repr(float(x)) for x in self.scale)}; "
                  f"{', '.join(str(int(z)) for z in self.zero)})")
        return s


def model(op, options_type, options, inputs, consts, outputs, version=1):
    """A flatbuffer with one op. inputs: list of T or None in the op's order; consts: set of indices.

    XNNPACK takes an op only when its output has the right rank beforehand, so the shapes that the
    plain kernels find are written into a second model."""
    blob = build(op, options_type, options, inputs, consts, outputs, version)
    plain = tfl.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    it = tfl.Interpreter(model_content=blob, experimental_op_resolver_type=plain)
    it.allocate_tensors()
    for t, d in zip(outputs, it.get_output_details()):
        t.shape = tuple(int(x) for x in d["shape"])
    return build(op, options_type, options, inputs, consts, outputs, version)


def build(op, options_type, options, inputs, consts, outputs, version):
    m, g, o = fb.ModelT(), fb.SubGraphT(), fb.OperatorT()
    m.version, m.buffers = 3, [fb.BufferT()]
    code = fb.OperatorCodeT()
    code.builtinCode = op
    code.deprecatedBuiltinCode = min(op, 127)
    code.version = version
    m.operatorCodes, m.subgraphs = [code], [g]
    g.tensors, g.inputs, g.outputs, g.operators = [], [], [], [o]
    o.inputs, o.outputs = [], []

    def add(t, const):
        ft = fb.TensorT()
        ft.shape, ft.type = list(t.shape), fb.TensorType.INT4 if t.int4 else TYPES[t.dtype]
        ft.name = f"t{len(g.tensors)}"
        if const:
            b = fb.BufferT()
            b.data = list(t.bytes())
            m.buffers.append(b)
            ft.buffer = len(m.buffers) - 1
        if t.scale is not None:
            q = fb.QuantizationParametersT()
            q.scale, q.zeroPoint = [float(x) for x in t.scale], [int(z) for z in t.zero]
            q.quantizedDimension = t.axis
            ft.quantization = q
        g.tensors.append(ft)
        return len(g.tensors) - 1

    for i, t in enumerate(inputs):
        if t is None:
            o.inputs.append(-1)
            continue
        k = add(t, i in consts)
        o.inputs.append(k)
        if i not in consts:
            g.inputs.append(k)
    for t in outputs:
        k = add(t, False)
        o.outputs.append(k)
        g.outputs.append(k)
    o.builtinOptionsType, o.builtinOptions = options_type, options
    b = flatbuffers.Builder(1024)
    b.Finish(m.Pack(b), b"TFL3")
    return bytes(b.Output())


xnnpack = False  # whether XNNPACK took the op of the last run


def run(blob, data):
    global xnnpack
    it = tfl.Interpreter(model_content=blob)
    it.allocate_tensors()
    for d, x in zip(it.get_input_details(), data):
        it.set_tensor(d["index"], x)
    it.invoke()
    xnnpack = any(o["op_name"] == "DELEGATE" for o in it._get_ops_details())
    return [it.get_tensor(d["index"]) for d in it.get_output_details()]


rng = np.random.default_rng(1)


def rand_q(dtype, shape, full=True):
    i = np.iinfo(dtype)
    return rng.integers(i.min, i.max + 1, shape, dtype=dtype)


def scale(lo=0.002, hi=0.2):
    return float(np.float32(np.exp(rng.uniform(np.log(lo), np.log(hi)))))


def zero(dtype):
    if dtype is np.int16:
        return 0
    i = np.iinfo(dtype)
    return int(rng.choice([i.min, i.max, 0 if i.min else 128, rng.integers(i.min, i.max + 1)]))


def act(dtype):
    """(TFLite's activation, text attribute)"""
    return [(0, ""), (1, "act=relu"), (3, "act=relu6"), (2, "act=relu_n1_1")][
        rng.choice([0, 0, 1, 2, 3])]


def hexof(a):
    return np.ascontiguousarray(a).tobytes().hex() or "_"


class Writer:
    def __init__(self, path):
        self.f = open(path, "w")
        self.n = 0
        self.origin = "ai-edge-litert " + importlib.metadata.version("ai-edge-litert")

    def case(self, name, op, attrs, inputs, output, expect, tol, order=None):
        """inputs: the EAO op's inputs in order (T or None)."""
        expect = np.asarray(expect)
        if op in ("conv", "fully_connected") and not xnnpack and tol == 0:
            tol = 1
        output.shape = expect.shape
        lines = [f'graph "{name} {self.n}" {{', f'  meta "origin" "{self.origin}"',
                 f'  meta "path" "{"XNNPACK" if xnnpack else "TensorFlow Lite kernel"}"',
                 f'  meta "tolerance" "{tol}"', f'  meta "expect" "{hexof(expect)}"']
        args, k = [], 0
        for t in inputs:
            if t is None:
                args.append("_")
                continue
            lines.append(f'  const %{k} "i{k}" {t.text()} = {t.bytes().hex() or "_"}')
            args.append(f"%{k}")
            k += 1
        lines.append(f'  value %{k} "y" {output.text()}')
        a = ", ".join(x for x in attrs if x)
        lines.append(f"  {op}({', '.join(args)}) -> %{k}" + (f" {{{a}}}" if a else "") + ' ""')
        lines.append(f"  output %{k}")
        lines.append("}")
        self.f.write("\n".join(lines) + "\n\n")
        self.n += 1


w = None
B, O = fb.BuiltinOperator, fb.BuiltinOptions


def io(dtype, shape, **k):
    return T(dtype, shape, scale(), zero(dtype), data=rand_q(dtype, shape), **k)


def out(dtype, s=None):
    return T(dtype, (1,), s or scale(), zero(dtype))


# ---- weights ----

def weights(xt, o, per_channel, shape, axis, x, y, four=False, taps=9):
    """Random weights, bias, and an output scale that uses its range."""
    lim = 7 if four else 127
    if xt is np.uint8:
        wd = np.uint8
        data, z = rand_q(np.uint8, shape), int(rng.integers(1, 255))
    else:
        wd, z = np.int8, 0
        data = rng.integers(-lim, lim + 1, shape, dtype=np.int8)
    s = [scale(0.001, 0.02) for _ in range(o if per_channel else 1)]
    wt = T(wd, shape, s, [z] * len(s), axis, data, int4=four)
    sd = max(float(np.std(data.astype(float) - z)), 1.0) * np.sqrt(taps)
    span = sd * (80 if xt is not np.int16 else 20000) * float(x.scale[0]) * float(np.mean(s))
    y.scale = np.atleast_1d(np.float32(span / (40 if xt is not np.int16 else 10000)))
    bs = [np.float32(x.scale[0]) * np.float32(v) for v in s]
    amp = sd * (60 if xt is not np.int16 else 10000) + 1
    bdt = np.int64 if xt is np.int16 else np.int32
    bias = T(bdt, (o,), bs, None, 0, rng.integers(-int(amp), int(amp) + 1, (o,)).astype(bdt))
    return wt, bias


def conv(dtype, depthwise=False):
    k, s, d = [int(rng.choice([1, 2, 3, 5])) for _ in range(2)], rng.integers(1, 3, 2), [1, 1]
    if rng.random() < 0.2:
        s, d = [1, 1], [2, 2]
    ci = int(rng.choice([1, 3, 4, 8, 17]))
    mult = int(rng.choice([1, 1, 2]))
    co = ci * mult if depthwise else int(rng.choice([1, 5, 8]))
    pad = int(rng.integers(0, 2))
    h, wd = int(rng.integers(9, 13)), int(rng.integers(9, 12))
    x, y = io(dtype, (1, h, wd, ci)), out(dtype)
    per = dtype is not np.uint8 and rng.random() < 0.7
    shape, axis = ((1, k[0], k[1], co), 3) if depthwise else ((co, k[0], k[1], ci), 0)
    wt, bias = weights(dtype, co, per, shape, axis, x, y, taps=k[0] * k[1] * (1 if depthwise else ci))
    a, at = act(dtype)
    opt = fb.DepthwiseConv2DOptionsT() if depthwise else fb.Conv2DOptionsT()
    opt.padding, opt.strideH, opt.strideW, opt.fusedActivationFunction = pad, int(s[0]), int(s[1]), a
    opt.dilationHFactor, opt.dilationWFactor = d
    if depthwise:
        opt.depthMultiplier = mult
    b = model(B.DEPTHWISE_CONV_2D if depthwise else B.CONV_2D,
              O.DepthwiseConv2DOptions if depthwise else O.Conv2DOptions, opt, [x, wt, bias], {1, 2}, [y], 3)
    r = run(b, [x.data])[0]
    attrs = ["layout=channels_last", "w_layout=" + ("1ko" if depthwise else "oki"),
             f"auto_pad={'same_upper' if pad == 0 else 'valid'}", f"strides=[{s[0]}, {s[1]}]",
             f"dilations=[{d[0]}, {d[1]}]", f"group={ci if depthwise else 1}", at]
    w.case("depthwise" if depthwise else "conv", "conv", attrs, [x, wt, bias], y, r, 0)


def fully_connected(dtype, four=False):
    k, n, rows = int(rng.choice([1, 7, 64, 130])), int(rng.choice([1, 5, 16])), int(rng.integers(1, 4))
    x, y = io(dtype, (rows, k)), out(dtype)
    per = dtype is np.int8 and rng.random() < 0.5
    wt, bias = weights(dtype, n, per, (n, k), 0, x, y, four, taps=k)
    if rng.random() < 0.2:
        bias = None
    a, at = act(dtype)
    opt = fb.FullyConnectedOptionsT()
    opt.fusedActivationFunction = a
    b = model(B.FULLY_CONNECTED, O.FullyConnectedOptions, opt, [x, wt, bias], {1, 2}, [y], 4)
    w.case("fully_connected", "fully_connected", [at], [x, wt, bias], y, run(b, [x.data])[0], 0)


def reals(shape, mean=0.3):
    return T(np.float32, shape, data=rng.normal(mean, 2, shape).astype(np.float32))


def hybrid_weights(shape, axis, per_channel, four=False):
    lim = 7 if four else 127
    s = [scale(0.001, 0.02) for _ in range(shape[axis] if per_channel else 1)]
    return T(np.int8, shape, s, None, axis, rng.integers(-lim, lim + 1, shape, dtype=np.int8), int4=four)


def hybrid_fully_connected(four):
    """XNNPACK takes 4-bit weights with an even depth only."""
    k = int(rng.choice([1, 7, 33, 65] if four else [1, 7, 64, 130]))
    n, rows = int(rng.choice([1, 5, 16])), int(rng.integers(1, 4))
    x, y, bias = reals((rows, k)), T(np.float32, (1,)), reals((n,), 0)
    wt = hybrid_weights((n, k), 0, rng.random() < 0.5, four)
    opt = fb.FullyConnectedOptionsT()
    opt.asymmetricQuantizeInputs = bool(rng.random() < 0.5)
    b = model(B.FULLY_CONNECTED, O.FullyConnectedOptions, opt, [x, wt, bias], {1, 2}, [y], 9)
    r = run(b, [x.data])[0]
    mode = "qd8" if xnnpack else "asymmetric" if opt.asymmetricQuantizeInputs else "symmetric"
    w.case("hybrid", "fully_connected", [f"hybrid={mode}"], [x, wt, bias], y, r, 1e-5)


def hybrid_conv(four, one=False):
    k = [1, 1] if one else [int(rng.choice([1, 2, 3])), int(rng.choice([2, 3]))]
    s = 1 if one else int(rng.integers(1, 3))
    ci, co, pad = int(rng.choice([2, 4])), int(rng.choice([1, 6])), int(rng.integers(0, 2))
    group = 2 if not one and co == 6 and rng.random() < 0.5 else 1
    x, y, bias = reals((2, 7, 5, ci * group)), T(np.float32, (1,)), reals((co,), 0)
    per = rng.random() < 0.5
    wt = hybrid_weights((co, k[0], k[1], ci), 0, per, four)
    a, at = [(0, ""), (1, "act=relu"), (3, "act=relu6")][rng.integers(0, 3)]
    opt = fb.Conv2DOptionsT()
    opt.padding, opt.strideH, opt.strideW, opt.fusedActivationFunction = pad, s, s, a
    b = model(B.CONV_2D, O.Conv2DOptions, opt, [x, wt, bias], {1, 2}, [y], 5)
    r = run(b, [x.data])[0]
    own = "asymmetric" if group > 1 or (per and co > 1) else "symmetric"
    mode = own if not xnnpack else "qd8_pixel" if one else "qd8"
    attrs = ["layout=channels_last", "w_layout=oki", f"auto_pad={'same_upper' if pad == 0 else 'valid'}",
             f"strides=[{s}, {s}]", f"group={group}", f"hybrid={mode}", at]
    w.case("hybrid", "conv", attrs, [x, wt, bias], y, r, 1e-5)


def hybrid_depthwise():
    ci, mult, pad = int(rng.choice([3, 8])), int(rng.integers(1, 3)), int(rng.integers(0, 2))
    co = ci * mult
    x, y, bias = reals((2, 6, 5, ci)), T(np.float32, (1,)), reals((co,), 0)
    wt = hybrid_weights((1, 3, 2, co), 3, True)
    opt = fb.DepthwiseConv2DOptionsT()
    opt.padding, opt.strideH, opt.strideW, opt.depthMultiplier = pad, 1, 1, mult
    b = model(B.DEPTHWISE_CONV_2D, O.DepthwiseConv2DOptions, opt, [x, wt, bias], {1, 2}, [y], 6)
    attrs = ["layout=channels_last", "w_layout=1ko", f"auto_pad={'same_upper' if pad == 0 else 'valid'}",
             f"group={ci}", "hybrid=asymmetric"]
    w.case("hybrid", "conv", attrs, [x, wt, bias], y, run(b, [x.data])[0], 1e-5)


def hybrid_conv_transpose():
    s, ci, co = int(rng.integers(1, 3)), int(rng.choice([3, 8])), int(rng.choice([2, 4]))
    x, y, bias = reals((2, 4, 3, ci)), T(np.float32, (1,)), reals((co,), 0)
    wt = hybrid_weights((co, 3, 2, ci), 0, rng.random() < 0.5)
    oh, ow = 3 * s + 3, 2 * s + 2
    shape = T(np.int32, (4,), data=np.array([2, oh, ow, co], np.int32))
    opt = fb.TransposeConvOptionsT()
    opt.padding, opt.strideH, opt.strideW = 1, s, s
    b = model(B.TRANSPOSE_CONV, O.TransposeConvOptions, opt, [shape, wt, x, bias], {0, 1, 3}, [y], 3)
    attrs = ["layout=channels_last", "w_layout=oki", "auto_pad=valid", f"strides=[{s}, {s}]",
             f"output_shape=[{oh}, {ow}]", "hybrid=qd8"]
    w.case("hybrid", "conv_transpose", attrs, [x, wt, bias], y, run(b, [x.data])[0], 1e-5)


def conv_transpose(dtype):
    k, s = [int(rng.choice([1, 2, 3])) for _ in range(2)], int(rng.integers(1, 3))
    ci, co, pad = int(rng.choice([1, 3, 8])), int(rng.choice([1, 4])), int(rng.integers(0, 2))
    h, wd = int(rng.integers(2, 6)), int(rng.integers(2, 6))
    x, y = io(dtype, (1, h, wd, ci)), out(dtype)
    wt, bias = weights(dtype, co, dtype is np.int8 and rng.random() < 0.5, (co, k[0], k[1], ci), 0, x, y,
                       taps=ci)
    oh = h * s if pad == 0 else (h - 1) * s + k[0]
    ow = wd * s if pad == 0 else (wd - 1) * s + k[1]
    shape = T(np.int32, (4,), data=np.array([1, oh, ow, co], np.int32))
    opt = fb.TransposeConvOptionsT()
    opt.padding, opt.strideH, opt.strideW = pad, s, s
    b = model(B.TRANSPOSE_CONV, O.TransposeConvOptions, opt, [shape, wt, x, bias], {0, 1, 3}, [y], 3)
    attrs = ["layout=channels_last", "w_layout=oki", f"auto_pad={'same_upper' if pad == 0 else 'valid'}",
             f"strides=[{s}, {s}]", f"output_shape=[{oh}, {ow}]"]
    w.case("conv_transpose", "conv_transpose", attrs, [x, wt, bias], y, run(b, [x.data])[0], 1)


# ---- pools ----

def pool(dtype, avg):
    k, s, pad = rng.integers(1, 5, 2), rng.integers(1, 4, 2), int(rng.integers(0, 2))
    x = io(dtype, (1, int(rng.integers(5, 9)), int(rng.integers(5, 9)), int(rng.choice([1, 3, 9]))))
    y = T(dtype, (1,), x.scale, x.zero)
    a, at = act(dtype)
    opt = fb.Pool2DOptionsT()
    opt.padding, opt.strideH, opt.strideW = pad, int(s[0]), int(s[1])
    opt.filterHeight, opt.filterWidth, opt.fusedActivationFunction = int(k[0]), int(k[1]), a
    b = model(B.AVERAGE_POOL_2D if avg else B.MAX_POOL_2D, O.Pool2DOptions, opt, [x], set(), [y], 3)
    attrs = ["layout=channels_last", f"auto_pad={'same_upper' if pad == 0 else 'valid'}",
             f"kernel=[{k[0]}, {k[1]}]", f"strides=[{s[0]}, {s[1]}]", at]
    name = "avg_pool" if avg else "max_pool"
    w.case(name, name, attrs, [x], y, run(b, [x.data])[0], 0)


# ---- element-wise ----

def binary(op, dtype):
    table = {"add": (B.ADD, O.AddOptions, fb.AddOptionsT), "sub": (B.SUB, O.SubOptions, fb.SubOptionsT),
             "mul": (B.MUL, O.MulOptions, fb.MulOptionsT),
             "squared_difference": (B.SQUARED_DIFFERENCE, O.SquaredDifferenceOptions, fb.SquaredDifferenceOptionsT),
             "min": (B.MINIMUM, O.MaximumMinimumOptions, fb.MaximumMinimumOptionsT),
             "max": (B.MAXIMUM, O.MaximumMinimumOptions, fb.MaximumMinimumOptionsT)}
    code, ot, options = table[op]
    sa, sb = ((2, 3, 5, 4), [(2, 3, 5, 4), (1, 1, 1, 4), (4,), ()][rng.integers(0, 4)])
    a, b, opt = io(dtype, sa), io(dtype, sb), options()
    y = out(dtype)
    at = ""
    if op in ("min", "max"):
        b.scale, b.zero, y = a.scale, a.zero, T(dtype, (1,), a.scale, a.zero)
    elif op == "squared_difference":
        y.scale = np.atleast_1d(np.float32((100 * max(a.scale[0], b.scale[0])) ** 2 / 100))
    elif op == "mul":
        y.scale = np.atleast_1d(np.float32(a.scale[0] * b.scale[0] * (60 if dtype is not np.int16 else 9000)))
        if dtype is not np.int16:
            y.scale = np.atleast_1d(np.float32(y.scale[0] * rng.uniform(0.3, 3)))
    else:
        y.scale = np.atleast_1d(np.float32(max(a.scale[0], b.scale[0]) * rng.uniform(0.5, 2)))
    if op in ("add", "sub", "mul"):
        opt.fusedActivationFunction, at = act(dtype)
        if op != "mul":
            opt.potScaleInt16 = False
    m = model(code, ot, opt, [a, b], set(), [y], {"add": 5, "squared_difference": 2}.get(op, 3))
    w.case(op, op, [at], [a, b], y, run(m, [a.data, b.data])[0],
           0 if op in ("add", "sub", "mul", "min", "max") and dtype is not np.int16 else 1)


def prelu(dtype):
    x, s = io(dtype, (1, 3, 5, 4)), io(dtype, (1, 1, 4))
    y = out(dtype, float(x.scale[0] * rng.uniform(0.7, 2)))
    s.scale = np.atleast_1d(np.float32(rng.uniform(0.002, 0.008)))
    m = model(B.PRELU, O.NONE, None, [x, s], {1}, [y])
    w.case("prelu", "prelu", [], [x, s], y, run(m, [x.data])[0], 1)


UNARY = {  # op: (code, options, EAO op, attributes, fixed output (scale, zero) by dtype)
    "logistic": (B.LOGISTIC, O.NONE, None, "sigmoid", 1 / 256),
    "tanh": (B.TANH, O.NONE, None, "tanh", 1 / 128),
    "relu": (B.RELU, O.NONE, None, "relu", None),
    "hard_swish": (B.HARD_SWISH, O.HardSwishOptions, fb.HardSwishOptionsT, "hard_swish", None),
    "leaky_relu": (B.LEAKY_RELU, O.LeakyReluOptions, fb.LeakyReluOptionsT, "leaky_relu", None),
    "elu": (B.ELU, O.NONE, None, "elu", None),
    "gelu": (B.GELU, O.GeluOptions, fb.GeluOptionsT, "gelu", None),
    "exp": (B.EXP, O.ExpOptions, fb.ExpOptionsT, "exp", None),
    "abs": (B.ABS, O.AbsOptions, fb.AbsOptionsT, "abs", None),
    "rsqrt": (B.RSQRT, O.NONE, None, "rsqrt", None),
    "log": (B.LOG, O.NONE, None, "log", None),
}


def unary(name, dtype):
    code, ot, options, op, fixed = UNARY[name]
    x = io(dtype, (4, 64) if dtype is not np.int16 else (40, 64))
    if dtype is not np.int16:
        x.data = np.arange(256).astype(np.uint8).view(dtype).reshape(4, 64)
    opt = options() if options else None
    attrs, y = [], out(dtype)
    span = 127 * float(x.scale[0]) if dtype is not np.int16 else 32767 * float(x.scale[0])
    if dtype is np.int16:
        x.scale = np.atleast_1d(np.float32(rng.uniform(2, 10) / 32768))
        span = 32767 * float(x.scale[0])
        y.zero = np.array([0])
    if fixed:
        lo = np.iinfo(dtype).min
        if dtype is np.int16:
            y.scale, y.zero = np.atleast_1d(np.float32(1 / 32768)), np.array([0])
        elif name == "logistic":
            y.scale, y.zero = np.atleast_1d(np.float32(fixed)), np.array([lo])
        else:
            y.scale, y.zero = np.atleast_1d(np.float32(fixed)), np.array([lo + 128])
    elif name in ("exp",):
        x.scale = np.atleast_1d(np.float32(rng.uniform(0.005, 0.03))) if dtype is not np.int16 else x.scale
        hi = 255 * float(x.scale[0]) if dtype is not np.int16 else span
        y.scale = np.atleast_1d(np.float32(np.exp(hi) / (255 if dtype is not np.int16 else 32767)))
    elif name == "rsqrt":
        x.zero = np.array([np.iinfo(dtype).min])
        x.data = np.maximum(x.data.reshape(-1), np.iinfo(dtype).min + 1).reshape(4, 64)
        y.scale, y.zero = np.atleast_1d(np.float32(1 / np.sqrt(x.scale[0]) / 255)), np.array([np.iinfo(dtype).min])
    elif name == "log":
        x.zero = np.array([np.iinfo(dtype).min])
        x.data = np.maximum(x.data.reshape(-1), np.iinfo(dtype).min + 1).reshape(4, 64)
        x.scale = np.atleast_1d(np.float32(rng.uniform(0.01, 0.05)))
        y.scale, y.zero = np.atleast_1d(np.float32(0.03)), np.array([np.iinfo(dtype).min + 128])
    else:
        unit = span / (127 if dtype is not np.int16 else 32767)
        y.scale = np.atleast_1d(np.float32(unit * rng.uniform(0.6, 1.5)))
    if name == "leaky_relu":
        opt.alpha = float(np.float32(rng.uniform(0.02, 0.4)))
        attrs = [f"alpha={opt.alpha!r}"]
    if name == "gelu":
        opt.approximate = bool(rng.integers(0, 2))
        attrs = ["approximate=tanh"] if opt.approximate else []
    version = 1 if name in ("hard_swish", "elu") else 2
    m = model(code, ot, opt, [x], set(), [y], version)
    w.case(name, op, attrs, [x], y, run(m, [x.data])[0], 1)


def convert(kind):
    kind_types = {"f32_i8": (np.float32, np.int8), "f32_u8": (np.float32, np.uint8),
                  "f32_i16": (np.float32, np.int16), "i8_i8": (np.int8, np.int8), "u8_u8": (np.uint8, np.uint8),
                  "i8_u8": (np.int8, np.uint8), "u8_i8": (np.uint8, np.int8), "i16_i16": (np.int16, np.int16),
                  "i8_i16": (np.int8, np.int16), "i16_i8": (np.int16, np.int8), "i8_f32": (np.int8, np.float32),
                  "u8_f32": (np.uint8, np.float32), "i16_f32": (np.int16, np.float32)}
    a, b = kind_types[kind]
    shape = (7, 41)
    if a is np.float32:
        x = T(np.float32, shape, data=rng.normal(0, 3, shape).astype(np.float32))
    else:
        x = io(a, shape)
    y = T(b, shape) if b is np.float32 else out(b)
    if b is np.int16:
        y.scale = np.atleast_1d(np.float32(3 / 32767 * rng.uniform(0.5, 4)))
    if a is np.int16:
        x.scale = np.atleast_1d(np.float32(rng.uniform(1, 9) / 32768))
    if b is np.float32:
        code, ot, o = B.DEQUANTIZE, O.DequantizeOptions, fb.DequantizeOptionsT()
    else:
        code, ot, o = B.QUANTIZE, O.QuantizeOptions, fb.QuantizeOptionsT()
    m = model(code, ot, o, [x], set(), [y], 2)
    w.case(kind, "dequantize" if b is np.float32 else "quantize", [], [x], y, run(m, [x.data])[0],
           1 if kind in ("i8_u8", "u8_i8", "f32_i16") else 0)


# ---- along axes ----

def softmax(dtype, log=False):
    shape = (int(rng.integers(1, 5)), int(rng.choice([1, 2, 10, 40])))
    x, i = io(dtype, shape), np.iinfo(dtype)
    x.scale = np.atleast_1d(np.float32(rng.uniform(0.01, 0.3)))
    if dtype is np.int16:
        x.scale = np.atleast_1d(np.float32(rng.uniform(2, 10) / 32768))
        y = T(dtype, (1,), 1 / 32768, 0)
    elif log:
        y = T(dtype, (1,), 1 / 16, i.max)
    else:
        y = T(dtype, (1,), 1 / 256, i.min)
    opt = fb.LogSoftmaxOptionsT() if log else fb.SoftmaxOptionsT()
    attrs = ["axis=-1"]
    if not log:
        opt.beta = 1.0
    m = model(B.LOG_SOFTMAX if log else B.SOFTMAX, O.LogSoftmaxOptions if log else O.SoftmaxOptions, opt,
              [x], set(), [y], 2)
    name = "log_softmax" if log else "softmax"
    w.case(name, name, attrs, [x], y, run(m, [x.data])[0], 1)


def reduce(op, dtype):
    table = {"mean": B.MEAN, "sum": B.SUM, "max": B.REDUCE_MAX, "min": B.REDUCE_MIN}
    x, y = io(dtype, (2, 5, 7, 4)), out(dtype)
    if dtype is np.int16:
        x.scale = np.atleast_1d(np.float32(rng.uniform(1, 9) / 32768))
    axes = sorted(rng.choice(4, int(rng.integers(1, 4)), replace=False).tolist())
    if op in ("max", "min"):
        y = T(dtype, (1,), x.scale, x.zero)
    else:
        y.scale = np.atleast_1d(np.float32(x.scale[0] * rng.uniform(0.3, 1) * (20 if op == "sum" else 1)))
    a = T(np.int32, (len(axes),), data=np.array(axes, np.int32))
    opt = fb.ReducerOptionsT()
    opt.keepDims = bool(rng.integers(0, 2))
    m = model(table[op], O.ReducerOptions, opt, [x, a], {1}, [y], 3 if dtype is np.int16 else 2)
    w.case("reduce_" + op, "reduce_" + op, [f"keepdims={int(opt.keepDims)}"], [x, a], y, run(m, [x.data])[0],
           1 if dtype is np.int16 and op in ("mean", "sum") else 0)


# ---- images ----

def resize(dtype, linear):
    x = io(dtype, (1, int(rng.integers(2, 7)), int(rng.integers(2, 7)), int(rng.choice([1, 3]))))
    y = T(dtype, (1,), x.scale, x.zero)
    size = np.array([rng.integers(1, 12), rng.integers(1, 12)], np.int32)
    sz = T(np.int32, (2,), data=size)
    opt = fb.ResizeBilinearOptionsT() if linear else fb.ResizeNearestNeighborOptionsT()
    corners, half = [(False, False), (True, False), (False, True)][rng.integers(0, 3)]
    opt.alignCorners, opt.halfPixelCenters = corners, half
    m = model(B.RESIZE_BILINEAR if linear else B.RESIZE_NEAREST_NEIGHBOR,
              O.ResizeBilinearOptions if linear else O.ResizeNearestNeighborOptions, opt, [x, sz], {1}, [y], 3)
    if linear:
        coord, near = "align_corners" if corners else "half_pixel" if half else "asymmetric", ""
    else:
        coord = "align_corners" if corners else "tf_half_pixel_for_nn" if half else "asymmetric"
        near = "nearest_mode=" + ("round_prefer_ceil" if corners else "floor")
    sizes = T(np.int64, (2,), data=size.astype(np.int64))
    w.case("resize", "resize", [f"mode={'linear' if linear else 'nearest'}", f"coordinate_transformation_mode={coord}", near,
                                "axes=[1, 2]"], [x, None, None, sizes], y, run(m, [x.data])[0],
           1 if linear else 0)


def concat(dtype, same):
    xs = [io(dtype, (2, int(rng.integers(1, 6)), 3)) for _ in range(int(rng.integers(1, 5)))]
    y = out(dtype)
    for x in xs:
        if same:
            x.scale, x.zero = y.scale, y.zero
        else:
            y.scale = np.atleast_1d(np.float32(max(float(y.scale[0]), float(x.scale[0]))))
    opt = fb.ConcatenationOptionsT()
    opt.axis = 1
    m = model(B.CONCATENATION, O.ConcatenationOptions, opt, xs, set(), [y], 2)
    w.case("concat", "concat", ["axis=1"], xs, y, run(m, [x.data for x in xs])[0], 0)


def pad(dtype):
    x = io(dtype, (2, 3, 4))
    y = T(dtype, (1,), x.scale, x.zero)
    p = T(np.int32, (3, 2), data=rng.integers(0, 3, (3, 2)).astype(np.int32))
    m = model(B.PAD, O.PadOptions, fb.PadOptionsT(), [x, p], {1}, [y], 2)
    pads = T(np.int64, (6,), data=p.data.T.astype(np.int64))
    w.case("pad", "pad", [], [x, pads], y, run(m, [x.data])[0], 0)


CASES = {
    "hybrid": [lambda f=f, k=k: k(f) for f in (False, True) for k in (hybrid_fully_connected, hybrid_conv)] +
              [lambda: hybrid_conv(False, True), hybrid_depthwise, hybrid_conv_transpose],
    "resize": [lambda t=t, l=l: resize(t, l) for t in (np.int8, np.uint8) for l in (True, False)],
    "concat": [lambda: concat(np.int8, True), lambda: concat(np.uint8, False), lambda: concat(np.uint8, True)],
    "pad": [lambda: pad(np.int8), lambda: pad(np.uint8)],
    "softmax": [lambda: softmax(np.int8), lambda: softmax(np.uint8), lambda: softmax(np.int16)],
    "log_softmax": [lambda: softmax(np.int8, True), lambda: softmax(np.uint8, True)],
    "conv": [lambda: conv(np.int8), lambda: conv(np.uint8), lambda: conv(np.int16)],
    "depthwise": [lambda: conv(np.int8, True), lambda: conv(np.uint8, True), lambda: conv(np.int16, True)],
    "fully_connected": [lambda: fully_connected(np.int8), lambda: fully_connected(np.uint8),
                        lambda: fully_connected(np.int16), lambda: fully_connected(np.int8, True)],
    "conv_transpose": [lambda: conv_transpose(np.int8), lambda: conv_transpose(np.uint8), lambda: conv_transpose(np.int16)],
    "avg_pool": [lambda: pool(np.int8, True), lambda: pool(np.uint8, True), lambda: pool(np.int16, True)],
    "max_pool": [lambda: pool(np.int8, False), lambda: pool(np.uint8, False), lambda: pool(np.int16, False)],
    "prelu": [lambda: prelu(np.int8), lambda: prelu(np.uint8)],
}
for _op in ("add", "sub", "mul"):
    CASES[_op] = [lambda o=_op, t=t: binary(o, t) for t in (np.int8, np.uint8, np.int16)]
for _op in ("mean", "sum", "max", "min"):
    CASES["reduce_" + _op] = [lambda o=_op, t=t: reduce(o, t) for t in (np.int8, np.uint8, np.int16)]
for _op in ("min", "max"):
    CASES[_op] = [lambda o=_op, t=t: binary(o, t) for t in (np.int8, np.uint8)]
CASES["squared_difference"] = [lambda: binary("squared_difference", np.int8)]
for _op in UNARY:
    types = {"elu": [np.int8], "relu": [np.int8, np.uint8, np.int16], "hard_swish": [np.int8, np.uint8],
             "gelu": [np.int8, np.uint8], "exp": [np.int8, np.int16], "abs": [np.int8, np.int16],
             "rsqrt": [np.int8], "log": [np.int8]}.get(_op, [np.int8, np.uint8, np.int16])
    CASES[_op] = [lambda o=_op, t=t: unary(o, t) for t in types]
CASES["convert"] = [lambda k=k: convert(k) for k in (
    "f32_i8", "f32_u8", "f32_i16", "i8_i8", "u8_u8", "i8_u8", "u8_i8", "i16_i16", "i8_i16", "i16_i8",
    "i8_f32", "u8_f32", "i16_f32")]


def main():
    global w, rng
    p = argparse.ArgumentParser()
    p.add_argument("out")
    p.add_argument("--count", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only")
    a = p.parse_args()
    rng, w = np.random.default_rng(a.seed), Writer(a.out)
    for name, makers in CASES.items():
        if a.only and name not in a.only.split(","):
            continue
        for make in makers:
            for _ in range(a.count):
                try:
                    make()
                except (RuntimeError, ValueError) as e:
                    print(f"{name}: LiteRT refuses: {str(e).splitlines()[-1][:150]}")
                    break
    print(w.n, "cases")


main()
