#!/bin/bash
# The hashes of tests/exact/steps.c, for whatever runs it: natively, cross-compiled under qemu-user (tests/neon.sh), or
# with emulated instructions (tests/avx512.sh).
# usage: tests/exact/steps.sh LABEL COMMAND...      e.g. steps.sh neon qemu-aarch64 build/neon/strait_steps
#        FORMS=all: each hash with every choice of threads, micro-batch and recomputation, not with one of them
#        FORMS=few: one line of each family and kind of weights, where each run takes seconds
#        tests/exact/steps.sh --print COMMAND...    prints the lines of tests/exact/hashes.txt
set -u
hashes=$(dirname "$0")/hashes.txt
label=$1
failed=0
run=0
shift
for dtype in f32 bf16 bf16-weights yarn-bf16 ernie-f32 ernie-bf16 moe-f32 moe-bf16 aux-f32 aux-bf16 bias-f32 bias-bf16 latent-f32 latent-bf16 mtp-f32 mtp-bf16 seed-f32 seed-bf16 muon-f32 muon-bf16; do
  for shards in 1 3; do
    # Where each run is slow, one of each other family.
    case $dtype-$shards in
    yarn-bf16-1 | aux-f32-1 | aux-bf16-3 | bias-f32-3 | bias-bf16-1 | latent-f32-3 | latent-bf16-1 | mtp-f32-1 | mtp-bf16-3 | ernie-f32-* | ernie-bf16-1 | seed-f32-1 | seed-bf16-* | muon-f32-3 | muon-bf16-1) [ "${FORMS:-}" = all ] || [ "$label" = --print ] || continue ;;
    esac
    case ${FORMS:-}-$dtype-$shards in
    few-f32-3 | few-bf16-1 | few-bf16-weights-1 | few-moe-f32-1 | few-moe-bf16-* | few-aux-f32-3 | few-bias-f32-1 | few-mtp-bf16-1 | few-muon-f32-3 | few-muon-bf16-*) continue ;;
    esac
    run=$((run + 1))
    turn=0
    for form in "1 0 none" "3 1 full" "2 2 light"; do
      turn=$((turn + 1))
      [ "${FORMS:-}" = all ] || [ $(((run + turn) % 3)) = 2 ] || continue
      # shellcheck disable=SC2086
      got=$("$@" $dtype $shards $form 2>/dev/null | sha256sum | cut -d' ' -f1)
      [ "$label" = --print ] && echo "steps-$dtype $shards $got" && continue
      want=$(awk -v dtype="steps-$dtype" -v shards="$shards" '$1 == dtype && $2 == shards {print $3}' "$hashes")
      name=$label-steps-$dtype-shards-$shards-${form// /-}
      if [ "$got" = "$want" ]; then echo "ok $name"; else
        echo "FAIL $name '$got' is not '$want'"
        failed=1
      fi
    done
  done
done
exit $failed
