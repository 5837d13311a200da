#!/bin/bash
# Allocations that fail, and threads that cannot be started: a message and exit status 1, every block given back, and
# --resume ends as if nothing had happened. And that steps allocate nothing.
# usage: STRAIT=/path/to/strait tests/fault/memory.sh [--all]     (--all: every allocation of every verb that trains)
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
mode=${1:-}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
in_temporary_folder
undisturbed
build_inject || exit $failed
no_memory='^strait [a-z]*: .*([Oo]ut of memory|no memory|Cannot allocate memory|no [0-9]+ bytes of memory left)'
# pthread_create says so too where there is no memory for a thread.
no_memory="$no_memory|^strait [a-z]*: cannot start thread .*: Resource temporarily unavailable"
# The smallest run that does all there is to do: checkpoints, an evaluation, a sample, two threads.
small=(--set steps=2 --set evaluate.every=1 --set threads=2 --set sample.every=2 --set sample.length=2
  --set 'sample.prompts=["The ship"]' --set schedule.warmup=0)

# sweep NAME SAMPLE COMMAND...: each allocation of a command fails once: all of them, or SAMPLE spread over it. Where it
# ends well all the same, what it made, in the folder "made", and "figures" of what it said must be as without a failure.
sweep() {
  local name=$1 sample=$2 calls live left stride call code good=0 tried=0 refused=0
  shift 2
  rm -rf run made made.whole count
  mkdir made
  injected memory COUNT="$PWD/count" -- "$@" || {
    fail "$name-allocations" "exit status $? undisturbed: $(tail -n 3 log)"
    return
  }
  [ -f count ] && read -r calls live <count
  if [ "${calls:-0}" -lt "$sample" ]; then
    fail "$name-allocations" "allocates ${calls:-0} times: nothing was injected"
    return
  fi
  mv made made.whole
  figures >figures.whole
  stride=1
  [ "$mode" = --all ] || stride=$((calls / sample + 1))
  for call in $(seq $((1 + seed % stride)) $stride "$calls"); do
    rm -rf run count made
    mkdir made
    tried=$((tried + 1))
    injected memory AT="$call" COUNT="$PWD/count" -- "$@"
    code=$?
    [ $code = 1 ] && refused=$((refused + 1))
    left=$live
    [ -f count ] && read -r _ left <count
    if [ $code != 0 ] && [ $code != 1 ]; then fail "$name-allocation-$call-of-$calls" "exit status $code: $(tail -n 3 log)"
    elif [ $code = 1 ] && ! grep -Eq -- "$no_memory" log; then
      fail "$name-allocation-$call-of-$calls" "says: $(tail -n 3 log)"
    elif [ ! -f count ] || [ "$left" -gt "$live" ]; then
      fail "$name-allocation-$call-of-$calls" "$((left - live)) blocks were not given back: $(tail -n 3 log)"
    elif [ -d run/checkpoints ] && ! whole_checkpoints; then
      fail "$name-allocation-$call-of-$calls" "a damaged checkpoint: $(tail -n 3 info.log)"
    elif [ $code = 0 ] && ! diff -r made made.whole >diff.log 2>&1; then
      fail "$name-allocation-$call-of-$calls" "exit status 0, but made something else: $(head -n 3 diff.log)"
    elif [ $code = 0 ] && ! figures | cmp -s - figures.whole; then
      fail "$name-allocation-$call-of-$calls" "exit status 0, but says something else: $(tail -n 3 log)"
    else good=$((good + 1)); fi
  done
  # Few allocations can be done without, so most runs must have ended with an error.
  if [ $((refused * 2)) -lt $tried ]; then fail "$name-allocations" "only $refused of $tried runs failed"
  elif [ $good = $tried ]; then ok "$name-$tried-of-$calls-allocations"; fi
}

# figures: of the log, what neither time nor free memory changes
figures() { grep -oE '"(tokens|loss|bits_per_byte|invalid_utf8)": [^,]*' log; }

whole_checkpoints() {
  local checkpoint
  for checkpoint in run/checkpoints/step-*; do
    [ -d "$checkpoint" ] || continue
    "$STRAIT" info "$checkpoint" --hash >info.log 2>&1 || return 1
  done
}

model=$PWD/whole/checkpoints/step-00000012
echo '[[1,2,3,4,5,6],[7,8,9,10,11,12]]' >ids.json
sweep train 30 "$STRAIT" train run.yaml --out run "${small[@]}"
sweep generate 12 "$STRAIT" generate "$model" --prompt "The ship" --max-tokens 4 --quiet
sweep eval 12 "$STRAIT" eval "$model" --data data_val --limit 2
sweep trace 12 "$STRAIT" trace "$model" --tokens ids.json --out made/out --grads --steps 2 --activations

# Text that has to be escaped grows while it is parsed: a failure there must not drop a character.
awk 'NR <= 12 { sub(/"}$/, "\\n\\u00e9\\u8239 \\\"quoted\\\" \\ud83d\\ude00\\t&"); print }' text.jsonl >escaped.jsonl
sweep pack 12 "$STRAIT" data pack escaped.jsonl --tokenizer tokenizer --out made/data --val-fraction 0.2
sweep tokenizer 12 "$STRAIT" tokenizer train escaped.jsonl --vocab-size 300 --out made/tokenizer
sweep eval-text 12 "$STRAIT" eval "$model" --data escaped.jsonl --length 16 --json

# Memory that ends in the middle of a run, and one that is resumed.
injected memory COUNT="$PWD/count" -- "$STRAIT" train run.yaml --out run
read -r calls live <count
good=0 tried=0
for part in 50 80 95 99; do
  rm -rf run
  tried=$((tried + 1))
  injected memory AT=$((calls * part / 100)) ALL=1 -- "$STRAIT" train run.yaml --out run
  told "no-memory-from-$part-percent" "$no_memory" $? && finish "no-memory-from-$part-percent" && good=$((good + 1))
done
[ $good = $tried ] && ok no-memory-from-somewhere-on

# The loop allocates nothing: forty steps take as many blocks as ten, where neither checkpoints nor evaluations differ.
for steps in 10 40; do
  rm -rf run count
  injected memory COUNT="$PWD/count" -- "$STRAIT" train run.yaml --out run --set steps=$steps --set threads=2 \
    --set checkpoint.every=1000 --set evaluate.every=1000 || fail "allocations-of-$steps-steps" "$(tail -n 3 log)"
  [ "$(grep -c '"step"' run/metrics.jsonl)" = $steps ] || fail "allocations-of-$steps-steps" "not every step has its line"
  read -r "calls_$steps" _ <count
done
# shellcheck disable=SC2154
same steps-allocate-nothing "$calls_10" "$calls_40"

# Threads: the pool's, the data's, those of checkpoints if there are any.
rm -rf run
injected thread COUNT="$PWD/count" -- "$STRAIT" train run.yaml --out run --set threads=3
read -r threads live <count
if [ "$threads" -lt 3 ]; then fail threads "only $threads threads were started"; fi
for thread in $(seq "$threads"); do
  rm -rf run
  injected thread AT="$thread" COUNT="$PWD/count" -- "$STRAIT" train run.yaml --out run --set threads=3
  code=$?
  read -r _ left <count
  told "thread-$thread-of-$threads" '^strait train: .*thread.*: Resource temporarily unavailable' $code &&
    finish "thread-$thread-of-$threads" || continue
  if [ "$left" -gt "$live" ]; then fail "thread-$thread-of-$threads" "$((left - live)) blocks were not given back"
  else ok "thread-$thread-of-$threads"; fi
done
exit "$failed"
