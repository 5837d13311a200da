#!/bin/bash
# strait trace: which tensors it writes, that they do not depend on how they are computed, and what wrong input is told.
# What stands in them is compared with transformers by the stage "golden".
# usage: STRAIT=/path/to/strait tests/cli/trace.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder
golden=$STRAIT_SOURCE/tests/golden/qwen3-01
cp -r "$golden" model
echo '[[1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1], [1, 1, 2, 3, 5, 8, 13]]' >ids.json
trace=("$STRAIT" trace model --tokens ids.json --out)
hash_of() { sha256sum <"$1" | cut -d' ' -f1; }

expect help 0 '^usage: strait trace' "$STRAIT" trace --help
expect plain 0 '' "${trace[@]}" plain.safetensors
same plain-tensors "logits loss " "$("$STRAIT" info plain.safetensors | awk '$2 == "f32" && $1 != "dtype" {print $1}' | sort | tr '\n' ' ')"
expect logits-shape 0 'logits +f32 +\[3, 7, ' "$STRAIT" info plain.safetensors
expect all 0 '' "${trace[@]}" all.safetensors --activations --grads --steps 2
for tensor in logits loss losses activations.0 grad.model.embed_tokens.weight param.model.norm.weight; do
  expect "writes-$tensor" 0 "$tensor " "$STRAIT" info all.safetensors --tensors
done
all=$(hash_of all.safetensors)
again() { # again NAME OPTION...: the same file to the byte
  local name=$1
  shift
  "${trace[@]}" again.safetensors --activations --grads --steps 2 "$@" >log 2>&1
  same "$name" "$all" "$(hash_of again.safetensors)"
}
for threads in 1 2 3 8; do again "threads-$threads" --threads $threads; done
for micro in 1 2 3; do again "micro-batch-$micro" --micro-batch $micro; done
for recompute in none light full; do again "recompute-$recompute" --recompute $recompute; done
STRAIT_CPU=generic again generic
"${trace[@]}" three.safetensors --activations --grads --steps 2 --shards 3 >log 2>&1
three=$(hash_of three.safetensors)
if [ "$three" != "$all" ]; then ok shards-are-part-of-the-bits; else fail shards-are-part-of-the-bits equal; fi
"${trace[@]}" three.safetensors --activations --grads --steps 2 --shards 3 --threads 3 --recompute full >log 2>&1
same shards-3-again "$three" "$(hash_of three.safetensors)"
expect bf16 0 '' "${trace[@]}" bf16.safetensors --dtype bf16 --grads
if [ "$(hash_of bf16.safetensors)" != "$all" ]; then ok bf16-differs; else fail bf16-differs equal; fi
expect bf16-weights 0 '' "${trace[@]}" sr.safetensors --dtype bf16 --weights bf16 --first-moment bf16 --steps 3 --lr 1e-2
expect bf16-weights-again 0 '' "${trace[@]}" sr2.safetensors --dtype bf16 --weights bf16 --first-moment bf16 --steps 3 --lr 1e-2 \
  --threads 3
same bf16-weights-same "$(hash_of sr.safetensors)" "$(hash_of sr2.safetensors)"
expect bf16-weights-need-bf16 2 'bf16 weights need dtype bf16' "${trace[@]}" x --steps 1 --weights bf16
expect moment-needs-steps 2 'first-moment.*give --steps' "${trace[@]}" x --first-moment bf16
expect options 0 '' "${trace[@]}" o.safetensors --steps 2 --lr 1e-2 --betas 0.8,0.9 --eps 1e-6 --weight-decay 0.1 --clip 0.5

# Experts: what routers chose is written, and read back it gives the same file.
moe=$STRAIT_SOURCE/tests/golden/qwen3_moe-03
routed=("$STRAIT" trace "$moe" --tokens "$moe/ids.json" --grads --steps 1 --out)
expect routers 0 '' "${routed[@]}" r1.safetensors
expect writes-router-ids 0 'router.ids.2 +i32 +\[1, 9, 3\]' "$STRAIT" info r1.safetensors --tensors
expect writes-router-weights 0 'router.weights.1 +f32 +\[1, 9, 3\]' "$STRAIT" info r1.safetensors --tensors
expect replay 0 '' "${routed[@]}" r2.safetensors --routing r1.safetensors --recompute full
same replay-same "$(hash_of r1.safetensors)" "$(hash_of r2.safetensors)"
expect replay-of-another 1 'routing.1 must be I32 .*1, 9, 3' "${routed[@]}" x --routing "$STRAIT_SOURCE/tests/golden/qwen3_moe-02/golden.safetensors"
expect replay-without 1 'has no routing.1' "${routed[@]}" x --routing all.safetensors
expect replay-dense 2 'has no experts' "${trace[@]}" x --routing r1.safetensors

