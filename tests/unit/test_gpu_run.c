/*
 * The plug-ins for CUDA and HIP, called as the waist calls them, on the test doubles that run kernels (tests/double):
 * arguments, order of two queues, pinned memory, binaries, and a captured step that is replayed. Each test runs for
 * both; skipped with the reason where the doubles are not built. tests/double.sh looks at what the doubles complain of.
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
#include <unistd.h>

#include "device/device.h"
#include "device/registry.h"

enum { WORDS = 256, BYTES = WORDS * 4, GROUP = 64 };

static const struct {
    const char *name, *library, *compiler, *compiler_double;
} vendors[] = {{"cuda", "STRAIT_CUDA_LIBRARY", "STRAIT_NVRTC_LIBRARY", "nvrtc"},
               {"hip", "STRAIT_HIP_LIBRARY", "STRAIT_HIPRTC_LIBRARY", "hiprtc"}};

static strait_driver driver;
static strait_handle device;
static strait_handle queue;
static strait_handle program;
static bool usable;

static const char text[] =
    "KERNEL(64) every_kind(OUT(u32, out), IN(u32, absent), i32 a, u32 b, i64 c, float d)\n"
    "{\n"
    "    OPEN(u32, out);\n"
    "    u32 sum = (u32)(a + 7) + (b >> 31) + (c > 5000000000L ? 16u : 0u) + (d == 0.5f ? 32u : 0u);\n"
    "    out[GROUP_ID * 64 + LOCAL_ID] = sum + (absent_base ? 1000u : 0u) + (u32)LOCAL_ID * 256u;\n"
    "}\n"
    "KERNEL(64) add(IN(u32, from), INOUT(u32, to))\n"
    "{\n"
    "    OPEN_IN(u32, from);\n"
    "    OPEN(u32, to);\n"
    "    i64 at = GROUP_ID * 64 + LOCAL_ID;\n"
    "    to[at] = to[at] * 3u + from[at];\n"
    "}\n";

static bool point_at(const char *variable, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/double_%s.so", STRAIT_TEST_DOUBLES, name);
    return setenv(variable, path, 1) == 0 && access(path, R_OK) == 0;
}

static int take(int vendor)
{
    const char *name = vendors[vendor].name;
    const strait_device_options options = {.struct_size = sizeof options};
    const strait_program_source source = {.struct_size = sizeof source,
                                          .name = "some.k.c",
                                          .prelude = "/* the double has its own */\n",
                                          .text = text,
                                          .options = "-DWG=64 -DVW=1"};
    int32_t count = 0;
    usable =
        point_at(vendors[vendor].library, name) && point_at(vendors[vendor].compiler, vendors[vendor].compiler_double);
    if (!usable) {
        print_message("the double of %s is not built\n", name);
        return 0;
    }
    strait_status status = strait__driver_find(name, strlen(name), &driver);
    if (status == STRAIT_OK) status = driver.count(&count);
    if (status == STRAIT_OK) status = driver.open(0, &options, &device);
    if (status == STRAIT_OK) status = driver.queue_create(device, &queue);
    if (status == STRAIT_OK) status = driver.program_build(device, &source, &program);
    if (status != STRAIT_OK) print_error("%s\n", strait_error_message());
    return status == STRAIT_OK ? 0 : 1;
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

static int give_back(void **state)
{
    (void)state;
    if (!usable) return 0;
    driver.program_free(program);
    driver.queue_destroy(queue);
    driver.close(device);
    return 0;
}

static void need_device(void)
{
    if (!usable) skip();
}

static void right(int32_t code)
{
    if (code != STRAIT_CODE_OK) fail_msg("%d: %s", (int)code, strait_error_message());
}

static strait_handle get_memory(void)
{
    strait_handle memory = 0;
    right(driver.alloc(device, BYTES, &memory));
    return memory;
}

static strait_handle get_kernel(strait_handle of, const char *name)
{
    strait_handle kernel = 0;
    right(driver.kernel_get(of, name, &kernel));
    return kernel;
}

static void fill(strait_handle on, strait_handle memory, uint8_t byte)
{
    right(driver.fill(on, (strait_driver_slice){memory, 0}, byte, BYTES));
}

static void write_words(strait_handle memory, const void *host)
{
    right(driver.copy(queue, STRAIT_COPY_TO_DEVICE, (strait_driver_slice){memory, 0}, (void *)(uintptr_t)host,
                      (strait_driver_slice){0}, BYTES));
}

