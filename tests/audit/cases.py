#!/usr/bin/env python3
"""How many seeded faults `eao audit` finds, and how often it raises a false alarm.

    .venv/bin/python tests/audit/cases.py build/release/eao [--seed N] [--repeats N] [--only KIND] [--show]

Takes real models and data ($EAO_DATA and Debian's Fashion-MNIST), draws samples, seeds one fault a
case (or none), runs the program as a user would, and counts findings of level warning or error (and
notes where the fault is only worth a note). A fault that does not lower the model's top-1 by two
points or more is no fault of preprocessing for that model: such cases are counted apart. Exit code 1
when fewer than 95 % are found or more than 5 % of the cases without a fault raise an alarm."""
import argparse
import collections
import concurrent.futures
import gzip
import io
import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

try:
    import numpy as np
    from PIL import Image
except ImportError:
    print("skipped: needs numpy and Pillow (scripts/peers.sh makes .venv)")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("EAO_DATA", "/nonexistent"))
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
PIXELS = {
    "raw": ([0, 0, 0], [1, 1, 1]), "unit": ([0, 0, 0], [255] * 3), "signed": ([127.5] * 3, [127.5] * 3),
    "imagenet": ([123.675, 116.28, 103.53], [58.395, 57.12, 57.375]), "double": ([0] * 3, [65025.0] * 3),
    "mnist": ([33.3184] * 3, [78.5675] * 3), "inverted": ([255] * 3, [-255] * 3)}


def idx(path, header):
    with gzip.open(path) as f:
        return np.frombuffer(f.read(), np.uint8, offset=header)


class Base:
    """A model with data that suit it."""

    def __init__(self, name, model, x, y, pixels=None, extra="", preprocess="", offset=0, classes=10, image=True):
        self.name, self.model, self.x, self.y = name, str(model), x, y
        self.pixels, self.extra, self.preprocess, self.offset = pixels, extra, preprocess, offset
        self.classes, self.image = classes, image
        self.channels = x.shape[-1] if image and x.ndim == 4 else 1


