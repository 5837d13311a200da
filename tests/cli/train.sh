#!/bin/bash
# strait train: what it writes, plans, resumes, and what wrong input is told.
# usage: STRAIT=/path/to/strait tests/cli/train.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder
slow=${STRAIT_SLOWDOWN:-1}
make_data
make_config run.yaml
train=("$STRAIT" train run.yaml)

# ---- what a run is ----

expect run 0 '^run: step 12 of 12, 768 tokens, loss [0-9.]+, validation [0-9.]+, ' "${train[@]}"
for file in config.yaml environment.json log.txt metrics.jsonl lock checkpoints/step-00000012/model.safetensors; do
  if [ -s "run/$file" ]; then ok "wrote-$file"; else fail "wrote-$file" missing; fi
done
same keeps-three-checkpoints "step-00000010 step-00000011 step-00000012" "$(ls run/checkpoints | tr '\n' ' ' | sed 's/ $//')"
keys=$(tail -n 1 run/metrics.jsonl | grep -oE '"[a-z_]+":' | tr -d '":' | tr '\n' ' ')
same metrics-keys "step tokens loss val_loss grad_norm clip_factor lr tokens_per_second mfu mfu_convention memory weights \
gradients optimizer activations workspace data tokenizer other step_seconds data_seconds time " "$keys"
same metrics-steps "$(seq 12 | tr '\n' ' ')" "$(sed -E 's/^\{"step":([0-9]+),.*/\1/' run/metrics.jsonl | tr '\n' ' ')"
same metrics-validation "6 12 " "$(sed -nE 's/^\{"step":([0-9]+),.*"val_loss".*/\1/p' run/metrics.jsonl | tr '\n' ' ')"
expect events 0 'last step +12' "$STRAIT" info run/tb/events.out.tfevents.*
expect info-of-the-run 0 'steps done *12' "$STRAIT" info run
expect lineage-of-the-run 0 'lineage' "$STRAIT" info run
expect config-reads-back 0 '^  sequences: 4$' "$STRAIT" train run/config.yaml --print-config
first=$(sed -n '1s/.*"loss":\([0-9.]*\).*/\1/p' run/metrics.jsonl)
last=$(sed -n '12s/.*"loss":\([0-9.]*\).*/\1/p' run/metrics.jsonl)
if awk -v a="$first" -v b="$last" 'BEGIN { exit !(a > 5.4 && a < 5.8 && b < a - 0.3) }'; then ok learns
else fail learns "the loss went from $first to $last"; fi

expect sampled 0 'step 4 of 4' "${train[@]}" --out sampled --set steps=4 --set sample.every=2 \
  --set 'sample.prompts=["The ship", "风"]' --set sample.length=5
same samples "step-00000002.txt step-00000004.txt" "$(ls sampled/samples | tr '\n' ' ' | sed 's/ $//')"
if grep -q '^The ship' sampled/samples/step-00000004.txt && grep -q '^风' sampled/samples/step-00000004.txt; then ok sample-text
else fail sample-text "$(head -c 200 sampled/samples/step-00000004.txt)"; fi
expect profile 0 'step 2 of 2' "${train[@]}" --out profiled --set steps=2 --profile ops.csv
if [ "$(wc -l <ops.csv)" -gt 20 ]; then ok profile-lines; else fail profile-lines "$(cat ops.csv)"; fi
profile=$(cat ops.csv)
expect profile-without-a-step 0 'no step was taken: ops.csv is not written' "${train[@]}" --out profiled --resume --set steps=2 --profile ops.csv
same profile-without-a-step-stays "$profile" "$(cat ops.csv)"
expect profile-in-no-folder 1 'nowhere/ops.csv: cannot write it: No such file' "${train[@]}" --out x --profile nowhere/ops.csv
expect profile-is-a-folder 2 'profiled: exists and is no file' "${train[@]}" --out x --profile profiled
expect validation-only-at-the-end 0 'validation [0-9.]+' "${train[@]}" --out v --set steps=3 --set evaluate.every=100
expect no-validation 0 'loss [0-9.]+, [0-9.]+ s$' "${train[@]}" --out nv --set steps=2 --set evaluate.every=0
expect masked 0 'step 2 of 2, 1[0-9][0-9] tokens' "${train[@]}" --out m --set steps=2 --set data.mask_documents=true
expect no-tokenizer 0 'step 2 of 2' "${train[@]}" --out nt --set steps=2 --set tokenizer=null --set model.init.vocab_size=300
expect two-sources 0 'step 2 of 2' "${train[@]}" --out ts --set steps=2 \
  --set 'data.train=[{path: data_train, weight: 3}, {path: data_val, weight: 1}]'
cp data_train.idx few_train.idx
expect train-part-only 2 'few_val.idx: No such file or directory: there is the part for training alone: pack with a larger --val-fraction' \
  "${train[@]}" --out x --set data.validation=few_val
