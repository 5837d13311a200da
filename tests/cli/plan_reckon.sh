#!/bin/bash
# strait plan CONFIG and --calibrate: one device to the byte, estimates, unknowns, prices, and wrong input.
# usage: STRAIT=/path/to/strait tests/cli/plan_reckon.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
tables=$(cd "$(dirname "$0")/../../tools" && pwd)/plan_tables
in_temporary_folder

cat >run.yaml <<'Y'
model:
  init: {model_type: qwen3, vocab_size: 8192, hidden_size: 256, intermediate_size: 768, num_hidden_layers: 6,
       num_attention_heads: 4, num_key_value_heads: 2, head_dim: 64, tie_word_embeddings: true, max_position_embeddings: 32768}
data: {train: no/such/data, sequence_length: 64}
batch: {sequences: 2}
optimizer: {lr: 1e-3}
tokens: 1e8
run: no/such/run
Y
cat >32b.json <<'J'
{"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 5120, "intermediate_size": 25600, "num_hidden_layers": 64,
 "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": false}
J

# One value of the JSON on stdin: value memory.total
value() { python3 -c 'import json,sys
v = json.load(sys.stdin)
for k in sys.argv[1].split("."): v = v[k]
print(json.dumps(v))' "$1"; }
plan=("$STRAIT" plan --as-of 2026-11-23)

# Ours: the bytes of the plan, of the benchmark's plan and, within 5 %, of the system.
bytes() {
  local dtype=$1 recompute=$2 length=$3 sequences=$4 planned got peak
  "$STRAIT" bench step --json --steps 1 --threads 1 --dtype "$dtype" --recompute "$recompute" --length "$length" --sequences "$sequences" \
      --micro-batch 1 >bench.json 2>/dev/null || { fail "bytes-$dtype-$recompute-$length" bench; return; }
  planned=$(value planned_bytes <bench.json)
  peak=$(value peak_resident_bytes <bench.json)
  got=$("${plan[@]}" run.yaml --chip cpu --json --set dtype="$dtype" --set memory.recompute="$recompute" --set batch.micro_batch=1 \
      --set data.sequence_length="$length" --set batch.sequences="$sequences" --set threads=1 | value memory.total)
  check "bytes-$dtype-$recompute-$length" [ "$got" = "$planned" ]
  within "measured-$dtype-$recompute-$length" "$got" "$peak"
}
# check NAME COMMAND...: ends with 0
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then ok "$name"; else fail "$name" "$* $output"; fi
}

# within NAME PLANNED TAKEN: 5 % either way. Without huge pages less is taken than the plan rounds up to, and a sanitizer
# takes more.
within() {
  if [ -n "${STRAIT_SLOWDOWN:-}" ] || grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null; then
    echo "skip $1 a sanitizer, or no huge pages"
  else
    check "$1" awk -v p="$2" -v t="$3" 'BEGIN { print p, "planned,", t, "taken"; exit !(t <= p * 1.05 && t >= p * 0.95) }'
  fi
}

bytes bf16 light 128 2
bytes f32 none 64 2

# A whole run with tokenizer, files and checkpoints: its own memory, looked at every 2 ms. Pages of files are not its own.
trains() {
  local planned taken
  planned=$("${plan[@]}" train.yaml --chip cpu --json "${@:2}" | value memory.total)
  taken=$(python3 - "$STRAIT" train train.yaml --out "run-$1" "${@:2}" <<'P'
import subprocess, sys, time
most = 0
run = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while run.poll() is None:
    with open(f"/proc/{run.pid}/status", encoding="ascii") as file:
        most = max([most] + [1024 * int(line.split()[1]) for line in file if line.startswith("RssAnon")])
    time.sleep(0.002)
print(most if run.returncode == 0 else -1)
P
)
  within "trained-$1" "$planned" "$taken"
}
make_data
make_config train.yaml
large=(--set model.init.hidden_size=512 --set model.init.intermediate_size=1536 --set model.init.num_hidden_layers=6 --set steps=2
  --set schedule.warmup=0 --set evaluate.every=0)
