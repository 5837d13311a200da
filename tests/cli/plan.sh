#!/bin/bash
# strait plan: the facts, a user's own beside them, and wrong use.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
in_temporary_folder

expect tables 0 '^chips +[0-9]+ rows' "$STRAIT" plan --facts list
expect rows 0 '^h100-sxm +NVIDIA H100' "$STRAIT" plan --facts list chips
expect rows_json 0 '"key": "h100-sxm"' "$STRAIT" plan --facts list chips --json
expect old_prices 0 'rent-h100-median .*\[verify\]' "$STRAIT" plan --facts list prices --as-of 2026-11-23
expect row 0 'total_processing_performance 2368' "$STRAIT" plan --facts show h20
expect lower_bound 0 'at least 12032' "$STRAIT" plan --facts show 910C
expect alias 0 '"key": "zhenwu-810e"' "$STRAIT" plan --facts show ppu --json
expect memory 0 'fp16_tflops +unknown \(345, from memory' "$STRAIT" plan --facts show p800
expect accepted 0 'fp16_tflops +345 \(memory\)' "$STRAIT" plan --facts show p800 --accept kunlun-p800.fp16_tflops
expect accepted_nothing 2 "no fact is called 'p900'" "$STRAIT" plan --facts show p800 --accept p900
expect unknown_table 1 "did you mean 'rules'" "$STRAIT" plan --facts list rulez
expect unknown_key 1 "did you mean 'h800-sxm'" "$STRAIT" plan --facts show h800-sxn
expect bad_day 2 "'tomorrow' is no day" "$STRAIT" plan --facts list --as-of tomorrow
expect nothing 2 'name a run.yaml' "$STRAIT" plan
expect what 2 'not .look.' "$STRAIT" plan --facts look
expect no_key 2 'wants a KEY' "$STRAIT" plan --facts show

mkdir mine
echo 'key,name,designer,memory_gb,source,checked_on,confidence,basis' >mine/chips.csv
echo 'mychip,My Chip,Me,96,my sheet,2026-11-01,high,vendor' >>mine/chips.csv
expect own_table 0 'mychip +My Chip \[user\]' "$STRAIT" plan --facts list chips --facts-dir mine
echo 'other,Other,Me,80-96,my sheet,2026-11-01,high,vendor' >>mine/chips.csv
expect bad_row 1 "mine/chips.csv:3:16: memory_gb: '80-96' is no number" "$STRAIT" plan --facts list --facts-dir mine
expect no_folder 1 'nowhere' "$STRAIT" plan --facts list --facts-dir nowhere

# ---- rules
h20=(plan --rules --chip h20 --transaction buy --from us --to cn --owner cn --set owner.parent=none --set owner.listed=no
  --set owner.listed_share_percent=0 --tenant none --set state_funded=no)
expect before_the_letter 0 '^verdict: no restriction found: [0-9]+ rules checked, as of 2025-04-08' "$STRAIT" "${h20[@]}" --as-of 2025-04-08
expect historical 0 '^historical: ' "$STRAIT" "${h20[@]}" --as-of 2025-04-08
expect after_the_letter 0 '^verdict: licence needed \(licence: review policy not stated\)' "$STRAIT" "${h20[@]}" --as-of 2025-04-10
expect until 0 '^verdict: licence needed' "$STRAIT" "${h20[@]}" --as-of 2025-04-01 --until 2025-04-20
expect rules_json 0 '"rule": "us-2025-04-h20".*"kind": "letter"' "$STRAIT" "${h20[@]}" --as-of 2025-04-10 --json
expect named_authority 0 'us-2025-04-h20: licence needed \(BIS; review policy not stated\)' "$STRAIT" "${h20[@]}" --as-of 2025-04-10
expect press_is_no_law 0 'press report, not law' "$STRAIT" "${h20[@]}" --as-of 2025-11-05
expect checklist 0 '\[ \] no end-user statement' "$STRAIT" plan --rules --chip h200 --transaction buy --from us --to sg --owner sg --as-of 2026-12-01
expect missing_facts 0 "not known: where the owner's ultimate parent" "$STRAIT" plan --rules --chip h200 --transaction buy --from us --to jp --owner jp --as-of 2026-12-01
for form in '' --json; do
  # shellcheck disable=SC2086
  same "once$form" "$("$STRAIT" "${h20[@]}" --as-of 2025-11-05 $form | grep -c 'Not legal advice')" 1
