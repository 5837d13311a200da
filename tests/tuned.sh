#!/bin/bash
# Ops of a chip's own libraries beside the portable kernels: products by the double of cuBLASLt, attention by that of
# cuDNN, on the double of libcuda (tests/double/README.md). That they are off unless asked for, that each is held to the portable kernel before it runs
# and declines with the figure when it is wrong, not the same again, or slow; what is kept of that, and for whom; what a
# missing library and a failing call come to; and that exact knows nothing of it all. It shows nothing of a GPU.
# usage: STRAIT=/path/to/strait tests/tuned.sh [--all]     --all: attention held to the portable kernel, every shape of the
#        suite, and whole runs, for which PoCL compiles every kernel for bf16 (two minutes)
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
build=$(cd "$(dirname "$STRAIT")" && pwd)
doubles=$build/doubles
if [ ! -e "$doubles/double_cublaslt.so" ]; then
  echo "skip tuned the double of cuBLASLt is not built: the vendor's header cublasLt.h (a CUDA toolkit's, or: pip install --no-deps --target build/cuda nvidia-cublas, 0.4 GB), or OpenCL's loader and headers are missing"
  exit 0
fi
in_temporary_folder
export STRAIT_CUDA_LIBRARY=$doubles/double_cuda.so STRAIT_NVRTC_LIBRARY=$doubles/double_nvrtc.so
export STRAIT_CUBLASLT_LIBRARY=$doubles/double_cublaslt.so STRAIT_DOUBLE_REPORT=$folder/report
export STRAIT_CUDNN_LIBRARY=/nonexistent.so # until attention's turn
export POCL_CACHE_DIR=$folder/pocl XDG_CACHE_HOME=$folder/cache

# calls NAME: how often the newest command called it
calls() { awk -v name="$1" '$1 == "calls" && $2 == name {sum += $3} END {print sum + 0}' report; }

# silent NAME: whether the doubles' report of the last command is there and has no complaint
silent() {
  if [ ! -s report ]; then fail "$1" "the double wrote no report"
  elif grep -q '^complaint' report; then fail "$1" "$(grep '^complaint' report | head -n 3)"
  else return 0; fi
  return 1
}

# why NAME PATTERN CALLS: the line about the op in fast and bf16 matches, and the library was called for it (some, none)
op=linear_dw work=cublasLtMatmul
why() {
  rm -f report
  "$STRAIT" devices --why cuda >log 2>&1 || { fail "$1" "$(tail -n 2 log)"; return; }
  silent "$1" || return
  local line made
  line=$(grep -E "^$op +bf16 +fast" log)
  made=$(calls $work)
  if ! grep -Eq -- "$2" <<<"$line"; then fail "$1" "no /$2/ in: $line"
  elif [ "$3" = none ] && [ "$made" != 0 ]; then fail "$1" "$work was called $made times"
  elif [ "$3" = some ] && [ "$made" = 0 ]; then fail "$1" "$work was not called"
  else ok "$1"; fi
}

earned='cuBLASLt [0-9.]+ +run to run .*held to portable-group: at most [0-9.e-]+ of the allowed distance, [0-9.]+ times as fast'
why off-unless-asked 'portable-group +exact .*never ran on a GPU.*tuned_ops: all' none
[ "$(grep -c cublasLt report)" = 0 ] && ok not-opened-unless-asked || fail not-opened-unless-asked "$(grep cublasLt report)"
expect unknown-wish 2 'STRAIT_TUNED_OPS is "some", and must be proven or all' env STRAIT_TUNED_OPS=some "$STRAIT" devices --why cuda

export STRAIT_TUNED_OPS=all
why earns-its-place "$earned" some
why second-open "$earned" none
STRAIT_DOUBLE_DRIVER_VERSION=13010 why other-driver "$earned" some
STRAIT_DOUBLE_LT_VERSION=130203 why other-library 'cuBLASLt 13\.2\.3 .*held to' some
STRAIT_KERNEL_CACHE=off why nothing-kept "$earned" some
why still-kept "$earned" none

