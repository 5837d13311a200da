#!/bin/bash
# strait eval: shards without a tokenizer, attention inside documents, and how the choices of questions are read.
# usage: STRAIT=/path/to/strait tests/cli/eval.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder

make_data
make_config run.yaml
"$STRAIT" train run.yaml >train.log 2>&1 || fail train "$(tail -n 3 train.log)"
model=$(find "$PWD/run/checkpoints" -maxdepth 1 -name 'step-*' | sort | tail -n 1)
cp -r "$model" bare
find bare -name 'tokenizer*' -delete

# value KEY COMMAND...: a number of the JSON that the command prints
value() {
  local key=$1
  shift
  "$@" --json 2>error.log | sed -n "s/.*\"$key\": \([^,}]*\).*/\1/p"
}

# Counts that a device cannot take are refused before they are narrowed.
for threads in -1 1025 4294967297; do
  expect "threads_$threads" 2 "threads is $threads: 0 \(all processors\) to 1024" "$STRAIT" eval run --data data_val --threads "$threads"
done
expect threads_of_generate 2 'threads is 4294967297: ' "$STRAIT" generate run --prompt the --threads 4294967297
expect threads_of_bench 2 'threads is 4294967297: ' "$STRAIT" bench step --threads 4294967297
echo '[[1, 2, 3]]' >ids.json
expect threads_of_trace 2 'threads is 4294967297: ' "$STRAIT" trace run --tokens ids.json --out t.safetensors --threads 4294967297

# What does not fit is refused with remedies that an evaluation has.
cp -r "$model" long
sed -i 's/"max_position_embeddings": *[0-9]*/"max_position_embeddings": 1073741824/' long/config.json
expect too_large 1 'Take shorter sequences \(--length; 1073741824 tokens now\), --dtype bf16, or a larger machine' \
  "$STRAIT" eval long --data data_val --length 1073741824
expect too_large_in_bf16 1 'Take shorter sequences \(--length; 1073741824 tokens now\), or a larger machine' \
  "$STRAIT" eval long --data data_val --length 1073741824 --dtype bf16

# A run has a tokenizer; a packed corpus has parts.
expect tokenizer_of_a_run 0 '^tokenizer +byte-level BPE' "$STRAIT" tokenizer info run
expect pack_with_a_run 0 'is already packed' "$STRAIT" data pack text.jsonl --tokenizer run --out data --val-fraction 0.1
expect tokenizer_missing 1 'nowhere' "$STRAIT" tokenizer info nowhere
expect prefix_of_a_corpus 2 'data: a packed corpus has parts: name data_val or data_train' "$STRAIT" eval run --data data

# Token shards need no tokenizer, or one without an end of text; text does.
loss=$(value loss "$STRAIT" eval run --data data_val --length 16)
same shards_without_a_tokenizer "$loss" "$(value loss "$STRAIT" eval bare --data data_val --length 16)"
expect text_without_a_tokenizer 2 'text needs a tokenizer: text\.jsonl is no token shards' "$STRAIT" eval bare --data text.jsonl
make_tokenizer bare
sed -i 's/<|endoftext|>/<|other|>/' bare/tokenizer.json
expect another_tokenizer 2 'was packed with another tokenizer' "$STRAIT" eval bare --data data_val --length 16
mkdir anonymous
cp data_val.bin data_val.idx anonymous
same no_end_of_text "$loss" "$(value loss "$STRAIT" eval bare --data anonymous/data_val --length 16)"
expect text_without_an_end 2 'no end-of-text token' "$STRAIT" eval bare --data text.jsonl

# Why there are no bits per byte, and which member of JSON lines is the text.
expect no_bits_in_a_part 0 'bits per byte +not known: --limit' "$STRAIT" eval run --data data_val --length 16 --limit 2
expect no_bits_in_a_part_json 0 '"bits_per_byte": null, "bits_per_byte_unknown": "--limit' "$STRAIT" eval run --data data_val --length 16 --limit 2 --json
expect no_bits_without_a_sidecar 0 'bits per byte +not known: .*no sidecar' "$STRAIT" eval run --data anonymous/data_val --length 16
expect bits 0 'bits per byte +[0-9.]+$' "$STRAIT" eval run --data data_val --length 16
sed 's/"text"/"body"/' text.jsonl >body.jsonl
expect no_field 1 'body.jsonl:1: no member "text"; the line has "body": choose one with --field' "$STRAIT" eval run --data body.jsonl --length 16
same field "$(value loss "$STRAIT" eval run --data text.jsonl --length 16)" "$(value loss "$STRAIT" eval run --data body.jsonl --field body --length 16)"
expect field_needs_data 2 '--field goes with --data' "$STRAIT" eval run --choices body.jsonl --field body
for _ in $(seq 100); do printf '\xb2\xe2\xca\xd4\n'; done >gbk.txt
expect other_encoding 1 'gbk.txt: is not UTF-8' "$STRAIT" eval run --data gbk.txt --length 16
expect other_encoding_allowed 0 'not UTF-8 +[0-9]+ bytes' "$STRAIT" eval run --data gbk.txt --length 16 --allow-invalid
expect shards_in_a_folder 2 'anonymous/data_val.bin: one of a pair of token shards' "$STRAIT" eval run --data anonymous

