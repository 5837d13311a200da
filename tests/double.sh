#!/bin/bash
# The plug-ins for CUDA and HIP on the test doubles of the vendors' libraries (tests/double/README.md): runs to the
# committed hashes, ops to the bit, runs that move, and what they say when a call fails or the device is lost. A run is right only if the
# doubles have nothing to complain about, leaks included. PoCL's compiler takes most of the time.
# usage: STRAIT=/path/to/strait tests/double.sh [--all]     --all: every op, every function's failure for both (minutes)
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
tests=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$(dirname "$STRAIT")" && pwd)
doubles=$build/doubles
mode=${1:-}
declare -A sample=(
  [cuda]='Capture|Instantiate|CtxSet|StreamCreate|MemAlloc|MemFree|MemHostAlloc|MemcpyHtoD|Query|ModuleLoad|GetFunction|Launch|CtxRelease|CompileProgram'
  [hip]='Capture|Graph|Properties|SetDevice|hipMalloc|hipMemcpy|hipFree|CompileProgram')
declare -A compiler=([cuda]=nvrtc [hip]=hiprtc)
vendors=()
for vendor in cuda hip; do
  if [ ! -e "$doubles/double_$vendor.so" ]; then
    echo "skip $vendor its double is not built: the vendor's headers (a CUDA toolkit's, the package libamdhip64-dev) or OpenCL's loader and headers are missing"
  elif [ ! -e "$build/plugins/strait_$vendor.so" ]; then echo "skip $vendor there is no plug-in strait_$vendor.so"
  else vendors+=("$vendor"); fi