# wrong FAULT PATTERN: on a cache of its own it declines with the figure, and so it does the second time, without a try
wrong() {
  XDG_CACHE_HOME=$folder/cache-$1 STRAIT_DOUBLE_LT=$1 why "wrong-$1" "portable-group +exact .*$2" some
  XDG_CACHE_HOME=$folder/cache-$1 STRAIT_DOUBLE_LT=$1 why "wrong-$1-kept" "portable-group +exact .*$2" none
}
wrong one 'differs from the portable kernel: with dims .* element [0-9]+ of buffer 1 is -?[0-9.]+, and the integers that were summed make -?[0-9.]+'
wrong transposed 'differs from the portable kernel: .* element [0-9]+ of buffer 1 is'
wrong narrow 'where the portable kernel has .* away, [0-9.e-]+ is allowed'
wrong unsteady 'differs from the portable kernel'
# On a busy machine the time for trying it may be over before it was timed.
XDG_CACHE_HOME=$folder/cache-slow STRAIT_DOUBLE_LT=slow \
  why wrong-slow 'portable-group +exact .*(is not faster: [0-9.]+ ms, where portable-group takes [0-9.]+ ms|10 s for the ops of this device are over)' some
XDG_CACHE_HOME=$folder/cache-none STRAIT_DOUBLE_LT=no-algorithm why no-algorithm 'portable-group .*cuBLASLt has no algorithm' none

# Libraries that are not there, or none of these.
STRAIT_CUBLASLT_LIBRARY=/nonexistent.so why missing-library 'portable-group .*cuBLASLt cannot be opened .*/nonexistent.so.*STRAIT_CUBLASLT_LIBRARY' none
STRAIT_CUBLASLT_LIBRARY=$doubles/double_nvrtc.so why foreign-library 'portable-group .*cuBLASLt has no cublasLtGetVersion' none

# A call that fails is an error, with its name and the library's words.
refuses() { # refuses NAME CALL PATTERN
  XDG_CACHE_HOME=$folder/cache-refuses STRAIT_DOUBLE_FAIL=$2 expect "$1" 1 "$3" "$STRAIT" devices --why cuda
}
rm -f report
refuses fails-start cublasLtCreate:1:1 'cublasLtCreate: CUBLAS_STATUS_NOT_INITIALIZED \(1, said by the double'
refuses fails-choice cublasLtMatmulAlgoGetHeuristic:1:14 'cublasLtMatmulAlgoGetHeuristic: CUBLAS_STATUS_'
refuses fails-while-tried cublasLtMatmul:3:13 'holding linear of cuBLASLt .* to the portable kernel: .*cublasLtMatmul of .*: CUBLAS_STATUS_EXECUTION_FAILED \(13'
silent fails && ok fails-leave-nothing

# Ops held to binary64 by the suite, on the double's products.
suite() {
  rm -f report
  if ! "$build/strait_check" --device cuda --isa group --dtype bf16 "$@" >log 2>&1; then fail "suite-$2" "$(grep -e FAIL log | head -n 3)"
  elif ! grep -q 'group bf16 fast' log; then fail "suite-$2" "nothing was fast: $(tail -n 1 log)"
  elif silent "suite-$2"; then ok "suite-$2${STRAIT_DOUBLE_DNN_VERSION:+-as-one-operation}"; fi
}
suite --op linear_dx --case 5

# Attention: what is answered before anything is computed.
if [ -e "$doubles/double_cudnn.so" ]; then
  op=attention_bwd work=cudnnBackendExecute
  portable='portable-group +exact '
  export STRAIT_CUDNN_LIBRARY=$doubles/double_cudnn.so STRAIT_CUBLASLT_LIBRARY=/nonexistent.so
  STRAIT_TUNED_OPS=proven why attention-off-unless-asked "$portable.*cuDNN never ran on a GPU.*tuned_ops: all" none
  [ "$(grep -c cudnn report)" = 0 ] && ok attention-not-opened-unless-asked || fail attention-not-opened-unless-asked "$(grep cudnn report)"
  STRAIT_CUDNN_LIBRARY=/nonexistent.so why attention-missing-library "$portable.*cuDNN cannot be opened .*STRAIT_CUDNN_LIBRARY" none
  STRAIT_CUDNN_LIBRARY=$doubles/double_nvrtc.so why attention-foreign-library "$portable.*cuDNN has no cudnnGetVersion" none
  STRAIT_DOUBLE_DNN_VERSION=91001 why attention-known-wrong "$portable.*cuDNN 9\.10\.1 is not used: .* known to be wrong" none
  STRAIT_DOUBLE_DNN_VERSION=8907 why attention-too-old "$portable.*is not used: attention is written for version 9" none
  STRAIT_DOUBLE_DNN_VERSION=100000 why attention-too-new "$portable.*cuDNN 10\.0\.0 is not used" none
  STRAIT_DOUBLE_DNN=no-way why attention-no-way "$portable.*cuDNN knows no way to compute its graph" none
  STRAIT_DOUBLE_DNN=varying why attention-varying "$portable.*do not give the same bits from run to run" none
  STRAIT_DOUBLE_DNN=greedy why attention-greedy "$portable.*more than an eighth of the device.s memory as workspace" none
  STRAIT_DOUBLE_FAIL=cudnnCreate:1:3005 why attention-old-driver "$portable.*does not support the driver" none
  rm -f report
  refuses attention-fails-start cudnnCreate:1:1001 'cudnnCreate: CUDNN_STATUS_NOT_INITIALIZED \(1001, said by the double of cuDNN\)'
  refuses attention-fails-description cudnnBackendSetAttribute:9:2000 'cudnnBackendSetAttribute of attribute [0-9]+: CUDNN_STATUS_BAD_PARAM'
  refuses attention-fails-finish cudnnBackendFinalize:7:4000 'cudnnBackendFinalize of .*: CUDNN_STATUS_INTERNAL_ERROR'
  refuses attention-fails-choice cudnnBackendGetAttribute:1:4000 'cudnnBackendGetAttribute of .*: CUDNN_STATUS_INTERNAL_ERROR'
  silent attention-fails && ok attention-fails-leave-nothing
  export STRAIT_CUDNN_LIBRARY=/nonexistent.so STRAIT_CUBLASLT_LIBRARY=$doubles/double_cublaslt.so
