#!/usr/bin/env python3
"""int8 by eao and by other quantisers: same model, data and metric in one run. Prints the table of docs/accuracy.md.

    peers.py EAO DATA [--trained DIR] [--only NAME,...] [--json FILE]

EAO: the program; DATA: the folder of test models and data (EAO_DATA); DIR: what train.py wrote. Needs onnxruntime, nncf,
ai-edge-litert, ai-edge-quantizer, Pillow. Images that calibrated a model never evaluate it: where there is one set of
images, it is cut in two halves that change roles. A quantiser with several modes counts with its best."""
import argparse
import contextlib
import gzip
import io
import json
import os
import subprocess
import tarfile
import tempfile

import numpy as np

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
CALIBRATION = 300


def idx(path):
    raw = gzip.open(path).read()
    if raw[3] == 1:
        return np.frombuffer(raw, np.uint8, offset=8).astype(np.int64)
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28, 1)


def gray(folder, scale, limit=10000):
    """train images calibrate, test images evaluate; [N, 28, 28, 1]"""
    def images(name):
        return idx(f"{folder}/{name}-images-idx3-ubyte.gz").astype(np.float32) * scale
    pick = np.random.default_rng(0).permutation(60000)[:CALIBRATION]
    x, y = images("t10k"), idx(f"{folder}/t10k-labels-idx1-ubyte.gz")
    return [(images("train")[pick], x[:limit], y[:limit])]


