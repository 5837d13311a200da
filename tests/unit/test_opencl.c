/*
 * The OpenCL plug-in, called as the waist calls it: copies, fills, kernels, order of two queues, timeouts, binaries,
 * and what its errors say. On PoCL where nothing else is there; skipped with the reason where no OpenCL device is.
 */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "device/device.h"
#include "device/registry.h"

/* A device by its driver's table. */
typedef struct fixture {
    strait_driver driver;
    strait_handle device;
    strait_handle queue;
    strait_device_props props;
    bool usable;
} fixture;

static fixture now;

static int open_device(void **state)
{
    (void)state;
    memset(&now, 0, sizeof now);
    int32_t count = 0;
    const strait_device_options options = {.struct_size = sizeof options};
    if (strait__driver_find("opencl", 6, &now.driver) != STRAIT_OK || now.driver.count(&count) != STRAIT_OK) {
        print_message("no OpenCL here: %s\n", strait_error_message());
        return 0;
    }
    now.props.struct_size = sizeof now.props;
    if (now.driver.open(0, &options, &now.device) != STRAIT_OK) return 1;
    if (now.driver.props(now.device, &now.props) != STRAIT_OK) return 1;
    if (now.driver.queue_create(now.device, &now.queue) != STRAIT_OK) return 1;
    now.usable = true;
    return 0;
}

static int close_device(void **state)
{
    (void)state;
    if (!now.usable) return 0;
    now.driver.queue_destroy(now.queue);
    now.driver.close(now.device);
    return 0;
}

static void need_device(void)
{
    if (!now.usable) skip();
}

static strait_handle get_memory(int64_t bytes)
{
    strait_handle memory = 0;
    assert_int_equal(now.driver.alloc(now.device, bytes, &memory), STRAIT_CODE_OK);
    return memory;
}

static void write_to(strait_handle memory, int64_t offset, const void *from, size_t bytes)
{
    /* The driver only reads for this kind. */
    assert_int_equal(now.driver.copy(now.queue, STRAIT_COPY_TO_DEVICE, (strait_driver_slice){memory, offset},
                                     (void *)(uintptr_t)from, (strait_driver_slice){0}, (int64_t)bytes),
                     STRAIT_CODE_OK);
}

static void read_from(strait_handle memory, int64_t offset, void *to, size_t bytes)
{
    assert_int_equal(now.driver.copy(now.queue, STRAIT_COPY_TO_HOST, (strait_driver_slice){memory, offset}, to,
                                     (strait_driver_slice){0}, (int64_t)bytes),
                     STRAIT_CODE_OK);
}

static int32_t build(const char *text, const char *options, strait_handle *out)
{
    const strait_program_source source = {.struct_size = sizeof source,
                                          .name = "some.k.c",
                                          .prelude = "#define SCALE 2\n#define PRELUDE 1\n",
                                          .text = text,
                                          .options = options};
    return now.driver.program_build(now.device, &source, out);
}

static strait_handle get_kernel(const char *text, const char *name, strait_handle *out_program)
{
    strait_handle kernel = 0;
    if (build(text, "", out_program) != STRAIT_CODE_OK) fail_msg("%s", strait_error_message());
    assert_int_equal(now.driver.kernel_get(*out_program, name, &kernel), STRAIT_CODE_OK);
    return kernel;
}

static int32_t launch(strait_handle queue, strait_handle kernel, int64_t groups, int32_t size,
                      const strait_kernel_argument *arguments, int32_t count)
{
    const int64_t grid[3] = {groups, 1, 1};
    const int32_t group[3] = {size, 1, 1};
    return now.driver.kernel_launch(queue, kernel, grid, group, arguments, count);
}

static strait_kernel_argument buffer_at(strait_handle memory, int64_t offset)
{
    return (strait_kernel_argument){.kind = STRAIT_KERNEL_BUFFER,
                                    .access = STRAIT_ACCESS_READ_WRITE,
                                    .value = {.buffer = {.memory = memory, .offset = offset}}};
}

/* ---- */

