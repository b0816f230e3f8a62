#!/bin/bash
# eao optimize on other machines: measuring behind ssh, against an sshd of our own on this machine;
# verifying results for arm64 under qemu-user, where a cross compiler and qemu are installed.
#   device_test.sh EAO_PROGRAM SOURCE_DIR DEVICE_BENCH
# Exit code 77 (skipped) when neither can be done.
set -u
eao=$(realpath "$1") src=$(realpath "$2") runner=$(realpath "$3")
model=$src/examples/fashion/fashion_mobilenet.onnx
tmp=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; rm -rf "$tmp"' EXIT
fail() { echo "device_test: $*" >&2; exit 1; }
done=0

# ---- ssh ----
sshd=$(command -v sshd || ls /usr/sbin/sshd 2>/dev/null)
if [ -z "$sshd" ] || ! command -v ssh >/dev/null || ! command -v scp >/dev/null; then
  echo "sshd or ssh is not installed: measuring on a device is not tested"
else
  port=$((20000 + $$ % 20000))
  ssh-keygen -q -t ed25519 -N '' -f "$tmp/host_key"
  ssh-keygen -q -t ed25519 -N '' -f "$tmp/key"
  mkdir -p /run/sshd 2>/dev/null || true
  cat >"$tmp/sshd_config" <<EOF
Port $port
ListenAddress 127.0.0.1
HostKey $tmp/host_key
AuthorizedKeysFile $tmp/key.pub
PidFile $tmp/sshd.pid
StrictModes no
UsePAM no
PasswordAuthentication no
Subsystem sftp internal-sftp
EOF
  cat >"$tmp/ssh_config" <<EOF
Host *
  IdentityFile $tmp/key
  IdentitiesOnly yes
  StrictHostKeyChecking no
  UserKnownHostsFile $tmp/known_hosts
  LogLevel ERROR
EOF
  "$sshd" -D -f "$tmp/sshd_config" -E "$tmp/sshd.log" &
  pid=$!
  export EAO_SSH_CONFIG=$tmp/ssh_config
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    ssh -F "$tmp/ssh_config" -p $port "$(id -un)@127.0.0.1" true 2>/dev/null && break
    sleep 0.3
  done
  "$eao" target probe >"$tmp/board.yaml" || fail "target probe"
  "$eao" optimize "$model" --shape N=1 --target "$tmp/board.yaml" --threads 1 --json \
    --device "ssh://$(id -un)@127.0.0.1:$port" --runner "$runner" --budget latency_p95_ms=1000 \
    --output "$tmp/out" >"$tmp/report" 2>"$tmp/err" ||
    fail "behind ssh: $(cat "$tmp/err" "$tmp/sshd.log")"
  grep -q '"measured": true' "$tmp/report" || fail "the report does not say that it measured"
  grep -q '"verified": "on the device"' "$tmp/report" || fail "not verified on the device"
  chosen=$(grep '"chosen"' "$tmp/report")
  echo "$chosen" | grep -q '"latency_p95_ms": [0-9]' || fail "no latency: $chosen"
  echo "$chosen" | grep -q '"estimated": \[[^]]*latency' && fail "latency is estimated: $chosen"
  ls -d /tmp/eao-?????? 2>/dev/null | while read -r d; do
    [ ! -e "$d/device_bench" ] || { echo "left on the device: $d" >&2; exit 1; }
  done || fail "the device was not cleaned up"
  "$eao" optimize "$model" --shape N=1 --target "$tmp/board.yaml" --runner "$runner" \
    --device "ssh://$(id -un)@127.0.0.1:1" --output "$tmp/out2" >/dev/null 2>"$tmp/err"
  [ $? -eq 6 ] && grep -q 'no connection' "$tmp/err" || fail "a closed port: $(cat "$tmp/err")"
  "$eao" optimize "$model" --shape N=1 --target "$tmp/board.yaml" --device 'ssh://-oProxyCommand=x' \
    --runner "$runner" --output "$tmp/out2" >/dev/null 2>"$tmp/err"
  [ $? -eq 2 ] || fail "a host that looks like an option was accepted"
  echo "measured behind ssh"
  done=1
fi

# ---- qemu ----
if ! command -v qemu-aarch64 >/dev/null || ! command -v aarch64-linux-gnu-gcc >/dev/null; then
  echo "no qemu-aarch64 or cross compiler: verifying under emulation is not tested"
else
  cmake -S "$src" --preset aarch64 -B "$tmp/aarch64" >/dev/null || fail "cmake for arm64"
  nice cmake --build "$tmp/aarch64" --target device_bench >"$tmp/log" 2>&1 || fail "$(tail -5 "$tmp/log")"
  printf 'name: board\ninherits: raspberry-pi-4\nmemory: {weights_in_ram: 0}\n' >"$tmp/arm.yaml"
  "$eao" optimize "$model" --shape N=1 --target "$tmp/arm.yaml" --runner "$tmp/aarch64/device_bench" \
    --json --output "$tmp/arm" >"$tmp/report" 2>"$tmp/err" || fail "for arm64: $(cat "$tmp/err")"
  grep -q '"verified": "under emulation (qemu-aarch64)"' "$tmp/report" ||
    fail "not verified under emulation"
  grep -q '"verified_wrong": false' "$tmp/report" || fail "wrong results under emulation"
  # The estimate of RAM is what libeao asks for there.
  want=$(grep '"nearest"' "$tmp/report" | grep -o '"ram_peak_kib": [0-9.]*' | cut -d' ' -f2)
  have=$(qemu-aarch64 "$tmp/aarch64/device_bench" "$tmp/arm/model.eao" --runs 1 |
    grep -o '"session_bytes": [0-9]*' | cut -d' ' -f2)
  awk -v w="$want" -v h="$have" 'BEGIN { d = w * 1024 - h; exit !(d < 1 && d > -1) }' ||
    fail "RAM: $want KiB estimated, but libeao asks for $have bytes on arm64"
  echo "verified under emulation"
  done=1
fi
[ $done -eq 1 ] || exit 77
