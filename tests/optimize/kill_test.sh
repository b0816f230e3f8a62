#!/bin/bash
# eao optimize, killed at many moments and started again: the results are those of a run that nobody
# disturbed, finished work is not done twice, and a recipe gives the same bytes.
#   kill_test.sh EAO_PROGRAM SOURCE_DIR [MOMENTS]
# Exit code 77 (skipped) without the Fashion-MNIST images (Debian: dataset-fashion-mnist).
set -u
eao=$1 src=$2 moments=${3:-8}
data=/usr/share/datasets/fashion-mnist
[ -d $data ] || { echo "no $data: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
fail() { echo "kill_test: $*" >&2; exit 1; }

# For another target nothing is timed, so that everything can be compared.
run() { # DIR
  exec "$eao" optimize "$src/examples/fashion/fashion_mobilenet.onnx" --shape N=1 --data $data \
    --spec "$src/examples/fashion/dataset.yaml" --target raspberry-pi-zero-2w --eval-limit 400 \
    --calibration-samples 16 --budget ram_peak_kib=300,accuracy_drop_max=3 --output "$1"
}
results='model.eao model.onnx model.tflite recipe.yaml report.html report.json'
same() { # DIR: its results are those of the undisturbed run, times apart
  local f
  for f in $results; do
    cmp -s <(sed -E 's/("search_seconds": |seed [0-9]+, )[0-9.]+//' "$tmp/whole/$f") \
      <(sed -E 's/("search_seconds": |seed [0-9]+, )[0-9.]+//' "$1/$f") || fail "$1/$f differs"
  done
}

start=$(date +%s%N)
(run "$tmp/whole") >"$tmp/out" 2>&1 || fail "the undisturbed run: $(cat "$tmp/out")"
took=$((($(date +%s%N) - start) / 1000000))
lines=$(wc -l <"$tmp/whole/.eao-state/journal")

killed=0
for ((k = 1; k <= moments; k++)); do
  d=$tmp/k$k
  (run "$d") >/dev/null 2>&1 &
  pid=$!
  sleep "$(printf '%d.%03d' $((took * k / (moments + 1) / 1000)) $((took * k / (moments + 1) % 1000)))"
  if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); fi
  wait $pid 2>/dev/null || true
  # report.json vouches for all others
  [ ! -e "$d/report.json" ] || same "$d"
  before=$( { wc -l <"$d/.eao-state/journal"; } 2>/dev/null || echo 0)
  (run "$d") >"$tmp/out" 2>&1 || fail "rerun after a kill at moment $k: $(cat "$tmp/out")"
  same "$d"
  # Whole findings were kept: none is in the journal twice.
  [ "$(cut -d' ' -f2 "$d/.eao-state/journal" | sort | uniq -d | wc -l)" -eq 0 ] ||
    fail "moment $k: work was done twice"
  [ "$(wc -l <"$d/.eao-state/journal")" -eq "$lines" ] || fail "moment $k: journal differs"
  [ -z "$(find "$d" -maxdepth 1 -name '*.??????' ! -name '*.tflite')" ] ||
    fail "moment $k: unfinished files are left: $(ls "$d")"
  echo "killed at $((took * k / (moments + 1))) of $took ms with $before of $lines findings"
done
[ "$killed" -ge $((moments / 2)) ] || fail "only $killed of $moments runs were killed in time"

# A damaged journal and a damaged file of the state: what is left is used, the rest done again.
d=$tmp/k1
printf 'garbage' >>"$d/.eao-state/journal"
sed -i '$ d' "$d/.eao-state/journal"
echo x >>"$d/.eao-state/int8.graph"
(run "$d") >"$tmp/out" 2>&1 || fail "with a damaged state: $(cat "$tmp/out")"
same "$d"

# Another seed is other work; two runs in one folder are refused.
cp -r "$tmp/whole" "$tmp/other"
"$eao" optimize --recipe "$tmp/whole/recipe.yaml" --output "$tmp/again" >"$tmp/out" 2>&1 ||
  fail "recipe: $(cat "$tmp/out")"
for f in model.eao model.onnx model.tflite; do
  cmp "$tmp/whole/$f" "$tmp/again/$f" || fail "the recipe gives another $f"
done
sed 's/^model_hash: .*/model_hash: 00/' "$tmp/whole/recipe.yaml" >"$tmp/bad.yaml"
"$eao" optimize --recipe "$tmp/bad.yaml" --output "$tmp/bad" >/dev/null 2>"$tmp/out"
[ $? -eq 4 ] && grep -q 'not the one of the recipe' "$tmp/out" || fail "another model was accepted"
echo "passed: $killed kills"
