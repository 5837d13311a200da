#!/bin/bash
# Trains the same shapes with PyTorch and with strait on this machine, in turn, and prints tokens per second and peak
# memory of both. Makes the Python environment (several GB under build/interop) where it is missing.
# usage: bench/peers/run.sh [--models tiny,small] [--rounds 3] [--steps N] [--threads N] [--dtype f32|bf16]
set -eu
cd "$(dirname "$0")/../.."
. tools/interop_env.sh
[ -x build/strait ] || {
    echo "error: build/strait is missing; run make first" >&2
    exit 1
}
make_interop_env
with_transformers "$TRANSFORMERS_4" bench/peers/compare_training.py "$@"
