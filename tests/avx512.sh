#!/bin/bash
# The op suite for AVX-512, AVX512-BF16 and AMX on any processor: the intrinsics come from tests/emulate, in plain C. It
# checks what the kernels compute, not what the compiler makes of the real intrinsics. All arguments go to the suite;
# with `--engine` alone it is left out, and `--program` alone makes build/avx512/strait, the program with these kernels, and runs nothing.
# Prints `ok NAME_emulated`, or `FAIL NAME_emulated why`, for each.
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

# Every instruction set is present, but the suite is told to run only those that are emulated; fmaf is inlined where the
# processor has it. Lanes are structs in memory, so -O2 and no warnings about their size. Whether AMX is there is asked in
# a file of its own, which has a stand-in here.
fma=
grep -qw fma /proc/cpuinfo && fma=-mfma
base_objects "-D__builtin_cpu_supports(name)=1" backends/cpu/amx.c
compile "" -O2 tests/emulate/amx_present.c
kernels generic -O2
kernels avx2 "-O2 -mavx2 -mfma"
kernels avx512 "-O2 $fma -Itests/emulate"
kernels avx512bf16 "-O2 $fma -Itests/emulate" avx512
kernels amx "-O2 $fma -Itests/emulate" avx512
if [ "${1:-}" = --program ]; then
    link_program
    exit 0
fi
failed=0
suites="avx512 avx512bf16 amx"
if [ "${1:-}" = --engine ]; then suites=; else link_suite ""; fi
for isa in $suites; do
    if $out/strait_check --isa $isa "$@"; then
        echo "ok ${isa}_emulated"
    else
        echo "FAIL ${isa}_emulated the op suite found differences"
        failed=1
    fi
done

# Twenty steps of the engine, to the committed hash; and whole models in fast, held to exact.
link_engine ""
[ "${1:-}" = --engine ] && export FORMS=few
STRAIT_CPU=avx512 tests/exact/steps.sh avx512_emulated $out/strait_steps || failed=1
for isa in avx512bf16 amx; do
    $out/strait_held --isa $isa --dtype bf16 --differ || failed=1
done

if [ "${1:-}" = --engine ]; then exit $failed; fi
# That comparison must be able to fail: a unit whose every instruction rounds its sums to bf16, seen in each shape.
kernels amx "-O2 $fma -DEMULATED_WRONG -Itests/emulate" avx512
mv $out/strait_held $out/strait_held_right
link_engine ""
$out/strait_held --isa amx --dtype bf16 --differ >$out/wrong.log
refused=$(grep -c '^FAIL held-.*-\(gradients\|micro-batch-1\) ' $out/wrong.log)
if [ "$refused" = 8 ] && [ "$(grep -c '^FAIL' $out/wrong.log)" = 8 ]; then
    echo "ok held-wrong-sums-are-seen"
else
    sed 's/^/  /' $out/wrong.log
    echo "FAIL held-wrong-sums-are-seen a unit that sums in bf16 was refused $refused times, not for each of four shapes"
    failed=1
fi
exit $failed
