#!/bin/bash
# The golden comparison must be able to fail: it is run against stand-ins for `strait` that answer with the stored
# results, with one changed byte, with a missing tensor, and not at all. usage: self.sh STRAIT_GOLDEN
set -u
golden=$(dirname "$0")
compare=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/strait-self.XXXXXX")
trap 'rm -rf "$work"' EXIT
failed=0
stand_in() { # stand_in BODY: a program that is called as `strait trace MODEL --tokens IDS --out FILE ...`
    printf '#!/bin/bash\nmodel=$2 out=$6\n%s\n' "$1" >"$work/strait"
    chmod +x "$work/strait"
}
expect() { # expect NAME STATUS FAILED-LINES
    "$compare" --strait "$work/strait" "$golden" qwen3-01 >"$work/out" 2>&1
    local status=$? lines
    lines=$(grep -c ^FAIL "$work/out")
    if [ "$status" = "$2" ] && [ "$lines" = "$3" ]; then
        echo "ok $1"
    else
        cat "$work/out"
        echo "FAIL $1 exit status $status and $lines failed lines, not $2 and $3"
        failed=1
    fi
}
stand_in 'cp "$model/golden.safetensors" "$out"'
expect equal-passes 0 0
# The last byte belongs to a float of some tensor: its sign and exponent.
stand_in 'head -c -1 "$model/golden.safetensors" >"$out"; printf "\x7e" >>"$out"'
expect one-byte-is-seen 1 2
stand_in 'sed "s/\"logits\"/\"logitz\"/" "$model/golden.safetensors" >"$out"'
expect missing-tensor-is-seen 1 2
stand_in 'cp "$model/model.safetensors" "$out"'
expect nothing-compared-is-seen 1 10
stand_in 'exit 3'
expect exit-status-is-seen 1 2
exit $failed