trains f32 "${large[@]}"
trains bf16 "${large[@]}" --set dtype=bf16 --set memory.recompute=full --set data.sequence_length=128

expect own-device 0 'what .strait train --plan-only. prints' "${plan[@]}" run.yaml --chip cpu
expect own-on-chip 0 "workspace as on this machine's CPU" "${plan[@]}" run.yaml --chip h100
expect fits 0 "chosen: the smallest that fits" "${plan[@]}" 32b.json --chip h200 --count 64 --tokens 1e11
expect unfit 0 "DOES NOT FIT" "${plan[@]}" 32b.json --chip a100-40gb --count 1 --split micro=1 --sequences 1
expect uncalibrated 0 "UNCALIBRATED" "${plan[@]}" 32b.json --chip h200 --count 64
expect per-billion 0 "how many the run takes is not said" "${plan[@]}" 32b.json --chip h100 --count 64
expect unknown-rate 0 "no dense 16-bit rate" "${plan[@]}" 32b.json --chip kunlun-p800 --count 64
expect unknown-cost 0 "unknown: the time is unknown" "${plan[@]}" 32b.json --chip kunlun-p800 --count 64
expect accepted 0 "UNCALIBRATED" "${plan[@]}" 32b.json --chip kunlun-p800 --count 64 --accept kunlun-p800.fp16_tflops
expect no-price 0 "unknown: no rent is known" "${plan[@]}" 32b.json --chip kunlun-p800 --count 64 --accept kunlun-p800.fp16_tflops
expect own-price 0 'of 0 offers \(yours\)' "${plan[@]}" 32b.json --chip kunlun-p800 --count 64 --accept kunlun-p800.fp16_tflops --price 9 --assume currency=CNY
expect bought 0 "energy: [0-9.]+ USD of it" "${plan[@]}" 32b.json --chip h800 --count 64 --how buy
expect bought_unknown 0 "cost +unknown: " "${plan[@]}" 32b.json --chip kunlun-p800 --count 64 --how buy
expect energy 0 "energy: " "${plan[@]}" 32b.json --chip h800 --count 64 --how buy --assume energy=0.6 --assume currency=CNY
expect verify 0 "VERIFY" "${plan[@]}" 32b.json --chip h100 --count 64
expect failures 0 "an interruption every" "${plan[@]}" 32b.json --chip h100 --count 64
expect explain 0 "causal-exact" "${plan[@]}" 32b.json --chip h100 --count 64 --explain
expect sources 0 "price: rent-h100-median" "${plan[@]}" 32b.json --chip h100 --count 64 --explain
expect split 0 "tp=8,pp=2,dp=4" "${plan[@]}" 32b.json --chip h100 --count 64 --split tp=8,pp=2,sharding=1
expect calibrate 0 "End-to-end: 30 rows of 14 sources" "$STRAIT" plan --calibrate
footprint="$(dirname "$STRAIT")/test_plan_footprint"
[ -x "$footprint" ] && check page "$tables" "$STRAIT" "$footprint"
expect measured-after 0 "With the publisher's own speed" "$STRAIT" plan --calibrate

# Measured steps stand in for published runs; here those of the last benchmark above, of the same shape.
expect measured 0 "basis: measured steps" "${plan[@]}" run.yaml --chip cpu --measured bench.json
hours=$("${plan[@]}" run.yaml --chip cpu --measured bench.json --json | value time.chip_hours.mid)
rate=$(value tokens_per_second <bench.json)
check measured-hours python3 -c "import sys; sys.exit(abs($hours / (1e8 / $rate / 3600 * 1.04) - 1) > 0.01)"

