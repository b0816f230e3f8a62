"""Runs ONNX models in ONNX Runtime and in `eao run` on the same random inputs and compares.

usage: peer_onnx.py EAO MODEL_OR_FOLDER... [--emit]

--emit: the model that `eao convert` writes is checked by onnx.checker and runs in ONNX Runtime
instead; its outputs must equal those of the original model. TFLite models are converted too; theirs
must equal what `eao run` computes from the original, which peer_tflite.py compares with LiteRT. What
convert refuses by name (exit code 5) is listed and not counted. Exit status 0: all equal; 1: a
difference or failure; 77: ONNX Runtime or a model is missing.
"""

import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime as ort
except ImportError as e:
    print(f"peers missing: {e}")
    sys.exit(77)

RTOL, ATOL = 1e-3, 1e-4  # sums in another order; double in the reference kernels
QUANTA = 1  # quantised integers may differ by one step between implementations
KINDS = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}
# Shapes for models whose dimensions are free, and integers that a model takes as indices.
DIMS = {
    "gpt2_past.onnx": {"batch_size": 2, "seq_len": 3, 5: 4},
    "tiny-random-gpt2-fp32_past.onnx": {
        "batch_size": 2,
        "seq_len": 3,
        "past_seq_len": 2,
        "total_seq_len": 5,
    },
    "bert_toy_optimized.onnx": {"batch": 2, "max_seq_len_in_batch": 7},
    "ppocr_mobile_v2.0_cls.onnx": {"p2o.DynamicDimension.1": 48, "p2o.DynamicDimension.2": 192},
    "silero_vad.onnx": {"input": [1, 512], "state": [2, 1, 128]},
}
# Dynamic-range models round activations before each product, which ONNX cannot say: converted, they
# compute with the weights' real values, and differ by that rounding.
DYNAMIC_RANGE = {"mnist_quantized.tflite": 1e-2, "partly_quantized_mnist.tflite": 1e-2,
                 "kws_ref_model_float32.tflite": 1e-2}
VALUES = {"sr": 16000, "attention_mask": 1, "input_mask": 1}


def shape_of(name, model_input):
    known = DIMS.get(name, {})
    if model_input.name in known:
        return known[model_input.name]
    return [d if isinstance(d, int) else known.get(d, 1) for d in model_input.shape]


def make_inputs(name, session, rng):
    feeds = {}
    for i in session.get_inputs():
        shape, kind = shape_of(name, i), KINDS[i.type]
        if i.name in VALUES:
            a = np.full(shape, VALUES[i.name])
        elif np.issubdtype(kind, np.floating):
            a = rng.standard_normal(shape)
        elif kind == np.uint8:
            a = rng.integers(0, 256, shape)
        elif kind == np.int8:
            a = rng.integers(-128, 128, shape)
        else:
            a = rng.integers(0, 2, shape)
        feeds[i.name] = np.asarray(a).astype(kind)
    return feeds


def snap(path, feeds):
    """Onto the grid of the quantisers that read them: a tie may round either way."""
    model = onnx.load(path)
    const = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    for n in model.graph.node:
        if n.op_type == "QuantizeLinear" and n.input[0] in feeds and n.input[1] in const:
            x, scale = feeds[n.input[0]], const[n.input[1]]
            feeds[n.input[0]] = (np.rint(x / scale) * scale).astype(x.dtype)


def session_of(path):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def file_name(name):
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name) + ".npy"


