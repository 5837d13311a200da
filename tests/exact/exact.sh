#!/bin/bash
# The same bits: one committed SHA-256 over the parameters after 20 steps, for every instruction set, number of threads,
# micro-batch and recomputation, with a stop and resume at every step; one such hash for each number of shards, in f32,
# in bf16, and in bf16 without f32 masters ("bf16-weights", the first moment in bf16 too).
# usage: STRAIT=/path/to/strait tests/exact/exact.sh [--all | --sample | --update]
#   --all     every combination, the emulated arithmetic of generic included (half an hour)
#   --sample  one run for each dtype and one that is resumed: for a program that a sanitizer slows
#   --update  writes tests/exact/hashes.txt from one run each: after a new version of docs/numerics.md, never before
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
exact=$(cd "$(dirname "$0")" && pwd)
mode=${1:-}
steps=$(dirname "$STRAIT")/strait_steps
in_temporary_folder
make_data
cp "$exact/run.yaml" .

# hashes RUN: of the parameters, and of the optimizer's states (with bf16 the f32 masters are among them)
hashes() { echo "$(parameters "$1") $(parameters "$1/checkpoints/step-00000020/optimizer.safetensors")"; }

# train NAME ARGUMENTS...: prints the hashes of the run NAME, keeps its metrics and removes it
train() {
  local name=$1
  shift
  rm -f "$name.metrics"
  if ! "$STRAIT" train run.yaml --out "$name" "$@" >"$name.log" 2>&1; then
    tail -n 3 "$name.log"
    return
  fi
  hashes "$name"
  metrics "$name" >"$name.metrics"
  rm -rf "$name"
}

settings() { # settings KIND: a kind of line in hashes.txt as arguments
  if [ "$1" = bf16-weights ]; then
    echo "--set dtype=bf16 --set optimizer.weights=bf16 --set optimizer.first_moment=bf16"
  else
    echo "--set dtype=$1"
  fi
}

hash_of() { # hash_of KIND SHARDS: the committed ones
  awk -v dtype="$1" -v shards="$2" '$1 == dtype && $2 == shards {print $3, $4}' "$exact/hashes.txt"
}

if [ "$mode" = --update ]; then
  {
    sed -n '/^#/p' "$exact/hashes.txt"
    for dtype in f32 bf16; do
      for shards in 1 2 3 4 8; do
        echo "$dtype $shards $(train r --set dtype=$dtype --set batch.shards=$shards)"
      done
    done
    # shellcheck disable=SC2046
    for shards in 1 3; do echo "bf16-weights $shards $(train r $(settings bf16-weights) --set batch.shards=$shards)"; done
    "$exact/steps.sh" --print "$steps"
  } >new && grep -vqE '^#|^[a-z0-9-]+ [0-9] [0-9a-f]{64} [0-9a-f]{64}$|^steps-[a-z0-9-]+ [0-9] [0-9a-f]{64}$' new && { cat new; exit 1; }
  cp new "$exact/hashes.txt"
  exit 0
fi

# The instruction sets of the exact contract, and the best of them that this machine has (its program may choose one beyond,
# such as avx512bf16, whose own kernels are those of the fast contract).
case $(uname -m) in
x86_64) sets="generic avx2 avx512" ;;
*) sets="generic neon" ;;
esac
best=generic
for isa in $sets; do
  STRAIT_CPU=$isa "$STRAIT" train run.yaml --out probe --set steps=1 >probe.log 2>&1 && best=$isa
  rm -rf probe
done

# check NAME KIND SHARDS ARGUMENTS...: the hash, and the metrics of every step as in the first run of this kind
check() {
  local name=$1 dtype=$2 shards=$3 got
  shift 3
  # shellcheck disable=SC2046
  got=$(train r "$@" $(settings "$dtype") --set batch.shards="$shards")
  same "$name" "$(hash_of "$dtype" "$shards")" "$got"
  [ -f r.metrics ] || return
  if [ ! -f "$dtype-$shards.metrics" ]; then cp r.metrics "$dtype-$shards.metrics"
  elif cmp -s r.metrics "$dtype-$shards.metrics"; then ok "$name-metrics"
  else fail "$name-metrics" "$(diff r.metrics "$dtype-$shards.metrics" | head -n 4)"; fi
}

