#!/bin/bash
# strait generate: what it prints, that sampling follows its options, and what wrong input is told.
# usage: STRAIT=/path/to/strait tests/cli/generate.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder
make_data
make_config run.yaml
"$STRAIT" train run.yaml --set checkpoint.every=0 >log 2>&1 || { fail train "$(tail -n 3 log)"; exit 1; }
model=run/checkpoints/step-00000012
generate=("$STRAIT" generate "$model" --max-tokens 12 --quiet)
say() { "${generate[@]}" "$@" 2>/dev/null | od -An -c | tr -d '\n'; }

expect help 0 '^usage: strait generate' "$STRAIT" generate --help
expect prompt 0 '^The ship' "${generate[@]}" --prompt "The ship"
expect from-a-run 0 '^The ship' "$STRAIT" generate run --max-tokens 3 --quiet --prompt "The ship"
expect speeds 0 'tokens/s' "$STRAIT" generate "$model" --max-tokens 3 --prompt "The ship"
same greedy-repeats "$(say --prompt sails --greedy)" "$(say --prompt sails --greedy --seed 5)"
same greedy-is-temperature-0 "$(say --prompt sails --greedy)" "$(say --prompt sails --temperature 0)"
same greedy-is-top-k-1 "$(say --prompt sails --greedy)" "$(say --prompt sails --top-k 1)"
same greedy-is-tiny-top-p "$(say --prompt sails --greedy)" "$(say --prompt sails --top-p 1e-9)"
same greedy-is-large-min-p "$(say --prompt sails --greedy)" "$(say --prompt sails --min-p 0.999)"
same greedy-is-min-p-1 "$(say --prompt sails --greedy)" "$(say --prompt sails --min-p 1)"
same seed-repeats "$(say --prompt sails --seed 3)" "$(say --prompt sails --seed 3)"
if [ "$(say --prompt sails --seed 3)" != "$(say --prompt sails --seed 4)" ]; then ok seeds-differ; else fail seeds-differ equal; fi
if [ "$(say --prompt sails --greedy)" != "$(say --prompt sails --greedy --repetition-penalty 5)" ]; then ok repetition-penalty
else fail repetition-penalty "changes nothing"; fi
for option in "--threads 2" "--threads 3"; do
  # shellcheck disable=SC2086
  same "same-text-${option#--}" "$(say --prompt sails --seed 3)" "$(say --prompt sails --seed 3 $option)"
done
same same-text-generic "$(say --prompt sails --seed 3)" "$(STRAIT_CPU=generic say --prompt sails --seed 3)"
expect no-echo 0 '^x?' "${generate[@]}" --prompt "The ship" --no-echo
if "${generate[@]}" --prompt "The ship" --no-echo 2>/dev/null | grep -q '^The ship'; then fail no-echo-leaves-the-prompt-out "it is there"
else ok no-echo-leaves-the-prompt-out; fi
printf 'The ship\nthe strait\n' >prompts
lines=$("$STRAIT" generate "$model" --max-tokens 1 --quiet --prompts prompts 2>/dev/null | grep -acE '^(The ship|the strait)')
same prompts-file 2 "$lines"
# Half a character is never printed: the output of a byte-level model that hardly learnt anything is valid UTF-8.
if "$STRAIT" generate run --max-tokens 200 --quiet --prompt 海峡 --temperature 2 --top-k 0 --top-p 1 --ignore-eos 2>/dev/null |
  iconv -f UTF-8 -t UTF-8 >/dev/null 2>iconv.log; then ok whole-characters; else fail whole-characters "$(cat iconv.log)"; fi
expect no-tokens 0 '^The ship$' "$STRAIT" generate "$model" --max-tokens 0 --quiet --prompt "The ship"
expect empty-prompt 0 '' "${generate[@]}" --prompt ""
expect bf16 0 '^The ship' "${generate[@]}" --prompt "The ship" --dtype bf16
expect stop-token 0 '' "${generate[@]}" --prompt "The" --stop "<|endoftext|>"
# In a byte-level model a token's id is its byte: the first of the greedy answer, as an end token, leaves nothing.
first=$("${generate[@]}" --prompt sails --greedy --no-echo 2>/dev/null | od -An -tu1 -N1 | tr -d ' ')
cp -r "$model" ends && echo "{\"eos_token_id\": [256, $first], \"temperature\": 2.0}" >ends/generation_config.json
same ends-as-generation-config-says 'sails' "$("$STRAIT" generate ends --max-tokens 12 --quiet --prompt sails --greedy 2>/dev/null)"
same ignore-eos-ignores-it "$(say --prompt sails --greedy)" \
  "$("$STRAIT" generate ends --max-tokens 12 --quiet --prompt sails --greedy --ignore-eos 2>/dev/null | od -An -c | tr -d '\n')"
echo '{"eos_token_id": [256, "x"]}' >ends/generation_config.json
expect generation-config-wrong 1 'ends/generation_config.json: eos_token_id: element 1 ' "$STRAIT" generate ends --prompt x

