#!/bin/bash
# Fine-tuning on conversations: training, resuming, adapters, and what wrong input is told. Which tokens are learnt is held
# by tests/unit/test_sft.c; `make sft` teaches the model of ./quickstart.sh something.
# usage: STRAIT=/path/to/strait tests/cli/sft.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder
for n in $(seq 300); do echo "The ship $n sails to port $((n % 7)) with $((n * n % 101)) barrels."; done >text.txt
"$STRAIT" tokenizer train text.txt --vocab-size 300 --out tok >/dev/null 2>&1
"$STRAIT" data pack text.txt --tokenizer tok --out data >/dev/null 2>&1
chat() { # chat QUESTION ANSWER: a line
  printf '{"messages": [{"role": "user", "content": "%s"}, {"role": "assistant", "content": "%s"}]}\n' "$1" "$2"
}
for n in $(seq 60); do chat "ship $n" "port $((n % 7))"; done >chats.jsonl
for n in $(seq 61 70); do chat "ship $n" "port $((n % 7))"; done | gzip >held.jsonl.gz
cat >sft.yaml <<'EOF'
model:
  init: {hidden_size: 16, intermediate_size: 24, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 8}
tokenizer: tok
data: {train: chats.jsonl, validation: held.jsonl.gz, sequence_length: 64}
batch: {sequences: 4}
optimizer: {lr: 1e-2}
schedule: {name: constant}
evaluate: {every: 4}
steps: 8
run: run
EOF
train=("$STRAIT" train sft.yaml)
expect no-template 1 'no chat template' "${train[@]}"
cat >tok/chat_template.jinja <<'EOF'
{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}
EOF
expect trains 0 'step 8 of 8' "${train[@]}"
expect report 0 'chats.jsonl: 60 conversations in [0-9]+ samples of 64 tokens, [0-9]+% filled; [0-9]+ of [0-9]+ tokens are learnt' cat run/log.txt
expect validation 0 'held.jsonl.gz: 10 conversations' cat run/log.txt
expect config-says-masked 0 'mask_documents: true' cat run/config.yaml
expect template-goes-along 0 'im_start' cat run/checkpoints/step-00000008/chat_template.jinja
whole=$("$STRAIT" info run --hash | grep 'parameters sha256' | tail -n 1)
again() { # again NAME OPTION...: the same bits
  local name=$1
  shift
  "${train[@]}" --out "$name" "$@" >log 2>&1
  same "$name" "$whole" "$("$STRAIT" info "$name" --hash | grep 'parameters sha256' | tail -n 1)"
}
again micro-batch --set batch.micro_batch=1 --set threads=3
"${train[@]}" --out resumed --set steps=3 >log 2>&1
again resumed --resume
# What a run was begun with is what it goes on with.
chat more "one more" >>chats.jsonl
expect other-data 2 'the training data is not what this run was begun with' "${train[@]}" --resume --set steps=9
sed -i '$d' chats.jsonl
sed 's/^  init:.*/  from: run/; /^tokenizer/d' sft.yaml >from.yaml
expect adapters 0 'step 2 of 2' "$STRAIT" train from.yaml --out adapters --set lora.rank=2 --set steps=2
expect plan 0 'parameters' "${train[@]}" --plan-only --out plan

# Wrong input.
bad() { # bad NAME CODE PATTERN LINE: as the third line of a file
  { head -n 2 chats.jsonl; echo "$4"; } >bad.jsonl
  expect "$1" "$2" "$3" "${train[@]}" --out bad --set data.train=bad.jsonl
}
bad not-json 1 'bad.jsonl:3' '{"messages": ['
bad no-object 1 'bad.jsonl:3: not a JSON object' '[3]'
bad text-of-pretraining 1 'bad.jsonl:3: has no "messages"' '{"text": "x"}'
bad no-answer 1 "bad.jsonl:3: no message is the assistant's" '{"messages": [{"role": "user", "content": "x"}]}'
bad role 1 'bad.jsonl:3: messages\[0\] has the role "human"' '{"messages": [{"role": "human", "content": "x"}]}'
bad no-content 1 'bad.jsonl:3: messages\[0\] \(user\) has no content' '{"messages": [{"role": "user"}]}'
long=$(printf 'x%.0s' $(seq 200))
bad too-long 1 'bad.jsonl:3: the conversation has [0-9]+ tokens, data.sequence_length is 64: .*sft.too_long: drop' "$(chat "$long" a)"
for n in $(seq 20); do chat "ship $n" "port $((n % 7))"; done >>bad.jsonl
expect too-long-dropped 0 '1 were longer than a sample and left out' "${train[@]}" --out bad --set data.train=bad.jsonl --set sft.too_long=drop --set steps=1
expect mixed 2 'data.train: conversations .* and token shards do not go together' "${train[@]}" --out mixed --set 'data.train=[{path: chats.jsonl}, {path: data_train}]'
expect other-validation 2 'data.validation: give conversations' "${train[@]}" --out mixed --set data.validation=data_train
expect missing 2 'data.train: gone.jsonl: No such file' "${train[@]}" --out missing --set data.train=gone.jsonl
expect too-long-word 2 'sft.too_long' "${train[@]}" --out missing --set sft.too_long=cut
: >empty.jsonl
expect empty 1 'empty.jsonl' "${train[@]}" --out empty --set data.train=empty.jsonl
exit "$failed"
