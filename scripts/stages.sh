# shellcheck shell=bash
# The stages of test.sh, one function each. Uses its variables: root, logs, jobs, fuzz_seconds, verbose, and the counters.

# step NAME FORMAT SECONDS COMMAND...: runs a command with a time limit, its output into a log, and counts its tests.
# FORMAT: tap (cmocka), lines ("ok NAME", "FAIL NAME why", "skip NAME why"), one (the exit status is the test).
step() {
    local name=$1 format=$2 limit=$3 status log counts begun=$SECONDS
    shift 3
    log=$logs/$name.log
    mkdir -p "$(dirname "$log")"
    timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
    status=$?
    count_log "$name" "$format" "$status" "$limit" "$log" "$((SECONDS - begun))"
}

# later NAME FORMAT SECONDS COMMAND...: a step that runs beside others, at_once of them at a time ($jobs where that is not
# set). `together` waits for all that were begun, and counts them in the order of their beginning.
later() {
    local name=$1 limit=$3
    mkdir -p "$(dirname "$logs/$name.log")"
    rm -f "$logs/$name.status"
    while [ "$(jobs -rp | wc -l)" -ge "${at_once:-$jobs}" ]; do wait -n; done
    begun_steps+=("$name $2 $limit")
    shift 3
    (
        begun=$SECONDS
        trap 'kill "$child"; exit 143' TERM
        timeout -k 10 "$limit" "$@" >"$logs/$name.log" 2>&1 </dev/null &
        child=$!
        wait "$child"
        echo "$? $((SECONDS - begun))" >"$logs/$name.status"
    ) &
}
begun_steps=()

together() {
    local begun name format limit status seconds
    wait
    for begun in "${begun_steps[@]+"${begun_steps[@]}"}"; do
        read -r name format limit <<<"$begun"
        read -r status seconds <"$logs/$name.status" || status=1 seconds=0
        count_log "$name" "$format" "$status" "$limit" "$logs/$name.log" "$seconds"
    done
    begun_steps=()
}

# in_folder COMMAND...: the command in an empty folder, removed afterwards. Exported, for `bash -c 'in_folder "$@"' -`.
in_folder() {
    local work
    work=$(mktemp -d "${TMPDIR:-/tmp}/strait-test.XXXXXX") && cd "$work" || return 1
    # shellcheck disable=SC2064
    trap "chmod -R u+rwX '$work' 2>/dev/null; rm -rf '$work'" EXIT
    "$@"
}
export -f in_folder

# Adds a finished step's tests to the counters; shows the log where something failed.
count_log() {
    local name=$1 format=$2 status=$3 limit=$4 log=$5 seconds=$6 ok=0 bad=0 skip=0
    case $format in
    tap) read -r ok bad skip < <(awk '
        /^(not )?ok [0-9]+ # SKIP/ { skip++; next } # cmocka calls what it skips "not ok"
        /^ok [0-9]+/ { ok++ }
        /^not ok [0-9]+/ { bad++ }
        END { print ok + 0, bad + 0, skip + 0 }' "$log") ;;
    lines) read -r ok bad skip < <(awk '
        /^ok( |$)/ { ok++ }
        /^FAIL( |$)/ { bad++ }
        /^[Ss][Kk][Ii][Pp]( |$)/ { skip++ }
        /^[0-9]+ passed, [0-9]+ failed/ { p = $1; f = $3; s = $5; summary = 1 }
        END { if (ok + bad + skip == 0 && summary) { ok = p; bad = f; skip = s }
              print ok + 0, bad + 0, skip + 0 }' "$log") ;;
    one) if [ "$status" = 0 ]; then ok=1; fi ;;
    esac
    local why=
    if [ "$status" = 124 ] || [ "$status" = 137 ]; then
        why="stopped after $limit s"
    elif [ "$status" != 0 ]; then
        why="exit status $status"
    elif [ "$bad" != 0 ]; then
        why="tests failed, yet exit status 0"
    elif [ $((ok + skip)) = 0 ]; then
        why="ran no test"
    fi
    # A program that died, or says it failed without a failed test, is a failure of its own.
    [ -n "$why" ] && [ "$bad" = 0 ] && bad=1
    passed=$((passed + ok)) failed=$((failed + bad)) skipped=$((skipped + skip))
    [ "$skip" != 0 ] && grep -iE '^(skip|ok [0-9]+ # SKIP)' "$log" | sed 's/^/   /' >&2
    if [ "$bad" != 0 ]; then
        failures+=("$name: $why (build/test/$name.log)")
        say "   FAIL $name: $why"
        # The failures first, where the end of the log would not show them.
        [ "$(wc -l <"$log")" -gt 40 ] && grep -E '^(FAIL|not ok)' "$log" | head -n 20 | sed 's/^/   | /' >&2
        tail -n 40 "$log" | sed 's/^/   | /' >&2
        return 1
    fi
    [ "$verbose" = yes ] && say "   ok $name: $ok tests, $seconds s"
    return 0
}

