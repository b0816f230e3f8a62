#!/bin/bash
# The same model, options and seed give the same bytes: from two builds (gcc and clang), for one and
# two threads at work, run again, and from other folders:  determinism.sh EAO-GCC EAO-CLANG
set -eu
a=$(realpath "$1") b=$(realpath "$2")
root=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0 count=0
same() { # what, files
  count=$((count + 1))
  cmp "$2" "$3" && return
  echo "FAIL: $1"
  failed=1
}
run() {
  "$@" >"$tmp/log" 2>&1 || { echo "FAIL: $*"; cat "$tmp/log"; exit 1; }
}
models=$(ls "$root"/tests/data/{classifier,classifier_nhwc,quantised,two}/model.onnx "$root"/examples/fashion/*.onnx)
for i in $(seq 60); do
  echo "$((i % 5)),$(for j in $(seq 192); do printf '%d,' $(((i * 7 + j * j) % 11)); done)" | sed 's/,$//'
done >"$tmp/x.csv"
for m in $models; do
  for target in generic x86_64 aarch64 armv7; do
    for options in "" "--stream always" "--threads 2 --golden"; do
      # shellcheck disable=SC2086
      run "$a" compile "$m" --target $target $options --output "$tmp/a.eao"
      # shellcheck disable=SC2086
      (cd "$tmp" && run "$b" compile "$m" --target $target $options --output "$tmp/b.eao")
      same "$m $target $options" "$tmp/a.eao" "$tmp/b.eao"
    done
  done
  for format in onnx tflite; do
    for e in a b; do "${!e}" convert "$m" "$tmp/$e.$format" >/dev/null 2>&1 || rm -f "$tmp/$e.$format"; done
    if [ -f "$tmp/a.$format" ]; then same "$m as $format" "$tmp/a.$format" "$tmp/b.$format"; fi
  done
done
for format in onnx tflite eao; do
  m=$root/tests/data/classifier/model.onnx
  run "$a" quantize "$m" --data "$tmp/x.csv" --output "$tmp/a.$format"
  run "$b" quantize "$m" --data "$tmp/x.csv" --output "$tmp/b.$format"
  run taskset -c 0 "$a" quantize "$m" --data "$tmp/x.csv" --output "$tmp/c.$format"
  same "quantised $format, two builds" "$tmp/a.$format" "$tmp/b.$format"
  same "quantised $format, one core" "$tmp/a.$format" "$tmp/c.$format"
done
echo "$count pairs compared"
exit $failed
