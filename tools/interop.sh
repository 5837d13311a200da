#!/bin/bash
# Exchange with transformers 4.57 and 5.x, both ways: models and tokenizers that strait wrote, in one file and in shards,
# are opened there; models saved there are traced, evaluated, sampled and trained here; and adapters with PEFT. The logits must agree within 1e-5
# relative L2. Takes about 6 GB under build/interop.
# usage: tools/interop.sh [-v]      needs build/strait; prints "ok NAME" or "FAIL NAME why", exit status 1 if any failed
set -eu
cd "$(dirname "$0")/.."
. tools/interop_env.sh
strait=$PWD/build/strait
[ -x "$strait" ] || {
    echo "error: $strait is missing; run make first" >&2
    exit 1
}
make_interop_env
work=$PWD/build/interop/work
rm -rf "$work"
mkdir -p "$work"
failed=0
verdict() { # verdict NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/log" 2>&1; then
        echo "ok $name"
    else
        tail -n 15 "$work/log"
        echo "FAIL $name: $*"
        failed=1
    fi
}

# shellcheck disable=SC2046
cc -std=c11 -Iinclude -Isrc -o "$work/interop_shards" tools/interop_shards.c build/libstrait.a \
    $(pkg-config --libs yaml-0.1 jansson libpcre2-8 libutf8proc nettle) -pthread -lm -ldl

# A tokenizer and two models of our own, trained a few steps on the documentation in this tree.
"$strait" tokenizer train docs CONTRIBUTING.md CHANGELOG.md --vocab-size 600 --out "$work/tokenizer"
"$strait" data pack docs CONTRIBUTING.md CHANGELOG.md --tokenizer "$work/tokenizer" --out "$work/data"
for variant in "tied f32 true" "untied bf16 false"; do
    # shellcheck disable=SC2086
    set -- $variant
    cat >"$work/$1.yaml" <<EOF
model:
  init: {hidden_size: 48, intermediate_size: 96, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2,
         head_dim: 16, tie_word_embeddings: $3, rope_theta: 31000, rms_norm_eps: 3e-5}
tokenizer: $work/tokenizer
data: {train: $work/data_train, sequence_length: 64}
batch: {sequences: 4}
optimizer: {lr: 1e-3}
steps: 5
dtype: $2
run: $work/run-$1
EOF
    "$strait" train "$work/$1.yaml"
    model=$(find "$work/run-$1/checkpoints" -mindepth 1 -maxdepth 1 -name 'step-*' | sort | tail -n 1)
    "$work/interop_shards" "$model" "$work/shards-$1" 40000
    for version in "$TRANSFORMERS_4" "$TRANSFORMERS_5"; do
        verdict "ours-$1-$2-in-shards-in-$version" with_transformers "$version" tools/interop.py opens "$strait" \
            "$work/shards-$1" "$work"
        verdict "ours-$1-$2-in-$version" with_transformers "$version" tools/interop.py opens "$strait" "$model" "$work"
    done
done

# Adapters: of every module, of attention, of experts, trained here a few steps; and those that PEFT makes for experts that are one tensor.
cat >"$work/experts.yaml" <<EOF
model:
  init: {model_type: qwen3_moe, hidden_size: 32, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 2, num_key_value_heads: 1,
         head_dim: 8, num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 12, initializer_range: 0.2}
tokenizer: $work/tokenizer
data: {train: $work/data_train, sequence_length: 64}
batch: {sequences: 4}
optimizer: {lr: 1e-3}
steps: 2
run: $work/run-experts
EOF
"$strait" train "$work/experts.yaml"
for base in tied experts; do
    for targets in all-linear q_proj,v_proj gate_proj,up_proj,down_proj; do
        cat >"$work/lora.yaml" <<EOF
model: {from: $work/run-$base}
data: {train: $work/data_train, sequence_length: 64}
batch: {sequences: 4}
optimizer: {lr: 5e-2}
lora: {rank: 3, alpha: 5, targets: [$targets]}
steps: 5
run: $work/lora-$base-$targets
EOF
        "$strait" train "$work/lora.yaml"
        for version in "$TRANSFORMERS_4" "$TRANSFORMERS_5"; do
            verdict "lora-$base-$targets-in-peft-with-$version" with_transformers "$version" tools/interop_peft.py opens "$strait" \
                "$(echo "$work/run-$base"/checkpoints/step-*)" "$work/lora-$base-$targets/checkpoints/step-00000005" "$work"
        done
    done
done
verdict lora-fused with_transformers "$TRANSFORMERS_5" tools/interop_peft.py fused "$strait" "$work/run-experts/checkpoints/step-00000002" "$work"

# Models as each version saves them: families, dtypes, tied or not, in one file or in shards, with a head that repeats the embedding.
for version in "$TRANSFORMERS_4" "$TRANSFORMERS_5"; do
    with_transformers "$version" tools/interop.py theirs "$strait" "theirs-$version" "$work" || failed=1
done
exit $failed
