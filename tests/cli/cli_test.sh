#!/bin/bash
# The program as people and scripts use it: real commands on the small models of tests/data.
#   cli_test.sh EAO-BINARY [TEST...]
# BIG_MODEL: the program that writes a large model; BUILD_TYPE: bounds on time hold in Release.
set -u
eao=$1
shift
root=$(cd "$(dirname "$0")/../.." && pwd)
data=$root/tests/data
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export TMPDIR=$tmp
failed=0 count=0
case_name=

# expect CODE command...: runs it, keeps stdout in $tmp/out and stderr in $tmp/err.
expect() {
  local want=$1 got
  shift
  count=$((count + 1))
  "$@" >"$tmp/out" 2>"$tmp/err" && got=0 || got=$?
  [ "$got" = "$want" ] && return
  failed=$((failed + 1))
  echo "FAIL $case_name: exit code $got, expected $want: $*"
  sed 's/^/    /' "$tmp/out" "$tmp/err" | head -20
}
# says WHERE PATTERN...: the last command's output (out or err) matches each extended regex.
says() {
  local where=$1
  shift
  for p; do
    count=$((count + 1))
    grep -qE -- "$p" "$tmp/$where" && continue
    failed=$((failed + 1))
    echo "FAIL $case_name: std$where lacks /$p/:"
    sed 's/^/    /' "$tmp/$where" | head -20
  done
}
is() { # is WHAT GOT WANT
  count=$((count + 1))
  [ "$2" = "$3" ] && return
  failed=$((failed + 1))
  echo "FAIL $case_name: $1 is '$2', expected '$3'"
}
# Value of a key in the JSON document of the last command, without needing a JSON tool.
json() {
  tr -d '\n' <"$tmp/out" | grep -oE "\"$1\": *(\"[^\"]*\"|[-0-9.e+]+|true|false|null)" | head -1 |
    sed -E 's/^[^:]*: *//; s/^"(.*)"$/\1/'
}

test_help() {
  expect 0 "$eao" --help
  says out 'usage: eao COMMAND' '^  inspect ' '^  run ' 'Exit codes: 0 done'
  commands=$(sed -n 's/^  \([a-z]*\) .*/\1/p' "$tmp/out")
  for c in $commands; do
    expect 0 "$eao" "$c" --help
    says out "^usage: eao $c" '^options:' '--json' '^examples:' "^  eao $c" '^exit codes:'
    cp "$tmp/out" "$tmp/help"
    expect 0 "$eao" help "$c"
    is "help $c" "$(cat "$tmp/out")" "$(cat "$tmp/help")"
  done
  expect 0 "$eao" --version
  says out '^eao [0-9]+\.[0-9]+\.[0-9]+$'
}

# 120 rows whose class is one more than the largest number's place; then rows that are not enough.
test_audit() {
  local m=$tmp/m.onnx d=$tmp/d.csv
  cp "$data/classifier/model.onnx" "$m"
  expect 2 "$eao" audit "$m"
  says err '--data is missing'
  expect 6 "$eao" audit "$m" --data "$tmp/nowhere"
  says err 'No such file'
  mkdir -p "$tmp/no_data"
  expect 4 "$eao" audit "$m" --data "$tmp/no_data"
  says err 'no data set that is known'
  printf 'hello\n' >"$tmp/no_data/notes.txt"
  expect 4 "$eao" eval "$m" --data "$tmp/no_data/notes.txt"
  says err 'no data set that is known'
  for i in $(seq 40); do echo "0,$i,2"; done >"$d"
  expect 1 "$eao" audit "$m" --data "$d"
  says out 'error: samples of a single class \(single-class, 99 % sure\)' '^  -> ' \
    'not checked: the model with these samples'
  expect 1 "$eao" audit "$m" --data "$d" --json
  is 'level' "$(json level)" error
  expect 4 "$eao" eval "$m" --data "$d" --metric map
  says err 'map needs true boxes'
  expect 2 "$eao" eval "$m" --data "$d" --metric accuracy
  says err 'known: top1'
}