skip_step() {
    skipped=$((skipped + 1))
    say "   skip $1: $2"
}

# build_tree NAME DIRECTORY CMAKE-OPTION...: configures and builds; the build itself counts as one test.
build_tree() {
    local name=$1 tree=$2
    shift 2
    step "$name" one 1200 bash -c 'tree=$1; jobs=$2; shift 2
        cmake -S . -B "$tree" -DSTRAIT_TESTS=ON "$@" && cmake --build "$tree" --parallel "$jobs"' - "$tree" "$jobs" "$@"
}

unit_tests() { # unit_tests TREE NAME-PREFIX SECONDS [WRAPPER...]: begins every cmocka program of a build tree
    local tree=$1 prefix=$2 limit=$3 name skipped_name found=no
    shift 3
    for name in $slow_unit_tests $(cd "$tree" && ls test_*); do
        [ -x "$tree/$name" ] && [ -f "$tree/$name" ] || continue
        found=yes
        # shellcheck disable=SC2254
        for skipped_name in ${without:-}; do case $name in $skipped_name) continue 2 ;; esac; done
        [[ " ${begun_steps[*]+"${begun_steps[*]}"} " == *" $prefix/$name "* ]] && continue
        later "$prefix/$name" tap "$limit" env CMOCKA_MESSAGE_OUTPUT=TAP "$@" "$tree/$name"
    done
    [ $found = yes ] || step "$prefix" one 5 bash -c 'echo "no unit test was built in $0"; exit 1' "$tree"
}
# The longest first, so that none is left alone at the end.
slow_unit_tests="test_cpu_rounding test_cpu_attention test_cpu_matmul test_tokenizer test_checkpoint_memory"

stage_layers() {
    need_packages "the layer check and comparisons" python3 || true
    step layers lines 60 tools/check_layers
    step layers-self lines 60 python3 tests/layers.py
}

stage_format() {
    local tool=
    need_packages "the format check" clang-format-14 || true
    for tool in clang-format-14 clang-format; do
        command -v "$tool" >/dev/null && "$tool" --version | grep -q 'version 14\.' && break
        tool=
    done
    if [ -z "$tool" ]; then
        skip_step format "clang-format 14 is not installed, and other versions format differently"
        return
    fi
    # git names the files, so that what a build or an editor left behind is not looked at.
    step format one 120 bash -c 'git ls-files -z "*.c" "*.h" | xargs -0 "$0" --dry-run --Werror' "$tool"
}

# NVIDIA's headers and NVRTC: a toolkit's, else those that NVIDIA puts on PyPI (92 MB), which Debian's archive has not.
need_cuda() {
    local from=build/cuda/nvidia/cu13
    if [ -f /usr/local/cuda/include/nvrtc.h ] || [ -f $from/include/nvrtc.h ] || [ "$(uname -m)" != x86_64 ]; then return; fi
    say "installing for the tests of the CUDA backend, into build/cuda: nvidia-cuda-runtime nvidia-cuda-nvrtc"
    need_packages "NVIDIA's headers" python3 python3-pip || return
    python3 -m pip install --quiet --disable-pip-version-check --no-deps --target build/cuda \
        nvidia-cuda-runtime==13.0.96 nvidia-cuda-nvrtc==13.0.88 >"$logs/cuda.log" 2>&1 ||
        say "  not to be had (build/test/cuda.log): what needs them is skipped"
}

stage_build() {
    need_packages "the tests of the OpenCL backend (PoCL runs OpenCL on the processor; its headers are compared with ours)" \
        ocl-icd-libopencl1 pocl-opencl-icd opencl-headers || true
    if known_package libamdhip64-dev; then
        need_packages "the tests of the HIP backend (headers that its declarations and test double are compared with)" \
            libamdhip64-dev || true
    fi
    need_cuda
    build_tree build build -DCMAKE_BUILD_TYPE=RelWithDebInfo
}

stage_unit() {
    unit_tests build unit 120
    together
}

stage_check() {
    if [ -x build/strait_check ]; then
        step strait_check lines 600 build/strait_check
    else
        skip_step check "there is no program strait_check yet"
    fi
    step strait_held lines 120 build/strait_held
}

