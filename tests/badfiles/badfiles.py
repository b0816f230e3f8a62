#!/usr/bin/env python3
"""Families of bad files: thousands of files made from good ones, each to be refused or, where the
change is legal, accepted; never more than 256 MiB and 2 seconds.

    badfiles.py onnx|tflite|eao EAO [--replay PROGRAM] [--every N] [--instances K] [--list] [--keep DIR]

PROGRAM (a *_fuzz_replay, best with sanitizers) gets all files in one process; `eao inspect` gets
every N-th of them in a process of its own: exit code 4 (invalid) or 5 (valid, but not supported),
with a message that says where, or 0. What an outside judge says of each file is in
<format>_verdicts.txt (see verdicts.py); where EAO differs there is a reason below.
"""
import argparse
import array
import hashlib
import os
import pathlib
import re
import resource
import struct
import subprocess
import sys
import tempfile
import time

import eao_bad
import onnx_bad
import tflite_bad

here = pathlib.Path(__file__).resolve().parent
root = here.parent.parent
MIB, SECONDS, INSTANCES = 256, 2, 3
# A message names a place: a number of a byte, or the thing that is wrong by kind or name.
PLACE = re.compile(r"byte \d|node|tensor|value|input|output|operator|buffer|subgraph|graph|opset|attribute|section|step|header|hash|"
                   r"initiali|function|model|package|version|file|string|quant|scale|metadata|element|shape|stage|program|dimension|'")


def wide_hash(data):
    """eao_wide_hash of src/base/wide_hash.c."""
    padded = data + bytes(-len(data) % 1024 if data else 1024)
    words = array.array("Q", padded)
    h = hashlib.blake2b(digest_size=32)
    for lane in range(8):
        h.update(hashlib.blake2b(words[lane::8].tobytes()).digest())
    h.update(struct.pack("<Q", len(data)))
    return h.digest()


def rehash(data):
    return data[:8] + wide_hash(data[40:]) + data[40:] if len(data) > 40 else data


def families(kind):
    folder = root / "tests" / "fuzz" / "corpus" / f"{kind}_fuzz"
    bases = {p.stem: p.read_bytes() for p in sorted(folder.glob("*." + kind))}
    if kind == "eao":
        for name, data in bases.items():
            assert rehash(data) == data, name
        return eao_bad.families(bases, rehash)
    return (onnx_bad if kind == "onnx" else tflite_bad).families(bases)


def chosen(kind, instances):
    """At most so many files of a family, spread over the base files; truncation and bytes: all."""
    count = {}
    for family, base, data in families(kind):
        k = count[family] = count.get(family, 0) + 1
        if ":" not in family or k <= instances:
            yield family, base, data


def verdicts(kind):
    """(family, base) of the files that the outside judge does not refuse: valid or crashed; None: there is no judge."""
    path = here / f"{kind}_verdicts.txt"
    if not path.exists():
        return None
    rows = [line.split() for line in path.read_text().splitlines() if line.strip() and line[0] != "#"]
    return {(r[0], r[1]): r[2] for r in rows}


# Where EAO and the judges differ, and why that is right: (kind, pattern, reason). Accepted, by family:
LENIENT = [
    ("onnx", r"^byte_inverted", "a byte of a name or a number may well be another one"),
    ("onnx", r"^Attribute\.type:", "the field that is there tells the type, as before IR version 2"),
    ("onnx", r"^Attribute\.g:doubled", "of a doubled field the last counts, as protobuf says"),
    ("onnx", r"^Model\.ir_version:", "fields are read as they are, whatever the version"),
    ("onnx", r"^Attribute\.s:long", "a text ends at its NUL"),
    ("onnx", r"^(Type\.tensor_type|TensorType\.elem_type):", "types of outputs are inferred, not believed"),
    ("onnx", r"^Function\.(output:doubled|opset_import:)", "a function without opsets has the model's"),
    ("onnx", r"^Attribute\.i:", "sizes that the weights tell need not be said"),
    ("tflite", r"^byte_inverted", "a byte of a name or a number may well be another one"),
    ("tflite", r"^OperatorCode\.version:", "options are read by their fields, whatever the version"),
    ("tflite", r"^(SubGraph|Metadata|Tensor)\.name:", "names are read as far as they reach; a broken one is no name"),
    ("tflite", r"length_(plus_one|thirty_two) ", "entries that nothing refers to are not looked at"),
    ("tflite", r"(in_vtable_(odd|max)|misaligned|offset_one) ", "numbers are read byte by byte: alignment does not matter"),
    ("tflite", r"^Tensor\.shape:element_|^Any\.field\d:max", "extents are inferred; what the operator does not read may be anything"),
    ("tflite", r"^Quantization\.zero_point:(dropped|length_zero)", "without zero points they are 0"),
    ("tflite", r"^Quantization\.scale:element_", "a tiny scale is a scale"),
    ("tflite", r"^Metadata\.name", "metadata that is not understood is passed over"),
]
# Refused, by message:
STRICT = [
    ("onnx", r"contains a NUL|wrong wire type", "texts end at a NUL in C; fields have one wire type"),
    ("onnx", r"weights|channels|kernel\[|transB|extent|too many elements|perm|equation|bounds|broadcast|rank",
     "the judges look at shapes and attributes only as far as they need them"),
    ("onnx", r"has no output|does not exist|produces|two nodes|cycle|\+ 'mul'|'mul'|defined twice|more than once",
     "a model without an output or with a dangling name computes nothing"),
    ("tflite", r"impossible size|outside its table|ends outside the file", "every table is checked, also where the verifier passes over it"),
    ("tflite", r"options of another operator|window|kernel\[|strides|perm|multiplier|channels|must be|cannot be|too many",
     "LiteRT reads options as another operator's, or finds out when it runs"),
    ("tflite", r"nothing produces it|needs \d|is used before|both produce|no tensor|output|twice", "a tensor without a source holds what was in memory"),
    ("tflite", r"scale|zero point", "a scale is a positive number; a zero point lies within its type"),
]