test_usage() {
  expect 2 "$eao"
  says err 'usage: eao'
  expect 2 "$eao" inspct model.onnx
  says err "no command 'inspct'; did you mean 'inspect'"
  expect 2 "$eao" xyzzy
  says err "no command 'xyzzy'"
  expect 2 "$eao" run model.onnx --inptu x.npy
  says err 'no option --inptu; did you mean --input'
  expect 2 "$eao" run model.onnx --input
  says err '--input needs a value'
  expect 2 "$eao" inspect model.onnx --json=yes
  says err '--json takes no value'
  expect 2 "$eao" run model.onnx --seed 1 --seed 2
  says err 'given twice'
  expect 2 "$eao" inspect
  says err 'too few arguments'
  expect 2 "$eao" inspect a b
  says err 'too many arguments'
  expect 2 "$eao" run "$data/two/model.onnx" --input c=zeros
  says err "names no input; the model has: a, b"
  expect 2 "$eao" run "$data/two/model.onnx" --seed many
  says err 'is not an integer'
  expect 2 "$eao" run "$data/two/model.onnx" --rtol -1 --check "$data/two"
  expect 2 "$eao" run "$data/two/model.onnx" --shape a
  expect 2 "$eao" run "$data/classifier/model.onnx" --pixels odd
  expect 2 "$eao" inspect "$data/classifier/model.onnx" --shape btch=2
  says err "no input or dimension 'btch'; did you mean 'batch'"
  expect 2 "$eao" inspect "$data/two/model.onnx" --shape q=2
}

test_bad_input() {
  expect 6 "$eao" inspect "$tmp/none.onnx"
  says err 'cannot open'
  echo 'no model' >"$tmp/text.onnx"
  expect 4 "$eao" inspect "$tmp/text.onnx"
  says err "neither an ONNX nor a TFLite"
  : >"$tmp/empty.onnx"
  expect 4 "$eao" inspect "$tmp/empty.onnx"
  head -c 300 "$data/classifier/model.onnx" >"$tmp/cut.onnx"
  expect 4 "$eao" run "$tmp/cut.onnx"
  expect 5 "$eao" inspect "$data/unknown/model.onnx"
  says err 'odd' 'Frobnicate' 'org.example'
  expect 5 "$eao" inspect "$data/unknown/model.onnx" --json
  is status "$(json status)" unsupported
  printf 'not an array' >"$tmp/x.npy"
  expect 4 "$eao" run "$data/two/model.onnx" --input a="$tmp/x.npy"
  expect 6 "$eao" run "$data/two/model.onnx" --input a="$tmp/none.npy"
  expect 4 "$eao" run "$data/classifier/model.onnx" --input "$data/two/test_data_set_0/input_0.pb"
  says err 'image' 'shape'
  [ -w /dev/full ] && {
    "$eao" --help >/dev/full 2>/dev/null
    is 'code on a full disk' $? 6
  }
}

