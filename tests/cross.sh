#!/bin/sh
# Compiled models on other ISAs: builds libeao with Debian's cross compilers, compiles models here for
# each ISA and lets qemu run their self-tests: the results must be those of this machine's interpreter,
# integers bit for bit.
#   tests/cross.sh EAO_PROGRAM SOURCE_DIR [MODEL ...]
# Exit code 77 (skipped) without the compilers, qemu or models.
set -eu
eao=$1 src=$2
shift 2
data=${EAO_DATA:-$src/../shared/data}/models
[ $# -gt 0 ] || set -- mlperf-tiny/kws_ref_model_int8.tflite mlperf-tiny/ic_resnet8_int8.tflite \
  mlperf-tiny/vww_96_int8.tflite mlperf-tiny/ad01_int8.tflite mlperf-tiny/kws_ref_model_float32.tflite \
  google-coral/mobilenet_v1_0.25_128_quant.tflite onnx/mnist-8.onnx
[ -d "$data" ] || { echo "no models in $data: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ran=0 bad=0
for row in aarch64:qemu-aarch64:aarch64-linux-gnu:aarch64 riscv64:qemu-riscv64:riscv64-linux-gnu:riscv64 \
  armv7:qemu-arm:arm-linux-gnueabihf:armv7; do
  IFS=: read -r preset qemu triple target <<EOF
$row
EOF
  if ! command -v "$qemu" >/dev/null || ! command -v "$triple-gcc" >/dev/null; then
    echo "$preset: no cross compiler or qemu, left out"
    continue
  fi
  cmake -S "$src" --preset "$preset" -B "$tmp/$preset" >/dev/null
  cmake --build "$tmp/$preset" --target run_model >/dev/null
  for m in "$@"; do
    "$eao" compile "$data/$m" --target "$target" --golden -o "$tmp/m.eao" >/dev/null 2>&1 || {
      echo "$preset $m: not compiled"; bad=$((bad + 1)); continue; }
    if out=$("$qemu" -L "/usr/$triple" "$tmp/$preset/run_model" "$tmp/m.eao" 2>&1); then
      echo "$preset $m: $out"
    else
      echo "$preset $m: FAILED: $out"
      bad=$((bad + 1))
    fi
    ran=$((ran + 1))
  done
done
[ "$ran" -gt 0 ] || exit 77
[ "$bad" -eq 0 ]
