#!/bin/bash
# strait plan RUN --sites FILE: what is ranked, what is not and why, one placement in full, the files, and wrong input.
# usage: STRAIT=/path/to/strait STRAIT_SOURCE=/path/to/the/tree tests/cli/plan_place.sh
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder

cat >config.json <<'Y'
{"model_type": "qwen3", "vocab_size": 151936, "hidden_size": 5120, "intermediate_size": 25600, "num_hidden_layers": 64,
 "num_attention_heads": 64, "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": false,
 "max_position_embeddings": 32768}
Y
# Parties and chips that no rule names: nothing is found whenever this test runs.
party='{headquarters: no, parent: none, listed: no, source: contract}'
cat >sites.yaml <<Y
sites:
  - name: fjord
    country: no
    owner: $party
    tenant: $party
    transaction: rent
    us_persons: no
    military: no
    data: none
    currency: USD
    wan_gbps: 100
    chips:
      - {chip: mi300x, count: 128, per_node: 8, price_per_chip_hour: 2}
      - {chip: 4090, count: 2, price_per_chip_hour: 0.4}
  - name: fell
    country: no
    owner: $party
    tenant: $party
    transaction: rent
    us_persons: no
    military: no
    data: none
    currency: USD
    wan_gbps: 10
    chips:
      - {chip: h100-sxm, count: 1024, per_node: 8, price_per_chip_hour: 4}
Y
sites=("$STRAIT" plan config.json --tokens 2e11 --sites sites.yaml)
expect place_ranked 0 '1 +fjord/mi300xx[0-9]+ .* none' "${sites[@]}"
expect place_too_large 0 'fjord/rtx4090x2: does not fit: needs .* GiB a chip at least' "${sites[@]}"
expect place_gap 0 'gap: .* the first is [0-9.]+ % above' "${sites[@]}"
expect place_late 0 'too late: .* days, the deadline is 1.0' "${sites[@]}" --deadline 1
expect place_dear 0 'over budget: .* the budget is 10' "${sites[@]}" --budget 10
expect place_moved 0 'fjord/mi300xx[0-9]+ > fell/h100-sxmx[0-9]+' "${sites[@]}" --deadline 6
expect place_joined 0 'fell/h100-sxmx[0-9]+ [+] fjord/mi300xx|fjord/mi300xx[0-9]+ [+] fell/h100-sxmx' "${sites[@]}" --deadline 3.5
expect place_past 0 'historical' "${sites[@]}" --as-of 2026-01-01
expect place_past_ranks_nothing 0 '"ranked": 0' "${sites[@]}" --as-of 2026-01-01 --json
expect place_explained 0 'reckoning, line by line' "${sites[@]}" --explain 1
expect place_explained_by_name 0 'rules on these chips' "${sites[@]}" --explain fjord/rtx4090x2
expect place_explain_unknown 1 '--explain nowhere: no placement' "${sites[@]}" --explain nowhere
for how in "" "--json" "--explain 1" "--deadline 6 --explain 1"; do
  # shellcheck disable=SC2086
  same "place_advice_once ${how:-table}" "$("${sites[@]}" $how | grep -c 'Not legal advice')" 1
done
"${sites[@]}" --deadline 6 --csv out.csv --html out.html >/dev/null || fail place_files "no files"
same place_csv_advice "$(grep -c 'Not legal advice' out.csv)" 1
same place_csv_columns "$(head -n 1 out.csv | tr ',' '\n' | wc -l)" 16
same place_html_advice "$(grep -c 'Not legal advice' out.html)" 1
# One file: nothing is fetched and nothing runs.
same place_html_alone "$(grep -ciE '<script|<link|src=|url\(|@import' out.html)" 0
sed -i 's/name: fjord/name: "<b>\&fjord"/' sites.yaml
"${sites[@]}" --html out.html >/dev/null
same place_html_escaped "$(grep -c '<b>' out.html)" 0
expect place_html_says 0 '&lt;b&gt;&amp;fjord' cat out.html
expect place_unwritable 1 'nowhere/x.html: cannot be written' "${sites[@]}" --html nowhere/x.html
sed -i 's/name: .*fjord"/name: fjord/' sites.yaml
same place_same_bytes "$("${sites[@]}" --deadline 6 --json | sha256sum)" "$("${sites[@]}" --deadline 6 --json | sha256sum)"

wrong() { # NAME CODE PATTERN SED: with the sites file changed so
  sed "$4" sites.yaml >wrong.yaml
  expect "$1" "$2" "$3" "$STRAIT" plan config.json --tokens 2e11 --sites wrong.yaml
}
wrong place_negative 2 'wrong.yaml:11:.*wan_gbps' 's/wan_gbps: 100/wan_gbps: -1/'
wrong place_no_currency 2 'wrong.yaml:2: site fjord: currency: is missing' '/currency/d'
wrong place_no_transaction 2 'transaction is missing' '/transaction/d'
wrong place_contradiction 2 'wrong.yaml:13:.*per_node: count is no multiple' 's/per_node: 8/per_node: 7/'
wrong place_wrong_chip 1 'wrong.yaml:13:.*did you mean' 's/mi300x/mi300q/'
wrong place_wrong_country 1 'wrong.yaml:3:.*did you mean' 's/country: no/country: norwey/'
wrong place_power 0 'power feeds no chip' 's/wan_gbps: 10$/power_kw: 0.1/'
expect place_deadline 2 'deadline' "${sites[@]}" --deadline -3
expect place_budget 2 'budget' "${sites[@]}" --budget -3
expect place_tokens 2 'tokens' "$STRAIT" plan config.json --sites sites.yaml
expect place_config 2 'wants a run.yaml or config.json' "$STRAIT" plan --sites sites.yaml
expect place_no_file 1 'nowhere.yaml' "$STRAIT" plan config.json --tokens 1e9 --sites nowhere.yaml

# The examples, each as its README says.
for example in "$STRAIT_SOURCE"/examples/plan/*/; do
  name=$(basename "$example")
  expect "place_example_$name" 0 'Not legal advice' "$STRAIT" plan "$example/config.json" --sites "$example/sites.yaml" --tokens 1e12
done

# Times say nothing under a sanitizer.
[ -z "${STRAIT_SLOWDOWN:-}" ] || exit $failed
# 10 sites of 8 kinds, up to 16,384 chips each, in 2 seconds of processor time.
{
  echo "sites:"
  for i in 1 2 3 4 5 6 7 8 9 10; do
    printf -- '  - {name: s%d, country: no, transaction: rent, owner: %s, tenant: %s, us_persons: no, military: no, data: none,\n' \
      "$i" "$party" "$party"
    printf '     currency: USD, wan_gbps: %d, chips: [' $((10 * i))
    n=0
    for chip in h100-sxm h200 b200 h800-sxm mi300x a100-80gb h20 ascend-910c; do
      printf '{chip: %s, count: %d, per_node: 8, price_per_chip_hour: %d.%d}, ' $chip $((16384 >> n % 3)) $((2 + i % 3)) "$n"
      n=$((n + 1))
    done
    echo ']}'
  done
} >big.yaml
TIMEFORMAT=%U
for limit in "--deadline 30" "--budget 3e7"; do
  # shellcheck disable=SC2086
  seconds=$({ time "$STRAIT" plan config.json --tokens 1e13 --sites big.yaml $limit >/dev/null; } 2>&1)
  if awk -v s="$seconds" 'BEGIN { exit !(s < 2) }'; then
    echo "ok place_quick ($limit: $seconds s)"
  else
    fail "place_quick" "$limit took $seconds s of processor time"
  fi
done
exit $failed
