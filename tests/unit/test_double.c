/*
 * The test double of libcuda (tests/double): what it must notice, it notices. Called as a program calls a driver, by
 * the declarations of backends/cuda; without the plug-in, which does nothing of what is wrong here.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cuda/cuda.h"

enum { COUNT = 1000, BYTES = COUNT * 4, GROUP = 64, LONG = 300 };
enum { INVALID_CONTEXT = 201, INVALID_HANDLE = 400, CAPTURE_UNSUPPORTED = 900, CAPTURE_INVALIDATED = 901 };

enum {
#define CONSTANT(name, value, vendor) GPU_##name = value,
    GPU_CONSTANTS(CONSTANT)
#undef CONSTANT
#define CONSTANT(name, value, vendor, code) GPU_##name = value,
        GPU_ANSWERS(CONSTANT)
#undef CONSTANT
};

#define MEMBER(member, vendor, symbol, older, result, parameters) result(*member) parameters;
typedef struct gpu_functions {
    GPU_DRIVER_FUNCTIONS(MEMBER)
} gpu_functions;

typedef struct gpu_compiler {
    GPU_COMPILER_FUNCTIONS(MEMBER)
} gpu_compiler;
#undef MEMBER

static const char text[] = "#include \"strait_dialect.h\"\n"
                           "KERNEL(64) scale(IN(float, x), OUT(float, y), i32 n, float factor, i64 shift)\n"
                           "{\n"
                           "    OPEN_IN(float, x);\n"
                           "    OPEN(float, y);\n"
                           "    LOCAL float part[64];\n"
                           "    i32 i = (i32)(GROUP_ID * 64 + LOCAL_ID);\n"
                           "    part[LOCAL_ID] = i < n ? x[i] * factor : 0.0f;\n"
                           "    BARRIER();\n"
                           "    if (i < n) y[i] = part[LOCAL_ID] + (float)shift;\n"
                           "}\n";

static struct {
    gpu_functions cu;
    gpu_compiler rtc;
    gpu_answer (*synchronize)(gpu_stream); /* which the backend does without */
    const char *(*complaint)(void);
    gpu_context context;
    gpu_stream stream;
    gpu_module module;
    gpu_function scale;
    bool usable;
} now;

#define RESOLVE(member, vendor, symbol, older, result, parameters) \
    address = dlsym(handle, symbol);                               \
    if (!address) return -1;                                       \
    memcpy(&to->member, &address, sizeof address);

static int resolve_driver(void *handle, gpu_functions *to)
{
    void *address;
    GPU_DRIVER_FUNCTIONS(RESOLVE)
    return 0;
}

static int resolve_compiler(void *handle, gpu_compiler *to)
{
    void *address;
    GPU_COMPILER_FUNCTIONS(RESOLVE)
    return 0;
}
#undef RESOLVE

static int compile(const char *architecture)
{
    const char *header = "#define SOMETHING 1\n";
    const char *name = "strait_dialect.h";
    const char *options[] = {architecture, "-std=c++17", "--fmad=false", "-DVW=1", "-DWG=64"};
    gpu_source program = NULL;
    size_t bytes = 0;
    if (now.rtc.CreateProgram(&program, text, "scale.k.c", 1, &header, &name) != 0) return -1;
    if (now.rtc.CompileProgram(program, 5, options) != 0) return -1;
    if (now.rtc.GetCodeSize(program, &bytes) != 0) return -1;
    char *code = malloc(bytes);
    int answer = now.rtc.GetCode(program, code) != 0 ? -1 : (int)now.cu.ModuleLoadData(&now.module, code);
    free(code);
    now.rtc.DestroyProgram(&program);
    return answer;
}

static int open_double(void **state)
{
    (void)state;
    /* One piece of work in eight is late by as much as that: LONG of them take a third of a second. */
    if (setenv("STRAIT_DOUBLE_DELAY", "20000", 1) != 0) return -1;
    void *driver = dlopen(STRAIT_TEST_DOUBLES "/double_cuda.so", RTLD_NOW | RTLD_LOCAL);
    void *compiler = dlopen(STRAIT_TEST_DOUBLES "/double_nvrtc.so", RTLD_NOW | RTLD_LOCAL);
    if (!driver || !compiler) {
        print_message("the doubles are not built: CUDA's headers, OpenCL's or its loader are missing\n");
        return 0;
    }
    void *address = dlsym(driver, "strait_double_complaint");
    memcpy(&now.complaint, &address, sizeof address);
    address = dlsym(driver, "cuStreamSynchronize");
    memcpy(&now.synchronize, &address, sizeof address);
    if (resolve_driver(driver, &now.cu) != 0 || resolve_compiler(compiler, &now.rtc) != 0) return -1;
    if (now.cu.Init(0) != 0 || now.cu.PrimaryCtxRetain(&now.context, 0) != 0) return -1;
    if (now.cu.CtxSetCurrent(now.context) != 0 || now.cu.StreamCreate(&now.stream, GPU_STREAM_NON_BLOCKING) != 0)
        return -1;
    if (compile("--gpu-architecture=sm_90") != 0) return -1;
    if (now.cu.ModuleGetFunction(&now.scale, now.module, "scale") != 0) return -1;
    now.usable = true;
    return 0;
}

