#!/bin/sh
# Every public header compiles alone, as C11 and as C++11, without a warning.
#   tests/headers.sh SOURCE_DIR
set -eu
cd "$1/include"
bad=0
for f in eao/*.h; do
  printf "#include \"%s\"\nextern int not_empty;\n" "$f" | "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -I. -fsyntax-only -xc - || bad=1
  if command -v "${CXX:-c++}" >/dev/null; then
    printf "#include \"%s\"\nextern int not_empty;\n" "$f" | "${CXX:-c++}" -std=c++11 -Wall -Wextra -Wpedantic -Werror -I. -fsyntax-only -xc++ - || bad=1
  fi
done
[ $bad = 0 ] && echo "headers: $(ls eao/*.h | wc -l) compile alone"
exit $bad
