#!/usr/bin/env python3
"""Makes the k-th allocation, open, mapping, read, write, sync, rename and creation of a file fail,
for every k, in each command on small models.

    faults.py EAO [--preload FAULT.so] [--every N] [--only COMMAND] [--kinds K,K] [-v]

EAO is built with tests/faults/fault.c wrapped in (eao_faulty), or any eao with --preload. Checked
of every run: it ends by itself, with an exit code of the documented ones; a failure says what
failed; an output file is the complete one, the old one or absent; nothing else is left in its
folder; under the address sanitizer, nothing leaks. Then the same on a full disk, with a limit on
the size of files, and in a folder that cannot be written.
"""
import argparse
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent.parent
data = root / "tests" / "data"
KINDS = "alloc", "open", "map", "read", "write", "sync", "rename", "create"
# What a message must name, by kind of failure.
CAUSE = {
    "alloc": r"memory|no thread|limit|cannot|not made|space",
    "open": r"[Tt]oo many open files|cannot|memory",
    "map": r"memory|cannot",
    "read": r"[Ii]nput/output|cannot|error|truncated|cut off|memory",
    "write": r"[Nn]o space|cannot",
    "sync": r"[Ii]nput/output|cannot",
    "rename": r"[Pp]ermission|cannot",
    "create": r"[Rr]ead-only|cannot",
}


def commands(inputs):
    m, q, two = (str(data / d / "model.onnx") for d in ("classifier", "quantised", "two"))
    pkg, tfl, x, spec = (str(inputs / n) for n in ("m.eao", "m.tflite", "x.npy", "x.csv"))
    return {
        "inspect": (["inspect", m], None),
        "inspect-json": (["inspect", q, "--json"], None),
        "inspect-text": (["inspect", two, "--text", "--full"], None),
        "inspect-html": (["inspect", m, "--html", "OUT"], "g.html"),
        "inspect-tflite": (["inspect", tfl], None),
        "inspect-package": (["inspect", pkg], None),
        "run": (["run", m, "--input", x], None),
        "run-save": (["run", two, "--output-dir", "OUT"], "outputs"),
        "run-package": (["run", pkg, "--json"], None),
        "run-check": (["run", two, "--check", str(data / "two")], None),
        "compare": (["compare", m, m], None),
        "convert": (["convert", m, "OUT"], "o.onnx"),
        "convert-tflite": (["convert", m, "OUT"], "o.tflite"),
        "compile": (["compile", m, "--output", "OUT", "--golden"], "o.eao"),
        "compile-json": (["compile", q, "--json"], None),
        "quantize": (["quantize", m, "--output", "OUT", "--data", spec], "q.onnx"),
        "eval": (["eval", m, "--data", spec], None),
        "target": (["target", "show", "raspberry-pi-4"], None),
    }


