#!/bin/bash
# Teaches the model of ./quickstart.sh, which is trained first where it is not there, to answer the name of a manual page by
# "NAME (SECTION) - what it is", and counts how many of 200 names that it was not taught are answered in that form, before
# and after. The pages are those of the distribution's packages; nothing is installed. Some ten minutes on two cores.
# usage: tests/sft.sh     (make sft)
set -u
cd "$(dirname "$0")/.." || exit 1
. scripts/common.sh
. scripts/corpus.sh
export LC_ALL=C.UTF-8
strait=build/strait
folder=build/sft
held_out=200
[ -x $strait ] || die "$strait is missing; run make first"
if ! $strait info runs/quickstart >/dev/null 2>&1; then
    ./quickstart.sh || exit 1
fi
mkdir -p "$folder/unpacked"
for package in manpages manpages-dev; do
    corpus_fetch "$package" "$folder/unpacked" || die "the package $package cannot be downloaded"
done

# pages: NAME, SECTION and the line about it, of every page that has its own, in the order of a hash of the name.
pages() {
    find "$folder/unpacked" -path '*/man/man*' -type f -name '*.gz' | sort | while IFS= read -r page; do
        name=$(basename "$page" .gz)
        section=${name##*.}
        zcat "$page" | awk -v name="${name%.*}" -v section="$section" '
            /^\.SH "?NAME/ { inside = 1; next }
            inside && /^\.SH/ { exit }
            inside && !/^\./ { text = text " " $0 }
            END {
                gsub(/\\f[A-Z]|\\&|\\%/, "", text); gsub(/\\\(aq/, "\x27", text); gsub(/\\\(em/, "-", text)
                if (!match(text, / \\?- /)) exit
                text = substr(text, RSTART + RLENGTH)
                gsub(/\\-/, "-", text); gsub(/^ +| +$/, "", text)
                if (text == "" || text ~ /[\\"]/) exit
                printf "%s\t%s\t%s\n", name, section, text
            }'
    done | while IFS= read -r line; do
        printf '%s\t%s\n' "$(printf '%s' "$line" | cksum | cut -d ' ' -f 1)" "$line"
    done | sort -n | cut -f 2-
}
[ -s "$folder/pages" ] || { pages >"$folder/pages.new" && mv "$folder/pages.new" "$folder/pages"; }
conversations() {
    awk -F '\t' '{ printf "{\"messages\": [{\"role\": \"user\", \"content\": \"%s\"}, {\"role\": \"assistant\", \"content\": \"%s (%s) - %s\"}]}\n", $1, $1, $2, $3 }'
}
head -n "$held_out" "$folder/pages" | conversations >"$folder/held.jsonl"
tail -n "+$((held_out + 1))" "$folder/pages" | conversations >"$folder/train.jsonl"
say "$(wc -l <"$folder/train.jsonl") conversations to learn, $(wc -l <"$folder/held.jsonl") held out"

# The base: the quickstart's newest checkpoint, and how its conversations are to look.
newest=$(find runs/quickstart/checkpoints -maxdepth 1 -name 'step-*' | sort | tail -n 1)
rm -rf "$folder/base"
mkdir "$folder/base"
cp "$newest"/{config.json,model.safetensors,tokenizer.json,tokenizer_config.json} "$folder/base/" || exit 1
[ -f "$newest/generation_config.json" ] && cp "$newest/generation_config.json" "$folder/base/"
cat >"$folder/base/chat_template.jinja" <<'JINJA'
{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}
JINJA

# matches MODEL FILE: how many of the held-out names are answered in one line of that form; the answers go to FILE.
matches() {
    local model=$1 answers=$2
    : >"$answers"
    head -n "$held_out" "$folder/pages" | cut -f 1 | while IFS= read -r name; do
        printf '%s\n' "$name" | "$strait" generate "$model" --chat --greedy --max-tokens 100 --quiet 2>/dev/null >"$answers.one"
        printf '%s\t%s\n' "$name" "$(tr '\n' '~' <"$answers.one")" >>"$answers"
    done
    # One line (and the line end that --chat prints), a name, a section, and something about it.
    cut -f 2- "$answers" | grep -Ec '^[^ ~]+ \([0-9][a-zA-Z]*\) - [^ ~][^~]+~*$'
}
say "before: $(matches "$folder/base" "$folder/before" | tee "$folder/before.count") of $held_out answers in the form"
rm -rf runs/sft
"$strait" train examples/sft.yaml || exit 1
say "after: $(matches runs/sft "$folder/after" | tee "$folder/after.count") of $held_out answers in the form; some of them:"
head -n 8 "$folder/after" | tr '~' ' ' | cut -f 2 | sed 's/^/    /' >&2
failed=0
# check NAME CONDITION...
check() {
    local name=$1
    shift
    if [ "$@" ]; then echo "ok $name"; else
        echo "FAIL $name"
        failed=1
    fi
}
check sft-before-at-most-5-percent "$(cat "$folder/before.count")" -le $((held_out * 5 / 100))
check sft-after-at-least-95-percent "$(cat "$folder/after.count")" -ge $((held_out * 95 / 100))
exit "$failed"