done
"$STRAIT" "${h20[@]}" --as-of 2025-11-05 --json >verdict.json
command -v python3 >/dev/null && expect json_is_json 0 reported python3 -c 'import json; print(json.load(open("verdict.json"))["verdict"])'
expect beside 0 'the facts on Huawei: headquarters cn, parent huawei, listed yes' "$STRAIT" plan --rules --chip h100 --transaction buy --from us --to jp --owner huawei --set owner.listed=no
cat >act.yaml <<'END'
transaction: rent
chip: H200
to: Singapore
first_day: 2026-12-01
last_day: 2027-03-01
owner: {name: Example Cloud, headquarters: sg, parent: none, listed: no, source: their register}
tenant: {headquarters: cn, parent: none, listed: no, source: our own}
military: no
us_persons: no
END
expect scenario 0 '^verdict: duties' "$STRAIT" plan --rules --scenario act.yaml
expect bill_is_pending 0 'us-bill-remote: pending, no law' "$STRAIT" plan --rules --scenario act.yaml
expect verify 0 '^verify: ' "$STRAIT" plan --rules --scenario act.yaml
sed -i 's/H200/H2o0/' act.yaml
expect scenario_chip 1 "act.yaml:2:7: chip: no chip is called 'H2o0'; did you mean" "$STRAIT" plan --rules --scenario act.yaml
expect scenario_key 2 "'owner.parnt' is no key; did you mean 'owner.parent'" "$STRAIT" plan --rules --chip h20 --transaction use --to cn --set owner.parnt=cn
expect country 1 "no country is called 'Atlantis'" "$STRAIT" plan --rules --chip h20 --transaction use --to Atlantis
expect no_transaction 2 'transaction is missing' "$STRAIT" plan --rules --chip h20 --to cn
expect days_in_order 2 'last_day is before first_day' "$STRAIT" plan --rules --chip h20 --transaction use --to cn --as-of 2026-12-01 --until 2026-11-01
cat >sites.yaml <<'END'
sites:
  - {name: a, country: sg, owner: none, tenant: none, transaction: use, us_persons: no, chips: [{chip: h200, count: 8}, {chip: 910C, count: 8}]}
END
expect sites 0 '^== a, 8 x Huawei Ascend 910C' "$STRAIT" plan --rules --sites sites.yaml
same sites_once "$("$STRAIT" plan --rules --sites sites.yaml | grep -c 'Not legal advice')" 1
expect sites_json 0 '"site": "a", "chip": "h200"' "$STRAIT" plan --rules --sites sites.yaml --json
sed -i 's/count: 8}]/count: 0}]/' sites.yaml
expect sites_line 2 "sites.yaml:2:[0-9]+: count: '0' is impossible" "$STRAIT" plan --rules --sites sites.yaml
expect both_modes 2 'not both' "$STRAIT" plan --rules --facts list
expect no_scenario 1 'nowhere.yaml' "$STRAIT" plan --rules --scenario nowhere.yaml
echo 'key,name,jurisdiction,authority,kind,in_force_from,enforced,binds,transactions,chip_test,consequence,source,checked_on,confidence,basis' >mine/rules.csv
rm mine/chips.csv
echo 'user-ours,Our policy,us,Us,regulation,2020,yes,us,buy,tps > 3,prohibited,us,2026-11-01,high,official' >>mine/rules.csv
expect own_rule_wrong 1 "mine/rules.csv:2:[0-9]+: chip_test: character 1: no field is called 'tps'; did you mean 'tpp'" "$STRAIT" "${h20[@]}" --facts-dir mine
sed -i 's/tps/tpp/' mine/rules.csv
# No chip of the facts surely lies in 3A090.b: one of the user's does, 200 x 16 over 1,000 mm2.
mkdir b && cat >b/chips.csv <<'END'
key,name,designer,designer_hq,us_origin,datacenter,fp16_tflops,rates_complete,die_area_mm2,source,checked_on,confidence,basis
half,Half a chip,Me,us,yes,yes,200,yes,1000,mine,2026-11-01,high,vendor
END
b=("$STRAIT" plan --rules --facts-dir b --chip half --transaction buy --from us --to jp --set owner.parent=none --set owner.listed=no
  --set owner.listed_share_percent=0 --set tenant=none --set us_persons=no --set military=no --as-of 2026-12-01)
expect headquarters_b 0 '^verdict: licence needed' "${b[@]}" --owner cn
expect headquarters_b_names 0 'us-hq-rule-b: licence' "${b[@]}" --owner cn
expect headquarters_b_elsewhere 0 '^verdict: no restriction found' "${b[@]}" --owner jp
expect own_rule 0 "^verdict: prohibited by a rule of the user's" "$STRAIT" "${h20[@]}" --facts-dir mine --as-of 2025-04-08
exit $failed