static void it_says_what_it_is(void **state)
{
    (void)state;
    need_device();
    assert_string_equal(now.props.backend, "opencl");
    assert_true(now.props.name[0] != '\0' && now.props.driver_version[0] != '\0');
    assert_int_equal(now.props.dialect, STRAIT_DIALECT_OPENCL);
    assert_true(now.props.alignment >= 256 && now.props.alignment % 256 == 0);
    assert_true(now.props.max_alloc_bytes > 0 && now.props.max_alloc_bytes <= now.props.memory_bytes);
    assert_true(now.props.max_work_group >= 1 && now.props.compute_units >= 1);
    strait_handle none = 0;
    const strait_device_options options = {.struct_size = sizeof options};
    assert_int_equal(now.driver.open(99, &options, &none), STRAIT_CODE_NOT_FOUND);
}

/* A host that is older has room for less; the rest of its memory is its own. */
static void an_older_host_gets_what_it_has_room_for(void **state)
{
    (void)state;
    need_device();
    strait_device_props props;
    memset(&props, 0x5A, sizeof props);
    props.struct_size = offsetof(strait_device_props, memory_bytes);
    assert_int_equal(now.driver.props(now.device, &props), STRAIT_CODE_OK);
    assert_string_equal(props.backend, "opencl");
    assert_int_equal(props.memory_bytes, INT64_C(0x5A5A5A5A5A5A5A5A));
}

