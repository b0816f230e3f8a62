#!/bin/sh
# All tests: style, layers, gcc and clang builds, sanitizers, cross builds under qemu, conformance.
# Ends with one line that counts what ran.
set -eu
cd "$(dirname "$0")/.."
EAO_SETUP=all
export EAO_SETUP
scripts/setup.sh all
if [ -z "${EAO_DATA:-}" ] && [ -d ../shared/data ]; then
  EAO_DATA=$(cd ../shared/data && pwd)
  export EAO_DATA
fi
[ -n "${EAO_DATA:-}" ] || echo "test: EAO_DATA is not set: tests on real models are skipped"
scripts/peers.sh || echo "test: peers cannot be installed: comparisons with them are skipped"

passed=0 failed=0 skipped=0
# One named check: a command whose exit status decides.
check() {
  name=$1
  shift
  if "$@" >build/check.log 2>&1; then
    passed=$((passed + 1))
    echo "ok    $name"
  else
    failed=$((failed + 1))
    echo "FAIL  $name"
    tail -n 40 build/check.log
  fi
}
# The tests of one build. ctest's own summary line is parsed for the count.
suite() {
  preset=$1
  shift
  if ! scripts/build.sh "$preset"; then
    failed=$((failed + 1))
    return
  fi
  log=build/$preset.ctest.log
  ctest --test-dir "build/$preset" -j2 --output-on-failure "$@" >"$log" 2>&1 || true
  f=$(grep -cE '\*\*\*(Failed|Timeout|Exception|Not Run)' "$log" || true)
  s=$(grep -cE '\*\*\*Skipped' "$log" || true)
  p=$(grep -cE ' Passed ' "$log" || true)
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  [ "$((p + f + s))" -gt 0 ] || { failed=$((failed + 1)); echo "FAIL  $preset: no test ran"; }
  echo "suite $preset: $p passed, $f failed, $s skipped"
  if [ "$f" -gt 0 ]; then grep -vE ' Passed ' "$log" | tail -n 80; fi
  grep -E '\*\*\*Skipped' "$log" || true
}

mkdir -p build
check "layers" tools/layers
check "format" make -s format-check
suite release
suite asan -LE slow
suite clang -LE slow
check "the same packages from gcc and clang" tests/determinism.sh build/release/eao build/clang/eao
suite fuzz -R _fresh
for arch in aarch64 riscv64 armv7; do
  grep -q "\"$arch\"" CMakePresets.json && suite "$arch" -LE slow
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