test_inspect() {
  expect 0 "$eao" inspect "$data/classifier/model.onnx" --json
  # By hand: 4*3*3*3 + 4 + 5*4 + 5 weights; 4*4*4 * 27 + 5*4 products; the input (3*8*8) and the
  # first convolution's output (4*4*4) are the most alive at once.
  is params "$(json params)" 137
  is macs "$(json macs)" 1748
  is peak "$(json peak_activation_bytes)" 1024
  is conv "$(json conv)" 1
  is opset "$(json onnx.opset)" 17
  is quantisation "$(json state)" none
  says out '"inputs"' '"outputs"' '"image"' '"batch"' '"weight_bytes"'
  expect 0 "$eao" inspect "$data/classifier/model.onnx" --shape batch=3 --json
  is 'macs of three' "$(json macs)" $((3 * 1748))
  expect 0 "$eao" inspect "$data/classifier/model.onnx" --shape image=2,3,8,8 --json
  is 'macs of two' "$(json macs)" $((2 * 1748))
  expect 0 "$eao" inspect "$data/quantised/model.onnx" --json
  is quantisation "$(json state)" integer
  is scale "$(json scale | cut -c1-4)" 0.02
  expect 0 "$eao" inspect "$data/classifier/model.onnx"
  says out '^MACs +1,748$' '^parameters +137$' '^input +image +f32 \[batch=1,3,8,8\]'
  ! grep -q $'\x1b' "$tmp/out" || is 'colour in a pipe' yes no
  expect 0 "$eao" inspect "$data/classifier/model.onnx" --text
  says out '^graph ' 'conv\(' 'output %'
}

test_sandbox() {
  local m=$data/classifier/model.onnx o=$tmp/sandbox
  expect 0 "$eao" inspect "$m" --no-sandbox --json
  cp "$tmp/out" "$tmp/plain"
  "$eao" inspect "$m" --sandbox --json >"$tmp/out" 2>"$tmp/err" || {
    says err 'not available' # builds with sanitizers
    return
  }
  is 'the same output' "$(cat "$tmp/out")" "$(cat "$tmp/plain")"
  expect 0 "$eao" convert "$m" "$o.tflite" --sandbox
  expect 0 "$eao" convert "$m" "$o.plain.tflite" --no-sandbox
  is 'the same file' "$(cksum <"$o.tflite")" "$(cksum <"$o.plain.tflite")"
  expect 0 "$eao" compile "$m" --sandbox -o "$o.eao"
  expect 0 "$eao" run "$o.eao" --sandbox
  expect 0 "$eao" inspect "$m" --sandbox --html "$o.html"
  head -c 300 "$m" >"$tmp/cut.onnx"
  expect 4 "$eao" convert "$tmp/cut.onnx" "$o.none.tflite" --sandbox
  expect 6 "$eao" convert "$m" "$tmp/no-such-folder/x.onnx" --sandbox
  expect 2 "$eao" run "$m" --sandbox --output-dir "$tmp/d"
  is 'nothing else left' "$(cd "$tmp" && echo sandbox*)" \
    'sandbox.eao sandbox.html sandbox.plain.tflite sandbox.tflite'
}

test_html() {
  expect 0 "$eao" inspect "$data/classifier/model.onnx" --html "$tmp/g.html"
  cp "$tmp/g.html" "$tmp/out"
  says out '<svg' 'conv' '1×4×4×4' 'prefers-color-scheme: dark' '</html>'
  # Nothing is fetched: no address but the XML name space.
  is 'foreign addresses' "$(grep -oE '(https?:)?//[a-z0-9.]+/?[a-z0-9./]*' "$tmp/g.html" | grep -v 'http://www.w3.org/2000/svg' | sort -u)" ''
  is 'boxes' "$(grep -c 'tabindex=' "$tmp/g.html")" 8
  expect 6 "$eao" inspect "$data/classifier/model.onnx" --html "$tmp/no/g.html"
}

test_passes() {
  expect 0 "$eao" inspect "$data/classifier/model.onnx" --passes
  says out '^pass +round +changes' '^\(as read\) ' '^channels_last +1 ' 'nothing to do for:.* fold_qdq'
  expect 0 "$eao" inspect "$data/classifier/model.onnx" --passes --json
  says out '"as_read"' '"before"' '"after"' '"idle"'
}

