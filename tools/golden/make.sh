#!/bin/bash
# Makes tests/golden anew: the environments of tools/interop.sh, then make_golden.py; odd configurations are written by
# transformers 4.57, even ones by 5.x, so that both spellings of config.json are read by the tests.
# usage: tools/golden/make.sh [OUT]
set -eu
cd "$(dirname "$0")/../.."
. tools/interop_env.sh
make_interop_env
out=${1:-tests/golden}
odd=()
even=()
for name in $(sed -n 's/^    "\([a-z0-9_]*-[0-9]*\)": .*/\1/p' tools/golden/make_golden.py); do
    if [ $((10#${name##*-} % 2)) = 1 ]; then odd+=("$name"); else even+=("$name"); fi
done
with_transformers "$TRANSFORMERS_4" tools/golden/make_golden.py "$out" "${odd[@]}"
with_transformers "$TRANSFORMERS_5" tools/golden/make_golden.py "$out" "${even[@]}"
chmod 644 "$out"/*/*.safetensors
du -sh "$out"
