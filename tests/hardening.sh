#!/bin/sh
# The program is position-independent, its relocations are read-only after start, its stack is not
# executable, and the compiler's checks are in it:  hardening.sh EAO-BINARY
set -eu
eao=$1 bad=0
command -v readelf >/dev/null || { echo "skipped: no readelf"; exit 77; }
need() { # what, pattern, text
  echo "$3" | grep -qE -- "$2" || { echo "FAIL: $1"; bad=1; }
}
headers=$(readelf -Wl "$eao")
dynamic=$(readelf -Wd "$eao")
symbols=$(readelf -Ws "$eao")
need "not position-independent" 'Elf file type is DYN' "$headers"
need "no read-only relocations" 'GNU_RELRO' "$headers"
need "symbols are bound late" 'BIND_NOW|FLAGS_1.*NOW' "$dynamic"
need "executable stack" 'GNU_STACK +[^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ RW ' "$headers"
if echo "$headers" | grep -E 'LOAD' | grep -qE ' RWE '; then
  echo "FAIL: a segment is writable and executable"
  bad=1
fi
# Sanitizers bring their own checks.
if ! echo "$symbols" | grep -qE '__(asan|tsan|msan)_init'; then
  need "no stack protector" '__stack_chk_fail' "$symbols"
  [ "${BUILD_TYPE:-}" != Release ] || need "libc is not fortified" '__(memcpy|snprintf|vsnprintf|printf|fprintf)_chk' "$symbols"
fi
exit $bad