static void read_words(strait_handle memory, uint32_t out[WORDS])
{
    right(driver.copy(queue, STRAIT_COPY_TO_HOST, (strait_driver_slice){memory, 0}, out, (strait_driver_slice){0},
                      BYTES));
}

static strait_kernel_argument buffer_at(strait_handle memory, int64_t offset, uint32_t access)
{
    return (strait_kernel_argument){
        .kind = STRAIT_KERNEL_BUFFER, .access = access, .value = {.buffer = {.memory = memory, .offset = offset}}};
}

static void launch(strait_handle on, strait_handle kernel, int64_t groups, const strait_kernel_argument *arguments,
                   int32_t count)
{
    const int64_t grid[3] = {groups, 1, 1};
    const int32_t size[3] = {GROUP, 1, 1};
    right(driver.kernel_launch(on, kernel, grid, size, arguments, count));
}

static void add(strait_handle on, strait_handle from, strait_handle to)
{
    const strait_kernel_argument arguments[] = {buffer_at(from, 0, STRAIT_ACCESS_READ),
                                                buffer_at(to, 0, STRAIT_ACCESS_READ_WRITE)};
    launch(on, get_kernel(program, "add"), WORDS / GROUP, arguments, 2);
}

/* ---- */

static void every_kind_of_argument_arrives(void **state)
{
    (void)state;
    need_device();
    uint32_t back[WORDS];
    strait_handle memory = get_memory();
    fill(queue, memory, 0);
    const strait_kernel_argument arguments[] = {
        buffer_at(memory, 256, STRAIT_ACCESS_WRITE),
        buffer_at(0, 512, STRAIT_ACCESS_READ),
        {.kind = STRAIT_KERNEL_I32, .value = {.i32 = -3}},
        {.kind = STRAIT_KERNEL_U32, .value = {.u32 = 0x80000000U}},
        {.kind = STRAIT_KERNEL_I64, .value = {.i64 = INT64_C(5000000001)}},
        {.kind = STRAIT_KERNEL_F32, .value = {.f32 = 0.5F}},
    };
    launch(queue, get_kernel(program, "every_kind"), 2, arguments, 6);
    read_words(memory, back);
    for (uint32_t i = 0; i < WORDS; i++) {
        assert_int_equal(back[i], i >= 64 && i < 192 ? 4 + 1 + 16 + 32 + (i % 64) * 256 : 0);
    }
    driver.free(device, memory);
}

/* The double's queues are late at random: what one queue makes the other has only by the event. */
static void an_event_orders_two_queues(void **state)
{
    (void)state;
    need_device();
    uint32_t back[WORDS];
    strait_handle other = 0;
    strait_handle event = 0;
    strait_handle memories[2] = {get_memory(), get_memory()};
    right(driver.queue_create(device, &other));
    right(driver.event_create(device, &event));
    for (int round = 0; round < 20; round++) {
        strait_handle from = round % 2 ? other : queue; /* roles swap */
        strait_handle to = round % 2 ? queue : other;
        fill(from, memories[0], 0);
        for (int i = 0; i < 5; i++) fill(from, memories[0], (uint8_t)(round + i));
        right(driver.event_record(from, event));
        right(driver.queue_wait_event(to, event));
        right(driver.copy(to, STRAIT_COPY_ON_DEVICE, (strait_driver_slice){memories[1], 0}, NULL,
                          (strait_driver_slice){memories[0], 0}, BYTES));
        right(driver.queue_wait(to, 10000));
        read_words(memories[1], back);
        for (uint32_t i = 0; i < WORDS; i++) assert_int_equal(back[i], 0x01010101U * (uint32_t)(round + 4));
    }
    driver.event_destroy(event);
    driver.queue_destroy(other);
    driver.free(device, memories[0]);
    driver.free(device, memories[1]);
}

/* From pinned memory the vendor copies later than it returns; the plug-in may not. */
static void pinned_memory_may_be_used_again_at_once(void **state)
{
    (void)state;
    need_device();
    uint32_t back[WORDS];
    void *host = NULL;
    strait_handle memory = get_memory();
    right(driver.host_alloc(device, BYTES, &host));
    for (int round = 0; round < 20; round++) {
        memset(host, round + 1, BYTES);
        write_words(memory, host);
        memset(host, 0xEE, BYTES);
        read_words(memory, back);
        for (uint32_t i = 0; i < WORDS; i++) assert_int_equal(back[i], 0x01010101U * (uint32_t)(round + 1));
    }
    driver.host_free(device, host);
    driver.free(device, memory);
}