# Experts whose auxiliary loss is of a whole step: the pass that counts is said, and its time:
# attention, a forward pass and 2.5 of them backward, once more forward.
sed 's/model_type: qwen3,/model_type: qwen3_moe, num_experts: 4, num_experts_per_tok: 2, moe_intermediate_size: 256,/' run.yaml >moe.yaml
moe=("${plan[@]}" moe.yaml --chip h100 --set batch.micro_batch=1 --set moe.aux_coefficient=0.01)
expect counted 0 "counts choices of experts comes first" "${moe[@]}" --set moe.aux_scope=step
expect not-counted 0 '"counted": false' "${moe[@]}" --set moe.aux_scope=sequence --json
once=$("${moe[@]}" --set moe.aux_scope=sequence --json | value time.chip_seconds_per_token.attention)
twice=$("${moe[@]}" --set moe.aux_scope=step --json | value time.chip_seconds_per_token.attention)
check counted-time awk -v a="$once" -v b="$twice" 'BEGIN { print a, b; r = b / a * 3.5 / 4.5; exit !(r > 0.999 && r < 1.001) }'

# What the reader of a report leans on: more chips are not slower by the wall, low <= mid <= high.
check ordered python3 -c "
import json, subprocess
days = 1e99
for n in (64, 128, 256, 512):
  d = json.loads(subprocess.check_output(['$STRAIT', 'plan', '32b.json', '--chip', 'h100', '--count', str(n), '--tokens', '1e12', '--json']))
  t = d['time']['days']
  assert t['low'] <= t['mid'] <= t['high'] and t['mid'] < days, (n, t)
  c = d['cost']['total']
  assert c['low'] <= c['mid'] <= c['high'], c
  assert abs(sum(d['memory']['tags'].values()) - d['memory']['total']) < 10
  days = t['mid']
"

expect no-chip 2 "--chip is missing" "${plan[@]}" 32b.json
expect wrong-chip 1 "did you mean" "${plan[@]}" 32b.json --chip h10
expect no-config 2 "name a run.yaml" "${plan[@]}"
expect no-file 1 "nothere.json" "${plan[@]}" nothere.json --chip h100
echo '{"model_type": "gpt9"}' >bad.json
expect wrong-model 1 "gpt9" "${plan[@]}" bad.json --chip h100
echo '{' >bad.json
expect torn 1 "bad.json" "${plan[@]}" bad.json --chip h100
expect wrong-split 2 "num_attention_heads" "${plan[@]}" 32b.json --chip h100 --count 96 --split tp=96
expect wrong-key 2 "is no key" "${plan[@]}" 32b.json --chip h100 --split tq=8
expect wrong-count 2 "--count" "${plan[@]}" 32b.json --chip h100 --count -4
expect wrong-how 2 "rent, spot or buy" "${plan[@]}" 32b.json --chip h100 --count 64 --how steal
expect wrong-currency 2 "no exchange rate" "${plan[@]}" 32b.json --chip h100 --count 64 --price 2 --assume currency=XAU
expect wrong-idle 2 "idle: a share" "${plan[@]}" 32b.json --chip h100 --count 64 --assume idle=1
expect wrong-assumption 2 "with reserve, node" "${plan[@]}" 32b.json --chip h100 --count 64 --assume luck=1
expect wrong-number 2 "must be a number" "${plan[@]}" 32b.json --chip h100 --count 64 --assume reserve=much
expect wrong-date 2 "--as-of" "$STRAIT" plan 32b.json --chip h100 --as-of yesterday
expect wrong-measured 1 "tokens_per_second" "${plan[@]}" 32b.json --chip h100 --count 64 --measured 32b.json
expect odd-count 2 "no split of" "${plan[@]}" 32b.json --chip h100 --count 7 --sequences 64
expect device-count 2 "for one" "${plan[@]}" run.yaml --chip cpu --count 2
expect set-without-run 2 "--set belongs" "${plan[@]}" 32b.json --chip h100 --set optimizer.lr=1
expect auto-vocab 2 "vocab_size" "${plan[@]}" run.yaml --chip h100 --set model.init.vocab_size=auto
exit $failed
