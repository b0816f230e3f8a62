"""One peer engine in a process of its own, driven by bench/run.

    worker.py ENGINE MODEL THREADS INPUT_FOLDER

Prints one JSON line when the first result is there (load-to-first-result time without the time to
import the engine's module, peak memory above what the process had before loading the model, files
with the outputs), then for each line "SECONDS" on standard input the latencies of runs for that long.
Inputs are bound before and outputs fetched after: only the engine's own run is timed."""
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


# An engine is a generator: it yields once when its module is imported, then
# (input names, output names, set(feed), run(), get() -> arrays).
def onnxruntime(model, threads):
    import onnxruntime as ort
    yield
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    outputs = [o.name for o in session.get_outputs()]
    binding = session.io_binding()

    def bind(feed):
        for name, data in feed.items():
            binding.bind_cpu_input(name, data)
        for name in outputs:
            binding.bind_output(name)

    yield (names, outputs, bind, lambda: session.run_with_iobinding(binding),
           binding.copy_outputs_to_cpu)


def litert(model, threads):
    from ai_edge_litert.interpreter import Interpreter
    yield
    interpreter = Interpreter(model_path=model, num_threads=threads)
    interpreter.allocate_tensors()
    inputs = {d["name"]: d["index"] for d in interpreter.get_input_details()}
    outputs = interpreter.get_output_details()

    def bind(feed):
        for name, data in feed.items():
            interpreter.set_tensor(inputs[name], data)

    yield (list(inputs), [d["name"] for d in outputs], bind, interpreter.invoke,
           lambda: [interpreter.get_tensor(d["index"]) for d in outputs])


def openvino(model, threads):
    import openvino as ov
    yield
    core = ov.Core()
    compiled = core.compile_model(model, "CPU", {
        "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    names = [i.get_any_name() for i in compiled.inputs]

    def bind(feed):
        for port, name in zip(compiled.inputs, names):
            request.set_tensor(port, ov.Tensor(feed[name]))

    yield (names, [o.get_any_name() if o.names else f"output{k}" for k, o in enumerate(compiled.outputs)],
           bind, request.infer, lambda: [request.get_tensor(o).data for o in compiled.outputs])


def ncnn(model, threads):
    """MODEL is the .param file that pnnx wrote; float32 storage and arithmetic, as the others."""
    import ncnn as library
    yield
    net = library.Net()
    net.opt.num_threads = threads
    for flag in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
        setattr(net.opt, flag, False)
    if net.load_param(model) or net.load_model(model.replace(".param", ".bin")):
        raise RuntimeError("cannot load the converted model")
    names, outputs, state = list(net.input_names()), list(net.output_names()), {}

    def bind(feed):
        # ncnn has no batch dimension.
        state["in"] = {n: library.Mat(np.ascontiguousarray(a[0] if a.ndim > 1 else a)) for n, a in feed.items()}

    def run():
        extractor = net.create_extractor()
        for name, mat in state["in"].items():
            extractor.input(name, mat)
        state["out"] = []
        for name in outputs:
            code, mat = extractor.extract(name)
            if code:
                raise RuntimeError(f"extract failed with {code}")
            state["out"].append(mat)

    yield names, outputs, bind, run, lambda: [np.array(m) for m in state["out"]]


def main():
    engine, model, threads, folder = sys.argv[1:]
    files = {f.stem: f for f in pathlib.Path(folder).glob("*.npy")}
    maker = globals()[engine](model, int(threads))
    next(maker)
    before = memory_kib("VmRSS")
    start = time.perf_counter()
    names, output_names, bind, run, get = next(maker)
    feed = {}
    for name in names:
        stem = name.replace("/", "_")
        # Engines may rename inputs; with one input there is no doubt which is meant.
        if stem not in files and len(files) != 1:
            raise RuntimeError(f"it renamed the inputs: {name} is unknown")
        feed[name] = np.load(files.get(stem) or next(iter(files.values())))
    bind(feed)
    run()
    outputs = get()
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
            run()
            ms.append((time.perf_counter() - t) * 1000)
        ms.sort()
        print(json.dumps({"p50": ms[len(ms) // 2], "p95": ms[int(len(ms) * 0.95)], "min": ms[0]}),
              flush=True)


try:
    main()
except Exception as error:  # the driver wants a reason, not a traceback
    text = str(error).strip().splitlines()
    print(json.dumps({"error": f"{sys.argv[1]}: {text[0] if text else type(error).__name__}"}), flush=True)
