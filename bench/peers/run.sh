#!/bin/bash
# Trains the same shapes with PyTorch and with strait on this machine, in turn, and prints tokens per second and peak
# memory of both: without options, the whole table of docs/benchmarks.md. Each process that ends is a file; interrupted,
# the same command goes on where it stopped. Makes the Python environment (several GB under build/interop) where missing.
# usage: bench/peers/run.sh [--models tiny,small,qwen3-0.6b-512,qwen3-0.6b-2048] [--rounds 5] [--steps N] [--threads N]
#   --torch  f32,f32-compiled,autocast,autocast-compiled,bf16,bf16-compiled   what PyTorch runs (all)
#   --strait f32-exact,f32-fast,bf16-exact,bf16-fast                          what we run (all)
#   --results DIR       where finished processes are kept (build/peers); --table prints what is there and runs nothing
#   --again WHAT        forget the results of torch, of strait, or what failed, and measure it again
#   --limit SECONDS     give a process up after so long (3600)
#   --quiet SHARE       take a process again, up to twice, if others used more of the processors meanwhile (0.05)
#   --lock FILE         hold this file's lock while steps are timed, a minute at a time, where several measure
#   --neighbour         with a foreign process that keeps one processor busy; kept apart, in DIR-neighbour
set -eu
cd "$(dirname "$0")/../.."
. tools/interop_env.sh
case " $* " in
*" --help "* | *" -h "*)
    sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"
    exit 0
    ;;
esac
[ -x build/strait ] || {
    echo "error: build/strait is missing; run make first" >&2
    exit 1
}
make_interop_env
with_transformers "$TRANSFORMERS_4" bench/peers/compare_training.py "$@"
