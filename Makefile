# Shortcuts around CMake presets, and the two commands of the README: demo and test.
.PHONY: all bench demo test test-quick peers format format-check lint clean

all: ; @scripts/build.sh release
demo: ; @scripts/demo.sh
# Everything CI runs: gcc and clang, sanitizers, conformance, cross builds, style, layers.
test: ; @scripts/test.sh
# Unit tests of the debug build only.
test-quick:
	@scripts/build.sh debug
	@ctest --test-dir build/debug -LE slow -j2 --output-on-failure
peers: ; @scripts/peers.sh
# Side by side with other runtimes; see bench/README.md. `make bench ARGS=--quick`
bench:
	@scripts/build.sh release
	@scripts/peers.sh bench
	@.venv/bin/python bench/run $(ARGS)
format: ; @git ls-files '*.c' '*.h' | xargs clang-format -i
format-check: ; @git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror
# clang-tidy over the compiled sources, with .clang-tidy's checks.
lint:
	@scripts/build.sh clang
	@git ls-files 'src/*.c' | grep -vE '_test\.c$$|kernel/arm/' | xargs -P2 -n8 clang-tidy --quiet -p build/clang
clean: ; rm -rf build
