#!/bin/bash
# Adapters (LoRA): training, resuming, using and merging them, and what wrong input is told. Their gradients and steps are
# compared with PEFT's by the stage "golden".
# usage: STRAIT=/path/to/strait tests/cli/lora.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder
for n in $(seq 400); do echo "The ship $n sails to port $((n % 7)) with $((n * n % 101)) barrels."; done >text.txt
"$STRAIT" tokenizer train text.txt --vocab-size 300 --out tok >/dev/null 2>&1
"$STRAIT" data pack text.txt --tokenizer tok --out data >/dev/null 2>&1
cat >base.yaml <<'EOF'
model:
  init: {model_type: qwen3_moe, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 2,
         num_key_value_heads: 1, head_dim: 8, num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 8,
         mlp_only_layers: [0], tie_word_embeddings: true}
tokenizer: tok
data: {train: data_train, sequence_length: 32}
batch: {sequences: 4}
optimizer: {lr: 1e-3}
steps: 4
run: base
EOF
cat >lora.yaml <<'EOF'
model: {from: base}
data: {train: data_train, sequence_length: 32}
batch: {sequences: 4, shards: 3}
optimizer: {lr: 2e-2, weight_decay: 0}
schedule: {name: constant}
lora: {rank: 3, alpha: 5, targets: [all-linear], rank_pattern: ["v_proj=2"]}
steps: 6
run: run
EOF
expect base 0 'step 4 of 4' "$STRAIT" train base.yaml
base=base/checkpoints/step-00000004
before=$("$STRAIT" info $base --hash | grep sha256 | head -n 1)
train=("$STRAIT" train lora.yaml)
weights_of() { "$STRAIT" info "$1" --hash | grep 'parameters sha256' | tail -n 1; }

# Training: only adapters are trained and saved, with the same bits however it is computed.
expect plan 0 'parameters in adapters, [0-9]+ frozen' "${train[@]}" --plan-only
expect trains 0 'step 6 of 6' "${train[@]}"
expect layout 0 'adapter_config.json adapter_model.safetensors optimizer.safetensors trainer.json' \
  bash -c 'ls run/checkpoints/step-00000006 | tr "\n" " "'
expect pattern 0 'layers.1.self_attn.v_proj.lora_A.weight +f32 +\[2, 16\]' "$STRAIT" info run/checkpoints/step-00000006 --tensors
expect experts 0 'layers.1.mlp.experts.3.down_proj.lora_B.weight +f32 +\[16, 3\]' "$STRAIT" info run/checkpoints/step-00000006 --tensors
expect router 0 'layers.1.mlp.gate.lora_A.weight +f32 +\[3, 16\]' "$STRAIT" info run/checkpoints/step-00000006 --tensors
same base-is-as-it-was "$before" "$("$STRAIT" info $base --hash | grep sha256 | head -n 1)"
whole=$(weights_of run)
again() { # again NAME OPTION...: the same bits
  local name=$1
  shift
  "${train[@]}" --out "$name" "$@" >log 2>&1
  same "$name" "$whole" "$(weights_of "$name")"
}
again micro-batch --set batch.micro_batch=1
# A sanitizer makes these slow, and sees nothing new in them.
quick() { [ "${STRAIT_SLOWDOWN:-1}" = 1 ]; }
if quick; then STRAIT_CPU=generic again generic; fi
again recompute --set memory.recompute=full --set threads=3
"${train[@]}" --out again --set steps=4 >log 2>&1
expect resumes 0 'step 6 of 6' "${train[@]}" --out again --resume
same resumed "$whole" "$(weights_of again)"
expect narrow 0 'step 6 of 6' "${train[@]}" --out narrow --set dtype=bf16 --set lora.rslora=true
expect narrow-recomputed 0 'step 6 of 6' "${train[@]}" --out narrow2 --set dtype=bf16 --set lora.rslora=true \
  --set memory.recompute=full --set batch.micro_batch=1
same narrow-same "$(weights_of narrow)" "$(weights_of narrow2)"
drop=(--set lora.dropout=0.2 --set 'lora.targets=[q_proj, o_proj]')
expect dropout 0 'step 6 of 6' "${train[@]}" --out drop "${drop[@]}"
expect dropout-in-pieces 0 'step 6 of 6' "${train[@]}" --out drop2 "${drop[@]}" --set batch.micro_batch=1
same dropout-same "$(weights_of drop)" "$(weights_of drop2)"

expect warns 0 'PEFT with transformers 5 leaves out .*layers.0.mlp.gate_proj is one|PEFT with transformers 5 leaves out .*layers.0.mlp.down_proj is one' cat run/log.txt

# What is not trained has no gradient and no state of the optimizer.
plan_of() { "$STRAIT" train lora.yaml --plan-only --out x --set model.from=wide "$@" | awk '/^(gradients|optimizer)/ {sum += $2} END {print int(10 * sum)}'; }
if quick; then
  expect wide 0 'step 1 of 1' "$STRAIT" train base.yaml --out wide --set steps=1 --set model.init.hidden_size=256
  whole_plan=$(plan_of --set lora.rank=0 --set lora.alpha=null --set lora.rank_pattern=[])
  adapted_plan=$(plan_of)
  if [ "$adapted_plan" -lt $((whole_plan / 4)) ]; then ok plan-saves; else fail plan-saves "$adapted_plan of $whole_plan tenths of a MiB"; fi