static int close_double(void **state)
{
    (void)state;
    if (!now.usable) return 0;
    now.cu.ModuleUnload(now.module);
    now.cu.StreamDestroy(now.stream);
    now.cu.PrimaryCtxRelease(0);
    return now.complaint() ? -1 : 0;
}

static void need_double(void)
{
    if (!now.usable) skip();
}

static void assert_complained(const char *part)
{
    const char *said = now.complaint();
    if (!said || !strstr(said, part)) fail_msg("'%s' was to be said, and '%s' was", part, said ? said : "nothing");
}

static void assert_silent(void)
{
    const char *said = now.complaint();
    if (said) fail_msg("said: %s", said);
}

static gpu_address get(size_t bytes)
{
    gpu_address address = 0;
    assert_int_equal(now.cu.MemAlloc(&address, bytes), 0);
    return address;
}

static void read_back(gpu_address from, void *to, size_t bytes)
{
    assert_int_equal(now.cu.MemcpyDtoHAsync(to, from, bytes, now.stream), 0);
    assert_int_equal(now.synchronize(now.stream), 0);
}

static gpu_answer launch(unsigned int groups, unsigned int size, gpu_address x, gpu_address y, int n)
{
    float factor = 2;
    int64_t shift = 5;
    void *parameters[] = {&x, &y, &n, &factor, &shift};
    return now.cu.LaunchKernel(now.scale, groups, 1, 1, size, 1, 1, 0, now.stream, parameters, NULL);
}

/* ---- */

static void a_kernel_runs(void **state)
{
    (void)state;
    need_double();
    float host[COUNT];
    for (int i = 0; i < COUNT; i++) host[i] = (float)i;
    gpu_address x = get(BYTES);
    gpu_address y = get(BYTES);
    assert_int_equal(now.cu.MemcpyHtoDAsync(x, host, BYTES, now.stream), 0);
    memset(host, 0, sizeof host); /* ordinary memory was taken already */
    assert_int_equal(launch((COUNT + GROUP - 1) / GROUP, GROUP, x, y, COUNT), 0);
    read_back(y, host, BYTES);
    for (int i = 0; i < COUNT; i++) assert_true(host[i] == 2.0f * (float)i + 5.0f);
    assert_int_equal(now.cu.MemFree(x), 0);
    assert_int_equal(now.cu.MemFree(y), 0);
    assert_silent();
}

static void fresh_memory_is_poison_under_an_address_of_no_processor(void **state)
{
    (void)state;
    need_double();
    uint32_t words[4] = {0};
    gpu_address x = get(sizeof words);
    assert_true(x >> 47 != 0 && x >> 47 != 0x1FFFF && x % 256 == 0);
    read_back(x, words, sizeof words);
    for (int i = 0; i < 4; i++) assert_int_equal(words[i], 0x7FE57FE5);
    assert_int_equal(now.cu.MemFree(x), 0);
    assert_silent();
}

static void lifetimes_are_watched(void **state)
{
    (void)state;
    need_double();
    char byte = 0;
    gpu_address x = get(BYTES);
    assert_int_not_equal(now.cu.MemFree(x + 256), 0);
    assert_complained("was never got");
    assert_int_not_equal(now.cu.MemcpyDtoHAsync(&byte, x + BYTES, 1, now.stream), 0);
    assert_complained("no address of device memory");
    assert_int_not_equal(now.cu.MemcpyHtoDAsync(x + BYTES - 1, "ab", 2, now.stream), 0);
    assert_complained("fewer bytes");
    assert_int_not_equal(now.cu.MemcpyHtoDAsync(x, (const void *)(uintptr_t)x, 2, now.stream), 0);
    assert_complained("no address of the host");
    assert_int_equal(now.cu.MemFree(x), 0);
    assert_int_not_equal(now.cu.MemFree(x), 0);
    assert_complained("given back twice");
    assert_int_not_equal(now.cu.MemsetD8Async(x, 0, 1, now.stream), 0);
    assert_complained("was given back");
    gpu_event event = NULL;
    assert_int_equal(now.cu.EventCreate(&event, 0), 0);
    assert_int_equal(now.cu.EventDestroy(event), 0);
    assert_int_equal(now.cu.EventRecord(event, now.stream), INVALID_HANDLE);
    assert_complained("after it was given back");
    assert_int_equal(now.cu.EventQuery((gpu_event)(void *)now.stream), INVALID_HANDLE);
    assert_complained("given as a event is none");
    assert_silent();
}

