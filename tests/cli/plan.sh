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
expect nothing 2 '--facts is missing' "$STRAIT" plan
expect what 2 'not .look.' "$STRAIT" plan --facts look
expect no_key 2 'wants a KEY' "$STRAIT" plan --facts show

mkdir mine
echo 'key,name,designer,memory_gb,source,checked_on,confidence,basis' >mine/chips.csv
echo 'mychip,My Chip,Me,96,my sheet,2026-11-01,high,vendor' >>mine/chips.csv
expect own_table 0 'mychip +My Chip \[user\]' "$STRAIT" plan --facts list chips --facts-dir mine
echo 'other,Other,Me,80-96,my sheet,2026-11-01,high,vendor' >>mine/chips.csv
expect bad_row 1 "mine/chips.csv:3:16: memory_gb: '80-96' is no number" "$STRAIT" plan --facts list --facts-dir mine
expect no_folder 1 'nowhere' "$STRAIT" plan --facts list --facts-dir nowhere
exit $failed
