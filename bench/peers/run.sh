#!/bin/bash
# Trains the same shapes with PyTorch and with strait on this machine, in turn, and prints tokens per second and peak
# memory of both. Makes the Python environment (several GB under build/interop) where it is missing.
# usage: bench/peers/run.sh [--models tiny,small,qwen3-0.6b-512,qwen3-0.6b-2048] [--rounds 3] [--steps 8] [--threads N]
#   --torch  f32,f32-compiled,autocast,autocast-compiled,bf16,bf16-compiled   what PyTorch runs (default f32)
#   --strait f32-exact,f32-fast,bf16-exact,bf16-fast                          what we run (default f32-exact)
#   --neighbour   with a foreign process that keeps one processor busy
set -eu
cd "$(dirname "$0")/../.."
. tools/interop_env.sh
[ -x build/strait ] || {
    echo "error: build/strait is missing; run make first" >&2
    exit 1
}
make_interop_env
with_transformers "$TRANSFORMERS_4" bench/peers/compare_training.py "$@"
