#!/bin/bash
# What a machine, a container or a user allows: memory, processors and instruction sets that are not there. Each is told
# before step 1. And what a plan says is what a run takes.
# usage: STRAIT=/path/to/strait tests/cli/limits.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder
make_data
make_config run.yaml
train=("$STRAIT" train run.yaml)
# Activations of some hundred MiB, weights of few.
wide=(--set model.init.hidden_size=256 --set model.init.intermediate_size=2048 --set model.init.num_hidden_layers=8
  --set data.sequence_length=512 --set batch.sequences=4 --set batch.micro_batch=auto --set steps=1 --set evaluate.every=0
  --set schedule.warmup=0)

# figure KEY: the first number after "KEY": in JSON on the standard input
figure() { sed -nE "s/.*\"$1\": *([0-9.e+-]+).*/\1/p" | head -n 1; }

# needs RECOMPUTE MICRO_BATCH: the MiB of its plan, a whole number
needs() {
  "${train[@]}" --out x "${wide[@]}" --plan-only --set memory.recompute="$1" --set batch.micro_batch="$2" |
    sed -nE 's/^total +([0-9]+)\..*/\1/p'
}

# ./limited KIB COMMAND...: with that much address space
printf '#!/bin/bash\nulimit -v "$1" && shift && exec "$@"\n' >limited
chmod +x limited

# ---- memory ----

if ./limited 200000 "$STRAIT" --version >/dev/null 2>&1; then
  # What the program itself maps, threads included, is below 40 MiB.
  all=$(needs none 2) half=$(needs none 1) light=$(needs light 1) least=$(needs full 1)
  for pair in "$all $half" "$half $light" "$light $least"; do
    if awk -v p="$pair" 'BEGIN { split(p, a); exit !(a[1] > a[2] + 20) }'; then ok "smaller $pair"
    else fail "smaller $pair" "the plans are too close for what follows"; fi
  done
  room() { echo $((($1 + 40) * 1024)); }
  expect auto-takes-what-is-fastest 0 'recompute none\)$' ./limited "$(room "$all")" "${train[@]}" --out x "${wide[@]}" --plan-only
  expect auto-halves-the-micro-batch 0 "^\(chosen to fit: recompute none, micro-batches of 1; recompute none with micro-batches of 2 needs $all\.[0-9] MiB\)$" \
    ./limited "$(room "$half")" "${train[@]}" --out x "${wide[@]}" --plan-only
  expect auto-recomputes 0 '^\(chosen to fit: recompute (light|full), ' ./limited "$(room "$light")" "${train[@]}" --out x "${wide[@]}" --plan-only
  expect fast-recomputes-first 0 '^\(chosen to fit: recompute (light|full), micro-batches of 2; ' \
    ./limited "$(room "$(needs full 2)")" "${train[@]}" --out x "${wide[@]}" --set numerics=fast --plan-only
  expect what-was-told-stays 1 'recompute none\)$' ./limited "$(room "$half")" "${train[@]}" --out x "${wide[@]}" \
    --set batch.micro_batch=2 --set memory.recompute=none --plan-only
  expect refusal-names-the-limit 1 "^total +$all\.[0-9] MiB of [0-9.]+ MiB free \(ulimit -v is [0-9.]+ MiB\)$" \
    ./limited "$(room "$half")" "${train[@]}" --out x "${wide[@]}" --set batch.micro_batch=2 --set memory.recompute=none
  expect refusal-says-what-would-fit 1 'It would fit with memory.recompute: none and batch.micro_batch: 1 \([0-9.]+ MiB\)\.$' \
    ./limited "$(room "$half")" "${train[@]}" --out x "${wide[@]}" --set batch.micro_batch=2 --set memory.recompute=none
  # Long sequences: what is kept weighs more than the copy of the weights.
  long=(--set data.sequence_length=8192 --set batch.sequences=1 --set model.init.max_position_embeddings=8192)
  narrow=$("${train[@]}" --out x "${wide[@]}" "${long[@]}" --plan-only --set memory.recompute=full --set dtype=bf16 |
    sed -nE 's/^total +([0-9]+)\..*/\1/p')
  expect refusal-offers-bf16 1 'It would fit with dtype: bf16, memory.recompute: full and batch.micro_batch: 1 ' \
    ./limited "$(room "$narrow")" "${train[@]}" --out x "${wide[@]}" "${long[@]}"
  expect nothing-fits 1 'Even with memory.recompute: full and batch.micro_batch: 1 it needs [0-9.]+ MiB: take a smaller model.*or a higher limit' \
    ./limited 60000 "${train[@]}" --out x "${wide[@]}"
  if [ -e x ]; then fail refusal-writes-nothing "$(ls x)"; else ok refusal-writes-nothing; fi
  expect no-room-for-checkpoints 1 'checkpoints could not be read back: no address space for a file of [0-9.]+ MiB: Cannot allocate memory; ulimit -v is' \
    ./limited "$(room "$half")" "${train[@]}" --out no-room "${wide[@]}"
  # What fits by the plan does run there, and the log says what was chosen.
  expect runs-where-it-fits 0 'step 1 of 1' ./limited "$(room $((half + 85)))" "${train[@]}" --out tight "${wide[@]}"
  if grep -q 'chosen to fit: recompute none, micro-batches of 1' tight/log.txt; then ok log-says-what-was-chosen
  else fail log-says-what-was-chosen "$(cat tight/log.txt)"; fi
  expect data-limit 1 'ulimit -d is 64.0 MiB' bash -c 'ulimit -d 65536 && exec "$@"' - "${train[@]}" --out x "${wide[@]}"
  expect generate-names-the-limit 1 'does not fit in memory.*ulimit -v is' ./limited 90000 "$STRAIT" generate tight --threads 1 --prompt a --max-tokens 200
