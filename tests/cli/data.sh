#!/bin/bash
# strait data: packing and looking at shards, interrupted and repeated, and what wrong input is told.
# usage: STRAIT=/path/to/strait tests/cli/data.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder

make_tokenizer .
mkdir corpus
for i in 1 2 3 4 5 6 7 8 9; do echo "{\"text\":\"document number $i\"}"; done >corpus/a.jsonl
gzip -c >corpus/b.jsonl.gz <<<'{"text":"from a compressed file"}'
printf 'first\n\nsecond\xff\n' >corpus/c.txt

pack=("$STRAIT" data pack)
tok=(--tokenizer tokenizer.json)
expect help 0 '^usage: strait data' "$STRAIT" data --help
expect pack_help 0 '--split-documents' "${pack[@]}" --help
expect info_help 0 '--ids' "$STRAIT" data info --help
expect no_verb 2 'say what to do' "$STRAIT" data
expect wrong_verb 2 'pack or info, not "unpack"' "$STRAIT" data unpack
expect no_corpus 2 'needs a corpus' "${pack[@]}" "${tok[@]}" --out p
expect no_tokenizer 2 'needs --tokenizer' "${pack[@]}" corpus --out p
expect no_out 2 'needs --out' "${pack[@]}" corpus "${tok[@]}"
expect wrong_fraction 2 'val-fraction is at least 0' "${pack[@]}" corpus "${tok[@]}" --out p --val-fraction 1
expect wrong_split 2 'split-documents is whole' "${pack[@]}" corpus "${tok[@]}" --out p --split-documents lines
expect wrong_size 2 'split-documents is whole' "${pack[@]}" corpus "${tok[@]}" --out p --split-documents size:0
expect wrong_threads 2 'threads is 0 to 1024' "${pack[@]}" corpus "${tok[@]}" --out p --threads -1
expect missing_tokenizer 1 'none.json' "${pack[@]}" corpus --tokenizer none.json --out p
expect missing_corpus 1 'nowhere: No such file' "${pack[@]}" nowhere "${tok[@]}" --out p
expect missing_field 1 'a.jsonl:1: no member "body"; the line has "text"' "${pack[@]}" corpus "${tok[@]}" --out q --field body

expect pack 0 'train +[0-9]+ tokens in [0-9]+ documents' "${pack[@]}" corpus "${tok[@]}" --out out/p --val-fraction 0.3 \
  --split-documents blank --threads 2
for file in p_train.bin p_train.idx p_val.bin p_val.idx p.json; do
  if [ -f "out/$file" ]; then ok "wrote_$file"; else fail "wrote_$file" missing; fi