expect tokens-instead-of-steps 0 'step 2 of 2, 128 tokens' "${train[@]}" --out tok --set steps=null --set tokens=65

# Losses of routers: as the model's config.json says, or as moe.* does.
experts=(--set model.init.model_type=qwen3_moe --set model.init.num_experts=4 --set model.init.num_experts_per_tok=2
  --set model.init.moe_intermediate_size=8 --set batch.micro_batch=1 --set steps=2)
expect moe 0 'step 2 of 2' "${train[@]}" --out moe "${experts[@]}"
expect moe-z 0 'step 2 of 2' "${train[@]}" --out moe-z "${experts[@]}" --set moe.z_coefficient=0.001 --set moe.aux_scope=sequence
expect moe-none 0 'step 2 of 2' "${train[@]}" --out moe-none "${experts[@]}" --set moe.aux_coefficient=0
same moe-metrics "aux_loss" "$(grep -oE '(aux|z)_loss' moe/metrics.jsonl | sort -u | tr '\n' ' ' | sed 's/ $//')"
same moe-z-metrics "aux_loss z_loss" "$(grep -oE '(aux|z)_loss' moe-z/metrics.jsonl | sort -u | tr '\n' ' ' | sed 's/ $//')"
same moe-no-metrics 0 "$(grep -cE '(aux|z)_loss' moe-none/metrics.jsonl)"
expect moe-plan 0 'moe.aux_scope: step is more than a micro-batch: a forward pass that counts' "${train[@]}" --out x "${experts[@]}" --plan-only
# ERNIE 4.5 with experts: biases are saved in f32, and a run that was stopped ends as one that was not.
ernie=(--set model.init.model_type=ernie4_5_moe --set model.init.moe_num_experts=4 --set model.init.moe_k=2 --set dtype=bf16
  --set model.init.moe_intermediate_size=8 --set model.init.moe_layer_start_index=0 --set optimizer.weights=bf16
  --set schedule.name=constant)
expect ernie-moe 0 'step 4 of 4' "${train[@]}" --out ernie "${ernie[@]}" --set steps=4
expect ernie-bias 0 'layers.0.mlp.moe_statics.e_score_correction_bias +f32 +\[1, 4\]' "$STRAIT" info ernie/checkpoints/step-00000004 --tensors
expect ernie-begins 0 'step 2 of 2' "${train[@]}" --out ernie-again "${ernie[@]}" --set steps=2 --set batch.micro_batch=1
expect ernie-goes-on 0 'step 4 of 4' "${train[@]}" --out ernie-again "${ernie[@]}" --set steps=4 --set batch.micro_batch=1 --resume
expect ernie-whole 0 'step 4 of 4' "${train[@]}" --out ernie-whole "${ernie[@]}" --set steps=4
weights_of() { "$STRAIT" info "$1" --hash | grep 'parameters sha256'; }
same ernie-same "$(weights_of ernie-whole)" "$(weights_of ernie-again)"
expect ernie-still 0 'step 4 of 4' "${train[@]}" --out ernie-still "${ernie[@]}" --set steps=4 --set moe.bias_update_rate=0
if [ "$(weights_of ernie-whole)" != "$(weights_of ernie-still)" ]; then ok ernie-bias-moves; else fail ernie-bias-moves equal; fi
expect ernie-generates 0 '' "$STRAIT" generate ernie --prompt 'The ship' --max-tokens 5
# DeepSeek-V3: the mask of groups and the residual dropout are what is trained, whatever the micro-batch; a resumed run too.
# Biases of -0.9 make experts worth less than the +0 of another group.
deepseek=(--set model.init.model_type=deepseek_v3 --set model.init.num_key_value_heads=4 --set model.init.n_routed_experts=6
  --set model.init.num_experts_per_tok=3 --set model.init.n_group=3 --set model.init.topk_group=2 --set model.init.kv_lora_rank=8
  --set model.init.q_lora_rank=12 --set model.init.qk_nope_head_dim=8 --set model.init.v_head_dim=6
  --set model.init.moe_intermediate_size=8 --set model.init.first_k_dense_replace=1 --set dropout.residual=0.2
  --set moe.group_mask=zero --set moe.bias_update_rate=0.9 --set schedule.name=constant)
expect deepseek 0 'step 4 of 4' "${train[@]}" --out deepseek "${deepseek[@]}" --set steps=4 --set batch.micro_batch=4
expect deepseek-begins 0 'step 2 of 2' "${train[@]}" --out deepseek-again "${deepseek[@]}" --set steps=2 --set batch.micro_batch=1
expect deepseek-goes-on 0 'step 4 of 4' "${train[@]}" --out deepseek-again "${deepseek[@]}" --set steps=4 --set batch.micro_batch=1 \
  --set memory.recompute=full --resume
