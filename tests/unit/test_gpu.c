/*
 * The plug-ins for CUDA and HIP against libraries of tests/gpu, which answer and run nothing: what is missing, old, a
 * stub or refused is said in a sentence, the vendor's answers become codes with the vendor's words, and what is given
 * to the compiler is what the contract wants. Each test runs for both.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/plugin.h"
#include "device/registry.h"

enum { OUT_OF_MEMORY = 2, STUB = 34, NO_DEVICE = 100, ECC = 214, NOT_READY = 600, LAUNCH_FAILED = 719 };

typedef struct vendor {
    const char *name;
    const char *library;  /* variables */
    const char *compiler; /* */
    const char *memory;
    const char *out_of_memory; /* the vendor's names */
    const char *launch_failed;
    const char *no_device;
    const char *architecture;
    const char *version;
    const char *serial;
} vendor;

static const vendor vendors[] = {
    {"cuda", "STRAIT_CUDA_LIBRARY", "STRAIT_NVRTC_LIBRARY", "STRAIT_CUDA_MEMORY", "CUDA_ERROR_OUT_OF_MEMORY",
     "CUDA_ERROR_LAUNCH_FAILED", "CUDA_ERROR_NO_DEVICE", "sm_90", "CUDA 12.8, NVRTC 12.8",
     "GPU-30313233-3435-3637-3839-616263646500"},
    {"hip", "STRAIT_HIP_LIBRARY", "STRAIT_HIPRTC_LIBRARY", "STRAIT_HIP_MEMORY", "hipErrorOutOfMemory",
     "hipErrorLaunchFailure", "hipErrorNoDevice", "gfx90a:sramecc+:xnack-", "HIP 6.3.42134, hipRTC 12.8",
     "GPU-0123456789abcde"},
};

/* What the tests below are about: one of the two, and its plug-in. */
static const vendor *now;
static strait_driver driver;

static void set(const char *variable, const char *value)
{
    assert_int_equal(value ? setenv(variable, value, 1) : unsetenv(variable), 0);
}

static void use(const char *variable, const char *variant)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s_%s.so", STRAIT_TEST_VENDORS, now->name, variant);
    set(variable, path);
}

/* Each test begins with whole libraries that answer everything. */
static void begin_with(const char *variant)
{
    use(now->library, variant);
    use(now->compiler, "whole");
    set(now->memory, NULL);
    set("STRAIT_VENDOR_ANSWERS", NULL);
    set("STRAIT_VENDOR_ARCHITECTURE", NULL);
}

static void answers(const char *function, int answer)
{
    char text[64];
    snprintf(text, sizeof text, "%s=%d", function, answer);
    set("STRAIT_VENDOR_ANSWERS", text);
}

static void assert_said(const char *part)
{
    if (!strstr(strait_error_message(), part)) fail_msg("'%s' says nothing of '%s'", strait_error_message(), part);
}

static void count_says(int32_t code, const char *part)
{
    int32_t count = -1;
    int32_t got = driver.count(&count);
    if (got != code) fail_msg("%s: %d is not %d: %s", now->name, (int)got, (int)code, strait_error_message());
    if (part) assert_said(part);
}

static strait_handle open_one(void)
{
    const strait_device_options options = {.struct_size = sizeof options};
    strait_handle device = 0;
    if (driver.open(0, &options, &device) != STRAIT_CODE_OK) fail_msg("%s", strait_error_message());
    return device;
}

static int take(int index)
{
    char *path = NULL;
    now = &vendors[index];
    if (strait__plugin_find(now->name, strlen(now->name), &path) != STRAIT_OK || !path) return 1;
    strait_status status = strait__plugin_load(path, &driver);
    strait_free(path);
    if (status != STRAIT_OK) return 1;
    return strait__driver_find(now->name, strlen(now->name), &driver) == STRAIT_OK ? 0 : 1;
}

static int take_cuda(void **state)
{
    (void)state;
    return take(0);
}