done
if [ -z "$(ls out | grep -E 'part|pack')" ]; then ok nothing_left; else fail nothing_left "$(ls out)"; fi
before=$(sha256sum out/*)
expect again 0 'already packed' "${pack[@]}" corpus "${tok[@]}" --out out/p --val-fraction 0.3 --split-documents blank
if [ "$before" = "$(sha256sum out/*)" ]; then ok untouched; else fail untouched "a file changed"; fi
expect json 0 '"already_packed": true.*"invalid_utf8": 1' "${pack[@]}" corpus "${tok[@]}" --out out/p --val-fraction 0.3 \
  --split-documents blank --json
expect changed 0 'packing again: changed.*validation_fraction' "${pack[@]}" corpus "${tok[@]}" --out out/p \
  --val-fraction 0.2 --split-documents blank
expect empty_validation 0 'no document fell into the validation part' "${pack[@]}" corpus/c.txt "${tok[@]}" --out out/one \
  --val-fraction 0.000001

if ls out/one_val.* >log 2>&1; then fail empty_part_is_not_written "$(cat log)"; else ok empty_part_is_not_written; fi
expect empty_validation_again 0 'already packed' "${pack[@]}" corpus/c.txt "${tok[@]}" --out out/one --val-fraction 0.000001
printf '{"text": 1}\n' >wrong.jsonl
expect wrong_first_line 1 'wrong.jsonl:1: ' "${pack[@]}" wrong.jsonl "${tok[@]}" --out wrong/p
if [ -z "$(ls wrong)" ]; then ok nothing_left_of_an_error; else fail nothing_left_of_an_error "$(ls wrong)"; fi
expect wrong_second_file 1 'wrong.jsonl:1: ' "${pack[@]}" corpus wrong.jsonl "${tok[@]}" --out wrong/p
if [ -e wrong/p.pack.json ]; then ok complete_files_are_kept; else fail complete_files_are_kept "$(ls wrong)"; fi

expect info_both 0 'p_val.idx' "$STRAIT" data info out/p
expect info_shard 0 'tokens .*uint16' "$STRAIT" data info out/p_train.idx
expect info_ids 0 'largest id  256' "$STRAIT" data info out/p_train --ids
expect info_json 0 '^\[\{"path": ".*p_train.idx".*"eos_id": 256.*\}\]$' "$STRAIT" data info out/p --json
expect info_none 1 'no token shard' "$STRAIT" data info out/zzz
expect info_no_path 2 'needs a path' "$STRAIT" data info
head -c 40 out/p_train.idx >out/t.idx
cp out/p_train.bin out/t.bin
expect info_truncated 1 't.idx: ' "$STRAIT" data info out/t
mv out/t.idx out/alone.idx
expect info_half 1 'alone.bin is missing' "$STRAIT" data info out/alone

printf 'PAR1rest' >x.parquet
expect parquet 1 'x.parquet: a Parquet file.*JSON lines' "${pack[@]}" x.parquet "${tok[@]}" --out p
mkdir foreign
mkdir inside && cp corpus/c.txt inside
tar -cf foreign/a.tar inside
tar -czf foreign/a.tar.gz inside
tar -cf - inside | gzip -c >foreign/hidden.txt.gz
printf 'BZh91AY&SYrest' >foreign/a.txt.bz2
printf 'PK\3\4rest' >foreign/a.zip
printf 'ARROW1\0\0rest' >foreign/a.arrow
printf '\377\377\377\377rest' >foreign/stream.arrow
for case in 'a.tar a tar archive' 'a.tar.gz a tar archive' 'hidden.txt.gz a tar archive' 'a.txt.bz2 a bzip2 file' \
  'a.zip a zip archive .PyTorch.s .bin and .pt are such.' 'a.arrow an Arrow file' 'stream.arrow an Arrow stream'; do
  expect "foreign_${case%% *}" 1 "foreign/${case%% *}: ${case#* }, which is not read here" \
    "${pack[@]}" "foreign/${case%% *}" "${tok[@]}" --out p
done
mkdir shards && cp out/p_train.* shards
expect token_shard 2 'shards/p_train.bin: one of a pair of token shards' "${pack[@]}" shards/p_train.bin "${tok[@]}" --out p
expect token_shards 2 'shards/p_train.bin: one of a pair of token shards' "${pack[@]}" shards "${tok[@]}" --out p
expect parquet_info 1 'x.parquet: a Parquet file' "$STRAIT" data info x.parquet
printf '\xa1\xd9\x34\x01rest' >gpt3.bin
for name in gpt3 gpt3.bin; do expect "llmc_info_$name" 1 'gpt3.bin: a token file of llm.c' "$STRAIT" data info $name; done
expect text_info 1 'a.jsonl: no token shard, make one of it with strait data pack' "$STRAIT" data info corpus/a.jsonl

# Another encoding: 200 characters of two bytes each. A few broken bytes in much text are no reason to stop.
for _ in $(seq 100); do printf '\xb2\xe2\xca\xd4\n'; done >gbk.txt
expect other_encoding 1 'gbk.txt: is not UTF-8 in [0-9]+ places of [0-9]+ bytes.*--allow-invalid' \
  "${pack[@]}" corpus gbk.txt "${tok[@]}" --out gbk
expect other_encoding_allowed 0 'invalid +[0-9]+ sequences' "${pack[@]}" corpus gbk.txt "${tok[@]}" --out gbk --allow-invalid
{ for _ in $(seq 150); do printf 'broken \xb2\n'; done; seq 10000; } >mostly.txt
expect mostly_utf8 0 'invalid +150 sequences' "${pack[@]}" mostly.txt "${tok[@]}" --out mostly
expect other_encoding_tokenizer 1 'gbk.txt: is not UTF-8' "$STRAIT" tokenizer train gbk.txt --vocab-size 300 --out t
expect other_encoding_tokenizer_allowed 0 't: ' "$STRAIT" tokenizer train gbk.txt --vocab-size 300 --out t --allow-invalid
printf '\x88\xd8\x34\x01rest' >gpt2.bin
expect llmc 1 'gpt2.bin: a token file of llm.c' "${pack[@]}" gpt2.bin "${tok[@]}" --out p
: >empty.txt
expect empty 1 'the corpus has no text' "${pack[@]}" empty.txt "${tok[@]}" --out p
mkdir hollow
expect empty_folder 1 'hollow: the folder holds no file' "${pack[@]}" hollow "${tok[@]}" --out p
echo '{"text": ' >bad.jsonl
expect bad_json 1 'bad.jsonl:1: not a line of JSON' "${pack[@]}" bad.jsonl "${tok[@]}" --out p
seq 100000 | gzip | head -c 50000 >cut.gz
expect truncated_gz 1 'cut.gz: gzip data is truncated at byte 50000' "${pack[@]}" cut.gz "${tok[@]}" --out p
for tool in xz zstd; do
  if ! command -v $tool >/dev/null; then echo "skip truncated_$tool: $tool is not installed"; continue; fi
  seq 100000 | $tool -c | head -c 500 >cut.$tool.txt
  expect "truncated_$tool" 1 "cut.$tool.txt: $tool data is truncated at byte 500" "${pack[@]}" cut.$tool.txt "${tok[@]}" --out p
done
{ echo text | gzip; echo more; } >more.gz
expect after_gz 1 'more.gz: the gzip data ends at byte .* and 5 bytes follow' "${pack[@]}" more.gz "${tok[@]}" --out p
echo foreign >f_train.bin
expect foreign_output 1 'f_train.bin exists and was not made here' "${pack[@]}" corpus/c.txt "${tok[@]}" --out f
echo keep >file
expect out_below_a_file 1 'file' "${pack[@]}" corpus/c.txt "${tok[@]}" --out file/p

# Killed at any moment, packing ends with the same files.
for i in $(seq 40); do
  for j in $(seq 200); do echo "{\"text\":\"file $i document $j with a few more words\"}"; done >"corpus/big$i.jsonl"
done
"${pack[@]}" corpus "${tok[@]}" --out whole/p --val-fraction 0.1 >/dev/null 2>&1
whole=$(cd whole && sha256sum p_*)
for wait in 0.005 0.01 0.02 0.03 0.05 0.1; do
  "${pack[@]}" corpus "${tok[@]}" --out killed/p --val-fraction 0.1 >/dev/null 2>&1 &
  process=$!
  sleep "$wait"
  kill -KILL "$process" 2>/dev/null
  # Not before it is gone: until then it holds its lock.
  wait "$process" 2>/dev/null
done
output=$("${pack[@]}" corpus "${tok[@]}" --out killed/p --val-fraction 0.1 2>&1)
if [ "$whole" = "$(cd killed && sha256sum p_*)" ]; then ok killed; else fail killed "the files differ: $output"; fi

exit $failed
