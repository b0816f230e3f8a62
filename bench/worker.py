"""One peer engine in a process of its own, driven by bench/run.

    worker.py ENGINE MODEL THREADS INPUT_FOLDER

Prints one JSON line when the first result is there (load-to-first-result time without the time to
import the engine's module, peak memory above what the process had before loading the model, files
with the outputs), then for each line "SECONDS" on standard input the latencies of runs for that long."""
import json
import pathlib
import sys
import tempfile
import time

import numpy as np


def memory_kib(key):
    for line in open("/proc/self/status"):
        if line.startswith(key):
            return int(line.split()[1])
    return 0


def onnxruntime(model, threads):
    import onnxruntime as ort
    yield
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    outputs = [o.name for o in session.get_outputs()]
    yield names, outputs, lambda feed: session.run(None, feed)


def litert(model, threads):
    from ai_edge_litert.interpreter import Interpreter
    yield
    interpreter = Interpreter(model_path=model, num_threads=threads)
    interpreter.allocate_tensors()
    inputs = {d["name"]: d["index"] for d in interpreter.get_input_details()}
    outputs = interpreter.get_output_details()

    def run(feed):
        for name, data in feed.items():
            interpreter.set_tensor(inputs[name], data)
        interpreter.invoke()
        return [interpreter.get_tensor(d["index"]) for d in outputs]

    yield list(inputs), [d["name"] for d in outputs], run


def openvino(model, threads):
    import openvino as ov
    yield
    core = ov.Core()
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    names = [i.get_any_name() for i in compiled.inputs]

    def run(feed):
        result = request.infer([feed[n] for n in names])
        return [result[o] for o in compiled.outputs]

    yield names, [o.get_any_name() if o.names else f"output{k}"
                  for k, o in enumerate(compiled.outputs)], run


def main():
    engine, model, threads, folder = sys.argv[1:]
    files = {f.stem: f for f in pathlib.Path(folder).glob("*.npy")}
    maker = globals()[engine](model, int(threads))
    next(maker)
    before = memory_kib("VmRSS")
    start = time.perf_counter()
    names, output_names, run = next(maker)
    feed = {}
    for name in names:
        stem = name.replace("/", "_")
        # Engines may rename inputs; with one input there is no doubt which is meant.
        feed[name] = np.load(files[stem] if stem in files else list(files.values())[0])
    outputs = run(feed)
    first = (time.perf_counter() - start) * 1000
    out = pathlib.Path(tempfile.mkdtemp(dir=pathlib.Path(folder).parent))
    saved = {}
    for k, (name, data) in enumerate(zip(output_names, outputs)):
        saved[name] = str(out / f"{k}.npy")
        np.save(saved[name], np.asarray(data))
    print(json.dumps({"first_result_ms": first, "outputs": saved,
                      "rss_peak_kib": memory_kib("VmHWM") - before}), flush=True)
    for line in sys.stdin:
        end, ms = time.perf_counter() + float(line), []
        while len(ms) < 5 or time.perf_counter() < end:
            t = time.perf_counter()
            run(feed)
            ms.append((time.perf_counter() - t) * 1000)
        ms.sort()
        print(json.dumps({"p50": ms[len(ms) // 2], "p95": ms[int(len(ms) * 0.95)], "min": ms[0]}),
              flush=True)


try:
    main()
except Exception as error:  # the driver wants a reason, not a traceback
    text = str(error).strip().splitlines()
    print(json.dumps({"error": f"{sys.argv[1]}: {text[0] if text else type(error).__name__}"}), flush=True)
