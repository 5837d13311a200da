#!/bin/bash
# The portable kernels on OpenCL, which PoCL runs on the processor: whole runs to the committed hashes of the CPU, golden
# models, and ops to the bit in both shapes. Compiling takes most of the time, so that all share one kernel cache.
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

# exact DTYPE SHARDS ARGUMENTS...
exact() {
  local dtype=$1 shards=$2 expected
  shift 2
  expected=$(awk -v dtype="$dtype" -v shards="$shards" '$1 == dtype && $2 == shards {print $3, $4}' "$tests/exact/hashes.txt")
  rm -rf r
  "$STRAIT" train run.yaml --out r --set device=opencl --set dtype="$dtype" --set batch.shards="$shards" "$@" >log 2>&1 ||
    { fail "exact-$dtype-$shards" "$(tail -n 3 log)"; return; }
  same "exact-$dtype-$shards" "$expected" "$(parameters r) $(parameters r/checkpoints/step-00000020/optimizer.safetensors)"
}
exact f32 1
exact f32 3 --set batch.micro_batch=2 --set memory.recompute=light
exact bf16 1 --set batch.micro_batch=3 --set memory.recompute=full

# The same models, tolerances and program as on the CPU; only the device differs.
printf '#!/bin/sh\nexec "%s" "$@" --device opencl\n' "$STRAIT" >on_opencl
chmod +x on_opencl
if "$build/strait_golden" --strait "$folder/on_opencl" "$tests/golden" >log 2>&1; then ok golden
else fail golden "$(grep FAIL log | head -n 3)"; fi

# suite NAME ARGUMENTS...
suite() {
  local name=$1
  shift
  if "$build/strait_check" --device opencl "$@" >log 2>&1; then ok "$name"
  else fail "$name" "$(grep -e FAIL log | head -n 3)"; fi
}
if [ "$mode" = --all ]; then
  suite ops
else
  for op in swiglu linear; do suite "tile-$op" --isa tile --op $op --dtype f32; done
  for op in rmsnorm linear_dx; do suite "group-$op" --isa group --op $op --dtype f32; done
fi
exit $failed
