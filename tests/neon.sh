#!/bin/bash
# The op suite for arm64: cross-compiled without the other libraries, linked statically and run under qemu-user. All
# arguments go to the suite; with `--engine` alone it is left out. Prints `ok neon`, or `FAIL neon why`. Needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and
# qemu-user (or -static); a machine that is arm64 needs none of them.
set -u
cd "$(dirname "$0")/.." || exit 1
label=neon
out=build/neon
cc=aarch64-linux-gnu-gcc
run=qemu-aarch64-static
command -v $run >/dev/null || run=qemu-aarch64
if [ "$(uname -m)" = aarch64 ]; then
    cc=gcc
    run=
fi
for tool in $cc $run; do
    if ! command -v "$tool" >/dev/null; then
        echo "skip neon $tool is not installed"
        exit 0
    fi
done
mkdir -p $out
. tests/opsuite.sh

base_objects ""
kernels generic -O3
kernels neon -O3
failed=0
if [ "${1:-}" != --engine ]; then
    link_suite -static
    if $run $out/strait_check "$@"; then
        echo "ok neon"
    else
        echo "FAIL neon the op suite found differences"
        failed=1
    fi
fi

# Twenty steps of the engine, to the committed hash.
link_engine "-static"
[ "${1:-}" = --engine ] && export FORMS=few
tests/exact/steps.sh neon $run $out/strait_steps || failed=1
exit $failed