fi

# Using: by the run, by the model with --adapter, and merged.
loss_of() { "$STRAIT" eval "$@" --data text.txt --json 2>/dev/null | grep -o '"loss": [0-9.]*' | cut -c9-15; }
adapted=$(loss_of run)
same eval-adapter "$adapted" "$(loss_of base --adapter run)"
if [ "$adapted" != "$(loss_of base)" ]; then ok eval-counts; else fail eval-counts equal; fi
expect merges 0 'a model without adapters' "$STRAIT" merge run --out merged
same merged "$adapted" "$(loss_of merged)"
expect generates 0 '' "$STRAIT" generate run --prompt 'The ship' --max-tokens 5 --greedy --quiet
text=$("$STRAIT" generate run --prompt 'The ship' --max-tokens 5 --greedy --quiet 2>/dev/null)
same generates-merged "$text" "$("$STRAIT" generate merged --prompt 'The ship' --max-tokens 5 --greedy --quiet 2>/dev/null)"
expect info 0 'rank +3' "$STRAIT" info run/checkpoints/step-00000006

# Wrong input.
expect no-such-module 2 'no matrix of the model.s layers is called q_project' "${train[@]}" --out x --set 'lora.targets=[q_project]'
expect no-match 2 'no matrix of the model.s layers matches "k"' "${train[@]}" --out x --set lora.target_regex=k
expect bad-regex 1 'regular expression' "${train[@]}" --out x --set 'lora.target_regex="(q"'
expect expert-dropout 1 'adapters of experts are trained without dropout' "${train[@]}" --out x --set lora.dropout=0.1
expect uneven-experts 1 'all experts of a layer need the same rank and scale' "${train[@]}" --out x \
  --set 'lora.rank_pattern=["experts.1.up_proj=5"]'
expect without-rank 2 'lora.alpha has no effect without lora.rank' "${train[@]}" --out x --set lora.rank=0 --set lora.rank_pattern=[]
expect from-adapters 2 'run/checkpoints/step-00000006 holds adapters: make one model of them and their base by `strait merge`' \
  "${train[@]}" --out x --set model.from=run/checkpoints/step-00000006
expect from-a-run-of-adapters 2 'model.from: run/checkpoints/step-00000006 holds adapters' "${train[@]}" --out x --set model.from=run
expect new-model 2 'adapters stand beside the weights of a model that exists' "$STRAIT" train base.yaml --out x --set lora.rank=2
expect bad-pattern 2 'PATTERN=RANK' "${train[@]}" --out x --set 'lora.rank_pattern=["q_proj"]'
expect orthogonal 2 'orthogonality_coefficient.*not trained' "${train[@]}" --out x --set moe.orthogonality_coefficient=0.1
expect merge-nothing 2 'a model without adapters' "$STRAIT" merge base --out x
expect no-adapters 2 'holds no adapters' "$STRAIT" generate base --adapter base --prompt x
expect twice 2 'holds adapters itself' "$STRAIT" generate run --adapter run --prompt x
adapter=run/checkpoints/step-00000006
change() { # change NAME SED: adapters with another config
  rm -rf "$1"
  mkdir "$1"
  cp $adapter/adapter_* "$1"
  sed -i "$2" "$1/adapter_config.json"
}
change dora 's/"use_dora": false/"use_dora": true/'
expect dora 1 'use_dora: DoRA .* is not supported' "$STRAIT" eval base --adapter dora --data text.txt
change biased 's/"bias": "none"/"bias": "lora_only"/'
expect biased 1 'bias: training biases beside adapters is not supported' "$STRAIT" eval base --adapter biased --data text.txt
change rank 's/"r": 3/"r": 4/'
expect rank 1 'lora_A.weight has shape \[3, 16\]; rank and base make it \[4, 16\]' "$STRAIT" eval base --adapter rank --data text.txt
change fewer 's/"q_proj",//'
expect fewer 1 'q_proj.lora_A.weight belongs to no adapted module' "$STRAIT" eval base --adapter fewer --data text.txt
change moved 's|"base_model_name_or_path": "[^"]*"|"base_model_name_or_path": "org/name"|'
expect moved 1 'org/name.* is no directory here' "$STRAIT" eval moved --data text.txt
expect moved-named 0 'loss' "$STRAIT" eval base --adapter moved --data text.txt
other=$STRAIT_SOURCE/tests/golden/qwen3-17
expect other-base 2 'no matrix of the model.s layers is called' "$STRAIT" merge base --adapter "$other/adapter" --out x
# Weights that were changed since: the run does not go on beside them.
"$STRAIT" train base.yaml --out base2 --set seed=2 >log 2>&1
"${train[@]}" --out moved-run --set steps=3 --set model.from=base2 >log 2>&1
rm -r base2 && cp -r base base2
expect changed-base 2 'not the weights that the run.s adapters were trained beside' "${train[@]}" --out moved-run --resume --set model.from=base2

exit "$failed"
