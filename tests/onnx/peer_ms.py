"""Operators of domain com.microsoft, and older versions of ONNX's own, against ONNX Runtime.

    .venv/bin/python tests/onnx/peer_ms.py PATH/TO/eao

Each operator runs as a model of one node on random numbers, once with its parameters as constants
and once with all of them as run-time inputs. Floats as in peer_onnx.py, 8-bit integers within one
step.
"""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import peer_onnx as peer

np, onnx = peer.np, peer.onnx
from onnx import helper, numpy_helper

RNG = np.random.default_rng(3)
F, U8, I8, I32, I64 = np.float32, np.uint8, np.int8, np.int32, np.int64


def f(*shape):
    return RNG.standard_normal(shape).astype(F)


def q(dtype, *shape):
    info = np.iinfo(dtype)
    return RNG.integers(max(info.min, -128), min(info.max, 255) + 1, shape).astype(dtype)


def s(v):
    return np.array(v, F)


class Peer:
    def __init__(self, eao):
        self.eao, self.ok, self.failed, self.refused = eao, 0, 0, []

    def node(self, op, inputs, n_out=1, domain="com.microsoft", opset=17, data=(0,), **attrs):
        """inputs: arrays or None; those at `data` are always inputs of the model."""
        for constants in (True, False):
            self.one(op, inputs, n_out, domain, opset, data, constants, attrs)

    def one(self, op, inputs, n_out, domain, opset, data, constants, attrs):
        names = [f"i{k}" if v is not None else "" for k, v in enumerate(inputs)]
        outs = [n for n in (n_out if isinstance(n_out, list) else [f"o{k}" for k in range(n_out)])]
        fed = [k for k, v in enumerate(inputs) if v is not None and (k in data or not constants)]
        const = [k for k, v in enumerate(inputs) if v is not None and k not in fed]
        graph = helper.make_graph(
            [helper.make_node(op, names, outs, domain=domain, **attrs)],
            op,
            [helper.make_tensor_value_info(names[k], helper.np_dtype_to_tensor_dtype(inputs[k].dtype), inputs[k].shape) for k in fed],
            [helper.make_empty_tensor_value_info(o) for o in outs if o],
            [numpy_helper.from_array(inputs[k], names[k]) for k in const],
        )
        imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        feeds = {names[k]: inputs[k] for k in fed}
        real = [o for o in outs if o]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "one.onnx")
            onnx.save(model, path)
            try:
                want = peer.session_of(path).run(real, feeds)
            except Exception as e:
                self.refused.append(f"{op}: {str(e).splitlines()[0][:120]}")
                return
            try:
                got = peer.run_eao(self.eao, path, feeds, real, folder)
                why = [w for w in map(peer.worst, got, want) if w]
            except Exception as e:
                why = [str(e)]
        self.ok, self.failed = self.ok + (not why), self.failed + bool(why)
        if why:
            print(f"FAIL {op} {attrs} {'constant' if constants else 'run-time'} parameters: {why[0]}")


