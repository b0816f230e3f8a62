"""Architectures for which no trained file is at hand, built exactly, with seeded weights.

    zoo.py NAME OUT.onnx        zoo.py --list        NAME ending in "-int8": ONNX Runtime's static QDQ form

Shapes decide speed, not what the weights mean. Batch norms are folded into convolutions, as
exporters do for inference. Sources: the papers' tables, in the layouts that torchvision (MobileNet,
ResNet, SqueezeNet), timm (EfficientNet-Lite, ViT) and Ultralytics (YOLOv8) export."""
import math
import pathlib
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Net:
    """Appends nodes and keeps, for each value, only its name and channels (or width)."""

    def __init__(self, name, shape, dtype=TensorProto.FLOAT):
        self.rng = np.random.default_rng(1)
        self.nodes, self.weights, self.channels = [], [], {}
        self.name = name
        self.input = helper.make_tensor_value_info("input", dtype, shape)
        self.channels["input"] = shape[1]

    def const(self, array):
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def normal(self, *shape, fan_in):
        return self.const((self.rng.standard_normal(shape) / math.sqrt(fan_in)).astype(np.float32))

    def op(self, kind, *inputs, channels=None, outputs=1, **attributes):
        names = [f"v{len(self.nodes)}" + (f"_{k}" if outputs > 1 else "") for k in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, f"{kind}_{len(self.nodes)}", **attributes))
        for name in names:
            self.channels[name] = channels or self.channels.get(inputs[0])
        return names[0] if outputs == 1 else names

    def act(self, x, kind):
        if kind is None:
            return x
        if kind == "relu6":
            return self.op("Clip", x, self.const(np.float32(0)), self.const(np.float32(6)))
        if kind == "silu":
            return self.op("Mul", x, self.op("Sigmoid", x))
        return self.op({"relu": "Relu", "hswish": "HardSwish"}[kind], x)

    def conv(self, x, out, k=1, stride=1, groups=1, act=None, pad=None):
        c = self.channels[x]
        pad = k // 2 if pad is None else pad
        fan = c // groups * k * k
        y = self.op("Conv", x, self.normal(out, c // groups, k, k, fan_in=fan / 2),
                    self.const(np.zeros(out, np.float32)), channels=out, kernel_shape=[k, k],
                    strides=[stride, stride], pads=[pad] * 4, group=groups)
        return self.act(y, act)

    def depthwise(self, x, k, stride, act):
        return self.conv(x, self.channels[x], k, stride, self.channels[x], act)

    def linear(self, x, out, act=None):
        c = self.channels[x]
        y = self.op("MatMul", x, self.normal(c, out, fan_in=c), channels=out)
        return self.op("Add", y, self.const(np.zeros(out, np.float32)))

    def head(self, x, classes=1000):
        c = self.channels[x]
        x = self.op("Flatten", self.op("GlobalAveragePool", x))
        x = self.op("Gemm", x, self.normal(classes, c, fan_in=c), self.const(np.zeros(classes, np.float32)),
                    channels=classes, transB=1)
        return self.op("Softmax", x)

    def model(self, *outputs):
        typed = [helper.make_empty_tensor_value_info(o) for o in outputs]
        graph = helper.make_graph(self.nodes, self.name, [self.input], typed, self.weights)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
        return onnx.shape_inference.infer_shapes(made, strict_mode=True)


def image(name, size=224):
    return Net(name, [1, 3, size, size])


def mobilenet_v1(name):
    n = image(name)
    x = n.conv("input", 32, 3, 2, act="relu6")
    for out, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5,
                        (1024, 2), (1024, 1)]:
        x = n.conv(n.depthwise(x, 3, stride, "relu6"), out, act="relu6")
    return n.model(n.head(x))


