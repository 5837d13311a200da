#!/bin/bash
# A tiny training run with four threads, evaluation, checkpoints and a resume: for the thread sanitizer, which ends the
# program with an error at the first race. Uses STRAIT; prints "ok NAME" or "FAIL NAME why".
set -u
work=$(mktemp -d "${TMPDIR:-/tmp}/strait-threads.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >log 2>&1; then
        echo "ok $name"
    else
        cat log
        echo "FAIL $name exit status $?"
        failed=1
    fi
}
mkdir text
for i in 1 2 3 4 5 6 7 8 9; do
    for j in $(seq 1 60); do echo "Document $i says: line $j of $((i * j)) words, and 第 $j 行。"; done >text/$i.txt
done
cat >run.yaml <<'EOF'
model:
  init: {hidden_size: 32, intermediate_size: 48, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2,
         head_dim: 8, tie_word_embeddings: true}
tokenizer: tokenizer
data: {train: data_train, validation: data_val, sequence_length: 32}
batch: {sequences: 4, micro_batch: 2}
optimizer: {lr: 1e-3}
steps: 6
threads: 4
checkpoint: {every: 2}
evaluate: {every: 3, size: 2}
run: run
EOF
check tokenizer "$STRAIT" tokenizer train text --vocab-size 320 --out tokenizer
check pack "$STRAIT" data pack text --tokenizer tokenizer --out data --val-fraction 0.3
check train "$STRAIT" train run.yaml
check resume "$STRAIT" train run.yaml --resume --set steps=8
check generate "$STRAIT" generate run/checkpoints/step-00000008 --prompt "Document" --max-tokens 8
exit $failed
