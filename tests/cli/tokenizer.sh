#!/bin/bash
# The verb tokenizer: train, encode, decode, info, and what wrong input is told.
# usage: STRAIT=/path/to/strait tests/cli/tokenizer.sh      (works in the current directory)
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"

mkdir corpus
for _ in 1 2 3 4 5 6 7 8; do
  printf "The cat doesn't sit on the mat, the other cat does.\n\n中文的句子，中文的标点。\n" >>corpus/a.txt
  printf '{"text": "the cat and the other cat"}\n' >>corpus/b.jsonl
done

expect train 0 '^t: byte-level BPE, NFC, 300 tokens, 41 merges, 3 added$' "$STRAIT" tokenizer train corpus --vocab-size 300 --out t
[ -s t/tokenizer.json ] && [ -s t/tokenizer_config.json ] && ok train_writes_both_files || fail train_writes_both_files "$(ls t)"
if grep -q '"tokenizer_class": "PreTrainedTokenizerFast"' t/tokenizer_config.json; then ok tokenizer_class
else fail tokenizer_class "$(cat t/tokenizer_config.json)"; fi
"$STRAIT" tokenizer train corpus --vocab-size 300 --out t1 --threads 1 >/dev/null 2>&1
if cmp -s t/tokenizer.json t1/tokenizer.json; then ok threads_do_not_matter; else fail threads_do_not_matter "files differ"; fi
expect train_special 0 '2 added' "$STRAIT" tokenizer train corpus --vocab-size 300 --special '<s>' --special '</s>' --out t2
expect train_without_an_end 0 'warning: none of its special tokens' "$STRAIT" tokenizer train corpus --vocab-size 300 --special '<a>' --out t4
expect train_json 0 '^\{"out": "t5", "vocab_size": 300, .*"documents": 9, ' "$STRAIT" tokenizer train corpus --vocab-size 300 --out t5 --json
expect train_out_is_a_file 2 'corpus/a.txt is a file: name a folder' "$STRAIT" tokenizer train corpus --vocab-size 300 --out corpus/a.txt
expect no_tokenizer_there 1 'corpus/tokenizer.json: does not exist; .*tokenizer train' "$STRAIT" tokenizer info corpus
expect train_small_corpus 0 'only [0-9]+ of 100000 tokens' "$STRAIT" tokenizer train corpus --vocab-size 100000 --out t3

text=$'The cat doesn\'t  sit\n\n中文\tcafé 👍 12'
ids=$(printf %s "$text" | "$STRAIT" tokenizer encode t)
same round_trip "$text" "$("$STRAIT" tokenizer decode t <<<"$ids")"
same encode_text_option "$ids" "$("$STRAIT" tokenizer encode t --text "$text")"
printf %s "$text" >file.txt
same encode_file "$ids" "$("$STRAIT" tokenizer encode t file.txt)"
same encode_path_of_json "$ids" "$("$STRAIT" tokenizer encode t/tokenizer.json file.txt)"
same encode_json "[${ids// /, }]" "$("$STRAIT" tokenizer encode t file.txt --json)"
same decode_json "$text" "$("$STRAIT" tokenizer encode t file.txt --json | "$STRAIT" tokenizer decode t)"
same decode_as_json '"a\nb"' "$("$STRAIT" tokenizer encode t --text $'a\nb' | "$STRAIT" tokenizer decode t --json | sed 's/\\u000a/\\n/')"
same encode_special 0 "$("$STRAIT" tokenizer encode t --text '<|endoftext|>')"
if [ "$("$STRAIT" tokenizer encode t --plain --text '<|endoftext|>' | wc -w)" -gt 1 ]; then ok encode_plain; else fail encode_plain "one id"; fi
same decode_special 'a<|endoftext|>b' "$("$STRAIT" tokenizer encode t --text 'a<|endoftext|>b' | "$STRAIT" tokenizer decode t)"
same decode_skip_special ab "$("$STRAIT" tokenizer encode t --text 'a<|endoftext|>b' | "$STRAIT" tokenizer decode t --skip-special)"
same encode_null 3 "$(printf 'one\0two\0three\0' | "$STRAIT" tokenizer encode t --null | wc -l)"
same encode_empty "[]" "$("$STRAIT" tokenizer encode t --json </dev/null)"
expect encode_invalid_utf8 0 '^3 bytes were not UTF-8' bash -c 'printf "a\xff\xe4\xb8" | "$1" tokenizer encode t' - "$STRAIT"
same nfc "$("$STRAIT" tokenizer encode t --text $'caf\u00e9')" "$("$STRAIT" tokenizer encode t --text $'cafe\u0301')"

