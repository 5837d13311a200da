#!/bin/bash
# Speed of the tokenizer against the `tokenizers` package. Makes the small Python environment where it is missing.
# usage: bench/peers/tokenizer.sh [TEXT...] [--vocab-size N] [--rounds N] [--threads N]
#   without TEXT: the plain text of debian-reference-en and -zh-cn and manpages-zh, taken from the distribution
set -eu
cd "$(dirname "$0")/../.."
. scripts/common.sh
. scripts/corpus.sh
[ -x build/strait ] || die "build/strait is missing; run make first"
if [ ! -x build/bench-venv/bin/python ]; then
    python3 -m venv build/bench-venv
    build/bench-venv/bin/pip install --quiet --disable-pip-version-check "$(grep '^tokenizers' tests/python/requirements.txt)"
fi
for argument in "$@"; do
    if [ -f "$argument" ]; then exec build/bench-venv/bin/python bench/peers/tokenizer.py build/strait "$@"; fi
done
folder=build/bench-text
mkdir -p "$folder"
for package in debian-reference-en debian-reference-zh-cn manpages-zh; do
    corpus_fetch "$package" "$folder" || die "cannot download the package $package"
done
find "$folder" -name 'debian-reference.en.txt.gz' -exec zcat {} + >"$folder/en.txt"
find "$folder" -name 'debian-reference.zh-cn.txt.gz' -exec zcat {} + >"$folder/zh.txt"
find "$folder/manpages-zh" -path '*/zh_CN/*' -name '*.gz' -print0 | sort -z | xargs -0 zcat >"$folder/man.all"
# The cut may go through a character; iconv leaves it out and says so by its exit status.
head -c 4000000 "$folder/man.all" | iconv -c -f utf-8 -t utf-8 >"$folder/man.txt" 2>/dev/null || true
exec build/bench-venv/bin/python bench/peers/tokenizer.py build/strait "$folder"/{en,zh,man}.txt "$@"
