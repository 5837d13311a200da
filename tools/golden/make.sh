#!/bin/bash
# Makes tests/golden anew: the environments of tools/interop.sh, then make_golden.py; odd configurations are written by
# transformers 4.57, even ones by 5.x, so that both spellings of config.json are read by the tests.
# usage: tools/golden/make.sh [OUT]
set -eu
cd "$(dirname "$0")/../.."
. tools/interop_env.sh
make_interop_env
out=${1:-tests/golden}
with_transformers "$TRANSFORMERS_4" tools/golden/make_golden.py "$out" qwen3-01 qwen3-03 qwen3-05 qwen3-07 qwen3-09 qwen3-11
with_transformers "$TRANSFORMERS_5" tools/golden/make_golden.py "$out" qwen3-02 qwen3-04 qwen3-06 qwen3-08 qwen3-10 qwen3-12
chmod 644 "$out"/*/*.safetensors
du -sh "$out"