same deepseek-same "$(weights_of deepseek)" "$(weights_of deepseek-again)"
for change in moe.group_mask=neg_inf dropout.residual=0; do
  expect "deepseek-$change" 0 'step 4 of 4' "${train[@]}" --out "deepseek-$change" "${deepseek[@]}" --set steps=4 --set "$change"
  if [ "$(weights_of deepseek)" != "$(weights_of "deepseek-$change")" ]; then ok "deepseek-$change-differs"; else fail "deepseek-$change-differs" equal; fi
done
# Multi-token prediction: saved under released names, the same whatever the micro-batch, shards apart, recomputation and resuming.
mtp=("${deepseek[@]}" --set mtp.layers=1 --set model.init.first_k_dense_replace=2 --set moe.aux_coefficient=0.01 --set batch.shards=2)
expect mtp 0 'step 4 of 4' "${train[@]}" --out mtp "${mtp[@]}" --set steps=4 --set batch.micro_batch=2
expect mtp-begins 0 'step 2 of 2' "${train[@]}" --out mtp-again "${mtp[@]}" --set steps=2 --set batch.micro_batch=1
expect mtp-goes-on 0 'step 4 of 4' "${train[@]}" --out mtp-again "${mtp[@]}" --set steps=4 --set batch.micro_batch=1 \
  --set memory.recompute=full --resume
same mtp-same "$(weights_of mtp)" "$(weights_of mtp-again)"
same mtp-metrics 4 "$(grep -c '"mtp_loss":[0-9]' mtp/metrics.jsonl)"
same mtp-none 0 "$(grep -c mtp_loss deepseek/metrics.jsonl)"
for name in embed_tokens eh_proj enorm hnorm shared_head.norm shared_head.head; do
  expect "mtp-saves $name" 0 "layers.2.$name.weight" "$STRAIT" info mtp/checkpoints/step-00000004 --tensors
done
expect mtp-says 0 '"num_nextn_predict_layers": 1' cat mtp/checkpoints/step-00000004/config.json
expect mtp-says-none 0 '"num_nextn_predict_layers": 0' cat deepseek/checkpoints/step-00000004/config.json
expect mtp-weight 0 'step 4 of 4' "${train[@]}" --out mtp-weight "${mtp[@]}" --set steps=4 --set mtp.weight=0.1
if [ "$(weights_of mtp)" != "$(weights_of mtp-weight)" ]; then ok mtp-weight-counts; else fail mtp-weight-counts equal; fi
expect mtp-generates 0 '' "$STRAIT" generate mtp --prompt 'The ship' --max-tokens 5
expect mtp-muon 0 'step 2 of 2' "${train[@]}" --out mtp-muon "${mtp[@]}" --set steps=2 --set optimizer.name=muon
expect mtp-from 0 'step 2 of 2' "${train[@]}" --out mtp-from --set model.init=null --set model.from=mtp --set mtp.layers=1 --set steps=2
expect mtp-left-out 0 'step 2 of 2' "${train[@]}" --out mtp-left-out --set model.init=null --set model.from=mtp --set steps=2
expect mtp-left-out-told 0 "its module for multi-token prediction is left out" cat mtp-left-out/log.txt
expect mtp-missing 1 'layers.2.eh_proj.weight' "${train[@]}" --out x --set model.init=null --set model.from=deepseek --set mtp.layers=1
expect mtp-other-family 2 'mtp.layers is 1, and a qwen3 has no such module: remove it' "${train[@]}" --out x --set mtp.layers=1
expect mtp-two 2 'mtp.layers' "${train[@]}" --out x "${deepseek[@]}" --set mtp.layers=2
expect mtp-lora 2 'adapters .lora.rank. are trained without it' "${train[@]}" --out x --set model.init=null --set model.from=mtp \
  --set mtp.layers=1 --set lora.rank=2
expect group-mask-without-groups 2 "moe.group_mask is zero, and the model's experts stand in no groups: remove it" "${train[@]}" --out x \
  "${experts[@]}" --set moe.group_mask=zero
expect moe-dense 2 'moe.aux_coefficient is 0.1, and no layer of the model has experts' "${train[@]}" --out x --set moe.aux_coefficient=0.1

# A config.json in model.init: what it says of ids and positions is what the trained model's says.
paste=(--set model.init.rope_parameters='{rope_type: default, rope_theta: 500}' --set model.init.bos_token_id=3
  --set 'model.init.eos_token_id=[4, 5]' --set model.init.pad_token_id=6 --set model.init.num_key_value_heads=null)
expect pasted 0 'step 2 of 2' "${train[@]}" --out pasted --set steps=2 "${paste[@]}"
for line in '"rope_theta": 500' '"bos_token_id": 3' '"pad_token_id": 6' '"num_key_value_heads": 4'; do
  if grep -Fq "$line" pasted/checkpoints/step-00000002/config.json; then ok "pasted $line"
  else fail "pasted $line" "$(grep -F "${line%:*}" pasted/checkpoints/step-00000002/config.json)"; fi
