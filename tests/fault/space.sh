#!/bin/bash
# A full disk and folders that cannot be written: the message names the file and the cause, the exit status is 1, the
# last checkpoint is whole, and with room again --resume ends as if nothing had happened.
# usage: STRAIT=/path/to/strait tests/fault/space.sh [--all]     (--all: every call that changes files refused once)
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/../common.sh"
mode=${1:-}
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
in_temporary_folder
undisturbed
ran_out='^strait train: .*: No space left on device'

# A small file system of its own, where root may mount one.
mkdir disk
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=700k tmpfs disk 2>mount.log; then
  mkdir disk/run
  ln -s disk/run run
  "$STRAIT" train run.yaml --out run --resume --set checkpoint.keep=12 >log 2>&1
  if told full-tmpfs "$ran_out" $?; then
    mount -o remount,size=8m disk
    finish full-tmpfs && ok full-tmpfs
  fi
  umount disk
  rm -rf run
else
  echo "skip full-tmpfs a file system cannot be mounted here: $(head -n 1 mount.log 2>/dev/null)"
fi

# No file may grow beyond 50 KiB: the first checkpoint cannot be written.
(
  trap '' XFSZ
  ulimit -f 50
  exec "$STRAIT" train run.yaml --out run
) >log 2>&1
told file-size-limit '^strait train: .*safetensors.*: File too large' $? && finish file-size-limit && ok file-size-limit
rm -rf run

# Folders without permission. Root has every permission, so then another user tries.
user=()
if [ "$(id -u)" = 0 ]; then
  user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
  chmod 755 .
  chown -R 65534:65534 .
fi
if ! "${user[@]}" "$STRAIT" --version >log 2>&1; then
  echo "skip read-only an unprivileged user cannot run the program here: $(tail -n 1 log)"
else
  mkdir closed
  chmod 555 closed
  "${user[@]}" "$STRAIT" train run.yaml --out closed/run >log 2>&1
  told read-only-parent '^strait train: .*closed/run: .*Permission denied' $? && ok read-only-parent
  "${user[@]}" "$STRAIT" train run.yaml --out run --set steps=5 >log 2>&1
  chmod 555 run/checkpoints
  "${user[@]}" "$STRAIT" train run.yaml --out run --resume >log 2>&1
  told read-only-checkpoints '^strait train: .*checkpoints.*: Permission denied' $? && ok read-only-checkpoints
  chmod 755 run/checkpoints
  chmod 444 run/metrics.jsonl
  "${user[@]}" "$STRAIT" train run.yaml --out run --resume >log 2>&1
  told read-only-metrics '^strait train: .*metrics.jsonl: .*Permission denied' $? && ok read-only-metrics
  chmod 644 run/metrics.jsonl
  rm -rf run
fi

# From some call on every change of a file is refused; and each call refused once.
build_inject || exit $failed
injected files COUNT="$PWD/count" -- "$STRAIT" train run.yaml --out run
[ -f count ] && read -r calls live <count
if [ "${calls:-0}" -lt 50 ]; then
  fail injection "a run of 12 checkpoints changes files in ${calls:-no} calls"
  exit 1
fi
# felt NAME REFUSED TRIED: most refusals must have been felt, or nothing was refused
felt() {
  [ $(($2 * 2)) -lt "$3" ] && fail "$1" "only $2 of $3 runs failed"
}
stride=1
[ "$mode" = --all ] || stride=$((calls / 8 + 1))
good=0 tried=0 refused=0
for call in $({ seq 1 7 30; seq $((1 + seed % stride)) $stride "$calls"; } | sort -nu); do
  rm -rf run
  tried=$((tried + 1))
  name=full-from-file-call-$call-of-$calls
  injected files AT="$call" ALL=1 COUNT="$PWD/count" -- "$STRAIT" train run.yaml --out run
  code=$?
  [ $code = 1 ] && refused=$((refused + 1))
  read -r _ left <count
  # What a run does after its last checkpoint is not worth failing for.
  if [ $code = 0 ] && [ "$(states run)" = "$wanted" ]; then good=$((good + 1))
  elif told "$name" 'No space left on device' $code && finish "$name"; then
    if [ "$left" -gt "$live" ]; then fail "$name" "$((left - live)) blocks were not given back"; else good=$((good + 1)); fi
  fi
done
felt full-from-some-call $refused $tried
[ $good = $tried ] && ok "full-from-$tried-of-$calls-file-calls"
good=0 tried=0 refused=0
for call in $({ seq 3 7 30; seq $((2 + seed % stride)) $stride "$calls"; } | sort -nu); do
  rm -rf run
  tried=$((tried + 1))
  name=refused-file-call-$call-of-$calls
  injected files AT="$call" COUNT="$PWD/count" ERRNO=5 -- "$STRAIT" train run.yaml --out run
  code=$?
  [ $code = 1 ] && refused=$((refused + 1))
  read -r _ left <count
  if [ $code = 0 ] && [ "$(states run)" = "$wanted" ]; then good=$((good + 1))
  elif told "$name" 'Input/output error' $code && finish "$name"; then
    if [ "$left" -gt "$live" ]; then fail "$name" "$((left - live)) blocks were not given back"; else good=$((good + 1)); fi
  fi
done
felt refused-once $refused $tried
[ $good = $tried ] && ok "refused-once-$tried-of-$calls-file-calls"
exit "$failed"
