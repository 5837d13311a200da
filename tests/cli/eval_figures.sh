#!/bin/bash
# strait eval: the figures, that they do not depend on how they are computed, and what wrong input is told.
# usage: STRAIT=/path/to/strait tests/cli/eval.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder
make_data
make_config run.yaml
# The whole validation part at the end of the run, to compare with.
"$STRAIT" train run.yaml --set checkpoint.every=0 --set evaluate.size=100000 >log 2>&1 || { fail train "$(tail -n 3 log)"; exit 1; }
model=run/checkpoints/step-00000012
eval=("$STRAIT" eval "$model")
figure() { sed -nE "s/.*\"$1\": *([0-9.e+-]+).*/\\1/p" <<<"$2"; }

expect help 0 '^usage: strait eval' "$STRAIT" eval --help
expect table 0 'perplexity' "${eval[@]}" --data data_val
expect from-a-run 0 'perplexity' "$STRAIT" eval run --data data_val
json=$("${eval[@]}" --data data_val --length 16 --json 2>/dev/null)
loss=$(figure loss "$json")
trained=$(sed -nE '12s/.*"val_loss":([0-9.]+).*/\1/p' run/metrics.jsonl)
if awk -v a="$trained" -v b="$loss" 'BEGIN { d = a - b; exit !(a > 1 && d < 1e-7 && d > -1e-7) }'; then ok as-in-training
else fail as-in-training "$trained in training, $loss here"; fi
if awk -v l="$loss" -v p="$(figure perplexity "$json")" 'BEGIN { d = exp(l) / p - 1; exit !(d < 1e-5 && d > -1e-5) }'; then ok perplexity
else fail perplexity "$json"; fi
bits=$(figure bits_per_byte "$json")
# One token is one byte here, but for the end of each document.
if awk -v l="$loss" -v b="$bits" 'BEGIN { r = b / (l / log(2)); exit !(r > 0.97 && r < 1.03) }'; then ok bits-per-byte
else fail bits-per-byte "$json"; fi
same threads "$loss" "$(figure loss "$("${eval[@]}" --data data_val --length 16 --json --threads 3 2>/dev/null)")"
same instruction-set "$loss" "$(figure loss "$(STRAIT_CPU=generic "${eval[@]}" --data data_val --length 16 --json 2>/dev/null)")"
head -n 30 text.jsonl >some.jsonl
gzip -k some.jsonl
a=$(figure loss "$("${eval[@]}" --data some.jsonl --length 16 --json 2>/dev/null)")
same compressed-text "$a" "$(figure loss "$("${eval[@]}" --data some.jsonl.gz --length 16 --json 2>/dev/null)")"
expect limit 0 '"tokens": 32[,}]' "${eval[@]}" --data data_val --length 16 --limit 2 --json
expect bf16 0 '"loss": [0-9]' "${eval[@]}" --data data_val --dtype bf16 --json

cat >choices.jsonl <<'END'
{"question": "the ship sails ", "choices": ["through the strait", "zzzz ####"], "answer": 0}
{"question": "a harbour ", "choices": ["QQQQ", "between two seas"], "answer": 1}
END
expect choices 0 '"accuracy": (0|0.5|1)' "${eval[@]}" --choices choices.jsonl --json
{ printf '\357\273\277'; cat choices.jsonl; } >marked.jsonl
expect choices-marked 0 '"questions": 2[,}]' "${eval[@]}" --choices marked.jsonl --json
gzip -c choices.jsonl >choices.jsonl.gz
expect choices-compressed 0 '"questions": 2[,}]' "${eval[@]}" --choices choices.jsonl.gz --json
expect choices-truncated 1 'cut.jsonl.gz: gzip data is truncated' bash -c 'head -c 60 choices.jsonl.gz >cut.jsonl.gz; "$@" --choices cut.jsonl.gz' - "${eval[@]}"
expect choices-missing 1 'nowhere.jsonl' "${eval[@]}" --choices nowhere.jsonl
expect choices-limit 0 '"questions": 1[,}]' "${eval[@]}" --choices choices.jsonl --limit 1 --json

expect no-model 2 'MODEL|model' "$STRAIT" eval
expect no-data 2 'data' "${eval[@]}"
expect both 2 'either --data or --choices' "${eval[@]}" --data data_val --choices choices.jsonl
expect data-missing 1 'nowhere' "${eval[@]}" --data nowhere
expect model-missing 1 'nowhere: does not exist' "$STRAIT" eval nowhere --data data_val
expect longer-than-the-model 2 'max_position_embeddings' "${eval[@]}" --data data_train --length 33000
expect length-negative 2 'length' "${eval[@]}" --data data_val --length -1
expect device-unknown 2 'tpu.*cpu' "${eval[@]}" --data data_val --device tpu
expect dtype-unknown 2 'fp8' "${eval[@]}" --data data_val --dtype fp8
expect threads-too-many 2 'threads' "${eval[@]}" --data data_val --threads 4294967297
echo '{"question": "x", "choices": ["a"], "answer": 3}' >bad.jsonl
expect answer-out-of-range 1 'bad.jsonl:1.*answer' "${eval[@]}" --choices bad.jsonl
echo '{"question": "x", "answer": 0}' >bad.jsonl
expect no-choices 1 'bad.jsonl:1.*choices' "${eval[@]}" --choices bad.jsonl
echo '{"question": ' >bad.jsonl
expect not-json 1 'bad.jsonl:1' "${eval[@]}" --choices bad.jsonl
: >bad.jsonl
expect no-questions 1 'bad.jsonl' "${eval[@]}" --choices bad.jsonl
cp data_val.idx t.idx && head -c 1000 data_val.bin >t.bin
expect truncated-shard 1 't.idx.*truncated' "${eval[@]}" --data t
cp -r "$model" cut && truncate -s -3 cut/model.safetensors
expect truncated-model 1 'cut/model.safetensors.*truncated' "$STRAIT" eval cut --data data_val
cp -r "$model" lost && sed -i 's/model.norm.weight/model.norn.weight/' lost/model.safetensors
expect missing-tensor 1 'lost/model.safetensors: model.norm.weight is missing' "$STRAIT" eval lost --data data_val
cp -r "$model" other && cp "$STRAIT_SOURCE/tests/golden/qwen3-01/config.json" other/config.json
expect other-config 1 'other: [0-9]+ of its tensors do not fit' "$STRAIT" eval other --data data_val
cp -r "$model" shifted && sed -i 's/"content": *"<|endoftext|>"/"content":"<|endoftexx|>"/' shifted/tokenizer.json
expect other-tokenizer 2 'tokenizer' "$STRAIT" eval shifted --data data_val
exit "$failed"
