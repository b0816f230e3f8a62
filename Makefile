# The two commands of the README, and shortcuts around CMake presets.
.PHONY: all demo test test-quick peers format format-check lint coverage clean

all: ; @scripts/build.sh release
demo: ; @scripts/demo.sh
# Everything CI runs: gcc and clang, sanitizers, conformance, cross builds, style, layers.
test: ; @scripts/test.sh
# Unit tests of the debug build only.
test-quick:
	@scripts/build.sh debug
	@ctest --test-dir build/debug -LE slow -j2 --output-on-failure
peers: ; @scripts/peers.sh
format: ; @git ls-files '*.c' '*.h' | xargs clang-format -i
format-check: ; @git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror
clean: ; rm -rf build
