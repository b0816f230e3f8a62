#!/bin/sh
# Installs what is missing and builds one CMake preset (default: release), quietly unless it fails.
set -eu
cd "$(dirname "$0")/.."
preset=${1:-release}
scripts/setup.sh "${EAO_SETUP:-build}"
mkdir -p build
log=build/$preset.log
if ! { cmake --preset "$preset" && cmake --build "build/$preset"; } >"$log" 2>&1; then
  grep -E 'error|warning|undefined' -A4 "$log" || tail -n 40 "$log"
  echo "build: preset '$preset' failed; all of it is in $log" >&2
  exit 1
fi
