#!/bin/sh
# Models that are compiled on the fly are kept: the second run finds the first one's package, and a
# damaged, foreign or unwritable cache changes nothing about the results.
#   tests/cache_test.sh EAO_PROGRAM SOURCE_DIR
# Exit code 77 (skipped) without models.
set -eu
eao=$1 src=$2
m=${EAO_DATA:-$src/../shared/data}/models/mlperf-tiny/ad01_int8.tflite
[ -f "$m" ] || { echo "no $m: skipped"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export XDG_CACHE_HOME="$tmp/cache"
entries() { find "$tmp/cache" -name '*.eao' 2>/dev/null | wc -l; }
must() { [ "$2" "$3" "$4" ] || { echo "$1: $2 $3 $4 does not hold"; exit 1; }; }
run() { "$eao" run "$m" --engine compiled "$@" 2>/dev/null; }
run --no-cache >"$tmp/want"
must "--no-cache keeps nothing" "$(entries)" -eq 0
run >"$tmp/first"
must "the first run keeps its package" "$(entries)" -eq 1
cmp "$tmp/want" "$tmp/first"
file=$(find "$tmp/cache" -name '*.eao')
# What is there is used, and being used keeps it young.
touch -d '2001-01-01' "$file"
run >"$tmp/second"
cmp "$tmp/want" "$tmp/second"
must "an entry that is used is young" "$(find "$file" -newermt 2002-01-01 | wc -l)" -eq 1
printf 'XXXX' | dd of="$file" bs=1 seek=3000 conv=notrunc 2>/dev/null
run >"$tmp/third"
cmp "$tmp/want" "$tmp/third"
"$eao" run "$file" >/dev/null 2>&1 || { echo "the damaged entry was not replaced"; exit 1; }
: >"$file"
run | cmp "$tmp/want" -
# Another seed is another input, not another model; another shape would be another model.
run --seed 3 >/dev/null
must "the key is the model" "$(entries)" -eq 1
# What an interrupted write left is removed once it is old.
touch -d '2001-01-01' "$file.AbCdEf"
rm "$file"
run >/dev/null
[ ! -e "$file.AbCdEf" ] || { echo "a stale temporary file stays"; exit 1; }
# A folder that others may write to is not believed.
rm -rf "$tmp/cache"
mkdir -p "$tmp/cache/eao"
chmod 777 "$tmp/cache/eao"
run | cmp "$tmp/want" -
must "a folder open to others stays empty" "$(entries)" -eq 0
XDG_CACHE_HOME=/dev/null/none HOME=/dev/null run | cmp "$tmp/want" -