def inverted(n, x, wide, out, k, stride, act, squeeze=0):
    """Inverted residual block, with squeeze-and-excite of `squeeze` channels between if not 0."""
    y = n.conv(x, wide, act=act) if wide != n.channels[x] else x
    y = n.depthwise(y, k, stride, act)
    if squeeze:
        s = n.conv(n.op("GlobalAveragePool", y), squeeze, act="relu")
        y = n.op("Mul", y, n.op("HardSigmoid", n.conv(s, wide), alpha=1 / 6, beta=0.5))
    y = n.conv(y, out)
    return n.op("Add", x, y) if stride == 1 and n.channels[x] == out else y


def mobilenet_v2(name):
    n = image(name)
    x = n.conv("input", 32, 3, 2, act="relu6")
    for t, c, repeat, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                 (6, 160, 3, 2), (6, 320, 1, 1)]:
        for k in range(repeat):
            x = inverted(n, x, n.channels[x] * t, c, 3, stride if k == 0 else 1, "relu6")
    return n.model(n.head(n.conv(x, 1280, act="relu6")))


V3_LARGE = [(3, 16, 16, 0, "relu", 1), (3, 64, 24, 0, "relu", 2), (3, 72, 24, 0, "relu", 1),
            (5, 72, 40, 24, "relu", 2), (5, 120, 40, 32, "relu", 1), (5, 120, 40, 32, "relu", 1),
            (3, 240, 80, 0, "hswish", 2), (3, 200, 80, 0, "hswish", 1), (3, 184, 80, 0, "hswish", 1),
            (3, 184, 80, 0, "hswish", 1), (3, 480, 112, 120, "hswish", 1), (3, 672, 112, 168, "hswish", 1),
            (5, 672, 160, 168, "hswish", 2), (5, 960, 160, 240, "hswish", 1), (5, 960, 160, 240, "hswish", 1)]
V3_SMALL = [(3, 16, 16, 8, "relu", 2), (3, 72, 24, 0, "relu", 2), (3, 88, 24, 0, "relu", 1),
            (5, 96, 40, 24, "hswish", 2), (5, 240, 40, 64, "hswish", 1), (5, 240, 40, 64, "hswish", 1),
            (5, 120, 48, 32, "hswish", 1), (5, 144, 48, 40, "hswish", 1), (5, 288, 96, 72, "hswish", 2),
            (5, 576, 96, 144, "hswish", 1), (5, 576, 96, 144, "hswish", 1)]


def mobilenet_v3(name, rows, last, hidden):
    n = image(name)
    x = n.conv("input", 16, 3, 2, act="hswish")
    for k, wide, out, squeeze, act, stride in rows:
        x = inverted(n, x, wide, out, k, stride, act, squeeze)
    x = n.op("GlobalAveragePool", n.conv(x, last, act="hswish"))
    return n.model(n.op("Flatten", n.conv(n.conv(x, hidden, act="hswish"), 1000)))


def efficientnet_lite0(name):
    n = image(name)
    x = n.conv("input", 32, 3, 2, act="relu6")
    for k, t, c, repeat, stride in [(3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2),
                                    (5, 6, 112, 3, 1), (5, 6, 192, 4, 2), (3, 6, 320, 1, 1)]:
        for i in range(repeat):
            x = inverted(n, x, n.channels[x] * t, c, k, stride if i == 0 else 1, "relu6")
    return n.model(n.head(n.conv(x, 1280, act="relu6")))


def resnet(name, repeats, bottleneck):
    n = image(name)
    x = n.conv("input", 64, 7, 2, act="relu")
    x = n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for stage, repeat in enumerate(repeats):
        width = 64 << stage
        out = width * 4 if bottleneck else width
        for k in range(repeat):
            stride = 2 if stage and k == 0 else 1
            if bottleneck:
                y = n.conv(n.conv(n.conv(x, width, act="relu"), width, 3, stride, act="relu"), out)
            else:
                y = n.conv(n.conv(x, width, 3, stride, act="relu"), out, 3)
            if stride != 1 or n.channels[x] != out:
                x = n.conv(x, out, 1, stride)
            x = n.op("Relu", n.op("Add", y, x))
    return n.model(n.head(x))


