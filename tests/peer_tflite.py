#!/usr/bin/env python3
"""Compares EAO's reference kernels with LiteRT on every .tflite under a folder.

    .venv/bin/python tests/peer_tflite.py [--runner build/release/tflite_run] [--data DIR] [--runs N]
                                          [--kernels default|plain|reference] [--only TEXT] [--md]

Both get the same random inputs. Floats: the largest difference divided by the largest magnitude of
LiteRT's output. Integers: the largest difference in steps (LSB) and how many elements differ.
--export compares what tflite_run --export wrote with the original, both in LiteRT.
Exit status: 0 when every model agrees or is refused with a message, 1 otherwise, 77 without LiteRT.
"""
import argparse
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import zlib

try:
    import numpy as np
    from ai_edge_litert import interpreter as litert
    from ai_edge_litert import schema_py_generated as schema
except ImportError as e:
    print(f"skipped: {e} (scripts/peers.sh makes .venv)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parent.parent
FLOAT_RTOL = 1e-5
NAMES = {v: k for k, v in vars(schema.BuiltinOperator).items() if isinstance(v, int)}
RESOLVER = {"default": litert.OpResolverType.AUTO,
            "plain": litert.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            "reference": litert.OpResolverType.BUILTIN_REF}
NP = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "i8": np.int8, "i16": np.int16,
      "i32": np.int32, "i64": np.int64, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32,
      "u64": np.uint64, "bool": np.bool_}


def ops_of(path):
    m = schema.Model.GetRootAs(path.read_bytes(), 0)
    found = set()
    for s in range(m.SubgraphsLength()):
        g = m.Subgraphs(s)
        for i in range(g.OperatorsLength()):
            c = m.OperatorCodes(g.Operators(i).OpcodeIndex())
            code = max(c.BuiltinCode(), c.DeprecatedBuiltinCode())
            found.add(c.CustomCode().decode() if code == 32 else NAMES.get(code, str(code)))
    return sorted(found)


def random_input(rng, detail):
    shape, dtype = detail["shape"], detail["dtype"]
    quantised = len(detail["quantization_parameters"]["scales"]) > 0
    if dtype == np.bool_:
        return rng.integers(0, 2, shape).astype(np.bool_)
    if np.issubdtype(dtype, np.floating):
        return rng.uniform(-1, 1, shape).astype(dtype)
    if quantised or dtype in (np.int8, np.uint8):
        info = np.iinfo(dtype)
        return rng.integers(info.min, info.max, shape, endpoint=True).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)  # indices, counts


def run_litert(path, inputs, runs, kernels):
    it = litert.Interpreter(model_path=str(path), num_threads=1,
                            experimental_op_resolver_type=RESOLVER[kernels])
    details = it.get_input_details()
    for d, x in zip(details, inputs or []):
        if list(d["shape"]) != list(x.shape):
            it.resize_tensor_input(d["index"], x.shape)
    it.allocate_tensors()
    if inputs is None:
        rng = np.random.default_rng(zlib.crc32(path.name.encode()))
        inputs = [random_input(rng, d) for d in details]
    for _ in range(runs):
        for d, x in zip(details, inputs):
            it.set_tensor(d["index"], x)
        it.invoke()
    return inputs, [it.get_tensor(d["index"]) for d in it.get_output_details()]


def in_child(fn, *args):
    """fn's result from a process of its own: some files make LiteRT crash."""
    def work(pipe):
        try:
            pipe.send((None, fn(*args)))
        except Exception as e:
            pipe.send((str(e), None))
    here, there = multiprocessing.Pipe()
    p = multiprocessing.get_context("fork").Process(target=work, args=(there,))
    p.start()
    there.close()
    try:
        error, result = here.recv()
    except EOFError:
        error, result = "it crashed", None
    p.join()
    if error is not None:
        raise RuntimeError(error)
    return result


def run_eao(runner, path, inputs, runs, tmp):
    for k, x in enumerate(inputs):
        (tmp / f"in_{k}.dims").write_text(" ".join(map(str, x.shape)))
        (tmp / f"in_{k}.bin").write_bytes(np.ascontiguousarray(x).tobytes())
    p = subprocess.run([runner, path, tmp, str(runs)], capture_output=True, text=True, timeout=600)
    if p.returncode != 0:
        return None, p.stderr.strip() or f"ended with status {p.returncode}"
    out, k = [], 0
    while (tmp / f"out_{k}.dims").exists():
        dtype, *dims = (tmp / f"out_{k}.dims").read_text().split()
        if dtype not in NP:
            return None, f"unsupported: a result of type {dtype} cannot be compared here"
        data = np.frombuffer((tmp / f"out_{k}.bin").read_bytes(), NP[dtype])
        out.append(data.reshape([int(d) for d in dims]))
        k += 1
    return out, ""