# With --mask-documents the targets that begin a document are left out, and a document's loss does not depend on what
# stands before it: two documents in one sample cost what they cost one by one.
printf '{"text": "the ship sails"}\n' >a.jsonl
printf '{"text": "past rocks and wind"}\n' >b.jsonl
cat a.jsonl b.jsonl >ab.jsonl
tokens=$(value tokens "$STRAIT" eval run --data ab.jsonl --length 64)
masked=$(value tokens "$STRAIT" eval run --data ab.jsonl --length 64 --mask-documents)
same masked_targets $((tokens - 1)) "$masked"
sum() { # sum FILE [OPTION]: the loss of all targets
  local file=$1 sum_of count
  shift
  sum_of=$(value loss "$STRAIT" eval run --data "$file" --length 64 "$@")
  count=$(value tokens "$STRAIT" eval run --data "$file" --length 64 "$@")
  awk -v loss="$sum_of" -v count="$count" 'BEGIN { printf "%.4f", loss * count }'
}
alone=$(awk -v a="$(sum a.jsonl)" -v b="$(sum b.jsonl)" 'BEGIN { printf "%.4f", a + b }')
# Positions go on through a sample, and rotary attention sees their differences only: equal but for rounding.
if awk -v a="$alone" -v b="$(sum ab.jsonl --mask-documents)" 'BEGIN { exit !(b > 0 && (a - b) ^ 2 < 1e-6) }'; then
  ok masked_attention
else
  fail masked_attention "$alone alone, $(sum ab.jsonl --mask-documents) together"
fi
expect mask_needs_data 2 'mask-documents goes with --data' "$STRAIT" eval run --choices a.jsonl --mask-documents

# Choices: which spaces are put, that the length of samples does not change the answers, and what is wrong with a line.
question() { printf '{"question": "%s", "choices": ["%s", "%s"], "answer": 0}\n' "$@"; }
{
  question "the ship" "sails" "rocks"
  question "the ship " "sails" "rocks"
  question "海 峡：" "船" "光"
  question "the a ship sails harbour through narrow strait between two seas wind carries it past rocks" "and" "light"
} >questions.jsonl
accuracy=$(value accuracy "$STRAIT" eval run --choices questions.jsonl)
same lengths_do_not_matter "$accuracy" "$(value accuracy "$STRAIT" eval run --choices questions.jsonl --length 101)"
same all_are_answered 4 "$(value questions "$STRAIT" eval run --choices questions.jsonl)"
same limit 2 "$(value questions "$STRAIT" eval run --choices questions.jsonl --limit 2)"
# Every byte is a token here: 27 with a space between question and choice, 26 where there is one or none is wanted.
question "0123456789" "0123456789012345" "x" >spaced.jsonl
question "012345678 " "0123456789012345" "x" >white.jsonl
question "01234567。" "012345678901234" "x" >chinese.jsonl
expect space_between_words 1 'spaced.jsonl:1: .*choice 0 has 27 tokens, 26 are taken' "$STRAIT" eval run --choices spaced.jsonl --length 26
expect no_space_after_white 0 'questions +1' "$STRAIT" eval run --choices white.jsonl --length 26
expect no_space_after_chinese 0 'questions +1' "$STRAIT" eval run --choices chinese.jsonl --length 26
question "" "a" "b" >empty.jsonl
expect empty_question 1 'empty.jsonl:1: the question is empty' "$STRAIT" eval run --choices empty.jsonl
question "a" "b" "" >empty.jsonl
expect empty_choice 1 'empty.jsonl:1: choice 1 is empty' "$STRAIT" eval run --choices empty.jsonl

exit "$failed"