def squeezenet(name):
    n = image(name)
    x = n.conv("input", 64, 3, 2, act="relu", pad=0)

    def pool(x):
        return n.op("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)

    def fire(x, squeeze, expand):
        s = n.conv(x, squeeze, act="relu")
        return n.op("Concat", n.conv(s, expand, act="relu"), n.conv(s, expand, 3, act="relu"),
                    channels=2 * expand, axis=1)

    x = fire(fire(pool(x), 16, 64), 16, 64)
    x = fire(fire(pool(x), 32, 128), 32, 128)
    x = pool(x)
    for squeeze, expand in [(48, 192), (48, 192), (64, 256), (64, 256)]:
        x = fire(x, squeeze, expand)
    x = n.op("GlobalAveragePool", n.conv(x, 1000, act="relu"))
    return n.model(n.op("Softmax", n.op("Flatten", x)))


def yolov8n(name):
    """Depth 0.33, width 0.25, 320 pixels; the heads' raw outputs, without box decoding."""
    n = image(name, 320)

    def conv(x, out, k=1, stride=1):
        return n.conv(x, out, k, stride, act="silu")

    def c2f(x, out, repeat, shortcut):
        half = out // 2
        a, b = n.op("Split", conv(x, out), n.const(np.array([half, half])), outputs=2, channels=half, axis=1)
        parts = [a, b]
        for _ in range(repeat):
            y = conv(conv(parts[-1], half, 3), half, 3)
            parts.append(n.op("Add", parts[-1], y) if shortcut else y)
        return conv(n.op("Concat", *parts, channels=half * len(parts), axis=1), out)

    def up(x):
        return n.op("Resize", x, "", n.const(np.array([1, 1, 2, 2], np.float32)), mode="nearest",
                    nearest_mode="floor", coordinate_transformation_mode="asymmetric")

    def cat(a, b):
        return n.op("Concat", a, b, channels=n.channels[a] + n.channels[b], axis=1)

    x = c2f(conv(conv("input", 16, 3, 2), 32, 3, 2), 32, 1, True)
    p3 = c2f(conv(x, 64, 3, 2), 64, 2, True)
    p4 = c2f(conv(p3, 128, 3, 2), 128, 2, True)
    x = c2f(conv(p4, 256, 3, 2), 256, 1, True)
    pools = [conv(x, 128)]
    for _ in range(3):
        pools.append(n.op("MaxPool", pools[-1], kernel_shape=[5, 5], strides=[1, 1], pads=[2] * 4))
    p5 = conv(n.op("Concat", *pools, channels=512, axis=1), 256)
    n4 = c2f(cat(up(p5), p4), 128, 1, False)
    n3 = c2f(cat(up(n4), p3), 64, 1, False)
    n4 = c2f(cat(conv(n3, 64, 3, 2), n4), 128, 1, False)
    n5 = c2f(cat(conv(n4, 128, 3, 2), p5), 256, 1, False)
    heads = []
    for level in (n3, n4, n5):
        box = n.conv(conv(conv(level, 64, 3), 64, 3), 64)
        classes = n.conv(conv(conv(level, 80, 3), 80, 3), 80)
        heads.append(n.op("Reshape", cat(box, classes), n.const(np.array([1, 144, -1])), channels=144))
    return n.model(n.op("Concat", *heads, axis=2))


def encoder(n, x, tokens, layers, heads, pre_norm, mlp):
    """Transformer encoder layers; pre_norm as in ViT, else post-norm as in BERT."""
    width = n.channels[x]
    each = width // heads

    def norm(x):
        return n.op("LayerNormalization", x, n.const(np.ones(width, np.float32)),
                    n.const(np.zeros(width, np.float32)), axis=-1, epsilon=1e-6)

    def split(x, order):
        x = n.op("Reshape", x, n.const(np.array([1, tokens, heads, each])))
        return n.op("Transpose", x, perm=order)

    def attention(x):
        q, k, v = (split(n.linear(x, width), order) for order in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]))
        s = n.op("Softmax", n.op("Div", n.op("MatMul", q, k), n.const(np.float32(math.sqrt(each)))), axis=-1)
        y = n.op("Transpose", n.op("MatMul", s, v), perm=[0, 2, 1, 3])
        y = n.op("Reshape", y, n.const(np.array([1, tokens, width])), channels=width)
        return n.linear(y, width)

    def feed_forward(x):
        y = n.linear(x, mlp)
        e = n.op("Erf", n.op("Div", y, n.const(np.float32(math.sqrt(2)))))
        y = n.op("Mul", n.op("Mul", y, n.op("Add", e, n.const(np.float32(1)))), n.const(np.float32(0.5)))
        return n.linear(y, width)

    for _ in range(layers):
        if pre_norm:
            x = n.op("Add", x, attention(norm(x)))
            x = n.op("Add", x, feed_forward(norm(x)))
        else:
            x = norm(n.op("Add", x, attention(x)))
            x = norm(n.op("Add", x, feed_forward(x)))
    return norm(x) if pre_norm else x