if [ "$mode" = --sample ]; then
  check sample-f32 f32 3 --set threads=3 --set batch.micro_batch=2 --set memory.recompute=light
  check sample-bf16 bf16 1 --set threads=2 --set batch.micro_batch=3 --set memory.recompute=full
  check sample-bf16-weights bf16-weights 3 --set threads=2 --set batch.micro_batch=2
  "$STRAIT" train run.yaml --out r --set steps=7 >r.log 2>&1
  "$STRAIT" train run.yaml --out r --resume --set threads=2 >>r.log 2>&1 || fail sample-resumed "$(tail -n 3 r.log)"
  same sample-resumed "$(hash_of f32 1)" "$(hashes r)"
  exit "$failed"
fi

# Instruction sets. generic emulates fma: one run for each dtype, all kinds only with --all.
for isa in $sets; do
  if ! STRAIT_CPU=$isa "$STRAIT" train run.yaml --out probe --set steps=1 >probe.log 2>&1; then
    if grep -q 'STRAIT_CPU' probe.log && ! grep -qw "$isa" /proc/cpuinfo; then
      echo "skip $isa this processor does not have it: $(tail -n 1 probe.log)"
    else
      fail "$isa" "$(tail -n 1 probe.log)"
    fi
    rm -rf probe
    continue
  fi
  rm -rf probe
  for dtype in f32 bf16 bf16-weights; do
    for shards in 1 2 3 4 8; do
      [ "$mode" = --all ] || [ "$shards" = 1 ] || [ "$isa" = "$best" ] || continue
      [ -n "$(hash_of $dtype $shards)" ] || continue
      STRAIT_CPU=$isa check "$isa-$dtype-shards-$shards" $dtype $shards --set threads=2
    done
  done
done

# The engine alone, which also runs where the whole program does not (tests/neon.sh, tests/avx512.sh).
for isa in $sets; do
  [ "$isa" = generic ] && [ "$mode" != --all ] && continue
  STRAIT_CPU=$isa "$steps" f32 1 >/dev/null 2>&1 || continue # whether the processor has it was said above
  FORMS=all STRAIT_CPU=$isa "$exact/steps.sh" "$isa" "$steps" || failed=1
done

for threads in 1 2 3 8; do
  check "bf16-weights-threads-$threads-micro-$threads" bf16-weights 1 --set threads=$threads --set batch.micro_batch=$threads \
    --set memory.recompute=light
done
for dtype in f32 bf16; do
  for threads in 1 2 3 8; do check "$dtype-threads-$threads" $dtype 1 --set threads=$threads; done
  for recompute in none light full; do
    check "$dtype-recompute-$recompute" $dtype 1 --set memory.recompute=$recompute --set threads=2 --set batch.micro_batch=3
  done
  # Every size of micro-batch that a shard allows, each with another number of threads and kind of recomputation.
  turn=0
  for shards in 1 2 3 4 8; do
    for micro in 1 2 3 4 5 6 7 8; do
      [ $((micro * shards)) -lt $((8 + shards)) ] || continue
      for threads in 1 2 3 8; do
        for recompute in none light full; do
          turn=$((turn + 1))
          [ "$mode" = --all ] || [ $((turn % 13)) = 1 ] || continue
          check "$dtype-shards-$shards-micro-$micro-threads-$threads-$recompute" $dtype $shards --set batch.micro_batch=$micro \
            --set threads=$threads --set memory.recompute=$recompute
        done
      done
    done
  done
done

# A stop and resume at every step, on one, two and three threads in turn.
for kind in "f32 1 none 3" "bf16 3 full 2" "bf16-weights 3 none 1"; do
  read -r dtype shards recompute micro <<<"$kind"
  for step in $(seq 20); do
    resume=--resume
    [ "$step" = 1 ] && resume=
    # shellcheck disable=SC2046,SC2086
    "$STRAIT" train run.yaml --out r $resume --set steps="$step" --set threads=$((1 + step % 3)) $(settings "$dtype") \
      --set batch.shards="$shards" --set batch.micro_batch="$micro" --set memory.recompute="$recompute" \
      --set evaluate.every=$((step == 20 ? 20 : 0)) >r.log 2>&1 || break
  done
  grep -q ': step 20 of 20' r.log || fail "$dtype-shards-$shards-step-$step" "$(tail -n 3 r.log)"
  same "$dtype-shards-$shards-stop-and-resume-at-every-step" "$(hash_of "$dtype" "$shards")" "$(hashes r)"
  metrics r >r.metrics
  if cmp -s r.metrics "$dtype-$shards.metrics"; then ok "$dtype-shards-$shards-resumed-metrics"
  else fail "$dtype-shards-$shards-resumed-metrics" "$(diff r.metrics "$dtype-$shards.metrics" | head -n 4)"; fi
  rm -rf r
done
exit "$failed"
