#!/bin/bash
# strait generate --chat: turns, what is read again, Ctrl-C, thinking, and what wrong input is told.
# usage: STRAIT=/path/to/strait tests/cli/chat.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder
make_data
make_config run.yaml
"$STRAIT" train run.yaml --set checkpoint.every=0 --set model.init.max_position_embeddings=20000 >log 2>&1 || { fail train "$(tail -n 3 log)"; exit 1; }
model=run/checkpoints/step-00000012
chat=("$STRAIT" generate "$model" --chat --max-tokens 6 --greedy)
turns() { printf '%s\n' "$@" >input; }
template() { printf '%s' "$1" >"$model/chat_template.jinja"; }
run_chat() { "${chat[@]}" "$@" <input >out 2>err; }

turns "hello"
expect no-template 1 'step-00000012: there is no chat template' "${chat[@]}" </dev/null
template $'x\n{{ y|upper }}'
expect template-beyond 1 'chat_template.jinja:2: the filter "upper" is not supported' "${chat[@]}" </dev/null
template $'{% for m in messages %}[{{ m.role }}]{{ m.content }}<|endoftext|>{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}'
turns "hello" "again" "" "third"
if run_chat && [ "$(grep -c 'prompt tokens' err)" = 3 ]; then ok turns; else fail turns "$(cat err)"; fi
# [user]hello, an end, [assistant]: each byte is a token of this tokenizer.
if grep -qE '^23 prompt tokens, 0 of them kept, 23 read at .* tokens/s; [0-9]+ sampled at .* tokens/s, ' err; then ok figures
else fail figures "$(cat err)"; fi
# The cache is kept: of the second turn only what is new is read, 24 tokens and the answer's last one.
if grep -qE '^53 prompt tokens, 28 of them kept, 25 read' err; then ok prefix-kept
else fail prefix-kept "$(cat err)"; fi
turns "<|endoftext|>"
if run_chat && grep -q '^31 prompt tokens' err; then ok control-token-is-text; else fail control-token-is-text "$(cat err)"; fi
turns "hello"
if run_chat --system "be brief" && grep -q '^40 prompt tokens' err; then ok system; else fail system "$(cat err)"; fi
# What is kept gives what reading all of it gives.
turns "hello" "again"
run_chat --quiet && cp out kept
first=$(head -n 1 out)
text="[user]hello<|endoftext|>[assistant]$first<|endoftext|>[user]again<|endoftext|>[assistant]"
case $first in
*$'\xef\xbf\xbd'*) echo "skip kept-is-the-same this model's answer is not UTF-8" ;;
*) same kept-is-the-same "$(tail -n +2 kept)" "$("$STRAIT" generate "$model" --max-tokens 6 --greedy --quiet --no-echo --prompt "$text")" ;;
esac

# Ctrl-C ends an answer of many thousand tokens, and the next turn is answered. Jobs of a script ignore it, but for -m.
mkfifo pipe
set -m
"$STRAIT" generate "$model" --chat --max-tokens 15000 --context 20000 --ignore-eos --temperature 1.5 <pipe >out 2>err &
pid=$!
set +m
exec 9>pipe
echo hello >&9
for _ in $(seq 200); do [ "$(wc -c <out)" -gt 20 ] && break; sleep 0.05; done
kill -INT "$pid"
for _ in $(seq 200); do grep -q 'stopped$' err && break; sleep 0.05; done
echo again >&9
for _ in $(seq 200); do [ "$(grep -c 'prompt tokens' err)" = 2 ] && break; [ "$(wc -c <out)" -gt 60000 ] && break; sleep 0.05; done
exec 9>&-
ends_within 60 "$pid"
code=$?
if [ "$code" = 0 ] && grep -q 'sampled at .*, stopped$' err && [ "$(grep -c 'prompt tokens' err)" = 2 ]; then ok ctrl-c
else fail ctrl-c "exit status $code: $(cat err)"; fi

# Thinking is dimmed on a terminal, from the prompt's <think> on.
template '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{% if add_generation_prompt %}<think>{% endif %}'
if command -v script >/dev/null; then
  turns "hello"
  dim=$(printf '\033[2m')
  command="'$STRAIT' generate '$model' --chat --greedy --max-tokens 4 --quiet <input"
  if script -qec "$command" /dev/null </dev/null | grep -qF "$dim"; then ok dimmed; else fail dimmed "no escape in the output"; fi
  if NO_COLOR=1 script -qec "$command" /dev/null </dev/null | grep -qF "$dim"; then fail no-color "an escape in the output"; else ok no-color; fi
else
  echo "skip dimmed script is not installed"
fi
template '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}'

expect prompt-too 2 'takes its turns from standard input' "${chat[@]}" --prompt x
expect thinking-wrong 2 'on or off' "${chat[@]}" --thinking maybe
expect system-alone 2 'are for --chat' "$STRAIT" generate "$model" --prompt x --system y
turns "a turn that is far too long for it" "b"
if "${chat[@]}" --context 24 <input >out 2>err; then fail context-too-small "exit status 0"
elif grep -q 'has [0-9]* tokens, and its context is 24: raise --context' err && grep -q '^7 prompt tokens' err; then ok context-too-small
else fail context-too-small "$(cat err)"; fi
exit "$failed"