done
expect pasted-goes-on 0 'step 3 of 3' "${train[@]}" --out pasted --set steps=3 "${paste[@]}" --resume
expect pasted-pad-beyond 2 'model.init.pad_token_id .300. must be less than vocab_size .257.' "${train[@]}" --out x --set model.init.pad_token_id=300
expect pasted-yarn 2 'yarn needs a factor' "${train[@]}" --out x --set 'model.init.rope_scaling={rope_type: yarn}'

# ---- a model as the start ----

from=(--set model.init=null --set model.from=run/checkpoints/step-00000012)
expect from-a-checkpoint 0 'step 3 of 3' "${train[@]}" --out from "${from[@]}" --set tokenizer=null --set steps=3
if cmp -s tokenizer/tokenizer.json from/checkpoints/step-00000003/tokenizer.json; then ok tokenizer-goes-along
else fail tokenizer-goes-along "$(ls from/checkpoints/step-00000003)"; fi
start=$(sed -n '1s/.*"loss":\([0-9.]*\).*/\1/p' from/metrics.jsonl)
if awk -v a="$first" -v b="$start" 'BEGIN { exit !(b < a - 0.3) }'; then ok from-its-weights; else fail from-its-weights "$start"; fi
cp -r run/checkpoints/step-00000012 ends
printf '{\n  "eos_token_id": [\n    101,\n    256\n  ],\n  "top_k": 20\n}\n' >ends/generation_config.json
expect from-one-with-end-tokens 0 'step 1 of 1' "${train[@]}" --out from-ends --set model.init=null --set model.from=ends \
  --set tokenizer=null --set steps=1 --set schedule.warmup=0
if cmp -s ends/generation_config.json from-ends/checkpoints/step-00000001/generation_config.json; then ok generation-config-goes-along
else fail generation-config-goes-along "$(cat from-ends/checkpoints/step-00000001/generation_config.json)"; fi
expect from-a-run 0 'step 1 of 1' "${train[@]}" --out from2 --set model.init=null --set model.from=run --set steps=1 \
  --set schedule.warmup=0
expect bf16-from-f32 0 'step 2 of 2' "${train[@]}" --out from3 "${from[@]}" --set dtype=bf16 --set steps=2
expect bf16-is-stored 0 'bf16' "$STRAIT" info from3/checkpoints/step-00000002

# ---- planning ----

: >log
before=$(ls -A)
expect plan-only 0 '^\(9600 parameters, micro-batches of 2 x 16 tokens, recompute none\)$' "${train[@]}" --out planned --plan-only
expect plan-only-says-what-was-chosen 0 '^\(memory.recompute: auto: it fits with nothing recomputed\)$' "${train[@]}" --out planned --plan-only
same plan-only-writes-nothing "$before" "$(ls -A)"
expect plan-only-needs-no-data 0 'total' "${train[@]}" --out planned --plan-only --set data.sequence_length=32000
less=$("${train[@]}" --out planned --plan-only --set memory.recompute=full | awk '/^activations/ {print $2}')
more=$("${train[@]}" --out planned --plan-only --set batch.micro_batch=4 | awk '/^activations/ {print $2}')
if awk -v a="$less" -v b="$more" 'BEGIN { exit !(a < b) }'; then ok plan-follows-the-config; else fail plan-follows-the-config "$less $more"; fi

# The published sizes: hidden, intermediate, layers, heads, tied (all with 8 key-value heads of 128), parameters.
while read -r name hidden wide layers heads tied parameters; do
  size=(--set model.init.vocab_size=151936 --set model.init.hidden_size="$hidden" --set model.init.intermediate_size="$wide"
    --set model.init.num_hidden_layers="$layers" --set model.init.num_attention_heads="$heads"
    --set model.init.num_key_value_heads=8 --set model.init.head_dim=128 --set model.init.tie_word_embeddings="$tied")
  # Planned and printed either way; where it does not fit, as the error.
  "${train[@]}" --out planned --plan-only "${size[@]}" >log 2>&1
  if grep -q "^($parameters parameters" log; then ok "plans-$name"; else fail "plans-$name" "$(tail -n 3 log)"; fi
  # A hundred thousand sequences of activations at once fit nowhere.
  expect "refuses-$name" 1 'does not fit in memory:' "${train[@]}" --out planned "${size[@]}" --set batch.sequences=131072 \
    --set batch.micro_batch=131072
