#!/bin/bash
# From a bare machine to a language model trained on real text, in one command and a few minutes.
# usage: ./quickstart.sh [PATH]     PATH: your own text (a file or a folder); without it, English and Chinese
#                                   documentation from the distribution's packages
# Installs what is missing, builds, makes a tokenizer, packs the text, trains, samples. Run again it goes on where it was.
set -u
cd "$(dirname "$0")" || exit 1
own=
case ${1:-} in
-h | --help)
    sed -n '2,5p' "$0" | cut -c3-
    exit 0
    ;;
"") ;;
*)
    own=$(cd "$OLDPWD" 2>/dev/null && realpath -e -- "$1" 2>/dev/null) || own=$(realpath -e -- "$1" 2>/dev/null)
    [ -n "$own" ] || {
        echo "error: there is no file or folder $1" >&2
        exit 1
    }
    ;;
esac
. scripts/common.sh
. scripts/corpus.sh
. scripts/prompt.sh
export LC_ALL=C.UTF-8
strait=build/strait
config=examples/quickstart.yaml
begun=$SECONDS

step() { say "
== $1"; }

step "1/5 The program"
need_build_packages || die "strait cannot be built without these packages"
say "  building $strait$([ -x $strait ] || printf ' (about 70 seconds of processor time)') ..."
# The compiler's output goes into a file; a terminal shows how far Make is.
show_progress() {
    local line
    while IFS= read -r line; do
        [ -t 2 ] && [[ $line =~ ^\[\ *([0-9]+%)\] ]] && printf '\r  %s' "${BASH_REMATCH[1]}" >&2
    done
    [ -t 2 ] && printf '\r\033[K' >&2
    return 0
}
build() {
    cmake -S . -B build -DCMAKE_BUILD_TYPE=RelWithDebInfo && cmake --build build --parallel "$(cores)" --target strait
}
set -o pipefail
build 2>&1 | tee build-quickstart.log | show_progress || {
    tail -n 30 build-quickstart.log >&2
    die "the build failed; all of its output is in build-quickstart.log"
}
set +o pipefail
mv build-quickstart.log build/quickstart-build.log
say "  $strait: $("$strait" --version), $((SECONDS - begun)) s"

step "2/5 The text"
if [ -n "$own" ]; then
    # Other contents are another run: the key is made of the files' names, sizes and times.
    key=$(find "$own" -type f -printf '%P %s %T@\n' | LC_ALL=C sort | cksum | cut -d ' ' -f 1)
    name=quickstart-$(basename "$own" | tr -c 'A-Za-z0-9_.\n-' _)-$key
    folder=build/$name
    corpus=("$own")
    mkdir -p "$folder"
    say "  yours: $own"
else
    name=quickstart
    folder=build/quickstart
    mkdir -p "$folder"
    corpus=("$folder/text/en" "$folder/text/zh")
    [ -f "$folder/text/done" ] || say "  downloading documentation packages (about 16 MB; unpacked under build, not installed)"
    corpus_make "$folder" || exit 1
    say "  in $folder/text/en and $folder/text/zh"
fi
run=runs/$name

step "3/5 The tokenizer"
if [ -f "$folder/tokenizer/tokenizer.json" ]; then
    say "  $folder/tokenizer is there already"
else
    "$strait" tokenizer train "${corpus[@]}" --vocab-size 4096 --out "$folder/tokenizer" || exit 1
fi

step "4/5 Token shards, a twentieth of the documents held out"
# It goes on where it was interrupted, and does nothing where nothing has changed.
pieces=()
if [ -n "$own" ]; then
    # Documents small enough that some are held out of a short text as well.
    bytes=$(find "$own" -type f -printf '%s\n' | awk '{ sum += $1 } END { printf "%.0f", sum / 100 }')
    pieces=(--split-documents "size:$((bytes < 1000 ? 1000 : bytes > 10000 ? 10000 : bytes))")
fi
"$strait" data pack "${corpus[@]}" --tokenizer "$folder/tokenizer" --out "$folder/data/text" --val-fraction 0.05 \
    "${pieces[@]+"${pieces[@]}"}" || exit 1

step "5/5 Training: $config into $run"
settings=()
prompts=("To change the settings of" "The file system" "要修改文档的" "在文件系统中")
if [ -n "$own" ]; then
    prompts=("$(first_words "$strait" "$folder/tokenizer" "$folder/data/text_train")")
    settings+=(--set "tokenizer=$folder/tokenizer" --set "data.train=$folder/data/text_train")
    settings+=(--set "sample.prompts=[\"${prompts[0]}\"]")
    # A sample of the example is 257 tokens, of two bytes each.
    held_out=$(stat -c %s "$folder/data/text_val.bin" 2>/dev/null) || held_out=0
    if [ "$held_out" -ge 514 ]; then
        settings+=(--set "data.validation=$folder/data/text_val")
    else
        say "  note: the text is too short to hold out a part of it: no validation loss"
        settings+=(--set data.validation=null --set evaluate.every=0)
    fi
fi
say "  Ctrl-C stops it with a checkpoint; the same command again goes on"
resume=()
[ -d "$run" ] && resume=(--resume)
"$strait" train "$config" --out "$run" "${settings[@]+"${settings[@]}"}" "${resume[@]+"${resume[@]}"}" || exit 1

model=$(find "$run/checkpoints" -mindepth 1 -maxdepth 1 -type d -name 'step-*' | LC_ALL=C sort | tail -n 1)
[ -n "$model" ] || die "$run has no checkpoint"
say "
== What it writes (a few million parameters after a few minutes: words and phrases, little sense)"
for prompt in "${prompts[@]}"; do
    "$strait" generate "$model" --prompt "$prompt" --max-tokens 80 --temperature 0.7 --top-p 0.9 --seed 1 2>/dev/null ||
        die "sampling from $model failed: $strait generate $model --prompt \"$prompt\""
    echo
    echo
done
longer=
for word in "${settings[@]+"${settings[@]}"}"; do
    [[ $word =~ ^[A-Za-z0-9_./=-]+$ ]] || word=${word@Q}
    longer+=" $word"
done
say "
$((SECONDS - begun)) s in all. To go on:
  $strait generate $model --prompt \"${prompts[0]}\"
  $strait train $config --out runs/longer --set minutes=30$longer
  $strait info $run"
