#!/usr/bin/env python3
"""What outside judges say of each bad file: ONNX's checker (with shape inference) and ONNX Runtime,
which must agree; LiteRT's verifier and memory planner. Writes <format>_verdicts.txt, which badfiles.py reads; packages have no
outside judge.

    .venv/bin/python tests/badfiles/verdicts.py onnx|tflite
"""
import os
import resource
import signal
import sys

import badfiles


def onnx_judge():
    import onnx
    import onnx.checker
    import onnxruntime as ort
    ort.set_default_logger_severity(4)

    def checked(data):
        m = onnx.ModelProto.FromString(data)
        onnx.checker.check_model(m, full_check=True)
        # The checker lets an empty message through; a model has a graph.
        return m.HasField("graph")

    def loaded(data):
        o = ort.SessionOptions()
        o.intra_op_num_threads = 1
        o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        ort.InferenceSession(data, o, providers=["CPUExecutionProvider"])
        return True
    return f"onnx {onnx.__version__} or ONNX Runtime {ort.__version__}", [checked, loaded]


def tflite_judge():
    import importlib.metadata
    from ai_edge_litert.interpreter import Interpreter

    def valid(data):
        Interpreter(model_content=data, num_threads=1).allocate_tensors()
        return True
    return f"ai-edge-litert {importlib.metadata.version('ai-edge-litert')}", [valid]


def ask(judges, data):
    """valid; invalid; mixed: they differ; crashed: one of them did not come back"""
    said = set()
    for judge in judges:
        pid = os.fork()
        if pid == 0:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1), os.dup2(null, 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.alarm(10)
            try:
                os._exit(0 if judge(data) else 1)
            except BaseException:
                os._exit(1)
        _, status = os.waitpid(pid, 0)
        said.add({0: "valid", 1: "invalid"}.get(os.waitstatus_to_exitcode(status), "crashed"))
    return "crashed" if "crashed" in said else said.pop() if len(said) == 1 else "mixed"


def main():
    kind = sys.argv[1]
    name, judges = onnx_judge() if kind == "onnx" else tflite_judge()
    rows, count = [], {}
    for family, base, data in badfiles.chosen(kind, badfiles.INSTANCES):
        v = ask(judges, data)
        count[v] = count.get(v, 0) + 1
        if v != "invalid":
            rows.append(f"{family} {base or '-'} {v}")
    path = badfiles.here / f"{kind}_verdicts.txt"
    path.write_text(f"# Families and base files that {name} takes, or crashes on; all others it refuses. Made by verdicts.py.\n" +
                    "".join(r + "\n" for r in sorted(set(rows))))
    print(count)


main()