expect info 0 '^hash +[0-9a-f]{64}$' "$STRAIT" tokenizer info t
expect info_unicode 0 'PCRE2 [0-9.]+ \(Unicode [0-9.]+\), utf8proc' "$STRAIT" tokenizer info t
expect info_json 0 '"vocab_size": 300, .*"end_of_text": \{"id": 0, "content": "<\|endoftext\|>"\}' "$STRAIT" tokenizer info t --json

expect no_action 2 '^usage: strait tokenizer' "$STRAIT" tokenizer
expect unknown_action 2 "no action 'trian'" "$STRAIT" tokenizer trian
expect train_no_out 2 'out DIR is missing' "$STRAIT" tokenizer train corpus --vocab-size 300
expect train_no_size 2 'vocab-size' "$STRAIT" tokenizer train corpus --out x
expect train_no_corpus 2 'file or folder' "$STRAIT" tokenizer train --vocab-size 300 --out x
expect train_missing_corpus 1 'nowhere.txt' "$STRAIT" tokenizer train nowhere.txt --vocab-size 300 --out x
expect train_too_small 2 'vocab-size is 259 .* to 16777216, not 100' "$STRAIT" tokenizer train corpus --vocab-size 100 --out x
mkdir void && : >void/empty.txt
expect train_empty 1 '^strait tokenizer: the corpus has no text: in void/empty.txt every document is empty' "$STRAIT" tokenizer train void --vocab-size 300 --out x
[ ! -e x ] && ok nothing_written_on_failure || fail nothing_written_on_failure "$(ls x)"
expect encode_missing 1 'nowhere' "$STRAIT" tokenizer encode nowhere --text a
expect encode_missing_file 1 'cannot open none.txt' "$STRAIT" tokenizer encode t none.txt
head -c 1000 t/tokenizer.json >cut.json
expect truncated 1 'cut.json: line [0-9]+' "$STRAIT" tokenizer info cut.json
sed 's/"type": "NFC"/"type": "StripAccents"/' t/tokenizer.json >accents.json
expect unknown_component 1 'accents.json: normalizer: "StripAccents" is not supported; supported are NFC' "$STRAIT" tokenizer info accents.json
sed '0,/\["t", "h"\]\|\["h", "e"\]/s//["t", "zz"]/' t/tokenizer.json >merge.json
expect missing_merge 1 'merge.json: model.merges\[[0-9]+\]: "zz" is not in model.vocab' "$STRAIT" tokenizer info merge.json
expect decode_range 1 'token id 300 \(number 1\)' bash -c 'echo 1 300 | "$1" tokenizer decode t' - "$STRAIT"
expect decode_garbage 2 'byte 2 of the input' bash -c 'echo 1 x | "$1" tokenizer decode t' - "$STRAIT"

for action in train encode decode info; do
  help=$("$STRAIT" tokenizer $action --help </dev/null)
  if [ $? = 0 ] && [ "$(wc -l <<<"$help")" -le 24 ] && [ "$(awk '{ if (length > n) n = length } END { print n + 0 }' <<<"$help")" -le 80 ]; then
    ok "help_$action"
  else
    fail "help_$action" "$help"
  fi
done

# Ten megabytes of one character, within seconds (STRAIT_SLOWDOWN multiplies the limit under sanitizers).
begin=$SECONDS
count=$(head -c 10000000 /dev/zero | tr '\0' ' ' | "$STRAIT" tokenizer encode t | wc -w)
if [ "$count" -gt 0 ] && [ $((SECONDS - begin)) -le $((15 * ${STRAIT_SLOWDOWN:-1})) ]; then ok ten_megabytes_of_spaces
else fail ten_megabytes_of_spaces "$count ids in $((SECONDS - begin)) s"; fi

exit $failed
