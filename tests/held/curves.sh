#!/bin/bash
# The loss curves of two ways to train, 300 steps on real text with five seeds each: is their difference within the noise
# of seeds? By default fast against exact with bf16 storage. The text is quickstart.sh's, from the distribution's packages.
# usage: tests/held/curves.sh [options of curves.py train]    e.g. --a dtype=f32 --b dtype=bf16
set -u
cd "$(dirname "$0")/../.." || exit 1
. scripts/common.sh
. scripts/corpus.sh
export LC_ALL=C.UTF-8
strait=build/strait
folder=build/curves
[ -x $strait ] || die "there is no $strait: make"
need_packages "the comparison of curves" python3 || exit 1
mkdir -p $folder
text=build/quickstart
if [ ! -f $text/text/done ]; then
    say "downloading documentation packages (about 16 MB; unpacked under build, not installed)"
    mkdir -p $text
    corpus_make $text || exit 1
fi
if [ ! -f $folder/tokenizer/tokenizer.json ]; then
    $strait tokenizer train $text/text/en --vocab-size 1024 --out $folder/tokenizer 2>$folder/log ||
        { tail -n 5 $folder/log >&2; exit 1; }
fi
$strait data pack $text/text/en --tokenizer $folder/tokenizer --out $folder/data --val-fraction 0.02 \
    2>$folder/log >&2 || { tail -n 5 $folder/log >&2; exit 1; }
exec python3 tests/held/curves.py train "$@" tests/held/curves.yaml $folder/runs
