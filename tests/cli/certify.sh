#!/bin/bash
# strait certify: the levels on the CPU, what --verify notices, and wrong use. With --all also PoCL and the sample plug-in,
# and at which level each class of the saboteur is caught (docs/certify.md has the table).
# usage: STRAIT=/path/to/strait tests/cli/certify.sh [--all]
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
tests=$(cd "$(dirname "$0")/.." && pwd)
mode=${1:-}
in_temporary_folder
export XDG_CACHE_HOME=$folder/cache

expect low_levels 0 'A2 +numbers +passed' "$STRAIT" certify --device cpu --level A2 --quick --output low.json --seed 5
expect verify_low 0 'does not prove which chip ran' "$STRAIT" certify --verify low.json
expect seed_recorded 0 '"seed": 5' grep '"seed"' low.json
expect quick_recorded 0 '"quick": true' grep '"quick"' low.json
expect covered_recorded 0 memory_covered_bytes cat low.json

# changed NAME PATTERN SED: a certificate that was changed is refused, with the key
changed() {
  sed "$3" low.json >changed.json
  if cmp -s low.json changed.json; then fail "$1" "the certificate did not change: $3"; return; fi
  expect "$1" 1 "$2" "$STRAIT" certify --verify changed.json
}
changed other_verdict 'verdict: is A5, the figures make it A2' 's/"verdict": "A2"/"verdict": "A5"/'
changed newer_format 'format: 2 is newer than 1' 's/"format": 1/"format": 2/'
changed no_seed 'seed: must be' 's/"seed": 5/"seed": "five"/'
changed no_kind 'kind: must be' 's/strait certificate/certificate/'
changed unknown_rule "figures\[0\].rule: 'memory_cov' is no rule of level A0" 's/"memory_covered_bytes"/"memory_cov"/'
changed failing_figure 'figures\[[0-9]\]: relation, limit and holds of memory_wrong_words are not what' '/"memory_wrong_words"/{n;n;s/"value": 0.0/"value": 3.0/}'
changed failing_and_says_so 'levels\[0\].passed: is true, its figures say otherwise' \
  '/"memory_wrong_words"/{n;n;s/"value": 0.0/"value": 3.0/;n;n;n;s/"holds": true/"holds": false/}'
changed other_limit 'relation, limit and holds of copies_of_odd_sizes are not' '/"copies_of_odd_sizes"/,/limit/s/"limit": 200.0/"limit": 2.0/'
changed not_quick 'levels\[0\].passed: is true, its figures say otherwise: memory_covered_bytes is .* without --quick' 's/"quick": true/"quick": false/'
sed 's/second queue produces/first queue produces/' low.json >changed.json
expect one_queue_only 1 'of second queue produces was not measured' "$STRAIT" certify --verify changed.json
sed 's/"program_sha256": "..../"program_sha256": "0000/' low.json >changed.json
expect other_build 0 'another build of Strait wrote it' "$STRAIT" certify --verify changed.json
head -c 300 low.json >cut.json
expect cut 1 'cut.json' "$STRAIT" certify --verify cut.json
expect no_file 1 'nowhere.json' "$STRAIT" certify --verify nowhere.json
expect unknown_level 2 "there is no level 'A9'" "$STRAIT" certify --device cpu --level A9
expect unknown_device 2 'nochip' "$STRAIT" certify --device nochip --level A0
expect no_device 2 'device is missing' "$STRAIT" certify
expect unwritable 1 'nowhere/c.json' "$STRAIT" certify --device cpu --level A0 --quick --output nowhere/c.json
for seconds in -1 1e+10; do
  expect "timeout_of_$seconds" 2 "timeout: is ${seconds/+/.}, must be from 0" "$STRAIT" certify --device cpu --level A0 --timeout "$seconds"
done
expect both 2 'takes no --device' "$STRAIT" certify --device cpu --verify low.json

# Every level once, where nothing slows it down: the sanitizers have the op suite itself.
if [ "$mode" != --all ]; then
  [ -n "${STRAIT_SLOWDOWN:-}" ] ||
    expect all_levels 0 'A5 +model step +passed' "$STRAIT" certify --device cpu --quick --output cpu.json
  exit $failed
fi

# certified DEVICE: all levels, and the certificate read again
certified() {
  expect "$1" 0 'A5 +model step +passed' "$STRAIT" certify --device "$1" --quick --output "$1.json"
  expect "$1-verified" 0 'A5, of the chip' "$STRAIT" certify --verify "$1.json"
  # A hash in the certificate that is not the reference's.
  sed '0,/"reference": "/s/\("reference": "\)..../\10000/;0,/"hash": "/s/\("hash": "\)..../\10000/' "$1.json" >changed.json
  expect "$1-changed" 1 'stands there for|is false|say otherwise' "$STRAIT" certify --verify changed.json
}
certified cpu
if "$STRAIT" devices 2>&1 | grep -q '^opencl:0'; then certified opencl; else echo "skip opencl not installed"; fi
export STRAIT_PLUGIN_PATH=$folder/plugins STRAIT_SABOTEUR_PLUGIN=$folder/plugins/strait_mychip.so STRAIT_SABOTAGE=none
if ! make -C "$tests/../examples/plugin" OUT="$folder/plugins" INCLUDE=../../include >make.log 2>&1 ||
  ! cc -std=c11 -O1 -fPIC -shared -fvisibility=hidden -I"$tests/../include" "$tests"/fault/saboteur/*.c \
    -o plugins/strait_saboteur.so -ldl -pthread 2>cc.log; then
  echo "skip saboteur it cannot be built here"
  exit $failed
fi
certified mychip
# caught CLASS LEVEL [SEED]: the level that fails
caught() {
  STRAIT_SABOTAGE=$1 STRAIT_SABOTAGE_SEED=${3:-1} expect "caught-$1" 1 "^$2 .*FAILED" \
    "$STRAIT" certify --device saboteur --quick --seed 7
}
caught event A1
caught flush A2
caught unfused A2
caught round11 A2
caught round11by32 A3
caught tail A2
caught stale:200 A1
caught flip:20 A1
caught flip:1000 'A[1-4]'
caught lost:9000 A3
caught slow:2500 A1
# A queue that hangs is a lost chip, and the library's exit handlers are not run then.
begun=$SECONDS
STRAIT_SABOTAGE=slow:3600000 expect hangs 1 '^A0 .*FAILED.*did not finish its work within 3000 ms' \
  "$STRAIT" certify --device saboteur --quick --timeout 3
[ $((SECONDS - begun)) -lt 60 ] && ok hangs-not-long || fail hangs-not-long "$((SECONDS - begun)) s"
STRAIT_SABOTAGE=lost:100 STRAIT_SABOTAGE_AT_EXIT=1 expect lost-leaves-at-once 1 'FAILED' "$STRAIT" certify --device saboteur --level A1 --quick
caught memory:64 A1
exit $failed