else
  echo "skip tuned-attention the double of cuDNN is not built: the vendor's header cudnn.h is missing"
fi
[ "${1:-}" = --all ] || exit "$failed"

# Attention: held to the portable kernel.
if [ -e "$doubles/double_cudnn.so" ]; then
  op=attention_bwd work=cudnnBackendExecute
  export STRAIT_CUDNN_LIBRARY=$doubles/double_cudnn.so STRAIT_CUBLASLT_LIBRARY=/nonexistent.so
  earned='cuDNN 9\.[0-9.]+ +run to run .*held to portable-group: at most [0-9.e-]+ of the allowed distance, [0-9.]+ times as fast'
  # PoCL compiles the portable kernels here, where ten seconds do not count as a lost device.
  for op in attention attention_bwd; do
    STRAIT_CUDNN_LIBRARY=/nonexistent.so "$build/strait_check" --device cuda --isa group --dtype bf16 --op "$op" >log 2>&1 ||
      fail "portable-$op" "$(grep -e FAIL log | head -n 3)"
  done
  op=attention_bwd
  op=attention why attention-earns-its-place "$earned" some
  why attention-bwd-kept "$earned" none
  STRAIT_DOUBLE_DNN_VERSION=90701 why attention-before-9.10 'cuDNN 9\.7\.1 .*held to' some
  # From 9.21 on as one operation, where the library has it.
  export STRAIT_DOUBLE_DNN_VERSION=92600
  op=attention why attention-op "cuDNN 9\.26\.0 .*held to" some
  XDG_CACHE_HOME=$folder/cache-op STRAIT_DOUBLE_DNN=unmasked op=attention why attention-op-unmasked "portable-group .*differs from the portable kernel" some
  XDG_CACHE_HOME=$folder/cache-no-op STRAIT_DOUBLE_DNN=no-op op=attention why attention-without-op "cuDNN 9\.26\.0 .*held to" some
  suite --op attention
  unset STRAIT_DOUBLE_DNN_VERSION
  # wrong_attention OP FAULT PATTERN
  wrong_attention() {
    XDG_CACHE_HOME=$folder/cache-$2 STRAIT_DOUBLE_DNN=$2 op=$1 why "$1-$2" "portable-group +(exact|run to run) .*$3" some
    rm -rf "$folder/cache-$2"
  }
  whole='differs from the portable kernel: with dims .* element [0-9]+ of buffer [0-9]+ is -?[0-9.e-]+, and the integers that were summed make -?[0-9.]+'
  for op in attention attention_bwd; do
    for fault in one later heads; do wrong_attention $op $fault "$whole"; done
    wrong_attention $op unsteady 'differs from the portable kernel: it has other bits in buffer [0-9]+ the second time'
    wrong_attention $op slow '(is not faster|10 s for the ops of this device are over)'
  done
  for fault in statistics narrow; do
    wrong_attention attention $fault 'of buffer 6 is .* where the portable kernel has .* away, [0-9.e-]+ is allowed'
  done
  refuses attention-fails-while-tried cudnnBackendExecute:2:5000 'holding attention of cuDNN .* to the portable kernel: .*cudnnBackendExecute: CUDNN_STATUS_EXECUTION_FAILED'
  refuses attention-fails-stream cudnnSetStream:1:2000 'cudnnBackendExecute: CUDNN_STATUS_BAD_PARAM'
  for op in attention attention_bwd; do suite --op "$op"; done
  unset op
