#!/bin/bash
# The op suite for arm64: base, tensor, device, ops and the CPU backend are cross-compiled without the other libraries,
# linked statically and run under qemu-user. All arguments go to the suite. Prints `ok neon` or `FAIL neon why`.
# Needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user (or -static); a machine that is arm64 needs none of them.
set -u
cd "$(dirname "$0")/.." || exit 1
out=${NEON_BUILD:-build/neon}
mkdir -p "$out"

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

flags="-std=c11 -O2 -Iinclude -Isrc -I. -Wall -Wextra -Wno-format-truncation -Werror -ffp-contract=off -fno-math-errno"
kernel="-O3 -DSTRAIT_ISA_AVX2=0 -DSTRAIT_ISA_AVX512=0"
compile() { # flags, then sources; objects are named after their place, with $suffix
  local options=$1
  shift
  printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c \
    'o=$(echo "$2" | tr / _); exec $0 $1 -c "$2" -o "$3/${o%.c}'"$suffix"'.o"' "$cc" "$options" {} "$out" \
    || { echo "FAIL neon does not compile"; exit 1; }
}

rm -f "$out"/*.o
suffix=
sources=$(ls src/base/{status,memory,pool,fpenv,math64,rng,buffer}.c src/tensor/*.c src/device/*.c ops/*.c ops/*/*.c \
  backends/cpu/*.c backends/null/*.c tests/check/*.c kernels/formula/*.c 2>/dev/null | grep -v -e '\.graph\.c$' -e '\.k\.c$' -e '^ops/rules.c$')
# shellcheck disable=SC2086
compile "$flags" $sources
suffix=_generic
compile "$flags $kernel -DSTRAIT_ISA=generic -DSTRAIT_ISA_GENERIC=1 -DSTRAIT_ISA_NEON=0" backends/cpu/kernels/*.c
suffix=_neon
compile "$flags $kernel -DSTRAIT_ISA=neon -DSTRAIT_ISA_GENERIC=0 -DSTRAIT_ISA_NEON=1" backends/cpu/kernels/*.c

$cc -static "$out"/*.o -o "$out/strait_check" -lm -lpthread || { echo "FAIL neon does not link"; exit 1; }
if $run "$out/strait_check" "$@"; then
  echo "ok neon"
else
  echo "FAIL neon the op suite found differences"
  exit 1
fi
