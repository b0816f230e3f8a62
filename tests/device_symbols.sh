#!/bin/sh
# What libeao takes from outside: a few functions of libc and libm, and none that allocates, prints
# or ends the program.
#   tests/device_symbols.sh libeao.a
set -eu
allowed='memcpy|memset|memmove|memcmp|strcmp|strlen|strerror|open|open64|close|fstat|fstat64|mmap|mmap64|munmap|getauxval'
allowed="$allowed|abs|__errno_location|__stack_chk_fail|memchr|sched_yield|pthread_(create|join|setaffinity_np|mutex_(init|lock|unlock|destroy)|cond_(init|wait|broadcast|destroy))|_GLOBAL_OFFSET_TABLE_"
libm='a?(sin|cos|tan)h?f?|atan2f?|expf?|exp2f?|expm1f?|logf?|log2f?|log10f?|log1pf?|powf?|sqrtf?|cbrtf?|floorf?|ceilf?|truncf?'
libm="$libm|rintf?|nearbyintf?|roundf?|lrintf?|lrint|llrint|fmodf?|erff?|erfcf?|fabsf?|fmaxf?|fminf?|fmaf?|hypotf?|ldexpf?|scalbnf?|frexpf?|remainderf?|copysignf?|nextafterf?|lroundf?|sincosf?"
bad=$(nm "$1" 2>/dev/null | awk '
  $1 == "U" { want[$2] = 1 }
  NF == 3 { have[$3] = 1 }
  END { for (s in want) if (!(s in have)) print s }' |
  grep -Ev "^($allowed|$libm)\$" | grep -Ev '^__(asan|ubsan|tsan|sanitizer|gcov|start|stop)' || true)
[ -z "$bad" ] || { echo "libeao uses:"; echo "$bad"; exit 1; }