# Losses of routers: the same whatever the micro-batch, also where it is less than the scope; else than without.
expect group-mask-word 2 'group mask "none": neg_inf and zero are possible' "$STRAIT" trace "$STRAIT_SOURCE/tests/golden/deepseek_v3-09" \
  --tokens "$STRAIT_SOURCE/tests/golden/deepseek_v3-09/ids.json" --out x --group-mask none
expect group-mask-without-groups 2 'the experts of .*qwen3_moe-05 stand in no groups' "$STRAIT" trace "$STRAIT_SOURCE/tests/golden/qwen3_moe-05" \
  --tokens "$STRAIT_SOURCE/tests/golden/qwen3_moe-05/ids.json" --out x --group-mask zero
balanced=("$STRAIT" trace "$STRAIT_SOURCE/tests/golden/qwen3_moe-05" --tokens "$STRAIT_SOURCE/tests/golden/qwen3_moe-05/ids.json" --grads --out)
"${balanced[@]}" plain-moe.safetensors 2>/dev/null
for what in pooled,step,0.1,0.01 per_layer,shard,0.1,0 per_layer,sequence,0.1,0; do
  expect "balance-$what" 0 '' "${balanced[@]}" b1.safetensors --balance $what --shards 2 --micro-batch 2
  expect "balance-$what-pieces" 0 '' "${balanced[@]}" b2.safetensors --balance $what --shards 2 --micro-batch 1 --threads 3 --recompute full
  same "balance-$what-same" "$(hash_of b1.safetensors)" "$(hash_of b2.safetensors)"
  expect "balance-$what-is-written" 0 'aux_loss +f32 +\[1\]' "$STRAIT" info b1.safetensors --tensors
  if [ "$(hash_of b1.safetensors)" != "$(hash_of plain-moe.safetensors)" ]; then ok "balance-$what-counts"; else fail "balance-$what-counts" equal; fi
done
ernie=$STRAIT_SOURCE/tests/golden/ernie4_5_moe-03
biased=("$STRAIT" trace "$ernie" --tokens "$ernie/ids.json" --steps 2 --out)
expect bias-moves 0 '' "${biased[@]}" m1.safetensors --balance pooled,step,0,0,0.01 --dtype bf16 --weights bf16
expect bias-stays 0 '' "${biased[@]}" m2.safetensors --balance pooled,step,0,0,0 --dtype bf16 --weights bf16
if [ "$(hash_of m1.safetensors)" != "$(hash_of m2.safetensors)" ]; then ok bias-counts; else fail bias-counts equal; fi
expect balance-unknown 2 'form of the auxiliary loss "both": pooled and per_layer are possible' "${balanced[@]}" x --balance both,step,1,0
expect balance-bad 2 'FORM,SCOPE,A,Z is wanted' "${balanced[@]}" x --balance pooled,step,1
expect balance-uneven 2 'shards of equal size' "${balanced[@]}" x --balance pooled,shard,1,0 --shards 3

