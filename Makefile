# A short way to the release build; CMakeLists.txt is where the build is described, CMakePresets.json names its variants.
BUILD ?= build
FUZZ_SECONDS ?= 600
JOBS ?= $(shell nproc)
all:
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=RelWithDebInfo $(CMAKE_FLAGS) >/dev/null
	@cmake --build $(BUILD) --parallel $(JOBS) -- --no-print-directory
# Everything that must hold; see docs/testing.md.
test:
	./test.sh
# Every combination of instruction set, threads, micro-batch, recomputation and shards against the committed hashes.
exact: all
	STRAIT=$(BUILD)/strait tests/exact/exact.sh --all
# Every op to the bit on OpenCL, in both shapes of the portable kernels: two minutes, most of them PoCL's compiler.
opencl: all
	STRAIT=$(BUILD)/strait tests/opencl.sh --all
# The sample plug-in of examples/plugin, and every op on it to the bit.
plugin: all
	rm -rf $(BUILD)/prefix && cmake --install $(BUILD) --prefix $(abspath $(BUILD)/prefix) >/dev/null
	STRAIT=$(BUILD)/prefix/bin/strait tests/plugin.sh $(BUILD) --all
# The plug-ins for CUDA and HIP on test doubles: every op, and each call failing, for both: three minutes.
double: all
	STRAIT=$(BUILD)/strait tests/double.sh --all
	STRAIT=$(BUILD)/strait tests/tuned.sh --all
# Every portable kernel for GPUs, by NVRTC, hipRTC and clang 19 where they are installed: two minutes, and no GPU.
gpu-compile: all
	BUILD=$(BUILD) tests/gpu/compile.sh
# Every level of the certificate on the CPU, PoCL and the sample plug-in, and what catches each class of the saboteur.
certify: all
	STRAIT=$(BUILD)/strait tests/cli/certify.sh --all
# The band that A5 allows, written to src/certify/band.inc: 20 runs with weights moved by one ulp, a few seconds.
certify-band: all
	cmake --build $(BUILD) --target strait_band -- --no-print-directory
	$(BUILD)/strait_band >$(BUILD)/band.inc && cp $(BUILD)/band.inc src/certify/band.inc
# kill -9 at 200 moments and before every call that changes files; every such call, and every allocation, failing once;
# chips that compute wrongly once in a thousand launches.
fault: all
	for script in kill space memory saboteur; do STRAIT=$(BUILD)/strait tests/fault/$$script.sh --all || exit 1; done
# Each fuzz target for ten minutes.
fuzz:
	FUZZ_SECONDS=$(FUZZ_SECONDS) ./test.sh -v fuzz
# The AVX-512 kernels, executed by the emulator Bochs where the processor has none; ARGS="--op linear" is a part.
avx512:
	tests/bochs.sh $(ARGS)
# Op by op, the kernels for arm64 under qemu-user, and those for AVX-512, AVX512-BF16 and AMX with intrinsics in C.
emulated: all
	tests/neon.sh $(ARGS)
	tests/avx512.sh $(ARGS)
# Loss curves of two ways to train against the noise of seeds: fast and exact, or ARGS="--a dtype=f32 --b dtype=bf16".
curves: all
	tests/held/curves.sh $(ARGS)
# Teaches the quickstart's model a form of answers by conversations, and counts them before and after: ten minutes.
sft: all
	tests/sft.sh
# Ids of all kinds of tokenizers against the packages, on over 50 MB of the distribution's text and a million strings.
tokens: all
	tools/token/parity.sh $(ARGS)
tidy: all
	@git ls-files '*.c' | grep -E '^(src|ops|backends|cli)/' | grep -vE '\.(check|k|graph)\.c$$' | \
	  xargs -P $(JOBS) -n 8 clang-tidy-14 --quiet -p $(BUILD)
format:
	git ls-files '*.c' '*.h' | xargs clang-format-14 -i
# Exchange with transformers 4.57 and 5.x (6 GB of Python packages), and the speed of PyTorch on this machine.
interop: all
	tools/interop.sh
peers: all
	bench/peers/run.sh
clean:
	rm -rf $(BUILD)
install: all
	cmake --install $(BUILD)
.PHONY: all test exact opencl double gpu-compile plugin certify certify-band fault fuzz avx512 emulated curves sft tokens tidy format interop peers clean install