def quantised(p):
    for t in (U8, I8):
        z = np.array(7, t)
        pair = [s(0.02), z, s(0.03), np.array(-3 if t == I8 else 100, t)]
        for op in ("QLinearSigmoid", "QLinearLeakyRelu"):
            p.node(op, [q(t, 3, 17)] + pair)
        soft = [q(t, 3, 17), s(0.1), z, s(1 / 256), np.array(0 if t == U8 else -128, t)]
        for constants in (True, False):
            p.one("QLinearSoftmax", soft, 1, "com.microsoft", 17, (0,), constants, dict(axis=-1, opset=13))
        for op in ("QLinearAdd", "QLinearMul"):
            p.node(op, [q(t, 2, 3, 5), s(0.02), z, q(t, 3, 1), s(0.05), z, s(0.04), z], data=(0, 3))
        p.node("QLinearConcat", [s(0.05), z, q(t, 2, 3), s(0.02), z, q(t, 2, 4), s(0.07), np.array(1, t)], data=(2, 5), axis=1)
        p.node("QLinearGlobalAveragePool", [q(t, 1, 5, 4, 3), s(0.02), z, s(0.01), z])
        p.node("QLinearGlobalAveragePool", [q(t, 1, 4, 3, 5), s(0.02), z, s(0.01), z], channels_last=1)
        p.node("QLinearAveragePool", [q(t, 1, 5, 6, 6), s(0.02), z, s(0.02), z], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
        for w in (I8, t):
            wz = np.array(0, w)
            p.node("QLinearConv", [q(t, 1, 4, 6, 6), s(0.02), z, q(w, 6, 2, 3, 3), s(0.01), wz, s(0.1), z, q(I8, 6).astype(I32)], domain="", group=2, pads=[1, 1, 1, 1])
            p.node("QLinearMatMul", [q(t, 2, 3, 5), s(0.02), z, q(w, 5, 4), s(0.01), np.array(3, w), s(0.1), z], domain="")
        per = [np.array([0.01, 0.02, 0.03], F), np.zeros(3, I8)]
        p.node("QLinearConv", [q(t, 1, 4, 6, 6), s(0.02), z, q(I8, 3, 4, 3, 3)] + per + [s(0.1), z], domain="")
        p.node("QLinearMatMul", [q(t, 3, 5), s(0.02), z, q(I8, 5, 3)] + per + [s(0.1), z], domain="")
        p.node("MatMulIntegerToFloat", [q(t, 3, 5), q(t, 5, 4), s(0.02), s(0.03), z, z, f(4)], data=(0, 1))
        p.node("DynamicQuantizeMatMul", [f(3, 5), q(t, 5, 4), s(0.03), z, f(4)])
    p.node("QuantizeLinear", [f(3, 4), s(0.02), np.array(3, U8)])
    p.node("DequantizeLinear", [q(U8, 3, 4), s(0.02), np.array(3, U8)])
    for bits, k, zeros in ((4, 64, True), (4, 64, False), (4, 48, False), (4, 96, True), (8, 64, False)):
        blocks, n = (k + 31) // 32, 5
        row = (blocks * bits + 7) // 8
        inputs = [f(2, 3, k), q(U8, n, blocks, 32 * bits // 8), np.abs(f(n * blocks)) * 0.1]
        p.one("MatMulNBits", inputs + ([q(U8, n * row)] if zeros else []), 1, "com.microsoft", 17, (0,), True, dict(K=k, N=n, bits=bits, block_size=32))


def fused(p):
    for op in ("Gelu", "FastGelu", "QuickGelu"):
        p.node(op, [f(3, 8)])
    p.node("FastGelu", [f(3, 8), f(8)])
    p.node("BiasGelu", [f(3, 8), f(8)])
    for ta in (0, 1):
        for tb in (0, 1):
            a, b = f(2, *((5, 3) if ta else (3, 5))), f(2, *((4, 5) if tb else (5, 4)))
            p.node("FusedMatMul", [a, b], transA=ta, transB=tb, alpha=0.5)
    for act, params in (("Relu", None), ("Tanh", None), ("Sigmoid", None), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 0.5]), ("HardSigmoid", [0.3, 0.4])):
        attrs = {"activation": act} | ({"activation_params": params} if params else {})
        p.node("FusedConv", [f(1, 3, 6, 6), f(4, 3, 3, 3), f(4)], **attrs)
    p.node("FusedConv", [f(1, 3, 6, 6), f(4, 3, 3, 3), f(4), f(1, 4, 4, 4)], activation="Relu")
    p.node("FusedGemm", [f(3, 5), f(5, 4), f(4)], activation="Relu")
    p.node("SkipLayerNormalization", [f(2, 3, 8), f(2, 3, 8), f(8), f(8), f(8)], ["a", "", "", "d"], data=(0, 1))
    p.node("SkipLayerNormalization", [f(2, 3, 8), f(2, 3, 8), f(8)], epsilon=1e-5, data=(0, 1))
    p.node("SkipSimplifiedLayerNormalization", [f(2, 3, 8), f(2, 3, 8), f(8), f(8)], ["a", "", "", "d"], data=(0, 1))
    ids = RNG.integers(0, 6, (2, 5)).astype(I32)
    seg = RNG.integers(0, 2, (2, 5)).astype(I32)
    mask = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0]], I32)
    tables = [f(6, 8), f(7, 8), f(2, 8), f(8), f(8)]
    p.node("EmbedLayerNormalization", [ids, seg] + tables, 2, data=(0, 1))
    p.node("EmbedLayerNormalization", [ids, seg] + tables + [mask], 3, data=(0, 1, 7))


