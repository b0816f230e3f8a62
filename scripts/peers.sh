#!/bin/sh
# Makes .venv with the peers that tests and benchmarks compare with. Does nothing when it is there.
# Tests that need a peer skip, and say so, without it.
set -eu
cd "$(dirname "$0")/.."
stamp=.venv/.eao-peers
want=$(cat scripts/peers.txt)
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ] && exit 0
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check -r scripts/peers.txt
printf '%s\n' "$want" >"$stamp"