else
  echo "skip memory-limits this build needs more address space than can be limited"
fi

# A plan is what a run takes; without huge pages less, by what the row "other" rounds up to.
cat >config.json <<'E2'
{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "hidden_act": "silu", "vocab_size": 12000, "hidden_size": 256,
 "intermediate_size": 768, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
 "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "rope_theta": 10000, "tie_word_embeddings": true}
E2
if [ "${STRAIT_SLOWDOWN:-1}" = 1 ]; then
  for kind in "f32 512" "bf16 512" "f32 64"; do
    read -r dtype length <<<"$kind"
    "$STRAIT" bench step --model config.json --length "$length" --dtype "$dtype" --steps 1 --json >bench.json 2>log
    planned=$(figure planned_bytes <bench.json) peak=$(figure peak_resident_bytes <bench.json)
    if awk -v p="$planned" -v m="$peak" 'BEGIN { exit !(p > 0 && m <= p && m >= p - 24 * 1048576) }'; then
      ok "plan-is-what-is-taken-$dtype-$length"
    else
      fail "plan-is-what-is-taken-$dtype-$length" "planned $planned, resident $peak at the most: $(tail -n 3 log)"
    fi
  done
  # At hidden 256, what is between the ops must not be worth naming.
  share=$("$STRAIT" bench step --model config.json --sequences 4 --length 64 --steps 1 --json 2>log | figure kernel_share)
  if awk -v s="$share" 'BEGIN { exit !(s >= 0.7 && s <= 1) }'; then ok in-kernels
  else fail in-kernels "a share of '$share' of the step is in kernels, wanted 0.7 at least"; fi
else
  echo "skip plan-is-what-is-taken a sanitizer takes memory and time of its own"
fi

# ---- processors and instruction sets ----

cores=$(nproc)
expect more-threads-than-processors 0 "^warning: threads is $((cores + 1)), but this process may use $cores processor" \
  "${train[@]}" --out many --set threads=$((cores + 1)) --set steps=1 --set schedule.warmup=0
expect all-processors-are-no-warning 0 '^few: step 1 of 1' bash -c '"$@" 2>&1 | grep -v warning' - "${train[@]}" --out few --set steps=1 --set schedule.warmup=0
if "${train[@]}" --out x --plan-only --set threads="$cores" 2>&1 | grep -q warning; then fail exact-count "a warning"; else ok exact-count; fi
first=$(sed -nE 's/^Cpus_allowed_list:\t([0-9]+).*/\1/p' /proc/self/status)
expect narrower-affinity 0 '^warning: threads is 2, but this process may use 1 processor \(' \
  taskset -c "$first" "${train[@]}" --out x --plan-only --set threads=2
same one-processor-one-thread 1 "$(taskset -c "$first" "$STRAIT" devices --json | figure compute_units)"
expect threads-beyond-the-most 2 'threads wants an integer >= 0 and <= 1024|threads' "${train[@]}" --out x --set threads=5000
expect bench-warns-too 0 "^warning: threads is $((cores + 1)), but" "$STRAIT" bench step --model config.json --length 8 --steps 1 --threads $((cores + 1))
expect unknown-instruction-set 2 'STRAIT_CPU asks for instruction set .foo., which is unknown; there is: generic' \
  env STRAIT_CPU=foo "${train[@]}" --out x
for isa in avx2 avx512 avx512bf16 amx neon; do
  env STRAIT_CPU=$isa "$STRAIT" devices >log 2>&1
  grep -q "^cpu.*asks for" log || continue
  expect "absent-$isa" "$([ -s log ] && grep -q unknown log && echo 2 || echo 1)" "STRAIT_CPU asks for .*$isa.*; there is: generic" env STRAIT_CPU=$isa "${train[@]}" --out x
done
if [ -e x ]; then fail leaves-no-run "$(ls x)"; else ok leaves-no-run; fi
exit "$failed"
