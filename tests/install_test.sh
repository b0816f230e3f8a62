#!/bin/sh
# A program outside the tree builds against the installed libeao in each documented way: static and
# shared through pkg-config, static and shared through CMake. The shared library exports the public
# functions and nothing else.
#   tests/install_test.sh BUILD_DIR SOURCE_DIR
set -eu
build=$1 src=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cmake --install "$build" --prefix "$tmp/moved" --component device >/dev/null
mv "$tmp/moved" "$tmp/eao" # nothing installed may know where it is
pc=$(find "$tmp/eao" -name eao.pc)
lib=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH="$(dirname "$pc")"
cp "$src/examples/run_model.c" "$tmp/app.c"
runs() { # a program without arguments explains itself
  "$@" 2>&1 | grep -q 'run_model net.eao' || { echo "$1 does not run"; exit 1; }
}
cd "$tmp"
${CC:-cc} app.c $(pkg-config --cflags eao) "$lib/libeao.a" $(pkg-config --static --libs eao | sed 's/-leao//') -o by_pc_static
runs ./by_pc_static
${CC:-cc} app.c $(pkg-config --cflags --libs eao) -o by_pc_shared
LD_LIBRARY_PATH="$lib" runs ./by_pc_shared
readelf -d by_pc_shared | grep -q 'libeao\.so\.0' || { echo "no soname with a version"; exit 1; }
cat >CMakeLists.txt <<EOF
cmake_minimum_required(VERSION 3.16)
project(app C)
find_package(eao 0.1 REQUIRED)
foreach(kind eao eao_shared)
  add_executable(by_\${kind} app.c)
  target_link_libraries(by_\${kind} PRIVATE eao::\${kind})
endforeach()
EOF
cmake -S . -B b -DCMAKE_PREFIX_PATH="$tmp/eao" >/dev/null
cmake --build b >/dev/null
runs b/by_eao
runs b/by_eao_shared
# Every declared function is exported, and nothing else.
sed -n 's/^[a-z].*[ *]\(eao_[a-z_0-9]*\)(.*/\1/p' "$tmp"/eao/include/eao/rt.h "$tmp"/eao/include/eao/types.h |
  grep -v '_fn$' | sort -u >declared
nm -D --defined-only "$lib/libeao.so" | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }' | sort -u >exported
diff declared exported || { echo "exported functions differ from the declared ones"; exit 1; }
