#!/bin/sh
# Packages compressed and back are the same bytes; damage and bombs are refused, nothing is written.
#   tests/pack_test.sh EAO_PROGRAM SOURCE_DIR
set -eu
eao=$1 src=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
p=$src/tests/fuzz/corpus/eao_fuzz/golden.eao
"$eao" pack "$p" a.zst
"$eao" unpack a.zst a.eao
cmp "$p" a.eao
refused() {
  if "$eao" "$@" 2>err; then echo "not refused: $*"; exit 1; fi
  [ ! -e out ] || { echo "wrote in spite of: $*"; exit 1; }
}
size=$(wc -c <a.zst)
printf 'x' | cat a.zst - >longer
refused unpack longer out
head -c $((size - 1)) a.zst >shorter
refused unpack shorter out
: >empty
refused unpack empty out
refused unpack a.eao out
refused pack a.zst out
for at in 3 9 $((size / 2)) $((size - 2)); do
  cp a.zst bad
  printf '\377\0\377' | dd of=bad bs=1 seek="$at" conv=notrunc 2>/dev/null
  refused unpack bad out
done
if command -v zstd >/dev/null; then
  zstd -q -d a.zst -o b.eao
  cmp "$p" b.eao
  head -c 100000000 /dev/zero | zstd -q -19 --stream-size=100000000 -o bomb
  refused unpack bomb out
  grep -q 'claims to become' err
  zstd -q <"$p" >stream # without a size
  refused unpack stream out
fi