static int take_hip(void **state)
{
    (void)state;
    return take(1);
}

/* ---- libraries: these come first, since a plug-in keeps those that it could open ---- */

static void what_is_not_there_is_said_with_its_remedy(void **state)
{
    (void)state;
    begin_with("whole");
    set(now->library, "/nowhere/libvendor.so");
    count_says(STRAIT_CODE_NOT_FOUND, "/nowhere/libvendor.so: cannot open shared object file");
    assert_said("install ");
    assert_said(now->library);
    begin_with("whole");
    set(now->compiler, "/nowhere/libcompiler.so");
    count_says(STRAIT_CODE_NOT_FOUND, "which compiles the kernels, cannot be opened (/nowhere/libcompiler.so");
    assert_said(now->compiler);
}

static void a_missing_symbol_is_named(void **state)
{
    (void)state;
    char symbol[64];
    begin_with("lacking");
    snprintf(symbol, sizeof symbol, "has no %sGraphLaunch:", strcmp(now->name, "hip") == 0 ? "hip" : "cu");
    count_says(STRAIT_CODE_UNSUPPORTED, symbol);
    if (strcmp(now->name, "hip") == 0) {
        begin_with("mute");
        count_says(STRAIT_CODE_UNSUPPORTED, "has no hipGetDevicePropertiesR0600:");
    } else {
        begin_with("whole");
        use(now->compiler, "mute");
        count_says(STRAIT_CODE_UNSUPPORTED, "NVRTC has no nvrtcGetCUBIN:");
    }
}

static void a_stub_is_no_driver(void **state)
{
    (void)state;
    begin_with("whole");
    answers("Init", STUB);
    if (strcmp(now->name, "cuda") == 0) {
        count_says(STRAIT_CODE_NOT_FOUND, "is the toolkit's stub, which programs are linked against, and no driver");
    } else {
        count_says(STRAIT_CODE_DEVICE, "an error without a name (34, no words)");
    }
}

static void a_driver_without_a_device_says_so(void **state)
{
    (void)state;
    begin_with("whole");
    answers("Init", NO_DEVICE);
    count_says(STRAIT_CODE_NOT_FOUND, "refuses its start");
    assert_said(now->no_device);
    answers("DeviceGetCount", NO_DEVICE);
    count_says(STRAIT_CODE_NOT_FOUND, "in the vendor's own words");
    answers("Version", 1);
    count_says(STRAIT_CODE_DEVICE, "does not tell its version");
}

static void a_compiler_newer_than_its_driver_is_refused(void **state)
{
    (void)state;
    if (strcmp(now->name, "hip") == 0) return; /* hipRTC counts otherwise */
    begin_with("whole");
    set("STRAIT_VENDOR_VERSION", "11080");
    count_says(STRAIT_CODE_UNSUPPORTED, "NVRTC 12.8 makes code that the driver, of CUDA 11.8, is too old for");
    set("STRAIT_VENDOR_VERSION", NULL);
}

static void older_symbols_do(void **state)
{
    (void)state;
    int32_t count = 0;
    begin_with("old");
    if (driver.count(&count) != STRAIT_CODE_OK) fail_msg("%s", strait_error_message());
    assert_int_equal(count, 1);
    driver.close(open_one());
}

/* ---- devices ---- */

static void a_device_says_what_it_is(void **state)
{
    (void)state;
    begin_with("old");
    strait_handle device = open_one();
    strait_device_props props = {.struct_size = sizeof props};
    assert_int_equal(driver.props(device, &props), STRAIT_CODE_OK);
    assert_string_equal(props.name, "a device 0 of a test");
    assert_string_equal(props.backend, now->name);
    assert_string_equal(props.implementation, now->architecture);
    assert_string_equal(props.driver_version, now->version);
    assert_string_equal(props.serial, now->serial);
    assert_int_equal(props.memory_bytes, 64 << 20);
    assert_int_equal(props.dialect, strcmp(now->name, "hip") == 0 ? STRAIT_DIALECT_HIP : STRAIT_DIALECT_CUDA);
    memset(&props, 0x5A, sizeof props);
    props.struct_size = offsetof(strait_device_props, memory_bytes);
    assert_int_equal(driver.props(device, &props), STRAIT_CODE_OK);
    assert_int_equal(props.memory_bytes, INT64_C(0x5A5A5A5A5A5A5A5A)); /* an older host has no room for it */
    driver.close(device);
    strait_handle none = 0;
    const strait_device_options options = {.struct_size = sizeof options};
    assert_int_equal(driver.open(1, &options, &none), STRAIT_CODE_NOT_FOUND);
}

