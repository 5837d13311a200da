# shellcheck shell=bash
# What the shell tests that train share: results, a tiny tokenizer, text, shards and configs. Sourced; expects STRAIT.
: "${STRAIT:?set STRAIT to the program}"
STRAIT=$(realpath "$STRAIT")
STRAIT_SOURCE=${STRAIT_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)}
export LC_ALL=C.UTF-8
# shellcheck disable=SC2034
failed=0
ok() { echo "ok $1"; }
fail() {
  echo "FAIL $1 $2"
  failed=1
}

# in_temporary_folder: goes into an empty one that is removed at the end
in_temporary_folder() {
  folder=$(mktemp -d "${TMPDIR:-/tmp}/strait-test.XXXXXX")
  trap 'chmod -R u+rwX "$folder" 2>/dev/null; rm -rf "$folder"' EXIT
  cd "$folder" || exit 1
}

# expect NAME EXIT_CODE PATTERN COMMAND...: output (both streams) matches the extended regular expression
expect() {
  local name=$1 code=$2 pattern=$3 output got
  shift 3
  output=$(timeout 200 "$@" 2>&1 </dev/null)
  got=$?
  if [ "$got" != "$code" ]; then fail "$name" "exit $got, expected $code: $output"
  elif ! grep -Eq -- "$pattern" <<<"$output"; then fail "$name" "no /$pattern/ in: $output"
  else ok "$name"; fi
}

# ends_within SECONDS PROCESS: its exit status; one that goes on is killed, which gives 137
ends_within() {
  local _
  for _ in $(seq $(($1 * 10 * ${STRAIT_SLOWDOWN:-1}))); do
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$2" 2>/dev/null
  wait "$2" 2>/dev/null
}

# same NAME A B: two texts that must be equal and not empty
same() {
  if [ -n "$2" ] && [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "'$2' is not '$3'"; fi
}

# make_tokenizer FOLDER: the 256 bytes and <|endoftext|>, in the spelling of GPT-2's byte alphabet
make_tokenizer() {
  mkdir -p "$1"
  awk 'BEGIN {
    n = 0
    for (b = 0; b < 256; b++) {
      visible = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174
      code = visible ? b : 256 + n++
      if (code == 34 || code == 92) text = sprintf("\\%c", code)
      else text = sprintf("\\u%04x", code)
      vocabulary = vocabulary (b ? "," : "") sprintf("\"%s\":%d", text, b)
    }
    printf "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,"
    printf "\"added_tokens\":[{\"id\":256,\"content\":\"<|endoftext|>\",\"single_word\":false,\"lstrip\":false,"
    printf "\"rstrip\":false,\"normalized\":false,\"special\":true}],\"normalizer\":{\"type\":\"NFC\"},"
    printf "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,"
    printf "\"use_regex\":false},"
    printf "\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":false,"
    printf "\"use_regex\":false},\"model\":{\"type\":\"BPE\",\"dropout\":null,\"unk_token\":null,"
    printf "\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,\"fuse_unk\":false,\"byte_fallback\":false,"
    printf "\"vocab\":{%s},\"merges\":[]}}\n", vocabulary
  }' >"$1/tokenizer.json"
}

# make_text FILE DOCUMENTS: JSON lines of varied words, the same on every machine
make_text() {
  awk -v documents="$2" 'BEGIN {
    split("the a ship sails harbour through narrow strait between two seas wind carries it past rocks 海 峡 船 と 风 light", word, " ")
    state = 12345
    for (d = 0; d < documents; d++) {
      text = ""
      words = 8 + d % 23
      for (w = 0; w < words; w++) {
        state = (state * 16807) % 2147483647 # below 2^53, so that every awk agrees
        text = text (w ? " " : "") word[1 + int(state / 65536) % 23]
      }
      printf "{\"text\": \"%s.\"}\n", text
    }
  }' >"$1"
}

# make_data: tokenizer/, data_train and data_val in the current folder
make_data() {
  make_tokenizer tokenizer
  make_text text.jsonl 400
  "$STRAIT" data pack text.jsonl --tokenizer tokenizer --out data --val-fraction 0.1 >pack.log 2>&1 && return
  fail make_data "$(cat pack.log)"
  exit 1
}