test_plan() {
  expect 0 "$eao" compile "$data/classifier/model.onnx" --html "$tmp/plan.html"
  says out '^arena '
  is 'pages' "$(grep -c '</html>' "$tmp/plan.html")" 1
  is 'requests' "$(grep -cE 'https?://|<script|url\(' "$tmp/plan.html")" 0
  expect 6 "$eao" compile "$data/classifier/model.onnx" --html "$tmp/no/plan.html"
  says err "cannot write '.*/no/plan.html'"
  expect 2 "$eao" compile "$data/classifier/model.onnx" --stream sometimes
  says err "'sometimes' is none of auto, always, never"
  for when in auto always never; do
    expect 0 "$eao" compile "$data/classifier/model.onnx" --stream $when --json
    says out '"arena_bytes"'
  done
}

test_run() {
  expect 0 "$eao" run "$data/classifier/model.onnx"
  says out 'probabilities +f32 \[1,5\]'
  cp "$tmp/out" "$tmp/first"
  expect 0 "$eao" run "$data/classifier/model.onnx" --seed 0
  is 'the default seed' "$(cat "$tmp/out")" "$(cat "$tmp/first")"
  expect 0 "$eao" run "$data/classifier/model.onnx" --seed 1
  [ "$(cat "$tmp/out")" != "$(cat "$tmp/first")" ] || is 'another seed' same different
  expect 0 "$eao" run "$data/classifier/model.onnx" --shape batch=4 --json
  says out '"probabilities"'
  printf 'zero\none\ntwo\nthree\nfour\n' >"$tmp/labels.txt"
  expect 0 "$eao" run "$data/classifier/model.onnx" --labels "$tmp/labels.txt" --top 2
  says out '^top 2 of probabilities' '(zero|one|two|three|four)$'
  expect 6 "$eao" run "$data/classifier/model.onnx" --labels "$tmp/none.txt"
}

test_output_dir() {
  # The outputs are called '../../sum' and 'a/b': nothing may be written outside of the folder.
  mkdir -p "$tmp/in/side"
  expect 0 "$eao" run "$data/two/model.onnx" --input a=ones --input b=ones --output-dir "$tmp/in/side/o"
  is 'files' "$(cd "$tmp/in" && find . -type f | sort | tr '\n' ' ')" './side/o/_._.._sum.npy ./side/o/a_b.npy '
  # 1 + 1 as float32
  is 'last element' "$(tail -c 4 "$tmp/in/side/o/_._.._sum.npy" | od -An -tx1 | tr -d ' ')" 00000040
  # What run wrote, run reads.
  expect 0 "$eao" run "$data/two/model.onnx" --input a="$tmp/in/side/o/_._.._sum.npy" --input b=zeros
  says out '\.\./\.\./sum = 2 2 2 2 2 2'
  expect 6 "$eao" run "$data/two/model.onnx" --output-dir "$tmp/text.onnx/o"
}

test_check() {
  for m in classifier two quantised; do
    expect 0 "$eao" run "$data/$m/model.onnx" --check "$data/$m"
    says out '^passed: '
  done
  expect 0 "$eao" run "$data/classifier/model.onnx" --check "$data/classifier" --json
  is ok "$(json ok)" true
  expect 0 "$eao" run "$data/classifier/model.onnx" --check "$data/classifier/test_data_set_1"
  says out '1 of 1 sets'
  expect 1 "$eao" run "$data/classifier_rough/model.onnx" --check "$data/classifier"
  says out 'FAILED: 0 of 2 sets' "output 'probabilities'"
  expect 0 "$eao" run "$data/classifier_rough/model.onnx" --check "$data/classifier" --atol 0.1
  expect 1 "$eao" run "$data/classifier_rough/model.onnx" --check "$data/classifier" --json
  is ok "$(json ok)" false
  expect 4 "$eao" run "$data/two/model.onnx" --check "$data/classifier"
  expect 6 "$eao" run "$data/two/model.onnx" --check "$tmp/none"
  expect 2 "$eao" run "$data/two/model.onnx" --check "$data/two" --input a=ones
}