def run_export(args, path, inputs, tmp):
    """Outputs of LiteRT for the exported file; the graph must also read back as the same text."""
    text = []
    p = subprocess.run([args.runner, path, "--export", tmp / path.name], capture_output=True, text=True)
    if p.returncode != 0:
        return None, p.stderr.strip() or f"ended with status {p.returncode}"
    for f in (path, tmp / path.name):
        text.append(subprocess.run([args.runner, f, "--text"], capture_output=True, text=True).stdout)
    if text[0] != text[1]:
        print(f"{path.name}: reads back as another graph")
    try:
        return in_child(run_litert, tmp / path.name, inputs, args.runs, args.kernels)[1], ""
    except Exception as e:
        return None, f"LiteRT: {str(e).splitlines()[0][:200]}"


def compare(want, got):
    """(kind, error, share of elements that differ, agrees)"""
    if want.dtype == np.complex64:
        want = np.stack([want.real, want.imag], -1)
    if want.shape != got.shape or want.dtype != got.dtype:
        return "shape", f"{got.dtype}{list(got.shape)} not {want.dtype}{list(want.shape)}", 1, False
    if want.size == 0:
        return "empty", 0, 0, True
    if np.issubdtype(want.dtype, np.floating):
        w, g = want.astype(np.float64), got.astype(np.float64)
        if not np.array_equal(np.isfinite(w), np.isfinite(g)):
            return "float", float("nan"), 1, False
        ok = np.isfinite(w)
        top = np.abs(w[ok]).max() if ok.any() else 0
        err = np.abs(w[ok] - g[ok]).max() / top if top else np.abs(g[ok]).max() if ok.any() else 0
        rtol = FLOAT_RTOL if want.dtype != np.float16 else 2e-3
        return "float", float(err), float(np.mean(w != g)), err <= rtol
    d = np.abs(want.astype(np.int64) - got.astype(np.int64))
    return "int", int(d.max()), float(np.mean(d != 0)), d.max() <= 1


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data = os.environ.get("EAO_DATA", ROOT.parent / "shared" / "data")
    ap.add_argument("--runner", default=ROOT / "build/release/tflite_run")
    ap.add_argument("--data", default=pathlib.Path(data) / "models", type=pathlib.Path)
    ap.add_argument("--runs", default=2, type=int, help="runs before comparing: shows state")
    ap.add_argument("--kernels", default="default", choices=RESOLVER)
    ap.add_argument("--only", default="")
    ap.add_argument("--export", action="store_true", help="compare exported files with originals")
    ap.add_argument("--md", action="store_true", help="print a table for docs/conformance.md")
    args = ap.parse_args()
    bad = 0
    counts = {"agree": 0, "refused": 0, "peer": 0}
    for path in sorted(args.data.rglob("*.tflite")):
        if args.only not in str(path):
            continue
        name = str(path.relative_to(args.data))
        try:
            inputs, want = in_child(run_litert, path, None, args.runs, args.kernels)
        except Exception as e:  # the peer cannot run it: nothing to compare with
            counts["peer"] += 1
            print(f"{name}: LiteRT: {str(e).splitlines()[0][:100]}")
            continue
        with tempfile.TemporaryDirectory() as t:
            if args.export:
                got, message = run_export(args, path, inputs, pathlib.Path(t))
            else:
                got, message = run_eao(args.runner, path, inputs, args.runs, pathlib.Path(t))
        if got is None:
            refused = message.startswith("unsupported")
            counts["refused"] += refused
            bad += not refused
            print(f"{name}: {'refused' if refused else 'FAILED'}: {message}")
            continue
        for k, (w, g) in enumerate(zip(want, got)):
            kind, err, share, ok = compare(w, g)
            bad += not ok
            text = f"{err:.2g}" if kind == "float" else f"{err} LSB" if kind == "int" else err
            mark = "" if ok else "  DIFFERS"
            if args.md:
                print(f"| {name} | {', '.join(ops_of(path))} | {text} | {100 * share:.3g} % |")
            else:
                print(f"{name} output {k}: {text}, {100 * share:.3g} % differ{mark}")
        counts["agree"] += all(compare(w, g)[3] for w, g in zip(want, got))
    print(f"{counts['agree']} agree, {counts['refused']} refused by name, {counts['peer']} that LiteRT "
          f"cannot run, {bad} failures")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
