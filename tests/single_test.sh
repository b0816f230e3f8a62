#!/bin/sh
# libeao as one source file: compiles without a warning with every compiler there is, and runs
# compiled models to the interpreter's results, under qemu for other ISAs.
#   tests/single_test.sh EAO_PROGRAM SOURCE_DIR
# Exit code 77 (skipped) without Python or models.
set -eu
eao=$1 src=$2
data=${EAO_DATA:-$src/../shared/data}/models
command -v python3 >/dev/null || { echo "no python3: skipped"; exit 77; }
[ -d "$data" ] || { echo "no models in $data: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
python3 "$src/tools/amalgamate" "$tmp"
mkdir "$tmp/eao"
cp "$tmp/eao_rt.h" "$tmp/eao/rt.h" # as examples/run_model.c includes it
bad=0
for row in gcc::host clang::host aarch64-linux-gnu-gcc:qemu-aarch64:aarch64 \
  riscv64-linux-gnu-gcc:qemu-riscv64:riscv64 arm-linux-gnueabihf-gcc:qemu-arm:armv7; do
  IFS=: read -r cc qemu target <<EOF
$row
EOF
  command -v "$cc" >/dev/null || { echo "$cc: not here, left out"; continue; }
  if ! "$cc" -std=c11 -O2 -fno-strict-aliasing -Wall -Wextra -Werror -I"$tmp" "$tmp/eao_rt.c" \
    "$src/examples/run_model.c" -o "$tmp/run" -lm -pthread; then
    bad=1
    continue
  fi
  if [ -n "$qemu" ]; then
    command -v "$qemu" >/dev/null || continue
    qemu="$qemu -L /usr/${cc%-gcc}"
  fi
  for m in mlperf-tiny/kws_ref_model_int8.tflite mlperf-tiny/ic_resnet8_int8.tflite \
    mlperf-tiny/kws_ref_model_float32.tflite; do
    "$eao" compile "$data/$m" --target "$target" --golden -o "$tmp/m.eao" >/dev/null 2>&1
    # shellcheck disable=SC2086
    out=$($qemu "$tmp/run" "$tmp/m.eao" 2>&1) || bad=1
    echo "$cc $m: $out"
  done
done
exit $bad