test_compare() {
  expect 0 "$eao" compare "$data/classifier/model.onnx" "$data/classifier/model.onnx" --json
  is diverged "$(json first_diverged)" null
  says out '"equal": true'
  expect 0 "$eao" compare "$data/classifier/model.onnx" "$data/classifier_rough/model.onnx" --json
  is diverged "$(json first_diverged)" conv0
  expect 1 "$eao" compare "$data/classifier/model.onnx" "$data/classifier_rough/model.onnx" --min-sqnr-db 60
  says out 'first to diverge'
  expect 0 "$eao" compare "$data/classifier/model.onnx" "$data/classifier_nhwc/model.onnx"
  says out 'layouts differ' '^output probabilities +0 ' 'No value diverges'
  expect 0 "$eao" compare "$data/classifier/model.onnx" "$data/classifier_nhwc/model.onnx" \
    --shape image=2,3,8,8 --shape pixels=2,8,8,3
  expect 2 "$eao" compare "$data/classifier/model.onnx" "$data/classifier_nhwc/model.onnx" --shape nothing=2
  expect 4 "$eao" compare "$data/classifier/model.onnx" "$data/two/model.onnx"
}

test_doctor() {
  expect 0 "$eao" doctor --no-measure
  says out '^CPU ' '^memory ' 'optional:'
  expect 0 "$eao" doctor --no-measure --json
  says out '"isa"' '"caches"' '"optional"'
  is arch "$(json arch)" "$(uname -m)"
}

test_bench() {
  expect 0 "$eao" bench "$data/classifier/model.onnx" --check --json
  for k in latency_p50_ms latency_p95_ms latency_p99_ms latency_min_ms throughput_per_s load_ms \
    rss_peak_kib; do
    count=$((count + 1))
    awk -v v="$(json $k)" 'BEGIN { exit !(v > 0) }' || is "$k" "$(json $k)" 'above 0'
  done
  count=$((count + 1))
  awk -v a="$(json latency_min_ms)" -v b="$(json latency_p50_ms)" -v c="$(json latency_p99_ms)" \
    'BEGIN { exit !(a <= b && b <= c) }' || is 'order of percentiles' wrong right
  is self-test "$(json self_test)" passed
  is precision "$(json precision)" fp32
  [ "$(json runs)" -ge 200 ] || is runs "$(json runs)" 'at least 200'
  says out '"steps"' '"kernel"'
  expect 0 "$eao" bench "$data/classifier/model.onnx" --runs 5 --sustained --duration 1s
  says out '^latency ' '^sustained '
  expect 0 "$eao" compile "$data/classifier/model.onnx" -o "$tmp/c.eao"
  expect 0 "$eao" bench "$data/classifier/model.onnx" --threads 2 --runs 5 --json
  is threads "$(json threads)" 2
  expect 0 "$eao" inspect "$tmp/c.eao"
  says out '^input +image +f32 \[1,3,8,8\]' '^package +compiled for 1 thread'
  expect 0 "$eao" inspect "$tmp/c.eao" --json
  is threads "$(json threads)" 1
  expect 2 "$eao" inspect "$tmp/c.eao" --html "$tmp/x.html"
  expect 0 "$eao" bench "$tmp/c.eao" --runs 5
  says out '^memory '
  head -c 200 "$tmp/c.eao" >"$tmp/cut.eao"
  expect 4 "$eao" bench "$tmp/cut.eao"
  expect 2 "$eao" bench "$tmp/c.eao" --duration soon
  is 'files left' "$(ls "$tmp"/bench-*.eao 2>/dev/null)" ''
}

