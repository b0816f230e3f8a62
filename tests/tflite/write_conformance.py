#!/usr/bin/env python3
"""Writes the TFLite part of docs/conformance.md from runs of today.

    .venv/bin/python tests/tflite/write_conformance.py [--build build/release]

Runs tests/peer_tflite.py on $EAO_DATA/models and conformance (read and written) and
tflite_conformance; what stands between the markers and before "### Models" stays as it is.
"""
import argparse
import collections
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINE = re.compile(r"^\| (\S+) \| (.+) \| (\S+)( LSB)? \| (\S+) % \|$")


def peer(args, data, *more):
    """{file: [(operators, error, is_integer, share)]} and what was refused."""
    out = subprocess.run([sys.executable, ROOT / "tests/peer_tflite.py", "--runner", ROOT / args.build / "tflite_run",
                          "--data", data, "--md", *more], capture_output=True, text=True).stdout
    found, refused = collections.OrderedDict(), []
    for line in out.splitlines():
        m = LINE.match(line)
        if m:
            found.setdefault(m[1], []).append((m[2], float(m[3]), bool(m[4]), float(m[5])))
        elif ": refused:" in line:
            refused.append(line.split(": refused:")[0])
    return found, refused


def worst(rows, integer):
    return max((r[1] for r in rows if r[2] == integer), default=None)


def number(x, unit=""):
    return "" if x is None else ("0" if x == 0 else f"{x:.0e}".replace("e-0", "e-") if not unit else f"{x:.0f}") + unit


def models(args, data):
    read, _ = peer(args, data / "models")
    written, refused = peer(args, data / "models", "--export")
    yield "| model | floats | integers | written and read by LiteRT: floats | integers |"
    yield "|---|---|---|---|---|"
    for name, rows in read.items():
        w = written.get(name, [])
        out = "refused" if name in refused else number(worst(w, False))
        yield (f"| {name} | {number(worst(rows, False))} | {number(worst(rows, True), ' LSB')} | {out} | "
               f"{number(worst(w, True), ' LSB')} |")


def operators(args, data):
    by = collections.defaultdict(list)
    files = collections.Counter()
    for name, rows in peer(args, data / "conformance")[0].items():
        if "," in rows[0][0]:
            continue  # several operators
        files[rows[0][0]] += 1
        by[rows[0][0]] += rows
    yield "| operator | files | floats: largest difference / largest value | integers: LSB (elements) |"
    yield "|---|---|---|---|"
    for op in sorted(by):
        i = worst(by[op], True)
        share = max((r[3] for r in by[op] if r[2] and r[1] == i), default=0)
        text = number(i, "") + (f" ({share:.2g} %)" if i else "")
        yield f"| {op} | {files[op]} | {number(worst(by[op], False))} | {text} |"


def main():
    ap = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ap.add_argument("--build", default="build/release")
    args = ap.parse_args()
    data = pathlib.Path(os.environ.get("EAO_DATA", ROOT.parent / "shared" / "data"))
    page = ROOT / "docs/conformance.md"
    text = page.read_text()
    head, rest = text.split("### Models\n", 1)
    after = rest[rest.index("<!-- tflite end -->"):]
    recorded = subprocess.run([ROOT / args.build / "tflite_conformance", "--markdown"], capture_output=True, text=True).stdout
    parts = ["### Models", "", *models(args, data), "",
             "Refused by name: signal operators of `audio_preprocessor_*`, `fake-op-double` of `model_invoking_error`.", "",
             "### Differences by operator (files of one operator)", "", *operators(args, data), "",
             "### Recorded layer tests and files without data", "",
             '"runs": without recorded results, on zeros. "invalid": LiteRT\'s own broken files, and files whose shapes or',
             "loop bounds make no sense for zeros.", "", recorded.strip(), ""]
    page.write_text(head + "\n".join(parts) + after)


main()
