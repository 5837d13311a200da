#!/bin/bash
# The matrix products of a training step alone: PyTorch's bf16 against ours on this machine, in turn.
# usage: bench/peers/products.sh [--models small,qwen3-0.6b-2048] [--rounds 5] [--threads N]
set -eu
cd "$(dirname "$0")/../.."
. tools/interop_env.sh
[ -x build/strait ] || {
    echo "error: build/strait is missing; run make first" >&2
    exit 1
}
make_interop_env
with_transformers "$TRANSFORMERS_4" bench/peers/products.py "$@"