class Tester:
    def __init__(self, a, tmp):
        self.a, self.tmp = a, tmp
        self.runs = self.failures = 0
        self.env = dict(os.environ, LC_ALL="C", TMPDIR=str(tmp), ASAN_OPTIONS="exitcode=99:detect_leaks=1:allocator_may_return_null=1",
                        UBSAN_OPTIONS="exitcode=99:print_stacktrace=1")

    def words(self, args, out):
        """The command line. The wrapped calls count in their own process: no child."""
        alone = ["--no-sandbox"] if args[0] in ("inspect", "convert") else []
        return [str(out) if x == "OUT" else x for x in args] + alone

    def run(self, args, out, fault=None, **kw):
        env = dict(self.env)
        if self.a.preload:
            env["LD_PRELOAD"] = self.a.preload
        if fault:
            env["EAO_FAULT"] = fault
        else:
            env["EAO_FAULT_COUNTS"] = str(self.tmp / "counts")
        args = self.words(args, out)
        return subprocess.run([self.a.eao, *args], capture_output=True, env=env, timeout=120, **kw)

    def fail(self, what, r, why):
        self.failures += 1
        print(f"FAIL {what}: {why}")
        if self.failures <= self.a.show:
            print("    " + (r.stderr + r.stdout).decode(errors="replace")[-1500:].replace("\n", "\n    "))

    def check(self, what, r, kind, out, want):
        """One run with a fault: r, the folder of its output, the outputs it may have left."""
        self.runs += 1
        if r.returncode < 0 or r.returncode > 6:
            return self.fail(what, r, f"ended with {r.returncode}")
        text = r.stderr.decode(errors="replace")
        if r.returncode and kind != "stdout" and not re.search(CAUSE[kind], text):
            return self.fail(what, r, "the message does not say what failed")
        if r.returncode and not text.strip():
            return self.fail(what, r, "no message")
        left = tree(out.parent)
        for name, content in left.items():
            if name not in want:
                return self.fail(what, r, f"{name} was left behind")
            if content != want[name] and content != b"old":
                return self.fail(what, r, f"{name} is not complete ({len(content)} of {len(want[name])} bytes)")
        if r.returncode == 0 and {n for n in want if want[n] != b"old"} - set(left):
            return self.fail(what, r, "success without an output")

    def command(self, name, args, file):
        folder = self.tmp / "out"
        out = folder / (file or "none")
        fresh(folder)
        r = self.run(args, out)
        if r.returncode:
            return self.fail(name, r, f"does not work without a fault: {r.returncode}")
        want, plain = tree(folder), r.stdout
        counts = dict(line.split() for line in (self.tmp / "counts").read_text().splitlines())
        todo = [k for k in KINDS if k in self.a.kinds]
        for kind in todo:
            n = int(counts[kind])
            step = self.a.every if kind == "alloc" and n > 40 else 1
            for k in range(1, n + 1, step):
                for how in ("", "+"):
                    fresh(folder)
                    if file and "." in file and k % 2:
                        out.write_bytes(b"old")
                    fault = f"{kind}:{k}{how}"
                    r = self.run(args, out, fault)
                    self.check(f"{name} {fault}", r, kind, out, want)
                    if r.returncode == 0 and kind in ("alloc", "read", "map") and "run" not in name \
                            and stable(r.stdout) != stable(plain):
                        self.fail(f"{name} {fault}", r, "success with another output")
        self.disks(name, args, file, folder, out, want)
        print(f"{name}: {', '.join(k + ' ' + counts[k] for k in todo)}; {self.failures} failures so far")

    def disks(self, name, args, file, folder, out, want):
        """Full disk, bound on the size of files, folder that cannot be written."""
        with open("/dev/full", "wb") as full:
            r = subprocess.run(
                [self.a.eao, *self.words(args, out)], stdout=full, stderr=subprocess.PIPE,
                env=self.env, timeout=120)
            r.stdout = b""
        self.runs += 1
        if r.returncode == 0 and not file:
            self.fail(name + " > /dev/full", r, "success")
        if not file:
            return
        fresh(folder)
        r = self.run(args, out, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64)))
        self.check(name + " with files of at most 64 bytes", r, "write", out, want)
        if r.returncode == 0:
            self.fail(name, r, "success with files of at most 64 bytes")
        fresh(folder)
        blocked = folder / "blocked"
        blocked.write_bytes(b"old")
        r = self.run(args, blocked / file)
        self.check(name + " into what is no folder", r, "create", blocked, {"blocked": b"old"})
        if r.returncode == 0:
            self.fail(name, r, "success into what is no folder")


def stable(text):
    """Without times, which differ from run to run."""
    return re.sub(rb"[0-9.e-]+ ?(ms|s)\b|\"(run_)?ms(_mean)?\": [0-9.e-]+", b"", text)


def tree(folder):
    return {str(p.relative_to(folder)): stable(p.read_bytes()) for p in sorted(folder.rglob("*")) if p.is_file()}


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def make_inputs(folder, eao):
    import struct
    folder.mkdir()
    m = data / "classifier" / "model.onnx"
    env = dict(os.environ)
    for args in (["compile", m, "--output", folder / "m.eao", "--golden"], ["convert", m, folder / "m.tflite"]):
        subprocess.run([eao, *map(str, args)], check=True, capture_output=True, env=env)
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 8, 8), }"
    head += b" " * (117 - len(head)) + b"\n"
    (folder / "x.npy").write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head + bytes(4 * 192))
    rows = "\n".join(",".join([str(i % 5)] + [str((i * 7 + j) % 11) for j in range(192)]) for i in range(6))
    (folder / "x.csv").write_text(rows + "\n")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("eao")
    p.add_argument("--preload")
    p.add_argument("--every", type=int, default=1)
    p.add_argument("--only")
    p.add_argument("--show", type=int, default=20)
    p.add_argument("--kinds", default=",".join(KINDS), type=lambda s: s.split(","))
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d:
        tmp = pathlib.Path(d)
        t = Tester(a, tmp)
        make_inputs(tmp / "in", a.eao)
        for name, (args, file) in commands(tmp / "in").items():
            if not a.only or a.only == name:
                t.command(name, args, file)
    print(f"{t.runs} runs with a fault, {t.failures} failures")
    sys.exit(t.failures > 0)


main()