static void an_architecture_is_refused(void **state)
{
    (void)state;
    strait_handle none = 0;
    const strait_device_options options = {.struct_size = sizeof options};
    begin_with("old");
    set("STRAIT_VENDOR_ARCHITECTURE", "70");
    assert_int_equal(driver.open(0, &options, &none), STRAIT_CODE_UNSUPPORTED);
    assert_said(strcmp(now->name, "hip") == 0 ? "calls its architecture \"70\""
                                              : "compiles for sm_80 to sm_120 and not for this device's sm_70");
}

static void memory_is_bounded_by_the_variable(void **state)
{
    (void)state;
    strait_handle memory = 0;
    int64_t free_bytes = 0;
    int64_t total = 0;
    char limit[64] = "?";
    begin_with("old");
    set(now->memory, "1x");
    const strait_device_options options = {.struct_size = sizeof options};
    assert_int_equal(driver.open(0, &options, &memory), STRAIT_CODE_USAGE);
    assert_said("must be a number of MiB from 1");
    set(now->memory, NULL);
    strait_handle device = open_one();
    assert_int_equal(driver.mem_info(device, &free_bytes, &total), STRAIT_CODE_OK);
    assert_true(free_bytes == 32 << 20 && total == 64 << 20); /* others use half of it */
    assert_int_equal(driver.mem_limit(device, limit, sizeof limit), STRAIT_CODE_OK);
    assert_string_equal(limit, "");
    driver.close(device);
    set(now->memory, "2");
    device = open_one();
    assert_int_equal(driver.alloc(device, 1 << 20, &memory), STRAIT_CODE_OK);
    assert_int_equal(driver.mem_info(device, &free_bytes, &total), STRAIT_CODE_OK);
    assert_true(free_bytes == 1 << 20 && total == 2 << 20);
    strait_handle more = 0;
    assert_int_equal(driver.alloc(device, (1 << 20) + 1, &more), STRAIT_CODE_NO_MEMORY);
    assert_int_equal(driver.mem_limit(device, limit, sizeof limit), STRAIT_CODE_OK);
    assert_non_null(strstr(limit, "_MEMORY is 2 MiB"));
    driver.free(device, memory);
    assert_int_equal(driver.alloc(device, 2 << 20, &memory), STRAIT_CODE_OK);
    driver.free(device, memory);
    driver.close(device);
}

static void answers_become_codes_with_words(void **state)
{
    (void)state;
    strait_handle memory = 0;
    strait_handle queue = 0;
    begin_with("old");
    strait_handle device = open_one();
    answers("MemAlloc", OUT_OF_MEMORY);
    assert_int_equal(driver.alloc(device, 4096, &memory), STRAIT_CODE_NO_MEMORY);
    assert_said(now->out_of_memory);
    assert_said("(2, in the vendor's own words)");
    assert_non_null(strstr(driver.last_error(device), now->out_of_memory));
    set("STRAIT_VENDOR_ANSWERS", NULL);
    assert_int_equal(driver.queue_create(device, &queue), STRAIT_CODE_OK);
    assert_int_equal(driver.queue_wait(queue, 1000), STRAIT_CODE_OK);
    answers("StreamQuery", NOT_READY);
    assert_int_equal(driver.queue_wait(queue, 0), STRAIT_CODE_TIMEOUT);
    assert_int_equal(driver.queue_wait(queue, 5), STRAIT_CODE_TIMEOUT);
    assert_said("within 5 ms");
    answers("StreamQuery", LAUNCH_FAILED);
    assert_int_equal(driver.queue_wait(queue, 1000), STRAIT_CODE_DEVICE_LOST);
    assert_said(now->launch_failed);
    set("STRAIT_VENDOR_ANSWERS", NULL);
    assert_int_equal(driver.queue_wait(queue, 1000), STRAIT_CODE_DEVICE_LOST); /* and every wait from then on */
    driver.queue_destroy(queue);
    answers("MemGetInfo", ECC);
    int64_t bytes = 0;
    assert_int_equal(driver.mem_info(device, &bytes, &bytes), STRAIT_CODE_DEVICE_LOST);
    set("STRAIT_VENDOR_ANSWERS", NULL);
    driver.close(device);
}