def limits():
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command):
    """exit code, stderr, seconds of the processor, MiB at the most"""
    with tempfile.TemporaryFile() as err:
        start = time.monotonic()
        p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=err, preexec_fn=limits)
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        err.seek(0)
        return p.returncode, err.read().decode(errors="replace"), min(wall, usage.ru_utime + usage.ru_stime), usage.ru_maxrss / 1024


def judge(kind, family, base, code, text, seconds, mib, known):
    """What is wrong with the outcome; None: nothing."""
    if code not in (0, 4, 5) and not (code == 6 and "external data" in text):
        return f"exit code {code}"
    if seconds > SECONDS or mib > MIB:
        return f"{seconds:.1f} s, {mib:.0f} MiB"
    if code and not PLACE.search(text.split(": ", 2)[-1]):
        return "the message names no place"
    if known is None:
        return None
    verdict = known.get((family, base or "-"), "invalid")
    key = f"{family} {base} {text}"
    if verdict == "invalid" and code == 0 and not any(k == kind and re.search(p, key) for k, p, _ in LENIENT):
        return "accepted; the judge refuses it"
    if verdict == "valid" and code == 4 and not any(k == kind and re.search(p, key) for k, p, _ in STRICT):
        return "refused; the judge takes it"
    return None


def main():
    p = argparse.ArgumentParser()
    p.add_argument("kind", choices=["onnx", "tflite", "eao"])
    p.add_argument("eao")
    p.add_argument("--replay")
    p.add_argument("--every", type=int, default=1)
    p.add_argument("--instances", type=int, default=INSTANCES)
    p.add_argument("--list", action="store_true", help="print family, base and exit code of each")
    p.add_argument("--keep")
    a = p.parse_args()
    known = verdicts(a.kind)
    failures = n_run = n_file = 0
    codes, seen, most, longest = {}, set(), 0, 0
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as tmp:
        folder = pathlib.Path(a.keep or tmp)
        folder.mkdir(exist_ok=True)
        for k, (family, base, data) in enumerate(chosen(a.kind, a.instances)):
            n_file += 1
            seen.add(family)
            path = folder / f"{k}.{a.kind}"
            path.write_bytes(data)
            if k % a.every == 0:
                n_run += 1
                code, text, seconds, mib = run([a.eao, "inspect", str(path)])
                codes[code] = codes.get(code, 0) + 1
                most, longest = max(most, mib), max(longest, seconds)
                why = judge(a.kind, family, base, code, text, seconds, mib, known)
                if a.list:
                    print(family, base, code, text.strip().replace(str(path), "FILE").replace("\n", " | ")[:200])
                elif why:
                    failures += 1
                    if failures <= 30:
                        print(f"FAIL {family} of {base} (number {k}): {why}: {text.strip()[:300]}")
            if not a.replay and not a.keep:
                path.unlink()
        if a.replay:
            r = subprocess.run([a.replay, str(folder)], capture_output=True, preexec_fn=limits)
            if r.returncode:
                failures += 1
                print(f"FAIL {a.replay}: {r.returncode}\n" + (r.stdout + r.stderr).decode(errors="replace")[-3000:])
    print(f"{a.kind}: {len(seen)} families, {n_file} files, {n_run} inspected: exit codes "
          f"{dict(sorted(codes.items()))}, at most {most:.0f} MiB and {longest:.2f} s; {failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
