#!/bin/bash
# Every portable kernel by the compilers for GPUs that are installed here, for each architecture; no GPU is needed, and
# none is used. NVRTC and hipRTC compile through the plug-ins; clang 19, a process for each text, compiles for chips
# that the distribution's hipRTC 5.2 does not know.
# usage: BUILD=build tests/gpu/compile.sh [--sample]     --sample: not each architecture with each dtype
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
vendors=$build/test_vendors
failed=0
sample=no
[ "${1:-}" = --sample ] && sample=yes
export STRAIT_KERNEL_CACHE=off STRAIT_CUDA_LIBRARY=$vendors/cuda_whole.so STRAIT_HIP_LIBRARY=$vendors/hip_whole.so

# plug_in VENDOR ARCHITECTURE [DTYPE]: no compiler is no failure; one that is there and cannot be used is
plug_in() {
  local vendor=$1 output
  shift
  if output=$(STRAIT_VENDOR_ARCHITECTURE=$1 "$build/strait_gpu_compile" "$vendor" ${2:+"$2"} 2>&1); then
    echo "$output"
  elif grep -q 'which compiles the kernels, cannot be opened' <<<"$output"; then
    echo "skip gpu-compile-$1 ${output#FAIL * }"
  else
    failed=1
    echo "$output"
  fi
}

# Those for the exact contract, as backends/hip/hip_vendor.c has them.
clang_options="-std=c++17 -O3 -ffp-contract=off -fhip-fp32-correctly-rounded-divide-sqrt -fno-gpu-flush-denormals-to-zero
  -DWG=64 -DVW=1 -DPRODUCT_WG=256 -DITEM_ROWS=4 -DITEM_VECTORS=4 -Wall -Werror -Wno-unused-function"

# by_clang ARCHITECTURE DTYPE: to assembly, in which nothing may be called that is not there
by_clang() {
  local text name words
  for text in ops/*/*.k.c; do
    name=$1-$(basename "$text")-$2
    # shellcheck disable=SC2086
    if ! words=$(clang-19 -x hip --cuda-device-only --offload-arch="$1" -nogpulib -nogpuinc $clang_options \
      -DS_BF16="$([ "$2" = bf16 ] && echo 1 || echo 0)" -I. -include tests/gpu/amdgpu.h -include kernels/dialect/hip.h \
      -S "$text" -o "$assembly" 2>&1); then
      echo "FAIL $name $(head -n 3 <<<"$words")"
    elif ! grep -q amdhsa_kernel "$assembly"; then echo "FAIL $name no kernel came of it"
    elif grep -q s_swappc "$assembly"; then echo "FAIL $name calls what the chip has not"
    else
      echo "ok $name"
      continue
    fi
    failed=1
  done
}

export STRAIT_VENDOR_VERSION=99990 # newer than any NVRTC
packaged=$build/cuda/nvidia/cu13/lib/libnvrtc.so.13
[ -e "$packaged" ] && export STRAIT_NVRTC_LIBRARY=${STRAIT_NVRTC_LIBRARY:-$PWD/$packaged}
if [ $sample = yes ]; then plug_in cuda 90 bf16
else for architecture in 80 90 100 120; do plug_in cuda $architecture; done; fi
unset STRAIT_VENDOR_VERSION

# Before ROCm 6 the driver's library has the compiler. What is named is what the distribution's 5.2 compiles for.
ldconfig -p | grep -q libhiprtc.so || export STRAIT_HIPRTC_LIBRARY=${STRAIT_HIPRTC_LIBRARY:-libamdhip64.so.5}
if [ $sample = yes ]; then plug_in hip gfx90a f32
else plug_in hip gfx90a; fi

if command -v clang-19 >/dev/null; then
  assembly=$(mktemp)
  trap 'rm -f "$assembly"' EXIT
  by_clang gfx942 bf16
  by_clang gfx1100 f32
  if [ $sample = no ]; then
    by_clang gfx942 f32
    by_clang gfx1100 bf16
  fi
else
  echo "skip gpu-compile-clang clang 19 is not installed"
fi
exit $failed
