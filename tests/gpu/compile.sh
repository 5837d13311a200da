#!/bin/bash
# Every portable kernel through the plug-ins, by the compilers that are installed here, for each architecture; no GPU is
# needed, and none is used. usage: BUILD=build tests/gpu/compile.sh
set -u
build=${BUILD:-build}
vendors=$build/test_vendors
failed=0
export STRAIT_KERNEL_CACHE=off STRAIT_CUDA_LIBRARY=$vendors/cuda_whole.so STRAIT_HIP_LIBRARY=$vendors/hip_whole.so
export STRAIT_VENDOR_VERSION=99990 # newer than any NVRTC
for architecture in 80 90 100 120; do
  STRAIT_VENDOR_ARCHITECTURE=$architecture "$build/strait_gpu_compile" cuda || failed=1
done
unset STRAIT_VENDOR_VERSION
# Before ROCm 6 the driver's library has the compiler. What is named is what the distribution's 5.2 compiles for.
ldconfig -p | grep -q libhiprtc.so || export STRAIT_HIPRTC_LIBRARY=${STRAIT_HIPRTC_LIBRARY:-libamdhip64.so.5}
for architecture in gfx90a; do
  STRAIT_VENDOR_ARCHITECTURE=$architecture "$build/strait_gpu_compile" hip || failed=1
done
exit $failed
