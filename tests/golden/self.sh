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
expect one-byte-is-seen 1 3
# One percent more, in the third byte of the first float of a tensor: the loss alone, and one of the ten losses by four.
raise() { # raise TENSOR BY: a stand-in's body
    cat <<END
cp "\$model/golden.safetensors" "\$out"
head=\$(od -An -tu8 -N8 "\$out")
at=\$(head -c "\$((head + 8))" "\$out" | grep -ao '"$1":{[^}]*' | sed 's/.*data_offsets":\[\([0-9]*\).*/\1/')
at=\$((head + 8 + at + 2))
byte=\$(od -An -tu1 -j"\$at" -N1 "\$out")
printf "\\\\x\$(printf %02x \$((byte + $2)))" | dd of="\$out" bs=1 seek="\$at" conv=notrunc status=none
END
}
stand_in "$(raise loss 2)"
expect loss-is-seen 1 2
stand_in "$(raise losses 8)"
expect ten-losses-are-seen 1 2
stand_in 'sed "s/\"logits\"/\"logitz\"/" "$model/golden.safetensors" >"$out"'
expect missing-tensor-is-seen 1 2
stand_in 'cp "$model/model.safetensors" "$out"'
expect nothing-compared-is-seen 1 10
stand_in 'exit 3'
expect exit-status-is-seen 1 2
exit $failed