/* n reaches one element further than the allocation, into what fills it up to 256 bytes. */
static void what_is_written_beyond_the_end_is_seen(void **state)
{
    (void)state;
    need_double();
    gpu_address x = get(BYTES + 4);
    gpu_address y = get(BYTES);
    assert_int_equal(launch((COUNT + GROUP) / GROUP, GROUP, x, y, COUNT + 1), 0);
    assert_int_equal(now.synchronize(now.stream), 0);
    assert_int_equal(now.cu.MemFree(x), 0);
    assert_silent();
    assert_int_equal(now.cu.MemFree(y), 0);
    assert_complained("wrote beyond the end");
}

static void limits_are_those_of_a_gpu(void **state)
{
    (void)state;
    need_double();
    gpu_address x = get(BYTES);
    assert_int_not_equal(launch(0, GROUP, x, x, 1), 0);
    assert_complained("0 groups");
    assert_int_not_equal(launch(1, 2 * GROUP, x, x, 1), 0);
    assert_complained("its text says 64");
    assert_int_not_equal(launch(1, 2048, x, x, 1), 0);
    assert_complained("groups of 2048");
    void *parameters[5] = {&x, &x, &x, &x, &x};
    assert_int_not_equal(now.cu.LaunchKernel(now.scale, 1, 65536, 1, GROUP, 1, 1, 0, now.stream, parameters, NULL), 0);
    assert_complained("65536 groups");
    assert_int_not_equal(now.cu.LaunchKernel(now.scale, 1, 1, 1, GROUP, 1, 1, 48 << 10, now.stream, parameters, NULL),
                         0);
    assert_complained("bytes of shared memory");
    parameters[4] = NULL;
    assert_int_equal(now.cu.MemFree(x), 0);
    gpu_address all = 0;
    assert_int_equal(now.cu.MemAlloc(&all, (size_t)1 << 40), GPU_OUT_OF_MEMORY);
    assert_silent();
}

static void code_of_another_chip_is_refused(void **state)
{
    (void)state;
    need_double();
    gpu_module kept = now.module;
    assert_int_equal(compile("--gpu-architecture=sm_80"), GPU_NO_BINARY);
    now.module = kept;
    char other[4096] = "\177ELF";
    gpu_module module = NULL;
    assert_int_equal(now.cu.ModuleLoadData(&module, other), GPU_INVALID_IMAGE);
    assert_complained("no compiler made");
    assert_silent();
}

static void capture_forbids_and_replays(void **state)
{
    (void)state;
    need_double();
    gpu_address x = get(BYTES);
    gpu_address y = get(BYTES);
    gpu_graph graph = NULL;
    gpu_graph_exec exec = NULL;
    uint32_t zero = 1;
    assert_int_equal(now.cu.MemsetD8Async(x, 0, BYTES, now.stream), 0);
    assert_int_equal(now.cu.MemsetD8Async(y, 1, BYTES, now.stream), 0);
    assert_int_equal(now.synchronize(now.stream), 0);
    assert_int_equal(now.cu.StreamBeginCapture(now.stream, GPU_CAPTURE_THREAD_LOCAL), 0);
    assert_int_equal(now.cu.MemcpyDtoDAsync(y, x, BYTES, now.stream), 0);
    assert_int_equal(now.cu.StreamEndCapture(now.stream, &graph), 0);
    read_back(y, &zero, 4);
    assert_int_equal(zero, 0x01010101); /* recorded, not run */
    assert_int_equal(now.cu.GraphInstantiate(&exec, graph, 0), 0);
    assert_int_equal(now.cu.GraphDestroy(graph), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(now.cu.MemsetD8Async(x, (unsigned char)i, BYTES, now.stream), 0);
        assert_int_equal(now.cu.GraphLaunch(exec, now.stream), 0);
        read_back(y, &zero, 4);
        assert_int_equal(zero, i * 0x01010101);
    }
    assert_int_equal(now.cu.GraphExecDestroy(exec), 0);
    assert_silent();
    /* What waits or allocates spoils a capture. */
    gpu_address more = 0;
    assert_int_equal(now.cu.StreamBeginCapture(now.stream, GPU_CAPTURE_THREAD_LOCAL), 0);
    assert_int_equal(now.cu.MemAlloc(&more, 4), CAPTURE_UNSUPPORTED);
    assert_complained("illegal while the thread captures");
    assert_int_equal(now.cu.StreamEndCapture(now.stream, &graph), CAPTURE_INVALIDATED);
    assert_int_equal(now.cu.StreamBeginCapture(now.stream, GPU_CAPTURE_THREAD_LOCAL), 0);
    assert_int_equal(now.cu.StreamQuery(now.stream), CAPTURE_UNSUPPORTED);
    assert_complained("a stream that captures");
    assert_int_equal(now.cu.StreamEndCapture(now.stream, &graph), CAPTURE_INVALIDATED);
    assert_int_equal(now.cu.MemFree(x), 0);
    assert_int_equal(now.cu.MemFree(y), 0);
    assert_silent();
}

