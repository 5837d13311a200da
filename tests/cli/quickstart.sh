#!/bin/bash
# The prompt that quickstart.sh takes from a user's own text: it can be trained and sampled with, whatever the text is.
# usage: STRAIT=/path/to/strait tests/cli/quickstart.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
# shellcheck source=scripts/prompt.sh
. "$STRAIT_SOURCE/scripts/prompt.sh"
in_temporary_folder
make_data
make_config run.yaml

# prompt NAME PATTERN FILE: the prompt of a text, and a configuration that has it
prompt() {
  local name=$1 pattern=$2 file=$3 got
  rm -f own.* own_*
  "$STRAIT" data pack "$file" --tokenizer tokenizer --out own >pack.log 2>&1 || {
    fail "$name" "$(tail -n 2 pack.log)"
    return
  }
  got=$(first_words "$STRAIT" tokenizer own_train)
  if ! [[ $got =~ $pattern ]]; then fail "$name" "the prompt is '$got'"
  elif [ "${#got}" -gt 12 ]; then fail "$name" "'$got' is long"
  elif ! "$STRAIT" train run.yaml --out "run-$name" --set "sample.prompts=[\"$got\"]" --set sample.every=1 --set sample.length=3 \
    --set steps=1 --set schedule.warmup=0 --set evaluate.every=0 >train.log 2>&1; then
    fail "$name" "$(tail -n 2 train.log)"
  elif ! "$STRAIT" generate "run-$name/checkpoints/step-00000001" --prompt "$got" --max-tokens 2 >generate.log 2>&1; then
    fail "$name" "$(tail -n 2 generate.log)"
  else ok "$name"; fi
}

# shellcheck disable=SC2059
many() { for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do printf "$1"; done; }

make_text lines.jsonl 20
prompt json-lines '^[a-z 海峡船と风]+$' lines.jsonl
many 'The ship sails.\n' >plain.txt
prompt plain '^The ship sai$' plain.txt
gzip -k lines.jsonl && prompt gzip '^[a-z 海峡船と风]+$' lines.jsonl.gz
for program in xz zstd; do
  if ! command -v $program >/dev/null; then
    echo "skip $program there is no $program here"
    continue
  fi
  $program -q -k lines.jsonl
  prompt $program '^[a-z 海峡船と风]+$' "lines.jsonl.${program/zstd/zst}"
done
many '\033[1mBold\033[0m words here\n' >escapes.txt
prompt escapes '^\[1mBold \[0m' escapes.txt
many 'a \265\332 byte that is not UTF-8 among many that are\n' >gbk.txt
prompt gbk '^a byte that' gbk.txt
many '\f\177Page\tof \302\200text\302\237\357\277\276\n' >controls.txt
prompt controls '^Page of' controls.txt
many '"quo\\\\te" $HOME `x`\n' >quotes.txt
prompt quotes '^quo te HOME$' quotes.txt
many '海峡之间的船，风带着它。\n' >chinese.txt
prompt chinese '^海峡之间的船，风带着它。' chinese.txt
many '\001\002\033' >nothing.txt
prompt nothing '^$' nothing.txt
same no-shard-no-prompt "empty" "$(first_words "$STRAIT" tokenizer nowhere)empty"
exit "$failed"