done
[ ${#vendors[@]} = 0 ] && exit 0
in_temporary_folder
export STRAIT_CUDA_LIBRARY=$doubles/double_cuda.so STRAIT_NVRTC_LIBRARY=$doubles/double_nvrtc.so
export STRAIT_HIP_LIBRARY=$doubles/double_hip.so STRAIT_HIPRTC_LIBRARY=$doubles/double_hiprtc.so
export POCL_CACHE_DIR=$folder/pocl XDG_CACHE_HOME=$folder/cache STRAIT_DOUBLE_REPORT=$folder/report
make_data
make_config tiny.yaml
cp "$tests/exact/run.yaml" .

# silent NAME: whether the doubles' report of the last command is there and has no complaint
silent() {
  if [ ! -s report ]; then fail "$1" "the double wrote no report"
  elif grep -q '^complaint' report; then fail "$1" "$(grep '^complaint' report | head -n 3)"
  else return 0; fi
  return 1
}

# symbols NAME LIBRARY PREFIX DOUBLE: what the double exports, by the vendor's header, is in the vendor's library too
symbols() {
  local missing
  [ -e "$2" ] || { echo "skip symbols-$1 there is no $2"; return; }
  missing=$(comm -13 <(nm -D --defined-only "$2" | sed 's/.* //; s/@.*//' | sort -u) \
    <(nm -D --defined-only "$doubles/$4" | sed 's/.* //' | grep "^$3" | sort -u))
  if [ -z "$missing" ]; then ok "symbols-$1"; else fail "symbols-$1" "$2 has no ${missing//$'\n'/, }"; fi
}

# exact VENDOR DTYPE SHARDS ARGUMENTS...: a whole run to the committed hash
exact() {
  local vendor=$1 dtype=$2 shards=$3 name=exact-$1-$2-$3${STRAIT_CAPTURE:+-captures-$STRAIT_CAPTURE} expected graphs
  shift 3
  expected=$(awk -v dtype="$dtype" -v shards="$shards" '$1 == dtype && $2 == shards {print $3, $4}' "$tests/exact/hashes.txt")
  rm -rf r report
  "$STRAIT" train run.yaml --out r --set device="$vendor" --set dtype="$dtype" --set batch.shards="$shards" "$@" >log 2>&1 ||
    { fail "$name" "$(tail -n 3 log)"; return; }
  silent "$name" || return
  grep -Eq '^calls (cuLaunchKernel|hipModuleLaunchKernel) [0-9]{3}' report || { fail "$name" "the double was not used"; return; }
  # Of twenty steps the first runs kernel by kernel; then each shard's micro-batch is a graph.
  graphs=$(awk '/^calls (cu|hip)GraphLaunch/ {print $3}' report)
  if [ "${STRAIT_CAPTURE:-}" = off ]; then
    [ -z "$graphs" ] || { fail "$name" "$graphs launches of graphs"; return; }
    grep -q 'kernel by kernel: STRAIT_CAPTURE is off' r/log.txt || { fail "$name" "the log does not say why"; return; }
  else
    [ "${graphs:-0}" -ge $((19 * shards)) ] || { fail "$name" "${graphs:-0} launches of graphs"; return; }
  fi
  same "$name" "$expected" "$(parameters r) $(parameters r/checkpoints/step-00000020/optimizer.safetensors)"
}

# steps VENDOR DTYPE SHARDS FORM...: the engine alone
steps() {
  local vendor=$1 dtype=$2 shards=$3 expected
  shift 3
  expected=$(awk -v dtype="steps-$dtype" -v shards="$shards" '$1 == dtype && $2 == shards {print $3}' "$tests/exact/hashes.txt")
  rm -f report
  "$build/strait_steps" "$dtype" "$shards" "$@" "$vendor" >states 2>log
  silent "steps-$vendor-$dtype-$shards" && same "steps-$vendor-$dtype-$shards" "$expected" "$(sha256sum <states | cut -d' ' -f1)"
}

# suite VENDOR ARGUMENTS...: ops to the bit
suite() {
  local vendor=$1 name="ops-$*"
  shift
  rm -f report
  if ! "$build/strait_check" --device "$vendor" "$@" >log 2>&1; then fail "${name// /-}" "$(grep -e FAIL log | head -n 3)"
  elif silent "${name// /-}"; then ok "${name// /-}"; fi
}

# tiny VENDOR FAIL ARGUMENTS...: two steps, of which the second is recorded
tiny() {
  local vendor=$1 fail=$2
  shift 2
  rm -rf run report
  timeout 60 env STRAIT_DOUBLE_FAIL="$fail" "$STRAIT" train tiny.yaml --out run --set device="$vendor" --set steps=2 "$@" >log 2>&1
}

# fails VENDOR CALL: one call is answered "out of memory". The run ends with 1 and a sentence that has the vendor's word,
# or it could do without the call and made the same parameters; nothing leaks, and nothing is done wrong on the way out.
fails() {
  local vendor=$1 call=$2 name=fails-$1-$2 cache=$XDG_CACHE_HOME code
  # A run with kept programs does not call the compiler.
  if [[ $call == ${compiler[$vendor]}* ]]; then
    cache=$folder/none
    rm -rf "$cache"
  fi
  XDG_CACHE_HOME=$cache tiny "$vendor" "$call"
  code=$?
  silent "$name" || return
  if ! grep -q '^failed' report; then fail "$name" "the call never came"
  elif [ $code = 0 ] && [ "$(parameters run)" = "$wanted" ]; then ok "$name"
  elif [ $code = 1 ] && grep -Eiq "^strait train: .*(out_of_memory|$vendor|${compiler[$vendor]})" log; then ok "$name"
  else fail "$name" "exit status $code: $(tail -n 2 log)"; fi
}

# lost VENDOR CALL: from this call on the device is gone. The run ends with a sentence, and no call follows.
lost() {
  local name=lost-$1-$2 code
  tiny "$1" "$2"
  code=$?
  silent "$name" || return
  if [ $code = 1 ] && grep -q '^lost 719' report && grep -q 'LAUNCH_FAILED' log; then ok "$name"
  else fail "$name" "exit status $code: $(tail -n 2 log)"; fi
}

# hangs VENDOR WORK: a piece of work that does not end. The run ends with a sentence, and by asking for the last time.
hangs() {
  local name=hangs-$1-$2 code
  tiny "$1" "$2:-1" --set device_timeout=1
  code=$?
  silent "$name" || return
  if [ $code != 1 ] || ! grep -q 'did not finish its work within 1000 ms and counts as lost' log; then fail "$name" "exit status $code: $(tail -n 2 log)"
  elif ! tail -n 1 report | grep -Eq '^then (cu|hip)StreamQuery$'; then fail "$name" "after that: $(tail -n 1 report)"
  else ok "$name"; fi
}

symbols cuda /usr/local/cuda/lib64/stubs/libcuda.so cu double_cuda.so
symbols nvrtc /usr/local/cuda/lib64/libnvrtc.so nvrtc double_nvrtc.so
symbols hip /usr/lib/x86_64-linux-gnu/libamdhip64.so hip double_hip.so
symbols hiprtc /usr/lib/x86_64-linux-gnu/libamdhip64.so hiprtc double_hiprtc.so

# The plug-ins function by function: what was done is right, and so is how.
rm -f report
if ! "$build/test_gpu_run" >log 2>&1; then fail plugin-calls "$(grep -e FAILED log | head -n 3)"
elif silent plugin-calls; then ok plugin-calls; fi

STRAIT_CAPTURE=off exact "${vendors[0]}" f32 1
for vendor in "${vendors[@]}"; do
  exact "$vendor" f32 1
  steps "$vendor" f32 3 2 2 light
  suite "$vendor" --isa group --op rmsnorm --dtype f32
done

for vendor in "${vendors[@]}"; do
  tiny "$vendor" ""
  silent "tiny-$vendor" || continue
  wanted=$(parameters run)
  # With --all every function that the run calls, its first call and its last; else some of each kind. How often is asked
  # whether work is done depends on time; and a thread that cannot get the device any more cannot give back what is on it.
  { XDG_CACHE_HOME=$folder/none tiny "$vendor" ""; grep '^calls' report | grep -v 'calls work' | sort -u; } >calls
  while read -r _ function count; do
    [ "$mode" = --all ] || [[ $function =~ ${sample[$vendor]} ]] || continue
    fails "$vendor" "$function:1:2"
    if [ "$mode" = --all ] && [ "$count" -gt 1 ] && [[ ! $function =~ Query|SetCurrent|SetDevice ]]; then fails "$vendor" "$function:$count:2"; fi
  done <calls
  launch=$(grep -o '[a-zA-Z]*LaunchKernel' calls)
  lost "$vendor" "$launch:20:719"
  lost "$vendor" "$(grep -o '[a-z]*GraphLaunch' calls):1:719"
  lost "$vendor" work:100:719
  hangs "$vendor" work_copy_out:1
  # A graph that has the first step's numbers in it makes another run of it.
  STRAIT_DOUBLE_FREEZE=1 tiny "$vendor" ""
  if ! silent "frozen-$vendor"; then :
  elif [ -n "$(parameters run)" ] && [ "$(parameters run)" != "$wanted" ]; then ok "frozen-$vendor"
  else fail "frozen-$vendor" "a graph that repeats the first step goes unnoticed: $(tail -n 1 log)"; fi
done
hangs "${vendors[0]}" work_copy_in:30
hangs "${vendors[0]}" work_kernel:300

# ROCm 6 has other properties under another symbol.
if [[ " ${vendors[*]} " == *" hip "* ]]; then
  STRAIT_HIP_LIBRARY=$doubles/double_hip_6.so tiny hip ""
  if ! silent hip-of-rocm-6; then :
  elif ! grep -Eq '^calls hipGetDevicePropertiesR0600' report; then fail hip-of-rocm-6 "the older properties were asked for"
  else same hip-of-rocm-6 "$wanted" "$(parameters run)"; fi
fi

# A run that moves from chip to chip, three steps on each, against one that stayed on the CPU. Checkpoints that
# the pattern names are forgotten, as if the run had been stopped before them.
sed 's/name: cosine/name: constant/; s/keep: 3/keep: 12/' tiny.yaml >moves.yaml
goes_on() { # goes_on RUN FORGET ARGUMENTS...
  local run=$1 forget=$2
  shift 2
  "$STRAIT" train "$@" >log 2>&1 || fail "move-$run" "$(tail -n 3 log)"
  find "$run/checkpoints" -name 'step-*' | grep -E "$forget" | xargs rm -rf
}
states() { echo "$(parameters "$1") $(parameters "$1"/checkpoints/step-00000012/optimizer.safetensors)"; }
goes_on stayed none moves.yaml --out stayed
goes_on moved '(0[4-9]|1.)$' moves.yaml --out moved
chips=cpu
if "$STRAIT" devices 2>&1 | grep -q '^opencl:0'; then chips+=" opencl"; fi
chips+=" ${vendors[*]}"
forget=('(0[7-9]|1.)$' '1.$' '12$')
turn=0
for chip in ${chips#cpu }; do
  rm -f report
  expect "move-to-$chip" 0 "^moved is on $chip now" "$STRAIT" move moved --to "$chip"
  [[ " ${vendors[*]} " != *" $chip "* ]] || silent "move-to-$chip-complaints"
  goes_on moved "${forget[turn++]}" moved/config.yaml --resume
done
goes_on moved none moved/config.yaml --resume --device cpu
same "move-${chips// /-}-cpu" "$(states stayed)" "$(states moved)"

if [ "$mode" = --all ]; then
  for vendor in "${vendors[@]}"; do
    exact "$vendor" f32 3 --set batch.micro_batch=2 --set memory.recompute=light
    exact "$vendor" bf16 1 --set batch.micro_batch=3 --set memory.recompute=full
    suite "$vendor" --isa group
  done
fi
exit "$failed"
