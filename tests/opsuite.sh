# shellcheck shell=bash disable=SC2154,SC2016,SC2010
# Sourced: builds the op suite alone (base, tensor, device, ops and the CPU backend, no other library) into $out with
# $cc. compile SUFFIX FLAGS SOURCE... makes objects; base_objects and link_suite do the rest. $label names the failure.
# link_engine then builds tests/exact/steps.c and tests/held/held.c, the engine alone, from the same objects.

suite_flags="-std=c11 -Iinclude -Isrc -I. -Wall -Wextra -Wno-format-truncation -Werror -ffp-contract=off -fno-math-errno"

compile() {
    local suffix=$1 options=$2
    shift 2
    printf '%s\n' "$@" | xargs -P "$(nproc)" -I{} bash -c \
        'o=$(echo "$3" | tr / _); exec $0 $1 $2 -c "$3" -o "$4/${o%.c}$5.o"' "$cc" "$suite_flags" "$options" {} "$out" "$suffix" \
        || { echo "FAIL $label does not compile"; exit 1; }
}

# The kernel texts as C arrays, as cmake/embed.cmake makes them.
embedded() {
    local text name
    for text in ops/*/*.k.c; do
        name=$(basename "$text" .k.c)
        cmake/embed.sh "strait_text_$name" "$text" "$out/strait_text_$name.c"
    done
    for name in opencl cuda hip; do
        cmake/embed.sh "strait_prelude_$name" "kernels/dialect/$name.h" "$out/strait_prelude_$name.c"
    done
    ls "$out"/strait_{text,prelude}_*.c
}

# Everything but the kernels; $1 are more flags for the file that asks which instruction sets there are, $2 a file to be
# left out.
base_objects() {
    rm -f "$out"/*.o
    local sources
    sources=$(ls src/base/{status,memory,pool,cgroup,processors,fpenv,math64,rng,buffer,file,clock}.c src/tensor/*.c src/device/*.c ops/*.c ops/*/*.c \
        backends/cpu/*.c src/certify/{bounds,problem,problem_run}.c tests/check/*.c |
        grep -v -e '\.graph\.c$' -e '\.k\.c$' -e '^ops/rules\.c$' -e '^backends/cpu/isa\.c$' -e "^${2:-none}\$")
    # shellcheck disable=SC2046,SC2086
    compile "" -O2 $sources $(embedded)
    compile "" "-O2 ${1:-}" backends/cpu/isa.c
}

# kernels NAME FLAGS [VECTORS]: the kernels of one instruction set; with VECTORS those of a matrix unit, in the vector
# words of another.
kernels() {
    local isa definitions=-DSTRAIT_FAST=${3:+1} sources
    [ -n "${3:-}" ] || definitions=-DSTRAIT_FAST=0
    for isa in generic avx2 avx512 neon; do
        definitions+=" -DSTRAIT_ISA_${isa^^}=$([ $isa = "${3:-$1}" ] && echo 1 || echo 0)"
    done
    for isa in avx512bf16 amx; do
        definitions+=" -DSTRAIT_UNIT_${isa^^}=$([ $isa = "$1" ] && echo 1 || echo 0)"
    done
    sources=$(ls backends/cpu/kernels/*.c | grep -v '_fast\.c$')
    # The build's own list of what a matrix unit computes.
    [ -z "${3:-}" ] || sources=$(sed -n 's/^set(STRAIT_FAST_SOURCES \(.*\))/\1/p' backends/cpu/kernels.cmake | tr ' ' '\n' | sed 's|^|backends/cpu/kernels/|')
    # shellcheck disable=SC2086
    compile "_$1" "-DSTRAIT_ISA=$1 $definitions $2" $sources
}

link_suite() { # flags
    # shellcheck disable=SC2086
    $cc ${1:-} "$out"/*.o -o "$out/strait_check" -lm -lpthread || { echo "FAIL $label does not link"; exit 1; }
}

# The programs that drive the engine alone. One header of the engine declares functions that take JSON; none of them is
# compiled, so jansson's headers are enough. Names of modules are matched by regular expressions, for which there is no
# library here, and by nothing in these programs.
link_engine() { # flags
    local sources program parts
    mkdir -p "$out/include"
    cp "$(pkg-config --variable=includedir jansson)"/jansson*.h "$out/include" || { echo "FAIL $label no jansson.h"; exit 1; }
    sources=$(ls src/base/clock.c src/graph/*.c $(ls src/model/*.c | grep -v lora_targets) src/optim/*.c src/train/engine*.c src/train/flat.c src/train/routing.c src/train/tolerance.c ops/*/*.graph.c ops/rules.c \
        tests/exact/steps.c tests/held/held.c)
    # shellcheck disable=SC2086
    compile "" "-O2 -I$out/include" $sources
    for program in exact_steps held_held; do
        parts=$(ls "$out"/*.o | grep -v -e tests_check -e tests_exact -e tests_held -e src_certify)
        # shellcheck disable=SC2046,SC2086
        $cc ${1:-} $parts "$out/tests_$program.o" -o "$out/strait_${program#*_}" -lm -lpthread ||
            { echo "FAIL $label the engine alone does not link"; exit 1; }
    done
}

# The whole program, from what `make` built and these kernels in the place of its own: no other instruction set runs.
link_program() {
    local parts
    [ -f build/libstrait.a ] || { echo "FAIL $label there is no build/libstrait.a: make"; exit 1; }
    parts=$(ls "$out"/*.o | grep -v -e tests_check -e tests_exact -e tests_held -e src_certify -e '\.check\.o$')
    # shellcheck disable=SC2046,SC2086
    $cc $parts $(find build/CMakeFiles/strait.dir/cli -name '*.o') build/libstrait.a \
        $(pkg-config --libs yaml-0.1 jansson libpcre2-8 libutf8proc nettle) -lm -lpthread -ldl -o "$out/strait" ||
        { echo "FAIL $label the program does not link"; exit 1; }
}
