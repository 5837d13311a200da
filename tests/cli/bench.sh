#!/bin/bash
# strait bench: what is printed, that figures are possible ones, and wrong use. No figure is fixed.
# usage: STRAIT=/path/to/strait tests/cli/bench.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder

# A model small enough for every machine; its head is 64 x 512.
cat >config.json <<'EOF'
{"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "vocab_size": 512, "hidden_size": 64,
 "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32,
 "tie_word_embeddings": true, "max_position_embeddings": 128, "rms_norm_eps": 1e-6, "rope_theta": 1e4,
 "hidden_act": "silu"}
EOF
model=(--model config.json)

# number FILE KEY: the first number of that name in a file of JSON
number() { grep -oE "\"$2\": *[-0-9.e+]+" "$1" | head -n 1 | sed 's/.*: *//'; }

# holds NAME CONDITION: of awk
holds() { if awk "BEGIN { exit !($2) }"; then ok "$1"; else fail "$1" "$2"; fi; }

# rates NAME FILE: what is measured of the machine, and how the parts of it relate
rates() {
  local counts
  counts=$(grep -oE '"(bytes|read_bytes_per_second|copy_bytes_per_second)": *[-0-9.e+]+' "$2" | sed 's/.*: *//' |
    awk '{ if ($1 <= 0) bad = 1 } END { print NR, bad + 0 }')
  same "$1_levels" '21 0' "$counts"
  holds "$1_arithmetic" "$(number "$2" registers_flops_per_second) > 0"
}

"$STRAIT" bench ops "${model[@]}" --length 32 --json >ops.json 2>ops.log || fail ops "$(cat ops.log)"
rates ops ops.json
holds product_below_registers "$(number ops.json matmul_flops_per_second) < 1.5 * $(number ops.json registers_flops_per_second)"
for op in linear linear_dx linear_dw attention attention_bwd linear_xent rmsnorm swiglu adamw grad_norm; do
  if grep -q "\"op\": \"$op\"" ops.json; then ok "row_of_$op"; else fail "row_of_$op" "$(head -c 300 ops.json)"; fi
done
same bounds_have_names 0 "$(grep '"op"' ops.json | grep -cvE '"bound": "(arithmetic|cache|memory)", "bound_share": [0-9]')"
# All of these ops lie in a cache: a share of memory's rate would be far above 1.
same small_sets_are_not_bound_by_memory 0 "$(grep -c '"bound": "memory"' ops.json)"
holds shares_add_up "$(grep -oE '"share": [0-9.]+' ops.json | awk '{ s += $2 } END { print s }') > 0.99"
expect ops_as_text 0 'registers [0-9.]+ GFLOP/s; memory: read [0-9.]+, copy [0-9.]+ GB/s' "$STRAIT" bench ops "${model[@]}" --length 32

"$STRAIT" bench generate "${model[@]}" --prompt 40 --tokens 8 --dtype bf16 --json >generate.json 2>generate.log ||
  fail generate "$(cat generate.log)"
rates generate generate.json
# 2 layers of 64 x (64 + 32 + 32 + 64 + 3 x 128) weights and the head, two bytes each.
same weights_of_a_token 212992 "$(number generate.json weight_bytes)"
holds tokens_take_time "$(number generate.json token_seconds_min) > 0 && $(number generate.json token_seconds) <= $(number generate.json token_seconds_max)"
holds share_of_reading "$(number generate.json read_share) > 0 && $(number generate.json read_share) < 2"
holds prompt_share "$(number generate.json prompt_share) > 0 && $(number generate.json prompt_share) < 2"
expect ops_of_muon 0 '^muon_mix ' "$STRAIT" bench ops "${model[@]}" --length 32 --optimizer muon
expect unknown_optimizer 2 'optimizer "sgd": adamw and muon are possible' "$STRAIT" bench step --optimizer sgd
expect generate_as_text 0 'weights: .* a token, .* of the .* GB/s' "$STRAIT" bench generate "${model[@]}" --prompt 40 --tokens 8

expect too_long 2 '--prompt 100 and --tokens 64 are more than the 126 that fit' "$STRAIT" bench generate "${model[@]}" --prompt 100
expect prompt_negative 2 '--prompt 1 or more' "$STRAIT" bench generate "${model[@]}" --prompt -1
expect tokens_many 2 '--tokens must be 1 to 4096' "$STRAIT" bench generate "${model[@]}" --tokens 5000
expect unknown_kind 2 'speed: ops, step or generate' "$STRAIT" bench speed
expect unknown_model 2 'model "huge": tiny, small, qwen3-0.6b, or the path' "$STRAIT" bench step --model huge
exit "$failed"
