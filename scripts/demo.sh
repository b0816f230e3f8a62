#!/bin/sh
# Shows the best that EAO can do so far, on real input.
set -eu
cd "$(dirname "$0")/.."
scripts/build.sh release
build/release/eao --version