done <<'END'
0.6b 1024 3072 28 16 true 596049920
1.7b 2048 6144 28 16 true 1720574976
4b 2560 9728 36 32 true 4022468096
8b 4096 12288 36 32 false 8190735360
14b 5120 17408 40 40 false 14768307200
32b 5120 25600 64 64 false 32762123264
END
expect refusal-has-the-table 1 '^optimizer +[0-9.]+ MiB$' "${train[@]}" --out planned "${size[@]}"
expect refusal-says-what-would-fit 1 'It would fit with memory.recompute: [a-z]+ and batch.micro_batch: [0-9]+ \([0-9.]+ MiB\)\.|Even with memory.recompute: full and batch.micro_batch: 1 it needs' \
  "${train[@]}" --out planned "${size[@]}"
same refusal-writes-nothing "$before" "$(ls -A)"

# ---- resuming ----

expect begun 0 'step 4 of 4' "${train[@]}" --out r --set steps=4
expect more-steps 0 'step 6 of 6' "${train[@]}" --out r --resume --set steps=6
expect nothing-left-to-do 0 'step 6 of 6' "${train[@]}" --out r --resume --set steps=6
mkdir hollow
expect exists-empty 1 'hollow: exists already; go on with it by --resume' "${train[@]}" --out hollow
expect plan-of-an-existing-run 1 'r: exists already' "${train[@]}" --out r --plan-only
expect plan-of-its-resuming 0 '^total' "${train[@]}" --out r --resume --plan-only
expect plan-of-resuming-nothing 1 'nowhere: no such run to resume' "${train[@]}" --out nowhere --resume --plan-only
expect resumes-empty 0 'step 2 of 2' "${train[@]}" --out hollow --resume --set steps=2
expect exists 1 'r: exists already; go on with it by --resume' "${train[@]}" --out r
expect a-file-in-the-way 1 'run.yaml: is a file' "${train[@]}" --out run.yaml
expect nothing-to-resume 1 'nowhere: no such run to resume' "${train[@]}" --out nowhere --resume
for change in seed=2 optimizer.lr=0.001 batch.sequences=8 dtype=bf16 model.init.hidden_size=24 \
  schedule.warmup=3 data.sequence_length=8 optimizer.first_moment=bf16; do
  expect "changed-${change%=*}" 2 "^  ${change%=*}: [^ ]+ in the run, now ${change#*=}$" "${train[@]}" --out r --resume --set steps=8 --set "$change"
done
expect may-change 0 'step 7 of 7' "${train[@]}" --out r --resume --set steps=7 --set threads=2 --set checkpoint.every=5 \
  --set checkpoint.keep=9 --set evaluate.every=0 --set log_every=1 --set memory.recompute=full
expect fewer-steps-than-done 2 'r: the run has done 7 steps, more than the 3 asked for' "${train[@]}" --out r --resume --set steps=3

# ---- bf16 weights and moments ----

expect weights-need-bf16 2 "^strait train: --set optimizer.weights=bf16: optimizer.weights: bf16 needs dtype: bf16" \
  "${train[@]}" --out x --set optimizer.weights=bf16
expect weights-by-another-name 2 "did you mean optimizer.weights\?" "${train[@]}" --out x --set optimizer.stochastic_rounding=true
states=(--set dtype=bf16 --set optimizer.weights=bf16 --set optimizer.first_moment=bf16 --set schedule.name=constant)
plan() { "${train[@]}" --out x --plan-only "$@" 2>&1 | awk '$1 == "optimizer" {print $2}'; }
plan "${size[@]}" --set dtype=bf16 >plan-f32
plan "${size[@]}" "${states[@]}" >plan-bf16
# 12 bytes a parameter, or 6.
if awk '{a[NR] = $1} END {exit !(a[1] > 0 && a[2] / a[1] > 0.499 && a[2] / a[1] < 0.501)}' plan-f32 plan-bf16; then ok halves-the-states
else fail halves-the-states "$(cat plan-f32 plan-bf16)"; fi
expect stochastic 0 'step 6 of 6' "${train[@]}" --out sr --set steps=6 "${states[@]}"
expect stochastic-info 0 'optimizer states +first moment bf16, second moment f32$' "$STRAIT" info sr/checkpoints/step-00000006
expect stochastic-trainer 0 'weights +bf16$' "$STRAIT" info sr/checkpoints/step-00000006
"${train[@]}" --out sr2 --set steps=3 "${states[@]}" >log 2>&1
expect stochastic-resumes 0 'step 6 of 6' "${train[@]}" --out sr2 --resume --set steps=6 --set threads=3 "${states[@]}"
for file in model optimizer; do
  same "stochastic-resumed-$file" "$(parameters sr/checkpoints/step-00000006/$file.safetensors)" \
    "$(parameters sr2/checkpoints/step-00000006/$file.safetensors)"
done
expect other-moment 2 '^  optimizer.first_moment: bf16 in the run, now f32$' "${train[@]}" --out sr --resume --set steps=8 \
  "${states[@]}" --set optimizer.first_moment=f32