static void a_program_comes_back_from_its_bytes(void **state)
{
    (void)state;
    need_device();
    uint32_t words[WORDS];
    int64_t length = 0;
    strait_handle again = 0;
    right(driver.program_binary(program, NULL, &length));
    char *bytes = malloc((size_t)length);
    assert_non_null(bytes);
    right(driver.program_binary(program, bytes, &length));
    right(driver.program_load(device, bytes, length, &again));
    free(bytes);
    strait_handle memories[2] = {get_memory(), get_memory()};
    for (uint32_t i = 0; i < WORDS; i++) words[i] = i;
    write_words(memories[0], words);
    write_words(memories[1], words);
    const strait_kernel_argument arguments[] = {buffer_at(memories[0], 0, STRAIT_ACCESS_READ),
                                                buffer_at(memories[1], 0, STRAIT_ACCESS_READ_WRITE)};
    launch(queue, get_kernel(again, "add"), WORDS / GROUP, arguments, 2);
    read_words(memories[1], words);
    for (uint32_t i = 0; i < WORDS; i++) assert_int_equal(words[i], 4 * i);
    driver.program_free(again);
    driver.free(device, memories[0]);
    driver.free(device, memories[1]);
}

static void a_captured_step_is_replayed(void **state)
{
    (void)state;
    need_device();
    uint32_t words[WORDS];
    uint32_t want[WORDS];
    strait_handle graph = 0;
    strait_handle a = get_memory();
    strait_handle b = get_memory();
    for (uint32_t i = 0; i < WORDS; i++) words[i] = want[i] = i;
    write_words(a, words);
    write_words(b, words);
    right(driver.capture_begin(queue));
    add(queue, a, b);  /* b = 3 b + a */
    fill(queue, a, 1); /* a = 0x01010101 */
    add(queue, b, a);  /* a = 3 a + b */
    right(driver.capture_end(queue, &graph));
    read_words(b, words); /* nothing has run */
    assert_memory_equal(words, want, sizeof words);
    uint32_t had[WORDS];
    memcpy(had, want, sizeof had);
    for (int replay = 0; replay < 3; replay++) {
        right(driver.graph_launch(queue, graph));
        for (uint32_t i = 0; i < WORDS; i++) {
            want[i] = want[i] * 3 + had[i];
            had[i] = 0x03030303U + want[i];
        }
    }
    right(driver.queue_wait(queue, 10000));
    read_words(b, words);
    assert_memory_equal(words, want, sizeof words);
    read_words(a, words);
    assert_memory_equal(words, had, sizeof words);
    driver.graph_free(graph);
    driver.free(device, a);
    driver.free(device, b);
}

static void an_event_tells_the_time(void **state)
{
    (void)state;
    need_device();
    strait_handle events[2] = {0, 0};
    double seconds = -1;
    strait_handle memory = get_memory();
    for (int i = 0; i < 2; i++) right(driver.event_create(device, &events[i]));
    right(driver.event_wait(events[0], 0)); /* never recorded: reached */
    right(driver.event_record(queue, events[0]));
    for (int i = 0; i < 10; i++) fill(queue, memory, 1);
    right(driver.event_record(queue, events[1]));
    right(driver.event_wait(events[1], 10000));
    right(driver.event_elapsed(events[0], events[1], &seconds));
    assert_true(seconds >= 0 && seconds < 10);
    for (int i = 0; i < 2; i++) driver.event_destroy(events[i]);
    driver.free(device, memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_argument_arrives),
        cmocka_unit_test(an_event_orders_two_queues),
        cmocka_unit_test(pinned_memory_may_be_used_again_at_once),
        cmocka_unit_test(a_program_comes_back_from_its_bytes),
        cmocka_unit_test(a_captured_step_is_replayed),
        cmocka_unit_test(an_event_tells_the_time),
    };
    int failed = cmocka_run_group_tests_name("cuda", tests, take_cuda, give_back);
    return failed + cmocka_run_group_tests_name("hip", tests, take_hip, give_back);
}