/* ---- programs ---- */

static int32_t build(strait_handle device, uint32_t numerics, const char *options, strait_handle *out)
{
    const strait_program_source source = {.struct_size = sizeof source,
                                          .numerics = numerics,
                                          .name = "some\"thing.k.c",
                                          .prelude = "the prelude",
                                          .text = "the text",
                                          .options = options};
    return driver.program_build(device, &source, out);
}

static void the_compiler_is_told_the_contract(void **state)
{
    (void)state;
    static const char *const exact[][3] = {
        {"<--fmad=false>", "<--prec-div=true><--prec-sqrt=true>", "<--ftz=false>"},
        {"<-ffp-contract=off>", "<-fhip-fp32-correctly-rounded-divide-sqrt>", "<-fno-gpu-flush-denormals-to-zero>"}};
    strait_handle program = 0;
    begin_with("old");
    strait_handle device = open_one();
    answers("CompileProgram", 6);
    assert_int_equal(build(device, STRAIT_NUMERICS_EXACT, "-DA=1  -DB=2", &program), STRAIT_CODE_DEVICE);
    assert_said("COMPILATION, in the vendor's words (6)");
    assert_said("of 1 headers strait_dialect.h is: the prelude");
    assert_said("#include \"strait_dialect.h\"\n#line 1 \"some_thing.k.c\"\nthe text");
    assert_said("<-DA=1><-DB=2>");
    assert_said(now->architecture);
    for (int i = 0; i < 3; i++) assert_said(exact[now - vendors][i]);
    assert_int_equal(build(device, STRAIT_NUMERICS_FAST, "", &program), STRAIT_CODE_DEVICE);
    assert_null(strstr(strait_error_message(), exact[now - vendors][0]));
    answers("CreateProgram", 1);
    assert_int_equal(build(device, STRAIT_NUMERICS_EXACT, "", &program), STRAIT_CODE_NO_MEMORY);
    set("STRAIT_VENDOR_ANSWERS", NULL);
    driver.close(device);
}

static void programs_go_to_bytes_and_back(void **state)
{
    (void)state;
    char bytes[64];
    int64_t length = 0;
    strait_handle program = 0;
    strait_handle kernel = 0;
    begin_with("old");
    strait_handle device = open_one();
    if (build(device, STRAIT_NUMERICS_EXACT, "", &program) != STRAIT_CODE_OK) fail_msg("%s", strait_error_message());
    assert_int_equal(driver.program_binary(program, NULL, &length), STRAIT_CODE_OK);
    assert_in_range(length, 9, sizeof bytes);
    int64_t room = length - 1;
    assert_int_equal(driver.program_binary(program, bytes, &room), STRAIT_CODE_USAGE);
    assert_int_equal(driver.program_binary(program, bytes, &length), STRAIT_CODE_OK);
    driver.program_free(program);
    for (int64_t cut = 0; cut < length; cut++) {
        assert_int_equal(driver.program_load(device, bytes, cut, &program), STRAIT_CODE_FORMAT);
    }
    assert_int_equal(driver.program_load(device, bytes, length, &program), STRAIT_CODE_OK);
    assert_int_equal(driver.kernel_get(program, "absent", &kernel), STRAIT_CODE_NOT_FOUND);
    assert_said("kernel absent");
    assert_int_equal(driver.kernel_get(program, "there", &kernel), STRAIT_CODE_OK);
    driver.program_free(program);
    bytes[length - 8] = 'k'; /* the first of its code: no code of the vendor's then */
    assert_int_equal(driver.program_load(device, bytes, length, &program), STRAIT_CODE_FORMAT);
    bytes[0] = 'S';
    assert_int_equal(driver.program_load(device, bytes, length, &program), STRAIT_CODE_FORMAT);
    driver.close(device);
}

