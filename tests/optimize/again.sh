#!/bin/bash
# Does the chosen artifact meet every budget when it is measured again, by other commands? Prints the
# time of each search.
#   again.sh EAO_PROGRAM MODEL DATA SPEC LATENCY_MS SIZE_KIB DROP [further options of eao optimize]
set -u
eao=$1 model=$2 data=$3 spec=$4 latency=$5 size=$6 drop=$7
shift 7
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
start=$(date +%s%N)
"$eao" optimize "$model" --data "$data" --spec "$spec" --json --output "$tmp/out" "$@" \
  --budget "latency_p95_ms=$latency,size_kib=$size,accuracy_drop_max=$drop" >"$tmp/report" 2>"$tmp/err"
code=$?
seconds=$((($(date +%s%N) - start) / 1000000000))
[ $code -eq 0 ] || { echo "$model: exit code $code after $seconds s: $(tail -1 "$tmp/err")"; exit 1; }
p95=$("$eao" bench "$tmp/out/model.eao" --json --no-profile | grep -o '"latency_p95_ms": [0-9.e-]*' | cut -d' ' -f2)
bytes=$(stat -c %s "$tmp/out/model.eao")
top() { "$eao" eval "$1" --data "$data" --spec "$spec" --json 2>/dev/null | grep -o '"value": [0-9.]*' | head -1 | cut -d' ' -f2; }
before=$(top "$model") after=$(top "$tmp/out/model.eao")
awk -v m="${model##*/}" -v s=$seconds -v p="$p95" -v l="$latency" -v b="$bytes" -v z="$size" -v x="$before" \
  -v y="$after" -v d="$drop" 'BEGIN {
  ok = p <= l && b / 1024 <= z && 100 * (x - y) <= d
  printf "%s: search %d s; again: p95 %.4g of %.4g ms, %.4g of %.4g KiB, drop %.3g of %.3g points: %s\n",
    m, s, p, l, b / 1024, z, 100 * (x - y), d, ok ? "met" : "MISSED"
  exit !ok }'
