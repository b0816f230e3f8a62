#!/bin/sh
# Installs the Debian packages that EAO needs to build, test and show itself. Does nothing, fast,
# when all are there. Works as root or with sudo.
set -eu

build="gcc libc6-dev make cmake ninja-build pkg-config libjansson-dev libfyaml-dev
  libjpeg62-turbo-dev libpng-dev zlib1g-dev libzstd-dev libsndfile1-dev libcmocka-dev"
check="clang clang-format clang-tidy libclang-rt-14-dev ccache libonnx-testdata
  dataset-fashion-mnist python3 python3-venv qemu-user gcc-aarch64-linux-gnu
  gcc-riscv64-linux-gnu gcc-arm-linux-gnueabihf libc6-dev-arm64-cross libc6-dev-riscv64-cross
  libc6-dev-armhf-cross"

case "${1:-all}" in
  build) want="$build dataset-fashion-mnist" ;;
  all) want="$build $check" ;;
  *) echo "usage: $0 [build|all]" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "setup: this is not Debian. Install the equivalents of:" $want >&2
  exit 1
fi
missing=""
for p in $want; do
  case "$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null)" in
    *"install ok installed"*) ;;
    *) missing="$missing $p" ;;
  esac
done
[ -n "$missing" ] || exit 0

echo "setup: installing$missing"
if [ "$(id -u)" = 0 ]; then
  sudo=""
elif command -v sudo >/dev/null 2>&1; then
  sudo="sudo"
else
  echo "setup: not root and no sudo. Run as root: apt-get install$missing" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
