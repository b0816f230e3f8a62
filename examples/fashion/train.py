#!/usr/bin/env python3
"""Trains the demonstration's model: a small MobileNet-style classifier for Fashion-MNIST.

Not part of the product: EAO ships the result, fashion_mobilenet.onnx. Needs Debian's python3-torch
and dataset-fashion-mnist:

    /usr/bin/python3 examples/fashion/train.py examples/fashion/fashion_mobilenet.onnx

Recipe: 55,000 training images, horizontal flips and shifts of up to 2 pixels, SGD with Nesterov
momentum 0.9, weight decay 5e-4, batch 128, one-cycle learning rate up to 0.3, label smoothing 0.1,
seed 1. Input: float32 [N, 1, 28, 28], pixel / 255. The last 5,000 training images choose nothing
here; they are left for calibration and validation. The accuracy on the 10,000 test images is
printed at the end."""
import argparse
import gzip

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

DATA = "/usr/share/datasets/fashion-mnist/"


def idx(name, header, shape):
    with gzip.open(DATA + name) as f:
        return torch.from_numpy(np.frombuffer(f.read(), np.uint8, offset=header).copy()).view(shape)


def block(i, o, stride):
    """Depthwise 3x3, then pointwise, each with batch norm and ReLU6."""
    return nn.Sequential(
        nn.Conv2d(i, i, 3, stride, 1, groups=i, bias=False), nn.BatchNorm2d(i), nn.ReLU6(),
        nn.Conv2d(i, o, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU6())


class Residual(nn.Module):
    """Inverted residual: expand x2, depthwise, project, add."""

    def __init__(self, c):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(c, 2 * c, 1, bias=False), nn.BatchNorm2d(2 * c), nn.ReLU6(),
            nn.Conv2d(2 * c, 2 * c, 3, 1, 1, groups=2 * c, bias=False), nn.BatchNorm2d(2 * c),
            nn.ReLU6(),
            nn.Conv2d(2 * c, c, 1, bias=False), nn.BatchNorm2d(c))

    def forward(self, x):
        return x + self.body(x)


def network():
    return nn.Sequential(
        nn.Conv2d(1, 24, 3, 1, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU6(),
        block(24, 48, 2), Residual(48),
        block(48, 96, 2), Residual(96),
        block(96, 160, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(160, 10))


def augment(x):
    flip = torch.rand(len(x)) < 0.5
    x = torch.where(flip.view(-1, 1, 1, 1), x.flip(3), x)
    x = F.pad(x, (2, 2, 2, 2))
    dx, dy = (int(v) for v in torch.randint(0, 5, (2,)))
    return x[:, :, dy:dy + 28, dx:dx + 28]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--epochs", type=int, default=14)
    args = parser.parse_args()
    torch.manual_seed(1)
    x = idx("train-images-idx3-ubyte.gz", 16, (-1, 1, 28, 28)).float() / 255
    y = idx("train-labels-idx1-ubyte.gz", 8, (-1,)).long()
    xt = idx("t10k-images-idx3-ubyte.gz", 16, (-1, 1, 28, 28)).float() / 255
    yt = idx("t10k-labels-idx1-ubyte.gz", 8, (-1,)).long()
    x, y = x[:55000], y[:55000]

    net = network()
    steps = args.epochs * (len(x) // 128)
    opt = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=5e-4, nesterov=True)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 0.3, steps)
    for epoch in range(args.epochs):
        net.train()
        order = torch.randperm(len(x))[:len(x) // 128 * 128].view(-1, 128)
        for batch in order:
            loss = F.cross_entropy(net(augment(x[batch])), y[batch], label_smoothing=0.1)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
        net.eval()
        with torch.no_grad():
            hits = sum((net(a).argmax(1) == b).sum().item()
                       for a, b in zip(xt.split(500), yt.split(500)))
        print(f"epoch {epoch + 1}: test accuracy {hits / len(xt):.4f}", flush=True)
    torch.onnx.export(net, torch.zeros(1, 1, 28, 28), args.out, opset_version=13,
                      input_names=["image"], output_names=["logits"],
                      dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}})


main()
