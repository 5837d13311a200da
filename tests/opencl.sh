#!/bin/bash
# The portable kernels on OpenCL, which PoCL runs on the processor: whole runs to the committed hashes of the CPU, golden
# models (some; --all: each), runs that move there and back, and ops to the bit in both shapes. Compiling takes most of the time, so that
# all share one kernel cache.
# usage: STRAIT=/path/to/strait tests/opencl.sh [--all]     --all: every op (minutes)
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
tests=$(cd "$(dirname "$0")" && pwd)
build=$(dirname "$STRAIT")
mode=${1:-}
if ! "$STRAIT" devices 2>&1 | grep -q '^opencl:0'; then
  echo "skip opencl $("$STRAIT" devices 2>&1 | grep '^opencl')"
  exit 0
fi
in_temporary_folder
export POCL_CACHE_DIR=$folder/pocl XDG_CACHE_HOME=$folder/cache
make_data
cp "$tests/exact/run.yaml" .

# exact KIND SHARDS ARGUMENTS...: KIND as in hashes.txt
exact() {
  local kind=$1 shards=$2 expected
  shift 2
  expected=$(awk -v kind="$kind" -v shards="$shards" '$1 == kind && $2 == shards {print $3, $4}' "$tests/exact/hashes.txt")
  rm -rf r
  "$STRAIT" train run.yaml --out r --set device=opencl --set dtype="${kind%-weights}" --set batch.shards="$shards" "$@" >log 2>&1 ||
    { fail "exact-$kind-$shards" "$(tail -n 3 log)"; return; }
  same "exact-$kind-$shards" "$expected" "$(parameters r) $(parameters r/checkpoints/step-00000020/optimizer.safetensors)"
}
exact f32 1
exact f32 3 --set batch.micro_batch=2 --set memory.recompute=light
exact bf16 1 --set batch.micro_batch=3 --set memory.recompute=full
exact bf16-weights 3 --set optimizer.weights=bf16 --set optimizer.first_moment=bf16

# The same models, tolerances and program as on the CPU; only the device differs.
printf '#!/bin/sh\nexec "%s" "$@" --device opencl\n' "$STRAIT" >on_opencl
chmod +x on_opencl
some=()
[ "$mode" = --all ] || some=(qwen3-0{1,4,7,9} qwen3-1{0,1,2,6} ernie4_5-03 seed_oss-03 seed_oss-04)
if "$build/strait_golden" --strait "$folder/on_opencl" "$tests/golden" "${some[@]}" >log 2>&1; then ok golden
else fail golden "$(grep FAIL log | head -n 3)"; fi
# Of the other families the engine alone.
for kind in "yarn-bf16 1" "ernie-f32 3" "moe-bf16 3" "mtp-bf16 1" "seed-f32 3"; do
  read -r model shards <<<"$kind"
  expected=$(awk -v kind="steps-$model" -v shards="$shards" '$1 == kind && $2 == shards {print $3}' "$tests/exact/hashes.txt")
  same "steps-$model" "$expected" "$("$build/strait_steps" "$model" "$shards" 2 2 light opencl 2>log | sha256sum | cut -d' ' -f1)"
done

# A run that moves: CPU, OpenCL, CPU again, each time after steps on both, against one that stayed.
make_config moves.yaml
sed -i 's/name: cosine/name: constant/' moves.yaml
sed -i 's/keep: 3/keep: 12/' moves.yaml
goes_on() { # goes_on RUN FORGET ARGUMENTS...: trains to the end, then forgets the checkpoints that the pattern names
  local run=$1 forget=$2
  shift 2
  if ! "$STRAIT" train "$@" >log 2>&1; then fail "move-trains-$run" "$(tail -n 3 log)"; fi
  find "$run/checkpoints" -name 'step-*' | grep -E "$forget" | xargs rm -rf
}
states() { echo "$(parameters "$1") $(parameters "$1"/checkpoints/step-00000012/optimizer.safetensors)"; }
goes_on stayed none moves.yaml --out stayed
goes_on moved '(0[5-9]|1.)$' moves.yaml --out moved
expect move-rehearses 0 '^layer 1 +11  same bits: gradients of 11, weights and moments of 11$' "$STRAIT" move moved --to opencl --rehearse 2
expect move-is-written 0 '^device: "opencl"$' cat moved/config.yaml
expect move-to-where-it-is 2 'the run is on opencl already' "$STRAIT" move moved --to opencl
goes_on moved '(09|1.)$' moved/config.yaml --resume
expect move-back 0 '^moved is on cpu now' "$STRAIT" move moved --to cpu --rehearse 0
goes_on moved none moved/config.yaml --resume
expect move-after-the-last-step 2 'nothing is left to rehearse' "$STRAIT" move moved --to opencl
same move-same-bits "$(states stayed)" "$(states moved)"
same move-lineage "cpu 0-4, opencl 4-8, cpu 8-12, " "$("$STRAIT" info moved/checkpoints/step-00000012 --json |
  tr -d ' \n' | grep -oE '"backend":"[a-z]+"|"(from|to)_step":[0-9]+' | paste -d' ' - - - |
  sed -E 's/"backend":"([a-z]+)" "from_step":([0-9]+) "to_step":([0-9]+)/\1 \2-\3,/' | tr '\n' ' ')"
goes_on option '1.$' moves.yaml --out option
goes_on option none moves.yaml --out option --resume --device opencl
same move-by-option "$(states stayed)" "$(states option)"

# Adapters of experts, their router and all else: the same bits.
adapted=$STRAIT_SOURCE/tests/golden/qwen3_moe-13
for device in cpu opencl; do
  expect "adapters-$device" 0 '' "$STRAIT" trace "$adapted" --adapter "$adapted/adapter" --tokens "$adapted/ids.json" \
    --grads --steps 1 --dtype bf16 --device $device --out adapted-$device.safetensors
done
same adapters-same "$(sha256sum <adapted-cpu.safetensors)" "$(sha256sum <adapted-opencl.safetensors)"

# What bounds the ops is measured by kernels of ours.
expect bounds 0 'registers [1-9].* read [1-9].* copy [1-9]' "$STRAIT" bench ops --model tiny --sequences 1 --length 64 --steps 1 --device opencl

# suite NAME ARGUMENTS...
suite() {
  local name=$1
  shift
  if "$build/strait_check" --device opencl "$@" >log 2>&1; then ok "$name"
  else fail "$name" "$(grep -e FAIL log | head -n 3)"; fi
}
if [ "$mode" = --all ]; then
  suite ops
  for op in attention attention_bwd; do for isa in tile-lean group-lean; do suite $isa-$op --isa $isa --op $op; done; done
else
  suite tile-scaled_add --isa tile --op scaled_add --dtype bf16
  for op in swiglu linear; do suite "tile-$op" --isa tile --op $op --dtype f32; done
  suite tile-lean-attention --isa tile-lean --op attention --dtype f32 --case 6
  for op in rmsnorm linear_dx; do suite "group-$op" --isa group --op $op --dtype f32; done
fi
exit $failed
