#!/bin/bash
# Budgets that cannot be met: eao optimize must refuse ten of ten, with exit code 3 and the budget that
# binds, and still leave the nearest candidate. The bounds come from seeds: one of them a share of the
# best that any candidate reaches, the others generous.
#   verdict_test.sh EAO_PROGRAM SOURCE_DIR
# Exit code 77 (skipped) without the Fashion-MNIST images (Debian: dataset-fashion-mnist).
set -u
eao=$1 src=$2
data=/usr/share/datasets/fashion-mnist
[ -d $data ] || { echo "no $data: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "verdict_test: $*" >&2; exit 1; }

run() { # TARGET BUDGET: report in $tmp/out; finished work is shared by all runs of a target
  "$eao" optimize "$src/examples/fashion/fashion_mobilenet.onnx" --shape N=1 --data $data \
    --spec "$src/examples/fashion/dataset.yaml" --target "$1" --eval-limit 400 --json --threads 1 \
    --calibration-samples 16 --budget "$2" --output "$tmp/$1" >"$tmp/out" 2>"$tmp/err"
}
best() { # KEY least|most: over the candidates of $tmp/out
  grep -o "\"$1\": [-0-9.e+]*" "$tmp/out" | awk -v want="$2" '
    NR == 1 || (want == "least" ? $2 < v : $2 > v) { v = $2 + 0 } END { print v }'
}

right=0 n=0 RANDOM=7
for target in esp32-s3 raspberry-pi-5; do
  run $target '' || fail "without budgets: $(cat "$tmp/err")"
  latency=$(best latency_p95_ms least) energy=$(best energy_mj least)
  ram=$(best ram_peak_kib least) size=$(best size_kib least) accuracy=$(best accuracy most)
  for goal in latency_p95_ms energy_mj ram_peak_kib size_kib accuracy_min; do
    n=$((n + 1))
    share=$((30 + RANDOM % 65)) # percent of the best
    budget=$(awk -v goal=$goal -v s=$share -v l="$latency" -v e="$energy" -v r="$ram" -v z="$size" \
      -v a="$accuracy" 'BEGIN {
        f = s / 100
        printf "latency_p95_ms=%.9g,energy_mj=%.9g,ram_peak_kib=%.9g,size_kib=%.9g,accuracy_min=%.9g",
          goal == "latency_p95_ms" ? l * f : l * 1000, goal == "energy_mj" ? e * f : e * 1000,
          goal == "ram_peak_kib" ? r * f : r * 1000, goal == "size_kib" ? z * f : z * 1000,
          goal == "accuracy_min" ? a + (100 - a) * f : a / 2 }')
    run $target "$budget"
    code=$?
    found=$(grep -o '"binding": \[[^]]*\]' "$tmp/out")
    if [ $code -eq 3 ] && [ "$found" = "\"binding\": [\"$goal\"]" ] && [ -s "$tmp/$target/model.eao" ]; then
      right=$((right + 1))
    else
      echo "$target $budget: exit code $code, $found, expected $goal" >&2
    fi
    echo "case $n: $target, $goal at $share % of the best: $found"
  done
done
echo "$right of $n impossible budgets recognised with the binding one"
[ $right -eq $n ]
