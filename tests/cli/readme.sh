#!/bin/bash
# The commands of README.md's "What you do with it", one after the other as they stand there, on a tiny corpus. Only what
# makes them small is appended, by verb: a smaller vocabulary, model and number of steps, fewer tokens.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

mkdir build corpus
ln -s "$STRAIT" build/strait
cp -r "$STRAIT_SOURCE/examples" examples
make_text corpus/a.jsonl 600
{
  for i in $(seq 12); do printf 'Once upon a time ship %s passed the strait of %s miles.\n' "$i" $((i * i)); done
} >held-out.txt
small=(--set model.init.hidden_size=16 --set model.init.intermediate_size=24 --set model.init.num_hidden_layers=1
  --set model.init.num_attention_heads=2 --set model.init.num_key_value_heads=1 --set model.init.head_dim=8
  --set data.sequence_length=32 --set batch.sequences=8 --set schedule.warmup=1 --set schedule.decay=2
  --set evaluate.size=2 --set sample.length=4 --set threads=2)

# appended COMMAND...: the words that make a command small
appended() {
  case $2 in
  tokenizer) printf '%s\n' --vocab-size 320 ;;
  # The second is the run's own configuration, which is small already: two more steps to go.
  train) if [[ $* == *--resume* ]]; then printf '%s\n' --set tokens=1536; else printf '%s\n' "${small[@]}" --set tokens=1024; fi ;;
  generate) printf '%s\n' --max-tokens 4 ;;
  esac
}

count=0
while read -r line; do
  count=$((count + 1))
  # The README quotes words as a shell does.
  eval "words=($line)"
  # shellcheck disable=SC2154
  mapfile -t more < <(appended "${words[@]}")
  expect "readme-$count-${words[1]}" 0 . "${words[@]}" "${more[@]}"
done < <(awk '/^## / { on = $0 == "## What you do with it" } on && /^```/ { inside = !inside; next } on && inside' \
  "$STRAIT_SOURCE/README.md")
if [ $count -ge 7 ]; then ok readme-commands; else fail readme-commands "only $count were found"; fi
same readme-resumed 6 "$(grep -c '"step"' runs/scratch-50m/metrics.jsonl)"
same readme-set-is-kept 1 "$(grep -c '^  lr: 0.0006' runs/scratch-50m/config.yaml)"

# An example refers to what its comment makes: the shards that `data pack` is told to write are those that it reads.
for example in examples/*.yaml; do
  mapfile -t written < <(sed -n 's/^#.* data pack .*--out \([^ ]*\).*/\1/p' "$example")
  while read -r shard; do
    for prefix in "${written[@]}"; do [[ $shard =~ ^${prefix}_(train|val)$ ]] && continue 2; done
    [ ${#written[@]} = 0 ] || fail "example-$(basename "$example")" "$shard is made by none of: ${written[*]}"
  done < <(grep -oE '(train|validation|path): [a-z][^ ]*' "$example" | cut -d ' ' -f 2)
  ok "example-$(basename "$example")"
done
exit "$failed"
