#!/bin/sh
# A program linked for one model carries that model's kernels only: `eao link` writes the table, the
# linker drops the rest, the program gives the right results and refuses other models.
#   tests/link_test.sh EAO_PROGRAM LIBEAO SOURCE_DIR BUILD_TYPE
# Exit code 77 (skipped) without models.
set -eu
eao=$1 lib=$2 src=$3 type=$4
data=${EAO_DATA:-$src/../shared/data}/models
[ -d "$data" ] || { echo "no models in $data: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
link() { # PROGRAM PACKAGE...
  out=$1
  shift
  "$eao" link "$@" -o "$out.c"
  ${CC:-cc} -std=c11 -Os -I"$src/include" -Wl,--gc-sections "$src/examples/run_model.c" "$out.c" \
    "$lib" -lm -pthread -o "$out"
}
bytes() { size -A "$1" | awk '$1 == ".text" || $1 == ".rodata" { n += $2 } END { print n }'; }
for m in kws_ref_model_int8 ic_resnet8_int8 vww_96_int8 ad01_int8; do
  "$eao" compile "$data/mlperf-tiny/$m.tflite" --golden -o "$tmp/$m.eao" >/dev/null 2>&1
  link "$tmp/$m" "$tmp/$m.eao"
  "$tmp/$m" "$tmp/$m.eao" >/dev/null || { echo "$m: its own program fails"; exit 1; }
  n=$(bytes "$tmp/$m")
  echo "$m: $n bytes of text"
  # What it takes today, so that growth is seen: 60 KiB is the aim. Other build types are not
  # optimised for size; tiles of AVX-512 are large.
  limit=65536
  grep -q avx512 "$tmp/$m.c" && limit=90112
  [ "$type" != Release ] || [ "$n" -lt $limit ] || { echo "more than $limit"; exit 1; }
done
# A kernel that is not there is refused when the package is opened.
if "$tmp/ad01_int8" "$tmp/ic_resnet8_int8.eao" 2>"$tmp/err"; then
  echo "a model whose kernels are missing ran"
  exit 1
fi
grep -q kernel "$tmp/err"
# Two models in one program.
link "$tmp/two" "$tmp/ad01_int8.eao" "$tmp/ic_resnet8_int8.eao"
"$tmp/two" "$tmp/ad01_int8.eao" >/dev/null
"$tmp/two" "$tmp/ic_resnet8_int8.eao" >/dev/null
