#!/bin/bash
# Manual pages and bash completion out of the program:  man.sh EAO-BINARY DIR
set -eu
eao=$1 dir=$2
mkdir -p "$dir/man/man1" "$dir/bash-completion/completions"
"$eao" help --man >"$dir/man/man1/eao.1"
for c in $("$eao" --help | sed -n 's/^  \([a-z]*\) .*/\1/p'); do
  "$eao" help --man "$c" >"$dir/man/man1/eao-$c.1"
done
"$eao" help --completion >"$dir/bash-completion/completions/eao"