sed -i 's/first_moment: bf16/first_moment: f32/' sr2/config.yaml
expect other-checkpoint 2 'written with optimizer.first_moment: bf16, and the run now says f32: put that back' "${train[@]}" \
  --out sr2 --resume --set steps=8 "${states[@]}" --set optimizer.first_moment=f32
expect from-stochastic 0 'step 1 of 1' "${train[@]}" --out next --set model.init=null --set model.from=sr --set steps=1 \
  --set schedule.warmup=0
expect bench-states 0 '"planned_bytes"' "$STRAIT" bench step --steps 1 --sequences 1 --length 16 --dtype bf16 --weights bf16 \
  --first-moment bf16 --json
expect bench-weights-need-bf16 2 'bf16 weights need dtype bf16' "$STRAIT" bench step --weights bf16
expect bench-moment 2 'first moment "f16": f32 and bf16 are possible' "$STRAIT" bench step --first-moment f16

cp -r run broken
printf x | dd of=broken/checkpoints/step-00000012/optimizer.safetensors bs=1 seek=2000 conv=notrunc status=none
expect falls-back 0 'step-00000012.*optimizer.safetensors does not match' "${train[@]}" --out broken --resume
if grep -q 'resuming from .*step-00000011' broken/log.txt; then ok says-from-where; else fail says-from-where "$(tail -3 broken/log.txt)"; fi
same as-if-it-had-not-broken "$(parameters run)" "$(parameters broken)"
for checkpoint in broken/checkpoints/*; do truncate -s -1 "$checkpoint/model.safetensors"; done
expect none-intact 1 'none of its [0-9]+ checkpoints is intact' "${train[@]}" --out broken --resume --set steps=9
cp -r r other && make_text text2.jsonl 300 && "$STRAIT" data pack text2.jsonl --tokenizer tokenizer --out data2 >/dev/null 2>&1
expect other-data 2 'data.train|training data' "${train[@]}" --out other --resume --set steps=9 --set data.train=data2_train
for part in bin idx; do cp data_train.$part plain.$part; done
expect plain-shard 0 'step 1 of 1' "${train[@]}" --out plain --set data.train=plain --set steps=1 --set schedule.warmup=0
for part in bin idx; do cp data2_train.$part plain.$part; done
expect exchanged-data 2 'the training data is not what this run was begun with' "${train[@]}" --out plain --resume \
  --set data.train=plain --set steps=2 --set schedule.warmup=0

# Two processes in one run.
"${train[@]}" --out busy --set steps=1000000 --set checkpoint.every=0 --profile busy.csv >busy.log 2>&1 &
process=$!
for _ in $(seq 600); do
  [ -s busy/metrics.jsonl ] && break
  sleep 0.1
done
expect locked 1 "busy: in use by process $process" "${train[@]}" --out busy --resume --set steps=1000000 --set checkpoint.every=0
kill -INT $process 2>/dev/null # a background job of a script ignores it
kill -TERM $process
wait $process
same sigterm-ends-well 0 $?
if [ "$(wc -l <busy.csv)" -gt 20 ]; then ok sigterm-leaves-a-profile; else fail sigterm-leaves-a-profile "$(cat busy.csv)"; fi
if [ -n "$(ls busy/checkpoints)" ]; then ok sigterm-leaves-a-checkpoint; else fail sigterm-leaves-a-checkpoint "$(tail -2 busy.log)"; fi

# Ctrl-C twice, the second before the first was noticed between two micro-batches: the run ends without a checkpoint. A
# shell's background jobs ignore Ctrl-C, unless env gives it back. Up to five tries, as the first may be noticed at once.
twice() {
  local process code
  rm -rf twice
  env --default-signal=INT "${train[@]}" --out twice --set model.init.hidden_size=128 --set model.init.intermediate_size=512 \
    --set data.sequence_length=128 --set batch.sequences=2048 --set batch.micro_batch=32 --set evaluate.every=0 \
    --set checkpoint.every=0 >twice.log 2>&1 &
  process=$!
  for _ in $(seq 600); do
    [ -s twice/environment.json ] && break
    sleep 0.1
  done
  sleep 0.3
  kill -INT $process
  # Two pending signals would be one: not before the first was delivered.
  while grep -qE '^(Sig|Shd)Pnd:.*[1-9a-f]' /proc/$process/status 2>/dev/null; do :; done
  kill -INT $process 2>/dev/null
  wait $process
}
if ! env --default-signal=INT true 2>/dev/null; then
  echo "skip twice-is-now env cannot give Ctrl-C back to a background job here"
else
  for _ in 1 2 3 4 5; do
    twice
    code=$?
    [ $code = 0 ] || break
  done
  if [ $code = 1 ] && grep -q '^strait train: stopped at step 0 without a checkpoint' twice.log && [ -z "$(ls -A twice/checkpoints)" ]
  then ok twice-is-now
  else fail twice-is-now "exit status $code: $(tail -n 2 twice.log)"; fi
fi

# Stopped before the first step is done, which takes seconds: there is no loss to tell.
env --default-signal=TERM "${train[@]}" --out early --set model.init.hidden_size=256 --set model.init.intermediate_size=1024 \
  --set data.sequence_length=128 --set batch.sequences=4096 --set batch.micro_batch=4 --set evaluate.every=0 >early.log 2>&1 &
process=$!
for _ in $(seq 600); do
  [ -s early/environment.json ] && break
  sleep 0.1
done
kill -TERM $process
wait $process
same early-stop-ends-well 0 $?
if grep -Eq '^early: no step taken, [0-9.]+ s$' early.log && [ -d early/checkpoints/step-00000000 ]; then ok early-stop-says-so
else fail early-stop-says-so "$(tail -n 3 early.log)"; fi

expect minutes-too-few 0 'a step takes .*: 60 steps are the fewest for schedule.warmup and schedule.decay' "${train[@]}" \
  --out few --set steps=auto --set minutes=0.0001 --set schedule.warmup=50 --set schedule.decay=10 --set checkpoint.every=0
# A length by time: the number of steps is measured once, stored, and kept.
expect minutes 0 'minutes: step ([0-9,]+) of \1,' "${train[@]}" --out minutes --set steps=auto --set minutes=0.02 --set checkpoint.every=0
steps=$(sed -n 's/^steps: //p' minutes/config.yaml)
if [ -n "$steps" ] && [ "$steps" -ge 10 ] && ! grep -q '^minutes' minutes/config.yaml; then ok minutes-are-stored-as-steps
else fail minutes-are-stored-as-steps "$(grep -E '^(steps|minutes)' minutes/config.yaml)"; fi
expect minutes-kept 0 'minutes: step ([0-9,]+) of \1,' "${train[@]}" --out minutes --resume --set steps=auto --set minutes=0.02 \
  --set checkpoint.every=0
same minutes-kept-number "$steps" "$(sed -n 's/^steps: //p' minutes/config.yaml)"

# ---- what cannot be trained ----

# Weights that grow a thousandfold a step.
expect diverges 1 'step [0-9]+: loss (-?nan|-?inf|[0-9.e+]+), gradient norm .*first tensor whose gradient is not finite is model[.a-z0-9_]*' \
  "${train[@]}" --out d --set steps=40 --set optimizer.lr=10 --set optimizer.weight_decay=100 --set optimizer.clip=0 \
  --set schedule.warmup=0 --set schedule.name=constant
step=$(tail -n 1 d/metrics.jsonl | sed -E 's/^\{"step":([0-9]+),.*/\1/')
if [ "$step" -ge 1 ] && "$STRAIT" info "d/checkpoints/step-$(printf %08d "$step")" --hash >log 2>&1; then ok diverged-last-checkpoint
else fail diverged-last-checkpoint "$(ls d/checkpoints) $(tail -n 2 log)"; fi
if grep -q "last good checkpoint is of step $step" d/log.txt; then ok diverged-says-which; else fail diverged-says-which "$(tail -n 1 d/log.txt)"; fi

