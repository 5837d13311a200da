#!/bin/bash
# The sample plug-in of examples/plugin, copied out of the tree and built against an installed header: ops to the bit, the
# engine's twenty steps and a whole run to the committed hashes, the cache of its programs, and what it says when its
# compiler fails.
# usage: STRAIT=PREFIX/bin/strait tests/plugin.sh BUILD [--all]     BUILD: where strait_check is; --all: every op, both shapes
set -u
# shellcheck source=tests/common.sh
. "$(dirname "$0")/common.sh"
tests=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "$1")
mode=${2:-}
prefix=$(dirname "$(dirname "$STRAIT")")
in_temporary_folder
mkdir tmp
export TMPDIR=$folder/tmp
cp -r "$tests/../examples/plugin" chip && rm -rf chip/build
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name strait.pc | head -n 1)")
export PKG_CONFIG_PATH STRAIT_PLUGIN_PATH=$folder/plugins XDG_CACHE_HOME=$folder/cache STRAIT_PLUGIN_LOG=$folder/plugin.log
if ! make -C chip OUT="$folder/plugins" >log 2>&1; then
  fail plugin-builds "$(grep -i error log | head -n 3)"
  exit 1
fi
ok plugin-builds
# The header that was installed, and nothing else of this tree.
if grep -rhoE '^#include ["<](strait|base|device|ops|backends)/[^">]*' chip | sort -u >includes &&
  [ "$(cat includes)" = "#include <strait/device_plugin.h" ]; then ok plugin-sees-one-header
else fail plugin-sees-one-header "$(cat includes)"; fi
expect plugin-listed 0 '^mychip:0 +My Chip 1' "$STRAIT" devices

# As docs/add-a-chip.md begins: the clone under a name of its own.
cp -r chip acme && sed -i 's/mychip/acme/g' acme/*.[ch] acme/Makefile
if make -C acme OUT="$folder/acme_plugins" >log 2>&1; then
  STRAIT_PLUGIN_PATH=$folder/acme_plugins expect plugin-renamed 0 '^acme:0 +My Chip 1' "$STRAIT" devices
else fail plugin-renamed "$(grep -i error log | head -n 3)"; fi

# A compiler that can be watched and broken: `compiled` counts the programs that it made.
mkdir bin
cat >bin/cc <<END
#!/bin/sh
case " \$* " in
*" --version "*) ;;
*) echo one >>"$folder/compiled"
   if [ -e "$folder/broken" ]; then echo "k.c:1: the watched compiler is on strike" >&2; exit 1; fi ;;
esac
if [ -e "$folder/flushing" ]; then set -- "\$@" "$(cc -print-file-name=crtfastmath.o)"; fi
exec $(command -v cc) "\$@"
END
chmod +x bin/cc
compiled() { if [ -e compiled ]; then wc -l <compiled; else echo 0; fi; }

if [ "$mode" = --all ]; then shapes=("") ops=("")
else shapes=("--isa tile") ops=("--op linear --case 1" "--op rmsnorm_bwd" "--op attention --case 0"); fi
for shape in "${shapes[@]}"; do
  for op in "${ops[@]}"; do
    # shellcheck disable=SC2086
    if "$build/strait_check" --device mychip $shape $op >log 2>&1; then ok "plugin-check $op"
    else fail "plugin-check $op" "$(grep FAIL log | head -n 3)"; fi
  done
done

# steps DTYPE SHARDS: the engine's twenty steps
steps() {
  same "plugin-steps-$1-$2" "$(awk -v dtype="steps-$1" -v shards="$2" '$1 == dtype && $2 == shards {print $3}' "$tests/exact/hashes.txt")" \
    "$("$build/strait_steps" "$1" "$2" 1 2 light mychip 2>log | sha256sum | cut -d' ' -f1)"
}
steps f32 1
steps bf16 3

# A whole run on the chip.
make_data
cp "$tests/exact/run.yaml" .
expected=$(awk '$1 == "f32" && $2 == 1 {print $3, $4}' "$tests/exact/hashes.txt")
if "$STRAIT" train run.yaml --out r --set device=mychip --set dtype=f32 --set batch.shards=1 >log 2>&1; then
  same plugin-trains "$expected" "$(parameters r) $(parameters r/checkpoints/step-00000020/optimizer.safetensors)"
else fail plugin-trains "$(tail -n 3 log)"; fi

# compiles NAME COUNT: one op in one dtype, and how many programs were compiled for it
compiles() {
  rm -f compiled
  if PATH=$folder/bin:$PATH "$build/strait_check" --device mychip --isa tile --dtype f32 --op swiglu >log 2>&1; then
    same "$1" "$2" "$(compiled)"
  else fail "$1" "$(grep FAIL log | head -n 3)"; fi
}
rm -rf cache
compiles plugin-compiles 1
compiles plugin-programs-are-kept 0
# A damaged one is made again; and another compiler is another driver: what the first one made is not used.
find cache -type f -exec truncate -s 1000 {} +
compiles plugin-programs-are-looked-at 1
sed -i 's/^\*" --version "\*) ;;/*" --version "*) echo "cc from elsewhere"; exit 0 ;;/' bin/cc
compiles plugin-programs-belong-to-a-compiler 1

# Code that is run when a program is loaded, as -ffast-math has it, switches subnormals off: that is undone.
touch flushing
rm -rf cache
compiles plugin-programs-change-no-arithmetic 1
rm flushing

# What it says.
touch broken
STRAIT_KERNEL_CACHE=off PATH=$folder/bin:$PATH expect plugin-says-what-the-compiler-says 1 'the watched compiler is on strike' \
  "$STRAIT" train run.yaml --out s --set device=mychip
mkdir none
expect plugin-names-the-missing-compiler 0 '^mychip +.*install gcc or clang' env PATH="$folder/none" "$STRAIT" devices
expect plugin-no-second-chip 1 'there are 1 of this kind' "$STRAIT" train run.yaml --out s --set device=mychip:1
same plugin-leaves-nothing-behind "none" "none$(ls tmp)"
exit $failed
