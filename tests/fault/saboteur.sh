#!/bin/bash
# Chips that compute wrongly, come late, forget or vanish: tests/fault/saboteur spoils the sample plug-in in one way at a
# time, and what exists to notice it must notice. docs/testing.md has the table.
# usage: STRAIT=/path/to/strait tests/fault/saboteur.sh [--all]   --all: on OpenCL too, and how often rare flips are caught
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
tests=$(cd "$(dirname "$0")/.." && pwd)
build=$(dirname "$STRAIT")
mode=${1:-}
in_temporary_folder
export STRAIT_PLUGIN_PATH=$folder/plugins XDG_CACHE_HOME=$folder/cache
if ! make -C "$tests/../examples/plugin" OUT="$folder/plugins" INCLUDE=../../include >make.log 2>&1; then
  echo "skip saboteur the plug-in that it spoils cannot be built here: $(grep -m 1 error make.log)"
  exit 0
fi
if ! cc -std=c11 -O1 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -I"$tests/../include" \
  "$tests"/fault/saboteur/*.c -o plugins/strait_saboteur.so -ldl -pthread 2>cc.log; then
  fail saboteur-builds "$(head -n 3 cc.log)"
  exit 1
fi
export STRAIT_SABOTEUR_PLUGIN=$folder/plugins/strait_mychip.so STRAIT_SABOTAGE=none STRAIT_SABOTAGE_SEED=1
chip=mychip

# check NAME EXIT_CODE CLASS PATTERN ARGUMENTS...: the op suite on the spoiled chip, and what it must say
check() {
  local name=$1 code=$2 class=$3 pattern=$4 got
  shift 4
  STRAIT_SABOTAGE=$class timeout 200 "$build/strait_check" --device saboteur --isa tile "$@" >log 2>&1
  got=$?
  if [ "$got" != "$code" ]; then fail "$chip-$name" "exit status $got, expected $code: $(grep -E 'FAIL|passed' log | head -n 3)"
  elif ! grep -Eq -- "$pattern" log; then fail "$chip-$name" "no /$pattern/ in: $(grep -E 'FAIL|passed' log | head -n 3)"
  else ok "$chip-$name"; fi
}

# Every class, by what sees it at the least cost.
classes() {
  # What it passes on is as it was: without this the rest says nothing.
  for part in waist probe linear rmsnorm; do check "unspoiled-$part" 0 none " 0 failed" --dtype f32 --op $part; done
  check event 1 event 'FAIL waist .*came before the event' --op waist
  check slow 1 slow:3000 'FAIL waist .*did not finish its work within 2000 ms and counts as lost' --op waist
  check flush-probe 1 flush 'FAIL probe .*does not keep the exact contract' --op probe
  check unfused-probe 1 unfused 'FAIL probe .*: fma of' --op probe
  check round11-probe 1 round11 'FAIL probe .*: fma of' --op probe
  check round11 1 round11 'FAIL linear tile .* differ' --dtype f32 --op linear
  # The probe's sums are shorter than 32 terms, and so it cannot see this one.
  check round11by32-probe 0 round11by32 'ok probe' --op probe
  check round11by32 1 round11by32 'FAIL linear tile .* differ' --dtype f32 --op linear
  check tail 1 tail 'FAIL linear tile .* differ' --dtype f32 --op linear
  check flip 1 flip:20 'FAIL rmsnorm tile .* differ' --dtype f32 --op rmsnorm
  check stale 1 stale:20 'FAIL rmsnorm tile .* differ' --dtype f32 --op rmsnorm
}
classes

# Runs: a lost device ends one with its last checkpoint whole, and another chip goes on to the same bits.
make_data
cp "$tests/exact/run.yaml" .
expected=$(awk '$1 == "f32" && $2 == 1 {print $3, $4}' "$tests/exact/hashes.txt")
settings=(--set dtype=f32 --set batch.shards=1 --set checkpoint.every=2)
STRAIT_SABOTAGE=lost:1500 STRAIT_SABOTAGE_AT_EXIT=1 expect lost-ends-the-run 1 'the chip fell off the bus' \
  "$STRAIT" train run.yaml --out r --set device=saboteur "${settings[@]}"
newest=$(find r/checkpoints -maxdepth 1 -name 'step-*' 2>/dev/null | sort | tail -n 1)
case $newest in
*step-00000020) fail lost-keeps-a-checkpoint "it was lost after the run" ;;
*step-*) expect lost-keeps-a-checkpoint 0 parameters "$STRAIT" info "$newest" --hash ;;
*) fail lost-keeps-a-checkpoint "there is none" ;;
esac
if "$STRAIT" train run.yaml --out r --resume --set device=cpu "${settings[@]}" >log 2>&1; then
  same lost-goes-on-elsewhere "$expected" "$(parameters r) $(parameters r/checkpoints/step-00000020/optimizer.safetensors)"
else fail lost-goes-on-elsewhere "$(tail -n 3 log)"; fi
# Where the config asks for it the CPU goes on, says so, and leaves it in the lineage.
STRAIT_SABOTAGE=lost:1500 STRAIT_SABOTAGE_AT_EXIT=1 expect lost-falls-back 0 'device_fallback: cpu: saboteur was lost; the CPU goes on' \
  "$STRAIT" train run.yaml --out f --set device=saboteur --set device_fallback=cpu "${settings[@]}"
same lost-falls-back-to-the-same-bits "$expected" "$(parameters f) $(parameters f/checkpoints/step-00000020/optimizer.safetensors)"
expect lost-stands-in-the-lineage 0 '"instead_of": "saboteur"' "$STRAIT" info f/checkpoints/step-00000020 --json
expect lost-stands-in-the-config 0 '^device: "cpu"$' cat f/config.yaml
# A queue that does not end in time counts as lost.
STRAIT_SABOTAGE=slow:60000 expect slow-counts-as-lost 1 'did not finish its work within 1000 ms and counts as lost' \
  "$STRAIT" train run.yaml --out t --set device=saboteur --set device_timeout=1 "${settings[@]}"
# A chip that computes otherwise gets no run.
"$STRAIT" train run.yaml --out m "${settings[@]}" --set checkpoint.keep=20 >log 2>&1 && rm -rf m/checkpoints/step-00000020
STRAIT_SABOTAGE=round11by32 expect move-refuses-a-wrong-chip 1 'saboteur does not compute what cpu does: the .* The run stays on cpu' \
  "$STRAIT" move m --to saboteur
expect move-left-the-run 0 '^device: "cpu"$' cat m/config.yaml
STRAIT_SABOTAGE=none expect move-to-a-right-chip 0 '^m is on saboteur now' "$STRAIT" move m --to saboteur
STRAIT_SABOTAGE=memory:1 expect memory-names-what-did-not-fit 1 \
  'cannot get [0-9]+ bytes for [a-z]+ .*the chip has less memory than it says' \
  "$STRAIT" train run.yaml --out s --set device=saboteur "${settings[@]}"
for class in unfused flush; do
  STRAIT_SABOTAGE=$class expect $class-is-refused-for-exact 1 'does not keep the exact contract.*numerics: fast' \
    "$STRAIT" train run.yaml --out s --set device=saboteur "${settings[@]}"
done
expect unknown-sabotage 1 'declines: it wants STRAIT_SABOTEUR_PLUGIN and STRAIT_SABOTAGE' \
  env STRAIT_SABOTAGE=other "$STRAIT" train run.yaml --out s --set device=saboteur
# A plug-in whose work goes around the spoiled launches is not spoiled in name only: it is refused.
for slot in op_run capture_begin; do
  cat >around.c <<END
#include <strait/device_plugin.h>
#include <stddef.h>
__attribute__((visibility("default"))) int32_t strait_plugin_query_v1(const strait_host *host, const strait_plugin **out)
{
    static strait_driver driver = {.struct_size = sizeof driver};
    static strait_plugin plugin = {.struct_size = sizeof plugin, .minor = STRAIT_PLUGIN_MINOR, .driver = &driver};
    static const int work = 1; /* the slot is looked at, never called */
    const void *address = &work;
    (void)host;
    __builtin_memcpy((char *)&driver + offsetof(strait_driver, $slot), &address, sizeof address);
    *out = &plugin;
    return STRAIT_CODE_OK;
}
END
  cc -std=c11 -Wall -Werror -fPIC -shared -I"$tests/../include" around.c -o "around_$slot.so" 2>cc.log ||
    fail "around-$slot-builds" "$(head -n 3 cc.log)"
  expect "around-$slot" 1 'it spoils launches of kernels, and this plug-in has ops of its own or records graphs' \
    env STRAIT_SABOTAGE=flip:20 STRAIT_SABOTEUR_PLUGIN="$folder/around_$slot.so" "$STRAIT" train run.yaml --out a --set device=saboteur
done

if [ "$mode" = --all ]; then
  # One flip in a thousand launches, and each time other ones: how often does the whole suite, f32 and bf16, notice?
  caught=0
  for STRAIT_SABOTAGE_SEED in $(seq 20); do
    STRAIT_SABOTAGE=flip:1000 "$build/strait_check" --device saboteur --isa tile >log 2>&1 || caught=$((caught + 1))
  done
  same flip-in-a-thousand 20 $caught
  STRAIT_SABOTAGE_SEED=1
  if "$STRAIT" devices | grep -q '^opencl:0'; then
    chip=opencl
    STRAIT_SABOTEUR_PLUGIN=$(find "$build/plugins" -name strait_opencl.so)
    export POCL_CACHE_DIR=$folder/pocl
    classes
  fi
fi
exit $failed