# A model of 9 thousand parameters and a run of 12 steps that takes a tenth of a second.
make_config() {
  cat >"$1" <<'END'
model:
  init: {hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2,
         head_dim: 8, tie_word_embeddings: true, initializer_range: 0.1}
tokenizer: tokenizer
data: {train: data_train, validation: data_val, sequence_length: 16}
batch: {sequences: 4, micro_batch: 2}
optimizer: {lr: 1e-2}
schedule: {name: cosine, warmup: 2}
steps: 12
threads: 1
checkpoint: {every: 1, keep: 3}
evaluate: {every: 6, size: 2}
run: run
END
}

# parameters PATH: the SHA-256 of the parameters of a model, checkpoint or run; empty if there is none
parameters() {
  "$STRAIT" info "$1" --hash --json 2>/dev/null | sed -n 's/.*"parameters_sha256": "\([0-9a-f]*\)".*/\1/p'
}

# metrics RUN: the lines of metrics.jsonl without what depends on time and memory
metrics() {
  sed -E 's/"(tokens_per_second|mfu|mfu_convention|memory|times?|step_seconds|data_seconds)":("[^"]*"|\{[^}]*\}|[^,}]*),?//g' \
    "$1/metrics.jsonl"
}

# ---- runs that are disturbed (tests/fault) ----

# undisturbed: data, run.yaml, and the run that nobody disturbs; sets duration (microseconds) and what must come out
undisturbed() {
  local begin
  make_data
  make_config run.yaml
  begin=${EPOCHREALTIME/[.,]/}
  "$STRAIT" train run.yaml --out whole >log 2>&1 || {
    fail undisturbed "$(tail -n 3 log)"
    exit 1
  }
  # shellcheck disable=SC2034
  duration=$((${EPOCHREALTIME/[.,]/} - begin))
  wanted=$(states whole)
  metrics whole >whole.metrics
}

# states RUN: the hashes of what its checkpoint of step 12 holds
states() { echo "$(parameters "$1/checkpoints/step-00000012") $(parameters "$1/checkpoints/step-00000012/optimizer.safetensors")"; }

# finish NAME: resumes the run "run" and compares; a run that ended before it had a directory begins anew
finish() {
  local name=$1 resume=--resume
  [ -d run ] || resume=
  # shellcheck disable=SC2086
  if ! timeout 120 "$STRAIT" train run.yaml --out run $resume >finish.log 2>&1; then
    fail "$name" "the resumed run failed: $(tail -n 3 finish.log)"
    return 1
  fi
  metrics run >run.metrics
  if [ "$wanted" != "$(states run)" ]; then
    fail "$name" "other parameters after it was resumed: $(tail -n 2 finish.log)"
  elif ! cmp -s run.metrics whole.metrics; then
    fail "$name" "other metrics after it was resumed: $(diff run.metrics whole.metrics | head -n 4)"
  elif find run -name '.tmp-*' -o -name '.old-*' -o -name '.del-*' -o -name '*.tmp' | grep -q .; then
    fail "$name" "left behind: $(find run -name '.*' -o -name '*.tmp' | head -n 4)"
  else
    return 0
  fi
  return 1
}

# build_inject: inject.so, or a skip
build_inject() {
  cc -O1 -shared -fPIC -o inject.so "$STRAIT_SOURCE/tests/fault/inject.c" -ldl 2>cc.log && return 0
  echo "skip injection the library could not be built: $(head -n 2 cc.log)"
  return 1
}

# injected KIND NAME=VALUE... -- COMMAND...: the command with tests/fault/inject.c; its output in log
injected() {
  local settings=("INJECT_KIND=$1")
  shift
  while [ "$1" != -- ]; do
    settings+=("INJECT_$1")
    shift
  done
  shift
  # In braces, so that the shell's own word about a killed process goes nowhere.
  { timeout 120 env "${settings[@]}" LD_PRELOAD="$PWD/inject.so" "$@"; } >log 2>&1
}

# told NAME PATTERN CODE: the run that wrote "log" ended by CODE 1 with a message that matches, and what it left is whole
told() {
  local name=$1 pattern=$2 code=$3 newest
  if [ "$code" != 1 ] || ! grep -Eq -- "$pattern" log; then
    fail "$name" "exit status $code: $(tail -n 3 log)"
    return 1
  fi
  newest=$(find run/checkpoints -maxdepth 1 -name 'step-*' 2>/dev/null | sort | tail -n 1)
  if [ -n "$newest" ] && ! "$STRAIT" info "$newest" --hash >info.log 2>&1; then
    fail "$name" "the newest checkpoint is damaged: $(tail -n 3 info.log)"
    return 1
  fi
}