def load_bases():
    m, d = DATA / "models", DATA / "datasets"
    mnist = (idx(d / "mnist/t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28),
             idx(d / "mnist/t10k-labels-idx1-ubyte.gz", 8))
    raw = np.frombuffer(gzip.open(d / "cifar10/cifar10_train_lossless_dev.bin.gz").read(), np.uint8).reshape(-1, 3073)
    cifar = np.ascontiguousarray(raw[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), raw[:, 0]
    kws = (np.fromfile(d / "mlperf-tiny/kws01_X_1000x49x10.i8", np.int8).reshape(-1, 49, 10, 1),
           np.fromfile(d / "mlperf-tiny/kws01_y_1000.u8", np.uint8))
    kws_f = ((kws[0].astype(np.float32) - 83) * np.float32(0.5847029)).astype(np.float32)
    key = np.loadtxt(d / "gesture/keypoint.csv", delimiter=",", dtype=np.float32)
    images, labels = [], []
    with tarfile.open(d / "imagenet1000/dev.tar") as tar:
        for member in tar.getmembers():
            image = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
            images.append(np.asarray(image.resize((160, 160), Image.BOX)))
            labels.append(int(os.path.basename(member.name)[:4]))
    imagenet = np.stack(images), np.array(labels)
    scale = "scale: 0.5847029\nzero_point: 83\n"
    tiny, quant = m / "mlperf-tiny", m / "google-coral/mobilenet_v1_0.25_128_quant.tflite"
    bases = [
        Base("mnist-conv", m / "ai-edge-quantizer/conv_fc_mnist.tflite", *mnist, "unit"),
        Base("mnist-torch", m / "onnx/cnn_mnist_pytorch.onnx", *mnist, "mnist"),
        Base("mnist-lenet300", m / "tflite/lenet300_mnist_ptq.tflite", *mnist, "unit"),
        Base("mnist-lstm", m / "tflite-micro/mnist_lstm_float.tflite", *mnist, "unit"),
        Base("cifar-float", tiny / "ic_resnet8_float.tflite", *cifar, "raw"),
        Base("cifar-int8", tiny / "ic_resnet8_int8.tflite", *cifar, "raw"),
        Base("kws-int8", tiny / "kws_ref_model_int8.tflite", *kws, extra=scale, classes=12, image=False),
        Base("kws-float", tiny / "kws_ref_model_float32.tflite", kws_f, kws[1], classes=12, image=False),
        Base("keypoints", m / "tflite/hand_keypoint_classifier.tflite", key[:, 1:], key[:, 0].astype(int), classes=3,
             image=False),
        Base("imagenet", quant, *imagenet, "signed", preprocess="fit: crop, crop_fraction: 0.875, ", offset=1,
             classes=1001)]
    if FASHION.exists():
        bases.append(Base("fashion", ROOT / "examples/fashion/fashion_mobilenet.onnx",
                          idx(FASHION / "t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28),
                          idx(FASHION / "t10k-labels-idx1-ubyte.gz", 8), "unit"))
    return bases


class Case:
    """Samples drawn from a base, and how the description calls them."""

    def __init__(self, base, rng, least=150, most=600):
        self.base, self.rng = base, rng
        n = int(rng.integers(least, min(most, len(base.x) * 2 // 3) + 1))
        order = rng.permutation(len(base.x))
        self.x, self.y = base.x[order[:n]].copy(), base.y[order[:n]].astype(np.int64)
        self.rest = order[n:]
        self.held = None
        self.labels = True
        self.pixels, self.preprocess, self.offset, self.extra = base.pixels, base.preprocess, base.offset, base.extra
        self.model = base.model
        self.folder = None  # files instead of arrays

    def with_held_out(self):
        take = self.rest[:min(len(self.rest), 500)]
        self.held = [self.base.x[take].copy(), self.base.y[take].astype(np.int64)]
        return self

    def write(self, folder):
        p = pathlib.Path(folder)
        text = self.extra
        if self.folder is None:
            np.save(p / "x.npy", self.x)
            text += "data: x.npy\n"
            if self.labels:
                np.save(p / "y.npy", self.y)
                text += "labels: y.npy\n"
        text += f"label_offset: {self.offset}\n" if self.offset else ""
        prep = self.preprocess
        if self.pixels:
            mean, std = PIXELS[self.pixels]
            prep += f"mean: {mean}, std: {std}"
        text += f"preprocess: {{{prep.rstrip(', ')}}}\n" if prep else ""
        (p / "d.yaml").write_text(text)
        if self.held:
            np.save(p / "hx.npy", self.held[0])
            np.save(p / "hy.npy", self.held[1])
            (p / "h.yaml").write_text(self.extra + "data: hx.npy\nlabels: hy.npy\n")


# ---- faults: each changes a case, or answers False where it does not apply ----

def colour_order(c):
    if c.base.channels != 3:
        return False
    c.x = np.ascontiguousarray(c.x[..., ::-1])


def normalisation(c):
    if c.base.pixels is None:
        way = c.rng.integers(0, 3)
        x = c.x.astype(np.float32)
        if c.base.extra:  # quantised features: as if they had another scale
            c.extra = c.extra.replace("0.5847029", ["2.3", "0.1", "0.0022929"][way])
        else:
            c.x = [x * 255, x / 255, 2 * x - 1][way].astype(np.float32)
        return
    ways = ["raw", "unit", "signed", "double"] + (["imagenet"] if c.base.channels == 3 else ["inverted"])
    c.pixels = str(c.rng.choice([w for w in ways if w != c.base.pixels]))


def layout(c):
    if c.base.image and c.x.shape[1] == c.x.shape[2] and c.rng.random() < 0.5:
        c.x = np.ascontiguousarray(c.x.swapaxes(1, 2))
    elif c.base.name == "cifar-float":  # channels first, as floats
        c.x = np.ascontiguousarray(c.x.transpose(0, 3, 1, 2)).astype(np.float32)
        c.pixels = None
    else:
        return False


def resize(c):
    if c.base.name != "imagenet":
        return False
    way = c.rng.integers(0, 3)
    if way == 2:
        c.preprocess = "fit: crop, crop_fraction: 0.45, "
        return
    c.x = c.x[:200]
    c.y = c.y[:200]
    side = np.flip(c.x, 2)
    c.x = np.ascontiguousarray(np.concatenate([side[:, :, 100:], c.x, side[:, :, :60]], 2))  # 160 x 280
    c.preprocess = ["fit: stretch, ", "fit: pad, "][way]


def label_offset(c):
    by = int(c.rng.choice([-1, 1]))
    if c.base.offset:
        c.offset = c.base.offset + by
        return
    c.y = c.y + (by if by > 0 else 0)
    if by < 0:  # a class fewer at the start
        keep = c.y > 0
        c.x, c.y = c.x[keep], c.y[keep] - 1


def label_order(c):
    if c.base.classes > 20:
        return False
    order = c.rng.permutation(c.base.classes)
    while (order == np.arange(c.base.classes)).mean() > 0.2:
        order = c.rng.permutation(c.base.classes)
    c.y = order[c.y]


def wrong_labels(c):
    if c.base.classes > 20:
        return False
    n = len(c.y) if c.rng.random() < 0.5 else len(c.y) * 4 // 10
    c.y[:n] = c.rng.integers(0, c.base.classes, n)


def duplicates(c):
    n = len(c.x) // 10
    c.x[:n] = c.x[n:2 * n]
    c.y[:n] = c.y[n:2 * n]
    if c.base.image and c.rng.random() < 0.5:  # recompressed, so to say
        noise = c.rng.integers(-2, 3, c.x[:n].shape)
        c.x[:n] = np.clip(c.x[:n].astype(int) + noise, 0, 255).astype(np.uint8)


def blank(c):
    n = max(4, len(c.x) // 25)
    c.x[:n] = c.rng.choice([0, 255] if c.base.image else [0, 1])


def outliers(c):
    if c.x.dtype != np.float32:
        return False
    c.x[int(c.rng.integers(0, len(c.x)))] *= c.rng.choice([30, 100, 1000])


def saturated(c):
    if c.base.channels != 3:
        return False
    n = len(c.x) // 12
    c.x[:n] = np.clip(c.x[:n].astype(np.float32) * 3 + 120, 0, 255).astype(np.uint8)


def not_finite(c):
    if c.x.dtype != np.float32:
        return False
    c.x[int(c.rng.integers(0, len(c.x)))].flat[5] = c.rng.choice([np.nan, np.inf])


def too_few(c):
    n = int(c.rng.integers(4, 33))
    c.x, c.y = c.x[:n], c.y[:n]


def single_class(c):
    if c.base.classes > 20:
        return False
    k = int(c.rng.integers(0, c.base.classes))
    keep = np.flatnonzero(c.base.y == k)[:300]
    c.x, c.y = c.base.x[keep].copy(), c.base.y[keep].astype(np.int64)


def imbalance(c):
    if c.base.classes > 20 or c.base.classes < 5:
        return False
    k = int(c.rng.integers(0, c.base.classes))
    few = np.flatnonzero(c.y != k)[:40]
    many = np.flatnonzero(c.base.y == k)[:160]
    if len(many) < 60:
        return False
    c.x = np.concatenate([c.base.x[many], c.x[few]])
    c.y = np.concatenate([c.base.y[many].astype(np.int64), c.y[few]])


def grey(c):
    if c.base.channels != 3:
        return False
    c.x = np.repeat(c.x.mean(-1, keepdims=True).astype(np.uint8), 3, -1)


def drift(c):
    c.with_held_out()
    x = c.held[0]
    if c.x.dtype == np.uint8:
        c.held[0] = (x * 0.5).astype(np.uint8) if c.rng.random() < 0.5 else np.clip(x.astype(int) + 60, 0, 255).astype(np.uint8)
    else:
        c.held[0] = np.clip(x.astype(np.float32) * c.rng.choice([0.6, 1.6]), -128, 127).astype(x.dtype) if x.dtype == np.int8 else (
            x * np.float32(c.rng.choice([0.6, 1.6])))


def leak(c):
    c.with_held_out()
    n = len(c.held[0]) // 5
    c.held[0][:n] = c.x[:n]
    c.held[1][:n] = c.y[:n]


FSDD = DATA / "datasets/fsdd_test"


def corrupt(c):
    """A folder of JPEGs, some of them cut off, empty or overwritten."""
    if not c.base.name.startswith("cifar"):
        return False
    c.folder = "jpeg"
    c.extra = "data: .\nlabels: folder\n"

    def fill(p):
        names = c.rng.permutation(len(c.x))[:120]
        for i in names:
            d = p / f"c{c.y[i]}"
            d.mkdir(exist_ok=True)
            Image.fromarray(c.x[i]).save(d / f"{i}.jpg", quality=95)
        for f in list(p.glob("*/*.jpg"))[:int(c.rng.integers(1, 6))]:
            b = f.read_bytes()
            f.write_bytes([b[:len(b) // 2], b"", b"<html>not found</html>", b[:200]][int(c.rng.integers(0, 4))])
    c.fill = fill


def sample_rate(c):
    if c.base.name != "keypoints" or not FSDD.exists():
        return False
    c.folder, c.offset = "wav", 0
    c.model = str(DATA / "models/tflite-support/yamnet_audio_classifier_with_metadata.tflite")
    mixed = c.rng.random() < 0.5
    c.extra = "format: audio\nlabels: none\n" + ("" if mixed else "sample_rate: 16000\n")

    def fill(p):
        files = sorted(FSDD.glob("*.wav"))
        for k in c.rng.permutation(len(files))[:100]:
            b = bytearray(files[k].read_bytes())
            if mixed and c.rng.random() < 0.1:
                b[24:28] = (16000).to_bytes(4, "little")
                b[28:32] = (32000).to_bytes(4, "little")
            (p / files[k].name).write_bytes(b)
        if mixed:
            b = bytearray(files[0].read_bytes())
            b[24:28] = (44100).to_bytes(4, "little")
            (p / "0_x.wav").write_bytes(b)
    c.fill = fill


def patched(c, change):
    """The model with the bytes of its largest float weights changed."""
    import onnx
    from onnx import numpy_helper
    if not c.base.model.endswith(".onnx"):
        return False
    m = onnx.load(c.base.model)
    weights = [t for t in m.graph.initializer if t.data_type == 1 and len(t.dims) > 1]
    if not weights:
        return False
    change(m, weights, numpy_helper)
    c.model_bytes = m.SerializeToString()


def model_not_finite(c):
    def change(m, weights, helper):
        t = weights[int(c.rng.integers(0, len(weights)))]
        w = helper.to_array(t).copy()
        w.flat[int(c.rng.integers(0, w.size))] = np.nan
        t.CopyFrom(helper.from_array(w, t.name))
    return patched(c, change)


def model_dead(c):
    def change(m, weights, helper):
        convs = [t for t in weights if len(t.dims) == 4 and t.dims[0] >= 8]
        t = convs[int(c.rng.integers(0, len(convs)))]
        w = helper.to_array(t).copy()
        w[c.rng.permutation(len(w))[:len(w) * 4 // 10]] = 0
        t.CopyFrom(helper.from_array(w, t.name))
    return patched(c, change)


def model_constant(c):
    def change(m, weights, helper):
        t = [t for t in weights if len(t.dims) == 2][-1]
        t.CopyFrom(helper.from_array(np.zeros_like(helper.to_array(t)), t.name))
    return patched(c, change)


FAULTS = [colour_order, normalisation, layout, resize, label_offset, label_order, wrong_labels, duplicates, blank,
          outliers, saturated, not_finite, too_few, single_class, imbalance, grey, drift, leak, corrupt, sample_rate,
          model_not_finite, model_dead, model_constant]
# Ways of preparation: judged only where they cost the model accuracy, and also tried without labels.
PREPARED = {"colour-order", "normalisation", "layout", "resize"}
# What a fault brings with it: findings that are right as well.
ALSO = {
    "wrong-labels": {"label-order"}, "label-order": {"wrong-labels"}, "single-class": {"wrong-labels"},
    "label-offset": {"label-range"}, "blank": {"duplicates"}, "saturated": {"outliers", "duplicates", "blank"},
    "grey": {"normalisation"}, "outliers": {"too-few"}, "sample-rate": {"too-few"}, "normalisation": {"outliers"},
    "layout": {"colour-order"}, "drift": {"outliers", "blank"}, "model-constant": {"model-dead", "wrong-labels"},
    "model-not-finite": {"model-constant"}, "model-dead": {"normalisation"}}


def run_eao(eao, verb, case, *options):
    with tempfile.TemporaryDirectory() as folder:
        if case.folder:
            case.fill(pathlib.Path(folder))
        case.write(folder)
        model = case.model
        if hasattr(case, "model_bytes"):
            model = folder + "/m.onnx"
            pathlib.Path(model).write_bytes(case.model_bytes)
        line = [eao, verb, model, "--data", folder + "/d.yaml", "--json", *options]
        if case.held and verb == "audit":
            line += ["--held-out", folder + "/h.yaml"]
        if case.base.name == "imagenet" and verb == "audit":
            line += ["--trial-samples", "150"]
        if case.base.name == "fashion":
            line += ["--shape", "N=1"]
        r = subprocess.run(line, capture_output=True, text=True)
        if r.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(line)}\n{r.stderr}")
        return json.loads(r.stdout)


def found(report):
    return {f["kind"] for f in report["findings"] if f["level"] != "note"}


def clean_case(eao, base, k, seed, show):
    c = Case(base, np.random.default_rng(seed))
    if k % 2:
        c.with_held_out()
    r = run_eao(eao, "audit", c, *(["--no-labels"] if k % 3 == 2 else []))
    f = found(r)
    if f and show:
        print(f"false alarm: {base.name} seed {seed} {json.dumps(r['findings'], indent=1)}", flush=True)
    return f


def faulted_case(eao, fault, kind, base, k, seed, show):
    """None where the fault does not apply; else row, findings, whether it costs accuracy."""
    c, plain = Case(base, np.random.default_rng(seed)), Case(base, np.random.default_rng(seed))
    if fault(c) is False:
        return None
    labels = not (kind in PREPARED and k % 4 == 3)
    harmful, right, top = True, None, None
    if kind in PREPARED:
        plain.x, plain.y = plain.x[:len(c.x)], plain.y[:len(c.x)]
        right, top = (run_eao(eao, "eval", w, "--resamples", "10")["value"] for w in (plain, c))
        harmful = top < right - 0.02
    r = run_eao(eao, "audit", c, *([] if labels else ["--no-labels"]))
    if not labels and any(u.startswith("preprocessing") for u in r["unchecked"]):
        return None  # the audit says itself that it cannot tell
    f = found(r)
    other = f - {kind} - ALSO.get(kind, set())
    if show and (harmful and kind not in f or other):
        print(f"{kind}: {base.name} seed {seed} pixels {c.pixels} top1 {right} -> {top}: {sorted(f)}", flush=True)
    return kind + ("" if labels else ", no labels"), kind in f, harmful, bool(other)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("eao")
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--repeats", type=int, default=1)
    a.add_argument("--only", default="")
    a.add_argument("--show", action="store_true")
    a = a.parse_args()
    if not DATA.exists():
        print("skipped: EAO_DATA names no folder with the test data")
        sys.exit(77)
    seed, jobs = a.seed * 100003, []
    pool = concurrent.futures.ThreadPoolExecutor(2)
    for base in load_bases():
        for k in range(10 * a.repeats if a.only in ("", "none") else 0):
            seed += 1
            jobs.append(("", pool.submit(clean_case, a.eao, base, k, seed, a.show)))
        for fault in FAULTS:
            kind = fault.__name__.replace("_", "-")
            for k in range(4 * a.repeats if kind in PREPARED else a.repeats):
                seed += 1
                if a.only in ("", kind):
                    jobs.append((kind, pool.submit(faulted_case, a.eao, fault, kind, base, k, seed, a.show)))
    # Per row: cases, found, with another kind too, harmless, of these reported.
    rows, alarms, clean = {}, collections.Counter(), [0, 0]
    for kind, job in jobs:
        r = job.result()
        if not kind:
            clean = [clean[0] + 1, clean[1] + bool(r)]
            alarms.update(r)
        elif r:
            name, hit, harmful, other = r
            row = rows.setdefault(name, [0, 0, 0, 0, 0])
            add = (1, hit, other, 0, 0) if harmful else (0, 0, 0, 1, hit)
            rows[name] = [x + int(y) for x, y in zip(row, add)]
    return report(rows, clean, alarms, a)


def report(rows, clean, alarms, a):
    print(f"| {'fault':27} | cases | found |     % | with another | harmless | of these said |")
    print("|---|---|---|---|---|---|---|")
    total = [0] * 5
    order = [f.__name__.replace("_", "-") for f in FAULTS]
    for kind in sorted(rows, key=lambda k: (order.index(k.split(",")[0]), k)):
        total = [x + y for x, y in zip(total, rows[kind])]
        line(kind, rows[kind])
    line("all", total)
    share = 100 * total[1] / max(total[0], 1)
    if a.only and a.only != "none":
        return 0
    wrong = 100 * clean[1] / max(clean[0], 1)
    print(f"without a fault: {clean[0]} cases, {clean[1]} with an alarm ({wrong:.1f} %) {dict(alarms)}")
    return 0 if (share >= 95 or a.only) and wrong <= 5 else 1


def line(kind, row):
    n, hit, other, harmless, said = row
    print(f"| {kind:27} | {n:5} | {hit:5} | {100 * hit / max(n, 1):5.1f} | {other:12} | {harmless:8} | {said:13} |")


if __name__ == "__main__":
    sys.exit(main())