static void a_launch_hands_over_addresses_and_numbers(void **state)
{
    (void)state;
    strait_handle program = 0;
    strait_handle kernel = 0;
    strait_handle memory = 0;
    strait_handle queue = 0;
    int32_t back[4];
    begin_with("old");
    strait_handle device = open_one();
    assert_int_equal(build(device, STRAIT_NUMERICS_EXACT, "", &program), STRAIT_CODE_OK);
    assert_int_equal(driver.kernel_get(program, "there", &kernel), STRAIT_CODE_OK);
    assert_int_equal(driver.queue_create(device, &queue), STRAIT_CODE_OK);
    assert_int_equal(driver.alloc(device, 1024, &memory), STRAIT_CODE_OK);
    assert_int_equal(driver.fill(queue, (strait_driver_slice){memory, 0}, 0, 1024), STRAIT_CODE_OK);
    int64_t groups[3] = {4, 1, 1};
    const int32_t size[3] = {64, 1, 1};
    const strait_kernel_argument arguments[] = {
        {.kind = STRAIT_KERNEL_BUFFER, .access = STRAIT_ACCESS_WRITE, .value = {.buffer = {memory, 256 + 4}}},
        {.kind = STRAIT_KERNEL_I32, .value = {.i32 = -77}},
    };
    assert_int_equal(driver.kernel_launch(queue, kernel, groups, size, arguments, 2), STRAIT_CODE_OK);
    assert_int_equal(driver.copy(queue, STRAIT_COPY_TO_HOST, (strait_driver_slice){memory, 256}, back,
                                 (strait_driver_slice){0}, sizeof back),
                     STRAIT_CODE_OK);
    assert_true(back[0] == 0 && back[1] == -77 && back[2] == 0);
    groups[1] = 65536;
    assert_int_equal(driver.kernel_launch(queue, kernel, groups, size, arguments, 2), STRAIT_CODE_USAGE);
    assert_said("kernel there: 65536 groups in dimension 1, from 1 to 65535 are possible");
    groups[1] = 1;
    answers("LaunchKernel", 1);
    assert_int_equal(driver.kernel_launch(queue, kernel, groups, size, arguments, 2), STRAIT_CODE_DEVICE);
    assert_said("kernel there, 4 x 1 x 1 groups of 64 x 1 x 1");
    set("STRAIT_VENDOR_ANSWERS", NULL);
    driver.free(device, memory);
    driver.queue_destroy(queue);
    driver.program_free(program);
    driver.close(device);
}

/* ---- queues ---- */

