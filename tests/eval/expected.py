#!/usr/bin/env python3
"""Writes src/eval/expected.def: generated cases and what other programs make of them.

    python3 -m venv venv
    venv/bin/pip install numpy pycocotools object-detection-metrics shapely scikit-learn jiwer
    venv/bin/python tests/eval/expected.py src/eval/expected.def

Boxes: pycocotools (COCO's own evaluation) and object-detection-metrics (VOC, all points). AUC:
scikit-learn. Word and character error rates: jiwer. Coordinates are integers, so that no rounding
of the text form matters."""
import contextlib
import io
import sys

import jiwer
import numpy as np
from podm.metrics import BoundingBox, get_pascal_voc_metrics
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn.metrics import roc_auc_score

rng = np.random.default_rng(7)


def boxes(images, classes, spread, crowds):
    """True boxes, and found ones that are moved, missing, doubled, invented."""
    truth, found = [], []
    for image in range(images):
        for _ in range(rng.integers(0, 7)):
            x, y, w, h = rng.integers(0, 200), rng.integers(0, 200), rng.integers(8, 90), rng.integers(8, 90)
            label = int(rng.integers(0, classes))
            crowd = bool(crowds and rng.random() < 0.15)
            truth.append((image, label, x, y, x + w, y + h, crowd))
            for _ in range(rng.choice([0, 1, 1, 1, 2])):
                dx, dy, dw, dh = (rng.normal(0, spread, 4) * [w, h, w, h]).astype(int)
                box = (x + dx, y + dy, max(1, w + dw), max(1, h + dh))
                found.append((image, label if rng.random() < 0.9 else int(rng.integers(0, classes)),
                              box[0], box[1], box[0] + box[2], box[1] + box[3], len(found)))
        for _ in range(rng.integers(0, 3)):
            x, y, w, h = rng.integers(0, 200), rng.integers(0, 200), rng.integers(8, 90), rng.integers(8, 90)
            found.append((image, int(rng.integers(0, classes)), x, y, x + w, y + h, len(found)))
    scores = rng.permutation(len(found)) + 1  # all different: ties are broken differently everywhere
    found = [f[:6] + (int(scores[i]) / 4096,) for i, f in enumerate(found)]
    return truth, found


def coco(truth, found, images, classes):
    with contextlib.redirect_stdout(io.StringIO()):
        c = COCO()
        c.dataset = {
            "info": {}, "images": [{"id": i + 1} for i in range(images)],
            "categories": [{"id": k + 1, "name": str(k)} for k in range(classes)],
            "annotations": [{"id": i + 1, "image_id": t[0] + 1, "category_id": t[1] + 1,
                             "bbox": [int(t[2]), int(t[3]), int(t[4] - t[2]), int(t[5] - t[3])],
                             "area": int((t[4] - t[2]) * (t[5] - t[3])), "iscrowd": int(t[6])}
                            for i, t in enumerate(truth)]}
        c.createIndex()
        d = c.loadRes([{"image_id": f[0] + 1, "category_id": f[1] + 1, "score": f[6],
                        "bbox": [int(f[2]), int(f[3]), int(f[4] - f[2]), int(f[5] - f[3])]} for f in found])
        e = COCOeval(c, d, "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
    return e.stats[0], e.stats[1]


def voc(truth, found):
    g = [BoundingBox.of_bbox(str(t[0]), str(t[1]), int(t[2]), int(t[3]), int(t[4]), int(t[5])) for t in truth]
    d = [BoundingBox.of_bbox(str(f[0]), str(f[1]), int(f[2]), int(f[3]), int(f[4]), int(f[5]), f[6]) for f in found]
    r = get_pascal_voc_metrics(g, d, 0.5)
    known = {str(t[1]) for t in truth}
    return float(np.mean([r[k].ap or 0.0 if k in r else 0.0 for k in known]))


WORDS = "the quick brown fox jumps over a lazy dog größe naïve 東京 Ünder x y z".split()


def texts():
    for _ in range(24):
        want = [str(w) for w in rng.choice(WORDS, rng.integers(1, 9))]
        got = list(want)
        for _ in range(rng.integers(0, 4)):
            k = int(rng.integers(0, len(got) + 1))
            way = rng.integers(0, 3)
            if way == 0:
                got.insert(k, str(rng.choice(WORDS)))
            elif way == 1 and k < len(got):
                del got[k]
            elif k < len(got):
                got[k] = got[k][::-1] + "e"
        yield " ".join(want), ("  " if rng.random() < 0.3 else " ").join(got)


out = open(sys.argv[1], "w")
out.write("/* Made by tests/eval/expected.py from pycocotools, object-detection-metrics, scikit-learn and\n"
          " * jiwer: cases and what those make of them. */\n")
for n, (images, classes, spread, crowds) in enumerate(
        [(6, 1, 0.05, False), (10, 3, 0.1, False), (14, 4, 0.2, False), (12, 3, 0.1, True), (8, 2, 0.3, True)]):
    truth, found = boxes(images, classes, spread, crowds)
    m, m50 = coco(truth, found, images, classes)
    v = voc(truth, found) if not crowds else float("nan")
    out.write(f"BOX_CASE({n}, {images}, {m:.12g}, {m50:.12g}, {'NAN' if crowds else format(v, '.12g')})\n")
    for t in truth:
        out.write(f"TRUE_BOX({n}, {t[0]}, {t[1]}, {t[2]}, {t[3]}, {t[4]}, {t[5]}, {int(t[6])})\n")
    for f in found:
        out.write(f"FOUND_BOX({n}, {f[0]}, {f[1]}, {f[2]}, {f[3]}, {f[4]}, {f[5]}, {f[6]!r}f)\n")
for n in range(4):
    label = rng.integers(0, 2, 60)
    score = np.round(rng.normal(0, 1, 60) + label * n * 0.5, 1)  # with ties
    out.write(f"AUC_CASE({n}, {roc_auc_score(label, score):.12g})\n")
    for s, l in zip(score, label):
        out.write(f"AUC_ROW({n}, {s}, {l})\n")
for want, got in texts():
    clean = " ".join(got.split())
    w, c = jiwer.process_words(want, clean), jiwer.process_characters(want, clean)
    count = lambda r: r.substitutions + r.deletions + r.insertions
    out.write(f'TEXT_CASE("{want}", "{got}", {count(w)}, {w.hits + w.substitutions + w.deletions}, '
              f"{count(c)}, {c.hits + c.substitutions + c.deletions})\n")