printf '\357\273\277The ship\r\n\r\n\nthe strait\r\n' >crlf
same prompts-crlf "$("${generate[@]}" --prompts prompts 2>/dev/null)" "$("${generate[@]}" --prompts crlf 2>/dev/null)"
expect prompts-blank 0 'crlf: 2 blank lines were left out' "$STRAIT" generate "$model" --max-tokens 1 --prompts crlf
same prompts-stdin "$("${generate[@]}" --prompts prompts 2>/dev/null)" "$("${generate[@]}" --prompts - 2>/dev/null <prompts)"
expect greedy-and-temperature 2 '--greedy is --temperature 0: give one of them' "${generate[@]}" --prompt x --greedy --temperature 1
# A tokenizer of which the model knows more ids than it has: drawing one of those is told.
cp -r "$model" few && make_tokenizer few && sed -i 's/,"[^"]*":\(2[0-5][0-9]\|1[0-9][0-9]\)//g; s/"id":256/"id":100/' few/tokenizer.json
expect ids-without-a-token 0 'of 40 sampled ids have no token' "$STRAIT" generate few --max-tokens 40 --prompt $'\t' --ignore-eos --temperature 5 --top-k 0 --top-p 1
expect no-model 2 'MODEL|model' "$STRAIT" generate
expect no-prompt 2 'prompt' "$STRAIT" generate "$model"
expect prompts-missing 2 'nowhere: No such file' "${generate[@]}" --prompts nowhere
expect model-missing 1 'nowhere: does not exist' "$STRAIT" generate nowhere --prompt x
mkdir empty
expect model-empty 1 'empty: is no model directory, checkpoint or run' "$STRAIT" generate empty --prompt x
expect temperature-negative 2 'strait generate: --temperature [^ ]+: ' "${generate[@]}" --prompt x --temperature -1
expect top-p-zero 2 'strait generate: --top-p [^ ]+: ' "${generate[@]}" --prompt x --top-p 0
expect top-p-two 2 'strait generate: --top-p [^ ]+: ' "${generate[@]}" --prompt x --top-p 2
expect top-k-negative 2 'strait generate: --top-k [^ ]+: ' "${generate[@]}" --prompt x --top-k -1
expect min-p-two 2 'strait generate: --min-p [^ ]+: ' "${generate[@]}" --prompt x --min-p 2
expect penalty-zero 2 'strait generate: --repetition-penalty [^ ]+: ' "${generate[@]}" --prompt x --repetition-penalty 0
expect max-tokens-negative 2 'strait generate: --max-tokens [^ ]+: ' "$STRAIT" generate "$model" --prompt x --max-tokens -1
expect seed-negative 2 'seed' "${generate[@]}" --prompt x --seed -1
expect stop-unknown 2 'is not a single token' "${generate[@]}" --prompt x --stop "two words"
expect device-unknown 2 'tpu.*cpu' "${generate[@]}" --prompt x --device tpu
expect dtype-unknown 2 'fp8' "${generate[@]}" --prompt x --dtype fp8
expect threads-negative 2 'threads' "${generate[@]}" --prompt x --threads -1
expect threads-too-many 2 'threads' "${generate[@]}" --prompt x --threads 4294967297
cp -r "$model" mute && rm mute/tokenizer.json
expect no-tokenizer 1 'mute.*tokenizer.json' "$STRAIT" generate mute --prompt x
cp -r "$model" cut && truncate -s -3 cut/model.safetensors
expect truncated-model 1 'cut/model.safetensors.*truncated' "$STRAIT" generate cut --prompt x
cp -r "$model" lost && sed -i 's/model.norm.weight/model.norn.weight/' lost/model.safetensors
expect missing-tensor 1 'lost/model.safetensors: model.norm.weight is missing' "$STRAIT" generate lost --prompt x
cp -r "$model" foreign && sed -i 's/Qwen3ForCausalLM/LlamaForCausalLM/' foreign/config.json
expect unknown-architecture 1 'LlamaForCausalLM.*supported: Qwen3ForCausalLM' "$STRAIT" generate foreign --prompt x
cp -r "$model" short && sed -i 's/"max_position_embeddings": [0-9]*/"max_position_embeddings": 4/' short/config.json
expect prompt-too-long 1 'a prompt has [0-9]+ tokens, the model takes 4' "$STRAIT" generate short --prompt "a long prompt"
"${generate[@]}" --prompt x >/dev/full 2>log
same full-stdout 1 $?

# A long prompt can be stopped while it is read; a second Ctrl-C ends it at once.
cp -r "$model" wide && sed -i 's/"max_position_embeddings": [0-9]*/"max_position_embeddings": 1000000/' wide/config.json
head -c 500000 /dev/zero | tr '\0' a >long
reading() { # reading SIGNAL...: the exit status of a command that gets these
  local process signal
  env --default-signal=INT "$STRAIT" generate wide --prompts long --threads 1 --max-tokens 1 >log 2>&1 &
  process=$!
  sleep 2
  for signal; do
    kill -"$signal" $process 2>/dev/null
    sleep 0.1
  done
  ends_within 20 $process
}
reading TERM
same stops-in-a-prompt "0 0 prompt tokens" "$? $(grep -o '^0 prompt tokens' log)"
if env --default-signal=INT true 2>/dev/null; then
  reading INT
  same stops-in-a-prompt-by-ctrl-c 0 $?
fi

# ---- what ends an answer is said, and no count is too large ----

rm -rf short && cp -r "$model" short
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
