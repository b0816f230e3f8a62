#!/usr/bin/env python3
"""Files that NumPy and Pillow write, read by `eao run`, and the other way round.

    .venv/bin/python tests/cli/peer_files.py EAO-PROGRAM

Arrays must come back bit for bit; decoded PNG, JPEG and BMP pixels must be Pillow's; resized ones may be
off by one step (sums are taken in another order). Exit status 77 without the packages.
"""
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    from onnx import helper as h
    from PIL import Image
except ImportError as e:
    print(f"skipped: {e} (scripts/peers.sh makes .venv)")
    sys.exit(77)

eao = sys.argv[1]
tmp = pathlib.Path(tempfile.mkdtemp())
bad = checks = 0


def identity(shape, dtype):
    kind = h.np_dtype_to_tensor_dtype(np.dtype(dtype))
    graph = h.make_graph([h.make_node("Identity", ["x"], ["y"])], "identity",
                         [h.make_tensor_value_info("x", kind, shape)],
                         [h.make_tensor_value_info("y", kind, shape)])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, tmp / "identity.onnx")


def run(source, *options):
    subprocess.run([eao, "run", tmp / "identity.onnx", "--input", source, "--output-dir", tmp / "out",
                    *options], check=True, stdout=subprocess.DEVNULL)
    return np.load(tmp / "out" / "y.npy")


def check(what, ok):
    global bad, checks
    checks += 1
    if not ok:
        bad += 1
        print("FAIL", what)


rng = np.random.default_rng(1)
for t in "f2 f4 f8 i1 i2 i4 i8 u1 u2 u4 u8 ?".split():
    for shape in (), (3,), (2, 0, 3), (2, 3, 4):
        x = (rng.standard_normal(shape) * 50).astype(t)
        identity(list(shape), t)
        np.save(tmp / "x.npy", x)
        np.savez(tmp / "stored.npz", other=x.ravel()[:1], x=x)
        np.savez_compressed(tmp / "packed.npz", other=x.ravel()[:1], x=x)
        for name in "x.npy", "stored.npz", "packed.npz":
            y = run(tmp / name)
            check(f"{t} {shape} {name}", y.dtype == x.dtype and y.shape == x.shape and y.tobytes() == x.tobytes())
        if t not in ("i1", "u1", "?"):
            np.save(tmp / "swapped.npy", x.astype(x.dtype.newbyteorder(">")))
            check(f"{t} {shape} big endian", run(tmp / "swapped.npy").tobytes() == x.tobytes())

# Smooth colours with noise and hard edges on top, an odd size.
y, x = np.mgrid[0:131, 0:173]
picture = np.stack([x * 255 // 172, y * 255 // 130, (x * y) % 256], -1)
picture = np.clip(picture + rng.normal(0, 20, picture.shape), 0, 255)
picture[40:60, 30:90] = 255
picture[70:90, 30:90] = 0
image = Image.fromarray(picture.astype(np.uint8))
alpha = Image.fromarray((picture[..., 2]).astype(np.uint8))
files = {"rgb.png": image, "rgb.bmp": image, "grey.png": image.convert("L"), "grey.bmp": image.convert("L"),
         "palette.png": image.quantize(32), "palette.bmp": image.quantize(200), "alpha.png": image.copy(),
         "bits.png": image.convert("1"), "q90.jpg": image, "grey.jpg": image.convert("L"), "subsampled.jpg": image,
         "progressive.jpg": image}
files["alpha.png"].putalpha(alpha)
options = {"q90.jpg": {"quality": 90, "subsampling": 0}, "progressive.jpg": {"progressive": True}}
kinds = {"antialias": Image.BILINEAR, "bicubic": Image.BICUBIC}
for name, im in files.items():
    im.save(tmp / name, **options.get(name, {}))
    im = Image.open(tmp / name).convert("RGB")
    identity([1, 3, 131, 173], "u1")
    got = run(tmp / name)[0].transpose(1, 2, 0)
    check(f"{name}: pixels differ by {np.abs(got.astype(int) - np.asarray(im)).max()}", (got == np.asarray(im)).all())
    for size in (64, 96), (300, 200), (173, 50):
        identity([1, size[1], size[0], 3], "u1")
        for kind, peer in kinds.items():
            want = np.asarray(im.resize(size, peer)).astype(int)
            off = np.abs(run(tmp / name, "--resize", kind)[0].astype(int) - want)
            check(f"{name} {kind} {size}: off by {off.max()}, mean {off.mean():.3f}",
                  off.max() <= 1 and off.mean() < 0.05)

print(f"peer files: {checks - bad} of {checks} agree")
sys.exit(bad > 0)