test_generated() {
  expect 0 "$eao" help --man
  says out '^\.TH EAO 1' 'eao.-inspect' '^\.SH EXIT STATUS'
  for c in $("$eao" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
    expect 0 "$eao" help --man "$c"
    says out '^\.TH EAO-' '^\.SH OPTIONS' '^\.SH EXAMPLES'
    if command -v groff >/dev/null; then
      is "groff warnings of $c" "$(groff -man -Tutf8 -ww "$tmp/out" 2>&1 >/dev/null)" ''
    fi
  done
  expect 2 "$eao" help --man nothing
  "$eao" help --completion >"$tmp/completion"
  # What bash would offer.
  offer() {
    bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _eao; echo "${COMPREPLY[*]}"' \
      - "$tmp/completion" "$@"
  }
  is 'commands with ins' "$(offer eao ins)" inspect
  is 'options with --che' "$(offer eao run --che)" --check
  is 'help of com' "$(offer eao help comp)" 'compare compile'
}

# best MS command...: the fastest of five runs takes at most MS milliseconds.
best() {
  local bound=$1 least=1000000 t0 t
  shift
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    t0=$(date +%s%N)
    "$@" >/dev/null 2>&1
    t=$((($(date +%s%N) - t0) / 10000))
    [ $t -lt $least ] && least=$t
  done
  echo "time: $((least / 100)).$(printf %02d $((least % 100))) ms: ${*##*/}"
  [ "${BUILD_TYPE:-}" = Release ] || return
  count=$((count + 1))
  [ $least -le $((bound * 100)) ] || is "time of $*" "$((least / 100)) ms" "at most $bound ms"
}

test_speed() {
  best 10 "$eao" --help
  [ -n "${BIG_MODEL:-}" ] || { echo 'skipped: BIG_MODEL is not set'; return; }
  "$BIG_MODEL" "$tmp/big.onnx" || is 'big model' failed written
  expect 0 "$eao" inspect "$tmp/big.onnx" --json
  is params "$(json params)" $((60 * 242 * 242))
  is macs "$(json macs)" $((60 * 242 * 242))
  best 200 "$eao" inspect "$tmp/big.onnx"
  best 200 "$eao" inspect "$tmp/big.onnx" --html "$tmp/big.html"
}

test_convert() {
  expect 0 "$eao" convert "$data/classifier/model.onnx" "$tmp/c.tflite" --shape batch=1
  expect 0 "$eao" inspect "$tmp/c.tflite" --json
  is macs "$(json macs)" 1748
  expect 0 "$eao" compare "$data/classifier/model.onnx" "$tmp/c.tflite" --min-sqnr-db 100
  for m in classifier two quantised; do # out and in again: the same outputs
    expect 0 "$eao" convert "$data/$m/model.onnx" "$tmp/$m.onnx"
    expect 0 "$eao" run "$tmp/$m.onnx" --check "$data/$m"
  done
  expect 0 "$eao" inspect "$tmp/classifier.onnx"
  says out 'f32 \[batch=1,3,8,8\]' # the dynamic dimension is still there
  expect 0 "$eao" convert "$tmp/c.tflite" "$tmp/back.onnx"
  expect 0 "$eao" compare "$data/classifier/model.onnx" "$tmp/back.onnx" --min-sqnr-db 100
  # Quantize and dequantize become an integer operation, whatever the file is called.
  cp "$data/quantised/model.onnx" "$tmp/q.bin"
  expect 0 "$eao" convert "$tmp/q.bin" "$tmp/q.tflite"
  expect 0 "$eao" inspect "$tmp/q.tflite"
  says out 'fully_connected'
  expect 0 "$eao" convert "$tmp/q.bin" "$tmp/q.tflite" --as-is
  expect 0 "$eao" inspect "$tmp/q.tflite"
  says out 'dequantize'
  expect 5 "$eao" convert "$data/classifier/model.onnx" "$tmp/c.xyz"
  says err 'no format for this ending'
  expect 6 "$eao" convert "$data/two/model.onnx" "$tmp/none/c.tflite"
}

for t in ${*:-$(compgen -A function test_)}; do
  case_name=${t#test_}
  "$t"
done
[ $failed = 0 ] && echo "cli: $count checks passed" || echo "cli: $failed of $count checks failed"
[ $failed = 0 ]