# A model with one number that is none: the last four bytes of the file.
cp -r run/checkpoints/step-00000012 nan
printf '\377\377\377\377' | dd of=nan/model.safetensors bs=1 seek=$(($(stat -c %s nan/model.safetensors) - 4)) conv=notrunc status=none
expect nan-weight 1 'step 1: loss .*not finite is model.* No weight was changed; no checkpoint was written yet' \
  "${train[@]}" --out nanrun --set model.init=null --set model.from=nan --set steps=2

expect id-outside-the-vocabulary 1 'data_train.*(token )?id [0-9]+.*vocabulary' "${train[@]}" --out ids --set tokenizer=null \
  --set model.init.vocab_size=120

# Nothing of the following may leave a run directory.

# Models that are damaged or foreign. damage NAME: a copy to be damaged
damage() {
  rm -rf "$1"
  cp -r run/checkpoints/step-00000012 "$1"
}
train_from=("${train[@]}" --out x --set model.init=null --set steps=2 --set)
damage lost && sed -i 's/model.norm.weight/model.norn.weight/' lost/model.safetensors
expect missing-tensor 1 '^  lost/model.safetensors: model.norm.weight is missing' "${train_from[@]}" model.from=lost
damage shape && sed -i 's/"intermediate_size": 24/"intermediate_size": 25/' shape/config.json
expect wrong-shape 1 '^  shape/model.safetensors: model.layers.0.mlp.up_proj.weight has shape \[24, 16\], config.json makes it \[25, 16\]' "${train_from[@]}" model.from=shape
damage cut && truncate -s -3 cut/model.safetensors
expect truncated-model 1 'cut/model.safetensors.*truncated' "${train_from[@]}" model.from=cut
damage foreign && sed -i 's/Qwen3ForCausalLM/LlamaForCausalLM/' foreign/config.json
expect unknown-architecture 1 'foreign/config.json.*LlamaForCausalLM.*supported: Qwen3ForCausalLM' "${train_from[@]}" model.from=foreign
damage scaled && sed -i 's/"rope_scaling": null/"rope_scaling": {"rope_type": "yarn", "factor": 4.0}/' scaled/config.json
expect rope-scaling 1 'scaled/config.json.*rope_scaling: differs' "${train_from[@]}" model.from=scaled
mkdir empty
expect empty-model 2 'model.from: .*empty/config.json' "${train_from[@]}" model.from=empty
expect small-vocabulary 2 'the tokenizer has 257 tokens, the model.s vocab_size is 200' "${train[@]}" --out x --set model.init.vocab_size=200
expect longer-than-the-data 1 'data_train.*sequence' "${train[@]}" --out x --set data.sequence_length=40000 \
  --set model.init.max_position_embeddings=40000
