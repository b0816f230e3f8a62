#!/bin/sh
# Makes .venv with the peers that tests compare with; "bench" adds those of the benchmark. Does
# nothing when all are there. Tests that need a peer skip, and say so, without it.
set -eu
cd "$(dirname "$0")/.."
list=scripts/peers.txt
[ "${1:-}" != bench ] || list="$list bench/peers.txt"
want=$(cat $list)
# pnnx converts models for ncnn; its program needs nothing of the gigabytes its package asks for.
[ "${1:-}" != bench ] || want="$want pnnx"
stamp=.venv/.eao-peers
if [ -f "$stamp" ]; then
  case "$(cat "$stamp")" in *"$want"*) exit 0 ;; esac
fi
[ -x .venv/bin/python ] || python3 -m venv .venv
for f in $list; do .venv/bin/pip install --quiet --disable-pip-version-check -r "$f"; done
[ "${1:-}" != bench ] || .venv/bin/pip install --quiet --disable-pip-version-check --no-deps pnnx
printf '%s\n' "$want" >"$stamp"
