#!/bin/bash
# kill -9 at random moments, and before calls that change files, of a run that checkpoints every step; then --resume:
# the parameters, the optimizer's states and every line of the metrics are those of a run that nobody disturbed.
# usage: STRAIT=/path/to/strait tests/fault/kill.sh [--all]     (--all: 200 moments, and before every such call)
# SEED=N repeats a failure as far as timing allows.
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
mode=${1:-}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
moments=12
[ "$mode" = --all ] && moments=200
in_temporary_folder
undisturbed

# Random moments: one, two or three kills before the run may end.
good=0 killed=0
for moment in $(seq "$moments"); do
  rm -rf run
  for kill in $(seq $((1 + moment % 3))); do
    wait_us=$(awk -v seed="$((seed + moment * 8 + kill))" -v d="$duration" 'BEGIN { srand(seed); printf "%d", rand() * d }')
    resume=--resume
    [ -d run ] || resume=
    # shellcheck disable=SC2086
    "$STRAIT" train run.yaml --out run $resume >killed.log 2>&1 &
    process=$!
    sleep "$(printf '%d.%06d' $((wait_us / 1000000)) $((wait_us % 1000000)))"
    kill -KILL $process 2>/dev/null
    wait $process 2>/dev/null
    [ $? = 137 ] && killed=$((killed + 1))
  done
  finish "killed-at-moment-$moment (SEED=$seed)" && good=$((good + 1))
done
# Some may have ended by themselves before their moment came; most must not.
if [ $((killed * 2)) -lt "$moments" ]; then fail "killed-at-$moments-random-moments" "only $killed processes were killed"
elif [ $good = "$moments" ]; then ok "killed-at-$moments-random-moments ($killed kills)"; fi

# Before calls that change files: all of them, or about fifteen spread over the run.
build_inject || exit $failed
rm -rf run
injected files COUNT="$PWD/count" -- "$STRAIT" train run.yaml --out run
read -r calls _ <count
if [ "${calls:-0}" -lt 50 ]; then
  fail injection "a run of 12 checkpoints changes files in ${calls:-no} calls"
  exit 1
fi
stride=1
[ "$mode" = --all ] || stride=$((calls / 15 + 1))
good=0 tried=0
for call in $({ seq 1 3 24; seq $((1 + seed % stride)) $stride "$calls"; } | sort -nu); do
  rm -rf run
  tried=$((tried + 1))
  injected files AT="$call" KILL=1 -- "$STRAIT" train run.yaml --out run
  code=$?
  name=killed-before-file-call-$call-of-$calls
  if [ $code != 137 ]; then fail "$name" "was not killed: exit status $code: $(tail -n 3 log)"
  elif finish "$name"; then good=$((good + 1)); fi
done
[ $tried -gt 0 ] && [ $good = $tried ] && ok "killed-before-$tried-of-$calls-file-calls"
exit "$failed"
