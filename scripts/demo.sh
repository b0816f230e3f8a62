#!/bin/sh
# Installs what is missing, builds, and does the main job on real data: a small classifier trained
# on Fashion-MNIST is fitted to two devices under budgets, and a budget that cannot be met is
# refused with the reason.
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh release
eao=build/release/eao
model=examples/fashion/fashion_mobilenet.onnx
data=/usr/share/datasets/fashion-mnist
spec=examples/fashion/dataset.yaml
out=build/demo
mkdir -p "$out"

title() { printf '\n== %s\n\n' "$1"; }

title "The model"
$eao inspect $model --shape N=1 | sed -n '/^input/,$p'
title "Its accuracy on the 10,000 test images, as it comes"
$eao eval $model --data $data --spec $spec --shape N=1
title "Fitted to this machine: at most 2 ms, 128 KiB, 1 point of accuracy"
$eao optimize $model --shape N=1 --data $data --spec $spec --output "$out/host" \
  --budget latency_p95_ms=2,size_kib=128,accuracy_drop_max=1
title "Fitted to a Raspberry Pi Zero 2 W (estimated; integers are the same on every machine)"
$eao optimize $model --shape N=1 --data $data --spec $spec --output "$out/pi" \
  --target raspberry-pi-zero-2w --budget latency_p95_ms=20,ram_peak_kib=128,accuracy_drop_max=1
title "A budget that cannot be met: 32 KiB"
code=0
$eao optimize $model --shape N=1 --data $data --spec $spec --output "$out/impossible" \
  --budget size_kib=32,accuracy_drop_max=1 || code=$?
[ $code -eq 3 ] || { echo "demo: expected exit code 3, got $code" >&2; exit 1; }
title "The package, measured again"
$eao bench "$out/host/model.eao" --steps 5
printf '\nReports to open in a browser: %s\n' "$out/host/report.html $out/pi/report.html"
