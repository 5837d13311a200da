#!/usr/bin/env bash
# strait info: every kind of thing by name, damage by name, hashes by the recipes of docs/formats.md.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder

# info NAME EXIT PATTERN ARGS...: the exit status, and the pattern in stdout (0) or stderr (else).
info() {
    local name=$1 code=$2 pattern=$3
    shift 3
    "$STRAIT" info "$@" >out 2>err
    local got=$? file=out
    [ "$code" = 0 ] || file=err
    if [ $got != "$code" ]; then fail "$name" "exit $got, expected $code: $(head -c 200 err)"
    elif ! grep -q -- "$pattern" $file; then fail "$name" "lacks '$pattern': $(head -c 300 $file)"
    elif [ "$code" != 0 ] && [ -s out ]; then fail "$name" "an error wrote to stdout"
    else ok "$name"; fi
}

# little_endian VALUE: eight bytes.
little_endian() {
    local i value=$1
    for i in 1 2 3 4 5 6 7 8; do printf "\\x$(printf %02x $((value & 255)))"; value=$((value >> 8)); done
}
# safetensors HEADER: its length, the header, and the data from stdin.
safetensors() { little_endian ${#1}; printf %s "$1"; cat; }
floats() { printf '\0\0\200\077\0\0\0\100'; } # 1.0 2.0

mkdir model
floats | safetensors '{"model.norm.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' >model/model.safetensors
cat >model/config.json <<'JSON'
{"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 2, "num_hidden_layers": 1,
 "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 2, "vocab_size": 5, "intermediate_size": 4,
 "tie_word_embeddings": true}
JSON
info model-named 0 ': model$' model
info model-architecture 0 'architecture *Qwen3ForCausalLM' model
info model-parameters 0 'parameters  *2$' model
info model-tied 0 'tied embeddings *yes' model
info model-json 0 '"kind": "model"' --json model
info model-tensors 0 'model.norm.weight  f32  \[2\]' --tensors model
info config-json 0 'model config' model/config.json
info safetensors 0 'model.norm.weight  f32  \[2\]' model/model.safetensors

recipe=$({ printf 'model.norm.weight\0F32\0[2]\0'; floats; } | sha256sum | cut -d' ' -f1)
info hash-recipe 0 "\"parameters_sha256\": \"$recipe\"" --hash --json model
info hash-of-a-file 0 "$recipe" --hash model/model.safetensors

cp -r model broken && truncate -s -3 broken/model.safetensors
info truncated-model 1 'broken/model.safetensors.*truncated' broken
cp -r model foreign && sed -i 's/Qwen3For/LlamaFor/' foreign/config.json
info unknown-architecture 1 'LlamaForCausalLM.*supported: Qwen3ForCausalLM' foreign
sed -i 's/"vocab_size": 5/"rope_scaling": {"rope_type": "linear"}/; s/LlamaFor/Qwen3For/' foreign/config.json
info rope-scaling 1 'rope_scaling.*linear' foreign

# A checkpoint by the words of docs/formats.md, made with nothing but sha256sum.
step=run/checkpoints/step-00000007
mkdir -p $step && cp model/* $step
floats | safetensors '{"m.model.norm.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}' >$step/optimizer.safetensors
entry() { printf '"%s": {"size": %s, "sha256": "%s"}' "$1" "$(stat -c %s $step/$1)" "$(sha256sum <$step/$1 | cut -d' ' -f1)"; }
zeros=$(printf '0%.0s' {1..64})
printf '{"format": "strait-checkpoint", "version": 1, "step": 7, "trainer": {"loss": 2.5},\n "files": {%s, %s, %s},\n "sha256": "%s"}\n' \
    "$(entry config.json)" "$(entry model.safetensors)" "$(entry optimizer.safetensors)" "$zeros" >$step/trainer.json
self=$(sha256sum <$step/trainer.json | cut -d' ' -f1)
sed -i "s/$zeros/$self/" $step/trainer.json
info checkpoint 0 'loss *2.5' $step
info checkpoint-hash 0 'every byte checked' --hash $step
echo '{"step":7,"loss":2.5}' >run/metrics.jsonl
info run 0 'steps done *7' run
info run-checkpoints 0 'step-00000007  intact' run
info run-hash 0 "parameters sha256 *$recipe" --hash run
info metrics 0 'lines *1' run/metrics.jsonl
printf x | dd of=$step/optimizer.safetensors bs=1 seek=82 conv=notrunc status=none
info damage-by-hash 1 'optimizer.safetensors does not match' --hash $step
info run-hash-of-the-broken 1 'none of its 1 checkpoints is intact' --hash run
truncate -s -1 $step/optimizer.safetensors
info run-names-the-broken 0 'step-00000007  broken: .*optimizer.safetensors has' run
info checkpoint-broken 1 'optimizer.safetensors has' $step

echo '{"no": "kind"}' >other.json
info unknown-json 1 'other.json: JSON, but none' other.json
echo '{' >bad.json
info malformed-json 1 'bad.json: line' bad.json
printf 'PAR1....' >table.bin
info parquet 1 'Parquet' table.bin
printf '\210\330\064\001rest' >gpt2.bin
printf '\241\331\064\001rest' >gpt3.bin
for name in gpt2 gpt3; do info llmc-$name 1 "$name.bin: a token file of llm.c" $name.bin; done
printf 'MMIDIDX\0\0short' >foreign.idx
: >foreign.bin
info damaged-index 1 'foreign' foreign.idx
printf 'hello\n' >events.out.tfevents.1.host
info damaged-events 1 'not a TensorBoard event file' events.out.tfevents.1.host
echo 'steps: 3' >run.yaml
info yaml-named 0 'strait train reads it' run.yaml
info yaml-content 0 'steps *3' run.yaml
printf 'services:\n  web: 1\n' >other.yaml
info yaml-of-others 1 'other.yaml: YAML, and none of its keys' other.yaml

# Everything that Strait writes is explained, and what it reads.
mkdir -p run/samples run/tb corpus
printf '4711\n' >run/lock
info run-lock 0 ': run lock$' run/lock
printf 'op,dims,calls,seconds,gflops,gbytes_per_second\nlinear,,1,1,1,1\n' >profile.out
info profile 0 'profile.out: profile$' profile.out
echo '[[1, 2, 3], [4, 5, 6]]' >ids.json
info token-ids 0 'rows *2' ids.json
echo '2026-11-22T12:00:00Z info begun' >run/log.txt
info run-log 0 ': run log$' run/log.txt
echo 'Once' >run/samples/step-00000007.txt
info samples-file 0 ': samples$' run/samples/step-00000007.txt
info samples-folder 0 'newest *step-00000007.txt' run/samples
printf 'x' >run/tb/events.out.tfevents.1.host
info event-folder 0 ': event files$' run/tb
echo '{"question": "a", "choices": ["b", "c"], "answer": 0}' >choices.jsonl
info questions 0 'questions *1' choices.jsonl
echo '{"text": "a"}' >corpus/a.jsonl
gzip -c corpus/a.jsonl >corpus/b.jsonl.gz
info corpus-file 0 ': corpus$' corpus/a.jsonl
info corpus-compressed 0 ': corpus$' corpus/b.jsonl.gz
info corpus-folder 0 'files *2' corpus
echo '{"program": "strait 0.1.0"}' >run/environment.json
info environment 0 'program *strait 0.1.0' run/environment.json
info trainer 0 'step *7' $step/trainer.json
echo '{"eos_token_id": 3}' >model/generation_config.json
info generation-config 0 'eos token id *3' model/generation_config.json
echo '{"format": "strait token shards", "files": [{}, {}], "train": {"tokens": 12}}' >web.json
info token-record 0 'tokens *12' web.json
info pack-prefix 0 'web.json: token record$' web
mkdir nothing
info empty-directory 1 'no model, checkpoint, run or tokenizer' nothing
info missing 1 'no such file or directory' absent
info no-parameters 2 'has no parameters' --hash run/metrics.jsonl
info no-path 2 'PATH is missing'
info unknown-option 2 '--hsh' --hsh model
"$STRAIT" info model >/dev/full 2>err
[ $? = 1 ] && grep -q stdout err && ok full-stdout || fail full-stdout "exit or message: $(cat err)"
"$STRAIT" info --help >out 2>err && [ "$(wc -l <out)" -le 24 ] && ok help || fail help "no help of one screen"
exit $failed