expect no-model 2 'MODEL|model' "$STRAIT" trace
expect no-tokens 2 'tokens' "$STRAIT" trace model --out x
expect no-out 2 'out' "$STRAIT" trace model --tokens ids.json
expect out-is-a-folder 2 'model is a folder' "$STRAIT" trace model --tokens ids.json --out model
expect out-without-folder 1 'none/x: there is no folder none; make it first$' "$STRAIT" trace model --tokens ids.json --out none/x
if [ ! -e model.tmp ] && ! "$STRAIT" trace model --tokens ids.json --out none/x 2>&1 | grep -q passes; then ok out-is-seen-first
else fail out-is-seen-first "after the work"; fi
expect tokens-missing 1 'none.json' "$STRAIT" trace model --tokens none.json --out x
expect model-missing 1 'nowhere: does not exist' "$STRAIT" trace nowhere --tokens ids.json --out x
ids() { # ids NAME PATTERN JSON
  echo "$3" >bad.json
  expect "$1" 1 "$2" "$STRAIT" trace model --tokens bad.json --out x
}
ids not-json 'bad.json: line 2, column 0: not JSON' '[[1,'
ids not-rows 'bad.json' '[1, 2]'
ids no-rows 'bad.json: must be an array' '[]'
ids empty-rows 'bad.json: must be an array' '[[], []]'
ids one-id 'bad.json: rows of one id' '[[1], [2]]'
ids ragged 'bad.json: row 1: must be an array of equally long' '[[1, 2], [3]]'
ids fraction 'bad.json: row 0, position 1: not a token id' '[[1, 2.5]]'
ids negative 'bad.json: row 0, position 1: not a token id' '[[1, -2]]'
ids outside 'position 1.*999999.*vocabulary' '[[1, 999999]]'
expect steps-negative 2 'steps' "${trace[@]}" x --steps -1
expect lr-not-a-number 2 'lr' "${trace[@]}" x --lr fast
expect shards-too-many 2 'shards is 4: 1 to 3' "${trace[@]}" x --grads --shards 4
expect micro-batch-negative 2 'micro-batch' "${trace[@]}" x --grads --micro-batch -1
expect recompute-unknown 2 'all.*(none|light|full)' "${trace[@]}" x --recompute all
expect dtype-unknown 2 'fp8.*(f32|bf16)' "${trace[@]}" x --dtype fp8
expect numerics-unknown 2 'quick' "${trace[@]}" x --numerics quick
expect device-unknown 2 'tpu.*cpu' "${trace[@]}" x --device tpu
expect threads-too-many 2 'threads' "${trace[@]}" x --threads 4294967297
expect out-in-no-folder 1 'none/x' "${trace[@]}" none/x
# A gradient that is not finite: the steps stop and name the tensor.
expect diverges 1 'first tensor whose gradient is not finite is model' "${trace[@]}" x --steps 60 --lr 1e30
if [ -e x ]; then fail nothing-half-written "x exists"; else ok nothing-half-written; fi
# A trace that was told to stop ends soon, without a file; how far it is can be seen.
expect progress 0 'tracing 5 of 5 passes' "${trace[@]}" x --steps 3
rm -f x
stopped() { # stopped NAME SIGNAL OPTION...
  local name=$1 signal=$2 process code
  shift 2
  env --default-signal=INT "${trace[@]}" x --steps 100000000 "$@" >log 2>&1 &
  process=$!
  sleep 1
  kill -"$signal" $process
  ends_within 20 $process
  code=$?
  if [ $code = 1 ] && grep -q '^strait trace: stopped' log && [ ! -e x ]; then ok "$name"
  else fail "$name" "exit status $code: $(tail -n 2 log)"; fi
}
if env --default-signal=INT true 2>/dev/null; then stopped stops-by-ctrl-c INT; fi
stopped stops-by-sigterm TERM --grads

# ---- numbers are taken as they are given, zero too, and refused outside their ranges ----

make_data
make_config run.yaml
"$STRAIT" train run.yaml >train.log 2>&1 || fail train "$(tail -n 3 train.log)"
echo '[[10, 20, 30, 40], [50, 60, 70, 80]]' >ids.json

# traced OPTION...: the hash of the parameters after two steps
traced() {
  "$STRAIT" trace run --tokens ids.json --out trace.safetensors --steps 2 "$@" >trace.log 2>&1 &&
    sha256sum <trace.safetensors
}
default=$(traced)
same defaults "$default" "$(traced --lr 1e-3 --betas 0.9,0.999 --eps 1e-8 --weight-decay 0 --clip 0)"
zero=$(traced --lr 0)
# With a rate of zero nothing moves: both losses are the same, and so is the result of any other AdamW.
same zero_rate "$zero" "$(traced --lr 0 --eps 1e-3 --weight-decay 0.5)"
if [ "$zero" != "$default" ]; then ok zero_rate_is_no_default; else fail zero_rate_is_no_default "the result of 1e-3"; fi

refused() {
  local name=$1 pattern=$2
  shift 2
  expect "$name" 2 "$pattern" "$STRAIT" trace run --tokens ids.json --out trace.safetensors --steps 1 "$@"
}
refused zero_eps 'eps is 0: 1e-12 is the least' --eps 0
refused negative_rate 'lr is -1: a number of 0 or more' --lr -1
refused negative_decay 'weight decay is -0.1: ' --weight-decay -0.1
refused negative_clip 'clip is -1: ' --clip -1
refused zero_beta 'betas are 0 and 0.9: ' --betas 0,0.9
refused beta_of_one 'betas are 0.9 and 1: ' --betas 0.9,1
refused beta_that_is_none 'betas are nan and 0.9: ' --betas nan,0.9
# What would be ignored is refused.
for option in "--lr 1" "--betas 0.8,0.9" "--eps 1e-6" "--weight-decay 0.1" "--clip 1"; do
  # shellcheck disable=SC2086
  expect "without_steps_${option%% *}" 2 "${option%% *} is AdamW's: give --steps too" \
    "$STRAIT" trace run --tokens ids.json --out trace.safetensors --grads $option
done
expect betas_without_comma 2 '--betas 0.9: two numbers with a comma' "$STRAIT" trace run --tokens ids.json --out trace.safetensors --betas 0.9

exit "$failed"
