#!/usr/bin/env python3
"""Makes the models of this folder and their test data (expected outputs by ONNX Runtime).

    .venv/bin/python tests/data/make.py

Seeds are fixed: the same versions of the packages give the same files.
"""
import pathlib
import shutil

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

here = pathlib.Path(__file__).parent
rng = np.random.default_rng(7)


def save(name, nodes, inputs, outputs, weights):
    graph = h.make_graph(nodes, name, inputs, outputs,
                         [nh.from_array(v, k) for k, v in weights.items()])
    model = h.make_model(graph, producer_name="make.py", opset_imports=[h.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    folder = here / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    onnx.save(model, folder / "model.onnx")
    return folder


def expect(folder, inputs, number=0):
    data = folder / f"test_data_set_{number}"
    data.mkdir()
    session = ort.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    outputs = session.run(None, dict(zip(names, inputs)))
    for kind, arrays in ("input", inputs), ("output", outputs):
        for k, a in enumerate(arrays):
            (data / f"{kind}_{k}.pb").write_bytes(nh.from_array(a, names[k] if kind == "input"
                                                                else f"out{k}").SerializeToString())


def f32(*shape):
    return (rng.standard_normal(shape) * 0.3).astype(np.float32)


# A classifier of 3 x 8 x 8 images with a dynamic batch.
weights = {"w0": f32(4, 3, 3, 3), "b0": f32(4), "w1": f32(5, 4), "b1": f32(5)}
nodes = [
    h.make_node("Conv", ["image", "w0", "b0"], ["conv0"], "conv0", kernel_shape=[3, 3],
                pads=[1, 1, 1, 1], strides=[2, 2]),
    h.make_node("Relu", ["conv0"], ["relu0"], "relu0"),
    h.make_node("GlobalAveragePool", ["relu0"], ["pool"], "pool"),
    h.make_node("Flatten", ["pool"], ["flat"], "flat"),
    h.make_node("Gemm", ["flat", "w1", "b1"], ["scores"], "fc", transB=1),
    h.make_node("Softmax", ["scores"], ["probabilities"], "softmax"),
]
folder = save("classifier", nodes,
              [h.make_tensor_value_info("image", T.FLOAT, ["batch", 3, 8, 8])],
              [h.make_tensor_value_info("probabilities", T.FLOAT, ["batch", 5])], weights)
expect(folder, [f32(1, 3, 8, 8)], 0)
expect(folder, [f32(2, 3, 8, 8)], 1)

# The same with weights of 4 bits' precision: names agree, numbers nearly.
rough = {k: (np.round(v * 8) / 8).astype(np.float32) for k, v in weights.items()}
save("classifier_rough", nodes,
     [h.make_tensor_value_info("image", T.FLOAT, ["batch", 3, 8, 8])],
     [h.make_tensor_value_info("probabilities", T.FLOAT, ["batch", 5])], rough)

# The same with channels last: another layout of the input.
save("classifier_nhwc", [h.make_node("Transpose", ["pixels"], ["image"], perm=[0, 3, 1, 2])] + nodes,
     [h.make_tensor_value_info("pixels", T.FLOAT, ["batch", 8, 8, 3])],
     [h.make_tensor_value_info("probabilities", T.FLOAT, ["batch", 5])], weights)

# Two inputs, two outputs; one output's name would leave the folder it is written to.
folder = save("two", [h.make_node("Add", ["a", "b"], ["../../sum"], "add"),
                      h.make_node("Mul", ["a", "b"], ["a/b"], "mul")],
              [h.make_tensor_value_info("a", T.FLOAT, [2, 3]),
               h.make_tensor_value_info("b", T.FLOAT, [3])],
              [h.make_tensor_value_info("../../sum", T.FLOAT, [2, 3]),
               h.make_tensor_value_info("a/b", T.FLOAT, [2, 3])], {})
expect(folder, [f32(2, 3), f32(3)])

# Quantised: 8 bits in and out, QDQ around a matrix product.
q = {"xs": np.float32(0.02), "xz": np.uint8(128), "ws": np.float32(0.01), "wz": np.int8(0),
     "w": rng.integers(-100, 100, (4, 3)).astype(np.int8), "ys": np.float32(0.05),
     "yz": np.uint8(120)}
folder = save("quantised", [
    h.make_node("DequantizeLinear", ["x", "xs", "xz"], ["xf"]),
    h.make_node("DequantizeLinear", ["w", "ws", "wz"], ["wf"]),
    h.make_node("MatMul", ["xf", "wf"], ["yf"], "matmul"),
    h.make_node("QuantizeLinear", ["yf", "ys", "yz"], ["y"]),
], [h.make_tensor_value_info("x", T.UINT8, [1, 4])], [h.make_tensor_value_info("y", T.UINT8, [1, 3])],
    {k: np.array(v) for k, v in q.items()})
expect(folder, [rng.integers(0, 255, (1, 4)).astype(np.uint8)])

# An op nobody has.
graph = h.make_graph([h.make_node("Frobnicate", ["x"], ["y"], "odd", domain="org.example")], "unknown",
                     [h.make_tensor_value_info("x", T.FLOAT, [1])],
                     [h.make_tensor_value_info("y", T.FLOAT, [1])])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17), h.make_opsetid("org.example", 1)])
model.ir_version = 8
(here / "unknown").mkdir(exist_ok=True)
onnx.save(model, here / "unknown" / "model.onnx")