def run_eao(eao, path, feeds, outputs, folder):
    command = [eao, "run", path, "--output-dir", folder]
    for k, (name, a) in enumerate(feeds.items()):
        npy = os.path.join(folder, f"in_{k}.npy")
        np.save(npy, a)
        command += ["--input", f"{name}={npy}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    return [np.load(os.path.join(folder, file_name(o))) for o in outputs]


class Refused(Exception):
    pass


def emit_model(eao, path, folder):
    out = os.path.join(folder, "out.onnx")
    done = subprocess.run([eao, "convert", path, out], capture_output=True, text=True, timeout=300)
    if done.returncode == 5:
        raise Refused(done.stderr.strip())
    if done.returncode:
        raise RuntimeError(done.stderr.strip() or done.stdout.strip())
    onnx.checker.check_model(out, full_check=True)
    return out


def run_emitted(eao, path, feeds, outputs, folder):
    session = session_of(emit_model(eao, path, folder))
    return session.run(outputs, {i.name: feeds[i.name] for i in session.get_inputs()})


def steps_of(path):
    """By output: the largest scale of the integers that it is computed from without another rounding.
    Two implementations may differ by one step there."""
    graph = onnx.load(path).graph
    const = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    makers = {o: n for n in graph.node for o in n.output}

    def step(name, seen):
        n = makers.get(name)
        if n is None or name in seen:
            return 0.0
        seen.add(name)
        if n.op_type == "DequantizeLinear" and n.input[0] not in const:
            return float(np.max(const[n.input[1]]))
        return max((step(i, seen) for i in n.input), default=0.0)

    return {o.name: step(o.name, set()) for o in graph.output}


def worst(got, want, step=0.0):
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"is {got.dtype}{list(got.shape)}, expected {want.dtype}{list(want.shape)}"
    if got.size == 0:
        return None
    g, w = got.astype(np.float64), want.astype(np.float64)
    if np.issubdtype(want.dtype, np.floating):
        atol = max(ATOL * max(1.0, float(np.nanmax(np.abs(w)))), 1.001 * step)
        bad = ~np.isclose(g, w, rtol=RTOL, atol=atol, equal_nan=True)
    else:
        bad = np.abs(g - w) > (QUANTA if want.dtype in (np.uint8, np.int8) else 0)
    if not bad.any():
        return None
    return f"{bad.sum()} of {bad.size} differ, by up to {np.nanmax(np.abs(g - w)):.4g}"


def compare(eao, path, emit):
    name = os.path.basename(path)
    session = session_of(path)
    feeds = make_inputs(name, session, np.random.default_rng(7))
    snap(path, feeds)
    outputs = [o.name for o in session.get_outputs()]
    want = session.run(outputs, feeds)
    with tempfile.TemporaryDirectory() as folder:
        got = (run_emitted if emit else run_eao)(eao, path, feeds, outputs, folder)
    for o, g, w in zip(outputs, got, want):
        why = worst(g, np.asarray(w))
        if why:
            return f"output '{o}' {why}"
    return None


def compare_tflite(eao, path):
    with tempfile.TemporaryDirectory() as folder:
        out = emit_model(eao, path, folder)
        session = session_of(out)
        feeds = make_inputs(os.path.basename(path), session, np.random.default_rng(7))
        snap(out, feeds)
        outputs, steps = [o.name for o in session.get_outputs()], steps_of(out)
        rounding = DYNAMIC_RANGE.get(os.path.basename(path), 0.0)
        got = session.run(outputs, feeds)
        want = run_eao(eao, path, feeds, outputs, folder)
    for o, g, w in zip(outputs, got, want):
        why = worst(np.asarray(g), w, max(steps.get(o, 0.0), rounding))
        if why:
            return f"output '{o}' {why}"
    return None


def models(paths, endings):
    for p in paths:
        if os.path.isdir(p):
            for folder, _, files in sorted(os.walk(p)):
                yield from (os.path.join(folder, f) for f in sorted(files) if f.endswith(endings))
        elif os.path.exists(p):
            yield p


def main():
    emit = "--emit" in sys.argv
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    ok = failed = 0
    for path in models(args[1:], (".onnx", ".tflite") if emit else (".onnx",)):
        try:
            why = compare_tflite(args[0], path) if path.endswith(".tflite") else compare(args[0], path, emit)
        except Refused as e:
            print(f"no   {os.path.basename(path)} {e}", flush=True)
            continue
        except Exception as e:  # a peer's failure is a failure of the comparison, not of the script
            why = f"{type(e).__name__}: {e}"
        ok, failed = ok + (not why), failed + bool(why)
        print(f"{'ok  ' if not why else 'FAIL'} {os.path.basename(path)} {why or ''}".rstrip(), flush=True)
    print(f"peer_onnx: {ok} equal, {failed} differ")
    return 77 if ok + failed == 0 else int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
