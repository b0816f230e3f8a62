#!/usr/bin/env python3
"""Trains the small networks that docs/accuracy.md measures on Fashion-MNIST and writes them as ONNX:

    train.py OUT_DIR [--epochs N]

mobilenet_v2.onnx (inverted residuals, ReLU6), mobilenet_v3.onnx (hard-swish, squeeze-and-excite), and of each a copy
*_unequal.onnx that computes the same with channels scaled by random powers of two wherever an activation lets a factor
through, which is what breaks quantisers that use one range for a tensor or trust weights to be alike.

Needs Debian's python3-torch and dataset-fashion-mnist; two or three minutes a network on one core."""
import argparse
import copy
import gzip
import os

import numpy as np
import torch
from torch import nn

DATA = "/usr/share/datasets/fashion-mnist"


def load(name):
    images = gzip.open(f"{DATA}/{name}-images-idx3-ubyte.gz").read()
    labels = gzip.open(f"{DATA}/{name}-labels-idx1-ubyte.gz").read()
    x = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return torch.from_numpy(x.copy()).float() / 255, torch.from_numpy(
        np.frombuffer(labels, np.uint8, offset=8).astype(np.int64)
    )


def unit(i, o, k=3, s=1, g=1, act=None):
    layers = [nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, *([act()] if act else []))


class Squeeze(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.down, self.up = nn.Conv2d(c, c // 4, 1), nn.Conv2d(c // 4, c, 1)

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True)
        return x * nn.functional.hardsigmoid(self.up(torch.relu(self.down(s))))


class Block(nn.Module):
    def __init__(self, i, o, stride, grow, act, squeeze=False):
        super().__init__()
        h = i * grow
        self.expand, self.depth = unit(i, h, 1, act=act), unit(h, h, 3, stride, h, act)
        self.squeeze = Squeeze(h) if squeeze else nn.Identity()
        self.project = unit(h, o, 1)
        self.skip = stride == 1 and i == o

    def forward(self, x):
        y = self.project(self.squeeze(self.depth(self.expand(x))))
        return x + y if self.skip else y


class Net(nn.Module):
    """rows: (outputs, stride, expansion, activation, squeeze)"""

    def __init__(self, rows, first, last, act):
        super().__init__()
        self.stem, i, blocks = unit(1, first, 3, 1, act=act), first, []
        for o, stride, grow, a, squeeze in rows:
            blocks.append(Block(i, o, stride, grow, a, squeeze))
            i = o
        self.blocks, self.head = nn.Sequential(*blocks), unit(i, last, 1, act=act)
        self.classes = nn.Linear(last, 10)

    def forward(self, x):
        return self.classes(self.head(self.blocks(self.stem(x))).mean((2, 3)))


def networks():
    r6, r, hs = nn.ReLU6, nn.ReLU, nn.Hardswish
    v2 = [(12, 2, 4, r6, False), (12, 1, 4, r6, False), (20, 2, 4, r6, False), (20, 1, 4, r6, False),
          (32, 1, 4, r6, False), (32, 1, 4, r6, False)]
    v3 = [(12, 2, 3, r, True), (12, 1, 3, r, False), (20, 2, 3, hs, True), (20, 1, 3, hs, True),
          (32, 1, 3, hs, True), (32, 1, 3, hs, True)]
    return {"mobilenet_v2": Net(v2, 12, 96, r6), "mobilenet_v3": Net(v3, 12, 96, hs)}


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        right = sum(int((net(x[i : i + 500]).argmax(1) == y[i : i + 500]).sum()) for i in range(0, len(x), 500))
    return 100 * right / len(x)


def train(net, x, y, epochs):
    batch, n = 128, len(x)
    steps = epochs * (n // batch)
    opt = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)
    plan = torch.optim.lr_scheduler.OneCycleLR(opt, 0.25, total_steps=steps)
    for _ in range(epochs):
        net.train()
        order = torch.randperm(n)
        for i in range(n // batch):
            at = order[i * batch : (i + 1) * batch]
            pick = x[at].flip(3) if np.random.rand() < 0.5 else x[at]
            loss = nn.functional.cross_entropy(net(pick), y[at])
            opt.zero_grad()
            loss.backward()
            opt.step()
            plan.step()


def folded(seq):
    """conv + batch norm -> conv with bias, in place."""
    conv, bn = seq[0], seq[1]
    f = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    whole = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,
                      groups=conv.groups)
    whole.weight.data = conv.weight.data * f.view(-1, 1, 1, 1)
    whole.bias.data = bn.bias.data - bn.running_mean * f
    return nn.Sequential(whole, *list(seq)[2:])


def unequal(net, spread):
    """Channel c between two layers is scaled by 2^u, u in [-spread, spread]; what the network computes stays. ReLU6 and
    hard-swish become ReLU where they stood in a pair, first, since they let no factor through: the caller retrains."""
    net = copy.deepcopy(net)
    for b in net.blocks:
        scale_pair(b.expand[0], b.depth[0], spread)
        if isinstance(b.squeeze, nn.Identity):
            scale_pair(b.depth[0], b.project[0], spread)
    return net


def scale_pair(first, second, spread):
    f = 2.0 ** ((torch.rand(first.out_channels) * 2 - 1) * spread)
    first.weight.data *= f.view(-1, 1, 1, 1)
    first.bias.data *= f
    if second.groups > 1:
        second.weight.data /= f.view(-1, 1, 1, 1)
    else:
        second.weight.data /= f.view(1, -1, 1, 1)


def fold_all(net):
    net.stem, net.head = folded(net.stem), folded(net.head)
    for b in net.blocks:
        b.expand, b.depth, b.project = folded(b.expand), folded(b.depth), folded(b.project)
    return net


def linear_acts(net):
    """Activations between a block's convolutions become ReLU, which lets factors through."""
    for b in net.blocks:
        b.expand[2] = nn.ReLU()
        b.depth[2] = nn.ReLU()
    return net


def export(net, path):
    net.eval()
    torch.onnx.export(net, torch.zeros(1, 1, 28, 28), path, opset_version=14, input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "n"}, "y": {0: "n"}})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--only", default="")
    a = parser.parse_args()
    os.makedirs(a.out, exist_ok=True)
    torch.manual_seed(1)
    np.random.seed(1)
    torch.set_num_threads(1)
    x, y = load("train")
    tx, ty = load("t10k")
    for name, net in networks().items():
        if a.only and a.only != name:
            continue
        train(net, x, y, a.epochs)
        print(name, f"{accuracy(net, tx, ty):.2f}", flush=True)
        export(net, f"{a.out}/{name}.onnx")
        train(linear_acts(net), x, y, 1)
        net = unequal(fold_all(net.eval()), 5)
        print(name + "_unequal", f"{accuracy(net, tx, ty):.2f}", flush=True)
        export(net, f"{a.out}/{name}_unequal.onnx")


main()