def halves(x, y):
    p = np.random.default_rng(0).permutation(len(x))
    a, b = p[: len(p) // 2], p[len(p) // 2 :]
    return [(x[a], x[b], y[b]), (x[b], x[a], y[a])]


def cifar(data):
    folder = f"{data}/datasets/cifar10"
    for root, _, files in os.walk(folder):
        for f in sorted(files):
            if "batch" in f and ".bin" in f:
                raw = (gzip.open if f.endswith("gz") else open)(os.path.join(root, f), "rb").read()
                rows = np.frombuffer(raw, np.uint8).reshape(-1, 3073)[:2000]
                x = rows[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype(np.float32)
                return halves(x, rows[:, 0].astype(np.int64))
    raise SystemExit("no CIFAR batch")


def imagenet(data):
    x, y = [], []
    with tarfile.open(f"{data}/datasets/imagenet1000/dev.tar") as tar:
        from PIL import Image
        for m in sorted(tar.getmembers(), key=lambda m: m.name):
            if m.isfile() and m.name.lower().endswith((".jpg", ".jpeg")):
                im = Image.open(io.BytesIO(tar.extractfile(m).read())).convert("RGB")
                left, top = (im.width - 224) // 2, (im.height - 224) // 2
                x.append(np.asarray(im.crop((left, top, left + 224, top + 224)), np.float32) / 127.5 - 1)
                y.append(int(os.path.basename(m.name).split("_")[0]) + 1)  # class 0 is the background
    return halves(np.stack(x), np.array(y))


def cases(data, trained):
    mnist, fashion = f"{data}/datasets/mnist", "/usr/share/datasets/fashion-mnist"
    models = f"{data}/models"
    here = os.path.dirname(os.path.abspath(__file__))
    yield "conv_fc_mnist", f"{models}/ai-edge-quantizer/conv_fc_mnist.tflite", lambda: gray(mnist, 1 / 255)
    yield "mnist-8", f"{models}/onnx/mnist-8.onnx", lambda: gray(mnist, 1)
    yield "cnn_mnist_pytorch", f"{models}/onnx/cnn_mnist_pytorch.onnx", lambda: gray(mnist, 1)
    yield "ResNet8", f"{models}/mlperf-tiny/ic_resnet8_float.tflite", lambda: cifar(data)
    yield "MobileNetV1 0.25", f"{models}/tflite-support/mobilenet_v1_0.25_224_1_default_1.tflite", lambda: imagenet(data)
    yield "fashion_mobilenet", f"{here}/../../examples/fashion/fashion_mobilenet.onnx", lambda: gray(fashion, 1 / 255)
    for name in ("mobilenet_v2", "mobilenet_v3", "mobilenet_v2_unequal", "mobilenet_v3_unequal"):
        if trained:
            yield name, f"{trained}/{name}.onnx", lambda: gray(fashion, 1 / 255)


# ---- runtimes: scores of each sample ----

def onnx_input(path):
    import onnx
    g = onnx.load(path).graph
    held = {i.name for i in g.initializer}
    i = next(i for i in g.input if i.name not in held)
    return i.name, [d.dim_value or 1 for d in i.type.tensor_type.shape.dim]


def shaped(x, shape):
    """One sample [h, w, c] in the model's layout."""
    if len(shape) == 4 and shape[1] == x.shape[2] and shape[3] != x.shape[2]:
        x = x.transpose(2, 0, 1)
    return np.ascontiguousarray(x).reshape(shape)


def run_onnx(path, xs):
    import onnxruntime as ort
    o = ort.SessionOptions()
    o.log_severity_level, o.intra_op_num_threads = 3, 1
    s = ort.InferenceSession(path, o, providers=["CPUExecutionProvider"])
    name, shape = onnx_input(path)
    return np.stack([s.run(None, {name: shaped(x, shape)})[0].ravel() for x in xs])


def run_tflite(path, xs):
    from ai_edge_litert.interpreter import Interpreter
    it = Interpreter(path, num_threads=1)
    it.allocate_tensors()
    i, o = it.get_input_details()[0], it.get_output_details()[0]
    out = []
    for x in xs:
        x = shaped(x, list(i["shape"]))
        if i["dtype"] != np.float32:
            scale, zero = i["quantization"]
            x = np.clip(np.round(x / scale) + zero, -128, 127).astype(i["dtype"])
        it.set_tensor(i["index"], x)
        it.invoke()
        out.append(it.get_tensor(o["index"]).astype(np.float32).ravel())
    return np.stack(out)


def run(path, xs):
    return (run_tflite if path.endswith(".tflite") else run_onnx)(path, xs)


# ---- quantisers: path of an int8 model ----

def eao(tool, model, cal, out, extra=()):
    np.save(out + ".npy", np.stack(cal))
    r = subprocess.run([tool, "quantize", model, "--data", out + ".npy", "--samples", str(len(cal)), "-o", out, "--json",
                        *extra], capture_output=True, text=True)
    if r.returncode:
        raise RuntimeError(r.stderr.strip()[-200:])
    return out


def ort_modes(model, cal, out):
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process
    name, shape = onnx_input(model)

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.it = iter(cal)

        def get_next(self):
            x = next(self.it, None)
            return None if x is None else {name: shaped(x, shape)}

    clean = out + ".pre.onnx"
    try:
        quant_pre_process(model, clean, skip_symbolic_shape=True)
    except Exception:
        clean = model
    modes = ((CalibrationMethod.MinMax, False), (CalibrationMethod.MinMax, True), (CalibrationMethod.Entropy, True),
             (CalibrationMethod.Percentile, True))
    for method, per_channel in modes:
        path = f"{out}.{method.name}.{per_channel}.onnx"
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                quantize_static(clean, path, Reader(), quant_format=QuantFormat.QDQ, per_channel=per_channel,
                                activation_type=QuantType.QInt8, weight_type=QuantType.QInt8, calibrate_method=method)
            yield f"{method.name}{' per channel' if per_channel else ''}", path
        except Exception as e:
            print("    ONNX Runtime", method.name, per_channel, str(e)[:100])


def nncf_modes(model, cal, out):
    import nncf
    import onnx
    name, shape = onnx_input(model)
    data = nncf.Dataset(cal, lambda x: {name: shaped(x, shape)})
    for preset in (nncf.QuantizationPreset.PERFORMANCE, nncf.QuantizationPreset.MIXED):
        path = f"{out}.nncf.{preset.value}.onnx"
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                q = nncf.quantize(onnx.load(model), data, preset=preset, subset_size=len(cal))
            onnx.save(q, path)
            yield preset.value, path
        except Exception as e:
            print("    NNCF", preset.value, str(e)[:100])


def aeq_modes(model, cal, out):
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe
    it = Interpreter(model)
    sign = it.get_signature_list()
    key = next(iter(sign), None)
    it.allocate_tensors()
    shape = list(it.get_input_details()[0]["shape"])
    name = sign[key]["inputs"][0] if key else it.get_input_details()[0]["name"]
    q = quantizer.Quantizer(model)
    q.load_quantization_recipe(recipe.static_wi8_ai8())
    stats = q.calibrate({key or "serving_default": [{name: shaped(x, shape)} for x in cal]})
    path = out + ".aeq.tflite"
    with contextlib.redirect_stdout(io.StringIO()):
        q.quantize(stats, enable_progress_report=False).export_model(path, overwrite=True)
    yield "static a8w8", path


# ---- the table ----

class Total:
    """Answers over the folds."""

    def __init__(self):
        self.right, self.same, self.signal, self.noise = [], [], 0.0, 0.0

    def add(self, scores, want, y):
        self.right += list(scores.argmax(1) == y)
        self.same += list(scores.argmax(1) == want.argmax(1))

    def top1(self):
        return 100 * float(np.mean(self.right))


def drop_interval(base, total):
    d = np.array(base.right, float) - np.array(total.right, float)
    rng = np.random.default_rng(0)
    m = [d[rng.integers(0, len(d), len(d))].mean() for _ in range(1000)]
    return 100 * d.mean(), *(100 * np.percentile(m, [2.5, 97.5]))


def measure(tool, model, folds, tmp):
    totals = {}

    def note(who, path, fold, want):
        _, xs, y = fold
        scores = want if path is None else run(path, xs)
        totals.setdefault(who, Total()).add(scores, want, y)

    # Peers get the model in their format, and in an opset that they know.
    onnx_model, tfl_model = f"{tmp}/float.onnx", f"{tmp}/float.tflite"
    for path in (onnx_model, tfl_model):
        subprocess.run([tool, "convert", model, path], check=True, capture_output=True)
    for k, fold in enumerate(folds):
        cal = list(fold[0][:CALIBRATION])
        want = run(model, fold[1])
        note(("float", ""), None, fold, want)
        native = lambda c: [shaped(x, onnx_input(model)[1]) if model.endswith(".onnx") else x[None] for x in c]
        flat = [x[0] for x in native(cal)]
        for form in ("tflite", "onnx"):
            note(("eao", "LiteRT" if form == "tflite" else "ONNX Runtime"),
                 eao(tool, model, flat, f"{tmp}/eao{k}.{form}"), fold, want)
        peers = (("ONNX Runtime", ort_modes, onnx_model), ("NNCF", nncf_modes, onnx_model),
                 ("AI Edge Quantizer", aeq_modes, tfl_model))
        for who, modes, source in peers:
            try:
                for mode, path in modes(source, cal, f"{tmp}/peer{k}"):
                    try:
                        note((who, mode), path, fold, want)
                    except Exception as e:
                        print("    runtime", who, mode, str(e)[:150])
            except Exception as e:
                print("   ", who, type(e).__name__, str(e)[:200])
    return totals


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("eao")
    parser.add_argument("data")
    parser.add_argument("--trained")
    parser.add_argument("--only", default="")
    parser.add_argument("--json")
    a = parser.parse_args()
    rows, only = [], set(filter(None, a.only.split(",")))
    print("| model | n | float | eao (LiteRT) | eao (ONNX Runtime) | drop, 95 % | same answer | ONNX Runtime | NNCF | "
          "AI Edge Quantizer |\n|---|---|---|---|---|---|---|---|---|---|")
    for name, model, data in cases(a.data, a.trained):
        if only and name not in only:
            continue
        with tempfile.TemporaryDirectory() as tmp:
            t = measure(a.eao, model, data(), tmp)
        full = len(t["float", ""].right)
        best = {}
        for (who, mode), total in t.items():
            if len(total.right) == full and (who not in best or total.top1() > best[who][0]):
                best[who] = (total.top1(), mode)
        drop, lo, hi = drop_interval(t["float", ""], t["eao", "LiteRT"])
        cell = lambda who: f"{best[who][0]:.2f} ({best[who][1]})" if who in best else "-"
        rows.append({"model": name, "n": full, "best": best, "all": {f"{w}/{m}": v.top1() for (w, m), v in t.items()}})
        print(f"| {name} | {full} | {t['float', ''].top1():.2f} | {t['eao', 'LiteRT'].top1():.2f} | "
              f"{t['eao', 'ONNX Runtime'].top1():.2f} | {drop:.2f} ({lo:.2f} .. {hi:.2f}) | "
              f"{100 * np.mean(t['eao', 'LiteRT'].same):.1f} | {cell('ONNX Runtime')} | {cell('NNCF')} | "
              f"{cell('AI Edge Quantizer')} |", flush=True)
    if a.json:
        json.dump(rows, open(a.json, "w"), indent=1)


main()