static void copies_move_exactly_their_bytes(void **state)
{
    (void)state;
    need_device();
    enum { BYTES = 4096 };
    unsigned char pattern[BYTES];
    unsigned char back[BYTES];
    for (int i = 0; i < BYTES; i++) pattern[i] = (unsigned char)(i * 7 + i / 256);
    strait_handle a = get_memory(BYTES);
    strait_handle b = get_memory(BYTES);
    static const struct {
        int64_t from, to, bytes;
    } cases[] = {{0, 0, 1}, {1, 3, 7}, {255, 257, 1023}, {13, 2048, 2048}, {0, 0, BYTES}, {BYTES - 1, 0, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_to(a, 0, pattern, BYTES);
        assert_int_equal(now.driver.fill(now.queue, (strait_driver_slice){b, 0}, 0xA5, BYTES), STRAIT_CODE_OK);
        assert_int_equal(now.driver.copy(now.queue, STRAIT_COPY_ON_DEVICE, (strait_driver_slice){b, cases[i].to}, NULL,
                                         (strait_driver_slice){a, cases[i].from}, cases[i].bytes),
                         STRAIT_CODE_OK);
        read_from(b, 0, back, BYTES);
        for (int64_t j = 0; j < BYTES; j++) {
            bool inside = j >= cases[i].to && j < cases[i].to + cases[i].bytes;
            assert_int_equal(back[j], inside ? pattern[j - cases[i].to + cases[i].from] : 0xA5);
        }
        read_from(a, cases[i].from, back, (size_t)cases[i].bytes);
        assert_memory_equal(back, pattern + cases[i].from, (size_t)cases[i].bytes);
    }
    now.driver.free(now.device, a);
    now.driver.free(now.device, b);
}

static void fills_stop_where_they_should(void **state)
{
    (void)state;
    need_device();
    unsigned char back[300];
    strait_handle memory = get_memory(sizeof back);
    assert_int_equal(now.driver.fill(now.queue, (strait_driver_slice){memory, 0}, 0, sizeof back), STRAIT_CODE_OK);
    assert_int_equal(now.driver.fill(now.queue, (strait_driver_slice){memory, 17}, 0xC3, 131), STRAIT_CODE_OK);
    read_from(memory, 0, back, sizeof back);
    for (int i = 0; i < 300; i++) assert_int_equal(back[i], i >= 17 && i < 17 + 131 ? 0xC3 : 0);
    now.driver.free(now.device, memory);
}

static const char arguments_text[] =
    "__kernel void every_kind(__global float *out_base, long out_at, __global const float *absent, long absent_at,\n"
    "                         int a, uint b, long c, float d)\n"
    "{\n"
    "    __global float *out = (__global float *)((__global char *)out_base + out_at);\n"
    "    int i = (int)get_global_id(0);\n"
    "    float base = absent ? 1000.0f : 0.0f;\n"
    "    out[i] = base + SCALE * (float)i + (float)a + (float)(b >> 31) + (c > 5000000000L ? 16.0f : 0.0f) + d;\n"
    "}\n";

static void every_kind_of_argument_arrives(void **state)
{
    (void)state;
    need_device();
    strait_handle program = 0;
    strait_handle kernel = get_kernel(arguments_text, "every_kind", &program);
    strait_handle memory = get_memory(4096);
    const strait_kernel_argument arguments[] = {
        buffer_at(memory, 512),
        buffer_at(0, 0),
        {.kind = STRAIT_KERNEL_I32, .value = {.i32 = -3}},
        {.kind = STRAIT_KERNEL_U32, .value = {.u32 = 0x80000000U}},
        {.kind = STRAIT_KERNEL_I64, .value = {.i64 = INT64_C(5000000001)}},
        {.kind = STRAIT_KERNEL_F32, .value = {.f32 = 0.5F}},
    };
    assert_int_equal(now.driver.fill(now.queue, (strait_driver_slice){memory, 0}, 0, 4096), STRAIT_CODE_OK);
    assert_int_equal(launch(now.queue, kernel, 4, 8, arguments, 6), STRAIT_CODE_OK);
    float back[1024];
    read_from(memory, 0, back, sizeof back);
    for (int i = 0; i < 1024; i++) {
        float want = i >= 128 && i < 160 ? 2.0F * (float)(i - 128) - 3.0F + 1.0F + 16.0F + 0.5F : 0.0F;
        assert_true(back[i] == want);
    }
    assert_int_equal(launch(now.queue, kernel, 4, 8, arguments, 5), STRAIT_CODE_USAGE);
    assert_non_null(strstr(strait_error_message(), "every_kind has 8 parameters and was given 7"));
    now.driver.free(now.device, memory);
    now.driver.program_free(program);
}

/* Tens of milliseconds of dependent additions on one work-item, then the number that says it is done. */
static const char slow_text[] =
    "__kernel void slow(__global uint *base, long at, int rounds)\n"
    "{\n"
    "    __global uint *word = (__global uint *)((__global char *)base + at);\n"
    "    uint x = word[0] | 1u;\n"
    "    for (int i = 0; i < rounds; i++) x = (x ^ (x >> 7)) * 2654435761u + 12345u;\n"
    "    word[1] = x;\n"
    "    word[0] = 77u;\n"
    "}\n"
    "__kernel void copy_word(__global const uint *base, long at, __global uint *to, long to_at)\n"
    "{\n"
    "    ((__global uint *)((__global char *)to + to_at))[0] =\n"
    "        ((__global const uint *)((__global const char *)base + at))[0];\n"
    "}\n";
enum { ROUNDS = 30000000 };

static void an_event_orders_two_queues(void **state)
{
    (void)state;
    need_device();
    strait_handle program = 0;
    strait_handle slow = get_kernel(slow_text, "slow", &program);
    strait_handle copy_word = 0;
    strait_handle other = 0;
    strait_handle begun = 0;
    strait_handle done = 0;
    assert_int_equal(now.driver.kernel_get(program, "copy_word", &copy_word), STRAIT_CODE_OK);
    assert_int_equal(now.driver.queue_create(now.device, &other), STRAIT_CODE_OK);
    assert_int_equal(now.driver.event_create(now.device, &begun), STRAIT_CODE_OK);
    assert_int_equal(now.driver.event_create(now.device, &done), STRAIT_CODE_OK);
    assert_int_equal(now.driver.event_wait(done, 0), STRAIT_CODE_OK); /* never recorded */
    strait_handle from = get_memory(256);
    strait_handle to = get_memory(256);
    const strait_kernel_argument work[] = {buffer_at(from, 0), {.kind = STRAIT_KERNEL_I32, .value = {.i32 = ROUNDS}}};
    const strait_kernel_argument copy[] = {buffer_at(from, 0), buffer_at(to, 0)};
    strait_handle queues[2] = {now.queue, other};
    for (int role = 0; role < 2; role++) {
        uint32_t zero[2] = {0, 0};
        uint32_t word = 0;
        write_to(from, 0, zero, sizeof zero);
        assert_int_equal(now.driver.event_record(queues[role], begun), STRAIT_CODE_OK);
        assert_int_equal(launch(queues[role], slow, 1, 1, work, 2), STRAIT_CODE_OK);
        assert_int_equal(now.driver.event_record(queues[role], done), STRAIT_CODE_OK);
        assert_int_equal(now.driver.event_wait(done, 0), STRAIT_CODE_TIMEOUT);
        assert_int_equal(now.driver.queue_wait_event(queues[1 - role], done), STRAIT_CODE_OK);
        assert_int_equal(launch(queues[1 - role], copy_word, 1, 1, copy, 2), STRAIT_CODE_OK);
        assert_int_equal(now.driver.queue_wait(queues[1 - role], 60000), STRAIT_CODE_OK);
        read_from(to, 0, &word, sizeof word);
        assert_int_equal(word, 77);
        double seconds = 0;
        assert_int_equal(now.driver.event_wait(done, -1), STRAIT_CODE_OK);
        assert_int_equal(now.driver.event_elapsed(begun, done, &seconds), STRAIT_CODE_OK);
        assert_true(seconds > 1e-3 && seconds < 60.0);
        assert_int_equal(now.driver.queue_wait(queues[role], -1), STRAIT_CODE_OK);
    }
    now.driver.free(now.device, from);
    now.driver.free(now.device, to);
    now.driver.event_destroy(begun);
    now.driver.event_destroy(done);
    now.driver.queue_destroy(other);
    now.driver.program_free(program);
}

static void waits_end_when_their_time_is_up(void **state)
{
    (void)state;
    need_device();
    strait_handle program = 0;
    strait_handle slow = get_kernel(slow_text, "slow", &program);
    strait_handle memory = get_memory(256);
    uint32_t zero[2] = {0, 0};
    write_to(memory, 0, zero, sizeof zero);
    const strait_kernel_argument work[] = {buffer_at(memory, 0), {.kind = STRAIT_KERNEL_I32, .value = {.i32 = ROUNDS}}};
    assert_int_equal(launch(now.queue, slow, 1, 1, work, 2), STRAIT_CODE_OK);
    assert_int_equal(now.driver.queue_wait(now.queue, 1), STRAIT_CODE_TIMEOUT);
    assert_non_null(strstr(strait_error_message(), "within 1 ms"));
    assert_int_equal(now.driver.queue_wait(now.queue, -1), STRAIT_CODE_OK);
    assert_int_equal(now.driver.queue_wait(now.queue, 0), STRAIT_CODE_OK);
    now.driver.free(now.device, memory);
    now.driver.program_free(program);
}

static void a_failed_build_shows_the_compilers_words(void **state)
{
    (void)state;
    need_device();
    strait_handle program = 0;
    assert_int_equal(
        build("/* one */\n/* two */\n__kernel void k(__global float *x) { x[0] = nonsense; }\n", "-DX=1", &program),
        STRAIT_CODE_DEVICE);
    assert_non_null(strstr(strait_error_message(), "some.k.c:3"));
    assert_non_null(strstr(strait_error_message(), "nonsense"));
    assert_non_null(strstr(strait_error_message(), "-DX=1"));
    assert_non_null(strstr(strait_error_message(), "CL_BUILD_PROGRAM_FAILURE"));
    assert_non_null(strstr(now.driver.last_error(now.device), "CL_BUILD_PROGRAM_FAILURE"));
    assert_int_equal(build("__kernel void k(__global float *x) { x[0] = 1; }\n", "", &program), STRAIT_CODE_OK);
    strait_handle kernel = 0;
    assert_int_equal(now.driver.kernel_get(program, "other", &kernel), STRAIT_CODE_NOT_FOUND);
    assert_non_null(strstr(strait_error_message(), "other"));
    now.driver.program_free(program);
}

static void a_work_group_too_large_is_an_error(void **state)
{
    (void)state;
    need_device();
    strait_handle program = 0;
    strait_handle kernel = get_kernel("__kernel void k(int a) { (void)a; }\n", "k", &program);
    const strait_kernel_argument argument = {.kind = STRAIT_KERNEL_I32};
    assert_int_equal(launch(now.queue, kernel, 1, now.props.max_work_group + 1, &argument, 1), STRAIT_CODE_DEVICE);
    assert_non_null(strstr(strait_error_message(), "CL_INVALID_WORK_GROUP_SIZE"));
    now.driver.program_free(program);
}

static void binaries_come_back_and_damage_is_seen(void **state)
{
    (void)state;
    need_device();
    strait_handle program = 0;
    strait_handle again = 0;
    int64_t length = 0;
    assert_int_equal(build(arguments_text, "", &program), STRAIT_CODE_OK);
    assert_int_equal(now.driver.program_binary(program, NULL, &length), STRAIT_CODE_OK);
    assert_true(length > 0);
    unsigned char *bytes = malloc((size_t)length);
    assert_non_null(bytes);
    int64_t room = length - 1;
    assert_int_equal(now.driver.program_binary(program, bytes, &room), STRAIT_CODE_USAGE);
    room = length;
    assert_int_equal(now.driver.program_binary(program, bytes, &room), STRAIT_CODE_OK);
    now.driver.program_free(program);
    strait_handle kernel = 0;
    assert_int_equal(now.driver.program_load(now.device, bytes, length, &again), STRAIT_CODE_OK);
    assert_int_equal(now.driver.kernel_get(again, "every_kind", &kernel), STRAIT_CODE_OK);
    now.driver.program_free(again);
    /* Ours begins with what built it: another plug-in's options would be other code. */
    bytes[0] ^= 1;
    assert_int_equal(now.driver.program_load(now.device, bytes, length, &again), STRAIT_CODE_FORMAT);
    bytes[0] ^= 1;
    assert_int_equal(now.driver.program_load(now.device, bytes, 4, &again), STRAIT_CODE_FORMAT);
    free(bytes);
}

static void out_of_memory_names_the_tag(void **state)
{
    (void)state;
    need_device();
    strait_device *device = NULL;
    assert_int_equal(setenv("STRAIT_OPENCL_MEMORY", "64M", 1), 0);
    assert_int_equal(strait_device_open("opencl:0", NULL, &device), STRAIT_ERR_USAGE);
    assert_non_null(strstr(strait_error_message(), "STRAIT_OPENCL_MEMORY is \"64M\""));
    assert_int_equal(setenv("STRAIT_OPENCL_MEMORY", "64", 1), 0);
    assert_int_equal(strait_device_open("opencl:0", NULL, &device), STRAIT_OK);
    assert_int_equal(unsetenv("STRAIT_OPENCL_MEMORY"), 0);
    strait_memory *weights = NULL;
    strait_memory *more = NULL;
    int64_t bytes = INT64_C(40) << 20;
    assert_int_equal(strait_memory_create(device, STRAIT_TAG_WEIGHTS, bytes, &weights), STRAIT_OK);
    assert_int_equal(strait_memory_create(device, STRAIT_TAG_OPTIMIZER, bytes, &more), STRAIT_ERR_NO_MEMORY);
    assert_non_null(strstr(strait_error_message(), "optimizer"));
    assert_non_null(strstr(strait_error_message(), "41943040 bytes"));
    assert_non_null(strstr(strait_error_message(), "25165824 of 67108864 free"));
    assert_null(more);
    strait_memory_destroy(weights);
    assert_int_equal(strait_memory_create(device, STRAIT_TAG_OPTIMIZER, bytes, &more), STRAIT_OK);
    strait_memory_destroy(more);
    strait_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_what_it_is),
        cmocka_unit_test(an_older_host_gets_what_it_has_room_for),
        cmocka_unit_test(copies_move_exactly_their_bytes),
        cmocka_unit_test(fills_stop_where_they_should),
        cmocka_unit_test(every_kind_of_argument_arrives),
        cmocka_unit_test(an_event_orders_two_queues),
        cmocka_unit_test(waits_end_when_their_time_is_up),
        cmocka_unit_test(a_failed_build_shows_the_compilers_words),
        cmocka_unit_test(a_work_group_too_large_is_an_error),
        cmocka_unit_test(binaries_come_back_and_damage_is_seen),
        cmocka_unit_test(out_of_memory_names_the_tag),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
