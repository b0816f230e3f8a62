#!/usr/bin/env python3
"""Makes the corpora of the fuzz targets: small files of our own, one or more for each construct.

    .venv/bin/python tests/fuzz/make_corpus.py EAO-BINARY

Files named regression-* are inputs that once failed; they stay as they are.
"""
import gzip
import io
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile
import wave
import zlib

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from PIL import Image

here = pathlib.Path(__file__).parent
root = here.parent.parent
eao = sys.argv[1]
rng = np.random.default_rng(5)


def put(target, name, data):
    folder = here / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def f32(*shape):
    return (rng.standard_normal(shape) * 0.3).astype(np.float32)


def vi(name, shape, dtype=T.FLOAT):
    return h.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs, outputs, weights=(), **kw):
    g = h.make_graph(nodes, "g", inputs, outputs, [nh.from_array(v, k) for k, v in dict(weights).items()])
    kw.setdefault("opset_imports", [h.make_opsetid("", 17)])
    m = h.make_model(g, **kw)
    m.ir_version = 8
    return m.SerializeToString()


def body(nodes, inputs, outputs, weights=()):
    return h.make_graph(nodes, "b", inputs, outputs, [nh.from_array(v, k) for k, v in dict(weights).items()])


def onnx_models():
    one = body([h.make_node("Relu", ["x"], ["t"])], [], [vi("t", [2])])
    two = body([h.make_node("Neg", ["x"], ["e"])], [], [vi("e", [2])])
    yield "if", model([h.make_node("If", ["c"], ["y"], then_branch=one, else_branch=two)],
                      [vi("c", [], T.BOOL), vi("x", [2])], [vi("y", [2])])
    step = body([h.make_node("Add", ["a", "w"], ["b"]), h.make_node("Identity", ["ci"], ["co"]),
                 h.make_node("Identity", ["b"], ["s"])],
                [vi("i", [], T.INT64), vi("ci", [], T.BOOL), vi("a", [2])],
                [vi("co", [], T.BOOL), vi("b", [2]), vi("s", [2])], {"w": f32(2)})
    yield "loop", model([h.make_node("Loop", ["n", "", "x"], ["y", "z"], body=step)],
                        [vi("x", [2])], [vi("y", [2]), vi("z", [3, 2])], {"n": np.array(3, np.int64)})
    scan = body([h.make_node("Add", ["s", "x"], ["t"]), h.make_node("Relu", ["t"], ["y"])],
                [vi("s", [2]), vi("x", [2])], [vi("t", [2]), vi("y", [2])])
    yield "scan", model([h.make_node("Scan", ["s0", "xs"], ["s1", "ys"], body=scan, num_scan_inputs=1)],
                        [vi("s0", [2]), vi("xs", [3, 2])], [vi("s1", [2]), vi("ys", [3, 2])])
    f = h.make_function("my", "F", ["a"], ["b"],
                        [h.make_node("Relu", ["a"], ["r"]), h.make_node("Neg", ["r"], ["b"])],
                        [h.make_opsetid("", 17)])
    yield "function", model([h.make_node("F", ["x"], ["y"], domain="my")], [vi("x", [2, 3])], [vi("y", [2, 3])],
                            functions=[f], opset_imports=[h.make_opsetid("", 17), h.make_opsetid("my", 1)])
    yield "lstm", model([h.make_node("LSTM", ["x", "w", "r", "b"], ["y", "h", "c"], hidden_size=2)],
                        [vi("x", [2, 1, 3])], [vi("y", None), vi("h", None), vi("c", None)],
                        {"w": f32(1, 8, 3), "r": f32(1, 8, 2), "b": f32(1, 16)})
    yield "qdq", model([h.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
                        h.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
                        h.make_node("DequantizeLinear", ["wq", "ws", "wz"], ["w"], axis=0),
                        h.make_node("Conv", ["d", "w"], ["c"], group=2, auto_pad="SAME_UPPER"),
                        h.make_node("QuantizeLinear", ["c", "s", "z"], ["cq"]),
                        h.make_node("DequantizeLinear", ["cq", "s", "z"], ["y"])],
                       [vi("x", [1, 2, 5, 5])], [vi("y", [1, 2, 5, 5])],
                       {"s": np.float32(0.02), "z": np.int8(3), "wq": rng.integers(-127, 127, (2, 1, 3, 3)).astype(np.int8),
                        "ws": np.array([0.01, 0.02], np.float32), "wz": np.zeros(2, np.int8)})
    yield "shapes", model([h.make_node("Shape", ["x"], ["s"]), h.make_node("Gather", ["s", "k"], ["d"]),
                           h.make_node("Unsqueeze", ["d", "a0"], ["u"]),
                           h.make_node("Concat", ["u", "m1"], ["t"], axis=0), h.make_node("Reshape", ["x", "t"], ["r"]),
                           h.make_node("Slice", ["r", "b", "e", "a1", "st"], ["l"]),
                           h.make_node("Transpose", ["l"], ["p"], perm=[1, 0]),
                           h.make_node("Resize", ["x4", "", "sc"], ["z"], mode="linear"),
                           h.make_node("TopK", ["x", "two"], ["v", "i"]), h.make_node("NonZero", ["x"], ["nz"])],
                          [vi("x", ["n", 3]), vi("x4", [1, 1, 2, 2])],
                          [vi("p", None), vi("z", None), vi("v", None), vi("i", None, T.INT64), vi("nz", None, T.INT64)],
                          {"k": np.array(0, np.int64), "a0": np.array([0]), "m1": np.array([-1]), "b": np.array([0]),
                           "e": np.array([2]), "a1": np.array([1]), "st": np.array([1]),
                           "sc": np.array([1, 1, 2, 2], np.float32), "two": np.array([2])})
    yield "matmul", model([h.make_node("MatMul", ["x", "w"], ["m"]), h.make_node("Einsum", ["m", "w2"], ["e"], equation="ij,jk->ik"),
                           h.make_node("LayerNormalization", ["e", "g"], ["l"]), h.make_node("ReduceMean", ["l"], ["y"], axes=[1])],
                          [vi("x", [2, 4])], [vi("y", [2, 1])], {"w": f32(4, 3), "w2": f32(3, 5), "g": f32(5)})
    yield "pools", model([h.make_node("MaxPool", ["x"], ["a"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
                          h.make_node("ConvTranspose", ["a", "w"], ["b"], strides=[2, 2]),
                          h.make_node("Pad", ["b", "p"], ["c"], mode="reflect"),
                          h.make_node("AveragePool", ["c"], ["y"], kernel_shape=[2, 2], ceil_mode=1)],
                         [vi("x", [1, 2, 7, 7])], [vi("y", None)],
                         {"w": f32(2, 3, 2, 2), "p": np.array([0, 0, 1, 1, 0, 0, 1, 1])})
    ext = nh.from_array(f32(4), "w")
    ext.ClearField("raw_data")
    ext.data_location = T.EXTERNAL
    for k, v in ("location", "weights.bin"), ("offset", "0"), ("length", "16"):
        ext.external_data.add(key=k, value=v)
    g = h.make_graph([h.make_node("Add", ["x", "w"], ["y"])], "g", [vi("x", [4])], [vi("y", [4])], [ext])
    yield "external", h.make_model(g, opset_imports=[h.make_opsetid("", 17)]).SerializeToString()
    kinds = [("float_data", T.FLOAT, [1.5, 2]), ("int32_data", T.INT8, [1, -2]), ("int64_data", T.INT64, [3, 4]),
             ("double_data", T.DOUBLE, [1, 2]), ("half", T.FLOAT16, [1, 2]), ("u64", T.UINT64, [1, 2])]
    ws = [h.make_tensor(k, t, [2], v) for k, t, v in kinds]
    ns = [h.make_node("Cast", [k], [k + "c"], to=T.FLOAT) for k, _, _ in kinds]
    ns.append(h.make_node("Sum", [k + "c" for k, _, _ in kinds] + ["x"], ["y"]))
    g = h.make_graph(ns, "g", [vi("x", [2])], [vi("y", [2])], ws)
    yield "storage", h.make_model(g, opset_imports=[h.make_opsetid("", 17)]).SerializeToString()


def run(*args):
    r = subprocess.run([eao, *map(str, args)], capture_output=True)
    return r.stdout if r.returncode == 0 else None


def models(tmp):
    names = "classifier", "classifier_nhwc", "quantised", "two", "unknown"
    found = [(n, (root / "tests/data" / n / "model.onnx").read_bytes()) for n in names] + list(onnx_models())
    for name, data in found:
        put("onnx_fuzz", name + ".onnx", data)
        path, other = tmp / "m.onnx", tmp / "m.tflite"
        path.write_bytes(data)
        put("pipeline_fuzz", name + ".onnx", data)
        text = run("inspect", path, "--text", "--full")
        if text:
            put("text_fuzz", name + ".txt", text)
        if run("convert", path, other) is not None:
            put("tflite_fuzz", name + ".tflite", other.read_bytes())
            put("pipeline_fuzz", name + ".tflite", other.read_bytes())
        if run("compile", path, "--output", tmp / "m.eao", "--target", "generic") is not None:
            put("eao_fuzz", name + ".eao", (tmp / "m.eao").read_bytes())
    path.write_bytes(found[0][1])
    for name, opts in ("fast", ["--target", "x86_64"]), ("golden", ["--golden", "--stream", "never", "--threads", "2", "--ref"]):
        run("compile", path, "--output", tmp / "m.eao", *opts)
        put("eao_fuzz", name + ".eao", (tmp / "m.eao").read_bytes())


def npy(a):
    b = io.BytesIO()
    np.save(b, a)
    return b.getvalue()


def arrays():
    for t in "<f4", ">f4", "<f8", "<i2", "|u1", "|b1", "<i8":
        put("data_fuzz", "a%s.npy" % t[1:].replace("|", ""), npy(rng.integers(0, 9, (3, 4)).astype(t)))
    for name, save in ("stored", np.savez), ("deflated", np.savez_compressed):
        b = io.BytesIO()
        save(b, x=f32(3, 4), y=np.arange(3))
        put("data_fuzz", name + ".npz", b.getvalue())
    idx = struct.pack(">HBB3I", 0, 8, 3, 2, 4, 4) + bytes(range(32))
    put("data_fuzz", "images-idx", idx)
    put("data_fuzz", "floats-idx", struct.pack(">HBB2I", 0, 13, 2, 2, 3) + struct.pack(">6f", *range(6)))
    put("data_fuzz", "images-idx.gz", gzip.compress(idx, mtime=0))
    put("data_fuzz", "numbers.csv", b"a,b,label\n1,2.5,cat\n-3e2,4,dog\n0,1,cat\n")
    put("data_fuzz", "quoted.csv", b'1;2;"0"\n3;4;1\n')
    b = io.BytesIO()
    with wave.open(b, "wb") as w:
        w.setnchannels(2), w.setsampwidth(2), w.setframerate(8000)
        w.writeframes(struct.pack("<20h", *range(20)))
    put("data_fuzz", "two.wav", b.getvalue())
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w", format=tarfile.USTAR_FORMAT) as t:
        for name in "0_a.png", "1_b.png":
            data = picture("PNG", 4, 4, "L")
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    put("data_fuzz", "images.tar", b.getvalue()[:4096])
    put("data_fuzz", "tensor.pb", nh.from_array(f32(2, 3), "x").SerializeToString())
    put("data_fuzz", "records.bin", bytes(range(256)) * 12 + b"\x01")


def picture(kind, w, h_, mode, **kw):
    pixels = rng.integers(0, 255, (h_, w, {"L": 1, "RGB": 3, "RGBA": 4}.get(mode, 1))).astype(np.uint8).squeeze()
    im = Image.fromarray(pixels if mode != "P" else pixels.astype(np.uint8), None if mode == "P" else mode)
    if mode == "P":
        im = im.convert("P")
    b = io.BytesIO()
    im.save(b, kind, **kw)
    return b.getvalue()


def images():
    for mode in "L", "RGB", "RGBA", "P":
        put("image_fuzz", mode + ".png", picture("PNG", 7, 5, mode))
    bit = struct.pack(">IIBBBBB", 3, 2, 16, 2, 0, 0, 1)
    raw = bytes(60)
    chunk = lambda k, d: struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
    put("image_fuzz", "interlaced16.png", b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", bit) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))
    put("image_fuzz", "grey.jpg", picture("JPEG", 9, 9, "L"))
    put("image_fuzz", "rgb.jpg", picture("JPEG", 17, 9, "RGB"))
    put("image_fuzz", "progressive.jpg", picture("JPEG", 17, 17, "RGB", progressive=True))
    for mode in "L", "RGB":
        put("image_fuzz", mode + ".bmp", picture("BMP", 5, 3, mode))


def yaml():
    for name in "generic-x86", "raspberry-pi-4":
        for p in sorted((root / "targets").glob(name + "*.yaml")):
            put("yaml_fuzz", p.name, p.read_bytes())
    p = sorted((root / "targets").glob("*.yaml"))[0]
    put("yaml_fuzz", "target.yaml", p.read_bytes())
    put("yaml_fuzz", "budget.yaml", b"latency_p95_ms: 15\nsize_kib: 2048\naccuracy_min: 70.5\n")
    put("yaml_fuzz", "dataset.yaml", b"""format: raw
data: samples.bin
labels: labels.txt
classes: [cat, dog]
label_offset: 1
dtype: i8
shape: [49, 10, 1]
scale: 0.5847
zero_point: 83
metric: top1
splits: {test: {first: 0, count: 3000}, calibration: {data: train.gz, indices: samples.npy}}
preprocess: {resize: pillow-bilinear, fit: crop, crop_fraction: 0.875, pixels: imagenet, mean: [1, 2, 3],
  std: 4, color: bgr, layout: nchw, stored: true}
""")
    put("yaml_fuzz", "anchors.yaml", b"a: &x [1, 2]\nb: *x\nc: {<<: *x}\n")


def main():
    for old in (here / "corpus").glob("*/*"):
        if not old.name.startswith("regression-"):
            old.unlink()
    tmp = root / "build" / "corpus.tmp"
    tmp.mkdir(parents=True, exist_ok=True)
    models(tmp)
    arrays()
    images()
    yaml()
    shutil.rmtree(tmp)


main()