/* From pinned memory a copy reads when its turn comes: who writes it before a wait sends the wrong bytes. */
static void pinned_copies_are_late(void **state)
{
    (void)state;
    need_double();
    gpu_stream other = NULL;
    gpu_event event = NULL;
    void *pinned = NULL;
    uint32_t word = 0;
    gpu_address x = get(BYTES);
    assert_int_equal(now.cu.StreamCreate(&other, GPU_STREAM_NON_BLOCKING), 0);
    assert_int_equal(now.cu.EventCreate(&event, 0), 0);
    assert_int_equal(now.cu.MemHostAlloc(&pinned, BYTES, GPU_HOST_MEMORY_PORTABLE), 0);
    /* Work of the first stream that takes a while, so that the other waits for the event. */
    for (int i = 0; i < LONG; i++) assert_int_equal(now.cu.MemsetD8Async(x, 3, BYTES, now.stream), 0);
    assert_int_equal(now.cu.EventRecord(event, now.stream), 0);
    assert_int_equal(now.cu.StreamWaitEvent(other, event, 0), 0);
    memset(pinned, 1, BYTES);
    assert_int_equal(now.cu.MemcpyHtoDAsync(x, pinned, BYTES, other), 0);
    memset(pinned, 2, BYTES);
    assert_int_equal(now.cu.StreamQuery(other), GPU_NOT_READY);
    assert_int_equal(now.synchronize(other), 0);
    assert_int_equal(now.cu.EventQuery(event), 0);
    read_back(x, &word, 4);
    assert_int_equal(word, 0x02020202);
    assert_int_equal(now.cu.MemFreeHost(pinned), 0);
    assert_int_equal(now.cu.EventDestroy(event), 0);
    assert_int_equal(now.cu.StreamDestroy(other), 0);
    assert_int_equal(now.cu.MemFree(x), 0);
    assert_silent();
}

static void memory_in_use_is_not_given_back(void **state)
{
    (void)state;
    need_double();
    gpu_address x = get(BYTES);
    for (int i = 0; i < LONG; i++) assert_int_equal(now.cu.MemsetD8Async(x, 3, BYTES, now.stream), 0);
    assert_int_equal(now.cu.MemFree(x), 0);
    assert_complained("while work uses it");
    assert_int_equal(now.synchronize(now.stream), 0);
    assert_silent();
}

static void a_thread_wants_a_context(void **state)
{
    (void)state;
    need_double();
    gpu_address x = 0;
    assert_int_equal(now.cu.CtxSetCurrent(NULL), 0);
    assert_int_equal(now.cu.MemAlloc(&x, 4), INVALID_CONTEXT);
    assert_complained("without a current context");
    assert_int_equal(now.cu.CtxSetCurrent(now.context), 0);
    assert_silent();
}

/* A kernel that is given the host's memory. Nothing works after it, so it comes last. */
static void a_lost_device_answers_nothing_more(void **state)
{
    (void)state;
    need_double();
    float host[COUNT] = {0};
    gpu_address wrong = (uintptr_t)host;
    assert_int_equal(launch(1, GROUP, wrong, wrong, 1), 0);
    assert_complained("no address of device memory");
    assert_int_equal(now.synchronize(now.stream), GPU_ILLEGAL_ADDRESS);
    assert_silent();
    assert_int_equal(now.cu.StreamQuery(now.stream), GPU_ILLEGAL_ADDRESS);
    assert_complained("called after the device was lost");
    now.usable = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kernel_runs),
        cmocka_unit_test(fresh_memory_is_poison_under_an_address_of_no_processor),
        cmocka_unit_test(lifetimes_are_watched),
        cmocka_unit_test(what_is_written_beyond_the_end_is_seen),
        cmocka_unit_test(limits_are_those_of_a_gpu),
        cmocka_unit_test(code_of_another_chip_is_refused),
        cmocka_unit_test(capture_forbids_and_replays),
        cmocka_unit_test(pinned_copies_are_late),
        cmocka_unit_test(memory_in_use_is_not_given_back),
        cmocka_unit_test(a_thread_wants_a_context),
        cmocka_unit_test(a_lost_device_answers_nothing_more),
    };
    return cmocka_run_group_tests(tests, open_double, close_double);
}