expect longer-than-the-model 2 'sequence_length .32. exceeds model.init.max_position_embeddings .16.' "${train[@]}" --out x \
  --set data.sequence_length=32 --set model.init.max_position_embeddings=16
cp data_train.idx t.idx && head -c 1000 data_train.bin >t.bin
expect truncated-shard 1 't.idx: sequence [0-9]+ .*beyond the .bin, which has 1000 bytes: truncated' "${train[@]}" --out x --set data.train=t
head -c 100 data_train.idx >t.idx && cp data_train.bin t.bin
expect truncated-index 1 't.idx' "${train[@]}" --out x --set data.train=t
expect missing-shard 2 'data.train: none.idx: No such file' "${train[@]}" --out x --set data.train=none
expect micro-batch-too-large 2 'batch.micro_batch .5. exceeds batch.sequences .4.' "${train[@]}" --out x --set batch.micro_batch=5
expect shards-too-many 2 'batch.shards .5. exceeds batch.sequences .4.' "${train[@]}" --out x --set batch.shards=5
expect shards-none 2 'batch.shards' "${train[@]}" --out x --set batch.shards=0
expect device-unknown 2 'tpu.*cpu' "${train[@]}" --out x --set device=tpu
expect device-not-there 1 'the OpenCL loader cannot be opened .*install it' env STRAIT_OPENCL_LIBRARY=/nonexistent "${train[@]}" --out x --set device=opencl
# A machine without any vendor's library and without plug-ins trains on its processor.
mkdir no_plugins
expect no-vendor-library 0 'step 2 of 2' env STRAIT_OPENCL_LIBRARY=/nonexistent STRAIT_CUDA_LIBRARY=/nonexistent STRAIT_HIP_LIBRARY=/nonexistent \
  STRAIT_PLUGIN_PATH="$folder/no_plugins" "${train[@]}" --out without --set steps=2
expect threads-negative 2 'threads' "${train[@]}" --out x --set threads=-1
expect threads-too-many 2 '^strait train: --set threads=1025: threads wants an integer >= 0 and <= 1024' "${train[@]}" --out x --set threads=1025
expect instruction-set-unknown 2 'STRAIT_CPU asks for instruction set .mmx., which is unknown; there is:' env STRAIT_CPU=mmx "${train[@]}" --out x
expect lr-out-of-range 2 'run.yaml|--set optimizer.lr' "${train[@]}" --out x --set optimizer.lr=1e30
expect config-missing 1 'none.yaml' "$STRAIT" train none.yaml
expect no-config 2 'names no configuration' "$STRAIT" train
if [ -e x ]; then fail refused-before-a-folder "$(ls x)"; else ok refused-before-a-folder; fi

# ---- the first step ----

# What a user waits for before anything happens: half a second on processors that are free. Where others work on them
# too (the tests of test.sh do not, a developer's machine may) they get their share of the time. The best of three.
if [ "$slow" != 1 ]; then
  echo "skip first-step-within-half-a-second a sanitizer takes time of its own"
else
  best=
  for _ in 1 2 3; do
    at=$("$STRAIT" bench step --model tiny --steps 1 --sequences 1 --json 2>/dev/null |
      sed -nE 's/.*"first_step_at": *([0-9.e+-]+).*/\1/p')
    best=$(awk -v a="${at:-99}" -v b="${best:-99}" 'BEGIN { print (a < b ? a : b) }')
  done
  share=$(awk -v cores="$(nproc)" '{ print ($1 > cores ? $1 / cores : 1) }' /proc/loadavg)
  if awk -v a="$best" -v s="$slow" -v share="$share" 'BEGIN { exit !(a <= 0.5 * s * share) }'; then ok first-step-within-half-a-second
  else fail first-step-within-half-a-second "$best s"; fi
fi
exit "$failed"
