#!/bin/bash
# Speed of encoding against `tokenizers`, `tiktoken` and `sentencepiece` on the same ids; options go to tokens.py.
# usage: bench/peers/tokens.sh [--only NAME] [--rounds N] [--megabytes N] TEXT...
set -eu
cd "$(dirname "$0")/../.."
. scripts/common.sh
[ -x build/strait ] || die "build/strait is missing; run make first"
[ $# -gt 0 ] || die "name files of text"
if ! build/venv/bin/python -c 'import sentencepiece, tiktoken' 2>/dev/null; then
    python3 -m venv build/venv
    build/venv/bin/pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
fi
exec build/venv/bin/python bench/peers/tokens.py build/strait "$@"