static void a_capture_keeps_off_what_cannot_be_replayed(void **state)
{
    (void)state;
    char host[64] = "";
    strait_handle queue = 0;
    strait_handle memory = 0;
    strait_handle graph = 0;
    begin_with("old");
    strait_handle device = open_one();
    assert_int_equal(driver.queue_create(device, &queue), STRAIT_CODE_OK);
    assert_int_equal(driver.alloc(device, 256, &memory), STRAIT_CODE_OK);
    const strait_driver_slice slice = {memory, 0};
    const strait_driver_slice half = {memory, 64};
    assert_int_equal(driver.capture_begin(queue), STRAIT_CODE_OK);
    assert_int_equal(driver.copy(queue, STRAIT_COPY_TO_DEVICE, slice, host, (strait_driver_slice){0}, 64),
                     STRAIT_CODE_USAGE);
    assert_said("cannot be captured");
    assert_int_equal(driver.copy(queue, STRAIT_COPY_ON_DEVICE, slice, NULL, half, 64), STRAIT_CODE_OK);
    assert_int_equal(driver.queue_wait(queue, 1000), STRAIT_CODE_USAGE);
    assert_int_equal(driver.capture_end(queue, &graph), STRAIT_CODE_OK);
    assert_int_equal(driver.graph_launch(queue, graph), STRAIT_CODE_OK);
    assert_int_equal(driver.queue_wait(queue, 1000), STRAIT_CODE_OK);
    driver.graph_free(graph);
    assert_int_equal(driver.capture_begin(queue), STRAIT_CODE_OK);
    answers("StreamEndCapture", 900);
    assert_int_equal(driver.capture_end(queue, &graph), STRAIT_CODE_DEVICE);
    set("STRAIT_VENDOR_ANSWERS", NULL);
    assert_int_equal(driver.copy(queue, STRAIT_COPY_TO_DEVICE, slice, host, (strait_driver_slice){0}, 64),
                     STRAIT_CODE_OK);
    driver.free(device, memory);
    driver.queue_destroy(queue);
    driver.close(device);
}

static void events_have_times(void **state)
{
    (void)state;
    double seconds = 0;
    strait_handle queue = 0;
    strait_handle event = 0;
    void *host = NULL;
    begin_with("old");
    strait_handle device = open_one();
    assert_int_equal(driver.queue_create(device, &queue), STRAIT_CODE_OK);
    assert_int_equal(driver.event_create(device, &event), STRAIT_CODE_OK);
    assert_int_equal(driver.event_record(queue, event), STRAIT_CODE_OK);
    assert_int_equal(driver.queue_wait_event(queue, event), STRAIT_CODE_OK);
    assert_int_equal(driver.event_wait(event, -1), STRAIT_CODE_OK);
    assert_int_equal(driver.event_elapsed(event, event, &seconds), STRAIT_CODE_OK);
    assert_true(seconds == 1.5);
    answers("EventQuery", NOT_READY);
    assert_int_equal(driver.event_wait(event, 1), STRAIT_CODE_TIMEOUT);
    answers("EventQuery", LAUNCH_FAILED);
    assert_int_equal(driver.event_wait(event, 1), STRAIT_CODE_DEVICE_LOST);
    set("STRAIT_VENDOR_ANSWERS", NULL);
    assert_int_equal(driver.host_alloc(device, 4096, &host), STRAIT_CODE_OK);
    assert_non_null(host);
    driver.host_free(device, host);
    driver.event_destroy(event);
    driver.queue_destroy(queue);
    driver.close(device);
}

#define FOR_EACH(X)                                \
    X(what_is_not_there_is_said_with_its_remedy)   \
    X(a_missing_symbol_is_named)                   \
    X(a_stub_is_no_driver)                         \
    X(a_driver_without_a_device_says_so)           \
    X(a_compiler_newer_than_its_driver_is_refused) \
    X(older_symbols_do)                            \
    X(a_device_says_what_it_is)                    \
    X(an_architecture_is_refused)                  \
    X(memory_is_bounded_by_the_variable)           \
    X(answers_become_codes_with_words)             \
    X(the_compiler_is_told_the_contract)           \
    X(programs_go_to_bytes_and_back)               \
    X(a_launch_hands_over_addresses_and_numbers)   \
    X(a_capture_keeps_off_what_cannot_be_replayed) \
    X(events_have_times)

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test(name),
        FOR_EACH(TEST)
#undef TEST
    };
    int failed = cmocka_run_group_tests_name("cuda", tests, take_cuda, NULL);
    return failed + cmocka_run_group_tests_name("hip", tests, take_hip, NULL);
}