cli_tests() { # cli_tests TREE NAME-PREFIX SECONDS: begins every shell test of the command line with a tree's program
    local name
    need_packages "compressed texts in the tests of the command line" xz-utils zstd || true
    # The longest first, so that none is left alone at the end.
    for name in train data config $(cd tests/cli && ls ./*.sh); do
        name=$(basename "$name" .sh)
        [[ " ${begun_steps[*]+"${begun_steps[*]}"} " == *" $2/$name "* ]] && continue
        [[ " ${without:-} " == *" $name "* ]] && continue
        later "$2/$name" lines "$3" env STRAIT="$root/$1/strait" STRAIT_SOURCE="$root" \
            bash -c 'in_folder "$@"' - bash "$root/tests/cli/$name.sh"
    done
}

stage_cli() {
    if [ -x build/strait ]; then
        # One at a time: some measure time, or wait for a moment in a run.
        at_once=1 cli_tests build cli 300
        together
    else
        skip_step cli "there is no program build/strait yet"
    fi
}

stage_exact() { STRAIT=$root/build/strait step exact lines 600 bash tests/exact/exact.sh; }

stage_opencl() { STRAIT=$root/build/strait step opencl lines 400 bash tests/opencl.sh; }

stage_double() {
    later double lines 300 env STRAIT="$root/build/strait" bash tests/double.sh
    later tuned lines 200 env STRAIT="$root/build/strait" bash tests/tuned.sh
    together
}

stage_gpu-compile() {
    if known_package clang-19; then
        need_packages "compiling the kernels for AMD's GPUs" clang-19 || true
    fi
    step gpu-compile lines 300 env BUILD=build bash tests/gpu/compile.sh --sample
}

stage_fault() {
    local script
    need_packages "the sample plug-in, which the saboteur spoils" libffi-dev || true
    for script in tests/fault/*.sh; do
        later "fault/$(basename "$script" .sh)" lines 300 env STRAIT="$root/build/strait" bash "$script"
    done
    together
}

stage_golden() {
    step golden/self lines 60 bash tests/golden/self.sh build/strait_golden
    if [ -f cli/cmd_trace.c ]; then
        step golden/models lines 300 build/strait_golden --strait build/strait tests/golden
    else
        skip_step golden/models "there is no verb trace yet"
    fi
}

# A small environment: the packages that other programs read and write our files with.
make_venv() {
    local venv=build/venv stamp
    stamp=$(cat tests/python/requirements.txt)
    [ -f "$venv/stamp" ] && [ "$(cat "$venv/stamp")" = "$stamp" ] && return 0
    rm -rf "$venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check \
        -r tests/python/requirements.txt && printf '%s\n' "$stamp" >"$venv/stamp"
}

stage_python() {
    local script name work
    [ -f cli/cmd_train.c ] || {
        skip_step python "there is no verb train yet"
        return
    }
    need_packages "comparisons with the tokenizers, safetensors and tensorboard packages" python3 python3-venv || true
    if ! make_venv >"$logs/venv.log" 2>&1; then
        tail -n 20 "$logs/venv.log" >&2
        skip_step python "the Python environment could not be made (no network?); see build/test/venv.log"
        return
    fi
    for script in tests/python/*.py; do
        name=$(basename "$script" .py)
        later "python/$name" lines 600 env STRAIT="$root/build/strait" STRAIT_SOURCE="$root" \
            bash -c 'in_folder "$@"' - "$root/build/venv/bin/python" "$root/$script"
    done
    together
}

stage_install() {
    need_packages "the sample plug-in (it calls the kernels that it compiled by libffi)" libffi-dev || true
    step install lines 300 bash tests/install.sh
}

clang_packages() {
    need_packages "the sanitizers and fuzzing" clang-14 || return 1
    if known_package libclang-rt-14-dev; then need_packages "the sanitizers' runtime" libclang-rt-14-dev; fi
}

# Address space randomisation with many bits breaks the thread sanitizer's fixed map.
fixed_addresses() { if setarch -R true 2>/dev/null; then echo "setarch -R"; fi; }

# Address and undefined-behaviour sanitizers by clang, with the coverage that fuzzing needs: one build for both.
build_asan() {
    [ -n "${asan_built:-}" ] && return "$asan_built"
    asan_built=1
    clang_packages || {
        skip_step asan "clang 14 is not to be had"
        return 1
    }
    build_tree asan/build build/asan -DCMAKE_C_COMPILER=clang-14 -DCMAKE_BUILD_TYPE=RelWithDebInfo \
        -DSTRAIT_SANITIZE=address,undefined -DSTRAIT_FUZZ=ON || return 1
    asan_built=0
}

# isa_of STRAIT...: the instruction set that a run takes here.
isa_of() { "$@" devices --json | sed -n 's/.*"implementation": "\([a-z0-9]*\)".*/\1/p' | head -n 1; }

stage_sanitize() {
    build_asan || return
    export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0
    export UBSAN_OPTIONS=print_stacktrace=1
    # Limits on time are multiplied by this in the scripts that have any.
    # Those take minutes here, and unit tests and golden models have their code.
    [ -x build/asan/strait ] &&
        STRAIT_SLOWDOWN=20 without="bench chat eval_figures limits lora plan_reckon sft" cli_tests build/asan asan-cli 600
    # The kernels that a run would take, and in f32 the plainest.
    later asan/strait_check-f32 lines 900 build/asan/strait_check --dtype f32 --isa generic
    later asan/strait_check-bf16 lines 900 build/asan/strait_check --dtype bf16 --isa "$(isa_of build/asan/strait)"
    later asan/exact lines 300 env STRAIT="$root/build/asan/strait" bash tests/exact/exact.sh --sample
    later asan/golden lines 300 build/asan/strait_golden --strait build/asan/strait tests/golden qwen3-0{2,5,7} \
        qwen3-1{0,1,4,6,7} qwen3_moe-0{3,6} qwen3_moe-1{1,3,5} ernie4_5-0{2,7} ernie4_5_moe-0{3,5,7} seed_oss-0{6,7} \
        deepseek_v3-0{2,4,5,7}
    unit_tests build/asan asan 300
    together
    unset ASAN_OPTIONS UBSAN_OPTIONS
}

# Ops that split their work in each of the ways there are: rows, columns, tiles of a product, heads, elements.
thread_ops="linear linear_dw linear_xent attention_bwd norm_rope_bwd embedding_bwd adamw"

# Unit tests of code that runs on one thread, whatever calls it.
single_threaded="test_plan_* test_chat* test_families test_config* test_formula* test_model_dir* test_token_* test_*_headers"

# The thread sanitizer runs the unit tests of all else, some ops on several threads, and a tiny training run.
stage_threads() {
    local name isa
    build_tree tsan/build build/tsan -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSTRAIT_SANITIZE=thread || return
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    # On the instruction set that a run would take: they share the code that cuts the work.
    # shellcheck disable=SC2046
    isa=$(isa_of $(fixed_addresses) build/tsan/strait)
    for name in $thread_ops; do
        # shellcheck disable=SC2046
        later "tsan/strait_check-$name" lines 300 $(fixed_addresses) build/tsan/strait_check --op "$name" --isa "$isa" --dtype bf16
    done
    # shellcheck disable=SC2046
    later tsan/train lines 600 env STRAIT="$root/build/tsan/strait" STRAIT_SOURCE="$root" $(fixed_addresses) bash tests/threads.sh
    # shellcheck disable=SC2046
    without=$single_threaded unit_tests build/tsan tsan 300 $(fixed_addresses)
    together
    unset TSAN_OPTIONS
}

# Each fuzz target starts from its seeds in tests/fuzz/seeds/NAME and keeps what it finds under build/fuzz.
fuzz_one() { # fuzz_one PROGRAM SECONDS
    local name corpus seeds=()
    name=$(basename "$1")
    corpus=build/fuzz/$name
    mkdir -p "$corpus/found" "$corpus/crash"
    [ -d "tests/fuzz/seeds/${name#fuzz_}" ] && seeds+=("tests/fuzz/seeds/${name#fuzz_}")
    [ -f "tests/fuzz/${name#fuzz_}.dict" ] && seeds+=("-dict=tests/fuzz/${name#fuzz_}.dict")
    "$1" -max_total_time="$2" -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 -artifact_prefix="$corpus/crash/" \
        "$corpus/found" "${seeds[@]+"${seeds[@]}"}"
}

stage_fuzz() {
    local program
    build_asan || return
    ls build/asan/fuzz_* >/dev/null 2>&1 || {
        skip_step fuzz "there is no fuzz target yet"
        return
    }
    export -f fuzz_one
    for program in build/asan/fuzz_*; do
        [ -x "$program" ] && [ -f "$program" ] || continue
        later "fuzz/$(basename "$program")" one "$((fuzz_seconds + 120))" bash -c 'fuzz_one "$@"' - "$program" "$fuzz_seconds"
    done
    together
}

# Kernels of instruction sets this machine may not have: emulated in C, or by qemu.
stage_neon() {
    # Whole models to their hashes; op by op it is `make emulated`, minutes.
    later avx512 lines 900 bash tests/avx512.sh --engine
    if [ "$(uname -m)" != aarch64 ]; then
        need_packages "running the arm64 kernels here" gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user || {
            skip_step neon "the arm64 compiler or qemu-user is not to be had"
            together
            return
        }
    fi
    later neon lines 900 bash tests/neon.sh --engine
    together
}