def attention(p):
    batch, n, heads, size = 2, 5, 2, 4
    width = heads * size
    weights = [f(batch, n, width), f(width, 3 * width), f(3 * width)]
    masks = [None, np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], I32), np.array([3, 5], I32)]
    masks.append(RNG.integers(0, 2, (batch, n, n)).astype(I32) | np.eye(n, dtype=I32))
    for mask in masks:
        for causal in (0, 1):
            p.node("Attention", weights + [mask], num_heads=heads, unidirectional=causal)
    past = f(2, batch, heads, 3, size)
    p.node("Attention", weights + [None, past], 2, data=(0, 4), num_heads=heads, unidirectional=1)
    p.node("Attention", weights + [None, None, f(batch, heads, n, n)], num_heads=heads)
    wide = [f(batch, n, width), f(width, 2 * width + 3 * heads), f(2 * width + 3 * heads)]
    p.node("Attention", wide, num_heads=heads, qkv_hidden_sizes=[width, width, 3 * heads])
    qkv = [f(batch, n, width), f(batch, 7, width), f(batch, 7, width)]
    p.node("MultiHeadAttention", qkv, num_heads=heads, data=(0, 1, 2))
    p.node("MultiHeadAttention", qkv + [f(3 * width)], num_heads=heads, data=(0, 1, 2))
    p.node("MultiHeadAttention", qkv + [f(3 * width), np.array([[1] * 5 + [0] * 2, [1] * 7], I32)], num_heads=heads, data=(0, 1, 2))
    pasts = [f(batch, heads, 3, size), f(batch, heads, 3, size)]
    qkv = [f(batch, n, width)] * 3
    p.node("MultiHeadAttention", qkv + [None, None, None] + pasts, 3, num_heads=heads, data=(0, 1, 2, 6, 7))


def older(p):
    """Forms of ONNX's ops before their lists became inputs."""
    x = f(2, 3, 4, 5)
    for opset in (7, 9, 10, 11, 12):
        common = dict(domain="", opset=opset)
        for axis in (0, 1, 2, -1) if opset > 10 else (0, 1, 2, 3):
            p.node("Softmax", [x], axis=axis, **common)
            p.node("LogSoftmax", [x], axis=axis, **common)
        p.node("ReduceSum", [x], axes=[1, 3], keepdims=0, **common)
        p.node("ReduceMean", [x], axes=[0], **common)
        p.node("ReduceMax", [x], **common)
        p.node("Squeeze", [f(2, 1, 3, 1)], axes=[1], **common)
        p.node("Unsqueeze", [x[0, 0]], axes=[0, 2], **common)
        p.node("Split", [x], 2, axis=3, split=[2, 3], **common)
        p.node("Dropout", [x], **common)
        p.node("BatchNormalization", [x, f(3), f(3), f(3), np.abs(f(3))], **common)
        p.node("Flatten", [x], axis=2, **common)
        p.node("Gemm", [f(2, 3), f(3, 4), f(4)], alpha=0.5, **common)
        if opset < 11:
            p.node("Clip", [x], min=-0.5, max=0.25, **common)
            p.node("Pad", [x], pads=[0, 0, 1, 2, 0, 0, 0, 1], value=3.0, **common)
        if opset < 10:
            p.node("Slice", [x], axes=[1, 3], starts=[1, -3], ends=[3, 100], **common)
            p.node("TopK", [x], 2, k=2, axis=-1, **common)
    p.node("Upsample", [x], domain="", opset=7, scales=[1.0, 1.0, 2.0, 3.0], mode="nearest")
    p.node("Upsample", [x, np.array([1, 1, 2, 3], F)], domain="", opset=9, mode="nearest")
    p.node("Resize", [x, np.array([1, 1, 2, 3], F)], domain="", opset=10, mode="nearest")
    p.node("Upsample", [x, np.array([1, 1, 2, 2], F)], domain="", opset=9, mode="linear")


def main():
    p = Peer(sys.argv[1])
    for part in (quantised, fused, attention, older):
        part(p)
    for r in sorted(set(p.refused)):
        print(f"ONNX Runtime refused {r}")
    print(f"peer_ms: {p.ok} equal, {p.failed} differ, {len(p.refused)} refused by ONNX Runtime")
    return int(p.failed > 0 or p.ok < 100)


if __name__ == "__main__":
    sys.exit(main())
