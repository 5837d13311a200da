#!/bin/bash
# strait generate: what ends an answer is said, and no count is too large.
# usage: STRAIT=/path/to/strait tests/cli/generate.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder

make_data
make_config run.yaml
"$STRAIT" train run.yaml >train.log 2>&1 || fail train "$(tail -n 3 train.log)"
model=$(find run/checkpoints -maxdepth 1 -name 'step-*' | sort | tail -n 1)
cp -r "$model" short
sed -i 's/"max_position_embeddings": *[0-9]*/"max_position_embeddings": 24/' short/config.json

# Every byte is a token: a prompt of 4.
answer=("$STRAIT" generate short --prompt ship --ignore-eos --greedy)
expect end_by_length 0 ', 5 sampled at .* ended by --max-tokens$' "${answer[@]}" --max-tokens 5
# 20 more are read after the prompt, and one follows the last.
expect end_by_context 0 ', 21 sampled at .* the model.s context of 24 tokens is full$' "${answer[@]}" --max-tokens 22
expect end_by_length_in_a_full_context 0 ', 21 sampled at .* ended by --max-tokens$' "${answer[@]}" --max-tokens 21
expect end_by_context_huge 0 ', 21 sampled at .* the model.s context of 24 tokens is full$' "${answer[@]}" --max-tokens 9223372036854775807
expect quiet 0 '^ship' "${answer[@]}" --max-tokens 5 --quiet
next=$("${answer[@]}" --max-tokens 1 --no-echo --quiet)
expect end_by_stop 0 ', 0 sampled at .* ended by an end token$' "${answer[@]}" --max-tokens 5 --stop "$next"

# A damaged model is refused at its first token.
head -c "$(($(stat -c %s short/model.safetensors) - 4096))" short/model.safetensors >damaged
head -c 4096 /dev/zero | tr '\0' '\377' >>damaged # all bits set: NaN
mv damaged short/model.safetensors
expect damaged_weights 1 'the logit of token [0-9]+ is -?nan: the model.s weights are damaged' "${answer[@]}" --max-tokens 5

exit "$failed"