def minilm(name, tokens=128, width=384, vocabulary=30522):
    n = Net(name, [1, tokens], TensorProto.INT64)
    table = n.const((n.rng.standard_normal((vocabulary, width)) / 20).astype(np.float32))
    x = n.op("Gather", table, "input", channels=width)
    x = n.op("Add", x, n.const((n.rng.standard_normal((1, tokens, width)) / 20).astype(np.float32)))
    return n.model(encoder(n, x, tokens, 6, 12, False, 4 * width))


def vit_tiny(name, width=192, patch=16):
    n = image(name)
    x = n.conv("input", width, patch, patch, pad=0)
    x = n.op("Transpose", n.op("Reshape", x, n.const(np.array([1, width, 196]))), perm=[0, 2, 1])
    x = n.op("Concat", n.const(np.zeros((1, 1, width), np.float32)), x, channels=width, axis=1)
    x = n.op("Add", x, n.normal(1, 197, width, fan_in=400), channels=width)
    x = encoder(n, x, 197, 12, 3, True, 4 * width)
    x = n.op("Gather", x, n.const(np.array(0)), axis=1, channels=width)
    return n.model(n.linear(x, 1000))


ZOO = {
    "mobilenet_v1_1.0_224": mobilenet_v1,
    "mobilenet_v2_1.0_224": mobilenet_v2,
    "mobilenet_v3_large": lambda name: mobilenet_v3(name, V3_LARGE, 960, 1280),
    "mobilenet_v3_small": lambda name: mobilenet_v3(name, V3_SMALL, 576, 1024),
    "efficientnet_lite0": efficientnet_lite0,
    "resnet18": lambda name: resnet(name, [2, 2, 2, 2], False),
    "resnet50": lambda name: resnet(name, [3, 4, 6, 3], True),
    "squeezenet1.1": squeezenet,
    "yolov8n_320": yolov8n,
    "minilm_l6_128": minilm,
    "vit_tiny_224": vit_tiny,
}


def quantized(model, path):
    """ONNX Runtime's static quantiser: QDQ, int8 by int8, per channel, two seeded samples."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):
        def __init__(self):
            rng = np.random.default_rng(2)
            shape = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
            self.left = iter([{"input": rng.standard_normal(shape).astype(np.float32)} for _ in range(2)])

        def get_next(self):
            return next(self.left, None)

    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "float.onnx"
        onnx.save(model, source)
        quantize_static(str(source), str(path), Samples(), quant_format=QuantFormat.QDQ, per_channel=True,
                        activation_type=QuantType.QInt8, weight_type=QuantType.QInt8)


def build(name, path):
    base = name.removesuffix("-int8")
    model = ZOO[base](base)
    if base == name:
        onnx.save(model, path)
    else:
        quantized(model, path)


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        print("\n".join(ZOO))
    elif len(sys.argv) == 3:
        build(*sys.argv[1:])
    else:
        sys.exit(__doc__)
