#!/bin/sh
# One fuzz target for some seconds, started from its corpus:  fuzz.sh TARGET-BINARY SECONDS [FOLDER]
# Inputs may not take more than 2 seconds or 256 MiB (on top of what the sanitizers take). New
# corpus files go to FOLDER and stay there (default: a temporary one). What fails is left as
# build/fuzz-findings/<target>-*.
set -eu
target=$1 seconds=$2
root=$(cd "$(dirname "$0")/.." && pwd)
name=$(basename "$target")
findings=$root/build/fuzz-findings
mkdir -p "$findings"
if [ $# -gt 2 ]; then
  grown=$3
  mkdir -p "$grown"
else
  grown=$(mktemp -d)
  trap 'rm -rf "$grown"' EXIT
fi
dict=$root/tests/fuzz/$name.dict
[ -f "$dict" ] && dict=-dict=$dict || dict=
# Freed memory that the address sanitizer holds back would count as memory of the input.
export ASAN_OPTIONS="quarantine_size_mb=8:${ASAN_OPTIONS:-}"
"$target" -max_total_time="$seconds" -timeout=2 -malloc_limit_mb=256 -rss_limit_mb=512 \
  -max_len=65536 -seed="${SEED:-1}" -print_final_stats=1 -close_fd_mask=1 $dict \
  -artifact_prefix="$findings/$name-" "$grown" "$root/tests/fuzz/corpus/$name"