fi
export STRAIT_CUBLASLT_LIBRARY=$doubles/double_cublaslt.so
for op in linear linear_dx linear_dw; do suite --op "$op"; done

# Whole runs.
make_data
make_config tiny.yaml
tiny() {
  local name=$1
  shift
  rm -rf "$name" report
  "$STRAIT" train tiny.yaml --out "$name" --set device=cuda --set dtype=bf16 --set steps=3 "$@" >log 2>&1
}
losses() { grep -o '"loss":[^,]*' "$1/metrics.jsonl" | cut -d: -f2; }
unset STRAIT_TUNED_OPS

# expect_run NAME PATTERN CALLS: the run's log says it, the double was content, and it made products or none
expect_run() {
  local made
  made=$(calls cublasLtMatmul)
  silent "$1" || return
  if ! grep -Eq -- "$2" log; then fail "$1" "no /$2/ in: $(tail -n 20 log)"
  elif [ "$3" = none ] && [ "$made" != 0 ]; then fail "$1" "$made products were made"
  elif [ "$3" = some ] && [ "$made" -lt 50 ]; then fail "$1" "only $made products were made"
  else ok "$1"; fi
}
tiny portable --set numerics=fast && expect_run run-proven 'linear, linear_d., linear_d. by portable-group: cuBLASLt never ran on a GPU' none
tiny first --set numerics=fast --set tuned_ops=all && expect_run run-tuned 'linear_dw by cuBLASLt 13\.[0-9.]+, held to portable-group' some
if [ -e "$doubles/double_cudnn.so" ]; then
  grep -Eq 'attention_bwd by cuDNN 9\.[0-9.]+, held to' log && [ "$(calls cudnnBackendExecute)" -gt 20 ] && ok run-attention ||
    fail run-attention "$(grep -E 'attention|cuDNN' log)"
  tiny documents --set numerics=fast --set tuned_ops=all --set data.mask_documents=true
  grep -Eq 'attention, attention_bwd by portable-group: cuDNN.s attention is used where every key' log && ok run-documents ||
    fail run-documents "$(grep -E 'attention|cuDNN' log)"
fi
tiny second --set numerics=fast --set tuned_ops=all
same same-again "$(parameters first)" "$(parameters second)"
# Products of the same numbers summed in another order: the first loss is off by less than one rounding to bf16.
if paste <(losses first) <(losses portable) | awk 'NR == 1 {d = $1 - $2; if (d < 0) d = -d; exit !($2 > 0 && d <= $2 / 256)}'; then ok first-loss
else fail first-loss "$(losses first | head -n 1) and $(losses portable | head -n 1)"; fi
tiny exact --set tuned_ops=all && expect_run exact-has-none 'step +3' none
"$STRAIT" train tiny.yaml --out cpu --set dtype=bf16 --set steps=3 >log 2>&1
same exact-bits "$(parameters cpu)" "$(parameters exact)"
STRAIT_CUBLASLT_LIBRARY=/nonexistent.so STRAIT_CUDNN_LIBRARY=/nonexistent.so tiny missing --set numerics=fast --set tuned_ops=all &&
  expect_run run-without-library 'linear, linear_d., linear_d. by portable-group: cuBLASLt cannot be opened' none
same without-library "$(parameters portable)" "$(parameters missing)"

# fails NAME CALL PATTERN: the call is answered so, and the run ends with 1 and its name
fails() {
  local code
  STRAIT_DOUBLE_FAIL=$2 tiny failing --set numerics=fast --set tuned_ops=all
  code=$?
  silent "$1" || return
  if ! grep -q '^failed' report; then fail "$1" "the call never came"
  elif [ $code = 1 ] && grep -Eq -- "$3" log; then ok "$1"
  else fail "$1" "exit status $code: $(tail -n 2 log)"; fi
}
fails fails-in-step cublasLtMatmul:40:13 'cublasLtMatmul of .*: CUBLAS_STATUS_EXECUTION_FAILED \(13'
exit "$failed"
