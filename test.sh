#!/bin/bash
# Installs what the tests need, builds, runs every test, and ends with "N passed, N failed, N skipped".
# usage: ./test.sh [-v] [STAGE...]        stages: see `all_stages` below; without one, all of them run
#   FUZZ_SECONDS=60   how long each fuzz target runs (default 8)
#   JOBS=2            parallel jobs (default: the number of processors)
# Each step's output is in build/test/NAME.log and is shown when the step fails. Exit status 0 only if nothing failed.
set -u
cd "$(dirname "$0")" || exit 1
. scripts/common.sh
. scripts/stages.sh

all_stages="layers format build unit check cli exact opencl double gpu-compile fault golden python install sanitize threads fuzz neon"
verbose=no
stages=()
for argument in "$@"; do
    case $argument in
    -v) verbose=yes ;;
    -h | --help)
        sed -n '2,6p' "$0" | cut -c3-
        echo "  stages: $all_stages"
        exit 0
        ;;
    *)
        case " $all_stages " in
        *" $argument "*) stages+=("$argument") ;;
        *) die "no stage is called '$argument' (there are: $all_stages)" ;;
        esac
        ;;
    esac
done
# shellcheck disable=SC2206
[ ${#stages[@]} = 0 ] && stages=($all_stages)

export LC_ALL=C.UTF-8
jobs=${JOBS:-$(cores)}
fuzz_seconds=${FUZZ_SECONDS:-8}
root=$PWD
logs=$root/build/test
mkdir -p "$logs"
passed=0 failed=0 skipped=0
failures=()
# What runs beside this shell does not hear the terminal's Ctrl-C.
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM

need_build_packages || die "the tests cannot be built without these packages"
need_packages "the unit tests, libFuzzer and the public headers in C++" libcmocka-dev g++ || die "the tests cannot be built without cmocka"

for stage in "${stages[@]}"; do
    begun=$SECONDS
    say "== $stage"
    "stage_$stage" </dev/null
    status=$?
    say "   $((SECONDS - begun)) s; so far $passed passed, $failed failed, $skipped skipped"
    # What an older build left behind would be tested instead.
    [ "$stage" = build ] && [ "$status" != 0 ] && break
done
for failure in "${failures[@]+"${failures[@]}"}"; do say "FAILED $failure"; done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
