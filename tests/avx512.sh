#!/bin/bash
# The op suite for AVX-512 on any processor: the intrinsics come from tests/emulate, in plain C. It checks what the
# kernels compute, not what the compiler makes of the real intrinsics. All arguments go to the suite. Prints
# `ok avx512_emulated`, or `FAIL avx512_emulated why`.
set -u
cd "$(dirname "$0")/.." || exit 1
label=avx512_emulated
out=build/avx512
cc=gcc
if [ "$(uname -m)" != x86_64 ]; then
    echo "skip avx512_emulated instruction sets of x86-64 are built on x86-64 only"
    exit 0
fi
mkdir -p $out
. tests/opsuite.sh

# Every instruction set is present, but the suite is told to run only the one that is emulated; fmaf is inlined where the
# processor has it. Lanes are structs in memory, so -O2 and no warnings about their size.
fma=
grep -qw fma /proc/cpuinfo && fma=-mfma
base_objects "-D__builtin_cpu_supports(name)=1"
kernels generic -O2
kernels avx2 "-O2 -mavx2 -mfma"
kernels avx512 "-O2 $fma -Itests/emulate"
link_suite ""
failed=0
if $out/strait_check --isa avx512 "$@"; then
    echo "ok avx512_emulated"
else
    echo "FAIL avx512_emulated the op suite found differences"
    failed=1
fi

# Twenty steps of the engine, to the committed hash.
link_steps ""
STRAIT_CPU=avx512 tests/exact/steps.sh avx512_emulated $out/strait_steps || failed=1
exit $failed
